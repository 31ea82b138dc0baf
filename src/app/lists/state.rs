//! The files of a list in the state folder: the last good copy of what was fetched, what is known of it, and the list as it is
//! in memory. Each is written as a whole or not at all.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

use super::Shelf;
use crate::clock::Timestamp;
use crate::disk;
use crate::egress::client::Validators;
use crate::lists::cache::{self, Stamp};
use crate::lists::{Config, Content, Digest};
use crate::seal::sha256;

/// Lists with fewer entries are read as quickly from what they are made from.
const WORTH: u64 = 20_000;

/// What is known of a copy. It is good for that copy alone, whose SHA-256 stands there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Copied {
    /// In hexadecimal.
    pub(super) sha256: String,
    pub(super) validators: Validators,
    /// When it came.
    pub(super) since: Option<Timestamp>,
    /// When it was last known to be up to date.
    pub(super) checked: Option<Timestamp>,
}

impl Copied {
    pub(super) fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// The files of one list.
pub(super) struct Files {
    stem: PathBuf,
}

impl Files {
    /// The list's name as far as a file can be called so, and what it is made from: a copy is good for that alone.
    pub(super) fn of(config: &Config, state: &Path) -> Self {
        let from = format!("{}\n{:?}\n{:?}", config.name, config.source(), config.max_size);
        let hash: String = sha256(from.as_bytes()).iter().take(8).map(|octet| format!("{octet:02x}")).collect();
        let plain = config.name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' });
        let name = plain.take(40).collect::<String>() + "-" + &hash;
        Self { stem: state.join("lists").join(name) }
    }

    /// The last good copy, as it was sent.
    pub(super) fn copy(&self) -> PathBuf {
        self.stem.with_extension("copy")
    }

    /// What is being fetched.
    pub(super) fn part(&self) -> PathBuf {
        self.stem.with_extension("part")
    }

    fn about(&self) -> PathBuf {
        self.stem.with_extension("json")
    }

    fn cache(&self) -> PathBuf {
        self.stem.with_extension("cache")
    }

    /// Makes the folder that they are in.
    pub(super) fn make_folder(&self) -> io::Result<()> {
        self.stem.parent().map_or(Ok(()), disk::make_folder)
    }

    /// What is known of the copy. Nothing, if that cannot be read: it is fetched anew then.
    pub(super) fn read_about(&self) -> Copied {
        let text = fs::read(self.about()).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    pub(super) fn write_about(&self, copied: &Copied) -> io::Result<()> {
        whole(&self.about(), |file| serde_json::to_writer(file, copied).map_err(io::Error::from))
    }

    /// The list that was made from what `stamp` stands for.
    pub(super) fn read_cache(&self, stamp: &Stamp) -> Option<Content> {
        let path = self.cache();
        let file = File::open(&path).ok()?;
        let length = file.metadata().ok()?.len();
        let read = cache::read(stamp, file, length);
        let said = read.inspect_err(|error| {
            tracing::warn!(file = %path.display(), %error, "a kept list is broken: it is made anew");
        });
        said.ok().flatten()
    }

    /// Keeps a list that takes a while to be made.
    pub(super) fn write_cache(&self, content: &Content, stamp: &Stamp, shelf: &Shelf) {
        let entries: u64 = content.sets.values().map(|part| part.set.len()).sum();
        if entries < WORTH || !shelf.keeps {
            return;
        }
        let written = self.make_folder().and_then(|()| whole(&self.cache(), |file| cache::write(content, stamp, file)));
        if let Err(error) = written {
            let file = self.cache();
            tracing::warn!(file = %file.display(), %error, "a list cannot be kept: the next start takes longer");
        }
    }
}

/// What a list is made from, and by which version, as a hash.
pub(super) fn stamp(of: &str) -> Stamp {
    sha256(format!("{}\n{of}", env!("CARGO_PKG_VERSION")).as_bytes())
}

/// Writes a file as a whole or not at all.
fn whole(path: &Path, write: impl FnOnce(&File) -> io::Result<()>) -> io::Result<()> {
    let new = path.with_added_extension("new");
    let file = File::create(&new)?;
    write(&file)?;
    file.sync_all()?;
    fs::rename(&new, path)
}

/// The SHA-256 of a file.
pub(super) fn digest(path: &Path) -> io::Result<Digest> {
    struct Sum(Context);
    impl io::Write for Sum {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.0.update(octets);
            Ok(octets.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut sum = Sum(Context::new(&SHA256));
    io::copy(&mut File::open(path)?, &mut sum)?;
    let sum = sum.0.finish();
    sum.as_ref().try_into().map(Digest).map_err(|_| io::ErrorKind::InvalidData.into())
}
