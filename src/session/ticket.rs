//! Single-use tickets: how a session gets from the portal to one more origin.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use moka::sync::Cache;
use serde::{Deserialize, Serialize};

use super::SessionId;
use super::returning::{ARRIVE_PATH, Return};
use super::store::{Error, Kind, Store};
use crate::clock::{Clock, SignedDuration, after};
use crate::seal::{fingerprint, random_text};

/// How long a ticket is good: long enough for one redirect on a slow link.
pub const LIFETIME: SignedDuration = SignedDuration::from_secs(60);

/// Tickets that one session may have issued in a minute: a browser that opens all its tabs again needs two hundred.
const MAX_PER_SESSION: u32 = 1000;

/// What a ticket says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ticket {
    /// The session that it carries.
    pub session: SessionId,
    /// The challenge that it answers.
    pub answers: Return,
}

/// Issues tickets and takes them back.
#[derive(Debug)]
pub struct Tickets {
    store: Arc<dyn Store>,
    clock: Clock,
    /// How many tickets are on their way from the portal to a host, by client address.
    outstanding: Cache<(IpAddr, String), u32>,
    /// How many tickets a session has had, a minute at a time.
    issued: Cache<SessionId, Arc<AtomicU32>>,
}

impl Tickets {
    /// Tickets that are kept in `store`.
    pub fn new(store: Arc<dyn Store>, clock: Clock) -> Self {
        let outstanding = Cache::builder()
            .max_capacity(100_000)
            .time_to_live(Duration::from_secs(LIFETIME.as_secs().unsigned_abs()))
            .build();
        let issued = Cache::builder().max_capacity(100_000).time_to_live(Duration::from_secs(60)).build();
        Self { store, clock, outstanding, issued }
    }

    /// Issues a ticket for `session` in answer to a challenge, and gives the address where it arrives.
    pub async fn issue(&self, session: SessionId, answers: Return) -> Result<String, Error> {
        let issued = self.issued.get_with(session, Arc::default);
        if issued.fetch_add(1, Ordering::Relaxed) >= MAX_PER_SESSION {
            return Err(Error::Full);
        }
        let secret = random_text();
        let address = format!("{}{ARRIVE_PATH}?ticket={secret}", answers.origin);
        let host = host_of(&answers.origin).to_owned();
        let client = answers.client;
        let record = serde_json::to_vec(&Ticket { session, answers }).unwrap_or_default();
        self.store.put(Kind::Ticket, fingerprint(&secret), record, after(self.clock.now(), LIFETIME)).await?;
        let count = self.outstanding.entry((client, host));
        count.and_upsert_with(|held| held.map_or(1, |held| held.into_value().saturating_add(1)));
        Ok(address)
    }

    /// Takes a ticket back. A ticket works once, within its time.
    pub async fn redeem(&self, secret: &str) -> Option<Ticket> {
        let record = self.store.take(Kind::Ticket, fingerprint(secret)).await.ok()??;
        let ticket: Ticket = serde_json::from_slice(&record).ok()?;
        let key = (ticket.answers.client, host_of(&ticket.answers.origin).to_owned());
        self.outstanding.entry(key).and_compute_with(|held| match held.map_or(0, moka::Entry::into_value) {
            0 | 1 => moka::ops::compute::Op::Remove,
            more => moka::ops::compute::Op::Put(more - 1),
        });
        Some(ticket)
    }

    /// Whether a ticket is on its way to `host` from this client: its connection there must not be tunnelled, or the
    /// ticket would reach the origin.
    pub fn is_outstanding(&self, client: IpAddr, host: &str) -> bool {
        self.outstanding.contains_key(&(client, host.to_owned()))
    }
}

/// The host of `scheme://host[:port]`.
fn host_of(origin: &str) -> &str {
    let authority = origin.split_once("://").map_or(origin, |(_, authority)| authority);
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::session::store::memory::Memory;

    fn challenge(origin: &str) -> Return {
        Return {
            origin: origin.into(),
            destination: format!("{origin}/a?q=1"),
            client: "192.0.2.7".parse().unwrap(),
            challenge: "c1".into(),
            browser: [7; 16],
            unsent: None,
        }
    }

    #[tokio::test]
    async fn a_ticket_is_redeemed_once_and_is_outstanding_until_then() {
        let clock = Clock::by_hand(Timestamp::UNIX_EPOCH);
        let tickets = Tickets::new(Arc::new(Memory::new(100, clock.clone())), clock);
        let client = "192.0.2.7".parse().unwrap();
        let address = tickets.issue(SessionId([1; 16]), challenge("https://news.test:8443")).await.unwrap();
        let (place, secret) = address.split_once("?ticket=").unwrap();
        assert_eq!(place, "https://news.test:8443/.well-known/vestibule/arrive");
        assert!(tickets.is_outstanding(client, "news.test"));
        assert!(!tickets.is_outstanding(client, "mail.test"));
        let ticket = tickets.redeem(secret).await.unwrap();
        assert_eq!(ticket.session, SessionId([1; 16]));
        assert_eq!(ticket.answers, challenge("https://news.test:8443"));
        assert!(!tickets.is_outstanding(client, "news.test"));
        assert!(tickets.redeem(secret).await.is_none());
    }

    #[tokio::test]
    async fn one_session_does_not_use_up_the_room_for_all() {
        let clock = Clock::by_hand(Timestamp::UNIX_EPOCH);
        let tickets = Tickets::new(Arc::new(Memory::new(10_000, clock.clone())), clock);
        for _ in 0..MAX_PER_SESSION {
            tickets.issue(SessionId([1; 16]), challenge("https://news.test")).await.unwrap();
        }
        assert_eq!(tickets.issue(SessionId([1; 16]), challenge("https://news.test")).await, Err(Error::Full));
        assert!(tickets.issue(SessionId([2; 16]), challenge("https://news.test")).await.is_ok());
    }

    #[test]
    fn hosts_are_read_with_and_without_ports() {
        for (origin, host) in [
            ("http://a.test", "a.test"),
            ("https://a.test:8443", "a.test"),
            ("http://[2001:db8::1]:80", "[2001:db8::1]"),
            ("http://[2001:db8::1]", "[2001:db8::1]"),
        ] {
            assert_eq!(host_of(origin), host);
        }
    }
}
