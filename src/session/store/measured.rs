//! A wrapper that counts and times the round trips to any store.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::{Answer, Error, Health, Key, Kind, News, Row, Store};
use crate::clock::Timestamp;

/// Round trips to a store, from the start of the program.
#[derive(Debug, Default)]
pub struct RoundTrips {
    done: AtomicU64,
    failed: AtomicU64,
    microseconds: AtomicU64,
}

impl RoundTrips {
    /// How many were answered.
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// How many failed, because the store was full or away.
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// How long all of them took together.
    pub fn time(&self) -> Duration {
        Duration::from_micros(self.microseconds.load(Ordering::Relaxed))
    }

    fn add(&self, taken: Duration, failed: bool) {
        let counter = if failed { &self.failed } else { &self.done };
        counter.fetch_add(1, Ordering::Relaxed);
        self.microseconds.fetch_add(u64::try_from(taken.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

/// Another store whose round trips are counted.
#[derive(Debug)]
pub struct Measured {
    store: Arc<dyn Store>,
    round_trips: Arc<RoundTrips>,
}

impl Measured {
    /// Counts the round trips to `store`.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, round_trips: Arc::default() }
    }

    /// The counts so far.
    pub fn round_trips(&self) -> &Arc<RoundTrips> {
        &self.round_trips
    }

    fn measure<'a, T: 'a>(&'a self, answer: Answer<'a, T>) -> Answer<'a, T> {
        Box::pin(async move {
            let begun = Instant::now();
            let answer: Result<T, Error> = answer.await;
            self.round_trips.add(begun.elapsed(), answer.is_err());
            answer
        })
    }
}

impl Store for Measured {
    fn put(&self, kind: Kind, key: Key, record: Vec<u8>, expires: Timestamp) -> Answer<'_, ()> {
        self.measure(self.store.put(kind, key, record, expires))
    }

    fn peek(&self, kind: Kind, key: Key) -> Answer<'_, Option<Vec<u8>>> {
        self.measure(self.store.peek(kind, key))
    }

    fn take(&self, kind: Kind, key: Key) -> Answer<'_, Option<Vec<u8>>> {
        self.measure(self.store.take(kind, key))
    }

    fn claim(&self, kind: Kind, key: Key, expires: Timestamp) -> Answer<'_, bool> {
        self.measure(self.store.claim(kind, key, expires))
    }

    fn swap(
        &self,
        kind: Kind,
        key: Key,
        seen: Option<Vec<u8>>,
        record: Vec<u8>,
        expires: Timestamp,
    ) -> Answer<'_, bool> {
        self.measure(self.store.swap(kind, key, seen, record, expires))
    }

    fn count(&self, key: Key, expires: Timestamp) -> Answer<'_, u64> {
        self.measure(self.store.count(key, expires))
    }

    fn keep(&self, row: Row) -> Answer<'_, bool> {
        self.measure(self.store.keep(row))
    }

    fn renew(&self, rows: Vec<Row>) -> Answer<'_, ()> {
        self.measure(self.store.renew(rows))
    }

    fn find(&self, id: Key) -> Answer<'_, Option<Row>> {
        self.measure(self.store.find(id))
    }

    fn of_person(&self, person: Key) -> Answer<'_, Vec<Row>> {
        self.measure(self.store.of_person(person))
    }

    fn of_name(&self, name: Key) -> Answer<'_, Vec<Row>> {
        self.measure(self.store.of_name(name))
    }

    fn unnamed(&self, after: Option<Key>, most: usize) -> Answer<'_, Vec<Row>> {
        self.measure(self.store.unnamed(after, most))
    }

    fn held_by(&self, person: Key) -> Answer<'_, usize> {
        self.measure(self.store.held_by(person))
    }

    fn list(&self, after: Option<Key>, most: usize) -> Answer<'_, Vec<Row>> {
        self.measure(self.store.list(after, most))
    }

    fn end(&self, row: Row) -> Answer<'_, bool> {
        self.measure(self.store.end(row))
    }

    fn sync(&self) -> Answer<'_, ()> {
        self.measure(self.store.sync())
    }

    fn arrive(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.store.arrive()
    }

    fn sessions(&self) -> usize {
        self.store.sessions()
    }

    fn health(&self) -> Health {
        self.store.health()
    }

    fn sweep(&self) {
        self.store.sweep();
    }

    fn tell(&self, what: Vec<u8>) -> Answer<'_, ()> {
        self.measure(self.store.tell(what))
    }

    fn is_shared(&self) -> bool {
        self.store.is_shared()
    }

    fn news(&self) -> Option<mpsc::Receiver<News>> {
        self.store.news()
    }
}

#[cfg(test)]
mod tests {
    use super::super::contract;
    use super::super::memory::Memory;
    use super::*;
    use crate::clock::{Clock, SignedDuration};

    #[tokio::test]
    async fn it_holds_what_stores_promise_and_counts_what_they_are_asked() {
        let clock = Clock::by_hand(Timestamp::UNIX_EPOCH);
        let store = Measured::new(Arc::new(Memory::new(1000, clock.clone())));
        let round_trips = Arc::clone(store.round_trips());
        let wait = |span: SignedDuration| clock.advance(span);
        contract::hold(contract::Bench { store: Arc::new(store), clock: clock.clone(), wait: &wait }).await;
        assert!(round_trips.done() > 50, "{round_trips:?}");
        let full = Measured::new(Arc::new(Memory::new(0, clock.clone())));
        assert_eq!(full.put(Kind::Ticket, [0; 16], Vec::new(), Timestamp::MAX).await, Err(Error::Full));
        assert_eq!((full.round_trips().done(), full.round_trips().failed()), (0, 1));
    }
}
