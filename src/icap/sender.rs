//! Sends a message to a scanner: what was written before, and then the rest of a body as it comes. Keeps what is sent, so
//! that it can be passed on afterwards.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::AsyncWrite as _;

use super::head::put_chunk;
use super::reader::Reader;
use super::spool::Spool;
use crate::wire::h1::{Connection, Stream};

/// How much waits to be written before more is read.
const MOST_WAITING: usize = 64 * 1024;

/// A message on its way to a scanner.
#[derive(Debug)]
pub struct Sender {
    /// What must be written next.
    out: BytesMut,
    /// The rest of the body; none while it is not wanted, or once all of it has been read.
    rest: Option<Rest>,
    /// Whether the scanner takes no more. It may have answered why.
    is_broken: bool,
    /// How many octets have moved, in either direction: a number that changes as long as there is progress.
    pub moved: u64,
    /// Whether it waits for whoever sends the body.
    pub waits: bool,
}

/// The rest of a body.
#[derive(Debug)]
struct Rest {
    reader: Reader,
    /// Where what is read is kept.
    spool: Option<Spool>,
    /// How many octets of content may still come.
    left: u64,
}

/// Why a body could not be sent.
#[derive(Debug)]
pub enum Stuck {
    /// Whoever sends it has closed the connection before its end.
    Lost,
    /// Its framing is not valid.
    Malformed(String),
    /// It is longer than what is looked at.
    TooLong,
    /// It could not be kept.
    Spool(io::Error),
}

impl Sender {
    /// Sends these octets.
    pub fn new(out: BytesMut) -> Self {
        Self { out, rest: None, is_broken: false, moved: 0, waits: false }
    }

    /// Goes on with the rest of a body, of which `most` octets may come. `from` has what `reader` has not seen yet; `shown` is
    /// content that it has seen, and that has not been sent.
    pub fn go_on(&mut self, shown: &[u8], reader: Reader, spool: Option<Spool>, most: u64) {
        put_chunk(&mut self.out, shown);
        if reader.is_done() {
            self.out.extend_from_slice(b"0\r\n\r\n");
        }
        self.rest = Some(Rest { reader, spool, left: most });
    }

    /// Whether all of it has been read and sent.
    pub fn is_whole(&self) -> bool {
        !self.is_broken && self.out.is_empty() && self.is_read()
    }

    /// Whether all of the body that is wanted has been read.
    pub fn is_read(&self) -> bool {
        self.rest.as_ref().is_none_or(|rest| rest.reader.is_done())
    }

    /// Whether it has begun to take the body from where it comes.
    pub fn has_rest(&self) -> bool {
        self.rest.is_some()
    }

    /// What was kept. None if nothing was, or not all.
    pub fn take_spool(&mut self) -> Option<Spool> {
        self.rest.as_mut()?.spool.take().filter(Spool::is_sound)
    }

    /// Moves what can be moved now. Ready when all has been sent, or the scanner takes no more.
    pub fn poll(&mut self, from: &mut Connection, to: &mut Stream, cx: &mut Context<'_>) -> Poll<Result<(), Stuck>> {
        loop {
            while !self.out.is_empty() && !self.is_broken {
                self.waits = false;
                match ready!(Pin::new(&mut *to).poll_write(cx, &self.out)) {
                    Ok(count) if count > 0 => {
                        self.out.advance(count);
                        self.moved += count as u64;
                    }
                    _ => self.is_broken = true,
                }
            }
            let is_flushed = match Pin::new(&mut *to).poll_flush(cx) {
                Poll::Ready(Err(_)) => {
                    self.is_broken = true;
                    true
                }
                polled => polled.is_ready(),
            };
            if self.is_broken || self.is_read() {
                return if is_flushed { Poll::Ready(Ok(())) } else { Poll::Pending };
            }
            ready!(self.poll_rest(from, cx))?;
        }
    }

    /// Reads a part of the rest.
    fn poll_rest(&mut self, from: &mut Connection, cx: &mut Context<'_>) -> Poll<Result<(), Stuck>> {
        let Self { out, rest: Some(rest), moved, waits, .. } = self else { return Poll::Ready(Ok(())) };
        if let Some(spool) = &mut rest.spool {
            ready!(spool.poll_ready(cx)).map_err(Stuck::Spool)?;
        }
        if from.unread.is_empty() {
            *waits = true;
            match ready!(from.poll_fill_apart(cx)) {
                Ok(0) if rest.reader.close() => {
                    out.extend_from_slice(b"0\r\n\r\n");
                    return Poll::Ready(Ok(()));
                }
                Ok(0) | Err(_) => return Poll::Ready(Err(Stuck::Lost)),
                Ok(_) => {}
            }
        }
        *waits = false;
        // Not all at once: what was read of the spool of another scanner may be long.
        let part = from.unread.get(..from.unread.len().min(MOST_WAITING)).unwrap_or_default();
        let mut content = BytesMut::with_capacity(part.len());
        let count = rest.reader.read(part, &mut content).map_err(|error| Stuck::Malformed(error.to_string()))?;
        *moved += count as u64;
        let is_too_long = content.len() as u64 > rest.left;
        rest.left = rest.left.saturating_sub(content.len() as u64);
        if let Some(spool) = &mut rest.spool {
            spool.push(part.get(..count).unwrap_or_default()).map_err(Stuck::Spool)?;
        }
        from.unread.advance(count);
        if is_too_long {
            return Poll::Ready(Err(Stuck::TooLong));
        }
        put_chunk(out, &content);
        if rest.reader.is_done() {
            out.extend_from_slice(b"0\r\n\r\n");
        }
        Poll::Ready(Ok(()))
    }
}
