//! A time limit that is set often and fires seldom.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use thiserror::Error;
use tokio::time::Instant;

use super::timers::Timer;

/// A time limit on a connection, which each exchange sets anew several times. Each change of a timer and each look at the
/// clock costs something, so setting the limit only writes it down. Its time begins with
/// the first wait: a connection polls its limit in the same turn in which it sets it, or does not wait at all. The timer
/// is changed when it fires too early, and when the new limit comes before it.
#[derive(Debug, Default)]
pub struct Deadline {
    limit: Limit,
    timer: Option<Timer>,
}

/// What a limit is.
#[derive(Clone, Copy, Debug, Default)]
enum Limit {
    #[default]
    None,
    /// It has been set, and nothing has waited for it yet.
    Set(Duration),
    Begun(Instant),
}

impl Deadline {
    /// Sets the limit. Its time begins when it is polled next.
    pub fn set(&mut self, limit: Duration) {
        self.limit = Limit::Set(limit);
    }

    /// Lifts the limit.
    pub fn lift(&mut self) {
        self.limit = Limit::None;
    }

    /// Ready when the time is over. Never ready while there is no limit.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let at = match self.limit {
            Limit::None => return Poll::Pending,
            Limit::Begun(at) => at,
            Limit::Set(limit) => {
                let at = Instant::now() + limit;
                self.limit = Limit::Begun(at);
                if let Some(timer) = self.timer.as_mut().filter(|timer| timer.at() > at) {
                    timer.reset(at);
                }
                at
            }
        };
        let timer = self.timer.get_or_insert_with(|| Timer::new(at));
        // A timer that fires before the limit was set for an earlier one. It must be polled again after the reset, or
        // this task would not be woken.
        while timer.poll(cx).is_ready() {
            if Instant::now() >= at {
                return Poll::Ready(());
            }
            timer.reset(at);
        }
        Poll::Pending
    }
}

/// What took longer than its time limit.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("it took too long")]
pub struct Overdue;

pin_project! {
    /// A future that has a time limit.
    #[derive(Debug)]
    pub struct Within<F> {
        #[pin]
        future: F,
        deadline: Deadline,
    }
}

/// What `future` gives, if that takes no longer than `limit`. Its time begins when it has to wait for the first time.
pub fn within<F: Future>(limit: Duration, future: F) -> Within<F> {
    Within { future, deadline: Deadline { limit: Limit::Set(limit), timer: None } }
}

impl<F: Future> Future for Within<F> {
    type Output = Result<F::Output, Overdue>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let within = self.project();
        match within.future.poll(cx) {
            Poll::Ready(given) => Poll::Ready(Ok(given)),
            Poll::Pending => within.deadline.poll(cx).map(|()| Err(Overdue)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_limit_that_was_set_last_counts() {
        let begun = Instant::now();
        let mut deadline = Deadline::default();
        deadline.set(Duration::from_secs(10));
        assert!(poll_fn(|cx| Poll::Ready(deadline.poll(cx))).await.is_pending());
        deadline.set(Duration::from_secs(60));
        poll_fn(|cx| deadline.poll(cx)).await;
        assert_eq!(begun.elapsed().as_secs(), 60);
        deadline.set(Duration::from_secs(60));
        assert!(poll_fn(|cx| Poll::Ready(deadline.poll(cx))).await.is_pending());
        deadline.set(Duration::from_secs(1));
        poll_fn(|cx| deadline.poll(cx)).await;
        assert_eq!(begun.elapsed().as_secs(), 61);
        deadline.lift();
        assert!(poll_fn(|cx| Poll::Ready(deadline.poll(cx))).await.is_pending());
    }

    #[tokio::test(start_paused = true)]
    async fn what_takes_longer_than_it_may_is_overdue() {
        let begun = Instant::now();
        let takes = |seconds| tokio::time::sleep(Duration::from_secs(seconds));
        assert_eq!(within(Duration::from_secs(5), takes(4)).await, Ok(()));
        assert_eq!(within(Duration::from_secs(5), takes(6)).await, Err(Overdue));
        assert_eq!(begun.elapsed().as_secs(), 9);
        assert_eq!(within(Duration::ZERO, std::future::ready(7)).await, Ok(7), "it has not had to wait");
    }
}
