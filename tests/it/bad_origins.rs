//! Origins that are not there, or do not answer as they should.

use std::io::Write as _;
use std::net::{TcpListener, UdpSocket};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::origin::Origin;
use super::raw::Answer;
use super::world::{Builder, World};

fn get(world: &World, url: &str) -> Answer {
    let host = url::Url::parse(url).unwrap().host_str().unwrap().to_owned();
    world.send(&format!(
        "GET {url} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    ))
}

/// A world in which the one client is signed in.
fn signed_in(builder: Builder) -> World {
    let world = builder.start();
    world.browser().arrive("http://news.test/");
    world
}

/// What is refused with this status and error type; people get a page, tools a text, and the log the reason.
fn check(world: &World, url: &str, status: u16, error: &str) {
    let answer = get(world, url);
    assert_eq!((answer.status, answer.error_type().as_str()), (status, error), "{url}: {answer:#?}");
    assert_eq!(answer.value("content-type"), "text/plain; charset=utf-8", "{url}");
    assert_eq!(answer.value("cache-control"), "no-store", "{url}");
    let host = url::Url::parse(url).unwrap().host_str().unwrap().to_owned();
    let record = world.record(|record| record["host"] == host.as_str());
    assert_eq!((&record["reason"], &record["status"]), (&error.into(), &status.into()), "{url}: {record}");
    let page = world.browser().ask(url);
    assert_eq!((page.status, page.value("content-type")), (status, "text/html; charset=utf-8"), "{url}: {page:#?}");
}

#[test]
fn an_origin_that_cannot_be_reached_is_named_with_the_reason() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut builder = World::build();
    let wrong = Origin::start_tls(builder.certify("other.test"), |_, _| {});
    let plain = TcpListener::bind("127.0.0.1:0").unwrap();
    let plain_address = plain.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in plain.incoming().flatten() {
            drop(stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
        }
    });
    let world = builder
        .network("shared", "127.0.7.0/24", "shared = true")
        .host("down.test:80", closed)
        .host("down.test:443", closed)
        .host("wrong.test:443", wrong.address)
        .host("plain.test:443", plain_address);
    let world = signed_in(world);
    check(&world, "http://down.test/", 502, "connection_refused");
    let page = world.browser().ask("https://down.test/");
    assert_eq!(page.connect, 502, "{page:#?}");
    // Where https is intercepted, we are the client, and say what is wrong with a certificate. Where nobody answers in TLS
    // the CONNECT is refused, so that a browser that only tried https goes on to http.
    let shared = [127, 0, 7, 1];
    let browser = world.browser().at(shared);
    browser.arrive("http://news.test/");
    let page = browser.go("https://wrong.test/");
    assert_eq!((page.connect, page.status), (200, 502), "{page:#?}");
    assert_eq!(page.proxy_status(), "vestibule; error=tls_certificate_error");
    assert_eq!(page.value("content-type"), "text/html; charset=utf-8");
    for (host, reason) in [("plain.test", "tls_protocol_error"), ("down.test", "connection_refused")] {
        let page = browser.ask(&format!("https://{host}/"));
        assert_eq!(page.connect, 502, "{host}: {page:#?}");
        let is_its =
            |record: &Value| record["host"] == host && record["client"].as_str().unwrap().starts_with("127.0.7.");
        world.last_record_has(is_its, &[("method", "CONNECT".into()), ("reason", reason.into())]);
    }
    let seen = wrong.seen();
    assert!(seen.iter().all(String::is_empty), "nothing is sent to an origin that is not who it should be: {seen:?}");
}

#[test]
fn a_name_that_is_not_there_is_told_from_a_resolver_that_is_not() {
    let nobody = Responder::start(3);
    let world = World::build().servers(&[nobody.address]).start();
    world.browser().arrive("http://news.test/");
    check(&world, "http://nowhere.test/", 502, "dns_error");
    assert!(nobody.asked() > 0);
    let dead = UdpSocket::bind("127.0.0.1:0").unwrap();
    let world = World::build().servers(&[dead.local_addr().unwrap()]).limits("connect_time = \"1s\"").start();
    world.browser().arrive("http://news.test/");
    let begun = Instant::now();
    let answer = get(&world, "http://nowhere.test/");
    assert!([502, 504].contains(&answer.status), "{answer:#?}");
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[test]
fn every_name_that_dns_knows_is_asked_for() {
    // RFC 2181 §11: what a host name may be is no rule of DNS.
    let origin = Origin::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let port = origin.address.port();
    let server = Responder::knowing(std::net::Ipv4Addr::LOCALHOST);
    let world = signed_in(
        World::build()
            .servers(&[server.address])
            .host("fixed_one.test", "127.0.0.1")
            .egress(&format!("allow = [\"127.0.0.1/32\"]\nhttp_ports = [\"1-65535\"]\nconnect_ports = [443, {port}]")),
    );
    let long = "a".repeat(63);
    for host in [
        "my_host.test",
        "_host.test",
        "host_.test",
        "a-.test",
        "-a.test",
        "-.test",
        "a--b_.test",
        "xn--bcher-kva.test",
        "single_",
        "a.b_c.d-.test",
        &format!("{long}.test"),
        "fixed_one.test",
        "dot_.test.",
    ] {
        let get = format!("GET http://{host}:{port}/ HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n");
        let answer = world.send(&get);
        assert_eq!((answer.status, answer.text().as_str()), (200, "ok"), "{host}: {answer:?}");
        let mut tunnel = world.connect([127, 0, 0, 1]);
        write!(tunnel, "CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\nGET / HTTP/1.1\r\n\r\n").unwrap();
        let head = super::raw::read_head(&mut tunnel);
        assert!(head.starts_with("HTTP/1.1 200"), "{host}: {head}");
        assert_eq!(Answer::read_one(&mut tunnel).text(), "ok", "{host}");
    }
    for host in [&format!("{long}a.test"), "a..test", "a b.test", "a*.test"] {
        let get = format!("GET http://{host}:{port}/ HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        assert_eq!(world.send(&get).status, 400, "{host}");
    }
}

#[test]
fn an_answer_that_is_not_http_is_not_passed_on() {
    for (what, bytes) in [
        ("nothing", ""),
        ("a banner", "220 mail.test ESMTP ready\r\n"),
        ("half a head", "HTTP/1.1 200 OK\r\nContent-Le"),
        ("a bad status", "HTTP/1.1 2x0 OK\r\n\r\n"),
        ("a bad length", "HTTP/1.1 200 OK\r\nContent-Length: 5x\r\n\r\nhello"),
        ("two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"),
        (
            "a protocol that nobody asked for",
            "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
        ),
        ("a fold in a name", "HTTP/1.1 200 OK\r\nX Y: 1\r\nContent-Length: 0\r\n\r\n"),
    ] {
        let origin = Origin::answering(bytes);
        let world = signed_in(World::build().host("raw.test:80", origin.address));
        let answer = get(&world, "http://raw.test/");
        assert_eq!(answer.status, 502, "{what}: {answer:#?}");
        assert!(
            ["connection_terminated", "http_protocol_error"].contains(&answer.error_type().as_str()),
            "{what}: {answer:#?}"
        );
    }
    let huge = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "a".repeat(100_000));
    let many: String = (0..150).map(|number| format!("X-{number}: 1\r\n")).collect();
    for head in [huge, format!("HTTP/1.1 200 OK\r\n{many}\r\n")] {
        let origin = Origin::answering(head);
        let world = signed_in(World::build().host("raw.test:80", origin.address));
        assert_eq!(get(&world, "http://raw.test/").status, 502);
    }
}

#[test]
fn a_body_that_breaks_off_arrives_broken() {
    for (head, body) in [
        ("Content-Length: 100", "beginning"),
        ("Transfer-Encoding: chunked", "9\r\nbeginning\r\n"),
        ("Transfer-Encoding: chunked", "9\r\nbeginning\r\n5\r\nab"),
    ] {
        let origin = Origin::answering(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{body}"));
        let world = signed_in(World::build().host("raw.test:80", origin.address));
        let answer = get(&world, "http://raw.test/");
        assert!(!answer.complete, "{head} {body:?}: {answer:#?}");
        assert!(answer.text().starts_with("beginning"), "{answer:#?}");
        let page = world.browser().curl("http://raw.test/again", &[]);
        assert!([18, 56].contains(&page.exit), "{head}: {page:#?}");
        let record = world.record(|record| record["host"] == "raw.test" && record["path"] == "/");
        assert_eq!(record["reason"], "http_response_incomplete", "{record}");
    }
    // Of an answer that is seen to be bad before anything was passed on, nothing is.
    let origin = Origin::answering("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nbeginning\r\nxyz\r\n");
    let world = signed_in(World::build().host("raw.test:80", origin.address));
    let answer = get(&world, "http://raw.test/");
    assert_eq!((answer.status, answer.error_type().as_str()), (502, "http_protocol_error"), "{answer:#?}");
    // What ends with its connection is whole.
    let origin = Origin::answering("HTTP/1.1 200 OK\r\n\r\nall of it");
    let world = signed_in(World::build().host("raw.test:80", origin.address));
    let answer = get(&world, "http://raw.test/");
    assert!(answer.complete && answer.text() == "all of it", "{answer:#?}");
}

#[test]
fn an_origin_that_is_silent_is_given_up() {
    let silent = Origin::start(|_, stream| drop(stream.read(&mut [0])));
    let stuck = Origin::start(|_, stream| {
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbeginning"));
        drop(stream.read(&mut [0]));
    });
    let world = signed_in(
        World::build()
            .host("silent.test:80", silent.address)
            .host("stuck.test:80", stuck.address)
            .limits("answer_time = \"1s\"\nbody_idle = \"1s\""),
    );
    let answer = get(&world, "http://silent.test/");
    assert_eq!((answer.status, answer.error_type().as_str()), (504, "http_response_timeout"), "{answer:#?}");
    let answer = get(&world, "http://stuck.test/");
    assert!(answer.status == 200 && !answer.complete, "{answer:#?}");
    let record = world.record(|record| record["host"] == "stuck.test");
    assert_eq!(record["reason"], "connection_read_timeout", "{record}");
}

/// A DNS server that answers everything with one response code, or with one address.
struct Responder {
    address: std::net::SocketAddr,
    asked: std::sync::Arc<std::sync::atomic::AtomicU32>,
}

impl Responder {
    fn start(code: u8) -> Self {
        Self::answering(code, None)
    }

    fn knowing(address: std::net::Ipv4Addr) -> Self {
        Self::answering(0, Some(address))
    }

    fn answering(code: u8, known: Option<std::net::Ipv4Addr>) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (address, asked) =
            (socket.local_addr().unwrap(), std::sync::Arc::<std::sync::atomic::AtomicU32>::default());
        let count = std::sync::Arc::clone(&asked);
        std::thread::spawn(move || {
            let mut packet = [0; 1500];
            while let Ok((length, from)) = socket.recv_from(&mut packet) {
                count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                let mut answer = packet[..length].to_vec();
                // RFC 1035 §4.1.1: a response, recursion available, and the code.
                answer[2] |= 0x80;
                answer[3] = 0x80 | code;
                // Only the question is sent back.
                answer[6..12].fill(0);
                let mut end = 12;
                while answer[end] != 0 {
                    end += usize::from(answer[end]) + 1;
                }
                answer.truncate(end + 5);
                // RFC 1035 §3.2.1: the name that was asked for, A, IN, a minute.
                if let Some(address) = known.filter(|_| answer[end + 2] == 1) {
                    answer[7] = 1;
                    answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
                    answer.extend(address.octets());
                }
                drop(socket.send_to(&answer, from));
            }
        });
        Self { address, asked }
    }

    fn asked(&self) -> u32 {
        self.asked.load(std::sync::atomic::Ordering::Relaxed)
    }
}
