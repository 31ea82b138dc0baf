//! Which rules can be about a host, without looking at the others.
//!
//! A rule whose destinations are all names is found by them, and another one that is about some networks by these; each other
//! one is always a candidate. Candidates come in the order of the rules, so that the first one that matches is the same as
//! without.

use std::collections::BTreeSet;
use std::ops::Range;

use foldhash::HashMap;
use url::Host;

use super::matcher::{Hosts, suffixes};

/// Rules by the hosts that they are about.
#[derive(Debug, Default)]
pub(super) struct Index {
    domains: HashMap<Box<str>, Vec<u32>>,
    exact: HashMap<Box<str>, Vec<u32>>,
    networks: HashMap<Box<str>, Vec<u32>>,
    /// Those that are not found by a name.
    others: Vec<u32>,
    /// How many rules there are.
    count: u32,
}

/// What a rule is about; none of what it is about all of.
#[derive(Clone, Copy, Debug)]
pub(super) struct About<'a> {
    pub(super) hosts: Option<&'a Hosts>,
    pub(super) networks: Option<&'a [String]>,
}

/// Lists that are gone through at the same time. A host of more labels, each of which rules name, is looked for in all rules.
const MOST: usize = 16;

/// The numbers of rules that can be about a host, in order.
pub(super) struct Candidates<'a> {
    /// Those in these lists, of which so many are used.
    lists: [&'a [u32]; MOST],
    count: usize,
    /// All of these, if no list is used.
    all: Range<u32>,
}

impl Index {
    /// An index of rules, in order, by what they are about.
    pub(super) fn new<'a>(rules: impl Iterator<Item = About<'a>>) -> Self {
        let mut index = Self::default();
        for About { hosts, networks } in rules {
            let number = index.count;
            index.count = number.saturating_add(1);
            match (hosts.and_then(Hosts::names), networks) {
                (None, None) => index.others.push(number),
                (None, Some(names)) => {
                    let names: BTreeSet<&str> = names.iter().map(String::as_str).collect();
                    names.into_iter().for_each(|name| index.networks.entry(name.into()).or_default().push(number));
                }
                (Some((domains, exact)), _) => {
                    domains.for_each(|name| index.domains.entry(name.into()).or_default().push(number));
                    exact.for_each(|name| index.exact.entry(name.into()).or_default().push(number));
                }
            }
        }
        index
    }

    /// The rules that can be about `host`; all of them for whoever wants to be told of each.
    pub(super) fn candidates(&self, host: &Host<String>, network: &str, whole: bool) -> Candidates<'_> {
        if whole {
            return self.all();
        }
        let (mut lists, mut count): ([&[u32]; MOST], usize) = ([&[]; MOST], 0);
        let name = if let Host::Domain(name) = host { name.as_str() } else { "" };
        let by_domain = suffixes(name).filter_map(|suffix| self.domains.get(suffix));
        let by_network = (!self.networks.is_empty()).then(|| self.networks.get(network)).flatten();
        for list in [&self.others].into_iter().chain(by_network).chain(self.exact.get(name)).chain(by_domain) {
            let Some(free) = lists.get_mut(count) else { return self.all() };
            *free = list;
            count += 1;
        }
        Candidates { lists, count, all: 0..0 }
    }

    fn all(&self) -> Candidates<'_> {
        Candidates { lists: [&[]; MOST], count: 0, all: 0..self.count }
    }
}

impl Iterator for Candidates<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        if let Some(number) = self.all.next() {
            return Some(number);
        }
        let lists = self.lists.get_mut(..self.count).unwrap_or_default();
        let first = lists.iter().filter_map(|list| list.first().copied()).min()?;
        for list in lists {
            if list.first() == Some(&first) {
                *list = list.get(1..).unwrap_or_default();
            }
        }
        Some(first)
    }
}
