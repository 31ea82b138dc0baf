//! Takes change notifications of Microsoft Graph. They are a doorbell: what they say is not believed.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body::Body as _;
use http_body_util::{BodyExt as _, Limited};

use super::{Shared, Visit};
use crate::directory::graph::MOST_NOTIFICATION;

/// The path, with the name of a `[[directory]]`.
pub(super) const PATH: &str = "/graph/{name}";

/// The longest validation token that is sent back, in octets.
const LONGEST: usize = 1024;

/// How long a notification may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// Takes a notification about the directory with this name; with `None`, says whether any are expected. False if not.
pub type Notified = Arc<dyn Fn(&str, Option<&[u8]>) -> bool + Send + Sync>;

/// `POST /graph/NAME`.
pub(super) async fn take(
    State(portal): State<Arc<Shared>>,
    Path(name): Path<String>,
    Extension(visit): Extension<Visit>,
    request: Request<Body>,
) -> Response<Body> {
    let Some(notified) = portal.parts.notified.clone().filter(|notified| notified(&name, None)) else {
        return answer(StatusCode::NOT_FOUND, Body::empty());
    };
    // Graph asks whether the address is ours, and wants its token back as plain text.
    if let Some(token) = visit.parameter("validationToken") {
        let is_plain = token.len() <= LONGEST && !token.chars().any(char::is_control);
        return match is_plain {
            true => answer(StatusCode::OK, Body::from(token.to_owned())),
            false => answer(StatusCode::BAD_REQUEST, Body::empty()),
        };
    }
    if request.body().size_hint().lower() > MOST_NOTIFICATION as u64 {
        return answer(StatusCode::PAYLOAD_TOO_LARGE, Body::empty());
    }
    let body = Limited::new(request.into_body(), MOST_NOTIFICATION).collect();
    match tokio::time::timeout(PATIENCE, body).await {
        Ok(Ok(body)) => {
            // The same answer to a stranger: there is nothing to be learnt.
            notified(&name, Some(&body.to_bytes()));
            answer(StatusCode::ACCEPTED, Body::empty())
        }
        Ok(Err(_)) => answer(StatusCode::PAYLOAD_TOO_LARGE, Body::empty()),
        Err(_) => answer(StatusCode::REQUEST_TIMEOUT, Body::empty()),
    }
}

fn answer(status: StatusCode, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
