//! Checks what rules subject requests to that are let through: fields, and limits.

use super::{Check, at, scanners};
use crate::config::Config;
use crate::config::tree::Step;
use crate::policy::{Conditions, Headers, Limit, RuleConfig, StandingConfig};

/// The terms of a rule that decides.
pub(super) fn of_rule(index: usize, rule: &RuleConfig, config: &Config, check: &mut Check<'_>) {
    let path = at!["policy", "rule", index];
    headers(path, &rule.headers, &rule.conditions(), check);
    limit(path, rule.limit.as_ref(), check);
    scanners::named(path, rule.scan.as_deref(), config, check);
    // What is overridden is let through.
    if rule.effect.lets_through() || rule.overriding.is_some() {
        return;
    }
    let inspects = [
        ("intercept", rule.intercept.is_some()),
        ("accept", !rule.accept.is_empty()),
        ("client_certificate", rule.client_certificate.is_some()),
        ("unreadable", rule.unreadable.is_some()),
    ];
    let others =
        [("headers", !rule.headers.is_empty()), ("limit", rule.limit.is_some()), ("scan", rule.scan.is_some())];
    for (key, is_there) in others.into_iter().chain(inspects) {
        if is_there {
            let message = format!("`{key}` cannot stand in a rule that blocks");
            check.note(&within(path, key), message, "nothing is let through by it: remove one of the two");
        }
    }
}

/// The terms of a standing rule, which is there for nothing else.
pub(super) fn of_standing(index: usize, rule: &StandingConfig, config: &Config, check: &mut Check<'_>) {
    let path = at!["policy", "standing", index];
    headers(path, &rule.headers, &rule.conditions(), check);
    limit(path, rule.limit.as_ref(), check);
    scanners::named(path, rule.scan.as_deref(), config, check);
    let inspects = rule.intercept.is_some()
        || !rule.accept.is_empty()
        || rule.client_certificate.is_some()
        || rule.unreadable.is_some();
    if rule.headers.is_empty() && rule.limit.is_none() && !inspects && rule.scan.is_none() && check.is_whole(path) {
        let help = "add `headers = { set = { … } }`, `limit = { … }`, `intercept` or `scan`, or make it a `[[policy.rule]]` with an `effect`";
        check.note(path, "a standing rule without `headers`, `limit`, `intercept` and `scan` does nothing", help);
    }
    // Records and cases tell them apart by their names.
    if config.policy.rules.iter().any(|other| other.name == rule.name) {
        let message = format!("a `[[policy.rule]]` is called `{}`, too", rule.name);
        check.note(&within(path, "name"), message, "records and cases tell them apart by their names");
    }
}

/// A field goes to the hosts that it is for, and to no others: what it says of an organisation is nobody else's to know.
fn headers(path: &[Step], headers: &Headers, when: &Conditions, check: &mut Check<'_>) {
    if headers.is_empty() || !when.destinations.is_empty() || !when.lists.is_empty() {
        return;
    }
    let help = "name the hosts that the fields are for, as `destinations` or `lists`: all others would see them, too";
    check.note(&within(path, "headers"), "a rule with `headers` must say for which hosts", help);
}

fn limit(path: &[Step], limit: Option<&Limit>, check: &mut Check<'_>) {
    let Some(limit) = limit else { return };
    let path = within(path, "limit");
    if !check.is_whole(&path) {
        return;
    }
    if !limit.is_any() {
        let help = "such as `{ requests = \"20/s\", connections = 200, bandwidth = \"2MiB/s\" }`";
        check.note(&path, "a `limit` without `requests`, `connections` and `bandwidth` limits nothing", help);
    }
    if limit.burst.is_some() && limit.requests.is_none() {
        check.note(&within(&path, "burst"), "`burst` belongs to `requests`", "it says how many may begin at once");
    }
    for (key, number) in [("connections", limit.connections), ("burst", limit.burst)] {
        if number == Some(0) {
            let help = "to let nothing through, write a rule with `effect = \"block\"`";
            check.note(&within(&path, key), format!("`{key}` is at least 1"), help);
        }
    }
}

fn within(path: &[Step], key: &str) -> Vec<Step> {
    let mut path = path.to_vec();
    path.push(Step::from(key));
    path
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use crate::config::{Config, Problems, parse};
    use crate::policy::{FieldChanges, Policy, Situation, Verdict};

    fn folder() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("config")
    }

    fn read(more: &str) -> Result<Config, Problems> {
        let good = std::fs::read_to_string(folder().join("minimal.toml")).unwrap();
        parse(&format!("{good}\n{more}"), "a.toml", &folder(), &|_| None)
    }

    /// What is wrong, and where in the line.
    fn said(more: &str) -> Vec<String> {
        let Err(problems) = read(more) else { return vec![] };
        let text = |place: &crate::config::Place| place.text.clone();
        let all = problems.list.iter().map(|problem| {
            let line = problem.place.as_ref().map(text).unwrap_or_default();
            format!("{line}: {}", problem.message)
        });
        all.collect()
    }

    #[test]
    fn terms_that_do_nothing_or_too_much_are_said() {
        const BLOCK: &str = "[[policy.rule]]\nname = 'a'\ndestinations = ['a.test']\neffect = 'block'\n";
        const ICAP: &str = "[[icap]]\nname = 'clamav'\nrespmod = 'icap://127.0.0.1/avscan'\n";
        const STANDING: &str = "[[policy.standing]]\nname = 'b'\n";
        for (text, part) in [
            (
                format!("{STANDING}headers = {{ set = {{ X-A = 'a' }} }}"),
                "a rule with `headers` must say for which hosts",
            ),
            (
                format!("{STANDING}not = {{ destinations = ['a.test'] }}\nheaders = {{ remove = ['X-A'] }}"),
                "for which hosts",
            ),
            (STANDING.to_owned(), "a standing rule without `headers`, `limit`, `intercept` and `scan` does nothing"),
            (format!("{STANDING}limit = {{ per = 'network' }}"), "limits nothing"),
            (format!("{STANDING}limit = {{ connections = 0 }}"), "`connections` is at least 1"),
            (format!("{STANDING}limit = {{ connections = 1, burst = 2 }}"), "`burst` belongs to `requests`"),
            (format!("{STANDING}limit = {{ requests = '20' }}"), "is not so many in a time"),
            (
                format!("{STANDING}destinations = ['a.test']\nheaders = {{ set = {{ Host = 'b' }} }}"),
                "`Host` cannot be set",
            ),
            (format!("{STANDING}networks = ['ofice']\nlimit = {{ connections = 1 }}"), "there is no network `ofice`"),
            (format!("{STANDING}users = ['eve@x.test']\nlimit = {{ connections = 1 }}"), "it means nobody"),
            (format!("{STANDING}lists = ['bad']\nlimit = {{ connections = 1 }}"), "bad"),
            (format!("{BLOCK}headers = {{ set = {{ X-A = 'a' }} }}"), "`headers` cannot stand in a rule that blocks"),
            (format!("{BLOCK}limit = {{ connections = 1 }}"), "`limit` cannot stand in a rule that blocks"),
            (format!("{BLOCK}scan = []"), "`scan` cannot stand in a rule that blocks"),
            (format!("{STANDING}scan = ['clamva']\n{ICAP}"), "there is no scanner `clamva`"),
            (format!("{STANDING}scan = ['clamav', 'clamav']\n{ICAP}"), "`clamav` stands there twice"),
            (format!("{STANDING}scan = ['clamav']\n"), "there is no scanner `clamav`"),
            (format!("{ICAP}{ICAP}"), "two entries of `[[icap]]` are called `clamav`"),
            ("[[icap]]\nname = 'a'".to_owned(), "a scanner needs a service"),
            (format!("{ICAP}reqmod = 'http://a.test/'"), "not the address of an ICAP service"),
            (format!("{BLOCK}authn_context = ['urn:x']"), "`authn_context` cannot stand in a rule that blocks"),
            (
                format!("{BLOCK}{STANDING}limit = {{ connections = 1 }}").replace("'b'", "'a'"),
                "a `[[policy.rule]]` is called `a`, too",
            ),
            (
                format!("{STANDING}limit = {{ connections = 1 }}\n{STANDING}limit = {{ connections = 1 }}"),
                "two entries of `[[policy.standing]]` are called `b`",
            ),
            (
                "[[policy.test]]\nname = 't'\nurl = 'http://a.test/'\nfrom = '10.0.0.1'\nterms = ['x']".to_owned(),
                "there is no rule `x`",
            ),
            (
                "[[policy.rule]]\nname = 'a'\neffect = 'allow'\nauthn_context = ['two words']".to_owned(),
                "is no AuthnContextClassRef",
            ),
        ] {
            let found = said(&text);
            assert!(found.len() == 1 && found[0].contains(part), "{text}\n{part}\n{found:#?}");
        }
        let good = format!(
            "{STANDING}destinations = ['a.test']\nheaders = {{ set = {{ X-A = 'a' }} }}\nlimit = {{ connections = 1 }}"
        );
        assert_eq!(said(&good), [""; 0]);
    }

    /// Each preset, the addresses of its sign-in, and what is set there; and nothing elsewhere.
    #[test]
    fn presets_are_good_and_set_their_fields_on_their_hosts_alone() {
        let expected: &[(&str, &str, &[&str])] = &[
            ("microsoft-365", "login.microsoftonline.com", &["Restrict-Access-Context", "Restrict-Access-To-Tenants"]),
            ("microsoft-365", "login.microsoft.com", &["Restrict-Access-Context", "Restrict-Access-To-Tenants"]),
            ("microsoft-365", "login.windows.net", &["Restrict-Access-Context", "Restrict-Access-To-Tenants"]),
            ("microsoft-365", "login.live.com", &["sec-Restrict-Tenant-Access-Policy"]),
            ("microsoft-365", "outlook.office.com", &[]),
            ("microsoft-365", "login.microsoftonline.com.evil.test", &[]),
            ("google", "accounts.google.com", &["X-GoogApps-Allowed-Domains"]),
            ("google", "www.youtube.com", &["YouTube-Restrict"]),
            ("google", "evilgoogle.com", &[]),
            ("slack", "app.slack.com", &["X-Slack-Allowed-Workspaces", "X-Slack-Allowed-Workspaces-Requester"]),
            ("slack", "slack.com.evil.test", &[]),
            ("dropbox", "www.dropbox.com", &["X-Dropbox-allowed-Team-Ids"]),
            ("dropbox", "www.example.com", &[]),
        ];
        for (preset, host, wanted) in expected {
            let text = std::fs::read_to_string(folder().join(format!("presets/{preset}.toml"))).unwrap();
            let config = read(&format!("[policy]\nwalled_garden = ['{host}']\n{text}"))
                .unwrap_or_else(|problems| panic!("{preset}: {problems}"));
            let policy = Policy::new(&config.policy, &[], []);
            let networks = crate::identity::Networks::new(&[]);
            let zone = jiff::tz::TimeZone::UTC;
            let ground = crate::policy::Ground { realms: &[], networks: &networks, listener: "proxy", zone: &zone };
            let case = format!("name = 'it'\nurl = 'https://{host}/'\nfrom = '10.0.0.1'\nkind = 'navigation'");
            let situation = Situation::of(&toml::from_str(&case).unwrap(), &ground, None).unwrap();
            let Verdict::Permit(permit) = policy.decide(&situation.question()) else { panic!("{preset}: {host}") };
            let set: Vec<&str> = FieldChanges::of(permit.terms()).set().map(|(name, _)| name).collect();
            assert_eq!(&set, wanted, "{preset}: {host}");
        }
    }
}
