//! The end of a session, for whatever waits on its behalf.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// Watches for the end of a session. The future for it is made at the first wait, because most bodies never wait.
#[derive(Debug)]
pub(super) struct Watch {
    session: Option<CancellationToken>,
    wait: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

impl Watch {
    /// Watches a session, by its token; `None` where nobody is known.
    pub(super) fn new(session: Option<CancellationToken>) -> Self {
        Self { session, wait: None }
    }

    /// Ready when the session has ended.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(session) = &self.session else { return Poll::Pending };
        self.wait.get_or_insert_with(|| Box::pin(session.clone().cancelled_owned())).as_mut().poll(cx)
    }
}
