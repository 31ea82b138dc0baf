//! From a configuration to a program with its sockets bound. If anything fails, nothing was started.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::{Arc, Weak};

use arc_swap::ArcSwap;
use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use super::dispatch::Dispatch;
use super::fetch::Fetcher;
use super::metadata::Sources;
use super::metrics::{Figures, Outlet};
use super::realms::{portal_certificate, realm_parts, sign_in_hosts};
use super::{App, ProxyListener, descriptors, open, realm_commands};
use crate::admin::{self, Admin};
use crate::authority::{self, Authority};
use crate::clock::Clock;
use crate::config::section;
use crate::config::{self, Config};
use crate::identity::Networks;
use crate::listener::{self, Listener, Secure, Shared};
use crate::observe::audit::{Entry, What};
use crate::observe::{AccessLog, Audit};
use crate::pac::{self, Pac};
use crate::page::{Curl, Locales};
use crate::policy::Policy;
use crate::portal::{self, Portal};
use crate::proxy::dial::{Dialler, OriginTls, Roots};
use crate::proxy::{self, Proxy};
use crate::saml;
use crate::session::ends::Held;
use crate::session::keys;
use crate::session::pending::PendingSignIns;
use crate::session::store::Store;
use crate::session::store::embedded;
use crate::session::store::measured::Measured;
use crate::session::terminal::Terminals;
use crate::session::ticket::Tickets;
use crate::session::{Bindings, Sessions};
use crate::wire::forwarded::Named;
use crate::wire::{Destination, Limits, Scheme, target};

/// What the authority's certificate is called on devices that trust it.
pub const AUTHORITY_NAME: &str = "Vestibule interception";

/// Connections to the portal's own listener that may wait to be accepted.
const BACKLOG: i32 = 4096;

/// Why the program cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An address cannot be taken.
    #[error("listener \"{0}\" cannot take {1}: {2}")]
    Bind(String, SocketAddr, io::Error),
    /// A listener cannot speak TLS.
    #[error("listener \"{0}\": {1}")]
    Secure(String, listener::secure::Error),
    /// There is no usable authority.
    #[error("the interception authority: {0}")]
    Authority(#[from] authority::Error),
    /// The access log or the audit log cannot be written.
    #[error("the log {0}: {1}")]
    Log(PathBuf, io::Error),
    /// A certificate to trust cannot be read.
    #[error("the certificate {0}: {1}")]
    Trust(PathBuf, String),
    /// What keeps sessions cannot be used.
    #[error("the session store: {0}")]
    Store(#[from] embedded::OpenError),
    /// What tokens are sealed with cannot be used.
    #[error("the sealing keys: {0}")]
    Keys(#[from] keys::Error),
    /// The portal's certificate or key cannot be used.
    #[error("the portal's certificate: {0}: {1}")]
    PortalCertificate(PathBuf, String),
    /// The portal cannot be set up as it is written.
    #[error("the portal: {0}")]
    Portal(#[from] portal::Error),
    /// The portal's URL names no host that a proxy can be asked for.
    #[error("the portal's URL: {0}")]
    PortalUrl(#[from] target::Error),
    /// A realm cannot be set up.
    #[error("realm \"{0}\": {1}")]
    Realm(String, saml::config::Error),
    /// PAC files cannot be made.
    #[error("the PAC files: {0}")]
    Pac(#[from] pac::Error),
}

/// Builds the program: every address is taken, nothing is served yet. Needs a Tokio runtime.
pub fn build(config: &Config, clock: &Clock) -> Result<App, Error> {
    let limits = descriptors::fit(config.limits);
    let authority = Arc::new(Authority::open_or_create(&config.state, AUTHORITY_NAME, clock.clone())?);
    let log = Arc::new(open::access_log(&config.log, clock)?);
    let audit = Arc::new(open::audit(&config.log, clock)?);
    let outlet = config
        .metrics
        .listen
        .map(|address| Outlet::bind(address).map_err(|error| Error::Bind("metrics".to_owned(), address, error)));
    let outlet = outlet.transpose()?;
    let portal_destination = Destination::of_authority(
        Scheme::Https,
        &format!("{}:{}", config.portal.url.host(), config.portal.url.port()),
    )?;
    let mut sources = Vec::new();
    let realms = config.realms.iter().map(|realm| realm_parts(realm, config, clock, &mut sources));
    let realms = realms.collect::<Result<Vec<_>, _>>()?;
    let claims = realms.iter().map(|realm| Arc::clone(&realm.claims)).collect();
    let processors = || std::thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
    let workers = NonZero::new(limits.workers).unwrap_or_else(processors);
    let limits = Limits { workers: workers.get(), ..limits };
    let listeners = config
        .listeners
        .iter()
        .map(|listener| {
            let bound = bind(&listener.name, listener.address, workers, options_of(listener, &limits))?;
            let secure = listener.tls.clone().map(|tls| {
                Secure::new(tls, Arc::clone(&authority), limits.head_time, clock.clone())
                    .map(Arc::new)
                    .map_err(|error| Error::Secure(listener.name.clone(), error))
            });
            Ok(ProxyListener { listener: bound, secure: secure.transpose()? })
        })
        .collect::<Result<Vec<_>, Error>>()?;
    let portal_options = listener::Options {
        backlog: BACKLOG,
        proxy_protocol: Vec::new(),
        forwarders: Vec::new(),
        named: Named::default(),
        guest: false,
        plain_http: false,
        tcp: limits.tcp(),
    };
    let portal_listener = bind("portal", config.portal.listen, NonZero::<usize>::MIN, portal_options)?;
    let secure_port =
        listeners.iter().find(|proxy| proxy.secure.is_some()).map(|proxy| proxy.listener.address().port());
    let names = config.proxy_names.addresses(secure_port);
    let own = listeners.iter().map(|proxy| &proxy.listener).chain([&portal_listener]).map(Listener::address).collect();

    let keys = open::keys(config, clock)?;
    let store = Measured::new(open::store(config, &keys, clock)?);
    let round_trips = Arc::clone(store.round_trips());
    let store: Arc<dyn Store> = Arc::new(store);
    let ends = open::ends(config, &keys, clock);
    let sessions = Sessions::new(config.session.clone(), Arc::clone(&store), clock.clone()).keeping(Arc::clone(&ends));
    let sessions = Arc::new(sessions);
    let bindings = Bindings::new(config.proxy_names.clone(), Arc::clone(&sessions), Arc::clone(&store), clock.clone());
    let bindings = Arc::new(bindings.keeping(ends));
    let tickets = Tickets::new(Arc::clone(&store), clock.clone()).sealed_by(Arc::clone(keys.sealer()));
    let tickets = Arc::new(tickets);
    let pending = Arc::new(PendingSignIns::new(Arc::clone(&store), clock.clone(), config.portal.sign_in_timeout));
    let sealer = Arc::clone(keys.sealer());
    let brand = config.portal.brand()?;
    let hosts = Arc::new(sign_in_hosts(config, &realms));
    let facts = pac::Facts { portal_host: config.portal.url.host().to_owned(), idp_hosts: hosts.names(), proxy: None };
    let pac = Arc::new(ArcSwap::from_pointee(Pac::build(&config.pac, &facts)?));
    let roots = Roots::load(&config.egress.trust).map_err(|(path, why)| Error::Trust(path, why))?;
    let tls = OriginTls::new(roots, limits.connect_time);
    let dialler = Arc::new(Dialler::new(&config.dial(), own, tls.clone(), &limits));
    let shared = Shared::new(Networks::new(&config.networks), &limits);
    let finish = CancellationToken::new();
    let guest_terms = config.portal.terms()?;
    let terminals = Terminals::new(Arc::clone(&store), clock.clone()).knowing(shared.connections.known().clone());
    let tools = tools(config, &listeners, terminals);
    let figures = Arc::new(Figures {
        metrics: Arc::clone(log.metrics()),
        connections: Arc::clone(&shared.connections),
        sessions: Arc::clone(&sessions),
        round_trips,
        realms: realms.clone(),
        node: config.log.node_name(),
        started: clock.now(),
        clock: clock.clone(),
    });
    let curl = tools.as_ref().map(|tools| tools.curl.clone());
    witness(&sessions, &audit, &log);
    let portal = Portal::new(
        config.portal.clone(),
        portal::Parts {
            sessions: Arc::clone(&sessions),
            tickets: Arc::clone(&tickets),
            bindings: Arc::clone(&bindings),
            names: names.clone(),
            pending,
            sealer: Arc::clone(&sealer),
            realms,
            authority: portal::Certificate {
                der: Bytes::copy_from_slice(authority.certificate()),
                pem: authority.certificate_pem().to_owned(),
            },
            tools: tools.clone(),
            operators: Arc::new(open::operators(&config.state)),
            brand: brand.clone(),
            guest_terms: guest_terms.clone(),
            clock: clock.clone(),
            audit: Arc::clone(&audit),
            metrics: Arc::clone(log.metrics()),
        },
    );
    let portal_certificate = portal_certificate(config, &authority)?;
    let known: Vec<_> = config.realms.iter().map(saml::Config::realm).collect();
    config::doubtful_names(config)
        .iter()
        .for_each(|doubt| tracing::warn!(doubt, "a rule may not mean whom it seems to"));
    let policy = Policy::new(&config.policy, &known, hosts.garden());
    let fetcher = Fetcher { dialler: Arc::clone(&dialler), tls: tls.clone() };
    let sign_in_hosts = Arc::clone(&hosts);
    let sources = Sources { sources, fetcher, hosts, clock: clock.clone() };
    // The portal is served through the proxy, and the proxy sends people to the portal: each knows the other.
    let dispatch = Arc::new_cyclic(|dispatch: &Weak<Dispatch>| {
        let dispatch = Weak::clone(dispatch);
        let serve: proxy::ServePortal = Arc::new(move |stream, peer| {
            let dispatch = dispatch.upgrade();
            Box::pin(async move {
                if let Some(dispatch) = dispatch {
                    dispatch.serve_portal(stream, peer).await;
                }
            })
        });
        let proxy = Arc::new(Proxy::new(proxy::Parts {
            sessions: Arc::clone(&sessions),
            tickets: Arc::clone(&tickets),
            bindings: Arc::clone(&bindings),
            sealer,
            policy,
            authority,
            log: Arc::clone(&log),
            portal: proxy::Portal { url: portal.origin().to_string(), destination: portal_destination.clone(), serve },
            brand: brand.clone(),
            dialler: Arc::clone(&dialler),
            tls,
            limits,
            forwarded_for: config.egress.forwarded_for,
            probes: config.portal.probes.clone(),
            pac: Arc::clone(&pac),
            guests_agree: guest_terms.is_some(),
            clock: clock.clone(),
            tokens: tools.map(|tools| proxy::token::Parts {
                terminals: tools.terminals,
                realms: config.realms.iter().map(saml::Config::realm).collect(),
                curl: tools.curl,
                attempts_per_minute: tools.tokens.attempts_per_minute,
            }),
            finish: finish.clone(),
            tasks: shared.tasks.clone(),
        }));
        Dispatch {
            proxy,
            sessions: Arc::clone(&sessions),
            portal,
            portal_destination,
            portal_certificate,
            pac,
            bindings: Arc::clone(&bindings),
            names,
            curl,
            brand,
            locales: Locales::built_in(),
            log,
            limits,
            finish: finish.clone(),
        }
    });
    let (told, wanted, portal_host) = (Arc::downgrade(&dispatch), config.pac.clone(), facts.portal_host);
    sign_in_hosts.tell(move |idp_hosts| {
        let Some(dispatch) = told.upgrade() else { return };
        match Pac::build(&wanted, &pac::Facts { portal_host: portal_host.clone(), idp_hosts, proxy: None }) {
            Ok(pac) => dispatch.pac.store(Arc::new(pac)),
            Err(error) => tracing::error!(%error, "PAC files can't be made for new hosts: they stay as they are"),
        }
    });
    let admin = realm_commands::commands(Admin::default(), &sources.hosts, &audit);
    let admin = admin::sessions::commands(admin.recorded(audit), &sessions);
    let door = open::door(&config.state);
    Ok(App {
        admin,
        door,
        outlet,
        figures,
        proxies: listeners,
        portal: portal_listener,
        shared,
        dispatch,
        dialler,
        sessions,
        tickets,
        bindings,
        store,
        keys,
        sources,
        claims,
        clock: clock.clone(),
        limits,
        start_wait: config.session.redis.start_wait,
        finish,
    })
}

/// What tools are known by, unless that is switched off.
fn tools(config: &Config, listeners: &[ProxyListener], terminals: Terminals) -> Option<portal::Tools> {
    let tokens = config.session.tokens.clone();
    let named = || {
        let file = config.pac.file.iter().find(|file| file.name == "proxy").or(config.pac.file.first())?;
        file.proxies.first().cloned()
    };
    let own = || {
        let ProxyListener { listener, secure } = listeners.first()?;
        let address = listener.address();
        let host = match address.ip() {
            ip if ip.is_unspecified() => config.portal.url.host().to_owned(),
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        Some(pac::Proxy { secure: secure.is_some(), host, port: address.port() })
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
    let terminals = Arc::new(terminals);
    tokens.enabled.then_some(portal::Tools { tokens, terminals, networks, proxy, curl })
}

fn bind(
    name: &str,
    address: SocketAddr,
    workers: NonZero<usize>,
    options: listener::Options,
) -> Result<Listener, Error> {
    Listener::bind(name, address, workers, options).map_err(|error| Error::Bind(name.to_owned(), address, error))
}

fn options_of(listener: &section::Listener, limits: &Limits) -> listener::Options {
    listener::Options {
        backlog: listener.backlog.into(),
        proxy_protocol: listener.proxy_protocol.clone(),
        forwarders: listener.forwarders.clone(),
        named: listener.forwarded_client,
        guest: listener.guest,
        plain_http: listener.tls.is_none(),
        tcp: limits.tcp(),
    }
}

/// Records and counts each session that ends here.
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
