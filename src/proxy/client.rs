//! A client connection, as far as identity goes.

use std::sync::{Arc, Mutex, PoisonError};

use super::identity::Identity;
use super::origin_cookie::SeenCookie;
use super::shares::Open;
use crate::egress::pool::{Pin, Pool};
use crate::identity::Surrogate;
use crate::session::SessionId;
use crate::wire::forwarded;
use crate::wire::h1::{Fields, RequestTarget};
use crate::wire::{Destination, Peer, target};

/// A client connection, as far as identity goes.
#[derive(Debug)]
pub struct Client {
    /// The client at the other end.
    pub peer: Peer,
    /// For a connection inside an intercepted CONNECT: the origin that the CONNECT named. Every request on it is for
    /// that origin.
    pub(super) inside: Option<Arc<Destination>>,
    /// For a connection inside a CONNECT that came with a token: the session of that token.
    token: Option<SessionId>,
    /// Whether it is intercepted because a rule says so, and not only to ask or to tell somebody something.
    pub(super) is_inspected: bool,
    /// What the intercepted CONNECT around it has taken of limits, for as long as it is open.
    pub(super) held: Option<Arc<[Open]>>,
    /// The origin connection that only this client connection may use.
    pub(super) pin: Arc<Pin>,
    /// The origin connections of the worker that serves it.
    pub(super) pool: Arc<Pool>,
    /// The cookie by which the last request was known.
    pub(super) seen: Arc<SeenCookie>,
    /// Where the last request in absolute-form went. Browsers send requests for one origin on one connection.
    recent: Mutex<Option<Arc<Destination>>>,
}

impl Client {
    /// A connection that a listener has accepted, for a worker that keeps its origin connections in `pool`.
    pub fn new(peer: Peer, pool: Arc<Pool>) -> Self {
        Self {
            peer,
            inside: None,
            token: None,
            is_inspected: false,
            held: None,
            pin: Arc::default(),
            pool,
            seen: Arc::default(),
            recent: Mutex::default(),
        }
    }

    /// One stream of a connection that carries several, and of which everything that is known holds for each. It takes a place
    /// of its own among those that are counted; `None` if too many are open.
    pub fn stream(&self) -> Option<Self> {
        let place = match &self.peer.place {
            Some(place) => Some(Arc::new(place.another()?)),
            None => None,
        };
        let seen = Arc::clone(&self.seen);
        Some(Self { seen, ..self.judged(Peer { place, ..self.peer.clone() }) })
    }

    /// The same connection, as another configuration judges it.
    pub(super) fn judged(&self, peer: Peer) -> Self {
        let (inside, held) = (self.inside.clone(), self.held.clone());
        let (pin, pool) = (Arc::clone(&self.pin), Arc::clone(&self.pool));
        Self {
            peer,
            inside,
            token: self.token,
            is_inspected: self.is_inspected,
            held,
            pin,
            pool,
            seen: Arc::default(),
            recent: Mutex::default(),
        }
    }

    /// Where a request in absolute-form is to go.
    pub(super) fn destination_of(&self, target: &RequestTarget) -> Result<Arc<Destination>, target::Error> {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(recent) = recent.as_ref().filter(|recent| recent.is_written_in(target)) {
            return Ok(Arc::clone(recent));
        }
        let destination = Arc::new(Destination::of_absolute_form(target)?);
        *recent = Some(Arc::clone(&destination));
        Ok(destination)
    }

    /// The client on whose behalf a request with these fields is sent, if that is not the peer itself. What this
    /// connection has proven, and the origin connection that it alone may use, do not count for that client.
    pub fn on_behalf(&self, fields: &Fields) -> Result<Option<Arc<Self>>, forwarded::Error> {
        let peer = self.peer.on_behalf(fields)?;
        Ok(peer.map(|peer| Arc::new(Self::new(peer, Arc::clone(&self.pool)))))
    }

    /// The connection inside a CONNECT to `destination`. Being inside proves nothing: each request inside shows the
    /// origin's cookie, or the connection around it is known.
    pub(super) fn inside(&self, destination: Arc<Destination>) -> Self {
        Self { inside: Some(destination), ..Self::new(self.peer.clone(), Arc::clone(&self.pool)) }
    }

    /// The same, known by the token that came with the CONNECT, if `identity` says that one did.
    pub(super) fn known_by(self, identity: Option<&Identity>) -> Self {
        let identity = identity.filter(|identity| identity.surrogate == Surrogate::ProxyToken);
        Self { token: identity.map(|identity| identity.session.id), ..self }
    }

    /// The session of the token that counts for every request on this connection.
    pub(super) fn token(&self) -> Option<SessionId> {
        self.token
    }

    /// The session to which the portal has bound this connection, or the one around it.
    pub(super) fn proven(&self) -> Option<SessionId> {
        self.peer.proof.as_ref()?.session().map(SessionId::from)
    }
}
