//! Origin connections that are kept for the next request.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::dial::Through;
use crate::policy::Lane;
use crate::wire::Destination;
use crate::wire::h1::Connection;

/// Idle origin connections of one worker. A connection that was opened in one lane is never handed to a request in
/// another.
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
    connections: HashMap<Destination, Vec<Idle>>,
    count: usize,
}

#[derive(Debug)]
struct Idle {
    connection: OriginConnection,
    lane: Lane,
    since: Instant,
}

/// An HTTP/1.1 connection to an origin.
#[derive(Debug)]
pub(super) struct OriginConnection {
    pub(super) connection: Connection,
    /// The parent that it goes through.
    pub(super) through: Option<Through>,
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
    lane: Lane,
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
pub(super) struct Pin(Mutex<Option<(Arc<Destination>, Lane, OriginConnection)>>);

impl Pin {
    /// The connection, if it leads to `destination` and is good.
    pub(super) fn take(self: &Arc<Self>, destination: &Arc<Destination>, lane: &Lane) -> Option<Lease> {
        let (held, opened, mut connection) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        let fits = held == *destination && opened == *lane && connection.connection.is_idle();
        fits.then(|| Lease { connection, destination: held, lane: opened, home: Home::Pin(Arc::clone(self)) })
    }
}

impl Pool {
    /// An empty pool.
    pub(super) fn new(bounds: Bounds) -> Self {
        Self { kept: Mutex::default(), bounds }
    }

    /// The connection that was used last, if one is good: its origin has just shown that it is there, and the others
    /// get the chance to run out. What an origin sends unasked is never taken for an answer.
    pub(super) fn take(self: &Arc<Self>, destination: &Arc<Destination>, lane: &Lane) -> Option<Lease> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let connections = kept.connections.get_mut(&**destination)?;
            let last = connections.iter().rposition(|idle| idle.lane == *lane)?;
            let mut idle = connections.remove(last);
            kept.count -= 1;
            if idle.since.elapsed() < self.bounds.idle && idle.connection.connection.is_idle() {
                drop(kept);
                return Some(self.lease(idle.connection, Arc::clone(destination), idle.lane));
            }
        }
    }

    /// A lease on a new connection.
    pub(super) fn lease(
        self: &Arc<Self>,
        connection: OriginConnection,
        destination: Arc<Destination>,
        lane: Lane,
    ) -> Lease {
        Lease { connection, destination, lane, home: Home::Pool(Arc::clone(self)) }
    }

    /// Closes connections that have been idle for too long, or that their origins have closed.
    pub(super) fn sweep(&self) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Kept { connections, count } = &mut *kept;
        *count = 0;
        connections.retain(|_, kept| {
            kept.retain_mut(|idle| idle.since.elapsed() < self.bounds.idle && idle.connection.connection.is_idle());
            *count += kept.len();
            !kept.is_empty()
        });
    }

    fn keep(&self, destination: &Destination, lane: Lane, connection: OriginConnection) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.count >= self.bounds.in_all {
            return;
        }
        let idle = Idle { connection, lane, since: Instant::now() };
        match kept.connections.get_mut(destination) {
            Some(connections) if connections.len() >= self.bounds.per_origin => return,
            Some(connections) => connections.push(idle),
            None => {
                kept.connections.insert(destination.clone(), vec![idle]);
            }
        }
        kept.count += 1;
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
            Home::Pool(pool) => pool.keep(&self.destination, self.lane, self.connection),
            Home::Pin(pin) => {
                let held = (self.destination, self.lane, self.connection);
                *pin.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(held);
            }
        }
    }
}
