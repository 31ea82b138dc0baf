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
use crate::net::LateCache;

/// Clients that are counted at the same time. Beyond that, others push out those that were counted first.
const MAX_CLIENTS: u64 = 100_000;

/// Counts attempts by client address in fixed windows.
#[derive(Debug)]
pub struct Limiter {
    /// The name of what is counted: the same on all nodes.
    what: &'static str,
    max: AtomicU32,
    window: SignedDuration,
    attempts: LateCache<ClientBlock, Arc<AtomicU32>>,
    of_sites: LateCache<ClientBlock, Arc<AtomicU32>>,
}

impl Limiter {
    /// At most `max` attempts of each client in a `window`.
    pub fn new(max: u32, window: Duration) -> Self {
        let window_signed = SignedDuration::try_from(window).unwrap_or(SignedDuration::from_secs(60));
        Self {
            what: "attempts",
            max: AtomicU32::new(max),
            window: window_signed,
            attempts: LateCache::new(move || Cache::builder().max_capacity(MAX_CLIENTS).time_to_live(window).build()),
            of_sites: LateCache::new(move || Cache::builder().max_capacity(MAX_CLIENTS).time_to_live(window).build()),
        }
    }

    /// Goes by another bound from now on. Attempts that were counted stay counted.
    pub fn hold_to(&self, max: u32) {
        self.max.store(max, Ordering::Relaxed);
    }

    fn max(&self) -> u32 {
        self.max.load(Ordering::Relaxed)
    }

    /// The same limiter with a name of its own: limiters of the same name count together on all nodes.
    #[must_use]
    pub fn of(self, what: &'static str) -> Self {
        Self { what, ..self }
    }

    /// Counts an attempt of `client`; false if it has made too many, here or, as `pending` counts them, on all nodes.
    pub async fn admit(&self, client: IpAddr, pending: &PendingSignIns) -> bool {
        // First what this node can tell by itself, so that a client that has been refused here costs the store nothing.
        if !self.admit_here(client) {
            return false;
        }
        let everywhere = pending.count_attempt(self.what, ClientBlock::of(client).first(), self.window).await;
        everywhere.is_none_or(|attempts| attempts <= u64::from(self.max()))
    }

    /// Whether `client` has used up its attempts on this node. Counts nothing.
    pub fn is_spent(&self, client: IpAddr) -> bool {
        let has_had = |count: Arc<AtomicU32>, max| count.load(Ordering::Relaxed) >= max;
        let of_site = ClientBlock::site(client).and_then(|site| self.of_sites.get(&site));
        self.attempts.get(&ClientBlock::of(client)).is_some_and(|count| has_had(count, self.max()))
            || of_site.is_some_and(|count| has_had(count, self.max_of_site()))
    }

    /// Counts an attempt on this node alone; false if there were too many. One that is refused to a client does not
    /// count for its site.
    pub fn admit_here(&self, client: IpAddr) -> bool {
        self.admit_up_to(client, self.max())
            && ClientBlock::site(client).is_none_or(|site| one_more(&self.of_sites, site, self.max_of_site()))
    }

    /// Counts an attempt of any client in a count that all share; false if there were too many. A quarter of it is left
    /// to clients of whom somebody is known (`is_known`).
    pub fn admit_any(&self, is_known: bool) -> bool {
        let max = if is_known { self.max() } else { self.max() - self.max() / 4 };
        self.admit_up_to(IpAddr::V4(Ipv4Addr::UNSPECIFIED), max)
    }

    fn admit_up_to(&self, client: IpAddr, max: u32) -> bool {
        one_more(&self.attempts, ClientBlock::of(client), max)
    }

    fn max_of_site(&self) -> u32 {
        self.max().saturating_mul(SITE_TIMES)
    }
}

/// Counts one more; false, and nothing is counted, if there have been `max`.
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

    #[tokio::test]
    async fn an_ipv6_network_is_one_client_for_all_nodes_together() {
        let clock = crate::clock::Clock::by_hand(crate::clock::Timestamp::UNIX_EPOCH);
        let store = Arc::new(crate::session::store::memory::Memory::new(100, clock.clone()));
        let pending = PendingSignIns::new(store, clock, SignedDuration::from_mins(1));
        let nodes = [2; 4].map(|max| Limiter::new(max, Duration::from_secs(60)));
        let mut admitted = Vec::new();
        for (node, address) in nodes.iter().zip(["2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8:0:1::1"]) {
            admitted.push(node.admit(address.parse().unwrap(), &pending).await);
        }
        assert_eq!(admitted, [true, true, false, true]);
    }

    #[test]
    fn what_all_share_is_not_used_up_by_strangers() {
        let limiter = Limiter::new(8, Duration::from_secs(60));
        assert_eq!((0..20).filter(|_| limiter.admit_any(false)).count(), 6);
        assert_eq!((0..20).filter(|_| limiter.admit_any(true)).count(), 2);
    }
}
