//! Guests, from the first request to the record.

use serde_json::Value;

use super::browser::{Browser, Page};
use super::raw::connect;
use super::world::{Builder, World};

/// A client on a network without guests.
const OFFICE: [u8; 4] = [127, 0, 0, 9];
/// One where guests may come.
const LOBBY: [u8; 4] = [127, 0, 7, 1];
const OTHER: [u8; 4] = [127, 0, 7, 2];

const LISTENER: &str = "[[listener]]\nname = \"lobby\"\naddress = \"127.0.0.1:0\"\nguest = true\n";
const RULES: &str = "[policy]\n[[policy.rule]]\nname = \"no guests\"\nusers = [\"guest\"]\n\
                     destinations = [\"mail.test\"]\neffect = \"block\"\n";

fn lobby() -> Builder {
    World::build().network("lobby", "127.0.7.0/24", "shared = true\nguest = true")
}

/// Presses *Continue as guest* on the logon page and follows the page that goes on by itself.
fn go_on(browser: &Browser<'_>, logon: &Page) -> Page {
    let (_, rest) = logon.body.split_once("action=\"/guest\"").unwrap_or_else(|| panic!("no button: {logon:#?}"));
    let form = Page { body: format!("<form action=\"/guest\"{rest}"), ..logon.clone() };
    let page = browser.submit(&form, form.form(), &[]);
    follow(browser, &page)
}

fn follow(browser: &Browser<'_>, page: &Page) -> Page {
    assert_eq!((page.status, page.heading()), (200, "You are browsing as a guest"), "{page:#?}");
    let onward = page.value("refresh").strip_prefix("0; url=").unwrap().to_owned();
    browser.go(&format!("https://portal.vestibule.test{onward}"))
}

#[test]
fn a_guest_browses_under_that_name_and_rules_know_it() {
    let world = lobby().config(RULES).start();
    let browser = world.browser().at(LOBBY);
    let logon = browser.go("http://news.test/a?b=c");
    let page = go_on(&browser, &logon);
    assert_eq!((page.status, page.url.as_str()), (200, "http://news.test/a?b=c"), "{page:#?}");
    let page = browser.go("https://shop.test/");
    assert_eq!((page.status, page.heading()), (200, "This is shop.test"), "{page:#?}");
    let page = browser.go("http://mail.test/");
    assert_eq!(page.status, 403, "{page:#?}");
    assert!(page.body.contains("no guests"), "{page:#?}");
    for host in ["news.test", "shop.test"] {
        let wanted = |record: &Value| record["host"] == host && record["status"] == 200 && record["method"] == "GET";
        world.last_record_has(wanted, &[("user", "guest".into()), ("surrogate", "origin-cookie".into())]);
    }
    // With the same cookies, on a network without guests, nobody is known.
    let moved = Browser { jar: browser.jar.clone(), ..world.browser().at(OFFICE) };
    let page = moved.go("http://news.test/a");
    assert_eq!((page.status, page.heading()), (200, "Sign in"), "{page:#?}");
    assert!(!page.body.contains("/guest"), "{page:#?}");
    // 8 hours later it is over.
    world.clock.advance(vestibule::clock::SignedDuration::from_mins(8 * 60 + 1));
    assert_eq!(browser.go("http://news.test/a").heading(), "Sign in");
}

#[test]
fn at_a_listener_for_guests_nobody_is_asked_anything() {
    let world = World::build().network("lobby", "127.0.7.0/24", "shared = true").config(LISTENER).config(RULES).start();
    let lobby = world.listener("lobby");
    let browser = Browser { proxy: lobby, ..world.browser().at(LOBBY) };
    for url in ["http://news.test/", "https://shop.test/"] {
        let page = browser.bare_curl(url, &[]);
        assert_eq!(page.status, 200, "{page:#?}");
    }
    assert_eq!(browser.bare_curl("https://shop.test/", &[]).issuer(), Some("Vestibule demo web"), "tunnelled");
    assert_eq!(browser.go("http://mail.test/").status, 403, "rules know them");
    let wanted = |record: &Value| record["host"] == "news.test";
    world.last_record_has(
        wanted,
        &[("user", "guest".into()), ("surrogate", "guest-listener".into()), ("listener", "lobby".into())],
    );
    // Who signs in there is who they are.
    let person = Browser { proxy: lobby, ..world.browser().at(OTHER) };
    let logon = person.go("https://portal.vestibule.test/");
    assert_eq!(person.sign_in(&logon, "CONTOSO\\bsimon", "simon").heading(), "You are signed in");
    // At the other listener, nobody is a guest.
    let page = world.browser().at(LOBBY).go("http://news.test/");
    assert_eq!((page.status, page.heading()), (200, "Sign in"), "{page:#?}");
    assert!(!page.body.contains("/guest"), "{page:#?}");
}

#[test]
fn elsewhere_a_listener_for_guests_lets_nobody_in() {
    // The lobby's network does not hold the addresses of these clients, and this machine's does: both are known. So
    // somebody from nowhere comes through a forwarder.
    let listener = format!("{LISTENER}forwarders = [\"127.0.8.1/32\"]\n");
    let world = World::build().config(&listener).start();
    for (client, status) in [("192.0.2.1", 302), ("127.0.9.9", 200)] {
        let mut stream = connect(world.listener("lobby"), [127, 0, 8, 1].into());
        let request = format!(
            "GET http://news.test/ HTTP/1.1\r\nHost: news.test\r\nUpgrade-Insecure-Requests: 1\r\n\
             X-Forwarded-For: {client}\r\nConnection: close\r\n\r\n"
        );
        std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
        assert_eq!(super::raw::Answer::read(&mut stream).status, status, "{client}");
    }
}

#[test]
fn at_a_listener_for_guests_with_terms_they_are_the_first_page() {
    let world = World::build()
        .network("lobby", "127.0.7.0/24", "shared = true")
        .portal("guest_terms = \"Be kind.\"\nguest_lifetime = \"1h\"")
        .config(LISTENER)
        .start();
    let browser = Browser { proxy: world.listener("lobby"), ..world.browser().at(LOBBY) };
    let terms = browser.go("http://news.test/");
    assert_eq!((terms.status, terms.heading()), (200, "Continue as a guest"), "{terms:#?}");
    assert!(terms.body.contains("Be kind."), "{terms:#?}");
    let page = browser.submit(&terms, terms.form(), &[("accepted", "")]);
    assert!(page.body.contains("accept the terms"), "{page:#?}");
    let page = browser.submit(&page, page.form(), &[("accepted", "yes")]);
    let page = follow(&browser, &page);
    assert_eq!((page.status, page.url.as_str()), (200, "http://news.test/"), "{page:#?}");
    world.last_record_has(
        |record| record["host"] == "news.test" && record["status"] == 200,
        &[("user", "guest".into()), ("surrogate", "origin-cookie".into())],
    );
    world.clock.advance(vestibule::clock::SignedDuration::from_mins(61));
    assert_eq!(browser.go("http://news.test/").heading(), "Continue as a guest");
}

#[test]
fn at_a_listener_for_guests_a_warning_is_read_without_signing_in() {
    let rules = "[policy]\n[[policy.rule]]\nname = \"shops\"\ndestinations = [\"shop.test\"]\neffect = \"warn\"\nmessage = \"Beware.\"\n";
    let world = World::build().network("lobby", "127.0.7.0/24", "shared = true").config(LISTENER).config(rules).start();
    for url in ["http://shop.test/a?b", "https://shop.test/a?b"] {
        let browser = Browser { proxy: world.listener("lobby"), ..world.browser().at(LOBBY) };
        let warning = browser.go(url);
        assert_eq!((warning.status, warning.heading()), (200, "Before you go on"), "{warning:#?}");
        assert!(warning.body.contains("Beware."), "{warning:#?}");
        assert!(browser.cookie("portal.vestibule.test", "__Host-vestibule").is_none(), "to look at it begins nothing");
        let page = follow(&browser, &browser.submit(&warning, warning.form(), &[]));
        assert_eq!((page.status, page.url.as_str()), (200, url), "{page:#?}");
        assert_eq!(browser.go(url).redirects, 0, "it is read");
        // Another guest has read nothing.
        let other = Browser { proxy: world.listener("lobby"), ..world.browser().at(LOBBY) };
        assert_eq!(other.go(url).heading(), "Before you go on");
    }
}
