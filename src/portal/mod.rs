//! The portal: here people sign in, see as whom they are signed in, and sign out.
//!
//! It is one origin, served on its own listener, and also through the proxy to clients that ask for its name. Its pages
//! work without scripts.

mod account;
mod captive;
mod config;
mod cookie;
mod doorbell;
mod files;
mod form;
mod memory;
mod onward;
mod opening;
mod operator;
mod refused;
mod sign_in;
mod sign_out;
mod signals;
mod switch;
mod trust;
mod verify;
mod visit;

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::routing::{get, post};
use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{Request, Response, StatusCode};
use tower::ServiceExt as _;

use crate::authority::Authority;
use crate::clock::{Clock, SignedDuration, after};
use crate::directory::Directories;
use crate::egress::client::Client;
use crate::identity::Realm;
use crate::observe::{Audit, Metrics};
use crate::page::{Brand, Curl, Handover, Html, Locales, Nav, Purpose, Trouble};
use crate::policy::Policy;
use crate::saml::binding::Outgoing;
use crate::saml::config::SLO_PATH;
use crate::saml::{ClaimMap, Mismatch, ServiceProvider};
use crate::seal::Sealer;
use crate::session::appeal::REVIEW_PATH;
use crate::session::names::Addresses;
use crate::session::pending::PendingSignIns;
use crate::session::returning::RESERVED_PATH;
use crate::session::terminal::Terminals;
use crate::session::ticket::Tickets;
use crate::session::{self, Bindings, Sessions};
use crate::wire::Peer;

pub use config::{Config, Error, Origin};
pub use cookie::SESSION as SESSION_COOKIE;
pub use doorbell::Notified;
pub use memory::Memory;
pub use operator::{LIFETIME as TEST_LINK_LIFETIME, Operators, consent};
pub use refused::hook::Hook;
pub use signals::{Delivered, Delivering, TakeSignal};
pub use switch::Switch;
pub use trust::{Missing, Trust};

use account::{devices, landing, terminal, tokens};
use operator::test_sso;
use refused::{barrier, review};
use sign_in::{acs, entrance, guest, logon, proof, renewal};
use sign_out::slo;
use visit::Visit;

/// How long the portal remembers that a challenge was answered: as long as the challenge is valid.
const CHALLENGE: SignedDuration = SignedDuration::from_hours(1);

/// The path at which terminals ask to be signed in, here and on the proxy's own port.
pub const TERMINAL_PATH: &str = "/terminal";

/// The path to which operators' links lead.
const TEST_PATH: &str = "/test-sso";

/// The paths of the portal's own pages, besides those below [`RESERVED_PATH`]. `{}` stands for one part of a path.
const OWN_PATHS: [&str; 34] = [
    "/",
    "/go",
    "/logon",
    "/again",
    proof::PATH,
    "/me",
    "/devices",
    "/devices/new",
    "/devices/set-up/{}",
    "/guest",
    "/rule/{}",
    REVIEW_PATH,
    "/renew",
    "/sign-out",
    "/signed-out",
    SLO_PATH,
    TEST_PATH,
    "/test-sso/result",
    "/certificate",
    "/certificate/authority.pem",
    "/certificate/authority.crt",
    "/certificate/authority.mobileconfig",
    "/saml/metadata",
    "/tokens",
    "/tokens/new",
    "/tokens/revoke",
    "/t/{}",
    TERMINAL_PATH,
    "/terminal/{}",
    "/signals/{}",
    "/graph/{}",
    consent::PATH,
    "/captive",
    "/healthz",
];
/// Paths that others ask for by convention.
const CONVENTIONAL_PATHS: [&str; 3] = ["/robots.txt", "/favicon.ico", "/readyz"];

/// Whether a page of the portal's own is there, so that Responses cannot be taken there.
pub fn is_own_path(path: &str) -> bool {
    let is_it = |own: &str| {
        own.split('/').count() == path.split('/').count()
            && own.split('/').zip(path.split('/')).all(|(own, asked)| own == "{}" || own == asked)
    };
    path.starts_with(RESERVED_PATH) || OWN_PATHS.iter().chain(&CONVENTIONAL_PATHS).any(|own| is_it(own))
}

/// What the portal is made of.
#[derive(Clone)]
pub struct Parts {
    /// Who is signed in.
    pub sessions: Arc<Sessions>,
    /// Issues tickets, which carry a session to one more origin.
    pub tickets: Arc<Tickets>,
    /// What proxy host names and client certificates stand for.
    pub bindings: Arc<Bindings>,
    /// The addresses of proxy host names, if there are any.
    pub names: Option<Addresses>,
    /// The pending sign-ins.
    pub pending: Arc<PendingSignIns>,
    /// Opens return tokens, and seals what forms and cookies carry.
    pub sealer: Arc<Sealer>,
    /// The realms. The example on the logon page is of the first one.
    pub realms: Vec<RealmParts>,
    /// The interception authority, whose certificates people get here.
    pub authority: Arc<Authority>,
    /// What the portal needs for tokens; `None` if no tokens are offered.
    pub tools: Option<Tools>,
    /// Opens operators' links.
    pub operators: Arc<Operators>,
    /// The rules, of which some put something before a site.
    pub policy: Arc<Policy>,
    /// What is told when somebody asks for a review, if the portal takes such questions; and how.
    pub hook: Option<(Hook, Client)>,
    /// Has a directory, by its name, asked what has changed.
    pub ring: Option<Ring>,
    /// Takes notifications of Microsoft Graph.
    pub notified: Option<Notified>,
    /// Takes signals, if any are expected.
    pub signals: Option<TakeSignal>,
    /// The look of the pages.
    pub brand: Brand,
    /// The terms to which guests must agree, if there are any.
    pub guest_terms: Option<String>,
    /// The ways of signing in that rules want (AuthnContextClassRef).
    pub ways: Vec<String>,
    /// What is known of people besides what their assertions say.
    pub directories: Arc<Directories>,
    /// The time.
    pub clock: Clock,
    /// The audit log.
    pub audit: Arc<Audit>,
    /// Counts sign-ins.
    pub metrics: Arc<Metrics>,
}

/// Has a directory, by its name, asked what has changed.
pub type Ring = Arc<dyn Fn(&str) + Send + Sync>;

/// One realm, and how its people sign in.
#[derive(Clone, Debug)]
pub struct RealmParts {
    /// The realm: for which names it is responsible.
    pub realm: Realm,
    /// The service provider, which is us, as its identity provider knows it.
    pub service_provider: Arc<ServiceProvider>,
    /// Holds its identity provider.
    pub identity_provider: Arc<Trust>,
    /// Which claims say who a person is.
    pub claims: Arc<ClaimMap>,
    /// What happens when another person signs in than the one whose name was typed.
    pub mismatch: Mismatch,
    /// Whether a sign-in may begin at the identity provider.
    pub idp_initiated: bool,
    /// Whether people may sign in to it.
    pub switch: Arc<Switch>,
}

impl RealmParts {
    /// Whether people may sign in to it.
    pub fn is_on(&self) -> bool {
        self.switch.is_on(self.identity_provider.current().as_deref())
    }

    /// Whether passing a test would switch it on.
    pub fn waits_for_test(&self) -> bool {
        self.switch.waits_for_test(self.identity_provider.current().as_deref())
    }
}

/// What the portal needs for tools that cannot show a page.
#[derive(Clone, Debug)]
pub struct Tools {
    /// The configuration of tokens.
    pub tokens: session::Tokens,
    /// Terminals that ask to be signed in.
    pub terminals: Arc<Terminals>,
    /// The names of the networks.
    pub networks: Vec<Arc<str>>,
    /// The proxy's address for tools: `http://host:port` or `https://host:port`.
    pub proxy: String,
    /// How curl reaches the portal from a terminal.
    pub curl: Curl,
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
    memory: Arc<Memory>,
    /// Our metadata for each realm, in the order of the realms. Made once, because signing them costs work.
    metadata: Vec<Option<Bytes>>,
}

impl Portal {
    /// A portal with these settings and parts, which goes on from what earlier ones have left in `memory`.
    pub fn new(config: Config, parts: Parts, memory: Arc<Memory>) -> Self {
        memory.limiter.hold_to(config.attempts_per_minute);
        memory.unsolicited.hold_to(config.attempts_per_minute);
        let shared = Arc::new(Shared {
            locales: Locales::built_in(),
            metadata: parts.realms.iter().map(files::metadata_of).collect(),
            config,
            parts,
            memory,
        });
        Self { router: router(&shared), shared }
    }

    /// The portal's own origin, `https://host[:port]`.
    pub fn origin(&self) -> &Origin {
        &self.shared.config.url
    }

    /// Answers a request to the portal's origin, whose target may have origin-form or absolute-form.
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
    /// The origins to which forms that sign people in or out may lead in the end.
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

    /// Marks a challenge as answered. False if it was answered before, on any node.
    async fn answer(&self, challenge: [u8; 16]) -> bool {
        let expires = after(self.parts.clock.now(), CHALLENGE);
        match self.parts.pending.answer_challenge(challenge, expires).await {
            Ok(first) => first,
            // The store does not answer, so only what this node has answered is known.
            Err(_) => {
                let first = !self.memory.answered.contains_key(&challenge);
                self.memory.answered.insert(challenge, ());
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
        .route("/", get(entrance::enter))
        .route("/go", get(entrance::go))
        .route("/logon", post(logon::submit))
        .route("/again", get(entrance::again))
        .route(proof::PATH, get(proof::confirm))
        .route("/me", get(landing::show_page))
        .route("/devices", get(devices::show_page).post(devices::change))
        .route("/devices/new", get(devices::show_set_up))
        .route("/devices/set-up/{system}", get(devices::download))
        .route("/guest", get(guest::show_terms).post(guest::begin))
        .route("/rule/{key}", get(barrier::show_page).post(barrier::pass))
        .route(REVIEW_PATH, get(review::show_page).post(review::ask))
        .route("/renew", post(renewal::renew_now))
        .route("/sign-out", post(sign_out::sign_out))
        .route("/signed-out", get(sign_out::signed_out))
        .route(SLO_PATH, get(slo::take).post(slo::take))
        .route(TEST_PATH, get(test_sso::show_start).post(test_sso::begin))
        .route("/test-sso/result", get(test_sso::show_result))
        .route("/certificate", get(files::certificate))
        .route("/certificate/authority.pem", get(files::authority_pem))
        .route("/certificate/authority.crt", get(files::authority_der))
        .route("/certificate/authority.mobileconfig", get(files::authority_profile))
        .route("/saml/metadata", get(files::metadata))
        .route("/tokens", get(tokens::list).post(tokens::make))
        .route("/tokens/new", get(tokens::show_new))
        .route("/tokens/revoke", post(tokens::revoke))
        .route("/t/{code}", get(terminal::ask).post(terminal::decide))
        .route(TERMINAL_PATH, get(terminal::begin))
        .route("/terminal/{device_code}", get(terminal::collect))
        .route(consent::PATH, get(consent::show_page))
        .route(doorbell::PATH, post(doorbell::take))
        .route(signals::PATH, post(signals::take))
        .route("/captive", get(captive::state))
        .route("/healthz", get(files::health))
        .route("/robots.txt", get(files::robots));
    for path in acs::paths(&shared.parts.realms) {
        router = router.route(&path, post(acs::accept));
    }
    router.fallback(files::not_found).method_not_allowed_fallback(files::not_found).with_state(Arc::clone(shared))
}

/// Adds the fields that every answer of the portal has.
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

/// The pages to which a signed-in person can go.
fn nav(portal: &Shared) -> Nav {
    Nav { devices: portal.parts.names.is_some(), tools: portal.parts.tools.is_some() }
}

/// A page as an answer.
fn show(status: StatusCode, page: Html) -> Response<Body> {
    page.into_response(status).map(Body::from)
}

/// The page that says why something could not be done.
fn fail(portal: &Shared, visit: &Visit, status: StatusCode, trouble: Trouble) -> Response<Body> {
    show(status, visit.trouble(trouble, None).render(&portal.parts.brand, visit.locale(portal)))
}

/// Has the browser carry a SAML message.
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

/// A redirect.
fn redirect(status: StatusCode, location: &str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    // An address that cannot stand in a field cannot have been asked for either.
    let location = HeaderValue::from_str(location).unwrap_or(HeaderValue::from_static("/"));
    *response.status_mut() = status;
    response.headers_mut().insert(header::LOCATION, location);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_page_of_the_portal_is_known_as_one_and_no_other_path_is() {
        let text = include_str!("mod.rs");
        let router = text.split_once("fn router(").unwrap().1.split_once("for path in acs::paths").unwrap().0;
        let mut count = 0;
        for route in router.split(".route(").skip(1) {
            count += 1;
            let Some(literal) = route.strip_prefix('"').and_then(|rest| rest.split('"').next()) else { continue };
            assert!(is_own_path(&literal.replace(['{', '}'], "x")), "{literal}");
        }
        assert_eq!(count, OWN_PATHS.len() + 1, "robots.txt is one by convention");
        for named in [
            proof::PATH,
            SLO_PATH,
            TEST_PATH,
            TERMINAL_PATH,
            "/.well-known/vestibule/arrive",
            "/t/ABC",
            "/rule/0f",
            REVIEW_PATH,
        ] {
            assert!(is_own_path(named), "{named}");
        }
        for free in
            ["/saml/acs", "/sso", "/t/a/b", "/logon/", "/Logon", "/simplesaml/module.php/saml/sp/saml2-acs.php/x"]
        {
            assert!(!is_own_path(free), "{free}");
        }
    }
}
