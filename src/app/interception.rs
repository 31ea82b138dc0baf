//! What operators are told of interceptions that failed.

use std::sync::Arc;

use serde_json::Value;

use crate::admin::Admin;
use crate::proxy;

/// Adds `interception failures`.
#[must_use]
pub(super) fn commands(admin: Admin, memory: &Arc<proxy::Memory>) -> Admin {
    let memory = Arc::clone(memory);
    admin.on("interception failures", move |_, asker| {
        let found: Result<Vec<Value>, _> = memory.interception_failures().iter().map(serde_json::to_value).collect();
        async move {
            for item in found.map_err(|error| error.to_string())? {
                if !asker.tell(item).await {
                    break;
                }
            }
            Ok(())
        }
    })
}
