//! Ranges of addresses as people write them: `192.0.2.0/24`, or one address.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};
use serde::de::{Deserialize, Deserializer, Error as _};

/// The length of the prefix below which IPv6 writes IPv4 addresses (RFC 4291 §2.5.5.2).
const MAPPED: u8 = 96;

/// Reads a range, or one address. An IPv4 range that is written as IPv6 (`::ffff:192.0.2.0/120`) is that range: addresses
/// are compared as IPv4, so it would match nothing otherwise.
pub fn parse(text: &str) -> Option<IpNet> {
    let net = text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))?;
    Some(plain(net))
}

fn plain(net: IpNet) -> IpNet {
    let IpNet::V6(v6) = net else { return net };
    let mapped = v6.addr().to_ipv4_mapped().zip(v6.prefix_len().checked_sub(MAPPED));
    mapped.and_then(|(v4, length)| Ipv4Net::new(v4, length).ok()).map_or(net, IpNet::V4)
}

/// Reads a list of ranges.
pub fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    let written = Vec::<Written>::deserialize(deserializer)?;
    Ok(written.into_iter().map(|Written(net)| net).collect())
}

/// One of a list, so that what is wrong is found at its place.
struct Written(IpNet);

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse(&text)
            .map(Self)
            .ok_or_else(|| D::Error::custom(format_args!("`{text}` is neither an address nor a range of addresses")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_a_prefix_length_or_is_one_address() {
        for (text, net) in [
            ("10.0.0.0/8", Some("10.0.0.0/8")),
            ("192.0.2.7", Some("192.0.2.7/32")),
            ("2001:db8::7", Some("2001:db8::7/128")),
            ("2001:db8::/32", Some("2001:db8::/32")),
            ("::ffff:10.0.0.0/104", Some("10.0.0.0/8")),
            ("::ffff:192.0.2.7", Some("192.0.2.7/32")),
            ("::/0", Some("::/0")),
            ("10.1.0.0/8", Some("10.1.0.0/8")),
            ("10.0.0.0/33", None),
            ("10.0.0.0/255.0.0.0", None),
            ("10.0.0", None),
            ("10.0.0.1:80", None),
            ("a.test", None),
            ("", None),
        ] {
            assert_eq!(parse(text).map(|net| net.to_string()).as_deref(), net, "{text}");
        }
    }
}
