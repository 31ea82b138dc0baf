//! The contract of stores: what every one promises, whatever it keeps things in.
//!
//! **Records** are bytes under a kind and a key, until a time. A few operations are enough for sign-in to be sound on any
//! number of nodes, because each of them is atomic:
//!
//! - `put` keeps a record; an older one under the same key is replaced.
//! - `peek` looks at a record.
//! - `take` gives a record out once, however many ask at the same time.
//! - `claim` succeeds for the first caller that names a key, and for no other until the record expires.
//! - `swap` replaces a record by another if it is still the one that the caller has seen. The caller may also have seen
//!   that there is none.
//! - `count` adds one to a number, which begins at zero and expires at its time, and gives the sum.
//!
//! **Sessions** are rows under an identifier, found also by their person, and by the name that they were given in an assertion:
//!
//! - `keep` keeps a row, unless its session has been ended: an ended session never comes back.
//! - `renew` replaces rows that are still there, and makes no new ones.
//! - `of_name` gives all rows that were kept or renewed with a name, and may give some that have another name by now.
//!   So the caller must compare. A row that is renewed without a name keeps the one it has.
//! - `unnamed` gives the rows that were never kept or renewed with a name, such as those of an older version. Any name
//!   may be theirs.
//! - `find`, `of_person` and `list` give rows; `held_by` says how many a person has, and may count some that are over.
//! - `end` removes a row, and says whether there was one.
//!
//! What has expired is not given out, whether or not it has been swept. Every later read sees a write, on every node
//! that shares the store. After `sync` has returned, what was written before it survives the killing of the program, if
//! the store outlives the program at all. Nothing in a store lets a thief sign in: keys are fingerprints of secrets.
//!
//! A store that does not answer gives [`Error::Away`] within about a second, so that nobody waits for long, and nothing
//! piles up.

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

/// A fingerprint of a secret or of a name: what records and sessions are kept under.
pub type Key = [u8; 16];

/// The name of a session that has been given none, so that no name leads to it.
pub const NAMELESS: Key = [0; 16];

/// A future with a store's answer.
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
    /// A counter.
    Count,
    /// That a session has been ended, so that it never comes back.
    Ended,
    /// What a proxy host name stands for; also the list of a person's names.
    Name,
    /// What a client certificate stands for.
    Certificate,
    /// A terminal that waits for somebody to approve it.
    Terminal,
    /// An address that somebody wants and that is too long to travel.
    Wanted,
    /// What nodes tell each other of a directory.
    Directory,
    /// A message of a transmitter that has been taken, so that it is not taken again.
    Signal,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 13] = [
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
        Self::Wanted,
        Self::Directory,
        Self::Signal,
    ];

    /// The letter that stands for it in files and databases.
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
            Self::Wanted => b'w',
            Self::Directory => b'g',
            Self::Signal => b'v',
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
    /// There is no room: records that are still good would have to go.
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
    /// The fingerprint of the name in its assertion, or [`NAMELESS`] if it has none; `None` if the writer does not say.
    /// It is for stores to index: rows that a store gives out need not have it.
    pub name: Option<Key>,
    /// When the store may forget it.
    pub expires: Timestamp,
    /// Everything else, which stores do not look into.
    pub content: Vec<u8>,
}

/// What comes from a store that nodes share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// A session has been ended, on whatever node.
    Ended(Key),
    /// A node has told the others something. The node may be this one.
    Told(Vec<u8>),
    /// The store answers, for the first time or again. It may have lost what it was given.
    Returned,
}

/// How a store is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It keeps what it is given.
    Well,
    /// It works, but what it is given now would not survive a restart.
    Forgetful,
    /// It does not answer.
    Away {
        /// When this node noticed.
        since: Timestamp,
    },
}

/// Keeps what must be remembered between requests, and perhaps across restarts and nodes. See the contract above.
pub trait Store: Send + Sync + fmt::Debug {
    /// Keeps `record` under `key` until `expires`.
    fn put(&self, kind: Kind, key: Key, record: Vec<u8>, expires: Timestamp) -> Answer<'_, ()>;

    /// Looks at a record without using it up.
    fn peek(&self, kind: Kind, key: Key) -> Answer<'_, Option<Vec<u8>>>;

    /// Gives a record out, once.
    fn take(&self, kind: Kind, key: Key) -> Answer<'_, Option<Vec<u8>>>;

    /// Claims `key` until `expires`; false when it was claimed before.
    fn claim(&self, kind: Kind, key: Key, expires: Timestamp) -> Answer<'_, bool>;

    /// Replaces the record that the caller has `seen` (`None`: that there is none) by `record`; false when another one
    /// is there by now.
    fn swap(
        &self,
        kind: Kind,
        key: Key,
        seen: Option<Vec<u8>>,
        record: Vec<u8>,
        expires: Timestamp,
    ) -> Answer<'_, bool>;

    /// Adds one to the number under `key`, and gives the sum. If there is no number, one begins that expires at
    /// `expires`.
    fn count(&self, key: Key, expires: Timestamp) -> Answer<'_, u64>;

    /// Keeps a session; false when it has been ended.
    fn keep(&self, row: Row) -> Answer<'_, bool>;

    /// Replaces the rows of sessions that are still there.
    fn renew(&self, rows: Vec<Row>) -> Answer<'_, ()>;

    /// The session with this identifier.
    fn find(&self, id: Key) -> Answer<'_, Option<Row>>;

    /// The sessions of a person.
    fn of_person(&self, person: Key) -> Answer<'_, Vec<Row>>;

    /// The sessions that were given this name. Some may have another name by now.
    fn of_name(&self, name: Key) -> Answer<'_, Vec<Row>>;

    /// Up to `most` sessions that have been given no name, and whose identifiers come after `after`, in the order of
    /// identifiers.
    fn unnamed(&self, after: Option<Key>, most: usize) -> Answer<'_, Vec<Row>>;

    /// How many sessions a person has. Some that are over may be counted.
    fn held_by(&self, person: Key) -> Answer<'_, usize>;

    /// Up to `most` sessions whose identifiers come after `after`, in the order of identifiers.
    fn list(&self, after: Option<Key>, most: usize) -> Answer<'_, Vec<Row>>;

    /// Ends a session; false when there was none.
    fn end(&self, row: Row) -> Answer<'_, bool>;

    /// Waits until everything that was written before is as durable as this store can make it.
    fn sync(&self) -> Answer<'_, ()>;

    /// Waits until the store has answered for the first time, and hears what other nodes tell.
    fn arrive(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::ready(()))
    }

    /// Roughly how many sessions there are.
    fn sessions(&self) -> usize;

    /// Whether it works, and what it promises at the moment.
    fn health(&self) -> Health {
        Health::Well
    }

    /// Removes what has expired, in stores that do not do so by themselves.
    fn sweep(&self) {}

    /// Tells `what` to every node that shares the store. When this returns, all nodes that can be reached have been
    /// sent it.
    fn tell(&self, what: Vec<u8>) -> Answer<'_, ()> {
        drop(what);
        memory::at_once(Ok(()))
    }

    /// Whether other nodes may share this store.
    fn is_shared(&self) -> bool {
        false
    }

    /// What nodes tell. Can be taken once; `None` after that, and where there is no other node.
    fn news(&self) -> Option<mpsc::Receiver<News>> {
        None
    }
}
