//! Checks what rules put before a site: warnings and overrides, and the words that go with them.

use super::rules::ambiguous;
use super::{Check, at};
use crate::clock::SignedDuration;
use crate::config::Config;
use crate::config::tree::Step;
use crate::identity::Realm;
use crate::policy::{Effect, OverrideConfig, RuleConfig, people as meant};
use crate::saml;

/// The longest message: it is read on a telephone, too.
const LONGEST: usize = 2000;

/// How long what has been passed counts, at least; and at most, for warnings and for overrides.
const LEAST: SignedDuration = SignedDuration::from_mins(1);
const MOST_REMEMBERED: SignedDuration = SignedDuration::from_hours(30 * 24);
const MOST_OPEN: SignedDuration = SignedDuration::from_hours(24);

/// Checks all rules.
pub(super) fn barriers(config: &Config, check: &mut Check<'_>) {
    let realms: Vec<Realm> = config.realms.iter().map(saml::Config::realm).collect();
    for (index, rule) in config.policy.rules.iter().enumerate() {
        barrier(index, rule, &realms, check);
    }
}

fn barrier(index: usize, rule: &RuleConfig, realms: &[Realm], check: &mut Check<'_>) {
    let path = |key: &str| vec![Step::from("policy"), Step::from("rule"), Step::from(index), Step::from(key)];
    message(&path("message"), rule, check);
    if let Some(remember) = rule.remember {
        if rule.effect != Effect::Warn {
            let help = "it says how long a warning counts as read";
            check.note(&path("remember"), "`remember` belongs to a rule with `effect = \"warn\"`", help);
        }
        if !(LEAST..=MOST_REMEMBERED).contains(&remember) {
            let help = "people would see the page at each click, or never again; the default is \"1h\"";
            check.note(&path("remember"), "`remember` is at least \"1m\" and at most \"30d\"", help);
        }
    }
    if rule.effect == Effect::Warn && !rule.authenticate {
        let help = "it is remembered for each person: let another rule before it allow what needs no sign-in";
        check.note(&path("authenticate"), "a rule that asks nobody who they are cannot warn", help);
    }
    if let Some(own) = &rule.overriding {
        overriding(index, rule, own, check);
        groups(index, rule, own, realms, check);
    }
}

fn message(path: &[Step], rule: &RuleConfig, check: &mut Check<'_>) {
    let Some(message) = &rule.message else { return };
    if message.trim().is_empty() || message.len() > LONGEST {
        let help = "one or two sentences in your own words; the page shows the rule's name beside it";
        check.note(path, format!("a `message` has between 1 and {LONGEST} bytes"), help);
    } else if !matches!(rule.effect, Effect::Warn | Effect::Block) {
        let help = "it stands on the pages of rules that warn or block";
        check.warn(path, "nobody sees the `message` of this rule", help);
    }
}

fn overriding(index: usize, rule: &RuleConfig, own: &OverrideConfig, check: &mut Check<'_>) {
    let path = at!["policy", "rule", index, "override"];
    if rule.effect != Effect::Block {
        let help = "a rule that lets through has nothing to override";
        check.note(path, "`override` belongs to a rule with `effect = \"block\"`", help);
    }
    if !rule.authenticate {
        let help = "who overrides it is a person: let it ask who they are, or write no `override`";
        check.note(path, "a rule that asks nobody who they are cannot be overridden", help);
    }
    if own.password.is_none() && own.groups.is_empty() && check.is_whole(path) {
        let help = "add `groups`, or a `password` that `vestibule policy hash-password` has hashed";
        check.note(path, "nobody could override it", help);
    }
    if !(LEAST..=MOST_OPEN).contains(&own.lasts) {
        let help = "what is open for longer is not blocked: let a rule allow it; the default is \"15m\"";
        check.note(
            at!["policy", "rule", index, "override", "for"],
            "`for` is at least \"1m\" and at most \"1d\"",
            help,
        );
    }
}

/// Each group means one.
fn groups(index: usize, rule: &RuleConfig, own: &OverrideConfig, realms: &[Realm], check: &mut Check<'_>) {
    if check.is_damaged("realm") {
        return;
    }
    for (at, name) in own.groups.iter().enumerate() {
        let several = meant::groups(name, realms, &rule.realms);
        if several.len() > 1 {
            ambiguous(at!["policy", "rule", index, "override", "groups", at], name, &several, check);
        }
    }
}
