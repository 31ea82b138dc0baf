//! Checks what is read of the risk of accounts, what rules do about it, and that rules of the policy ask for no risk that
//! nobody reads.

use super::{Check, at};
use crate::config::{Config, Step};
use crate::directory::action::Action;
use crate::directory::config::Config as Directory;
use crate::directory::risk::config::Config as Risk;
use crate::directory::risk::{RiskRule, RiskState};

pub(super) fn risk(config: &Config, check: &mut Check<'_>) {
    for (index, directory) in config.directories.iter().enumerate() {
        if let Some(own) = &directory.risk {
            reading(index, own, directory, check);
        }
        let names = directory.risk_rules.iter().map(|rule| rule.name.as_str());
        let twice: Vec<&str> = names.collect();
        for (number, rule) in directory.risk_rules.iter().enumerate() {
            if twice.iter().take(number).any(|name| *name == rule.name) {
                let message = format!("two risk rules are called `{}`", rule.name);
                check.note(at!["directory", index, "risk_rule", number, "name"], message, "tasks show the name");
            }
            risk_rule((index, number), rule, directory, check);
        }
    }
    for (number, rule) in config.policy.rules.iter().enumerate() {
        if rule.risk.is_some() {
            known(at!["policy", "rule", number, "risk"], &rule.realms, config, check);
        }
        if rule.not.risk.is_some() {
            known(at!["policy", "rule", number, "not", "risk"], &rule.realms, config, check);
        }
    }
    for (number, rule) in config.policy.standing.iter().enumerate() {
        if rule.risk.is_some() {
            known(at!["policy", "standing", number, "risk"], &rule.realms, config, check);
        }
        if rule.not.risk.is_some() {
            known(at!["policy", "standing", number, "not", "risk"], &rule.realms, config, check);
        }
    }
}

fn reading(index: usize, risk: &Risk, directory: &Directory, check: &mut Check<'_>) {
    if directory.graph.is_none() {
        let message = "the risk of accounts is read from Microsoft Graph, and nothing else of the directory is";
        check.note(
            at!["directory", index, "risk"],
            message,
            "add `[directory.graph]`, or leave `[directory.risk]` out",
        );
    }
    if risk.every.signed().as_secs() < 60 {
        let help = "Microsoft Graph counts requests: the default is 5 minutes";
        check.note(at!["directory", index, "risk", "every"], "it would be asked all the time", help);
    }
    if risk.stale_after.signed() < risk.every.signed().saturating_mul(2) {
        let message = "nobody's risk would count as known whenever a single reading is late";
        let help = "make it twice `every` at least: the default is 24 hours";
        check.note(at!["directory", index, "risk", "stale_after"], message, help);
    }
    if risk.most_per_hour == 0 && !directory.risk_rules.is_empty() {
        let path = at!["directory", index, "risk", "most_per_hour"];
        check.note(
            path,
            "no rule could do anything",
            "the default is 10; `dry_run = true` in a rule only says what it would do",
        );
    }
}

fn risk_rule((index, number): (usize, usize), rule: &RiskRule, directory: &Directory, check: &mut Check<'_>) {
    let path = at!["directory", index, "risk_rule", number];
    if rule.name.trim().is_empty() {
        check.note(at!["directory", index, "risk_rule", number, "name"], "a risk rule has no name", "tasks show it");
    }
    if directory.risk.is_none() {
        check.note(path, "the risk of accounts is not read, so the rule would never act", "add `[directory.risk]`");
    }
    if directory.actions.is_none() {
        let help =
            "add `[directory.actions]` with a credential of its own, and protect the accounts by which you get back in";
        check.note(path, "nothing can act on accounts of this directory", help);
    }
    let path = at!["directory", index, "risk_rule", number, "action"];
    match rule.action {
        Action::Disable
        | Action::SignOut
        | Action::SignOutHere
        | Action::ResetPassword
        | Action::ConfirmCompromised => {}
        Action::Enable | Action::Dismiss => {
            let help = "write \"sign-out-here\", \"sign-out\", \"disable\", \"reset-password\" or \"confirm-compromised\"; `revoke` takes \"disable\" back";
            check.note(path, format!("a risk rule does not do `{}`", rule.action.as_str()), help);
        }
    }
    if rule.states.is_empty() {
        let path = at!["directory", index, "risk_rule", number, "states"];
        check.note(path, "the rule is about no state", "leave it out for both: at-risk and confirmed-compromised");
    }
    if let Some(state) = rule.states.iter().find(|state| !state.is_at_risk()) {
        let path = at!["directory", index, "risk_rule", number, "states"];
        let message = format!("nobody in the state `{}` is at risk", state.as_graph());
        check.note(path, message, "write \"at-risk\" or \"confirmed-compromised\"; `revoke` has states of its own");
    }
    let undo = rule.revoke.iter().flat_map(|revoke| &revoke.states);
    if rule.states.iter().chain(undo).any(|state| *state == RiskState::Unknown) {
        check.note(at!["directory", index, "risk_rule", number], "`unknown` is no state that a rule can be about", "");
    }
    if let Some(revoke) = &rule.revoke {
        let path = at!["directory", index, "risk_rule", number, "revoke"];
        if rule.action.opposite().is_none() {
            let help = "only \"disable\" can be taken back: leave `revoke` out";
            check.note(path, format!("nothing takes `{}` back", rule.action.as_str()), help);
        } else if revoke.states.is_empty() && revoke.gone_for.is_none() {
            check.note(path, "nothing would take it back", "write `gone_for`, such as \"24h\", or leave `states` out");
        }
    }
}

/// Whether the risk is read of everybody whom a rule can be about: what nobody reads counts against them.
fn known(path: &[Step], realms: &[String], config: &Config, check: &mut Check<'_>) {
    let is_meant = |name: &str| realms.is_empty() || realms.iter().any(|realm| realm == name);
    let is_read = |name: &str| {
        let mut all = config.directories.iter();
        all.any(|directory| directory.risk.is_some() && directory.realms.iter().any(|realm| realm == name))
    };
    let mut meant = config.realms.iter().map(|realm| realm.name.as_str()).filter(|name| is_meant(name));
    if let Some(unread) = meant.find(|name| !is_read(name)) {
        let message =
            format!("the risk of the people of realm `{unread}` is not read, so it would count against all of them");
        let help = "add `[directory.risk]` to its `[[directory]]`, or say with `realms` whom the rule is about";
        check.note(path, message, help);
    }
}
