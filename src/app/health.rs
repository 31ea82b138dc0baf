//! What a running program says of itself to whoever watches it on this machine.

use std::sync::Arc;

use serde_json::json;

use super::live::Live;
use crate::admin::{Admin, HEALTH};

/// Adds the command that is answered while the program is well, whatever its listeners speak: with their addresses.
pub(super) fn command(admin: Admin, live: &Arc<Live>) -> Admin {
    let live = Arc::downgrade(live);
    admin.on(HEALTH, move |_, asker| {
        let live = live.upgrade();
        async move {
            let live = live.ok_or("the program has ended")?;
            for (listener, address) in live.addresses() {
                asker.tell(json!({ "listener": listener, "address": address })).await;
            }
            Ok(())
        }
    })
}
