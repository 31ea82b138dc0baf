//! What operators ask of transmitters of signals: how they stand, whether they are heard, and for a stream.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::live::Live;
use crate::admin::{Admin, Asker, Done};
use crate::egress::client::Client;
use crate::signals::Receiver;

/// How long an operator waits for the answer to a question whether a stream works, and how often it is looked for.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(100);

/// What is commanded.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Asked {
    /// The name of a `[[signals]]`; the only one, if it is empty.
    name: String,
}

/// Adds `signals status`, `signals verify` and `signals create`.
#[must_use]
pub(super) fn commands(admin: Admin, live: &Arc<Live>) -> Admin {
    let [showing, verifying, creating] = [(); 3].map(|()| Arc::downgrade(live));
    admin
        .on("signals status", move |_, asker| show(showing.upgrade(), asker))
        .on("signals verify", move |arguments, asker| verify(verifying.upgrade(), arguments, asker))
        .on("signals create", move |arguments, asker| create(creating.upgrade(), arguments, asker))
}

async fn show(live: Option<Arc<Live>>, asker: Asker) -> Done {
    let Some(live) = live else { return Ok(()) };
    for receiver in live.edges().signals.all() {
        if !asker.tell(receiver.report()).await {
            break;
        }
    }
    Ok(())
}

/// The receiver that is meant, and the way out.
fn meant(live: Option<&Arc<Live>>, arguments: Value) -> Result<(Arc<Receiver>, Client), String> {
    let asked: Asked = if arguments.is_null() {
        Asked::default()
    } else {
        serde_json::from_value(arguments).map_err(|error| error.to_string())?
    };
    let edges = live.ok_or("the program has ended")?.edges();
    Ok((edges.signals.one(&asked.name)?, edges.client()))
}

async fn verify(live: Option<Arc<Live>>, arguments: Value, asker: Asker) -> Done {
    let (receiver, client) = meant(live.as_ref(), arguments)?;
    let state = receiver.ask_to_verify(&client).await.map_err(|error| error.to_string())?;
    let waiting = async {
        while !receiver.is_verified(&state).await {
            sleep(LOOK).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.map_err(|_| {
        "the transmitter took the question, and its answer has not come within 30 seconds: see where it delivers to, and whether the node that it reaches is this one".to_owned()
    })?;
    asker.tell(json!({ "signals": receiver.config.name, "verified": true })).await;
    Ok(())
}

async fn create(live: Option<Arc<Live>>, arguments: Value, asker: Asker) -> Done {
    let (receiver, client) = meant(live.as_ref(), arguments)?;
    let portal = live.map(|live| live.edges().portal.origin().to_string()).unwrap_or_default();
    let made = receiver.create(&client, &portal).await.map_err(|error| error.to_string())?;
    asker.tell(made).await;
    Ok(())
}
