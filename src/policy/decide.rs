//! The steps of a decision: blocked list, walled garden, rules without sign-in, sign-in, approved list, rules, default.
//!
//! Each step has something to say or passes the question on. They stand in order in [`Deciding::alone`] and
//! [`Deciding::rule_on`], and nowhere else.

use std::sync::Arc;

use super::barrier::Barrier;
use super::condition::Asked;
use super::listed::Answers;
use super::names::{NameTable, Who};
use super::permit::{Basis, Grant};
use super::trace::{Silent, Steps, Trace};
use super::visible::Target;
use super::wanted::Wanted;
use super::{
    Access, Ask, Denial, Effect, Explanation, Fallback, Offline, Permit, Policy, Proof, Question, Rule, Stale,
    StandingRule, Store, Subject, Verdict, Why,
};
use crate::identity::network::{SignIn, Unidentified};
use crate::lists::path::Quorum;
use crate::wire::Destination;

/// What the approved list, a rule or the default says, whoever could be asked for whatever.
#[derive(Clone, Copy)]
enum Ruling<'a> {
    /// It may be reached, on these conditions where they are others than the usual ones.
    Allow(&'a Arc<str>, Option<&'a Grant>),
    /// It may not.
    Block(&'a Arc<str>),
    /// It may, by whoever has proved who they are as the rule wants it.
    Proven(&'a Arc<str>, &'a Wanted),
    /// It may, by whoever has passed this; on these conditions.
    Barred(&'a Arc<Barrier>, Option<&'a Grant>),
}

impl Policy {
    /// Decides whether and how somebody reaches a destination.
    pub fn decide(&self, question: &Question<'_>) -> Verdict {
        Deciding { policy: self, trace: Silent }.verdict(question)
    }

    /// Decides, and tells each step.
    pub fn explain(&self, question: &Question<'_>) -> Explanation {
        let mut decision = Deciding { policy: self, trace: Steps::default() };
        let verdict = decision.verdict(question);
        Explanation { verdict, steps: decision.trace.steps }
    }

    /// What is known of a question before it is looked into.
    pub(super) fn asked<'a>(&'a self, question: &'a Question<'a>) -> Asked<'a> {
        let (who, lists) = (Who::new(question.user(), &self.named), Answers::new(&self.listed));
        Asked { question, who, lists, target: question.target.map(Target::new), supposed: None }
    }

    /// The rule, list or default by which whoever asks gets any further, if they do: they reach the destination, or are told
    /// what they have to do first.
    pub(super) fn leads_on(&self, asked: &Asked<'_>) -> Option<&Arc<str>> {
        match (Deciding { policy: self, trace: Silent }).rule_on(asked) {
            Ruling::Block(_) => None,
            Ruling::Allow(rule, _) | Ruling::Proven(rule, _) => Some(rule),
            Ruling::Barred(barrier, _) => Some(&barrier.rule),
        }
    }

    /// Whether the approved list holds what is asked for.
    pub(super) fn approves(&self, asked: &Asked<'_>) -> bool {
        let question = asked.question;
        self.approved.contains(&question.destination.host)
            || asked.lists.any(&self.approved_lists, asked.place(), Quorum::All) == Some(true)
    }

    /// Whether a rule may let somebody reach this destination on a private address, or by a way on which its name means
    /// another address.
    fn may_open_private(&self, destination: &Destination) -> bool {
        let opens = |rule: &Rule| rule.grant.lane.private || rule.grant.lane.route.is_some();
        self.rules.iter().any(|rule| opens(rule) && rule.is_about(destination))
    }
}

/// A decision that is being made, and who is told of its steps.
struct Deciding<'p, T> {
    policy: &'p Policy,
    trace: T,
}

impl<'p, T: Trace> Deciding<'p, T> {
    /// Decides. What is asked where https is decrypted is asked in a tunnel, too: a page inside that says why a tunnel is
    /// refused must not become a way around the rule that refuses it, nor a rule that sees more inside a reason to decrypt.
    fn verdict(&mut self, question: &Question<'_>) -> Verdict {
        let asked = self.policy.asked(question);
        let verdict = self.alone(&asked);
        let verdict = self.around(verdict, question);
        let verdict = self.exempt(verdict, &asked);
        self.standing(verdict, &asked)
    }

    /// What the tunnel around a request says of it, too.
    fn around(&mut self, verdict: Verdict, question: &Question<'_>) -> Verdict {
        let may_go_on = matches!(verdict, Verdict::Permit(_) | Verdict::Warn(_) | Verdict::Override(_));
        let Some(around) = question.around().filter(|_| may_go_on) else { return verdict };
        self.trace.around();
        let asked = self.policy.asked(&around);
        match (self.alone(&asked), verdict) {
            (denied @ Verdict::Deny(Denial { why: Why::Rule, .. }), _) => denied,
            (outside, verdict @ Verdict::Permit(_)) => {
                // What bars the tunnel is shown inside of it.
                if let Some(barrier) = outside.barrier() {
                    return bar(question, barrier);
                }
                match outside {
                    Verdict::Ask(ask) | Verdict::Deny(Denial { why: Why::Unasked(ask), .. })
                        if self.is_closed_to_anybody(&asked) =>
                    {
                        // Nobody gets further inside than whoever has signed in.
                        if question.can_be_asked() { Verdict::Ask(ask) } else { self.unasked(ask) }
                    }
                    _ => verdict,
                }
            }
            (_, verdict) => verdict,
        }
    }

    /// Whatever is permitted is subject to all standing rules that apply.
    fn standing(&mut self, mut verdict: Verdict, asked: &Asked<'_>) -> Verdict {
        let Policy { standing, standing_index, .. } = self.policy;
        if let Verdict::Permit(permit) = &mut verdict
            && !standing.is_empty()
            && asked.question.access != Access::Look
        {
            let candidates =
                standing_index.candidates(&asked.question.destination.host, &asked.question.network.name, T::WHOLE);
            let rules = candidates.filter_map(|number| standing.get(usize::try_from(number).ok()?));
            permit.subject_to(rules.filter_map(|rule| rule.terms(asked, &mut self.trace)));
        }
        if let Verdict::Permit(permit) = &mut verdict
            && !permit.terms().is_empty()
        {
            let in_garden = Arc::ptr_eq(permit.rule(), &self.policy.names.walled_garden);
            permit.settle(in_garden);
        }
        verdict
    }

    /// What is not to be intercepted is not intercepted to ask or to tell somebody something either. Whoever is not known there
    /// goes on as they would if they could not be asked.
    fn exempt(&mut self, verdict: Verdict, asked: &Asked<'_>) -> Verdict {
        let question = asked.question;
        let may_be_intercepted =
            matches!(question.access, Access::Connect(_)) && !matches!(verdict, Verdict::Permit(_));
        if !may_be_intercepted || !self.policy.has_exemptions {
            return verdict;
        }
        let Some(by) = self.policy.exemption(asked) else { return verdict };
        self.trace.exempt(by);
        match verdict {
            Verdict::Ask(Ask { proof: Proof::SignIn, .. }) => match self.unknown(question) {
                Verdict::Deny(denial) => Verdict::Deny(Denial { why: Why::Exempt, ..denial }),
                verdict => verdict,
            },
            Verdict::Ask(Ask { proof: Proof::Again(stale), .. }) => deny(&stale.rule, Why::Exempt),
            Verdict::Warn(barrier) | Verdict::Override(barrier) => {
                deny(&barrier.rule, Why::Barred(Arc::clone(&barrier)))
            }
            Verdict::Deny(Denial { rule, why: Why::Rule | Why::Unasked(_) }) => deny(&rule, Why::Exempt),
            other => other,
        }
    }

    /// Whether a rule, the default, a barrier or a proof that is wanted stands in the way of a tunnel for whoever asks, once they
    /// have signed in.
    fn is_closed_to_anybody(&self, around: &Asked<'_>) -> bool {
        let mut silent = Deciding { policy: self.policy, trace: Silent };
        !matches!(silent.rule_on(around), Ruling::Allow(..))
    }

    fn unasked(&self, ask: Ask) -> Verdict {
        deny(&self.policy.names.unidentified, Why::Unasked(ask))
    }

    fn alone(&mut self, asked: &Asked<'_>) -> Verdict {
        let question = asked.question;
        self.blocked(asked)
            .or_else(|| self.walled_garden(question))
            .or_else(|| self.open_rules(asked))
            .or_else(|| self.policy.look(asked))
            .or_else(|| self.sign_in(question))
            .unwrap_or_else(|| self.by_ruling(asked))
    }

    /// What the approved list and the rules say, once it is settled for whom.
    fn rule_on(&mut self, asked: &Asked<'_>) -> Ruling<'p> {
        self.approved(asked).unwrap_or_else(|| self.by_rules(asked))
    }

    // What an identity provider says of itself opens nothing that the operator has closed.
    fn blocked(&mut self, asked: &Asked<'_>) -> Option<Verdict> {
        let (policy, question) = (self.policy, asked.question);
        let is_blocked = policy.blocked.contains(&question.destination.host)
            || asked.lists.any(&policy.blocked_lists, asked.place(), Quorum::One) == Some(true);
        self.trace.list(&self.policy.names.blocked, is_blocked);
        is_blocked.then(|| deny(&self.policy.names.blocked, Why::Rule))
    }

    fn walled_garden(&mut self, question: &Question<'_>) -> Option<Verdict> {
        let (policy, host) = (self.policy, &question.destination.host);
        let is_open = policy.walled_garden.contains(host) || policy.garden.contains(host);
        self.trace.list(&policy.names.walled_garden, is_open);
        is_open.then(|| permit(question, &policy.names.walled_garden, None, Basis::Right))
    }

    /// Rules for which nobody is asked to sign in.
    fn open_rules(&mut self, asked: &Asked<'_>) -> Option<Verdict> {
        if !self.policy.has_open_rules {
            return None;
        }
        let rule = self.first(asked, |rule| !rule.authenticate, &mut None)?;
        Some(self.pass(asked.question, rule.rule_on(asked.question, &self.policy.named)))
    }

    fn sign_in(&mut self, question: &Question<'_>) -> Option<Verdict> {
        let is_lacking = matches!(question.subject, Subject::Nobody) && question.network.sign_in == SignIn::Required;
        self.trace.sign_in(is_lacking);
        is_lacking.then(|| self.without_anybody(question))
    }

    fn by_ruling(&mut self, asked: &Asked<'_>) -> Verdict {
        match self.rule_on(asked) {
            Ruling::Block(rule) => self.block(asked, rule),
            ruling => self.pass(asked.question, ruling),
        }
    }

    /// Refuses what is blocked, unless another proof of who asks would mend that: then they are led to it.
    fn block(&mut self, asked: &Asked<'_>, rule: &'p Arc<str>) -> Verdict {
        let question = asked.question;
        let Some(stale) = self.policy.mend(asked, rule) else { return self.pass(question, Ruling::Block(rule)) };
        self.trace.lacking(&stale);
        match question.subject {
            Subject::Somebody { .. } => self.again(question, stale),
            Subject::Nobody | Subject::Untold => self.without_anybody(question),
        }
    }

    /// Asks somebody to prove once more who they are.
    fn again(&self, question: &Question<'_>, stale: Stale) -> Verdict {
        let rule = Arc::clone(&stale.rule);
        let ask = self.ask(question, Proof::Again(stale));
        if question.can_be_asked() { Verdict::Ask(ask) } else { deny(&rule, Why::Unasked(ask)) }
    }

    fn approved(&mut self, asked: &Asked<'_>) -> Option<Ruling<'p>> {
        let is_approved = self.policy.approves(asked);
        self.trace.list(&self.policy.names.approved, is_approved);
        is_approved.then_some(Ruling::Allow(&self.policy.names.approved, None))
    }

    /// The first rule that matches, or the default. Whoever is let through by that reads the first warning on the way there
    /// that may be for them.
    fn by_rules(&mut self, asked: &Asked<'_>) -> Ruling<'p> {
        let (mut doubtful, named) = (None, &self.policy.named);
        let first = self.first(asked, |_| true, &mut doubtful);
        let ruling = first.map_or_else(|| self.by_default(), |rule| rule.rule_on(asked.question, named));
        match (ruling, doubtful) {
            // A preflight is the bare question, and passes warnings.
            (Ruling::Allow(_, grant), Some(barrier)) if !matches!(asked.question.subject, Subject::Untold) => {
                self.trace.in_doubt(&barrier.rule);
                Ruling::Barred(barrier, grant)
            }
            _ => ruling,
        }
    }

    /// The first rule of these that matches, and the first warning before it that may be meant and was not read. Whoever
    /// listens is told of all up to it.
    fn first(
        &mut self,
        asked: &Asked<'_>,
        is_wanted: impl Fn(&Rule) -> bool,
        doubtful: &mut Option<&'p Arc<Barrier>>,
    ) -> Option<&'p Rule> {
        let Policy { rules, index, .. } = self.policy;
        let candidates = index.candidates(&asked.question.destination.host, &asked.question.network.name, T::WHOLE);
        let mut rules = candidates.filter_map(|number| rules.get(usize::try_from(number).ok()?));
        rules.find(|rule| {
            if !is_wanted(rule) {
                return false;
            }
            let matches = rule.matches(asked, &mut self.trace);
            if !matches && doubtful.is_none() && rule.may_warn(asked) {
                *doubtful = rule.barrier.as_ref().filter(|barrier| !barrier.is_passed(asked.question));
            }
            matches
        })
    }

    fn by_default(&mut self) -> Ruling<'p> {
        let name = &self.policy.names.default;
        self.trace.by_default(name);
        match self.policy.default {
            Fallback::Allow => Ruling::Allow(name, None),
            Fallback::Block => Ruling::Block(name),
        }
    }

    /// Makes a verdict of a ruling about whoever asks.
    fn pass(&mut self, question: &Question<'_>, ruling: Ruling<'_>) -> Verdict {
        match (ruling, question.subject) {
            // Such a preflight is passed because of what it cannot say, and not because of who asks.
            (Ruling::Allow(rule, grant), Subject::Untold) => permit(question, rule, grant, Basis::Exception),
            (Ruling::Allow(rule, grant), _) => permit(question, rule, grant, Basis::Right),
            (Ruling::Block(rule), Subject::Untold) => deny(rule, Why::Unasked(self.ask(question, Proof::SignIn))),
            (Ruling::Block(rule), _) => deny(rule, Why::Rule),
            (Ruling::Proven(rule, _), Subject::Nobody) if question.network.sign_in == SignIn::None => {
                deny(rule, Why::Rule)
            }
            (Ruling::Proven(..), Subject::Nobody | Subject::Untold) => self.without_anybody(question),
            (Ruling::Barred(barrier, _), Subject::Somebody { .. }) => bar(question, barrier),
            (Ruling::Barred(barrier, _), Subject::Nobody) if self.is_closed_to_nobody(question, barrier) => {
                deny(&barrier.rule, Why::Rule)
            }
            (Ruling::Barred(..), Subject::Nobody) => self.without_anybody(question),
            // The request that follows it is barred, if it must be.
            (Ruling::Barred(barrier, grant), Subject::Untold) if !barrier.is_override() => {
                permit(question, &barrier.rule, grant, Basis::Exception)
            }
            (Ruling::Barred(barrier, _), Subject::Untold) => {
                deny(&barrier.rule, Why::Unasked(self.ask(question, Proof::SignIn)))
            }
            (Ruling::Proven(rule, wanted), Subject::Somebody { .. }) => {
                self.again(question, wanted.lacking(rule, question.subject))
            }
        }
    }

    /// Whether nobody can become somebody who passes this barrier: nobody signs in there, or can at present. What blocks
    /// goes on blocking then.
    fn is_closed_to_nobody(&self, question: &Question<'_>, barrier: &Barrier) -> bool {
        let is_away = matches!(question.store, Store::Away(_));
        question.network.sign_in == SignIn::None || is_away && barrier.is_override()
    }

    /// Decides where somebody must be known, and nobody is.
    fn without_anybody(&mut self, question: &Question<'_>) -> Verdict {
        let policy = self.policy;
        let ask = || Ask { proof: Proof::SignIn, may_be_private: policy.may_open_private(question.destination) };
        match question.store {
            Store::Away(Offline::Allow) => return permit(question, &policy.names.offline, None, Basis::Exception),
            Store::Away(Offline::DefaultRule) if policy.default == Fallback::Allow => {
                return permit(question, &policy.names.offline, None, Basis::Exception);
            }
            Store::Away(Offline::DefaultRule) => return deny(&policy.names.offline, Why::Away),
            // The portal says that nobody can sign in.
            Store::Away(Offline::Refuse) | Store::Known => {}
        }
        if question.can_be_asked() {
            return Verdict::Ask(ask());
        }
        self.unknown(question)
    }

    /// Decides where somebody must be known, nobody is, and nobody can be asked.
    fn unknown(&mut self, question: &Question<'_>) -> Verdict {
        let policy = self.policy;
        let ask = || Ask { proof: Proof::SignIn, may_be_private: policy.may_open_private(question.destination) };
        // A preflight never says who asks: it is passed where anybody at all could be allowed.
        let subject = if question.is_preflight() { Subject::Untold } else { Subject::Nobody };
        if !question.is_preflight() && question.network.unidentified == Unidentified::Refuse {
            return deny(&policy.names.unidentified, Why::Unasked(ask()));
        }
        let question = &Question { subject, ..*question };
        match self.rule_on(&policy.asked(question)) {
            Ruling::Allow(rule, grant) => permit(question, rule, grant, Basis::Exception),
            Ruling::Block(rule) | Ruling::Proven(rule, _) => deny(rule, Why::Unasked(ask())),
            // A preflight does not say whose warning it would be.
            Ruling::Barred(barrier, grant) if !barrier.is_override() && matches!(subject, Subject::Untold) => {
                permit(question, &barrier.rule, grant, Basis::Exception)
            }
            Ruling::Barred(barrier, _) => deny(&barrier.rule, Why::Unasked(ask())),
        }
    }

    fn ask(&self, question: &Question<'_>, proof: Proof) -> Ask {
        Ask { proof, may_be_private: self.policy.may_open_private(question.destination) }
    }
}

impl Policy {
    /// Finds out whether a destination is there at all, before anybody is asked to sign in for it: on a private address
    /// only where anybody may be. Not where nobody is let through, nor where the way there depends on who asks.
    fn look(&self, asked: &Asked<'_>) -> Option<Verdict> {
        let question = asked.question;
        (question.access == Access::Look).then(|| match self.lane_of_all(asked) {
            Ok((rule, lane)) => permit(question, rule, Some(&Grant { lane, ..Grant::default() }), Basis::Right),
            Err(rule) => deny(rule, Why::Rule),
        })
    }
}

impl Policy {
    /// The rule that says that such a connection is not intercepted, if one does: the first standing rule that says anything of
    /// it, or the rule that decides for everybody who goes there.
    fn exemption(&self, asked: &Asked<'_>) -> Option<&Arc<str>> {
        // In doubt somebody is asked to sign in, or nobody could while a list is not there.
        let says = |rule: &&StandingRule| match rule.intercept() {
            Some(true) => rule.terms(asked, &mut Silent).is_some(),
            Some(false) => rule.applies_for_sure(asked),
            None => false,
        };
        if let Some(first) = self.standing.iter().find(says) {
            return Some(first.name()).filter(|_| first.intercept() == Some(false));
        }
        let own = self.rules.iter().find(|rule| rule.is_for_anybody() && rule.matches_place(asked))?;
        let spares = own.grant.terms.as_ref().is_some_and(|terms| terms.inspection.intercept == Some(false));
        spares.then_some(&own.name)
    }
}

impl Rule {
    fn rule_on(&self, question: &Question<'_>, named: &NameTable) -> Ruling<'_> {
        let is_closed = self.barrier.as_ref().is_none_or(|own| own.is_closed_to(question.user(), named));
        let barrier = self.barrier.as_ref().filter(|barrier| !barrier.is_passed(question));
        let wanted = self.wanted.as_ref().filter(|wanted| !wanted.is_met_by(question.subject));
        match (self.effect, wanted, barrier) {
            (Effect::Block, ..) if is_closed => Ruling::Block(&self.name),
            (Effect::Allow | Effect::Monitor | Effect::Warn, Some(wanted), _) => Ruling::Proven(&self.name, wanted),
            (_, _, Some(barrier)) => Ruling::Barred(barrier, Some(&self.grant)),
            (_, _, None) => Ruling::Allow(&self.name, Some(&self.grant)),
        }
    }
}

/// Shows whoever asks what bars their way, or refuses them where that cannot be shown.
fn bar(question: &Question<'_>, barrier: &Arc<Barrier>) -> Verdict {
    match (question.can_be_shown(), barrier.is_override()) {
        (true, false) => Verdict::Warn(Arc::clone(barrier)),
        (true, true) => Verdict::Override(Arc::clone(barrier)),
        (false, _) => deny(&barrier.rule, Why::Barred(Arc::clone(barrier))),
    }
}

fn permit(question: &Question<'_>, rule: &Arc<str>, grant: Option<&Grant>, basis: Basis) -> Verdict {
    Verdict::Permit(Permit::new(question, rule, grant.cloned().unwrap_or_default(), basis))
}

fn deny(rule: &Arc<str>, why: Why) -> Verdict {
    Verdict::Deny(Denial { rule: Arc::clone(rule), why })
}
