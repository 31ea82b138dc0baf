//! What the policy answers.

use std::sync::Arc;

use super::{Barrier, Permit};
use crate::clock::SignedDuration;
use crate::identity::Strength;

/// What was decided.
#[derive(Debug)]
pub enum Verdict {
    /// It may be reached, as the permit says.
    Permit(Permit),
    /// It may not.
    Deny(Denial),
    /// Whoever asks has to prove who they are first, and can be asked to.
    Ask(Ask),
    /// A rule warns of it, and whoever asks can be shown the warning, which they have not read yet.
    Warn(Arc<Barrier>),
    /// A rule blocks it, and whoever asks can be shown how to override that.
    Override(Arc<Barrier>),
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// The rule that refused.
    pub rule: Arc<str>,
    /// What lies behind it.
    pub why: Why,
}

/// What lies behind a refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The rule is about them, or about everybody.
    Rule,
    /// Nobody can sign in at present, and whoever is not known is refused so long.
    Away,
    /// This is what they would have to do, and they cannot be asked to.
    Unasked(Ask),
    /// They would have to pass this, and cannot be shown how.
    Barred(Arc<Barrier>),
    /// As one of the above, and a rule says that the connection is not intercepted: so they cannot be asked or shown anything.
    Exempt,
}

/// What somebody has to do before they get any further.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// What they have to prove.
    pub proof: Proof,
    /// Whether a rule may let somebody reach the destination on a private address, or by a way on which its name means
    /// another address: before sign-in, nobody can say that such an address is wrong.
    pub may_be_private: bool,
}

/// A proof of who somebody is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Any: nobody is known, and somebody must be.
    SignIn,
    /// One that is younger than theirs, given in another way, or by something stronger.
    Again(Stale),
}

/// A proof that is too old, was given in another way than is wanted, or by too weak a surrogate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stale {
    /// The rule that wants another one.
    pub rule: Arc<str>,
    /// How old it may be, if that is limited.
    pub within: Option<SignedDuration>,
    /// The ways of signing in that count (AuthnContextClassRef); none of them where any does.
    pub ways: Arc<[String]>,
    /// Whether theirs was given in another way.
    pub is_other_way: bool,
    /// How sure it must be who asks, if that is surer than it is. No proof changes that by itself: something stronger has to
    /// stand for them.
    pub evidence: Option<Strength>,
    /// Whether it is a condition of a rule that is not met, and not what a rule that applies wants besides.
    pub is_condition: bool,
}

impl Verdict {
    /// The rule that decided, or the list or the default; none where somebody has to sign in before that is settled.
    pub fn rule(&self) -> Option<&Arc<str>> {
        match self {
            Self::Permit(permit) => Some(permit.rule()),
            Self::Deny(denial) => Some(&denial.rule),
            Self::Ask(Ask { proof: Proof::Again(stale), .. }) => Some(&stale.rule),
            Self::Ask(Ask { proof: Proof::SignIn, .. }) => None,
            Self::Warn(barrier) | Self::Override(barrier) => Some(&barrier.rule),
        }
    }

    /// What stands between whoever asks and the destination, where they can pass it.
    pub fn barrier(&self) -> Option<&Arc<Barrier>> {
        match self {
            Self::Warn(barrier) | Self::Override(barrier) => Some(barrier),
            Self::Deny(Denial { why: Why::Barred(barrier), .. }) => Some(barrier),
            Self::Permit(_) | Self::Deny(_) | Self::Ask(_) => None,
        }
    }

    /// Whether it could have been another one, had somebody who is known proved otherwise who they are.
    pub fn is_for_proof(&self) -> bool {
        self.stale().is_some()
    }

    /// Whether it could have been another one, had they proved it in the same way more recently.
    pub fn is_for_age(&self) -> bool {
        self.stale().is_some_and(|stale| !stale.is_other_way && !stale.is_condition)
    }

    /// Whether a younger proof, or one of another way, that another node may know of could make another one of it.
    pub fn is_for_another_proof(&self) -> bool {
        self.stale().is_some_and(|stale| stale.within.is_some() || !stale.ways.is_empty())
    }

    /// Whether it could have been another one, were it surer who asks.
    pub fn is_for_evidence(&self) -> bool {
        self.stale().is_some_and(|stale| stale.evidence.is_some())
    }

    fn stale(&self) -> Option<&Stale> {
        let (Self::Ask(ask) | Self::Deny(Denial { why: Why::Unasked(ask), .. })) = self else { return None };
        if let Proof::Again(stale) = &ask.proof { Some(stale) } else { None }
    }
}
