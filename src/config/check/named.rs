//! What several parts of the configuration name: networks and ranges.

use super::Check;
use crate::config::Config;
use crate::config::tree::Step;
use crate::config::words::nearest;
use crate::identity::network::ELSEWHERE;

/// Notes a range that is written with an address inside it: was the address meant, or the range?
pub(super) fn prefix(path: &[Step], net: ipnet::IpNet, check: &mut Check<'_>) {
    if net != net.trunc() {
        let help = format!("write \"{}\" for the range, or \"{}\" for the address", net.trunc(), one(net));
        check.note(path, format!("`{net}` is an address inside a range"), &help);
    }
}

fn one(net: ipnet::IpNet) -> String {
    format!("{}/{}", net.addr(), net.max_prefix_len())
}

/// Notes a name that is no network's.
pub(super) fn known_network(path: &[Step], name: &str, config: &Config, check: &mut Check<'_>) {
    let mut known: Vec<&str> = config.networks.iter().map(|network| network.name.as_str()).collect();
    known.push(ELSEWHERE);
    if known.contains(&name) || check.is_damaged("network") {
        return;
    }
    let help = match nearest(name, &known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are: `{}`", known.join("`, `")),
    };
    check.note(path, format!("there is no network `{name}`"), &help);
}
