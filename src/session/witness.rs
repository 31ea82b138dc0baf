//! Tells one listener, the audit log, of each session that ends on this node.

use std::fmt;
use std::sync::OnceLock;

use super::ends::Held;
use super::{Ending, Session};

type Told = dyn Fn(&Session, Ending, &str, Held) + Send + Sync;

/// Tells one listener of each session that ends on this node: which session, why, who ended it if it was not the
/// person, and how far the end holds.
#[derive(Default)]
pub struct Witness(OnceLock<Box<Told>>);

impl Witness {
    /// Calls `told` from now on, unless there is a listener already.
    pub fn tell(&self, told: impl Fn(&Session, Ending, &str, Held) + Send + Sync + 'static) {
        // There is one listener: a second one is ignored.
        self.0.set(Box::new(told)).ok();
    }

    /// Says that a session has ended.
    pub(super) fn ended(&self, session: &Session, ending: Ending, by: &str, held: Held) {
        tracing::info!(
            user = %session.user.name,
            realm = %session.user.realm,
            session = %session.id.short(),
            reason = ending.as_str(),
            by = Some(by).filter(|by| !by.is_empty()),
            outcome = (held != Held::Everywhere).then(|| held.as_str()),
            "session ended"
        );
        let (user, session_id) = (&session.user.name, session.id.short());
        match held {
            Held::Everywhere => {}
            Held::Here => {
                tracing::warn!(%user, session = session_id, "the end of a session holds on this node alone: the others end it, too, when the shared store is back");
            }
            Held::Fleeting => {
                tracing::error!(%user, session = session_id, "the end of a session could not be written: the session is over on this node, but may go on after a restart");
            }
        }
        if let Some(told) = self.0.get() {
            told(session, ending, by, held);
        }
    }
}

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Witness").field(&self.0.get().is_some()).finish()
    }
}
