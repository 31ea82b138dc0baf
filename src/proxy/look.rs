//! Looks whether an https origin is there, before a CONNECT is answered that is to be intercepted.
//!
//! Whoever types a name without a scheme is sent to https first. A CONNECT that is answered 200 is the end of that: the
//! browser never falls back to http, and after sign-in the person stands before an address where nobody answers. So the
//! client is told what it would have been told without us. What is found is remembered for a while, and the connection
//! is kept for the request that follows: a page opens one connection more than it needs at most.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::sync::Cache;
use tokio::sync::OnceCell;

use super::dial;
use super::forward::{Failure, Forwarder};
use super::pool::Pool;
use crate::policy::{Lane, Permit};
use crate::session::limit::Limiter;
use crate::wire::Destination;

/// How long it is remembered that an origin was there.
const THERE: Duration = Duration::from_secs(300);

/// The same of one that was not: it may be started any moment.
const AWAY: Duration = Duration::from_secs(5);

/// Origins that are remembered; more push out those that nobody asks for.
const MAX_ORIGINS: u64 = 20_000;

/// Looks that one client address causes in a minute. Beyond that its CONNECTs are answered 200 unseen, so that nobody
/// counts through other people's machines by way of us.
const PER_MINUTE: u32 = 120;

/// What has been found out.
pub(super) struct Looks {
    found: Cache<(Destination, Lane), Arc<Look>>,
    limiter: Limiter,
}

/// One look: several clients wait for the same one.
type Look = OnceCell<(Instant, Result<(), dial::Error>)>;

impl Default for Looks {
    fn default() -> Self {
        let found = Cache::builder().max_capacity(MAX_ORIGINS).time_to_live(THERE).build();
        Self { found, limiter: Limiter::new(PER_MINUTE, Duration::from_secs(60)) }
    }
}

impl Looks {
    /// Whether `destination` is there and speaks TLS; why not, if it is certain that it does not.
    pub(super) async fn look(
        &self,
        forwarder: &Forwarder,
        destination: &Destination,
        permit: Permit,
        client: SocketAddr,
        pool: &Arc<Pool>,
    ) -> Result<(), dial::Error> {
        let key = (destination.clone(), permit.lane().clone());
        if self.found.get(&key).is_some_and(|look| is_old(&look)) {
            self.found.invalidate(&key);
        }
        if !self.found.contains_key(&key) && !self.limiter.admit_here(client.ip()) {
            return Ok(());
        }
        let look = self.found.get_with(key, Arc::default);
        let (_, found) = look.get_or_init(|| see(forwarder, destination, permit, client, pool)).await;
        found.clone()
    }
}

fn is_old(look: &Look) -> bool {
    look.get().is_some_and(|(when, found)| found.is_err() && when.elapsed() >= AWAY)
}

async fn see(
    forwarder: &Forwarder,
    destination: &Destination,
    permit: Permit,
    client: SocketAddr,
    pool: &Arc<Pool>,
) -> (Instant, Result<(), dial::Error>) {
    let found = match forwarder.open(&permit, destination, client).await {
        Ok(connection) => {
            // One that serves this client alone has nowhere to be kept.
            if !connection.through.as_ref().is_some_and(|through| through.for_one_client) {
                pool.lease(connection, Arc::new(destination.clone()), permit.lane().clone()).give_back();
            }
            Ok(())
        }
        Err(Failure::Dial(error)) if is_absence(&error) => Err(error),
        Err(_) => Ok(()),
    };
    (Instant::now(), found)
}

/// Whether an error shows that nobody would get any further. One that only we have, or that a person is to see on a page
/// of their browser's (a certificate), does not.
fn is_absence(error: &dial::Error) -> bool {
    match error {
        dial::Error::NameNotFound
        | dial::Error::Resolver(_)
        | dial::Error::ResolverTimedOut
        | dial::Error::Refused
        | dial::Error::Unreachable(_)
        | dial::Error::TimedOut
        | dial::Error::NoTls(_)
        | dial::Error::ParentDenied(_) => true,
        dial::Error::Parent(_, fault) => matches!(fault, dial::ParentFault::NotReached(_)),
        dial::Error::Prohibited(_)
        | dial::Error::OwnMachine(_)
        | dial::Error::Myself(_)
        | dial::Error::Port(_)
        | dial::Error::Certificate(_)
        | dial::Error::Tls(_)
        | dial::Error::NoRoom => false,
    }
}
