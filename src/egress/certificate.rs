//! Judges the certificates of origins: by the usual rules, less what an operator's rule accepts.
//!
//! Whatever is accepted, the rest is held against the usual rules: a certificate that is too old is still that of its host and
//! of its issuer, and whoever shows it has its key.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use openssl::hash::MessageDigest;
use openssl::ocsp::{OcspCertId, OcspCertStatus, OcspFlag, OcspResponse, OcspResponseStatus};
use openssl::stack::Stack;
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::verify::X509VerifyFlags;
use openssl::x509::{X509, X509VerifyResult};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use super::verified::{Chain, Verified, validity};
use crate::policy::{Fault, Faults};

/// What is wrong with an origin's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// What a rule may accept.
    Fault(Fault),
    /// Its issuer has revoked it, as the origin itself has shown (OCSP, RFC 6066 §8).
    Revoked,
    /// Something else.
    Other,
}

/// Names that are taken over from a certificate.
const MAX_NAMES: usize = 100;

/// Certificates of whoever is trusted, by what they call themselves: one of them may have issued that of an origin which sends no
/// other.
#[derive(Default)]
pub(super) struct Issuers(HashMap<Box<[u8]>, Vec<CertificateDer<'static>>>);

impl Issuers {
    /// These. What cannot be read is left out.
    pub(super) fn of(all: impl Iterator<Item = CertificateDer<'static>>) -> Self {
        let mut by_name: HashMap<Box<[u8]>, Vec<_>> = HashMap::new();
        for certificate in all {
            let name = X509Certificate::from_der(&certificate).ok().map(|(_, own)| own.subject().as_raw().into());
            if let Some(name) = name {
                by_name.entry(name).or_default().push(certificate);
            }
        }
        Self(by_name)
    }

    /// Those that may have issued this one.
    fn may_have_issued(&self, certificate: &CertificateDer<'_>) -> &[CertificateDer<'static>] {
        let Ok((_, parsed)) = X509Certificate::from_der(certificate) else { return &[] };
        self.0.get(parsed.issuer().as_raw()).map(Vec::as_slice).unwrap_or_default()
    }
}

/// Judges by the usual rules, less `accept`.
pub(super) struct Verifier {
    usual: Arc<WebPkiServerVerifier>,
    /// What `usual` has found good.
    verified: Arc<Verified>,
    roots: Arc<Issuers>,
    accept: Faults,
}

impl Verifier {
    /// `verified` is what `usual` has found good.
    pub(super) fn new(
        (usual, verified): (Arc<WebPkiServerVerifier>, Arc<Verified>),
        roots: Arc<Issuers>,
        accept: Faults,
    ) -> Self {
        Self { usual, verified, roots, accept }
    }

    /// Judges by the usual rules.
    fn by_usual_rules(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        at: UnixTime,
    ) -> Result<(), Error> {
        let chain = Chain::of(certificate, others);
        if self.verified.has(&chain, at) {
            return is_for(certificate, name);
        }
        self.usual.verify_server_cert(certificate, others, name, &[], at)?;
        self.verified.note(chain, std::iter::once(certificate).chain(others), at);
        Ok(())
    }

    /// What of a certificate was accepted that is usually not; an error if it is not accepted.
    pub(super) fn judge(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<Faults, Error> {
        let (mut found, mut at) = (Faults::NONE, now);
        // Each turn accepts a fault that none before has.
        for _ in 0..=Fault::ALL.len() {
            let Err(error) = self.by_usual_rules(certificate, others, name, at) else { return Ok(found) };
            let fault = match flaw(&error, certificate) {
                Flaw::Fault(fault) if self.accept.has(fault) && !found.has(fault) => fault,
                _ => return Err(error),
            };
            found = found.and([fault].into_iter().collect());
            match fault {
                Fault::Expired | Fault::NotYetValid => at = middle(certificate).ok_or(error)?,
                // The name is the last thing that is looked at.
                Fault::WrongName => return Ok(found),
                Fault::UnknownIssuer => return self.alone(certificate, name, now, found),
            }
        }
        Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
    }

    /// Judges a certificate for which nobody vouches by what it says itself.
    fn alone(
        &self,
        certificate: &CertificateDer<'_>,
        name: &ServerName<'_>,
        now: UnixTime,
        mut found: Faults,
    ) -> Result<Faults, Error> {
        let mut take = |fault: Fault, error: Error| {
            found = found.and([fault].into_iter().collect());
            if self.accept.has(fault) { Ok(()) } else { Err(error) }
        };
        let (from, until) = validity(certificate).ok_or(CertificateError::BadEncoding)?;
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        if now > until {
            take(Fault::Expired, CertificateError::Expired.into())?;
        }
        if now < from {
            take(Fault::NotYetValid, CertificateError::NotValidYet.into())?;
        }
        if let Err(error) = is_for(certificate, name) {
            take(Fault::WrongName, error)?;
        }
        Ok(found)
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let issuers = || intermediates.iter().chain(self.roots.may_have_issued(end_entity));
        if !ocsp_response.is_empty() && is_revoked(end_entity, issuers(), ocsp_response).unwrap_or(false) {
            return Err(CertificateError::Revoked.into());
        }
        self.judge(end_entity, intermediates, server_name, now).map(|_| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.usual.supported_verify_schemes()
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("accept", &self.accept).finish_non_exhaustive()
    }
}

/// What an error says of a certificate.
pub(super) fn flaw(error: &Error, certificate: &CertificateDer<'_>) -> Flaw {
    let Error::InvalidCertificate(error) = error else { return Flaw::Other };
    match error {
        CertificateError::Other(_) | CertificateError::InvalidPurpose if is_self_issued(certificate) => {
            // An authority's own certificate, as `openssl req -x509` makes it.
            Flaw::Fault(Fault::UnknownIssuer)
        }
        error => flaw_of(error),
    }
}

/// The same of an error alone.
pub(super) fn flaw_of(error: &CertificateError) -> Flaw {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => Flaw::Fault(Fault::Expired),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Flaw::Fault(Fault::NotYetValid),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            Flaw::Fault(Fault::WrongName)
        }
        CertificateError::UnknownIssuer => Flaw::Fault(Fault::UnknownIssuer),
        CertificateError::Revoked => Flaw::Revoked,
        // What webpki calls so is in no public type.
        CertificateError::Other(other) if other.0.to_string().contains("CaUsedAsEndEntity") => {
            Flaw::Fault(Fault::UnknownIssuer)
        }
        _ => Flaw::Other,
    }
}

fn is_self_issued(certificate: &CertificateDer<'_>) -> bool {
    X509Certificate::from_der(certificate).is_ok_and(|(_, parsed)| parsed.issuer() == parsed.subject())
}

fn is_for(certificate: &CertificateDer<'_>, name: &ServerName<'_>) -> Result<(), Error> {
    rustls::client::verify_server_name(&ParsedCertificate::try_from(certificate)?, name)
}

/// A time at which it is valid.
fn middle(certificate: &CertificateDer<'_>) -> Option<UnixTime> {
    let (from, until) = validity(certificate)?;
    let middle = from.checked_add(until.checked_sub(from)? / 2)?;
    Some(UnixTime::since_unix_epoch(std::time::Duration::from_secs(u64::try_from(middle).ok()?)))
}

/// The hosts for which it was issued, as they stand in it: names, which may begin with `*.`, and addresses.
pub(super) fn names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else { return Vec::new() };
    let Ok(Some(names)) = parsed.subject_alternative_name() else { return Vec::new() };
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(octets) => match octets.len() {
            4 => <[u8; 4]>::try_from(*octets).ok().map(|octets| std::net::IpAddr::from(octets).to_string()),
            _ => <[u8; 16]>::try_from(*octets).ok().map(|octets| std::net::IpAddr::from(octets).to_string()),
        },
        _ => None,
    };
    names.value.general_names.iter().filter_map(name).take(MAX_NAMES).collect()
}

/// Whether the issuer says in a response that the origin has shown that it has revoked the certificate. A response that is not
/// the issuer's says nothing. An error says that it cannot be read.
fn is_revoked<'c>(
    certificate: &CertificateDer<'_>,
    issuers: impl Iterator<Item = &'c CertificateDer<'c>>,
    response: &[u8],
) -> Result<bool, openssl::error::ErrorStack> {
    let response = OcspResponse::from_der(response)?;
    if response.status() != OcspResponseStatus::SUCCESSFUL {
        return Ok(false);
    }
    let (basic, subject) = (response.basic()?, X509::from_der(certificate)?);
    for issuer in issuers {
        let Ok(issuer) = X509::from_der(issuer) else { continue };
        if issuer.issued(&subject) != X509VerifyResult::OK {
            continue;
        }
        for digest in [MessageDigest::sha1(), MessageDigest::sha256()] {
            let id = OcspCertId::from_cert(digest, &subject, &issuer)?;
            let is_revoked = basic.find_status(&id).is_some_and(|found| found.status == OcspCertStatus::REVOKED);
            if !is_revoked {
                continue;
            }
            let mut store = X509StoreBuilder::new()?;
            store.add_cert(issuer.clone())?;
            store.set_flags(X509VerifyFlags::PARTIAL_CHAIN)?;
            let mut chain = Stack::new()?;
            chain.push(issuer.clone())?;
            if basic.verify(&chain, &store.build(), OcspFlag::empty()).is_ok() {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_have_issued_a_certificate_that_comes_alone_is_found_among_those_who_are_trusted() {
        let authority = |name: &str| {
            let mut params = rcgen::CertificateParams::default();
            params.distinguished_name.push(rcgen::DnType::CommonName, name);
            params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
            let key = rcgen::KeyPair::generate().unwrap();
            let certificate = params.self_signed(&key).unwrap().der().clone();
            (rcgen::Issuer::new(params, key), certificate)
        };
        let ((issuer, own), (_, other)) = (authority("one"), authority("another"));
        let params = rcgen::CertificateParams::new(vec!["site.test".to_owned()]).unwrap();
        let leaf = params.signed_by(&rcgen::KeyPair::generate().unwrap(), &issuer).unwrap().der().clone();
        let broken = CertificateDer::from(vec![0; 9]);
        let known = Issuers::of([other.clone(), broken.clone(), own.clone()].into_iter());
        assert_eq!(known.may_have_issued(&leaf), [own]);
        assert!(known.may_have_issued(&broken).is_empty());
        assert!(Issuers::of([other].into_iter()).may_have_issued(&leaf).is_empty());
    }

    #[test]
    fn a_chain_that_was_found_good_is_still_held_against_the_host_and_the_time() {
        let (key, mut params) = (rcgen::KeyPair::generate().unwrap(), rcgen::CertificateParams::default());
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let mut roots = rustls::RootCertStore::empty();
        roots.add(params.self_signed(&key).unwrap().der().clone()).unwrap();
        let issuer = rcgen::Issuer::new(params, key);
        let names = vec!["a.test".to_owned(), "b.test".to_owned()];
        let mut params = rcgen::CertificateParams::new(names).unwrap();
        let seconds = |seconds: i64| time::OffsetDateTime::from_unix_timestamp(seconds).unwrap();
        (params.not_before, params.not_after) = (seconds(1_700_000_000), seconds(1_800_000_000));
        let leaf = params.signed_by(&rcgen::KeyPair::generate().unwrap(), &issuer).unwrap().der().clone();
        let usual = WebPkiServerVerifier::builder(Arc::new(roots)).build().unwrap();
        let verified = Arc::<Verified>::default();
        let verifier = |accept| Verifier::new((Arc::clone(&usual), Arc::clone(&verified)), Arc::default(), accept);
        let at = |seconds| UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        let judge = |accept: Faults, host: &str, time: u64| {
            let name = ServerName::try_from(host.to_owned()).unwrap();
            verifier(accept).judge(&leaf, &[], &name, at(time)).map_err(|error| flaw(&error, &leaf))
        };
        let (now, late, chain) = (1_750_000_000, 1_800_000_001, Chain::of(&leaf, &[]));
        let wrong = Err(Flaw::Fault(Fault::WrongName));
        assert_eq!(judge(Faults::NONE, "c.test", now), wrong);
        assert!(!verified.has(&chain, at(now)), "nothing is remembered of what was refused");
        assert_eq!(judge(Faults::NONE, "a.test", now), Ok(Faults::NONE));
        assert!(verified.has(&chain, at(now)));
        assert_eq!(judge(Faults::NONE, "b.test", now), Ok(Faults::NONE));
        assert_eq!(judge(Faults::NONE, "c.test", now), wrong);
        assert_eq!(judge(Faults::NONE, "a.test", late), Err(Flaw::Fault(Fault::Expired)));
        let accept = |faults: &[Fault]| faults.iter().copied().collect::<Faults>();
        assert_eq!(judge(accept(&[Fault::Expired]), "a.test", late), Ok(accept(&[Fault::Expired])));
        assert_eq!(judge(accept(&[Fault::Expired]), "c.test", late), wrong);
        // By an authority that is not trusted.
        let stranger = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().der().clone();
        let name = ServerName::try_from("a.test").unwrap();
        assert!(verifier(Faults::NONE).judge(&stranger, &[], &name, at(now)).is_err());
        assert!(!verified.has(&Chain::of(&stranger, &[]), at(now)));
    }
}
