//! Opens connections to origins: chooses the way, looks names up, checks the addresses that it is about to dial, and
//! dials them.

mod address;
mod certificate;
pub mod client;
mod error;
mod head;
mod health;
mod lease;
mod meet;
mod opening;
mod own;
pub mod parent;
pub mod pool;
mod probe;
mod race;
mod resolve;
pub mod service;
mod shared;
mod sockets;
mod tls;
mod verified;
mod way;

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ipnet::IpNet;

use crate::config_path::ConfigPath;
pub use crate::net::Ports;
use crate::net::{Limits, within};
use crate::policy::{Hop, Hosts, Lane, Manner, Pattern, Permit, Purpose, Route};
use crate::wire::field::Via;
use crate::wire::h1::Stream;
use crate::wire::target::Host;
use crate::wire::{Destination, Scheme};
pub use address::Addresses;
pub use certificate::Flaw;
pub use error::{Error, ParentFault};
use meet::Met;
pub use meet::Presented;
use own::Own;
pub use parent::Through;
use parent::{Parent, Protocol, Resolve};
use resolve::Fixed;
pub use resolve::{FixedHost, Resolver};
use sockets::Sockets;
pub use tls::{OriginTls, Roots};

/// Squid's `Safe_ports`, without those of other protocols. Other low ports belong to mail servers and the like, which
/// could take an HTTP request for commands of their own protocol.
const HTTP_PORTS: [Ports; 7] = [
    Ports::new(80, 80),
    Ports::new(280, 280),
    Ports::new(443, 443),
    Ports::new(488, 488),
    Ports::new(591, 591),
    Ports::new(777, 777),
    Ports::new(1025, 65535),
];

/// What may be dialled, and how.
#[derive(Clone, Debug)]
pub struct Config {
    /// Addresses that may be dialled although they are refused by default.
    pub allow: Vec<IpNet>,
    /// Addresses that may not be dialled although they are public.
    pub refuse: Vec<IpNet>,
    /// Ports that CONNECT may name.
    pub connect_ports: Vec<u16>,
    /// Ports that requests for plain http may name.
    pub http_ports: Vec<Ports>,
    /// Certificates to trust besides the system's.
    pub trust: Vec<ConfigPath>,
    /// DNS servers; the system's when there are none.
    pub servers: Vec<SocketAddr>,
    /// Names with a fixed address, which are not looked up in the DNS.
    pub hosts: Vec<FixedHost>,
    /// How long looking a name up may take.
    pub dns_time: Duration,
    /// Addresses of this machine to dial from: the first of each family counts.
    pub source: Vec<IpAddr>,
    /// Other proxies through which origins can be reached.
    pub parents: Vec<parent::Config>,
    /// The way to destinations for which no rule names a way.
    pub route: Route,
    /// Destinations that are dialled directly, whatever `route` says.
    pub direct: Vec<Pattern>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            refuse: Vec::new(),
            // 80 for WebSockets over plain HTTP, which browsers send by CONNECT.
            connect_ports: vec![443, 8443, 80],
            http_ports: HTTP_PORTS.to_vec(),
            trust: Vec::new(),
            servers: Vec::new(),
            hosts: Vec::new(),
            dns_time: Duration::from_secs(5),
            source: Vec::new(),
            parents: Vec::new(),
            route: Route::direct(),
            direct: Vec::new(),
        }
    }
}

/// A connection to an origin, or to a parent that leads there.
#[derive(Debug)]
pub struct Dialled<S = Stream> {
    /// The connection.
    pub stream: S,
    /// The address that was dialled.
    pub origin: SocketAddr,
    /// Our own address on that connection.
    pub egress: SocketAddr,
    /// The parent that it goes through.
    pub through: Option<Through>,
}

/// What is to be dialled, and for whom.
#[derive(Clone, Copy, Debug)]
struct Wanted<'a> {
    destination: &'a Destination,
    /// Where the operator says that it is.
    fixed: Option<&'a Fixed>,
    private: bool,
    /// Whether it may be on this machine.
    here: bool,
    client: Option<SocketAddr>,
}

impl Wanted<'_> {
    /// Whether the operator has said where it is, and means that address whatever it is.
    fn is_open(&self) -> bool {
        self.fixed.is_some_and(|fixed| fixed.is_open)
    }
}

/// Dials origins.
#[derive(Debug)]
pub struct Dialler {
    resolver: Resolver,
    addresses: Addresses,
    connect_ports: Vec<u16>,
    http_ports: Vec<Ports>,
    /// The addresses of our own listeners: to dial one of them would be a loop.
    own: Vec<SocketAddr>,
    machine: Own,
    sockets: Sockets,
    parents: Vec<Parent>,
    route: Route,
    direct: Hosts,
    /// The direct way, for `direct` and for hosts with a fixed address.
    straight: Route,
    tls: OriginTls,
    met: Met,
    via: Via,
    limit: Duration,
    limits: Limits,
    /// Whether another configuration has replaced this one.
    retired: AtomicBool,
}

impl Dialler {
    /// A dialler within `limits`. `own` are the addresses on which this program listens; `tls` is used with origins,
    /// and with parents that want it.
    pub fn new(config: &Config, own: Vec<SocketAddr>, tls: OriginTls, limits: &Limits) -> Self {
        Self {
            resolver: Resolver::new(&config.servers, &config.hosts, config.dns_time),
            addresses: Addresses::new(&config.allow, &config.refuse),
            connect_ports: config.connect_ports.clone(),
            http_ports: config.http_ports.clone(),
            own,
            machine: Own::new(),
            sockets: Sockets::new(&config.source, limits.tcp()),
            parents: config.parents.iter().map(Parent::new).collect(),
            route: config.route.clone(),
            direct: config.direct.iter().cloned().collect(),
            straight: Route::direct(),
            tls,
            met: Met::default(),
            // RFC 9110 §7.6.3: a random pseudonym, by which a loop is seen, and which tells nothing about this machine.
            via: Via::new(crate::seal::random()),
            limit: limits.connect_time,
            limits: *limits,
            retired: AtomicBool::new(false),
        }
    }

    /// Says that another configuration has replaced this one: what is opened from now on is for one request, and not kept.
    pub fn retire(&self) {
        self.retired.store(true, Ordering::Release);
    }

    /// The same dialler in the place of `before`, whose configuration is replaced. What `before` has learned belongs to
    /// the program and not to a configuration: the pseudonym, because requests with it are still on their way, and one of
    /// them may be in a loop; and which parents work, because one that hangs would otherwise cost the next requests their
    /// time again. A parent inside TLS may have failed for want of a certificate, so it is tried anew if other
    /// certificates are trusted now.
    #[must_use]
    pub fn following(self, before: &Self) -> Self {
        let trusts_the_same = self.tls.trusts_what(&before.tls);
        let known = |parent: Parent| {
            let is_judged_alike = trusts_the_same || parent.address.protocol != Protocol::Https;
            match before.parents.iter().find(|old| is_judged_alike && old.name == parent.name) {
                Some(same) => parent.knowing(same),
                None => parent,
            }
        };
        Self { via: before.via.clone(), parents: self.parents.into_iter().map(known).collect(), ..self }
    }

    /// What this proxy writes into the Via field of everything that it sends.
    pub fn via(&self) -> &Via {
        &self.via
    }

    /// Refuses ports that CONNECT may not name.
    pub fn check_connect_port(&self, port: u16) -> Result<(), Error> {
        if self.connect_ports.contains(&port) { Ok(()) } else { Err(Error::Port(port)) }
    }

    /// Refuses ports that a request for plain http may not name. A port that `[dns.hosts]` names with the host is
    /// allowed.
    pub fn check_http_port(&self, destination: &Destination) -> Result<(), Error> {
        let port = destination.port;
        let may = destination.scheme == Scheme::Https
            || self.http_ports.iter().any(|ports| ports.have(port))
            || self.resolver.names_port(destination);
        if may { Ok(()) } else { Err(Error::Port(port)) }
    }

    /// Refuses a destination that may not be dialled, or whose name is not found, or not in time. A name that a parent
    /// looks up is not looked up here. With `private`, addresses that are refused by default may be dialled.
    pub async fn check_found(&self, destination: &Destination, private: bool) -> Result<(), Error> {
        // The parent looks the name up when it is dialled.
        let elsewhere = self
            .route(destination, self.resolver.fixed(destination).is_some(), None)
            .hops()
            .iter()
            .any(|hop| self.parent(hop).is_some_and(|parent| parent.resolve == Resolve::Parent));
        if elsewhere {
            return self.check_literal(destination, private);
        }
        match self.candidates(destination, private).await {
            Ok(found) if found.is_empty() => Err(Error::NameNotFound),
            found => found.map(drop),
        }
    }

    /// Connects where the permit says, for `client`, or for ourselves if there is none: tries each way of the route in
    /// turn, until one works. This uses the permit up, also if it fails.
    pub async fn dial(&self, permit: Permit, client: Option<SocketAddr>) -> Result<Dialled, Error> {
        self.dial_by(&permit, client).await
    }

    async fn dial_by(&self, permit: &Permit, client: Option<SocketAddr>) -> Result<Dialled, Error> {
        let Lane { private, route, .. } = permit.lane();
        // The operator has named the scanner, which is often beside us; a parent is no way to it.
        let here = permit.manner() == Manner::Own(Purpose::Scan);
        let destination = permit.destination();
        let fixed = self.resolver.fixed(destination);
        let wanted = Wanted { destination, fixed: fixed.as_ref(), private: *private, here, client };
        let route = if here { &self.straight } else { self.route(destination, fixed.is_some(), route.as_ref()) };
        within(self.limit, self.by_route(wanted, route)).await.map_err(|_| Error::TimedOut)?
    }

    /// The way to a destination. To a host with a fixed address it is always direct, because the operator has said
    /// where that host is.
    fn route<'a>(&'a self, destination: &Destination, is_fixed: bool, named: Option<&'a Route>) -> &'a Route {
        if is_fixed {
            return &self.straight;
        }
        match named {
            Some(route) => route,
            None if self.direct.contains(&destination.host) => &self.straight,
            None => &self.route,
        }
    }

    fn parent(&self, hop: &Hop) -> Option<&Parent> {
        let Hop::Parent(name) = hop else { return None };
        self.parents.iter().find(|parent| parent.name == *name)
    }

    /// The addresses to dial, in order. A name is checked after it has been looked up, and the addresses that were
    /// checked are the ones that are dialled, so that the name cannot change its meaning in between.
    async fn candidates(&self, destination: &Destination, private: bool) -> Result<Vec<SocketAddr>, Error> {
        let fixed = self.resolver.fixed(destination);
        self.candidates_of(Wanted { destination, fixed: fixed.as_ref(), private, here: false, client: None }).await
    }

    /// The same; where it may be on this machine, that does not open our own listeners.
    async fn candidates_of(&self, wanted: Wanted<'_>) -> Result<Vec<SocketAddr>, Error> {
        let Wanted { destination, fixed, private, here, .. } = wanted;
        // A fixed address is dialled whatever it is, at the ports that the operator meant.
        let is_open = wanted.is_open();
        let found = match fixed {
            Some(fixed) => fixed.addresses.clone(),
            None => {
                let found = Box::pin(self.resolver.resolve(&destination.host)).await?;
                found.into_iter().map(|address| SocketAddr::new(address, destination.port)).collect()
            }
        };
        let mut refused = None;
        let mut candidates = Vec::with_capacity(found.len());
        for socket in found {
            if self.is_own(socket) {
                return Err(Error::Myself(socket));
            }
            match self.judge(socket.ip(), private) {
                Err(Error::OwnMachine(_)) if here => candidates.push(socket),
                Err(error) if !is_open => refused = Some(error),
                _ => candidates.push(socket),
            }
        }
        match refused {
            Some(error) if candidates.is_empty() => Err(error),
            _ => Ok(candidates),
        }
    }

    /// Whether an address may be dialled that is not the fixed address of a name. `private`, which a rule can give,
    /// opens addresses of other machines, and not those of this one.
    fn judge(&self, address: IpAddr, private: bool) -> Result<(), Error> {
        if self.machine.has(address) && !self.addresses.name(address) {
            return Err(Error::OwnMachine(address));
        }
        if self.addresses.are_refused(address, private) { Err(Error::Prohibited(address)) } else { Ok(()) }
    }

    /// Whether an address that turns out to be one of this machine's may be dialled for this destination.
    fn opens_own(&self, wanted: Wanted<'_>, address: IpAddr) -> bool {
        wanted.is_open() || self.addresses.name(address)
    }

    /// Keeps the addresses of this machine up to date, and never ends.
    pub async fn follow_addresses(&self) {
        self.machine.follow().await;
    }

    /// Checks what can be checked of a destination whose name a parent looks up.
    fn check_literal(&self, destination: &Destination, private: bool) -> Result<(), Error> {
        let address: IpAddr = match &destination.host {
            Host::Ipv4(address) => (*address).into(),
            Host::Ipv6(address) => (*address).into(),
            // RFC 6761 §6.3: such a name would mean the parent's own machine, and what listens there for that machine
            // alone.
            Host::Domain(name) if name == "localhost" || name.ends_with(".localhost") => {
                std::net::Ipv4Addr::LOCALHOST.into()
            }
            Host::Domain(_) => return Ok(()),
        };
        let socket = SocketAddr::new(address.to_canonical(), destination.port);
        if self.is_own(socket) {
            return Err(Error::Myself(socket));
        }
        self.judge(address, private)
    }

    fn is_own(&self, socket: SocketAddr) -> bool {
        self.own.iter().any(|own| {
            own.port() == socket.port()
                && (own.ip() == socket.ip() || (own.ip().is_unspecified() && self.machine.has(socket.ip())))
        })
    }
}

#[cfg(test)]
mod tests;
