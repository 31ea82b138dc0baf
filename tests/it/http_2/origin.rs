//! Origins that speak HTTP/2, or HTTP/1.1 to those who do not, and do with each request whatever a test wants.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use bytes::Bytes;
use h2::server::{Builder, SendResponse};
use h2::{RecvStream, SendStream};
use http::{HeaderMap, Request, Response};
use rustls::ServerConfig;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// What an origin does with a request.
pub(super) type Doing = Pin<Box<dyn Future<Output = ()> + Send>>;

/// An origin, and what it has seen. It ends with the test program.
#[derive(Clone)]
pub(super) struct Origin {
    pub(super) address: SocketAddr,
    /// How many connections have come for each protocol.
    pub(super) over_2: Arc<AtomicUsize>,
    pub(super) over_1: Arc<AtomicUsize>,
    /// The requests: method, URI, fields.
    pub(super) seen: Arc<Mutex<Vec<Request<()>>>>,
}

/// The server with these protocols to choose from.
pub(super) fn speaking(tls: &ServerConfig, protocols: &[&[u8]]) -> Arc<ServerConfig> {
    let mut tls = tls.clone();
    tls.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    Arc::new(tls)
}

/// Runs this in a runtime of its own.
fn run(serve: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(serve);
    })
}

impl Origin {
    /// One that speaks HTTP/2 with these settings, and to others says back over HTTP/1.1 what they say, after `first`.
    pub(super) fn start(
        tls: &ServerConfig,
        settings: impl Fn(&mut Builder) + Send + Sync + 'static,
        first: &'static str,
        answer: impl Fn(Request<RecvStream>, SendResponse<Bytes>) -> Doing + Send + Sync + 'static,
    ) -> Self {
        let tls = TlsAcceptor::from(speaking(tls, &[b"h2", b"http/1.1"]));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (over_2, over_1, seen) = (Arc::default(), Arc::default(), Arc::default());
        let origin = Self { address, over_2, over_1, seen };
        let own = origin.clone();
        let (answer, settings) = (Arc::new(answer), Arc::new(settings));
        run(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, own, answer, settings) =
                    (tls.clone(), own.clone(), Arc::clone(&answer), Arc::clone(&settings));
                tokio::spawn(async move {
                    let Ok(stream) = tls.accept(stream).await else { return };
                    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
                        own.over_2.fetch_add(1, Ordering::SeqCst);
                        own.serve(stream, &*settings, &*answer).await;
                    } else {
                        own.over_1.fetch_add(1, Ordering::SeqCst);
                        own.echo(stream, first).await;
                    }
                });
            }
        });
        origin
    }

    async fn serve(
        &self,
        stream: TlsStream<TcpStream>,
        settings: &(dyn Fn(&mut Builder) + Send + Sync),
        answer: &(dyn Fn(Request<RecvStream>, SendResponse<Bytes>) -> Doing + Send + Sync),
    ) {
        let mut builder = Builder::new();
        builder.initial_window_size(1 << 20).initial_connection_window_size(8 << 20);
        settings(&mut builder);
        let Ok(mut connection) = builder.handshake(stream).await else { return };
        while let Some(Ok((request, respond))) = connection.accept().await {
            let mut copy = Request::new(());
            copy.method_mut().clone_from(request.method());
            copy.uri_mut().clone_from(request.uri());
            copy.headers_mut().clone_from(request.headers());
            self.seen.lock().unwrap().push(copy);
            // One path asks for the end of the connection.
            if request.uri().path() == "/last" {
                connection.graceful_shutdown();
            }
            let is_gone = request.uri().path() == "/gone";
            tokio::spawn(answer(request, respond));
            // One path has it break off a little later.
            if is_gone {
                drop(tokio::time::timeout(std::time::Duration::from_millis(500), connection.accept()).await);
                return;
            }
        }
    }

    /// Answers each head with `first`. What follows the head of an upgrade is said back; a body with a length comes first.
    async fn echo(&self, mut stream: TlsStream<TcpStream>, first: &str) {
        let mut arrived = Vec::new();
        loop {
            let mut space = [0; 16 * 1024];
            let Ok(count @ 1..) = stream.read(&mut space).await else { return };
            arrived.extend_from_slice(&space[..count]);
            let Some(end) = arrived.windows(4).position(|octets| octets == b"\r\n\r\n") else { continue };
            let head = String::from_utf8_lossy(&arrived[..end]).into_owned();
            let length =
                head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
            let length: usize = length.unwrap_or_default();
            if arrived.len() < end + 4 + length {
                continue;
            }
            let body = String::from_utf8_lossy(&arrived[end + 4..end + 4 + length]).into_owned();
            let line = head.lines().next().unwrap().to_owned();
            let key = head
                .lines()
                .find_map(|line| line.strip_prefix("sec-websocket-key: ").or(line.strip_prefix("Sec-WebSocket-Key: ")));
            let accept = key.map(vestibule::wire::h2::accept_of).unwrap_or_default();
            let said = first.replace("ACCEPT", &accept).replace("BODY", &format!("{line} {body}"));
            if stream.write_all(said.as_bytes()).await.is_err() || stream.flush().await.is_err() {
                return;
            }
            arrived.drain(..end + 4 + length);
            if key.is_some() {
                while let Ok(count @ 1..) = stream.read(&mut space).await {
                    if stream.write_all(&space[..count]).await.is_err() || stream.flush().await.is_err() {
                        return;
                    }
                }
                drop(stream.shutdown().await);
                return;
            }
        }
    }

    /// How many connections have come over HTTP/2 and over HTTP/1.1.
    pub(super) fn connections(&self) -> (usize, usize) {
        (self.over_2.load(Ordering::SeqCst), self.over_1.load(Ordering::SeqCst))
    }
}

/// Reads a body to its end, and gives the octets and trailers.
pub(super) async fn read(body: &mut RecvStream) -> Result<(Vec<u8>, HeaderMap), h2::Error> {
    let mut whole = Vec::new();
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        whole.extend_from_slice(&data);
    }
    Ok((whole, body.trailers().await?.unwrap_or_default()))
}

/// Sends octets as the window allows. False if the stream is over.
pub(super) async fn send(stream: &mut SendStream<Bytes>, octets: Bytes, is_last: bool) -> bool {
    let mut rest = octets;
    while !rest.is_empty() {
        stream.reserve_capacity(rest.len());
        let Some(Ok(room)) = std::future::poll_fn(|cx| stream.poll_capacity(cx)).await else { return false };
        let part = rest.split_to(room.min(rest.len()));
        if stream.send_data(part, is_last && rest.is_empty()).is_err() {
            return false;
        }
    }
    true
}

/// Answers with a text.
pub(super) fn say(mut respond: SendResponse<Bytes>, status: u16, text: &str) {
    let response = Response::builder().status(status).header("content-length", text.len()).body(()).unwrap();
    if let Ok(mut send) = respond.send_response(response, text.is_empty())
        && !text.is_empty()
    {
        drop(send.send_data(Bytes::copy_from_slice(text.as_bytes()), true));
    }
}

/// Answers a request with what it was, once its body has come.
pub(super) fn repeat(request: Request<RecvStream>, respond: SendResponse<Bytes>) -> Doing {
    Box::pin(async move {
        let (parts, mut body) = request.into_parts();
        let Ok((body, _)) = read(&mut body).await else { return };
        say(respond, 200, &format!("{} {} {}", parts.method, parts.uri, String::from_utf8_lossy(&body)));
    })
}
