//! A log that tests read.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

/// What was written to a log. Its clones are the same page.
#[derive(Clone, Default)]
pub(super) struct Page(Arc<Mutex<Vec<u8>>>);

impl Page {
    /// All of it, so far.
    pub(super) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// How many octets it has.
    pub(super) fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

impl Write for Page {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
