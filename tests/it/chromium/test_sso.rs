//! Test SSO, as an operator sees it in a browser.

use vestibule::app::demo::idp::TENANT;
use vestibule::app::demo::world::{LOGIN, PORTAL};
use vestibule::clock::Timestamp;
use vestibule::portal::Operators;

use super::driver::ENTER;
use super::stage::{Browser, Stage, Trust};

/// A realm that waits for its test, and one that trusts another certificate than its identity provider signs with.
fn stage() -> Stage {
    Stage::open_and(|folder| {
        let realm = |name: &str, certificate: &str, more: &str| {
            format!(
                "[[realm]]\nname = {name:?}\ndomains = [\"{name}.test\"]\n\
                 entity_id = \"https://auth.vestibule.test/0123456789abcdef\"\nissuer = \"{}\"\nlogin_url = \"{LOGIN}/{TENANT}/saml2\"\n\
                 certificate = {:?}\n{more}\n",
                format_args!("https://sts.windows.net/{TENANT}/"),
                folder.join(certificate),
            )
        };
        realm("waiting", "login.cer", "enabled = \"after-test\"\nforeign_names = [\"contoso.com\"]")
            + &realm("mistaken", "web/authority.pem", "")
    })
}

/// Opens an operator's link.
fn open(stage: &Stage, browser: &Browser, realm: &str) {
    let operators = Operators::open(stage.folder()).unwrap();
    browser.open(&operators.test_link(PORTAL, realm, Timestamp::now()));
    browser.wait_text(&format!("Test SSO: {realm}"));
}

/// Presses the button, and signs in at the identity provider.
fn test(browser: &Browser, login: &str, password: &str) {
    browser.click("main button[type=submit]");
    browser.wait_at(LOGIN);
    browser.fill("#login", login);
    browser.fill("#password", password);
    browser.press(ENTER);
    browser.wait_at(&format!("{PORTAL}/test-sso/result"));
}

#[test]
fn a_test_shows_each_check_and_claim_switches_the_realm_on_and_signs_nobody_in() {
    let stage = stage();
    let browser = stage.browser(Trust::Web);
    open(&stage, &browser, "waiting");
    browser.wait_text("This realm stays off until a test has passed.");
    // What Entra shows on its own page can be looked up here before anything has gone wrong.
    browser.click("details summary");
    browser.wait_text("Basic SAML Configuration");
    test(&browser, "bsimon@contoso.com", "simon");
    browser.wait_text("The test has passed");
    let text = browser.text();
    for part in [
        "The realm was waiting for this test. It is switched on now.",
        "Both verifiers find it signed by a configured certificate",
        "sAMAccountName",
        "B.Simon@contoso.com",
        "Staff\nResearch",
        "What was asked (AuthnRequest)",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    assert_eq!(text.matches("passed").count() - 1, 20, "as many checks as there are:\n{text}");
    assert!(!text.contains("failed"), "{text}");
    assert!(!text.contains("<Response"), "the messages are folded away");
    browser.run("document.querySelectorAll('details').forEach(part => part.open = true)");
    browser.wait_text("<SignatureValue>");
    assert!(browser.text().contains("characters"), "what could be used again is left out");
    browser.open(&format!("{PORTAL}/me"));
    browser.wait_text("Sign in");
    assert!(browser.has("#account"), "nobody is signed in");
    open(&stage, &browser, "waiting");
    assert!(!browser.text().contains("stays off"), "{}", browser.text());
}

#[test]
fn a_test_that_fails_says_what_to_change_and_where() {
    let stage = stage();
    let browser = stage.browser(Trust::Web);
    open(&stage, &browser, "mistaken");
    test(&browser, "bsimon@contoso.com", "simon");
    browser.wait_text("The test has failed");
    let text = browser.text();
    for part in ["a signature is not valid", "in the message", "configured here", "Vestibule demo web", "not reached"] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    // Advice stands beside the check that failed, and nowhere else.
    let failed = browser.run("return [...document.querySelectorAll('.checks li')].filter(li => li.querySelector('.cure')).map(li => li.innerText)");
    let failed: Vec<String> = serde_json::from_value(failed).unwrap();
    assert!(
        failed.len() == 1 && failed[0].contains("It was signed with a certificate that is not configured here"),
        "{failed:#?}"
    );
    drop(browser);
    // Somebody who is known at the identity provider, and not assigned to the application.
    let other = stage.browser(Trust::Web);
    open(&stage, &other, "waiting");
    test(&other, "MeganB@contoso.com", "megan");
    other.wait_text("The test has failed");
    other.wait_text("AADSTS50105");
    other.wait_text("Users and groups, Add user/group");
    open(&stage, &other, "waiting");
    other.wait_text("This realm stays off until a test has passed.");
}
