//! What the proxy remembers between requests, and across configurations.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use arc_swap::ArcSwapOption;

use super::alarm::Alarms;
use super::challenge::Bounces;
use super::failures::{FailureCount, Failures};
use super::identify::Contradictions;
use super::look::Looks;
use super::preflight::Preflights;
use super::shares::Shares;
use super::{Proxy, token};
use crate::clock::{Clock, Timestamp};
use crate::egress::pool::Pool;
use crate::identity::User;
use crate::net::{Limits, Pipes};
use crate::session::Session;

/// What the proxy remembers.
pub struct Memory {
    pub(super) pipes: Pipes,
    pub(super) bounces: Bounces,
    pub(super) looks: Looks,
    pub(super) preflights: Preflights,
    pub(super) contradictions: Contradictions,
    pub(super) shares: Shares,
    pub(super) alarms: Arc<Alarms>,
    pub(super) failures: Failures,
    pub(super) tokens: Arc<token::Memory>,
    /// The session of everybody on a listener for guests where nobody is asked anything.
    pub(super) guest: Arc<Session>,
    pools: Mutex<Vec<Weak<Pool>>>,
    /// The proxy of the configuration in force. Connections outlive configurations, and each request is answered by
    /// this proxy.
    current: ArcSwapOption<Proxy>,
}

impl Memory {
    /// An empty memory.
    pub fn new(limits: &Limits, clock: &Clock) -> Self {
        Self {
            pipes: Pipes::for_connections(limits.connections),
            bounces: Bounces::default(),
            looks: Looks::default(),
            preflights: Preflights::new(limits, clock.now()),
            contradictions: Contradictions::default(),
            shares: Shares::default(),
            alarms: Arc::default(),
            failures: Failures::default(),
            tokens: Arc::default(),
            guest: Arc::new(Session::standing(User::guest(String::new()), clock.now())),
            pools: Mutex::default(),
            current: ArcSwapOption::empty(),
        }
    }

    /// Sets the proxy that answers from now on. `None` when the program ends, so that the two do not keep each other
    /// alive.
    pub fn answer_by(&self, proxy: Option<Arc<Proxy>>) {
        self.current.store(proxy);
    }

    /// The proxy that answers now.
    pub(super) fn current(&self) -> Option<Arc<Proxy>> {
        self.current.load_full()
    }

    /// Takes a worker's pool in, to be swept and cleared with the others.
    pub(super) fn keep(&self, pool: &Arc<Pool>) {
        self.lock().push(Arc::downgrade(pool));
    }

    /// Closes origin connections that have been kept for too long, and forgets shares of which all is there.
    pub fn sweep(&self) {
        self.shares.sweep();
        self.lock().retain(|pool| pool.upgrade().inspect(|pool| pool.sweep()).is_some());
    }

    /// Has tunnels asked about anew whose people had passed something that is over by now.
    pub fn ring(&self, now: Timestamp) {
        self.alarms.ring(now);
    }

    /// Forgets how origins were reached, because the configuration may have changed the way.
    pub fn forget_ways(&self) {
        self.looks.clear();
        self.lock().iter().filter_map(Weak::upgrade).for_each(|pool| pool.clear());
    }

    /// Interceptions that failed, the commonest kind first.
    pub fn interception_failures(&self) -> Vec<FailureCount> {
        self.failures.all()
    }

    /// How often something has had to wait, because somebody's bandwidth is limited.
    pub fn paced_waits(&self) -> u64 {
        self.shares.waits()
    }

    /// How many people, clients and networks are held to limits at present.
    pub fn shares(&self) -> usize {
        self.shares.count()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Weak<Pool>>> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Memory").finish_non_exhaustive()
    }
}
