//! Whose sessions have a mail address, for signals about somebody whom no directory knows.
//!
//! No store leads from an address to its sessions, so all of them are read. A transmitter may tell of everybody in a tenant, and
//! most of those were never here: whoever waits at the same time shares one reading, and no reading goes on without end.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use crate::identity::User;
use crate::identity::fold::fold;
use crate::session::store;
use crate::session::{Session, Sessions};

/// Sessions that are read in one go.
const PORTION: usize = if cfg!(test) { 10 } else { 1000 };

/// How many sessions are read at most.
const MOST: usize = if cfg!(test) { 40 } else { 200_000 };

/// How long after one reading the next one begins, at least.
const PAUSE: Duration = Duration::from_millis(500);

/// The last reading; one at a time.
#[derive(Debug, Default)]
pub(super) struct AddressSearch(Mutex<Option<AddressBook>>);

/// Who had which address.
#[derive(Debug)]
struct AddressBook {
    begun: Instant,
    ended: Instant,
    /// By address, folded: the realm and the identifier of each person who has a session.
    people: HashMap<String, BTreeSet<(String, String)>>,
    is_whole: bool,
}

impl AddressSearch {
    /// The sessions in these realms that have one of these addresses, and whether these are all that there are.
    ///
    /// # Errors
    /// If the store does not answer.
    pub(super) async fn find(
        &self,
        sessions: &Sessions,
        realms: &[String],
        addresses: &[&str],
    ) -> Result<(Vec<Arc<Session>>, bool), store::Error> {
        let came = Instant::now();
        let mut last = self.0.lock().await;
        // One that began since tells all that this one would.
        if last.as_ref().is_none_or(|last| last.begun < came) {
            if let Some(last) = &*last {
                tokio::time::sleep(PAUSE.saturating_sub(last.ended.elapsed())).await;
            }
            *last = Some(read(sessions, realms).await?);
        }
        let Some(reading) = &*last else { return Ok((Vec::new(), false)) };
        let people = addresses.iter().filter_map(|address| reading.people.get(&fold(address))).flatten();
        let people: BTreeSet<(String, String)> = people.cloned().collect();
        let is_whole = reading.is_whole;
        drop(last);
        let mut found = Vec::new();
        for (realm, id) in people {
            found.extend(sessions.all_of_user(&User { realm, ..User::guest(id) }).await?);
        }
        Ok((found, is_whole))
    }
}

/// Reads all sessions, up to a bound.
async fn read(sessions: &Sessions, realms: &[String]) -> Result<AddressBook, store::Error> {
    let (begun, mut found, mut count) = (Instant::now(), HashMap::<String, BTreeSet<(String, String)>>::new(), 0);
    let mut last = None;
    let is_whole = loop {
        let some = sessions.list(last, PORTION).await?;
        let Some(end) = some.last().map(|session| session.id) else { break true };
        if count >= MOST {
            tracing::warn!(
                most = MOST,
                "there are more sessions than are looked through for a signal about somebody whom no directory knows: let a directory know these people, and they are found at once"
            );
            break false;
        }
        (last, count) = (Some(end), count + some.len());
        for session in some.iter().filter(|session| realms.contains(&session.user.realm)) {
            for address in addresses_of(session) {
                found.entry(fold(address)).or_default().insert((session.user.realm.clone(), session.user.id.clone()));
            }
        }
    };
    Ok(AddressBook { begun, ended: Instant::now(), people: found, is_whole })
}

/// Everything in a session that may be an address of its person.
fn addresses_of(session: &Session) -> impl Iterator<Item = &str> {
    let user = &session.user;
    let name_id = session.assertion.name_id.as_ref().map(|name| name.value.as_str());
    let names = [Some(user.name.as_str()), user.upn.as_deref(), user.email.as_deref(), name_id];
    names.into_iter().flatten().filter(|name| name.contains('@'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, Timestamp};
    use crate::identity::network::Spans;
    use crate::session::store::memory::Memory;
    use crate::session::{AssertionFacts, Config};

    async fn of_people(count: usize) -> Arc<Sessions> {
        let clock = Clock::by_hand(Timestamp::UNIX_EPOCH);
        let store = Arc::new(Memory::new(1000, clock.clone()));
        let sessions = Arc::new(Sessions::new(Config::default(), store, clock));
        for number in 0..count {
            let email = Some(format!("Mail{number}@contoso.com"));
            let guest = User::guest(format!("id{number}"));
            let user = User { realm: "contoso".into(), name: format!("u{number}"), email, ..guest };
            let client = [192, 0, 2, 7].into();
            sessions.begin(user, client, "curl", AssertionFacts::default(), Spans::default()).await.unwrap();
        }
        sessions
    }

    #[tokio::test]
    async fn whoever_has_an_address_is_found_and_those_who_wait_share_one_reading() {
        let (sessions, addresses) = (of_people(35).await, Arc::new(AddressSearch::default()));
        let realms = ["contoso".to_owned()];
        let (found, is_whole) = addresses.find(&sessions, &realms, &["mail7@contoso.com"]).await.unwrap();
        assert_eq!((found.len(), found[0].user.id.as_str(), is_whole), (1, "id7", true));
        let elsewhere = addresses.find(&sessions, &["other".to_owned()], &["mail7@contoso.com"]).await.unwrap();
        assert_eq!((elsewhere.0.len(), elsewhere.1), (0, true));
        // All of them come while a reading is going on.
        let reading = addresses.0.lock().await;
        let asked: Vec<_> = (0..8)
            .map(|number| {
                let (sessions, addresses, realms) = (Arc::clone(&sessions), Arc::clone(&addresses), realms.clone());
                tokio::spawn(async move {
                    let address = format!("mail{number}@contoso.com");
                    let (found, _) = addresses.find(&sessions, &realms, &[&address]).await.unwrap();
                    (found.len(), Instant::now())
                })
            })
            .collect();
        tokio::task::yield_now().await;
        drop(reading);
        let mut first: Option<Instant> = None;
        for task in asked {
            let (count, at) = task.await.unwrap();
            assert_eq!(count, 1);
            first = Some(first.map_or(at, |first| first.min(at)));
        }
        let last = addresses.0.lock().await.as_ref().map(|last| last.begun);
        assert!(last < first, "none began after the first of them was answered");
    }

    #[tokio::test]
    async fn no_reading_goes_on_without_end() {
        let (sessions, realms) = (of_people(60).await, ["contoso".to_owned()]);
        let (found, is_whole) =
            AddressSearch::default().find(&sessions, &realms, &["nobody@contoso.com"]).await.unwrap();
        assert_eq!((found.len(), is_whole), (0, false), "that there is nobody is not known");
    }
}
