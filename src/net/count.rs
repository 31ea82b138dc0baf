//! Counts how many connections are open, in all and from each client.
//!
//! Strangers cannot take all places: some are kept for clients at which people have been known lately. When a
//! connection is accepted, only its address is known, so this goes by addresses.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use dashmap::DashMap;
use moka::sync::Cache;

use crate::identity::ClientBlock;

/// How long a client counts as known, at least, after a person was known there.
const LATELY: Duration = Duration::from_secs(24 * 3600);

/// How long a note is not written anew: to write one costs much more than to look for it.
const NOTED: Duration = Duration::from_secs(3600);

/// How many clients are remembered as known.
const MAX_KNOWN: u64 = 100_000;

/// How many connections there may be.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// In all.
    pub all: usize,
    /// How many of those are reserved for clients at which somebody has been known lately.
    pub for_known: usize,
    /// From one client.
    pub of_client: usize,
    /// From one IPv6 site.
    pub of_site: usize,
}

/// Counts open connections.
#[derive(Debug)]
pub struct Connections {
    all: AtomicUsize,
    of_client: DashMap<ClientBlock, usize>,
    of_site: DashMap<ClientBlock, usize>,
    bounds: ArcSwap<Bounds>,
    known: Known,
}

/// The clients at which somebody has been known lately.
#[derive(Clone, Debug)]
pub struct Known(Cache<ClientBlock, Instant>);

/// A connection's place among those that are open; dropping it makes room.
#[derive(Debug)]
pub struct Place {
    connections: Arc<Connections>,
    /// The client that it counts for; `None` if that is not known yet.
    client: Option<IpAddr>,
    /// The place of the connection of which this is a part, held so that it stays counted.
    _within: Option<Arc<Self>>,
    /// Whether it counts as a connection, and not as a part of one.
    is_whole: bool,
    /// Whether that somebody is known on it has been noted already.
    is_known: AtomicBool,
}

impl Default for Known {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(MAX_KNOWN).time_to_live(LATELY + NOTED).build())
    }
}

impl Known {
    /// Notes that somebody is known at `client`.
    pub fn note(&self, client: IpAddr) {
        let block = ClientBlock::of(client);
        if self.0.get(&block).is_none_or(|noted| noted.elapsed() >= NOTED) {
            self.0.insert(block, Instant::now());
        }
    }

    /// Whether somebody has been known at `client` lately.
    pub fn has(&self, client: IpAddr) -> bool {
        self.0.contains_key(&ClientBlock::of(client))
    }
}

impl Connections {
    /// Counts connections, within `bounds`.
    pub fn new(bounds: Bounds) -> Self {
        let (of_client, of_site) = (DashMap::new(), DashMap::new());
        Self {
            all: AtomicUsize::new(0),
            of_client,
            of_site,
            bounds: ArcSwap::from_pointee(bounds),
            known: Known::default(),
        }
    }

    /// Goes by other bounds from now on. Connections that are open stay.
    pub fn hold_to(&self, bounds: Bounds) {
        self.bounds.store(Arc::new(bounds));
    }

    /// A place for one more connection of `client`; `None` if there is no room.
    pub fn enter(self: &Arc<Self>, client: IpAddr) -> Option<Place> {
        let (all, kept) = {
            let bounds = self.bounds.load();
            (bounds.all, bounds.for_known)
        };
        // Whether somebody is known there is looked for only where that matters: it costs more than all the rest.
        if self.take(all.saturating_sub(kept)).is_none() {
            self.known.has(client).then(|| self.take(all))??;
        }
        if !self.count(client) {
            self.all.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(self.place(Some(client), None, true))
    }

    /// A place for a client on whose behalf a forwarder sends requests, on a connection that has its own place
    /// (`within`).
    pub fn enter_within(self: &Arc<Self>, client: IpAddr, within: Option<Arc<Place>>) -> Option<Place> {
        self.count(client).then(|| self.place(Some(client), within, false))
    }

    /// A place for a connection of a trusted peer, which has yet to name its client.
    pub fn enter_unnamed(self: &Arc<Self>) -> Option<Place> {
        self.take(self.bounds.load().all)?;
        Some(self.place(None, None, true))
    }

    /// How many connections are open.
    pub fn open(&self) -> usize {
        self.all.load(Ordering::Relaxed)
    }

    /// The clients at which somebody has been known lately.
    pub fn known(&self) -> &Known {
        &self.known
    }

    fn take(&self, max: usize) -> Option<()> {
        let taken = self.all.fetch_add(1, Ordering::Relaxed) < max;
        if !taken {
            self.all.fetch_sub(1, Ordering::Relaxed);
        }
        taken.then_some(())
    }

    /// Counts one more connection of a client, and of its site; false if either has as many as it may.
    fn count(&self, client: IpAddr) -> bool {
        let (block, site) = (ClientBlock::of(client), ClientBlock::site(client));
        let has_room = count(&self.of_client, block, self.bounds.load().of_client);
        if has_room && site.is_some_and(|site| !count(&self.of_site, site, self.bounds.load().of_site)) {
            discount(&self.of_client, block);
            return false;
        }
        has_room
    }

    fn place(self: &Arc<Self>, client: Option<IpAddr>, within: Option<Arc<Place>>, is_whole: bool) -> Place {
        let (connections, is_known) = (Arc::clone(self), AtomicBool::new(false));
        Place { connections, client, _within: within, is_whole, is_known }
    }
}

/// Counts one more; false, and nothing is counted, if there are `max` already.
fn count(all: &DashMap<ClientBlock, usize>, of: ClientBlock, max: usize) -> bool {
    let mut count = all.entry(of).or_insert(0);
    let has_room = *count < max;
    *count += usize::from(has_room);
    has_room
}

fn discount(all: &DashMap<ClientBlock, usize>, of: ClientBlock) {
    // In one step, so that nobody counts one more in between.
    all.remove_if_mut(&of, |_, count| {
        *count -= 1;
        *count == 0
    });
}

impl Place {
    /// Whether so many connections are open that one on which everything has been said should be closed at once, rather
    /// than slowly for its peer's sake.
    pub fn is_crowded(&self) -> bool {
        let bounds = self.connections.bounds.load();
        let all = &self.connections.all;
        all.load(Ordering::Relaxed) > bounds.all.saturating_sub(bounds.for_known) / 8 * 7
    }

    /// Notes that somebody is known on this connection, so that its client counts as known.
    pub fn note_known(&self) {
        // Once for each connection, so that requests do not contend for the cache.
        if !self.is_known.load(Ordering::Relaxed) && !self.is_known.swap(true, Ordering::Relaxed) {
            self.client.iter().for_each(|client| self.connections.known.note(*client));
        }
    }

    /// A place for one more connection of the same client.
    pub fn another(&self) -> Option<Self> {
        match self.client {
            Some(client) => self.connections.enter(client),
            None => self.connections.enter_unnamed(),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.is_whole {
            self.connections.all.fetch_sub(1, Ordering::Relaxed);
        }
        let Some(client) = self.client else { return };
        discount(&self.connections.of_client, ClientBlock::of(client));
        ClientBlock::site(client).iter().for_each(|site| discount(&self.connections.of_site, *site));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connections(all: usize, of_client: usize) -> Arc<Connections> {
        Arc::new(Connections::new(Bounds { all, for_known: 0, of_client, of_site: 8 * of_client }))
    }

    #[test]
    fn places_are_bounded_in_all_and_for_each_client_and_given_back() {
        let connections = connections(3, 2);
        let (one, other) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let first = connections.enter(one).unwrap();
        let _second = connections.enter(one).unwrap();
        assert!(connections.enter(one).is_none(), "too many from one client");
        let _third = connections.enter(other).unwrap();
        assert!(connections.enter(other).is_none(), "too many in all");
        drop(first);
        assert_eq!(connections.open(), 2);
        assert!(connections.enter(one).is_some());
        assert_eq!(connections.of_client.len(), 2);
    }

    #[test]
    fn clients_of_a_forwarder_are_counted_each_for_itself_on_its_connection() {
        let connections = connections(1, 2);
        let (one, other) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let connection = Arc::new(connections.enter_unnamed().unwrap());
        let within = || Some(Arc::clone(&connection));
        let places = [connections.enter_within(one, within()), connections.enter_within(one, within())];
        assert!(places.iter().all(Option::is_some) && connections.enter_within(one, within()).is_none());
        assert!(connections.enter_within(other, within()).is_some());
        drop(connection);
        assert_eq!(connections.open(), 1, "a tunnel of one of them keeps it");
        drop(places);
        assert_eq!((connections.open(), connections.of_client.len()), (0, 0));
    }

    #[test]
    fn all_addresses_of_one_ipv6_network_are_one_client_and_those_of_a_site_a_few() {
        let connections = Arc::new(Connections::new(Bounds { all: 100, for_known: 0, of_client: 2, of_site: 5 }));
        let enter = |address: &str| connections.enter(address.parse().unwrap());
        let held: Vec<_> = ["2001:db8::1", "2001:db8::2"].into_iter().map(enter).collect();
        assert!(held.iter().all(Option::is_some) && enter("2001:db8::3").is_none(), "a /64");
        let others: Vec<_> =
            ["1::1", "1::2", "2::1"].into_iter().map(|end| enter(&format!("2001:db8:0:{end}"))).collect();
        assert!(others.iter().all(Option::is_some) && enter("2001:db8:0:3::1").is_none(), "a /48");
        assert!(enter("2001:db8:1::1").is_some() && enter("::ffff:192.0.2.1").is_some());
        drop((held, others));
        assert_eq!((connections.open(), connections.of_client.len(), connections.of_site.len()), (0, 0, 0));
    }

    #[test]
    fn strangers_cannot_take_the_places_of_clients_where_people_are_known() {
        let connections = Arc::new(Connections::new(Bounds { all: 4, for_known: 2, of_client: 4, of_site: 4 }));
        let (person, stranger) = ("2001:db8:1::1".parse().unwrap(), "2001:db8:2::1".parse().unwrap());
        let first = connections.enter(person).unwrap();
        first.note_known();
        drop(first);
        let held: Vec<_> = (0..3).map(|_| connections.enter(stranger)).collect();
        assert_eq!(held.iter().flatten().count(), 2);
        let neighbour = "2001:db8:1::ffff".parse().unwrap();
        assert!(connections.known().has(neighbour) && !connections.known().has(stranger));
        let people = [connections.enter(person), connections.enter(neighbour)];
        assert!(people.iter().all(Option::is_some) && connections.enter(person).is_none(), "there is an end to it");
    }
}
