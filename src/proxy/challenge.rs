//! The challenge and the bounce: the proxy sends a browser to the portal, and the browser comes back with a ticket.

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::LOCATION;
use http::{HeaderValue, Method, Response, StatusCode};
use moka::sync::Cache;

use super::answer::{Refusal, seal_off};
use super::client::Client;
use super::origin_cookie::set_cookie;
use super::{Proxy, Request, planted};
use crate::identity::{Strength, Surrogate};
use crate::net::LateCache;
use crate::observe::Reason;
use crate::policy::{BarrierKey, Stale};
use crate::seal::{fingerprint, random_text};
use crate::session::SessionId;
use crate::session::returning::{ARRIVE_PORT, Halt, Return, Surer};
use crate::session::ticket::{Ticket, Unredeemed};
use crate::wire::h1::Fields;
use crate::wire::kind::RequestKind;
use crate::wire::{Destination, Scheme, cookie};

/// How often one session may bounce to one address without its cookie coming back. After that, a page explains.
const MAX_BOUNCES: u32 = 2;

/// How long bounces are counted together. A browser that goes round in circles is faster than this.
const BOUNCE_MEMORY: Duration = Duration::from_secs(30);

/// The longest address that travels by way of the portal: sealed, in an address and in a form, and in the record of a sign-in.
/// A longer one waits at this node.
const MAX_WANTED: usize = 8 * 1024;

/// The challenge cookie lives as long as the challenge.
const CHALLENGE_AGE: u32 = 3600;

/// What the portal wants of a person before they may go on.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wants<'a> {
    /// That they sign in.
    SignIn,
    /// A proof of who they are that a rule does not find too old, and that is of a way that it takes.
    Proof(&'a Stale),
    /// That they pass what a rule puts before the destination.
    Pass(BarrierKey),
}

/// Counts bounces that lead nowhere. It counts by session, because several people may share a client address; and by
/// the address that was wanted, because a browser that opens many pages of one site at once bounces once for each.
#[derive(Debug)]
pub(super) struct Bounces(LateCache<(SessionId, [u8; 16]), u32>);

impl Default for Bounces {
    fn default() -> Self {
        Self(LateCache::new(|| Cache::builder().max_capacity(100_000).time_to_live(BOUNCE_MEMORY).build()))
    }
}

impl Bounces {
    /// Counts one more; false if there were too many. After that counting begins anew, so that the person can change a
    /// setting and try again.
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
    /// Sends a person to the portal, which then asks them for what it `wants`.
    pub(super) fn challenge(&self, client: &Client, request: &Request, wants: Wants<'_>) -> Response<Bytes> {
        let (stale, halt) = match wants {
            Wants::SignIn => (None, None),
            Wants::Proof(stale) => (Some(stale), None),
            Wants::Pass(barrier) => (None, Some(Halt { barrier, request_id: request.recorder.id().to_string() })),
        };
        let address = client.peer.client.ip();
        let destination = &*request.destination;
        let (name, secret) = (random_text(), random_text());
        // A probe has no page to go back to (that waits in another tab), so it needs no ticket, and leads to the portal
        // itself.
        let (origin, wanted) = match request.kind {
            RequestKind::Probe => (self.portal.url.clone(), format!("{}/me?connected=1", self.portal.url)),
            _ => (destination.origin(), destination.url(request.head.target.path_and_query())),
        };
        let (wanted, kept) = match wanted.len() > MAX_WANTED {
            true => (destination.url(""), Some(self.tickets.keep(address, wanted))),
            false => (wanted, None),
        };
        let returning = Return {
            origin,
            destination: wanted,
            kept,
            client: address,
            challenge: name.clone(),
            browser: fingerprint(&secret),
            unsent: (request.kind == RequestKind::FormNavigation).then(|| request.head.method.to_string()),
            within: stale.and_then(|stale| stale.within).map(|within| within.as_secs()),
            ways: stale.map(|stale| stale.ways.to_vec()).unwrap_or_default(),
            evidence: stale.and_then(|stale| Some(Surer { strength: stale.evidence?, rule: stale.rule.to_string() })),
            halt,
            shown: client.peer.tls.iter().flat_map(|tls| self.bindings.evidence(tls)).map(|one| one.key()).collect(),
            node: self.tickets.node(),
            planted: planted::came(destination, &request.head.fields),
        };
        let sealed = returning.seal(&self.sealer, self.clock.now());
        // RFC 9110 §15.4.4: 303 makes a GET of whatever was sent; a 307 would post the form to the portal.
        let status = match request.head.method {
            Method::GET | Method::HEAD => StatusCode::FOUND,
            _ => StatusCode::SEE_OTHER,
        };
        let secure = if destination.scheme == Scheme::Https { "; Secure" } else { "" };
        let mut response = redirect(status, &format!("{}/?r={sealed}", self.portal.url));
        if returning.planted {
            planted::clear(&mut response, destination, request.head.target.path());
        }
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
                request.recorder.reason = Some(Reason::TicketUnknown);
                return Ok(redirect(StatusCode::FOUND, &home(destination)));
            }
            // This node challenges them anew, because it does not know whether the other has redeemed the ticket.
            Err(Unredeemed::OtherNode(ticket)) => {
                request.recorder.reason = Some(Reason::TicketForAnotherNode);
                let same_place = answers(&ticket, destination).is_some() && ticket.answers.client == address;
                let onward = if same_place { ticket.answers.destination } else { home(destination) };
                return Ok(redirect(StatusCode::FOUND, &onward));
            }
        };
        let origin = answers(&ticket, destination);
        let planted = ticket.answers.planted || planted::came(destination, &request.head.fields);
        if let Err(reason) = check(&ticket, address, origin.is_some(), &request.head.fields) {
            request.recorder.reason = Some(reason);
            let request_id = request.recorder.id();
            tracing::warn!(client = %address, host = %destination.host, %reason, %request_id, "ticket refused");
            // If only the challenge's cookie is missing, this is where the person was going: they go on there, and are
            // challenged anew.
            let same_place = origin.is_some() && ticket.answers.client == address;
            let onward = if same_place { ticket.answers.destination } else { home(destination) };
            if !self.memory.bounces.add(ticket.session, &counted(&onward, ticket.answers.halt.as_ref())) {
                return Err(in_circles(planted, onward));
            }
            return Ok(redirect(StatusCode::FOUND, &onward));
        }
        let Some(session) = self.sessions.recall(ticket.session).await else {
            request.recorder.reason = Some(Reason::SessionEnded);
            return Ok(redirect(StatusCode::FOUND, &ticket.answers.destination));
        };
        request.recorder.identity(&session.user, session.id.short().into(), Surrogate::OriginCookie);
        if !self.memory.bounces.add(session.id, &counted(&ticket.answers.destination, ticket.answers.halt.as_ref())) {
            return Err(in_circles(planted, ticket.answers.destination));
        }
        let destination = origin.as_ref().unwrap_or(destination);
        let mut response = redirect(StatusCode::FOUND, &ticket.answers.destination);
        if planted {
            let path = ticket.answers.destination.strip_prefix(&ticket.answers.origin).unwrap_or_default();
            planted::clear(&mut response, destination, path);
        }
        // A ticket yields one origin's cookie and nothing more, because whoever brings it need not be the
        // person who fetched it. If the portal has made the connection or the address known, https goes through
        // tunnels, and a cookie would go through them to the origin: then none is set.
        // Where a rule wants more than what makes them known, no tunnel is opened.
        let is_for_cookie = destination.scheme == Scheme::Http || wants_cookie(&ticket.answers);
        if is_for_cookie || !self.is_known_outside(client, &session).await {
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

/// What bounces are counted for. A person who has passed a barrier has done something, so that the bounce after it is no
/// part of a circle; more of them, for the same barrier, may be.
fn counted<'a>(wanted: &'a str, halt: Option<&Halt>) -> Cow<'a, str> {
    halt.map_or(Cow::Borrowed(wanted), |halt| format!("{wanted}\n{}", halt.barrier).into())
}

/// Why the browser is not sent round once more: it has cookies of others beside ours, or ours does not come back.
fn in_circles(planted: bool, retry: String) -> Refusal {
    if planted { Refusal::CookiesContradict(retry) } else { Refusal::CookiesBlocked(retry) }
}

/// Whether a rule wants what an origin's cookie is worth.
fn wants_cookie(answers: &Return) -> bool {
    answers.evidence.as_ref().is_some_and(|surer| surer.strength == Strength::Medium)
}

/// The origin that a ticket was issued for, if it arrives where it should: at our own port of that host. A ticket for
/// http may arrive over https, because browsers change http into https; never the other way round.
fn answers(ticket: &Ticket, arrived: &Destination) -> Option<Destination> {
    let (scheme, authority) = ticket.answers.origin.split_once("://")?;
    let scheme = if scheme == Scheme::Https.as_str() { Scheme::Https } else { Scheme::Http };
    let origin = Destination::of_authority(scheme, authority).ok()?;
    let is_there = arrived.port == ARRIVE_PORT
        && arrived.host == origin.host
        && (arrived.scheme == origin.scheme || arrived.scheme == Scheme::Https);
    is_there.then_some(origin)
}

/// The front page of the site at which a ticket arrives, for one that leads nowhere.
fn home(arrived: &Destination) -> String {
    if arrived.port == ARRIVE_PORT {
        return Destination { port: arrived.scheme.default_port(), ..arrived.clone() }.origin();
    }
    arrived.origin()
}

/// Checks that a ticket was issued for this origin, this client and this browser.
fn check(ticket: &Ticket, client: IpAddr, same_origin: bool, fields: &Fields) -> Result<(), Reason> {
    if !same_origin {
        return Err(Reason::TicketForAnotherOrigin);
    }
    if ticket.answers.client != client {
        return Err(Reason::TicketForAnotherClient);
    }
    let name = challenge_cookie(&ticket.answers.challenge);
    if cookie::values(fields, &name).any(|secret| fingerprint(secret) == ticket.answers.browser) {
        Ok(())
    } else {
        Err(Reason::TicketForAnotherBrowser)
    }
}

fn challenge_cookie(name: &str) -> String {
    format!("{}c_{name}", cookie::RESERVED)
}

/// A redirect that no cache may keep.
pub(super) fn redirect(status: StatusCode, location: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    seal_off(&mut response);
    if let Ok(value) = HeaderValue::try_from(location) {
        response.headers_mut().insert(LOCATION, value);
    }
    response
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
    fn an_address_that_travels_fits_into_the_logon_form() {
        let wanted = "a".repeat(MAX_WANTED);
        let sealed = crate::seal::Sealer::random().seal("return", &wanted, crate::clock::Timestamp::MAX);
        assert!(sealed.len() < 12 * 1024);
    }
}
