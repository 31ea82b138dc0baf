//! The name that an identity provider gives a person, with what it says about the name.

use serde::{Deserialize, Serialize};

use crate::saml::xml::{Element, escape};

/// The format that says nothing: the same as none (SAML Core §8.3.1).
const UNSPECIFIED: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified";

/// A NameID (SAML Core §2.2.3).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameId {
    /// The name.
    pub value: String,
    /// What kind of name it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// The domain that the name is from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name_qualifier: Option<String>,
    /// The service provider, or group of them, that the name is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sp_name_qualifier: Option<String>,
}

impl NameId {
    pub(super) fn read(element: &Element) -> Self {
        let attribute = |name| element.attribute(name).map(str::to_owned);
        Self {
            value: element.text.clone(),
            format: attribute("Format"),
            name_qualifier: attribute("NameQualifier"),
            sp_name_qualifier: attribute("SPNameQualifier"),
        }
    }

    /// The element, whose prefix `saml` is bound around it.
    pub(super) fn element(&self) -> String {
        let attributes: String = [
            ("NameQualifier", &self.name_qualifier),
            ("SPNameQualifier", &self.sp_name_qualifier),
            ("Format", &self.format),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some(format!(r#" {name}="{}""#, escape(value.as_deref()?))))
        .collect();
        format!("<saml:NameID{attributes}>{}</saml:NameID>", escape(&self.value))
    }

    /// Its length, in bytes.
    #[expect(clippy::len_without_is_empty, reason = "it is no collection")]
    pub fn len(&self) -> usize {
        let optional = [&self.format, &self.name_qualifier, &self.sp_name_qualifier];
        self.value.len() + optional.into_iter().flatten().map(String::len).sum::<usize>()
    }

    /// Whether both name the same person (SAML Core §3.3.4): what one of them leaves open does not tell them apart.
    pub fn matches(&self, other: &Self) -> bool {
        let given = |part: &Option<String>| part.clone().filter(|part| !part.is_empty() && part != UNSPECIFIED);
        let agree = |one: &Option<String>, two: &Option<String>| match (given(one), given(two)) {
            (Some(one), Some(two)) => one == two,
            _ => true,
        };
        !self.value.is_empty()
            && self.value == other.value
            && agree(&self.format, &other.format)
            && agree(&self.name_qualifier, &other.name_qualifier)
            && agree(&self.sp_name_qualifier, &other.sp_name_qualifier)
    }
}

impl From<&str> for NameId {
    fn from(value: &str) -> Self {
        Self { value: value.to_owned(), ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_when_nothing_that_both_say_differs() {
        let name = |value: &str, format: Option<&str>, qualifier: Option<&str>| NameId {
            value: value.into(),
            format: format.map(str::to_owned),
            name_qualifier: qualifier.map(str::to_owned),
            sp_name_qualifier: None,
        };
        let own = name("B.Simon@contoso.com", Some("urn:mail"), Some("q"));
        for (other, same) in [
            (own.clone(), true),
            (name("B.Simon@contoso.com", None, None), true),
            (name("B.Simon@contoso.com", Some(UNSPECIFIED), Some("")), true),
            (name("b.simon@contoso.com", None, None), false),
            (name("B.Simon@contoso.com", Some("urn:other"), None), false),
            (name("B.Simon@contoso.com", None, Some("r")), false),
            (name("", None, None), false),
        ] {
            assert_eq!((own.matches(&other), other.matches(&own)), (same, same), "{other:?}");
        }
        assert!(!NameId::default().matches(&NameId::default()), "no name names nobody");
        let other = NameId { sp_name_qualifier: Some("s".into()), ..own.clone() };
        assert!(own.matches(&other));
        assert!(!NameId { sp_name_qualifier: Some("t".into()), ..own }.matches(&other));
    }
}
