//! Origin connections that are kept for the next request.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::wire::Destination;
use crate::wire::h1::Connection;

/// Idle origin connections of one worker. A connection that was opened by leave to reach private addresses is never
/// handed to a request without it.
#[derive(Debug)]
pub struct Pool {
    kept: Mutex<Kept>,
    bounds: Bounds,
}

/// How much a pool keeps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Connections to one origin.
    pub(super) per_origin: usize,
    /// Connections in all: each is a descriptor that nobody uses.
    pub(super) in_all: usize,
    /// How long each is kept.
    pub(super) idle: Duration,
}

#[derive(Debug, Default)]
struct Kept {
    public: HashMap<Destination, Vec<Idle>>,
    private: HashMap<Destination, Vec<Idle>>,
    count: usize,
}

#[derive(Debug)]
struct Idle {
    connection: OriginConnection,
    since: Instant,
}

/// An HTTP/1.1 connection to an origin.
#[derive(Debug)]
pub(super) struct OriginConnection {
    pub(super) connection: Connection,
    /// The address that was dialled.
    pub(super) origin: SocketAddr,
    /// Our address towards it.
    pub(super) egress: SocketAddr,
}

/// A connection in use, and where it belongs.
#[derive(Debug)]
pub(super) struct Lease {
    pub(super) connection: OriginConnection,
    destination: Arc<Destination>,
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
pub(super) struct Pin(Mutex<Option<(Arc<Destination>, bool, OriginConnection)>>);

impl Pin {
    /// The connection, if it leads to `destination` and is good.
    pub(super) fn take(self: &Arc<Self>, destination: &Arc<Destination>, private: bool) -> Option<Lease> {
        let (held, opened, mut connection) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        let fits = held == *destination && opened == private && connection.connection.is_idle();
        fits.then(|| Lease { connection, destination: held, private, home: Home::Pin(Arc::clone(self)) })
    }
}

impl Pool {
    /// An empty pool.
    pub(super) fn new(bounds: Bounds) -> Self {
        Self { kept: Mutex::default(), bounds }
    }

    /// The connection that was used last, if one is good: its origin has just shown that it is there, and the others
    /// get the chance to run out. What an origin sends unasked is never taken for an answer.
    pub(super) fn take(self: &Arc<Self>, destination: &Arc<Destination>, private: bool) -> Option<Lease> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let mut idle = kept.side(private).get_mut(&**destination)?.pop()?;
            kept.count -= 1;
            if idle.since.elapsed() < self.bounds.idle && idle.connection.connection.is_idle() {
                drop(kept);
                return Some(self.lease(idle.connection, Arc::clone(destination), private));
            }
        }
    }

    /// A lease on a new connection.
    pub(super) fn lease(
        self: &Arc<Self>,
        connection: OriginConnection,
        destination: Arc<Destination>,
        private: bool,
    ) -> Lease {
        Lease { connection, destination, private, home: Home::Pool(Arc::clone(self)) }
    }

    /// Closes connections that have been idle for too long, or that their origins have closed.
    pub(super) fn sweep(&self) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Kept { public, private, count } = &mut *kept;
        *count = 0;
        for side in [public, private] {
            side.retain(|_, kept| {
                kept.retain_mut(|idle| idle.since.elapsed() < self.bounds.idle && idle.connection.connection.is_idle());
                *count += kept.len();
                !kept.is_empty()
            });
        }
    }

    fn keep(&self, destination: &Destination, private: bool, connection: OriginConnection) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.count >= self.bounds.in_all {
            return;
        }
        let idle = Idle { connection, since: Instant::now() };
        let side = kept.side(private);
        match side.get_mut(destination) {
            Some(connections) if connections.len() >= self.bounds.per_origin => return,
            Some(connections) => connections.push(idle),
            None => {
                side.insert(destination.clone(), vec![idle]);
            }
        }
        kept.count += 1;
    }
}

impl Kept {
    fn side(&mut self, private: bool) -> &mut HashMap<Destination, Vec<Idle>> {
        if private { &mut self.private } else { &mut self.public }
    }
}

impl Lease {
    /// Ties the connection to a client connection, for good.
    pub(super) fn pin(&mut self, pin: &Arc<Pin>) {
        self.home = Home::Pin(Arc::clone(pin));
    }

    /// Gives the connection back, for the next request to the same origin. Only when the answer has been read to its
    /// end: whatever else is on the connection would be taken for the next one.
    pub(super) fn give_back(self) {
        if !self.connection.connection.unread.is_empty() {
            return;
        }
        match self.home {
            Home::Pool(pool) => pool.keep(&self.destination, self.private, self.connection),
            Home::Pin(pin) => {
                let held = (self.destination, self.private, self.connection);
                *pin.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(held);
            }
        }
    }
}
