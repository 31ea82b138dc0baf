//! Reads a document line by line into a list that is being built, within bounds, and counts what cannot be used.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read};

use memchr::memchr;
use serde::{Deserialize, Serialize};

use super::line::{self, Format, Unusable};
use super::set::Builder;

/// The longest line that is looked at. A longer one is counted, and passed over.
const LONGEST_LINE: usize = 4096;

/// Lines that cannot be used and are shown, of each list.
const MOST_SHOWN: usize = 10;

/// Characters of such a line that are shown.
const SHOWN: usize = 80;

/// Octets that are read at a time.
const PORTION: usize = 128 * 1024;

/// How much is read of one list at most, whatever it is packed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Octets, unpacked.
    pub octets: u64,
    /// Lines.
    pub lines: u64,
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// All lines, with blank ones and comments.
    pub lines: u64,
    /// Lines that cannot be used.
    pub unusable: u64,
    /// The first of them.
    pub first: Vec<Complaint>,
    /// Lines of each form.
    pub forms: BTreeMap<Format, u64>,
}

/// A line that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Complaint {
    /// The document that it stands in, where there are several.
    pub document: String,
    /// Its number, from 1.
    pub line: u64,
    /// The line, as far as it is shown, without control characters.
    pub text: String,
    /// Why it cannot be used.
    pub why: Unusable,
}

/// Why a document was not taken.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be read, or it broke off.
    #[error("it cannot be read: {0}")]
    Read(#[from] io::Error),
    /// It is longer than anybody wants.
    #[error("it is longer than {0} bytes, unpacked (`max_size`)")]
    TooLong(u64),
    /// It has more lines than anybody wants.
    #[error("it has more than {0} lines")]
    TooManyLines(u64),
    /// More than can be kept in one list.
    #[error("it has more entries than a list can hold")]
    Full,
    /// A page, where a list was expected.
    #[error("it is a web page, not a list")]
    Page,
    /// There is nothing in it that can be used.
    #[error("no line of it can be used (of {0})")]
    Nothing(u64),
    /// What a server says that has no list just now.
    #[error("it holds single words alone, as a message does: where such hosts are meant, write `=intranet`")]
    Words,
    /// An archive's header that nobody needs so long.
    #[error("the archive has a name, or what is said of a file, of more than {0} bytes")]
    LongHeader(u64),
    /// An archive without anything that lists have.
    #[error("the archive holds no category: a folder with a file `domains` or `urls`")]
    NoCategory,
    /// More categories than anybody wants.
    #[error("there are more than {0} categories")]
    TooManyCategories(usize),
}

/// A list that is being read.
#[derive(Debug, Default)]
pub struct Reading {
    /// What will be in it.
    pub builder: Builder,
    /// What was read of it.
    pub report: Report,
    /// Lines that are one word alone.
    words: u64,
}

impl Reading {
    /// Reads a document, called `document` where there are several. What it takes is taken from `bounds`.
    pub fn document(&mut self, document: &str, from: impl Read, bounds: &mut Allowance) -> Result<(), Error> {
        let (mut number, all) = (0, *bounds);
        let mut lines = Lines::new(from);
        while let Some(line) = lines.next(bounds, all)? {
            number += 1;
            bounds.lines = bounds.lines.checked_sub(1).ok_or(Error::TooManyLines(all.lines))?;
            if number == 1 && is_page(line) {
                return Err(Error::Page);
            }
            let (builder, report) = (&mut self.builder, &mut self.report);
            report.lines += 1;
            let text = match line {
                Line::Whole(line) => std::str::from_utf8(line).map_err(|_| Unusable::NotUtf8),
                Line::Cut(_) => Err(Unusable::TooLong),
            };
            let mut is_word = false;
            let mut add = |entry: &line::Entry<'_>| {
                is_word = matches!(entry, line::Entry::Exact(name) if !name.contains('.'));
                builder.add(entry);
            };
            // `=intranet` is written by somebody who means it.
            let is_meant = text.is_ok_and(|text| text.contains('='));
            match text.and_then(|text| line::read(text.trim_start_matches('\u{feff}'), &mut add)) {
                Ok(None) => {}
                Ok(Some(form)) => *report.forms.entry(form).or_default() += 1,
                Err(why) => report.complain(document, number, line, why),
            }
            self.words += u64::from(is_word && !is_meant);
            if self.builder.is_full() {
                return Err(Error::Full);
            }
        }
        Ok(())
    }

    /// Whether anything could be used, of a document that somebody else may have written.
    pub fn check(&self) -> Result<(), Error> {
        if self.words > 0 && self.words == self.report.forms.values().sum::<u64>() {
            return Err(Error::Words);
        }
        self.check_own()
    }

    /// Whether anything could be used, where single words are hosts without doubt.
    pub fn check_own(&self) -> Result<(), Error> {
        if self.report.forms.is_empty() && self.report.unusable > 0 {
            return Err(Error::Nothing(self.report.lines));
        }
        Ok(())
    }
}

impl Report {
    /// The form of most lines.
    pub fn form(&self) -> Option<Format> {
        self.forms.iter().max_by_key(|(_, lines)| **lines).map(|(form, _)| *form)
    }

    fn complain(&mut self, document: &str, number: u64, line: Line<'_>, why: Unusable) {
        self.unusable += 1;
        if self.first.len() < MOST_SHOWN {
            let (Line::Whole(line) | Line::Cut(line)) = line;
            let text = String::from_utf8_lossy(line.get(..line.len().min(4 * SHOWN)).unwrap_or_default()).into_owned();
            let text = text.trim().chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(SHOWN).collect();
            self.first.push(Complaint { document: document.to_owned(), line: number, text, why });
        }
    }
}

/// Whoever answers with a page instead of a list says so in its first line.
fn is_page(line: Line<'_>) -> bool {
    let (Line::Whole(line) | Line::Cut(line)) = line;
    let line = line.trim_ascii_start();
    ["<!doctype", "<html", "<?xml", "<head"]
        .iter()
        .any(|mark| line.get(..mark.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(mark.as_bytes())))
}

/// One line.
#[derive(Clone, Copy)]
enum Line<'b> {
    Whole(&'b [u8]),
    /// The beginning of one that is too long.
    Cut(&'b [u8]),
}

/// The lines of a document.
struct Lines<R> {
    from: BufReader<R>,
    line: Vec<u8>,
}

impl<R: Read> Lines<R> {
    fn new(from: R) -> Self {
        Self { from: BufReader::with_capacity(PORTION, from), line: Vec::new() }
    }

    /// The next line, without its break.
    fn next(&mut self, bounds: &mut Allowance, all: Allowance) -> Result<Option<Line<'_>>, Error> {
        self.line.clear();
        let (mut is_cut, mut any) = (false, false);
        loop {
            let octets = match self.from.fill_buf() {
                Ok(octets) => octets,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            let (taken, is_end) = match memchr(b'\n', octets) {
                Some(at) => (at + 1, true),
                None => (octets.len(), octets.is_empty()),
            };
            any |= taken > 0;
            let free = LONGEST_LINE.saturating_sub(self.line.len());
            let content = taken - usize::from(is_end && taken > 0);
            is_cut |= content > free;
            self.line.extend_from_slice(octets.get(..content.min(free)).unwrap_or_default());
            self.from.consume(taken);
            bounds.octets = bounds.octets.checked_sub(taken as u64).ok_or(Error::TooLong(all.octets))?;
            if is_end {
                break;
            }
        }
        Ok(any.then_some(if is_cut { Line::Cut(&self.line) } else { Line::Whole(&self.line) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Allowance = Allowance { octets: 1 << 20, lines: 1000 };

    fn read(text: &[u8]) -> Result<Reading, Error> {
        let (mut reading, mut bounds) = (Reading::default(), BOUNDS);
        reading.document("list", text, &mut bounds).map(|()| reading)
    }

    #[test]
    fn lines_that_cannot_be_used_are_counted_and_the_first_are_shown() {
        let long = format!("{}.example\n", "a".repeat(10_000));
        let text = format!("\u{feff}# list\r\na.example\r\n\n||b.example^\n{long}c d\nq\u{7}\u{1b}[1m!\nlast.example");
        let Reading { report, .. } = read(&[text.as_bytes(), b"\n\xff\xfe"].concat()).unwrap();
        assert_eq!((report.lines, report.unusable), (9, 4));
        let said: Vec<_> = report.first.iter().map(|complaint| (complaint.line, complaint.why)).collect();
        let wanted = [(5, Unusable::TooLong), (6, Unusable::NotAName), (7, Unusable::NotAName), (9, Unusable::NotUtf8)];
        assert_eq!(said, wanted);
        assert_eq!(report.first[0].text.chars().count(), SHOWN);
        assert_eq!(report.first[2].text, "q\u{fffd}\u{fffd}[1m!");
        assert_eq!(report.forms, BTreeMap::from([(Format::Plain, 2), (Format::AdBlock, 1)]));
        let many = "a b\n".repeat(50);
        assert_eq!(read(many.as_bytes()).unwrap().report.first.len(), MOST_SHOWN);
    }

    #[test]
    fn bounds_are_kept_and_a_page_is_no_list() {
        let mut reading = Reading::default();
        let long = "a.example\n".repeat(200);
        let mut small = Allowance { octets: 1000, lines: 1000 };
        assert!(matches!(reading.document("", long.as_bytes(), &mut small), Err(Error::TooLong(1000))));
        let mut few = Allowance { octets: 1 << 20, lines: 199 };
        assert!(matches!(reading.document("", long.as_bytes(), &mut few), Err(Error::TooManyLines(199))));
        for page in ["<!DOCTYPE html>\n<title>x", "  <html>", "\n<html>"] {
            let read = read(page.as_bytes());
            let refused = matches!(read, Err(Error::Page)) || read.is_ok_and(|read| read.check().is_err());
            assert!(refused, "{page}");
        }
        assert!(matches!(read(b"a b\nc d\n").unwrap().check(), Err(Error::Nothing(2))));
        for message in ["Maintenance", "# x\nMaintenance\n", "Temporarily\nunavailable\nplease try later\n"] {
            assert!(matches!(read(message.as_bytes()).unwrap().check(), Err(Error::Words)), "{message}");
            assert!(read(message.as_bytes()).unwrap().check_own().is_ok(), "{message}");
        }
        for meant in ["=intranet", "intranet\na.test", ".zip", "local=/zip/"] {
            assert!(read(meant.as_bytes()).unwrap().check().is_ok(), "{meant}");
        }
        // Somebody has emptied it, and wants that.
        assert!(read(b"# nothing\n").unwrap().check().is_ok());
    }
}
