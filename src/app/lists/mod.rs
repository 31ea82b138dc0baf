//! Keeps the lists that configurations name: what each holds, since when, and what went wrong last.

mod commands;
mod fetch;
mod keep;
mod load;
mod state;

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::clock::{Clock, Timestamp};
use crate::lists::cache::Stamp;
use crate::lists::{Config, Content, Lists};
pub(super) use commands::{commands, expose};
pub use commands::{described, found};
pub(super) use keep::keep;
use state::Copied;

/// What follows where a list was never read. To block all that it might hold would block everything for everybody.
const EMPTY: &str = "it holds nothing yet, so nothing of it is blocked, and no rule opens anything by it";

/// All lists that are known. They outlive the configuration that named them first.
#[derive(Debug)]
pub struct Shelf {
    state: PathBuf,
    clock: Clock,
    /// Whether what took long to read is kept in the state folder. Whoever only looks writes nothing there.
    keeps: bool,
    held: Mutex<Vec<Arc<Held>>>,
    /// What was said last of lists that are not there.
    said: Mutex<Vec<String>>,
}

/// What is known of one list. It never changes: what is learnt of it makes another one.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) config: Arc<Config>,
    /// What it holds; empty before it was first read.
    content: Arc<Content>,
    /// What that was made from.
    stamp: Option<Stamp>,
    /// The state of its files that was tried last.
    tried: Option<Stamp>,
    /// What is known of the copy that it was made from, if it was fetched.
    copied: Copied,
    /// Since when it holds that.
    since: Option<Timestamp>,
    /// When it was last known to be up to date.
    checked: Option<Timestamp>,
    /// Why it was not, the last time.
    error: Option<String>,
    /// Wakes whoever keeps it up to date.
    wanted: Arc<Notify>,
    /// Whether an operator has said that the next content is taken, however much of the last one it has lost.
    accepts: Arc<AtomicBool>,
}

impl Shelf {
    /// A shelf with nothing on it. Copies are kept in the folder `state`.
    pub(super) fn new(state: &Path, clock: &Clock) -> Self {
        Self {
            state: state.to_owned(),
            clock: clock.clone(),
            keeps: true,
            held: Mutex::default(),
            said: Mutex::default(),
        }
    }

    /// The lists of a configuration, as whoever runs no program sees them.
    pub fn of_files(config: &crate::config::Config, clock: &Clock) -> Self {
        let shelf = Self { keeps: false, ..Self::new(&config.state, clock) };
        shelf.take_up(&config.lists);
        shelf
    }

    /// Reads the lists that are not known, and files that have changed. What cannot be read stays as it was.
    pub(super) fn take_up(&self, configs: &[Config]) {
        for config in configs {
            let held = load::load(config, self, self.find(config).as_deref());
            if let Some(error) = held.error.as_deref().filter(|_| held.copied.is_none()) {
                match held.since {
                    Some(_) => {
                        tracing::error!(
                            list = config.name,
                            error,
                            "a list cannot be read: its last content stays in force"
                        );
                    }
                    None => tracing::error!(list = config.name, error, "a list cannot be read: {EMPTY}"),
                }
            }
            self.put(held);
        }
    }

    /// The lists of a configuration, as they are now. One that was never read is not among them: what it would hold is unknown.
    pub fn lists(&self, configs: &[Config]) -> Lists {
        let held = configs.iter().filter_map(|config| self.find(config)).filter(|held| held.since.is_some());
        held.flat_map(|held| held.sets().map(|(name, part)| (name, Arc::clone(&part.set))).collect::<Vec<_>>())
            .collect()
    }

    /// The lists of which nothing is known here.
    pub(super) fn unread(&self) -> Vec<String> {
        self.held().iter().filter(|held| held.since.is_none()).map(|held| held.config.name.clone()).collect()
    }

    /// What there is to say of each list that is named and is not there, among these that `configs` write.
    pub fn missing<'n>(&self, names: impl Iterator<Item = &'n str>, configs: &[Config]) -> Vec<String> {
        let said = |name: &str| {
            let (list, category) = name.split_once('/').unwrap_or((name, ""));
            let held = configs.iter().find(|config| config.name == list).and_then(|config| self.find(config));
            match held.and_then(|held| held.since) {
                None => format!("list {name}: it was never read: {EMPTY}"),
                Some(_) => format!(
                    "list {name}: `{list}` has no category `{category}`: nothing of it is blocked, and no rule opens anything \
                     by it (`vestibule lists` shows what there is)"
                ),
            }
        };
        names.map(said).collect()
    }

    /// Those of these remarks that were not made the last time: edges are built anew all the time, and the lists in force may be
    /// the same.
    pub(super) fn news(&self, missing: Vec<String>) -> Vec<String> {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let news = missing.iter().filter(|remark| !said.contains(remark)).cloned().collect();
        *said = missing;
        news
    }

    /// Forgets the lists that are not in this configuration.
    pub(super) fn keep_only(&self, configs: &[Config]) {
        self.held().retain(|held| configs.contains(&held.config));
    }

    /// What is known of the list that is written so.
    pub(super) fn find(&self, config: &Config) -> Option<Arc<Held>> {
        self.held().iter().find(|held| *held.config == *config).map(Arc::clone)
    }

    /// All that is known, in the order in which it came.
    fn all(&self) -> Vec<Arc<Held>> {
        self.held().clone()
    }

    /// Takes what was learnt of a list.
    fn put(&self, held: Held) {
        let mut all = self.held();
        match all.iter_mut().find(|other| other.config == held.config) {
            Some(other) => *other = Arc::new(held),
            None => all.push(Arc::new(held)),
        }
    }

    fn held(&self) -> MutexGuard<'_, Vec<Arc<Held>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// A list of which nothing is known yet.
    fn new(config: &Config) -> Self {
        Self {
            config: Arc::new(config.clone()),
            content: Arc::default(),
            stamp: None,
            tried: None,
            copied: Copied::default(),
            since: None,
            checked: None,
            error: None,
            wanted: Arc::default(),
            accepts: Arc::default(),
        }
    }

    /// The same list, with what was read at `now`.
    fn with(&self, content: Content, stamp: Stamp, now: Timestamp) -> Self {
        let content = Arc::new(content);
        Self { content, stamp: Some(stamp), since: Some(now), checked: Some(now), error: None, ..self.clone() }
    }

    /// The same list, of which nothing new could be read.
    fn failed(&self, error: impl std::fmt::Display) -> Self {
        Self { error: Some(error.to_string()), ..self.clone() }
    }

    /// Each set by the name that rules call it. A list of which nothing is known has one that holds nothing.
    fn sets(&self) -> impl Iterator<Item = (String, crate::lists::Part)> + '_ {
        let name = &self.config.name;
        let named = self.content.sets.iter().map(move |(category, part)| {
            let name = if category.is_empty() { name.clone() } else { format!("{name}/{category}") };
            (name, part.clone())
        });
        let nothing = self.content.sets.is_empty().then(|| (name.clone(), crate::lists::Part::default()));
        named.chain(nothing)
    }
}

#[cfg(test)]
mod tests;
