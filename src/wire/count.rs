//! How many connections are open, in all and from each client.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dashmap::DashMap;

/// Counts open connections.
#[derive(Debug)]
pub struct Connections {
    all: AtomicUsize,
    of_client: DashMap<IpAddr, usize>,
    max: usize,
    max_per_client: usize,
}

/// A connection's place among those that are open; dropping it makes room.
#[derive(Debug)]
pub struct Place {
    connections: Arc<Connections>,
    /// Whose it is, when that is known.
    client: Option<IpAddr>,
    /// The connection that it is a part of, which counts for itself.
    _within: Option<Arc<Self>>,
    /// Whether it is a connection, and not a part of one.
    is_whole: bool,
}

impl Connections {
    /// At most `max` connections, and `max_per_client` from one address.
    pub fn new(max: usize, max_per_client: usize) -> Self {
        Self { all: AtomicUsize::new(0), of_client: DashMap::new(), max, max_per_client }
    }

    /// A place for one more connection, when there is one.
    pub fn enter(self: &Arc<Self>, client: IpAddr) -> Option<Place> {
        if self.all.fetch_add(1, Ordering::Relaxed) >= self.max {
            self.all.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        let mut count = self.of_client.entry(client).or_insert(0);
        if *count >= self.max_per_client {
            self.all.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        *count += 1;
        drop(count);
        Some(Place { connections: Arc::clone(self), client: Some(client), _within: None, is_whole: true })
    }

    /// A place for a client on whose behalf somebody else asks, on a connection that has one already.
    pub fn enter_within(self: &Arc<Self>, client: IpAddr, within: Option<Arc<Place>>) -> Option<Place> {
        let mut count = self.of_client.entry(client).or_insert(0);
        if *count >= self.max_per_client {
            return None;
        }
        *count += 1;
        drop(count);
        Some(Place { connections: Arc::clone(self), client: Some(client), _within: within, is_whole: false })
    }

    /// A place for somebody who is yet to be named.
    pub fn enter_unnamed(self: &Arc<Self>) -> Option<Place> {
        if self.all.fetch_add(1, Ordering::Relaxed) >= self.max {
            self.all.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(Place { connections: Arc::clone(self), client: None, _within: None, is_whole: true })
    }

    /// How many connections are open.
    pub fn open(&self) -> usize {
        self.all.load(Ordering::Relaxed)
    }
}

impl Place {
    /// Whether so many connections are open that one which is over should not be kept for its peer's sake.
    pub fn is_crowded(&self) -> bool {
        let Connections { all, max, .. } = &*self.connections;
        all.load(Ordering::Relaxed) > *max / 8 * 7
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
        let Some(client) = &self.client else { return };
        if let Some(mut count) = self.connections.of_client.get_mut(client) {
            *count -= 1;
        }
        self.connections.of_client.remove_if(client, |_, count| *count == 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_in_all_and_for_each_client_and_given_back() {
        let connections = Arc::new(Connections::new(3, 2));
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
        let connections = Arc::new(Connections::new(1, 2));
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
}
