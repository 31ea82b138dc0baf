//! Us, as identity providers know us.

use std::sync::Arc;

use crate::saml::request::Options;
use crate::saml::xml::escape;
use crate::saml::{Key, binding, ns};

/// The service provider of one realm.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceProvider {
    /// Our entity ID: Entra's *Identifier*.
    pub entity_id: String,
    /// Where Responses are to be posted: Entra's *Reply URL*.
    pub acs_url: String,
    /// Other addresses at which Responses are taken.
    pub acs_aliases: Vec<String>,
    /// Where logout messages are taken, if anywhere.
    pub slo_url: Option<String>,
    /// Our keys: the first one signs, each of them decrypts.
    pub keys: Vec<Arc<Key>>,
    /// How we ask.
    pub requests: Options,
    /// Whether our metadata are signed, with the first key.
    pub sign_metadata: bool,
}

impl ServiceProvider {
    /// Whether Responses are taken at this address.
    pub fn takes_responses_at(&self, url: &str) -> bool {
        self.acs_url == url || self.acs_aliases.iter().any(|alias| alias == url)
    }

    /// Our metadata, to be uploaded at the identity provider (SAML Metadata §2.4.4).
    pub fn metadata(&self) -> String {
        let service = |(index, url): (usize, &String)| {
            let default = if index == 0 { r#" isDefault="true""# } else { "" };
            let (binding, url) = (binding::POST, escape(url));
            format!(r#"<md:AssertionConsumerService Binding="{binding}" Location="{url}" index="{index}"{default}/>"#)
        };
        let services: String =
            std::iter::once(&self.acs_url).chain(&self.acs_aliases).enumerate().map(service).collect();
        format!(
            concat!(
                r#"<?xml version="1.0" encoding="UTF-8"?>"#,
                r#"<md:EntityDescriptor xmlns:md="{metadata}" entityID="{entity}">"#,
                r#"<md:SPSSODescriptor AuthnRequestsSigned="false" WantAssertionsSigned="true" "#,
                r#"protocolSupportEnumeration="{protocol}">{services}</md:SPSSODescriptor></md:EntityDescriptor>"#,
            ),
            metadata = ns::METADATA,
            entity = escape(&self.entity_id),
            protocol = ns::PROTOCOL,
            services = services,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::saml::xml::{Comments, parse};

    #[test]
    fn metadata_name_us_and_each_address_with_the_first_as_default() {
        let us = ServiceProvider {
            entity_id: "https://auth.test/a?b=1&c=2".into(),
            acs_url: "https://portal.test/saml/acs".into(),
            acs_aliases: vec!["https://portal.test/ssoAssert?cmpID=1&x=2".into()],
            ..ServiceProvider::default()
        };
        let root = parse(&us.metadata(), Comments::Refused).unwrap();
        assert_eq!(root.attribute("entityID"), Some("https://auth.test/a?b=1&c=2"));
        let role = root.only(ns::METADATA, "SPSSODescriptor").unwrap();
        assert_eq!(role.attribute("WantAssertionsSigned"), Some("true"));
        let services: Vec<_> = role
            .all(ns::METADATA, "AssertionConsumerService")
            .map(|s| ["index", "Location", "isDefault"].map(|name| s.attribute(name).unwrap_or_default().to_owned()))
            .collect();
        assert_eq!(services[0], ["0", "https://portal.test/saml/acs", "true"]);
        assert_eq!(services[1], ["1", "https://portal.test/ssoAssert?cmpID=1&x=2", ""]);
        assert!(us.takes_responses_at(&us.acs_aliases[0]) && !us.takes_responses_at("https://portal.test/"));
    }
}
