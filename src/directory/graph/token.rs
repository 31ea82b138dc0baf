//! The token by which Graph knows us: fetched when there is none, and kept until shortly before it expires.

use serde::Deserialize;
use tokio::sync::Mutex;
use url::Url;

use super::config::Config;
use super::credential::{token_endpoint, token_request};
use super::fault::Fault;
use crate::clock::{Clock, SignedDuration, Timestamp, after};
use crate::egress::client::Client;
use crate::egress::service::{Answer, Call, Service, target_of};
use crate::policy::Purpose;
use crate::secret::Secret;

/// How long before its end a token is replaced.
const EARLY: SignedDuration = SignedDuration::from_mins(5);

/// The longest answer of the token endpoint.
const MOST: usize = 256 * 1024;

/// Errors of the token endpoint that are about one credential, so that the next one may be good.
const OF_ONE_CREDENTIAL: [&str; 2] = ["invalid_client", "unauthorized_client"];

/// The tokens of one application.
#[derive(Debug)]
pub(in crate::directory) struct GraphTokens {
    config: Config,
    clock: Clock,
    kept: Mutex<Option<Kept>>,
}

#[derive(Clone, Debug)]
struct Kept {
    token: Secret,
    until: Timestamp,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    #[serde(default)]
    expires_in: i64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Refused {
    error: String,
    error_description: String,
    error_codes: Vec<u32>,
}

impl GraphTokens {
    pub(in crate::directory) fn new(config: Config, clock: Clock) -> Self {
        Self { config, clock, kept: Mutex::default() }
    }

    /// A token. A `spent` one, which Graph does not take any more, is not given again; `claims` are what it asks for.
    pub(super) async fn token(
        &self,
        client: &Client,
        spent: Option<&Secret>,
        claims: Option<&str>,
    ) -> Result<Secret, Fault> {
        let mut kept = self.kept.lock().await;
        let now = self.clock.now();
        let good = kept.as_ref().filter(|kept| kept.until > now && Some(&kept.token) != spent);
        if let Some(good) = good {
            return Ok(good.token.clone());
        }
        *kept = None;
        let fresh = self.fetch(client, claims, now).await?;
        let token = fresh.token.clone();
        *kept = Some(fresh);
        Ok(token)
    }

    /// Asks with one credential after another, until one is taken.
    async fn fetch(&self, client: &Client, claims: Option<&str>, now: Timestamp) -> Result<Kept, Fault> {
        let endpoint = token_endpoint(&self.config);
        let url = Url::parse(&endpoint).map_err(|error| Fault::OwnCredential(format!("{endpoint}: {error}")))?;
        let service = Service::at(&url, client.clone(), Purpose::Directory, MOST)?;
        let mut last = Fault::OwnCredential("there is none".to_owned());
        for credential in &self.config.credentials {
            let body = match token_request(&self.config, credential, claims, now) {
                Ok(body) => body,
                Err(fault) => {
                    last = fault;
                    continue;
                }
            };
            let form = body.expose().as_bytes().to_vec();
            let call = Call::post(target_of(&url), "application/x-www-form-urlencoded", form);
            let answer = service.ask(&call).await?;
            match read(&answer, now) {
                Ok(kept) => return Ok(kept),
                Err((fault, true)) => last = fault,
                Err((fault, false)) => return Err(fault),
            }
        }
        Err(last)
    }
}

/// The token of an answer, or what is wrong, and whether another credential may be better.
fn read(answer: &Answer, now: Timestamp) -> Result<Kept, (Fault, bool)> {
    if answer.status.is_success() {
        let granted: Granted = serde_json::from_slice(&answer.body)
            .map_err(|error| (Fault::Answer(format!("the token endpoint: {error}")), false))?;
        let until = after(now, SignedDuration::from_secs(granted.expires_in.clamp(0, 86_400)) - EARLY);
        return Ok(Kept { token: Secret::new(granted.access_token), until });
    }
    let refused: Refused = serde_json::from_slice(&answer.body).unwrap_or_default();
    if answer.status.is_server_error() || answer.status == 429 || refused.error.is_empty() {
        let why = format!("the token endpoint answers {}", answer.status);
        return Err((Fault::Unavailable(why), false));
    }
    // The first line says it; what follows are a trace ID and a time.
    let message: String = refused.error_description.lines().next().unwrap_or_default().chars().take(300).collect();
    let code = refused.error_codes.first().copied().unwrap_or_default();
    let fault = Fault::Credential { code, message: if message.is_empty() { refused.error.clone() } else { message } };
    Err((fault, OF_ONE_CREDENTIAL.contains(&refused.error.as_str())))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, StatusCode};

    use super::super::fault::Condition;
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        let status = StatusCode::from_u16(status).unwrap();
        Answer { status, fields: HeaderMap::new(), body: Bytes::copy_from_slice(body.as_bytes()) }
    }

    #[test]
    fn a_token_is_replaced_before_it_expires() {
        let body = r#"{"token_type":"Bearer","expires_in":3599,"access_token":"abc"}"#;
        let kept = read(&answer(200, body), Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!((kept.token.expose(), kept.until.as_second()), ("abc", 3299));
        assert!(!format!("{kept:?}").contains("abc"));
    }

    #[test]
    fn refusals_are_told_apart_and_only_those_about_a_credential_let_the_next_one_try() {
        for (status, error, code, condition, next) in [
            (401, "invalid_client", 7_000_222, Condition::SecretExpired, true),
            (401, "invalid_client", 7_000_215, Condition::CredentialError, true),
            (400, "unauthorized_client", 7_000_112, Condition::ApplicationDisabled, true),
            (400, "invalid_request", 90_002, Condition::CredentialError, false),
            (503, "temporarily_unavailable", 90_033, Condition::Unavailable, false),
        ] {
            let body = format!(
                r#"{{"error":"{error}","error_description":"AADSTS{code}: no.\r\nTrace ID: x","error_codes":[{code}]}}"#
            );
            let (fault, other) = read(&answer(status, &body), Timestamp::UNIX_EPOCH).unwrap_err();
            assert_eq!((fault.condition(), other), (condition, next), "{code}");
            assert!(!fault.to_string().contains("Trace"), "{fault}");
        }
        let (fault, _) = read(&answer(502, "<html>"), Timestamp::UNIX_EPOCH).unwrap_err();
        assert_eq!(fault.condition(), Condition::Unavailable);
    }
}
