//! What proof of who somebody is a rule wants: how old it may be, and in which way it was given.

use std::sync::Arc;

use super::config::RuleConfig;
use super::verdict::Stale;
use super::{Subject, Way};
use crate::clock::SignedDuration;

/// What proof a rule wants of whoever it lets through.
#[derive(Debug)]
pub(super) struct Wanted {
    within: Option<SignedDuration>,
    /// The ways that count; none of them where any does.
    ways: Arc<[String]>,
}

impl Wanted {
    /// What this rule wants; none where it wants nothing in particular. Whoever is not asked for a name has proven nothing.
    pub(super) fn of(config: &RuleConfig) -> Option<Self> {
        let is_any = config.reauthenticate.is_some() || !config.authn_context.is_empty();
        let wanted = || Self { within: config.reauthenticate, ways: config.authn_context.as_slice().into() };
        (is_any && config.authenticate).then(wanted)
    }

    /// Whether somebody has proven enough.
    pub(super) fn is_met_by(&self, subject: Subject<'_>) -> bool {
        match subject {
            Subject::Nobody => false,
            Subject::Untold => true,
            Subject::Somebody { proven, way, .. } => {
                self.takes(way) && self.within.is_none_or(|within| proven <= within)
            }
        }
    }

    /// What is lacking, where it is not met.
    pub(super) fn lacking(&self, rule: &Arc<str>, subject: Subject<'_>) -> Stale {
        let is_other_way = matches!(subject, Subject::Somebody { way, .. } if !self.takes(way));
        let (within, ways) = (self.within, Arc::clone(&self.ways));
        Stale { rule: Arc::clone(rule), within, ways, is_other_way, evidence: None, is_condition: false }
    }

    fn takes(&self, way: Way<'_>) -> bool {
        match way {
            _ if self.ways.is_empty() => true,
            Way::Said(way) => self.ways.iter().any(|wanted| wanted == way),
            Way::Unsaid => false,
            Way::AsWanted => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{Groups, Surrogate, User};
    use crate::policy::Passes;

    #[test]
    fn a_proof_counts_if_it_is_young_enough_and_was_given_in_a_wanted_way() {
        let user = User { id: "1".into(), groups: Groups::Known(vec![]), ..User::named("contoso", "eve") };
        let wanted =
            |more: &str| Wanted::of(&toml::from_str(&format!("name = 'it'\neffect = 'allow'\n{more}")).unwrap());
        assert!(wanted("").is_none() && wanted("authenticate = false\nauthn_context = ['urn:x']").is_none());
        let both = "reauthenticate = '1h'\nauthn_context = ['urn:x', 'urn:y']";
        for (more, minutes, way, is_met, is_other_way) in [
            ("reauthenticate = '1h'", 60, Way::Unsaid, true, false),
            ("reauthenticate = '1h'", 61, Way::Said("urn:x"), false, false),
            ("authn_context = ['urn:x']", 10_000, Way::Said("urn:x"), true, false),
            ("authn_context = ['urn:x']", 0, Way::Said("urn:X"), false, true),
            ("authn_context = ['urn:x']", 0, Way::Unsaid, false, true),
            ("authn_context = ['urn:x']", 0, Way::AsWanted, true, false),
            (both, 5, Way::Said("urn:y"), true, false),
            (both, 61, Way::Said("urn:y"), false, false),
            (both, 5, Way::Said("urn:z"), false, true),
        ] {
            let (wanted, proven) = (wanted(more).unwrap(), SignedDuration::from_mins(minutes));
            let subject = Subject::Somebody {
                user: &user,
                surrogate: Surrogate::OriginCookie,
                proven,
                passes: Passes::NONE,
                way,
            };
            assert_eq!(wanted.is_met_by(subject), is_met, "{more} {minutes} {way:?}");
            let stale = wanted.lacking(&"it".into(), subject);
            assert_eq!(stale.is_other_way, is_other_way, "{more} {minutes} {way:?}");
            assert!(!wanted.is_met_by(Subject::Nobody) && wanted.is_met_by(Subject::Untold));
        }
    }
}
