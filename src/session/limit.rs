//! How often one client may try something.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use moka::sync::Cache;

use super::pending::PendingSignIns;
use crate::clock::SignedDuration;

/// Clients that are counted at the same time; more push out those that were counted first.
const MAX_CLIENTS: u64 = 100_000;

/// Counts attempts by client address in fixed windows.
#[derive(Debug)]
pub struct Limiter {
    /// What is counted, as nodes call it.
    what: &'static str,
    max: u32,
    window: SignedDuration,
    attempts: Cache<IpAddr, Arc<AtomicU32>>,
}

impl Limiter {
    /// At most `max` attempts of each client in a `window`.
    pub fn new(max: u32, window: Duration) -> Self {
        let window_signed = SignedDuration::try_from(window).unwrap_or(SignedDuration::from_secs(60));
        Self {
            what: "attempts",
            max,
            window: window_signed,
            attempts: Cache::builder().max_capacity(MAX_CLIENTS).time_to_live(window).build(),
        }
    }

    /// The same, with a count of its own: two that have one name count together on all nodes.
    #[must_use]
    pub fn of(self, what: &'static str) -> Self {
        Self { what, ..self }
    }

    /// Counts an attempt; false when there were too many. `pending` counts them for all nodes.
    pub async fn admit(&self, client: IpAddr, pending: &PendingSignIns) -> bool {
        let client = household(client);
        // Whoever has been too quick here costs nobody else any work.
        if !self.admit_here(client) {
            return false;
        }
        let everywhere = pending.count_attempt(self.what, client, self.window).await;
        everywhere.is_none_or(|attempts| attempts <= u64::from(self.max))
    }

    /// Whether `client` has had all its attempts here.
    pub fn is_spent(&self, client: IpAddr) -> bool {
        let attempts = self.attempts.get(&household(client));
        attempts.is_some_and(|count| count.load(Ordering::Relaxed) >= self.max)
    }

    /// The same for this node alone.
    pub fn admit_here(&self, client: IpAddr) -> bool {
        let count = self.attempts.get_with(household(client), Arc::default);
        count.fetch_add(1, Ordering::Relaxed) < self.max
    }
}

/// One subscriber has a whole /64 of IPv6 addresses.
fn household(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) & !u128::from(u64::MAX)).into()),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_admitted_as_often_as_allowed_and_others_do_not_count() {
        let limiter = Limiter::new(2, Duration::from_secs(60));
        let admitted = |client: &str| limiter.admit_here(client.parse().unwrap());
        assert!(admitted("192.0.2.7") && admitted("::ffff:192.0.2.7"));
        assert!(!admitted("192.0.2.7"));
        assert!(admitted("192.0.2.8"));
        assert!(admitted("2001:db8::1") && admitted("2001:db8::2:1"));
        assert!(!admitted("2001:db8::3"), "one /64 is one client");
        assert!(admitted("2001:db8:0:1::3"));
    }
}
