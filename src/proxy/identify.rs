//! Who sent a request: the strongest surrogate that is there.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;

use super::classify;
pub(super) use super::client::Client;
use super::origin_cookie;
use super::token::{Presented, Wrong};
use crate::clock::Timestamp;
use crate::observe::{Recorder, Surrogate};
use crate::policy::Decision;
use crate::session::{self, Evidence, InUse, Offline, Session};
use crate::wire::h1::Fields;
use crate::wire::{Destination, Peer};

/// How long nothing more is said of what one client's evidence contradicts.
const SAID: Duration = Duration::from_secs(600);

/// The clients whose evidence has contradicted itself lately, and was reported: a page that makes it do so on each of its
/// requests does not fill the log.
#[derive(Debug)]
pub(super) struct Contradictions(Cache<IpAddr, ()>);

impl Default for Contradictions {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(10_000).time_to_live(SAID).build())
    }
}

impl Contradictions {
    /// Whether it is time to say so.
    fn note(&self, client: &Client) -> bool {
        self.0.entry(client.peer.client.ip()).or_insert(()).is_fresh()
    }
}

/// Somebody, and how it is known.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) session: Arc<Session>,
    pub(super) surrogate: Surrogate,
    /// Which one of its kind the surrogate is, where there are several.
    pub(super) evidence: Option<Arc<str>>,
    /// Keeps the client address in use that a tunnel is asked for by.
    pub(super) in_use: Option<InUse>,
}

impl Identity {
    fn new(session: Arc<Session>, surrogate: Surrogate) -> Self {
        Self { session, surrogate, evidence: None, in_use: None }
    }

    fn shown(session: Arc<Session>, evidence: Evidence<'_>, shown: Arc<str>) -> Self {
        let surrogate = match evidence {
            Evidence::Certificate(_) => Surrogate::ClientCertificate,
            Evidence::Name(_) => Surrogate::ProxyHostName,
        };
        Self { session, surrogate, evidence: Some(shown), in_use: None }
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

    /// The cookie by which a browser at `peer` is known on one origin, as a Set-Cookie line.
    pub fn origin_cookie(&self, session: &Session, destination: &Destination, peer: &Peer) -> String {
        let now = self.clock.now();
        let ends = self.sessions.cookie_ends(session, destination.scheme, now);
        origin_cookie::line(&self.sealer, session, (destination, peer), now, ends)
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
        let known = match self.shown(client, destination, fields).await {
            Presented::Good(identity) => return Ok(Some(identity)),
            Presented::Wrong(wrong) => return Err(wrong),
            Presented::Nothing => self.identify_connection(client).await,
            Presented::Foreign => match self.identify_connection(client).await {
                None if !classify::is_browser(fields) => return Err(Wrong::Unknown),
                identity => identity,
            },
        };
        let holds = |known: &Identity| known.surrogate == Surrogate::ClientAddress;
        Ok(known.map(|known| match holds(&known) {
            true => Identity { in_use: self.sessions.hold_client(client.peer.client.ip()), ..known },
            false => known,
        }))
    }

    /// The upper rungs of the ladder: what the client has shown in its handshake, or by a token.
    async fn shown(&self, client: &Client, destination: &Destination, fields: &Fields) -> Presented {
        let shown = match self.of_handshake(&client.peer) {
            Sight::Clear(shown) => shown,
            Sight::Unclear => self.recall_handshake(&client.peer).await,
        };
        // Guests are somebody only where guests are let in.
        match shown.filter(|found| !found.session.user.is_guest() || client.peer.admits_guests()) {
            // Somebody else has signed in over this very connection: the name or certificate is one that was passed on.
            Some(identity) if self.is_contradicted(client, &identity.session).await => {
                self.report(
                    client,
                    destination,
                    "a name or certificate stands for somebody else than has signed in over it",
                );
                self.presented(client, destination, fields).await
            }
            Some(identity) => Presented::Good(identity),
            None => self.presented(client, destination, fields).await,
        }
    }

    /// Whether the portal has proven the connection to be somebody else's than this session's. None if that takes a
    /// closer look.
    fn contradicts(&self, client: &Client, session: &Session) -> Option<bool> {
        let Some(id) = client.proven().filter(|id| *id != session.id) else { return Some(false) };
        self.sessions.find(id).map(|proven| !proven.is_of_same_person(session))
    }

    /// As above, wherever the session is kept.
    async fn is_contradicted(&self, client: &Client, session: &Session) -> bool {
        match (self.contradicts(client, session), client.proven()) {
            (Some(contradicts), _) => contradicts,
            (None, Some(id)) => self.sessions.recall(id).await.is_some_and(|proven| !proven.is_of_same_person(session)),
            (None, None) => false,
        }
    }

    fn report(&self, client: &Client, destination: &Destination, what: &'static str) {
        if self.contradictions.note(client) {
            tracing::warn!(client = %client.peer.client.ip(), host = %destination.host, "{what}");
        }
    }

    /// Whether somebody is known there as the person of `session` by what no request brings: the handshake, the
    /// connection or the address. https is tunnelled then, and a cookie would only reach the origin.
    pub(super) async fn is_known_outside(&self, client: &Client, session: &Session) -> bool {
        let shown = match self.of_handshake(&client.peer) {
            Sight::Clear(shown) => shown,
            Sight::Unclear => self.recall_handshake(&client.peer).await,
        };
        let found = match shown {
            Some(shown) => Some(shown),
            None => self.identify_connection(client).await,
        };
        found.is_some_and(|found| found.session.is_of_same_person(session))
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
        for id in origin_cookie::named(&self.sealer, now, (destination, &client.peer), fields) {
            let Some(session) = self.sessions.find(id) else { return Sight::Unclear };
            if of_cookie.is_some_and(|other: Identity| other.session.id != id) {
                return Sight::Unclear;
            }
            of_cookie = Some(Identity::new(session, Surrogate::OriginCookie));
        }
        let Some(identity) = of_cookie else { return Sight::Clear(self.of_connection(client)) };
        match self.contradicts(client, &identity.session) {
            Some(false) => Sight::Clear(Some(identity)),
            _ => Sight::Unclear,
        }
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
        for id in origin_cookie::named(&self.sealer, now, (destination, &client.peer), fields) {
            let Some(session) = self.sessions.recall(id).await else { continue };
            several |= of_cookie.is_some_and(|other| other.id != id);
            of_cookie = Some(session);
        }
        // A neighbouring host can plant a good cookie of its own beside ours: two names are as good as none.
        if several {
            self.report(client, destination, "a browser sent the cookies of two sessions, which name nobody");
        } else if let Some(session) = of_cookie {
            // A page, or somebody on the wire, has put it there. Nobody is taken for somebody else, and the bounce that
            // follows puts the person's own in its place: left alone, it would name the other one on the next connection.
            if self.is_contradicted(client, &session).await {
                self.report(client, destination, "a cookie is of somebody else than its connection, and names nobody");
                return None;
            }
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
