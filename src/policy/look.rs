//! Leave to find out whether a destination is there, before anybody is asked to sign in for it.

use std::sync::Arc;

use super::{Effect, Lane, Permit, Policy, Query};

impl Policy {
    /// Leave to find out whether a destination is there at all, before anybody is asked to sign in for it: on a private
    /// address only where anybody may be. None where nobody is let through, or where the way there depends on who asks.
    pub fn permit_look(&self, query: Query<'_>) -> Option<Permit> {
        if self.approved.contains(&query.destination.host) {
            return Some(Permit { rule: Arc::clone(&self.names.approved), lane: Lane::default() });
        }
        let mut found: Option<Permit> = None;
        for rule in self.rules.iter().filter(|rule| rule.matches_place(&query)) {
            let is_for_anybody = rule.realms.is_empty() && !rule.names_somebody;
            if rule.effect == Effect::Allow {
                // What only some people reach, by a way of its own (a connector into another network), nobody else finds out.
                if !is_for_anybody && rule.lane.route.is_some() {
                    return None;
                }
                let lane = Lane { private: rule.lane.private && is_for_anybody, ..rule.lane.clone() };
                if found.as_ref().is_some_and(|other| other.lane.route != lane.route) {
                    return None;
                }
                found = found.or_else(|| Some(Permit { rule: Arc::clone(&rule.name), lane }));
            }
            if is_for_anybody {
                return found;
            }
        }
        let default = Permit { rule: Arc::clone(&self.names.default), lane: Lane::default() };
        match found {
            _ if self.default == Effect::Block => found,
            None => Some(default),
            Some(found) => (found.lane.route == default.lane.route).then_some(found),
        }
    }
}
