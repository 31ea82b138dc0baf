//! What we ask of an identity provider, and what its refusals mean to people.

use crate::clock::Timestamp;
use crate::identity::LogonName;
use crate::page::Trouble;
use crate::portal::{Missing, RealmParts};
use crate::saml::guard::Status;
use crate::saml::request::{self, Ask, Request};

/// Why a person cannot be sent to an identity provider.
#[derive(Debug, thiserror::Error)]
pub(in crate::portal) enum Error {
    /// Nothing is known of it at the moment.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// No request can be made that it would accept.
    #[error(transparent)]
    Request(#[from] request::Error),
}

impl Error {
    /// What the person is told. The identity provider was not asked, so it is not blamed.
    pub(super) fn trouble(&self) -> Trouble {
        match self {
            Self::Missing(_) => Trouble::ProviderUnknown,
            Self::Request(_) => Trouble::Misconfigured,
        }
    }
}

/// How the identity provider should ask the person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::portal) enum Manner {
    /// As the realm is configured.
    #[default]
    Usual,
    /// Without showing a page (IsPassive).
    Passive,
    /// With a page, even if it has asked them only just now (ForceAuthn).
    Anew,
}

/// Makes an AuthnRequest for the person who typed `name`, who is to sign in in one of these ways, if there are any.
pub(in crate::portal) fn ask(
    parts: &RealmParts,
    relay_state: &str,
    name: &LogonName,
    manner: Manner,
    ways: &[String],
    now: Timestamp,
) -> Result<Request, Error> {
    let hint = parts.realm.login_hint(name);
    let (passive, force) = (manner == Manner::Passive, manner == Manner::Anew);
    let ask = Ask { relay_state, login_hint: Some(&hint), passive, force, ways };
    let idp = parts.identity_provider.known()?;
    Ok(request::build(&parts.service_provider, &idp, &ask, now)?)
}

/// What a refusal means, and the identity provider's own words about it.
///
/// Entra's codes: <https://learn.microsoft.com/entra/identity-platform/reference-error-codes>.
pub(in crate::portal) fn explain(status: &Status) -> (Trouble, Option<String>) {
    let message = status.message.as_deref().unwrap_or_default();
    let trouble = match entra_code(message) {
        Some(50_105) => Trouble::NotAssigned,
        Some(50_058 | 50_078 | 50_133 | 50_173) => Trouble::NoSession,
        Some(65_004 | 50_140 | 16_000) => Trouble::Cancelled,
        Some(50_034 | 50_053 | 50_055 | 50_057 | 50_126 | 50_144 | 90_072) => Trouble::Locked,
        Some(50_005 | 50_074 | 50_076 | 50_079 | 50_097 | 50_158 | 53_000..=53_099) => Trouble::Policy,
        Some(50_011 | 70_001 | 75_001..=75_099 | 650_052 | 700_016 | 900_235 | 900_236) => Trouble::Misconfigured,
        Some(_) => Trouble::ProviderFailed,
        None => by_status(status),
    };
    let said: String = message.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(400).collect();
    (trouble, (!said.is_empty()).then_some(said))
}

/// What a status without an Entra code means (SAML Core §3.2.2.2).
fn by_status(status: &Status) -> Trouble {
    match status.subcode.as_deref().and_then(|code| code.rsplit(':').next()) {
        Some("NoPassive" | "AuthnFailed") => Trouble::NoSession,
        Some("RequestDenied") => Trouble::Policy,
        Some("UnknownPrincipal") => Trouble::Locked,
        Some("RequestUnsupported" | "InvalidNameIDPolicy" | "UnsupportedBinding" | "NoAuthnContext") => {
            Trouble::Misconfigured
        }
        _ => Trouble::ProviderFailed,
    }
}

/// The number in a message such as `AADSTS50105: …`.
fn entra_code(message: &str) -> Option<u32> {
    let (_, rest) = message.split_once("AADSTS")?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_explained_by_its_code_and_else_by_its_status() {
        let status = |subcode: Option<&str>, message: Option<&str>| Status {
            code: "urn:oasis:names:tc:SAML:2.0:status:Responder".into(),
            subcode: subcode.map(|code| format!("urn:oasis:names:tc:SAML:2.0:status:{code}")),
            message: message.map(str::to_owned),
        };
        for (subcode, message, trouble) in [
            (None, Some("AADSTS50105: The signed in user is not assigned to a role."), Trouble::NotAssigned),
            (Some("NoPassive"), Some("AADSTS50058: A silent sign-in request was sent."), Trouble::NoSession),
            (None, Some("AADSTS75011: Authentication method mismatch."), Trouble::Misconfigured),
            (None, Some("AADSTS50011: The reply URL does not match."), Trouble::Misconfigured),
            (None, Some("AADSTS700016: Application was not found."), Trouble::Misconfigured),
            (None, Some("AADSTS900236: The property 'Subject' is not supported."), Trouble::Misconfigured),
            (None, Some("AADSTS53003: Access has been blocked."), Trouble::Policy),
            (None, Some("AADSTS50057: The user account is disabled."), Trouble::Locked),
            (None, Some("AADSTS65004: User declined to consent."), Trouble::Cancelled),
            (None, Some("AADSTS99999999999999999999"), Trouble::ProviderFailed),
            (Some("NoPassive"), None, Trouble::NoSession),
            (Some("RequestDenied"), None, Trouble::Policy),
            (None, None, Trouble::ProviderFailed),
        ] {
            assert_eq!(explain(&status(subcode, message)).0, trouble, "{subcode:?} {message:?}");
        }
        assert_eq!(explain(&status(None, Some(" two\n lines "))).1.as_deref(), Some("two lines"));
        assert_eq!(explain(&status(None, Some(&"x".repeat(1000)))).1.map(|said| said.len()), Some(400));
    }
}
