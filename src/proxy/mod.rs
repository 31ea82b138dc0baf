//! Takes requests and answers them: identify → decide → act → record.

mod answer;
mod askable;
mod challenge;
mod classify;
mod client;
mod connect;
pub mod dial;
mod exchange;
mod forward;
mod fresh;
mod identify;
mod look;
mod origin_cookie;
mod outgoing;
mod pool;
mod preflight;
mod relay;
pub mod token;
mod trust;
mod watch;

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::header::DATE;
use http::{HeaderValue, Method, Response};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::authority::Authority;
use crate::clock::{self, Clock};
use crate::identity::User;
use crate::observe::{AccessLog, Outcome, Recorder};
use crate::pac::Pac;
use crate::page::{Brand, Locales};
use crate::policy::Policy;
use crate::seal::Sealer;
use crate::session::ticket::Tickets;
use crate::session::{Bindings, Session, Sessions};
use crate::wire::forwarded::{self, ForwardedFor};
use crate::wire::h1::{self, ByteStream, Connection, Fields, HeadError, RequestHead};
use crate::wire::{Destination, Limits, Peer, Pipes, Probe, target};
use answer::Refusal;
use challenge::Bounces;
use classify::Kind;
pub use client::Client;
use dial::{Dialler, OriginTls};
use exchange::Request;
use forward::Forwarder;
use identify::Contradictions;
pub use pool::Pool;
use preflight::Preflights;

/// Serves the portal on a stream whose client has yet to shake hands.
pub type ServePortal = Arc<dyn Fn(Box<dyn ByteStream>, Peer) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// The portal, as the proxy knows it.
pub struct Portal {
    /// Its URL, without a slash at the end.
    pub url: String,
    /// Its origin.
    pub destination: Destination,
    /// Serves it to whoever asks the proxy for its name, so that it needs no DNS and no route of its own.
    pub serve: ServePortal,
}

/// Origin connections that all workers keep: each is a descriptor that nobody uses.
const MAX_KEPT: usize = 1024;

/// What the proxy is made of.
pub struct Parts {
    /// Who is signed in.
    pub sessions: Arc<Sessions>,
    /// Tickets on their way.
    pub tickets: Arc<Tickets>,
    /// What proxy host names and client certificates stand for.
    pub bindings: Arc<Bindings>,
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
    /// What origins are told about the client's address.
    pub forwarded_for: ForwardedFor,
    /// Addresses that browsers and systems ask to find out whether there is a captive portal.
    pub probes: Vec<Probe>,
    /// Which destinations browsers reach without us.
    pub pac: Arc<ArcSwap<Pac>>,
    /// Whether guests must agree to something before they go on.
    pub guests_agree: bool,
    /// The time.
    pub clock: Clock,
    /// What tools are known by; none where they are not.
    pub tokens: Option<token::Parts>,
    /// Fires when exchanges under way are to be the last.
    pub finish: CancellationToken,
    /// What goes on after an answer: tunnels, intercepted connections.
    pub tasks: TaskTracker,
}

/// The proxy, as configured.
pub struct Proxy {
    sessions: Arc<Sessions>,
    tickets: Arc<Tickets>,
    bindings: Arc<Bindings>,
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
    looks: look::Looks,
    preflights: Preflights,
    contradictions: Contradictions,
    tokens: Option<token::Tokens>,
    pools: Mutex<Vec<Weak<Pool>>>,
    limits: Limits,
    forwarded_for: ForwardedFor,
    probes: Vec<Probe>,
    pac: Arc<ArcSwap<Pac>>,
    /// Stands for everybody at a listener for guests, where nobody is asked anything.
    guest: Option<Arc<Session>>,
    clock: Clock,
    finish: CancellationToken,
    tasks: TaskTracker,
}

impl Proxy {
    /// A proxy made of `parts`.
    pub fn new(parts: Parts) -> Self {
        let pipes = Pipes::for_connections(parts.limits.connections);
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
            forwarder: Forwarder {
                dialler: parts.dialler,
                tls: parts.tls,
                limits: parts.limits,
                via,
                pipes: pipes.clone(),
            },
            pipes,
            bounces: Bounces::default(),
            looks: look::Looks::default(),
            preflights: Preflights::new(&parts.limits, parts.clock.now()),
            contradictions: Contradictions::default(),
            tokens: parts.tokens.map(token::Tokens::new),
            pools: Mutex::default(),
            limits: parts.limits,
            forwarded_for: parts.forwarded_for,
            probes: parts.probes,
            pac: parts.pac,
            guest: (!parts.guests_agree)
                .then(|| Arc::new(Session::standing(User::guest(String::new()), parts.clock.now()))),
            clock: parts.clock,
            finish: parts.finish,
            tasks: parts.tasks,
        }
    }

    /// A pool of origin connections for one worker: connections belong to the thread that waits for them.
    pub fn pool(&self) -> Arc<Pool> {
        let bounds = pool::Bounds {
            per_origin: self.limits.origin_idle_connections,
            in_all: MAX_KEPT / self.limits.workers.max(1),
            idle: self.limits.origin_idle,
        };
        let pool = Arc::new(Pool::new(bounds));
        self.pools.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&pool));
        pool
    }

    /// Answers one request. Gives the connection back when another may follow.
    pub async fn handle(
        self: &Arc<Self>,
        client: &Arc<Client>,
        connection: Connection,
        head: Result<RequestHead, HeadError>,
    ) -> Option<Connection> {
        let recorder = self.log.begin(&client.peer, head.as_ref().ok().map(|head| &head.method));
        let head = match head {
            Ok(head) => head,
            Err(error) => return self.refuse(connection, None, &Refusal::Head(error), &Asker::TOOL, recorder).await,
        };
        if head.method == Method::CONNECT {
            return self.connect(client, connection, head, recorder).await;
        }
        let destination = match &client.inside {
            Some(inside) => check_inside(inside, &head),
            None => Destination::of_absolute_form(&head.target).map(Arc::new),
        };
        match destination {
            Ok(destination) => self.exchange(client, connection, head, destination, recorder).await,
            Err(error) => {
                let mut asker = Asker::of_head(&head.fields);
                if classify::is_navigation(&head.fields) {
                    asker.kind = Kind::Navigation;
                }
                self.refuse(connection, Some(&head), &Refusal::BadTarget(error), &asker, recorder).await
            }
        }
    }

    /// Refuses a request of somebody who speaks for others and does not say for whom, or for whom there is no room.
    pub async fn refuse_unnamed(
        &self,
        client: &Client,
        connection: Connection,
        head: &RequestHead,
        error: forwarded::Error,
    ) -> Option<Connection> {
        let recorder = self.log.begin(&client.peer, Some(&head.method));
        let asker = Asker::of_head(&head.fields);
        self.refuse(connection, Some(head), &Refusal::Unnamed(error), &asker, recorder).await
    }

    /// Forgets what has been kept for too long.
    pub fn sweep(&self) {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        pools.retain(|pool| {
            pool.upgrade().is_some_and(|pool| {
                pool.sweep();
                true
            })
        });
    }

    /// Sends an answer of our own, and records it.
    pub async fn reply(
        &self,
        connection: Connection,
        head: Option<&RequestHead>,
        mut response: Response<Bytes>,
        mut recorder: Recorder,
    ) -> Option<Connection> {
        let mut connection = connection;
        recorder.status = response.status().as_u16();
        if let Ok(date) = HeaderValue::try_from(clock::http_date(self.clock.now())) {
            response.headers_mut().insert(DATE, date);
        }
        let Ok(keeps) = h1::answer(&mut connection, head, &response, &self.limits).await else {
            recorder.reason = recorder.reason.or(Some("client-left"));
            return None;
        };
        if head.is_none_or(|head| head.method != Method::HEAD) {
            recorder.bytes_out = response.body().len() as u64;
        }
        // What the client may still send is not part of it.
        drop(recorder);
        h1::settle(connection, head, keeps, &self.limits).await
    }

    /// Answers a refused request and records why.
    async fn refuse(
        &self,
        connection: Connection,
        head: Option<&RequestHead>,
        refusal: &Refusal,
        asker: &Asker,
        mut recorder: Recorder,
    ) -> Option<Connection> {
        recorder.reason = recorder.reason.or(Some(refusal.error_type()));
        recorder.decision = match refusal {
            Refusal::Denied(_) | Refusal::SignInRequired | Refusal::SignInAgain | Refusal::ToolUnknown(_) => {
                Outcome::Denied
            }
            Refusal::Origin(forward::Failure::Dial(
                dial::Error::Prohibited(_) | dial::Error::OwnMachine(_) | dial::Error::Port(_),
            )) => Outcome::Denied,
            Refusal::Origin(_) => Outcome::Permitted,
            Refusal::CookiesBlocked(_) | Refusal::Absent(_) => Outcome::Challenged,
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
            portal: &self.portal.url,
            curl: self.tokens.as_ref().map(|tokens| &tokens.parts.curl),
        };
        let locale = self.locales.negotiate(asker.languages.as_deref());
        let response = refused.render(&self.brand, locale);
        self.reply(connection, head, response, recorder).await
    }
}

/// Who will see a refusal, and in what form.
struct Asker {
    kind: Kind,
    languages: Option<String>,
}

impl Asker {
    /// Whoever sent what could not be read.
    const TOOL: Self = Self { kind: Kind::Tool, languages: None };

    /// Who sent a request that names no origin, or names one by CONNECT.
    fn of_head(fields: &Fields) -> Self {
        let kind = if classify::is_browser(fields) { Kind::SubResource } else { Kind::Tool };
        Self { kind, languages: languages(fields) }
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

/// Inside a CONNECT, every request is for the origin that CONNECT named.
fn check_inside(inside: &Arc<Destination>, head: &RequestHead) -> Result<Arc<Destination>, target::Error> {
    match head.target.authority() {
        None => Ok(Arc::clone(inside)),
        Some(authority) => inside.check_host_field(authority).map(|()| Arc::clone(inside)),
    }
}
