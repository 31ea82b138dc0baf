//! Takes what transmitters of signals push (RFC 8935).

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, State};
use bytes::Bytes;
use http::header::{CONTENT_LANGUAGE, CONTENT_TYPE, HeaderMap, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body::Body as _;
use http_body_util::{BodyExt as _, Limited};
use serde_json::json;

use super::Shared;

/// The path, with the name of a `[[signals]]`.
pub(super) const PATH: &str = "/signals/{name}";

/// The longest token that is received, in octets, and how long it may take.
const MOST: usize = 64 * 1024;
const PATIENCE: Duration = Duration::from_secs(10);

/// What came of a signal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// It was taken (202).
    Taken,
    /// Nobody takes signals under this name (404).
    Nobody,
    /// Whoever sends it has not shown the stream's token (401).
    Stranger,
    /// It is not good: the code of RFC 8935 §2.4, and why (400).
    Refused(&'static str, String),
    /// It cannot be taken now (503).
    Later,
}

/// The future of what came of a signal.
pub type Delivering = Pin<Box<dyn Future<Output = Delivered> + Send>>;

/// Takes signals: the name, the fields, and the body, once the sender is known. The body is read when it is asked for.
pub type TakeSignal = Arc<dyn Fn(String, HeaderMap, Option<Bytes>) -> Delivering + Send + Sync>;

/// Takes one.
pub(super) async fn take(
    State(portal): State<Arc<Shared>>,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Response<Body> {
    let Some(deliver) = portal.parts.signals.clone() else { return answer(Delivered::Nobody) };
    let head = request.headers().clone();
    // Nothing of a stranger's is received.
    let asked = deliver(name.clone(), head.clone(), None).await;
    if asked != Delivered::Taken {
        return answer(asked);
    }
    let kind = head.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/secevent+jwt") {
        let why = "the media type is to be `application/secevent+jwt`".to_owned();
        return answer(Delivered::Refused("invalid_request", why));
    }
    let too_long = || Delivered::Refused("invalid_request", format!("the token is longer than {MOST} octets"));
    if request.body().size_hint().lower() > MOST as u64 {
        return answer(too_long());
    }
    let body = Limited::new(request.into_body(), MOST).collect();
    match tokio::time::timeout(PATIENCE, body).await {
        Ok(Ok(body)) => answer(deliver(name, head, Some(body.to_bytes())).await),
        Ok(Err(_)) => answer(too_long()),
        Err(_) => answer(Delivered::Refused("invalid_request", "the token took too long to arrive".to_owned())),
    }
}

fn answer(delivered: Delivered) -> Response<Body> {
    let (status, said) = match delivered {
        Delivered::Taken => (StatusCode::ACCEPTED, None),
        Delivered::Nobody => {
            (StatusCode::NOT_FOUND, Some(("invalid_request", "no stream is received here".to_owned())))
        }
        Delivered::Stranger => {
            let why = "the bearer token is missing, or is not the one of this stream".to_owned();
            (StatusCode::UNAUTHORIZED, Some(("authentication_failed", why)))
        }
        Delivered::Refused(code, why) => (StatusCode::BAD_REQUEST, Some((code, why))),
        Delivered::Later => (StatusCode::SERVICE_UNAVAILABLE, None),
    };
    let body = said.map_or_else(Body::empty, |(err, description)| {
        Body::from(json!({ "err": err, "description": description }).to_string())
    });
    let has_body = body.size_hint().exact() != Some(0);
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let fields = response.headers_mut();
    if has_body {
        fields.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        fields.insert(CONTENT_LANGUAGE, HeaderValue::from_static("en"));
    }
    if status == StatusCode::UNAUTHORIZED {
        fields.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if status == StatusCode::SERVICE_UNAVAILABLE {
        fields.insert(RETRY_AFTER, HeaderValue::from_static("5"));
    }
    response
}
