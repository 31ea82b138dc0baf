//! Single-use tickets: how a session gets from the portal to one more origin.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use moka::sync::Cache;
use serde::{Deserialize, Serialize};

use super::SessionId;
use super::neighbours::{Neighbours, Word};
use super::returning::{ARRIVE_PATH, Return};
use super::store::{Error, Kind, Store};
use crate::clock::{Clock, SignedDuration, Timestamp, after};
use crate::seal::{Sealer, fingerprint, random_text};

/// How long a ticket is good: long enough for one redirect on a slow link.
pub const LIFETIME: SignedDuration = SignedDuration::from_secs(60);

/// Tickets that one session may have issued in a minute: a browser that opens all its tabs again needs two hundred.
const MAX_PER_SESSION: u32 = 1000;

/// A secret of [`random_text`] has so many characters; a sealed ticket has more.
const SECRET_LEN: usize = 22;

const PURPOSE: &str = "ticket";

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
    pub(super) neighbours: Arc<Neighbours>,
    /// Seals tickets while the store is away.
    sealer: Option<Arc<Sealer>>,
    /// Sealed tickets that have arrived here.
    unsealed: Cache<[u8; 16], ()>,
}

impl Tickets {
    /// Tickets that are kept in `store`.
    pub fn new(store: Arc<dyn Store>, clock: Clock) -> Self {
        let outstanding = Cache::builder()
            .max_capacity(100_000)
            .time_to_live(Duration::from_secs(LIFETIME.as_secs().unsigned_abs()))
            .build();
        let issued = Cache::builder().max_capacity(100_000).time_to_live(Duration::from_secs(60)).build();
        let neighbours = Arc::new(Neighbours::new(Arc::clone(&store)));
        let unsealed = Cache::builder().max_capacity(100_000).time_to_live(Duration::from_secs(120)).build();
        Self { store, clock, outstanding, issued, neighbours, sealer: None, unsealed }
    }

    /// The same, with tickets that need no store while it is away.
    #[must_use]
    pub fn sealed_by(self, sealer: Arc<Sealer>) -> Self {
        Self { sealer: Some(sealer), ..self }
    }

    /// Issues a ticket for `session` in answer to a challenge, and gives the address where it arrives.
    pub async fn issue(&self, session: SessionId, answers: Return) -> Result<String, Error> {
        let issued = self.issued.get_with(session, Arc::default);
        if issued.fetch_add(1, Ordering::Relaxed) >= MAX_PER_SESSION {
            return Err(Error::Full);
        }
        let secret = random_text();
        let address = format!("{}{ARRIVE_PATH}?ticket={secret}", answers.origin);
        let (origin, sealed) = (answers.origin.clone(), answers.clone());
        let host = host_of(&answers.origin).to_owned();
        let client = answers.client;
        let record = serde_json::to_vec(&Ticket { session, answers }).unwrap_or_default();
        let expires = after(self.clock.now(), LIFETIME);
        match self.store.put(Kind::Ticket, fingerprint(&secret), record, expires).await {
            Err(Error::Away) => return self.seal(&origin, session, sealed, expires),
            put => put?,
        }
        self.expect(client, host.clone());
        // The browser may go to another node with it.
        self.neighbours.tell(&Word::Ticket(client, host)).await;
        Ok(address)
    }

    /// Notes that a ticket is on its way.
    pub(super) fn expect(&self, client: IpAddr, host: String) {
        let count = self.outstanding.entry((client, host));
        count.and_upsert_with(|held| held.map_or(1, |held| held.into_value().saturating_add(1)));
    }

    /// Notes that a ticket has arrived.
    pub(super) fn arrived(&self, client: IpAddr, host: String) {
        self.outstanding.entry((client, host)).and_compute_with(|held| match held.map_or(0, moka::Entry::into_value) {
            0 | 1 => moka::ops::compute::Op::Remove,
            more => moka::ops::compute::Op::Put(more - 1),
        });
    }

    /// A ticket that needs no store: those who are known go on while it is away. That it works once is seen to by each
    /// node for itself.
    fn seal(&self, origin: &str, session: SessionId, answers: Return, expires: Timestamp) -> Result<String, Error> {
        let sealer = self.sealer.as_ref().ok_or(Error::Away)?;
        self.expect(answers.client, host_of(origin).to_owned());
        let ticket = sealer.seal(PURPOSE, &Ticket { session, answers }, expires);
        Ok(format!("{origin}{ARRIVE_PATH}?ticket={ticket}"))
    }

    fn unseal(&self, text: &str) -> Option<Ticket> {
        let ticket: Ticket = self.sealer.as_ref()?.open(PURPOSE, text, self.clock.now()).ok()?;
        let first = self.unsealed.entry(fingerprint(text)).or_insert(()).is_fresh();
        self.arrived(ticket.answers.client, host_of(&ticket.answers.origin).to_owned());
        first.then_some(ticket)
    }

    /// Takes a ticket back. A ticket works once, within its time.
    pub async fn redeem(&self, secret: &str) -> Option<Ticket> {
        if secret.len() > SECRET_LEN {
            return self.unseal(secret);
        }
        let record = self.store.take(Kind::Ticket, fingerprint(secret)).await.ok()??;
        let ticket: Ticket = serde_json::from_slice(&record).ok()?;
        let (client, host) = (ticket.answers.client, host_of(&ticket.answers.origin).to_owned());
        self.arrived(client, host.clone());
        self.neighbours.tell(&Word::Arrived(client, host)).await;
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
    use crate::session::store::memory::Memory;

    fn challenge(origin: &str) -> Return {
        Return {
            origin: origin.into(),
            destination: format!("{origin}/a?q=1"),
            client: "192.0.2.7".parse().unwrap(),
            challenge: "c1".into(),
            browser: [7; 16],
            unsent: None,
            within: None,
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
