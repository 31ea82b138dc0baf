//! The sessions that an identity provider means by a name identifier: Single Logout asks for them.
//!
//! The store finds them by a fingerprint of the realm and of the name's value. That it finds a row this way proves
//! nothing: what the session itself knows of its assertion is compared. Rows without a name were kept by an older
//! version of this program. They are all looked through for each message, and given their names on the way, until there
//! are none left.

use std::collections::HashSet;
use std::sync::Arc;

use super::Sessions;
use crate::saml::NameId;
use crate::seal::fingerprint;
use crate::session::store::{Error, Key, NAMELESS, Row};
use crate::session::{Session, SessionId};

/// Rows without a name that are read in one go.
const PORTION: usize = 1000;

/// Rows that are given their names for one message. If there are more, the next message names the rest.
const NAMED_AT_ONCE: usize = 5000;

/// The key by which the store finds a session whose assertion gave its person this name.
pub(in crate::session) fn key_of(realm: &str, name: Option<&NameId>) -> Key {
    // Names that match have the same value (SAML Core §3.3.4), and may differ in what one of them does not say.
    match name.map(|name| name.value.as_str()).filter(|value| !value.is_empty()) {
        Some(value) => fingerprint(&format!("name\n{realm}\n{value}")),
        None => NAMELESS,
    }
}

impl Session {
    fn name_key(&self) -> Key {
        key_of(&self.user.realm, self.assertion.name_id.as_ref())
    }
}

impl Sessions {
    /// The live sessions of this realm whose assertion gave the person a name with the same value as this one, on all
    /// nodes, newest first. The caller must compare the rest of the name.
    pub async fn named(&self, realm: &str, name: &NameId) -> Result<Vec<Arc<Session>>, Error> {
        let key = key_of(realm, Some(name));
        if key == NAMELESS {
            return Ok(Vec::new());
        }
        // In this order: a row that is given its name between the two is found by the second. The other way round, both
        // could miss it.
        let mut rows = self.unnamed(key).await?;
        rows.extend(self.store.of_name(key).await?);
        let mut seen = HashSet::new();
        rows.retain(|row| seen.insert(row.id));
        let is_called_so = |session: &Session| session.name_key() == key;
        let sessions = rows.iter().filter_map(|row| {
            let held = self.cache().find(SessionId(row.id)).filter(|session| is_called_so(session));
            held.or_else(|| self.open(row).filter(is_called_so).map(Arc::new))
        });
        Ok(self.live(sessions))
    }

    /// The rows that have no name in the store and whose session has this name. Gives other rows their names on the
    /// way.
    async fn unnamed(&self, key: Key) -> Result<Vec<Row>, Error> {
        let (mut found, mut last, mut left) = (Vec::new(), None, NAMED_AT_ONCE);
        loop {
            let rows = self.store.unnamed(last, PORTION).await?;
            let Some(row) = rows.last() else { return Ok(found) };
            last = Some(row.id);
            let mut named = Vec::new();
            for row in rows {
                // The person of a session in memory may have proven anew who they are since the row was read: then what
                // is in memory is newer. If that happened on another node, to write this row would undo it. So a
                // session that is not in memory is not written here: the node that has it gives it its name, as soon as
                // it is used.
                let (row, is_newest) = match self.cache().find(SessionId(row.id)) {
                    Some(session) => (session.row(), true),
                    None => match self.open(&row) {
                        // A tool's session is never proven anew, so its row is always the newest.
                        Some(session) => (Row { name: Some(session.name_key()), ..row }, session.tool.is_some()),
                        None => continue,
                    },
                };
                if row.name == Some(key) {
                    found.push(row.clone());
                }
                if is_newest && named.len() < left {
                    named.push(row);
                }
            }
            left -= named.len();
            if !named.is_empty() && self.store.renew(named).await.is_err() {
                tracing::debug!(
                    "the session store did not take the names of sessions that an older version has kept: the next logout message tries again"
                );
                left = 0;
            }
        }
    }
}
