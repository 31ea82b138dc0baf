//! TLS towards origins: certificates are always checked.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::Error;
use crate::wire::target::Host;

/// The certificates that are trusted to vouch for origins.
#[derive(Clone, Debug)]
pub struct Roots(RootCertStore);

impl Roots {
    /// The system's certificates (Mozilla's list when the system has none), and those in `files`.
    pub fn load(files: &[PathBuf]) -> Result<Self, (PathBuf, String)> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        for file in files {
            add(&mut roots, file).map_err(|why| (file.clone(), why))?;
        }
        Ok(Self(roots))
    }

    /// Trusts one more certificate.
    pub fn trust(&mut self, certificate: &CertificateDer<'_>) -> Result<(), rustls::Error> {
        self.0.add(certificate.clone().into_owned())
    }
}

fn add(roots: &mut RootCertStore, file: &Path) -> Result<(), String> {
    let certificates = CertificateDer::pem_file_iter(file).map_err(|error| error.to_string())?;
    let mut found = false;
    for certificate in certificates {
        roots.add(certificate.map_err(|error| error.to_string())?).map_err(|error| error.to_string())?;
        found = true;
    }
    if found { Ok(()) } else { Err("it holds no certificate".into()) }
}

/// Speaks TLS with origins.
#[derive(Clone)]
pub struct OriginTls {
    connector: TlsConnector,
    limit: Duration,
}

impl OriginTls {
    /// TLS that trusts `roots` and gives up after `limit`.
    pub fn new(roots: Roots, limit: Duration) -> Self {
        let mut config = ClientConfig::builder().with_root_certificates(roots.0).with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self { connector: TlsConnector::from(Arc::new(config)), limit }
    }

    /// Shakes hands with the origin on `stream`, which must prove that it is `host`.
    pub async fn connect(&self, host: &Host<String>, stream: TcpStream) -> Result<TlsStream<TcpStream>, Error> {
        let name = match host {
            Host::Domain(name) => ServerName::try_from(name.clone()).map_err(|_| Error::NameNotFound)?,
            Host::Ipv4(address) => ServerName::IpAddress((*address).into()),
            Host::Ipv6(address) => ServerName::IpAddress((*address).into()),
        };
        let shaken = timeout(self.limit, self.connector.connect(name, stream)).await;
        shaken.map_err(|_| Error::TimedOut)?.map_err(|error| {
            match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                Some(rustls::Error::InvalidCertificate(why)) => Error::Certificate(why.to_string()),
                Some(why) => Error::Tls(why.to_string()),
                None => Error::Tls(error.to_string()),
            }
        })
    }
}

impl std::fmt::Debug for OriginTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OriginTls")
    }
}
