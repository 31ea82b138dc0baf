//! Asks the transmitter itself (SSF 1.0 §7): for its configuration and keys, for a stream, and whether the stream works.

use http::header::{ACCEPT, AUTHORIZATION};
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::config::{Delivery, HttpsUrl};
use super::event::REQUESTED;
use super::receiver::Receiver;
use crate::egress::client::{self, Client};
use crate::egress::service::{Answer, Call, Service, target_of};
use crate::policy::Purpose;
use crate::seal::random_text;

/// The longest answer, in octets: that of a poll may have many tokens.
pub(super) const MOST: usize = 4 * 1024 * 1024;

/// The longest configuration and set of keys.
const MOST_DOCUMENT: usize = 256 * 1024;

/// Why the transmitter could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The connection or the answer failed.
    #[error(transparent)]
    Client(#[from] client::Error),
    /// It answers with an error.
    #[error(
        "the transmitter answers {0}: see whether `token` is good there, and whether `stream` is the stream's identifier"
    )]
    Status(StatusCode),
    /// What it answers cannot be used.
    #[error("the transmitter's {0}")]
    Answer(String),
    /// The configuration does not say enough.
    #[error("{0}")]
    Config(&'static str),
}

/// What is used of a transmitter's configuration (SSF 1.0 §7.1.1).
#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    issuer: String,
    jwks_uri: Option<String>,
    configuration_endpoint: Option<String>,
    verification_endpoint: Option<String>,
}

/// What is used of a stream's configuration (SSF 1.0 §7.1.1).
#[derive(Debug, Deserialize)]
struct StreamConfiguration {
    stream_id: String,
    #[serde(default)]
    delivery: Value,
    aud: Option<Value>,
    #[serde(default)]
    events_delivered: Vec<String>,
}

impl Receiver {
    /// The transmitter's configuration.
    pub(super) async fn metadata(&self, client: &Client) -> Result<Metadata, ApiError> {
        let url = self.config.configuration();
        let document = client.fetch(&url, "application/json", MOST_DOCUMENT, Purpose::Signals).await?;
        let metadata: Metadata = serde_json::from_slice(&document)
            .map_err(|error| ApiError::Answer(format!("configuration at {url} cannot be read: {error}")))?;
        // Otherwise another issuer's keys could be taken for its own (SSF 1.0 §7.2.3).
        if metadata.issuer != self.config.issuer.as_str() {
            return Err(ApiError::Answer(format!("configuration at {url} is that of another issuer")));
        }
        Ok(metadata)
    }

    /// Fetches the keys.
    pub(super) async fn fetch_keys(&self, client: &Client) -> Result<usize, ApiError> {
        let url = match &self.config.jwks_url {
            Some(url) => url.url().clone(),
            None => {
                let metadata = self.metadata(client).await?;
                address("jwks_uri", metadata.jwks_uri.as_deref())?
            }
        };
        let document = client.fetch(&url, "application/json", MOST_DOCUMENT, Purpose::Signals).await?;
        let count = self.keys.take(&document);
        count
            .filter(|count| *count > 0)
            .ok_or_else(|| ApiError::Answer(format!("keys at {url} are none that can be used")))
    }

    /// Has the transmitter make a stream, which delivers to `portal`. Returns what to write into the configuration.
    pub async fn create(&self, client: &Client, portal: &str) -> Result<Value, ApiError> {
        let metadata = self.metadata(client).await?;
        let url = address("configuration_endpoint", metadata.configuration_endpoint.as_deref())?;
        let mut delivery = json!({ "method": self.config.delivery.method() });
        if let (Delivery::Push, Some(own)) = (self.config.delivery, delivery.as_object_mut()) {
            let token = self.config.push_tokens.first();
            let token =
                token.ok_or(ApiError::Config("`push_tokens` has no token that the transmitter could be given"))?;
            own.insert("endpoint_url".into(), json!(format!("{portal}/signals/{}", self.config.name)));
            own.insert("authorization_header".into(), json!(format!("Bearer {}", token.expose())));
        }
        let asked = json!({ "delivery": delivery, "events_requested": REQUESTED, "description": "Vestibule" });
        let answer = self.call(client, &url, Method::POST, asked).await?;
        let stream: StreamConfiguration = serde_json::from_slice(&answer.body)
            .map_err(|error| ApiError::Answer(format!("answer about the new stream cannot be read: {error}")))?;
        let poll = stream.delivery.get("endpoint_url").filter(|_| self.config.delivery == Delivery::Poll);
        Ok(json!({
            "signals": self.config.name, "stream": stream.stream_id, "audience": stream.aud, "poll_url": poll,
            "events": stream.events_delivered,
        }))
    }

    /// Asks the transmitter to send a verification event with the state that this returns (SSF 1.0 §7.1.4).
    pub async fn ask_to_verify(&self, client: &Client) -> Result<String, ApiError> {
        let metadata = self.metadata(client).await?;
        let url = address("verification_endpoint", metadata.verification_endpoint.as_deref())?;
        let stream =
            self.config.stream.as_ref().ok_or(ApiError::Config("`stream` is missing: the stream's identifier"))?;
        let state = random_text();
        self.call(client, &url, Method::POST, json!({ "stream_id": stream, "state": state })).await?;
        Ok(state)
    }

    async fn call(&self, client: &Client, url: &Url, method: Method, body: Value) -> Result<Answer, ApiError> {
        let service = Service::at(url, client.clone(), Purpose::Signals, MOST)?;
        let call = self.authorised(Call { method, ..Call::post(target_of(url), "application/json", body.to_string()) });
        let answer = service.ask(&call).await?;
        if answer.status.is_success() { Ok(answer) } else { Err(ApiError::Status(answer.status)) }
    }

    /// The call with the token by which the transmitter knows this program.
    pub(super) fn authorised(&self, call: Call) -> Call {
        let call = call.with(ACCEPT, "application/json");
        match &self.config.token {
            Some(token) => call.with(AUTHORIZATION, &format!("Bearer {}", token.expose())),
            None => call,
        }
    }
}

fn address(what: &str, text: Option<&str>) -> Result<Url, ApiError> {
    let url = text.and_then(HttpsUrl::parse);
    url.map(|url| url.url().clone())
        .ok_or_else(|| ApiError::Answer(format!("configuration has no https address as `{what}`")))
}
