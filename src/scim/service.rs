//! Takes requests: who sends them, whether they may, and what they say. Answers them.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::header::{
    ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, ETAG, HOST, IF_MATCH, IF_NONE_MATCH, LOCATION, RETRY_AFTER,
    WWW_AUTHENTICATE,
};
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body::Body as _;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde_json::Value;

use super::config::{Base, Config};
use super::error::{Error, ScimType};
use super::places::{Own, Places};
use super::precondition::Precondition;
use super::route::{ROOT, Route};
use super::tenant::Tenant;
use super::tokens::{BearerTokens, Token};
use super::wishes::Wishes;
use crate::clock::Clock;
use crate::directory::Directory;
use crate::observe::Audit;
use crate::observe::record::RequestId;
use crate::session::limit::Limiter;

/// The longest body, in bytes: some twenty thousand members in one request.
pub(super) const MAX_BODY: usize = 2 * 1024 * 1024;

/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(30);

/// How many wrong tokens a client may present in a minute.
const WRONG_TOKENS: u32 = 30;

/// The media type of SCIM (RFC 7644 §8.1).
const MEDIA_TYPE: &str = "application/scim+json";

/// What the service is made of.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The directories that are provisioned.
    pub directories: Vec<Arc<Directory>>,
    /// What outlives a configuration.
    pub memory: Arc<Memory>,
    /// The audit log.
    pub audit: Arc<Audit>,
    /// The time.
    pub clock: Clock,
}

/// What outlives a configuration.
#[derive(Debug)]
pub struct Memory {
    /// The tokens.
    pub tokens: Arc<BearerTokens>,
    wrong_tokens: Limiter,
    places: Places,
}

impl Memory {
    /// With these tokens.
    pub fn new(tokens: BearerTokens) -> Self {
        Self {
            tokens: Arc::new(tokens),
            wrong_tokens: Limiter::new(WRONG_TOKENS, Duration::from_secs(60)),
            places: Places::default(),
        }
    }
}

/// The service provider. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Scim {
    pub(super) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(super) struct Shared {
    requests_per_minute: u32,
    url: Option<Base>,
    /// Whether clients speak TLS with us.
    is_secure: bool,
    pub(super) parts: Surroundings,
}

/// Who sends a request.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) token: Arc<Token>,
    pub(super) tenant: Tenant,
    /// The address behind which the endpoints are, as this client writes it.
    pub(super) base: String,
    pub(super) client: IpAddr,
    pub(super) request_id: String,
    /// The places of the directory.
    pub(super) places: Arc<Own>,
}

/// What is asked.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) route: Route,
    pub(super) wishes: Wishes,
    pub(super) precondition: Precondition,
    pub(super) body: Value,
}

/// An answer that is no mistake.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) body: Option<Value>,
    pub(super) location: Option<String>,
    pub(super) tag: Option<String>,
}

impl Reply {
    pub(super) fn new(status: StatusCode, body: Option<Value>) -> Self {
        Self { status, body, location: None, tag: None }
    }
}

impl Scim {
    /// A service provider with these settings.
    pub fn new(config: &Config, parts: Surroundings) -> Self {
        let (requests_per_minute, url) = (config.requests_per_minute, config.url.clone());
        let is_secure = config.certificate.is_some();
        Self { shared: Arc::new(Shared { requests_per_minute, url, is_secure, parts }) }
    }

    /// Answers a request.
    pub async fn handle<B>(&self, request: Request<B>, client: IpAddr) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        // Whoever records the request has given it its name.
        let request_id = request.extensions().get().copied().unwrap_or_else(RequestId::random).to_string();
        let answered = self.answer(request.map(Body::new), client, &request_id).await;
        answered.unwrap_or_else(|error| {
            tracing::debug!(
                status = error.status.as_u16(),
                reason = error.detail,
                request_id,
                "a SCIM request is not carried out"
            );
            refused(&error)
        })
    }

    async fn answer(&self, request: Request<Body>, client: IpAddr, request_id: &str) -> Result<Response<Body>, Error> {
        let caller = self.shared.identify(request.headers(), request.uri(), client, request_id)?;
        let (head, body) = request.into_parts();
        let missing = || {
            Error::new(
                StatusCode::NOT_FOUND,
                format!("there is nothing at this address: the endpoints are behind {ROOT}"),
            )
        };
        let route = Route::of(head.uri.path()).ok_or_else(missing)?;
        if route == Route::Me {
            let detail = "the token stands for no person (RFC 7644 section 3.11)";
            return Err(Error::new(StatusCode::NOT_IMPLEMENTED, detail));
        }
        if !route.takes(&head.method) {
            let detail = format!("here are only these methods: {}", route.allows());
            return Err(Error::new(StatusCode::METHOD_NOT_ALLOWED, detail).with(ALLOW, route.allows()));
        }
        let wishes = Wishes::of_query(head.uri.query().unwrap_or_default())?;
        let precondition = precondition(&head.headers);
        let takes_body = !matches!(head.method, Method::GET | Method::DELETE);
        // A body holds memory, and so does what is read and written for it.
        let place = caller.places.take().await?;
        let body = if takes_body { read_body(&head.headers, body).await? } else { Value::Null };
        let call = Call { method: head.method, route, wishes, precondition, body };
        // A client that hangs up takes this future along, but not the task: what is written is recorded, and the place is
        // held for as long as there is work.
        let scim = self.clone();
        let work = tokio::spawn(async move {
            let _place = place;
            let answer = scim.carry_out(&caller, call).await?;
            tokio::task::spawn_blocking(move || written(answer)).await.map_err(|error| broken_off(&error))
        });
        work.await.unwrap_or_else(|error| Err(broken_off(&error)))
    }
}

impl Shared {
    /// Whose token it is, if it may be used now.
    fn identify(&self, head: &HeaderMap, uri: &Uri, client: IpAddr, request_id: &str) -> Result<Caller, Error> {
        let Surroundings { directories, memory, clock, .. } = &self.parts;
        let unauthorised = |detail: &str, challenge: &'static str| {
            Error::new(StatusCode::UNAUTHORIZED, detail).with(WWW_AUTHENTICATE, challenge)
        };
        let Some(text) = bearer(head) else {
            let detail = "a bearer token is needed: an operator makes one with `vestibule scim token new`";
            return Err(unauthorised(detail, "Bearer realm=\"scim\""));
        };
        let token = match memory.tokens.find(text) {
            Some(token) => token,
            // Whoever tries tokens out finds out nothing more.
            None if !memory.wrong_tokens.admit_here(client) => {
                return Err(too_many("too many wrong tokens from this address"));
            }
            None => {
                tracing::warn!(%client, request_id, "a SCIM request with a token that is not valid was refused");
                let detail = "the token is not valid here: it is wrong, has expired, or was revoked";
                return Err(unauthorised(detail, "Bearer realm=\"scim\", error=\"invalid_token\""));
            }
        };
        self.admit(&token)?;
        let Some(directory) = directories.iter().find(|directory| directory.name() == token.directory()) else {
            let detail = format!(
                "the directory `{}`, for which the token was made, is not configured any more",
                token.directory()
            );
            return Err(Error::new(StatusCode::FORBIDDEN, detail));
        };
        if !memory.tokens.note_use(&token) {
            let tokens = Arc::clone(&memory.tokens);
            drop(tokio::task::spawn_blocking(move || tokens.keep_uses()));
        }
        let tenant = Tenant { directory: Arc::clone(directory), clock: clock.clone() };
        let (base, client, request_id) = (self.base(head, uri), client.to_canonical(), request_id.to_owned());
        let places = memory.places.of(token.directory());
        Ok(Caller { token, tenant, base, client, request_id, places })
    }

    /// Counts a request, or an operation of one, of this token.
    pub(super) fn admit(&self, token: &Token) -> Result<(), Error> {
        if token.admit(self.requests_per_minute, self.parts.clock.now()) {
            return Ok(());
        }
        Err(too_many("too many requests with this token in this minute"))
    }

    /// Where resources are, as the client names us.
    fn base(&self, head: &HeaderMap, uri: &Uri) -> String {
        if let Some(url) = &self.url {
            return format!("{}{ROOT}", url.as_str());
        }
        let named = head.get(HOST).and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
        let scheme = if self.is_secure { "https" } else { "http" };
        match named.or_else(|| uri.authority().cloned()) {
            Some(authority) => format!("{scheme}://{authority}{ROOT}"),
            None => ROOT.to_owned(),
        }
    }
}

/// For work that has come to no end: it has panicked, or the program stops.
pub(super) fn broken_off(error: &tokio::task::JoinError) -> Error {
    tracing::error!(%error, "a SCIM request was broken off");
    Error::new(StatusCode::SERVICE_UNAVAILABLE, "the request was broken off: try again")
}

fn too_many(detail: &str) -> Error {
    Error::new(StatusCode::TOO_MANY_REQUESTS, format!("{detail}: wait a minute")).with(RETRY_AFTER, "60")
}

/// The token (RFC 6750 §2.1).
fn bearer(head: &HeaderMap) -> Option<&str> {
    let mut fields = head.get_all(AUTHORIZATION).iter();
    let (scheme, token) = fields.next()?.to_str().ok()?.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && fields.next().is_none()).then_some(token.trim())
}

fn precondition(head: &HeaderMap) -> Precondition {
    let list = |name: HeaderName| {
        let all: Vec<_> = head.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
        (!all.is_empty()).then(|| all.join(","))
    };
    Precondition { one_of: list(IF_MATCH), none_of: list(IF_NONE_MATCH) }
}

/// Reads a body of JSON.
async fn read_body(head: &HeaderMap, body: Body) -> Result<Value, Error> {
    let kind = head.get(CONTENT_TYPE).map(|kind| kind.to_str().unwrap_or_default());
    let kind = kind.map(|kind| kind.split(';').next().unwrap_or_default().trim());
    if kind.is_some_and(|kind| ![MEDIA_TYPE, "application/json"].iter().any(|known| kind.eq_ignore_ascii_case(known))) {
        let detail = format!("the body is to be {MEDIA_TYPE} or application/json");
        return Err(Error::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
    }
    let large = || {
        Error::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is longer than {MAX_BODY} bytes: send it in parts"))
    };
    // One whose declared length is too large is not even received.
    if body.size_hint().lower() > MAX_BODY as u64 {
        return Err(large());
    }
    let syntax = |detail: String| Error::mistake(ScimType::InvalidSyntax, detail);
    let Ok(read) = tokio::time::timeout(PATIENCE, Limited::new(body, MAX_BODY).collect()).await else {
        return Err(Error::new(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time"));
    };
    match read {
        Ok(body) => {
            serde_json::from_slice(&body.to_bytes()).map_err(|error| syntax(format!("the body is no JSON: {error}")))
        }
        Err(error) if error.is::<LengthLimitError>() => Err(large()),
        Err(_) => Err(syntax("the body broke off".to_owned())),
    }
}

fn written(answer: Reply) -> Response<Body> {
    let mut response = respond(answer.status, answer.body.as_ref());
    for (name, value) in [(LOCATION, answer.location), (ETAG, answer.tag)] {
        if let Some(Ok(value)) = value.map(HeaderValue::try_from) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn refused(error: &Error) -> Response<Body> {
    let mut response = respond(error.status, Some(&error.to_json()));
    if let Some((name, value)) = &error.field {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn respond(status: StatusCode, body: Option<&Value>) -> Response<Body> {
    let octets = body.map(ToString::to_string).unwrap_or_default();
    let mut response = Response::new(Body::from(octets));
    *response.status_mut() = status;
    if body.is_some() {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    }
    // It is about people.
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
