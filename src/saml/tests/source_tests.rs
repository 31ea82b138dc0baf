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
    let strict = config("require_ca_signed = \"ca.pem\"");
    let read = |_: &Path| Ok(Vec::new());
    let refused = strict.fetched(metadata("urn:a").as_bytes(), None, read).unwrap_err();
    assert_eq!(refused.to_string(), "a certificate was not issued by the required authority");
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
        ("certificate = \"x\"", "certificate", "metadata_url"),
        ("metadata = \"x\"", "metadata_url", "metadata"),
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
        let text = format!("{by_hand}login_url = \"https://login.test/\"\ncertificate = \"a.cer\"\n{more}");
        let config: Config = toml::from_str(&text).unwrap();
        let idp = config.identity_provider(|_| Ok(Signer::ours().certificate.clone())).unwrap().unwrap();
        assert_eq!(idp.sign_out(), sign_out.as_ref(), "{more}");
    }
}
