//! Where the directory's rows come from, and whose word counts.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Who says what there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Feed {
    /// Microsoft Graph, which Vestibule asks.
    Graph,
    /// SCIM (RFC 7644), by which an identity provider tells Vestibule.
    Scim,
}

impl Feed {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Graph, Self::Scim];

    /// The number that stands for it in the file.
    pub(super) fn number(self) -> u8 {
        match self {
            Self::Graph => 0,
            Self::Scim => 1,
        }
    }

    /// Whether two people of this feed never have the same name. Graph's are unique in the tenant, but its pages come in
    /// any order, so a name may be seen in its new place before it is seen to have left the old one.
    pub(super) fn has_unique_names(self) -> bool {
        self == Self::Scim
    }
}

impl fmt::Display for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Graph => "Microsoft Graph",
            Self::Scim => "SCIM",
        })
    }
}

/// What one feed may own while another owns the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Attribute {
    /// The UPN (SCIM's `userName`).
    UserPrincipalName,
    /// The mail addresses, aliases too.
    Mail,
    /// The name for people to read, of people and groups.
    DisplayName,
    /// The names on premises: `sAMAccountName`, domain and UPN there.
    OnPremises,
    /// The direct members of groups.
    Members,
}

/// Whose word counts where several feeds speak of one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owners {
    /// The feeds that are heard. What others have said stays in the file, and does not count.
    pub heard: Vec<Feed>,
    /// The feed whose word counts if nothing else is said.
    pub first: Feed,
    /// The attributes that count as the other feed has them.
    pub of_the_other: Vec<Attribute>,
}

impl Default for Owners {
    fn default() -> Self {
        Self { heard: Feed::ALL.to_vec(), first: Feed::Graph, of_the_other: Vec::new() }
    }
}

impl Owners {
    /// The feeds that are heard, in the order in which they are believed about `attribute`.
    pub(super) fn order(&self, attribute: Attribute) -> impl Iterator<Item = Feed> {
        let first = self.first;
        let is_swapped = self.of_the_other.contains(&attribute);
        let mut feeds = Feed::ALL;
        feeds.sort_by_key(|feed| (*feed == first) == is_swapped);
        feeds.into_iter().filter(|feed| self.heard.contains(feed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_is_believed_of_its_owner_first_and_of_those_who_are_not_heard_never() {
        let owners =
            |heard: &[Feed], first| Owners { heard: heard.to_vec(), first, of_the_other: vec![Attribute::Mail] };
        let order = |owners: &Owners, attribute| owners.order(attribute).collect::<Vec<_>>();
        let both = owners(&Feed::ALL, Feed::Graph);
        assert_eq!(order(&both, Attribute::Members), [Feed::Graph, Feed::Scim]);
        assert_eq!(order(&both, Attribute::Mail), [Feed::Scim, Feed::Graph]);
        assert_eq!(order(&owners(&Feed::ALL, Feed::Scim), Attribute::Mail), [Feed::Graph, Feed::Scim]);
        assert_eq!(order(&owners(&[Feed::Graph], Feed::Scim), Attribute::Members), [Feed::Graph]);
    }
}
