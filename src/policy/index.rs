//! Which rules can be about a host, without looking at the others.
//!
//! A rule whose destinations are all names is found by them; each other one is always a candidate. Candidates come in the
//! order of the rules, so that the first one that matches is the same as without.

use std::collections::HashMap;
use std::ops::Range;

use url::Host;

use super::matcher::{Hosts, suffixes};
use super::rule::Rule;

/// Rules by the hosts that they are about.
#[derive(Debug, Default)]
pub(super) struct Index {
    domains: HashMap<Box<str>, Vec<u32>>,
    exact: HashMap<Box<str>, Vec<u32>>,
    /// Those that are not found by a name.
    others: Vec<u32>,
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
    pub(super) fn new(rules: &[Rule]) -> Self {
        let mut index = Self::default();
        for (number, rule) in (0..).zip(rules) {
            match rule.hosts().and_then(Hosts::names) {
                None => index.others.push(number),
                Some((domains, exact)) => {
                    domains.for_each(|name| index.domains.entry(name.into()).or_default().push(number));
                    exact.for_each(|name| index.exact.entry(name.into()).or_default().push(number));
                }
            }
        }
        index
    }

    /// The rules that can be about `host`.
    pub(super) fn candidates(&self, host: &Host<String>, rules: &[Rule]) -> Candidates<'_> {
        let (mut lists, mut count): ([&[u32]; MOST], usize) = ([&[]; MOST], 0);
        let name = if let Host::Domain(name) = host { name.as_str() } else { "" };
        let by_domain = suffixes(name).filter_map(|suffix| self.domains.get(suffix));
        for list in [&self.others].into_iter().chain(self.exact.get(name)).chain(by_domain) {
            let Some(free) = lists.get_mut(count) else { return Candidates::all(rules) };
            *free = list;
            count += 1;
        }
        Candidates { lists, count, all: 0..0 }
    }
}

impl Candidates<'_> {
    /// All rules.
    pub(super) fn all(rules: &[Rule]) -> Self {
        Self { lists: [&[]; MOST], count: 0, all: 0..u32::try_from(rules.len()).unwrap_or(u32::MAX) }
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
