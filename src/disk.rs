//! Files that must survive a crash whole, in folders into which nobody else may look.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// The mode of a file that only its owner may read.
pub const PRIVATE: u32 = 0o600;

/// The mode of a file that anybody may read who can reach it.
pub const PUBLIC: u32 = 0o644;

/// Makes `folder`, and the folders above it, where there are none: for their owner alone (mode 0700). One that is there
/// stays as it is.
pub fn make_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// The mode of `folder` if others than its owner may do anything there.
pub fn wider_mode(folder: &Path) -> Option<u32> {
    let mode = fs::metadata(folder).ok()?.permissions().mode() & 0o777;
    (mode & 0o077 != 0).then_some(mode)
}

/// Whether a file can be made in `folder`. Makes one, and takes it away again.
pub fn try_folder(folder: &Path) -> io::Result<()> {
    let trial = folder.join(format!(".vestibule-trial-{}", std::process::id()));
    write(&trial, b"trial", PRIVATE)?;
    fs::remove_file(&trial)
}

/// Puts `content` in the place of the file at `path`: a crash leaves the old file or the new one, and a full disk the old one.
/// Makes the folder if there is none.
pub fn replace(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    finish(&stage(path, content, mode)?, path)
}

/// Writes `content` to a new file at `path`, whole or not at all. Fails with [`io::ErrorKind::AlreadyExists`] where one is.
pub fn create(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let unfinished = beside(path, &format!(".{}.new", std::process::id()));
    write(&unfinished, content, mode)?;
    // A link takes no name that there is. Not every file system has links.
    let made = match fs::hard_link(&unfinished, path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists && !path.exists() => fs::rename(&unfinished, path),
        made => made,
    };
    drop(fs::remove_file(&unfinished));
    made.and_then(|()| sync_folder(path))
}

/// Writes `content` beside `path`, whole and synced, to be given that name by [`finish`]. Makes the folder if there is none.
pub fn stage(path: &Path, content: &[u8], mode: u32) -> io::Result<PathBuf> {
    if let Some(folder) = path.parent() {
        make_folder(folder)?;
    }
    let unfinished = staged(path);
    write(&unfinished, content, mode)?;
    Ok(unfinished)
}

/// Where what is staged for `path` stands.
pub fn staged(path: &Path) -> PathBuf {
    beside(path, ".new")
}

/// Gives a staged file its name.
pub fn finish(staged: &Path, path: &Path) -> io::Result<()> {
    fs::rename(staged, path)?;
    sync_folder(path)
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn write(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let written =
        OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(path).and_then(|mut file| {
            // One that was left there may have another mode.
            file.set_permissions(fs::Permissions::from_mode(mode))?;
            file.write_all(content)?;
            file.sync_all()
        });
    if written.is_err() {
        // What a full disk has taken of it is of no use, and in the way.
        drop(fs::remove_file(path));
    }
    written
}

/// A name is on the disk when its folder is.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        // Some file systems sync no folders.
        Err(error) if error.kind() != io::ErrorKind::InvalidInput => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_file_is_replaced_whole_with_its_mode_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep").join("state").join("a.key");
        replace(&path, b"one", PRIVATE).unwrap();
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        fs::write(staged(&path), "what a crash has left").unwrap();
        replace(&path, b"two", PUBLIC).unwrap();
        assert_eq!((fs::read(&path).unwrap(), mode(&path)), (b"two".to_vec(), 0o644));
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_is_there_is_not_created() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.key");
        create(&path, b"one", PRIVATE).unwrap();
        assert_eq!(create(&path, b"two", PRIVATE).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!((fs::read(&path).unwrap(), mode(&path)), (b"one".to_vec(), 0o600));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_cannot_be_written_leaves_what_there_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.key");
        replace(&path, b"one", PRIVATE).unwrap();
        // Where the new file would stand, there is a folder.
        fs::create_dir(staged(&path)).unwrap();
        assert!(replace(&path, b"two", PRIVATE).is_err());
        assert_eq!(fs::read(&path).unwrap(), b"one");
        assert!(try_folder(&path).is_err(), "a file is no folder");
        try_folder(folder.path()).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left there");
        for (mode, wider) in [(0o700, None), (0o500, None), (0o750, Some(0o750)), (0o701, Some(0o701))] {
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(wider_mode(folder.path()), wider);
        }
    }
}
