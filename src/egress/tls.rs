//! TLS towards origins: certificates are always checked.

use std::cell::Cell;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::client::danger::ServerCertVerifier;
use rustls::client::{ResolvesClientCert, Resumption, WebPkiServerVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::certificate::{self, Issuers, Verifier};
use super::verified::Verified;
use super::{Error, Presented};
use crate::config_path::ConfigPath;
use crate::faults::{self, Step};
use crate::net::{tls_suites, within};
use crate::policy::Faults;
use crate::wire::target::Host;

/// Sessions with origins that are kept to be resumed.
const SESSIONS: usize = 1024;

/// Certificates that are trusted to vouch for origins, besides the system's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roots(Vec<CertificateDer<'static>>);

impl Roots {
    /// The certificates in `files`.
    pub fn load(files: &[ConfigPath]) -> Result<Self, (ConfigPath, String)> {
        let mut roots = Self::default();
        for file in files {
            roots.0.extend(read(file).map_err(|why| (file.clone(), why))?);
        }
        Ok(roots)
    }

    /// Says what is wrong with a file of certificates that are to be trusted, which stands at `path`.
    pub fn check(path: &[Step], file: &ConfigPath, help: &str, faults: &mut faults::Faults) {
        if faults.readable(path, file)
            && let Err((file, why)) = Self::load(std::slice::from_ref(file))
        {
            faults.note(path, format!("`{}`: {why}", file.display()), help);
        }
    }

    /// These and the system's certificates; these and Mozilla's list if the system has none. That list has keys and no
    /// certificates, so none of it is among the issuers.
    fn with_system(&self) -> (RootCertStore, Issuers) {
        let mut roots = RootCertStore::empty();
        let system = rustls_native_certs::load_native_certs().certs;
        roots.add_parsable_certificates(system.iter().cloned());
        if roots.is_empty() {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        roots.add_parsable_certificates(self.0.iter().cloned());
        (roots, Issuers::of(self.0.iter().cloned().chain(system)))
    }

    #[cfg(test)]
    pub(super) fn of(certificate: CertificateDer<'static>) -> Self {
        Self(vec![certificate])
    }
}

fn read(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| error.to_string())?;
    let mut trial = RootCertStore::empty();
    for certificate in &certificates {
        trial.add(certificate.clone()).map_err(|error| error.to_string())?;
    }
    if trial.is_empty() { Err("it holds no certificate".into()) } else { Ok(certificates) }
}

/// What is offered to an origin in the handshake (RFC 7301).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Offer {
    /// HTTP/1.1 alone.
    Http1,
    /// HTTP/2, and HTTP/1.1 if it does not speak that.
    Http2,
}

impl Offer {
    fn protocols(self) -> Vec<Vec<u8>> {
        match self {
            Self::Http1 => vec![b"http/1.1".to_vec()],
            Self::Http2 => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        }
    }
}

/// Speaks TLS with origins.
#[derive(Clone)]
pub struct OriginTls {
    roots: Roots,
    /// Made at the first use: the system's certificates are hundreds of files, and the start of the program should not
    /// wait for them.
    ground: Arc<OnceCell<Ground>>,
    limit: Duration,
}

/// What all connections to origins share.
struct Ground {
    verifier: Arc<WebPkiServerVerifier>,
    /// What it has found good.
    verified: Arc<Verified>,
    roots: Arc<Issuers>,
    /// For certificates that are good by the usual rules.
    usual: Way,
    /// For those of which a rule accepts some fault. A session of one must not be resumed by another, so each has its own.
    others: RwLock<HashMap<Faults, Way>>,
}

/// How certificates with some faults are dealt with.
#[derive(Clone)]
struct Way {
    verifier: Arc<Verifier>,
    connector: TlsConnector,
}

tokio::task_local! {
    /// Whether the origin with which this task shakes hands has asked for a certificate of the client. rustls does not say on
    /// which connection it asks for one, and asks while the handshake is polled.
    static ASKED: Cell<bool>;
}

/// Has no certificate, and notes who asks for one.
#[derive(Debug)]
struct NoCertificate;

impl ResolvesClientCert for NoCertificate {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        // Outside of `meet`, nobody wants to know.
        ASKED.try_with(|asked| asked.set(true)).ok();
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

impl Ground {
    fn new(roots: &Roots) -> Result<Self, Error> {
        let (store, roots) = roots.with_system();
        let builder = WebPkiServerVerifier::builder(Arc::new(store));
        let verifier = builder.build().map_err(|error| Error::Tls(error.to_string()))?;
        let (verified, roots) = (Arc::default(), Arc::new(roots));
        let usual = Way::new((&verifier, &verified), &roots, Faults::NONE)?;
        Ok(Self { verifier, verified, roots, usual, others: RwLock::default() })
    }

    fn way(&self, accept: Faults) -> Result<Way, Error> {
        if accept.is_empty() {
            return Ok(self.usual.clone());
        }
        if let Some(way) = self.others.read().unwrap_or_else(PoisonError::into_inner).get(&accept) {
            return Ok(way.clone());
        }
        let way = Way::new((&self.verifier, &self.verified), &self.roots, accept)?;
        let mut others = self.others.write().unwrap_or_else(PoisonError::into_inner);
        Ok(others.entry(accept).or_insert(way).clone())
    }
}

impl Way {
    fn new(
        (usual, verified): (&Arc<WebPkiServerVerifier>, &Arc<Verified>),
        roots: &Arc<Issuers>,
        accept: Faults,
    ) -> Result<Self, Error> {
        let judges = (Arc::clone(usual), Arc::clone(verified));
        let verifier = Arc::new(Verifier::new(judges, Arc::clone(roots), accept));
        let judge: Arc<dyn ServerCertVerifier> = Arc::<Verifier>::clone(&verifier);
        let mut config = ClientConfig::builder_with_provider(tls_suites::provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::Tls(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(judge)
            .with_client_cert_resolver(Arc::new(NoCertificate));
        config.resumption = Resumption::in_memory_sessions(SESSIONS);
        Ok(Self { verifier, connector: TlsConnector::from(Arc::new(config)) })
    }
}

impl OriginTls {
    /// TLS that trusts `roots` and the system's certificates, and gives up after `limit`.
    pub fn new(roots: Roots, limit: Duration) -> Self {
        Self { roots, ground: Arc::default(), limit }
    }

    /// Whether the same certificates are trusted besides the system's.
    pub(super) fn trusts_what(&self, other: &Self) -> bool {
        self.roots == other.roots
    }

    async fn ground(&self) -> Result<&Ground, Error> {
        let make = || async {
            let roots = self.roots.clone();
            let made = tokio::task::spawn_blocking(move || Ground::new(&roots)).await;
            made.map_err(|error| Error::Tls(error.to_string()))?
        };
        self.ground.get_or_try_init(make).await
    }

    /// Does a TLS handshake on `stream`, for HTTP/1.1. The other end must prove that it is `host`.
    pub async fn connect<S>(&self, host: &Host<String>, stream: S) -> Result<TlsStream<S>, Error>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        self.meet(host, stream, Faults::NONE, Offer::Http1).await.0.map(|(stream, _)| stream)
    }

    /// The same for what is offered, where `accept` may be wrong with the other end's certificate; with what it has shown, and
    /// whether it has asked for a certificate of ours.
    pub(super) async fn meet<S>(
        &self,
        host: &Host<String>,
        stream: S,
        accept: Faults,
        offer: Offer,
    ) -> (Result<(TlsStream<S>, Presented), Error>, bool)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let shaking = async {
            let shaken = self.shake(host, stream, accept, offer).await;
            (shaken, ASKED.with(Cell::get))
        };
        ASKED.scope(Cell::new(false), shaking).await
    }

    async fn shake<S>(
        &self,
        host: &Host<String>,
        stream: S,
        accept: Faults,
        offer: Offer,
    ) -> Result<(TlsStream<S>, Presented), Error>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let name = match host {
            Host::Domain(name) => ServerName::try_from(name.clone())
                .map_err(|_| Error::Tls("no certificate can be valid for such a name".into()))?,
            Host::Ipv4(address) => ServerName::IpAddress((*address).into()),
            Host::Ipv6(address) => ServerName::IpAddress((*address).into()),
        };
        let way = self.ground().await?.way(accept)?;
        let shaken = within(self.limit, way.connector.with_alpn(offer.protocols()).connect(name.clone(), stream)).await;
        let stream = shaken.map_err(|_| Error::TimedOut)?.map_err(|error| failed(&error))?;
        let (_, session) = stream.get_ref();
        let chain = session.peer_certificates().unwrap_or_default();
        let presented = Presented {
            names: chain.first().map(certificate::names).unwrap_or_default(),
            alpn: session.alpn_protocol().map(<[u8]>::to_vec),
            // Of a session that was resumed, the verifier was not asked.
            accepted: match chain.split_first() {
                Some((own, others)) if !accept.is_empty() => {
                    let found = way.verifier.judge(own, others, &name, UnixTime::now());
                    found.map_err(|error| failed_by(&error))?
                }
                _ => Faults::NONE,
            },
            asks_certificate: false,
        };
        Ok((stream, presented))
    }
}

fn failed(error: &std::io::Error) -> Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(error) => failed_by(error),
        None => Error::NoTls(error.to_string()),
    }
}

fn failed_by(error: &rustls::Error) -> Error {
    match error {
        rustls::Error::InvalidCertificate(why) => Error::Certificate(certificate::flaw_of(why), why.to_string()),
        rustls::Error::InvalidMessage(_) => Error::NoTls(error.to_string()),
        _ => Error::Tls(error.to_string()),
    }
}

impl std::fmt::Debug for OriginTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OriginTls")
    }
}
