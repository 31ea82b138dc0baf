//! A person goes to an https page first.

use serde_json::json;
use vestibule::app::demo::world::PORTAL;

use super::stage::{Stage, Trust};

#[test]
fn a_device_that_trusts_the_authority_is_sent_to_the_portal_and_back() {
    let stage = Stage::open();
    let browser = stage.browser(Trust::WebAndAuthority);
    browser.open("https://mail.test/inbox?folder=a%2Fb");
    assert!(browser.url().starts_with(&format!("{PORTAL}/?r=")), "{}", browser.url());
    browser.sign_in(r"CONTOSO\bsimon", "simon");
    browser.wait_text("This is mail.test");
    assert_eq!(browser.url(), "https://mail.test/inbox?folder=a%2Fb");
    stage.wait_for_record(&json!({ "host": "mail.test", "path": "/inbox", "status": 302, "decision": "challenged" }));
    // The first page comes over the connection that was intercepted, without a ticket, because the address stands for the
    // person by then; the next one is nobody's business.
    stage.wait_for_record(&json!({
        "scheme": "https", "host": "mail.test", "path": "/inbox", "decision": "permitted", "user": "B.Simon@contoso.com",
        "surrogate": "client-address",
    }));
    assert_eq!(browser.open_for_issuer("https://shop.test/"), "Vestibule demo web");
}

#[test]
fn a_device_that_does_not_trust_the_authority_is_offered_to_connect_to_the_network() {
    let stage = Stage::open();
    let browser = stage.browser(Trust::Web);
    let first = browser.tab();
    // Chromium shows a page of its own, which chromedriver may call an error.
    drop(browser.try_open("https://mail.test/inbox?id=7"));
    browser.wait_text("Connect to");
    assert!(browser.text().contains("portal.vestibule.test"), "{}", browser.text());
    browser.click("#primary-button");
    browser.wait_until("a tab with the portal", |browser| browser.tabs().len() == 2);
    let portal = browser.tabs().into_iter().find(|tab| *tab != first).unwrap();
    browser.go_to(&portal);
    browser.sign_in("bsimon@contoso.com", "simon");
    browser.wait_text("You can go back to your page.");
    assert!(browser.text().contains("It reloads by itself"), "{}", browser.text());
    assert!(!browser.has("form"), "signing out is not what comes next");
    browser.go_to(&first);
    browser.wait_text("This is mail.test");
    assert_eq!(browser.url(), "https://mail.test/inbox?id=7");
    drop(browser);
    stage.wait_for_record(&json!({
        "host": "connectivitycheck.gstatic.com", "path": "/generate_204", "status": 302, "decision": "challenged",
    }));
    stage.wait_for_record(&json!({
        "method": "CONNECT", "host": "mail.test", "decision": "permitted", "user": "B.Simon@contoso.com",
        "surrogate": "client-address",
    }));
}
