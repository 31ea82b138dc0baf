//! Opens connections to origins: resolves, checks the addresses it is about to dial, and dials them.

mod address;
mod race;
mod resolve;
mod tls;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::policy::Permit;
use crate::wire::Destination;
pub use address::Addresses;
pub use resolve::{FixedHost, Resolver};
pub use tls::{OriginTls, Roots};

/// How long a person waits for the portal while a name is looked up: it is checked again when it is dialled.
const CHECK_TIME: Duration = Duration::from_secs(2);

/// What may be dialled, and how.
#[derive(Clone, Debug)]
pub struct Config {
    /// Addresses that may be dialled although they are private.
    pub allow: Vec<IpNet>,
    /// Addresses that may not be dialled although they are public.
    pub refuse: Vec<IpNet>,
    /// Ports that CONNECT may name.
    pub connect_ports: Vec<u16>,
    /// Certificates to trust besides the system's.
    pub trust: Vec<PathBuf>,
    /// DNS servers; the system's when there are none.
    pub servers: Vec<SocketAddr>,
    /// Names that are not looked up.
    pub hosts: Vec<FixedHost>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            refuse: Vec::new(),
            // 80 for WebSockets over plain HTTP, which browsers send by CONNECT.
            connect_ports: vec![443, 8443, 80],
            trust: Vec::new(),
            servers: Vec::new(),
            hosts: Vec::new(),
        }
    }
}

/// Why there is no connection to an origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The name does not exist, or has no address.
    #[error("the name has no address")]
    NameNotFound,
    /// The name could not be looked up.
    #[error("the name could not be looked up: {0}")]
    Resolver(String),
    /// Every address of the host is one that may not be dialled.
    #[error("{0} may not be dialled")]
    Prohibited(IpAddr),
    /// The host is this proxy.
    #[error("{0} is this proxy")]
    Myself(SocketAddr),
    /// CONNECT named a port that it may not.
    #[error("CONNECT to port {0} is not allowed")]
    Port(u16),
    /// The origin refuses connections.
    #[error("the origin refuses connections")]
    Refused,
    /// There is no way to the origin.
    #[error("there is no way to the origin: {0}")]
    Unreachable(String),
    /// The origin did not answer in time.
    #[error("the origin did not answer in time")]
    TimedOut,
    /// The origin's certificate is not one to trust.
    #[error("the origin's certificate is not one to trust: {0}")]
    Certificate(String),
    /// The origin does not speak TLS as we do.
    #[error("TLS with the origin failed: {0}")]
    Tls(String),
}

/// A connection to an origin.
#[derive(Debug)]
pub struct Dialled {
    /// The connection.
    pub stream: TcpStream,
    /// The address that was dialled.
    pub origin: SocketAddr,
    /// Our address towards it.
    pub egress: SocketAddr,
}

/// Dials origins.
#[derive(Debug)]
pub struct Dialler {
    resolver: Resolver,
    addresses: Addresses,
    connect_ports: Vec<u16>,
    /// Our own listeners: dialling one of them would go round in circles.
    own: Vec<SocketAddr>,
    limit: Duration,
}

impl Dialler {
    /// A dialler that gives up after `limit`. `own` are the addresses that this program listens on.
    pub fn new(config: &Config, own: Vec<SocketAddr>, limit: Duration) -> Self {
        Self {
            resolver: Resolver::new(&config.servers, &config.hosts),
            addresses: Addresses::new(&config.allow, &config.refuse),
            connect_ports: config.connect_ports.clone(),
            own,
            limit,
        }
    }

    /// Refuses a port that CONNECT may not name.
    pub fn check_connect_port(&self, port: u16) -> Result<(), Error> {
        if self.connect_ports.contains(&port) { Ok(()) } else { Err(Error::Port(port)) }
    }

    /// Refuses, before anybody is asked to sign in, a destination that may not be dialled. A name that is not found, or
    /// not in time, is no reason: whoever is not signed in learns nothing about names.
    pub async fn check(&self, destination: &Destination) -> Result<(), Error> {
        match timeout(CHECK_TIME, self.candidates(destination, false)).await {
            Ok(Err(error @ (Error::Prohibited(_) | Error::Myself(_)))) => Err(error),
            _ => Ok(()),
        }
    }

    /// Connects to `destination`, as the permit allows.
    pub async fn dial(&self, destination: &Destination, permit: &Permit) -> Result<Dialled, Error> {
        let dialling = async {
            let candidates = self.candidates(destination, permit.opens_private()).await?;
            let stream = race::connect(&candidates).await.map_err(|error| of_io(&error))?;
            let (origin, egress) = (stream.peer_addr(), stream.local_addr());
            stream.set_nodelay(true).map_err(|error| of_io(&error))?;
            Ok(Dialled {
                stream,
                origin: origin.map_err(|error| of_io(&error))?,
                egress: egress.map_err(|error| of_io(&error))?,
            })
        };
        timeout(self.limit, dialling).await.map_err(|_| Error::TimedOut)?
    }

    /// The addresses to dial, in order. Names are checked after they are resolved, and what was checked is what is
    /// dialled, so that a name cannot change in between.
    async fn candidates(&self, destination: &Destination, private: bool) -> Result<Vec<SocketAddr>, Error> {
        if let Some(fixed) = self.resolver.fixed(destination) {
            return Ok(fixed);
        }
        let found = self.resolver.resolve(destination).await?;
        let mut refused = None;
        let mut candidates = Vec::with_capacity(found.len());
        for address in found {
            let socket = SocketAddr::new(address, destination.port);
            if self.is_own(socket) {
                return Err(Error::Myself(socket));
            }
            if !self.addresses.are_refused(address, private) {
                candidates.push(socket);
            } else {
                refused = Some(address);
            }
        }
        match refused {
            Some(address) if candidates.is_empty() => Err(Error::Prohibited(address)),
            _ => Ok(candidates),
        }
    }

    fn is_own(&self, socket: SocketAddr) -> bool {
        self.own.iter().any(|own| {
            own.port() == socket.port()
                && (own.ip() == socket.ip() || (own.ip().is_unspecified() && socket.ip().is_loopback()))
        })
    }
}

fn of_io(error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Error::Refused,
        io::ErrorKind::TimedOut => Error::TimedOut,
        _ => Error::Unreachable(error.to_string()),
    }
}

/// Shared by everything that dials.
pub type Shared = Arc<Dialler>;
