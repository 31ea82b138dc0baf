//! Single-use tickets: how a session gets from the portal to one more origin.
//!
//! That a ticket works once outlives no process unless something else sees to it. A store that nodes share does: it gives
//! each out once, on whatever node. Everywhere else a ticket names the one process that may take it back, and whoever has
//! one of a process that is no more is challenged again.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use moka::sync::Cache;
use serde::{Deserialize, Serialize};

use super::SessionId;
use super::neighbours::{Neighbours, Word};
use super::returning::Return;
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
    /// The node that alone may take it back; any, where the store sees to it that one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    node: Option<u64>,
}

/// Why a ticket is not taken back.
#[derive(Debug)]
pub enum Unredeemed {
    /// There is none like it: it has been used, it is too old, or nobody made it.
    Unknown,
    /// It is for another node, or for one that has been started anew since. It is used up.
    OtherNode(Box<Ticket>),
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
    /// Tickets that have arrived here.
    spent: Cache<[u8; 16], ()>,
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
        let spent = Cache::builder().max_capacity(100_000).time_to_live(Duration::from_secs(120)).build();
        Self { store, clock, outstanding, issued, neighbours, sealer: None, spent }
    }

    /// The same, with tickets that need no store while it is away.
    #[must_use]
    pub fn sealed_by(self, sealer: Arc<Sealer>) -> Self {
        Self { sealer: Some(sealer), ..self }
    }

    /// Who this node is in the challenges that it makes, as long as the process lasts.
    pub fn node(&self) -> u64 {
        self.neighbours.node()
    }

    /// Issues a ticket for `session` in answer to a challenge, and gives the address where it arrives.
    pub async fn issue(&self, session: SessionId, answers: Return) -> Result<String, Error> {
        let issued = self.issued.get_with(session, Arc::default);
        if issued.fetch_add(1, Ordering::Relaxed) >= MAX_PER_SESSION {
            return Err(Error::Full);
        }
        let secret = random_text();
        let (client, host) = (answers.client, answers.host().to_owned());
        let address = format!("{}?ticket={secret}", answers.arrival());
        let node = (!self.store.is_shared()).then(|| self.node());
        let ticket = Ticket { session, answers, node };
        let record = serde_json::to_vec(&ticket).unwrap_or_default();
        let expires = after(self.clock.now(), LIFETIME);
        match self.store.put(Kind::Ticket, fingerprint(&secret), record, expires).await {
            Err(Error::Away) => return self.seal(ticket, expires),
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

    /// A ticket that needs no store: those who are known go on while it is away. The node that made the challenge takes it
    /// back, and no other: the browser has just been there, and nobody else could know that it has been used.
    fn seal(&self, ticket: Ticket, expires: Timestamp) -> Result<String, Error> {
        let sealer = self.sealer.as_ref().ok_or(Error::Away)?;
        let ticket = Ticket { node: Some(ticket.answers.node), ..ticket };
        self.expect(ticket.answers.client, ticket.answers.host().to_owned());
        Ok(format!("{}?ticket={}", ticket.answers.arrival(), sealer.seal(PURPOSE, &ticket, expires)))
    }

    /// Takes a ticket back. A ticket works once, within its time, and is used up by being looked at.
    pub async fn redeem(&self, secret: &str) -> Result<Ticket, Unredeemed> {
        let ticket = self.take(secret).await.ok_or(Unredeemed::Unknown)?;
        let (client, host) = (ticket.answers.client, ticket.answers.host().to_owned());
        self.arrived(client, host.clone());
        self.neighbours.tell(&Word::Arrived(client, host)).await;
        match ticket.node {
            Some(node) if node != self.node() => Err(Unredeemed::OtherNode(Box::new(ticket))),
            _ => Ok(ticket),
        }
    }

    async fn take(&self, secret: &str) -> Option<Ticket> {
        let key = fingerprint(secret);
        let ticket: Ticket = if secret.len() > SECRET_LEN {
            self.sealer.as_ref()?.open(PURPOSE, secret, self.clock.now()).ok()?
        } else {
            let record = self.store.take(Kind::Ticket, key).await.ok()??;
            serde_json::from_slice(&record).ok()?
        };
        self.spent.entry(key).or_insert(()).is_fresh().then_some(ticket)
    }

    /// Whether a ticket is on its way to `host` from this client: its connection there must not be tunnelled, or the
    /// ticket would reach the origin.
    pub fn is_outstanding(&self, client: IpAddr, host: &str) -> bool {
        self.outstanding.contains_key(&(client, host.to_owned()))
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
            tunnels: false,
            shown: Vec::new(),
            node: 0,
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
        assert!(tickets.redeem(secret).await.is_err());
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

    #[tokio::test]
    async fn a_ticket_is_not_good_in_another_process_that_finds_it_again() {
        // What a process that was killed has taken out may be back when it is started anew.
        let clock = Clock::by_hand(Timestamp::UNIX_EPOCH);
        let store: Arc<dyn Store> = Arc::new(Memory::new(100, clock.clone()));
        let before = Tickets::new(Arc::clone(&store), clock.clone());
        let address = before.issue(SessionId([1; 16]), challenge("https://news.test")).await.unwrap();
        let secret = address.split_once("?ticket=").unwrap().1;
        let record = store.peek(Kind::Ticket, fingerprint(secret)).await.unwrap().unwrap();
        assert!(before.redeem(secret).await.is_ok());
        store.put(Kind::Ticket, fingerprint(secret), record, Timestamp::from_second(60).unwrap()).await.unwrap();
        assert!(matches!(before.redeem(secret).await, Err(Unredeemed::Unknown)), "spent, whatever the store says");
        let after = Tickets::new(Arc::clone(&store), clock.clone());
        let address = before.issue(SessionId([1; 16]), challenge("https://news.test")).await.unwrap();
        let secret = address.split_once("?ticket=").unwrap().1;
        assert!(matches!(after.redeem(secret).await, Err(Unredeemed::OtherNode(_))));
        assert!(matches!(before.redeem(secret).await, Err(Unredeemed::Unknown)), "it is used up");
    }

    #[tokio::test]
    async fn while_the_store_is_away_the_node_that_made_the_challenge_alone_takes_a_ticket_back() {
        let clock = Clock::by_hand(Timestamp::UNIX_EPOCH);
        let sealer = Arc::new(Sealer::random());
        let node = || {
            let store = Arc::new(crate::session::store::memory::Memory::new(1, clock.clone()));
            Tickets::new(store, clock.clone()).sealed_by(Arc::clone(&sealer))
        };
        let (proxy, portal, other) = (node(), node(), node());
        let answers = Return { node: proxy.node(), ..challenge("https://news.test") };
        let ticket = Ticket { session: SessionId([1; 16]), answers, node: None };
        let address = portal.seal(ticket, Timestamp::from_second(60).unwrap()).unwrap();
        let secret = address.split_once("?ticket=").unwrap().1;
        for node in [&portal, &other] {
            assert!(matches!(node.redeem(secret).await, Err(Unredeemed::OtherNode(_))));
        }
        assert_eq!(proxy.redeem(secret).await.unwrap().session, SessionId([1; 16]));
        assert!(matches!(proxy.redeem(secret).await, Err(Unredeemed::Unknown)));
    }
}
