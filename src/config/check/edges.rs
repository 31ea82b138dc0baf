//! Checks where the program listens, what it dials, and what it serves.

use std::net::SocketAddr;

use url::Host;

use super::{Check, at};
use crate::config::Config;
use crate::listener::secure;
use crate::pac::{self, Facts, Pac};
use crate::portal::Error as PortalError;
use crate::session::Tokens;
use crate::session::store::redis;
use crate::units::Duration;
use crate::wire::forwarded::Named;

pub(super) fn listeners(config: &Config, check: &mut Check<'_>) {
    if config.listeners.is_empty() && !check.is_damaged("listener") {
        check.note(at!["listener"], "there is no listener", "add `[[listener]]` with `address = \"0.0.0.0:8080\"`");
    }
    check.unique(&["listener"], config.listeners.iter().map(|listener| listener.name.as_str()));
    for (index, listener) in config.listeners.iter().enumerate() {
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
            check.note(at!["listener", index, "forwarded_client"], "no client is named by anybody here", help);
        }
        if collide(listener.address, config.portal.listen) {
            let message = format!("the portal listens at {}, so nothing else can", config.portal.listen);
            let help = "choose another port here, or for `listen` in `[portal]`";
            check.note(at!["listener", index, "address"], message, help);
        }
        if let Some(tls) = &listener.tls {
            secure(index, tls, check);
        }
    }
}

fn secure(index: usize, tls: &secure::Config, check: &mut Check<'_>) {
    match (&tls.certificate, &tls.key) {
        (Some(_), None) => {
            check.note(at!["listener", index, "tls", "certificate"], "the certificate's `key` is missing", "");
        }
        (None, Some(_)) => {
            check.note(at!["listener", index, "tls", "key"], "the key's `certificate` is missing", "");
        }
        (None, None) if tls.names.is_empty() => {
            let help = "add `certificate` and `key`, or `names = [\"proxy.example.com\"]`, for which our own authority \
                        issues one";
            check.note(at!["listener", index, "tls"], "a secure web proxy needs a certificate", help);
        }
        _ => {}
    }
    for (number, name) in tls.names.iter().enumerate() {
        if !matches!(Host::parse(name.strip_prefix("*.").unwrap_or(name)), Ok(Host::Domain(_))) {
            let help = "such as \"proxy.example.com\" or \"*.proxy.example.com\"";
            check.note(at!["listener", index, "tls", "names", number], format!("`{name}` is not a name"), help);
        }
    }
    for (key, file) in [("certificate", &tls.certificate), ("key", &tls.key), ("client_ca", &tls.client_ca)] {
        if let Some(file) = file {
            check.readable(at!["listener", index, "tls", key], file);
        }
    }
}

/// Whether only one of them can be bound.
fn collide(a: SocketAddr, b: SocketAddr) -> bool {
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
    for (key, file) in [("certificate", &portal.certificate), ("key", &portal.key)] {
        if let Some(file) = file {
            check.readable(at!["portal", key], file);
        }
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
        check.note(at!["portal", "guest_lifetime"], "guests would have to agree all the time", "the default is \"8h\"");
    }
    if let Err(error) = portal.brand() {
        let key = match error {
            PortalError::NoSuchTimeZone(_) => "time_zone",
            PortalError::Review(_) => "review",
            _ => "logo",
        };
        check.note(at!["portal", key], error.to_string(), "");
    }
    if portal.sign_in_timeout < Duration::minutes(1).signed() {
        let help = "typing a password with a second factor takes a few minutes; the default is \"30m\"";
        check.note(at!["portal", "sign_in_timeout"], "nobody signs in so quickly", help);
    }
}

/// Notes a range that is written with an address inside it: was the address meant, or the range?
pub(super) fn prefix(path: &[crate::config::tree::Step], net: ipnet::IpNet, check: &mut Check<'_>) {
    if net != net.trunc() {
        let help = format!("write \"{}\" for the range, or \"{}\" for the address", net.trunc(), one(net));
        check.note(path, format!("`{net}` is an address inside a range"), &help);
    }
}

fn one(net: ipnet::IpNet) -> String {
    format!("{}/{}", net.addr(), net.max_prefix_len())
}

pub(super) fn session_and_limits(config: &Config, check: &mut Check<'_>) {
    let limits = &config.limits;
    if config.session.lifetime.as_secs() < 60 {
        check.note(at!["session", "lifetime"], "sessions would end as soon as they begin", "the default is \"30d\"");
    }
    if config.session.idle.is_some_and(|idle| idle.as_secs() < 120) {
        let help = "the last use is kept to the minute; such as \"12h\"";
        check.note(at!["session", "idle"], "sessions would end between two pages", help);
    }
    if config.session.http_cookie_lifetime.as_secs() < 60 {
        let help = "people would be sent to the portal between two pages; the default is \"8h\"";
        check.note(at!["session", "http_cookie_lifetime"], "cookies on http would end as they are given", help);
    }
    for (key, count) in [("max_per_person", config.session.max_per_person), ("cache", config.session.cache)] {
        if count == 0 {
            check.note(at!["session", key], format!("with `{key} = 0` nobody could sign in"), "");
        }
    }
    tokens(&config.session.tokens, check);
    shared_store(&config.session.redis, check);
    if config.session.max == 0 {
        check.note(at!["session", "max"], "nobody could sign in", "the default is 200000");
    }
    if limits.head_bytes < 8 * 1024 {
        let help = "browsers send up to 8 KiB of cookies alone; the default is \"64KiB\"";
        check.note(at!["limits", "head_bytes"], "many requests would not fit", help);
    }
    let counts = [
        ("head_fields", limits.head_fields),
        ("connections", limits.connections),
        ("connections_per_client", limits.connections_per_client),
    ];
    for (key, _) in counts.into_iter().filter(|(_, count)| *count == 0) {
        check.note(at!["limits", key], format!("with `{key} = 0` nothing could be served"), "");
    }
    let times = [
        ("head_time", limits.head_time),
        ("body_idle", limits.body_idle),
        ("answer_time", limits.answer_time),
        ("connect_time", limits.connect_time),
        ("tunnel_idle", limits.tunnel_idle),
        ("tunnel_time", limits.tunnel_time),
        ("tcp_keepalive", limits.tcp_keepalive),
        ("tcp_user_timeout", limits.tcp_user_timeout),
        ("h2_idle", limits.h2_idle),
    ];
    for (key, _) in times.into_iter().filter(|(_, time)| time.is_zero()) {
        check.note(at!["limits", key], format!("with `{key} = \"0s\"` nothing could be served"), "");
    }
}

fn tokens(tokens: &Tokens, check: &mut Check<'_>) {
    let day = Duration::hours(24).signed();
    if tokens.max_lifetime < day {
        let help = "people choose a number of days; the default is \"365d\"";
        check.note(at!["session", "tokens", "max_lifetime"], "tokens would not last a day", help);
    } else if tokens.lifetime < day || tokens.lifetime > tokens.max_lifetime {
        let message = "`lifetime` is a day or more, and not longer than `max_lifetime`";
        check.note(at!["session", "tokens", "lifetime"], message, "the default is \"90d\"");
    }
    if tokens.terminal_lifetime < Duration::minutes(1).signed() {
        let help = "the default is \"12h\"";
        check.note(at!["session", "tokens", "terminal_lifetime"], "terminals would be signed out at once", help);
    }
    if tokens.max_per_person == 0 {
        let help = "`enabled = false` switches tokens off";
        check.note(at!["session", "tokens", "max_per_person"], "nobody could have a token", help);
    }
}

fn shared_store(redis: &redis::Config, check: &mut Check<'_>) {
    if redis.servers.is_empty() {
        return;
    }
    match &redis.secret {
        None => {
            let help = "the same on all nodes, by chance: openssl rand -base64 32";
            check.note(at!["session", "redis", "secret"], "nodes that share a store need a `secret`", help);
        }
        Some(secret) if secret.expose().len() < 32 => {
            let help = "32 characters or more, by chance: openssl rand -base64 32";
            check.note(at!["session", "redis", "secret"], "the secret can be guessed", help);
        }
        Some(_) => {}
    }
    for (index, _) in redis.other_secrets.iter().enumerate().filter(|(_, secret)| secret.expose().len() < 32) {
        let help = "32 characters or more, by chance: openssl rand -base64 32";
        check.note(at!["session", "redis", "other_secrets", index], "the secret can be guessed", help);
    }
    if redis.cluster && redis.sentinel.is_some() {
        check.note(at!["session", "redis", "sentinel"], "`sentinel` can't stand beside `cluster = true`", "");
    }
    if let Some(ca) = &redis.ca {
        check.readable(at!["session", "redis", "ca"], ca);
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
    if names.expires < Duration::hours(1).signed() {
        let help = "browsers fetch a PAC file every 12 hours or so; the default is \"90d\"";
        check.note(at!["proxy_names", "expires"], "names would end before they are used", help);
    }
    if names.max_per_person == 0 {
        check.note(at!["proxy_names", "max_per_person"], "nobody could have a device", "the default is 20");
    }
    if names.port == Some(0) {
        check.note(at!["proxy_names", "port"], "there is no port 0", "the usual one is 443");
    }
}

pub(super) fn pac(config: &Config, check: &mut Check<'_>) {
    for (index, file) in config.pac.file.iter().enumerate() {
        for network in file.networks.keys() {
            super::people::known_network(
                at!["pac", "file", index, "networks", network.as_str()],
                network,
                config,
                check,
            );
        }
        let template = at!["pac", "file", index, "template"];
        if let pac::Template::File { path, text: None } = &file.template {
            let known: Vec<String> = pac::BUILT_IN.iter().map(|(name, _)| format!("`{name}`")).collect();
            let help = format!("built-in templates: {}; anything else is the path of a file", known.join(", "));
            check.note(template, format!("the template `{path}` can't be read"), &help);
            continue;
        }
        let alone = pac::Config { file: vec![file.clone()], ..config.pac.clone() };
        match Pac::build(&alone, &Facts::default()) {
            Err(error @ pac::Error::BadName(_)) => {
                check.note(at!["pac", "file", index, "name"], error.to_string(), "");
            }
            Err(error) => check.note(template, format!("the template can't be served: {error}"), ""),
            Ok(_) => {}
        }
    }
    check.unique(&["pac", "file"], config.pac.file.iter().map(|file| file.name.as_str()));
}
