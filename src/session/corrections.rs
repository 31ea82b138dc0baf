//! Whether what the store was found to say has been overtaken while the answer was on its way.
//!
//! A cache in front of the store reads, and then notes what it has read. Whoever changes something meanwhile, here or on
//! another node, says so first; the reader looks again then. What changes under other keys is no reason to.

use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// Keys that share a counter are read again for nothing: with so many, at a thousand changes a second and a store that
/// takes 10 ms, one reading in four hundred is.
const COUNTERS: usize = 4096;

/// Readings of something that changes each time. Whoever asks goes without an answer then.
pub(super) const ATTEMPTS: usize = 4;

/// How often what is kept under each key has been corrected.
#[derive(Debug)]
pub(super) struct Corrections {
    counters: Box<[AtomicU64]>,
    everything: AtomicU64,
    /// So that nobody can choose an address that shares a counter with another.
    hasher: RandomState,
}

/// How far corrections had come before a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark([u64; 2]);

impl Mark {
    /// The same, with one correction more: the reader's own.
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
    /// To be taken before what is kept under `key` is read.
    pub(super) fn mark(&self, key: impl Hash) -> Mark {
        let own = self.counter(key).map_or(0, |counter| counter.load(Ordering::Acquire));
        Mark([own, self.everything.load(Ordering::Acquire)])
    }

    /// Whether what was read after `mark` may be no longer so. To be asked after it was noted: who corrects it later finds
    /// the note, and forgets it.
    pub(super) fn overtook(&self, key: impl Hash, mark: Mark) -> bool {
        self.mark(key) != mark
    }

    /// What is kept under `key` is about to be something else.
    pub(super) fn correct(&self, key: impl Hash) {
        if let Some(counter) = self.counter(key) {
            counter.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// Anything may be something else.
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
