//! A request body on its way to an origin: counted, and bounded in its waiting.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::patience::Patience;
use crate::wire::Body;
use crate::wire::body::{Error, data_len};

/// A request body on its way to an origin.
#[derive(Debug, Default)]
pub(super) struct Upload {
    body: Body,
    bytes: Arc<AtomicU64>,
    patience: Option<Patience>,
}

impl Upload {
    pub(super) fn new(body: Body, patience: Patience) -> Self {
        Self { body, bytes: Arc::default(), patience: Some(patience) }
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
        match &mut self.patience {
            Some(patience) => patience.bound(polled, cx),
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
