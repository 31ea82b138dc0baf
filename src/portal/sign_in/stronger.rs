//! A rule wants strong evidence of who somebody is. The portal can give that where the connection over which its own cookie
//! comes is the one over which the site is asked for: from then on it stands for them. Chromium has a connection for each site
//! (its network isolation key), so there it does not. Where it does not, a page says what would.

use axum::body::Body;
use http::{Response, StatusCode};

use crate::page::{Denied, TooWeak};
use crate::portal::onward::place;
use crate::portal::{Shared, Visit, redirect, show};
use crate::session::returning::{Return, Surer};
use crate::session::{Session, SessionId};

/// Sends a person straight back to where they were challenged, if the connection stands for them by now; but once only, because
/// whoever comes again at once asks for the site over another one.
pub(super) fn lead_on(
    portal: &Shared,
    visit: &Visit,
    session: &Session,
    challenge: &Return,
    surer: &Surer,
) -> Response<Body> {
    let proven = visit.peer.proof.as_ref().and_then(|proof| proof.session()).map(SessionId::from);
    if proven == Some(session.id) && portal.memory.straight.is_first(session, challenge) {
        return redirect(StatusCode::FOUND, &challenge.destination);
    }
    tracing::info!(
        user = session.user.name,
        realm = session.user.realm,
        client = %visit.peer.client.ip(),
        host = place(challenge),
        request_id = visit.request_id,
        "a person does not get any further, because a rule wants strong evidence of who they are and their connection cannot give it: a page says what can"
    );
    let page = TooWeak(Denied {
        place: place(challenge),
        rule: surer.rule.clone(),
        message: portal.parts.policy.message_of(&surer.rule).map(ToString::to_string),
        user: Some(session.user.name.clone()),
        guest: session.user.is_guest(),
        pass: None,
        review: None,
        portal: portal.config.url.to_string(),
        request_id: visit.request_id.clone(),
    });
    show(StatusCode::FORBIDDEN, page.render(&portal.parts.brand, visit.locale(portal)))
}
