//! https of people who are unknown, and of people whom only a cookie can tell apart.

use std::io::Write as _;
use std::sync::{Arc, Mutex};

use url::Url;

use super::browser::{Browser, Page};
use super::origin::Origin;
use super::world::{Builder, World};

const SHARED: [u8; 4] = [127, 0, 7, 1];

fn shared() -> Builder {
    World::build().network("shared", "127.0.7.0/24", "shared = true")
}

#[test]
fn https_of_somebody_unknown_is_answered_under_a_leaf_of_our_authority() {
    let world = World::new();
    let browser = world.browser();
    let page = browser.ask("https://mail.test/inbox?a=b");
    assert_eq!((page.connect, page.status), (200, 302), "{page:#?}");
    assert_eq!(page.issuer(), Some("Vestibule interception"));
    assert!(page.value("location").starts_with("https://portal.vestibule.test/?r="), "{page:#?}");
    assert_eq!(page.value("cache-control"), "no-store");
    let cookie = page.value("set-cookie");
    assert!(cookie.starts_with("vestibule_c_") && cookie.ends_with("; HttpOnly; SameSite=Lax; Secure"), "{cookie}");
    let logon = browser.go("https://mail.test/inbox?a=b");
    let page = browser.sign_in(&logon, "bsimon@contoso.com", "simon");
    assert_eq!((page.status, page.url.as_str()), (200, "https://mail.test/inbox?a=b"), "{page:#?}");
    assert_eq!(page.heading(), "This is mail.test");
    let page = browser.go("https://mail.test/inbox?a=b");
    assert_eq!((page.status, page.redirects, page.issuer()), (200, 0, Some("Vestibule demo web")), "tunnelled now");
    let cookie = browser.cookie("mail.test", "__Host-vestibule_s");
    assert!(cookie.is_none(), "the site would see it in the tunnel: {:?}", browser.cookies());
}

#[test]
fn a_device_that_does_not_trust_our_authority_is_shown_nothing() {
    let world = World::new();
    let browser = world.browser().trusting(&world.web);
    let page = browser.go("https://mail.test/");
    assert_eq!((page.exit, page.status), (60, 0), "{page:#?}");
    let record = world.record(|record| record["host"] == "mail.test");
    assert_eq!((&record["reason"], &record["decision"]), (&"client-refused-certificate".into(), &"challenged".into()));
    // It asks whether there is a portal, and signs in there.
    let probe = browser.go("http://connectivitycheck.gstatic.com/generate_204");
    let page = browser.sign_in(&probe, "CONTOSO\\bsimon", "simon");
    assert_eq!((page.status, page.heading()), (200, "You are signed in"), "{page:#?}");
    let page = browser.go("https://mail.test/");
    assert_eq!((page.status, page.issuer()), (200, Some("Vestibule demo web")), "{page:#?}");
}

#[test]
fn on_a_shared_network_the_cookie_carries_https_too() {
    let world = shared().start();
    let browser = world.browser().at(SHARED);
    browser.arrive("https://mail.test/inbox");
    for redirects in [0, 0] {
        let page = browser.go("https://mail.test/inbox");
        assert_eq!((page.status, page.redirects), (200, redirects), "{page:#?}");
        assert_eq!(page.issuer(), Some("Vestibule interception"), "each time");
    }
    let page = browser.go("https://shop.test/");
    assert_eq!((page.status, page.redirects), (200, 3), "{page:#?}");
    // http and https of one host are two origins.
    let page = browser.go("http://shop.test/");
    assert_eq!((page.status, page.redirects), (200, 3), "{page:#?}");
    let (plain, secure) = (
        browser.cookie("shop.test", "vestibule_s").unwrap(),
        browser.cookie("shop.test", "__Host-vestibule_s").unwrap(),
    );
    assert_ne!(plain, secure);
    world.last_record_has(
        |record| record["host"] == "mail.test" && record["method"] == "GET",
        &[("user", "B.Simon@contoso.com".into()), ("path", "/inbox".into())],
    );
}

#[test]
fn origins_neither_see_nor_set_what_is_ours() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\nSet-Cookie: own=1; Path=/\r\n\
                  Set-Cookie: vestibule_s=forged; Path=/\r\nSet-Cookie: VESTIBULE_S=forged\r\n\
                  Set-Cookie: __Host-vestibule_s=forged; Path=/; Secure\r\n\
                  Set-Cookie: vestibule_c_x=forged; Path=/\r\n\r\nhello";
    let mut builder = shared();
    let tls = builder.certify("raw.test");
    let plain = Origin::answering(answer);
    let secure = Origin::start_tls(tls, move |_, stream| drop(stream.write_all(answer.as_bytes())));
    let world = builder.host("raw.test:80", plain.address).host("raw.test:443", secure.address).start();
    let browser = world.browser().at(SHARED);
    browser.arrive("http://raw.test/a");
    browser.go("https://raw.test/b");
    for url in ["http://raw.test/c", "https://raw.test/d"] {
        let page = browser.go(url);
        assert_eq!((page.status, page.redirects, page.body.as_str()), (200, 0, "hello"), "{page:#?}");
        assert_eq!(page.values("set-cookie"), ["own=1; Path=/"]);
    }
    for path in ["", "x", "arrive/", "arrive?ticket=x"] {
        let page = browser.ask(&format!("http://raw.test/.well-known/vestibule/{path}"));
        assert_ne!(page.status, 200, "{path}");
    }
    let seen = [plain.seen(), secure.seen()];
    assert_eq!(seen.each_ref().map(Vec::len), [2, 2], "{seen:#?}");
    for head in seen.iter().flatten() {
        assert!(!head.to_ascii_lowercase().contains("vestibule_"), "{head}");
        assert!(!head.contains(".well-known"), "{head}");
    }
    assert!(seen[1][1].contains("own=1"), "its own cookies it sees: {seen:#?}");
}

/// Follows redirects as a browser does that sends the portal its cookie, and to origins those that `kept` keeps.
fn walk(browser: &Browser<'_>, portal: &str, start: &str, kept: impl Fn(&str) -> bool) -> (Page, u32) {
    let (mut url, mut hops) = (start.to_owned(), 0);
    let held = Arc::new(Mutex::new(Vec::<String>::new()));
    loop {
        let to_portal = Url::parse(&url).unwrap().host_str() == Some("portal.vestibule.test");
        let cookie = if to_portal { portal.to_owned() } else { held.lock().unwrap().join("; ") };
        let page = browser.curl(&url, &["-H", &format!("Cookie: {cookie}")]);
        if !(300..400).contains(&page.status) || hops == 20 {
            return (page, hops);
        }
        let pairs = page.values("set-cookie").into_iter().map(|line| line.split(';').next().unwrap().to_owned());
        held.lock().unwrap().extend(pairs.filter(|pair| !to_portal && kept(pair)));
        url = Url::parse(&url).unwrap().join(page.value("location")).unwrap().to_string();
        hops += 1;
    }
}

#[test]
fn a_browser_that_keeps_no_cookies_is_told_so_and_never_runs_in_circles() {
    let world = shared().start();
    let browser = world.browser().at(SHARED);
    browser.arrive("http://news.test/");
    let person = world.browser().at(SHARED);
    person.arrive("http://news.test/");
    let secret = person.cookie("portal.vestibule.test", "__Host-vestibule").unwrap();
    let portal = format!("__Host-vestibule={secret}");
    let blocked = world.browser().at(SHARED).without_cookies();
    for (site, kept) in [
        // None at all, or the challenge's and not the session's.
        ("http://shop.test/", (|_| false) as fn(&str) -> bool),
        ("https://mail.test/", |_| false),
        ("http://mail.test/", |pair| pair.starts_with("vestibule_c_")),
        ("https://shop.test/", |pair| pair.starts_with("vestibule_c_")),
    ] {
        let (page, hops) = walk(&blocked, &portal, site, kept);
        assert_eq!(page.status, 403, "{site}: {page:#?}");
        assert!(hops <= 8, "{site}: {hops}");
        assert!(page.body.to_lowercase().contains("cookie"), "{}", page.body);
        assert_eq!(page.value("content-type"), "text/html; charset=utf-8");
        // Neighbours at the same address are not held up by it.
        let page = browser.go(site);
        assert_eq!((page.status, page.url.as_str()), (200, site), "{page:#?}");
    }
    // Somebody who never signed in comes to the logon page and stays there.
    let page = world.browser().at([127, 0, 7, 2]).without_cookies().go("http://news.test/");
    assert_eq!((page.status, page.redirects, page.heading()), (200, 1, "Sign in"));
    let page = blocked.submit(&page, page.form(), &[("account", "bsimon@contoso.com")]);
    assert_eq!((page.status, page.heading()), (403, "Sign in"), "{page:#?}");
}

/// A server that says this to whatever it is sent, and closes.
fn at_first_octets(answer: &'static [u8]) -> std::net::SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // It ends with the test program.
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let read = std::io::Read::read(&mut stream, &mut [0; 4096]);
            drop(read.and_then(|_| stream.write_all(answer)));
        }
    });
    address
}

#[test]
fn a_site_that_does_not_answer_over_https_is_not_intercepted() {
    // As web servers answer what is no request, and as others do.
    let plain = at_first_octets(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    let silent = at_first_octets(b"");
    let world = shared()
        .host("closed.test:443", crate::peers::closed())
        .host("plain.test:443", plain)
        .host("silent.test:443", silent)
        .start();
    let person = world.browser().at(SHARED);
    person.arrive("http://news.test/");
    // Of somebody unknown where an address may stand for people and where not, and of somebody whom a cookie names.
    for browser in [&world.browser(), &world.browser().at(SHARED), &person] {
        for (host, error) in [
            ("closed.test", "connection_refused"),
            ("plain.test", "tls_protocol_error"),
            ("silent.test", "tls_protocol_error"),
            ("nowhere.invalid", "dns_error"),
        ] {
            let page = browser.ask(&format!("https://{host}/"));
            assert_eq!((page.connect, page.exit), (502, 56), "{host}: {page:#?}");
            assert!(page.messages.contains(&format!("vestibule; error={error}")), "{host}: {}", page.messages);
            world.last_record_has(
                |record| record["host"] == host,
                &[("decision", "challenged".into()), ("status", 502.into()), ("reason", error.into())],
            );
        }
        // A certificate that nobody trusts is for the browser to say, and for the page after sign-in.
        let page = browser.ask("https://mail.test/");
        assert_eq!((page.connect, page.issuer()), (200, Some("Vestibule interception")), "{page:#?}");
    }
}

#[test]
fn an_origin_is_looked_at_once_for_a_page_and_the_connection_is_used() {
    let mut builder = shared();
    let tls = builder.certify("raw.test");
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
    let connections = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&connections);
    // It counts each connection that is closed or has sent a request.
    let origin = Origin::start_tls(tls, move |_, stream| {
        *counted.lock().unwrap() += 1;
        drop(stream.write_all(answer.as_bytes()));
    });
    let world = builder.host("raw.test:443", origin.address).start();
    let browser = world.browser().at(SHARED);
    let logon = browser.go("https://raw.test/");
    let page = browser.sign_in(&logon, "bsimon@contoso.com", "simon");
    assert_eq!((page.status, page.body.as_str()), (200, "hello"), "{page:#?}");
    for _ in 0..5 {
        assert_eq!(browser.go("https://raw.test/").body, "hello");
    }
    assert_eq!(*connections.lock().unwrap(), 6, "one for each request, and none for looks: {:#?}", origin.seen());
    assert_eq!(origin.seen().iter().filter(|head| head.is_empty()).count(), 0);
}

#[test]
fn strangers_count_through_no_hosts_by_way_of_us() {
    let world = shared().host("closed.test:443", crate::peers::closed()).start();
    let answers: Vec<_> = (0..130)
        .map(|number| {
            let mut stream = world.connect([127, 0, 7, 9]);
            let host = if number == 129 { "closed.test".to_owned() } else { format!("host-{number}.invalid") };
            let fields = format!("Host: {host}:443\r\nUser-Agent: Mozilla/5.0\r\n");
            write!(stream, "CONNECT {host}:443 HTTP/1.1\r\n{fields}\r\n").unwrap();
            crate::raw::read_head(&mut stream).split(' ').nth(1).unwrap().to_owned()
        })
        .collect();
    assert!(answers[..100].iter().all(|status| status == "502"), "{answers:?}");
    assert!(answers[125..].iter().all(|status| status == "200"), "nothing is said of them: {answers:?}");
    // Of others it is.
    let page = world.browser().at(SHARED).ask("https://closed.test/");
    assert_eq!(page.connect, 502, "{page:#?}");
}
