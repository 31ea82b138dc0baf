//! Decides the requests of an access log by two policies, and counts what would change, in bounded memory.
//!
//! A record does not say everything: neither which groups somebody is in, nor a query, nor the kind of a known person's
//! request. Both policies are asked the same question, so what comes out otherwise is due to them.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, BufRead};
use std::sync::Arc;

use serde::Serialize;

use super::draft::Draft;
use super::past::{Past, Seen};
use crate::observe::lines::{self, Broken};
use crate::policy::Decision;

/// People and sites that are told apart. What is beyond that is counted together.
const MOST: usize = 50_000;

/// What everything is called that is not told apart.
const OTHERS: &str = "(others)";

/// Two policies, and what they have decided so far.
#[derive(Debug)]
pub struct Replay<'a> {
    before: &'a Draft,
    after: &'a Draft,
    /// Requests that were decided.
    pub requests: u64,
    /// Those that would be decided otherwise.
    pub changed: u64,
    /// Those that would be decided alike, by another rule.
    pub by_another_rule: u64,
    /// Those that would be decided alike, by the same rule, and be subject to other terms.
    pub by_other_terms: u64,
    /// Those that would be intercepted and are not, or the other way round.
    pub by_interception: u64,
    /// Lines that are no records.
    pub broken: Broken,
    changes: BTreeMap<Change, u64>,
    people: HashMap<String, u64>,
    sites: HashMap<String, u64>,
}

/// What would become of a request instead.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Change {
    /// What is decided now.
    pub before: Decision,
    /// The rule that decides it.
    pub rule_before: Option<Arc<str>>,
    /// What would be decided.
    pub after: Decision,
    /// The rule that would.
    pub rule_after: Option<Arc<str>>,
}

/// Something, and how many of the requests that would be decided otherwise are about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Share<T> {
    /// What.
    #[serde(flatten)]
    pub of: T,
    /// How many.
    pub count: u64,
}

/// Somebody, or some site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Label {
    /// Their name.
    pub name: String,
}

impl<'a> Replay<'a> {
    /// The policy `before`, and the one `after` it.
    pub fn new(before: &'a Draft, after: &'a Draft) -> Self {
        let (requests, changed, by_another_rule, by_other_terms, by_interception) = (0, 0, 0, 0, 0);
        let (changes, people, sites) = (BTreeMap::new(), HashMap::new(), HashMap::new());
        Self {
            before,
            after,
            requests,
            changed,
            by_another_rule,
            by_other_terms,
            by_interception,
            broken: Broken::default(),
            changes,
            people,
            sites,
        }
    }

    /// Reads records from `input`. `name` names it where broken lines are named; `went` is called now and then.
    pub fn read(&mut self, name: &str, input: impl BufRead, went: impl FnMut()) -> io::Result<()> {
        let broken = lines::each(name, input, went, |line| self.take(line))?;
        self.broken.add(broken);
        Ok(())
    }

    /// What would change, the commonest first.
    pub fn changes(&self) -> Vec<Share<Change>> {
        let mut all: Vec<_> =
            self.changes.iter().map(|(change, count)| Share { of: change.clone(), count: *count }).collect();
        all.sort_by_key(|share| std::cmp::Reverse(share.count));
        all
    }

    /// For whom, those first who would notice most.
    pub fn people(&self) -> Vec<Share<Label>> {
        sorted(&self.people)
    }

    /// At which sites, likewise.
    pub fn sites(&self) -> Vec<Share<Label>> {
        sorted(&self.sites)
    }

    /// Takes one line.
    fn take(&mut self, line: &[u8]) -> Result<(), String> {
        let Some(seen) = lines::record::<Seen<'_>>(line)? else { return Ok(()) };
        // What was not understood, and what was for the proxy itself, no rule has decided.
        if !["permitted", "monitored", "overridden", "warned", "denied", "challenged"].contains(&&*seen.decision) {
            return Ok(());
        }
        let Some(asked) = Past::of(&seen) else { return Ok(()) };
        let count = seen.count.unwrap_or(1);
        self.requests += count;
        let (was, is) = (asked.decide(self.before), asked.decide(self.after));
        self.by_interception += if was.is_intercepted == is.is_intercepted { 0 } else { count };
        let (before, rule_before, after, rule_after) = (was.decision, was.rule, is.decision, is.rule);
        if before == after {
            self.by_another_rule += if rule_before == rule_after { 0 } else { count };
            self.by_other_terms += if rule_before == rule_after && was.terms != is.terms { count } else { 0 };
            return Ok(());
        }
        self.changed += count;
        *self.changes.entry(Change { before, rule_before, after, rule_after }).or_default() += count;
        let who = asked.user.map_or_else(|| asked.client.to_string(), |user| format!("{}/{}", user.realm, user.name));
        note(&mut self.people, who, count);
        note(&mut self.sites, asked.destination.host.to_string(), count);
        Ok(())
    }
}

fn note(counts: &mut HashMap<String, u64>, name: String, count: u64) {
    let is_told_apart = counts.len() < MOST || counts.contains_key(&name);
    *counts.entry(if is_told_apart { name } else { OTHERS.to_owned() }).or_default() += count;
}

fn sorted(counts: &HashMap<String, u64>) -> Vec<Share<Label>> {
    let mut all: Vec<_> =
        counts.iter().map(|(name, count)| Share { of: Label { name: name.clone() }, count: *count }).collect();
    all.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.of.name.cmp(&b.of.name)));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::config;

    const GOOD: &str = include_str!("../../config/minimal.toml");

    fn draft(more: &str) -> Draft {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
        let text = format!("{GOOD}[[network]]\nname = 'office'\naddresses = ['10.0.0.0/8']\n{more}");
        Draft::new(&config::parse(&text, "a.toml", &folder, &|_| None).unwrap(), &Clock::system())
    }

    fn record(user: Option<&str>, method: &str, host: &str, path: Option<&str>, more: &str) -> String {
        let user = user.map_or("null".to_owned(), |user| format!("{user:?}"));
        let path = path.map_or("null".to_owned(), |path| format!("{path:?}"));
        let realm = if user == "null" { "null" } else { "\"contoso\"" };
        let scheme = if method == "CONNECT" { "https" } else { "http" };
        let port = if method == "CONNECT" { 443 } else { 80 };
        format!(
            "{{\"time\":\"2026-11-27T10:00:00Z\",\"client\":\"10.0.0.7:5000\",\"listener\":\"proxy\",\"user\":{user},\
             \"realm\":{realm},\"surrogate\":\"origin-cookie\",\"method\":\"{method}\",\"scheme\":\"{scheme}\",\
             \"host\":\"{host}\",\"port\":{port},\"path\":{path},\"decision\":\"permitted\"{more}}}\n"
        )
    }

    #[test]
    fn what_would_change_is_counted_by_rule_person_and_site() {
        let before = draft("[[policy.rule]]\nname = 'old'\ndestinations = ['a.test']\neffect = 'allow'");
        let after = draft(
            "[[policy.rule]]\nname = 'new'\ndestinations = ['a.test']\npaths = ['/x']\neffect = 'block'\n\
             [[policy.rule]]\nname = 'eve'\nusers = ['eve@contoso.com']\ndestinations = ['b.test']\neffect = 'block'",
        );
        let (simon, eve) = (Some("B.Simon@contoso.com"), Some("eve@contoso.com"));
        let log = [
            record(simon, "GET", "a.test", Some("/x/y"), ""),
            record(simon, "GET", "a.test", Some("/y"), ""),
            record(simon, "CONNECT", "a.test", None, ""),
            record(eve, "CONNECT", "b.test", None, ",\"count\":3"),
            record(simon, "CONNECT", "b.test", None, ""),
            record(None, "GET", "c.test", Some("/"), ",\"unidentified\":\"navigation\""),
            record(simon, "GET", "a.test", Some("/x"), "").replace("permitted", "local"),
            "{\"audit\":\"signed-in\"}\n\nbroken\n".to_owned(),
        ];
        let mut replay = Replay::new(&before, &after);
        replay.read("a.log", log.concat().as_bytes(), || {}).unwrap();
        assert_eq!((replay.requests, replay.changed, replay.by_another_rule, replay.broken.count), (8, 4, 2, 1));
        assert!(replay.broken.named[0].starts_with("a.log:10: "), "{:?}", replay.broken.named);
        let changes: Vec<_> = replay
            .changes()
            .into_iter()
            .map(|Share { of, count }| {
                let rule = |rule: Option<Arc<str>>| rule.unwrap_or_default().to_string();
                (of.before.as_str(), rule(of.rule_before), of.after.as_str(), rule(of.rule_after), count)
            })
            .collect();
        let change = |before: &str, after: &str, count| ("allow", before.to_owned(), "block", after.to_owned(), count);
        assert_eq!(changes, [change("default", "eve", 3), change("old", "new", 1)]);
        let names = |shares: Vec<Share<Label>>| {
            shares.into_iter().map(|share| (share.of.name, share.count)).collect::<Vec<_>>()
        };
        assert_eq!(
            names(replay.people()),
            [("contoso/eve@contoso.com".to_owned(), 3), ("contoso/B.Simon@contoso.com".to_owned(), 1)]
        );
        assert_eq!(names(replay.sites()), [("b.test".to_owned(), 3), ("a.test".to_owned(), 1)]);
    }

    #[test]
    fn a_rule_that_begins_to_warn_is_a_change_and_what_was_passed_by_then_is_none() {
        let rule =
            |effect: &str| format!("[[policy.rule]]\nname = 'it'\ndestinations = ['a.test']\neffect = '{effect}'");
        let (allow, warn) = (draft(&rule("allow")), draft(&rule("warn")));
        let hash = crate::password::HashedPassword::of("correct horse").unwrap();
        let block = draft(&format!("{}\noverride = {{ password = '{}' }}", rule("block"), hash.expose()));
        let simon = Some("B.Simon@contoso.com");
        let log = [
            record(simon, "GET", "a.test", Some("/"), ""),
            record(simon, "CONNECT", "a.test", None, "").replace("permitted", "overridden"),
            record(simon, "GET", "a.test", Some("/"), "").replace("permitted", "warned"),
        ];
        let counted = |before, after| {
            let mut replay = Replay::new(before, after);
            replay.read("a.log", log.concat().as_bytes(), || {}).unwrap();
            let decision = replay.changes().first().map(|share| (share.of.before.as_str(), share.of.after.as_str()));
            (replay.requests, replay.changed, decision)
        };
        assert_eq!(counted(&allow, &warn), (3, 3, Some(("allow", "warn"))));
        assert_eq!(counted(&warn, &block), (3, 3, Some(("warn", "override"))));
        assert_eq!(counted(&warn, &warn), (3, 0, None));
    }

    #[test]
    fn connections_that_would_be_intercepted_are_counted_whatever_is_decided_of_them() {
        let intercepted = draft("[[policy.standing]]\nname = 's'\ndestinations = ['a.test']\nintercept = true");
        let plain = draft("");
        let log = [
            record(Some("eve@contoso.com"), "CONNECT", "a.test", None, ",\"count\":2"),
            record(Some("eve@contoso.com"), "GET", "a.test", Some("/"), ""),
            record(Some("eve@contoso.com"), "CONNECT", "b.test", None, ""),
        ];
        for (before, after, other) in [(&plain, &intercepted, 2), (&intercepted, &plain, 2), (&plain, &plain, 0)] {
            let mut replay = Replay::new(before, after);
            replay.read("a.log", log.concat().as_bytes(), || {}).unwrap();
            assert_eq!((replay.requests, replay.changed, replay.by_interception), (4, 0, other));
        }
    }

    #[test]
    fn other_terms_are_counted_where_the_decision_stays_the_same() {
        let standing = |limit: &str| {
            draft(&format!("[[policy.standing]]\nname = 's'\ndestinations = ['a.test']\nlimit = {{ {limit} }}"))
        };
        let (before, after) = (standing("connections = 5"), standing("connections = 6"));
        let log = [
            record(Some("eve@contoso.com"), "CONNECT", "a.test", None, ",\"count\":2"),
            record(Some("eve@contoso.com"), "CONNECT", "b.test", None, ""),
        ];
        for (after, other) in [(&after, 2), (&before, 0)] {
            let mut replay = Replay::new(&before, after);
            replay.read("a.log", log.concat().as_bytes(), || {}).unwrap();
            let found = (replay.requests, replay.changed, replay.by_another_rule, replay.by_other_terms);
            assert_eq!(found, (3, 0, 0, other));
        }
    }
}
