//! What happens when a person has read a warning or overridden a block: each of their sessions knows, on every node.

use std::sync::Arc;

use super::super::Session;
use super::super::neighbours::Word;
use super::super::store::Error;
use super::Sessions;
use crate::policy::Pass;

impl Sessions {
    /// Notes that the person of `session` has passed a barrier. It counts in every session that they have now, those of
    /// their tools included, until its time or the end of that session; sessions that begin later have passed nothing.
    ///
    /// An error says that it counts on this node alone, because the store does not answer.
    pub async fn pass(&self, session: &Session, pass: Pass) -> Result<(), Error> {
        let now = self.clock.now();
        let mut held = self.of_user(&session.user).await;
        if held.iter().all(|other| other.id != session.id) {
            held.extend(self.cache().find(session.id));
        }
        let passed = held.iter().map(|other| {
            let here = self.cache().change(other.id, |held| held.passing(pass, now));
            here.unwrap_or_else(|| Arc::new(other.passing(pass, now)))
        });
        let rows: Vec<_> = passed.map(|session| session.row()).collect();
        self.store.renew(rows.clone()).await?;
        self.store.sync().await?;
        for session in &held {
            self.neighbours.tell(&Word::Proven(session.id)).await;
        }
        // Written twice, for the reason that `prove` gives.
        self.store.renew(rows).await
    }
}
