//! A stream on which no more bytes move in a second than somebody may have.
//!
//! Only a stream that is limited is wrapped in one, so that others cost nothing more, no branch and no timer. Bytes are paid
//! for before they move, in portions, each in the turn in which it was reserved; a timer is made at the first wait.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::bucket::Bucket;

/// A stream that goes no faster than its paces, reading and writing together.
#[derive(Debug)]
pub struct Paced<S> {
    stream: S,
    paid: Paid,
    wait: Option<Pin<Box<Sleep>>>,
}

/// Bytes that are paid for. What is not used is given back.
#[derive(Debug)]
struct Paid {
    paces: Vec<Pace>,
    /// Bytes that have not moved yet.
    granted: u64,
    /// Bytes whose turn has not come yet.
    reserved: u64,
}

/// How fast something may go, and the bucket that all who share it take from.
#[derive(Clone, Debug)]
pub struct Pace {
    /// The bucket.
    pub bucket: Arc<Bucket>,
    /// Bytes in a second.
    pub rate: u64,
    /// The moment from which the bucket counts.
    pub since: Instant,
    /// Counts the waits.
    pub waits: Arc<AtomicU64>,
}

/// The smallest and the largest portion. One portion is the eighth part of a second, as far as that lies between.
const PORTIONS: (u64, u64) = (1 << 10, 64 << 10);

impl Pace {
    fn cost(&self, bytes: u64) -> u64 {
        let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(self.rate.max(1));
        u64::try_from(nanos).unwrap_or(u64::MAX)
    }

    /// The quarter of a second may go at once, or one portion where that is more.
    fn depth(&self, portion: u64) -> u64 {
        self.cost(portion.max(self.rate / 4))
    }

    fn reserve(&self, portion: u64) -> Duration {
        let now = u64::try_from(self.since.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.bucket.reserve(now, self.cost(portion), self.depth(portion))
    }
}

impl Paid {
    /// Reserves a portion, if there is none. Gives the time until its turn, and whose pace that is due to.
    fn reserve(&mut self) -> Option<(Duration, &Pace)> {
        if self.reserved > 0 {
            return None;
        }
        let slowest = self.paces.iter().map(|pace| pace.rate).min().unwrap_or(u64::MAX);
        self.reserved = (slowest / 8).clamp(PORTIONS.0, PORTIONS.1);
        let waits = self.paces.iter().map(|pace| (pace.reserve(self.reserved), pace));
        waits.max_by_key(|(time, _)| *time).filter(|(time, _)| !time.is_zero())
    }

    fn use_up(&mut self, count: usize) {
        self.granted = self.granted.saturating_sub(count as u64);
    }
}

impl Drop for Paid {
    fn drop(&mut self) {
        let unused = self.granted + self.reserved;
        self.paces.iter().for_each(|pace| pace.bucket.give_back(pace.cost(unused)));
    }
}

impl<S> Paced<S> {
    /// The stream, held to these paces.
    pub fn new(stream: S, paces: Vec<Pace>) -> Self {
        Self { stream, paid: Paid { paces, granted: 0, reserved: 0 }, wait: None }
    }

    /// The stream.
    pub fn stream(&self) -> &S {
        &self.stream
    }

    /// The stream, free again.
    pub fn into_inner(self) -> S {
        self.stream
    }

    /// How many bytes may move now, at least one.
    fn poll_granted(&mut self, cx: &mut Context<'_>) -> Poll<usize> {
        if self.paid.granted == 0 {
            if let Some((time, pace)) = self.paid.reserve() {
                pace.waits.fetch_add(1, Ordering::Relaxed);
                self.wait = Some(Box::pin(sleep(time)));
            }
            if let Some(wait) = &mut self.wait {
                ready!(wait.as_mut().poll(cx));
                self.wait = None;
            }
            self.paid.granted = std::mem::take(&mut self.paid.reserved);
        }
        Poll::Ready(usize::try_from(self.paid.granted).unwrap_or(usize::MAX))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let paced = self.get_mut();
        let most = ready!(paced.poll_granted(cx)).min(buf.remaining());
        let mut part = ReadBuf::new(buf.initialize_unfilled_to(most));
        ready!(Pin::new(&mut paced.stream).poll_read(cx, &mut part))?;
        let count = part.filled().len();
        buf.advance(count);
        paced.paid.use_up(count);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let paced = self.get_mut();
        if buf.is_empty() {
            return Pin::new(&mut paced.stream).poll_write(cx, buf);
        }
        let granted = ready!(paced.poll_granted(cx));
        let part = buf.get(..granted.min(buf.len())).unwrap_or(buf);
        let count = ready!(Pin::new(&mut paced.stream).poll_write(cx, part))?;
        paced.paid.use_up(count);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    fn pace(bucket: &Arc<Bucket>, rate: u64) -> Pace {
        Pace { bucket: Arc::clone(bucket), rate, since: Instant::now(), waits: Arc::default() }
    }

    #[tokio::test]
    async fn bytes_come_whole_and_in_order_and_are_waited_for() {
        let (bucket, begun) = (Arc::new(Bucket::default()), Instant::now());
        let pace = pace(&bucket, 64 << 10);
        let (waits, sent) =
            (Arc::clone(&pace.waits), (0..48 << 10).map(|n: u32| n.to_le_bytes()[1]).collect::<Vec<_>>());
        let (near, mut far) = duplex(1 << 20);
        let mut near = Paced::new(near, vec![pace]);
        near.write_all(&sent).await.unwrap();
        near.shutdown().await.unwrap();
        let mut got = Vec::new();
        far.read_to_end(&mut got).await.unwrap();
        assert_eq!(got, sent);
        // A quarter of a second's worth goes at once, so half a second is waited for, in portions of an eighth.
        assert!(waits.load(Ordering::Relaxed) >= 3, "{waits:?}");
        assert!(begun.elapsed() >= Duration::from_millis(450), "{:?}", begun.elapsed());
    }

    #[tokio::test]
    async fn those_who_share_a_pace_get_no_more_together_and_each_gets_something() {
        let (bucket, begun) = (Arc::new(Bucket::default()), Instant::now());
        let each = 16 << 10;
        let mut tasks = Vec::new();
        for _ in 0..4 {
            let (near, mut far) = duplex(1 << 20);
            let mut near = Paced::new(near, vec![pace(&bucket, 64 << 10)]);
            tasks.push(tokio::spawn(async move {
                far.write_all(&vec![7; each]).await.unwrap();
                drop(far);
                let mut got = Vec::new();
                near.read_to_end(&mut got).await.unwrap();
                (got.len(), begun.elapsed())
            }));
        }
        let mut last = Duration::ZERO;
        for task in tasks {
            let (got, at) = task.await.unwrap();
            assert_eq!(got, each);
            last = last.max(at);
        }
        assert!(last >= Duration::from_millis(700), "{last:?}");
    }

    #[tokio::test]
    async fn what_was_paid_for_and_not_used_is_given_back() {
        let bucket = Arc::new(Bucket::default());
        let (near, _far) = duplex(1 << 20);
        let mut near = Paced::new(near, vec![pace(&bucket, 1 << 20)]);
        near.write_all(b"x").await.unwrap();
        let rate = 1 << 20;
        let full = |after: u64| bucket.is_full(after);
        drop(near.into_inner());
        // One byte is owed, and not a portion of 64 KiB, which would take 62 ms.
        assert!(full(20 * 1_000_000), "{bucket:?} at {rate}");
    }
}
