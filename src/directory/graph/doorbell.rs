//! Change notifications of Microsoft Graph as a doorbell: they are never believed for what they say, and have a round begin
//! that asks what has changed.
//!
//! A tenant's users and groups have a subscription each. The node that leads makes and renews them; what is remembered of
//! them is in the directory, so that each node knows the doorbell when it rings.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use subtle::ConstantTimeEq as _;
use tokio::time::sleep;
use url::Url;

use super::asking::{Asking, Patience, Wanted};
use super::{Fault, Sync};
use crate::clock::{SignedDuration, Timestamp, after};
use crate::directory::Error;
use crate::egress::client::Client;
use crate::egress::service::Call;
use crate::seal::{random_text, sha256};

/// The name under which the directory remembers the subscriptions.
const STATE: &str = "graph/doorbell";

/// What is subscribed to.
const RESOURCES: [&str; 2] = ["users", "groups"];

/// How long a subscription lasts (Graph allows 29 days), and when it is renewed.
const LIFETIME: SignedDuration = SignedDuration::from_hours(72);
const RENEWAL: SignedDuration = SignedDuration::from_hours(36);

/// How often it is looked whether one must be renewed, and how long after a failure it is tried again.
const LOOK: Duration = Duration::from_secs(2);
const RETRY: Duration = Duration::from_mins(5);

/// How often the doorbell has a round begin, at most.
pub const SELDOM: Duration = Duration::from_secs(5);

/// How often it is looked up what the doorbell is, at most.
const FRESH: Duration = Duration::from_secs(1);

/// The longest notification, in octets, and the most changes that are looked at.
pub const MOST: usize = 256 * 1024;
const MOST_CHANGES: usize = 1000;

/// What is remembered of subscriptions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Subscribed {
    /// Where notifications go.
    url: String,
    /// What Graph shows with each of them.
    client_state: String,
    /// The identifiers of the subscriptions, and until when they last, as [`RESOURCES`].
    each: [Option<(String, Timestamp)>; 2],
}

/// What this node knows of the doorbell.
#[derive(Debug, Default)]
pub(super) struct Doorbell(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    known: Option<(Instant, Subscribed)>,
    rung: Option<Instant>,
}

/// What is to be done about a notification.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rung {
    /// That it is asked what has changed, now and once more after [`SELDOM`].
    pub asks: bool,
    /// That the subscriptions are renewed.
    pub renews: bool,
}

/// What Graph posts.
#[derive(Debug, Deserialize)]
struct Notification {
    value: Vec<Change>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Change {
    client_state: Option<String>,
    lifecycle_event: Option<String>,
}

impl Sync {
    /// Keeps the subscriptions for as long as the future is polled, on the node that leads; nothing without
    /// `notification_url`. `client` gives the way out; `None` ends it.
    pub async fn keep_doorbell(self: Arc<Self>, client: impl Fn() -> Option<Client>) {
        let Some(url) = self.config.notification_url.clone() else { return };
        let mut said = false;
        loop {
            sleep(LOOK).await;
            // Before anything is known, there is nothing to be told of.
            if !self.directory.leads() || super::status::remembered(&self.directory).is_none() {
                continue;
            }
            let Some(client) = client() else { return };
            match self.subscribe(&url, client).await {
                Ok(()) => said = false,
                Err(fault) => {
                    if !said {
                        tracing::warn!(
                            directory = self.directory.name(),
                            reason = %fault,
                            help = fault.help(),
                            "Microsoft Graph does not tell of changes: they are learnt from the next round, and it is tried again"
                        );
                    }
                    said = true;
                    sleep(RETRY).await;
                }
            }
        }
    }

    /// Makes or renews what must be made or renewed.
    async fn subscribe(&self, url: &Url, client: Client) -> Result<(), Fault> {
        let now = self.clock.now();
        let mut subscribed = self.subscribed().unwrap_or_default();
        if subscribed.url != url.as_str() {
            subscribed = Subscribed { url: url.to_string(), client_state: random_text(), each: [None, None] };
        }
        let is_due = |until: Timestamp| until < after(now, RENEWAL);
        if subscribed.each.iter().all(|one| one.as_ref().is_some_and(|(_, until)| !is_due(*until))) {
            return Ok(());
        }
        // Remembered first: Graph may ring while it is being asked.
        self.remember(&subscribed).await?;
        let base = self.config.graph();
        let base = Url::parse(&base).map_err(|error| Fault::Answer(format!("`{base}` is no address: {error}")))?;
        let asking = Asking::new(&base, client, &self.tokens, &self.clock)?;
        let until = after(now, LIFETIME);
        for (at, resource) in RESOURCES.into_iter().enumerate() {
            let Some(one) = subscribed.each.get_mut(at) else { continue };
            let wanted = match resource {
                "users" => Wanted { phrase: "to tell of changed users", permission: "User.Read.All" },
                _ => Wanted { phrase: "to tell of changed groups", permission: "Group.Read.All" },
            };
            if let Some((id, last)) = one.clone() {
                if !is_due(last) {
                    continue;
                }
                let body = json!({ "expirationDateTime": until.to_string() });
                let call = Call::post(format!("/v1.0/subscriptions/{id}"), "application/json", body.to_string());
                // One that is gone is made anew.
                match asking.call(Call { method: Method::PATCH, ..call }, wanted, Patience::Operator).await {
                    Ok(_) => *one = Some((id, until)),
                    Err(Fault::Answer(_) | Fault::Absent | Fault::Resync) => *one = None,
                    Err(fault) => return Err(fault),
                }
            }
            if one.is_none() {
                let body = json!({
                    "changeType": "updated,deleted", "resource": resource, "notificationUrl": url,
                    "lifecycleNotificationUrl": url, "clientState": subscribed.client_state,
                    "expirationDateTime": until.to_string(),
                });
                let call = Call::post("/v1.0/subscriptions".to_owned(), "application/json", body.to_string());
                let answer = asking.call(call, wanted, Patience::Operator).await?;
                let made: Value = serde_json::from_slice(&answer.body)
                    .map_err(|error| Fault::Answer(format!("a subscription cannot be read: {error}")))?;
                let id = made.get("id").and_then(Value::as_str).filter(|id| is_id(id));
                let id = id.ok_or_else(|| Fault::Answer("a subscription has no identifier".to_owned()))?;
                *one = Some((id.to_owned(), until));
            }
            // At once: if the next one fails, this one is not made again.
            self.remember(&subscribed).await?;
        }
        tracing::info!(directory = self.directory.name(), until = %until, "Microsoft Graph tells of changes from now on");
        Ok(())
    }

    async fn remember(&self, subscribed: &Subscribed) -> Result<(), Fault> {
        let octets = serde_json::to_vec(subscribed).map_err(Error::from)?;
        let written = self.directory.write(move |edit| {
            edit.lead()?;
            edit.set_state(STATE, Some(&octets))
        });
        written.await.map_err(Fault::from)?;
        self.doorbell.state().known = None;
        Ok(())
    }

    fn subscribed(&self) -> Option<Subscribed> {
        let state = self.directory.read().and_then(|reading| reading.state(STATE)).ok().flatten()?;
        serde_json::from_slice(&state).ok()
    }

    /// Takes a notification: what is to be done about it.
    pub fn take_notification(&self, body: &[u8]) -> Rung {
        let nothing = Rung::default();
        if self.config.notification_url.is_none() || body.len() > MOST {
            return nothing;
        }
        let Ok(Notification { value }) = serde_json::from_slice(body) else { return nothing };
        let own = self.known();
        // What nobody has subscribed to has no state that could be compared.
        if own.client_state.is_empty() {
            return nothing;
        }
        let own = sha256(own.client_state.as_bytes());
        let is_ours = |change: &&Change| {
            let shown = change.client_state.as_deref().unwrap_or_default();
            bool::from(sha256(shown.as_bytes()).ct_eq(&own))
        };
        let changes: Vec<&Change> = value.iter().take(MOST_CHANGES).filter(is_ours).collect();
        if changes.is_empty() {
            tracing::debug!(
                directory = self.directory.name(),
                "a notification that is not of our subscriptions is ignored"
            );
            return nothing;
        }
        let is = |event: &str| changes.iter().any(|change| change.lifecycle_event.as_deref() == Some(event));
        let renews = is("reauthorizationRequired") || is("subscriptionRemoved");
        let mut state = self.doorbell.state();
        // Those that come meanwhile are told by the round that begins after the pause.
        let is_first = state.rung.is_none_or(|rung| rung.elapsed() >= SELDOM);
        if is_first {
            state.rung = Some(Instant::now());
        }
        Rung { asks: is_first, renews }
    }

    /// What the doorbell is, as it was known a moment ago.
    fn known(&self) -> Subscribed {
        let mut state = self.doorbell.state();
        match &state.known {
            Some((at, known)) if at.elapsed() < FRESH => known.clone(),
            _ => {
                let known = self.subscribed().unwrap_or_default();
                state.known = Some((Instant::now(), known.clone()));
                known
            }
        }
    }

    /// Has the node that leads renew the subscriptions, or make them anew if they are gone.
    pub async fn renew_doorbell(&self) {
        let written = self.directory.write(|edit| {
            let kept = edit.state(STATE)?;
            let Some(mut known) = kept.and_then(|kept| serde_json::from_slice::<Subscribed>(&kept).ok()) else {
                return Ok(());
            };
            for (_, until) in known.each.iter_mut().flatten() {
                *until = Timestamp::UNIX_EPOCH;
            }
            edit.set_state(STATE, Some(&serde_json::to_vec(&known)?))
        });
        // If it cannot be written, they are renewed in time all the same, unless they are gone.
        drop::<Result<(), Error>>(written.await);
    }
}

impl Doorbell {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether it can stand in a path.
fn is_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= 100 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}
