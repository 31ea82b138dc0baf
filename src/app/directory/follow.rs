//! What a change in a directory does to people who are signed in: sessions of those who may not stay end, with everything
//! that runs on their behalf, and the groups of the others are those of the directory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio::time::{sleep, timeout};

use crate::clock::Timestamp;
use crate::directory::{Changes, Directories, Judgement, Number, Person, Resolved, Standing, Tenant};
use crate::identity::User;
use crate::identity::fold::{fold, is_same};
use crate::session::{Ending, Known, Session, Sessions, store};

/// How many sessions are read in one go.
const PORTION: usize = 500;

/// For more people than this, all sessions are looked at, and not those of each person.
const MANY: usize = 5000;

/// How soon to try again while the store is away.
const RETRY: Duration = Duration::from_secs(10);

/// Who ends sessions, in records.
const BY: &str = "the directory";

/// Follows the directory `name` of a configuration for as long as that is in force: looks at everybody who is signed in, and
/// then at those whom each change is about. `renew` has whatever is open asked about anew.
pub(in crate::app) async fn follow(
    sessions: Arc<Sessions>,
    directories: Arc<Directories>,
    name: String,
    renew: impl Fn() -> bool,
) {
    let Some(tenant) = directories.all().iter().find(|tenant| tenant.config.name == name) else { return };
    let mut changes = tenant.directory.changes();
    let mut news = News { all: true, ..News::default() };
    let mut was_empty = true;
    loop {
        // Whom it does not know counts from the moment when it knows anybody.
        let is_empty = tenant.directory.snapshot().people_count() == 0;
        news.all |= was_empty && !is_empty;
        was_empty = is_empty;
        news.look_in_memory(&sessions, tenant).await;
        let is_left = if news.all || news.people.len() > MANY {
            look_at_all(&sessions, tenant).await;
            Vec::new()
        } else {
            news.look_in_store(&sessions, tenant).await
        };
        let changed = sessions.regard_anew(|user| news.may_be_about(tenant, user));
        if changed > 0 && !renew() {
            tracing::warn!(directory = name, "groups have changed, and what is open goes on by those before");
        }
        news = News::about(is_left.into_iter().filter_map(|at| news.people.get(at).cloned()).collect());
        let has_left = !news.people.is_empty();
        let next = async {
            match has_left {
                true => timeout(RETRY, changes.recv()).await.ok(),
                false => Some(changes.recv().await),
            }
        };
        match next.await {
            Some(Ok(change)) => news.add(tenant, &change),
            Some(Err(RecvError::Lagged(_))) => news.all = true,
            Some(Err(RecvError::Closed)) => return,
            None => {}
        }
        // Those that have come meanwhile are looked at together.
        loop {
            match changes.try_recv() {
                Ok(change) => news.add(tenant, &change),
                Err(tokio::sync::broadcast::error::TryRecvError::Lagged(_)) => news.all = true,
                Err(_) => break,
            }
        }
    }
}

/// What is known of the person of a session that comes into memory.
pub(in crate::app) fn known(directories: &Directories, user: &User, authenticated: Timestamp) -> Known {
    let Some(tenant) = directories.of_realm(&user.realm) else { return Known::Nothing };
    match tenant.against(user, authenticated) {
        Some(judgement) => Known::Barred(by(judgement)),
        None => directories.groups(user).map_or(Known::Nothing, |groups| Known::Account(groups, tenant.risk_of(user))),
    }
}

/// What is to be looked at.
#[derive(Default)]
struct News {
    all: bool,
    groups: bool,
    /// Those whose sessions may have to end.
    people: Vec<Changed>,
    /// Their places in `people`, by all that they are and were called.
    called: BTreeMap<String, Vec<usize>>,
    /// What everybody is and was called of whom anything is new.
    ids: BTreeSet<String>,
}

/// Somebody of whom something is new.
#[derive(Clone)]
struct Changed {
    number: Number,
    before: Option<Arc<Person>>,
    now: Option<Arc<Person>>,
}

impl News {
    fn about(people: Vec<Changed>) -> Self {
        let mut news = Self::default();
        people.into_iter().for_each(|changed| news.add_person(changed));
        news
    }

    fn add(&mut self, tenant: &Tenant, changes: &Changes) {
        self.all |= changes.all;
        self.groups |= changes.groups;
        let snapshot = tenant.directory.snapshot();
        for (number, before) in changes.people.iter().zip(&changes.before) {
            let changed = Changed { number: *number, before: before.clone(), now: snapshot.person(*number).cloned() };
            self.ids.extend(changed.names());
            if changed.concerns_sessions() {
                self.add_person(changed);
            }
        }
    }

    fn add_person(&mut self, changed: Changed) {
        for name in changed.names() {
            self.called.entry(name).or_default().push(self.people.len());
        }
        self.people.push(changed);
    }

    /// Whether this person's groups may be others now.
    fn may_be_about(&self, tenant: &Tenant, user: &User) -> bool {
        let is_of_realm = tenant.config.realms.contains(&user.realm);
        is_of_realm && (self.all || self.groups || names_in(user).any(|name| self.ids.contains(&name)))
    }

    /// Why a session may not go on, by what is new of whoever it may be of.
    fn against(&self, tenant: &Tenant, session: &Session) -> Option<Judgement> {
        if self.called.is_empty() || !tenant.config.realms.contains(&session.user.realm) {
            return None;
        }
        let places = names_in(&session.user).filter_map(|name| self.called.get(&name)).flatten();
        places.filter_map(|at| self.people.get(*at)).find_map(|changed| changed.against(tenant, session))
    }

    /// Ends sessions in memory, whatever the store says.
    async fn look_in_memory(&self, sessions: &Sessions, tenant: &Tenant) {
        for session in sessions.known(|session| self.against(tenant, session).is_some()) {
            if let Some(judgement) = self.against(tenant, &session) {
                end(sessions, &session, judgement).await;
            }
        }
    }

    /// Ends those that the store alone knows. Gives the places of people for whom it did not answer: they must be looked at
    /// again. (A session that it gives out meanwhile is judged when it comes into memory.)
    async fn look_in_store(&self, sessions: &Sessions, tenant: &Tenant) -> Vec<usize> {
        let mut left = Vec::new();
        for (at, changed) in self.people.iter().enumerate() {
            if look_at(sessions, tenant, changed).await.is_err() {
                left.push(at);
            }
        }
        left
    }
}

/// By what a session's person may have been found, folded.
fn names_in(user: &User) -> impl Iterator<Item = String> {
    let account = user.name.split_once('\\').map(|(_, account)| account);
    let names = [Some(user.id.as_str()), user.upn.as_deref(), user.sam_account_name.as_deref(), account];
    names.into_iter().flatten().map(fold)
}

/// By what the person may be found for a session, folded.
pub(super) fn names_of(person: &Person) -> impl Iterator<Item = String> {
    let names = [Some(&person.object_id), person.user_principal_name.as_ref(), person.mail.as_ref()];
    names.into_iter().chain([person.sam_account_name.as_ref()]).flatten().map(|name| fold(name))
}

impl Changed {
    fn names(&self) -> BTreeSet<String> {
        self.before.iter().chain(&self.now).flat_map(|person| names_of(person)).collect()
    }

    /// Whether sessions may have to end.
    fn concerns_sessions(&self) -> bool {
        let Some(now) = &self.now else { return true };
        now.standing != Standing::Active
            || self.before.as_ref().is_some_and(|before| {
                before.sessions_valid_from != now.sessions_valid_from || names_of(before).ne(names_of(now))
            })
    }

    /// Why a session that was found by one of the names may not go on.
    fn against(&self, tenant: &Tenant, session: &Session) -> Option<Judgement> {
        let found = tenant.person_of(&session.user);
        let is_anothers = matches!(&found, Resolved::One(person) if person.number != self.number);
        let is_own = matches!(&found, Resolved::One(person) if person.number == self.number);
        // Found by a name that was the person's: it is nobody's by now, or another person's, who has not signed in.
        if !is_own && self.has_lost(&session.user.id, is_anothers) {
            return Some(Judgement::Deleted);
        }
        tenant.against(&session.user, session.authenticated)
    }

    /// Whether the person was called so, and is not any more. An account's bare name may be another one's in another domain
    /// all the time.
    fn has_lost(&self, id: &str, is_anothers: bool) -> bool {
        let is_called = |person: &Arc<Person>| {
            let is_account = person.sam_account_name.as_deref().is_some_and(|own| is_same(own, id));
            !(is_anothers && is_account) && names_of(person).any(|name| name == fold(id))
        };
        self.before.as_ref().is_some_and(is_called) && !self.now.as_ref().is_some_and(is_called)
    }
}

/// Ends the sessions in the store of somebody who may not stay signed in.
async fn look_at(sessions: &Sessions, tenant: &Tenant, changed: &Changed) -> Result<(), store::Error> {
    for realm in &tenant.config.realms {
        for id in changed.names() {
            let user = User { realm: realm.clone(), ..User::guest(id) };
            for session in sessions.all_of_user(&user).await? {
                if let Some(judgement) = changed.against(tenant, &session) {
                    end(sessions, &session, judgement).await;
                }
            }
        }
    }
    Ok(())
}

/// Looks at each session once.
async fn look_at_all(sessions: &Sessions, tenant: &Tenant) {
    let refuses = |session: &Session| {
        let is_of_realm = tenant.config.realms.contains(&session.user.realm);
        is_of_realm.then(|| tenant.against(&session.user, session.authenticated)).flatten()
    };
    for session in sessions.known(|session| refuses(session).is_some()) {
        if let Some(judgement) = refuses(&session) {
            end(sessions, &session, judgement).await;
        }
    }
    let mut last = None;
    loop {
        let Ok(some) = sessions.list(last, PORTION).await else {
            sleep(RETRY).await;
            continue;
        };
        for session in &some {
            if let Some(judgement) = refuses(session) {
                end(sessions, session, judgement).await;
            }
        }
        match some.last() {
            Some(session) => last = Some(session.id),
            None => return,
        }
    }
}

async fn end(sessions: &Sessions, session: &Session, judgement: Judgement) {
    sessions.end_by(session.id, Ending::Directory, &by(judgement)).await;
}

fn by(judgement: Judgement) -> String {
    format!("{BY}: {}", judgement.as_str())
}
