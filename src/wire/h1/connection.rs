//! A connection: a stream, and what has arrived on it and not been used.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use memchr::memchr;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::deadline::Deadline;
use super::farewell::Farewell;
use super::fields::is_token;
use super::head::HeadError;
use crate::wire::count::Place;
use crate::wire::scratch;

/// Empty lines in front of a request that are overlooked (RFC 9112 §2.2).
const MAX_EMPTY_LINES: u8 = 2;

/// Any stream of octets.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for S {}

/// A stream of octets: a plain one can be spliced.
pub enum Stream {
    /// A TCP connection.
    Plain(TcpStream),
    /// TLS, or a stream inside another.
    Other(Box<dyn ByteStream>),
}

/// A connection that messages are read from and written to.
#[derive(Debug)]
pub struct Connection {
    /// The stream.
    pub stream: Stream,
    /// What has arrived and was not used.
    pub unread: BytesMut,
    /// The limit of whatever is being waited for.
    pub deadline: Deadline,
    /// Its place among those that are open.
    place: Option<Arc<Place>>,
    scan: Scan,
}

/// How far the head that is arriving has been looked through.
#[derive(Clone, Copy, Debug, Default)]
struct Scan {
    line: usize,
    at: usize,
    empty_lines: u8,
}

/// Why no head was read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// What arrived is no head.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// The stream broke, or ended inside a head.
    #[error("the connection was lost")]
    Lost,
}

impl Connection {
    /// A connection on which nothing has arrived yet.
    pub fn new(stream: Stream) -> Self {
        let (unread, scan) = (BytesMut::new(), Scan::default());
        Self { stream, unread, deadline: Deadline::default(), place: None, scan }
    }

    /// A connection that has this place among those that are open.
    pub fn counted(self, place: Option<&Arc<Place>>) -> Self {
        Self { place: place.cloned(), ..self }
    }

    /// The next head, its empty line included; `None` when the stream ends before one begins. Empty lines in front are
    /// overlooked in requests only.
    pub fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
        max: usize,
        is_request: bool,
    ) -> Poll<Result<Option<Bytes>, ReadError>> {
        loop {
            if let Some(length) = self.scan(is_request)? {
                self.scan = Scan::default();
                if length > max {
                    let first = self.unread.get(..max).unwrap_or_default();
                    let in_first_line = is_request && memchr(b'\n', first).is_none();
                    let error = if in_first_line { HeadError::TargetTooLong } else { HeadError::TooLarge };
                    return Poll::Ready(Err(error.into()));
                }
                return Poll::Ready(Ok(Some(self.unread.split_to(length).freeze())));
            }
            if self.unread.len() > max {
                let in_first_line = self.scan.line == 0 && is_request;
                let error = if in_first_line { HeadError::TargetTooLong } else { HeadError::TooLarge };
                return Poll::Ready(Err(error.into()));
            }
            match ready!(self.poll_fill(cx)) {
                Ok(0) if self.unread.is_empty() => return Poll::Ready(Ok(None)),
                Ok(0) | Err(_) => return Poll::Ready(Err(ReadError::Lost)),
                Ok(_) => {}
            }
        }
    }

    /// Looks for the end of the head in what has arrived: its length.
    fn scan(&mut self, is_request: bool) -> Result<Option<usize>, HeadError> {
        let scan = &mut self.scan;
        // What is not HTTP at all, TLS for one, may never send a line.
        if is_request && self.unread.first().is_some_and(|b| !is_token(*b) && *b != b'\r' && *b != b'\n') {
            return Err(HeadError::RequestLine);
        }
        loop {
            let Some(found) = memchr(b'\n', self.unread.get(scan.at..).unwrap_or_default()) else {
                scan.at = self.unread.len();
                return Ok(None);
            };
            let end = scan.at + found;
            let line = self.unread.get(scan.line..end).unwrap_or_default();
            let line = line.strip_suffix(b"\r").ok_or(HeadError::BareLineFeed)?;
            let (is_first, is_empty) = (scan.line == 0, line.is_empty());
            scan.line = end + 1;
            scan.at = end + 1;
            if is_empty && !is_first {
                return Ok(Some(end + 1));
            }
            if is_empty {
                if !is_request || scan.empty_lines == MAX_EMPTY_LINES {
                    return Err(if is_request { HeadError::RequestLine } else { HeadError::StatusLine });
                }
                let empty_lines = scan.empty_lines + 1;
                drop(self.unread.split_to(end + 1));
                *scan = Scan { empty_lines, ..Scan::default() };
            }
        }
    }

    /// Reads what has arrived. `Ok(0)` is the end.
    pub fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        scratch::with(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
            self.unread.extend_from_slice(buffer.filled());
            Poll::Ready(Ok(buffer.filled().len()))
        })
    }

    /// Ready when the peer has gone, which nobody would see who does not read. What it sends instead is kept.
    pub fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.unread.is_empty() {
            return Poll::Pending;
        }
        match ready!(self.poll_fill(cx)) {
            Ok(0) | Err(_) => Poll::Ready(()),
            Ok(_) => Poll::Pending,
        }
    }

    /// Whether a connection that was kept can take a request: it is open, and nothing has arrived that nobody asked for.
    pub fn is_idle(&mut self) -> bool {
        self.unread.is_empty() && self.poll_fill(&mut Context::from_waker(std::task::Waker::noop())).is_pending()
    }

    /// Writes all of `octets`, within the limit.
    pub async fn write_all(&mut self, octets: &[u8], limit: Duration) -> io::Result<()> {
        let mut rest = octets;
        self.deadline.set(limit);
        poll_fn(|cx| {
            while !rest.is_empty() {
                match Pin::new(&mut self.stream).poll_write(cx, rest)? {
                    Poll::Ready(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    Poll::Ready(count) => rest = rest.get(count..).unwrap_or_default(),
                    Poll::Pending => return self.deadline.poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into())),
                }
            }
            match Pin::new(&mut self.stream).poll_flush(cx) {
                Poll::Pending => self.deadline.poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into())),
                flushed => flushed,
            }
        })
        .await
    }

    /// Closes so that what was written arrives, and is seen to be all (RFC 9112 §9.6, §9.8; RFC 9113 §8.5).
    pub async fn close(self) {
        let Self { mut stream, place, .. } = self;
        let mut farewell = Farewell::new(place);
        poll_fn(|cx| farewell.poll(&mut stream, cx)).await;
    }

    /// Closes after the peer has closed, or has been silent for too long: TLS and streams of HTTP/2 have ends of their own,
    /// without which theirs looks as if it had broken off.
    pub async fn close_idle(self) {
        if matches!(self.stream, Stream::Other(_)) {
            self.close().await;
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Other(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Other(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Other(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Other(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Plain(_) => "Plain",
            Self::Other(_) => "Other",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    async fn head(connection: &mut Connection, is_request: bool) -> Result<Option<Bytes>, ReadError> {
        poll_fn(|cx| connection.poll_head(cx, 100, is_request)).await
    }

    fn pair() -> (tokio::io::DuplexStream, Connection) {
        let (peer, stream) = duplex(1000);
        (peer, Connection::new(Stream::Other(Box::new(stream))))
    }

    #[tokio::test]
    async fn heads_come_one_by_one_and_what_follows_stays() {
        let (mut peer, mut connection) = pair();
        peer.write_all(b"\r\n\r\nA\r\n\r\nB\r\nC: 1\r\n\r\nbody").await.unwrap();
        assert_eq!(head(&mut connection, true).await.unwrap().unwrap(), "A\r\n\r\n");
        assert_eq!(head(&mut connection, true).await.unwrap().unwrap(), "B\r\nC: 1\r\n\r\n");
        assert_eq!(connection.unread, "body");
        connection.unread.clear();
        drop(peer);
        assert!(head(&mut connection, true).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn what_is_no_head_is_refused_as_soon_as_that_is_clear() {
        for (octets, is_request, error) in [
            ("A\n", true, HeadError::BareLineFeed),
            ("A\r\nB: 1\n", true, HeadError::BareLineFeed),
            ("\r\n\r\n\r\n", true, HeadError::RequestLine),
            ("\r\n", false, HeadError::StatusLine),
            ("\u{16}\u{3}\u{1}", true, HeadError::RequestLine),
            (&"a".repeat(101), true, HeadError::TargetTooLong),
            (&format!("{}\r\n\r\n", "a".repeat(101)), true, HeadError::TargetTooLong),
            (&format!("a\r\n{}\r\n\r\n", "a".repeat(101)), true, HeadError::TooLarge),
            (&format!("A\r\n{}", "a".repeat(100)), true, HeadError::TooLarge),
            (&"a".repeat(101), false, HeadError::TooLarge),
        ] {
            let (mut peer, mut connection) = pair();
            peer.write_all(octets.as_bytes()).await.unwrap();
            let refused = head(&mut connection, is_request).await;
            assert!(matches!(refused, Err(ReadError::Head(found)) if found == error), "{octets:?}: {refused:?}");
        }
        let (mut peer, mut connection) = pair();
        peer.write_all(b"GET").await.unwrap();
        drop(peer);
        assert!(matches!(head(&mut connection, true).await, Err(ReadError::Lost)));
    }

    #[tokio::test]
    async fn a_kept_connection_is_idle_until_something_arrives_or_it_closes() {
        let (mut peer, mut connection) = pair();
        assert!(connection.is_idle());
        peer.write_all(b"x").await.unwrap();
        assert!(!connection.is_idle());
        let (peer, mut connection) = pair();
        drop(peer);
        assert!(!connection.is_idle());
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_does_not_read_is_waited_for_only_so_long() {
        let (mut peer, mut connection) = pair();
        let error = connection.write_all(&[0; 2000], Duration::from_secs(5)).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        let mut got = vec![0; 1000];
        peer.read_exact(&mut got).await.unwrap();
        connection.close().await;
    }
}
