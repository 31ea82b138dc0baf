//! Ends the sessions for which no realm vouches any more: an older version or another configuration may have begun
//! them.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::identity::User;
use crate::saml::ClaimMap;
use crate::session::{Ending, Sessions};

/// How many sessions are read in one go.
const PORTION: usize = 500;

/// How soon to try again while the store is away.
const RETRY: Duration = Duration::from_secs(10);

/// Who ends them, in records.
const BY: &str = "the configuration: no realm speaks for this name";

/// Looks at each session once, when a configuration is put in force.
pub(super) async fn end_others(sessions: Arc<Sessions>, realms: Vec<Arc<ClaimMap>>) {
    let mut last = None;
    loop {
        let Ok(some) = sessions.list(last, PORTION).await else {
            sleep(RETRY).await;
            continue;
        };
        for session in some.iter().filter(|session| !is_vouched_for(&session.user, &realms)) {
            sessions.end_by(session.id, Ending::Operator, BY).await;
        }
        match some.last() {
            Some(session) => last = Some(session.id),
            None => return,
        }
    }
}

fn is_vouched_for(user: &User, realms: &[Arc<ClaimMap>]) -> bool {
    user.is_guest() || realms.iter().any(|realm| realm.realm.name == user.realm && realm.speaks_for(&user.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::clock::Timestamp;
    use crate::identity::network::Spans;
    use crate::saml;
    use crate::session::store::memory::Memory;
    use crate::session::{AssertionFacts, Config};

    #[tokio::test]
    async fn sessions_that_were_begun_under_a_foreign_name_or_realm_end_at_a_start() {
        let clock = Clock::by_hand(Timestamp::UNIX_EPOCH);
        let store = Arc::new(Memory::new(100, clock.clone()));
        let sessions = Arc::new(Sessions::new(Config::default(), store, clock));
        let begin = async |realm: &str, name: &str| {
            let user = User::named(realm, name);
            let client = "192.0.2.7".parse().unwrap();
            sessions.begin(user, client, "", AssertionFacts::default(), Spans::default()).await.unwrap().session.id
        };
        let kept = [
            begin("contoso", "b.simon@contoso.com").await,
            begin("contoso", "bsimon").await,
            begin("fabrikam", "eve@fabrikam.com").await,
            begin("guest", "guest").await,
        ];
        let ended = [begin("fabrikam", "b.simon@contoso.com").await, begin("gone", "eve@gone.example").await];
        let realm = |name: &str| -> saml::Config {
            let text = format!("name = '{name}'\ndomains = ['{name}.com']\nentity_id = 'urn:us'");
            toml::from_str(&text).unwrap()
        };
        let realms = [realm("contoso"), realm("fabrikam")];
        let maps = realms.iter().map(|realm| Arc::new(realm.claim_map(&realms))).collect();
        end_others(Arc::clone(&sessions), maps).await;
        for id in kept {
            assert!(sessions.find(id).is_some());
        }
        for id in ended {
            assert!(sessions.find(id).is_none() && sessions.recall(id).await.is_none());
        }
    }
}
