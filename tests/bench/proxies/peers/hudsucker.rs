//! A proxy of hudsucker and nothing else: no log, no policy, no session, no limits. What interception costs that is done
//! with a good library (rustls on AWS-LC, leaves by rcgen that are kept) and does nothing besides.
//!
//! One thread. Every name is at this machine. Hosts that end in the name that it is given are intercepted.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use hudsucker::certificate_authority::RcgenAuthority;
use hudsucker::hyper::Request;
use hudsucker::rcgen::{Issuer, KeyPair};
use hudsucker::{Body, HttpContext, HttpHandler, Proxy};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use socket2::SockRef;
use tokio::net::TcpListener;

/// Leaves that are kept: as many as Vestibule keeps.
const LEAVES: u64 = 10_000;

#[derive(Clone)]
struct Intercepting {
    name: Arc<str>,
}

impl HttpHandler for Intercepting {
    async fn should_intercept_connect(&mut self, _: &HttpContext, request: &Request<Body>) -> bool {
        request.uri().host().is_some_and(|host| host.ends_with(&*self.name))
    }
}

/// Serves for ever. Words: the address, the file of the authority's certificate and key, in which also stands whom to trust;
/// the name.
fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [address, authority, name] = &words[..] else { anyhow::bail!("three words") };
    let pem = std::fs::read_to_string(authority).context("the authority")?;
    let certificate = CertificateDer::from_pem_slice(pem.as_bytes())?;
    // The key stands first in the file.
    let issuer = Issuer::from_ca_cert_der(&certificate, KeyPair::from_pem(&pem)?)?;
    let mut roots = RootCertStore::empty();
    roots.add(certificate)?;
    let provider = Arc::new(default_provider());
    let client = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let client = client.with_root_certificates(roots).with_no_client_auth();
    let found = |_: Name| async { Ok::<_, Infallible>(std::iter::once(SocketAddr::from(([127, 0, 0, 1], 0)))) };
    let mut dialling = HttpConnector::new_with_resolver(tower::service_fn(found));
    dialling.set_nodelay(true);
    dialling.enforce_http(false);
    let connector = hyper_rustls::HttpsConnectorBuilder::new().with_tls_config(client).https_or_http();
    let connector = connector.enable_http1().enable_http2().wrap_connector(dialling);
    let (address, name): (SocketAddr, Arc<str>) = (address.parse()?, name.as_str().into());
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async move {
        let listener = TcpListener::bind(address).await?;
        // The connections that it accepts have it, too.
        SockRef::from(&listener).set_tcp_nodelay(true)?;
        let proxy = Proxy::builder()
            .with_listener(listener)
            .with_ca(RcgenAuthority::new(issuer, LEAVES, default_provider()))
            .with_http_connector(connector)
            .with_http_handler(Intercepting { name })
            .build()?;
        Ok(proxy.start().await?)
    })
}
