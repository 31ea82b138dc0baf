//! Peers that ask on behalf of others (X-Forwarded-For).

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ipnet::IpNet;
use serde::Deserialize;

use super::h1::Fields;
use crate::identity::Networks;
use crate::net::count::Connections;

/// The field that names clients. It is not standardised, but everybody sends it; Forwarded (RFC 7239) is not read.
pub(super) const FIELD: &str = "x-forwarded-for";

/// The peers of one listener that send requests on behalf of others, and what is needed to treat those others as
/// clients.
#[derive(Debug)]
pub struct Forwarders {
    peers: Vec<IpNet>,
    named: Named,
    /// Whether the listener is for guests.
    pub(super) guest: bool,
    pub(super) networks: Arc<Networks>,
    pub(super) connections: Arc<Connections>,
    pub(super) ignored: AtomicU64,
}

/// Which value of the field names the client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Named {
    /// The first one: for forwarders that drop what their clients have sent in this field.
    #[default]
    First,
    /// The last one that is not a forwarder's: for forwarders that append to what their clients have sent.
    Last,
}

/// Whether the other end of a connection may name clients.
#[derive(Clone, Debug, Default)]
pub enum Standing {
    /// Nobody may, at this listener.
    #[default]
    Own,
    /// Others may, at this listener; this peer may not.
    Unlisted(Arc<Forwarders>),
    /// This peer may, but has named nobody: the request is its own, or of a client that it does not name.
    Silent,
    /// This peer may: each request can be of another client.
    Forwarder(Arc<Forwarders>),
}

/// Why it cannot be said which client a request is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The field has a value that is not an address.
    #[error("the X-Forwarded-For field of a trusted peer does not name an address")]
    Malformed,
    /// The client that is named has as many connections or requests under way as it may.
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

    /// The client that the fields name; `None` if they name nobody.
    pub(super) fn client(&self, fields: &Fields) -> Result<Option<SocketAddr>, Error> {
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

    /// Counts a field that is ignored. Gives the count when it is time for another event: at each power of two.
    pub(super) fn ignore(&self) -> Option<u64> {
        let count = self.ignored.fetch_add(1, Ordering::Relaxed) + 1;
        count.is_power_of_two().then_some(count)
    }
}

/// Reads an address, with or without brackets and a port. Without a port, the port is 0. `None` if the forwarder says
/// that it does not know the client, or does not tell (`unknown`, RFC 7239 §6.2, which Squid also writes here).
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::count::Bounds;

    fn forwarders(named: Named) -> Arc<Forwarders> {
        let peers = ["10.0.0.5/32".parse().unwrap(), "10.0.0.6/32".parse().unwrap()];
        let connections = Arc::new(Connections::new(Bounds { all: 100, for_known: 0, of_client: 2, of_site: 2 }));
        Arc::new(Forwarders::new(&peers, named, Arc::new(Networks::new(&[])), connections))
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
}
