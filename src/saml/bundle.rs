//! Which of several certificates holds the key that signs. The others are a path to it and sign nothing (XML Signature
//! §4.4.4): an authority that vouches for a key vouches for nobody's sign-in.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Public};
use openssl::x509::{X509, X509VerifyResult};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::saml::armour::Found;
use crate::saml::ns;
use crate::saml::unusable::{Error, UnusablePart};
use crate::saml::xml::Element;

/// The certificates of one key, or of several keys beside each other. X.509 in DER.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Bundle {
    /// Those that hold a key.
    pub(super) signers: Vec<Vec<u8>>,
    /// Those that only vouch for another.
    pub(super) path: Vec<Vec<u8>>,
    /// Those that cannot be used. They verify nothing, and vouch for nothing.
    pub(super) left_out: Vec<UnusablePart>,
}

/// A certificate, read.
struct Read {
    der: Vec<u8>,
    certificate: X509,
    key: PKey<Public>,
    is_authority: bool,
    is_self_signed: bool,
}

impl Bundle {
    /// Tells the certificates of one `KeyInfo` apart, where `value` is its `KeyValue`, and leaves out what cannot be used.
    ///
    /// Whoever has issued another one of them is part of the path. So is an authority that has issued none of them, beside
    /// a certificate that is none: the link between the two may be missing. Several keys that have nothing to do with each
    /// other stand beside each other, as while a key is changed. Authorities alone of which nobody can say who signs are
    /// [`Error::Ambiguous`]: none of them signs. Nor does an authority beside a certificate that cannot be read, which may be
    /// the one that it vouches for.
    pub(super) fn sort(certificates: Vec<Result<Vec<u8>, Found>>, value: Option<&KeyValue>) -> Self {
        let mut bundle = Self::default();
        let (mut all, mut is_one_missing): (Vec<Read>, _) = (Vec::new(), false);
        for certificate in certificates {
            let missing = certificate.as_ref().map_or_else(|found| found.may_be_a_certificate(), |_| true);
            match certificate.map_err(Error::NotACertificate).and_then(Read::of) {
                Ok(read) if all.iter().any(|other| other.der == read.der) => {}
                Ok(read) => all.push(read),
                Err(why) => {
                    is_one_missing |= missing;
                    bundle.left_out.push(UnusablePart { what: "one of the certificates".to_owned(), why });
                }
            }
        }
        let mut signs = match value {
            Some(value) => all.iter().map(|one| value.is_of(one)).collect(),
            None => leaves(&all).unwrap_or_default(),
        };
        if value.is_none() && is_one_missing {
            signs.iter_mut().zip(&all).for_each(|(signs, one)| *signs &= !one.is_authority);
        }
        if !all.is_empty() && !signs.contains(&true) {
            let what = all.iter().map(Read::name).collect::<Vec<_>>().join(" and ");
            bundle.left_out.push(UnusablePart { what, why: Error::Ambiguous });
            return bundle;
        }
        for (one, signs) in all.into_iter().zip(signs) {
            match one.check_key() {
                Err(why) if signs => bundle.left_out.push(UnusablePart { what: one.name(), why }),
                _ => bundle.add(one.der, signs),
            }
        }
        bundle
    }

    /// Those of another key as well.
    pub(super) fn join(&mut self, other: Self) {
        other.signers.into_iter().for_each(|certificate| self.add(certificate, true));
        other.path.into_iter().for_each(|certificate| self.add(certificate, false));
        self.left_out.extend(other.left_out);
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
    fn of(der: Vec<u8>) -> Result<Self, Error> {
        let (_, parsed) = X509Certificate::from_der(&der).map_err(|_| Error::BadCertificate)?;
        let certificate = X509::from_der(&der).map_err(|_| Error::BadCertificate)?;
        let key = certificate.public_key().map_err(|_| Error::BadCertificate)?;
        let is_authority = parsed.basic_constraints().ok().flatten().is_some_and(|found| found.value.ca);
        let is_self_signed = certificate.verify(&key).unwrap_or(false);
        Ok(Self { der, certificate, key, is_authority, is_self_signed })
    }

    /// What people call it.
    fn name(&self) -> String {
        name_of(&self.certificate)
    }

    /// Whether its key is one that both verifiers take, and that nobody can break.
    fn check_key(&self) -> Result<(), Error> {
        let strong = match self.key.id() {
            Id::RSA => (2048..=8192).contains(&self.key.bits()),
            Id::EC => {
                let curve = self.key.ec_key().ok().and_then(|key| key.group().curve_name());
                matches!(curve, Some(Nid::X9_62_PRIME256V1 | Nid::SECP384R1 | Nid::SECP521R1))
            }
            _ => false,
        };
        if strong { Ok(()) } else { Err(Error::WeakKey) }
    }

    fn has_issued(&self, other: &Self) -> bool {
        // A key that was certified twice is one key.
        !self.key.public_eq(&other.key)
            && self.certificate.issued(&other.certificate) == X509VerifyResult::OK
            && other.certificate.verify(&self.key).unwrap_or(false)
    }
}

/// What people call a certificate: its common name, if it has one, and its thumbprint.
pub(super) fn name_of(certificate: &X509) -> String {
    let name = certificate.subject_name().entries_by_nid(Nid::COMMONNAME).next();
    let name = name.and_then(|name| name.data().to_string().ok()).unwrap_or_default();
    let name: String = name.chars().filter(|c| !c.is_control()).take(60).collect();
    let thumbprint = certificate.digest(openssl::hash::MessageDigest::sha1());
    let thumbprint: String =
        thumbprint.iter().flat_map(|octets| octets.iter()).map(|octet| format!("{octet:02X}")).collect();
    let space = if name.is_empty() { "" } else { " " };
    format!("the certificate {name}{space}with the thumbprint {thumbprint}")
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
            Self::Elliptic(point) => X509Certificate::from_der(&one.der)
                .is_ok_and(|(_, parsed)| *parsed.public_key().subject_public_key.data == **point),
        }
    }
}

#[cfg(test)]
#[path = "tests/bundle_tests.rs"]
mod tests;
