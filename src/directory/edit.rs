//! One write: rows go to the file, and what comes of them to the next snapshot.

mod forget;
mod redo;

use std::collections::BTreeSet;

use redb::{ReadableTable as _, ReadableTableMetadata as _, WriteTransaction};

pub(super) use redo::{POSITION, take_down};

use super::Changes;
use super::error::{Conflict, Error, failed};
use super::feed::{Attribute, Feed, Owners};
use super::file::Storage;
use super::journal::{Recorded, SharedJournal};
use super::object::{Group, Number, Person};
use super::reading::Reading;
use super::row::{GroupRow, PersonRow, Row};
use super::snapshot::Snapshot;
use super::tables::{
    self, DOCUMENTS, GROUP_ID, GROUPS, IDS, Id, MEMBER_OF, MEMBERS, META, NAME, OBJECTS, PEOPLE, PERSON_ID, RISKS,
    STATES, TOMBSTONES, number_of,
};
use crate::identity::fold::fold;

type Bytes = &'static [u8];

/// A write that is being made. What it reads, it reads as it has written it so far.
pub struct Edit<'t> {
    meta: Recorded<'t, &'static str, u64>,
    objects: Recorded<'t, &'static str, u32>,
    people: Recorded<'t, (u32, u8), Bytes>,
    groups: Recorded<'t, (u32, u8), Bytes>,
    ids: Recorded<'t, Id, u32>,
    members: Recorded<'t, (u8, u32, u32), ()>,
    member_of: Recorded<'t, (u32, u8, u32), ()>,
    documents: Recorded<'t, (u32, u8), Bytes>,
    risks: Recorded<'t, &'static str, Bytes>,
    tombstones: Recorded<'t, (u32, u8), i64>,
    states: Recorded<'t, &'static str, Bytes>,
    touched: BTreeSet<u32>,
    has_written: bool,
    /// Whether what is known of risks may be another by now.
    has_risks: bool,
    /// Whether this node leads: it may do what only one node does.
    leads: bool,
    needs_lead: bool,
}

impl std::fmt::Debug for Edit<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Edit")
    }
}

impl<'t> Edit<'t> {
    pub(super) fn begin(
        write: &'t WriteTransaction,
        journal: Option<&SharedJournal>,
        leads: bool,
    ) -> Result<Self, Error> {
        let own = || journal.cloned();
        Ok(Self {
            meta: Recorded::new(write.open_table(META).map_err(failed)?, number_of("meta"), own()),
            objects: Recorded::new(write.open_table(OBJECTS).map_err(failed)?, number_of("objects"), own()),
            people: Recorded::new(write.open_table(PEOPLE).map_err(failed)?, number_of("people"), own()),
            groups: Recorded::new(write.open_table(GROUPS).map_err(failed)?, number_of("groups"), own()),
            ids: Recorded::new(write.open_table(IDS).map_err(failed)?, number_of("ids"), own()),
            members: Recorded::new(write.open_table(MEMBERS).map_err(failed)?, number_of("members"), own()),
            member_of: Recorded::new(write.open_table(MEMBER_OF).map_err(failed)?, number_of("member_of"), own()),
            documents: Recorded::new(write.open_table(DOCUMENTS).map_err(failed)?, number_of("documents"), own()),
            risks: Recorded::new(write.open_table(RISKS).map_err(failed)?, number_of("risks"), own()),
            tombstones: Recorded::new(write.open_table(TOMBSTONES).map_err(failed)?, number_of("tombstones"), own()),
            states: Recorded::new(write.open_table(STATES).map_err(failed)?, number_of("states"), own()),
            touched: BTreeSet::new(),
            has_written: false,
            has_risks: false,
            leads,
            needs_lead: false,
        })
    }

    /// Whether anything has been written since this was last asked.
    pub(super) fn take_has_written(&mut self) -> bool {
        std::mem::take(&mut self.has_written)
    }

    /// Makes sure that this node may do what only one node does: if it does not lead, nothing of this write counts.
    ///
    /// # Errors
    /// [`Error::NotLeading`].
    pub fn lead(&mut self) -> Result<(), Error> {
        self.needs_lead |= self.leads;
        if self.leads { Ok(()) } else { Err(Error::NotLeading) }
    }

    /// Whether what is known of risks was written.
    pub(super) fn has_risks(&self) -> bool {
        self.has_risks
    }

    /// Whether the write counts only if this node leads.
    pub(super) fn needs_lead(&self) -> bool {
        self.needs_lead
    }

    /// The person that the feed has under its own identifier `id`, unless it has deleted them.
    pub fn person(&self, feed: Feed, id: &str) -> Result<Option<(Number, PersonRow)>, Error> {
        let Some(number) = tables::number(&*self.ids, feed, PERSON_ID, id)? else { return Ok(None) };
        Ok(tables::row(&*self.people, number, feed)?.map(|row| (Number(number), row)))
    }

    /// The person that the feed has under this name, without regard to case. Only SCIM's names are found.
    pub fn person_named(&self, feed: Feed, name: &str) -> Result<Option<(Number, PersonRow)>, Error> {
        let Some(number) = tables::number(&*self.ids, feed, NAME, &fold(name))? else { return Ok(None) };
        Ok(tables::row(&*self.people, number, feed)?.map(|row| (Number(number), row)))
    }

    /// The group that the feed has under its own identifier `id`.
    pub fn group(&self, feed: Feed, id: &str) -> Result<Option<(Number, GroupRow)>, Error> {
        let Some(number) = tables::number(&*self.ids, feed, GROUP_ID, id)? else { return Ok(None) };
        Ok(tables::row(&*self.groups, number, feed)?.map(|row| (Number(number), row)))
    }

    /// What the feed keeps beside its row of the object.
    pub fn document(&self, feed: Feed, number: Number) -> Result<Option<Vec<u8>>, Error> {
        let found = self.documents.get((number.0, feed.number())).map_err(failed)?;
        Ok(found.map(|document| document.value().to_vec()))
    }

    /// What a feed remembers under `name`.
    pub fn state(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.states.get(name).map_err(failed)?.map(|state| state.value().to_vec()))
    }

    /// Has `name` remembered; nothing is remembered any more with `None`.
    pub fn set_state(&mut self, name: &str, state: Option<&[u8]>) -> Result<(), Error> {
        self.has_written = true;
        match state {
            Some(state) => self.states.insert(name, state).map(drop),
            None => self.states.remove(name).map(drop),
        }
        .map_err(failed)
    }

    /// Keeps what the feed says of a person, in the place of what it said before.
    ///
    /// # Errors
    /// [`Error::Conflict`] if another row of the feed has the object ID or the (SCIM) name, or if the object is a group;
    /// then nothing is written.
    pub fn put_person(&mut self, feed: Feed, row: &PersonRow) -> Result<Number, Error> {
        let (place, name) = (self.place(feed, PERSON_ID, row)?, row.unique_name(feed));
        let own = tables::number(&*self.ids, feed, PERSON_ID, row.id())?;
        if let Some(name) = &name
            && tables::number(&*self.ids, feed, NAME, name)?
                .is_some_and(|other| Some(other) != place && Some(other) != own)
        {
            return Err(Conflict::Name(feed).into());
        }
        let number = self.number_for(&row.key(feed))?;
        let old = tables::row::<PersonRow>(&*self.people, number, feed)?;
        self.settle(feed, PERSON_ID, row.id(), number)?;
        let had = old.as_ref().and_then(|old| old.unique_name(feed));
        if had != name {
            if let Some(had) = had {
                self.ids.remove((feed.number(), NAME, had.as_str())).map_err(failed)?;
            }
            if let Some(name) = name {
                self.ids.insert((feed.number(), NAME, name.as_str()), number).map_err(failed)?;
            }
        }
        self.tombstones.remove((number, feed.number())).map_err(failed)?;
        if old.as_ref() != Some(row) {
            self.people.insert((number, feed.number()), serde_json::to_vec(row)?.as_slice()).map_err(failed)?;
            self.touch(number);
        }
        Ok(Number(number))
    }

    /// Keeps what the feed says of a group, in the place of what it said before. Its members stay.
    ///
    /// # Errors
    /// [`Error::Conflict`] if another row of the feed has the object ID, or if the object is a person; then nothing is
    /// written.
    pub fn put_group(&mut self, feed: Feed, row: &GroupRow) -> Result<Number, Error> {
        self.place(feed, GROUP_ID, row)?;
        let number = self.number_for(&row.key(feed))?;
        self.settle(feed, GROUP_ID, row.id(), number)?;
        let old = tables::row::<GroupRow>(&*self.groups, number, feed)?;
        if old.as_ref() != Some(row) {
            self.groups.insert((number, feed.number()), serde_json::to_vec(row)?.as_slice()).map_err(failed)?;
            self.touch(number);
        }
        if old.is_none() {
            self.touch_members(number)?;
        }
        Ok(Number(number))
    }

    /// Keeps a document of the feed's own beside its row; removes it with `None`.
    pub fn set_document(&mut self, feed: Feed, number: Number, document: Option<&[u8]>) -> Result<(), Error> {
        self.has_written = true;
        let key = (number.0, feed.number());
        match document {
            Some(document) => self.documents.insert(key, document).map(drop),
            None => self.documents.remove(key).map(drop),
        }
        .map_err(failed)
    }

    /// Forgets what the feed says of a person, and takes them out of the feed's groups. That they were deleted is
    /// remembered, by their object ID, until [`Directory::tidy`](super::Directory::tidy) forgets it, so that nobody takes them
    /// for somebody of whom nothing was ever known; it ends when the feed names them again. False if the feed knows nobody with this identifier.
    pub fn delete_person(&mut self, feed: Feed, id: &str) -> Result<bool, Error> {
        let Some((number, row)) = self.person(feed, id)? else { return Ok(false) };
        if let Some(name) = row.unique_name(feed) {
            self.ids.remove((feed.number(), NAME, name.as_str())).map_err(failed)?;
        }
        self.ids.remove((feed.number(), PERSON_ID, id)).map_err(failed)?;
        self.forget_edges(feed, number.0)?;
        self.set_document(feed, number, None)?;
        if let Some(deleted) = row.deleted() {
            let octets = serde_json::to_vec(&deleted)?;
            self.people.insert((number.0, feed.number()), octets.as_slice()).map_err(failed)?;
            // Whoever tidies up next notes the time.
            self.tombstones.insert((number.0, feed.number()), 0).map_err(failed)?;
        }
        self.touch(number.0);
        Ok(true)
    }

    /// Forgets what the feed says of a group, its members and its places in other groups of the feed. False if the feed
    /// knows no group with this identifier.
    pub fn delete_group(&mut self, feed: Feed, id: &str) -> Result<bool, Error> {
        let Some((number, _)) = self.group(feed, id)? else { return Ok(false) };
        self.ids.remove((feed.number(), GROUP_ID, id)).map_err(failed)?;
        self.set_members(feed, number, &[])?;
        self.forget_edges(feed, number.0)?;
        self.set_document(feed, number, None)?;
        self.groups.remove((number.0, feed.number())).map_err(failed)?;
        self.touch_members(number.0)?;
        self.touch(number.0);
        Ok(true)
    }

    /// The number of the object with this object ID. One that has none yet is given one, and is of no kind until a feed says
    /// more: a group's members may be heard of before they are.
    pub fn object(&mut self, object_id: &str) -> Result<Number, Error> {
        self.number_for(&fold(object_id)).map(Number)
    }

    /// Adds members to a group of the feed. Those that it has stay. Returns how many were added.
    pub fn add_members(&mut self, feed: Feed, group: Number, members: &[Number]) -> Result<usize, Error> {
        let mut added = 0;
        for Number(member) in members {
            let before = self.members.insert((feed.number(), group.0, *member), ()).map_err(failed)?.is_some();
            if !before {
                self.member_of.insert((*member, feed.number(), group.0), ()).map_err(failed)?;
                self.touch(*member);
                added += 1;
            }
        }
        Ok(added)
    }

    /// Removes members from a group of the feed, if they are in it. Returns how many were.
    pub fn remove_members(&mut self, feed: Feed, group: Number, members: &[Number]) -> Result<usize, Error> {
        let mut removed = 0;
        for Number(member) in members {
            if self.members.remove((feed.number(), group.0, *member)).map_err(failed)?.is_some() {
                self.member_of.remove((*member, feed.number(), group.0)).map_err(failed)?;
                self.touch(*member);
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Whether the feed has it as a direct member of the group.
    pub fn is_member(&self, feed: Feed, group: Number, member: Number) -> Result<bool, Error> {
        Ok(self.members.get((feed.number(), group.0, member.0)).map_err(failed)?.is_some())
    }

    /// How many direct memberships there are, of all feeds.
    pub fn membership_count(&self) -> Result<usize, Error> {
        Ok(usize::try_from(self.members.len().map_err(failed)?).unwrap_or(usize::MAX))
    }

    /// Makes `members` the members of the group, and nobody else. Returns how many were added and removed.
    pub fn set_members(&mut self, feed: Feed, group: Number, members: &[Number]) -> Result<(usize, usize), Error> {
        let wanted: BTreeSet<Number> = members.iter().copied().collect();
        let surplus: Vec<Number> =
            self.members(feed, group, None, usize::MAX)?.into_iter().filter(|own| !wanted.contains(own)).collect();
        let removed = self.remove_members(feed, group, &surplus)?;
        Ok((self.add_members(feed, group, members)?, removed))
    }

    /// The direct members of a group as the feed has them, in the order of their numbers, after `after`, at most `most`.
    pub fn members(&self, feed: Feed, group: Number, after: Option<Number>, most: usize) -> Result<Vec<Number>, Error> {
        tables::members(&*self.members, feed, group.0, after, most)
    }

    /// The groups of which the feed says that the object is a direct member.
    pub fn groups_of(&self, feed: Feed, member: Number) -> Result<Vec<Number>, Error> {
        Ok(tables::groups_of(&*self.member_of, feed, member.0)?.into_iter().map(Number).collect())
    }

    /// What the feed says of the person with this number.
    pub fn person_row(&self, feed: Feed, number: Number) -> Result<Option<PersonRow>, Error> {
        tables::row(&*self.people, number.0, feed)
    }

    /// What the feed says of the group with this number.
    pub fn group_row(&self, feed: Feed, number: Number) -> Result<Option<GroupRow>, Error> {
        tables::row(&*self.groups, number.0, feed)
    }

    /// All people that the feed has not deleted, by the feed's own identifiers.
    pub fn person_ids(&self, feed: Feed) -> Result<Vec<String>, Error> {
        self.all_ids(feed, PERSON_ID)
    }

    /// All groups that the feed has, by the feed's own identifiers.
    pub fn group_ids(&self, feed: Feed) -> Result<Vec<String>, Error> {
        self.all_ids(feed, GROUP_ID)
    }

    fn all_ids(&self, feed: Feed, kind: u8) -> Result<Vec<String>, Error> {
        let found = self.ids.range((feed.number(), kind, "")..(feed.number(), kind + 1, "")).map_err(failed)?;
        found.map(|entry| entry.map(|(key, _)| key.value().2.to_owned()).map_err(failed)).collect()
    }

    /// Where a row of the feed belongs, if it may stand there; `None` if nobody has heard of the object. Writes nothing.
    fn place<R: Row>(&self, feed: Feed, kind: u8, row: &R) -> Result<Option<u32>, Error> {
        let number = self.objects.get(row.key(feed).as_str()).map_err(failed)?.map(|number| number.value());
        let Some(number) = number else { return Ok(None) };
        for feed in Feed::ALL {
            let key = (number, feed.number());
            let other = if kind == PERSON_ID { self.groups.get(key) } else { self.people.get(key) };
            if other.map_err(failed)?.is_some() {
                return Err(Conflict::Kind.into());
            }
        }
        let there: Option<R> = if kind == PERSON_ID {
            tables::row(&*self.people, number, feed)
        } else {
            tables::row(&*self.groups, number, feed)
        }?;
        // What a deleted row stood for may be named anew.
        let is_taken = there.is_some_and(|there| there.id() != row.id()) && self.is_known(feed, kind, number)?;
        if is_taken { Err(Conflict::Object(feed).into()) } else { Ok(Some(number)) }
    }

    /// Whether the feed has the object under an identifier.
    fn is_known(&self, feed: Feed, kind: u8, number: u32) -> Result<bool, Error> {
        if kind == GROUP_ID {
            return Ok(self.group_row(feed, Number(number))?.is_some());
        }
        Ok(self.person_row(feed, Number(number))?.is_some_and(|row| !row.is_deleted))
    }

    /// Has the feed mean this number by its identifier. If it meant another one, because the object ID has changed, what it
    /// said of that one moves.
    fn settle(&mut self, feed: Feed, kind: u8, id: &str, number: u32) -> Result<(), Error> {
        self.has_written = true;
        let old = self.ids.insert((feed.number(), kind, id), number).map_err(failed)?.map(|old| old.value());
        let Some(old) = old.filter(|old| *old != number) else { return Ok(()) };
        let groups: Vec<u32> = tables::groups_of(&*self.member_of, feed, old)?;
        self.forget_edges(feed, old)?;
        for group in groups {
            self.add_members(feed, Number(group), &[Number(number)])?;
        }
        let members = self.members(feed, Number(old), None, usize::MAX)?;
        self.remove_members(feed, Number(old), &members)?;
        self.add_members(feed, Number(number), &members)?;
        if let Some(document) = self.document(feed, Number(old))? {
            self.set_document(feed, Number(old), None)?;
            self.set_document(feed, Number(number), Some(&document))?;
        }
        let row = self.people.remove((old, feed.number())).map_err(failed)?.map(|row| row.value().to_vec());
        if let Some(name) = row.and_then(|row| serde_json::from_slice::<PersonRow>(&row).ok()?.unique_name(feed)) {
            self.ids.remove((feed.number(), NAME, name.as_str())).map_err(failed)?;
        }
        self.groups.remove((old, feed.number())).map_err(failed)?;
        self.touch_members(old)?;
        self.touch(old);
        Ok(())
    }

    /// Takes an object out of all groups of the feed.
    fn forget_edges(&mut self, feed: Feed, member: u32) -> Result<(), Error> {
        for group in tables::groups_of(&*self.member_of, feed, member)? {
            self.remove_members(feed, Number(group), &[Number(member)])?;
        }
        Ok(())
    }

    fn number_for(&mut self, key: &str) -> Result<u32, Error> {
        if let Some(number) = self.objects.get(key).map_err(failed)? {
            return Ok(number.value());
        }
        let next = self.meta.get("next").map_err(failed)?.map_or(0, |next| next.value());
        let number = u32::try_from(next).map_err(|_| Error::Full)?;
        self.meta.insert("next", next + 1).map_err(failed)?;
        self.objects.insert(key, number).map_err(failed)?;
        self.has_written = true;
        Ok(number)
    }

    /// Which feed's members of a group count depends on which feeds know the group.
    fn touch_members(&mut self, group: u32) -> Result<(), Error> {
        for feed in Feed::ALL {
            for Number(member) in self.members(feed, Number(group), None, usize::MAX)? {
                self.touch(member);
            }
        }
        Ok(())
    }

    fn touch(&mut self, number: u32) {
        self.has_written = true;
        self.touched.insert(number);
    }

    /// Makes the next snapshot of what was written.
    pub(super) fn finish(self, before: &Snapshot, owners: &Owners) -> Result<(Snapshot, Changes), Error> {
        let (mut next, mut changes) = (before.next(), Changes::default());
        for number in self.touched {
            let groups = direct_groups(&*self.member_of, number, owners, |feed, group| {
                Ok(self.groups.get((group, feed.number())).map_err(failed)?.is_some())
            })?;
            let (people, of_group) =
                (tables::rows(&*self.people, number, owners)?, tables::rows(&*self.groups, number, owners)?);
            let person = Person::joined(number, &people, owners, groups.clone());
            if let Some(before) = next.set_person(number, person) {
                changes.people.push(Number(number));
                changes.before.push(before);
            }
            changes.groups |= next.set_group(number, Group::joined(number, &of_group, owners, groups));
        }
        if changes.groups {
            next.look_up_domains();
        }
        Ok((next, changes))
    }
}

/// The groups of which an object is a direct member, by the feed whose word counts for each group: that is the first one in
/// order that knows the group at all.
fn direct_groups(
    member_of: &impl redb::ReadableTable<(u32, u8, u32), ()>,
    number: u32,
    owners: &Owners,
    knows: impl Fn(Feed, u32) -> Result<bool, Error>,
) -> Result<Box<[Number]>, Error> {
    let order: Vec<Feed> = owners.order(Attribute::Members).collect();
    let mut found = BTreeSet::new();
    for (place, feed) in order.iter().enumerate() {
        for group in tables::groups_of(member_of, *feed, number)? {
            let mut is_another_feeds = false;
            for earlier in order.iter().take(place) {
                is_another_feeds |= knows(*earlier, group)?;
            }
            if !is_another_feeds {
                found.insert(Number(group));
            }
        }
    }
    Ok(found.into_iter().collect())
}

/// The snapshot of what is in the file.
pub(super) fn load(file: &Storage, owners: &Owners) -> Result<Snapshot, Error> {
    let reading = file.read()?;
    let mut snapshot = Snapshot::default();
    for (number, is_person) in numbers(&reading)? {
        let groups = direct_groups(&reading.member_of, number, owners, |feed, group| {
            Ok(reading.groups.get((group, feed.number())).map_err(failed)?.is_some())
        })?;
        if is_person {
            let rows = tables::rows(&reading.people, number, owners)?;
            snapshot.set_person(number, Person::joined(number, &rows, owners, groups));
        } else {
            let rows = tables::rows(&reading.groups, number, owners)?;
            snapshot.set_group(number, Group::joined(number, &rows, owners, groups));
        }
    }
    snapshot.look_up_domains();
    Ok(snapshot)
}

/// The numbers of all objects with rows, and whether each is a person.
fn numbers(reading: &Reading) -> Result<BTreeSet<(u32, bool)>, Error> {
    let mut numbers = BTreeSet::new();
    for (table, is_person) in [(&reading.people, true), (&reading.groups, false)] {
        for entry in table.iter().map_err(failed)? {
            numbers.insert((entry.map_err(failed)?.0.value().0, is_person));
        }
    }
    Ok(numbers)
}
