//! The authority that Vestibule makes: its certificate, and that of its successor.

use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use x509_parser::prelude::{FromDer as _, X509Certificate};
use zeroize::Zeroizing;

use super::config::Config;
use super::described;
use super::error::Error;
use super::issuing::{serial_number, set_validity};
use super::names::Names;
use crate::clock::Timestamp;

/// Days for which the authority is valid: ten years, because a new one must be installed on every device.
const AUTHORITY_DAYS: i64 = 3650;

/// Authorities that a root allows below it (pathlen): the certificate by which it vouches for its successor. RFC 5280 §4.2.1.9 does
/// not count that, because its issuer has its own name, but Firefox and Go do.
const BELOW_ROOT: u8 = 1;

/// A certificate and its key, as they stand in files.
pub(super) struct Made {
    /// The certificate; after it, where there was one before, the same signed by that one.
    pub(super) certificates: String,
    pub(super) key: Zeroizing<String>,
}

/// A new authority.
pub(super) fn authority(config: &Config, names: &Names, now: Timestamp) -> Result<Made, Error> {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, config.name.as_str());
    name.push(DnType::OrganizationName, config.organization.as_str());
    let (key, params) = (KeyPair::generate()?, params(name, names, BELOW_ROOT, now));
    Ok(Made { certificates: params.self_signed(&key)?.pem(), key: Zeroizing::new(key.serialize_pem()) })
}

/// The authority that is to follow this one: a new key under the same name, once signed by itself, and once by the one before, for
/// devices that trust only that one (RFC 4210 §4.4). The name has to be the same: a certificate whose issuer has its own name is
/// no further step in a chain (RFC 5280 §4.2.1.9), and older authorities of Vestibule allow none.
pub(super) fn successor(before: (&CertificateDer<'_>, &KeyPair), names: &Names, now: Timestamp) -> Result<Made, Error> {
    let (certificate, old_key) = before;
    let unusable = |why: &dyn std::fmt::Display| Error::Unusable("the authority in force".into(), why.to_string());
    let (_, read) = X509Certificate::from_der(certificate).map_err(|error| unusable(&error))?;
    let mut name = DistinguishedName::new();
    for (kind, said) in [
        (DnType::CommonName, read.subject().iter_common_name().next()),
        (DnType::OrganizationName, read.subject().iter_organization().next()),
    ] {
        if let Some(said) = said.and_then(|said| said.as_str().ok()) {
            name.push(kind, said);
        }
    }
    let key = KeyPair::generate()?;
    let mut params = params(name, names, BELOW_ROOT, now);
    let own = params.self_signed(&key)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.serial_number = Some(serial_number());
    params.use_authority_key_identifier_extension = true;
    params.not_after = params.not_after.min(read.validity().not_after.to_datetime());
    let issuer = Issuer::from_ca_cert_der(certificate, old_key).map_err(|error| unusable(&error))?;
    let crossed = params.signed_by(&key, &issuer)?;
    let (_, shown) = X509Certificate::from_der(crossed.der()).map_err(|error| unusable(&error))?;
    if shown.subject().as_raw() != read.subject().as_raw() || shown.issuer().as_raw() != read.subject().as_raw() {
        let why = "its name is not one that Vestibule gives: have its own PKI issue the next one, and name that in `[authority]`";
        return Err(unusable(&why));
    }
    let certificates = [own.der(), crossed.der()].map(|der| described::pem(der)).concat();
    Ok(Made { certificates, key: Zeroizing::new(key.serialize_pem()) })
}

fn params(name: DistinguishedName, names: &Names, below: u8, now: Timestamp) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = name;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(below));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.name_constraints = names.extension();
    params.serial_number = Some(serial_number());
    set_validity(&mut params, now, AUTHORITY_DAYS);
    params
}

/// A certificate and its key. They belong together.
pub(super) fn pair(
    (certificates, name): (&str, &str),
    (key, key_name): (&str, &str),
) -> Result<(Vec<CertificateDer<'static>>, KeyPair), Error> {
    let unusable = |file: &str, why: String| Error::Unusable(file.to_owned(), why);
    let key = KeyPair::from_pem(key).map_err(|error| unusable(key_name, error.to_string()))?;
    let certificates = self::certificates(certificates, name)?;
    let first = certificates.first().ok_or_else(|| unusable(name, "there is none in it".to_owned()))?;
    let (_, parsed) = X509Certificate::from_der(first).map_err(|error| unusable(name, error.to_string()))?;
    if *parsed.public_key().subject_public_key.data != *rcgen::PublicKeyData::der_bytes(&key) {
        return Err(Error::Strangers(key_name.to_owned(), name.to_owned()));
    }
    Ok((certificates, key))
}

/// The certificates in a text.
pub(super) fn certificates(text: &str, name: &str) -> Result<Vec<CertificateDer<'static>>, Error> {
    let unusable = |why: String| Error::Unusable(name.to_owned(), why);
    let found: Vec<_> = CertificateDer::pem_slice_iter(text.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| unusable(error.to_string()))?;
    if found.is_empty() { Err(unusable("there is none in it".to_owned())) } else { Ok(found) }
}
