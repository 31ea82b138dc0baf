//! What carries a session from place to place, and everything that must not carry it.

use vestibule::clock::SignedDuration;

use super::browser::{Browser, Page};
use super::raw::{Answer, Wire};
use super::world::{Builder, World};

/// Addresses on a network where nothing but a cookie tells people apart.
const SHARED: [u8; 4] = [127, 0, 7, 1];
const OTHER: [u8; 4] = [127, 0, 7, 2];

fn shared() -> Builder {
    World::build().network("shared", "127.0.7.0/24", "shared = true")
}

/// A browser whose person is signed in, and has been at news.test.
fn signed_in(world: &World) -> Browser<'_> {
    let browser = world.browser().at(SHARED);
    browser.arrive("http://news.test/");
    browser
}

/// The address of a fresh ticket for a page of shop.test, which the browser has not opened yet.
fn ticket(browser: &Browser<'_>) -> String {
    let challenge = browser.ask("http://shop.test/x?y=1");
    let portal = browser.ask(challenge.value("location"));
    let address = portal.value("location");
    assert!(address.starts_with("http://shop.test:60443/.well-known/vestibule/arrive?ticket="), "{portal:#?}");
    address.to_owned()
}

/// Nobody was signed in by this answer; the access log says why.
fn refused(world: &World, page: &Page, reason: &str) {
    assert!(!page.values("set-cookie").iter().any(|line| line.starts_with("vestibule_s=")), "{page:#?}");
    world.last_record_has(
        |record| record["path"] == "/.well-known/vestibule/arrive",
        &[("reason", reason.into()), ("user", serde_json::Value::Null)],
    );
}

#[test]
fn a_ticket_works_once() {
    let world = shared().start();
    let browser = signed_in(&world);
    let address = ticket(&browser);
    let page = browser.ask(&address);
    assert_eq!((page.status, page.value("location")), (302, "http://shop.test/x?y=1"));
    let lines = page.values("set-cookie");
    let cookie = lines.iter().find(|line| line.starts_with("vestibule_s=")).unwrap();
    assert!(cookie.ends_with("; Path=/; Max-Age=28800; HttpOnly; SameSite=Lax"), "{cookie}");
    assert!(lines.iter().any(|line| line.starts_with("vestibule_c_") && line.contains("Max-Age=0")), "{lines:?}");
    let page = browser.ask(&address);
    refused(&world, &page, "ticket-unknown");
}

#[test]
fn a_ticket_is_good_for_one_minute() {
    let world = shared().start();
    let browser = signed_in(&world);
    let address = ticket(&browser);
    world.clock.advance(SignedDuration::from_secs(61));
    refused(&world, &browser.ask(&address), "ticket-unknown");
    let address = ticket(&browser);
    world.clock.advance(SignedDuration::from_secs(58));
    assert_eq!(browser.ask(&address).value("location"), "http://shop.test/x?y=1");
}

#[test]
fn a_ticket_is_good_for_one_client_address() {
    let world = shared().start();
    let browser = signed_in(&world);
    let address = ticket(&browser);
    let elsewhere = Browser { jar: browser.jar.clone(), ..world.browser().at(OTHER) };
    refused(&world, &elsewhere.ask(&address), "ticket-for-another-client");
    refused(&world, &browser.ask(&address), "ticket-unknown");
}

#[test]
fn a_ticket_is_good_for_one_origin() {
    let world = shared().start();
    let browser = signed_in(&world);
    // On its own host it is good at our port alone, where no tunnel leads.
    for other in ["http://mail.test:60443", "https://mail.test:60443", "http://shop.test", "https://shop.test"] {
        let address = ticket(&browser).replace("http://shop.test:60443", other);
        refused(&world, &browser.ask(&address), "ticket-for-another-origin");
    }
}

#[test]
fn a_ticket_is_good_for_the_browser_that_was_challenged() {
    let world = shared().start();
    let browser = signed_in(&world);
    // Somebody with a session lays a link to their own ticket: whoever follows it does not become them.
    let address = ticket(&browser);
    let victim = world.browser().at(SHARED);
    refused(&world, &victim.go(&address), "ticket-for-another-browser");
    // A challenge of one's own does not help.
    let address = ticket(&browser);
    victim.ask("http://shop.test/");
    refused(&world, &victim.ask(&address), "ticket-for-another-browser");
}

#[test]
fn a_ticket_of_a_session_that_has_ended_carries_nothing() {
    let world = shared().start();
    let browser = signed_in(&world);
    let address = ticket(&browser);
    browser.sign_out();
    refused(&world, &browser.ask(&address), "session-ended");
}

#[test]
fn a_return_address_that_is_forged_or_old_leads_nowhere() {
    let world = shared().start();
    let stranger = world.browser().at(OTHER);
    let token = stranger.ask("http://shop.test/x").value("location").to_owned();
    let forged = format!("{}x{}", &token[..token.len() - 9], &token[token.len() - 8..]);
    let open = "https://portal.vestibule.test/?r=http://evil.test/";
    for address in [forged.as_str(), open] {
        let page = stranger.go(address);
        assert_eq!((page.status, page.heading()), (200, "Sign in"), "{page:#?}");
        assert!(!page.form().fields.iter().any(|(name, _)| name == "r"), "{page:#?}");
        let page = stranger.sign_in(&page, "CONTOSO\\bsimon", "simon");
        assert_eq!((page.status, page.url.as_str()), (200, "https://portal.vestibule.test/me"), "{page:#?}");
        let page = stranger.go(address);
        assert_eq!((page.status, page.heading()), (200, "You are signed in"), "{page:#?}");
        stranger.sign_out();
    }
    world.clock.advance(SignedDuration::from_mins(61));
    let page = stranger.go(&token);
    assert_eq!((page.status, page.heading()), (200, "Sign in"));
    assert!(!page.form().fields.iter().any(|(name, _)| name == "r"), "{page:#?}");
}

/// Asks for a page of `host` with a cookie and nothing else.
fn ask(stream: &mut dyn Wire, target: &str, host: &str, cookie: &str) -> Answer {
    write!(
        stream,
        "GET {target} HTTP/1.1\r\nHost: {host}\r\nUpgrade-Insecure-Requests: 1\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    Answer::read(stream)
}

#[test]
fn an_origin_cookie_is_good_on_its_origin_while_its_session_lasts() {
    let world = shared().start();
    let browser = signed_in(&world);
    browser.go("http://shop.test/");
    let cookie = browser.cookie("shop.test", "vestibule_s").unwrap();
    let plain =
        |host: &str, cookie: &str| ask(&mut world.connect(SHARED), &format!("http://{host}/"), host, cookie).status;
    assert_eq!(plain("shop.test", &format!("vestibule_s={cookie}")), 200);
    assert_eq!(plain("news.test", &format!("vestibule_s={cookie}")), 302, "another origin");
    assert_eq!(plain("shop.test", &format!("__Host-vestibule_s={cookie}")), 302, "under the name that https has");
    for place in [0, cookie.len() / 2, cookie.len() - 2] {
        let mut forged = cookie.clone().into_bytes();
        forged[place] = if forged[place] == b'A' { b'B' } else { b'A' };
        let forged = String::from_utf8(forged).unwrap();
        assert_eq!(plain("shop.test", &format!("vestibule_s={forged}")), 302, "forged at {place}");
    }
    let secret = browser.cookie("portal.vestibule.test", "__Host-vestibule").unwrap();
    assert_eq!(plain("shop.test", &format!("vestibule_s={secret}")), 302, "the portal's own secret");
    let mut secure = world.inside(SHARED, "shop.test:443");
    let answer = ask(&mut secure, "/", "shop.test", &format!("vestibule_s={cookie}; __Host-vestibule_s={cookie}"));
    assert_eq!(answer.status, 302, "the same host over https is another origin");
    browser.sign_out();
    assert_eq!(plain("shop.test", &format!("vestibule_s={cookie}")), 302, "its session has ended");
}

#[test]
fn an_origin_cookie_outlives_neither_its_session_nor_its_person() {
    let world = shared().start();
    let browser = world.browser().at(SHARED);
    let first = browser.go("http://news.test/");
    let second = browser.go("http://shop.test/");
    assert_eq!(browser.sign_in(&first, "CONTOSO\\bsimon", "simon").heading(), "This is news.test");
    let old = browser.cookie("news.test", "vestibule_s").unwrap();
    // Somebody else signs in, in the same browser.
    assert_eq!(browser.sign_in(&second, "AlexW@contoso.com", "alex").heading(), "This is shop.test");
    let answer = ask(&mut world.connect(SHARED), "http://news.test/", "news.test", &format!("vestibule_s={old}"));
    assert_eq!(answer.status, 302, "the first one's cookie names nobody");
    let page = browser.go("http://news.test/second");
    assert_eq!((page.status, page.redirects, page.heading()), (200, 3, "This is news.test"));
    let record = world.record(|record| record["path"] == "/second" && record["decision"] == "permitted");
    assert_eq!(record["user"], "AlexW@contoso.com");
    // 30 days after the sign-in it is over.
    world.clock.advance(SignedDuration::from_hours(30 * 24 + 1));
    let cookie = browser.cookie("news.test", "vestibule_s").unwrap();
    let answer = ask(&mut world.connect(SHARED), "http://news.test/", "news.test", &format!("vestibule_s={cookie}"));
    assert_eq!(answer.status, 302, "the session has ended");
}

#[test]
fn nobody_is_signed_in_by_a_response_that_another_browser_asked_for() {
    let world = shared().start();
    let attacker = world.browser().at(OTHER);
    let logon = attacker.go("http://shop.test/");
    let answer = attacker.until_answer(&logon, "AlexW@contoso.com", "alex");
    let victim = world.browser().at(SHARED);
    for prepared in [false, true] {
        if prepared {
            // A pending sign-in of one's own does not help.
            let logon = victim.go("http://news.test/");
            victim.submit(&logon, logon.form(), &[("account", "bsimon@contoso.com")]);
        }
        let page = victim.submit(&answer, answer.form(), &[]);
        assert_eq!(page.status, 403, "{page:#?}");
        assert_eq!(victim.cookie("portal.vestibule.test", "__Host-vestibule"), None);
    }
    // The attempt has not taken the sign-in away from whom it belongs to.
    let page = attacker.submit(&answer, answer.form(), &[]);
    assert_eq!((page.status, page.heading()), (200, "This is shop.test"), "{page:#?}");
    // Once used, it is spent.
    let page = victim.submit(&answer, answer.form(), &[]);
    assert_eq!((page.status, page.heading()), (200, "Sign in"), "{page:#?}");
    assert_eq!(victim.cookie("portal.vestibule.test", "__Host-vestibule"), None);
}

#[test]
fn two_tabs_that_sign_in_at_the_same_time_both_arrive() {
    let world = shared().start();
    let browser = world.browser().at(SHARED);
    let (first, second) = (browser.go("http://news.test/1?a=1"), browser.go("http://shop.test/2?b=2"));
    let first = browser.until_answer(&first, "CONTOSO\\bsimon", "simon");
    let second = browser.until_answer(&second, "CONTOSO\\bsimon", "simon");
    let page = browser.submit(&second, second.form(), &[]);
    assert_eq!((page.status, page.url.as_str()), (200, "http://shop.test/2?b=2"), "{page:#?}");
    let page = browser.submit(&first, first.form(), &[]);
    assert_eq!((page.status, page.url.as_str()), (200, "http://news.test/1?a=1"), "{page:#?}");
    // Two tabs that are challenged by the same site, too.
    let (first, second) = (browser.ask("http://mail.test/1"), browser.ask("http://mail.test/2"));
    for (tab, wanted) in [(second, "http://mail.test/2"), (first, "http://mail.test/1")] {
        let page = browser.go(tab.value("location"));
        assert_eq!((page.status, page.url.as_str()), (200, wanted), "{page:#?}");
    }
}

#[test]
fn where_there_are_tunnels_a_ticket_arrives_where_none_leads() {
    let world = World::new();
    let browser = world.browser();
    // Two tabs are challenged, and somebody signs in in one of them: the client is known by its address now.
    let (secure, plain) = (browser.ask("https://mail.test/a"), browser.ask("http://shop.test/a?b=c"));
    browser.arrive("http://news.test/");
    assert_eq!(browser.go("https://mail.test/").issuer(), Some("Vestibule demo web"), "a tunnel");
    // Whoever is known goes straight to an https site, where a ticket could find the tunnel that another tab has opened.
    let page = browser.ask(secure.value("location"));
    assert_eq!((page.status, page.value("location")), (302, "https://mail.test/a"), "{page:#?}");
    // What goes to http arrives beside it, because a browser may have learnt meanwhile that the site wants https (HSTS).
    let page = browser.ask(plain.value("location"));
    let address = page.value("location").to_owned();
    assert!(address.starts_with("http://shop.test:60443/.well-known/vestibule/arrive?ticket="), "{page:#?}");
    let page = browser.ask(&address.replacen("http://", "https://", 1));
    assert_eq!((page.connect, page.issuer()), (200, Some("Vestibule interception")), "{page:#?}");
    assert_eq!((page.status, page.value("location")), (302, "http://shop.test/a?b=c"), "{page:#?}");
    assert!(browser.cookie("shop.test", "vestibule_s").is_some(), "the cookie is that of the site over http");
    let page = browser.ask(&address);
    assert_eq!(page.value("location"), "http://shop.test", "once: {page:#?}");
    // Nothing else is there, for anybody, and no name is looked up.
    for url in ["https://shop.test:60443/", "https://nowhere.invalid:60443/x", "http://shop.test:60443/"] {
        for browser in [&browser, &world.browser().at(OTHER)] {
            let page = browser.ask(url);
            assert_eq!(page.status, 400, "{url}: {page:#?}");
        }
    }
}

#[test]
fn whoever_is_not_known_at_an_https_site_after_all_gets_a_ticket_there() {
    // Too many people sign in on one address: it stands for nobody.
    let world = World::new();
    let people = [("bsimon", "simon"), ("alexw", "alex"), ("adelev", "adele"), ("diegos", "diego")];
    let browsers: Vec<_> = people.iter().map(|_| world.browser()).collect();
    for (browser, (account, password)) in browsers.iter().zip(people) {
        let logon = browser.go("https://portal.vestibule.test/");
        let page = browser.sign_in(&logon, &format!("{account}@contoso.com"), password);
        assert_eq!(page.heading(), "You are signed in", "{page:#?}");
    }
    for (browser, (account, _)) in browsers.iter().zip(people) {
        let challenge = browser.ask("https://mail.test/in");
        let address = browser.ask(challenge.value("location")).value("location").to_owned();
        assert!(address.starts_with("https://mail.test:60443/.well-known/vestibule/arrive?ticket="), "{address}");
        let page = browser.go(&address);
        assert_eq!((page.status, page.url.as_str()), (200, "https://mail.test/in"), "{account}: {page:#?}");
        // Over http nobody sets what is for https.
        let challenge = browser.ask("https://shop.test/in");
        let address = browser.ask(challenge.value("location")).value("location").to_owned();
        refused(&world, &browser.ask(&address.replacen("https://", "http://", 1)), "ticket-for-another-origin");
    }
}
