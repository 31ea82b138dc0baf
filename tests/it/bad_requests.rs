//! Requests that nobody should send, and destinations that nobody may reach.

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use super::origin::Origin;
use super::raw::{Answer, read_all, read_head};
use super::world::{PATIENCE, World};

const STRANGER: [u8; 4] = [127, 0, 0, 9];

#[test]
fn destinations_that_are_not_public_are_refused_before_anybody_is_asked_to_sign_in() {
    let world = World::new();
    let own = world.proxy.to_string();
    for (authority, status, error) in [
        ("169.254.169.254:443", 403, "destination_ip_prohibited"),
        ("127.0.0.1:443", 403, "destination_ip_prohibited"),
        ("2130706433:443", 403, "destination_ip_prohibited"),
        ("0x7f.1:443", 403, "destination_ip_prohibited"),
        ("0251.0376.0251.0376:443", 403, "destination_ip_prohibited"),
        ("10.0.0.1:443", 403, "destination_ip_prohibited"),
        ("[::1]:443", 403, "destination_ip_prohibited"),
        ("[::ffff:127.0.0.1]:443", 403, "destination_ip_prohibited"),
        ("[64:ff9b::a9fe:a9fe]:443", 403, "destination_ip_prohibited"),
        ("news.test:22", 403, "http_request_denied"),
        (own.as_str(), 403, "http_request_denied"),
    ] {
        let request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
        let answer = world.send_from(STRANGER, &request);
        assert_eq!((answer.status, answer.error_type().as_str()), (status, error), "{authority}: {answer:#?}");
        assert_eq!(answer.value("content-type"), "text/plain; charset=utf-8", "{authority}");
    }
    for (url, status, error) in [
        ("http://169.254.169.254/latest/meta-data/", 403, "destination_ip_prohibited"),
        ("http://0x7f000001/", 403, "destination_ip_prohibited"),
        (&format!("http://{own}/"), 508, "proxy_loop_detected"),
        (&format!("http://{}/", world.portal), 508, "proxy_loop_detected"),
    ] {
        let page = world.browser().at(STRANGER).ask(url);
        assert_eq!(page.status, status, "{url}: {page:#?}");
        assert_eq!(page.proxy_status(), format!("vestibule; error={error}"), "{url}");
    }
    // Somebody who is signed in gets no further.
    let browser = world.browser();
    browser.arrive("http://news.test/");
    for url in ["http://169.254.169.254/", "https://169.254.169.254/", "https://127.0.0.1/"] {
        let page = browser.ask(url);
        assert_eq!([page.status, page.connect].into_iter().max(), Some(403), "{url}: {page:#?}");
    }
    world.last_record_has(
        |record| record["host"] == "127.0.0.1" && record["user"].is_string(),
        &[("decision", "denied".into()), ("origin", serde_json::Value::Null)],
    );
}

#[test]
fn requests_that_make_no_sense_are_refused_and_the_connection_is_closed() {
    let world = World::new();
    let many: String = (0..120).map(|number| format!("X-{number}: 1\r\n")).collect();
    let huge = "a".repeat(80_000);
    for (what, request, status) in [
        ("user information", "GET http://eve:pw@news.test/ HTTP/1.1\r\nHost: news.test\r\n\r\n".to_owned(), 400),
        ("two Hosts", "GET http://news.test/ HTTP/1.1\r\nHost: news.test\r\nHost: news.test\r\n\r\n".into(), 400),
        ("ftp", "GET ftp://news.test/ HTTP/1.1\r\nHost: news.test\r\n\r\n".into(), 400),
        ("https without CONNECT", "GET https://mail.test/ HTTP/1.1\r\nHost: mail.test\r\n\r\n".into(), 400),
        ("a bad host", "GET http://a..test/ HTTP/1.1\r\nHost: a..test\r\n\r\n".into(), 400),
        ("a bad port", "GET http://news.test:0/ HTTP/1.1\r\nHost: news.test:0\r\n\r\n".into(), 400),
        ("CONNECT without a port", "CONNECT mail.test HTTP/1.1\r\nHost: mail.test\r\n\r\n".into(), 400),
        ("CONNECT to a URL", "CONNECT http://mail.test/ HTTP/1.1\r\nHost: mail.test\r\n\r\n".into(), 400),
        ("a bad target", "GET http://news.test/ a HTTP/1.1\r\nHost: news.test\r\n\r\n".into(), 400),
        ("no HTTP", "\x16\x03\x01\x02\x00\x01\r\n\r\n".into(), 400),
        (
            "both framings",
            "POST http://news.test/ HTTP/1.1\r\nHost: news.test\r\nContent-Length: 3\r\nTransfer-Encoding: \
          identity\r\n\r\nabc"
                .into(),
            400,
        ),
        (
            "two lengths",
            "POST http://news.test/ HTTP/1.1\r\nHost: news.test\r\nContent-Length: 3\r\nContent-Length: \
          4\r\n\r\nabc"
                .into(),
            400,
        ),
        (
            "a bad length",
            "POST http://news.test/ HTTP/1.1\r\nHost: news.test\r\nContent-Length: +3\r\n\r\nabc".into(),
            400,
        ),
        ("too many fields", format!("GET http://news.test/ HTTP/1.1\r\nHost: news.test\r\n{many}\r\n"), 431),
        ("too large a head", format!("GET http://news.test/ HTTP/1.1\r\nHost: news.test\r\nX: {huge}\r\n\r\n"), 431),
    ] {
        let answer = world.send_from(STRANGER, &request);
        assert_eq!(answer.status, status, "{what}: {answer:#?}");
    }
    let answer = world.send("TRACE http://news.test/ HTTP/1.1\r\nHost: news.test\r\nConnection: close\r\n\r\n");
    assert_eq!(answer.status, 405);
    assert_eq!(world.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").status, 200, "it goes on");
}

#[test]
fn half_a_request_ends_in_time_and_disturbs_nobody() {
    let world = World::build().limits("head_time = \"1s\"").start();
    let mut slow = world.connect(STRANGER);
    slow.write_all(b"GET http://news.test/ HTTP/1.1\r\nHost: ne").unwrap();
    let mut silent = world.connect(STRANGER);
    let begun = Instant::now();
    let browser = world.browser();
    browser.arrive("http://news.test/");
    read_all(&mut slow);
    assert_eq!(read_all(&mut silent), b"");
    assert!(begun.elapsed() < PATIENCE / 2, "{:?}", begun.elapsed());
}

#[test]
fn requests_that_come_all_at_once_are_answered_in_order() {
    let world = World::new();
    let browser = world.browser();
    browser.arrive("http://news.test/");
    let mut stream = world.connect([127, 0, 0, 1]);
    let ask = |path: &str, more: &str| format!("GET http://news.test/{path} HTTP/1.1\r\nHost: news.test\r\n{more}\r\n");
    stream.write_all([ask("1", ""), ask("2", ""), ask("3", "Connection: close\r\n")].concat().as_bytes()).unwrap();
    for path in ["1", "2", "3"] {
        let answer = Answer::read_one(&mut stream);
        assert!(answer.text().contains(&format!("<code>/{path}</code>")), "{answer:#?}");
    }
    assert_eq!(read_all(&mut stream), b"");
}

#[test]
fn a_tunnel_takes_what_the_client_sends_before_the_answer_and_closes_by_halves() {
    let origin = Origin::start(|head, stream| {
        drop(stream.write_all(head.as_bytes()));
        let mut rest = Vec::new();
        drop(stream.read_to_end(&mut rest));
        drop(stream.write_all(&rest));
    });
    let world = World::build().host("echo.test:443", origin.address).start();
    world.browser().arrive("http://news.test/");
    let mut stream = world.connect([127, 0, 0, 1]);
    // RFC 9110 §9.3.6 warns of it, and clients do it.
    stream.write_all(b"CONNECT echo.test:443 HTTP/1.1\r\nHost: echo.test:443\r\n\r\nearly\r\n\r\n").unwrap();
    let head = read_head(&mut stream);
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(
        !head.to_ascii_lowercase().contains("content-length")
            && !head.to_ascii_lowercase().contains("transfer-encoding"),
        "RFC 9110 §9.3.6: {head}"
    );
    assert_eq!(read_head(&mut stream), "early\r\n\r\n");
    stream.write_all(b"late").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(read_all(&mut stream), b"late");
    let record = world.record(|record| record["host"] == "echo.test");
    assert_eq!((&record["bytes_in"], &record["bytes_out"]), (&13.into(), &13.into()), "{record}");
}

#[test]
fn a_request_that_has_been_here_before_is_refused() {
    let origin = Origin::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    let world = World::build().host("raw.test:80", origin.address).start();
    world.browser().arrive("http://news.test/");
    world.send("GET http://raw.test/ HTTP/1.1\r\nHost: raw.test\r\nConnection: close\r\n\r\n");
    let seen = origin.seen();
    let via = seen[0].lines().find_map(|line| line.strip_prefix("Via: ")).unwrap();
    let answer = world
        .send(&format!("GET http://raw.test/ HTTP/1.1\r\nHost: raw.test\r\nVia: {via}\r\nConnection: close\r\n\r\n"));
    assert_eq!((answer.status, answer.error_type().as_str()), (508, "proxy_loop_detected"));
}

#[test]
fn what_is_for_one_hop_is_not_passed_on() {
    let origin = Origin::answering(
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close, x-theirs\r\nX-Theirs: 1\r\nKeep-Alive: timeout=5\r\n\
         X-Kept: 1\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\n",
    );
    let world = World::build().host("raw.test:80", origin.address).start();
    world.browser().arrive("http://news.test/");
    let answer = world.send(
        "GET http://raw.test/a?b=c HTTP/1.1\r\nHost: raw.test\r\nConnection: close, x-ours\r\nX-Ours: 1\r\n\
         Proxy-Authorization: Basic YTpi\r\nProxy-Connection: close\r\nTE: trailers\r\nX-Forwarded-For: 192.0.2.1\r\n\
         X-Kept: 1\r\nCookie: own=1\r\n\r\n",
    );
    assert_eq!(answer.status, 200);
    for gone in ["x-theirs", "keep-alive"] {
        assert_eq!(answer.value(gone), "", "{gone}");
    }
    assert_eq!((answer.value("x-kept").as_str(), answer.value("set-cookie").as_str()), ("1", "a=1, b=2"));
    let seen = origin.seen()[0].to_ascii_lowercase();
    assert!(seen.starts_with("get /a?b=c http/1.1\r\n"), "{seen}");
    for gone in ["x-ours", "proxy-authorization", "proxy-connection", "x-forwarded-for", "close"] {
        assert!(!seen.contains(gone), "{gone}: {seen}");
    }
    for kept in
        ["host: raw.test\r\n", "x-kept: 1\r\n", "cookie: own=1\r\n", "via: 1.1 vestibule-", "connection: te\r\n"]
    {
        assert!(seen.contains(kept), "{kept}: {seen}");
    }
}

#[test]
fn a_request_that_is_to_go_no_further_is_answered_and_counts_as_no_error() {
    let world = World::new();
    let answer = world
        .send("OPTIONS http://news.test/ HTTP/1.1\r\nHost: news.test\r\nMax-Forwards: 0\r\nConnection: close\r\n\r\n");
    assert_eq!((answer.status, answer.proxy_status().as_str()), (200, ""), "{answer:#?}");
    let record = world.record(|record| record["method"] == "OPTIONS");
    assert_eq!((&record["status"], &record["reason"]), (&200.into(), &serde_json::Value::Null), "{record}");
}

#[test]
fn a_client_that_breaks_off_is_recorded_and_disturbs_nobody() {
    let origin = Origin::start(|_, stream| {
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nbeginning"));
        drop(stream.read(&mut [0]));
    });
    let world = World::build().host("raw.test:80", origin.address).start();
    world.browser().arrive("http://news.test/");
    let mut stream = world.connect([127, 0, 0, 1]);
    stream.write_all(b"GET http://raw.test/ HTTP/1.1\r\nHost: raw.test\r\n\r\n").unwrap();
    read_head(&mut stream);
    drop(stream);
    let record = world.record(|record| record["host"] == "raw.test");
    assert_eq!(record["reason"], "client-left", "{record}");
    let mut stream = world.connect([127, 0, 0, 1]);
    stream
        .write_all(b"POST http://raw.test/up HTTP/1.1\r\nHost: raw.test\r\nContent-Length: 1000\r\n\r\nhalf")
        .unwrap();
    std::thread::sleep(Duration::from_millis(50));
    drop(stream);
    let record = world.record(|record| record["path"] == "/up");
    assert!(record["bytes_in"].as_u64() <= Some(4), "{record}");
}

#[test]
fn a_tunnel_counts_as_a_connection_for_as_long_as_it_is_open() {
    let world = World::build().limits("connections_per_client = 3").start();
    let connect = |client: [u8; 4]| {
        let mut stream = world.connect(client);
        // A client over the limit may be closed before it has written.
        let head = b"CONNECT login.vestibule.test:443 HTTP/1.1\r\nHost: login.vestibule.test:443\r\n\r\n";
        stream.write_all(head).ok();
        let mut status = [0; 12];
        stream.read_exact(&mut status).is_ok_and(|()| &status == b"HTTP/1.1 200").then_some(stream)
    };
    let client = [127, 0, 0, 9];
    let mut tunnels: Vec<_> = (0..3).map(|_| connect(client).unwrap()).collect();
    assert!(connect(client).is_none(), "the fourth of one client");
    assert!(connect([127, 0, 0, 10]).is_some(), "another client's first");
    tunnels.pop();
    let deadline = Instant::now() + PATIENCE;
    while connect(client).is_none() {
        assert!(Instant::now() < deadline, "a closed tunnel makes room");
    }
}
