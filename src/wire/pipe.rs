//! Pipes for splice(2), lent out while bytes flow and kept for the next that needs one.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_getpipe_size, fcntl_setpipe_size, pipe_with, splice};

/// Bytes that a pipe should hold: what an unprivileged process may ask for (`/proc/sys/fs/pipe-max-size`).
pub const CAPACITY: usize = 1 << 20;

/// A pipe that holds less is worth less than a copy. Beyond `/proc/sys/fs/pipe-user-pages-soft`, the kernel gives a
/// user pipes of two pages.
const LEAST: usize = 64 * 1024;

/// A bounded number of pipes. A copy of it lends from the same.
#[derive(Clone, Debug)]
pub struct Pipes(Arc<Pool>);

#[derive(Debug)]
struct Pool {
    /// Empty ones.
    idle: Mutex<Vec<Pipe>>,
    /// How many there are, lent or not.
    open: AtomicUsize,
    most: usize,
}

#[derive(Debug)]
struct Pipe {
    read: OwnedFd,
    write: OwnedFd,
}

/// A pipe of one's own, for a while. An empty one is kept when it is given back; one that holds bytes is closed, so
/// that nobody else ever finds them.
#[derive(Debug)]
pub struct Loan {
    /// There until it is dropped.
    pipe: Option<Pipe>,
    held: usize,
    pool: Arc<Pool>,
}

impl Pipes {
    /// Connections for each pipe: few connections have bytes waiting at the same time.
    pub const SHARE: u64 = 16;

    /// As many as `connections` should need.
    pub fn for_connections(connections: usize) -> Self {
        let share = usize::try_from(Self::SHARE).unwrap_or(usize::MAX);
        Self::new((connections / share).clamp(4, 512))
    }

    /// At most `most` pipes, of two descriptors each. None is made before it is needed.
    pub fn new(most: usize) -> Self {
        Self(Arc::new(Pool { idle: Mutex::default(), open: AtomicUsize::new(0), most }))
    }

    /// An empty pipe; none when all are lent, when there are no descriptors left, or when the kernel gives small ones
    /// only. Whoever gets none copies.
    pub fn lend(&self) -> Option<Loan> {
        let kept = self.0.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let pipe = match kept {
            Some(pipe) => pipe,
            None => self.0.open()?,
        };
        Some(Loan { pipe: Some(pipe), held: 0, pool: Arc::clone(&self.0) })
    }

    /// How many pipes there are, lent or not.
    pub fn open(&self) -> usize {
        self.0.open.load(Ordering::Relaxed)
    }
}

impl Pool {
    fn open(&self) -> Option<Pipe> {
        if self.open.fetch_add(1, Ordering::Relaxed) < self.most
            && let Ok(pipe) = Pipe::new()
        {
            return Some(pipe);
        }
        self.open.fetch_sub(1, Ordering::Relaxed);
        None
    }
}

impl Pipe {
    fn new() -> io::Result<Self> {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        // Refused where users may not have as much, or have it already; the size that it has may do.
        let size = match fcntl_setpipe_size(&write, CAPACITY) {
            Ok(size) => size,
            Err(_) => fcntl_getpipe_size(&write)?,
        };
        if size < LEAST { Err(io::ErrorKind::QuotaExceeded.into()) } else { Ok(Self { read, write }) }
    }
}

impl Loan {
    /// Bytes that it holds.
    pub fn held(&self) -> usize {
        self.held
    }

    /// Takes up to `most` bytes from a socket that does not block; 0 at its end. Only an empty pipe may be filled:
    /// otherwise `WouldBlock` could mean that the pipe is full.
    pub fn fill(&mut self, from: impl AsFd, most: usize) -> io::Result<usize> {
        debug_assert_eq!(self.held, 0, "bytes may be left in the pipe");
        let pipe = self.pipe.as_ref().ok_or(io::ErrorKind::BrokenPipe)?;
        let count = splice(from, None, &pipe.write, None, most, SpliceFlags::MOVE | SpliceFlags::NONBLOCK)?;
        self.held += count;
        Ok(count)
    }

    /// Gives bytes to a socket that does not block.
    pub fn drain(&mut self, to: impl AsFd) -> io::Result<usize> {
        let pipe = self.pipe.as_ref().ok_or(io::ErrorKind::BrokenPipe)?;
        let count = splice(&pipe.read, None, to, None, self.held, SpliceFlags::MOVE | SpliceFlags::NONBLOCK)?;
        self.held = self.held.saturating_sub(count);
        Ok(count)
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        let Some(pipe) = self.pipe.take() else { return };
        if self.held == 0 {
            self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner).push(pipe);
        } else {
            drop(pipe);
            self.pool.open.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    fn pair() -> (UnixStream, UnixStream) {
        let (near, far) = UnixStream::pair().unwrap();
        near.set_nonblocking(true).unwrap();
        (near, far)
    }

    #[test]
    fn pipes_are_bounded_and_kept_when_they_are_given_back() {
        let pipes = Pipes::new(1);
        let loan = pipes.lend().unwrap();
        assert!(pipes.lend().is_none(), "more than there may be");
        drop(loan);
        assert!(pipes.lend().is_some());
        assert_eq!(pipes.open(), 1);
    }

    #[test]
    fn a_pipe_that_holds_bytes_is_not_lent_again() {
        let pipes = Pipes::new(1);
        let ((from, mut sender), (to, mut receiver)) = (pair(), pair());
        sender.write_all(b"one person's").unwrap();
        let mut loan = pipes.lend().unwrap();
        assert_eq!(loan.fill(&from, CAPACITY).unwrap(), 12);
        drop(loan);
        assert_eq!(pipes.open(), 0, "it was kept");
        sender.write_all(b"another's").unwrap();
        let mut loan = pipes.lend().unwrap();
        assert_eq!(loan.fill(&from, CAPACITY).unwrap(), 9);
        assert_eq!((loan.drain(&to).unwrap(), loan.held()), (9, 0));
        let mut got = [0; 9];
        receiver.read_exact(&mut got).unwrap();
        assert_eq!(&got, b"another's");
    }
}
