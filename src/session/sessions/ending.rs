//! How sessions end: first on this node, whatever the store says; and what the person was told holds afterwards.

use std::net::IpAddr;
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

/// No session, token or device lasts longer than this.
const LONGEST: SignedDuration = SignedDuration::from_hours(400 * 24);

/// About how many ends the store is asked at the same time.
const AT_ONCE: usize = 64;

/// The result of ending a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Whether there was such a session, as far as anybody can say.
    pub was_there: bool,
    /// How far its end holds.
    pub held: Held,
}

impl Sessions {
    /// The same sessions, with a journal of ends that survives a restart.
    #[must_use]
    pub fn keeping(self, ends: Arc<Ends>) -> Self {
        Self { ends, ..self }
    }

    /// Ends a session at once, with everything that runs on its behalf.
    pub async fn end(&self, id: SessionId, ending: Ending) -> Ended {
        self.end_by(id, ending, "").await
    }

    /// The same, by somebody other than the person: `by` says who, in the audit record. If it is a browser's session,
    /// the terminals that were approved in it end, too.
    pub async fn end_by(&self, id: SessionId, ending: Ending, by: &str) -> Ended {
        let (mut ended, session) = self.end_one(id, ending, by).await;
        if let Some(session) = session {
            ended.held = ended.held.max(self.end_approved_by(&session, ending, by).await);
        }
        ended
    }

    /// Ends the session that a browser brings while the store does not answer: there may be no such session, and each
    /// such end takes a place in the journal. `None`, and nothing has ended, if `client` has used up its share of such
    /// ends.
    pub async fn end_unseen(&self, id: SessionId, client: IpAddr) -> Option<Ended> {
        if self.cache().find(id).is_none() && !self.ends.admit_unseen(client) {
            return None;
        }
        Some(self.end(id, Ending::SignedOut).await)
    }

    /// Ends all sessions that a person has at this moment. If the store does not answer now, those that it alone knows
    /// end as soon as it does.
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
        // First on this node, whatever the store says. From here on nobody finds the session here: not in memory,
        // because it is gone and remembered as ended; nor by `recall`, because it is noted as absent. Only then is the
        // store asked, which may take a second.
        let here = self.cache().remove(id);
        self.near.set_absent(id);
        let found = match &here {
            Some(session) => Ok(Some(session.row())),
            None => self.store.find(id.0).await,
        };
        let Ok(found) = found else {
            // Nobody can say whether there is such a session. If there is, it ends when the store is back.
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

    /// Makes the end of a session hold. Gives whether it was there, if the store can say, and how far the end holds.
    async fn hold(&self, row: &Row) -> (Option<bool>, Held) {
        let what = What::Session(row.id);
        self.note(what, row.person, row.expires);
        if !self.store.is_shared() {
            let told = self.tell_end(row).await;
            if told.is_some() {
                self.ends.told(what, false);
                return (told, Held::Everywhere);
            }
            // No other node has to follow, so an end in the journal holds everywhere.
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

    /// Notes and writes an end that the store cannot be told of at the moment.
    pub(super) async fn end_later(&self, what: What, person: Key) -> Held {
        let is_noted = self.note(what, person, after(self.clock.now(), LONGEST));
        if is_noted && self.ends.written(what).await { Held::Here } else { Held::Fleeting }
    }

    /// Notes and writes that the record under this kind and key is revoked.
    pub(in crate::session) async fn end_record(&self, kind: Kind, key: Key, person: Key) -> Held {
        self.end_later(What::Record(kind.letter(), key), person).await
    }

    fn note(&self, what: What, person: Key, expires: crate::clock::Timestamp) -> bool {
        self.ends.note(End { what, person, at: self.clock.now(), expires, is_told: false })
    }

    /// Tells the store of an end. Gives whether there was such a session; `None` if the store has not taken the end for
    /// good.
    async fn tell_end(&self, row: &Row) -> Option<bool> {
        let was_there = self.store.end(row.clone()).await.ok()?;
        // Waits for the disk, so that a session whose end was confirmed is not found again after a restart.
        self.store.sync().await.ok();
        (self.store.health() != Health::Forgetful).then_some(was_there)
    }

    /// Tells the store the ends that it has not taken; with `all`, also those that it has lost since.
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
            tracing::info!(
                ends = number,
                "the session store has been told of ends that it did not have: those sessions have ended on all nodes"
            );
        }
    }

    /// Those of these ends that the store had and has lost.
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
                let row = Row { id, person: end.person, name: None, expires: end.expires, content: Vec::new() };
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

    /// Forgets a session that another node has ended.
    pub(in crate::session) fn end_here(&self, id: SessionId) {
        self.near.set_absent(id);
        if let Some(session) = self.cache().remove(id) {
            tracing::debug!(session = %session.id.short(), "a session was ended on another node, and is forgotten here");
        }
    }

    /// Notes that the store is there again. Other nodes may have ended sessions meanwhile, so each session in memory
    /// must be confirmed before it is found again.
    pub(in crate::session) fn returned(&self) {
        let returns = self.returns.fetch_add(1, Ordering::AcqRel).wrapping_add(1);
        // What was lost stays so.
        let next = |epoch| (epoch != super::LOST).then_some(returns);
        self.epoch.fetch_update(Ordering::AcqRel, Ordering::Acquire, next).ok();
    }

    /// Asks the store whether a session in memory goes on. There are two causes: it has gone unused here and may have
    /// been used on another node, or the store has been away since it was last asked about it.
    pub(super) async fn confirm(&self, session: &Session) {
        let returns = self.returns.load(Ordering::Acquire);
        let Ok(found) = self.store.find(session.id.0).await else {
            // It is away again: people who are known go on until it is back.
            session.life.confirm(returns);
            return;
        };
        if let Some(elsewhere) = found.and_then(|row| self.open(&row)) {
            session.life.use_at(elsewhere.life.used());
            session.life.confirm(returns);
        } else if self.store.is_shared() && !session.is_idle(self.clock.now()) {
            self.put_back(session, returns).await;
            return;
        }
        if session.is_idle(self.clock.now()) {
            self.forget(session, Ending::Expired);
            self.end_approved_by(session, Ending::Expired, "").await;
        }
    }

    /// Puts back a session that is in memory and that the store does not have, because it has lost it, unless it has
    /// been ended. True if the store has it now, false if it has been ended, `None` if the store does not answer.
    async fn put_back(&self, session: &Session, returns: u32) -> Option<bool> {
        if self.ends.cover(session) {
            self.end_here(session.id);
            return Some(false);
        }
        match self.store.keep(session.row()).await {
            Ok(true) => {
                session.life.confirm(returns);
                Some(true)
            }
            Ok(false) => {
                self.end_here(session.id);
                Some(false)
            }
            Err(_) => {
                session.life.confirm(returns);
                None
            }
        }
    }

    /// Compares this node with a store that is there again. A session that the store does not have any more has been
    /// ended meanwhile, or the store has lost it.
    pub(in crate::session) async fn reconcile(&self) {
        let (mut ended, mut kept) = (0, 0);
        // First our ends: a session must not be put back that was ended here while the store was away.
        self.settle(true).await;
        self.look_after(0).await;
        self.by_client.near.forget_all();
        self.near.forget_all();
        let at_hand: Vec<_> = self.cache().all().collect();
        for session in at_hand {
            let returns = self.returns.load(Ordering::Acquire);
            match self.store.find(session.id.0).await {
                Ok(Some(_)) => session.life.confirm(returns),
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
            tracing::error!(kept, "the shared store had lost sessions: this node has put back those that it knew");
        }
        if ended > 0 {
            tracing::info!(
                ended,
                "other nodes have ended sessions while the shared store was away for this node: they are forgotten here"
            );
        }
    }
}

/// Whether the store has lost an end that it had taken.
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
