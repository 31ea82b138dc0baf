//! Reading logs: of a file, compressed as it may be, or of the standard input.

use std::cell::Cell;
use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal as _, Read, Write as _};
use std::path::Path;
use std::rc::Rc;

use super::Failure;
use crate::observe::lines::Broken;
use crate::observe::packed;

/// How much of a file is read in one go, in bytes.
const AT_ONCE: usize = 256 * 1024;

/// Counts what is read of a file, compressed as it may be.
struct Counted<R> {
    inner: R,
    read: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.read.set(self.read.get() + count as u64);
        Ok(count)
    }
}

/// What reads a log: it is given the log's name, its lines, and what it has to call now and then.
pub(super) trait Reader: FnMut(&str, &mut dyn BufRead, &mut dyn FnMut()) -> std::io::Result<()> {}

impl<F: FnMut(&str, &mut dyn BufRead, &mut dyn FnMut()) -> std::io::Result<()>> Reader for F {}

/// Has `reader` read the log at `path`, or the standard input if that is `-`. How far it has come is shown on a terminal.
pub(super) fn read(path: &Path, mut reader: impl Reader) -> Result<(), Failure> {
    try_read(path, &mut reader).map_err(|error| Failure::new(format!("{}: {error}", path.display())))
}

fn try_read(path: &Path, reader: &mut impl Reader) -> std::io::Result<()> {
    if path == Path::new("-") {
        return reader("standard input", &mut std::io::stdin().lock(), &mut || {});
    }
    let file = File::open(path)?;
    let (size, count) = (file.metadata()?.len().max(1), Rc::new(Cell::new(0)));
    let shows = std::io::stderr().is_terminal();
    let say = |end: &str, percent: u64| {
        if shows {
            drop(write!(std::io::stderr(), "\r{}: {percent} %{end}", path.display()));
        }
    };
    let mut went = || say("", (count.get() * 100 / size).min(100));
    let name = path.display().to_string();
    let input = BufReader::with_capacity(AT_ONCE, Counted { inner: file, read: Rc::clone(&count) });
    reader(&name, &mut packed::unpacked(path, input)?, &mut went)?;
    say("\n", 100);
    Ok(())
}

/// Says on the standard error which lines are not records.
pub(super) fn say_broken(broken: &Broken) {
    for line in &broken.named {
        drop(writeln!(std::io::stderr(), "not a record: {line}"));
    }
    if broken.unnamed() > 0 {
        drop(writeln!(std::io::stderr(), "not a record: {} more lines", broken.unnamed()));
    }
}
