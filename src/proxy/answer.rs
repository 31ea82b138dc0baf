//! The proxy's own answers: pages for people, problem documents for programs, text for terminals.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, PROXY_AUTHENTICATE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use url::form_urlencoded;

use super::forward::Failure;
use super::shares::{Excess, Exhausted};
use super::token::{Invitation, Wrong};
use super::unread::{Unread, untrusted};
use super::weak::{Helps, TooWeak};
use crate::egress;
use crate::identity::User;
use crate::observe::Reason;
use crate::observe::record::RequestId;
use crate::page::{
    self, Brand, Cause, CookiesBlocked, Curl, Denied, Locale, Subject, TerminalHint, TokenText, ToolText,
};
use crate::policy::{Barrier, Stale};
use crate::session::returning::BARRIER_PATH;
use crate::wire::forwarded;
use crate::wire::h1::HeadError;
use crate::wire::kind::RequestKind;
use crate::wire::target;

/// Why a request is not forwarded. Its `Display` is the sentence that programs and events get.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// A rule refuses it.
    #[error("the rule \"{0}\" does not allow it")]
    Denied(String),
    /// A rule bars it until somebody has passed what it puts there, and the client cannot be shown that.
    #[error("the rule \"{}\" {}", .0.rule, if .0.is_override() { "blocks it, unless somebody overrides that" } else { "warns of it, and nobody has read the warning yet" })]
    Barred(Arc<Barrier>),
    /// Nobody is known, and the client cannot be asked to sign in.
    #[error("sign-in is required")]
    SignInRequired,
    /// Nobody is known, and our PAC files have browsers reach the destination without us: nobody is asked to sign in
    /// for it here.
    #[error("sign-in is required, and the destination is one that browsers reach without the proxy")]
    Direct,
    /// Somebody is known, but proved who they are too long ago, or in another way than a rule wants, and the client cannot ask
    /// them again.
    #[error("a fresh sign-in is required")]
    SignInAgain(Stale),
    /// Somebody is known, but by something that is too weak for a rule.
    #[error("{0}")]
    TooWeak(TooWeak),
    /// A tool is not known, and the answer tells it how to become known.
    #[error("sign-in is required")]
    ToolUnknown(Arc<Invitation>),
    /// The request's head cannot be read.
    #[error("{0}")]
    Head(HeadError),
    /// The client has an expectation that is not `100-continue` (RFC 9110 §10.1.1).
    #[error("the request has an expectation that this proxy does not know")]
    Expectation,
    /// Its Max-Forwards is 0: it ends here (RFC 9110 §7.6.2), which is no fault.
    #[error("the request goes no further than this proxy")]
    LastHop,
    /// The request is not one that a proxy can forward.
    #[error("{0}")]
    BadTarget(#[from] target::Error),
    /// The request is not one that a proxy can forward, for the reason in these words.
    #[error("{0}")]
    BadRequest(&'static str),
    /// A trusted peer does not say on whose behalf it sends the request, or there is no room for that client.
    #[error("{0}")]
    Unnamed(forwarded::Error),
    /// It has been through this proxy before.
    #[error("the request has been through this proxy before")]
    Loop,
    /// The method is one that is not forwarded.
    #[error("the method is not allowed")]
    Method,
    /// The origin cannot be reached, or does not answer as it should.
    #[error("{0}")]
    Origin(#[from] Failure),
    /// The origin cannot be reached by anybody, so nobody is asked to sign in for it.
    #[error("{0}")]
    Absent(Failure),
    /// Somebody has as much as a rule lets them have.
    #[error(transparent)]
    Exhausted(Exhausted),
    /// A rule has the connection intercepted, and that is not possible.
    #[error("the connection is to be intercepted, and {0}")]
    Unread(Unread),
    /// The browser does not keep our cookie. Holds the address with which the person can try again.
    #[error("the browser does not keep the cookie that signs it in")]
    CookiesBlocked(String),
    /// The browser goes on sending cookies with the name of ours that others have set, although it was told to remove
    /// them. Holds the address with which the person can try again.
    #[error("the browser sends cookies that contradict each other")]
    CookiesContradict(String),
}

impl Refusal {
    /// The status of the answer.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Denied(_)
            | Self::Barred(_)
            | Self::Unread(_)
            | Self::CookiesBlocked(_)
            | Self::CookiesContradict(_)
            | Self::Direct => StatusCode::FORBIDDEN,
            Self::Exhausted(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::SignInRequired | Self::SignInAgain(_) => StatusCode::NETWORK_AUTHENTICATION_REQUIRED,
            Self::TooWeak(weak) => weak.status(),
            Self::Unnamed(forwarded::Error::Crowded) => StatusCode::SERVICE_UNAVAILABLE,
            // RFC 9110 §15.5.20: it came on a connection that leads elsewhere.
            Self::BadTarget(target::Error::HostDiffers) => StatusCode::MISDIRECTED_REQUEST,
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
                    egress::Error::Prohibited(_)
                    | egress::Error::OwnMachine(_)
                    | egress::Error::Port(_)
                    | egress::Error::ParentDenied(_),
                ) => StatusCode::FORBIDDEN,
                Failure::Dial(egress::Error::Myself(_)) => StatusCode::LOOP_DETECTED,
                Failure::Dial(egress::Error::NoRoom) => StatusCode::SERVICE_UNAVAILABLE,
                Failure::Dial(error) if is_late(error) => StatusCode::GATEWAY_TIMEOUT,
                Failure::AnswerTimedOut => StatusCode::GATEWAY_TIMEOUT,
                Failure::ClientLeft | Failure::BadBody(_) | Failure::SessionEnded => StatusCode::BAD_REQUEST,
                Failure::BodyTimedOut => StatusCode::REQUEST_TIMEOUT,
                Failure::Dial(_) | Failure::ConnectionLost | Failure::BadAnswer(_) => StatusCode::BAD_GATEWAY,
            },
        }
    }

    /// The Proxy Error Type (RFC 9209 §2.3) in the answer, and in the access record unless that has a more precise
    /// reason already. `None` if nothing went wrong.
    pub(super) fn error_type(&self) -> Option<Reason> {
        Some(match self {
            Self::LastHop => return None,
            Self::Exhausted(Exhausted { what: Excess::Connections, .. }) => Reason::ConnectionLimitReached,
            Self::Denied(_)
            | Self::Barred(_)
            | Self::SignInRequired
            | Self::SignInAgain(_)
            | Self::TooWeak(_)
            | Self::ToolUnknown(_)
            | Self::CookiesBlocked(_)
            | Self::CookiesContradict(_)
            | Self::Direct
            | Self::Unread(_)
            | Self::Exhausted(Exhausted { what: Excess::Requests, .. })
            | Self::Method => Reason::HttpRequestDenied,
            Self::BadTarget(_) | Self::BadRequest(_) | Self::Head(_) | Self::Expectation => Reason::HttpRequestError,
            Self::Unnamed(forwarded::Error::Malformed) => Reason::HttpRequestError,
            Self::Unnamed(forwarded::Error::Crowded) => Reason::ConnectionLimitReached,
            Self::Loop => Reason::ProxyLoopDetected,
            Self::Origin(failure) | Self::Absent(failure) => match failure {
                Failure::Dial(error) => dial_error_type(error),
                Failure::AnswerTimedOut => Reason::HttpResponseTimeout,
                Failure::ConnectionLost => Reason::ConnectionTerminated,
                Failure::BadAnswer(_) => Reason::HttpProtocolError,
                Failure::ClientLeft | Failure::BadBody(_) | Failure::BodyTimedOut => Reason::HttpRequestError,
                Failure::SessionEnded => Reason::HttpRequestDenied,
            },
        })
    }

    /// The cause, in the words for people.
    fn cause(&self) -> Cause {
        match self {
            Self::BadTarget(error) => Cause::BadRequest(error.to_string()),
            Self::BadRequest(why) => Cause::BadRequest((*why).to_owned()),
            Self::Method | Self::Head(_) | Self::Expectation | Self::LastHop => Cause::BadRequest(self.to_string()),
            Self::Unnamed(forwarded::Error::Malformed) => Cause::BadRequest(self.to_string()),
            Self::Unnamed(forwarded::Error::Crowded) => Cause::Busy,
            Self::Loop => Cause::Loop,
            Self::Exhausted(_) => Cause::Exhausted,
            Self::Direct => Cause::Direct,
            // These have pages of their own.
            Self::Denied(_)
            | Self::Barred(_)
            | Self::SignInRequired
            | Self::SignInAgain(_)
            | Self::TooWeak(_)
            | Self::ToolUnknown(_)
            | Self::CookiesBlocked(_)
            | Self::CookiesContradict(_) => Cause::NotAllowed,
            // It answers a CONNECT, which shows no page.
            Self::Unread(_) => Cause::NotAllowed,
            Self::Origin(failure) | Self::Absent(failure) => match failure {
                Failure::Dial(error) => match error {
                    egress::Error::NameNotFound | egress::Error::Resolver(_) | egress::Error::ResolverTimedOut => {
                        Cause::NameNotFound
                    }
                    egress::Error::Prohibited(_) | egress::Error::OwnMachine(_) => Cause::NotAllowed,
                    egress::Error::Myself(_) => Cause::Loop,
                    egress::Error::Port(port) => Cause::PortNotAllowed(*port),
                    egress::Error::Refused => Cause::Refused,
                    egress::Error::Unreachable(_) => Cause::Unreachable,
                    egress::Error::TimedOut => Cause::TimedOut,
                    egress::Error::Certificate(flaw, why) => Cause::Certificate(untrusted(*flaw), why.clone()),
                    egress::Error::Tls(_) | egress::Error::NoTls(_) => Cause::BadAnswer,
                    egress::Error::NoRoom => Cause::Busy,
                    egress::Error::Parent(..) => Cause::Parent,
                    egress::Error::ParentDenied(_) => Cause::ParentDenied,
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

    /// What programs are told. It names no address to which a name resolved, and quotes nothing that a resolver or a
    /// socket said.
    pub(super) fn said(&self) -> String {
        let said = match self {
            Self::Origin(Failure::Dial(error)) | Self::Absent(Failure::Dial(error)) => match error {
                egress::Error::Prohibited(_) => "the destination's address may not be dialled",
                egress::Error::OwnMachine(_) => "the destination is the proxy's own machine",
                egress::Error::Myself(_) => "the destination is this proxy",
                egress::Error::Resolver(_) => "the name could not be looked up",
                egress::Error::Unreachable(_) => "the network has no route to the origin",
                egress::Error::Parent(..) => "a proxy on the way to the origin cannot be used",
                egress::Error::ParentDenied(_) => "a proxy on the way to the origin does not allow it",
                other => return other.to_string(),
            },
            other => return other.to_string(),
        };
        said.to_owned()
    }

    /// Whether to close the connection, because the next request on it could be misread.
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

    /// Whether a connection to the origin had been opened.
    pub(super) fn is_after_dialling(&self) -> bool {
        matches!(self, Self::Origin(failure) if !matches!(failure, Failure::Dial(_)))
    }
}

/// What the Allow field says. Every method is forwarded except TRACE; these are the common ones.
const METHODS: &str = "GET, HEAD, POST, PUT, DELETE, CONNECT, OPTIONS, PATCH";

/// The Proxy Error Type when a connection to the next hop, which may be a parent, could not be opened.
fn dial_error_type(error: &egress::Error) -> Reason {
    match error {
        egress::Error::NameNotFound | egress::Error::Resolver(_) => Reason::DnsError,
        egress::Error::ResolverTimedOut => Reason::DnsTimeout,
        egress::Error::Prohibited(_) | egress::Error::OwnMachine(_) => Reason::DestinationIpProhibited,
        egress::Error::Myself(_) => Reason::ProxyLoopDetected,
        egress::Error::Port(_) | egress::Error::ParentDenied(_) => Reason::HttpRequestDenied,
        egress::Error::Refused => Reason::ConnectionRefused,
        egress::Error::Unreachable(_) => Reason::DestinationIpUnroutable,
        egress::Error::TimedOut => Reason::ConnectionTimeout,
        egress::Error::Certificate(..) => Reason::TlsCertificateError,
        egress::Error::Tls(_) | egress::Error::NoTls(_) => Reason::TlsProtocolError,
        egress::Error::NoRoom => Reason::ConnectionLimitReached,
        egress::Error::Parent(_, fault) => match fault {
            egress::ParentFault::NotReached(error) => dial_error_type(error),
            egress::ParentFault::Credentials => Reason::ProxyConfigurationError,
            egress::ParentFault::Ended => Reason::ConnectionTerminated,
            egress::ParentFault::Protocol(_) => Reason::HttpProtocolError,
        },
    }
}

/// Whether something was waited for that did not come in time.
fn is_late(error: &egress::Error) -> bool {
    match error {
        egress::Error::TimedOut | egress::Error::ResolverTimedOut => true,
        egress::Error::Parent(_, egress::ParentFault::NotReached(error)) => is_late(error),
        _ => false,
    }
}

/// Marks an answer as one that no cache may keep, as all of our own are.
pub(super) fn seal_off(response: &mut Response<Bytes>) {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

/// A refused request, and what its answer needs.
pub(super) struct Refused<'a> {
    pub(super) refusal: &'a Refusal,
    pub(super) kind: RequestKind,
    pub(super) id: RequestId,
    /// The host that was asked for.
    pub(super) place: Option<&'a str>,
    /// Who was refused.
    pub(super) user: Option<&'a User>,
    /// What the rule that refused it says of itself.
    pub(super) message: Option<&'a str>,
    /// The page of the portal where a review can be asked for, if that is how it is done.
    pub(super) review: Option<String>,
    /// Whether a tool asked for JSON.
    pub(super) json: bool,
    /// Whether it answers a CONNECT.
    pub(super) to_connect: bool,
    pub(super) portal: &'a str,
    /// How curl reaches the portal from a terminal, and how tools reach the proxy.
    pub(super) curl: Option<&'a Curl>,
}

impl Refused<'_> {
    /// The status of the answer. Firefox hangs on a 511 to CONNECT.
    pub(super) fn status(&self) -> StatusCode {
        match self.refusal.status() {
            StatusCode::NETWORK_AUTHENTICATION_REQUIRED if self.to_connect => StatusCode::FORBIDDEN,
            status => status,
        }
    }

    /// The answer: a page for people, a problem document for programs, text for terminals.
    pub(super) fn render(&self, brand: &Brand, locale: &Locale) -> Response<Bytes> {
        let mut response = match self.kind {
            RequestKind::Navigation | RequestKind::FormNavigation | RequestKind::Probe => self.page(brand, locale),
            RequestKind::Tool if self.json => self.body("application/problem+json", self.problem()),
            RequestKind::Tool => self.body("text/plain; charset=utf-8", self.text(brand, locale)),
            RequestKind::Preflight | RequestKind::SubResource => self.body("application/problem+json", self.problem()),
        };
        seal_off(&mut response);
        let fields = response.headers_mut();
        if let Some(error) = self.refusal.error_type()
            && let Ok(value) =
                HeaderValue::try_from(format!("vestibule; error={error}; details=\"request {}\"", self.id))
        {
            fields.insert("proxy-status", value);
        }
        if self.refusal == &Refusal::Method || self.refusal == &Refusal::LastHop {
            fields.insert(ALLOW, HeaderValue::from_static(METHODS));
        }
        if self.refusal.closes() {
            fields.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if let Refusal::Exhausted(exhausted) = self.refusal
            && let Ok(value) = HeaderValue::try_from(exhausted.seconds().to_string())
        {
            fields.insert(RETRY_AFTER, value);
        }
        if matches!(self.refusal, Refusal::ToolUnknown(_))
            || self.refusal.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED
        {
            self.ask_for_token(&mut response, brand);
        }
        response
    }

    /// Says in the fields how a tool can prove who it is (RFC 9110 §11.7.1), or when to try again.
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
            Refusal::Denied(rule) => self.denied(rule, None, place).render(brand, locale),
            Refusal::Barred(barrier) => self.denied(&barrier.rule, Some(self.portal()), place).render(brand, locale),
            Refusal::TooWeak(weak) => page::TooWeak(self.denied(&weak.rule, None, place)).render(brand, locale),
            Refusal::CookiesBlocked(retry) | Refusal::CookiesContradict(retry) => {
                let (retry, contradict) = (retry.clone(), matches!(self.refusal, Refusal::CookiesContradict(_)));
                CookiesBlocked { place, retry, contradict, request_id }.render(brand, locale)
            }
            other => page::Failure { cause: other.cause(), place, request_id }.render(brand, locale),
        };
        html.into_response(self.status())
    }

    /// The page of a refusal by a rule. `pass` is where what bars the way can be passed.
    fn denied(&self, rule: &str, pass: Option<String>, place: String) -> Denied {
        Denied {
            place,
            rule: rule.to_owned(),
            message: self.message.map(str::to_owned),
            user: self.user.map(|user| user.name.clone()),
            guest: self.user.is_some_and(User::is_guest),
            pass,
            review: self.review.clone(),
            portal: self.portal.to_owned(),
            request_id: self.id.to_string(),
        }
    }

    /// The portal address for the reader of the answer.
    pub(super) fn portal(&self) -> String {
        match self.refusal {
            Refusal::Barred(barrier) => format!("{}{BARRIER_PATH}{}", self.portal, barrier.key),
            Refusal::SignInAgain(stale) if stale.ways.is_empty() => format!("{}/confirm", self.portal),
            // The portal takes only ways that rules name. Any of these is enough.
            Refusal::SignInAgain(stale) => {
                let ways = stale.ways.iter().map(|way| ("way", way));
                let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(ways).finish();
                format!("{}/confirm?{query}", self.portal)
            }
            Refusal::TooWeak(weak) => weak.address(self.portal).unwrap_or_else(|| self.portal.to_owned()),
            _ => self.portal.to_owned(),
        }
    }

    fn text(&self, brand: &Brand, locale: &Locale) -> String {
        if let Refusal::ToolUnknown(invitation) = self.refusal {
            return self.invite(invitation, brand, locale);
        }
        let subject = match self.refusal {
            Refusal::SignInRequired => Subject::SignIn,
            Refusal::SignInAgain(_) => Subject::SignInAgain,
            Refusal::TooWeak(weak) if weak.helps == Helps::Token => Subject::TokenWanted,
            Refusal::TooWeak(_) => Subject::TooWeak,
            Refusal::Denied(_) => Subject::Denied,
            Refusal::Barred(barrier) if barrier.is_override() => Subject::Overridable,
            Refusal::Barred(_) => Subject::Warned,
            other => Subject::Failed(other.cause()),
        };
        let (place, portal) = (self.place.map(str::to_owned), self.portal());
        let message = self.message.map(str::to_owned);
        ToolText { subject, message, place, portal, request_id: self.id.to_string() }.render(brand, locale)
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
        *response.status_mut() = self.status();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Strength;

    fn stale() -> Stale {
        let (rule, ways) = ("it".into(), Arc::default());
        Stale { rule, within: None, ways, is_other_way: false, evidence: None, is_condition: false }
    }

    #[test]
    fn what_an_answer_says_of_a_refusal_is_a_proxy_error_type() {
        let parent = |fault| egress::Error::Parent("up".into(), fault);
        let dialling = [
            egress::Error::NameNotFound,
            egress::Error::Resolver(String::new()),
            egress::Error::ResolverTimedOut,
            egress::Error::Prohibited([10, 0, 0, 1].into()),
            egress::Error::OwnMachine([10, 0, 0, 1].into()),
            egress::Error::Myself(([10, 0, 0, 1], 80).into()),
            egress::Error::Port(25),
            egress::Error::ParentDenied("up".into()),
            egress::Error::Refused,
            egress::Error::Unreachable(String::new()),
            egress::Error::TimedOut,
            egress::Error::Certificate(egress::Flaw::Revoked, String::new()),
            egress::Error::Tls(String::new()),
            egress::Error::NoTls(String::new()),
            egress::Error::NoRoom,
            parent(egress::ParentFault::NotReached(Box::new(egress::Error::Refused))),
            parent(egress::ParentFault::Credentials),
            parent(egress::ParentFault::Ended),
            parent(egress::ParentFault::Protocol("")),
        ];
        let failures = [
            Failure::AnswerTimedOut,
            Failure::ConnectionLost,
            Failure::BadAnswer(String::new()),
            Failure::ClientLeft,
            Failure::BadBody(String::new()),
            Failure::BodyTimedOut,
            Failure::SessionEnded,
        ];
        let invitation = Arc::new(Invitation { wrong: Some(Wrong::Expired), terminal: None });
        let exhausted = |what| Exhausted { rule: "it".into(), what, again: std::time::Duration::ZERO };
        let others = [
            Refusal::Denied(String::new()),
            Refusal::SignInRequired,
            Refusal::SignInAgain(stale()),
            Refusal::TooWeak(TooWeak { rule: "it".into(), wanted: Strength::Strong, helps: Helps::Certificate }),
            Refusal::ToolUnknown(invitation),
            Refusal::CookiesBlocked(String::new()),
            Refusal::CookiesContradict(String::new()),
            Refusal::Direct,
            Refusal::Unread(Unread::ClientCertificate),
            Refusal::Method,
            Refusal::BadTarget(target::Error::BadHost),
            Refusal::BadRequest(""),
            Refusal::Head(HeadError::Version),
            Refusal::Expectation,
            Refusal::Unnamed(forwarded::Error::Malformed),
            Refusal::Unnamed(forwarded::Error::Crowded),
            Refusal::Loop,
            Refusal::Exhausted(exhausted(Excess::Requests)),
            Refusal::Exhausted(exhausted(Excess::Connections)),
        ];
        let failures = dialling.map(Failure::Dial).into_iter().chain(failures).map(Refusal::Origin);
        for refusal in others.into_iter().chain(failures) {
            let said = refusal.error_type();
            assert!(said.is_some_and(Reason::is_proxy_error_type), "{refusal:?}: {said:?}");
        }
        assert_eq!(Refusal::LastHop.error_type(), None, "it is no fault");
    }

    #[test]
    fn a_refusal_does_not_say_where_a_name_leads() {
        let inside = "10.1.2.3";
        for error in [
            egress::Error::Prohibited(inside.parse().unwrap()),
            egress::Error::OwnMachine(inside.parse().unwrap()),
            egress::Error::Myself(format!("{inside}:80").parse().unwrap()),
            egress::Error::Resolver(format!("{inside} did not answer")),
            egress::Error::Unreachable(format!("no route to {inside}")),
        ] {
            let said = Refusal::Origin(Failure::Dial(error)).said();
            assert!(!said.contains(inside), "{said}");
        }
    }
}
