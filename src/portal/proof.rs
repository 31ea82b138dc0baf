//! Has people who are signed in prove once more who they are (ForceAuthn, SAML Core §3.4.1), where a rule wants a proof
//! that is younger than theirs. Their session goes on meanwhile, and afterwards.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use http::{Response, StatusCode};

use super::acs::Refusal;
use super::{Shared, Visit, logon, redirect, show};
use crate::clock::{SignedDuration, after};
use crate::identity::{LogonName, User};
use crate::page::Trouble;
use crate::portal::visit::{entrance, with_parameters};
use crate::saml::response::Accepted;
use crate::session::pending::Pending;
use crate::session::returning::Return;
use crate::session::{AssertionFacts, Session, SessionId};

/// Where people go on their own account, because a program of theirs was told so.
pub(super) const PATH: &str = "/confirm";

/// `GET /confirm`.
pub(super) async fn confirm(State(portal): State<Arc<Shared>>, Extension(visit): Extension<Visit>) -> Response<Body> {
    match visit.session(&portal).await {
        Some(session) => ask(&portal, &visit, &session, None).await,
        None => redirect(StatusCode::FOUND, "/"),
    }
}

/// Asks for a proof if the challenge that `token` holds wants a younger one than there is.
pub(super) async fn ask_for(
    portal: &Shared,
    visit: &Visit,
    session: &Session,
    token: Option<&str>,
) -> Option<Response<Body>> {
    let now = portal.parts.clock.now();
    let challenge = Return::open(&portal.parts.sealer, token?, now).ok()?;
    let within = SignedDuration::from_secs(challenge.within?);
    let is_young = |session: &Session| after(session.authenticated, within) >= now;
    if is_young(session) || portal.parts.sessions.reread(session.id).await.is_some_and(|session| is_young(&session)) {
        return None;
    }
    Some(ask(portal, visit, session, token).await)
}

async fn ask(portal: &Shared, visit: &Visit, session: &Session, returning: Option<&str>) -> Response<Body> {
    if session.user.is_guest() {
        let mut parameters = vec![("account", "1")];
        parameters.extend(returning.map(|token| ("r", token)));
        return redirect(StatusCode::SEE_OTHER, &with_parameters("/", &parameters));
    }
    let realms = &portal.parts.realms;
    let realm = realms.iter().find(|parts| parts.realm.name == session.user.realm && parts.is_on());
    let typed = session.user.upn.as_deref().unwrap_or(&session.user.name);
    let (Some(realm), Ok(name)) = (realm, LogonName::parse(typed)) else {
        tracing::warn!(
            realm = session.user.realm,
            user = session.user.name,
            "nobody can be asked to prove who they are"
        );
        let page = visit.trouble(Trouble::ProviderFailed, returning);
        return show(StatusCode::FORBIDDEN, page.render(&portal.parts.brand, visit.locale(portal)));
    };
    logon::prove(portal, visit, realm, (&name, typed), session.id, returning).await
}

/// Takes the proof that a sign-in has brought. That it is a new one was held against the Response.
pub(super) async fn take(
    portal: &Shared,
    visit: &Visit,
    (id, pending): (SessionId, &Pending),
    user: &User,
    accepted: Accepted,
) -> Result<Response<Body>, Refusal> {
    let sessions = &portal.parts.sessions;
    let onward = redirect(StatusCode::SEE_OTHER, &logon::after_sign_in(portal, None, pending.returning.as_deref()));
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
        // Not before the question, whatever the clocks say: a very short span would never be kept otherwise.
        authenticated: Some(accepted.authenticated.max(pending.issued)),
    };
    sessions.prove(id, facts).await?;
    tracing::info!(
        realm = user.realm,
        user = user.name,
        session = id.short(),
        client = %visit.peer.client.ip(),
        request_id = visit.request_id,
        "proved once more who they are"
    );
    Ok(onward)
}
