//! Makes a person out of what an identity provider vouches for.

use serde::{Deserialize, Serialize};

use crate::identity::fold::fold;
use crate::identity::realm::plain_name;
use crate::identity::{Groups, Realm, User};
use crate::saml::response::{Accepted, Attribute};

/// The name that Entra sends: the user principal name, unless the application was set up otherwise.
const NAME: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name";
const UPN: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn";
const EMAIL: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress";
const DISPLAY_NAME: &str = "http://schemas.microsoft.com/identity/claims/displayname";
const OBJECT_ID: &str = "http://schemas.microsoft.com/identity/claims/objectidentifier";
const TENANT_ID: &str = "http://schemas.microsoft.com/identity/claims/tenantid";
/// Where Entra sends groups.
pub const GROUPS: &str = "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups";
/// What Entra sends in place of more than 150 groups.
const GROUPS_LINK: &str = "http://schemas.microsoft.com/claims/groups.link";
/// The claims that name a person, unless others are configured, in this order.
pub const IDENTITY: [&str; 4] = ["uPN", NAME, EMAIL, "sAMAccountName"];

/// What the Subject's NameID is called among the claims that name a person.
pub const NAME_ID: &str = "NameID";
/// A NameID that is another one at each sign-in (SAML Core §8.3.8).
const TRANSIENT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient";

/// Whether this is not an attribute, but the Subject's NameID.
pub fn is_name_id(claim: &str) -> bool {
    claim.eq_ignore_ascii_case(NAME_ID)
}

/// Whether the values of this claim usually have a domain: a UPN or a mail address.
pub fn has_domain(claim: &str) -> bool {
    let with_domain = ["uPN", "userPrincipalName", UPN, NAME, EMAIL, "user.userprincipalname", "user.mail", "mail"];
    with_domain.iter().any(|known| known.eq_ignore_ascii_case(claim))
}

/// The longest value that names a person, in characters.
const MAX_LEN: usize = 512;

/// Which claims say who somebody is. Names of claims are compared without regard to case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimMap {
    /// The realm, which says whom its identity provider may name.
    pub realm: Realm,
    /// The domains of other realms, of both kinds and in lower case.
    pub taken: Vec<String>,
    /// The claims that name the person; the first one that is there does. `NameID` is the Subject's.
    pub identity: Vec<String>,
    /// The claim that names their groups.
    pub groups: String,
    /// The only tenant (a GUID) whose people are taken, where one is required.
    pub tenant: Option<String>,
}

/// Why nobody could be made out of an Assertion that was accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// None of the claims that name a person is there.
    #[error("none of the claims that name a person (`identity_claims`) is in the assertion")]
    NoIdentity,
    /// The NameID is to name the person, and is another one at each sign-in.
    #[error("the NameID is transient: it is another one at each sign-in, so it names nobody")]
    Transient,
    /// A claim that must have one value is there twice, or has two values.
    #[error("the claim {0} has more than one value")]
    Ambiguous(String),
    /// Nothing, too much, or characters that cannot be seen.
    #[error(
        "the claim {0} has no value, or one that is empty, longer than {MAX_LEN} characters, or has blanks around it or characters that cannot be seen"
    )]
    Unusable(String),
    /// A name in a domain that the realm does not speak for. It could be somebody else's.
    #[error(
        "the realm does not speak for the domain of `{0}`: if it may, add the domain to its `domains`, or to `foreign_names` for guests"
    )]
    Foreign(String),
    /// A person of another tenant, or of none.
    #[error("the person belongs to another tenant than the required one")]
    WrongTenant,
}

impl Error {
    /// Whether it is about the tenant that the person belongs to, and not about who they are.
    pub fn is_about_tenant(&self) -> bool {
        match self {
            Self::WrongTenant => true,
            Self::Ambiguous(claim) | Self::Unusable(claim) => claim == TENANT_ID,
            Self::NoIdentity | Self::Transient | Self::Foreign(_) => false,
        }
    }
}

/// What a claim becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Field {
    /// The name that records show and rules match.
    Name,
    /// What stays the same when the person is renamed.
    Id,
    /// The name for people to read.
    DisplayName,
    /// The account's name in its on-premises domain.
    SamAccountName,
    /// `userPrincipalName`.
    Upn,
    /// The mail address.
    Email,
    /// The groups.
    Groups,
    /// That the groups are not known, because there are too many.
    TooManyGroups,
    /// Whether the person belongs to the required tenant.
    Tenant,
}

/// Fields that are only shown, or help to compare: what cannot be used of them is left out.
const DECORATION: [Field; 4] = [Field::DisplayName, Field::SamAccountName, Field::Upn, Field::Email];

/// The claims that each field is made of: the first one that can be used.
const FIELDS: [(Field, &[&str]); 6] = [
    (Field::Id, &[OBJECT_ID]),
    (Field::DisplayName, &[DISPLAY_NAME]),
    (Field::SamAccountName, &["sAMAccountName", "onPremisesSamAccountName"]),
    (Field::Upn, &["uPN", "userPrincipalName", UPN, NAME]),
    (Field::Email, &[EMAIL, "user.mail", "mail"]),
    (Field::TooManyGroups, &[GROUPS_LINK]),
];

fn names_of(field: Field) -> &'static [&'static str] {
    FIELDS.iter().find(|(own, _)| *own == field).map_or(&[], |(_, names)| names)
}

impl ClaimMap {
    /// What each attribute of an accepted Assertion becomes, in the order of the Assertion.
    pub fn explain(&self, accepted: &Accepted) -> Vec<Vec<Field>> {
        let claims = Claims(&accepted.attributes);
        let names_person = self.naming(accepted).filter(|claim| !is_name_id(claim)).unwrap_or_default();
        let named = [names_person];
        let tenant = if self.tenant.is_some() { &[TENANT_ID][..] } else { &[] };
        let own = [(Field::Name, &named[..]), (Field::Groups, &[self.groups.as_str()]), (Field::Tenant, tenant)];
        let uses = |attribute: &Attribute| {
            let used = own.iter().chain(&FIELDS).filter(|(field, names)| {
                let is_used = |name: &&&str| match DECORATION.contains(field) || *field == Field::Id {
                    true => matches!(claims.single(name), Ok(Some(_))),
                    false => claims.named(name).next().is_some(),
                };
                let found = names.iter().find(is_used);
                found.is_some_and(|name| attribute.name.eq_ignore_ascii_case(name))
            });
            used.map(|(field, _)| *field).collect()
        };
        accepted.attributes.iter().map(uses).collect()
    }

    /// What cannot be used of an accepted Assertion and is left out, because it only decorates: claims that have no value, or
    /// several, or one that nobody can read.
    pub fn unused(&self, accepted: &Accepted) -> Vec<Error> {
        let claims = Claims(&accepted.attributes);
        let mut found = Vec::new();
        for name in DECORATION.into_iter().flat_map(names_of).chain(&[OBJECT_ID]) {
            if let Err(error) = claims.single(name)
                && !found.contains(&error)
            {
                found.push(error);
            }
        }
        found
    }

    /// The person that an accepted Assertion names.
    pub fn user(&self, accepted: &Accepted) -> Result<User, Error> {
        let claims = Claims(&accepted.attributes);
        if let Some(tenant) = &self.tenant
            && !claims.single(TENANT_ID)?.is_some_and(|own| own.eq_ignore_ascii_case(tenant))
        {
            return Err(Error::WrongTenant);
        }
        let name = plain_name(self.name(accepted)?);
        if !self.speaks_for(&name) {
            return Err(Error::Foreign(name));
        }
        // What is not the realm's to say is left out: it names nobody here.
        let own = |field| claims.first(names_of(field)).filter(|name| self.speaks_for(name));
        Ok(User {
            realm: self.realm.name.clone(),
            id: fold(claims.said(OBJECT_ID)?.unwrap_or(&name)),
            display_name: claims.first(names_of(Field::DisplayName)),
            sam_account_name: own(Field::SamAccountName),
            upn: own(Field::Upn).filter(|upn| upn.contains('@')),
            email: own(Field::Email),
            groups: self.groups(claims),
            risk: crate::identity::Risk::Unknown,
            name,
        })
    }

    /// Whether the realm's identity provider may call somebody so.
    pub fn speaks_for(&self, name: &str) -> bool {
        self.realm.speaks_for(name, &self.taken)
    }

    /// Whether the NameID is what names the person.
    pub(super) fn is_named_by_name_id(&self, accepted: &Accepted) -> bool {
        self.naming(accepted).is_some_and(is_name_id)
    }

    /// The claim that names the person.
    fn naming(&self, accepted: &Accepted) -> Option<&str> {
        let is_there = |claim: &&String| match is_name_id(claim) {
            true => accepted.name_id.is_some(),
            false => Claims(&accepted.attributes).named(claim).next().is_some(),
        };
        self.identity.iter().find(is_there).map(String::as_str)
    }

    /// A claim that is there and cannot be used is not passed over in favour of the next one.
    fn name<'a>(&self, accepted: &'a Accepted) -> Result<&'a str, Error> {
        let claim = self.naming(accepted).ok_or(Error::NoIdentity)?;
        let name = match &accepted.name_id {
            Some(name_id) if is_name_id(claim) => {
                if name_id.format.as_deref().map(str::trim) == Some(TRANSIENT) {
                    return Err(Error::Transient);
                }
                Some(name_id.value.as_str()).filter(|name| is_usable(name))
            }
            _ => return Claims(&accepted.attributes).single(claim)?.ok_or(Error::NoIdentity),
        };
        name.ok_or_else(|| Error::Unusable(NAME_ID.to_owned()))
    }

    /// No claim says nothing: the person may have no groups, or the application may not be set up to send them.
    fn groups(&self, claims: Claims<'_>) -> Groups {
        let mut sent = claims.named(&self.groups).peekable();
        if sent.peek().is_none() || claims.named(GROUPS_LINK).next().is_some() {
            return Groups::Unknown;
        }
        let values = sent.flat_map(|attribute| &attribute.values);
        Groups::Known(values.filter(|group| !group.is_empty()).cloned().collect())
    }
}

#[derive(Clone, Copy)]
struct Claims<'a>(&'a [Attribute]);

impl<'a> Claims<'a> {
    fn named(self, name: &str) -> impl Iterator<Item = &'a Attribute> {
        self.0.iter().filter(move |attribute| attribute.name.eq_ignore_ascii_case(name))
    }

    /// The one value of a claim, if the claim is there.
    fn single(self, name: &str) -> Result<Option<&'a str>, Error> {
        let mut all = self.named(name);
        let Some(attribute) = all.next() else { return Ok(None) };
        let (None, [value]) = (all.next(), attribute.values.as_slice()) else {
            let several = attribute.values.len() > 1 || self.named(name).count() > 1;
            return Err(if several { Error::Ambiguous(name.to_owned()) } else { Error::Unusable(name.to_owned()) });
        };
        if is_usable(value) { Ok(Some(value)) } else { Err(Error::Unusable(name.to_owned())) }
    }

    /// The same, where a claim that is empty says as little as one that is not there.
    fn said(self, name: &str) -> Result<Option<&'a str>, Error> {
        let is_blank = self.named(name).flat_map(|attribute| &attribute.values).all(|value| value.trim().is_empty());
        if is_blank { Ok(None) } else { self.single(name) }
    }

    /// The value of the first claim that can be used.
    fn first(self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| self.single(name).ok().flatten()).map(str::to_owned)
    }
}

/// Whether a value can be shown, compared and written down as it is.
fn is_usable(value: &str) -> bool {
    !value.trim().is_empty()
        && value.trim() == value
        && value.chars().count() <= MAX_LEN
        && !value.chars().any(|c| c.is_control() || is_invisible(c))
}

/// Characters that change how a name looks and not whom it names: direction marks, zero width; and those that look like the
/// `@` and the `\` between a name and its domain.
fn is_invisible(c: char) -> bool {
    let looks_like_a_mark = matches!(c, '\u{ff20}' | '\u{fe6b}' | '\u{ff3c}' | '\u{fe68}');
    let unseen = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    looks_like_a_mark || unseen
}

#[cfg(test)]
#[path = "tests/claims_tests.rs"]
mod tests;
