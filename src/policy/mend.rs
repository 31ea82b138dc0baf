//! What proof of who they are would let somebody in whom a rule, or the default, keeps out for want of it.
//!
//! `evidence` and `proven` are conditions: where they are not met, a rule is passed over, and whatever comes after it decides.
//! So whether another proof would help is found out by deciding once more, as if it were there. That is done for refusals
//! alone, and only where rules have such conditions.

use std::sync::Arc;

use super::condition::{Asked, Condition, Supposed};
use super::rule::Rule;
use super::verdict::Stale;
use super::{Passes, Policy, Question, Store, Subject};
use crate::clock::SignedDuration;
use crate::identity::Strength;
use crate::identity::network::SignIn;

/// What rules may want of somebody's proof.
#[derive(Debug, Default)]
pub(super) struct Wants {
    /// How sure it must be who asks, from weak to strong.
    strengths: Vec<Strength>,
    /// How long ago they must have proved it, the longest time first.
    ages: Vec<SignedDuration>,
    /// The rules that have such a condition.
    rules: Vec<Arc<str>>,
}

/// How many ages are tried for one refusal: the longest ones, and the shortest. Policies name one or two.
const MOST_AGES: usize = 6;

impl Wants {
    pub(super) fn of(rules: &[Rule]) -> Self {
        let mut wants = Self::default();
        for rule in rules {
            let before = (wants.strengths.len(), wants.ages.len());
            for condition in rule.conditions() {
                match condition {
                    Condition::Evidence(least) => wants.strengths.push(*least),
                    Condition::Proven(within) => wants.ages.push(*within),
                    _ => {}
                }
            }
            if before != (wants.strengths.len(), wants.ages.len()) {
                wants.rules.push(Arc::clone(&rule.name));
            }
        }
        wants.strengths.sort_unstable();
        wants.strengths.dedup();
        wants.ages.sort_unstable_by(|one, other| other.cmp(one));
        wants.ages.dedup();
        wants
    }

    fn have(&self, rule: &Arc<str>) -> bool {
        self.rules.iter().any(|own| Arc::ptr_eq(own, rule))
    }

    /// The proofs that somebody could give and has not, those first that ask least of them.
    fn proofs(&self, subject: Subject<'_>) -> impl Iterator<Item = Supposed> {
        let (strength, age) = match subject {
            Subject::Somebody { surrogate, proven, .. } => (surrogate.strength(), Some(proven)),
            Subject::Nobody | Subject::Untold => (Strength::None, None),
        };
        let younger = self.ages.iter().copied().filter(move |within| age.is_none_or(|age| age > *within));
        let least = self.ages.last().copied().filter(|least| age.is_none_or(|age| age > *least));
        let ages = move || younger.clone().take(MOST_AGES).chain(least);
        let stronger = || self.strengths.iter().copied().filter(move |wanted| *wanted > strength);
        let young = ages().map(|proven| Supposed { strength: None, proven: Some(proven) });
        let strong = stronger().map(|wanted| Supposed { strength: Some(wanted), proven: None });
        let both = stronger().zip(std::iter::repeat(ages));
        let both = both.flat_map(|(wanted, ages)| {
            ages().map(move |proven| Supposed { strength: Some(wanted), proven: Some(proven) })
        });
        young.chain(strong).chain(both)
    }
}

impl Policy {
    /// The proof for want of which `rule` keeps out whoever asks; `None` if none would help them. A preflight proves nothing.
    pub(super) fn mend(&self, asked: &Asked<'_>, rule: &Arc<str>) -> Option<Stale> {
        if self.wants.rules.is_empty() || asked.supposed.is_some() {
            return None;
        }
        let question = asked.question;
        let can_prove = match question.subject {
            Subject::Somebody { .. } => true,
            // Nobody who is not known gets any further by this than to the sign-in.
            Subject::Nobody => {
                question.can_be_asked() && question.network.sign_in != SignIn::None && question.store == Store::Known
            }
            Subject::Untold => false,
        };
        if !can_prove {
            return None;
        }
        // What bars the way besides is passed afterwards.
        let subject = match question.subject {
            Subject::Somebody { user, surrogate, proven, way, .. } => {
                Subject::Somebody { user, surrogate, proven, way, passes: Passes::All }
            }
            other => other,
        };
        let question = &Question { subject, ..*question };
        self.wants.proofs(question.subject).find_map(|supposed| {
            let asked = Asked { supposed: Some(supposed), ..self.asked(question) };
            let opens = self.leads_on(&asked)?;
            // A rule that blocks all but those of whom it is sure wants that itself.
            let wanting = if !self.wants.have(opens) && self.wants.have(rule) { rule } else { opens };
            let Supposed { strength: evidence, proven: within } = supposed;
            let (rule, ways) = (Arc::clone(wanting), Arc::default());
            Some(Stale { rule, within, ways, is_other_way: false, evidence, is_condition: true })
        })
    }
}
