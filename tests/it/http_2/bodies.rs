//! Long bodies, many at a time, and bodies that break off.

use std::process::Command;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::{Request, Response};

use super::super::clients::origins::nginx_with;
use super::super::raw::Answer;
use super::client::{Client, whole};
use super::origin::{Doing, Origin, say, send};
use super::{ALL, OPEN, open};

/// The hash of a file, as the system's own program says.
fn hash(file: &std::path::Path) -> String {
    let output = Command::new("sha256sum").arg(file).output().unwrap();
    String::from_utf8(output.stdout).unwrap().split(' ').next().unwrap().to_owned()
}

#[test]
fn long_bodies_go_up_and_down_unharmed_to_an_origin_of_http_2() {
    let mut builder = open();
    let (chain, key) = builder.certify_files("new.test");
    let (folder, site) = (builder.folder().join("nginx"), builder.folder().join("nginx/site"));
    std::fs::create_dir(&folder).unwrap();
    let server = nginx_with(&folder, &chain, &key, "http2");
    let world = builder.host("new.test:443", server.secure).config(ALL).start();
    let long = world.path("long");
    // What differs from place to place, and cannot be compressed.
    let made = Command::new("openssl").args(["rand", "-out"]).arg(&long).arg(200_000_000.to_string()).status().unwrap();
    assert!(made.success());
    let (part, all) = (world.path("part"), hash(&long));
    std::fs::write(&part, &std::fs::read(&long).unwrap()[..100_000_000]).unwrap();
    let half = hash(&part);
    let browser = world.browser().at(OPEN);
    std::fs::hard_link(&long, site.join("long.bin")).unwrap();
    let curl = |option: &str, url: &str, more: [&str; 2]| {
        let mut command = browser.command();
        command.args(["-sS", "--fail", "--max-time", "300", option, url]).args(more);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{option} {url}: {}", String::from_utf8_lossy(&output.stderr));
    };
    for option in ["--http2", "--http1.1"] {
        let back = world.path("back");
        curl(option, "https://new.test/long.bin", ["-o", back.to_str().unwrap()]);
        assert_eq!(hash(&back), all, "{option}");
        std::fs::remove_file(back).unwrap();
        let name = format!("up{option}");
        curl(option, &format!("https://new.test/echo/{name}"), ["-T", part.to_str().unwrap()]);
        assert_eq!(hash(&site.join("echo").join(&name)), half, "{option}");
    }
}

/// Sends as much as the path says: so many times 64 KiB.
fn pour(request: Request<RecvStream>, mut respond: SendResponse<Bytes>) -> Doing {
    Box::pin(async move {
        let count: usize = request.uri().path()[1..].parse().unwrap();
        let mut stream = respond.send_response(Response::new(()), false).unwrap();
        for left in (0..count).rev() {
            if !send(&mut stream, Bytes::from(vec![b'x'; 64 * 1024]), left == 0).await {
                return;
            }
        }
    })
}

#[test]
fn a_stream_that_nobody_reads_is_in_no_others_way() {
    let mut builder = open();
    let origin = Origin::start(&builder.certify("new.test"), |_| {}, "", pour);
    let world = builder.host("new.test:443", origin.address).limits("workers = 1").config(ALL).start();
    // They share one connection to the origin.
    let (mut slow, mut quick) =
        (Client::open(&world, OPEN, "new.test:443"), Client::open(&world, OPEN, "new.test:443"));
    let (response, _) = slow.begin(Request::get("https://new.test/100").body(()).unwrap(), true);
    let (_, mut stalled) = slow.head(response);
    let all: Vec<_> =
        (0..50).map(|_| quick.begin(Request::get("https://new.test/12").body(()).unwrap(), true).0).collect();
    let beside = slow.begin(Request::get("https://new.test/4").body(()).unwrap(), true).0;
    for response in all {
        assert_eq!(quick.read(response).unwrap().text.len(), 12 * 64 * 1024);
    }
    assert_eq!(slow.read(beside).unwrap().text.len(), 4 * 64 * 1024);
    assert_eq!(origin.connections(), (1, 0));
    let mut count = 0;
    while let Some(data) = slow.next(&mut stalled) {
        count += data.unwrap().len();
    }
    assert_eq!(count, 100 * 64 * 1024);
}

/// Breaks off in the middle, in the way that the path names.
fn break_off(request: Request<RecvStream>, mut respond: SendResponse<Bytes>) -> Doing {
    Box::pin(async move {
        let path = request.uri().path().to_owned();
        let mut response = Response::new(());
        if path.contains("sized") {
            response.headers_mut().insert("content-length", "20".parse().unwrap());
        }
        let mut stream = respond.send_response(response, false).unwrap();
        send(&mut stream, "the first".into(), path.contains("short")).await;
        // What has been sent arrives before the end.
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        if path.contains("reset") {
            let is_quiet = path.contains("quiet");
            stream.send_reset(if is_quiet { Reason::NO_ERROR } else { Reason::INTERNAL_ERROR });
        }
    })
}

#[test]
fn an_answer_that_its_origin_breaks_off_never_looks_complete() {
    let mut builder = open();
    let origin = Origin::start(&builder.certify("new.test"), |_| {}, "", break_off);
    let world = builder.host("new.test:443", origin.address).config(ALL).start();
    let paths = ["/reset", "/reset-sized", "/reset-quiet", "/short-sized"];
    for path in paths {
        let mut client = Client::open(&world, OPEN, "new.test:443");
        let (response, _) = client.begin(Request::get(format!("https://new.test{path}")).body(()).unwrap(), true);
        let error = client.wait(whole(response)).unwrap_err();
        assert!(error.is_reset(), "{path}: {error}");
        let mut stream = world.inside(OPEN, "new.test:443");
        let request = format!("GET {path} HTTP/1.1\r\nHost: new.test\r\nConnection: close\r\n\r\n");
        std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
        let answer = Answer::read(&mut stream);
        assert!(!answer.complete, "{path}: {answer:?}");
    }
    let is_broken = |record: &&serde_json::Value| record["reason"] == "http_response_incomplete";
    world.wait_for(|all| all.iter().filter(is_broken).count() == 2 * paths.len());
}

#[test]
fn an_upload_that_is_broken_off_or_not_wanted_ends_at_both_sides() {
    let (tell, told) = std::sync::mpsc::channel();
    let answer = move |request: Request<RecvStream>, respond: SendResponse<Bytes>| -> Doing {
        let tell = tell.clone();
        Box::pin(async move {
            if request.uri().path() == "/large" {
                return say(respond, 413, "too large");
            }
            let mut body = request.into_body();
            let ended = super::origin::read(&mut body).await;
            tell.send(ended.map(|(octets, _)| octets.len()).map_err(|error| error.is_reset())).unwrap();
        })
    };
    let mut builder = open();
    let origin = Origin::start(&builder.certify("new.test"), |_| {}, "", answer);
    let world = builder.host("new.test:443", origin.address).config(ALL).start();
    let mut client = Client::open(&world, OPEN, "new.test:443");
    let (response, mut body) = client.begin(Request::post("https://new.test/").body(()).unwrap(), false);
    client.wait(async { body.send_data("half".into(), false) }).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(200));
    body.send_reset(Reason::CANCEL);
    drop(response);
    assert_eq!(told.recv_timeout(super::super::world::PATIENCE).unwrap(), Err(true), "it does not look complete");
    // The answer comes although the request goes on.
    let (response, mut body) = client.begin(Request::post("https://new.test/large").body(()).unwrap(), false);
    client.wait(async { body.send_data("some".into(), false) }).unwrap();
    let answer = client.read(response).unwrap();
    assert_eq!((answer.status, answer.text.as_str()), (413, "too large"));
}
