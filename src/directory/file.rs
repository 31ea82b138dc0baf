//! The directory's file.

use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use redb::backends::FileBackend;
use redb::{Database, ReadableDatabase as _, ReadableTable as _, StorageBackend};

use super::error::{Error, failed};
use super::reading::Reading;
use super::row::PersonRow;
use super::tables::{
    DOCUMENTS, FORMAT, GROUPS, IDS, MEMBER_OF, MEMBERS, META, OBJECTS, PEOPLE, RISKS, STATES, TOMBSTONES,
};
use super::whole::Whole;
use crate::disk;

/// Memory for pages of the file.
const PAGE_CACHE: usize = 32 * 1024 * 1024;

/// Opens the file.
type Opener = Box<dyn Fn() -> Result<Database, Error> + Send + Sync>;

/// The file, opened.
pub(super) struct Storage {
    opener: Opener,
    /// None while it cannot be opened.
    database: ArcSwapOption<Database>,
}

impl std::fmt::Debug for Storage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Storage")
    }
}

impl Storage {
    /// Opens the file, and makes it if there is none, for its owner alone.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let path = path.to_owned();
        Self::by(Box::new(move || open(&path)))
    }

    /// The file that `opener` opens, now and after each failure.
    pub(super) fn by(opener: Opener) -> Result<Self, Error> {
        let database = opener()?;
        Ok(Self { opener, database: ArcSwapOption::from_pointee(database) })
    }

    /// Closes the file, if it is open, and opens it again.
    pub(super) fn reopen(&self) -> Result<(), Error> {
        // Closed first: the file is locked, so it cannot be open twice. Whoever still reads it keeps it a little longer.
        drop(self.database.swap(None));
        self.database.store(Some(Arc::new((self.opener)()?)));
        Ok(())
    }

    pub(super) fn begin_write(&self) -> Result<redb::WriteTransaction, Error> {
        self.database()?.begin_write().map_err(failed)
    }

    pub(super) fn read(&self) -> Result<Reading, Error> {
        Reading::of(&self.database()?.begin_read().map_err(failed)?)
    }

    /// All of it, row by row.
    pub(super) fn whole(&self) -> Result<Whole, Error> {
        self.database()?.begin_read().map(Whole).map_err(failed)
    }

    fn database(&self) -> Result<Arc<Database>, Error> {
        let closed = || failed(redb::Error::Io(io::Error::other("it is closed after a failure, until the next write")));
        self.database.load_full().ok_or_else(closed)
    }
}

fn open(path: &Path) -> Result<Database, Error> {
    let name = path.display().to_string();
    let cannot = |error| Error::Open(name.clone(), error);
    path.parent().map_or(Ok(()), disk::make_folder).map_err(cannot)?;
    let mut options = std::fs::OpenOptions::new();
    let file = options.read(true).write(true).create(true).truncate(false).mode(disk::PRIVATE).open(path);
    let backend = FileBackend::new(file.map_err(cannot)?).map_err(|error| cannot(io::Error::other(error)))?;
    open_on(backend, &name)
}

/// Opens what this keeps.
pub(super) fn open_on(backend: impl StorageBackend, name: &str) -> Result<Database, Error> {
    let mut builder = Database::builder();
    builder.set_cache_size(PAGE_CACHE);
    let database = builder.create_with_backend(backend);
    let database = database.map_err(|error| Error::Open(name.to_owned(), io::Error::other(error)))?;
    settle(&database, name)?;
    Ok(database)
}

/// Notes once who was deleted before there was a table of that.
fn bury(write: &redb::WriteTransaction, meta: &mut redb::Table<'_, &'static str, u64>) -> Result<(), Error> {
    if meta.get("tombstones").map_err(failed)?.is_some() {
        return Ok(());
    }
    meta.insert("tombstones", 1).map_err(failed)?;
    let mut tombstones = write.open_table(TOMBSTONES).map_err(failed)?;
    for entry in write.open_table(PEOPLE).map_err(failed)?.iter().map_err(failed)? {
        let (key, row) = entry.map_err(failed)?;
        if serde_json::from_slice::<PersonRow>(row.value())?.is_deleted {
            tombstones.insert(key.value(), 0).map_err(failed)?;
        }
    }
    Ok(())
}

/// Makes the tables of a new file, and refuses a newer one.
fn settle(database: &Database, name: &str) -> Result<(), Error> {
    let write = database.begin_write().map_err(failed)?;
    {
        let mut meta = write.open_table(META).map_err(failed)?;
        let format = meta.get("format").map_err(failed)?.map(|format| format.value());
        match format {
            Some(FORMAT) => {}
            Some(_) => return Err(Error::Newer(name.to_owned())),
            None => {
                meta.insert("format", FORMAT).map_err(failed)?;
            }
        }
        write.open_table(OBJECTS).map_err(failed)?;
        write.open_table(PEOPLE).map_err(failed)?;
        write.open_table(GROUPS).map_err(failed)?;
        write.open_table(IDS).map_err(failed)?;
        write.open_table(MEMBERS).map_err(failed)?;
        write.open_table(MEMBER_OF).map_err(failed)?;
        write.open_table(DOCUMENTS).map_err(failed)?;
        write.open_table(RISKS).map_err(failed)?;
        bury(&write, &mut meta)?;
        write.open_table(STATES).map_err(failed)?;
    }
    write.commit().map_err(failed)
}
