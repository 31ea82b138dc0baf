//! How likely it is that somebody else uses a person's account.

use serde::{Deserialize, Serialize};

/// The risk of an account, as whoever watches over it says (`riskLevel` of Microsoft Entra ID Protection). Levels are in
/// order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Risk {
    /// Nobody has said, or it is hidden. Never take this for "none".
    #[default]
    Unknown,
    /// There is none.
    None,
    /// It is low.
    Low,
    /// It is medium.
    Medium,
    /// It is high.
    High,
}

impl Risk {
    /// All levels that can be known.
    pub const LEVELS: [Self; 4] = [Self::None, Self::Low, Self::Medium, Self::High];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::None => "none",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }

    /// The level that is called so.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::LEVELS.into_iter().find(|level| level.as_str() == word)
    }
}
