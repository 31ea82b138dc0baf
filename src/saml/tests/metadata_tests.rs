use std::sync::Arc;

use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};

use super::*;
use crate::saml::request::Options;
use crate::saml::tests::{certificate_of, our_key, pem_of};
use crate::saml::xml::{Comments, Element, parse};

fn us() -> ServiceProvider {
    ServiceProvider {
        entity_id: "https://auth.test/a?b=1&c=2".into(),
        acs_url: "https://portal.test/saml/acs".into(),
        acs_aliases: vec!["https://portal.test/ssoAssert?cmpID=1&x=2".into()],
        ..ServiceProvider::default()
    }
}

fn key(private: &PKey<Private>) -> Arc<Key> {
    Arc::new(Key::read(&certificate_of(private), &pem_of(private)).unwrap())
}

fn role(us: &ServiceProvider) -> (Element, Element) {
    let metadata = us.metadata().unwrap();
    let root = parse(&metadata, Comments::Refused).unwrap();
    let role = root.only(ns::METADATA, "SPSSODescriptor").unwrap().clone();
    (root, role)
}

#[test]
fn metadata_name_us_and_each_address_with_the_first_as_default() {
    let us = us();
    let (root, role) = role(&us);
    assert_eq!(root.attribute("entityID"), Some("https://auth.test/a?b=1&c=2"));
    assert_eq!(role.attribute("WantAssertionsSigned"), Some("true"));
    assert_eq!(role.attribute("AuthnRequestsSigned"), Some("false"));
    let services: Vec<_> = role
        .all(ns::METADATA, "AssertionConsumerService")
        .map(|s| ["index", "Location", "isDefault"].map(|name| s.attribute(name).unwrap_or_default().to_owned()))
        .collect();
    assert_eq!(services[0], ["0", "https://portal.test/saml/acs", "true"]);
    assert_eq!(services[1], ["1", "https://portal.test/ssoAssert?cmpID=1&x=2", ""]);
    assert!(us.takes_responses_at(&us.acs_aliases[0]) && !us.takes_responses_at("https://portal.test/"));
    assert_eq!(role.children.len(), 2, "nothing is said that was not configured");
}

#[test]
fn each_key_signs_and_the_first_rsa_key_is_encrypted_for() {
    let curve = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let ec = key(&PKey::from_ec_key(EcKey::generate(&curve).unwrap()).unwrap());
    let rsa = key(&our_key());
    let requests = Options { signed: true, ..Options::default() };
    let us = ServiceProvider { keys: vec![Arc::clone(&ec), Arc::clone(&rsa)], requests, ..us() };
    let (_, role) = role(&us);
    assert_eq!(role.attribute("AuthnRequestsSigned"), Some("true"));
    let mut seen = Vec::new();
    for descriptor in role.all(ns::METADATA, "KeyDescriptor") {
        let mut text = String::new();
        descriptor.descend(&mut |part| {
            if part.name == "X509Certificate" {
                text.clone_from(&part.text);
            }
        });
        let methods = descriptor.all(ns::METADATA, "EncryptionMethod").count();
        seen.push((descriptor.attribute("use").unwrap().to_owned(), text, methods));
    }
    let (ec, rsa) = (ec.certificate_text(), rsa.certificate_text());
    assert_eq!(seen, [("signing".into(), ec, 0), ("signing".into(), rsa.clone(), 0), ("encryption".into(), rsa, 5)]);
}

#[test]
fn what_is_configured_besides_is_said() {
    let us = ServiceProvider {
        slo_url: Some("https://portal.test/saml/slo".into()),
        requests: Options { name_id_format: Some("urn:f".into()), ..Options::default() },
        attributes: vec!["uPN".into(), "http://x/?a&b".into()],
        ..us()
    };
    let (_, role) = role(&us);
    let logout: Vec<_> = role.all(ns::METADATA, "SingleLogoutService").map(|s| s.attribute("Binding")).collect();
    assert_eq!(logout, [Some(Binding::Redirect.name()), Some(Binding::Post.name())]);
    assert_eq!(role.only(ns::METADATA, "NameIDFormat").unwrap().text, "urn:f");
    let service = role.only(ns::METADATA, "AttributeConsumingService").unwrap();
    let names: Vec<_> = service.all(ns::METADATA, "RequestedAttribute").map(|a| a.attribute("Name").unwrap()).collect();
    assert_eq!(names, ["uPN", "http://x/?a&b"]);
}

#[test]
fn signed_metadata_are_the_same_each_time_and_say_whose_they_are() {
    let us = ServiceProvider { keys: vec![key(&our_key())], sign_metadata: true, ..us() };
    let (root, _) = role(&us);
    let signature = root.only(ns::SIGNATURE, "Signature").unwrap();
    assert!(root.children[0] == *signature, "the schema wants it first");
    let mut uri = None;
    signature.descend(&mut |part| uri = uri.take().or(part.attribute("URI").map(str::to_owned)));
    assert_eq!(uri.unwrap().strip_prefix('#'), root.attribute("ID"));
    assert_eq!(us.metadata(), us.metadata());
    let unsigned = ServiceProvider { sign_metadata: false, ..us };
    assert!(!unsigned.metadata().unwrap().contains("Signature"));
}

#[test]
fn the_first_key_that_can_decrypt_is_the_one_to_encrypt_with() {
    let elliptic =
        PKey::from_ec_key(EcKey::generate(&EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap()).unwrap());
    let second = PKey::from_rsa(openssl::rsa::Rsa::generate(2048).unwrap()).unwrap();
    let keys = vec![key(&elliptic.unwrap()), key(&our_key()), key(&second)];
    let wanted = keys[1].certificate_text();
    let (_, role) = role(&ServiceProvider { keys, ..us() });
    let mut found = Vec::new();
    for descriptor in role.all(ns::METADATA, "KeyDescriptor").filter(|key| key.attribute("use") == Some("encryption")) {
        descriptor.descend(&mut |part| {
            if part.is(ns::SIGNATURE, "X509Certificate") {
                found.push(part.text.clone());
            }
        });
    }
    assert_eq!(found, [wanted]);
}
