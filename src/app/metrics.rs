//! Serves metrics for Prometheus: what was counted, and how things are now.

use axum::body::Body;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Response, StatusCode};

use super::live::Live;
use super::{authority, directory, lists};
use crate::clock::Timestamp;
use crate::observe::Exposition;
use crate::observe::exposition::{Kind, MEDIA_TYPE};
use crate::portal::RealmParts;
use crate::session::store::Health;

/// The path of the metrics.
const PATH: &str = "/metrics";

impl Live {
    /// Answers a request for metrics.
    pub(super) fn figures(&self, method: &Method, path: &str) -> Response<Body> {
        let (status, text) = match (path, method) {
            (PATH, &Method::GET | &Method::HEAD) => (StatusCode::OK, self.figures_text()),
            (PATH, _) => (StatusCode::METHOD_NOT_ALLOWED, "Only GET is answered here.\n".to_owned()),
            _ => (StatusCode::NOT_FOUND, format!("The metrics are at {PATH}.\n")),
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

    /// All metrics, as Prometheus reads them.
    fn figures_text(&self) -> String {
        let mut to = Exposition::default();
        let (memory, edges) = (&self.memory, self.edges());
        let now = memory.clock.now();
        to.family("vestibule_build_info", Kind::Gauge, "The version and the node that run here; always 1.");
        to.sample("", &[("version", env!("CARGO_PKG_VERSION")), ("node", &edges.node)], 1);
        to.family("process_start_time_seconds", Kind::Gauge, "When the program was started, since the epoch.");
        to.sample("", &[], memory.started.as_second());
        memory.log.metrics().expose(&mut to);
        to.family(
            "vestibule_connections_open",
            Kind::Gauge,
            "Open client connections, and open streams of those that carry several.",
        );
        to.sample("", &[], memory.shared.connections.open());
        let help = "Waits of requests and tunnels that go faster than a `bandwidth` allows.";
        to.family("vestibule_paced_waits_total", Kind::Counter, help);
        to.sample("", &[], memory.proxy.paced_waits());
        let help =
            "People, clients and networks that have something left to make up for, or something open, under a `limit`.";
        to.family("vestibule_limit_shares", Kind::Gauge, help);
        to.sample("", &[], memory.proxy.shares());
        to.family("vestibule_sessions", Kind::Gauge, "Sessions, on all nodes that share a store.");
        to.sample("", &[], memory.sessions.count());
        self.store_figures(&mut to, now);
        realms(&edges.realms, &mut to, now);
        authority::expose(&memory.authority, &mut to, now);
        lists::expose(&memory.lists, &mut to, now);
        directory::expose(&memory.directories, &mut to, now);
        to.into_text()
    }

    fn store_figures(&self, to: &mut Exposition, now: Timestamp) {
        let health = self.memory.sessions.health();
        to.family("vestibule_store_healthy", Kind::Gauge, "1 while the session store keeps what it is given, else 0.");
        to.sample("", &[], u8::from(health == Health::Well));
        to.family(
            "vestibule_store_away_seconds",
            Kind::Gauge,
            "For how many seconds the session store has not answered.",
        );
        let away = match health {
            Health::Away { since } => now.duration_since(since).as_secs().max(0),
            Health::Well | Health::Forgetful => 0,
        };
        to.sample("", &[], away);
        to.family(
            "vestibule_store_round_trips_total",
            Kind::Counter,
            "Requests to the session store, by whether they were answered (done) or failed.",
        );
        to.sample("", &[("outcome", "done")], self.memory.round_trips.done());
        to.sample("", &[("outcome", "failed")], self.memory.round_trips.failed());
        to.family(
            "vestibule_store_seconds_total",
            Kind::Counter,
            "Total time that requests to the session store took.",
        );
        to.sample("", &[], format_args!("{:.6}", self.memory.round_trips.time().as_secs_f64()));
    }
}

fn realms(realms: &[RealmParts], to: &mut Exposition, now: Timestamp) {
    to.family(
        "vestibule_realm_enabled",
        Kind::Gauge,
        "1 if people may sign in to the realm and its identity provider is known, else 0.",
    );
    for parts in realms {
        let enabled = parts.is_on() && parts.identity_provider.current().is_some();
        to.sample("", &[("realm", &parts.realm.name)], u8::from(enabled));
    }
    let help =
        "Seconds until the last signing certificate of the realm's identity provider expires; negative afterwards.";
    to.family("vestibule_idp_certificate_expires_seconds", Kind::Gauge, help);
    for parts in realms {
        let idp = parts.identity_provider.current();
        if let Some(until) = idp.and_then(|idp| idp.good_until()) {
            to.sample("", &[("realm", &parts.realm.name)], until.duration_since(now).as_secs());
        }
    }
}
