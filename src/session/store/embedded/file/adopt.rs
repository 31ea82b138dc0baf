//! Takes over a file of the first layout, whose content was not attested: it is attested once.
//!
//! The file of keys says whether that has been done, and not this file: whoever can write this one could make it look
//! old.

use redb::{Database, ReadableTable as _};

use super::names::Names;
use super::{FORMAT, META, RECORDS, SESSIONS, read_row, read_time, time};
use crate::session::store::attested::Attestor;
use crate::session::store::{Key, Kind};

/// Attests everything that a file holds, all of it or nothing. Without an attestor it attests nothing, so that what the
/// file holds will not be believed.
pub(super) fn adopt(database: &Database, attestor: Option<&Attestor>) -> Result<(), redb::Error> {
    let write = database.begin_write()?;
    if let Some(attestor) = attestor {
        let mut sessions = write.open_table(SESSIONS)?;
        for name in names(&sessions)? {
            let Ok(id) = Key::try_from(name.as_slice()) else { continue };
            let Some(row) = sessions.get(name.as_slice())?.and_then(|found| read_row(id, found.value())) else {
                continue;
            };
            let value = [time(row.expires).as_slice(), &row.person, &attestor.row(&row)].concat();
            sessions.insert(name.as_slice(), value.as_slice())?;
        }
        let mut records = write.open_table(RECORDS)?;
        for name in names(&records)? {
            let Some((letter, key)) = name.split_first() else { continue };
            let (Some(kind), Ok(key)) = (Kind::of_letter(*letter), Key::try_from(key)) else { continue };
            let value = records.get(name.as_slice())?.map(|found| found.value().to_vec()).unwrap_or_default();
            let Some((expires, content)) = read_time(&value) else { continue };
            let value = [time(expires).as_slice(), &attestor.record(kind, key, content, expires)].concat();
            records.insert(name.as_slice(), value.as_slice())?;
        }
        tracing::info!("the session store of an older version has been taken over: everybody stays signed in");
    }
    Names::open(&write)?;
    write.open_table(META)?.insert("format", FORMAT)?;
    write.commit()?;
    Ok(())
}

fn names(table: &redb::Table<'_, &'static [u8], &'static [u8]>) -> Result<Vec<Vec<u8>>, redb::Error> {
    let names = table.iter()?.map(|entry| Ok(entry?.0.value().to_vec()));
    names.collect::<Result<_, redb::StorageError>>().map_err(Into::into)
}
