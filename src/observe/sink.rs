//! Where log lines go: each sink has a queue, a thread that empties it, and its own answer to a full queue.
//!
//! A file or a pipe is on this machine: if its queue is full, the caller waits, and no line is lost as long as the disk
//! takes them. A remote destination may be away for hours, and no request may wait for it: lines that find its queue
//! full are dropped and counted, and an event says how many.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::left_out::LeftOut;

/// How long the first line waits for others: when many lines share one write, each costs next to nothing.
const GATHERING: Duration = Duration::from_millis(10);

/// How many bytes may wait in a queue. As many more may be in the write that is under way.
const MAX_WAITING: usize = 16 * 1024 * 1024;

/// What happens to a line that finds the queue full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// The caller waits until there is room.
    Wait,
    /// It is dropped and counted.
    Drop,
}

/// Writes lines in the order in which it gets them, from a thread of its own. Dropping it waits until the rest has been
/// written.
#[derive(Debug)]
pub struct Sink {
    shared: Arc<Shared>,
    when_full: WhenFull,
    dropped: Arc<Dropped>,
    thread: Option<JoinHandle<()>>,
}

/// Counts the lines that a sink has not written.
#[derive(Debug)]
pub(super) struct Dropped {
    /// The sink's name.
    pub(super) sink: String,
    total: AtomicU64,
    unsaid: LeftOut,
}

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    /// Rings when lines wait, or the sink is closed.
    filled: Condvar,
    /// Rings when there is room again.
    emptied: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    octets: Vec<u8>,
    is_closed: bool,
}

impl Sink {
    /// A sink that writes to `to`, from a thread of this name. `to` gets whole lines, several at a time. A write must
    /// give up by itself after a while, because dropping the sink waits for the last one.
    ///
    /// # Errors
    ///
    /// The thread cannot be started.
    pub fn new(name: &str, when_full: WhenFull, to: impl Write + Send + 'static) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let dropped = Arc::new(Dropped::of(name));
        let (writing, losing) = (Arc::clone(&shared), Arc::clone(&dropped));
        let writer = move || writing.write_to(to, &losing);
        let thread = std::thread::Builder::new().name(name.into()).spawn(writer)?;
        Ok(Self { shared, when_full, dropped, thread: Some(thread) })
    }

    /// The count of lines that it has not written.
    pub(super) fn dropped(&self) -> &Arc<Dropped> {
        &self.dropped
    }

    /// Takes a line that may be left out, if the queue is less than half full. False if it was not taken.
    pub(super) fn push_if_few(&self, line: &[u8]) -> bool {
        let has_room = self.shared.lock().octets.len() < MAX_WAITING / 2;
        if has_room {
            self.push(line);
        }
        has_room
    }

    /// Takes a line, including its end.
    pub(super) fn push(&self, line: &[u8]) {
        let mut waiting = self.shared.lock();
        while waiting.octets.len() >= MAX_WAITING {
            if self.when_full == WhenFull::Drop {
                drop(waiting);
                return self.dropped.note_one();
            }
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

impl Drop for Sink {
    fn drop(&mut self) {
        self.shared.lock().is_closed = true;
        self.shared.filled.notify_one();
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
        self.dropped.say(self.dropped.unsaid.rest());
    }
}

impl Dropped {
    fn of(sink: &str) -> Self {
        Self { sink: sink.to_owned(), total: AtomicU64::new(0), unsaid: LeftOut::new(Instant::now()) }
    }

    /// How many since the start of the program.
    pub(super) fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    /// Adds what an earlier sink of this name has counted.
    pub(super) fn go_on_from(&self, before: &Self) {
        self.total.fetch_add(before.total(), Ordering::Relaxed);
    }

    /// Says how many lines found no room, at most once a minute. Must be called every few seconds.
    pub(super) fn say_due(&self, now: Instant) {
        self.say(self.unsaid.due(now));
    }

    fn note_one(&self) {
        self.total.fetch_add(1, Ordering::Relaxed);
        self.unsaid.note(1);
    }

    fn say(&self, count: Option<u64>) {
        if let Some(count) = count {
            tracing::warn!(
                sink = self.sink,
                count,
                "log lines were dropped, because the queue of their sink is full: its destination does not take them, or not fast enough"
            );
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_to(&self, mut to: impl Write, dropped: &Dropped) {
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
                let lines = octets.iter().filter(|octet| **octet == b'\n').count() as u64;
                tracing::error!(%error, lines, bytes = octets.len(), "records not written, and lost: their destination does not take them");
                // Counted, and not noted as unsaid: the event above has said it.
                dropped.total.fetch_add(lines, Ordering::Relaxed);
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
    use crate::observe::page::Page;

    #[test]
    fn all_lines_are_written_whole_whoever_gives_them() {
        let page = Page::default();
        let lines = Arc::new(Sink::new("lines", WhenFull::Wait, page.clone()).unwrap());
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
        let text = page.text();
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
        let lines = Sink::new("lines", WhenFull::Wait, Slow(page.clone())).unwrap();
        let line = vec![b'x'; 1024 * 1024];
        for _ in 0..40 {
            lines.push(&line);
            assert!(lines.shared.lock().octets.len() <= MAX_WAITING + line.len());
        }
        let dropped = Arc::clone(lines.dropped());
        drop(lines);
        assert_eq!(page.len(), 40 * line.len());
        assert_eq!(dropped.total(), 0);
    }

    #[test]
    fn nobody_waits_for_what_is_elsewhere_and_what_it_does_not_take_is_counted() {
        const LINES: u64 = 40;
        /// It takes nothing until the other end is gone.
        struct Away(Page, std::sync::mpsc::Receiver<()>);
        impl Write for Away {
            fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
                self.1.recv().ok();
                self.0.write(octets)
            }

            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let (page, (back, away)) = (Page::default(), std::sync::mpsc::channel());
        let lines = Arc::new(Sink::new("lines", WhenFull::Drop, Away(page.clone(), away)).unwrap());
        let line = [vec![b'x'; 1024 * 1024], vec![b'\n']].concat();
        let (done, waited) = std::sync::mpsc::channel();
        let pushing = Arc::clone(&lines);
        let giving = std::thread::spawn(move || {
            (0..LINES).for_each(|_| pushing.push(&line));
            done.send(()).unwrap();
        });
        let came = waited.recv_timeout(Duration::from_secs(60));
        drop(back);
        assert!(came.is_ok(), "whoever has a line waits for what is elsewhere");
        giving.join().unwrap();
        let dropped = lines.dropped().total();
        drop(lines);
        let written = page.text().lines().count() as u64;
        assert!(dropped > 0 && written + dropped == LINES, "{written} written, {dropped} dropped");
        assert!(written >= 16, "as much as the queue holds is kept: {written}");
    }

    #[test]
    fn what_could_not_be_written_is_counted() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(std::io::ErrorKind::StorageFull.into())
            }

            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let lines = Sink::new("lines", WhenFull::Wait, Full).unwrap();
        (0..3).for_each(|_| lines.push(b"x\n"));
        let dropped = Arc::clone(lines.dropped());
        drop(lines);
        assert_eq!(dropped.total(), 3);
    }
}
