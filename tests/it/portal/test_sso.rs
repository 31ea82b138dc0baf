//! Test SSO, realms that wait for it, and sign-ins that begin at the identity provider.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use vestibule::clock::SignedDuration;
use vestibule::saml::config::Enabled;

use super::world::{Answer, Browser, Options, PORTAL, Posting, World};

const SESSION: &str = "__Host-vestibule";
const BSIMON: &str = "B.Simon@contoso.com";

fn link(world: &World) -> String {
    let link = world.operators.test_link(PORTAL, "contoso", world.clock.now());
    link.strip_prefix(PORTAL).unwrap().to_owned()
}

/// Opens a link and presses the button.
async fn begin(browser: &mut Browser<'_>, link: &str) -> Answer {
    let page = browser.get(link).await;
    assert_eq!(page.heading(), "Test SSO: contoso", "{page:?}");
    browser.post("/test-sso", &[("csrf", &page.hidden("csrf")), ("t", &page.hidden("t"))]).await
}

/// The whole test: the page that says how it went.
async fn tested(browser: &mut Browser<'_>, link: &str, password: &str, edit: impl Fn(&str) -> String) -> Answer {
    let sent = begin(browser, link).await;
    let name = if password == "megan" { "MeganB@contoso.com" } else { BSIMON };
    let mut posting = browser.at_idp(&sent, name, password).await;
    let xml = String::from_utf8(STANDARD.decode(&posting.response).unwrap()).unwrap();
    posting.response = STANDARD.encode(edit(&xml));
    let answer = browser.deliver(&posting).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer:?}");
    browser.get(answer.location()).await
}

#[tokio::test]
async fn an_operator_sees_request_response_checks_and_claims_and_nobody_is_signed_in() {
    let world = World::new();
    let mut browser = world.browser();
    let page = tested(&mut browser, &link(&world), "simon", str::to_owned).await;
    assert_eq!(page.heading(), "The test has passed", "{}", page.text);
    assert_eq!(page.text.matches(">passed<").count(), 20);
    for part in [
        "&#60;AuthnRequest",
        "AssertionConsumerServiceURL=&#34;https://portal.test/saml/acs&#34;",
        "&#60;SignatureValue",
        "… 344 characters",
        "<th scope=\"row\"><strong>sAMAccountName</strong></th><td><code>bsimon</code></td><td>sAMAccountName</td>",
        "<td>the name in records and rules, UPN</td>",
        "<code>Staff</code><br><code>Research</code></td><td>groups</td>",
    ] {
        assert!(page.text.contains(part), "{part} in {}", page.text);
    }
    assert!(world.sessions.count() == 0 && !browser.holds(SESSION));
    assert_eq!(browser.get("/me").await.location(), "/");
    let again = browser.post("/test-sso", &[("csrf", &page.hidden("csrf"))]).await;
    assert!(again.location().starts_with("https://login.test/"), "the same browser may test again: {again:?}");
}

#[tokio::test]
async fn a_link_is_good_once_for_a_quarter_of_an_hour_and_looking_at_it_uses_nothing_up() {
    let world = World::new();
    let first = link(&world);
    let mut browser = world.browser();
    browser.get(&first).await;
    assert_eq!(begin(&mut browser, &first).await.status, StatusCode::SEE_OTHER);
    for refused in [first.as_str(), "/test-sso?t=forged", "/test-sso", "/test-sso/result?id=x", "/test-sso/result"] {
        let mut other = world.browser();
        let page = other.get(refused).await;
        let page = match page.text.contains("name=\"t\"") {
            true => other.post("/test-sso", &[("csrf", &page.hidden("csrf")), ("t", &page.hidden("t"))]).await,
            false => page,
        };
        assert_eq!((page.status, page.heading()), (StatusCode::FORBIDDEN, "This link cannot be used"), "{refused}");
    }
    let late = link(&world);
    world.clock.advance(SignedDuration::from_mins(15));
    assert_eq!(world.browser().get(&late).await.status, StatusCode::FORBIDDEN);
    let page = browser.get("/test-sso").await;
    assert_eq!(page.heading(), "Test SSO: contoso", "the browser that opened it has an hour");
    world.clock.advance(SignedDuration::from_mins(60));
    assert_eq!(browser.get("/test-sso").await.status, StatusCode::FORBIDDEN);
    let csrf = world.browser().get("/").await.hidden("csrf");
    let link = link(&world);
    let token = link.split_once("t=").unwrap().1;
    let answer = world.browser().post("/test-sso", &[("csrf", &csrf), ("t", token)]).await;
    assert_eq!(answer.heading(), "The form was not accepted", "another browser's token");
}

#[tokio::test]
async fn what_is_wrong_is_said_with_what_to_change() {
    let world = World::new();
    let stranger = World::new();
    let certificate = |world: &World| world.certificate.replace('\n', "");
    let (own, other) = (certificate(&world), certificate(&stranger));
    assert_ne!(own, other);
    for (password, from, to, parts) in [
        (
            "simon",
            "Destination=\"https://portal.test/saml/acs\"",
            "Destination=\"https://x.test/\"",
            vec!["Reply URL", "<code>https://x.test/</code>", "the response was sent"],
        ),
        ("simon", "Version=\"2.0\"", "Version=\"1.1\"", vec!["Set the identity provider to SAML 2.0"]),
        (
            "simon",
            "<Audience>https://auth.test/",
            "<Audience>https://auth.tost/",
            vec!["Both verifiers find it signed by a configured certificate", "not reached", "compare the thumbprints"],
        ),
        ("megan", "x", "x", vec!["AADSTS50105", "Users and groups", "The test has failed"]),
        ("simon", "<Assertion ", "<!-- --><Assertion ", vec!["the message holds a comment"]),
    ] {
        let mut browser = world.browser();
        let page = tested(&mut browser, &link(&world), password, |xml| xml.replacen(from, to, 1)).await;
        assert_eq!(page.heading(), "The test has failed", "{from}");
        for part in parts {
            assert!(page.text.to_lowercase().contains(&part.to_lowercase()), "{part} of {from} in {}", page.text);
        }
    }
    let start = world.browser().get(&link(&world)).await;
    for code in ["AADSTS50011", "AADSTS50058", "AADSTS700016", "AADSTS75011", "AADSTS900236", "AADSTS50105"] {
        assert!(start.text.contains(code), "{code}");
    }
    assert!(start.text.contains("Reply URL: add https://portal.test/saml/acs"), "{}", start.text);
    assert!(start.text.contains("Identifier (Entity ID): https://auth.test/0123456789abcdef"), "{}", start.text);
}

#[tokio::test]
async fn another_certificate_is_recognised_by_its_thumbprint() {
    let stranger = rcgen::generate_simple_self_signed(vec!["x.test".into()]).unwrap().cert;
    let world = World::with(&Options { certificate: Some(stranger.der().to_vec()), ..Options::default() });
    let mut browser = world.browser();
    let page = tested(&mut browser, &link(&world), "simon", str::to_owned).await;
    let thumbprint = |der: &[u8]| {
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, der);
        hash.as_ref().iter().map(|byte| format!("{byte:02X}")).collect::<String>()
    };
    assert!(page.text.contains("signed with a certificate that is not configured here"), "{}", page.text);
    assert!(page.text.contains(&thumbprint(stranger.der())), "the configured one");
    assert!(page.text.contains("Microsoft Azure Federated SSO Certificate (practice)"), "the one in the message");
}

#[tokio::test]
async fn a_realm_that_waits_for_its_test_is_off_until_one_has_passed() {
    let world = World::with(&Options { enabled: Enabled::AfterTest, ..Options::default() });
    let mut person = world.browser();
    let answer = person.type_name(None, BSIMON).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.text.contains("is not switched on yet"), "{}", answer.text);
    let mut operator = world.browser();
    let failed = tested(&mut operator, &link(&world), "megan", str::to_owned).await;
    assert_eq!(failed.heading(), "The test has failed");
    assert_eq!(person.type_name(None, BSIMON).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let passed = tested(&mut world.browser(), &link(&world), "simon", str::to_owned).await;
    assert!(passed.text.contains("It is switched on now."), "{}", passed.text);
    person.sign_in(None).await;
    assert!(std::fs::read_dir(world.state.path().join("tested")).unwrap().count() == 1, "a restart remembers it");
    let off = World::with(&Options { enabled: Enabled::No, ..Options::default() });
    let passed = tested(&mut off.browser(), &link(&off), "simon", str::to_owned).await;
    assert!(!passed.text.contains("switched on now"));
    assert_eq!(off.browser().type_name(None, BSIMON).await.status, StatusCode::UNPROCESSABLE_ENTITY);
}

/// A Response that nobody asked for.
async fn unsolicited(world: &World) -> Posting {
    let mut browser = world.browser();
    let sent = browser.begin_anywhere().await;
    browser.at_idp(&sent, BSIMON, "simon").await;
    browser.press_tile().await
}

#[tokio::test]
async fn where_sign_ins_begin_here_a_tile_leads_to_the_logon_page() {
    let world = World::new();
    let mut browser = world.browser();
    let answer = browser.deliver(&unsolicited(&world).await).await;
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/?tile"));
    let page = browser.get(answer.location()).await;
    assert_eq!(page.heading(), "Sign in");
    assert!(page.text.contains("The tile that you pressed led here"), "{}", page.text);
    assert_eq!(world.sessions.count(), 0);
    browser.sign_in(None).await;
    let answer = browser.deliver(&unsolicited(&world).await).await;
    assert_eq!(browser.get(answer.location()).await.location(), "/me", "who is signed in already stays so");
}

#[tokio::test]
async fn a_realm_may_take_sign_ins_that_begin_at_the_identity_provider_each_once() {
    let world = World::with(&Options { idp_initiated: true, ..Options::default() });
    let mut browser = world.browser();
    let posting = unsolicited(&world).await;
    let answer = browser.deliver(&posting).await;
    assert!(answer.location().starts_with("/me?n="), "never to an address that came with it: {answer:?}");
    let page = browser.get(answer.location()).await;
    assert!(page.text.contains("You signed in from your organisation&#39;s list of applications."), "{}", page.text);
    assert_eq!(world.sessions.count(), 1);
    let again = world.browser().deliver(&posting).await;
    assert_eq!((again.status, again.heading()), (StatusCode::FORBIDDEN, "The sign-in was not accepted"));
    // An answer to a request is none without the request.
    let mut other = world.browser();
    let sent = other.type_name(None, BSIMON).await;
    let mut solicited = other.at_idp(&sent, BSIMON, "simon").await;
    solicited.relay_state = String::new();
    assert_eq!(world.browser().deliver(&solicited).await.location(), "/again");
    let off = World::with(&Options { idp_initiated: true, enabled: Enabled::No, ..Options::default() });
    assert_eq!(off.browser().deliver(&unsolicited(&off).await).await.location(), "/?tile");
}

#[tokio::test]
async fn nobody_is_signed_in_over_somebody_else_without_asking_for_it() {
    let world = World::with(&Options { idp_initiated: true, ..Options::default() });
    let mut browser = world.browser();
    let sent = browser.type_name(None, "AlexW@contoso.com").await;
    let posting = browser.at_idp(&sent, "AlexW@contoso.com", "alex").await;
    browser.deliver(&posting).await;
    let answer = browser.deliver(&unsolicited(&world).await).await;
    assert_eq!(answer.heading(), "Somebody else is signed in in this browser");
    assert!(browser.get("/me").await.text.contains("AlexW@contoso.com"));
}

#[tokio::test]
async fn posts_that_belong_to_no_sign_in_put_off_no_neighbour() {
    let world = World::with(&Options { attempts_per_minute: 3, ..Options::default() });
    let mut attacker = world.browser();
    for _ in 0..20 {
        assert_eq!(attacker.post_across("/saml/acs", &[("SAMLResponse", "")]).await.location(), "/again");
        assert_eq!(attacker.post_across("/saml/acs", &[]).await.status, StatusCode::FORBIDDEN);
        assert_eq!(attacker.post("/logon", &[("account", BSIMON)]).await.status, StatusCode::FORBIDDEN);
        let mistyped = attacker.type_name(None, "nobody").await;
        assert_eq!(mistyped.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    world.browser().sign_in(None).await;
}

#[tokio::test]
async fn a_sign_in_that_was_begun_gets_few_answers_verified() {
    let world = World::new();
    let mut browser = world.browser();
    let sent = browser.type_name(None, BSIMON).await;
    let good = browser.at_idp(&sent, BSIMON, "simon").await;
    let bad = Posting { response: "AAAA".into(), relay_state: good.relay_state.clone() };
    for _ in 0..5 {
        assert_eq!(browser.deliver(&bad).await.status, StatusCode::FORBIDDEN);
    }
    assert_eq!(browser.deliver(&good).await.location(), "/again");
    assert_eq!(world.sessions.count(), 0);
}

#[tokio::test]
async fn the_test_says_that_metadata_were_never_reached_or_are_over() {
    let outdated = Options { valid_until: Some("2026-11-21T09:59:59Z"), ..Options::default() };
    for (options, said) in [
        (outdated, "metadata were valid only until 2026-11-21T09:59:59Z"),
        (Options { fetched: false, ..Options::default() }, "https://login.test/metadata could not be fetched yet"),
    ] {
        let world = World::with(&options);
        let page = world.browser().get(&link(&world)).await;
        let heading = "This portal cannot send you to your sign-in page";
        assert_eq!((page.status, page.heading()), (StatusCode::SERVICE_UNAVAILABLE, heading));
        assert!(page.text.contains(said), "{}", page.text);
    }
}

#[tokio::test]
async fn a_weak_algorithm_is_called_so_and_the_advice_is_about_it() {
    let world = World::new();
    let weak = |xml: &str| xml.replace("2001/04/xmldsig-more#rsa-sha256", "2000/09/xmldsig#rsa-sha1");
    let page = tested(&mut world.browser(), &link(&world), "simon", weak).await;
    assert_eq!(page.heading(), "The test has failed", "{}", page.text);
    assert!(page.text.contains("Signing Algorithm: SHA-256") && page.text.contains("<code>rsa-sha1"), "{}", page.text);
    assert!(!page.text.contains("remove the certificate under Token encryption"));
}
