//! TLS on a listener: a secure web proxy, which speaks HTTP/2 and HTTP/1.1 and may ask for client certificates.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use rustls::pki_types::CertificateDer;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoClientAuth, NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use url::Host;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use super::pair::{Fault, Pair, certificates};
use crate::authority::{Authority, Issuing};
use crate::clock::{Clock, SignedDuration, Timestamp, after};
use crate::config_path::ConfigPath;
use crate::faults::{Faults, at};
use crate::net::{TlsTickets, tls_suites, within};
use crate::seal::sha256;
use crate::wire::Handshake;
use crate::wire::target::is_name;

/// HTTP/2 as ALPN names it (RFC 9113 §3.1).
const H2: &[u8] = b"h2";

/// How long a certificate of our own authority is used before a new one is issued: much shorter than it is valid.
const REISSUE: SignedDuration = SignedDuration::from_hours(24);

/// `tls` of a `[[listener]]` in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The certificate and its chain (PEM).
    pub certificate: Option<ConfigPath>,
    /// Its key (PEM).
    pub key: Option<ConfigPath>,
    /// Names for which our own authority issues a certificate, if `certificate` is not given. A name may begin with
    /// `*.`.
    pub names: Vec<String>,
    /// Authorities whose client certificates are asked for (PEM). A client need not have one.
    pub client_ca: Option<ConfigPath>,
    /// Whether clients are offered HTTP/2.
    pub h2: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self { certificate: None, key: None, names: Vec::new(), client_ca: None, h2: true }
    }
}

/// Why a listener cannot speak TLS.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The certificate or the key cannot be used.
    #[error(transparent)]
    Pair(#[from] Fault),
    /// A file does not hold what it should.
    #[error("{0}: {1}")]
    Unusable(ConfigPath, String),
    /// No certificate could be issued.
    #[error("no certificate could be issued: {0}")]
    Issue(#[from] crate::authority::Error),
    /// The certificate and the key cannot be used together.
    #[error("the certificate and the key cannot be used together: {0}")]
    Tls(#[from] rustls::Error),
    /// There is neither a certificate nor a name for which one could be issued.
    #[error("there is neither a `certificate` with its `key` nor any of `names`")]
    Nothing,
}

/// TLS on one listener.
pub struct Secure {
    config: Config,
    authority: Arc<Authority>,
    clock: Clock,
    server: ArcSwap<ServerConfig>,
    loaded: Mutex<Loaded>,
    limit: Duration,
}

/// What the server in use was made from.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Loaded {
    files: Vec<Option<(SystemTime, u64)>>,
    at: Timestamp,
    /// The authority's certificate, where it has issued ours.
    by: Option<CertificateDer<'static>>,
}

impl Secure {
    /// TLS as configured. `limit` is how long a handshake may take. `issuing` issues the first certificate, where none is named: it
    /// may be about to be put in force.
    pub fn new(
        config: Config,
        authority: Arc<Authority>,
        issuing: &Issuing,
        limit: Duration,
        clock: Clock,
    ) -> Result<Self, Error> {
        let by = config.certificate.is_none().then(|| issuing.certificate().clone());
        let loaded = Loaded { files: config.versions(), at: clock.now(), by };
        let server = ArcSwap::from_pointee(config.server(&authority, issuing)?);
        Ok(Self { config, authority, clock, server, loaded: Mutex::new(loaded), limit })
    }

    /// Its configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Reads files again that have changed, and has a certificate of our own issued anew in time. If the new ones
    /// cannot be used, it goes on with the old ones.
    pub fn refresh(&self) {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let (files, now) = (self.config.versions(), self.clock.now());
        let issuing = self.authority.issuing();
        let by = self.config.certificate.is_none().then(|| issuing.certificate().clone());
        let is_fresh = self.config.certificate.is_some() || after(loaded.at, REISSUE) > now;
        if files == loaded.files && by == loaded.by && is_fresh {
            return;
        }
        match self.config.server(&self.authority, &issuing) {
            Ok(server) => {
                self.server.store(Arc::new(server));
                tracing::info!(certificate = ?self.config.certificate, "a listener uses its new certificate from now on");
            }
            Err(error) => {
                tracing::error!(%error, "a listener's new certificate cannot be used: it goes on with the old one");
            }
        }
        *loaded = Loaded { files, at: now, by };
    }

    /// Does the handshake with a client. `None` if it fails; else the stream, what the client has shown, and whether
    /// both have agreed on HTTP/2.
    pub async fn accept(&self, stream: TcpStream) -> Option<(TlsStream<TcpStream>, Handshake, bool)> {
        let acceptor = TlsAcceptor::from(self.server.load_full());
        let stream = within(self.limit, acceptor.accept(stream)).await.ok()?.ok()?;
        let (_, session) = stream.get_ref();
        let certificate = session.peer_certificates().and_then(<[_]>::first).map(|certificate| sha256(certificate));
        let server_name = session.server_name().map(|name| name.to_ascii_lowercase().into());
        let speaks_h2 = session.alpn_protocol() == Some(H2);
        Some((stream, Handshake { server_name, certificate }, speaks_h2))
    }
}

impl Config {
    /// Says what is wrong with it.
    pub fn check(&self, faults: &mut Faults) {
        match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => Pair::check(certificate, key, None, faults),
            (Some(_), None) => faults.note(at!["certificate"], "the certificate's `key` is missing", ""),
            (None, Some(_)) => faults.note(at!["key"], "the key's `certificate` is missing", ""),
            (None, None) if self.names.is_empty() => {
                let help = "add `certificate` and `key`, or `names = [\"proxy.example.com\"]`, for which our own \
                            authority issues one";
                faults.note(at![], "a secure web proxy needs a certificate", help);
            }
            (None, None) => {}
        }
        for (number, name) in self.names.iter().enumerate() {
            let bare = name.strip_prefix("*.").unwrap_or(name);
            let plain = Host::parse(bare).ok().map(|host| host.to_string());
            if let (Some(plain), false) = (&plain, name.is_ascii()) {
                let help = format!("write \"{}\"", name.replace(bare, plain));
                faults.note(at!["names", number], "certificates hold names in ASCII", &help);
            } else if !plain.is_some_and(|plain| is_name(&plain)) || bare.parse::<std::net::IpAddr>().is_ok() {
                let help = "such as \"proxy.example.com\" or \"*.proxy.example.com\"";
                faults.note(at!["names", number], format!("`{name}` is not a name"), help);
            }
        }
        if let Some(file) = &self.client_ca
            && faults.readable(at!["client_ca"], file)
            && let Err(error) = self.verifier()
        {
            faults.note(at!["client_ca"], error.to_string(), "");
        }
    }

    fn server(&self, authority: &Authority, issuing: &Issuing) -> Result<ServerConfig, Error> {
        let (chain, key) = match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => {
                let Pair { chain, key } = Pair::read(certificate, key)?;
                (chain, key)
            }
            _ if self.names.is_empty() => return Err(Error::Nothing),
            _ => {
                let names: Vec<_> = self.names.iter().map(String::as_str).collect();
                authority.issue_under(issuing, &names)?
            }
        };
        let verifier = self.verifier()?;
        let mut server = tls_suites::server()?.with_client_cert_verifier(verifier).with_single_cert(chain, key)?;
        server.ignore_client_order = true;
        server.alpn_protocols = vec![b"http/1.1".to_vec()];
        if self.h2 {
            server.alpn_protocols.insert(0, H2.to_vec());
        }
        // Keys for TLS tickets of its own: a session in which a client has shown a certificate here must not be resumed
        // on a listener that would not ask for one.
        server.ticketer = Arc::new(TlsTickets::default());
        server.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(server)
    }

    /// What judges client certificates. Nobody must have one.
    pub fn verifier(&self) -> Result<Arc<dyn ClientCertVerifier>, Error> {
        let Some(path) = &self.client_ca else { return Ok(Arc::new(NoClientAuth)) };
        let unusable = |why: String| Error::Unusable(path.clone(), why);
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates(path).map_err(|(message, _)| unusable(message))?);
        let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).allow_unauthenticated().build();
        verifier.map_err(|error| unusable(error.to_string()))
    }

    /// What differs if the files have changed.
    fn versions(&self) -> Vec<Option<(SystemTime, u64)>> {
        let version = |path: &ConfigPath| {
            let metadata = std::fs::metadata(path).ok()?;
            Some((metadata.modified().ok()?, metadata.len()))
        };
        [&self.certificate, &self.key, &self.client_ca].into_iter().flatten().map(version).collect()
    }
}

/// Whether the certificate in this file (PEM) contains exactly `name`, with its `*.` if it has one. `None` if the file
/// cannot be read.
pub fn covers(path: &Path, name: &str) -> Option<bool> {
    let chain = certificates(path).ok()?;
    let (_, certificate) = X509Certificate::from_der(chain.first()?).ok()?;
    let names = certificate.subject_alternative_name().ok()?.map_or(&[][..], |names| &names.value.general_names);
    let is_it = |found: &GeneralName<'_>| matches!(found, GeneralName::DNSName(dns) if dns.eq_ignore_ascii_case(name));
    Some(names.iter().any(is_it))
}

impl fmt::Debug for Secure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secure").field("config", &self.config).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_that_has_changed_is_taken_up_and_a_broken_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = (folder.path().join("proxy.pem"), folder.path().join("proxy.key"));
        let authority = Arc::new(Authority::ephemeral("test", Clock::system()).unwrap());
        let write = |content: &(String, String)| {
            std::fs::write(&certificate, &content.0).unwrap();
            std::fs::write(&key, &content.1).unwrap();
        };
        write(&authority.issue_pem("proxy.test").unwrap());
        let [own, its_key] = [&certificate, &key].map(|path| Some(ConfigPath::at(path)));
        let config = Config { certificate: own, key: its_key, ..Config::default() };
        let secure =
            Secure::new(config, Arc::clone(&authority), &authority.issuing(), Duration::from_secs(1), Clock::system())
                .unwrap();
        let first = secure.server.load_full();
        secure.refresh();
        assert!(Arc::ptr_eq(&first, &secure.server.load_full()), "nothing has changed");
        std::fs::write(&certificate, "no certificate").unwrap();
        secure.refresh();
        assert!(Arc::ptr_eq(&first, &secure.server.load_full()), "it cannot be used");
        write(&authority.issue_pem("a-much-longer-name-for-the-proxy.test").unwrap());
        secure.refresh();
        assert!(!Arc::ptr_eq(&first, &secure.server.load_full()));
    }

    #[test]
    fn a_certificate_covers_the_names_that_it_holds() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("proxy.pem");
        let authority = Authority::ephemeral("test", Clock::system()).unwrap();
        std::fs::write(&path, authority.issue_pem("*.Proxy.test").unwrap().0).unwrap();
        assert_eq!(covers(&path, "*.proxy.test"), Some(true));
        assert_eq!(covers(&path, "proxy.test"), Some(false));
        assert_eq!(covers(&folder.path().join("none.pem"), "proxy.test"), None);
    }

    #[test]
    fn a_listener_needs_a_certificate_or_a_name() {
        let authority = Arc::new(Authority::ephemeral("test", Clock::system()).unwrap());
        let made = |config| {
            Secure::new(config, Arc::clone(&authority), &authority.issuing(), Duration::from_secs(1), Clock::system())
        };
        assert!(matches!(made(Config::default()), Err(Error::Nothing)));
        assert!(made(Config { names: vec!["proxy.test".into(), "*.proxy.test".into()], ..Config::default() }).is_ok());
    }
}
