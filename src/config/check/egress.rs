//! Checks which addresses are dialled, and by which way.

use std::net::IpAddr;

use super::named::prefix;
use super::{Check, at};
use crate::config::Config;
use crate::config::tree::Step;
use crate::config::words::nearest;
use crate::egress::Roots;
use crate::policy::{Hop, Route};
use crate::session::returning::ARRIVE_PORT;

pub(super) fn egress(config: &Config, check: &mut Check<'_>) {
    for (index, file) in config.egress.trust.iter().enumerate() {
        let help = "PEM is wanted: it begins with `-----BEGIN CERTIFICATE-----`";
        check.ask(at!["egress", "trust"], |faults| Roots::check(at![index], file, help, faults));
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
        check.ask(at!["egress", "parent", index], |faults| parent.check(faults));
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
