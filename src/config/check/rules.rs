//! Checks who rules are about, and what they want of people.

use super::{Check, at, egress, people};
use crate::clock::SignedDuration;
use crate::config::Config;
use crate::config::tree::Step;
use crate::config::words::nearest;
use crate::identity::Realm;
use crate::identity::realm::Scope;
use crate::policy::Hosts;
use crate::policy::people::{self as meant, Name};
use crate::saml::Binding;
use crate::{policy, saml};

pub(super) fn policy(config: &Config, check: &mut Check<'_>) {
    let realms: Vec<Realm> = config.realms.iter().map(saml::Config::realm).collect();
    blocked_sign_in(config, check);
    check.unique(&["policy", "rule"], config.policy.rules.iter().map(|rule| rule.name.as_str()));
    for (index, rule) in config.policy.rules.iter().enumerate() {
        for (at, network) in rule.networks.iter().enumerate() {
            people::known_network(at!["policy", "rule", index, "networks", at], network, config, check);
        }
        if let Some(route) = &rule.route {
            egress::known_ways(at!["policy", "rule", index, "route"], route, config, check);
        }
        reauthentication(index, rule, check);
        names(index, rule, &realms, check);
        let names_somebody = [&rule.realms, &rule.users, &rule.groups].iter().any(|names| !names.is_empty());
        if names_somebody && !rule.authenticate {
            let help = "nobody is asked who they are, so it would never match";
            let message = "a rule with `authenticate = false` can't name realms, users or groups";
            check.note(at!["policy", "rule", index, "authenticate"], message, help);
        }
    }
}

fn reauthentication(index: usize, rule: &policy::RuleConfig, check: &mut Check<'_>) {
    let Some(within) = rule.reauthenticate else { return };
    let path = at!["policy", "rule", index, "reauthenticate"];
    if within < SignedDuration::from_mins(1) {
        let help = "people need that long to come back from the sign-in page";
        check.note(path, "`reauthenticate` is at least \"1m\"", help);
    }
    if rule.effect == policy::Effect::Block || !rule.authenticate {
        let help = "remove it: nobody is let through by this rule because of who they are";
        check.note(path, "`reauthenticate` can't stand in a rule that blocks or asks nobody", help);
    }
}

/// What is blocked is blocked for those who want to sign in, too.
fn blocked_sign_in(config: &Config, check: &mut Check<'_>) {
    let blocked: Hosts = config.policy.blocked.iter().cloned().collect();
    for realm in &config.realms {
        let Ok(Some(idp)) = realm.identity_provider(|path| std::fs::read(path)) else { continue };
        let hosts =
            [Binding::Redirect, Binding::Post].into_iter().filter_map(|binding| idp.sign_in_url(binding)?.host());
        if let Some(host) = hosts.map(|host| host.to_owned()).find(|host| blocked.contains(host)) {
            let message = format!("`blocked` holds `{host}`, where people of `{}` sign in", realm.name);
            check.note(
                at!["policy", "blocked"],
                message,
                "nobody could: what is blocked is blocked before the walled garden",
            );
        }
    }
}

/// Each name means somebody, and one only.
fn names(index: usize, rule: &policy::RuleConfig, realms: &[Realm], check: &mut Check<'_>) {
    if check.is_damaged("realm") || realms.is_empty() {
        return;
    }
    let known: Vec<&str> = realms.iter().map(|realm| realm.name.as_str()).collect();
    for (at, name) in rule.realms.iter().enumerate().filter(|(_, name)| !known.contains(&name.as_str())) {
        unknown_realm(at!["policy", "rule", index, "realms", at], name, &known, check);
    }
    for (at, name) in rule.users.iter().enumerate() {
        let path = at!["policy", "rule", index, "users", at];
        let prefix = name.split_once('/').filter(|_| meant::qualified(name, realms).is_none());
        match (prefix, meant::people(name, realms, &rule.realms).as_slice()) {
            (Some((prefix, _)), _) => unknown_realm(path, prefix, &known, check),
            (None, []) => {
                let help = "people are named by the identity claim of their realm, in one of its `domains`, or by their object ID";
                check.note(path, format!("no realm here speaks for `{name}`, so it means nobody"), help);
            }
            (None, [_]) => {}
            (None, several) => ambiguous(path, name, several, check),
        }
    }
    for (at, name) in rule.groups.iter().enumerate() {
        let path = at!["policy", "rule", index, "groups", at];
        match meant::groups(name, realms, &rule.realms).as_slice() {
            [] | [_] => {}
            several => ambiguous(path, name, several, check),
        }
    }
}

fn unknown_realm(path: &[Step], name: &str, known: &[&str], check: &mut Check<'_>) {
    let help = match nearest(name, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are: `{}`", known.join("`, `")),
    };
    check.note(path, format!("there is no realm `{name}`"), &help);
}

fn ambiguous(path: &[Step], name: &str, meanings: &[Name], check: &mut Check<'_>) {
    let realms: Vec<&str> = meanings.iter().map(Name::realm).collect();
    let message = format!("`{name}` could be of the realms `{}`", realms.join("`, `"));
    let first = realms.first().copied().unwrap_or_default();
    let help = format!("write `{first}/{name}`, or name the realm as `realms = [\"{first}\"]` in this rule");
    check.note(path, message, &help);
}

/// Names in rules that are good, and that may not mean whom they seem to: those without a domain, where the realm calls
/// people by names with one.
pub fn doubtful_names(config: &Config) -> Vec<String> {
    let realms: Vec<Realm> = config.realms.iter().map(saml::Config::realm).collect();
    let claim_of = |realm: &str| {
        let realm = config.realms.iter().find(|own| own.name == realm)?;
        realm.identity_claims.first().filter(|claim| saml::claims::has_domain(claim))
    };
    let mut found = Vec::new();
    for rule in &config.policy.rules {
        for written in &rule.users {
            let bare = meant::qualified(written, &realms).map_or(written.as_str(), |(_, name)| name);
            let is_object_id = bare.len() == 36 && bare.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
            let [name] = &*meant::people(written, &realms, &rule.realms) else { continue };
            if let (Scope::Inside, false, Some(claim)) = (Scope::of(bare), is_object_id, claim_of(name.realm())) {
                found.push(format!(
                    "rule `{}`: `{written}` has no domain, and the realm `{}` calls people by the claim `{claim}`: it means \
                     nobody's sAMAccountName",
                    rule.name,
                    name.realm()
                ));
            }
        }
    }
    found
}
