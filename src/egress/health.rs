//! Whether to use a parent: one that fails is not tried for a while, which gets longer each time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The first wait; it doubles with each failure after it.
const FIRST: Duration = Duration::from_secs(1);

/// The longest wait.
const LONGEST: Duration = Duration::from_secs(60);

/// What is known about whether a parent works. It outlives the configuration that named the parent, if the next one names
/// the same one.
#[derive(Debug, Default)]
pub(super) struct Health {
    state: Mutex<State>,
    /// Whether a route has led to it yet. A parent that is not used is not probed.
    is_used: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    /// It is not tried before then.
    until: Option<Instant>,
}

impl Health {
    /// Whether it may be tried now.
    pub(super) fn is_up(&self) -> bool {
        self.lock().until.is_none_or(|until| Instant::now() >= until)
    }

    /// Notes that it works. True if it failed before.
    pub(super) fn works(&self) -> bool {
        std::mem::take(&mut *self.lock()).failures > 0
    }

    /// Notes that it has failed. True if it worked before.
    pub(super) fn fails(&self) -> bool {
        let mut state = self.lock();
        let wait = FIRST.saturating_mul(1 << state.failures.min(10)).min(LONGEST);
        // Requests that fail while it is not tried any more began before that, and count as the same failure.
        if state.until.is_none_or(|until| Instant::now() >= until) {
            state.failures += 1;
            state.until = Some(Instant::now() + wait);
            return state.failures == 1;
        }
        false
    }

    /// Notes that a route has led to it.
    pub(super) fn use_it(&self) {
        self.is_used.store(true, Ordering::Relaxed);
    }

    /// Whether a route has led to it yet.
    pub(super) fn is_used(&self) -> bool {
        self.is_used.load(Ordering::Relaxed)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    #[tokio::test(start_paused = true)]
    async fn a_parent_that_fails_is_left_alone_longer_each_time() {
        let health = Health::default();
        assert!(health.is_up());
        for (seconds, first) in
            [(1, true), (2, false), (4, false), (8, false), (16, false), (32, false), (60, false), (60, false)]
        {
            assert_eq!(health.fails(), first);
            assert!(!health.fails(), "requests that fail together are one failure");
            advance(Duration::from_secs(seconds) - Duration::from_millis(1)).await;
            assert!(!health.is_up(), "before {seconds} s");
            advance(Duration::from_millis(1)).await;
            assert!(health.is_up(), "after {seconds} s");
        }
        assert!(health.works(), "it works again");
        assert!(!health.works());
        assert!(health.fails(), "and is forgiven");
    }
}
