//! Answers of our own: pages for people, problem documents for programs, text for terminals.

use http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};

use super::classify::Kind;
use super::dial;
use super::forward::Failure;
use crate::observe::access::RequestId;
use crate::wire::{Body, target};

/// Why a request is not forwarded, and how that is said.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// A rule refuses it.
    #[error("the rule \"{0}\" does not allow it")]
    Denied(String),
    /// Nobody is known, and nobody can be asked.
    #[error("sign-in is required")]
    SignInRequired,
    /// The request is not one that a proxy can forward.
    #[error("{0}")]
    BadTarget(#[from] target::Error),
    /// The same, for a reason of another kind.
    #[error("{0}")]
    BadRequest(&'static str),
    /// It has been here before.
    #[error("the request has been through this proxy before")]
    Loop,
    /// The method is one that is not forwarded.
    #[error("the method is not allowed")]
    Method,
    /// The origin cannot be reached, or does not answer as it should.
    #[error("{0}")]
    Origin(#[from] Failure),
    /// The browser does not keep our cookie.
    #[error("the browser does not keep the cookie that signs it in")]
    CookiesBlocked,
}

impl Refusal {
    /// The status of the answer.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Denied(_) | Self::CookiesBlocked => StatusCode::FORBIDDEN,
            Self::SignInRequired => StatusCode::NETWORK_AUTHENTICATION_REQUIRED,
            Self::BadTarget(_) | Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::Loop => StatusCode::LOOP_DETECTED,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Origin(failure) => match failure {
                Failure::Dial(dial::Error::Prohibited(_) | dial::Error::Port(_)) => StatusCode::FORBIDDEN,
                Failure::Dial(dial::Error::Myself(_)) => StatusCode::LOOP_DETECTED,
                Failure::Dial(dial::Error::TimedOut) | Failure::AnswerTimedOut => StatusCode::GATEWAY_TIMEOUT,
                Failure::ClientLeft => StatusCode::BAD_REQUEST,
                Failure::Dial(_) | Failure::ConnectionLost(_) | Failure::BadAnswer(_) => StatusCode::BAD_GATEWAY,
            },
        }
    }

    /// The Proxy Error Type (RFC 9209 §2.3): the same in the answer and in the access record.
    pub(super) fn error_type(&self) -> &'static str {
        match self {
            Self::Denied(_) | Self::SignInRequired | Self::CookiesBlocked | Self::Method => "http_request_denied",
            Self::BadTarget(_) | Self::BadRequest(_) => "http_request_error",
            Self::Loop => "proxy_loop_detected",
            Self::Origin(failure) => match failure {
                Failure::Dial(error) => match error {
                    dial::Error::NameNotFound | dial::Error::Resolver(_) => "dns_error",
                    dial::Error::Prohibited(_) => "destination_ip_prohibited",
                    dial::Error::Myself(_) => "proxy_loop_detected",
                    dial::Error::Port(_) => "http_request_denied",
                    dial::Error::Refused => "connection_refused",
                    dial::Error::Unreachable(_) => "destination_ip_unroutable",
                    dial::Error::TimedOut => "connection_timeout",
                    dial::Error::Certificate(_) => "tls_certificate_error",
                    dial::Error::Tls(_) => "tls_protocol_error",
                },
                Failure::AnswerTimedOut => "http_response_timeout",
                Failure::ConnectionLost(_) => "connection_terminated",
                Failure::BadAnswer(_) => "http_protocol_error",
                Failure::ClientLeft => "http_request_error",
            },
        }
    }

    /// Whether the connection is in a state in which the next request could be misread.
    fn closes(&self) -> bool {
        matches!(self, Self::BadTarget(_) | Self::BadRequest(_) | Self::Origin(Failure::ClientLeft))
    }
}

/// What every answer of our own has.
pub(super) fn seal_off(response: &mut Response<Body>) {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

/// The answer to a refused request.
pub(super) fn refuse(refusal: &Refusal, kind: Kind, id: RequestId, portal: &str) -> Response<Body> {
    let (content_type, body) = match kind {
        Kind::Tool => ("text/plain; charset=utf-8", terminal_text(refusal, id, portal)),
        _ => ("application/problem+json", problem(refusal, id, portal)),
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = refusal.status();
    seal_off(&mut response);
    let fields = response.headers_mut();
    fields.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Ok(value) = HeaderValue::try_from(format!("vestibule; error={}", refusal.error_type())) {
        fields.insert("proxy-status", value);
    }
    if refusal.closes() {
        fields.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// A problem document (RFC 9457).
fn problem(refusal: &Refusal, id: RequestId, portal: &str) -> String {
    let mut document = serde_json::json!({
        "type": "about:blank",
        "title": refusal.status().canonical_reason(),
        "status": refusal.status().as_u16(),
        "detail": refusal.to_string(),
        "request_id": id.to_string(),
    });
    if *refusal == Refusal::SignInRequired
        && let Some(fields) = document.as_object_mut()
    {
        fields.insert("portal".into(), portal.into());
    }
    document.to_string()
}

fn terminal_text(refusal: &Refusal, id: RequestId, portal: &str) -> String {
    let next = match refusal {
        Refusal::SignInRequired => format!("Open {portal} in a browser on this machine and sign in there.\n"),
        _ => String::new(),
    };
    format!("Vestibule did not forward this request: {refusal}.\n{next}Request {id}\n")
}
