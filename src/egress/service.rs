//! Asks one service, such as Microsoft Graph, again and again over one connection, bounded in size and time.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::sync::Mutex;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;
use url::Url;

use super::client::{Client, Error};
use crate::policy::Purpose;
use crate::wire::{Destination, Scheme};

/// How long one answer may take, from the connection to the last byte.
const LIMIT: Duration = Duration::from_secs(100);

/// A service at one origin. Requests go one after another.
#[derive(Debug)]
pub struct Service {
    client: Client,
    destination: Arc<Destination>,
    purpose: Purpose,
    /// The longest answer, in bytes.
    most: usize,
    kept: Mutex<Option<Kept>>,
}

/// A connection that is kept for the next request.
#[derive(Debug)]
struct Kept {
    sender: SendRequest<Full<Bytes>>,
    _running: AbortOnDropHandle<hyper::Result<()>>,
}

/// What is asked.
#[derive(Clone)]
pub struct Call {
    /// The method.
    pub method: Method,
    /// Path and query.
    pub target: String,
    /// Fields besides `Host`, `User-Agent` and those about the body.
    pub fields: HeaderMap,
    /// The body, and of what type it is.
    pub body: Option<(&'static str, Bytes)>,
}

/// What is answered.
#[derive(Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The fields.
    pub fields: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

impl fmt::Debug for Call {
    /// Neither what it asks for nor its body: both may hold tokens and secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.target.split('?').next().unwrap_or_default();
        let body = self.body.as_ref().map(|(media_type, _)| (media_type, "***"));
        f.debug_struct("Call").field("method", &self.method).field("path", &path).field("body", &body).finish()
    }
}

impl fmt::Debug for Answer {
    /// Neither its fields nor its body: both may hold tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("status", &self.status).field("body", &"***").finish()
    }
}

impl Call {
    /// A GET.
    pub fn get(target: String) -> Self {
        Self { method: Method::GET, target, fields: HeaderMap::new(), body: None }
    }

    /// A POST.
    pub fn post(target: String, media_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self { method: Method::POST, target, fields: HeaderMap::new(), body: Some((media_type, body.into())) }
    }

    /// A PATCH (RFC 5789).
    pub fn patch(target: String, media_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self { method: Method::PATCH, ..Self::post(target, media_type, body) }
    }

    /// The same call with one more field. A value that no field can have is left out.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(mut value) = HeaderValue::try_from(value) {
            // No log shows it: it may be a token.
            value.set_sensitive(true);
            self.fields.insert(name, value);
        }
        self
    }
}

impl Answer {
    /// A field as text.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).and_then(|value| value.to_str().ok())
    }
}

/// The path and query of an address, as a request names them.
pub fn target_of(url: &Url) -> String {
    url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()))
}

impl Service {
    /// The service at the origin of `url`. `http` is spoken in the clear; whoever reads the configuration has seen to it that
    /// this is only done on this machine.
    pub fn at(url: &Url, client: Client, purpose: Purpose, most: usize) -> Result<Self, Error> {
        let scheme = if url.scheme() == "http" { Scheme::Http } else { Scheme::Https };
        let host = url.host_str().unwrap_or_default();
        let authority = format!("{host}:{}", url.port_or_known_default().unwrap_or(443));
        let destination = Arc::new(Destination::of_authority(scheme, &authority)?);
        Ok(Self { client, destination, purpose, most, kept: Mutex::default() })
    }

    /// Asks, and reads the answer, whatever its status is.
    ///
    /// A kept connection may have been closed meanwhile, which may only be seen when the call is on its way. Then it is made
    /// once more on a new one, so every call must bear being carried out twice.
    pub async fn ask(&self, call: &Call) -> Result<Answer, Error> {
        timeout(LIMIT, self.ask_patiently(call)).await.map_err(|_| Error::TimedOut(LIMIT))?
    }

    async fn ask_patiently(&self, call: &Call) -> Result<Answer, Error> {
        let mut kept = self.kept.lock().await;
        if let Some(used) = kept.take().filter(|kept| !kept.sender.is_closed()) {
            match self.exchange(used, call, &mut kept).await {
                Err(Error::Http(_)) => {}
                answered => return answered,
            }
        }
        let fresh = self.connect().await?;
        self.exchange(fresh, call, &mut kept).await
    }

    async fn exchange(&self, mut line: Kept, call: &Call, kept: &mut Option<Kept>) -> Result<Answer, Error> {
        let response = line.sender.send_request(self.request(call)?).await?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, self.most).collect().await.map_err(Error::Body)?.to_bytes();
        *kept = Some(line);
        Ok(Answer { status: head.status, fields: head.headers, body })
    }

    async fn connect(&self) -> Result<Kept, Error> {
        let dialler = &self.client.dialler;
        let dialled = self.client.open(&self.destination, self.purpose).await?;
        let mut builder = http1::Builder::new();
        builder.max_headers(100);
        let (sender, running) = match self.destination.scheme {
            Scheme::Https => {
                let stream = dialler.tls.connect(&self.destination.host, dialled.stream).await?;
                let (sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
                (sender, tokio::spawn(connection))
            }
            Scheme::Http => {
                let (sender, connection) = builder.handshake(TokioIo::new(dialled.stream)).await?;
                (sender, tokio::spawn(connection))
            }
        };
        Ok(Kept { sender, _running: AbortOnDropHandle::new(running) })
    }

    fn request(&self, call: &Call) -> Result<Request<Full<Bytes>>, Error> {
        let (media_type, body) = call.body.clone().unzip();
        let mut request = Request::builder()
            .method(&call.method)
            .uri(&call.target)
            .header(HOST, self.destination.authority())
            .header(USER_AGENT, concat!("vestibule/", env!("CARGO_PKG_VERSION")))
            .body(Full::new(body.unwrap_or_default()))?;
        if let Some(media_type) = media_type {
            request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        }
        request.headers_mut().extend(call.fields.clone());
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_and_answered_shows_no_secret() {
        let call = Call::post("/token?code=hidden".into(), "text/plain", "client_secret=hidden");
        let call = call.with(http::header::AUTHORIZATION, "Bearer hidden");
        let fields = HeaderMap::from_iter([(HOST, HeaderValue::from_static("hidden"))]);
        let answer = Answer { status: StatusCode::OK, fields, body: "hidden".into() };
        let shown = format!("{call:?} {answer:?}");
        assert!(!shown.contains("hidden") && shown.contains("/token") && shown.contains("200"), "{shown}");
    }
}
