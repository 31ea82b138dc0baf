//! A stream whose first bytes were read to look at them, and are read again by whoever gets the stream.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};

use super::through::writes_through;

/// A stream that gives `first` before its own bytes.
#[derive(Debug)]
pub struct Rewind<S> {
    first: Bytes,
    stream: S,
}

impl<S> Rewind<S> {
    /// `stream`, with `first` before it.
    pub fn new(first: Bytes, stream: S) -> Self {
        Self { first, stream }
    }

    /// What is left of the first bytes, and the stream.
    pub fn into_parts(self) -> (Bytes, S) {
        (self.first, self.stream)
    }
}

impl<S: AsyncRead + Unpin> Rewind<S> {
    /// Waits for the first byte of a stream and gives it, to look at; `None` if the stream ends before.
    pub async fn peek(mut stream: S) -> io::Result<(Option<u8>, Self)> {
        let mut first = [0; 1];
        let read = stream.read(&mut first).await?;
        let seen = first.get(..read).unwrap_or_default();
        Ok((seen.first().copied(), Self::new(Bytes::copy_from_slice(seen), stream)))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Rewind<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.first.has_remaining() {
            let count = self.first.len().min(buf.remaining());
            buf.put_slice(&self.first.split_to(count));
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

writes_through!(Rewind, stream);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_peeked_at_is_read_again() {
        let (first, mut again) = Rewind::peek(&b"GET /"[..]).await.unwrap();
        assert_eq!(first, Some(b'G'));
        let mut whole = String::new();
        again.read_to_string(&mut whole).await.unwrap();
        assert_eq!(whole, "GET /");
        assert_eq!(Rewind::peek(&b""[..]).await.unwrap().0, None);
    }
}
