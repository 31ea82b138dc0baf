//! A set of keys in one piece of memory, each with marks, found by its hash and compared in full.
//!
//! The keys stand in an arena, a bucket of some three after another. Where a bucket begins says an index, beside 32 bits of
//! which each key of the bucket has set two: for most of what is not there, that is all that is looked at, and the index is
//! small enough to stay in the processor's cache. A key costs its octets, one for its length and its marks, and three for
//! the index.

#![expect(
    clippy::cast_possible_truncation,
    reason = "an arena has at most 2^32 octets, a key at most 4,096, and both are bounded before they are written"
)]

use std::io::{self, Read, Write};

/// Keys of a bucket, on average.
const BUCKET: usize = 3;

/// The longest key: a host and a path.
pub(super) const LONGEST: usize = 4096;

/// The longest arena: a place in it has 32 bits.
const MOST: usize = u32::MAX as usize - 2 * LONGEST;

/// Octets that are read or written at a time.
const PORTION: usize = 64 * 1024;

/// What there is to know of a key besides that it is there: three bits.
pub(super) type Marks = u8;

/// Lengths from here on take two octets more.
const LONG: usize = 31;

/// The set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Table {
    /// Of each bucket its filter, and where it begins; and where the last one ends.
    index: Box<[u64]>,
    arena: Box<[u8]>,
    keys: u64,
}

/// Keys that are to become a [`Table`], in the order in which they came; the same one may have come twice.
#[derive(Debug, Default)]
pub(super) struct Staged {
    arena: Vec<u8>,
    keys: usize,
}

/// A key in an arena.
struct Key<'a> {
    marks: Marks,
    octets: &'a [u8],
    /// Where the next one begins.
    end: usize,
}

impl Staged {
    /// Adds a key of at most [`LONGEST`] octets, given in parts. False if it is longer, or if there are too many.
    pub(super) fn push(&mut self, key: &[&[u8]], marks: Marks) -> bool {
        let length: usize = key.iter().map(|part| part.len()).sum();
        if length > LONGEST || self.arena.len() > MOST {
            return false;
        }
        self.arena.push(marks << 5 | length.min(LONG) as u8);
        if length >= LONG {
            self.arena.extend((length as u16).to_le_bytes());
        }
        key.iter().for_each(|part| self.arena.extend_from_slice(part));
        self.keys += 1;
        true
    }

    /// The table of these keys, whose hashes `hash` tells.
    pub(super) fn into_table(self, hash: impl Fn(&[u8]) -> u64) -> Table {
        let buckets = self.keys.div_ceil(BUCKET);
        let (arena, begins) = self.sorted(buckets, &hash);
        Self::joined(arena, &begins, &hash)
    }

    /// The keys by their buckets, and where each bucket begins.
    fn sorted(self, buckets: usize, hash: impl Fn(&[u8]) -> u64) -> (Vec<u8>, Vec<u32>) {
        let mut begins = vec![0_u32; buckets];
        let bucket = |key: &Key<'_>| bucket_of(hash(key.octets), buckets);
        let mut at = 0;
        while let Some(key) = key_at(&self.arena, at) {
            if let Some(size) = begins.get_mut(bucket(&key)) {
                *size += (key.end - at) as u32;
            }
            at = key.end;
        }
        let mut next = 0;
        for begin in &mut begins {
            (*begin, next) = (next, next + *begin);
        }
        let (mut sorted, mut free) = (vec![0; self.arena.len()], begins.clone());
        at = 0;
        while let Some(key) = key_at(&self.arena, at) {
            if let Some(free) = free.get_mut(bucket(&key)) {
                let end = *free as usize + key.end - at;
                if let (Some(to), Some(from)) = (sorted.get_mut(*free as usize..end), self.arena.get(at..key.end)) {
                    to.copy_from_slice(from);
                }
                *free = end as u32;
            }
            at = key.end;
        }
        (sorted, begins)
    }

    /// Makes one of those that came twice, and the index.
    fn joined(mut arena: Vec<u8>, begins: &[u32], hash: impl Fn(&[u8]) -> u64) -> Table {
        let (mut index, mut keys) = (Vec::with_capacity(begins.len() + 1), 0);
        let ends = begins.iter().skip(1).map(|end| *end as usize).chain([arena.len()]).collect::<Vec<_>>();
        let (mut from, mut to) = (0, 0);
        for end in ends {
            let (begin, mut filter) = (to, 0);
            while from < end
                && let Some(key) = key_at(&arena, from)
            {
                let (marks, next) = (key.marks, key.end);
                match find(&arena, begin, to, |other| other == key.octets) {
                    Some((same, _)) => {
                        if let Some(head) = arena.get_mut(same) {
                            *head |= marks << 5;
                        }
                    }
                    None => {
                        filter |= filter_of(hash(key.octets));
                        keys += 1;
                        // What is written never overtakes what is read.
                        arena.copy_within(from..next, to);
                        to += next - from;
                    }
                }
                from = next;
            }
            index.push(u64::from(filter) << 32 | begin as u64);
        }
        index.push(to as u64);
        arena.truncate(to);
        Table { index: index.into_boxed_slice(), arena: arena.into_boxed_slice(), keys }
    }
}

impl Table {
    /// The marks of the key with this hash for which `is_key` holds; 0 if it is not there.
    pub(super) fn marks(&self, hash: u64, is_key: impl Fn(&[u8]) -> bool) -> Marks {
        let bucket = bucket_of(hash, self.index.len().saturating_sub(1));
        let (Some(begin), Some(end)) = (self.index.get(bucket), self.index.get(bucket + 1)) else { return 0 };
        let filter = filter_of(hash);
        if (begin >> 32) as u32 & filter != filter {
            return 0;
        }
        let place = |entry: &u64| (entry & u64::from(u32::MAX)) as usize;
        find(&self.arena, place(begin), place(end), is_key).map_or(0, |(_, marks)| marks)
    }

    /// How many keys there are.
    pub(super) fn len(&self) -> u64 {
        self.keys
    }

    /// Octets of memory.
    pub(super) fn memory(&self) -> u64 {
        (self.arena.len() + self.index.len() * 8) as u64
    }

    /// Writes it as [`Table::read`] reads it.
    pub(super) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        for number in [self.keys, self.index.len() as u64, self.arena.len() as u64] {
            to.write_all(&number.to_le_bytes())?;
        }
        let mut portion = Vec::with_capacity(PORTION);
        for entries in self.index.chunks(PORTION / 8) {
            portion.clear();
            entries.iter().for_each(|entry| portion.extend_from_slice(&entry.to_le_bytes()));
            to.write_all(&portion)?;
        }
        to.write_all(&self.arena)
    }

    /// Reads what [`Table::write`] has written. `most` is how many octets there can be.
    pub(super) fn read(from: &mut impl Read, most: u64) -> io::Result<Self> {
        let [keys, entries, length] = [number(from)?, number(from)?, number(from)?];
        if entries.saturating_mul(8).saturating_add(length) > most {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut index = Vec::with_capacity(entries as usize);
        let mut portion = [0; PORTION];
        let mut left = entries as usize * 8;
        while let Some(octets) = portion.get_mut(..left.min(PORTION)).filter(|octets| !octets.is_empty()) {
            from.read_exact(octets)?;
            index.extend(octets.as_chunks::<8>().0.iter().map(|entry| u64::from_le_bytes(*entry)));
            left -= octets.len();
        }
        let mut arena = vec![0; length as usize];
        from.read_exact(&mut arena)?;
        Ok(Self { index: index.into_boxed_slice(), arena: arena.into_boxed_slice(), keys })
    }
}

/// The next eight octets as a number.
pub(super) fn number(from: &mut impl Read) -> io::Result<u64> {
    let mut octets = [0; 8];
    from.read_exact(&mut octets)?;
    Ok(u64::from_le_bytes(octets))
}

fn bucket_of(hash: u64, buckets: usize) -> usize {
    ((u128::from(hash) * buckets as u128) >> 64) as usize
}

/// The two bits that a key sets in its bucket's filter: by the low bits of its hash, as the high ones choose the bucket.
fn filter_of(hash: u64) -> u32 {
    1 << (hash & 31) | 1 << (hash >> 5 & 31)
}

/// Where the key for which `is_key` holds stands between two places, and its marks.
fn find(arena: &[u8], begin: usize, end: usize, is_key: impl Fn(&[u8]) -> bool) -> Option<(usize, Marks)> {
    let mut at = begin;
    while at < end {
        let key = key_at(arena, at)?;
        if is_key(key.octets) {
            return Some((at, key.marks));
        }
        at = key.end;
    }
    None
}

fn key_at(arena: &[u8], at: usize) -> Option<Key<'_>> {
    let head = *arena.get(at)?;
    let short = usize::from(head & 31);
    let (begin, length) = match short {
        LONG => {
            let long = arena.get(at + 1..at + 3)?.first_chunk()?;
            (at + 3, usize::from(u16::from_le_bytes(*long)))
        }
        _ => (at + 1, short),
    };
    Some(Key { marks: head >> 5, octets: arena.get(begin..begin + length)?, end: begin + length })
}
