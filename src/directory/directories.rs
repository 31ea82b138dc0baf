//! All directories, and what they say of somebody who signs in.

use std::sync::Arc;

use super::Directory;
use super::config::{Config, GroupName, Unsynchronised};
use super::object::{Group, Person, Standing};
use super::resolve::{Domains, Resolved};
use super::snapshot::Snapshot;
use crate::clock::Timestamp;
use crate::identity::realm::Scope;
use crate::identity::{Groups, LogonName, Realm, Risk, User};

/// The directories of one configuration.
#[derive(Debug, Default)]
pub struct Directories(Vec<Tenant>);

/// A directory, and what the configuration says of it.
#[derive(Debug)]
pub struct Tenant {
    /// The directory.
    pub directory: Arc<Directory>,
    /// What the configuration says.
    pub config: Config,
    domains: Domains,
    /// Its realms.
    realms: Vec<Realm>,
}

/// What a directory says of somebody for whom an identity provider has vouched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Nothing that keeps them out.
    Admitted,
    /// It does not know them.
    Unknown,
    /// Their name is that of several people.
    Ambiguous,
    /// Their account is disabled.
    Disabled,
    /// Their account was deleted.
    Deleted,
    /// Their sign-ins before a time do not count any more, and this one was before it.
    Revoked,
}

impl Judgement {
    /// Why somebody is kept out, for records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admitted => "the directory has nothing against it",
            Self::Unknown => "the directory does not know the person",
            Self::Ambiguous => {
                "the directory knows several people by the name that the assertion has, or one of another realm"
            }
            Self::Disabled => "the account is disabled in the directory",
            Self::Deleted => "the account was deleted in the directory",
            Self::Revoked => "the person's sign-ins were revoked in the directory",
        }
    }
}

impl Directories {
    /// These directories. The NetBIOS names of a directory are those of its realms.
    pub fn new(all: Vec<(Arc<Directory>, Config)>, realms: &[Realm]) -> Self {
        let tenant = |(directory, config): (Arc<Directory>, Config)| {
            let own = realms.iter().filter(|realm| config.realms.contains(&realm.name));
            let each = own.clone().cloned().collect();
            let (mut netbios, mut dns) = (Vec::new(), Vec::new());
            for realm in own {
                netbios.extend(realm.netbios.iter().cloned());
                dns.extend(realm.domains.iter().cloned());
            }
            let domains = Domains { netbios, dns, is_strict: config.strict_names };
            Tenant { directory, config, domains, realms: each }
        };
        Self(all.into_iter().map(tenant).collect())
    }

    /// All of them.
    pub fn all(&self) -> &[Tenant] {
        &self.0
    }

    /// The directory that knows the people of this realm.
    pub fn of_realm(&self, realm: &str) -> Option<&Tenant> {
        self.0.iter().find(|tenant| tenant.config.realms.iter().any(|own| own == realm))
    }

    /// The groups of a person by the directory. `None` where no directory knows them: then the assertion counts.
    pub fn groups(&self, user: &User) -> Option<Groups> {
        let tenant = self.of_realm(&user.realm)?;
        let snapshot = tenant.directory.snapshot();
        match tenant.person_of(user) {
            Resolved::One(person) => Some(Groups::Known(tenant.groups(&snapshot, &person))),
            Resolved::Nobody | Resolved::Ambiguous(_) => None,
        }
    }

    /// Whether somebody who has proven at this time who they are may be signed in. `from_known` says whether they come
    /// from a known network.
    pub fn judge(&self, user: &User, authenticated: Timestamp, from_known: bool) -> Judgement {
        let Some(tenant) = self.of_realm(&user.realm) else { return Judgement::Admitted };
        match tenant.judge(user, authenticated) {
            Judgement::Unknown if tenant.admits_unknown(from_known) => Judgement::Admitted,
            judgement => judgement,
        }
    }

    /// Who is meant by a name that somebody typed for this realm.
    pub fn resolve(&self, realm: &str, name: &LogonName) -> Option<Resolved> {
        let tenant = self.of_realm(realm)?;
        Some(tenant.resolve(name))
    }
}

impl Tenant {
    /// Who is meant by a logon name.
    pub fn resolve(&self, name: &LogonName) -> Resolved {
        self.directory.snapshot().resolve(name, &self.domains)
    }

    /// The person for whom an identity provider has vouched. Signing in and ending sessions ask this alone. Whoever is a person
    /// of another realm of the directory is ambiguous, so that they are refused and never taken for a stranger.
    pub fn person_of(&self, user: &User) -> Resolved {
        match self.directory.snapshot().person_of(user, &self.domains) {
            Resolved::One(person) if !self.is_of(&person, &user.realm) => Resolved::Ambiguous(vec![person]),
            found => found,
        }
    }

    /// Whether a realm may say of somebody that they are this person. Of several realms of one directory, none may claim the
    /// people of another, by an object ID either.
    fn is_of(&self, person: &Person, realm: &str) -> bool {
        if self.realms.len() < 2 {
            return true;
        }
        // Whoever was deleted has no name left, and guests have one of nobody's domain: they are refused to nobody here, so
        // that what the directory says against them counts.
        let Some(name) = person.user_principal_name.as_deref().or(person.mail.as_deref()) else { return true };
        let Scope::Domain(domain) = Scope::of(name) else { return true };
        let is_in = |own: &Realm| own.all_domains().any(|own| own == domain);
        let is_own = |own: &&Realm| own.name == realm;
        let (mut own, mut others) =
            (self.realms.iter().filter(is_own), self.realms.iter().filter(|other| !is_own(other)));
        own.any(is_in) || !others.any(is_in)
    }

    /// Which of these domains no realm of the directory speaks for, so that nobody signs in by a name in them.
    pub fn unserved<'d>(&self, domains: &'d [String]) -> Vec<&'d str> {
        let is_served = |domain: &str| self.realms.iter().any(|realm| realm.domains.iter().any(|own| own == domain));
        domains.iter().map(String::as_str).filter(|domain| !is_served(domain)).collect()
    }

    /// The risk of somebody's account, if it is read and they are known.
    pub fn risk_of(&self, user: &User) -> Risk {
        match self.person_of(user) {
            Resolved::One(person) if self.reads_risk() => self.directory.risks().of(&person.object_id),
            _ => Risk::Unknown,
        }
    }

    /// What the directory itself says of somebody.
    pub fn judge(&self, user: &User, authenticated: Timestamp) -> Judgement {
        let person = match self.person_of(user) {
            Resolved::One(person) => person,
            Resolved::Nobody => return Judgement::Unknown,
            Resolved::Ambiguous(_) => return Judgement::Ambiguous,
        };
        match person.standing {
            Standing::Disabled => Judgement::Disabled,
            Standing::Deleted => Judgement::Deleted,
            Standing::Active if person.sessions_valid_from.is_some_and(|from| authenticated < from) => {
                Judgement::Revoked
            }
            Standing::Active => Judgement::Admitted,
        }
    }

    /// Why a session of this realm may not go on, if it may not. Whom the directory does not know may stay while it knows
    /// nobody at all: it has not been filled yet.
    pub fn against(&self, user: &User, authenticated: Timestamp) -> Option<Judgement> {
        match self.judge(user, authenticated) {
            Judgement::Admitted => None,
            Judgement::Unknown if self.admits_unknown(true) || self.directory.snapshot().people_count() == 0 => None,
            judgement => Some(judgement),
        }
    }

    /// Whether people may sign in whom the directory does not know. While it knows nobody, that is everybody: one that has
    /// been lost must not open what it kept shut.
    pub fn admits_unknown(&self, from_known: bool) -> bool {
        self.config.unsynchronised == Unsynchronised::Allow
            && (from_known || self.directory.snapshot().people_count() == 0)
    }

    /// The names by which rules know the groups of a person.
    fn groups(&self, snapshot: &Snapshot, person: &Person) -> Vec<String> {
        let groups = snapshot.groups_of(person);
        let mut names: Vec<String> = groups.into_iter().flat_map(|group| self.names_of(group)).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The names by which rules know a group.
    pub fn names_of(&self, group: &Group) -> Vec<String> {
        let mut names = Vec::new();
        for kind in &self.config.group_names {
            let account = group.sam_account_name.as_deref();
            match kind {
                GroupName::ObjectId => names.push(group.object_id.to_string()),
                GroupName::SamAccountName => names.extend(account.map(str::to_owned)),
                GroupName::DisplayName => names.extend(group.display_name.as_deref().map(str::to_owned)),
                GroupName::OnPremises => {
                    let domains = [&group.netbios, &group.domain].into_iter().flatten();
                    names.extend(domains.filter_map(|domain| Some(format!("{domain}\\{}", account?))));
                }
            }
        }
        names
    }
}
