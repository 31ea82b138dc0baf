//! A person goes to an http page first.

use serde_json::{Value, json};
use vestibule::app::demo::world::PORTAL;

use super::driver::ENTER;
use super::stage::{Stage, Trust};

#[test]
fn each_form_of_a_name_leads_to_the_wanted_page() {
    let stage = Stage::open();
    let browser = stage.browser(Trust::WebAndAuthority);
    for (account, hint) in [
        (r"CONTOSO\alexw", "alexw@contoso.com"),
        ("alexw@contoso.com", "alexw@contoso.com"),
        ("Alex.Wilber@contoso.com", "Alex.Wilber@contoso.com"),
        ("AlexW@contoso.com", "AlexW@contoso.com"),
    ] {
        let before = stage.count(&arrived());
        browser.open("http://news.test/today?q=caf%C3%A9&page=2");
        assert!(browser.url().starts_with(&format!("{PORTAL}/?r=")), "{}", browser.url());
        assert!(browser.text().contains("news.test"), "{}", browser.text());
        browser.name_account(account);
        assert_eq!(browser.property("#login", "value"), hint);
        browser.fill("#password", "alex");
        browser.press(ENTER);
        browser.wait_text("This is news.test");
        assert_eq!(browser.url(), "http://news.test/today?q=caf%C3%A9&page=2", "the wanted address, {account}");
        browser.wait_until("an access record of the arrival", |_| stage.count(&arrived()) > before);
        browser.open(PORTAL);
        browser.click("button[name=where]");
        browser.wait_at(&format!("{PORTAL}/signed-out"));
        // The identity provider would know the person again.
        browser.devtools("Network.clearBrowserCookies", &json!({})).unwrap();
    }
}

fn arrived() -> Value {
    json!({
        "host": "news.test", "path": "/today", "decision": "permitted", "status": 200,
        "user": "AlexW@contoso.com", "surrogate": "origin-cookie",
    })
}

#[test]
fn other_sites_then_need_no_logon_and_https_is_not_opened() {
    let stage = Stage::open();
    let browser = stage.browser(Trust::WebAndAuthority);
    browser.open("http://news.test/");
    browser.sign_in("bsimon@contoso.com", "simon");
    browser.wait_text("This is news.test");
    browser.open("http://shop.test/a?b=c");
    assert_eq!(browser.url(), "http://shop.test/a?b=c");
    for (host, url) in [("mail.test", "https://mail.test/inbox"), ("shop.test", "https://shop.test/")] {
        assert_eq!(browser.open_for_issuer(url), "Vestibule demo web", "{url} is not tunnelled");
        assert_eq!(browser.url(), url);
        browser.wait_text(&format!("This is {host}"));
    }
    drop(browser);
    for host in ["mail.test", "shop.test"] {
        stage.wait_for_record(&json!({
            "method": "CONNECT", "host": host, "decision": "permitted", "status": 200,
            "user": "B.Simon@contoso.com", "surrogate": "client-address",
        }));
    }
    assert_eq!(stage.count(&json!({ "host": "mail.test", "decision": "challenged" })), 0);
}
