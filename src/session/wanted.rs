//! Addresses that are too long to travel by way of the portal: they wait here, at the node that was asked for them.
//!
//! Whoever is unknown can have addresses kept. So each client has a few places, in which a new one takes the place of an old
//! one, and all of them together have so much memory.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;

use crate::identity::ClientBlock;
use crate::seal::random;

/// Addresses that are kept for one client.
const PER_CLIENT: u128 = 32;

/// Memory for all of them, in bytes.
const MEMORY: u64 = 64 * 1024 * 1024;

/// How long they are kept: as long as a challenge is good.
const LIFETIME: Duration = Duration::from_hours(1);

/// Bytes that an address takes besides its own.
const BESIDES: usize = 128;

/// Keeps addresses.
#[derive(Debug)]
pub(super) struct Wanted(Cache<(ClientBlock, u128), Arc<Kept>>);

#[derive(Debug)]
struct Kept {
    name: u128,
    url: Box<str>,
}

impl Default for Wanted {
    fn default() -> Self {
        let weight = |kept: &Kept| u32::try_from(kept.url.len() + BESIDES).unwrap_or(u32::MAX);
        let cache = Cache::builder().weigher(move |_: &(ClientBlock, u128), kept: &Arc<Kept>| weight(kept));
        Self(cache.max_capacity(MEMORY).time_to_live(LIFETIME).build())
    }
}

impl Wanted {
    /// Keeps `url` for a client. What is given finds it again.
    pub(super) fn keep(&self, client: IpAddr, url: String) -> u128 {
        let name = u128::from_be_bytes(random());
        self.0.insert(place(client, name), Arc::new(Kept { name, url: url.into() }));
        name
    }

    /// What was kept for this client under this name, if it is still there.
    pub(super) fn find(&self, client: IpAddr, name: u128) -> Option<String> {
        let kept = self.0.get(&place(client, name))?;
        (kept.name == name).then(|| kept.url.to_string())
    }
}

fn place(client: IpAddr, name: u128) -> (ClientBlock, u128) {
    (ClientBlock::of(client), name % PER_CLIENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_by_its_client_until_others_of_the_same_client_take_its_place() {
        let (wanted, client) = (Wanted::default(), IpAddr::from([192, 0, 2, 7]));
        let url = |number: usize| format!("http://news.test/?{number}{}", "a".repeat(60_000));
        let first = wanted.keep(client, url(0));
        assert_eq!(wanted.find(client, first), Some(url(0)));
        assert_eq!(wanted.find([192, 0, 2, 8].into(), first), None, "another client's");
        let names: Vec<_> = (1..2000).map(|number| wanted.keep(client, url(number))).collect();
        wanted.0.run_pending_tasks();
        let left = names.iter().filter(|name| wanted.find(client, **name).is_some()).count();
        assert!((1..=32).contains(&left) && wanted.find(client, first).is_none(), "{left}");
        assert_eq!(wanted.find(client, names[1998]), Some(url(1999)), "the last one is there");
    }

    #[test]
    fn all_clients_together_have_so_much_memory() {
        let wanted = Wanted::default();
        for client in 0..2000_u32 {
            wanted.keep(IpAddr::from(client.to_be_bytes()), "a".repeat(60_000));
        }
        wanted.0.run_pending_tasks();
        assert!(wanted.0.weighted_size() <= MEMORY, "{}", wanted.0.weighted_size());
    }
}
