//! Commands about realms: who vouches for whose people, and which hosts wait for the operator's word.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::garden::{RealmHosts, SignInHosts, list};
use crate::admin::{Admin, Asker, Outcome};
use crate::observe::Audit;
use crate::observe::audit::{Entry, What};

/// What is to be accepted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Accept {
    realm: String,
    /// All that wait, if none is named.
    #[serde(default)]
    hosts: Vec<String>,
}

/// Adds `realms list` and `realms accept`.
#[must_use]
pub(super) fn commands(admin: Admin, hosts: &Arc<SignInHosts>, audit: &Arc<Audit>) -> Admin {
    let (listed, accepting, audit) = (Arc::clone(hosts), Arc::clone(hosts), Arc::clone(audit));
    admin
        .on("realms list", move |_, asker| list_all(Arc::clone(&listed), asker))
        .on("realms accept", move |arguments, asker| {
            accept(Arc::clone(&accepting), Arc::clone(&audit), arguments, asker)
        })
}

async fn list_all(hosts: Arc<SignInHosts>, asker: Asker) -> Outcome {
    for realm in hosts.realms() {
        if !asker.tell(brief(realm)).await {
            break;
        }
    }
    Ok(())
}

async fn accept(hosts: Arc<SignInHosts>, audit: Arc<Audit>, arguments: Value, asker: Asker) -> Outcome {
    let wanted: Accept = serde_json::from_value(arguments).map_err(|error| error.to_string())?;
    let opened = hosts.accept(&wanted.realm, &wanted.hosts)?;
    let subject = list(&opened);
    tracing::info!(
        realm = wanted.realm,
        hosts = subject,
        by = asker.who,
        "hosts are open to people who have not signed in"
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
