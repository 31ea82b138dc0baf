//! Whether a key can have made a SignatureValue, and for this message: a first look, long before the verifiers take theirs.
//!
//! It lets nobody in. What passes here is verified by both verifiers all the same; what does not is refused at the price
//! of one public-key operation and one quick digest.

use aws_lc_rs::digest;
use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bergshamra::c14n::{C14nMode, canonicalize};
use x509_parser::oid_registry::{OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_NIST_EC_P384, OID_PKCS1_RSAENCRYPTION};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::canonical::canonical;
use crate::saml::guard::Signed;

const METHODS: &str = "http://www.w3.org/2001/04/xmldsig-more#";

/// A SignatureValue, and what it is over.
pub(super) struct Made<'a> {
    /// The SignedInfo, in canonical form.
    octets: Vec<u8>,
    /// The algorithm's name, without what all of them begin with.
    method: &'a str,
    value: Vec<u8>,
    signed: &'a Signed,
}

impl<'a> Made<'a> {
    /// None for one that nobody can have made.
    pub(super) fn of(signed: &'a Signed) -> Option<Self> {
        let octets = canonicalize(&signed.info, C14nMode::Exclusive, None, &signed.prefixes).ok()?;
        let value: String = signed.value.split_ascii_whitespace().collect();
        let method = signed.method.strip_prefix(METHODS)?;
        Some(Self { octets, method, value: STANDARD.decode(value).ok()?, signed })
    }

    /// Whether the key of `certificate` (X.509, DER) cannot have made it. Of an unusual pair of curve and digest it is not
    /// said.
    pub(super) fn is_surely_not_by(&self, certificate: &[u8]) -> bool {
        let Ok((_, certificate)) = X509Certificate::from_der(certificate) else { return true };
        let key = certificate.public_key();
        let kind = &key.algorithm.algorithm;
        let curve = key.algorithm.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
        let algorithm: &dyn VerificationAlgorithm = match self.method {
            "rsa-sha256" if *kind == OID_PKCS1_RSAENCRYPTION => &signature::RSA_PKCS1_2048_8192_SHA256,
            "rsa-sha384" if *kind == OID_PKCS1_RSAENCRYPTION => &signature::RSA_PKCS1_2048_8192_SHA384,
            "rsa-sha512" if *kind == OID_PKCS1_RSAENCRYPTION => &signature::RSA_PKCS1_2048_8192_SHA512,
            "ecdsa-sha256" if curve == Some(OID_EC_P256) => &signature::ECDSA_P256_SHA256_FIXED,
            "ecdsa-sha384" if curve == Some(OID_NIST_EC_P384) => &signature::ECDSA_P384_SHA384_FIXED,
            method => return method.starts_with("ecdsa") != (*kind == OID_KEY_TYPE_EC_PUBLIC_KEY),
        };
        UnparsedPublicKey::new(algorithm, &key.subject_public_key.data).verify(&self.octets, &self.value).is_err()
    }

    /// Whether the element in `xml` is surely not the one that was signed. Where prefixes are kept that nothing uses
    /// (InclusiveNamespaces), it is not said.
    pub(super) fn is_surely_altered(&self, xml: &str) -> bool {
        let Some(wanted) = &self.signed.digest else { return false };
        let algorithm = match wanted.method.as_str() {
            "http://www.w3.org/2001/04/xmlenc#sha256" => &digest::SHA256,
            "http://www.w3.org/2001/04/xmldsig-more#sha384" => &digest::SHA384,
            _ => &digest::SHA512,
        };
        let Some(octets) = canonical(xml, &self.signed.id) else { return false };
        let value: String = wanted.value.split_ascii_whitespace().collect();
        STANDARD.decode(value).is_ok_and(|value| value != digest::digest(algorithm, &octets).as_ref())
    }
}
