//! The settings under `[directory.actions]`.

use serde::Deserialize;

use crate::directory::graph::config::Credential;

/// By what operators can act on accounts, and on whose.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The application that may write, if it is another one than that which reads.
    pub client_id: Option<String>,
    /// What proves that we are that application. They are tried in order.
    #[serde(rename = "credential", default)]
    pub credentials: Vec<Credential>,
    /// People on whom nobody acts from here, by object ID or UPN.
    #[serde(default)]
    pub protected: Vec<String>,
    /// Groups whose members are protected, also through other groups, by object ID.
    #[serde(default)]
    pub protected_groups: Vec<String>,
    /// How many actions may be begun within an hour. Default: 20.
    #[serde(default = "most_per_hour")]
    pub most_per_hour: u32,
}

fn most_per_hour() -> u32 {
    20
}
