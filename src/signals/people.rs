//! Who is meant by a subject: exactly one person, or nobody. Their sessions are those that end.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::addresses::AddressSearch;
use super::config::Config;
use super::subject::{Name, SubjectId};
use crate::directory::{Directories, Person, Resolved, Tenant};
use crate::identity::{LogonName, User, fold};
use crate::saml::NameId;
use crate::session::store;
use crate::session::{Session, Sessions};

/// Who is meant.
#[derive(Debug)]
pub(super) enum Meant {
    /// One person: what they are called in records, the sessions that they have, and whether these are all: the store may not
    /// answer.
    One(String, Vec<Arc<Session>>, bool),
    /// Nobody who is known here.
    Nobody,
    /// Nobody who was found: there are more sessions than are looked through for one signal.
    Unsought,
    /// It could be any of several.
    Ambiguous,
    /// It says somebody of another tenant, or whom another issuer names.
    Foreign,
}

/// What people are looked for in.
pub(super) struct Register<'r> {
    pub(super) config: &'r Config,
    pub(super) sessions: &'r Sessions,
    pub(super) directories: &'r Directories,
    pub(super) addresses: &'r AddressSearch,
}

impl Register<'_> {
    /// Who is meant.
    ///
    /// # Errors
    /// If the store does not answer, so that not all sessions are known.
    pub(super) async fn find(&self, subject: &SubjectId) -> Result<Meant, store::Error> {
        let config = self.config;
        if let (Some(own), Some(named)) = (&config.tenant, &subject.tenant)
            && !fold::is_same(own, named)
        {
            return Ok(Meant::Foreign);
        }
        let mut names = Vec::new();
        for name in &subject.user {
            if !matches!(name, Name::Issued(issuer, _) if !config.knows_issuer(issuer)) {
                names.push(name);
            }
        }
        if names.is_empty() {
            return Ok(Meant::Foreign);
        }
        match self.in_directories(&names) {
            Known::Several => Ok(Meant::Ambiguous),
            Known::One(tenant, person) => {
                let (sessions, is_whole) = self.of_person(tenant, &person).await;
                let called = person.user_principal_name.as_deref().unwrap_or(&person.object_id).to_owned();
                Ok(Meant::One(called, sessions, is_whole))
            }
            Known::Nobody => self.in_sessions(&names).await,
        }
    }

    /// The person whom the directories of the realms know by these names.
    fn in_directories(&self, names: &[&Name]) -> Known<'_> {
        let mut found: Vec<(&Tenant, Arc<Person>)> = Vec::new();
        let mut seen = BTreeSet::new();
        for tenant in self.config.realms.iter().filter_map(|realm| self.directories.of_realm(realm)) {
            for name in names {
                let people = match resolve(tenant, name) {
                    Resolved::Nobody => continue,
                    Resolved::Ambiguous(_) => return Known::Several,
                    Resolved::One(person) => person,
                };
                if seen.insert((tenant.config.name.clone(), people.number)) {
                    found.push((tenant, people));
                }
            }
        }
        let mut found = found.into_iter();
        match (found.next(), found.next()) {
            (None, _) => Known::Nobody,
            (Some((tenant, person)), None) => Known::One(tenant, person),
            (Some(_), Some(_)) => Known::Several,
        }
    }

    /// The sessions of somebody whom a directory knows, and whether these are all.
    async fn of_person(&self, tenant: &Tenant, person: &Person) -> (Vec<Arc<Session>>, bool) {
        let is_theirs = |session: &Session| {
            tenant.config.realms.contains(&session.user.realm)
                && matches!(tenant.person_of(&session.user), Resolved::One(found) if found.number == person.number)
        };
        let (mut found, mut is_whole) = (self.sessions.known(is_theirs), true);
        let names = [Some(&person.object_id), person.user_principal_name.as_ref(), person.mail.as_ref()];
        let names = names.into_iter().chain([person.sam_account_name.as_ref()]).flatten();
        let names: Vec<String> = names.map(|name| fold::fold(name)).collect();
        for realm in &tenant.config.realms {
            for name in &names {
                let user = User { realm: realm.clone(), ..User::guest(name.clone()) };
                match self.sessions.all_of_user(&user).await {
                    Ok(kept) => found.extend(kept.into_iter().filter(|own| is_theirs(own))),
                    Err(_) => is_whole = false,
                }
            }
        }
        (each_once(found), is_whole)
    }

    /// Whether a directory knows the session's person, by another mail address than this one.
    fn has_another_address(&self, session: &Session, name: &Name) -> bool {
        let Name::Email(address) = name else { return false };
        let Some(tenant) = self.directories.of_realm(&session.user.realm) else { return false };
        let Resolved::One(person) = tenant.person_of(&session.user) else { return false };
        person.mail.as_deref().is_some_and(|own| !fold::is_same(own, address)) && !person.has_alias(address)
    }

    /// The person whose sessions have these names, where no directory knows anybody by them.
    async fn in_sessions(&self, names: &[&Name]) -> Result<Meant, store::Error> {
        let is_meant = |session: &Session| {
            let is_so = |name: &&Name| is_called(session, name) && !self.has_another_address(session, name);
            self.config.realms.contains(&session.user.realm) && names.iter().any(is_so)
        };
        let mut found = self.sessions.known(is_meant);
        for realm in &self.config.realms {
            for name in names {
                let (_, text) = parts(name);
                let user = User { realm: realm.clone(), ..User::guest(fold::fold(text)) };
                found.extend(self.sessions.all_of_user(&user).await?);
                let name_id =
                    NameId { value: text.to_owned(), format: None, name_qualifier: None, sp_name_qualifier: None };
                found.extend(self.sessions.named(realm, &name_id).await?);
            }
        }
        // An address leads to no row by itself, unless it is what the person is identified by.
        let addresses: Vec<&str> =
            names.iter().map(|name| parts(name)).filter(|(is, _)| *is).map(|(_, text)| text).collect();
        let mut is_whole = true;
        if !addresses.is_empty() {
            let (some, is_all) = self.addresses.find(self.sessions, &self.config.realms, &addresses).await?;
            is_whole = is_all;
            found.extend(some.into_iter().filter(|session| is_meant(session)));
        }
        let found = each_once(found);
        let people: BTreeSet<(&str, &str)> =
            found.iter().map(|session| (session.user.realm.as_str(), session.user.id.as_str())).collect();
        Ok(match people.len() {
            0 if is_whole => Meant::Nobody,
            0 => Meant::Unsought,
            1 => {
                let called = found.first().map(|session| session.user.name.clone()).unwrap_or_default();
                Meant::One(called, found, true)
            }
            _ => Meant::Ambiguous,
        })
    }
}

/// What directories know.
enum Known<'d> {
    One(&'d Tenant, Arc<Person>),
    Several,
    Nobody,
}

/// Who is meant in a directory.
fn resolve(tenant: &Tenant, name: &Name) -> Resolved {
    let (is_address, text) = parts(name);
    let snapshot = tenant.directory.snapshot();
    if !is_address && let Some(person) = snapshot.person_of_id(text) {
        return Resolved::One(Arc::clone(person));
    }
    // A mail address may be written like the UPN of somebody else.
    if matches!(name, Name::Email(_)) {
        return snapshot.of_address(text);
    }
    match LogonName::parse(text) {
        Ok(name) => tenant.resolve(&name),
        Err(_) => Resolved::Nobody,
    }
}

/// Whether a session's person is called so.
fn is_called(session: &Session, name: &Name) -> bool {
    let (is_address, text) = parts(name);
    let name_id = session.assertion.name_id.as_ref().map(|name| name.value.as_str());
    // Where the person's mail address is known, another one is not theirs, even if they are called so.
    if let (Name::Email(_), Some(email)) = (name, &session.user.email) {
        return fold::is_same(email, text);
    }
    session.user.is_called(text)
        || (!is_address && (fold::is_same(&session.user.id, text) || name_id == Some(text)))
        || (is_address && name_id.is_some_and(|own| fold::is_same(own, text)))
}

/// Whether it is an address, and its text.
fn parts(name: &Name) -> (bool, &str) {
    match name {
        Name::Opaque(text) | Name::Issued(_, text) => (false, text),
        Name::Email(text) | Name::Account(text) => (true, text),
    }
}

fn each_once(mut sessions: Vec<Arc<Session>>) -> Vec<Arc<Session>> {
    let mut seen = BTreeSet::new();
    sessions.retain(|session| seen.insert(u128::from(session.id)));
    sessions
}
