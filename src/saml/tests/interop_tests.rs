//! Messages that others have signed: the command `xmlsec1` 1.2.37, and the identity provider `samlp` 8.0.0 from npm. The
//! keys were thrown away.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{ISSUER, NOW, expected, sp};
use crate::saml::{Error, Expected, IdentityProvider, response};

const RSA: &str = include_str!("../../../tests/fixtures/saml/practice-rsa.pem");
const ECDSA: &str = include_str!("../../../tests/fixtures/saml/practice-ecdsa.pem");

#[test]
fn each_allowed_algorithm_is_accepted_from_xmlsec1_with_its_own_key_only() {
    for (message, key, other) in [
        (include_str!("../../../tests/fixtures/saml/xmlsec1-rsa-sha256-assertion.xml"), RSA, ECDSA),
        (include_str!("../../../tests/fixtures/saml/xmlsec1-rsa-sha384-response.xml"), RSA, ECDSA),
        (include_str!("../../../tests/fixtures/saml/xmlsec1-rsa-sha512-assertion.xml"), RSA, ECDSA),
        (include_str!("../../../tests/fixtures/saml/xmlsec1-ecdsa-sha256-response.xml"), ECDSA, RSA),
        (include_str!("../../../tests/fixtures/saml/xmlsec1-ecdsa-sha384-assertion.xml"), ECDSA, RSA),
        (include_str!("../../../tests/fixtures/saml/xmlsec1-ecdsa-sha512-response.xml"), ECDSA, RSA),
    ] {
        let accept = |certificate: &str| {
            let idp =
                IdentityProvider::from_parts(ISSUER, "https://login.test/", None, certificate.as_bytes()).unwrap();
            response::accept(&STANDARD.encode(message), &expected(&sp(), &idp), NOW.parse().unwrap())
        };
        assert_eq!(accept(key).unwrap().name_id.unwrap().value, "B.Simon@contoso.com");
        assert_eq!(accept(other), Err(Error::BadSignature));
        assert!(accept(&format!("{other}{key}")).is_ok());
    }
}

#[test]
fn npm_samlp_is_understood_with_assertion_response_or_both_signed() {
    for message in [
        include_str!("../../../tests/fixtures/saml/samlp-assertion.xml"),
        include_str!("../../../tests/fixtures/saml/samlp-response.xml"),
        include_str!("../../../tests/fixtures/saml/samlp-both.xml"),
        include_str!("../../../tests/fixtures/saml/samlp-prefixed.xml"),
    ] {
        let idp = IdentityProvider::from_parts(ISSUER, "https://login.test/", None, RSA.as_bytes()).unwrap();
        let sp = sp();
        let now = "2026-11-21T22:19:30Z".parse().unwrap();
        let accept = |message: &str| {
            let expected = Expected { requested: now, ..expected(&sp, &idp) };
            response::accept(&STANDARD.encode(message), &expected, now)
        };
        let accepted = accept(message).unwrap();
        assert_eq!(accepted.attributes[1].values, ["B.Simon@contoso.com"]);
        assert_eq!(accept(&message.replacen("B.Simon@", "A.Simon@", 1)), Err(Error::BadSignature));
    }
}
