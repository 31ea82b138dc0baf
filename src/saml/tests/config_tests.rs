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
certificate = "/contoso.cer"
"#;

fn config(text: &str) -> Config {
    toml::from_str(text).unwrap()
}

fn files(path: &Path) -> io::Result<Vec<u8>> {
    match path.to_str() {
        Some("/contoso.cer") => Ok(Signer::ours().certificate.clone()),
        Some("/empty.pem") => Ok(Vec::new()),
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
        ("issuer = ", "metadata = \"/m.xml\"\nissuer = ", "`login_url` cannot stand beside `metadata`"),
        ("contoso.cer", "other.cer", "/other.cer: entity not found"),
        (
            "name = ",
            "require_ca_signed = \"/empty.pem\"\nname = ",
            "wanted are the certificates of authorities in `require_ca_signed`, and this is nothing",
        ),
        (
            "https://login.test/t/saml2\"\nlogout",
            "ftp://x\"\nlogout",
            "there is no sign-in address for HTTP-Redirect or HTTP-POST, or it is not an http or https address",
        ),
    ] {
        let config = config(&BY_HAND.replace(from, to));
        let error = config.identity_provider(files).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
    assert!(toml::from_str::<Config>(&BY_HAND.replace("issuer", "isuer")).is_err());
}

#[test]
fn the_path_of_an_answer_is_one_that_browsers_write_just_so() {
    for good in ["/saml/acs", "/a", "/simplesaml/module.php/saml/sp/saml2-acs.php/ics-sp", "/a/b-c_d~e%20f", "/a:b/c*"]
    {
        assert_eq!(acs_path(good), Ok(good));
        assert_eq!(acs_path(&format!("{good}?cmpID=1&x=2")), Ok(good));
    }
    for (bad, error) in [
        ("", BadPath::NoPath),
        ("saml/acs", BadPath::NoPath),
        ("//evil.test/acs", BadPath::NoPath),
        ("https://portal.test/saml/acs", BadPath::Address),
        ("/a b", BadPath::Unusual),
        ("/a/../b", BadPath::Unusual),
        ("/a/./b", BadPath::Unusual),
        ("/ü", BadPath::Unusual),
        ("/a#b", BadPath::Unusual),
        ("/{a}", BadPath::Unusual),
        ("/a\\b", BadPath::Unusual),
        ("/a\n", BadPath::Unusual),
        ("/a?b c", BadPath::Unusual),
        ("/a/:b", BadPath::Pattern),
        ("/*b", BadPath::Pattern),
    ] {
        assert_eq!(acs_path(bad), Err(error), "{bad:?}");
    }
}

proptest::proptest! {
    /// The router of the portal panics at paths that it takes for patterns.
    #[test]
    fn no_path_that_is_good_makes_a_router_panic(written in "/[a-z:*{}?#/.% ü\\\\]{0,12}") {
        if let Ok(path) = acs_path(&written) {
            drop(axum::Router::<()>::new().route(path, axum::routing::post(|| async { "" })));
        }
    }
}

#[test]
fn metadata_of_ours_ask_for_no_attribute_that_is_none() {
    let config = config(&BY_HAND.replace("certificate =", "identity_claims = ['NameID', 'uPN']\ncertificate ="));
    let us = config.service_provider("https://portal.test", files).unwrap();
    assert_eq!(us.attributes, ["uPN", claims::GROUPS]);
}
