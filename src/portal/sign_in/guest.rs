//! Guests: people without an account, whom a network or a listener lets in once they have agreed to the terms.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use http::{Request, Response, StatusCode};

use crate::page::{self, Trouble};
use crate::portal::form::{self, Token};
use crate::portal::visit::with_parameters;
use crate::portal::{Shared, Visit, fail, files, onward, opening, redirect};
use crate::session::returning::Return;
use crate::session::store;

type Portal = State<Arc<Shared>>;

/// `GET /guest`: the terms.
pub(in crate::portal) async fn show_terms(State(portal): Portal, Extension(visit): Extension<Visit>) -> Response<Body> {
    if !visit.peer.admits_guests() {
        return files::missing(&portal, &visit);
    }
    terms(&portal, &visit)
}

/// The page with the terms.
pub(in crate::portal) fn terms(portal: &Shared, visit: &Visit) -> Response<Body> {
    let token = Token::issue(portal, visit);
    let returning = visit.parameter("r").filter(|token| !token.is_empty());
    let challenge =
        returning.and_then(|token| Return::open(&portal.parts.sealer, token, portal.parts.clock.now()).ok());
    let page = page::Guest {
        terms: portal.parts.guest_terms.as_deref().map(page::Guest::paragraphs).unwrap_or_default(),
        is_missing: visit.parameter("m").is_some(),
        place: challenge.as_ref().map(onward::place),
        account: with_parameters("/", &[("account", "1"), ("r", returning.unwrap_or_default())]),
        returning: challenge.and(returning).map(str::to_owned),
        csrf: token.text.clone(),
    };
    token.show(StatusCode::OK, page.render(&portal.parts.brand, visit.locale(portal)))
}

/// `POST /guest`: a person wants to go on without an account.
pub(in crate::portal) async fn begin(
    State(portal): Portal,
    Extension(visit): Extension<Visit>,
    request: Request<Body>,
) -> Response<Body> {
    if !visit.peer.admits_guests() {
        let (client, network) = (visit.peer.client.ip(), &visit.peer.network.name);
        tracing::warn!(%client, %network, request_id = visit.request_id, "a guest was refused, because neither the network nor the listener lets guests in");
        return files::missing(&portal, &visit);
    }
    let form = match form::take(&portal, &visit, request).await {
        Ok(form) => form,
        Err(response) => return response,
    };
    let returning = form.value("r").filter(|token| !token.is_empty());
    if portal.parts.guest_terms.is_some() && form.value("accepted") != Some("yes") {
        // A person who comes from the logon page has not seen the terms yet, so nothing is missing.
        let seen = form.value("seen").map(|_| ("m", "1"));
        let parameters: Vec<_> = returning.map(|token| ("r", token)).into_iter().chain(seen).collect();
        let terms = if parameters.is_empty() { "/guest".to_owned() } else { with_parameters("/guest", &parameters) };
        return redirect(StatusCode::SEE_OTHER, &terms);
    }
    // A person who is signed in stays who they are.
    if visit.session(&portal).await.is_some_and(|session| !session.user.is_guest()) {
        return redirect(StatusCode::SEE_OTHER, "/me");
    }
    if !portal.memory.limiter.admit(visit.peer.client.ip(), &portal.parts.pending).await {
        tracing::warn!(client = %visit.peer.client.ip(), request_id = visit.request_id, "a sign-in was refused, because its client address has begun too many (`attempts_per_minute`)");
        return fail(&portal, &visit, StatusCode::TOO_MANY_REQUESTS, Trouble::Busy);
    }
    match admit(&portal, &visit, returning).await {
        Ok(response) => response,
        Err(store::Error::Full) => fail(&portal, &visit, StatusCode::SERVICE_UNAVAILABLE, Trouble::Busy),
        Err(store::Error::Away) => fail(&portal, &visit, StatusCode::SERVICE_UNAVAILABLE, Trouble::Away),
    }
}

async fn admit(portal: &Shared, visit: &Visit, returning: Option<&str>) -> Result<Response<Body>, store::Error> {
    let begun = opening::begin_guest(portal, visit).await?;
    // Chromium follows a form's redirects only to origins that the form's page names, and a guest may be on the way to
    // any. So the form leads to the page of the signed-in person, which then goes on by itself.
    let onward = match returning {
        Some(token) => with_parameters("/me", &[("r", token), ("on", "1")]),
        None => "/me".to_owned(),
    };
    let mut response = redirect(StatusCode::SEE_OTHER, &onward);
    opening::keep(portal, &mut response, &begun, returning);
    Ok(response)
}
