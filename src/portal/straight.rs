//! Whoever is known without a cookie needs no ticket: where a CONNECT says who asks, they go straight to an https site.

use std::time::Duration;

use moka::sync::Cache;

use crate::portal::{Shared, Visit};
use crate::seal::fingerprint;
use crate::session::returning::Return;
use crate::session::{Session, SessionId};

/// How long it is remembered that somebody has been sent straight to an address. Whoever is challenged there once more is
/// not known there after all, and gets a ticket.
const MEMORY: Duration = Duration::from_secs(30);

/// Who has been sent straight where.
#[derive(Debug)]
pub(super) struct Straight(Cache<(SessionId, [u8; 16]), ()>);

impl Default for Straight {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(100_000).time_to_live(MEMORY).build())
    }
}

impl Straight {
    /// Whether somebody goes straight to where they were challenged, and has not just come from there.
    pub(super) async fn admits(&self, portal: &Shared, visit: &Visit, session: &Session, challenge: &Return) -> bool {
        let is_known = challenge.tunnels
            && challenge.origin.starts_with("https://")
            && (has_shown(portal, visit, session, challenge).await || has_address(portal, visit, session).await);
        is_known && self.0.entry((session.id, fingerprint(&challenge.destination))).or_insert(()).is_fresh()
    }
}

/// Whether the connection that was challenged had shown what stands for this session.
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
