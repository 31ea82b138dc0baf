//! Silent renewal: shortly before a session ends, the portal asks the identity provider, without showing a page
//! (IsPassive, SAML Core §3.4.1), whether it still knows the person. If it does, the person sees no logon page; if not,
//! nothing changes until the session ends.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use http::{Request, Response, StatusCode};
use moka::sync::Cache;

use super::asking::{self, Asking};
use crate::clock::{SignedDuration, Timestamp};
use crate::identity::LogonName;
use crate::net::LateCache;
use crate::page::Trouble;
use crate::portal::form;
use crate::portal::{RealmParts, Shared, Visit, fail, redirect};
use crate::session::{Session, SessionId};

/// How long after an attempt a renewal is not tried again.
const PAUSE: std::time::Duration = std::time::Duration::from_secs(60 * 60);

/// For how many sessions the last attempt is remembered.
const MAX_REMEMBERED: u64 = 100_000;

/// The renewals that have been tried lately.
pub(in crate::portal) struct Renewals(LateCache<SessionId, ()>);

impl Default for Renewals {
    fn default() -> Self {
        Self(LateCache::new(|| Cache::builder().max_capacity(MAX_REMEMBERED).time_to_live(PAUSE).build()))
    }
}

impl Renewals {
    /// Whether this is the first attempt for a while.
    fn begin(&self, session: SessionId) -> bool {
        self.0.entry(session).or_insert(()).is_fresh()
    }
}

/// Begins to renew a session that is about to end. `None` if it is not due, or cannot be renewed silently.
pub(in crate::portal) async fn renew(
    portal: &Shared,
    visit: &Visit,
    session: &Session,
    returning: Option<&str>,
) -> Option<Response<Body>> {
    let now = portal.parts.clock.now();
    if !is_due(session.started, session.expires, portal.config.renew_before, now)
        || !portal.memory.renewals.begin(session.id)
    {
        return None;
    }
    let (realm, name, typed) = way(portal, session)?;
    // The realm wants a new proof with every sign-in, which a renewal without a page cannot give.
    if realm.service_provider.requests.force_authn {
        return None;
    }
    let returning = returning.map(str::to_owned);
    let asking = Asking { typed: typed.to_owned(), returning, renews: true, ..Asking::default() };
    Some(asking::ask(portal, visit, realm, &name, asking).await)
}

/// `POST /renew`: a person wants a longer session under the same name.
pub(in crate::portal) async fn renew_now(
    State(portal): State<Arc<Shared>>,
    Extension(visit): Extension<Visit>,
    request: Request<Body>,
) -> Response<Body> {
    if let Err(response) = form::take(&portal, &visit, request).await {
        return response;
    }
    let Some(session) = visit.session(&portal).await else { return redirect(StatusCode::SEE_OTHER, "/") };
    if session.user.is_guest() {
        return redirect(StatusCode::SEE_OTHER, "/guest");
    }
    if !portal.memory.limiter.admit(visit.peer.client.ip(), &portal.parts.pending).await {
        return fail(&portal, &visit, StatusCode::TOO_MANY_REQUESTS, Trouble::Busy);
    }
    match way(&portal, &session) {
        Some((realm, name, typed)) => {
            let asking = Asking { typed: typed.to_owned(), ..Asking::default() };
            asking::ask(&portal, &visit, realm, &name, asking).await
        }
        // Their realm is gone, or is switched off.
        None => fail(&portal, &visit, StatusCode::SERVICE_UNAVAILABLE, Trouble::ProviderFailed),
    }
}

/// The realm of a session's person, and the name with which to ask for them. `None` if the realm is gone or switched
/// off, or the name cannot be used.
fn way<'a>(portal: &'a Shared, session: &'a Session) -> Option<(&'a RealmParts, LogonName, &'a str)> {
    let mut realms = portal.parts.realms.iter();
    let realm = realms.find(|parts| parts.realm.name == session.user.realm && parts.is_on())?;
    let typed = session.user.upn.as_deref().unwrap_or(&session.user.name);
    Some((realm, LogonName::parse(typed).ok()?, typed))
}

/// The hours and minutes until a session ends, if that is within a day; for a short session, if it is in its last
/// quarter.
pub(in crate::portal) fn left_if_soon(started: Timestamp, expires: Timestamp, now: Timestamp) -> Option<(i64, i64)> {
    let minutes = expires.duration_since(now).as_mins().max(0);
    is_due(started, expires, SignedDuration::from_hours(24), now).then_some((minutes / 60, minutes % 60))
}

/// Whether it is time to renew a session. A short one is renewed in its last quarter: otherwise every visit would ask
/// the identity provider.
fn is_due(started: Timestamp, expires: Timestamp, before: SignedDuration, now: Timestamp) -> bool {
    let quarter = expires.duration_since(started).checked_div(4).unwrap_or_default();
    expires.duration_since(now) < before.min(quarter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_renewed_shortly_before_its_end() {
        const DAY: i64 = 24 * 3600;
        let at = |seconds: i64| Timestamp::from_second(seconds).unwrap();
        for (length, before, now, due) in [
            (30 * DAY, DAY, 0, false),
            (30 * DAY, DAY, 29 * DAY, false),
            (30 * DAY, DAY, 29 * DAY + 1, true),
            (3600, DAY, 2699, false),
            (3600, DAY, 2701, true),
            (30 * DAY, 0, 30 * DAY - 1, false),
        ] {
            let found = is_due(at(0), at(length), SignedDuration::from_secs(before), at(now));
            assert_eq!(found, due, "{length} {before} {now}");
        }
    }

    #[test]
    fn people_are_reminded_when_the_end_is_near() {
        let at = |hours: i64| Timestamp::from_second(hours * 3600 + 60).unwrap();
        for (length, now, left) in [(720, 0, None), (720, 695, None), (720, 697, Some((23, 0))), (8, 7, Some((1, 0)))] {
            assert_eq!(left_if_soon(at(0), at(length), at(now)), left, "{length} {now}");
        }
    }

    #[test]
    fn a_renewal_is_tried_once_for_a_while() {
        let renewals = Renewals::default();
        let session = SessionId::of_secret("one");
        assert!(renewals.begin(session) && !renewals.begin(session));
        assert!(renewals.begin(SessionId::of_secret("other")));
    }
}
