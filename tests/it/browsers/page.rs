//! A page of five origins with a frame, an image, a fetch, a WebSocket and a service worker, before and after sign-in.

use serde_json::{Value, json};
use vestibule::app::demo::world::PORTAL;

use super::{Habits, Window, chromium, firefox};
use crate::chromium::site::FIVE;
use crate::chromium::{Stage, Trust};

/// Everything has come, and nothing has.
const ALL: &str = "image shown, fetch came, frame framed, socket hello";
const NOTHING: &str = "image broken, fetch failed, frame blank, socket closed";

type Start = fn(&Stage, Habits) -> Box<dyn Window>;

/// The whole way with one browser, over one scheme.
fn walk(start: Start, scheme: &str, habits: Habits) {
    let stage = Stage::open();
    let window = start(&stage, habits);
    let page = format!("{scheme}://{}/", FIVE[0]);
    let worker = if scheme == "https" { ", worker came" } else { ", worker none" };
    let is_shown = scheme == "http" || habits.trust == Trust::WebAndAuthority;
    // Before sign-in there is the logon page and nothing else; a device that does not trust us goes to the portal itself.
    window.open(&page);
    if !is_shown {
        assert!(!window.text().contains("five origins"), "{}", window.text());
        window.open(PORTAL);
    }
    window.sign_in("bsimon@contoso.com", "simon");
    if !is_shown {
        window.wait_text("You are signed in");
        window.open(&page);
    }
    window.wait_text("A page of five origins");
    assert_eq!(said(&*window), format!("{ALL}{worker}"), "after sign-in");
    for frame in window.frame_texts() {
        assert!(frame.contains("A part of"), "{frame}");
    }

    // The session ends while the page is open; with it, the tunnels, which are recorded then.
    stage.end_sessions();
    for host in FIVE {
        stage.wait_for_record(&json!({ "host": host, "user": "B.Simon@contoso.com", "decision": "permitted" }));
    }
    let before = stage.records().len();
    window.run("document.getElementById('said').textContent = ''; ask();");
    let without = if scheme == "https" { ", worker failed" } else { ", worker none" };
    assert_eq!(said(&*window), format!("{NOTHING}{without}"), "after the session's end");
    for frame in window.frame_texts() {
        assert!(!frame.contains("Sign in") && !frame.contains("Account"), "portal HTML inside a frame: {frame}");
    }
    let asked: Vec<_> = stage.records().split_off(before);
    assert!(asked.len() < 60, "{} requests for five parts: they go round in circles", asked.len());
    let parts = |record: &&Value| record["host"] != FIVE[0] && record["path"] == "/picture.svg";
    assert!(asked.iter().filter(parts).all(|record| record["status"] == 511), "{asked:#?}");
    let logon = |record: &&Value| record["path"] == "/logon" || record["path"] == "/saml/acs";
    assert_eq!(asked.iter().filter(logon).count(), 0, "somebody signed in: {asked:#?}");

    // Signed in again, everything comes again.
    if is_shown {
        window.open(&format!("{page}?again"));
        window.name_account("bsimon@contoso.com");
    } else {
        window.open(PORTAL);
        window.name_account("bsimon@contoso.com");
        window.wait_text("You are signed in");
        window.open(&page);
    }
    window.wait_text("A page of five origins");
    assert_eq!(said(&*window), format!("{ALL}{worker}"), "after the second sign-in");
}

fn said(window: &dyn Window) -> String {
    let read = || window.run("return document.getElementById('said')?.textContent ?? ''");
    window.wait_until("what the script says", &|| read().as_str().is_some_and(|said| !said.is_empty()));
    read().as_str().unwrap_or_default().to_owned()
}

const PLAIN: Habits = Habits { trust: Trust::Web, blocks_third_parties: true, private: false };
const TRUSTING: Habits = Habits { trust: Trust::WebAndAuthority, blocks_third_parties: false, private: false };
const PRIVATE: Habits = Habits { trust: Trust::Web, blocks_third_parties: true, private: true };

#[test]
fn chromium_over_http_with_third_party_cookies_blocked() {
    walk(chromium, "http", PLAIN);
}

#[test]
fn chromium_over_https_with_our_authority() {
    walk(chromium, "https", TRUSTING);
}

#[test]
fn chromium_over_https_without_our_authority_in_a_private_window() {
    walk(chromium, "https", PRIVATE);
}

#[test]
fn firefox_over_http_with_third_party_cookies_blocked() {
    walk(firefox, "http", PLAIN);
}

#[test]
fn firefox_over_https_with_our_authority() {
    walk(firefox, "https", TRUSTING);
}

#[test]
fn firefox_over_https_without_our_authority_in_a_private_window() {
    walk(firefox, "https", PRIVATE);
}
