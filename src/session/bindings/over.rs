//! What a connection has shown in its handshake, and the session that has come over it.

use super::Bindings;
use crate::session::evidence::Sight;
use crate::session::{Session, SessionId};
use crate::wire::Peer;

impl Bindings {
    /// Lets whatever `peer` has shown in its handshake stand for a session that began, or was proven, over it. What
    /// cannot be bound stands for nobody: the person is known by something weaker.
    pub async fn bind_all(&self, peer: &Peer, session: &Session) {
        self.bind_after(None, peer, session).await;
    }

    /// The same for a sign-in in a browser that has shown to have held the session `before`.
    pub async fn bind_after(&self, before: Option<SessionId>, peer: &Peer, session: &Session) {
        // A guest is nobody in particular, and must not keep a name from the person who comes next.
        let Some(handshake) = peer.tls.as_ref().filter(|_| !session.user.is_guest()) else { return };
        for evidence in self.evidence(handshake) {
            let why = match self.bind(evidence, peer, session, before).await {
                Ok(Ok(())) => continue,
                Ok(Err(unbound)) => unbound.as_str(),
                Err(_) => "store-away",
            };
            let (user, client) = (&session.user.name, peer.client.ip());
            if self.warned.entry((evidence.place().1, client)).or_insert(()).is_fresh() {
                tracing::info!(%client, user, evidence = evidence.shown(), reason = why, "not bound");
            }
        }
    }

    /// The same, where it is not so yet: for whoever comes by with their session.
    pub async fn bind_new(&self, peer: &Peer, session: &Session) {
        let Some(handshake) = &peer.tls else { return };
        let stands = |evidence| match self.find(evidence, peer) {
            // Another person's is not taken over, and need not be tried.
            Sight::Session(held, _) => held.id == session.id || !held.is_of_same_person(session),
            Sight::Nobody | Sight::Unclear => false,
        };
        if !self.evidence(handshake).all(stands) {
            self.bind_all(peer, session).await;
        }
    }

    /// Whether `peer` shows something that anybody may bind, and that stands for this session.
    pub fn holds_openly(&self, peer: &Peer, session: &Session) -> bool {
        let Some(handshake) = &peer.tls else { return false };
        let is_its = |evidence| self.find(evidence, peer).session().is_some_and(|held| held.id == session.id);
        self.evidence(handshake).any(|evidence| evidence.is_open() && is_its(evidence))
    }
}
