//! Sessions begin, are found, and end.
//!
//! Whoever is known is found without waiting. Whoever is not known here may be known to the store: `recall` asks it.

mod clients;
mod proof;
mod tools;

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::address::Addresses;
use super::cache::Cache;
use super::corrections::{self, Corrections};
use super::neighbours::Neighbours;
use super::store::{Error, Health, Row, Store};
use super::witness::Witness;
use super::{AssertionFacts, Config, Crowded, Ending, Offline, Session, SessionId, person};
use crate::clock::{Clock, after};
use crate::identity::User;
use crate::identity::network::Spans;
use crate::seal::random_text;
pub use tools::{Fate, NewTool};

/// Calls of [`Sessions::upkeep`] in which every session at hand is looked after once: a quarter of a minute, if it is
/// called every second.
const LAP: usize = 15;

/// Sessions that one call looks after, at least and at most: so much takes no processor for long.
const STEPS: std::ops::RangeInclusive<usize> = 256..=20_000;

/// How long it is remembered that the store knows nothing of a session.
const UNKNOWN: Duration = Duration::from_secs(60);

/// Ends and uses that wait for a store that is away.
const MAX_UNTOLD: usize = 200_000;

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
    untold: Mutex<Untold>,
    pub(super) neighbours: Arc<Neighbours>,
    /// The store has been away for so long that nobody is known any more.
    is_lost: AtomicBool,
    witness: Witness,
}

/// What the store has yet to be told.
#[derive(Debug, Default)]
struct Untold {
    used: Vec<Row>,
    ended: Vec<Row>,
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
            is_lost: AtomicBool::new(false),
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
        self.store.keep(session.row()).await?;
        self.store.sync().await?;
        self.take_in(session).ok_or(Error::Full)
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
        if self.is_lost.load(Ordering::Relaxed) {
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
        if let Some(idle) = self.cache.find(id) {
            self.refresh(&idle).await;
            return self.find(id);
        }
        for _ in 0..corrections::ATTEMPTS {
            if self.unknown.contains_key(&id) {
                return None;
            }
            let mark = self.corrections.mark(id);
            // A store that does not answer says nothing about the session.
            let found = self.store.find(id.0).await.ok()?;
            let session =
                found.and_then(|row| Session::of_row(&row)).filter(|session| !session.is_over(self.clock.now()));
            match session {
                // Another node knew better while the answer was on its way.
                _ if self.corrections.overtook(id, mark) => {}
                Some(session) => {
                    self.take_in(session)?;
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
            None => self.store.find(id.0).await.ok().flatten().and_then(|row| Session::of_row(&row)).map(Arc::new),
        };
        session.is_some_and(|session| !session.is_over(self.clock.now()))
    }

    /// Asks the store whether a session that has gone unused here has been used on another node. If not, it is over.
    async fn refresh(&self, session: &Session) {
        let Ok(found) = self.store.find(session.id.0).await else { return };
        if let Some(elsewhere) = found.and_then(|row| Session::of_row(&row)) {
            session.last_used.fetch_max(elsewhere.last_used().as_second(), Ordering::Relaxed);
        }
        if session.is_idle(self.clock.now()) {
            self.forget(session, Ending::Expired);
            self.end_approved_by(session, Ending::Expired, "").await;
        }
    }

    /// The live session that a browser's secret stands for, if it is at hand.
    pub fn find_by_secret(&self, secret: &str) -> Option<Arc<Session>> {
        self.find(SessionId::of_secret(secret))
    }

    /// The live sessions of one person, newest first, wherever they were begun.
    pub async fn of_user(&self, user: &User) -> Vec<Arc<Session>> {
        let held = self.rows_of(user).await;
        held.unwrap_or_else(|_| {
            let person = person(user);
            self.live(self.cache.all().filter(|session| super::person(&session.user) == person))
        })
    }

    async fn rows_of(&self, user: &User) -> Result<Vec<Arc<Session>>, Error> {
        let rows = self.store.of_person(person(user)).await?;
        // Those at hand know when they were last used.
        let at_hand = |row: &Row| self.cache.find(SessionId(row.id));
        let sessions = rows.iter().filter_map(|row| at_hand(row).or_else(|| Session::of_row(row).map(Arc::new)));
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
        let rows = self.store.list(after.map(|id| id.0), most).await?;
        let at_hand = |row: &Row| self.cache.find(SessionId(row.id));
        Ok(rows.iter().filter_map(|row| at_hand(row).or_else(|| Session::of_row(row).map(Arc::new))).collect())
    }

    /// Ends a session at once, with everything that runs on its behalf. False when there was none.
    pub async fn end(&self, id: SessionId, ending: Ending) -> bool {
        self.end_by(id, ending, "").await
    }

    /// As [`end`](Self::end), by somebody else than the person: the audit record says who. The terminals that were
    /// approved in a browser end with its session.
    pub async fn end_by(&self, id: SessionId, ending: Ending, by: &str) -> bool {
        let (ended, session) = self.end_one(id, ending, by).await;
        if let Some(session) = session {
            self.end_approved_by(&session, ending, by).await;
        }
        ended
    }

    async fn end_one(&self, id: SessionId, ending: Ending, by: &str) -> (bool, Option<Arc<Session>>) {
        // First here, whatever the store says.
        let here = self.cache.remove(id);
        self.unknown.insert(id, ());
        let row = match &here {
            Some(session) => Some(session.row()),
            None => self.store.find(id.0).await.unwrap_or(None),
        };
        let Some(row) = row else { return (false, None) };
        let session = here.clone().or_else(|| Session::of_row(&row).map(Arc::new));
        let ended = match self.store.end(row.clone()).await {
            Ok(was_there) => {
                // Nobody who was told that it has ended finds it again after a restart.
                let _ = self.store.sync().await;
                was_there
            }
            Err(_) => {
                self.untold(|untold| &mut untold.ended, vec![row]);
                here.is_some()
            }
        };
        if let (true, Some(session)) = (ended || here.is_some(), &session) {
            self.witness.ended(session, ending, by);
        }
        (ended, session)
    }

    /// What happens to those who would have to sign in and cannot, because the store has been away for too long.
    pub fn offline(&self) -> Option<Offline> {
        self.is_lost.load(Ordering::Relaxed).then_some(self.config.offline)
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

    /// Another node has ended a session.
    pub(super) fn end_here(&self, id: SessionId) {
        self.unknown.insert(id, ());
        if let Some(session) = self.cache.remove(id) {
            tracing::debug!(session = %session.id.short(), "session ended on another node");
        }
    }

    /// Another node knows better what an address stands for.
    pub(super) fn forget_client(&self, client: IpAddr) {
        self.by_client.forget(client);
    }

    /// The store is there again: what it does not have any more has been ended meanwhile, or it has lost it.
    pub(super) async fn reconcile(&self) {
        let (mut ended, mut kept) = (0, 0);
        self.look_after(0).await;
        self.by_client.forget_all();
        self.corrections.correct_all();
        self.unknown.invalidate_all();
        let at_hand: Vec<_> = self.cache.all().collect();
        for session in at_hand {
            match self.store.find(session.id.0).await {
                Ok(Some(_)) => {}
                Ok(None) => match self.store.keep(session.row()).await {
                    Ok(true) => kept += 1,
                    Ok(false) => {
                        ended += 1;
                        self.end_here(session.id);
                    }
                    Err(_) => return,
                },
                // It is away again, and will be back again.
                Err(_) => return,
            }
        }
        if kept > 0 {
            tracing::error!(kept, "the shared store had lost sessions: those that are known here are in it again");
        }
        if ended > 0 {
            tracing::info!(ended, "sessions that were ended while the shared store was away");
        }
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
        if self.is_lost.swap(is_lost, Ordering::Relaxed) != is_lost {
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
                self.refresh(&session).await;
            }
        }
        self.untold(|untold| &mut untold.used, looked.used);
        let Untold { used, ended } = std::mem::take(&mut *self.lock());
        if !used.is_empty() && self.store.renew(used.clone()).await.is_err() {
            self.untold(|untold| &mut untold.used, used);
        }
        for row in ended {
            if self.store.end(row.clone()).await.is_err() {
                self.untold(|untold| &mut untold.ended, vec![row]);
            }
        }
    }

    /// Takes a session in, and gives the one that is at hand then. None if it has been ended meanwhile.
    fn take_in(&self, session: Session) -> Option<Arc<Session>> {
        let (held, used) = self.cache.insert(session);
        self.untold(|untold| &mut untold.used, used);
        held
    }

    fn untold(&self, which: impl FnOnce(&mut Untold) -> &mut Vec<Row>, mut rows: Vec<Row>) {
        if !rows.is_empty() {
            let mut untold = self.lock();
            let list = which(&mut untold);
            list.append(&mut rows);
            list.truncate(MAX_UNTOLD);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Untold> {
        self.untold.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A session whose time is over: the store knows that by itself.
    fn forget(&self, session: &Session, ending: Ending) {
        if self.cache.remove(session.id).is_some() {
            self.witness.ended(session, ending, "");
        }
    }
}

#[cfg(test)]
mod tests;
