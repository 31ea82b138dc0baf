//! A token bucket in one atomic number, so that any number of threads can take from it without a lock.
//!
//! The number is the time at which the bucket will be full again (the *theoretical arrival time* of the generic cell rate
//! algorithm, ITU-T I.371). What is taken puts that time off by what it costs; the bucket is empty when it is as far away as
//! the bucket is deep. Costs and depths are times, in nanoseconds, and are given with each call, so that other rates hold at
//! once.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A bucket. It begins full.
#[derive(Debug, Default)]
pub struct Bucket {
    /// In nanoseconds since whatever moment its user counts from.
    full_at: AtomicU64,
}

impl Bucket {
    /// Takes `cost`, if there is as much in a bucket of this `depth`; else says how long that will take.
    pub fn take(&self, now: u64, cost: u64, depth: u64) -> Result<(), Duration> {
        let depth = depth.max(cost);
        let put_off = |full_at: u64| {
            let full_at = full_at.max(now).saturating_add(cost);
            (full_at - now <= depth).then_some(full_at)
        };
        match self.full_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, put_off) {
            Ok(_) => Ok(()),
            Err(full_at) => {
                let full_at = full_at.max(now).saturating_add(cost);
                Err(Duration::from_nanos((full_at - now).saturating_sub(depth)))
            }
        }
    }

    /// Takes `cost` in any case, and says how long to wait until it may be used. Whoever comes later waits longer, so that
    /// nobody starves.
    pub fn reserve(&self, now: u64, cost: u64, depth: u64) -> Duration {
        let put_off = |full_at: u64| Some(full_at.max(now).saturating_add(cost));
        let before = self.full_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, put_off);
        let full_at = before.unwrap_or_else(|before| before).max(now).saturating_add(cost);
        Duration::from_nanos((full_at - now).saturating_sub(depth))
    }

    /// Gives back what was taken and not used.
    pub fn give_back(&self, cost: u64) {
        let put_forward = |full_at: u64| Some(full_at.saturating_sub(cost));
        self.full_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, put_forward).ok();
    }

    /// Whether it is full, so that a new one would do as well.
    pub fn is_full(&self, now: u64) -> bool {
        self.full_at.load(Ordering::Relaxed) <= now
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU32;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn as_much_as_it_is_deep_may_be_taken_at_once_and_then_as_fast_as_it_fills() {
        let bucket = Bucket::default();
        let (cost, depth) = (SECOND / 10, SECOND / 2);
        let taken = (0..20).filter(|_| bucket.take(0, cost, depth).is_ok()).count();
        assert_eq!(taken, 5);
        assert_eq!(bucket.take(0, cost, depth), Err(Duration::from_millis(100)));
        assert_eq!(bucket.take(SECOND / 20, cost, depth), Err(Duration::from_millis(50)));
        assert_eq!(bucket.take(SECOND / 10, cost, depth), Ok(()));
        assert!(!bucket.is_full(SECOND / 10) && bucket.is_full(SECOND));
        // Time that nobody used is worth no more than its depth.
        let taken = (0..20).filter(|_| bucket.take(100 * SECOND, cost, depth).is_ok()).count();
        assert_eq!(taken, 5);
        bucket.give_back(cost);
        assert_eq!(bucket.take(100 * SECOND, cost, depth), Ok(()));
    }

    #[test]
    fn what_costs_more_than_it_holds_can_be_taken_from_a_full_one() {
        let bucket = Bucket::default();
        assert_eq!(bucket.take(0, 10 * SECOND, SECOND), Ok(()));
        assert_eq!(bucket.take(0, SECOND, SECOND), Err(Duration::from_secs(10)));
    }

    #[test]
    fn those_who_reserve_have_their_turn_one_after_the_other() {
        let bucket = Bucket::default();
        let waits: Vec<_> = (0..4).map(|_| bucket.reserve(0, SECOND, SECOND).as_secs()).collect();
        assert_eq!(waits, [0, 1, 2, 3]);
        assert_eq!(bucket.reserve(2 * SECOND, SECOND, SECOND), Duration::from_secs(2));
    }

    #[test]
    fn many_threads_take_no_more_than_there_is() {
        let (bucket, taken, now) = (Bucket::default(), AtomicU32::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..20_000 {
                        // The clock goes on meanwhile: in all, 160,000 µs.
                        let now = now.fetch_add(1_000, Ordering::Relaxed);
                        if bucket.take(now, SECOND / 1_000, SECOND / 10).is_ok() {
                            taken.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        // What it held, and what has come in since; threads may see the clock a little late, and get no more by that.
        let taken = taken.into_inner();
        assert!((200..=261).contains(&taken), "{taken}");
    }
}
