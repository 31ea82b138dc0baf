//! Sessions whose people prove once more who they are: they go on, and every node hears of it.

use std::sync::Arc;

use super::super::neighbours::Word;
use super::super::store::Error;
use super::super::{AssertionFacts, Session, SessionId};
use super::Sessions;

impl Sessions {
    /// The person of a live session has proven once more who they are, as `facts` say. None if it has ended meanwhile.
    pub async fn prove(&self, id: SessionId, facts: AssertionFacts) -> Result<Option<Arc<Session>>, Error> {
        let Some(held) = self.recall(id).await else { return Ok(None) };
        let authenticated = facts.authenticated.unwrap_or(held.authenticated).min(self.clock.now());
        let Some(session) = self.cache.replace(held.proven(facts, authenticated)) else { return Ok(None) };
        self.store.renew(vec![session.row()]).await?;
        self.store.sync().await?;
        self.neighbours.tell(&Word::Proven(id)).await;
        // Another node may have kept the session as it knew it, just before it heard.
        self.store.renew(vec![session.row()]).await?;
        Ok(Some(session))
    }

    /// The session as other nodes know it, if one of them knows of a younger proof.
    pub async fn reread(&self, id: SessionId) -> Option<Arc<Session>> {
        if !self.store.is_shared() {
            return None;
        }
        // Whoever is reading the session reads it again.
        self.corrections.correct(id);
        let held = self.cache.find(id)?;
        let found = self.store.find(id.0).await.ok()?.and_then(|row| self.open(&row))?;
        if found.authenticated <= held.authenticated {
            return None;
        }
        self.cache.replace(held.proven(found.assertion, found.authenticated))
    }
}
