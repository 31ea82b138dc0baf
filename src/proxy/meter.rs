//! Bodies on their way through: counted, bounded in idle time, and stopped when the session ends.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep};
use tokio_util::sync::CancellationToken;

use super::pool::Lease;
use crate::observe::Recorder;
use crate::wire::Body;
use crate::wire::body::Error;

/// A request body on its way to an origin.
#[derive(Debug, Default)]
pub(super) struct Upload {
    body: Body,
    bytes: Arc<AtomicU64>,
    idle: Option<Idle>,
}

impl Upload {
    pub(super) fn new(body: Body, idle: Duration) -> Self {
        Self { body, bytes: Arc::default(), idle: Some(Idle::new(idle)) }
    }

    /// How many bytes have been passed on, counted while they are.
    pub(super) fn bytes(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.bytes)
    }
}

impl http_body::Body for Upload {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            self.bytes.fetch_add(data_len(frame), Ordering::Relaxed);
        }
        match &mut self.idle {
            Some(idle) => idle.bound(polled, cx),
            None => polled,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A response body on its way to a client. Its record is written when it is dropped.
#[derive(Debug)]
pub struct Download {
    body: Body,
    /// None where somebody else keeps the record.
    recorder: Option<Recorder>,
    /// Bytes that the client has sent.
    uploaded: Option<Arc<AtomicU64>>,
    /// The origin connection, given back when the body has ended as it should.
    lease: Option<Lease>,
    session: Option<CancellationToken>,
    idle: Option<Idle>,
    ended: bool,
}

impl Download {
    /// A body that we made.
    pub fn own(body: Body, recorder: Recorder) -> Self {
        let mut download = Self::none();
        (download.body, download.recorder) = (body, Some(recorder));
        download
    }

    /// No body, and no record.
    pub(super) fn none() -> Self {
        Self { body: Body::Empty, recorder: None, uploaded: None, lease: None, session: None, idle: None, ended: false }
    }

    /// A body that an origin sends.
    pub(super) fn of_origin(
        body: Body,
        recorder: Recorder,
        uploaded: Arc<AtomicU64>,
        lease: Lease,
        session: Option<CancellationToken>,
        idle: Duration,
    ) -> Self {
        Self {
            body,
            recorder: Some(recorder),
            uploaded: Some(uploaded),
            lease: Some(lease),
            session,
            idle: Some(Idle::new(idle)),
            ended: false,
        }
    }

    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if self.session.as_ref().is_some_and(CancellationToken::is_cancelled) {
            return Poll::Ready(Some(Err(Error::SessionEnded)));
        }
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        match &mut self.idle {
            Some(idle) => idle.bound(polled, cx),
            None => polled,
        }
    }
}

impl http_body::Body for Download {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let polled = self.poll_body(cx);
        match (&polled, &mut self.recorder) {
            (Poll::Ready(Some(Ok(frame))), Some(recorder)) => recorder.bytes_out += data_len(frame),
            (Poll::Ready(Some(Err(error))), Some(recorder)) => {
                recorder.reason = Some(match error {
                    Error::Idle => "connection_read_timeout",
                    Error::SessionEnded => "session-ended",
                    Error::Sender(_) | Error::Page(_) => "http_response_incomplete",
                });
            }
            (Poll::Ready(None), _) => self.ended = true,
            _ => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        // Whatever has not ended leaves a connection in the middle of a message, which nobody can use again.
        let ended = self.ended || self.body.is_end_stream();
        if let Some(lease) = self.lease.take()
            && ended
        {
            lease.give_back();
        }
        let Some(recorder) = &mut self.recorder else { return };
        if !ended && recorder.reason.is_none() {
            recorder.reason = Some("client-left");
        }
        if let Some(uploaded) = &self.uploaded {
            recorder.bytes_in = uploaded.load(Ordering::Relaxed);
        }
    }
}

/// Bounds the time without a frame. The timer is made at the first wait: most bodies never wait.
#[derive(Debug)]
struct Idle {
    limit: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    waiting: bool,
}

impl Idle {
    fn new(limit: Duration) -> Self {
        Self { limit, timer: None, waiting: false }
    }

    fn bound<T>(
        &mut self,
        polled: Poll<Option<Result<T, Error>>>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<T, Error>>> {
        if polled.is_ready() {
            self.waiting = false;
            return polled;
        }
        let limit = self.limit;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(limit)));
        if !std::mem::replace(&mut self.waiting, true) {
            timer.as_mut().reset(Instant::now() + limit);
        }
        timer.as_mut().poll(cx).map(|()| Some(Err(Error::Idle)))
    }
}

fn data_len(frame: &Frame<Bytes>) -> u64 {
    frame.data_ref().map_or(0, |data| data.len() as u64)
}
