//! All that is in the directory's file, row by row, and how a file becomes empty.

use redb::{Key, ReadTransaction, ReadableTable as _, TableDefinition, Value, WriteTransaction};

use super::error::{Error, failed};
use super::tables::{
    DOCUMENTS, FORMAT, GROUPS, IDS, MEMBER_OF, MEMBERS, META, OBJECTS, PEOPLE, RISKS, STATES, TOMBSTONES, number_of,
};

/// The file at one time.
pub(super) struct Whole(pub(super) ReadTransaction);

impl Whole {
    /// Calls `tell` with the table, the key and the value of each row.
    pub(super) fn each(&self, mut tell: impl FnMut(u8, &[u8], &[u8])) -> Result<(), Error> {
        self.of(META, "meta", &mut tell)?;
        self.of(OBJECTS, "objects", &mut tell)?;
        self.of(PEOPLE, "people", &mut tell)?;
        self.of(GROUPS, "groups", &mut tell)?;
        self.of(IDS, "ids", &mut tell)?;
        self.of(MEMBERS, "members", &mut tell)?;
        self.of(MEMBER_OF, "member_of", &mut tell)?;
        self.of(DOCUMENTS, "documents", &mut tell)?;
        self.of(RISKS, "risks", &mut tell)?;
        self.of(TOMBSTONES, "tombstones", &mut tell)?;
        self.of(STATES, "states", &mut tell)
    }

    fn of<K: Key + 'static, V: Value + 'static>(
        &self,
        table: TableDefinition<'_, K, V>,
        name: &str,
        tell: &mut impl FnMut(u8, &[u8], &[u8]),
    ) -> Result<(), Error> {
        let table = self.0.open_table(table).map_err(failed)?;
        for row in table.iter().map_err(failed)? {
            let (key, value) = row.map_err(failed)?;
            let (key, value) = (key.value(), value.value());
            tell(number_of(name), K::as_bytes(&key).as_ref(), V::as_bytes(&value).as_ref());
        }
        Ok(())
    }
}

/// Removes everything but how the file is laid out.
pub(super) fn clear(write: &WriteTransaction) -> Result<(), Error> {
    empty(write, META)?;
    write.open_table(META).map_err(failed)?.insert("format", FORMAT).map_err(failed)?;
    empty(write, OBJECTS)?;
    empty(write, PEOPLE)?;
    empty(write, GROUPS)?;
    empty(write, IDS)?;
    empty(write, MEMBERS)?;
    empty(write, MEMBER_OF)?;
    empty(write, DOCUMENTS)?;
    empty(write, RISKS)?;
    empty(write, TOMBSTONES)?;
    empty(write, STATES)
}

fn empty<K: Key + 'static, V: Value + 'static>(
    write: &WriteTransaction,
    table: TableDefinition<'_, K, V>,
) -> Result<(), Error> {
    write.delete_table(table).map_err(failed)?;
    write.open_table(table).map(drop).map_err(failed)
}
