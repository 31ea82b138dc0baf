//! Rules that warn, and blocks that some people override, as people meet them in Chromium, on http and on https.

use serde_json::json;
use vestibule::app::demo::world::PORTAL;
use vestibule::password::HashedPassword;

use super::access::check;
use super::stage::{Browser, SHARED, Stage, Trust};

fn rules() -> String {
    let hash = HashedPassword::of("correct horse").unwrap();
    format!(
        "[[policy.rule]]\nname = \"Shops\"\ndestinations = [\"shop.test\"]\neffect = \"warn\"\nmessage = \"Not with the company card.\"\n\
         [[policy.rule]]\nname = \"Mail\"\ndestinations = [\"mail.test\"]\neffect = \"block\"\n\
         override = {{ password = '{}', reason = true }}\n",
        hash.expose()
    )
}

fn signed_in(stage: &Stage) -> Browser {
    let browser = stage.browser(Trust::WebAndAuthority);
    browser.open("http://news.test/");
    browser.sign_in("bsimon@contoso.com", "simon");
    browser.wait_text("This is news.test");
    browser
}

#[test]
fn a_warning_is_read_and_leads_on_over_http_and_over_https() {
    for (network, issuer) in [("", "Vestibule demo web"), (SHARED, "Vestibule interception")] {
        for url in ["http://shop.test/basket?a=%2F", "https://shop.test/basket?a=%2F"] {
            let stage = Stage::open_with(&format!("{network}{}", rules()));
            let browser = signed_in(&stage);
            browser.open(url);
            browser.wait_text("Not with the company card.");
            assert!(browser.url().starts_with(&format!("{PORTAL}/rule/")), "{}", browser.url());
            check(&browser, "a warning");
            browser.click("button[type=submit]");
            browser.wait_text("This is shop.test");
            assert_eq!(browser.url(), url);
            assert_eq!(browser.open_for_issuer("https://shop.test/"), issuer, "{url}");
            let record = json!({ "host": "shop.test", "decision": "warned", "rule": "Shops", "status": 302 });
            stage.wait_for_record(&record);
        }
    }
}

#[test]
fn script_is_not_needed_to_go_on() {
    let stage = Stage::open_with(&rules());
    let preferences = json!({ "profile.default_content_setting_values.javascript": 2 });
    let browser = stage.browser_with(Trust::WebAndAuthority, &[], preferences);
    browser.open("https://shop.test/basket");
    browser.sign_in("bsimon@contoso.com", "simon");
    browser.wait_text("Script is off in this browser");
    browser.click("button.first");
    browser.wait_text("Not with the company card.");
    browser.click("button[type=submit]");
    browser.wait_text("This is shop.test");
    assert_eq!(browser.url(), "https://shop.test/basket");
}

#[test]
fn a_block_is_overridden_by_its_password_and_a_wrong_one_is_said_to_be_wrong() {
    for url in ["http://mail.test/inbox", "https://mail.test/inbox"] {
        let stage = Stage::open_with(&rules());
        let browser = signed_in(&stage);
        browser.open(url);
        browser.wait_text("This site is blocked");
        check(&browser, "a block");
        browser.fill("#reason", "an order");
        browser.fill("#password", "a guess");
        browser.click("button[type=submit]");
        browser.wait_text("This is not the password.");
        check(&browser, "a wrong password");
        let focus =
            browser.run("const e = document.activeElement; return [e.id, document.querySelector('#reason').value]");
        assert_eq!(focus, json!(["password", "an order"]));
        browser.fill("#password", "correct horse");
        browser.click("button[type=submit]");
        browser.wait_text("This is mail.test");
        assert_eq!(browser.url(), url);
        stage.wait_for_record(&json!({ "host": "mail.test", "decision": "overridden", "rule": "Mail" }));
    }
}

#[test]
fn a_review_is_asked_for_on_the_page_of_a_block_and_its_fate_is_told() {
    let rule = "[[policy.rule]]\nname = \"No shops\"\ndestinations = [\"shop.test\"]\neffect = \"block\"\nmessage = \"Ask us.\"\n";
    for url in ["http://shop.test/basket", "https://shop.test/basket"] {
        // Nobody listens there.
        let hosts = format!("\"hooks.test:443\" = \"127.0.0.1:1\"\n{rule}");
        let stage = Stage::open_with_portal(&hosts, "review = { webhook = \"https://hooks.test/in\" }");
        let browser = signed_in(&stage);
        browser.open(url);
        browser.wait_text("Ask us.");
        assert_eq!(browser.url(), url, "the page of a block comes in the place of the site");
        check(&browser, "a block with a message");
        browser.click(".actions a");
        browser.wait_text("Whoever looks after the rules will be told.");
        assert!(browser.url().starts_with(&format!("{PORTAL}/review?q=")), "{}", browser.url());
        check(&browser, "asking for a review");
        browser.fill("#reason", "an order");
        browser.click("button[type=submit]");
        browser.wait_text("Your request could not be sent");
        check(&browser, "a review that was not told of");
    }
}

#[test]
fn no_page_shows_a_warning_in_a_frame_of_its_own() {
    let stage = Stage::open_with(&rules());
    let browser = signed_in(&stage);
    browser.open("http://shop.test/");
    browser.wait_text("Not with the company card.");
    let warning = browser.url();
    browser.open("http://news.test/");
    browser.wait_text("This is news.test");
    browser.run(&format!(
        "const frame = document.createElement('iframe'); frame.src = {warning:?}; \
         return new Promise(done => {{ frame.onload = () => done(true); document.body.append(frame); }})"
    ));
    browser.wait_until("a frame that is refused", |browser| {
        browser.frame_texts().iter().any(|text| text.contains("refused to connect"))
    });
    assert!(browser.frame_texts().iter().all(|text| !text.contains("company card")), "{:?}", browser.frame_texts());
    browser.open("http://shop.test/");
    browser.wait_text("Not with the company card.");
}
