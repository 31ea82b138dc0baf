//! `directory consent`: the links with which an administrator of a tenant grants what the applications ask for.

use std::sync::{Arc, Weak};

use serde::Deserialize;
use serde_json::{Value, json};

use super::live::Live;
use crate::admin::{Admin, Asker, Done};
use crate::portal::consent;

/// What is asked.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Asked {
    /// A directory; all that are read from Microsoft Graph, if it is empty.
    name: String,
}

/// Adds `directory consent`.
#[must_use]
pub(super) fn commands(admin: Admin, live: &Arc<Live>) -> Admin {
    let here = Arc::downgrade(live);
    admin.on("directory consent", move |arguments, asker| tell(Weak::clone(&here), arguments, asker))
}

async fn tell(live: Weak<Live>, arguments: Value, asker: Asker) -> Done {
    let asked: Asked = serde_json::from_value(arguments).map_err(|error| error.to_string())?;
    let live = live.upgrade().ok_or("the program has ended")?;
    let edges = live.edges();
    let redirect = format!("{}{}", edges.portal.origin(), consent::PATH);
    let mut count = 0;
    for tenant in edges.directories.all() {
        let own = &tenant.config;
        let Some(graph) = own.graph.as_ref().filter(|_| asked.name.is_empty() || asked.name == own.name) else {
            continue;
        };
        let acting = own.actions.as_ref().and_then(|actions| actions.client_id.as_ref());
        let applications = [("directory", Some(&graph.client_id)), ("response actions", acting)];
        for (function, client_id) in applications {
            let Some(client_id) = client_id else { continue };
            let state = consent::state(live.memory.keys.sealer(), &own.name, live.memory.clock.now());
            let Some(link) = graph.consent_link(client_id, &redirect, &state) else { continue };
            count += 1;
            let said = json!({
                "directory": own.name, "function": function, "link": link, "redirect": redirect,
            });
            if !asker.tell(said).await {
                return Ok(());
            }
        }
    }
    match count {
        0 => Err("nothing is read from Microsoft Graph: the directory has no `[directory.graph]`".to_owned()),
        _ => Ok(()),
    }
}
