//! TLS towards origins: certificates are always checked.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::OnceCell;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::Error;
use crate::config_path::ConfigPath;
use crate::faults::{Faults, Step};
use crate::wire::target::Host;

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
    pub fn check(path: &[Step], file: &ConfigPath, help: &str, faults: &mut Faults) {
        if faults.readable(path, file)
            && let Err((file, why)) = Self::load(std::slice::from_ref(file))
        {
            faults.note(path, format!("`{}`: {why}", file.display()), help);
        }
    }

    /// These and the system's certificates; these and Mozilla's list if the system has none.
    fn with_system(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        roots.add_parsable_certificates(self.0.iter().cloned());
        roots
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

/// Speaks TLS with origins.
#[derive(Clone)]
pub struct OriginTls {
    roots: Roots,
    /// Made at the first use: the system's certificates are hundreds of files, and the start of the program should not
    /// wait for them.
    connector: Arc<OnceCell<TlsConnector>>,
    limit: Duration,
}

impl OriginTls {
    /// TLS that trusts `roots` and the system's certificates, and gives up after `limit`.
    pub fn new(roots: Roots, limit: Duration) -> Self {
        Self { roots, connector: Arc::default(), limit }
    }

    /// Whether the same certificates are trusted besides the system's.
    pub(super) fn trusts_what(&self, other: &Self) -> bool {
        self.roots == other.roots
    }

    async fn connector(&self) -> Result<&TlsConnector, Error> {
        let make = || async {
            let roots = self.roots.clone();
            let store = tokio::task::spawn_blocking(move || roots.with_system()).await;
            let store = store.map_err(|error| Error::Tls(error.to_string()))?;
            let mut config = ClientConfig::builder().with_root_certificates(store).with_no_client_auth();
            config.alpn_protocols = vec![b"http/1.1".to_vec()];
            Ok(TlsConnector::from(Arc::new(config)))
        };
        self.connector.get_or_try_init(make).await
    }

    /// Does a TLS handshake on `stream`. The other end must prove that it is `host`.
    pub async fn connect<S>(&self, host: &Host<String>, stream: S) -> Result<TlsStream<S>, Error>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let name = match host {
            Host::Domain(name) => ServerName::try_from(name.clone())
                .map_err(|_| Error::Tls("no certificate can be valid for such a name".into()))?,
            Host::Ipv4(address) => ServerName::IpAddress((*address).into()),
            Host::Ipv6(address) => ServerName::IpAddress((*address).into()),
        };
        let connector = self.connector().await?;
        let shaken = timeout(self.limit, connector.connect(name, stream)).await;
        shaken.map_err(|_| Error::TimedOut)?.map_err(|error| {
            match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                Some(rustls::Error::InvalidCertificate(why)) => Error::Certificate(why.to_string()),
                Some(why @ rustls::Error::InvalidMessage(_)) => Error::NoTls(why.to_string()),
                Some(why) => Error::Tls(why.to_string()),
                None => Error::NoTls(error.to_string()),
            }
        })
    }
}

impl std::fmt::Debug for OriginTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OriginTls")
    }
}
