//! Asking for a review of a refusal, where a service of the operator's is told: the page, and what came of it.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use http::{Request, Response, StatusCode};

use super::hook::Told;
use crate::observe::audit::{Entry, What};
use crate::page::{AskReview, ReviewAsked, Trouble};
use crate::portal::form::{self, Token};
use crate::portal::{Shared, Visit, fail, files, show};
use crate::session::Session;
use crate::session::appeal::Appeal;

type Portal = State<Arc<Shared>>;

/// How many characters of a reason are sent on.
const MAX_REASON: usize = 300;

/// `GET /review`: the form.
pub(in crate::portal) async fn show_page(State(portal): Portal, Extension(visit): Extension<Visit>) -> Response<Body> {
    let sealed = visit.parameter("q").unwrap_or_default();
    let Some(appeal) = open(&portal, sealed) else { return files::missing(&portal, &visit) };
    let session = visit.session(&portal).await;
    let token = Token::issue(&portal, &visit);
    let page = AskReview {
        place: appeal.site,
        rule: appeal.rule,
        request_id: appeal.request_id,
        guest: session.as_ref().is_some_and(|session| session.user.is_guest()),
        user: session.map(|session| session.user.name.clone()),
        sealed: sealed.to_owned(),
        csrf: token.text.clone(),
    };
    token.show(StatusCode::OK, page.render(&portal.parts.brand, visit.locale(&portal)))
}

/// `POST /review`: the person asks.
pub(in crate::portal) async fn ask(
    State(portal): Portal,
    Extension(visit): Extension<Visit>,
    request: Request<Body>,
) -> Response<Body> {
    let form = match form::take(&portal, &visit, request).await {
        Ok(form) => form,
        Err(response) => return response,
    };
    let Some(appeal) = open(&portal, form.only("q").unwrap_or_default()) else {
        return files::missing(&portal, &visit);
    };
    if !portal.memory.reviews.admit(visit.peer.client.ip(), &portal.parts.pending).await {
        return fail(&portal, &visit, StatusCode::TOO_MANY_REQUESTS, Trouble::Busy);
    }
    let session = visit.session(&portal).await;
    let typed = form.value("reason").unwrap_or_default();
    let reason: String = typed.chars().filter(|c| !c.is_control()).take(MAX_REASON).collect();
    let is_told = tell(&portal, &visit, session.as_deref(), &appeal, &reason).await;
    let Appeal { site: place, request_id, .. } = appeal;
    let status = if is_told { StatusCode::OK } else { StatusCode::BAD_GATEWAY };
    show(status, ReviewAsked { is_told, place, request_id }.render(&portal.parts.brand, visit.locale(&portal)))
}

/// What was refused, if such questions are taken here.
fn open(portal: &Shared, sealed: &str) -> Option<Appeal> {
    portal.parts.hook.as_ref()?;
    Appeal::open(&portal.parts.sealer, sealed, portal.parts.clock.now()).ok()
}

/// Tells the operator's service, and notes whether that went well.
async fn tell(portal: &Shared, visit: &Visit, session: Option<&Session>, appeal: &Appeal, reason: &str) -> bool {
    let Some((hook, client)) = &portal.parts.hook else { return false };
    let user = session.map(|session| session.user.name.as_str());
    let realm = session.map(|session| session.user.realm.as_str()).filter(|realm| !realm.is_empty());
    let origin = portal.config.url.to_string();
    let told = Told {
        site: &appeal.site,
        rule: &appeal.rule,
        request_id: &appeal.request_id,
        user,
        realm,
        reason,
        network: &visit.peer.network.name,
        portal: &origin,
        time: portal.parts.clock.now(),
    };
    let outcome = hook.tell(client, &portal.memory.telling, &told).await;
    if let Err(error) = &outcome {
        tracing::warn!(%error, site = appeal.site, request_id = appeal.request_id, "a person's request for a review did not reach the service of `review`: the page says so");
    }
    let entry = Entry {
        user,
        realm,
        rule: Some(&appeal.rule),
        destination: Some(&appeal.site),
        reason: Some(reason).filter(|reason| !reason.is_empty()),
        outcome: Some(if outcome.is_ok() { "sent" } else { "not-sent" }),
        ..visit.audit_entry()
    };
    portal.parts.audit.record(What::ReviewAsked, entry);
    outcome.is_ok()
}
