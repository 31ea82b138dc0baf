//! Accepts client connections, within limits.

use std::io;
use std::net::SocketAddr;
use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::identity::Networks;
use crate::wire::{Connections, Limits, Peer};

/// Connections that wait to be accepted. The kernel lowers it to its own bound (`net.core.somaxconn`).
const BACKLOG: i32 = 4096;

/// The wait after an accept that failed for want of descriptors: they come back when connections close.
const PAUSE: Duration = Duration::from_millis(50);

/// An address that clients connect to. Several sockets can have it, one for each worker: the kernel shares clients out
/// among them, so that no two workers wait for the same.
#[derive(Debug)]
pub struct Listener {
    name: Arc<str>,
    sockets: Vec<std::net::TcpListener>,
    address: SocketAddr,
}

/// One socket of a listener, for the worker that accepts on it.
#[derive(Debug)]
pub struct Acceptor {
    name: Arc<str>,
    socket: std::net::TcpListener,
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
}

impl Shared {
    /// No connections yet.
    pub fn new(networks: Networks, limits: &Limits) -> Self {
        Self {
            networks: Arc::new(networks),
            connections: Arc::new(Connections::new(limits.connections, limits.connections_per_client)),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        }
    }
}

impl Listener {
    /// Takes `address` with one socket for each of `workers`. Port 0 takes any that is free.
    pub fn bind(name: &str, address: SocketAddr, workers: NonZero<usize>) -> io::Result<Self> {
        let mut address = address;
        let mut sockets = Vec::with_capacity(workers.get());
        if workers.get() > 1 {
            // Sockets that share an address would share it with another instance of this program, too: is it free?
            address = local(&open(address, false)?)?;
        }
        for _ in 0..workers.get() {
            let socket = open(address, workers.get() > 1)?;
            socket.listen(BACKLOG)?;
            address = local(&socket)?;
            sockets.push(socket.into());
        }
        Ok(Self { name: name.into(), address, sockets })
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
        let name = self.name;
        self.sockets.into_iter().map(move |socket| Acceptor { name: Arc::clone(&name), socket })
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
        S: Fn(TcpStream, Peer) -> F,
        F: Future<Output = ()> + Send + 'static,
    {
        let socket = match TcpListener::from_std(self.socket) {
            Ok(socket) => socket,
            Err(error) => {
                tracing::error!(listener = %self.name, %error, "no connections will be accepted");
                return;
            }
        };
        let name = &self.name;
        loop {
            let accepted = tokio::select! {
                accepted = socket.accept() => accepted,
                () = shared.stop.cancelled() => return,
            };
            match accepted {
                Ok((stream, client)) => admit(name, &shared, stream, client, &serve),
                Err(error) if is_of_one_client(&error) => {}
                Err(error) => {
                    tracing::error!(listener = %name, %error, "no connection accepted");
                    sleep(PAUSE).await;
                }
            }
        }
    }
}

/// A client over a limit is closed at once: whoever is served goes on being served.
fn admit<S, F>(name: &Arc<str>, shared: &Shared, stream: TcpStream, client: SocketAddr, serve: &S)
where
    S: Fn(TcpStream, Peer) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    let client = SocketAddr::new(client.ip().to_canonical(), client.port());
    let Some(place) = shared.connections.enter(client.ip()) else {
        tracing::warn!(listener = %name, client = %client.ip(), "connection closed: too many are open");
        return;
    };
    // Nagle's algorithm and delayed acknowledgements together cost 40 ms an exchange.
    drop(stream.set_nodelay(true));
    let network = Arc::clone(shared.networks.of(client.ip()));
    let peer = Peer { client, listener: Arc::clone(name), network, place: Some(Arc::new(place)) };
    shared.tasks.spawn(serve(stream, peer));
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
