//! The store contract: what every store promises, whatever it keeps things in.
//!
//! **Records** are bytes under a kind and a key, until a time. A few operations are enough for sign-in to be sound on any
//! number of nodes, because each of them is atomic:
//!
//! - `put` keeps a record; an older one under the same key is replaced.
//! - `peek` looks at a record.
//! - `take` gives a record out once, however many ask at the same time.
//! - `claim` succeeds for the first that names a key, and for nobody else until the record expires.
//! - `swap` replaces a record by another if it is still what the caller has seen; no record is a sight, too.
//! - `count` adds one to a number that begins at nought and ends at its time, and gives the sum.
//!
//! **Sessions** are rows under an identifier, found also by their person:
//!
//! - `keep` keeps a row, unless its session has been ended: nothing brings it back.
//! - `renew` replaces rows that are still there, and makes no new ones.
//! - `find`, `of_person` and `list` give rows out; `held_by` says how many a person has, and may count some that are over.
//! - `end` removes a row, and says whether there was one.
//!
//! What has expired is not given out, whether or not it has been swept. A write is seen by every later read, on every
//! node that shares the store. What `sync` has waited for is there after the program was killed, as far as the store
//! outlives a program at all. Nothing that is kept lets whoever steals it sign in: keys are fingerprints of secrets.
//!
//! A store that does not answer is [`Error::Away`], and says so soon: nobody waits for it, and nothing piles up.

pub mod attested;
#[cfg(test)]
mod contract;
pub mod embedded;
pub mod measured;
pub mod memory;
pub mod redis;

use std::fmt;
use std::pin::Pin;

use tokio::sync::mpsc;

use crate::clock::Timestamp;

/// A fingerprint of a secret or of a name.
pub type Key = [u8; 16];

/// What a store will answer.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// What a record is for. Keys of different kinds never meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A sign-in that was sent to an identity provider.
    Pending,
    /// A ticket that carries a session to one origin.
    Ticket,
    /// An assertion that has been used.
    Assertion,
    /// A challenge that has been answered.
    Challenge,
    /// What a client address stands for.
    Address,
    /// A number that is counted up.
    Count,
    /// A session that has been ended, so that nothing brings it back.
    Ended,
    /// What a proxy host name stands for, and which names a person has.
    Name,
    /// What a client certificate stands for.
    Certificate,
    /// A terminal that waits for somebody to approve it.
    Terminal,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Pending,
        Self::Ticket,
        Self::Assertion,
        Self::Challenge,
        Self::Address,
        Self::Count,
        Self::Ended,
        Self::Name,
        Self::Certificate,
        Self::Terminal,
    ];

    /// The letter that it has in files and databases.
    pub fn letter(self) -> u8 {
        match self {
            Self::Pending => b'p',
            Self::Ticket => b't',
            Self::Assertion => b'a',
            Self::Challenge => b'c',
            Self::Address => b'i',
            Self::Count => b'n',
            Self::Ended => b'e',
            Self::Name => b'h',
            Self::Certificate => b'k',
            Self::Terminal => b'd',
        }
    }

    /// The kind with this letter.
    pub fn of_letter(letter: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.letter() == letter)
    }
}

/// Why a store did not do what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Records that are still good would have to go.
    #[error("the store is full")]
    Full,
    /// It does not answer.
    #[error("the store is away")]
    Away,
}

/// A session, as a store sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The session's identifier.
    pub id: Key,
    /// The fingerprint of its person.
    pub person: Key,
    /// When it may be forgotten.
    pub expires: Timestamp,
    /// Everything else.
    pub content: Vec<u8>,
}

/// What comes from a store that nodes share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// A session has been ended, on whatever node.
    Ended(Key),
    /// A node has told something: it may have been this one.
    Told(Vec<u8>),
    /// The store is there, for the first time or again. It may have lost what it was given.
    Returned,
}

/// How a store is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It keeps what it is given.
    Well,
    /// It goes on, but what it is given now would not survive a restart.
    Forgetful,
    /// It has not answered since then.
    Away {
        /// When it was last heard of.
        since: Timestamp,
    },
}

/// What is kept between requests, and perhaps between restarts and nodes.
pub trait Store: Send + Sync + fmt::Debug {
    /// Keeps `record` under `key` until `expires`.
    fn put(&self, kind: Kind, key: Key, record: Vec<u8>, expires: Timestamp) -> Answer<'_, ()>;

    /// Looks at a record without using it up.
    fn peek(&self, kind: Kind, key: Key) -> Answer<'_, Option<Vec<u8>>>;

    /// Gives a record out, once.
    fn take(&self, kind: Kind, key: Key) -> Answer<'_, Option<Vec<u8>>>;

    /// Claims `key` until `expires`; false when it was claimed before.
    fn claim(&self, kind: Kind, key: Key, expires: Timestamp) -> Answer<'_, bool>;

    /// Replaces the record that was `seen` by `record`; false when there is another one by now.
    fn swap(
        &self,
        kind: Kind,
        key: Key,
        seen: Option<Vec<u8>>,
        record: Vec<u8>,
        expires: Timestamp,
    ) -> Answer<'_, bool>;

    /// Adds one to the number under `key`, which begins now if there is none and ends at `expires` then.
    fn count(&self, key: Key, expires: Timestamp) -> Answer<'_, u64>;

    /// Keeps a session; false when it has been ended.
    fn keep(&self, row: Row) -> Answer<'_, bool>;

    /// Replaces the rows of sessions that are still there.
    fn renew(&self, rows: Vec<Row>) -> Answer<'_, ()>;

    /// The session with this identifier.
    fn find(&self, id: Key) -> Answer<'_, Option<Row>>;

    /// The sessions of a person.
    fn of_person(&self, person: Key) -> Answer<'_, Vec<Row>>;

    /// How many sessions a person has, at most: some that are over may be among them.
    fn held_by(&self, person: Key) -> Answer<'_, usize>;

    /// The `most` sessions whose identifiers come after this one's, in the order of identifiers.
    fn list(&self, after: Option<Key>, most: usize) -> Answer<'_, Vec<Row>>;

    /// Ends a session; false when there was none.
    fn end(&self, row: Row) -> Answer<'_, bool>;

    /// Waits until what was written before is as safe as this store makes it.
    fn sync(&self) -> Answer<'_, ()>;

    /// Waits until it has answered for the first time, and what other nodes tell is heard.
    fn arrive(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::ready(()))
    }

    /// How many sessions there are, more or less.
    fn sessions(&self) -> usize;

    /// How it is.
    fn health(&self) -> Health {
        Health::Well
    }

    /// Forgets what has expired, if it does not do so by itself.
    fn sweep(&self) {}

    /// Tells every node that shares the store. When this returns, all that can be reached have been sent it.
    fn tell(&self, what: Vec<u8>) -> Answer<'_, ()> {
        drop(what);
        memory::at_once(Ok(()))
    }

    /// Whether other nodes may share it.
    fn is_shared(&self) -> bool {
        false
    }

    /// What nodes tell, once: whoever takes it has it. None where there is no other node.
    fn news(&self) -> Option<mpsc::Receiver<News>> {
        None
    }
}
