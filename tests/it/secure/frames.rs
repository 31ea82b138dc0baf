//! What no library would send: frames by hand, from somebody who wants one request to be taken for another.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};

use super::super::origin::Origin;
use super::super::raw;
use super::super::world::World;
use super::{SHARED, client, secure};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

type Tls = StreamOwned<ClientConnection, TcpStream>;

/// A connection on which HTTP/2 has been agreed on.
fn tls(world: &World) -> Tls {
    let config = Arc::new(client::config(world));
    let connection = ClientConnection::new(config, ServerName::try_from("proxy.test").unwrap()).unwrap();
    StreamOwned::new(connection, raw::connect(world.listener("secure"), SHARED.into()))
}

fn connect(world: &World) -> Tls {
    let mut stream = tls(world);
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
    stream.write_all(&frame(SETTINGS, 0, 0, &[])).unwrap();
    stream
}

/// RFC 9113 §4.1.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let [_, length @ ..] = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut octets = length.to_vec();
    octets.extend([kind, flags]);
    octets.extend(stream.to_be_bytes());
    octets.extend(payload);
    octets
}

/// Literal fields that nobody indexes (RFC 7541 §6.2.2), shorter than 127 octets each.
fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut octets = Vec::new();
    for (name, value) in fields {
        octets.push(0);
        for text in [name, value] {
            octets.push(u8::try_from(text.len()).unwrap());
            octets.extend(text.as_bytes());
        }
    }
    octets
}

/// What the server makes of a stream.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// It is answered.
    Answered,
    /// It is reset, or the connection is closed.
    Refused,
}

/// Reads frames until something is said about stream 1.
fn verdict(stream: &mut Tls) -> Verdict {
    loop {
        let mut head = [0; 9];
        if stream.read_exact(&mut head).is_err() {
            return Verdict::Refused;
        }
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let mut payload = vec![0; length];
        if stream.read_exact(&mut payload).is_err() {
            return Verdict::Refused;
        }
        match (head[3], head[8]) {
            (HEADERS, 1) => return Verdict::Answered,
            (RST_STREAM, 1) | (GOAWAY, _) => return Verdict::Refused,
            _ => {}
        }
    }
}

/// What is wrong, the fields, and the body.
type Case = (&'static str, Vec<(&'static str, &'static str)>, &'static [u8]);

fn good() -> Vec<(&'static str, &'static str)> {
    vec![(":method", "GET"), (":scheme", "http"), (":authority", "open.test"), (":path", "/"), ("x-a", "1")]
}

/// The good request, in which one field is another.
fn but(name: &str, becomes: &'static str) -> Vec<(&'static str, &'static str)> {
    good().into_iter().map(|(found, value)| (found, if found == name { becomes } else { value })).collect()
}

fn and(more: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    good().into_iter().chain(more.iter().copied()).collect()
}

#[test]
fn no_stream_becomes_another_request_than_it_is() {
    let origin = Origin::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let world = secure("names = [\"proxy.test\"]")
        .host("open.test:80", origin.address)
        .config("[policy]\nwalled_garden = [\"open.test\"]")
        .start();
    let bad: Vec<Case> = vec![
        ("a transfer coding", and(&[("transfer-encoding", "chunked")]), b""),
        ("connection", and(&[("connection", "close")]), b""),
        ("upgrade", and(&[("upgrade", "websocket")]), b""),
        ("a line break in a value", and(&[("x-b", "1\r\nevil: 1")]), b""),
        ("a line feed in a value", and(&[("x-b", "1\nevil: 1")]), b""),
        ("a colon in a name", and(&[("x-b: 1\r\nevil", "1")]), b""),
        ("upper case in a name", and(&[("X-Evil", "1")]), b""),
        ("a name without letters", and(&[("", "1")]), b""),
        ("a line break in the path", but(":path", "/ HTTP/1.1\r\nevil: 1\r\n\r\nGET /"), b""),
        ("a space in the path", but(":path", "/a b"), b""),
        ("a line break in the method", but(":method", "GET / HTTP/1.1\r\nevil: 1\r\n\r\nGET"), b""),
        ("a line break in the authority", but(":authority", "open.test\r\nevil: 1"), b""),
        ("an authority with a path", but(":authority", "open.test/evil"), b""),
        ("a scheme with more in it", but(":scheme", "http://evil.test/?"), b""),
        ("te", and(&[("te", "gzip")]), b""),
        ("two lengths", and(&[("content-length", "2"), ("content-length", "3")]), b"abc"),
        ("a length that is too short", and(&[("content-length", "2")]), b"abcGET /evil HTTP/1.1\r\n\r\n"),
        ("a length that is none", and(&[("content-length", "+3")]), b"abc"),
        ("a pseudo field twice", and(&[(":path", "/evil")]), b""),
        ("a pseudo field nobody knows", and(&[(":evil", "1")]), b""),
        ("a value that ends in a space", and(&[("x-b", "evil ")]), b""),
        ("a value that begins with a space", and(&[("x-b", " evil")]), b""),
        ("a value that begins with a tab", and(&[("x-b", "\tevil")]), b""),
        ("a value that is a space", and(&[("x-b", " "), ("evil", "1")]), b""),
        ("an asterisk that is not of OPTIONS", but(":path", "*"), b""),
        ("a path that goes on with the authority", but(":path", ".evil.test/"), b""),
        ("a query alone", but(":path", "?evil"), b""),
        (
            "a protocol with more in it",
            {
                let mut fields = but(":method", "CONNECT");
                fields.insert(4, (":protocol", "websocket\r\nevil: 1"));
                fields
            },
            b"",
        ),
        ("two hosts", and(&[("host", "evil.test")]), b""),
    ];
    for (what, fields, body) in &bad {
        let mut stream = connect(&world);
        let over = if body.is_empty() { END_STREAM } else { 0 };
        let mut octets = frame(HEADERS, END_HEADERS | over, 1, &block(fields));
        if !body.is_empty() {
            octets.extend(frame(DATA, END_STREAM, 1, body));
        }
        // At once: an origin may answer a good head before its body has come.
        stream.write_all(&octets).unwrap();
        // The library lets these two pass: our own reader answers 400.
        let is_read = matches!(*what, "a protocol with more in it" | "two hosts");
        let wanted = if is_read { Verdict::Answered } else { Verdict::Refused };
        assert_eq!(verdict(&mut stream), wanted, "{what}");
        let seen = origin.seen();
        assert!(seen.iter().all(|head| !head.contains("evil")), "{what}: {seen:?}");
    }
    // The only one of them that may have begun: its head is good, and the body breaks it off.
    assert!(origin.seen().len() <= 1, "{:?}", origin.seen());
    let mut stream = connect(&world);
    stream.write_all(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &block(&good()))).unwrap();
    assert_eq!(verdict(&mut stream), Verdict::Answered);
    assert!(origin.seen().last().unwrap().contains("x-a: 1\r\n"));
}

#[test]
fn whoever_opens_streams_only_to_give_them_up_is_sent_away() {
    // CVE-2023-44487, and heads that never end (CVE-2024-27316).
    let world = secure("names = [\"proxy.test\"]").start();
    let mut stream = connect(&world);
    let mut given_up = false;
    for number in 0..20_000_u32 {
        let id = number * 2 + 1;
        let mut octets = frame(HEADERS, END_HEADERS | END_STREAM, id, &block(&but(":authority", "news.test")));
        octets.extend(frame(RST_STREAM, 0, id, &8_u32.to_be_bytes()));
        if stream.write_all(&octets).is_err() {
            given_up = true;
            break;
        }
    }
    assert!(given_up, "20,000 streams were taken");
    let mut stream = connect(&world);
    let mut octets = frame(HEADERS, END_STREAM, 1, &block(&good()));
    for _ in 0..200_000 {
        octets.extend(frame(CONTINUATION, 0, 1, &block(&[("x-b", "1234567890123456789012345678901234567890")])));
    }
    let refused =
        octets.chunks(16_384).any(|part| stream.write_all(part).is_err()) || verdict(&mut stream) == Verdict::Refused;
    assert!(refused, "a head of 10 MB was taken");
    assert_eq!(client::Client::connect(&world, SHARED).get("https://proxy.test/healthz", &[]).text, "ok\n");
}

/// A world with an origin that tells what it was sent as a body, as it came, and its secure web proxy.
fn uploading() -> (World, std::sync::mpsc::Receiver<Vec<u8>>) {
    let (tell, told) = std::sync::mpsc::channel();
    let origin = Origin::start(move |head, stream| {
        let mut body = Vec::new();
        let mut part = [0; 1024];
        while head.starts_with("POST") && !body.ends_with(b"0\r\n\r\n") && !body.ends_with(b"x-sum: 1\r\n\r\n") {
            match stream.read(&mut part) {
                Ok(count) if count > 0 => body.extend_from_slice(&part[..count]),
                _ => break,
            }
        }
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
        if head.starts_with("POST") {
            tell.send(body).unwrap();
        }
    });
    let world = secure("names = [\"proxy.test\"]")
        .host("open.test:80", origin.address)
        .config("[policy]\nwalled_garden = [\"open.test\"]")
        .start();
    (world, told)
}

/// What is said about a stream, whatever else is said.
fn verdict_of(stream: &mut Tls, id: u8) -> Verdict {
    loop {
        let (kind, of) = match read_frame(stream) {
            Some((kind, of, _)) => (kind, of),
            None => return Verdict::Refused,
        };
        match (kind, of) {
            (HEADERS, of) if of == id => return Verdict::Answered,
            (RST_STREAM, of) if of == id => return Verdict::Refused,
            (GOAWAY, _) => return Verdict::Refused,
            _ => {}
        }
    }
}

fn read_frame(stream: &mut Tls) -> Option<(u8, u8, Vec<u8>)> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).ok()?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload).ok()?;
    Some((head[3], head[8], payload))
}

#[test]
fn a_trailer_section_has_no_pseudo_header_fields() {
    // RFC 9113 §8.1, in each way that HPACK can write them (RFC 7541 §6).
    let (world, told) = uploading();
    let sum = block(&[("x-sum", "1")]);
    let with_sum = |field: &[u8]| [&sum[..], field].concat();
    let in_front = |field: &[u8]| [field, &sum[..]].concat();
    for (what, trailers) in [
        ("written out", block(&[(":path", "/evil")])),
        ("another one", block(&[(":status", "200")])),
        ("one that nobody knows", block(&[(":evil", "1")])),
        ("behind another field", with_sum(&block(&[(":method", "GET")]))),
        ("before another field", in_front(&block(&[(":method", "GET")]))),
        ("in Huffman's code", vec![0, 0x84, 0xb9, 0x58, 0xd3, 0x3f, 1, b'/']),
        ("by an index", in_front(&[0x84])),
        ("by the index of its name", in_front(&[0x04, 1, b'/'])),
        ("by the index of its name, to be kept", in_front(&[0x44, 1, b'/'])),
        ("by the index of its name, never to be kept", in_front(&[0x14, 1, b'/'])),
    ] {
        for cut in [false, true] {
            let mut stream = connect(&world);
            stream.write_all(&frame(HEADERS, END_HEADERS, 1, &block(&but(":method", "POST")))).unwrap();
            stream.write_all(&frame(DATA, 0, 1, b"abc")).unwrap();
            if cut {
                // Padded, with a priority, and in two frames.
                let first = [&[2, 0, 0, 0, 0, 9][..], &trailers[..1], &[0, 0]].concat();
                stream.write_all(&frame(HEADERS, END_STREAM | 0x28, 1, &first)).unwrap();
                stream.write_all(&frame(CONTINUATION, END_HEADERS, 1, &trailers[1..])).unwrap();
            } else {
                stream.write_all(&frame(HEADERS, END_STREAM | END_HEADERS, 1, &trailers)).unwrap();
            }
            stream.write_all(&frame(HEADERS, END_STREAM | END_HEADERS, 3, &block(&good()))).unwrap();
            assert_eq!(verdict_of(&mut stream, 1), Verdict::Refused, "{what}, {cut}");
            // The library ends the whole connection for a name that it does not know.
            let others = if what == "one that nobody knows" { Verdict::Refused } else { Verdict::Answered };
            assert_eq!(verdict_of(&mut stream, 3), others, "{what}, {cut}: the others go on");
            if others == Verdict::Refused {
                // The end may come before the origin has been asked anything.
                while told
                    .recv_timeout(std::time::Duration::from_millis(200))
                    .is_ok_and(|body| !body.ends_with(b"\r\n\r\n"))
                {}
                continue;
            }
            let body = told.recv_timeout(super::super::world::PATIENCE).unwrap();
            assert!(!body.ends_with(b"\r\n\r\n"), "{what}, {cut}: {}", body.escape_ascii());
        }
    }
    let mut stream = connect(&world);
    stream.write_all(&frame(HEADERS, END_HEADERS, 1, &block(&but(":method", "POST")))).unwrap();
    stream.write_all(&frame(DATA, 0, 1, b"abc")).unwrap();
    stream.write_all(&frame(HEADERS, END_STREAM | END_HEADERS, 1, &sum)).unwrap();
    assert_eq!(verdict_of(&mut stream, 1), Verdict::Answered);
    assert_eq!(told.recv().unwrap().escape_ascii().to_string(), r"3\r\nabc\r\n0\r\nx-sum: 1\r\n\r\n");
}

#[test]
fn a_tunnel_has_no_trailer_section() {
    // RFC 9113 §8.5
    let end = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let world = secure("names = [\"proxy.test\"]")
        .host("end.test:443", end.local_addr().unwrap())
        .config("[policy]\nwalled_garden = [\"end.test\"]")
        .start();
    let mut stream = connect(&world);
    let asked = [(":method", "CONNECT"), (":authority", "end.test:443")];
    stream.write_all(&frame(HEADERS, END_HEADERS, 1, &block(&asked))).unwrap();
    assert_eq!(verdict_of(&mut stream, 1), Verdict::Answered);
    let (mut origin, _) = end.accept().unwrap();
    stream.write_all(&frame(HEADERS, END_STREAM | END_HEADERS, 1, &block(&[("x-sum", "1")]))).unwrap();
    assert_eq!(verdict_of(&mut stream, 1), Verdict::Refused);
    assert!(origin.read(&mut [0; 1]).is_err(), "it is broken off");
}

#[test]
fn many_small_frames_at_once_are_served_and_none_is_lost() {
    let end = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let world = secure("names = [\"proxy.test\"]")
        .host("end.test:443", end.local_addr().unwrap())
        .config("[policy]\nwalled_garden = [\"end.test\"]")
        .start();
    for reads_at_once in [true, false] {
        let mut stream = connect(&world);
        let asked = [(":method", "CONNECT"), (":authority", "end.test:443")];
        stream.write_all(&frame(HEADERS, END_HEADERS, 1, &block(&asked))).unwrap();
        assert_eq!(verdict_of(&mut stream, 1), Verdict::Answered);
        let (mut origin, _) = end.accept().unwrap();
        origin.set_read_timeout(Some(super::super::world::PATIENCE)).unwrap();
        // More than the library would keep if the streams had no turn in between.
        const FRAMES: usize = 100_000;
        let burst: Vec<u8> = (0..FRAMES).flat_map(|at| frame(DATA, 0, 1, &[at.to_le_bytes()[0]])).collect();
        stream.write_all(&burst).unwrap();
        stream.flush().unwrap();
        if !reads_at_once {
            std::thread::sleep(std::time::Duration::from_millis(300));
        }
        let mut got = vec![0; FRAMES];
        origin.read_exact(&mut got).unwrap();
        assert!(got.iter().enumerate().all(|(at, octet)| *octet == at.to_le_bytes()[0]));
        let other = [(":method", "GET"), (":scheme", "https"), (":authority", "proxy.test"), (":path", "/healthz")];
        stream.write_all(&frame(HEADERS, END_STREAM | END_HEADERS, 3, &block(&other))).unwrap();
        assert_eq!(verdict_of(&mut stream, 3), Verdict::Answered);
    }
}

#[test]
fn whoever_has_agreed_on_http_2_and_speaks_http_1_1_is_answered_in_it() {
    // As Go's client to a proxy: it offers what it does not speak.
    let world = secure("names = [\"proxy.test\"]").start();
    for request in [
        "GET /healthz HTTP/1.1\r\nHost: proxy.test\r\nConnection: close\r\n\r\n",
        "PROPFIND /healthz HTTP/1.1\r\nHost: proxy.test\r\nConnection: close\r\n\r\n",
    ] {
        let mut stream = tls(&world);
        // In pieces, the first of which could be the preface of the other.
        for part in [&request[..1], &request[1..3], &request[3..]] {
            stream.write_all(part.as_bytes()).unwrap();
            stream.flush().unwrap();
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let answer = raw::Answer::read(&mut stream);
        let status = if request.starts_with("GET") { 200 } else { 405 };
        assert_eq!(answer.status, status, "{answer:?}");
    }
}

#[test]
fn http_2_can_be_switched_off() {
    let world = secure("names = [\"proxy.test\"], h2 = false").start();
    let mut config = client::config(&world);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let connection = ClientConnection::new(config.into(), ServerName::try_from("proxy.test").unwrap()).unwrap();
    let mut stream = StreamOwned::new(connection, raw::connect(world.listener("secure"), SHARED.into()));
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: proxy.test\r\nConnection: close\r\n\r\n").unwrap();
    assert_eq!(raw::Answer::read(&mut stream).text(), "ok\n");
    assert_eq!(stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
}
