//! Sessions begin, are found, and end.
//!
//! Whoever is known is found without waiting. Whoever is not known here may be known to the store: `recall` asks it.

mod clients;
mod connections;
mod ending;
mod proof;
mod tools;

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::address::Addresses;
use super::cache::Cache;
use super::corrections::{self, Corrections};
use super::ends::{Ends, Held};
use super::neighbours::Neighbours;
use super::store::{Error, Health, Row, Store};
use super::witness::Witness;
use super::{AssertionFacts, Config, Crowded, Ending, Offline, Session, SessionId, person};
use crate::clock::{Clock, after};
use crate::identity::User;
use crate::identity::network::Spans;
use crate::seal::random_text;
pub use ending::Ended;
pub use tools::{Fate, NewTool};

/// Calls of [`Sessions::upkeep`] in which every session at hand is looked after once: a quarter of a minute, if it is
/// called every second.
const LAP: usize = 15;

/// Sessions that one call looks after, at least and at most: so much takes no processor for long.
const STEPS: std::ops::RangeInclusive<usize> = 256..=20_000;

/// How long it is remembered that the store knows nothing of a session.
const UNKNOWN: Duration = Duration::from_secs(60);

/// Uses that wait for a store that is away.
const MAX_UNTOLD: usize = 200_000;

/// No session is confirmed for this time: the store has been away for so long that nobody is known any more.
const LOST: u32 = u32::MAX;

/// A session that has begun.
#[derive(Debug)]
pub struct Begun {
    /// The session.
    pub session: Arc<Session>,
    /// What the browser keeps. Nothing here can give it out again.
    pub secret: String,
}

/// The sessions. Cheap to share, and no lookup waits for anything but one shard of a map.
#[derive(Debug)]
pub struct Sessions {
    config: Config,
    clock: Clock,
    store: Arc<dyn Store>,
    cache: Cache,
    by_client: Addresses,
    unknown: moka::sync::Cache<SessionId, ()>,
    corrections: Corrections,
    /// Uses that the store has yet to be told of.
    untold: Mutex<Vec<Row>>,
    ends: Arc<Ends>,
    settling: tokio::sync::Mutex<()>,
    pub(super) neighbours: Arc<Neighbours>,
    /// How often the store has come back: who was last asked after before that is asked after again.
    returns: AtomicU32,
    /// The same, or [`LOST`].
    epoch: AtomicU32,
    witness: Witness,
}

impl Sessions {
    /// The sessions that `store` has.
    pub fn new(config: Config, store: Arc<dyn Store>, clock: Clock) -> Self {
        Self {
            cache: Cache::new(config.cache, config.cache_memory.as_len()),
            by_client: Addresses::default(),
            unknown: moka::sync::Cache::builder().max_capacity(100_000).time_to_live(UNKNOWN).build(),
            corrections: Corrections::default(),
            untold: Mutex::default(),
            neighbours: Arc::new(Neighbours::new(Arc::clone(&store))),
            ends: Arc::new(Ends::fleeting(clock.clone())),
            settling: tokio::sync::Mutex::default(),
            returns: AtomicU32::new(0),
            epoch: AtomicU32::new(0),
            witness: Witness::default(),
            config,
            clock,
            store,
        }
    }

    /// Signs `user` in. When this returns, a restart does not sign them out.
    pub async fn begin(
        &self,
        user: User,
        client: IpAddr,
        user_agent: &str,
        assertion: AssertionFacts,
        spans: Spans,
    ) -> Result<Begun, Error> {
        let now = self.clock.now();
        // Anybody can be any number of guests: they leave room for people.
        self.check_room(if user.is_guest() { self.config.max / 2 } else { self.config.max }).await?;
        self.make_room_for(&user).await?;
        let secret = random_text();
        let lifetime = after(now, spans.lifetime.unwrap_or(self.config.lifetime));
        // A clock that is ahead of ours makes nobody's proof younger.
        let authenticated = assertion.authenticated.map_or(now, |at| at.min(now));
        let session = Session {
            id: SessionId::of_secret(&secret),
            user: Arc::new(user),
            expires: assertion.not_on_or_after.map_or(lifetime, |until| until.min(lifetime)),
            idle: spans.idle.or(self.config.idle),
            tool: None,
            assertion,
            client,
            user_agent: user_agent.chars().filter(|c| !c.is_control()).take(200).collect(),
            started: now,
            authenticated,
            last_used: AtomicI64::new(now.as_second()),
            stored_use: AtomicI64::new(now.as_second()),
            confirmed: AtomicU32::new(0),
            is_watched: AtomicBool::new(false),
            ended: CancellationToken::new(),
        };
        Ok(Begun { session: self.keep(session).await?, secret })
    }

    /// Sees to it that there is room for one more session than there are, which are to be `max` at most.
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

    /// Keeps a session that begins.
    async fn keep(&self, session: Session) -> Result<Arc<Session>, Error> {
        let returns = self.returns.load(Ordering::Acquire);
        self.store.keep(session.row()).await?;
        self.store.sync().await?;
        self.take_in(session, returns).ok_or(Error::Full)
    }

    /// Sees to it that a person has room for one more browser.
    async fn make_room_for(&self, user: &User) -> Result<(), Error> {
        // Nearly always there is.
        if self.store.held_by(person(user)).await? < self.config.max_per_person {
            return Ok(());
        }
        let mut held = self.rows_of(user).await?;
        held.retain(|session| session.tool.is_none());
        let surplus = (held.len() + 1).saturating_sub(self.config.max_per_person);
        if surplus > 0 && self.config.crowded == Crowded::Refuse {
            return Err(Error::Full);
        }
        for oldest in held.iter().rev().take(surplus) {
            self.end(oldest.id, Ending::TooMany).await;
        }
        Ok(())
    }

    /// The live session with this identifier, if it is at hand; finding it counts as using it.
    pub fn find(&self, id: SessionId) -> Option<Arc<Session>> {
        let session = self.cache.find(id)?;
        let now = self.clock.now();
        // The store was away since it was last asked, or is for too long.
        if session.confirmed.load(Ordering::Relaxed) != self.epoch.load(Ordering::Relaxed) {
            return None;
        }
        // One that was ended is not at hand any more: to look at its token would be a lock and a line of memory for nothing.
        if session.expires <= now {
            self.forget(&session, Ending::Expired);
            return None;
        }
        if session.is_idle(now) {
            return None;
        }
        session.touch(now);
        Some(session)
    }

    /// The live session with this identifier, wherever it is kept.
    pub async fn recall(&self, id: SessionId) -> Option<Arc<Session>> {
        if let Some(session) = self.find(id) {
            return Some(session);
        }
        if let Some(held) = self.cache.find(id) {
            self.confirm(&held).await;
            return self.find(id);
        }
        for _ in 0..corrections::ATTEMPTS {
            if self.unknown.contains_key(&id) {
                return None;
            }
            let (mark, returns) = (self.corrections.mark(id), self.returns.load(Ordering::Acquire));
            // A store that does not answer says nothing about the session.
            let found = self.store.find(id.0).await.ok()?;
            let session = found.and_then(|row| self.open(&row)).filter(|session| !session.is_over(self.clock.now()));
            match session {
                // Another node knew better while the answer was on its way.
                _ if self.corrections.overtook(id, mark) => {}
                Some(session) => {
                    self.take_in(session, returns)?;
                    return self.find(id);
                }
                None => {
                    self.unknown.insert(id, ());
                    if !self.corrections.overtook(id, mark) {
                        return None;
                    }
                    self.unknown.invalidate(&id);
                }
            }
        }
        None
    }

    /// Whether this session goes on, wherever it is kept. Asking is no use of it.
    pub(super) async fn is_live(&self, id: SessionId) -> bool {
        let session = match self.cache.find(id) {
            Some(session) => Some(session),
            None => self.store.find(id.0).await.ok().flatten().and_then(|row| self.open(&row)).map(Arc::new),
        };
        session.is_some_and(|session| !session.is_over(self.clock.now()))
    }

    /// The session that a row holds, unless this node knows that it has been ended.
    fn open(&self, row: &Row) -> Option<Session> {
        Session::of_row(row).filter(|session| !self.ends.cover(session))
    }

    /// The live session that a browser's secret stands for, if it is at hand.
    pub fn find_by_secret(&self, secret: &str) -> Option<Arc<Session>> {
        self.find(SessionId::of_secret(secret))
    }

    /// The live sessions of one person, newest first, wherever they were begun.
    pub async fn of_user(&self, user: &User) -> Vec<Arc<Session>> {
        let held = self.rows_of(user).await;
        held.unwrap_or_else(|_| self.at_hand_of(user))
    }

    /// The live sessions of one person that are at hand.
    fn at_hand_of(&self, user: &User) -> Vec<Arc<Session>> {
        let person = person(user);
        self.live(self.cache.all().filter(|session| super::person(&session.user) == person))
    }

    /// The live sessions at hand that are `wanted`.
    pub fn known(&self, wanted: impl Fn(&Session) -> bool) -> Vec<Arc<Session>> {
        self.live(self.cache.all().filter(|session| wanted(session)))
    }

    async fn rows_of(&self, user: &User) -> Result<Vec<Arc<Session>>, Error> {
        let rows = self.store.of_person(person(user)).await?;
        // Those at hand know when they were last used.
        let at_hand = |row: &Row| self.cache.find(SessionId(row.id));
        let sessions = rows.iter().filter_map(|row| at_hand(row).or_else(|| self.open(row).map(Arc::new)));
        Ok(self.live(sessions))
    }

    fn live(&self, sessions: impl Iterator<Item = Arc<Session>>) -> Vec<Arc<Session>> {
        let now = self.clock.now();
        let mut live: Vec<_> = sessions.filter(|session| !session.is_over(now)).collect();
        live.sort_by_key(|session| std::cmp::Reverse(session.started));
        live
    }

    /// The `most` sessions whose identifiers come after this one's, wherever they were begun.
    pub async fn list(&self, after: Option<SessionId>, most: usize) -> Result<Vec<Arc<Session>>, Error> {
        let at_hand = |row: &Row| self.cache.find(SessionId(row.id));
        let mut after = after.map(|id| id.0);
        loop {
            let rows = self.store.list(after, most).await?;
            let Some(last) = rows.last() else { return Ok(Vec::new()) };
            after = Some(last.id);
            let sessions = rows.iter().filter_map(|row| at_hand(row).or_else(|| self.open(row).map(Arc::new)));
            let sessions: Vec<_> = sessions.collect();
            // A portion of which everything has been ended is no end of the list.
            if !sessions.is_empty() {
                return Ok(sessions);
            }
        }
    }

    /// What happens to those who would have to sign in and cannot, because the store has been away for too long.
    pub fn offline(&self) -> Option<Offline> {
        (self.epoch.load(Ordering::Relaxed) == LOST).then_some(self.config.offline)
    }

    /// Who is told of each session that ends here.
    pub fn witness(&self) -> &Witness {
        &self.witness
    }

    /// How many sessions there are, more or less, wherever they are kept.
    pub fn count(&self) -> usize {
        self.store.sessions()
    }

    /// How the store is.
    pub fn health(&self) -> Health {
        self.store.health()
    }

    /// Another node knows better what an address stands for.
    pub(super) fn forget_client(&self, client: IpAddr) {
        self.by_client.forget(client);
    }

    /// How many sessions there are, at hand or not.
    pub fn len(&self) -> usize {
        self.store.sessions()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many sessions are at hand.
    pub fn at_hand(&self) -> usize {
        self.cache.len()
    }

    /// Looks after some of the sessions: forgets what is over, and tells the store which have been used. To be called
    /// every second.
    pub async fn upkeep(&self) {
        let is_lost = match self.store.health() {
            Health::Away { since } => after(since, self.config.offline_grace) <= self.clock.now(),
            _ => false,
        };
        let epoch = if is_lost { LOST } else { self.returns.load(Ordering::Acquire) };
        if (self.epoch.swap(epoch, Ordering::AcqRel) == LOST) != is_lost {
            let offline = self.config.offline;
            if is_lost {
                tracing::error!(?offline, "the shared store has been away for too long: nobody is known any more");
            } else {
                tracing::info!("the shared store is back: those who are known go on");
            }
        }
        let steps = (self.cache.circle_len() / LAP).clamp(*STEPS.start(), *STEPS.end());
        self.look_after(steps).await;
    }

    /// Forgets what is kept for sessions that are over.
    pub fn sweep(&self) {
        let now = self.clock.now();
        self.cache.sweep_parted(now);
        self.by_client.sweep(now, |id| self.cache.find(id).is_some());
    }

    async fn look_after(&self, steps: usize) {
        let looked = self.cache.look_after(steps, self.clock.now());
        for session in looked.over {
            if session.has_ended(self.clock.now()) {
                self.forget(&session, Ending::Expired);
            } else {
                self.confirm(&session).await;
            }
        }
        self.untold(looked.used);
        let used = std::mem::take(&mut *self.lock());
        if !used.is_empty() && self.store.renew(used.clone()).await.is_err() {
            self.untold(used);
        }
        if self.store.health() == Health::Well {
            self.settle(false).await;
        }
        self.ends.upkeep().await;
    }

    /// Takes a session in that the store has, after so many `returns` of it, and gives the one that is at hand then. None
    /// if it has been ended meanwhile.
    fn take_in(&self, session: Session, returns: u32) -> Option<Arc<Session>> {
        session.confirmed.store(returns, Ordering::Relaxed);
        let (held, used) = self.cache.insert(session);
        if let Some(held) = &held {
            held.confirmed.store(returns, Ordering::Release);
        }
        self.untold(used);
        held
    }

    fn untold(&self, mut rows: Vec<Row>) {
        if !rows.is_empty() {
            let mut untold = self.lock();
            untold.append(&mut rows);
            untold.truncate(MAX_UNTOLD);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Row>> {
        self.untold.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A session whose time is over: the store knows that by itself.
    fn forget(&self, session: &Session, ending: Ending) {
        if self.cache.remove(session.id).is_some() {
            self.witness.ended(session, ending, "", Held::Everywhere);
        }
    }
}

#[cfg(test)]
mod tests;
