//! What is known of a connection to an origin beside what the library knows.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// After how many octets streams have their turn.
const TURN: usize = 64 * 1024;

/// A connection's streams, and whether it seems to be alive.
#[derive(Debug, Default)]
pub(super) struct State {
    /// How many streams are open.
    pub(super) streams: AtomicUsize,
    /// Whether anything has arrived since somebody last looked.
    pub(super) has_heard: AtomicBool,
    /// Whether it has been asked if it is there, and has not answered.
    pub(super) is_asked: AtomicBool,
}

/// One stream's part of those that may be open.
#[derive(Debug)]
pub(super) struct Slot(Arc<State>);

impl Slot {
    /// Counts a stream until this is dropped.
    pub(super) fn new(state: &Arc<State>) -> Self {
        state.streams.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(state))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A stream that notes when something arrives. The library reads everything that has arrived before streams have their turn,
/// so it is told now and then that there is nothing.
pub(super) struct Heard<S> {
    stream: S,
    state: Arc<State>,
    since_turn: usize,
}

impl<S> Heard<S> {
    pub(super) fn new(stream: S, state: &Arc<State>) -> Self {
        Self { stream, state: Arc::clone(state), since_turn: 0 }
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
        this.since_turn += buf.filled().len() - start;
        this.state.has_heard.store(true, Ordering::Release);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Heard<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
