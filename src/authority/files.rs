//! The authority in the state folder: made once, followed by a successor, which is promoted, after which the one before is
//! retired.
//!
//! Each has a number, and files of its own that never change. One small file says which of them issues leaves, and which are
//! published: it is replaced whole, so that a crash leaves the roll-over before a step or after it.

use std::fs::File;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rcgen::KeyPair;
use rustls::pki_types::CertificateDer;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::config::Config;
use super::described::{Described, Role, can_vouch};
use super::error::Error;
use super::issuing::Issuing;
use super::made::{self, Made};
use super::names::Names;
use crate::clock::Timestamp;
use crate::disk;

/// The file of the first authority's certificate in the state folder.
pub const CERTIFICATE_FILE: &str = "authority.pem";

/// The file of its key.
pub const KEY_FILE: &str = "authority.key";

/// The file that says which authority issues leaves. Without it, the first one does.
const ROLL_FILE: &str = "authority.json";

/// Which authorities there are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Roll {
    /// The number of the one that issues leaves.
    issues: u32,
    /// Those that devices are to trust.
    published: Vec<u32>,
}

impl Roll {
    fn read(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(ROLL_FILE);
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                let unusable = |why: String| Error::Unusable(ROLL_FILE.to_owned(), why);
                let roll: Self = serde_json::from_str(&text).map_err(|error| unusable(error.to_string()))?;
                let is_good = roll.issues > 0 && roll.published.contains(&roll.issues) && roll.published.len() <= 2;
                if is_good { Ok(roll) } else { Err(unusable("it contradicts itself".to_owned())) }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self { issues: 1, published: vec![1] }),
            Err(error) => Err(Error::file(&path, error)),
        }
    }

    fn write(&self, folder: &Path) -> Result<(), Error> {
        let text =
            serde_json::to_vec(self).map_err(|error| Error::Unusable(ROLL_FILE.to_owned(), error.to_string()))?;
        write(folder, ROLL_FILE, &text, disk::PUBLIC)
    }

    /// The successor that waits, if there is one.
    fn successor(&self) -> Option<u32> {
        self.published.iter().copied().find(|number| *number > self.issues)
    }

    /// The one before, as long as it is published.
    fn predecessor(&self) -> Option<u32> {
        self.published.iter().copied().find(|number| *number < self.issues)
    }

    fn role(&self, number: u32) -> Role {
        match number.cmp(&self.issues) {
            std::cmp::Ordering::Less => Role::Predecessor,
            std::cmp::Ordering::Equal => Role::Current,
            std::cmp::Ordering::Greater => Role::Successor,
        }
    }
}

/// The names of an authority's files: certificate and key.
fn files(number: u32) -> (String, String) {
    match number {
        1 => (CERTIFICATE_FILE.to_owned(), KEY_FILE.to_owned()),
        number => (format!("authority-{number}.pem"), format!("authority-{number}.key")),
    }
}

/// The authority in `folder`; a new one is made when there is none.
pub(super) fn open(folder: &Path, config: &Config, names: &Names, now: Timestamp) -> Result<Issuing, Error> {
    disk::make_folder(folder).map_err(|error| Error::file(folder, error))?;
    let (certificate, key) = (folder.join(CERTIFICATE_FILE), folder.join(KEY_FILE));
    if Roll::read(folder)?.issues == 1 && !(certificate.exists() && key.exists()) {
        let _turn = turn(folder)?;
        make(folder, &|| made::authority(config, names, now))?;
    }
    read(folder, names, now)
}

/// The numbers of all authorities but the first whose keys are in `folder`.
fn followers(folder: &Path) -> Vec<u32> {
    let all = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let number = |name: &str| name.strip_prefix("authority-")?.strip_suffix(".key")?.parse().ok();
    all.filter_map(|entry| number(entry.file_name().to_str()?)).filter(|number| *number > 1).collect()
}

/// Fails where the first authority is gone, and others are there: it was followed, and what says so is gone, too. Another one in
/// its place would be one that no device trusts.
fn must_be_first(folder: &Path) -> Result<(), Error> {
    match followers(folder).into_iter().max() {
        Some(last) if folder.join(ROLL_FILE).exists() => Err(Error::Incomplete(files(last).1, CERTIFICATE_FILE.into())),
        Some(last) => Err(Error::Incomplete(files(last).1, ROLL_FILE.into())),
        None => Ok(()),
    }
}

/// The authority in `folder`, as it is there.
pub(super) fn read(folder: &Path, names: &Names, now: Timestamp) -> Result<Issuing, Error> {
    let roll = Roll::read(folder)?;
    let (certificates, key) = pair(folder, roll.issues)?;
    let (current, crossed) = match &*certificates {
        [current, crossed @ ..] => (current.clone(), crossed.to_vec()),
        [] => return Err(Error::Unusable(files(roll.issues).0, "there is none in it".to_owned())),
    };
    // A device that trusts only the one before is shown what that one says of this one, as long as it may.
    let is_over = |der: &CertificateDer<'_>| Described::read(Role::Bridge, der).is_none_or(|one| one.until <= now);
    let crossed = crossed.into_iter().filter(|der| roll.predecessor().is_some() && !is_over(der));
    let chain = crossed.collect();
    let mut published: Vec<_> = Described::read(Role::Current, &current).into_iter().collect();
    for number in roll.published.iter().filter(|number| **number != roll.issues) {
        let name = files(*number).0;
        let found = made::certificates(&text(&folder.join(&name))?, &name)?;
        published.extend(found.first().and_then(|der| Described::read(roll.role(*number), der)));
    }
    Issuing::new(current, key, chain, published, names)
}

/// Whether there is an authority in `folder`, good or not.
pub(super) fn is_in(folder: &Path) -> bool {
    let (certificate, key) = files(Roll::read(folder).map_or(1, |roll| roll.issues));
    folder.join(certificate).exists() && folder.join(key).exists()
}

/// Whether the files in `folder` are an authority, where there is any. Changes nothing.
pub(super) fn check(folder: &Path) -> Result<(), Error> {
    let roll = Roll::read(folder)?;
    let (certificate, key) = (folder.join(CERTIFICATE_FILE), folder.join(KEY_FILE));
    match (certificate.exists(), key.exists()) {
        _ if roll.issues > 1 => {}
        (false, false) => return must_be_first(folder),
        (true, false) => return Err(Error::Incomplete(CERTIFICATE_FILE.into(), KEY_FILE.into())),
        // The start mends what a crash has left.
        (false, true) if secret(&key)?.is_empty() || disk::staged(&certificate).exists() => return Ok(()),
        (false, true) => return Err(Error::Incomplete(KEY_FILE.into(), CERTIFICATE_FILE.into())),
        (true, true) => {}
    }
    for number in &roll.published {
        pair(folder, *number)?;
    }
    Ok(())
}

/// The key files in `folder` that others may read, with their modes.
pub(super) fn wide_keys(folder: &Path) -> Vec<(PathBuf, u32)> {
    let numbers = Roll::read(folder).map(|roll| roll.published).unwrap_or_default();
    let wide = |number: u32| {
        let path = folder.join(files(number).1);
        let mode = std::fs::metadata(&path).ok()?.permissions().mode() & 0o777;
        (mode & 0o077 != 0).then_some((path, mode))
    };
    numbers.into_iter().filter_map(wide).collect()
}

/// What differs if the authority in `folder` has changed.
pub(super) fn watched(folder: &Path) -> Vec<PathBuf> {
    let mut all = vec![folder.join(ROLL_FILE)];
    for number in Roll::read(folder).map(|roll| roll.published).unwrap_or_default() {
        let (certificate, key) = files(number);
        all.extend([folder.join(certificate), folder.join(key)]);
    }
    all
}

/// Makes the authority that is to follow the one in force, and publishes it.
pub(super) fn make_successor(folder: &Path, names: &Names, now: Timestamp) -> Result<(), Error> {
    let _turn = turn(folder)?;
    let roll = Roll::read(folder)?;
    if roll.successor().is_some() {
        return Err(Error::Step(
            "there is a successor already: `vestibule ca promote` has it issue certificates".into(),
        ));
    }
    if roll.predecessor().is_some() {
        return Err(Error::Step(
            "the authority before this one is still published: `vestibule ca retire` ends that".into(),
        ));
    }
    let (certificates, key) = pair(folder, roll.issues)?;
    let current = certificates.first().ok_or_else(|| Error::Unusable(files(roll.issues).0, "it is empty".into()))?;
    let number = roll.issues.saturating_add(1);
    put(folder, number, &made::successor((current, &key), names, now)?)?;
    Roll { issues: roll.issues, published: vec![roll.issues, number] }.write(folder)
}

/// Has the successor issue leaves from now on; or, going back, the one before it again.
///
/// # Errors
///
/// Among others, where some clients will not take it that the one in force vouches for its successor, unless that is `forced`.
pub(super) fn promote(folder: &Path, back: bool, forced: bool) -> Result<(), Error> {
    let _turn = turn(folder)?;
    let roll = Roll::read(folder)?;
    let next = match back {
        false => roll.successor().ok_or("there is no successor: `vestibule ca successor` makes one"),
        true => roll.predecessor().ok_or("there is no authority before this one that is still published"),
    };
    let issues = next.map_err(|why| Error::Step(why.into()))?;
    pair(folder, issues)?;
    let current = if back || forced { Vec::new() } else { pair(folder, roll.issues)?.0 };
    if current.first().is_some_and(|current| !can_vouch(current)) {
        return Err(Error::Step(
            "the authority in force allows no other below it (pathlen:0), so Firefox and Go programs that trust only this one would \
             break: give them the successor's certificate first, and then say so with `vestibule ca promote --force`"
                .into(),
        ));
    }
    Roll { issues, published: roll.published }.write(folder)
}

/// Ends the publication of the authority before the one in force, and deletes its files; or those of a successor that is not
/// wanted after all.
pub(super) fn retire(folder: &Path, successor: bool) -> Result<(), Error> {
    let _turn = turn(folder)?;
    let roll = Roll::read(folder)?;
    let which = match successor {
        true => roll.successor().ok_or("there is no successor"),
        false => roll.predecessor().ok_or(if roll.successor().is_some() {
            "the authority in force cannot be retired: `vestibule ca promote` first; or throw the successor away with \
             `vestibule ca retire --successor`"
        } else {
            "there is no authority before this one"
        }),
    };
    // What a crash has left of one that was retired goes now.
    let has_first = folder.join(KEY_FILE).exists().then_some(1);
    let mut there = has_first.into_iter().chain(followers(folder));
    let is_after = |number: &u32| *number > roll.issues;
    let left = there.find(|number| !roll.published.contains(number) && is_after(number) == successor);
    let which = match (which, left) {
        (Ok(which), _) => which,
        (Err(_), Some(left)) => left,
        (Err(why), None) => return Err(Error::Step(why.into())),
    };
    let published = roll.published.into_iter().filter(|number| *number != which).collect();
    Roll { issues: roll.issues, published }.write(folder)?;
    let (certificate, key) = files(which);
    for path in [folder.join(key), folder.join(certificate)] {
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(Error::file(&path, error)),
            _ => {}
        }
    }
    Ok(())
}

/// Makes the first authority, unless it is there; or ends what a crash has interrupted.
fn make(folder: &Path, new: &dyn Fn() -> Result<Made, Error>) -> Result<(), Error> {
    let (certificate, key) = (folder.join(CERTIFICATE_FILE), folder.join(KEY_FILE));
    if key.exists() && !certificate.exists() {
        mend(&certificate, &key)?;
    }
    match (certificate.exists(), key.exists()) {
        (true, true) => Ok(()),
        (false, false) => {
            must_be_first(folder)?;
            put(folder, 1, &new()?)
        }
        (true, false) => Err(Error::Incomplete(CERTIFICATE_FILE.into(), KEY_FILE.into())),
        (false, true) => Err(Error::Incomplete(KEY_FILE.into(), CERTIFICATE_FILE.into())),
    }
}

/// Writes an authority's files. Both are whole on the disk before either has its name, so that a crash leaves nothing that has no
/// end.
fn put(folder: &Path, number: u32, made: &Made) -> Result<(), Error> {
    let (certificate, key) = files(number);
    let (certificate, key) = (folder.join(certificate), folder.join(key));
    let stage = |path: &Path, content: &str, mode| {
        disk::stage_for_owner(path, content.as_bytes(), mode).map_err(|error| Error::file(path, error))
    };
    let staged = stage(&certificate, &made.certificates, disk::PUBLIC)?;
    let staged_key = stage(&key, &made.key, disk::PRIVATE)?;
    finish(&staged_key, &key)?;
    finish(&staged, &certificate)
}

fn write(folder: &Path, name: &str, content: &[u8], mode: u32) -> Result<(), Error> {
    let path = folder.join(name);
    let staged = disk::stage_for_owner(&path, content, mode).map_err(|error| Error::file(&path, error))?;
    finish(&staged, &path)
}

/// Has others who would change the authority wait. It ends with what is given.
fn turn(folder: &Path) -> Result<Option<File>, Error> {
    let opened = File::open(folder).map_err(|error| Error::file(folder, error))?;
    // Some file systems that are shared have no such locks: whoever works there alone needs none.
    Ok(opened.lock().is_ok().then_some(opened))
}

fn pair(folder: &Path, number: u32) -> Result<(Vec<CertificateDer<'static>>, KeyPair), Error> {
    let (certificate, key) = files(number);
    let (certificate_path, key_path) = (folder.join(&certificate), folder.join(&key));
    for (one, name, other) in [(&certificate_path, &certificate, &key), (&key_path, &key, &certificate)] {
        if !one.exists() {
            return Err(Error::Incomplete(other.clone(), name.clone()));
        }
    }
    made::pair((&text(&certificate_path)?, &certificate), (&secret(&key_path)?, &key))
}

fn text(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|error| Error::file(path, error))
}

fn secret(path: &Path) -> Result<Zeroizing<String>, Error> {
    text(path).map(Zeroizing::new)
}

/// Ends what a crash has interrupted: a key without its certificate, which waits beside it; or, from a version that did not
/// write files whole, a key without anything in it, by which nothing was ever issued.
fn mend(certificate: &Path, key: &Path) -> Result<(), Error> {
    let (staged, key_pem) = (disk::staged(certificate), secret(key)?);
    if key_pem.is_empty() {
        std::fs::remove_file(key).map_err(|error| Error::file(key, error))
    } else if staged.exists() && made::pair((&text(&staged)?, CERTIFICATE_FILE), (&key_pem, KEY_FILE)).is_ok() {
        finish(&staged, certificate)
    } else {
        Ok(())
    }
}

fn finish(staged: &Path, path: &Path) -> Result<(), Error> {
    disk::finish(staged, path).map_err(|error| Error::file(path, error))
}
