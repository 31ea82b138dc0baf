//! Reads a list as it is published: a document, or an archive of categories, packed or not.
//!
//! An archive has one folder a category, with files `domains` and `urls` in it, below a folder of its own: the shape of
//! squidGuard's lists, in which UT1 and Shalla are published. A link to a folder is another name of that category.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{self, Cursor, Read};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use flate2::read::MultiGzDecoder;
use tar::EntryType;

use super::read::{Allowance, Error, Reading, Report};
use super::set::NameSet;

/// The files that are read of a category. Others hold regular expressions, or words for people.
pub const FILES: [&str; 2] = ["domains", "urls"];

/// Categories in one archive or folder.
const MOST_CATEGORIES: usize = 1000;

/// Octets of what an archive says of its next file beside its header: names of any sense, and what pax adds.
const MOST_HEADER: u64 = 64 * 1024;

/// A list that was read: one set, or one for each category.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// The sets, by their categories. A list that has none is the category of no name.
    pub sets: BTreeMap<String, Part>,
}

/// A set, and what was read of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// What it holds.
    pub set: Arc<NameSet>,
    /// What was read.
    pub report: Arc<Report>,
}

/// Categories that are being read.
#[derive(Debug, Default)]
pub struct Categories {
    readings: BTreeMap<String, Reading>,
    /// Other names of categories.
    links: BTreeMap<String, String>,
    /// Whether what is in the files is passed over.
    only_names: bool,
}

impl Content {
    /// The list of one document.
    pub fn of(reading: Reading) -> Result<Self, Error> {
        reading.check()?;
        Self::of_own(reading)
    }

    /// The list of what an operator has written down, in which a single word is a host.
    pub fn of_own(reading: Reading) -> Result<Self, Error> {
        reading.check_own()?;
        Ok(Self { sets: BTreeMap::from([(String::new(), Part::of(reading))]) })
    }

    /// Reads a list from its beginning: gzip and tar are known by their first octets.
    pub fn read(from: impl Read, bounds: Allowance) -> Result<Self, Error> {
        Self::read_into(Categories::default(), from, bounds)
    }

    /// Reads it to its end, and gives the names of its categories, without what is in them; none if it has none.
    pub fn categories(from: impl Read, bounds: Allowance) -> Result<Vec<String>, Error> {
        let names = Categories { only_names: true, ..Categories::default() };
        let content = Self::read_into(names, from, bounds)?;
        Ok(content.sets.into_keys().filter(|name| !name.is_empty()).collect())
    }

    fn read_into(categories: Categories, from: impl Read, mut bounds: Allowance) -> Result<Self, Error> {
        let (begin, from) = peek(from)?;
        if begin.starts_with(&[0x1f, 0x8b]) {
            let (begin, from) = peek(MultiGzDecoder::new(from))?;
            return Self::unpacked(categories, &begin, from, &mut bounds);
        }
        Self::unpacked(categories, &begin, from, &mut bounds)
    }

    fn unpacked(into: Categories, begin: &[u8], from: impl Read, bounds: &mut Allowance) -> Result<Self, Error> {
        // POSIX.1-2017, pax: the magic of a ustar header.
        if begin.get(257..262) == Some(b"ustar") {
            return archive(into, from, bounds);
        }
        let mut reading = Reading::default();
        reading.document("", from, bounds)?;
        Self::of(reading)
    }
}

impl Part {
    fn of(Reading { builder, report, .. }: Reading) -> Self {
        Self { set: Arc::new(builder.build()), report: Arc::new(report) }
    }
}

impl Categories {
    /// Reads a file of a category. What it takes is taken from `bounds`.
    pub fn file(&mut self, category: &str, file: &str, from: impl Read, bounds: &mut Allowance) -> Result<(), Error> {
        if !self.readings.contains_key(category) && self.readings.len() >= MOST_CATEGORIES {
            return Err(Error::TooManyCategories(MOST_CATEGORIES));
        }
        let reading = self.readings.entry(category.to_owned()).or_default();
        if self.only_names {
            // The archive around it goes to the end of it.
            return Ok(());
        }
        reading.document(file, from, bounds)
    }

    /// Another name of a category.
    pub fn link(&mut self, name: String, category: String) {
        if self.links.len() < MOST_CATEGORIES {
            self.links.insert(name, category);
        }
    }

    /// The list of all that was read. With `strip`, a folder around all of them has no part in their names.
    pub fn finish(self, strip: bool) -> Result<Content, Error> {
        let root = self.readings.keys().next().and_then(|first| first.split_once('/')).map(|(root, _)| root.to_owned());
        let root = root.filter(|_| strip).map(|root| root + "/");
        let root = root.filter(|root| self.readings.keys().all(|category| category.starts_with(root.as_str())));
        let inner = |name: &str| match &root {
            Some(root) => name.strip_prefix(root.as_str()).map(str::to_owned),
            None => Some(name.to_owned()),
        };
        let mut sets = BTreeMap::new();
        for (category, reading) in self.readings {
            sets.extend(inner(&category).map(|category| (category, Part::of(reading))));
        }
        if sets.is_empty() {
            return Err(Error::NoCategory);
        }
        let lines: u64 = sets.values().map(|part: &Part| part.report.lines).sum();
        if sets.values().all(|part| part.report.forms.is_empty()) && lines > 0 {
            return Err(Error::Nothing(lines));
        }
        for (name, category) in self.links {
            let part = inner(&category).and_then(|category| sets.get(&category).cloned());
            if let (Some(name), Some(part)) = (inner(&name), part) {
                sets.entry(name).or_insert(part);
            }
        }
        Ok(Content { sets })
    }
}

/// Reads an archive as a whole: a packing that is broken behind its end is noticed, too.
fn archive(into: Categories, from: impl Read, bounds: &mut Allowance) -> Result<Content, Error> {
    let whole = bounds.octets;
    let mut from = from.take(whole.saturating_add(1));
    let read = categories(into, &mut from, bounds).and_then(|categories| {
        io::copy(&mut from, &mut io::sink())?;
        Ok(categories)
    });
    if from.limit() == 0 {
        return Err(Error::TooLong(whole));
    }
    read?.finish(true)
}

fn categories(into: Categories, from: impl Read, bounds: &mut Allowance) -> Result<Categories, Error> {
    let mut archive = tar::Archive::new(from);
    let (mut categories, mut long) = (into, LongNames::default());
    // Raw: what a header says of the next one would be read into memory otherwise, however long it is.
    for entry in archive.entries()?.raw(true) {
        let mut entry = entry?;
        if long.take(&mut entry)? {
            continue;
        }
        let LongNames { path, target } = std::mem::take(&mut long);
        let path = path.map_or_else(|| entry.path().map(Cow::into_owned), Ok)?;
        let kind = entry.header().entry_type();
        if matches!(kind, EntryType::Symlink) {
            let target =
                target.map_or_else(|| entry.link_name().map(|link| link.map(Cow::into_owned)), |t| Ok(Some(t)))?;
            let target = target.and_then(|target| name(path.parent()?.join(target).as_path()));
            if let (Some(name), Some(target)) = (name(&path), target) {
                categories.link(name, target);
            }
            continue;
        }
        let file = path.file_name().and_then(|file| file.to_str()).unwrap_or_default();
        let category = path.parent().and_then(name).filter(|category| !category.is_empty());
        if let (EntryType::Regular, true, Some(category)) = (kind, FILES.contains(&file), category) {
            let file = file.to_owned();
            categories.file(&category, &file, entry, bounds)?;
        }
    }
    Ok(categories)
}

/// Names that do not fit into a header, and stand before it.
#[derive(Default)]
struct LongNames {
    path: Option<PathBuf>,
    target: Option<PathBuf>,
}

impl LongNames {
    /// Takes what an entry says of the next one. False if the entry is no such thing.
    fn take(&mut self, entry: &mut tar::Entry<'_, impl Read>) -> Result<bool, Error> {
        let kind = entry.header().entry_type();
        let is_pax = kind.is_pax_local_extensions();
        if kind.is_pax_global_extensions() {
            return Ok(true);
        }
        if !is_pax && !kind.is_gnu_longname() && !kind.is_gnu_longlink() {
            return Ok(false);
        }
        if entry.size() > MOST_HEADER {
            return Err(Error::LongHeader(MOST_HEADER));
        }
        if is_pax {
            for extension in entry.pax_extensions()?.into_iter().flatten() {
                let extension = extension?;
                match extension.key_bytes() {
                    b"path" => self.path = Some(path_of(extension.value_bytes())),
                    b"linkpath" => self.target = Some(path_of(extension.value_bytes())),
                    _ => {}
                }
            }
            return Ok(true);
        }
        let mut name = Vec::new();
        entry.read_to_end(&mut name)?;
        let end = name.iter().position(|octet| *octet == 0).unwrap_or(name.len());
        let whole = Some(path_of(name.get(..end).unwrap_or_default()));
        if kind.is_gnu_longname() {
            self.path = whole;
        } else {
            self.target = whole;
        }
        Ok(true)
    }
}

fn path_of(octets: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(octets))
}

/// The name of the category in a folder: plain names, divided by slashes. None if it leads elsewhere, or holds what no name
/// in a configuration does.
pub fn name(folder: &Path) -> Option<String> {
    let mut names: Vec<&str> = Vec::new();
    for component in folder.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => drop(names.pop()?),
            Component::Normal(name) => names.push(name.to_str().filter(|name| is_plain(name))?),
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(names.join("/"))
}

fn is_plain(name: &str) -> bool {
    name.len() <= 100 && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '+'))
}

/// The first octets, and the whole.
fn peek(mut from: impl Read) -> Result<(Vec<u8>, impl Read), Error> {
    let mut begin = Vec::new();
    from.by_ref().take(512).read_to_end(&mut begin)?;
    Ok((begin.clone(), Cursor::new(begin).chain(from)))
}
