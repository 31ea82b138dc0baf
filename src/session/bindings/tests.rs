use std::net::SocketAddr;

use super::*;
use crate::identity::network::{self, Spans};
use crate::identity::{Networks, User};
use crate::seal::fingerprint;
use crate::session::store::memory::Memory;
use crate::session::{AssertionFacts, Ending, Place, names};

fn user(name: &str) -> User {
    User::named("contoso", name)
}

/// A client on `office` (10.1.0.0/16, several behind one address), on `lab` (10.2.0.0/16), or elsewhere.
fn at(address: &str) -> Peer {
    let config = |name: &str, prefix: &str| network::Config {
        name: name.into(),
        addresses: vec![prefix.parse().unwrap()],
        sign_in: network::SignIn::Required,
        shared: true,
        address: None,
        address_idle: SignedDuration::from_mins(30),
        address_lifetime: SignedDuration::from_hours(10),
        one_address: true,
        one_address_after: SignedDuration::ZERO,
        unidentified: network::Unidentified::Allow,
        guest: false,
        time_zone: None,
        tokens: true,
        lifetime: None,
        idle: None,
    };
    let networks = Networks::new(&[config("office", "10.1.0.0/16"), config("lab", "10.2.0.0/16")]);
    let client = SocketAddr::new(address.parse().unwrap(), 40_000);
    Peer::new(client, "proxy", Arc::clone(networks.of(client.ip())))
}

struct Node {
    sessions: Arc<Sessions>,
    bindings: Bindings,
}

struct Stage {
    clock: Clock,
    store: Arc<Memory>,
}

impl Stage {
    fn new() -> Self {
        let clock = Clock::by_hand(Timestamp::UNIX_EPOCH);
        clock.advance(SignedDuration::from_hours(1));
        Self { store: Arc::new(Memory::new(1000, clock.clone())), clock }
    }

    fn node(&self) -> Node {
        self.node_with(Config { domain: Some("proxy.example.com".into()), ..Config::default() })
    }

    fn node_with(&self, config: Config) -> Node {
        let store: Arc<dyn Store> = Arc::clone(&self.store) as _;
        let settings = super::super::Config { lifetime: SignedDuration::from_hours(365 * 24), ..Default::default() };
        let sessions = Arc::new(Sessions::new(settings, Arc::clone(&store), self.clock.clone()));
        Node { bindings: Bindings::new(config, Arc::clone(&sessions), store, self.clock.clone()), sessions }
    }
}

impl Node {
    async fn sign_in(&self, name: &str) -> Arc<Session> {
        let client = "10.1.0.1".parse().unwrap();
        let begun = self.sessions.begin(user(name), client, "", AssertionFacts::default(), Spans::default());
        begun.await.unwrap().session
    }

    async fn who(&self, label: &str, address: &str) -> Option<String> {
        let (evidence, peer) = (Evidence::Name(label), at(address));
        let session = match self.bindings.find(evidence, &peer) {
            Sight::Session(session, shown) => Some((session, shown)),
            Sight::Nobody => None,
            Sight::Unclear => self.bindings.recall(evidence, &peer).await,
        };
        session.map(|(session, shown)| {
            assert!(label.starts_with(&*shown) && shown.len() == 10, "{shown}");
            session.user.name.clone()
        })
    }

    async fn bind(&self, label: &str, address: &str, session: &Session) -> Result<(), Unbound> {
        self.bindings.bind(Evidence::Name(label), &at(address), session, None).await.unwrap()
    }

    /// The same in a browser that has shown to have held another session before.
    async fn bind_after(&self, before: SessionId, label: &str, session: &Session) -> Result<(), Unbound> {
        self.bindings.bind(Evidence::Name(label), &at(OFFICE), session, Some(before)).await.unwrap()
    }
}

const OFFICE: &str = "10.1.7.7";
const LAB: &str = "10.2.7.7";

#[tokio::test]
async fn a_shared_name_stands_for_whoever_signs_in_over_it_and_for_nobody_else_afterwards() {
    let stage = Stage::new();
    let node = stage.node();
    let (alice, bob) = (node.sign_in("alice").await, node.sign_in("bob").await);
    let label = names::unbound();
    assert_eq!(node.who(&label, OFFICE).await, None);
    assert_eq!(node.bind(&label, OFFICE, &alice).await, Ok(()));
    assert_eq!(node.who(&label, OFFICE).await.as_deref(), Some("alice"));
    // From where it is not good, nobody can spoil it; where it is, two people at once make it nobody's.
    assert_eq!(node.bind(&label, LAB, &bob).await, Err(Unbound::OtherPerson));
    assert_eq!(node.who(&label, OFFICE).await.as_deref(), Some("alice"));
    let spoiled = names::unbound();
    node.bind(&spoiled, OFFICE, &alice).await.unwrap();
    assert_eq!(node.bind(&spoiled, OFFICE, &bob).await, Err(Unbound::OtherPerson));
    assert_eq!(node.who(&spoiled, OFFICE).await, None, "neither hers nor his");
    assert_eq!(node.bind(&spoiled, OFFICE, &alice).await, Err(Unbound::Revoked));
    let other = names::unbound();
    node.bind(&other, OFFICE, &bob).await.unwrap();
    assert_eq!(node.who(&other, OFFICE).await.as_deref(), Some("bob"), "from the same address");
    assert!(matches!(node.bindings.find(Evidence::Name(&label), &at(OFFICE)), Sight::Session(..)), "at hand");
}

#[tokio::test]
async fn a_name_ends_with_its_session_until_the_same_person_signs_in_over_it_again() {
    let stage = Stage::new();
    let node = stage.node();
    let alice = node.sign_in("alice").await;
    let label = names::unbound();
    node.bind(&label, OFFICE, &alice).await.unwrap();
    node.sessions.end(alice.id, Ending::SignedOut).await;
    assert_eq!(node.who(&label, OFFICE).await, None);
    let bob = node.sign_in("bob").await;
    assert_eq!(node.bind(&label, OFFICE, &bob).await, Err(Unbound::OtherPerson));
    let again = node.sign_in("alice").await;
    assert_eq!(node.who(&label, OFFICE).await, None, "signing in elsewhere is not enough");
    node.bind(&label, OFFICE, &again).await.unwrap();
    assert_eq!(node.who(&label, OFFICE).await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn a_shared_name_goes_to_the_next_person_in_the_browser_whose_session_it_stood_for_and_to_nobody_else() {
    let stage = Stage::new();
    let (node, other) = (stage.node(), stage.node());
    let (alice, bob, mallory) = (node.sign_in("alice").await, node.sign_in("bob").await, node.sign_in("mallory").await);
    let label = names::unbound();
    node.bind(&label, OFFICE, &alice).await.unwrap();
    // While it is in use, nothing that is shown takes it over.
    let used = names::unbound();
    node.bind(&used, OFFICE, &alice).await.unwrap();
    assert_eq!(node.bind_after(alice.id, &used, &mallory).await, Err(Unbound::OtherPerson), "alice is signed in");
    assert_eq!(node.bind_after(mallory.id, &used, &mallory).await, Err(Unbound::Revoked));
    assert_eq!(node.who(&used, OFFICE).await, None);
    node.sessions.end(alice.id, Ending::SignedOut).await;
    // Who has read the name on the wire has it for nothing, also after a sign-out of his own.
    assert_eq!(node.bind(&label, OFFICE, &mallory).await, Err(Unbound::OtherPerson));
    node.sessions.end(mallory.id, Ending::SignedOut).await;
    let again = node.sign_in("mallory").await;
    assert_eq!(node.bind_after(mallory.id, &label, &again).await, Err(Unbound::OtherPerson));
    assert_eq!(other.bind_after(alice.id, &label, &bob).await, Ok(()), "in alice's browser, on any node");
    node.bindings.forget(Kind::Name, fingerprint(&label));
    for at in [&node, &other] {
        assert_eq!(at.who(&label, OFFICE).await.as_deref(), Some("bob"));
    }
    assert_eq!(node.bind_after(alice.id, &label, &again).await, Err(Unbound::OtherPerson), "once");
    // A device of somebody's own never changes hands.
    let issued = node.bindings.issue(&bob, "phone").await.unwrap();
    let own = node.bindings.label_of(&issued.secret).await.unwrap();
    node.who(&own, OFFICE).await;
    node.sessions.end(bob.id, Ending::SignedOut).await;
    assert_eq!(node.bind_after(bob.id, &own, &again).await, Err(Unbound::OtherPerson));
}

#[tokio::test]
async fn a_device_stands_for_its_person_at_once_and_is_good_where_it_is_used_first() {
    let stage = Stage::new();
    let node = stage.node();
    let (alice, bob) = (node.sign_in("alice").await, node.sign_in("bob").await);
    let issued = node.bindings.issue(&alice, " My\nlaptop ").await.unwrap();
    let label = node.bindings.label_of(&issued.secret).await.unwrap();
    assert!(label.starts_with("d-"));
    assert_eq!(node.bindings.label_of("another").await, None);
    assert_eq!(node.who(&label, OFFICE).await.as_deref(), Some("alice"));
    assert_eq!(node.who(&label, LAB).await, None, "another network");
    assert_eq!(node.bind(&label, LAB, &bob).await, Err(Unbound::OtherPerson));
    assert_eq!(node.who(&label, LAB).await, None);
    node.bind(&label, LAB, &alice).await.unwrap();
    assert_eq!(node.who(&label, LAB).await.as_deref(), Some("alice"));
    assert_eq!(node.who(&label, OFFICE).await.as_deref(), Some("alice"), "a named network stays");
    let devices = node.bindings.devices(&alice.user).await.unwrap();
    assert_eq!(devices.len(), 1);
    assert_eq!((devices[0].title.as_str(), devices[0].is_signed_in), ("Mylaptop", true));
    assert_eq!(devices[0].places, [Place::Network("office".into()), Place::Network("lab".into())]);
    assert_eq!(devices[0].last_used, Some(stage.clock.now()));
    assert!(node.bindings.devices(&bob.user).await.unwrap().is_empty());
}

#[tokio::test]
async fn elsewhere_a_name_is_good_beside_the_address_of_the_last_sign_in_only() {
    let stage = Stage::new();
    let node = stage.node();
    let alice = node.sign_in("alice").await;
    let label = names::unbound();
    node.bind(&label, "192.0.2.7", &alice).await.unwrap();
    for (address, who) in
        [("192.0.2.200", Some("alice")), ("192.0.3.7", None), (OFFICE, None), ("::ffff:192.0.2.9", Some("alice"))]
    {
        assert_eq!(node.who(&label, address).await.as_deref(), who, "{address}");
    }
    node.bind(&label, OFFICE, &alice).await.unwrap();
    node.bind(&label, "2001:db8:1:2::7", &alice).await.unwrap();
    for (address, who) in
        [("192.0.2.7", None), (OFFICE, Some("alice")), ("2001:db8:1:ffff::1", Some("alice")), ("2001:db8:2::1", None)]
    {
        assert_eq!(node.who(&label, address).await.as_deref(), who, "{address}");
    }
    let free = stage.node_with(Config { bind_network: false, ..Config::default() });
    assert_eq!(free.who(&label, "203.0.113.1").await.as_deref(), Some("alice"), "not bound to a network");
}

#[tokio::test]
async fn a_revoked_device_stands_for_nobody_whoever_signs_in() {
    let stage = Stage::new();
    let node = stage.node();
    let (alice, bob) = (node.sign_in("alice").await, node.sign_in("bob").await);
    let issued = node.bindings.issue(&alice, "phone").await.unwrap();
    let label = node.bindings.label_of(&issued.secret).await.unwrap();
    assert_eq!(node.bindings.revoke(&bob.user, issued.id).await, Ok(None), "not bob's");
    assert_eq!(node.who(&label, OFFICE).await.as_deref(), Some("alice"));
    assert_eq!(node.bindings.revoke(&alice.user, issued.id).await, Ok(Some("phone".into())));
    assert_eq!(node.who(&label, OFFICE).await, None);
    assert_eq!(node.bind(&label, OFFICE, &alice).await, Err(Unbound::Revoked));
    assert_eq!(node.bindings.label_of(&issued.secret).await, None);
    assert!(node.bindings.devices(&alice.user).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_device_that_is_issued_again_has_another_address_and_another_name() {
    let stage = Stage::new();
    let node = stage.node();
    let alice = node.sign_in("alice").await;
    let first = node.bindings.issue(&alice, "phone").await.unwrap();
    let second = node.bindings.reissue(&alice, first.id).await.unwrap().unwrap();
    assert_eq!(node.bindings.label_of(&first.secret).await, None);
    let label = node.bindings.label_of(&second.secret).await.unwrap();
    assert_eq!(node.who(&label, LAB).await.as_deref(), Some("alice"));
    let devices = node.bindings.devices(&alice.user).await.unwrap();
    assert_eq!(devices.iter().map(|device| (device.id, &*device.title)).collect::<Vec<_>>(), [(second.id, "phone")]);
    assert!(node.bindings.reissue(&alice, first.id).await.unwrap().is_none(), "revoked before");
}

#[tokio::test]
async fn devices_follow_their_person_to_the_session_that_replaces_theirs() {
    let stage = Stage::new();
    let node = stage.node();
    let (alice, bob) = (node.sign_in("alice").await, node.sign_in("bob").await);
    let phone = names::of_secret(&node.bindings.issue(&alice, "phone").await.unwrap().secret);
    let other = node.sign_in("alice").await;
    let tablet = names::of_secret(&node.bindings.issue(&other, "tablet").await.unwrap().secret);
    let again = node.sign_in("alice").await;
    node.bindings.carry_over(alice.id, &bob).await.unwrap();
    node.bindings.carry_over(alice.id, &again).await.unwrap();
    node.sessions.end(alice.id, Ending::Replaced).await;
    assert_eq!(node.who(&phone, OFFICE).await.as_deref(), Some("alice"));
    node.sessions.end(other.id, Ending::SignedOut).await;
    assert_eq!(node.who(&tablet, OFFICE).await, None, "another browser's");
}

#[tokio::test]
async fn a_device_ends_unless_its_person_signs_in_on_it_and_nobody_else_can_take_it_over() {
    let stage = Stage::new();
    let node = stage.node();
    let alice = node.sign_in("alice").await;
    let days = |days: i64| SignedDuration::from_hours(days * 24);
    let [kept, left] =
        [node.bindings.issue(&alice, "a").await.unwrap(), node.bindings.issue(&alice, "b").await.unwrap()];
    let [kept, left] = [&kept.secret, &left.secret].map(|secret| names::of_secret(secret));
    stage.clock.advance(days(60));
    node.bind(&kept, OFFICE, &alice).await.unwrap();
    assert_eq!(node.who(&left, OFFICE).await.as_deref(), Some("alice"));
    stage.clock.advance(days(40));
    assert_eq!(node.who(&kept, OFFICE).await.as_deref(), Some("alice"));
    assert_eq!(node.who(&left, OFFICE).await, None);
    assert_eq!(node.bind(&left, OFFICE, &alice).await, Err(Unbound::Unknown));
    assert_eq!(node.bindings.devices(&alice.user).await.unwrap().len(), 1);
    let never_made = names::of_secret("guessed");
    assert_eq!(node.bind(&never_made, OFFICE, &alice).await, Err(Unbound::Unknown));
}

#[tokio::test]
async fn a_shared_name_is_forgotten_when_nobody_uses_it_and_kept_when_somebody_does() {
    let stage = Stage::new();
    let node = stage.node();
    let alice = node.sign_in("alice").await;
    let label = names::unbound();
    node.bind(&label, OFFICE, &alice).await.unwrap();
    for day in 0..6 {
        assert_eq!(node.who(&label, OFFICE).await.as_deref(), Some("alice"), "day {day}");
        node.bindings.upkeep().await;
        stage.clock.advance(SignedDuration::from_hours(24));
    }
    stage.clock.advance(SignedDuration::from_hours(50));
    assert_eq!(node.who(&label, OFFICE).await, None);
    let other = stage.node();
    assert_eq!(other.who(&label, OFFICE).await, None, "the store has forgotten it, too");
    assert!(stage.store.peek(Kind::Name, fingerprint(&label)).await.unwrap().is_none());
}

#[tokio::test]
async fn a_person_has_so_many_devices() {
    let stage = Stage::new();
    let node = stage.node_with(Config { max_per_person: 2, ..Config::default() });
    let alice = node.sign_in("alice").await;
    let first = node.bindings.issue(&alice, "a").await.unwrap();
    node.bindings.issue(&alice, "b").await.unwrap();
    assert_eq!(node.bindings.issue(&alice, "c").await.unwrap_err(), Error::Full);
    assert_eq!(node.bindings.devices(&alice.user).await.unwrap().len(), 2);
    node.bindings.revoke(&alice.user, first.id).await.unwrap();
    assert!(node.bindings.issue(&alice, "c").await.is_ok());
    let bob = node.sign_in("bob").await;
    assert!(node.bindings.issue(&bob, "a").await.is_ok(), "another person's count is their own");
}

#[tokio::test]
async fn of_two_people_who_sign_in_over_one_name_at_the_same_time_one_has_it_at_the_most() {
    let stage = Stage::new();
    let [here, there] = [stage.node(), stage.node()].map(Arc::new);
    let (alice, bob) = (here.sign_in("alice").await, there.sign_in("bob").await);
    for _ in 0..20 {
        let label = names::unbound();
        let (first, second) = tokio::join!(here.bind(&label, OFFICE, &alice), there.bind(&label, OFFICE, &bob));
        assert_ne!(first, second);
        let owner = if first.is_ok() { "alice" } else { "bob" };
        for node in [&here, &there, &Arc::new(stage.node())] {
            let known = node.who(&label, OFFICE).await;
            assert!(known.is_none() || known.as_deref() == Some(owner), "{known:?}");
        }
    }
}

#[tokio::test]
async fn another_node_knows_what_was_bound_here_and_forgets_what_was_changed_here() {
    let stage = Stage::new();
    let (here, there) = (stage.node(), stage.node());
    let alice = here.sign_in("alice").await;
    let issued = here.bindings.issue(&alice, "phone").await.unwrap();
    let label = names::of_secret(&issued.secret);
    assert_eq!(there.who(&label, OFFICE).await.as_deref(), Some("alice"));
    here.bindings.revoke(&alice.user, issued.id).await.unwrap();
    // What the stream of a shared store says.
    there.bindings.forget(Kind::Name, issued.id.0);
    assert_eq!(there.who(&label, OFFICE).await, None);
}

#[tokio::test]
async fn a_certificate_is_bound_as_a_name_is() {
    let stage = Stage::new();
    let node = stage.node();
    let (alice, bob) = (node.sign_in("alice").await, node.sign_in("bob").await);
    let (evidence, peer) = (Evidence::Certificate(&[7; 32]), at(OFFICE));
    assert!(node.bindings.recall(evidence, &peer).await.is_none());
    assert!(matches!(node.bindings.find(evidence, &peer), Sight::Nobody), "the store is not asked at once again");
    assert_eq!(node.bindings.bind(evidence, &peer, &alice, None).await, Ok(Ok(())));
    let Sight::Session(session, shown) = node.bindings.find(evidence, &peer) else { panic!("not found") };
    assert_eq!((session.user.name.as_str(), &*shown), ("alice", "0707070707070707"));
    assert_eq!(node.bindings.bind(evidence, &peer, &bob, None).await, Ok(Err(Unbound::OtherPerson)));
    assert!(node.bindings.find(evidence, &peer).session().is_none(), "two people have the key: it names neither");
    assert!(node.bindings.find(Evidence::Certificate(&[8; 32]), &peer).session().is_none());
}

#[tokio::test]
async fn a_sign_in_binds_all_that_its_connection_has_shown() {
    let stage = Stage::new();
    let node = stage.node();
    let alice = node.sign_in("alice").await;
    let label = names::unbound();
    let server_name = Some(format!("{label}.proxy.example.com").into());
    let handshake = Handshake { server_name, certificate: Some([9; 32]) };
    let peer = Peer { tls: Some(Arc::new(handshake.clone())), ..at(OFFICE) };
    let evidence: Vec<_> = node.bindings.evidence(&handshake).collect();
    assert!(matches!(evidence[..], [Evidence::Certificate(_), Evidence::Name(_)]));
    node.bindings.bind_all(&peer, &alice).await;
    for evidence in evidence {
        assert_eq!(node.bindings.find(evidence, &peer).session().unwrap().id, alice.id);
    }
    let plain = Handshake { server_name: Some("proxy.example.com".into()), certificate: None };
    assert_eq!(node.bindings.evidence(&plain).count(), 0);
}

#[test]
fn evidence_does_not_show_itself() {
    let label = names::unbound();
    assert!(!format!("{:?}", Evidence::Name(&label)).contains(label.trim_start_matches("s-")));
}
