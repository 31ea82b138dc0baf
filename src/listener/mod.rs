//! Accepts client connections, within limits.

mod behind;
mod last;
pub mod secure;
mod shed;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::identity::Networks;
use crate::wire::forwarded::{Forwarders, Named, Standing};
use crate::wire::{Connections, Limits, Peer, Tcp};
pub use secure::Secure;
use shed::Reserve;

/// The wait after an accept that failed and could not be helped.
const PAUSE: Duration = Duration::from_millis(50);

/// How a listener listens.
#[derive(Clone, Debug)]
pub struct Options {
    /// Connections that wait to be accepted. The kernel lowers it to its own bound (`net.core.somaxconn`).
    pub backlog: i32,
    /// Peers that say by the PROXY protocol whom they speak for. They must; nobody else may.
    pub proxy_protocol: Vec<IpNet>,
    /// Peers that say by X-Forwarded-For on whose behalf they ask.
    pub forwarders: Vec<IpNet>,
    /// Which value of that field is the client.
    pub named: Named,
    /// Whether it is for guests.
    pub guest: bool,
    /// Whether whoever cannot be served understands plain HTTP.
    pub plain_http: bool,
    /// How connections to clients that have gone are found out.
    pub tcp: Tcp,
}

/// An address that clients connect to. Several sockets can have it, one for each worker: the kernel shares clients out
/// among them, so that no two workers wait for the same.
#[derive(Debug)]
pub struct Listener {
    name: Arc<str>,
    sockets: Vec<std::net::TcpListener>,
    address: SocketAddr,
    options: Arc<Options>,
}

/// One socket of a listener, for the worker that accepts on it.
#[derive(Debug)]
pub struct Acceptor {
    name: Arc<str>,
    socket: std::net::TcpListener,
    options: Arc<Options>,
}

/// What all listeners share.
#[derive(Clone, Debug)]
pub struct Shared {
    /// Which network a client belongs to.
    pub networks: Arc<Networks>,
    /// The connections that are open.
    pub connections: Arc<Connections>,
    /// The connections that are being served, for a stop to wait for.
    pub tasks: TaskTracker,
    /// Fires when nothing more is to be accepted.
    pub stop: CancellationToken,
    /// How long a client may take before it says what it wants.
    head_time: Duration,
}

impl Shared {
    /// No connections yet.
    pub fn new(networks: Networks, limits: &Limits) -> Self {
        Self {
            networks: Arc::new(networks),
            connections: Arc::new(Connections::new(limits.bounds())),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            head_time: limits.head_time,
        }
    }
}

impl Listener {
    /// Takes `address` with one socket for each of `workers`. Port 0 takes any that is free.
    pub fn bind(name: &str, address: SocketAddr, workers: NonZero<usize>, options: Options) -> io::Result<Self> {
        let mut address = address;
        let mut sockets = Vec::with_capacity(workers.get());
        if workers.get() > 1 {
            // Sockets that share an address would share it with another instance of this program, too: is it free?
            address = local(&open(address, false)?)?;
        }
        for _ in 0..workers.get() {
            let socket = open(address, workers.get() > 1)?;
            options.tcp.apply(&SockRef::from(&socket))?;
            socket.listen(options.backlog)?;
            address = local(&socket)?;
            sockets.push(socket.into());
        }
        Ok(Self { name: name.into(), address, sockets, options: Arc::new(options) })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The address that was taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its sockets, one for each worker.
    pub fn acceptors(self) -> impl Iterator<Item = Acceptor> {
        let Self { name, sockets, options, .. } = self;
        let of = move |socket| Acceptor { name: Arc::clone(&name), socket, options: Arc::clone(&options) };
        sockets.into_iter().map(of)
    }
}

fn open(address: SocketAddr, is_shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restart must not wait for the connections of the process before it.
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(is_shared)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

fn local(socket: &Socket) -> io::Result<SocketAddr> {
    socket.local_addr()?.as_socket().ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
}

impl Acceptor {
    /// Accepts clients and gives each to `serve`, until `shared.stop` fires.
    pub async fn run<S, F>(self, shared: Shared, serve: S)
    where
        S: Fn(TcpStream, Peer) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let serve = Arc::new(serve);
        // A stop waits for those who are still to be accepted, too.
        let _accepting = shared.tasks.token();
        let Self { name, socket, options } = self;
        let socket = match TcpListener::from_std(socket) {
            Ok(socket) => socket,
            Err(error) => return tracing::error!(listener = %name, %error, "no connections will be accepted"),
        };
        let mut reserve = Reserve::new(options.plain_http);
        let forwarders = (!options.forwarders.is_empty()).then(|| {
            let (networks, connections) = (Arc::clone(&shared.networks), Arc::clone(&shared.connections));
            let forwarders = Forwarders::new(&options.forwarders, options.named, networks, connections);
            Arc::new(forwarders.at_guest_listener(options.guest))
        });
        let entrance = Entrance { name, options, shared, forwarders };
        loop {
            let accepted = tokio::select! {
                accepted = socket.accept() => accepted,
                () = entrance.shared.stop.cancelled() => {
                    return last::accept(socket, |stream, client| entrance.admit(stream, client, &serve, &reserve)).await;
                }
            };
            match accepted {
                Ok((stream, client)) => entrance.admit(stream, client, &serve, &reserve),
                Err(error) if is_of_one_client(&error) => {}
                Err(error) if shed::is_shortage(&error) => {
                    let shed = reserve.shed(&socket);
                    tracing::error!(listener = %entrance.name, %error, shed, "no connection accepted");
                    if shed == 0 {
                        sleep(PAUSE).await;
                    }
                }
                Err(error) => {
                    tracing::error!(listener = %entrance.name, %error, "no connection accepted");
                    sleep(PAUSE).await;
                }
            }
        }
    }
}

/// What stands between an accepted connection and being served.
#[derive(Clone)]
struct Entrance {
    name: Arc<str>,
    options: Arc<Options>,
    shared: Shared,
    /// Those who speak for others.
    forwarders: Option<Arc<Forwarders>>,
}

impl Entrance {
    fn admit<S, F>(&self, stream: TcpStream, peer: SocketAddr, serve: &Arc<S>, reserve: &Reserve)
    where
        S: Fn(TcpStream, Peer) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        if !self.options.proxy_protocol.is_empty() {
            return behind::admit(self, stream, peer, serve);
        }
        match self.place(peer) {
            Some(client) => drop(self.shared.tasks.spawn(serve(stream, client))),
            None => reserve.refuse(stream),
        }
    }

    /// A place for a client; none when too many are open. Whoever is served goes on being served.
    fn place(&self, client: SocketAddr) -> Option<Peer> {
        let standing = self.standing(client.ip());
        let place = match standing {
            // It has one address for everybody, so it is not held to what one client may have; each of its clients is.
            Standing::Forwarder(_) => self.shared.connections.enter_unnamed(),
            _ => self.shared.connections.enter(client.ip()),
        };
        let Some(place) = place else {
            tracing::warn!(listener = %self.name, client = %client.ip(), "connection closed: too many are open");
            return None;
        };
        let network = Arc::clone(self.shared.networks.of(client.ip()));
        let (listener, place) = (Arc::clone(&self.name), Some(Arc::new(place)));
        let guest = self.options.guest && !network.is_elsewhere();
        Some(Peer { client, listener, network, tls: None, proof: None, place, forwarder: None, standing, guest })
    }

    fn standing(&self, client: IpAddr) -> Standing {
        match &self.forwarders {
            None => Standing::Own,
            Some(forwarders) if forwarders.contains(client) => Standing::Forwarder(Arc::clone(forwarders)),
            Some(forwarders) => Standing::Unlisted(Arc::clone(forwarders)),
        }
    }
}

/// Errors of the connection that would have been accepted (accept(2)), not of the socket.
fn is_of_one_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

#[cfg(test)]
mod tests;
