//! What happens when the person of a session proves once more who they are: the session goes on, and every node hears
//! of it.

use std::sync::Arc;

use super::super::neighbours::Word;
use super::super::store::Error;
use super::super::{AssertionFacts, Session, SessionId};
use super::Sessions;

impl Sessions {
    /// Notes that the person of a live session has proven once more who they are, as `facts` say. `None` if the session
    /// has ended meanwhile.
    pub async fn prove(&self, id: SessionId, facts: AssertionFacts) -> Result<Option<Arc<Session>>, Error> {
        let Some(held) = self.recall(id).await else { return Ok(None) };
        let authenticated = facts.authenticated.unwrap_or(held.authenticated).min(self.clock.now());
        let Some(session) = self.cache().replace(held.proven(facts, authenticated)) else { return Ok(None) };
        // What it was copied from may have been regarded anew meanwhile.
        let Some(session) = self.settled(session).await else { return Ok(None) };
        let tools = self.prove_tools(&session).await;
        let rows: Vec<_> = std::iter::once(&session).chain(&tools).map(|session| session.row()).collect();
        self.store.renew(rows.clone()).await?;
        self.store.sync().await?;
        for session in std::iter::once(&session).chain(&tools) {
            self.neighbours.tell(&Word::Proven(session.id)).await;
        }
        // Written twice, because another node may have written the session as it knew it (to note a use) after our
        // first write and before it heard of the proof. It has heard by now, so our second write comes after any such
        // write.
        self.store.renew(rows).await?;
        Ok(Some(session))
    }

    /// Has the tools that were made in a session count the proof that its person has just given there, because no tool can be
    /// asked for one. Other tools and browsers of theirs do not: somebody else may have them. An older proof than a tool has
    /// changes nothing about it, or the way of the one would be taken for that of the other.
    async fn prove_tools(&self, proven: &Session) -> Vec<Arc<Session>> {
        let tools = self.tools_of(proven).await.into_iter().filter(|session| {
            let is_made_here = session.tool.as_ref().is_some_and(|tool| tool.maker == proven.id);
            is_made_here && proven.authenticated > session.authenticated
        });
        let prove = |held: &Session| {
            let facts = AssertionFacts { way: proven.assertion.way.clone(), ..held.assertion.clone() };
            held.proven(facts, proven.authenticated)
        };
        tools.map(|tool| self.cache().change(tool.id, prove).unwrap_or_else(|| Arc::new(prove(&tool)))).collect()
    }

    /// Reads the session from the store, and takes it over if it has a younger proof than the one in memory, or has
    /// passed more.
    pub async fn reread(&self, id: SessionId) -> Option<Arc<Session>> {
        if !self.store.is_shared() {
            return None;
        }
        // First, so that a lookup that is on its way reads the session again.
        self.near.correct(id);
        let held = self.cache().find(id)?;
        let found = self.store.find(id.0).await.ok()?.and_then(|row| self.open(&row))?;
        if !found.is_ahead_of(&held) {
            return None;
        }
        let caught_up = self.cache().change(id, |held| held.caught_up(&found, self.clock.now()))?;
        self.settled(caught_up).await
    }
}
