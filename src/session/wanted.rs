//! Addresses that are too long to travel by way of the portal: they wait here, and where nodes share a store, there as well.
//!
//! Whoever is unknown can have addresses kept. So each client has a few places, in which a new one takes the place of an old
//! one, and all of them together have so much memory; a node gives a store so many bytes an hour. What finds no place in the
//! store is known to the node that was asked.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::sync::Cache;

use super::store::{Key, Kind, Store};
use crate::clock::{Clock, SignedDuration, after};
use crate::identity::ClientBlock;
use crate::net::Bucket;
use crate::seal::{fingerprint, random};

/// Addresses that are kept for one client.
const PER_CLIENT: u128 = 32;

/// Memory for all of them, in bytes.
const MEMORY: u64 = 64 * 1024 * 1024;

/// How long they are kept: as long as a challenge is good.
const LIFETIME: SignedDuration = SignedDuration::from_hours(1);

/// Bytes that an address takes besides its own.
const BESIDES: usize = 128;

/// Bytes that this node may give the store at once, and for each second.
const SHARED: u64 = 16 * 1024 * 1024;
const SHARED_A_SECOND: u64 = 8 * 1024;

/// Keeps addresses.
#[derive(Debug)]
pub(super) struct Wanted {
    here: Cache<(ClientBlock, u128), Arc<Kept>>,
    /// The store, if other nodes have it too.
    store: Option<Arc<dyn Store>>,
    clock: Clock,
    /// What may still be given to the store; costs are in nanoseconds since `since`.
    shared: Bucket,
    since: Instant,
}

#[derive(Debug)]
struct Kept {
    name: u128,
    url: Box<str>,
}

impl Wanted {
    /// Keeps addresses in memory, and in `store` if nodes share it.
    pub(super) fn new(store: &Arc<dyn Store>, clock: Clock) -> Self {
        let weight = |kept: &Kept| u32::try_from(kept.url.len() + BESIDES).unwrap_or(u32::MAX);
        let cache = Cache::builder().weigher(move |_: &(ClientBlock, u128), kept: &Arc<Kept>| weight(kept));
        let here = cache.max_capacity(MEMORY).time_to_live(LIFETIME.unsigned_abs()).build();
        let store = store.is_shared().then(|| Arc::clone(store));
        Self { here, store, clock, shared: Bucket::default(), since: Instant::now() }
    }

    /// Keeps `url` for a client. What is given finds it again.
    pub(super) fn keep(&self, client: IpAddr, url: String) -> u128 {
        let name = u128::from_be_bytes(random());
        if let Some(store) = self.store.as_ref().filter(|_| self.may_share(url.len() + BESIDES)) {
            let (store, expires) = (Arc::clone(store), after(self.clock.now(), LIFETIME));
            let (key, record) = (key(client, name), [name.to_be_bytes().as_slice(), url.as_bytes()].concat());
            // Nobody waits for it: it is wanted after a sign-in, and if it is not there, the origin's first page is shown.
            tokio::spawn(async move { store.put(Kind::Wanted, key, record, expires).await.ok() });
        }
        self.here.insert(place(client, name), Arc::new(Kept { name, url: url.into() }));
        name
    }

    /// What was kept for this client under this name, if it is still there.
    pub(super) async fn find(&self, client: IpAddr, name: u128) -> Option<String> {
        if let Some(kept) = self.here.get(&place(client, name)).filter(|kept| kept.name == name) {
            return Some(kept.url.to_string());
        }
        let record = self.store.as_ref()?.peek(Kind::Wanted, key(client, name)).await.ok()??;
        let (of, url) = record.split_first_chunk()?;
        let url = std::str::from_utf8(url).ok()?;
        (u128::from_be_bytes(*of) == name).then(|| url.to_owned())
    }

    fn may_share(&self, bytes: usize) -> bool {
        const A_BYTE: u64 = 1_000_000_000 / SHARED_A_SECOND;
        let now = Duration::as_nanos(&self.since.elapsed());
        let cost = u64::try_from(bytes).unwrap_or(u64::MAX).saturating_mul(A_BYTE);
        self.shared.take(u64::try_from(now).unwrap_or(u64::MAX), cost, SHARED * A_BYTE).is_ok()
    }
}

fn place(client: IpAddr, name: u128) -> (ClientBlock, u128) {
    (ClientBlock::of(client), name % PER_CLIENT)
}

/// Where an address is kept in a store: a client has as many places there.
fn key(client: IpAddr, name: u128) -> Key {
    fingerprint(&format!("{:?}", place(client, name)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::store::memory::Memory;

    fn wanted() -> Wanted {
        let clock = Clock::system();
        let store: Arc<dyn Store> = Arc::new(Memory::new(100, clock.clone()));
        Wanted::new(&store, clock)
    }

    #[tokio::test]
    async fn an_address_is_found_by_its_client_until_others_of_the_same_client_take_its_place() {
        let (wanted, client) = (wanted(), IpAddr::from([192, 0, 2, 7]));
        let url = |number: usize| format!("http://news.test/?{number}{}", "a".repeat(60_000));
        let first = wanted.keep(client, url(0));
        assert_eq!(wanted.find(client, first).await, Some(url(0)));
        assert_eq!(wanted.find([192, 0, 2, 8].into(), first).await, None, "another client's");
        let names: Vec<_> = (1..2000).map(|number| wanted.keep(client, url(number))).collect();
        wanted.here.run_pending_tasks();
        let mut left = 0;
        for name in &names {
            left += usize::from(wanted.find(client, *name).await.is_some());
        }
        assert!((1..=32).contains(&left) && wanted.find(client, first).await.is_none(), "{left}");
        assert_eq!(wanted.find(client, names[1998]).await, Some(url(1999)), "the last one is there");
    }

    #[test]
    fn all_clients_together_have_so_much_memory() {
        let wanted = wanted();
        for client in 0..2000_u32 {
            wanted.keep(IpAddr::from(client.to_be_bytes()), "a".repeat(60_000));
        }
        wanted.here.run_pending_tasks();
        assert!(wanted.here.weighted_size() <= MEMORY, "{}", wanted.here.weighted_size());
    }

    #[test]
    fn strangers_give_a_shared_store_so_many_bytes_and_no_more() {
        let wanted = wanted();
        let given = (0..2000).filter(|_| wanted.may_share(60_000)).count();
        assert!((270..=320).contains(&given), "{given} of 60,000 bytes");
    }
}
