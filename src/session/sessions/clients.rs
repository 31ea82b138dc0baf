//! Which session a client address stands for, on this node and on the others.

use std::net::IpAddr;
use std::sync::Arc;

use super::Sessions;
use crate::session::address::{self, Binding};
use crate::session::corrections::{self, Mark};
use crate::session::neighbours::Word;
use crate::session::store::Kind;
use crate::session::{Session, person};

/// Attempts to bind an address that somebody else binds at the same time.
const ATTEMPTS: usize = 4;

impl Sessions {
    /// The live session that a client address stands for, if it is at hand.
    pub fn find_by_client(&self, client: IpAddr) -> Option<Arc<Session>> {
        self.find(self.by_client.find(client)?)
    }

    /// The live session that a client address stands for, wherever it is kept.
    pub async fn recall_by_client(&self, client: IpAddr) -> Option<Arc<Session>> {
        for _ in 0..corrections::ATTEMPTS {
            if self.by_client.is_settled(client) {
                break;
            }
            let mark = self.by_client.mark(client);
            let found = self.store.peek(Kind::Address, address::key(client)).await.ok()?;
            let binding = found.and_then(|record| serde_json::from_slice(&record).ok());
            if self.by_client.note(client, binding, mark) {
                break;
            }
        }
        self.recall(self.by_client.find(client)?).await
    }

    /// Lets a client address stand for a session from now on. False while too many people share the address.
    pub async fn bind_client(&self, client: IpAddr, session: &Session) -> bool {
        let now = self.clock.now();
        for _ in 0..ATTEMPTS {
            let mark = self.by_client.mark(client);
            let seen = match self.store.peek(Kind::Address, address::key(client)).await {
                Ok(seen) => seen,
                // The store is away: this node goes by what it knows itself.
                Err(_) => {
                    let mut binding = self.by_client.binding(client).unwrap_or_default();
                    let is_bound = binding.bind(session.id, person(&session.user), now);
                    return self.bound(client, session, is_bound, binding, mark);
                }
            };
            let known = seen.as_deref().and_then(|record| serde_json::from_slice::<Binding>(record).ok());
            let mut binding = known.unwrap_or_default();
            let before = binding.clone();
            let is_bound = binding.bind(session.id, person(&session.user), now);
            if binding == before {
                return self.bound(client, session, is_bound, binding, mark);
            }
            let (record, expires) =
                (serde_json::to_vec(&binding).unwrap_or_default(), binding.expires(session.expires, now));
            match self.store.swap(Kind::Address, address::key(client), seen, record, expires).await {
                Ok(false) => {}
                Ok(true) => {
                    let bound = self.bound(client, session, is_bound, binding, mark);
                    // Nobody may be taken for who was there before, on whatever node they come by next.
                    self.neighbours.tell(&Word::Address(client)).await;
                    return bound;
                }
                Err(_) => return self.bound(client, session, is_bound, binding, mark),
            }
        }
        false
    }

    /// Notes what has come of binding an address.
    fn bound(&self, client: IpAddr, session: &Session, is_bound: bool, binding: Binding, mark: Mark) -> bool {
        if !is_bound && binding.session.is_none() && self.by_client.find(client).is_some() {
            tracing::warn!(%client, "address stands for nobody: too many people sign in on it");
        }
        self.by_client.change(client, binding, mark);
        // Ended between the lookup and the binding: the binding must not outlive it.
        if session.is_over(self.clock.now()) {
            self.by_client.unbind(client, session.id);
        }
        is_bound
    }
}
