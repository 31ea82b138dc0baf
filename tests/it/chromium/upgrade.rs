//! Chromium tries https first for an address that was typed with http.

use serde_json::json;
use vestibule::app::demo::world::PORTAL;

use super::site::PUBLIC;
use super::stage::{Stage, Trust};

#[test]
fn where_the_authority_is_trusted_the_person_arrives_over_https() {
    let stage = Stage::open();
    let browser = stage.browser(Trust::WebAndAuthority);
    browser.open(&format!("http://{PUBLIC}/typed?q=1"));
    assert!(browser.url().starts_with(&format!("{PORTAL}/?r=")), "{}", browser.url());
    stage.wait_for_record(&json!({
        "scheme": "https", "host": PUBLIC, "path": "/typed", "status": 302, "decision": "challenged",
    }));
    browser.sign_in("bsimon@contoso.com", "simon");
    browser.wait_text(&format!("This is {PUBLIC}"));
    assert_eq!(browser.url(), format!("https://{PUBLIC}/typed?q=1"));
}

#[test]
fn where_it_is_not_the_person_arrives_all_the_same() {
    let stage = Stage::open();
    let browser = stage.browser(Trust::Web);
    browser.open(&format!("http://{PUBLIC}/typed?q=1"));
    assert!(browser.url().starts_with(&format!("{PORTAL}/?r=")), "{}", browser.url());
    assert!(stage.count(&json!({ "method": "CONNECT", "host": PUBLIC, "decision": "challenged" })) > 0, "no upgrade");
    browser.sign_in("bsimon@contoso.com", "simon");
    browser.wait_text(&format!("This is {PUBLIC}"));
    assert!(browser.url().ends_with(&format!("://{PUBLIC}/typed?q=1")), "{}", browser.url());
}
