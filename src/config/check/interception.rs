//! Checks what rules say of interception: a rule that decides whether a connection is intercepted must be able to see one.

use super::{Check, at};
use crate::clock::SignedDuration;
use crate::config::Config;
use crate::config::tree::Step;
use crate::policy::{AccessKind, Conditions};
use crate::wire::Scheme;

/// How many refusals `auto_tunnel` waits for, at most.
const MOST_AFTER: u32 = 1000;

/// For how long it tunnels, at least and at most.
const LEAST: SignedDuration = SignedDuration::from_mins(1);
const MOST: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Checks all rules, and `[interception]`.
pub(super) fn interception(config: &Config, check: &mut Check<'_>) {
    let policy = &config.policy;
    let intercepts = is_any(config);
    for (index, rule) in policy.rules.iter().enumerate() {
        let inspects = Inspects {
            section: "rule",
            index,
            intercept: rule.intercept,
            otherwise: [rule.client_certificate.is_some(), rule.unreadable.is_some()],
        };
        inspects.check(&rule.conditions(), &rule.not, (config, intercepts), check);
    }
    for (index, rule) in policy.standing.iter().enumerate() {
        let inspects = Inspects {
            section: "standing",
            index,
            intercept: rule.intercept,
            otherwise: [rule.client_certificate.is_some(), rule.unreadable.is_some()],
        };
        inspects.check(&rule.conditions(), &rule.not, (config, intercepts), check);
    }
    let Some(auto) = config.interception.auto_tunnel else { return };
    if !(1..=MOST_AFTER).contains(&auto.after) {
        let help = "software may fail once for other reasons: \"3\" is a good number";
        let path = at!["interception", "auto_tunnel", "after"];
        check.note(path, format!("`after` is at least 1 and at most {MOST_AFTER}"), help);
    }
    if !(LEAST..=MOST).contains(&auto.lasts) {
        let help = "what is to be tunnelled for longer deserves a rule with `intercept = false`";
        check.note(at!["interception", "auto_tunnel", "for"], "`for` is at least \"1m\" and at most \"30d\"", help);
    }
    if !intercepts {
        let help = "it lets software through that refuses an interception";
        check.warn(
            at!["interception", "auto_tunnel"],
            "no rule has `intercept = true`, so nothing is intercepted",
            help,
        );
    }
}

/// Whether a rule has anything intercepted.
fn is_any(config: &Config) -> bool {
    let rules = config.policy.rules.iter().map(|rule| rule.intercept);
    let standing = config.policy.standing.iter().map(|rule| rule.intercept);
    rules.chain(standing).any(|own| own == Some(true))
}

/// What one rule says of interception.
struct Inspects {
    section: &'static str,
    index: usize,
    intercept: Option<bool>,
    /// Whether it says what becomes of a connection whose origin asks for a certificate, and of one that cannot be read.
    otherwise: [bool; 2],
}

impl Inspects {
    fn path(&self, key: &str) -> Vec<Step> {
        vec![Step::from("policy"), Step::from(self.section), Step::from(self.index), Step::from(key)]
    }

    fn check(&self, when: &Conditions, not: &Conditions, (config, intercepts): (&Config, bool), check: &mut Check<'_>) {
        let keys = ["client_certificate", "unreadable"];
        let otherwise = keys.iter().zip(self.otherwise).filter(|(_, is_there)| *is_there).map(|(key, _)| *key);
        let says: Vec<&str> = self.intercept.iter().map(|_| "intercept").chain(otherwise.clone()).collect();
        let Some(first) = says.first() else { return };
        if let Some(unseen) = unseen(when) {
            let help = "it is decided before the handshake: name hosts, people, networks or lists, and let another rule decide what is inside";
            let message = format!("`{first}` of this rule never counts: {unseen}");
            return check.note(&self.path(first), message, help);
        }
        if !not.paths.is_empty() || !not.keywords.is_empty() {
            let key = if not.paths.is_empty() { "keywords" } else { "paths" };
            let help = "leave out hosts or lists, and let another rule decide what is inside";
            let message =
                format!("`{first}` is decided before the handshake, and `{key}` in `not` is about what is inside");
            return check.note(&self.path(first), message, help);
        }
        let ports = &config.egress.connect_ports;
        let is_reached = |port: &&u16| when.ports.is_empty() || when.ports.iter().any(|own| own.have(**port));
        if !ports.iter().filter(|port| **port != Scheme::Http.default_port()).any(|port| is_reached(&port)) {
            let help = "`connect_ports` of `[egress]` says which ports a CONNECT may name";
            let message = format!("`{first}` of this rule never counts: none of its `ports` is one for https");
            return check.note(&self.path(first), message, help);
        }
        if !when.keywords.is_empty() {
            let help = "a CONNECT shows no path: write `destinations` if that is not what you mean";
            check.warn(
                &self.path("keywords"),
                format!("for `{first}` a keyword counts only where the host holds it"),
                help,
            );
        }
        if let Some(key) = otherwise.clone().next().filter(|_| !intercepts) {
            let help = "it says what becomes of a connection that is to be intercepted and cannot be";
            check.warn(&self.path(key), "no rule has `intercept = true`, so nothing is intercepted", help);
        }
    }
}

/// Why no CONNECT can meet the conditions of a rule.
fn unseen(when: &Conditions) -> Option<&'static str> {
    if !when.paths.is_empty() {
        return Some("it has `paths`, and a CONNECT shows none");
    }
    if !when.methods.is_empty() && when.methods.iter().all(|method| method.0 != http::Method::CONNECT) {
        return Some("it has `methods`, and CONNECT is none of them");
    }
    let is_unseen = !when.kinds.is_empty() && when.kinds.iter().all(|kind| *kind != AccessKind::Tunnel);
    is_unseen.then_some("it has `kinds`, and `tunnel` is none of them")
}

/// Rules about paths that https hides, because nothing is intercepted: good, and perhaps not what is meant.
pub fn hidden_paths(config: &Config) -> Vec<String> {
    if is_any(config) {
        return Vec::new();
    }
    let rules = config.policy.rules.iter().filter(|rule| !rule.paths.is_empty());
    let told = |name: &str| {
        format!(
            "rule `{name}`: on https nobody sees `paths`, because no rule has `intercept = true`: it decides on plain http"
        )
    };
    rules.map(|rule| told(&rule.name)).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config;

    const GOOD: &str = include_str!("../../../config/minimal.toml");

    fn found(more: &str) -> (Vec<String>, Vec<String>) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
        let file = tempfile::Builder::new().suffix(".toml").tempfile_in(&folder).unwrap();
        std::fs::write(file.path(), format!("{GOOD}\n{more}")).unwrap();
        let said = |list: Vec<config::Problem>| list.into_iter().map(|one| one.message).collect();
        match config::load_with_text(file.path(), &|_| None) {
            Ok(loaded) => (Vec::new(), said(loaded.warnings)),
            Err(problems) => (said(problems.list), said(problems.warnings)),
        }
    }

    #[test]
    fn a_rule_that_can_never_see_a_connect_is_said_with_what_hides_it() {
        let standing = "[[policy.standing]]\nname = 's'\nintercept = true\n";
        for (more, part) in [
            (format!("{standing}paths = ['/admin']"), "it has `paths`, and a CONNECT shows none"),
            (format!("{standing}methods = ['POST']"), "it has `methods`, and CONNECT is none of them"),
            (format!("{standing}kinds = ['navigation']"), "it has `kinds`, and `tunnel` is none of them"),
            (format!("{standing}ports = ['80']"), "none of its `ports` is one for https"),
            (format!("{standing}not = {{ paths = ['/x'] }}"), "`paths` in `not` is about what is inside"),
            (
                "[[policy.rule]]\nname = 'r'\neffect = 'block'\nintercept = true".to_owned(),
                "`intercept` cannot stand in a rule that blocks",
            ),
            (
                "[[policy.rule]]\nname = 'r'\neffect = 'block'\naccept = ['expired']".to_owned(),
                "`accept` cannot stand in a rule that blocks",
            ),
            (
                format!("{standing}[interception]\nauto_tunnel = {{ after = 0, for = '1d' }}"),
                "`after` is at least 1 and at most 1000",
            ),
            (
                format!("{standing}[interception]\nauto_tunnel = {{ after = 3, for = '90d' }}"),
                "`for` is at least \"1m\" and at most \"30d\"",
            ),
        ] {
            let (problems, _) = found(&more);
            assert!(problems.len() == 1 && problems[0].contains(part), "{more}\n{part}\n{problems:#?}");
        }
        for good in [
            format!("{standing}kinds = ['tunnel', 'tool']\nports = ['443']\naccept = ['expired', 'wrong-name']"),
            format!("{standing}client_certificate = 'tunnel'\nunreadable = 'refuse'\nmethods = ['CONNECT']"),
            format!("{standing}[interception]\nauto_tunnel = {{ after = 3, for = '1d' }}"),
            "[[policy.rule]]\nname = 'r'\neffect = 'allow'\nintercept = false".to_owned(),
        ] {
            assert_eq!(found(&good), (vec![], vec![]), "{good}");
        }
        let (_, warnings) = found("[[policy.standing]]\nname = 's'\nunreadable = 'tunnel'");
        assert!(warnings.len() == 1 && warnings[0].contains("nothing is intercepted"), "{warnings:#?}");
        let (_, warnings) = found(&format!("{standing}keywords = ['casino']"));
        assert!(warnings.len() == 1 && warnings[0].contains("only where the host holds it"), "{warnings:#?}");
    }

    #[test]
    fn a_rule_about_paths_is_told_that_https_hides_them_unless_something_is_intercepted() {
        let rule = "[[policy.rule]]\nname = 'r'\npaths = ['/x']\neffect = 'block'\n";
        let hidden = |more: &str| {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
            let text = format!("{GOOD}\n{rule}{more}");
            hidden_paths(&config::parse(&text, "a.toml", &folder, &|_| None).unwrap())
        };
        assert_eq!(hidden("").len(), 1);
        assert_eq!(hidden("[[policy.standing]]\nname = 's'\nintercept = true"), [""; 0]);
    }

    /// The preset exempts what it says, also from a rule that has everything intercepted, and decides nothing.
    #[test]
    fn the_preset_of_sites_that_are_never_intercepted_is_good_and_spares_them_alone() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
        let preset = std::fs::read_to_string(folder.join("presets/never-intercept.toml")).unwrap();
        let text = format!("{GOOD}\n{preset}\n[[policy.standing]]\nname = 'all'\nintercept = true\n");
        let config = config::parse(&text, "a.toml", &folder, &|_| None).unwrap_or_else(|problems| panic!("{problems}"));
        let policy = crate::policy::Policy::new(&config.policy, &[], []);
        let networks = crate::identity::Networks::new(&[]);
        let zone = jiff::tz::TimeZone::UTC;
        let ground = crate::policy::Ground { realms: &[], networks: &networks, listener: "proxy", zone: &zone };
        let user = crate::identity::User { id: String::new(), ..crate::identity::User::named("contoso", "eve") };
        for (host, is_spared) in [
            ("www.paypal.com", true),
            ("login.microsoftonline.com", true),
            ("accounts.google.com", true),
            ("crates.io", true),
            ("static.crates.io", true),
            ("pypi.org", true),
            ("deb.debian.org", true),
            ("swcdn.apple.com", true),
            ("fe2.update.microsoft.com", true),
            ("web.whatsapp.com", true),
            ("www.example.com", false),
            ("paypal.com.evil.test", false),
            ("notpaypal.com", false),
        ] {
            let case = format!("name = 'it'\nurl = 'https://{host}/'\nfrom = '10.0.0.1'");
            let mut situation = crate::policy::Situation::of(&toml::from_str(&case).unwrap(), &ground, None).unwrap();
            situation.user = Some(user.clone());
            let crate::policy::Verdict::Permit(permit) = policy.decide(&situation.question()) else { panic!("{host}") };
            let manner = if is_spared { crate::policy::Manner::Tunnel } else { crate::policy::Manner::Intercept };
            assert_eq!((permit.manner(), &**permit.rule()), (manner, "default"), "{host}");
        }
    }
}
