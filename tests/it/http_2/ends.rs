//! How connections end, and requests that are sent again because their origin has not looked at them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::{Request, Response};
use serde_json::Value;

use super::super::scan::practice::Practice;
use super::super::world::World;
use super::client::Client;
use super::origin::{Doing, Origin, repeat, say, send};
use super::{ALL, OPEN, open};

/// Resets the first requests by this code, and answers the rest.
fn refusing(
    first: usize,
    reason: Reason,
) -> (Arc<AtomicUsize>, impl Fn(Request<RecvStream>, SendResponse<Bytes>) -> Doing) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let answer = move |request: Request<RecvStream>, mut respond: SendResponse<Bytes>| -> Doing {
        if counted.fetch_add(1, Ordering::SeqCst) < first {
            respond.send_reset(reason);
            return Box::pin(async {});
        }
        repeat(request, respond)
    };
    (count, answer)
}

#[test]
fn what_an_origin_refuses_is_sent_again_with_its_body_and_what_it_breaks_off_is_not() {
    for (reason, first, status, requests) in [
        (Reason::REFUSED_STREAM, 1, 200, 2),
        // The third time it is sent by HTTP/1.1.
        (Reason::REFUSED_STREAM, 9, 200, 2),
        (Reason::INTERNAL_ERROR, 1, 502, 1),
        (Reason::CANCEL, 1, 502, 1),
    ] {
        let mut builder = open();
        let (count, answer) = refusing(first, reason);
        let old = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        let origin = Origin::start(&builder.certify("new.test"), |_| {}, old, answer);
        let world = builder.host("new.test:443", origin.address).config(ALL).start();
        let mut client = Client::open(&world, OPEN, "new.test:443");
        let answer = client.post("https://new.test/form", "the body");
        assert_eq!((answer.status, count.load(Ordering::SeqCst)), (status, requests), "{reason:?}: {answer:?}");
        if status == 200 && first == 1 {
            assert_eq!(answer.text, "POST https://new.test/form the body");
        } else if status == 200 {
            assert_eq!((answer.text.as_str(), origin.connections().1), ("ok", 1));
        }
        world.record(|record| record["host"] == "new.test" && record["method"] == "POST");
    }
}

#[test]
fn an_origin_that_wants_http_1_1_for_some_request_gets_it_from_then_on() {
    let mut builder = open();
    let (count, answer) = refusing(usize::MAX, Reason::HTTP_1_1_REQUIRED);
    let old = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let origin = Origin::start(&builder.certify("new.test"), |_| {}, old, answer);
    let world = builder.host("new.test:443", origin.address).limits("workers = 1").config(ALL).start();
    let mut client = Client::open(&world, OPEN, "new.test:443");
    for _ in 0..3 {
        let answer = client.post("https://new.test/form", "the body");
        assert_eq!((answer.status, answer.text.as_str()), (200, "ok"));
    }
    assert_eq!(count.load(Ordering::SeqCst), 1);
    assert_eq!(origin.connections().0, 1);
    // New clients are told so in their handshake.
    let (_runtime, stream) = super::client::shake(&world, OPEN, "new.test:443", &[b"h2", b"http/1.1"]);
    assert_eq!(stream.unwrap().get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
}

#[test]
fn a_connection_that_its_origin_closes_lets_what_is_under_way_end_and_takes_nothing_more() {
    let (open_it, opened) = tokio::sync::watch::channel(false);
    let answer = move |request: Request<RecvStream>, mut respond: SendResponse<Bytes>| -> Doing {
        let mut opened = opened.clone();
        if request.uri().path() != "/slow" {
            return repeat(request, respond);
        }
        Box::pin(async move {
            let mut send = respond.send_response(Response::new(()), false).unwrap();
            send.send_data("begun".into(), false).unwrap();
            opened.wait_for(|open| *open).await.unwrap();
            send.send_data(" and ended".into(), true).unwrap();
        })
    };
    let mut builder = open();
    let origin = Origin::start(&builder.certify("new.test"), |_| {}, "", answer);
    let world = builder.host("new.test:443", origin.address).limits("workers = 1").config(ALL).start();
    let mut client = Client::open(&world, OPEN, "new.test:443");
    let (response, _) = client.begin(Request::get("https://new.test/slow").body(()).unwrap(), true);
    let (_, mut slow) = client.head(response);
    assert_eq!(client.next(&mut slow).unwrap().unwrap(), "begun");
    assert_eq!(client.get("https://new.test/last").status, 200);
    // The end of the connection may not have arrived when the next is sent; it is sent again if so.
    for number in 0..5 {
        let answer = client.post(&format!("https://new.test/{number}"), "more");
        assert_eq!((answer.status, answer.text), (200, format!("POST https://new.test/{number} more")));
    }
    open_it.send(true).unwrap();
    assert_eq!(client.next(&mut slow).unwrap().unwrap(), " and ended");
    assert!(client.next(&mut slow).is_none());
    assert_eq!(origin.connections(), (2, 0));
}

/// Answers once, and never ends.
fn endless(request: Request<RecvStream>, mut respond: SendResponse<Bytes>) -> Doing {
    Box::pin(async move {
        if request.into_parts().0.uri.path() == "/short" {
            return say(respond, 200, "short");
        }
        let mut send = respond.send_response(Response::new(()), false).unwrap();
        send.send_data("begun".into(), false).unwrap();
        drop(std::future::poll_fn(|cx| send.poll_reset(cx)).await);
    })
}

#[test]
fn whoever_signs_out_loses_their_streams_at_once_and_nobody_else_does() {
    let mut builder = World::build();
    let origin = Origin::start(&builder.certify("new.test"), |_| {}, "", endless);
    let rule = "[[policy.standing]]\nname = \"look inside\"\nintercept = true\n";
    let world = builder
        .network("open", "127.0.5.0/24", "sign_in = \"none\"")
        .host("new.test:443", origin.address)
        .config(rule)
        .start();
    let browser = world.browser();
    browser.arrive("http://news.test/");
    let (mut own, mut other) =
        (Client::open(&world, [127, 0, 0, 1], "new.test:443"), Client::open(&world, OPEN, "new.test:443"));
    let begin = |client: &mut Client| {
        let (response, _) = client.begin(Request::get("https://new.test/long").body(()).unwrap(), true);
        let (head, mut body) = client.head(response);
        assert_eq!(head.status(), 200);
        assert_eq!(client.next(&mut body).unwrap().unwrap(), "begun");
        body
    };
    let (mut of_own, _of_other) = (begin(&mut own), begin(&mut other));
    browser.sign_out();
    assert!(own.next(&mut of_own).unwrap().unwrap_err().is_reset());
    let record = world.record(|record| record["path"] == "/long" && record["user"] == "B.Simon@contoso.com");
    assert_eq!(record["reason"], "session-ended", "{record}");
    assert_eq!(other.get("https://new.test/short").text, "short");
    assert!(!world.records().iter().any(|record| record["path"] == "/long" && record["network"] == "open"));
}

#[test]
fn at_a_stop_clients_are_told_and_what_is_under_way_may_end() {
    let (open_it, opened) = tokio::sync::watch::channel(false);
    let answer = move |_: Request<RecvStream>, mut respond: SendResponse<Bytes>| -> Doing {
        let mut opened = opened.clone();
        Box::pin(async move {
            let mut send = respond.send_response(Response::new(()), false).unwrap();
            send.send_data("begun".into(), false).unwrap();
            opened.wait_for(|open| *open).await.unwrap();
            send.send_data(" and ended".into(), true).unwrap();
        })
    };
    let mut builder = open().drain_time("30s");
    let origin = Origin::start(&builder.certify("new.test"), |_| {}, "", answer);
    let world = builder.host("new.test:443", origin.address).config(ALL).start();
    let mut client = Client::open(&world, OPEN, "new.test:443");
    let (response, _) = client.begin(Request::get("https://new.test/").body(()).unwrap(), true);
    let (_, mut body) = client.head(response);
    assert_eq!(client.next(&mut body).unwrap().unwrap(), "begun");
    let ending = std::thread::spawn(move || world.end());
    let mut send = client.send.clone();
    let told = async {
        loop {
            match std::future::poll_fn(|cx| send.poll_ready(cx)).await {
                Ok(()) => tokio::time::sleep(std::time::Duration::from_millis(5)).await,
                Err(error) => return error,
            }
        }
    };
    assert!(client.wait(told).is_go_away());
    open_it.send(true).unwrap();
    assert_eq!(client.next(&mut body).unwrap().unwrap(), " and ended");
    assert!(client.next(&mut body).is_none());
    let records = ending.join().unwrap();
    let is_its = |record: &&Value| record["host"] == "new.test" && record["method"] == "GET";
    assert!(records.iter().find(is_its).unwrap()["reason"].is_null(), "{records:#?}");
}

#[test]
fn of_an_origin_that_ends_its_connection_while_its_answer_is_scanned_all_passes_or_nothing() {
    let scanner = Practice::start();
    let answer = |_: Request<RecvStream>, mut respond: SendResponse<Bytes>| -> Doing {
        Box::pin(async move {
            let mut stream = respond.send_response(Response::new(()), false).unwrap();
            send(&mut stream, vec![b'a'; 100_000].into(), false).await;
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            send(&mut stream, vec![b'b'; 100_000].into(), true).await;
        })
    };
    let mut builder = open();
    let origin = Origin::start(&builder.certify("new.test"), |_| {}, "", answer);
    let icap = format!("[[icap]]\nname = \"clean\"\nrespmod = {:?}\n", scanner.url("clean"));
    let rule = "[[policy.standing]]\nname = \"scan\"\nnetworks = [\"open\"]\nscan = [\"clean\"]\n";
    let world = builder.host("new.test:443", origin.address).config(ALL).config(&(icap + rule)).start();
    for (path, status, length, scan, reason) in [
        ("/last", 200, 200_000, "clean".into(), Value::Null),
        ("/gone", 502, 0, Value::Null, "http_response_incomplete".into()),
    ] {
        let mut client = Client::open(&world, OPEN, "new.test:443");
        let answer = client.get(&format!("https://new.test{path}"));
        let content = answer.text.matches(['a', 'b']).count();
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        assert!(if status == 200 { content == length } else { !answer.text.contains("aaa") }, "{path}: {content}");
        let record = |record: &Value| record["path"] == path;
        world.last_record_has(record, &[("scan", scan), ("reason", reason), ("origin_protocol", "HTTP/2".into())]);
    }
    assert_eq!(scanner.seen("clean")[0].body.len(), 200_000, "it has seen all of what has passed");
}
