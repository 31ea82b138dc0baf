//! Checks who rules are about, and what they want of people.

use super::conditions::{self, Part};
use super::{Check, at, egress, terms};
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
    check.unique(&["policy", "test"], config.policy.tests.iter().map(|case| case.name.as_str()));
    cases(config, check);
    check.unique(&["policy", "rule"], config.policy.rules.iter().map(|rule| rule.name.as_str()));
    for (index, rule) in config.policy.rules.iter().enumerate() {
        let at = Part { section: "rule", index, left_out: false };
        conditions::known(at, &rule.conditions(), config, check);
        conditions::known(at.left_out(), &rule.not, config, check);
        if let Some(route) = &rule.route {
            egress::known_ways(at!["policy", "rule", index, "route"], route, config, check);
        }
        reauthentication(index, rule, check);
        ways(index, rule, config, check);
        finish(index, rule, check);
        names(at, &rule.conditions(), &rule.realms, &realms, check);
        names(at.left_out(), &rule.not, &rule.realms, &realms, check);
        unauthenticated(index, rule, check);
        terms::of_rule(index, rule, config, check);
    }
    check.unique(&["policy", "standing"], config.policy.standing.iter().map(|rule| rule.name.as_str()));
    for (index, rule) in config.policy.standing.iter().enumerate() {
        let at = Part { section: "standing", index, left_out: false };
        conditions::known(at, &rule.conditions(), config, check);
        conditions::known(at.left_out(), &rule.not, config, check);
        names(at, &rule.conditions(), &rule.realms, &realms, check);
        names(at.left_out(), &rule.not, &rule.realms, &realms, check);
        terms::of_standing(index, rule, config, check);
    }
}

/// Where nobody is asked who they are, nothing can depend on it: whoever is left out would go on as nobody.
fn unauthenticated(index: usize, rule: &policy::RuleConfig, check: &mut Check<'_>) {
    let names_somebody = |conditions: &policy::Conditions| {
        let names = [&conditions.realms, &conditions.users, &conditions.groups];
        names.iter().any(|names| !names.is_empty())
    };
    if rule.authenticate {
        return;
    }
    let path = at!["policy", "rule", index, "authenticate"];
    if names_somebody(&rule.conditions()) {
        let help = "nobody is asked who they are, so it would never match";
        let message = "a rule with `authenticate = false` cannot name realms, users or groups";
        check.note(path, message, help);
    } else if rule.evidence.is_some() || rule.proven.is_some() || rule.risk.is_some() {
        let help = "nobody is asked who they are, so there is no evidence of it";
        check.note(path, "a rule with `authenticate = false` cannot want evidence", help);
    }
    if names_somebody(&rule.not) || rule.not.evidence.is_some() || rule.not.proven.is_some() || rule.not.risk.is_some()
    {
        let help = "whoever it leaves out would be let through as soon as they sign out: let another rule before it block them";
        check.note(path, "a rule with `authenticate = false` cannot leave people out", help);
    }
}

/// Cases name what there is, and want something.
fn cases(config: &Config, check: &mut Check<'_>) {
    let rules: Vec<&str> = config.policy.rules.iter().map(|rule| rule.name.as_str()).collect();
    let names: Vec<&str> = rules.iter().copied().chain(NOT_RULES).collect();
    for (index, case) in config.policy.tests.iter().enumerate() {
        if case.decision.is_none()
            && case.rule.is_none()
            && case.terms.is_empty()
            && check.is_whole(at!["policy", "test", index])
        {
            let help = "add `decision = \"block\"`, or the `rule` that must decide";
            check.note(at!["policy", "test", index], "a case that wants nothing shows nothing", help);
        }
        if let Some(rule) = case.rule.as_deref().filter(|rule| !names.contains(rule)) {
            let help = nearest(rule, &names).map(|near| format!("did you mean `{near}`?")).unwrap_or_default();
            check.note(at!["policy", "test", index, "rule"], format!("there is no rule `{rule}`"), &help);
        }
        let with_terms = rules.iter().copied().chain(config.policy.standing.iter().map(|rule| rule.name.as_str()));
        let with_terms: Vec<&str> = with_terms.collect();
        for (at, rule) in case.terms.iter().enumerate().filter(|(_, rule)| !with_terms.contains(&rule.as_str())) {
            let help = nearest(rule, &with_terms).map(|near| format!("did you mean `{near}`?")).unwrap_or_default();
            check.note(at!["policy", "test", index, "terms", at], format!("there is no rule `{rule}`"), &help);
        }
        if let Some(listener) = &case.listener {
            conditions::known_listener(at!["policy", "test", index, "listener"], listener, config, check);
        }
    }
}

/// What decides without being a rule.
const NOT_RULES: [&str; 5] = ["blocked-list", "walled-garden", "approved-list", "default", "unidentified"];

fn finish(index: usize, rule: &policy::RuleConfig, check: &mut Check<'_>) {
    let path = at!["policy", "rule", index, "finish"];
    let has_hours = (rule.schedule.is_some() || rule.not.schedule.is_some()) && rule.effect.lets_through();
    let has_pass = rule.effect == policy::Effect::Warn || rule.overriding.is_some();
    if rule.finish && !has_hours && !has_pass {
        let help = "it says that what is open may finish when the hours of the rule end, or when what somebody has passed is over";
        let message =
            "`finish` belongs to a rule that lets something through by a `schedule`, a warning or an `override`";
        check.note(path, message, help);
    }
}

fn reauthentication(index: usize, rule: &policy::RuleConfig, check: &mut Check<'_>) {
    let Some(within) = rule.reauthenticate else { return };
    let path = at!["policy", "rule", index, "reauthenticate"];
    if within < SignedDuration::from_mins(1) {
        let help = "people need that long to come back from the sign-in page";
        check.note(path, "`reauthenticate` is at least \"1m\"", help);
    }
    if !rule.effect.lets_through() || !rule.authenticate {
        let help = "remove it: nobody is let through by this rule because of who they are";
        check.note(path, "`reauthenticate` cannot stand in a rule that blocks or asks nobody", help);
    }
}

/// Longer ones, and more of them, would not fit into the address by which people are sent to sign in.
const LONGEST_WAY: usize = 200;
const MOST_WAYS: usize = 8;

/// The ways of signing in that a rule wants are such as a realm takes.
fn ways(index: usize, rule: &policy::RuleConfig, config: &Config, check: &mut Check<'_>) {
    if rule.authn_context.is_empty() {
        return;
    }
    let path = at!["policy", "rule", index, "authn_context"];
    if !rule.effect.lets_through() || !rule.authenticate {
        let help = "remove it: nobody is let through by this rule because of who they are";
        check.note(path, "`authn_context` cannot stand in a rule that blocks or asks nobody", help);
    }
    if rule.authn_context.len() > MOST_WAYS {
        check.note(path, format!("`authn_context` has {MOST_WAYS} values at most"), "");
    }
    let takes =
        |realm: &saml::Config, way: &String| realm.authn_context.is_empty() || realm.authn_context.contains(way);
    for (at, way) in rule.authn_context.iter().enumerate() {
        let path = at!["policy", "rule", index, "authn_context", at];
        if way.is_empty() || way.len() > LONGEST_WAY || way.contains(|c: char| c.is_whitespace() || c.is_control()) {
            let help = "such as \"urn:oasis:names:tc:SAML:2.0:ac:classes:X509\"";
            check.note(path, format!("`{}` is no AuthnContextClassRef", way.escape_debug()), help);
        } else if !config.realms.is_empty() && !config.realms.iter().any(|realm| takes(realm, way)) {
            let help = "add it to `authn_context` of the realm, or nobody could sign in so";
            check.note(path, format!("no realm takes a sign-in by `{way}`"), help);
        }
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

/// Each name means somebody, and one only. Names without a realm are those of the realms that the rule is `within`.
fn names(part: Part, conditions: &policy::Conditions, within: &[String], realms: &[Realm], check: &mut Check<'_>) {
    if check.is_damaged("realm") || realms.is_empty() {
        return;
    }
    let known: Vec<&str> = realms.iter().map(|realm| realm.name.as_str()).collect();
    for (at, name) in conditions.realms.iter().enumerate().filter(|(_, name)| !known.contains(&name.as_str())) {
        unknown_realm(&part.path("realms", at), name, &known, check);
    }
    for (at, name) in conditions.users.iter().enumerate() {
        let path = part.path("users", at);
        let prefix = name.split_once('/').filter(|_| meant::qualified(name, realms).is_none());
        match (prefix, meant::people(name, realms, within).as_slice()) {
            (Some((prefix, _)), _) => unknown_realm(&path, prefix, &known, check),
            (None, []) => {
                let help = "people are named by the identity claim of their realm, in one of its `domains`, or by their object ID";
                check.note(&path, format!("no realm here speaks for `{name}`, so it means nobody"), help);
            }
            (None, [_]) => {}
            (None, several) => ambiguous(&path, name, several, check),
        }
    }
    for (at, name) in conditions.groups.iter().enumerate() {
        match meant::groups(name, realms, within).as_slice() {
            [] | [_] => {}
            several => ambiguous(&part.path("groups", at), name, several, check),
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

pub(super) fn ambiguous(path: &[Step], name: &str, meanings: &[Name], check: &mut Check<'_>) {
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
    let rules = config.policy.rules.iter().map(|rule| (&rule.name, &rule.users, &rule.not.users, &rule.realms));
    let standing = config.policy.standing.iter().map(|rule| (&rule.name, &rule.users, &rule.not.users, &rule.realms));
    for (rule, users, left_out, within) in rules.chain(standing) {
        for written in users.iter().chain(left_out) {
            let bare = meant::qualified(written, &realms).map_or(written.as_str(), |(_, name)| name);
            let is_object_id = bare.len() == 36 && bare.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
            let [name] = &*meant::people(written, &realms, within) else { continue };
            if let (Scope::Inside, false, Some(claim)) = (Scope::of(bare), is_object_id, claim_of(name.realm())) {
                found.push(format!(
                    "rule `{rule}`: `{written}` has no domain, and the realm `{}` calls people by the claim `{claim}`: it means \
                     nobody's sAMAccountName",
                    name.realm()
                ));
            }
        }
    }
    found
}
