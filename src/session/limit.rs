//! How often one client may try something.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use moka::sync::Cache;

use super::pending::PendingSignIns;
use crate::clock::SignedDuration;
use crate::identity::ClientBlock;
use crate::identity::block::SITE_TIMES;

/// Clients that are counted at the same time; more push out those that were counted first.
const MAX_CLIENTS: u64 = 100_000;

/// Counts attempts by client address in fixed windows.
#[derive(Debug)]
pub struct Limiter {
    /// What is counted, as nodes call it.
    what: &'static str,
    max: u32,
    window: SignedDuration,
    attempts: Cache<ClientBlock, Arc<AtomicU32>>,
    of_sites: Cache<ClientBlock, Arc<AtomicU32>>,
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
            of_sites: Cache::builder().max_capacity(MAX_CLIENTS).time_to_live(window).build(),
        }
    }

    /// The same, with a count of its own: two that have one name count together on all nodes.
    #[must_use]
    pub fn of(self, what: &'static str) -> Self {
        Self { what, ..self }
    }

    /// Counts an attempt; false when there were too many. `pending` counts them for all nodes.
    pub async fn admit(&self, client: IpAddr, pending: &PendingSignIns) -> bool {
        // Whoever has been too quick here costs nobody else any work.
        if !self.admit_here(client) {
            return false;
        }
        let everywhere = pending.count_attempt(self.what, ClientBlock::of(client).first(), self.window).await;
        everywhere.is_none_or(|attempts| attempts <= u64::from(self.max))
    }

    /// Whether `client` has had all its attempts here.
    pub fn is_spent(&self, client: IpAddr) -> bool {
        let has_had = |count: Arc<AtomicU32>, max| count.load(Ordering::Relaxed) >= max;
        let of_site = ClientBlock::site(client).and_then(|site| self.of_sites.get(&site));
        self.attempts.get(&ClientBlock::of(client)).is_some_and(|count| has_had(count, self.max))
            || of_site.is_some_and(|count| has_had(count, self.max_of_site()))
    }

    /// The same for this node alone. What a client is refused does not count for its site.
    pub fn admit_here(&self, client: IpAddr) -> bool {
        self.admit_up_to(client, self.max)
            && ClientBlock::site(client).is_none_or(|site| one_more(&self.of_sites, site, self.max_of_site()))
    }

    /// The same for what all clients share. Those where nobody has been known lately leave a quarter to the others.
    pub fn admit_any(&self, is_known: bool) -> bool {
        let max = if is_known { self.max } else { self.max - self.max / 4 };
        self.admit_up_to(IpAddr::V4(Ipv4Addr::UNSPECIFIED), max)
    }

    fn admit_up_to(&self, client: IpAddr, max: u32) -> bool {
        one_more(&self.attempts, ClientBlock::of(client), max)
    }

    fn max_of_site(&self) -> u32 {
        self.max.saturating_mul(SITE_TIMES)
    }
}

/// Counts one more, unless there have been `max`.
fn one_more(all: &Cache<ClientBlock, Arc<AtomicU32>>, of: ClientBlock, max: u32) -> bool {
    let count = all.get_with(of, Arc::default);
    count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| (count < max).then_some(count + 1)).is_ok()
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

    #[test]
    fn a_site_is_admitted_as_often_as_a_few_clients() {
        let limiter = Limiter::new(2, Duration::from_secs(60));
        let admitted = |number: u16| limiter.admit_here(format!("2001:db8:7:{number:x}::1").parse().unwrap());
        let count = (0..100).filter(|number| admitted(*number)).count();
        assert_eq!(count, 2 * SITE_TIMES as usize);
        assert!(limiter.is_spent("2001:db8:7:ffff::1".parse().unwrap()));
        assert!(limiter.admit_here("2001:db8:8::1".parse().unwrap()));
    }

    #[test]
    fn what_all_share_is_not_used_up_by_strangers() {
        let limiter = Limiter::new(8, Duration::from_secs(60));
        assert_eq!((0..20).filter(|_| limiter.admit_any(false)).count(), 6);
        assert_eq!((0..20).filter(|_| limiter.admit_any(true)).count(), 2);
    }
}
