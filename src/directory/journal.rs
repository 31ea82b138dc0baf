//! What a write has changed, row by row, so that another node can do the same to its file.
//!
//! A journal is compressed (zlib) and is a row of operations: the table, what is done, the key, and what stands there then.

use std::borrow::Borrow;
use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::ops::Deref;
use std::rc::Rc;

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use redb::{AccessGuard, Key, StorageError, Table, Value};

use super::error::{Error, failed};

/// The longest key or value that is read, in octets.
const LONGEST: u32 = 64 * 1024 * 1024;

/// The most that one journal may hold when it is no longer compressed, in octets.
const MOST: u64 = 16 * 1024 * 1024 * 1024;

const PUT: u8 = 1;
const REMOVED: u8 = 0;

/// Takes operations down.
pub(super) struct Journal<W: Write> {
    out: ZlibEncoder<W>,
    is_empty: bool,
    failed: Option<io::Error>,
}

impl<W: Write> Journal<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out: ZlibEncoder::new(out, Compression::fast()), is_empty: true, failed: None }
    }

    /// Takes down that `key` of `table` has this value now; none, if there is none.
    pub(super) fn note(&mut self, table: u8, key: &[u8], value: Option<&[u8]>) {
        if self.failed.is_none() {
            self.failed = self.write(table, key, value).err();
        }
        self.is_empty = false;
    }

    fn write(&mut self, table: u8, key: &[u8], value: Option<&[u8]>) -> io::Result<()> {
        self.out.write_all(&[table, if value.is_some() { PUT } else { REMOVED }])?;
        for octets in [Some(key), value].into_iter().flatten() {
            let length = u32::try_from(octets.len()).ok().filter(|length| *length <= LONGEST);
            let length = length.ok_or_else(|| io::Error::other("a row is too long to be told to other nodes"))?;
            self.out.write_all(&length.to_be_bytes())?;
            self.out.write_all(octets)?;
        }
        Ok(())
    }

    /// Where it was written to; `None` if nothing was taken down.
    pub(super) fn finish(self) -> io::Result<Option<W>> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let out = self.out.finish()?;
        Ok((!self.is_empty).then_some(out))
    }
}

/// A journal that tables share.
pub(super) type SharedJournal = Rc<RefCell<Journal<Vec<u8>>>>;

/// A new one.
pub(super) fn journal() -> SharedJournal {
    Rc::new(RefCell::new(Journal::new(Vec::new())))
}

/// All that was taken down; `None` if nothing was.
pub(super) fn taken_down(journal: &SharedJournal) -> Result<Option<Vec<u8>>, Error> {
    let whole = std::mem::replace(&mut *journal.borrow_mut(), Journal::new(Vec::new()));
    whole.finish().map_err(|error| Error::Journal(error.to_string()))
}

/// What was done to one row.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stroke {
    pub(super) table: u8,
    pub(super) key: Vec<u8>,
    pub(super) value: Option<Vec<u8>>,
}

/// Reads the operations of a journal.
pub(super) struct Strokes<R: Read>(io::Take<ZlibDecoder<R>>);

impl<R: Read> Strokes<R> {
    pub(super) fn of(journal: R) -> Self {
        Self(ZlibDecoder::new(journal).take(MOST))
    }

    /// The next one; `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Stroke>> {
        let mut first = [0];
        if self.0.read(&mut first)? == 0 {
            return Ok(None);
        }
        let [table] = first;
        let mut kind = [0];
        self.0.read_exact(&mut kind)?;
        let key = self.octets()?;
        let value = match kind {
            [PUT] => Some(self.octets()?),
            [REMOVED] => None,
            _ => return Err(io::Error::other("an operation of an unknown kind")),
        };
        Ok(Some(Stroke { table, key, value }))
    }

    fn octets(&mut self) -> io::Result<Vec<u8>> {
        let mut length = [0; 4];
        self.0.read_exact(&mut length)?;
        let length = u32::from_be_bytes(length);
        if length > LONGEST {
            return Err(io::Error::other("a row is longer than any that is written"));
        }
        let mut octets = Vec::new();
        if self.0.by_ref().take(u64::from(length)).read_to_end(&mut octets)? != length as usize {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(octets)
    }
}

/// A table whose changes are taken down.
pub(super) struct Recorded<'t, K: Key + 'static, V: Value + 'static> {
    table: Table<'t, K, V>,
    number: u8,
    journal: Option<SharedJournal>,
}

impl<'t, K: Key + 'static, V: Value + 'static> Recorded<'t, K, V> {
    pub(super) fn new(table: Table<'t, K, V>, number: u8, journal: Option<SharedJournal>) -> Self {
        Self { table, number, journal }
    }

    pub(super) fn insert<'k, 'v>(
        &mut self,
        key: impl Borrow<K::SelfType<'k>>,
        value: impl Borrow<V::SelfType<'v>>,
    ) -> Result<Option<AccessGuard<'_, V>>, StorageError> {
        if let Some(journal) = &self.journal {
            let (key, value) = (K::as_bytes(key.borrow()), V::as_bytes(value.borrow()));
            journal.borrow_mut().note(self.number, key.as_ref(), Some(value.as_ref()));
        }
        self.table.insert(key, value)
    }

    pub(super) fn remove<'k>(
        &mut self,
        key: impl Borrow<K::SelfType<'k>>,
    ) -> Result<Option<AccessGuard<'_, V>>, StorageError> {
        if let Some(journal) = &self.journal {
            journal.borrow_mut().note(self.number, K::as_bytes(key.borrow()).as_ref(), None);
        }
        self.table.remove(key)
    }

    /// Does what another node has done. Whether something stood there before.
    pub(super) fn redo(&mut self, stroke: &Stroke) -> Result<bool, Error> {
        let fits = |width: Option<usize>, octets: &[u8]| width.is_none_or(|width| width == octets.len());
        if !fits(K::fixed_width(), &stroke.key) || !stroke.value.iter().all(|value| fits(V::fixed_width(), value)) {
            return Err(Error::Journal(format!("a row of table {} has another length", stroke.table)));
        }
        let key = K::from_bytes(&stroke.key);
        Ok(match &stroke.value {
            Some(value) => self.table.insert(key, V::from_bytes(value)).map_err(failed)?.is_some(),
            None => self.table.remove(key).map_err(failed)?.is_some(),
        })
    }

    /// Inserts a row of which other nodes are not told.
    pub(super) fn quietly_insert<'k, 'v>(
        &mut self,
        key: impl Borrow<K::SelfType<'k>>,
        value: impl Borrow<V::SelfType<'v>>,
    ) -> Result<(), StorageError> {
        self.table.insert(key, value).map(drop)
    }

    /// Removes a row of which other nodes are not told.
    pub(super) fn quietly_remove<'k>(&mut self, key: impl Borrow<K::SelfType<'k>>) -> Result<(), StorageError> {
        self.table.remove(key).map(drop)
    }
}

impl<'t, K: Key + 'static, V: Value + 'static> Deref for Recorded<'t, K, V> {
    type Target = Table<'t, K, V>;

    fn deref(&self) -> &Self::Target {
        &self.table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_down_is_read_in_the_same_order() {
        let mut journal = Journal::new(Vec::new());
        journal.note(1, b"a", Some(b"b"));
        journal.note(2, b"", None);
        journal.note(3, b"c", Some(b""));
        let octets = journal.finish().unwrap().unwrap();
        let mut strokes = Strokes::of(octets.as_slice());
        let mut read = Vec::new();
        while let Some(stroke) = strokes.next().unwrap() {
            read.push((stroke.table, stroke.key, stroke.value));
        }
        let wanted: Vec<(u8, Vec<u8>, Option<Vec<u8>>)> =
            vec![(1, b"a".to_vec(), Some(b"b".to_vec())), (2, vec![], None), (3, b"c".to_vec(), Some(vec![]))];
        assert_eq!(read, wanted);
        assert!(Journal::new(Vec::new()).finish().unwrap().is_none(), "nothing was taken down");
        // Cut off anywhere, it is no journal.
        for cut in 0..octets.len() - 4 {
            let mut strokes = Strokes::of(&octets[..cut]);
            let end = loop {
                match strokes.next() {
                    Ok(Some(_)) => {}
                    end => break end,
                }
            };
            assert!(end.is_err(), "{cut}");
        }
    }
}
