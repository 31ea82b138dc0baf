//! The store in memory: of one node, and gone when the process ends.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Bound;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

use super::{Answer, Error, Key, Kind, NAMELESS, Row, Store};
use crate::clock::{Clock, Timestamp};

/// Bytes that the records of one kind may have together. A pending sign-in holds an address that a stranger chose, so a
/// bound on the number of records alone would not bound memory.
const MAX_BYTES: usize = 512 * 1024 * 1024;

/// Sessions that one sweep forgets before it lets the lock go for a moment.
const SWEPT_AT_ONCE: usize = 1000;

/// Records and sessions in memory. Each kind of record has room of its own, so that whoever floods one kind does not
/// stop the others.
#[derive(Debug)]
pub struct Memory {
    pub(super) records: Records,
    rows: Mutex<Rows>,
    clock: Clock,
}

/// Records by kind.
#[derive(Debug)]
pub(super) struct Records {
    shelves: [Shelf; Kind::ALL.len()],
    max: usize,
    max_bytes: usize,
    clock: Clock,
}

/// The records of one kind.
#[derive(Debug, Default)]
struct Shelf {
    records: DashMap<Key, Record>,
    bytes: AtomicUsize,
    /// Writes since the last sweep.
    since_sweep: AtomicUsize,
}

/// A record and its end.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) expires: Timestamp,
    pub(super) content: Vec<u8>,
}

/// Sessions, and the indexes to them.
#[derive(Debug, Default)]
struct Rows {
    by_id: BTreeMap<Key, Row>,
    by_person: HashMap<Key, HashSet<Key>>,
    by_name: HashMap<Key, HashSet<Key>>,
    unnamed: BTreeSet<Key>,
    by_end: BTreeSet<(Timestamp, Key)>,
}

impl Memory {
    /// A store of at most `max` records of each kind.
    pub fn new(max: usize, clock: Clock) -> Self {
        Self { records: Records::new(max, clock.clone()), rows: Mutex::default(), clock }
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An answer that needs no waiting.
pub(super) fn at_once<'a, T: Send + 'a>(answer: Result<T, Error>) -> Answer<'a, T> {
    Box::pin(std::future::ready(answer))
}

impl Store for Memory {
    fn put(&self, kind: Kind, key: Key, record: Vec<u8>, expires: Timestamp) -> Answer<'_, ()> {
        at_once(self.records.put(kind, key, record, expires))
    }

    fn peek(&self, kind: Kind, key: Key) -> Answer<'_, Option<Vec<u8>>> {
        at_once(Ok(self.records.peek(kind, key).map(|record| record.content)))
    }

    fn take(&self, kind: Kind, key: Key) -> Answer<'_, Option<Vec<u8>>> {
        at_once(Ok(self.records.take(kind, key)))
    }

    fn claim(&self, kind: Kind, key: Key, expires: Timestamp) -> Answer<'_, bool> {
        at_once(self.records.swap(kind, key, None, Vec::new(), expires))
    }

    fn swap(
        &self,
        kind: Kind,
        key: Key,
        seen: Option<Vec<u8>>,
        record: Vec<u8>,
        expires: Timestamp,
    ) -> Answer<'_, bool> {
        at_once(self.records.swap(kind, key, seen.as_deref(), record, expires))
    }

    fn count(&self, key: Key, expires: Timestamp) -> Answer<'_, u64> {
        at_once(self.records.count(key, expires))
    }

    fn keep(&self, row: Row) -> Answer<'_, bool> {
        let mut rows = self.rows();
        let kept = self.records.peek(Kind::Ended, row.id).is_none();
        if kept {
            rows.insert(row);
        }
        at_once(Ok(kept))
    }

    fn renew(&self, rows: Vec<Row>) -> Answer<'_, ()> {
        let mut held = self.rows();
        for row in rows {
            if held.by_id.contains_key(&row.id) {
                held.insert(row);
            }
        }
        at_once(Ok(()))
    }

    fn find(&self, id: Key) -> Answer<'_, Option<Row>> {
        let now = self.clock.now();
        at_once(Ok(self.rows().by_id.get(&id).filter(|row| row.expires > now).cloned()))
    }

    fn of_person(&self, person: Key) -> Answer<'_, Vec<Row>> {
        let rows = self.rows();
        let ids = rows.by_person.get(&person).into_iter().flatten();
        at_once(Ok(rows.live(ids, self.clock.now()).collect()))
    }

    fn of_name(&self, name: Key) -> Answer<'_, Vec<Row>> {
        let rows = self.rows();
        let ids = rows.by_name.get(&name).into_iter().flatten();
        at_once(Ok(rows.live(ids, self.clock.now()).collect()))
    }

    fn unnamed(&self, after: Option<Key>, most: usize) -> Answer<'_, Vec<Row>> {
        let rows = self.rows();
        let ids = rows.unnamed.range((from(after), Bound::Unbounded));
        at_once(Ok(rows.live(ids, self.clock.now()).take(most).collect()))
    }

    fn held_by(&self, person: Key) -> Answer<'_, usize> {
        at_once(Ok(self.rows().by_person.get(&person).map_or(0, HashSet::len)))
    }

    fn list(&self, after: Option<Key>, most: usize) -> Answer<'_, Vec<Row>> {
        let (rows, now) = (self.rows(), self.clock.now());
        let all = rows.by_id.range((from(after), Bound::Unbounded)).map(|(_, row)| row);
        let found = all.filter(|row| row.expires > now).take(most).cloned().collect();
        at_once(Ok(found))
    }

    fn end(&self, row: Row) -> Answer<'_, bool> {
        let (mut rows, now) = (self.rows(), self.clock.now());
        // If there is no room for the record of the end, the row is removed all the same.
        self.records.put(Kind::Ended, row.id, Vec::new(), row.expires).ok();
        at_once(Ok(rows.remove(row.id).is_some_and(|row| row.expires > now)))
    }

    fn sync(&self) -> Answer<'_, ()> {
        at_once(Ok(()))
    }

    fn sessions(&self) -> usize {
        self.rows().by_id.len()
    }

    fn sweep(&self) {
        self.records.sweep();
        let now = self.clock.now();
        // In portions, each under its own lock, so that others get their turn in between.
        while self.rows().sweep(now) == SWEPT_AT_ONCE {}
    }
}

/// The lower bound of what comes after this key.
fn from(after: Option<Key>) -> Bound<Key> {
    after.map_or(Bound::Unbounded, Bound::Excluded)
}

/// Takes a session out of an index.
fn unlink(index: &mut HashMap<Key, HashSet<Key>>, key: Key, id: Key) {
    if let Some(ids) = index.get_mut(&key) {
        ids.remove(&id);
        if ids.is_empty() {
            index.remove(&key);
        }
    }
}

impl Rows {
    fn live<'a>(&'a self, ids: impl Iterator<Item = &'a Key> + 'a, now: Timestamp) -> impl Iterator<Item = Row> + 'a {
        ids.filter_map(|id| self.by_id.get(id)).filter(move |row| row.expires > now).cloned()
    }

    fn insert(&mut self, mut row: Row) {
        let before = self.remove(row.id);
        row.name = row.name.or(before.and_then(|before| before.name));
        match row.name {
            Some(NAMELESS) => {}
            Some(name) => {
                self.by_name.entry(name).or_default().insert(row.id);
            }
            None => {
                self.unnamed.insert(row.id);
            }
        }
        self.by_person.entry(row.person).or_default().insert(row.id);
        self.by_end.insert((row.expires, row.id));
        self.by_id.insert(row.id, row);
    }

    fn remove(&mut self, id: Key) -> Option<Row> {
        let row = self.by_id.remove(&id)?;
        self.by_end.remove(&(row.expires, id));
        unlink(&mut self.by_person, row.person, id);
        match row.name {
            Some(name) => unlink(&mut self.by_name, name, id),
            None => {
                self.unnamed.remove(&id);
            }
        }
        Some(row)
    }

    fn sweep(&mut self, now: Timestamp) -> usize {
        let over = self.by_end.iter().take(SWEPT_AT_ONCE).take_while(|(end, _)| *end <= now);
        let over: Vec<_> = over.map(|(_, id)| *id).collect();
        for id in &over {
            self.remove(*id);
        }
        over.len()
    }
}

impl Records {
    pub(super) fn new(max: usize, clock: Clock) -> Self {
        Self { shelves: Default::default(), max, max_bytes: MAX_BYTES, clock }
    }

    pub(super) fn put(&self, kind: Kind, key: Key, content: Vec<u8>, expires: Timestamp) -> Result<(), Error> {
        let shelf = self.make_room(kind, content.len())?;
        shelf.grow(content.len());
        if let Some(old) = shelf.records.insert(key, Record { expires, content }) {
            shelf.shrink(old.content.len());
        }
        Ok(())
    }

    pub(super) fn peek(&self, kind: Kind, key: Key) -> Option<Record> {
        let found = self.shelf(kind)?.records.get(&key)?;
        (found.expires > self.clock.now()).then(|| found.clone())
    }

    pub(super) fn take(&self, kind: Kind, key: Key) -> Option<Vec<u8>> {
        let shelf = self.shelf(kind)?;
        let (_, record) = shelf.records.remove(&key)?;
        shelf.shrink(record.content.len());
        (record.expires > self.clock.now()).then_some(record.content)
    }

    pub(super) fn swap(
        &self,
        kind: Kind,
        key: Key,
        seen: Option<&[u8]>,
        content: Vec<u8>,
        expires: Timestamp,
    ) -> Result<bool, Error> {
        let shelf = self.make_room(kind, content.len())?;
        let (now, length) = (self.clock.now(), content.len());
        let record = Record { expires, content };
        match shelf.records.entry(key) {
            Entry::Occupied(mut held) => {
                let live = Some(held.get()).filter(|held| held.expires > now).map(|held| held.content.as_slice());
                if live != seen {
                    return Ok(false);
                }
                shelf.shrink(held.insert(record).content.len());
            }
            Entry::Vacant(_) if seen.is_some() => return Ok(false),
            Entry::Vacant(free) => {
                free.insert(record);
            }
        }
        shelf.grow(length);
        Ok(true)
    }

    pub(super) fn count(&self, key: Key, expires: Timestamp) -> Result<u64, Error> {
        let shelf = self.make_room(Kind::Count, 8)?;
        let now = self.clock.now();
        let mut held = shelf.records.entry(key).or_insert_with(|| {
            shelf.grow(8);
            Record { expires, content: vec![0; 8] }
        });
        if held.expires <= now {
            *held = Record { expires, content: vec![0; 8] };
        }
        let number = held.content.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes)).saturating_add(1);
        held.content = number.to_be_bytes().to_vec();
        Ok(number)
    }

    pub(super) fn sweep(&self) {
        let now = self.clock.now();
        for shelf in &self.shelves {
            shelf.sweep(now);
        }
    }

    /// All that have not expired.
    pub(super) fn all(&self) -> Vec<(Kind, Key, Record)> {
        let now = self.clock.now();
        let shelves = Kind::ALL.into_iter().zip(&self.shelves);
        let records = shelves.flat_map(|(kind, shelf)| {
            shelf.records.iter().map(move |entry| (kind, *entry.key(), entry.value().clone()))
        });
        records.filter(|(_, _, record)| record.expires > now).collect()
    }

    fn shelf(&self, kind: Kind) -> Option<&Shelf> {
        let place = Kind::ALL.iter().position(|other| *other == kind)?;
        self.shelves.get(place)
    }

    /// The shelf for this kind, if it has room for one more record of this length.
    fn make_room(&self, kind: Kind, length: usize) -> Result<&Shelf, Error> {
        let shelf = self.shelf(kind).ok_or(Error::Full)?;
        let is_full = || {
            shelf.records.len() >= self.max
                || shelf.bytes.load(Ordering::Relaxed).saturating_add(length) > self.max_bytes
        };
        let writes = shelf.since_sweep.fetch_add(1, Ordering::Relaxed);
        // A full store is swept at most once in a thousand writes, so that a flood cannot make every write a scan.
        if is_full() && writes >= 1000.min(self.max) {
            shelf.sweep(self.clock.now());
        }
        if is_full() { Err(Error::Full) } else { Ok(shelf) }
    }
}

impl Shelf {
    fn sweep(&self, now: Timestamp) {
        self.since_sweep.store(0, Ordering::Relaxed);
        self.records.retain(|_, record| {
            let stays = record.expires > now;
            if !stays {
                self.shrink(record.content.len());
            }
            stays
        });
    }

    fn grow(&self, length: usize) {
        self.bytes.fetch_add(length, Ordering::Relaxed);
    }

    fn shrink(&self, length: usize) {
        self.bytes.fetch_sub(length, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::{SignedDuration, after};
    use crate::session::store::contract;

    fn store(max: usize) -> (Memory, Clock, Timestamp) {
        let clock = Clock::by_hand(Timestamp::UNIX_EPOCH);
        let soon = after(clock.now(), SignedDuration::from_secs(60));
        (Memory::new(max, clock.clone()), clock, soon)
    }

    #[tokio::test]
    async fn the_contract_holds() {
        let (store, clock, _) = store(1000);
        let wait = |span| clock.advance(span);
        contract::hold(contract::Bench { store: Arc::new(store), clock: clock.clone(), wait: &wait }).await;
    }

    #[tokio::test]
    async fn a_full_store_refuses_and_recovers_when_records_expire() {
        let (store, clock, soon) = store(4);
        for key in 0..4 {
            store.put(Kind::Pending, [key; 16], Vec::new(), soon).await.unwrap();
        }
        assert_eq!(store.put(Kind::Pending, [9; 16], Vec::new(), soon).await, Err(Error::Full));
        clock.advance(SignedDuration::from_secs(61));
        let late = after(clock.now(), SignedDuration::from_secs(60));
        let mut accepted = false;
        for _ in 0..6 {
            accepted |= store.put(Kind::Pending, [9; 16], Vec::new(), late).await.is_ok();
        }
        assert!(accepted);
    }

    #[tokio::test]
    async fn records_are_bounded_in_bytes_and_a_full_kind_stops_no_other() {
        let (mut store, clock, soon) = store(10);
        store.records.max_bytes = 100;
        store.put(Kind::Pending, [1; 16], vec![0; 60], soon).await.unwrap();
        assert_eq!(store.put(Kind::Pending, [2; 16], vec![0; 60], soon).await, Err(Error::Full));
        assert_eq!(store.put(Kind::Ticket, [2; 16], vec![0; 60], soon).await, Ok(()), "another kind");
        store.take(Kind::Pending, [1; 16]).await.unwrap();
        for _ in 0..3 {
            store.put(Kind::Pending, [2; 16], vec![0; 60], soon).await.unwrap_or_default();
        }
        store.count([3; 16], soon).await.unwrap();
        let bytes = |kind| store.records.shelf(kind).unwrap().bytes.load(Ordering::Relaxed);
        assert_eq!((bytes(Kind::Pending), bytes(Kind::Count)), (60, 8));
        clock.advance(SignedDuration::from_secs(60));
        store.sweep();
        assert!(Kind::ALL.into_iter().all(|kind| bytes(kind) == 0));
        assert!(store.records.all().is_empty());
    }
}
