//! A person's tokens on the portal: made, shown once, listed, revoked.

use vestibule::clock::SignedDuration;

use super::super::browser::Form;
use super::super::world::World;
use super::{PORTAL, csrf, signed_in, token_in, world};

#[test]
fn a_token_is_made_shown_once_listed_with_its_last_use_and_revoked() {
    let world = world().start();
    let browser = signed_in(&world);
    let me = browser.go(&format!("{PORTAL}/me"));
    assert!(me.body.contains("href=\"/tokens\"") && !me.body.contains("1 tool or terminal signed in"), "{me:#?}");
    let page = browser.press(
        "/tokens",
        &[("name", "build <server>"), ("days", "7"), ("networks", "shared, 127.0.0.1"), ("destinations", "news.test")],
    );
    let token = token_in(&page.body);
    assert_eq!((page.url.as_str(), token.len()), ("https://portal.vestibule.test/tokens/new", 40));
    for line in
        ["git config --global http.proxy", "pip config set", "npm config set https-proxy", "Acquire::https::Proxy"]
    {
        assert!(page.body.contains(line), "{line} in {}", page.body);
    }
    assert!(page.body.contains(&format!("http://token:{token}@{}", world.proxy)), "{page:#?}");
    let again = browser.go(&format!("{PORTAL}/tokens/new"));
    assert!(!again.body.contains(&token) && again.body.contains("A token is shown once"), "{again:#?}");
    let list = browser.go(&format!("{PORTAL}/tokens"));
    for part in ["build &#60;server&#62;", "shared, 127.0.0.1", "never", "news.test"] {
        assert!(list.body.contains(part), "{part} in {}", list.body);
    }
    assert!(!list.body.contains(&token));
    assert_eq!(browser.tool("http://news.test/a", &token, &[]).heading(), "This is news.test");
    let list = browser.go(&format!("{PORTAL}/tokens"));
    assert!(list.body.contains("· 127.0.7.1") && !list.body.contains("never"), "{list:#?}");
    assert!(browser.go(&format!("{PORTAL}/me")).body.contains("1 tool or terminal signed in"));
    browser.revoke("build &#60;server&#62;");
    assert_eq!(browser.tool("http://news.test/a", &token, &[]).status, 407);
    let record = world.record(|record| record["path"] == "/a" && record["status"] == 200);
    assert_eq!((&record["user"], &record["surrogate"]), (&"B.Simon@contoso.com".into(), &"proxy-token".into()));
    assert_eq!((&record["strength"], &record["evidence"]), (&"strong".into(), &"build <server>".into()));
    let log = world.log_text();
    assert!(!log.contains("vst_"), "{log}");
}

#[test]
fn what_is_wrong_with_a_new_token_is_said_beside_its_field() {
    let world = world().config("[session.tokens]\nmax_per_person = 1\nmax_lifetime = \"90d\"").start();
    let browser = signed_in(&world);
    for (fields, said) in [
        (&[("name", " ")][..], "Give it a name"),
        (&[("name", "a"), ("networks", "offices")], "offices is neither an address or a range nor the name"),
        (&[("name", "a"), ("destinations", "https://news.test/")], "https://news.test/ is no destination"),
    ] {
        let page = browser.press("/tokens", fields);
        assert_eq!(page.status, 422, "{page:#?}");
        assert!(page.body.contains(said) && page.body.contains("aria-invalid=\"true\""), "{said} in {}", page.body);
    }
    let page = browser.go(&format!("{PORTAL}/tokens"));
    assert!(page.body.contains("value=\"90\" selected") && !page.body.contains("value=\"365\""), "{page:#?}");
    // Longer than allowed is as long as allowed.
    let token = browser.make_token("first", &[("days", "3650")]);
    let page = browser.press("/tokens", &[("name", "second")]);
    assert!(page.status == 422 && page.body.contains("You have 1 token already"), "{page:#?}");
    world.clock.advance(SignedDuration::from_hours(90 * 24 - 1));
    assert_eq!(browser.tool("http://news.test/", &token, &[]).status, 200);
    world.clock.advance(SignedDuration::from_hours(1));
    let page = browser.tool("http://news.test/", &token, &[]);
    assert!(page.status == 407 && page.body.contains("The token has expired."), "{page:#?}");
}

#[test]
fn nothing_is_made_or_revoked_for_a_form_from_elsewhere_or_without_a_session() {
    let world = world().start();
    let browser = signed_in(&world);
    let token = browser.make_token("mine", &[]);
    let list = browser.go(&format!("{PORTAL}/tokens"));
    let form =
        |action: &str, csrf: &str| Form { action: action.into(), fields: vec![("csrf".into(), csrf.to_owned())] };
    for action in ["/tokens", "/tokens/revoke"] {
        let page = browser.submit(&list, form(action, "forged"), &[("name", "theirs")]);
        assert_eq!(page.status, 403, "{page:#?}");
        let stranger = world.browser().at([127, 0, 7, 2]);
        let page = stranger.submit(&list, form(action, &csrf(&list)), &[("name", "theirs")]);
        assert_eq!(page.status, 403, "another browser: {page:#?}");
    }
    // Another person's button is no good, and whoever is not signed in comes back to the page.
    let value = list.body.split_once("name=\"token\" value=\"").unwrap().1.split_once('"').unwrap().0.to_owned();
    let other = world.browser().at([127, 0, 7, 3]);
    let logon = other.go(&format!("{PORTAL}/tokens"));
    let page = other.sign_in(&logon, "AlexW@contoso.com", "alex");
    assert_eq!((page.heading(), page.url.as_str()), ("Tools and terminals", "https://portal.vestibule.test/tokens"));
    assert!(page.body.contains("No tool and no terminal is signed in."), "{page:#?}");
    other.submit(&page, form("/tokens/revoke", &csrf(&page)), &[("token", &value)]);
    assert_eq!(browser.tool("http://news.test/", &token, &[]).status, 200, "it is not theirs");
}

#[test]
fn a_token_and_the_cookie_of_a_browser_do_not_stand_in_for_each_other() {
    let world = world().start();
    let browser = signed_in(&world);
    let token = browser.make_token("mine", &[]);
    let cookie = browser.cookie("portal.vestibule.test", "__Host-vestibule").unwrap();
    let page = world.browser().at(SHARED_TOO).tool("http://news.test/", &cookie, &[]);
    assert_eq!(page.status, 407, "{page:#?}");
    let page = world
        .browser()
        .at(SHARED_TOO)
        .curl(&format!("{PORTAL}/me"), &["-H", &format!("Cookie: __Host-vestibule={token}")]);
    assert_eq!((page.status, page.values("location")), (302, vec!["/"]), "{page:#?}");
}

const SHARED_TOO: [u8; 4] = [127, 0, 7, 9];

#[test]
fn tokens_outlive_a_sign_out_and_end_with_a_sign_out_everywhere() {
    let world = world().start();
    let browser = signed_in(&world);
    let token = browser.make_token("mine", &[]);
    browser.sign_out();
    assert_eq!(browser.tool("http://news.test/", &token, &[]).status, 200, "that was the browser alone");
    browser.forget("portal.vestibule.test");
    let browser = world.browser().at(SHARED);
    browser.arrive("http://news.test/");
    let page = browser.go(&format!("{PORTAL}/me"));
    assert!(page.body.contains("value=\"everywhere\""), "{page:#?}");
    let form = Form { action: "/sign-out".into(), fields: vec![("csrf".into(), csrf(&page))] };
    browser.submit(&page, form, &[("where", "everywhere")]);
    let page = browser.tool("http://news.test/", &token, &[]);
    assert!(page.status == 407 && page.body.contains("The token has been revoked."), "{page:#?}");
}

#[test]
fn where_tokens_are_switched_off_there_are_none() {
    let world = world().config("[session.tokens]\nenabled = false").start();
    let browser = signed_in(&world);
    assert!(!browser.go(&format!("{PORTAL}/me")).body.contains("/tokens"));
    assert_eq!(browser.go(&format!("{PORTAL}/tokens")).status, 404);
    assert_eq!(World::send_from(&world, [127, 0, 7, 2], "GET /terminal HTTP/1.0\r\n\r\n").status, 404);
    let page = browser.bare_curl("http://shop.test/", &[]);
    assert_eq!((page.status, page.values("proxy-authenticate").len()), (511, 0), "{page:#?}");
}

const SHARED: [u8; 4] = super::SHARED;
