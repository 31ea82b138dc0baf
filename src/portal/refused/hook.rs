//! The operator's service that is told when somebody asks for a review: one POST for each, and no more at a time than a few.

use serde::Serialize;
use tokio::sync::Semaphore;
use url::Url;

use crate::clock::Timestamp;
use crate::egress::client::{Client, Error};
use crate::policy::Purpose;
use crate::secret::Secret;

/// Where reviews are asked for, and with what.
#[derive(Clone, Debug)]
pub struct Hook {
    /// The address, which may hold a secret.
    pub(in crate::portal) url: Address,
    /// What is sent as `Authorization: Bearer`.
    pub(in crate::portal) token: Option<Secret>,
}

/// An https address that is not shown.
#[derive(Clone)]
pub(in crate::portal) struct Address(pub(in crate::portal) Url);

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// What the service is told, as JSON.
#[derive(Debug, Serialize)]
pub(super) struct Told<'a> {
    /// The host that was refused.
    pub(super) site: &'a str,
    /// The rule that refused it.
    pub(super) rule: &'a str,
    /// The request, as the access log names it.
    pub(super) request_id: &'a str,
    /// The person, if they have signed in.
    pub(super) user: Option<&'a str>,
    /// The realm that vouches for them.
    pub(super) realm: Option<&'a str>,
    /// What they have written.
    pub(super) reason: &'a str,
    /// The name of their network.
    pub(super) network: &'a str,
    /// The portal that asks.
    pub(super) portal: &'a str,
    /// When they asked.
    pub(super) time: Timestamp,
}

/// Why nobody has been told.
#[derive(Debug, thiserror::Error)]
pub(super) enum Untold {
    /// As many as may be are being told already.
    #[error("too many reviews are being asked for at once")]
    Busy,
    /// The service did not take it.
    #[error(transparent)]
    Refused(#[from] Error),
}

impl Hook {
    /// Tells the service, once. Whoever waits is told what came of it, and can try again.
    pub(super) async fn tell(&self, client: &Client, turns: &Semaphore, told: &Told<'_>) -> Result<(), Untold> {
        // Nobody queues: what does not get through at once is said to be so.
        let _turn = turns.try_acquire().map_err(|_| Untold::Busy)?;
        let document = serde_json::to_vec(told).unwrap_or_default();
        Ok(client.post_json(&self.url.0, document, self.token.as_ref(), Purpose::Review).await?)
    }
}
