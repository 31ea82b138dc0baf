//! Reads the lines of logs, in bounded memory.

use std::borrow::Cow;
use std::io::{self, BufRead};

use serde::Deserialize;

/// The longest line that is read, in bytes. A record has a few hundred, and up to some thousand with a long path.
pub(super) const MAX_LINE: usize = 64 * 1024;

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

/// How many broken lines are named.
pub(super) const MAX_NAMED: usize = 10;

/// Lines that are not records.
#[derive(Debug, Default)]
pub struct Broken {
    /// How many there are.
    pub count: u64,
    /// The first of them: where they are, and what is wrong with them.
    pub named: Vec<String>,
}

impl Broken {
    /// Adds those of another log.
    pub fn add(&mut self, other: Self) {
        self.count += other.count;
        self.named.extend(other.named);
        self.named.truncate(MAX_NAMED);
    }

    /// How many are not named.
    pub fn unnamed(&self) -> u64 {
        self.count.saturating_sub(self.named.len() as u64)
    }
}

/// Gives `take` each line of `input` that is not blank, and tells which of them it has not taken. `name` names the log there.
/// `went` is called now and then.
pub fn each(
    name: &str,
    mut input: impl BufRead,
    mut went: impl FnMut(),
    mut take: impl FnMut(&[u8]) -> Result<(), String>,
) -> io::Result<Broken> {
    let (mut broken, mut line) = (Broken::default(), Vec::new());
    for number in 1_u64.. {
        line.clear();
        let is_whole = read_line(&mut input, &mut line)?;
        if line.is_empty() && is_whole {
            break;
        }
        if number % 4096 == 0 {
            went();
        }
        let text = line.trim_ascii();
        if text.is_empty() && is_whole {
            continue;
        }
        let taken = if is_whole { take(text) } else { Err(format!("longer than {MAX_LINE} bytes")) };
        if let Err(problem) = taken {
            broken.count += 1;
            if broken.named.len() < MAX_NAMED {
                broken.named.push(format!("{name}:{number}: {problem}"));
            }
        }
    }
    Ok(broken)
}

/// A line of the audit log, which may go to the same place as access records.
#[derive(Deserialize)]
struct Audit<'a> {
    #[serde(borrow, rename = "audit")]
    _what: Cow<'a, str>,
}

/// Reads an access record; none if it is a line of the audit log.
pub fn record<'a, R: Deserialize<'a>>(line: &'a [u8]) -> Result<Option<R>, String> {
    // Looked at as a whole, it need not be looked at once more for each text in it.
    let line = std::str::from_utf8(line).map_err(|error| error.to_string())?;
    match serde_json::from_str(line) {
        Ok(record) => Ok(Some(record)),
        Err(_) if serde_json::from_str::<Audit<'_>>(line).is_ok() => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}
