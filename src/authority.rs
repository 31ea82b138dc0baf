//! The interception authority: issues leaf certificates for hosts, and remembers them.

use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use moka::sync::Cache;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData as _, SerialNumber,
};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, ProducesTickets};
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::clock::{Clock, SignedDuration, Timestamp};
use crate::disk;
use crate::seal::random;

/// The file of the authority's certificate in the state folder.
pub const CERTIFICATE_FILE: &str = "authority.pem";

/// The file of the authority's key in the state folder.
pub const KEY_FILE: &str = "authority.key";

/// Days for which the authority is valid: ten years, because a new one must be installed on every device.
const AUTHORITY_DAYS: i64 = 3650;

/// Days for which a leaf is valid: clients refuse more than 398, and a short time limits the harm of a lost key.
const LEAF_DAYS: i64 = 30;

/// How long a leaf is used before a new one is issued, and how long the key of all leaves: much shorter than a leaf is valid.
const LEAF_CACHE: Duration = Duration::from_secs(24 * 3600);

/// Leaves that are remembered.
const MAX_LEAVES: u64 = 10_000;

/// Names that a leaf takes over from an origin's certificate: others have so many that each handshake would be long.
const MAX_MIRRORED: usize = 100;

/// Protocols of which a client can choose one (ALPN, RFC 7301), the one that is liked best first.
pub type Protocols = &'static [&'static [u8]];

/// HTTP/1.1 alone.
pub const HTTP_1: Protocols = &[b"http/1.1"];

/// HTTP/2, and HTTP/1.1 for those who do not speak it.
pub const HTTP_2: Protocols = &[b"h2", b"http/1.1"];

/// An authority of our own, whose certificate the operator gives to the devices.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    certificate_pem: String,
    clock: Clock,
    /// One key for all leaves. One for each host would cost time and protect nothing, as all of them would be in this
    /// process.
    leaf_key: Mutex<LeafKey>,
    leaves: Cache<LeafId, Arc<ServerConfig>>,
    /// Tells lists of names apart.
    hasher: RandomState,
    tickets: Arc<dyn ProducesTickets>,
}

/// The key of all leaves of a day.
struct LeafKey {
    pair: Arc<KeyPair>,
    made: Timestamp,
}

/// What tells one leaf from another: the host, the names beside it, the protocols that the other end speaks (ALPN), and when
/// its key was made: one that was begun with the key before is never given out beside those of the next.
#[derive(Clone, PartialEq, Eq, Hash)]
struct LeafId {
    host: String,
    names: u64,
    speaks: Protocols,
    made: Timestamp,
}

/// Why there is no authority, or no leaf.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of the authority cannot be read or written.
    #[error("{0}: {1}{hint}", hint = hint(.1))]
    File(String, io::Error),
    /// A file of the authority does not hold a usable certificate or key.
    #[error("{0} holds no usable certificate or key: {1}")]
    Unusable(String, String),
    /// One of the two files is there and the other is not.
    #[error("{0} is there, but {1} is not: restore it, or move both away to make a new authority")]
    Incomplete(String, String),
    /// The certificate is of another key.
    #[error(
        "{KEY_FILE} is not the key of {CERTIFICATE_FILE}: restore the two that belong together, or move both away to make a new \
         authority, which each device must be told to trust"
    )]
    Strangers,
    /// A certificate could not be made.
    #[error("a certificate could not be made: {0}")]
    Issue(#[from] rcgen::Error),
    /// A certificate was made that cannot be used for TLS.
    #[error("a certificate was made that cannot be used for TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// Somebody else wanted the same leaf at the same time, and this came of it.
    #[error("{0}")]
    Again(Arc<Error>),
}

/// What to do about errors that operators often meet in containers.
fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "; the state folder must belong to the user that the program runs as",
        io::ErrorKind::ReadOnlyFilesystem => "; the state folder must be on a file system that can be written to",
        _ => "",
    }
}

impl Authority {
    /// The authority in `folder`; a new one is made when there is none.
    pub fn open_or_create(folder: &Path, name: &str, clock: Clock) -> Result<Self, Error> {
        let (certificate, key) = (folder.join(CERTIFICATE_FILE), folder.join(KEY_FILE));
        disk::make_folder(folder).map_err(|error| Error::File(folder.display().to_string(), error))?;
        if key.exists() && !certificate.exists() {
            mend(&certificate, &key)?;
        }
        match (certificate.exists(), key.exists()) {
            (true, true) => Self::from_pem(read(&certificate)?, &read(&key)?, clock),
            (false, false) => {
                let (certificate_pem, key_pem) = generate(name, clock.now())?;
                // Both are whole on the disk before either has its name, so that a crash leaves nothing that has no end.
                let staged = stage(&certificate, certificate_pem.as_bytes(), disk::PUBLIC)?;
                let staged_key = stage(&key, key_pem.as_bytes(), disk::PRIVATE)?;
                finish(&staged_key, &key)?;
                finish(&staged, &certificate)?;
                Self::from_pem(certificate_pem, &key_pem, clock)
            }
            (true, false) => Err(Error::Incomplete(CERTIFICATE_FILE.into(), KEY_FILE.into())),
            (false, true) => Err(Error::Incomplete(KEY_FILE.into(), CERTIFICATE_FILE.into())),
        }
    }

    /// Whether there is an authority in `folder`, good or not.
    pub fn is_in(folder: &Path) -> bool {
        folder.join(CERTIFICATE_FILE).exists() && folder.join(KEY_FILE).exists()
    }

    /// Whether the two files in `folder` are an authority, where there is any. Changes nothing.
    pub fn check(folder: &Path) -> Result<(), Error> {
        let (certificate, key) = (folder.join(CERTIFICATE_FILE), folder.join(KEY_FILE));
        match (certificate.exists(), key.exists()) {
            (false, false) => Ok(()),
            (true, false) => Err(Error::Incomplete(CERTIFICATE_FILE.into(), KEY_FILE.into())),
            // The start mends what a crash has left.
            (false, true) if read(&key)?.is_empty() || disk::staged(&certificate).exists() => Ok(()),
            (false, true) => Err(Error::Incomplete(KEY_FILE.into(), CERTIFICATE_FILE.into())),
            (true, true) => pair(&read(&certificate)?, &read(&key)?).map(drop),
        }
    }

    /// An authority that is kept in memory only.
    pub fn ephemeral(name: &str, clock: Clock) -> Result<Self, Error> {
        let (certificate, key) = generate(name, clock.now())?;
        Self::from_pem(certificate, &key, clock)
    }

    fn from_pem(certificate_pem: String, key: &str, clock: Clock) -> Result<Self, Error> {
        let (der, key) = pair(&certificate_pem, key)?;
        let issuer = Issuer::from_ca_cert_der(&der, key)
            .map_err(|error| Error::Unusable(CERTIFICATE_FILE.into(), error.to_string()))?;
        Ok(Self {
            issuer,
            certificate: der,
            certificate_pem,
            leaf_key: Mutex::new(LeafKey { pair: Arc::new(KeyPair::generate()?), made: clock.now() }),
            clock,
            leaves: Cache::builder().max_capacity(MAX_LEAVES).time_to_live(LEAF_CACHE).build(),
            hasher: RandomState::new(),
            tickets: rustls::crypto::aws_lc_rs::Ticketer::new()?,
        })
    }

    /// The authority's certificate, which devices must trust.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// The authority's certificate as PEM.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The settings of a TLS server that answers as `host` with HTTP/1.1. The leaf is issued once and remembered.
    pub fn server(&self, host: &str) -> Result<Arc<ServerConfig>, Error> {
        self.server_as(host, &[], HTTP_1)
    }

    /// The same in the place of an origin whose certificate was issued for these names, too. `speaks`: the protocols
    /// that the client can choose from (ALPN); with none, it looks like a server that agrees on nothing. Of many who want one leaf at the same time,
    /// one has it issued, and the others wait.
    pub fn server_as(&self, host: &str, names: &[String], speaks: Protocols) -> Result<Arc<ServerConfig>, Error> {
        let (pair, made) = self.rotate()?;
        self.server_by(&pair, made, (host, names, speaks))
    }

    /// The same with the key that was made then.
    fn server_by(
        &self,
        pair: &KeyPair,
        made: Timestamp,
        (host, names, speaks): (&str, &[String], Protocols),
    ) -> Result<Arc<ServerConfig>, Error> {
        let id = LeafId { host: host.to_owned(), names: self.hasher.hash_one(names), speaks, made };
        let issue = || {
            let (leaf, key) = self.mirror(host, names, pair)?;
            let mut server = self.server_with(vec![leaf], key)?;
            server.alpn_protocols = speaks.iter().map(|protocol| protocol.to_vec()).collect();
            Ok(Arc::new(server))
        };
        self.leaves.try_get_with(id, issue).map_err(|error: Arc<Error>| Error::Again(error))
    }

    /// A leaf for a host and the names that its origin has beside it. Names that no certificate can hold are left out.
    fn mirror(
        &self,
        host: &str,
        names: &[String],
        pair: &KeyPair,
    ) -> Result<(CertificateDer<'static>, PrivateKeyDer<'static>), Error> {
        let is_good = |name: &&String| {
            let bare = name.strip_prefix("*.").unwrap_or(name);
            let is_label = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.' | b':');
            !bare.is_empty() && name.len() <= 253 && bare.bytes().all(is_label) && !name.eq_ignore_ascii_case(host)
        };
        let others = names.iter().filter(is_good).take(MAX_MIRRORED).map(String::as_str);
        let all: Vec<&str> = std::iter::once(host).chain(others).collect();
        self.issue_by(&all, pair)
    }

    /// The key of leaves, and when it was made; a new one when it is a day old. Leaves of an old one are forgotten.
    fn rotate(&self) -> Result<(Arc<KeyPair>, Timestamp), Error> {
        let now = self.clock.now();
        let mut key = self.leaf_key.lock().unwrap_or_else(PoisonError::into_inner);
        if now.duration_since(key.made) >= SignedDuration::try_from(LEAF_CACHE).unwrap_or(SignedDuration::MAX) {
            *key = LeafKey { pair: Arc::new(KeyPair::generate()?), made: now };
            self.leaves.invalidate_all();
        }
        Ok((Arc::clone(&key.pair), key.made))
    }

    /// The settings of a TLS server with a certificate that another authority may have issued.
    pub fn server_with(
        &self,
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<ServerConfig, Error> {
        let mut server = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key)?;
        server.alpn_protocols = vec![b"http/1.1".to_vec()];
        server.ticketer = Arc::clone(&self.tickets);
        // Tickets carry what resumption needs. A cache beside them would hold room for 256 sessions for each of 10,000
        // leaves, and anybody who asks for so many hosts could fill it.
        server.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(server)
    }

    /// Issues a leaf for `host`, a name or an address.
    pub fn issue(&self, host: &str) -> Result<(CertificateDer<'static>, PrivateKeyDer<'static>), Error> {
        self.issue_for(&[host])
    }

    /// Issues one leaf for several names, which may begin with `*.`, and addresses.
    pub fn issue_for(&self, hosts: &[&str]) -> Result<(CertificateDer<'static>, PrivateKeyDer<'static>), Error> {
        let (pair, _) = self.rotate()?;
        self.issue_by(hosts, &pair)
    }

    fn issue_by(
        &self,
        hosts: &[&str],
        pair: &KeyPair,
    ) -> Result<(CertificateDer<'static>, PrivateKeyDer<'static>), Error> {
        let leaf = self.sign(hosts, pair)?;
        let key = PrivateKeyDer::try_from(pair.serialize_der())
            .map_err(|why| Error::Unusable("the leaf key".into(), why.into()))?;
        Ok((leaf.der().clone(), key))
    }

    /// Issues a leaf for `host` as PEM, for a program that reads files: the certificate and its key.
    pub fn issue_pem(&self, host: &str) -> Result<(String, String), Error> {
        let (pair, _) = self.rotate()?;
        Ok((self.sign(&[host], &pair)?.pem(), pair.serialize_pem()))
    }

    fn sign(&self, hosts: &[&str], pair: &KeyPair) -> Result<rcgen::Certificate, Error> {
        let bare: Vec<_> =
            hosts.iter().map(|host| host.trim_start_matches('[').trim_end_matches(']').to_owned()).collect();
        // The common name holds 64 characters at most (X.520); clients read the alternative names.
        let common: String = bare.first().map(|name| name.chars().take(64).collect()).unwrap_or_default();
        let mut params = CertificateParams::new(bare)?;
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, common);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        // RFC 5280 §4.1.2.2: no two serial numbers are the same. By default rcgen derives the number from the key,
        // which all leaves share, and Firefox refuses a second certificate with the number of the first.
        params.serial_number = Some(serial_number());
        params.use_authority_key_identifier_extension = true;
        // That it is no authority's: rcgen writes the subject key identifier (RFC 5280 §4.2.1.2) with that.
        params.is_ca = IsCa::ExplicitNoCa;
        set_validity(&mut params, self.clock.now(), LEAF_DAYS);
        Ok(params.signed_by(pair, &self.issuer)?)
    }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").field("leaves", &self.leaves.entry_count()).finish_non_exhaustive()
    }
}

/// A serial number that no other certificate has: random, positive, 16 octets long.
fn serial_number() -> SerialNumber {
    let mut number = random::<16>();
    let [first, ..] = &mut number;
    *first = *first & 0x7f | 0x40;
    SerialNumber::from(number.to_vec())
}

/// A new authority: its certificate and its key, in PEM.
fn generate(name: &str, now: Timestamp) -> Result<(String, String), Error> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.distinguished_name.push(DnType::OrganizationName, "Vestibule");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    set_validity(&mut params, now, AUTHORITY_DAYS);
    let certificate = params.self_signed(&key)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

/// Makes it valid from two days ago, because clocks of clients lag behind, until `days` from now.
fn set_validity(params: &mut CertificateParams, now: Timestamp, days: i64) {
    let now = OffsetDateTime::from_unix_timestamp(now.as_second()).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    params.not_before = now - time::Duration::days(2);
    params.not_after = now + time::Duration::days(days);
}

fn read(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|error| Error::File(path.display().to_string(), error))
}

/// A certificate and its key. They belong together.
fn pair(certificate: &str, key: &str) -> Result<(CertificateDer<'static>, KeyPair), Error> {
    let unusable = |file: &str, why: String| Error::Unusable(file.to_owned(), why);
    let key = KeyPair::from_pem(key).map_err(|error| unusable(KEY_FILE, error.to_string()))?;
    let der = CertificateDer::from_pem_slice(certificate.as_bytes())
        .map_err(|error| unusable(CERTIFICATE_FILE, error.to_string()))?;
    let (_, parsed) = X509Certificate::from_der(&der).map_err(|error| unusable(CERTIFICATE_FILE, error.to_string()))?;
    if *parsed.public_key().subject_public_key.data != *key.der_bytes() {
        return Err(Error::Strangers);
    }
    Ok((der.clone(), key))
}

/// Ends what a crash has interrupted: a key without its certificate, which waits beside it; or, from a version that did not
/// write files whole, a key without anything in it, by which nothing was ever issued.
fn mend(certificate: &Path, key: &Path) -> Result<(), Error> {
    let (staged, key_pem) = (disk::staged(certificate), read(key)?);
    if key_pem.is_empty() {
        std::fs::remove_file(key).map_err(|error| Error::File(key.display().to_string(), error))
    } else if staged.exists() && pair(&read(&staged)?, &key_pem).is_ok() {
        finish(&staged, certificate)
    } else {
        Ok(())
    }
}

fn stage(path: &Path, content: &[u8], mode: u32) -> Result<PathBuf, Error> {
    disk::stage(path, content, mode).map_err(|error| Error::File(path.display().to_string(), error))
}

fn finish(staged: &Path, path: &Path) -> Result<(), Error> {
    disk::finish(staged, path).map_err(|error| Error::File(path.display().to_string(), error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_is_made_once_and_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let first = Authority::open_or_create(&state, "Vestibule test", Clock::system()).unwrap();
        let again = Authority::open_or_create(&state, "another name", Clock::system()).unwrap();
        assert_eq!(first.certificate(), again.certificate());
        assert_eq!(std::fs::read_to_string(state.join(CERTIFICATE_FILE)).unwrap(), again.certificate_pem());
        let mode =
            std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(state.join(KEY_FILE)).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
        std::fs::remove_file(state.join(KEY_FILE)).unwrap();
        assert!(matches!(Authority::open_or_create(&state, "x", Clock::system()), Err(Error::Incomplete(..))));
    }

    #[test]
    fn a_start_that_was_interrupted_is_ended_by_the_next_one() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path();
        let open = || Authority::open_or_create(state, "Vestibule test", Clock::system());
        // A version before left this when the disk was full.
        std::fs::write(state.join(KEY_FILE), "").unwrap();
        Authority::check(state).unwrap();
        let made = open().unwrap();
        assert_eq!(std::fs::read_dir(state).unwrap().count(), 2, "nothing is left beside them");
        // A crash between the two names.
        let (certificate, staged) = (state.join(CERTIFICATE_FILE), disk::staged(&state.join(CERTIFICATE_FILE)));
        std::fs::rename(&certificate, &staged).unwrap();
        Authority::check(state).unwrap();
        assert_eq!(open().unwrap().certificate(), made.certificate());
        // Another one's certificate is not taken for it.
        let other = Authority::ephemeral("another", Clock::system()).unwrap();
        std::fs::remove_file(&certificate).unwrap();
        std::fs::write(&staged, other.certificate_pem()).unwrap();
        assert!(matches!(open(), Err(Error::Incomplete(..))));
    }

    #[test]
    fn a_key_that_is_not_the_certificates_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path();
        drop(Authority::open_or_create(state, "Vestibule test", Clock::system()).unwrap());
        let other = Authority::ephemeral("another", Clock::system()).unwrap();
        for (content, wanted) in [
            (other.certificate_pem(), "authority.key is not the key of authority.pem"),
            ("", "authority.pem holds no usable certificate"),
        ] {
            std::fs::write(state.join(CERTIFICATE_FILE), content).unwrap();
            for refused in [
                Authority::check(state).unwrap_err(),
                Authority::open_or_create(state, "x", Clock::system()).unwrap_err(),
            ] {
                assert!(refused.to_string().contains(wanted), "{refused}");
            }
        }
        std::fs::remove_file(state.join(KEY_FILE)).unwrap();
        assert!(matches!(Authority::check(state), Err(Error::Incomplete(..))));
    }

    #[test]
    fn leaves_are_issued_for_names_and_addresses_and_remembered() {
        let authority = Authority::ephemeral("Vestibule test", Clock::system()).unwrap();
        for host in ["mail.test", "192.0.2.7", "[2001:db8::1]", &format!("{}.test", "a".repeat(63))] {
            let server = authority.server(host).unwrap();
            assert!(Arc::ptr_eq(&server, &authority.server(host).unwrap()), "{host}");
            assert!(!server.session_storage.can_cache(), "memory for each host that somebody asks for");
            let (leaf, _) = authority.issue(host).unwrap();
            let (_, parsed) = x509_parser::parse_x509_certificate(&leaf).unwrap();
            let (_, issuer) = x509_parser::parse_x509_certificate(authority.certificate()).unwrap();
            assert_eq!(parsed.issuer(), issuer.subject());
            let days = (parsed.validity().not_after.timestamp() - parsed.validity().not_before.timestamp()) / 86_400;
            assert!(days < 398, "{days}");
        }
    }

    #[test]
    fn a_leaf_says_what_clients_look_for_and_mirrors_its_origin() {
        let authority = Authority::ephemeral("Vestibule test", Clock::system()).unwrap();
        let names = ["a.test", "*.a.test", "A.TEST", "192.0.2.7", "b c", "", "*"].map(str::to_owned);
        let (leaf, _) = authority.mirror("a.test", &names, &authority.rotate().unwrap().0).unwrap();
        let (_, leaf) = x509_parser::parse_x509_certificate(&leaf).unwrap();
        let (_, issuer) = x509_parser::parse_x509_certificate(authority.certificate()).unwrap();
        let found = leaf.subject_alternative_name().unwrap().unwrap().value.general_names.len();
        assert_eq!(found, 3, "{:?}", leaf.subject_alternative_name());
        assert!(leaf.extended_key_usage().unwrap().unwrap().value.server_auth);
        assert!(!leaf.basic_constraints().unwrap().unwrap().value.ca);
        let key_of = |certificate: &X509Certificate<'_>| {
            certificate.iter_extensions().find_map(|extension| match extension.parsed_extension() {
                x509_parser::extensions::ParsedExtension::SubjectKeyIdentifier(key) => Some(key.0.to_vec()),
                _ => None,
            })
        };
        let of_issuer = leaf.iter_extensions().find_map(|extension| match extension.parsed_extension() {
            x509_parser::extensions::ParsedExtension::AuthorityKeyIdentifier(authority) => {
                authority.key_identifier.as_ref().map(|key| key.0.to_vec())
            }
            _ => None,
        });
        assert!(key_of(&leaf).is_some());
        assert_eq!((of_issuer.is_some(), of_issuer), (true, key_of(&issuer)));
        assert_eq!(leaf.public_key().algorithm.algorithm.to_id_string(), "1.2.840.10045.2.1", "ECDSA");
        leaf.verify_signature(Some(issuer.public_key())).unwrap();
    }

    #[test]
    fn the_key_of_leaves_lasts_a_day_and_no_leaf_outlives_it() {
        let clock = Clock::by_hand(Clock::system().now());
        let authority = Authority::ephemeral("Vestibule test", clock.clone()).unwrap();
        let (first, key) = (authority.server("a.test").unwrap(), authority.rotate().unwrap().0.serialize_der());
        clock.advance(SignedDuration::from_hours(23));
        assert!(Arc::ptr_eq(&first, &authority.server("a.test").unwrap()));
        assert_eq!(authority.rotate().unwrap().0.serialize_der(), key);
        clock.advance(SignedDuration::from_hours(2));
        assert!(!Arc::ptr_eq(&first, &authority.server("a.test").unwrap()));
        assert_ne!(authority.rotate().unwrap().0.serialize_der(), key);
    }

    #[test]
    fn a_leaf_that_was_begun_with_the_key_before_is_not_given_out_beside_those_of_the_next() {
        let clock = Clock::by_hand(Clock::system().now());
        let authority = Authority::ephemeral("Vestibule test", clock.clone()).unwrap();
        let (old, made) = authority.rotate().unwrap();
        clock.advance(SignedDuration::from_hours(25));
        authority.rotate().unwrap();
        // Whoever had asked for the key before that ends now.
        let late = authority.server_by(&old, made, ("a.test", &[], HTTP_1)).unwrap();
        assert!(!Arc::ptr_eq(&late, &authority.server("a.test").unwrap()));
    }

    #[test]
    fn a_burst_of_1000_first_connections_to_one_name_has_one_leaf_issued() {
        let authority = Authority::ephemeral("Vestibule test", Clock::system()).unwrap();
        let names = ["a.test".to_owned(), "b.test".to_owned()];
        let begin = std::sync::Barrier::new(50);
        let found: Vec<Arc<ServerConfig>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..50)
                .map(|_| {
                    scope.spawn(|| {
                        begin.wait();
                        (0..20).map(|_| authority.server_as("a.test", &names, HTTP_1).unwrap()).collect::<Vec<_>>()
                    })
                })
                .collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(found.len(), 1000);
        assert!(found.iter().all(|server| Arc::ptr_eq(server, &found[0])));
        let other = authority.server_as("a.test", &names, &[]).unwrap();
        assert!(!Arc::ptr_eq(&found[0], &other) && other.alpn_protocols.is_empty());
    }

    #[test]
    fn ten_thousand_names_and_more_stay_within_the_bound_and_no_serial_number_comes_twice() {
        let authority = Authority::ephemeral("Vestibule test", Clock::system()).unwrap();
        let mut serials = std::collections::HashSet::new();
        for number in 0..MAX_LEAVES + 1000 {
            let host = format!("host-{number}.test");
            if number % 10 == 0 {
                let (leaf, _) = authority.issue(&host).unwrap();
                let (_, leaf) = x509_parser::parse_x509_certificate(&leaf).unwrap();
                assert!(serials.insert(leaf.raw_serial().to_vec()), "{host}");
            }
            authority.server(&host).unwrap();
        }
        authority.leaves.run_pending_tasks();
        let count = authority.leaves.entry_count();
        assert!((MAX_LEAVES / 2..=MAX_LEAVES).contains(&count), "{count}");
    }
}
