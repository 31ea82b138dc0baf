//! What a node does before it serves anybody: it waits for the store that it shares, and tells it what has been ended.

use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::App;

impl App {
    /// Waits for the store's first answer, for as long as the configuration says: whoever is known to it must not be
    /// challenged because it has not been asked yet. Clients that connect meanwhile wait. Then tells it of ends that it
    /// does not have: nobody goes on who was told that they are signed out.
    pub async fn arrive(&self, stop: &CancellationToken) {
        let arrived = tokio::select! {
            arrived = timeout(self.start_wait, self.store.arrive()) => arrived.is_ok(),
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
        // A store that goes away again in the middle of it is told later.
        tokio::select! {
            () = self.sessions.settle(false) => {}
            () = sleep(self.start_wait) => {}
            () = stop.cancelled() => {}
        }
    }
}
