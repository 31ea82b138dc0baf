//! A browser that keeps no cookies of a site.

use serde_json::json;
use vestibule::app::demo::world::PORTAL;

use super::stage::{SHARED, Stage, Trust};

#[test]
fn its_person_is_told_and_nobody_else_at_the_same_address() {
    // Where the address stands for whoever has signed in, no cookie is needed.
    let stage = Stage::open_with(SHARED);
    let blocked = json!({ "profile.content_settings.exceptions.cookies": { "http://news.test,*": { "setting": 2 } } });
    let browser = stage.browser_with(Trust::WebAndAuthority, &[], blocked);
    browser.open("http://news.test/wanted?q=1");
    browser.sign_in("bsimon@contoso.com", "simon");
    browser.wait_text("Your browser does not keep our cookie");
    assert_eq!(browser.property("main a.button", "href"), "http://news.test/wanted?q=1");
    drop(browser);
    let neighbour = stage.browser(Trust::WebAndAuthority);
    neighbour.open("http://news.test/wanted?q=1");
    assert!(neighbour.url().starts_with(&format!("{PORTAL}/?r=")), "{}", neighbour.text());
    neighbour.sign_in("alexw@contoso.com", "alex");
    neighbour.wait_text("This is news.test");
}
