//! Named lists of destinations, up to millions of names: read in whatever form they are published, kept in little memory,
//! and asked at label boundaries.
//!
//! A [`NameSet`] never changes. [`Lists`] are all that there are at one moment: whoever refreshes one makes others, so that
//! no decision sees half of two. Everything here is pure; `app` reads, fetches and keeps.

mod addresses;
pub mod archive;
pub mod cache;
mod config;
mod hash;
pub mod line;
pub mod path;
pub mod read;
mod set;
mod table;

use std::collections::BTreeMap;
use std::sync::Arc;

use url::Host;

pub use archive::{Categories, Content, Part};
pub use config::{Config, Digest, NoDigest, NotADigest, Source};
use path::{Quorum, SeenPath};
pub use read::{Allowance, Complaint, Reading, Report};
pub use set::{Builder, Match, NameSet};

/// All lists, as they are at one moment. A copy costs nothing, and stays as it is.
#[derive(Clone, Debug, Default)]
pub struct Lists(Arc<Named>);

#[derive(Debug, Default)]
struct Named {
    sets: Vec<(String, Arc<NameSet>)>,
    names: BTreeMap<String, ListId>,
}

/// A list among the [`Lists`] that gave it out. Others may mean another one by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListId {
    /// Where its sets begin and end: a list of categories is all of them.
    begin: usize,
    end: usize,
}

impl Lists {
    /// The list of that name; `list/category` for a category of one. A list of categories is what any of them holds.
    pub fn id(&self, name: &str) -> Option<ListId> {
        self.0.names.get(name).copied()
    }

    /// Whether the list covers `host`; or, where the path of a request can be seen, that path on it.
    pub fn contains(&self, list: ListId, host: &Host<String>, path: Option<&str>) -> bool {
        self.sets(list).any(|set| set.contains(host, path))
    }

    /// As [`Lists::contains`], where so many readings of the path must be covered; none where that depends on a path, and none
    /// is given.
    pub fn covers(
        &self,
        list: ListId,
        host: &Host<String>,
        path: Option<&SeenPath<'_>>,
        quorum: Quorum,
    ) -> Option<bool> {
        let mut found = Some(false);
        for set in self.sets(list) {
            match set.covers(host, path, quorum) {
                Some(true) => return Some(true),
                Some(false) => {}
                None => found = None,
            }
        }
        found
    }

    /// What the list holds: one set, or one for each of its categories.
    fn sets(&self, list: ListId) -> impl Iterator<Item = &NameSet> {
        self.0.sets.get(list.begin..list.end).unwrap_or_default().iter().map(|(_, set)| &**set)
    }

    /// Each list with its name, in the order of names.
    pub fn all(&self) -> impl Iterator<Item = (&str, &Arc<NameSet>)> {
        self.0.sets.iter().map(|(name, set)| (name.as_str(), set))
    }
}

impl FromIterator<(String, Arc<NameSet>)> for Lists {
    fn from_iter<T: IntoIterator<Item = (String, Arc<NameSet>)>>(sets: T) -> Self {
        let named: BTreeMap<String, Arc<NameSet>> = sets.into_iter().collect();
        let mut names: BTreeMap<String, ListId> = BTreeMap::new();
        // In the order of names, the categories of a list stand together.
        for (name, at) in named.keys().zip(0..) {
            if let Some((list, _)) = name.split_once('/').filter(|(list, _)| !named.contains_key(*list)) {
                names.entry(list.to_owned()).or_insert(ListId { begin: at, end: at }).end = at + 1;
            }
            names.insert(name.clone(), ListId { begin: at, end: at + 1 });
        }
        Self(Arc::new(Named { sets: named.into_iter().collect(), names }))
    }
}

#[cfg(test)]
mod tests;
