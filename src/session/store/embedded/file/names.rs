//! By which name sessions are found, and which sessions have been given none.
//!
//! | table | key | value |
//! |---|---|---|
//! | `names` | name, identifier | |
//! | `named` | identifier | its name; all zeros if no name leads to it |
//!
//! Every session that has an entry in `named` has one in `sessions`: one write removes both, and a version that does
//! not know these tables does not open a file that has them. So if both tables have the same number of entries, every
//! session has been given its name, and nothing has to be searched.

use std::ops::Bound;

use redb::{Database, ReadableTableMetadata as _, TableDefinition, TableError, WriteTransaction};

use super::{Bytes, FORMAT, File, META, SESSIONS, Table, read_row, under};
use crate::session::store::{Key, NAMELESS, Row};

const NAMES: TableDefinition<'_, Bytes, ()> = TableDefinition::new("names");
const NAMED: TableDefinition<'_, Bytes, Bytes> = TableDefinition::new("named");

/// The tables, open for writing.
pub(super) struct Names<'t> {
    names: Table<'t, ()>,
    named: Table<'t, Bytes>,
}

impl<'t> Names<'t> {
    /// Opens the tables, and makes them if there are none.
    pub(super) fn open(write: &'t WriteTransaction) -> Result<Self, TableError> {
        Ok(Self { names: write.open_table(NAMES)?, named: write.open_table(NAMED)? })
    }

    /// Lets a session be found by this name, and by no other.
    pub(super) fn say(&mut self, id: Key, name: Key) -> Result<(), redb::Error> {
        let before = self.named.insert(id.as_slice(), name.as_slice())?.and_then(|old| Key::try_from(old.value()).ok());
        if before == Some(name) {
            return Ok(());
        }
        self.unlink(before, id)?;
        if name != NAMELESS {
            self.names.insert([name, id].concat().as_slice(), ())?;
        }
        Ok(())
    }

    /// Removes a session from both tables.
    pub(super) fn forget(&mut self, id: Key) -> Result<(), redb::Error> {
        let before = self.named.remove(id.as_slice())?.and_then(|old| Key::try_from(old.value()).ok());
        self.unlink(before, id)
    }

    fn unlink(&mut self, name: Option<Key>, id: Key) -> Result<(), redb::Error> {
        if let Some(name) = name {
            self.names.remove([name, id].concat().as_slice())?;
        }
        Ok(())
    }
}

/// Adds these tables to a file of an older layout. The sessions in it stay as they are, without names.
pub(super) fn add(database: &Database) -> Result<(), redb::Error> {
    let write = database.begin_write()?;
    Names::open(&write)?;
    write.open_table(META)?.insert("format", FORMAT)?;
    write.commit()?;
    Ok(())
}

/// The sessions that have this name.
pub(in crate::session::store::embedded) fn of_name(file: &File, name: Key) -> Result<Vec<Row>, redb::Error> {
    let read = file.begin_read()?;
    match read.open_table(NAMES) {
        Err(TableError::TableDoesNotExist(_)) => Ok(Vec::new()),
        names => under(&names?, &read.open_table(SESSIONS)?, name),
    }
}

/// Up to `most` sessions after this one that have been given no name, in the order of identifiers.
pub(in crate::session::store::embedded) fn unnamed(
    file: &File,
    after: Option<Key>,
    most: usize,
) -> Result<Vec<Row>, redb::Error> {
    let read = file.begin_read()?;
    let sessions = read.open_table(SESSIONS)?;
    // A file of an older layout, on a disk that takes nothing, does not have the table.
    let named = match read.open_table(NAMED) {
        Err(TableError::TableDoesNotExist(_)) => None,
        named => Some(named?),
    };
    let mut found = Vec::new();
    if let Some(named) = &named
        && named.len()? == sessions.len()?
    {
        return Ok(found);
    }
    let from = after.as_ref().map_or(Bound::Unbounded, |id| Bound::Excluded(id.as_slice()));
    for entry in sessions.range::<&[u8]>((from, Bound::Unbounded))? {
        let (id, value) = entry?;
        if let Some(named) = &named
            && named.get(id.value())?.is_some()
        {
            continue;
        }
        let Ok(id) = Key::try_from(id.value()) else { continue };
        found.extend(read_row(id, value.value()));
        if found.len() >= most {
            break;
        }
    }
    Ok(found)
}
