//! Sessions end here first, whatever the store says, and what was answered holds.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::task::JoinSet;

use super::Sessions;
use crate::clock::{SignedDuration, after};
use crate::identity::User;
use crate::session::ends::{End, Ends, Held, What};
use crate::session::neighbours::Word;
use crate::session::store::{Error, Health, Key, Kind, Row, Store};
use crate::session::tool::Kind as ToolKind;
use crate::session::{Ending, Session, SessionId, person};

/// Nothing that can be ended lasts longer.
const LONGEST: SignedDuration = SignedDuration::from_hours(400 * 24);

/// Ends that the store is asked about at the same time.
const AT_ONCE: usize = 64;

/// What came of ending a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// There was such a session, as far as anybody can say.
    pub was_there: bool,
    /// How far that reaches.
    pub held: Held,
}

impl Sessions {
    /// The same, with ends that a restart survives.
    #[must_use]
    pub fn keeping(self, ends: Arc<Ends>) -> Self {
        Self { ends, ..self }
    }

    /// Ends a session at once, with everything that runs on its behalf.
    pub async fn end(&self, id: SessionId, ending: Ending) -> Ended {
        self.end_by(id, ending, "").await
    }

    /// As [`end`](Self::end), by somebody else than the person: the audit record says who. The terminals that were
    /// approved in a browser end with its session.
    pub async fn end_by(&self, id: SessionId, ending: Ending, by: &str) -> Ended {
        let (mut ended, session) = self.end_one(id, ending, by).await;
        if let Some(session) = session {
            ended.held = ended.held.max(self.end_approved_by(&session, ending, by).await);
        }
        ended
    }

    /// Ends all sessions that a person has at this moment, those that nobody can list now as soon as that can be done.
    pub async fn end_all(&self, user: &User, ending: Ending) -> Held {
        let (sessions, mut held) = match self.rows_of(user).await {
            Ok(sessions) => (sessions, Held::Everywhere),
            Err(_) => (self.at_hand_of(user), self.end_later(What::Person(person(user)), person(user)).await),
        };
        for session in sessions {
            held = held.max(self.end(session.id, ending).await.held);
        }
        held
    }

    pub(super) async fn end_one(&self, id: SessionId, ending: Ending, by: &str) -> (Ended, Option<Arc<Session>>) {
        // First here, whatever the store says.
        let here = self.cache.remove(id);
        self.unknown.insert(id, ());
        let found = match &here {
            Some(session) => Ok(Some(session.row())),
            None => self.store.find(id.0).await,
        };
        let Ok(found) = found else {
            // Nobody can say whether there is one: if there is, it has ended.
            let held = self.end_later(What::Session(id.0), Key::default()).await;
            return (Ended { was_there: false, held }, None);
        };
        let Some(row) = found else { return (Ended { was_there: false, held: Held::Everywhere }, None) };
        let session = here.clone().or_else(|| Session::of_row(&row).map(Arc::new));
        let (was_there, held) = self.hold(&row).await;
        let was_there = was_there.unwrap_or(session.is_some());
        if let (true, Some(session)) = (was_there || here.is_some(), &session) {
            self.witness.ended(session, ending, by, held);
        }
        (Ended { was_there, held }, session)
    }

    /// Sees to it that the end of a session holds. Whether it was there, if the store can say.
    async fn hold(&self, row: &Row) -> (Option<bool>, Held) {
        let what = What::Session(row.id);
        self.note(what, row.person, row.expires);
        if !self.store.is_shared() {
            let told = self.tell_end(row).await;
            if told.is_some() {
                self.ends.told(what, false);
                return (told, Held::Everywhere);
            }
            // There is no other node that would have to follow.
            let held = if self.ends.written(what).await { Held::Everywhere } else { Held::Fleeting };
            return (None, held);
        }
        let (told, is_written) = tokio::join!(self.tell_end(row), self.ends.written(what));
        if told.is_some() {
            self.ends.told(what, true);
        }
        let held = match (told, is_written) {
            (Some(_), _) => Held::Everywhere,
            (None, true) => Held::Here,
            (None, false) => Held::Fleeting,
        };
        (told, held)
    }

    /// Notes what the store cannot be told of at the moment.
    pub(super) async fn end_later(&self, what: What, person: Key) -> Held {
        let is_noted = self.note(what, person, after(self.clock.now(), LONGEST));
        if is_noted && self.ends.written(what).await { Held::Here } else { Held::Fleeting }
    }

    /// Notes that what stood under this name stands for nobody any more.
    pub(in crate::session) async fn end_record(&self, kind: Kind, key: Key, person: Key) -> Held {
        self.end_later(What::Record(kind.letter(), key), person).await
    }

    fn note(&self, what: What, person: Key, expires: crate::clock::Timestamp) -> bool {
        self.ends.note(End { what, person, at: self.clock.now(), expires, is_told: false })
    }

    /// Whether there was such a session, once the store has its end for good.
    async fn tell_end(&self, row: &Row) -> Option<bool> {
        let was_there = self.store.end(row.clone()).await.ok()?;
        // Nobody who was told that it has ended finds it again after a restart.
        let _ = self.store.sync().await;
        (self.store.health() != Health::Forgetful).then_some(was_there)
    }

    /// Tells the store which ends it does not have; with `all`, also those that it may have lost.
    pub async fn settle(&self, all: bool) {
        let Ok(_turn) = self.settling.try_lock() else { return };
        let known = self.ends.list(all);
        let (untold, told): (Vec<_>, Vec<_>) = known.into_iter().partition(|end| !end.is_told);
        let lost = self.lost(told).await;
        let number = untold.len() + lost.len();
        for end in untold.into_iter().chain(lost) {
            if self.settle_one(end).await.is_err() {
                return;
            }
            self.ends.told(end.what, self.store.is_shared());
        }
        if number > 0 {
            tracing::info!(ends = number, "the store has been told of ends that it did not have");
        }
    }

    /// Those of these ends that the store does not know of any more.
    async fn lost(&self, told: Vec<End>) -> Vec<End> {
        let mut lost = Vec::new();
        for some in told.chunks(AT_ONCE) {
            let mut asking = JoinSet::new();
            for end in some {
                let (store, end) = (Arc::clone(&self.store), *end);
                asking.spawn(async move { is_lost(&*store, end).await.then_some(end) });
            }
            while let Some(asked) = asking.join_next().await {
                lost.extend(asked.ok().flatten());
            }
        }
        lost
    }

    async fn settle_one(&self, end: End) -> Result<(), Error> {
        match end.what {
            What::Session(id) => {
                let row = Row { id, person: end.person, expires: end.expires, content: Vec::new() };
                self.tell_end(&row).await.ok_or(Error::Away)?;
                self.end_here(SessionId(id));
                let is_its_own = |session: &Session| {
                    session.tool.as_ref().is_some_and(|tool| tool.kind == ToolKind::Terminal && tool.maker.0 == id)
                };
                self.settle_rows(end.person, is_its_own).await
            }
            What::Person(person) => self.settle_rows(person, |session| session.started <= end.at).await,
            What::Record(letter, key) => {
                if let Some(kind) = Kind::of_letter(letter) {
                    self.store.take(kind, key).await?;
                    self.store.sync().await?;
                    self.neighbours.tell(&Word::Binding(letter, key)).await;
                }
                if self.store.health() == Health::Forgetful { Err(Error::Away) } else { Ok(()) }
            }
        }
    }

    async fn settle_rows(&self, person: Key, is_over: impl Fn(&Session) -> bool) -> Result<(), Error> {
        if person == Key::default() {
            return Ok(());
        }
        for row in self.store.of_person(person).await? {
            if Session::of_row(&row).is_some_and(|session| is_over(&session)) {
                self.tell_end(&row).await.ok_or(Error::Away)?;
                self.end_here(SessionId(row.id));
            }
        }
        Ok(())
    }

    /// Another node has ended a session.
    pub(in crate::session) fn end_here(&self, id: SessionId) {
        self.unknown.insert(id, ());
        if let Some(session) = self.cache.remove(id) {
            tracing::debug!(session = %session.id.short(), "session ended on another node");
        }
    }

    /// The store is there again. Whoever is known here may have been ended elsewhere meanwhile: each is asked after before
    /// they go on.
    pub(in crate::session) fn returned(&self) {
        let returns = self.returns.fetch_add(1, Ordering::AcqRel).wrapping_add(1);
        let _ = self
            .epoch
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |epoch| (epoch != super::LOST).then_some(returns));
    }

    /// Asks the store whether a session goes on that is at hand: it has gone unused here and may have been used on another
    /// node, or the store has been away since it was last asked.
    pub(super) async fn confirm(&self, session: &Session) {
        let returns = self.returns.load(Ordering::Acquire);
        let Ok(found) = self.store.find(session.id.0).await else {
            // It is away again: who is known goes on until it is back.
            session.confirmed.store(returns, Ordering::Release);
            return;
        };
        if let Some(elsewhere) = found.and_then(|row| self.open(&row)) {
            session.last_used.fetch_max(elsewhere.last_used().as_second(), Ordering::Relaxed);
            session.confirmed.store(returns, Ordering::Release);
        } else if self.store.is_shared() && !session.is_idle(self.clock.now()) {
            self.put_back(session, returns).await;
            return;
        }
        if session.is_idle(self.clock.now()) {
            self.forget(session, Ending::Expired);
            self.end_approved_by(session, Ending::Expired, "").await;
        }
    }

    /// The store does not have a session that is at hand: it has been ended, or the store has lost it. Whether it is in it
    /// again.
    async fn put_back(&self, session: &Session, returns: u32) -> Option<bool> {
        if self.ends.cover(session) {
            self.end_here(session.id);
            return Some(false);
        }
        match self.store.keep(session.row()).await {
            Ok(true) => {
                session.confirmed.store(returns, Ordering::Release);
                Some(true)
            }
            Ok(false) => {
                self.end_here(session.id);
                Some(false)
            }
            Err(_) => {
                session.confirmed.store(returns, Ordering::Release);
                None
            }
        }
    }

    /// The store is there again: what it does not have any more has been ended meanwhile, or it has lost it.
    pub(in crate::session) async fn reconcile(&self) {
        let (mut ended, mut kept) = (0, 0);
        // Before anything is put back.
        self.settle(true).await;
        self.look_after(0).await;
        self.by_client.forget_all();
        self.corrections.correct_all();
        self.unknown.invalidate_all();
        let at_hand: Vec<_> = self.cache.all().collect();
        for session in at_hand {
            let returns = self.returns.load(Ordering::Acquire);
            match self.store.find(session.id.0).await {
                Ok(Some(_)) => session.confirmed.store(returns, Ordering::Release),
                Ok(None) => match self.put_back(&session, returns).await {
                    Some(true) => kept += 1,
                    Some(false) => ended += 1,
                    None => return,
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
}

/// Whether the store does not know of an end any more that it had.
async fn is_lost(store: &dyn Store, end: End) -> bool {
    match end.what {
        What::Session(id) => store.peek(Kind::Ended, id).await == Ok(None),
        What::Person(_) => true,
        What::Record(letter, key) => match Kind::of_letter(letter) {
            Some(kind) => matches!(store.peek(kind, key).await, Ok(Some(_))),
            None => false,
        },
    }
}
