//! Checks the conditions of rules, and of what they leave out: whether what they name is there.

use super::named::{known_network, prefix};
use super::{Check, lists};
use crate::config::Config;
use crate::config::tree::Step;
use crate::config::words::nearest;
use crate::policy::Conditions;
use crate::policy::schedule::Days;

/// The conditions of one rule, or those of what it leaves out.
#[derive(Clone, Copy)]
pub(super) struct Part {
    /// `rule` or `standing`.
    pub(super) section: &'static str,
    pub(super) index: usize,
    pub(super) left_out: bool,
}

impl Part {
    pub(super) fn left_out(self) -> Self {
        Self { left_out: true, ..self }
    }

    /// Where a condition stands.
    fn of(self, key: &str) -> Vec<Step> {
        let mut path = vec![Step::from("policy"), Step::from(self.section), Step::from(self.index)];
        path.extend(self.left_out.then(|| Step::from("not")));
        path.push(Step::from(key));
        path
    }

    /// Where one of its values stands.
    pub(super) fn path(self, key: &str, at: usize) -> Vec<Step> {
        let mut path = self.of(key);
        path.push(Step::from(at));
        path
    }
}

/// Whether there are the networks, listeners and days that are named.
pub(super) fn known(part: Part, conditions: &Conditions, config: &Config, check: &mut Check<'_>) {
    for (at, network) in conditions.networks.iter().enumerate() {
        known_network(&part.path("networks", at), network, config, check);
    }
    for (at, listener) in conditions.listeners.iter().enumerate() {
        known_listener(&part.path("listeners", at), listener, config, check);
    }
    for (at, list) in conditions.lists.iter().enumerate() {
        lists::known(&part.path("lists", at), list, config, check);
    }
    for (at, net) in conditions.clients.iter().enumerate() {
        prefix(&part.path("clients", at), *net, check);
    }
    let Some(schedule) = &conditions.schedule else { return };
    if schedule.days.is_empty() && schedule.hours.is_empty() && check.is_whole(&part.of("schedule")) {
        let help = "such as `{ days = [\"mon-fri\"], hours = [\"08:00-18:00\"] }`";
        check.note(&part.of("schedule"), "a schedule without days and hours is always on", help);
    }
    if schedule.days.contains(&Days::Holiday) && config.policy.holidays.is_empty() {
        let help = "add `holidays = [\"12-25\"]` to `[policy]`";
        check.note(&part.of("schedule"), "there are no holidays", help);
    }
}

pub(super) fn known_listener(path: &[Step], name: &str, config: &Config, check: &mut Check<'_>) {
    let known: Vec<&str> = config.listeners.iter().map(|listener| listener.name.as_str()).collect();
    if known.contains(&name) || check.is_damaged("listener") {
        return;
    }
    let help = match nearest(name, &known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are: `{}`", known.join("`, `")),
    };
    check.note(path, format!("there is no listener `{name}`"), &help);
}
