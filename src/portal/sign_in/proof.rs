//! Has signed-in people prove once more who they are (ForceAuthn, SAML Core §3.4.1), if a rule wants a proof that is
//! younger than theirs. Their session goes on meanwhile, and afterwards.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use http::{Response, StatusCode};

use super::asking::{self, Asking};
use crate::clock::{SignedDuration, after};
use crate::identity::{LogonName, User};
use crate::page::Trouble;
use crate::portal::verify::Refusal;
use crate::portal::visit::{entrance, with_parameters};
use crate::portal::{Shared, Visit, onward, redirect, show};
use crate::saml::response::Accepted;
use crate::session::pending::Pending;
use crate::session::returning::Return;
use crate::session::{AssertionFacts, Session, SessionId};

/// The path that people open themselves, because a program of theirs was told that they should.
pub(in crate::portal) const PATH: &str = "/confirm";

/// `GET /confirm`. Each `way` of the query is a way of signing in that a rule takes.
pub(in crate::portal) async fn confirm(
    State(portal): State<Arc<Shared>>,
    Extension(visit): Extension<Visit>,
) -> Response<Body> {
    match visit.session(&portal).await {
        Some(session) => {
            // Only what a rule wants, or anybody's link could have people sign in in a way that nobody wants.
            let wanted = |way: &&str| portal.parts.ways.iter().any(|own| own == way);
            let ways = visit.parameters("way").filter(wanted).map(str::to_owned).collect();
            ask(&portal, &visit, &session, None, ways).await
        }
        None => redirect(StatusCode::FOUND, "/"),
    }
}

/// Asks for a proof if the challenge that `token` holds wants a younger one than there is.
pub(in crate::portal) async fn ask_for(
    portal: &Shared,
    visit: &Visit,
    session: &Session,
    token: Option<&str>,
) -> Option<Response<Body>> {
    let now = portal.parts.clock.now();
    let challenge = Return::open(&portal.parts.sealer, token?, now).ok()?;
    let within = challenge.within.map(SignedDuration::from_secs);
    let is_enough = |session: &Session| {
        let is_young = within.is_none_or(|within| after(session.authenticated, within) >= now);
        let is_way = |way: &String| challenge.ways.contains(way);
        is_young && (challenge.ways.is_empty() || session.assertion.way.as_ref().is_some_and(is_way))
    };
    if is_enough(session) || portal.parts.sessions.reread(session.id).await.is_some_and(|session| is_enough(&session)) {
        return None;
    }
    Some(ask(portal, visit, session, token, challenge.ways).await)
}

async fn ask(
    portal: &Shared,
    visit: &Visit,
    session: &Session,
    returning: Option<&str>,
    ways: Vec<String>,
) -> Response<Body> {
    if session.user.is_guest() {
        let mut parameters = vec![("account", "1")];
        parameters.extend(returning.map(|token| ("r", token)));
        return redirect(StatusCode::SEE_OTHER, &with_parameters("/", &parameters));
    }
    let realms = &portal.parts.realms;
    let realm = realms.iter().find(|parts| parts.realm.name == session.user.realm && parts.is_on());
    let takes = realm.map_or(&[][..], |parts| &parts.service_provider.requests.authn_context);
    // No rule takes anything back from what the realm wants of everybody.
    let possible: Vec<String> = ways.iter().filter(|way| takes.is_empty() || takes.contains(way)).cloned().collect();
    let typed = session.user.upn.as_deref().unwrap_or(&session.user.name);
    if possible.is_empty() && !ways.is_empty() {
        tracing::warn!(
            realm = session.user.realm,
            user = session.user.name,
            ?ways,
            "a rule wants a way of signing in that the person's realm does not take (`authn_context` of both): they are refused"
        );
        let page = visit.trouble(Trouble::ProviderFailed, returning);
        return show(StatusCode::FORBIDDEN, page.render(&portal.parts.brand, visit.locale(portal)));
    }
    let (Some(realm), Ok(name)) = (realm, LogonName::parse(typed)) else {
        tracing::warn!(
            realm = session.user.realm,
            user = session.user.name,
            "a person cannot prove once more who they are, because their realm is gone or switched off, or their name cannot be used: they are refused"
        );
        let page = visit.trouble(Trouble::ProviderFailed, returning);
        return show(StatusCode::FORBIDDEN, page.render(&portal.parts.brand, visit.locale(portal)));
    };
    if !portal.memory.limiter.admit(visit.peer.client.ip(), &portal.parts.pending).await {
        tracing::warn!(client = %visit.peer.client.ip(), request_id = visit.request_id, "a sign-in was refused, because its client address has begun too many (`attempts_per_minute`)");
        let page = visit.trouble(Trouble::Busy, returning);
        return show(StatusCode::TOO_MANY_REQUESTS, page.render(&portal.parts.brand, visit.locale(portal)));
    }
    let returning = returning.map(str::to_owned);
    let asking =
        Asking { typed: typed.to_owned(), returning, proves: Some(session.id), ways: possible, ..Asking::default() };
    asking::ask(portal, visit, realm, &name, asking).await
}

/// Takes over the proof that a Response has brought. That the proof is a new one has been checked already.
pub(in crate::portal) async fn take(
    portal: &Shared,
    visit: &Visit,
    (id, pending): (SessionId, &Pending),
    user: &User,
    accepted: Accepted,
) -> Result<Response<Body>, Refusal> {
    let sessions = &portal.parts.sessions;
    let onward = redirect(StatusCode::SEE_OTHER, &onward::after_sign_in(portal, None, pending.returning.as_deref()));
    let Some(session) = sessions.recall(id).await else {
        return Ok(redirect(StatusCode::SEE_OTHER, &entrance(pending.returning.as_deref())));
    };
    if (&session.user.realm, &session.user.id) != (&user.realm, &user.id) {
        return Err(Refusal::OtherProof);
    }
    let facts = AssertionFacts {
        name_id: accepted.name_id,
        session_index: accepted.session_index,
        not_on_or_after: accepted.session_ends,
        // Not before the request was issued, whatever the clocks say: otherwise a rule with a very short time could
        // never be fulfilled.
        authenticated: Some(accepted.authenticated.max(pending.issued)),
        way: accepted.way,
    };
    sessions.prove(id, facts).await?;
    tracing::info!(
        realm = user.realm,
        user = user.name,
        session = id.short(),
        client = %visit.peer.client.ip(),
        request_id = visit.request_id,
        "a person has proved once more who they are: their session has the new proof"
    );
    Ok(onward)
}
