//! Checks which addresses are dialled, and by which way.

use std::net::IpAddr;

use super::named::prefix;
use super::{Check, at, edges};
use crate::config::Config;
use crate::config::tree::Step;
use crate::config::words::nearest;
use crate::egress::Roots;
use crate::egress::parent::{self, Protocol};
use crate::policy::{Hop, Route};
use crate::session::returning::ARRIVE_PORT;

pub(super) fn dns_and_egress(config: &Config, check: &mut Check<'_>) {
    for (index, file) in config.egress.trust.iter().enumerate() {
        let path = at!["egress", "trust", index];
        if check.readable(path, file)
            && let Err(why) = Roots::load(std::slice::from_ref(file))
        {
            let help = "PEM is wanted: it begins with `-----BEGIN CERTIFICATE-----`";
            check.note(path, edges::not_roots(&why), help);
        }
    }
    for (index, net) in config.egress.allow.iter().enumerate() {
        if config.egress.refuse.contains(net) {
            check.note(at!["egress", "allow", index], format!("{net} is both allowed and refused"), "");
        }
    }
    for (key, nets) in [("allow", &config.egress.allow), ("refuse", &config.egress.refuse)] {
        for (index, net) in nets.iter().enumerate() {
            prefix(at!["egress", key, index], *net, check);
        }
    }
    if let Some(index) = config.egress.connect_ports.iter().position(|port| *port == 0) {
        check.note(at!["egress", "connect_ports", index], "there is no port 0", "");
    }
    if let Some(index) = config.egress.connect_ports.iter().position(|port| *port == ARRIVE_PORT) {
        let problem = format!("port {ARRIVE_PORT} is ours on every host: tickets of the sign-in arrive there");
        check.note(at!["egress", "connect_ports", index], problem, "leave it out: nothing is ever dialled there");
    }
    if config.dns.timeout.is_zero() {
        check.note(at!["dns", "timeout"], "no name could be looked up", "the default is \"5s\"");
    }
    sources(&config.egress.source, check);
    parents(config, check);
    known_ways(at!["egress", "route"], &config.egress.route, config, check);
}

fn sources(sources: &[IpAddr], check: &mut Check<'_>) {
    for (index, source) in sources.iter().enumerate() {
        let path = at!["egress", "source", index];
        if source.is_unspecified() || source.is_multicast() {
            check.note(path, format!("nothing can be dialled from {source}"), "write an address of this machine");
        }
        if let Some(other) = sources.iter().take(index).find(|other| other.is_ipv4() == source.is_ipv4()) {
            let help = "one address of each family is used; a rule can name another one as its `route`";
            check.note(path, format!("{other} is dialled from already"), help);
        }
    }
}

fn parents(config: &Config, check: &mut Check<'_>) {
    let parents = &config.egress.parents;
    check.unique(&["egress", "parent"], parents.iter().map(|parent| parent.name.as_str()));
    for (index, parent) in parents.iter().enumerate() {
        let at = |key| [Step::from("egress"), Step::from("parent"), Step::from(index), Step::from(key)];
        if !matches!(Hop::try_from(parent.name.clone()), Ok(Hop::Parent(_))) && !parent.name.is_empty() {
            let help = "a route could not name it: letters, digits and hyphens will do";
            check.note(&at("name"), format!("no parent can be called `{}`", parent.name), help);
        }
        credentials(parent, &at, check);
    }
}

fn credentials(parent: &parent::Config, at: &dyn Fn(&'static str) -> [Step; 4], check: &mut Check<'_>) {
    let password = parent.password.as_ref().map(crate::secret::Secret::expose);
    let Some(name) = &parent.username else {
        if password.is_some() {
            check.note(&at("password"), "a password without a name is nobody's", "add `username`");
        }
        return;
    };
    match parent.url.protocol {
        // RFC 1929 §2.
        Protocol::Socks5 => {
            for (key, text) in [("username", Some(name.as_str())), ("password", password)] {
                if text.is_some_and(|text| text.is_empty() || text.len() > 255) {
                    check.note(&at(key), "SOCKS takes from 1 to 255 bytes here", "");
                }
            }
            if password.is_none() {
                check.note(&at("username"), "SOCKS takes no name without a password", "add `password`");
            }
        }
        // RFC 7617 §2.
        Protocol::Http | Protocol::Https if name.contains(':') => {
            check.note(&at("username"), "a name with a colon cannot be sent to an HTTP proxy", "");
        }
        Protocol::Http | Protocol::Https => {}
    }
}

/// Notes a way that leads nowhere.
pub(super) fn known_ways(path: &[Step], route: &Route, config: &Config, check: &mut Check<'_>) {
    let mut known: Vec<&str> = config.egress.parents.iter().map(|parent| parent.name.as_str()).collect();
    known.push("direct");
    for hop in route.hops() {
        let Hop::Parent(name) = hop else { continue };
        if known.contains(&&**name) || check.is_damaged("egress") {
            continue;
        }
        let help = match nearest(name, &known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are: `{}`, and addresses of this machine", known.join("`, `")),
        };
        check.note(path, format!("there is no parent `{name}`"), &help);
    }
}
