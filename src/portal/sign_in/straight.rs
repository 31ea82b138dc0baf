//! A person who is known without a cookie needs no ticket: if the CONNECT itself shows who they are, they go straight
//! to an https site.

use std::time::Duration;

use moka::sync::Cache;

use crate::net::LateCache;
use crate::portal::{Shared, Visit};
use crate::seal::fingerprint;
use crate::session::returning::Return;
use crate::session::{Session, SessionId};

/// How long it is remembered that a person was sent straight to an address. If they are challenged there again within
/// this time, they are not known there after all, and get a ticket.
const MEMORY: Duration = Duration::from_secs(30);

/// Remembers who was sent straight to which address.
#[derive(Debug)]
pub(in crate::portal) struct Straight(LateCache<(SessionId, [u8; 16]), ()>);

impl Default for Straight {
    fn default() -> Self {
        Self(LateCache::new(|| Cache::builder().max_capacity(100_000).time_to_live(MEMORY).build()))
    }
}

impl Straight {
    /// Whether to send a person straight to where they were challenged: they are known there without a cookie, and were
    /// not sent straight there just before.
    pub(in crate::portal) async fn admits(
        &self,
        portal: &Shared,
        visit: &Visit,
        session: &Session,
        challenge: &Return,
    ) -> bool {
        let is_known = challenge.origin.starts_with("https://")
            && (has_shown(portal, visit, session, challenge).await || has_address(portal, visit, session).await);
        is_known && self.is_first(session, challenge)
    }

    /// Whether a person was not sent straight to this address just before. From now on they have been.
    pub(super) fn is_first(&self, session: &Session, challenge: &Return) -> bool {
        self.0.entry((session.id, fingerprint(&challenge.destination))).or_insert(()).is_fresh()
    }
}

/// Whether the connection that was challenged had shown evidence that stands for this session.
async fn has_shown(portal: &Shared, visit: &Visit, session: &Session, challenge: &Return) -> bool {
    let (bindings, peer) = (&portal.parts.bindings, &visit.peer);
    let Some(handshake) = &peer.tls else { return false };
    for evidence in bindings.evidence(handshake).filter(|evidence| challenge.shown.contains(&evidence.key())) {
        if bindings.recall(evidence, peer).await.is_some_and(|(found, _)| found.id == session.id) {
            return true;
        }
    }
    false
}

/// Whether the client address stands for this session.
async fn has_address(portal: &Shared, visit: &Visit, session: &Session) -> bool {
    let client = visit.peer.client.ip();
    visit.peer.network.address
        && portal.parts.sessions.recall_by_client(client).await.is_some_and(|found| found.id == session.id)
}
