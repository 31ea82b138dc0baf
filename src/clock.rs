//! The only reader of the clock.
//!
//! Code that depends on the time takes a [`Timestamp`], or holds a [`Clock`] and asks it. Tests hold a clock that
//! stands still until they move it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use rustix::time::{ClockId, clock_gettime};

pub use jiff::{SignedDuration, Timestamp};

/// `time` as an HTTP-date (RFC 9110 §5.6.7).
pub fn http_date(time: Timestamp) -> String {
    jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&time).unwrap_or_default()
}

/// Tells the time of day, in UTC.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    /// Milliseconds since the epoch, for a clock that is moved by hand. `None` for the system's clock.
    by_hand: Option<Arc<AtomicI64>>,
}

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self::default()
    }

    /// A clock that stands at `start` until [`advance`](Self::advance) moves it. All clones move together.
    pub fn by_hand(start: Timestamp) -> Self {
        Self { by_hand: Some(Arc::new(AtomicI64::new(start.as_millisecond()))) }
    }

    /// The time now. The system's clock is read as it stood at the kernel's last tick, which is a few milliseconds ago
    /// (clock_gettime(2), `CLOCK_REALTIME_COARSE`): each request asks several times, and to be exact costs five times as much.
    pub fn now(&self) -> Timestamp {
        match &self.by_hand {
            None => {
                let now = clock_gettime(ClockId::RealtimeCoarse);
                let nanos = i32::try_from(now.tv_nsec).unwrap_or_default();
                Timestamp::new(now.tv_sec, nanos).unwrap_or(Timestamp::MAX)
            }
            Some(millis) => Timestamp::from_millisecond(millis.load(Ordering::Acquire)).unwrap_or(Timestamp::MAX),
        }
    }

    /// Moves a clock made by [`by_hand`](Self::by_hand) forward. Does nothing to the system's clock.
    pub fn advance(&self, by: SignedDuration) {
        if let Some(millis) = &self.by_hand {
            let step = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
            millis.fetch_add(step, Ordering::AcqRel);
        }
    }
}

/// `time + span`, or the latest possible time if that overflows.
pub fn after(time: Timestamp, span: SignedDuration) -> Timestamp {
    time.checked_add(span).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_written_as_http_writes_it() {
        assert_eq!(http_date(Timestamp::from_second(784_111_777).unwrap()), "Sun, 06 Nov 1994 08:49:37 GMT");
    }

    #[test]
    fn the_systems_clock_is_close_behind_and_never_goes_back() {
        let clock = Clock::system();
        let exact = || {
            #[expect(clippy::disallowed_methods, reason = "what it is held against")]
            Timestamp::now()
        };
        let mut last = clock.now();
        for _ in 0..50 {
            let (before, now, after) = (exact(), clock.now(), exact());
            assert!(last <= now && now <= after, "{last} {now} {after}");
            // A tick is at most a hundredth of a second, but a machine whose processors others use, too, can miss some.
            assert!(before.duration_since(now) <= SignedDuration::from_secs(1), "{before} {now}");
            last = now;
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }

    #[test]
    fn a_clock_by_hand_moves_only_when_told() {
        let clock = Clock::by_hand(Timestamp::UNIX_EPOCH);
        let other = clock.clone();
        assert_eq!(clock.now(), Timestamp::UNIX_EPOCH);
        clock.advance(SignedDuration::from_secs(90));
        assert_eq!(other.now().as_second(), 90);
    }

    #[test]
    fn adding_past_the_end_of_time_stays_there() {
        assert_eq!(after(Timestamp::MAX, SignedDuration::from_secs(1)), Timestamp::MAX);
    }
}
