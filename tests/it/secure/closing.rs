//! How streams end: what was answered inside arrives as a whole, and a reset is told from an end (RFC 9113 §8.5).

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};

use super::super::origin::Origin;
use super::super::raw::Answer;
use super::super::world::{PATIENCE, World};
use super::client::{self, Client, Inside};
use super::{SHARED, secure};

const CHROMIUM: &str = "Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0.0.0";

/// What comes of a request inside a stream that is to be the last: the answer, and how TLS and the stream ended.
fn ask(world: &World, client: &mut Client, host: &str, path: &str, cookie: &str) -> Answer {
    let (opened, mut tunnel) = client.tunnel(&format!("{host}:443"), CHROMIUM);
    assert_eq!(opened.status(), 200, "{host}");
    let mut config = client::config(world);
    config.alpn_protocols.clear();
    let tls = ClientConnection::new(config.into(), ServerName::try_from(host.to_owned()).unwrap()).unwrap();
    let mut stream = StreamOwned::new(tls, Inside::new(client, &mut tunnel));
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n").unwrap();
    let mut all = Vec::new();
    // An end without the closure alert is an error here (RFC 8446 §6.1).
    let read = stream.read_to_end(&mut all);
    assert!(read.is_ok(), "{host}{path}: {} octets, and then {read:?}", all.len());
    drop(stream);
    while let Some(rest) = client.receive(&mut tunnel) {
        assert!(rest.as_ref().is_ok_and(bytes::Bytes::is_empty), "{host}{path}: {rest:?}");
    }
    let answer = Answer::of_bytes(&all);
    assert!(answer.complete, "{host}{path}: {answer:?}");
    answer
}

#[test]
fn what_is_answered_inside_a_stream_arrives_whole_and_the_stream_ends() {
    // As long as the page that was lost after a sign-in: it needs a few segments, where the others need one and a dozen.
    let mut builder = secure("names = [\"proxy.test\"]");
    let page = "a".repeat(4844);
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 4844\r\nConnection: close\r\n\r\n{page}");
    let origin = Origin::start_tls(builder.certify("first.test"), move |_, stream| {
        drop(stream.write_all(answer.as_bytes()));
    });
    let world = builder.host("first.test:443", origin.address).start();
    // Over a plain listener, where only a cookie tells people apart, it is given on https as well.
    let browser = world.browser().at(SHARED);
    browser.arrive("https://mail.test/inbox");
    let first = browser.go("https://first.test/");
    assert_eq!((first.status, first.body.len()), (200, 4844), "{first:?}");
    let [cookie, first] = ["mail.test", "first.test"]
        .map(|host| format!("__Host-vestibule_s={}", browser.cookie(host, "__Host-vestibule_s").unwrap()));
    let (mut client, mut stranger) = (Client::connect(&world, SHARED), Client::connect(&world, SHARED));
    for _ in 0..20 {
        let forwarded = ask(&world, &mut client, "mail.test", "/inbox", &cookie);
        assert!(forwarded.status == 200 && forwarded.text().contains("This is mail.test"), "{forwarded:?}");
        let longer = ask(&world, &mut client, "first.test", "/", &first);
        assert_eq!((longer.status, longer.body.len()), (200, 4844), "{longer:?}");
        let challenged = ask(&world, &mut stranger, "shop.test", "/", "");
        assert_eq!(challenged.status, 511, "{challenged:?}");
        let portal = ask(&world, &mut stranger, "portal.vestibule.test", "/", "");
        assert_eq!(portal.status, 200, "{portal:?}");
    }
}

#[test]
fn an_origin_that_ends_a_tunnel_is_told_from_one_that_breaks_it_off() {
    let end = TcpListener::bind("127.0.0.1:0").unwrap();
    let world = secure("names = [\"proxy.test\"]")
        .host("end.test:443", end.local_addr().unwrap())
        .config("[policy]\nwalled_garden = [\"end.test\"]")
        .start();
    let mut client = Client::connect(&world, SHARED);
    let much = vec![b'a'; 150_000];
    for breaks_off in [false, true] {
        let (_, mut tunnel) = client.tunnel("end.test:443", CHROMIUM);
        let (mut origin, _) = end.accept().unwrap();
        origin.write_all(&much).unwrap();
        if breaks_off {
            // All has been acknowledged, so that a reset takes nothing back.
            std::thread::sleep(Duration::from_millis(300));
            reset(origin);
        } else {
            drop(origin);
        }
        let (mut arrived, mut ended) = (0, Ok(()));
        while let Some(data) = client.receive(&mut tunnel) {
            match data {
                Ok(data) => arrived += data.len(),
                Err(error) => {
                    ended = Err(error.reason());
                    break;
                }
            }
        }
        let wanted = if breaks_off { Err(Some(h2::Reason::CONNECT_ERROR)) } else { Ok(()) };
        assert_eq!((arrived, ended), (much.len(), wanted), "breaks off: {breaks_off}");
    }
}

#[test]
fn a_client_that_ends_its_stream_is_told_from_one_that_breaks_it_off() {
    let end = TcpListener::bind("127.0.0.1:0").unwrap();
    let world = secure("names = [\"proxy.test\"]")
        .host("end.test:443", end.local_addr().unwrap())
        .config("[policy]\nwalled_garden = [\"end.test\"]")
        .start();
    let mut client = Client::connect(&world, SHARED);
    for breaks_off in [false, true] {
        let (_, mut tunnel) = client.tunnel("end.test:443", CHROMIUM);
        let (mut origin, _) = end.accept().unwrap();
        origin.set_read_timeout(Some(PATIENCE)).unwrap();
        client.send(&mut tunnel, b"hello");
        let mut got = [0; 5];
        origin.read_exact(&mut got).unwrap();
        if breaks_off {
            tunnel.reset(h2::Reason::CANCEL);
        } else {
            client.send(&mut tunnel, b"");
        }
        client.turn();
        let read = origin.read(&mut got).map_err(|error| error.kind());
        let wanted = if breaks_off { Err(std::io::ErrorKind::ConnectionReset) } else { Ok(0) };
        assert_eq!(read, wanted, "breaks off: {breaks_off}");
    }
}

fn reset(stream: TcpStream) {
    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    drop(stream);
}
