//! As which client an address is counted, wherever there is a limit for each client.

use std::net::{IpAddr, Ipv6Addr};

/// The length of the prefix of one IPv6 network (RFC 4291 §2.5.4): whoever has one address in it can have all of them.
const NETWORK: u32 = 64;

/// The length of the prefix of one subscriber's site (RFC 6177 §2): some subscribers are given that many networks.
const SITE: u32 = 48;

/// How many times as much as one client a whole site may have.
pub const SITE_TIMES: u32 = 8;

/// A client, for counting. All addresses of an IPv6 network (/64) are one client, because one host can have any number
/// of them. Each IPv4 address is a client of its own, because IPv4 addresses are scarce, and a company's clients have
/// neighbouring ones. An IPv4 address that is written as IPv6 counts as IPv4.
///
/// It is for counting alone: only an address stands for a person, never a block.
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

    /// The site (/48) of `address`, which may have [`SITE_TIMES`] as much as one of its networks. `None` for IPv4.
    pub fn site(address: IpAddr) -> Option<Self> {
        match address.to_canonical() {
            IpAddr::V6(v6) => Some(Self(first(v6, SITE).into())),
            IpAddr::V4(_) => None,
        }
    }

    /// The first address of the block.
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
