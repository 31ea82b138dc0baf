//! Messages that a signer which is not ours has signed: the command `xmlsec1` 1.2.37. Its keys were thrown away.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{ISSUER, NOW, expected, sp};
use crate::saml::{IdentityProvider, response};

const RSA: &str = include_str!("../../../tests/fixtures/saml/xmlsec1-rsa.pem");
const ECDSA: &str = include_str!("../../../tests/fixtures/saml/xmlsec1-ecdsa.pem");

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
        assert_eq!(accept(key).unwrap().name_id.as_deref(), Some("B.Simon@contoso.com"));
        assert_eq!(accept(other), Err(crate::saml::Error::BadSignature));
        assert!(accept(&format!("{other}{key}")).is_ok());
    }
}
