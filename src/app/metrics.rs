//! Figures for whoever watches the program: what was counted, and how things are now, for Prometheus to fetch.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Response, StatusCode};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::clock::{Clock, Timestamp};
use crate::observe::exposition::{Kind, MEDIA_TYPE};
use crate::observe::{Exposition, Metrics};
use crate::portal::RealmParts;
use crate::session::Sessions;
use crate::session::store::Health;
use crate::session::store::measured::RoundTrips;
use crate::wire::{Connections, Limits, serve};

/// Where they are fetched.
const PATH: &str = "/metrics";

/// How many may fetch at the same time.
const MAX_CONNECTIONS: usize = 16;

/// The wait after an accept that failed and could not be helped.
const PAUSE: Duration = Duration::from_millis(100);

/// All that there is to say.
pub(super) struct Figures {
    pub(super) metrics: Arc<Metrics>,
    pub(super) connections: Arc<Connections>,
    pub(super) sessions: Arc<Sessions>,
    pub(super) round_trips: Arc<RoundTrips>,
    pub(super) realms: Vec<RealmParts>,
    pub(super) node: String,
    pub(super) started: Timestamp,
    pub(super) clock: Clock,
}

/// Where they are fetched, taken.
#[derive(Debug)]
pub(super) struct Outlet {
    listener: TcpListener,
}

impl Outlet {
    /// Takes `address`. Needs a Tokio runtime.
    pub(super) fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener: TcpListener::from_std(listener)? })
    }

    /// The address that was taken.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.listener.local_addr().ok()
    }

    /// Gives the figures out until `stop` fires.
    pub(super) async fn run(self, figures: Arc<Figures>, limits: Limits, stop: CancellationToken) {
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = stop.cancelled() => return,
            };
            let Ok((stream, _)) = accepted else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            let (figures, stop) = (Arc::clone(&figures), stop.clone());
            tokio::spawn(async move {
                let answered = serve(stream, None, &limits, &stop, |request| {
                    let response = figures.answer(request.method(), request.uri().path());
                    async move { response }
                });
                // Nobody holds a place by saying nothing.
                drop(tokio::time::timeout(limits.body_idle, answered).await);
                drop(place);
            });
        }
    }
}

impl Figures {
    fn answer(&self, method: &Method, path: &str) -> Response<Body> {
        let (status, text) = match (path, method) {
            (PATH, &Method::GET | &Method::HEAD) => (StatusCode::OK, self.text()),
            (PATH, _) => (StatusCode::METHOD_NOT_ALLOWED, "Only GET is answered here.\n".to_owned()),
            _ => (StatusCode::NOT_FOUND, format!("The figures are at {PATH}.\n")),
        };
        let mut response = Response::new(Body::from(text));
        *response.status_mut() = status;
        let kind = if status == StatusCode::OK { MEDIA_TYPE } else { "text/plain; charset=utf-8" };
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if status == StatusCode::METHOD_NOT_ALLOWED {
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        }
        response
    }

    /// All of them, as Prometheus reads them.
    fn text(&self) -> String {
        let mut to = Exposition::default();
        let now = self.clock.now();
        to.family("vestibule_build_info", Kind::Gauge, "What runs here: always 1.");
        to.sample("", &[("version", env!("CARGO_PKG_VERSION")), ("node", &self.node)], 1);
        to.family("process_start_time_seconds", Kind::Gauge, "When the program was started, since the epoch.");
        to.sample("", &[], self.started.as_second());
        self.metrics.expose(&mut to);
        to.family(
            "vestibule_connections_open",
            Kind::Gauge,
            "Client connections, and streams of those that carry several.",
        );
        to.sample("", &[], self.connections.open());
        to.family("vestibule_sessions", Kind::Gauge, "Sessions, on all nodes that share a store.");
        to.sample("", &[], self.sessions.count());
        self.store(&mut to, now);
        self.realms(&mut to, now);
        to.into_text()
    }

    fn store(&self, to: &mut Exposition, now: Timestamp) {
        let health = self.sessions.health();
        to.family("vestibule_store_healthy", Kind::Gauge, "1 while the session store keeps what it is given, else 0.");
        to.sample("", &[], u8::from(health == Health::Well));
        to.family("vestibule_store_away_seconds", Kind::Gauge, "For how long the session store has not answered.");
        let away = match health {
            Health::Away { since } => now.duration_since(since).as_secs().max(0),
            Health::Well | Health::Forgetful => 0,
        };
        to.sample("", &[], away);
        to.family(
            "vestibule_store_round_trips_total",
            Kind::Counter,
            "What the session store was asked, by what came of it.",
        );
        to.sample("", &[("outcome", "done")], self.round_trips.done());
        to.sample("", &[("outcome", "failed")], self.round_trips.failed());
        to.family(
            "vestibule_store_seconds_total",
            Kind::Counter,
            "How long the answers of the session store took, together.",
        );
        to.sample("", &[], format_args!("{:.6}", self.round_trips.time().as_secs_f64()));
    }

    fn realms(&self, to: &mut Exposition, now: Timestamp) {
        to.family(
            "vestibule_realm_enabled",
            Kind::Gauge,
            "1 if people may sign in to the realm, and its identity provider is known.",
        );
        for parts in &self.realms {
            let enabled = parts.is_on() && parts.identity_provider.current().is_some();
            to.sample("", &[("realm", &parts.realm.name)], u8::from(enabled));
        }
        let help =
            "Until the last signing certificate of the realm's identity provider expires; less than 0 afterwards.";
        to.family("vestibule_idp_certificate_expires_seconds", Kind::Gauge, help);
        for parts in &self.realms {
            let idp = parts.identity_provider.current();
            if let Some(until) = idp.and_then(|idp| idp.good_until()) {
                to.sample("", &[("realm", &parts.realm.name)], until.duration_since(now).as_secs());
            }
        }
    }
}
