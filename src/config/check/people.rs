//! Checks who is asked to sign in, where, and for what.

use super::named::prefix;
use super::{Check, at};
use crate::clock::SignedDuration;
use crate::config::Config;
use crate::config::tree::Step;
use crate::identity::fold::fold;
use crate::identity::network::{self, ELSEWHERE, Lapse};
use crate::identity::realm::{Scope, plain_domain};
use crate::identity::{ForeignNames, GUEST};
use crate::policy::Pattern;
use crate::portal;
use crate::saml;
use crate::saml::config::acs_path;
use crate::session;
use crate::units::Duration;

pub(super) fn networks(config: &Config, check: &mut Check<'_>) {
    check.unique(&["network"], config.networks.iter().map(|network| network.name.as_str()));
    for (index, network) in config.networks.iter().enumerate() {
        if network.name == ELSEWHERE {
            let help = "it is the name of what no `[[network]]` holds";
            check.note(at!["network", index, "name"], format!("no network can be called `{ELSEWHERE}`"), help);
        }
        if network.addresses.is_empty() {
            check.note(at!["network", index, "addresses"], "a network without addresses holds nobody", "");
        }
        for (at, net) in network.addresses.iter().enumerate() {
            let path = at!["network", index, "addresses", at];
            prefix(path, *net, check);
            let other = config.networks.iter().take(index).find(|other| other.addresses.contains(net));
            if let Some(other) = other {
                check.note(path, format!("{net} belongs to the network `{}` already", other.name), "");
            }
        }
        if network.shared && network.address == Some(true) {
            let help = "on a shared network one address stands for several people: remove `address` or `shared`";
            check.note(at!["network", index, "address"], "`address = true` cannot stand beside `shared = true`", help);
        }
        lapse(index, network.lapse(), check);
        spans(index, network, config, check);
    }
}

/// How long sessions last that begin there, with what `[session]` says where the network says nothing.
fn spans(index: usize, network: &network::Config, config: &Config, check: &mut Check<'_>) {
    let (lifetime, idle) = (network.lifetime.unwrap_or(config.session.lifetime), network.idle.or(config.session.idle));
    let minute = Duration::minutes(1).signed();
    if network.lifetime.is_some_and(|lifetime| lifetime < minute) {
        let help = "such as \"12h\"; the default is what `[session]` says";
        check.note(at!["network", index, "lifetime"], "sessions would end as soon as they begin", help);
    } else if network.idle.is_some_and(|idle| idle < Duration::minutes(2).signed()) {
        let help = "the last use is kept to the minute; such as \"1h\"";
        check.note(at!["network", index, "idle"], "sessions would end between two pages", help);
    } else if let Some(idle) =
        idle.filter(|idle| *idle > lifetime && (network.idle.is_some() || network.lifetime.is_some()))
    {
        let key = if network.idle.is_some() { "idle" } else { "lifetime" };
        let (message, help) = session::never_idle(idle, lifetime);
        check.note(at!["network", index, key], message, help);
    }
}

fn lapse(index: usize, lapse: Lapse, check: &mut Check<'_>) {
    let minute = Duration::minutes(1).signed();
    if lapse.idle < minute {
        let help = "whoever reads a page would be sent to the portal for the next one; the default is \"30m\"";
        check.note(at!["network", index, "address_idle"], "an address would stand for nobody between two pages", help);
    }
    if lapse.lifetime < lapse.idle.max(minute) {
        let help = "`address_idle` would never count; the default is \"10h\", a working day";
        check.note(
            at!["network", index, "address_lifetime"],
            "`address_lifetime` is shorter than `address_idle`",
            help,
        );
    }
    let path = at!["network", index, "one_address_after"];
    if lapse.pause.is_zero() {
        return;
    }
    if !lapse.one_address {
        let help = "with `one_address = false` no address is left for another one: remove one of them";
        check.note(path, "`one_address_after` would never count", help);
    } else if lapse.pause < minute || lapse.pause >= lapse.idle {
        let help = "it is for people who use two devices at once, and at least \"1m\"; \"5m\" is a good value";
        check.note(path, "`one_address_after` is shorter than a minute, or no shorter than `address_idle`", help);
    }
}

pub(super) fn realms(config: &Config, check: &mut Check<'_>) {
    if config.realms.is_empty() && !check.is_damaged("realm") {
        check.note(at!["realm"], "there is no realm, so nobody could sign in", "add a `[[realm]]`");
    }
    check.unique(&["realm"], config.realms.iter().map(|realm| realm.name.as_str()));
    let mut taken: Vec<(String, &str)> = Vec::new();
    for (index, realm) in config.realms.iter().enumerate() {
        if realm.name == GUEST {
            let help = "it stands for people without an account";
            check.note(at!["realm", index, "name"], format!("no realm can be called `{GUEST}`"), help);
        }
        if realm.name.contains('/') {
            let help = "rules write `realm/name`, so the first `/` ends the realm's name";
            check.note(at!["realm", index, "name"], "a realm's name cannot hold `/`", help);
        }
        if realm.domains.is_empty() {
            let help = "write the domains of its people: what follows the `@`";
            check.note(at!["realm", index, "domains"], "a realm without domains speaks for nobody", help);
        }
        if let ForeignNames::Of(domains) = &realm.foreign_names {
            for domain in domains.iter().filter(|domain| !is_domain(domain)) {
                let help = "write `true` for all that are no other realm's, or domains such as \"example.com\"";
                check.note(at!["realm", index, "foreign_names"], format!("`{domain}` is not a domain"), help);
            }
        }
        for (at, domain) in realm.domains.iter().enumerate() {
            let path = at!["realm", index, "domains", at];
            if is_domain(domain) {
                claim(&mut taken, plain_domain(domain), &realm.name, path, check);
            } else {
                let help =
                    "such as \"example.com\"; it stands for itself alone, so write each one that there is below it";
                check.note(path, format!("`{domain}` is not a domain"), help);
            }
        }
        for (short, domain) in &realm.netbios {
            let path = at!["realm", index, "netbios", short.as_str()];
            claim(&mut taken, fold(short), &realm.name, path, check);
            if !realm.domains.iter().any(|own| plain_domain(own) == plain_domain(domain)) {
                let message = format!("`{short}` stands for `{domain}`, which is not one of the realm's domains");
                check.note(path, message, "");
            }
        }
        own_side(index, realm, check);
        identity_provider(index, realm, check);
        keys(index, realm, check);
    }
}

fn is_domain(domain: &str) -> bool {
    matches!(Scope::of(&format!("x@{domain}")), Scope::Domain(_))
}

/// What we are called, where answers are taken, and what names people.
fn own_side(index: usize, realm: &saml::Config, check: &mut Check<'_>) {
    if realm.entity_id.trim().is_empty() {
        let help = "Entra's \"Identifier (Entity ID)\", such as the portal's address; each answer must name it as its audience";
        check.note(at!["realm", index, "entity_id"], "`entity_id` is empty", help);
    }
    if realm.identity_claims.is_empty() {
        let help = "remove it for the default, or name claims such as \"uPN\", or \"NameID\" for the Subject's own";
        check.note(
            at!["realm", index, "identity_claims"],
            "no claim would name anybody, so nobody could sign in",
            help,
        );
    }
    answers_at(at!["realm", index, "acs"], &realm.acs, check);
    for (at, alias) in realm.acs_aliases.iter().enumerate() {
        answers_at(at!["realm", index, "acs_aliases", at], alias, check);
    }
}

/// Notes a path at which no answers can be taken.
fn answers_at(path: &[Step], written: &str, check: &mut Check<'_>) {
    match acs_path(written) {
        Err(error) => {
            let help = "a path such as \"/saml/acs\"; it may have a query";
            check.note(path, format!("answers cannot be taken at `{written}`: {error}"), help);
        }
        Ok(own) if portal::is_own_path(own) => {
            let help = "\"/saml/acs\" is free, and so is each path that the portal does not use for its own pages";
            check.note(
                path,
                format!("answers cannot be taken at `{written}`: the portal has a page of its own there"),
                help,
            );
        }
        Ok(_) => {}
    }
}

/// Our own keys are read as they will be read at the start.
fn keys(index: usize, realm: &saml::Config, check: &mut Check<'_>) {
    let mut all_readable = true;
    for (at, key) in realm.keys.iter().enumerate() {
        all_readable &= check.readable(at!["realm", index, "key", at, "certificate"], &key.certificate);
    }
    if all_readable && let Err(error) = realm.service_provider("", |path| std::fs::read(path)) {
        check.note(at!["realm", index], error.to_string(), "");
    }
}

/// Notes a domain of one realm that another realm has.
fn claim<'r>(taken: &mut Vec<(String, &'r str)>, domain: String, realm: &'r str, path: &[Step], check: &mut Check<'_>) {
    match taken.iter().find(|(other, _)| *other == domain) {
        Some((_, other)) if *other == realm => check.note(path, format!("`{domain}` stands here twice"), ""),
        Some((_, other)) => {
            let help = "a domain chooses the realm, so it can belong to one only";
            check.note(path, format!("`{domain}` belongs to the realm `{other}` already"), help);
        }
        None => taken.push((domain, realm)),
    }
}

/// Either metadata, or what stands in it. Both are read as they will be read at the start.
fn identity_provider(index: usize, realm: &saml::Config, check: &mut Check<'_>) {
    let files = [
        ("metadata", &realm.metadata),
        ("metadata_certificate", &realm.metadata_certificate),
        ("certificate", &realm.certificate),
        ("require_ca_signed", &realm.require_ca_signed),
    ];
    let mut all_readable = true;
    for (key, file) in files.into_iter().filter_map(|(key, file)| Some((key, file.as_ref()?))) {
        all_readable &= check.readable(at!["realm", index, key], file);
    }
    let superfluous = realm.superfluous();
    for (key, by) in &superfluous {
        let message = format!("`{key}` cannot stand beside `{by}`");
        check.note(at!["realm", index, *key], message, "remove one of them");
    }
    let by_hand = [
        ("issuer", realm.issuer.is_some()),
        ("login_url", realm.login_url.is_some()),
        ("certificate", realm.certificate.is_some()),
    ];
    let missing: Vec<&str> = by_hand.into_iter().filter(|(_, given)| !given).map(|(key, _)| key).collect();
    let by_metadata = [("metadata", realm.metadata.is_some()), ("metadata_url", realm.metadata_url.is_some())];
    let by_metadata = by_metadata.into_iter().find(|(_, given)| *given).map(|(key, _)| key);
    if by_metadata.is_none() && missing.len() == 3 {
        let help = "add `metadata_url = \"https://…\"` or `metadata = \"FILE\"`, both from the identity provider";
        check.note(at!["realm", index], "nothing says who the identity provider of this realm is", help);
    } else if by_metadata.is_none() && !missing.is_empty() {
        let message = format!("the identity provider's `{}` is missing", missing.join("`, `"));
        check.note(at!["realm", index], message, "or give its `metadata` instead");
    } else if all_readable
        && superfluous.is_empty()
        && let Err(error) = realm.identity_provider(|path| std::fs::read(path))
    {
        let message = format!("the identity provider cannot be used: {error}");
        match by_metadata {
            Some(key) => check.note(at!["realm", index, key], message, ""),
            None => check.note(at!["realm", index], message, ""),
        }
    }
    if realm.force_authn && realm.idp_initiated {
        let help = "remove one of them: a sign-in that nobody asked for is no new proof";
        let message = "`idp_initiated` cannot stand beside `force_authn`";
        check.note(at!["realm", index, "idp_initiated"], message, help);
    }
    for (at, host) in realm.sign_in_hosts.iter().enumerate() {
        if Pattern::try_from(format!("={host}")).is_err() {
            let help = "such as \"login.example.com\", without a scheme or a path";
            check.note(at!["realm", index, "sign_in_hosts", at], format!("`{host}` is not a host"), help);
        }
    }
    let refresh = realm.metadata_refresh;
    if refresh < SignedDuration::from_secs(1) || refresh > SignedDuration::from_hours(24 * 30) {
        let message = "`metadata_refresh` is between \"1s\" and \"30d\"";
        check.note(at!["realm", index, "metadata_refresh"], message, "");
    }
}
