//! Decides what may reach a parser and a verifier at all, from the shape of a message alone.
//!
//! Verifiers fetch references, run transforms and follow XPaths before they look at a key; wrapped signatures are valid
//! signatures. So a message passes only if it has the one shape that an honest Response has: one Assertion, in its
//! place; signatures only on the Response and on the Assertion, each over its own element and nothing else. KeyInfo is for
//! nobody here to use: it is taken out before a verifier sees it, unless the signature around it covers it. The work is
//! linear in the length of the message.

mod signature;

use std::collections::HashSet;
use std::fmt;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use memchr::memchr2;
use serde::{Deserialize, Serialize};

use crate::saml::xml::{self, Comments, Element, SignatureText};
use crate::saml::{Error, ns};

/// The longest message that is looked at, in bytes, once base64 is taken off. Entra's have 5 to 20 kB; one with 1,000
/// groups of 60 characters has about 90 kB.
pub const MAX_LEN: usize = 96 * 1024;
/// The longest form that can hold one, in bytes: base64 with line breaks, a quarter of it more for what forms make of `+`,
/// `/` and line breaks, and the other fields.
pub const MAX_FORM: usize = MAX_LEN * 4 / 3 * 5 / 4;
/// How many elements of a message may have an identifier. The Response and its Assertion do, and parts of an encryption may.
const MAX_IDENTIFIERS: usize = 16;
/// How much of a status message is kept, in characters.
const MAX_STATUS: usize = 500;

/// A message with the shape of an honest Response. Nothing in it has been verified.
#[derive(Debug)]
pub struct Guarded {
    /// The message, as the verifiers are given it: without each KeyInfo that no signature covers.
    pub(super) xml: String,
    /// The message as it came, read.
    pub(super) response: Element,
    /// What is signed, in the order in which the Signatures stand in the message.
    pub(super) signed: Vec<Signed>,
    /// What the Response says of itself.
    pub(super) facts: Facts,
}

impl Guarded {
    /// What the Response says of itself.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Whether there is an Assertion in it, encrypted or not.
    pub(super) fn has_assertion(&self) -> bool {
        self.response.children.iter().any(is_assertion)
    }

    /// The encrypted Assertion, if it is encrypted.
    pub(super) fn encrypted(&self) -> Option<&Element> {
        self.response.only(ns::ASSERTION, "EncryptedAssertion")
    }

    /// Whether the Response itself is signed.
    pub(super) fn is_response_signed(&self) -> bool {
        self.signed.iter().any(|signed| signed.id == self.facts.id)
    }
}

/// An element that has a Signature of the right shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Signed {
    /// The element's identifier.
    pub(super) id: String,
    /// The SignedInfo, as a document of its own.
    pub(super) info: String,
    /// The prefixes that the canonical form of SignedInfo keeps although nothing uses them.
    pub(super) prefixes: Vec<String>,
    /// The SignatureMethod's algorithm.
    pub(super) method: String,
    /// The SignatureValue, in base64.
    pub(super) value: String,
    /// What the element's canonical form must have, unless unusual prefixes are part of it.
    pub(super) digest: Option<Digest>,
}

/// A digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Digest {
    /// The DigestMethod's algorithm.
    pub(super) method: String,
    /// The DigestValue, in base64.
    pub(super) value: String,
}

/// What a Response says of itself. Unless it is signed itself, anybody may have written this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// `ID`.
    pub id: String,
    /// `Version`.
    pub version: String,
    /// `IssueInstant`, as written.
    pub issue_instant: String,
    /// `Destination`.
    pub destination: Option<String>,
    /// `InResponseTo`.
    pub in_response_to: Option<String>,
    /// `Issuer`.
    pub issuer: Option<String>,
    /// `Status`.
    pub status: Status,
}

/// What the identity provider says of the outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The top-level code, such as `urn:oasis:names:tc:SAML:2.0:status:Responder`.
    pub code: String,
    /// The code in it, such as `urn:oasis:names:tc:SAML:2.0:status:AuthnFailed`.
    pub subcode: Option<String>,
    /// The message: text from anywhere, to be escaped wherever it is shown. At most 500 characters.
    pub message: Option<String>,
}

impl Status {
    /// Whether it says that the request succeeded.
    pub fn is_success(&self) -> bool {
        self.code == "urn:oasis:names:tc:SAML:2.0:status:Success"
    }

    /// The most specific code, without its `urn:…:status:` in front: `AuthnFailed`.
    pub fn short(&self) -> &str {
        let code = self.subcode.as_deref().unwrap_or(&self.code);
        code.rsplit(':').next().unwrap_or(code)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.short())?;
        if let Some(message) = &self.message {
            write!(f, ": {message}")?;
        }
        Ok(())
    }
}

/// A message that holds no Assertion, with the shape of an honest one. Nothing in it has been verified.
#[derive(Clone, Debug)]
pub(super) struct Plain {
    /// The message, as the verifiers are given it: without its KeyInfo.
    pub(super) xml: String,
    /// The message as it came, read.
    pub(super) root: Element,
    /// The root's Signature, if it is signed.
    pub(super) signed: Option<Signed>,
}

/// Lets another protocol message through, such as a LogoutRequest: one that is called one of `names`, with at most one
/// Signature, over itself.
pub(super) fn admit_plain(xml: String, names: &[&str]) -> Result<Plain, Error> {
    if xml.len() > MAX_LEN {
        return Err(Error::TooLong);
    }
    let message = plain(xml)?;
    let known = message.root.namespace == ns::PROTOCOL && names.contains(&message.root.name.as_str());
    if known { Ok(message) } else { Err(Error::OtherMessage) }
}

/// Lets metadata through that somebody has signed as a whole.
pub(super) fn admit_metadata(xml: String) -> Result<Plain, Error> {
    let message = plain(xml)?;
    let known = ["EntityDescriptor", "EntitiesDescriptor"].iter().any(|name| message.root.is(ns::METADATA, name));
    if known { Ok(message) } else { Err(Error::OtherMessage) }
}

/// Lets an Assertion through that was encrypted. Nobody has seen it before, so all that holds for a message holds for it.
pub(super) fn admit_assertion(xml: String) -> Result<Plain, Error> {
    let message = plain(xml)?;
    if message.root.is(ns::ASSERTION, "Assertion") { Ok(message) } else { Err(Error::NoAssertion) }
}

/// At most one Signature, over the whole, and no Assertion inside.
fn plain(xml: String) -> Result<Plain, Error> {
    let xml::Document { root, signatures } = xml::read(&xml, Comments::Refused)?;
    check_identifiers(&root)?;
    let mut strays = false;
    root.descend(&mut |element| strays |= is_named_like_assertion(element));
    if strays {
        return Err(Error::StrayAssertion);
    }
    let FoundSignatures { signed, key_infos } = check_signatures(&root, signatures)?;
    Ok(Plain { xml: without(xml, key_infos)?, signed: signed.into_iter().next(), root })
}

/// Whether a form field holds base64 (RFC 2045). Of one that is too long to be looked at it is not said.
pub fn is_base64(field: &str) -> bool {
    !matches!(unpack(field), Err(Error::NotBase64))
}

/// Decodes base64 as forms and addresses carry it.
pub(super) fn unpack(field: &str) -> Result<Vec<u8>, Error> {
    // A line break every 76 characters: RFC 2045, which the binding names.
    if field.len() > MAX_LEN / 3 * 4 / 38 * 39 {
        return Err(Error::TooLong);
    }
    let bytes = match memchr2(b'\r', b'\n', field.as_bytes()) {
        Some(_) => STANDARD.decode(unbroken(field)),
        None => STANDARD.decode(field),
    };
    let bytes = bytes.map_err(|_| Error::NotBase64)?;
    if bytes.len() > MAX_LEN { Err(Error::TooLong) } else { Ok(bytes) }
}

/// The octets of a field without its line breaks.
fn unbroken(field: &str) -> Vec<u8> {
    let mut whole = Vec::with_capacity(field.len());
    field.as_bytes().split(|byte| matches!(byte, b'\r' | b'\n')).for_each(|line| whole.extend_from_slice(line));
    whole
}

/// Takes the form field `SAMLResponse` and lets through what has the shape of an honest Response.
pub fn admit(field: &str) -> Result<Guarded, Error> {
    admit_xml(String::from_utf8(unpack(field)?).map_err(|_| Error::NotUtf8)?)
}

fn admit_xml(xml: String) -> Result<Guarded, Error> {
    let xml::Document { root: response, signatures } = xml::read(&xml, Comments::Refused)?;
    if !response.is(ns::PROTOCOL, "Response") {
        return Err(Error::NotAResponse);
    }
    check_identifiers(&response)?;
    let facts = facts(&response)?;
    check_children(&response)?;
    check_assertions(&response)?;
    let FoundSignatures { signed, key_infos } = check_signatures(&response, signatures)?;
    Ok(Guarded { xml: without(xml, key_infos)?, response, signed, facts })
}

/// Verifiers differ in which attributes they take for identifiers. So each that any of them knows must be unique, and
/// none may hide in a namespace.
fn check_identifiers(response: &Element) -> Result<(), Error> {
    let mut seen = HashSet::new();
    let mut result = check_identifier(response, &mut seen);
    response.descend(&mut |element| {
        if result.is_ok() {
            result = check_identifier(element, &mut seen);
        }
    });
    result
}

fn check_identifier<'a>(element: &'a Element, seen: &mut HashSet<&'a str>) -> Result<(), Error> {
    let mut identifiers = element.attributes.iter().filter(|attribute| {
        attribute.name.eq_ignore_ascii_case("id") || attribute.name.eq_ignore_ascii_case("AssertionID")
    });
    let Some(identifier) = identifiers.next() else { return Ok(()) };
    if identifiers.next().is_some() || !identifier.namespace.is_empty() || !xml::is_name(&identifier.value) {
        return Err(Error::BadId);
    }
    if seen.len() >= MAX_IDENTIFIERS {
        return Err(Error::TooComplex);
    }
    if seen.insert(&identifier.value) { Ok(()) } else { Err(Error::DuplicateId) }
}

fn facts(response: &Element) -> Result<Facts, Error> {
    let owned = |name| response.attribute(name).map(str::to_owned);
    Ok(Facts {
        id: owned("ID").ok_or(Error::BadId)?,
        version: owned("Version").ok_or(Error::WrongVersion)?,
        issue_instant: owned("IssueInstant").ok_or(Error::BadTime)?,
        destination: owned("Destination"),
        in_response_to: owned("InResponseTo"),
        issuer: response.only(ns::ASSERTION, "Issuer").map(|issuer| issuer.text.clone()),
        status: status(response)?,
    })
}

/// The Status of a message.
pub(super) fn status(response: &Element) -> Result<Status, Error> {
    let status = response.only(ns::PROTOCOL, "Status").ok_or(Error::MisplacedElement)?;
    let code = status.only(ns::PROTOCOL, "StatusCode").ok_or(Error::MisplacedElement)?;
    let bounded = |text: &str| text.trim().chars().take(MAX_STATUS).collect::<String>();
    let value = |code: &Element| code.attribute("Value").map(bounded);
    Ok(Status {
        code: value(code).ok_or(Error::MisplacedElement)?,
        subcode: code.only(ns::PROTOCOL, "StatusCode").and_then(value),
        message: status.only(ns::PROTOCOL, "StatusMessage").map(|message| bounded(&message.text)),
    })
}

/// SAML Core §3.2.2: what a Response may hold, and how often.
fn check_children(response: &Element) -> Result<(), Error> {
    let known = |child: &&Element| {
        child.is(ns::ASSERTION, "Issuer")
            || child.is(ns::SIGNATURE, "Signature")
            || child.is(ns::PROTOCOL, "Extensions")
            || child.is(ns::PROTOCOL, "Status")
            || is_assertion(child)
    };
    let single = |namespace, name| response.all(namespace, name).count() <= 1;
    // A Status that is there twice was refused when it was read.
    let once = single(ns::ASSERTION, "Issuer") && single(ns::PROTOCOL, "Extensions");
    if once && response.children.iter().all(|child| known(&child)) { Ok(()) } else { Err(Error::MisplacedElement) }
}

fn is_assertion(element: &Element) -> bool {
    element.is(ns::ASSERTION, "Assertion") || element.is(ns::ASSERTION, "EncryptedAssertion")
}

/// At most one Assertion, a direct child of the Response. What only looks like one, in another namespace, counts too.
fn check_assertions(response: &Element) -> Result<(), Error> {
    let mut count = 0;
    let mut nested = false;
    response.descend(&mut |element| {
        count += usize::from(is_named_like_assertion(element));
        nested |= element.name == "Response";
    });
    let direct = response.children.iter().filter(|child| is_assertion(child)).count();
    if count > 1 || count != direct {
        return Err(Error::StrayAssertion);
    }
    if nested {
        return Err(Error::MisplacedElement);
    }
    Ok(())
}

fn is_named_like_assertion(element: &Element) -> bool {
    matches!(element.name.as_str(), "Assertion" | "EncryptedAssertion")
}

/// What is signed, and what no verifier needs to see.
struct FoundSignatures {
    /// In the order of the Signatures.
    signed: Vec<Signed>,
    /// Where each KeyInfo stands that no signature covers. That of an Assertion is part of what a Response's covers.
    key_infos: Vec<Range<usize>>,
}

fn check_signatures(response: &Element, texts: Vec<SignatureText>) -> Result<FoundSignatures, Error> {
    let mut count = 0;
    response.descend(&mut |element| count += usize::from(element.name == "Signature"));
    // So many that looking at each of them would be work.
    if count > 2 {
        return Err(Error::StraySignature);
    }
    let outer = response.only(ns::SIGNATURE, "Signature").is_some();
    let mut found = FoundSignatures { signed: Vec::new(), key_infos: Vec::new() };
    let mut texts = texts.into_iter();
    for child in &response.children {
        let parent = if child.is(ns::SIGNATURE, "Signature") { response } else { child };
        // Where there are two, none is counted here, and the sum below does not come out.
        let Some(signature) = parent.only(ns::SIGNATURE, "Signature") else { continue };
        let is_root = std::ptr::eq(parent, response);
        if !(is_root || child.is(ns::ASSERTION, "Assertion")) {
            return Err(Error::StraySignature);
        }
        let id = parent.attribute("ID").ok_or(Error::BadId)?;
        let shape = signature::check(signature, id)?;
        let text = texts.next().ok_or(Error::StraySignature)?;
        found.key_infos.extend(text.key_info.filter(|_| is_root || !outer));
        found.signed.push(Signed {
            id: id.to_owned(),
            info: text.info,
            prefixes: shape.prefixes.into_iter().map(str::to_owned).collect(),
            method: shape.method.to_owned(),
            value: shape.value.to_owned(),
            digest: shape.digest.map(|(method, value)| Digest { method: method.to_owned(), value: value.to_owned() }),
        });
    }
    if count == found.signed.len() && texts.next().is_none() { Ok(found) } else { Err(Error::StraySignature) }
}

/// The text without these parts of it, which stand in this order.
fn without(xml: String, parts: Vec<Range<usize>>) -> Result<String, Error> {
    if parts.is_empty() {
        return Ok(xml);
    }
    let (mut kept, mut from) = (String::with_capacity(xml.len()), 0);
    for part in parts {
        kept.push_str(xml.get(from..part.start).ok_or(Error::Malformed)?);
        from = part.end;
    }
    kept.push_str(xml.get(from..).ok_or(Error::Malformed)?);
    Ok(kept)
}
