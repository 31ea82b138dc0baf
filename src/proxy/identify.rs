//! Who sent a request: the strongest surrogate that is there.

use std::sync::{Arc, Mutex, PoisonError};

use super::classify;
use super::pool::{Pin, Pool};
use super::token::{Presented, Wrong};
use crate::clock::Timestamp;
use crate::observe::{Recorder, Surrogate};
use crate::policy::Decision;
use crate::seal::Sealer;
use crate::session::{self, Evidence, Offline, Session, SessionId};
use crate::wire::forwarded;
use crate::wire::h1::Fields;
use crate::wire::{Destination, Peer, Scheme, cookie};

/// A client connection, as far as identity goes.
#[derive(Debug)]
pub struct Client {
    /// The client at its end.
    pub peer: Peer,
    /// The origin that CONNECT named, for a connection inside an intercepted CONNECT: every request is for it.
    pub(super) inside: Option<Arc<Destination>>,
    /// The session of the token that came with the CONNECT that this is the inside of.
    token: Option<SessionId>,
    /// The session that a cookie or a ticket on this connection has proven, where TLS ends in one browser.
    proven: Option<Arc<Proven>>,
    /// The origin connection that belongs to this one alone.
    pub(super) pin: Arc<Pin>,
    /// The origin connections of the worker that serves it.
    pub(super) pool: Arc<Pool>,
}

/// What has been proven on a client connection.
type Proven = Mutex<Option<SessionId>>;

impl Client {
    /// A connection that a listener accepted, for a worker that keeps its origin connections in `pool`.
    pub fn new(peer: Peer, pool: Arc<Pool>) -> Self {
        let proven = peer.tls.as_ref().map(|_| Arc::default());
        Self { peer, inside: None, token: None, proven, pin: Arc::default(), pool }
    }

    /// One stream of this connection, which carries several: it has a place of its own. `None` when too many are open.
    pub fn stream(&self) -> Option<Self> {
        let place = match &self.peer.place {
            Some(place) => Some(Arc::new(place.another()?)),
            None => None,
        };
        let peer = Peer { place, ..self.peer.clone() };
        let (proven, pin, pool) = (self.proven.clone(), Arc::clone(&self.pin), Arc::clone(&self.pool));
        Some(Self { peer, inside: None, token: None, proven, pin, pool })
    }

    /// The client on whose behalf a request with these fields is made, where that is not who is at the other end. What
    /// this connection has proven, and the origin connection that it alone may use, are not for that client.
    pub fn on_behalf(&self, fields: &Fields) -> Result<Option<Arc<Self>>, forwarded::Error> {
        let peer = self.peer.on_behalf(fields)?;
        Ok(peer.map(|peer| Arc::new(Self::new(peer, Arc::clone(&self.pool)))))
    }

    /// The connection inside a CONNECT to `destination`. What is proven inside a connection that is TLS itself is proven
    /// for all of it: both end in the same browser.
    pub(super) fn inside(&self, destination: Destination) -> Self {
        let (peer, pool) = (self.peer.clone(), Arc::clone(&self.pool));
        let proven = Some(self.proven.clone().unwrap_or_default());
        Self { peer, inside: Some(Arc::new(destination)), token: None, proven, pin: Arc::default(), pool }
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

    /// Lets this connection stand for a session, when it ends in one browser.
    pub(super) fn prove(&self, session: SessionId) {
        if let Some(proven) = &self.proven {
            *proven.lock().unwrap_or_else(PoisonError::into_inner) = Some(session);
        }
    }

    /// Whether a CONNECT says who asks, once that is known: then https is tunnelled, and needs no cookie.
    pub(super) fn is_known_outside(&self) -> bool {
        self.peer.network.address || self.peer.tls.is_some()
    }

    fn proven(&self) -> Option<SessionId> {
        *self.proven.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody, and how it is known.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) session: Arc<Session>,
    pub(super) surrogate: Surrogate,
    /// Which one of its kind the surrogate is, where there are several.
    pub(super) evidence: Option<Arc<str>>,
}

impl Identity {
    fn new(session: Arc<Session>, surrogate: Surrogate) -> Self {
        Self { session, surrogate, evidence: None }
    }

    fn shown(session: Arc<Session>, evidence: Evidence<'_>, shown: Arc<str>) -> Self {
        let surrogate = match evidence {
            Evidence::Certificate(_) => Surrogate::ClientCertificate,
            Evidence::Name(_) => Surrogate::ProxyHostName,
        };
        Self { session, surrogate, evidence: Some(shown) }
    }

    /// Writes it down.
    pub(super) fn record(&self, recorder: &mut Recorder) {
        recorder.identity(&self.session.user, self.session.id.short(), self.surrogate);
        recorder.evidence.clone_from(&self.evidence);
    }
}

/// Somebody's identity, as far as it can be told from what is at hand.
enum Sight {
    /// This is who it is, or it is nobody.
    Clear(Option<Identity>),
    /// A good surrogate names a session that is not at hand, or several name different ones: that takes a closer look.
    Unclear,
}

impl super::Proxy {
    /// Who a request with these fields counts as, and by what: for whoever explains it, or measures it.
    pub async fn who(
        &self,
        client: &Client,
        destination: &Destination,
        fields: &Fields,
    ) -> Option<(Arc<Session>, Surrogate)> {
        let identity = self.identify(client, destination, fields).await.ok().flatten()?;
        Some((identity.session, identity.surrogate))
    }

    /// The cookie by which a browser is known on one origin, as a Set-Cookie line.
    pub fn origin_cookie(&self, session: &Session, destination: &Destination) -> String {
        origin_cookie(&self.sealer, session, destination, self.clock.now())
    }

    /// Says who sent a request with these fields, wherever their session is kept. A token that is not good keeps what is
    /// weaker from being looked at: whoever presents one wants to be known by it.
    pub(super) async fn identify(
        &self,
        client: &Client,
        destination: &Destination,
        fields: &Fields,
    ) -> Result<Option<Identity>, Wrong> {
        match self.shown(client, destination, fields).await {
            Presented::Good(identity) => Ok(Some(identity)),
            Presented::Wrong(wrong) => Err(wrong),
            Presented::Nothing => Ok(self.identify_browser(client, destination, fields).await),
            Presented::Foreign => match self.identify_browser(client, destination, fields).await {
                None if !classify::is_browser(fields) => Err(Wrong::Unknown),
                identity => Ok(identity),
            },
        }
    }

    async fn identify_browser(&self, client: &Client, destination: &Destination, fields: &Fields) -> Option<Identity> {
        let now = self.clock.now();
        let found = match self.identify_quickly(client, destination, fields, now) {
            Sight::Clear(Some(identity)) => Some(identity),
            _ => self.identify_slowly(client, destination, fields, now).await,
        };
        self.admit_guest(client, found)
    }

    /// Says who asks for a tunnel: no cookie comes with a CONNECT.
    pub(super) async fn identify_tunnel(
        &self,
        client: &Client,
        destination: &Destination,
        fields: &Fields,
    ) -> Result<Option<Identity>, Wrong> {
        match self.shown(client, destination, fields).await {
            Presented::Good(identity) => Ok(Some(identity)),
            Presented::Wrong(wrong) => Err(wrong),
            Presented::Nothing => Ok(self.identify_connection(client).await),
            Presented::Foreign => match self.identify_connection(client).await {
                None if !classify::is_browser(fields) => Err(Wrong::Unknown),
                identity => Ok(identity),
            },
        }
    }

    /// The upper rungs of the ladder: what the client has shown in its handshake, or by a token.
    async fn shown(&self, client: &Client, destination: &Destination, fields: &Fields) -> Presented {
        let shown = match self.of_handshake(&client.peer) {
            Sight::Clear(shown) => shown,
            Sight::Unclear => self.recall_handshake(&client.peer).await,
        };
        // Guests are somebody only where guests are let in.
        match shown.filter(|found| !found.session.user.is_guest() || client.peer.admits_guests()) {
            Some(identity) => Presented::Good(identity),
            None => self.presented(client, destination, fields).await,
        }
    }

    async fn identify_connection(&self, client: &Client) -> Option<Identity> {
        let found = match self.of_connection(client) {
            Some(identity) => Some(identity),
            None if self.recall_connection(client).await => self.of_connection(client),
            None => None,
        };
        self.admit_guest(client, found)
    }

    /// Guests are somebody only where guests are let in, and whoever is nobody is one where nobody is asked.
    fn admit_guest(&self, client: &Client, found: Option<Identity>) -> Option<Identity> {
        let found = found.filter(|found| !found.session.user.is_guest() || client.peer.admits_guests());
        if found.is_some() || !client.peer.guest {
            return found;
        }
        self.guest.as_ref().map(|guest| Identity::new(Arc::clone(guest), Surrogate::GuestListener))
    }

    /// Climbs down the rest of the ladder with what is at hand: no surrogate is passed over for a weaker one.
    fn identify_quickly(&self, client: &Client, destination: &Destination, fields: &Fields, now: Timestamp) -> Sight {
        let mut of_cookie = None;
        for id in named(&self.sealer, now, destination, fields) {
            let Some(session) = self.sessions.find(id) else { return Sight::Unclear };
            if of_cookie.is_some_and(|other: Identity| other.session.id != id) {
                return Sight::Unclear;
            }
            of_cookie = Some(Identity::new(session, Surrogate::OriginCookie));
        }
        if let Some(identity) = of_cookie {
            client.prove(identity.session.id);
            return Sight::Clear(Some(identity));
        }
        Sight::Clear(self.of_connection(client))
    }

    /// As above, for those who are not at hand.
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
            return Some(Identity::new(session, Surrogate::OriginCookie));
        }
        self.recall_connection(client).await;
        self.of_connection(client)
    }

    /// Whom the client's handshake with us tells: its certificate, or the name that it calls us by.
    fn of_handshake(&self, peer: &Peer) -> Sight {
        let Some(handshake) = &peer.tls else { return Sight::Clear(None) };
        for evidence in self.bindings.evidence(handshake) {
            match self.bindings.find(evidence, peer) {
                session::Sight::Session(session, shown) => {
                    return Sight::Clear(Some(Identity::shown(session, evidence, shown)));
                }
                session::Sight::Unclear => return Sight::Unclear,
                session::Sight::Nobody => {}
            }
        }
        Sight::Clear(None)
    }

    /// As above, wherever it is kept.
    async fn recall_handshake(&self, peer: &Peer) -> Option<Identity> {
        for evidence in self.bindings.evidence(peer.tls.as_ref()?) {
            if let Some((session, shown)) = self.bindings.recall(evidence, peer).await {
                return Some(Identity::shown(session, evidence, shown));
            }
        }
        None
    }

    /// Says who is at the other end of a connection, as far as the connection itself tells.
    fn of_connection(&self, client: &Client) -> Option<Identity> {
        if let Some(session) = client.proven().and_then(|id| self.sessions.find(id)) {
            return Some(Identity::new(session, Surrogate::Connection));
        }
        if !client.peer.network.address {
            return None;
        }
        let session = self.sessions.find_by_client(client.peer.client.ip())?;
        Some(Identity::new(session, Surrogate::ClientAddress))
    }

    /// Asks the store about the sessions that a connection may stand for; false when it knows of none.
    async fn recall_connection(&self, client: &Client) -> bool {
        let proven = match client.proven() {
            Some(id) => self.sessions.recall(id).await.is_some(),
            None => false,
        };
        let peer = &client.peer;
        proven || peer.network.address && self.sessions.recall_by_client(peer.client.ip()).await.is_some()
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
