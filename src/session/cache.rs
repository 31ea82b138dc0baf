//! The live sessions: a bounded concurrent map, looked up on every request.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use dashmap::DashMap;
use tokio_util::sync::CancellationToken;

use super::address::Addresses;
use super::store::Full;
use super::{AssertionFacts, Ending, Session, SessionId};
use crate::clock::{Clock, SignedDuration, after};
use crate::identity::User;
use crate::seal::random_text;

/// Sessions of one person at the same time: somebody with a script does not sign everybody else out of the room that
/// there is.
const MAX_PER_PERSON: usize = 100;

/// How long sessions last and how many there may be.
#[derive(Clone, Copy, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// From sign-in to the next sign-in, whatever happens between.
    #[serde(deserialize_with = "crate::units::signed_duration")]
    pub lifetime: SignedDuration,
    /// Sessions at the same time; a sign-in beyond that is refused.
    pub max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { lifetime: SignedDuration::from_hours(30 * 24), max: 200_000 }
    }
}

/// The live sessions. Cheap to share, and no lookup waits for anything but one shard of the map.
#[derive(Debug)]
pub struct Sessions {
    config: Config,
    clock: Clock,
    by_id: DashMap<SessionId, Arc<Session>>,
    by_user: DashMap<(String, String), HashSet<SessionId>>,
    by_client: Addresses,
}

impl Sessions {
    /// No sessions yet.
    pub fn new(config: Config, clock: Clock) -> Self {
        Self { config, clock, by_id: DashMap::new(), by_user: DashMap::new(), by_client: Addresses::default() }
    }

    /// Signs `user` in. The secret is what the browser keeps; nothing here can give it out again.
    pub async fn begin(
        &self,
        user: User,
        client: IpAddr,
        user_agent: &str,
        assertion: AssertionFacts,
    ) -> Result<(Arc<Session>, String), Full> {
        let now = self.clock.now();
        if self.by_id.len() >= self.config.max {
            self.sweep();
            if self.by_id.len() >= self.config.max {
                return Err(Full);
            }
        }
        for oldest in self.of_user(&user).iter().skip(MAX_PER_PERSON - 1) {
            self.forget(oldest, Ending::Replaced);
        }
        let secret = random_text();
        let lifetime = after(now, self.config.lifetime);
        let session = Arc::new(Session {
            id: SessionId::of_secret(&secret),
            user: Arc::new(user),
            expires: assertion.not_on_or_after.map_or(lifetime, |until| until.min(lifetime)),
            assertion,
            client,
            user_agent: user_agent.chars().filter(|c| !c.is_control()).take(200).collect(),
            started: now,
            last_used: AtomicI64::new(now.as_second()),
            ended: CancellationToken::new(),
        });
        self.by_user.entry(person(&session.user)).or_default().insert(session.id);
        self.by_id.insert(session.id, Arc::clone(&session));
        Ok((session, secret))
    }

    /// The live session with this identifier; finding it counts as using it.
    pub fn find(&self, id: SessionId) -> Option<Arc<Session>> {
        let session = Arc::clone(self.by_id.get(&id)?.value());
        let now = self.clock.now();
        if session.is_over(now) {
            self.forget(&session, Ending::Expired);
            return None;
        }
        session.touch(now);
        Some(session)
    }

    /// The live session that a browser's secret stands for.
    pub fn find_by_secret(&self, secret: &str) -> Option<Arc<Session>> {
        self.find(SessionId::of_secret(secret))
    }

    /// The live session that a client address stands for.
    pub fn find_by_client(&self, client: IpAddr) -> Option<Arc<Session>> {
        self.find(self.by_client.find(client)?)
    }

    /// Lets a client address stand for a session from now on. False while too many people share the address.
    pub fn bind_client(&self, client: IpAddr, session: &Session) -> bool {
        let bound = self.by_client.bind(client, session.id, &session.user, self.clock.now());
        // Ended between the lookup and the binding: the binding must not outlive it.
        if session.is_over(self.clock.now()) {
            self.by_client.unbind(client, session.id);
        }
        bound
    }

    /// The live sessions of one person, newest first.
    pub fn of_user(&self, user: &User) -> Vec<Arc<Session>> {
        let ids: Vec<_> = self.by_user.get(&person(user)).map(|ids| ids.iter().copied().collect()).unwrap_or_default();
        let now = self.clock.now();
        let mut sessions: Vec<_> =
            ids.iter().filter_map(|id| self.by_id.get(id).map(|found| Arc::clone(found.value()))).collect();
        sessions.retain(|session| !session.is_over(now));
        sessions.sort_by_key(|session| std::cmp::Reverse(session.started));
        sessions
    }

    /// Ends a session at once, with everything that runs on its behalf. False when there was none.
    pub async fn end(&self, id: SessionId, ending: Ending) -> bool {
        let Some(session) = self.by_id.get(&id).map(|found| Arc::clone(found.value())) else { return false };
        self.forget(&session, ending);
        true
    }

    /// How many sessions there are.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Forgets sessions whose time is over.
    pub fn sweep(&self) {
        let now = self.clock.now();
        let over: Vec<_> =
            self.by_id.iter().filter(|entry| entry.is_over(now)).map(|entry| Arc::clone(entry.value())).collect();
        for session in over {
            self.forget(&session, Ending::Expired);
        }
        self.by_client.sweep(now, |id| self.by_id.contains_key(&id));
    }

    fn forget(&self, session: &Session, ending: Ending) {
        session.ended.cancel();
        if self.by_id.remove(&session.id).is_some() {
            tracing::info!(
                user = %session.user.name,
                session = %session.id.short(),
                reason = ending.as_str(),
                "session ended"
            );
        }
        let person = person(&session.user);
        if let Some(mut ids) = self.by_user.get_mut(&person) {
            ids.remove(&session.id);
        }
        self.by_user.remove_if(&person, |_, ids| ids.is_empty());
    }
}

fn person(user: &User) -> (String, String) {
    (user.realm.clone(), user.id.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::identity::Groups;

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
        let clock = Clock::by_hand(Timestamp::UNIX_EPOCH);
        let config = Config { max, ..Config::default() };
        (Sessions::new(config, clock.clone()), clock)
    }

    #[tokio::test]
    async fn a_session_is_found_by_its_secret_for_thirty_days() {
        let (sessions, clock) = sessions(10);
        let (session, secret) = sessions.begin(user("bsimon"), HOME, "curl", AssertionFacts::default()).await.unwrap();
        assert_eq!(sessions.find_by_secret(&secret).unwrap().id, session.id);
        assert!(sessions.find_by_secret("another").is_none());
        clock.advance(SignedDuration::from_hours(30 * 24) - SignedDuration::from_secs(1));
        assert!(sessions.find_by_secret(&secret).is_some());
        clock.advance(SignedDuration::from_secs(1));
        assert!(sessions.find_by_secret(&secret).is_none());
        assert!(session.ended().is_cancelled(), "what runs on its behalf is told");
        assert!(sessions.is_empty());
    }

    #[tokio::test]
    async fn the_identity_provider_can_end_a_session_earlier_but_not_later() {
        let (sessions, clock) = sessions(10);
        let until = |hours| AssertionFacts {
            not_on_or_after: Some(after(clock.now(), SignedDuration::from_hours(hours))),
            ..AssertionFacts::default()
        };
        let (short, _) = sessions.begin(user("bsimon"), HOME, "", until(1)).await.unwrap();
        assert_eq!(short.expires.as_second(), 3600);
        let (long, _) = sessions.begin(user("bsimon"), HOME, "", until(24 * 365)).await.unwrap();
        assert_eq!(long.expires.as_second(), 30 * 86_400);
    }

    #[tokio::test]
    async fn ending_a_session_is_seen_at_once_by_every_way_to_it() {
        let (sessions, _) = sessions(10);
        let (session, secret) = sessions.begin(user("bsimon"), HOME, "", AssertionFacts::default()).await.unwrap();
        let (other, _) = sessions.begin(user("bsimon"), HOME, "", AssertionFacts::default()).await.unwrap();
        sessions.bind_client(HOME, &session);
        assert_eq!(sessions.find_by_client(HOME).unwrap().id, session.id);
        assert!(sessions.end(session.id, Ending::SignedOut).await);
        assert!(session.ended().is_cancelled());
        assert!(sessions.find_by_secret(&secret).is_none());
        assert!(sessions.find_by_client(HOME).is_none());
        assert_eq!(sessions.of_user(&other.user).len(), 1);
        assert!(!sessions.end(session.id, Ending::SignedOut).await, "only once");
        sessions.bind_client(HOME, &session);
        assert!(sessions.find_by_client(HOME).is_none(), "an ended session is not bound again");
    }

    #[tokio::test]
    async fn one_person_has_so_many_sessions_and_the_oldest_make_room() {
        let (sessions, clock) = sessions(1000);
        let (other, _) = sessions.begin(user("alexw"), HOME, "", AssertionFacts::default()).await.unwrap();
        let (first, _) = sessions.begin(user("bsimon"), HOME, "", AssertionFacts::default()).await.unwrap();
        for _ in 0..MAX_PER_PERSON {
            clock.advance(SignedDuration::from_secs(1));
            sessions.begin(user("bsimon"), HOME, "", AssertionFacts::default()).await.unwrap();
        }
        assert_eq!(sessions.of_user(&first.user).len(), MAX_PER_PERSON);
        assert!(first.ended().is_cancelled());
        assert!(!other.ended().is_cancelled());
    }

    #[tokio::test]
    async fn the_number_of_sessions_is_bounded_and_expired_ones_make_room() {
        let (sessions, clock) = sessions(2);
        for _ in 0..2 {
            sessions.begin(user("alexw"), HOME, "", AssertionFacts::default()).await.unwrap();
        }
        assert!(sessions.begin(user("alexw"), HOME, "", AssertionFacts::default()).await.is_err());
        clock.advance(SignedDuration::from_hours(31 * 24));
        assert!(sessions.begin(user("alexw"), HOME, "", AssertionFacts::default()).await.is_ok());
        assert_eq!(sessions.len(), 1);
    }
}
