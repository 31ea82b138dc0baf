//! A sign-in that changes nothing: every check of a Response on its own, for an operator to read.
//!
//! The checks are those of [`response::accept`], out of the same tables. Where it stops at the first failure, a trial goes
//! on as far as what was signed can be known.

use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::x509::X509;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::saml::assertion::Assertion;
use crate::saml::binding::Outgoing;
use crate::saml::claims::{self, Field};
use crate::saml::guard::{self, Guarded, Status};
use crate::saml::response::{self, Accepted, Check, Expected, OF_ASSERTION, OF_RESPONSE};
use crate::saml::verify::{self, Verified};
use crate::saml::xml::{Comments, parse};
use crate::saml::{ClaimMap, Error, ns, pretty, redirect};

/// The most values of a claim, and certificates, that are listed.
const MAX_LISTED: usize = 200;

/// What came of a trial.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Whether a sign-in would have succeeded.
    pub passed: bool,
    /// Each check, in order.
    pub steps: Vec<Step>,
    /// How the identity provider says that it went, if that was not well.
    pub status: Option<Status>,
    /// The Response, readable, without signatures.
    pub response: Option<String>,
    /// The Assertion that was inside an encrypted one.
    pub assertion: Option<String>,
    /// The certificates in the message, if no trusted key fits its signature: whoever signed it put them there.
    pub strangers: Vec<Certificate>,
    /// The trusted ones, then.
    pub trusted: Vec<Certificate>,
    /// The claims, and what they became.
    pub claims: Vec<Claim>,
}

/// A check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Which.
    pub check: Check,
    /// What came of it.
    pub outcome: Outcome,
    /// What was wanted there, and what was found, where the two can be put side by side.
    pub compared: Option<(String, String)>,
    /// Whether it failed because of an algorithm, and nothing else.
    #[serde(default)]
    pub is_algorithm: bool,
}

/// What came of a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It passed.
    Passed,
    /// It did not, for this reason, in the words of the log.
    Failed(String),
    /// An earlier failure left nothing to check.
    NotReached,
}

/// A certificate, as identity administrators know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// SHA-1 of it, as Entra's *Thumbprint*.
    pub thumbprint: String,
    /// Its common name.
    pub name: String,
    /// When it ends, as the certificate has it.
    pub until: String,
}

/// A claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Its name.
    pub name: String,
    /// Its values.
    pub values: Vec<String>,
    /// What it became.
    pub fields: Vec<Field>,
    /// Why it became nothing, if it could have become something.
    #[serde(default)]
    pub unused: Option<String>,
}

/// The message that a browser is sent away with, readable.
pub fn request(outgoing: &Outgoing) -> Option<String> {
    let xml = match outgoing {
        Outgoing::Go(url) => redirect::read(url.query()?).ok()?.xml,
        Outgoing::Submit(form) => String::from_utf8(guard::unpack(&form.fields.first()?.1).ok()?).ok()?,
    };
    pretty::text(&xml)
}

/// Tries the form field `SAMLResponse`.
pub fn run(field: &str, expected: &Expected<'_>, claims: &ClaimMap, now: Timestamp) -> Report {
    let mut report = Report::default();
    report.note(Check::Age, response::check_age(expected, now), None);
    match guard::admit(field) {
        Ok(message) => {
            report.note(Check::Shape, Ok(()), None);
            report.look_at(&message, expected, claims, now);
        }
        Err(error) => {
            let compared = (error == Error::ForbiddenAlgorithm).then(|| algorithms(field)).flatten();
            report.note(Check::Shape, Err(error), compared);
            report.response = shown(field);
        }
    }
    report.skip_the_rest();
    // The verdict is not this module's: it is that of a real sign-in.
    let real = response::accept(field, expected, now);
    let named = real.as_ref().is_ok_and(|accepted| claims.user(accepted).is_ok());
    report.passed = named && report.steps.iter().all(|step| step.outcome == Outcome::Passed);
    report
}

impl Report {
    fn note(&mut self, check: Check, result: Result<(), Error>, compared: Option<(String, String)>) {
        let is_algorithm = result == Err(Error::ForbiddenAlgorithm);
        let outcome = result.map_or_else(|error| Outcome::Failed(error.to_string()), |()| Outcome::Passed);
        self.steps.push(Step { check, outcome, compared, is_algorithm });
    }

    fn look_at(&mut self, message: &Guarded, expected: &Expected<'_>, claims: &ClaimMap, now: Timestamp) {
        self.response = Some(pretty::element(&message.response));
        for (check, holds) in OF_RESPONSE {
            let found = |found: &Option<String>| found.clone().unwrap_or_default();
            let compared = match check {
                Check::Destination => Some((expected.endpoint.to_owned(), found(&message.facts.destination))),
                Check::Issuer => {
                    Some((expected.identity_provider.entity_id().to_owned(), found(&message.facts.issuer)))
                }
                Check::Issued => Some((format!("{now:.0}"), message.facts.issue_instant.clone())),
                _ => None,
            };
            self.note(check, holds(&message.facts, expected, now), compared);
        }
        let status = response::check_status(message);
        if let Err(Error::Status(status)) = &status {
            self.status = Some(status.clone());
        }
        let went_well = status.is_ok();
        self.note(Check::Status, status, None);
        if !went_well {
            return;
        }
        match verify::verify(message, expected.identity_provider, expected.service_provider) {
            Ok(verified) => {
                self.note(Check::Signature, response::check_signed_destination(message, &verified), None);
                self.look_inside(message, &verified, expected, claims, now);
            }
            Err(error) => {
                if error == Error::BadSignature {
                    self.strangers = certificates_in(message);
                    self.trusted =
                        expected.identity_provider.certificates().iter().filter_map(|c| describe(c)).collect();
                }
                self.note(Check::Signature, Err(error), None);
            }
        }
    }

    fn look_inside(
        &mut self,
        message: &Guarded,
        verified: &Verified,
        expected: &Expected<'_>,
        claims: &ClaimMap,
        now: Timestamp,
    ) {
        if message.encrypted().is_some() {
            self.assertion = Some(pretty::element(&verified.assertion));
        }
        let assertion = match Assertion::read(&verified.assertion) {
            Ok(assertion) => assertion,
            Err(error) => return self.note(Check::Assertion, Err(error), None),
        };
        self.note(Check::Assertion, Ok(()), None);
        for (check, holds) in OF_ASSERTION {
            self.note(check, holds(&assertion, expected, now), compare(check, &assertion, expected, now));
        }
        let authenticated = response::proven(&assertion, expected).unwrap_or(now);
        let accepted = Accepted {
            assertion_id: assertion.id,
            reusable_until: now,
            authenticated,
            way: None,
            session_index: assertion.authentication.session_index,
            session_ends: None,
            name_id: assertion.name_id,
            attributes: assertion.attributes,
        };
        let user = claims.user(&accepted).map(|user| user.name);
        let outcome = match &user {
            Ok(_) | Err(claims::Error::Foreign(_)) => Outcome::Passed,
            Err(error) => Outcome::Failed(error.to_string()),
        };
        let name_id = accepted.name_id.as_ref().map(|_| claims::NAME_ID);
        let found: Vec<_> = accepted.attributes.iter().map(|a| a.name.as_str()).chain(name_id).collect();
        let compared = Some((claims.identity.join(", "), found.join(", ")));
        self.steps.push(Step { check: Check::Identity, outcome, compared, is_algorithm: false });
        let domains = || claims.realm.domains.join(", ");
        let (outcome, compared) = match user {
            Ok(name) => (Outcome::Passed, Some((domains(), name))),
            Err(claims::Error::Foreign(name)) => {
                (Outcome::Failed(claims::Error::Foreign(name.clone()).to_string()), Some((domains(), name)))
            }
            Err(_) => (Outcome::NotReached, None),
        };
        self.steps.push(Step { check: Check::Domain, outcome, compared, is_algorithm: false });
        self.claims = listed(claims, accepted);
    }

    /// So that a page always shows the same list.
    fn skip_the_rest(&mut self) {
        let of_response = OF_RESPONSE.iter().map(|(check, _)| *check);
        let of_assertion = OF_ASSERTION.iter().map(|(check, _)| *check);
        let between = [Check::Status, Check::Signature, Check::Assertion];
        for check in of_response.chain(between).chain(of_assertion).chain([Check::Identity, Check::Domain]) {
            if self.steps.iter().all(|step| step.check != check) {
                let outcome = Outcome::NotReached;
                self.steps.push(Step { check, outcome, compared: None, is_algorithm: false });
            }
        }
    }
}

/// The claims of an Assertion, its NameID the last one.
fn listed(claims: &ClaimMap, accepted: Accepted) -> Vec<Claim> {
    let unused = claims.unused(&accepted);
    let why = |name: &str| {
        let is_about = |error: &&claims::Error| match error {
            claims::Error::Ambiguous(claim) | claims::Error::Unusable(claim) => claim.eq_ignore_ascii_case(name),
            _ => false,
        };
        unused.iter().find(is_about).map(ToString::to_string)
    };
    let name_id = accepted.name_id.as_ref().map(|name_id| {
        let fields = if claims.is_named_by_name_id(&accepted) { vec![Field::Name] } else { Vec::new() };
        let (name, values) = (claims::NAME_ID.to_owned(), vec![name_id.value.clone()]);
        Claim { name, values, fields, unused: None }
    });
    let explained = claims.explain(&accepted).into_iter().zip(accepted.attributes);
    let explained = explained.take(MAX_LISTED).map(|(fields, mut attribute)| {
        attribute.values.truncate(MAX_LISTED);
        let unused = why(&attribute.name).filter(|_| fields.is_empty());
        Claim { name: attribute.name, values: attribute.values, fields, unused }
    });
    explained.chain(name_id).collect()
}

fn compare(check: Check, assertion: &Assertion, expected: &Expected<'_>, now: Timestamp) -> Option<(String, String)> {
    let times = |found: &[Timestamp]| {
        let found: Vec<_> = found.iter().map(|time| format!("{time:.0}")).collect();
        Some((format!("{now:.0}"), found.join(" – ")))
    };
    match check {
        Check::AssertionIssuer => Some((expected.identity_provider.entity_id().to_owned(), assertion.issuer.clone())),
        Check::AssertionIssued => times(&[assertion.issue_instant]),
        Check::Validity => {
            let limits = [assertion.conditions.not_before, assertion.conditions.not_on_or_after];
            times(&limits.into_iter().flatten().collect::<Vec<_>>())
        }
        Check::Authentication => times(&instants(assertion)),
        Check::Context if !expected.service_provider.requests.authn_context.is_empty() => {
            let found = assertion.authentication.proofs.iter().filter_map(|proof| proof.class.as_deref());
            let wanted = &expected.service_provider.requests.authn_context;
            Some((wanted.join(", "), found.collect::<Vec<_>>().join(", ")))
        }
        Check::Anew if expected.anew || expected.service_provider.requests.force_authn => {
            times(&instants(assertion)).map(|(_, found)| (format!("{:.0}", expected.requested), found))
        }
        Check::Audience => {
            let all: Vec<_> = assertion.conditions.restrictions.iter().flatten().map(String::as_str).collect();
            Some((expected.service_provider.entity_id.clone(), all.join(", ")))
        }
        Check::Confirmation => {
            let all: Vec<_> = assertion.confirmations.iter().filter_map(|one| one.recipient.as_deref()).collect();
            Some((expected.endpoint.to_owned(), all.join(", ")))
        }
        _ => None,
    }
}

fn instants(assertion: &Assertion) -> Vec<Timestamp> {
    assertion.authentication.proofs.iter().map(|proof| proof.instant).collect()
}

/// The algorithms that are taken, and those that a message names.
fn algorithms(field: &str) -> Option<(String, String)> {
    let text = String::from_utf8(guard::unpack(field).ok()?).ok()?;
    let root = parse(&text, Comments::Refused).ok()?;
    let mut found: Vec<&str> = Vec::new();
    root.descend(&mut |element| {
        if ["SignatureMethod", "DigestMethod", "EncryptionMethod"].contains(&element.name.as_str()) {
            found.extend(element.attribute("Algorithm").filter(|own| !found.contains(own)));
        }
    });
    let short = |name: &&str| name.rsplit(['#', '/']).next().unwrap_or(name).to_owned();
    let found = found.iter().take(MAX_LISTED).map(short).collect::<Vec<_>>().join(", ");
    Some(("rsa-sha256, ecdsa-sha256, sha256 (or 384, 512)".to_owned(), found))
}

/// What was posted, as far as it is text.
fn shown(field: &str) -> Option<String> {
    let text = String::from_utf8(guard::unpack(field).ok()?).ok()?;
    pretty::text(&text)
}

fn certificates_in(message: &Guarded) -> Vec<Certificate> {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let mut found = Vec::new();
    message.response.descend(&mut |element| {
        if element.is(ns::SIGNATURE, "X509Certificate") {
            let text: String = element.text.split_ascii_whitespace().collect();
            found.extend(STANDARD.decode(text).ok().and_then(|der| describe(&der)));
        }
    });
    found.dedup();
    found.truncate(MAX_LISTED);
    found
}

/// A certificate (X.509, DER), if it can be read.
pub fn describe(der: &[u8]) -> Option<Certificate> {
    let certificate = X509::from_der(der).ok()?;
    let thumbprint = certificate.digest(MessageDigest::sha1()).ok()?;
    let name = certificate.subject_name().entries_by_nid(Nid::COMMONNAME).next();
    let name = name.and_then(|name| name.data().to_string().ok()).unwrap_or_default();
    Some(Certificate {
        thumbprint: thumbprint.iter().map(|byte| format!("{byte:02X}")).collect(),
        name,
        until: certificate.not_after().to_string(),
    })
}

#[cfg(test)]
#[path = "tests/trial_tests.rs"]
mod tests;
