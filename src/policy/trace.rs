//! Every step of a decision, for whoever wants to see why it came out as it did.
//!
//! Explaining is deciding: the same code runs, and tells a [`Trace`] what it finds. The one that listens to nothing costs
//! nothing.

use std::sync::Arc;

use serde::Serialize;

use super::condition::Condition;
use super::{Effect, Question, Stale, Subject, Verdict};
use crate::identity::Strength;

/// Who is told of each step.
pub(super) trait Trace {
    /// Whether each rule and each condition is looked at, those that decide nothing any more, too.
    const WHOLE: bool;

    /// A list was looked at.
    fn list(&mut self, name: &Arc<str>, holds: bool);

    /// A condition was looked at, of the rule that is named next.
    fn condition(&mut self, condition: &Condition, excludes: bool, holds: Option<bool>, question: &Question<'_>);

    /// A rule was looked at.
    fn rule(&mut self, name: &Arc<str>, effect: Effect, matches: bool);

    /// It was found out whether somebody has to sign in first.
    fn sign_in(&mut self, is_lacking: bool);

    /// The default was reached.
    fn by_default(&mut self, name: &Arc<str>);

    /// A warning that may be meant stands in the way of whoever is let through.
    fn in_doubt(&mut self, name: &Arc<str>);

    /// What is blocked would not be, had somebody another proof of who they are.
    fn lacking(&mut self, stale: &Stale);

    /// A standing rule was looked at.
    fn standing(&mut self, name: &Arc<str>, applies: bool);

    /// From here on it is about the tunnel that the request is in.
    fn around(&mut self);

    /// A rule says that what cannot be let through is not intercepted to say so.
    fn exempt(&mut self, name: &Arc<str>);
}

/// Listens to nothing.
pub(super) struct Silent;

impl Trace for Silent {
    const WHOLE: bool = false;

    fn list(&mut self, _: &Arc<str>, _: bool) {}

    fn condition(&mut self, _: &Condition, _: bool, _: Option<bool>, _: &Question<'_>) {}

    fn rule(&mut self, _: &Arc<str>, _: Effect, _: bool) {}

    fn sign_in(&mut self, _: bool) {}

    fn by_default(&mut self, _: &Arc<str>) {}

    fn in_doubt(&mut self, _: &Arc<str>) {}

    fn lacking(&mut self, _: &Stale) {}

    fn standing(&mut self, _: &Arc<str>, _: bool) {}

    fn around(&mut self) {}

    fn exempt(&mut self, _: &Arc<str>) {}
}

/// A verdict, and how it came about.
#[derive(Debug)]
pub struct Explanation {
    /// What was decided.
    pub verdict: Verdict,
    /// Each step, in order.
    pub steps: Vec<Step>,
}

/// One step of a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub enum Step {
    /// A list that stands outside the rules.
    List {
        /// Its name.
        name: Arc<str>,
        /// Whether the destination is in it.
        holds: bool,
    },
    /// A rule.
    Rule {
        /// Its name.
        name: Arc<str>,
        /// What it does.
        effect: &'static str,
        /// Whether it applies.
        holds: bool,
        /// What that depends on.
        conditions: Vec<Looked>,
    },
    /// Whether somebody has to sign in first.
    SignIn {
        /// Whether it is not known who asks, and has to be.
        holds: bool,
    },
    /// A rule that warns, of which nobody knows whether it applies: whoever is let through reads it first.
    InDoubt {
        /// Its name.
        name: Arc<str>,
    },
    /// It is blocked for want of another proof of who asks.
    Lacking {
        /// The rule that wants it.
        name: Arc<str>,
        /// How sure it must be who asks, if that is surer than it is.
        #[serde(skip_serializing_if = "Option::is_none")]
        evidence: Option<Strength>,
        /// How many seconds ago, at most, they must have proved it, if they did so earlier.
        #[serde(skip_serializing_if = "Option::is_none")]
        within: Option<i64>,
    },
    /// A standing rule, which holds for what is permitted.
    Standing {
        /// Its name.
        name: Arc<str>,
        /// Whether it applies.
        holds: bool,
        /// What that depends on.
        conditions: Vec<Looked>,
    },
    /// What was asked is permitted, and the steps from here on are about the tunnel that it is in.
    Around,
    /// A rule says that it is not intercepted: nobody can be asked or shown anything inside.
    Exempt {
        /// Its name.
        name: Arc<str>,
    },
    /// No rule applies, so the default does.
    Default {
        /// Its name.
        name: Arc<str>,
    },
}

/// A condition that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Looked {
    /// The word for it.
    pub condition: &'static str,
    /// Whether it belongs to what the rule leaves out.
    pub not: bool,
    /// What it was held against.
    pub asked: String,
    /// Whether it is met; none where that cannot be known.
    pub holds: Option<bool>,
}

/// Writes each step down.
#[derive(Default)]
pub(super) struct Steps {
    pub(super) steps: Vec<Step>,
    conditions: Vec<Looked>,
}

impl Trace for Steps {
    const WHOLE: bool = true;

    fn list(&mut self, name: &Arc<str>, holds: bool) {
        self.steps.push(Step::List { name: Arc::clone(name), holds });
    }

    fn condition(&mut self, condition: &Condition, excludes: bool, holds: Option<bool>, question: &Question<'_>) {
        let asked = asked_of(condition, question);
        self.conditions.push(Looked { condition: condition.as_str(), not: excludes, asked, holds });
    }

    fn rule(&mut self, name: &Arc<str>, effect: Effect, matches: bool) {
        let conditions = std::mem::take(&mut self.conditions);
        let (name, effect) = (Arc::clone(name), effect.as_str());
        self.steps.push(Step::Rule { name, effect, holds: matches, conditions });
    }

    fn sign_in(&mut self, is_lacking: bool) {
        self.steps.push(Step::SignIn { holds: is_lacking });
    }

    fn by_default(&mut self, name: &Arc<str>) {
        self.steps.push(Step::Default { name: Arc::clone(name) });
    }

    fn in_doubt(&mut self, name: &Arc<str>) {
        self.steps.push(Step::InDoubt { name: Arc::clone(name) });
    }

    fn lacking(&mut self, stale: &Stale) {
        let within = stale.within.map(|within| within.as_secs());
        self.steps.push(Step::Lacking { name: Arc::clone(&stale.rule), evidence: stale.evidence, within });
    }

    fn standing(&mut self, name: &Arc<str>, applies: bool) {
        let conditions = std::mem::take(&mut self.conditions);
        self.steps.push(Step::Standing { name: Arc::clone(name), holds: applies, conditions });
    }

    fn around(&mut self) {
        self.steps.push(Step::Around);
    }

    fn exempt(&mut self, name: &Arc<str>) {
        self.steps.push(Step::Exempt { name: Arc::clone(name) });
    }
}

/// What of a question a condition is about.
fn asked_of(condition: &Condition, question: &Question<'_>) -> String {
    let unseen = || "(not seen)".to_owned();
    let target = || question.target.map_or_else(unseen, str::to_owned);
    match condition {
        Condition::Kinds(_) => format!("{:?}", question.access),
        Condition::Methods(_) => question.method.map_or_else(|| "CONNECT".to_owned(), ToString::to_string),
        Condition::Networks(_) => question.network.name.to_string(),
        Condition::Listeners(_) => question.listener.to_owned(),
        Condition::Ports(_) => question.destination.port.to_string(),
        Condition::Destinations(_) => question.destination.host.to_string(),
        Condition::Lists(_) => format!("{}{}", question.destination.host, question.target.unwrap_or_default()),
        Condition::Clients(_) => question.client.to_string(),
        Condition::Schedule(_) => question.at.to_string(),
        Condition::Paths(_) => target(),
        Condition::Keywords(_) => format!("{}{}", question.destination.host, target()),
        Condition::Evidence(_) => match question.subject {
            Subject::Somebody { surrogate, .. } => {
                let strength = format!("{:?}", surrogate.strength()).to_lowercase();
                format!("{} ({strength})", surrogate.as_str())
            }
            Subject::Nobody | Subject::Untold => "nobody is known".to_owned(),
        },
        Condition::Proven(_) => match question.subject {
            Subject::Somebody { proven, .. } => format!("{} s ago", proven.as_secs()),
            Subject::Nobody | Subject::Untold => "nobody is known".to_owned(),
        },
        Condition::Risk(_) => match question.subject {
            Subject::Somebody { user, .. } => user.risk.as_str().to_owned(),
            Subject::Nobody | Subject::Untold => "nobody is known".to_owned(),
        },
        Condition::Realms(_) | Condition::People(_) => match question.subject {
            Subject::Somebody { user, .. } => format!("{}/{}", user.realm, user.name),
            Subject::Nobody | Subject::Untold => "nobody is known".to_owned(),
        },
    }
}
