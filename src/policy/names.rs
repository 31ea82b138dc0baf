//! The people and groups that rules name, each by a number, so that a person is looked up once a decision and not once a rule.

use std::cell::{Cell, OnceCell};
use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use super::people::Name;
use crate::identity::fold;
use crate::identity::{Groups, User};

/// People and groups that rules name.
#[derive(Debug, Default)]
pub(super) struct NameTable {
    /// Numbers of names, by a number that names have in common which differ in nothing but case.
    by_hash: HashMap<u64, Vec<u32>, BuildHasherDefault<fold::Hashed>>,
    /// The names, each at the index that is its number.
    names: Vec<(NameKind, Name)>,
}

/// What a name is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NameKind {
    /// A person.
    Person,
    /// A group.
    Group,
}

impl NameTable {
    /// The number of a name.
    pub(super) fn number(&mut self, kind: NameKind, name: Name) -> u32 {
        let known = self.by_hash.entry(fold::hash(name.text())).or_default();
        let is = |number: &&u32| at(&self.names, **number).is_some_and(|(own, known)| *own == kind && *known == name);
        if let Some(number) = known.iter().find(is) {
            return *number;
        }
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        known.push(number);
        self.names.push((kind, name));
        number
    }

    /// The number of what is called so, if a rule names it.
    fn find(&self, kind: NameKind, text: &str, realm: &str) -> Option<u32> {
        let known = self.by_hash.get(&fold::hash(text))?;
        let is = |number: &&u32| {
            at(&self.names, **number).is_some_and(|(own, name)| *own == kind && name.realm() == realm && name.is(text))
        };
        known.iter().find(is).copied()
    }

    /// Whether somebody is called so.
    fn is_of(&self, number: u32, user: &User) -> bool {
        let Some((kind, name)) = at(&self.names, number).filter(|(_, name)| name.realm() == user.realm) else {
            return false;
        };
        match (kind, &user.groups) {
            (NameKind::Person, _) => name.is(&user.name) || name.is(&user.id),
            (NameKind::Group, Groups::Known(groups)) => groups.iter().any(|group| name.is(group)),
            (NameKind::Group, Groups::Unknown) => false,
        }
    }
}

fn at(names: &[(NameKind, Name)], number: u32) -> Option<&(NameKind, Name)> {
    names.get(usize::try_from(number).ok()?)
}

/// How many names of one person rules may know, until it costs more to look them up. It is far more than anybody has.
const MOST: usize = 64;

/// What rules call one person, as numbers.
#[derive(Debug)]
pub(super) struct Calling {
    /// The numbers, in order.
    numbers: [u32; MOST],
    /// How many of them there are.
    count: usize,
    /// Whether that is all; else each is looked for when it is asked about.
    is_whole: bool,
}

impl Calling {
    fn of(user: &User, named: &NameTable) -> Self {
        let groups = match &user.groups {
            Groups::Known(groups) => groups.as_slice(),
            Groups::Unknown => &[],
        };
        let people = [&user.name, &user.id].into_iter().map(|name| (NameKind::Person, name));
        let all = people.chain(groups.iter().map(|group| (NameKind::Group, group)));
        let (mut numbers, mut count, mut is_whole) = ([0; MOST], 0, true);
        for number in all.filter_map(|(kind, name)| named.find(kind, name, &user.realm)) {
            let Some(free) = numbers.get_mut(count) else {
                is_whole = false;
                break;
            };
            *free = number;
            count += 1;
        }
        numbers.get_mut(..count).unwrap_or_default().sort_unstable();
        Self { numbers, count, is_whole }
    }
}

/// Somebody, and what rules call them, which is found out when the first rule wants to know.
pub(super) struct Who<'a> {
    user: Option<&'a User>,
    named: &'a NameTable,
    calling: OnceCell<Calling>,
    /// How many rules of few names may still be held against the names of the person, one by one.
    direct: Cell<u32>,
}

/// How many rules are held against a person's names before it pays to look all of these up; and how many names they have at
/// most. With an index, a decision seldom asks of more.
const DIRECT: u32 = 2;
const FEW: usize = 2;

impl<'a> Who<'a> {
    pub(super) fn new(user: Option<&'a User>, named: &'a NameTable) -> Self {
        Self { user, named, calling: OnceCell::new(), direct: Cell::new(DIRECT) }
    }

    pub(super) fn user(&self) -> Option<&'a User> {
        self.user
    }
}

/// Some people: themselves, or by their groups.
#[derive(Clone, Debug)]
pub(super) struct People {
    /// The numbers of all names, in order.
    numbers: Box<[u32]>,
    /// The realms of the groups among them.
    group_realms: Box<[String]>,
}

impl People {
    pub(super) fn new(people: Vec<Name>, groups: Vec<Name>, named: &mut NameTable) -> Self {
        let mut group_realms: Vec<String> = groups.iter().map(|name| name.realm().to_owned()).collect();
        group_realms.sort();
        group_realms.dedup();
        let people = people.into_iter().map(|name| (NameKind::Person, name));
        let all = people.chain(groups.into_iter().map(|name| (NameKind::Group, name)));
        let mut numbers: Vec<u32> = all.map(|(kind, name)| named.number(kind, name)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        Self { numbers: numbers.into(), group_realms: group_realms.into() }
    }

    /// Whether somebody is one of them; none where that is not known, because their groups are not.
    pub(super) fn have(&self, who: &Who<'_>) -> Option<bool> {
        let Some(user) = who.user else { return Some(false) };
        let is_one = match who.direct.get() {
            left @ 1.. if self.numbers.len() <= FEW && who.calling.get().is_none() => {
                who.direct.set(left - 1);
                self.numbers.iter().any(|number| who.named.is_of(*number, user))
            }
            _ => self.have_called(user, who),
        };
        match user.groups {
            _ if is_one => Some(true),
            Groups::Unknown if self.group_realms.contains(&user.realm) => None,
            _ => Some(false),
        }
    }

    /// Whether one of the names that rules have for somebody is one of these.
    fn have_called(&self, user: &User, who: &Who<'_>) -> bool {
        let calling = who.calling.get_or_init(|| Calling::of(user, who.named));
        let of_person = calling.numbers.get(..calling.count).unwrap_or_default();
        // The shorter list is gone through, the longer one is searched.
        if !calling.is_whole {
            self.have_one_of_many(user, who.named)
        } else if of_person.len() < self.numbers.len() {
            of_person.iter().any(|number| self.numbers.binary_search(number).is_ok())
        } else {
            self.numbers.iter().any(|number| of_person.binary_search(number).is_ok())
        }
    }

    fn have_one_of_many(&self, user: &User, named: &NameTable) -> bool {
        let is_meant = |kind, text: &str| {
            named.find(kind, text, &user.realm).is_some_and(|number| self.numbers.binary_search(&number).is_ok())
        };
        let Groups::Known(groups) = &user.groups else { return false };
        is_meant(NameKind::Person, &user.name)
            || is_meant(NameKind::Person, &user.id)
            || groups.iter().any(|group| is_meant(NameKind::Group, group))
    }
}
