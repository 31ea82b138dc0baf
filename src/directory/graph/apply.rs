//! Puts a whole round into the directory, in one write.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::fault::Fault;
use super::page;
use super::staged::{Part, Staged};
use crate::directory::{Edit, Error, Feed, GroupRow, Number, PersonRow};

/// How many people, or groups, one round may remove in any case: a small tenant changes by many percent.
const FEW: usize = 5;

/// What a round has done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Done {
    /// Whether it has read everything.
    pub full: bool,
    /// People of whom something was said.
    pub people: usize,
    /// People who were removed.
    pub people_removed: usize,
    /// Groups of which something was said.
    pub groups: usize,
    /// Groups that were removed.
    pub groups_removed: usize,
    /// Direct memberships that were added.
    pub members_added: usize,
    /// Direct memberships that were removed, apart from those of people and groups that were.
    pub members_removed: usize,
    /// Objects that contradict others, and were left out.
    pub left_out: usize,
}

/// A round that is being applied.
struct Applying<'e, 't> {
    edit: &'e mut Edit<'t>,
    full: bool,
    done: Done,
    /// Who and what was seen, by ID; only of a full round.
    people: BTreeSet<String>,
    groups: BTreeMap<String, (Number, BTreeSet<Number>)>,
    /// Who and what is gone: they are removed last, and together, or not at all.
    gone: Gone,
}

/// People and groups, by ID.
#[derive(Default)]
struct Gone {
    people: BTreeSet<String>,
    groups: BTreeSet<String>,
}

/// Applies the round. If it would remove more than `most` percent, nobody is removed and no group is, which the fault
/// says; all else that it tells counts at once: whoever is disabled must not wait for a decision about others.
pub(super) fn apply(edit: &mut Edit<'_>, staged: &Staged, most: Option<u8>) -> Result<(Done, Option<Fault>), Fault> {
    let before = (edit.person_ids(Feed::Graph)?, edit.group_ids(Feed::Graph)?);
    let full = staged.progress.full;
    let done = Done { full, ..Done::default() };
    let (people, groups, gone) = (BTreeSet::new(), BTreeMap::new(), Gone::default());
    let mut applying = Applying { edit, full, done, people, groups, gone };
    staged.each(|part, page| {
        page.objects.iter().try_for_each(|object| match part {
            Part::Users => applying.person(object),
            Part::Groups => applying.group(object),
        })
    })?;
    if full {
        applying.miss(&before);
    }
    let held_back = applying.remove_gone((before.0.len(), before.1.len()), most)?;
    if full {
        applying.replace_members()?;
    }
    Ok((applying.done, held_back))
}

fn is_mass(removed: usize, of: usize, most: u8) -> bool {
    removed > FEW && removed.saturating_mul(100) > of.saturating_mul(usize::from(most))
}

impl Applying<'_, '_> {
    fn person(&mut self, object: &Map<String, Value>) -> Result<(), Fault> {
        let id = page::id(object)?;
        if page::is_removed(object) {
            self.people.remove(id);
            self.gone.people.insert(id.to_owned());
            return Ok(());
        }
        if self.gone.people.remove(id) {
            // Gone and there again: the same as somebody new.
            self.done.people_removed += usize::from(self.edit.delete_person(Feed::Graph, id)?);
        }
        // A full round tells everything of an object when it first names it: what it leaves out was never set.
        let is_new = self.full && self.people.insert(id.to_owned());
        let known = self.edit.person(Feed::Graph, id)?.map(|(_, row)| row);
        let fresh = |known: PersonRow| PersonRow {
            id: id.to_owned(),
            object_id: Some(id.to_owned()),
            // What keeps somebody out is not forgotten because an answer leaves it out.
            enabled: known.enabled,
            sessions_valid_from: known.sessions_valid_from,
            ..PersonRow::default()
        };
        let mut row = match known {
            Some(known) if !is_new => known,
            known => fresh(known.unwrap_or_default()),
        };
        page::update_person(&mut row, object);
        self.done.people += 1;
        let kept = self.edit.put_person(Feed::Graph, &row);
        self.usable(id, kept).map(drop)
    }

    fn group(&mut self, object: &Map<String, Value>) -> Result<(), Fault> {
        let id = page::id(object)?;
        if page::is_removed(object) {
            self.groups.remove(id);
            self.gone.groups.insert(id.to_owned());
            return Ok(());
        }
        if self.gone.groups.remove(id) {
            self.done.groups_removed += usize::from(self.edit.delete_group(Feed::Graph, id)?);
        }
        let is_new = self.full && !self.groups.contains_key(id);
        let known = if is_new { None } else { self.edit.group(Feed::Graph, id)?.map(|(_, row)| row) };
        let mut row = known.unwrap_or_else(|| GroupRow {
            id: id.to_owned(),
            object_id: Some(id.to_owned()),
            ..GroupRow::default()
        });
        page::update_group(&mut row, object);
        self.done.groups += 1;
        let kept = self.edit.put_group(Feed::Graph, &row);
        let Some(group) = self.usable(id, kept)? else { return Ok(()) };
        if self.full {
            self.groups.entry(id.to_owned()).or_insert_with(|| (group, BTreeSet::new()));
        }
        for (member, is_added) in page::members(object) {
            let is_gone = self.gone.people.contains(member);
            let member = self.edit.object(member)?;
            let before = self.done.members_removed;
            self.member(id, group, member, is_added)?;
            if is_gone {
                self.done.members_removed = before;
            }
        }
        Ok(())
    }

    /// A full round collects the members of each group, and the group is given them when all are known.
    fn member(&mut self, id: &str, group: Number, member: Number, is_added: bool) -> Result<(), Fault> {
        match (self.groups.get_mut(id), is_added) {
            (Some((_, members)), true) => drop(members.insert(member)),
            (Some((_, members)), false) => drop(members.remove(&member)),
            (None, true) => self.done.members_added += self.edit.add_members(Feed::Graph, group, &[member])?,
            (None, false) => self.done.members_removed += self.edit.remove_members(Feed::Graph, group, &[member])?,
        }
        Ok(())
    }

    /// What a full round does not name is not there any more.
    fn miss(&mut self, (people, groups): &(Vec<String>, Vec<String>)) {
        self.gone.people.extend(people.iter().filter(|id| !self.people.contains(*id)).cloned());
        self.gone.groups.extend(groups.iter().filter(|id| !self.groups.contains_key(*id)).cloned());
    }

    /// Removes all that is gone, unless that is more than `most` percent of so many people and groups.
    fn remove_gone(
        &mut self,
        (of_people, of_groups): (usize, usize),
        most: Option<u8>,
    ) -> Result<Option<Fault>, Fault> {
        let gone = std::mem::take(&mut self.gone);
        let (mut people, mut groups) = (self.done.people_removed, self.done.groups_removed);
        for id in &gone.people {
            people += usize::from(self.edit.person(Feed::Graph, id)?.is_some());
        }
        for id in &gone.groups {
            groups += usize::from(self.edit.group(Feed::Graph, id)?.is_some());
        }
        if most.is_some_and(|most| is_mass(people, of_people, most) || is_mass(groups, of_groups, most)) {
            return Ok(Some(Fault::Removal { people, of_people, groups, of_groups }));
        }
        for id in &gone.people {
            self.done.people_removed += usize::from(self.edit.delete_person(Feed::Graph, id)?);
        }
        for id in &gone.groups {
            self.done.groups_removed += usize::from(self.edit.delete_group(Feed::Graph, id)?);
        }
        Ok(None)
    }

    /// Gives the groups of a full round the members that it has told.
    fn replace_members(&mut self) -> Result<(), Fault> {
        for (group, members) in std::mem::take(&mut self.groups).into_values() {
            let members: Vec<Number> = members.into_iter().collect();
            let (added, removed) = self.edit.set_members(Feed::Graph, group, &members)?;
            self.done.members_added += added;
            self.done.members_removed += removed;
        }
        Ok(())
    }

    /// One object that contradicts another must not keep everybody else out of step.
    fn usable(&mut self, id: &str, kept: Result<Number, Error>) -> Result<Option<Number>, Fault> {
        match kept {
            Ok(number) => Ok(Some(number)),
            Err(Error::Conflict(conflict)) => {
                tracing::warn!(object = id, reason = %conflict, "an object from Microsoft Graph is left out");
                self.done.left_out += 1;
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }
}
