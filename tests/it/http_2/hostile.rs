//! Origins that mean harm: they cost their own requests, and nobody else's.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Instant;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::super::raw::Wire;
use super::super::world::PATIENCE;
use super::origin::{Origin, repeat, speaking};
use super::{ALL, OPEN, open};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let [.., a, b, c] = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&[a, b, c, kind, flags, 0, 0, 0, stream], payload].concat()
}

/// A field, written out (RFC 7541 §6.2.2).
fn field(name: &[u8], value: &[u8]) -> Vec<u8> {
    let length = |octets: &[u8]| u8::try_from(octets.len()).unwrap();
    [&[0, length(name)], name, &[length(value)], value].concat()
}

/// `:status: 200` (RFC 7541 §A).
const OK: u8 = 0x88;

/// An origin that writes this once the first request has come, again and again if `more` says so.
fn start(tls: &ServerConfig, first: Vec<u8>, again: Vec<u8>) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let tls = speaking(tls, &[b"h2"]);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (tls, first, again) = (Arc::clone(&tls), first.clone(), again.clone());
            std::thread::spawn(move || {
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                stream.set_write_timeout(Some(PATIENCE)).unwrap();
                let mut stream = StreamOwned::new(ServerConnection::new(tls).unwrap(), stream);
                if !wait_for_headers(&mut stream) {
                    return;
                }
                drop(stream.write_all(&frame(SETTINGS, 0, 0, &[])));
                drop(stream.write_all(&first));
                drop(stream.flush());
                // Within bounds, so that a proxy that takes it all is found out.
                for _ in 0..(8 << 20) / again.len().max(1) {
                    if again.is_empty() || stream.write_all(&again).is_err() {
                        break;
                    }
                }
                drop(stream.flush());
                while stream.read(&mut [0; 4096]).is_ok_and(|count| count > 0) {}
            });
        }
    });
    address
}

/// Reads frames until a request has come.
fn wait_for_headers(stream: &mut dyn Wire) -> bool {
    if stream.read_exact(&mut [0; 24]).is_err() {
        return false;
    }
    loop {
        let mut head = [0; 9];
        if stream.read_exact(&mut head).is_err() {
            return false;
        }
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        if stream.read_exact(&mut vec![0; length]).is_err() {
            return false;
        }
        if head[3] == HEADERS {
            return true;
        }
    }
}

#[test]
fn what_is_no_answer_is_refused_and_what_is_too_much_is_cut_off() {
    let block = |fields: &[u8]| [&[OK], fields].concat();
    let head = |fields: &[u8]| frame(HEADERS, END_HEADERS, 1, &block(fields));
    let whole = |fields: &[u8]| frame(HEADERS, END_HEADERS | END_STREAM, 1, &block(fields));
    let long = field(b"x-long", &[b'a'; 100]).repeat(100);
    let cases: Vec<(&str, Vec<u8>, Vec<u8>)> = vec![
        ("a line break in a value", whole(&field(b"x-a", b"1\r\nset-cookie: a=1")), vec![]),
        ("a line feed in a value", whole(&field(b"x-a", b"1\nb: 2")), vec![]),
        ("NUL in a value", whole(&field(b"x-a", b"1\0")), vec![]),
        ("a line break in a name", whole(&field(b"x-a\r\nb", b"1")), vec![]),
        ("a name in capitals", whole(&field(b"X-A", b"1")), vec![]),
        ("an empty name", whole(&field(b"", b"1")), vec![]),
        ("a space around a value", whole(&field(b"x-a", b" 1")), vec![]),
        ("a field of HTTP/1.1", whole(&field(b"transfer-encoding", b"chunked")), vec![]),
        ("another one", whole(&field(b"connection", b"close")), vec![]),
        ("two lengths", whole(&[field(b"content-length", b"1"), field(b"content-length", b"2")].concat()), vec![]),
        ("a length that is none", whole(&field(b"content-length", b"+1")), vec![]),
        ("no status", frame(HEADERS, END_HEADERS | END_STREAM, 1, &field(b"x-a", b"1")), vec![]),
        ("a status that is none", frame(HEADERS, END_HEADERS | END_STREAM, 1, &field(b":status", b"2x0")), vec![]),
        ("data before the head", frame(DATA, END_STREAM, 1, b"hello"), vec![]),
        ("a push", frame(PUSH_PROMISE, END_HEADERS, 1, &[&[0, 0, 0, 2][..], &[0x82, 0x84, 0x87]].concat()), vec![]),
        (
            "a frame that is too long",
            [&[0xff, 0xff, 0xff, DATA, 0, 0, 0, 0, 1][..], &[0; 100]].concat(),
            vec![0; 16384],
        ),
        ("continuations without end", frame(HEADERS, 0, 1, &block(&[])), frame(CONTINUATION, 0, 1, &long)),
        ("empty continuations", frame(HEADERS, 0, 1, &block(&[])), frame(CONTINUATION, 0, 1, &[])),
        ("interim answers without end", vec![], frame(HEADERS, END_HEADERS, 1, &field(b":status", b"103"))),
        ("no HTTP/2 at all", b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![]),
    ];
    let mut builder = open();
    for (number, (_, first, again)) in cases.iter().enumerate() {
        let host = format!("bad{number}.test");
        let address = start(&builder.certify(&host), first.clone(), again.clone());
        builder = builder.host(&format!("{host}:443"), address);
    }
    // These end in the middle.
    let cut = [
        (
            "data beyond the length",
            [head(&field(b"content-length", b"3")), frame(DATA, END_STREAM, 1, b"hello")].concat(),
        ),
        ("data without end", [head(&[]), frame(DATA, 0, 1, b"hello"), frame(RST_STREAM, 0, 1, &[0, 0, 0, 2])].concat()),
        (
            "malformed trailers",
            [
                head(&[]),
                frame(DATA, 0, 1, b"hello"),
                frame(HEADERS, END_HEADERS | END_STREAM, 1, &field(b"x-a", b"\t1")),
            ]
            .concat(),
        ),
    ];
    for (number, (_, first)) in cut.iter().enumerate() {
        let host = format!("cut{number}.test");
        let address = start(&builder.certify(&host), first.clone(), vec![]);
        builder = builder.host(&format!("{host}:443"), address);
    }
    let good = Origin::start(&builder.certify("good.test"), |_| {}, "", repeat);
    let world = builder.host("good.test:443", good.address).limits("answer_time = \"20s\"").config(ALL).start();
    let browser = world.browser().at(OPEN);
    for (number, (what, _, _)) in cases.iter().enumerate() {
        let begun = Instant::now();
        let page = browser.ask(&format!("https://bad{number}.test/"));
        assert!(matches!(page.status, 502 | 504), "{what}: {page:#?}");
        assert!(!page.heads.to_ascii_lowercase().contains("set-cookie: a=1"), "{what}: {page:#?}");
        assert!(begun.elapsed() < PATIENCE, "{what}");
        assert_eq!(browser.ask("https://good.test/").status, 200, "after {what}");
    }
    for (number, (what, _)) in cut.iter().enumerate() {
        let page = browser.ask(&format!("https://cut{number}.test/"));
        assert!(page.exit != 0 || page.status == 502, "{what}: {page:#?}");
    }
}

#[test]
fn floods_of_small_frames_cost_little_and_are_in_nobodys_way() {
    let mut builder = open();
    let cases: [(&str, Vec<u8>); 4] = [
        ("ping", frame(PING, 0, 0, &[0; 8])),
        ("settings", frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100])),
        ("reset", frame(RST_STREAM, 0, 1, &[0, 0, 0, 8])),
        ("data", frame(DATA, 0, 1, b"x")),
    ];
    for (name, flood) in &cases {
        let host = format!("{name}.test");
        let first = if *name == "data" { frame(HEADERS, END_HEADERS, 1, &[OK]) } else { vec![] };
        let address = start(&builder.certify(&host), first, flood.repeat(1000));
        builder = builder.host(&format!("{host}:443"), address);
    }
    let good = Origin::start(&builder.certify("good.test"), |_| {}, "", repeat);
    let world =
        builder.host("good.test:443", good.address).limits("answer_time = \"5s\"\nworkers = 1").config(ALL).start();
    let floods: Vec<_> = cases
        .iter()
        .map(|(name, _)| {
            let mut stream = world.inside(OPEN, &format!("{name}.test:443"));
            write!(stream, "GET / HTTP/1.1\r\nHost: {name}.test\r\n\r\n").unwrap();
            stream
        })
        .collect();
    let browser = world.browser().at(OPEN);
    for _ in 0..10 {
        let page = browser.ask("https://good.test/");
        assert_eq!(page.status, 200, "{page:#?}");
    }
    drop(floods);
}
