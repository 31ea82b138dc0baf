//! Whom a client address is counted as, wherever a client may have so much of something and no more.

use std::net::{IpAddr, Ipv6Addr};

/// Bits of an IPv6 address that one subscriber's network shares (RFC 4291 §2.5.4): whoever has one address of it has all.
const NETWORK: u32 = 64;

/// Bits that one subscriber's site shares at most (RFC 6177 §2): some are given as many networks.
const SITE: u32 = 48;

/// How many times what one client may have a whole site may.
pub const SITE_TIMES: u32 = 8;

/// A client as it is counted. Addresses that cost nothing are one client: an IPv6 network (/64). An IPv4 address is one
/// client by itself, as they are scarce, and a whole company's clients stand side by side. An IPv4 address that is
/// written as an IPv6 one is that IPv4 address.
///
/// It is for counting alone: what stands for a person is an address, and no block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientBlock(IpAddr);

impl ClientBlock {
    /// The client at `address`.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(v6) => Self(first(v6, NETWORK).into()),
            v4 => Self(v4),
        }
    }

    /// The site that `address` is of (/48), which may have [`SITE_TIMES`] as much as one of its networks. IPv4 has none.
    pub fn site(address: IpAddr) -> Option<Self> {
        match address.to_canonical() {
            IpAddr::V6(v6) => Some(Self(first(v6, SITE).into())),
            IpAddr::V4(_) => None,
        }
    }

    /// The first of its addresses.
    pub fn first(self) -> IpAddr {
        self.0
    }
}

fn first(address: Ipv6Addr, bits: u32) -> Ipv6Addr {
    Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << (128 - bits)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_cost_nothing_are_one_client() {
        let client = |text: &str| ClientBlock::of(text.parse().unwrap());
        let site = |text: &str| ClientBlock::site(text.parse().unwrap());
        for (one, other, same_client, same_site) in [
            ("2001:db8::1", "2001:db8::ffff:0:0:1", true, true),
            ("2001:db8:0:1::1", "2001:db8:0:2::1", false, true),
            ("2001:db8:1::1", "2001:db8:2::1", false, false),
            ("192.0.2.1", "::ffff:192.0.2.1", true, true),
            ("192.0.2.1", "192.0.2.2", false, true),
        ] {
            assert_eq!(client(one) == client(other), same_client, "{one} {other}");
            assert_eq!(site(one) == site(other), same_site, "{one} {other}");
        }
        assert_eq!((site("192.0.2.1"), site("::ffff:192.0.2.1")), (None, None));
        assert_eq!(client("2001:db8::7").first(), "2001:db8::".parse::<IpAddr>().unwrap());
    }
}
