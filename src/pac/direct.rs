//! Which hosts a PAC file sends around the proxy: the decision of its template, made from the same variable.
//!
//! The proxy asks this module because it must challenge nobody for a name that browsers reach without it: the ticket
//! would go to whoever answers under that name.

use std::net::IpAddr;

use super::Variable;
use crate::wire::target::Host;

/// A network as the variable holds it: its 16-bit groups, and the length of its prefix.
pub(super) type Net = (Vec<u16>, u8);

/// Names that no public DNS holds: RFC 6761, 6762, 8375, and ICANN's "internal".
pub(super) const PRIVATE_NAMES: [&str; 4] = [".localhost", ".local", ".home.arpa", ".internal"];

/// Loopback, link-local and private addresses: RFC 1122, 3927, 1918, 4291, 4193.
pub(super) fn private_nets() -> Vec<Net> {
    let v4 = [(0x7f00, 8), (0xa9fe, 16), (0x0a00, 8), (0xac10, 12), (0xc0a8, 16)];
    let v6 = [(0xfe80, 10), (0xfc00, 7)];
    let mut nets: Vec<Net> = v4.map(|(first, length)| (vec![first, 0], length)).into();
    nets.push((vec![0, 0, 0, 0, 0, 0, 0, 1], 128));
    nets.extend(v6.map(|(first, length)| (vec![first, 0, 0, 0, 0, 0, 0, 0], length)));
    nets
}

/// Which of the rules a template follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rules {
    /// All of them. This is also assumed of an operator's template, since what it does cannot be known from its text.
    All,
    /// Those about the portal and the identity providers.
    SignIn,
}

impl Variable {
    /// Whether a browser reaches `host` without the proxy.
    pub(super) fn sends_direct(&self, host: &Host<String>, rules: Rules) -> bool {
        let address: IpAddr = match host {
            Host::Domain(name) => return self.sends_name_direct(name.trim_end_matches('.'), rules),
            Host::Ipv4(address) => (*address).into(),
            Host::Ipv6(address) => (*address).into(),
        };
        let groups = super::groups(address);
        let within = |nets: &[Net]| nets.iter().any(|net| is_within(&groups, net));
        rules == Rules::All && (within(&self.skip_nets) || self.private_direct && within(&self.private_nets))
    }

    fn sends_name_direct(&self, name: &str, rules: Rules) -> bool {
        let listed = |list: &[String]| list.iter().any(|entry| entry == name);
        match rules {
            _ if listed(&self.portal) => self.portal_direct,
            _ if listed(&self.idp) => self.idp_direct,
            Rules::SignIn => false,
            Rules::All => {
                self.skip_hosts.iter().any(|entry| matches(name, entry)) || self.private_direct && is_private(name)
            }
        }
    }
}

/// A name without a dot, or one that only a private network knows.
fn is_private(name: &str) -> bool {
    if name.contains('.') {
        return PRIVATE_NAMES.iter().any(|entry| matches(name, entry));
    }
    let is_number = name.starts_with("0x") || name.bytes().all(|byte| byte.is_ascii_digit());
    let is_good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    !is_number && name.bytes().all(is_good)
}

/// Whether an entry matches a name; one that begins with a dot matches all names that end with it.
fn matches(name: &str, entry: &str) -> bool {
    match entry.starts_with('.') {
        true => name.len() > entry.len() && name.ends_with(entry),
        false => name == entry,
    }
}

fn is_within(address: &[u16], (net, length): &Net) -> bool {
    let mut bits = *length;
    address.len() == net.len()
        && address.iter().zip(net).all(|(here, there)| {
            let shift = 16 - bits.min(16);
            bits -= bits.min(16);
            shift == 16 || here >> shift == there >> shift
        })
}
