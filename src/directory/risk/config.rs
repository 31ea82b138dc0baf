//! The settings under `[directory.risk]` and `[[directory.risk_rule]]`.

use serde::Deserialize;

use super::user::{RiskState, RiskyUser};
use crate::clock::Timestamp;
use crate::directory::action::Action;
use crate::directory::{Person, Snapshot};
use crate::identity::fold::is_same;
use crate::policy::RiskLevels;
use crate::units::Duration;

/// How the risk of accounts is read.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// How often it is asked who is at risk. Default: 5 minutes.
    #[serde(default = "every")]
    pub every: Duration,
    /// How long after the last good answer nobody's risk counts as known any more. Default: 1 day.
    #[serde(default = "stale_after")]
    pub stale_after: Duration,
    /// How many actions rules may begin within an hour. Default: 10.
    #[serde(default = "most_per_hour")]
    pub most_per_hour: u32,
}

/// One `[[directory.risk_rule]]`: what is done to whom when their account is at risk, and what takes it back.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RiskRule {
    /// The name that tasks and records show.
    pub name: String,
    /// The levels that it is about.
    pub risk: RiskLevels,
    /// The states that it is about. Default: at risk, and confirmed compromised.
    #[serde(default = "at_risk")]
    pub states: Vec<RiskState>,
    /// The details that it is about, in Microsoft's words (`riskDetail`). Default: all.
    #[serde(default)]
    pub details: Vec<String>,
    /// How long ago, at most, the risk has last changed. Default: it does not matter.
    pub within: Option<Duration>,
    /// How long, at least, the account has been at risk. Default: it does not matter.
    pub lasting: Option<Duration>,
    /// The people whom it is about, by object ID or UPN. Default: all.
    #[serde(default)]
    pub users: Vec<String>,
    /// The groups whose members it is about, also through other groups, by object ID. Default: all people.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Whom it leaves out.
    #[serde(default)]
    pub not: Target,
    /// What is done.
    pub action: Action,
    /// Whether it is only said what would be done. Default: false.
    #[serde(default)]
    pub dry_run: bool,
    /// What takes it back. Default: nothing.
    pub revoke: Option<Revoke>,
}

/// Some people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Target {
    /// By object ID or UPN.
    pub users: Vec<String>,
    /// By their groups, also through other groups, by object ID.
    pub groups: Vec<String>,
}

/// When what a rule has done is taken back.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revoke {
    /// As soon as the risk is in one of these states. Default: dismissed, remediated, confirmed safe.
    #[serde(default = "settled")]
    pub states: Vec<RiskState>,
    /// When the rule has not been about the person for this long. Default: never for that alone.
    pub gone_for: Option<Duration>,
}

impl RiskRule {
    /// Whether the rule is about this person and their risk now: all its conditions hold.
    pub fn is_about(&self, person: &Person, risky: &RiskyUser, snapshot: &Snapshot, now: Timestamp) -> bool {
        // Of a level that is hidden nobody knows what it is, and nothing is done to anybody for that.
        self.risk.have(risky.level) == Some(true)
            && self.states.contains(&risky.state)
            && (self.details.is_empty() || self.details.contains(&risky.detail))
            && self.within.is_none_or(|within| {
                let changed = risky.updated.unwrap_or(risky.since);
                now.duration_since(changed) <= within.signed()
            })
            && self.lasting.is_none_or(|lasting| now.duration_since(risky.since) >= lasting.signed())
            && self.is_for(person, snapshot)
    }

    /// Whether the person is one of its target.
    pub fn is_for(&self, person: &Person, snapshot: &Snapshot) -> bool {
        let is_for_all = self.users.is_empty() && self.groups.is_empty();
        (is_for_all || holds(&self.users, &self.groups, person, snapshot))
            && !holds(&self.not.users, &self.not.groups, person, snapshot)
    }
}

/// Whether the person is one of these, or in one of these groups.
fn holds(users: &[String], groups: &[String], person: &Person, snapshot: &Snapshot) -> bool {
    let upn = person.user_principal_name.as_deref();
    let is_person = |name: &String| is_same(name, &person.object_id) || upn.is_some_and(|upn| is_same(name, upn));
    if users.iter().any(is_person) {
        return true;
    }
    // Looked up once, and not for each of the groups.
    let own = if groups.is_empty() { Vec::new() } else { snapshot.groups_of(person) };
    groups.iter().any(|id| own.iter().any(|group| is_same(&group.object_id, id)))
}

fn every() -> Duration {
    Duration::minutes(5)
}

fn stale_after() -> Duration {
    Duration::hours(24)
}

fn most_per_hour() -> u32 {
    10
}

fn at_risk() -> Vec<RiskState> {
    RiskState::AT_RISK.to_vec()
}

fn settled() -> Vec<RiskState> {
    RiskState::SETTLED.to_vec()
}
