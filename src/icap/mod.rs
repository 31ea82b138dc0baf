//! Scanners that are reached by ICAP (RFC 3507): they look at what people upload and download, and say what they have found.
//! There is no scanner of our own.
//!
//! What is written and read is in `head`, `options` and `finding`, which are pure. A `Point` is one service: what it can do,
//! whether it works, its connections. A `Look` is one message that a service looks at.

mod body;
mod config;
mod fetch;
pub mod finding;
pub mod head;
mod look;
mod message;
pub mod options;
mod peek;
mod point;
mod reader;
mod sender;
mod spool;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub use body::Body;
pub use config::{Config, OnFailure, OverSize, Partial, Requests, Tell, media_type};
pub use finding::Finding;
pub use head::Direction;
pub use look::Look;
pub use message::{Attend, Gone, Message, Reply, Trouble};
pub use point::{Outage, Point};
pub use spool::Space;

use crate::egress::Dialler;
use crate::egress::client::Client;

/// What came of a message; of several, the last of these counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Nothing was found.
    Clean,
    /// The scanner has changed it, or answered in its place.
    Modified,
    /// It was not to be looked at.
    Skipped,
    /// It could not be looked at, and passed.
    Bypassed,
    /// It could not be looked at, and was refused.
    Refused,
    /// Something was found in it.
    Found,
}

impl Verdict {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Clean, Self::Modified, Self::Skipped, Self::Bypassed, Self::Refused, Self::Found];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skipped => "skipped",
            Self::Clean => "clean",
            Self::Modified => "modified",
            Self::Bypassed => "bypassed",
            Self::Refused => "refused",
            Self::Found => "found",
        }
    }
}

/// One scanner: its services, and the room for what they look at.
#[derive(Debug)]
pub struct Scanner {
    /// Its name.
    pub name: Arc<str>,
    /// What is written of it.
    pub config: Config,
    reqmod: Option<Arc<Point>>,
    respmod: Option<Arc<Point>>,
    /// Where bodies are kept.
    pub space: Arc<Space>,
    verdicts: [AtomicU64; Verdict::ALL.len()],
}

/// The scanners of one configuration.
#[derive(Debug)]
pub struct Scanners {
    all: Vec<Arc<Scanner>>,
    client: Client,
}

impl Scanner {
    fn new(config: &Config, folder: &Path) -> Self {
        let name: Arc<str> = config.name.as_str().into();
        let point = |direction| {
            let address = config.address(direction)?.clone();
            Some(Arc::new(Point::new(&name, direction, address, config)))
        };
        Self {
            reqmod: point(Direction::Reqmod),
            respmod: point(Direction::Respmod),
            space: Space::new(folder, config.spool.as_bytes()),
            verdicts: [const { AtomicU64::new(0) }; Verdict::ALL.len()],
            config: config.clone(),
            name,
        }
    }

    /// The service that looks at what goes in this direction.
    pub fn point(&self, direction: Direction) -> Option<&Arc<Point>> {
        match direction {
            Direction::Reqmod => self.reqmod.as_ref(),
            Direction::Respmod => self.respmod.as_ref(),
        }
    }

    /// Its services.
    pub fn points(&self) -> impl Iterator<Item = &Arc<Point>> {
        self.reqmod.iter().chain(&self.respmod)
    }

    /// Counts what came of a message.
    pub fn count(&self, verdict: Verdict) {
        if let Some(counter) = self.verdicts.get(verdict as usize) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How often each verdict was given.
    pub fn counts(&self) -> impl Iterator<Item = (Verdict, u64)> {
        Verdict::ALL.into_iter().zip(&self.verdicts).map(|(verdict, count)| (verdict, count.load(Ordering::Relaxed)))
    }
}

impl Scanners {
    /// The scanners that are written, which keep bodies in `folder`. One that is written as it was `before` goes on, and so does
    /// what is known of it.
    pub fn new(written: &[Config], folder: &Path, dialler: &Arc<Dialler>, before: Option<&Self>) -> Self {
        let known = |config: &Config| before?.all.iter().find(|scanner| scanner.config == *config).cloned();
        let all = written.iter().map(|config| known(config).unwrap_or_else(|| Arc::new(Scanner::new(config, folder))));
        Self { all: all.collect(), client: Client { dialler: Arc::clone(dialler) } }
    }

    /// All of them.
    pub fn all(&self) -> &[Arc<Scanner>] {
        &self.all
    }

    /// The one of this name.
    pub fn get(&self, name: &str) -> Option<&Arc<Scanner>> {
        self.all.iter().find(|scanner| *scanner.name == *name)
    }

    /// What opens connections to them.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Asks those that it is time for what they can do.
    pub fn tend(self: &Arc<Self>) {
        for point in self.all.iter().flat_map(|scanner| scanner.points()).filter(|point| point.is_due()) {
            let (all, point) = (Arc::clone(self), Arc::clone(point));
            tokio::spawn(async move { point.tend(&all.client).await });
        }
    }
}
