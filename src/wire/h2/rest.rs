//! What follows a head that is sent over HTTP/2: it is written as HTTP/1.1 frames it, and leaves as DATA and trailers.

use std::io;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use h2::SendStream;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::broken;
use crate::wire::h1::{Chunks, Fields, Piece};

/// The most octets that are handed over to the library in one go.
pub(super) const AT_ONCE: usize = 32 * 1024;

/// Fields that HTTP/2 must not have (RFC 9113 §8.2.2), and the one that answers a key that we have made ourselves.
const NOT_SENT: [&[u8]; 6] =
    [b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade", b"sec-websocket-accept"];

/// What is expected of a body.
pub(super) enum Rest {
    /// As many octets.
    Exact(u64),
    /// Chunks.
    Chunks(Chunks),
    /// Octets until the stream is shut down.
    Octets,
    /// Nothing, but for these trailers.
    Trailers(HeaderMap),
    /// Nothing.
    Nothing,
}

impl Rest {
    /// Takes from these octets, which are framed for HTTP/1.1, what must be sent.
    pub(super) fn take(&mut self, octets: &[u8], pending: &mut BytesMut) -> io::Result<()> {
        match self {
            Self::Octets => pending.extend_from_slice(octets),
            Self::Exact(left) => {
                let count = usize::try_from(*left).unwrap_or(usize::MAX).min(octets.len());
                pending.extend_from_slice(octets.get(..count).unwrap_or_default());
                *left -= count as u64;
            }
            Self::Chunks(chunks) => {
                let mut octets = octets;
                while let Some(piece) = chunks.next(&mut octets).map_err(io::Error::other)? {
                    match piece {
                        Piece::Data(data) => pending.extend_from_slice(data),
                        Piece::End(trailers) if trailers.is_empty() => {
                            *self = Self::Nothing;
                            return Ok(());
                        }
                        Piece::End(trailers) => {
                            *self = Self::Trailers(fields(&trailers)?);
                            return Ok(());
                        }
                    }
                }
            }
            Self::Trailers(_) | Self::Nothing => {}
        }
        Ok(())
    }

    /// Whether nothing is to come.
    pub(super) fn is_end(&self) -> bool {
        matches!(self, Self::Exact(0) | Self::Nothing)
    }
}

/// Waits until the peer's window has room, and gives for how many octets, asking for `wanted` at most.
pub(super) fn poll_room<B: Buf>(
    send: &mut SendStream<B>,
    wanted: usize,
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    send.reserve_capacity(wanted.min(AT_ONCE));
    loop {
        match send.capacity() {
            0 => match ready!(send.poll_capacity(cx)) {
                Some(room) => drop(room.map_err(broken)?),
                None => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            },
            room => return Poll::Ready(Ok(room)),
        }
    }
}

/// The last chunk and the trailer section (RFC 9112 §7.1.2).
pub(super) fn end(trailers: &HeaderMap) -> Bytes {
    let mut octets = BytesMut::from(&b"0\r\n"[..]);
    for (name, value) in trailers {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            octets.extend_from_slice(part);
        }
    }
    octets.extend_from_slice(b"\r\n");
    octets.freeze()
}

/// The fields of a message for HTTP/2.
pub(super) fn fields(of: &Fields) -> io::Result<HeaderMap> {
    let mut fields = HeaderMap::with_capacity(of.len());
    for (name, value) in of.shared().filter(|(name, _)| !NOT_SENT.iter().any(|not| name.eq_ignore_ascii_case(not))) {
        let name = HeaderName::from_bytes(name).map_err(io::Error::other)?;
        fields.append(name, HeaderValue::from_maybe_shared(value).map_err(io::Error::other)?);
    }
    Ok(fields)
}
