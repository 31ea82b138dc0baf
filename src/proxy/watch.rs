//! The end of a session, as whatever waits on its behalf sees it.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// Watches for the end of a session. What it needs for that is made at the first wait: most bodies never wait.
#[derive(Debug)]
pub(super) struct Watch {
    session: Option<CancellationToken>,
    wait: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

impl Watch {
    /// Watches a session; none where nobody is known.
    pub(super) fn new(session: Option<CancellationToken>) -> Self {
        Self { session, wait: None }
    }

    /// The session's token.
    pub(super) fn session(&self) -> Option<&CancellationToken> {
        self.session.as_ref()
    }

    /// Ready when the session has ended.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(session) = &self.session else { return Poll::Pending };
        self.wait.get_or_insert_with(|| Box::pin(session.clone().cancelled_owned())).as_mut().poll(cx)
    }
}
