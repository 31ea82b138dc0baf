//! The end of a session, for whatever waits on its behalf.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::session::Session;

/// Watches for the end of a session. The future for it is made at the first wait, because most bodies never wait.
#[derive(Debug)]
pub(super) struct Watch {
    /// Held, so that the session stays in memory, where its end is noticed.
    session: Option<Arc<Session>>,
    wait: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

impl Watch {
    /// Watches a session; `None` where nobody is known.
    pub(super) fn new(session: Option<Arc<Session>>) -> Self {
        Self { session, wait: None }
    }

    /// Ready when the session has ended.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(session) = &self.session else { return Poll::Pending };
        self.wait.get_or_insert_with(|| Box::pin(session.ended().clone().cancelled_owned())).as_mut().poll(cx)
    }
}
