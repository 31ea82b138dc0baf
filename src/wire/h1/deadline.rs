//! A time limit that is set often and fires seldom.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// A time limit on a connection, which each exchange sets anew several times. Each change of the runtime's timer takes
/// a lock, and each look at the clock costs something, so setting the limit only writes it down. Its time begins with
/// the first wait: a connection polls its limit in the same turn in which it sets it, or does not wait at all. The timer
/// is changed when it fires too early, and when the new limit comes before it.
#[derive(Debug, Default)]
pub struct Deadline {
    limit: Limit,
    timer: Option<Pin<Box<Sleep>>>,
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
                if let Some(timer) = self.timer.as_mut().filter(|timer| timer.deadline() > at) {
                    timer.as_mut().reset(at);
                }
                at
            }
        };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(at)));
        // A timer that fires before the limit was set for an earlier one. It must be polled again after the reset, or
        // this task would not be woken.
        while timer.as_mut().poll(cx).is_ready() {
            if Instant::now() >= at {
                return Poll::Ready(());
            }
            timer.as_mut().reset(at);
        }
        Poll::Pending
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
}
