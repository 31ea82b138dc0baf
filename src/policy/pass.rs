//! That somebody has passed what a rule puts before its destinations.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// Which barrier somebody has passed. It depends on the rule's name and words, how long it stays passed, and on the password,
/// the groups and the reason that an override takes: whoever changes one of these has everybody read or open it anew.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BarrierKey(pub(super) u128);

impl BarrierKey {
    /// The key in the address of a page.
    pub fn parse(text: &str) -> Option<Self> {
        let is_plain = text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        u128::from_str_radix(text, 16).ok().filter(|_| is_plain).map(Self)
    }
}

impl fmt::Display for BarrierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for BarrierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BarrierKey({self})")
    }
}

/// That somebody has passed a barrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pass {
    /// Which one.
    pub barrier: BarrierKey,
    /// Until when that counts.
    pub until: Timestamp,
}

/// What somebody has passed.
#[derive(Clone, Copy, Debug)]
pub enum Passes<'a> {
    /// These barriers.
    Held(&'a [Pass]),
    /// Every one: for questions that are put by hand.
    All,
}

impl Passes<'_> {
    /// Nothing.
    pub const NONE: Self = Self::Held(&[]);

    pub(super) fn hold(self, barrier: BarrierKey, at: Timestamp) -> bool {
        match self {
            Self::Held(passes) => passes.iter().any(|pass| pass.barrier == barrier && pass.until > at),
            Self::All => true,
        }
    }
}
