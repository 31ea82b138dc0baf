//! A certificate with the chain above it, and its private key, in PEM files: read, and held against each other.

use std::path::{Path, PathBuf};

use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error as TlsError, InconsistentKeys};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use crate::clock::{Clock, SignedDuration, Timestamp, after};
use crate::faults::{Faults, at};

/// How long before its end a certificate is pointed out.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// What becomes of a certificate that clients do not take.
const REFUSED: &str = "clients refuse it, and browsers show an error page instead of what was asked for";

/// A certificate with its chain, and its key.
#[derive(Debug)]
pub struct Pair {
    /// The certificate, and those above it.
    pub chain: Vec<CertificateDer<'static>>,
    /// Its key.
    pub key: PrivateKeyDer<'static>,
}

/// What is wrong with a pair.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", file.display())]
pub struct Fault {
    /// The file that it is about.
    pub file: PathBuf,
    /// Whether that is the key's.
    pub is_key: bool,
    /// What is wrong.
    pub message: String,
    /// What to do about it. It may be empty.
    pub help: &'static str,
}

impl Pair {
    /// Reads the certificate and the key, which belong together.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, Fault> {
        let fault = |is_key: bool| {
            let file = if is_key { key } else { certificate }.to_owned();
            move |(message, help): (String, &'static str)| Fault { file, is_key, message, help }
        };
        let chain = certificates(certificate).map_err(fault(false))?;
        let private = private_key(key).map_err(fault(true))?;
        let pair = Self { chain, key: private };
        pair.match_up().map_err(fault(true))?;
        Ok(pair)
    }

    /// Says what is wrong with a certificate and its key, as a start would find it, and what clients will object to. With
    /// `host`, that is the name that they will ask for.
    pub fn check(certificate: &Path, key: &Path, host: Option<&str>, faults: &mut Faults) {
        let files = [("certificate", certificate), ("key", key)];
        if files.map(|(name, file)| faults.readable(at![name], file)) != [true, true] {
            return;
        }
        match Self::read(certificate, key) {
            Ok(pair) => {
                for (doubt, help) in pair.doubts(host, Clock::system().now()) {
                    faults.doubt(at!["certificate"], doubt, help);
                }
            }
            Err(fault) => {
                let name = if fault.is_key { "key" } else { "certificate" };
                faults.note(at![name], format!("`{}`: {}", fault.file.display(), fault.message), fault.help);
            }
        }
    }

    fn match_up(&self) -> Result<(), (String, &'static str)> {
        let unusable = |error: TlsError| (format!("the key cannot be used: {error}"), "RSA and ECDSA keys can");
        let key = any_supported_type(&self.key).map_err(unusable)?;
        match CertifiedKey::new(self.chain.clone(), key).keys_match() {
            Ok(()) | Err(TlsError::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(()),
            Err(TlsError::InconsistentKeys(_)) => {
                let help = "the first certificate of the chain is the one that the key belongs to; both come from the same request";
                Err(("this key belongs to another certificate".into(), help))
            }
            Err(error) => Err((format!("the certificate cannot be used: {error}"), "")),
        }
    }

    /// What clients will object to: the certificate has expired or is about to, or does not name `host`.
    pub fn doubts(&self, host: Option<&str>, now: Timestamp) -> Vec<(String, &'static str)> {
        let Some(Ok((_, certificate))) = self.chain.first().map(|first| X509Certificate::from_der(first)) else {
            return Vec::new();
        };
        let mut doubts = Vec::new();
        let validity = certificate.validity();
        let at =
            |seconds: i64| Timestamp::from_second(seconds).map_or_else(|_| "-".to_owned(), |time| time.to_string());
        let (from, until) = (validity.not_before.timestamp(), validity.not_after.timestamp());
        if until <= now.as_second() {
            doubts.push((format!("the certificate has expired, on {}", at(until)), REFUSED));
        } else if until <= after(now, SOON).as_second() {
            doubts.push((format!("the certificate expires soon, on {}", at(until)), "renew it before then"));
        }
        if from > now.as_second() {
            doubts.push((format!("the certificate is not valid before {}", at(from)), REFUSED));
        }
        if let Some(host) = host
            && !is_for(&certificate, host)
        {
            doubts.push((format!("the certificate is not for `{host}`"), REFUSED));
        }
        doubts
    }
}

/// Whether a certificate is for a host (RFC 9525 §6.3): by name, or by a wildcard for its first label.
fn is_for(certificate: &X509Certificate<'_>, host: &str) -> bool {
    let names = certificate.subject_alternative_name().ok().flatten();
    let names = names.map_or(&[][..], |names| &names.value.general_names);
    let below = host.split_once('.').map(|(_, below)| below);
    names.iter().any(|name| match name {
        GeneralName::DNSName(name) => match name.strip_prefix("*.") {
            Some(wild) => below.is_some_and(|below| below.eq_ignore_ascii_case(wild)),
            None => name.eq_ignore_ascii_case(host),
        },
        _ => false,
    })
}

/// The certificates in a PEM file: one at least.
pub fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, (String, &'static str)> {
    let octets = read(file)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&octets).collect();
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        Ok(_) if holds(&octets, "PRIVATE KEY-----") => {
            Err(("it holds a private key and no certificate".into(), "were the two files exchanged?"))
        }
        Ok(_) if octets.first() == Some(&0x30) => Err((
            "it is DER, and PEM is wanted".into(),
            "`openssl x509 -inform der -in FILE -out FILE.pem` makes PEM of it",
        )),
        Ok(_) => Err(("it holds no certificate".into(), "PEM is wanted: it begins with `-----BEGIN CERTIFICATE-----`")),
        Err(error) => Err((format!("it holds a certificate that cannot be read: {error}"), "")),
    }
}

fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, (String, &'static str)> {
    let octets = read(file)?;
    if holds(&octets, "ENCRYPTED") {
        let help = "nobody is there to type its password at a start: `openssl pkey -in FILE -out FILE.plain` writes it without";
        return Err(("the key is encrypted".into(), help));
    }
    PrivateKeyDer::from_pem_slice(&octets).map_err(|_| {
        if CertificateDer::pem_slice_iter(&octets).any(|found| found.is_ok()) {
            return ("it holds a certificate and no private key".into(), "were the two files exchanged?");
        }
        let help = "PEM is wanted: it begins with `-----BEGIN PRIVATE KEY-----`";
        ("it holds no private key".into(), help)
    })
}

fn holds(octets: &[u8], text: &str) -> bool {
    memchr::memmem::find(octets, text.as_bytes()).is_some()
}

fn read(file: &Path) -> Result<Vec<u8>, (String, &'static str)> {
    let octets = std::fs::read(file).map_err(|error| (format!("it cannot be read: {error}"), ""))?;
    if octets.trim_ascii().is_empty() { Err(("it is empty".into(), "")) } else { Ok(octets) }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;
    use crate::clock::Clock;

    #[test]
    fn what_is_wrong_with_a_certificate_and_its_key_is_said_of_the_right_file() {
        let folder = tempfile::tempdir().unwrap();
        let (key, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let certificate = CertificateParams::new(vec!["portal.test".into()]).unwrap().self_signed(&key).unwrap();
        let write = |name: &str, content: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            path
        };
        let good = write("good.pem", certificate.pem().as_bytes());
        let good_key = write("good.key", key.serialize_pem().as_bytes());
        let pair = Pair::read(&good, &good_key).unwrap();
        assert_eq!(pair.doubts(Some("Portal.test"), Clock::system().now()), []);
        let encrypted = b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        let both = [certificate.pem(), key.serialize_pem()].concat();
        for (certificate, key, wanted) in [
            (write("e", b" \n"), good_key.clone(), Some((false, "is empty"))),
            (good_key.clone(), good.clone(), Some((false, "a private key and no certificate"))),
            (write("d", certificate.der()), good_key.clone(), Some((false, "is DER"))),
            (write("t", b"no PEM"), good_key.clone(), Some((false, "no certificate"))),
            (good.clone(), good.clone(), Some((true, "a certificate and no private key"))),
            (good.clone(), write("x", encrypted), Some((true, "encrypted"))),
            (good.clone(), write("o", other.serialize_pem().as_bytes()), Some((true, "another certificate"))),
            (good.clone(), folder.path().join("none"), Some((true, "cannot be read"))),
            // One file may hold both.
            (write("b", both.as_bytes()), write("b", both.as_bytes()), None),
        ] {
            let found = Pair::read(&certificate, &key).err();
            let found = found.as_ref().map(|fault| (fault.is_key, fault.message.as_str()));
            match (found, wanted) {
                (Some((is_key, message)), Some((of_key, part))) => {
                    assert!(is_key == of_key && message.contains(part), "{message}");
                }
                (found, wanted) => assert_eq!(found, wanted),
            }
        }
    }

    #[test]
    fn a_certificate_that_clients_will_not_take_is_pointed_out() {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["portal.test".into(), "*.wild.test".into()]).unwrap();
        params.not_before = time::OffsetDateTime::from_unix_timestamp(1_000_000_000).unwrap();
        params.not_after = time::OffsetDateTime::from_unix_timestamp(1_100_000_000).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let pair = Pair { chain: vec![certificate.der().clone()], key };
        let at = |seconds: i64, host: &str| {
            let doubts = pair.doubts(Some(host), Timestamp::from_second(seconds).unwrap());
            doubts.into_iter().map(|(doubt, _)| doubt).collect::<Vec<_>>()
        };
        assert_eq!(at(1_050_000_000, "a.wild.test"), [""; 0]);
        assert_eq!(at(1_050_000_000, "a.b.wild.test"), ["the certificate is not for `a.b.wild.test`"]);
        assert_eq!(at(1_050_000_000, "wild.test").len(), 1);
        assert!(at(1_100_000_001, "portal.test")[0].starts_with("the certificate has expired, on 2004-11-09T"));
        assert!(at(1_099_999_000, "portal.test")[0].starts_with("the certificate expires soon"));
        assert!(at(999_999_999, "portal.test")[0].starts_with("the certificate is not valid before 2001-09-09T"));
    }
}
