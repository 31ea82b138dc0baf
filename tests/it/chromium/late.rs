//! A person takes their time over the password.

use std::time::Duration;

use serde_json::json;

use super::driver::ENTER;
use super::stage::{Stage, Trust};

/// Chromium sends a cookie without SameSite along with a cross-site POST for two minutes, and no longer. Ours must not
/// live by that, so this waits by the browser's own clock.
#[test]
fn a_password_typed_after_two_minutes_is_still_in_time() {
    let stage = Stage::open();
    let mut browser = stage.browser(Trust::WebAndAuthority);
    browser.open("http://news.test/slow?q=1");
    browser.name_account("bsimon@contoso.com");
    browser.rest(Duration::from_secs(125));
    browser.fill("#password", "simon");
    browser.press(ENTER);
    browser.wait_text("This is news.test");
    assert_eq!(browser.url(), "http://news.test/slow?q=1");
    stage.wait_for_record(&json!({
        "host": "news.test", "path": "/slow", "decision": "permitted", "user": "B.Simon@contoso.com",
        "surrogate": "origin-cookie",
    }));
}
