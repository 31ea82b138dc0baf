//! Checks where the program listens, what it dials, and what it serves.

use std::net::SocketAddr;
use std::path::Path;

use url::Host;

use super::named::{known_network, prefix};
use super::{Check, at};
use crate::config::{Config, Step};
use crate::listener::{Pair, secure};
use crate::pac::{self, Facts, Pac};
use crate::portal::Error as PortalError;
use crate::units::Duration;
use crate::wire::forwarded::Named;
use crate::wire::target::is_name;

pub(super) fn listeners(config: &Config, check: &mut Check<'_>) {
    if config.listeners.is_empty() && !check.is_damaged("listener") {
        check.note(at!["listener"], "there is no listener", "add `[[listener]]` with `address = \"0.0.0.0:8080\"`");
    }
    check.unique(&["listener"], config.listeners.iter().map(|listener| listener.name.as_str()));
    metrics(config, check);
    for (index, listener) in config.listeners.iter().enumerate() {
        if OWN_LISTENERS.contains(&listener.name.as_str()) {
            let message = format!("`{}` is the name of a listener of our own in records and events", listener.name);
            check.note(at!["listener", index, "name"], message, "choose another one");
        }
        let mut earlier = config.listeners.iter().take(index);
        if let Some(other) = earlier.find(|other| collide(other.address, listener.address)) {
            let message = format!("the listener `{}` takes {} already", other.name, other.address);
            check.note(at!["listener", index, "address"], message, "");
        }
        for (key, nets) in [("proxy_protocol", &listener.proxy_protocol), ("forwarders", &listener.forwarders)] {
            for (at, net) in nets.iter().enumerate() {
                let path = at!["listener", index, key, at];
                prefix(path, *net, check);
                if net.prefix_len() == 0 {
                    check.note(path, "anybody could say that they are somebody else", "name the peers themselves");
                }
            }
        }
        if listener.forwarded_client == Named::Last && listener.forwarders.is_empty() {
            let help = "name the peers that send X-Forwarded-For as `forwarders`";
            check.note(at!["listener", index, "forwarded_client"], "nobody is there who could name a client", help);
        }
        if collide(listener.address, config.portal.listen) {
            let message = format!("the portal listens at {}, so nothing else can", config.portal.listen);
            let help = "choose another port here, or for `listen` in `[portal]`";
            check.note(at!["listener", index, "address"], message, help);
        }
        if let Some(tls) = &listener.tls {
            check.ask(at!["listener", index, "tls"], |faults| tls.check(faults));
        }
    }
}

/// What records and events call the listeners that are not in the list.
const OWN_LISTENERS: [&str; 3] = ["portal", "metrics", "scim"];

fn metrics(config: &Config, check: &mut Check<'_>) {
    let Some(listen) = config.metrics.listen else { return };
    let listeners = config.listeners.iter().map(|listener| (listener.name.as_str(), listener.address));
    let mut taken = listeners.chain([("portal", config.portal.listen)]);
    if let Some((name, address)) = taken.find(|(_, address)| collide(*address, listen)) {
        let message = format!("the listener `{name}` takes {address} already");
        check.note(at!["metrics", "listen"], message, "choose another port");
    }
}

/// A certificate and its key, as the start reads them.
pub(super) fn pair(section: &[Step], (certificate, key): (&Path, &Path), host: Option<&str>, check: &mut Check<'_>) {
    check.ask(section, |faults| Pair::check(certificate, key, host, faults));
}

/// Whether only one of them can be bound.
pub(super) fn collide(a: SocketAddr, b: SocketAddr) -> bool {
    let same_family = a.is_ipv4() == b.is_ipv4();
    let wild = a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() != 0 && a.port() == b.port() && (a.ip() == b.ip() || wild && same_family)
}

pub(super) fn portal(config: &Config, check: &mut Check<'_>) {
    let portal = &config.portal;
    let url = at!["portal", "url"];
    let example = "such as \"https://portal.example.com\"";
    match Host::parse(portal.url.host()) {
        Ok(Host::Domain(name)) if name == "localhost" || name.ends_with(".localhost") => {
            check.note(url, "browsers never ask a proxy for `localhost`, so they would not find the portal", example);
        }
        Ok(Host::Domain(name)) if !is_name(&name) || portal.url.port() == 0 => {
            check.note(url, "no browser could ask for this host and port", example);
        }
        Ok(Host::Domain(_)) => {}
        Ok(_) | Err(_) => {
            check.note(url, "the portal needs a name: an address has no certificate and no cookies", example);
        }
    }
    match (&portal.certificate, &portal.key) {
        (Some(_), None) => check.note(at!["portal", "certificate"], "the certificate's `key` is missing", ""),
        (None, Some(_)) => check.note(at!["portal", "key"], "the key's `certificate` is missing", ""),
        _ => {}
    }
    if let (Some(certificate), Some(key)) = (&portal.certificate, &portal.key) {
        pair(at!["portal"], (certificate, key), Some(portal.url.host()), check);
    }
    if let Some(file) = &portal.guest_terms_file {
        let path = at!["portal", "guest_terms_file"];
        if portal.guest_terms.is_some() {
            check.note(path, "`guest_terms` says already what guests agree to", "remove one of the two");
        } else if check.readable(path, file)
            && let Err(error) = portal.terms()
        {
            check.note(path, error.to_string(), "");
        }
    }
    if portal.guest_lifetime < Duration::minutes(1).signed() {
        check.note(
            at!["portal", "guest_lifetime"],
            "guests would have to agree anew every minute",
            "the default is \"8h\"",
        );
    }
    if let Err(error) = portal.brand() {
        let key = match error {
            PortalError::NoSuchTimeZone(_) => "time_zone",
            PortalError::Review(_) => "review",
            _ => "logo",
        };
        check.note(at!["portal", key], error.to_string(), "");
    }
    if let Err(error) = portal.hook() {
        check.note(at!["portal", "review", "webhook"], error.to_string(), "the portal tells it by POST, as JSON");
    }
    if portal.sign_in_timeout < Duration::minutes(1).signed() {
        let help = "typing a password with a second factor takes a few minutes; the default is \"30m\"";
        check.note(at!["portal", "sign_in_timeout"], "nobody signs in so quickly", help);
    }
}

pub(super) fn proxy_names(config: &Config, check: &mut Check<'_>) {
    let names = &config.proxy_names;
    let secure =
        config.listeners.iter().enumerate().find_map(|(index, listener)| Some((index, listener.tls.as_ref()?)));
    match (&names.domain, secure) {
        (Some(domain), None) if !check.is_damaged("listener") => {
            let help = format!(
                "add a `[[listener]]` with `tls = {{ names = [\"{domain}\", \"*.{domain}\"] }}`, or with a certificate \
                 for these names"
            );
            let message = "the names are read in the TLS handshake, and no listener speaks TLS";
            check.note(at!["proxy_names", "domain"], message, &help);
        }
        (Some(domain), Some((index, tls))) if tls.certificate.is_none() && !tls.names.is_empty() => {
            let wild = format!("*.{domain}");
            if !tls.names.iter().any(|name| name.eq_ignore_ascii_case(&wild)) {
                let message = format!("no certificate would be issued for the names below `{domain}`");
                check.note(at!["listener", index, "tls", "names"], message, &format!("add \"{wild}\""));
            }
        }
        (Some(domain), Some((index, tls))) => {
            if let Some(file) = &tls.certificate
                && let Some(false) = secure::covers(file, &format!("*.{domain}"))
            {
                let message = format!("the certificate is not good for the names below `{domain}`");
                let help = format!("it must hold the name \"*.{domain}\"");
                check.note(at!["listener", index, "tls", "certificate"], message, &help);
            }
        }
        (None, _) => {
            for (index, file) in config
                .pac
                .file
                .iter()
                .enumerate()
                .filter(|(_, file)| file.names.is_some_and(|names| names != pac::Names::Never))
            {
                let (at, message) =
                    (at!["pac", "file", index, "names"], format!("`{}` has no names to give out", file.name));
                check.note(at, message, "add `[proxy_names]` with a `domain`");
            }
        }
        _ => {}
    }
    check.ask(at!["proxy_names"], |faults| names.check(faults));
}

pub(super) fn pac(config: &Config, check: &mut Check<'_>) {
    for (index, file) in config.pac.file.iter().enumerate() {
        for network in file.networks.keys() {
            known_network(at!["pac", "file", index, "networks", network.as_str()], network, config, check);
        }
        let template = at!["pac", "file", index, "template"];
        if let pac::Template::File { path, text: None } = &file.template {
            let known: Vec<String> = pac::BUILT_IN.iter().map(|(name, _)| format!("`{name}`")).collect();
            let help = format!("built-in templates: {}; anything else is the path of a file", known.join(", "));
            check.note(template, format!("the template `{}` cannot be read", path.display()), &help);
            continue;
        }
        let alone = pac::Config { file: vec![file.clone()], ..config.pac.clone() };
        match Pac::build(&alone, &Facts::default()) {
            Err(error @ pac::Error::BadName(_)) => {
                check.note(at!["pac", "file", index, "name"], error.to_string(), "");
            }
            Err(error) => {
                let help = "a browser that cannot run its PAC file goes direct, past the proxy, and says nothing";
                check.note(template, format!("the template cannot be served: {error}"), help);
            }
            Ok(pac) => {
                for (_, slip) in pac.slips() {
                    check.warn(template, format!("the template may not do what it should: {slip}"), "");
                }
            }
        }
    }
    check.unique(&["pac", "file"], config.pac.file.iter().map(|file| file.name.as_str()));
}
