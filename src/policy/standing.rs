//! Standing rules: they decide nothing. All that match hold for whatever is let through, by whichever rule, list or default.
//!
//! A restriction of whose accounts are used at a cloud service must not depend on which rule lets somebody there: its sign-in
//! hosts are often in the walled garden, where no rule decides at all.

use std::sync::Arc;

use super::condition::{Asked, Condition, Stand, about};
use super::config::StandingConfig;
use super::index::About;
use super::rule::Compiler;
use super::terms::Terms;
use super::trace::Trace;

/// A standing rule, as used.
#[derive(Debug)]
pub(super) struct StandingRule {
    name: Arc<str>,
    /// All of them must be met.
    when: Vec<Condition>,
    /// None of them may be met.
    unless: Vec<Condition>,
    /// Whether all that it does is to spare somebody something: then nobody is meant by it in doubt.
    pub(super) gives: bool,
    /// What of it holds for whoever may be meant, and is not for sure: what it takes, and nothing that it gives beside that.
    in_doubt: Option<Arc<Terms>>,
    /// None where the check of the configuration will refuse it.
    terms: Option<Arc<Terms>>,
}

impl Compiler<'_> {
    pub(super) fn standing(&mut self, config: &StandingConfig) -> StandingRule {
        let name = config.name.as_str().into();
        StandingRule {
            when: self.conditions(&config.conditions(), &config.realms, config.only_gives()),
            unless: self.conditions(&config.not, &config.realms, !config.only_gives()),
            terms: Terms::of(
                &name,
                &config.headers,
                config.limit.as_ref(),
                config.inspection(),
                config.scan.as_deref(),
            ),
            gives: config.only_gives(),
            in_doubt: Terms::of(
                &name,
                &config.headers,
                config.limit.as_ref(),
                config.inspection().in_doubt(),
                config.scan.as_deref().filter(|names| !names.is_empty()),
            ),
            name,
        }
    }
}

impl StandingRule {
    /// What it is about.
    pub(super) fn about(&self) -> About<'_> {
        about(&self.when)
    }

    /// What it subjects a request to, if it applies. It applies, too, to whoever may be one of those whom it is about, and
    /// spares nobody who may be one of those whom it leaves out; one that only gives is the other way round. A condition about the
    /// inside of a tunnel is not met there.
    pub(super) fn terms<T: Trace>(&self, asked: &Asked<'_>, trace: &mut T) -> Option<&Arc<Terms>> {
        let (mut applies, mut is_sure) = (true, true);
        for (condition, excludes) in
            self.when.iter().map(|one| (one, false)).chain(self.unless.iter().map(|one| (one, true)))
        {
            // Usually it takes something from whoever it is about, as a rule that blocks does.
            let holds = condition.holds(asked, Stand { excludes, lets_through: self.gives });
            trace.condition(condition, excludes, holds, asked.question);
            is_sure &= holds.is_some();
            applies &= match holds {
                Some(holds) => holds != excludes,
                // What may be on a list of sites that nobody looks into is not looked into.
                None if self.gives => self.is_private() && !excludes && matches!(condition, Condition::Lists(_)),
                None => excludes || matches!(condition, Condition::People(_) | Condition::Risk(_)),
            };
            if !applies && !T::WHOLE {
                return None;
            }
        }
        trace.standing(&self.name, applies);
        let terms = if is_sure || self.gives { &self.terms } else { &self.in_doubt };
        terms.as_ref().filter(|_| applies)
    }
}

impl StandingRule {
    /// Whether it spares sites an interception, and does nothing else.
    fn is_private(&self) -> bool {
        self.terms.as_ref().is_some_and(|terms| {
            let own = terms.inspection;
            let gives_more = own.client_certificate.is_some() || own.unreadable.is_some() || !own.accept.is_empty();
            own.intercept == Some(false) && !gives_more && terms.scan.is_none()
        })
    }

    /// Whether it applies for sure.
    pub(super) fn applies_for_sure(&self, asked: &Asked<'_>) -> bool {
        let holds =
            |condition: &Condition, excludes| condition.holds(asked, Stand { excludes, lets_through: self.gives });
        self.when.iter().all(|condition| holds(condition, false) == Some(true))
            && self.unless.iter().all(|condition| holds(condition, true) == Some(false))
    }

    /// Whether it says of TLS whether that is intercepted; none where it does not say.
    pub(super) fn intercept(&self) -> Option<bool> {
        self.terms.as_ref()?.inspection.intercept
    }

    /// Its name.
    pub(super) fn name(&self) -> &Arc<str> {
        &self.name
    }
}
