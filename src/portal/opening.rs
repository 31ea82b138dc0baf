//! Begins a session in a browser, in place of the one that it had.

use axum::body::Body;
use http::{Response, StatusCode};

use super::cookie::{self, SameSite};
use super::verify::{self, Refusal};
use super::{Shared, Visit, onward, redirect};
use crate::clock::{SignedDuration, Timestamp, after};
use crate::identity::User;
use crate::identity::network::Spans;
use crate::observe::audit::{Entry, What};
use crate::page::LandingNote;
use crate::saml::response::{Accepted, CLOCK_SKEW};
use crate::seal::random_text;
use crate::session::{AssertionFacts, Begun, Ending, SessionId, store};

/// How long the portal can still tell a person who goes back to a sign-in where it led.
const REMEMBERED: SignedDuration = SignedDuration::from_mins(10);

const PREVIOUS: &str = "previous session";

/// Begins a session, ends the one that this browser had, and sends the person on.
pub(super) async fn begin(
    portal: &Shared,
    visit: &Visit,
    user: User,
    accepted: Accepted,
    note: Option<&LandingNote>,
    returning: Option<&str>,
) -> Result<Response<Body>, Refusal> {
    let sessions = &portal.parts.sessions;
    let (person, authenticated) = (user.clone(), accepted.authenticated);
    let facts = AssertionFacts {
        name_id: accepted.name_id,
        session_index: accepted.session_index,
        not_on_or_after: accepted.session_ends,
        authenticated: Some(accepted.authenticated),
        way: accepted.way,
    };
    let client = visit.peer.client.ip().to_canonical();
    let begun = sessions.begin(user, client, visit.user_agent(), facts, visit.peer.network.spans).await;
    // What the directory says may have become another while the session began, and whoever followed that has not seen it.
    let admitted = verify::admitted(portal, visit, &person, authenticated);
    if let (Err(_), Ok(begun)) = (&admitted, &begun) {
        sessions.end_by(begun.session.id, Ending::Directory, "the directory").await;
    }
    admitted?;
    let begun = begun?;
    let session = &begun.session;
    // The cookie PREVIOUS names it, because browsers do not send the session cookie with a POST from another site.
    visit.replace(portal, previous(portal, visit), session).await;
    tracing::info!(
        realm = session.user.realm,
        user = session.user.name,
        session = session.id.short(),
        client = %client,
        request_id = visit.request_id,
        "signed in"
    );
    portal.parts.metrics.sign_in(Some(&session.user.realm), "accepted");
    let entry = Entry {
        user: Some(&session.user.name),
        realm: Some(&session.user.realm),
        session: Some(&session.id.short()),
        ..visit.audit_entry()
    };
    portal.parts.audit.record(What::SignIn, entry);
    let location = onward::after_sign_in(portal, note, returning);
    let mut response = redirect(StatusCode::SEE_OTHER, &location);
    keep(portal, &mut response, &begun, returning);
    Ok(response)
}

/// Begins the session of a guest, in place of the one that this browser had.
pub(super) async fn begin_guest(portal: &Shared, visit: &Visit) -> Result<Begun, store::Error> {
    let sessions = &portal.parts.sessions;
    let (client, of_network) = (visit.peer.client.ip().to_canonical(), visit.peer.network.spans);
    let own = portal.config.guest_lifetime;
    let lifetime = of_network.lifetime.map_or(own, |lifetime| lifetime.min(own));
    let spans = Spans { lifetime: Some(lifetime), ..of_network };
    // Each guest counts as a person of their own, so that no guest can see or end another's session.
    let guest = User::guest(random_text());
    // A guest has proven nothing, so no rule that wants a fresh sign-in is fulfilled.
    let facts = AssertionFacts { authenticated: Some(Timestamp::UNIX_EPOCH), ..AssertionFacts::default() };
    let begun = sessions.begin(guest, client, visit.user_agent(), facts, spans).await?;
    if let Some(previous) = previous(portal, visit) {
        sessions.end(previous, Ending::Replaced).await;
    }
    visit.bind(portal, &begun.session, None).await;
    tracing::info!(
        user = begun.session.user.name,
        session = begun.session.id.short(),
        %client,
        network = %visit.peer.network.name,
        listener = %visit.peer.listener,
        accepted_terms = portal.parts.guest_terms.is_some(),
        request_id = visit.request_id,
        "a person goes on as a guest"
    );
    let session = begun.session.id.short();
    let entry = Entry { user: Some(&begun.session.user.name), session: Some(&session), ..visit.audit_entry() };
    portal.parts.audit.record(What::SignIn, entry);
    portal.parts.metrics.sign_in(None, "guest");
    Ok(begun)
}

/// Sets the cookies of a session that has begun.
pub(super) fn keep(portal: &Shared, response: &mut Response<Body>, begun: &Begun, returning: Option<&str>) {
    let session = &begun.session;
    let lifetime = Some(session.expires.duration_since(portal.parts.clock.now()));
    cookie::set(response, cookie::SESSION, &begun.secret, SameSite::Lax, lifetime);
    let previous = portal.parts.sealer.seal(PREVIOUS, &session.id, after(session.expires, CLOCK_SKEW));
    cookie::set(response, cookie::PREVIOUS, &previous, SameSite::None, lifetime);
    match returning.filter(|token| token.len() <= cookie::MAX_VALUE) {
        Some(token) => cookie::set(response, cookie::DESTINATION, token, SameSite::Lax, Some(REMEMBERED)),
        None => cookie::remove(response, cookie::DESTINATION),
    }
}

/// The session that a new sign-in in this browser replaces.
pub(super) fn previous(portal: &Shared, visit: &Visit) -> Option<SessionId> {
    portal.parts.sealer.open(PREVIOUS, visit.cookie(cookie::PREVIOUS)?, portal.parts.clock.now()).ok()
}
