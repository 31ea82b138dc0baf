//! Security event tokens (RFC 8417), as the Shared Signals Framework profiles them: checked before anything in them is believed.

use std::collections::BTreeMap;

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use serde::Deserialize;
use serde_json::Value;

use super::config::Config;
use super::event::SecurityEvent;
use crate::clock::{SignedDuration, Timestamp, after};

/// The longest token, in octets.
pub(super) const MOST: usize = 64 * 1024;

/// The algorithms that are accepted. None is symmetric: the key is public.
const ALGORITHMS: [Algorithm; 8] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
];

/// How many events one token may have.
const MOST_EVENTS: usize = 8;

/// How far the transmitter's clock may be ahead of ours.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// The longest `jti`.
const LONGEST_JTI: usize = 512;

/// A token that is genuine.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Set {
    pub(super) jti: String,
    /// When it was issued.
    pub(super) issued: Timestamp,
    /// Whether it is so old that nothing is done about it.
    pub(super) is_stale: bool,
    /// About whom it is; older transmitters say so in each event.
    pub(super) subject: Option<Value>,
    pub(super) events: Vec<SecurityEvent>,
}

/// Why a token is refused, as transmitters are told (RFC 8935 §2.4).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetError {
    /// It is no such token.
    #[error("{0}")]
    Request(&'static str),
    /// No key of its issuer has signed it.
    #[error("{0}")]
    Key(&'static str),
    /// Its issuer is not the one that was expected here.
    #[error("the issuer is not the one of this stream")]
    Issuer,
    /// It is meant for somebody else.
    #[error("the audience is not this receiver")]
    Audience,
}

impl SetError {
    /// The code of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Request(_) => "invalid_request",
            Self::Key(_) => "invalid_key",
            Self::Issuer => "invalid_issuer",
            Self::Audience => "invalid_audience",
        }
    }
}

#[derive(Debug, Deserialize)]
struct Claims {
    iss: String,
    aud: Audience,
    iat: i64,
    jti: String,
    exp: Option<Value>,
    sub_id: Option<Value>,
    events: BTreeMap<String, Value>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    fn names(&self, own: &[String]) -> bool {
        match self {
            Self::One(name) => own.contains(name),
            Self::Several(names) => names.iter().any(|name| own.contains(name)),
        }
    }
}

/// What a token says of how it was signed, before it is believed.
pub(super) fn header(token: &str) -> Result<Header, SetError> {
    if token.len() > MOST {
        return Err(SetError::Request("the token is too long"));
    }
    let header = jsonwebtoken::decode_header(token)
        .map_err(|_| SetError::Request("this is no signed token, or its algorithm is not known"))?;
    let kind = header.typ.as_deref().unwrap_or_default().to_ascii_lowercase();
    // So that no token of another kind is taken for one (RFC 8417 §2.3).
    if kind.strip_prefix("application/").unwrap_or(&kind) != "secevent+jwt" {
        return Err(SetError::Request("its `typ` is not `secevent+jwt`"));
    }
    // Whatever it names must be understood, or the token be refused, and nothing is (RFC 7515 §4.1.11).
    if header.crit.is_some() {
        return Err(SetError::Request("it has `crit`, which names extensions that are not known here"));
    }
    if !ALGORITHMS.contains(&header.alg) {
        return Err(SetError::Request("its signature algorithm is not accepted: use RS256, PS256 or ES256"));
    }
    Ok(header)
}

/// Checks a token that says to be signed by this key.
pub(super) fn verify(
    token: &str,
    header: &Header,
    key: &Jwk,
    config: &Config,
    now: Timestamp,
) -> Result<Set, SetError> {
    let key = DecodingKey::from_jwk(key).map_err(|_| SetError::Key("the key of its issuer cannot be used"))?;
    let mut validation = Validation::new(header.alg);
    // The time is the clock's of this program, and the rest is compared below, so that each has its own answer.
    validation.required_spec_claims.clear();
    (validation.validate_exp, validation.validate_nbf, validation.validate_aud) = (false, false, false);
    let claims = jsonwebtoken::decode::<Claims>(token, &key, &validation).map_err(|error| {
        use jsonwebtoken::errors::ErrorKind;
        match error.kind() {
            ErrorKind::Json(_) | ErrorKind::Base64(_) | ErrorKind::Utf8(_) => SetError::Request(
                "a claim is missing or is not what it should be: `iss`, `aud`, `iat`, `jti` or `events`",
            ),
            _ => SetError::Key("its signature is not that of a key of its issuer"),
        }
    })?;
    read(claims.claims, config, now)
}

fn read(claims: Claims, config: &Config, now: Timestamp) -> Result<Set, SetError> {
    if claims.iss != config.issuer.as_str() {
        return Err(SetError::Issuer);
    }
    if !claims.aud.names(&config.audience) {
        return Err(SetError::Audience);
    }
    // Access tokens and ID tokens have one, and are no signals (SSF 1.0 §4.1).
    if claims.exp.is_some() {
        return Err(SetError::Request("it has `exp`, which no security event token of this framework has"));
    }
    let is_jti = !claims.jti.is_empty() && claims.jti.len() <= LONGEST_JTI;
    if !is_jti {
        return Err(SetError::Request("its `jti` is empty or too long"));
    }
    let issued = Timestamp::from_second(claims.iat).map_err(|_| SetError::Request("its `iat` is no time"))?;
    if issued > after(now, SKEW) {
        return Err(SetError::Request("its `iat` is in the future"));
    }
    if claims.events.is_empty() || claims.events.len() > MOST_EVENTS {
        return Err(SetError::Request("it has no events, or too many"));
    }
    if !claims.events.values().all(Value::is_object) {
        return Err(SetError::Request("an event is not an object"));
    }
    let is_stale = after(issued, config.max_age.signed()) < now;
    let events = claims.events.into_iter().map(|(kind, says)| SecurityEvent::of(&kind, says)).collect();
    Ok(Set { jti: claims.jti, issued, is_stale, subject: claims.sub_id, events })
}
