//! Cookies of our name that scripts have planted on an http site, beside ours.

use super::site::MALL;
use super::stage::{Browser, SHARED, Stage, Trust};

/// Somebody who is signed in and has been at both sites.
fn visit(stage: &Stage) -> Browser {
    let browser = stage.browser(Trust::WebAndAuthority);
    browser.open(&format!("http://{}/", MALL[0]));
    browser.sign_in("bsimon@contoso.com", "simon");
    browser.wait_text("This is shop.mall.test");
    browser.open(&format!("http://{}/", MALL[1]));
    browser.wait_text("This is evil.mall.test");
    browser
}

/// Has a script of the page that is shown set cookies.
fn plant(browser: &Browser, cookies: &[&str]) {
    for cookie in cookies {
        browser.run(&format!("document.cookie = {cookie:?}"));
    }
}

/// The page comes, and no script sees a cookie of our name any more: ours none can see.
fn arrives(browser: &Browser, path: &str) {
    browser.open(&format!("http://{}{path}", MALL[0]));
    browser.wait_text(path);
    assert!(browser.text().contains("This is shop.mall.test"), "{}", browser.text());
    let left = browser.run("return document.cookie");
    assert!(!left.as_str().unwrap().contains("vestibule_s"), "{left}");
}

#[test]
fn a_script_of_a_neighbouring_host_locks_nobody_out() {
    let stage = Stage::open_with(SHARED);
    let browser = visit(&stage);
    plant(&browser, &["vestibule_s=junk; domain=mall.test; path=/cart", "vestibule_s=more; domain=mall.test; path=/"]);
    // So many that ours is not looked at behind them.
    for path in ["/cart/", "/cart/7", "/cart/7/", "/cart/7/page"] {
        plant(&browser, &[&format!("vestibule_s=junk; domain=mall.test; path={path}")]);
    }
    arrives(&browser, "/cart/7/page");
    arrives(&browser, "/cart/8");
}

#[test]
fn a_script_of_the_site_locks_nobody_out() {
    let stage = Stage::open_with(SHARED);
    let browser = visit(&stage);
    browser.open(&format!("http://{}/own/page", MALL[0]));
    browser.wait_text("/own/page");
    plant(&browser, &["vestibule_s=junk", "vestibule_s=junk; domain=shop.mall.test; path=/own/"]);
    plant(&browser, &["vestibule_s=1; path=/own/2", "vestibule_s=2; path=/own/2/", "vestibule_s=3; path=/own/"]);
    arrives(&browser, "/own/2/3");
}

#[test]
fn what_a_page_fetches_is_refused_once_and_comes_when_planted_cookies_are_gone() {
    let stage = Stage::open_with(SHARED);
    let browser = visit(&stage);
    browser.open(&format!("http://{}/", MALL[0]));
    browser.wait_text("This is shop.mall.test");
    for path in ["/api", "/api/"] {
        for domain in ["", "; domain=shop.mall.test", "; domain=mall.test"] {
            plant(&browser, &[&format!("vestibule_s=junk; path={path}{domain}")]);
        }
    }
    let twice = "const ask = () => fetch('/api/x').then(it => it.status);
                 return ask().then(one => ask().then(other => [one, other]))";
    assert_eq!(browser.run(twice), serde_json::json!([511, 200]));
}
