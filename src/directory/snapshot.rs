//! All people and groups of one directory at one time, for readers that wait for nobody.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use super::index::{Called, Index};
use super::object::{Group, Number, Person, Standing};
use super::slots::Slots;
use crate::identity::fold::{fold, is_same};

/// All people and groups at one time. Cloning one is cheap.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    version: u64,
    people: Slots<Person>,
    /// How many of the people were deleted.
    deleted: usize,
    groups: Slots<Group>,
    index: Index,
    /// The DNS names of the domains for which groups have this short name, folded.
    netbios: Arc<BTreeMap<String, BTreeSet<String>>>,
}

impl Snapshot {
    /// How many snapshots there were before it in this process. It tells one from another.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// How many people there are, without those who were deleted.
    pub fn people_count(&self) -> usize {
        self.people.len().saturating_sub(self.deleted)
    }

    /// How many groups there are.
    pub fn group_count(&self) -> usize {
        self.groups.len()
    }

    /// All people, without those who were deleted.
    pub fn people(&self) -> impl Iterator<Item = &Arc<Person>> {
        self.people.iter().filter(|person| person.standing != Standing::Deleted)
    }

    /// All groups.
    pub fn groups(&self) -> impl Iterator<Item = &Arc<Group>> {
        self.groups.iter()
    }

    /// The person with this number.
    pub fn person(&self, number: Number) -> Option<&Arc<Person>> {
        self.people.get(number.0)
    }

    /// The group with this number.
    pub fn group(&self, number: Number) -> Option<&Arc<Group>> {
        self.groups.get(number.0)
    }

    /// The person with this object ID. They may have been deleted.
    pub fn person_of_id(&self, object_id: &str) -> Option<&Arc<Person>> {
        let found = self.index.find(Called::PersonId, object_id, "").iter();
        found.filter_map(|number| self.people.get(*number)).find(|person| is_same(&person.object_id, object_id))
    }

    /// The group with this object ID.
    pub fn group_of_id(&self, object_id: &str) -> Option<&Arc<Group>> {
        let found = self.index.find(Called::GroupId, object_id, "").iter();
        found.filter_map(|number| self.groups.get(*number)).find(|group| is_same(&group.object_id, object_id))
    }

    /// The groups that are called so, by their names for people to read.
    pub fn groups_called<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Arc<Group>> {
        let found = self.index.find(Called::GroupName, name, "").iter().filter_map(|number| self.groups.get(*number));
        found.filter(move |group| group.display_name.as_deref().is_some_and(|own| is_same(own, name)))
    }

    /// The groups of which the person is a member, through other groups too, each once. Groups may contain each other in
    /// circles.
    pub fn groups_of(&self, person: &Person) -> Vec<&Arc<Group>> {
        let (mut seen, mut found) = (HashSet::new(), Vec::new());
        let mut next: Vec<Number> = person.groups.to_vec();
        while let Some(number) = next.pop() {
            // A group that is not known (yet) is not one, and nothing is known of where it belongs.
            if let Some(group) = self.groups.get(number.0).filter(|_| seen.insert(number)) {
                next.extend_from_slice(&group.groups);
                found.push(group);
            }
        }
        found
    }

    /// The people who may be called so; whoever asks compares.
    pub(super) fn candidates<'a>(
        &'a self,
        called: Called,
        text: &str,
        within: &str,
    ) -> impl Iterator<Item = &'a Arc<Person>> + use<'a> {
        self.index.find(called, text, within).iter().filter_map(|number| self.people.get(*number))
    }

    /// The DNS names of the domains that groups show under this short name.
    pub(super) fn domains_called(&self, netbios: &str) -> impl Iterator<Item = &str> {
        self.netbios.get(&fold(netbios)).into_iter().flatten().map(String::as_str)
    }

    /// The DNS names of all domains that groups show.
    pub(super) fn all_domains(&self) -> impl Iterator<Item = &str> {
        self.netbios.values().flatten().map(String::as_str)
    }

    /// Begins the next version.
    pub(super) fn next(&self) -> Self {
        Self { version: self.version + 1, ..self.clone() }
    }

    /// The same, as the version after `other`.
    pub(super) fn after(self, other: &Self) -> Self {
        Self { version: other.version + 1, ..self }
    }

    /// Puts what has become of a person in its place. Returns what was there, if that was something else.
    pub(super) fn set_person(&mut self, number: u32, person: Option<Person>) -> Option<Option<Arc<Person>>> {
        if self.people.get(number).map(|old| &**old) == person.as_ref() {
            return None;
        }
        let person = person.map(Arc::new);
        let old = self.people.set(number, person.clone());
        let is_deleted =
            |person: &Option<Arc<Person>>| person.as_ref().is_some_and(|own| own.standing == Standing::Deleted);
        self.deleted = (self.deleted + usize::from(is_deleted(&person))).saturating_sub(usize::from(is_deleted(&old)));
        for (called, text, within) in old.iter().flat_map(|old| names_of(old)) {
            self.index.remove(called, text, within, number);
        }
        for (called, text, within) in person.iter().flat_map(|person| names_of(person)) {
            self.index.add(called, text, within, number);
        }
        Some(old)
    }

    /// The same for a group.
    pub(super) fn set_group(&mut self, number: u32, group: Option<Group>) -> bool {
        if self.groups.get(number).map(|old| &**old) == group.as_ref() {
            return false;
        }
        let group = group.map(Arc::new);
        let old = self.groups.set(number, group.clone());
        for (called, text) in old.iter().flat_map(|old| names_of_group(old)) {
            self.index.remove(called, text, "", number);
        }
        for (called, text) in group.iter().flat_map(|group| names_of_group(group)) {
            self.index.add(called, text, "", number);
        }
        true
    }

    /// Reads the short names of domains from the groups again.
    pub(super) fn look_up_domains(&mut self) {
        let mut netbios: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for group in self.groups.iter() {
            if let (Some(short), Some(domain)) = (&group.netbios, &group.domain) {
                netbios.entry(fold(short)).or_default().insert(fold(domain));
            }
        }
        self.netbios = Arc::new(netbios);
    }
}

/// All that a person is called.
fn names_of(person: &Person) -> impl Iterator<Item = (Called, &str, &str)> {
    let plain = [
        (Called::PersonId, Some(&person.object_id)),
        (Called::Upn, person.user_principal_name.as_ref()),
        (Called::OnPremisesUpn, person.on_premises_upn.as_ref()),
        (Called::Mail, person.mail.as_ref()),
    ];
    let plain = plain.into_iter().filter_map(|(called, text)| Some((called, &**text?, "")));
    let sam = person.sam_account_name.as_deref().zip(person.domain.as_deref());
    let sam = sam.map(|(account, domain)| (Called::Sam, account, domain));
    let aliases = person.aliases.iter().map(|alias| (Called::Alias, &**alias, ""));
    plain.chain(sam).chain(aliases)
}

fn names_of_group(group: &Group) -> impl Iterator<Item = (Called, &str)> {
    let name = group.display_name.as_deref().map(|name| (Called::GroupName, name));
    std::iter::once((Called::GroupId, &*group.object_id)).chain(name)
}
