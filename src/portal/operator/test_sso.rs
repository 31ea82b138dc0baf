//! Test SSO: an operator runs a sign-in that signs nobody in, and sees every step of it.
//!
//! The link that the command makes works once. The browser that has used it may test that realm for an hour.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use http::{Request, Response, StatusCode};
use serde::{Deserialize, Serialize};

use super::test_view;
use crate::clock::{SignedDuration, after};
use crate::observe::audit::{Entry, What};
use crate::page::{Purpose, TestResult, TestStart, Trouble};
use crate::portal::cookie::{self, SameSite};
use crate::portal::form::{self, Token};
use crate::portal::verify::{self, Refusal};
use crate::portal::visit::with_parameters;
use crate::portal::{RealmParts, Shared, Visit, fail, redirect, send, show};
use crate::saml::IdentityProvider;
use crate::saml::request::{self, Ask};
use crate::saml::trial::{self, Report};
use crate::seal::{fingerprint, random_text};
use crate::session::pending::{Pending, PendingSignIns};

type Portal = State<Arc<Shared>>;

/// How long a browser that has used a link may test.
const LIFETIME: SignedDuration = SignedDuration::from_hours(1);

const PURPOSE: &str = "operator";
const RESULT_PATH: &str = "/test-sso/result";

/// The result of a test, as the store keeps it.
#[derive(Serialize, Deserialize)]
struct Kept {
    realm: String,
    request: Option<String>,
    report: Report,
    /// Whether the test has switched the realm on.
    switched_on: bool,
}

/// `GET /test-sso`: says what will happen, and does nothing yet, so that looking at a link does not use it up.
pub(in crate::portal) async fn show_start(State(portal): Portal, Extension(visit): Extension<Visit>) -> Response<Body> {
    let now = portal.parts.clock.now();
    let link = visit.parameter("t").and_then(|token| portal.parts.operators.read(token, now).ok());
    let realm = link.map(|link| link.realm).or_else(|| allowed(&portal, &visit));
    let Some(realm) = realm.and_then(|realm| find(&portal, &realm)) else { return no_link(&portal, &visit) };
    let idp = match realm.identity_provider.known() {
        Ok(idp) => idp,
        Err(missing) => return no_provider(&portal, &visit, realm, Trouble::ProviderUnknown, &missing),
    };
    let token = Token::issue(&portal, &visit);
    let page = TestStart {
        realm: realm.realm.name.clone(),
        entity_id: realm.service_provider.entity_id.clone(),
        acs_url: realm.service_provider.acs_url.clone(),
        issuer: idp.entity_id().to_owned(),
        waits_for_test: realm.waits_for_test(),
        link: visit.parameter("t").map(str::to_owned),
        csrf: token.text.clone(),
        identity_providers: portal.sign_in_origins(),
    };
    token.show(StatusCode::OK, page.render(&portal.parts.brand, visit.locale(&portal)))
}

/// `POST /test-sso`: begins the test.
pub(in crate::portal) async fn begin(
    State(portal): Portal,
    Extension(visit): Extension<Visit>,
    request: Request<Body>,
) -> Response<Body> {
    let form = match form::take(&portal, &visit, request).await {
        Ok(form) => form,
        Err(response) => return response,
    };
    let realm = match form.value("t") {
        Some(token) => redeem(&portal, token).await,
        None => allowed(&portal, &visit),
    };
    let Some(realm) = realm.and_then(|realm| find(&portal, &realm)) else { return no_link(&portal, &visit) };
    let mut response = ask(&portal, &visit, realm).await;
    let until = after(portal.parts.clock.now(), LIFETIME);
    let operator = portal.parts.sealer.seal(PURPOSE, &realm.realm.name, until);
    cookie::set(&mut response, cookie::OPERATOR, &operator, SameSite::Lax, Some(LIFETIME));
    response
}

/// `GET /test-sso/result`.
pub(in crate::portal) async fn show_result(
    State(portal): Portal,
    Extension(visit): Extension<Visit>,
) -> Response<Body> {
    let kept = match visit.parameter("id") {
        Some(id) => portal.parts.pending.kept(id).await.unwrap_or_default(),
        None => None,
    };
    let kept: Option<Kept> = kept.and_then(|kept| serde_json::from_slice(&kept).ok());
    let own = allowed(&portal, &visit);
    let Some(kept) = kept.filter(|kept| Some(&kept.realm) == own.as_ref()) else { return no_link(&portal, &visit) };
    let Some(realm) = find(&portal, &kept.realm) else { return no_link(&portal, &visit) };
    let token = Token::issue(&portal, &visit);
    let page = TestResult {
        realm: kept.realm,
        entity_id: realm.service_provider.entity_id.clone(),
        acs_url: realm.service_provider.acs_url.clone(),
        request: kept.request,
        report: test_view::of(kept.report),
        switched_on: kept.switched_on,
        csrf: token.text.clone(),
        identity_providers: portal.sign_in_origins(),
    };
    token.show(StatusCode::OK, page.render(&portal.parts.brand, visit.locale(&portal)))
}

/// Takes the Response to a test: runs the checks, keeps the result, and shows it. Signs nobody in.
pub(in crate::portal) async fn finish(
    portal: &Arc<Shared>,
    visit: &Visit,
    realm: &RealmParts,
    (id, pending): (&str, &Pending),
    message: &str,
) -> Result<Response<Body>, Refusal> {
    let consumed = portal.parts.pending.consume(id).await.map_err(|_| Refusal::Busy)?;
    consumed.ok_or(Refusal::Spent)?;
    let idp = realm.identity_provider.known()?;
    let mut tested = Arc::clone(&idp);
    let mut report = tried(portal, visit, realm, idp, pending, message).await?;
    if !report.strangers.is_empty()
        && let Some(current) = realm.identity_provider.current()
        && let Some(newer) = realm.identity_provider.renewed(&current).await
    {
        tested = Arc::clone(&newer);
        report = tried(portal, visit, realm, newer, pending, message).await?;
    }
    let mut switched_on = false;
    if report.passed && realm.switch.waits_for_test(Some(&tested)) {
        match realm.switch.pass(&tested) {
            Ok(()) => switched_on = true,
            Err(error) => {
                tracing::error!(realm = pending.realm, %error, "the passed test cannot be recorded in the state folder: people can sign in to the realm until the program ends, and not after a restart");
            }
        }
    }
    tracing::info!(
        realm = pending.realm,
        passed = report.passed,
        switched_on,
        client = %visit.peer.client.ip(),
        request_id = visit.request_id,
        "an operator has tested the sign-in to a realm"
    );
    let outcome = match (report.passed, switched_on) {
        (false, _) => "failed",
        (true, false) => "passed",
        (true, true) => "passed: the realm is switched on",
    };
    let entry = Entry { realm: Some(&pending.realm), outcome: Some(outcome), ..visit.audit_entry() };
    portal.parts.audit.record(What::SignInTested, entry);
    let kept = Kept { realm: pending.realm.clone(), request: pending.test.clone(), report, switched_on };
    let kept = serde_json::to_vec(&kept).unwrap_or_default();
    portal.parts.pending.keep(id, kept).await.map_err(|_| Refusal::Busy)?;
    let mut response = redirect(StatusCode::SEE_OTHER, &with_parameters(RESULT_PATH, &[("id", id)]));
    cookie::remove(&mut response, &cookie::pending(id));
    Ok(response)
}

async fn tried(
    portal: &Shared,
    visit: &Visit,
    realm: &RealmParts,
    idp: Arc<IdentityProvider>,
    pending: &Pending,
    message: &str,
) -> Result<Report, Refusal> {
    let (message, claims) = (message.to_owned(), Arc::clone(&realm.claims));
    verify::in_turn(portal, visit, realm, idp, Some(pending), move |expected, now| {
        trial::run(&message, expected, &claims, now)
    })
    .await
}

/// Sends the browser to the identity provider as for a sign-in, but without a name.
async fn ask(portal: &Shared, visit: &Visit, realm: &RealmParts) -> Response<Body> {
    let (id, secret, now) = (PendingSignIns::fresh_id(), random_text(), portal.parts.clock.now());
    let idp = match realm.identity_provider.known() {
        Ok(idp) => idp,
        Err(missing) => return no_provider(portal, visit, realm, Trouble::ProviderUnknown, &missing),
    };
    let ask = Ask { relay_state: &id, login_hint: None, passive: false, force: false, ways: &[] };
    let request = match request::build(&realm.service_provider, &idp, &ask, now) {
        Ok(request) => request,
        Err(error) => return no_provider(portal, visit, realm, Trouble::Misconfigured, &error),
    };
    let pending = Pending {
        renews: false,
        proves: None,
        realm: realm.realm.name.clone(),
        request_id: request.id,
        issued: now,
        typed: String::new(),
        returning: None,
        browser: fingerprint(&secret),
        test: Some(trial::request(&request.outgoing).unwrap_or_default()),
        ways: Vec::new(),
    };
    if portal.parts.pending.remember(&id, &pending).await.is_err() {
        return fail(portal, visit, StatusCode::SERVICE_UNAVAILABLE, Trouble::Busy);
    }
    let mut response = send(portal, visit, request.outgoing, Purpose::SignIn);
    cookie::set(&mut response, &cookie::pending(&id), &secret, SameSite::None, Some(portal.parts.pending.lifetime()));
    response
}

/// Uses a link up, and gives its realm; `None` if it has been used before.
async fn redeem(portal: &Shared, token: &str) -> Option<String> {
    let now = portal.parts.clock.now();
    let link = portal.parts.operators.read(token, now).ok()?;
    let until = after(now, super::LIFETIME);
    let first = portal.parts.pending.use_assertion(PURPOSE, &link.once, until).await;
    first.unwrap_or_default().then_some(link.realm)
}

/// The realm that this browser may test.
fn allowed(portal: &Shared, visit: &Visit) -> Option<String> {
    portal.parts.sealer.open(PURPOSE, visit.cookie(cookie::OPERATOR)?, portal.parts.clock.now()).ok()
}

fn find<'a>(portal: &'a Shared, realm: &str) -> Option<&'a RealmParts> {
    portal.parts.realms.iter().find(|parts| parts.realm.name == realm)
}

fn no_link(portal: &Shared, visit: &Visit) -> Response<Body> {
    fail(portal, visit, StatusCode::FORBIDDEN, Trouble::TestLink)
}

/// Whoever tests is an operator: they are told what is wrong in the words of the log.
fn no_provider(
    portal: &Shared,
    visit: &Visit,
    realm: &RealmParts,
    trouble: Trouble,
    error: &dyn std::error::Error,
) -> Response<Body> {
    tracing::warn!(
        realm = realm.realm.name,
        %error,
        request_id = visit.request_id,
        "the sign-in cannot be tested: nobody can be sent to the identity provider"
    );
    let mut page = visit.trouble(trouble, None);
    page.said = Some(error.to_string());
    show(StatusCode::SERVICE_UNAVAILABLE, page.render(&portal.parts.brand, visit.locale(portal)))
}
