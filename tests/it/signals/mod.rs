//! Security events: a transmitter tells that somebody's sessions, credentials or account are no longer good.

mod transmitter;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::browser::{Browser, Page};
use crate::node::{Node, Setup};
use crate::operator::say;
use crate::raw::{connect, read_head};
use crate::redis::Redis;
use crate::reload::{echo, is_alive};
use crate::world::{PATIENCE, World, say_aside};
use transmitter::{ISSUER, PUSH_TOKEN, Transmitter};

const REVOKED: &str = "caep/event-type/session-revoked";

fn wait(is_so: impl Fn() -> bool, said: impl Fn() -> String) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "{}", said());
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn tunnel(node: &Node) -> TcpStream {
    let mut tunnel = connect(node.proxy, [127, 0, 0, 1].into());
    tunnel.write_all(b"CONNECT echo.test:443 HTTP/1.1\r\nHost: echo.test:443\r\n\r\n").unwrap();
    assert!(read_head(&mut tunnel).starts_with("HTTP/1.1 200"), "{:#?}", node.events());
    tunnel
}

/// Pushes a token to a node's portal, as RFC 8935 says.
fn push(world: &World, node: &Node, token: &str, more: &[&str]) -> Page {
    let browser = Browser { proxy: node.proxy, ..world.browser().at([127, 0, 0, 99]).without_cookies() };
    let own = format!("Authorization: Bearer {PUSH_TOKEN}");
    let mut options = vec!["--data-binary", token];
    if more.is_empty() {
        options.extend(["-H", "Content-Type: application/secevent+jwt", "-H", "Accept: application/json", "-H", &own]);
    }
    options.extend(more);
    let trusting = node.take_over(browser);
    trusting.bare_curl("https://portal.vestibule.test/signals/tr", &options)
}

fn email(address: &str) -> Value {
    json!({ "format": "email", "email": address })
}

fn push_config() -> String {
    Transmitter::config(&format!("push_tokens = [\"{PUSH_TOKEN}\"]"))
}

/// How one node says that its transmitter stands.
fn status(node: &Node) -> Value {
    let (_, said, error) = say(node, &["signals", "status", "--json"]);
    serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}{error}"))
}

#[test]
fn a_session_that_is_revoked_ends_on_three_nodes_within_moments() {
    let (transmitter, build) = Transmitter::build();
    let world = build.host("echo.test:443", echo()).start();
    let (redis, folder) = (Redis::start(), tempfile::tempdir().unwrap());
    let config = redis.config() + &push_config();
    let nodes: Vec<Node> = (0..3)
        .map(|at| {
            let node = Setup::new(&world, &folder.path().join(at.to_string())).config(&config).start();
            node.wait_for_event("the shared store is there");
            node
        })
        .collect();
    let simon = nodes[0].browser(&world);
    simon.arrive("http://news.test/");
    for round in 0..3 {
        let mut open: Vec<TcpStream> = nodes.iter().map(tunnel).collect();
        assert!(open.iter_mut().all(is_alive));
        let says = json!({ "event_timestamp": 4_000_000_000_u64, "initiating_entity": "admin" });
        let (_, token) = transmitter.token(REVOKED, email("B.Simon@contoso.com"), says, json!({}));
        let begun = Instant::now();
        let answer = push(&world, &nodes[round], &token, &[]);
        assert_eq!((answer.status, answer.body.as_str()), (202, ""), "{answer:#?}\n{:#?}", nodes[round].events());
        for stream in &mut open {
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            assert_eq!(stream.read(&mut [0; 16]).unwrap(), 0);
        }
        say_aside(&format!("revoked at three nodes after {:?}", begun.elapsed()));
        for node in &nodes {
            let page = node.browser(&world).go("http://news.test/");
            assert_eq!(page.heading(), "Sign in");
        }
        // The same token again, at another node: taken, and nothing is done.
        simon.arrive("http://news.test/");
        let mut again = tunnel(&nodes[0]);
        assert_eq!(push(&world, &nodes[(round + 1) % 3], &token, &[]).status, 202);
        assert_eq!(status(&nodes[(round + 1) % 3])["repeated"], 1);
        assert!(is_alive(&mut again));
    }
}

#[test]
fn what_is_pushed_is_taken_from_the_transmitter_alone_and_about_one_person_alone() {
    let (transmitter, build) = Transmitter::build();
    let world = build.host("echo.test:443", echo()).start();
    let folder = tempfile::tempdir().unwrap();
    let node = Setup::new(&world, folder.path()).config(&push_config()).start();
    let simon = node.browser(&world);
    simon.arrive("http://news.test/");
    let mut open = tunnel(&node);
    let later = json!({ "event_timestamp": 4_000_000_000_u64 });
    let about = |event: &str, subject: Value, more: Value| transmitter.token(event, subject, later.clone(), more).1;
    let good = || about(REVOKED, email("B.Simon@contoso.com"), json!({}));
    // Who sends it.
    let kind = "Content-Type: application/secevent+jwt";
    for fields in [
        vec!["-H", kind],
        vec!["-H", kind, "-H", "Authorization: Bearer guess"],
        vec!["-H", kind, "-H", "Authorization: Basic YTpi"],
    ] {
        let refused = push(&world, &node, &good(), &fields);
        assert_eq!(refused.status, 401, "{refused:#?}");
        let said: Value = serde_json::from_str(&refused.body).unwrap();
        assert!(said["err"] == "authentication_failed" && said["description"].is_string(), "{said}");
    }
    let own = format!("Authorization: Bearer {PUSH_TOKEN}");
    let refused = push(&world, &node, &good(), &["-H", "Content-Type: application/json", "-H", &own]);
    assert_eq!((refused.status, refused.value("content-type")), (400, "application/json"), "{refused:#?}");
    // What it is.
    let forged = {
        let (other, _build) = Transmitter::build();
        other.token(REVOKED, email("B.Simon@contoso.com"), later.clone(), json!({})).1
    };
    for (token, code) in [
        ("a.b.c".to_owned(), "invalid_request"),
        (forged, "invalid_key"),
        (about(REVOKED, email("B.Simon@contoso.com"), json!({ "aud": "somebody else" })), "invalid_audience"),
        (about(REVOKED, email("B.Simon@contoso.com"), json!({ "iss": "https://other.test/" })), "invalid_issuer"),
        (about(REVOKED, email("B.Simon@contoso.com"), json!({ "exp": 4_000_000_000_u64 })), "invalid_request"),
        ("x".repeat(70_000), "invalid_request"),
    ] {
        let refused = push(&world, &node, &token, &[]);
        let said: Value = serde_json::from_str(&refused.body).unwrap_or_else(|_| panic!("{refused:#?}"));
        assert_eq!((refused.status, &said["err"]), (400, &json!(code)), "{said}");
    }
    // Whom it is about: nobody who is known, somebody of another issuer, no person at all, and what changes nothing.
    for (event, subject) in [
        (REVOKED, email("nobody@contoso.com")),
        (REVOKED, json!({ "format": "iss_sub", "iss": "https://other.test/", "sub": "B.Simon@contoso.com" })),
        (REVOKED, json!({ "format": "phone_number", "phone_number": "+12065550100" })),
        (REVOKED, json!({ "format": "aliases", "identifiers": [{ "format": "email" }] })),
        ("caep/event-type/device-compliance-change", email("B.Simon@contoso.com")),
        ("caep/event-type/of-another-time", email("B.Simon@contoso.com")),
    ] {
        let answer = push(&world, &node, &about(event, subject.clone(), json!({})), &[]);
        assert_eq!(answer.status, 202, "{subject}: {answer:#?}");
    }
    // What happened before the sign-in, and what is too old.
    let (_, early) = transmitter.token(
        REVOKED,
        email("B.Simon@contoso.com"),
        json!({ "event_timestamp": 1_000_000_000 }),
        json!({}),
    );
    assert_eq!(push(&world, &node, &early, &[]).status, 202);
    // An account that was disabled then, and with which somebody has signed in since.
    let (_, early) = transmitter.token(
        "risc/event-type/account-disabled",
        email("B.Simon@contoso.com"),
        json!({ "event_timestamp": 1_000_000_000 }),
        json!({}),
    );
    assert_eq!(push(&world, &node, &early, &[]).status, 202);
    assert_eq!(
        push(&world, &node, &about(REVOKED, email("B.Simon@contoso.com"), json!({ "iat": 1_000_000_000 })), &[]).status,
        202
    );
    assert!(is_alive(&mut open), "none of this is about this session: {:#?}", node.events());
}

#[test]
fn each_way_of_naming_a_person_is_understood_and_a_new_key_is_fetched_when_a_token_names_it() {
    let (transmitter, build) = Transmitter::build();
    let world = build.host("echo.test:443", echo()).start();
    let folder = tempfile::tempdir().unwrap();
    let node = Setup::new(&world, folder.path()).config(&push_config()).start();
    let simon = node.browser(&world);
    let later = json!({ "event_timestamp": 4_000_000_000_u64 });
    let about = |event: &str, subject: Value, more: Value| transmitter.token(event, subject, later.clone(), more).1;
    for (event, subject) in [
        (REVOKED, json!({ "format": "account", "uri": "acct:B.Simon@contoso.com" })),
        (
            REVOKED,
            json!({ "format": "aliases", "identifiers": [
            { "format": "phone_number", "phone_number": "+1" }, email("B.Simon@contoso.com")] }),
        ),
        (
            "caep/event-type/credential-change",
            json!({ "format": "complex",
            "user": { "format": "iss_sub", "iss": ISSUER, "sub": "B.Simon@contoso.com" },
            "tenant": { "format": "opaque", "id": "t" } }),
        ),
        ("risc/event-type/account-disabled", email("b.simon@contoso.com")),
        ("risc/event-type/sessions-revoked", json!({ "format": "opaque", "id": "B.Simon@contoso.com" })),
    ] {
        simon.arrive("http://news.test/");
        let mut open = tunnel(&node);
        assert!(is_alive(&mut open));
        let answer = push(&world, &node, &about(event, subject.clone(), json!({})), &[]);
        assert_eq!(answer.status, 202, "{answer:#?}");
        assert_eq!(open.read(&mut [0; 16]).unwrap(), 0, "{event} {subject}");
    }
    let events = node.events();
    let ended = events.iter().rev().find(|event| event["fields"]["message"] == "session ended").unwrap();
    assert_eq!(ended["fields"]["by"], "signal of tr: sessions-revoked");
    // A new key is fetched when a token names it; the old one counts no longer.
    transmitter.turn_key("second");
    simon.arrive("http://news.test/");
    let mut open = tunnel(&node);
    let token = about(REVOKED, email("B.Simon@contoso.com"), json!({}));
    wait(|| push(&world, &node, &token, &[]).status == 202, || format!("{:#?}", node.events()));
    assert_eq!(open.read(&mut [0; 16]).unwrap(), 0);
    let page = simon.bare_curl("https://portal.vestibule.test/signals/other", &["--data-binary", "x", "-k"]);
    assert_eq!(page.status, 404, "{page:#?}");
}

#[test]
fn signals_are_asked_for_acknowledged_and_refused_and_a_stream_is_made_and_verified() {
    let (transmitter, build) = Transmitter::build();
    let world = build.host("echo.test:443", echo()).start();
    let folder = tempfile::tempdir().unwrap();
    let config = Transmitter::config("delivery = \"poll\"\npoll_url = \"https://signals.test/poll\"");
    let node = Setup::new(&world, folder.path()).config(&config).start();
    let simon = node.browser(&world);
    simon.arrive("http://news.test/");
    let mut open = tunnel(&node);
    let later = json!({ "event_timestamp": 4_000_000_000_u64 });
    let about = |address: &str, more: Value| transmitter.token(REVOKED, email(address), later.clone(), more);
    let mut wanted = vec![transmitter.queue(about("nobody@contoso.com", json!({})))];
    transmitter.queue(about("B.Simon@contoso.com", json!({ "aud": "somebody else" })));
    wanted.push(transmitter.queue(about("B.Simon@contoso.com", json!({}))));
    assert_eq!(open.read(&mut [0; 16]).unwrap(), 0, "the session is over");
    let is_done = || {
        let state = transmitter.state();
        wanted.iter().all(|jti| state.acknowledged.contains(jti)) && state.refused.len() == 1
    };
    wait(is_done, || format!("{:#?}", node.events()));
    assert_eq!(transmitter.state().refused[0]["err"], "invalid_audience");
    let (code, said, error) = say(&node, &["signals", "verify"]);
    assert_eq!((code, said.as_str()), (Some(0), "tr: the stream works\n"), "{error}\n{:#?}", node.events());
    let (code, said, error) = say(&node, &["signals", "create", "tr"]);
    assert_eq!(code, Some(0), "{error}");
    assert!(
        said.contains("stream = \"stream-1\"") && said.contains("poll_url = \"https://signals.test/poll\""),
        "{said}"
    );
    let asked = transmitter.state().asked.iter().find(|(path, _)| path == "/streams").unwrap().1.clone();
    assert_eq!(asked["delivery"], json!({ "method": "urn:ietf:rfc:8936" }));
    let requested = asked["events_requested"].as_array().unwrap().clone();
    assert!(requested.contains(&json!(format!("https://schemas.openid.net/secevent/{REVOKED}"))), "{requested:?}");
    // The transmitter pauses the stream.
    let subject = json!({ "format": "opaque", "id": "stream-1" });
    let says = json!({ "status": "paused", "reason": "maintenance" });
    transmitter.queue(transmitter.token("ssf/event-type/stream-updated", subject, says, json!({})));
    node.wait_for_event("the transmitter has paused or disabled the stream of signals");
    let (_, said, _) = say(&node, &["signals", "status"]);
    assert!(said.contains("the transmitter calls the stream: paused") && said.contains("last verified: "), "{said}");
    // Nobody asks all the time.
    let before = transmitter.state().polls;
    std::thread::sleep(Duration::from_secs(2));
    assert!(transmitter.state().polls - before <= 3);
}
