//! Two tabs at once.

use vestibule::app::demo::world::PORTAL;

use super::driver::ENTER;
use super::stage::{Browser, Stage, Trust};

/// Two tabs of one browser, both in front of the logon page.
fn two_tabs(browser: &Browser) -> [String; 2] {
    browser.open("http://news.test/first?q=1");
    let first = browser.tab();
    let second = browser.new_tab();
    browser.open("https://shop.test/second?q=2");
    assert!(browser.url().starts_with(PORTAL));
    [first, second]
}

#[test]
fn both_arrive_whichever_is_first() {
    for order in [[0, 1], [1, 0]] {
        let stage = Stage::open();
        let browser = stage.browser(Trust::WebAndAuthority);
        let tabs = two_tabs(&browser);
        let wanted = ["http://news.test/first?q=1", "https://shop.test/second?q=2"];
        let hosts = ["This is news.test", "This is shop.test"];
        let [one, other] = order;
        browser.go_to(&tabs[one]);
        browser.sign_in("bsimon@contoso.com", "simon");
        browser.wait_at(wanted[one]);
        browser.wait_text(hosts[one]);
        // The other tab still shows the logon page, and its form still works.
        browser.go_to(&tabs[other]);
        browser.fill("#account", "bsimon@contoso.com");
        browser.press(ENTER);
        browser.wait_at(wanted[other]);
        browser.wait_text(hosts[other]);
    }
}

#[test]
fn both_arrive_when_both_are_at_the_identity_provider() {
    let stage = Stage::open();
    let browser = stage.browser(Trust::WebAndAuthority);
    let [first, second] = two_tabs(&browser);
    browser.name_account("bsimon@contoso.com");
    browser.go_to(&first);
    browser.name_account("bsimon@contoso.com");
    for (tab, host, wanted) in
        [(second, "shop.test", "https://shop.test/second?q=2"), (first, "news.test", "http://news.test/first?q=1")]
    {
        browser.go_to(&tab);
        browser.fill("#password", "simon");
        browser.press(ENTER);
        browser.wait_at(wanted);
        browser.wait_text(&format!("This is {host}"));
    }
}

#[test]
fn the_other_tab_can_simply_be_reloaded() {
    let stage = Stage::open();
    let browser = stage.browser(Trust::WebAndAuthority);
    let [first, _] = two_tabs(&browser);
    browser.sign_in("bsimon@contoso.com", "simon");
    browser.wait_text("This is shop.test");
    browser.go_to(&first);
    browser.reload();
    browser.wait_text("This is news.test");
    assert_eq!(browser.url(), "http://news.test/first?q=1");
}
