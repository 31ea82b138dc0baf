//! Whom a rule names: a person or a group of one realm. What is written without a realm is read as that of each realm that
//! it can mean.

use crate::identity::fold::{fold, is_same};
use crate::identity::realm::{Scope, plain_name};
use crate::identity::{GUEST, Realm};

/// A name of one realm, folded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    realm: String,
    name: String,
}

impl Name {
    fn new(realm: &str, name: &str) -> Self {
        Self { realm: realm.to_owned(), name: fold(name) }
    }

    /// The realm.
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// The name in it, folded.
    pub(super) fn text(&self) -> &str {
        &self.name
    }

    /// Whether `name` is the same one in its realm. It allocates nothing.
    pub(super) fn is(&self, name: &str) -> bool {
        is_same(&self.name, name)
    }
}

/// The realm that `written` begins with, and the name in it.
pub fn qualified<'a, 'w>(written: &'w str, realms: &'a [Realm]) -> Option<(&'a Realm, &'w str)> {
    let (realm, name) = written.split_once('/')?;
    Some((realms.iter().find(|own| own.name == realm)?, name))
}

/// The people that `written` can mean, in a rule about these realms (all, if it says nothing). There should be one.
///
/// A name with a domain is that of each realm that speaks for the domain; any other one could be in each realm.
pub fn people(written: &str, realms: &[Realm], within: &[String]) -> Vec<Name> {
    if is_same(written, GUEST) {
        return vec![Name::new(GUEST, GUEST)];
    }
    if let Some((realm, name)) = qualified(written, realms) {
        return vec![Name::new(&realm.name, &plain_name(name))];
    }
    let may_name = |realm: &&Realm| match Scope::of(written) {
        Scope::Inside => true,
        Scope::Domain(_) => realm.speaks_for(written, &realm.taken(realms)),
        Scope::Unreadable => false,
    };
    let found = inside(realms, within).filter(may_name);
    found.map(|realm| Name::new(&realm.name, &plain_name(written))).collect()
}

/// The groups that `written` can mean, as for [`people`].
pub fn groups(written: &str, realms: &[Realm], within: &[String]) -> Vec<Name> {
    if let Some((realm, name)) = qualified(written, realms) {
        return vec![Name::new(&realm.name, name)];
    }
    inside(realms, within).map(|realm| Name::new(&realm.name, written)).collect()
}

fn inside<'a>(realms: &'a [Realm], within: &[String]) -> impl Iterator<Item = &'a Realm> {
    realms.iter().filter(|realm| within.is_empty() || within.contains(&realm.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::ForeignNames;

    fn realms(foreign_names: ForeignNames) -> [Realm; 2] {
        let realm = |name: &str, domain: &str, short: &str| Realm {
            name: name.into(),
            domains: vec![domain.into()],
            netbios: vec![(short.into(), domain.into())],
            foreign_names: ForeignNames::Refused,
        };
        let contoso = Realm { foreign_names, ..realm("contoso", "contoso.com", "CONTOSO") };
        [contoso, realm("fabrikam", "xn--bcher-kva.example", "FABRIKAM")]
    }

    fn text(names: &[Name]) -> String {
        names.iter().map(|name| format!("{}/{}", name.realm, name.name)).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_name_means_the_realm_that_speaks_for_it() {
        let listed = ForeignNames::Of(vec!["xn--bcher-kva.example".into(), "guest.example".into()]);
        for (written, alone, beside_guests) in [
            ("B.Simon@Contoso.com", "contoso/b.simon@contoso.com", "contoso/b.simon@contoso.com"),
            (
                "Eve@BÜCHER.example",
                "fabrikam/eve@xn--bcher-kva.example",
                "contoso/eve@xn--bcher-kva.example fabrikam/eve@xn--bcher-kva.example",
            ),
            ("contoso/Eve@BÜCHER.example", "contoso/eve@xn--bcher-kva.example", "contoso/eve@xn--bcher-kva.example"),
            ("FABRIKAM\\Eve", "fabrikam/fabrikam\\eve", "fabrikam/fabrikam\\eve"),
            ("eve@guest.example", "", "contoso/eve@guest.example"),
            ("eve@elsewhere.example", "", ""),
            ("bsimon", "contoso/bsimon fabrikam/bsimon", "contoso/bsimon fabrikam/bsimon"),
            ("fabrikam/bsimon", "fabrikam/bsimon", "fabrikam/bsimon"),
            ("Guest", "guest/guest", "guest/guest"),
            ("contoso/guest", "contoso/guest", "contoso/guest"),
            ("a@b@contoso.com", "", ""),
        ] {
            assert_eq!(text(&people(written, &realms(ForeignNames::Refused), &[])), alone, "{written}");
            assert_eq!(text(&people(written, &realms(listed.clone()), &[])), beside_guests, "{written}");
        }
        let within = ["fabrikam".to_owned()];
        assert_eq!(text(&people("bsimon", &realms(ForeignNames::Refused), &within)), "fabrikam/bsimon");
        assert_eq!(text(&people("b.simon@contoso.com", &realms(ForeignNames::Refused), &within)), "");
    }

    #[test]
    fn a_group_is_that_of_its_realm() {
        let realms = realms(ForeignNames::Any);
        for (written, meant) in [
            ("Interns", "contoso/interns fabrikam/interns"),
            ("fabrikam/Interns", "fabrikam/interns"),
            ("/staff/interns", "contoso//staff/interns fabrikam//staff/interns"),
            ("contoso//staff", "contoso//staff"),
        ] {
            assert_eq!(text(&groups(written, &realms, &[])), meant, "{written}");
        }
        assert_eq!(text(&groups("Interns", &realms[..1], &[])), "contoso/interns");
        assert_eq!(text(&groups("Interns", &realms, &["contoso".into()])), "contoso/interns");
    }
}
