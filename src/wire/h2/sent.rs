//! Octets on their way to a client, which tell when they have left the library. That matters before a reset, because a
//! reset throws away what still waits.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::{Buf, Bytes};

/// Octets of one stream. They count as a part of the backlog until they are dropped.
pub(super) struct Sent {
    octets: Bytes,
    backlog: Option<Arc<Backlog>>,
}

/// Counts what of a stream has been handed over and has not left yet.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    pieces: AtomicUsize,
    waiting: Mutex<Option<Waker>>,
}

impl Sent {
    /// Octets that are a part of `backlog` until the library has sent them, or has thrown them away.
    pub(super) fn new(octets: Bytes, backlog: &Arc<Backlog>) -> Self {
        backlog.pieces.fetch_add(1, Ordering::AcqRel);
        Self { octets, backlog: Some(Arc::clone(backlog)) }
    }

    /// No octets: the end of a stream.
    pub(super) fn nothing() -> Self {
        Self { octets: Bytes::new(), backlog: None }
    }
}

impl Backlog {
    pub(super) fn is_empty(&self) -> bool {
        self.pieces.load(Ordering::Acquire) == 0
    }

    /// Ready when everything has left.
    pub(super) fn poll_empty(&self, cx: &mut Context<'_>) -> Poll<()> {
        // In this order: the waker is put down before the count is read, and `drop` lowers the count before it looks
        // for a waker. If the last piece is dropped between the two, either we read 0, or it finds our waker.
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = Some(cx.waker().clone());
        if self.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Buf for Sent {
    fn remaining(&self) -> usize {
        self.octets.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.octets.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.octets.advance(count);
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        if let Some(backlog) = &self.backlog
            && backlog.pieces.fetch_sub(1, Ordering::AcqRel) == 1
            && let Some(waiting) = backlog.waiting.lock().unwrap_or_else(PoisonError::into_inner).take()
        {
            waiting.wake();
        }
    }
}
