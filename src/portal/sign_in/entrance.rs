//! The entrance: sends people who are signed in on to where they wanted to go, and shows everybody else the logon page.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use http::{Response, StatusCode};

use super::{guest, logon, proof, renewal, stronger};
use crate::identity::Strength;
use crate::page::{LandingNote, Note, Trouble, Unsent};
use crate::portal::onward::{self, place};
use crate::portal::visit::with_parameters;
use crate::portal::{Shared, Visit, cookie, redirect, show};
use crate::seal::fingerprint;
use crate::session::Session;
use crate::session::returning::Return;
use crate::session::store::Health;

type Portal = State<Arc<Shared>>;

/// `GET /`: a person arrives with a challenge (`?r=`), or opens the portal.
pub(in crate::portal) async fn enter(State(portal): Portal, Extension(visit): Extension<Visit>) -> Response<Body> {
    admit(&portal, &visit, false).await
}

/// `GET /go`: a person has read that their form was not sent, and goes on.
pub(in crate::portal) async fn go(State(portal): Portal, Extension(visit): Extension<Visit>) -> Response<Body> {
    admit(&portal, &visit, true).await
}

/// `GET /again`: a Response came for a sign-in that is over. With this request, unlike the cross-site POST, the browser
/// sends its session cookie.
pub(in crate::portal) async fn again(State(portal): Portal, Extension(visit): Extension<Visit>) -> Response<Body> {
    let token = visit.cookie(cookie::DESTINATION);
    if visit.session(&portal).await.is_some() {
        return redirect(StatusCode::FOUND, &onward::landing(&portal, Some(&LandingNote::WelcomeBack), token));
    }
    logon::show_page(&portal, &visit, token, Some(Note::Used))
}

async fn admit(portal: &Shared, visit: &Visit, unsent_is_known: bool) -> Response<Body> {
    let token = visit.parameter("r");
    let session = visit.session(portal).await;
    // A guest may have an account, too.
    let wants_account = visit.parameter("account").is_some();
    let Some(session) = session.filter(|session| !(wants_account && session.user.is_guest())) else {
        if !wants_account && let Some(address) = onward::halt_of_guest(portal, visit, token) {
            return redirect(StatusCode::FOUND, &address);
        }
        // At a listener for guests there is nothing to choose: the terms are shown at once.
        if visit.peer.guest && !wants_account && portal.parts.guest_terms.is_some() {
            return guest::terms(portal, visit);
        }
        // While the store is away nobody can sign in, so people must not type a name and a password in vain.
        if let Health::Away { .. } = portal.parts.sessions.health() {
            let page = visit.trouble(Trouble::Away, token);
            return show(StatusCode::SERVICE_UNAVAILABLE, page.render(&portal.parts.brand, visit.locale(portal)));
        }
        return logon::show_page(portal, visit, token, visit.parameter("tile").map(|_| Note::Tile));
    };
    if let Some(asking) = proof::ask_for(portal, visit, &session, token).await {
        return asking;
    }
    if let Some(asking) = renewal::renew(portal, visit, &session, token).await {
        return asking;
    }
    let Some(token) = token else { return redirect(StatusCode::FOUND, "/me") };
    if let Some(address) = onward::halt(portal, visit, &session, token).await {
        return redirect(StatusCode::FOUND, &address);
    }
    match Return::open(&portal.parts.sealer, token, portal.parts.clock.now()) {
        Ok(mut challenge) => {
            portal.parts.tickets.fill_in(&mut challenge).await;
            lead_on(portal, visit, &session, challenge, unsent_is_known).await
        }
        Err(_) => redirect(StatusCode::FOUND, &onward::landing(portal, Some(&LandingNote::Expired), None)),
    }
}

/// Sends a signed-in person on to where they were going.
async fn lead_on(
    portal: &Shared,
    visit: &Visit,
    session: &Session,
    challenge: Return,
    unsent_is_known: bool,
) -> Response<Body> {
    // A page of the portal itself, which needs no ticket.
    let own = portal.config.url.to_string();
    if challenge.origin == own {
        let path = challenge.destination.strip_prefix(&own).filter(|path| path.len() > 1 && path.starts_with('/'));
        return redirect(StatusCode::FOUND, path.map_or("/me", |_| &challenge.destination));
    }
    // Only the browser that was challenged has the cookie that redeems the ticket. If the challenge was for another
    // address, somebody may have passed the link on, and may be waiting for the ticket at an origin that this browser
    // reaches without us.
    if challenge.client.to_canonical() != visit.peer.client.ip().to_canonical() {
        tracing::warn!(
            client = %visit.peer.client.ip(),
            challenged = %challenge.client,
            host = place(&challenge),
            request_id = visit.request_id,
            "a person gets no ticket, because the challenge was for another client address: they are told to open the site again"
        );
        return redirect(StatusCode::FOUND, &onward::landing(portal, Some(&LandingNote::OtherClient), None));
    }
    let locale = visit.locale(portal);
    if let (Some(method), false) = (&challenge.unsent, unsent_is_known) {
        let page = Unsent {
            method: method.clone(),
            halted: challenge.halt.is_some(),
            place: place(&challenge),
            destination: challenge.destination.clone(),
            onward: with_parameters("/go", &[("r", visit.parameter("r").unwrap_or_default())]),
        };
        return show(StatusCode::OK, page.render(&portal.parts.brand, locale));
    }
    if let Some(surer) = challenge.evidence.as_ref().filter(|surer| surer.strength == Strength::Strong) {
        return stronger::lead_on(portal, visit, session, &challenge, surer);
    }
    // What makes them known without a ticket was too weak.
    if challenge.evidence.is_none() && portal.memory.straight.admits(portal, visit, session, &challenge).await {
        return redirect(StatusCode::FOUND, &challenge.destination);
    }
    // When the ticket is redeemed, the browser's challenge cookie is removed. A person who comes here again with the
    // Back button needs a new challenge, if any.
    let challenge_id = fingerprint(visit.parameter("r").unwrap_or_default());
    if !portal.answer(challenge_id).await {
        return redirect(StatusCode::FOUND, &challenge.destination);
    }
    match portal.parts.tickets.issue(session.id, challenge).await {
        Ok(address) => redirect(StatusCode::FOUND, &address),
        Err(_) => {
            tracing::warn!(client = %visit.peer.client.ip(), request_id = visit.request_id, "a person gets no ticket, because the session or its client address has had too many, or the store does not take it");
            let page = visit.trouble(Trouble::Busy, visit.parameter("r"));
            show(StatusCode::SERVICE_UNAVAILABLE, page.render(&portal.parts.brand, locale))
        }
    }
}
