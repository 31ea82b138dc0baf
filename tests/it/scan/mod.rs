//! Scanners that are reached by ICAP: what they see, what becomes of what they say, and what happens where they fail.

mod clamav;
pub(crate) mod practice;

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::origin::Origin;
use super::world::{Builder, PATIENCE, World};
use practice::Practice;

const OPEN: [u8; 4] = [127, 0, 5, 1];

/// Whether the origin goes on with what it holds back.
static GOES_ON: AtomicBool = AtomicBool::new(false);

/// What the origin gives: its beginning, and its length.
const LONG: usize = 700_000;

/// An origin that gives what its path names.
fn origin() -> Origin {
    Origin::start(|head, stream| {
        let path = head.split(' ').nth(1).unwrap();
        let long = "0123456789".repeat(LONG / 10);
        let with_length = |kind: &str, body: &str| {
            format!(
                "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            )
        };
        let answer = match path {
            "/head" => with_length("text/plain", head),
            "/events" => {
                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\ndata: 1\n\n".to_owned()
            }
            "/grpc" => "HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nConnection: close\r\n\r\nMZ".to_owned(),
            "/mixed" => with_length("multipart/x-mixed-replace", "MZ"),
            "/zstd" => with_length("text/plain", "packed").replace("OK\r\n", "OK\r\nContent-Encoding: zstd\r\n"),
            "/held" => {
                let all = with_length("application/zip", &long);
                let (first, rest) = all.split_at(200_000);
                drop(stream.write_all(first.as_bytes()));
                wait("the other request", || GOES_ON.load(Ordering::Relaxed));
                rest.to_owned()
            }
            "/long" | "/long.gif" => with_length("application/zip", &long),
            "/film" => with_length("video/mp4", "moving pictures"),
            "/chunked" => format!(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\na\r\n0123456789\r\n{LONG:x}\r\n{long}\r\n0\r\nX-Sum: 1\r\n\r\n"
            ),
            "/closes" => format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{long}"),
            "/cut" => with_length("application/zip", &long)[..1000].to_owned(),
            "/part" => {
                with_length("application/zip", "a part of a file, no more").replace("200 OK", "206 Partial Content")
            }
            "/none" => "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n".to_owned(),
            _ => with_length("text/plain", "short"),
        };
        drop(stream.write_all(answer.as_bytes()));
    })
}

/// A scanner with these services, and a rule that has it look at the host of its name.
fn scanner(world: Builder, server: &Practice, name: &str, service: &str, more: &str) -> Builder {
    let (url, mut text) = (server.url(service), String::new());
    writeln!(text, "[[icap]]\nname = {name:?}\nrespmod = {url:?}\n{more}").unwrap();
    rule(world.config(&text), name)
}

fn rule(world: Builder, name: &str) -> Builder {
    let origin = origin().address;
    world.host(&format!("{name}.test:80"), origin).config(&format!(
        "[[policy.rule]]\nname = {name:?}\ndestinations = [\"{name}.test\"]\neffect = \"allow\"\nscan = [{name:?}]\n"
    ))
}

fn open() -> Builder {
    World::build().network("open", "127.0.5.0/24", "sign_in = \"none\"")
}

/// What the record of the last request for a host says of scanners: the verdict, and why.
fn said(world: &World, host: &str, path: &str, wanted: &[(&str, Value)]) {
    world.last_record_has(|record| record["host"] == host && record["path"] == path, wanted);
}

#[test]
fn what_is_clean_arrives_as_it_was_sent_whatever_way_the_scanner_has_seen_it() {
    let server = Practice::start();
    let mut world = open();
    // A preview is enough; all of it; all of it at once; nothing first; all of it given back; all of it given back while it comes.
    for name in ["peek", "clean", "whole", "zero", "echo", "stream"] {
        world = scanner(world, &server, name, name, "");
    }
    let world = world.start();
    let browser = world.browser().at(OPEN);
    let long = "0123456789".repeat(LONG / 10);
    for name in ["peek", "clean", "whole", "zero", "echo", "stream"] {
        let host = format!("{name}.test");
        for (path, body) in [
            ("/short", "short"),
            ("/long", long.as_str()),
            ("/chunked", &format!("0123456789{long}")),
            ("/closes", &long),
        ] {
            let page = browser.bare_curl(&format!("http://{host}{path}"), &[]);
            assert_eq!((page.status, page.exit), (200, 0), "{name} {path}: {}", page.messages);
            assert!(page.body == body, "{name} {path}: {} octets", page.body.len());
            said(&world, &host, path, &[("scan", "clean".into()), ("scanner", name.into()), ("status", 200.into())]);
            let seen = server.seen(name).pop().unwrap();
            let expected = if name == "peek" { seen.body.len().min(16) } else { body.len() };
            assert_eq!(seen.body.len(), expected, "{name} {path}");
            assert!(seen.inner.contains(&format!("GET http://{host}{path} HTTP/1.1\r\n")), "{}", seen.inner);
            let allows = seen.field("allow");
            assert_eq!(allows, if matches!(name, "echo" | "stream") { None } else { Some("204") }, "{name}");
        }
        // There is nothing to look at.
        assert_eq!(browser.bare_curl(&format!("http://{host}/none"), &[]).status, 204);
        assert_eq!(browser.bare_curl(&format!("http://{host}/long"), &["-I"]).status, 200);
        assert_eq!(server.seen(name).len(), 4, "{name}");
        assert_eq!(server.options(name), 1, "what it can do is asked once");
    }
    let seen = server.seen("clean");
    let connections: std::collections::BTreeSet<_> = seen.iter().map(|seen| seen.connection).collect();
    assert!(connections.len() < seen.len(), "connections are kept: {connections:?}");
    let previews: Vec<_> = seen.iter().map(|seen| seen.field("preview").unwrap().to_owned()).collect();
    assert_eq!(previews, ["5", "16", "16", "16"]);
    for private in ["cookie", "x-client-ip", "x-authenticated-user", "127.0.5.1"] {
        let told = seen.iter().find(|seen| (seen.head.clone() + &seen.inner).to_lowercase().contains(private));
        assert!(told.is_none(), "a scanner is not told who asks: {told:?}");
    }
}

#[test]
fn what_is_found_is_refused_on_a_page_and_told_to_the_operators() {
    let server = Practice::start();
    let world = scanner(scanner(open(), &server, "found", "found", ""), &server, "other", "other", "").start();
    let browser = world.browser().at(OPEN);
    for path in ["/short", "/long"] {
        let page = browser.curl(&format!("http://found.test{path}"), &[]);
        assert_eq!((page.status, page.heading()), (403, "Malware was found in this file"), "{page:#?}");
        assert!(page.body.contains("Test.&#60;b&#62;Virus&#60;/b&#62;"), "what it is called, and no markup: {page:#?}");
        assert!(page.body.contains(&format!("http://found.test{path}")) && !page.body.contains("cleaned"), "{page:#?}");
        assert_eq!(page.value("cache-control"), "no-store");
        let wanted = [
            ("scan", json!("found")),
            ("threat", json!("Test.<b>Virus</b>")),
            ("reason", json!("malware-found")),
            ("decision", json!("denied")),
            ("status", json!(403)),
        ];
        said(&world, "found.test", path, &wanted);
    }
    let tool = browser.bare_curl("http://found.test/long", &[]);
    assert!(tool.status == 403 && tool.body.contains("Malware was found") && !tool.body.contains('<'), "{tool:#?}");
    let program = browser.bare_curl("http://found.test/long", &["-H", "Accept: application/json"]);
    let document: Value = serde_json::from_str(&program.body).unwrap();
    assert!(document["type"].as_str().unwrap().ends_with(":malware-found"), "{document}");
    assert_eq!(
        (&document["threat"], &document["scanner"]),
        (&json!("Test.<b>Virus</b>"), &json!("found")),
        "{document}"
    );
    let audit = || {
        let audit = std::fs::read_to_string(world.folder().join("audit.log")).unwrap();
        let whole = audit.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let all = whole.map(|line| serde_json::from_str::<Value>(line).unwrap());
        all.filter(|entry| entry["audit"] == "malware-found").collect::<Vec<_>>()
    };
    wait("the audit log", || audit().len() == 4);
    let found = audit();
    assert!(found.iter().all(|entry| entry["subject"] == "Test.<b>Virus</b>" && entry["by"] == "found"), "{found:#?}");
    // A scanner that names nothing answers for itself, and what is for one hop alone ends here.
    let page = browser.bare_curl("http://other.test/long", &[]);
    assert_eq!((page.status, page.exit, page.body.as_str()), (403, 0, "a page of the scanner's own"), "{page:#?}");
    assert!(page.values("x-hop").is_empty() && page.values("content-length").is_empty(), "{}", page.heads);
    said(&world, "other.test", "/long", &[("scan", "modified".into()), ("status", 403.into())]);
    // What it has repaired is passed on.
    let page = browser.bare_curl("http://found.test/repair", &[]);
    assert_eq!((page.status, page.body.as_str()), (403, "cleaned"), "{page:#?}");
    said(&world, "found.test", "/repair", &[("scan", "modified".into()), ("threat", "Test.<b>Virus</b>".into())]);
}

#[test]
fn where_a_scanner_fails_its_messages_are_refused_or_pass_as_the_operator_has_said() {
    let server = Practice::start();
    let gone = TcpListener::bind("127.0.0.1:0").unwrap();
    let nowhere = gone.local_addr().unwrap();
    let mut world = open();
    let failing = ["garbage", "hundred", "down", "closes", "slow"];
    for name in failing {
        world = scanner(world, &server, name, name, "answer_time = \"1s\"");
        let pass = format!("{name}-pass");
        world = scanner(world, &server, &pass, name, "answer_time = \"1s\"\non_failure = \"bypass\"");
    }
    for (name, more) in [("off", ""), ("off-pass", "on_failure = \"bypass\"")] {
        world = world.config(&format!("[[icap]]\nname = {name:?}\nrespmod = \"icap://{nowhere}/x\"\n{more}"));
        world = rule(world, name);
    }
    drop(gone);
    let world = world.start();
    let browser = world.browser().at(OPEN);
    let long = "0123456789".repeat(LONG / 10);
    for name in failing.into_iter().chain(["off"]) {
        let page = browser.curl(&format!("http://{name}.test/long"), &[]);
        assert_eq!((page.status, page.heading()), (503, "It could not be scanned for malware"), "{name}: {page:#?}");
        let refused = [("scan", json!("refused")), ("reason", json!("scanner-failed")), ("decision", json!("denied"))];
        said(&world, &format!("{name}.test"), "/long", &refused);
        let page = browser.bare_curl(&format!("http://{name}-pass.test/long"), &[]);
        assert!((page.status, page.exit) == (200, 0) && page.body == long, "{name}: {} {}", page.status, page.messages);
        let host = format!("{name}-pass.test");
        said(&world, &host, "/long", &[("scan", "bypassed".into()), ("status", 200.into())]);
    }
    let record = world.records().into_iter().rfind(|record| record["host"] == "off.test").unwrap();
    assert!(["unreachable", "down"].contains(&record["scan_why"].as_str().unwrap()), "{record}");
    // One that cannot be reached is left alone: it costs nobody its time any more.
    browser.bare_curl("http://off-pass.test/short", &[]);
    world.wait_for(|all| all.iter().any(|record| record["host"] == "off-pass.test" && record["scan_why"] == "down"));
    // One that answers may have failed because of the messages, and goes on looking at others.
    for _ in 0..4 {
        browser.bare_curl("http://down-pass.test/short", &[]);
        let why = [("scan", json!("bypassed")), ("scan_why", json!("status"))];
        said(&world, "down-pass.test", "/short", &why);
    }
}

#[test]
fn an_answer_that_breaks_off_is_never_taken_for_a_whole_one() {
    let server = Practice::start();
    let world = scanner(scanner(open(), &server, "breaks", "breaks", ""), &server, "clean", "clean", "").start();
    let browser = world.browser().at(OPEN);
    let page = browser.bare_curl("http://breaks.test/long", &[]);
    assert_ne!(page.exit, 0, "the scanner has broken it off: {page:#?}");
    world.last_record_has(|record| record["host"] == "breaks.test", &[("reason", "http_response_incomplete".into())]);
    let page = browser.curl("http://clean.test/cut", &[]);
    assert_eq!((page.status, page.heading()), (502, "The site&#39;s answer could not be understood"), "{page:#?}");
    said(&world, "clean.test", "/cut", &[("reason", "http_response_incomplete".into())]);
}

#[test]
fn a_scanner_that_is_back_is_found_and_asked_again() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    drop(taken);
    let world = open().config(&format!("[[icap]]\nname = \"late\"\nrespmod = \"icap://{address}/clean\"\n"));
    let world = rule(world, "late").start();
    let browser = world.browser().at(OPEN);
    assert_eq!(browser.bare_curl("http://late.test/short", &[]).status, 503);
    let server = Practice::on(TcpListener::bind(address).unwrap());
    wait("the scanner to be asked again", || browser.bare_curl("http://late.test/short", &[]).status == 200);
    assert_eq!(server.seen("clean").len(), 1);
}

#[test]
fn what_a_scanner_does_not_look_at_passes_or_is_refused_and_the_record_says_why() {
    let server = Practice::start();
    let mut world = open();
    for (name, service, more) in [
        ("types", "clean", "skip_types = [\"video/*\"]"),
        ("small", "clean", "max_size = \"1KiB\"\nover_size = \"pass\""),
        ("strict", "clean", "max_size = \"1KiB\"\npartial = \"refuse\""),
        ("lax", "clean", "partial = \"pass\""),
        ("pictures", "pictures", ""),
    ] {
        world = scanner(world, &server, name, service, more);
    }
    let exempt = "[[policy.standing]]\nname = \"all\"\nscan = [\"strict\"]\n\
        [[policy.rule]]\nname = \"exempt\"\ndestinations = [\"exempt.test\"]\neffect = \"allow\"\nscan = []\n";
    let world =
        world.host("exempt.test:80", origin().address).host("plain.test:80", origin().address).config(exempt).start();
    let browser = world.browser().at(OPEN);
    let long = "0123456789".repeat(LONG / 10);
    for (url, status, scan, why) in [
        ("http://types.test/film", 200, "skipped", "type"),
        ("http://small.test/long", 200, "skipped", "size"),
        ("http://small.test/chunked", 200, "skipped", "size"),
        ("http://small.test/closes", 200, "skipped", "size"),
        ("http://strict.test/long", 403, "refused", "size"),
        ("http://strict.test/chunked", 403, "refused", "size"),
        ("http://strict.test/part", 403, "refused", "part"),
        ("http://lax.test/part", 206, "skipped", "part"),
        ("http://pictures.test/long.gif", 200, "skipped", "service"),
        ("http://plain.test/long", 403, "refused", "size"),
    ] {
        let page = browser.bare_curl(url, &[]);
        assert_eq!((page.status, page.exit), (status, 0), "{url}: {}", page.messages);
        assert!(
            page.status != 200 || !url.contains("small") || page.body.ends_with(&long),
            "{url}: {}",
            page.body.len()
        );
        let (host, path) = url[7..].split_once('/').unwrap();
        said(
            &world,
            host,
            &format!("/{path}"),
            &[("scan", scan.into()), ("scan_why", why.into()), ("status", status.into())],
        );
    }
    assert_eq!(browser.bare_curl("http://lax.test/long", &[]).status, 200);
    assert_eq!(browser.bare_curl("http://exempt.test/long", &[]).status, 200);
    said(&world, "exempt.test", "/long", &[("scan", Value::Null)]);
}

#[test]
fn an_origin_cannot_keep_a_scanner_from_looking() {
    let server = Practice::start();
    let world = scanner(open(), &server, "found", "found", "");
    let world = scanner(world, &server, "lax", "clean", "on_failure = \"bypass\"").start();
    let browser = world.browser().at(OPEN);
    let events = "Accept: text/event-stream";
    for (url, field, status, scan, why) in [
        ("http://found.test/events", "A: b", 403, "found", Value::Null),
        ("http://found.test/grpc", events, 403, "found", Value::Null),
        ("http://found.test/mixed", events, 403, "found", Value::Null),
        ("http://found.test/events", events, 200, "skipped", "type".into()),
        ("http://found.test/zstd", "A: b", 403, "refused", "coding".into()),
        ("http://lax.test/zstd", "A: b", 200, "bypassed", "coding".into()),
    ] {
        let page = browser.bare_curl(url, &["-H", field]);
        assert_eq!((page.status, page.exit), (status, 0), "{url} {field}: {page:#?}");
        let (host, path) = url[7..].split_once('/').unwrap();
        said(&world, host, &format!("/{path}"), &[("scan", scan.into()), ("scan_why", why), ("status", status.into())]);
    }
    // The scanner is there: people are not told that it cannot be reached.
    let page =
        browser.bare_curl("http://found.test/zstd", &["-H", "Accept: text/html", "-H", "Sec-Fetch-Mode: navigate"]);
    assert!(page.body.contains("the scanner cannot unpack") && !page.body.contains("be reached"), "{}", page.body);
    // It is not asked for what the scanner cannot unpack.
    let page = browser.bare_curl("http://lax.test/head", &["-H", "Accept-Encoding: gzip, br;q=0.5, zstd"]);
    assert!(page.body.contains("Accept-Encoding: gzip\r\n") && !page.body.contains("zstd"), "{page:#?}");
}

#[test]
fn what_comes_slowly_does_not_keep_the_scanner_from_others() {
    let server = Practice::start();
    let world = scanner(open(), &server, "one", "one", "connect_time = \"50s\"").start();
    let browser = world.browser().at(OPEN);
    std::thread::scope(|scope| {
        let held = scope.spawn(|| browser.bare_curl("http://one.test/held", &[]));
        wait("the scanner to be asked", || !server.seen("one").is_empty());
        let page = browser.bare_curl("http://one.test/short", &[]);
        GOES_ON.store(true, Ordering::Relaxed);
        assert_eq!(
            (page.status, page.body.as_str()),
            (200, "short"),
            "it takes one connection, and that is free: {page:#?}"
        );
        let page = held.join().unwrap();
        assert_eq!((page.status, page.exit, page.body.len()), (200, 0, LONG), "{}", page.messages);
    });
    said(&world, "one.test", "/held", &[("scan", "clean".into())]);
    assert_eq!(server.seen("one").pop().unwrap().body.len(), LONG, "it has seen all of it");
}

#[test]
fn uploads_are_looked_at_before_the_origin_sees_them() {
    let server = Practice::start();
    let mut world = open();
    let sink = Origin::start(|head, stream| {
        let length: usize = super::raw::Answer::of_bytes(
            format!("HTTP/1.1 200 OK\r\n{}", head.split_once("\r\n").unwrap().1).as_bytes(),
        )
        .value("content-length")
        .parse()
        .unwrap_or(0);
        let mut body = vec![0; length];
        let chunked = head.to_lowercase().contains("transfer-encoding: chunked");
        drop(std::io::Read::read_exact(&mut *stream, &mut body));
        let mut text = String::from_utf8_lossy(&body).into_owned();
        while chunked && !text.ends_with("0\r\n\r\n") {
            let mut octet = [0];
            if std::io::Read::read(&mut *stream, &mut octet).unwrap_or(0) == 0 {
                break;
            }
            text.push(char::from(octet[0]));
        }
        let said = format!("{head}{} {}", text.len(), &text[text.len().saturating_sub(30)..]);
        drop(write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{said}", said.len()));
    });
    for name in ["clean", "found", "gate", "down", "strays", "peek"] {
        let url = server.url(name);
        world = world.host(&format!("{name}.test:80"), sink.address).config(&format!(
            "[[icap]]\nname = {name:?}\nreqmod = {url:?}\ntell = [\"client-ip\", \"user\", \"server-ip\"]\n\
             [[policy.rule]]\nname = {name:?}\ndestinations = [\"{name}.test\"]\neffect = \"allow\"\nscan = [{name:?}]\n"
        ));
    }
    let asks = server.url("asks");
    let world = world.host("a.test:80", sink.address).config(&format!(
        "[[icap]]\nname = \"asks\"\nreqmod = {asks:?}\nrequests = \"all\"\n\
         [[policy.rule]]\nname = \"asks\"\ndestinations = [\"a.test\"]\neffect = \"allow\"\nscan = [\"asks\"]\n"
    ));
    let world = world.start();
    let browser = world.browser().at(OPEN);
    let file = world.path("upload");
    std::fs::write(&file, "9876543210".repeat(30_000)).unwrap();
    let long = format!("@{}", file.display());
    for name in ["clean", "peek"] {
        for (data, length) in [("short", 5), (long.as_str(), 300_000)] {
            for expects in ["Expect: 100-continue", "Expect:"] {
                let page =
                    browser.bare_curl(&format!("http://{name}.test/up"), &["--data-binary", data, "-H", expects]);
                assert_eq!(page.status, 200, "{name}: {page:#?}");
                assert!(
                    page.body.contains(&format!("Content-Length: {length}\r\n"))
                        && page.body.contains(&format!("\r\n\r\n{length} ")),
                    "{}",
                    page.body
                );
                let seen = server.seen(name).pop().unwrap();
                assert_eq!(seen.field("x-client-ip"), Some("127.0.5.1"));
                assert!(
                    seen.field("x-server-ip").is_none() && seen.field("x-authenticated-user").is_none(),
                    "{}",
                    seen.head
                );
                assert_eq!(seen.body.len(), if name == "peek" { length.min(16) } else { length });
            }
        }
        // In chunks.
        let url = format!("http://{name}.test/up");
        let page = browser.bare_curl(&url, &["-H", "Transfer-Encoding: chunked", "--data-binary", &long]);
        assert!(page.status == 200 && page.body.contains("ransfer-Encoding: chunked"), "{page:#?}");
        said(&world, &format!("{name}.test"), "/up", &[("scan", "clean".into()), ("bytes_in", 300_000.into())]);
    }
    let before = sink.seen().len();
    let page = browser.curl("http://found.test/up", &["--data-binary", &long]);
    assert_eq!((page.status, page.heading()), (403, "Malware was found in what you wanted to send"), "{page:#?}");
    let page = browser.bare_curl("http://gate.test/up", &["--data-binary", &long]);
    assert_eq!((page.status, page.body.as_str()), (403, "a page of the scanner's own"), "{page:#?}");
    // Who offers another protocol does not get past it.
    let offer = ["--data-binary", "bad", "-H", "Connection: Upgrade", "-H", "Upgrade: websocket"];
    assert_eq!(browser.bare_curl("http://found.test/up", &offer).status, 403);
    for name in ["down", "strays"] {
        let page = browser.bare_curl(&format!("http://{name}.test/up"), &["--data-binary", &long]);
        assert_eq!(page.status, 503, "{name}: {page:#?}");
        said(
            &world,
            &format!("{name}.test"),
            "/up",
            &[("scan", "refused".into()), ("reason", "scanner-failed".into())],
        );
    }
    assert_eq!(sink.seen().len(), before, "no origin has seen any of that");
    // A request without a body is not looked at, unless the operator wants it.
    assert_eq!(browser.bare_curl("http://found.test/", &[]).status, 200);
    let page = browser.bare_curl("http://a.test/asking", &[]);
    assert!(page.status == 200 && page.body.starts_with("GET /asked?safe=1 HTTP/1.1\r\n"), "{page:#?}");
    assert!(page.body.contains("X-Scanner: was here"), "{page:#?}");
    let page = browser.bare_curl("http://a.test/asking", &["--data-binary", &long]);
    assert!(page.status == 200 && page.body.starts_with("POST /asked?safe=1 HTTP/1.1\r\n"), "{page:#?}");
    assert!(page.body.contains("by asked") && !page.body.contains("9876543210"), "{page:#?}");
}

#[test]
fn a_scanner_is_told_of_people_only_what_the_operator_wants_and_takes_no_more_connections_than_it_says() {
    let server = Practice::start();
    let world = World::build();
    let world = scanner(world, &server, "one", "one", "tell = [\"user\", \"server-ip\"]").start();
    let browser = world.browser();
    browser.arrive("http://one.test/short");
    let page = browser.go("http://one.test/long");
    assert_eq!(page.status, 200, "{page:#?}");
    let seen = server.seen("one").pop().unwrap();
    // "Local://B.Simon@contoso.com"
    assert_eq!(seen.field("x-authenticated-user"), Some("TG9jYWw6Ly9CLlNpbW9uQGNvbnRvc28uY29t"), "{}", seen.head);
    assert_eq!((seen.field("x-server-ip"), seen.field("x-client-ip")), (Some("127.0.0.1"), None), "{}", seen.head);
    assert!(!seen.inner.to_lowercase().contains("cookie"), "{}", seen.inner);
    // Eight at once, on one connection at a time.
    let url = "http://one.test/long";
    let all: Vec<_> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..8).map(|_| scope.spawn(|| browser.curl(url, &[]).status)).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(all, [200; 8]);
    assert_eq!(server.most_open(), 1);
}

#[test]
fn a_scanner_is_left_when_its_client_leaves() {
    let server = Practice::start();
    let world = scanner(open(), &server, "waits", "waits", "").start();
    let mut client = world.connect(OPEN);
    client.write_all(b"GET http://waits.test/short HTTP/1.1\r\nHost: waits.test\r\n\r\n").unwrap();
    wait("the scanner to be asked", || !server.seen("waits").is_empty());
    drop(client);
    wait("the scanner to be left", || server.seen("waits").iter().all(|seen| seen.body == b"left"));
    said(&world, "waits.test", "/short", &[("reason", "client-left".into())]);
}

/// An origin that gives back the head that it has seen, once the whole request is there.
fn mirror() -> Origin {
    Origin::start(|head, stream| {
        let lower = head.to_lowercase();
        let length = lower.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        drop(std::io::Read::read_exact(&mut *stream, &mut body));
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{head}", head.len());
        drop(stream.write_all(answer.as_bytes()));
    })
}

/// A scanner of requests by this name, and a rule that has it look at the host of its name, after these others.
fn scanner_of_requests(
    world: Builder,
    server: &Practice,
    (name, host): (&str, &str),
    rules: &str,
) -> (Builder, Origin) {
    let (url, origin) = (server.url(name), mirror());
    let world = world.host(&format!("{host}:80"), origin.address).config(&format!(
        "[[icap]]\nname = {name:?}\nreqmod = {url:?}\nrequests = \"all\"\n{rules}\
         [[policy.rule]]\nname = \"looked at\"\ndestinations = [{host:?}]\neffect = \"allow\"\nscan = [{name:?}]\n"
    ));
    (world, origin)
}

#[test]
fn what_a_scanner_wants_sent_instead_is_subject_to_the_rules_like_what_was_asked_for() {
    let server = Practice::start();
    for (rule, status) in [
        ("effect = \"block\"", 403),
        ("effect = \"allow\"\nscan = []", 403),
        ("effect = \"allow\"\nscan = []\nmethods = [\"PUT\"]", 200),
    ] {
        let rules = format!(
            "[[policy.rule]]\nname = \"asked\"\ndestinations = [\"a.test\"]\npaths = [\"/asked\"]\nauthenticate = false\n{rule}\n"
        );
        let (world, origin) = scanner_of_requests(open(), &server, ("asks", "a.test"), &rules);
        let world = world.start();
        let page = world.browser().at(OPEN).bare_curl("http://a.test/asking", &[]);
        assert_eq!(page.status, status, "{rule}: {page:#?}");
        assert_eq!(origin.seen().len(), usize::from(status == 200), "{rule}: the origin has seen it");
        let decided = if status == 200 { ("looked at", "permitted") } else { ("asked", "denied") };
        let wanted = [("rule", decided.0.into()), ("decision", decided.1.into()), ("scan", "modified".into())];
        said(&world, "a.test", "/asking", &wanted);
    }
}

#[test]
fn nobody_looks_into_a_tunnel_and_its_record_says_so() {
    let server = Practice::start();
    let origin = Origin::answering("hello");
    let world = scanner(open(), &server, "clean", "clean", "").host("clean.test:443", origin.address).start();
    let mut client = world.connect(OPEN);
    client.write_all(b"CONNECT clean.test:443 HTTP/1.1\r\nHost: clean.test:443\r\n\r\nGET / HTTP/1.1\r\n\r\n").unwrap();
    let mut said = String::new();
    std::io::Read::read_to_string(&mut client, &mut said).unwrap();
    assert!(said.starts_with("HTTP/1.1 200") && said.ends_with("hello"), "{said}");
    drop(client);
    let wanted = [("scan", "skipped".into()), ("scan_why", "tunnel".into()), ("scanner", "clean".into())];
    world.last_record_has(|record| record["host"] == "clean.test", &wanted);
    assert!(server.seen("clean").is_empty());
}

#[test]
fn a_scanner_is_reached_by_tls_and_only_one_that_proves_who_it_is() {
    let mut world = open();
    let (good, other) = (world.certify("scan.test"), world.certify("other.test"));
    let (server, stranger) = (Practice::start_tls(good), Practice::start_tls(other));
    for (name, server) in [("good", &server), ("wrong", &stranger)] {
        let (port, origin) = (server.address.port(), origin().address);
        world = world.host(&format!("scan.test:{port}"), server.address).host(&format!("{name}.test:80"), origin);
        world = world.config(&format!(
            "[[icap]]\nname = {name:?}\nrespmod = \"icaps://scan.test:{port}/found\"\n\
             [[policy.rule]]\nname = {name:?}\ndestinations = [\"{name}.test\"]\neffect = \"allow\"\nscan = [{name:?}]\n"
        ));
    }
    let world = world.start();
    let browser = world.browser().at(OPEN);
    for path in ["/short", "/long"] {
        let page = browser.bare_curl(&format!("http://good.test{path}"), &[]);
        assert_eq!(page.status, 403, "{page:#?}");
        said(&world, "good.test", path, &[("scan", "found".into()), ("reason", "malware-found".into())]);
    }
    assert_eq!(server.seen("found").pop().unwrap().body.len(), LONG);
    wait("it to be asked what it can do", || stranger.connections() > 0);
    let tried = stranger.connections();
    wait("it to be tried again, by somebody who knows the other one", || {
        let page = browser.bare_curl("http://wrong.test/short", &[]);
        assert_eq!(page.status, 503, "{page:#?}");
        stranger.connections() > tried
    });
    said(&world, "wrong.test", "/short", &[("scan", "refused".into()), ("reason", "scanner-failed".into())]);
    assert!(stranger.seen("found").is_empty(), "it has seen nothing");
}

#[test]
fn of_several_scanners_each_sees_the_whole_whatever_fails_before_it() {
    let server = Practice::start();
    let services =
        [("down", "bypass"), ("closes", "bypass"), ("clean", "refuse"), ("found", "refuse"), ("garbage", "refuse")];
    let mut world = open();
    for (service, otherwise) in services {
        let url = server.url(service);
        let more = format!("[[icap]]\nname = {service:?}\nrespmod = {url:?}\non_failure = {otherwise:?}\n");
        world = world.config(&more);
    }
    let cases: [(&str, &[&str], u16, &str, &str); 4] = [
        ("one", &["down", "closes", "clean"], 200, "bypassed", "closes"),
        ("two", &["closes", "down", "found"], 403, "found", "found"),
        ("three", &["down", "garbage", "clean"], 503, "refused", "garbage"),
        ("four", &["clean", "down", "closes"], 200, "bypassed", "closes"),
    ];
    for (name, scanners, ..) in cases {
        world = world.host(&format!("{name}.test:80"), origin().address).config(&format!(
            "[[policy.rule]]\nname = {name:?}\ndestinations = [\"{name}.test\"]\neffect = \"allow\"\nscan = {scanners:?}\n"
        ));
    }
    let world = world.start();
    let browser = world.browser().at(OPEN);
    let long = "0123456789".repeat(LONG / 10);
    for (name, scanners, status, verdict, by) in cases {
        let page = browser.bare_curl(&format!("http://{name}.test/long"), &[]);
        assert_eq!((page.status, page.exit), (status, 0), "{name}: {}", page.messages);
        assert!(status != 200 || page.body == long, "{name}: {} octets", page.body.len());
        said(&world, &format!("{name}.test"), "/long", &[("scan", verdict.into()), ("scanner", by.into())]);
        let last = server.seen(if status == 503 { "garbage" } else { scanners.last().unwrap() });
        assert!(!last.is_empty(), "{name}: it was not asked");
    }
    let clean = server.seen("clean");
    assert!(clean.len() == 2 && clean.iter().all(|seen| seen.body.len() == LONG), "{}", clean.len());
}

fn wait(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "waited for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
