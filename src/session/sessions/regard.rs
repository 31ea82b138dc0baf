//! What is known of people besides what their assertions say, such as by a directory: the groups that count, the risk of
//! their accounts, and whether their sessions may go on.

use std::fmt;
use std::sync::Arc;

use super::Sessions;
use crate::clock::Timestamp;
use crate::identity::{Groups, Risk, User};
use crate::session::{Ending, Facts, Session};

/// How often a session is looked at again that somebody else changes at the same time.
const TRIES: usize = 8;

/// What is known of the person of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// Nothing more than their assertion says.
    Nothing,
    /// The groups that count, and the risk of their account.
    Account(Groups, Risk),
    /// They may not be signed in: their session ends, and this says why, in records.
    Barred(String),
}

/// Says what is known of people.
pub(super) struct Regard(Box<Asked>);

type Asked = dyn Fn(&User, Timestamp) -> Known + Send + Sync;

/// What comes of a session of which more is known.
enum Regarded {
    Same,
    Other(User),
    Barred(String),
}

impl fmt::Debug for Regard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Regard")
    }
}

impl Regard {
    fn of(&self, facts: &Facts) -> Regarded {
        match (self.0)(&facts.user, facts.authenticated) {
            Known::Account(groups, risk) if groups != facts.user.groups || risk != facts.user.risk => {
                Regarded::Other(User { groups, risk, ..(*facts.user).clone() })
            }
            Known::Account(..) | Known::Nothing => Regarded::Same,
            Known::Barred(why) => Regarded::Barred(why),
        }
    }
}

impl Sessions {
    /// Asks `known` from now on what is known of a person who has proven at a time who they are, whenever a session comes
    /// into memory. Only the first one that is given is asked.
    pub fn regard_people_by(&self, known: impl Fn(&User, Timestamp) -> Known + Send + Sync + 'static) {
        self.regard.set(Regard(Box::new(known))).ok();
    }

    /// The session of its person with the groups that count.
    pub(super) fn regarded(&self, session: Session) -> Session {
        match self.regard.get().map(|regard| regard.of(&session)) {
            Some(Regarded::Other(user)) => session.regarded(user),
            _ => session,
        }
    }

    /// Looks again at a session that has just come into memory, or was changed there: what is known of its person may have
    /// become another while that was on its way, and whoever followed that did not find the session yet. `None` if it may
    /// not go on: it has ended then.
    pub(super) async fn settled(&self, session: Arc<Session>) -> Option<Arc<Session>> {
        let Some(regard) = self.regard.get() else { return Some(session) };
        let mut held = session;
        for _ in 0..TRIES {
            match regard.of(&held) {
                Regarded::Same => return Some(held),
                Regarded::Other(user) => {
                    self.cache().exchange(&held, held.regarded(user));
                }
                Regarded::Barred(why) => {
                    // Boxed, because what an end does may look at sessions in turn.
                    Box::pin(self.end_by(held.id, Ending::Directory, &why)).await;
                    return None;
                }
            }
            held = self.cache().find(held.id)?;
        }
        Some(held)
    }

    /// Why the session in a row of the store may not go on, if it may not.
    pub(super) fn bar(&self, session: &Session) -> Option<String> {
        match self.regard.get()?.of(session) {
            Regarded::Barred(why) => Some(why),
            Regarded::Same | Regarded::Other(_) => None,
        }
    }

    /// Asks anew for the groups of everybody in memory whom `is_meant` means. Returns how many sessions have others now.
    pub fn regard_anew(&self, is_meant: impl Fn(&User) -> bool) -> usize {
        let Some(regard) = self.regard.get() else { return 0 };
        // All first: what goes through the map holds a part of it locked, in which nothing can be exchanged then.
        let meant: Vec<_> = self.cache().all().filter(|session| is_meant(&session.user)).collect();
        meant.into_iter().filter(|session| self.exchange_regarded(regard, session)).count()
    }

    fn exchange_regarded(&self, regard: &Regard, session: &Arc<Session>) -> bool {
        let mut held = Arc::clone(session);
        for _ in 0..TRIES {
            // Those who may not stay are ended by whoever follows the change.
            let Regarded::Other(user) = regard.of(&held) else { return false };
            if self.cache().exchange(&held, held.regarded(user)) {
                return true;
            }
            // Somebody has changed it meanwhile, as it was before.
            let Some(now) = self.cache().find(held.id) else { return false };
            held = now;
        }
        false
    }
}
