//! Bytes both ways between two streams, until both ends are done.
//!
//! A direction that waits holds no buffer: each thread has one that all its relays share, and only what a slow reader
//! has not taken is kept aside. Between two TCP connections, streams are not copied at all ([`crate::wire::splice`]).

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::wire::h1::Stream;
use crate::wire::scratch;
use crate::wire::splice::{self, Flow};
use crate::wire::{Limits, Pipes};

/// Bytes that a direction copies before others have their turn.
const TURN: u64 = 1 << 20;

/// The longest time that is told from no bound: ten years.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// How a relay ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Both ends closed in order.
    Closed,
    /// The first stream broke.
    Broken,
    /// The second stream broke: a reset, or a cut without a closure alert.
    BrokenOff,
    /// No byte in either direction for too long.
    Idle,
    /// It has been open for too long.
    TooLong,
    /// The session ended.
    SessionEnded,
}

/// How long a relay may go on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Without a byte in either direction.
    pub(super) idle: Duration,
    /// In all.
    pub(super) total: Duration,
}

impl Bounds {
    /// As the limits say.
    pub(super) fn of(limits: &Limits) -> Self {
        Self { idle: limits.tunnel_idle, total: limits.tunnel_time }
    }
}

impl End {
    /// The word for the access record.
    pub(super) fn reason(self) -> Option<&'static str> {
        match self {
            Self::Closed => None,
            Self::Broken | Self::BrokenOff => Some("connection_terminated"),
            Self::Idle => Some("connection_read_timeout"),
            Self::TooLong => Some("tunnel-time-over"),
            Self::SessionEnded => Some("session-ended"),
        }
    }
}

/// Bytes that a relay has moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Moved {
    /// From the first stream to the second.
    pub(super) there: u64,
    /// From the second stream to the first.
    pub(super) back: u64,
}

/// As [`relay`], by the shortest way that there is between two streams.
pub(super) async fn relay_streams(
    a: Stream,
    b: Stream,
    early: Vec<u8>,
    bounds: Bounds,
    ended: Option<&CancellationToken>,
    pipes: &Pipes,
) -> (Moved, End) {
    match (a, b) {
        (Stream::Plain(a), Stream::Plain(b)) => relay_tcp(a, b, early, bounds, ended, pipes).await,
        (mut a, mut b) => {
            let relayed = relay(&mut a, &mut b, early, bounds, ended).await;
            if relayed.1 == End::Broken {
                break_off(&b);
            }
            relayed
        }
    }
}

/// Breaks a connection off, as its other end was: RFC 9113 §8.5 wants a client's reset told from its end.
fn break_off(stream: &Stream) {
    if let Stream::Plain(stream) = stream {
        drop(socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO)));
    }
}

/// Why a direction does not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// What it reads from is broken.
    Reading,
    /// What it writes to is broken.
    Writing,
}

/// Moves bytes both ways until both streams are done, a bound is reached, or `ended` fires. `early` is what the
/// first stream has already sent.
async fn relay<A, B>(
    a: &mut A,
    b: &mut B,
    early: Vec<u8>,
    bounds: Bounds,
    ended: Option<&CancellationToken>,
) -> (Moved, End)
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let mut there = Direction { aside: early, ..Direction::default() };
    let mut back = Direction::default();
    let end = watch(bounds, ended, |cx| Progress {
        results: [there.poll(a, b, cx), back.poll(b, a, cx)],
        moved: there.moved + back.moved,
    })
    .await;
    (Moved { there: there.moved, back: back.moved }, end)
}

/// As [`relay`], between two TCP connections: what is more than a message is spliced, by way of `pipes`.
async fn relay_tcp(
    mut a: TcpStream,
    mut b: TcpStream,
    early: Vec<u8>,
    bounds: Bounds,
    ended: Option<&CancellationToken>,
    pipes: &Pipes,
) -> (Moved, End) {
    let mut there = Spliced { flow: Flow::to_end(pipes, early), state: State::Open };
    let mut back = Spliced { flow: Flow::to_end(pipes, Vec::new()), state: State::Open };
    let end = watch(bounds, ended, |cx| Progress {
        results: [there.poll(&mut a, &mut b, cx), back.poll(&mut b, &mut a, cx)],
        moved: there.flow.moved() + back.flow.moved(),
    })
    .await;
    if end == End::Broken {
        drop(socket2::SockRef::from(&b).set_linger(Some(Duration::ZERO)));
    }
    (Moved { there: there.flow.moved(), back: back.flow.moved() }, end)
}

/// How far both directions are.
struct Progress {
    results: [Poll<Result<(), Fault>>; 2],
    /// Bytes that have been written, in all.
    moved: u64,
}

/// Lets both directions go on until they are done, a bound is reached, or `ended` fires.
async fn watch(
    bounds: Bounds,
    ended: Option<&CancellationToken>,
    mut poll: impl FnMut(&mut Context<'_>) -> Progress,
) -> End {
    let session_ended = async {
        match ended {
            Some(ended) => ended.cancelled().await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(session_ended);
    let Bounds { idle, total } = bounds;
    let (mut last, mut before) = (Instant::now(), 0);
    // Beyond that it is no bound, and no time that a clock could show.
    let end = last + total.min(LONGEST);
    let timer = sleep_until(end.min(last + idle));
    tokio::pin!(timer);
    poll_fn(|cx| {
        if session_ended.as_mut().poll(cx).is_ready() {
            return Poll::Ready(End::SessionEnded);
        }
        let Progress { results: [there, back], moved } = poll(cx);
        if there == Poll::Ready(Err(Fault::Reading)) || back == Poll::Ready(Err(Fault::Writing)) {
            return Poll::Ready(End::Broken);
        }
        if back == Poll::Ready(Err(Fault::Reading)) {
            return Poll::Ready(End::BrokenOff);
        }
        // Whoever takes nothing more may have said why: that is still passed on.
        if there.is_ready() && back.is_ready() {
            return Poll::Ready(if there == Poll::Ready(Ok(())) { End::Closed } else { End::BrokenOff });
        }
        if moved != before {
            (last, before) = (Instant::now(), moved);
        }
        // The timer is moved only when it fires, not with each byte.
        while timer.as_mut().poll(cx).is_ready() {
            if last.elapsed() >= idle {
                return Poll::Ready(End::Idle);
            }
            if Instant::now() >= end {
                return Poll::Ready(End::TooLong);
            }
            timer.as_mut().reset(end.min(last + idle));
        }
        Poll::Pending
    })
    .await
}

/// A direction between two TCP connections.
struct Spliced {
    flow: Flow,
    state: State,
}

impl Spliced {
    fn poll(&mut self, from: &mut TcpStream, to: &mut TcpStream, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        if self.state == State::Open {
            self.state = match ready!(self.flow.poll(from, to, cx)) {
                Ok(()) => State::Closing,
                Err(splice::Error::Writing(_)) => State::Broken(Fault::Writing),
                Err(splice::Error::Reading(_) | splice::Error::CutOff(_)) => State::Broken(Fault::Reading),
            };
        }
        if self.state == State::Closing {
            let told = ready!(Pin::new(to).poll_shutdown(cx));
            self.state = if told.is_ok() { State::Closed } else { State::Broken(Fault::Writing) };
        }
        Poll::Ready(if let State::Broken(fault) = self.state { Err(fault) } else { Ok(()) })
    }
}

#[derive(Debug, Default)]
struct Direction {
    /// What has been read and could not be written yet.
    aside: Vec<u8>,
    written: usize,
    moved: u64,
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Open,
    /// The reader is at its end; the writer must be told.
    Closing,
    Closed,
    Broken(Fault),
}

impl Direction {
    fn poll<R, W>(&mut self, from: &mut R, to: &mut W, cx: &mut Context<'_>) -> Poll<Result<(), Fault>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let moved = ready!(self.poll_move(from, to, cx));
        if let Err(fault) = moved {
            self.state = State::Broken(fault);
        }
        Poll::Ready(moved)
    }

    fn poll_move<R, W>(&mut self, from: &mut R, to: &mut W, cx: &mut Context<'_>) -> Poll<Result<(), Fault>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let begun = self.moved;
        loop {
            if self.moved - begun >= TURN {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            match self.state {
                State::Closed => return Poll::Ready(Ok(())),
                State::Broken(fault) => return Poll::Ready(Err(fault)),
                State::Closing => {
                    ready!(Pin::new(&mut *to).poll_shutdown(cx)).map_err(|_| Fault::Writing)?;
                    self.state = State::Closed;
                }
                State::Open => {
                    ready!(self.poll_aside(to, cx)).map_err(|_| Fault::Writing)?;
                    ready!(self.poll_through(from, to, cx))?;
                }
            }
        }
    }

    /// Writes what was kept aside.
    fn poll_aside<W: AsyncWrite + Unpin>(&mut self, to: &mut W, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.aside.get(self.written..).filter(|rest| !rest.is_empty()) {
            let count = ready!(Pin::new(&mut *to).poll_write(cx, rest))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += count;
            self.moved += count as u64;
        }
        self.aside = Vec::new();
        self.written = 0;
        Poll::Ready(Ok(()))
    }

    /// Reads once, and writes what was read; what cannot be written is kept aside.
    fn poll_through<R, W>(&mut self, from: &mut R, to: &mut W, cx: &mut Context<'_>) -> Poll<Result<(), Fault>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        scratch::with(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            match Pin::new(&mut *from).poll_read(cx, &mut buffer) {
                Poll::Pending => {
                    // A TLS stream may hold what was written back until it is told.
                    ready!(Pin::new(&mut *to).poll_flush(cx)).map_err(|_| Fault::Writing)?;
                    return Poll::Pending;
                }
                Poll::Ready(read) => read.map_err(|_| Fault::Reading)?,
            }
            let mut rest = buffer.filled();
            if rest.is_empty() {
                self.state = State::Closing;
            }
            while !rest.is_empty() {
                match Pin::new(&mut *to).poll_write(cx, rest).map_err(|_| Fault::Writing)? {
                    Poll::Ready(0) => return Poll::Ready(Err(Fault::Writing)),
                    Poll::Ready(count) => {
                        self.moved += count as u64;
                        rest = rest.get(count..).unwrap_or_default();
                    }
                    Poll::Pending => {
                        self.aside = rest.to_vec();
                        return Poll::Pending;
                    }
                }
            }
            Poll::Ready(Ok(()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    const LONG: Bounds = Bounds { idle: Duration::from_secs(60), total: Duration::from_secs(90) };

    #[tokio::test]
    async fn early_bytes_go_first_and_each_side_can_close_alone() {
        let (mut client, mut a) = duplex(64);
        let (mut origin, mut b) = duplex(64);
        let task = tokio::spawn(async move { relay(&mut a, &mut b, b"early ".to_vec(), LONG, None).await });
        client.write_all(b"bytes").await.unwrap();
        client.shutdown().await.unwrap();
        let mut got = String::new();
        origin.read_to_string(&mut got).await.unwrap();
        assert_eq!(got, "early bytes");
        origin.write_all(b"answer").await.unwrap();
        drop(origin);
        got.clear();
        client.read_to_string(&mut got).await.unwrap();
        assert_eq!(got, "answer");
        assert_eq!(task.await.unwrap(), (Moved { there: 11, back: 6 }, End::Closed));
    }

    #[tokio::test]
    async fn more_than_the_other_side_takes_at_once_arrives_whole() {
        let (mut client, mut a) = duplex(1000);
        let (mut origin, mut b) = duplex(77);
        let task = tokio::spawn(async move { relay(&mut a, &mut b, Vec::new(), LONG, None).await });
        let sent: Vec<u8> = (0..100_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        let copy = sent.clone();
        tokio::spawn(async move {
            client.write_all(&copy).await.unwrap();
            client.shutdown().await.unwrap();
            std::future::pending::<()>().await;
        });
        let mut got = Vec::new();
        origin.read_to_end(&mut got).await.unwrap();
        assert!(got == sent);
        task.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn a_relay_ends_when_nothing_moves_when_its_time_is_over_and_when_its_session_ends() {
        let (_client, mut a) = duplex(64);
        let (_origin, mut b) = duplex(64);
        assert_eq!(relay(&mut a, &mut b, Vec::new(), LONG, None).await.1, End::Idle);
        let (mut client, mut a) = duplex(64);
        let (mut origin, mut b) = duplex(64);
        let talking = tokio::spawn(async move {
            while client.write_all(b".").await.is_ok() && origin.read_u8().await.is_ok() {
                tokio::time::sleep(Duration::from_secs(20)).await;
            }
        });
        let begun = Instant::now();
        assert_eq!(relay(&mut a, &mut b, Vec::new(), LONG, None).await.1, End::TooLong);
        assert_eq!(begun.elapsed().as_secs(), 90);
        talking.abort();
        let (_client, mut a) = duplex(64);
        let (_origin, mut b) = duplex(64);
        let ended = CancellationToken::new();
        ended.cancel();
        assert_eq!(relay(&mut a, &mut b, Vec::new(), LONG, Some(&ended)).await.1, End::SessionEnded);
    }
}
