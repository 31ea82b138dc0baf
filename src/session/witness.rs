//! Who is told of each session that ends here.

use std::fmt;
use std::sync::OnceLock;

use super::{Ending, Session};

type Told = dyn Fn(&Session, Ending, &str) + Send + Sync;

/// Somebody who is told of each session that ends here: which, why, and who ended it if it was not the person.
#[derive(Default)]
pub struct Witness(OnceLock<Box<Told>>);

impl Witness {
    /// Tells `told` from now on, unless somebody is told already.
    pub fn tell(&self, told: impl Fn(&Session, Ending, &str) + Send + Sync + 'static) {
        // Whoever comes second is not told.
        let _ = self.0.set(Box::new(told));
    }

    /// A session has ended.
    pub(super) fn ended(&self, session: &Session, ending: Ending, by: &str) {
        tracing::info!(
            user = %session.user.name,
            realm = %session.user.realm,
            session = %session.id.short(),
            reason = ending.as_str(),
            by = Some(by).filter(|by| !by.is_empty()),
            "session ended"
        );
        if let Some(told) = self.0.get() {
            told(session, ending, by);
        }
    }
}

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Witness").field(&self.0.get().is_some()).finish()
    }
}
