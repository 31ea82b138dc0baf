//! Silent renewal: shortly before a session ends, the identity provider is asked whether it still knows the person, and
//! without a page (IsPassive, SAML Core §3.4.1). Whoever it still knows never sees a logon page; for all others nothing
//! changes until the session ends.

use axum::body::Body;
use http::Response;
use moka::sync::Cache;

use crate::clock::{SignedDuration, Timestamp};
use crate::identity::LogonName;
use crate::portal::{Shared, Visit, logon};
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
    let realm =
        portal.parts.realms.iter().find(|parts| parts.realm.name == session.user.realm && parts.switch.is_on())?;
    let typed = session.user.upn.as_deref().unwrap_or(&session.user.name);
    let name = LogonName::parse(typed).ok()?;
    Some(logon::renew(portal, visit, realm, &name, typed, returning).await)
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
    fn a_renewal_is_tried_once_for_a_while() {
        let renewals = Renewals::default();
        let session = SessionId::of_secret("one");
        assert!(renewals.begin(session) && !renewals.begin(session));
        assert!(renewals.begin(SessionId::of_secret("other")));
    }
}
