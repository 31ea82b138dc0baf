//! What has been ended and must stay ended: this node keeps it, through a crash, until the store has it.
//!
//! A person who was told that a session is over must not be signed in again because the store was away, or its disk
//! full, at that moment, and the program stopped before that had passed. So an end that the store has not taken is
//! written to this node's own journal before anybody is told. A node that starts reads its journal before it serves,
//! and tells the store as soon as the store answers.
//!
//! A store that nodes share can lose what it has confirmed: a replica that takes over lacks the last of it, a server
//! that is started again what it had not saved. So this node keeps the ends that it has told a shared store until their
//! sessions would have expired anyway, and tells them again after the store has been away.

mod journal;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::limit::Limiter;
use super::store::attested::Attestor;
use super::store::{Key, Kind};
use super::{Session, person};
use crate::clock::{Clock, Timestamp};
pub use journal::FILE;
use journal::Journal;

/// Ends that are remembered at the same time. Of those that the store has, the one that expires first makes room.
const MAX: usize = 100_000;

/// How many of these may be of sessions that nobody could look up when they were ended: somebody may have invented
/// their identifiers.
const MAX_UNSEEN: usize = 2000;

/// How many of those one client may ask for in an hour. Ends of sessions that are in memory do not count.
const MAX_UNSEEN_OF_CLIENT: u32 = 200;

/// How far the end of a session holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Held {
    /// The store has it: it holds on every node that can reach the store, and after a restart.
    Everywhere,
    /// It holds on this node, also after a restart. Other nodes follow when the store is back.
    Here,
    /// Neither the store nor this node's journal has taken it: it holds on this node until the program stops.
    Fleeting,
}

impl Held {
    /// The word that records show.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Everywhere => "held",
            Self::Here => "held-here",
            Self::Fleeting => "not-held",
        }
    }
}

/// What has been ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    /// The session of this identifier.
    Session(Key),
    /// All sessions of this person that had begun by [`End::at`].
    Person(Key),
    /// The record, by its kind's letter and its key, of what a proxy name or a certificate stood for.
    Record(u8, Key),
}

/// An end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) what: What,
    /// Whose it was; all zeros if nobody could say.
    pub(super) person: Key,
    pub(super) at: Timestamp,
    /// From when on it need not be remembered: the session would have expired by then.
    pub(super) expires: Timestamp,
    /// Whether the store has it.
    pub(super) is_told: bool,
}

#[derive(Debug, Default)]
struct Entry {
    end: Option<End>,
    /// Its place in the journal.
    slot: Option<u32>,
    is_written: bool,
}

/// The ends that this node answers for.
#[derive(Debug)]
pub struct Ends {
    entries: Mutex<BTreeMap<What, Entry>>,
    /// How many entries there are, for the common case of none: a reader then takes no lock. It is written under the
    /// lock.
    count: AtomicUsize,
    journal: Option<Journal>,
    unseen: Limiter,
    clock: Clock,
}

impl Ends {
    /// Ends that are kept in memory alone.
    pub fn fleeting(clock: Clock) -> Self {
        Self { entries: Mutex::default(), count: AtomicUsize::new(0), journal: None, unseen: unseen(), clock }
    }

    /// Ends with a journal in `folder`, whose entries are read first. That a disk does not take the journal is no error
    /// here: each end that is not written says so ([`Held::Fleeting`]).
    pub fn open(folder: &Path, attestor: Arc<Attestor>, clock: Clock) -> Self {
        let now = clock.now();
        let (journal, found) = Journal::open(folder.join(FILE), attestor);
        let entries: BTreeMap<_, _> = found
            .into_iter()
            .filter(|(_, end)| end.expires > now)
            .map(|(slot, end)| (end.what, Entry { end: Some(end), slot: Some(slot), is_written: true }))
            .collect();
        journal.occupy(entries.values().filter_map(|entry| entry.slot));
        let untold = entries.values().filter(|entry| entry.end.is_some_and(|end| !end.is_told)).count();
        if untold > 0 {
            tracing::info!(
                untold,
                "the store does not know of some sessions that ended before the restart: they stay ended here, and the store is told as soon as it answers"
            );
        }
        let count = AtomicUsize::new(entries.len());
        Self { entries: Mutex::new(entries), count, journal: Some(journal), unseen: unseen(), clock }
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<What, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes an end, which holds on this node from now on. False, and nothing is noted, if there is no room.
    pub(super) fn note(&self, end: End) -> bool {
        let mut entries = self.entries();
        // Only those that the store has not been told of count: otherwise whoever invents identifiers could keep other
        // sessions from being ended.
        let is_unseen =
            |end: &End| matches!(end.what, What::Session(_)) && end.person == Key::default() && !end.is_told;
        let is_full = entries.len() >= MAX && !self.make_room(&mut entries);
        let of_unseen = || entries.values().filter_map(|entry| entry.end.as_ref()).filter(|end| is_unseen(end)).count();
        if is_full || is_unseen(&end) && of_unseen() >= MAX_UNSEEN {
            return false;
        }
        let entry = entries.entry(end.what).or_default();
        // A second end of the same person takes the place of the first: it also ends what has begun since then.
        if entry.end.is_none_or(|held| held.is_told || matches!(end.what, What::Person(_))) {
            entry.end = Some(end);
            entry.is_written = false;
        }
        self.count.store(entries.len(), Ordering::Release);
        true
    }

    /// Whether `client` may have one more session ended that nobody can look up; counts it. An IPv6 network is one
    /// client.
    pub(super) fn admit_unseen(&self, client: IpAddr) -> bool {
        self.unseen.admit_here(client)
    }

    /// Waits until the disk has the end that was noted for `what`. False if there is none, or the disk does not take
    /// it.
    pub(super) async fn written(&self, what: What) -> bool {
        let Some(journal) = &self.journal else { return false };
        // The entry may change while the disk writes: another end of the same person takes its place, or the store is
        // told, and the entry goes. So the lock is let go before we wait, and what was written counts only if the entry
        // is still the one that we wrote.
        let write = {
            let mut entries = self.entries();
            let Some(entry) = entries.get_mut(&what) else { return false };
            let Some(end) = entry.end else { return false };
            if entry.is_written {
                return true;
            }
            let slot = entry.slot.or_else(|| journal.free_slot());
            entry.slot = slot;
            let Some(slot) = slot else { return false };
            (journal.write(slot, &end), end)
        };
        let is_written = write.0.await;
        if let Some(entry) = self.entries().get_mut(&what)
            && entry.end == Some(write.1)
        {
            entry.is_written = is_written;
        }
        is_written
    }

    /// Notes that the store has taken an end. It is remembered all the same if the store could lose it again.
    pub(super) fn told(&self, what: What, can_be_lost: bool) {
        let mut entries = self.entries();
        let Some(entry) = entries.get_mut(&what) else { return };
        if can_be_lost {
            if let Some(end) = entry.end.as_mut()
                && !end.is_told
            {
                end.is_told = true;
                if let (Some(journal), Some(slot)) = (&self.journal, entry.slot) {
                    // Nobody waits for this to be written: if it is lost, the store is told of the end once more, which
                    // does no harm.
                    journal.note(slot, end);
                }
            }
            return;
        }
        self.drop_entry(&mut entries, what);
    }

    fn drop_entry(&self, entries: &mut BTreeMap<What, Entry>, what: What) {
        let entry = entries.remove(&what);
        if let (Some(journal), Some(slot)) = (&self.journal, entry.and_then(|entry| entry.slot)) {
            journal.clear(slot);
        }
        self.count.store(entries.len(), Ordering::Release);
    }

    /// Forgets one end that the store has: the one that expires first. False if the store has none of them.
    fn make_room(&self, entries: &mut BTreeMap<What, Entry>) -> bool {
        let told = entries.values().filter_map(|entry| entry.end).filter(|end| end.is_told);
        let Some(first) = told.min_by_key(|end| end.expires) else { return false };
        self.drop_entry(entries, first.what);
        true
    }

    /// Whether a session has been ended, although the store gives it out or another node has put it back.
    pub(super) fn cover(&self, session: &Session) -> bool {
        if self.count.load(Ordering::Acquire) == 0 {
            return false;
        }
        let entries = self.entries();
        let person = entries.get(&What::Person(person(&session.user))).and_then(|entry| entry.end);
        entries.contains_key(&What::Session(session.id.0)) || person.is_some_and(|end| session.started <= end.at)
    }

    /// Whether the record under this kind and key has been revoked.
    pub(super) fn cover_record(&self, kind: Kind, key: Key) -> bool {
        self.count.load(Ordering::Acquire) > 0 && self.entries().contains_key(&What::Record(kind.letter(), key))
    }

    /// The ends that the store has not taken, or with `all` every one.
    pub(super) fn list(&self, all: bool) -> Vec<End> {
        if self.count.load(Ordering::Acquire) == 0 {
            return Vec::new();
        }
        self.entries().values().filter_map(|entry| entry.end).filter(|end| all || !end.is_told).collect()
    }

    /// Forgets ends that have expired, and tries again to write those that the disk did not take. Must be called every
    /// few seconds.
    pub(super) async fn upkeep(&self) {
        if self.count.load(Ordering::Acquire) == 0 {
            return;
        }
        let now = self.clock.now();
        let unwritten: Vec<What> = {
            let mut entries = self.entries();
            let over = |entry: &Entry| entry.end.is_none_or(|end| end.expires <= now);
            let over: Vec<What> = entries.iter().filter(|(_, entry)| over(entry)).map(|(what, _)| *what).collect();
            for what in over {
                self.drop_entry(&mut entries, what);
            }
            let untold = |entry: &Entry| !entry.is_written && entry.end.is_some_and(|end| !end.is_told);
            entries.iter().filter(|(_, entry)| untold(entry)).map(|(what, _)| *what).collect()
        };
        for what in unwritten {
            if !self.written(what).await {
                return;
            }
        }
    }
}

fn unseen() -> Limiter {
    Limiter::new(MAX_UNSEEN_OF_CLIENT, Duration::from_secs(3600))
}

#[cfg(test)]
mod tests;
