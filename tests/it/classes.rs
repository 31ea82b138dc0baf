//! Each kind of request of somebody unknown, and what it is answered.

use std::io::Write as _;

use super::origin::Origin;
use super::raw::{Answer, Wire, read_head};
use super::world::World;
use vestibule::clock::SignedDuration;

const STRANGER: [u8; 4] = [127, 0, 0, 9];
const CHROMIUM: &str = "User-Agent: Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0.0.0 Safari/537.36\r\n";

/// What is expected of an answer.
#[derive(Clone, Copy, PartialEq)]
enum Expected {
    /// To the portal.
    Redirect(u16),
    /// 511 and a problem document.
    Problem,
    /// 407 and a text; 511 where it could not be asked of the proxy.
    Text,
}

/// Method, fields, and what is expected. Those of the first kind are what browsers send on http.
const PLAIN: &[(&str, &str, Expected)] = &[
    (
        "GET",
        "User-Agent: Mozilla/5.0\r\nUpgrade-Insecure-Requests: 1\r\nAccept: text/html\r\n",
        Expected::Redirect(302),
    ),
    ("GET", "Upgrade-Insecure-Requests: 1\r\n", Expected::Redirect(302)),
    ("GET", "User-Agent: Mozilla/5.0\r\nAccept: text/html,*/*;q=0.8\r\n", Expected::Redirect(302)),
    ("GET", "User-Agent: w3m/0.5.3\r\nAccept: text/html, text/*;q=0.5\r\n", Expected::Redirect(302)),
    ("HEAD", "Upgrade-Insecure-Requests: 1\r\n", Expected::Redirect(302)),
    ("POST", "Upgrade-Insecure-Requests: 1\r\nContent-Length: 3\r\n", Expected::Redirect(303)),
    ("GET", "User-Agent: Mozilla/5.0\r\nAccept: image/avif,image/webp\r\n", Expected::Problem),
    ("GET", "User-Agent: Mozilla/5.0\r\nAccept: */*\r\nOrigin: http://a.test\r\n", Expected::Problem),
    ("GET", "User-Agent: Mozilla/5.0\r\nX-Requested-With: XMLHttpRequest\r\nAccept: text/html\r\n", Expected::Problem),
    ("POST", "User-Agent: Mozilla/5.0\r\nAccept: */*\r\nContent-Length: 3\r\n", Expected::Problem),
    ("GET", "User-Agent: Mozilla/5.0\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n", Expected::Problem),
    ("GET", "User-Agent: curl/7.88.1\r\nAccept: */*\r\n", Expected::Text),
    ("GET", "", Expected::Text),
    ("GET", "Accept: text/html,*/*;q=0.8\r\n", Expected::Text),
    ("GET", "X-Requested-With: XMLHttpRequest\r\nAccept: text/html\r\n", Expected::Text),
    ("GET", "User-Agent: Java/17.0.15\r\nAccept: text/html, image/gif, *; q=.2, */*; q=.2\r\n", Expected::Text),
    ("GET", "User-Agent: Apache-HttpClient/5.4\r\nConnection: Upgrade\r\nUpgrade: TLS/1.2\r\n", Expected::Text),
    ("DELETE", "User-Agent: git/2.39\r\n", Expected::Text),
];

/// The same on https, where browsers say more.
const SECURE: &[(&str, &str, Expected)] = &[
    ("GET", "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n", Expected::Redirect(302)),
    ("GET", "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: empty\r\n", Expected::Redirect(302)),
    ("POST", "Sec-Fetch-Mode: navigate\r\nContent-Length: 3\r\n", Expected::Redirect(303)),
    ("GET", "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: iframe\r\n", Expected::Problem),
    ("POST", "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: embed\r\nContent-Length: 3\r\n", Expected::Problem),
    ("GET", "Sec-Fetch-Mode: cors\r\nAccept: text/html\r\n", Expected::Problem),
    ("GET", "Sec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: image\r\n", Expected::Problem),
    ("GET", "Sec-Fetch-Mode: same-origin\r\nSec-Fetch-Dest: worker\r\n", Expected::Problem),
    (
        "GET",
        "Service-Worker: script\r\nSec-Fetch-Mode: same-origin\r\nSec-Fetch-Dest: serviceworker\r\n",
        Expected::Problem,
    ),
    ("GET", "Sec-Fetch-Mode: websocket\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n", Expected::Problem),
    ("GET", "User-Agent: git/2.39\r\nAccept: */*\r\n", Expected::Text),
];

fn send(stream: &mut dyn Wire, method: &str, target: &str, fields: &str) -> Answer {
    let close = if fields.contains("Connection:") { "" } else { "Connection: close\r\n" };
    let body = if fields.contains("Content-Length: 3") { "a=1" } else { "" };
    write!(stream, "{method} {target} HTTP/1.1\r\nHost: news.test\r\n{fields}{close}\r\n{body}").unwrap();
    if method == "HEAD" || !close.is_empty() { Answer::read(stream) } else { Answer::read_one(stream) }
}

fn check(answer: &Answer, expected: Expected, secure: bool, what: &str) {
    assert_eq!(answer.value("cache-control"), "no-store", "{what}: {answer:#?}");
    let Expected::Redirect(status) = expected else {
        let is_asked = expected == Expected::Text && !secure;
        assert_eq!(answer.status, if is_asked { 407 } else { 511 }, "{what}: {answer:#?}");
        assert_eq!(answer.value("proxy-authenticate").is_empty(), !is_asked, "{what}: {answer:#?}");
        assert_eq!(answer.value("location"), "", "{what}");
        assert_eq!(answer.value("set-cookie"), "", "{what}");
        assert_eq!(answer.proxy_status(), "vestibule; error=http_request_denied", "{what}");
        if expected == Expected::Text {
            assert_eq!(answer.value("content-type"), "text/plain; charset=utf-8", "{what}");
            assert!(answer.text().contains("https://portal.vestibule.test"), "{what}: {}", answer.text());
            return;
        }
        assert_eq!(answer.value("content-type"), "application/problem+json", "{what}");
        let problem: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(problem["status"], 511, "{what}");
        assert_eq!(problem["portal"], "https://portal.vestibule.test", "{what}");
        return;
    };
    assert_eq!(answer.status, status, "{what}: {answer:#?}");
    assert!(answer.value("location").starts_with("https://portal.vestibule.test/?r="), "{what}: {answer:#?}");
    let cookie = answer.value("set-cookie");
    assert!(cookie.starts_with("vestibule_c_"), "{what}: {cookie}");
    for attribute in ["; Path=/.well-known/vestibule/", "; HttpOnly", "; SameSite=Lax"] {
        assert!(cookie.contains(attribute), "{what}: {cookie}");
    }
    assert_eq!(cookie.contains("; Secure"), secure, "{what}: {cookie}");
}

#[test]
fn each_kind_of_http_request_has_its_answer() {
    let world = World::new();
    for (method, fields, expected) in PLAIN {
        let answer = send(&mut world.connect(STRANGER), method, "http://news.test/a?b=c", fields);
        check(&answer, *expected, false, &format!("{method} {fields:?}"));
    }
    let records = world.wait_for(|all| all.len() == PLAIN.len());
    for (record, (method, fields, expected)) in records.iter().zip(PLAIN) {
        let challenged = matches!(expected, Expected::Redirect(_));
        assert_eq!(record["decision"], if challenged { "challenged" } else { "denied" }, "{method} {fields:?}");
        assert_eq!(record["user"], serde_json::Value::Null);
    }
}

#[test]
fn each_kind_of_https_request_has_the_same_answer_inside() {
    let world = World::new();
    for (method, fields, expected) in SECURE.iter().chain(PLAIN) {
        let mut inside = world.inside(STRANGER, "news.test:443");
        let answer = send(&mut inside, method, "/a?b=c", fields);
        check(&answer, *expected, true, &format!("{method} {fields:?}"));
    }
}

#[test]
fn a_connect_is_intercepted_or_refused_or_asks_for_a_token_but_is_never_answered_511() {
    let world = World::build().config("[policy]\nblocked = [\"blocked.test\"]").start();
    let connect = |authority: &str, fields: &str| {
        let mut stream = world.connect(STRANGER);
        write!(stream, "CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{fields}\r\n").unwrap();
        let head = read_head(&mut stream);
        head.split(' ').nth(1).unwrap().parse::<u16>().unwrap()
    };
    for (fields, status) in [(CHROMIUM, 200), ("User-Agent: curl/7.88.1\r\n", 407), ("", 407)] {
        assert_eq!(connect("news.test:443", fields), status, "{fields}");
        assert_eq!(connect("news.test:25", fields), 403, "{fields}");
        assert_eq!(connect("169.254.169.254:443", fields), 403, "{fields}");
    }
    assert_eq!(connect("blocked.test:443", ""), 403, "a tool is told at once");
    // A browser shows nothing that comes with a refused CONNECT, so it is told inside.
    let answer = send(&mut world.inside(STRANGER, "blocked.test:443"), "GET", "/", "");
    assert_eq!(answer.status, 421, "the Host field is another one: {answer:#?}");
    let mut inside = world.inside(STRANGER, "blocked.test:443");
    write!(inside, "GET / HTTP/1.1\r\nHost: blocked.test\r\n{CHROMIUM}Accept: text/html\r\nConnection: close\r\n\r\n")
        .unwrap();
    let answer = Answer::read(&mut inside);
    assert_eq!((answer.status, answer.value("content-type").as_str()), (403, "text/html; charset=utf-8"));
}

#[test]
fn a_form_is_never_sent_on_and_the_person_is_told_so() {
    let world = World::new();
    let browser = world.browser();
    let logon = browser.curl("http://news.test/order?id=7", &["-L", "--data", "cups=2&secret=5up3r"]);
    assert_eq!((logon.status, logon.heading()), (200, "Sign in"));
    assert!(!logon.heads.contains(" 307") && !logon.heads.contains(" 308"), "{}", logon.heads);
    let page = browser.sign_in(&logon, "CONTOSO\\bsimon", "simon");
    assert_eq!(page.status, 200, "{page:#?}");
    assert!(page.url.starts_with("https://portal.vestibule.test/"), "{}", page.url);
    assert!(page.body.contains("POST") && page.body.contains("news.test"), "{}", page.body);
    let (_, rest) = page.body.split_once("href=\"/go?").unwrap();
    let page = browser.go(&format!("https://portal.vestibule.test/go?{}", rest.split_once('"').unwrap().0));
    assert_eq!((page.status, page.url.as_str()), (200, "http://news.test/order?id=7"), "{page:#?}");
    assert!(!world.log_text().contains("5up3r"));
}

#[test]
fn a_preflight_passes_without_credentials() {
    let origin = Origin::answering(
        "HTTP/1.1 204 No Content\r\nAccess-Control-Allow-Origin: http://news.test\r\nConnection: close\r\n\r\n",
    );
    let world = World::build().host("api.test:80", origin.address).start();
    let request = |method: &str, more: &str| {
        format!(
            "{method} http://api.test/v1 HTTP/1.1\r\nHost: api.test\r\nOrigin: http://news.test\r\n{CHROMIUM}{more}\
             Cookie: secret=1\r\nAuthorization: Basic YTpi\r\nConnection: close\r\n\r\n"
        )
    };
    let answer = world.send_from(STRANGER, &request("OPTIONS", "Access-Control-Request-Method: PUT\r\n"));
    assert_eq!((answer.status, answer.value("access-control-allow-origin").as_str()), (204, "http://news.test"));
    let seen = origin.seen();
    assert!(seen[0].starts_with("OPTIONS /v1 HTTP/1.1\r\n"), "{seen:?}");
    let lower = seen[0].to_ascii_lowercase();
    assert!(lower.contains("access-control-request-method: put"), "{lower}");
    assert!(!lower.contains("cookie") && !lower.contains("authorization"), "{lower}");
    let record = world.record(|record| record["host"] == "api.test");
    assert_eq!((&record["decision"], &record["user"]), (&"permitted".into(), &serde_json::Value::Null));
    // What only looks like one is not one.
    for (method, more) in [("OPTIONS", ""), ("PUT", "Access-Control-Request-Method: PUT\r\n")] {
        assert_eq!(world.send_from(STRANGER, &request(method, more)).status, 511, "{method}");
    }
    assert_eq!(origin.seen().len(), 1);
}

#[test]
fn a_preflight_carries_next_to_nothing_for_whoever_is_unknown() {
    // What carried 18.9 MB/s both ways: long paths and fields out, long reasons, interim answers, fields and bodies in.
    let (reason, much) = ("secret".repeat(1000), "secret".repeat(2000));
    let origin = Origin::answering(format!(
        "HTTP/1.1 103 {reason}\r\nLink: {much}\r\n\r\nHTTP/1.1 200 {reason}\r\nVary: {much}\r\nX: {much}\r\n\
         Access-Control-Allow-Origin: *\r\nAccess-Control-Allow-Headers: {much}\r\nContent-Length: 6\r\n\r\nsecret"
    ));
    let names = "x-name,".repeat(260);
    let long = Origin::answering(format!(
        "HTTP/1.1 200 OK\r\nAccess-Control-Allow-Headers: {names}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    ));
    let world = World::build().host("api.test:80", origin.address).host("long.test:80", long.address).start();
    let ask = |path: &str, more: &str| {
        world.send_from(
            STRANGER,
            &format!(
                "OPTIONS http://api.test{path} HTTP/1.1\r\nHost: api.test\r\nOrigin: http://news.test\r\n{CHROMIUM}\
                 Access-Control-Request-Method: PUT\r\nConnection: close\r\n{more}"
            ),
        )
    };
    let answer = ask("/v1", &format!("Accept: {much}\r\nX-Data: {much}\r\n\r\n"));
    let fields: String = answer.fields.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
    assert_eq!((answer.status, answer.value("access-control-allow-origin").as_str()), (200, "*"), "{answer:#?}");
    assert!(!fields.contains("secret") && answer.body.is_empty(), "{answer:#?}");
    assert!(!origin.seen()[0].contains("secret"), "{:?}", origin.seen());
    let long = "a".repeat(3000);
    for (what, path, more) in [
        ("a long path", format!("/{long}"), "\r\n".to_owned()),
        ("long names", "/".into(), format!("Access-Control-Request-Headers: {long}\r\n\r\n")),
        (
            "names twice",
            "/".into(),
            "Access-Control-Request-Headers: a\r\nAccess-Control-Request-Headers: b\r\n\r\n".into(),
        ),
        ("a body", "/".into(), "Content-Length: 6\r\n\r\nsecret".into()),
    ] {
        assert_eq!(ask(&path, &more).status, 511, "{what}");
    }
    let seen = origin.seen().len();
    assert_eq!(seen, 1);
    // What is as short as one passes until the client has had its share, and is counted.
    let passing = || {
        let path = format!("/{}", "a".repeat(2000));
        (0..2000).take_while(|_| ask(&path, "\r\n").status == 200).count()
    };
    let at_once = passing();
    assert!((100..=260).contains(&at_once), "{at_once} of 2 kB in a second");
    world.clock.advance(SignedDuration::from_secs(10));
    let later = passing();
    assert!((80..=160).contains(&later), "{later} of 2 kB in ten more seconds");
    world.wait_for(|records| records.iter().any(|record| record["reason"] == "preflight-limit"));
    world.wait_for(|records| records.iter().filter(|record| record["reason"] == "preflight-too-large").count() == 4);
    // What its answers are made of counts, too: short questions do not fetch more.
    let fetching = || {
        let ask = "OPTIONS http://long.test/ HTTP/1.1\r\nHost: long.test\r\nOrigin: http://news.test\r\n\
                   Access-Control-Request-Method: PUT\r\nConnection: close\r\n\r\n";
        world.send_from([127, 0, 9, 8], ask).status == 200
    };
    let fetched = (0..2000).take_while(|_| fetching()).count();
    assert!((100..=300).contains(&fetched), "{fetched} answers of 2 kB at once");
    // Somebody else has a share of their own.
    let other = world.send_from(
        [127, 0, 9, 9],
        "OPTIONS http://api.test/ HTTP/1.1\r\nHost: api.test\r\nOrigin: http://news.test\r\n\
         Access-Control-Request-Method: PUT\r\nConnection: close\r\n\r\n",
    );
    assert_eq!(other.status, 200, "{other:#?}");
}

#[test]
fn a_probe_finds_the_portal_until_somebody_has_signed_in() {
    const PROBE: &str = "http://connectivitycheck.gstatic.com/generate_204";
    let origin = Origin::answering("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
    let world = World::build().host("wifi.vendor.test:80", origin.address).start();
    let browser = world.browser();
    // In no list, and known by its shape: by the path, or by who asks.
    for (path, agent) in [
        ("/generate_204", "Mozilla/5.0"),
        ("/a/gen_204", "Dalvik/2.1.0 (Linux; U; Android 16)"),
        ("/library/test/success.html", "CaptiveNetworkSupport-481.100.4 wispr"),
    ] {
        let page = browser.bare_curl(&format!("http://wifi.vendor.test{path}"), &["-A", agent]);
        assert_eq!(page.status, 302, "{page:#?}");
        assert!(page.value("location").starts_with("https://portal.vestibule.test/?r="), "{page:#?}");
    }
    assert_eq!(origin.seen(), Vec::<String>::new());
    let page = browser.bare_curl(PROBE, &["-A", "Mozilla/5.0"]);
    assert_eq!(page.status, 302, "{page:#?}");
    assert_eq!(page.value("cache-control"), "no-store");
    assert!(page.value("location").starts_with("https://portal.vestibule.test/?r="), "{page:#?}");
    let logon = browser.go(PROBE);
    let page = browser.sign_in(&logon, "CONTOSO\\bsimon", "simon");
    assert_eq!((page.status, page.heading()), (200, "You are signed in"), "{page:#?}");
    let page = browser.bare_curl(PROBE, &[]);
    assert_eq!((page.status, page.body.as_str()), (204, ""), "from the origin");
    world.last_record_has(
        |record| record["path"] == "/generate_204",
        &[("decision", "permitted".into()), ("user", "B.Simon@contoso.com".into())],
    );
}
