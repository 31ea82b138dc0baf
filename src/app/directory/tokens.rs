//! The SCIM tokens of a directory that several nodes keep: they are in it, so that all nodes know them.

use std::sync::Arc;

use crate::directory::{self, Directory, Edit};
use crate::scim::{BearerTokens, TOKENS_STATE, merged_tokens};

/// Tells the other nodes that the token `id` of a directory is new, as `told` has it, or is revoked.
pub(in crate::app) async fn tell_tokens(
    directory: &Directory,
    told: Vec<u8>,
    id: &str,
    is_new: bool,
) -> Result<(), directory::Error> {
    let id = id.to_owned();
    let tell = move |edit: &mut Edit<'_>| {
        let kept = edit.state(TOKENS_STATE)?;
        edit.set_state(TOKENS_STATE, Some(&merged_tokens(kept.as_deref(), &told, &id, is_new)))
    };
    directory.write(tell).await
}

/// Knows the tokens that other nodes tell of, and tells them of its own where nobody has told yet.
pub(in crate::app) async fn share_tokens(tokens: Arc<BearerTokens>, directory: Arc<Directory>) {
    let Ok(told) = directory.read().and_then(|reading| reading.state(TOKENS_STATE)) else { return };
    let Some(told) = told else {
        if tokens.has_any(directory.name()) {
            let own = tokens.told_of(directory.name(), "");
            let first = directory.write(move |edit| match edit.state(TOKENS_STATE)? {
                Some(_) => Ok(()),
                None => edit.set_state(TOKENS_STATE, Some(&own)),
            });
            drop::<Result<(), directory::Error>>(first.await);
        }
        return;
    };
    let adopted = tokio::task::spawn_blocking(move || tokens.adopt(directory.name(), &told)).await;
    if let Ok(Err(error)) = adopted {
        tracing::error!(%error, "the SCIM tokens that other nodes have cannot be kept in the state folder: this node refuses those that it does not know");
    }
}
