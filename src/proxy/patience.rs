//! How long a body may wait: without a frame for a while, and not at all once its session has ended.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::wire::body::Error;

/// Bounds the waiting of a body. What it needs for that is made at the first wait: most bodies never wait.
#[derive(Debug)]
pub(super) struct Patience {
    limit: Duration,
    session: Option<CancellationToken>,
    wait: Option<Box<Wait>>,
    waiting: bool,
}

#[derive(Debug)]
struct Wait {
    timer: Pin<Box<Sleep>>,
    ended: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

impl Patience {
    /// Waits `limit` for each frame, and not beyond the end of `session`.
    pub(super) fn new(limit: Duration, session: Option<CancellationToken>) -> Self {
        Self { limit, session, wait: None, waiting: false }
    }

    /// What a poll of the body comes to, in due time.
    pub(super) fn bound<T>(
        &mut self,
        polled: Poll<Option<Result<T, Error>>>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<T, Error>>> {
        if self.session.as_ref().is_some_and(CancellationToken::is_cancelled) {
            return Poll::Ready(Some(Err(Error::SessionEnded)));
        }
        if polled.is_ready() {
            self.waiting = false;
            return polled;
        }
        let (limit, session) = (self.limit, &self.session);
        let wait = self.wait.get_or_insert_with(|| {
            let ended = session.clone().map(|session| Box::pin(session.cancelled_owned()));
            Box::new(Wait { timer: Box::pin(sleep(limit)), ended })
        });
        if !std::mem::replace(&mut self.waiting, true) {
            wait.timer.as_mut().reset(Instant::now() + limit);
        }
        if wait.ended.as_mut().is_some_and(|ended| ended.as_mut().poll(cx).is_ready()) {
            return Poll::Ready(Some(Err(Error::SessionEnded)));
        }
        wait.timer.as_mut().poll(cx).map(|()| Some(Err(Error::Idle)))
    }
}
