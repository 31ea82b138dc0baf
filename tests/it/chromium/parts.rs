//! The parts of a page: frames, images and what scripts fetch.

use serde_json::json;
use vestibule::app::demo::world::PORTAL;

use super::site::{FIVE, FRAMES};
use super::stage::{Browser, SHARED, Stage, Trust};

/// Asks for the frames, images and fetches of the page again, and says what its script was told.
fn ask_again(browser: &Browser) -> String {
    browser.run(
        "document.getElementById('said').textContent = ''; \
         for (const frame of document.querySelectorAll('iframe')) frame.src = frame.src; ask();",
    );
    said(browser)
}

fn said(browser: &Browser) -> String {
    let read = |browser: &Browser| browser.run("return document.getElementById('said').textContent");
    browser.wait_until("what the script says", |_| read(browser).as_str().is_some_and(|said| !said.is_empty()));
    read(browser).as_str().unwrap().to_owned()
}

#[test]
fn they_come_when_the_page_is_known_and_show_no_logon_page_when_it_is_not() {
    let stage = Stage::open();
    let browser = stage.browser(Trust::WebAndAuthority);
    browser.open(&format!("http://{FRAMES}/"));
    browser.sign_in("bsimon@contoso.com", "simon");
    browser.wait_text("A page of other sites");
    assert_eq!(said(&browser), "shown shown came came");
    for frame in browser.frame_texts() {
        assert!(frame.contains("This is shop.test"), "{frame}");
    }

    // The session ends while the page is open.
    let page = browser.tab();
    browser.new_tab();
    browser.open(PORTAL);
    browser.click("button[value=here]");
    browser.wait_text("You are signed out");
    browser.go_to(&page);
    let before = stage.records().len();
    let answers = ask_again(&browser);
    assert!(!answers.contains("shown"), "a picture came: {answers}");
    std::thread::sleep(std::time::Duration::from_secs(1));
    for frame in browser.frame_texts() {
        assert!(!frame.contains("Sign in") && !frame.contains("This is shop.test"), "{frame}");
    }
    let asked = stage.records().len() - before;
    assert!(asked < 40, "{asked} requests for six parts: they go round in circles");
    let pictures = json!({ "host": "shop.test", "path": "/picture.svg", "status": 302 });
    assert_eq!(stage.count(&pictures), 0, "a picture was sent to the portal");
    stage.wait_for_record(&json!({ "scheme": "http", "host": "shop.test", "path": "/picture.svg", "status": 511 }));
    stage.wait_for_record(&json!({ "scheme": "https", "host": "shop.test", "path": "/fetched", "status": 511 }));

    // Signed in again, everything comes again.
    browser.reload();
    browser.sign_in("bsimon@contoso.com", "simon");
    browser.wait_text("A page of other sites");
    assert_eq!(said(&browser), "shown shown came came");
    for frame in browser.frame_texts() {
        assert!(frame.contains("This is shop.test"), "{frame}");
    }
}

/// Opens a page over https with a frame of another site, signs in, and says whether the frame came.
fn frame_comes(stage: &Stage, switches: &[&str]) -> bool {
    let browser = stage.browser_with(Trust::WebAndAuthority, switches, json!({}));
    browser.open(&format!("https://{}/", FIVE[0]));
    browser.sign_in("bsimon@contoso.com", "simon");
    browser.wait_text("A page of five origins");
    let said = said(&browser);
    let comes = said.contains("frame framed");
    for frame in browser.frame_texts() {
        assert_eq!(frame.contains("A part of another page"), comes, "{said}: {frame}");
    }
    let sent_away = json!({ "host": FIVE[3], "scheme": "https", "path": "/frame", "status": 302 });
    assert_eq!(stage.count(&sent_away), 0, "a frame was sent to the portal, which cannot be framed");
    comes
}

#[test]
fn frames_of_other_sites_over_https_follow_what_the_network_says_of_whoever_is_not_identified() {
    for (unidentified, comes) in [("allow", true), ("refuse", false)] {
        let network = format!("{SHARED}unidentified = {unidentified:?}\n");
        assert_eq!(frame_comes(&Stage::open_with(&network), &[]), comes, "{unidentified}");
    }
    // On a connection of its own to a secure web proxy.
    let listener = "[[listener]]\nname = \"secure\"\naddress = \"127.0.0.1:0\"\ntls = { names = [\"proxy.test\"] }\n";
    let stage = Stage::open_with(&format!("{SHARED}unidentified = \"allow\"\n{listener}"));
    let switches = stage.secure_switches();
    assert!(frame_comes(&stage, &switches.each_ref().map(String::as_str)));
}
