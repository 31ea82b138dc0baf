//! The sessions at hand: a bounded concurrent map, looked up on every request.
//!
//! A session that has gone unused makes room for others. It is not over by that: the store has it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use tokio_util::sync::CancellationToken;

use super::store::Row;
use super::{Session, SessionId};
use crate::clock::Timestamp;

/// Sessions that are asked at most, in search of one that can go, when room is needed.
const SEARCH: usize = 64;

/// Sessions that are looked after before others get their turn.
const PORTION: usize = 256;

/// How long it is remembered that a session has ended, against somebody who has read it just before.
const REMEMBERED: Duration = Duration::from_secs(60);

/// The sessions at hand.
#[derive(Debug)]
pub(super) struct Cache {
    by_id: DashMap<SessionId, Arc<Session>>,
    /// All of them in a circle, each with its last use when it was last looked at.
    circle: Mutex<VecDeque<(SessionId, i64)>>,
    /// Ends that somebody may wait for, of sessions that have made room.
    parted: DashMap<SessionId, (CancellationToken, Timestamp)>,
    ended: moka::sync::Cache<SessionId, ()>,
    bytes: AtomicUsize,
    max: usize,
    max_bytes: usize,
}

/// What came of looking after some sessions.
#[derive(Debug, Default)]
pub(super) struct Looked {
    /// Their time is over.
    pub(super) over: Vec<Arc<Session>>,
    /// They have been used since the store was told.
    pub(super) used: Vec<Row>,
}

impl Cache {
    pub(super) fn new(max: usize, max_bytes: usize) -> Self {
        Self {
            by_id: DashMap::new(),
            circle: Mutex::default(),
            parted: DashMap::new(),
            ended: moka::sync::Cache::builder().max_capacity(1_000_000).time_to_live(REMEMBERED).build(),
            bytes: AtomicUsize::new(0),
            max,
            max_bytes,
        }
    }

    pub(super) fn find(&self, id: SessionId) -> Option<Arc<Session>> {
        Some(Arc::clone(self.by_id.get(&id)?.value()))
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = Arc<Session>> {
        self.by_id.iter().map(|entry| Arc::clone(entry.value()))
    }

    /// Takes a session in, and gives the one that is there then: there is one of each. What has made room and has been
    /// used since the store was told is given, too.
    pub(super) fn insert(&self, mut session: Session) -> (Option<Arc<Session>>, Vec<Row>) {
        let id = session.id;
        let used = if self.by_id.contains_key(&id) { Vec::new() } else { self.make_room(session.weight()) };
        let held = match self.by_id.entry(id) {
            Entry::Occupied(held) => return (Some(Arc::clone(held.get())), used),
            Entry::Vacant(free) => {
                // Whoever waits for its end since before waits for this one's.
                if let Some((_, (ended, _))) = self.parted.remove(&id) {
                    session.ended = ended;
                    session.is_watched.store(true, Ordering::Relaxed);
                }
                let session = Arc::new(session);
                self.bytes.fetch_add(session.weight(), Ordering::Relaxed);
                free.insert(Arc::clone(&session));
                session
            }
        };
        self.circle().push_back((id, held.last_used().as_second()));
        // Ended while it was being read: the end is noted before it is looked for here.
        if self.ended.contains_key(&id) {
            self.remove(id);
            return (None, used);
        }
        (Some(held), used)
    }

    /// Puts a session in the place of what was known of it. None if it is not at hand any more.
    pub(super) fn replace(&self, session: Session) -> Option<Arc<Session>> {
        let mut held = self.by_id.get_mut(&session.id)?;
        let session = Arc::new(session);
        self.bytes.fetch_add(session.weight(), Ordering::Relaxed);
        self.bytes.fetch_sub(held.weight(), Ordering::Relaxed);
        // Used meanwhile.
        session.last_used.fetch_max(held.last_used.load(Ordering::Relaxed), Ordering::Relaxed);
        *held = Arc::clone(&session);
        Some(session)
    }

    /// Ends a session here, and gives it if it was at hand. Whatever runs on its behalf stops.
    pub(super) fn remove(&self, id: SessionId) -> Option<Arc<Session>> {
        self.ended.insert(id, ());
        if let Some((_, (ended, _))) = self.parted.remove(&id) {
            ended.cancel();
        }
        let (_, session) = self.by_id.remove(&id)?;
        self.bytes.fetch_sub(session.weight(), Ordering::Relaxed);
        session.ended.cancel();
        Some(session)
    }

    /// Looks after the next `steps` sessions of the circle.
    pub(super) fn look_after(&self, steps: usize, now: Timestamp) -> Looked {
        let mut looked = Looked::default();
        let mut left = steps.min(self.circle().len());
        while left > 0 {
            let mut circle = self.circle();
            let portion = circle.len().min(PORTION).min(left);
            if portion == 0 {
                break;
            }
            let mut some: Vec<_> = circle.drain(..portion).collect();
            drop(circle);
            some.retain_mut(|(id, seen)| {
                let Some(session) = self.find(*id) else { return false };
                if session.is_over(now) {
                    let stays = !session.has_ended(now);
                    looked.over.push(session);
                    return stays;
                }
                looked.used.extend(session.stale_row());
                *seen = session.last_used().as_second();
                true
            });
            self.circle().extend(some);
            left -= portion;
        }
        looked
    }

    /// Forgets the ends of sessions that are over by now, wherever they are kept.
    pub(super) fn sweep_parted(&self, now: Timestamp) {
        self.parted.retain(|_, (ended, expires)| {
            let over = *expires <= now;
            if over {
                ended.cancel();
            }
            !over
        });
    }

    pub(super) fn circle_len(&self) -> usize {
        self.circle().len()
    }

    fn circle(&self) -> MutexGuard<'_, VecDeque<(SessionId, i64)>> {
        self.circle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets sessions go until there is room for one of this weight: those that have not been used since they were last looked at, or else the
    /// ones that were looked at first.
    fn make_room(&self, weight: usize) -> Vec<Row> {
        let mut used = Vec::new();
        let is_full = || {
            let bytes = self.bytes.load(Ordering::Relaxed).saturating_add(weight);
            self.by_id.len() >= self.max || bytes > self.max_bytes
        };
        while is_full() {
            let mut chosen = None;
            for step in 0..SEARCH {
                let Some((id, seen)) = self.circle().pop_front() else { break };
                let Some(session) = self.find(id) else { continue };
                let last_used = session.last_used().as_second();
                if last_used <= seen || step + 1 == SEARCH {
                    chosen = Some(session);
                    break;
                }
                self.circle().push_back((id, last_used));
            }
            let Some(session) = chosen else { break };
            // Whoever holds the session may be about to wait for its end. One is held by the map, one here.
            let removed = self.by_id.remove_if(&session.id, |_, held| Arc::strong_count(held) <= 2);
            if removed.is_none() {
                self.circle().push_back((session.id, session.last_used().as_second()));
                break;
            }
            self.bytes.fetch_sub(session.weight(), Ordering::Relaxed);
            if session.is_watched.load(Ordering::Relaxed) {
                self.parted.insert(session.id, (session.ended.clone(), session.expires));
            }
            used.extend(session.stale_row());
            // Ended meanwhile: the end must not be waited for any more.
            if self.ended.contains_key(&session.id)
                && let Some((_, (ended, _))) = self.parted.remove(&session.id)
            {
                ended.cancel();
            }
        }
        used
    }
}
