//! Answers of our own: pages for people, problem documents for programs, text for terminals.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, PROXY_AUTHENTICATE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};

use super::classify::Kind;
use super::dial;
use super::forward::Failure;
use super::token::{Invitation, Wrong};
use crate::identity::User;
use crate::observe::access::RequestId;
use crate::page::{
    self, Brand, Cause, CookiesBlocked, Curl, Denied, Locale, Subject, TerminalHint, TokenText, ToolText,
};
use crate::wire::forwarded;
use crate::wire::h1::HeadError;
use crate::wire::target;

/// Why a request is not forwarded, and how that is said.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// A rule refuses it.
    #[error("the rule \"{0}\" does not allow it")]
    Denied(String),
    /// Nobody is known, and nobody can be asked.
    #[error("sign-in is required")]
    SignInRequired,
    /// Nobody is known, and browsers reach the destination without us: nobody is asked for it here.
    #[error("sign-in is required, and the destination is one that browsers reach without the proxy")]
    Direct,
    /// Somebody is known who proved who they are too long ago, and cannot be asked.
    #[error("a fresh sign-in is required")]
    SignInAgain,
    /// A tool is not known, and can be told how to be.
    #[error("sign-in is required")]
    ToolUnknown(Arc<Invitation>),
    /// The request's head cannot be read.
    #[error("{0}")]
    Head(HeadError),
    /// The client expects what nobody here can promise (RFC 9110 §10.1.1).
    #[error("the expectation is not one that can be met")]
    Expectation,
    /// It is not to go any further than here (RFC 9110 §7.6.2), which is no fault.
    #[error("the request goes no further than this proxy")]
    LastHop,
    /// The request is not one that a proxy can forward.
    #[error("{0}")]
    BadTarget(#[from] target::Error),
    /// The same, for a reason of another kind.
    #[error("{0}")]
    BadRequest(&'static str),
    /// A trusted peer does not say on whose behalf it asks, or asks too much.
    #[error("{0}")]
    Unnamed(forwarded::Error),
    /// It has been here before.
    #[error("the request has been through this proxy before")]
    Loop,
    /// The method is one that is not forwarded.
    #[error("the method is not allowed")]
    Method,
    /// The origin cannot be reached, or does not answer as it should.
    #[error("{0}")]
    Origin(#[from] Failure),
    /// Nobody would get any further there: nobody is asked to sign in for it.
    #[error("{0}")]
    Absent(Failure),
    /// The browser does not keep our cookie. Holds the address that tries again.
    #[error("the browser does not keep the cookie that signs it in")]
    CookiesBlocked(String),
}

impl Refusal {
    /// The status of the answer.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Denied(_) | Self::CookiesBlocked(_) | Self::Direct => StatusCode::FORBIDDEN,
            Self::SignInRequired | Self::SignInAgain => StatusCode::NETWORK_AUTHENTICATION_REQUIRED,
            Self::Unnamed(forwarded::Error::Crowded) => StatusCode::SERVICE_UNAVAILABLE,
            Self::BadTarget(_) | Self::BadRequest(_) | Self::Unnamed(forwarded::Error::Malformed) => {
                StatusCode::BAD_REQUEST
            }
            Self::ToolUnknown(invitation) => match invitation.wrong {
                Some(Wrong::TooMany) => StatusCode::TOO_MANY_REQUESTS,
                Some(Wrong::Away) => StatusCode::SERVICE_UNAVAILABLE,
                _ => StatusCode::PROXY_AUTHENTICATION_REQUIRED,
            },
            Self::Head(error) => error.status(),
            Self::Expectation => StatusCode::EXPECTATION_FAILED,
            Self::LastHop => StatusCode::OK,
            Self::Loop => StatusCode::LOOP_DETECTED,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Origin(failure) | Self::Absent(failure) => match failure {
                Failure::Dial(
                    dial::Error::Prohibited(_)
                    | dial::Error::OwnMachine(_)
                    | dial::Error::Port(_)
                    | dial::Error::ParentDenied(_),
                ) => StatusCode::FORBIDDEN,
                Failure::Dial(dial::Error::Myself(_)) => StatusCode::LOOP_DETECTED,
                Failure::Dial(dial::Error::NoRoom) => StatusCode::SERVICE_UNAVAILABLE,
                Failure::Dial(error) if is_late(error) => StatusCode::GATEWAY_TIMEOUT,
                Failure::AnswerTimedOut => StatusCode::GATEWAY_TIMEOUT,
                Failure::ClientLeft | Failure::BadBody(_) | Failure::SessionEnded => StatusCode::BAD_REQUEST,
                Failure::BodyTimedOut => StatusCode::REQUEST_TIMEOUT,
                Failure::Dial(_) | Failure::ConnectionLost | Failure::BadAnswer(_) => StatusCode::BAD_GATEWAY,
            },
        }
    }

    /// The Proxy Error Type (RFC 9209 §2.3): the same in the answer and in the access record.
    pub(super) fn error_type(&self) -> &'static str {
        match self {
            Self::Denied(_)
            | Self::SignInRequired
            | Self::SignInAgain
            | Self::ToolUnknown(_)
            | Self::CookiesBlocked(_)
            | Self::Direct
            | Self::Method => "http_request_denied",
            Self::BadTarget(_) | Self::BadRequest(_) | Self::Head(_) | Self::Expectation | Self::LastHop => {
                "http_request_error"
            }
            Self::Unnamed(forwarded::Error::Malformed) => "http_request_error",
            Self::Unnamed(forwarded::Error::Crowded) => "connection_limit_reached",
            Self::Loop => "proxy_loop_detected",
            Self::Origin(failure) | Self::Absent(failure) => match failure {
                Failure::Dial(error) => dial_error_type(error),
                Failure::AnswerTimedOut => "http_response_timeout",
                Failure::ConnectionLost => "connection_terminated",
                Failure::BadAnswer(_) => "http_protocol_error",
                Failure::ClientLeft | Failure::BadBody(_) | Failure::BodyTimedOut => "http_request_error",
                Failure::SessionEnded => "http_request_denied",
            },
        }
    }

    /// The cause, as people are told.
    fn cause(&self) -> Cause {
        match self {
            Self::BadTarget(error) => Cause::BadRequest(error.to_string()),
            Self::BadRequest(why) => Cause::BadRequest((*why).to_owned()),
            Self::Method | Self::Head(_) | Self::Expectation | Self::LastHop => Cause::BadRequest(self.to_string()),
            Self::Unnamed(forwarded::Error::Malformed) => Cause::BadRequest(self.to_string()),
            Self::Unnamed(forwarded::Error::Crowded) => Cause::Busy,
            Self::Loop => Cause::Loop,
            Self::Direct => Cause::Direct,
            // These have pages of their own.
            Self::Denied(_)
            | Self::SignInRequired
            | Self::SignInAgain
            | Self::ToolUnknown(_)
            | Self::CookiesBlocked(_) => Cause::NotAllowed,
            Self::Origin(failure) | Self::Absent(failure) => match failure {
                Failure::Dial(error) => match error {
                    dial::Error::NameNotFound | dial::Error::Resolver(_) | dial::Error::ResolverTimedOut => {
                        Cause::NameNotFound
                    }
                    dial::Error::Prohibited(_) | dial::Error::OwnMachine(_) => Cause::NotAllowed,
                    dial::Error::Myself(_) => Cause::Loop,
                    dial::Error::Port(port) => Cause::PortNotAllowed(*port),
                    dial::Error::Refused => Cause::Refused,
                    dial::Error::Unreachable(_) => Cause::Unreachable,
                    dial::Error::TimedOut => Cause::TimedOut,
                    dial::Error::Certificate(why) => Cause::Certificate(why.clone()),
                    dial::Error::Tls(_) | dial::Error::NoTls(_) => Cause::BadAnswer,
                    dial::Error::NoRoom => Cause::Busy,
                    dial::Error::Parent(..) => Cause::Parent,
                    dial::Error::ParentDenied(_) => Cause::ParentDenied,
                },
                Failure::AnswerTimedOut => Cause::TimedOut,
                Failure::ConnectionLost => Cause::ConnectionLost,
                Failure::BadAnswer(_) => Cause::BadAnswer,
                Failure::ClientLeft | Failure::BadBody(_) | Failure::BodyTimedOut | Failure::SessionEnded => {
                    Cause::BadRequest(failure.to_string())
                }
            },
        }
    }

    /// What programs are told: no address that a name led to, and nothing that a resolver or a socket said.
    fn said(&self) -> String {
        let said = match self {
            Self::Origin(Failure::Dial(error)) | Self::Absent(Failure::Dial(error)) => match error {
                dial::Error::Prohibited(_) => "the destination's address may not be dialled",
                dial::Error::OwnMachine(_) => "the destination is the proxy's own machine",
                dial::Error::Myself(_) => "the destination is this proxy",
                dial::Error::Resolver(_) => "the name could not be looked up",
                dial::Error::Unreachable(_) => "there is no way to the origin",
                dial::Error::Parent(..) => "a proxy on the way to the origin cannot be used",
                dial::Error::ParentDenied(_) => "a proxy on the way to the origin does not allow it",
                other => return other.to_string(),
            },
            other => return other.to_string(),
        };
        said.to_owned()
    }

    /// Whether the connection is in a state in which the next request could be misread.
    fn closes(&self) -> bool {
        matches!(
            self,
            Self::BadTarget(_)
                | Self::BadRequest(_)
                | Self::Head(_)
                | Self::Expectation
                | Self::Unnamed(_)
                | Self::Origin(Failure::ClientLeft | Failure::BadBody(_) | Failure::BodyTimedOut)
        )
    }

    /// Whether an origin had been reached.
    pub(super) fn is_after_dialling(&self) -> bool {
        matches!(self, Self::Origin(failure) if !matches!(failure, Failure::Dial(_)))
    }
}

/// The methods that are forwarded, as Allow says it: every one but TRACE.
const METHODS: &str = "GET, HEAD, POST, PUT, DELETE, CONNECT, OPTIONS, PATCH";

/// The Proxy Error Type of a connection that could not be opened: to the next hop, which may be a parent.
fn dial_error_type(error: &dial::Error) -> &'static str {
    match error {
        dial::Error::NameNotFound | dial::Error::Resolver(_) => "dns_error",
        dial::Error::ResolverTimedOut => "dns_timeout",
        dial::Error::Prohibited(_) | dial::Error::OwnMachine(_) => "destination_ip_prohibited",
        dial::Error::Myself(_) => "proxy_loop_detected",
        dial::Error::Port(_) | dial::Error::ParentDenied(_) => "http_request_denied",
        dial::Error::Refused => "connection_refused",
        dial::Error::Unreachable(_) => "destination_ip_unroutable",
        dial::Error::TimedOut => "connection_timeout",
        dial::Error::Certificate(_) => "tls_certificate_error",
        dial::Error::Tls(_) | dial::Error::NoTls(_) => "tls_protocol_error",
        dial::Error::NoRoom => "connection_limit_reached",
        dial::Error::Parent(_, fault) => match fault {
            dial::ParentFault::NotReached(error) => dial_error_type(error),
            dial::ParentFault::Credentials => "proxy_configuration_error",
            dial::ParentFault::Ended => "connection_terminated",
            dial::ParentFault::Protocol(_) => "http_protocol_error",
        },
    }
}

/// Whether what was waited for did not come in time.
fn is_late(error: &dial::Error) -> bool {
    match error {
        dial::Error::TimedOut | dial::Error::ResolverTimedOut => true,
        dial::Error::Parent(_, dial::ParentFault::NotReached(error)) => is_late(error),
        _ => false,
    }
}

/// What every answer of our own has.
pub(super) fn seal_off(response: &mut Response<Bytes>) {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

/// A refused request, and all that its answer says.
pub(super) struct Refused<'a> {
    pub(super) refusal: &'a Refusal,
    pub(super) kind: Kind,
    pub(super) id: RequestId,
    /// The host that was asked for.
    pub(super) place: Option<&'a str>,
    /// Who was refused.
    pub(super) user: Option<&'a User>,
    pub(super) portal: &'a str,
    /// How curl reaches the portal from a terminal, and tools the proxy.
    pub(super) curl: Option<&'a Curl>,
}

impl Refused<'_> {
    /// The answer: a page for people, a problem document for programs, text for terminals.
    pub(super) fn render(&self, brand: &Brand, locale: &Locale) -> Response<Bytes> {
        let mut response = match self.kind {
            Kind::Navigation | Kind::FormNavigation | Kind::Probe => self.page(brand, locale),
            Kind::Tool => self.body("text/plain; charset=utf-8", self.text(brand, locale)),
            Kind::Preflight | Kind::SubResource => self.body("application/problem+json", self.problem()),
        };
        seal_off(&mut response);
        let fields = response.headers_mut();
        if *self.refusal != Refusal::LastHop
            && let Ok(value) = HeaderValue::try_from(format!("vestibule; error={}", self.refusal.error_type()))
        {
            fields.insert("proxy-status", value);
        }
        if self.refusal == &Refusal::Method || self.refusal == &Refusal::LastHop {
            fields.insert(ALLOW, HeaderValue::from_static(METHODS));
        }
        if self.refusal.closes() {
            fields.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if let Refusal::ToolUnknown(_) = self.refusal {
            self.ask_for_token(&mut response, brand);
        }
        response
    }

    /// How a tool proves who it is (RFC 9110 §11.7.1).
    fn ask_for_token(&self, response: &mut Response<Bytes>, brand: &Brand) {
        let fields = response.headers_mut();
        if self.refusal.status() != StatusCode::PROXY_AUTHENTICATION_REQUIRED {
            fields.insert(RETRY_AFTER, HeaderValue::from_static("60"));
            return;
        }
        let title: String = brand.title.chars().filter(|c| !matches!(c, '"' | '\\') && !c.is_control()).collect();
        let realm = format!("{title}: make a token at {}/tokens", self.portal);
        for scheme in [format!("Basic realm=\"{realm}\", charset=\"UTF-8\""), format!("Bearer realm=\"{realm}\"")] {
            if let Ok(value) = HeaderValue::try_from(scheme) {
                fields.append(PROXY_AUTHENTICATE, value);
            }
        }
    }

    fn page(&self, brand: &Brand, locale: &Locale) -> Response<Bytes> {
        let (place, request_id) = (self.place.unwrap_or_default().to_owned(), self.id.to_string());
        let html = match self.refusal {
            Refusal::Denied(rule) => {
                let (user, portal) = (self.user.map(|user| user.name.clone()), self.portal.to_owned());
                let guest = self.user.is_some_and(User::is_guest);
                Denied { place, rule: rule.clone(), user, guest, portal, request_id }.render(brand, locale)
            }
            Refusal::CookiesBlocked(retry) => {
                let retry = retry.clone();
                CookiesBlocked { place, retry, request_id }.render(brand, locale)
            }
            other => page::Failure { cause: other.cause(), place, request_id }.render(brand, locale),
        };
        html.into_response(self.refusal.status())
    }

    /// A problem document (RFC 9457).
    fn problem(&self) -> String {
        let mut document = serde_json::json!({
            "type": "about:blank",
            "title": self.refusal.status().canonical_reason(),
            "status": self.refusal.status().as_u16(),
            "detail": self.refusal.said(),
            "request_id": self.id.to_string(),
        });
        if let (Refusal::SignInRequired | Refusal::SignInAgain, Some(fields)) = (self.refusal, document.as_object_mut())
        {
            fields.insert("portal".into(), self.portal().into());
        }
        document.to_string()
    }

    /// Where somebody goes who reads the answer.
    fn portal(&self) -> String {
        match self.refusal {
            Refusal::SignInAgain => format!("{}/confirm", self.portal),
            _ => self.portal.to_owned(),
        }
    }

    fn text(&self, brand: &Brand, locale: &Locale) -> String {
        if let Refusal::ToolUnknown(invitation) = self.refusal {
            return self.invite(invitation, brand, locale);
        }
        let subject = match self.refusal {
            Refusal::SignInRequired => Subject::SignIn,
            Refusal::SignInAgain => Subject::SignInAgain,
            Refusal::Denied(_) => Subject::Denied,
            other => Subject::Failed(other.cause()),
        };
        let (place, portal) = (self.place.map(str::to_owned), self.portal());
        ToolText { subject, place, portal, request_id: self.id.to_string() }.render(brand, locale)
    }

    fn invite(&self, invitation: &Invitation, brand: &Brand, locale: &Locale) -> String {
        let terminal = invitation.terminal.as_ref().map(|codes| TerminalHint {
            address: format!("{}/t/{}", self.portal, codes.user_code),
            code: codes.user_code.clone(),
            device_code: codes.device_code.clone(),
        });
        let text = TokenText {
            wrong: invitation.wrong.map(Wrong::said),
            terminal,
            place: self.place.map(str::to_owned),
            portal: self.portal.to_owned(),
            curl: self.curl.cloned().unwrap_or_default(),
            request_id: self.id.to_string(),
        };
        text.render(brand, locale)
    }

    fn body(&self, content_type: &'static str, text: String) -> Response<Bytes> {
        let mut response = Response::new(Bytes::from(text));
        *response.status_mut() = self.refusal.status();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_does_not_say_where_a_name_leads() {
        let inside = "10.1.2.3";
        for error in [
            dial::Error::Prohibited(inside.parse().unwrap()),
            dial::Error::OwnMachine(inside.parse().unwrap()),
            dial::Error::Myself(format!("{inside}:80").parse().unwrap()),
            dial::Error::Resolver(format!("{inside} did not answer")),
            dial::Error::Unreachable(format!("no route to {inside}")),
        ] {
            let said = Refusal::Origin(Failure::Dial(error)).said();
            assert!(!said.contains(inside), "{said}");
        }
    }
}
