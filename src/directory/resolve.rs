//! Which person is meant by a name: exactly one, or nobody, and never a guess.

use std::sync::Arc;

use super::index::Called;
use super::object::{Person, Standing};
use super::snapshot::Snapshot;
use crate::identity::fold::is_same;
use crate::identity::{LogonName, User};

/// What the operator says of domains.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Domains {
    /// NetBIOS names, each with its DNS name. They count before what groups show.
    pub netbios: Vec<(String, String)>,
    /// The DNS names of the realms.
    pub dns: Vec<String>,
    /// Whether a UPN that is another person's mail address means nobody. Otherwise the UPN counts.
    pub is_strict: bool,
}

/// Who is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolved {
    /// This person, whatever their standing.
    One(Arc<Person>),
    /// Nobody that the directory knows.
    Nobody,
    /// It could be any of these, or the domain could be any of several.
    Ambiguous(Vec<Arc<Person>>),
}

impl Resolved {
    /// Of several, each counts once.
    fn of<'a>(mut candidates: impl Iterator<Item = &'a Arc<Person>>) -> Self {
        // Nearly always there is one, and then nothing is allocated.
        let Some(first) = candidates.next() else { return Self::Nobody };
        let Some(second) = candidates.next() else { return Self::One(Arc::clone(first)) };
        let mut found: Vec<&Arc<Person>> = [first, second].into_iter().chain(candidates).collect();
        found.sort_by_key(|person| person.number);
        found.dedup_by_key(|person| person.number);
        match found[..] {
            [] => Self::Nobody,
            [one] => Self::One(Arc::clone(one)),
            _ => Self::Ambiguous(found.into_iter().map(Arc::clone).collect()),
        }
    }
}

impl Resolved {
    /// The same, where those who were deleted count only if they are all there are: their names may be others' by now.
    fn present<'a>(candidates: impl Iterator<Item = &'a Arc<Person>>) -> Self {
        let all: Vec<_> = candidates.collect();
        let is_there = |person: &&Arc<Person>| person.standing != Standing::Deleted;
        match Self::of(all.iter().copied().filter(is_there)) {
            Self::Nobody => Self::of(all.into_iter()),
            found => found,
        }
    }
}

impl Snapshot {
    /// Who is meant by a logon name. Whether they may sign in is another question.
    pub fn resolve(&self, name: &LogonName, domains: &Domains) -> Resolved {
        match name {
            LogonName::DownLevel { domain, account } => self.resolve_down_level(domain, account, domains),
            LogonName::AtDomain { account, domain } => self.resolve_at_domain(account, domain, domains),
        }
    }

    /// The person for whom an identity provider has vouched: by their object ID, and if the assertion has none, by their
    /// UPN, else by the name that identifies them (as a UPN, a mail address or with its domain), else by the
    /// `sAMAccountName` in the domains of the realm. The first of these that names anybody decides. Whoever has an object ID
    /// is never found by a name, which may be another person's by now.
    pub fn person_of(&self, user: &User, domains: &Domains) -> Resolved {
        if let Some(person) = self.person_of_id(&user.id) {
            return Resolved::One(Arc::clone(person));
        }
        // The identifier of somebody without an object ID is their name in lower case.
        if !is_same(&user.id, &user.name) {
            return Resolved::Nobody;
        }
        let by_upn = user.upn.iter().map(|upn| Resolved::present(self.of_upn(upn)));
        let by_sam = user.sam_account_name.iter().map(|account| self.of_account_in(account, domains));
        let by_name = std::iter::once_with(|| self.of_name(&user.name, domains));
        by_upn.chain(by_name).chain(by_sam).find(|found| *found != Resolved::Nobody).unwrap_or(Resolved::Nobody)
    }

    fn of_name(&self, name: &str, domains: &Domains) -> Resolved {
        if let Some((domain, account)) = name.split_once('\\') {
            return self.resolve_down_level(domain, account, domains);
        }
        if !name.contains('@') {
            return self.of_account_in(name, domains);
        }
        match Resolved::present(self.of_upn(name)) {
            Resolved::Nobody => Resolved::present(self.of(Called::Mail, name, |person| person.mail.as_deref())),
            found => found,
        }
    }

    /// Whoever has this `sAMAccountName` in a domain of the realm; where it says of none, in any that groups show.
    fn of_account_in(&self, account: &str, domains: &Domains) -> Resolved {
        let short = domains.netbios.iter().map(|(_, dns)| dns.as_str());
        let own: Vec<&str> = short.chain(domains.dns.iter().map(String::as_str)).collect();
        let found = Resolved::present(own.iter().flat_map(|dns| self.of_account(account, dns)));
        if found != Resolved::Nobody || !domains.netbios.is_empty() {
            return found;
        }
        Resolved::present(self.all_domains().flat_map(|dns| self.of_account(account, dns)))
    }

    fn resolve_down_level(&self, domain: &str, account: &str, domains: &Domains) -> Resolved {
        let by_operator = domains.netbios.iter().find(|(short, _)| is_same(short, domain)).map(|(_, dns)| dns.as_str());
        if let Some(dns) = by_operator {
            return Resolved::of(self.of_account(account, dns));
        }
        let mut dns: Vec<&str> = self.domains_called(domain).collect();
        if dns.is_empty() {
            dns.push(domain);
        }
        let found = Resolved::of(dns.iter().flat_map(|dns| self.of_account(account, dns)));
        match found {
            // Two domains share the short name: which of them is meant is not known.
            Resolved::One(person) if dns.len() > 1 => Resolved::Ambiguous(vec![person]),
            found => found,
        }
    }

    fn resolve_at_domain(&self, account: &str, domain: &str, domains: &Domains) -> Resolved {
        let name = format!("{account}@{domain}");
        let by_upn = Resolved::of(self.of_upn(&name));
        if !domains.is_strict && by_upn != Resolved::Nobody {
            return by_upn;
        }
        let others = self
            .of_account(account, domain)
            .chain(self.of(Called::OnPremisesUpn, &name, |person| person.on_premises_upn.as_deref()))
            .chain(self.of(Called::Mail, &name, |person| person.mail.as_deref()))
            .chain(self.candidates(Called::Alias, &name, "").filter(|person| person.has_alias(&name)));
        Resolved::of(self.of_upn(&name).chain(others))
    }

    /// Whose mail address this is: whoever has it as their own, else whoever has it as another one, else whoever is called so
    /// by their UPN and has no mail address. A UPN that looks like an address of somebody else's does not count.
    pub fn of_address(&self, address: &str) -> Resolved {
        let own = Resolved::present(self.of(Called::Mail, address, |person| person.mail.as_deref()));
        if own != Resolved::Nobody {
            return own;
        }
        let alias = Resolved::present(self.candidates(Called::Alias, address, "").filter(|one| one.has_alias(address)));
        if alias != Resolved::Nobody {
            return alias;
        }
        Resolved::present(self.of_upn(address).filter(|person| person.mail.is_none()))
    }

    fn of_upn<'a, 'n>(&'a self, upn: &'n str) -> impl Iterator<Item = &'a Arc<Person>> + use<'a, 'n> {
        self.of(Called::Upn, upn, |person| person.user_principal_name.as_deref())
    }

    fn of<'a, 'n>(
        &'a self,
        called: Called,
        name: &'n str,
        field: fn(&Person) -> Option<&str>,
    ) -> impl Iterator<Item = &'a Arc<Person>> + use<'a, 'n> {
        self.candidates(called, name, "").filter(move |person| field(person).is_some_and(|own| is_same(own, name)))
    }

    fn of_account<'a, 'n>(
        &'a self,
        account: &'n str,
        domain: &'n str,
    ) -> impl Iterator<Item = &'a Arc<Person>> + use<'a, 'n> {
        let is = |own: &Option<Box<str>>, name| own.as_deref().is_some_and(|own| is_same(own, name));
        self.candidates(Called::Sam, account, domain)
            .filter(move |person| is(&person.sam_account_name, account) && is(&person.domain, domain))
    }
}
