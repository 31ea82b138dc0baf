//! Asks a transmitter for signals (RFC 8936), again and again, and says of each what became of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::time::sleep;

use super::config::Delivery;
use super::receiver::{Receiver, Untaken};
use super::transmitter::{ApiError, MOST};
use crate::clock::{SignedDuration, after};
use crate::egress::client::{self, Client};
use crate::egress::service::{Call, Service, target_of};
use crate::policy::Purpose;
use crate::seal::sha256;
use crate::session::store::{Key, Kind};

/// Tokens that one answer may have.
const MOST_SETS: usize = 100;

/// How long to wait where the transmitter answers at once, and after a failure: the first time, and at most.
const PAUSE: Duration = Duration::from_millis(1000);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// How often keys are fetched anew.
const KEYS: Duration = Duration::from_hours(6);

/// How long a node has the turn to ask.
const TURN: SignedDuration = SignedDuration::from_secs(150);

/// What was done with tokens, and the transmitter has not been told yet.
#[derive(Debug, Default)]
struct Untold {
    done: Vec<String>,
    refused: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Polled {
    #[serde(default)]
    sets: BTreeMap<String, String>,
    #[serde(default)]
    more_available: bool,
}

impl Receiver {
    /// Keeps the keys fresh, and asks for signals if they come by poll, for as long as the future is polled. `client` gives
    /// the way out as the configuration in force has it; `None` ends it.
    pub async fn keep(self: Arc<Self>, client: impl Fn() -> Option<Client>) {
        let (mut untold, mut pause) = (Untold::default(), PAUSE);
        let mut keys: Option<Instant> = None;
        loop {
            let Some(client) = client() else { return };
            if keys.is_none_or(|at| at.elapsed() > KEYS) {
                match self.fetch_keys(&client).await {
                    Ok(_) => (keys, self.status().fault) = (Some(Instant::now()), None),
                    Err(error) => {
                        self.fail(&error);
                        sleep(pause).await;
                        pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
                        continue;
                    }
                }
            }
            if self.config.delivery == Delivery::Push || !self.has_turn().await {
                sleep(PAUSE).await;
                continue;
            }
            let begun = Instant::now();
            pause = match self.poll(&client, &mut untold).await {
                Ok(has_more) => {
                    self.status().fault = None;
                    if !has_more && untold.is_empty() && begun.elapsed() < PAUSE {
                        sleep(PAUSE).await;
                    }
                    PAUSE
                }
                Err(error) => {
                    self.fail(&error);
                    sleep(pause).await;
                    pause.saturating_mul(2).min(LONGEST_PAUSE)
                }
            };
        }
    }

    fn fail(&self, error: &ApiError) {
        let said = error.to_string();
        let mut status = self.status();
        // Once for each fault.
        if status.fault.as_ref() != Some(&said) {
            tracing::warn!(
                signals = self.config.name,
                reason = said,
                "the transmitter of signals cannot be asked: it is tried again"
            );
        }
        status.fault = Some(said);
    }

    /// Whether this node asks. Signals that two nodes ask for at the same time would be shared out among them, which does
    /// no harm; but one is enough.
    async fn has_turn(&self) -> bool {
        let store = &self.around.store;
        if !store.is_shared() {
            return true;
        }
        let octets = format!("turn\0{}\0{}", self.config.name, self.config.issuer.as_str());
        let key: Key = sha256(octets.as_bytes()).first_chunk().copied().unwrap_or_default();
        // While the store is away, each node asks: signals that come twice do no harm.
        let Ok(held) = store.peek(Kind::Signal, key).await else { return true };
        if held.as_deref().is_some_and(|held| held != self.node) {
            return false;
        }
        let expires = after(self.around.clock.now(), TURN);
        store.swap(Kind::Signal, key, held, self.node.to_vec(), expires).await == Ok(true)
    }

    /// Asks once, and takes what comes. Whether the transmitter has more.
    async fn poll(&self, client: &Client, untold: &mut Untold) -> Result<bool, ApiError> {
        let url = self.config.poll_url.as_ref().ok_or(ApiError::Config("`poll_url` is missing"))?.url();
        let body = json!({
            "maxEvents": MOST_SETS,
            // The transmitter may wait with its answer until there is something to say.
            "returnImmediately": !untold.is_empty(),
            "ack": untold.done, "setErrs": untold.refused,
        });
        let call = self.authorised(Call::post(target_of(url), "application/json", body.to_string()));
        let service = Service::at(url, client.clone(), Purpose::Signals, MOST)?;
        let answer = match service.ask(&call).await {
            // It has waited with its answer for longer than we do: there was nothing to say.
            Err(client::Error::TimedOut(_)) if untold.is_empty() => return Ok(false),
            answer => answer?,
        };
        if !answer.status.is_success() {
            return Err(ApiError::Status(answer.status));
        }
        let polled: Polled = serde_json::from_slice(&answer.body)
            .map_err(|error| ApiError::Answer(format!("answer to a poll cannot be read: {error}")))?;
        *untold = Untold::default();
        self.status().polled = Some(self.around.clock.now());
        for (jti, token) in polled.sets.into_iter().take(MOST_SETS) {
            match self.take(&token, Some(client)).await {
                Ok(()) => untold.done.push(jti),
                Err(Untaken::Refused(refusal)) => {
                    let said = json!({ "err": refusal.code(), "description": refusal.to_string() });
                    untold.refused.insert(jti, said);
                }
                // Neither: the transmitter sends it again.
                Err(Untaken::Later) => sleep(PAUSE).await,
            }
        }
        Ok(polled.more_available)
    }
}

impl Untold {
    fn is_empty(&self) -> bool {
        self.done.is_empty() && self.refused.is_empty()
    }
}
