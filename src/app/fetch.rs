//! Fetches a document that the operator names by its https address: once, bounded in size and time.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONNECTION, HOST, USER_AGENT};
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::time::timeout;
use url::Url;

use crate::policy::Permit;
use crate::proxy::dial::{self, Dialler, OriginTls};
use crate::wire::{Destination, Scheme, target};

/// How long a document may take, from the name to its last byte.
const LIMIT: Duration = Duration::from_secs(15);

/// Fetches documents.
#[derive(Clone, Debug)]
pub(super) struct Fetcher {
    pub(super) dialler: Arc<Dialler>,
    pub(super) tls: OriginTls,
}

/// Why there is no document.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The address names no host.
    #[error("the address: {0}")]
    Address(#[from] target::Error),
    /// There is no connection.
    #[error(transparent)]
    Dial(#[from] dial::Error),
    /// What was said on it is not HTTP, or it broke.
    #[error("the connection: {0}")]
    Http(#[from] hyper::Error),
    /// The document is not there. Redirects are not followed: the operator wrote down another address.
    #[error("the answer is {0}")]
    Status(StatusCode),
    /// The document is longer than allowed, or broke off.
    #[error("the document: {0}")]
    Body(Box<dyn std::error::Error + Send + Sync>),
    /// The request cannot be written.
    #[error("the request: {0}")]
    Request(#[from] http::Error),
    /// It took too long.
    #[error("it took longer than {} seconds", LIMIT.as_secs())]
    TimedOut,
}

impl Fetcher {
    /// Fetches the document at `url`, of at most `max` bytes. The permit says whether the address may be private.
    pub(super) async fn fetch(&self, url: &Url, accept: &str, max: usize, permit: Permit) -> Result<Bytes, Error> {
        timeout(LIMIT, self.get(url, accept, max, permit)).await.map_err(|_| Error::TimedOut)?
    }

    async fn get(&self, url: &Url, accept: &str, max: usize, permit: Permit) -> Result<Bytes, Error> {
        let host = url.host_str().unwrap_or_default();
        let authority = format!("{host}:{}", url.port_or_known_default().unwrap_or(443));
        let destination = Destination::of_authority(Scheme::Https, &authority)?;
        let dialled = self.dialler.dial(&destination, &permit, None).await?;
        let stream = self.tls.connect(&destination.host, dialled.stream).await?;
        let (mut sender, connection) = http1::Builder::new().max_headers(100).handshake(TokioIo::new(stream)).await?;
        let running = tokio::spawn(connection);
        let target = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
        let request = Request::get(target)
            .header(HOST, destination.authority())
            .header(ACCEPT, accept)
            .header(USER_AGENT, concat!("vestibule/", env!("CARGO_PKG_VERSION")))
            .header(CONNECTION, "close")
            .body(Empty::<Bytes>::new())?;
        let response = sender.send_request(request).await?;
        if response.status() != StatusCode::OK {
            running.abort();
            return Err(Error::Status(response.status()));
        }
        let body = Limited::new(response.into_body(), max).collect().await;
        running.abort();
        Ok(body.map_err(Error::Body)?.to_bytes())
    }
}
