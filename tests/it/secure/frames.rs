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

fn connect(world: &World) -> Tls {
    let config = Arc::new(client::config(world));
    let connection = ClientConnection::new(config, ServerName::try_from("proxy.test").unwrap()).unwrap();
    let mut stream = StreamOwned::new(connection, raw::connect(world.listener("secure"), SHARED.into()));
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
        stream.write_all(&frame(HEADERS, END_HEADERS | over, 1, &block(fields))).unwrap();
        if !body.is_empty() {
            drop(stream.write_all(&frame(DATA, END_STREAM, 1, body)));
        }
        drop(stream.flush());
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
