//! Home realm discovery: which identity provider answers for a domain.

use crate::identity::{LogonName, User};

/// The identity provider connection that answers for a set of domains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Realm {
    /// The name that records show.
    pub name: String,
    /// DNS domains, in lower case: what stands behind the `@`.
    pub domains: Vec<String>,
    /// NetBIOS names of on-premises domains, and the DNS domain that each stands for: what stands before the `\`.
    pub netbios: Vec<(String, String)>,
}

impl Realm {
    /// What to call this account at the identity provider: the account at the DNS domain that was typed, or that the
    /// NetBIOS domain stands for.
    ///
    /// It is a hint that fills in a field (Entra's `login_hint`), so a wrong guess costs the person a correction.
    pub fn login_hint(&self, name: &LogonName) -> String {
        let domain = self.dns_domain(name.domain()).unwrap_or(name.domain());
        format!("{}@{domain}", name.account())
    }

    /// Whether somebody who typed this means `user`.
    pub fn is_name_of(&self, typed: &str, user: &User) -> bool {
        let Ok(name) = LogonName::parse(typed) else { return false };
        let account = user.sam_account_name.as_deref();
        let by_account = account.is_some_and(|account| account.to_lowercase() == name.account().to_lowercase());
        let own_domain = self.domains.is_empty() || self.dns_domain(name.domain()).is_some();
        user.is_called(typed.trim()) || user.is_called(&self.login_hint(&name)) || (by_account && own_domain)
    }

    fn dns_domain(&self, typed: &str) -> Option<&str> {
        let by_netbios = self.netbios.iter().find(|(short, _)| short.eq_ignore_ascii_case(typed)).map(|(_, dns)| dns);
        by_netbios.or_else(|| self.domains.iter().find(|dns| dns.eq_ignore_ascii_case(typed))).map(String::as_str)
    }

    /// The realm among `realms` that answers for `name`.
    pub fn of<'a>(realms: impl IntoIterator<Item = &'a Realm>, name: &LogonName) -> Option<&'a Realm> {
        realms.into_iter().find(|realm| realm.dns_domain(name.domain()).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Groups;

    #[test]
    fn a_domain_of_either_kind_finds_its_realm_and_its_hint() {
        let contoso = Realm {
            name: "contoso".into(),
            domains: vec!["contoso.com".into(), "contoso.example".into()],
            netbios: vec![("CONTOSO".into(), "contoso.com".into())],
        };
        let fabrikam = Realm { name: "fabrikam".into(), domains: vec!["fabrikam.com".into()], netbios: vec![] };
        let realms = [contoso, fabrikam];
        for (typed, realm, hint) in [
            ("contoso\\bsimon", "contoso", "bsimon@contoso.com"),
            ("bsimon@CONTOSO", "contoso", "bsimon@contoso.com"),
            ("bsimon@contoso.example", "contoso", "bsimon@contoso.example"),
            ("fabrikam.com\\eve", "fabrikam", "eve@fabrikam.com"),
        ] {
            let name = LogonName::parse(typed).unwrap();
            let found = Realm::of(&realms, &name).unwrap();
            assert_eq!((found.name.as_str(), found.login_hint(&name).as_str()), (realm, hint), "{typed}");
        }
        assert_eq!(Realm::of(&realms, &LogonName::parse("eve@example.org").unwrap()), None);
    }

    #[test]
    fn a_person_is_recognised_by_each_form_of_their_name() {
        let realm = Realm {
            name: "contoso".into(),
            domains: vec!["contoso.com".into()],
            netbios: vec![("CONTOSO".into(), "contoso.com".into())],
        };
        let user = User {
            realm: "contoso".into(),
            id: "0f3c".into(),
            name: "B.Simon@contoso.com".into(),
            display_name: None,
            sam_account_name: Some("bsimon".into()),
            upn: Some("B.Simon@contoso.com".into()),
            email: Some("britta.simon@contoso.com".into()),
            groups: Groups::Unknown,
        };
        for typed in ["b.simon@contoso.com", "CONTOSO\\BSimon", "bsimon@contoso.com", "Britta.Simon@contoso.com "] {
            assert!(realm.is_name_of(typed, &user), "{typed}");
        }
        for typed in ["alexw@contoso.com", "FABRIKAM\\bsimon", "bsimon@fabrikam.com", ""] {
            assert!(!realm.is_name_of(typed, &user), "{typed}");
        }
    }
}
