//! Puts a whole round into the directory, in one write.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::fault::Fault;
use super::page;
use super::staged::{Part, Staged};
use crate::directory::{Edit, Error, Feed, GroupRow, Number, PersonRow};

/// How many people, or groups, one round may remove, or people disable without an alarm, in any case: a small tenant changes by many percent.
const FEW: usize = 5;

/// How many memberships it may take away in any case.
const FEW_MEMBERS: usize = 100;

/// How many percent of what there is one round may take away without an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LossBounds {
    /// Of the people, or of the groups, may be removed.
    pub(super) removed: u8,
    /// Of the people may be disabled without an alarm.
    pub(super) disabled: u8,
    /// Of the direct memberships may be taken away.
    pub(super) left: u8,
}

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
    /// People who were disabled.
    pub people_disabled: usize,
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
    /// Who is disabled, by ID.
    disabled: BTreeSet<String>,
    /// Which memberships are gone: the same holds for them.
    left: BTreeSet<(Number, Number)>,
}

/// People and groups, by ID.
#[derive(Default)]
struct Gone {
    people: BTreeSet<String>,
    groups: BTreeSet<String>,
}

/// What has come of applying a round.
pub(super) struct Applied {
    pub(super) done: Done,
    /// What is held back.
    pub(super) held_back: Option<Fault>,
    /// How many people were disabled, and of how many, if that is worth an alarm.
    pub(super) alarm: Option<(usize, usize)>,
}

/// Applies the round. Of what it would remove (people and groups, memberships), each kind of which there is more than `bounds`
/// allow is held back, which the fault says. All else that it tells counts at once: whoever is disabled never waits for
/// anybody's decision, and many of them raise an alarm.
pub(super) fn apply(edit: &mut Edit<'_>, staged: &Staged, bounds: Option<LossBounds>) -> Result<Applied, Fault> {
    let full = staged.progress.full;
    // What a full round does not name is gone. Otherwise a change costs no more than it is.
    let before = if full { (edit.person_ids(Feed::Graph)?, edit.group_ids(Feed::Graph)?) } else { Default::default() };
    let done = Done { full, ..Done::default() };
    let (people, groups, gone) = (BTreeSet::new(), BTreeMap::new(), Gone::default());
    let (disabled, left) = (BTreeSet::new(), BTreeSet::new());
    let mut applying = Applying { edit, full, done, people, groups, gone, disabled, left };
    staged.each(|part, page| {
        page.objects.iter().try_for_each(|object| match part {
            Part::Users => applying.person(object),
            Part::Groups => applying.group(object),
        })
    })?;
    if full {
        applying.miss(&before);
    }
    if full {
        applying.replace_members()?;
    }
    let alarm = applying.count_disabled(bounds)?;
    let too_much: Vec<String> =
        [applying.take_out(bounds)?, applying.remove_gone(bounds)?].into_iter().flatten().collect();
    let held_back = (!too_much.is_empty()).then(|| Fault::Removal { what: too_much.join(", ") });
    Ok(Applied { done: applying.done, held_back, alarm })
}

fn is_mass(few: usize, taken: usize, of: usize, most: u8) -> bool {
    taken > few && taken.saturating_mul(100) > of.saturating_mul(usize::from(most))
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
        let was_enabled = known.as_ref().is_some_and(|known| known.enabled == Some(true));
        let mut row = match known {
            Some(known) if !is_new => known,
            known => fresh(known.unwrap_or_default()),
        };
        page::update_person(&mut row, object);
        self.note_disabled(id, was_enabled, &row, object);
        self.done.people += 1;
        let kept = self.edit.put_person(Feed::Graph, &row);
        self.usable(id, kept).map(drop)
    }

    /// Notes whom this page disables, if they were enabled.
    fn note_disabled(&mut self, id: &str, was_enabled: bool, row: &PersonRow, object: &Map<String, Value>) {
        if was_enabled && row.enabled == Some(false) {
            self.disabled.insert(id.to_owned());
        } else if object.get("accountEnabled") == Some(&Value::Bool(true)) {
            self.disabled.remove(id);
        }
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
            let member = self.edit.object(member)?;
            self.member(id, group, member, is_added)?;
        }
        Ok(())
    }

    /// A full round collects the members of each group, and the group is given them when all are known.
    fn member(&mut self, id: &str, group: Number, member: Number, is_added: bool) -> Result<(), Fault> {
        match (self.groups.get_mut(id), is_added) {
            (Some((_, members)), true) => drop(members.insert(member)),
            (Some((_, members)), false) => drop(members.remove(&member)),
            (None, true) => {
                self.left.remove(&(group, member));
                self.done.members_added += self.edit.add_members(Feed::Graph, group, &[member])?;
            }
            (None, false) if self.edit.is_member(Feed::Graph, group, member)? => {
                self.left.insert((group, member));
            }
            (None, false) => {}
        }
        Ok(())
    }

    /// What a full round does not name is not there any more.
    fn miss(&mut self, (people, groups): &(Vec<String>, Vec<String>)) {
        self.gone.people.extend(people.iter().filter(|id| !self.people.contains(*id)).cloned());
        self.gone.groups.extend(groups.iter().filter(|id| !self.groups.contains_key(*id)).cloned());
    }

    /// Counts whom the round has disabled: how many, and of how many, if they are more than `bounds` find usual.
    fn count_disabled(&mut self, bounds: Option<LossBounds>) -> Result<Option<(usize, usize)>, Fault> {
        let count = self.disabled.iter().filter(|id| !self.gone.people.contains(*id)).count();
        self.done.people_disabled = count;
        let Some(bounds) = bounds.filter(|_| count > FEW) else { return Ok(None) };
        let of = self.edit.person_ids(Feed::Graph)?.len();
        Ok(is_mass(FEW, count, of, bounds.disabled).then_some((count, of)))
    }

    /// Takes those out of groups who have left them, unless they are too many. Whoever is gone altogether leaves with that.
    fn take_out(&mut self, bounds: Option<LossBounds>) -> Result<Option<String>, Fault> {
        let mut gone = BTreeSet::new();
        for id in &self.gone.people {
            gone.extend(self.edit.person(Feed::Graph, id)?.map(|(number, _)| number));
        }
        for id in &self.gone.groups {
            gone.extend(self.edit.group(Feed::Graph, id)?.map(|(number, _)| number));
        }
        let left = std::mem::take(&mut self.left);
        let is_own = |(group, member): &(Number, Number)| !gone.contains(group) && !gone.contains(member);
        let own: Vec<(Number, Number)> = left.into_iter().filter(is_own).collect();
        if let Some(bounds) = bounds.filter(|_| own.len() > FEW_MEMBERS) {
            let of = self.edit.membership_count()?;
            if is_mass(FEW_MEMBERS, own.len(), of, bounds.left) {
                return Ok(Some(format!("take {} of {of} memberships away", own.len())));
            }
        }
        for (group, member) in own {
            self.done.members_removed += self.edit.remove_members(Feed::Graph, group, &[member])?;
        }
        Ok(None)
    }

    /// Removes all that is gone, unless it is too much.
    fn remove_gone(&mut self, bounds: Option<LossBounds>) -> Result<Option<String>, Fault> {
        let gone = std::mem::take(&mut self.gone);
        let (mut people, mut groups) = (self.done.people_removed, self.done.groups_removed);
        for id in &gone.people {
            people += usize::from(self.edit.person(Feed::Graph, id)?.is_some());
        }
        for id in &gone.groups {
            groups += usize::from(self.edit.group(Feed::Graph, id)?.is_some());
        }
        if let Some(LossBounds { removed: most, .. }) = bounds.filter(|_| people > FEW || groups > FEW) {
            let of_people = self.edit.person_ids(Feed::Graph)?.len();
            let of_groups = self.edit.group_ids(Feed::Graph)?.len();
            if is_mass(FEW, people, of_people, most) || is_mass(FEW, groups, of_groups, most) {
                return Ok(Some(format!("remove {people} of {of_people} people and {groups} of {of_groups} groups")));
            }
        }
        for id in &gone.people {
            self.done.people_removed += usize::from(self.edit.delete_person(Feed::Graph, id)?);
        }
        for id in &gone.groups {
            self.done.groups_removed += usize::from(self.edit.delete_group(Feed::Graph, id)?);
        }
        Ok(None)
    }

    /// Gives the groups of a full round the members that it has told. Those who have left are taken out later.
    fn replace_members(&mut self) -> Result<(), Fault> {
        for (group, members) in std::mem::take(&mut self.groups).into_values() {
            let before = self.edit.members(Feed::Graph, group, None, usize::MAX)?;
            self.left.extend(before.into_iter().filter(|own| !members.contains(own)).map(|own| (group, own)));
            let members: Vec<Number> = members.into_iter().collect();
            self.done.members_added += self.edit.add_members(Feed::Graph, group, &members)?;
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
