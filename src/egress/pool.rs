//! Origin connections that are kept for the next request, and those of HTTP/2, which several requests share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::opening::{Openings, Turn};
use super::shared::Multiplexed;
use crate::policy::{Lane, Permit};
use crate::wire::Destination;
use crate::wire::h2::origin::Unanswered;

pub use super::shared::{OriginConnection, Wants};

/// How many connections of HTTP/2 to one destination are shared. Where more are needed, requests get connections of HTTP/1.1.
const MAX_SHARED: usize = 8;

/// Where there is no more room: of how many idle connections one is closed. Several at once, because to find those that were used
/// longest ago, all are looked at.
const CLOSED_OF: usize = 16;

/// Idle origin connections of one worker, and shared ones. A connection that was opened in one lane is never given to a request
/// in another.
#[derive(Debug)]
pub struct Pool {
    kept: Mutex<Kept>,
    bounds: Bounds,
    /// Connections that are being opened, and for which others wait.
    openings: Openings,
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
    // Whoever chooses names so that they collide finds a map of no more entries than there are idle connections.
    connections: foldhash::HashMap<Destination, Ways>,
    count: usize,
}

/// The connections to one destination.
#[derive(Debug, Default)]
struct Ways {
    idle: Vec<Idle>,
    shared: Vec<Multiplexed>,
}

#[derive(Debug)]
struct Idle {
    connection: Box<OriginConnection>,
    lane: Lane,
    since: Instant,
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
        Self { kept: Mutex::default(), bounds, openings: Openings::default(), turn: AtomicU64::new(0) }
    }

    /// Gives a connection to where the permit says, if one is still open; else gives the permit back. It is a shared one, if
    /// there is one with room. Of idle ones it is the one that was used last, because that one is the most likely to be open,
    /// and the others get the chance to expire. A connection on which the origin has sent something unasked is not used: it
    /// could be taken for an answer.
    pub fn take(self: &Arc<Self>, permit: Permit, wants: Wants) -> Result<Lease, Permit> {
        match self.find(&permit, wants) {
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

    fn find(&self, permit: &Permit, wants: Wants) -> Option<(Box<OriginConnection>, u64)> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Kept { connections, count } = &mut *kept;
        let ways = connections.get_mut(&**permit.destination())?;
        let fitting = ways.shared.iter_mut().position(|shared| shared.lane == *permit.lane() && shared.suits(wants));
        // A WebSocket has the connection for itself from then on: many small messages that its client does not read can end it.
        if wants == Wants::WebSocket {
            let mut shared = ways.shared.swap_remove(fitting?);
            *count -= 1;
            return Some((shared.open(), self.turn()));
        }
        if let Some(shared) = fitting.and_then(|fitting| ways.shared.get_mut(fitting)) {
            return Some((shared.open(), self.turn()));
        }
        loop {
            let last = ways.idle.iter().rposition(|idle| idle.lane == *permit.lane())?;
            let mut idle = ways.idle.remove(last);
            *count -= 1;
            if idle.since.elapsed() < self.bounds.idle && idle.connection.connection.is_idle() {
                return Some((idle.connection, self.turn()));
            }
        }
    }

    /// Whether another connection to where the permit says can be shared.
    pub(super) fn may_share(&self, permit: &Permit) -> bool {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Kept { connections, count } = &mut *kept;
        let Some(ways) = connections.get_mut(&**permit.destination()) else { return true };
        *count -= forget_closed(&mut ways.shared);
        ways.shared.len() < MAX_SHARED
    }

    /// Shares a connection that was opened with this permit, and gives a stream of it, and whether others can have streams of it.
    /// `turn` is the pool's turn from before it was opened.
    pub(super) fn share(&self, permit: &Permit, mut shared: Multiplexed, turn: u64) -> (Box<OriginConnection>, bool) {
        let mut is_shared = false;
        let stream = shared.open();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if turn == self.turn() && kept.make_room(self.bounds.in_all) {
            let ways = kept.connections.entry(Destination::clone(permit.destination())).or_default();
            if ways.shared.len() < MAX_SHARED {
                ways.shared.push(shared);
                kept.count += 1;
                is_shared = true;
            }
        }
        (stream, is_shared)
    }

    /// Gives no more streams of connections to where the permit says. What is open on them goes on.
    fn forget_shared(&self, permit: &Permit) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Kept { connections, count } = &mut *kept;
        let Some(ways) = connections.get_mut(&**permit.destination()) else { return };
        let before = ways.shared.len();
        ways.shared.retain(|shared| shared.lane != *permit.lane());
        *count -= before - ways.shared.len();
    }

    /// Whose turn it is to open a connection that can be shared to where the permit says.
    pub(super) fn opening(&self, permit: &Permit) -> Turn {
        self.openings.turn(permit)
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
        let is_new = |since: &Instant| since.elapsed() < self.bounds.idle;
        connections.retain(|_, ways| {
            ways.idle.retain_mut(|idle| is_new(&idle.since) && idle.connection.connection.is_idle());
            forget_closed(&mut ways.shared);
            ways.shared.retain(|shared| shared.connection.is_in_use() || is_new(&shared.since));
            *count += ways.idle.len() + ways.shared.len();
            !ways.idle.is_empty() || !ways.shared.is_empty()
        });
    }

    /// Closes all idle connections. Those that are in use are closed when they are given back, or when their last stream ends.
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
        if turn != self.turn() || !kept.make_room(self.bounds.in_all) {
            return;
        }
        let idle = Idle { connection, lane, since: Instant::now() };
        match kept.connections.get_mut(destination) {
            Some(ways) if ways.idle.len() >= self.bounds.per_origin => return,
            Some(ways) => ways.idle.push(idle),
            None => {
                kept.connections.insert(destination.clone(), Ways { idle: vec![idle], shared: Vec::new() });
            }
        }
        kept.count += 1;
    }
}

impl Kept {
    /// Whether there is room for one more among `most`. Where there is none, it is made: whoever was used longest ago is the least
    /// likely to be of use again, and an origin that was just met is about to be asked for something. Only idle connections go.
    fn make_room(&mut self, most: usize) -> bool {
        if self.count < most {
            return true;
        }
        let mut times: Vec<Instant> =
            self.connections.values().flat_map(|ways| &ways.idle).map(|idle| idle.since).collect();
        let at = times.len() / CLOSED_OF;
        if times.is_empty() {
            return false;
        }
        let (_, last, _) = times.select_nth_unstable(at);
        let last = *last;
        let count = &mut self.count;
        self.connections.retain(|_, ways| {
            let before = ways.idle.len();
            ways.idle.retain(|idle| idle.since > last);
            *count -= before - ways.idle.len();
            !ways.idle.is_empty() || !ways.shared.is_empty()
        });
        self.count < most
    }
}

/// Forgets connections that take no more requests, and says how many.
fn forget_closed(shared: &mut Vec<Multiplexed>) -> usize {
    let before = shared.len();
    shared.retain_mut(|shared| shared.connection.is_open());
    before - shared.len()
}

/// What can be done about a connection that was lost before there was an answer.
#[derive(Debug)]
pub enum Lost {
    /// Nothing: the permit is used up.
    UsedUp,
    /// The request can be sent once more, if it is one that may be repeated: the connection was an idle one.
    Idle(Permit),
    /// Nothing for this request; but others like it are to be sent by HTTP/1.1 (HTTP_1_1_REQUIRED).
    WantsHttp1(Permit),
    /// The request can be sent once more, whatever it is: its origin has not looked at it. With what was written of its body.
    Unseen(Permit, Unanswered, Vec<u8>),
}

impl Lease {
    /// Where the connection leads.
    pub fn destination(&self) -> &Destination {
        self.permit.destination()
    }

    /// Reserves the connection for one client connection, for as long as it lasts. A stream of a connection that others share
    /// cannot be reserved.
    pub fn pin(&mut self, pin: &Arc<Pin>) {
        self.pin = Some(Arc::clone(pin));
    }

    /// Gives up a connection that was lost before there was an answer, and gives the permit back if nothing has come of it. A
    /// permit for which a new connection was opened is used up, unless the origin has said that it has not looked at the request.
    pub fn lost(self) -> Lost {
        let fate = self.connection.stream.as_ref().and_then(|fate| fate.take());
        if matches!(fate, Some((Unanswered::WantsHttp1, _))) {
            self.pool.forget_shared(&self.permit);
        }
        match fate {
            Some((why, Some(written))) => Lost::Unseen(self.permit, why, written),
            Some((Unanswered::WantsHttp1, None)) => Lost::WantsHttp1(self.permit),
            Some((_, None)) => Lost::UsedUp,
            None if self.was_kept => Lost::Idle(self.permit),
            None => Lost::UsedUp,
        }
    }

    /// Gives the connection back for the next request to the same origin. The caller must have read the answer to its
    /// end: anything that is left would be taken for the next answer. A stream is for one request, and ends here.
    pub fn give_back(self) {
        if !self.connection.connection.unread.is_empty() || self.connection.stream.is_some() {
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
