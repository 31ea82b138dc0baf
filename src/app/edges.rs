//! The edges: what one configuration makes of the program (policy, networks, portal, PAC files, pages), as plain values
//! that nothing changes. Another configuration makes new edges around the same memory.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::desk::{Desk, desk};
use super::draft::failures;
use super::error::Error;
use super::garden::SignInHosts;
use super::memory::Memory;
use super::metadata::Source;
use super::realms::{PortalCertificate, portal_certificate, realm_parts, sign_in_hosts};
use super::signals::{Receivers, notified_by, ring_of};
use super::sockets::{PORTAL, SCIM, Sockets};
use crate::authority::Issuing;
use crate::config::{self, Config, section};
use crate::directory::Directories;
use crate::egress::client::Client;
use crate::egress::{Dialler, OriginTls, Roots};
use crate::icap::Scanners;
use crate::identity::{Networks, Realm};
use crate::listener::Secure;
use crate::lists::Lists;
use crate::net::Limits;
use crate::observe::AccessLog;
use crate::pac::{self, Pac};
use crate::page::{Brand, Curl, Locales};
use crate::policy::Policy;
use crate::portal::{self, Hook, Portal, RealmParts, TakeSignal};
use crate::proxy::{self, Proxy};
use crate::saml::{self, ClaimMap};
use crate::session::names::Addresses;
use crate::session::{Bindings, Sessions};
use crate::wire::forwarded::Forwarders;
use crate::wire::{Destination, Entries, Entry, Era, Scheme};

/// Everything that can answer a request, as one configuration has it.
pub(super) struct Edges {
    pub(super) proxy: Arc<Proxy>,
    pub(super) portal: Portal,
    pub(super) portal_destination: Destination,
    pub(super) portal_certificate: PortalCertificate,
    /// What takes requests of SCIM, if anything does.
    pub(super) scim: Option<Desk>,
    pub(super) pac: Arc<Pac>,
    /// What each listener knows of its clients.
    pub(super) entries: Arc<Entries>,
    /// The TLS of the listeners, in their order; `None` for plain ones.
    pub(super) secure: Vec<Option<Arc<Secure>>>,
    /// The addresses of proxy host names, if there are any.
    pub(super) names: Option<Addresses>,
    /// How a terminal's curl reaches the portal, if terminals can be signed in.
    pub(super) curl: Option<Curl>,
    pub(super) brand: Brand,
    /// What guests agree to.
    pub(super) guest_terms: Option<String>,
    pub(super) locales: &'static Locales,
    pub(super) limits: Limits,
    /// The name of this node.
    pub(super) node: String,
    pub(super) realms: Vec<RealmParts>,
    pub(super) hosts: SignInHosts,
    pub(super) dialler: Arc<Dialler>,
    /// The lists, as they were when these edges were built.
    pub(super) lists: Lists,
    /// The directories of the configuration.
    pub(super) directories: Arc<Directories>,
    /// The scanners that rules name.
    pub(super) scanners: Arc<Scanners>,
    /// What takes signals.
    pub(super) signals: Receivers,
    // These belong to `Memory`, and are here as well because every request needs them.
    pub(super) sessions: Arc<Sessions>,
    pub(super) bindings: Arc<Bindings>,
    pub(super) log: Arc<AccessLog>,
    pub(super) finish: CancellationToken,
}

/// Edges that are not yet in force, and the metadata that must be fetched for them.
pub(super) struct Built {
    pub(super) edges: Edges,
    /// One for each realm whose metadata must be fetched.
    pub(super) sources: Vec<Source>,
}

/// What edges are built from.
#[derive(Clone, Copy)]
pub(super) struct Plan<'a> {
    pub(super) config: &'a Config,
    pub(super) limits: Limits,
    pub(super) memory: &'a Memory,
    /// What will issue certificates when these edges are in force.
    pub(super) issuing: &'a Issuing,
    pub(super) sockets: &'a Sockets,
    pub(super) era: Era,
    /// The edges that these will replace.
    pub(super) before: Option<&'a Edges>,
    /// Whether the configuration is the same, and something else that edges depend on has changed.
    pub(super) same: bool,
    /// Leads to the program that serves the portal inside the proxy.
    pub(super) serve_portal: &'a proxy::ServePortal,
}

/// What a portal is made of, beside what outlives it.
#[derive(Clone, Copy)]
struct PortalParts<'a> {
    policy: &'a Arc<Policy>,
    hook: &'a Option<(Hook, Client)>,
    names: &'a Option<Addresses>,
    realms: &'a [RealmParts],
    tools: &'a Option<portal::Tools>,
    brand: &'a Brand,
    guest_terms: &'a Option<String>,
    signals: &'a Option<TakeSignal>,
    directories: &'a Arc<Directories>,
}

/// Where the portal is reached.
fn portal_destination(config: &Config) -> Result<Destination, Error> {
    let authority = format!("{}:{}", config.portal.url.host(), config.portal.url.port());
    Ok(Destination::of_authority(Scheme::Https, &authority)?)
}

/// What the proxy needs for tokens.
fn token_parts(tools: portal::Tools, realms: Vec<Realm>) -> proxy::token::Parts {
    let (terminals, curl, attempts_per_minute) = (tools.terminals, tools.curl, tools.tokens.attempts_per_minute);
    proxy::token::Parts { terminals, realms, curl, attempts_per_minute }
}

impl Plan<'_> {
    /// Builds the edges, and changes nothing that is in force.
    pub(super) fn build(self) -> Result<Built, Error> {
        let Self { config, limits, memory, .. } = self;
        if !self.same {
            memory.lists.take_up(&config.lists);
        }
        let lists = memory.lists.lists(&config.lists);
        let directories = self.directories()?;
        let mut sources = Vec::new();
        let realms = self.realms(&mut sources)?;
        let hosts = sign_in_hosts(config, &realms, self.before.map(|before| &before.hosts));
        let portal_host = config.portal.url.host().to_owned();
        let facts = pac::Facts { portal_host, idp_hosts: hosts.names(), proxy: None };
        let pac = self.pac(&facts)?;
        let secure = self.secure()?;
        let entries = Arc::new(self.entries());
        let dialler = self.dialler()?;
        let scanners = self.scanners(&dialler);
        let secure_port = self.sockets.proxies.iter().zip(&secure).find(|(_, secure)| secure.is_some());
        let names = config.proxy_names.addresses(secure_port.map(|(bound, _)| bound.address.port()));
        // What comes from files is read at a start and at a reload. Fresh metadata, a new list or the hours of a rule must be
        // put in force whatever has become of a logo or of a certificate that is just being renewed.
        let same = self.before.filter(|_| self.same);
        let brand = same.map_or_else(|| config.portal.brand(), |before| Ok(before.brand.clone()))?;
        let guest_terms = same.map_or_else(|| config.portal.terms(), |before| Ok(before.guest_terms.clone()))?;
        let tools = self.tools();
        let curl = tools.as_ref().map(|tools| tools.curl.clone());
        let portal_destination = portal_destination(config)?;
        let known: Vec<_> = config.realms.iter().map(saml::Config::realm).collect();
        let policy = self.policy(&known, &hosts, &lists)?;
        let hook = config.portal.hook()?.map(|hook| (hook, Client { dialler: Arc::clone(&dialler) }));
        let signals = Receivers::new(config, memory, self.before.map(|before| &before.signals));
        let take_signal = signals.take(Client { dialler: Arc::clone(&dialler) });
        let of_portal = PortalParts {
            policy: &policy,
            hook: &hook,
            names: &names,
            realms: &realms,
            tools: &tools,
            brand: &brand,
            guest_terms: &guest_terms,
            signals: &take_signal,
            directories: &directories,
        };
        let portal = self.portal(of_portal);
        let kept = same.map(|before| Ok(before.portal_certificate.clone()));
        let portal_certificate = kept.unwrap_or_else(|| portal_certificate(config, &memory.authority))?;
        let proxy = Proxy::new(
            proxy::Parts {
                sessions: Arc::clone(&memory.sessions),
                tickets: Arc::clone(&memory.tickets),
                bindings: Arc::clone(&memory.bindings),
                sealer: Arc::clone(memory.keys.sealer()),
                policy,
                authority: Arc::clone(&memory.authority),
                log: Arc::clone(&memory.log),
                portal: self.served(&portal, &portal_destination),
                brand: brand.clone(),
                dialler: Arc::clone(&dialler),
                limits,
                forwarded_for: config.egress.forwarded_for,
                probes: config.portal.probes.clone().into(),
                pac: Arc::clone(&pac),
                entries: Arc::clone(&entries),
                guests_agree: guest_terms.is_some(),
                interception: config.interception,
                scanners: Arc::clone(&scanners),
                audit: Arc::clone(&memory.audit),
                clock: memory.clock.clone(),
                tokens: tools.map(|tools| token_parts(tools, known)),
                finish: memory.shared.finish.clone(),
                tasks: memory.shared.tasks.clone(),
            },
            Arc::clone(&memory.proxy),
        );
        let edges = Edges {
            proxy: Arc::new(proxy),
            portal,
            portal_destination,
            portal_certificate,
            scim: desk(config, memory, &directories, same.map(|before| &before.scim))?,
            pac,
            entries,
            secure,
            names,
            curl,
            brand,
            guest_terms,
            locales: Locales::built_in(),
            limits,
            node: config.log.node_name(),
            realms,
            hosts,
            dialler,
            lists,
            directories,
            scanners,
            signals,
            sessions: Arc::clone(&memory.sessions),
            bindings: Arc::clone(&memory.bindings),
            log: Arc::clone(&memory.log),
            finish: memory.shared.finish.clone(),
        };
        Ok(Built { edges, sources })
    }

    /// The portal, as the proxy needs it.
    fn served(&self, portal: &Portal, destination: &Destination) -> proxy::Portal {
        proxy::Portal {
            url: portal.origin().to_string(),
            destination: destination.clone(),
            serve: Arc::clone(self.serve_portal),
        }
    }

    /// The policy, once its cases have been put to it.
    fn policy(&self, realms: &[Realm], hosts: &SignInHosts, lists: &Lists) -> Result<Arc<Policy>, Error> {
        let policy = Policy::new(&self.config.policy, realms, hosts.patterns()).knowing(lists);
        let policy = self.looked_at(policy);
        self.question(&policy, realms)?;
        Ok(Arc::new(policy))
    }

    /// The realms, and what must be fetched for them.
    fn realms(&self, sources: &mut Vec<Source>) -> Result<Vec<RealmParts>, Error> {
        let known = self.before.map(|before| &before.realms[..]).unwrap_or_default();
        let parts = |realm: &saml::Config| {
            let before = known.iter().find(|known| known.realm.name == realm.name);
            realm_parts(realm, self.config, &self.memory.clock, before, self.same, sources)
        };
        self.config.realms.iter().map(parts).collect()
    }

    /// The directories: those in force, where it is the same configuration.
    fn directories(&self) -> Result<Arc<Directories>, Error> {
        match self.before.filter(|_| self.same) {
            Some(before) => Ok(Arc::clone(&before.directories)),
            None => self.memory.directories.take_up(self.config).map(Arc::new),
        }
    }

    fn portal(&self, parts: PortalParts<'_>) -> Portal {
        let memory = self.memory;
        let parts = portal::Parts {
            sessions: Arc::clone(&memory.sessions),
            tickets: Arc::clone(&memory.tickets),
            bindings: Arc::clone(&memory.bindings),
            names: parts.names.clone(),
            pending: Arc::clone(&memory.pending),
            sealer: Arc::clone(memory.keys.sealer()),
            realms: parts.realms.to_vec(),
            authority: Arc::clone(&memory.authority),
            tools: parts.tools.clone(),
            operators: Arc::clone(&memory.operators),
            policy: Arc::clone(parts.policy),
            hook: parts.hook.clone(),
            ring: Some(ring_of(memory)),
            notified: Some(notified_by(memory)),
            signals: parts.signals.clone(),
            brand: parts.brand.clone(),
            guest_terms: parts.guest_terms.clone(),
            ways: self.config.policy.rules.iter().flat_map(|rule| rule.authn_context.clone()).collect(),
            directories: Arc::clone(parts.directories),
            clock: memory.clock.clone(),
            audit: Arc::clone(&memory.audit),
            metrics: Arc::clone(memory.log.metrics()),
        };
        Portal::new(self.config.portal.clone(), parts, Arc::clone(&memory.portal))
    }

    /// Says what may not be meant in the policy, and puts its cases to it. One that comes out otherwise stops a reload, if it
    /// must not; a start goes on, because that nobody can go anywhere is no better.
    fn question(&self, policy: &Policy, realms: &[Realm]) -> Result<(), Error> {
        if self.same {
            return Ok(());
        }
        for doubt in config::doubtful_names(self.config) {
            tracing::warn!(doubt, "a name in a rule may mean somebody else than it seems to, or nobody");
        }
        let failures: Vec<String> =
            failures(self.config, policy, realms).into_iter().map(|failure| failure.to_string()).collect();
        if self.config.policy.must_pass && self.before.is_some() && !failures.is_empty() {
            return Err(Error::Cases(failures));
        }
        for case in failures {
            tracing::warn!(
                case,
                "the policy is in force, although it decides one of its cases otherwise than the case expects"
            );
        }
        Ok(())
    }

    /// The entries of the listeners, and after them those of the portal and of SCIM.
    fn entries(&self) -> Entries {
        let networks = Arc::new(Networks::new(&self.config.networks));
        let entry = |listener: &section::Listener| {
            let forwarders = (!listener.forwarders.is_empty()).then(|| {
                let (networks, connections) = (Arc::clone(&networks), Arc::clone(&self.memory.shared.connections));
                let forwarders =
                    Forwarders::new(&listener.forwarders, listener.forwarded_client, networks, connections);
                Arc::new(forwarders.at_guest_listener(listener.guest))
            });
            let entry = Entry::new(&listener.name, listener.guest, forwarders, Arc::clone(&networks), self.era);
            Arc::new(entry.at(listener.address, self.before.map(|before| &*before.entries)))
        };
        let own = |name| Arc::new(Entry::new(name, false, None, Arc::clone(&networks), self.era));
        let scim = self.config.scim.listen.map(|_| own(SCIM));
        let all = self.config.listeners.iter().map(entry).chain([own(PORTAL)]).chain(scim).collect();
        Entries::new(all, Arc::clone(&networks), self.era)
    }

    /// The same policy, once it is said which lists it names that are not there.
    fn looked_at(&self, policy: Policy) -> Policy {
        let missing = self.memory.lists.missing(policy.missing_lists(), &self.config.lists);
        for missing in self.memory.lists.news(missing) {
            tracing::warn!(missing, "the policy names a list that this node does not have");
        }
        policy
    }

    /// The PAC files. Those in force stay where neither templates nor what they are told have changed, because to try templates
    /// out takes a while; and, of the same configuration, where a template cannot be read any more.
    fn pac(&self, facts: &pac::Facts) -> Result<Arc<Pac>, Error> {
        let before = self.before.map(|before| &before.pac);
        if let Some(same) = before.filter(|pac| pac.is_of(&self.config.pac, facts)) {
            return Ok(Arc::clone(same));
        }
        match (Pac::build(&self.config.pac, facts), before.filter(|_| self.same)) {
            (Ok(pac), _) => Ok(Arc::new(pac)),
            (Err(error), Some(before)) => {
                tracing::error!(%error, "PAC files cannot be made anew: those from before are served");
                Ok(Arc::clone(before))
            }
            (Err(error), None) => Err(error.into()),
        }
    }

    /// The TLS of the listeners. If a listener's configuration of it is as before, the same one goes on, so that
    /// clients can resume their TLS sessions.
    fn secure(&self) -> Result<Vec<Option<Arc<Secure>>>, Error> {
        let before: Vec<_> = self.before.iter().flat_map(|before| before.secure.iter().flatten()).collect();
        let of = |listener: &section::Listener| {
            let Some(tls) = &listener.tls else { return Ok(None) };
            if let Some(same) = before.iter().find(|secure| secure.config() == tls) {
                same.refresh();
                return Ok(Some(Arc::clone(same)));
            }
            let (authority, clock) = (Arc::clone(&self.memory.authority), self.memory.clock.clone());
            Secure::new(tls.clone(), authority, self.issuing, self.limits.head_time, clock)
                .map(|secure| Some(Arc::new(secure)))
                .map_err(|error| Error::Secure(listener.name.clone(), error))
        };
        self.config.listeners.iter().map(of).collect()
    }

    /// The dialler. If the configuration is the same, it goes on. One of another configuration takes over what the last
    /// one has learned.
    fn dialler(&self) -> Result<Arc<Dialler>, Error> {
        if let Some(before) = self.before.filter(|_| self.same) {
            return Ok(Arc::clone(&before.dialler));
        }
        let roots = Roots::load(&self.config.egress.trust).map_err(|(path, why)| Error::Trust(path.into(), why))?;
        let tls = OriginTls::new(roots, self.limits.connect_time);
        let dialler = Dialler::new(&self.config.dial(), self.sockets.addresses(), tls, &self.limits);
        Ok(Arc::new(match self.before {
            Some(before) => dialler.following(&before.dialler),
            None => dialler,
        }))
    }

    /// The scanners: those in force, where it is the same configuration.
    fn scanners(&self, dialler: &Arc<Dialler>) -> Arc<Scanners> {
        let before = self.before.map(|before| &before.scanners);
        match before.filter(|_| self.same) {
            Some(same) => Arc::clone(same),
            None => {
                let (written, folder) = (&self.config.scanners, &self.memory.state);
                Arc::new(Scanners::new(written, folder, dialler, before.map(|before| &**before)))
            }
        }
    }

    /// What is needed for tokens, unless they are switched off.
    fn tools(&self) -> Option<portal::Tools> {
        let Self { config, sockets, .. } = self;
        let tokens = config.session.tokens.clone();
        let named = || {
            let file = config.pac.file.iter().find(|file| file.name == "proxy").or(config.pac.file.first())?;
            file.proxies.first().cloned()
        };
        let own = || {
            let (listener, bound) = (config.listeners.first()?, sockets.proxies.first()?);
            let host = match bound.address.ip() {
                ip if ip.is_unspecified() => config.portal.url.host().to_owned(),
                IpAddr::V4(ip) => ip.to_string(),
                IpAddr::V6(ip) => format!("[{ip}]"),
            };
            Some(pac::Proxy { secure: listener.tls.is_some(), host, port: bound.address.port() })
        };
        let pac::Proxy { secure, host, port } = tokens.proxy.clone().or_else(named).or_else(own)?;
        let proxy = format!("{}://{host}:{port}", if secure { "https" } else { "http" });
        let issued = |listener: &section::Listener| listener.tls.as_ref().is_some_and(|tls| tls.certificate.is_none());
        let curl = Curl {
            portal: config.portal.url.to_string(),
            proxy: proxy.clone(),
            own_portal: config.portal.certificate.is_none(),
            own_proxy: secure && config.listeners.iter().any(issued),
        };
        let networks = config.networks.iter().map(|network| network.name.as_str().into()).collect();
        let terminals = Arc::clone(&self.memory.terminals);
        tokens.enabled.then_some(portal::Tools { tokens, terminals, networks, proxy, curl })
    }
}

impl Edges {
    /// The client that fetches documents.
    pub(super) fn client(&self) -> Client {
        Client { dialler: Arc::clone(&self.dialler) }
    }

    /// For each realm, how it makes people of claims, and for whom it may speak.
    pub(super) fn claims(&self) -> Vec<Arc<ClaimMap>> {
        self.realms.iter().map(|realm| Arc::clone(&realm.claims)).collect()
    }

    /// The addresses that clients connect to, by listener.
    pub(super) fn addresses(&self, sockets: &Sockets) -> Vec<(String, SocketAddr)> {
        let names = self.entries.all().iter().map(|entry| entry.listener().to_string());
        names.zip(sockets.addresses()).collect()
    }
}
