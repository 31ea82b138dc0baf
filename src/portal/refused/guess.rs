//! Passwords that open a block are tried a few times, by one person and from one client, on all nodes together; and only two
//! are verified at once, because each takes megabytes and tens of milliseconds.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use moka::sync::Cache;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::clock::SignedDuration;
use crate::identity::User;
use crate::net::LateCache;
use crate::password::HashedPassword;
use crate::seal::fingerprint;
use crate::session::limit::Limiter;
use crate::session::pending::PendingSignIns;

/// How many times a person may try in a window, whichever the rule is, whether or not the password is right.
const MOST_OF_PERSON: u32 = 10;

/// How many times all people at one client address, or in one IPv6 network, may.
const MOST_OF_CLIENT: u32 = 40;

/// How long attempts are counted together.
const WINDOW: Duration = Duration::from_secs(600);

/// How many passwords are verified at the same time.
const TURNS: usize = 2;

/// How long somebody waits for their turn.
const PATIENCE: Duration = Duration::from_secs(10);

/// The name under which nodes count together.
const WHAT: &str = "override";

/// Counts attempts, and gives turns.
#[derive(Debug)]
pub(in crate::portal) struct Guesses {
    of_clients: Limiter,
    of_people: LateCache<[u8; 16], Arc<AtomicU32>>,
    turns: Arc<Semaphore>,
}

impl Default for Guesses {
    fn default() -> Self {
        Self {
            of_clients: Limiter::new(MOST_OF_CLIENT, WINDOW).of(WHAT),
            of_people: LateCache::new(|| Cache::builder().max_capacity(100_000).time_to_live(WINDOW).build()),
            turns: Arc::new(Semaphore::new(TURNS)),
        }
    }
}

impl Guesses {
    /// Counts an attempt; false if this person, or this client, has made too many.
    pub(super) async fn admit(&self, user: &User, client: IpAddr, pending: &PendingSignIns) -> bool {
        let person = fingerprint(&format!("{}\n{}", user.realm, user.id));
        let count = self.of_people.get_with(person, Arc::default);
        if count.fetch_add(1, Ordering::Relaxed) >= MOST_OF_PERSON {
            return false;
        }
        let what = format!("{WHAT} {:032x}", u128::from_be_bytes(person));
        let window = SignedDuration::from_secs(600);
        let everywhere = pending.count_attempt(&what, IpAddr::V4(Ipv4Addr::UNSPECIFIED), window).await;
        everywhere.is_none_or(|attempts| attempts <= u64::from(MOST_OF_PERSON))
            && self.of_clients.admit(client, pending).await
    }

    /// Whether this is the password; `None` if there was no turn to find out.
    pub(super) async fn verify(&self, hash: &HashedPassword, typed: String) -> Option<bool> {
        let turn = timeout(PATIENCE, Arc::clone(&self.turns).acquire_owned()).await.ok()?.ok()?;
        let hash = hash.clone();
        let verified = tokio::task::spawn_blocking(move || {
            let is_it = hash.is_of(&typed);
            drop(turn);
            is_it
        });
        verified.await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, Timestamp};
    use crate::session::store::memory::Memory;

    fn user(name: &str) -> User {
        User { id: name.into(), ..User::guest(name.into()) }
    }

    #[tokio::test]
    async fn a_person_tries_ten_times_on_all_nodes_together_and_others_go_on() {
        let clock = Clock::by_hand(Timestamp::UNIX_EPOCH);
        let pending =
            PendingSignIns::new(Arc::new(Memory::new(1000, clock.clone())), clock, SignedDuration::from_mins(30));
        let nodes = [Guesses::default(), Guesses::default()];
        let mut admitted = 0;
        for attempt in 0..30_u8 {
            let client = IpAddr::from([192, 0, 2, attempt]);
            admitted += u32::from(nodes[usize::from(attempt) % 2].admit(&user("eve"), client, &pending).await);
        }
        assert_eq!(admitted, MOST_OF_PERSON);
        assert!(nodes[0].admit(&user("ann"), IpAddr::from([192, 0, 2, 1]), &pending).await);
    }

    #[tokio::test]
    async fn a_client_with_many_names_tries_no_more_than_forty_times() {
        let clock = Clock::by_hand(Timestamp::UNIX_EPOCH);
        let pending =
            PendingSignIns::new(Arc::new(Memory::new(1000, clock.clone())), clock, SignedDuration::from_mins(30));
        let guesses = Guesses::default();
        let mut admitted = 0;
        for number in 0..100 {
            let client: IpAddr = format!("2001:db8::{number:x}").parse().unwrap();
            admitted += u32::from(guesses.admit(&user(&number.to_string()), client, &pending).await);
        }
        assert_eq!(admitted, MOST_OF_CLIENT);
    }
}
