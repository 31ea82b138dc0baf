//! What one feed says of one object.

use serde::{Deserialize, Serialize};

use super::feed::Feed;
use crate::clock::Timestamp;
use crate::identity::fold;

/// What one feed says of one person. Attributes that the feed does not say, or says to be empty, are `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PersonRow {
    /// The feed's own identifier: Graph's object ID, the `id` of a SCIM resource. It never changes.
    pub id: String,
    /// The object ID in Entra ID, which joins the rows of one person: Graph's `id`, SCIM's `externalId`.
    pub object_id: Option<String>,
    /// Graph's `userPrincipalName`, SCIM's `userName`.
    pub user_principal_name: Option<String>,
    /// Graph's `mail`, SCIM's primary mail address.
    pub mail: Option<String>,
    /// Other mail addresses, without a prefix such as `smtp:`.
    pub aliases: Vec<String>,
    /// `displayName`.
    pub display_name: Option<String>,
    /// `onPremisesSamAccountName`.
    pub sam_account_name: Option<String>,
    /// `onPremisesDomainName`: the DNS name of the domain of `sam_account_name`.
    pub domain: Option<String>,
    /// `onPremisesUserPrincipalName`.
    pub on_premises_upn: Option<String>,
    /// Graph's `accountEnabled`, SCIM's `active`.
    pub enabled: Option<bool>,
    /// `signInSessionsValidFromDateTime`: whoever signed in before it must do so again.
    pub sessions_valid_from: Option<Timestamp>,
    /// Whether the feed has said that the person was deleted. Set by
    /// [`Edit::delete_person`](super::Edit::delete_person).
    pub is_deleted: bool,
}

/// What one feed says of one group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GroupRow {
    /// The feed's own identifier. It never changes.
    pub id: String,
    /// The object ID in Entra ID.
    pub object_id: Option<String>,
    /// `displayName`. Several groups may have the same.
    pub display_name: Option<String>,
    /// `mail`.
    pub mail: Option<String>,
    /// `onPremisesSamAccountName`.
    pub sam_account_name: Option<String>,
    /// `onPremisesDomainName`: the DNS name of its domain.
    pub domain: Option<String>,
    /// `onPremisesNetBiosName`: the short name of its domain.
    pub netbios: Option<String>,
    /// `securityEnabled`.
    pub security_enabled: Option<bool>,
}

/// What people's and groups' rows have in common.
pub(super) trait Row: serde::Serialize + serde::de::DeserializeOwned {
    /// The feed's own identifier.
    fn id(&self) -> &str;
    /// The object ID, if the feed knows it.
    fn object_id(&self) -> Option<&str>;
    /// The name that no other object of the feed may have, folded.
    fn unique_name(&self, feed: Feed) -> Option<String>;
    /// What stands there for an object that the feed says was deleted.
    fn deleted(self) -> Option<Self>;

    /// What the object is called among all feeds: rows that have it in common are of one object.
    fn key(&self, feed: Feed) -> String {
        match self.object_id() {
            Some(object_id) => fold::fold(object_id),
            // No object ID has a colon.
            None => format!("{}:{}", feed.number(), self.id()),
        }
    }
}

impl Row for PersonRow {
    fn id(&self) -> &str {
        &self.id
    }

    fn object_id(&self) -> Option<&str> {
        self.object_id.as_deref()
    }

    fn unique_name(&self, feed: Feed) -> Option<String> {
        self.user_principal_name.as_deref().filter(|_| feed.has_unique_names() && !self.is_deleted).map(fold::fold)
    }

    fn deleted(self) -> Option<Self> {
        Some(Self { id: self.id, object_id: self.object_id, is_deleted: true, ..Self::default() })
    }
}

impl Row for GroupRow {
    fn id(&self) -> &str {
        &self.id
    }

    fn object_id(&self) -> Option<&str> {
        self.object_id.as_deref()
    }

    fn unique_name(&self, _: Feed) -> Option<String> {
        None
    }

    fn deleted(self) -> Option<Self> {
        None
    }
}
