//! A small HTTP client: fetches one document from an https address that the operator has named, bounded in size and
//! time.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCEPT, AUTHORIZATION, CONNECTION, CONTENT_TYPE, ETAG, HOST, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE,
    IF_NONE_MATCH, LAST_MODIFIED, LOCATION, USER_AGENT,
};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;
use url::Url;

use super::{Dialled, Dialler};
use crate::policy::{Permit, Purpose};
use crate::secret::Secret;
use crate::wire::h1::Stream;
use crate::wire::{Destination, Scheme, target};

/// How long a document may take, from looking up the name to the last byte.
const LIMIT: Duration = Duration::from_secs(15);

/// How long a long document may take, and how long the client waits for more of it.
const LONG_LIMIT: Duration = Duration::from_mins(30);
const STILL: Duration = Duration::from_secs(30);

/// How long a document may take that is posted.
const POST_LIMIT: Duration = Duration::from_secs(10);

/// What we call ourselves.
const AGENT: &str = concat!("vestibule/", env!("CARGO_PKG_VERSION"));

/// A connection for one request.
struct Connected<B> {
    sender: http1::SendRequest<B>,
    destination: Arc<Destination>,
    /// Dropping it closes the connection.
    _running: AbortOnDropHandle<hyper::Result<()>>,
}

/// Fetches documents.
#[derive(Clone, Debug)]
pub struct Client {
    /// Opens the connections.
    pub dialler: Arc<Dialler>,
}

/// What tells one version of a document from another (RFC 9110 §8.8).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validators {
    /// Its `ETag`.
    pub etag: Option<String>,
    /// Its `Last-Modified`.
    pub last_modified: Option<String>,
}

/// Why there is no document.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address names no host.
    #[error("its address is not valid: {0}")]
    Address(#[from] target::Error),
    /// The connection cannot be opened.
    #[error(transparent)]
    Dial(#[from] super::Error),
    /// The other end does not speak HTTP, or the connection broke.
    #[error("the connection failed: {0}")]
    Http(#[from] hyper::Error),
    /// The answer is not 200.
    #[error("the server answers {0}")]
    Status(StatusCode),
    /// The answer is a redirect. It is not followed, because the operator has named this address and no other, and such an
    /// address may be private.
    #[error("the server answers {0} and leads to `{1}`: write that address if the document is to be fetched there")]
    Moved(StatusCode, String),
    /// The document is longer than allowed, or the connection broke in the middle of it.
    #[error("the document could not be read: {0}")]
    Body(Box<dyn std::error::Error + Send + Sync>),
    /// The document is longer than allowed.
    #[error("the document is longer than {0} bytes (`max_size`)")]
    TooLong(u64),
    /// The server stopped sending in the middle of the document.
    #[error("the server sent nothing for {} seconds", STILL.as_secs())]
    Still,
    /// The document cannot be written to the disk.
    #[error("the document cannot be written: {0}")]
    Write(io::Error),
    /// The request cannot be written.
    #[error("the request cannot be written: {0}")]
    Request(#[from] http::Error),
    /// It took too long.
    #[error("it took longer than {} seconds", .0.as_secs())]
    TimedOut(Duration),
}

impl Client {
    /// Fetches the document at `url`, of at most `max` bytes.
    pub async fn fetch(&self, url: &Url, accept: &str, max: usize, purpose: Purpose) -> Result<Bytes, Error> {
        let fetching = async {
            let (response, _running) = self.ask(url, accept, HeaderMap::new(), purpose).await?;
            if response.status() != StatusCode::OK {
                return Err(refused(&response));
            }
            Ok(Limited::new(response.into_body(), max).collect().await.map_err(Error::Body)?.to_bytes())
        };
        timeout(LIMIT, fetching).await.map_err(|_| Error::TimedOut(LIMIT))?
    }

    /// Writes the document at `url`, of at most `most` bytes, to `to`, and returns its validators. Returns `None`, and writes
    /// nothing, if the document is still the one with the `known` validators.
    pub async fn download(
        &self,
        url: &Url,
        known: &Validators,
        most: u64,
        purpose: Purpose,
        to: &mut (impl AsyncWrite + Unpin),
    ) -> Result<Option<Validators>, Error> {
        let fetching = async {
            let asking = self.ask(url, "text/plain, */*;q=0.5", known.conditions(), purpose);
            let (response, _running) = timeout(LIMIT, asking).await.map_err(|_| Error::TimedOut(LIMIT))??;
            match response.status() {
                StatusCode::OK => {}
                StatusCode::NOT_MODIFIED if *known != Validators::default() => return Ok(None),
                _ => return Err(refused(&response)),
            }
            let validators = Validators::of(response.headers());
            let (mut body, mut length) = (response.into_body(), 0);
            while let Some(frame) = timeout(STILL, body.frame()).await.map_err(|_| Error::Still)? {
                let Ok(data) = frame?.into_data() else { continue };
                length += data.len() as u64;
                if length > most {
                    return Err(Error::TooLong(most));
                }
                to.write_all(&data).await.map_err(Error::Write)?;
            }
            to.flush().await.map_err(Error::Write)?;
            Ok(Some(validators))
        };
        timeout(LONG_LIMIT, fetching).await.map_err(|_| Error::TimedOut(LONG_LIMIT))?
    }

    /// Posts a JSON document to `url`, once: it is not tried again. Fine if the answer is any 2xx, of which nothing is read.
    pub async fn post_json(
        &self,
        url: &Url,
        document: Vec<u8>,
        token: Option<&Secret>,
        purpose: Purpose,
    ) -> Result<(), Error> {
        let posting = async {
            let Connected { mut sender, destination, _running } = self.connect(url, purpose).await?;
            let mut request = Request::post(target_of(url))
                .header(HOST, destination.authority())
                .header(CONTENT_TYPE, "application/json")
                .header(USER_AGENT, AGENT)
                .header(CONNECTION, "close")
                .body(Full::new(Bytes::from(document)))?;
            if let Some(token) = token {
                let mut value =
                    HeaderValue::try_from(format!("Bearer {}", token.expose())).map_err(http::Error::from)?;
                value.set_sensitive(true);
                request.headers_mut().insert(AUTHORIZATION, value);
            }
            let response = sender.send_request(request).await?;
            if response.status().is_success() { Ok(()) } else { Err(refused(&response)) }
        };
        timeout(POST_LIMIT, posting).await.map_err(|_| Error::TimedOut(POST_LIMIT))?
    }

    /// Opens a connection of its own for one request.
    async fn connect<B>(&self, url: &Url, purpose: Purpose) -> Result<Connected<B>, Error>
    where
        B: hyper::body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let host = url.host_str().unwrap_or_default();
        let authority = format!("{host}:{}", url.port_or_known_default().unwrap_or(443));
        let destination = Arc::new(Destination::of_authority(Scheme::Https, &authority)?);
        let dialled = self.open(&destination, purpose).await?;
        let stream = self.dialler.tls.connect(&destination.host, dialled.stream).await?;
        let (sender, connection) = http1::Builder::new().max_headers(100).handshake(TokioIo::new(stream)).await?;
        Ok(Connected { sender, destination, _running: AbortOnDropHandle::new(tokio::spawn(connection)) })
    }

    /// Opens a connection for ourselves. Nothing is said on it yet.
    pub(super) async fn open(&self, destination: &Arc<Destination>, purpose: Purpose) -> Result<Dialled, super::Error> {
        self.dialler.dial(Permit::own(purpose, Arc::clone(destination)), None).await
    }

    /// Opens a connection for ourselves to a host and port, with TLS if the scheme is https. Nothing is said on it yet.
    pub async fn reach(&self, scheme: Scheme, authority: &str, purpose: Purpose) -> Result<Stream, Error> {
        let destination = Arc::new(Destination::of_authority(scheme, authority)?);
        let dialled = self.open(&destination, purpose).await?;
        Ok(match scheme {
            Scheme::Http => dialled.stream,
            Scheme::Https => {
                Stream::Other(Box::new(self.dialler.tls.connect(&destination.host, dialled.stream).await?))
            }
        })
    }

    /// Sends one request on a connection of its own. Dropping the second value closes it.
    async fn ask(
        &self,
        url: &Url,
        accept: &str,
        conditions: HeaderMap,
        purpose: Purpose,
    ) -> Result<(Response<Incoming>, AbortOnDropHandle<hyper::Result<()>>), Error> {
        let Connected { mut sender, destination, _running: running } = self.connect(url, purpose).await?;
        let mut request = Request::get(target_of(url))
            .header(HOST, destination.authority())
            .header(ACCEPT, accept)
            .header(USER_AGENT, AGENT)
            .header(CONNECTION, "close")
            .body(Empty::<Bytes>::new())?;
        request.headers_mut().extend(conditions);
        Ok((sender.send_request(request).await?, running))
    }
}

impl Validators {
    fn of(fields: &HeaderMap) -> Self {
        let text = |name: HeaderName| fields.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Self { etag: text(ETAG), last_modified: text(LAST_MODIFIED) }
    }

    /// The fields that ask for the document only if it is another version (RFC 9110 §13.1).
    fn conditions(&self) -> HeaderMap {
        let fields = [(IF_NONE_MATCH, &self.etag), (IF_MODIFIED_SINCE, &self.last_modified)];
        let value = |text: &Option<String>| HeaderValue::try_from(text.as_deref()?).ok();
        fields.into_iter().filter_map(|(name, text)| Some((name, value(text)?))).collect()
    }
}

/// The path and query of a request for this address.
fn target_of(url: &Url) -> String {
    url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()))
}

fn refused(response: &Response<Incoming>) -> Error {
    let to = response.headers().get(LOCATION).and_then(|to| to.to_str().ok());
    match to.filter(|_| response.status().is_redirection()) {
        Some(to) => Error::Moved(response.status(), to.chars().take(300).collect()),
        None => Error::Status(response.status()),
    }
}
