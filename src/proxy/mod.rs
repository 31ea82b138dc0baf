//! Takes requests and answers them: identify → decide → act → record.

mod alarm;
mod alternatives;
mod answer;
mod ask;
mod challenge;
mod client;
mod connect;
mod decide;
mod exchange;
pub mod failures;
mod forward;
mod heads;
mod identify;
mod identity;
mod inspect;
mod instead;
mod look;
mod memory;
mod named;
mod origin_cookie;
mod outgoing;
mod planted;
mod preflight;
mod problem;
mod relay;
mod scan;
mod shares;
pub mod token;
mod trust;
mod tunnel;
mod unread;
mod unscanned;
mod unseen;
mod until;
mod watch;
mod weak;

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::header::DATE;
use http::{HeaderValue, Method, Response};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::authority::Authority;
use crate::clock::{self, Clock};
use crate::egress::pool::{self, Pool};
use crate::egress::{self, Dialler};
use crate::icap::Scanners;
use crate::net::{Limits, Pipes};
use crate::observe::record::HttpVersion;
use crate::observe::{AccessLog, Audit, Outcome, Reason, Recorder};
use crate::pac::Pac;
use crate::page::{Brand, Locales};
use crate::policy::Policy;
use crate::seal::Sealer;
use crate::session::appeal::Appeal;
use crate::session::ticket::Tickets;
use crate::session::{Bindings, Sessions};
use crate::wire::forwarded::{self, ForwardedFor};
use crate::wire::h1::{self, ByteStream, Connection, Fields, HeadError, RequestHead};
use crate::wire::kind::{self, RequestKind};
use crate::wire::{Destination, Entries, Peer, Probes, target};
use alarm::Retired;
use answer::Refusal;
pub use client::Client;
use exchange::Request;
use forward::Forwarder;
pub use memory::Memory;

/// A function that serves the portal on a stream on which the TLS handshake has yet to happen.
pub type ServePortal = Arc<dyn Fn(Box<dyn ByteStream>, Peer) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// The portal, as the proxy knows it.
pub struct Portal {
    /// Its URL, without a slash at the end.
    pub url: String,
    /// Its origin.
    pub destination: Destination,
    /// Serves it to clients that ask the proxy for its name, so that the portal needs no DNS entry and no route of its
    /// own.
    pub serve: ServePortal,
}

/// How many idle origin connections all workers together keep at most: each costs a descriptor.
const MAX_KEPT: usize = 1024;

/// What the proxy is made of.
pub struct Parts {
    /// Who is signed in.
    pub sessions: Arc<Sessions>,
    /// Issues and redeems tickets.
    pub tickets: Arc<Tickets>,
    /// What proxy host names and client certificates stand for.
    pub bindings: Arc<Bindings>,
    /// Seals return tokens and origin cookies.
    pub sealer: Arc<Sealer>,
    /// The rules.
    pub policy: Arc<Policy>,
    /// Issues leaves for intercepted connections.
    pub authority: Arc<Authority>,
    /// Where access records go.
    pub log: Arc<AccessLog>,
    /// The portal.
    pub portal: Portal,
    /// The look of the pages.
    pub brand: Brand,
    /// Opens connections to origins.
    pub dialler: Arc<Dialler>,
    /// The bounds.
    pub limits: Limits,
    /// What origins are told about the client's address.
    pub forwarded_for: ForwardedFor,
    /// Addresses that browsers and systems request to find out whether there is a captive portal.
    pub probes: Probes,
    /// The PAC files, which say which destinations browsers reach without us.
    pub pac: Arc<Pac>,
    /// What each listener knows of its clients: networks, guests, trusted peers.
    pub entries: Arc<Entries>,
    /// Whether guests must agree to terms before they go on.
    pub guests_agree: bool,
    /// What is to be said of interception beside the rules.
    pub interception: failures::Config,
    /// The scanners that rules name.
    pub scanners: Arc<Scanners>,
    /// Where it is recorded what they find.
    pub audit: Arc<Audit>,
    /// The time.
    pub clock: Clock,
    /// What the proxy needs for tokens; `None` if no tokens are accepted.
    pub tokens: Option<token::Parts>,
    /// Fires when each connection must end after the exchange that is under way on it.
    pub finish: CancellationToken,
    /// Tracks what goes on after an answer: tunnels and intercepted connections.
    pub tasks: TaskTracker,
}

/// The proxy, as configured.
pub struct Proxy {
    sessions: Arc<Sessions>,
    tickets: Arc<Tickets>,
    bindings: Arc<Bindings>,
    sealer: Arc<Sealer>,
    policy: Arc<Policy>,
    authority: Arc<Authority>,
    log: Arc<AccessLog>,
    portal: Portal,
    brand: Brand,
    locales: &'static Locales,
    forwarder: Forwarder,
    pipes: Pipes,
    memory: Arc<Memory>,
    tokens: Option<token::Tokens>,
    limits: Limits,
    forwarded_for: ForwardedFor,
    probes: Probes,
    pac: Arc<Pac>,
    entries: Arc<Entries>,
    /// Whether guests must agree to terms before they go on.
    guests_agree: bool,
    interception: failures::Config,
    scanners: Arc<Scanners>,
    audit: Arc<Audit>,
    /// Fires when another configuration has replaced this one.
    retired: Retired,
    clock: Clock,
    finish: CancellationToken,
    tasks: TaskTracker,
}

impl Proxy {
    /// A proxy made of `parts`, which goes on from what earlier proxies have left in `memory`.
    pub fn new(parts: Parts, memory: Arc<Memory>) -> Self {
        let pipes = memory.pipes.clone();
        memory.preflights.hold_to(&parts.limits);
        let via = parts.dialler.via().clone();
        Self {
            sessions: parts.sessions,
            tickets: parts.tickets,
            bindings: parts.bindings,
            sealer: parts.sealer,
            policy: parts.policy,
            authority: parts.authority,
            log: parts.log,
            portal: parts.portal,
            brand: parts.brand,
            locales: Locales::built_in(),
            forwarder: Forwarder { dialler: parts.dialler, limits: parts.limits, via, pipes: pipes.clone() },
            pipes,
            tokens: parts.tokens.map(|tokens| token::Tokens::new(tokens, &memory.tokens)),
            memory,
            limits: parts.limits,
            forwarded_for: parts.forwarded_for,
            probes: parts.probes,
            pac: parts.pac,
            entries: parts.entries,
            guests_agree: parts.guests_agree,
            interception: parts.interception,
            scanners: parts.scanners,
            audit: parts.audit,
            retired: Retired::default(),
            clock: parts.clock,
            finish: parts.finish,
            tasks: parts.tasks,
        }
    }

    /// A pool of origin connections for one worker. Workers share none, because a connection belongs to the thread that
    /// waits for it.
    pub fn pool(&self) -> Arc<Pool> {
        let bounds = pool::Bounds {
            per_origin: self.limits.origin_idle_connections,
            in_all: MAX_KEPT / self.limits.workers.max(1),
            idle: self.limits.origin_idle,
        };
        let pool = Arc::new(Pool::new(bounds));
        self.memory.keep(&pool);
        pool
    }

    /// Answers one request. Gives the connection back if another request may follow on it.
    pub async fn handle(
        self: &Arc<Self>,
        client: &Arc<Client>,
        connection: Box<Connection>,
        head: Result<RequestHead, HeadError>,
    ) -> Option<Box<Connection>> {
        let mut recorder = self.log.begin(&client.peer, head.as_ref().ok().map(|head| &head.method));
        recorder.protocol = head.as_ref().ok().and_then(|head| HttpVersion::of(head.received));
        let head = match head {
            Ok(head) => head,
            Err(error) => {
                let refusal = Refusal::Head(error);
                return Box::pin(self.refuse(connection, None, &refusal, &Asker::TOOL, recorder)).await;
            }
        };
        if head.method == Method::CONNECT {
            // What is rarer than a request that is forwarded is boxed here and below, so that it costs memory only when
            // it happens.
            return Box::pin(self.connect(client, connection, head, recorder)).await;
        }
        let destination = match &client.inside {
            Some(inside) => check_inside(inside, &head),
            None => client.destination_of(&head.target),
        };
        match destination {
            Ok(destination) => self.exchange(client, connection, head, destination, recorder).await,
            Err(error) => {
                let mut asker = Asker::of_head(&head.fields);
                if kind::is_navigation(&head.fields) {
                    asker.kind = RequestKind::Navigation;
                }
                let refusal = Refusal::BadTarget(error);
                Box::pin(self.refuse(connection, Some(&head), &refusal, &asker, recorder)).await
            }
        }
    }

    /// The client as this configuration judges it; its connection may have been accepted under another one.
    pub fn judge(&self, client: &Arc<Client>) -> Arc<Client> {
        match self.entries.renewed(&client.peer) {
            None => Arc::clone(client),
            Some(peer) => Arc::new(client.judged(peer)),
        }
    }

    /// Refuses a request of a trusted peer that does not say on whose behalf it sends the request, or on whose behalf
    /// there is no room.
    pub async fn refuse_unnamed(
        &self,
        client: &Client,
        connection: Box<Connection>,
        head: &RequestHead,
        error: forwarded::Error,
    ) -> Option<Box<Connection>> {
        let mut recorder = self.log.begin(&client.peer, Some(&head.method));
        recorder.protocol = HttpVersion::of(head.received);
        let asker = Asker::of_head(&head.fields);
        self.refuse(connection, Some(head), &Refusal::Unnamed(error), &asker, recorder).await
    }

    /// Says that another configuration has replaced this one: tunnels that go on ask the new one, and connections to origins that
    /// are opened from now on are not kept for it.
    pub fn retire(&self) {
        self.forwarder.dialler.retire();
        self.retired.fire();
    }

    /// Sends one of our own answers, and records it.
    pub async fn reply(
        &self,
        connection: Box<Connection>,
        head: Option<&RequestHead>,
        response: Response<Bytes>,
        recorder: Recorder,
    ) -> Option<Box<Connection>> {
        Box::pin(self.send_reply(connection, head, response, recorder)).await
    }

    async fn send_reply(
        &self,
        connection: Box<Connection>,
        head: Option<&RequestHead>,
        mut response: Response<Bytes>,
        mut recorder: Recorder,
    ) -> Option<Box<Connection>> {
        let mut connection = connection;
        recorder.status = response.status().as_u16();
        if let Ok(date) = HeaderValue::try_from(clock::http_date(self.clock.now())) {
            response.headers_mut().insert(DATE, date);
        }
        let Ok(keeps) = h1::answer(&mut connection, head, &response, &self.limits).await else {
            recorder.reason = recorder.reason.or(Some(Reason::ClientLeft));
            return None;
        };
        if head.is_none_or(|head| head.method != Method::HEAD) {
            recorder.bytes_out = response.body().len() as u64;
        }
        // The access record is written here: what the client may still send is not part of it.
        drop(recorder);
        h1::settle(connection, head, keeps, &self.limits).await
    }

    /// Answers a refused request and records why.
    async fn refuse(
        &self,
        connection: Box<Connection>,
        head: Option<&RequestHead>,
        refusal: &Refusal,
        asker: &Asker,
        mut recorder: Recorder,
    ) -> Option<Box<Connection>> {
        recorder.reason = recorder.reason.or(refusal.error_type());
        recorder.decision = match refusal {
            Refusal::Barred(barrier) if !barrier.is_override() => Outcome::Warned,
            Refusal::Denied(_)
            | Refusal::Barred(_)
            | Refusal::SignInRequired
            | Refusal::SignInAgain(_)
            | Refusal::TooWeak(_)
            | Refusal::ToolUnknown(_)
            | Refusal::Unread(_)
            | Refusal::Unscanned(_)
            | Refusal::Exhausted(_) => Outcome::Denied,
            Refusal::Origin(forward::Failure::Dial(
                egress::Error::Prohibited(_) | egress::Error::OwnMachine(_) | egress::Error::Port(_),
            )) => Outcome::Denied,
            Refusal::Origin(_) if recorder.decision == Outcome::Monitored => Outcome::Monitored,
            Refusal::Origin(_) => Outcome::Permitted,
            Refusal::CookiesBlocked(_) | Refusal::CookiesContradict(_) | Refusal::Absent(_) => Outcome::Challenged,
            Refusal::LastHop => Outcome::Local,
            _ => Outcome::Rejected,
        };
        tracing::debug!(request_id = %recorder.id(), reason = %refusal, "request refused");
        let refused = answer::Refused {
            refusal,
            kind: asker.kind,
            id: recorder.id(),
            place: recorder.host.as_deref(),
            user: recorder.user.as_deref(),
            message: self.message_of(refusal),
            review: self.review_of(refusal, &recorder),
            json: asker.json,
            to_connect: head.is_some_and(|head| head.method == Method::CONNECT),
            portal: &self.portal.url,
            curl: self.tokens.as_ref().map(|tokens| &tokens.parts.curl),
        };
        let locale = self.locales.negotiate(asker.languages.as_deref());
        let mut response = refused.render(&self.brand, locale);
        if let (Some(destination), Some(head)) = (&asker.planted, head) {
            planted::clear(&mut response, destination, head.target.path());
        }
        self.reply(connection, head, response, recorder).await
    }
}

impl Proxy {
    /// What the rule that refuses says of itself.
    fn message_of<'a>(&'a self, refusal: &'a Refusal) -> Option<&'a str> {
        match refusal {
            Refusal::Denied(rule) => self.policy.message_of(rule).map(|message| &**message),
            Refusal::Barred(barrier) => barrier.message.as_deref(),
            Refusal::SignInAgain(stale) => self.policy.message_of(&stale.rule).map(|message| &**message),
            Refusal::TooWeak(weak) => self.policy.message_of(&weak.rule).map(|message| &**message),
            _ => None,
        }
    }

    /// The page of the portal where a review of this refusal can be asked for, if the portal takes such questions.
    fn review_of(&self, refusal: &Refusal, recorder: &Recorder) -> Option<String> {
        let Refusal::Denied(rule) = refusal else { return None };
        self.brand.review.as_ref().filter(|review| review.is_at_portal())?;
        let (site, request_id) = (recorder.host.as_deref()?.to_owned(), recorder.id().to_string());
        let appeal = Appeal { site, rule: rule.clone(), request_id };
        Some(format!("{}{}", self.portal.url, appeal.address(&self.sealer, self.clock.now())))
    }
}

/// In what form and language a client gets a refusal.
struct Asker {
    kind: RequestKind,
    /// Whether it asks for JSON.
    json: bool,
    languages: Option<String>,
    /// If set, the origin on which others have set cookies beside ours, which the answer removes.
    planted: Option<Arc<Destination>>,
}

impl Asker {
    /// The sender of a request that could not be read.
    const TOOL: Self = Self { kind: RequestKind::Tool, json: false, languages: None, planted: None };

    /// The sender of a request that names no origin, or of a CONNECT.
    fn of_head(fields: &Fields) -> Self {
        let kind = if kind::is_browser(fields) { RequestKind::SubResource } else { RequestKind::Tool };
        Self { kind, json: problem::is_wanted(fields), languages: languages(fields), planted: None }
    }
}

fn languages(fields: &Fields) -> Option<String> {
    fields.text("accept-language").map(str::to_owned)
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proxy").field("portal", &self.portal.url).finish_non_exhaustive()
    }
}

/// Inside a CONNECT, every request must be for the origin that the CONNECT named.
fn check_inside(inside: &Arc<Destination>, head: &RequestHead) -> Result<Arc<Destination>, target::Error> {
    match head.target.authority() {
        None => Ok(Arc::clone(inside)),
        Some(authority) => inside.check_host_field(authority).map(|()| Arc::clone(inside)),
    }
}
