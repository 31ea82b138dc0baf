//! Reads an Assertion into its parts. What it is given has been verified.

use crate::clock::Timestamp;
use crate::saml::xml::Element;
use crate::saml::{Error, NameId, ns, time};

const BEARER: &str = "urn:oasis:names:tc:SAML:2.0:cm:bearer";

/// The parts of an Assertion that decide anything.
#[derive(Debug)]
pub(super) struct Assertion {
    pub(super) id: String,
    pub(super) version: String,
    pub(super) issue_instant: Timestamp,
    pub(super) issuer: String,
    pub(super) name_id: Option<NameId>,
    pub(super) confirmations: Vec<Confirmation>,
    pub(super) conditions: Conditions,
    pub(super) authentication: Authentication,
    pub(super) attributes: Vec<Attribute>,
}

/// A bearer SubjectConfirmation.
#[derive(Debug)]
pub(super) struct Confirmation {
    pub(super) recipient: Option<String>,
    pub(super) in_response_to: Option<String>,
    pub(super) not_on_or_after: Timestamp,
}

/// Conditions, all of them known. Both times are optional (SAML Core §2.5.1.2): the confirmation has an end of its own.
#[derive(Debug)]
pub(super) struct Conditions {
    pub(super) not_before: Option<Timestamp>,
    pub(super) not_on_or_after: Option<Timestamp>,
    /// The audiences of each AudienceRestriction.
    pub(super) restrictions: Vec<Vec<String>>,
}

/// The AuthnStatements together.
#[derive(Debug)]
pub(super) struct Authentication {
    /// At least one.
    pub(super) proofs: Vec<Proof>,
    pub(super) session_index: Option<String>,
    pub(super) session_not_on_or_after: Option<Timestamp>,
}

/// One AuthnStatement: when the person proved who they are, and in which way.
#[derive(Debug)]
pub(super) struct Proof {
    pub(super) instant: Timestamp,
    /// AuthnContextClassRef.
    pub(super) class: Option<String>,
}

/// An attribute of the person: a claim, in Entra's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// Its name.
    pub name: String,
    /// Its values that are text.
    pub values: Vec<String>,
}

impl Authentication {
    /// When they last did so in one of these ways; in whatever way, if none is wanted.
    pub(super) fn latest(&self, wanted: &[String]) -> Option<Timestamp> {
        self.last(wanted).map(|proof| proof.instant)
    }

    /// In which way that was.
    pub(super) fn way(&self, wanted: &[String]) -> Option<&str> {
        self.last(wanted)?.class.as_deref()
    }

    fn last(&self, wanted: &[String]) -> Option<&Proof> {
        let counts = |proof: &&Proof| {
            wanted.is_empty() || proof.class.as_ref().is_some_and(|class| wanted.iter().any(|wanted| wanted == class))
        };
        self.proofs.iter().filter(counts).max_by_key(|proof| proof.instant)
    }
}

impl Assertion {
    pub(super) fn read(assertion: &Element) -> Result<Self, Error> {
        check_open(assertion)?;
        let subject = assertion.only(ns::ASSERTION, "Subject").ok_or(Error::NoConfirmation)?;
        Ok(Self {
            id: assertion.attribute("ID").ok_or(Error::BadId)?.to_owned(),
            version: assertion.attribute("Version").ok_or(Error::WrongVersion)?.to_owned(),
            issue_instant: required_instant(assertion, "IssueInstant")?,
            issuer: assertion.only(ns::ASSERTION, "Issuer").ok_or(Error::WrongIssuer)?.text.clone(),
            name_id: subject.only(ns::ASSERTION, "NameID").map(NameId::read),
            confirmations: confirmations(subject)?,
            conditions: conditions(assertion)?,
            authentication: authentication(assertion)?,
            attributes: attributes(assertion),
        })
    }
}

/// Who is named in a part that cannot be read is not guessed at.
fn check_open(assertion: &Element) -> Result<(), Error> {
    let mut encrypted = false;
    assertion.descend(&mut |part| {
        encrypted |= part.is(ns::ASSERTION, "EncryptedID") || part.is(ns::ASSERTION, "EncryptedAttribute");
    });
    if encrypted { Err(Error::EncryptedPart) } else { Ok(()) }
}

/// SAML Profiles §4.1.4.2: a bearer confirmation has a Recipient, a NotOnOrAfter and no NotBefore.
fn confirmations(subject: &Element) -> Result<Vec<Confirmation>, Error> {
    let bearers = subject
        .all(ns::ASSERTION, "SubjectConfirmation")
        .filter(|confirmation| confirmation.attribute("Method") == Some(BEARER));
    let data = bearers.filter_map(|bearer| bearer.only(ns::ASSERTION, "SubjectConfirmationData"));
    data.filter(|data| data.attribute("NotOnOrAfter").is_some() && data.attribute("NotBefore").is_none())
        .map(|data| {
            Ok(Confirmation {
                recipient: data.attribute("Recipient").map(str::to_owned),
                in_response_to: data.attribute("InResponseTo").map(str::to_owned),
                not_on_or_after: required_instant(data, "NotOnOrAfter")?,
            })
        })
        .collect()
}

fn conditions(assertion: &Element) -> Result<Conditions, Error> {
    let conditions = assertion.only(ns::ASSERTION, "Conditions").ok_or(Error::NoConditions)?;
    let known = |child: &Element| {
        // OneTimeUse holds for every Assertion here; ProxyRestriction speaks to those who issue further ones.
        ["AudienceRestriction", "OneTimeUse", "ProxyRestriction"].iter().any(|name| child.is(ns::ASSERTION, name))
    };
    if !conditions.children.iter().all(known) {
        return Err(Error::UnknownCondition);
    }
    let audiences = |restriction: &Element| {
        restriction.all(ns::ASSERTION, "Audience").map(|audience| audience.text.trim().to_owned()).collect()
    };
    Ok(Conditions {
        not_before: instant(conditions, "NotBefore")?,
        not_on_or_after: instant(conditions, "NotOnOrAfter")?,
        restrictions: conditions.all(ns::ASSERTION, "AudienceRestriction").map(audiences).collect(),
    })
}

/// Of several statements, the session that ends first counts.
fn authentication(assertion: &Element) -> Result<Authentication, Error> {
    let mut whole: Option<Authentication> = None;
    for statement in assertion.all(ns::ASSERTION, "AuthnStatement") {
        let ends = instant(statement, "SessionNotOnOrAfter")?;
        let context = statement.only(ns::ASSERTION, "AuthnContext");
        let class = context.and_then(|context| context.only(ns::ASSERTION, "AuthnContextClassRef"));
        let class = class.map(|class| class.text.trim().to_owned());
        let proof = Proof { instant: required_instant(statement, "AuthnInstant")?, class };
        let index = statement.attribute("SessionIndex").map(str::to_owned);
        let first = whole.get_or_insert_with(|| Authentication {
            proofs: Vec::new(),
            session_index: index,
            session_not_on_or_after: ends,
        });
        first.proofs.push(proof);
        first.session_not_on_or_after = [first.session_not_on_or_after, ends].into_iter().flatten().min();
    }
    whole.ok_or(Error::NoAuthnStatement)
}

fn attributes(assertion: &Element) -> Vec<Attribute> {
    let statements = assertion.all(ns::ASSERTION, "AttributeStatement");
    let attributes = statements.flat_map(|statement| statement.all(ns::ASSERTION, "Attribute"));
    attributes
        .filter_map(|attribute| {
            let values = attribute.all(ns::ASSERTION, "AttributeValue").filter(|value| is_text(value));
            Some(Attribute {
                name: attribute.attribute("Name")?.to_owned(),
                values: values.map(|value| value.text.clone()).collect(),
            })
        })
        .collect()
}

/// A value is text, not a structure and not `xsi:nil`.
fn is_text(value: &Element) -> bool {
    let nil = value.attributes.iter().any(|a| a.namespace == ns::SCHEMA_INSTANCE && a.name == "nil");
    value.children.is_empty() && !nil
}

fn required_instant(element: &Element, name: &str) -> Result<Timestamp, Error> {
    instant(element, name)?.ok_or(Error::BadTime)
}

fn instant(element: &Element, name: &str) -> Result<Option<Timestamp>, Error> {
    element.attribute(name).map(parse_instant).transpose()
}

/// SAML Core §1.3.3: a time in UTC, without a zone. At most nanoseconds; Entra writes milli- or 100-nanoseconds.
pub(super) fn parse_instant(text: &str) -> Result<Timestamp, Error> {
    let plausible = text.ends_with('Z') && text.as_bytes().get(10) == Some(&b'T') && text.len() <= 32;
    if plausible { time::parse_or_never(text).ok_or(Error::BadTime) } else { Err(Error::BadTime) }
}
