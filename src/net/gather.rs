//! TLS in larger pieces than its library moves: below it, octets are read ahead while many arrive; above it, several
//! records are gathered for one read.
//!
//! rustls asks for 4 KiB at a time, and gives one record at a time, of 16 KiB at most. Each of these would be a system call,
//! or two.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

use super::through::writes_through;

/// How much is read ahead or gathered at once: four records.
const PIECE: usize = 64 * 1024;

/// A read of this length or more is the beginning of something long.
const LONG: usize = 4096;

thread_local! {
    /// A buffer that a stream no longer needs. A new one costs 64 KiB of zeroes.
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A stream below TLS. It holds a buffer only while more arrives than a message.
#[derive(Debug)]
pub struct ReadAhead<S> {
    stream: S,
    /// What was read ahead stands from `at` to `end`. It is empty while messages are small.
    buffer: Vec<u8>,
    at: usize,
    end: usize,
    is_long: bool,
}

impl<S> ReadAhead<S> {
    /// `stream`, of which nothing has been read ahead.
    pub fn new(stream: S) -> Self {
        Self { stream, buffer: Vec::new(), at: 0, end: 0, is_long: false }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ReadAhead<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let own = self.get_mut();
        if own.at == own.end {
            if !own.is_long || buf.remaining() >= PIECE {
                let before = buf.filled().len();
                ready!(Pin::new(&mut own.stream).poll_read(cx, buf))?;
                own.is_long = buf.remaining() == 0 && buf.filled().len() - before >= LONG;
                return Poll::Ready(Ok(()));
            }
            if own.buffer.is_empty() {
                own.buffer = SPARE.take();
                own.buffer.resize(PIECE, 0);
            }
            let mut ahead = ReadBuf::new(&mut own.buffer);
            let read = Pin::new(&mut own.stream).poll_read(cx, &mut ahead);
            (own.at, own.end) = (0, ahead.filled().len());
            if !read.is_ready() {
                own.is_long = false;
                SPARE.set(std::mem::take(&mut own.buffer));
            }
            ready!(read)?;
        }
        let count = buf.remaining().min(own.end - own.at);
        buf.put_slice(own.buffer.get(own.at..own.at + count).unwrap_or_default());
        own.at += count;
        Poll::Ready(Ok(()))
    }
}

/// A stream above TLS, of which one read gives as much as has arrived.
#[derive(Debug)]
pub struct Gather<S> {
    stream: S,
    /// What went wrong after octets that were read in the same go: it is told at the next read.
    error: Option<io::Error>,
}

impl<S> Gather<S> {
    /// `stream`, read so.
    pub fn new(stream: S) -> Self {
        Self { stream, error: None }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Gather<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Some(error) = self.error.take() {
            return Poll::Ready(Err(error));
        }
        let begun = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        let mut count = buf.filled().len() - begun;
        // The end is there again at the next read.
        while count >= LONG && buf.remaining() > 0 && buf.filled().len() - begun < PIECE {
            let before = buf.filled().len();
            match Pin::new(&mut self.stream).poll_read(cx, buf) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => {
                    self.error = Some(error);
                    break;
                }
                Poll::Pending => break,
            }
            count = buf.filled().len() - before;
        }
        Poll::Ready(Ok(()))
    }
}

writes_through!(ReadAhead, stream);
writes_through!(Gather, stream);

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use tokio::io::AsyncReadExt as _;

    use super::*;

    /// Gives each of these to one read, as far as it fits, and waits between two of them if it `waits`.
    struct Pieces {
        left: VecDeque<Vec<u8>>,
        waits: bool,
        reads: usize,
        has_waited: bool,
    }

    impl AsyncRead for Pieces {
        fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            let has_waited = std::mem::replace(&mut self.has_waited, false);
            if self.waits && !has_waited {
                self.has_waited = true;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            self.reads += 1;
            if let Some(mut piece) = self.left.pop_front() {
                let rest = piece.split_off(piece.len().min(buf.remaining()));
                buf.put_slice(&piece);
                if !rest.is_empty() {
                    self.left.push_front(rest);
                }
            }
            Poll::Ready(Ok(()))
        }
    }

    fn pieces(lengths: &[usize], waits: bool) -> (Pieces, Vec<u8>) {
        let whole: Vec<u8> = (0..lengths.iter().sum()).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let mut at = 0;
        let left = lengths.iter().map(|length| {
            at += length;
            whole[at - length..at].to_vec()
        });
        (Pieces { left: left.collect(), waits, reads: 0, has_waited: false }, whole)
    }

    #[tokio::test]
    async fn octets_stay_the_same_and_in_order_however_they_arrive() {
        for waits in [false, true] {
            for lengths in [&[10, 4096, 1, 300_000, 5][..], &[], &[4096, 4096], &[70_000; 9], &[1; 40]] {
                let (source, whole) = pieces(lengths, waits);
                let (mut ahead, mut all) = (ReadAhead::new(source), Vec::new());
                loop {
                    let mut part = [0; 4096];
                    let count = ahead.read(&mut part).await.unwrap();
                    if count == 0 {
                        break;
                    }
                    all.extend_from_slice(&part[..count]);
                }
                assert_eq!(all, whole, "{lengths:?}");
                let (source, whole) = pieces(lengths, waits);
                let mut all = Vec::new();
                Gather::new(source).read_to_end(&mut all).await.unwrap();
                assert_eq!(all, whole, "{lengths:?}");
            }
        }
    }

    #[tokio::test]
    async fn many_octets_take_few_reads_and_nothing_is_held_when_none_arrive() {
        let (source, whole) = pieces(&[1 << 20], false);
        let mut ahead = ReadAhead::new(source);
        let mut part = [0; 4096];
        for _ in 0..whole.len() / part.len() {
            ahead.read_exact(&mut part).await.unwrap();
        }
        assert!(ahead.stream.reads <= (1 << 20) / PIECE + 2, "{}", ahead.stream.reads);
        let (source, _) = pieces(&[4096, 10], true);
        let mut ahead = ReadAhead::new(source);
        ahead.read_exact(&mut part).await.unwrap();
        assert!(ahead.is_long);
        ahead.read_exact(&mut [0; 10]).await.unwrap();
        assert!(ahead.buffer.is_empty() && !ahead.is_long, "it has waited");
        let spare = SPARE.take();
        let place = spare.as_ptr();
        SPARE.set(spare);
        let (source, whole) = pieces(&[4096, 70_000], false);
        let mut ahead = ReadAhead::new(source);
        let mut all = vec![0; whole.len()];
        ahead.read_exact(&mut all[..4096]).await.unwrap();
        ahead.read_exact(&mut all[4096..5000]).await.unwrap();
        assert_eq!(ahead.buffer.as_ptr(), place, "it has the buffer that another one has left");
        ahead.read_exact(&mut all[5000..]).await.unwrap();
        assert_eq!(all, whole);
    }

    #[tokio::test]
    async fn records_that_are_there_come_in_one_read() {
        let (source, _) = pieces(&[16_384; 8], false);
        let mut gather = Gather::new(source);
        let mut all = vec![0; 256 * 1024];
        assert_eq!(gather.read(&mut all).await.unwrap(), PIECE);
        let (source, _) = pieces(&[100, 100], false);
        assert_eq!(Gather::new(source).read(&mut all).await.unwrap(), 100, "no more is asked for after a small one");
    }

    /// Gives a long piece, and then an error once.
    struct Breaks(u8);

    impl AsyncRead for Breaks {
        fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            self.0 += 1;
            match self.0 {
                1 => buf.put_slice(&[b'a'; LONG]),
                2 => return Poll::Ready(Err(io::ErrorKind::InvalidData.into())),
                _ => {}
            }
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn an_error_after_octets_is_not_taken_for_the_end() {
        let (mut gather, mut all) = (Gather::new(Breaks(0)), vec![0; PIECE]);
        assert_eq!(gather.read(&mut all).await.unwrap(), LONG);
        assert_eq!(gather.read(&mut all).await.unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
