//! What a node does before it serves anybody: it waits for the shared store, and tells it which sessions have been
//! ended.

use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::App;

impl App {
    /// Waits for the store's first answer, for as long as the configuration says: people whom it knows must not be
    /// challenged only because it has not been asked yet. Clients that connect meanwhile wait. Then tells it the ends
    /// that it does not have, so that nobody who was told that they are signed out is signed in again.
    pub async fn arrive(&self, stop: &CancellationToken) {
        let arrived = tokio::select! {
            arrived = timeout(self.start_wait, self.live.memory.store.arrive()) => arrived.is_ok(),
            () = stop.cancelled() => return,
        };
        if !arrived {
            let waited = format!("{:?}", self.start_wait);
            tracing::error!(
                waited,
                "serving without the shared store, which does not answer: nobody is known until it does"
            );
            return;
        }
        // If the store goes away in the middle of this, it is told later.
        tokio::select! {
            () = self.live.memory.sessions.settle(false) => {}
            () = sleep(self.start_wait) => {}
            () = stop.cancelled() => {}
        }
    }
}
