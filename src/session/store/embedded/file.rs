//! The store's file: its tables, and how rows and records stand in them.
//!
//! | table | key | value |
//! |---|---|---|
//! | `meta` | `format` | the number of this layout |
//! | `records` | kind, key | when it expires, content |
//! | `sessions` | identifier | when it expires, person, content |
//! | `people` | person, identifier | |
//! | `ends` | when it expires, table, key | |
//!
//! Times are milliseconds since the epoch, big-endian with the sign bit inverted, so that their octets sort as the
//! times do. Since the second layout, content is attested (`store::attested`); since the third, sessions are found by a
//! name (`names`).

mod adopt;
mod names;

use std::io;
use std::ops::Bound;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use redb::backends::{FileBackend, InMemoryBackend};
use redb::{
    Database, ReadOnlyDatabase, ReadOnlyTable, ReadTransaction, ReadableDatabase as _, ReadableTable as _,
    ReadableTableMetadata as _, StorageBackend as _, TableDefinition,
};

use super::super::attested::Attestor;
use super::super::memory::Record;
use super::super::{Key, Kind, Row};
use crate::clock::Timestamp;
use names::Names;
pub(super) use names::{of_name, unnamed};

/// The layout that this program writes, and the newest one that it reads.
pub(super) const FORMAT: u64 = 3;

/// The layout without names.
const NO_NAMES: u64 = 2;

/// The layout whose content was not attested.
const UNATTESTED: u64 = 1;

/// Memory for pages of the file.
const PAGE_CACHE: usize = 64 * 1024 * 1024;

/// The longest file of which a copy is made in memory.
const MAX_COPY: u64 = 512 * 1024 * 1024;

/// How much of what has expired one write removes. More would make people who sign in wait.
const SWEPT_AT_ONCE: usize = 2000;

/// The letter of sessions in `ends`; kinds of records have theirs.
const SESSION: u8 = b's';

type Bytes = &'static [u8];
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
const RECORDS: TableDefinition<'_, Bytes, Bytes> = TableDefinition::new("records");
const SESSIONS: TableDefinition<'_, Bytes, Bytes> = TableDefinition::new("sessions");
const PEOPLE: TableDefinition<'_, Bytes, ()> = TableDefinition::new("people");
const ENDS: TableDefinition<'_, Bytes, ()> = TableDefinition::new("ends");

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A newer version of this program wrote it.
    #[error(
        "{0} was written by a newer version of this program: run that one, or move the file away, which signs everybody out"
    )]
    Newer(String),
    /// Another process has it.
    #[error("{0} is in use: does the program run already?")]
    InUse(String),
    /// It is not a file of this program, or it is damaged.
    #[error("{0} cannot be read: {1}; move it away to start without it, which signs everybody out")]
    Damaged(String, String),
    /// It is another user's.
    #[error(
        "{0} may not be read: give it to the user that the program runs as, or move it away to start without it, \
         which signs everybody out"
    )]
    Foreign(String),
    /// The disk failed. That may pass.
    #[error("{0}: {1}")]
    Disk(String, io::Error),
}

/// The file, opened.
pub(super) enum File {
    /// Open for reading and writing.
    Whole(Database),
    /// Open for reading alone: the disk takes nothing.
    ReadOnly(ReadOnlyDatabase),
    /// A copy in memory, for reading alone: after a crash the file must be repaired before it can be read, and the disk
    /// takes nothing.
    Copy(Database),
}

impl File {
    fn begin_read(&self) -> Result<ReadTransaction, redb::TransactionError> {
        match self {
            Self::Whole(database) | Self::Copy(database) => database.begin_read(),
            Self::ReadOnly(database) => database.begin_read(),
        }
    }
}

impl std::fmt::Debug for File {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Whole(_) => "Whole",
            Self::ReadOnly(_) => "ReadOnly",
            Self::Copy(_) => "Copy",
        })
    }
}

/// What one write writes, whole or not at all.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Records; `None` removes the record.
    pub(super) records: Vec<(Kind, Key, Option<Record>)>,
    /// Sessions; `None` removes the session.
    pub(super) sessions: Vec<(Key, Option<Row>)>,
    /// Whether `records` holds all records that there are, so that all others are removed.
    pub(super) anew: bool,
    /// If set, what has expired by then is removed.
    pub(super) now: Option<Timestamp>,
}

/// The state of the file after a write.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written {
    pub(super) sessions: usize,
    /// Whether there is more that has expired.
    pub(super) more: bool,
}

/// Opens the file, and makes it if there is none. With `adopt`, what an older version has written is attested.
pub(super) fn open(path: &Path, adopt: Option<&Attestor>) -> Result<Database, OpenError> {
    let name = path.display().to_string();
    let disk = |error| OpenError::Disk(name.clone(), error);
    let mut options = std::fs::OpenOptions::new();
    let file = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(path).map_err(disk)?;
    let backend = FileBackend::new(file).map_err(|error| opening(&name, error))?;
    let mut builder = Database::builder();
    builder.set_cache_size(PAGE_CACHE);
    let database = builder.create_with_backend(backend).map_err(|error| opening(&name, error))?;
    settle(&database, &name, adopt)?;
    Ok(database)
}

/// Opens the file for reading alone, on a disk that takes nothing.
pub(super) fn open_to_read(path: &Path) -> Result<File, OpenError> {
    let name = path.display().to_string();
    let mut builder = Database::builder();
    builder.set_cache_size(PAGE_CACHE);
    let file = match builder.open_read_only(path) {
        Err(redb::DatabaseError::RepairAborted) => copy(path, &name)?,
        Err(redb::DatabaseError::Storage(redb::StorageError::Io(error)))
            if error.kind() == io::ErrorKind::PermissionDenied =>
        {
            return Err(OpenError::Foreign(name));
        }
        opened => File::ReadOnly(opened.map_err(|error| opening(&name, error))?),
    };
    let format = match &file {
        File::Whole(database) | File::Copy(database) => format(database),
        File::ReadOnly(database) => format(database),
    };
    match format.map_err(|error| failing(&name, error))? {
        Some(UNATTESTED..=FORMAT) => Ok(file),
        Some(_) => Err(OpenError::Newer(name)),
        None => Err(OpenError::Damaged(name, "it holds no sessions".to_owned())),
    }
}

/// Reads the file into memory, and repairs that copy.
fn copy(path: &Path, name: &str) -> Result<File, OpenError> {
    let disk = |error| OpenError::Disk(name.to_owned(), error);
    let length = std::fs::metadata(path).map_err(disk)?.len();
    if length > MAX_COPY {
        return Err(disk(io::Error::other("it must be repaired first, and is too large to be repaired in memory")));
    }
    let (content, memory) = (std::fs::read(path).map_err(disk)?, InMemoryBackend::new());
    memory.set_len(length).and_then(|()| memory.write(0, &content)).map_err(disk)?;
    drop(content);
    Database::builder().create_with_backend(memory).map(File::Copy).map_err(|error| opening(name, error))
}

fn opening(name: &str, error: redb::DatabaseError) -> OpenError {
    use redb::{DatabaseError as E, StorageError};
    let name = name.to_owned();
    match error {
        E::DatabaseAlreadyOpen => OpenError::InUse(name),
        E::UpgradeRequired(_) | E::LockProtocolMismatch => OpenError::Newer(name),
        // The file is ours by its mode and place, so what cannot be read in it is damage.
        E::Storage(StorageError::Io(error)) if error.kind() == io::ErrorKind::InvalidData => {
            OpenError::Damaged(name, error.to_string())
        }
        E::Storage(StorageError::Io(error)) => OpenError::Disk(name, error),
        other => OpenError::Damaged(name, other.to_string()),
    }
}

/// Makes the tables of a new file, or brings an older layout up to the present one.
pub(super) fn settle(database: &Database, name: &str, adopt: Option<&Attestor>) -> Result<(), OpenError> {
    let format = format(database).map_err(|error| failing(name, error))?;
    match format {
        Some(FORMAT) => Ok(()),
        Some(NO_NAMES) => names::add(database).map_err(|error| failing(name, error)),
        Some(UNATTESTED) => adopt::adopt(database, adopt).map_err(|error| failing(name, error)),
        Some(_) => Err(OpenError::Newer(name.to_owned())),
        None => create(database).map_err(|error| failing(name, error)),
    }
}

fn failing(name: &str, error: redb::Error) -> OpenError {
    match error {
        redb::Error::Io(error) => OpenError::Disk(name.to_owned(), error),
        redb::Error::PreviousIo => OpenError::Disk(name.to_owned(), io::Error::other("the disk failed before")),
        other => OpenError::Damaged(name.to_owned(), other.to_string()),
    }
}

fn format(database: &impl redb::ReadableDatabase) -> Result<Option<u64>, redb::Error> {
    let read = database.begin_read()?;
    match read.open_table(META) {
        Ok(meta) => Ok(meta.get("format")?.map(|found| found.value())),
        Err(redb::TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn create(database: &Database) -> Result<(), redb::Error> {
    let write = database.begin_write()?;
    write.open_table(META)?.insert("format", FORMAT)?;
    for table in [RECORDS, SESSIONS] {
        write.open_table(table)?;
    }
    for table in [PEOPLE, ENDS] {
        write.open_table(table)?;
    }
    Names::open(&write)?;
    write.commit()?;
    Ok(())
}

/// Writes a batch, whole or not at all; it is on the disk when this returns.
pub(super) fn write(database: &Database, batch: &Batch) -> Result<Written, redb::Error> {
    let mut write = database.begin_write()?;
    // So that the file need not be repaired after a crash, however large it is.
    write.set_quick_repair(true);
    let written = {
        let mut tables = Tables {
            records: write.open_table(RECORDS)?,
            sessions: write.open_table(SESSIONS)?,
            people: write.open_table(PEOPLE)?,
            ends: write.open_table(ENDS)?,
            names: Names::open(&write)?,
        };
        if batch.anew {
            tables.clear_records()?;
        }
        for (kind, key, record) in &batch.records {
            tables.record(*kind, *key, record.as_ref())?;
        }
        for (id, row) in &batch.sessions {
            tables.session(*id, row.as_ref())?;
        }
        let more = batch.now.map(|now| tables.sweep(now)).transpose()?.unwrap_or(false);
        Written { sessions: usize::try_from(tables.sessions.len()?).unwrap_or(usize::MAX), more }
    };
    write.commit()?;
    Ok(written)
}

type Table<'t, V> = redb::Table<'t, Bytes, V>;

struct Tables<'t> {
    records: Table<'t, Bytes>,
    sessions: Table<'t, Bytes>,
    people: Table<'t, ()>,
    ends: Table<'t, ()>,
    names: Names<'t>,
}

impl Tables<'_> {
    fn record(&mut self, kind: Kind, key: Key, record: Option<&Record>) -> Result<(), redb::Error> {
        let name = [&[kind.letter()], key.as_slice()].concat();
        let old = match record {
            Some(Record { expires, content }) => {
                self.ends.insert(end_of(*expires, &name).as_slice(), ())?;
                let value = [time(*expires).as_slice(), content].concat();
                self.records.insert(name.as_slice(), value.as_slice())?.map(|old| old.value().to_vec())
            }
            None => self.records.remove(name.as_slice())?.map(|old| old.value().to_vec()),
        };
        self.forget_end(old.as_deref(), &name, record.map(|record| record.expires))
    }

    fn session(&mut self, id: Key, row: Option<&Row>) -> Result<(), redb::Error> {
        let name = [&[SESSION], id.as_slice()].concat();
        let old = match row {
            Some(row) => {
                self.ends.insert(end_of(row.expires, &name).as_slice(), ())?;
                self.people.insert([row.person, id].concat().as_slice(), ())?;
                if let Some(name) = row.name {
                    self.names.say(id, name)?;
                }
                let value = [time(row.expires).as_slice(), &row.person, &row.content].concat();
                self.sessions.insert(id.as_slice(), value.as_slice())?.map(|old| old.value().to_vec())
            }
            None => {
                self.names.forget(id)?;
                self.sessions.remove(id.as_slice())?.map(|old| old.value().to_vec())
            }
        };
        if let (None, Some(old)) = (row, old.as_deref().and_then(|old| read_row(id, old))) {
            self.people.remove([old.person, id].concat().as_slice())?;
        }
        self.forget_end(old.as_deref(), &name, row.map(|row| row.expires))
    }

    /// Removes the entry in `ends` of what was replaced, unless the end has stayed the same.
    fn forget_end(&mut self, old: Option<&[u8]>, name: &[u8], kept: Option<Timestamp>) -> Result<(), redb::Error> {
        if let Some((expires, _)) = old.and_then(read_time)
            && kept != Some(expires)
        {
            self.ends.remove(end_of(expires, name).as_slice())?;
        }
        Ok(())
    }

    fn clear_records(&mut self) -> Result<(), redb::Error> {
        let mut names = Vec::new();
        for entry in self.records.iter()? {
            names.push(entry?.0.value().to_vec());
        }
        for name in names {
            let old = self.records.remove(name.as_slice())?.map(|old| old.value().to_vec());
            self.forget_end(old.as_deref(), &name, None)?;
        }
        Ok(())
    }

    /// Removes some of what has expired; true if there is more.
    fn sweep(&mut self, now: Timestamp) -> Result<bool, redb::Error> {
        let until = end_of(now, &[u8::MAX]);
        let mut over = Vec::new();
        for entry in
            self.ends.range::<&[u8]>((Bound::Unbounded, Bound::Included(until.as_slice())))?.take(SWEPT_AT_ONCE)
        {
            over.push(entry?.0.value().to_vec());
        }
        for end in &over {
            let Some((_, name)) = read_time(end) else { continue };
            let Some((letter, key)) = name.split_first() else { continue };
            if let (SESSION, Ok(id)) = (*letter, Key::try_from(key)) {
                self.session(id, None)?;
            } else {
                self.records.remove(name)?;
            }
            self.ends.remove(end.as_slice())?;
        }
        Ok(over.len() == SWEPT_AT_ONCE)
    }
}

/// How many sessions there are.
pub(super) fn count(database: &File) -> Result<usize, redb::Error> {
    let sessions = database.begin_read()?.open_table(SESSIONS)?.len()?;
    Ok(usize::try_from(sessions).unwrap_or(usize::MAX))
}

/// All records.
pub(super) fn records(database: &File) -> Result<Vec<(Kind, Key, Record)>, redb::Error> {
    let table = database.begin_read()?.open_table(RECORDS)?;
    let mut found = Vec::new();
    for entry in table.iter()? {
        let (name, value) = entry?;
        let Some((letter, key)) = name.value().split_first() else { continue };
        let (Some(kind), Ok(key)) = (Kind::of_letter(*letter), Key::try_from(key)) else { continue };
        let Some((expires, content)) = read_time(value.value()) else { continue };
        found.push((kind, key, Record { expires, content: content.to_vec() }));
    }
    Ok(found)
}

/// One session.
pub(super) fn find(database: &File, id: Key) -> Result<Option<Row>, redb::Error> {
    let table = database.begin_read()?.open_table(SESSIONS)?;
    Ok(table.get(id.as_slice())?.and_then(|found| read_row(id, found.value())))
}

/// The sessions of a person.
pub(super) fn of_person(database: &File, person: Key) -> Result<Vec<Row>, redb::Error> {
    let read = database.begin_read()?;
    under(&read.open_table(PEOPLE)?, &read.open_table(SESSIONS)?, person)
}

/// The sessions that an index has under this key.
fn under(
    index: &ReadOnlyTable<Bytes, ()>,
    sessions: &ReadOnlyTable<Bytes, Bytes>,
    key: Key,
) -> Result<Vec<Row>, redb::Error> {
    let (from, to) = ([key, [0; 16]].concat(), [key, [u8::MAX; 16]].concat());
    let mut found = Vec::new();
    for entry in index.range(from.as_slice()..=to.as_slice())? {
        let (name, _) = entry?;
        let Some(id) = name.value().get(16..).and_then(|id| Key::try_from(id).ok()) else { continue };
        found.extend(sessions.get(id.as_slice())?.and_then(|found| read_row(id, found.value())));
    }
    Ok(found)
}

/// How many sessions a person has.
pub(super) fn held_by(database: &File, person: Key) -> Result<usize, redb::Error> {
    let people = database.begin_read()?.open_table(PEOPLE)?;
    let (from, to) = ([person, [0; 16]].concat(), [person, [u8::MAX; 16]].concat());
    Ok(people.range(from.as_slice()..=to.as_slice())?.count())
}

/// The `most` sessions after this one, in the order of identifiers.
pub(super) fn list(database: &File, after: Option<Key>, most: usize) -> Result<Vec<Row>, redb::Error> {
    let table = database.begin_read()?.open_table(SESSIONS)?;
    let from = after.as_ref().map_or(Bound::Unbounded, |id| Bound::Excluded(id.as_slice()));
    let mut found = Vec::new();
    for entry in table.range::<&[u8]>((from, Bound::Unbounded))?.take(most) {
        let (id, value) = entry?;
        let Ok(id) = Key::try_from(id.value()) else { continue };
        found.extend(read_row(id, value.value()));
    }
    Ok(found)
}

/// A time as octets that sort as times do.
fn time(time: Timestamp) -> [u8; 8] {
    (time.as_millisecond() ^ i64::MIN).to_be_bytes()
}

fn read_time(bytes: &[u8]) -> Option<(Timestamp, &[u8])> {
    let (time, rest) = bytes.split_first_chunk::<8>()?;
    Some((Timestamp::from_millisecond(i64::from_be_bytes(*time) ^ i64::MIN).ok()?, rest))
}

fn end_of(expires: Timestamp, name: &[u8]) -> Vec<u8> {
    [time(expires).as_slice(), name].concat()
}

fn read_row(id: Key, value: &[u8]) -> Option<Row> {
    let (expires, rest) = read_time(value)?;
    let (person, content) = rest.split_first_chunk::<16>()?;
    Some(Row { id, person: *person, name: None, expires, content: content.to_vec() })
}
