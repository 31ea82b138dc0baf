//! Which addresses may be dialled.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// The IPv4 prefixes that are not the public Internet (RFC 6890 and the registries that it began).
const REFUSED_V4: [(Ipv4Addr, u8); 16] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    // Link-local: clouds serve their metadata here.
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    // Azure's metadata service (WireServer) has a public address, and answers only machines in Azure.
    (Ipv4Addr::new(168, 63, 129, 16), 32),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// The same for IPv6. Only `2000::/3` is public; these are the exceptions within it.
const REFUSED_V6: [(Ipv6Addr, u8); 4] = [
    // Protocol assignments, Teredo among them.
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    // 6to4 leads to whatever IPv4 address is written in it.
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

const PUBLIC_V6: (Ipv6Addr, u8) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// NAT64 (RFC 6052): an IPv4 address in its last 32 bits.
const NAT64: (Ipv6Addr, u8) = (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);

/// Which addresses may be dialled.
#[derive(Clone, Debug)]
pub struct Addresses {
    allow: Vec<IpNet>,
    refuse: Vec<IpNet>,
}

impl Addresses {
    /// Lets public addresses be dialled except those in `refuse`, and also those in `allow`.
    pub fn new(allow: &[IpNet], refuse: &[IpNet]) -> Self {
        Self { allow: allow.to_vec(), refuse: refuse.to_vec() }
    }

    /// Whether `address` must not be dialled. With `private`, addresses that are refused by default may be; those that
    /// the operator refuses may not.
    pub fn are_refused(&self, address: IpAddr, private: bool) -> bool {
        let (address, reached) = (address.to_canonical(), reached(address));
        let holds = |prefixes: &[IpNet]| prefixes.iter().any(|net| net.contains(&address) || net.contains(&reached));
        holds(&self.refuse) || !(private || is_public(reached) || holds(&self.allow))
    }

    /// Whether the operator's `allow` names this address of our own machine: as a single address, or by a loopback
    /// range. A wider range means the machines around this one, and does not count.
    pub(super) fn name(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let is_meant = |net: &&IpNet| net.prefix_len() == net.max_prefix_len() || net.network().is_loopback();
        self.allow.iter().filter(is_meant).any(|net| net.contains(&address))
    }
}

/// The address that packets for `address` reach in the end: with NAT64 (RFC 6052) and ISATAP (RFC 5214 §6.1), the IPv4
/// address that is written in it; else `address` itself.
pub(super) fn reached(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if v6(NAT64).contains(&address) => {
            let [.., a, b, c, d] = address.octets();
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        }
        IpAddr::V6(address) if matches!(address.segments(), [_, _, _, _, 0 | 0x0200, 0x5efe, _, _]) => {
            let [.., a, b, c, d] = address.octets();
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        }
        address => address,
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !REFUSED_V4.iter().any(|prefix| v4(*prefix).contains(&address)),
        IpAddr::V6(address) => {
            v6(PUBLIC_V6).contains(&address) && !REFUSED_V6.iter().any(|prefix| v6(*prefix).contains(&address))
        }
    }
}

fn v4((address, length): (Ipv4Addr, u8)) -> Ipv4Net {
    Ipv4Net::new_assert(address, length)
}

fn v6((address, length): (Ipv6Addr, u8)) -> Ipv6Net {
    Ipv6Net::new_assert(address, length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_may_be_dialled() {
        let addresses = Addresses::new(&[], &[]);
        for refused in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "168.63.129.16",
            "172.31.0.1",
            "192.0.2.1",
            "192.168.0.1",
            "198.18.0.1",
            "203.0.113.9",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "::7f00:1",
            "fe80::1",
            "fec0::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "2002:7f00:1::1",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "100.127.255.255",
            // Metadata services.
            "100.100.100.200",
            "192.0.0.192",
            "fd00:ec2::254",
            "fd20:ce::254",
            // 6to4 and its relays, Teredo, ORCHID, benchmarks, segment routing, ISATAP.
            "192.88.99.1",
            "2002:a00:1::1",
            "2001:0:a00:1::",
            "2001:20::1",
            "2001:2::1",
            "5f00::1",
            "2606:4700::5efe:10.0.0.1",
            "2606:4700::200:5efe:127.0.0.1",
            "::10.0.0.1",
            "240.0.0.1",
            "239.255.255.250",
            "192.0.0.170",
            "3fff::1",
            "4000::1",
            "100::1",
        ] {
            assert!(addresses.are_refused(refused.parse().unwrap(), false), "{refused}");
            assert!(!addresses.are_refused(refused.parse().unwrap(), true), "{refused}");
        }
        for public in [
            "100.128.0.1",
            "172.15.255.255",
            "2606:4700::5efe:8.8.8.8",
            "1.1.1.1",
            "8.8.8.8",
            "172.32.0.1",
            "2606:4700::1111",
            "64:ff9b::808:808",
            "::ffff:8.8.8.8",
        ] {
            assert!(!addresses.are_refused(public.parse().unwrap(), false), "{public}");
        }
    }

    #[test]
    fn the_operator_opens_and_closes_ranges() {
        let net = |text: &str| text.parse().unwrap();
        let addresses =
            Addresses::new(&[net("10.0.0.0/8"), net("8.8.8.0/24")], &[net("8.8.0.0/16"), net("10.9.0.0/16")]);
        for (address, by_default, by_a_rule) in [
            ("10.1.1.1", false, false),
            ("10.9.1.1", true, true),
            ("8.8.8.8", true, true),
            ("64:ff9b::808:808", true, true),
            ("127.0.0.1", true, false),
            ("1.1.1.1", false, false),
        ] {
            let parsed = address.parse().unwrap();
            assert_eq!(addresses.are_refused(parsed, false), by_default, "{address}");
            assert_eq!(addresses.are_refused(parsed, true), by_a_rule, "{address}, opened by a rule");
        }
    }
    #[test]
    fn an_address_of_this_machine_is_allowed_by_itself_alone() {
        let nets = ["10.0.0.0/8", "10.0.0.5/32", "127.0.0.0/8", "2606:4700::/32", "2606:4700::5/128"];
        let addresses = Addresses::new(&nets.map(|net| net.parse().unwrap()), &[]);
        for (address, is_named) in [
            ("10.0.0.5", true),
            ("::ffff:10.0.0.5", true),
            ("10.0.0.6", false),
            ("127.0.0.1", true),
            ("2606:4700::5", true),
            ("2606:4700::6", false),
        ] {
            assert_eq!(addresses.name(address.parse().unwrap()), is_named, "{address}");
        }
    }
}
