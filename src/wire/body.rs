//! A message body, wherever it comes from.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;

/// A body on its way to a client or an origin.
#[derive(Debug, Default)]
pub enum Body {
    /// No body.
    #[default]
    Empty,
    /// A body that we made.
    Full(Bytes),
    /// A body that arrives while it is passed on.
    Stream(Incoming),
    /// A page of the portal.
    Page(axum::body::Body),
}

/// Why a body broke off.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The peer that sends it broke off or broke the framing.
    #[error("the sender broke off: {0}")]
    Sender(#[from] hyper::Error),
    /// Nothing arrived for too long.
    #[error("nothing arrived for too long")]
    Idle,
    /// The session that it was sent for has ended.
    #[error("the session has ended")]
    SessionEnded,
    /// The portal could not make its page.
    #[error("the page broke off: {0}")]
    Page(#[from] axum::Error),
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        if bytes.is_empty() { Self::Empty } else { Self::Full(bytes) }
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match &mut *self {
            Self::Empty => Poll::Ready(None),
            Self::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                *self = Self::Empty;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Self::Stream(stream) => Pin::new(stream).poll_frame(cx).map_err(Error::from),
            Self::Page(page) => Pin::new(page).poll_frame(cx).map_err(Error::from),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Full(_) => false,
            Self::Stream(stream) => stream.is_end_stream(),
            Self::Page(page) => page.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Full(bytes) => SizeHint::with_exact(bytes.len().try_into().unwrap_or(u64::MAX)),
            Self::Stream(stream) => stream.size_hint(),
            Self::Page(page) => page.size_hint(),
        }
    }
}

/// Bytes of data in a frame; trailers have none.
pub fn data_len(frame: &Frame<Bytes>) -> u64 {
    frame.data_ref().map_or(0, |data| data.len() as u64)
}
