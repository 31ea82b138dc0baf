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

type Key = (Kind, [u8; 16]);

/// Records in memory: one node, gone with the process.
#[derive(Debug)]
pub struct Memory {
    records: DashMap<Key, (Timestamp, Vec<u8>)>,
    max: usize,
    /// Writes since the last sweep.
    since_sweep: AtomicUsize,
    clock: Clock,
}

impl Memory {
    /// A store of at most `max` records.
    pub fn new(max: usize, clock: Clock) -> Self {
        Self { records: DashMap::new(), max, since_sweep: AtomicUsize::new(0), clock }
    }

    /// Keeps `record` under `key` until `expires`.
    pub async fn put(&self, kind: Kind, key: [u8; 16], record: Vec<u8>, expires: Timestamp) -> Result<(), Full> {
        self.make_room()?;
        self.records.insert((kind, key), (expires, record));
        Ok(())
    }

    /// Looks at a record without using it up.
    pub async fn peek(&self, kind: Kind, key: [u8; 16]) -> Option<Vec<u8>> {
        let found = self.records.get(&(kind, key))?;
        (found.0 > self.clock.now()).then(|| found.1.clone())
    }

    /// Gives a record out, once.
    pub async fn take(&self, kind: Kind, key: [u8; 16]) -> Option<Vec<u8>> {
        let (_, (expires, record)) = self.records.remove(&(kind, key))?;
        (expires > self.clock.now()).then_some(record)
    }

    /// Claims `key` until `expires`; false when it was claimed before.
    pub async fn claim(&self, kind: Kind, key: [u8; 16], expires: Timestamp) -> Result<bool, Full> {
        self.make_room()?;
        let now = self.clock.now();
        match self.records.entry((kind, key)) {
            Entry::Occupied(held) if held.get().0 > now => Ok(false),
            Entry::Occupied(mut held) => {
                held.insert((expires, Vec::new()));
                Ok(true)
            }
            Entry::Vacant(free) => {
                free.insert((expires, Vec::new()));
                Ok(true)
            }
        }
    }

    /// Sweeps what has expired, when the store is full or has taken many writes since the last time.
    fn make_room(&self) -> Result<(), Full> {
        let writes = self.since_sweep.fetch_add(1, Ordering::Relaxed);
        let full = self.records.len() >= self.max;
        // A full store is swept at most once in a thousand writes, so that a flood cannot make every write a scan.
        if writes >= self.max / 2 || (full && writes >= 1000.min(self.max)) {
            self.since_sweep.store(0, Ordering::Relaxed);
            let now = self.clock.now();
            self.records.retain(|_, (expires, _)| *expires > now);
        }
        if self.records.len() >= self.max { Err(Full) } else { Ok(()) }
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
}
