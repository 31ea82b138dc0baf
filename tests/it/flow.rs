//! The way of a person, from the first page to the sign-out, as curl goes it.

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use vestibule::clock::SignedDuration;

use super::origin::Origin;
use super::raw::{read_all, read_head};
use super::world::World;

/// A client address on a network where an address never stands for anybody, and one where it does.
const SHARED: [u8; 4] = [127, 0, 7, 1];
const HOME: [u8; 4] = [127, 0, 0, 1];

fn shared() -> super::world::Builder {
    World::build().network("shared", "127.0.7.0/24", "shared = true")
}

#[test]
fn an_unknown_browser_signs_in_and_arrives_at_the_wanted_page_with_its_query() {
    let world = World::new();
    let browser = world.browser();
    let logon = browser.go("http://news.test/today?q=1&b=%20%26");
    assert_eq!((logon.status, logon.heading()), (200, "Sign in"));
    assert!(logon.url.starts_with("https://portal.vestibule.test/?r="), "{}", logon.url);
    let page = browser.sign_in(&logon, "CONTOSO\\bsimon", "simon");
    assert_eq!((page.status, page.url.as_str()), (200, "http://news.test/today?q=1&b=%20%26"));
    assert_eq!(page.heading(), "This is news.test");
    assert!(page.body.contains("/today?q=1&amp;b=%20%26"), "{}", page.body);
    world.last_record_has(
        |record| record["host"] == "news.test",
        &[("user", "B.Simon@contoso.com".into()), ("decision", "permitted".into()), ("path", "/today".into())],
    );
}

#[test]
fn a_wanted_address_survives_the_sign_in_however_long_it_is() {
    let world = shared().start();
    for (length, scheme, from) in [
        (4_000, "http", SHARED),
        // curl sends no cookies with an address that is longer, so these go where the client address stands for people.
        (9_000, "http", HOME),
        (9_000, "https", HOME),
        (60_000, "http", HOME),
        (60_000, "https", HOME),
    ] {
        let browser = world.browser().at(from);
        let wanted = format!("{scheme}://shop.test/?q={}&end=1", "a".repeat(length));
        let logon = browser.go(&wanted);
        assert_eq!((logon.status, logon.heading()), (200, "Sign in"), "{length} by {scheme}");
        let page = browser.sign_in(&logon, "CONTOSO\\bsimon", "simon");
        assert_eq!((page.status, page.heading()), (200, "This is shop.test"), "{length} by {scheme}: {}", page.heads);
        assert!(page.url == wanted, "{length} by {scheme}: it is {} octets long", page.url.len());
        browser.sign_out();
    }
}

#[test]
fn a_second_site_needs_no_second_logon() {
    let world = shared().start();
    // Where the address stands for the person, nothing is to be seen at all.
    let browser = world.browser();
    browser.arrive("http://news.test/");
    let page = browser.go("http://shop.test/x?y=1");
    assert_eq!((page.status, page.redirects, page.heading()), (200, 0, "This is shop.test"));
    // Elsewhere it is three redirects: to the portal, back with a ticket, on to the page.
    let browser = world.browser().at(SHARED);
    browser.arrive("http://news.test/");
    let page = browser.go("http://shop.test/x?y=1");
    assert_eq!((page.status, page.redirects, page.heading()), (200, 3, "This is shop.test"));
    assert_eq!(page.url, "http://shop.test/x?y=1");
    let page = browser.go("http://shop.test/x?y=1");
    assert_eq!((page.status, page.redirects), (200, 0), "once an origin");
    world.last_record_has(
        |record| record["host"] == "shop.test",
        &[("surrogate", "origin-cookie".into()), ("network", "shared".into())],
    );
}

#[test]
fn https_goes_through_a_tunnel_once_the_person_is_known() {
    let world = World::new();
    let browser = world.browser();
    browser.arrive("http://news.test/");
    let page = browser.go("https://mail.test/inbox");
    assert_eq!((page.status, page.connect, page.redirects), (200, 200, 0), "{page:#?}");
    assert_eq!(page.issuer(), Some("Vestibule demo web"), "the origin's own certificate");
    let record = world.record(|record| record["host"] == "mail.test");
    assert_eq!((&record["method"], &record["decision"]), (&"CONNECT".into(), &"permitted".into()));
    assert_eq!((&record["user"], &record["path"]), (&"B.Simon@contoso.com".into(), &serde_json::Value::Null));
    assert!(record["bytes_out"].as_u64() > Some(500) && record["bytes_in"].as_u64() > Some(200), "{record}");
}

#[test]
fn a_tool_is_told_where_to_sign_in() {
    let world = World::build().network("lenient", "127.0.7.0/24", "unidentified = \"allow\"").start();
    let page = world.browser().bare_curl("http://news.test/", &["-L"]);
    assert_eq!((page.status, page.redirects), (407, 0));
    assert_eq!(page.values("proxy-authenticate").len(), 2, "Basic and Bearer: {page:#?}");
    assert_eq!(page.value("content-type"), "text/plain; charset=utf-8");
    assert_eq!(page.value("cache-control"), "no-store");
    assert!(page.body.contains("https://portal.vestibule.test"), "{}", page.body);
    // Where that is allowed, it is let through and recorded under its address.
    let page = world.browser().at(SHARED).bare_curl("http://news.test/", &[]);
    assert_eq!((page.status, page.heading()), (200, "This is news.test"));
    let record = world.record(|record| record["network"] == "lenient");
    assert!(record["client"].as_str().unwrap().starts_with("127.0.7.1:"), "{record}");
    assert_eq!((&record["user"], &record["surrogate"]), (&serde_json::Value::Null, &"none".into()));
    assert_eq!((&record["decision"], &record["status"]), (&"permitted".into(), &200.into()));
    let page = world.browser().at(SHARED).bare_curl("https://mail.test/", &[]);
    assert_eq!((page.status, page.issuer()), (200, Some("Vestibule demo web")), "its https is tunnelled");
}

#[test]
fn after_a_sign_out_it_starts_again() {
    for address in [[127, 0, 0, 1], SHARED] {
        let world = shared().start();
        let browser = world.browser().at(address);
        browser.arrive("http://news.test/");
        assert_eq!(browser.go("https://mail.test/").heading(), "This is mail.test");
        browser.sign_out();
        for site in ["http://news.test/", "http://shop.test/", "https://mail.test/"] {
            let page = browser.go(site);
            assert_eq!((page.status, page.heading()), (200, "Sign in"), "{site} from {address:?}");
        }
        // The identity provider has signed the person out, too: it asks for the password again.
        let logon = browser.go("http://news.test/again");
        let asked = browser.submit(&logon, logon.form(), &[("account", "B.Simon@contoso.com")]);
        assert!(!asked.has_form("SAMLResponse"), "{asked:#?}");
        let answer = browser.submit(&asked, asked.form(), &[("password", "simon")]);
        let page = browser.submit(&answer, answer.form(), &[]);
        assert_eq!((page.status, page.url.as_str()), (200, "http://news.test/again"));
    }
}

#[test]
fn a_session_is_renewed_without_a_page_shortly_before_it_ends() {
    for known in [true, false] {
        let world = shared().start();
        let browser = world.browser().at(SHARED);
        browser.arrive("http://news.test/");
        let session = |host: &str| {
            let is_it = |record: &serde_json::Value| record["host"] == host && record["path"] == "/x";
            world.record(|record| is_it(record) && record["decision"] == "permitted")["session"].take()
        };
        browser.go("http://news.test/x");
        world.clock.advance(SignedDuration::from_hours(29 * 24 + 1));
        if !known {
            browser.forget("login.vestibule.test");
        }
        let answer = browser.go("http://shop.test/x");
        assert!(answer.has_form("SAMLResponse"), "no logon page, and no page of the identity provider: {answer:#?}");
        let page = browser.submit(&answer, answer.form(), &[]);
        assert_eq!((page.status, page.url.as_str()), (200, "http://shop.test/x"));
        assert_eq!(session("shop.test") != session("news.test"), known, "another session where it was renewed");
        // Once is enough for a while, and where the identity provider did not know the person the session goes on.
        assert_eq!(browser.go("http://mail.test/").heading(), "This is mail.test");
        world.clock.advance(SignedDuration::from_hours(25));
        let later = browser.go("http://mail.test/");
        assert_eq!(later.heading(), if known { "This is mail.test" } else { "Sign in" });
    }
}

#[test]
fn sign_out_closes_what_is_open_at_once() {
    let download = Origin::start(|_, stream| {
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nbeginning"));
        drop(stream.read(&mut [0]));
    });
    let tunnel = Origin::start(|_, stream| {
        drop(stream.write_all(b"tunnelled"));
        drop(stream.read(&mut [0]));
    });
    let socket = Origin::start(|_, stream| {
        let head = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nframe";
        drop(stream.write_all(head.as_bytes()));
        drop(stream.read(&mut [0]));
    });
    let world = shared()
        .host("download.test:80", download.address)
        .host("tunnel.test:443", tunnel.address)
        .host("socket.test:80", socket.address)
        .start();
    let browser = world.browser();
    browser.arrive("http://news.test/");
    let mut open = Vec::new();
    for (request, first) in [
        ("GET http://download.test/ HTTP/1.1\r\nHost: download.test\r\n\r\n", "beginning"),
        ("CONNECT tunnel.test:443 HTTP/1.1\r\nHost: tunnel.test:443\r\n\r\nHELO\r\n\r\n", "tunnelled"),
        (
            "GET http://socket.test/ HTTP/1.1\r\nHost: socket.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
            "frame",
        ),
    ] {
        let mut stream = world.connect([127, 0, 0, 1]);
        stream.write_all(request.as_bytes()).unwrap();
        let head = read_head(&mut stream);
        let mut bytes = vec![0; first.len()];
        stream.read_exact(&mut bytes).unwrap();
        assert_eq!(String::from_utf8_lossy(&bytes), first, "{head}");
        open.push(stream);
    }
    // Another person's download, known by a cookie, goes on.
    let other = world.browser().at(SHARED);
    other.arrive("http://news.test/");
    other.curl("http://download.test/other", &["-L", "--max-time", "1"]);
    let cookie = other.cookie("download.test", "vestibule_s").unwrap();
    let mut stays = world.connect(SHARED);
    write!(
        stays,
        "GET http://download.test/other HTTP/1.1\r\nHost: download.test\r\nCookie: vestibule_s={cookie}\r\n\r\n"
    )
    .unwrap();
    assert!(read_head(&mut stays).starts_with("HTTP/1.1 200"));
    stays.read_exact(&mut [0; 9]).unwrap();
    browser.sign_out();
    let begun = Instant::now();
    for stream in &mut open {
        assert_eq!(read_all(stream), b"");
    }
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    for host in ["download.test", "tunnel.test", "socket.test"] {
        let record = world.record(|record| record["host"] == host && record["network"] == "this-machine");
        assert_eq!(record["reason"], "session-ended", "{record}");
    }
    stays.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    assert!(stays.read(&mut [0]).is_err(), "nothing comes, and nothing ends");
    other.sign_out();
    let begun = Instant::now();
    assert_eq!(read_all(&mut stays), b"");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}
