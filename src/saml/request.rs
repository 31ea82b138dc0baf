//! Asks the identity provider to authenticate whoever sits at the browser: an AuthnRequest by HTTP-Redirect.
//!
//! It has no Subject (Entra answers AADSTS900236), no RequestedAuthnContext (AADSTS75011 for whoever signed in without
//! a password) and no NameIDPolicy (people are identified by claims).

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use url::Url;

use crate::clock::Timestamp;
use crate::saml::xml::escape;
use crate::saml::{IdentityProvider, ServiceProvider, binding, ns};
use crate::seal;

/// An AuthnRequest, ready to be sent with a browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Its identifier, which the Response must name.
    pub id: String,
    /// Where to send the browser.
    pub url: Url,
}

/// Makes an AuthnRequest. `relay_state` comes back with the Response; `login_hint` fills in the name at the identity
/// provider, if there is one.
pub fn build(
    sp: &ServiceProvider,
    idp: &IdentityProvider,
    relay_state: &str,
    login_hint: Option<&str>,
    now: Timestamp,
) -> Request {
    // An XML ID must not begin with a digit, and Entra insists.
    let id = format!("_{}", seal::random_text());
    let xml = format!(
        concat!(
            r#"<samlp:AuthnRequest xmlns:samlp="{protocol}" xmlns:saml="{assertion}" ID="{id}" Version="2.0" "#,
            r#"IssueInstant="{now:.3}" Destination="{destination}" ProtocolBinding="{binding}" "#,
            r#"AssertionConsumerServiceURL="{acs}"><saml:Issuer>{issuer}</saml:Issuer></samlp:AuthnRequest>"#,
        ),
        protocol = ns::PROTOCOL,
        assertion = ns::ASSERTION,
        id = id,
        now = now,
        destination = escape(idp.sign_in_url().as_str()),
        binding = binding::POST,
        acs = escape(&sp.acs_url),
        issuer = escape(&sp.entity_id),
    );
    let mut url = idp.sign_in_url().clone();
    let mut query = url.query_pairs_mut();
    query.append_pair("SAMLRequest", &packed(&xml)).append_pair("RelayState", relay_state);
    if let Some(hint) = login_hint {
        query.append_pair("login_hint", hint);
    }
    drop(query);
    Request { id, url }
}

/// SAML Bindings §3.4.4.1: deflated and in base64.
fn packed(xml: &str) -> String {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    // Writing into memory does not fail.
    let deflated = encoder.write_all(xml.as_bytes()).and_then(|()| encoder.finish()).unwrap_or_default();
    STANDARD.encode(deflated)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;
    use crate::saml::xml::{Comments, Element, parse};

    fn unpacked(url: &Url) -> Element {
        let (_, field) = url.query_pairs().find(|(name, _)| name == "SAMLRequest").unwrap();
        let mut xml = String::new();
        let deflated = STANDARD.decode(field.as_ref()).unwrap();
        flate2::read::DeflateDecoder::new(deflated.as_slice()).read_to_string(&mut xml).unwrap();
        parse(&xml, Comments::Refused).unwrap()
    }

    #[test]
    fn a_request_says_who_asks_and_where_to_answer_and_nothing_that_entra_stumbles_over() {
        let sp = ServiceProvider {
            entity_id: "https://auth.test/0123&4".into(),
            acs_url: "https://portal.test/saml/acs".into(),
            acs_aliases: vec![],
        };
        let idp = crate::saml::tests::idp_at("https://login.test/saml2?p=1&q=a%20b");
        let now = "2026-11-21T10:00:00.5Z".parse().unwrap();
        let request = build(&sp, &idp, "a b&c", Some("B.Simon+x@contoso.com"), now);
        let query: Vec<_> = request.url.query_pairs().map(|(n, v)| (n.into_owned(), v.into_owned())).collect();
        assert_eq!(query[..2], [("p".into(), "1".into()), ("q".into(), "a b".into())]);
        assert_eq!(
            query[3..],
            [
                ("RelayState".to_owned(), "a b&c".to_owned()),
                ("login_hint".to_owned(), "B.Simon+x@contoso.com".to_owned()),
            ]
        );
        let xml = unpacked(&request.url);
        assert!(xml.is(ns::PROTOCOL, "AuthnRequest"));
        assert_eq!(xml.attribute("ID"), Some(request.id.as_str()));
        assert_eq!(xml.attribute("IssueInstant"), Some("2026-11-21T10:00:00.500Z"));
        assert_eq!(xml.attribute("AssertionConsumerServiceURL"), Some("https://portal.test/saml/acs"));
        assert_eq!(xml.attribute("Destination"), Some("https://login.test/saml2?p=1&q=a%20b"));
        assert_eq!(xml.children.len(), 1);
        assert_eq!(xml.children[0].text, "https://auth.test/0123&4");
    }

    #[test]
    fn no_two_requests_share_an_identifier_and_each_is_an_xml_name_of_128_bits() {
        let (sp, idp) = (crate::saml::tests::sp(), crate::saml::tests::idp_at("https://login.test/saml2"));
        let ids: std::collections::HashSet<_> =
            (0..100).map(|_| build(&sp, &idp, "", None, Timestamp::UNIX_EPOCH).id).collect();
        assert_eq!(ids.len(), 100);
        assert!(ids.iter().all(|id| id.len() == 23 && crate::saml::xml::is_name(id)));
    }
}
