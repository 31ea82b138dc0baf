//! The `[[directory]]` sections, as written.

use serde::Deserialize;

use super::feed::{Attribute, Feed, Owners};
use super::graph::config::Credential;
use super::{action, graph, risk};
use crate::units::Duration;

/// One `[[directory]]`: the people and groups of one tenant.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The name by which commands call it.
    pub name: String,
    /// The realms whose people it knows.
    pub realms: Vec<String>,
    /// What happens to people whom it does not know. Default: `allow`.
    #[serde(default)]
    pub unsynchronised: Unsynchronised,
    /// By which names rules can name its groups. Default: `object-id` and `on-premises`.
    #[serde(default = "group_names")]
    pub group_names: Vec<GroupName>,
    /// Whether a UPN that is another person's mail address means nobody. Default: false, the UPN counts.
    #[serde(default)]
    pub strict_names: bool,
    /// Whether an identity provider pushes it by SCIM. Default: false.
    #[serde(default)]
    pub scim: bool,
    /// Whose word counts where both say something of the same object. Default: `graph` if it is read from there.
    pub owner: Option<Feed>,
    /// For which attributes the other one's word counts. Default: none.
    #[serde(default)]
    pub of_the_other: Vec<Attribute>,
    /// How it is read from Microsoft Graph.
    pub graph: Option<graph::config::Config>,
    /// By what operators can act on its accounts. Default: they cannot.
    pub actions: Option<action::config::Config>,
    /// How the risk of its accounts is read. Default: it is not.
    pub risk: Option<risk::config::Config>,
    /// How long it is remembered who was deleted. Default: 180 days.
    #[serde(default = "forget_deleted")]
    pub forget_deleted: Duration,
    /// What is done about accounts at risk.
    #[serde(rename = "risk_rule", default)]
    pub risk_rules: Vec<risk::RiskRule>,
}

/// What happens to people whom the directory does not know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unsynchronised {
    /// They may sign in from known networks, with the groups that their assertion names.
    #[default]
    Allow,
    /// They may not sign in.
    Refuse,
}

/// By which name a rule can name a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GroupName {
    /// Its object ID: nobody else can be given it.
    ObjectId,
    /// `NETBIOS\\sAMAccountName` and `dns.domain\\sAMAccountName`.
    OnPremises,
    /// `sAMAccountName` alone: good where there is one domain.
    SamAccountName,
    /// Its name for people to read: whoever may make groups can make another one with that name.
    DisplayName,
}

impl Config {
    /// All credentials, to read and to write.
    pub fn credentials(&self) -> impl Iterator<Item = &Credential> {
        let graph = self.graph.iter().flat_map(|graph| &graph.credentials);
        graph.chain(self.actions.iter().flat_map(|actions| &actions.credentials))
    }

    /// Whose word counts.
    pub fn owners(&self) -> Owners {
        let graph = self.graph.as_ref().map(|_| Feed::Graph);
        let heard: Vec<_> = graph.into_iter().chain(self.scim.then_some(Feed::Scim)).collect();
        let first = self.owner.or(heard.first().copied()).unwrap_or(Feed::Graph);
        Owners { heard, first, of_the_other: self.of_the_other.clone() }
    }
}

fn forget_deleted() -> Duration {
    Duration::hours(180 * 24)
}

fn group_names() -> Vec<GroupName> {
    vec![GroupName::ObjectId, GroupName::OnPremises]
}
