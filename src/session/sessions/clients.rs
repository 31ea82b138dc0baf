//! Which session a client's address stands for, on this node and on the others, and which one a whole connection.

use std::net::IpAddr;
use std::sync::Arc;

use super::Sessions;
use crate::clock::{SignedDuration, Timestamp, after};
use crate::identity::network::Lapse;
use crate::session::address::{self, Binding, InUse};
use crate::session::near::Mark;
use crate::session::neighbours::Word;
use crate::session::store::{Error, Kind};
use crate::session::{Session, SessionId, person};
use crate::wire::Peer;

/// Attempts to bind an address that others are binding at the same time.
const ATTEMPTS: usize = 4;

impl Sessions {
    /// The live session that a client address stands for, if both are in memory. Finding it counts as using both.
    pub fn find_by_client(&self, client: IpAddr) -> Option<Arc<Session>> {
        let now = self.clock.now();
        self.find_at(self.by_client.find(client, now)?, now)
    }

    /// The live session that a client address stands for, wherever it is kept.
    pub async fn recall_by_client(&self, client: IpAddr) -> Option<Arc<Session>> {
        let now = self.clock.now();
        let ask = || async move {
            let found = self.store.peek(Kind::Address, address::key(client)).await?;
            Ok::<_, Error>(found.and_then(|record| serde_json::from_slice(&record).ok()))
        };
        let is_settled = |_: &_| self.by_client.is_settled(client, now).then_some(());
        self.by_client.near.read(client, is_settled, ask).await.ok()?;
        let Some(id) = self.by_client.find(client, now) else {
            self.by_client.near.set_absent(client);
            return None;
        };
        self.recall(id).await
    }

    /// Keeps `client` in use for as long as the caller holds what this gives: for a tunnel that was asked for from
    /// there.
    pub fn hold_client(&self, client: IpAddr) -> Option<InUse> {
        self.by_client.hold(client)
    }

    /// Lets the address of `peer` stand for `session` from now on, if its network lets addresses stand for people. Only
    /// the portal may call this, when its own cookie, or a sign-in, has just come from that address. False if the
    /// address does not stand for the session: its network does not allow it, or too many people share the address.
    pub async fn bind_client(&self, peer: &Peer, session: &Session) -> bool {
        let (network, client) = (&peer.network, peer.client.ip().to_canonical());
        if !network.address {
            return false;
        }
        let is_bound = self.bind_address(client, session, network.lapse).await;
        if is_bound && network.lapse.one_address {
            self.leave_others(client, &network.name, session, network.lapse.pause).await;
        }
        is_bound
    }

    /// The same, unless the address stands for the session already: for every request that comes with a session.
    pub async fn bind_new_client(&self, peer: &Peer, session: &Session) {
        let (lapse, now) = (peer.network.lapse, self.clock.now());
        // A binding that has nine tenths of its time left is not renewed, so that not every page writes to the store.
        let most = lapse.lifetime.checked_mul(9).and_then(|span| span.checked_div(10)).unwrap_or(SignedDuration::ZERO);
        let client = peer.client.ip().to_canonical();
        if !self.by_client.stands_since(client, session.id, after(now, most), now) {
            self.bind_client(peer, session).await;
        }
    }

    /// Lets the whole connection of `peer` stand for `session` from now on, if the other end of it is one browser. Only
    /// the portal may call this, when its own cookie, or a sign-in, has just come over that connection.
    ///
    /// If two people with live sessions turn out to use it, some program between them and us carries both: it stands
    /// for nobody from then on.
    pub async fn prove_connection(&self, peer: &Peer, session: &Session) {
        let Some(proof) = &peer.proof else { return };
        let before = proof.session().map(SessionId::from).filter(|before| *before != session.id);
        let other = match before {
            Some(before) => self.recall(before).await.filter(|other| !other.is_of_same_person(session)),
            None => None,
        };
        if let Some(other) = other {
            let (client, user, other) = (peer.client.ip(), &session.user.name, &other.user.name);
            tracing::warn!(%client, user, other, "one client connection carries two people, so it stands for neither from now on: is there another proxy between them and this one?");
            return proof.spoil();
        }
        proof.set(session.id.into());
    }

    async fn bind_address(&self, client: IpAddr, session: &Session, lapse: Lapse) -> bool {
        let now = self.clock.now();
        for _ in 0..ATTEMPTS {
            let mark = self.by_client.near.mark(client);
            let seen = match self.store.peek(Kind::Address, address::key(client)).await {
                Ok(seen) => seen,
                // The store does not answer: this node binds by what it knows itself.
                Err(_) => {
                    let mut binding = self.by_client.binding(client).unwrap_or_default();
                    let is_bound = binding.bind(session.id, person(&session.user), now, lapse);
                    return self.bound(client, session, is_bound, binding, mark);
                }
            };
            let known = seen.as_deref().and_then(|record| serde_json::from_slice::<Binding>(record).ok());
            let mut binding = known.unwrap_or_default();
            let before = binding.clone();
            let is_bound = binding.bind(session.id, person(&session.user), now, lapse);
            if binding == before {
                return self.bound(client, session, is_bound, binding, mark);
            }
            let (record, expires) =
                (serde_json::to_vec(&binding).unwrap_or_default(), binding.expires(session.expires, now));
            match self.store.swap(Kind::Address, address::key(client), seen, record, expires).await {
                Ok(false) => {}
                Ok(true) => {
                    let bound = self.bound(client, session, is_bound, binding, mark);
                    // The other nodes must not take whoever is there now for the person who was there before.
                    self.neighbours.tell(&Word::Address(client)).await;
                    return bound;
                }
                Err(_) => return self.bound(client, session, is_bound, binding, mark),
            }
        }
        false
    }

    /// Notes the result of binding an address.
    fn bound(&self, client: IpAddr, session: &Session, is_bound: bool, binding: Binding, mark: Mark) -> bool {
        if !is_bound && binding.session.is_none() && self.by_client.find(client, self.clock.now()).is_some() {
            tracing::warn!(%client, "a client address stands for nobody for some minutes: too many people sign in on it; each is known by a cookie or by something stronger");
        }
        self.by_client.near.change(client, binding, mark);
        // The session may have ended between the lookup and the binding, and the binding must not outlive it.
        if session.is_over(self.clock.now()) {
            self.by_client.unbind(client, session.id);
        }
        is_bound
    }

    /// The person of `session` is at `client` now. The address of the same network where they were before stands for
    /// nobody from now on, or from the end of the next `pause` in its traffic.
    async fn leave_others(&self, client: IpAddr, network: &str, session: &Session, pause: SignedDuration) {
        let place = address::key_of_person(person(&session.user), network, client);
        let Ok(seen) = self.store.peek(Kind::Address, place).await else { return };
        let before: Option<(IpAddr, SessionId)> = seen.and_then(|record| serde_json::from_slice(&record).ok());
        if before == Some((client, session.id)) {
            return;
        }
        let record = serde_json::to_vec(&(client, session.id)).unwrap_or_default();
        if self.store.put(Kind::Address, place, record, session.expires).await.is_err() {
            return;
        }
        if let Some((address, bound)) = before.filter(|(address, _)| *address != client) {
            self.leave(address, bound, pause).await;
        }
    }

    /// Lets an address go that its person has left, if it still stands for this session.
    async fn leave(&self, client: IpAddr, session: SessionId, pause: SignedDuration) {
        let now = self.clock.now();
        let mark = self.by_client.near.mark(client);
        let mut used = self.by_client.last_use(client, now);
        let mut left = None;
        let leave = |binding: &mut Binding| {
            if self.store.is_shared() {
                // Other nodes may know of a use that they have not told the store yet.
                used = used.max(binding.used_on_others());
            }
            let has_left = binding.leave(session, used, pause, now);
            left = has_left.then(|| binding.clone());
            has_left
        };
        if self.edit_binding(client, now, leave).await
            && let Some(binding) = left
        {
            let stands = binding.session.is_some();
            self.by_client.near.change(client, binding, mark);
            self.neighbours.tell(&Word::Address(client)).await;
            tracing::debug!(%client, session = %session.short(), stands, "a client address is left, because its person is at another one; `stands` says whether it goes on for a pause");
        }
    }

    /// Tells the store which addresses are used, so that they go on standing for their people after a restart and on
    /// other nodes. Must be called every few seconds.
    pub async fn upkeep_clients(&self) {
        let now = self.clock.now();
        for (client, session, used) in self.by_client.untold(now) {
            let note = |binding: &mut Binding| {
                let is_same = binding.session == Some(session);
                if is_same {
                    binding.use_at(used);
                }
                is_same
            };
            self.edit_binding(client, now, note).await;
        }
    }

    /// Changes what the store knows of an address, unless `edit` gives false. True if it was changed. If somebody else
    /// changes it at the same time, theirs stays.
    async fn edit_binding(&self, client: IpAddr, now: Timestamp, edit: impl FnOnce(&mut Binding) -> bool) -> bool {
        let Ok(seen) = self.store.peek(Kind::Address, address::key(client)).await else { return false };
        let known = seen.as_deref().and_then(|record| serde_json::from_slice::<Binding>(record).ok());
        let Some(mut binding) = known else { return false };
        if !edit(&mut binding) {
            return false;
        }
        let record = serde_json::to_vec(&binding).unwrap_or_default();
        let expires = binding.expires(Timestamp::MAX, now);
        self.store.swap(Kind::Address, address::key(client), seen, record, expires).await == Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::identity::network::{Config as Network, Spans};
    use crate::identity::{Networks, User};
    use crate::session::store::Store;
    use crate::session::store::memory::Memory;
    use crate::session::{AssertionFacts, Config};

    /// Somebody at this address of a network with these options.
    fn at(address: &str, options: &str) -> Peer {
        let text =
            format!("name = 'office'\naddresses = ['192.0.2.0/24', '198.51.100.0/24', '2001:db8::/32']\n{options}");
        let network: Network = toml::from_str(&text).unwrap();
        let lab: Network = toml::from_str("name = 'lab'\naddresses = ['203.0.113.0/24']").unwrap();
        let client: IpAddr = address.parse().unwrap();
        Peer::new((client, 40_000).into(), "proxy", Arc::clone(Networks::new(&[network, lab]).of(client)))
    }

    fn nodes() -> ([Sessions; 2], Clock) {
        let clock = Clock::by_hand(Timestamp::UNIX_EPOCH);
        let store: Arc<dyn Store> = Arc::new(Memory::new(1000, clock.clone()));
        ([(); 2].map(|()| Sessions::new(Config::default(), Arc::clone(&store), clock.clone())), clock)
    }

    async fn sign_in(sessions: &Sessions, name: &str) -> Arc<Session> {
        let user = User::named("contoso", name);
        let client = "192.0.2.7".parse().unwrap();
        sessions.begin(user, client, "", AssertionFacts::default(), Spans::default()).await.unwrap().session
    }

    async fn who(sessions: &Sessions, address: &str) -> Option<String> {
        let client = address.parse().unwrap();
        let session = match sessions.find_by_client(client) {
            Some(session) => Some(session),
            None => sessions.recall_by_client(client).await,
        };
        session.map(|session| session.user.name.clone())
    }

    const DESK: &str = "192.0.2.7";

    #[tokio::test]
    async fn traffic_on_another_node_and_a_restart_keep_an_address_to_a_few_minutes() {
        let ([here, there], clock) = nodes();
        let alice = sign_in(&here, "alice").await;
        assert!(here.bind_client(&at(DESK, ""), &alice).await);
        assert_eq!(who(&here, DESK).await.as_deref(), Some("alice"));
        for _ in 0..3 {
            clock.advance(SignedDuration::from_mins(20));
            assert_eq!(who(&there, DESK).await.as_deref(), Some("alice"), "it is used there");
            there.upkeep_clients().await;
        }
        assert_eq!(who(&here, DESK).await.as_deref(), Some("alice"), "an hour after its last use here");
        clock.advance(SignedDuration::from_mins(29));
        assert_eq!(who(&here, DESK).await.as_deref(), Some("alice"));
        here.upkeep_clients().await;
        let restarted = Sessions::new(Config::default(), Arc::clone(&here.store), clock.clone());
        clock.advance(SignedDuration::from_mins(29));
        assert_eq!(who(&restarted, DESK).await.as_deref(), Some("alice"));
        clock.advance(SignedDuration::from_mins(31));
        for node in [&here, &there, &restarted] {
            assert_eq!(who(node, DESK).await, None, "nobody has used it for half an hour");
        }
        assert!(alice.ended().is_cancelled() || here.recall(alice.id).await.is_some(), "she is still signed in");
        here.bind_new_client(&at(DESK, ""), &alice).await;
        assert_eq!(who(&here, DESK).await.as_deref(), Some("alice"), "the portal has seen her there again");
    }

    #[tokio::test]
    async fn an_address_lapses_after_a_working_day_however_much_it_is_used() {
        let ([here, _], clock) = nodes();
        let alice = sign_in(&here, "alice").await;
        here.bind_client(&at(DESK, "address_lifetime = '2h'"), &alice).await;
        for minutes in (0..120).step_by(20) {
            assert_eq!(who(&here, DESK).await.as_deref(), Some("alice"), "{minutes}");
            clock.advance(SignedDuration::from_mins(20));
        }
        assert_eq!(who(&here, DESK).await, None);
    }

    /// The address of her phone.
    const PHONE: &str = "192.0.2.9";

    #[tokio::test]
    async fn two_devices_that_are_both_in_use_keep_their_addresses_where_the_operator_wants_that() {
        let ([here, there], clock) = nodes();
        let after = "one_address_after = '5m'";
        let (computer, phone) = (sign_in(&here, "alice").await, sign_in(&here, "alice").await);
        here.bind_client(&at(DESK, after), &computer).await;
        // By turns, for longer than either pause.
        for minute in 0..20 {
            let (device, session) = if minute % 2 == 0 { (PHONE, &phone) } else { (DESK, &computer) };
            here.bind_new_client(&at(device, after), session).await;
            for address in [DESK, PHONE] {
                assert_eq!(who(&here, address).await.as_deref(), Some("alice"), "{address} after {minute} minutes");
                assert_eq!(who(&there, address).await.as_deref(), Some("alice"), "{address} on another node");
            }
            clock.advance(SignedDuration::from_mins(1));
        }
    }

    #[tokio::test]
    async fn an_address_that_its_person_has_left_stands_for_nobody_after_the_pause() {
        let ([here, there], clock) = nodes();
        let after = "one_address_after = '5m'";
        let (computer, phone) = (sign_in(&here, "alice").await, sign_in(&here, "alice").await);
        here.bind_client(&at(DESK, after), &computer).await;
        clock.advance(SignedDuration::from_mins(3));
        here.bind_client(&at(PHONE, after), &phone).await;
        clock.advance(SignedDuration::from_mins(4));
        assert_eq!(who(&here, DESK).await.as_deref(), Some("alice"), "a request from there counts");
        clock.advance(SignedDuration::from_mins(5));
        for node in [&here, &there] {
            assert_eq!(who(node, DESK).await, None, "whoever has the address now is somebody else");
        }
        // It had been quiet for longer than that when she was seen elsewhere.
        here.bind_client(&at(DESK, after), &computer).await;
        assert_eq!(who(&here, DESK).await.as_deref(), Some("alice"));
        clock.advance(SignedDuration::from_mins(20));
        here.bind_client(&at(PHONE, after), &phone).await;
        assert_eq!(who(&here, DESK).await, None);
        // Without a pause it is at once, however much it is used.
        here.bind_client(&at(DESK, ""), &computer).await;
        assert_eq!(who(&here, DESK).await.as_deref(), Some("alice"));
        let _tunnel = here.hold_client(DESK.parse().unwrap());
        here.bind_client(&at(PHONE, ""), &phone).await;
        assert_eq!(who(&here, DESK).await, None);
    }

    #[tokio::test]
    async fn an_address_stands_for_nobody_once_its_person_is_at_another_one_of_the_network() {
        let ([here, there], _) = nodes();
        let (alice, bob) = (sign_in(&here, "alice").await, sign_in(&here, "bob").await);
        here.bind_client(&at(DESK, ""), &alice).await;
        here.bind_client(&at("192.0.2.8", ""), &bob).await;
        // Another network, and another family, which a device may use by turns.
        here.bind_client(&at("203.0.113.7", ""), &alice).await;
        here.bind_client(&at("2001:db8::7", ""), &alice).await;
        assert_eq!(who(&there, DESK).await.as_deref(), Some("alice"));
        // She signs in on her laptop, in the meeting room.
        let laptop = sign_in(&there, "alice").await;
        there.bind_client(&at("198.51.100.7", ""), &laptop).await;
        for (address, wanted) in [
            (DESK, None),
            ("198.51.100.7", Some("alice")),
            ("192.0.2.8", Some("bob")),
            ("203.0.113.7", Some("alice")),
            ("2001:db8::7", Some("alice")),
        ] {
            assert_eq!(who(&there, address).await.as_deref(), wanted, "{address}");
        }
        // What the stream of a shared store says.
        here.forget_client(DESK.parse().unwrap());
        assert_eq!(who(&here, DESK).await, None);
        // Somebody else is at the desk by now: that is not undone.
        here.bind_client(&at("198.51.100.7", ""), &bob).await;
        there.forget_client("198.51.100.7".parse().unwrap());
        there.bind_client(&at(DESK, ""), &laptop).await;
        assert_eq!(who(&there, "198.51.100.7").await.as_deref(), Some("bob"));
        assert_eq!(who(&there, DESK).await.as_deref(), Some("alice"));
        // Where people use several devices at once.
        let several = "one_address = false";
        there.bind_client(&at("192.0.2.9", several), &laptop).await;
        assert_eq!(who(&there, DESK).await.as_deref(), Some("alice"));
        assert!(!there.bind_client(&at("192.0.2.10", "shared = true"), &laptop).await);
        assert_eq!(who(&there, "192.0.2.10").await, None);
    }
}
