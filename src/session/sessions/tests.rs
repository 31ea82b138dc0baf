use super::*;
use crate::clock::{SignedDuration, Timestamp};
use crate::identity::Groups;
use crate::session::store::memory::Memory;

fn user(name: &str) -> User {
    User {
        realm: "contoso".into(),
        id: name.into(),
        name: name.into(),
        display_name: None,
        sam_account_name: None,
        upn: None,
        email: None,
        groups: Groups::Unknown,
    }
}

const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

fn sessions(max: usize) -> (Sessions, Clock) {
    configured(Config { max, ..Config::default() })
}

fn configured(config: Config) -> (Sessions, Clock) {
    let clock = Clock::by_hand(Timestamp::UNIX_EPOCH);
    let store = Arc::new(Memory::new(1000, clock.clone()));
    (Sessions::new(config, store, clock.clone()), clock)
}

async fn begin(sessions: &Sessions, name: &str) -> (Arc<Session>, String) {
    let begun = sessions.begin(user(name), HOME, "curl", AssertionFacts::default()).await.unwrap();
    (begun.session, begun.secret)
}

#[tokio::test]
async fn a_session_is_found_by_its_secret_for_thirty_days() {
    let (sessions, clock) = sessions(10);
    let (session, secret) = begin(&sessions, "bsimon").await;
    assert_eq!(sessions.find_by_secret(&secret).unwrap().id, session.id);
    assert!(sessions.find_by_secret("another").is_none());
    clock.advance(SignedDuration::from_hours(30 * 24) - SignedDuration::from_secs(1));
    assert!(sessions.find_by_secret(&secret).is_some());
    clock.advance(SignedDuration::from_secs(1));
    assert!(sessions.find_by_secret(&secret).is_none());
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
    let short = sessions.begin(user("bsimon"), HOME, "", until(1)).await.unwrap().session;
    assert_eq!(short.expires.as_second(), 3600);
    let long = sessions.begin(user("bsimon"), HOME, "", until(24 * 365)).await.unwrap().session;
    assert_eq!(long.expires.as_second(), 30 * 86_400);
}

#[tokio::test]
async fn ending_a_session_is_seen_at_once_by_every_way_to_it() {
    let (sessions, _) = sessions(10);
    let (session, secret) = begin(&sessions, "bsimon").await;
    let (other, _) = begin(&sessions, "bsimon").await;
    sessions.bind_client(HOME, &session).await;
    assert_eq!(sessions.find_by_client(HOME).unwrap().id, session.id);
    assert!(sessions.end(session.id, Ending::SignedOut).await);
    assert!(session.ended().is_cancelled());
    assert!(sessions.find_by_secret(&secret).is_none());
    assert!(sessions.find_by_client(HOME).is_none());
    assert_eq!(sessions.of_user(&other.user).await.len(), 1);
    assert!(!sessions.end(session.id, Ending::SignedOut).await, "only once");
    sessions.bind_client(HOME, &session).await;
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
    assert!(sessions.begin(user("alexw"), HOME, "", AssertionFacts::default()).await.is_err());
    clock.advance(SignedDuration::from_hours(31 * 24));
    assert!(sessions.begin(user("alexw"), HOME, "", AssertionFacts::default()).await.is_ok());
    assert_eq!(sessions.len(), 1);
}
