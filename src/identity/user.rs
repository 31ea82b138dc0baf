//! A person, as an identity provider has vouched for them.

use serde::{Deserialize, Serialize};

use crate::identity::Risk;
use crate::identity::fold::is_same;

/// A signed-in person. Made only from a verified assertion, except for guests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The realm whose identity provider vouches for this person.
    pub realm: String,
    /// The identifier, unique within the realm: the directory's object ID if the assertion has it, which stays the same
    /// when the person is renamed; else the name in lower case.
    pub id: String,
    /// The name in records and rules: the value of the first configured identity claim that the assertion has.
    pub name: String,
    /// The name for people to read, if the assertion has one.
    pub display_name: Option<String>,
    /// `sAMAccountName`: the account's name in its on-premises domain. Cloud-only accounts have none.
    pub sam_account_name: Option<String>,
    /// `userPrincipalName`.
    pub upn: Option<String>,
    /// The mail address.
    pub email: Option<String>,
    /// The groups that the assertion names.
    pub groups: Groups,
    /// The risk of their account, as the directory has it now. It is not kept with a session.
    #[serde(skip)]
    pub risk: Risk,
}

impl User {
    /// A person without an account. `id` tells guests apart.
    pub fn guest(id: String) -> Self {
        Self { id, groups: Groups::Known(Vec::new()), ..Self::named(GUEST, GUEST) }
    }

    /// Somebody of whom nothing is known but a name in a realm, which is their identifier, too.
    pub fn named(realm: &str, name: &str) -> Self {
        Self {
            realm: realm.to_owned(),
            id: name.to_owned(),
            name: name.to_owned(),
            display_name: None,
            sam_account_name: None,
            upn: None,
            email: None,
            groups: Groups::Unknown,
            risk: Risk::Unknown,
        }
    }

    /// Whether this is a guest, for whom nobody vouches.
    pub fn is_guest(&self) -> bool {
        self.realm == GUEST
    }

    /// Whether `name` is one of this person's names in their realm: the recorded name, UPN, mail address or
    /// `sAMAccountName`, without regard to case, as in Active Directory. People can change some of these themselves, so
    /// rules must not use this: see [`is_named`](Self::is_named).
    pub fn is_called(&self, name: &str) -> bool {
        let names = [Some(&self.name), self.upn.as_ref(), self.email.as_ref(), self.sam_account_name.as_ref()];
        names.into_iter().flatten().any(|own| is_same(own, name))
    }

    /// Whether `realm` is this person's, and `name` is the value of their identity claim or their object ID, without
    /// regard to case. Allocates nothing.
    pub fn is_named(&self, realm: &str, name: &str) -> bool {
        self.realm == realm && (is_same(&self.name, name) || is_same(&self.id, name))
    }

    /// Whether an operator who says `name`, or `realm/name`, may mean this person.
    pub fn answers_to(&self, name: &str) -> bool {
        let inside = name.strip_prefix(&self.realm).and_then(|rest| rest.strip_prefix('/'));
        self.is_called(name) || inside.is_some_and(|inside| self.is_called(inside) || is_same(&self.id, inside))
    }

    /// The name of the person on pages.
    pub fn friendly_name(&self) -> &str {
        self.display_name.as_deref().unwrap_or(&self.name)
    }
}

/// The name of all guests, and of their realm, which has no identity provider.
pub const GUEST: &str = "guest";

/// Group membership, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Groups {
    /// The groups, named as the assertion names them.
    Known(Vec<String>),
    /// The assertion does not say: Entra leaves the claim out if there are more than 150 groups. Never take this for
    /// "none".
    Unknown,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_answers_to_each_of_their_names_in_any_case() {
        let user = User {
            realm: "contoso".into(),
            id: "0f3c".into(),
            name: "B.Simon@contoso.com".into(),
            display_name: None,
            sam_account_name: Some("bsimon".into()),
            upn: Some("B.Simon@contoso.com".into()),
            email: Some("britta.simon@contoso.com".into()),
            groups: Groups::Unknown,
            risk: Risk::Unknown,
        };
        for name in ["b.simon@CONTOSO.com", "BSIMON", "Britta.Simon@contoso.com"] {
            assert!(user.is_called(name), "{name}");
        }
        assert!(!user.is_called("simon") && !user.is_guest());
        for (realm, name, is) in [
            ("contoso", "b.simon@CONTOSO.com", true),
            ("contoso", "0F3C", true),
            ("fabrikam", "b.simon@contoso.com", false),
            ("fabrikam", "0f3c", false),
            ("contoso", "bsimon", false),
            ("contoso", "britta.simon@contoso.com", false),
        ] {
            assert_eq!(user.is_named(realm, name), is, "{realm} {name}");
        }
        assert!(user.answers_to("contoso/BSimon") && user.answers_to("bsimon") && user.answers_to("contoso/0f3c"));
        assert!(!user.answers_to("fabrikam/bsimon") && !user.answers_to("contoso/") && !user.answers_to("0f3c"));
        let guest = User::guest("1".into());
        assert!(guest.is_called("Guest") && guest.is_guest() && guest != User::guest("2".into()));
        assert_eq!(user.friendly_name(), "B.Simon@contoso.com");
    }
}
