//! `override` of a rule that blocks, as written.

use serde::Deserialize;

use crate::clock::SignedDuration;
use crate::password::HashedPassword;

/// `override` of a rule that blocks, as written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OverrideConfig {
    /// The password that opens it, as `vestibule policy hash-password` has hashed it.
    pub password: Option<HashedPassword>,
    /// Groups whose members open it without a password, named as in rules.
    #[serde(default)]
    pub groups: Vec<String>,
    /// How long it stays open for whoever has opened it. Default: 15 minutes.
    #[serde(rename = "for", default = "quarter", deserialize_with = "crate::units::signed_duration")]
    pub lasts: SignedDuration,
    /// Whether people have to say why. Default: false.
    #[serde(default)]
    pub reason: bool,
}

fn quarter() -> SignedDuration {
    SignedDuration::from_mins(15)
}
