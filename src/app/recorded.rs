//! A page of the portal on its way to the client: its record is written when it has been sent.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Frame, SizeHint};

use crate::observe::{Reason, Recorder};

/// The body of a page, with its record, which is written when the body is dropped.
#[derive(Debug)]
pub(super) struct Recorded {
    body: Body,
    recorder: Recorder,
    ended: bool,
}

impl Recorded {
    pub(super) fn new(body: Body, recorder: Recorder) -> Self {
        Self { body, recorder, ended: false }
    }
}

impl http_body::Body for Recorded {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                self.recorder.bytes_out += frame.data_ref().map_or(0, |data| data.len() as u64);
            }
            Poll::Ready(Some(Err(_))) => self.recorder.reason = Some(Reason::ProxyInternalError),
            Poll::Ready(None) => self.ended = true,
            Poll::Pending => {}
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

impl Drop for Recorded {
    fn drop(&mut self) {
        if !self.ended && !self.body_is_over() && self.recorder.reason.is_none() {
            self.recorder.reason = Some(Reason::ClientLeft);
        }
    }
}

impl Recorded {
    fn body_is_over(&self) -> bool {
        http_body::Body::is_end_stream(&self.body)
    }
}
