//! Finds out whether an https origin is there, before the proxy answers a CONNECT that it will intercept.
//!
//! When a person types a name without a scheme, the browser tries https first, and http if that fails. A CONNECT that
//! is answered with 200 counts as success: the browser does not fall back, and after sign-in the person gets an address
//! where nobody answers. So the client is told what it would have been told without us. What was found is remembered
//! for a while, and the connection is kept for the request that follows: so a look costs at most one connection more
//! than the page needs.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::sync::Cache;
use tokio::sync::OnceCell;

use crate::egress::pool::{Pool, Wants};
use crate::egress::{self, Dialler};
use crate::policy::{Lane, Permit};
use crate::session::limit::Limiter;
use crate::wire::Destination;

/// How long it is remembered that an origin is there.
const THERE: Duration = Duration::from_secs(300);

/// How long it is remembered that one is not there. Short, because it may be started at any moment.
const AWAY: Duration = Duration::from_secs(5);

/// Origins that are remembered. Beyond that, those that nobody asks for are forgotten.
const MAX_ORIGINS: u64 = 20_000;

/// How many looks one client address may cause in a minute. Beyond that its CONNECTs are answered with 200 without a
/// look, so that strangers cannot scan other people's machines through us.
const PER_MINUTE: u32 = 120;

/// What was found about origins.
pub(super) struct Looks {
    found: Cache<(Destination, Lane), Arc<Look>>,
    limiter: Limiter,
}

/// One look at an origin, for which several clients may wait together.
type Look = OnceCell<(Instant, Result<(), egress::Error>)>;

impl Default for Looks {
    fn default() -> Self {
        let found = Cache::builder().max_capacity(MAX_ORIGINS).time_to_live(THERE).build();
        Self { found, limiter: Limiter::new(PER_MINUTE, Duration::from_secs(60)) }
    }
}

impl Looks {
    /// Forgets everything that was found.
    pub(super) fn clear(&self) {
        self.found.invalidate_all();
    }

    /// `Ok` if the destination of the permit is there and speaks TLS, or if that cannot be said; the error if it is
    /// certain that it is not or does not.
    pub(super) async fn look(
        &self,
        dialler: &Dialler,
        permit: Permit,
        client: SocketAddr,
        pool: &Arc<Pool>,
    ) -> Result<(), egress::Error> {
        let key = (Destination::clone(permit.destination()), permit.lane().clone());
        if self.found.get(&key).is_some_and(|look| is_old(&look)) {
            self.found.invalidate(&key);
        }
        if !self.found.contains_key(&key) && !self.limiter.admit_here(client.ip()) {
            return Ok(());
        }
        let look = self.found.get_with(key, Arc::default);
        let (_, found) = look.get_or_init(|| see(dialler, permit, client, pool)).await;
        found.clone()
    }
}

fn is_old(look: &Look) -> bool {
    look.get().is_some_and(|(when, found)| found.is_err() && when.elapsed() >= AWAY)
}

async fn see(
    dialler: &Dialler,
    permit: Permit,
    client: SocketAddr,
    pool: &Arc<Pool>,
) -> (Instant, Result<(), egress::Error>) {
    let found = match dialler.lease(permit, client, pool, Wants::Any).await {
        // A connection that serves this client alone cannot be kept in the worker's pool.
        Ok(lease) if lease.connection.through.as_ref().is_some_and(|through| through.for_one_client) => Ok(()),
        Ok(lease) => {
            lease.give_back();
            Ok(())
        }
        Err(error) if is_absence(&error) => Err(error),
        Err(_) => Ok(()),
    };
    (Instant::now(), found)
}

/// Whether an error shows that nobody could reach the origin. An error that only we have does not; nor does one that a
/// person should see on a page (a certificate).
fn is_absence(error: &egress::Error) -> bool {
    match error {
        egress::Error::NameNotFound
        | egress::Error::Resolver(_)
        | egress::Error::ResolverTimedOut
        | egress::Error::Refused
        | egress::Error::Unreachable(_)
        | egress::Error::TimedOut
        | egress::Error::NoTls(_)
        | egress::Error::ParentDenied(_) => true,
        egress::Error::Parent(_, fault) => matches!(fault, egress::ParentFault::NotReached(_)),
        egress::Error::Prohibited(_)
        | egress::Error::OwnMachine(_)
        | egress::Error::Myself(_)
        | egress::Error::Port(_)
        | egress::Error::Certificate(..)
        | egress::Error::Tls(_)
        | egress::Error::NoRoom => false,
    }
}
