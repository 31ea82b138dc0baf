//! A response body on its way to a client: counted, bounded in its waiting, and recorded when it is over.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};

use super::patience::Patience;
use super::pool::Lease;
use crate::observe::Recorder;
use crate::wire::Body;
use crate::wire::body::{Error, data_len};

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
    patience: Option<Patience>,
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
        Self { body: Body::Empty, recorder: None, uploaded: None, lease: None, patience: None, ended: false }
    }

    /// A body that an origin sends.
    pub(super) fn of_origin(
        body: Body,
        recorder: Recorder,
        uploaded: Arc<AtomicU64>,
        lease: Lease,
        patience: Patience,
    ) -> Self {
        Self {
            body,
            recorder: Some(recorder),
            uploaded: Some(uploaded),
            lease: Some(lease),
            patience: Some(patience),
            ended: false,
        }
    }

    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        match &mut self.patience {
            Some(patience) => patience.bound(polled, cx),
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
