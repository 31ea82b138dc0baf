use std::io::Read as _;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::Url;

use super::*;
use crate::saml::Key;
use crate::saml::tests::{certificate_of, our_key, pem_of, sp};
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
        ..ServiceProvider::default()
    };
    let idp = crate::saml::tests::idp_at("https://login.test/saml2?p=1&q=a%20b");
    let now = "2026-11-21T10:00:00.5Z".parse().unwrap();
    let ask = Ask {
        relay_state: "a b&c",
        login_hint: Some("B.Simon+x@contoso.com"),
        passive: false,
        force: false,
        ways: &[],
    };
    let request = build(&sp, &idp, &ask, now).unwrap();
    let query: Vec<_> = request.outgoing.url().query_pairs().map(|(n, v)| (n.into_owned(), v.into_owned())).collect();
    assert_eq!(query[..2], [("p".into(), "1".into()), ("q".into(), "a b".into())]);
    assert_eq!(
        query[3..],
        [("RelayState".to_owned(), "a b&c".to_owned()), ("login_hint".to_owned(), "B.Simon+x@contoso.com".to_owned()),]
    );
    let xml = unpacked(request.outgoing.url());
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
    let ask = Ask { relay_state: "", login_hint: None, passive: false, force: false, ways: &[] };
    let ids: std::collections::HashSet<_> =
        (0..100).map(|_| build(&sp, &idp, &ask, Timestamp::UNIX_EPOCH).unwrap().id).collect();
    assert_eq!(ids.len(), 100);
    assert!(ids.iter().all(|id| id.len() == 23 && crate::saml::xml::is_name(id)));
}

/// The AuthnRequest that `options` make, and what is sent.
fn asked(options: Options, ask: &Ask<'_>, keys: Vec<Arc<Key>>) -> (Element, Outgoing) {
    let sp = ServiceProvider { requests: options, keys, ..sp() };
    let idp = crate::saml::tests::idp_at("https://login.test/saml2");
    let outgoing = build(&sp, &idp, ask, Timestamp::UNIX_EPOCH).unwrap().outgoing;
    let xml = match &outgoing {
        Outgoing::Go(url) => unpacked(url),
        Outgoing::Submit(form) => {
            let xml = String::from_utf8(STANDARD.decode(&form.fields[0].1).unwrap()).unwrap();
            parse(&xml, Comments::Refused).unwrap()
        }
    };
    (xml, outgoing)
}

fn key() -> Arc<Key> {
    Arc::new(Key::read(&certificate_of(&our_key()), &pem_of(&our_key())).unwrap())
}

const PLAIN: Ask<'_> = Ask { relay_state: "state", login_hint: None, passive: false, force: false, ways: &[] };

#[test]
fn what_a_realm_asks_for_stands_in_the_request_and_nothing_else() {
    let (bare, _) = asked(Options::default(), &PLAIN, vec![]);
    assert_eq!((bare.attribute("ForceAuthn"), bare.attribute("IsPassive"), bare.children.len()), (None, None, 1));
    let options = Options {
        force_authn: true,
        name_id_format: Some("urn:oasis:names:tc:SAML:2.0:nameid-format:persistent".into()),
        authn_context: vec!["urn:a&b".into(), "urn:c".into()],
        ..Options::default()
    };
    let (full, _) = asked(options.clone(), &PLAIN, vec![]);
    assert_eq!((full.attribute("ForceAuthn"), full.attribute("IsPassive")), (Some("true"), None));
    let format = full.only(ns::PROTOCOL, "NameIDPolicy").unwrap().attribute("Format");
    assert_eq!(format, Some("urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"));
    let context = full.only(ns::PROTOCOL, "RequestedAuthnContext").unwrap();
    assert_eq!(context.attribute("Comparison"), Some("exact"));
    assert_eq!(context.children.iter().map(|class| class.text.as_str()).collect::<Vec<_>>(), ["urn:a&b", "urn:c"]);
    let ways = ["urn:d".to_owned()];
    let of_realm = Options { authn_context: vec!["urn:c".into()], ..Options::default() };
    let (stricter, _) = asked(of_realm, &Ask { ways: &ways, ..PLAIN }, vec![]);
    assert_eq!(stricter.only(ns::PROTOCOL, "RequestedAuthnContext").unwrap().children.len(), 1);
    assert!(format!("{stricter:?}").contains("urn:d") && !format!("{stricter:?}").contains("urn:c"));
    let (anew, _) = asked(Options::default(), &Ask { force: true, ..PLAIN }, vec![]);
    assert_eq!(anew.attribute("ForceAuthn"), Some("true"));
    // Nobody can prove anew who they are without being asked.
    let (passive, _) = asked(options, &Ask { passive: true, ..PLAIN }, vec![]);
    assert_eq!((passive.attribute("ForceAuthn"), passive.attribute("IsPassive")), (None, Some("true")));
}

#[test]
fn a_request_travels_and_is_signed_as_the_realm_says() {
    let signed = |outgoing: &Outgoing| outgoing.url().query_pairs().any(|(name, _)| name == "Signature");
    let (_, outgoing) = asked(Options::default(), &PLAIN, vec![key()]);
    assert!(!signed(&outgoing));
    let (_, outgoing) = asked(Options { signed: true, ..Options::default() }, &PLAIN, vec![key()]);
    assert!(signed(&outgoing));
    let post = Options { binding: Some(Binding::Post), signed: true, ..Options::default() };
    let (xml, outgoing) = asked(post, &Ask { login_hint: Some("me"), ..PLAIN }, vec![key()]);
    assert!(xml.only(ns::SIGNATURE, "Signature").is_some());
    assert_eq!(outgoing.url().as_str(), "https://login.test/saml2?login_hint=me");
    let bare = ServiceProvider { requests: Options { signed: true, ..Options::default() }, ..sp() };
    let idp = crate::saml::tests::idp_at("https://login.test/saml2");
    assert_eq!(build(&bare, &idp, &PLAIN, Timestamp::UNIX_EPOCH), Err(Error::NoKey));
}

/// Metadata that offer sign-in by these bindings.
fn offering(bindings: &[Binding]) -> IdentityProvider {
    let services: String = bindings
        .iter()
        .map(|binding| {
            format!("<SingleSignOnService Binding=\"{}\" Location=\"https://login.test/{binding:?}\"/>", binding.name())
        })
        .collect();
    IdentityProvider::from_metadata(&format!(
        "<EntityDescriptor xmlns=\"{}\" entityID=\"urn:idp\"><IDPSSODescriptor protocolSupportEnumeration=\"{}\"><KeyDescriptor>\
         <KeyInfo xmlns=\"{}\"><X509Data><X509Certificate>{}</X509Certificate></X509Data></KeyInfo></KeyDescriptor>{services}\
         <SingleSignOnService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:SOAP\" Location=\"https://login.test/soap\"/>\
         </IDPSSODescriptor></EntityDescriptor>",
        ns::METADATA,
        ns::PROTOCOL,
        ns::SIGNATURE,
        STANDARD.encode(&crate::saml::tests::Signer::ours().certificate)
    ))
    .unwrap()
}

#[test]
fn a_request_travels_by_what_the_identity_provider_offers() {
    use Binding::{Post, Redirect};
    for (offered, wanted, used) in [
        (&[Post][..], None, Post),
        (&[Redirect], None, Redirect),
        (&[Post, Redirect], None, Redirect),
        (&[Post, Redirect], Some(Post), Post),
        (&[Post, Redirect], Some(Redirect), Redirect),
        // What is not there cannot be used, whoever wants it.
        (&[Post], Some(Redirect), Post),
        (&[Redirect], Some(Post), Redirect),
    ] {
        let sp = ServiceProvider { requests: Options { binding: wanted, ..Options::default() }, ..sp() };
        let outgoing = build(&sp, &offering(offered), &PLAIN, Timestamp::UNIX_EPOCH).unwrap().outgoing;
        assert_eq!(outgoing.url().path(), format!("/{used:?}"), "{offered:?} {wanted:?}");
        assert_eq!(matches!(outgoing, Outgoing::Submit(_)), used == Post, "{offered:?} {wanted:?}");
    }
}
