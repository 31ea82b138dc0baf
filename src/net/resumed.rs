//! A stream of which something was read before, and is read once more by whoever gets the stream.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, ReadBuf};

use super::through::writes_through;

/// A stream that gives what is held first, then what had arrived after that, and then its own octets.
pub struct Resumed<S> {
    /// None once all of it has been read.
    held: Option<Box<dyn AsyncRead + Send + Unpin>>,
    after: BytesMut,
    stream: S,
}

impl<S> Resumed<S> {
    /// `stream`, with `held` and then `after` before it.
    pub fn new(held: Box<dyn AsyncRead + Send + Unpin>, after: BytesMut, stream: S) -> Self {
        Self { held: Some(held), after, stream }
    }

    /// The stream itself.
    pub fn stream(&self) -> &S {
        &self.stream
    }

    /// What is left of what had arrived, and the stream. What is held is thrown away.
    pub fn into_parts(self) -> (BytesMut, S) {
        (self.after, self.stream)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Resumed<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Some(held) = &mut self.held {
            let before = buf.filled().len();
            ready!(Pin::new(held).poll_read(cx, buf))?;
            if buf.filled().len() > before {
                return Poll::Ready(Ok(()));
            }
            self.held = None;
        }
        if self.after.has_remaining() {
            let count = self.after.len().min(buf.remaining());
            buf.put_slice(&self.after.split_to(count));
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

writes_through!(Resumed, stream);

impl<S> std::fmt::Debug for Resumed<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resumed").field("after", &self.after.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt as _;

    #[tokio::test]
    async fn what_is_held_comes_first_and_what_is_left_goes_on() {
        let (held, stream) = (&b"one "[..], &b"three"[..]);
        let mut all = Resumed::new(Box::new(held), BytesMut::from("two "), stream);
        let mut first = [0; 6];
        all.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"one tw");
        let (after, mut stream) = all.into_parts();
        let mut rest = String::new();
        stream.read_to_string(&mut rest).await.unwrap();
        assert_eq!((&after[..], &*rest), (&b"o "[..], "three"));
    }
}
