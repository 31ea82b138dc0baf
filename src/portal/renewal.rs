//! Silent renewal: shortly before a session ends, the identity provider is asked whether it still knows the person, and
//! without a page (IsPassive, SAML Core §3.4.1). Whoever it still knows never sees a logon page; for all others nothing
//! changes until the session ends.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use http::{Request, Response, StatusCode};
use moka::sync::Cache;

use crate::clock::{SignedDuration, Timestamp};
use crate::identity::LogonName;
use crate::page::Trouble;
use crate::portal::form::{self, Form};
use crate::portal::{RealmParts, Shared, Visit, logon, redirect, show};
use crate::session::{Session, SessionId};

/// How long a renewal that did not succeed is not tried again.
const PAUSE: std::time::Duration = std::time::Duration::from_secs(60 * 60);

/// Sessions whose last attempt is remembered.
const MAX_REMEMBERED: u64 = 100_000;

/// The renewals that have been tried lately.
pub(super) struct Renewals(Cache<SessionId, ()>);

impl Default for Renewals {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(MAX_REMEMBERED).time_to_live(PAUSE).build())
    }
}

impl Renewals {
    /// Whether this is the first attempt for a while.
    fn begin(&self, session: SessionId) -> bool {
        self.0.entry(session).or_insert(()).is_fresh()
    }
}

/// Begins to renew a session that is about to end. None when there is no reason to, or no way.
pub(super) async fn renew(
    portal: &Shared,
    visit: &Visit,
    session: &Session,
    returning: Option<&str>,
) -> Option<Response<Body>> {
    let now = portal.parts.clock.now();
    if !is_due(session.started, session.expires, portal.config.renew_before, now) || !portal.renewals.begin(session.id)
    {
        return None;
    }
    let (realm, name, typed) = way(portal, session)?;
    // Whoever is asked without a page proves nothing anew.
    if realm.service_provider.requests.force_authn {
        return None;
    }
    Some(logon::renew(portal, visit, realm, &name, typed, returning).await)
}

/// `POST /renew`: somebody wants to go on under the same name for longer.
pub(super) async fn renew_now(
    State(portal): State<Arc<Shared>>,
    Extension(visit): Extension<Visit>,
    request: Request<Body>,
) -> Response<Body> {
    let fail =
        |status, trouble| show(status, visit.trouble(trouble, None).render(&portal.parts.brand, visit.locale(&portal)));
    let form = match Form::read(request, form::MAX_FORM).await {
        Ok(form) => form,
        Err(trouble) => return fail(StatusCode::BAD_REQUEST, trouble),
    };
    if let Err(error) = form::check(&portal, &visit, &form) {
        tracing::info!(reason = %error, client = %visit.peer.client.ip(), request_id = visit.request_id, "form refused");
        return fail(StatusCode::FORBIDDEN, Trouble::Form);
    }
    let Some(session) = visit.session(&portal).await else { return redirect(StatusCode::SEE_OTHER, "/") };
    if session.user.is_guest() {
        return redirect(StatusCode::SEE_OTHER, "/guest");
    }
    if !portal.limiter.admit(visit.peer.client.ip(), &portal.parts.pending).await {
        return fail(StatusCode::TOO_MANY_REQUESTS, Trouble::Busy);
    }
    match way(&portal, &session) {
        Some((realm, name, typed)) => logon::sign_in_again(&portal, &visit, realm, &name, typed).await,
        // Their realm is gone, or switched off: the logon page says what can be done.
        None => fail(StatusCode::SERVICE_UNAVAILABLE, Trouble::ProviderFailed),
    }
}

/// Who vouches for somebody, and under which name.
fn way<'a>(portal: &'a Shared, session: &'a Session) -> Option<(&'a RealmParts, LogonName, &'a str)> {
    let mut realms = portal.parts.realms.iter();
    let realm = realms.find(|parts| parts.realm.name == session.user.realm && parts.is_on())?;
    let typed = session.user.upn.as_deref().unwrap_or(&session.user.name);
    Some((realm, LogonName::parse(typed).ok()?, typed))
}

/// Hours and minutes until a session ends, in its last day; for a short one, in its last quarter.
pub(super) fn left_if_soon(started: Timestamp, expires: Timestamp, now: Timestamp) -> Option<(i64, i64)> {
    let minutes = expires.duration_since(now).as_mins().max(0);
    is_due(started, expires, SignedDuration::from_hours(24), now).then_some((minutes / 60, minutes % 60))
}

/// A short session is renewed in its last quarter: it would be asked about at each visit otherwise.
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
