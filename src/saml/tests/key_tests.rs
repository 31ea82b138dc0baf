use openssl::ec::{EcGroup, EcKey};
use openssl::rsa::Rsa;
use openssl::symm::Cipher;

use super::*;
use crate::saml::tests::{certificate_of, idp_with, our_key, pem_of};
use crate::saml::{guard, verify};

fn ec(curve: Nid) -> PKey<Private> {
    let key = EcKey::generate(&EcGroup::from_curve_name(curve).unwrap()).unwrap();
    PKey::from_ec_key(key).unwrap()
}

fn read(private: &PKey<Private>, certificate: &[u8]) -> Result<Key, Error> {
    Key::read(certificate, &pem_of(private))
}

#[test]
fn a_key_is_rsa_or_one_of_three_curves_and_each_signs_in_its_own_way() {
    for (private, algorithm, length) in [
        (our_key(), "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", 256),
        (ec(Nid::X9_62_PRIME256V1), "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256", 64),
        (ec(Nid::SECP384R1), "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384", 96),
        (ec(Nid::SECP521R1), "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512", 132),
    ] {
        let key = read(&private, &certificate_of(&private)).unwrap();
        assert_eq!((key.algorithm(), key.sign(b"octets").unwrap().len()), (algorithm, length));
        assert_eq!(key.decrypts(), algorithm.contains("rsa"));
    }
}

#[test]
fn a_key_that_is_weak_locked_or_another_ones_is_refused() {
    let (ours, other) = (our_key(), ec(Nid::X9_62_PRIME256V1));
    let weak = PKey::from_rsa(Rsa::generate(1024).unwrap()).unwrap();
    let locked = ours.private_key_to_pem_pkcs8_passphrase(Cipher::aes_256_cbc(), b"open").unwrap();
    let locked = Secret::new(String::from_utf8(locked).unwrap());
    assert_eq!(read(&weak, &certificate_of(&weak)), Err(Error::Unsuitable));
    let curve = ec(Nid::SECP256K1);
    assert_eq!(read(&curve, &certificate_of(&curve)), Err(Error::Unsuitable));
    assert_eq!(read(&ours, &certificate_of(&other)), Err(Error::OtherCertificate));
    assert_eq!(read(&ours, b"nothing"), Err(Error::NotACertificate(Found::Other)));
    assert_eq!(read(&ours, pem_of(&ours).expose().as_bytes()), Err(Error::NotACertificate(Found::PrivateKey)));
    let swapped = Secret::new(String::from_utf8(certificate_of(&ours)).unwrap());
    assert_eq!(Key::read(pem_of(&ours).expose().as_bytes(), &swapped), Err(Error::Swapped));
    assert_eq!(Key::read(&certificate_of(&ours), &locked), Err(Error::BadKey));
    assert_eq!(Key::read(&certificate_of(&ours), &Secret::new("nothing".into())), Err(Error::BadKey));
}

#[test]
fn a_key_shows_nothing_of_itself() {
    let key = read(&our_key(), &certificate_of(&our_key())).unwrap();
    let shown = format!("{key:?}");
    assert_eq!(shown, "Key { algorithm: \"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256\", .. }");
}

/// What we sign passes our own guard, and both verifiers.
#[test]
fn a_signed_document_verifies_with_its_certificate_and_no_longer_when_it_is_changed() {
    let xml = concat!(
        r#"<samlp:LogoutRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" "#,
        r#"xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_q1" Version="2.0">"#,
        r#"<saml:Issuer>us &amp; them</saml:Issuer><saml:NameID>B.Simon</saml:NameID></samlp:LogoutRequest>"#
    );
    for private in [our_key(), ec(Nid::X9_62_PRIME256V1), ec(Nid::SECP384R1), ec(Nid::SECP521R1)] {
        let certificate = certificate_of(&private);
        let key = read(&private, &certificate).unwrap();
        let signed = key.sign_document(xml, "_q1", "</saml:Issuer>").unwrap();
        let check = |xml: String, certificate: &[u8]| {
            let message = guard::admit_plain(xml, &["LogoutRequest"]).unwrap();
            verify::verify_plain(&message, &idp_with(certificate)).map(|root| root.children.len())
        };
        assert_eq!(check(signed.clone(), &certificate), Ok(2), "{}", key.algorithm());
        let changed = signed.replace("B.Simon", "A.Simon");
        assert_eq!(check(changed, &certificate), Err(crate::saml::Error::BadSignature));
        let other = certificate_of(&ec(Nid::X9_62_PRIME256V1));
        assert_eq!(check(signed, &other), Err(crate::saml::Error::BadSignature));
        assert_eq!(check(xml.to_owned(), &certificate), Err(crate::saml::Error::NotSigned));
    }
    let key = read(&our_key(), &certificate_of(&our_key())).unwrap();
    assert_eq!(key.sign_document("<x/>", "_q1", "</saml:Issuer>"), Err(Error::NotSigned));
}
