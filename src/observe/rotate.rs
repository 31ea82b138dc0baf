//! A log file that is put aside when it is long or old, then compressed, and deleted when there are too many.
//!
//! Its path always names the file that is being written. A file that was put aside has the time in its name. If another
//! program has moved the file (logrotate), it is opened anew; if the disk is full, the oldest file that was put aside
//! is deleted.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::packed;
use crate::clock::Clock;
use crate::units;

/// When a log file is put aside, and what happens to it then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rotation {
    /// It is put aside before it gets longer than this, in bytes.
    #[serde(deserialize_with = "units::length")]
    pub size: usize,
    /// It is put aside after it has been written for this long.
    #[serde(deserialize_with = "units::std_duration")]
    pub age: Duration,
    /// How many files that were put aside are kept.
    pub keep: usize,
    /// Whether files that were put aside are compressed (Zstandard, RFC 8878).
    pub compress: bool,
}

impl Default for Rotation {
    fn default() -> Self {
        Self { size: 100 << 20, age: Duration::from_secs(24 * 3600), keep: 30, compress: true }
    }
}

/// A file to which lines are appended.
#[derive(Debug)]
pub(super) struct Rotated {
    path: PathBuf,
    rotation: Rotation,
    clock: Clock,
    file: File,
    length: u64,
    /// When it must be put aside because of its age.
    until: Instant,
    /// How many were put aside; a part of the name, because several may be put aside in one second.
    number: u32,
}

impl Rotated {
    /// Opens the file at `path`, and makes it if there is none.
    pub(super) fn open(path: &Path, rotation: Rotation, clock: Clock) -> io::Result<Self> {
        let file = open(path)?;
        let metadata = file.metadata()?;
        // The age of an empty file counts from now.
        let begun = if metadata.len() == 0 { None } else { metadata.created().ok() };
        let age = begun.and_then(|begun| begun.elapsed().ok()).unwrap_or_default();
        let until = Instant::now() + rotation.age.saturating_sub(age);
        Ok(Self { path: path.to_owned(), rotation, clock, file, length: metadata.len(), until, number: 0 })
    }

    /// Puts the file aside and begins another one.
    fn rotate(&mut self) -> io::Result<()> {
        let aside = self.free_name();
        fs::rename(&self.path, &aside)?;
        self.begin()?;
        if self.rotation.compress {
            // On a thread of its own: it may take a while, and lines go on coming.
            let keep = (self.path.clone(), self.rotation.keep);
            let compressing = std::thread::Builder::new().name("log-compression".to_owned());
            compressing.spawn(move || {
                if let Err(error) = packed::pack(&aside) {
                    tracing::error!(%error, file = %aside.display(), "a log file that was put aside cannot be compressed: it stays as it is");
                }
                prune(&keep.0, keep.1);
            })?;
        }
        prune(&self.path, self.rotation.keep);
        Ok(())
    }

    fn begin(&mut self) -> io::Result<()> {
        self.file = open(&self.path)?;
        self.length = self.file.metadata()?.len();
        self.until = Instant::now() + self.rotation.age;
        Ok(())
    }

    /// A name that sorts by time, and that no file has.
    fn free_name(&mut self) -> PathBuf {
        let now = self.clock.now().strftime("%Y%m%dT%H%M%SZ").to_string();
        let first = self.number;
        self.number += 1;
        let name = |number: u32| PathBuf::from(format!("{}-{now}-{:04}", self.path.display(), number % 10_000));
        let is_free = |path: &PathBuf| packed::names(path).iter().all(|name| !name.exists());
        (first..first.saturating_add(10_000)).map(name).find(is_free).unwrap_or_else(|| name(first))
    }

    /// Whether the path names another file than ours, or none.
    fn was_moved(&self) -> bool {
        let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
        match (fs::metadata(&self.path), self.file.metadata()) {
            (Ok(named), Ok(own)) => named.is_file() && identity(named) != identity(own),
            (Err(error), _) => error.kind() == io::ErrorKind::NotFound,
            _ => false,
        }
    }

    /// Writes all of it or nothing, so that no line is cut in the middle.
    fn append(&mut self, octets: &[u8]) -> io::Result<()> {
        let written = self.file.write_all(octets);
        match written {
            Ok(()) => self.length += octets.len() as u64,
            Err(_) => drop(self.file.set_len(self.length)),
        }
        written
    }
}

impl Write for Rotated {
    /// Takes whole lines.
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        if self.was_moved() {
            self.begin()?;
        }
        let is_long = self.length > 0 && self.length + octets.len() as u64 > self.rotation.size as u64;
        if is_long || (self.length > 0 && Instant::now() >= self.until) {
            // If the file cannot be put aside, it goes on growing, and this is tried again in a minute.
            if let Err(error) = self.rotate() {
                tracing::error!(%error, file = %self.path.display(), "a log file cannot be put aside: it goes on growing, and this is tried again in a minute");
                self.until = Instant::now() + Duration::from_secs(60);
            }
        }
        match self.append(octets) {
            Err(error) if error.kind() == io::ErrorKind::StorageFull && drop_oldest(&self.path) => {
                self.append(octets)?;
            }
            appended => appended?,
        }
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Opens a file for appending. Only its owner and its group may read it: it says who went where.
fn open(path: &Path) -> io::Result<File> {
    fs::OpenOptions::new().append(true).create(true).mode(0o640).open(path)
}

/// The file's name without the ending for compression.
fn uncompressed(path: &Path) -> PathBuf {
    let name = path.file_name().and_then(|name| name.to_str());
    name.map_or_else(|| path.to_owned(), |name| path.with_file_name(packed::bare(name)))
}

/// The log at `path` and those that were put aside, the newest first.
pub fn logs_of(path: &Path) -> Vec<PathBuf> {
    let mut all = vec![path.to_owned()];
    all.extend(aside(path).into_iter().rev());
    // One that is being compressed is there twice for a moment.
    all.dedup_by_key(|file| uncompressed(file));
    all
}

/// The files that were put aside, the oldest first.
fn aside(path: &Path) -> Vec<PathBuf> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return Vec::new() };
    // `-20261129T080512Z-0000`
    let is_ours = |entry: &PathBuf| {
        let found = entry.file_name().and_then(|found| found.to_str()).and_then(|found| found.strip_prefix(name));
        let time = found.and_then(|rest| rest.strip_prefix('-')).map(packed::bare);
        time.is_some_and(|time| {
            time.len() >= 21
                && time.as_bytes().get(8) == Some(&b'T')
                && time.bytes().all(|b| b.is_ascii_digit() || b"TZ-".contains(&b))
        })
    };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut all: Vec<_> = entries.map(|entry| entry.path()).filter(is_ours).collect();
    all.sort();
    all
}

/// Deletes all but the newest files. One that is being compressed may be there twice for a moment, and counts once.
fn prune(path: &Path, keep: usize) {
    let all = aside(path);
    let mut names: Vec<_> = all.iter().map(|file| uncompressed(file)).collect();
    names.dedup();
    let gone = names.len().saturating_sub(keep);
    let is_old = |file: &&PathBuf| names.iter().take(gone).any(|name| *name == uncompressed(file));
    for old in all.iter().filter(is_old) {
        if let Err(error) = fs::remove_file(old)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::error!(%error, file = %old.display(), "an old log file cannot be deleted: there are more of them than `keep` says");
        }
    }
}

/// Makes room on a full disk: it is better to lose the oldest records than the newest.
fn drop_oldest(path: &Path) -> bool {
    let Some(oldest) = aside(path).into_iter().next() else { return false };
    tracing::error!(file = %oldest.display(), "the disk is full: the oldest log file is deleted to make room");
    fs::remove_file(oldest).is_ok()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;
    use crate::clock::Timestamp;

    fn rotated(path: &Path, rotation: Rotation) -> Rotated {
        Rotated::open(path, rotation, Clock::by_hand(Timestamp::UNIX_EPOCH)).unwrap()
    }

    /// What all files hold together, the oldest first.
    fn text(path: &Path) -> String {
        let mut text = String::new();
        for file in aside(path) {
            let input = io::BufReader::new(File::open(&file).unwrap());
            packed::unpacked(&file, input).unwrap().read_to_string(&mut text).unwrap();
        }
        text + &fs::read_to_string(path).unwrap()
    }

    #[test]
    fn a_file_that_is_long_is_put_aside_compressed_and_the_oldest_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.log");
        let rotation = Rotation { size: 30, keep: 3, ..Rotation::default() };
        let mut log = rotated(&path, rotation);
        let lines: Vec<_> = (0..12).map(|number| format!("line {number:04}\n")).collect();
        for line in &lines {
            log.write_all(line.as_bytes()).unwrap();
        }
        let begun = Instant::now();
        while aside(&path).iter().any(|file| file.extension().is_none_or(|end| end != "zst")) || aside(&path).len() > 3
        {
            assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", aside(&path));
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(text(&path), lines[12 - 12..].concat(), "three aside and one more hold all of them");
        for line in &lines {
            log.write_all(line.as_bytes()).unwrap();
        }
        while aside(&path).iter().any(|file| file.extension().is_none_or(|end| end != "zst")) || aside(&path).len() > 3
        {
            assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", aside(&path));
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(text(&path), lines.concat(), "the oldest are gone");
        assert!(fs::read_dir(folder.path()).unwrap().count() <= 5);
    }

    #[test]
    fn a_file_that_is_there_twice_while_it_is_compressed_counts_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.log");
        let names = ["0000.gz", "0001.gz", "0002", "0002.zst", "0003"];
        for name in names {
            fs::write(folder.path().join(format!("access.log-19700101T000000Z-{name}")), name).unwrap();
        }
        prune(&path, 3);
        let left: Vec<_> = aside(&path).iter().map(|file| fs::read_to_string(file).unwrap()).collect();
        assert_eq!(left, names[1..]);
    }

    #[test]
    fn a_file_that_is_old_is_put_aside_and_an_empty_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.log");
        let rotation = Rotation { age: Duration::ZERO, compress: false, ..Rotation::default() };
        let mut log = rotated(&path, rotation);
        log.write_all(b"one\n").unwrap();
        assert_eq!(aside(&path).len(), 0);
        log.write_all(b"two\n").unwrap();
        assert_eq!((aside(&path).len(), fs::read_to_string(&path).unwrap().as_str()), (1, "two\n"));
        assert_eq!(aside(&path)[0].file_name().unwrap(), "access.log-19700101T000000Z-0000");
        // What is there at the start goes on.
        let mut log = rotated(&path, Rotation { age: Duration::from_secs(1000), ..rotation });
        log.write_all(b"three\n").unwrap();
        assert_eq!(text(&path), "one\ntwo\nthree\n");
        // Unless it is old by then.
        let age = Duration::from_millis(300);
        while fs::metadata(&path).unwrap().created().unwrap().elapsed().unwrap() < age {
            std::thread::sleep(Duration::from_millis(10));
        }
        rotated(&path, Rotation { age, ..rotation }).write_all(b"four\n").unwrap();
        assert_eq!((aside(&path).len(), fs::read_to_string(&path).unwrap().as_str()), (2, "four\n"));
    }

    #[test]
    fn on_a_full_disk_the_oldest_file_makes_room() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.log");
        // It never has room (full(4)).
        std::os::unix::fs::symlink("/dev/full", &path).unwrap();
        for number in ["0000.gz", "0001.zst"] {
            fs::write(folder.path().join(format!("access.log-19700101T000000Z-{number}")), "").unwrap();
        }
        let mut log = rotated(&path, Rotation::default());
        assert_eq!(log.write_all(b"one\n").unwrap_err().kind(), io::ErrorKind::StorageFull);
        let left = aside(&path);
        assert!(left.len() == 1 && left[0].to_str().unwrap().ends_with("-0001.zst"), "{left:?}");
    }

    #[test]
    fn a_file_that_somebody_else_has_put_aside_is_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.log");
        let mut log = rotated(&path, Rotation::default());
        log.write_all(b"one\n").unwrap();
        fs::rename(&path, folder.path().join("access.log.1")).unwrap();
        log.write_all(b"two\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two\n");
    }

    #[test]
    fn nobody_elses_files_are_thrown_away() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.log");
        for other in [
            "access.log.1",
            "access.log-old",
            "access.log-20261129.gz",
            "access.log-20261129.zst",
            "access.logs-20261129T080512Z-0000",
        ] {
            fs::write(folder.path().join(other), "").unwrap();
        }
        prune(&path, 0);
        assert_eq!((aside(&path), fs::read_dir(folder.path()).unwrap().count()), (Vec::new(), 5));
    }
}
