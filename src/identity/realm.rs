//! Realms: which identity provider is responsible for a domain (home realm discovery), and of which people its
//! assertions count.

use serde::Deserialize;

use crate::identity::fold::{fold, is_same};
use crate::identity::{LogonName, User};

/// An identity provider that is responsible for a set of domains.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Realm {
    /// The name that records show and rules match.
    pub name: String,
    /// Its DNS domains, in lower case and in ASCII (UTS 46): the part after `@` in names. Each counts without the
    /// domains below it, as at Entra.
    pub domains: Vec<String>,
    /// NetBIOS names of on-premises domains, the part before `\` in names, each with its DNS domain.
    pub netbios: Vec<(String, String)>,
    /// The other domains whose people its assertions may also name.
    pub foreign_names: ForeignNames,
}

/// Of which domains a realm may name people besides its own: guests in its directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "Written")]
pub enum ForeignNames {
    /// Of none.
    #[default]
    Refused,
    /// Of these domains (or NetBIOS domains), in lower case and in ASCII.
    Of(Vec<String>),
    /// Of all domains except those of other realms.
    Any,
}

/// The same, as the configuration has it.
#[derive(Deserialize)]
#[serde(untagged, expecting = "it is `true`, `false` or a list of domains")]
enum Written {
    Switch(bool),
    Domains(Vec<String>),
}

impl From<Written> for ForeignNames {
    fn from(written: Written) -> Self {
        match written {
            Written::Switch(true) => Self::Any,
            Written::Switch(false) => Self::Refused,
            Written::Domains(domains) => Self::Of(domains.iter().map(|domain| plain_domain(domain)).collect()),
        }
    }
}

/// The domain to which a name belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// No domain: it is a name within its realm, such as a `sAMAccountName`, a `uid` or an opaque identifier.
    Inside,
    /// The DNS domain after `@`, or the NetBIOS domain before `\`; in lower case and in ASCII.
    Domain(String),
    /// The name has a form that no directory would use, so its domain cannot be told.
    Unreadable,
}

impl Scope {
    /// The domain of a name that an identity provider gives.
    pub fn of(name: &str) -> Self {
        let domain = match (name.split_once('@'), name.split_once('\\')) {
            (None, None) => return Self::Inside,
            (Some((_, domain)), None) => dns_domain(domain).filter(|_| !domain.contains('@')),
            (None, Some((domain, account))) => Some(fold(domain)).filter(|_| !account.contains('\\')),
            (Some(_), Some(_)) => None,
        };
        domain.filter(|domain| !domain.is_empty()).map_or(Self::Unreadable, Self::Domain)
    }
}

/// The name with its domain in ASCII, so that it is the same however the domain was written.
pub fn plain_name(name: &str) -> String {
    match (name.split_once('@'), Scope::of(name)) {
        (Some((account, written)), Scope::Domain(domain)) if !written.is_ascii() => format!("{account}@{domain}"),
        _ => name.to_owned(),
    }
}

/// A domain in lower case and in ASCII. One that cannot be a DNS domain is only folded.
pub fn plain_domain(domain: &str) -> String {
    dns_domain(domain).unwrap_or_else(|| fold(domain))
}

/// Not with a dot at its end: otherwise each person would have two names.
fn dns_domain(domain: &str) -> Option<String> {
    idna::domain_to_ascii_strict(domain).ok().filter(|domain| !domain.ends_with('.'))
}

impl Realm {
    /// The name of this account for the identity provider: `account@domain`, with the DNS domain of a NetBIOS name.
    ///
    /// It is a hint that fills in a field (Entra's `login_hint`), so a wrong guess costs the person a correction.
    pub fn login_hint(&self, name: &LogonName) -> String {
        let domain = self.dns_domain(name.domain()).unwrap_or(name.domain());
        format!("{}@{domain}", name.account())
    }

    /// Whether `typed` is a name of `user`.
    pub fn is_name_of(&self, typed: &str, user: &User) -> bool {
        let Ok(name) = LogonName::parse(typed) else { return false };
        let account = user.sam_account_name.as_deref();
        let by_account = account.is_some_and(|account| is_same(account, name.account()));
        let own_domain = self.domains.is_empty() || self.dns_domain(name.domain()).is_some();
        user.is_called(typed.trim()) || user.is_called(&self.login_hint(&name)) || (by_account && own_domain)
    }

    /// Whether its identity provider may name somebody `name`. `taken` are the domains (and NetBIOS domains) of other
    /// realms. A name without a domain belongs to the realm, whatever it is.
    pub fn speaks_for(&self, name: &str, taken: &[String]) -> bool {
        let domain = match Scope::of(name) {
            Scope::Inside => return true,
            Scope::Unreadable => return false,
            Scope::Domain(domain) => domain,
        };
        self.all_domains().any(|own| own == domain)
            || match &self.foreign_names {
                ForeignNames::Refused => false,
                ForeignNames::Of(domains) => domains.contains(&domain),
                ForeignNames::Any => !taken.contains(&domain),
            }
    }

    /// Its DNS and NetBIOS domains, in lower case.
    pub fn all_domains(&self) -> impl Iterator<Item = String> {
        self.domains.iter().cloned().chain(self.netbios.iter().map(|(short, _)| fold(short)))
    }

    /// The domains of all other realms among `realms`.
    pub fn taken<'a>(&self, realms: impl IntoIterator<Item = &'a Self>) -> Vec<String> {
        realms.into_iter().filter(|other| other.name != self.name).flat_map(Self::all_domains).collect()
    }

    fn dns_domain(&self, typed: &str) -> Option<&str> {
        let by_netbios = self.netbios.iter().find(|(short, _)| is_same(short, typed)).map(|(_, dns)| dns);
        let typed = plain_domain(typed);
        by_netbios.or_else(|| self.domains.iter().find(|dns| **dns == typed)).map(String::as_str)
    }

    /// The realm among `realms` that is responsible for the domain of `name`.
    pub fn of<'a>(realms: impl IntoIterator<Item = &'a Realm>, name: &LogonName) -> Option<&'a Realm> {
        realms.into_iter().find(|realm| realm.dns_domain(name.domain()).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Groups;

    fn contoso() -> Realm {
        Realm {
            name: "contoso".into(),
            domains: vec!["contoso.com".into(), "contoso.example".into(), "xn--bcher-kva.example".into()],
            netbios: vec![("CONTOSO".into(), "contoso.com".into())],
            foreign_names: ForeignNames::Refused,
        }
    }

    #[test]
    fn a_domain_of_either_kind_finds_its_realm_and_its_hint() {
        let fabrikam = Realm { name: "fabrikam".into(), domains: vec!["fabrikam.com".into()], ..Realm::default() };
        let realms = [contoso(), fabrikam];
        for (typed, realm, hint) in [
            ("contoso\\bsimon", "contoso", "bsimon@contoso.com"),
            ("bsimon@CONTOSO", "contoso", "bsimon@contoso.com"),
            ("bsimon@contoso.example", "contoso", "bsimon@contoso.example"),
            ("bücher.example\\bsimon", "contoso", "bsimon@xn--bcher-kva.example"),
            ("fabrikam.com\\eve", "fabrikam", "eve@fabrikam.com"),
        ] {
            let name = LogonName::parse(typed).unwrap();
            let found = Realm::of(&realms, &name).unwrap();
            assert_eq!((found.name.as_str(), found.login_hint(&name).as_str()), (realm, hint), "{typed}");
        }
        assert_eq!(Realm::of(&realms, &LogonName::parse("eve@example.org").unwrap()), None);
    }

    #[test]
    fn a_realm_speaks_for_its_domains_alone() {
        let taken = ["fabrikam.com".to_owned(), "fabrikam".to_owned()];
        let speaks = |foreign_names, name: &str| Realm { foreign_names, ..contoso() }.speaks_for(name, &taken);
        let listed = || ForeignNames::from(Written::Domains(vec!["Guest.Example".into(), "FABRIKAM.com".into()]));
        for (name, of_its_own, with_a_list, with_any) in [
            ("b.simon@contoso.com", true, true, true),
            ("B.Simon@CONTOSO.Example", true, true, true),
            ("eve@bücher.example", true, true, true),
            ("eve@BÜCHER.example", true, true, true),
            ("CONTOSO\\bsimon", true, true, true),
            ("contoso.com\\bsimon", true, true, true),
            // Names inside the realm are its own.
            ("bsimon", true, true, true),
            ("6a1f0c52-8d3b-4b7e-a2c9-1f4e5d6c7b01", true, true, true),
            ("eve_fabrikam.com#EXT#@contoso.com", true, true, true),
            ("eve@guest.example", false, true, true),
            ("eve@fabrikam.com", false, true, false),
            ("FABRIKAM\\eve", false, false, false),
            ("eve_fabrikam.com#EXT#@tenant.onmicrosoft.com", false, false, true),
            // Exactly, as at Entra: a domain below one is another one.
            ("eve@sub.contoso.com", false, false, true),
            ("eve@com", false, false, true),
            // Nobody can say whose these are.
            ("b.simon@contoso.com.", false, false, false),
            ("eve@fabrikam.com@contoso.com", false, false, false),
            ("FABRIKAM\\eve@contoso.com", false, false, false),
            ("eve@contoso.com\\x", false, false, false),
            ("FABRIKAM\\CONTOSO\\eve", false, false, false),
            ("eve@", false, false, false),
            ("\\eve", false, false, false),
            ("eve@ contoso.com", false, false, false),
        ] {
            assert_eq!(speaks(ForeignNames::Refused, name), of_its_own, "{name}");
            assert_eq!(speaks(listed(), name), with_a_list, "{name}, with a list");
            assert_eq!(speaks(ForeignNames::Any, name), with_any, "{name}, with any");
        }
        assert!(!Realm::default().speaks_for("b.simon@contoso.com", &[]), "without domains, for none");
        assert_eq!(plain_name("Eve@BÜCHER.example"), "Eve@xn--bcher-kva.example");
        assert_eq!(plain_name("Eve@Contoso.com"), "Eve@Contoso.com");
    }

    #[test]
    fn a_person_is_recognised_by_each_form_of_their_name() {
        let realm = contoso();
        let user = User {
            realm: "contoso".into(),
            id: "0f3c".into(),
            name: "B.Simon@contoso.com".into(),
            display_name: None,
            sam_account_name: Some("bsimon".into()),
            upn: Some("B.Simon@contoso.com".into()),
            email: Some("britta.simon@contoso.com".into()),
            groups: Groups::Unknown,
            risk: crate::identity::Risk::Unknown,
        };
        for typed in ["b.simon@contoso.com", "CONTOSO\\BSimon", "bsimon@contoso.com", "Britta.Simon@contoso.com "] {
            assert!(realm.is_name_of(typed, &user), "{typed}");
        }
        for typed in ["alexw@contoso.com", "FABRIKAM\\bsimon", "bsimon@fabrikam.com", ""] {
            assert!(!realm.is_name_of(typed, &user), "{typed}");
        }
    }
}
