//! Probes parents from time to time, so that it is not a request that finds out that one has failed.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, timeout};

use super::Dialler;
use super::error::{Error, ParentFault};
use super::parent::Parent;
use super::way::{note_failure, note_success};
use crate::policy::Hop;

/// How long a parent may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

impl Dialler {
    /// Probes each parent that is used, as often as its configuration says. Never returns.
    pub async fn probe_parents(&self) {
        let all = self.parents.iter().filter(|parent| !parent.probe.is_zero()).map(|parent| async move {
            let in_route = self.route.hops().contains(&Hop::Parent(Arc::clone(&parent.name)));
            let mut ticks = interval(parent.probe);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                if in_route || parent.health.is_used() {
                    self.probe(parent).await;
                }
            }
        });
        let mut all: Vec<_> = all.map(Box::pin).collect();
        std::future::poll_fn(|cx| {
            for probing in &mut all {
                let ended: Poll<()> = probing.as_mut().poll(cx);
                if ended.is_ready() {
                    return ended;
                }
            }
            Poll::Pending
        })
        .await;
    }

    async fn probe(&self, parent: &Parent) {
        // `reach` notes the failure itself.
        let Ok((mut stream, ..)) = self.reach(parent, None, PATIENCE).await else { return };
        let late = || ParentFault::NotReached(Box::new(Error::TimedOut));
        let answered = timeout(PATIENCE, parent.answers(&mut stream)).await.unwrap_or_else(|_| Err(late()));
        match answered {
            Ok(()) => note_success(parent),
            Err(fault) => note_failure(parent, &fault),
        }
    }
}
