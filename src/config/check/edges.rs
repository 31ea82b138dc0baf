//! Checks where the program listens, what it dials, and what it serves.

use std::net::SocketAddr;
use std::path::Path;

use url::Host;

use super::named::{known_network, prefix};
use super::{Check, at};
use crate::clock::{Clock, SignedDuration};
use crate::config::{Config, Step};
use crate::config_path::ConfigPath;
use crate::egress::Roots;
use crate::listener::{Pair, secure};
use crate::pac::{self, Facts, Pac};
use crate::portal::Error as PortalError;
use crate::session::Tokens;
use crate::session::store::redis;
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
            secure(index, tls, check);
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
    let at = |key: &str| section.iter().cloned().chain([Step::from(key)]).collect::<Vec<_>>();
    let readable = [("certificate", certificate), ("key", key)].map(|(name, file)| check.readable(&at(name), file));
    if readable != [true, true] {
        return;
    }
    match Pair::read(certificate, key) {
        Ok(pair) => {
            for (doubt, help) in pair.doubts(host, Clock::system().now()) {
                check.warn(&at("certificate"), doubt, help);
            }
        }
        Err(fault) => {
            let name = if fault.is_key { "key" } else { "certificate" };
            check.note(&at(name), format!("`{}`: {}", fault.file.display(), fault.message), fault.help);
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
        let bare = name.strip_prefix("*.").unwrap_or(name);
        let plain = Host::parse(bare).ok().map(|host| host.to_string());
        if let (Some(plain), false) = (&plain, name.is_ascii()) {
            let help = format!("write \"{}\"", name.replace(bare, plain));
            check.note(at!["listener", index, "tls", "names", number], "certificates hold names in ASCII", &help);
        } else if !plain.is_some_and(|plain| is_name(&plain)) || bare.parse::<std::net::IpAddr>().is_ok() {
            let help = "such as \"proxy.example.com\" or \"*.proxy.example.com\"";
            check.note(at!["listener", index, "tls", "names", number], format!("`{name}` is not a name"), help);
        }
    }
    let client_ca = at!["listener", index, "tls", "client_ca"];
    if let Some(file) = &tls.client_ca
        && check.readable(client_ca, file)
        && let Err(error) = tls.verifier()
    {
        check.note(client_ca, error.to_string(), "");
    }
    if let (Some(certificate), Some(key)) = (&tls.certificate, &tls.key) {
        pair(at!["listener", index, "tls"], (certificate, key), None, check);
    }
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

pub(super) fn session_and_limits(config: &Config, check: &mut Check<'_>) {
    let limits = &config.limits;
    if config.session.lifetime.as_secs() < 60 {
        check.note(at!["session", "lifetime"], "sessions would end as soon as they begin", "the default is \"30d\"");
    }
    if config.session.idle.is_some_and(|idle| idle.as_secs() < 120) {
        let help = "the last use is kept to the minute; such as \"12h\"";
        check.note(at!["session", "idle"], "sessions would end between two pages", help);
    }
    if let Some(idle) = config.session.idle.filter(|idle| *idle > config.session.lifetime) {
        too_idle(at!["session", "idle"], idle, config.session.lifetime, check);
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
    if limits.workers > MAX_WORKERS {
        let help = "0 stands for as many as there are processors";
        check.note(
            at!["limits", "workers"],
            format!("more than {MAX_WORKERS} threads would only wait for each other"),
            help,
        );
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

/// The most threads that move people's bytes.
const MAX_WORKERS: usize = 1024;

/// Notes a time without use that is longer than what it is to shorten.
pub(super) fn too_idle(path: &[Step], idle: SignedDuration, lifetime: SignedDuration, check: &mut Check<'_>) {
    let message = format!("a session ends after {lifetime:#} in any case, so it never goes unused for {idle:#}");
    check.note(path, message, "make `idle` shorter than `lifetime`, or leave it out");
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

/// How a secret is made that nobody guesses.
const GOOD_SECRET: &str = "take at least 32 random characters: openssl rand -base64 32";

/// What is wrong with a file of certificates that are to be trusted.
pub(super) fn not_roots((file, why): &(ConfigPath, String)) -> String {
    format!("`{}`: {why}", file.display())
}

fn shared_store(redis: &redis::Config, check: &mut Check<'_>) {
    if redis.servers.is_empty() {
        return;
    }
    match &redis.secret {
        None => {
            let help = "write the same random text on all nodes: openssl rand -base64 32";
            check.note(at!["session", "redis", "secret"], "nodes that share a store need a `secret`", help);
        }
        Some(secret) if secret.expose().len() < 32 => {
            let help = GOOD_SECRET;
            check.note(at!["session", "redis", "secret"], "the secret can be guessed", help);
        }
        Some(_) => {}
    }
    for (index, _) in redis.other_secrets.iter().enumerate().filter(|(_, secret)| secret.expose().len() < 32) {
        let help = GOOD_SECRET;
        check.note(at!["session", "redis", "other_secrets", index], "the secret can be guessed", help);
    }
    if redis.cluster && redis.sentinel.is_some() {
        check.note(
            at!["session", "redis", "sentinel"],
            "`sentinel` cannot stand beside `cluster = true`",
            "remove one of them",
        );
    }
    if let Some(ca) = &redis.ca
        && check.readable(at!["session", "redis", "ca"], ca)
        && let Err(why) = Roots::load(std::slice::from_ref(ca))
    {
        check.note(at!["session", "redis", "ca"], not_roots(&why), "");
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
