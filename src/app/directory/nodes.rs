//! Several nodes keep the same directories: each follows what the others write, and one leads each directory by a lease in
//! the store that they share.
//!
//! The lease decides who tries to lead, so that nodes don't take the lead from each other in turn. That only one does what
//! one alone may do is not left to it: the head of the directory's changes is swapped for one with a new epoch, and what is
//! written under another epoch is refused.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use tokio::time::sleep;

use crate::clock::{Clock, SignedDuration, after};
use crate::directory::graph::{Sync, Wish};
use crate::directory::shelf::{Given, Shelf, ShelfAsk, ShelfAway};
use crate::directory::{Directory, Error};
use crate::seal::random;
use crate::session::store::{self, Kind, Store};

/// How often a node looks whether the others have written.
const LOOK: Duration = Duration::from_millis(300);

/// How long the lease of the node that leads lasts, and how often it is renewed.
const LEASE: Duration = Duration::from_secs(6);
const RENEWAL: Duration = Duration::from_secs(2);

/// How long another node's wish for a round waits for the node that leads.
const WISH: Duration = Duration::from_secs(30);

/// How long a node that leads may be busy with one write.
const LONGEST: Duration = Duration::from_mins(15);

/// How often it is said that nodes cannot follow each other.
const SAID: Duration = Duration::from_secs(60);

/// The store that nodes share, and what this node is called.
#[derive(Debug)]
pub(in crate::app) struct Nodes {
    store: Arc<dyn Store>,
    clock: Clock,
    node: String,
    runtime: Handle,
}

/// A wish for a round that another node's operator has.
#[derive(Debug, Serialize, Deserialize)]
struct Wished {
    all: bool,
    accept: bool,
}

/// What the two tasks of one directory know of each other.
#[derive(Debug, Default)]
struct Course {
    /// When this node last knew that it was as far as all others.
    followed: Mutex<Option<Instant>>,
}

impl Nodes {
    /// The other nodes, if `store` is shared. `name` is what the configuration calls this node. Must be called in a Tokio
    /// runtime.
    pub(in crate::app) fn new(store: &Arc<dyn Store>, clock: &Clock, name: &str) -> Option<Self> {
        let [a, b, c, d] = random();
        // Two nodes may be called the same, and one that has restarted is another one.
        let node = format!("{name}-{a:02x}{b:02x}{c:02x}{d:02x}");
        let runtime = Handle::try_current().ok().filter(|_| store.is_shared())?;
        Some(Self { store: Arc::clone(store), clock: clock.clone(), node, runtime })
    }

    /// Keeps a directory together with the other nodes from now on.
    pub(super) fn join(&self, directory: &Directory) -> Result<(), Error> {
        let (store, clock, runtime) = (Arc::clone(&self.store), self.clock.clone(), self.runtime.clone());
        let ask = move |ask| runtime.block_on(answer(&*store, &clock, ask)).map_err(|_| ShelfAway);
        directory.join(Shelf::new(directory.name(), ask), &self.node, self.clock.clone())
    }

    /// Follows the other nodes, and leads them where no other node does, for as long as the future is polled. `changed` is
    /// called after each look.
    pub(in crate::app) async fn keep<F: Future<Output = ()>>(
        self: Arc<Self>,
        directory: Arc<Directory>,
        sync: Option<Arc<Sync>>,
        changed: impl Fn() -> F,
    ) {
        let course = Course::default();
        // Apart from each other: a long write keeps the one waiting, and the other must renew the lease meanwhile.
        tokio::join!(follow(&directory, &course, changed), self.lead(&directory, &course, sync));
    }

    /// Whether the shared store answers, as far as is known at this moment.
    pub(super) fn is_store_there(&self) -> bool {
        !matches!(self.store.health(), store::Health::Away { .. })
    }

    fn key(directory: &Directory, what: &str) -> store::Key {
        Shelf::key(directory.name(), what, &[])
    }

    /// Has the lease, or tries to, and does what the node that leads does.
    async fn lead(&self, directory: &Directory, course: &Course, sync: Option<Arc<Sync>>) {
        let mut renewed: Option<Instant> = None;
        loop {
            sleep(LOOK).await;
            if !course.is_good() {
                // Whoever cannot follow must not lead. The lease is let go by itself.
                (renewed, ()) = (None, directory.resign());
                continue;
            }
            if renewed.is_none_or(|renewed| renewed.elapsed() >= RENEWAL) {
                let begun = Instant::now();
                match self.renew(directory).await {
                    Ok(true) => renewed = Some(begun),
                    Ok(false) => {
                        if renewed.take().is_some() || directory.leads() {
                            tracing::warn!(
                                directory = directory.name(),
                                "another node leads the directory from now on"
                            );
                        }
                        directory.resign();
                        continue;
                    }
                    // The store does not answer: the lease goes on until it is over.
                    Err(_) if renewed.is_some_and(|renewed| renewed.elapsed() < LEASE) => {}
                    Err(_) => {
                        (renewed, ()) = (None, directory.resign());
                        continue;
                    }
                }
            }
            if !directory.leads() && directory.take_lead().await.is_ok_and(|leads| leads) {
                let epoch = directory.nodes().map_or(0, |nodes| nodes.epoch);
                tracing::info!(directory = directory.name(), epoch, "this node leads the directory from now on");
            }
            if let Some(sync) = sync.as_ref().filter(|_| directory.leads()) {
                self.take_wish(directory, sync).await;
            }
        }
    }

    /// Renews the lease, or takes it if nobody has it. False if another node has it.
    async fn renew(&self, directory: &Directory) -> Result<bool, store::Error> {
        let (key, own) = (Self::key(directory, "lease"), self.node.as_bytes());
        let held = self.store.peek(Kind::Directory, key).await?;
        // After a reload, this node has it already.
        if held.as_deref().is_some_and(|held| held != own) {
            return Ok(false);
        }
        self.store.swap(Kind::Directory, key, held, own.to_vec(), after(self.clock.now(), signed(LEASE))).await
    }

    /// Tells the node that leads that a round is wished for.
    pub(super) async fn wish(&self, directory: &Directory, wish: Wish) -> Result<(), store::Error> {
        let record = serde_json::to_vec(&Wished { all: wish.all, accept: wish.accept }).unwrap_or_default();
        let expires = after(self.clock.now(), signed(WISH));
        self.store.put(Kind::Directory, Self::key(directory, "wish"), record, expires).await
    }

    /// Tells the node that leads that the risk of accounts is to be read.
    pub(super) async fn wish_risk(&self, directory: &Directory) -> Result<(), store::Error> {
        let expires = after(self.clock.now(), signed(WISH));
        self.store.put(Kind::Directory, Self::key(directory, "risk wish"), b"1".to_vec(), expires).await
    }

    /// Whether another node wishes that the risk of accounts is read.
    pub(super) async fn takes_risk_wish(&self, directory: &Directory) -> bool {
        let taken = self.store.take(Kind::Directory, Self::key(directory, "risk wish")).await;
        taken.is_ok_and(|taken| taken.is_some())
    }

    async fn take_wish(&self, directory: &Directory, sync: &Sync) {
        let Ok(Some(record)) = self.store.take(Kind::Directory, Self::key(directory, "wish")).await else { return };
        if let Ok(Wished { all, accept }) = serde_json::from_slice(&record) {
            sync.begin(Wish { all, accept });
        }
    }
}

impl Course {
    /// Whether this node can follow. A long write may keep it from that for a while.
    fn is_good(&self) -> bool {
        self.followed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some_and(|followed| followed.elapsed() < LONGEST)
    }

    fn note(&self, followed: Option<Instant>) {
        *self.followed.lock().unwrap_or_else(PoisonError::into_inner) = followed;
    }
}

/// Follows the other nodes.
async fn follow<F: Future<Output = ()>>(directory: &Directory, course: &Course, changed: impl Fn() -> F) {
    let mut said: Option<Instant> = None;
    loop {
        match directory.follow().await {
            Ok(()) => {
                course.note(Some(Instant::now()));
                said = None;
                changed().await;
            }
            Err(error) => {
                // While the store is away, the lease decides how long this node leads.
                if !matches!(error, Error::Away) {
                    course.note(None);
                }
                if said.is_none_or(|said| said.elapsed() > SAID) {
                    tracing::warn!(
                        directory = directory.name(),
                        %error,
                        "this node cannot follow what other nodes write into the directory: what it knows stays in force, and nothing new is written until it can"
                    );
                    said = Some(Instant::now());
                }
            }
        }
        sleep(LOOK).await;
    }
}

/// Asks the store.
async fn answer(store: &dyn Store, clock: &Clock, ask: ShelfAsk) -> Result<Given, store::Error> {
    let until = |lasts| after(clock.now(), signed(lasts));
    match ask {
        ShelfAsk::Look(key) => store.peek(Kind::Directory, key).await.map(Given::Found),
        ShelfAsk::Take(key) => store.take(Kind::Directory, key).await.map(Given::Found),
        ShelfAsk::Put(key, octets, lasts) => {
            store.put(Kind::Directory, key, octets, until(lasts)).await.map(|()| Given::Done(true))
        }
        ShelfAsk::Swap(key, seen, octets, lasts) => {
            store.swap(Kind::Directory, key, seen, octets, until(lasts)).await.map(Given::Done)
        }
    }
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}
