//! All sessions that this node knows: how they begin, how they are found, and how they are looked after.
//!
//! Whoever is known is found without waiting. Whoever is not known here may be known to the store: `recall` asks it.

mod clients;
mod ending;
mod named;
mod passing;
mod proof;
mod regard;
mod tools;

use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;

use super::address::Addresses;
use super::cache::Cache;
use super::ends::{Ends, Held};
use super::near::Near;
use super::neighbours::Neighbours;
use super::store::{Error, Health, Row, Store};
use super::witness::Witness;
use super::{AssertionFacts, Config, Crowded, Ending, Facts, Session, SessionId, person, shortened};
use crate::clock::{Clock, Timestamp, after};
use crate::identity::User;
use crate::identity::network::Spans;
use crate::policy::Offline;
use crate::seal::random_text;
use crate::wire::Scheme;
pub use ending::Ended;
pub(super) use named::key_of;
pub use regard::Known;
use regard::Regard;
pub use tools::{Fate, NewTool};

/// After how many calls of [`Sessions::upkeep`] every session in memory has been looked after once: with one call a
/// second, a quarter of a minute.
const LAP: usize = 15;

/// How many sessions one call looks after, at least and at most, so that no call takes long.
const STEPS: std::ops::RangeInclusive<usize> = 256..=20_000;

/// How long this node remembers that the store knows nothing of a session.
const UNKNOWN: Duration = Duration::from_secs(60);

/// The epoch in which no session is confirmed: the store has been away for so long that nobody is known any more.
const LOST: u32 = u32::MAX;

/// A session that has begun.
#[derive(Debug)]
pub struct Begun {
    /// The session.
    pub session: Arc<Session>,
    /// The secret, which only the browser keeps: nothing here can give it out again.
    pub secret: String,
}

/// What a look at a session in memory says.
enum Sight {
    Live(Arc<Session>),
    /// The store must be asked first.
    Unsure,
    Expired(Arc<Session>),
}

/// The sessions. Cheap to share, and no lookup waits for anything but one shard of a map.
#[derive(Debug)]
pub struct Sessions {
    config: ArcSwap<Config>,
    clock: Clock,
    store: Arc<dyn Store>,
    near: Near<SessionId, Cache>,
    by_client: Addresses,
    ends: Arc<Ends>,
    settling: tokio::sync::Mutex<()>,
    neighbours: Arc<Neighbours>,
    /// How often the store has come back. A session about which the store was last asked before that must be confirmed
    /// again.
    returns: AtomicU32,
    /// The same number, or [`LOST`]: sessions are found only if they were confirmed in it.
    epoch: AtomicU32,
    witness: Witness,
    regard: OnceLock<Regard>,
}

impl Sessions {
    /// The sessions that `store` has.
    pub fn new(config: Config, store: Arc<dyn Store>, clock: Clock) -> Self {
        Self {
            near: Near::new(Cache::new(config.cache, config.cache_memory.as_len()), UNKNOWN),
            by_client: Addresses::default(),
            neighbours: Arc::new(Neighbours::new(Arc::clone(&store))),
            ends: Arc::new(Ends::fleeting(clock.clone())),
            settling: tokio::sync::Mutex::default(),
            returns: AtomicU32::new(0),
            epoch: AtomicU32::new(0),
            witness: Witness::default(),
            regard: OnceLock::new(),
            config: ArcSwap::from_pointee(config),
            clock,
            store,
        }
    }

    /// Goes by other lifetimes and bounds from now on. Sessions that have begun keep theirs.
    pub fn hold_to(&self, config: Config) {
        self.cache().hold_to(config.cache, config.cache_memory.as_len());
        self.config.store(Arc::new(config));
    }

    /// Signs `user` in. Once this has returned, a restart does not sign them out (unless the store keeps sessions in
    /// memory alone).
    pub async fn begin(
        &self,
        user: User,
        client: IpAddr,
        user_agent: &str,
        assertion: AssertionFacts,
        spans: Spans,
    ) -> Result<Begun, Error> {
        let now = self.clock.now();
        // One person can become any number of guests, so no guest is let in once half of the room is taken.
        self.check_room(if user.is_guest() { self.config.load().max / 2 } else { self.config.load().max }).await?;
        self.make_room_for(&user).await?;
        let secret = random_text();
        let lifetime = after(now, spans.lifetime.unwrap_or(self.config.load().lifetime));
        // An identity provider whose clock is ahead of ours must not make a proof younger than now.
        let authenticated = assertion.authenticated.map_or(now, |at| at.min(now));
        let session = Session::begun(Facts {
            id: SessionId::of_secret(&secret),
            user: Arc::new(user),
            expires: assertion.not_on_or_after.map_or(lifetime, |until| until.min(lifetime)),
            idle: spans.idle.or(self.config.load().idle),
            tool: None,
            passes: Vec::new(),
            assertion,
            client,
            user_agent: shortened(user_agent),
            started: now,
            authenticated,
        });
        Ok(Begun { session: self.keep(session).await?, secret })
    }

    /// Makes sure that one more session would not be more than `max`; [`Error::Full`] if it would be.
    async fn check_room(&self, max: usize) -> Result<(), Error> {
        if self.store.sessions() >= max {
            self.store.sweep();
            self.store.sync().await?;
            if self.store.sessions() >= max {
                return Err(Error::Full);
            }
        }
        Ok(())
    }

    /// Keeps a session that begins, in the store and in memory.
    async fn keep(&self, session: Session) -> Result<Arc<Session>, Error> {
        let returns = self.returns.load(Ordering::Acquire);
        let session = self.regarded(session);
        if self.bar(&session).is_some() {
            return Err(Error::Full);
        }
        self.store.keep(session.row()).await?;
        self.store.sync().await?;
        let held = self.take_in(session, returns).ok_or(Error::Full)?;
        self.settled(held).await.ok_or(Error::Full)
    }

    /// Makes sure that a person may have one more browser session: ends the oldest, or refuses, as configured.
    async fn make_room_for(&self, user: &User) -> Result<(), Error> {
        // Nearly always there is.
        if self.store.held_by(person(user)).await? < self.config.load().max_per_person {
            return Ok(());
        }
        let mut held = self.rows_of(user).await?;
        held.retain(|session| session.tool.is_none());
        let surplus = (held.len() + 1).saturating_sub(self.config.load().max_per_person);
        if surplus > 0 && self.config.load().crowded == Crowded::Refuse {
            return Err(Error::Full);
        }
        for oldest in held.iter().rev().take(surplus) {
            self.end(oldest.id, Ending::TooMany).await;
        }
        Ok(())
    }

    /// The live session with this identifier, if it is in memory and needs no confirmation. Finding it counts as using
    /// it.
    pub fn find(&self, id: SessionId) -> Option<Arc<Session>> {
        self.find_at(id, self.clock.now())
    }

    /// The same, for a caller who knows the time.
    fn find_at(&self, id: SessionId, now: Timestamp) -> Option<Arc<Session>> {
        let epoch = self.epoch.load(Ordering::Relaxed);
        // All of it before the pointer is copied, which writes to the session: nothing behind a write like that is read
        // before it is done.
        let look = |session: &Arc<Session>| {
            // The store has been away since it was last asked about the session, or has been away for too long: see
            // `recall`.
            if session.life.confirmed() != epoch {
                return Sight::Unsure;
            }
            // A session that was ended is not in memory any more, so its token need not be looked at, which would cost
            // a lock.
            if session.expires <= now {
                return Sight::Expired(Arc::clone(session));
            }
            if session.is_idle(now) {
                return Sight::Unsure;
            }
            session.life.touch(now);
            Sight::Live(Arc::clone(session))
        };
        match self.cache().look(id, look)? {
            Sight::Live(session) => Some(session),
            Sight::Unsure => None,
            Sight::Expired(session) => {
                self.forget(&session, Ending::Expired);
                None
            }
        }
    }

    /// When a cookie that names the person of `session` on an origin with this scheme must expire.
    pub fn cookie_ends(&self, session: &Session, scheme: Scheme, now: Timestamp) -> Timestamp {
        match scheme {
            Scheme::Http => session.expires.min(after(now, self.config.load().http_cookie_lifetime)),
            Scheme::Https => session.expires,
        }
    }

    /// The live session with this identifier, wherever it is kept.
    pub async fn recall(&self, id: SessionId) -> Option<Arc<Session>> {
        if let Some(session) = self.find(id) {
            return Some(session);
        }
        if let Some(held) = self.cache().find(id) {
            self.confirm(&held).await;
            return self.find(id);
        }
        let ask = || async move {
            let returns = self.returns.load(Ordering::Acquire);
            let found = self.store.find(id.0).await?;
            let now = self.clock.now();
            let session = found.and_then(|row| self.open(&row)).filter(|session| !session.is_over(now));
            session.iter().for_each(|session| session.life.confirm(returns));
            Ok::<_, Error>(session.map(|session| (session, now)))
        };
        // Not in memory: that was looked at above. If it is there by now, it may be what the reading is to replace.
        let held = self.near.read(id, |_| None, ask).await.ok()??;
        self.settled(held).await?;
        self.find(id)
    }

    /// Whether this session goes on, wherever it is kept. Asking does not count as using it.
    pub(super) async fn is_live(&self, id: SessionId) -> bool {
        let session = match self.cache().find(id) {
            Some(session) => Some(session),
            None => {
                let kept = self.store.find(id.0).await.ok().flatten().and_then(|row| self.open(&row));
                kept.filter(|session| self.bar(session).is_none()).map(Arc::new)
            }
        };
        session.is_some_and(|session| !session.is_over(self.clock.now()))
    }

    /// The session that a row holds, unless this node knows that it has been ended.
    fn open(&self, row: &Row) -> Option<Session> {
        Session::of_row(row).filter(|session| !self.ends.cover(session)).map(|session| self.regarded(session))
    }

    /// The live sessions of one person on all nodes, newest first; only those in memory if the store does not answer.
    pub async fn of_user(&self, user: &User) -> Vec<Arc<Session>> {
        let held = self.rows_of(user).await;
        held.unwrap_or_else(|_| self.at_hand_of(user))
    }

    /// The live sessions of one person on all nodes, newest first; an error if the store does not answer.
    pub async fn all_of_user(&self, user: &User) -> Result<Vec<Arc<Session>>, Error> {
        self.rows_of(user).await
    }

    /// The live sessions of one person that are in memory.
    fn at_hand_of(&self, user: &User) -> Vec<Arc<Session>> {
        let person = person(user);
        self.live(self.cache().all().filter(|session| super::person(&session.user) == person))
    }

    /// The live sessions in memory of which `wanted` is true, newest first.
    pub fn known(&self, wanted: impl Fn(&Session) -> bool) -> Vec<Arc<Session>> {
        self.live(self.cache().all().filter(|session| wanted(session)))
    }

    async fn rows_of(&self, user: &User) -> Result<Vec<Arc<Session>>, Error> {
        let rows = self.store.of_person(person(user)).await?;
        // A session in memory knows of later uses than its row.
        let at_hand = |row: &Row| self.cache().find(SessionId(row.id));
        let sessions = rows.iter().filter_map(|row| at_hand(row).or_else(|| self.open(row).map(Arc::new)));
        Ok(self.live(sessions))
    }

    fn live(&self, sessions: impl Iterator<Item = Arc<Session>>) -> Vec<Arc<Session>> {
        let now = self.clock.now();
        let mut live: Vec<_> = sessions.filter(|session| !session.is_over(now)).collect();
        live.sort_by_key(|session| std::cmp::Reverse(session.started));
        live
    }

    /// Up to `most` sessions whose identifiers come after this one, on all nodes, in the order of identifiers. The list
    /// is empty only at the end.
    pub async fn list(&self, after: Option<SessionId>, most: usize) -> Result<Vec<Arc<Session>>, Error> {
        let at_hand = |row: &Row| self.cache().find(SessionId(row.id));
        let mut after = after.map(|id| id.0);
        loop {
            let rows = self.store.list(after, most).await?;
            let Some(last) = rows.last() else { return Ok(Vec::new()) };
            after = Some(last.id);
            let sessions = rows.iter().filter_map(|row| at_hand(row).or_else(|| self.open(row).map(Arc::new)));
            let sessions: Vec<_> = sessions.collect();
            // That everything in a portion has been ended does not mean that the list ends here.
            if !sessions.is_empty() {
                return Ok(sessions);
            }
        }
    }

    /// What happens to people who would have to sign in and cannot, because the store has been away for too long.
    /// `None` while it has not been.
    pub fn offline(&self) -> Option<Offline> {
        (self.epoch.load(Ordering::Relaxed) == LOST).then_some(self.config.load().offline)
    }

    /// The other nodes that share the store. Everything that tells them something uses this one.
    pub fn neighbours(&self) -> &Arc<Neighbours> {
        &self.neighbours
    }

    /// What is told of each session that ends on this node.
    pub fn witness(&self) -> &Witness {
        &self.witness
    }

    /// Roughly how many sessions there are on all nodes.
    pub fn count(&self) -> usize {
        self.store.sessions()
    }

    /// How the store is.
    pub fn health(&self) -> Health {
        self.store.health()
    }

    /// Forgets what an address stands for: another node has changed it.
    pub(super) fn forget_client(&self, client: IpAddr) {
        self.by_client.near.forget(client);
    }

    /// How many sessions are in memory.
    pub fn at_hand(&self) -> usize {
        self.cache().len()
    }

    /// Looks after some of the sessions: forgets those that are over, and tells the store which have been used. Must be
    /// called every second.
    pub async fn upkeep(&self) {
        let is_lost = match self.store.health() {
            Health::Away { since } => after(since, self.config.load().offline_grace) <= self.clock.now(),
            _ => false,
        };
        let epoch = if is_lost { LOST } else { self.returns.load(Ordering::Acquire) };
        if (self.epoch.swap(epoch, Ordering::AcqRel) == LOST) != is_lost {
            let offline = self.config.load().offline;
            if is_lost {
                tracing::error!(
                    ?offline,
                    "the shared store has been away for too long (`offline_grace`): nobody is known any more, and whoever comes is treated as `offline` says"
                );
            } else {
                tracing::info!("the shared store is back: people who are signed in go on");
            }
        }
        let steps = (self.cache().circle_len() / LAP).clamp(*STEPS.start(), *STEPS.end());
        self.look_after(steps).await;
    }

    /// Forgets what is kept beside the sessions for those that are over.
    pub fn sweep(&self) {
        let now = self.clock.now();
        self.cache().sweep_parted(now);
        self.by_client.sweep(now, |id| self.cache().find(id).is_some());
    }

    async fn look_after(&self, steps: usize) {
        for session in self.cache().look_after(steps, self.clock.now()) {
            if session.has_ended(self.clock.now()) {
                self.forget(&session, Ending::Expired);
            } else {
                self.confirm(&session).await;
            }
        }
        let used = self.cache().take_untold();
        if !used.is_empty() && self.store.renew(used.clone()).await.is_err() {
            self.cache().tell_later(used);
        }
        if self.store.health() == Health::Well {
            self.settle(false).await;
        }
        self.ends.upkeep().await;
    }

    /// Takes in a session that the store has, and gives the one that is in memory then. `returns` is how often the
    /// store had come back when it was asked. `None` if the session has been ended meanwhile.
    fn take_in(&self, session: Session, returns: u32) -> Option<Arc<Session>> {
        session.life.confirm(returns);
        let held = self.cache().insert(session)?;
        held.life.confirm(returns);
        Some(held)
    }

    /// The sessions in memory.
    fn cache(&self) -> &Cache {
        self.near.known()
    }

    /// Forgets a session that is over. The store need not be told: it knows the time itself.
    fn forget(&self, session: &Session, ending: Ending) {
        if self.cache().remove(session.id).is_some() {
            self.witness.ended(session, ending, "", Held::Everywhere);
        }
    }
}

#[cfg(test)]
mod tests;
