//! The way to a destination that everybody would take who may go there, before it is known who asks.

use std::sync::Arc;

use super::condition::Asked;
use super::{Fallback, Lane, Policy};

impl Policy {
    /// The way that everybody takes who is let through at all, and the rule that gives it: on a private address only where
    /// anybody may be. The rule that stands against it where nobody is let through, or where the way depends on who asks.
    pub(super) fn lane_of_all(&self, asked: &Asked<'_>) -> Result<(&Arc<str>, Lane), &Arc<str>> {
        if self.approves(asked) {
            return Ok((&self.names.approved, Lane::default()));
        }
        let mut found: Option<(&Arc<str>, Lane)> = None;
        for rule in self.rules.iter().filter(|rule| rule.matches_place(asked)) {
            let (is_for_anybody, own) = (rule.is_for_anybody(), &rule.grant.lane);
            if rule.effect.lets_through() {
                // What only some people reach, by a way of its own (a connector into another network), nobody else finds out.
                if !is_for_anybody && own.route.is_some() {
                    return Err(&rule.name);
                }
                let lane = Lane { private: own.private && is_for_anybody, ..own.clone() };
                if found.as_ref().is_some_and(|(_, other)| other.route != lane.route) {
                    return Err(&rule.name);
                }
                found = found.or(Some((&rule.name, lane)));
            }
            if is_for_anybody {
                return found.ok_or(&rule.name);
            }
        }
        let default = (&self.names.default, Lane::default());
        match found {
            _ if self.default == Fallback::Block => found.ok_or(&self.names.default),
            None => Ok(default),
            Some(found) if found.1.route == default.1.route => Ok(found),
            Some(_) => Err(&self.names.default),
        }
    }
}
