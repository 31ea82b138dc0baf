//! Asks Graph for one page, patiently: with a token, once more with a new one, and as slowly as it wants.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::StatusCode;
use http::header::{AUTHORIZATION, HeaderName};
use serde::Deserialize;
use tokio::time::sleep;
use url::Url;

use super::fault::Fault;
use super::token::GraphTokens;
use crate::clock::Clock;
use crate::egress::client::Client;
use crate::egress::service::{Answer, Call, Service, target_of};
use crate::policy::Purpose;
use crate::seal::random_text;

/// The longest page.
const MOST: usize = 32 * 1024 * 1024;

/// The first pause where none is asked for; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// From which part of what is allowed on Graph is asked more slowly (`x-ms-throttle-limit-percentage`).
const NEARLY: f32 = 0.8;

const PREFER: HeaderName = HeaderName::from_static("prefer");
const REQUEST: HeaderName = HeaderName::from_static("client-request-id");

/// Graph at one origin.
#[derive(Debug)]
pub(in crate::directory) struct Asking<'a> {
    tokens: &'a GraphTokens,
    client: Client,
    service: Service,
    origin: url::Origin,
    clock: &'a Clock,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::directory) struct Wanted {
    /// What it is to Graph.
    pub(in crate::directory) phrase: &'static str,
    /// The permission that it takes.
    pub(in crate::directory) permission: &'static str,
}

impl Wanted {
    /// A page of users.
    pub(super) const USERS: Self = Self { phrase: "to show users", permission: "User.Read.All" };
    /// A page of groups.
    pub(super) const GROUPS: Self = Self { phrase: "to show groups", permission: "GroupMember.Read.All" };
}

/// Who waits for an answer, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::directory) enum Patience {
    /// A round.
    Round,
    /// An operator at a terminal.
    Operator,
}

impl Patience {
    /// How often it is tried, and the longest pause in between.
    fn bounds(self) -> (u32, Duration) {
        match self {
            Self::Round => (8, Duration::from_mins(5)),
            Self::Operator => (4, Duration::from_secs(10)),
        }
    }
}

/// The error of an answer.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Refused {
    error: GraphError,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct GraphError {
    code: String,
    message: String,
}

impl<'a> Asking<'a> {
    pub(in crate::directory) fn new(
        base: &Url,
        client: Client,
        tokens: &'a GraphTokens,
        clock: &'a Clock,
    ) -> Result<Self, Fault> {
        let service = Service::at(base, client.clone(), Purpose::Directory, MOST)?;
        Ok(Self { tokens, client, service, origin: base.origin(), clock })
    }

    /// The body of the page at `link`.
    pub(super) async fn page(&self, link: &str, what: Wanted) -> Result<bytes::Bytes, Fault> {
        let call = Call::get(target_of(&self.own(link)?)).with(PREFER, "return=minimal");
        Ok(self.call(call, what, Patience::Round).await?.body)
    }

    /// The body of an answer to a GET that somebody waits for.
    pub(in crate::directory) async fn get(&self, link: &str, what: Wanted) -> Result<bytes::Bytes, Fault> {
        Ok(self.call(Call::get(target_of(&self.own(link)?)), what, Patience::Operator).await?.body)
    }

    /// What is answered to a call, if it is a success.
    pub(in crate::directory) async fn call(
        &self,
        call: Call,
        what: Wanted,
        patience: Patience,
    ) -> Result<Answer, Fault> {
        let (tries, longest) = patience.bounds();
        let (mut spent, mut claims) = (None, None);
        let mut last = Fault::Unavailable("Microsoft Graph does not answer".to_owned());
        for attempt in 0..tries {
            let token = match self.tokens.token(&self.client, spent.as_ref(), claims.as_deref()).await {
                Ok(token) => token,
                // A network that fails for a moment; what is wrong with a credential is not tried again.
                Err(fault) if fault.may_pass() && attempt + 1 < tries => {
                    last = fault;
                    sleep(backoff(attempt)).await;
                    continue;
                }
                Err(fault) => return Err(fault),
            };
            let own = call.clone().with(AUTHORIZATION, &format!("Bearer {}", token.expose()));
            let pause = match self.service.ask(&own.with(REQUEST, &random_text())).await {
                Err(error) => {
                    last = error.into();
                    if !last.may_pass() {
                        return Err(last);
                    }
                    None
                }
                Ok(answer) if answer.status.is_success() => {
                    slow_down(&answer).await;
                    return Ok(answer);
                }
                // Once: a token that is refused twice is not a token's fault.
                Ok(answer) if answer.status == StatusCode::UNAUTHORIZED && spent.is_none() => {
                    (spent, claims) = (Some(token), challenged(&answer));
                    continue;
                }
                Ok(answer) => {
                    let fault = refused(&answer, what);
                    if !is_for_later(&answer) {
                        return Err(fault);
                    }
                    last = fault;
                    self.asked_for(&answer)
                }
            };
            if attempt + 1 < tries {
                sleep(pause.unwrap_or_else(|| backoff(attempt)).min(longest)).await;
            }
        }
        Err(last)
    }

    /// A link may lead nowhere else than to Graph: our token goes there.
    fn own(&self, link: &str) -> Result<Url, Fault> {
        let url = Url::parse(link).map_err(|error| Fault::Answer(format!("a link is no address: {error}")))?;
        if url.origin() == self.origin {
            return Ok(url);
        }
        Err(Fault::Answer(format!(
            "a link leads to `{}`, which is not `graph_url`",
            url.origin().ascii_serialization()
        )))
    }

    /// How long the answer asks us to wait (RFC 9110 §10.2.3).
    fn asked_for(&self, answer: &Answer) -> Option<Duration> {
        let written = answer.field("retry-after")?;
        if let Ok(seconds) = written.parse() {
            return Some(Duration::from_secs(seconds));
        }
        let until = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(written).ok()?;
        Duration::try_from(until.duration_since(self.clock.now())).ok()
    }
}

/// Whether the same question may be answered later.
fn is_for_later(answer: &Answer) -> bool {
    answer.status == StatusCode::TOO_MANY_REQUESTS
        || answer.status.is_server_error() && answer.status != StatusCode::NOT_IMPLEMENTED
}

/// What is wrong, by status and code.
fn refused(answer: &Answer, what: Wanted) -> Fault {
    let refused: Refused = serde_json::from_slice(&answer.body).unwrap_or_default();
    let GraphError { code, message } = refused.error;
    let request = answer.field("request-id").unwrap_or("unknown").chars().take(60).collect::<String>();
    let message: String = message.chars().take(300).collect();
    let is = |wanted: &str| code.eq_ignore_ascii_case(wanted);
    let of_client = answer.status.is_client_error();
    if answer.status == StatusCode::GONE || of_client && (is("syncStateNotFound") || is("resyncRequired")) {
        return Fault::Resync;
    }
    if of_client && is("Directory_ExpiredPageToken") {
        return Fault::PageExpired;
    }
    match answer.status {
        StatusCode::NOT_FOUND => Fault::Absent,
        StatusCode::FORBIDDEN if is_for_a_licence(&code, &message) => {
            Fault::NotLicensed { what: what.phrase, message, request }
        }
        StatusCode::FORBIDDEN => Fault::Permission { what: what.phrase, permission: what.permission, message, request },
        StatusCode::TOO_MANY_REQUESTS => Fault::Throttled(format!("request {request}")),
        status if status.is_server_error() => {
            Fault::Unavailable(format!("Microsoft Graph answers {status} (request {request})"))
        }
        status => Fault::Answer(format!("{status} {code}: {message} (request {request})")),
    }
}

/// Whether what is missing is a licence, and not a permission. Graph says both by 403, and the first by its words alone:
/// "Your tenant is not licensed for this feature".
fn is_for_a_licence(code: &str, message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    let is_said = ["not licensed", "premium license", "p2 license"].iter().any(|words| message.contains(words));
    is_said || code.eq_ignore_ascii_case("Authentication_RequestFromNonPremiumTenantOrB2CTenant")
}

/// The claims of a challenge (continuous access evaluation): base64 in `WWW-Authenticate`.
fn challenged(answer: &Answer) -> Option<String> {
    let (_, rest) = answer.field("www-authenticate")?.split_once("claims=\"")?;
    let (encoded, _) = rest.split_once('"')?;
    let decoded = STANDARD.decode(encoded).or_else(|_| URL_SAFE_NO_PAD.decode(encoded)).ok()?;
    String::from_utf8(decoded).ok()
}

/// Twice as long each time, and not for all at the same time.
fn backoff(attempt: u32) -> Duration {
    let longest = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(attempt));
    let jitter = random_text().bytes().fold(0_u32, |sum, octet| sum.wrapping_mul(31).wrapping_add(octet.into())) % 500;
    longest / 2 + longest * jitter / 1000
}

/// Waits a little where what is allowed is nearly used up.
async fn slow_down(answer: &Answer) {
    let used = answer.field("x-ms-throttle-limit-percentage").and_then(|used| used.parse::<f32>().ok());
    if used.is_some_and(|used| used >= NEARLY) {
        sleep(FIRST_PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::HeaderMap;

    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        let status = StatusCode::from_u16(status).unwrap();
        Answer { status, fields: HeaderMap::new(), body: Bytes::copy_from_slice(body.as_bytes()) }
    }

    #[test]
    fn each_way_to_say_that_all_must_be_read_anew_is_understood() {
        let fault = |status, code: &str| {
            let body = format!(r#"{{"error":{{"code":"{code}","message":"m"}}}}"#);
            format!("{:?}", refused(&answer(status, &body), Wanted::USERS))
        };
        for (status, code) in
            [(410, ""), (410, "SyncStateNotFound"), (400, "syncStateNotFound"), (404, "ResyncRequired")]
        {
            assert_eq!(fault(status, code), "Resync", "{status} {code}");
        }
        assert_eq!(fault(400, "Directory_ExpiredPageToken"), "PageExpired");
        assert!(fault(403, "Authorization_RequestDenied").starts_with("Permission"));
        assert!(fault(429, "TooManyRequests").starts_with("Throttled"));
        assert!(fault(504, "UnknownError").starts_with("Unavailable"));
        assert!(fault(400, "BadRequest").starts_with("Answer"));
        assert!(format!("{:?}", refused(&answer(410, "<html>"), Wanted::USERS)) == "Resync");
    }

    #[test]
    fn a_challenge_tells_which_claims_it_wants() {
        let mut challenge = answer(401, "");
        let field = r#"Bearer realm="", error="insufficient_claims", claims="eyJhY2Nlc3NfdG9rZW4iOnt9fQ==""#;
        challenge.fields.insert("www-authenticate", field.parse().unwrap());
        assert_eq!(challenged(&challenge).as_deref(), Some("{\"access_token\":{}}"));
        assert_eq!(challenged(&answer(401, "")), None);
    }

    #[test]
    fn pauses_grow_and_differ() {
        for attempt in 0..6 {
            let longest = FIRST_PAUSE * 2_u32.pow(attempt);
            let pause = backoff(attempt);
            assert!(pause >= longest / 2 && pause <= longest, "{attempt}: {pause:?}");
        }
        let pauses: std::collections::BTreeSet<_> = (0..20).map(|_| backoff(3)).collect();
        assert!(pauses.len() > 1);
    }
}
