//! What the configuration says about clients of a listener: their network, who may speak for others, and whether guests
//! may go on.
//!
//! A connection can outlive the configuration under which it was accepted. Each connection carries the era of the
//! configuration by which it was judged, and is judged anew before its first request under a later one.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use jiff::tz::TimeZone;

use super::forwarders::{Forwarders, Standing};
use super::peer::{Era, Peer};
use crate::identity::{Network, Networks};
use crate::net::count::Place;

/// One listener's part of a configuration.
#[derive(Debug)]
pub struct Entry {
    listener: Arc<str>,
    /// Whether the listener is for guests.
    guest: bool,
    /// Peers that may send requests on behalf of others.
    forwarders: Option<Arc<Forwarders>>,
    networks: Arc<Networks>,
    era: Era,
    /// The configured address of the listener, if it has one of its own.
    address: Option<SocketAddr>,
    /// The era since which a listener of this name has had this address.
    since: Era,
}

/// All listeners' parts of one configuration.
#[derive(Debug)]
pub struct Entries {
    by_listener: Vec<Arc<Entry>>,
    networks: Arc<Networks>,
    era: Era,
}

impl Entry {
    /// The part of the listener of this name, in the configuration of `era`.
    pub fn new(
        listener: &str,
        guest: bool,
        forwarders: Option<Arc<Forwarders>>,
        networks: Arc<Networks>,
        era: Era,
    ) -> Self {
        Self { listener: listener.into(), guest, forwarders, networks, era, address: None, since: 0 }
    }

    /// The same at this address. If the listener had another address `before`, connections that came in then do not
    /// count as having come in by this listener.
    #[must_use]
    pub fn at(self, address: SocketAddr, before: Option<&Entries>) -> Self {
        let all = before.map(|before| &before.by_listener[..]).unwrap_or_default();
        let same = all.iter().find(|entry| entry.listener == self.listener && entry.address == Some(address));
        Self { address: Some(address), since: same.map_or(self.era, |same| same.since), ..self }
    }

    /// The listener's name.
    pub fn listener(&self) -> &Arc<str> {
        &self.listener
    }

    /// Whether a peer at this address may send requests on behalf of others.
    pub fn is_forwarder(&self, client: IpAddr) -> bool {
        self.forwarders.as_ref().is_some_and(|forwarders| forwarders.contains(client))
    }

    /// A client that has connected here.
    pub fn peer(&self, client: SocketAddr, place: Place) -> Peer {
        let network = Arc::clone(self.networks.of(client.ip()));
        let (listener, place) = (Arc::clone(&self.listener), Some(Arc::new(place)));
        let guest = self.guest && !network.is_elsewhere();
        let (standing, era) = (self.standing(client.ip()), self.era);
        Peer { client, listener, network, tls: None, proof: None, place, forwarder: None, standing, guest, era }
    }

    fn standing(&self, client: IpAddr) -> Standing {
        match &self.forwarders {
            None => Standing::Own,
            Some(forwarders) if forwarders.contains(client) => Standing::Forwarder(Arc::clone(forwarders)),
            Some(forwarders) => Standing::Unlisted(Arc::clone(forwarders)),
        }
    }
}

impl Entries {
    /// The parts of the configuration of `era`.
    pub fn new(by_listener: Vec<Arc<Entry>>, networks: Arc<Networks>, era: Era) -> Self {
        Self { by_listener, networks, era }
    }

    /// The parts of the listeners, in the order of the configuration.
    pub fn all(&self) -> &[Arc<Entry>] {
        &self.by_listener
    }

    /// The number of this configuration.
    pub fn era(&self) -> Era {
        self.era
    }

    /// The network that a client belongs to.
    pub fn network_of(&self, client: IpAddr) -> Arc<Network> {
        Arc::clone(self.networks.of(client))
    }

    /// The time zones that clients are in, by their networks.
    pub fn time_zones(&self) -> Vec<&TimeZone> {
        self.networks.time_zones()
    }

    /// The same client as this configuration judges it; `None` if this configuration has judged it already. What the
    /// client has shown and proven stays. A forwarder is judged by its connection, and not by a request.
    pub fn renewed(&self, peer: &Peer) -> Option<Peer> {
        if peer.era == self.era {
            return None;
        }
        let network = Arc::clone(self.networks.of(peer.client.ip()));
        let entry = self.of(&peer.listener, peer.era);
        // If the listener is gone, the peer keeps the old era: a later listener of the same name is not the one by
        // which it came in.
        let era = if entry.is_some() { self.era } else { peer.era };
        let guest = entry.is_some_and(|entry| entry.guest) && !network.is_elsewhere();
        let standing = match (&peer.standing, entry) {
            // These two are of single requests, for which a forwarder has named somebody or nobody: that stays.
            (Standing::Silent, _) => Standing::Silent,
            (Standing::Own, _) if peer.forwarder.is_some() => Standing::Own,
            // On a listener that is gone, or has another name, nobody may speak for others any more. Its connections
            // end after their next answer.
            (_, None) => Standing::Own,
            (_, Some(entry)) => entry.standing(peer.client.ip()),
        };
        // A peer that was a forwarder, and is none any more, goes on sending the requests of others. They count as
        // nobody's, so its address must not stand for a person.
        let was_forwarder = matches!(peer.standing, Standing::Forwarder(_) | Standing::Silent);
        if was_forwarder && !matches!(standing, Standing::Forwarder(_)) {
            let (network, standing) = (Arc::new(network.without_address()), Standing::Silent);
            return Some(Peer { network, guest, standing, era, tls: None, proof: None, ..peer.clone() });
        }
        Some(Peer { network, guest, standing, era, ..peer.clone() })
    }

    /// Whether a client at this address that came in by this listener, in the configuration of `era`, may go on as
    /// `guest`. With `here_alone`, only because of the listener, and not because of the network.
    pub fn admits_guests(&self, listener: &str, era: Era, client: IpAddr, here_alone: bool) -> bool {
        let network = self.networks.of(client);
        let guest = self.of(listener, era).is_some_and(|entry| entry.guest) && !network.is_elsewhere();
        guest || network.guest && !here_alone
    }

    /// Whether the address of such a client may stand for a person.
    pub fn address_stands(&self, listener: &str, era: Era, client: IpAddr) -> bool {
        self.networks.of(client).address && !self.of(listener, era).is_some_and(|entry| entry.is_forwarder(client))
    }

    fn of(&self, listener: &str, era: Era) -> Option<&Arc<Entry>> {
        self.by_listener.iter().find(|entry| *entry.listener == *listener && entry.since <= era)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::network;
    use crate::net::Connections;
    use crate::net::count::Bounds;
    use crate::wire::forwarded::Named;
    use crate::wire::h1::Fields;

    fn networks(text: &str) -> Arc<Networks> {
        #[derive(serde::Deserialize)]
        struct Section {
            #[serde(default)]
            network: Vec<network::Config>,
        }
        Arc::new(Networks::new(&toml::from_str::<Section>(text).unwrap().network))
    }

    fn entries(era: Era, text: &str, guest: bool, forwarders: &[&str]) -> (Arc<Entry>, Entries) {
        let (networks, bounds) = (networks(text), Bounds { all: 9, for_known: 0, of_client: 9, of_site: 9 });
        let list: Vec<_> = forwarders.iter().map(|net| net.parse().unwrap()).collect();
        let connections = Arc::new(Connections::new(bounds));
        let forwarders = (!list.is_empty())
            .then(|| Arc::new(Forwarders::new(&list, Named::First, Arc::clone(&networks), connections)));
        let entry = Arc::new(Entry::new("proxy", guest, forwarders, Arc::clone(&networks), era));
        (Arc::clone(&entry), Entries::new(vec![entry], networks, era))
    }

    const SITE: &str = "[[network]]\nname = 'site'\naddresses = ['192.0.2.0/24']";

    #[test]
    fn a_connection_is_judged_anew_by_each_later_configuration_and_once_only() {
        let connections = Arc::new(Connections::new(Bounds { all: 9, for_known: 0, of_client: 9, of_site: 9 }));
        let place = || connections.enter_unnamed().unwrap();
        let (first, before) = entries(1, "", false, &["192.0.2.7/32"]);
        let peer = first.peer("192.0.2.7:5".parse().unwrap(), place());
        assert!(before.renewed(&peer).is_none());
        let fields = Fields::from([("X-Forwarded-For", "198.51.100.1")]);
        assert!(peer.on_behalf(&fields).unwrap().is_some());
        let (_, after) = entries(2, SITE, true, &["192.0.2.8/32"]);
        let renewed = after.renewed(&peer).unwrap();
        assert_eq!((&*renewed.network.name, renewed.guest, renewed.era), ("site", true, 2));
        assert!(renewed.on_behalf(&fields).unwrap().is_none(), "it speaks for nobody any more");
        assert!(after.renewed(&renewed).is_none());
        let gone = Entries::new(vec![], networks(SITE), 3);
        let renewed = gone.renewed(&renewed).unwrap();
        assert!(!renewed.guest && matches!(renewed.standing, Standing::Silent));
        // What a forwarder asks for itself never stands for the person at its address.
        let silent = peer.on_behalf(&Fields::from([("Via", "1.1 a")])).unwrap().unwrap();
        let renewed = after.renewed(&silent).unwrap();
        assert!(!silent.network.address && !renewed.network.address && matches!(renewed.standing, Standing::Silent));
        // Nor does its address, where its listener is gone, has another name, or does not list it any more.
        for renewed in [gone.renewed(&peer), after.renewed(&peer)] {
            assert!(renewed.is_some_and(|peer| !peer.network.address && peer.on_behalf(&fields).unwrap().is_none()));
        }
        // One of this name at another address is another one, then and later.
        let address = |port: u16| std::net::SocketAddr::from(([192, 0, 2, 1], port));
        let entry = |era, guest| Entry::new("proxy", guest, None, networks(SITE), era);
        let all = |entry| Entries::new(vec![Arc::new(entry)], networks(SITE), 0);
        let here = all(entry(4, false).at(address(1), None));
        let there = Entries { era: 5, ..all(entry(5, true).at(address(2), Some(&here))) };
        let later = Entries { era: 6, ..all(entry(6, true).at(address(2), Some(&there))) };
        let accepted = here.all()[0].peer("192.0.2.7:5".parse().unwrap(), place());
        let judged = there.renewed(&accepted).unwrap();
        assert!(!judged.guest && !later.renewed(&judged).unwrap().guest);
        let stayed = Entries { era: 5, ..all(entry(5, true).at(address(1), Some(&here))) };
        assert!(stayed.renewed(&accepted).unwrap().guest);
        let named = after.renewed(&peer.on_behalf(&fields).unwrap().unwrap()).unwrap();
        assert!(matches!(named.standing, Standing::Own), "whom a forwarder names speaks for nobody");
    }
}
