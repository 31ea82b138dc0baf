//! Holds a Response against what was expected: this request, this address, this identity provider, this moment.

use crate::clock::{SignedDuration, Timestamp, after};
use crate::saml::assertion::{Assertion, Conditions, Confirmation, parse_instant};
use crate::saml::guard::Facts;
use crate::saml::{Error, IdentityProvider, ServiceProvider, guard, verify};

/// How far the clocks of identity provider and service provider may differ.
pub const CLOCK_SKEW: SignedDuration = SignedDuration::from_secs(60);
/// How long a person may take to sign in.
pub const MAX_AGE: SignedDuration = SignedDuration::from_mins(60);

/// What a Response is held against.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Us.
    pub service_provider: &'a ServiceProvider,
    /// Who was asked.
    pub identity_provider: &'a IdentityProvider,
    /// The address that the Response was posted to.
    pub endpoint: &'a str,
    /// The ID of the AuthnRequest that this browser was sent away with.
    pub request_id: &'a str,
    /// When that was.
    pub requested: Timestamp,
    /// How long the person may have taken since then; [`MAX_AGE`] unless there is a reason.
    pub max_age: SignedDuration,
    /// How far the clocks may differ; [`CLOCK_SKEW`] unless there is a reason.
    pub clock_skew: SignedDuration,
}

/// What an identity provider vouches for, in an Assertion that holds here and now.
///
/// It remains to be seen to by the caller that the request is answered only once, by the browser that made it, and that
/// the Assertion is used only once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The Assertion's identifier, by which a second use is recognised.
    pub assertion_id: String,
    /// Until when the Assertion could be used again, clock skew included: so long must its identifier be remembered.
    pub reusable_until: Timestamp,
    /// When the person proved who they are; with single sign-on, some time ago.
    pub authenticated: Timestamp,
    /// The identity provider's name for this session, for logout.
    pub session_index: Option<String>,
    /// When the identity provider wants the session to be over.
    pub session_ends: Option<Timestamp>,
    /// NameID.
    pub name_id: Option<String>,
    /// The attributes, in the order of the Assertion.
    pub attributes: Vec<Attribute>,
}

/// An attribute of the person: a claim, in Entra's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// Its name.
    pub name: String,
    /// Its values that are text.
    pub values: Vec<String>,
}

/// Accepts the form field `SAMLResponse`, or says why not.
pub fn accept(field: &str, expected: &Expected<'_>, now: Timestamp) -> Result<Accepted, Error> {
    if !expected.service_provider.takes_responses_at(expected.endpoint) {
        return Err(Error::WrongEndpoint);
    }
    if after(expected.requested, expected.max_age) < now {
        return Err(Error::RequestTooOld);
    }
    let message = guard::admit(field)?;
    check_response(&message.facts, expected, now)?;
    if !message.facts.status.is_success() {
        return Err(Error::Status(message.facts.status));
    }
    if !message.has_assertion() {
        return Err(Error::NoAssertion);
    }
    let verified = verify::verify(&message, expected.identity_provider, &expected.service_provider.keys)?;
    // SAML Bindings §3.5.5.2: a signed message says where it is going.
    if verified.response_signed && message.facts.destination.is_none() {
        return Err(Error::WrongDestination);
    }
    let assertion = Assertion::read(&verified.assertion)?;
    check_assertion(&assertion, expected, now)?;
    let confirmation = confirmed(&assertion.confirmations, expected, now)?;
    let end = assertion.conditions.not_on_or_after.max(confirmation.not_on_or_after);
    Ok(Accepted {
        assertion_id: assertion.id,
        reusable_until: after(end, expected.clock_skew),
        authenticated: assertion.authentication.instant,
        session_index: assertion.authentication.session_index,
        session_ends: assertion.authentication.session_not_on_or_after,
        name_id: assertion.name_id,
        attributes: assertion.attributes,
    })
}

/// Where only the Assertion is signed, this holds nobody back who can write; it tells honest mistakes apart.
fn check_response(facts: &Facts, expected: &Expected<'_>, now: Timestamp) -> Result<(), Error> {
    if facts.version != "2.0" {
        return Err(Error::WrongVersion);
    }
    if facts.destination.as_deref().is_some_and(|destination| destination != expected.endpoint) {
        return Err(Error::WrongDestination);
    }
    if facts.issuer.as_deref().is_some_and(|issuer| issuer != expected.identity_provider.entity_id()) {
        return Err(Error::WrongIssuer);
    }
    if facts.in_response_to.as_deref() != Some(expected.request_id) {
        return Err(Error::WrongRequest);
    }
    check_issued(parse_instant(&facts.issue_instant)?, expected, now)
}

fn check_assertion(assertion: &Assertion, expected: &Expected<'_>, now: Timestamp) -> Result<(), Error> {
    if assertion.version != "2.0" {
        return Err(Error::WrongVersion);
    }
    if assertion.issuer != expected.identity_provider.entity_id() {
        return Err(Error::WrongIssuer);
    }
    check_issued(assertion.issue_instant, expected, now)?;
    check_conditions(&assertion.conditions, expected, now)?;
    check_issued(assertion.authentication.instant, expected, now)?;
    let session = assertion.authentication.session_not_on_or_after;
    if session.is_some_and(|end| after(end, expected.clock_skew) <= now) {
        return Err(Error::SessionEnded);
    }
    Ok(())
}

fn check_issued(instant: Timestamp, expected: &Expected<'_>, now: Timestamp) -> Result<(), Error> {
    if instant > after(now, expected.clock_skew) { Err(Error::IssuedInFuture) } else { Ok(()) }
}

fn check_conditions(conditions: &Conditions, expected: &Expected<'_>, now: Timestamp) -> Result<(), Error> {
    if conditions.not_before > after(now, expected.clock_skew) {
        return Err(Error::NotYetValid);
    }
    if after(conditions.not_on_or_after, expected.clock_skew) <= now {
        return Err(Error::Expired);
    }
    if conditions.restrictions.is_empty() {
        return Err(Error::NoAudience);
    }
    // SAML Core §2.5.1.4: each restriction must hold; in each, one audience is enough.
    let ours = |audience: &String| *audience == expected.service_provider.entity_id;
    if conditions.restrictions.iter().all(|restriction| restriction.iter().any(ours)) {
        Ok(())
    } else {
        Err(Error::WrongAudience)
    }
}

/// The first bearer confirmation that holds; else what the last one failed at.
fn confirmed<'a>(
    confirmations: &'a [Confirmation],
    expected: &Expected<'_>,
    now: Timestamp,
) -> Result<&'a Confirmation, Error> {
    let mut failure = Error::NoConfirmation;
    for confirmation in confirmations {
        match check_confirmation(confirmation, expected, now) {
            Ok(()) => return Ok(confirmation),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

fn check_confirmation(confirmation: &Confirmation, expected: &Expected<'_>, now: Timestamp) -> Result<(), Error> {
    if confirmation.recipient.as_deref() != Some(expected.endpoint) {
        return Err(Error::WrongRecipient);
    }
    if confirmation.in_response_to.as_deref() != Some(expected.request_id) {
        return Err(Error::WrongRequest);
    }
    if after(confirmation.not_on_or_after, expected.clock_skew) <= now {
        return Err(Error::Expired);
    }
    Ok(())
}
