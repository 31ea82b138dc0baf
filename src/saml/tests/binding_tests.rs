use std::io::Read as _;

use openssl::sign::Verifier;
use openssl::x509::X509;

use super::*;
use crate::saml::tests::{certificate_of, our_key, pem_of};

const XML: &str = concat!(
    r#"<samlp:AuthnRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="_q1"><saml:Issuer "#,
    r#"xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">us</saml:Issuer></samlp:AuthnRequest>"#
);

fn key() -> Key {
    Key::read(&certificate_of(&our_key()), &pem_of(&our_key())).unwrap()
}

fn message(relay_state: Option<&str>) -> Message<'_> {
    Message { kind: Kind::Request, xml: XML, id: "_q1", relay_state }
}

fn url(text: &str) -> Url {
    text.parse().unwrap()
}

#[test]
fn a_redirect_signs_the_octets_of_the_query_and_leaves_the_rest_outside() {
    let to = url("https://login.test/saml2?tenant=1&q=a%20b");
    let sent = send(Binding::Redirect, &to, message(Some("a+b/c")), Some(&key())).unwrap();
    let sent = sent.with_parameter("login_hint", "B.Simon@contoso.com");
    let query = sent.url().query().unwrap();
    let signed = query.strip_prefix("tenant=1&q=a%20b&").unwrap();
    let (signed, rest) = signed.split_once("&Signature=").unwrap();
    let names: Vec<_> = signed.split('&').map(|pair| pair.split_once('=').unwrap().0).collect();
    assert_eq!(names, ["SAMLRequest", "RelayState", "SigAlg"]);
    let (_, hint) = rest.split_once('&').unwrap();
    assert_eq!(hint, "login_hint=B.Simon%40contoso.com");
    let (_, signature) = sent.url().query_pairs().find(|(name, _)| name == "Signature").unwrap();
    let public = X509::from_der(key().certificate()).unwrap().public_key().unwrap();
    let mut verifier = Verifier::new(openssl::hash::MessageDigest::sha256(), &public).unwrap();
    let signature = STANDARD.decode(signature.as_ref()).unwrap();
    assert!(verifier.verify_oneshot(&signature, signed.as_bytes()).unwrap());
}

#[test]
fn a_redirect_without_a_key_has_the_message_alone() {
    let sent = send(Binding::Redirect, &url("https://login.test/"), message(None), None).unwrap();
    let pairs: Vec<_> = sent.url().query_pairs().collect();
    assert_eq!(pairs.len(), 1);
    let mut xml = String::new();
    let deflated = STANDARD.decode(pairs[0].1.as_ref()).unwrap();
    flate2::read::DeflateDecoder::new(deflated.as_slice()).read_to_string(&mut xml).unwrap();
    assert_eq!((pairs[0].0.as_ref(), xml.as_str()), ("SAMLRequest", XML));
}

#[test]
fn a_form_carries_the_message_whole_and_signed_inside_if_there_is_a_key() {
    for (signer, signed) in [(None, false), (Some(&key()), true)] {
        let sent = send(Binding::Post, &url("https://login.test/?a=b"), message(Some("state")), signer).unwrap();
        let Outgoing::Submit(form) = sent.with_parameter("login_hint", "x") else { panic!("no form") };
        assert_eq!(form.action.as_str(), "https://login.test/?a=b&login_hint=x");
        let [("SAMLRequest", field), ("RelayState", state)] = form.fields.as_slice() else { panic!("{form:?}") };
        assert_eq!(state, "state");
        let xml = String::from_utf8(STANDARD.decode(field).unwrap()).unwrap();
        assert_eq!(xml.contains("us</saml:Issuer><ds:Signature "), signed);
        assert!(signed || xml == XML);
    }
}

#[test]
fn a_relay_state_has_80_bytes_at_most() {
    for binding in [Binding::Redirect, Binding::Post] {
        for (length, good) in [(80, true), (81, false)] {
            let state = "x".repeat(length);
            let sent = send(binding, &url("https://login.test/"), message(Some(&state)), None);
            assert_eq!(
                sent.map(|_| true).or_else(|e| if e == Error::LongRelayState { Ok(false) } else { Err(e) }),
                Ok(good)
            );
        }
    }
}
