//! What somebody passes is written for each session that they have, and other nodes are told: so one session, and all at one
//! client address, pass something only so often.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use moka::sync::Cache;

use crate::net::LateCache;
use crate::session::SessionId;
use crate::session::limit::Limiter;

/// How much of it one session may do in a window. People read what they pass.
const MOST_OF_SESSION: u32 = 30;

/// How much all people at one client address, or in one IPv6 network, may.
const MOST_OF_CLIENT: u32 = 300;

/// How long it is counted together.
const WINDOW: Duration = Duration::from_secs(600);

/// Counts what people pass on this node.
#[derive(Debug)]
pub(in crate::portal) struct Clicks {
    of_sessions: LateCache<SessionId, Arc<AtomicU32>>,
    of_clients: Limiter,
}

impl Default for Clicks {
    fn default() -> Self {
        Self {
            of_sessions: LateCache::new(|| Cache::builder().max_capacity(100_000).time_to_live(WINDOW).build()),
            of_clients: Limiter::new(MOST_OF_CLIENT, WINDOW),
        }
    }
}

impl Clicks {
    /// Counts one more; false if this session, or this client, has passed too much.
    pub(super) fn admit(&self, session: SessionId, client: IpAddr) -> bool {
        let count = self.of_sessions.get_with(session, Arc::default);
        count.fetch_add(1, Ordering::Relaxed) < MOST_OF_SESSION && self.of_clients.admit_here(client)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_session_and_one_client_pass_only_so_much() {
        let (clicks, client) = (Clicks::default(), IpAddr::from([10, 0, 0, 7]));
        let through = |session: u32, client: IpAddr| {
            let session = SessionId::of_secret(&session.to_string());
            (0..100).filter(|_| clicks.admit(session, client)).count()
        };
        let all: Vec<usize> = (0..12).map(|session| through(session, client)).collect();
        assert_eq!((all[..10].iter().all(|one| *one == 30), all[10..].iter().sum::<usize>()), (true, 0));
        assert_eq!(through(99, [10, 0, 0, 8].into()), 30);
    }
}
