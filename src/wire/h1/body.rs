//! Moves a message body from one connection to another.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};

use super::chunk::{ChunkError, Chunks, Piece};
use super::connection::{Connection, Stream};
use super::fields::Fields;
use super::framing::Length;
use crate::net::splice::{self, Flow};
use crate::net::{Pipes, scratch};

/// How many octets of a body that have arrived with its head are sent with the head, in one write.
const WITH_HEAD: usize = 16 * 1024;

/// The length from which on a body is spliced.
const LONG: u64 = 256 * 1024;

/// Fields that are removed from trailer sections (RFC 9110 §6.5.1), because they frame, route or authenticate the
/// message, or say how to read it; and cookies, because ours are looked for only in heads.
const NOT_IN_TRAILERS: [&str; 22] = [
    "transfer-encoding",
    "content-length",
    "connection",
    "keep-alive",
    "proxy-connection",
    "upgrade",
    "host",
    "te",
    "trailer",
    "expect",
    "max-forwards",
    "via",
    "cookie",
    "set-cookie",
    "authorization",
    "proxy-authorization",
    "proxy-authenticate",
    "www-authenticate",
    "content-encoding",
    "content-type",
    "content-range",
    "location",
];

/// A body on its way. Its framing is written anew; its octets are passed on exactly as they were read.
#[derive(Debug)]
pub struct Transfer {
    source: Source,
    in_chunks: bool,
    /// The pipes through which a long body is spliced.
    pipes: Option<Pipes>,
    /// What must be written next; the first `written` octets of it are written by now.
    aside: Vec<u8>,
    written: usize,
    has_begun: bool,
    /// Whether trailer fields are left out.
    without_trailers: bool,
    /// How many octets of the body have been read.
    pub moved: u64,
}

#[derive(Debug)]
enum Source {
    Exact(u64),
    /// As many octets as the flow was made for, by splice.
    Spliced(Box<Flow>),
    Chunked(Chunks),
    UntilClose,
    Done,
}

/// Why a body broke off.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The sender's connection closed before the end.
    #[error("the sender broke off")]
    Truncated,
    /// The sender's framing is not valid.
    #[error("{0}")]
    Malformed(String),
    /// The receiver does not take any more.
    #[error("the receiver is gone: {0}")]
    Receiver(io::Error),
}

impl From<ChunkError> for BodyError {
    fn from(error: ChunkError) -> Self {
        Self::Malformed(error.to_string())
    }
}

impl Transfer {
    /// A body of this length after `head`, which is sent in chunks if `in_chunks`, and else as it is.
    pub fn new(head: Vec<u8>, length: Length, in_chunks: bool) -> Self {
        let source = match length {
            Length::Exact(0) => Source::Done,
            Length::Exact(length) => Source::Exact(length),
            Length::Chunked => Source::Chunked(Chunks::default()),
            Length::UntilClose => Source::UntilClose,
        };
        Self {
            source,
            in_chunks,
            pipes: None,
            aside: head,
            written: 0,
            has_begun: false,
            without_trailers: false,
            moved: 0,
        }
    }

    /// The same, spliced through `pipes` if it is long enough. Both ends must be TCP connections.
    pub fn through(self, pipes: &Pipes) -> Self {
        Self { pipes: Some(pipes.clone()), ..self }
    }

    /// Writes another head, and what has been `written` of the body by now, before what is left: for another receiver, because
    /// the first one has not looked at it.
    pub fn begin_again(&mut self, head: &[u8], written: &[u8]) {
        let left = self.aside.get(self.written..).unwrap_or_default();
        (self.aside, self.written) = ([head, written, left].concat(), 0);
    }

    /// Leaves trailer fields out, as whoever merges them into a head must not see them (RFC 9110 §6.5.1).
    pub fn leave_out_trailers(&mut self) {
        self.without_trailers = true;
    }

    /// Whether all of it has been read.
    pub fn is_read(&self) -> bool {
        matches!(self.source, Source::Done)
    }

    /// Whether any octet of head or body has been written.
    pub fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// Whether it waits for the sender, and not for the receiver.
    pub fn waits_for_sender(&self) -> bool {
        match &self.source {
            Source::Done => false,
            Source::Spliced(flow) => flow.held() == 0,
            _ => self.aside.is_empty(),
        }
    }

    /// Moves what can be moved now. Ready when everything has been read and written.
    pub fn poll(
        &mut self,
        from: &mut Connection,
        to: &mut Stream,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), BodyError>> {
        loop {
            if !from.unread.is_empty() && self.aside.len() < WITH_HEAD && !matches!(self.source, Source::Done) {
                let mut arrived = from.unread.split();
                let rest = self.take(&arrived)?;
                from.unread = arrived.split_off(arrived.len() - rest);
                continue;
            }
            ready!(self.poll_aside(to, cx)).map_err(BodyError::Receiver)?;
            if matches!(self.source, Source::Done) {
                return Pin::new(to).poll_flush(cx).map_err(BodyError::Receiver);
            }
            if from.unread.is_empty() {
                self.splice_if_long();
                match (&mut self.source, &mut from.stream, &mut *to) {
                    (Source::Spliced(flow), Stream::Plain(from), Stream::Plain(to)) => {
                        let before = flow.moved();
                        let polled = flow.poll(from, to, cx);
                        self.moved += flow.moved() - before;
                        self.has_begun = true;
                        ready!(polled).map_err(|error| match error {
                            splice::Error::Writing(error) => BodyError::Receiver(error),
                            splice::Error::Reading(_) | splice::Error::CutOff(_) => BodyError::Truncated,
                        })?;
                        self.source = Source::Done;
                    }
                    _ => ready!(self.poll_through(from, to, cx))?,
                }
            }
        }
    }

    /// Goes on by splice(2) if what is left is long.
    fn splice_if_long(&mut self) {
        if let (Source::Exact(left @ LONG..), Some(pipes), false) = (&self.source, &self.pipes, self.in_chunks) {
            self.source = Source::Spliced(Box::new(Flow::exactly(pipes, *left, Vec::new())));
        }
    }

    /// Reads once, and writes what was read. What cannot be written now is kept aside.
    fn poll_through(
        &mut self,
        from: &mut Connection,
        to: &mut Stream,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), BodyError>> {
        scratch::with(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            match Pin::new(&mut from.stream).poll_read(cx, &mut buffer) {
                Poll::Pending => {
                    // A TLS stream may hold back what was written to it until it is flushed. There is nothing more to
                    // read now, so flush.
                    ready!(Pin::new(to).poll_flush(cx)).map_err(BodyError::Receiver)?;
                    return Poll::Pending;
                }
                Poll::Ready(Err(_)) => return Poll::Ready(Err(BodyError::Truncated)),
                Poll::Ready(Ok(())) => {}
            }
            let arrived = buffer.filled();
            if arrived.is_empty() {
                if !matches!(self.source, Source::UntilClose) {
                    return Poll::Ready(Err(BodyError::Truncated));
                }
                self.end(&Fields::default());
                return Poll::Ready(Ok(()));
            }
            // A body that is passed on as it is goes from the buffer to the stream without another copy.
            if !self.in_chunks && !matches!(self.source, Source::Chunked(_)) {
                let mut data = self.take_plain(arrived);
                from.unread.extend_from_slice(arrived.get(data.len()..).unwrap_or_default());
                while !data.is_empty() {
                    match Pin::new(&mut *to).poll_write(cx, data).map_err(BodyError::Receiver)? {
                        Poll::Ready(0) => {
                            return Poll::Ready(Err(BodyError::Receiver(io::ErrorKind::WriteZero.into())));
                        }
                        Poll::Ready(count) => data = data.get(count..).unwrap_or_default(),
                        Poll::Pending => {
                            self.aside.extend_from_slice(data);
                            return Poll::Pending;
                        }
                    }
                }
                return Poll::Ready(Ok(()));
            }
            let rest = self.take(arrived)?;
            from.unread.extend_from_slice(arrived.get(arrived.len() - rest..).unwrap_or_default());
            Poll::Ready(Ok(()))
        })
    }

    /// Takes what belongs to the body, for passing it on as it is.
    fn take_plain<'a>(&mut self, arrived: &'a [u8]) -> &'a [u8] {
        let data = match &mut self.source {
            Source::Exact(left) => {
                let count = usize::try_from(*left).unwrap_or(usize::MAX).min(arrived.len());
                *left -= count as u64;
                if *left == 0 {
                    self.source = Source::Done;
                }
                arrived.get(..count).unwrap_or_default()
            }
            _ => arrived,
        };
        self.moved += data.len() as u64;
        data
    }

    /// Takes what belongs to the body, and keeps it aside, framed as it will be sent. Gives how many octets belong to
    /// what follows the body.
    fn take(&mut self, arrived: &[u8]) -> Result<usize, BodyError> {
        if let Source::Chunked(chunks) = &mut self.source {
            let mut rest = arrived;
            let mut end = None;
            while end.is_none()
                && let Some(piece) = chunks.next(&mut rest)?
            {
                match piece {
                    Piece::Data(data) => {
                        self.moved += data.len() as u64;
                        lay(&mut self.aside, data, self.in_chunks);
                    }
                    Piece::End(trailers) => end = Some(trailers),
                }
            }
            if let Some(trailers) = end {
                self.end(&trailers);
            }
            return Ok(rest.len());
        }
        let data = self.take_plain(arrived);
        lay(&mut self.aside, data, self.in_chunks);
        if matches!(self.source, Source::Done) {
            self.end(&Fields::default());
        }
        Ok(arrived.len() - data.len())
    }

    fn end(&mut self, trailers: &Fields) {
        self.source = Source::Done;
        if !self.in_chunks {
            return;
        }
        self.aside.extend_from_slice(b"0\r\n");
        for (name, value) in trailers.iter().filter(|_| !self.without_trailers) {
            if !NOT_IN_TRAILERS.iter().any(|refused| name.eq_ignore_ascii_case(refused.as_bytes())) {
                for part in [name, b": ", value, b"\r\n"] {
                    self.aside.extend_from_slice(part);
                }
            }
        }
        self.aside.extend_from_slice(b"\r\n");
    }

    /// Writes what has been kept aside.
    fn poll_aside(&mut self, to: &mut Stream, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.aside.get(self.written..).filter(|rest| !rest.is_empty()) {
            match ready!(Pin::new(&mut *to).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => {
                    self.written += count;
                    self.has_begun = true;
                }
            }
        }
        self.aside = Vec::new();
        self.written = 0;
        Poll::Ready(Ok(()))
    }
}

fn lay(aside: &mut Vec<u8>, data: &[u8], in_chunks: bool) {
    if !in_chunks {
        aside.extend_from_slice(data);
    } else if !data.is_empty() {
        use std::io::Write as _;
        // Writing into memory does not fail.
        drop(write!(aside, "{:x}\r\n", data.len()));
        aside.extend_from_slice(data);
        aside.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    /// What leaves when this arrives, what was left over, and how it ended.
    async fn transfer(arrives: &[u8], length: Length, in_chunks: bool, at_once: usize) -> (Vec<u8>, Vec<u8>, bool) {
        let (mut sender, from) = duplex(at_once);
        let (to, mut receiver) = duplex(7);
        let arrives = arrives.to_vec();
        let sending = tokio::spawn(async move {
            drop(sender.write_all(&arrives).await);
        });
        let receiving = tokio::spawn(async move {
            let mut got = Vec::new();
            receiver.read_to_end(&mut got).await.unwrap();
            got
        });
        let mut from = Connection::new(Stream::Other(Box::new(from)));
        let mut to = Stream::Other(Box::new(to));
        let mut transfer = Transfer::new(b"HEAD ".to_vec(), length, in_chunks);
        let done = poll_fn(|cx| transfer.poll(&mut from, &mut to, cx)).await.is_ok();
        drop(to);
        sending.abort();
        (receiving.await.unwrap(), from.unread.to_vec(), done)
    }

    #[tokio::test]
    async fn bodies_are_framed_anew_and_what_follows_them_stays() {
        const CHUNKS: &[u8] =
            b"3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 1\r\nContent-Length: 9\r\nSet-Cookie: a=1\r\n\r\nGET";
        for at_once in [1, 3, 1000] {
            for (arrives, length, in_chunks, leaves) in [
                (&b"abcdeGET"[..], Length::Exact(5), false, &b"HEAD abcde"[..]),
                (b"GET", Length::NONE, false, b"HEAD "),
                (CHUNKS, Length::Chunked, false, b"HEAD abcde"),
            ] {
                let (left, rest, done) = transfer(arrives, length, in_chunks, at_once).await;
                assert_eq!(left, leaves, "{length:?} {at_once}");
                assert!(done && b"GET".starts_with(&rest), "{rest:?}");
            }
        }
        let (left, _, done) = transfer(CHUNKS, Length::Chunked, true, 1000).await;
        assert_eq!(left, b"HEAD 3\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 1\r\n\r\n");
        assert!(done);
        let (left, _, done) = transfer(b"abc", Length::UntilClose, true, 1000).await;
        assert_eq!((left, done), (b"HEAD 3\r\nabc\r\n0\r\n\r\n".to_vec(), true));
        let (left, _, done) = transfer(b"abc", Length::UntilClose, false, 1000).await;
        assert_eq!((left, done), (b"HEAD abc".to_vec(), true));
    }

    #[tokio::test]
    async fn a_body_that_is_cut_off_is_not_completed() {
        for (arrives, length) in [
            (&b"abcd"[..], Length::Exact(5)),
            (b"5\r\nabc", Length::Chunked),
            (b"3\r\nabc\r\n", Length::Chunked),
            (b"3\r\nabc\r\n0\r\n", Length::Chunked),
            (b"3\r\nabcd\r\n0\r\n\r\n", Length::Chunked),
        ] {
            for in_chunks in [true, false] {
                let (left, _, done) = transfer(arrives, length, in_chunks, 1000).await;
                assert!(!done && !left.ends_with(b"0\r\n\r\n"), "{}", left.escape_ascii());
            }
        }
    }
}
