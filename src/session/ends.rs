//! What has been ended and must stay so: kept here until the store has it, through a crash.
//!
//! Whoever is told that a session is over must not be found signed in again because the store was away, or its disk
//! full, when it was said, and the program stopped before that was over. So an end that the store has not taken is
//! written to a journal of this node's own, and stands there before anybody is told. A node that starts reads it before
//! it serves, and tells the store as soon as that is there.
//!
//! A store that nodes share can lose what it has confirmed: a replica that takes over lacks the last of it, a server that
//! is started again what it had not saved. So its ends stay here until their sessions would be over by themselves, and
//! are told again when it has been away.

mod journal;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::store::attested::Attestor;
use super::store::{Key, Kind};
use super::{Session, person};
use crate::clock::{Clock, Timestamp};
pub use journal::FILE;
use journal::Journal;

/// Ends that are remembered at the same time. Those that the store has make room, the ones that are over first.
const MAX: usize = 100_000;

/// Of these, those of sessions that nobody could look at when they were ended: their identifiers may be invented.
const MAX_UNSEEN: usize = 2000;

/// How far an end reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Held {
    /// The store has it: it holds everywhere, as far as nodes can reach the store, and after a restart.
    Everywhere,
    /// It holds on this node, after a restart, too. Other nodes follow when the store is back.
    Here,
    /// Neither the store nor the disk has taken it: it holds on this node, for as long as it runs.
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
    /// All sessions of this person that had begun by then.
    Person(Key),
    /// What a name or a certificate stood for.
    Record(u8, Key),
}

/// An end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) what: What,
    /// Whose it was; nought if nobody could say.
    pub(super) person: Key,
    pub(super) at: Timestamp,
    /// When it need not be remembered any more.
    pub(super) expires: Timestamp,
    /// The store has it.
    pub(super) is_told: bool,
}

#[derive(Debug, Default)]
struct Entry {
    end: Option<End>,
    /// Where it stands in the journal.
    slot: Option<u32>,
    is_written: bool,
}

/// The ends that this node answers for.
#[derive(Debug)]
pub struct Ends {
    entries: Mutex<BTreeMap<What, Entry>>,
    /// How many, for whoever wants no lock.
    count: AtomicUsize,
    journal: Option<Journal>,
    clock: Clock,
}

impl Ends {
    /// In memory alone.
    pub fn fleeting(clock: Clock) -> Self {
        Self { entries: Mutex::default(), count: AtomicUsize::new(0), journal: None, clock }
    }

    /// With a journal in `folder`, whose entries are read. A disk that does not take it is said when something is ended.
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
            tracing::info!(untold, "the store has yet to be told of ends from before the restart");
        }
        let count = AtomicUsize::new(entries.len());
        Self { entries: Mutex::new(entries), count, journal: Some(journal), clock }
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<What, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes an end, which holds on this node from now on; none are taken beyond what there is room for.
    pub(super) fn note(&self, end: End) -> bool {
        let mut entries = self.entries();
        // Those that the store has been told of take no room: whoever invents them does not keep others from being ended.
        let is_unseen =
            |end: &End| matches!(end.what, What::Session(_)) && end.person == Key::default() && !end.is_told;
        let is_full = entries.len() >= MAX && !self.make_room(&mut entries);
        let of_unseen = || entries.values().filter_map(|entry| entry.end.as_ref()).filter(|end| is_unseen(end)).count();
        if is_full || is_unseen(&end) && of_unseen() >= MAX_UNSEEN {
            return false;
        }
        let entry = entries.entry(end.what).or_default();
        // Of a person, what has begun since then is ended, too.
        if entry.end.is_none_or(|held| held.is_told || matches!(end.what, What::Person(_))) {
            entry.end = Some(end);
            entry.is_written = false;
        }
        self.count.store(entries.len(), Ordering::Release);
        true
    }

    /// Waits until the disk has what was noted. False if it does not take it.
    pub(super) async fn written(&self, what: What) -> bool {
        let Some(journal) = &self.journal else { return false };
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

    /// The store has taken an end. One that it could lose again is remembered all the same.
    pub(super) fn told(&self, what: What, can_be_lost: bool) {
        let mut entries = self.entries();
        let Some(entry) = entries.get_mut(&what) else { return };
        if can_be_lost {
            if let Some(end) = entry.end.as_mut()
                && !end.is_told
            {
                end.is_told = true;
                if let (Some(journal), Some(slot)) = (&self.journal, entry.slot) {
                    // Nobody waits: what is not written is told once more.
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

    /// Forgets what is over, or else one of those that the store has.
    fn make_room(&self, entries: &mut BTreeMap<What, Entry>) -> bool {
        let told = entries.values().filter_map(|entry| entry.end).filter(|end| end.is_told);
        let Some(first) = told.min_by_key(|end| end.expires) else { return false };
        self.drop_entry(entries, first.what);
        true
    }

    /// Whether a session that the store gives out, or another node puts back, is over all the same.
    pub(super) fn cover(&self, session: &Session) -> bool {
        if self.count.load(Ordering::Acquire) == 0 {
            return false;
        }
        let entries = self.entries();
        let person = entries.get(&What::Person(person(&session.user))).and_then(|entry| entry.end);
        entries.contains_key(&What::Session(session.id.0)) || person.is_some_and(|end| session.started <= end.at)
    }

    /// Whether what stood here stands for nobody any more.
    pub(super) fn cover_record(&self, kind: Kind, key: Key) -> bool {
        self.count.load(Ordering::Acquire) > 0 && self.entries().contains_key(&What::Record(kind.letter(), key))
    }

    /// Those that the store has not taken, or all.
    pub(super) fn list(&self, all: bool) -> Vec<End> {
        if self.count.load(Ordering::Acquire) == 0 {
            return Vec::new();
        }
        self.entries().values().filter_map(|entry| entry.end).filter(|end| all || !end.is_told).collect()
    }

    /// Forgets what is over, and writes once more what the disk did not take. To be called every few seconds.
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

#[cfg(test)]
mod tests;
