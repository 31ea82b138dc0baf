use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::AtomicI64;

use super::*;
use crate::clock::{SignedDuration, Timestamp};
use crate::identity::network::Spans;
use crate::policy::Pass;
use crate::session::near::Table as _;
use crate::session::store::memory::Memory;
use crate::session::store::{Answer, Key, Kind};
use crate::session::{Tokens, tool};

fn user(name: &str) -> User {
    User::named("contoso", name)
}

const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

/// Somebody on a network where an address may stand for a person.
fn at(client: IpAddr) -> crate::wire::Peer {
    let text = "name = 'office'\naddresses = ['192.0.2.0/24', '2001:db8::/32']";
    let network: crate::identity::network::Config = toml::from_str(text).unwrap();
    let networks = crate::identity::Networks::new(&[network]);
    crate::wire::Peer::new((client, 40_000).into(), "proxy", Arc::clone(networks.of(client)))
}

fn sessions(max: usize) -> (Sessions, Clock) {
    configured(Config { max, ..Config::default() })
}

fn configured(config: Config) -> (Sessions, Clock) {
    let clock = Clock::by_hand(Timestamp::UNIX_EPOCH);
    let store = Arc::new(Memory::new(1000, clock.clone()));
    (Sessions::new(config, store, clock.clone()), clock)
}

async fn begin(sessions: &Sessions, name: &str) -> (Arc<Session>, String) {
    let begun = sessions.begin(user(name), HOME, "curl", AssertionFacts::default(), Spans::default()).await.unwrap();
    (begun.session, begun.secret)
}

#[tokio::test]
async fn a_session_is_found_by_its_secret_for_thirty_days() {
    let (sessions, clock) = sessions(10);
    let (session, secret) = begin(&sessions, "bsimon").await;
    assert_eq!(sessions.find(SessionId::of_secret(&secret)).unwrap().id, session.id);
    assert!(sessions.find(SessionId::of_secret("another")).is_none());
    clock.advance(SignedDuration::from_hours(30 * 24) - SignedDuration::from_secs(1));
    assert!(sessions.find(SessionId::of_secret(&secret)).is_some());
    clock.advance(SignedDuration::from_secs(1));
    assert!(sessions.find(SessionId::of_secret(&secret)).is_none());
    assert!(session.ended().is_cancelled(), "what runs on its behalf is told");
    assert_eq!(sessions.at_hand(), 0);
}

#[tokio::test]
async fn the_identity_provider_can_end_a_session_earlier_but_not_later() {
    let (sessions, clock) = sessions(10);
    let until = |hours| AssertionFacts {
        not_on_or_after: Some(after(clock.now(), SignedDuration::from_hours(hours))),
        ..AssertionFacts::default()
    };
    let short = sessions.begin(user("bsimon"), HOME, "", until(1), Spans::default()).await.unwrap().session;
    assert_eq!(short.expires.as_second(), 3600);
    let long = sessions.begin(user("bsimon"), HOME, "", until(24 * 365), Spans::default()).await.unwrap().session;
    assert_eq!(long.expires.as_second(), 30 * 86_400);
}

#[tokio::test]
async fn ending_a_session_is_seen_at_once_by_every_way_to_it() {
    let (sessions, _) = sessions(10);
    let (session, secret) = begin(&sessions, "bsimon").await;
    let (other, _) = begin(&sessions, "bsimon").await;
    sessions.bind_client(&at(HOME), &session).await;
    assert_eq!(sessions.find_by_client(HOME).unwrap().id, session.id);
    assert!(sessions.end(session.id, Ending::SignedOut).await.was_there);
    assert!(session.ended().is_cancelled());
    assert!(sessions.find(SessionId::of_secret(&secret)).is_none());
    assert!(sessions.find_by_client(HOME).is_none());
    assert_eq!(sessions.of_user(&other.user).await.len(), 1);
    assert!(!sessions.end(session.id, Ending::SignedOut).await.was_there, "only once");
    sessions.bind_client(&at(HOME), &session).await;
    assert!(sessions.find_by_client(HOME).is_none(), "an ended session is not bound again");
}

#[tokio::test]
async fn one_person_has_so_many_sessions_and_the_oldest_make_room() {
    let (sessions, clock) = sessions(1000);
    let (other, _) = begin(&sessions, "alexw").await;
    let (first, _) = begin(&sessions, "bsimon").await;
    for _ in 0..100 {
        clock.advance(SignedDuration::from_secs(1));
        begin(&sessions, "bsimon").await;
    }
    assert_eq!(sessions.of_user(&first.user).await.len(), 100);
    assert!(first.ended().is_cancelled());
    assert!(!other.ended().is_cancelled());
}

#[tokio::test]
async fn the_number_of_sessions_is_bounded_and_expired_ones_make_room() {
    let (sessions, clock) = sessions(2);
    for _ in 0..2 {
        begin(&sessions, "alexw").await;
    }
    assert!(sessions.begin(user("alexw"), HOME, "", AssertionFacts::default(), Spans::default()).await.is_err());
    clock.advance(SignedDuration::from_hours(31 * 24));
    assert!(sessions.begin(user("alexw"), HOME, "", AssertionFacts::default(), Spans::default()).await.is_ok());
    assert_eq!(sessions.count(), 1);
}

#[tokio::test]
async fn somebody_with_too_many_sessions_can_be_refused_instead() {
    let (sessions, _) = configured(Config { max_per_person: 2, crowded: Crowded::Refuse, ..Config::default() });
    let (first, _) = begin(&sessions, "bsimon").await;
    begin(&sessions, "bsimon").await;
    let third = sessions.begin(user("bsimon"), HOME, "", AssertionFacts::default(), Spans::default()).await;
    assert_eq!(third.unwrap_err(), Error::Full);
    assert!(!first.ended().is_cancelled());
    begin(&sessions, "alexw").await;
}

#[tokio::test]
async fn a_session_that_goes_unused_is_over_and_a_network_can_say_when() {
    let (sessions, clock) = configured(Config { idle: Some(SignedDuration::from_hours(2)), ..Config::default() });
    let hours = SignedDuration::from_hours;
    let (used, _) = begin(&sessions, "alexw").await;
    let (unused, _) = begin(&sessions, "bsimon").await;
    let spans = Spans { lifetime: Some(hours(5)), idle: Some(hours(4)) };
    let guest = sessions.begin(user("guest"), HOME, "", AssertionFacts::default(), spans).await.unwrap().session;
    clock.advance(SignedDuration::from_mins(90));
    assert!(sessions.find(used.id).is_some());
    clock.advance(SignedDuration::from_mins(60));
    assert!(sessions.find(used.id).is_some());
    assert!(sessions.find(unused.id).is_none());
    assert!(sessions.recall(unused.id).await.is_none());
    assert!(unused.ended().is_cancelled());
    assert!(sessions.find(guest.id).is_some(), "its network allows more");
    clock.advance(SignedDuration::from_mins(151));
    assert!(sessions.find(guest.id).is_none() && guest.ended().is_cancelled(), "its network allows five hours");
    // Whoever is not looked for is found over, too.
    clock.advance(hours(1));
    sessions.upkeep().await;
    assert!(used.ended().is_cancelled());
    assert_eq!(sessions.at_hand(), 0);
}

#[tokio::test]
async fn a_use_is_told_to_the_store_once_a_minute_and_counts_on_other_nodes() {
    let clock = Clock::by_hand(Timestamp::UNIX_EPOCH);
    let store: Arc<dyn Store> = Arc::new(Memory::new(1000, clock.clone()));
    let config = Config { idle: Some(SignedDuration::from_mins(10)), ..Config::default() };
    let [here, there] = [(); 2].map(|()| Sessions::new(config.clone(), Arc::clone(&store), clock.clone()));
    let (session, secret) = begin(&here, "bsimon").await;
    let stored = async || Session::of_row(&store.find(session.id.0).await.unwrap().unwrap()).unwrap().last_used();
    clock.advance(SignedDuration::from_secs(59));
    here.find(session.id).unwrap();
    here.upkeep().await;
    assert_eq!(stored().await.as_second(), 0, "not each second");
    clock.advance(SignedDuration::from_secs(1));
    here.find(session.id).unwrap();
    here.upkeep().await;
    assert_eq!(stored().await.as_second(), 60);
    // Used there from now on, and not here.
    for _ in 0..5 {
        assert_eq!(there.recall(SessionId::of_secret(&secret)).await.unwrap().id, session.id);
        there.upkeep().await;
        clock.advance(SignedDuration::from_mins(4));
    }
    assert!(here.find(session.id).is_none(), "unused here for long");
    here.upkeep().await;
    assert!(!session.ended().is_cancelled(), "but used there");
    assert!(here.recall(session.id).await.is_some());
}

#[tokio::test]
async fn the_sessions_at_hand_are_bounded_and_those_that_make_room_are_found_again() {
    let (sessions, clock) = configured(Config { cache: 10, ..Config::default() });
    let mut secrets = Vec::new();
    let busy = begin(&sessions, "busy").await.1;
    for number in 0..50 {
        clock.advance(SignedDuration::from_secs(1));
        secrets.push(begin(&sessions, &number.to_string()).await.1);
        assert!(sessions.find(SessionId::of_secret(&busy)).is_some(), "who is always there makes no room: {number}");
        assert!(sessions.at_hand() <= 10, "{}", sessions.at_hand());
    }
    assert_eq!(sessions.count(), 51);
    for (number, secret) in secrets.iter().enumerate() {
        let found = sessions.recall(SessionId::of_secret(secret)).await.unwrap();
        assert_eq!(found.user.id, number.to_string());
    }
    assert!(sessions.at_hand() <= 10);
}

#[tokio::test]
async fn memory_bounds_the_sessions_at_hand_too() {
    let (sessions, _) = configured(Config { cache_memory: crate::units::Size::kib(8), ..Config::default() });
    for number in 0..50 {
        begin(&sessions, &number.to_string()).await;
    }
    assert!((2..20).contains(&sessions.at_hand()), "{}", sessions.at_hand());
    assert_eq!(sessions.count(), 50);
}

#[tokio::test]
async fn whoever_waits_for_the_end_of_a_session_hears_of_it_wherever_it_is_kept() {
    let (sessions, clock) = configured(Config { cache: 3, ..Config::default() });
    let (session, _) = begin(&sessions, "bsimon").await;
    let (id, tunnel) = (session.id, session.ended().clone());
    drop(session);
    let crowd = async || {
        for number in 0..10 {
            clock.advance(SignedDuration::from_secs(1));
            begin(&sessions, &number.to_string()).await;
        }
    };
    crowd().await;
    assert!(sessions.find(id).is_none(), "it has made room");
    assert!(!tunnel.is_cancelled(), "and is not over by that");
    // Found again, and gone again: it is one and the same.
    let second = sessions.recall(id).await.unwrap().ended().clone();
    crowd().await;
    assert!(sessions.find(id).is_none());
    assert!(sessions.end(id, Ending::SignedOut).await.was_there);
    assert!(tunnel.is_cancelled() && second.is_cancelled());
    assert!(sessions.recall(id).await.is_none());
}

#[tokio::test]
async fn one_client_does_not_use_up_the_ends_that_nobody_can_check() {
    let clock = Clock::by_hand(Timestamp::UNIX_EPOCH);
    let store = Arc::new(Gone::over(&Arc::new(Memory::new(1000, clock.clone()))));
    let sessions = Sessions::new(Config::default(), Arc::clone(&store) as Arc<dyn Store>, clock.clone());
    let (session, _) = begin(&sessions, "bsimon").await;
    clock.advance(SignedDuration::from_secs(1));
    store.away.store(1, Ordering::Relaxed);
    let end = async |id: SessionId, client: String| sessions.end_unseen(id, client.parse().unwrap()).await;
    let mut taken = 0;
    for number in 0..300 {
        let invented = SessionId::of_secret(&number.to_string());
        taken += usize::from(end(invented, format!("2001:db8::{number}")).await.is_some());
    }
    assert_eq!(taken, 200, "all addresses of a network are one client");
    let invented = SessionId::of_secret("another");
    assert!(end(invented, "2001:db8:0:1::1".into()).await.is_some(), "others have their own");
    // Who is known here is signed out whatever others behind the same address have done.
    assert!(end(session.id, "2001:db8::1".into()).await.is_some());
    assert!(sessions.find(session.id).is_none());
}

#[tokio::test]
async fn whoever_begins_to_wait_when_its_person_has_proven_anew_who_they_are_hears_of_the_end() {
    let (sessions, clock) = configured(Config { cache: 3, ..Config::default() });
    let (before, _) = begin(&sessions, "bsimon").await;
    let id = before.id;
    let after = sessions.prove(id, AssertionFacts::default()).await.unwrap().unwrap();
    assert!(!Arc::ptr_eq(&before, &after), "it has taken the other one's place");
    let tunnel = before.ended().clone();
    drop((before, after));
    for number in 0..10 {
        clock.advance(SignedDuration::from_secs(1));
        begin(&sessions, &number.to_string()).await;
    }
    assert!(sessions.find(id).is_none(), "it has made room");
    sessions.end(id, Ending::SignedOut).await;
    assert!(tunnel.is_cancelled());
}

#[tokio::test]
async fn those_who_are_known_go_on_without_the_store_for_so_long_and_no_longer() {
    let clock = Clock::by_hand(Timestamp::UNIX_EPOCH);
    let store = Arc::new(Gone::over(&Arc::new(Memory::new(1000, clock.clone()))));
    let config = Config { offline: Offline::DefaultRule, ..Config::default() };
    let sessions = Sessions::new(config, Arc::clone(&store) as Arc<dyn Store>, clock.clone());
    let (session, _) = begin(&sessions, "bsimon").await;
    clock.advance(SignedDuration::from_secs(1));
    store.away.store(1, Ordering::Relaxed);
    let refused = sessions.begin(user("alexw"), HOME, "", AssertionFacts::default(), Spans::default()).await;
    assert_eq!(refused.unwrap_err(), Error::Away);
    clock.advance(SignedDuration::from_hours(12) - SignedDuration::from_secs(2));
    sessions.upkeep().await;
    assert!(sessions.find(session.id).is_some() && sessions.offline().is_none());
    clock.advance(SignedDuration::from_secs(2));
    sessions.upkeep().await;
    assert!(sessions.find(session.id).is_none());
    assert_eq!(sessions.offline(), Some(Offline::DefaultRule));
    // An end that could not be told is told when the store is back.
    assert!(sessions.end(session.id, Ending::SignedOut).await.was_there, "it has ended here");
    store.away.store(0, Ordering::Relaxed);
    assert!(store.find(session.id.0).await.unwrap().is_some());
    sessions.upkeep().await;
    assert_eq!(store.find(session.id.0).await, Ok(None));
    assert_eq!(sessions.offline(), None);
}

#[tokio::test]
async fn a_new_proof_of_who_somebody_is_counts_on_every_node_and_ends_nothing() {
    let clock = Clock::by_hand(Timestamp::from_second(100_000).unwrap());
    let store: Arc<dyn Store> = Arc::new(Gone::over(&Arc::new(Memory::new(1000, clock.clone()))));
    let [here, there, later] = [(); 3].map(|()| Sessions::new(Config::default(), Arc::clone(&store), clock.clone()));
    let at = |seconds| Timestamp::from_second(100_000 + seconds).unwrap();
    let facts = |seconds: i64, index: &str| AssertionFacts {
        session_index: Some(index.into()),
        authenticated: Some(at(seconds)),
        ..AssertionFacts::default()
    };
    let begun = here.begin(user("bsimon"), HOME, "", facts(-500, "first"), Spans::default()).await.unwrap();
    let (id, waits) = (begun.session.id, begun.session.ended().clone());
    assert_eq!(begun.session.authenticated, at(-500), "with single sign-on it was before");
    assert_eq!(there.recall(id).await.unwrap().authenticated, at(-500));
    assert!(there.reread(id).await.is_none(), "nobody knows of a younger one");
    clock.advance(SignedDuration::from_secs(60));
    let proven = here.prove(id, facts(50, "second")).await.unwrap().unwrap();
    assert_eq!((proven.authenticated, proven.started), (at(50), begun.session.started));
    assert_eq!(here.find(id).unwrap().assertion.session_index.as_deref(), Some("second"), "for single logout");
    assert_eq!(there.reread(id).await.unwrap().authenticated, at(50));
    assert_eq!(there.find(id).unwrap().authenticated, at(50));
    assert_eq!(later.recall(id).await.unwrap().assertion, proven.assertion, "it is kept");
    let future = here.prove(id, facts(90, "third")).await.unwrap().unwrap();
    assert_eq!(future.authenticated, at(60), "a clock that is ahead makes nobody's proof younger");
    assert!(!waits.is_cancelled());
    here.end(id, Ending::SignedOut).await;
    assert!(waits.is_cancelled(), "whoever waited since before hears of the end");
    assert!(here.prove(id, facts(60, "late")).await.unwrap().is_none());
}

#[tokio::test]
async fn what_happened_while_the_store_was_away_is_caught_up_with() {
    let clock = Clock::by_hand(Timestamp::UNIX_EPOCH);
    let shared = Arc::new(Memory::new(1000, clock.clone()));
    let stores = [(); 2].map(|()| Arc::new(Gone::over(&shared)));
    let [here, there] = [0, 1].map(|node: usize| {
        Sessions::new(Config::default(), Arc::clone(&stores[node]) as Arc<dyn Store>, clock.clone())
    });
    let (ended, _) = begin(&here, "bsimon").await;
    let (goes_on, _) = begin(&here, "alexw").await;
    for session in [&ended, &goes_on] {
        there.recall(session.id).await.unwrap();
    }
    let waits = there.find(ended.id).unwrap().ended().clone();
    stores[1].away.store(1, Ordering::Relaxed);
    assert!(here.end(ended.id, Ending::SignedOut).await.was_there);
    assert!(there.recall(ended.id).await.is_some(), "nobody could tell");
    stores[1].away.store(0, Ordering::Relaxed);
    there.reconcile().await;
    assert!(there.recall(ended.id).await.is_none() && waits.is_cancelled(), "it is applied now");
    assert!(there.find(goes_on.id).is_some());
    // A store that has lost everything gets back what is known, and no more.
    let empty = Arc::new(Gone::over(&Arc::new(Memory::new(1000, clock.clone()))));
    let elsewhere = Sessions::new(Config::default(), Arc::clone(&empty) as Arc<dyn Store>, clock.clone());
    elsewhere.take_in(Session::of_row(&goes_on.row()).unwrap(), 0).unwrap();
    elsewhere.reconcile().await;
    let kept = empty.list(None, 10).await.unwrap();
    assert_eq!(kept.iter().map(|row| row.id).collect::<Vec<_>>(), [goes_on.id.0]);
}

fn facts(name: &str) -> AssertionFacts {
    AssertionFacts { name_id: Some(name.into()), ..AssertionFacts::default() }
}

#[tokio::test]
async fn the_sessions_that_a_name_means_are_found_and_what_leads_to_them_proves_nothing() {
    let clock = Clock::by_hand(Timestamp::UNIX_EPOCH);
    let store = Arc::new(Gone::over(&Arc::new(Memory::new(1000, clock.clone()))));
    let [here, there] =
        [(); 2].map(|()| Sessions::new(Config::default(), Arc::clone(&store) as Arc<dyn Store>, clock.clone()));
    let begin = async |person: &str, name: &str| {
        there.begin(user(person), HOME, "", facts(name), Spans::default()).await.unwrap().session
    };
    let (one, two, other) = (begin("b", "B.Simon").await, begin("b", "B.Simon").await, begin("a", "AlexW").await);
    let (guest, _) = self::begin(&there, "guest").await;
    let found = async |realm: &str, name: &str| {
        let mut ids: Vec<_> = here.named(realm, &name.into()).await.unwrap().iter().map(|session| session.id).collect();
        ids.sort_unstable();
        ids
    };
    let both = || {
        let mut both = [one.id, two.id];
        both.sort_unstable();
        both
    };
    assert_eq!(found("contoso", "B.Simon").await, both(), "on whatever node they were begun");
    assert_eq!(found("fabrikam", "B.Simon").await, []);
    assert_eq!(found("contoso", "b.simon").await, []);
    assert_eq!(found("contoso", "").await, [], "no name names nobody");
    // Whoever can write the store lets a name lead to somebody else.
    for session in [&other, &guest] {
        store.renew(vec![Row { name: one.row().name, ..session.row() }]).await.unwrap();
    }
    assert_eq!(store.of_name(one.row().name.unwrap()).await.unwrap().len(), 4);
    assert_eq!(found("contoso", "B.Simon").await, both());
    // Whoever proves anew who they are may be called otherwise.
    there.prove(two.id, facts("Simon")).await.unwrap().unwrap();
    assert_eq!((found("contoso", "B.Simon").await, found("contoso", "Simon").await), (vec![one.id], vec![two.id]));
    there.end(one.id, Ending::SignedOut).await;
    assert_eq!(found("contoso", "B.Simon").await, []);
    assert_eq!(store.listed.load(Ordering::Relaxed), 0, "nobody reads all sessions for that");
    store.away.store(1, Ordering::Relaxed);
    assert_eq!(here.named("contoso", &"Simon".into()).await.map(drop), Err(Error::Away));
}

#[tokio::test]
async fn sessions_that_an_older_version_has_kept_are_found_by_name_and_are_named_as_it_goes() {
    let clock = Clock::by_hand(Timestamp::UNIX_EPOCH);
    let store = Arc::new(Memory::new(10_000, clock.clone()));
    let [older, here] =
        [(); 2].map(|()| Sessions::new(Config::default(), Arc::clone(&store) as Arc<dyn Store>, clock.clone()));
    let mut wanted = Vec::new();
    for number in 0..2500 {
        let name = if number % 1000 == 7 { "B.Simon" } else { "AlexW" };
        let begun = older.begin(user(&number.to_string()), HOME, "", facts(name), Spans::default()).await.unwrap();
        let row = begun.session.row();
        // As if it had never been named.
        store.end(row.clone()).await.unwrap();
        store.take(Kind::Ended, row.id).await.unwrap();
        store.keep(Row { name: None, ..row }).await.unwrap();
        if name == "B.Simon" {
            wanted.push(begun.session.id);
        }
    }
    wanted.sort_unstable();
    assert_eq!(store.unnamed(None, 10_000).await.unwrap().len(), 2500);
    for (node, left) in [(&here, 2500), (&older, 0), (&here, 0)] {
        let mut found: Vec<_> = node.named("contoso", &"B.Simon".into()).await.unwrap();
        found.sort_by_key(|session| session.id);
        assert_eq!(found.iter().map(|session| session.id).collect::<Vec<_>>(), wanted, "{left}");
        assert_eq!(store.unnamed(None, 10_000).await.unwrap().len(), left, "by whoever has them at hand");
    }
    assert_eq!(store.of_name(here.recall(wanted[0]).await.unwrap().row().name.unwrap()).await.unwrap().len(), 3);
}

/// Two nodes that share a store; the second one's is far.
fn far() -> (Arc<Sessions>, Arc<Sessions>, Arc<Gone>) {
    let clock = Clock::by_hand(Timestamp::UNIX_EPOCH);
    let shared = Arc::new(Memory::new(1000, clock.clone()));
    let (near, far) = (Arc::new(Gone::over(&shared)), Arc::new(Gone::over(&shared)));
    let node = |store: &Arc<Gone>| {
        let store = Arc::clone(store) as Arc<dyn Store>;
        Arc::new(Sessions::new(Config::default(), store, clock.clone()))
    };
    (node(&near), node(&far), far)
}

#[tokio::test]
async fn what_other_addresses_stand_for_may_change_while_one_is_looked_up() {
    let (near, far, link) = far();
    let (session, _) = begin(&near, "bsimon").await;
    near.bind_client(&at(HOME), &session).await;
    for changes in [1, 100] {
        far.forget_client(HOME);
        let node = Arc::clone(&far);
        link.meanwhile(move || {
            for last in 0..changes {
                node.forget_client(IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, last)));
            }
        });
        assert_eq!(far.recall_by_client(HOME).await.unwrap().id, session.id, "{changes}");
    }
}

#[tokio::test]
async fn an_address_that_changes_hands_while_it_is_looked_up_is_looked_up_again() {
    let (near, far, link) = far();
    let (first, _) = begin(&near, "bsimon").await;
    let (second, _) = begin(&near, "alexw").await;
    near.bind_client(&at(HOME), &first).await;
    let (here, there) = (Arc::clone(&near), Arc::clone(&far));
    let successor = Arc::clone(&second);
    link.meanwhile(move || {
        // The store is memory: nothing is waited for.
        assert!(futures_now(here.bind_client(&at(HOME), &successor)));
        there.forget_client(HOME);
    });
    assert_eq!(far.recall_by_client(HOME).await.unwrap().id, second.id, "never who was there before");
    assert_eq!(link.peeked.load(Ordering::Relaxed), 2);
    // On the very node as well: what is bound here overtakes what is being read here.
    far.forget_client(HOME);
    let node = Arc::clone(&far);
    link.meanwhile(move || assert!(futures_now(node.bind_client(&at(HOME), &first))));
    assert_eq!(far.recall_by_client(HOME).await.unwrap().user.id, "bsimon");
    assert_eq!(far.find_by_client(HOME).unwrap().user.id, "bsimon", "nor is it noted");
    // One that never stands still is nobody's, and is not asked for without an end.
    far.forget_client(HOME);
    let before = link.peeked.load(Ordering::Relaxed);
    for _ in 0..100 {
        let node = Arc::clone(&far);
        link.meanwhile(move || node.forget_client(HOME));
    }
    assert!(far.recall_by_client(HOME).await.is_none());
    assert!(link.peeked.load(Ordering::Relaxed) - before < 10);
}

#[tokio::test]
async fn a_session_that_other_nodes_know_better_is_read_again() {
    let (near, far, link) = far();
    let (session, _) = begin(&near, "bsimon").await;
    let row = session.row();
    futures_now(link.inner.end(row.clone())).unwrap();
    futures_now(link.inner.take(Kind::Ended, row.id)).unwrap();
    // The store had lost it, and another node puts it back just then.
    let (store, node) = (Arc::clone(&link.inner), Arc::clone(&far));
    link.meanwhile(move || {
        assert_eq!(futures_now(store.keep(row)), Ok(true));
        node.near.forget_all();
    });
    assert_eq!(far.recall(session.id).await.unwrap().id, session.id, "not unknown for a minute");
}

#[tokio::test]
async fn what_is_read_again_of_a_session_in_memory_replaces_what_is_older_and_ends_nothing() {
    let (near, far, link) = far();
    let (session, _) = begin(&near, "bsimon").await;
    let end = far.recall(session.id).await.unwrap().ended().clone();
    let old = session.row();
    near.clock.advance(SignedDuration::from_mins(1));
    let now = near.clock.now();
    let facts = AssertionFacts { authenticated: Some(now), ..AssertionFacts::default() };
    near.prove(session.id, facts).await.unwrap().unwrap();
    let new = link.inner.find(session.id.0).await.unwrap().unwrap();
    let note = |row: &Row| far.near.known().note(session.id, (Session::of_row(row).unwrap(), now)).unwrap();
    assert!(note(&old).authenticated < now);
    assert_eq!(note(&new).authenticated, now);
    assert_eq!(note(&old).authenticated, now, "an old answer that comes late");
    far.near.forget(session.id);
    assert_eq!(far.recall(session.id).await.unwrap().authenticated, now);
    assert!(!end.is_cancelled(), "somebody waits for it still");
    far.end(session.id, Ending::SignedOut).await;
    assert!(end.is_cancelled());
}

#[tokio::test]
async fn whoever_is_known_is_asked_after_when_the_store_is_back_before_they_go_on() {
    let (near, far, link) = far();
    let (ended, _) = begin(&near, "bsimon").await;
    let (goes_on, _) = begin(&near, "alexw").await;
    for session in [&ended, &goes_on] {
        far.recall(session.id).await.unwrap();
    }
    link.away.store(1, Ordering::Relaxed);
    assert_eq!(near.end(ended.id, Ending::SignedOut).await.held, Held::Everywhere);
    assert!(far.find(ended.id).is_some(), "nobody can tell a node that hears nothing: grace");
    link.away.store(0, Ordering::Relaxed);
    far.returned();
    // Nothing has been reconciled yet.
    assert!(far.find(ended.id).is_none() && far.recall(ended.id).await.is_none());
    assert!(far.find(goes_on.id).is_none(), "asked after once");
    assert!(far.recall(goes_on.id).await.is_some() && far.find(goes_on.id).is_some());
    // Away again before it could be asked: grace again.
    far.returned();
    link.away.store(1, Ordering::Relaxed);
    assert!(far.recall(goes_on.id).await.is_some());
}

#[tokio::test]
async fn an_end_that_the_store_was_not_told_of_holds_after_a_restart_and_is_told_then() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), Clock::by_hand(Timestamp::UNIX_EPOCH));
    let shared = Arc::new(Memory::new(1000, clock.clone()));
    let store = Arc::new(Gone::over(&shared));
    let node = || {
        let attestor = Arc::new(crate::session::store::attested::Attestor::new(&[1; 32], &[]));
        let ends = Arc::new(Ends::open(folder.path(), attestor, clock.clone()));
        Sessions::new(Config::default(), Arc::clone(&store) as Arc<dyn Store>, clock.clone()).keeping(ends)
    };
    let elsewhere = Sessions::new(Config::default(), Arc::clone(&shared) as Arc<dyn Store>, clock.clone());
    let (session, terminal, unseen, other) = {
        let here = node();
        let (session, _) = begin(&here, "bsimon").await;
        let (terminal, _) = elsewhere.begin_tool(tool(&session, tool::Kind::Terminal, 1)).await.unwrap();
        let (unseen, _) = begin(&elsewhere, "bsimon").await;
        let (other, _) = begin(&elsewhere, "alexw").await;
        store.away.store(1, Ordering::Relaxed);
        assert_eq!(here.end(session.id, Ending::SignedOut).await, Ended { was_there: true, held: Held::Here });
        // By its identifier alone: nobody can look at it.
        assert_eq!(here.end(unseen.id, Ending::SignedOut).await, Ended { was_there: false, held: Held::Here });
        (session.id, terminal.id, unseen.id, other.id)
    };
    // As a crash would leave it: the store is as it was.
    store.away.store(0, Ordering::Relaxed);
    let here = node();
    assert!(here.recall(session).await.is_none() && here.recall(unseen).await.is_none(), "before the store is told");
    assert!(here.recall(other).await.is_some());
    assert!(store.find(session.0).await.unwrap().is_some());
    here.settle(false).await;
    for id in [session, unseen, terminal] {
        assert_eq!(store.find(id.0).await, Ok(None), "what was approved in it ends with it");
    }
    // The store loses what it has confirmed, and gets the session back from an old copy of it.
    futures_now(shared.take(Kind::Ended, session.0)).unwrap();
    drop(here);
    let again = node();
    assert!(again.ends.list(false).is_empty() && again.ends.list(true).len() == 2, "the store has them");
    again.settle(true).await;
    assert!(store.peek(Kind::Ended, session.0).await.unwrap().is_some(), "told once more");
}

#[tokio::test]
async fn all_sessions_of_a_person_end_although_nobody_can_list_them() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), Clock::by_hand(Timestamp::UNIX_EPOCH));
    let shared = Arc::new(Memory::new(1000, clock.clone()));
    let store = Arc::new(Gone::over(&shared));
    let attestor = Arc::new(crate::session::store::attested::Attestor::new(&[1; 32], &[]));
    let ends = Arc::new(Ends::open(folder.path(), attestor, clock.clone()));
    let here = Sessions::new(Config::default(), Arc::clone(&store) as Arc<dyn Store>, clock.clone()).keeping(ends);
    let elsewhere = Sessions::new(Config::default(), Arc::clone(&shared) as Arc<dyn Store>, clock.clone());
    let (own, _) = begin(&here, "bsimon").await;
    let (unseen, _) = begin(&elsewhere, "bsimon").await;
    store.away.store(1, Ordering::Relaxed);
    assert_eq!(here.end_all(&own.user, Ending::SignedOut).await, Held::Here);
    clock.advance(SignedDuration::from_secs(1));
    let (later, _) = begin(&elsewhere, "bsimon").await;
    store.away.store(0, Ordering::Relaxed);
    assert!(here.recall(unseen.id).await.is_none(), "not even before the store is told");
    assert!(here.recall(later.id).await.is_some(), "what began after it goes on");
    here.settle(false).await;
    assert_eq!(store.find(unseen.id.0).await, Ok(None));
    assert!(store.find(later.id.0).await.unwrap().is_some());
    // Where nothing takes it, that is said.
    let (near, fleeting, link) = far();
    let (session, _) = begin(&near, "bsimon").await;
    fleeting.recall(session.id).await.unwrap();
    link.away.store(1, Ordering::Relaxed);
    assert_eq!(fleeting.end_all(&session.user, Ending::SignedOut).await, Held::Fleeting);
}

/// What a future gives that waits for nothing.
fn futures_now<T>(future: impl Future<Output = T>) -> T {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("it waits"),
    }
}

/// A store that can be away, or far.
struct Gone {
    inner: Arc<Memory>,
    /// Since when, in seconds; 0 while it is there.
    away: AtomicI64,
    /// What happens while one answer after the other is on its way.
    meanwhile: Mutex<VecDeque<Box<dyn FnOnce() + Send>>>,
    /// How often it was asked for a record.
    peeked: AtomicI64,
    /// How often it was asked for all sessions.
    listed: AtomicI64,
    /// What happens while the next sync is on its way.
    synced: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl std::fmt::Debug for Gone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Gone")
    }
}

impl Gone {
    fn over(inner: &Arc<Memory>) -> Self {
        Self {
            inner: Arc::clone(inner),
            away: AtomicI64::new(0),
            meanwhile: Mutex::default(),
            peeked: AtomicI64::new(0),
            listed: AtomicI64::new(0),
            synced: Mutex::default(),
        }
    }

    fn or<'a, T: Send + 'a>(&self, answer: Answer<'a, T>) -> Answer<'a, T> {
        if self.away.load(Ordering::Relaxed) == 0 { answer } else { Box::pin(async { Err(Error::Away) }) }
    }

    fn meanwhile(&self, happens: impl FnOnce() + Send + 'static) {
        self.meanwhile.lock().unwrap().push_back(Box::new(happens));
    }

    /// The answer has been made, and is on its way.
    fn passes(&self) {
        let next = self.meanwhile.lock().unwrap().pop_front();
        next.into_iter().for_each(|happens| happens());
    }
}

impl Store for Gone {
    fn put(&self, kind: Kind, key: Key, record: Vec<u8>, expires: Timestamp) -> Answer<'_, ()> {
        self.or(self.inner.put(kind, key, record, expires))
    }

    fn peek(&self, kind: Kind, key: Key) -> Answer<'_, Option<Vec<u8>>> {
        let answer = self.or(self.inner.peek(kind, key));
        self.peeked.fetch_add(1, Ordering::Relaxed);
        self.passes();
        answer
    }

    fn take(&self, kind: Kind, key: Key) -> Answer<'_, Option<Vec<u8>>> {
        self.or(self.inner.take(kind, key))
    }

    fn claim(&self, kind: Kind, key: Key, expires: Timestamp) -> Answer<'_, bool> {
        self.or(self.inner.claim(kind, key, expires))
    }

    fn swap(
        &self,
        kind: Kind,
        key: Key,
        seen: Option<Vec<u8>>,
        record: Vec<u8>,
        expires: Timestamp,
    ) -> Answer<'_, bool> {
        self.or(self.inner.swap(kind, key, seen, record, expires))
    }

    fn count(&self, key: Key, expires: Timestamp) -> Answer<'_, u64> {
        self.or(self.inner.count(key, expires))
    }

    fn keep(&self, row: Row) -> Answer<'_, bool> {
        if self.away.load(Ordering::Relaxed) == 0 { self.inner.keep(row) } else { Box::pin(async { Err(Error::Away) }) }
    }

    fn renew(&self, rows: Vec<Row>) -> Answer<'_, ()> {
        if self.away.load(Ordering::Relaxed) == 0 {
            self.inner.renew(rows)
        } else {
            Box::pin(async { Err(Error::Away) })
        }
    }

    fn find(&self, id: Key) -> Answer<'_, Option<Row>> {
        let answer = self.or(self.inner.find(id));
        self.passes();
        answer
    }

    fn of_person(&self, person: Key) -> Answer<'_, Vec<Row>> {
        self.or(self.inner.of_person(person))
    }

    fn of_name(&self, name: Key) -> Answer<'_, Vec<Row>> {
        self.or(self.inner.of_name(name))
    }

    fn unnamed(&self, after: Option<Key>, most: usize) -> Answer<'_, Vec<Row>> {
        self.or(self.inner.unnamed(after, most))
    }

    fn held_by(&self, person: Key) -> Answer<'_, usize> {
        self.or(self.inner.held_by(person))
    }

    fn list(&self, after: Option<Key>, most: usize) -> Answer<'_, Vec<Row>> {
        self.listed.fetch_add(1, Ordering::Relaxed);
        self.or(self.inner.list(after, most))
    }

    fn end(&self, row: Row) -> Answer<'_, bool> {
        if self.away.load(Ordering::Relaxed) == 0 { self.inner.end(row) } else { Box::pin(async { Err(Error::Away) }) }
    }

    fn sync(&self) -> Answer<'_, ()> {
        self.synced.lock().unwrap().take().into_iter().for_each(|happens| happens());
        self.or(self.inner.sync())
    }

    fn sessions(&self) -> usize {
        self.inner.sessions()
    }

    fn health(&self) -> Health {
        match self.away.load(Ordering::Relaxed) {
            0 => Health::Well,
            since => Health::Away { since: Timestamp::from_second(since).unwrap() },
        }
    }

    fn is_shared(&self) -> bool {
        true
    }
}

fn tool<'a>(maker: &'a Session, kind: tool::Kind, days: i64) -> NewTool<'a> {
    let scope = tool::scope::Scope::default();
    let lifetime = SignedDuration::from_hours(24 * days);
    NewTool { maker, name: "build\u{7} server", kind, scope, lifetime, client: HOME, user_agent: "curl/8.14.1" }
}

#[tokio::test]
async fn a_token_outlives_the_browser_that_made_it_and_a_terminal_does_not() {
    let (sessions, clock) = sessions(100);
    let (browser, _) = begin(&sessions, "bsimon").await;
    let (other, _) = begin(&sessions, "bsimon").await;
    let (personal, token) = sessions.begin_tool(tool(&browser, tool::Kind::Personal, 90)).await.unwrap();
    let (terminal, _) = sessions.begin_tool(tool(&browser, tool::Kind::Terminal, 90)).await.unwrap();
    let (others, _) = sessions.begin_tool(tool(&other, tool::Kind::Terminal, 1)).await.unwrap();
    assert_eq!(&*personal.tool.as_ref().unwrap().name, "build server");
    assert_eq!((personal.expires.as_second(), terminal.expires), (90 * 86_400, browser.expires));
    assert_eq!(sessions.find(SessionId::of_secret(token.expose())).unwrap().user.id, "bsimon");
    sessions.end(browser.id, Ending::SignedOut).await;
    assert!(!personal.ended().is_cancelled() && terminal.ended().is_cancelled() && !others.ended().is_cancelled());
    assert_eq!(sessions.fate(terminal.id).await, Ok(Fate::Ended));
    assert_eq!(sessions.fate(SessionId::of_secret("guess")).await, Ok(Fate::Unknown));
    // Its end is remembered for a while.
    clock.advance(SignedDuration::from_hours(24 * 90));
    assert!(sessions.find(personal.id).is_none() && sessions.recall(personal.id).await.is_none());
    assert_eq!(sessions.fate(personal.id).await, Ok(Fate::Expired));
    assert!(sessions.begin_tool(tool(&browser, tool::Kind::Personal, 1)).await.is_err(), "the browser is signed out");
    assert!(sessions.tools_of(&browser).await.is_empty());
}

#[tokio::test]
async fn tokens_are_counted_apart_from_browsers_and_terminals_make_room() {
    let tokens = Tokens { max_per_person: 2, ..Tokens::default() };
    let (sessions, clock) = configured(Config { max_per_person: 1, tokens, ..Config::default() });
    let (browser, _) = begin(&sessions, "bsimon").await;
    let mut terminals = Vec::new();
    for number in 0..4 {
        clock.advance(SignedDuration::from_secs(1));
        let personal = sessions.begin_tool(tool(&browser, tool::Kind::Personal, 90)).await;
        assert_eq!(personal.map(|_| ()), if number < 2 { Ok(()) } else { Err(Error::Full) });
        terminals.push(sessions.begin_tool(tool(&browser, tool::Kind::Terminal, 1)).await.unwrap().0);
    }
    let live: Vec<_> = terminals.iter().map(|terminal| !terminal.ended().is_cancelled()).collect();
    assert_eq!(live, [false, false, true, true]);
    assert_eq!(sessions.tools_of(&browser).await.len(), 4);
    assert!(!browser.ended().is_cancelled());
    begin(&sessions, "bsimon").await;
    assert!(browser.ended().is_cancelled(), "one browser");
}

#[tokio::test]
async fn a_token_is_kept_with_its_scope_and_its_last_use_and_older_rows_are_read() {
    let clock = Clock::by_hand(Timestamp::UNIX_EPOCH);
    let store: Arc<dyn Store> = Arc::new(Memory::new(1000, clock.clone()));
    let [here, there] = [(); 2].map(|()| Sessions::new(Config::default(), Arc::clone(&store), clock.clone()));
    let (browser, _) = begin(&here, "bsimon").await;
    let scope = tool::scope::Scope::parse("192.0.2.0/24", "pypi.org", &["office"]).unwrap();
    let new = NewTool { scope, ..tool(&browser, tool::Kind::Personal, 90) };
    let (session, token) = here.begin_tool(new).await.unwrap();
    assert_eq!(session.tool.as_ref().unwrap().last_client(), None, "never used");
    clock.advance(SignedDuration::from_secs(5));
    here.find(session.id).unwrap().note_use("::ffff:192.0.2.9".parse().unwrap());
    here.upkeep().await;
    let found = there.recall(SessionId::of_secret(token.expose())).await.unwrap();
    let kept = found.tool.as_ref().unwrap();
    assert_eq!((&*kept.name, kept.kind, kept.maker), ("build server", tool::Kind::Personal, browser.id));
    assert_eq!(
        (kept.scope.networks(), kept.scope.destinations()),
        (&["192.0.2.0/24".into()][..], &["pypi.org".into()][..])
    );
    assert_eq!((kept.last_client(), found.last_used().as_second()), (Some("192.0.2.9".parse().unwrap()), 5));
    let row = browser.row();
    assert!(!String::from_utf8_lossy(&row.content).contains("tool"), "a browser's row is as it was");
    assert!(Session::of_row(&row).unwrap().tool.is_none());
}

fn barrier(number: u128) -> crate::policy::BarrierKey {
    crate::policy::BarrierKey::parse(&format!("{number:032x}")).unwrap()
}

#[tokio::test]
async fn what_a_person_has_passed_counts_in_each_of_their_sessions_on_every_node_and_in_no_other() {
    let clock = Clock::by_hand(Timestamp::from_second(100_000).unwrap());
    let store: Arc<dyn Store> = Arc::new(Gone::over(&Arc::new(Memory::new(1000, clock.clone()))));
    let [here, there, later] = [(); 3].map(|()| Sessions::new(Config::default(), Arc::clone(&store), clock.clone()));
    let (session, _) = begin(&here, "bsimon").await;
    let (second, _) = begin(&there, "bsimon").await;
    let (other, _) = begin(&here, "alexw").await;
    let (token, _) = here.begin_tool(tool(&session, tool::Kind::Personal, 90)).await.unwrap();
    assert!(there.recall(session.id).await.unwrap().passes.is_empty());
    let pass = Pass { barrier: barrier(1), until: after(clock.now(), SignedDuration::from_hours(1)) };
    here.pass(&session, pass).await.unwrap();
    for id in [session.id, token.id] {
        assert_eq!(here.find(id).unwrap().passes, [pass]);
    }
    assert!(here.find(other.id).unwrap().passes.is_empty());
    // Another node has a session in memory, and is told, or asks when it would stop somebody.
    assert!(there.find(session.id).unwrap().passes.is_empty());
    assert_eq!(there.reread(session.id).await.unwrap().passes, [pass]);
    assert_eq!(there.reread(second.id).await.unwrap().passes, [pass]);
    assert!(there.reread(second.id).await.is_none(), "there is nothing more to know");
    assert_eq!(later.recall(second.id).await.unwrap().passes, [pass], "it is kept");
    // A session that begins later has passed nothing; a tool that is made in one has passed what that has.
    assert!(begin(&here, "bsimon").await.0.passes.is_empty());
    let maker = here.find(session.id).unwrap();
    assert_eq!(here.begin_tool(tool(&maker, tool::Kind::Terminal, 1)).await.unwrap().0.passes, [pass]);
    // Neither a proof nor a pass undoes the other.
    clock.advance(SignedDuration::from_secs(5));
    let proven =
        here.prove(session.id, AssertionFacts { authenticated: Some(clock.now()), ..AssertionFacts::default() });
    assert_eq!(proven.await.unwrap().unwrap().passes, [pass]);
    let more = Pass { barrier: barrier(2), until: after(clock.now(), SignedDuration::from_hours(2)) };
    there.pass(&there.find(session.id).unwrap(), more).await.unwrap();
    let caught_up = here.reread(session.id).await.unwrap();
    assert_eq!((caught_up.passes.as_slice(), caught_up.authenticated), (&[pass, more][..], clock.now()));
}

#[tokio::test]
async fn what_was_passed_is_bounded_forgotten_in_time_and_never_shortened() {
    let (sessions, clock) = sessions(10);
    let (session, _) = begin(&sessions, "bsimon").await;
    let until = |minutes| after(clock.now(), SignedDuration::from_mins(minutes));
    for number in 0..100_u32 {
        let pass = Pass { barrier: barrier(number.into()), until: until(10 + i64::from(number)) };
        sessions.pass(&session, pass).await.unwrap();
    }
    let held = sessions.find(session.id).unwrap();
    assert_eq!(held.passes.len(), crate::session::MAX_PASSES);
    assert!(held.passes.iter().all(|pass| pass.until > until(40)), "the first to end are forgotten first");
    sessions.pass(&session, Pass { barrier: barrier(99), until: until(1) }).await.unwrap();
    let held = sessions.find(session.id).unwrap();
    assert_eq!(held.passes.iter().find(|pass| pass.barrier == barrier(99)).unwrap().until, until(109));
    clock.advance(SignedDuration::from_mins(200));
    sessions
        .pass(&session, Pass { barrier: barrier(1), until: after(clock.now(), SignedDuration::from_mins(1)) })
        .await
        .unwrap();
    assert_eq!(sessions.find(session.id).unwrap().passes.len(), 1);
    sessions.end(session.id, Ending::SignedOut).await;
    sessions.pass(&session, Pass { barrier: barrier(2), until: until(300) }).await.unwrap();
    assert!(sessions.recall(session.id).await.is_none(), "what has ended does not come back by it");
}

/// Sessions over a store that can be away, of people who may be barred, and the switch for that.
fn barring() -> (Sessions, Arc<Gone>, Arc<std::sync::atomic::AtomicBool>) {
    let clock = Clock::by_hand(Timestamp::UNIX_EPOCH);
    let store = Arc::new(Gone::over(&Arc::new(Memory::new(1000, clock.clone()))));
    let sessions = Sessions::new(Config::default(), Arc::clone(&store) as Arc<dyn Store>, clock);
    let is_barred = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let asked = Arc::clone(&is_barred);
    sessions.regard_people_by(move |_, _| match asked.load(Ordering::Relaxed) {
        true => Known::Barred("the account is disabled".into()),
        false => Known::Nothing,
    });
    (sessions, store, is_barred)
}

#[tokio::test]
async fn whoever_is_barred_while_their_session_begins_does_not_have_it() {
    let (sessions, store, is_barred) = barring();
    let bars = Arc::clone(&is_barred);
    *store.synced.lock().unwrap() = Some(Box::new(move || bars.store(true, Ordering::Relaxed)));
    let begun = sessions.begin(user("eve"), HOME, "curl", AssertionFacts::default(), Spans::default()).await;
    assert!(begun.is_err() && is_barred.load(Ordering::Relaxed));
    assert_eq!((sessions.at_hand(), sessions.count()), (0, 0), "neither here nor in the store");
}

#[tokio::test]
async fn a_session_that_the_store_alone_knows_ends_when_it_is_used_by_somebody_who_is_barred() {
    let (sessions, store, _) = barring();
    let (session, _) = begin(&sessions, "eve").await;
    let (elsewhere, _, is_barred) = barring();
    let elsewhere = Sessions { store: Arc::clone(&store) as Arc<dyn Store>, ..elsewhere };
    is_barred.store(true, Ordering::Relaxed);
    assert!(!elsewhere.is_live(session.id).await);
    assert!(elsewhere.recall(session.id).await.is_none());
    assert_eq!(store.find(session.id.0).await, Ok(None), "it has ended for everybody");
}

#[tokio::test]
async fn a_proof_counts_for_the_tools_that_were_made_in_its_session_and_only_a_younger_one() {
    let clock = Clock::by_hand(Timestamp::from_second(100_000).unwrap());
    let store: Arc<dyn Store> = Arc::new(Memory::new(1000, clock.clone()));
    let sessions = Sessions::new(Config::default(), store, clock.clone());
    let at = |seconds| Timestamp::from_second(100_000 + seconds).unwrap();
    let facts = |seconds: i64, way: &str| AssertionFacts {
        way: Some(way.into()),
        authenticated: Some(at(seconds)),
        ..AssertionFacts::default()
    };
    let [one, other] = [-500, -400]
        .map(|seconds| sessions.begin(user("bsimon"), HOME, "", facts(seconds, "password"), Spans::default()));
    let (one, other) = (one.await.unwrap().session, other.await.unwrap().session);
    let own = sessions.begin_tool(tool(&one, tool::Kind::Personal, 90)).await.unwrap().0;
    let others = sessions.begin_tool(tool(&other, tool::Kind::Personal, 90)).await.unwrap().0;
    clock.advance(SignedDuration::from_secs(60));
    let held = |id| sessions.find(id).map(|held| (held.authenticated, held.assertion.way.clone().unwrap())).unwrap();
    sessions.prove(one.id, facts(50, "password")).await.unwrap().unwrap();
    assert_eq!(held(own.id), (at(50), "password".to_owned()));
    assert_eq!(held(others.id), (at(-400), "password".to_owned()), "it was made in another browser");
    // An identity provider answers out of an old sign-in: its way is not as young as the proof that is there.
    sessions.prove(one.id, facts(-300, "card")).await.unwrap().unwrap();
    assert_eq!(held(own.id), (at(50), "password".to_owned()));
    assert_eq!(held(other.id), (at(-400), "password".to_owned()), "nor does it count in another browser");
}
