//! A forward proxy of hyper and nothing else: no log, no policy, no session, no limits. What a proxy costs that reads and
//! writes HTTP with a good library and does nothing besides.
//!
//! One thread; connections to the one origin are kept.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::header::{HeaderName, PROXY_AUTHENTICATE};
use http::{Method, Request, Response, Uri};
use http_body_util::{Either, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{LocalSet, spawn_local};

/// Fields that a proxy does not pass on, besides those that hyper writes itself.
const ENDS_HERE: [HeaderName; 2] = [HeaderName::from_static("proxy-connection"), PROXY_AUTHENTICATE];

type Body = Either<Incoming, Empty<Bytes>>;

/// Connections to the origin that may be idle.
#[derive(Clone)]
struct Origin {
    address: SocketAddr,
    kept: Rc<RefCell<Vec<SendRequest<Incoming>>>>,
}

/// Serves at the address that is the first word, and asks the origin at the second, for ever.
fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let address = |place: usize| -> Result<SocketAddr> { Ok(words.get(place).context("two addresses")?.parse()?) };
    let (own, origin) = (address(0)?, Origin { address: address(1)?, kept: Rc::default() });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async move {
        let listener = TcpListener::bind(own).await?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let origin = origin.clone();
            let service = service_fn(move |request| {
                let origin = origin.clone();
                async move { origin.answer(request).await }
            });
            let serving = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            // A client that breaks off is nobody's fault.
            spawn_local(async move { drop(serving.with_upgrades().await) });
        }
    })
}

impl Origin {
    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Body>> {
        if request.method() == Method::CONNECT {
            let mut far = self.dial().await?;
            spawn_local(async move {
                if let Ok(near) = hyper::upgrade::on(request).await {
                    drop(copy_bidirectional(&mut TokioIo::new(near), &mut far).await);
                }
            });
            return Ok(Response::new(Either::Right(Empty::new())));
        }
        let (mut parts, body) = request.into_parts();
        let path = parts.uri.path_and_query().cloned().context("a path")?;
        parts.uri = Uri::from(path);
        for name in &ENDS_HERE {
            parts.headers.remove(name);
        }
        let mut sender = match self.idle() {
            Some(sender) => sender,
            None => self.open().await?,
        };
        let response = sender.send_request(Request::from_parts(parts, body)).await?;
        self.kept.borrow_mut().push(sender);
        Ok(response.map(Either::Left))
    }

    /// A connection that is done with its last answer: the one that was used last.
    fn idle(&self) -> Option<SendRequest<Incoming>> {
        let mut kept = self.kept.borrow_mut();
        let at = kept.iter().rposition(SendRequest::is_ready)?;
        let sender = kept.swap_remove(at);
        kept.retain(|sender| !sender.is_closed());
        Some(sender)
    }

    async fn open(&self) -> Result<SendRequest<Incoming>> {
        let stream = TokioIo::new(self.dial().await?);
        let (sender, connection) = hyper::client::conn::http1::handshake(stream).await?;
        spawn_local(async move { drop(connection.await) });
        Ok(sender)
    }

    async fn dial(&self) -> Result<TcpStream> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}
