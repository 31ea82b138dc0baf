//! A Response that nobody asked for: somebody pressed a tile at the identity provider.
//!
//! Whoever can sign in there can post such a Response from any page into anybody's browser, so a realm takes them only if
//! its operator says so. Elsewhere the way ends at the logon page, where a sign-in begins that can be trusted.

use std::sync::Arc;

use axum::body::Body;
use http::{Response, StatusCode};

use crate::page::LandingNote;
use crate::portal::acs::{self, Failure, Refusal};
use crate::portal::{RealmParts, Shared, Visit, redirect};
use crate::saml::{IdentityProvider, guard, response};

/// Where people go on who come from a tile that signs nobody in.
const TILE: &str = "/?tile";

/// Takes a Response that belongs to no pending sign-in.
pub(super) async fn take(portal: &Arc<Shared>, visit: &Visit, message: &str) -> Result<Response<Body>, Failure> {
    // Nothing is verified yet: it only decides which page is shown.
    let facts = guard::admit(message).ok().map(|message| message.facts().clone());
    let facts = facts.filter(|facts| facts.in_response_to.is_none() && facts.status.is_success());
    let known = facts.and_then(|facts| find(portal, visit, facts.issuer.as_deref()?));
    let Some((realm, idp)) = known else { return Err(Failure::early(Refusal::Spent)) };
    let name = &realm.realm.name;
    // Where people prove anew at each sign-in, one that nobody asked for is none.
    let unasked = realm.idp_initiated && !realm.service_provider.requests.force_authn;
    if !unasked || !realm.is_on() {
        tracing::info!(realm = name, client = %visit.peer.client.ip(), request_id = visit.request_id, "sign-in begins here");
        return Ok(redirect(StatusCode::SEE_OTHER, TILE));
    }
    let fail = |refusal| Failure { refusal, realm: Some(name.clone()), returning: None, renews: false };
    if !portal.unsolicited.admit(visit.peer.client.ip(), &portal.parts.pending).await {
        return Err(fail(Refusal::Busy));
    }
    let field = message.to_owned();
    let accept = move |expected: &response::Expected<'_>, now| response::accept(&field, expected, now);
    let accepted = acs::in_turn(portal, visit, realm, Arc::clone(&idp), None, accept).await.map_err(fail)?;
    let accepted = accepted.map_err(|error| fail(error.into()))?;
    let user = realm.claims.user(&accepted).map_err(|error| fail(error.into()))?;
    acs::use_up(portal, &idp, &accepted).await.map_err(fail)?;
    // Nobody is to browse on under another name without having noticed.
    let previous = match acs::previous(portal, visit) {
        Some(previous) => portal.parts.sessions.recall(previous).await,
        None => None,
    };
    if previous.is_some_and(|session| (&session.user.realm, &session.user.id) != (&user.realm, &user.id)) {
        return Err(fail(Refusal::Occupied));
    }
    acs::begin(portal, visit, user, accepted, Some(&LandingNote::Unsolicited), None).await.map_err(fail)
}

/// The realm whose identity provider has this name, and which takes Responses at this address.
fn find<'a>(portal: &'a Shared, visit: &Visit, issuer: &str) -> Option<(&'a RealmParts, Arc<IdentityProvider>)> {
    let endpoint = format!("{}{}", portal.config.url, visit.address);
    let mut realms = portal.parts.realms.iter().filter_map(|realm| {
        let idp = realm.identity_provider.current().filter(|idp| idp.entity_id() == issuer)?;
        realm.service_provider.takes_responses_at(&endpoint).then_some((realm, idp))
    });
    realms.next()
}
