//! The page of a person who is signed in, and the way out.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use http::{Request, Response, StatusCode};

use crate::clock::{SignedDuration, after};
use crate::page::{Device, LandingNote, Onward, SignedIn, SignedOut, Trouble};
use crate::portal::form::{self, Form, Token};
use crate::portal::visit::with_parameters;
use crate::portal::{Shared, Visit, cookie, logon, redirect, show};
use crate::session::returning::Return;
use crate::session::{Ending, Session};

type Portal = State<Arc<Shared>>;

/// Devices that are listed by name.
const LISTED: usize = 12;

/// How long a sealed note waits in an address; who reloads the page later sees none.
const NOTE_LIFETIME: SignedDuration = SignedDuration::from_mins(10);

const PURPOSE: &str = "landing note";

/// The address of the page, with a line to read and somewhere to go on to.
pub(super) fn path(portal: &Shared, note: Option<&LandingNote>, returning: Option<&str>) -> String {
    let note = note.map(|note| portal.parts.sealer.seal(PURPOSE, note, after(portal.parts.clock.now(), NOTE_LIFETIME)));
    let parameters: Vec<_> = [("n", note.as_deref()), ("r", returning)]
        .into_iter()
        .filter_map(|(name, value)| value.map(|value| (name, value)))
        .collect();
    if parameters.is_empty() { "/me".to_owned() } else { with_parameters("/me", &parameters) }
}

/// `GET /me`.
pub(super) async fn show_page(State(portal): Portal, Extension(visit): Extension<Visit>) -> Response<Body> {
    let Some(session) = visit.session(&portal).await else { return redirect(StatusCode::FOUND, "/") };
    let (sealer, now) = (&portal.parts.sealer, portal.parts.clock.now());
    let challenge = visit.parameter("r").and_then(|token| Some((token, Return::open(sealer, token, now).ok()?)));
    let token = Token::issue(&portal, &visit);
    let sessions = portal.parts.sessions.of_user(&session.user).await;
    let page = SignedIn {
        name: session.user.friendly_name().to_owned(),
        account: session.user.name.clone(),
        since: session.started,
        until: session.expires,
        devices: devices(&session, &sessions),
        more: sessions.len().saturating_sub(LISTED),
        note: visit.parameter("n").and_then(|note| sealer.open(PURPOSE, note, now).ok()),
        onward: challenge.map(|(token, challenge)| Onward {
            href: with_parameters("/", &[("r", token)]),
            place: logon::place(&challenge),
        }),
        csrf: token.text.clone(),
    };
    let mut response = show(StatusCode::OK, page.render(&portal.parts.brand, visit.locale(&portal)));
    token.set_cookie(&mut response);
    response
}

/// `POST /sign-out`.
pub(super) async fn sign_out(
    State(portal): Portal,
    Extension(visit): Extension<Visit>,
    request: Request<Body>,
) -> Response<Body> {
    let fail =
        |status, trouble| show(status, visit.trouble(trouble, None).render(&portal.parts.brand, visit.locale(&portal)));
    let form = match Form::read(request, form::MAX_FORM).await {
        Ok(form) => form,
        Err(Trouble::TooLarge) => return fail(StatusCode::PAYLOAD_TOO_LARGE, Trouble::TooLarge),
        Err(trouble) => return fail(StatusCode::BAD_REQUEST, trouble),
    };
    if let Err(error) = form::check(&portal, &visit, &form) {
        tracing::info!(reason = %error, client = %visit.peer.client.ip(), request_id = visit.request_id, "form refused");
        return fail(StatusCode::FORBIDDEN, Trouble::Form);
    }
    let everywhere = form.value("where") == Some("everywhere");
    if let Some(session) = visit.session(&portal).await {
        let others = if everywhere { portal.parts.sessions.of_user(&session.user).await } else { Vec::new() };
        for session in std::iter::once(&session).chain(&others) {
            portal.parts.sessions.end(session.id, Ending::SignedOut).await;
        }
    }
    let mut response =
        redirect(StatusCode::SEE_OTHER, if everywhere { "/signed-out?everywhere" } else { "/signed-out" });
    cookie::remove(&mut response, cookie::SESSION);
    cookie::remove(&mut response, cookie::PREVIOUS);
    cookie::remove(&mut response, cookie::DESTINATION);
    response
}

/// `GET /signed-out`.
pub(super) async fn signed_out(State(portal): Portal, Extension(visit): Extension<Visit>) -> Response<Body> {
    let page = SignedOut { everywhere: visit.parameter("everywhere").is_some() };
    show(StatusCode::OK, page.render(&portal.parts.brand, visit.locale(&portal)))
}

/// Where the person is signed in, this browser first.
fn devices(here: &Session, sessions: &[Arc<Session>]) -> Vec<Device> {
    let others = sessions.iter().map(AsRef::as_ref).filter(|session| session.id != here.id);
    std::iter::once(here)
        .chain(others)
        .take(LISTED)
        .map(|session| Device {
            user_agent: session.user_agent.clone(),
            client: session.client.to_canonical().to_string(),
            since: session.started,
            here: session.id == here.id,
        })
        .collect()
}
