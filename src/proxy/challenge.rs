//! The challenge and the bounce: a browser goes to the portal and comes back with a ticket.

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::{LOCATION, SET_COOKIE};
use http::{HeaderValue, Method, Response, StatusCode};
use moka::sync::Cache;

use super::answer::{Refusal, seal_off};
use super::classify::Kind;
use super::identify::Client;
use super::{Proxy, Request};
use crate::clock::SignedDuration;
use crate::observe::Surrogate;
use crate::seal::{fingerprint, random_text};
use crate::session::SessionId;
use crate::session::returning::{ARRIVE_PORT, Return};
use crate::session::ticket::{Ticket, Unredeemed};
use crate::wire::h1::Fields;
use crate::wire::{Destination, Scheme, cookie};

/// Bounces of one session to one address without its cookie coming back, after which a page explains instead.
const MAX_BOUNCES: u32 = 2;

/// How long bounces are counted for. Who goes round in circles does it faster.
const BOUNCE_MEMORY: Duration = Duration::from_secs(30);

/// The longest path and query that a person comes back to. Sealed, it travels in an address and in a form, and is kept
/// while they sign in.
const MAX_WANTED: usize = 8 * 1024;

/// The challenge cookie lives as long as the challenge.
const CHALLENGE_AGE: u32 = 3600;

/// Why a ticket is refused that was made for another origin.
const ANOTHER_ORIGIN: &str = "ticket-for-another-origin";

/// Counts bounces that lead nowhere: by session, because several people may share a client address, and by the address
/// that was wanted, because a browser that opens many pages of one site at once bounces for each.
#[derive(Debug)]
pub(super) struct Bounces(Cache<(SessionId, [u8; 16]), u32>);

impl Default for Bounces {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(100_000).time_to_live(BOUNCE_MEMORY).build())
    }
}

impl Bounces {
    /// One more; false when there were too many. Then counting starts again: the person may change a setting and retry.
    fn add(&self, session: SessionId, wanted: &str) -> bool {
        let key = (session, fingerprint(wanted));
        let held = self.0.entry(key);
        let count = held.and_upsert_with(|count| count.map_or(1, |count| count.into_value().saturating_add(1)));
        if count.into_value() > MAX_BOUNCES {
            self.0.invalidate(&key);
            return false;
        }
        true
    }
}

impl Proxy {
    /// Sends a person to the portal. If they are known, they are asked to have proven who they are `within` so long.
    pub(super) fn challenge(
        &self,
        client: &Client,
        request: &Request,
        within: Option<SignedDuration>,
    ) -> Response<Bytes> {
        let address = client.peer.client.ip();
        let destination = &*request.destination;
        let (name, secret) = (random_text(), random_text());
        // Whoever looks for a portal has no page that they were going to: it waits in another tab. They need no ticket.
        let (origin, wanted) = match request.kind {
            Kind::Probe => (self.portal.url.clone(), format!("{}/me?connected=1", self.portal.url)),
            _ => (destination.origin(), wanted(destination, request.head.target.path_and_query())),
        };
        let returning = Return {
            origin,
            destination: wanted,
            client: address,
            challenge: name.clone(),
            browser: fingerprint(&secret),
            unsent: (request.kind == Kind::FormNavigation).then(|| request.head.method.to_string()),
            within: within.map(|within| within.as_secs()),
            tunnels: client.may_be_known_outside(),
            shown: client.peer.tls.iter().flat_map(|tls| self.bindings.evidence(tls)).map(|one| one.key()).collect(),
            node: self.tickets.node(),
        };
        let sealed = returning.seal(&self.sealer, self.clock.now());
        // RFC 9110 §15.4.4: 303 makes a GET of whatever was sent; a 307 would post the form to the portal.
        let status = match request.head.method {
            Method::GET | Method::HEAD => StatusCode::FOUND,
            _ => StatusCode::SEE_OTHER,
        };
        let secure = if destination.scheme == Scheme::Https { "; Secure" } else { "" };
        let mut response = redirect(status, &format!("{}/?r={sealed}", self.portal.url));
        set_cookie(
            &mut response,
            &format!(
                "{}={secret}; Path={}; Max-Age={CHALLENGE_AGE}; HttpOnly; SameSite=Lax{secure}",
                challenge_cookie(&name),
                crate::session::returning::RESERVED_PATH,
            ),
        );
        response
    }

    /// Takes a ticket that arrives on an origin's reserved path.
    pub(super) async fn arrive(&self, client: &Client, request: &mut Request) -> Result<Response<Bytes>, Refusal> {
        let query = request.head.target.query().unwrap_or_default();
        let secret = query.split('&').find_map(|pair| pair.strip_prefix("ticket=")).unwrap_or_default();
        let destination = &*request.destination;
        let address = client.peer.client.ip();
        let ticket = match self.tickets.redeem(secret).await {
            Ok(ticket) => ticket,
            Err(Unredeemed::Unknown) => {
                request.recorder.reason = Some("ticket-unknown");
                return Ok(redirect(StatusCode::FOUND, &home(destination)));
            }
            // They are asked once more, by this node.
            Err(Unredeemed::OtherNode(ticket)) => {
                request.recorder.reason = Some("ticket-for-another-node");
                let same_place = answers(&ticket, destination).is_some() && ticket.answers.client == address;
                let onward = if same_place { ticket.answers.destination } else { home(destination) };
                return Ok(redirect(StatusCode::FOUND, &onward));
            }
        };
        let origin = answers(&ticket, destination);
        if let Err(reason) = check(&ticket, address, origin.is_some(), &request.head.fields) {
            request.recorder.reason = Some(reason);
            tracing::warn!(client = %address, host = %destination.host, reason, "ticket refused");
            // Where only the challenge's cookie is missing, the person was going there: they are asked once more.
            let same_place = origin.is_some() && ticket.answers.client == address;
            let onward = if same_place { ticket.answers.destination } else { home(destination) };
            if !self.bounces.add(ticket.session, &onward) {
                return Err(Refusal::CookiesBlocked(onward));
            }
            return Ok(redirect(StatusCode::FOUND, &onward));
        }
        let Some(session) = self.sessions.recall(ticket.session).await else {
            request.recorder.reason = Some("session-ended");
            return Ok(redirect(StatusCode::FOUND, &ticket.answers.destination));
        };
        request.recorder.identity(&session.user, session.id.short(), Surrogate::OriginCookie);
        if !self.bounces.add(session.id, &ticket.answers.destination) {
            return Err(Refusal::CookiesBlocked(ticket.answers.destination));
        }
        let destination = origin.as_ref().unwrap_or(destination);
        let mut response = redirect(StatusCode::FOUND, &ticket.answers.destination);
        // A ticket is worth one origin's cookie and nothing more: whoever brings it need not be who fetched it. Where the
        // portal has made the connection or the address known, https goes through tunnels, in which a cookie would reach
        // the origin.
        if destination.scheme == Scheme::Http || !self.is_known_outside(client, &session).await {
            set_cookie(&mut response, &self.origin_cookie(&session, destination, &client.peer));
        }
        set_cookie(
            &mut response,
            &format!(
                "{}=; Path={}; Max-Age=0",
                challenge_cookie(&ticket.answers.challenge),
                crate::session::returning::RESERVED_PATH
            ),
        );
        Ok(response)
    }
}

/// Where a person was going. An address that is too long to travel leads to the origin.
fn wanted(destination: &Destination, path_and_query: &str) -> String {
    destination.url(if path_and_query.len() <= MAX_WANTED { path_and_query } else { "" })
}

/// The origin that a ticket was made for, if this is where it arrives: there, or at our own port of its host. Over https
/// what was meant for http may arrive there, because browsers change one into the other; never the other way round.
fn answers(ticket: &Ticket, arrived: &Destination) -> Option<Destination> {
    let (scheme, authority) = ticket.answers.origin.split_once("://")?;
    let scheme = if scheme == Scheme::Https.as_str() { Scheme::Https } else { Scheme::Http };
    let origin = Destination::of_authority(scheme, authority).ok()?;
    let beside = arrived.port == ARRIVE_PORT
        && arrived.host == origin.host
        && (arrived.scheme == origin.scheme || arrived.scheme == Scheme::Https);
    (*arrived == origin || beside).then_some(origin)
}

/// The front page of the site where a ticket arrives that leads nowhere.
fn home(arrived: &Destination) -> String {
    if arrived.port == ARRIVE_PORT {
        return Destination { port: arrived.scheme.default_port(), ..arrived.clone() }.origin();
    }
    arrived.origin()
}

/// Whether a ticket was made for this origin, this client and this browser.
fn check(ticket: &Ticket, client: IpAddr, same_origin: bool, fields: &Fields) -> Result<(), &'static str> {
    if !same_origin {
        return Err(ANOTHER_ORIGIN);
    }
    if ticket.answers.client != client {
        return Err("ticket-for-another-client");
    }
    let name = challenge_cookie(&ticket.answers.challenge);
    if cookie::values(fields, &name).any(|secret| fingerprint(secret) == ticket.answers.browser) {
        Ok(())
    } else {
        Err("ticket-for-another-browser")
    }
}

fn challenge_cookie(name: &str) -> String {
    format!("{}c_{name}", cookie::RESERVED)
}

/// A redirect that nobody keeps.
pub(super) fn redirect(status: StatusCode, location: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    seal_off(&mut response);
    if let Ok(value) = HeaderValue::try_from(location) {
        response.headers_mut().insert(LOCATION, value);
    }
    response
}

fn set_cookie(response: &mut Response<Bytes>, line: &str) {
    if let Ok(value) = HeaderValue::try_from(line) {
        response.headers_mut().append(SET_COOKIE, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bounces_for_the_same_address_count_together() {
        let (bounces, session) = (Bounces::default(), SessionId::of_secret("one"));
        for page in 0..20 {
            assert!(bounces.add(session, &format!("http://news.test/{page}")), "a window full of tabs is no circle");
        }
        assert!(bounces.add(session, "http://news.test/0"));
        assert!(!bounces.add(session, "http://news.test/0"), "the third time for one address");
        assert!(bounces.add(session, "http://news.test/0"), "counting starts again");
        assert!(bounces.add(SessionId::of_secret("other"), "http://news.test/1"));
    }

    #[test]
    fn an_address_of_any_length_fits_into_the_logon_form() {
        let destination = Destination::of_authority(Scheme::Https, "news.test").unwrap();
        for (length, kept) in [(10, true), (MAX_WANTED, true), (MAX_WANTED + 1, false), (60_000, false)] {
            let wanted = wanted(&destination, &format!("/{}", "a".repeat(length - 1)));
            assert_eq!(wanted.len() > 30 || length < 20, kept, "{length}");
            assert!(wanted.starts_with("https://news.test/"));
            let sealed = crate::seal::Sealer::random().seal("return", &wanted, crate::clock::Timestamp::MAX);
            assert!(sealed.len() < 12 * 1024, "{length}");
        }
    }
}
