use super::*;
use crate::saml::tests::Signer;

const BY_HAND: &str = r#"
name = "contoso"
domains = ["Contoso.com"]
netbios = { CONTOSO = "contoso.com" }
entity_id = "https://auth.test/0123"
acs_aliases = ["/ssoAssert?cmpID=1"]
issuer = "https://sts.windows.net/t/"
login_url = "https://login.test/t/saml2"
logout_url = "https://login.test/t/saml2"
certificate = "contoso.cer"
"#;

fn config(text: &str) -> Config {
    toml::from_str(text).unwrap()
}

fn files(path: &Path) -> io::Result<Vec<u8>> {
    match path.to_str() {
        Some("contoso.cer") => Ok(Signer::ours().certificate.clone()),
        Some("empty.pem") => Ok(Vec::new()),
        _ => Err(io::ErrorKind::NotFound.into()),
    }
}

#[test]
fn a_realm_by_hand_needs_little() {
    let config = config(BY_HAND);
    let idp = config.identity_provider(files).unwrap().unwrap();
    assert_eq!(idp.entity_id(), "https://sts.windows.net/t/");
    let us = config.service_provider("https://portal.test/", files).unwrap();
    assert_eq!(us.acs_url, "https://portal.test/saml/acs");
    assert_eq!(us.acs_aliases, ["https://portal.test/ssoAssert?cmpID=1"]);
    assert_eq!(config.realm().domains, ["contoso.com"]);
    assert_eq!(config.mismatch, Mismatch::Accept);
    assert_eq!(config.claim_map(&[]).identity, claims::IDENTITY);
    assert_eq!(config.claim_map(&[]).groups, claims::GROUPS);
}

#[test]
fn what_is_missing_or_too_much_is_named() {
    for (from, to, message) in [
        (
            "issuer = ",
            "#",
            "`issuer` is missing: give `metadata`, `metadata_url`, or `issuer`, `login_url` and `certificate`",
        ),
        (
            "login_url = ",
            "#",
            "`login_url` is missing: give `metadata`, `metadata_url`, or `issuer`, `login_url` and `certificate`",
        ),
        (
            "certificate = ",
            "#",
            "`certificate` is missing: give `metadata`, `metadata_url`, or `issuer`, `login_url` and `certificate`",
        ),
        ("issuer = ", "metadata = \"m.xml\"\nissuer = ", "`issuer` cannot stand beside `metadata`"),
        ("contoso.cer", "other.cer", "other.cer: entity not found"),
        (
            "name = ",
            "require_ca_signed = \"empty.pem\"\nname = ",
            "a certificate was not issued by the required authority",
        ),
        (
            "https://login.test/t/saml2\"\nlogout",
            "ftp://x\"\nlogout",
            "there is no sign-in address for HTTP-Redirect or HTTP-POST, or it is not an http address",
        ),
    ] {
        let config = config(&BY_HAND.replace(from, to));
        let error = config.identity_provider(files).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
    assert!(toml::from_str::<Config>(&BY_HAND.replace("issuer", "isuer")).is_err());
}
