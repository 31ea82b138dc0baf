//! Which session a whole client connection stands for, and how long what stands on one origin does.

use super::Sessions;
use crate::clock::{Timestamp, after};
use crate::session::{Session, SessionId};
use crate::wire::{Peer, Scheme};

impl Sessions {
    /// Lets the whole connection of `peer` stand for a session from now on, where it ends in one browser: the portal's
    /// own cookie, or a sign-in, has just come over it. Nothing else may call this.
    ///
    /// Two people at the same time share it by way of a program that hides them: then it stands for nobody any more.
    pub async fn prove_connection(&self, peer: &Peer, session: &Session) {
        let Some(proof) = &peer.proof else { return };
        let before = proof.session().map(SessionId::from).filter(|before| *before != session.id);
        let other = match before {
            Some(before) => self.recall(before).await.filter(|other| !other.is_of_same_person(session)),
            None => None,
        };
        if let Some(other) = other {
            let (client, user, other) = (peer.client.ip(), &session.user.name, &other.user.name);
            tracing::warn!(%client, user, other, "a connection carries two people, and stands for neither");
            return proof.spoil();
        }
        proof.set(session.id.into());
    }

    /// When the cookie ends that names the person of `session` on an origin with this scheme.
    pub fn cookie_ends(&self, session: &Session, scheme: Scheme, now: Timestamp) -> Timestamp {
        match scheme {
            Scheme::Http => session.expires.min(after(now, self.config.http_cookie_lifetime)),
            Scheme::Https => session.expires,
        }
    }
}
