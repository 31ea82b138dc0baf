//! Keeps directories small: who was deleted is forgotten after a while.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::clock::Clock;
use crate::directory::Directories;

/// How long after the start it is looked for the first time, and how often from then on.
const FIRST: Duration = Duration::from_mins(1);
const EVERY: Duration = Duration::from_hours(6);

/// Tidies the directories of one configuration up, for as long as the future is polled.
pub(in crate::app) async fn tidy(directories: Arc<Directories>, clock: Clock) {
    sleep(FIRST).await;
    loop {
        // Whichever node leads does it for all.
        for tenant in directories.all().iter().filter(|tenant| tenant.directory.leads()) {
            let keep = tenant.config.forget_deleted.signed();
            match tenant.directory.tidy(clock.now(), keep).await {
                Ok(0) => {}
                Ok(forgotten) => {
                    tracing::info!(
                        directory = tenant.config.name,
                        forgotten,
                        "people who were deleted long ago are forgotten"
                    );
                }
                Err(error) => {
                    tracing::warn!(directory = tenant.config.name, %error, "who was deleted long ago could not be forgotten");
                }
            }
        }
        sleep(EVERY).await;
    }
}
