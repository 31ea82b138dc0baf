//! The interception authority: issues leaf certificates for hosts, and remembers them.
//!
//! It is one that Vestibule has made and keeps in the state folder, or the operator's own. Either can change while the program
//! runs: what issues leaves is swapped whole, and all leaves are issued anew.

mod config;
mod described;
mod error;
mod files;
mod given;
mod issuing;
mod made;
mod names;

use std::hash::{BuildHasher as _, RandomState};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use moka::sync::Cache;
use rcgen::KeyPair;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::{CertifiedKey, SigningKey, SingleCertAndKey};

use crate::clock::{Clock, SignedDuration, Timestamp};
use crate::faults::{Faults, at};
use crate::net::{TlsTickets, tls_suites};
pub use config::Config;
pub use described::{Described, Role};
pub use error::{Error, Wrong};
pub use files::{CERTIFICATE_FILE, KEY_FILE};
pub use issuing::{Issuing, Published};
pub use names::Names;

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
    issuing: ArcSwap<Issuing>,
    /// Where it is kept, and what has changed there since; none if it is in memory alone.
    source: Mutex<Option<Kept>>,
    clock: Clock,
    /// One key for all leaves. One for each host would cost time and protect nothing, as all of them would be in this
    /// process.
    leaf_key: Mutex<Option<Arc<LeafKey>>>,
    leaves: Cache<LeafId, Arc<ServerConfig>>,
    /// Tells lists of names apart.
    hasher: RandomState,
    /// What the settings of all servers have in common, the keys of tickets among it. It shows no certificate.
    common: ServerConfig,
}

/// Where an authority is kept.
#[derive(Clone, Debug)]
pub struct Whereabouts {
    /// The state folder.
    pub folder: PathBuf,
    /// What the configuration says of it.
    pub config: Config,
    /// The names beside those of the configuration for which it must be able to issue leaves.
    pub own_names: Vec<String>,
}

/// Where the authority in force is kept.
struct Kept {
    source: Whereabouts,
    /// What its files were like before they were read.
    versions: Versions,
    /// Why those that are there now cannot be used, as it was said.
    said: Option<String>,
}

/// An authority that was read, and issues nothing yet.
pub struct Found {
    kept: Kept,
    issuing: Arc<Issuing>,
}

impl Found {
    /// What would issue leaves.
    pub fn issuing(&self) -> &Arc<Issuing> {
        &self.issuing
    }
}

impl std::fmt::Debug for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Found").field("issuing", &self.issuing).finish_non_exhaustive()
    }
}

/// What differs if a file has changed.
type Versions = Vec<Option<(SystemTime, u64, u64)>>;

/// The key of all leaves of a day, under one authority.
struct LeafKey {
    pair: KeyPair,
    /// The same as TLS signs with it. To read it from its octets checks it, which costs as much as to sign: that is done once
    /// for a key, and not for each leaf.
    signing: Arc<dyn SigningKey>,
    /// What issues its leaves.
    issuing: Arc<Issuing>,
    made: Timestamp,
    /// Tells it from all others.
    number: u64,
}

/// What tells one leaf from another: the host, the names beside it, the protocols that the other end speaks (ALPN), and its
/// key: one that was begun with the key before is never given out beside those of the next.
#[derive(Clone, PartialEq, Eq, Hash)]
struct LeafId {
    host: String,
    names: u64,
    speaks: Protocols,
    key: u64,
}

impl LeafKey {
    fn generate(issuing: Arc<Issuing>, made: Timestamp, number: u64) -> Result<Arc<Self>, Error> {
        let pair = KeyPair::generate()?;
        let signing = aws_lc_rs::sign::any_supported_type(&private_key(&pair)?)?;
        Ok(Arc::new(Self { pair, signing, issuing, made, number }))
    }
}

impl Whereabouts {
    /// Reads the authority; one is made in the state folder where there is none, and none is named.
    pub fn open(&self, now: Timestamp) -> Result<Issuing, Error> {
        let names = self.names()?;
        match self.config.is_given() || self.config.key.is_some() {
            true => given::open(&self.config, &names, now),
            false => files::open(&self.folder, &self.config, &names, now),
        }
    }

    /// The same, to be put in force later ([`Authority::put`]).
    pub fn find(self, now: Timestamp) -> Result<Found, Error> {
        // Before the files are read: whatever changes meanwhile is seen afterwards.
        let versions = self.versions();
        let issuing = self.open(now)?;
        // What was just made has files now.
        let versions = if versions.iter().all(Option::is_none) { self.versions() } else { versions };
        Ok(Found { kept: Kept { source: self, versions, said: None }, issuing: Arc::new(issuing) })
    }

    /// Makes a successor of the authority in the state folder, and publishes it.
    pub fn make_successor(&self, now: Timestamp) -> Result<(), Error> {
        self.must_be_ours()?;
        self.open(now)?;
        files::make_successor(&self.folder, &self.names()?, now)
    }

    /// Has the successor issue leaves from now on; or, going back, the one before it again. Unless that is `forced`, only if all
    /// clients will take it that the one before vouches for it ([`Issuing::can_vouch`]).
    pub fn promote(&self, back: bool, forced: bool) -> Result<(), Error> {
        self.must_be_ours()?;
        files::promote(&self.folder, back, forced)
    }

    /// Ends the publication of the authority before the one in force, and deletes its files; or those of a successor.
    pub fn retire(&self, successor: bool) -> Result<(), Error> {
        self.must_be_ours()?;
        files::retire(&self.folder, successor)
    }

    fn must_be_ours(&self) -> Result<(), Error> {
        let why = "`[authority]` names an authority of your own: have your PKI issue the next one, and put it into those files";
        if self.config.is_given() { Err(Error::Step(why.into())) } else { Ok(()) }
    }

    /// For which names leaves may be issued, by the configuration.
    fn names(&self) -> Result<Names, Error> {
        let listed = &self.config.permitted_names;
        let own = self.own_names.iter().filter(|_| !listed.is_empty());
        let all = listed.iter().chain(own).map(String::as_str);
        let unknown = |_| Wrong::new("permitted_names", "it holds what is neither a name nor an address", "").into();
        Names::listed(all).map_err(unknown)
    }

    fn versions(&self) -> Versions {
        let paths = match self.config.is_given() {
            true => given::files(&self.config).map(|path| path.to_path_buf()).collect(),
            false => files::watched(&self.folder),
        };
        let version = |path: PathBuf| {
            let metadata = std::fs::metadata(path).ok()?;
            Some((metadata.modified().ok()?, metadata.len(), metadata.ino()))
        };
        paths.into_iter().map(version).collect()
    }
}

impl Config {
    /// Says what is wrong with it, and with the authority that it names.
    pub fn check(&self, now: Timestamp, faults: &mut Faults) {
        for (key, text) in [("name", &self.name), ("organization", &self.organization)] {
            if text.is_empty() || text.chars().count() > 64 || text.chars().any(char::is_control) {
                faults.note(at![key], "it must have between 1 and 64 characters", "");
            }
        }
        if let Err(number) = Names::listed(self.permitted_names.iter().map(String::as_str)) {
            let help = "such as \"contoso.com\", which stands for all names below it, too; \"10.0.0.0/8\"";
            faults.note(at!["permitted_names", number], "it is neither a name nor an address", help);
        }
        if !self.is_given() && self.key.is_none() {
            for (key, is_there) in [("chain", self.chain.is_some()), ("key_password", self.key_password.is_some())] {
                if is_there {
                    faults.note(at![key], "there is no `certificate` or `pkcs12` that it belongs to", "");
                }
            }
            return;
        }
        for wrong in given::check(self, now) {
            match wrong.is_doubt {
                true => faults.doubt(at![wrong.key], wrong.message, &wrong.help),
                false => faults.note(at![wrong.key], wrong.message, &wrong.help),
            }
        }
        for (name, file) in [("key", &self.key), ("pkcs12", &self.pkcs12)] {
            let Some(file) = file else { continue };
            let mode = std::fs::metadata(file).map_or(0, |metadata| metadata.permissions().mode() & 0o777);
            if mode & 0o007 != 0 {
                let help = format!("`chmod o= {}`", file.display());
                faults.doubt(at![name], format!("anybody on this machine can read it (mode {mode:04o})"), &help);
            }
        }
    }
}

impl Authority {
    /// The authority in `folder`; a new one is made when there is none.
    pub fn open_or_create(folder: &Path, name: &str, clock: Clock) -> Result<Self, Error> {
        let config = Config { name: name.to_owned(), ..Config::default() };
        Self::open(Whereabouts { folder: folder.to_owned(), config, own_names: Vec::new() }, clock)
    }

    /// The authority that is kept there; one is made in the state folder where there is none, and none is named.
    pub fn open(source: Whereabouts, clock: Clock) -> Result<Self, Error> {
        let Found { kept, issuing } = source.find(clock.now())?;
        Self::with(issuing, Some(kept), clock)
    }

    /// Whether there is an authority in `folder`, good or not.
    pub fn is_in(folder: &Path) -> bool {
        files::is_in(folder)
    }

    /// Whether the files in `folder` are an authority, where there is any. Changes nothing.
    pub fn check(folder: &Path) -> Result<(), Error> {
        files::check(folder)
    }

    /// The key files in `folder` that others may read, with their modes.
    pub fn wide_keys(folder: &Path) -> Vec<(PathBuf, u32)> {
        files::wide_keys(folder)
    }

    /// An authority that is kept in memory only.
    pub fn ephemeral(name: &str, clock: Clock) -> Result<Self, Error> {
        let config = Config { name: name.to_owned(), ..Config::default() };
        let made = made::authority(&config, &Names::default(), clock.now())?;
        let (certificates, key) = made::pair((&made.certificates, CERTIFICATE_FILE), (&made.key, KEY_FILE))?;
        let first = certificates.into_iter().next().unwrap_or_else(|| CertificateDer::from(Vec::new()));
        let published = Described::read(Role::Current, &first).into_iter().collect();
        let issuing = Issuing::new(first, key, Vec::new(), published, &Names::default())?;
        Self::with(Arc::new(issuing), None, clock)
    }

    fn with(issuing: Arc<Issuing>, source: Option<Kept>, clock: Clock) -> Result<Self, Error> {
        Ok(Self {
            leaf_key: Mutex::default(),
            issuing: ArcSwap::new(issuing),
            source: Mutex::new(source),
            clock,
            leaves: Cache::builder().max_capacity(MAX_LEAVES).time_to_live(LEAF_CACHE).build(),
            hasher: RandomState::new(),
            common: common()?,
        })
    }

    /// What issues leaves now.
    pub fn issuing(&self) -> Arc<Issuing> {
        self.issuing.load_full()
    }

    /// The certificate whose key issues leaves. Devices must trust it, or one above it.
    pub fn certificate(&self) -> CertificateDer<'static> {
        self.issuing.load().certificate().clone()
    }

    /// What devices must trust, as PEM.
    pub fn certificate_pem(&self) -> String {
        String::from_utf8_lossy(&self.issuing.load().published().pem).into_owned()
    }

    /// Whether a leaf may be issued for this name or address (name constraints).
    pub fn permits(&self, host: &str) -> bool {
        self.issuing.load().names().permits(host)
    }

    /// Has what was found issue all leaves from now on. False if it is what does so already.
    pub fn put(&self, Found { kept, issuing }: Found) -> bool {
        *self.source.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
        self.swap(&issuing)
    }

    /// Reads the authority again if its files have changed. If they cannot be used, all stays as it is, and it reads them again the
    /// next time. True if another one issues leaves from now on, or others are published.
    pub fn refresh(&self) -> bool {
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(Kept { source, versions: known, said }) = &mut *source else { return false };
        let (versions, now) = (source.versions(), self.clock.now());
        if versions == *known && !self.issuing.load().has_spent_bridge(now) {
            return false;
        }
        // Nothing is made here: an authority whose files are gone goes on.
        let read = match source.config.is_given() {
            true => source.open(now),
            false => source.names().and_then(|names| files::read(&source.folder, &names, now)),
        };
        match read {
            Ok(issuing) => {
                (*known, *said) = (versions, None);
                self.swap(&Arc::new(issuing))
            }
            Err(error) => {
                // Once: they are tried each minute.
                let why = error.to_string();
                if said.as_ref() != Some(&why) {
                    tracing::error!(%error, "the files of the authority have changed, and cannot be used: it goes on as it was");
                    *said = Some(why);
                }
                false
            }
        }
    }

    fn swap(&self, issuing: &Arc<Issuing>) -> bool {
        let before = self.issuing.load_full();
        if before.is_as(issuing) {
            return false;
        }
        self.issuing.store(Arc::clone(issuing));
        let name = issuing.published().certificates.first().map(|first| (first.name.clone(), first.sha256.clone()));
        let (name, fingerprint) = name.unwrap_or_default();
        let published = issuing.published().certificates.len();
        tracing::warn!(
            name,
            fingerprint,
            published,
            "the interception authority has changed: leaves are issued anew by this one"
        );
        true
    }

    /// The settings of a TLS server that answers as `host` with HTTP/1.1. The leaf is issued once and remembered.
    pub fn server(&self, host: &str) -> Result<Arc<ServerConfig>, Error> {
        self.server_as(host, &[], HTTP_1)
    }

    /// The same in the place of an origin whose certificate was issued for these names, too. `speaks`: the protocols that the
    /// client can choose from (ALPN); with none, it looks like a server that agrees on nothing. Of many who want one leaf at
    /// the same time, one has it issued, and the others wait.
    pub fn server_as(&self, host: &str, names: &[String], speaks: Protocols) -> Result<Arc<ServerConfig>, Error> {
        let key = self.rotate()?;
        self.server_by(&key, host, names, speaks)
    }

    /// The same with this key.
    fn server_by(
        &self,
        key: &LeafKey,
        host: &str,
        names: &[String],
        speaks: Protocols,
    ) -> Result<Arc<ServerConfig>, Error> {
        let id = LeafId { host: host.to_owned(), names: self.hasher.hash_one(names), speaks, key: key.number };
        let issue = || {
            let leaf = self.mirror(host, names, key)?;
            // The key belongs to the leaf that was just issued for it, so nobody needs to compare them.
            let mut server = self.showing(CertifiedKey::new(key.issuing.chain(leaf), Arc::clone(&key.signing)));
            server.alpn_protocols = speaks.iter().map(|protocol| protocol.to_vec()).collect();
            Ok(Arc::new(server))
        };
        self.leaves.try_get_with(id, issue).map_err(|error: Arc<Error>| Error::Again(error))
    }

    /// A leaf for a host and the names that its origin has beside it. Names that no certificate can hold, or none of this
    /// authority, are left out.
    fn mirror(&self, host: &str, names: &[String], key: &LeafKey) -> Result<CertificateDer<'static>, Error> {
        let is_good = |name: &&String| {
            let bare = name.strip_prefix("*.").unwrap_or(name);
            let is_label = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.' | b':');
            !bare.is_empty()
                && name.len() <= 253
                && bare.bytes().all(is_label)
                && !name.eq_ignore_ascii_case(host)
                && key.issuing.names().permits(name)
        };
        let others = names.iter().filter(is_good).take(MAX_MIRRORED).map(String::as_str);
        let all: Vec<&str> = std::iter::once(host).chain(others).collect();
        key.issuing.leaf(&all, &key.pair, self.clock.now())
    }

    /// The key of leaves: the first one when the first leaf is wanted, a new one when it is a day old, and when another authority
    /// issues them. Leaves of an old one are forgotten.
    fn rotate(&self) -> Result<Arc<LeafKey>, Error> {
        let now = self.clock.now();
        let lasts = SignedDuration::try_from(LEAF_CACHE).unwrap_or(SignedDuration::MAX);
        let mut key = self.leaf_key.lock().unwrap_or_else(PoisonError::into_inner);
        let issuing = self.issuing.load();
        let is_good = |key: &&Arc<LeafKey>| now.duration_since(key.made) < lasts && Arc::ptr_eq(&key.issuing, &issuing);
        if let Some(key) = key.as_ref().filter(is_good) {
            return Ok(Arc::clone(key));
        }
        let number = key.as_ref().map_or(0, |key| key.number.wrapping_add(1));
        let new = LeafKey::generate(Arc::clone(&issuing), now, number)?;
        *key = Some(Arc::clone(&new));
        self.leaves.invalidate_all();
        Ok(new)
    }

    /// The settings of a TLS server with a certificate that another authority may have issued.
    pub fn server_with(
        &self,
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<ServerConfig, Error> {
        Ok(self.showing(CertifiedKey::from_der(chain, key, self.common.crypto_provider())?))
    }

    /// The settings of a TLS server that shows this.
    fn showing(&self, certified: CertifiedKey) -> ServerConfig {
        let mut server = self.common.clone();
        server.cert_resolver = Arc::new(SingleCertAndKey::from(certified));
        server
    }

    /// Issues a leaf for `host`, a name or an address. What is shown beside it is not with it.
    pub fn issue(&self, host: &str) -> Result<(CertificateDer<'static>, PrivateKeyDer<'static>), Error> {
        let key = self.rotate()?;
        Ok((key.issuing.leaf(&[host], &key.pair, self.clock.now())?, private_key(&key.pair)?))
    }

    /// Issues one leaf for several names, which may begin with `*.`, and addresses; with what is shown beside it.
    pub fn issue_for(&self, hosts: &[&str]) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), Error> {
        self.issue_under(&self.issuing.load_full(), hosts)
    }

    /// The same by an authority that need not be in force yet.
    pub fn issue_under(
        &self,
        issuing: &Issuing,
        hosts: &[&str],
    ) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), Error> {
        let key = self.rotate()?;
        let leaf = issuing.leaf(hosts, &key.pair, self.clock.now())?;
        Ok((issuing.chain(leaf), private_key(&key.pair)?))
    }

    /// Issues a leaf for `host` as PEM, for a program that reads files: the certificate with what is shown beside it, and its key.
    pub fn issue_pem(&self, host: &str) -> Result<(String, String), Error> {
        let key = self.rotate()?;
        let leaf = key.issuing.leaf(&[host], &key.pair, self.clock.now())?;
        Ok((key.issuing.chain_pem(&leaf), key.pair.serialize_pem()))
    }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").field("leaves", &self.leaves.entry_count()).finish_non_exhaustive()
    }
}

/// Shows nothing: each server has a certificate of its own instead.
#[derive(Debug)]
struct Nothing;

impl ResolvesServerCert for Nothing {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        None
    }
}

/// What the settings of all servers have in common.
fn common() -> Result<ServerConfig, Error> {
    let mut common = tls_suites::server()?.with_no_client_auth().with_cert_resolver(Arc::new(Nothing));
    common.ignore_client_order = true;
    common.alpn_protocols = vec![b"http/1.1".to_vec()];
    common.ticketer = Arc::new(TlsTickets::default());
    // Tickets carry what resumption needs. A cache beside them would hold room for 256 sessions for each of 10,000
    // leaves, and anybody who asks for so many hosts could fill it.
    common.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(common)
}

fn private_key(pair: &KeyPair) -> Result<PrivateKeyDer<'static>, Error> {
    PrivateKeyDer::try_from(pair.serialize_der()).map_err(|why| Error::Unusable("the leaf key".into(), why.into()))
}

#[cfg(test)]
mod tests;
