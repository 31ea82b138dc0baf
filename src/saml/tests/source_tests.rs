use std::io;

use super::*;
use crate::saml::tests::Signer;

const BY_URL: &str = r#"
name = "contoso"
domains = ["contoso.com"]
entity_id = "https://auth.test/0123"
metadata_url = "https://login.test/metadata.xml"
"#;

fn config(more: &str) -> Config {
    toml::from_str(&format!("{BY_URL}{more}")).unwrap()
}

fn nothing(_: &Path) -> io::Result<Vec<u8>> {
    Err(io::ErrorKind::NotFound.into())
}

fn metadata(entity_id: &str) -> String {
    use base64::Engine as _;
    let certificate = base64::engine::general_purpose::STANDARD.encode(&Signer::ours().certificate);
    format!(
        "<EntityDescriptor xmlns=\"urn:oasis:names:tc:SAML:2.0:metadata\" entityID=\"{entity_id}\"><IDPSSODescriptor \
         protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\"><KeyDescriptor><KeyInfo \
         xmlns=\"http://www.w3.org/2000/09/xmldsig#\"><X509Data><X509Certificate>{certificate}</X509Certificate>\
         </X509Data></KeyInfo></KeyDescriptor><SingleSignOnService \
         Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect\" Location=\"https://login.test/\"/>\
         </IDPSSODescriptor></EntityDescriptor>"
    )
}

#[test]
fn an_address_gives_an_identity_provider_only_when_it_was_fetched() {
    assert_eq!(config("").identity_provider(nothing).unwrap(), None);
    let fetched = config("").fetched(metadata("urn:a").as_bytes(), None, nothing).unwrap();
    assert_eq!(fetched.entity_id(), "urn:a");
}

#[test]
fn metadata_of_another_identity_provider_are_refused() {
    let before = config("").fetched(metadata("urn:a").as_bytes(), None, nothing).unwrap();
    let said = |more: &str, before: Option<&IdentityProvider>, id: &str| {
        config(more).fetched(metadata(id).as_bytes(), before, nothing).map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(said("", Some(&before), "urn:a"), Ok(()));
    let other = Err("the metadata are those of `urn:b`, not of `urn:a`".to_owned());
    assert_eq!(said("", Some(&before), "urn:b"), other);
    assert_eq!(said("issuer = \"urn:a\"", None, "urn:b"), other);
    // What the operator has written down since then counts.
    assert_eq!(said("issuer = \"urn:b\"", Some(&before), "urn:b"), Ok(()));
}

#[test]
fn a_required_authority_counts_for_what_is_fetched() {
    let strict = config("require_ca_signed = \"/ca.pem\"");
    let read = |_: &Path| Ok(Vec::new());
    let refused = strict.fetched(metadata("urn:a").as_bytes(), None, read).unwrap_err();
    let nothing = "wanted are the certificates of authorities in `require_ca_signed`, and this is nothing";
    assert_eq!(refused.to_string(), nothing);
    let other = |_: &Path| Ok(Signer::stranger().certificate.clone());
    let refused = strict.fetched(metadata("urn:a").as_bytes(), None, other).unwrap_err();
    assert_eq!(refused.to_string(), "no authority of `require_ca_signed` has issued the certificate");
}

#[test]
fn an_address_is_https_and_stands_alone() {
    let said = |text: &str| {
        let config: Config = toml::from_str(text).unwrap();
        config.identity_provider(nothing).unwrap_err().to_string()
    };
    assert_eq!(said(&BY_URL.replace("https://login", "http://login")), "`metadata_url` is not an https address");
    for (more, key, by) in [
        ("login_url = \"https://x/\"", "login_url", "metadata_url"),
        ("logout_url = \"https://x/\"", "logout_url", "metadata_url"),
        ("logout_binding = \"post\"", "logout_binding", "metadata_url"),
        ("certificate = \"/x\"", "certificate", "metadata_url"),
        ("metadata = \"/x\"", "metadata_url", "metadata"),
    ] {
        assert_eq!(said(&format!("{BY_URL}{more}")), format!("`{key}` cannot stand beside `{by}`"));
    }
}

#[test]
fn an_address_to_sign_out_at_takes_what_is_said_of_it() {
    let url = || "https://login.test/out".parse::<url::Url>().unwrap();
    let saml = |binding| SignOut::Saml { binding, request_url: url(), response_url: url() };
    for (more, sign_out) in [
        ("", None),
        ("logout_url = \"https://login.test/out\"", Some(saml(Binding::Redirect))),
        ("logout_url = \"https://login.test/out\"\nlogout_binding = \"post\"", Some(saml(Binding::Post))),
        ("logout_url = \"https://login.test/out\"\nlogout_binding = \"plain\"", Some(SignOut::Plain(url()))),
    ] {
        let by_hand = BY_URL.replace("metadata_url = \"https://login.test/metadata.xml\"", "issuer = \"urn:a\"");
        let text = format!("{by_hand}login_url = \"https://login.test/\"\ncertificate = \"/a.cer\"\n{more}");
        let config: Config = toml::from_str(&text).unwrap();
        let idp = config.identity_provider(|_| Ok(Signer::ours().certificate.clone())).unwrap().unwrap();
        assert_eq!(idp.sign_out(), sign_out.as_ref(), "{more}");
    }
}

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/saml/metadata/");

/// What a realm makes of a file of metadata.
fn taken(name: &str, more: &str) -> Result<IdentityProvider, String> {
    let metadata = std::fs::read(format!("{FIXTURES}{name}")).unwrap();
    config(more).fetched(&metadata, None, nothing).map_err(|error| error.to_string())
}

#[test]
fn of_metadata_that_are_wrapped_the_one_identity_provider_is_taken_and_of_several_the_one_that_is_named() {
    let named = "issuer = \"https://idp.example/saml\"";
    assert_eq!(taken("wrapped-one.xml", "").unwrap().entity_id(), "https://idp.example/saml");
    assert_eq!(
        taken("wrapped-one.xml", "issuer = \"urn:x\"").unwrap_err(),
        "the metadata are those of `https://idp.example/saml`, not of `urn:x`"
    );
    assert_eq!(taken("wrapped-two.xml", named).unwrap().entity_id(), "https://idp.example/saml");
    let several = taken("wrapped-two.xml", "").unwrap_err();
    let said = "the metadata describe several identity providers; choose one of them by `issuer`: `https://idp.example/saml`, `";
    assert!(several.starts_with(said), "{several}");
    let other = taken("wrapped-two.xml", "issuer = \"urn:x\"").unwrap_err();
    assert!(other.starts_with("the metadata do not describe `urn:x`, but: `https://idp.example/saml`, `"), "{other}");
    // Once it is known, it is the one that is meant.
    let metadata = std::fs::read(format!("{FIXTURES}wrapped-two.xml")).unwrap();
    let before = taken("wrapped-two.xml", named).unwrap();
    assert_eq!(config("").fetched(&metadata, Some(&before), nothing).unwrap(), before);
    let file = toml::from_str::<Config>(
        &BY_URL.replace("metadata_url = \"https://login.test/metadata.xml\"", &format!("metadata = \"/two\"\n{named}")),
    )
    .unwrap();
    assert_eq!(file.identity_provider(|_| Ok(metadata.clone())).unwrap().unwrap(), before);
}

#[test]
fn a_certificate_is_taken_in_each_dress_that_it_comes_in() {
    for name in ["armoured.xml", "base64-twice.xml"] {
        let idp = taken(name, "").unwrap();
        assert_eq!((idp.certificates().len(), idp.left_out()), (1, &[][..]), "{name}");
    }
}

#[test]
fn metadata_are_read_in_utf_16_and_latin_1_and_else_it_is_said_that_it_is_the_encoding() {
    let plain = taken("name-id-only.xml", "").unwrap();
    assert_eq!(taken("utf16.xml", "").unwrap().entity_id(), plain.entity_id());
    assert!(taken("latin1.xml", "").is_ok());
    let text = metadata("urn:a");
    let units = |swap: bool| -> Vec<u8> {
        let octets = |unit: u16| if swap { unit.to_be_bytes() } else { unit.to_le_bytes() };
        format!("<?xml version='1.0' encoding='UTF-16'?>\r\n{text}").encode_utf16().flat_map(octets).collect()
    };
    let of = |file: &[u8]| config("").fetched(file, None, nothing).map_err(|error| error.to_string());
    for (what, file) in [
        ("big-endian without a mark", units(true)),
        ("little-endian without a mark", units(false)),
        ("big-endian", [&[0xfe, 0xff][..], &units(true)].concat()),
        ("UTF-8 with a mark", [b"\xef\xbb\xbf", text.as_bytes()].concat()),
        ("ASCII", format!("<?xml version='1.0' encoding='us-ascii'?>{text}").into_bytes()),
        ("Windows", format!("<?xml version=\"1.0\" encoding=\"Windows-1252\"?>{text}").into_bytes()),
    ] {
        assert_eq!(of(&file).unwrap().entity_id(), "urn:a", "{what}");
    }
    let umlaut = text.replace("urn:a", "urn:\u{fc}");
    let latin: Vec<u8> = umlaut.chars().map(|c| c as u8).collect();
    assert_eq!(
        of(&latin).unwrap_err(),
        "the file's encoding cannot be read: it is not UTF-8, as it should be: save it as UTF-8"
    );
    let declared = [b"<?xml version='1.0' encoding='iso-8859-1' ?>", &latin[..]].concat();
    assert_eq!(of(&declared).unwrap().entity_id(), "urn:\u{fc}");
    let other = format!("<?xml version='1.0' encoding='Shift_JIS'?>{text}");
    assert_eq!(
        of(other.as_bytes()).unwrap_err(),
        "the file's encoding cannot be read: it is in `Shift_JIS`: save it as UTF-8"
    );
    assert!(of(&units(false)[..101]).unwrap_err().contains("it is not UTF-16"));
}

#[test]
fn what_is_given_in_place_of_metadata_is_named() {
    let of = |file: &[u8]| config("").fetched(file, None, nothing).unwrap_err().to_string();
    let wanted = "wanted are SAML metadata, and this is";
    assert_eq!(of(b""), format!("{wanted} nothing"));
    assert_eq!(of(b"metadata"), format!("{wanted} no XML"));
    assert_eq!(of(&Signer::ours().certificate), format!("{wanted} a certificate"));
    assert_eq!(of(b"<html><head></head></html>"), format!("{wanted} XML whose root is `html`"));
    let fetched = of(b"<!DOCTYPE html><html><body>Sign in</body></html>");
    assert_eq!(fetched, "the metadata cannot be read: the XML holds a DOCTYPE");
}

#[test]
fn a_time_until_which_metadata_are_valid_is_read_as_it_is_meant() {
    let until = |text: &str| {
        let metadata = metadata("urn:a").replacen(" entityID", &format!(" validUntil=\"{text}\" entityID"), 1);
        let idp = config("").fetched(metadata.as_bytes(), None, nothing).map_err(|error| error.to_string())?;
        Ok::<_, String>(idp.valid_until().unwrap().to_string())
    };
    assert_eq!(taken("outdated.xml", "").unwrap().valid_until().unwrap().to_string(), "2020-10-17T22:17:45Z");
    assert_eq!(taken("no-zone.xml", "").unwrap().valid_until().unwrap().to_string(), "2040-01-01T00:00:00Z");
    assert_eq!(until("2026-11-21T24:00:00Z"), Ok("2026-11-22T00:00:00Z".to_owned()));
    assert!(until("9999-12-31T23:59:59Z").unwrap().starts_with("9999"), "this is how some write *never*");
    assert_eq!(until("soon"), Err("`validUntil` is not a time: `soon`".to_owned()));
}
