//! Reads a list from where it is at hand: the configuration, a file, a folder of categories, or the last good copy.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::state::{Copied, Files, digest, stamp};
use super::{Held, Shelf};
use crate::lists::archive::{FILES, name};
use crate::lists::cache::Stamp;
use crate::lists::read::Error;
use crate::lists::{Allowance, Categories, Config, Content, Reading, Source};

/// How deep categories may be inside each other.
const DEEPEST: usize = 8;

/// What is known of a list, once it has been looked at again. If it cannot be read, what was known `before` stays.
pub(super) fn load(config: &Config, shelf: &Shelf, before: Option<&Held>) -> Held {
    let held = before.cloned().unwrap_or_else(|| Held::new(config));
    let files = Files::of(config, &shelf.state);
    let loaded = match config.source() {
        Some(Source::Entries(entries)) => inline(entries, &held, shelf),
        Some(Source::File(path)) => file(path, &files, &held, shelf),
        Some(Source::Folder(path)) => folder(path, &files, &held, shelf),
        // What was fetched by this program is what it knows.
        Some(Source::Url(_)) if before.is_some() => return held,
        Some(Source::Url(_)) => copy(&files, &held, shelf),
        None => Ok(held.clone()),
    };
    loaded.unwrap_or_else(|error| held.failed(error))
}

/// What tells whether the files of a list have changed. None if it has none.
pub(super) fn stamp_of(config: &Config) -> Option<Stamp> {
    match config.source()? {
        Source::File(path) => stamp_of_files([path]).ok(),
        Source::Folder(path) => Walked::walk(path).ok()?.stamp().ok(),
        Source::Entries(_) | Source::Url(_) => None,
    }
}

/// Reads a fetched list from its copy, or from what is kept of it.
pub(super) fn read_copy(
    path: &Path,
    sha256: &str,
    bounds: Allowance,
    files: &Files,
    shelf: &Shelf,
) -> Result<(Content, Stamp), Error> {
    kept_or(files, stamp(sha256), shelf, || Content::read(File::open(path)?, bounds))
}

fn inline(entries: &[String], held: &Held, shelf: &Shelf) -> Result<Held, Error> {
    let stamp = stamp(&format!("{entries:?}"));
    if held.stamp == Some(stamp) {
        return Ok(held.clone());
    }
    let (mut reading, mut bounds) = (Reading::default(), held.config.bounds());
    reading.document("", entries.join("\n").as_bytes(), &mut bounds)?;
    Ok(held.with(Content::of_own(reading)?, stamp, shelf.clock.now()))
}

fn file(path: &Path, files: &Files, held: &Held, shelf: &Shelf) -> Result<Held, Error> {
    let stamp = stamp_of_files([path])?;
    if held.stamp == Some(stamp) {
        return Ok(Held { checked: Some(shelf.clock.now()), error: None, ..held.clone() });
    }
    let bounds = held.config.bounds();
    let (content, stamp) = kept_or(files, stamp, shelf, || Content::read(File::open(path)?, bounds))?;
    Ok(held.with(content, stamp, shelf.clock.now()))
}

fn folder(path: &Path, files: &Files, held: &Held, shelf: &Shelf) -> Result<Held, Error> {
    let walked = Walked::walk(path)?;
    let stamp = walked.stamp()?;
    if held.stamp == Some(stamp) {
        return Ok(Held { checked: Some(shelf.clock.now()), error: None, ..held.clone() });
    }
    let bounds = held.config.bounds();
    let (content, stamp) = kept_or(files, stamp, shelf, || walked.read(bounds))?;
    Ok(held.with(content, stamp, shelf.clock.now()))
}

/// The last good copy. What is known of it is forgotten where the copy is not the one that it is known of.
fn copy(files: &Files, held: &Held, shelf: &Shelf) -> Result<Held, Error> {
    let copied = files.read_about();
    if copied.is_none() {
        return Ok(held.clone());
    }
    let path = files.copy();
    let is_that = digest(&path).is_ok_and(|digest| digest.to_string() == copied.sha256);
    if !is_that {
        tracing::warn!(
            list = held.config.name,
            "the copy of a list in the state folder is not what was fetched: it is not used"
        );
        return Ok(held.clone());
    }
    if held.config.sha256.is_some_and(|wanted| wanted.to_string() != copied.sha256) {
        // Another one is wanted now.
        return Ok(held.clone());
    }
    let (content, stamp) = read_copy(&path, &copied.sha256, held.config.bounds(), files, shelf)?;
    let Copied { since, checked, .. } = copied;
    Ok(Held { since, checked, copied, ..held.with(content, stamp, shelf.clock.now()) })
}

fn kept_or(
    files: &Files,
    stamp: Stamp,
    shelf: &Shelf,
    read: impl FnOnce() -> Result<Content, Error>,
) -> Result<(Content, Stamp), Error> {
    if let Some(kept) = files.read_cache(&stamp) {
        return Ok((kept, stamp));
    }
    let content = read()?;
    files.write_cache(&content, &stamp, shelf);
    Ok((content, stamp))
}

/// A file that is written anew is another one, or has another time, or another length.
fn stamp_of_files<'p>(paths: impl IntoIterator<Item = &'p Path>) -> io::Result<Stamp> {
    let mut all = String::new();
    for path in paths {
        let found = fs::metadata(path)?;
        let (time, nanoseconds) = (found.mtime(), found.mtime_nsec());
        // Writing into a string does not fail.
        writeln!(all, "{path:?} {time} {nanoseconds} {} {}", found.len(), found.ino()).ok();
    }
    Ok(stamp(&all))
}

/// The files of a folder of categories.
#[derive(Default)]
struct Walked {
    /// By category: its files.
    files: BTreeMap<String, Vec<(&'static str, PathBuf)>>,
    /// Other names of categories.
    links: Vec<(String, String)>,
}

impl Walked {
    fn walk(root: &Path) -> Result<Self, Error> {
        let (mut walked, whole) = (Self::default(), fs::canonicalize(root)?);
        walked.folder(&whole, &whole, 0)?;
        Ok(walked)
    }

    fn folder(&mut self, root: &Path, folder: &Path, depth: usize) -> Result<(), Error> {
        let below = |path: &Path| path.strip_prefix(root).ok().and_then(name);
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let (path, kind) = (entry.path(), entry.file_type()?);
            if kind.is_symlink() && path.is_dir() {
                // Another name of a category beside it. One that leads elsewhere is not followed.
                let target = fs::canonicalize(&path)?;
                self.links.extend(below(&path).zip(below(&target)));
            } else if kind.is_dir() && depth < DEEPEST {
                self.folder(root, &path, depth + 1)?;
            } else if let Some(file) = FILES.into_iter().find(|file| entry.file_name() == *file)
                && let Some(category) = below(folder).filter(|category| !category.is_empty())
                && path.is_file()
            {
                self.files.entry(category).or_default().push((file, path));
            }
        }
        Ok(())
    }

    fn stamp(&self) -> io::Result<Stamp> {
        let mut paths: Vec<&Path> = self.files.values().flatten().map(|(_, path)| path.as_path()).collect();
        paths.sort();
        stamp_of_files(paths).map(|files| stamp(&format!("{files:?} {:?}", self.links)))
    }

    fn read(self, mut bounds: Allowance) -> Result<Content, Error> {
        let mut categories = Categories::default();
        for (category, files) in &self.files {
            for (file, path) in files {
                categories.file(category, file, File::open(path)?, &mut bounds)?;
            }
        }
        self.links.into_iter().for_each(|(name, category)| categories.link(name, category));
        categories.finish(false)
    }
}
