//! Holds a Response against what was expected: this request, this address, this identity provider, this moment.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::clock::{SignedDuration, Timestamp, after};
pub use crate::saml::assertion::Attribute;
use crate::saml::assertion::{Assertion, Conditions, Confirmation, parse_instant};
use crate::saml::guard::{Facts, Guarded};
use crate::saml::verify::Verified;
use crate::saml::{Error, IdentityProvider, NameId, ServiceProvider, guard, verify};

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
    /// The ID of the AuthnRequest that this browser was sent away with; none where nobody asked and the sign-in began at the
    /// identity provider.
    pub request_id: Option<&'a str>,
    /// When the AuthnRequest was made; now, where there was none.
    pub requested: Timestamp,
    /// Whether this person must have proven who they are after the request, even where the realm does not want that of
    /// everybody.
    pub anew: bool,
    /// The ways of signing in that count for this person, in place of those that the realm asks for; none of them for those
    /// of the realm.
    pub ways: &'a [String],
    /// How long after the request the answer is taken; [`MAX_AGE`] unless there is a reason.
    pub max_age: SignedDuration,
    /// How far the clocks may differ; [`CLOCK_SKEW`] unless there is a reason.
    pub clock_skew: SignedDuration,
}

/// What an identity provider vouches for, in an Assertion that holds here and now.
///
/// The caller must see to it that the request is answered once only, by the browser that made it, and that the Assertion is
/// used once only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The Assertion's identifier, by which a second use is recognised.
    pub assertion_id: String,
    /// Until when the Assertion could be used again, clock skew included: its identifier must be remembered until then.
    pub reusable_until: Timestamp,
    /// When the person proved who they are; with single sign-on, some time ago.
    pub authenticated: Timestamp,
    /// In which way they did so (AuthnContextClassRef), if that is said.
    pub way: Option<String>,
    /// The identity provider's name for this session, for logout.
    pub session_index: Option<String>,
    /// When the identity provider wants the session to be over.
    pub session_ends: Option<Timestamp>,
    /// NameID.
    pub name_id: Option<NameId>,
    /// The attributes, in the order of the Assertion.
    pub attributes: Vec<Attribute>,
}

/// One thing that must hold of a Response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Check {
    /// Whether it came in time.
    Age,
    /// Whether it has the one shape of an honest Response.
    Shape,
    /// Which version of SAML it has.
    Version,
    /// Where it was sent.
    Destination,
    /// Who sent it.
    Issuer,
    /// Which request it answers.
    Request,
    /// When it was made.
    Issued,
    /// What it says of itself.
    Status,
    /// Whether both verifiers find that a key of the identity provider signed it.
    Signature,
    /// Whether the Assertion is complete.
    Assertion,
    /// Who vouches.
    AssertionIssuer,
    /// When the Assertion was made.
    AssertionIssued,
    /// Whether its time has come, and is not over.
    Validity,
    /// For whom it is meant.
    Audience,
    /// When the person proved who they are, and until when that counts.
    Authentication,
    /// In which way they did, where the realm asks for one.
    Context,
    /// Whether they did so after they were asked, where they had to.
    Anew,
    /// To where, when, and in answer to what it may be presented.
    Confirmation,
    /// Whether the claims name somebody.
    Identity,
    /// Whether the realm speaks for the domain of that name.
    Domain,
}

type OfResponse = fn(&Facts, &Expected<'_>, Timestamp) -> Result<(), Error>;
type OfAssertion = fn(&Assertion, &Expected<'_>, Timestamp) -> Result<(), Error>;

/// What must hold of a Response. Where only the Assertion is signed, this holds nobody back who can write; it tells honest
/// mistakes apart.
pub(super) const OF_RESPONSE: [(Check, OfResponse); 5] = [
    (Check::Version, check_version),
    (Check::Destination, check_destination),
    (Check::Issuer, check_issuer),
    (Check::Request, check_request),
    (Check::Issued, |facts, expected, now| check_answer_issued(parse_instant(&facts.issue_instant)?, expected, now)),
];

/// What must hold of an Assertion.
pub(super) const OF_ASSERTION: [(Check, OfAssertion); 8] = [
    (Check::AssertionIssuer, check_assertion_issuer),
    (Check::AssertionIssued, |assertion, expected, now| check_answer_issued(assertion.issue_instant, expected, now)),
    (Check::Validity, check_validity),
    (Check::Audience, check_audience),
    (Check::Authentication, check_authentication),
    (Check::Context, check_context),
    (Check::Anew, check_anew),
    (Check::Confirmation, |assertion, expected, now| check_confirmations(&assertion.confirmations, expected, now)),
];

/// Accepts the form field `SAMLResponse`, or says why not.
pub fn accept(field: &str, expected: &Expected<'_>, now: Timestamp) -> Result<Accepted, Error> {
    check_age(expected, now)?;
    let message = guard::admit(field)?;
    OF_RESPONSE.iter().try_for_each(|(_, check)| check(&message.facts, expected, now))?;
    check_status(&message)?;
    let assertion = read(&message, expected)?;
    OF_ASSERTION.iter().try_for_each(|(_, check)| check(&assertion, expected, now))?;
    // Another confirmation than the one that holds now may hold later.
    let ends = assertion.confirmations.iter().map(|confirmation| confirmation.not_on_or_after);
    let end = ends.chain(assertion.conditions.not_on_or_after).max().unwrap_or(now);
    let authenticated = proven(&assertion, expected)?;
    let way = assertion.authentication.way(&wanted(expected)).map(str::to_owned);
    Ok(Accepted {
        assertion_id: assertion.id,
        reusable_until: after(end, expected.clock_skew),
        authenticated,
        way,
        session_index: assertion.authentication.session_index,
        session_ends: assertion.authentication.session_not_on_or_after,
        name_id: assertion.name_id,
        attributes: assertion.attributes,
    })
}

pub(super) fn check_age(expected: &Expected<'_>, now: Timestamp) -> Result<(), Error> {
    if !expected.service_provider.takes_responses_at(expected.endpoint) {
        return Err(Error::WrongEndpoint);
    }
    if after(expected.requested, expected.max_age) < now { Err(Error::RequestTooOld) } else { Ok(()) }
}

pub(super) fn check_status(message: &Guarded) -> Result<(), Error> {
    if !message.facts.status.is_success() {
        return Err(Error::Status(message.facts.status.clone()));
    }
    if message.has_assertion() { Ok(()) } else { Err(Error::NoAssertion) }
}

/// The Assertion, once its signature is verified.
fn read(message: &Guarded, expected: &Expected<'_>) -> Result<Assertion, Error> {
    let verified = verify::verify(message, expected.identity_provider, expected.service_provider)?;
    check_signed_destination(message, &verified)?;
    Assertion::read(&verified.assertion)
}

/// SAML Bindings §3.5.5.2: a signed message says where it is going.
pub(super) fn check_signed_destination(message: &Guarded, verified: &Verified) -> Result<(), Error> {
    let missing = verified.response_signed && message.facts.destination.is_none();
    if missing { Err(Error::WrongDestination) } else { Ok(()) }
}

fn check_version(facts: &Facts, _: &Expected<'_>, _: Timestamp) -> Result<(), Error> {
    if facts.version == "2.0" { Ok(()) } else { Err(Error::WrongVersion) }
}

fn check_destination(facts: &Facts, expected: &Expected<'_>, _: Timestamp) -> Result<(), Error> {
    let elsewhere = facts.destination.as_deref().is_some_and(|destination| destination != expected.endpoint);
    if elsewhere { Err(Error::WrongDestination) } else { Ok(()) }
}

fn check_issuer(facts: &Facts, expected: &Expected<'_>, _: Timestamp) -> Result<(), Error> {
    let another = facts.issuer.as_deref().is_some_and(|issuer| issuer != expected.identity_provider.entity_id());
    if another { Err(Error::WrongIssuer) } else { Ok(()) }
}

fn check_request(facts: &Facts, expected: &Expected<'_>, _: Timestamp) -> Result<(), Error> {
    if facts.in_response_to.as_deref() == expected.request_id { Ok(()) } else { Err(Error::WrongRequest) }
}

fn check_assertion_issuer(assertion: &Assertion, expected: &Expected<'_>, _: Timestamp) -> Result<(), Error> {
    if assertion.version != "2.0" {
        return Err(Error::WrongVersion);
    }
    if assertion.issuer == expected.identity_provider.entity_id() { Ok(()) } else { Err(Error::WrongIssuer) }
}

fn check_authentication(assertion: &Assertion, expected: &Expected<'_>, now: Timestamp) -> Result<(), Error> {
    check_issued(assertion.authentication.latest(&[]).ok_or(Error::NoAuthnStatement)?, expected, now)?;
    let session = assertion.authentication.session_not_on_or_after;
    if session.is_some_and(|end| after(end, expected.clock_skew) <= now) { Err(Error::SessionEnded) } else { Ok(()) }
}

/// SAML Core §3.3.2.2.1, `exact`. The request came by way of the browser, and it may be unsigned: who sits there could have
/// taken the wish out of it, so only the answer tells.
fn check_context(assertion: &Assertion, expected: &Expected<'_>, _: Timestamp) -> Result<(), Error> {
    proven(assertion, expected).map(|_| ())
}

/// SAML Core §3.4.1, `ForceAuthn`. Whoever was not asked at all has proven nothing anew.
fn check_anew(assertion: &Assertion, expected: &Expected<'_>, _: Timestamp) -> Result<(), Error> {
    if !expected.anew && !expected.service_provider.requests.force_authn {
        return Ok(());
    }
    // Where a way of signing in is wanted, another way proves nothing, however late.
    let proven = proven(assertion, expected).ok().or_else(|| assertion.authentication.latest(&[]));
    let young = proven.is_some_and(|proven| after(proven, expected.clock_skew) >= expected.requested);
    if young && expected.request_id.is_some() { Ok(()) } else { Err(Error::NotAnew) }
}

/// When the person last proved who they are, in a way that the realm asks for.
pub(super) fn proven(assertion: &Assertion, expected: &Expected<'_>) -> Result<Timestamp, Error> {
    assertion.authentication.latest(&wanted(expected)).ok_or(Error::OtherContext)
}

/// The ways of signing in that count: those that a rule wants, as far as the realm takes them.
fn wanted<'a>(expected: &Expected<'a>) -> Cow<'a, [String]> {
    let own = &expected.service_provider.requests.authn_context;
    match (expected.ways, own.as_slice()) {
        ([], own) => own.into(),
        (ways, []) => ways.into(),
        (ways, own) => {
            let both: Vec<String> = ways.iter().filter(|way| own.contains(way)).cloned().collect();
            // Of none at all, any would count.
            if both.is_empty() { own.into() } else { both.into() }
        }
    }
}

fn check_issued(instant: Timestamp, expected: &Expected<'_>, now: Timestamp) -> Result<(), Error> {
    if instant > after(now, expected.clock_skew) { Err(Error::IssuedInFuture) } else { Ok(()) }
}

/// An answer is not made before what it answers.
fn check_answer_issued(instant: Timestamp, expected: &Expected<'_>, now: Timestamp) -> Result<(), Error> {
    check_issued(instant, expected, now)?;
    let early = expected.request_id.is_some() && after(instant, expected.clock_skew) < expected.requested;
    if early { Err(Error::IssuedBeforeRequest) } else { Ok(()) }
}

fn check_validity(assertion: &Assertion, expected: &Expected<'_>, now: Timestamp) -> Result<(), Error> {
    let Conditions { not_before, not_on_or_after, .. } = &assertion.conditions;
    if not_before.is_some_and(|time| time > after(now, expected.clock_skew)) {
        return Err(Error::NotYetValid);
    }
    let over = not_on_or_after.is_some_and(|time| after(time, expected.clock_skew) <= now);
    if over { Err(Error::Expired) } else { Ok(()) }
}

fn check_audience(assertion: &Assertion, expected: &Expected<'_>, _: Timestamp) -> Result<(), Error> {
    let restrictions = &assertion.conditions.restrictions;
    if restrictions.is_empty() {
        return Err(Error::NoAudience);
    }
    // SAML Core §2.5.1.4: each restriction must hold; in each, one audience is enough.
    let ours = |audience: &String| *audience == expected.service_provider.entity_id;
    if restrictions.iter().all(|restriction| restriction.iter().any(ours)) { Ok(()) } else { Err(Error::WrongAudience) }
}

/// One bearer confirmation that holds is enough; else it is said what the last one failed at.
fn check_confirmations(all: &[Confirmation], expected: &Expected<'_>, now: Timestamp) -> Result<(), Error> {
    let mut failure = Error::NoConfirmation;
    for confirmation in all {
        match check_confirmation(confirmation, expected, now) {
            Ok(()) => return Ok(()),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

fn check_confirmation(confirmation: &Confirmation, expected: &Expected<'_>, now: Timestamp) -> Result<(), Error> {
    if confirmation.recipient.as_deref() != Some(expected.endpoint) {
        return Err(Error::WrongRecipient);
    }
    if confirmation.in_response_to.as_deref() != expected.request_id {
        return Err(Error::WrongRequest);
    }
    if after(confirmation.not_on_or_after, expected.clock_skew) <= now {
        return Err(Error::Expired);
    }
    Ok(())
}
