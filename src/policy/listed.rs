//! The lists that rules name, each by a number, so that a list is asked once a decision and not once a rule.

use std::cell::Cell;

use url::Host;

use crate::lists::path::{Quorum, SeenPath};
use crate::lists::{ListId, Lists};

/// What lists are asked about: a host, and a path on it where that is seen.
pub(super) type Sought<'a> = (&'a Host<String>, Option<&'a SeenPath<'a>>);

/// The lists that rules name.
#[derive(Debug, Default)]
pub(super) struct Listed {
    names: Vec<String>,
    /// What each of them is among `lists`; none if there is no such list.
    ids: Vec<Option<ListId>>,
    lists: Lists,
}

impl Listed {
    /// The numbers of these lists.
    pub(super) fn numbers(&mut self, names: &[String]) -> Vec<usize> {
        names.iter().map(|name| self.number(name)).collect()
    }

    fn number(&mut self, name: &str) -> usize {
        self.names.iter().position(|known| known == name).unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        })
    }

    /// Looks the names up in `lists`, and keeps those.
    pub(super) fn look_up(&mut self, lists: &Lists) {
        self.ids = self.names.iter().map(|name| lists.id(name)).collect();
        self.lists = lists.clone();
    }

    /// The names that no list has among those that were looked up.
    pub(super) fn missing(&self) -> impl Iterator<Item = &str> {
        self.names.iter().zip(&self.ids).filter(|(_, id)| id.is_none()).map(|(name, _)| name.as_str())
    }

    /// Whether the list with this number covers what is asked for, by so many readings of its path; none where that depends on a
    /// path that nobody sees, and for a list that is not there: nobody knows what it would say.
    fn covers(&self, number: usize, (host, path): Sought<'_>, quorum: Quorum) -> Option<bool> {
        let id = self.ids.get(number).copied().flatten()?;
        self.lists.covers(id, host, path, quorum)
    }
}

/// What lists have answered about one question.
pub(super) struct Answers<'a> {
    listed: &'a Listed,
    by_one: Known,
    by_all: Known,
}

/// What is known already, by one reading of the path or by all.
#[derive(Default)]
struct Known {
    /// A bit for each of the first 64 lists: whether it was asked, whether it covers the destination, and whether that cannot be
    /// known. Others are asked each time.
    asked: Cell<u64>,
    held: Cell<u64>,
    unseen: Cell<u64>,
}

impl<'a> Answers<'a> {
    pub(super) fn new(listed: &'a Listed) -> Self {
        Self { listed, by_one: Known::default(), by_all: Known::default() }
    }

    /// Whether any of these lists covers what is asked for, by so many readings; none where that cannot be known.
    pub(super) fn any(&self, numbers: &[usize], place: Sought<'_>, quorum: Quorum) -> Option<bool> {
        let mut found = Some(false);
        for number in numbers {
            match self.one(*number, place, quorum) {
                Some(true) => return Some(true),
                Some(false) => {}
                None => found = None,
            }
        }
        found
    }

    fn one(&self, number: usize, place: Sought<'_>, quorum: Quorum) -> Option<bool> {
        let bit = u32::try_from(number).ok().and_then(|number| 1_u64.checked_shl(number));
        let Some(bit) = bit else { return self.listed.covers(number, place, quorum) };
        let known = match quorum {
            Quorum::One => &self.by_one,
            Quorum::All => &self.by_all,
        };
        if known.asked.get() & bit == 0 {
            let set = |to: &Cell<u64>| to.set(to.get() | bit);
            set(&known.asked);
            match self.listed.covers(number, place, quorum) {
                Some(true) => set(&known.held),
                Some(false) => {}
                None => set(&known.unseen),
            }
        }
        (known.unseen.get() & bit == 0).then_some(known.held.get() & bit != 0)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::tests::{destination, network, realm};
    use super::super::{Access, Policy, Question, Store, Subject, Verdict};
    use super::*;
    use crate::identity::network::{SignIn, Unidentified};
    use crate::lists::{NameSet, Reading};
    use crate::wire::RequestKind;

    fn lists(all: &[(&str, &str)]) -> Lists {
        let set = |text: &str| -> Arc<NameSet> {
            let (mut reading, mut bounds) =
                (Reading::default(), crate::lists::Allowance { octets: 1 << 20, lines: 1000 });
            reading.document("", text.as_bytes(), &mut bounds).unwrap();
            Arc::new(reading.builder.build())
        };
        all.iter().map(|(name, text)| ((*name).to_owned(), set(text))).collect()
    }

    /// The rule that decides on a page of this host, or on a tunnel to it where there is no path; and whether it lets it
    /// through. An explanation must say the same.
    fn decided(policy: &Policy, host: &str, path: Option<&str>) -> (String, bool) {
        let (anywhere, destination) = (network(SignIn::Optional, Unidentified::Refuse), destination(host));
        let kind = RequestKind::Navigation;
        let access = path.map_or(Access::Connect(kind), |_| Access::Request(kind));
        let plain = Question::plain(Subject::Nobody, &anywhere, &destination, access, Store::Known);
        let question = Question { target: path, ..plain };
        let rule_of = |verdict: Verdict| match verdict {
            Verdict::Permit(permit) => (permit.rule().to_string(), true),
            Verdict::Deny(denial) => (denial.rule.to_string(), false),
            other => panic!("{other:?}"),
        };
        let decided = rule_of(policy.decide(&question));
        assert_eq!(rule_of(policy.explain(&question).verdict), decided, "{host}");
        decided
    }

    fn policy(toml: &str, lists: &Lists) -> Policy {
        Policy::new(&toml::from_str(toml).unwrap(), &[realm("contoso")], []).knowing(lists)
    }

    #[test]
    fn rules_and_the_lists_before_them_are_about_what_named_lists_hold() {
        let lists = lists(&[
            ("bad", "bad.test\n192.0.2.0/24\n"),
            ("good", "=good.test\n"),
            ("ut1/ads", "ads.test\nsite.test/ads\n"),
            ("ours", "ours.ads.test\n"),
        ]);
        let toml = "blocked_lists = ['bad']\napproved_lists = ['good']\n[[rule]]\nname = 'no ads'\nlists = ['none', 'ut1/ads']\n\
                    not = { lists = ['ours'] }\neffect = 'block'\n[[rule]]\nname = 'rest'\ndestinations = ['good.test']\neffect = 'block'";
        let policy_of = policy(toml, &lists);
        for (host, path, rule, through) in [
            ("www.bad.test", Some("/"), "blocked-list", false),
            ("192.0.2.9", Some("/"), "blocked-list", false),
            ("good.test", Some("/"), "approved-list", true),
            ("www.good.test", Some("/"), "rest", false),
            ("www.ads.test", Some("/"), "no ads", false),
            ("ads.test", None, "no ads", false),
            ("x.ours.ads.test", Some("/"), "default", true),
            ("site.test", Some("/ads/1?x"), "no ads", false),
            ("site.test", Some("/news"), "default", true),
            ("site.test", None, "default", true),
            ("other.test", Some("/"), "default", true),
        ] {
            assert_eq!(decided(&policy_of, host, path), (rule.to_owned(), through), "{host} {path:?}");
        }
    }

    #[test]
    fn a_list_that_is_not_there_blocks_nothing_and_opens_nothing() {
        let there = lists(&[("here", "here.test\n")]);
        let by = |default: &str, line: &str, host: &str| {
            decided(&policy(&format!("default = '{default}'\n{line}"), &there), host, Some("/")).0
        };
        let rule = |effect: &str, line: &str| format!("[[rule]]\nname = 'it'\neffect = '{effect}'\n{line}");
        let (named, left_out) = ("lists = ['gone']", "not = { lists = ['gone'] }");
        // What is blocked by it is not known, so the rest decides: all else would be a stop for everybody.
        assert_eq!(by("allow", "blocked_lists = ['gone']", "x.test"), "default");
        assert_eq!(by("allow", &rule("block", named), "x.test"), "default");
        // It exempts nobody from a block, and lets nobody through.
        assert_eq!(by("allow", &rule("block", left_out), "x.test"), "it");
        assert_eq!(by("block", "approved_lists = ['gone']", "x.test"), "default");
        assert_eq!(by("block", &rule("allow", named), "x.test"), "default");
        assert_eq!(by("block", &rule("allow", left_out), "x.test"), "default");
        // One that is there still counts beside it.
        assert_eq!(by("allow", &rule("block", "lists = ['gone', 'here']"), "here.test"), "it");
        assert_eq!(by("block", &rule("allow", "lists = ['gone', 'here']"), "here.test"), "it");
        let policy = policy(&rule("allow", "lists = ['here', 'gone', 'here/x']"), &there);
        assert_eq!(policy.missing_lists().collect::<Vec<_>>(), ["gone", "here/x"]);
    }

    #[test]
    fn a_list_of_categories_that_is_named_whole_is_all_of_them() {
        let all = lists(&[
            ("ut/a", "a.test\n"),
            ("ut-other/b", "b.test\n"),
            ("ut/c/d", "c.test\nsite.test/x\n"),
            ("v", "v.test\n"),
        ]);
        let policy = policy("blocked_lists = ['ut']", &all);
        for (host, path, through) in [
            ("www.a.test", Some("/"), false),
            ("c.test", Some("/"), false),
            ("site.test", Some("/x"), false),
            ("site.test", None, true),
            ("b.test", Some("/"), true),
            ("v.test", Some("/"), true),
        ] {
            assert_eq!(decided(&policy, host, path).1, through, "{host} {path:?}");
        }
    }

    #[test]
    fn what_nobody_sees_of_a_listed_url_counts_against_whoever_asks() {
        let lists = lists(&[("parts", "site.test/ads\n")]);
        let toml = |effect: &str, line: &str, default: &str| {
            format!("default = '{default}'\n[[rule]]\nname = 'it'\neffect = '{effect}'\n{line}")
        };
        let is_by_rule = |effect, line, default, path| {
            decided(&policy(&toml(effect, line, default), &lists), "site.test", path).0 == "it"
        };
        let (named, left_out) = ("lists = ['parts']", "not = { lists = ['parts'] }");
        // Nobody is let through by what cannot be seen, neither by being named nor by not being left out.
        assert!(!is_by_rule("allow", named, "block", None) && is_by_rule("allow", named, "block", Some("/ads")));
        assert!(!is_by_rule("allow", left_out, "block", None) && is_by_rule("allow", left_out, "block", Some("/x")));
        // A rule that blocks a part of a site does not block the whole of it.
        assert!(!is_by_rule("block", named, "allow", None) && is_by_rule("block", named, "allow", Some("/ads")));
        assert!(is_by_rule("block", left_out, "allow", None) && !is_by_rule("block", left_out, "allow", Some("/ads")));
    }

    #[test]
    fn a_path_that_servers_read_in_several_ways_is_blocked_by_one_of_them_and_approved_by_all() {
        let lists = lists(&[("ok", "127.0.0.1/ok\nsite.test/ok\n"), ("ads", "127.0.0.1/ads\nsite.test/ads\n")]);
        let approves = policy("default = 'block'\napproved_lists = ['ok']", &lists);
        let blocks = policy("blocked_lists = ['ads']", &lists);
        let rule = |effect, line, default| {
            let toml = format!("default = '{default}'\n[[rule]]\nname = 'it'\neffect = '{effect}'\n{line}");
            policy(&toml, &lists)
        };
        let allows_list = rule("allow", "lists = ['ok']", "block");
        let spares_list = rule("block", "not = { lists = ['ok'] }", "allow");
        let blocks_list = rule("block", "lists = ['ads']", "allow");
        let all_but_list = rule("allow", "not = { lists = ['ads'] }", "block");
        for host in ["127.0.0.1", "www.site.test"] {
            for (path, through) in [
                ("/ok", true),
                ("/ok/a%20b", true),
                ("/OK/x?y", true),
                ("/ok/..%2fsecret", false),
                ("/ok/%2e%2e%2fsecret", false),
                ("/ok/..;/secret", false),
                ("/ok/..%5csecret", false),
                ("/ok/%252e%252e/secret", false),
                ("/secret//../ok", false),
                ("/secret", false),
            ] {
                for policy in [&approves, &allows_list, &spares_list] {
                    assert_eq!(decided(policy, host, Some(path)).1, through, "{host} {path}");
                }
            }
            for (path, through) in [
                ("/ads", false),
                ("/ads%2fx", false),
                ("/%2fads/x", false),
                ("/ads;a/x", false),
                ("/ads\\x", false),
                ("/x/..;/ads", false),
                ("/ads%20/x", false),
                ("/adsense", true),
                ("/x%20y", true),
            ] {
                for policy in [&blocks, &blocks_list, &all_but_list] {
                    assert_eq!(decided(policy, host, Some(path)).1, through, "{host} {path}");
                }
            }
        }
    }

    #[test]
    fn any_number_of_lists_can_be_named() {
        let names: Vec<String> = (0..100).map(|number| format!("l{number}")).collect();
        let texts: Vec<String> = (0..100).map(|number| format!("h{number}.test\n")).collect();
        let all: Vec<(&str, &str)> = names.iter().map(String::as_str).zip(texts.iter().map(String::as_str)).collect();
        let rules: String = (0..100)
            .map(|number| format!("[[rule]]\nname = 'r{number}'\nlists = ['l{number}']\neffect = 'block'\n"))
            .collect();
        let policy = policy(&rules, &lists(&all));
        for number in [0, 1, 63, 64, 65, 99] {
            assert_eq!(decided(&policy, &format!("h{number}.test"), Some("/")), (format!("r{number}"), false));
        }
        assert_eq!(decided(&policy, "h100.test", Some("/")), ("default".to_owned(), true));
    }
}
