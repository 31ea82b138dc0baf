//! TLS for the load and the origin, which share a thread: a stream that is plain at first, or for ever; and the authority
//! that vouches for the origin, and by which peers intercept.

use std::fs;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use mio::net::TcpStream;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, Connection, DigitallySignedStruct, Error, ServerConfig, ServerConnection,
    SignatureScheme,
};

use crate::h2;

/// The name of the origin that speaks TLS. All names below it are its own, too.
pub(crate) const NAME: &str = "in.test";

/// The name of the protocol (RFC 7301 §6).
pub(crate) const HTTP_11: &[u8] = b"http/1.1";

/// What may wait to be sent.
const MOST_UNSENT: usize = 256 * 1024;

/// An authority, in a file with its key.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) file: PathBuf,
}

impl Authority {
    /// A new one, in `folder`.
    pub(crate) fn make(folder: &Path) -> Result<Self> {
        let (key, mut params) = (KeyPair::generate()?, CertificateParams::default());
        params.distinguished_name.push(DnType::CommonName, "Bench");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let file = folder.join("bench.pem");
        // The key first: that is where rcgen looks for it.
        fs::write(&file, format!("{}{}", key.serialize_pem(), params.self_signed(&key)?.pem()))?;
        Ok(Self { issuer: Issuer::new(params, key), file })
    }

    /// The settings of the origin where it speaks HTTP/1.1 alone, and where it speaks HTTP/2, too; and its certificate.
    pub(crate) fn origin(&self) -> Result<([Arc<ServerConfig>; 2], CertificateDer<'static>)> {
        let (key, names) = (KeyPair::generate()?, vec![NAME.to_owned(), format!("*.{NAME}")]);
        let leaf = CertificateParams::new(names)?.signed_by(&key, &self.issuer)?.der().clone();
        let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(anyhow::Error::msg)?;
        let mut config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![leaf.clone()], key)?;
        config.alpn_protocols = vec![HTTP_11.to_vec()];
        let mut newer = config.clone();
        newer.alpn_protocols.insert(0, h2::ALPN.to_vec());
        Ok(([config, newer].map(Arc::new), leaf))
    }
}

/// The settings of a client. It believes everybody, because its thread has enough to do, and exchanges keys by X25519 with
/// all proxies alike.
pub(crate) fn client(resumes: bool, protocols: &[&[u8]]) -> Result<Arc<ClientConfig>> {
    let groups = vec![aws_lc_rs::kx_group::X25519];
    let provider = CryptoProvider { kx_groups: groups, ..aws_lc_rs::default_provider() };
    let builder = ClientConfig::builder_with_provider(Arc::new(provider)).with_safe_default_protocol_versions()?;
    let mut config = builder.dangerous().with_custom_certificate_verifier(Arc::new(Credulous)).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    config.resumption = if resumes { Resumption::default() } else { Resumption::disabled() };
    Ok(Arc::new(config))
}

#[derive(Debug)]
struct Credulous;

impl ServerCertVerifier for Credulous {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256, SignatureScheme::RSA_PSS_SHA256, SignatureScheme::RSA_PKCS1_SHA256]
    }
}

/// A TCP connection, and TLS on it once that has begun.
pub(crate) struct Wire {
    pub(crate) tcp: TcpStream,
    tls: Option<Box<Connection>>,
}

impl Wire {
    pub(crate) fn plain(tcp: TcpStream) -> Self {
        Self { tcp, tls: None }
    }

    /// Begins TLS as a server.
    pub(crate) fn accept(tcp: TcpStream, config: &Arc<ServerConfig>) -> Result<Self> {
        let mut own = Self::plain(tcp);
        own.begin(ServerConnection::new(Arc::clone(config))?.into());
        Ok(own)
    }

    /// Begins TLS as a client, and sends the first message.
    pub(crate) fn secure(&mut self, config: &Arc<ClientConfig>, name: &str) -> Result<()> {
        let name = ServerName::try_from(name.to_owned()).context("a name")?;
        self.begin(ClientConnection::new(Arc::clone(config), name)?.into());
        Ok(self.send()?)
    }

    fn begin(&mut self, mut tls: Connection) {
        tls.set_buffer_limit(Some(MOST_UNSENT));
        self.tls = Some(Box::new(tls));
    }

    pub(crate) fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    pub(crate) fn is_shaking(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.is_handshaking())
    }

    /// Whether both ends have agreed on HTTP/2.
    pub(crate) fn is_h2(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.alpn_protocol() == Some(h2::ALPN))
    }

    /// The certificate that the other end has shown.
    pub(crate) fn certificate(&self) -> Option<&CertificateDer<'static>> {
        self.tls.as_ref()?.peer_certificates()?.first()
    }

    /// Says that nothing more is sent.
    pub(crate) fn finish(&mut self) -> Result<()> {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
        }
        self.send()?;
        // The other end may be gone.
        drop(self.tcp.shutdown(Shutdown::Write));
        Ok(())
    }

    /// Sends what TLS has to send, as far as that can be done now.
    fn send(&mut self) -> io::Result<()> {
        let Some(tls) = &mut self.tls else { return Ok(()) };
        while tls.wants_write() {
            match tls.write_tls(&mut self.tcp) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let Some(tls) = &mut self.tls else { return self.tcp.read(buffer) };
            match tls.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => return other,
            }
            let count = tls.read_tls(&mut self.tcp);
            if let Ok(count) = count {
                tls.process_new_packets().map_err(io::Error::other)?;
                if count == 0 {
                    return Ok(0);
                }
            }
            self.send()?;
            count?;
        }
    }
}

impl Write for Wire {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.send()?;
        let Some(tls) = &mut self.tls else { return self.tcp.write(octets) };
        let count = tls.writer().write(octets)?;
        self.send()?;
        if count == 0 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(count) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
