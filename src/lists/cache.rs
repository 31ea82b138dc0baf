//! Writes a list to a file in the shape that it has in memory, so that reading it again needs no parsing.
//!
//! The file begins with the version of this shape and a hash of what the list was made from (`stamp`), and ends with a
//! checksum. The checksum is against accidents alone: whoever can write to the state folder can write lists, too.

use std::collections::BTreeMap;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::sync::Arc;

use flate2::{CrcReader, CrcWriter};

use super::archive::{Content, Part};
use super::set::NameSet;
use super::table::number;

/// What such a file begins with. Another shape, or another spelling of what is in it, has another number.
const MAGIC: &[u8; 16] = b"vestibule-list 2";

/// What a list is made from, as a hash.
pub type Stamp = [u8; 32];

/// Names and reports are not longer.
const LONGEST_TEXT: u64 = 64 * 1024;

/// Octets that are read or written at a time.
const PORTION: usize = 256 * 1024;

/// Writes a list that was made from what `stamp` stands for.
pub fn write(content: &Content, stamp: &Stamp, to: impl Write) -> io::Result<()> {
    let mut to = CrcWriter::new(BufWriter::with_capacity(PORTION, to));
    to.write_all(MAGIC)?;
    to.write_all(stamp)?;
    // Categories that are other names of one stand there once.
    let mut sets: Vec<&Part> = Vec::new();
    let mut names = BTreeMap::new();
    for (name, part) in &content.sets {
        let known = sets.iter().position(|other| Arc::ptr_eq(&other.set, &part.set));
        names.insert(name, known.unwrap_or(sets.len()));
        if known.is_none() {
            sets.push(part);
        }
    }
    text(&serde_json::to_vec(&names)?, &mut to)?;
    to.write_all(&(sets.len() as u64).to_le_bytes())?;
    for part in sets {
        text(&serde_json::to_vec(&*part.report)?, &mut to)?;
        part.set.write(&mut to)?;
    }
    let sum = to.crc().sum();
    let mut to = to.into_inner();
    to.write_all(&sum.to_le_bytes())?;
    to.flush()
}

/// Reads a list of `length` octets. None if it was made from something else, or by another version; an error if it is broken.
pub fn read(stamp: &Stamp, from: impl Read, length: u64) -> io::Result<Option<Content>> {
    let mut from = CrcReader::new(BufReader::with_capacity(PORTION, from));
    let (mut magic, mut of) = ([0; 16], [0; 32]);
    from.read_exact(&mut magic)?;
    from.read_exact(&mut of)?;
    if magic != *MAGIC || of != *stamp {
        return Ok(None);
    }
    let names: BTreeMap<String, usize> = serde_json::from_slice(&read_text(&mut from, length)?)?;
    let mut sets: Vec<Part> = Vec::new();
    for _ in 0..number(&mut from)? {
        let report = Arc::new(serde_json::from_slice(&read_text(&mut from, LONGEST_TEXT)?)?);
        sets.push(Part { set: Arc::new(NameSet::read(&mut from, length)?), report });
    }
    let sum = from.crc().sum();
    let mut written = [0; 4];
    from.read_exact(&mut written)?;
    let broken = || io::Error::from(io::ErrorKind::InvalidData);
    if u32::from_le_bytes(written) != sum {
        return Err(broken());
    }
    let named = |(name, at)| sets.get::<usize>(at).cloned().map(|part| (name, part)).ok_or_else(broken);
    Ok(Some(Content { sets: names.into_iter().map(named).collect::<io::Result<_>>()? }))
}

fn text(text: &[u8], to: &mut impl Write) -> io::Result<()> {
    to.write_all(&(text.len() as u64).to_le_bytes())?;
    to.write_all(text)
}

fn read_text(from: &mut impl Read, most: u64) -> io::Result<Vec<u8>> {
    let length = number(from)?;
    if length > most {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let length = usize::try_from(length).map_err(|_| io::ErrorKind::UnexpectedEof)?;
    let mut text = vec![0; length];
    from.read_exact(&mut text)?;
    Ok(text)
}
