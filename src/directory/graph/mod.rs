//! Microsoft Graph: asked for the users and groups of a tenant, first for all of them and then for what has changed.

mod apply;
pub(super) mod asking;
pub mod config;
mod consent;
mod credential;
mod domains;
mod doorbell;
mod fault;
mod page;
mod round;
mod staged;
mod status;
mod token;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

use super::Directory;
use crate::clock::Clock;
use crate::egress::client::Client;
pub use apply::Done;
use config::Config;
pub use domains::DomainsReport;
use domains::TenantDomains;
use doorbell::Doorbell;
pub use doorbell::{MOST as MOST_NOTIFICATION, Rung, SELDOM as DOORBELL_PAUSE};
pub use fault::{Condition, Fault};
use status::Status;
pub use status::{DisabledMany, Phase, SyncReport};
pub(super) use token::GraphTokens;

/// How often a node that follows another one looks whether it leads.
const FOLLOWING: Duration = Duration::from_millis(300);

/// Keeps one directory as Microsoft Graph has it.
#[derive(Debug)]
pub struct Sync {
    directory: Arc<Directory>,
    config: Config,
    /// Where a round is kept until it is whole.
    staged: PathBuf,
    clock: Clock,
    tokens: GraphTokens,
    status: Status,
    wanted: Notify,
    /// Whether the next round begins anew, and not at what has changed.
    wants_all: AtomicBool,
    /// Whether the next round may remove as much as it likes.
    accepts: AtomicBool,
    doorbell: Doorbell,
    domains: TenantDomains,
}

/// What an operator wants of the next round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// That everything is read, and not only what has changed.
    pub all: bool,
    /// That it may remove more than `most_removed`.
    pub accept: bool,
}

impl Sync {
    /// Syncs `directory`. What has been read of a round that is not whole is kept in a file beside the directory's.
    pub fn new(directory: Arc<Directory>, config: Config, staged: PathBuf, clock: Clock) -> Self {
        let tokens = GraphTokens::new(config.clone(), clock.clone());
        let status = Status::new(status::remembered(&directory));
        let (wants_all, accepts) = (AtomicBool::new(false), AtomicBool::new(false));
        let (doorbell, domains) = (Doorbell::default(), TenantDomains::default());
        let wanted = Notify::new();
        Self { directory, config, staged, clock, tokens, status, wanted, wants_all, accepts, doorbell, domains }
    }

    /// The directory.
    pub fn directory(&self) -> &Arc<Directory> {
        &self.directory
    }

    /// Knows what the node that has led until now has come to.
    fn catch_up(&self) {
        status::remembered(&self.directory).into_iter().for_each(|remembered| self.status.knows(remembered));
    }

    /// How it stands, in an administrator's words.
    pub fn report(&self) -> SyncReport {
        if !self.directory.leads() {
            self.catch_up();
        }
        let now = self.clock.now();
        SyncReport { alarm: status::alarm(&self.directory, now), ..self.status.report(&self.config, now) }
    }

    /// The domains of the tenant, as this node read them the last time.
    pub fn domains(&self) -> Option<DomainsReport> {
        self.domains.report()
    }

    /// Has a round begin at once.
    pub fn begin(&self, wish: Wish) {
        self.wants_all.fetch_or(wish.all, Ordering::Relaxed);
        self.accepts.fetch_or(wish.accept, Ordering::Relaxed);
        self.wanted.notify_one();
    }

    /// Syncs for as long as the future is polled: after `first_sync`, then every `delta`, everything every `full`, and when
    /// it is told to. `client` gives the way out as the configuration in force has it; `None` ends it.
    pub async fn keep(self: Arc<Self>, client: impl Fn() -> Option<Client>) {
        let mut before = self.directory.term().or(Some(0));
        loop {
            let term = self.directory.term();
            // Also if this node has led before: whatever it or another one was told meanwhile may not have come to anything.
            if term.is_some() && term != before {
                self.catch_up();
                if status::remembered(&self.directory).is_some() {
                    self.begin(Wish::default());
                }
            }
            before = term;
            if term.is_none() {
                tokio::time::sleep(FOLLOWING).await;
                continue;
            }
            let pause = self.status.pause(&self.config, self.clock.now());
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.wanted.notified() => {}
                () = self.term_ends(term) => continue,
            }
            let Some(client) = client() else { return };
            if self.directory.leads() {
                self.sync(client).await;
            }
        }
    }

    /// Returns when this node no longer leads, or leads anew.
    async fn term_ends(&self, term: Option<u64>) {
        while self.directory.term() == term {
            tokio::time::sleep(FOLLOWING).await;
        }
    }

    /// Makes one round, and notes how it went.
    pub async fn sync(&self, client: Client) {
        let wants_all = self.wants_all.swap(false, Ordering::Relaxed);
        let accepts = self.accepts.swap(false, Ordering::Relaxed);
        let all = wants_all || self.status.is_full_due(&self.config, self.clock.now());
        self.status.begin(self.clock.now());
        let outcome = self.round(client, all, accepts).await;
        let (now, directory) = (self.clock.now(), self.directory.name());
        match &outcome {
            Ok(done) => tracing::info!(
                directory,
                full = done.full,
                people_changed = done.people,
                people_removed = done.people_removed,
                groups_changed = done.groups,
                groups_removed = done.groups_removed,
                "the directory is in step with Microsoft Graph"
            ),
            Err(fault) => tracing::warn!(
                directory,
                reason = %fault,
                help = fault.help(),
                "the directory could not be synchronised: what was known before stays in force, and it is tried again"
            ),
        }
        // What an operator has wished for is made up for when it is tried again. That it may remove as much as it likes was
        // said of what the source had then.
        if outcome.as_ref().is_err_and(Fault::may_pass) {
            self.wants_all.fetch_or(wants_all, Ordering::Relaxed);
        }
        self.status.end(outcome, now);
    }
}
