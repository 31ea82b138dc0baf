//! A round that is not whole yet: the pages read so far, in a file of their own, so that a restart goes on where it was.

use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use redb::backends::FileBackend;
use redb::{Database, Durability, ReadableDatabase as _, ReadableTable as _, TableDefinition};
use serde::{Deserialize, Serialize};

use super::asking::Wanted;
use super::fault::Fault;
use super::page::{Link, Page};
use crate::clock::Timestamp;
use crate::directory::error::{Error, failed};
use crate::disk;

const PAGES: TableDefinition<'_, (u8, u64), &[u8]> = TableDefinition::new("pages");
const ROUND: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("round");

/// Memory for pages of the file.
const PAGE_CACHE: usize = 16 * 1024 * 1024;

/// After how many pages the disk is synced. A crash repeats that many.
const SYNCED_EVERY: u64 = 16;

/// What is enumerated, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Part {
    /// People.
    Users,
    /// Groups and their members.
    Groups,
}

impl Part {
    pub(super) fn wanted(self) -> Wanted {
        match self {
            Self::Users => Wanted::USERS,
            Self::Groups => Wanted::GROUPS,
        }
    }

    fn number(self) -> u8 {
        match self {
            Self::Users => 0,
            Self::Groups => 1,
        }
    }
}

/// Where a round begins, and how far it has come.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Progress {
    /// What is read: Graph and the tenant, and what is asked of it. A round of something else is not gone on with.
    pub(super) of: String,
    /// When the last good round was applied before it began. Another node may have made others since: then it is not gone on
    /// with, because what it has read is older than what is known.
    #[serde(default)]
    pub(super) after: Option<Timestamp>,
    /// Whether it reads everything, and not only what has changed.
    pub(super) full: bool,
    /// The links with which the two enumerations begin.
    pub(super) starts: [String; 2],
    /// What is read next, and where.
    pub(super) next: Option<(Part, String)>,
    /// The links that tell later what has changed since.
    pub(super) deltas: [String; 2],
    /// How many pages there are, and objects in them, by part.
    pub(super) pages: u64,
    pub(super) objects: [u64; 2],
    /// How many bytes the pages have.
    #[serde(default)]
    pub(super) bytes: u64,
}

impl std::fmt::Debug for Progress {
    /// Without the links: they hold tokens.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Progress");
        shown.field("full", &self.full).field("pages", &self.pages).field("objects", &self.objects);
        shown.finish_non_exhaustive()
    }
}

impl Progress {
    pub(super) fn begin(of: String, full: bool, starts: [String; 2]) -> Self {
        let next = starts.first().map(|link| (Part::Users, link.clone()));
        Self { of, after: None, full, starts, next, deltas: Default::default(), pages: 0, objects: [0; 2], bytes: 0 }
    }

    fn link(links: &[String; 2], part: Part) -> &String {
        let [users, groups] = links;
        if part == Part::Users { users } else { groups }
    }

    fn advance(&mut self, part: Part, link: &Link, objects: u64) {
        self.pages += 1;
        let [users, groups] = &mut self.objects;
        *(if part == Part::Users { users } else { groups }) += objects;
        self.next = match (link, part) {
            (Link::Next(next), _) => Some((part, next.clone())),
            (Link::Delta(_), Part::Users) => Some((Part::Groups, Self::link(&self.starts, Part::Groups).clone())),
            (Link::Delta(_), Part::Groups) => None,
        };
        if let Link::Delta(delta) = link {
            let [users, groups] = &mut self.deltas;
            (if part == Part::Users { users } else { groups }).clone_from(delta);
        }
    }
}

/// The file of a round.
pub(super) struct Staged {
    database: Database,
    path: PathBuf,
    pub(super) progress: Progress,
}

impl std::fmt::Debug for Staged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Staged").field("progress", &self.progress).finish_non_exhaustive()
    }
}

impl Staged {
    /// Goes on with the round in the file if it is of the same kind as `fresh`; else begins that one.
    pub(super) fn open(path: &Path, fresh: Progress) -> Result<Self, Fault> {
        let database = open(path).or_else(|_| {
            // It holds nothing that cannot be read again.
            drop(std::fs::remove_file(path));
            open(path)
        })?;
        let mut staged = Self { database, path: path.to_owned(), progress: fresh };
        match staged.kept()? {
            // One that reads everything is as good as one that reads what has changed.
            Some(kept)
                if (&kept.of, kept.after) == (&staged.progress.of, staged.progress.after)
                    && kept.full >= staged.progress.full =>
            {
                staged.progress = kept;
            }
            _ => staged.clear(&[Part::Users, Part::Groups])?,
        }
        Ok(staged)
    }

    fn kept(&self) -> Result<Option<Progress>, Fault> {
        let read = self.database.begin_read().map_err(failed)?;
        let table = match read.open_table(ROUND) {
            Ok(table) => table,
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
            Err(error) => return Err(failed(error).into()),
        };
        let kept = table.get("progress").map_err(failed)?;
        Ok(kept.and_then(|kept| serde_json::from_slice(kept.value()).ok()))
    }

    /// Keeps a page.
    pub(super) fn keep(&mut self, part: Part, body: &[u8], page: &Page) -> Result<(), Fault> {
        let number = self.progress.pages;
        self.progress.advance(part, &page.link, page.objects.len() as u64);
        self.progress.bytes = self.progress.bytes.saturating_add(body.len() as u64);
        let mut write = self.database.begin_write().map_err(failed)?;
        if !number.is_multiple_of(SYNCED_EVERY) && self.progress.next.is_some() {
            write.set_durability(Durability::None).map_err(failed)?;
        }
        write.open_table(PAGES).map_err(failed)?.insert((part.number(), number), body).map_err(failed)?;
        self.note(write)
    }

    /// Begins one enumeration again: its next page is gone.
    pub(super) fn restart(&mut self, part: Part) -> Result<(), Fault> {
        self.progress.next = Some((part, Progress::link(&self.progress.starts, part).clone()));
        self.clear(&[part])
    }

    fn clear(&self, parts: &[Part]) -> Result<(), Fault> {
        let write = self.database.begin_write().map_err(failed)?;
        {
            let mut pages = write.open_table(PAGES).map_err(failed)?;
            for part in parts {
                pages.retain(|(of, _), _| of != part.number()).map_err(failed)?;
            }
        }
        self.note(write)
    }

    fn note(&self, write: redb::WriteTransaction) -> Result<(), Fault> {
        let progress = serde_json::to_vec(&self.progress).map_err(Error::from)?;
        write.open_table(ROUND).map_err(failed)?.insert("progress", progress.as_slice()).map_err(failed)?;
        Ok(write.commit().map_err(failed)?)
    }

    /// Hands each page over, users first, in the order in which they came.
    pub(super) fn each(&self, mut take: impl FnMut(Part, Page) -> Result<(), Fault>) -> Result<(), Fault> {
        let read = self.database.begin_read().map_err(failed)?;
        let pages = read.open_table(PAGES).map_err(failed)?;
        for entry in pages.iter().map_err(failed)? {
            let (key, body) = entry.map_err(failed)?;
            let part = if key.value().0 == Part::Users.number() { Part::Users } else { Part::Groups };
            take(part, Page::read(body.value())?)?;
        }
        Ok(())
    }

    /// Forgets the round: it is in the directory, or is not wanted any more.
    pub(super) fn remove(&self) {
        // If that fails, the next round finds one that is whole, and applies it once more, which changes nothing.
        drop(std::fs::remove_file(&self.path));
    }
}

fn open(path: &Path) -> Result<Database, Fault> {
    let cannot = |error| Error::Open(path.display().to_string(), error);
    let mut options = std::fs::OpenOptions::new();
    let file = options.read(true).write(true).create(true).truncate(false).mode(disk::PRIVATE).open(path);
    let backend = FileBackend::new(file.map_err(cannot)?).map_err(failed)?;
    let mut builder = Database::builder();
    builder.set_cache_size(PAGE_CACHE);
    Ok(builder.create_with_backend(backend).map_err(failed)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_is_gone_on_with_unless_another_was_applied_since_it_began() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.round");
        let fresh = |seconds: i64| Progress {
            after: Some(Timestamp::from_second(seconds).unwrap()),
            ..Progress::begin("x".to_owned(), true, ["u".to_owned(), "g".to_owned()])
        };
        let body = br#"{"value":[{"id":"1"}],"@odata.nextLink":"n"}"#;
        let mut staged = Staged::open(&path, fresh(1)).unwrap();
        staged.keep(Part::Users, body, &Page::read(body).unwrap()).unwrap();
        drop(staged);
        let again = Staged::open(&path, fresh(1)).unwrap();
        assert_eq!((again.progress.pages, again.progress.next), (1, Some((Part::Users, "n".to_owned()))));
        drop(again.database);
        let other = Staged::open(&path, fresh(2)).unwrap();
        assert_eq!((other.progress.pages, &other.progress.next), (0, &Some((Part::Users, "u".to_owned()))));
        let mut pages = 0;
        other
            .each(|_, _| {
                pages += 1;
                Ok(())
            })
            .unwrap();
        assert_eq!(pages, 0, "nothing of it is applied");
    }
}
