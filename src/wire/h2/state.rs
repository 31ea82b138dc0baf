//! What is known of a connection to an origin beside what the library knows.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

use crate::net::through::writes_through;

/// After how many octets streams have their turn.
const TURN: usize = 64 * 1024;

/// The octets of a frame's header (RFC 9113 §4.1).
const HEAD: usize = 9;

const HEADERS: u8 = 1;

/// How many HEADERS frames a stream may have: more than interim answers are taken, a final answer, and trailers. The library keeps
/// each until it is read, and no window holds them back.
const MAX_HEADERS: u8 = 24;

/// How many requests are sent on a connection.
pub(super) const MAX_REQUESTS: usize = 1000;

/// A connection's streams, and whether it seems to be alive.
#[derive(Debug, Default)]
pub(super) struct State {
    /// How many streams are open.
    pub(super) streams: AtomicUsize,
    /// On how many of them a request was sent.
    sent: AtomicUsize,
    /// Whether anything has arrived since somebody last looked.
    pub(super) has_heard: AtomicBool,
    /// Whether requests have waited for so long without a word that its origin may be gone.
    pub(super) is_suspect: AtomicBool,
}

/// How many streams are open on all connections to origins.
static IN_ALL: AtomicUsize = AtomicUsize::new(0);

/// One stream's part of those that may be open.
#[derive(Debug)]
pub(super) struct Slot {
    state: Arc<State>,
    is_sent: bool,
}

impl Slot {
    /// Counts a stream until this is dropped.
    pub(super) fn new(state: &Arc<State>) -> Self {
        state.streams.fetch_add(1, Ordering::AcqRel);
        IN_ALL.fetch_add(1, Ordering::AcqRel);
        Self { state: Arc::clone(state), is_sent: false }
    }

    /// Notes that its request is sent now. False if `most` others are on their way, and it must not be.
    pub(super) fn send(&mut self, most: usize) -> bool {
        let count = |sent: usize| (sent < most).then_some(sent + 1);
        self.is_sent |= self.state.sent.fetch_update(Ordering::AcqRel, Ordering::Acquire, count).is_ok();
        self.is_sent
    }

    /// How many streams are open on all connections.
    pub(super) fn in_all() -> usize {
        IN_ALL.load(Ordering::Acquire)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.state.streams.fetch_sub(1, Ordering::AcqRel);
        if self.is_sent {
            self.state.sent.fetch_sub(1, Ordering::AcqRel);
        }
        IN_ALL.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A stream that notes when something arrives. The library reads everything that has arrived before streams have their turn,
/// so it is told now and then that there is nothing.
///
/// It ends the connection if one stream has far more heads than any answer: the library keeps them all while nobody reads.
pub(super) struct Heard<S> {
    stream: S,
    state: Arc<State>,
    heads: Heads,
    since_turn: usize,
}

/// How many heads each stream has had, and the place in the sequence of frames that has been reached.
#[derive(Default)]
struct Heads {
    head: [u8; HEAD],
    head_length: usize,
    /// How many octets of the frame's payload have yet to come.
    left: usize,
    /// One count for each stream, in the order in which clients number them.
    counts: Vec<u8>,
}

impl Heads {
    /// Follows the frames in these octets. False if the connection must be closed.
    fn follow(&mut self, mut octets: &[u8]) -> bool {
        while !octets.is_empty() {
            if self.left > 0 {
                let payload = self.left.min(octets.len());
                self.left -= payload;
                octets = octets.get(payload..).unwrap_or_default();
                continue;
            }
            let count = (HEAD - self.head_length).min(octets.len());
            let (part, rest) = octets.split_at_checked(count).unwrap_or_default();
            if let Some(room) = self.head.get_mut(self.head_length..self.head_length + count) {
                room.copy_from_slice(part);
            }
            (self.head_length, octets) = (self.head_length + count, rest);
            if self.head_length == HEAD && !self.begin() {
                return false;
            }
        }
        true
    }

    /// Notes that a frame's header is complete. False if the connection must be closed.
    fn begin(&mut self) -> bool {
        self.head_length = 0;
        let [a, b, c, kind, _, stream @ ..] = self.head;
        self.left = u32::from_be_bytes([0, a, b, c]) as usize;
        if kind != HEADERS {
            return true;
        }
        let number = ((u32::from_be_bytes(stream) & 0x7fff_ffff) / 2) as usize;
        // There is no such stream: the library would close the connection as well.
        if number >= 2 * MAX_REQUESTS {
            return false;
        }
        if self.counts.len() <= number {
            self.counts.resize(number + 1, 0);
        }
        let Some(count) = self.counts.get_mut(number) else { return false };
        *count = count.saturating_add(1);
        *count <= MAX_HEADERS
    }
}

impl<S> Heard<S> {
    pub(super) fn new(stream: S, state: &Arc<State>) -> Self {
        Self { stream, state: Arc::clone(state), heads: Heads::default(), since_turn: 0 }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Heard<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.since_turn >= TURN {
            this.since_turn = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let start = buf.filled().len();
        let polled = Pin::new(&mut this.stream).poll_read(cx, buf);
        if polled.is_pending() {
            this.since_turn = 0;
        }
        ready!(polled)?;
        let arrived = buf.filled().get(start..).unwrap_or_default();
        this.since_turn += arrived.len();
        this.state.has_heard.store(true, Ordering::Release);
        this.state.is_suspect.store(false, Ordering::Release);
        if this.heads.follow(arrived) {
            Poll::Ready(Ok(()))
        } else {
            Poll::Ready(Err(io::ErrorKind::InvalidData.into()))
        }
    }
}

writes_through!(Heard, stream);
