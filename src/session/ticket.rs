//! Single-use tickets: they carry a session from the portal to one more origin.
//!
//! A ticket must work once, also across a crash. A store that nodes share sees to that: it gives each ticket out once,
//! to whichever node asks first. With any other store, what a process knows of used tickets dies with it. So there a
//! ticket names the one process that may redeem it, and a browser that brings a ticket of another process is challenged
//! again.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use moka::sync::Cache;
use serde::{Deserialize, Serialize};

use super::limit::Limiter;
use super::returning::Return;
use super::store::{Error, Kind, Store};
use super::wanted::Wanted;
use super::{Neighbours, SessionId};
use crate::clock::{Clock, SignedDuration, Timestamp, after};
use crate::net::LateCache;
use crate::seal::{Sealer, fingerprint, random, random_text};

/// How long a ticket is good: long enough for one redirect on a slow link.
pub const LIFETIME: SignedDuration = SignedDuration::from_secs(60);

/// How many tickets one session may be issued in a minute: a browser that opens all its tabs again needs two hundred.
const MAX_PER_SESSION: u32 = 1000;

/// How many tickets all sessions of one client address, or of its IPv6 network, may be issued in a minute: a small part
/// of those that a store keeps, so that nobody pushes out other people's.
const MAX_PER_CLIENT: u32 = 10_000;

/// How many characters a secret of [`random_text`] has. A sealed ticket has more, and is told apart by that.
const SECRET_LEN: usize = 22;

const PURPOSE: &str = "ticket";

/// What a ticket says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ticket {
    /// The session that it carries.
    pub session: SessionId,
    /// The challenge that it answers.
    pub answers: Return,
    /// The only node that may redeem it; `None`, any node, if the store gives it out only once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    node: Option<u64>,
}

/// Why a ticket is not redeemed.
#[derive(Debug)]
pub enum Unredeemed {
    /// There is no such ticket: it has been used, it has expired, or nobody issued it.
    Unknown,
    /// Another node issued it, or this one before it was started anew. It is used up all the same.
    OtherNode(Box<Ticket>),
}

/// Issues tickets and redeems them.
#[derive(Debug)]
pub struct Tickets {
    store: Arc<dyn Store>,
    clock: Clock,
    /// How many tickets each session has been issued in the current minute.
    issued: LateCache<SessionId, Arc<AtomicU32>>,
    /// The same for a client.
    issued_to: Limiter,
    /// The random number of this node, which stands in its challenges; the same for as long as the process lasts.
    node: u64,
    /// Seals tickets while the store is away.
    sealer: Option<Arc<Sealer>>,
    /// Tickets that this process has redeemed.
    spent: LateCache<[u8; 16], ()>,
    /// Where people were going, if that is too long to travel.
    wanted: Wanted,
}

impl Tickets {
    /// Tickets that are kept in `store`.
    pub fn new(store: Arc<dyn Store>, clock: Clock) -> Self {
        let issued =
            LateCache::new(|| Cache::builder().max_capacity(100_000).time_to_live(Duration::from_secs(60)).build());
        let spent =
            LateCache::new(|| Cache::builder().max_capacity(100_000).time_to_live(Duration::from_secs(120)).build());
        let (issued_to, node) = (Limiter::new(MAX_PER_CLIENT, Duration::from_secs(60)), u64::from_be_bytes(random()));
        let wanted = Wanted::new(&store, clock.clone());
        Self { store, clock, issued, issued_to, node, sealer: None, spent, wanted }
    }

    /// The same, with tickets that need no store while the store is away.
    #[must_use]
    pub fn sealed_by(self, sealer: Arc<Sealer>) -> Self {
        Self { sealer: Some(sealer), ..self }
    }

    /// The same, with the node's number taken from `neighbours`: a node has one number for everything.
    #[must_use]
    pub fn beside(self, neighbours: &Neighbours) -> Self {
        Self { node: neighbours.node(), ..self }
    }

    /// The random number of this node, which stands in its challenges; the same for as long as the process lasts.
    pub fn node(&self) -> u64 {
        self.node
    }

    /// Keeps an address that is too long to travel, for whoever is challenged. What is given is what [`Return::kept`] holds.
    pub fn keep(&self, client: IpAddr, url: String) -> u128 {
        self.wanted.keep(client, url)
    }

    /// Fills in where somebody was going, if that was kept. What is not there any more leads to the origin.
    pub async fn fill_in(&self, challenge: &mut Return) {
        let Some(name) = challenge.kept else { return };
        if let Some(url) = self.wanted.find(challenge.client, name).await {
            challenge.destination = url;
        }
    }

    /// Issues a ticket for `session` in answer to a challenge, and gives the address that takes it to the origin.
    pub async fn issue(&self, session: SessionId, answers: Return) -> Result<String, Error> {
        let issued = self.issued.get_with(session, Arc::default);
        if issued.fetch_add(1, Ordering::Relaxed) >= MAX_PER_SESSION || !self.issued_to.admit_here(answers.client) {
            return Err(Error::Full);
        }
        let secret = random_text();
        let address = format!("{}?ticket={secret}", answers.arrival());
        let node = (!self.store.is_shared()).then(|| self.node());
        let ticket = Ticket { session, answers, node };
        let record = serde_json::to_vec(&ticket).unwrap_or_default();
        let expires = after(self.clock.now(), LIFETIME);
        match self.store.put(Kind::Ticket, fingerprint(&secret), record, expires).await {
            Err(Error::Away) => self.seal(ticket, expires),
            put => put.map(|()| address),
        }
    }

    /// A ticket that needs no store, so that people who are known go on while it is away. Only the node that made the
    /// challenge may redeem it: the browser has just been there, and no other node could know that it has been used.
    fn seal(&self, ticket: Ticket, expires: Timestamp) -> Result<String, Error> {
        let sealer = self.sealer.as_ref().ok_or(Error::Away)?;
        let mut ticket = Ticket { node: Some(ticket.answers.node), ..ticket };
        if ticket.answers.kept.is_some() {
            // It is kept at that node still.
            ticket.answers.destination.clone_from(&ticket.answers.origin);
        }
        Ok(format!("{}?ticket={}", ticket.answers.arrival(), sealer.seal(PURPOSE, &ticket, expires)))
    }

    /// Redeems a ticket. It works once and within its lifetime, and an attempt that fails uses it up, too.
    pub async fn redeem(&self, secret: &str) -> Result<Ticket, Unredeemed> {
        let mut ticket = self.take(secret).await.ok_or(Unredeemed::Unknown)?;
        self.fill_in(&mut ticket.answers).await;
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
            halt: None,
            ways: Vec::new(),
            evidence: None,
            shown: Vec::new(),
            node: 0,
            planted: false,
            kept: None,
        }
    }

    #[tokio::test]
    async fn a_ticket_is_redeemed_once_and_arrives_at_a_port_of_ours() {
        let clock = Clock::by_hand(Timestamp::UNIX_EPOCH);
        let tickets = Tickets::new(Arc::new(Memory::new(100, clock.clone())), clock);
        let address = tickets.issue(SessionId([1; 16]), challenge("https://news.test:8443")).await.unwrap();
        let (place, secret) = address.split_once("?ticket=").unwrap();
        assert_eq!(place, "https://news.test:60443/.well-known/vestibule/arrive");
        let ticket = tickets.redeem(secret).await.unwrap();
        assert_eq!(ticket.session, SessionId([1; 16]));
        assert_eq!(ticket.answers, challenge("https://news.test:8443"));
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
    async fn one_client_does_not_push_the_tickets_of_others_out() {
        let clock = Clock::by_hand(Timestamp::UNIX_EPOCH);
        let tickets = Tickets::new(Arc::new(Memory::new(100_000, clock.clone())), clock);
        let ask = async |number: u32, client: String| {
            // Each with a session of its own.
            let mut session = [0; 16];
            session[..4].copy_from_slice(&number.to_be_bytes());
            let answers = Return { client: client.parse().unwrap(), ..challenge("https://news.test") };
            tickets.issue(SessionId(session), answers).await
        };
        for number in 0..MAX_PER_CLIENT {
            assert!(ask(number, format!("2001:db8::{:x}", number % 50_000)).await.is_ok(), "{number}");
        }
        assert_eq!(ask(0, "2001:db8::ffff:1".into()).await, Err(Error::Full), "another address of the same network");
        assert!(ask(0, "2001:db8:0:1::1".into()).await.is_ok());
    }

    #[tokio::test]
    async fn a_node_has_one_number_whichever_part_of_it_says_it() {
        let clock = Clock::by_hand(Timestamp::UNIX_EPOCH);
        let store: Arc<dyn Store> = Arc::new(Memory::new(100, clock.clone()));
        let neighbours = Neighbours::new(Arc::clone(&store));
        let tickets = || Tickets::new(Arc::clone(&store), clock.clone());
        let [one, same] = [(); 2].map(|()| tickets().beside(&neighbours));
        assert_eq!((one.node(), same.node()), (neighbours.node(), neighbours.node()));
        let address = one.issue(SessionId([1; 16]), challenge("https://news.test")).await.unwrap();
        let secret = address.split_once("?ticket=").unwrap().1;
        assert_eq!(same.redeem(secret).await.unwrap().session, SessionId([1; 16]));
        let address = one.issue(SessionId([1; 16]), challenge("https://news.test")).await.unwrap();
        let secret = address.split_once("?ticket=").unwrap().1;
        assert!(matches!(tickets().redeem(secret).await, Err(Unredeemed::OtherNode(_))), "of another node");
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
