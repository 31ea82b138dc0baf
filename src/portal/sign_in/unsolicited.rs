//! Unsolicited Responses: a person has pressed our tile at the identity provider.
//!
//! Anybody who can sign in there can have any page post such a Response in another person's browser. So a realm accepts
//! them only if it is configured to. Otherwise the person gets to the logon page, where a sign-in begins that can be
//! trusted.

use std::sync::Arc;

use axum::body::Body;
use http::{Response, StatusCode};

use super::refusal::Failure;
use crate::page::LandingNote;
use crate::portal::verify::{self, Refusal};
use crate::portal::{RealmParts, Shared, Visit, opening, redirect};
use crate::saml::{IdentityProvider, guard, response};

/// The page for people whose tile does not sign them in.
const TILE: &str = "/?tile";

/// Takes a Response that belongs to no pending sign-in.
pub(in crate::portal) async fn take(
    portal: &Arc<Shared>,
    visit: &Visit,
    message: &str,
) -> Result<Response<Body>, Failure> {
    // Not verified yet: this only decides which page is shown.
    let facts = guard::admit(message).ok().map(|message| message.facts().clone());
    let facts = facts.filter(|facts| facts.in_response_to.is_none() && facts.status.is_success());
    let known = facts.and_then(|facts| find(portal, visit, facts.issuer.as_deref()?));
    let Some((realm, idp)) = known else { return Err(Failure::early(Refusal::Spent)) };
    let name = &realm.realm.name;
    // If the realm wants a new proof with every sign-in, an unsolicited Response cannot give one.
    let unasked = realm.idp_initiated && !realm.service_provider.requests.force_authn;
    if !unasked || !realm.is_on() {
        tracing::info!(realm = name, client = %visit.peer.client.ip(), request_id = visit.request_id, "an unsolicited Response is not accepted for this realm: the person is sent to the logon page");
        return Ok(redirect(StatusCode::SEE_OTHER, TILE));
    }
    let fail = |refusal| Failure { refusal, realm: Some(name.clone()), returning: None, renews: false };
    if !portal.memory.unsolicited.admit(visit.peer.client.ip(), &portal.parts.pending).await {
        return Err(fail(Refusal::Busy));
    }
    let field = message.to_owned();
    let accept = move |expected: &response::Expected<'_>, now| response::accept(&field, expected, now);
    let accepted = verify::in_turn(portal, visit, realm, Arc::clone(&idp), None, accept).await.map_err(fail)?;
    let accepted = accepted.map_err(|error| fail(error.into()))?;
    let user = verify::named(visit, realm, &accepted).map_err(fail)?;
    verify::admitted(portal, visit, &user, accepted.authenticated).map_err(fail)?;
    verify::use_up(portal, &idp, &accepted).await.map_err(fail)?;
    // The browser must not go on under another person's name without its user noticing.
    let previous = match opening::previous(portal, visit) {
        Some(previous) => portal.parts.sessions.recall(previous).await,
        None => None,
    };
    if previous.is_some_and(|session| (&session.user.realm, &session.user.id) != (&user.realm, &user.id)) {
        return Err(fail(Refusal::Occupied));
    }
    let begun = opening::begin(portal, visit, user, accepted, Some(&LandingNote::Unsolicited), None).await;
    begun.map_err(fail)
}

/// The realm whose identity provider has this name, and which accepts Responses at this address.
fn find<'a>(portal: &'a Shared, visit: &Visit, issuer: &str) -> Option<(&'a RealmParts, Arc<IdentityProvider>)> {
    let endpoint = format!("{}{}", portal.config.url, visit.address);
    let mut realms = portal.parts.realms.iter().filter_map(|realm| {
        let idp = realm.identity_provider.current().filter(|idp| idp.entity_id() == issuer)?;
        realm.service_provider.takes_responses_at(&endpoint).then_some((realm, idp))
    });
    realms.next()
}
