//! What the portal remembers between requests, and across configurations.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use moka::sync::Cache;
use tokio::sync::Semaphore;

use super::refused::{Clicks, Guesses};
use super::sign_in::{Renewals, Straight};
use crate::net::LateCache;
use crate::session::limit::Limiter;

/// How many Responses are verified at the same time: each costs processor time, and anybody can send one.
const VERIFICATIONS: usize = 2;

/// How many terminals' codes one client address may look up in a minute, so that nobody can guess one.
const CODES_PER_MINUTE: u32 = 30;

/// How many terminals may wait for an answer at the same time.
const WAITING: usize = 2000;

/// How many reviews one client address may ask for in ten minutes.
const REVIEWS: u32 = 10;

/// How many reviews are told of at the same time.
const TELLING: usize = 8;

/// What the portal remembers.
pub struct Memory {
    /// Counts attempts to sign in.
    pub(super) limiter: Limiter,
    pub(super) renewals: Renewals,
    /// Counts the Responses to each pending sign-in.
    pub(super) answers: LateCache<[u8; 16], Arc<AtomicU32>>,
    /// Counts unsolicited Responses.
    pub(super) unsolicited: Limiter,
    /// Challenges for which a ticket was issued while the store was away, by the fingerprints of their return tokens.
    pub(super) answered: LateCache<[u8; 16], ()>,
    pub(super) verifications: Arc<Semaphore>,
    /// Counts look-ups of terminals' codes.
    pub(super) codes: Limiter,
    /// Who was sent straight to which address.
    pub(super) straight: Straight,
    /// Places for terminals that wait for an answer.
    pub(super) waiting: Semaphore,
    /// Turns to verify messages of Single Logout.
    pub(super) logouts: Arc<Semaphore>,
    /// Counts attempts to override a block.
    pub(super) guesses: Guesses,
    /// Counts what people pass.
    pub(super) clicks: Clicks,
    /// Counts requests for a review.
    pub(super) reviews: Limiter,
    /// Turns to tell somebody of one.
    pub(super) telling: Semaphore,
}

impl Default for Memory {
    fn default() -> Self {
        let (minute, hour) = (Duration::from_secs(60), Duration::from_secs(3600));
        Self {
            // `Portal::new` sets the bound before the first request.
            limiter: Limiter::new(0, minute),
            renewals: Renewals::default(),
            answers: LateCache::new(move || Cache::builder().max_capacity(100_000).time_to_live(hour).build()),
            unsolicited: Limiter::new(0, minute).of("unsolicited"),
            answered: LateCache::new(move || Cache::builder().max_capacity(100_000).time_to_live(hour).build()),
            verifications: Arc::new(Semaphore::new(VERIFICATIONS)),
            codes: Limiter::new(CODES_PER_MINUTE, minute),
            straight: Straight::default(),
            waiting: Semaphore::new(WAITING),
            logouts: Arc::new(Semaphore::new(1)),
            guesses: Guesses::default(),
            clicks: Clicks::default(),
            reviews: Limiter::new(REVIEWS, Duration::from_secs(600)).of("review"),
            telling: Semaphore::new(TELLING),
        }
    }
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Memory").finish_non_exhaustive()
    }
}
