//! `vestibule healthcheck`: for container engines, where there is no curl.

use std::io::{self, Read as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};
use serde_json::Value;

use super::Failure;
use crate::admin::{self, HEALTH};
use crate::app::{HEALTH_PATH, Running};
use crate::config;

/// A program that does not answer within this is not well.
const PATIENCE: Duration = Duration::from_secs(3);

/// Asks a program how it is: the one that keeps its state where the file says, even if the file has been broken since; or the
/// one that listens at `address`.
pub(super) fn healthcheck(address: Option<SocketAddr>, file: &Path) -> Result<(), Failure> {
    let Some(address) = address else {
        let state = config::state_folder(file);
        return admin::client::ask_within(&state, HEALTH, &Value::Null, Some(PATIENCE), drop).map_err(Failure::new);
    };
    // A listener that speaks TLS makes nothing of plain HTTP.
    let answer = match ask(connect(address).map_err(|error| unanswered(address, &error))?, address) {
        Ok(answer) if answer.starts_with("HTTP/1.") => Ok(answer),
        _ => connect(address).and_then(|stream| ask(over_tls(stream, address)?, address)),
    };
    match answer {
        Ok(answer) if answer.starts_with("HTTP/1.1 200") => Ok(()),
        Ok(answer) => Err(Failure::new(format!("{address} answered: {}", answer.lines().next().unwrap_or("nothing")))),
        Err(error) => Err(unanswered(address, &error)),
    }
}

fn unanswered(address: SocketAddr, error: &io::Error) -> Failure {
    Failure::new(format!("{address} did not answer: {error}"))
}

/// What runs with this state folder.
pub(super) fn running(state: &Path) -> Running {
    let mut running = Running::default();
    let address = |item: &Value| item["address"].as_str()?.parse::<SocketAddr>().ok();
    let note = |item: Value| running.addresses.extend(address(&item));
    let asked = admin::client::ask_within(state, HEALTH, &Value::Null, Some(PATIENCE), note);
    running.is_there = asked.is_ok();
    running
}

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

fn ask(mut stream: impl io::Read + io::Write, address: SocketAddr) -> io::Result<String> {
    write!(stream, "GET {HEALTH_PATH} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    stream.flush()?;
    let mut answer = String::new();
    stream.take(1024).read_to_string(&mut answer)?;
    Ok(answer)
}

fn over_tls(stream: TcpStream, address: SocketAddr) -> io::Result<StreamOwned<ClientConnection, TcpStream>> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let anybody = Arc::new(Anybody(Arc::clone(&provider)));
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(io::Error::other)?.dangerous().with_custom_certificate_verifier(anybody);
    let config = Arc::new(config.with_no_client_auth());
    let connection = ClientConnection::new(config, ServerName::IpAddress(address.ip().into()));
    Ok(StreamOwned::new(connection.map_err(io::Error::other)?, stream))
}

/// Takes whatever certificate there is: the question is whether somebody answers, and nothing secret is said.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
