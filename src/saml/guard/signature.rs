//! The one shape that a Signature may have, and the algorithms in it.

use crate::saml::xml::{Element, is_name};
use crate::saml::{Error, ns};

/// How many prefixes InclusiveNamespaces may name.
const MAX_PREFIXES: usize = 16;
const WITH_COMMENTS: &str = "http://www.w3.org/2001/10/xml-exc-c14n#WithComments";
const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
const SIGNATURE_METHODS: [&str; 6] = [
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384",
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512",
    "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
    "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384",
    "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512",
];
const DIGEST_METHODS: [&str; 3] = [
    "http://www.w3.org/2001/04/xmlenc#sha256",
    "http://www.w3.org/2001/04/xmldsig-more#sha384",
    "http://www.w3.org/2001/04/xmlenc#sha512",
];
/// What XML Signature 1.0 puts into KeyInfo (XML Signature §4.4). None of it is used: keys come from the configuration.
const KEY_INFO: [&str; 28] = [
    "KeyName",
    "KeyValue",
    "RSAKeyValue",
    "Modulus",
    "Exponent",
    "DSAKeyValue",
    "P",
    "Q",
    "G",
    "Y",
    "J",
    "Seed",
    "PgenCounter",
    // Some write it in this namespace, where there is none.
    "ECKeyValue",
    "X509Data",
    "X509Certificate",
    "X509SubjectName",
    "X509IssuerSerial",
    "X509IssuerName",
    "X509SerialNumber",
    "X509SKI",
    "X509CRL",
    "PGPData",
    "PGPKeyID",
    "PGPKeyPacket",
    "SPKIData",
    "SPKISexp",
    "MgmtData",
];
/// What leads from KeyInfo to something else, or holds anything: in no namespace has it a place there.
const LEADS_ELSEWHERE: [&str; 4] = ["RetrievalMethod", "KeyInfoReference", "Object", "Manifest"];

/// What stands in a Signature of the right shape.
pub(super) struct Shape<'a> {
    /// The SignatureMethod's algorithm.
    pub(super) method: &'a str,
    /// The SignatureValue.
    pub(super) value: &'a str,
    /// The prefixes that the canonical form of SignedInfo keeps although nothing uses them.
    pub(super) prefixes: Vec<&'a str>,
    /// The DigestMethod's algorithm and the DigestValue; none where the canonical form keeps prefixes that nothing uses.
    pub(super) digest: Option<(&'a str, &'a str)>,
}

/// Exactly SignedInfo, SignatureValue and perhaps KeyInfo; one Reference, to the element that the Signature stands in.
pub(super) fn check<'a>(signature: &'a Element, parent: &str) -> Result<Shape<'a>, Error> {
    let (info, value, key) = match signature.children.as_slice() {
        [info, value] => (info, value, None),
        [info, value, key] => (info, value, Some(key)),
        _ => return Err(Error::BadSignatureShape),
    };
    check_named(info, "SignedInfo")?;
    check_named(value, "SignatureValue")?;
    check_leaf(value)?;
    key.map_or(Ok(()), check_key_info)?;
    let [canonicalisation, method, reference] = info.children.as_slice() else {
        return Err(Error::BadSignatureShape);
    };
    let prefixes = check_canonical(canonicalisation, "CanonicalizationMethod")?;
    check_algorithm(method, "SignatureMethod", &SIGNATURE_METHODS, Error::ForbiddenAlgorithm)?;
    let digest = check_reference(reference, parent)?;
    Ok(Shape { method: method.attribute("Algorithm").unwrap_or_default(), value: &value.text, prefixes, digest })
}

/// SAML Core §5.4.5 lets KeyInfo hold anything, and so does XML Signature §4.4, in namespaces of one's own. What leads to
/// something else is refused all the same, and so is what passes for a part of XML Signature in another namespace.
fn check_key_info(key: &Element) -> Result<(), Error> {
    check_named(key, "KeyInfo")?;
    let mut known = true;
    key.descend(&mut |part| {
        let name = part.name.as_str();
        known &= !LEADS_ELSEWHERE.contains(&name)
            && match part.namespace.as_ref() {
                ns::SIGNATURE => KEY_INFO.contains(&name),
                ns::SIGNATURE_11 => true,
                _ => !KEY_INFO.contains(&name) || name.len() == 1,
            };
    });
    if known { Ok(()) } else { Err(Error::BadSignatureShape) }
}

fn check_reference<'a>(reference: &'a Element, parent: &str) -> Result<Option<(&'a str, &'a str)>, Error> {
    check_named(reference, "Reference")?;
    if reference.attribute("URI").and_then(|uri| uri.strip_prefix('#')) != Some(parent) {
        return Err(Error::ForeignReference);
    }
    let [transforms, method, value] = reference.children.as_slice() else {
        return Err(Error::BadSignatureShape);
    };
    check_named(transforms, "Transforms")?;
    let [enveloped, canonical] = transforms.children.as_slice() else {
        return Err(Error::ForbiddenTransform);
    };
    check_algorithm(enveloped, "Transform", &[ENVELOPED], Error::ForbiddenTransform)?;
    check_canonical(canonical, "Transform")?;
    check_algorithm(method, "DigestMethod", &DIGEST_METHODS, Error::ForbiddenAlgorithm)?;
    check_named(value, "DigestValue")?;
    check_leaf(value)?;
    let digest = (method.attribute("Algorithm").unwrap_or_default(), value.text.as_str());
    Ok(Some(digest).filter(|_| canonical.children.is_empty()))
}

/// Exclusive canonicalisation, with comments or without: there are none in a message, so it is the same. Perhaps with
/// prefixes that are kept although nothing uses them, as Okta wants for the types of values (Exclusive XML Canonicalization
/// §4); gives those. SAML Core §5.4.3 and §5.4.4 name it for both of its places.
fn check_canonical<'a>(element: &'a Element, name: &str) -> Result<Vec<&'a str>, Error> {
    let bare = Element { children: Vec::new(), ..element.clone() };
    check_algorithm(&bare, name, &[ns::EXCLUSIVE_C14N, WITH_COMMENTS], Error::ForbiddenTransform)?;
    let prefixes = match element.children.as_slice() {
        [] => return Ok(Vec::new()),
        [prefixes] if prefixes.is(ns::EXCLUSIVE_C14N, "InclusiveNamespaces") => prefixes,
        _ => return Err(Error::ForbiddenTransform),
    };
    let [list] = prefixes.attributes.as_slice() else { return Err(Error::ForbiddenTransform) };
    let plain = list.namespace.is_empty() && list.name == "PrefixList" && prefixes.children.is_empty();
    let names: Vec<&str> = list.value.split_ascii_whitespace().take(MAX_PREFIXES + 1).collect();
    let few = names.len() <= MAX_PREFIXES;
    let good = plain && few && names.iter().all(|name| *name == "#default" || is_name(name));
    if good { Ok(names) } else { Err(Error::ForbiddenTransform) }
}

fn check_named(element: &Element, name: &str) -> Result<(), Error> {
    if element.is(ns::SIGNATURE, name) { Ok(()) } else { Err(Error::BadSignatureShape) }
}

fn check_leaf(element: &Element) -> Result<(), Error> {
    if element.children.is_empty() { Ok(()) } else { Err(Error::BadSignatureShape) }
}

/// An element whose only content is an algorithm out of `allowed`.
fn check_algorithm(element: &Element, name: &str, allowed: &[&str], refused: Error) -> Result<(), Error> {
    check_named(element, name)?;
    let algorithm = element.attribute("Algorithm").ok_or(Error::BadSignatureShape)?;
    if element.children.is_empty() && allowed.contains(&algorithm) { Ok(()) } else { Err(refused) }
}
