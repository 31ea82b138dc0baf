//! A client of HTTP/2 inside of a CONNECT.

use std::io::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use http::{HeaderMap, Request, Response};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::super::raw::{connect, read_head};
use super::super::secure::client::config;
use super::super::world::{PATIENCE, World};

/// One connection through the proxy to an origin.
pub(super) struct Client {
    pub(super) runtime: Runtime,
    pub(super) send: SendRequest<Bytes>,
}

/// What came of a request.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) fields: HeaderMap,
    pub(super) text: String,
}

impl Client {
    /// Opens one from a client address to `authority`, which must agree on HTTP/2.
    pub(super) fn open(world: &World, from: [u8; 4], authority: &str) -> Self {
        let (runtime, stream) = shake(world, from, authority, &[b"h2"]);
        let send = runtime.block_on(async {
            let stream = stream.unwrap();
            assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
            let (send, connection) = h2::client::Builder::new()
                .initial_window_size(1 << 20)
                .initial_connection_window_size(256 << 20)
                .handshake(stream)
                .await
                .unwrap();
            tokio::spawn(connection);
            send.ready().await.unwrap()
        });
        Self { runtime, send }
    }

    /// Begins a request.
    pub(super) fn begin(&mut self, request: Request<()>, is_over: bool) -> (ResponseFuture, SendStream<Bytes>) {
        self.runtime.block_on(async {
            std::future::poll_fn(|cx| self.send.poll_ready(cx)).await.unwrap();
            self.send.send_request(request, is_over).unwrap()
        })
    }

    /// Asks for a page and reads the whole answer.
    pub(super) fn get(&mut self, url: &str) -> Answer {
        let (response, _) = self.begin(Request::get(url).body(()).unwrap(), true);
        self.read(response).unwrap()
    }

    /// Sends a body and reads the whole answer.
    pub(super) fn post(&mut self, url: &str, body: &str) -> Answer {
        let (response, mut send) = self.begin(Request::post(url).body(()).unwrap(), false);
        self.wait(async { send.send_data(Bytes::copy_from_slice(body.as_bytes()), true) }).unwrap();
        self.read(response).unwrap()
    }

    /// Reads a whole answer.
    pub(super) fn read(&self, response: ResponseFuture) -> Result<Answer, h2::Error> {
        self.wait(whole(response))
    }

    /// The head of an answer, and its body.
    pub(super) fn head(&self, response: ResponseFuture) -> (Response<()>, RecvStream) {
        let (parts, body) = self.wait(response).unwrap().into_parts();
        (Response::from_parts(parts, ()), body)
    }

    /// What comes next of a body.
    pub(super) fn next(&self, body: &mut RecvStream) -> Option<Result<Bytes, h2::Error>> {
        let data = self.wait(async { body.data().await })?;
        if let Ok(data) = &data {
            body.flow_control().release_capacity(data.len()).unwrap();
        }
        Some(data)
    }

    /// Waits for this, within reason.
    pub(super) fn wait<F: Future>(&self, what: F) -> F::Output {
        self.runtime.block_on(async { timeout(PATIENCE, what).await.unwrap() })
    }
}

/// A whole answer.
pub(super) async fn whole(response: ResponseFuture) -> Result<Answer, h2::Error> {
    let (parts, mut body) = response.await?.into_parts();
    let (text, _) = super::origin::read(&mut body).await?;
    let text = String::from_utf8_lossy(&text).into_owned();
    Ok(Answer { status: parts.status.as_u16(), fields: parts.headers, text })
}

/// A handshake inside of a CONNECT, with these protocols to choose from.
pub(super) fn shake(
    world: &World,
    from: [u8; 4],
    authority: &str,
    protocols: &[&[u8]],
) -> (Runtime, std::io::Result<tokio_rustls::client::TlsStream<TcpStream>>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let mut stream = connect(world.proxy, from.into());
    write!(
        stream,
        "CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n\r\n"
    )
    .unwrap();
    let head = read_head(&mut stream);
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    stream.set_nonblocking(true).unwrap();
    let mut tls = config(world);
    tls.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    let name = ServerName::try_from(authority.rsplit_once(':').unwrap().0.to_owned()).unwrap();
    let shaken = runtime.block_on(async {
        let stream = TcpStream::from_std(stream).unwrap();
        timeout(PATIENCE, TlsConnector::from(Arc::new(tls)).connect(name, stream)).await.unwrap()
    });
    (runtime, shaken)
}
