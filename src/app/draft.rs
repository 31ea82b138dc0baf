//! The policy of a configuration, for whoever asks no running node: explained, tested, held against a log.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use jiff::tz::TimeZone;

use super::garden::with_assets;
use super::lists::Shelf;
use super::metadata;
use crate::clock::Clock;
use crate::config::{Check, Config, at};
use crate::identity::{Networks, Realm};
use crate::policy::{Ground, Pattern, Policy};
use crate::saml;

/// A policy, and what questions are read with.
#[derive(Debug)]
pub struct Draft {
    /// The policy.
    pub policy: Policy,
    /// The lists of which nothing could be read here, so that they hold nothing. A running node may know more.
    pub unread: Vec<String>,
    basis: Basis,
}

/// What owns the ground of questions.
#[derive(Debug)]
struct Basis {
    realms: Vec<Realm>,
    networks: Networks,
    listener: String,
    zone: TimeZone,
}

/// A case that comes out otherwise than it must.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseFailure {
    /// The case's number among those of the policy, counted from 0.
    pub index: usize,
    /// Its name.
    pub name: String,
    /// What was wanted, and what came.
    pub what: String,
}

impl fmt::Display for CaseFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.name, self.what)
    }
}

impl Draft {
    /// The policy of this configuration. Lists, and which hosts sign-in needs, are read in the files that it names, and in the
    /// state folder as far as that can be read.
    pub fn new(config: &Config, clock: &Clock) -> Self {
        let realms: Vec<Realm> = config.realms.iter().map(saml::Config::realm).collect();
        let open: BTreeSet<String> = config.realms.iter().flat_map(|realm| open_hosts(realm, &config.state)).collect();
        let garden = with_assets(open).into_iter().filter_map(|host| Pattern::try_from(format!("={host}")).ok());
        let shelf = Shelf::of_files(config, clock);
        let policy = Policy::new(&config.policy, &realms, garden).knowing(&shelf.lists(&config.lists));
        Self { policy, unread: shelf.unread(), basis: Basis::of(config, realms) }
    }

    /// What questions are read with.
    pub fn ground(&self) -> Ground<'_> {
        self.basis.ground()
    }

    /// The cases of its configuration that come out otherwise than they must.
    pub fn failures(&self, config: &Config) -> Vec<CaseFailure> {
        put(config, &self.policy, &self.ground())
    }
}

impl Basis {
    fn of(config: &Config, realms: Vec<Realm>) -> Self {
        Self {
            realms,
            networks: Networks::new(&config.networks),
            listener: config.listeners.first().map(|listener| listener.name.clone()).unwrap_or_default(),
            zone: config.policy.time_zone.clone().unwrap_or(TimeZone::UTC),
        }
    }

    fn ground(&self) -> Ground<'_> {
        Ground { realms: &self.realms, networks: &self.networks, listener: &self.listener, zone: &self.zone }
    }
}

/// The cases of this configuration that come out otherwise than they must, if this is its policy.
pub(super) fn failures(config: &Config, policy: &Policy, realms: &[Realm]) -> Vec<CaseFailure> {
    match config.policy.tests.is_empty() {
        true => Vec::new(),
        false => put(config, policy, &Basis::of(config, realms.to_vec()).ground()),
    }
}

fn put(config: &Config, policy: &Policy, ground: &Ground<'_>) -> Vec<CaseFailure> {
    let cases = config.policy.tests.iter().enumerate();
    cases
        .filter_map(|(index, case)| {
            Some(CaseFailure { index, name: case.name.clone(), what: case.run(policy, ground).err()? })
        })
        .collect()
}

/// Puts its cases to the policy of a configuration that is good so far. One that comes out otherwise is a problem if none may,
/// and a warning else.
pub fn try_cases(config: &Config, clock: &Clock, check: &mut Check<'_>) {
    if config.policy.tests.is_empty() || !check.is_good() {
        return;
    }
    for CaseFailure { index, name, what } in Draft::new(config, clock).failures(config) {
        let path = at!["policy", "test", index, "name"];
        let message = format!("the policy decides its case `{name}` otherwise than that says: {what}");
        if config.policy.must_pass {
            check.note(path, message, "`must_pass` is set: a reload does not take such a policy");
        } else {
            check.warn(path, message, "");
        }
    }
}

/// The hosts of a realm that are open before sign-in.
fn open_hosts(realm: &saml::Config, state: &Path) -> BTreeSet<String> {
    let own = realm.identity_provider(|path| std::fs::read(path)).ok().flatten();
    let named = own.as_ref().map(super::garden::hosts_of).unwrap_or_default();
    let accepted = metadata::accepted_hosts(realm, state).unwrap_or_default();
    metadata::configured_hosts(realm).into_iter().chain(named).chain(accepted).collect()
}
