//! A client that speaks HTTP/2 to the proxy, stream by stream.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use http::{HeaderMap, Method, Request, Response};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::super::raw;
use super::super::world::{PATIENCE, World};

/// One connection to the secure web proxy of a world.
pub(crate) struct Client {
    runtime: Runtime,
    send: SendRequest<Bytes>,
}

/// An answer that has arrived as a whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) fields: HeaderMap,
    pub(crate) text: String,
}

/// A tunnel, or a connection that has changed its protocol.
pub(crate) struct Tunnel {
    send: SendStream<Bytes>,
    receive: RecvStream,
}

impl Tunnel {
    /// Gives the stream up.
    pub(crate) fn reset(&mut self, reason: h2::Reason) {
        self.send.send_reset(reason);
    }
}

impl Client {
    /// Connects to the listener `secure` from an address.
    pub(crate) fn connect(world: &World, from: [u8; 4]) -> Self {
        Self::connect_as(world, from, "proxy.test")
    }

    /// The same, and asks for this name of the proxy.
    pub(crate) fn connect_as(world: &World, from: [u8; 4], name: &str) -> Self {
        Self::connect_to(world.listener("secure"), from, name, config(world))
    }

    /// Connects to any secure web proxy.
    pub(crate) fn connect_to(proxy: SocketAddr, from: [u8; 4], name: &str, tls: ClientConfig) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let stream = raw::connect(proxy, IpAddr::from(from));
        stream.set_nonblocking(true).unwrap();
        let connector = TlsConnector::from(Arc::new(tls));
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let send = runtime.block_on(async {
            let stream = connector.connect(name, TcpStream::from_std(stream).unwrap()).await.unwrap();
            assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
            let (send, connection) = h2::client::handshake(stream).await.unwrap();
            tokio::spawn(connection);
            send.ready().await.unwrap()
        });
        Self { runtime, send }
    }

    /// Begins a request.
    pub(crate) fn begin(&mut self, request: Request<()>, is_over: bool) -> (ResponseFuture, SendStream<Bytes>) {
        self.runtime.block_on(async {
            std::future::poll_fn(|cx| self.send.poll_ready(cx)).await.unwrap();
            self.send.send_request(request, is_over).unwrap()
        })
    }

    /// Sends a request without a body and reads the whole answer.
    pub(crate) fn get(&mut self, url: &str, fields: &[(&str, &str)]) -> Answer {
        let mut request = Request::get(url);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let (response, _) = self.begin(request.body(()).unwrap(), true);
        self.read(response)
    }

    /// Reads a whole answer.
    pub(crate) fn read(&self, response: ResponseFuture) -> Answer {
        let response = self.wait(response).unwrap();
        let (parts, mut body) = response.into_parts();
        let mut text = Vec::new();
        while let Some(data) = self.wait(async { body.data().await }) {
            let data = data.unwrap();
            body.flow_control().release_capacity(data.len()).unwrap();
            text.extend_from_slice(&data);
        }
        let text = String::from_utf8_lossy(&text).into_owned();
        Answer { status: parts.status.as_u16(), fields: parts.headers, text }
    }

    /// Asks for a tunnel: its answer, and the tunnel itself.
    pub(crate) fn tunnel(&mut self, authority: &str, agent: &str) -> (Response<()>, Tunnel) {
        let request = Request::builder().method(Method::CONNECT).uri(authority).header("user-agent", agent);
        self.open(request.body(()).unwrap())
    }

    /// Asks for a page inside a tunnel to an https site, or to whoever stands in for it, with these cookies.
    pub(crate) fn ask_inside(&mut self, world: &World, host: &str, path: &str, cookies: &str) -> raw::Answer {
        self.ask_inside_over(config(world), host, path, cookies)
    }

    /// The same for whoever trusts this there.
    pub(crate) fn ask_inside_over(
        &mut self,
        mut tls: ClientConfig,
        host: &str,
        path: &str,
        cookies: &str,
    ) -> raw::Answer {
        let name = host.split(':').next().unwrap().to_owned();
        let authority = if host.contains(':') { host.to_owned() } else { format!("{host}:443") };
        let (opened, mut tunnel) = self.tunnel(&authority, "Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0.0.0");
        assert_eq!(opened.status(), 200, "{opened:?}");
        tls.alpn_protocols.clear();
        let connection = ClientConnection::new(Arc::new(tls), ServerName::try_from(name).unwrap()).unwrap();
        let mut stream = StreamOwned::new(connection, Inside::new(self, &mut tunnel));
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nSec-Fetch-Mode: navigate\r\nCookie: {cookies}\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        raw::Answer::read(&mut stream)
    }

    /// Begins a request whose stream stays open.
    pub(crate) fn open(&mut self, request: Request<()>) -> (Response<()>, Tunnel) {
        let (response, send) = self.begin(request, false);
        let response = self.wait(response).unwrap();
        let (parts, receive) = response.into_parts();
        (Response::from_parts(parts, ()), Tunnel { send, receive })
    }

    /// Waits until the server has said that protocols may be changed.
    pub(crate) fn wait_for_extended_connect(&self) {
        self.wait(async {
            while !self.send.is_extended_connect_protocol_enabled() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
    }

    /// Waits until the server has said that no new stream will be answered (RFC 9113 §6.8).
    pub(crate) fn wait_for_goaway(&mut self) {
        let send = &mut self.send;
        let told = async {
            loop {
                match std::future::poll_fn(|cx| send.poll_ready(cx)).await {
                    Ok(()) => tokio::time::sleep(Duration::from_millis(5)).await,
                    Err(error) => return error,
                }
            }
        };
        let error = self.runtime.block_on(async { timeout(PATIENCE, told).await.unwrap() });
        assert!(error.is_go_away() && error.reason() == Some(h2::Reason::NO_ERROR), "{error}");
    }

    /// Sends octets through a tunnel; none end its direction.
    pub(crate) fn send(&self, tunnel: &mut Tunnel, octets: &[u8]) {
        let _runtime = self.runtime.enter();
        tunnel.send.send_data(Bytes::copy_from_slice(octets), octets.is_empty()).unwrap();
    }

    /// What arrives next; `None` at the end.
    pub(crate) fn receive(&self, tunnel: &mut Tunnel) -> Option<Result<Bytes, h2::Error>> {
        let data = self.wait(async { tunnel.receive.data().await })?;
        if let Ok(data) = &data {
            tunnel.receive.flow_control().release_capacity(data.len()).unwrap();
        }
        Some(data)
    }

    /// Lets what was begun go out.
    pub(crate) fn turn(&self) {
        self.wait(async { tokio::time::sleep(Duration::from_millis(50)).await });
    }

    /// Waits for a step, and not for ever.
    pub(crate) fn wait<T>(&self, step: impl Future<Output = T>) -> T {
        self.runtime.block_on(async { timeout(PATIENCE, step).await.unwrap() })
    }
}

/// The octets of a tunnel, as a stream.
pub(crate) struct Inside<'a> {
    client: &'a Client,
    tunnel: &'a mut Tunnel,
    unread: Bytes,
}

impl<'a> Inside<'a> {
    pub(crate) fn new(client: &'a Client, tunnel: &'a mut Tunnel) -> Self {
        Self { client, tunnel, unread: Bytes::new() }
    }
}

impl Read for Inside<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.unread.is_empty() {
            match self.client.receive(self.tunnel) {
                Some(data) => self.unread = data.map_err(io::Error::other)?,
                None => return Ok(0),
            }
        }
        let count = into.len().min(self.unread.len());
        into[..count].copy_from_slice(&self.unread.split_to(count));
        Ok(count)
    }
}

impl Write for Inside<'_> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        if !octets.is_empty() {
            self.client.send(self.tunnel, octets);
        }
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Trusts what a device of this world trusts, and speaks HTTP/2 only.
pub(crate) fn config(world: &World) -> ClientConfig {
    config_trusting(&world.bundle)
}

/// Trusts these certificates, and speaks HTTP/2 only.
pub(crate) fn config_trusting(bundle: &Path) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(bundle).unwrap() {
        roots.add(certificate.unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}
