//! Counts what was left out, and says so at most once a minute.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long there is no second word about what was left out.
pub(super) const SAID: Duration = Duration::from_secs(60);

/// Counts what is left out until that has been said.
#[derive(Debug)]
pub(super) struct LeftOut(Mutex<Unsaid>);

#[derive(Debug)]
struct Unsaid {
    count: u64,
    /// When that was last said, or counting began.
    said: Instant,
}

impl LeftOut {
    /// A count of nothing, from `now` on.
    pub(super) fn new(now: Instant) -> Self {
        Self(Mutex::new(Unsaid { count: 0, said: now }))
    }

    /// Notes that so many more were left out.
    pub(super) fn note(&self, count: u64) {
        self.lock().count += count;
    }

    /// How many were left out since that was last said; `None` if there were none, or it is not yet time to say so.
    pub(super) fn due(&self, now: Instant) -> Option<u64> {
        let mut unsaid = self.lock();
        if unsaid.count == 0 || now.duration_since(unsaid.said) < SAID {
            return None;
        }
        unsaid.said = now;
        Some(std::mem::take(&mut unsaid.count))
    }

    /// How many were left out and have not been said yet, at the end.
    pub(super) fn rest(&self) -> Option<u64> {
        let count = std::mem::take(&mut self.lock().count);
        (count > 0).then_some(count)
    }

    fn lock(&self) -> MutexGuard<'_, Unsaid> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
