use openssl::pkey::PKey;
use openssl::x509::X509;
use rcgen::{CertificateParams, KeyPair};

use super::*;
use crate::saml::tests::Signer;

fn pem(label: &str, octets: &[u8]) -> String {
    let text = STANDARD.encode(octets);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

#[test]
fn a_certificate_is_known_in_each_dress() {
    let der = &Signer::ours().certificate;
    let text = pem("CERTIFICATE", der);
    let base64 = STANDARD.encode(der);
    let utf16: Vec<u8> = format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (what, file) in [
        ("DER", der.clone()),
        ("DER with a line break after it", [der.as_slice(), b"\n"].concat()),
        ("PEM", text.clone().into_bytes()),
        ("PEM with line breaks of Windows", text.replace('\n', "\r\n").into_bytes()),
        ("PEM in one line", text.replace('\n', " ").into_bytes()),
        ("PEM without any", text.replace('\n', "").into_bytes()),
        ("PEM out of JSON", text.replace('\n', "\\n").into_bytes()),
        ("PEM after words", format!("subject=CN = idp\nissuer=CN = idp\n{text}").into_bytes()),
        ("PEM with a mark", format!("\u{feff}{text}").into_bytes()),
        ("PEM of a Windows shell", utf16),
        ("another label", pem("X509 CERTIFICATE", der).into_bytes()),
        ("PEM that ends too early", text.split("-----END").next().unwrap().to_owned().into_bytes()),
        ("base64", base64.clone().into_bytes()),
        ("base64 with blanks", format!(" {} ", base64.replace('A', "A\r\n ")).into_bytes()),
        ("base64 twice", STANDARD.encode(&base64).into_bytes()),
        ("base64 of PEM", STANDARD.encode(&text).into_bytes()),
    ] {
        assert_eq!(certificates(&file), [Ok(der.clone())], "{what}");
    }
    let two = text.clone() + &pem("CERTIFICATE", &Signer::stranger().certificate);
    assert_eq!(certificates(two.as_bytes()), [Ok(der.clone()), Ok(Signer::stranger().certificate.clone())]);
    let beside = format!("{}{text}", pem("EC PARAMETERS", b"x"));
    assert_eq!(certificates(beside.as_bytes()), [Ok(der.clone())], "parameters stand in nobody's place");
}

#[test]
fn what_stands_in_the_place_of_a_certificate_is_named() {
    let key = KeyPair::generate().unwrap();
    let openssl = PKey::private_key_from_pem(key.serialize_pem().as_bytes()).unwrap();
    let public = openssl.public_key_to_der().unwrap();
    let request = CertificateParams::new(vec!["a.test".into()]).unwrap().serialize_request(&key).unwrap();
    let certificate = X509::from_der(&Signer::ours().certificate).unwrap();
    let signer = PKey::private_key_from_pem(Signer::ours().key.serialize_pem().as_bytes()).unwrap();
    let none = openssl::stack::Stack::new().unwrap();
    let pkcs7 = Pkcs7::sign(&certificate, &signer, &none, b"x", openssl::pkcs7::Pkcs7Flags::empty()).unwrap();
    let pkcs12 = Pkcs12::builder().pkey(&signer).cert(&certificate).build2("x").unwrap().to_der().unwrap();
    for (found, file) in [
        (Found::Nothing, b"".to_vec()),
        (Found::Nothing, b" \r\n".to_vec()),
        (Found::Nothing, pem("CERTIFICATE", b"").into_bytes()),
        (Found::PrivateKey, key.serialize_pem().into_bytes()),
        (Found::PrivateKey, pem("ENCRYPTED PRIVATE KEY", b"x").into_bytes()),
        (Found::PrivateKey, pem("RSA PRIVATE KEY", b"x").into_bytes()),
        (Found::PrivateKey, key.serialize_der()),
        (Found::PrivateKey, STANDARD.encode(key.serialize_der()).into_bytes()),
        (Found::PublicKey, pem("PUBLIC KEY", &public).into_bytes()),
        (Found::PublicKey, public),
        (Found::Request, request.pem().unwrap().into_bytes()),
        (Found::Request, request.der().to_vec()),
        (Found::Pkcs7, String::from_utf8(pkcs7.to_pem().unwrap()).unwrap().into_bytes()),
        (Found::Pkcs7, pkcs7.to_der().unwrap()),
        (Found::Pkcs7, STANDARD.encode(pkcs7.to_der().unwrap()).into_bytes()),
        (Found::Pkcs12, pkcs12),
        (Found::Html, b"<!DOCTYPE html><html lang=en>".to_vec()),
        (Found::Html, b"\xef\xbb\xbf<HTML><body>".to_vec()),
        (Found::Xml, b"<?xml version='1.0'?><EntityDescriptor/>".to_vec()),
        (Found::Other, b"contoso.cer".to_vec()),
        (Found::Other, b"\x30\x82".to_vec()),
        (Found::Other, pem("CERTIFICATE", b"x").into_bytes()),
        (Found::Other, pem("X509 CRL", b"x").into_bytes()),
        (Found::Other, b"-----BEGIN CERTIFICATE".to_vec()),
        (Found::Other, Signer::ours().certificate[..300].to_vec()),
    ] {
        assert_eq!(certificates(&file), [Err(found)], "{}", String::from_utf8_lossy(&file));
    }
    assert_eq!(found(&Signer::ours().certificate), Found::Certificate);
}

proptest::proptest! {
    #[test]
    fn no_file_makes_it_panic(file in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..80), text in "(-----(BEGIN|END) ?|CERTIFICATE|-----|[A-Z=\n ]){0,12}") {
        prop(&file);
        prop(text.as_bytes());
        let mut der = Signer::ours().certificate.clone();
        for (at, octet) in file.iter().enumerate() {
            let place = (at * 131 + usize::from(*octet)) % der.len();
            der[place] ^= octet;
        }
        prop(&der);
    }
}

fn prop(file: &[u8]) {
    assert!(!certificates(file).is_empty());
}
