//! Decides who reaches what. There is one question, [`Policy::decide`], and one verdict; a [`Permit`] is made here and
//! nowhere else, and nothing is dialled without one. [`Policy::explain`] is the same with every step written down.
//!
//! Order: blocked list, walled garden, rules without sign-in, sign-in, approved list, rules (the first that matches),
//! default.

mod barrier;
pub mod case;
mod condition;
pub mod config;
mod decide;
pub mod headers;
mod index;
pub mod inspection;
pub mod limit;
mod listed;
mod look;
mod matcher;
mod mend;
mod names;
mod overriding;
mod pass;
pub mod people;
mod permit;
mod question;
mod risk;
mod route;
mod rule;
pub mod schedule;
mod standing;
mod terms;
mod trace;
mod verdict;
pub mod visible;
mod wanted;
mod words;

use std::net::IpAddr;
use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::clock::Timestamp;
use crate::identity::Realm;
use crate::lists::Lists;
pub use barrier::{Barrier, Overriding, REMEMBERED, Takes};
pub use case::{Case, Decision, Ground, Situation};
pub use config::{Conditions, Config, Effect, Fallback, RuleConfig, StandingConfig};
pub use headers::Headers;
use index::Index;
pub use inspection::{Fault, Faults, Inspection, Otherwise};
pub use limit::{Limit, Per};
use listed::Listed;
pub use matcher::{Hosts, Pattern};
use mend::Wants;
use names::NameTable;
pub use overriding::OverrideConfig;
pub use pass::{BarrierKey, Pass, Passes};
pub use permit::{Manner, Permit, Purpose};
pub use question::{Access, Offline, Question, Store, Subject, Way};
pub use risk::RiskLevels;
pub use route::{Hop, Lane, Route};
use rule::{Compiler, Rule};
use schedule::Schedule;
use standing::StandingRule;
pub use terms::{FieldChanges, Terms};
pub use trace::{Explanation, Looked, Step};
pub use verdict::{Ask, Denial, Proof, Stale, Verdict, Why};
pub use words::{AccessKind, AtLeast, MethodName};

/// The policy, as used.
#[derive(Debug)]
pub struct Policy {
    walled_garden: Hosts,
    /// The hosts that sign-in itself needs, whatever the configuration says.
    garden: Hosts,
    approved: Hosts,
    blocked: Hosts,
    rules: Vec<Rule>,
    /// Those that decide nothing, and hold for whatever is let through.
    standing: Vec<StandingRule>,
    /// Which of them can be about a host, of the rules and of the standing ones.
    index: Index,
    standing_index: Index,
    /// Whether there are rules for which nobody is asked to sign in.
    has_open_rules: bool,
    /// What they may want of somebody's proof, besides that there is one.
    wants: Wants,
    /// Whom they name.
    named: NameTable,
    /// The lists that they name, and the numbers of those that are approved and blocked as a whole.
    listed: Listed,
    approved_lists: Vec<usize>,
    blocked_lists: Vec<usize>,
    /// The schedules that they have.
    schedules: Vec<Arc<Schedule>>,
    default: Fallback,
    /// Whether a rule says of anything that it is not intercepted.
    has_exemptions: bool,
    names: Names,
}

/// The names of what decides without being a rule; shared, so that a decision allocates nothing.
#[derive(Debug)]
struct Names {
    walled_garden: Arc<str>,
    approved: Arc<str>,
    blocked: Arc<str>,
    default: Arc<str>,
    unidentified: Arc<str>,
    offline: Arc<str>,
}

impl Policy {
    /// Compiles the policy for the people of these realms. `garden` are the hosts that sign-in itself needs.
    pub fn new(config: &Config, realms: &[Realm], garden: impl IntoIterator<Item = Pattern>) -> Self {
        let zone = config.time_zone.clone().unwrap_or(TimeZone::UTC);
        let holidays = config.holidays.as_slice().into();
        let mut compiler = Compiler {
            realms,
            holidays,
            zone,
            named: NameTable::default(),
            listed: Listed::default(),
            schedules: Vec::new(),
        };
        let rules: Vec<Rule> = config.rules.iter().map(|rule| compiler.rule(rule)).collect();
        let standing: Vec<StandingRule> = config.standing.iter().map(|rule| compiler.standing(rule)).collect();
        let Compiler { named, mut listed, schedules, .. } = compiler;
        let (approved_lists, blocked_lists) =
            (listed.numbers(&config.approved_lists), listed.numbers(&config.blocked_lists));
        Self {
            walled_garden: config.walled_garden.iter().cloned().collect(),
            garden: garden.into_iter().collect(),
            approved: config.approved.iter().cloned().collect(),
            blocked: config.blocked.iter().cloned().collect(),
            index: Index::new(rules.iter().map(Rule::about)),
            standing_index: Index::new(standing.iter().map(StandingRule::about)),
            wants: Wants::of(&rules),
            has_open_rules: rules.iter().any(|rule| !rule.authenticate),
            rules,
            standing,
            named,
            listed,
            approved_lists,
            blocked_lists,
            schedules,
            default: config.default,
            has_exemptions: config.rules.iter().map(|rule| rule.intercept).any(|own| own == Some(false))
                || config.standing.iter().map(|rule| rule.intercept).any(|own| own == Some(false)),
            names: Names {
                walled_garden: "walled-garden".into(),
                approved: "approved-list".into(),
                blocked: "blocked-list".into(),
                default: "default".into(),
                unidentified: "unidentified".into(),
                offline: "offline".into(),
            },
        }
    }

    /// The same policy, whose rules mean these lists. Without them, nobody knows what a list holds: none blocks, none opens.
    #[must_use]
    pub fn knowing(mut self, lists: &Lists) -> Self {
        self.listed.look_up(lists);
        self
    }

    /// The lists and categories that the policy names and that are not among those that it knows.
    pub fn missing_lists(&self) -> impl Iterator<Item = &str> {
        self.listed.missing()
    }

    /// Which schedules are on at this time, in each of these time zones and where none is known: when that changes, so may
    /// what has been decided. Empty where no rule has a schedule.
    pub fn hours(&self, at: Timestamp, zones: &[&TimeZone]) -> Vec<bool> {
        let nowhere = std::iter::once(None);
        let all = |schedule: &Arc<Schedule>| -> Vec<bool> {
            let zones = nowhere.clone().chain(zones.iter().map(|zone| Some(*zone)));
            zones.map(|zone| schedule.is_on(at, zone)).collect()
        };
        self.schedules.iter().flat_map(all).collect()
    }
}

/// The address that a host is, when it is one.
fn literal(host: &url::Host<String>) -> Option<IpAddr> {
    match host {
        url::Host::Domain(_) => None,
        url::Host::Ipv4(address) => Some(IpAddr::V4(*address)),
        url::Host::Ipv6(address) => Some(IpAddr::V6(*address).to_canonical()),
    }
}

#[cfg(test)]
mod barrier_tests;
#[cfg(test)]
mod condition_tests;
#[cfg(test)]
mod mend_tests;
#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod tests;
