//! The directories of the program: opened, kept in step with their sources, and put to use.

mod acting;
mod commands;
mod follow;
mod functions;
mod nodes;
mod person;
mod risk;
mod tokens;
mod upkeep;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;

use super::error::Error;
use crate::clock::Clock;
use crate::config::Config;
use crate::directory::action::Actions;
use crate::directory::graph::{DOORBELL_PAUSE, Rung, Sync, Wish};
use crate::directory::{Directories, Directory, Tenant};
use crate::saml;
pub(super) use acting::{Means, commands as act_commands};
pub(super) use commands::{commands, expose};
pub(super) use follow::{follow, known};
pub(super) use nodes::Nodes;
pub(super) use person::commands as person_commands;
pub use person::groups_of_people;
pub(super) use risk::{Watch, commands as risk_commands, follow_risk, keep_risk};
pub(super) use tokens::{share_tokens, tell_tokens};
pub(super) use upkeep::tidy;

/// The folder in the state folder.
const FOLDER: &str = "directory";

/// All directories that are open, under any configuration.
#[derive(Debug)]
pub(super) struct Cabinet {
    folder: PathBuf,
    clock: Clock,
    /// The other nodes, if there are any.
    nodes: Option<Arc<Nodes>>,
    open: Mutex<BTreeMap<String, Arc<Directory>>>,
    in_force: ArcSwap<Directories>,
    syncs: ArcSwap<BTreeMap<String, Arc<Sync>>>,
    actions: ArcSwap<BTreeMap<String, Arc<Actions>>>,
    watches: ArcSwap<BTreeMap<String, Arc<Watch>>>,
}

impl Cabinet {
    pub(super) fn new(state: &Path, clock: &Clock, nodes: Option<Nodes>) -> Self {
        Self {
            folder: state.join(FOLDER),
            clock: clock.clone(),
            nodes: nodes.map(Arc::new),
            open: Mutex::default(),
            in_force: ArcSwap::default(),
            syncs: ArcSwap::default(),
            actions: ArcSwap::default(),
            watches: ArcSwap::default(),
        }
    }

    /// The directories of a configuration that is not yet in force. Those that are open stay open.
    pub(super) fn take_up(&self, config: &Config) -> Result<Directories, Error> {
        let mut all = Vec::new();
        for own in &config.directories {
            let known = self.open().get(&own.name).cloned();
            let directory = match known {
                Some(known) => known,
                None => self.open_one(&own.name, own)?,
            };
            all.push((directory, own.clone()));
        }
        let realms: Vec<_> = config.realms.iter().map(saml::Config::realm).collect();
        Ok(Directories::new(all, &realms))
    }

    fn open_one(&self, name: &str, config: &crate::directory::config::Config) -> Result<Arc<Directory>, Error> {
        let path = self.folder.join(format!("{name}.redb"));
        let directory =
            Directory::open(name, &path, config.owners()).map_err(|error| Error::Directory(name.to_owned(), error))?;
        if let Some(nodes) = &self.nodes {
            nodes.join(&directory).map_err(|error| Error::Directory(name.to_owned(), error))?;
        }
        let directory = Arc::new(directory);
        self.open().insert(name.to_owned(), Arc::clone(&directory));
        Ok(directory)
    }

    /// Has these directories asked from now on, and closes the others.
    pub(super) fn put_in_force(&self, directories: &Arc<Directories>) {
        self.in_force.store(Arc::clone(directories));
        let acting = |tenant: &Tenant| {
            let actions = Actions::new(tenant, self.clock.clone())?;
            Some((tenant.config.name.clone(), Arc::new(actions)))
        };
        self.actions.store(Arc::new(directories.all().iter().filter_map(acting).collect()));
        let before = self.watches.load_full();
        let watching = |tenant: &Tenant| {
            let watch = Watch::of(tenant, &self.clock, before.get(&tenant.config.name))?;
            Some((tenant.config.name.clone(), Arc::new(watch)))
        };
        self.watches.store(Arc::new(directories.all().iter().filter_map(watching).collect()));
        for tenant in directories.all() {
            self.believe(tenant);
        }
        self.open().retain(|name, _| directories.all().iter().any(|tenant| tenant.config.name == *name));
    }

    /// Has a directory that has been open before believe those whom the configuration names now.
    fn believe(&self, tenant: &Tenant) {
        let (directory, owners) = (Arc::clone(&tenant.directory), tenant.config.owners());
        if let (true, Ok(runtime)) = (directory.believes(owners), tokio::runtime::Handle::try_current()) {
            // If the disk does not take it, the next write does it.
            runtime.spawn(async move { directory.write(|_| Ok::<_, crate::directory::Error>(())).await });
        }
    }

    /// The directories that are asked.
    pub(super) fn in_force(&self) -> Arc<Directories> {
        self.in_force.load_full()
    }

    /// What keeps the directories in force in step with Microsoft Graph, to be run for as long as they are.
    pub(super) fn syncs(&self) -> Vec<Arc<Sync>> {
        let directories = self.in_force();
        let sync = |tenant: &Tenant| {
            let staged = self.folder.join(format!("{}.round", tenant.config.name));
            let graph = tenant.config.graph.clone()?;
            let sync = Sync::new(Arc::clone(&tenant.directory), graph, staged, self.clock.clone());
            Some((tenant.config.name.clone(), Arc::new(sync)))
        };
        let syncs: BTreeMap<_, _> = directories.all().iter().filter_map(sync).collect();
        let all = syncs.values().map(Arc::clone).collect();
        self.syncs.store(Arc::new(syncs));
        all
    }

    /// Takes a notification of Microsoft Graph about a directory. False if nobody waits for one.
    pub(super) fn take_notification(self: &Arc<Self>, name: &str, body: &[u8]) -> bool {
        let Some(sync) = self.sync_of(name).filter(|_| self.has_doorbell(name)) else { return false };
        let rung = sync.take_notification(body);
        let (cabinet, name) = (Arc::clone(self), name.to_owned());
        if let (true, Ok(runtime)) = (rung != Rung::default(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(async move {
                if rung.renews {
                    sync.renew_doorbell().await;
                }
                if rung.asks {
                    cabinet.ring(&name).await;
                    // Once more, for whatever was told meanwhile.
                    tokio::time::sleep(DOORBELL_PAUSE).await;
                    cabinet.ring(&name).await;
                }
            });
        }
        true
    }

    /// Whether Microsoft Graph is to tell of changes of this directory.
    pub(super) fn has_doorbell(&self, name: &str) -> bool {
        let directories = self.in_force();
        let own = directories.all().iter().find(|tenant| tenant.config.name == name);
        own.and_then(|tenant| tenant.config.graph.as_ref()).is_some_and(|graph| graph.notification_url.is_some())
    }

    /// Has a directory asked what has changed, by whichever node leads it. Nothing, if it is not read from anywhere.
    pub(super) async fn ring(&self, name: &str) {
        let directories = self.in_force();
        let Some(tenant) = directories.all().iter().find(|tenant| tenant.config.name == name) else { return };
        match (tenant.directory.leads(), self.sync_of(name), &self.nodes) {
            (true, Some(sync), _) => sync.begin(Wish::default()),
            // If the store does not answer, the next round comes by itself.
            (false, Some(_), Some(nodes)) => drop(nodes.wish(&tenant.directory, Wish::default()).await),
            _ => {}
        }
    }

    /// The other nodes, if there are any.
    pub(super) fn nodes(&self) -> Option<&Arc<Nodes>> {
        self.nodes.as_ref()
    }

    /// What keeps this directory in step, if it is read from Microsoft Graph.
    pub(super) fn sync_of(&self, name: &str) -> Option<Arc<Sync>> {
        self.syncs.load().get(name).cloned()
    }

    /// What watches over the risk of accounts, for each directory in force whose risk is read.
    pub(super) fn watches(&self) -> Vec<Arc<Watch>> {
        self.watches.load().values().map(Arc::clone).collect()
    }

    /// What watches over the risk of this directory's accounts, if it is read.
    fn watch_of(&self, name: &str) -> Option<Arc<Watch>> {
        self.watches.load().get(name).cloned()
    }

    /// What acts on the accounts of this directory, if that is wanted.
    fn actions_of(&self, name: &str) -> Option<Arc<Actions>> {
        self.actions.load().get(name).cloned()
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Directory>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
