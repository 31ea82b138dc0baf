//! What the feeds have said, as it was when the reading began, whatever is written meanwhile.

use redb::{ReadOnlyTable, ReadTransaction, ReadableTable as _};

use super::error::{Error, failed};
use super::feed::Feed;
use super::object::Number;
use super::row::{GroupRow, PersonRow, Row};
use super::tables::{
    self, DOCUMENTS, GROUP_ID, GROUPS, IDS, Id, MEMBER_OF, MEMBERS, NAME, PEOPLE, PERSON_ID, RISKS, STATES,
};
use crate::identity::fold::fold;

/// The file at one time. It keeps old pages of the file in use while it lives, so it should not live long.
pub struct Reading {
    pub(super) people: ReadOnlyTable<(u32, u8), &'static [u8]>,
    pub(super) groups: ReadOnlyTable<(u32, u8), &'static [u8]>,
    ids: ReadOnlyTable<Id, u32>,
    members: ReadOnlyTable<(u8, u32, u32), ()>,
    pub(super) member_of: ReadOnlyTable<(u32, u8, u32), ()>,
    documents: ReadOnlyTable<(u32, u8), &'static [u8]>,
    risks: ReadOnlyTable<&'static str, &'static [u8]>,
    states: ReadOnlyTable<&'static str, &'static [u8]>,
}

impl std::fmt::Debug for Reading {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reading")
    }
}

impl Reading {
    pub(super) fn of(read: &ReadTransaction) -> Result<Self, Error> {
        Ok(Self {
            people: read.open_table(PEOPLE).map_err(failed)?,
            groups: read.open_table(GROUPS).map_err(failed)?,
            ids: read.open_table(IDS).map_err(failed)?,
            members: read.open_table(MEMBERS).map_err(failed)?,
            member_of: read.open_table(MEMBER_OF).map_err(failed)?,
            documents: read.open_table(DOCUMENTS).map_err(failed)?,
            risks: read.open_table(RISKS).map_err(failed)?,
            states: read.open_table(STATES).map_err(failed)?,
        })
    }

    /// The person that the feed has under its own identifier `id`, unless it has deleted them.
    pub fn person(&self, feed: Feed, id: &str) -> Result<Option<(Number, PersonRow)>, Error> {
        self.found(PERSON_ID, feed, id, &self.people)
    }

    /// The person that the feed has under this name, without regard to case. Only SCIM's names are found.
    pub fn person_named(&self, feed: Feed, name: &str) -> Result<Option<(Number, PersonRow)>, Error> {
        self.found(NAME, feed, &fold(name), &self.people)
    }

    /// The group that the feed has under its own identifier `id`.
    pub fn group(&self, feed: Feed, id: &str) -> Result<Option<(Number, GroupRow)>, Error> {
        self.found(GROUP_ID, feed, id, &self.groups)
    }

    fn found<R: Row>(
        &self,
        kind: u8,
        feed: Feed,
        name: &str,
        table: &impl tables::RowTable,
    ) -> Result<Option<(Number, R)>, Error> {
        let Some(number) = tables::number(&self.ids, feed, kind, name)? else { return Ok(None) };
        Ok(tables::row(table, number, feed)?.map(|row| (Number(number), row)))
    }

    /// What the feed says of the person with this number.
    pub fn person_row(&self, feed: Feed, number: Number) -> Result<Option<PersonRow>, Error> {
        tables::row(&self.people, number.0, feed)
    }

    /// What the feed says of the group with this number.
    pub fn group_row(&self, feed: Feed, number: Number) -> Result<Option<GroupRow>, Error> {
        tables::row(&self.groups, number.0, feed)
    }

    /// All people that the feed has not deleted, in the order of their numbers, which is that in which they were first
    /// heard of. Begins after `after`.
    pub fn people(
        &self,
        feed: Feed,
        after: Option<Number>,
    ) -> Result<impl Iterator<Item = Result<(Number, PersonRow), Error>>, Error> {
        let rows = all(&self.people, feed, after)?;
        Ok(rows.filter(|row| !row.as_ref().is_ok_and(|(_, row): &(Number, PersonRow)| row.is_deleted)))
    }

    /// All groups that the feed has, in the same way.
    pub fn groups(
        &self,
        feed: Feed,
        after: Option<Number>,
    ) -> Result<impl Iterator<Item = Result<(Number, GroupRow), Error>>, Error> {
        all(&self.groups, feed, after)
    }

    /// The direct members of a group as the feed has them, in the order of their numbers, after `after`, at most `most`.
    /// Some may be no people, and some may be of no known kind.
    pub fn members(&self, feed: Feed, group: Number, after: Option<Number>, most: usize) -> Result<Vec<Number>, Error> {
        tables::members(&self.members, feed, group.0, after, most)
    }

    /// The groups of which the feed says that the object is a direct member.
    pub fn groups_of(&self, feed: Feed, member: Number) -> Result<Vec<Number>, Error> {
        Ok(tables::groups_of(&self.member_of, feed, member.0)?.into_iter().map(Number).collect())
    }

    /// What the feed keeps beside its row of the object.
    pub fn document(&self, feed: Feed, number: Number) -> Result<Option<Vec<u8>>, Error> {
        let found = self.documents.get((number.0, feed.number())).map_err(failed)?;
        Ok(found.map(|document| document.value().to_vec()))
    }

    /// What is kept of everybody's risk, by object ID.
    pub(super) fn risks(&self) -> Result<Vec<(String, Vec<u8>)>, Error> {
        let rows = self.risks.iter().map_err(failed)?;
        rows.map(|row| row.map(|(id, user)| (id.value().to_owned(), user.value().to_vec())).map_err(failed)).collect()
    }

    /// What a feed remembers under `name`.
    pub fn state(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.states.get(name).map_err(failed)?.map(|state| state.value().to_vec()))
    }
}

fn all<R: Row>(
    table: &ReadOnlyTable<(u32, u8), &'static [u8]>,
    feed: Feed,
    after: Option<Number>,
) -> Result<impl Iterator<Item = Result<(Number, R), Error>> + use<R>, Error> {
    let first = after.map_or(0, |Number(last)| last.saturating_add(1));
    let entries = table.range((first, 0)..).map_err(failed)?;
    let own = feed.number();
    Ok(entries.filter_map(move |entry| match entry {
        Err(error) => Some(Err(failed(error))),
        Ok((key, row)) => {
            let (number, by) = key.value();
            let read = || Ok((Number(number), serde_json::from_slice(row.value())?));
            (by == own).then(read)
        }
    }))
}
