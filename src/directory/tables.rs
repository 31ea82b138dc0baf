//! The tables of the directory's file, and how rows are read from them, in a write or beside it.
//!
//! | table | key | value |
//! |---|---|---|
//! | `meta` | `format`, `next` | the number of this layout; the next free number |
//! | `objects` | what an object is called among all feeds | its number |
//! | `people`, `groups` | number, feed | the row, as JSON |
//! | `ids` | feed, kind of name, name | the number that the feed means |
//! | `members` | feed, group, member | |
//! | `member_of` | member, feed, group | |
//! | `documents` | number, feed | what the feed keeps beside the row |
//! | `tombstones` | number, feed | when the person was deleted |
//! | `risks` | an object ID, folded | what is said of the account's risk |
//! | `states` | a name | what a feed remembers, such as how far a sync has come |

use redb::{ReadableTable, TableDefinition};

use super::error::{Error, failed};
use super::feed::{Feed, Owners};
use super::object::{Number, Rows};
use super::row::Row;

/// The layout that this program writes, and the newest one that it reads.
pub(super) const FORMAT: u64 = 1;

pub(super) type Bytes = &'static [u8];
/// What a feed calls an object: the feed, the kind of name, and the name.
pub(super) type Id = (u8, u8, &'static str);

pub(super) const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
pub(super) const OBJECTS: TableDefinition<'_, &str, u32> = TableDefinition::new("objects");
pub(super) const PEOPLE: TableDefinition<'_, (u32, u8), Bytes> = TableDefinition::new("people");
pub(super) const GROUPS: TableDefinition<'_, (u32, u8), Bytes> = TableDefinition::new("groups");
pub(super) const IDS: TableDefinition<'_, Id, u32> = TableDefinition::new("ids");
pub(super) const MEMBERS: TableDefinition<'_, (u8, u32, u32), ()> = TableDefinition::new("members");
pub(super) const MEMBER_OF: TableDefinition<'_, (u32, u8, u32), ()> = TableDefinition::new("member_of");
pub(super) const DOCUMENTS: TableDefinition<'_, (u32, u8), Bytes> = TableDefinition::new("documents");
/// When people were deleted, in seconds since the epoch; 0 until that is noted.
pub(super) const TOMBSTONES: TableDefinition<'_, (u32, u8), i64> = TableDefinition::new("tombstones");
/// Who is at risk, by object ID.
pub(super) const RISKS: TableDefinition<'_, &str, Bytes> = TableDefinition::new("risks");
pub(super) const STATES: TableDefinition<'_, &str, Bytes> = TableDefinition::new("states");

/// The name of the state that says when risks were read.
pub(super) const RISKS_READ: &str = "risk/read";

/// The tables, as journals number them.
pub(super) const TABLES: [&str; 11] = [
    "meta",
    "objects",
    "people",
    "groups",
    "ids",
    "members",
    "member_of",
    "documents",
    "states",
    "risks",
    "tombstones",
];

/// The number that journals have for a table.
pub(super) fn number_of(table: &str) -> u8 {
    TABLES.iter().position(|own| *own == table).and_then(|at| u8::try_from(at).ok()).unwrap_or(u8::MAX)
}

/// The kinds of names in `ids`.
pub(super) const PERSON_ID: u8 = 0;
pub(super) const GROUP_ID: u8 = 1;
pub(super) const NAME: u8 = 2;

/// A table of rows by number and feed.
pub(super) trait RowTable: ReadableTable<(u32, u8), Bytes> {}

impl<T: ReadableTable<(u32, u8), Bytes>> RowTable for T {}

/// What `feed` says of the object.
pub(super) fn row<R: Row>(table: &impl RowTable, number: u32, feed: Feed) -> Result<Option<R>, Error> {
    let found = table.get((number, feed.number())).map_err(failed)?;
    Ok(found.map(|row| serde_json::from_slice(row.value())).transpose()?)
}

/// What all feeds that are heard say of the object.
pub(super) fn rows<R: Row>(table: &impl RowTable, number: u32, owners: &Owners) -> Result<Rows<R>, Error> {
    let mut rows = Rows::new();
    for feed in &owners.heard {
        rows.extend(row(table, number, *feed)?.map(|row| (*feed, row)));
    }
    Ok(rows)
}

/// The number that `feed` means by a name of this kind.
pub(super) fn number(
    ids: &impl ReadableTable<Id, u32>,
    feed: Feed,
    kind: u8,
    name: &str,
) -> Result<Option<u32>, Error> {
    Ok(ids.get((feed.number(), kind, name)).map_err(failed)?.map(|number| number.value()))
}

/// The members of a group as `feed` has them, after `after`, at most `most`.
pub(super) fn members(
    table: &impl ReadableTable<(u8, u32, u32), ()>,
    feed: Feed,
    group: u32,
    after: Option<Number>,
    most: usize,
) -> Result<Vec<Number>, Error> {
    let first = after.map_or(0, |Number(last)| last.saturating_add(1));
    let range = (feed.number(), group, first)..=(feed.number(), group, u32::MAX);
    let found = table.range(range).map_err(failed)?.take(most);
    found.map(|entry| entry.map(|(key, _)| Number(key.value().2)).map_err(failed)).collect()
}

/// The groups of which `feed` says that the object is a direct member.
pub(super) fn groups_of(
    table: &impl ReadableTable<(u32, u8, u32), ()>,
    feed: Feed,
    member: u32,
) -> Result<Vec<u32>, Error> {
    let range = (member, feed.number(), 0)..=(member, feed.number(), u32::MAX);
    let found = table.range(range).map_err(failed)?;
    found.map(|entry| entry.map(|(key, _)| key.value().2).map_err(failed)).collect()
}
