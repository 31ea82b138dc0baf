//! Which session a whole client connection stands for, and how long an origin's cookie stands for one.

use super::Sessions;
use crate::clock::{Timestamp, after};
use crate::session::{Session, SessionId};
use crate::wire::{Peer, Scheme};

impl Sessions {
    /// Lets the whole connection of `peer` stand for `session` from now on, if the other end of it is one browser. Only
    /// the portal may call this, when its own cookie, or a sign-in, has just come over that connection.
    ///
    /// If two people with live sessions turn out to use it, some program between them and us carries both: it stands
    /// for nobody from then on.
    pub async fn prove_connection(&self, peer: &Peer, session: &Session) {
        let Some(proof) = &peer.proof else { return };
        let before = proof.session().map(SessionId::from).filter(|before| *before != session.id);
        let other = match before {
            Some(before) => self.recall(before).await.filter(|other| !other.is_of_same_person(session)),
            None => None,
        };
        if let Some(other) = other {
            let (client, user, other) = (peer.client.ip(), &session.user.name, &other.user.name);
            tracing::warn!(%client, user, other, "one client connection carries two people, so it stands for neither from now on: is there another proxy between them and this one?");
            return proof.spoil();
        }
        proof.set(session.id.into());
    }

    /// When a cookie that names the person of `session` on an origin with this scheme must expire.
    pub fn cookie_ends(&self, session: &Session, scheme: Scheme, now: Timestamp) -> Timestamp {
        match scheme {
            Scheme::Http => session.expires.min(after(now, self.config.load().http_cookie_lifetime)),
            Scheme::Https => session.expires,
        }
    }
}
