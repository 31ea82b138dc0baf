//! The memory: what outlives any configuration. It holds who is signed in, what is under way, what was counted, and
//! where that is kept.

use std::path::PathBuf;
use std::sync::Arc;

use super::authority;
use super::directory::{self, Cabinet, Nodes};
use super::error::Error;
use super::lists::Shelf;
use super::open::{self, longest_session};
use crate::authority::Authority;
use crate::clock::{Clock, Timestamp};
use crate::config::Config;
use crate::listener::Shared;
use crate::net::Limits;
use crate::observe::audit::{Entry, What};
use crate::observe::{AccessLog, Audit};
use crate::portal::{self, Operators};
use crate::proxy;
use crate::scim;
use crate::session::ends::Held;
use crate::session::keys::Keys;
use crate::session::pending::PendingSignIns;
use crate::session::store::Store;
use crate::session::store::measured::{Measured, RoundTrips};
use crate::session::terminal::Terminals;
use crate::session::ticket::Tickets;
use crate::session::{Bindings, Sessions};

/// Everything that outlives a configuration.
pub(super) struct Memory {
    pub(super) state: PathBuf,
    pub(super) clock: Clock,
    pub(super) started: Timestamp,
    pub(super) authority: Arc<Authority>,
    pub(super) log: Arc<AccessLog>,
    pub(super) audit: Arc<Audit>,
    pub(super) store: Arc<dyn Store>,
    pub(super) round_trips: Arc<RoundTrips>,
    pub(super) keys: Keys,
    pub(super) sessions: Arc<Sessions>,
    pub(super) bindings: Arc<Bindings>,
    pub(super) tickets: Arc<Tickets>,
    pub(super) pending: Arc<PendingSignIns>,
    pub(super) terminals: Arc<Terminals>,
    pub(super) operators: Arc<Operators>,
    pub(super) lists: Arc<Shelf>,
    pub(super) directories: Arc<Cabinet>,
    pub(super) shared: Shared,
    pub(super) proxy: Arc<proxy::Memory>,
    pub(super) portal: Arc<portal::Memory>,
    pub(super) scim: Arc<scim::Memory>,
}

impl Memory {
    /// Opens everything that is kept, where the configuration says that it is kept.
    pub(super) fn open(config: &Config, limits: &Limits, clock: &Clock) -> Result<Self, Error> {
        let authority = Arc::new(Authority::open(authority::source(config), clock.clone())?);
        let log = Arc::new(open::access_log(&config.log, clock)?);
        let audit = Arc::new(open::audit(&config.log, clock)?);
        audit.count_in(log.metrics());
        let keys = open::keys(config, clock)?;
        let store = Measured::new(open::store(config, &keys, clock)?);
        let round_trips = Arc::clone(store.round_trips());
        let store: Arc<dyn Store> = Arc::new(store);
        let ends = open::ends(config, &keys, clock);
        let sessions = Sessions::new(config.session.clone(), Arc::clone(&store), clock.clone());
        let sessions = Arc::new(sessions.keeping(Arc::clone(&ends)));
        let (names, own) = (config.proxy_names.clone(), Arc::clone(&sessions));
        let bindings = Arc::new(Bindings::new(names, own, Arc::clone(&store), clock.clone()).keeping(ends));
        let tickets = Tickets::new(Arc::clone(&store), clock.clone()).beside(sessions.neighbours());
        let tickets = tickets.sealed_by(Arc::clone(keys.sealer()));
        let pending = PendingSignIns::new(Arc::clone(&store), clock.clone(), config.portal.sign_in_timeout);
        let shared = Shared::new(limits);
        let terminals = Terminals::new(Arc::clone(&store), clock.clone()).knowing(shared.connections.known().clone());
        witness(&sessions, &audit, &log);
        let nodes = Nodes::new(&store, clock, &config.log.node_name());
        let directories = Arc::new(Cabinet::new(&config.state, clock, nodes));
        let asked = Arc::clone(&directories);
        sessions.regard_people_by(move |user, authenticated| directory::known(&asked.in_force(), user, authenticated));
        Ok(Self {
            state: config.state.to_path_buf(),
            clock: clock.clone(),
            started: clock.now(),
            authority,
            log,
            audit,
            round_trips,
            keys,
            sessions,
            bindings,
            tickets: Arc::new(tickets),
            pending: Arc::new(pending),
            terminals: Arc::new(terminals),
            operators: Arc::new(open::operators(&config.state)),
            lists: Arc::new(Shelf::new(&config.state, clock)),
            directories,
            shared,
            proxy: Arc::new(proxy::Memory::new(limits, clock)),
            portal: Arc::default(),
            scim: Arc::new(scim::Memory::new(scim::BearerTokens::open(&config.state, clock.clone())?)),
            store,
        })
    }

    /// Goes by other logs, lifetimes and bounds from now on. What is kept stays.
    pub(super) fn hold_to(&self, config: &Config, limits: &Limits, logs: Option<&Logs>) {
        if let Some(logs) = logs {
            self.log.go_on_as(&logs.access);
            self.audit.go_on_as(&logs.audit);
            self.audit.count_in(self.log.metrics());
        }
        self.keys.hold_to(longest_session(config));
        self.sessions.hold_to(config.session.clone());
        self.bindings.hold_to(config.proxy_names.clone());
        self.pending.hold_to(config.portal.sign_in_timeout);
        self.shared.connections.hold_to(limits.bounds());
    }
}

/// The logs of a configuration that is not yet in force.
pub(super) struct Logs {
    access: AccessLog,
    audit: Audit,
}

impl Logs {
    pub(super) fn open(config: &Config, clock: &Clock) -> Result<Self, Error> {
        Ok(Self { access: open::access_log(&config.log, clock)?, audit: open::audit(&config.log, clock)? })
    }
}

/// Has each session that ends on this node recorded and counted.
fn witness(sessions: &Sessions, audit: &Arc<Audit>, log: &AccessLog) {
    let (audit, metrics) = (Arc::clone(audit), Arc::clone(log.metrics()));
    sessions.witness().tell(move |session, ending, by, held| {
        metrics.session_ended(ending.as_str());
        let entry = Entry {
            user: Some(&session.user.name),
            realm: Some(&session.user.realm),
            session: Some(&session.id.short()),
            client: Some(session.client.to_canonical()),
            by: Some(by).filter(|by| !by.is_empty()),
            reason: Some(ending.as_str()),
            outcome: (held != Held::Everywhere).then(|| held.as_str()),
            ..Entry::default()
        };
        audit.record(What::SessionEnded, entry);
    });
}
