//! Tells a reader of the store whether what it has read was changed while the answer was on its way.
//!
//! Changes under other keys do not matter.

use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// Counters that all keys share. A change of one key makes readers of the others with the same counter read again in
/// vain: with so many counters, a thousand changes a second, and a store that takes 10 ms, that is one reading in four
/// hundred.
const COUNTERS: usize = 4096;

/// Counts how often what is kept under each key has been changed.
#[derive(Debug)]
pub(super) struct Corrections {
    counters: Box<[AtomicU64]>,
    everything: AtomicU64,
    /// Seeded at random, so that nobody can choose an address that shares a counter with another.
    hasher: RandomState,
}

/// The counters as they were before a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::session) struct Mark([u64; 2]);

impl Mark {
    /// The mark after one more change, which is the caller's own.
    pub(super) fn corrected(self) -> Self {
        let Self([own, everything]) = self;
        Self([own.wrapping_add(1), everything])
    }
}

impl Default for Corrections {
    fn default() -> Self {
        let counters = (0..COUNTERS).map(|_| AtomicU64::new(0)).collect();
        Self { counters, everything: AtomicU64::new(0), hasher: RandomState::new() }
    }
}

impl Corrections {
    /// The mark to take before what is kept under `key` is read.
    pub(super) fn mark(&self, key: impl Hash) -> Mark {
        let own = self.counter(key).map_or(0, |counter| counter.load(Ordering::Acquire));
        Mark([own, self.everything.load(Ordering::Acquire)])
    }

    /// Whether what was read after `mark` may have changed since. Must be asked after the caller has noted what it
    /// read: then a change either moves the counter before we look, or comes later and finds the note, and forgets it.
    /// If it were asked before, a change between the question and the note would be lost.
    pub(super) fn overtook(&self, key: impl Hash, mark: Mark) -> bool {
        self.mark(key) != mark
    }

    /// Says that what is kept under `key` is about to change, or has just changed.
    pub(super) fn correct(&self, key: impl Hash) {
        if let Some(counter) = self.counter(key) {
            counter.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// Says that anything may have changed.
    pub(super) fn correct_all(&self) {
        self.everything.fetch_add(1, Ordering::AcqRel);
    }

    fn counter(&self, key: impl Hash) -> Option<&AtomicU64> {
        let hash = self.hasher.hash_one(key).to_le_bytes();
        let place = hash.first_chunk().map_or(0, |bytes| usize::from(u16::from_le_bytes(*bytes)));
        self.counters.get(place % COUNTERS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_correction_overtakes_readings_of_its_own_key_and_hardly_any_other() {
        let corrections = Corrections::default();
        let marks: Vec<_> = (0..10_000).map(|key| corrections.mark(key)).collect();
        corrections.correct(77);
        let overtaken = (0..10_000).filter(|key| corrections.overtook(key, marks[*key as usize])).count();
        assert!(corrections.overtook(77, marks[77]) && overtaken < 20, "{overtaken}");
        let mark = corrections.mark(79);
        corrections.correct(79);
        assert!(corrections.overtook(79, mark) && !corrections.overtook(79, mark.corrected()));
        let mark = corrections.mark(78);
        corrections.correct_all();
        assert!(corrections.overtook(78, mark));
    }
}
