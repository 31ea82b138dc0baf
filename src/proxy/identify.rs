//! Who sent a request: the strongest surrogate in it or around it says so.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;

use super::client::Client;
use super::identity::Identity;
use super::origin_cookie;
use super::token::{Presented, Wrong};
use crate::clock::Timestamp;
use crate::identity::Surrogate;
use crate::net::LateCache;
use crate::session::{self, Session};
use crate::wire::h1::Fields;
use crate::wire::kind;
use crate::wire::{Destination, Peer};

/// How long there is no second event about one client whose evidence contradicts itself.
const SAID: Duration = Duration::from_secs(600);

/// Clients whose evidence contradicted itself and was reported lately. Without this, a page could fill the log: it can
/// make that happen with each of its requests.
#[derive(Debug)]
pub(super) struct Contradictions(LateCache<IpAddr, ()>);

impl Default for Contradictions {
    fn default() -> Self {
        Self(LateCache::new(|| Cache::builder().max_capacity(10_000).time_to_live(SAID).build()))
    }
}

impl Contradictions {
    /// Whether to write an event about this client now.
    fn note(&self, client: &Client) -> bool {
        self.0.entry(client.peer.client.ip()).or_insert(()).is_fresh()
    }
}

/// Of two sessions of one person whose cookies came together, the one with the later proof of who they are. Either
/// would name the person, but the older one would have them asked for a proof that they have given already.
fn younger(one: Option<Arc<Session>>, other: Arc<Session>) -> Arc<Session> {
    match one {
        Some(one) if one.authenticated >= other.authenticated => one,
        _ => other,
    }
}

/// An identity, as far as what is in memory can tell it.
enum Sight {
    /// It is this person, or nobody.
    Clear(Option<Identity>),
    /// A valid surrogate names a session that is not in memory, or several name different people: the store must be
    /// asked.
    Unclear,
}

impl super::Proxy {
    /// As whom a request with these fields counts, and by which surrogate: for explaining and measuring.
    pub async fn who(
        &self,
        client: &Client,
        destination: &Destination,
        fields: &Fields,
    ) -> Option<(Arc<Session>, Surrogate)> {
        let identity = self.identify(client, destination, fields).await.ok().flatten()?;
        Some((identity.session, identity.surrogate))
    }

    /// The Set-Cookie line of the cookie by which a browser at `peer` is known on one origin.
    pub fn origin_cookie(&self, session: &Session, destination: &Destination, peer: &Peer) -> String {
        let now = self.clock.now();
        let ends = self.sessions.cookie_ends(session, destination.scheme, now);
        origin_cookie::line(&self.sealer, session, (destination, peer), now, ends)
    }

    /// Says who sent a request with these fields; asks the store where it has to. If a token is presented that is not
    /// valid, weaker surrogates are not looked at: who presents a token wants to be known by it.
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
                None if !kind::is_browser(fields) => Err(Wrong::Unknown),
                identity => Ok(identity),
            },
        }
    }

    async fn identify_browser(&self, client: &Client, destination: &Destination, fields: &Fields) -> Option<Identity> {
        let now = self.clock.now();
        let found = match self.identify_quickly(client, destination, fields, now) {
            Sight::Clear(Some(identity)) => Some(identity),
            _ => Box::pin(self.identify_slowly(client, destination, fields, now)).await,
        };
        self.admit_guest(client, found)
    }

    /// Says who asks for a tunnel. It looks at no cookies, because none comes with a CONNECT.
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
                None if !kind::is_browser(fields) => return Err(Wrong::Unknown),
                identity => identity,
            },
        };
        let holds = |known: &Identity| known.surrogate == Surrogate::ClientAddress;
        Ok(known.map(|known| match holds(&known) {
            true => Identity { in_use: self.sessions.hold_client(client.peer.client.ip()), ..known },
            false => known,
        }))
    }

    /// The upper rungs of the ladder: what the client has shown in its handshake, and then a token.
    async fn shown(&self, client: &Client, destination: &Destination, fields: &Fields) -> Presented {
        let shown = match self.of_handshake(&client.peer) {
            Sight::Clear(shown) => shown,
            Sight::Unclear => Box::pin(self.recall_handshake(&client.peer)).await,
        };
        // A guest's session counts only where guests are let in.
        match shown.filter(|found| !found.session.is_guest() || client.peer.admits_guests()) {
            // Another person has signed in over this very connection, so the name or certificate has been passed on to
            // them.
            Some(identity) if Box::pin(self.is_contradicted(client, &identity.session)).await => {
                self.report(
                    client,
                    destination,
                    "a client shows the proxy name or certificate of one person, and another has signed in over its connection: it is not counted",
                );
                self.presented(client, destination, fields).await
            }
            Some(identity) => Presented::Good(identity),
            None => self.presented(client, destination, fields).await,
        }
    }

    /// Whether the portal has bound the connection to another person than this session's. `None` if only the store can
    /// tell.
    fn contradicts(&self, client: &Client, session: &Session) -> Option<bool> {
        let Some(id) = client.proven().filter(|id| *id != session.id) else { return Some(false) };
        self.sessions.find(id).map(|proven| !proven.is_of_same_person(session))
    }

    /// The same; asks the store where it has to.
    async fn is_contradicted(&self, client: &Client, session: &Session) -> bool {
        match (self.contradicts(client, session), client.proven()) {
            (Some(contradicts), _) => contradicts,
            (None, Some(id)) => self.sessions.recall(id).await.is_some_and(|proven| !proven.is_of_same_person(session)),
            (None, None) => false,
        }
    }

    fn report(&self, client: &Client, destination: &Destination, what: &'static str) {
        if self.memory.contradictions.note(client) {
            tracing::warn!(client = %client.peer.client.ip(), host = %destination.host, "{what}");
        }
    }

    /// Whether `client` is known as the person of `session` by what no request brings: the handshake, the connection or
    /// the address. If so, https is tunnelled, and a cookie of ours would go through to the origin.
    pub(super) async fn is_known_outside(&self, client: &Client, session: &Session) -> bool {
        self.known_outside(client, session).await.is_some()
    }

    /// As what they are known so.
    pub(super) async fn known_outside(&self, client: &Client, session: &Session) -> Option<Identity> {
        let shown = match self.of_handshake(&client.peer) {
            Sight::Clear(shown) => shown,
            Sight::Unclear => self.recall_handshake(&client.peer).await,
        };
        let found = match shown {
            Some(shown) => Some(shown),
            None => self.identify_connection(client).await,
        };
        found.filter(|found| found.session.is_of_same_person(session))
    }

    async fn identify_connection(&self, client: &Client) -> Option<Identity> {
        let found = match self.of_connection(client) {
            Some(identity) => Some(identity),
            None if Box::pin(self.recall_connection(client)).await => self.of_connection(client),
            None => None,
        };
        self.admit_guest(client, found)
    }

    /// Drops a guest's identity where guests are not let in. On a listener where nobody is asked to sign in or to
    /// agree, whoever is not known counts as a guest.
    fn admit_guest(&self, client: &Client, found: Option<Identity>) -> Option<Identity> {
        let found = found.filter(|found| !found.session.is_guest() || client.peer.admits_guests());
        if found.is_some() || !client.peer.guest {
            return found;
        }
        (!self.guests_agree).then(|| Identity::new(Arc::clone(&self.memory.guest), Surrogate::GuestListener))
    }

    /// The rest of the ladder, with what is in memory: cookies, the connection, the address. If a stronger surrogate is
    /// unclear, no weaker one is looked at.
    fn identify_quickly(&self, client: &Client, destination: &Destination, fields: &Fields, now: Timestamp) -> Sight {
        let mut of_cookie: Option<Arc<Session>> = None;
        for id in origin_cookie::named(&self.sealer, now, (destination, &client.peer), &client.seen, fields) {
            let Some(session) = self.sessions.find(id) else { return Sight::Unclear };
            if of_cookie.as_ref().is_some_and(|other| !other.is_of_same_person(&session)) {
                return Sight::Unclear;
            }
            of_cookie = Some(younger(of_cookie, session));
        }
        let Some(session) = of_cookie else { return Sight::Clear(self.of_connection(client)) };
        match self.contradicts(client, &session) {
            Some(false) => Sight::Clear(Some(Identity::new(session, Surrogate::OriginCookie))),
            _ => Sight::Unclear,
        }
    }

    /// The same; asks the store about sessions that are not in memory, and settles contradictions.
    async fn identify_slowly(
        &self,
        client: &Client,
        destination: &Destination,
        fields: &Fields,
        now: Timestamp,
    ) -> Option<Identity> {
        let (mut of_cookie, mut several): (Option<Arc<Session>>, bool) = (None, false);
        for id in origin_cookie::named(&self.sealer, now, (destination, &client.peer), &client.seen, fields) {
            let Some(session) = self.sessions.recall(id).await else { continue };
            several |= of_cookie.as_ref().is_some_and(|other| !other.is_of_same_person(&session));
            of_cookie = Some(younger(of_cookie, session));
        }
        // A neighbouring host can plant a valid cookie of somebody else beside ours. If cookies name two people, none
        // counts.
        if several {
            self.report(
                client,
                destination,
                "a browser sent valid cookies of two people, so neither counts: somebody may have planted one of them",
            );
        } else if let Some(session) = of_cookie {
            // A page, or somebody on the wire, has planted it. The request counts as nobody's, so that the bounce that
            // follows replaces the cookie by the person's own. If it were left, it would name the other person on the
            // next connection.
            if self.is_contradicted(client, &session).await {
                self.report(client, destination, "a browser sent a valid cookie of one person, and another has signed in over its connection: the cookie does not count");
                return None;
            }
            return Some(Identity::new(session, Surrogate::OriginCookie));
        }
        Box::pin(self.recall_connection(client)).await;
        self.of_connection(client)
    }

    /// Who it is by the client's handshake with us: its certificate, or the name under which it has connected to us.
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

    /// The same; asks the store where it has to.
    async fn recall_handshake(&self, peer: &Peer) -> Option<Identity> {
        for evidence in self.bindings.evidence(peer.tls.as_ref()?) {
            if let Some((session, shown)) = self.bindings.recall(evidence, peer).await {
                return Some(Identity::shown(session, evidence, shown));
            }
        }
        None
    }

    /// Who is at the other end of a connection, by the connection itself or by its address.
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

    /// Asks the store about the sessions that a connection or its address may stand for, so that they are in memory.
    /// False if there are none.
    async fn recall_connection(&self, client: &Client) -> bool {
        let proven = match client.proven() {
            Some(id) => self.sessions.recall(id).await.is_some(),
            None => false,
        };
        let peer = &client.peer;
        proven || peer.network.address && self.sessions.recall_by_client(peer.client.ip()).await.is_some()
    }
}
