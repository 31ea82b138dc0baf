//! How a sign-in is refused: the page for the person, and the event in the log.

use axum::body::Body;
use http::{Response, StatusCode};

use super::identity_provider;
use crate::observe::audit::{Entry, What};
use crate::page::Trouble;
use crate::portal::verify::Refusal;
use crate::portal::{Shared, Visit, onward, redirect, show};
use crate::saml::{self, claims};
use crate::session::store;

/// A refusal, and what is known of the sign-in.
pub(super) struct Failure {
    pub(super) refusal: Refusal,
    pub(super) realm: Option<String>,
    pub(super) returning: Option<String>,
    /// Whether it is a failed renewal, after which the session goes on.
    pub(super) renews: bool,
}

impl Failure {
    /// A refusal before anything is known of the sign-in.
    pub(super) fn early(refusal: Refusal) -> Self {
        Self { refusal, realm: None, returning: None, renews: false }
    }
}

/// Records a refusal, and gives its page. To people most refused Responses look the same; the reason is in the log.
pub(super) fn refuse(portal: &Shared, visit: &Visit, failure: &Failure) -> Response<Body> {
    record(portal, visit, failure);
    if failure.renews {
        tracing::info!(realm = failure.realm, reason = %failure.refusal, request_id = visit.request_id, "a session was not renewed silently: it goes on until its end");
        return redirect(StatusCode::SEE_OTHER, &onward::after_sign_in(portal, None, failure.returning.as_deref()));
    }
    if matches!(failure.refusal, Refusal::Spent) {
        tracing::info!(
            client = %visit.peer.client.ip(),
            request_id = visit.request_id,
            "a Response came for a sign-in that is over: the browser is sent on to see whether it is signed in"
        );
        return redirect(StatusCode::SEE_OTHER, "/again");
    }
    let (status, trouble, said) = told(&failure.refusal);
    if matches!(&failure.refusal, Refusal::Response(saml::Error::Disagreement) | Refusal::Broken) {
        portal.parts.metrics.disagreement();
        tracing::error!(
            realm = failure.realm,
            client = %visit.peer.client.ip(),
            request_id = visit.request_id,
            "the two verifiers disagree about a Response, or one of them failed: nobody is signed in; this is an attack, or a fault in one of them"
        );
    }
    tracing::warn!(
        realm = failure.realm,
        reason = %failure.refusal,
        client = %visit.peer.client.ip(),
        request_id = visit.request_id,
        "a sign-in was refused: nobody is signed in by it"
    );
    let mut page = visit.trouble(trouble, failure.returning.as_deref());
    page.said = said;
    show(status, page.render(&portal.parts.brand, visit.locale(portal)))
}

/// What the person is told, with which status, and what the identity provider said in its own words.
fn told(refusal: &Refusal) -> (StatusCode, Trouble, Option<String>) {
    let trouble = match refusal {
        Refusal::Response(saml::Error::Status(status)) => {
            let (trouble, said) = identity_provider::explain(status);
            return (StatusCode::FORBIDDEN, trouble, said);
        }
        Refusal::OtherBrowser => Trouble::Foreign,
        Refusal::OtherPerson => Trouble::OtherPerson,
        Refusal::OtherProof => Trouble::OtherProof,
        Refusal::NotAnew => Trouble::NotAnew,
        Refusal::Occupied => Trouble::Occupied,
        Refusal::Busy | Refusal::Store(store::Error::Full) => Trouble::Busy,
        Refusal::Store(store::Error::Away) => Trouble::Away,
        Refusal::Missing(_) => Trouble::ProviderUnknown,
        Refusal::Response(error) => trouble_of(error),
        Refusal::Claims(claims::Error::Foreign(_)) => Trouble::ForeignName,
        Refusal::Claims(error) if error.is_about_tenant() => Trouble::OtherTenant,
        Refusal::Claims(_) => Trouble::NoName,
        Refusal::Spent
        | Refusal::Directory(_)
        | Refusal::NoResponse
        | Refusal::NotBase64
        | Refusal::UnknownRealm
        | Refusal::Broken
        | Refusal::Replayed => Trouble::Refused,
    };
    let status = match refusal {
        Refusal::NotBase64 => StatusCode::BAD_REQUEST,
        Refusal::Busy | Refusal::Store(_) | Refusal::Missing(_) => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::FORBIDDEN,
    };
    (status, trouble, None)
}

/// Records a refusal.
fn record(portal: &Shared, visit: &Visit, failure: &Failure) {
    let (realm, reason) = (failure.realm.as_deref(), failure.refusal.to_string());
    portal.parts.metrics.sign_in(realm, failure.refusal.as_str());
    portal.parts.audit.record(What::SignInRefused, Entry { realm, reason: Some(&reason), ..visit.audit_entry() });
}

/// What a person is told about a Response that is not accepted. It only distinguishes times and what was asked for:
/// anything else would only help an attacker.
fn trouble_of(error: &saml::Error) -> Trouble {
    use crate::saml::Error;
    match error {
        Error::IssuedInFuture | Error::IssuedBeforeRequest | Error::NotYetValid => Trouble::Clock,
        Error::Expired | Error::RequestTooOld | Error::SessionEnded => Trouble::TooLate,
        Error::NotAnew => Trouble::NotAsked,
        Error::OtherContext => Trouble::OtherWay,
        _ => Trouble::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::portal::Missing;
    use crate::saml::Error;

    #[test]
    fn times_and_wishes_are_told_to_people_and_nothing_else_is() {
        for (error, trouble) in [
            (Error::IssuedInFuture, Trouble::Clock),
            (Error::IssuedBeforeRequest, Trouble::Clock),
            (Error::NotYetValid, Trouble::Clock),
            (Error::Expired, Trouble::TooLate),
            (Error::RequestTooOld, Trouble::TooLate),
            (Error::SessionEnded, Trouble::TooLate),
            (Error::NotAnew, Trouble::NotAsked),
            (Error::OtherContext, Trouble::OtherWay),
            (Error::BadSignature, Trouble::Refused),
            (Error::NotDecrypted, Trouble::Refused),
            (Error::WrongAudience, Trouble::Refused),
        ] {
            assert_eq!(trouble_of(&error), trouble, "{error}");
        }
    }

    #[test]
    fn a_claim_that_was_refused_is_named_by_its_role() {
        use claims::Error::{Ambiguous, Foreign, NoIdentity, Transient, Unusable, WrongTenant};
        let tenant = || "http://schemas.microsoft.com/identity/claims/tenantid".to_owned();
        for (error, trouble) in [
            (NoIdentity, Trouble::NoName),
            (Transient, Trouble::NoName),
            (Ambiguous("uPN".into()), Trouble::NoName),
            (Unusable("NameID".into()), Trouble::NoName),
            (Foreign("eve@fabrikam.com".into()), Trouble::ForeignName),
            (WrongTenant, Trouble::OtherTenant),
            (Ambiguous(tenant()), Trouble::OtherTenant),
            (Unusable(tenant()), Trouble::OtherTenant),
        ] {
            let said = error.to_string();
            assert_eq!(told(&Refusal::Claims(error)), (StatusCode::FORBIDDEN, trouble, None), "{said}");
        }
    }

    #[test]
    fn what_is_our_own_want_is_no_refusal_and_what_is_no_message_is_a_bad_request() {
        let missing = Missing::NeverFetched { url: "https://meta.test/".into(), reason: "refused".into() };
        let unavailable = (StatusCode::SERVICE_UNAVAILABLE, Trouble::ProviderUnknown, None);
        assert_eq!(told(&Refusal::Missing(missing)), unavailable);
        assert_eq!(told(&Refusal::NotBase64), (StatusCode::BAD_REQUEST, Trouble::Refused, None));
        assert_eq!(told(&Refusal::NoResponse), (StatusCode::FORBIDDEN, Trouble::Refused, None));
    }
}
