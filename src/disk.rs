//! Files that must survive a crash whole, in folders into which nobody else may look.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
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
    write(&trial, b"trial", PRIVATE, None)?;
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
    write(&unfinished, content, mode, None)?;
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
    stage_for(path, content, mode, None)
}

/// The same for whom the folder belongs to: an operator's command may be run by root, and the program by a user of its own. Who
/// may not give files away keeps them: that is told when the program cannot read them.
pub fn stage_for_owner(path: &Path, content: &[u8], mode: u32) -> io::Result<PathBuf> {
    let folder = path.parent().unwrap_or(Path::new("."));
    make_folder(folder)?;
    let owner = fs::metadata(folder)?;
    stage_for(path, content, mode, Some((owner.uid(), owner.gid())))
}

fn stage_for(path: &Path, content: &[u8], mode: u32, owner: Option<(u32, u32)>) -> io::Result<PathBuf> {
    if let Some(folder) = path.parent() {
        make_folder(folder)?;
    }
    let unfinished = staged(path);
    write(&unfinished, content, mode, owner)?;
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

/// Writes a new file. Whoever owns the folder may not be who writes: what stands there is taken away and never written to, and
/// what is a link is never followed, or a link to another file would have that one overwritten and given away.
fn write(path: &Path, content: &[u8], mode: u32, owner: Option<(u32, u32)>) -> io::Result<()> {
    let mut file = new_file(path, mode)?;
    let written = fill(&mut file, content, mode, owner);
    if written.is_err() {
        // What a full disk has taken of it is of no use, and in the way.
        drop(fs::remove_file(path));
    }
    written
}

/// A file at `path` that was not there before.
fn new_file(path: &Path, mode: u32) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // O_CREAT with O_EXCL: it fails where anything is, be it a link that leads nowhere.
    OpenOptions::new().write(true).create_new(true).mode(mode).open(path)
}

fn fill(file: &mut File, content: &[u8], mode: u32, owner: Option<(u32, u32)>) -> io::Result<()> {
    if let Some((user, group)) = owner
        && file.metadata()?.uid() != user
    {
        // By the open file, as another one may have its name by now.
        drop(fchown(&*file, Some(user), Some(group)));
    }
    // The mode for new files of this process may have taken something away.
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.write_all(content)?;
    file.sync_all()
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
    fn a_link_where_a_file_is_staged_is_replaced_and_never_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("a.pem"), folder.path().join("passwd"));
        fs::write(&other, "root").unwrap();
        fs::set_permissions(&other, fs::Permissions::from_mode(0o640)).unwrap();
        // As root this gives the folder to somebody else; others cannot, and the files are their own.
        drop(std::os::unix::fs::chown(folder.path(), Some(65534), Some(65534)));
        let owner = fs::metadata(folder.path()).unwrap().uid();
        let of_other = || fs::metadata(&other).map(|it| (it.uid(), it.mode() & 0o777, it.len())).unwrap();
        let before = of_other();
        let no_file = folder.path().join("none");
        for target in [&other, &no_file] {
            std::os::unix::fs::symlink(target, staged(&path)).unwrap();
            let unfinished = stage_for_owner(&path, b"certificate", PUBLIC).unwrap();
            assert!(fs::symlink_metadata(&unfinished).unwrap().is_file());
            finish(&unfinished, &path).unwrap();
            assert_eq!((of_other(), no_file.exists()), (before, false));
            let made = fs::symlink_metadata(&path).unwrap();
            assert_eq!((made.uid(), made.mode() & 0o777), (owner, 0o644));
            std::os::unix::fs::symlink(target, staged(&path)).unwrap();
            replace(&path, b"next", PRIVATE).unwrap();
            assert_eq!((of_other(), no_file.exists(), mode(&path)), (before, false, 0o600));
        }
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
