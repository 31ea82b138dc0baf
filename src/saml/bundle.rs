//! Which of several certificates holds the key that signs. The others are a path to it and sign nothing (XML Signature
//! §4.4.4): an authority that vouches for a key vouches for nobody's sign-in.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::pkey::{PKey, Public};
use openssl::x509::{X509, X509VerifyResult};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::saml::identity_provider::Error;
use crate::saml::ns;
use crate::saml::xml::Element;

/// The certificates of one key, or of several keys beside each other. X.509 in DER.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Bundle {
    /// Those that hold a key.
    pub(super) signers: Vec<Vec<u8>>,
    /// Those that only vouch for another.
    pub(super) path: Vec<Vec<u8>>,
}

/// A certificate, read.
struct Read {
    certificate: X509,
    key: PKey<Public>,
    is_authority: bool,
    is_self_signed: bool,
}

impl Bundle {
    /// Tells the certificates of one `KeyInfo` apart, where `value` is its `KeyValue`.
    ///
    /// Whoever has issued another one of them is part of the path. So is an authority that has issued none of them, beside
    /// a certificate that is none: the link between the two may be missing. Several keys that have nothing to do with each
    /// other stand beside each other, as while a key is changed. Authorities alone of which nobody can say who signs are
    /// [`Error::Ambiguous`].
    pub(super) fn sort(certificates: Vec<Vec<u8>>, value: Option<&KeyValue>) -> Result<Self, Error> {
        let read: Vec<Read> = certificates.iter().map(|der| Read::of(der)).collect::<Result<_, _>>()?;
        let signs: Vec<bool> = match value {
            Some(value) => read.iter().map(|one| value.is_of(one)).collect(),
            None => leaves(&read)?,
        };
        if !certificates.is_empty() && !signs.contains(&true) {
            return Err(Error::Ambiguous);
        }
        let mut bundle = Self::default();
        for (certificate, signs) in certificates.into_iter().zip(signs) {
            bundle.add(certificate, signs);
        }
        Ok(bundle)
    }

    /// Those of another key as well.
    pub(super) fn join(&mut self, other: Self) {
        other.signers.into_iter().for_each(|certificate| self.add(certificate, true));
        other.path.into_iter().for_each(|certificate| self.add(certificate, false));
    }

    fn add(&mut self, certificate: Vec<u8>, signs: bool) {
        let list = if signs { &mut self.signers } else { &mut self.path };
        if !list.contains(&certificate) {
            list.push(certificate);
        }
    }
}

/// Which of them issued no other one, and is not an authority beside one that is none.
fn leaves(all: &[Read]) -> Result<Vec<bool>, Error> {
    let is_leaf = |one: &Read| !all.iter().any(|other| one.has_issued(other));
    let leaves: Vec<bool> = all.iter().map(is_leaf).collect();
    let chosen = || all.iter().zip(&leaves).filter(|(_, leaf)| **leaf).map(|(one, _)| one);
    let Some(first) = chosen().next() else { return Ok(leaves) };
    if chosen().all(|one| one.key.public_eq(&first.key)) {
        return Ok(leaves);
    }
    if chosen().any(|one| !one.is_authority) {
        return Ok(all.iter().zip(&leaves).map(|(one, leaf)| *leaf && !one.is_authority).collect());
    }
    // Made with nothing but their own keys: they need no path, so they are none.
    if chosen().all(|one| one.is_self_signed) { Ok(leaves) } else { Err(Error::Ambiguous) }
}

impl Read {
    fn of(der: &[u8]) -> Result<Self, Error> {
        let (_, parsed) = X509Certificate::from_der(der).map_err(|_| Error::BadCertificate)?;
        let certificate = X509::from_der(der).map_err(|_| Error::BadCertificate)?;
        let key = certificate.public_key().map_err(|_| Error::BadCertificate)?;
        let is_authority = parsed.basic_constraints().ok().flatten().is_some_and(|found| found.value.ca);
        let is_self_signed = certificate.verify(&key).unwrap_or(false);
        Ok(Self { certificate, key, is_authority, is_self_signed })
    }

    fn has_issued(&self, other: &Self) -> bool {
        // A key that was certified twice is one key.
        !self.key.public_eq(&other.key)
            && self.certificate.issued(&other.certificate) == X509VerifyResult::OK
            && other.certificate.verify(&self.key).unwrap_or(false)
    }
}

/// A key that is given by itself (XML Signature §4.4.2, XML Signature 1.1 §4.5.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum KeyValue {
    /// Modulus and exponent, big-endian.
    Rsa(Vec<u8>, Vec<u8>),
    /// The point, uncompressed.
    Elliptic(Vec<u8>),
}

impl KeyValue {
    /// The one that a `KeyInfo` gives, if it can be read.
    pub(super) fn of(key_info: &Element) -> Option<Self> {
        let value = key_info.only(ns::SIGNATURE, "KeyValue")?;
        let octets = |part: Option<&Element>| {
            let text: String = part?.text.split_ascii_whitespace().collect();
            STANDARD.decode(text).ok()
        };
        if let Some(rsa) = value.only(ns::SIGNATURE, "RSAKeyValue") {
            let part = |name| octets(rsa.only(ns::SIGNATURE, name));
            return Some(Self::Rsa(part("Modulus")?, part("Exponent")?));
        }
        let elliptic = value.only(ns::SIGNATURE_11, "ECKeyValue")?;
        octets(elliptic.only(ns::SIGNATURE_11, "PublicKey")).map(Self::Elliptic)
    }

    fn is_of(&self, one: &Read) -> bool {
        match self {
            Self::Rsa(modulus, exponent) => one.key.rsa().is_ok_and(|key| {
                let bare = |octets: &[u8]| octets.iter().copied().skip_while(|octet| *octet == 0).collect::<Vec<_>>();
                key.n().to_vec() == bare(modulus) && key.e().to_vec() == bare(exponent)
            }),
            Self::Elliptic(point) => {
                let der = one.certificate.to_der().unwrap_or_default();
                X509Certificate::from_der(&der)
                    .is_ok_and(|(_, parsed)| *parsed.public_key().subject_public_key.data == **point)
            }
        }
    }
}

#[cfg(test)]
#[path = "tests/bundle_tests.rs"]
mod tests;
