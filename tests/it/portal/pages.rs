//! What every page has, and what machines are given.

use http::{Method, StatusCode};

use super::world::{Options, World};

#[tokio::test]
async fn every_answer_carries_the_fields_that_protect_it() {
    let world = World::new();
    let mut browser = world.browser();
    let paths = [
        "/",
        "/?r=forged",
        "/go",
        "/again",
        "/me",
        "/devices",
        "/devices/new",
        "/devices/set-up/linux",
        "/signed-out",
        "/certificate",
        "/certificate/authority.pem",
        "/certificate/authority.crt",
        "/saml/metadata",
        "/saml/acs",
        "/captive",
        "/healthz",
        "/robots.txt",
        "/nothing",
    ];
    let mut answers = Vec::new();
    for path in paths {
        answers.push((path, browser.get(path).await));
    }
    browser.sign_in(None).await;
    for path in ["/", "/me", "/devices"] {
        answers.push((path, browser.get(path).await));
    }
    for (path, answer) in answers {
        for (name, value) in [
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
            ("strict-transport-security", "max-age=31536000"),
        ] {
            assert_eq!(answer.fields.get(name).unwrap(), value, "{name} of {path}");
        }
        assert!(answer.fields.contains_key("permissions-policy"), "{path}");
        let policy = answer.fields["content-security-policy"].to_str().unwrap();
        for part in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action "] {
            assert!(policy.contains(part), "{part} of {path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
    }
}

#[tokio::test]
async fn the_logon_page_lets_its_form_lead_to_the_identity_provider() {
    let world = World::new();
    let answer = world.browser().get("/").await;
    let policy = answer.fields["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("form-action 'self' https://login.test;"), "{policy}");
    assert!(!answer.text.contains("<script"));
    for part in ["autocomplete=\"username\"", " autofocus", "lang=\"en\"", "help@contoso.com", "Contoso Web"] {
        assert!(answer.text.contains(part), "{part}");
    }
    for form in ["<code>b.simon@contoso.com</code>", "<code>bsimon@contoso.com</code>", "<code>CONTOSO\\bsimon</code>"]
    {
        assert!(answer.text.contains(form), "{form}");
    }
}

#[tokio::test]
async fn a_page_speaks_the_language_that_the_browser_prefers() {
    let world = World::new();
    let mut browser = world.browser();
    for (asked, tag, heading) in [
        ("de-AT,de;q=0.9,en;q=0.5", "de", "Anmelden"),
        ("en;q=0.9,de;q=0.1", "en", "Sign in"),
        ("tlh", "en", "Sign in"),
    ] {
        browser.language = asked.into();
        let answer = browser.get("/").await;
        assert_eq!(answer.heading(), heading, "{asked}");
        assert_eq!(answer.fields["content-language"], tag);
        assert!(answer.fields["vary"].to_str().unwrap().contains("Accept-Language"));
    }
}

#[tokio::test]
async fn the_authority_is_given_out_in_both_forms_with_its_fingerprint() {
    let world = World::new();
    let mut browser = world.browser();
    let pem = browser.get("/certificate/authority.pem").await;
    assert_eq!(pem.fields["content-type"], "application/x-pem-file");
    assert!(pem.text.starts_with("-----BEGIN CERTIFICATE-----"));
    let der = browser.get("/certificate/authority.crt").await;
    assert_eq!(der.fields["content-type"], "application/x-x509-ca-cert");
    assert_eq!(der.bytes[0], 0x30, "a SEQUENCE");
    let page = browser.get("/certificate").await;
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &der.bytes);
    let hash: Vec<_> = hash.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
    for group in hash.chunks(8) {
        assert!(page.text.contains(&group.join(":")), "{}", page.text);
    }
    for system in ["Windows", "macOS", "iPhone and iPad", "Android", "Debian", "Fedora", "Firefox"] {
        assert!(page.text.contains(system), "{system}");
    }
}

#[tokio::test]
async fn machines_get_metadata_health_and_the_captive_portal_api() {
    let world = World::with(&Options { network: "address = true", ..Options::default() });
    let mut browser = world.browser();
    let metadata = browser.get("/saml/metadata").await;
    assert_eq!(metadata.fields["content-type"], "application/samlmetadata+xml");
    assert!(metadata.text.contains("entityID=\"https://auth.test/0123456789abcdef\""), "{}", metadata.text);
    assert_eq!(browser.get("/saml/metadata?realm=nobody").await.status, StatusCode::NOT_FOUND);
    let captive = browser.get("/captive").await;
    assert_eq!(captive.fields["content-type"], "application/captive+json");
    assert_eq!(captive.text, r#"{"captive":true,"user-portal-url":"https://portal.test/"}"#);
    browser.sign_in(None).await;
    browser.jar.clear();
    let month = 30 * 24 * 3600;
    let open = format!(
        r#"{{"captive":false,"user-portal-url":"https://portal.test/","can-extend-session":true,"seconds-remaining":{month}}}"#
    );
    assert_eq!(browser.get("/captive").await.text, open, "by the address: systems send no cookie");
    browser.client = "198.51.100.7".parse().unwrap();
    assert!(browser.get("/captive").await.text.contains("\"captive\":true"), "elsewhere");
    assert_eq!(browser.get("/healthz").await.text, "ok\n");
    assert!(browser.get("/robots.txt").await.text.contains("Disallow: /"));
    assert_eq!(browser.get("/nothing").await.heading(), "There is no such page");
}

#[tokio::test]
async fn an_absolute_form_target_is_answered_like_an_origin_form_one() {
    let world = World::new();
    let mut browser = world.browser();
    let answer = browser.send(Method::GET, "https://portal.test/certificate", None, false, &[]).await;
    assert_eq!((answer.status, answer.heading()), (StatusCode::OK, "Set up this device"));
}
