//! Rules that can never match, because of what they say themselves or of what stands before them: said with both lines.
//!
//! It is said only where it is certain: whatever meets the later rule meets the earlier one. What a list holds changes, so
//! lists are compared by their names alone.

use std::collections::HashMap;

use super::{Check, at};
use crate::config::Config;
use crate::identity::fold::is_same;
use crate::policy::{AccessKind, Conditions, Pattern, RuleConfig};

/// Warns of rules that never decide.
pub(super) fn rules(config: &Config, check: &mut Check<'_>) {
    // Half a rule looks like a wider one.
    if check.is_damaged("policy") {
        return;
    }
    let mut before = Earlier::default();
    for (index, rule) in config.policy.rules.iter().enumerate() {
        let when = rule.conditions();
        let own = itself(&when, rule).map(str::to_owned).or_else(|| by_lists(rule, config));
        let found = match own {
            Some(why) => Some((why, "change or remove it")),
            None => before.shadowing(&when, rule).map(|(earlier, other)| {
                let line = check.line(at!["policy", "rule", earlier, "name"]);
                let line = line.map(|line| format!(" (line {line})")).unwrap_or_default();
                let why = format!("the rule `{}`{line} stands before it and matches all that it does", other.name);
                (why, "put it before that rule, or remove it")
            }),
        };
        if let Some((why, help)) = found {
            let message = format!("the rule `{}` never decides: {why}", rule.name);
            check.warn(at!["policy", "rule", index, "name"], message, help);
        }
        before.add(index, when, rule);
    }
}

/// The rules that stand before another one, and which of them could be about a destination.
#[derive(Default)]
struct Earlier<'a> {
    rules: Vec<(usize, Conditions, &'a RuleConfig)>,
    /// Those that are about all destinations.
    of_all: Vec<usize>,
    /// Those that name a domain or host.
    of_name: HashMap<&'a str, Vec<usize>>,
    /// Those that name addresses.
    of_addresses: Vec<usize>,
}

impl<'a> Earlier<'a> {
    /// Adds the rule with this number, which has these conditions.
    fn add(&mut self, index: usize, when: Conditions, rule: &'a RuleConfig) {
        let own = self.rules.len();
        if rule.destinations.is_empty() {
            self.of_all.push(own);
        }
        for pattern in &rule.destinations {
            let known = match pattern {
                Pattern::Domain(name) | Pattern::Exact(name) => self.of_name.entry(name).or_default(),
                Pattern::Addresses(_) => &mut self.of_addresses,
            };
            if known.last() != Some(&own) {
                known.push(own);
            }
        }
        self.rules.push((index, when, rule));
    }

    /// The first rule, with its number, that matches whatever this one does.
    fn shadowing(&self, when: &Conditions, rule: &RuleConfig) -> Option<(usize, &'a RuleConfig)> {
        let is_shadow = |own: &&usize| {
            self.rules.get(**own).is_some_and(|(_, earlier, other)| shadows((earlier, other), (when, rule)))
        };
        // Whatever covers all destinations covers the first one.
        let of_first: Vec<&Vec<usize>> = match when.destinations.first() {
            None => Vec::new(),
            Some(Pattern::Addresses(_)) => vec![&self.of_addresses],
            Some(Pattern::Domain(name) | Pattern::Exact(name)) => {
                let below = name.match_indices('.').filter_map(|(dot, _)| name.get(dot + 1..));
                std::iter::once(name.as_str()).chain(below).filter_map(|name| self.of_name.get(name)).collect()
            }
        };
        let all = std::iter::once(&self.of_all).chain(of_first);
        let own = all.filter_map(|some| some.iter().find(is_shadow)).min()?;
        self.rules.get(*own).map(|(index, _, rule)| (*index, *rule))
    }
}

/// What a rule says against itself.
fn itself(when: &Conditions, rule: &RuleConfig) -> Option<&'static str> {
    let not = &rule.not;
    let is_left_out = all_in(&when.realms, &not.realms, |a, b| a == b)
        || all_in(&when.networks, &not.networks, |a, b| a == b)
        || all_in(&when.listeners, &not.listeners, |a, b| a == b)
        || all_in(&when.clients, &not.clients, |net, wide| wide.contains(net))
        || all_in(&when.destinations, &not.destinations, |one, wide| is_in(wide, one))
        || all_in(&when.lists, &not.lists, |a, b| a == b)
        || all_in(&when.ports, &not.ports, |one, wide| wide.hold(*one))
        || all_in(&when.paths, &not.paths, |one, wide| wide.covers(one))
        || all_in(&when.methods, &not.methods, |a, b| a == b)
        || all_in(&when.kinds, &not.kinds, |a, b| a == b)
        || (when.schedule.is_some() && when.schedule == not.schedule)
        || (!(when.users.is_empty() && when.groups.is_empty())
            && are_in(&when.users, &not.users, |a, b| is_same(a, b))
            && are_in(&when.groups, &not.groups, |a, b| is_same(a, b)))
        || when.risk.zip(not.risk).is_some_and(|(own, spared)| own.are_in(spared))
        || when.proven.zip(not.proven).is_some_and(|(within, spared)| within <= spared)
        || when.evidence.zip(not.evidence).is_some_and(|(least, most)| most.strength() <= least.strength());
    if is_left_out {
        return Some("it leaves out all that it is about");
    }
    let is_for_tunnels = !when.kinds.is_empty() && when.kinds.iter().all(|kind| *kind == AccessKind::Tunnel);
    let wants_to_see = !when.paths.is_empty()
        || (!when.methods.is_empty() && when.methods.iter().all(|method| method.0 != http::Method::CONNECT));
    (is_for_tunnels && wants_to_see).then_some("it is about tunnels, and nobody sees paths or methods in them")
}

/// The list that decides before it.
fn by_lists(rule: &RuleConfig, config: &Config) -> Option<String> {
    let policy = &config.policy;
    let lists = [
        ("blocked", &policy.blocked, true),
        ("walled_garden", &policy.walled_garden, true),
        // Rules without sign-in stand before it.
        ("approved", &policy.approved, rule.authenticate),
    ];
    let decides = |list: &[Pattern]| all_in(&rule.destinations, list, |one, wide| is_in(wide, one));
    if let Some((name, ..)) = lists.into_iter().find(|(_, list, counts)| *counts && decides(list)) {
        return Some(format!("`{name}` holds all its destinations, and stands before the rules"));
    }
    let named =
        [("blocked_lists", &policy.blocked_lists, true), ("approved_lists", &policy.approved_lists, rule.authenticate)];
    let decides = |names: &[String]| all_in(&rule.lists, names, |a, b| a == b);
    let (name, ..) = named.into_iter().find(|(_, names, counts)| *counts && decides(names))?;
    Some(format!("`{name}` holds all its lists, and stands before the rules"))
}

/// Whether the earlier rule matches whatever the later one does.
fn shadows((when, earlier): (&Conditions, &RuleConfig), (narrow, later): (&Conditions, &RuleConfig)) -> bool {
    // Rules without sign-in are looked at first.
    let stands_before = !earlier.authenticate || later.authenticate;
    // What is not known counts for a rule that blocks and against one that allows.
    let turns = earlier.effect.lets_through() != later.effect.lets_through();
    let not = &earlier.not;
    let depends_on_unknown = !when.groups.is_empty()
        || when.risk.is_some()
        || not.risk.is_some()
        || !not.groups.is_empty()
        || !not.lists.is_empty()
        || !not.paths.is_empty()
        || !not.keywords.is_empty()
        || !not.methods.is_empty();
    stands_before && !(turns && depends_on_unknown) && covers(when, narrow) && leaves_out_no_more(not, &later.not)
}

/// Whether whatever meets `narrow` meets `wide`.
fn covers(wide: &Conditions, narrow: &Conditions) -> bool {
    let names_nobody = wide.users.is_empty() && wide.groups.is_empty();
    let names_some = !narrow.users.is_empty() || !narrow.groups.is_empty();
    let people = names_nobody
        || (names_some
            && are_in(&narrow.users, &wide.users, |a, b| is_same(a, b))
            && are_in(&narrow.groups, &wide.groups, |a, b| is_same(a, b)));
    people
        && covered(&wide.realms, &narrow.realms, |a, b| a == b)
        && covered(&wide.networks, &narrow.networks, |a, b| a == b)
        && covered(&wide.clients, &narrow.clients, |net, wide| wide.contains(net))
        && covered(&wide.listeners, &narrow.listeners, |a, b| a == b)
        && covered(&wide.destinations, &narrow.destinations, |one, wide| is_in(wide, one))
        && covered(&wide.lists, &narrow.lists, |a, b| a == b)
        && covered(&wide.ports, &narrow.ports, |one, wide| wide.hold(*one))
        && covered(&wide.paths, &narrow.paths, |one, wide| wide.covers(one))
        && covered(&wide.keywords, &narrow.keywords, |one, wide| wide.covers(one))
        && covered(&wide.methods, &narrow.methods, |a, b| a == b)
        && covered(&wide.kinds, &narrow.kinds, |a, b| a == b)
        && (wide.schedule.is_none() || wide.schedule == narrow.schedule)
        && wide.risk.is_none_or(|levels| narrow.risk.is_some_and(|own| own.are_in(levels)))
        && wide.proven.is_none_or(|within| narrow.proven.is_some_and(|own| own <= within))
        && wide.evidence.is_none_or(|least| narrow.evidence.is_some_and(|own| own.strength() >= least.strength()))
}

/// Whether all that `earlier` leaves out is left out by `later`, too.
fn leaves_out_no_more(earlier: &Conditions, later: &Conditions) -> bool {
    are_in(&earlier.users, &later.users, |a, b| is_same(a, b))
        && are_in(&earlier.groups, &later.groups, |a, b| is_same(a, b))
        && are_in(&earlier.realms, &later.realms, |a, b| a == b)
        && are_in(&earlier.networks, &later.networks, |a, b| a == b)
        && are_in(&earlier.clients, &later.clients, |net, wide| wide.contains(net))
        && are_in(&earlier.listeners, &later.listeners, |a, b| a == b)
        && are_in(&earlier.destinations, &later.destinations, |one, wide| is_in(wide, one))
        && are_in(&earlier.lists, &later.lists, |a, b| a == b)
        && are_in(&earlier.ports, &later.ports, |one, wide| wide.hold(*one))
        && are_in(&earlier.paths, &later.paths, |one, wide| wide.covers(one))
        && are_in(&earlier.keywords, &later.keywords, |one, wide| wide.covers(one))
        && are_in(&earlier.methods, &later.methods, |a, b| a == b)
        && are_in(&earlier.kinds, &later.kinds, |a, b| a == b)
        && (earlier.schedule.is_none() || earlier.schedule == later.schedule)
        && earlier.risk.is_none_or(|levels| later.risk.is_some_and(|own| levels.are_in(own)))
        && earlier.proven.is_none_or(|within| later.proven.is_some_and(|own| own >= within))
        && earlier.evidence.is_none_or(|least| later.evidence.is_some_and(|own| own.strength() <= least.strength()))
}

/// Whether each of these is in one of those.
fn are_in<T>(these: &[T], those: &[T], is_in: impl Fn(&T, &T) -> bool) -> bool {
    these.iter().all(|one| those.iter().any(|wide| is_in(one, wide)))
}

/// The same, where there are any.
fn all_in<T>(these: &[T], those: &[T], is_in: impl Fn(&T, &T) -> bool) -> bool {
    !these.is_empty() && are_in(these, those, is_in)
}

/// Whether a condition with the values `wide`, of which one is enough, is met by whatever meets one with the values `narrow`.
fn covered<T>(wide: &[T], narrow: &[T], is_in: impl Fn(&T, &T) -> bool) -> bool {
    wide.is_empty() || all_in(narrow, wide, is_in)
}

/// Whether the destinations `wide` hold those of `one`.
fn is_in(wide: &Pattern, one: &Pattern) -> bool {
    match (wide, one) {
        (Pattern::Domain(wide), Pattern::Domain(name) | Pattern::Exact(name)) => {
            name.strip_suffix(wide.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        }
        (Pattern::Exact(wide), Pattern::Exact(name)) => wide == name,
        (Pattern::Addresses(wide), Pattern::Addresses(net)) => wide.contains(net),
        _ => false,
    }
}
