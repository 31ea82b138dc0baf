//! Operators' commands about realms: which identity provider vouches for whom, and which hosts wait to be accepted.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::garden::{RealmHosts, list};
use super::live::Live;
use crate::admin::{Admin, Asker, Done};
use crate::observe::Audit;
use crate::observe::audit::{Entry, What};

/// The arguments of `realms accept`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Accept {
    realm: String,
    /// The hosts to accept; all that wait, if none is named.
    #[serde(default)]
    hosts: Vec<String>,
}

/// Adds `realms list` and `realms accept`.
#[must_use]
pub(super) fn commands(admin: Admin, live: &Arc<Live>, audit: &Arc<Audit>) -> Admin {
    let (listed, accepting, audit) = (Arc::clone(live), Arc::clone(live), Arc::clone(audit));
    admin
        .on("realms list", move |_, asker| list_all(Arc::clone(&listed), asker))
        .on("realms accept", move |arguments, asker| {
            accept(Arc::clone(&accepting), Arc::clone(&audit), arguments, asker)
        })
}

async fn list_all(live: Arc<Live>, asker: Asker) -> Done {
    for realm in live.edges().hosts.realms() {
        if !asker.tell(brief(realm)).await {
            break;
        }
    }
    Ok(())
}

async fn accept(live: Arc<Live>, audit: Arc<Audit>, arguments: Value, asker: Asker) -> Done {
    let wanted: Accept = serde_json::from_value(arguments).map_err(|error| error.to_string())?;
    let opened = live.edges().hosts.accept(&wanted.realm, &wanted.hosts)?;
    if !live.renew() {
        return Err(
            "they are accepted, and are not in force yet: see the events, mend what they name, then `vestibule reload`"
                .to_owned(),
        );
    }
    let subject = list(&opened);
    tracing::info!(
        realm = wanted.realm,
        hosts = subject,
        by = asker.who,
        "an operator has accepted hosts of an identity provider: everybody can reach them without signing in"
    );
    let entry = Entry { realm: Some(&wanted.realm), subject: Some(&subject), by: Some(&asker.who), ..Entry::default() };
    audit.record(What::HostsAccepted, entry);
    asker.tell(json!({ "realm": wanted.realm, "accepted": opened })).await;
    Ok(())
}

fn brief(realm: &RealmHosts) -> Value {
    let parts = &realm.parts;
    let idp = parts.identity_provider.current();
    let state = match (parts.is_on(), parts.waits_for_test()) {
        (true, _) => "on",
        (false, true) => "waits-for-test",
        (false, false) => "off",
    };
    json!({
        "realm": parts.realm.name,
        "domains": parts.realm.domains,
        "state": state,
        "issuer": idp.as_ref().map(|idp| idp.entity_id()),
        "hosts": realm.open(),
        "waiting": realm.waiting(),
    })
}
