//! The Captive Portal API (RFC 8908), for systems that have learnt of it by DHCP or router advertisements (RFC 8910).

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use http::Response;
use serde::Serialize;

use crate::identity::network::SignIn;
use crate::portal::{Shared, Visit, files};
use crate::session::Session;

type Portal = State<Arc<Shared>>;

/// The state of one client (RFC 8908 §5). There is no `bytes-remaining`, because bytes are not limited.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Status {
    /// Whether the client must sign in before anything else.
    captive: bool,
    user_portal_url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    venue_info_url: Option<String>,
    /// Whether the session can be extended: by signing in again at the portal.
    #[serde(skip_serializing_if = "Option::is_none")]
    can_extend_session: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds_remaining: Option<i64>,
}

/// `GET /captive`.
pub(super) async fn state(State(portal): Portal, Extension(visit): Extension<Visit>) -> Response<Body> {
    let session = session(&portal, &visit).await;
    let now = portal.parts.clock.now();
    let state = Status {
        captive: session.is_none() && !is_open(&portal, &visit),
        user_portal_url: format!("{}/", portal.config.url),
        venue_info_url: portal.config.venue.as_ref().map(ToString::to_string),
        can_extend_session: session.as_ref().map(|_| true),
        seconds_remaining: session.map(|session| session.expires.duration_since(now).as_secs().max(0)),
    };
    files::typed(Body::from(serde_json::to_string(&state).unwrap_or_default()), "application/captive+json")
}

/// The session of the client: by the browser's cookie, or else by the client address, if that may stand for a person.
/// Systems send no cookies.
async fn session(portal: &Shared, visit: &Visit) -> Option<Arc<Session>> {
    if let Some(session) = visit.session(portal).await {
        return Some(session);
    }
    let peer = &visit.peer;
    if !peer.network.address {
        return None;
    }
    let session = portal.parts.sessions.recall_by_client(peer.client.ip().to_canonical()).await?;
    (!session.user.is_guest() || peer.admits_guests()).then_some(session)
}

/// Whether nobody needs to sign in at the client's network or listener.
fn is_open(portal: &Shared, visit: &Visit) -> bool {
    let peer = &visit.peer;
    peer.network.sign_in != SignIn::Required || (peer.guest && portal.parts.guest_terms.is_none())
}
