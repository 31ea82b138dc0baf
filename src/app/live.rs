//! The configuration in force: the edges that answer requests, and how new edges replace them.
//!
//! Everything that changes how requests are answered goes this way: a new file, fresh metadata, hosts that an operator
//! accepts. Edges are built anew around the same memory, and one pointer is swapped. If they cannot be built, all stays
//! as it is.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use arc_swap::ArcSwap;
use http::Method;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::descriptors;
use super::directory::{Means, follow, follow_risk, keep_risk, share_tokens, tidy};
use super::edges::{Built, Edges, Plan};
use super::error::Error;
use super::lists::keep;
use super::memory::{Logs, Memory};
use super::metadata::Source;
use super::outlet::Outlet;
use super::sockets::{Fresh, METRICS, Sockets};
use super::vouched;
use super::workers::Workers;
use crate::clock::Clock;
use crate::config::{self, Config, Loaded};
use crate::listener::Acceptor;
use crate::net::{Limits, tls_tickets};
use crate::proxy::ServePortal;
use crate::wire::Era;

/// The running program.
pub(super) struct Live {
    edges: ArcSwap<Edges>,
    pub(super) memory: Memory,
    force: Mutex<Force>,
    serve_portal: ServePortal,
}

/// What is in force, and what runs for it. Whoever changes the configuration holds this lock from the first look to the
/// last change, so that changes come one after the other. Requests never take it: they take the pointer to the edges.
struct Force {
    config: Config,
    /// The text of the file, with which a new one is compared to say what it changes.
    text: String,
    limits: Limits,
    era: Era,
    sockets: Sockets,
    /// What must be started when the program begins to serve.
    waiting: Option<Waiting>,
    /// `None` before the program serves, and after it has ended.
    serving: Option<Serving>,
}

/// What must be started when the program begins to serve.
struct Waiting {
    acceptors: Vec<(usize, Vec<Acceptor>)>,
    outlet: Option<Outlet>,
    sources: Vec<Source>,
}

/// What runs for a configuration.
struct Serving {
    workers: Workers,
    /// The runtime of everything that does not run on workers.
    runtime: Handle,
    /// Tasks that end with the configuration.
    tasks: Vec<JoinHandle<()>>,
    /// The task that serves metrics at an address of their own.
    outlet: Option<JoinHandle<()>>,
}

/// What a new configuration has changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// What differs in the file, by section. Values are not shown, because some are secret.
    pub changes: Vec<config::Change>,
    /// The keys whose change takes a restart, and which stay as they were.
    pub fixed: Vec<String>,
}

impl Live {
    /// Binds all addresses, opens what is kept, and builds the first edges. Must be called in a Tokio runtime.
    pub(super) fn open(config: &Config, clock: &Clock) -> Result<Arc<Self>, Error> {
        if let Some(allowed) = descriptors::too_few() {
            return Err(Error::Descriptors(allowed));
        }
        let limits = limits_of(config);
        let memory = Memory::open(config, &limits, clock)?;
        let Fresh { mut sockets, acceptors, outlet, .. } = Sockets::bind(config, &limits, &memory.shared, None)?;
        // The function that serves the portal is built before the running program exists, and finds it here.
        let (here, era) = (Arc::new(OnceLock::new()), 1);
        let serve_portal = serve_portal_of(Arc::clone(&here));
        let issuing = memory.authority.issuing();
        let plan = Plan {
            config,
            limits,
            memory: &memory,
            issuing: &issuing,
            sockets: &sockets,
            era,
            before: None,
            same: false,
            serve_portal: &serve_portal,
        };
        let Built { edges, sources } = plan.build()?;
        memory.directories.put_in_force(&edges.directories);
        sockets.open(config, &limits, &edges.entries, &edges.secure);
        let waiting = Some(Waiting { acceptors, outlet, sources });
        let (config, text) = (config.clone(), String::new());
        let force = Mutex::new(Force { config, text, limits, era, sockets, waiting, serving: None });
        let live = Arc::new(Self { edges: ArcSwap::from_pointee(edges), memory, force, serve_portal });
        here.get_or_init(|| Arc::downgrade(&live));
        Ok(live)
    }

    /// The edges in force. Each request must take them once, so that it does not see half of two configurations.
    pub(super) fn edges(&self) -> Arc<Edges> {
        self.edges.load_full()
    }

    /// Notes the text of the file from which the configuration was read.
    pub(super) fn read_from(&self, text: String) {
        self.force().text = text;
    }

    /// Whether the program serves or has served. Before that there is nothing for a reload to take over.
    pub(super) fn has_begun(&self) -> bool {
        self.force().waiting.is_none()
    }

    /// Whether the configuration says that its file is watched.
    pub(super) fn watches(&self) -> bool {
        self.force().config.watch
    }

    /// Looks at the configuration in force.
    pub(super) fn with_config(&self, look: impl FnOnce(&Config)) {
        look(&self.force().config);
    }

    /// The file of the policy, where it has one of its own.
    pub(super) fn policy_file(&self) -> Option<PathBuf> {
        self.force().config.policy_file.clone()
    }

    /// The addresses to which clients connect, by listener; and the one for metrics.
    pub(super) fn addresses(&self) -> Vec<(String, SocketAddr)> {
        let force = self.force();
        let metrics = force.sockets.outlet.map(|(_, address)| (METRICS.to_owned(), address));
        self.edges().addresses(&force.sockets).into_iter().chain(metrics).collect()
    }

    /// Begins to serve.
    pub(super) fn begin(self: &Arc<Self>) -> io::Result<()> {
        let edges = self.edges();
        self.memory.proxy.answer_by(Some(Arc::clone(&edges.proxy)));
        let mut force = self.force();
        let mut workers = Workers::default();
        for _ in 0..force.limits.workers.max(1) {
            workers.start(edges.proxy.pool())?;
        }
        let mut serving = Serving { workers, runtime: Handle::current(), tasks: Vec::new(), outlet: None };
        // The sockets are open: whoever comes first for TLS waits for what is left of this, and nobody else does.
        drop(serving.runtime.spawn_blocking(tls_tickets::prepare));
        if let Some(Waiting { acceptors, outlet, sources }) = force.waiting.take() {
            self.accept(&serving.runtime, &serving.workers, &force.sockets, acceptors);
            self.give_figures(&mut serving, outlet);
            self.begin_tasks(&mut serving, &edges, sources, &force.config);
        }
        force.serving = Some(serving);
        Ok(())
    }

    /// Ends everything that runs, and breaks off what has not finished.
    pub(super) async fn end(&self) {
        let serving = self.force().serving.take();
        if let Some(Serving { workers, tasks, outlet, .. }) = serving {
            tasks.iter().chain(&outlet).for_each(JoinHandle::abort);
            workers.end().await;
        }
        self.memory.proxy.answer_by(None);
    }

    /// Builds edges anew for the same configuration, because something else that they depend on has changed. False if that
    /// cannot be done: then all stays as it was.
    pub(super) fn renew(&self) -> bool {
        let mut force = self.force();
        let (before, issuing) = (self.edges(), self.memory.authority.issuing());
        let Force { config, limits, era, sockets, .. } = &mut *force;
        let plan = Plan {
            config,
            limits: *limits,
            memory: &self.memory,
            issuing: &issuing,
            sockets,
            era: *era,
            before: Some(&before),
            same: true,
            serve_portal: &self.serve_portal,
        };
        match plan.build() {
            Ok(Built { edges, .. }) => {
                self.swap(edges);
                true
            }
            Err(error) => {
                tracing::error!(%error, "new metadata, lists, hosts or hours cannot be put in force: the program goes on by the old ones");
                false
            }
        }
    }

    /// Puts another configuration in force. If that cannot be done, all stays as it is.
    pub(super) fn reload(self: &Arc<Self>, Loaded { mut config, text, .. }: Loaded) -> Result<Changed, Error> {
        let mut force = self.force();
        let changes = config::changes(&force.text, &text);
        let fixed = keep_fixed(&mut config, &force.config, &changes);
        let has_changed = |section: &str| changes.iter().any(|change| change.section == section);
        let limits = Limits { workers: force.limits.workers, ..limits_of(&config) };
        let logs = has_changed("log").then(|| Logs::open(&config, &self.memory.clock)).transpose()?;
        let shared = &self.memory.shared;
        let Fresh { mut sockets, acceptors, outlet, gone } =
            Sockets::bind(&config, &limits, shared, Some(&force.sockets))?;
        let authority = super::authority::source(&config).find(self.memory.clock.now())?;
        let (before, era) = (self.edges(), force.era + 1);
        let plan = Plan {
            config: &config,
            limits,
            memory: &self.memory,
            issuing: authority.issuing(),
            sockets: &sockets,
            era,
            before: Some(&before),
            same: false,
            serve_portal: &self.serve_portal,
        };
        let Built { edges, sources } = plan.build()?;
        // From here on nothing can fail. The order matters. New clients are let in by the new gates, memory goes by the
        // new bounds, and then the pointer is swapped and the old edges retire: a tunnel that asks then finds the new
        // proxy. Sockets that are no longer named close last.
        sockets.open(&config, &limits, &edges.entries, &edges.secure);
        self.memory.hold_to(&config, &limits, logs.as_ref());
        self.memory.directories.put_in_force(&edges.directories);
        if self.memory.authority.put(authority) {
            // Those that go on have theirs by the one before.
            edges.secure.iter().flatten().for_each(|secure| secure.refresh());
            super::authority::tell_soon(&self.memory.authority, &config, self.memory.clock.now());
        }
        self.swap(edges);
        // Whichever keys have changed: the content of a file that they name, of certificates or a password, may have
        // changed as well.
        self.memory.proxy.forget_ways();
        let moved = force.sockets.outlet != sockets.outlet;
        if let Some(serving) = &mut force.serving {
            self.accept(&serving.runtime, &serving.workers, &sockets, acceptors);
            if moved {
                serving.outlet.take().iter().for_each(JoinHandle::abort);
                self.give_figures(serving, outlet);
            }
            serving.tasks.drain(..).for_each(|task| task.abort());
            self.begin_tasks(serving, &self.edges(), sources, &config);
        } else {
            force.waiting = Some(Waiting { acceptors, outlet, sources });
        }
        gone.iter().for_each(crate::listener::End::begin);
        self.memory.lists.keep_only(&config.lists);
        (force.config, force.text, force.limits, force.era, force.sockets) = (config, text, limits, era, sockets);
        Ok(Changed { changes, fixed })
    }

    /// Puts these edges in force.
    fn swap(&self, edges: Edges) {
        let edges = Arc::new(edges);
        self.memory.proxy.answer_by(Some(Arc::clone(&edges.proxy)));
        let before = self.edges.swap(edges);
        // After both pointers are new, because a tunnel that is woken by this asks `memory.proxy` at once.
        before.proxy.retire();
    }

    fn give_figures(self: &Arc<Self>, serving: &mut Serving, outlet: Option<Outlet>) {
        let Some(outlet) = outlet else { return };
        let (live, limits, stop) = (Arc::clone(self), self.edges().limits, self.memory.shared.stop.clone());
        let answer = move |method: &Method, path: &str| live.figures(method, path);
        serving.outlet = Some(serving.runtime.spawn(outlet.run(answer, limits, stop)));
    }

    /// Starts the tasks that run for one configuration.
    fn begin_tasks(self: &Arc<Self>, serving: &mut Serving, edges: &Edges, sources: Vec<Source>, config: &Config) {
        let Serving { runtime, tasks, .. } = serving;
        for source in sources {
            tasks.push(runtime.spawn(Self::keep_known(Arc::downgrade(self), source)));
        }
        for list in &config.lists {
            let (here, again) = (Arc::downgrade(self), Arc::downgrade(self));
            let client = move || here.upgrade().map(|live| live.edges().client());
            let renew = move || again.upgrade().is_some_and(|live| live.renew());
            tasks.push(runtime.spawn(keep(list.clone(), Arc::clone(&self.memory.lists), client, renew)));
        }
        for sync in self.memory.directories.syncs() {
            let here = Arc::downgrade(self);
            let client = move || here.upgrade().map(|live| live.edges().client());
            let (again, bell) = (Arc::downgrade(self), Arc::clone(&sync));
            tasks.push(runtime.spawn(sync.keep(client)));
            let client = move || again.upgrade().map(|live| live.edges().client());
            tasks.push(runtime.spawn(bell.keep_doorbell(client)));
        }
        tasks.push(runtime.spawn(tidy(Arc::clone(&edges.directories), self.memory.clock.clone())));
        for watch in self.memory.directories.watches() {
            let here = Arc::downgrade(self);
            let means = Means {
                cabinet: Arc::clone(&self.memory.directories),
                sessions: Arc::clone(&self.memory.sessions),
                audit: Arc::clone(&self.memory.audit),
                client: move || here.upgrade().map(|live| live.edges().client()),
            };
            tasks.push(runtime.spawn(keep_risk(means, watch)));
        }
        for own in &config.directories {
            let (sessions, directories) = (Arc::clone(&self.memory.sessions), Arc::clone(&edges.directories));
            let here = Arc::downgrade(self);
            let renew = move || here.upgrade().is_some_and(|live| live.renew());
            tasks.push(runtime.spawn(follow_risk(sessions, directories, own.name.clone(), renew)));
        }
        for own in &config.directories {
            let (sessions, directories) = (Arc::clone(&self.memory.sessions), Arc::clone(&edges.directories));
            let here = Arc::downgrade(self);
            let renew = move || here.upgrade().is_some_and(|live| live.renew());
            tasks.push(runtime.spawn(follow(sessions, directories, own.name.clone(), renew)));
        }
        self.keep_with_others(runtime, tasks, edges);
        let here = Arc::downgrade(self);
        let client = move || here.upgrade().map(|live| live.edges().client());
        edges.signals.begin(&client, runtime, tasks);
        let (following, probing) = (Arc::clone(&edges.dialler), Arc::clone(&edges.dialler));
        tasks.push(runtime.spawn(async move { following.follow_addresses().await }));
        tasks.push(runtime.spawn(async move { probing.probe_parents().await }));
        tasks.push(runtime.spawn(vouched::end_others(Arc::clone(&self.memory.sessions), edges.claims())));
    }

    /// Keeps each directory together with the other nodes, if there are any.
    fn keep_with_others(&self, runtime: &Handle, tasks: &mut Vec<JoinHandle<()>>, edges: &Edges) {
        let cabinet = &self.memory.directories;
        let Some(nodes) = cabinet.nodes() else { return };
        for tenant in edges.directories.all() {
            let directory = Arc::clone(&tenant.directory);
            let (tokens, own) = (Arc::clone(&self.memory.scim.tokens), Arc::clone(&directory));
            let changed = move || share_tokens(Arc::clone(&tokens), Arc::clone(&own));
            let sync = cabinet.sync_of(&tenant.config.name);
            tasks.push(runtime.spawn(Arc::clone(nodes).keep(directory, sync, changed)));
        }
    }

    fn force(&self) -> MutexGuard<'_, Force> {
        self.force.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The function that serves the portal to clients of the proxy, by the configuration in force at that time.
fn serve_portal_of(here: Arc<OnceLock<Weak<Live>>>) -> ServePortal {
    Arc::new(move |stream, peer| {
        let live = here.get().and_then(Weak::upgrade);
        Box::pin(async move {
            if let Some(live) = live {
                live.serve_portal(stream, peer).await;
            }
        })
    })
}

/// The configured limits, lowered to what the system allows, and with the number of workers.
fn limits_of(config: &Config) -> Limits {
    let limits = descriptors::fit(config.limits);
    let processors = || std::thread::available_parallelism().map_or(1, usize::from);
    Limits { workers: if limits.workers == 0 { processors() } else { limits.workers }, ..limits }
}

/// Keeps the values that only a restart can change, and gives the names of the keys that were to change.
fn keep_fixed(config: &mut Config, before: &Config, changes: &[config::Change]) -> Vec<String> {
    config.state.clone_from(&before.state);
    config.session.store = before.session.store;
    config.session.redis.clone_from(&before.session.redis);
    for directory in &mut config.directories {
        if let Some(same) = before.directories.iter().find(|same| same.name == directory.name) {
            (directory.scim, directory.owner) = (same.scim, same.owner);
            directory.of_the_other.clone_from(&same.of_the_other);
        }
    }
    let is_fixed = |section: &str, key: &str| match section {
        "state" => true,
        "session" => key == "store" || key.starts_with("redis"),
        // Existing sockets and pools of origin connections keep their settings.
        "limits" => {
            ["workers", "origin_idle", "origin_idle_connections", "tcp_keepalive", "tcp_user_timeout"].contains(&key)
        }
        "listener" => key.ends_with(".backlog"),
        // A directory that is open goes on hearing whom it hears.
        "directory" => [".scim", ".owner", ".of_the_other"].iter().any(|end| key.ends_with(end)),
        _ => false,
    };
    let fixed = changes.iter().flat_map(|change| {
        let named = change.keys.iter().filter(|key| is_fixed(&change.section, key));
        named.map(|key| if key.is_empty() { change.section.clone() } else { format!("{}.{key}", change.section) })
    });
    fixed.collect()
}
