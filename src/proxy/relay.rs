//! Moves bytes both ways between two streams, until both ends are done.
//!
//! A direction that waits holds no buffer. Each thread has one buffer that all its relays share for the time of a poll,
//! and only what a slow receiver has not taken is kept aside. Between two TCP connections, long streams are not copied
//! at all ([`crate::net::splice`]).

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::unread::Over;
use super::until::{Asking, Leave};
use crate::net::scratch;
use crate::net::splice::{self, Flow};
use crate::net::{Limits, Pipes, Timer};
use crate::observe::{Reason, Recorder};
use crate::wire::h1::Stream;

/// How many bytes a direction copies before it lets other tasks have their turn.
const TURN: u64 = 1 << 20;

/// A longer bound counts as this, ten years: a later time might not be one that a clock can show.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// How a relay ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Both ends closed in order.
    Closed,
    /// The first stream broke.
    Broken,
    /// The second stream broke: it was reset, or its TLS was cut without a closure alert.
    BrokenOff,
    /// No byte moved in either direction for too long.
    Idle,
    /// It had been open for too long.
    TooLong,
    /// The session ended.
    SessionEnded,
    /// A new configuration does not permit it.
    PolicyChanged,
    /// The time does not permit it any more.
    HoursOver,
    /// What its person had passed is over.
    PassOver,
    /// The time is over for which its software was let through.
    AutoTunnelOver,
}

/// How long a relay may go on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// How long without a byte in either direction.
    pub(super) idle: Duration,
    /// How long in all.
    pub(super) total: Duration,
}

impl Bounds {
    /// The bounds in `limits`.
    pub(super) fn of(limits: &Limits) -> Self {
        Self { idle: limits.tunnel_idle, total: limits.tunnel_time }
    }
}

impl End {
    /// The word for the access record.
    pub(super) fn reason(self) -> Option<Reason> {
        match self {
            Self::Closed => None,
            Self::Broken | Self::BrokenOff => Some(Reason::ConnectionTerminated),
            Self::Idle => Some(Reason::ConnectionReadTimeout),
            Self::TooLong => Some(Reason::TunnelTimeOver),
            Self::SessionEnded => Some(Reason::SessionEnded),
            Self::PolicyChanged => Some(Reason::PolicyChanged),
            Self::HoursOver => Some(Reason::HoursOver),
            Self::PassOver => Some(Reason::PassOver),
            Self::AutoTunnelOver => Some(Reason::AutoTunnelOver),
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

/// What bytes are moved between, and within which bounds.
///
/// Whatever waits for a relay holds this once, and lends it: what is handed to an asynchronous function is a part of its
/// future, and of each that hands it on, for as long as the relay lasts.
pub(super) struct Streams {
    pub(super) near: Stream,
    pub(super) far: Stream,
    /// What has been read from the first stream already.
    pub(super) early: Vec<u8>,
    pub(super) bounds: Bounds,
    pub(super) pipes: Pipes,
}

/// As [`relay`], for as long as there is leave; splices if both streams are plain TCP. The caller must close both when it
/// has ended.
pub(super) async fn relay_streams(streams: &mut Streams, leave: &mut Leave, recorder: &Recorder) -> (Moved, End) {
    let Streams { near, far, early, bounds, pipes } = streams;
    let ended = pin!(leave.ended());
    let mut until = Until { bounds, ended, asking: leave.watch(recorder) };
    match (near, far) {
        (Stream::Plain(near), Stream::Plain(far)) => {
            let mut both = (Spliced::of(pipes, std::mem::take(early)), Spliced::of(pipes, Vec::new()));
            let (there, back) = &mut both;
            let end = watch(&mut until, &mut |cx| Progress {
                results: [there.poll(near, far, back.state, cx), back.poll(far, near, there.state, cx)],
                moved: there.flow.moved() + back.flow.moved(),
            })
            .await;
            if end == End::Broken {
                break_off(far);
            }
            (Moved { there: there.flow.moved(), back: back.flow.moved() }, end)
        }
        // Boxed, so that a spliced tunnel, of which there are most, has a smaller task.
        (near, far) => {
            let relayed = Box::pin(relay(near, far, std::mem::take(early), &mut until)).await;
            if relayed.1 == End::Broken {
                far.tcp().iter().for_each(|far| break_off(far));
            }
            relayed
        }
    }
}

/// Has a connection reset when it is closed, so that its peer does not take that for an end: because the other one was reset
/// (RFC 9113 §8.5 wants the origin to see a client's reset), or an answer broke off that ends by the close (RFC 9112 §8).
pub(super) fn break_off(stream: &TcpStream) {
    drop(socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO)));
}

/// Which stream of a direction has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// The one that it reads from.
    Reading,
    /// The one that it writes to.
    Writing,
}

/// What can end a relay from outside.
struct Until<'a> {
    bounds: &'a Bounds,
    /// Ready when the session has ended.
    ended: Pin<&'a mut Option<WaitForCancellationFutureOwned>>,
    asking: Asking<'a>,
}

/// Moves bytes both ways until both streams are done, a bound is reached, the session ends, or a new configuration does
/// not permit it. `early` is what has been read from the first stream already.
async fn relay<A, B>(a: &mut A, b: &mut B, early: Vec<u8>, until: &mut Until<'_>) -> (Moved, End)
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let mut there = Direction { aside: early, ..Direction::default() };
    let mut back = Direction::default();
    let end = watch(until, &mut |cx| Progress {
        results: [there.poll(a, b, cx), back.poll(b, a, cx)],
        moved: there.moved + back.moved,
    })
    .await;
    (Moved { there: there.moved, back: back.moved }, end)
}

/// What one poll of both directions has given.
struct Progress {
    results: [Poll<Result<(), Fault>>; 2],
    /// How many bytes both have written since the beginning.
    moved: u64,
}

/// Polls both directions until they are done, a bound is reached, the session ends, or a new configuration does not permit
/// it.
async fn watch(until: &mut Until<'_>, poll: &mut impl FnMut(&mut Context<'_>) -> Progress) -> End {
    let mut time = Time::begin(until.bounds);
    // Whatever is captured here is a part of each tunnel's task: few references, and each to much.
    poll_fn(|cx| {
        // First what ends the tunnel from outside, then the bytes. A tunnel that always has bytes to move gives
        // `Pending` only after a turn of each direction; polled last, these two would still be seen, but the bytes of
        // one more turn would pass after the end.
        if until.ended.as_mut().as_pin_mut().is_some_and(|ended| ended.poll(cx).is_ready()) {
            return Poll::Ready(End::SessionEnded);
        }
        if let Poll::Ready(over) = until.asking.poll(cx) {
            return Poll::Ready(match over {
                Over::Policy => End::PolicyChanged,
                Over::Hours => End::HoursOver,
                Over::Pass => End::PassOver,
                Over::AutoTunnel => End::AutoTunnelOver,
            });
        }
        let Progress { results: [there, back], moved } = poll(cx);
        // Each stream has two directions, and a reset shows in whichever touches it first. What counts is the stream:
        // the client's is `there` reading or `back` writing, and its reset goes on to the origin. It is looked at
        // first, because a client that breaks off can make the origin's direction fail in the same turn.
        if there == Poll::Ready(Err(Fault::Reading)) || back == Poll::Ready(Err(Fault::Writing)) {
            return Poll::Ready(End::Broken);
        }
        if back == Poll::Ready(Err(Fault::Reading)) {
            return Poll::Ready(End::BrokenOff);
        }
        // `there` may have failed in writing: an origin that takes nothing more may have said why, so what it sends is
        // still passed on until `back` is done.
        if there.is_ready() && back.is_ready() {
            return Poll::Ready(if there == Poll::Ready(Ok(())) { End::Closed } else { End::BrokenOff });
        }
        time.poll(until.bounds.idle, moved, cx)
    })
    .await
}

/// How long a relay has gone on.
struct Time {
    /// When bytes were last seen to have moved, and how many had moved by then.
    last: Instant,
    before: u64,
    end: Instant,
    timer: Timer,
}

impl Time {
    fn begin(bounds: &Bounds) -> Self {
        let now = Instant::now();
        // See [`LONGEST`]: adding more could overflow.
        let end = now + bounds.total.min(LONGEST);
        Self { last: now, before: 0, end, timer: Timer::new(end.min(now + bounds.idle)) }
    }

    /// Ready when it is over, for want of bytes or in all. `moved`: how many bytes have moved by now.
    fn poll(&mut self, idle: Duration, moved: u64, cx: &mut Context<'_>) -> Poll<End> {
        if moved != self.before {
            (self.last, self.before) = (Instant::now(), moved);
        }
        // The timer is not moved with each byte, but only when it fires: it then looks how long ago the last byte really
        // moved. It must be polled until `Pending` after each reset, or nothing would wake this task.
        while self.timer.poll(cx).is_ready() {
            if self.last.elapsed() >= idle {
                return Poll::Ready(End::Idle);
            }
            if Instant::now() >= self.end {
                return Poll::Ready(End::TooLong);
            }
            self.timer.reset(self.end.min(self.last + idle));
        }
        Poll::Pending
    }
}

/// A direction between two TCP connections.
struct Spliced {
    flow: Flow,
    state: State,
}

impl Spliced {
    fn of(pipes: &Pipes, early: Vec<u8>) -> Self {
        Self { flow: Flow::to_end(pipes, early), state: State::Open }
    }

    /// `other`: how far the direction back is.
    fn poll(
        &mut self,
        from: &mut TcpStream,
        to: &mut TcpStream,
        other: State,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Fault>> {
        if self.state == State::Open {
            self.state = match ready!(self.flow.poll(from, to, cx)) {
                Ok(()) => State::Closing,
                Err(splice::Error::Writing(_)) => State::Broken(Fault::Writing),
                Err(splice::Error::Reading(_) | splice::Error::CutOff(_)) => State::Broken(Fault::Reading),
            };
        }
        // Where both ends are done, the caller closes both, and nothing is left to be read that would make that a reset: to
        // close says the same as to shut down.
        if self.state == State::Closing && other == State::Closed {
            self.state = State::Closed;
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
    /// What has been read and not yet written, and how much of that is written by now.
    aside: Vec<u8>,
    written: usize,
    moved: u64,
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Open,
    /// The reading side has ended, and the writing side must be told.
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

    /// Writes what has been kept aside. Must be done before anything more is read, so that bytes stay in order.
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

    /// Reads once, and writes what was read. What cannot be written now is kept aside, because the buffer is not ours
    /// after this poll.
    fn poll_through<R, W>(&mut self, from: &mut R, to: &mut W, cx: &mut Context<'_>) -> Poll<Result<(), Fault>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        scratch::with(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            match Pin::new(&mut *from).poll_read(cx, &mut buffer) {
                Poll::Pending => {
                    // A TLS stream may hold back what was written to it until it is flushed. There is nothing more to
                    // read now, so flush.
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

    use tokio_util::sync::CancellationToken;

    const LONG: Bounds = Bounds { idle: Duration::from_secs(60), total: Duration::from_secs(90) };

    /// Within long bounds, and while this session lasts.
    fn until(session: Option<&CancellationToken>) -> Until<'static> {
        let ended = session.map(|session| session.clone().cancelled_owned());
        Until { bounds: &LONG, ended: Pin::static_mut(Box::leak(Box::new(ended))), asking: Asking::nobody() }
    }

    #[tokio::test]
    async fn early_bytes_go_first_and_each_side_can_close_alone() {
        let (mut client, mut a) = duplex(64);
        let (mut origin, mut b) = duplex(64);
        let task = tokio::spawn(async move { relay(&mut a, &mut b, b"early ".to_vec(), &mut until(None)).await });
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
    async fn between_two_tcp_connections_an_end_arrives_as_an_end_whoever_is_done_first() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        for is_client_first in [true, false] {
            let (client, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
            let (mut client, (mut a, _)) = (client.unwrap(), accepted.unwrap());
            let (origin, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
            let (mut origin, (mut b, _)) = (origin.unwrap(), accepted.unwrap());
            let task = tokio::spawn(async move {
                let pipes = Pipes::new(0);
                let (mut there, mut back) = (Spliced::of(&pipes, Vec::new()), Spliced::of(&pipes, Vec::new()));
                let mut until = until(None);
                let mut both = |cx: &mut Context<'_>| Progress {
                    results: [there.poll(&mut a, &mut b, back.state, cx), back.poll(&mut b, &mut a, there.state, cx)],
                    moved: there.flow.moved() + back.flow.moved(),
                };
                let end = watch(&mut until, &mut both).await;
                (Moved { there: there.flow.moved(), back: back.flow.moved() }, end)
            });
            let (first, second) = if is_client_first { (&mut client, &mut origin) } else { (&mut origin, &mut client) };
            let (mut got, mut answered) = (String::new(), String::new());
            first.write_all(b"one").await.unwrap();
            first.shutdown().await.unwrap();
            second.read_to_string(&mut got).await.unwrap();
            second.write_all(b"two").await.unwrap();
            second.shutdown().await.unwrap();
            // A reset would be an error here.
            first.read_to_string(&mut answered).await.unwrap();
            assert_eq!((got.as_str(), answered.as_str()), ("one", "two"));
            assert_eq!(task.await.unwrap(), (Moved { there: 3, back: 3 }, End::Closed));
            assert_eq!(second.read(&mut [0]).await.unwrap(), 0);
        }
    }

    #[tokio::test]
    async fn more_than_the_other_side_takes_at_once_arrives_whole() {
        let (mut client, mut a) = duplex(1000);
        let (mut origin, mut b) = duplex(77);
        let task = tokio::spawn(async move { relay(&mut a, &mut b, Vec::new(), &mut until(None)).await });
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
        assert_eq!(relay(&mut a, &mut b, Vec::new(), &mut until(None)).await.1, End::Idle);
        let (mut client, mut a) = duplex(64);
        let (mut origin, mut b) = duplex(64);
        let talking = tokio::spawn(async move {
            while client.write_all(b".").await.is_ok() && origin.read_u8().await.is_ok() {
                tokio::time::sleep(Duration::from_secs(20)).await;
            }
        });
        let begun = Instant::now();
        assert_eq!(relay(&mut a, &mut b, Vec::new(), &mut until(None)).await.1, End::TooLong);
        assert_eq!(begun.elapsed().as_secs(), 90);
        talking.abort();
        let (_client, mut a) = duplex(64);
        let (_origin, mut b) = duplex(64);
        let ended = CancellationToken::new();
        ended.cancel();
        assert_eq!(relay(&mut a, &mut b, Vec::new(), &mut until(Some(&ended))).await.1, End::SessionEnded);
    }
}
