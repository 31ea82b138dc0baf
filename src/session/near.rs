//! What this node knows of records in the store, by their keys, so that the store is asked once about each.
//!
//! Sessions, bindings and client addresses are read this way. The order of the steps keeps them right, because no lock
//! is held while the store is asked, nor around the two maps and the counters:
//!
//! Between a reading of the store and the note of what it said, somebody else may change the same record, here or on
//! another node. Whoever does so moves the key's counter ([`Corrections`]), and only then forgets or replaces what is
//! noted. A reader takes a mark of the counter before it asks the store, and compares after it has noted. Whatever the
//! order of the two, an old record does not stay: if the counter moves before the reader compares, the reader takes its
//! own note back and reads again; if it moves after that, the note is there already, and whoever moved the counter
//! finds it. A comparison before the note alone would not do: a change between the two would find nothing to forget,
//! and the old record would be noted after it. A reader takes back its own note alone, because what others have noted is
//! theirs to compare.
//!
//! Nothing more than acquire and release is needed for that, although each of the two writes one thing and then looks at
//! another: both go through the same entry of the table. Either the forgetting comes after the note in the order of that
//! entry, and finds it; or it comes before, and then the note comes after the move of the counter, too, and so does the
//! comparison.
//!
//! Whoever changes a record on this node does it in this order: the store is asked to swap it, the counter moves, the new
//! record is noted. A reader that has read the old record took its mark before the counter moved, so it takes its note
//! back, even if it notes after the change; and the changer compares, too, with the mark after its own move, because
//! somebody else may have changed the record once more.
//!
//! That the store has nothing is noted beside, for a short time, and asked for only after what is known: a note of
//! nothing that comes late hides no record that is known. A table bounds itself. What it lets go is read again, which
//! says nothing about the record; so no correction belongs to that, and a reader that finds nothing in the table after
//! its own note goes by what it has read.

mod corrections;

use std::fmt;
use std::hash::Hash;
use std::time::Duration;

use moka::sync::Cache;

use corrections::Corrections;

use crate::net::LateCache;
pub(super) use corrections::Mark;

/// How often something is read that changes each time. After that, the reader gets no answer.
const ATTEMPTS: usize = 4;

/// Keys of which it is remembered that the store has nothing.
const MAX_ABSENT: u64 = 100_000;

/// Where records that are known are kept.
pub(super) trait Table<K> {
    /// What the store says of a key.
    type Record;
    /// What whoever asks is given.
    type Held;

    /// Takes in what the store has. `None` if it may not be used any more.
    fn note(&self, key: K, record: Self::Record) -> Option<Self::Held>;

    /// Forgets what is known of a key: it may be out of date.
    fn forget(&self, key: K);

    /// Forgets everything.
    fn forget_all(&self);
}

/// Records that are known, and keys of which the store has none.
pub(super) struct Near<K, T> {
    known: T,
    absent: LateCache<K, ()>,
    corrections: Corrections,
}

impl<K: Copy + Eq + Hash + Send + Sync + 'static, T: Table<K>> Near<K, T> {
    /// Nothing is known yet. That the store has nothing is remembered for `absent_for`.
    pub(super) fn new(known: T, absent_for: Duration) -> Self {
        let absent = LateCache::new(move || Cache::builder().max_capacity(MAX_ABSENT).time_to_live(absent_for).build());
        Self { known, absent, corrections: Corrections::default() }
    }

    /// What is known.
    pub(super) fn known(&self) -> &T {
        &self.known
    }

    /// Whether the store had nothing under `key` a short time ago.
    pub(super) fn is_absent(&self, key: K) -> bool {
        self.absent.contains_key(&key)
    }

    /// Notes for a short time that the store has nothing under `key`, or nothing more than this node knows. That it is said
    /// again does not make the time longer: whoever is asked for without a pause would never be looked up again.
    pub(super) fn set_absent(&self, key: K) {
        if !self.is_absent(key) {
            self.absent.insert(key, ());
        }
    }

    /// What `find` finds among what is known, or else what the store has, which `ask` asks. `None` if it has nothing, or
    /// if that changes faster than it can be read. If the store does not answer, nothing is noted.
    pub(super) async fn read<E, F>(
        &self,
        key: K,
        find: impl Fn(&T) -> Option<T::Held>,
        ask: impl Fn() -> F,
    ) -> Result<Option<T::Held>, E>
    where
        F: Future<Output = Result<Option<T::Record>, E>>,
    {
        for _ in 0..ATTEMPTS {
            if let Some(held) = find(&self.known) {
                return Ok(Some(held));
            }
            if self.is_absent(key) {
                return Ok(None);
            }
            let mark = self.mark(key);
            let found = ask().await?;
            // Asked before the note as well: not for its sake, but so that what is known to be old is seldom noted.
            if self.corrections.overtook(key, mark) {
                continue;
            }
            let Some(record) = found else {
                self.set_absent(key);
                if !self.corrections.overtook(key, mark) {
                    return Ok(None);
                }
                self.absent.invalidate(&key);
                continue;
            };
            let held = self.known.note(key, record);
            if self.stands(key, mark) {
                return Ok(held);
            }
        }
        Ok(None)
    }

    /// What to give to [`note`](Self::note) or [`change`](Self::change). It must be taken before the store is asked
    /// about `key`.
    pub(super) fn mark(&self, key: K) -> Mark {
        self.corrections.mark(key)
    }

    /// Notes what the store has under `key`, unless a correction has come since `mark`.
    pub(super) fn note(&self, key: K, record: T::Record, mark: Mark) {
        self.known.note(key, record);
        self.absent.invalidate(&key);
        self.stands(key, mark);
    }

    /// Notes what this node has just put under `key`, unless somebody else has changed that again since `mark`. Whoever is
    /// reading the store has read what is out of date, and reads again.
    pub(super) fn change(&self, key: K, record: T::Record, mark: Mark) {
        self.corrections.correct(key);
        self.note(key, record, mark.corrected());
    }

    /// Says that what the store has under `key` has changed, and leaves what is known to the caller.
    pub(super) fn correct(&self, key: K) {
        self.corrections.correct(key);
    }

    /// Forgets what is known under `key`: another node has changed it in the store.
    pub(super) fn forget(&self, key: K) {
        self.corrections.correct(key);
        self.known.forget(key);
        self.absent.invalidate(&key);
    }

    /// Forgets everything: any of it may have been changed in the store.
    pub(super) fn forget_all(&self) {
        self.corrections.correct_all();
        self.known.forget_all();
        self.absent.invalidate_all();
    }

    /// Whether what was noted under `key` still holds: no correction has come since `mark`. If one has, it is forgotten.
    fn stands(&self, key: K, mark: Mark) -> bool {
        let overtaken = self.corrections.overtook(key, mark);
        if overtaken {
            self.known.forget(key);
        }
        !overtaken
    }
}

impl<K, T: fmt::Debug> fmt::Debug for Near<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Near").field("known", &self.known).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
