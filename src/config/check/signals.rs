//! Checks who tells of revoked sessions and accounts, and that nobody else can.

use super::{Check, at};
use crate::config::Config;
use crate::signals::Delivery;

/// The shortest token that nobody guesses.
const SHORTEST: usize = 16;

pub(super) fn signals(config: &Config, check: &mut Check<'_>) {
    for (index, own) in config.signals.iter().enumerate() {
        let earlier = || config.signals.iter().take(index);
        let is_name = !own.name.is_empty()
            && own.name.len() <= 64
            && own.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if !is_name {
            let help = "use lower-case letters, digits and hyphens: it stands in an address";
            check.note(at!["signals", index, "name"], format!("`{}` cannot be a name", own.name), help);
        }
        if earlier().any(|other| other.name == own.name) {
            check.note(at!["signals", index, "name"], format!("two `[[signals]]` are called `{}`", own.name), "");
        }
        if earlier().any(|other| other.issuer == own.issuer && other.audience == own.audience) {
            let message = "another `[[signals]]` has the same issuer and audience";
            check.note(at!["signals", index, "issuer"], message, "name the realms of both in one");
        }
        if own.audience.is_empty() || own.audience.iter().any(String::is_empty) {
            let help = "write what the transmitter calls this receiver (`aud` of the stream)";
            check.note(at!["signals", index, "audience"], "no token could be meant for this receiver", help);
        }
        if own.realms.is_empty() {
            check.note(at!["signals", index, "realms"], "it would speak of nobody", "name the realms of its people");
        }
        for (at_realm, realm) in own.realms.iter().enumerate() {
            let is_known = config.realms.iter().any(|known| known.name == *realm);
            if !is_known && !check.is_damaged("realm") {
                let message = format!("there is no realm `{realm}`");
                check.note(at!["signals", index, "realms", at_realm], message, "");
            }
        }
        if own.max_age.is_zero() {
            check.note(at!["signals", index, "max_age"], "every signal would be too old", "the default is \"7d\"");
        }
        delivery(index, own, check);
    }
}

fn delivery(index: usize, own: &crate::signals::Config, check: &mut Check<'_>) {
    match own.delivery {
        Delivery::Push => {
            if own.push_tokens.is_empty() {
                let help = "add `push_tokens = [{ file = \"signals.token\" }]` with a random token, and give it to the transmitter";
                check.note(at!["signals", index, "push_tokens"], "whoever pushes would not be known", help);
            }
            if own.poll_url.is_some() {
                let help = "leave it out, or add `delivery = \"poll\"`";
                check.note(at!["signals", index, "poll_url"], "its signals are pushed, so nobody is asked", help);
            }
        }
        Delivery::Poll => {
            if own.poll_url.is_none() {
                let help = "write it, or begin with `delivery = \"push\"`; `vestibule signals create` says what it is";
                check.warn(at!["signals", index, "delivery"], "`poll_url` is missing, so nobody is asked", help);
            }
            if !own.push_tokens.is_empty() {
                check.note(at!["signals", index, "push_tokens"], "its signals are asked for, and never pushed", "");
            }
        }
    }
    for (at_token, token) in own.push_tokens.iter().enumerate() {
        if token.expose().len() < SHORTEST {
            let help = "`openssl rand -base64 32` makes one";
            check.note(at!["signals", index, "push_tokens", at_token], "the token could be guessed", help);
        }
    }
    if own.push_tokens.len() > 2 {
        let help = "two are enough for one to replace the other";
        check.note(at!["signals", index, "push_tokens"], "there are more than two tokens", help);
    }
}
