//! The one shape that a Signature may have, and the algorithms in it.

use crate::saml::xml::{Element, is_name};
use crate::saml::{Error, ns};

/// How many prefixes InclusiveNamespaces may name.
const MAX_PREFIXES: usize = 16;
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
/// What KeyInfo may hold. It is not used: keys come from the configuration.
const KEY_INFO: [&str; 13] = [
    "KeyName",
    "KeyValue",
    "RSAKeyValue",
    "Modulus",
    "Exponent",
    "X509Data",
    "X509Certificate",
    "X509SubjectName",
    "X509IssuerSerial",
    "X509IssuerName",
    "X509SerialNumber",
    "X509SKI",
    "ECKeyValue",
];

/// What stands in a Signature of the right shape.
pub(super) struct Shape<'a> {
    /// The SignatureMethod's algorithm.
    pub(super) method: &'a str,
    /// The SignatureValue.
    pub(super) value: &'a str,
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
    if let Some(key) = key {
        check_named(key, "KeyInfo")?;
        let mut known = true;
        key.descend(&mut |part| {
            known &= part.namespace == ns::SIGNATURE && KEY_INFO.contains(&part.name.as_str());
        });
        if !known {
            return Err(Error::BadSignatureShape);
        }
    }
    let [canonicalisation, method, reference] = info.children.as_slice() else {
        return Err(Error::BadSignatureShape);
    };
    check_algorithm(canonicalisation, "CanonicalizationMethod", &[ns::EXCLUSIVE_C14N], Error::ForbiddenTransform)?;
    check_algorithm(method, "SignatureMethod", &SIGNATURE_METHODS, Error::ForbiddenAlgorithm)?;
    let digest = check_reference(reference, parent)?;
    Ok(Shape { method: method.attribute("Algorithm").unwrap_or_default(), value: &value.text, digest })
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
    check_canonical(canonical)?;
    check_algorithm(method, "DigestMethod", &DIGEST_METHODS, Error::ForbiddenAlgorithm)?;
    check_named(value, "DigestValue")?;
    check_leaf(value)?;
    let digest = (method.attribute("Algorithm").unwrap_or_default(), value.text.as_str());
    Ok(Some(digest).filter(|_| canonical.children.is_empty()))
}

/// Exclusive canonicalisation, perhaps with prefixes that are kept although nothing uses them, as Okta wants for the
/// types of values (Exclusive XML Canonicalization §4).
fn check_canonical(transform: &Element) -> Result<(), Error> {
    let Some(prefixes) = transform.only(ns::EXCLUSIVE_C14N, "InclusiveNamespaces") else {
        return check_algorithm(transform, "Transform", &[ns::EXCLUSIVE_C14N], Error::ForbiddenTransform);
    };
    let [list] = prefixes.attributes.as_slice() else { return Err(Error::ForbiddenTransform) };
    let mut names = list.value.split_ascii_whitespace();
    let plain = list.namespace.is_empty() && list.name == "PrefixList" && prefixes.children.is_empty();
    let few = names.clone().count() <= MAX_PREFIXES;
    if !plain || !few || !names.all(|name| name == "#default" || is_name(name)) {
        return Err(Error::ForbiddenTransform);
    }
    let bare = Element { children: Vec::new(), ..transform.clone() };
    if transform.children.len() != 1 {
        return Err(Error::ForbiddenTransform);
    }
    check_algorithm(&bare, "Transform", &[ns::EXCLUSIVE_C14N], Error::ForbiddenTransform)
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
