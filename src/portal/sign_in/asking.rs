//! Asks an identity provider who somebody is: the sign-in is remembered, and the browser sent there.

use axum::body::Body;
use http::{Response, StatusCode};

use super::identity_provider::{self, Manner};
use crate::identity::LogonName;
use crate::page::{Purpose, Trouble};
use crate::portal::cookie::{self, SameSite};
use crate::portal::{RealmParts, Shared, Visit, send, show};
use crate::seal::{fingerprint, random_text};
use crate::session::SessionId;
use crate::session::pending::{Pending, PendingSignIns};
use crate::session::store;

/// What is asked, besides whom.
#[derive(Default)]
pub(super) struct Asking {
    /// The name that the person typed, or the one that is known of them.
    pub(super) typed: String,
    /// The sealed address that the person was about to visit.
    pub(super) returning: Option<String>,
    /// Whether it is a silent renewal, without which the session goes on.
    pub(super) renews: bool,
    /// The session whose person is to prove anew who they are.
    pub(super) proves: Option<SessionId>,
    /// The ways of signing in that count, if a rule wants some.
    pub(super) ways: Vec<String>,
}

impl Asking {
    fn manner(&self) -> Manner {
        match self.proves {
            Some(_) => Manner::Anew,
            None if self.renews => Manner::Passive,
            None => Manner::Usual,
        }
    }
}

/// Remembers the sign-in and sends the browser to the identity provider.
pub(super) async fn ask(
    portal: &Shared,
    visit: &Visit,
    realm: &RealmParts,
    name: &LogonName,
    asking: Asking,
) -> Response<Body> {
    let (id, secret, now) = (PendingSignIns::fresh_id(), random_text(), portal.parts.clock.now());
    let request = match identity_provider::ask(realm, &id, name, asking.manner(), &asking.ways, now) {
        Ok(request) => request,
        Err(error) => {
            tracing::error!(
                realm = realm.realm.name,
                %error,
                request_id = visit.request_id,
                "nobody can be sent to the identity provider: nobody can sign in to this realm"
            );
            let page = visit.trouble(error.trouble(), asking.returning.as_deref());
            return show(StatusCode::SERVICE_UNAVAILABLE, page.render(&portal.parts.brand, visit.locale(portal)));
        }
    };
    let pending = Pending {
        realm: realm.realm.name.clone(),
        request_id: request.id,
        issued: now,
        typed: asking.typed,
        returning: asking.returning,
        browser: fingerprint(&secret),
        test: None,
        renews: asking.renews,
        proves: asking.proves,
        ways: asking.ways,
    };
    if let Err(error) = portal.parts.pending.remember(&id, &pending).await {
        tracing::warn!(client = %visit.peer.client.ip(), request_id = visit.request_id, %error, "a sign-in was refused, because the store does not take it");
        let trouble = if error == store::Error::Away { Trouble::Away } else { Trouble::Busy };
        let page = visit.trouble(trouble, pending.returning.as_deref());
        return show(StatusCode::SERVICE_UNAVAILABLE, page.render(&portal.parts.brand, visit.locale(portal)));
    }
    tracing::info!(
        realm = pending.realm,
        client = %visit.peer.client.ip(),
        request_id = visit.request_id,
        "a sign-in has begun: the browser is sent to the identity provider"
    );
    let mut response = send(portal, visit, request.outgoing, Purpose::SignIn);
    cookie::set(&mut response, &cookie::pending(&id), &secret, SameSite::None, Some(portal.parts.pending.lifetime()));
    for old in surplus(portal, visit).await {
        cookie::remove(&mut response, &cookie::pending(&old));
    }
    response
}

/// The pending sign-ins of this browser whose cookies can be removed: those that are over, and, if there are too many,
/// some others.
async fn surplus(portal: &Shared, visit: &Visit) -> Vec<String> {
    let (mut over, mut live) = (Vec::new(), Vec::new());
    for id in cookie::pending_ids(&visit.fields) {
        // If the store does not answer, the sign-in may still be pending.
        if let Ok(None) = portal.parts.pending.find(&id).await { over.push(id) } else { live.push(id) }
    }
    let too_many = (live.len() + 1).saturating_sub(cookie::MAX_PENDING);
    over.extend(live.into_iter().take(too_many));
    over
}
