//! Browsers that reach the proxy over TLS. They open a connection for each site that a tab shows, and the portal's cookie
//! comes over one of them: that one is its person's, and on the others the cookie of each site says whose they are.

use serde_json::json;

use super::stage::{Browser, Stage, Trust};

fn browser(stage: &Stage) -> Browser {
    let switches = stage.secure_switches();
    let switches: Vec<&str> = switches.iter().map(String::as_str).collect();
    stage.browser_with(Trust::WebAndAuthority, &switches, json!({}))
}

#[test]
fn two_people_behind_one_address_are_told_apart_on_every_site_that_they_open() {
    let stage = Stage::secure();
    let people = [
        (browser(&stage), "bsimon@contoso.com", "simon", "B.Simon@contoso.com"),
        (browser(&stage), "alexw@contoso.com", "alex", "AlexW@contoso.com"),
    ];
    for (browser, account, password, _) in &people {
        browser.open("https://mail.test/inbox");
        browser.sign_in(account, password);
        browser.wait_text("This is mail.test");
    }
    for (browser, _, _, user) in &people {
        browser.open("https://shop.test/basket");
        browser.wait_text("This is shop.test");
        drop(browser.try_open("about:blank"));
        let wanted = json!({ "host": "news.test", "user": user, "surrogate": "origin-cookie" });
        browser.open("http://news.test/today");
        browser.wait_text("This is news.test");
        stage.wait_for_record(&wanted);
    }
    for user in ["B.Simon@contoso.com", "AlexW@contoso.com"] {
        for (host, path) in [("mail.test", "/inbox"), ("shop.test", "/basket")] {
            stage.wait_for_record(&json!({
                "method": "GET", "host": host, "path": path, "user": user, "status": 200, "decision": "permitted",
                "listener": "secure", "network": "shared",
            }));
        }
    }
    // Nothing of one of them is the other's, and the logon page was shown once to each.
    assert_eq!(stage.count(&json!({ "host": "portal.vestibule.test", "path": "/saml/acs" })), 2);
}
