//! Origin connections that are kept for the next request.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Through;
use crate::policy::{Faults, Lane, Permit};
use crate::wire::Destination;
use crate::wire::h1::Connection;

/// Idle origin connections of one worker. A connection that was opened in one lane is never given to a request in
/// another.
#[derive(Debug)]
pub struct Pool {
    kept: Mutex<Kept>,
    bounds: Bounds,
    /// How often it was cleared. A connection that was in use at such a moment is not kept when it comes back.
    turn: AtomicU64,
}

/// How much a pool keeps.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Connections to one origin.
    pub per_origin: usize,
    /// Connections in all: each costs a descriptor.
    pub in_all: usize,
    /// How long each is kept.
    pub idle: Duration,
}

#[derive(Debug, Default)]
struct Kept {
    connections: HashMap<Destination, Vec<Idle>>,
    count: usize,
}

#[derive(Debug)]
struct Idle {
    connection: Box<OriginConnection>,
    lane: Lane,
    since: Instant,
}

/// An HTTP/1.1 connection to an origin.
#[derive(Debug)]
pub struct OriginConnection {
    /// The connection itself.
    pub connection: Connection,
    /// The parent that it goes through.
    pub through: Option<Through>,
    /// The address that was dialled.
    pub origin: SocketAddr,
    /// Our address towards it.
    pub egress: SocketAddr,
    /// What a rule has accepted of its certificate.
    pub accepted: Faults,
}

/// A connection in use, and the pool to which it belongs. It holds the permit for which it was taken: one permit gives
/// one connection at most.
#[derive(Debug)]
pub struct Lease {
    /// The connection.
    pub connection: Box<OriginConnection>,
    permit: Permit,
    pool: Arc<Pool>,
    /// The client connection that alone may use it, if there is one.
    pin: Option<Arc<Pin>>,
    /// The pool's turn when it was opened.
    turn: u64,
    /// Whether it was an idle one, which its origin may have closed meanwhile.
    was_kept: bool,
}

/// The origin connection on which somebody has proven who they are (NTLM, Negotiate: RFC 4559 §6). Only the client
/// connection over which they did so may use it.
#[derive(Debug, Default)]
pub struct Pin(Mutex<Option<Held>>);

#[derive(Debug)]
struct Held {
    destination: Arc<Destination>,
    lane: Lane,
    connection: Box<OriginConnection>,
    pool: Arc<Pool>,
    turn: u64,
}

impl Pin {
    /// Gives the connection, if it leads where the permit says and is still open; else gives the permit back.
    pub fn take(self: &Arc<Self>, permit: Permit) -> Result<Lease, Permit> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Held { destination, lane, mut connection, pool, turn }) = held else { return Err(permit) };
        let leads_there = destination == *permit.destination() && lane == *permit.lane() && pool.turn() == turn;
        if !leads_there || !connection.connection.is_idle() {
            return Err(permit);
        }
        Ok(Lease { connection, permit, pool, pin: Some(Arc::clone(self)), turn, was_kept: true })
    }
}

impl Pool {
    /// An empty pool.
    pub fn new(bounds: Bounds) -> Self {
        Self { kept: Mutex::default(), bounds, turn: AtomicU64::new(0) }
    }

    /// Gives an idle connection to where the permit says, if one is still open; else gives the permit back. It is the
    /// one that was used last, because that one is the most likely to be open, and the others get the chance to expire.
    /// A connection on which the origin has sent something unasked is not used: it could be taken for an answer.
    pub fn take(self: &Arc<Self>, permit: Permit) -> Result<Lease, Permit> {
        match self.find(&permit) {
            Some((connection, turn)) => Ok(self.lend(connection, permit, turn, true)),
            None => Err(permit),
        }
    }

    /// How often it was cleared.
    pub(super) fn turn(&self) -> u64 {
        self.turn.load(Ordering::Acquire)
    }

    fn lend(self: &Arc<Self>, connection: Box<OriginConnection>, permit: Permit, turn: u64, was_kept: bool) -> Lease {
        Lease { connection, permit, pool: Arc::clone(self), pin: None, turn, was_kept }
    }

    fn find(&self, permit: &Permit) -> Option<(Box<OriginConnection>, u64)> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let connections = kept.connections.get_mut(&**permit.destination())?;
            let last = connections.iter().rposition(|idle| idle.lane == *permit.lane())?;
            let mut idle = connections.remove(last);
            kept.count -= 1;
            if idle.since.elapsed() < self.bounds.idle && idle.connection.connection.is_idle() {
                return Some((idle.connection, self.turn()));
            }
        }
    }

    /// A lease on a new connection, which was opened with this permit. `turn` is the pool's turn from before it was
    /// opened.
    pub(super) fn lease(self: &Arc<Self>, connection: Box<OriginConnection>, permit: Permit, turn: u64) -> Lease {
        self.lend(connection, permit, turn, false)
    }

    /// Closes connections that have been idle for too long, or that their origins have closed.
    pub fn sweep(&self) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Kept { connections, count } = &mut *kept;
        *count = 0;
        connections.retain(|_, kept| {
            kept.retain_mut(|idle| idle.since.elapsed() < self.bounds.idle && idle.connection.connection.is_idle());
            *count += kept.len();
            !kept.is_empty()
        });
    }

    /// Closes all idle connections. Those that are in use are closed when they are given back.
    pub fn clear(&self) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        // Counted under the lock, as `keep` compares under the lock: a connection of the old turn either is in the pool
        // by now, and goes with the rest, or finds that the turn is another one.
        self.turn.fetch_add(1, Ordering::AcqRel);
        *kept = Kept::default();
    }

    /// Keeps a connection that was opened with this permit and on which nothing was sent yet. `turn` is the pool's turn from
    /// before it was opened.
    pub(super) fn put(&self, permit: &Permit, connection: Box<OriginConnection>, turn: u64) {
        self.keep(permit.destination(), permit.lane().clone(), connection, turn);
    }

    fn keep(&self, destination: &Destination, lane: Lane, connection: Box<OriginConnection>, turn: u64) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.count >= self.bounds.in_all || turn != self.turn() {
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
    /// Where the connection leads.
    pub fn destination(&self) -> &Destination {
        self.permit.destination()
    }

    /// Reserves the connection for one client connection, for as long as it lasts.
    pub fn pin(&mut self, pin: &Arc<Pin>) {
        self.pin = Some(Arc::clone(pin));
    }

    /// Gives up a connection that was lost before there was an answer. If it was an idle one, gives the permit back:
    /// nothing has come of it, so it may be used once more. A permit for which a new connection was opened is used up.
    pub fn lost(self) -> Option<Permit> {
        self.was_kept.then_some(self.permit)
    }

    /// Gives the connection back for the next request to the same origin. The caller must have read the answer to its
    /// end: anything that is left would be taken for the next answer.
    pub fn give_back(self) {
        if !self.connection.connection.unread.is_empty() {
            return;
        }
        let (destination, lane) = self.permit.into_place();
        let Self { connection, pool, turn, .. } = self;
        match self.pin {
            None => pool.keep(&destination, lane, connection, turn),
            Some(pin) => {
                let held = Held { destination, lane, connection, pool, turn };
                *pin.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(held);
            }
        }
    }
}
