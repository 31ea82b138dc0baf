//! Rules that want to be surer of who asks, as people meet them in Chromium.

use serde_json::json;
use vestibule::app::demo::world::PORTAL;

use super::access::check;
use super::stage::{Stage, Trust};

const RULES: &str = "[[policy.rule]]\nname = \"Payroll\"\ndestinations = [\"shop.test\"]\neffect = \"allow\"\nevidence = \"medium\"\n\
                     [[policy.rule]]\nname = \"Vault\"\ndestinations = [\"mail.test\"]\neffect = \"allow\"\nevidence = \"strong\"\n\
                     [[policy.rule]]\nname = \"Nobody else\"\ndestinations = [\"shop.test\", \"mail.test\"]\neffect = \"block\"\n";

#[test]
fn a_person_who_is_known_by_an_address_gets_a_cookie_on_the_way_and_is_told_where_that_is_not_enough() {
    let stage = Stage::open_with(RULES);
    let browser = stage.browser(Trust::WebAndAuthority);
    browser.open("http://news.test/");
    browser.sign_in("bsimon@contoso.com", "simon");
    browser.wait_text("This is news.test");
    for url in ["http://shop.test/basket?a=%2F", "https://shop.test/basket?a=%2F"] {
        browser.open(url);
        browser.wait_text("This is shop.test");
        assert_eq!(browser.url(), url);
        stage.wait_for_record(
            &json!({ "host": "shop.test", "decision": "challenged", "reason": "evidence-too-weak", "rule": "Payroll" }),
        );
        stage.wait_for_record(
            &json!({ "host": "shop.test", "surrogate": "origin-cookie", "decision": "permitted", "rule": "Payroll" }),
        );
    }
    assert_eq!(browser.open_for_issuer("https://shop.test/"), "Vestibule interception");
    assert_eq!(browser.open_for_issuer("https://news.test/"), "Vestibule demo web", "elsewhere nothing is read");
    for url in ["http://mail.test/inbox", "https://mail.test/inbox"] {
        browser.open(url);
        browser.wait_text("This site needs a surer sign-in");
        browser.wait_text("Vault");
        assert_eq!(browser.url(), url, "the page comes in the place of the site");
        check(&browser, "a site that wants a surer sign-in");
    }
}

#[test]
fn over_a_secure_proxy_chromium_goes_round_once_and_its_person_is_told_what_would_be_enough() {
    let stage = Stage::secure_with(RULES);
    let switches = stage.secure_switches();
    let switches: Vec<&str> = switches.iter().map(String::as_str).collect();
    let browser = stage.browser_with(Trust::WebAndAuthority, &switches, json!({}));
    browser.open("https://mail.test/inbox");
    browser.sign_in("bsimon@contoso.com", "simon");
    browser.wait_text("This site needs a surer sign-in");
    assert!(browser.url().starts_with(PORTAL), "{}", browser.url());
    check(&browser, "the portal's page of a site that wants a surer sign-in");
    browser.open("https://shop.test/basket");
    browser.wait_text("This is shop.test");
}
