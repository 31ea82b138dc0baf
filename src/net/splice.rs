//! Moves bytes from one TCP connection to another: small messages by copying, streams by splice(2), without a copy.
//!
//! While nothing moves, a flow holds neither a buffer nor a pipe. What has been read and not yet written stays in the
//! [`Flow`], so that a caller who gives up a wait loses no byte. `poll` always writes first what was read before, from
//! `aside` and then from the pipe, and reads only when both are empty: so bytes stay in order although they go two
//! ways.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

use super::pipe::{CAPACITY, Loan, Pipes};
use super::scratch;

/// The size of a read while messages are small: for those, recv and send cost less than two splices.
const MESSAGE: usize = 16 * 1024;

/// How many bytes a flow moves before it lets other tasks have their turn.
const TURN: u64 = 1 << 20;

/// One direction between two connections.
#[derive(Debug)]
pub struct Flow {
    pipes: Pipes,
    /// How many bytes have yet to be read; `None` for all, to the end of the stream.
    left: Option<u64>,
    /// How many bytes have been written.
    moved: u64,
    /// What was read by copying and could not be written yet. Boxed, because there rarely is any.
    aside: Option<Box<Aside>>,
    /// The pipe, with what was read by splice and could not be written yet.
    loan: Option<Loan>,
    /// Whether it goes by splice, because more seems to come than a message.
    streams: bool,
    /// How many bytes splice has read since it last had to wait; no more than fit are counted.
    run: u32,
    at_end: bool,
}

/// Bytes that wait to be written.
#[derive(Debug)]
struct Aside {
    bytes: Box<[u8]>,
    /// How many of them are written by now.
    written: usize,
}

/// Why a flow cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The connection that was read from broke.
    #[error("reading: {0}")]
    Reading(io::Error),
    /// The connection that was written to broke.
    #[error("writing: {0}")]
    Writing(io::Error),
    /// The connection that was read from ended before all bytes had come.
    #[error("the connection ended {0} bytes early")]
    CutOff(u64),
}

impl Flow {
    /// A flow of `early`, which has been read already, and all bytes to the end of the stream.
    pub fn to_end(pipes: &Pipes, early: Vec<u8>) -> Self {
        Self::new(pipes, None, early)
    }

    /// A flow of `early`, which has been read already and is not counted, and of `count` bytes after it. It reads no
    /// more than that, so what follows stays on the connection.
    pub fn exactly(pipes: &Pipes, count: u64, early: Vec<u8>) -> Self {
        Self { streams: count > MESSAGE as u64, ..Self::new(pipes, Some(count), early) }
    }

    fn new(pipes: &Pipes, left: Option<u64>, early: Vec<u8>) -> Self {
        Self {
            pipes: pipes.clone(),
            left,
            moved: 0,
            aside: Aside::of(early),
            loan: None,
            streams: false,
            run: 0,
            at_end: false,
        }
    }

    /// How many bytes have been written, including `early`.
    pub fn moved(&self) -> u64 {
        self.moved
    }

    /// How many bytes have been read and not yet written. While there are any, neither connection can be used for
    /// anything else: this flow must go on, or both must be closed.
    pub fn held(&self) -> usize {
        self.aside.as_ref().map_or(0, |aside| aside.rest().len()) + self.loan.as_ref().map_or(0, Loan::held)
    }

    /// Moves what can be moved now. Ready when everything has been written.
    pub fn poll(&mut self, from: &mut TcpStream, to: &mut TcpStream, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let begun = self.moved;
        loop {
            ready!(self.poll_aside(to, cx)).map_err(Error::Writing)?;
            ready!(self.poll_drain(to, cx)).map_err(Error::Writing)?;
            if self.at_end || self.left == Some(0) {
                self.loan = None;
                return Poll::Ready(self.left.filter(|left| *left > 0).map_or(Ok(()), |left| Err(Error::CutOff(left))));
            }
            if self.moved - begun >= TURN {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            if !self.streams || !ready!(self.poll_fill(from, cx)).map_err(Error::Reading)? {
                ready!(self.poll_copy(from, to, cx))?;
            }
        }
    }

    /// Writes what was read by copying.
    fn poll_aside(&mut self, to: &mut TcpStream, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(aside) = &mut self.aside else { return Poll::Ready(Ok(())) };
        while !aside.rest().is_empty() {
            let count = ready!(Pin::new(&mut *to).poll_write(cx, aside.rest()))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            aside.written += count;
            self.moved += count as u64;
        }
        self.aside = None;
        Poll::Ready(Ok(()))
    }

    /// Writes what was read by splice.
    fn poll_drain(&mut self, to: &TcpStream, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(loan) = &mut self.loan else { return Poll::Ready(Ok(())) };
        while loan.held() > 0 {
            ready!(to.poll_write_ready(cx))?;
            match to.try_io(Interest::WRITABLE, || loan.drain(to)) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(count) => self.moved += count as u64,
                Err(error) if is_no_error(&error) => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Reads by splice. False if there is no pipe to be had.
    fn poll_fill(&mut self, from: &TcpStream, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        loop {
            let Poll::Ready(readiness) = from.poll_read_ready(cx) else {
                // Nothing to read. The pipe is empty here, since `poll` drains it before it fills it, so it goes back
                // for others. If little has come since the last wait, these are messages, and the next ones are copied.
                self.loan = None;
                self.streams = self.run as usize >= MESSAGE;
                self.run = 0;
                return Poll::Pending;
            };
            readiness?;
            if self.loan.is_none() {
                self.loan = self.pipes.lend();
            }
            let Some(loan) = &mut self.loan else { return Poll::Ready(Ok(false)) };
            // `try_io` clears the readiness on `WouldBlock`, and the loop then waits for it anew. That is right only
            // because the pipe is empty: a full pipe would give `WouldBlock`, too, and we would wait for a socket that
            // is readable already.
            let most = at_most(self.left, CAPACITY);
            match from.try_io(Interest::READABLE, || loan.fill(from, most)) {
                Ok(0) => self.at_end = true,
                Ok(count) => {
                    self.left = self.left.map(|left| left.saturating_sub(count as u64));
                    self.run = self.run.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
                }
                Err(error) if is_no_error(&error) => continue,
                Err(error) => return Poll::Ready(Err(error)),
            }
            return Poll::Ready(Ok(true));
        }
    }

    /// Reads once, and writes what was read. What cannot be written now is kept aside.
    fn poll_copy(&mut self, from: &mut TcpStream, to: &mut TcpStream, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        scratch::with(|scratch| {
            // A stream that got no pipe is copied in large pieces.
            let most = if self.streams { scratch.len() } else { MESSAGE };
            let mut buffer = ReadBuf::new(scratch.get_mut(..at_most(self.left, most)).unwrap_or_default());
            let Poll::Ready(read) = Pin::new(&mut *from).poll_read(cx, &mut buffer) else {
                self.streams = false;
                return Poll::Pending;
            };
            read.map_err(Error::Reading)?;
            let mut rest = buffer.filled();
            self.at_end = rest.is_empty();
            self.left = self.left.map(|left| left.saturating_sub(rest.len() as u64));
            self.streams |= rest.len() == MESSAGE;
            while !rest.is_empty() {
                match Pin::new(&mut *to).poll_write(cx, rest).map_err(Error::Writing)? {
                    Poll::Ready(0) => return Poll::Ready(Err(Error::Writing(io::ErrorKind::WriteZero.into()))),
                    Poll::Ready(count) => {
                        self.moved += count as u64;
                        rest = rest.get(count..).unwrap_or_default();
                    }
                    Poll::Pending => {
                        self.aside = Aside::of(rest.to_vec());
                        return Poll::Pending;
                    }
                }
            }
            Poll::Ready(Ok(()))
        })
    }
}

impl Aside {
    /// These bytes; `None` if there are none.
    fn of(bytes: Vec<u8>) -> Option<Box<Self>> {
        (!bytes.is_empty()).then(|| Box::new(Self { bytes: bytes.into_boxed_slice(), written: 0 }))
    }

    fn rest(&self) -> &[u8] {
        self.bytes.get(self.written..).unwrap_or_default()
    }
}

fn at_most(left: Option<u64>, most: usize) -> usize {
    left.map_or(most, |left| usize::try_from(left).unwrap_or(usize::MAX).min(most))
}

/// Whether the error only means that readiness must be looked at again.
fn is_no_error(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests;
