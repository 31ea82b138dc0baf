//! A connection: a stream, and what has arrived on it and has not been used yet.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use memchr::{memchr, memmem};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::error::HeadError;
use super::farewell::Farewell;
use super::fields::is_token;
use crate::net::count::Place;
use crate::net::{Deadline, Paced, Resumed, scratch};

/// How many empty lines before a request are ignored (RFC 9112 §2.2).
const MAX_EMPTY_LINES: u8 = 2;

/// The end of a head.
static END: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(b"\r\n\r\n"));

/// How long the head is with which these octets begin, if it is complete.
pub fn head_length(octets: &[u8]) -> Option<usize> {
    END.find(octets).map(|at| at + 4)
}

/// How many octets are read at once without the scratch buffer.
const APART: usize = 16 * 1024;

/// Any stream of octets.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for S {}

/// A stream of octets, which can be spliced if it is plain TCP.
pub enum Stream {
    /// A TCP connection.
    Plain(TcpStream),
    /// TLS, or a stream inside another.
    Other(Box<dyn ByteStream>),
    /// One that is held to a pace.
    Paced(Box<Paced<Stream>>),
    /// One of which something was read before, and is read once more.
    Resumed(Box<Resumed<Stream>>),
}

impl Stream {
    /// The TCP connection, if there is nothing around it but a pace.
    pub fn tcp(&self) -> Option<&TcpStream> {
        match self {
            Self::Plain(stream) => Some(stream),
            Self::Other(_) => None,
            Self::Paced(paced) => paced.stream().tcp(),
            Self::Resumed(resumed) => resumed.stream().tcp(),
        }
    }

    /// The stream, free of any pace.
    #[must_use]
    pub fn freed(self) -> Self {
        match self {
            Self::Paced(paced) => paced.into_inner().freed(),
            free => free,
        }
    }
}

/// A connection on which messages are read and written.
#[derive(Debug)]
pub struct Connection {
    /// The stream.
    pub stream: Stream,
    /// What has arrived and has not been used yet.
    pub unread: BytesMut,
    /// The time limit of whatever is being waited for.
    pub deadline: Deadline,
    /// Its place among the connections that are counted.
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

/// Why no head could be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// What has arrived is not a head.
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

    /// The connection with this place among those that are counted.
    pub fn counted(self, place: Option<&Arc<Place>>) -> Self {
        Self { place: place.cloned(), ..self }
    }

    /// The next head, including its empty line; `None` if the stream ends before a head begins. Empty lines before it
    /// are ignored only for requests.
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

    /// Looks for the end of the head in what has arrived. Gives the length of the head; `None` if it is not complete
    /// yet.
    fn scan(&mut self, is_request: bool) -> Result<Option<usize>, HeadError> {
        let scan = &mut self.scan;
        // A client that does not speak HTTP at all (but TLS, for example) may never send the end of a line, so it is
        // refused at once.
        if is_request && self.unread.first().is_some_and(|b| !is_token(*b) && *b != b'\r' && *b != b'\n') {
            return Err(HeadError::RequestLine);
        }
        // Nearly always all of a head is there at once: its end is found without looking at each line, which whoever reads the
        // lines does, with the same result.
        if scan.at == 0
            && !self.unread.starts_with(b"\r")
            && !self.unread.starts_with(b"\n")
            && let Some(found) = END.find(&self.unread)
        {
            return Ok(Some(found + 4));
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

    /// Has `held` read next, before what has arrived and not been used yet. Whoever reads takes exactly as much from it as it
    /// has, and calls [`Self::settle`] then.
    pub fn resume(&mut self, held: Box<dyn AsyncRead + Send + Unpin>) {
        let stream = std::mem::replace(&mut self.stream, Stream::Other(Box::new(tokio::io::empty())));
        self.stream = Stream::Resumed(Box::new(Resumed::new(held, self.unread.split(), stream)));
    }

    /// Ends what [`Self::resume`] began. What is left of it is thrown away.
    pub fn settle(&mut self) {
        while let Stream::Resumed(_) = &self.stream {
            let stream = std::mem::replace(&mut self.stream, Stream::Other(Box::new(tokio::io::empty())));
            let Stream::Resumed(resumed) = stream else { return self.stream = stream };
            let (after, stream) = resumed.into_parts();
            self.unread.extend_from_slice(&after);
            self.stream = stream;
        }
    }

    /// Reads what has arrived into `unread`. `Ok(0)` is the end of the stream.
    pub fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        scratch::with(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
            self.unread.extend_from_slice(buffer.filled());
            Poll::Ready(Ok(buffer.filled().len()))
        })
    }

    /// The same, for whoever reads while another connection is being read: that one has the scratch buffer of this thread.
    pub fn poll_fill_apart(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut octets = [0; APART];
        let mut buffer = ReadBuf::new(&mut octets);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
        self.unread.extend_from_slice(buffer.filled());
        Poll::Ready(Ok(buffer.filled().len()))
    }

    /// Ready when the peer has closed its side, or the connection has broken. Only a read shows that, so this reads,
    /// and keeps in `unread` what has arrived instead. From then on it gives `Pending` without looking, and without
    /// being woken: a peer that has sent its next request has not gone.
    pub fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.unread.is_empty() {
            return Poll::Pending;
        }
        match ready!(self.poll_fill(cx)) {
            Ok(0) | Err(_) => Poll::Ready(()),
            Ok(_) => Poll::Pending,
        }
    }

    /// Whether an idle connection can take a request: it is open, and nothing has arrived on it unasked.
    pub fn is_idle(&mut self) -> bool {
        self.unread.is_empty() && self.poll_fill(&mut Context::from_waker(std::task::Waker::noop())).is_pending()
    }

    /// Writes all of `octets`, within `limit`.
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

    /// Closes in such a way that what was written arrives, and that the peer sees that it is complete (RFC 9112 §9.6,
    /// §9.8; RFC 9113 §8.5).
    pub async fn close(self) {
        let Self { mut stream, place, .. } = self;
        let mut farewell = Farewell::new(place);
        poll_fn(|cx| farewell.poll(&mut stream, cx)).await;
    }

    /// Closes a connection whose peer has closed, or has been silent for too long. TLS and streams of HTTP/2 must be
    /// ended explicitly, or they look as if they had been cut off; plain TCP is just dropped.
    pub async fn close_idle(self) {
        if self.stream.tcp().is_none() {
            self.close().await;
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Other(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Paced(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Resumed(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Other(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Paced(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Resumed(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Other(stream) => Pin::new(stream).poll_flush(cx),
            Self::Paced(stream) => Pin::new(stream).poll_flush(cx),
            Self::Resumed(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Other(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Paced(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Resumed(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Other(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            // One after the other, so that each counts.
            Self::Paced(stream) => {
                let first = bufs.iter().find(|buf| !buf.is_empty()).map_or(&[][..], |buf| buf);
                Pin::new(stream).poll_write(cx, first)
            }
            Self::Resumed(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Other(stream) => stream.is_write_vectored(),
            Self::Paced(_) => false,
            Self::Resumed(stream) => stream.is_write_vectored(),
        }
    }
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Plain(_) => "Plain",
            Self::Other(_) => "Other",
            Self::Paced(_) => "Paced",
            Self::Resumed(_) => "Resumed",
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
