//! Checks where identity providers push people to, and that what they push stays between them and us.

use super::edges::{collide, pair};
use super::{Check, at};
use crate::config::Config;

pub(super) fn scim(config: &Config, check: &mut Check<'_>) {
    let scim = &config.scim;
    let Some(listen) = scim.listen else {
        if config.directories.iter().any(|directory| directory.scim) {
            let help = "add `[scim]` with `listen`, `certificate` and `key`";
            check.note(at!["scim"], "a directory is to be pushed by SCIM, and nothing listens for it", help);
        }
        return;
    };
    if !config.directories.iter().any(|directory| directory.scim) && !check.is_damaged("directory") {
        let help = "add `scim = true` to the `[[directory]]` that is to be pushed";
        check.note(at!["scim", "listen"], "no directory is pushed by SCIM, so every request would be refused", help);
    }
    pinned(config, check);
    match (&scim.certificate, &scim.key) {
        (Some(certificate), Some(key)) => pair(at!["scim"], (certificate, key), None, check),
        (Some(_), None) => check.note(at!["scim", "certificate"], "the certificate's `key` is missing", ""),
        (None, Some(_)) => check.note(at!["scim", "key"], "the key's `certificate` is missing", ""),
        (None, None) if listen.ip().is_loopback() => {}
        (None, None) => {
            let help = "add `certificate` and `key`, of a public authority for Entra; or listen on 127.0.0.1, behind a reverse proxy that speaks TLS";
            check.note(at!["scim", "listen"], "tokens and names would travel in the clear", help);
        }
    }
    if scim.requests_per_minute == 0 {
        check.note(at!["scim", "requests_per_minute"], "no request would be taken", "the default is 6000");
    }
    let listeners = config.listeners.iter().map(|listener| (listener.name.as_str(), listener.address));
    let own = [Some(("portal", config.portal.listen)), config.metrics.listen.map(|listen| ("metrics", listen))];
    if let Some((name, address)) =
        listeners.chain(own.into_iter().flatten()).find(|(_, address)| collide(*address, listen))
    {
        let message = format!("the listener `{name}` takes {address} already");
        check.note(at!["scim", "listen"], message, "choose another port");
    }
}

/// Nodes that share a store keep directories together, so any of them can be pushed to.
fn pinned(config: &Config, check: &mut Check<'_>) {
    if !config.scim.pinned {
        return;
    }
    let help = "leave it out";
    if config.session.redis.servers.is_empty() {
        let help = "leave it out: it says something of nodes that share `[session.redis]`";
        check.warn(at!["scim", "pinned"], "this node shares its sessions with no other", help);
    } else {
        let message = "it is no longer needed: nodes keep together what is pushed to any of them";
        check.warn(at!["scim", "pinned"], message, help);
    }
}
