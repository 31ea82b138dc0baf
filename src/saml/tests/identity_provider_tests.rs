use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

use super::*;
use crate::saml::tests::Signer;

fn base64_of(der: &[u8]) -> String {
    STANDARD.encode(der)
}

fn key(usage: &str, der: &[u8]) -> String {
    format!(
        "<KeyDescriptor{usage}><KeyInfo xmlns=\"{}\"><X509Data><X509Certificate>\n{}\n</X509Certificate></X509Data>\
         </KeyInfo></KeyDescriptor>",
        ns::SIGNATURE,
        base64_of(der)
    )
}

/// Metadata as Entra's, byte order mark and all.
fn metadata(keys: &str) -> String {
    format!(
        "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><!-- from the portal --><EntityDescriptor ID=\"_1\" \
         entityID=\"https://sts.windows.net/t/\" xmlns=\"{}\"><RoleDescriptor xsi:type=\"fed:SecurityTokenServiceType\" \
         protocolSupportEnumeration=\"http://docs.oasis-open.org/wsfed/federation/200706\" \
         xmlns:xsi=\"{}\" xmlns:fed=\"http://docs.oasis-open.org/wsfed/federation/200706\">{}</RoleDescriptor>\
         <IDPSSODescriptor protocolSupportEnumeration=\"{}\">{keys}\
         <SingleLogoutService Binding=\"{redirect}\" Location=\"https://login.test/out\"/>\
         <SingleSignOnService Binding=\"{}\" Location=\"https://login.test/post\"/>\
         <SingleSignOnService Binding=\"{redirect}\" Location=\"https://login.test/in?a=b\"/>\
         </IDPSSODescriptor></EntityDescriptor>\r\n",
        ns::METADATA,
        ns::SCHEMA_INSTANCE,
        key(" use=\"signing\"", &Signer::stranger().certificate),
        ns::PROTOCOL,
        Binding::Post.name(),
        redirect = Binding::Redirect.name(),
    )
}

#[test]
fn entra_metadata_give_the_saml_role_and_all_its_signing_keys() {
    let (ours, other) = (&Signer::ours().certificate, &Signer::stranger().certificate);
    let keys =
        [key(" use=\"signing\"", ours), key(" use=\"encryption\"", other), key(" use=\"signing\"", ours)].concat();
    let idp = IdentityProvider::from_metadata(&metadata(&keys)).unwrap();
    assert_eq!(idp.entity_id(), "https://sts.windows.net/t/");
    assert_eq!(idp.sign_in_url(Binding::Redirect).unwrap().as_str(), "https://login.test/in?a=b");
    assert_eq!(idp.sign_in_url(Binding::Post).unwrap().as_str(), "https://login.test/post");
    let out: Url = "https://login.test/out".parse().unwrap();
    let sign_out = SignOut::Saml { binding: Binding::Redirect, request_url: out.clone(), response_url: out };
    assert_eq!(idp.sign_out(), Some(&sign_out));
    assert_eq!(idp.certificates(), std::slice::from_ref(ours));
    let two = IdentityProvider::from_metadata(&metadata(&[key("", ours), key(" use=\"signing\"", other)].concat()));
    assert_eq!(two.unwrap().certificates().len(), 2);
}

#[test]
fn metadata_that_cannot_be_used_say_why() {
    let good = metadata(&key(" use=\"signing\"", &Signer::ours().certificate));
    let edit = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replace(from, to)
    };
    for (text, error) in [
        (metadata(""), Error::NoCertificate),
        (metadata(&key(" use=\"encryption\"", &Signer::ours().certificate)), Error::NoCertificate),
        (metadata(&key("", b"x")), Error::BadCertificate),
        (metadata(&key("", b"x").replace("eA==", "?")), Error::BadCertificate),
        (edit("https://sts.windows.net/t/", ""), Error::NoEntityId),
        (edit("https://sts.windows.net/t/", "https://sts.windows.net/{tenantid}/"), Error::NoEntityId),
        (edit("https://login.test/in?a=b", "javascript:alert(1)"), Error::BadSignInUrl),
        (edit("https://login.test/out", "out"), Error::BadSignOutUrl),
        (
            edit("<SingleSignOnService", "<SingleSignOff")
                .replace("</IDPSSO", "<SingleSignOnService Binding=\"SOAP\"/></IDPSSO"),
            Error::BadSignInUrl,
        ),
        (edit("IDPSSODescriptor", "SPSSODescriptor"), Error::NotAnIdentityProvider),
        (edit("EntityDescriptor", "EntitiesDescriptor"), Error::NotAnIdentityProvider),
        (edit("SAML:2.0:protocol", "SAML:1.1:protocol"), Error::NotAnIdentityProvider),
        (edit("<!-- from the portal -->", "<!DOCTYPE x>"), Error::BadXml),
        (edit("</EntityDescriptor>", ""), Error::BadXml),
        (" ".repeat(MAX_METADATA + 1), Error::BadXml),
    ] {
        assert_eq!(IdentityProvider::from_metadata(&text), Err(error), "{text:.200}");
    }
}

#[test]
fn a_certificate_file_is_read_in_each_form_that_entra_offers() {
    let der = &Signer::ours().certificate;
    let lines = base64_of(der).as_bytes().chunks(64).map(String::from_utf8_lossy).collect::<Vec<_>>().join("\r\n");
    let pem = format!("-----BEGIN CERTIFICATE-----\r\n{lines}\r\n-----END CERTIFICATE-----\r\n");
    for file in [der.clone(), lines.clone().into_bytes(), pem.clone().into_bytes(), [&pem, "\n"].concat().into_bytes()]
    {
        let idp = IdentityProvider::from_parts("urn:x", "https://login.test/", None, &file).unwrap();
        assert_eq!(idp.certificates(), std::slice::from_ref(der));
    }
    for file in [
        &b""[..],
        b"x",
        b"-----BEGIN CERTIFICATE-----",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
    ] {
        let refused = IdentityProvider::from_parts("urn:x", "https://login.test/", None, file);
        assert!(matches!(refused, Err(Error::BadCertificate | Error::NoCertificate)), "{refused:?}");
    }
}

#[test]
fn a_key_that_could_be_broken_is_refused() {
    let rsa = openssl::rsa::Rsa::generate(1024).unwrap();
    let key = openssl::pkey::PKey::from_rsa(rsa).unwrap();
    let mut weak = X509::builder().unwrap();
    weak.set_pubkey(&key).unwrap();
    weak.set_not_before(&openssl::asn1::Asn1Time::days_from_now(0).unwrap()).unwrap();
    weak.set_not_after(&openssl::asn1::Asn1Time::days_from_now(1).unwrap()).unwrap();
    weak.sign(&key, openssl::hash::MessageDigest::sha256()).unwrap();
    let file = weak.build().to_der().unwrap();
    assert_eq!(IdentityProvider::from_parts("urn:x", "https://login.test/", None, &file), Err(Error::WeakKey));
}

#[test]
fn a_certificate_must_come_from_the_required_authority_if_there_is_one() {
    let params = || {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "authority");
        params
    };
    let (key, other_key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let authority = |key: &KeyPair| params().self_signed(key).unwrap().pem();
    // Long expired: Entra goes on signing with such a one.
    let mut leaf = CertificateParams::new(vec!["login.test".into()]).unwrap();
    leaf.not_after = rcgen::date_time_ymd(2001, 1, 1);
    leaf.not_before = rcgen::date_time_ymd(2000, 1, 1);
    let leaf = leaf.signed_by(&KeyPair::generate().unwrap(), &Issuer::new(params(), &key)).unwrap();
    let idp = IdentityProvider::from_parts("urn:x", "https://login.test/", None, leaf.der()).unwrap();
    assert_eq!(idp.check_issued_by(authority(&key).as_bytes()), Ok(()));
    assert_eq!(idp.check_issued_by(authority(&other_key).as_bytes()), Err(Error::UnknownAuthority));
    assert_eq!(idp.check_issued_by(b""), Err(Error::UnknownAuthority));
}

#[test]
fn metadata_count_only_if_the_configured_key_has_signed_all_of_them() {
    let text = metadata(&key("", &Signer::ours().certificate)).replace("<!-- from the portal -->", "");
    let text = text.trim_start_matches('\u{feff}').replace("ID=\"_1\"", "ID=\"_m1\"");
    let plain = text.replacen("><RoleDescriptor", ">{sign _m1}<RoleDescriptor", 1);
    assert_ne!(plain, text);
    let signed = Signer::ours().sign(&plain, "_m1");
    let ours = &Signer::ours().certificate;
    let read = |text: &str, certificate: &[u8]| IdentityProvider::from_signed_metadata(text, certificate);
    assert_eq!(read(&signed, ours), IdentityProvider::from_metadata(&signed));
    assert!(read(&format!("\u{feff}{signed}"), ours).is_ok(), "with a byte order mark");
    let other = signed.replace("https://login.test/in", "https://login.evil/in");
    assert!(IdentityProvider::from_metadata(&other).is_ok());
    for (what, text, certificate) in [
        ("unsigned", &text, ours),
        ("altered", &other, ours),
        ("signed by somebody else", &Signer::stranger().sign(&plain, "_m1"), ours),
        ("another certificate", &signed, &Signer::stranger().certificate),
    ] {
        assert_eq!(read(text, certificate), Err(Error::NotSigned), "{what}");
    }
    assert_eq!(read(&signed, b"nothing"), Err(Error::BadCertificate));
}

#[test]
fn metadata_hold_until_they_say_so_at_either_place() {
    let text = metadata(&key("", &Signer::ours().certificate));
    let at = |time: &str| time.parse::<Timestamp>().unwrap();
    for (from, to) in [
        (" ID=\"_1\"", " ID=\"_1\" validUntil=\"2026-11-21T10:00:00.5Z\""),
        ("<IDPSSODescriptor ", "<IDPSSODescriptor validUntil=\"2026-11-21T10:00:00.5Z\" "),
    ] {
        let idp = IdentityProvider::from_metadata(&text.replacen(from, to, 1)).unwrap();
        assert_eq!(idp.check_valid(at("2026-11-21T10:00:00Z")), Ok(()), "{to}");
        let until = at("2026-11-21T10:00:00.5Z");
        assert_eq!(idp.check_valid(at("2026-11-21T10:00:01Z")), Err(Error::Outdated(until)), "{to}");
    }
    let nonsense = text.replacen(" ID=", " validUntil=\"soon\" ID=", 1);
    assert!(IdentityProvider::from_metadata(&nonsense).unwrap().check_valid(at("2026-11-21T10:00:00Z")).is_err());
    assert_eq!(IdentityProvider::from_metadata(&text).unwrap().check_valid(Timestamp::MAX), Ok(()));
}
