//! People and groups as all feeds together have them.

use super::feed::{Attribute, Feed, Owners};
use super::row::{GroupRow, PersonRow};
use crate::clock::Timestamp;
use crate::identity::fold::is_same;

/// What stands for an object within one directory, for good: a number is never given to another object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number(pub(super) u32);

/// Whether somebody may sign in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// They may.
    #[default]
    Active,
    /// Their account is disabled.
    Disabled,
    /// Their account was deleted, by the word of one feed at least.
    Deleted,
}

/// A person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// What stands for the person in this directory.
    pub number: Number,
    /// The object ID, or what identifies the person in the only feed that knows them.
    pub object_id: Box<str>,
    /// The UPN.
    pub user_principal_name: Option<Box<str>>,
    /// The primary mail address. Several people may have the same.
    pub mail: Option<Box<str>>,
    /// Other mail addresses.
    pub aliases: Box<[Box<str>]>,
    /// The name for people to read.
    pub display_name: Option<Box<str>>,
    /// The account's name in its on-premises domain.
    pub sam_account_name: Option<Box<str>>,
    /// The DNS name of that domain.
    pub domain: Option<Box<str>>,
    /// The UPN on premises.
    pub on_premises_upn: Option<Box<str>>,
    /// Whether the account is enabled, as far as any feed says. One feed that says no is enough.
    pub enabled: Option<bool>,
    /// Whether the person may sign in.
    pub standing: Standing,
    /// Sign-ins before this count no more.
    pub sessions_valid_from: Option<Timestamp>,
    /// The groups of which the person is a direct member, in order.
    pub groups: Box<[Number]>,
}

/// A group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// What stands for the group in this directory.
    pub number: Number,
    /// The object ID, or what identifies the group in the only feed that knows it.
    pub object_id: Box<str>,
    /// Its name for people to read. Several groups may have the same.
    pub display_name: Option<Box<str>>,
    /// Its name in its on-premises domain.
    pub sam_account_name: Option<Box<str>>,
    /// The DNS name of that domain.
    pub domain: Option<Box<str>>,
    /// The short name of that domain.
    pub netbios: Option<Box<str>>,
    /// The groups of which it is a direct member, in order.
    pub groups: Box<[Number]>,
}

/// What feeds say of one object, those that are heard alone.
pub(super) type Rows<R> = Vec<(Feed, R)>;

/// The first feed in the order for `attribute` that says it, says it for all.
fn chosen<R, T>(rows: &Rows<R>, owners: &Owners, attribute: Attribute, of: impl Fn(&R) -> Option<T>) -> Option<T> {
    owners.order(attribute).find_map(|feed| rows.iter().find(|(own, _)| *own == feed).and_then(|(_, row)| of(row)))
}

fn boxed(text: Option<&String>) -> Option<Box<str>> {
    text.map(|text| text.as_str().into())
}

impl Person {
    /// What comes of the rows of one person. `None` if there are none.
    pub(super) fn joined(number: u32, rows: &Rows<PersonRow>, owners: &Owners, groups: Box<[Number]>) -> Option<Self> {
        use Attribute as A;
        let object_id = object_id(rows, |row| (&row.id, row.object_id.as_ref()))?;
        let of = |attribute, field: fn(&PersonRow) -> Option<&String>| {
            chosen(rows, owners, attribute, |row| boxed(field(row)))
        };
        let aliases = |row: &PersonRow| (!row.aliases.is_empty()).then(|| row.aliases.clone());
        let aliases = chosen(rows, owners, A::Mail, aliases).unwrap_or_default();
        let said = rows.iter().filter_map(|(_, row)| row.enabled);
        Some(Self {
            number: Number(number),
            object_id,
            user_principal_name: of(A::UserPrincipalName, |row| row.user_principal_name.as_ref()),
            mail: of(A::Mail, |row| row.mail.as_ref()),
            aliases: aliases.into_iter().map(String::into_boxed_str).collect(),
            display_name: of(A::DisplayName, |row| row.display_name.as_ref()),
            sam_account_name: of(A::OnPremises, |row| row.sam_account_name.as_ref()),
            domain: of(A::OnPremises, |row| row.domain.as_ref()),
            on_premises_upn: of(A::OnPremises, |row| row.on_premises_upn.as_ref()),
            enabled: said.reduce(|one, other| one && other),
            standing: rows.iter().map(|(_, row)| row.standing()).max().unwrap_or_default(),
            sessions_valid_from: rows.iter().filter_map(|(_, row)| row.sessions_valid_from).max(),
            groups,
        })
    }

    /// Whether one of the person's names of this kind is `text`, without regard to case.
    pub fn has_alias(&self, text: &str) -> bool {
        self.aliases.iter().any(|alias| is_same(alias, text))
    }
}

impl PersonRow {
    fn standing(&self) -> Standing {
        match (self.is_deleted, self.enabled) {
            (true, _) => Standing::Deleted,
            (false, Some(false)) => Standing::Disabled,
            // A feed that may not read it says nothing, and then nobody is disabled by it.
            (false, _) => Standing::Active,
        }
    }
}

impl Group {
    /// What comes of the rows of one group. `None` if there are none.
    pub(super) fn joined(number: u32, rows: &Rows<GroupRow>, owners: &Owners, groups: Box<[Number]>) -> Option<Self> {
        use Attribute as A;
        let object_id = object_id(rows, |row| (&row.id, row.object_id.as_ref()))?;
        let of = |attribute, field: fn(&GroupRow) -> Option<&String>| {
            chosen(rows, owners, attribute, |row| boxed(field(row)))
        };
        Some(Self {
            number: Number(number),
            object_id,
            display_name: of(A::DisplayName, |row| row.display_name.as_ref()),
            sam_account_name: of(A::OnPremises, |row| row.sam_account_name.as_ref()),
            domain: of(A::OnPremises, |row| row.domain.as_ref()),
            netbios: of(A::OnPremises, |row| row.netbios.as_ref()),
            groups,
        })
    }
}

fn object_id<R>(rows: &Rows<R>, ids: impl Fn(&R) -> (&String, Option<&String>)) -> Option<Box<str>> {
    let known = rows.iter().find_map(|(_, row)| ids(row).1);
    let own = || rows.first().map(|(_, row)| ids(row).0);
    boxed(known.or_else(own))
}
