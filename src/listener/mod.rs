//! Accepts client connections, within limits.

mod behind;
mod last;
pub mod pair;
pub mod secure;
mod shed;

use std::io;
use std::net::SocketAddr;
use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use ipnet::IpNet;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::net::{Connections, Limits, Tcp};
use crate::wire::{Entry, Peer};
pub use pair::Pair;
pub use secure::Secure;
use shed::Reserve;

/// How long to wait after an accept that failed, when no connection could be shed.
const PAUSE: Duration = Duration::from_millis(50);

/// How a listener treats the clients that it accepts: the values of one configuration. A reload replaces all of it at
/// once while the listener goes on.
#[derive(Debug)]
pub struct Gate {
    /// Its name, and what holds for clients that come by it.
    pub entry: Arc<Entry>,
    /// Peers that name their clients by the PROXY protocol. They must do so; nobody else may.
    pub proxy_protocol: Vec<IpNet>,
    /// Whether a client that is turned away can be answered in plain HTTP.
    pub plain_http: bool,
    /// How long a client may take until the end of its first head.
    pub head_time: Duration,
    /// The TLS that its clients speak; `None` if they do not, or if whoever serves them sees to it.
    pub secure: Option<Arc<Secure>>,
}

/// A client that was let in. All of it comes from one gate: a connection is never spoken with by the TLS of one
/// configuration and judged by another one, whatever is replaced between its being accepted and its being served.
#[derive(Debug)]
pub struct Admitted {
    /// The client.
    pub peer: Peer,
    /// The TLS that it speaks.
    pub secure: Option<Arc<Secure>>,
}

/// An address to which clients connect. It can have several sockets, one for each worker: the kernel distributes
/// clients among them, so that no two workers wait for the same client.
#[derive(Debug)]
pub struct Listener {
    sockets: Vec<std::net::TcpListener>,
    address: SocketAddr,
    end: End,
}

/// Ends a listener before the program ends.
#[derive(Clone, Debug)]
pub struct End {
    /// Fires when each of its connections must end after the exchange under way.
    pub finish: CancellationToken,
    /// Fires when it must accept the clients that have reached it, and nobody after them.
    closing: CancellationToken,
}

/// One socket of a listener, for the worker that accepts on it.
#[derive(Debug)]
pub struct Acceptor {
    socket: std::net::TcpListener,
    end: End,
}

/// What all listeners share.
#[derive(Clone, Debug)]
pub struct Shared {
    /// Counts the connections that are open.
    pub connections: Arc<Connections>,
    /// The connections that are being served, for a stop to wait for.
    pub tasks: TaskTracker,
    /// Fires when the program stops accepting.
    pub stop: CancellationToken,
    /// Fires when each connection must end after the exchange under way.
    pub finish: CancellationToken,
}

impl Shared {
    /// No connections yet.
    pub fn new(limits: &Limits) -> Self {
        Self {
            connections: Arc::new(Connections::new(limits.bounds())),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            finish: CancellationToken::new(),
        }
    }
}

impl End {
    /// Has the listener accept the clients that have reached it, let their exchanges under way finish, and close.
    pub fn begin(&self) {
        self.finish.cancel();
        self.closing.cancel();
    }
}

impl Listener {
    /// Binds `address` with one socket for each of `workers`. Port 0 takes any free port. `backlog` is how many
    /// connections may wait to be accepted; the kernel lowers it to its own bound (`net.core.somaxconn`). `tcp` says
    /// how to find out that a client has gone. `finish` fires when all connections of the program must end after the
    /// exchange under way.
    pub fn bind(
        address: SocketAddr,
        workers: NonZero<usize>,
        backlog: i32,
        tcp: Tcp,
        finish: &CancellationToken,
    ) -> io::Result<Self> {
        let mut address = address;
        let mut sockets = Vec::with_capacity(workers.get());
        if workers.get() > 1 {
            // Sockets with SO_REUSEPORT would share the address with another instance of this program without an error.
            // So it is first bound once without that option, which fails if somebody has it.
            address = local(&open(address, false)?)?;
        }
        for _ in 0..workers.get() {
            let socket = open(address, workers.get() > 1)?;
            tcp.apply(&SockRef::from(&socket))?;
            socket.listen(backlog)?;
            address = local(&socket)?;
            sockets.push(socket.into());
        }
        let end = End { finish: finish.child_token(), closing: CancellationToken::new() };
        Ok(Self { address, sockets, end })
    }

    /// The address that is bound.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What ends it.
    pub fn end(&self) -> &End {
        &self.end
    }

    /// Its sockets, one for each worker.
    pub fn acceptors(self) -> impl Iterator<Item = Acceptor> {
        let Self { sockets, end, .. } = self;
        sockets.into_iter().map(move |socket| Acceptor { socket, end: end.clone() })
    }
}

fn open(address: SocketAddr, is_shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restart must not have to wait until connections of the last process have left TIME_WAIT.
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(is_shared)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Whether `address` can be taken. It is given back at once.
pub fn try_address(address: SocketAddr) -> io::Result<()> {
    open(address, false).map(drop)
}

fn local(socket: &Socket) -> io::Result<SocketAddr> {
    socket.local_addr()?.as_socket().ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
}

impl Acceptor {
    /// Fires when each of its connections must end after the exchange under way.
    pub fn finish(&self) -> &CancellationToken {
        &self.end.finish
    }

    /// Accepts clients as `gate` says and gives each to `serve`, until `shared.stop` fires or the listener is ended.
    pub async fn run<S, F>(self, shared: Shared, gate: Arc<ArcSwap<Gate>>, serve: S)
    where
        S: Fn(TcpStream, Admitted) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let serve = Arc::new(serve);
        // Held, so that a stop also waits for clients that have yet to be accepted.
        let _accepting = shared.tasks.token();
        let Self { socket, end } = self;
        let name = || Arc::clone(gate.load().entry.listener());
        let socket = match TcpListener::from_std(socket) {
            Ok(socket) => socket,
            Err(error) => {
                return tracing::error!(listener = %name(), %error, "a listener cannot be used on this worker: it accepts nobody here");
            }
        };
        let mut reserve = Reserve::new();
        let entrance = Entrance { gate: Arc::clone(&gate), shared };
        // Each waits in a list under a lock, so they are made once, and not for each client.
        let (stopped, closed) = (entrance.shared.stop.cancelled(), end.closing.cancelled());
        tokio::pin!(stopped, closed);
        loop {
            let accepted = tokio::select! {
                accepted = socket.accept() => accepted,
                () = &mut stopped => break,
                () = &mut closed => break,
            };
            match accepted {
                Ok((stream, client)) => entrance.admit(stream, client, &serve, &reserve),
                Err(error) if is_of_one_client(&error) => {}
                Err(error) if shed::is_shortage(&error) => {
                    let shed = reserve.shed(&socket, gate.load().plain_http);
                    tracing::error!(listener = %name(), %error, shed, "this machine has no descriptors or memory left for another connection: those that wait are turned away");
                    if shed == 0 {
                        sleep(PAUSE).await;
                    }
                }
                Err(error) => {
                    tracing::error!(listener = %name(), %error, "a connection could not be accepted: the listener goes on");
                    sleep(PAUSE).await;
                }
            }
        }
        // On either end: of the program, or of this listener alone.
        last::accept(socket, |stream, client| entrance.admit(stream, client, &serve, &reserve)).await;
    }
}

/// What decides whether an accepted connection is served.
#[derive(Clone)]
struct Entrance {
    gate: Arc<ArcSwap<Gate>>,
    shared: Shared,
}

impl Entrance {
    fn admit<S, F>(&self, stream: TcpStream, peer: SocketAddr, serve: &Arc<S>, reserve: &Reserve)
    where
        S: Fn(TcpStream, Admitted) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        let gate = self.gate.load();
        if !gate.proxy_protocol.is_empty() {
            return behind::admit(self, &gate, stream, peer, serve);
        }
        match self.place(&gate, peer) {
            Some(client) => drop(self.shared.tasks.spawn(serve(stream, client))),
            None => reserve.refuse(stream, gate.plain_http),
        }
    }

    /// A place for a client; `None` if too many connections are open. Those that are served stay.
    fn place(&self, gate: &Gate, client: SocketAddr) -> Option<Admitted> {
        let connections = &self.shared.connections;
        // All clients of a forwarder come from its one address, so the limit for one client applies not to it, but to
        // each of its clients.
        let place = match gate.entry.is_forwarder(client.ip()) {
            true => connections.enter_unnamed(),
            false => connections.enter(client.ip()),
        };
        let Some(place) = place else {
            tracing::warn!(listener = %gate.entry.listener(), client = %client.ip(), "a connection is turned away, because too many are open, in all or from this client");
            return None;
        };
        Some(Admitted { peer: gate.entry.peer(client, place), secure: gate.secure.clone() })
    }
}

/// Whether an error is one of the connection that would have been accepted, and not of the listening socket
/// (accept(2)).
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
