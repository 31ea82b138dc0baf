//! WebSockets and events: streams that stay open in both directions.

use std::io::{Read as _, Write as _};
use std::sync::mpsc;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{RecvStream, SendStream};
use http::{Method, Request, Response};

use super::super::raw::read_head;
use super::super::world::World;
use super::client::Client;
use super::origin::{Doing, Origin, say};
use super::{ALL, OPEN, open};

/// Says back what comes through a WebSocket.
fn echo(request: Request<RecvStream>, mut respond: SendResponse<Bytes>) -> Doing {
    Box::pin(async move {
        let is_socket = request.extensions().get::<h2::ext::Protocol>().is_some_and(|it| it.as_str() == "websocket");
        if !is_socket {
            return say(respond, 400, "not a WebSocket");
        }
        let response = Response::builder().header("sec-websocket-protocol", "chat").body(()).unwrap();
        let mut send = respond.send_response(response, false).unwrap();
        let mut body = request.into_body();
        while let Some(Ok(data)) = body.data().await {
            drop(body.flow_control().release_capacity(data.len()));
            drop(send.send_data(data, false));
        }
        drop(send.send_data(Bytes::new(), true));
    })
}

/// Talks through a WebSocket over HTTP/1.1.
fn talk_1(world: &World, host: &str) {
    let mut socket = world.inside(OPEN, &format!("{host}:443"));
    write!(
        socket,
        "GET /ws HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    .unwrap();
    let head = read_head(&mut socket);
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    assert!(head.to_ascii_lowercase().contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="), "{head}");
    for word in [b"one", b"two"] {
        socket.write_all(word).unwrap();
        let mut back = [0; 3];
        socket.read_exact(&mut back).unwrap();
        assert_eq!(&back, word);
    }
}

fn socket_request(host: &str) -> Request<()> {
    let request = Request::builder().method(Method::CONNECT).uri(format!("https://{host}/ws"));
    let mut request = request.header("sec-websocket-version", "13").body(()).unwrap();
    request.extensions_mut().insert(h2::ext::Protocol::from_static("websocket"));
    request
}

/// Talks through a WebSocket over HTTP/2.
fn talk_2(world: &World, host: &str) {
    let mut client = Client::open(world, OPEN, &format!("{host}:443"));
    let send = client.send.clone();
    client.wait(async {
        while !send.is_extended_connect_protocol_enabled() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    });
    let (response, mut send) = client.begin(socket_request(host), false);
    let (head, mut body) = client.head(response);
    assert_eq!(head.status(), 200, "{head:?}");
    for word in ["one", "two"] {
        client.wait(async { send.send_data(word.into(), false) }).unwrap();
        assert_eq!(client.next(&mut body).unwrap().unwrap(), word);
    }
    client.wait(async { send.send_data(Bytes::new(), true) }).unwrap();
    assert!(client.next(&mut body).is_none_or(|last| last.is_ok_and(|last| last.is_empty())));
}

#[test]
fn a_web_socket_goes_over_what_each_side_speaks() {
    let switching = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ACCEPT\r\n\r\n";
    let mut builder = open();
    let new =
        Origin::start(&builder.certify("new.test"), |builder| _ = builder.enable_connect_protocol(), switching, echo);
    // It speaks HTTP/2, and takes no WebSockets there.
    let half = Origin::start(&builder.certify("half.test"), |_| {}, switching, echo);
    let world = builder
        .host("new.test:443", new.address)
        .host("half.test:443", half.address)
        .limits("workers = 1")
        .config(ALL)
        .start();
    // Its answer comes after its settings, which say that it takes WebSockets.
    assert_eq!(world.browser().at(OPEN).ask("https://new.test/").status, 400);
    talk_1(&world, "new.test");
    // A WebSocket has a connection for itself.
    assert_eq!(world.browser().at(OPEN).ask("https://new.test/").status, 400);
    talk_2(&world, "new.test");
    assert_eq!(new.connections().1, 0, "both went over HTTP/2");
    talk_1(&world, "half.test");
    assert_eq!(half.connections().1, 1, "it got a connection of its own");
    // The other sockets of this client are its streams of HTTP/2, and the origin's connections of HTTP/1.1.
    talk_2(&world, "half.test");
    assert_eq!(half.connections().1, 2);
    let is_socket =
        |record: &&serde_json::Value| record["path"] == "/ws" && matches!(record["status"].as_u64(), Some(101));
    world.wait_for(|all| all.iter().filter(is_socket).count() == 4);
}

#[test]
fn events_come_one_by_one_and_bodies_go_both_ways_at_once() {
    let (tell, told) = mpsc::channel::<()>();
    let told = std::sync::Arc::new(std::sync::Mutex::new(told));
    let answer = move |request: Request<RecvStream>, mut respond: SendResponse<Bytes>| -> Doing {
        let told = std::sync::Arc::clone(&told);
        Box::pin(async move {
            let kind = if request.uri().path() == "/events" { "text/event-stream" } else { "text/plain" };
            let is_events = request.uri().path() == "/events";
            let response = Response::builder().header("content-type", kind).body(()).unwrap();
            let mut send: SendStream<Bytes> = respond.send_response(response, false).unwrap();
            if is_events {
                send.send_data("data: a\n\n".into(), false).unwrap();
                tokio::task::spawn_blocking(move || told.lock().unwrap().recv().unwrap()).await.unwrap();
                send.send_data("data: b\n\n".into(), true).unwrap();
                return;
            }
            let mut body = request.into_body();
            while let Some(Ok(data)) = body.data().await {
                drop(body.flow_control().release_capacity(data.len()));
                drop(send.send_data(data, false));
            }
            let trailers = body.trailers().await.unwrap().unwrap_or_default();
            drop(send.send_trailers(trailers));
        })
    };
    let mut builder = open();
    let origin = Origin::start(&builder.certify("live.test"), |_| {}, "", answer);
    let world = builder.host("live.test:443", origin.address).config(ALL).start();
    let mut client = Client::open(&world, OPEN, "live.test:443");
    let (response, _) = client.begin(Request::get("https://live.test/events").body(()).unwrap(), true);
    let (_, mut events) = client.head(response);
    assert_eq!(client.next(&mut events).unwrap().unwrap(), "data: a\n\n", "the next one is not written yet");
    tell.send(()).unwrap();
    assert_eq!(client.next(&mut events).unwrap().unwrap(), "data: b\n\n");
    // The answer begins while the request goes on.
    let (response, mut send) = client.begin(Request::post("https://live.test/both").body(()).unwrap(), false);
    let (_, mut body) = client.head(response);
    for word in ["one", "two", "three"] {
        client.wait(async { send.send_data(word.into(), false) }).unwrap();
        assert_eq!(client.next(&mut body).unwrap().unwrap(), word);
    }
    let trailers = http::HeaderMap::from_iter([("x-sum".parse().unwrap(), "3".parse().unwrap())]);
    client.wait(async { send.send_trailers(trailers) }).unwrap();
    assert!(client.next(&mut body).is_none());
    assert_eq!(client.wait(body.trailers()).unwrap().unwrap()["x-sum"], "3");
}
