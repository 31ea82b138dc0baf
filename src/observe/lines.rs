//! Lines on their way to a file or a pipe, from a thread of their own.

use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long the first line waits for others: one write for many lines costs each of them next to nothing.
const GATHERING: Duration = Duration::from_millis(10);

/// Bytes that may wait. Beyond that, whoever has a line to write waits: a line is never lost.
const MAX_WAITING: usize = 16 * 1024 * 1024;

/// Writes lines in the order in which they are given, from a thread of its own. What is left is written when it is
/// dropped.
#[derive(Debug)]
pub(super) struct Lines {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    /// Something waits, or nothing more will.
    filled: Condvar,
    /// There is room again.
    emptied: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    octets: Vec<u8>,
    is_closed: bool,
}

impl Lines {
    /// Writes to `to`, from a thread of this name.
    pub(super) fn to_writer(name: &str, to: impl Write + Send + 'static) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let writing = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name(name.into()).spawn(move || writing.write_to(to))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Takes a line that may be left out, if few wait. False when it was not taken.
    pub(super) fn push_if_few(&self, line: &[u8]) -> bool {
        let has_room = self.shared.lock().octets.len() < MAX_WAITING / 2;
        if has_room {
            self.push(line);
        }
        has_room
    }

    /// Takes a line, its end included.
    pub(super) fn push(&self, line: &[u8]) {
        let mut waiting = self.shared.lock();
        while waiting.octets.len() >= MAX_WAITING {
            waiting = self.shared.emptied.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        let is_first = waiting.octets.is_empty();
        waiting.octets.extend_from_slice(line);
        drop(waiting);
        if is_first {
            self.shared.filled.notify_one();
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.shared.lock().is_closed = true;
        self.shared.filled.notify_one();
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_to(&self, mut to: impl Write) {
        let mut octets = Vec::new();
        loop {
            let waiting = self.lock();
            let is_idle = |waiting: &mut Waiting| waiting.octets.is_empty() && !waiting.is_closed;
            let waiting = self.filled.wait_while(waiting, is_idle).unwrap_or_else(PoisonError::into_inner);
            let is_full = |waiting: &mut Waiting| waiting.octets.len() < MAX_WAITING && !waiting.is_closed;
            let gathered = self.filled.wait_timeout_while(waiting, GATHERING, is_full);
            let (mut waiting, _) = gathered.unwrap_or_else(PoisonError::into_inner);
            std::mem::swap(&mut waiting.octets, &mut octets);
            let is_last = waiting.is_closed;
            drop(waiting);
            self.emptied.notify_all();
            if let Err(error) = to.write_all(&octets).and_then(|()| to.flush()) {
                tracing::error!(%error, bytes = octets.len(), "records not written");
            }
            octets.clear();
            if is_last && self.lock().octets.is_empty() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(octets);
            Ok(octets.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn all_lines_are_written_whole_whoever_gives_them() {
        let page = Page::default();
        let lines = Arc::new(Lines::to_writer("lines", page.clone()).unwrap());
        let givers: Vec<_> = (0..4)
            .map(|giver| {
                let lines = Arc::clone(&lines);
                std::thread::spawn(move || {
                    for number in 0..2_000 {
                        lines.push(format!("{giver} {number} {}\n", "x".repeat(number % 50)).as_bytes());
                    }
                })
            })
            .collect();
        for giver in givers {
            giver.join().unwrap();
        }
        drop(lines);
        let text = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
        for giver in 0..4 {
            let own: Vec<_> = text.lines().filter(|line| line.starts_with(&giver.to_string())).collect();
            assert_eq!(own.len(), 2_000);
            for (number, line) in own.iter().enumerate() {
                assert_eq!(*line, format!("{giver} {number} {}", "x".repeat(number % 50)));
            }
        }
    }

    #[test]
    fn a_reader_that_is_slow_is_waited_for() {
        struct Slow(Page);
        impl Write for Slow {
            fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
                std::thread::sleep(Duration::from_millis(1));
                self.0.write(octets.get(..octets.len().min(4 * 1024 * 1024)).unwrap())
            }

            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let page = Page::default();
        let lines = Lines::to_writer("lines", Slow(page.clone())).unwrap();
        let line = vec![b'x'; 1024 * 1024];
        for _ in 0..40 {
            lines.push(&line);
            assert!(lines.shared.lock().octets.len() <= MAX_WAITING + line.len());
        }
        drop(lines);
        assert_eq!(page.0.lock().unwrap().len(), 40 * line.len());
    }
}
