//! How connections end (RFC 9112 §9.6): what was answered arrives as a whole, and what was cut off looks so.

use std::io::{ErrorKind, Read as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};

use super::origin::Origin;
use super::raw::{Answer, connect, read_head};
use super::secure::client::config;
use super::world::{Builder, World};

const ME: [u8; 4] = [127, 0, 0, 1];

/// A world in which the one client is signed in.
fn signed_in(builder: Builder) -> World {
    let world = builder.start();
    world.browser().arrive("http://news.test/");
    world
}

/// More than the buffers of a connection hold.
fn large() -> Vec<u8> {
    [&b"HTTP/1.1 200 OK\r\nContent-Length: 6000000\r\n\r\n"[..], &vec![b'a'; 6_000_000]].concat()
}

#[test]
fn an_answer_arrives_whole_whatever_else_its_client_has_sent() {
    let origin = Origin::answering(large());
    let world = signed_in(World::build().host("raw.test:80", origin.address));
    for (what, version, more) in [
        ("an empty line", "1.1", "\r\n".to_owned()),
        ("another request", "1.1", "GET http://raw.test/2 HTTP/1.1\r\nHost: raw.test\r\n\r\n".to_owned()),
        ("much more", "1.1", "x".repeat(100_000)),
        ("a client of 1.0", "1.0", "GET http://raw.test/2 HTTP/1.0\r\n\r\n".to_owned()),
    ] {
        let mut stream = world.connect(ME);
        let head = format!("GET http://raw.test/ HTTP/{version}\r\nHost: raw.test\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        for _ in 0..2 {
            stream.write_all(more.as_bytes()).unwrap();
            std::thread::sleep(Duration::from_millis(50));
        }
        // As a client that is busy: the proxy has sent all that it can before anything is read.
        std::thread::sleep(Duration::from_millis(300));
        let mut all = Vec::new();
        let read = stream.read_to_end(&mut all);
        let answer = Answer::of_bytes(&all);
        assert!(answer.complete, "{what}: {} octets arrived, and then {read:?}", answer.body.len());
        assert_eq!(read.map_err(|error| error.kind()), Ok(all.len()), "{what}");
    }
}

#[test]
fn whoever_sends_a_large_body_can_read_why_it_is_refused() {
    let early = Origin::start(|_, stream| {
        drop(stream.write_all(b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno"));
        // The rest is left unread for a while, as by a server that lingers.
        std::thread::sleep(Duration::from_secs(1));
    });
    let world = signed_in(World::build().host("early.test:80", early.address));
    let body = vec![b'a'; 12_000_000];
    for (target, status) in [
        ("http://early.test/", 413),
        // These are refused by us, before anybody is dialled.
        ("ftp://early.test/", 400),
        ("http://10.0.0.1/", 403),
    ] {
        let mut stream = world.connect(ME);
        let host = target.split('/').nth(2).unwrap();
        write!(stream, "POST {target} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 12000000\r\n\r\n").unwrap();
        let sent = stream.write_all(&body);
        assert!(sent.is_ok(), "{target}: {sent:?}");
        std::thread::sleep(Duration::from_millis(100));
        let answer = Answer::read_one(&mut stream);
        assert_eq!(answer.status, status, "{target}: {answer:?}");
    }
    // The portal does not read such a form, either.
    let mut stream = world.connect(ME);
    write!(stream, "CONNECT portal.vestibule.test:443 HTTP/1.1\r\nHost: portal.vestibule.test:443\r\n\r\n").unwrap();
    assert!(read_head(&mut stream).starts_with("HTTP/1.1 200"));
    let mut stream = world.handshake(stream, "portal.vestibule.test:443");
    write!(
        stream,
        "POST /logon HTTP/1.1\r\nHost: portal.vestibule.test\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: 12000000\r\n\r\n"
    )
    .unwrap();
    let sent = stream.write_all(&body);
    assert!(sent.is_ok(), "the portal: {sent:?}");
    let head = read_head(&mut stream);
    assert!(head.starts_with("HTTP/1.1 413"), "{head}");
}

/// An answer without an end, and the same with one: in chunks, by its length, by the close.
fn answers() -> [(&'static str, &'static str, bool); 5] {
    [
        ("chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", true),
        ("chunks that break off", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", false),
        ("a chunk that breaks off", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhello", false),
        ("a length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", true),
        ("until the close", "HTTP/1.1 200 OK\r\n\r\nhello", true),
    ]
}

#[test]
fn an_answer_that_was_cut_off_looks_so_to_a_client_of_1_0() {
    // RFC 9112 §8: only the end of the connection tells such a client how much there is.
    for (what, octets, whole) in answers() {
        let origin = Origin::answering(octets);
        let world = signed_in(World::build().host("raw.test:80", origin.address));
        let mut stream = world.connect(ME);
        stream.write_all(b"GET http://raw.test/ HTTP/1.0\r\n\r\n").unwrap();
        let mut all = Vec::new();
        let read = stream.read_to_end(&mut all).map(drop).map_err(|error| error.kind());
        assert_eq!(read, if whole { Ok(()) } else { Err(ErrorKind::ConnectionReset) }, "{what}");
    }
}

#[test]
fn over_tls_an_end_is_announced_and_a_cut_is_not() {
    // RFC 8446 §6.1, RFC 9112 §9.8
    for (what, octets, whole) in answers() {
        let origin = Origin::answering(octets);
        let world = World::build()
            .config("[[listener]]\nname = \"secure\"\naddress = \"127.0.0.1:0\"\ntls = { names = [\"proxy.test\"] }")
            .host("raw.test:80", origin.address)
            .config("[policy]\nwalled_garden = [\"raw.test\"]")
            .start();
        let mut tls = config(&world);
        tls.alpn_protocols.clear();
        let name = ServerName::try_from("proxy.test").unwrap();
        let connection = ClientConnection::new(Arc::new(tls), name).unwrap();
        let mut stream = StreamOwned::new(connection, connect(world.listener("secure"), ME.into()));
        stream.write_all(b"GET http://raw.test/ HTTP/1.0\r\n\r\n").unwrap();
        let mut all = Vec::new();
        let read = stream.read_to_end(&mut all).map(drop).map_err(|error| error.kind());
        let cut = [Err(ErrorKind::UnexpectedEof), Err(ErrorKind::ConnectionReset)];
        assert!(if whole { read == Ok(()) } else { cut.contains(&read) }, "{what}: {read:?}");
    }
}
