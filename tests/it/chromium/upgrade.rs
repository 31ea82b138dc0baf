//! Chromium tries https first for an address that was typed with http.

use serde_json::json;
use vestibule::app::demo::world::PORTAL;

use super::site::PUBLIC;
use super::stage::{SHARED, Stage, Trust};
use crate::origin::Origin;
use crate::peers;

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

/// Names with a public suffix of sites that are there over http only: where nothing listens for https, and where
/// something listens that speaks no TLS.
const CLOSED: &str = "www.fabrikam.com";
const PLAIN: &str = "www.tailspintoys.com";

#[test]
fn a_site_without_https_is_reached_over_http_before_and_after_sign_in() {
    let body = "<!doctype html><title>plain</title><h1>It is plain</h1>";
    let length = body.len();
    let site = Origin::answering(format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    ));
    let (at, closed) = (site.address, peers::closed());
    let hosts = format!(
        "\"{CLOSED}:80\" = \"{at}\"\n\"{CLOSED}:443\" = \"{closed}\"\n\"{PLAIN}:80\" = \"{at}\"\n\"{PLAIN}:443\" = \"{at}\"\n"
    );
    // Where the address stands for the person, and where https is always intercepted.
    for network in ["", SHARED] {
        let stage = Stage::open_with(&format!("{hosts}{network}"));
        let browser = stage.browser(Trust::WebAndAuthority);
        browser.open(&format!("http://{CLOSED}/typed?q=1"));
        assert!(browser.url().starts_with(&format!("{PORTAL}/?r=")), "{}", browser.url());
        let tried = json!({ "method": "CONNECT", "host": CLOSED, "status": 502, "reason": "connection_refused" });
        assert!(stage.count(&tried) > 0, "https was not tried first");
        browser.sign_in("bsimon@contoso.com", "simon");
        browser.wait_text("It is plain");
        assert_eq!(browser.url(), format!("http://{CLOSED}/typed?q=1"));
        browser.open(&format!("http://{PLAIN}/typed"));
        browser.wait_text("It is plain");
        assert_eq!(browser.url(), format!("http://{PLAIN}/typed"));
        browser.open(&format!("http://{CLOSED}/again"));
        browser.wait_text("It is plain");
        assert_eq!(browser.url(), format!("http://{CLOSED}/again"));
    }
}
