//! Where nodes put what they want each other to have: a store that they share, as a directory sees it.

use std::fmt;
use std::time::Duration;

use crate::seal::sha256;

/// What things on a shelf stand under.
pub type ShelfKey = [u8; 16];

/// What is asked of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShelfAsk {
    /// What stands there.
    Look(ShelfKey),
    /// Have this stand there for so long.
    Put(ShelfKey, Vec<u8>, Duration),
    /// Have this stand there for so long, in the place of what was seen there. `None`: that there was nothing.
    Swap(ShelfKey, Option<Vec<u8>>, Vec<u8>, Duration),
    /// What stands there, which then no longer does.
    Take(ShelfKey),
}

/// What comes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    /// What stood there.
    Found(Option<Vec<u8>>),
    /// Whether it was done.
    Done(bool),
}

/// The store did not answer, or had no room. What was asked may have been done all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the shared store does not answer")]
pub struct ShelfAway;

type Asker = Box<dyn Fn(ShelfAsk) -> Result<Given, ShelfAway> + Send + Sync>;

/// The part of the store that is one directory's. Asking waits for the answer: it is for the directory's own thread.
pub struct Shelf {
    name: String,
    ask: Asker,
}

impl fmt::Debug for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shelf({})", self.name)
    }
}

impl Shelf {
    /// The shelf of the directory `name` in the store that `ask` asks. Each of its operations is atomic, and all nodes see
    /// what any of them has done.
    pub fn new(name: &str, ask: impl Fn(ShelfAsk) -> Result<Given, ShelfAway> + Send + Sync + 'static) -> Self {
        Self { name: name.to_owned(), ask: Box::new(ask) }
    }

    /// Where something of the directory `name` stands.
    pub fn key(name: &str, what: &str, of: &[u8]) -> ShelfKey {
        let octets = [b"directory\0", name.as_bytes(), b"\0", what.as_bytes(), b"\0", of].concat();
        sha256(&octets).first_chunk().copied().unwrap_or_default()
    }

    pub(super) fn own(&self, what: &str, of: &[u8]) -> ShelfKey {
        Self::key(&self.name, what, of)
    }

    pub(super) fn look(&self, key: ShelfKey) -> Result<Option<Vec<u8>>, ShelfAway> {
        self.found(ShelfAsk::Look(key))
    }

    pub(super) fn take(&self, key: ShelfKey) -> Result<Option<Vec<u8>>, ShelfAway> {
        self.found(ShelfAsk::Take(key))
    }

    pub(super) fn put(&self, key: ShelfKey, octets: Vec<u8>, lasts: Duration) -> Result<(), ShelfAway> {
        (self.ask)(ShelfAsk::Put(key, octets, lasts)).map(drop)
    }

    pub(super) fn swap(
        &self,
        key: ShelfKey,
        seen: Option<Vec<u8>>,
        octets: Vec<u8>,
        lasts: Duration,
    ) -> Result<bool, ShelfAway> {
        Ok((self.ask)(ShelfAsk::Swap(key, seen, octets, lasts))? == Given::Done(true))
    }

    fn found(&self, ask: ShelfAsk) -> Result<Option<Vec<u8>>, ShelfAway> {
        match (self.ask)(ask)? {
            Given::Found(found) => Ok(found),
            Given::Done(_) => Err(ShelfAway),
        }
    }
}
