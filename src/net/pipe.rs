//! Pipes for splice(2): each is lent while bytes flow, and kept for the next flow that needs one. The rule that keeps
//! this safe is that a pipe in the pool is empty. Bytes of one person that were left in a pipe would go to the next
//! person who gets it. So a loan counts what is in its pipe, and when it is dropped, for whatever reason and at
//! whatever moment, a pipe that is not empty is closed instead of being given back.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_getpipe_size, fcntl_setpipe_size, pipe_with, splice};

/// How many bytes a pipe should hold: the most that an unprivileged process may ask for (`/proc/sys/fs/pipe-max-size`).
pub const CAPACITY: usize = 1 << 20;

/// Splicing through a pipe that holds less is slower than copying. When a user's pipes have more pages than
/// `/proc/sys/fs/pipe-user-pages-soft`, the kernel gives further ones two pages only.
const LEAST: usize = 64 * 1024;

/// A bounded number of pipes. A clone lends from the same pool.
#[derive(Clone, Debug)]
pub struct Pipes(Arc<Pool>);

#[derive(Debug)]
struct Pool {
    /// Pipes that nobody has. All of them are empty.
    idle: Mutex<Vec<Pipe>>,
    /// How many pipes there are, lent or not.
    open: AtomicUsize,
    most: usize,
}

#[derive(Debug)]
struct Pipe {
    read: OwnedFd,
    write: OwnedFd,
}

/// A pipe on loan. When the loan is dropped, an empty pipe goes back to the pool; one that holds bytes is closed, so
/// that nobody else ever gets them.
#[derive(Debug)]
pub struct Loan {
    /// `Some` until it is dropped.
    pipe: Option<Pipe>,
    held: usize,
    pool: Arc<Pool>,
}

impl Pipes {
    /// How many connections there are for each pipe: few connections have bytes waiting at the same time.
    pub const SHARE: u64 = 16;

    /// As many pipes as that many `connections` should need.
    pub fn for_connections(connections: usize) -> Self {
        let share = usize::try_from(Self::SHARE).unwrap_or(usize::MAX);
        Self::new((connections / share).clamp(4, 512))
    }

    /// At most `most` pipes, of two descriptors each. A pipe is made when it is first needed.
    pub fn new(most: usize) -> Self {
        Self(Arc::new(Pool { idle: Mutex::default(), open: AtomicUsize::new(0), most }))
    }

    /// Lends an empty pipe. `None` if all are lent, if no descriptors are left, or if the kernel gives only small ones:
    /// then the caller must copy.
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
        // Refused if the user may not have that much, or has too much already. Then the size that the pipe has may be
        // enough.
        let size = match fcntl_setpipe_size(&write, CAPACITY) {
            Ok(size) => size,
            Err(_) => fcntl_getpipe_size(&write)?,
        };
        if size < LEAST { Err(io::ErrorKind::QuotaExceeded.into()) } else { Ok(Self { read, write }) }
    }
}

impl Loan {
    /// How many bytes are in the pipe.
    pub fn held(&self) -> usize {
        self.held
    }

    /// Moves up to `most` bytes from a non-blocking socket into the pipe; 0 at the end of the stream. The pipe must be
    /// empty: otherwise `WouldBlock` could also mean that the pipe is full.
    pub fn fill(&mut self, from: impl AsFd, most: usize) -> io::Result<usize> {
        debug_assert_eq!(self.held, 0, "only an empty pipe may be filled");
        let pipe = self.pipe.as_ref().ok_or(io::ErrorKind::BrokenPipe)?;
        let count = splice(from, None, &pipe.write, None, most, SpliceFlags::MOVE | SpliceFlags::NONBLOCK)?;
        self.held += count;
        Ok(count)
    }

    /// Moves bytes from the pipe to a non-blocking socket.
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
        // `held` is exact: splice(2) gives an error only if it has moved nothing, and else the count.
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
