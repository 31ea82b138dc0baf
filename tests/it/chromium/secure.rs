//! Browsers that reach the proxy over TLS: one connection carries everything, and says whose it is.

use serde_json::json;

use super::stage::{Browser, Stage, Trust};

fn browser(stage: &Stage) -> Browser {
    let switches = stage.secure_switches();
    let switches: Vec<&str> = switches.iter().map(String::as_str).collect();
    stage.browser_with(Trust::WebAndAuthority, &switches, json!({}))
}

#[test]
fn two_people_behind_one_address_are_told_apart_on_https_that_nobody_reads() {
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
        // A site of its own comes on a connection of its own, whose first page goes by way of the portal.
        browser.open("https://shop.test/basket");
        assert!(browser.open_for_issuer("https://shop.test/basket").contains("demo web"), "it was read on the way");
        browser.wait_text("This is shop.test");
        drop(browser.try_open("about:blank"));
        let wanted = json!({ "host": "news.test", "user": user, "surrogate": "origin-cookie" });
        browser.open("http://news.test/today");
        browser.wait_text("This is news.test");
        stage.wait_for_record(&wanted);
    }
    drop(people);
    // A record is written when its tunnel ends.
    for user in ["B.Simon@contoso.com", "AlexW@contoso.com"] {
        stage.wait_for_record(&json!({
            "method": "CONNECT", "host": "shop.test", "user": user, "surrogate": "connection", "strength": "strong",
            "decision": "permitted", "listener": "secure", "network": "shared",
        }));
    }
}
