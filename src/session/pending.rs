//! Pending sign-ins: the person has been sent to an identity provider and has not come back.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde::{Deserialize, Serialize};

use super::SessionId;
use super::store::{Error, Key, Kind, Store};
use crate::clock::{Clock, SignedDuration, Timestamp, after};
use crate::seal::{fingerprint, random_text};

/// What must be remembered of a sign-in while the person is at the identity provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// The realm that was asked.
    pub realm: String,
    /// The ID of the AuthnRequest.
    pub request_id: String,
    /// When the request was issued.
    pub issued: Timestamp,
    /// The name that was typed at the logon page.
    pub typed: String,
    /// The sealed [`Return`](super::returning::Return) that the sign-in is for, when there is one.
    pub returning: Option<String>,
    /// The fingerprint of the pending sign-in's cookie: only the browser that started it has the value.
    pub browser: [u8; 16],
    /// The AuthnRequest as text, if an operator only tests the realm: then nobody is signed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<String>,
    /// Whether this renews a session, which goes on if the renewal fails.
    #[serde(default)]
    pub renews: bool,
    /// The session whose person is to prove once more who they are, if that is what this is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proves: Option<SessionId>,
    /// The ways of signing in that count (AuthnContextClassRef), if a rule wants some.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ways: Vec<String>,
}

/// The pending sign-ins.
#[derive(Debug)]
pub struct PendingSignIns {
    store: Arc<dyn Store>,
    clock: Clock,
    /// Seconds.
    lifetime: AtomicI64,
}

impl PendingSignIns {
    /// Pending sign-ins that are kept in `store` for `lifetime`.
    pub fn new(store: Arc<dyn Store>, clock: Clock, lifetime: SignedDuration) -> Self {
        Self { store, clock, lifetime: AtomicI64::new(lifetime.as_secs()) }
    }

    /// Keeps sign-ins that begin from now on for this time.
    pub fn hold_to(&self, lifetime: SignedDuration) {
        self.lifetime.store(lifetime.as_secs(), Ordering::Relaxed);
    }

    /// How long a person may take at the identity provider.
    pub fn lifetime(&self) -> SignedDuration {
        SignedDuration::from_secs(self.lifetime.load(Ordering::Relaxed))
    }

    /// A name for a pending sign-in: the RelayState, 22 characters.
    pub fn fresh_id() -> String {
        random_text()
    }

    /// Remembers a sign-in under `id`.
    pub async fn remember(&self, id: &str, pending: &Pending) -> Result<(), Error> {
        let record = serde_json::to_vec(pending).unwrap_or_default();
        self.store.put(Kind::Pending, fingerprint(id), record, after(self.clock.now(), self.lifetime())).await
    }

    /// Looks a sign-in up without using it up.
    pub async fn find(&self, id: &str) -> Result<Option<Pending>, Error> {
        let found = self.store.peek(Kind::Pending, fingerprint(id)).await?;
        Ok(found.and_then(|record| serde_json::from_slice(&record).ok()))
    }

    /// Uses a sign-in up; of several that try at the same time, one gets it.
    pub async fn consume(&self, id: &str) -> Result<Option<Pending>, Error> {
        let found = self.store.take(Kind::Pending, fingerprint(id)).await?;
        Ok(found.and_then(|record| serde_json::from_slice(&record).ok()))
    }

    /// Counts an attempt of `client` at `what`, on all nodes together, and gives how many there have been in the
    /// current window of length `span`. `None` if the store does not answer.
    pub async fn count_attempt(&self, what: &str, client: IpAddr, span: SignedDuration) -> Option<u64> {
        let now = self.clock.now();
        let number = now.as_second().div_euclid(span.as_secs().max(1));
        let key = fingerprint(&format!("{what} {client} {number}"));
        self.store.count(key, after(now, span)).await.ok()
    }

    /// Marks a challenge as answered; false when it was answered before.
    pub async fn answer_challenge(&self, challenge: Key, expires: Timestamp) -> Result<bool, Error> {
        self.store.claim(Kind::Challenge, challenge, expires).await
    }

    /// Keeps the result of a test under `id`, for its operator to look at.
    pub async fn keep(&self, id: &str, result: Vec<u8>) -> Result<(), Error> {
        self.store
            .put(Kind::Pending, fingerprint(&format!("{id}\nresult")), result, after(self.clock.now(), self.lifetime()))
            .await
    }

    /// The result of a test, if it is kept.
    pub async fn kept(&self, id: &str) -> Result<Option<Vec<u8>>, Error> {
        self.store.peek(Kind::Pending, fingerprint(&format!("{id}\nresult"))).await
    }

    /// Marks an assertion as used until `expires`; false when it was used before.
    pub async fn use_assertion(&self, issuer: &str, id: &str, expires: Timestamp) -> Result<bool, Error> {
        self.store.claim(Kind::Assertion, fingerprint(&format!("{issuer}\n{id}")), expires).await
    }
}
