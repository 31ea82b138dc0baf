//! Has two verifiers agree on what was signed, and reads only that.
//!
//! A key of the identity provider must have made the SignatureValue, which is looked at before anything else is digested:
//! what a stranger made up is refused at the price of one public-key operation, however large it is. Then bergshamra, in
//! Rust, must find a valid signature by such a key over exactly the elements that [`guard`] named. Only then samael with
//! xmlsec: so no message that a stranger made up reaches C code, and C code prints nothing that a stranger sends. What is
//! read in the end are the octets that xmlsec digested; they must say the same as what the guard's reader saw.
//!
//! [`guard`]: crate::saml::guard

mod canonical;
mod made;

use std::panic::{AssertUnwindSafe, catch_unwind};

use bergshamra::{DsigContext, KeysManager, VerifyResult};
use samael::crypto::AllowedSignatureAlgorithm as Algorithm;
use samael::crypto::{CertificateDer, Crypto, CryptoProvider as _, ReduceMode};

use crate::saml::decrypt::Envelope;
use crate::saml::guard::{self, Guarded, Plain, Signed};
use crate::saml::xml::{self as reader, Comments, Element};
use crate::saml::{Error, IdentityProvider, ServiceProvider, ns};
use made::Made;

const ALGORITHMS: [Algorithm; 6] = [
    Algorithm::RsaSha256,
    Algorithm::RsaSha384,
    Algorithm::RsaSha512,
    Algorithm::EcdsaSha256,
    Algorithm::EcdsaSha384,
    Algorithm::EcdsaSha512,
];

/// The Assertion, out of the octets that were signed, and whether the Response around it was signed with it.
#[derive(Debug)]
pub(super) struct Verified {
    /// The Assertion, without its Signature.
    pub(super) assertion: Element,
    /// The Response is signed, too, so what it says of itself holds.
    pub(super) response_signed: bool,
}

/// Verifies the signatures of `message`, all of them, with the keys of `idp`. An Assertion that is encrypted for `us` is
/// opened with our keys.
pub(super) fn verify(message: &Guarded, idp: &IdentityProvider, us: &ServiceProvider) -> Result<Verified, Error> {
    match message.encrypted() {
        Some(encrypted) => verify_encrypted(message, encrypted, idp, us),
        None => verify_open(message, idp),
    }
}

/// What is signed around the encryption is verified first: then nobody but the identity provider chose what is decrypted.
fn verify_encrypted(
    message: &Guarded,
    encrypted: &Element,
    idp: &IdentityProvider,
    us: &ServiceProvider,
) -> Result<Verified, Error> {
    let response_signed = message.is_response_signed();
    if response_signed {
        agreed(&message.xml, &message.response, &message.signed, idp)?;
    }
    let envelope = Envelope::read(encrypted, &us.entity_id)?;
    // What is wrong with the text inside is not told apart from a text that is not there.
    let inner = guard::admit_assertion(envelope.open(&us.keys)?).map_err(|_| Error::NotDecrypted)?;
    let assertion = match (&inner.signed, response_signed) {
        (None, false) => return Err(Error::NotSigned),
        (None, true) => inner.root,
        (Some(_), _) => verify_plain(&inner, idp)?,
    };
    Ok(Verified { assertion, response_signed })
}

/// Takes the form field `SAMLResponse` and only verifies it: what it says, to whom and when is not looked at.
///
/// It is no way to sign somebody in. It lets measurements and fuzzing reach the verifiers with a message that nobody
/// asked for.
pub fn verify_alone(field: &str, idp: &IdentityProvider) -> Result<(), Error> {
    verify(&guard::admit(field)?, idp, &ServiceProvider::default()).map(|_| ())
}

fn verify_open(message: &Guarded, idp: &IdentityProvider) -> Result<Verified, Error> {
    let response_signed = message.is_response_signed();
    let seen = if response_signed {
        &message.response
    } else {
        message.response.only(ns::ASSERTION, "Assertion").ok_or(Error::NoAssertion)?
    };
    let digested = agreed(&message.xml, seen, &message.signed, idp)?;
    let assertion = if response_signed {
        digested.only(ns::ASSERTION, "Assertion").ok_or(Error::NoAssertion)?.clone()
    } else {
        digested
    };
    Ok(Verified { assertion: without_signature(assertion), response_signed })
}

/// Verifies the signature of a message that holds no Assertion, and gives what was signed, without its Signature.
pub(super) fn verify_plain(message: &Plain, idp: &IdentityProvider) -> Result<Element, Error> {
    agreed(&message.xml, &message.root, message.signed.as_slice(), idp)
}

/// What was digested, if that is what the guard's reader has `seen` of it. `signed` names the signed elements, in the
/// order of their Signatures; the outermost of them is the one that was `seen`.
fn agreed(xml: &str, seen: &Element, signed: &[Signed], idp: &IdentityProvider) -> Result<Element, Error> {
    if signed.is_empty() {
        return Err(Error::NotSigned);
    }
    let octets = digested_by_xmlsec(xml, signer(xml, signed, idp)?)?;
    let digested = reader::parse(&octets, Comments::Refused).map_err(|_| Error::Disagreement)?;
    // An enveloped signature does not cover itself.
    if without_signature(seen.clone()) == digested { Ok(digested) } else { Err(Error::Disagreement) }
}

/// The certificate whose key made all the signatures: each must be valid over exactly the element that the guard found
/// it on. An identity provider has several certificates while it changes its key, and signs with one at a time.
fn signer<'a>(xml: &str, signed: &[Signed], idp: &'a IdentityProvider) -> Result<&'a [u8], Error> {
    let values = signed.iter().map(Made::of).collect::<Option<Vec<_>>>().ok_or(Error::BadSignature)?;
    for certificate in idp.certificates() {
        if values.iter().any(|value| value.is_surely_not_by(certificate)) {
            continue;
        }
        if values.iter().any(|value| value.is_surely_altered(xml)) {
            return Err(Error::BadSignature);
        }
        // A key that one of the verifiers does not know verifies nothing; the next one may.
        let Ok(key) = bergshamra::keys::loader::load_x509_cert_der(certificate) else { continue };
        let mut keys = KeysManager::new();
        keys.add_key(key);
        let context = DsigContext::new(keys);
        let verified = catch_unwind(AssertUnwindSafe(|| bergshamra::verify_all(&context, xml)));
        // A key of another kind is no key for this signature; the next one may be.
        let Ok(results) = verified.map_err(|_| Error::Disagreement)? else { continue };
        if results.len() == signed.len() && results.iter().zip(signed).all(covers) {
            return Ok(certificate);
        }
    }
    Err(Error::BadSignature)
}

/// Whether a signature is valid, and over the element with this identifier alone.
fn covers((result, signed): (&VerifyResult, &Signed)) -> bool {
    let VerifyResult::Valid { references, .. } = result else { return false };
    let own = matches!(references.as_slice(), [one] if one.uri.strip_prefix('#') == Some(signed.id.as_str()));
    own && result.all_reference_digests_verified()
}

/// The octets that xmlsec digested: of the Response if that is signed, else of the Assertion.
fn digested_by_xmlsec(message: &str, certificate: &[u8]) -> Result<String, Error> {
    let certificates = [CertificateDer::from(certificate.to_vec())];
    let reduce = || {
        let mode = ReduceMode::PreDigest;
        Crypto::reduce_xml_to_signed_with_allowed_algorithms(message, &certificates, mode, Some(&ALGORITHMS))
    };
    catch_unwind(AssertUnwindSafe(reduce)).map_err(|_| Error::Disagreement)?.map_err(|_| Error::Disagreement)
}

fn without_signature(mut element: Element) -> Element {
    element.children.retain(|child| !child.is(ns::SIGNATURE, "Signature"));
    element
}
