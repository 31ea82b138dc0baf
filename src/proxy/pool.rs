//! Origin connections that are kept for the next request.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use dashmap::DashMap;
use hyper::client::conn::http1::SendRequest;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::upload::Upload;
use crate::wire::Destination;

/// Idle origin connections. A connection that was opened by leave to reach private addresses is never handed to a
/// request without it.
#[derive(Debug)]
pub(super) struct Pool {
    public: DashMap<Destination, Vec<Idle>>,
    private: DashMap<Destination, Vec<Idle>>,
    per_origin: usize,
    idle_time: Duration,
    room: Arc<Semaphore>,
}

/// Connections that are kept in all: each is a descriptor that nobody uses.
const MAX_KEPT: usize = 1024;

#[derive(Debug)]
struct Idle {
    connection: OriginConnection,
    since: Instant,
    /// Its place among those that are kept; none where it is kept for one client alone.
    _room: Option<OwnedSemaphorePermit>,
}

/// An HTTP/1.1 connection to an origin.
#[derive(Debug)]
pub(super) struct OriginConnection {
    pub(super) sender: SendRequest<Upload>,
    /// The address that was dialled.
    pub(super) origin: SocketAddr,
    /// Our address towards it.
    pub(super) egress: SocketAddr,
}

/// A connection in use, and where it belongs.
#[derive(Debug)]
pub(super) struct Lease {
    pub(super) connection: OriginConnection,
    destination: Destination,
    private: bool,
    home: Home,
}

/// Where a connection goes when its answer is complete.
#[derive(Debug)]
enum Home {
    Pool(Arc<Pool>),
    Pin(Arc<Pin>),
}

/// An origin connection on which somebody proves who they are (NTLM, Negotiate: RFC 4559 §6): it serves the one client
/// connection that this was done from, and nobody else.
#[derive(Debug, Default)]
pub(super) struct Pin(Mutex<Option<(Destination, bool, Idle)>>);

impl Pin {
    /// The connection, if it leads to `destination` and is good.
    pub(super) fn take(self: &Arc<Self>, destination: &Destination, private: bool) -> Option<Lease> {
        let (held, opened, idle) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        let fits = held == *destination && opened == private && idle.connection.sender.is_ready();
        fits.then(|| Lease {
            connection: idle.connection,
            destination: held,
            private,
            home: Home::Pin(Arc::clone(self)),
        })
    }
}

impl Pool {
    /// An empty pool that keeps `per_origin` connections for `idle_time` each.
    pub(super) fn new(per_origin: usize, idle_time: Duration) -> Self {
        let room = Arc::new(Semaphore::new(MAX_KEPT));
        Self { public: DashMap::new(), private: DashMap::new(), per_origin, idle_time, room }
    }

    /// The connection that was used last, if one is good: its origin has just shown that it is there, and the others
    /// get the chance to run out.
    pub(super) fn take(self: &Arc<Self>, destination: &Destination, private: bool) -> Option<Lease> {
        let mut kept = self.side(private).get_mut(destination)?;
        while let Some(idle) = kept.pop() {
            if idle.is_good(self.idle_time) {
                return Some(self.lease(idle.connection, destination.clone(), private));
            }
        }
        None
    }

    /// A lease on a new connection.
    pub(super) fn lease(
        self: &Arc<Self>,
        connection: OriginConnection,
        destination: Destination,
        private: bool,
    ) -> Lease {
        Lease { connection, destination, private, home: Home::Pool(Arc::clone(self)) }
    }

    /// Closes connections that have been idle for too long.
    pub(super) fn sweep(&self) {
        for side in [&self.public, &self.private] {
            side.retain(|_, kept| {
                kept.retain(|idle| !idle.connection.sender.is_closed() && idle.since.elapsed() < self.idle_time);
                !kept.is_empty()
            });
        }
    }

    fn keep(&self, destination: Destination, private: bool, connection: OriginConnection) {
        let Ok(room) = Arc::clone(&self.room).try_acquire_owned() else { return };
        let idle = Idle { connection, since: Instant::now(), _room: Some(room) };
        let side = self.side(private);
        if let Some(mut kept) = side.get_mut(&destination) {
            if kept.len() < self.per_origin {
                kept.push(idle);
            }
            return;
        }
        side.entry(destination).or_default().push(idle);
    }

    fn side(&self, private: bool) -> &DashMap<Destination, Vec<Idle>> {
        if private { &self.private } else { &self.public }
    }
}

impl Idle {
    /// Whether the connection can take a request. One that has read anything since its last answer cannot: hyper
    /// closes it, so what an origin sends unasked is never taken for an answer.
    fn is_good(&self, idle_time: Duration) -> bool {
        self.connection.sender.is_ready() && self.since.elapsed() < idle_time
    }
}

impl Lease {
    /// Ties the connection to a client connection, for good.
    pub(super) fn pin(&mut self, pin: &Arc<Pin>) {
        self.home = Home::Pin(Arc::clone(pin));
    }

    /// Gives the connection back, for the next request to the same origin.
    pub(super) fn give_back(self) {
        if self.connection.sender.is_closed() {
            return;
        }
        match self.home {
            Home::Pool(pool) => pool.keep(self.destination, self.private, self.connection),
            Home::Pin(pin) => {
                let idle = Idle { connection: self.connection, since: Instant::now(), _room: None };
                *pin.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((self.destination, self.private, idle));
            }
        }
    }
}
