//! The browser's buttons: Back, Reload, and signing out.

use serde_json::json;
use vestibule::app::demo::world::{LOGIN, PORTAL};

use super::stage::{Browser, Stage, Trust};

/// A browser in which somebody has signed in at news.test.
fn signed_in(stage: &Stage, url: &str) -> Browser {
    let browser = stage.browser(Trust::WebAndAuthority);
    browser.open(url);
    browser.sign_in("bsimon@contoso.com", "simon");
    browser.wait_text("This is news.test");
    browser
}

#[test]
fn back_to_the_logon_page_leads_on_to_the_wanted_page() {
    let stage = Stage::open();
    let browser = signed_in(&stage, "http://news.test/wanted?q=1");
    // The page that is shown says the same as the one that is waited for.
    browser.run("document.body.textContent = 'left'; history.go(-2)");
    browser.wait_text("This is news.test");
    assert_eq!(browser.url(), "http://news.test/wanted?q=1");
}

#[test]
fn back_to_the_identity_provider_says_that_the_person_is_signed_in() {
    let stage = Stage::open();
    let browser = signed_in(&stage, "http://news.test/wanted?q=1");
    browser.back();
    // The identity provider knows the person, and vouches once more for a sign-in that is over.
    browser.wait_at(&format!("{PORTAL}/me"));
    browser.wait_text("You are already signed in");
    browser.reload();
    browser.wait_text("You are already signed in");
    stage.wait_for_record(&json!({ "path": "/saml/acs", "status": 303, "host": "portal.vestibule.test" }));
}

#[test]
fn who_has_signed_out_is_asked_again() {
    let stage = Stage::open();
    let browser = signed_in(&stage, "http://news.test/");
    browser.open("https://mail.test/");
    browser.wait_text("This is mail.test");
    browser.open(PORTAL);
    browser.wait_text("B.Simon@contoso.com");
    browser.click("button[value=here]");
    browser.wait_text("You are signed out");
    for wanted in ["http://news.test/", "https://mail.test/", "http://shop.test/", "https://shop.test/"] {
        browser.open(wanted);
        assert!(browser.url().starts_with(&format!("{PORTAL}/?r=")), "{wanted} led to {}", browser.url());
        assert!(browser.has("#account"), "{}", browser.text());
    }
    // The identity provider has signed the person out, too: it asks for the password again.
    browser.sign_in("bsimon@contoso.com", "simon");
    browser.wait_text("This is shop.test");
    assert_eq!(browser.url(), "https://shop.test/");
}

#[test]
fn a_sign_in_that_the_identity_provider_refuses_can_be_begun_again() {
    let stage = Stage::open();
    let browser = stage.browser(Trust::WebAndAuthority);
    browser.open("http://news.test/wanted?q=1");
    browser.sign_in("meganb@contoso.com", "megan");
    browser.wait_text("Your account has no access yet");
    browser.devtools("Network.clearBrowserCookies", &json!({})).unwrap();
    browser.click("main a.button");
    browser.wait_at(PORTAL);
    browser.sign_in("bsimon@contoso.com", "simon");
    browser.wait_text("This is news.test");
    assert_eq!(browser.url(), "http://news.test/wanted?q=1");
}

#[test]
fn a_wrong_password_can_be_typed_again() {
    let stage = Stage::open();
    let browser = stage.browser(Trust::WebAndAuthority);
    browser.open("http://news.test/wanted?q=1");
    browser.sign_in("bsimon@contoso.com", "wrong");
    browser.wait_text("incorrect");
    assert!(browser.url().starts_with(LOGIN));
    browser.fill("#password", "simon");
    browser.click("button.first");
    browser.wait_text("This is news.test");
    assert_eq!(browser.url(), "http://news.test/wanted?q=1");
}
