//! The store contract, and the store that lives in memory.
//!
//! A store keeps bytes under a kind and a key until a time. Three operations are enough for sign-in to be sound on any
//! number of nodes, because each of them is atomic:
//!
//! - `put` keeps a record; an older one under the same key is replaced.
//! - `take` gives a record out once, however many ask at the same time.
//! - `claim` succeeds for the first that names a key, and for nobody else until the record expires.
//!
//! A record that has expired is not given out, whether or not it has been swept.

use std::sync::atomic::{AtomicUsize, Ordering};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

use crate::clock::{Clock, Timestamp};

/// Bytes that the records of one kind may have together: what is kept of a sign-in holds an address that a stranger
/// chose, so a number of records alone bounds nothing.
const MAX_BYTES: usize = 512 * 1024 * 1024;

/// What a record is for. Keys of different kinds never meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A sign-in that was sent to an identity provider.
    Pending,
    /// A ticket that carries a session to one origin.
    Ticket,
    /// An assertion that has been used.
    Assertion,
}

/// The store is full: records that are still good would have to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store is full")]
pub struct Full;

/// Records in memory: one node, gone with the process. Each kind has room of its own, so that whoever floods one does
/// not stop the others.
#[derive(Debug)]
pub struct Memory {
    shelves: [Shelf; 3],
    max: usize,
    max_bytes: usize,
    clock: Clock,
}

/// The records of one kind.
#[derive(Debug, Default)]
struct Shelf {
    records: DashMap<[u8; 16], Record>,
    bytes: AtomicUsize,
    /// Writes since the last sweep.
    since_sweep: AtomicUsize,
}

#[derive(Debug)]
struct Record {
    expires: Timestamp,
    content: Vec<u8>,
}

impl Memory {
    /// A store of at most `max` records of each kind.
    pub fn new(max: usize, clock: Clock) -> Self {
        Self { shelves: Default::default(), max, max_bytes: MAX_BYTES, clock }
    }

    /// Keeps `record` under `key` until `expires`.
    pub async fn put(&self, kind: Kind, key: [u8; 16], record: Vec<u8>, expires: Timestamp) -> Result<(), Full> {
        let shelf = self.make_room(kind, record.len())?;
        shelf.grow(record.len());
        if let Some(old) = shelf.records.insert(key, Record { expires, content: record }) {
            shelf.shrink(old.content.len());
        }
        Ok(())
    }

    /// Looks at a record without using it up.
    pub async fn peek(&self, kind: Kind, key: [u8; 16]) -> Option<Vec<u8>> {
        let found = self.shelf(kind).records.get(&key)?;
        (found.expires > self.clock.now()).then(|| found.content.clone())
    }

    /// Gives a record out, once.
    pub async fn take(&self, kind: Kind, key: [u8; 16]) -> Option<Vec<u8>> {
        let shelf = self.shelf(kind);
        let (_, record) = shelf.records.remove(&key)?;
        shelf.shrink(record.content.len());
        (record.expires > self.clock.now()).then_some(record.content)
    }

    /// Claims `key` until `expires`; false when it was claimed before.
    pub async fn claim(&self, kind: Kind, key: [u8; 16], expires: Timestamp) -> Result<bool, Full> {
        let shelf = self.make_room(kind, 0)?;
        let now = self.clock.now();
        let record = Record { expires, content: Vec::new() };
        match shelf.records.entry(key) {
            Entry::Occupied(held) if held.get().expires > now => Ok(false),
            Entry::Occupied(mut held) => {
                shelf.shrink(held.insert(record).content.len());
                Ok(true)
            }
            Entry::Vacant(free) => {
                free.insert(record);
                Ok(true)
            }
        }
    }

    /// Forgets what has expired.
    pub fn sweep(&self) {
        let now = self.clock.now();
        for shelf in &self.shelves {
            shelf.sweep(now);
        }
    }

    fn shelf(&self, kind: Kind) -> &Shelf {
        let [pending, tickets, assertions] = &self.shelves;
        match kind {
            Kind::Pending => pending,
            Kind::Ticket => tickets,
            Kind::Assertion => assertions,
        }
    }

    /// The shelf for one more record of this length, if there is room on it.
    fn make_room(&self, kind: Kind, length: usize) -> Result<&Shelf, Full> {
        let shelf = self.shelf(kind);
        let is_full = || {
            shelf.records.len() >= self.max
                || shelf.bytes.load(Ordering::Relaxed).saturating_add(length) > self.max_bytes
        };
        let writes = shelf.since_sweep.fetch_add(1, Ordering::Relaxed);
        // A full store is swept at most once in a thousand writes, so that a flood cannot make every write a scan.
        if is_full() && writes >= 1000.min(self.max) {
            shelf.sweep(self.clock.now());
        }
        if is_full() { Err(Full) } else { Ok(shelf) }
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
    use super::*;
    use crate::clock::SignedDuration;

    fn store(max: usize) -> (Memory, Clock, Timestamp) {
        let clock = Clock::by_hand(Timestamp::UNIX_EPOCH);
        let soon = crate::clock::after(clock.now(), SignedDuration::from_secs(60));
        (Memory::new(max, clock.clone()), clock, soon)
    }

    #[tokio::test]
    async fn a_record_is_taken_once_and_never_after_its_time() {
        let (store, clock, soon) = store(10);
        store.put(Kind::Ticket, [1; 16], b"one".to_vec(), soon).await.unwrap();
        assert_eq!(store.take(Kind::Pending, [1; 16]).await, None, "another kind");
        assert_eq!(store.peek(Kind::Ticket, [1; 16]).await.as_deref(), Some(&b"one"[..]));
        assert_eq!(store.take(Kind::Ticket, [1; 16]).await.as_deref(), Some(&b"one"[..]));
        assert_eq!(store.take(Kind::Ticket, [1; 16]).await, None, "taken before");
        store.put(Kind::Ticket, [2; 16], b"two".to_vec(), soon).await.unwrap();
        clock.advance(SignedDuration::from_secs(60));
        assert_eq!(store.take(Kind::Ticket, [2; 16]).await, None, "expired");
    }

    #[tokio::test]
    async fn a_key_is_claimed_once_until_it_expires() {
        let (store, clock, soon) = store(10);
        assert_eq!(store.claim(Kind::Assertion, [1; 16], soon).await, Ok(true));
        assert_eq!(store.claim(Kind::Assertion, [1; 16], soon).await, Ok(false));
        clock.advance(SignedDuration::from_secs(60));
        assert_eq!(store.claim(Kind::Assertion, [1; 16], Timestamp::MAX).await, Ok(true));
    }

    #[tokio::test]
    async fn a_full_store_refuses_and_recovers_when_records_expire() {
        let (store, clock, soon) = store(4);
        for key in 0..4 {
            store.put(Kind::Pending, [key; 16], Vec::new(), soon).await.unwrap();
        }
        assert_eq!(store.put(Kind::Pending, [9; 16], Vec::new(), soon).await, Err(Full));
        clock.advance(SignedDuration::from_secs(61));
        let late = crate::clock::after(clock.now(), SignedDuration::from_secs(60));
        let mut accepted = false;
        for _ in 0..6 {
            accepted |= store.put(Kind::Pending, [9; 16], Vec::new(), late).await.is_ok();
        }
        assert!(accepted);
    }

    #[tokio::test]
    async fn records_are_bounded_in_bytes_and_a_full_kind_stops_no_other() {
        let (mut store, clock, soon) = store(10);
        store.max_bytes = 100;
        store.put(Kind::Pending, [1; 16], vec![0; 60], soon).await.unwrap();
        assert_eq!(store.put(Kind::Pending, [2; 16], vec![0; 60], soon).await, Err(Full));
        assert_eq!(store.put(Kind::Ticket, [2; 16], vec![0; 60], soon).await, Ok(()), "another kind");
        store.take(Kind::Pending, [1; 16]).await.unwrap();
        for _ in 0..3 {
            store.put(Kind::Pending, [2; 16], vec![0; 60], soon).await.unwrap_or_default();
        }
        assert_eq!(store.shelf(Kind::Pending).bytes.load(Ordering::Relaxed), 60);
        clock.advance(SignedDuration::from_secs(60));
        store.sweep();
        assert!(store.shelves.iter().all(|shelf| shelf.records.is_empty() && shelf.bytes.load(Ordering::Relaxed) == 0));
    }
}
