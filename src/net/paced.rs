//! A stream on which no more bytes move in a second than somebody may have.
//!
//! Only a stream that is limited is wrapped in one, so that others cost nothing more, no branch and no timer. Bytes are paid
//! for when they have moved: whoever waits for the other end takes nothing from those with whom they share. What has moved too
//! early is waited for before the next portion, and a new stream waits for what others owe. A timer is made at the first wait.

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
    paces: Vec<Pace>,
    /// How many bytes may move at once.
    portion: u64,
    turn: Turn,
}

/// When the next portion may move.
#[derive(Debug)]
enum Turn {
    /// Once nobody owes more than may go at once. A stream begins so.
    First,
    /// Now.
    Now,
    /// When this is over.
    Later(Pin<Box<Sleep>>),
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

    /// Pays for so many bytes, and says how long to wait until those with whom the bucket is shared have had theirs.
    fn pay(&self, bytes: u64, portion: u64) -> Duration {
        let now = u64::try_from(self.since.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.bucket.reserve(now, self.cost(bytes), self.depth(portion))
    }
}

impl<S> Paced<S> {
    /// The stream, held to these paces.
    pub fn new(stream: S, paces: Vec<Pace>) -> Self {
        let slowest = paces.iter().map(|pace| pace.rate).min().unwrap_or(u64::MAX);
        Self { stream, paces, portion: (slowest / 8).clamp(PORTIONS.0, PORTIONS.1), turn: Turn::First }
    }

    /// The stream.
    pub fn stream(&self) -> &S {
        &self.stream
    }

    /// The stream, free again.
    pub fn into_inner(self) -> S {
        self.stream
    }

    /// Pays for bytes that have moved. What that leaves owing is waited for before more move.
    fn pay(&mut self, count: u64) {
        let waits = self.paces.iter().map(|pace| (pace.pay(count, self.portion), pace));
        self.turn = match waits.max_by_key(|(time, _)| *time) {
            Some((time, pace)) if !time.is_zero() => {
                pace.waits.fetch_add(1, Ordering::Relaxed);
                Turn::Later(Box::pin(sleep(time)))
            }
            _ => Turn::Now,
        };
    }

    /// How many bytes may move now, at least one.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<usize> {
        // To pay for nothing tells what others owe.
        if let Turn::First = self.turn {
            self.pay(0);
        }
        if let Turn::Later(wait) = &mut self.turn {
            ready!(wait.as_mut().poll(cx));
            self.turn = Turn::Now;
        }
        Poll::Ready(usize::try_from(self.portion).unwrap_or(usize::MAX))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let paced = self.get_mut();
        let most = ready!(paced.poll_turn(cx)).min(buf.remaining());
        let mut part = ReadBuf::new(buf.initialize_unfilled_to(most));
        ready!(Pin::new(&mut paced.stream).poll_read(cx, &mut part))?;
        let count = part.filled().len();
        buf.advance(count);
        paced.pay(count as u64);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let paced = self.get_mut();
        if buf.is_empty() {
            return Pin::new(&mut paced.stream).poll_write(cx, buf);
        }
        let most = ready!(paced.poll_turn(cx));
        let part = buf.get(..most.min(buf.len())).unwrap_or(buf);
        let count = ready!(Pin::new(&mut paced.stream).poll_write(cx, part))?;
        paced.pay(count as u64);
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
        pace_since(bucket, rate, Instant::now())
    }

    fn pace_since(bucket: &Arc<Bucket>, rate: u64, since: Instant) -> Pace {
        Pace { bucket: Arc::clone(bucket), rate, since, waits: Arc::default() }
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
        // A quarter of a second's worth goes at once, and the last portion, of an eighth, is not waited for any more.
        assert!(waits.load(Ordering::Relaxed) >= 3, "{waits:?}");
        assert!(begun.elapsed() >= Duration::from_millis(350), "{:?}", begun.elapsed());
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
    async fn nothing_is_paid_for_what_has_not_moved() {
        let bucket = Arc::new(Bucket::default());
        let (near, _far) = duplex(1 << 20);
        let mut near = Paced::new(near, vec![pace(&bucket, 1 << 20)]);
        let mut piece = [0; 8];
        // The other end sends nothing, for however many streams.
        let none = tokio::time::timeout(Duration::from_millis(20), near.read(&mut piece)).await;
        let now = u64::try_from(near.paces[0].since.elapsed().as_nanos()).unwrap();
        assert!(none.is_err() && bucket.is_full(now), "{bucket:?}");
        near.write_all(b"x").await.unwrap();
        // One byte is owed, and not a portion of 64 KiB, which would take 62 ms more.
        let now = u64::try_from(near.paces[0].since.elapsed().as_nanos()).unwrap();
        assert!(bucket.is_full(now + 2_000_000), "{bucket:?}");
    }

    #[tokio::test]
    async fn a_new_stream_waits_for_what_others_owe_however_little_each_moves() {
        let (bucket, begun) = (Arc::new(Bucket::default()), Instant::now());
        // Sixty-four streams one after the other, each of one portion: 64 KiB at 64 KiB a second.
        for _ in 0..64 {
            let (near, _far) = duplex(1 << 20);
            Paced::new(near, vec![pace_since(&bucket, 64 << 10, begun)]).write_all(&[7; 1 << 10]).await.unwrap();
        }
        assert!(begun.elapsed() >= Duration::from_millis(700), "{:?}", begun.elapsed());
    }
}
