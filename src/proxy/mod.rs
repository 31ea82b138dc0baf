//! Takes requests and answers them: identify → decide → act → record.

mod answer;
mod challenge;
mod classify;
mod connect;
pub mod dial;
mod download;
mod exchange;
mod forward;
mod identify;
mod patience;
mod pool;
mod preflight;
mod relay;
mod upload;

use std::pin::Pin;
use std::sync::Arc;

use http::{Method, Response, StatusCode};
use hyper::body::Incoming;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::authority::Authority;
use crate::clock::Clock;
use crate::observe::{AccessLog, Outcome, Recorder};
use crate::page::{Brand, Locales};
use crate::policy::Policy;
use crate::seal::Sealer;
use crate::session::Sessions;
use crate::session::ticket::Tickets;
use crate::wire::{Body, Destination, Limits, Peer, Pipes, field};
use answer::Refusal;
use challenge::Bounces;
use classify::Kind;
use dial::{Dialler, OriginTls};
pub use download::Download;
use forward::Forwarder;
pub use identify::Client;

use pool::Pool;

/// A byte stream to a client.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Serves the portal on a stream whose client has yet to shake hands.
pub type ServePortal = Arc<dyn Fn(Box<dyn Stream>, Peer) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// The portal, as the proxy knows it.
pub struct Portal {
    /// Its URL, without a slash at the end.
    pub url: String,
    /// Its origin.
    pub destination: Destination,
    /// Serves it to whoever asks the proxy for its name, so that it needs no DNS and no route of its own.
    pub serve: ServePortal,
}

/// What the proxy is made of.
pub struct Parts {
    /// Who is signed in.
    pub sessions: Arc<Sessions>,
    /// Tickets on their way.
    pub tickets: Arc<Tickets>,
    /// Seals return tokens and origin cookies.
    pub sealer: Arc<Sealer>,
    /// The rules.
    pub policy: Policy,
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
    /// TLS towards origins.
    pub tls: OriginTls,
    /// The bounds.
    pub limits: Limits,
    /// The time.
    pub clock: Clock,
    /// Fires when exchanges under way are to be the last.
    pub finish: CancellationToken,
    /// What goes on after an answer: tunnels, intercepted connections.
    pub tasks: TaskTracker,
}

/// The proxy, as configured.
pub struct Proxy {
    sessions: Arc<Sessions>,
    tickets: Arc<Tickets>,
    sealer: Arc<Sealer>,
    policy: Policy,
    authority: Arc<Authority>,
    log: Arc<AccessLog>,
    portal: Portal,
    brand: Brand,
    locales: Locales,
    forwarder: Forwarder,
    pipes: Pipes,
    bounces: Bounces,
    limits: Limits,
    clock: Clock,
    finish: CancellationToken,
    tasks: TaskTracker,
}

/// A request that is being answered.
struct Request<'a> {
    parts: http::request::Parts,
    destination: &'a Destination,
    kind: Kind,
    recorder: Recorder,
}

impl Proxy {
    /// A proxy made of `parts`.
    pub fn new(parts: Parts) -> Self {
        let pool = Arc::new(Pool::new(parts.limits.origin_idle_connections, parts.limits.origin_idle));
        // RFC 9110 §7.6.3: a pseudonym of our own, so that a loop is seen and nothing about this machine is told.
        let via = field::Via::new(crate::seal::random());
        Self {
            sessions: parts.sessions,
            tickets: parts.tickets,
            sealer: parts.sealer,
            policy: parts.policy,
            authority: parts.authority,
            log: parts.log,
            portal: parts.portal,
            brand: parts.brand,
            locales: Locales::built_in(),
            forwarder: Forwarder { dialler: parts.dialler, tls: parts.tls, pool, limits: parts.limits, via },
            pipes: Pipes::for_connections(parts.limits.connections),
            bounces: Bounces::default(),
            limits: parts.limits,
            clock: parts.clock,
            finish: parts.finish,
            tasks: parts.tasks,
        }
    }

    /// Answers one request.
    pub async fn handle(
        self: &Arc<Self>,
        client: &Arc<Client>,
        request: http::Request<Incoming>,
    ) -> Response<Download> {
        let recorder = self.log.begin(&client.peer, request.method());
        if *request.method() == Method::CONNECT {
            return self.connect(client, request, recorder).await;
        }
        let destination = match &client.inside {
            Some(inside) => check_inside(&inside.destination, request.uri()),
            None => Destination::of_absolute_form(request.uri()),
        };
        match destination {
            Ok(destination) => self.exchange(client, request, &destination, recorder).await,
            Err(error) => self.refuse(&Refusal::BadTarget(error), &Asker::of_head(request.headers()), recorder),
        }
    }

    /// Forgets what has been kept for too long.
    pub fn sweep(&self) {
        self.forwarder.pool.sweep();
    }

    /// Answers a refused request and records why.
    fn refuse(&self, refusal: &Refusal, asker: &Asker, mut recorder: Recorder) -> Response<Download> {
        recorder.reason = recorder.reason.or(Some(refusal.error_type()));
        recorder.decision = match refusal {
            Refusal::Denied(_) | Refusal::SignInRequired => Outcome::Denied,
            Refusal::Origin(forward::Failure::Dial(dial::Error::Prohibited(_) | dial::Error::Port(_))) => {
                Outcome::Denied
            }
            Refusal::Origin(_) => Outcome::Permitted,
            Refusal::CookiesBlocked(_) => Outcome::Challenged,
            _ => Outcome::Rejected,
        };
        tracing::debug!(request_id = %recorder.id(), reason = %refusal, "request refused");
        let refused = answer::Refused {
            refusal,
            kind: asker.kind,
            id: recorder.id(),
            place: recorder.host.as_deref(),
            user: recorder.user.as_ref().map(|user| user.name.as_str()),
            portal: &self.portal.url,
        };
        let locale = self.locales.negotiate(asker.languages.as_deref());
        let response = refused.render(&self.brand, locale);
        own(response, recorder)
    }
}

/// Who will see a refusal, and in what form.
struct Asker {
    kind: Kind,
    languages: Option<String>,
}

impl Asker {
    /// Who sent a request that names no origin, or names one by CONNECT.
    fn of_head(fields: &http::HeaderMap) -> Self {
        let kind = if classify::is_browser(fields) { Kind::SubResource } else { Kind::Tool };
        Self { kind, languages: languages(fields) }
    }

    /// Who sent a request.
    fn of_request(request: &Request<'_>) -> Self {
        Self { kind: request.kind, languages: languages(&request.parts.headers) }
    }
}

fn languages(fields: &http::HeaderMap) -> Option<String> {
    field::text(fields, http::header::ACCEPT_LANGUAGE).map(str::to_owned)
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proxy").field("portal", &self.portal.url).finish_non_exhaustive()
    }
}

/// Inside a CONNECT, every request is for the origin that CONNECT named.
fn check_inside(inside: &Destination, uri: &http::Uri) -> Result<Destination, crate::wire::target::Error> {
    match uri.authority() {
        None => Ok(inside.clone()),
        Some(authority) => inside.check_host_field(Some(authority.as_str())).map(|()| inside.clone()),
    }
}

/// An answer of our own, which is recorded when it has been sent.
fn own(response: Response<Body>, mut recorder: Recorder) -> Response<Download> {
    recorder.status = response.status().as_u16();
    response.map(|body| Download::own(body, recorder))
}

/// The status of a tunnel's or an upgrade's answer; its record is kept by whoever moves the bytes.
fn switch(status: StatusCode) -> Response<Download> {
    let mut response = Response::new(Download::none());
    *response.status_mut() = status;
    response
}
