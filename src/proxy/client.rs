//! A client connection, as far as identity goes.

use std::sync::Arc;

use super::identify::Identity;
use super::pool::{Pin, Pool};
use crate::observe::Surrogate;
use crate::session::SessionId;
use crate::wire::forwarded;
use crate::wire::h1::Fields;
use crate::wire::{Destination, Peer};

/// A client connection, as far as identity goes.
#[derive(Debug)]
pub struct Client {
    /// The client at its end.
    pub peer: Peer,
    /// The origin that CONNECT named, for a connection inside an intercepted CONNECT: every request is for it.
    pub(super) inside: Option<Arc<Destination>>,
    /// The session of the token that came with the CONNECT that this is the inside of.
    token: Option<SessionId>,
    /// The origin connection that belongs to this one alone.
    pub(super) pin: Arc<Pin>,
    /// The origin connections of the worker that serves it.
    pub(super) pool: Arc<Pool>,
}

impl Client {
    /// A connection that a listener accepted, for a worker that keeps its origin connections in `pool`.
    pub fn new(peer: Peer, pool: Arc<Pool>) -> Self {
        Self { peer, inside: None, token: None, pin: Arc::default(), pool }
    }

    /// One stream of this connection, which carries several: it has a place of its own. `None` when too many are open.
    pub fn stream(&self) -> Option<Self> {
        let place = match &self.peer.place {
            Some(place) => Some(Arc::new(place.another()?)),
            None => None,
        };
        let peer = Peer { place, ..self.peer.clone() };
        let (pin, pool) = (Arc::clone(&self.pin), Arc::clone(&self.pool));
        Some(Self { peer, inside: None, token: None, pin, pool })
    }

    /// The client on whose behalf a request with these fields is made, where that is not who is at the other end. What
    /// this connection has proven, and the origin connection that it alone may use, are not for that client.
    pub fn on_behalf(&self, fields: &Fields) -> Result<Option<Arc<Self>>, forwarded::Error> {
        let peer = self.peer.on_behalf(fields)?;
        Ok(peer.map(|peer| Arc::new(Self::new(peer, Arc::clone(&self.pool)))))
    }

    /// The connection inside a CONNECT to `destination`. Nothing proves it by itself: every request inside is for one
    /// origin and shows its cookie, or the connection around it is known.
    pub(super) fn inside(&self, destination: Destination) -> Self {
        let (peer, pool) = (self.peer.clone(), Arc::clone(&self.pool));
        Self { peer, inside: Some(Arc::new(destination)), token: None, pin: Arc::default(), pool }
    }

    /// The same, for whoever asked for the tunnel, if they did so with a token.
    pub(super) fn known_by(self, identity: Option<&Identity>) -> Self {
        let identity = identity.filter(|identity| identity.surrogate == Surrogate::ProxyToken);
        Self { token: identity.map(|identity| identity.session.id), ..self }
    }

    /// The session of the token that stands for everything on this connection.
    pub(super) fn token(&self) -> Option<SessionId> {
        self.token
    }

    /// Whether a CONNECT may say who asks, once that is known: then https is tunnelled.
    pub(super) fn may_be_known_outside(&self) -> bool {
        self.peer.network.address || self.peer.tls.is_some()
    }

    /// The session that the portal has proven this connection, or the one around it, to be of.
    pub(super) fn proven(&self) -> Option<SessionId> {
        self.peer.proof.as_ref()?.session().map(SessionId::from)
    }
}
