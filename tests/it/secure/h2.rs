//! HTTP/2 between client and proxy: every kind of request, and many at the same time.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use http::{Method, Request};

use super::super::origin::Origin;
use super::super::world::PATIENCE;
use super::client::Client;
use super::{SHARED, browser, secure};

const CHROMIUM: &str = "Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0.0.0";

#[test]
fn requests_are_forwarded_and_recorded_as_over_http_1_1() {
    let origin = Origin::start(|head, stream| {
        let mut body = vec![0; 15];
        if head.starts_with("POST") {
            stream.read_exact(&mut body).unwrap();
        }
        let answer =
            format!("HTTP/1.1 200 OK\r\nConnection: close\r\nX-A: 1\r\n\r\n{head}{}", String::from_utf8_lossy(&body));
        drop(stream.write_all(answer.as_bytes()));
    });
    let world = secure("names = [\"proxy.test\"]")
        .host("open.test:80", origin.address)
        .config("[policy]\nwalled_garden = [\"open.test\"]")
        .start();
    let mut client = Client::connect(&world, SHARED);
    let answer = client.get("http://open.test/a?b", &[("accept", "*/*"), ("cookie", "a=1"), ("cookie", "b=2")]);
    assert_eq!((answer.status, answer.fields.get("x-a").unwrap().as_bytes()), (200, &b"1"[..]), "{answer:?}");
    assert!(answer.fields.get("connection").is_none(), "{answer:?}");
    assert!(
        answer.text.starts_with("GET /a?b HTTP/1.1\r\nHost: open.test\r\naccept: */*\r\ncookie: a=1; b=2\r\nVia: 2.0 ")
    );
    let post = Request::post("http://open.test/form").header("content-length", "5").body(()).unwrap();
    let (response, mut body) = client.begin(post, false);
    body.send_data("hello".into(), true).unwrap();
    drop(response);
    let post = Request::post("http://open.test/form").body(()).unwrap();
    let (response, mut body) = client.begin(post, false);
    body.send_data("hello".into(), true).unwrap();
    let answer = client.read(response);
    assert!(answer.text.ends_with("5\r\nhello\r\n0\r\n\r\n"), "{answer:?}");
    let bad = client.get("http://open.test/", &[("host", "other.test")]);
    assert_eq!((bad.status, bad.fields.get("proxy-status").is_some()), (400, true), "{bad:?}");
    let pac = client.get("https://proxy.test/proxy.pac", &[]);
    assert!(pac.status == 200 && pac.text.contains("FindProxyForURL"), "{pac:?}");
    world.last_record_has(
        |record| record["path"] == "/a",
        &[("listener", "secure".into()), ("decision", "permitted".into()), ("status", 200.into())],
    );
}

#[test]
fn somebody_unknown_is_challenged_and_known_on_all_streams_afterwards() {
    let world = secure("names = [\"proxy.test\"]").start();
    let mut client = Client::connect(&world, SHARED);
    let navigation = [("upgrade-insecure-requests", "1"), ("user-agent", CHROMIUM), ("accept", "text/html")];
    let challenged = client.get("http://news.test/", &navigation);
    assert_eq!(challenged.status, 302, "{challenged:?}");
    let part = client.get("http://news.test/a.png", &[("user-agent", CHROMIUM)]);
    assert_eq!(
        (part.status, part.fields.get("content-type").unwrap().as_bytes()),
        (511, &b"application/problem+json"[..])
    );
    let (refused, _) = client.tunnel("mail.test:22", CHROMIUM);
    assert_eq!(refused.status(), 403);
    // Somebody signs in; the portal's cookie comes by one stream of this connection and speaks for all of it.
    let browser = browser(&world);
    browser.arrive("http://news.test/");
    let portal = browser.cookie("portal.vestibule.test", "__Host-vestibule").unwrap();
    let page = client.ask_inside(&world, "portal.vestibule.test", "/me", &format!("__Host-vestibule={portal}"));
    assert_eq!(page.status, 200, "{page:?}");
    let also = client.get("http://shop.test/also", &[("user-agent", CHROMIUM)]);
    assert_eq!(also.status, 200, "{also:?}");
    world.last_record_has(
        |record| record["path"] == "/also",
        &[("user", "B.Simon@contoso.com".into()), ("surrogate", "connection".into())],
    );
    let (opened, tunnel) = client.tunnel("mail.test:443", CHROMIUM);
    assert_eq!(opened.status(), 200);
    // The end of the session ends what goes on in its name.
    let mut tunnel = tunnel;
    browser.sign_out();
    assert!(client.receive(&mut tunnel).is_none_or(|data| data.is_err()));
    let gone = client.get("http://shop.test/gone", &navigation);
    assert_eq!(gone.status, 302, "{gone:?}");
}

#[test]
fn a_tunnel_carries_octets_both_ways_and_each_end_closes_alone() {
    let end = TcpListener::bind("127.0.0.1:0").unwrap();
    let world = secure("names = [\"proxy.test\"]")
        .host("end.test:443", end.local_addr().unwrap())
        .config("[policy]\nwalled_garden = [\"end.test\"]")
        .start();
    let mut client = Client::connect(&world, SHARED);
    let (opened, mut tunnel) = client.tunnel("end.test:443", CHROMIUM);
    assert_eq!(opened.status(), 200);
    let (mut origin, _) = end.accept().unwrap();
    origin.set_read_timeout(Some(PATIENCE)).unwrap();
    client.send(&mut tunnel, b"ping");
    let mut got = [0; 4];
    origin.read_exact(&mut got).unwrap();
    assert_eq!(&got, b"ping");
    origin.write_all(b"pong").unwrap();
    assert_eq!(client.receive(&mut tunnel).unwrap().unwrap(), "pong");
    // More than all windows on the way.
    let much = 8 << 20;
    let writing = thread::spawn(move || {
        let octets: Vec<u8> = (0..much).map(|at: u32| at.to_le_bytes()[1] ^ 0x5a).collect();
        origin.write_all(&octets).unwrap();
        origin.shutdown(std::net::Shutdown::Write).unwrap();
        let mut rest = Vec::new();
        origin.read_to_end(&mut rest).unwrap();
        rest
    });
    let mut all = Vec::new();
    while let Some(data) = client.receive(&mut tunnel) {
        all.extend_from_slice(&data.unwrap());
    }
    assert_eq!(all.len(), much as usize);
    assert!(all.iter().zip(0_u32..).all(|(octet, at)| *octet == at.to_le_bytes()[1] ^ 0x5a));
    client.send(&mut tunnel, b"last");
    client.send(&mut tunnel, b"");
    assert_eq!(writing.join().unwrap(), b"last");
    world.wait_for(|records| records.iter().any(|record| record["host"] == "end.test" && record["bytes_in"] == 8));
}

#[test]
fn a_slow_stream_holds_no_other_up() {
    let (let_go, held) = std::sync::mpsc::channel::<()>();
    let held = std::sync::Mutex::new(held);
    let origin = Origin::start(move |head, stream| {
        if head.starts_with("GET /slow") {
            held.lock().unwrap().recv().unwrap();
        }
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
    });
    let world = secure("names = [\"proxy.test\"]")
        .host("open.test:80", origin.address)
        .config("[policy]\nwalled_garden = [\"open.test\"]")
        .start();
    let mut client = Client::connect(&world, SHARED);
    let slow = Request::get("http://open.test/slow").body(()).unwrap();
    let (slow, _) = client.begin(slow, true);
    let many: Vec<_> = (0..60)
        .map(|number| {
            let request = Request::get(format!("http://open.test/{number}")).body(()).unwrap();
            client.begin(request, true).0
        })
        .collect();
    for response in many {
        assert_eq!(client.read(response).text, "ok");
    }
    let_go.send(()).unwrap();
    assert_eq!(client.read(slow).text, "ok");
}

#[test]
fn a_stream_changes_its_protocol_by_extended_connect() {
    // RFC 8441, towards an origin that speaks RFC 6455.
    let origin = Origin::start(|head, stream| {
        let key = head.lines().find_map(|line| line.strip_prefix("sec-websocket-key: ")).unwrap();
        let digest = openssl::sha::sha1(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11").as_bytes());
        let accept = openssl::base64::encode_block(&digest);
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        stream.write_all(answer.as_bytes()).unwrap();
        let mut frame = [0; 4];
        stream.read_exact(&mut frame).unwrap();
        frame.reverse();
        stream.write_all(&frame).unwrap();
    });
    let world = secure("names = [\"proxy.test\"]")
        .host("open.test:80", origin.address)
        .config("[policy]\nwalled_garden = [\"open.test\"]")
        .start();
    let mut client = Client::connect(&world, SHARED);
    client.wait_for_extended_connect();
    // RFC 8441 §5: a key of the client's own has no meaning there, and none beside ours.
    let (opened, mut socket) = client.open(extended("websocket", &[("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")]));
    let keys = |head: &str| head.matches("sec-websocket-key:").count();
    assert!(origin.seen().iter().all(|head| keys(head) == 1 && !head.contains("dGhlIHNhbXBsZ")), "{:?}", origin.seen());
    assert_eq!((opened.status().as_u16(), opened.headers().get("sec-websocket-accept")), (200, None));
    client.send(&mut socket, b"1234");
    assert_eq!(client.receive(&mut socket).unwrap().unwrap(), "4321");
    drop(socket);
    world.last_record_has(|record| record["path"] == "/chat", &[("status", 101.into())]);
}

/// A request to change the protocol.
fn extended(protocol: &'static str, more: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::builder().method(Method::CONNECT).uri("http://open.test/chat");
    for (name, value) in [("sec-websocket-version", "13")].iter().chain(more) {
        request = request.header(*name, *value);
    }
    let mut request = request.body(()).unwrap();
    request.extensions_mut().insert(h2::ext::Protocol::from_static(protocol));
    request
}

#[test]
fn a_protocol_that_nobody_here_speaks_opens_nothing() {
    // RFC 8441 §4, RFC 9220 §3
    let end = TcpListener::bind("127.0.0.1:0").unwrap();
    let world = secure("names = [\"proxy.test\"]")
        .host("open.test:80", end.local_addr().unwrap())
        .config("[policy]\nwalled_garden = [\"open.test\"]")
        .start();
    let mut client = Client::connect(&world, SHARED);
    client.wait_for_extended_connect();
    for protocol in ["connect-udp", "WebSocket", "webtransport"] {
        let (answer, _) = client.open(extended(protocol, &[]));
        assert_eq!(answer.status(), 501, "{protocol}");
        assert!(answer.headers().contains_key("proxy-status"), "{protocol}: {answer:?}");
    }
    end.set_nonblocking(true).unwrap();
    assert!(end.accept().is_err(), "somebody was dialled");
    world.wait_for(|records| records.iter().filter(|record| record["status"] == 501).count() == 3);
}

#[test]
fn an_origin_that_does_not_change_the_protocol_has_not_opened_a_socket() {
    // RFC 6455 §4.1, RFC 8441 §5: 200 would say so.
    for answer in [
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 204 No Content\r\n\r\n",
    ] {
        let origin = Origin::answering(answer);
        let world = secure("names = [\"proxy.test\"]")
            .host("open.test:80", origin.address)
            .config("[policy]\nwalled_garden = [\"open.test\"]")
            .start();
        let mut client = Client::connect(&world, SHARED);
        client.wait_for_extended_connect();
        let (opened, _) = client.open(extended("websocket", &[]));
        assert_eq!(opened.status(), 502, "{answer:?}");
    }
}

#[test]
fn streams_are_counted_like_connections() {
    let end = TcpListener::bind("127.0.0.1:0").unwrap();
    let world = secure("names = [\"proxy.test\"]")
        .host("end.test:443", end.local_addr().unwrap())
        .limits("connections_per_client = 3")
        .config("[policy]\nwalled_garden = [\"end.test\"]")
        .start();
    let mut client = Client::connect(&world, SHARED);
    let first = client.tunnel("end.test:443", CHROMIUM);
    let second = client.tunnel("end.test:443", CHROMIUM);
    assert_eq!((first.0.status(), second.0.status()), (http::StatusCode::OK, http::StatusCode::OK));
    let request = Request::get("https://proxy.test/").body(()).unwrap();
    let (third, _) = client.begin(request, true);
    assert_eq!(client.wait(third).unwrap_err().reason(), Some(h2::Reason::REFUSED_STREAM));
    drop(first);
    // What was given up makes room, as soon as that is known.
    let served = (0..200).any(|_| {
        thread::sleep(std::time::Duration::from_millis(20));
        let request = Request::get("https://proxy.test/").body(()).unwrap();
        let (response, _) = client.begin(request, true);
        client.wait(response).is_ok_and(|response| response.status() == 200)
    });
    assert!(served);
}
