use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

use super::*;
use crate::saml::descriptor::MAX_METADATA;
use crate::saml::tests::Signer;
use crate::saml::{Construct, ns, xml};

fn base64_of(der: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(der)
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
        (metadata(&key("", b"x")), Error::NotACertificate(Found::Other)),
        (metadata(&key("", b"x").replace("eA==", "?")), Error::NotACertificate(Found::Other)),
        (metadata(&key("", b"")), Error::NotACertificate(Found::Nothing)),
        (edit("https://sts.windows.net/t/", ""), Error::NoEntityId),
        (edit("https://sts.windows.net/t/", "https://sts.windows.net/{tenantid}/"), Error::NoEntityId),
        (
            edit("https://login.test/in?a=b", "javascript:alert(1)").replace("https://login.test/post", "post"),
            Error::BadSignInUrl,
        ),
        (
            edit("<SingleSignOnService", "<SingleSignOff")
                .replace("</IDPSSO", "<SingleSignOnService Binding=\"SOAP\"/></IDPSSO"),
            Error::BadSignInUrl,
        ),
        (edit("IDPSSODescriptor", "SPSSODescriptor"), Error::NotAnIdentityProvider),
        (edit("EntityDescriptor", "EntitiesDescriptor"), Error::NotAnIdentityProvider),
        (edit("EntityDescriptor", "html"), Error::OtherRoot("html".to_owned())),
        (edit("SAML:2.0:protocol", "SAML:1.1:protocol"), Error::NotAnIdentityProvider),
        (edit("<!-- from the portal -->", "<!DOCTYPE x>"), Error::BadXml(xml::Error::Forbidden(Construct::Doctype))),
        (edit("</EntityDescriptor>", ""), Error::BadXml(xml::Error::Malformed)),
        (" ".repeat(MAX_METADATA + 1), Error::TooLong),
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
        assert!(matches!(refused, Err(Error::NotACertificate(_))), "{refused:?}");
    }
}

/// An RSA key that is too short.
fn weak() -> Vec<u8> {
    let rsa = openssl::rsa::Rsa::generate(1024).unwrap();
    let key = openssl::pkey::PKey::from_rsa(rsa).unwrap();
    let mut weak = X509::builder().unwrap();
    weak.set_pubkey(&key).unwrap();
    weak.set_not_before(&openssl::asn1::Asn1Time::days_from_now(0).unwrap()).unwrap();
    weak.set_not_after(&openssl::asn1::Asn1Time::days_from_now(1).unwrap()).unwrap();
    weak.sign(&key, openssl::hash::MessageDigest::sha256()).unwrap();
    weak.build().to_der().unwrap()
}

/// A good key on a curve that is not used here.
fn odd_curve() -> Vec<u8> {
    let curve = openssl::ec::EcGroup::from_curve_name(openssl::nid::Nid::SECP256K1).unwrap();
    let key = openssl::pkey::PKey::from_ec_key(openssl::ec::EcKey::generate(&curve).unwrap()).unwrap();
    X509::from_pem(&crate::saml::tests::certificate_of(&key)).unwrap().to_der().unwrap()
}

fn ed25519() -> Vec<u8> {
    let key = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    CertificateParams::new(vec![]).unwrap().self_signed(&key).unwrap().der().to_vec()
}

#[test]
fn a_key_that_could_be_broken_or_that_nobody_verifies_with_is_refused() {
    for file in [weak(), odd_curve(), ed25519()] {
        assert_eq!(IdentityProvider::from_parts("urn:x", "https://login.test/", None, &file), Err(Error::WeakKey));
    }
}

#[test]
fn one_certificate_that_cannot_be_used_is_left_out_beside_others_and_said() {
    let ours = &Signer::ours().certificate;
    let nothing = |why| (key(" use=\"signing\"", b""), why);
    for (bad, why) in [
        (key(" use=\"signing\"", &weak()), Error::WeakKey),
        (key("", &odd_curve()), Error::WeakKey),
        (key("", &ed25519()), Error::WeakKey),
        (key("", b"x"), Error::NotACertificate(Found::Other)),
        (key("", b"x").replace("eA==", "?"), Error::NotACertificate(Found::Other)),
        nothing(Error::NotACertificate(Found::Nothing)),
        (key("", &ours[..ours.len() - 20]), Error::NotACertificate(Found::Other)),
    ] {
        let good = key(" use=\"signing\"", ours);
        for keys in [format!("{good}{bad}"), format!("{bad}{good}")] {
            let idp = IdentityProvider::from_metadata(&metadata(&keys)).unwrap();
            assert_eq!(idp.certificates(), std::slice::from_ref(ours), "{why}");
            let [left_out] = idp.left_out() else { panic!("{:?}", idp.left_out()) };
            assert_eq!(left_out.why, why);
        }
        assert_eq!(IdentityProvider::from_metadata(&metadata(&bad)).map(|_| ()), Err(why), "alone");
    }
    // In one file, too.
    let pem = |der: &[u8]| format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", base64_of(der));
    for bad in
        [pem(&weak()), pem(b"x"), pem(b""), "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n".into()]
    {
        let file = format!("{bad}{}", pem(ours));
        let idp = IdentityProvider::from_parts("urn:x", "https://login.test/", None, file.as_bytes()).unwrap();
        assert_eq!((idp.certificates(), idp.left_out().len()), (std::slice::from_ref(ours), 1), "{bad}");
    }
}

/// If the certificate of the key that signs cannot be read, the authority that stands beside it does not sign instead.
#[test]
fn an_authority_does_not_take_the_place_of_a_certificate_that_cannot_be_used() {
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "authority");
    let authority_key = KeyPair::generate().unwrap();
    let authority = params.self_signed(&authority_key).unwrap().der().to_vec();
    let chain = |leaf: &str| {
        let both = format!("{leaf}</X509Certificate><X509Certificate>{}", base64_of(&authority));
        let good = key("", &Signer::ours().certificate);
        (key("", b"x").replace("eA==", &both), good)
    };
    for leaf in ["eA==", "?", &base64_of(&weak()), &base64_of(&ed25519())] {
        let (chain, good) = chain(leaf);
        let idp = IdentityProvider::from_metadata(&metadata(&format!("{chain}{good}"))).unwrap();
        assert_eq!(idp.certificates(), std::slice::from_ref(&Signer::ours().certificate), "{leaf:.20}");
        assert!(IdentityProvider::from_metadata(&metadata(&chain)).is_err(), "{leaf:.20}: alone");
    }
    // Where there is nothing, nothing is missing.
    let (chain, _) = chain("");
    let idp = IdentityProvider::from_metadata(&metadata(&chain)).unwrap();
    assert_eq!(idp.certificates(), std::slice::from_ref(&authority));
}

#[test]
fn one_address_that_cannot_be_used_is_left_out_beside_others_and_said() {
    let good = metadata(&key("", &Signer::ours().certificate));
    let redirect = IdentityProvider::from_metadata(&good.replace("https://login.test/post", "/post")).unwrap();
    assert_eq!((redirect.sign_in_url(Binding::Post), redirect.left_out().len()), (None, 1));
    let said = redirect.left_out()[0].to_string();
    assert!(said.starts_with("SingleSignOnService `/post`: there is no sign-in address"), "{said}");
    let stays = IdentityProvider::from_metadata(&good.replace("https://login.test/out", "out")).unwrap();
    assert_eq!((stays.sign_out(), stays.left_out().len()), (None, 1));
}

#[test]
fn an_entity_may_have_roles_beside_the_one_that_is_meant() {
    let ours = &Signer::ours().certificate;
    let good = metadata(&key("", ours));
    let (head, rest) = good.split_once("<IDPSSODescriptor ").unwrap();
    let (role, tail) = rest.split_once("</IDPSSODescriptor>").unwrap();
    let role = format!("<IDPSSODescriptor {role}</IDPSSODescriptor>");
    let old = role.replace("SAML:2.0:protocol", "SAML:1.1:protocol").replace(&base64_of(ours), &base64_of(&weak()));
    let both = role.replace(
        "urn:oasis:names:tc:SAML:2.0:protocol",
        "urn:oasis:names:tc:SAML:1.1:protocol urn:oasis:names:tc:SAML:2.0:protocol",
    );
    for roles in [format!("{old}{role}"), format!("{role}{old}"), both.clone()] {
        let idp = IdentityProvider::from_metadata(&format!("{head}{roles}{tail}")).unwrap();
        assert_eq!((idp.certificates(), idp.left_out().len()), (std::slice::from_ref(ours), 0));
    }
    // Two of them, each with a key: either key is the entity's.
    let second = role.replace(&base64_of(ours), &base64_of(&Signer::stranger().certificate));
    let idp = IdentityProvider::from_metadata(&format!("{head}{role}{second}{tail}")).unwrap();
    assert_eq!(idp.certificates().len(), 2);
    // Groups in groups, with what only people read around them.
    let bare = good.trim_start_matches('\u{feff}').split_once("?>").unwrap().1;
    let group = |inner: &str| {
        format!(
            "<g:EntitiesDescriptor xmlns:g=\"{}\"><g:Extensions>a<b/>c</g:Extensions>{inner}</g:EntitiesDescriptor>",
            ns::METADATA
        )
    };
    let wrapped = group(&group(&format!("<?pi?><![CDATA[ ]]>{bare}")));
    assert_eq!(IdentityProvider::from_metadata(&wrapped), IdentityProvider::from_metadata(&good));
    let over = wrapped.replacen("><g:Ext", " validUntil=\"2020-01-01T00:00:00Z\"><g:Ext", 1);
    let idp = IdentityProvider::from_metadata(&over).unwrap();
    assert!(
        idp.check_valid(Timestamp::UNIX_EPOCH).is_ok()
            && idp.check_valid("2021-01-01T00:00:00Z".parse().unwrap()).is_err()
    );
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
    assert_eq!(idp.clone().issued_by(authority(&key).as_bytes()), Ok(idp.clone()));
    assert_eq!(idp.clone().issued_by(authority(&other_key).as_bytes()), Err(Error::UnknownAuthority));
    assert_eq!(idp.clone().issued_by(b""), Err(Error::NoAuthority(Found::Nothing)));
    assert_eq!(idp.clone().issued_by(b"<html>"), Err(Error::NoAuthority(Found::Html)));
    // A key that the authority has not certified is left out beside one that it has, as while keys are changed.
    let pem = |der: &[u8]| String::from_utf8(X509::from_der(der).unwrap().to_pem().unwrap()).unwrap();
    let file = [pem(leaf.der()), pem(&Signer::ours().certificate)].concat();
    let both = IdentityProvider::from_parts("urn:x", "https://login.test/", None, file.as_bytes()).unwrap();
    let kept = both.issued_by(authority(&key).as_bytes()).unwrap();
    assert_eq!((kept.certificates(), kept.left_out().len()), (&[leaf.der().to_vec()][..], 1));
}

#[test]
fn metadata_count_only_if_the_configured_key_has_signed_all_of_them() {
    let text = metadata(&key("", &Signer::ours().certificate)).replace("<!-- from the portal -->", "");
    let text = text.trim_start_matches('\u{feff}').replace("ID=\"_1\"", "ID=\"_m1\"");
    let plain = text.replacen("><RoleDescriptor", ">{sign _m1}<RoleDescriptor", 1);
    assert_ne!(plain, text);
    let signed = Signer::ours().sign(&plain, "_m1");
    let ours = &Signer::ours().certificate;
    let read = |text: &str, certificate: &[u8]| IdentityProvider::from_signed_metadata(text, certificate, None);
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
    assert_eq!(read(&signed, b"nothing"), Err(Error::NotACertificate(Found::Other)));
    // As a whole: a signature on the wrapper covers what is in it, and one inside does not cover the wrapper.
    let group = |sign: &str, inner: &str| {
        format!("<g:EntitiesDescriptor ID=\"_g\" xmlns:g=\"{}\">{sign}{inner}</g:EntitiesDescriptor>", ns::METADATA)
    };
    let bare = |text: &str| text.split_once("?>").unwrap().1.to_owned();
    let whole = Signer::ours().sign(&group("{sign _g}", &bare(&text)), "_g");
    assert_eq!(read(&whole, ours), IdentityProvider::from_metadata(&text));
    assert_eq!(read(&group("", &bare(&signed)), ours), Err(Error::NotSigned));
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
    assert_eq!(IdentityProvider::from_metadata(&nonsense), Err(Error::BadValidity("soon".to_owned())));
    assert_eq!(IdentityProvider::from_metadata(&text).unwrap().check_valid(Timestamp::MAX), Ok(()));
}

#[test]
fn what_is_said_of_metadata_writes_nothing_else_on_a_terminal() {
    let several = Error::Several(vec!["urn:a\u{1b}[2J\n".to_owned(), "x".repeat(500)]).to_string();
    assert!(!several.contains(char::is_control) && several.len() < 300, "{several}");
    let many = Error::Several((0..30).map(|n| format!("urn:{n}")).collect()).to_string();
    assert!(many.ends_with("`urn:9` and 20 more"), "{many}");
    let good = metadata(&key("", &Signer::ours().certificate));
    let odd = good.replace("https://login.test/out", "&#27;[2J&#10;out");
    assert!(IdentityProvider::from_metadata(&odd).is_err(), "no control characters in XML");
    let odd = good.replace("https://login.test/out", "a&#10;b");
    let said = IdentityProvider::from_metadata(&odd).unwrap().left_out()[0].to_string();
    assert!(!said.contains(char::is_control), "{said}");
}
