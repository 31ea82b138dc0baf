//! People who share a browser, or an address; guests; and people whose session is about to end.

use serde_json::json;
use vestibule::app::demo::world::PORTAL;
use vestibule::clock::{Clock, SignedDuration, Timestamp};

use super::{Habits, chromium, firefox};
use crate::chromium::{Stage, Trust};

const HABITS: Habits = Habits { trust: Trust::WebAndAuthority, blocks_third_parties: false, private: false };

/// The browsers' address is one that people share.
const SHARED: &str = "[[network]]\nname = \"nat\"\naddresses = [\"127.0.0.1/32\"]\nshared = true\n";
const GUESTS: &str = "[[network]]\nname = \"lobby\"\naddresses = [\"127.0.0.1/32\"]\nguest = true\n";

const SIMON: (&str, &str, &str) = ("bsimon@contoso.com", "simon", "B.Simon@contoso.com");
const ALEX: (&str, &str, &str) = ("alexw@contoso.com", "alex", "AlexW@contoso.com");

/// What the page of a demo site says, and no other page that comes before it.
fn is_there(site: &str) -> String {
    format!("This is {}", site.split_once("://").unwrap().1)
}

#[test]
fn two_people_behind_one_address_each_browse_under_their_own_name() {
    let stage = Stage::open_with(SHARED);
    let windows = [(chromium(&stage, HABITS), SIMON), (firefox(&stage, HABITS), ALEX)];
    for (window, (account, password, _)) in &windows {
        window.open("http://news.test/first");
        window.sign_in(account, password);
        window.wait_text("This is news.test");
    }
    // In turns, over http and https.
    for (number, site) in ["http://news.test", "https://mail.test", "http://shop.test"].into_iter().enumerate() {
        for (window, (_, _, user)) in &windows {
            let path = format!("/{number}-{}", user.to_lowercase());
            window.open(&format!("{site}{path}"));
            window.wait_text(&is_there(site));
            let wanted = json!({ "path": path, "status": 200, "user": user, "surrogate": "origin-cookie" });
            stage.wait_for_record(&wanted);
        }
    }
    let wrong = |user: &str, path: &str| stage.count(&json!({ "path": path, "user": user }));
    assert_eq!(wrong(SIMON.2, "/1-alexw@contoso.com") + wrong(ALEX.2, "/1-b.simon@contoso.com"), 0);
}

#[test]
fn when_another_person_signs_in_in_the_same_browser_the_first_ones_cookies_name_nobody() {
    let stage = Stage::open_with(SHARED);
    let window = chromium(&stage, HABITS);
    for (site, path) in [("http://news.test", "/a"), ("https://mail.test", "/b")] {
        window.open(&format!("{site}{path}"));
        if path == "/a" {
            window.sign_in(SIMON.0, SIMON.1);
        }
        window.wait_text(&is_there(site));
        stage.wait_for_record(&json!({ "path": path, "user": SIMON.2, "status": 200 }));
    }
    window.open(PORTAL);
    window.click("button[value=here]");
    window.wait_text("You are signed out");
    window.open("http://shop.test/b");
    window.sign_in(ALEX.0, ALEX.1);
    window.wait_text("This is shop.test");
    for site in ["http://news.test", "https://mail.test", "http://shop.test"] {
        window.open(&format!("{site}/c"));
        window.wait_text(&is_there(site));
    }
    for host in ["news.test", "mail.test", "shop.test"] {
        stage.wait_for_record(&json!({ "host": host, "path": "/c", "status": 200, "user": ALEX.2 }));
    }
    assert_eq!(stage.count(&json!({ "path": "/c", "user": SIMON.2 })), 0);
}

#[test]
fn a_guest_presses_one_button_and_is_on_the_way() {
    for start in [chromium, firefox] {
        let stage = Stage::open_with(GUESTS);
        let window = start(&stage, HABITS);
        window.open("http://news.test/wanted?q=1");
        window.click("#guest");
        window.wait_text("This is news.test");
        assert_eq!(window.url(), "http://news.test/wanted?q=1");
        window.open("https://mail.test/");
        window.wait_text("This is mail.test");
        stage.wait_for_record(&json!({ "host": "news.test", "path": "/wanted", "status": 200, "user": "guest" }));
        window.open(PORTAL);
        window.wait_text("You are browsing as a guest");
    }
}

#[test]
fn a_session_is_renewed_in_passing_and_by_its_button() {
    let clock = Clock::by_hand(Timestamp::now());
    let stage = Stage::open_at("", &clock);
    let window = chromium(&stage, HABITS);
    window.open("http://news.test/first");
    window.sign_in(SIMON.0, SIMON.1);
    window.wait_text("This is news.test");
    let session =
        |path: &str| stage.wait_for_record(&json!({ "path": path, "status": 200, "user": SIMON.2 }))["session"].take();
    // In the last day a visit to the portal renews it: no page is shown on the way.
    clock.advance(SignedDuration::from_hours(29 * 24 + 1));
    window.open(&format!("{PORTAL}/"));
    window.wait_text("You are signed in");
    assert!(!window.text().contains("ends in"), "{}", window.text());
    window.open("http://news.test/second");
    window.wait_text("This is news.test");
    assert_ne!(session("/first"), session("/second"));
    // A reminder with a button, for whoever looks.
    clock.advance(SignedDuration::from_hours(29 * 24 + 20));
    window.open(&format!("{PORTAL}/me"));
    window.wait_text("Your session ends in 4 h 0 min.");
    window.click("#renew");
    window.wait_until("the renewed session", &|| {
        window.url().starts_with(&format!("{PORTAL}/me")) && !window.text().contains("ends in")
    });
    window.open("http://news.test/third");
    window.wait_text("This is news.test");
    assert_ne!(session("/second"), session("/third"));
}
