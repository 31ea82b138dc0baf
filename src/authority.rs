//! The interception authority: issues a leaf certificate for a host, and remembers it.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SerialNumber,
};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, ProducesTickets};
use time::OffsetDateTime;

use crate::clock::{Clock, Timestamp};
use crate::seal::random;

/// The certificate of the authority in the state folder.
pub const CERTIFICATE_FILE: &str = "authority.pem";

/// The key of the authority in the state folder.
pub const KEY_FILE: &str = "authority.key";

/// Days that the authority is good for: ten years, because a new one must be brought to every device.
const AUTHORITY_DAYS: i64 = 3650;

/// Days that a leaf is good for: clients refuse more than 398, and a short life limits what a lost key costs.
const LEAF_DAYS: i64 = 30;

/// How long a leaf is handed out: well before it runs out.
const LEAF_CACHE: Duration = Duration::from_secs(24 * 3600);

/// An authority of our own, whose certificate the operator gives to the devices.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    certificate_pem: String,
    clock: Clock,
    /// One key for all leaves: making one for each host would cost more than it protects, as all live here.
    leaf_key: KeyPair,
    leaves: Cache<String, Arc<ServerConfig>>,
    tickets: Arc<dyn ProducesTickets>,
}

/// Why there is no authority, or no leaf.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of the authority cannot be read or written.
    #[error("{0}: {1}{hint}", hint = hint(.1))]
    File(String, io::Error),
    /// A file of the authority does not hold what it should.
    #[error("{0} holds no usable certificate or key: {1}")]
    Unusable(String, String),
    /// One of the two files is there and the other is not.
    #[error("{0} is there, but {1} is not: restore it, or move both away to make a new authority")]
    Incomplete(String, String),
    /// A certificate could not be made.
    #[error("a certificate could not be made: {0}")]
    Issue(#[from] rcgen::Error),
    /// A certificate was made that TLS does not take.
    #[error("a certificate was made that TLS does not take: {0}")]
    Tls(#[from] rustls::Error),
}

/// What to do about an error that operators meet in containers.
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
        match (certificate.exists(), key.exists()) {
            (true, true) => Self::from_pem(read(&certificate)?, &read(&key)?, clock),
            (false, false) => {
                let (certificate_pem, key_pem) = generate(name, clock.now())?;
                std::fs::create_dir_all(folder).map_err(|error| Error::File(folder.display().to_string(), error))?;
                write_private(&key, key_pem.as_bytes())?;
                std::fs::write(&certificate, &certificate_pem)
                    .map_err(|error| Error::File(certificate.display().to_string(), error))?;
                Self::from_pem(certificate_pem, &key_pem, clock)
            }
            (true, false) => Err(Error::Incomplete(CERTIFICATE_FILE.into(), KEY_FILE.into())),
            (false, true) => Err(Error::Incomplete(KEY_FILE.into(), CERTIFICATE_FILE.into())),
        }
    }

    /// An authority that lives in memory only.
    pub fn ephemeral(name: &str, clock: Clock) -> Result<Self, Error> {
        let (certificate, key) = generate(name, clock.now())?;
        Self::from_pem(certificate, &key, clock)
    }

    fn from_pem(certificate_pem: String, key: &str, clock: Clock) -> Result<Self, Error> {
        let unusable = |file: &str, why: String| Error::Unusable(file.to_owned(), why);
        let key = KeyPair::from_pem(key).map_err(|error| unusable(KEY_FILE, error.to_string()))?;
        let der = CertificateDer::from_pem_slice(certificate_pem.as_bytes())
            .map_err(|error| unusable(CERTIFICATE_FILE, error.to_string()))?;
        let issuer =
            Issuer::from_ca_cert_der(&der, key).map_err(|error| unusable(CERTIFICATE_FILE, error.to_string()))?;
        Ok(Self {
            issuer,
            certificate: der,
            certificate_pem,
            clock,
            leaf_key: KeyPair::generate()?,
            leaves: Cache::builder().max_capacity(10_000).time_to_live(LEAF_CACHE).build(),
            tickets: rustls::crypto::aws_lc_rs::Ticketer::new()?,
        })
    }

    /// The authority's certificate: what devices are told to trust.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// The authority's certificate as text.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// A TLS server that answers as `host`, speaking HTTP/1.1. Issued once and remembered.
    pub fn server(&self, host: &str) -> Result<Arc<ServerConfig>, Error> {
        if let Some(found) = self.leaves.get(host) {
            return Ok(found);
        }
        let (leaf, key) = self.issue(host)?;
        let server = Arc::new(self.server_with(vec![leaf], key)?);
        self.leaves.insert(host.to_owned(), Arc::clone(&server));
        Ok(server)
    }

    /// A TLS server with a certificate that somebody else issued.
    pub fn server_with(
        &self,
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<ServerConfig, Error> {
        let mut server = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key)?;
        server.alpn_protocols = vec![b"http/1.1".to_vec()];
        server.ticketer = Arc::clone(&self.tickets);
        // Tickets carry what resumption needs. A cache beside them is room for 256 sessions in each of 10,000 leaves,
        // which anybody can have us make who asks for that many hosts.
        server.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(server)
    }

    /// Issues a leaf for `host`, a name or an address.
    pub fn issue(&self, host: &str) -> Result<(CertificateDer<'static>, PrivateKeyDer<'static>), Error> {
        self.issue_for(&[host])
    }

    /// Issues one leaf for several names, which may begin with `*.`, and addresses.
    pub fn issue_for(&self, hosts: &[&str]) -> Result<(CertificateDer<'static>, PrivateKeyDer<'static>), Error> {
        let leaf = self.sign(hosts)?;
        let key = PrivateKeyDer::try_from(self.leaf_key.serialize_der())
            .map_err(|why| Error::Unusable("the leaf key".into(), why.into()))?;
        Ok((leaf.der().clone(), key))
    }

    /// The same in PEM, for a program that reads files.
    pub fn issue_pem(&self, host: &str) -> Result<(String, String), Error> {
        Ok((self.sign(&[host])?.pem(), self.leaf_key.serialize_pem()))
    }

    fn sign(&self, hosts: &[&str]) -> Result<rcgen::Certificate, Error> {
        let bare: Vec<_> =
            hosts.iter().map(|host| host.trim_start_matches('[').trim_end_matches(']').to_owned()).collect();
        // The common name holds 64 characters at most (X.520); clients read the alternative names.
        let common: String = bare.first().map(|name| name.chars().take(64).collect()).unwrap_or_default();
        let mut params = CertificateParams::new(bare)?;
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, common);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        // RFC 5280 §4.1.2.2: no two are the same. Left to itself it would come from the key, which all leaves share, and
        // Firefox refuses a second certificate with the number of the first.
        params.serial_number = Some(serial_number());
        params.use_authority_key_identifier_extension = true;
        set_validity(&mut params, self.clock.now(), LEAF_DAYS);
        Ok(params.signed_by(&self.leaf_key, &self.issuer)?)
    }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").field("leaves", &self.leaves.entry_count()).finish_non_exhaustive()
    }
}

/// A number that no other certificate has: positive, and of 16 octets.
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

/// Good from two days ago, because clocks of clients lag behind, for `days`.
fn set_validity(params: &mut CertificateParams, now: Timestamp, days: i64) {
    let now = OffsetDateTime::from_unix_timestamp(now.as_second()).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    params.not_before = now - time::Duration::days(2);
    params.not_after = now + time::Duration::days(days);
}

fn read(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|error| Error::File(path.display().to_string(), error))
}

/// Writes a file that nobody but its owner may read.
fn write_private(path: &Path, content: &[u8]) -> Result<(), Error> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(content))
        .map_err(|error| Error::File(path.display().to_string(), error))
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
}
