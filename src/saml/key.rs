//! Our own keys in a realm: what we sign with, and what identity providers encrypt for.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bergshamra::{DsigContext, KeysManager};
use openssl::ecdsa::EcdsaSig;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Private};
use openssl::sign::Signer;
use openssl::x509::X509;
use serde::Deserialize;

use crate::config_path::ConfigPath;
use crate::saml::armour::{self, Found};
use crate::saml::ns;
use crate::secret::Secret;

/// One `[[realm.key]]`, as written. The first one signs; each of them decrypts, so that a key can be changed without an
/// outage.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The certificate, as a PEM file: what identity providers know the key by.
    pub certificate: ConfigPath,
    /// The private key, as PEM without a passphrase: RSA of 2048 bits or more, or EC on P-256, P-384 or P-521.
    pub private: Secret,
}

/// A private key and its certificate.
#[derive(Clone)]
pub struct Key {
    private: PKey<Private>,
    /// X.509 in DER.
    certificate: Vec<u8>,
    method: Method,
}

/// How a key signs: what the algorithm is called, and the digest.
#[derive(Clone, Copy)]
struct Method {
    name: &'static str,
    digest: fn() -> MessageDigest,
    /// Octets of each half of a signature; none for RSA.
    half: Option<i32>,
}

const RSA: Method =
    Method { name: "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", digest: MessageDigest::sha256, half: None };
const P256: Method = Method {
    name: "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
    digest: MessageDigest::sha256,
    half: Some(32),
};
const P384: Method = Method {
    name: "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384",
    digest: MessageDigest::sha384,
    half: Some(48),
};
const P521: Method = Method {
    name: "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512",
    digest: MessageDigest::sha512,
    half: Some(66),
};

/// Why a key cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not PEM, encrypted with a passphrase, or not a private key.
    #[error("the private key is not PEM without a passphrase")]
    BadKey,
    /// A certificate in the place of the private key.
    #[error("`private` holds a certificate: are it and `certificate` swapped?")]
    Swapped,
    /// Something else stands in the place of the certificate.
    #[error("wanted is a certificate, and this is {0}")]
    NotACertificate(Found),
    /// A certificate that cannot be read.
    #[error("the certificate cannot be read")]
    BadCertificate,
    /// The certificate is another key's.
    #[error("the certificate does not belong to the private key")]
    OtherCertificate,
    /// A kind or size of key that is not used here.
    #[error("the key is neither RSA of 2048 bits or more nor EC on P-256, P-384 or P-521")]
    Unsuitable,
    /// The key did not sign.
    #[error("the key could not sign")]
    NotSigned,
}

impl Key {
    /// Reads a certificate (PEM, bare base64 or DER) and its private key (PEM).
    pub fn read(certificate: &[u8], private: &Secret) -> Result<Self, Error> {
        // Without a callback, OpenSSL would ask at the terminal for a passphrase.
        let private_text = private.expose().as_bytes();
        let private = PKey::private_key_from_pem_callback(private_text, |_| Ok(0));
        let private = private.map_err(|_| match armour::found(private_text) {
            Found::Certificate => Error::Swapped,
            _ => Error::BadKey,
        })?;
        let certificate = armour::certificates(certificate).into_iter().next().unwrap_or(Err(Found::Nothing));
        let certificate = X509::from_der(&certificate.map_err(Error::NotACertificate)?);
        let certificate = certificate.map_err(|_| Error::BadCertificate)?;
        let public = certificate.public_key().map_err(|_| Error::BadCertificate)?;
        if !private.public_eq(&public) {
            return Err(Error::OtherCertificate);
        }
        let method = method(&private).ok_or(Error::Unsuitable)?;
        let certificate = certificate.to_der().map_err(|_| Error::BadCertificate)?;
        Ok(Self { private, certificate, method })
    }

    /// The certificate, X.509 in DER.
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// The certificate in base64, as it stands in XML.
    pub(super) fn certificate_text(&self) -> String {
        STANDARD.encode(&self.certificate)
    }

    /// The name of the algorithm that it signs with: RSA or ECDSA with SHA-2 (RFC 6931).
    pub fn algorithm(&self) -> &'static str {
        self.method.name
    }

    /// Whether others can encrypt for it.
    pub fn decrypts(&self) -> bool {
        self.private.id() == Id::RSA
    }

    pub(super) fn private(&self) -> &PKey<Private> {
        &self.private
    }

    /// The signature over `octets`, as XML Signature wants it: of ECDSA, the two halves one after the other (XML
    /// Signature 1.1 §6.4.3), not DER.
    pub fn sign(&self, octets: &[u8]) -> Result<Vec<u8>, Error> {
        let signature = || {
            let mut signer = Signer::new((self.method.digest)(), &self.private)?;
            let signature = signer.sign_oneshot_to_vec(octets)?;
            let Some(half) = self.method.half else { return Ok(signature) };
            let halves = EcdsaSig::from_der(&signature)?;
            Ok([halves.r().to_vec_padded(half)?, halves.s().to_vec_padded(half)?].concat())
        };
        signature().map_err(|_: openssl::error::ErrorStack| Error::NotSigned)
    }

    /// Signs the root of `xml`, whose `ID` is `id`: the Signature is put after the first occurrence of `place`, where
    /// the schema has it (after `</saml:Issuer>` in protocol messages).
    pub fn sign_document(&self, xml: &str, id: &str, place: &str) -> Result<String, Error> {
        let (head, tail) = xml.split_once(place).ok_or(Error::NotSigned)?;
        let template = format!("{head}{place}{}{tail}", self.template(id));
        let pem = self.private.private_key_to_pem_pkcs8().map_err(|_| Error::NotSigned)?;
        let key = bergshamra::keys::loader::load_pem_auto(&pem, None).map_err(|_| Error::NotSigned)?;
        let mut keys = KeysManager::new();
        keys.add_key(key);
        let context = DsigContext::new(keys);
        let signed = catch_unwind(AssertUnwindSafe(|| bergshamra::sign(&context, &template)));
        signed.map_err(|_| Error::NotSigned)?.map_err(|_| Error::NotSigned)
    }

    fn template(&self, id: &str) -> String {
        format!(
            concat!(
                r#"<ds:Signature xmlns:ds="{ns}"><ds:SignedInfo>"#,
                r#"<ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>"#,
                r#"<ds:SignatureMethod Algorithm="{method}"/><ds:Reference URI="{hash}{id}"><ds:Transforms>"#,
                r#"<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>"#,
                r#"<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/></ds:Transforms>"#,
                r#"<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><ds:DigestValue/>"#,
                r#"</ds:Reference></ds:SignedInfo><ds:SignatureValue/><ds:KeyInfo><ds:X509Data>"#,
                r#"<ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></ds:Signature>"#,
            ),
            ns = ns::SIGNATURE,
            method = self.method.name,
            hash = '#',
            id = id,
            certificate = self.certificate_text(),
        )
    }
}

fn method(key: &PKey<Private>) -> Option<Method> {
    match key.id() {
        Id::RSA if key.bits() >= 2048 => Some(RSA),
        Id::EC => match key.ec_key().ok()?.group().curve_name()? {
            Nid::X9_62_PRIME256V1 => Some(P256),
            Nid::SECP384R1 => Some(P384),
            Nid::SECP521R1 => Some(P521),
            _ => None,
        },
        _ => None,
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.certificate == other.certificate
    }
}

impl Eq for Key {}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("algorithm", &self.method.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "tests/key_tests.rs"]
mod tests;
