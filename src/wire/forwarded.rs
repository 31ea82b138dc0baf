//! On whose behalf a trusted peer asks (X-Forwarded-For), and what the next hop is told of it.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ipnet::IpNet;
use serde::Deserialize;

use super::count::Connections;
use super::h1::Fields;
use super::peer::Peer;
use crate::identity::Networks;

/// The field that names clients. Not standard, and what everybody sends; Forwarded (RFC 7239) is not read.
const FIELD: &str = "x-forwarded-for";

/// Peers of one listener that ask on behalf of others, and what it takes to treat those as clients.
#[derive(Debug)]
pub struct Forwarders {
    peers: Vec<IpNet>,
    named: Named,
    /// Whether the listener is one for guests.
    guest: bool,
    networks: Arc<Networks>,
    connections: Arc<Connections>,
    ignored: AtomicU64,
}

/// Which value of the field is the client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Named {
    /// The first one: for forwarders that throw away what their clients claim.
    #[default]
    First,
    /// The last one that is not a forwarder's: for forwarders that add to what their clients claim.
    Last,
}

/// What the other end of a connection may say about who asks.
#[derive(Clone, Debug, Default)]
pub enum Standing {
    /// Nobody speaks for others here.
    #[default]
    Own,
    /// Others do, at this listener; this one does not.
    Unlisted(Arc<Forwarders>),
    /// It speaks for others: each request can be somebody else's.
    Forwarder(Arc<Forwarders>),
}

/// Why nobody can be said to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// What should be an address is none.
    #[error("the X-Forwarded-For field of a trusted peer does not name an address")]
    Malformed,
    /// The client that is named has too many requests under way.
    #[error("the client has too many connections open")]
    Crowded,
}

impl Forwarders {
    /// The forwarders in `peers`.
    pub fn new(peers: &[IpNet], named: Named, networks: Arc<Networks>, connections: Arc<Connections>) -> Self {
        Self { peers: peers.to_vec(), named, guest: false, networks, connections, ignored: AtomicU64::new(0) }
    }

    /// The same at a listener for guests.
    #[must_use]
    pub fn at_guest_listener(self, guest: bool) -> Self {
        Self { guest, ..self }
    }

    /// Whether this address is one of them.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.peers.iter().any(|net| net.contains(&address.to_canonical()))
    }

    /// The client that the fields name. None where they name nobody.
    fn client(&self, fields: &Fields) -> Result<Option<SocketAddr>, Error> {
        match self.named {
            Named::First => fields.items(FIELD).next().map_or(Ok(None), read),
            Named::Last => {
                let values: Vec<_> = fields.items(FIELD).collect();
                let mut farthest = None;
                for value in values.into_iter().rev() {
                    let Some(address) = read(value)? else { break };
                    farthest = Some(address);
                    if !self.contains(address.ip()) {
                        break;
                    }
                }
                Ok(farthest)
            }
        }
    }

    /// Counts a claim that is not believed; true when it is time to say so again: each time there are twice as many.
    fn ignore(&self) -> Option<u64> {
        let count = self.ignored.fetch_add(1, Ordering::Relaxed) + 1;
        count.is_power_of_two().then_some(count)
    }
}

impl Peer {
    /// The client on whose behalf a request with these fields is made, where that is not who is at the other end of the
    /// connection. Nothing that is known of the connection is known of that client.
    pub fn on_behalf(&self, fields: &Fields) -> Result<Option<Self>, Error> {
        let forwarders = match &self.standing {
            Standing::Own => return Ok(None),
            Standing::Unlisted(forwarders) => {
                if fields.contains(FIELD)
                    && let Some(count) = forwarders.ignore()
                {
                    let (listener, peer) = (&self.listener, self.client);
                    tracing::warn!(%listener, %peer, count, "X-Forwarded-For ignored: no trusted peer sent it");
                }
                return Ok(None);
            }
            Standing::Forwarder(forwarders) => forwarders,
        };
        let Some(client) = forwarders.client(fields)? else {
            // It asks for itself, or for somebody whom it does not name: its address stands for nobody.
            let network = Arc::new(self.network.without_address());
            return Ok(Some(Self { network, tls: None, proof: None, standing: Standing::Own, ..self.clone() }));
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
        }))
    }
}

/// Reads an address, with or without brackets and a port. Port 0 where there is none. None where the forwarder says that
/// it does not know, or does not tell (RFC 7239 §6.2, as Squid writes it here too).
fn read(value: &[u8]) -> Result<Option<SocketAddr>, Error> {
    let text = std::str::from_utf8(value).map_err(|_| Error::Malformed)?;
    if text.eq_ignore_ascii_case("unknown") {
        return Ok(None);
    }
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let alone = match bare {
        Some(bare) => Ipv6Addr::from_str(bare).map(IpAddr::V6),
        None => IpAddr::from_str(text),
    };
    let address = match alone {
        Ok(address) => SocketAddr::new(address, 0),
        Err(_) => SocketAddr::from_str(text).map_err(|_| Error::Malformed)?,
    };
    let ip = address.ip().to_canonical();
    if ip.is_unspecified() || ip.is_multicast() {
        return Err(Error::Malformed);
    }
    Ok(Some(SocketAddr::new(ip, address.port())))
}

/// What origins are told about whom a request is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ForwardedFor {
    /// Nothing.
    #[default]
    Remove,
    /// What the client says, and the client's own address behind it.
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
        // Whoever is at the other end of the connection is the last that we know of ourselves.
        let near = peer.forwarder.unwrap_or_else(|| peer.client.ip());
        let own = (self == Self::Append).then_some(near);
        put(octets, "X-Forwarded-For", fields, own.map(|own| own.to_string()).as_deref());
        // RFC 7239 §7.4: one that is there must not tell less than the other.
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
    use crate::wire::count::Bounds;

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
    fn the_client_is_read_in_every_form_that_forwarders_write() {
        for (value, client) in [
            ("192.0.2.7", Ok(Some("192.0.2.7:0"))),
            (" 192.0.2.7:5000 , 10.0.0.6", Ok(Some("192.0.2.7:5000"))),
            ("2001:db8::7", Ok(Some("[2001:db8::7]:0"))),
            ("[2001:db8::7]", Ok(Some("[2001:db8::7]:0"))),
            ("[2001:db8::7]:5000", Ok(Some("[2001:db8::7]:5000"))),
            ("::ffff:192.0.2.7", Ok(Some("192.0.2.7:0"))),
            (",, 192.0.2.7", Ok(Some("192.0.2.7:0"))),
            ("Unknown, 192.0.2.7", Ok(None)),
            ("", Ok(None)),
            ("192.0.2", Err(Error::Malformed)),
            ("192.0.2.7:", Err(Error::Malformed)),
            ("192.0.2.7:70000", Err(Error::Malformed)),
            ("[192.0.2.7]", Err(Error::Malformed)),
            ("[2001:db8::7", Err(Error::Malformed)),
            ("2001:db8::7]", Err(Error::Malformed)),
            ("fe80::1%eth0", Err(Error::Malformed)),
            ("\"192.0.2.7\"", Err(Error::Malformed)),
            ("0.0.0.0", Err(Error::Malformed)),
            ("ff02::1", Err(Error::Malformed)),
            ("client.example", Err(Error::Malformed)),
            ("192.0.2.7 10.0.0.6", Err(Error::Malformed)),
        ] {
            let fields = Fields::from([("X-Forwarded-For", value)]);
            let found = forwarders(Named::First).client(&fields);
            assert_eq!(found, client.map(|it: Option<&str>| it.map(|it| it.parse().unwrap())), "{value:?}");
        }
    }

    #[test]
    fn several_lines_are_one_list_and_the_configuration_says_which_end_counts() {
        let fields = Fields::from([("X-Forwarded-For", "203.0.113.9, 192.0.2.7"), ("x-forwarded-for", "10.0.0.6")]);
        let client = |named| forwarders(named).client(&fields).unwrap().unwrap().ip().to_string();
        assert_eq!(client(Named::First), "203.0.113.9");
        assert_eq!(client(Named::Last), "192.0.2.7", "what it claims itself does not count, nor do forwarders");
        let fields = Fields::from([("X-Forwarded-For", "nonsense, 10.0.0.6")]);
        assert_eq!(forwarders(Named::Last).client(&fields), Err(Error::Malformed));
        let fields = Fields::from([("X-Forwarded-For", "10.0.0.6, 10.0.0.5")]);
        assert_eq!(forwarders(Named::Last).client(&fields).unwrap().unwrap().ip().to_string(), "10.0.0.6");
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
