//! On whose behalf a trusted peer sends a request (X-Forwarded-For), and what the next hop is told about the client.

use std::net::IpAddr;
use std::sync::Arc;

use serde::Deserialize;

use super::forwarders::FIELD;
use super::h1::Fields;
use super::peer::Peer;

pub use super::forwarders::{Error, Forwarders, Named, Standing};

impl Peer {
    /// The client on whose behalf a request with these fields is sent, if that is not the peer itself. What the
    /// connection has shown and proven does not count for that client.
    pub fn on_behalf(&self, fields: &Fields) -> Result<Option<Self>, Error> {
        let forwarders = match &self.standing {
            Standing::Own | Standing::Silent => return Ok(None),
            Standing::Unlisted(forwarders) => {
                if fields.contains(FIELD)
                    && let Some(count) = forwarders.ignore()
                {
                    let (listener, peer) = (&self.listener, self.client);
                    tracing::warn!(%listener, %peer, count, "X-Forwarded-For is ignored, because the peer that sent it is not among this listener's `forwarders`");
                }
                return Ok(None);
            }
            Standing::Forwarder(forwarders) => forwarders,
        };
        let Some(client) = forwarders.client(fields)? else {
            // The request is its own, or of a client that it does not name: its address must not stand for a person.
            let network = Arc::new(self.network.without_address());
            return Ok(Some(Self { network, tls: None, proof: None, standing: Standing::Silent, ..self.clone() }));
        };
        let place = forwarders.connections.enter_within(client.ip(), self.place.clone()).ok_or(Error::Crowded)?;
        let network = Arc::clone(forwarders.networks.of(client.ip()));
        Ok(Some(Self {
            client,
            guest: forwarders.guest && !network.is_elsewhere(),
            network,
            tls: None,
            proof: None,
            place: Some(Arc::new(place)),
            forwarder: Some(self.client.ip()),
            standing: Standing::Own,
            listener: Arc::clone(&self.listener),
            era: self.era,
        }))
    }
}

/// What origins are told about the client of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ForwardedFor {
    /// Nothing.
    #[default]
    Remove,
    /// What the client says, with the client's own address appended.
    Append,
    /// What the client says.
    Keep,
}

impl ForwardedFor {
    /// Writes the fields for a request that `peer` sent with `fields`.
    pub fn write(self, octets: &mut Vec<u8>, fields: &Fields, peer: &Peer) {
        if self == Self::Remove {
            return;
        }
        // The address at the other end of the connection, which we have seen ourselves.
        let near = peer.forwarder.unwrap_or_else(|| peer.client.ip());
        let own = (self == Self::Append).then_some(near);
        put(octets, "X-Forwarded-For", fields, own.map(|own| own.to_string()).as_deref());
        // RFC 7239 §7.4: if the request has both fields, both must say the same.
        if fields.contains("forwarded") {
            let node = own.map(|own| match own {
                IpAddr::V4(own) => format!("for={own}"),
                IpAddr::V6(own) => format!("for=\"[{own}]\""),
            });
            put(octets, "Forwarded", fields, node.as_deref());
        }
    }
}

fn put(octets: &mut Vec<u8>, name: &str, fields: &Fields, own: Option<&str>) {
    let values = fields.items(name).chain(own.map(str::as_bytes));
    let value = values.collect::<Vec<_>>().join(&b", "[..]);
    if !value.is_empty() {
        octets.extend_from_slice(name.as_bytes());
        octets.extend_from_slice(b": ");
        octets.extend_from_slice(&value);
        octets.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddr;
    use std::sync::atomic::Ordering;

    use crate::identity::Networks;
    use crate::net::count::{Bounds, Connections};

    fn forwarders(named: Named) -> Arc<Forwarders> {
        let peers = ["10.0.0.5/32".parse().unwrap(), "10.0.0.6/32".parse().unwrap()];
        let connections = Arc::new(Connections::new(Bounds { all: 100, for_known: 0, of_client: 2, of_site: 2 }));
        Arc::new(Forwarders::new(&peers, named, Arc::new(Networks::new(&[])), connections))
    }

    fn peer(standing: Standing) -> Peer {
        let client: SocketAddr = "10.0.0.5:4000".parse().unwrap();
        let network = Arc::clone(Networks::new(&[]).of(client.ip()));
        Peer { standing, ..Peer::new(client, "proxy", network) }
    }

    #[test]
    fn each_request_of_a_forwarder_is_another_clients() {
        let list = forwarders(Named::First);
        let forwarder = peer(Standing::Forwarder(Arc::clone(&list)));
        let fields = |client: &str| Fields::from([("X-Forwarded-For", client)]);
        let first = forwarder.on_behalf(&fields("192.0.2.7")).unwrap().unwrap();
        assert_eq!((first.client.ip().to_string(), first.forwarder), ("192.0.2.7".into(), Some(forwarder.client.ip())));
        assert!(matches!(first.standing, Standing::Own), "nobody speaks for others inside of it");
        let second = forwarder.on_behalf(&fields("192.0.2.7")).unwrap().unwrap();
        assert_eq!(forwarder.on_behalf(&fields("192.0.2.7")).unwrap_err(), Error::Crowded);
        assert!(forwarder.on_behalf(&fields("192.0.2.8")).is_ok(), "others have room");
        drop((first, second));
        assert!(forwarder.on_behalf(&fields("192.0.2.7")).is_ok(), "the room was given back");
        let own = forwarder.on_behalf(&Fields::from([("Via", "1.1 a")])).unwrap().unwrap();
        assert_eq!((own.client, own.network.address), (forwarder.client, false));
    }

    #[test]
    fn nobody_else_is_believed() {
        let fields = Fields::from([("X-Forwarded-For", "192.0.2.7")]);
        let list = forwarders(Named::First);
        for standing in [Standing::Own, Standing::Unlisted(Arc::clone(&list))] {
            assert!(peer(standing).on_behalf(&fields).unwrap().is_none());
        }
        assert_eq!(list.ignored.load(Ordering::Relaxed), 1);
        assert_eq!((0..6).filter_map(|_| list.ignore()).collect::<Vec<_>>(), [2, 4]);
    }

    #[test]
    fn origins_are_told_as_much_as_the_configuration_says() {
        let both = Fields::from([("X-Forwarded-For", "203.0.113.9"), ("Forwarded", "for=203.0.113.9;proto=http")]);
        let none = Fields::from([("Accept", "*/*")]);
        let direct = peer(Standing::Own);
        let behind = Peer { client: "[2001:db8::7]:1".parse().unwrap(), ..peer(Standing::Own) };
        let forwarded = Peer { forwarder: Some("10.0.0.5".parse().unwrap()), ..behind.clone() };
        for (setting, fields, peer, written) in [
            (ForwardedFor::Remove, &both, &direct, ""),
            (
                ForwardedFor::Keep,
                &both,
                &direct,
                "X-Forwarded-For: 203.0.113.9\r\nForwarded: for=203.0.113.9;proto=http\r\n",
            ),
            (ForwardedFor::Keep, &none, &direct, ""),
            (ForwardedFor::Append, &none, &direct, "X-Forwarded-For: 10.0.0.5\r\n"),
            (
                ForwardedFor::Append,
                &both,
                &behind,
                "X-Forwarded-For: 203.0.113.9, 2001:db8::7\r\n\
                 Forwarded: for=203.0.113.9;proto=http, for=\"[2001:db8::7]\"\r\n",
            ),
            (
                ForwardedFor::Append,
                &both,
                &forwarded,
                "X-Forwarded-For: 203.0.113.9, 10.0.0.5\r\nForwarded: for=203.0.113.9;proto=http, for=10.0.0.5\r\n",
            ),
        ] {
            let mut octets = Vec::new();
            setting.write(&mut octets, fields, peer);
            assert_eq!(String::from_utf8(octets).unwrap(), written, "{setting:?}");
        }
    }
}
