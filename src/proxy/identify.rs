//! Who sent a request: the strongest surrogate that is there.

use std::sync::{Arc, Mutex, PoisonError};

use super::pool::{Pin, Pool};
use crate::clock::Timestamp;
use crate::observe::Surrogate;
use crate::policy::Decision;
use crate::seal::Sealer;
use crate::session::{Offline, Session, SessionId, Sessions};
use crate::wire::h1::Fields;
use crate::wire::{Destination, Peer, Scheme, cookie};

/// A client connection, as far as identity goes.
#[derive(Debug)]
pub struct Client {
    /// The client at its end.
    pub peer: Peer,
    /// What is known of it when it is a connection inside an intercepted CONNECT.
    pub(super) inside: Option<Inside>,
    /// The origin connection that belongs to this one alone.
    pub(super) pin: Arc<Pin>,
    /// The origin connections of the worker that serves it.
    pub(super) pool: Arc<Pool>,
}

/// The inside of an intercepted CONNECT.
#[derive(Debug)]
pub(super) struct Inside {
    /// The origin that CONNECT named; every request is for it.
    pub(super) destination: Arc<Destination>,
    /// The session that a cookie or ticket on this connection has proven: TLS ends in one browser.
    proven: Mutex<Option<SessionId>>,
}

impl Client {
    /// A connection that a listener accepted, for a worker that keeps its origin connections in `pool`.
    pub fn new(peer: Peer, pool: Arc<Pool>) -> Self {
        Self { peer, inside: None, pin: Arc::default(), pool }
    }

    /// The connection inside a CONNECT to `destination`.
    pub(super) fn inside(&self, destination: Destination) -> Self {
        let (peer, pool) = (self.peer.clone(), Arc::clone(&self.pool));
        let inside = Some(Inside { destination: Arc::new(destination), proven: Mutex::new(None) });
        Self { peer, inside, pin: Arc::default(), pool }
    }

    /// Lets this connection stand for a session, when it ends in one browser.
    pub(super) fn prove(&self, session: SessionId) {
        if let Some(inside) = &self.inside {
            *inside.proven.lock().unwrap_or_else(PoisonError::into_inner) = Some(session);
        }
    }

    fn proven(&self) -> Option<SessionId> {
        *self.inside.as_ref()?.proven.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody, and how it is known.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) session: Arc<Session>,
    pub(super) surrogate: Surrogate,
}

/// Somebody's identity, as far as it can be told from what is at hand.
enum Sight {
    /// This is who it is, or it is nobody.
    Clear(Option<Identity>),
    /// A good cookie names a session that is not at hand, or several name different ones: that takes a closer look.
    Unclear,
}

/// Says who sent a request with these fields.
fn identify(
    sessions: &Sessions,
    sealer: &Sealer,
    now: Timestamp,
    client: &Client,
    destination: &Destination,
    fields: &Fields,
) -> Sight {
    let mut of_cookie = None;
    for id in named(sealer, now, destination, fields) {
        let Some(session) = sessions.find(id) else { return Sight::Unclear };
        if of_cookie.is_some_and(|other: Identity| other.session.id != id) {
            return Sight::Unclear;
        }
        of_cookie = Some(Identity { session, surrogate: Surrogate::OriginCookie });
    }
    if let Some(identity) = of_cookie {
        client.prove(identity.session.id);
        return Sight::Clear(Some(identity));
    }
    Sight::Clear(without_cookie(sessions, client))
}

/// Says who sent a request that no cookie tells anything about.
fn without_cookie(sessions: &Sessions, client: &Client) -> Option<Identity> {
    if let Some(session) = client.proven().and_then(|id| sessions.find(id)) {
        return Some(Identity { session, surrogate: Surrogate::Connection });
    }
    of_client(sessions, &client.peer)
}

impl super::Proxy {
    /// Says who sent a request with these fields, wherever their session is kept.
    pub(super) async fn identify(
        &self,
        client: &Client,
        destination: &Destination,
        fields: &Fields,
    ) -> Option<Identity> {
        let now = self.clock.now();
        match identify(&self.sessions, &self.sealer, now, client, destination, fields) {
            Sight::Clear(Some(identity)) => Some(identity),
            _ => self.identify_slowly(client, destination, fields, now).await,
        }
    }

    /// As above, for those who are not at hand. No surrogate is passed over for a weaker one.
    async fn identify_slowly(
        &self,
        client: &Client,
        destination: &Destination,
        fields: &Fields,
        now: Timestamp,
    ) -> Option<Identity> {
        let (mut of_cookie, mut several): (Option<Arc<Session>>, bool) = (None, false);
        for id in named(&self.sealer, now, destination, fields) {
            let Some(session) = self.sessions.recall(id).await else { continue };
            several |= of_cookie.is_some_and(|other| other.id != id);
            of_cookie = Some(session);
        }
        // A neighbouring host can plant a good cookie of its own beside ours: two names are as good as none.
        if several {
            tracing::warn!(host = %destination.host, "a browser sent the cookies of two sessions, and was asked who it is");
        } else if let Some(session) = of_cookie {
            client.prove(session.id);
            return Some(Identity { session, surrogate: Surrogate::OriginCookie });
        }
        if let Some(id) = client.proven() {
            self.sessions.recall(id).await;
        }
        self.recall_client(&client.peer).await;
        without_cookie(&self.sessions, client)
    }

    /// What is decided without asking anybody, while nobody can sign in.
    pub(super) fn decide_offline(&self) -> Option<Decision> {
        match self.sessions.offline()? {
            // The portal says that nobody can.
            Offline::Refuse => None,
            Offline::Allow => Some(self.policy.evaluate_offline(true)),
            Offline::DefaultRule => Some(self.policy.evaluate_offline(false)),
        }
    }

    /// Says who is behind a client address, wherever their session is kept.
    pub(super) async fn identify_client(&self, peer: &Peer) -> Option<Identity> {
        if let Some(identity) = of_client(&self.sessions, peer) {
            return Some(identity);
        }
        if self.recall_client(peer).await { of_client(&self.sessions, peer) } else { None }
    }

    async fn recall_client(&self, peer: &Peer) -> bool {
        peer.network.address && self.sessions.recall_by_client(peer.client.ip()).await.is_some()
    }
}

/// The sessions that good cookies name.
fn named<'a>(
    sealer: &'a Sealer,
    now: Timestamp,
    destination: &'a Destination,
    fields: &'a Fields,
) -> impl Iterator<Item = SessionId> + 'a {
    let tokens = cookie::values(fields, cookie_name(destination.scheme));
    tokens.filter_map(move |token| sealer.open::<SessionId>(&purpose(destination), token, now).ok())
}

/// Says who is behind a client address, where an address may stand for a session.
fn of_client(sessions: &Sessions, peer: &Peer) -> Option<Identity> {
    if !peer.network.address {
        return None;
    }
    let session = sessions.find_by_client(peer.client.ip())?;
    Some(Identity { session, surrogate: Surrogate::ClientAddress })
}

/// The cookie that carries a session on one origin, as a Set-Cookie line. On http it must not be `Secure`, or it would
/// not be stored and the person would go round in circles; on https `SameSite=None` lets it reach frames.
pub(super) fn origin_cookie(sealer: &Sealer, session: &Session, destination: &Destination, now: Timestamp) -> String {
    let token = sealer.seal(&purpose(destination), &session.id, session.expires);
    let age = session.expires.as_second().saturating_sub(now.as_second());
    let name = cookie_name(destination.scheme);
    let rules = match destination.scheme {
        Scheme::Http => "SameSite=Lax",
        Scheme::Https => "SameSite=None; Secure",
    };
    format!("{name}={token}; Path=/; Max-Age={age}; HttpOnly; {rules}")
}

fn cookie_name(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Http => "vestibule_s",
        Scheme::Https => "__Host-vestibule_s",
    }
}

/// A cookie is good on the origin that it was made for and on no other.
fn purpose(destination: &Destination) -> String {
    format!("origin-cookie {}", destination.origin())
}
