//! Reads the lines of logs, in bounded memory.

use std::io::{self, BufRead};

/// The longest line that is read, in bytes. A record has a few hundred, and up to some thousand with a long path.
pub const MAX_LINE: usize = 64 * 1024;

/// Reads a line. False if it is too long: then most of it was skipped.
pub fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    let mut is_whole = true;
    loop {
        let available = input.fill_buf()?;
        let (end, used) = match memchr::memchr(b'\n', available) {
            Some(at) => (true, at + 1),
            None => (available.is_empty(), available.len()),
        };
        if line.len() + used <= MAX_LINE {
            line.extend_from_slice(available.get(..used).unwrap_or_default());
        } else {
            is_whole = false;
        }
        input.consume(used);
        if end {
            return Ok(is_whole);
        }
    }
}
