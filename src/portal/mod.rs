//! The portal: where people sign in, see who they are, and sign out.
//!
//! One origin, served on its own listener and by the proxy to whoever asks for its name. It works without scripts.

mod acs;
mod captive;
mod config;
mod cookie;
mod devices;
mod files;
mod form;
mod guest;
mod identity_provider;
mod landing;
mod logon;
mod operator;
mod proof;
mod renewal;
mod sign_out;
mod slo;
mod straight;
mod switch;
mod terminal;
mod test_sso;
mod test_view;
mod tokens;
mod trust;
mod unsolicited;
mod visit;

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::{get, post};
use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{Request, Response, StatusCode};
use moka::sync::Cache;
use tokio::sync::Semaphore;
use tower::ServiceExt as _;

use crate::clock::{Clock, SignedDuration, after};
use crate::identity::Realm;
use crate::observe::{Audit, Metrics};
use crate::page::{Brand, Curl, Handover, Html, Locales, Nav, Purpose};
use crate::saml::binding::Outgoing;
use crate::saml::config::SLO_PATH;
use crate::saml::{ClaimMap, Mismatch, ServiceProvider};
use crate::seal::Sealer;
use crate::session::limit::Limiter;
use crate::session::names::Addresses;
use crate::session::pending::PendingSignIns;
use crate::session::terminal::Terminals;
use crate::session::ticket::Tickets;
use crate::session::{self, Bindings, Sessions};
use crate::wire::Peer;

pub use config::{Config, Error, Origin};
pub use cookie::SESSION as SESSION_COOKIE;
pub use operator::{LIFETIME as TEST_LINK_LIFETIME, Operators};
pub use switch::Switch;
pub use trust::Trust;

use renewal::Renewals;
use visit::Visit;

/// How long a challenge that was answered is remembered: as long as it is good.
const CHALLENGE: SignedDuration = SignedDuration::from_hours(1);

/// Where terminals ask to be signed in, here and on the proxy's own port.
pub const TERMINAL_PATH: &str = "/terminal";

/// Where operators' links lead.
const TEST_PATH: &str = "/test-sso";

/// How many Responses are verified at the same time: it is work for a processor, and anybody may ask for it.
const VERIFICATIONS: usize = 2;

/// Codes of terminals that one client address may look up in a minute: nobody guesses one.
const CODES_PER_MINUTE: u32 = 30;

/// Terminals that may wait for an answer at the same time.
const WAITING: usize = 2000;

/// What the portal is made of.
#[derive(Clone)]
pub struct Parts {
    /// Who is signed in.
    pub sessions: Arc<Sessions>,
    /// How a session gets to one more origin.
    pub tickets: Arc<Tickets>,
    /// What proxy host names and client certificates stand for.
    pub bindings: Arc<Bindings>,
    /// Where proxy host names are found, if there are any.
    pub names: Option<Addresses>,
    /// Who is at an identity provider.
    pub pending: Arc<PendingSignIns>,
    /// Opens return tokens, and seals what forms and cookies carry.
    pub sealer: Arc<Sealer>,
    /// The realms. The first one gives the example on the logon page.
    pub realms: Vec<RealmParts>,
    /// The certificate of the interception authority.
    pub authority: Certificate,
    /// What tools are known by; none where they are not.
    pub tools: Option<Tools>,
    /// Opens operators' links.
    pub operators: Arc<Operators>,
    /// The look of the pages.
    pub brand: Brand,
    /// What guests agree to before they go on; nothing, if there is none.
    pub guest_terms: Option<String>,
    /// The time.
    pub clock: Clock,
    /// Where it is recorded who signs in.
    pub audit: Arc<Audit>,
    /// Counts sign-ins.
    pub metrics: Arc<Metrics>,
}

/// One realm and how people of it sign in.
#[derive(Clone, Debug)]
pub struct RealmParts {
    /// For which names it answers.
    pub realm: Realm,
    /// Us, as its identity provider knows us.
    pub service_provider: Arc<ServiceProvider>,
    /// Who vouches for its people.
    pub identity_provider: Arc<Trust>,
    /// Which claims say who somebody is.
    pub claims: Arc<ClaimMap>,
    /// What happens when somebody else signs in than was typed.
    pub mismatch: Mismatch,
    /// Whether a sign-in may begin at the identity provider.
    pub idp_initiated: bool,
    /// Whether people may sign in.
    pub switch: Arc<Switch>,
}

impl RealmParts {
    /// Whether people may sign in.
    pub fn is_on(&self) -> bool {
        self.switch.is_on(self.identity_provider.current().as_deref())
    }

    /// Whether a test that is passed would switch it on.
    pub fn waits_for_test(&self) -> bool {
        self.switch.waits_for_test(self.identity_provider.current().as_deref())
    }
}

/// What the portal does for tools that cannot show a page.
#[derive(Clone, Debug)]
pub struct Tools {
    /// What is said about tokens in the configuration.
    pub tokens: session::Tokens,
    /// Terminals that ask to be signed in.
    pub terminals: Arc<Terminals>,
    /// The names of the networks.
    pub networks: Vec<Arc<str>>,
    /// Where tools reach the proxy: `http://host:port`.
    pub proxy: String,
    /// How curl reaches the portal from a terminal.
    pub curl: Curl,
}

/// A certificate in both of its usual forms.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// DER.
    pub der: Bytes,
    /// PEM.
    pub pem: String,
}

/// The portal. Cheap to clone.
#[derive(Clone)]
pub struct Portal {
    shared: Arc<Shared>,
    router: Router,
}

/// What all requests share.
struct Shared {
    config: Config,
    parts: Parts,
    locales: Locales,
    limiter: Limiter,
    renewals: Renewals,
    /// Counts Responses by the pending sign-ins that they belong to.
    answers: Cache<[u8; 16], Arc<AtomicU32>>,
    /// Counts Responses that nobody asked for.
    unsolicited: Limiter,
    /// Challenges that a ticket was issued for while the store was away, by the fingerprints of their return tokens.
    answered: Cache<[u8; 16], ()>,
    verifications: Arc<Semaphore>,
    /// Our metadata for each realm, in the order of the realms; signing them is work.
    metadata: Vec<Option<Bytes>>,
    /// Counts codes of terminals that are looked up.
    codes: Limiter,
    /// Who has been sent straight where.
    straight: straight::Straight,
    /// Places for terminals that wait for an answer.
    waiting: Semaphore,
    /// Turns to verify messages of Single Logout.
    logouts: Arc<Semaphore>,
    authority: files::Authority,
}

impl Portal {
    /// The portal with these settings and parts.
    pub fn new(config: Config, parts: Parts) -> Self {
        let shared = Arc::new(Shared {
            locales: Locales::built_in(),
            answered: Cache::builder().max_capacity(100_000).time_to_live(Duration::from_secs(3600)).build(),
            renewals: Renewals::default(),
            limiter: Limiter::new(config.attempts_per_minute, Duration::from_secs(60)),
            answers: Cache::builder().max_capacity(100_000).time_to_live(Duration::from_secs(3600)).build(),
            unsolicited: Limiter::new(config.attempts_per_minute, Duration::from_secs(60)).of("unsolicited"),
            verifications: Arc::new(Semaphore::new(VERIFICATIONS)),
            metadata: parts.realms.iter().map(files::metadata_of).collect(),
            codes: Limiter::new(CODES_PER_MINUTE, Duration::from_secs(60)),
            straight: straight::Straight::default(),
            waiting: Semaphore::new(WAITING),
            logouts: Arc::new(Semaphore::new(1)),
            authority: files::Authority::read(&parts.authority),
            config,
            parts,
        });
        Self { router: router(&shared), shared }
    }

    /// The portal's own origin, `https://host[:port]`.
    pub fn origin(&self) -> &Origin {
        &self.shared.config.url
    }

    /// Answers a request, in origin-form or absolute-form, that was made to the portal's origin.
    pub async fn handle<B>(&self, request: Request<B>, peer: Arc<Peer>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let mut request = request.map(Body::new);
        let visit = Visit::new(&request, peer);
        request.extensions_mut().insert(visit);
        let answer: Result<_, Infallible> = self.router.clone().oneshot(request).await;
        let Ok(mut response) = answer;
        harden(&mut response);
        response
    }
}

impl Shared {
    /// Where forms that sign people in or out lead in the end.
    fn sign_in_origins(&self) -> Vec<String> {
        let idps = self.parts.realms.iter().filter_map(|realm| realm.identity_provider.current());
        let mut origins: Vec<_> = self.config.sign_in_origins.iter().map(Origin::to_string).collect();
        for idp in idps {
            origins.extend(idp.urls().map(|url| url.origin().ascii_serialization()));
        }
        origins.sort();
        origins.dedup();
        origins
    }

    /// Marks a challenge as answered; false when it was answered before, on whatever node.
    async fn answer(&self, challenge: [u8; 16]) -> bool {
        let expires = after(self.parts.clock.now(), CHALLENGE);
        match self.parts.pending.answer_challenge(challenge, expires).await {
            Ok(first) => first,
            // Nobody can say what other nodes have answered.
            Err(_) => {
                let first = !self.answered.contains_key(&challenge);
                self.answered.insert(challenge, ());
                first
            }
        }
    }
}

impl std::fmt::Debug for Portal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Portal").field("url", &self.shared.config.url).finish_non_exhaustive()
    }
}

fn router(shared: &Arc<Shared>) -> Router {
    let mut router = Router::new()
        .route("/", get(logon::enter))
        .route("/go", get(logon::go))
        .route("/logon", post(logon::submit))
        .route("/again", get(logon::again))
        .route(proof::PATH, get(proof::confirm))
        .route("/me", get(landing::show_page))
        .route("/devices", get(devices::show_page).post(devices::change))
        .route("/devices/new", get(devices::show_set_up))
        .route("/devices/set-up/{system}", get(devices::download))
        .route("/guest", get(guest::show_terms).post(guest::begin))
        .route("/renew", post(renewal::renew_now))
        .route("/sign-out", post(sign_out::sign_out))
        .route("/signed-out", get(sign_out::signed_out))
        .route(SLO_PATH, get(slo::take).post(slo::take))
        .route(TEST_PATH, get(test_sso::show_start).post(test_sso::begin))
        .route("/test-sso/result", get(test_sso::show_result))
        .route("/certificate", get(files::certificate))
        .route("/certificate/authority.pem", get(files::authority_pem))
        .route("/certificate/authority.crt", get(files::authority_der))
        .route("/saml/metadata", get(files::metadata))
        .route("/tokens", get(tokens::list).post(tokens::make))
        .route("/tokens/new", get(tokens::show_new))
        .route("/tokens/revoke", post(tokens::revoke))
        .route("/t/{code}", get(terminal::ask).post(terminal::decide))
        .route(TERMINAL_PATH, get(terminal::begin))
        .route("/terminal/{device_code}", get(terminal::collect))
        .route("/captive", get(captive::state))
        .route("/healthz", get(files::health))
        .route("/robots.txt", get(files::robots));
    for path in acs::paths(&shared.parts.realms) {
        router = router.route(&path, post(acs::accept));
    }
    router.fallback(files::not_found).method_not_allowed_fallback(files::not_found).with_state(Arc::clone(shared))
}

/// The fields that no answer of the portal goes without.
fn harden(response: &mut Response<Body>) {
    let fields = response.headers_mut();
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ] {
        fields.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

/// The pages that a person who is signed in can go to.
fn nav(portal: &Shared) -> Nav {
    Nav { devices: portal.parts.names.is_some(), tools: portal.parts.tools.is_some() }
}

/// A page as an answer.
fn show(status: StatusCode, page: Html) -> Response<Body> {
    page.into_response(status).map(Body::from)
}

/// Sends a SAML message on with the browser.
fn send(portal: &Shared, visit: &Visit, outgoing: Outgoing, purpose: Purpose) -> Response<Body> {
    let form = match outgoing {
        Outgoing::Go(url) => return redirect(StatusCode::SEE_OTHER, url.as_str()),
        Outgoing::Submit(form) => form,
    };
    let page = Handover {
        action: form.action.into(),
        fields: form.fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        origins: portal.sign_in_origins(),
        purpose,
    };
    show(StatusCode::OK, page.render(&portal.parts.brand, visit.locale(portal)))
}

/// Sends the browser on by GET.
fn redirect(status: StatusCode, location: &str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    // An address that no field can hold is one that nobody could have asked for.
    let location = HeaderValue::from_str(location).unwrap_or(HeaderValue::from_static("/"));
    *response.status_mut() = status;
    response.headers_mut().insert(header::LOCATION, location);
    response
}
