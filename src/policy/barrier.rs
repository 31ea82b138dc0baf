//! What a rule puts before a destination and a person can pass: a warning that they read, or a block that some override.
//!
//! Nothing here remembers who has passed what: a [`Question`] brings that along.

use std::sync::Arc;

use super::config::{Effect, RuleConfig};
use super::names::{NameTable, People, Who};
use super::pass::BarrierKey;
use super::{Policy, Question, Subject};
use crate::clock::SignedDuration;
use crate::identity::User;
use crate::password::HashedPassword;
use crate::seal::fingerprint;

/// How long a warning counts as read where its rule does not say.
pub const REMEMBERED: SignedDuration = SignedDuration::from_hours(1);

/// What a rule puts before its destinations.
#[derive(Debug)]
pub struct Barrier {
    /// Which one it is.
    pub key: BarrierKey,
    /// Its rule.
    pub rule: Arc<str>,
    /// What the rule says of it, in the operator's words.
    pub message: Option<Arc<str>>,
    /// How long it stays passed.
    pub lasts: SignedDuration,
    /// What it takes to pass it.
    pub takes: Takes,
}

/// What it takes to pass a barrier.
#[derive(Debug)]
pub enum Takes {
    /// A click, by whoever has read the warning.
    Reading,
    /// An override.
    Override(Overriding),
}

/// Who overrides a block.
#[derive(Debug)]
pub struct Overriding {
    /// Whoever knows this password.
    pub password: Option<HashedPassword>,
    /// Members of these groups, without one.
    people: Option<People>,
    /// Whether they have to say why.
    pub reason: bool,
}

impl Overriding {
    /// Whether somebody is in one of the groups; not where their groups are not known.
    fn is_open_to_member(&self, user: &User, named: &NameTable) -> bool {
        self.people.as_ref().is_some_and(|people| people.have(&Who::new(Some(user), named)) == Some(true))
    }
}

impl PartialEq for Barrier {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Barrier {}

impl Barrier {
    /// The barrier of a rule, if it has one. `people` are those who may override.
    pub(super) fn of(config: &RuleConfig, people: impl FnOnce(&[String]) -> People) -> Option<Self> {
        let takes = match (config.effect, &config.overriding) {
            (Effect::Warn, _) => Takes::Reading,
            (Effect::Block, Some(own)) => Takes::Override(Overriding {
                password: own.password.clone(),
                people: (!own.groups.is_empty()).then(|| people(&own.groups)),
                reason: own.reason,
            }),
            _ => return None,
        };
        let lasts = match &config.overriding {
            Some(own) => own.lasts,
            None => config.remember.unwrap_or(REMEMBERED),
        };
        let key = key_of(config, lasts);
        let (rule, message) = (config.name.as_str().into(), config.message.as_deref().map(Arc::from));
        Some(Self { key, rule, message, lasts, takes })
    }

    /// Whether it is a block that can be overridden, and not a warning.
    pub fn is_override(&self) -> bool {
        matches!(self.takes, Takes::Override(_))
    }

    /// Whether this is no barrier to somebody, but a block: it can be overridden, and not by them. Whoever is not known
    /// may turn out to be somebody who can.
    pub(super) fn is_closed_to(&self, user: Option<&User>, named: &NameTable) -> bool {
        let (Takes::Override(own), Some(user)) = (&self.takes, user) else { return false };
        own.password.is_none() && !own.is_open_to_member(user, named)
    }

    /// Whether whoever asks has passed it.
    pub(super) fn is_passed(&self, question: &Question<'_>) -> bool {
        let Subject::Somebody { passes, .. } = question.subject else { return false };
        passes.hold(self.key, question.at)
    }
}

/// The key of a rule's barrier: by all that it says and takes. Each part stands behind its length, so that no two rules
/// have one text.
fn key_of(config: &RuleConfig, lasts: SignedDuration) -> BarrierKey {
    let own = config.overriding.as_ref();
    let password = own.and_then(|own| own.password.as_ref()).map_or("", HashedPassword::expose);
    let (lasts, reason) = (lasts.as_secs().to_string(), own.is_some_and(|own| own.reason).to_string());
    let parts = [
        config.effect.as_str(),
        &config.name,
        config.message.as_deref().unwrap_or_default(),
        password,
        &lasts,
        &reason,
    ];
    let groups = own.map(|own| own.groups.as_slice()).unwrap_or_default();
    let all = parts.into_iter().chain(groups.iter().map(String::as_str));
    let text: String = all.map(|part| format!("{}:{part}", part.len())).collect();
    BarrierKey(u128::from_be_bytes(fingerprint(&text)))
}

impl Policy {
    /// The barrier with this key, if a rule has it.
    pub fn barrier(&self, key: BarrierKey) -> Option<&Arc<Barrier>> {
        self.rules.iter().filter_map(|rule| rule.barrier.as_ref()).find(|barrier| barrier.key == key)
    }

    /// Whether somebody opens this barrier without a password, as a member of one of its groups.
    pub fn opens_as_member(&self, barrier: &Barrier, user: &User) -> bool {
        let Takes::Override(own) = &barrier.takes else { return false };
        own.is_open_to_member(user, &self.named)
    }

    /// What the rule with this name says of itself, in the operator's words.
    pub fn message_of(&self, rule: &str) -> Option<&Arc<str>> {
        self.rules.iter().find(|own| *own.name == *rule)?.message.as_ref()
    }
}
