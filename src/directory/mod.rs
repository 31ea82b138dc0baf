//! The directory: who there is, what they are called, and of which groups they are, as one tenant's sources say it.
//!
//! Two feeds write it: Microsoft Graph, which is asked, and SCIM, which is told. What each of them says is kept as a row of
//! its own ([`PersonRow`], [`GroupRow`]), and rows of one object are joined by its Entra object ID, whichever came first.
//! [`Owners`] decides whose word counts for which attribute. What comes of it is a [`Snapshot`], which readers take without
//! waiting for anybody, and which is replaced as a whole when a write is on the disk.

pub mod action;
pub mod config;
mod directories;
mod edit;
mod error;
mod feed;
mod file;
pub mod graph;
mod index;
mod journal;
mod object;
mod peers;
mod reading;
mod resolve;
pub mod risk;
mod row;
pub mod shelf;
mod slots;
mod snapshot;
mod tables;
mod whole;
mod writer;

use std::path::Path;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use tokio::sync::broadcast;

use crate::clock::{Clock, SignedDuration, Timestamp};
use shelf::Shelf;

pub use directories::{Directories, Judgement, Tenant};
pub use edit::Edit;
pub use error::{Conflict, Error};
pub use feed::{Attribute, Feed, Owners};
pub use graph::Fault;
pub use object::{Group, Number, Person, Standing};
pub use peers::NodesReport;
use peers::{Mark, Peers};
pub use reading::Reading;
pub use resolve::{Domains, Resolved};
pub use row::{GroupRow, PersonRow};
pub use snapshot::Snapshot;
use writer::{Told, Writer};

/// How many people who were deleted are forgotten in one write, at most.
const TIDIED: usize = 10_000;

/// How many changes may wait for whoever follows them, until they are told to look at everything.
const UNTOLD: usize = 1024;

/// As how many changes a file counts into which people were pushed before there were other nodes.
const PUSHED: u64 = 1 << 32;

/// The directory of one tenant. Cheap to share.
#[derive(Debug)]
pub struct Directory {
    name: String,
    file: Arc<file::Storage>,
    snapshot: Arc<ArcSwap<Snapshot>>,
    changes: broadcast::Sender<Arc<Changes>>,
    owners: Arc<ArcSwap<Owners>>,
    risks: Arc<risk::RiskTable>,
    writer: Writer,
    peers: Arc<OnceLock<Peers>>,
}

/// What one write has changed, told once it is on the disk and in the snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// The people whose rows, standing or direct groups have changed.
    pub people: Vec<Number>,
    /// What they were before, in the same order; `None` for people who are new.
    pub before: Vec<Option<Arc<Person>>>,
    /// Whether a group, or its place in another one, has changed: anybody's groups may have.
    pub groups: bool,
    /// Whether anything may have changed: everything was read anew.
    pub all: bool,
}

impl Directory {
    /// Opens the directory `name` in its file at `path`, and makes the file if there is none. Reads all of it into memory.
    pub fn open(name: &str, path: &Path, owners: Owners) -> Result<Self, Error> {
        Self::over(name, file::Storage::open(path)?, owners)
    }

    fn over(name: &str, file: file::Storage, owners: Owners) -> Result<Self, Error> {
        let file = Arc::new(file);
        let snapshot = Arc::new(ArcSwap::from_pointee(edit::load(&file, &owners)?));
        let risks = Arc::new(risk::RiskTable::load(&file.read()?)?);
        let changes = broadcast::Sender::new(UNTOLD);
        let owners = Arc::new(ArcSwap::from_pointee(owners));
        let (read, own) = (Arc::clone(&snapshot), Arc::clone(&owners));
        let peers = Arc::new(OnceLock::new());
        let told = Told { changes: changes.clone(), risks: Arc::clone(&risks) };
        let writer = Writer::start(name, Arc::clone(&file), read, told, own, Arc::clone(&peers))?;
        Ok(Self { name: name.to_owned(), file, snapshot, changes, owners, risks, writer, peers })
    }

    /// The name of the directory in the configuration.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Has these count from the next write on, for everything that is in the file. Whether they are others than before.
    pub fn believes(&self, owners: Owners) -> bool {
        let is_new = **self.owners.load() != owners;
        if is_new {
            self.owners.store(Arc::new(owners));
        }
        is_new
    }

    /// Everything as it is now. It waits for nobody.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// What each write from now on changes. Whoever is told that they have lagged must look at everything.
    pub fn changes(&self) -> broadcast::Receiver<Arc<Changes>> {
        self.changes.subscribe()
    }

    /// Makes changes, all or none of them. When this returns `Ok`, they are on the disk, in the snapshot, and announced.
    ///
    /// Writes that wait at the same time share one sync of the disk, so `job` may be called again from the start, if
    /// another one fails after it has changed something. It runs on a thread of its own and may block, but not await.
    pub async fn write<T, E, J>(&self, job: J) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        J: FnMut(&mut Edit<'_>) -> Result<T, E> + Send + 'static,
    {
        self.writer.write(job).await
    }

    /// Keeps it together with other nodes from now on: all of them go through the same changes, and nothing is written
    /// while the store that has `shelf` does not answer. `node` is what this node is called; no two may be called the same.
    pub fn join(&self, shelf: Shelf, node: &str, clock: Clock) -> Result<(), Error> {
        let reading = self.read()?;
        let noted = reading.state(edit::POSITION)?;
        let kept = noted.as_ref().and_then(|octets| serde_json::from_slice(octets).ok());
        let snapshot = self.snapshot();
        let is_empty = snapshot.people_count() == 0 && snapshot.group_count() == 0;
        // What was written before there were other nodes counts for more than nothing.
        // What was pushed counts for more than what can be read again: nobody pushes it a second time.
        let was_pushed =
            reading.people(Feed::Scim, None)?.next().is_some() || reading.groups(Feed::Scim, None)?.next().is_some();
        let changes = if was_pushed && noted.is_none() { PUSHED } else { u64::from(!is_empty) };
        let mark = kept.unwrap_or(Mark { changes, ..Mark::default() });
        // Whoever has joined stays.
        drop(self.peers.set(Peers::new(shelf, node.to_owned(), clock, mark)));
        Ok(())
    }

    /// Does what the other nodes have written; nothing if there are none.
    pub async fn follow(&self) -> Result<(), Error> {
        match self.peers.get() {
            Some(_) => self.writer.follow().await,
            None => Ok(()),
        }
    }

    /// Has this node do what only one node does. False if another one was faster.
    pub async fn take_lead(&self) -> Result<bool, Error> {
        match self.peers.get() {
            Some(_) => self.writer.lead().await,
            None => Ok(true),
        }
    }

    /// Has this node no longer do what only one node does.
    pub fn resign(&self) {
        self.peers.get().into_iter().for_each(Peers::resign);
    }

    /// Whether this node does what only one node does, such as to read Microsoft Graph.
    pub fn leads(&self) -> bool {
        self.peers.get().is_none_or(Peers::leads)
    }

    /// Since which change of the lead this node leads; 0 if there are no other nodes, `None` if it does not lead.
    pub(super) fn term(&self) -> Option<u64> {
        self.nodes().map_or(Some(0), |nodes| nodes.leads.then_some(nodes.epoch))
    }

    /// How it stands among other nodes, if there are any.
    pub fn nodes(&self) -> Option<NodesReport> {
        self.peers.get().map(Peers::report)
    }

    /// Forgets those who were deleted longer than `keep` ago. Returns how many.
    ///
    /// # Errors
    /// [`Error::NotLeading`] if another node leads, which does it.
    pub async fn tidy(&self, now: Timestamp, keep: SignedDuration) -> Result<usize, Error> {
        let (now, before) = (now.as_second(), now.as_second().saturating_sub(keep.as_secs()));
        self.write(move |edit| {
            edit.lead()?;
            edit.forget_deleted(now, before, TIDIED)
        })
        .await
    }

    /// What the feeds have said, as it is now on the disk, in whole rows. It reads the file: not for the way of a request.
    pub fn read(&self) -> Result<Reading, Error> {
        self.file.read()
    }
}

#[cfg(test)]
mod tests;
