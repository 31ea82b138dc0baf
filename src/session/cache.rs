//! The sessions in memory: a bounded concurrent map, looked up on every request.
//!
//! A session that nobody has used for a while makes room for others. It does not end by that: the store still has it.
//! What follows looks at three maps without one lock around them, so the order of the steps is what keeps them right:
//! `ended` is written before a session is taken out of `by_id`, and read with the session's entry in `by_id` locked before
//! it is put in; so from the moment when [`Cache::remove`] returns, nobody finds the session. `by_id` is locked before
//! `parted` and `ended`, never the other way round; the locks on `circle` and on `untold` are held for a push or a drain,
//! and no other lock is taken under them.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dashmap::DashMap;
use tokio_util::sync::CancellationToken;

use super::index::{Added, Index};
use super::near::Table;
use super::store::Row;
use super::{Session, SessionId};
use crate::clock::Timestamp;
use crate::net::LateCache;

/// How many sessions are looked at, at most, to find one that can make room.
const SEARCH: usize = 64;

/// How many uses are kept for a store that is away.
const MAX_UNTOLD: usize = 200_000;

/// Sessions that are looked after before the lock on the circle is given to others.
const PORTION: usize = 256;

/// How long the cache remembers that a session has ended, so that nobody who read its row just before puts it back.
const REMEMBERED: Duration = Duration::from_secs(60);

/// The sessions in memory.
#[derive(Debug)]
pub(super) struct Cache {
    by_id: Index,
    /// All of them in a circle. Each has the last use (seconds since the epoch) that it had when it was last looked at.
    circle: Mutex<VecDeque<(SessionId, i64)>>,
    /// Of sessions that have made room: the token that fires at their end, because somebody may wait for it, and when
    /// they expire.
    parted: DashMap<SessionId, (CancellationToken, Timestamp)>,
    ended: LateCache<SessionId, ()>,
    /// Rows of sessions with uses that the store has yet to be told of.
    untold: Mutex<Vec<Row>>,
    bytes: AtomicUsize,
    max: AtomicUsize,
    max_bytes: AtomicUsize,
}

impl Cache {
    pub(super) fn new(max: usize, max_bytes: usize) -> Self {
        Self {
            by_id: Index::new(),
            circle: Mutex::default(),
            parted: DashMap::new(),
            ended: LateCache::new(|| {
                moka::sync::Cache::builder().max_capacity(1_000_000).time_to_live(REMEMBERED).build()
            }),
            untold: Mutex::default(),
            bytes: AtomicUsize::new(0),
            max: AtomicUsize::new(max),
            max_bytes: AtomicUsize::new(max_bytes),
        }
    }

    /// Goes by other bounds from now on. Sessions beyond them make room when the next ones come.
    pub(super) fn hold_to(&self, max: usize, max_bytes: usize) {
        self.max.store(max, Ordering::Relaxed);
        self.max_bytes.store(max_bytes, Ordering::Relaxed);
    }

    pub(super) fn find(&self, id: SessionId) -> Option<Arc<Session>> {
        self.by_id.find(id)
    }

    /// What `look` says of a session in memory. It must not ask the cache in turn: a part of it is locked meanwhile.
    pub(super) fn look<T>(&self, id: SessionId, look: impl FnOnce(&Arc<Session>) -> T) -> Option<T> {
        self.by_id.look(id, look)
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = Arc<Session>> {
        self.by_id.all()
    }

    /// Takes a session in, and gives the one that is in memory then: if there is one already, that one stays. `None` if
    /// the session has been ended.
    pub(super) fn insert(&self, mut session: Session) -> Option<Arc<Session>> {
        let id = session.id;
        if self.by_id.look(id, |_| ()).is_none() {
            self.make_room(session.weight());
        }
        let added = self.by_id.add(id, || {
            // It may have been ended while its row was being read. `remove` first writes `ended` and then looks for the
            // session; we read `ended` with its entry locked. So if we do not see the end, `remove` has yet to lock the
            // entry, and finds the session: nobody else does once it has returned.
            if self.ended.contains_key(&id) {
                return None;
            }
            // The session made room before, and somebody still waits for its end: the token that they wait for becomes
            // this one's. As this happens under the lock, too, nobody finds the session with another token.
            if let Some((_, (ended, _))) = self.parted.remove(&id) {
                session.life.resume(ended);
            }
            self.bytes.fetch_add(session.weight(), Ordering::Relaxed);
            Some(Arc::new(session))
        });
        if let Added::Now(held) = &added {
            self.circle().push_back((id, held.last_used().as_second()));
        }
        match added {
            Added::Now(held) | Added::Before(held) => Some(held),
            Added::Never => None,
        }
    }

    /// Replaces what is known of a session. `None` if it is not in memory any more.
    pub(super) fn replace(&self, session: Session) -> Option<Arc<Session>> {
        self.change(session.id, |_| session)
    }

    /// The same with what `change` makes of the session in memory, so that nothing is lost that somebody else changes at
    /// the same time.
    pub(super) fn change(&self, id: SessionId, change: impl FnOnce(&Session) -> Session) -> Option<Arc<Session>> {
        self.by_id.change(id, |held| Some(self.in_place_of(held, change(held))))
    }

    /// Puts `session` in the place of `old`, if that is still the one in memory.
    pub(super) fn exchange(&self, old: &Arc<Session>, session: Session) -> bool {
        let mut is_done = false;
        self.by_id.change(old.id, |held| {
            is_done = Arc::ptr_eq(held, old);
            is_done.then(|| self.in_place_of(held, session))
        });
        is_done
    }

    /// `session` as it takes the place of the same session in memory, whose entry the caller has locked.
    fn in_place_of(&self, held: &Session, session: Session) -> Arc<Session> {
        self.bytes.fetch_add(session.weight(), Ordering::Relaxed);
        self.bytes.fetch_sub(held.weight(), Ordering::Relaxed);
        // It may have been used after the new one was copied from it.
        session.life.use_at(held.life.used());
        Arc::new(session)
    }

    /// Ends a session on this node, and gives it if it was in memory. Whatever runs on its behalf stops.
    pub(super) fn remove(&self, id: SessionId) -> Option<Arc<Session>> {
        // First, so that `insert`, which reads it before it puts a session in, and `make_room`, which reads it last, see it.
        self.ended.insert(id, ());
        if let Some((_, (ended, _))) = self.parted.remove(&id) {
            ended.cancel();
        }
        let session = self.by_id.take(id, |_| true)?;
        self.bytes.fetch_sub(session.weight(), Ordering::Relaxed);
        session.life.end().cancel();
        Some(session)
    }

    /// Looks after the next `steps` sessions of the circle: takes out of it those that are gone, and keeps the rows of
    /// those whose use the store does not know. Gives those that have ended, have expired or have gone unused for too long.
    pub(super) fn look_after(&self, steps: usize, now: Timestamp) -> Vec<Arc<Session>> {
        let (mut over, mut used) = (Vec::new(), Vec::new());
        let mut left = steps.min(self.circle().len());
        while left > 0 {
            let mut circle = self.circle();
            let portion = circle.len().min(PORTION).min(left);
            if portion == 0 {
                break;
            }
            // These are in no circle while we look at them, so `make_room` cannot choose them. That is no harm: it
            // finds others.
            let mut some: Vec<_> = circle.drain(..portion).collect();
            drop(circle);
            some.retain_mut(|(id, seen)| {
                let Some(session) = self.find(*id) else { return false };
                if session.is_over(now) {
                    let stays = !session.has_ended(now);
                    over.push(session);
                    return stays;
                }
                used.extend(session.stale_row());
                *seen = session.last_used().as_second();
                true
            });
            self.circle().extend(some);
            left -= portion;
        }
        self.tell_later(used);
        over
    }

    /// Keeps rows with uses that the store could not be told of.
    pub(super) fn tell_later(&self, mut rows: Vec<Row>) {
        if !rows.is_empty() {
            let mut untold = self.untold();
            untold.append(&mut rows);
            untold.truncate(MAX_UNTOLD);
        }
    }

    /// The rows with uses that the store has yet to be told of. They count as told from then on.
    pub(super) fn take_untold(&self) -> Vec<Row> {
        std::mem::take(&mut *self.untold())
    }

    fn untold(&self) -> MutexGuard<'_, Vec<Row>> {
        self.untold.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fires and forgets the tokens of sessions that made room and have expired since.
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

    /// Lets sessions make room for one of this weight (the clock algorithm): the first in the circle that have not been
    /// used since they were last looked at, or else the one that is found after [`SEARCH`] of them. Their rows are kept
    /// where the store does not know their last use.
    fn make_room(&self, weight: usize) {
        let is_full = || {
            let bytes = self.bytes.load(Ordering::Relaxed).saturating_add(weight);
            self.by_id.len() >= self.max.load(Ordering::Relaxed) || bytes > self.max_bytes.load(Ordering::Relaxed)
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
            // Whoever holds the session may be about to wait for its end, and would wait for a token that nobody fires
            // any more. So it goes only if nobody does: one reference is the index's, one is ours. `take` has the
            // entry's shard locked, and references are only made from the index under that lock, so the count cannot rise
            // between the look and the removal. A session that is in use stays, and the bound is exceeded by as many as
            // are in use.
            let removed = self.by_id.take(session.id, |held| {
                if Arc::strong_count(held) > 2 {
                    return false;
                }
                // Whoever has let it go may have begun to wait for its end before: that is seen from here on.
                fence(Ordering::Acquire);
                // Under the lock as well, so that nobody puts it in again without this token.
                if held.life.is_watched() {
                    self.parted.insert(held.id, (held.life.end().clone(), held.expires));
                }
                true
            });
            if removed.is_none() {
                self.circle().push_back((session.id, session.last_used().as_second()));
                break;
            }
            self.bytes.fetch_sub(session.weight(), Ordering::Relaxed);
            self.tell_later(session.stale_row().into_iter().collect());
            // It may have been ended since it left the map, when `remove` found it in neither. `remove` writes `ended`
            // before it looks into `parted`; we write `parted` before we look into `ended`. So one of us fires the
            // token.
            if self.ended.contains_key(&session.id)
                && let Some((_, (ended, _))) = self.parted.remove(&session.id)
            {
                ended.cancel();
            }
        }
    }
}

impl Table<SessionId> for Cache {
    /// A session as the store has it, and when it was read.
    type Record = (Session, Timestamp);
    type Held = Arc<Session>;

    fn note(&self, id: SessionId, (found, now): (Session, Timestamp)) -> Option<Arc<Session>> {
        let returns = found.life.confirmed();
        let held = self
            .by_id
            .change(id, |held| found.is_ahead_of(held).then(|| self.in_place_of(held, held.caught_up(&found, now))));
        let held = held.or_else(|| self.insert(found))?;
        held.life.confirm(returns);
        Some(held)
    }

    /// Leaves it where it is: somebody may wait for its end, so only an end takes it out. Whoever wants it forgotten reads
    /// it again, and [`note`](Table::note) puts what is newer in its place.
    fn forget(&self, _id: SessionId) {}

    /// Leaves them, for the same reason: `Sessions::reconcile` asks the store about each.
    fn forget_all(&self) {}
}

#[cfg(test)]
mod tests;
