//! The page of a person who is signed in.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use http::header::REFRESH;
use http::{HeaderValue, Response, StatusCode};

use crate::clock::{SignedDuration, after};
use crate::page::{Connected, Device, Nav, Onward, SignedIn};
use crate::portal::form::Token;
use crate::portal::sign_in::left_if_soon;
use crate::portal::visit::with_parameters;
use crate::portal::{Shared, Visit, nav, onward, redirect, show, sign_out};
use crate::session::Session;
use crate::session::returning::Return;

type Portal = State<Arc<Shared>>;

/// How many devices are listed.
const LISTED: usize = 12;

/// How long the buttons on the page work.
const PAGE_LIFETIME: SignedDuration = SignedDuration::from_hours(12);

/// `GET /me`.
pub(in crate::portal) async fn show_page(State(portal): Portal, Extension(visit): Extension<Visit>) -> Response<Body> {
    let Some(session) = visit.session(&portal).await else { return redirect(StatusCode::FOUND, "/") };
    visit.bind(&portal, &session, None).await;
    let (sealer, now) = (&portal.parts.sealer, portal.parts.clock.now());
    let challenge = visit.parameter("r").and_then(|token| Some((token, Return::open(sealer, token, now).ok()?)));
    let is_challenge = challenge.is_some();
    if visit.parameter("connected").is_some() {
        let name = (!session.user.is_guest()).then(|| session.user.friendly_name().to_owned());
        let page = Connected { name };
        return show(StatusCode::OK, page.render(&portal.parts.brand, visit.locale(&portal)));
    }
    let token = Token::issue(&portal, &visit);
    let mut sessions = portal.parts.sessions.of_user(&session.user).await;
    let tools = sessions.extract_if(.., |session| session.tool.is_some()).count();
    let zone = visit.peer.network.time_zone.clone();
    let page = SignedIn {
        name: session.user.friendly_name().to_owned(),
        account: session.user.name.clone(),
        since: session.started,
        until: session.expires,
        left: left_if_soon(session.started, session.expires, now),
        time_zone: zone.unwrap_or_else(|| portal.parts.brand.time_zone.clone()),
        guest: session.user.is_guest(),
        devices: devices(&portal, &session, &sessions),
        more: sessions.len().saturating_sub(LISTED),
        tools,
        note: onward::note(&portal, &visit),
        onward: challenge.map(|(token, challenge)| Onward {
            href: with_parameters("/", &[("r", token)]),
            place: onward::place(&challenge),
        }),
        nav: if session.user.is_guest() { Nav::default() } else { nav(&portal) },
        csrf: token.text.clone(),
        identity_providers: portal.sign_in_origins(),
    };
    let mut response = token.show(StatusCode::OK, page.render(&portal.parts.brand, visit.locale(&portal)));
    // The person has just pressed a button, and need not press another to go on.
    if let (Some(token), Some(_)) = (visit.parameter("r").filter(|_| is_challenge), visit.parameter("on"))
        && let Ok(onward) = HeaderValue::try_from(format!("0; url={}", with_parameters("/", &[("r", token)])))
    {
        response.headers_mut().insert(REFRESH, onward);
    }
    response
}

/// The browsers in which the person is signed in, this one first.
fn devices(portal: &Shared, here: &Session, sessions: &[Arc<Session>]) -> Vec<Device> {
    let others = sessions.iter().map(AsRef::as_ref).filter(|session| session.id != here.id);
    std::iter::once(here)
        .chain(others)
        .take(LISTED)
        .map(|session| Device {
            user_agent: session.user_agent.clone(),
            client: session.client.to_canonical().to_string(),
            since: session.started,
            here: session.id == here.id,
            end: portal.parts.sealer.seal(
                sign_out::DEVICE,
                &session.id,
                after(portal.parts.clock.now(), PAGE_LIFETIME),
            ),
        })
        .collect()
}
