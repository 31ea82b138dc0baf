//! Which protocol each side speaks.

use http::Request;
use serde_json::{Value, json};

use super::super::clients::origins::{SAID, nginx_with};
use super::super::raw::read_head;
use super::client::{Client, shake};
use super::origin::{Origin, repeat, speaking};
use super::{ALL, OPEN, open};

#[test]
fn curl_and_nginx_speak_to_each_other_what_both_can_and_the_proxy_what_each_can() {
    let mut builder = open();
    let (chain, key) = builder.certify_files("new.test");
    let (old_chain, old_key) = builder.certify_files("old.test");
    let folders = ["new", "old"].map(|name| builder.folder().join(name));
    folders.iter().for_each(|folder| std::fs::create_dir(folder).unwrap());
    let new = nginx_with(&folders[0], &chain, &key, "http2");
    let old = nginx_with(&folders[1], &old_chain, &old_key, "");
    let world = builder.host("new.test:443", new.secure).host("old.test:443", old.secure).config(ALL).start();
    let browser = world.browser().at(OPEN);
    for (host, option, client, origin) in [
        ("new.test", "--http2", "HTTP/2 200", "HTTP/2.0"),
        ("new.test", "--http1.1", "HTTP/1.1 200", "HTTP/2.0"),
        ("old.test", "--http2", "HTTP/1.1 200", "HTTP/1.1"),
        ("old.test", "--http1.1", "HTTP/1.1 200", "HTTP/1.1"),
    ] {
        let said = folders[usize::from(host == "old.test")].join("nginx.said");
        let before = std::fs::read_to_string(&said).unwrap_or_default().lines().count();
        for trust in [&[][..], &["-k"][..]] {
            let page = browser.curl(&format!("https://{host}/letters.txt"), &[&[option], trust].concat());
            assert_eq!((page.status, page.body.as_str()), (200, "abcdefghijklmnopqrstuvwxyz"), "{page:#?}");
            assert_eq!(page.issuer(), Some("Vestibule interception"), "{page:#?}");
            assert!(page.heads.contains(client), "{host} {option}: {page:#?}");
            let via = page.value("via");
            assert!(via.starts_with(if origin == "HTTP/2.0" { "2.0 " } else { "1.1 " }), "{host} {option}: {via}");
        }
        let all = std::fs::read_to_string(&said).unwrap();
        let new: Vec<_> = all.lines().skip(before).collect();
        assert_eq!(new, vec![format!("{origin} GET /letters.txt 200"); 2], "{host} {option}");
        let page = browser.curl(&format!("https://{host}/letters.txt"), &[option, "-r", "2-4"]);
        assert_eq!((page.status, page.body.as_str()), (206, "cde"), "{page:#?}");
        let page = browser.curl(&format!("https://{host}/letters.txt"), &[option, "-I"]);
        assert_eq!((page.exit, page.status, page.value("content-length")), (0, 200, "26"), "{page:#?}");
        let page = browser.curl(&format!("https://{host}/echo/put"), &[option, "-X", "PUT", "-d", SAID]);
        assert!(matches!(page.status, 201 | 204), "{page:#?}");
    }
    // Each request is one record, whatever carries it.
    let is_new = |record: &&Value| record["host"] == "new.test" && record["method"] == "PUT";
    let all = world.wait_for(|all| all.iter().filter(is_new).count() == 2);
    assert!(all.iter().filter(is_new).all(|record| record["path"] == "/echo/put"), "{all:#?}");
}

/// A host, what a client offers, and what it is given.
type Case<'a> = (&'a str, &'a [&'a [u8]], Option<&'a [u8]>);

#[test]
fn a_client_is_given_what_its_origin_has_agreed_on() {
    let mut builder = open();
    let tls = builder.certify("new.test");
    let new = Origin::start(&tls, |_| {}, "", repeat);
    let old: [(&str, &[&[u8]]); 2] = [("old.test", &[b"http/1.1"]), ("none.test", &[])];
    for (host, protocols) in old {
        let tls = speaking(&builder.certify(host), protocols);
        let origin = super::super::origin::Origin::start_tls(tls, |_, stream| {
            drop(stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"));
        });
        builder = builder.host(&format!("{host}:443"), origin.address);
    }
    let world = builder.host("new.test:443", new.address).config(ALL).start();
    let cases: [Case<'_>; 6] = [
        ("new.test", &[b"h2", b"http/1.1"], Some(b"h2")),
        ("new.test", &[b"h2"], Some(b"h2")),
        ("new.test", &[b"http/1.1"], Some(b"http/1.1")),
        ("new.test", &[], None),
        ("old.test", &[b"h2", b"http/1.1"], Some(b"http/1.1")),
        ("none.test", &[b"h2", b"http/1.1"], None),
    ];
    for (host, offered, given) in cases {
        let (_runtime, stream) = shake(&world, OPEN, &format!("{host}:443"), offered);
        let stream = stream.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), given, "{host} {offered:?}");
    }
    // Who is asked to sign in meets no origin.
    let (_runtime, stream) = shake(&world, [127, 0, 9, 1], "new.test:443", &[b"h2", b"http/1.1"]);
    assert_eq!(stream.unwrap().get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
}

#[test]
fn what_speaks_http_2_alone_gets_by_rule_through_to_an_origin_that_does_not() {
    for (otherwise, is_through) in [("refuse", false), ("tunnel", true)] {
        let mut builder = open();
        let tls = speaking(&builder.certify("old.test"), &[b"http/1.1"]);
        let origin = super::super::origin::Origin::start_tls(tls, |_, _| {});
        let rule = format!("{ALL}unreadable = \"{otherwise}\"\n");
        let world = builder.host("old.test:443", origin.address).config(&rule).start();
        let (_runtime, stream) = shake(&world, OPEN, "old.test:443", &[b"h2"]);
        // In a tunnel, it is the origin that says no, by an alert.
        let error = stream.unwrap_err();
        assert_eq!(format!("{error:?}").contains("NoApplicationProtocol"), is_through, "{error:?}");
        world.wait_for(|all| all.iter().any(|record| record["reason"] == "not-http" || is_through));
    }
}

#[test]
fn requests_of_many_clients_share_a_connection_and_each_is_recorded() {
    let mut builder = open();
    let origin = Origin::start(&builder.certify("new.test"), |_| {}, "", repeat);
    let world = builder.host("new.test:443", origin.address).limits("workers = 1").config(ALL).start();
    let mut clients = [1, 2, 3].map(|last| Client::open(&world, [127, 0, 5, last], "new.test:443"));
    for round in 0..5 {
        for client in &mut clients {
            let answer = client.get(&format!("https://new.test/{round}?a"));
            assert_eq!((answer.status, answer.text), (200, format!("GET https://new.test/{round}?a ")));
            assert!(answer.fields["via"].to_str().unwrap().starts_with("2.0 "), "{:?}", answer.fields);
        }
    }
    let answer = clients[0].post("https://new.test/form", "body");
    assert_eq!(answer.text, "POST https://new.test/form body");
    assert_eq!(origin.connections(), (1, 0));
    let is_inside = |record: &&Value| record["host"] == "new.test" && record["method"] != "CONNECT";
    let all = world.wait_for(|all| all.iter().filter(is_inside).count() == 16);
    let first = all.iter().filter(is_inside).find(|record| record["path"] == "/0").unwrap();
    assert_eq!((&first["status"], &first["scheme"], &first["network"]), (&json!(200), &json!("https"), &json!("open")));
}

#[test]
fn an_authority_inside_that_is_another_ones_is_misdirected_and_goes_nowhere() {
    let mut builder = open();
    let [front, other] =
        ["front.test", "other.test"].map(|host| Origin::start(&builder.certify(host), |_| {}, "", repeat));
    let world = builder.host("front.test:443", front.address).host("other.test:443", other.address).config(ALL).start();
    let mut client = Client::open(&world, OPEN, "front.test:443");
    for url in ["https://other.test/", "https://front.test:8443/", "http://other.test/"] {
        let answer = client.get(url);
        assert_eq!(answer.status, 421, "{url}: {answer:?}");
    }
    let request = Request::get("https://front.test/").header("host", "other.test").body(()).unwrap();
    let (response, _) = client.begin(request, true);
    assert_eq!(client.read(response).unwrap().status, 400);
    let (response, _) = client.begin(Request::connect("other.test:443").body(()).unwrap(), false);
    assert_eq!(client.wait(response).unwrap().status(), 405);
    assert_eq!(client.get("https://front.test/here").text, "GET https://front.test/here ");
    assert_eq!(client.get("https://FRONT.test:443/here").text, "GET https://front.test/here ");
    assert!(other.seen.lock().unwrap().is_empty() && front.seen.lock().unwrap().len() == 2);
    // So it is over HTTP/1.1.
    let mut stream = world.inside(OPEN, "front.test:443");
    std::io::Write::write_all(&mut stream, b"GET / HTTP/1.1\r\nHost: other.test\r\n\r\n").unwrap();
    assert!(read_head(&mut stream).starts_with("HTTP/1.1 421"));
}

#[test]
fn what_is_said_of_the_connection_ends_here_and_what_grpc_needs_goes_on() {
    let mut builder = open();
    let origin = Origin::start(&builder.certify("new.test"), |_| {}, "", repeat);
    let world = builder.host("new.test:443", origin.address).config(ALL).start();
    let browser = world.browser().at(OPEN);
    let page = browser.bare_curl(
        "https://new.test/one",
        &["--http1.1", "-H", "Connection: TE, X-Hop", "-H", "X-Hop: 1", "-H", "TE: trailers", "-H", "Keep-Alive: 5"],
    );
    assert_eq!(page.status, 200, "{page:#?}");
    let mut client = Client::open(&world, OPEN, "new.test:443");
    let request = Request::get("https://new.test/two").header("te", "trailers").header("cookie", "a=1");
    let (response, _) = client.begin(request.header("cookie", "b=2").body(()).unwrap(), true);
    assert_eq!(client.read(response).unwrap().status, 200);
    let seen = origin.seen.lock().unwrap();
    for request in seen.iter() {
        let fields = request.headers();
        assert_eq!(fields.get("te").unwrap(), "trailers", "{request:?}");
        for gone in ["connection", "x-hop", "keep-alive", "host", "transfer-encoding", "upgrade"] {
            assert!(!fields.contains_key(gone), "{gone}: {request:?}");
        }
    }
    assert_eq!(seen[1].headers()["cookie"], "a=1; b=2");
}

#[test]
fn who_proves_on_a_connection_who_they_are_gets_one_of_http_1_1_of_their_own() {
    let mut builder = open();
    let first = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let origin = Origin::start(&builder.certify("new.test"), |_| {}, first, repeat);
    let world = builder.host("new.test:443", origin.address).config(ALL).start();
    let mut client = Client::open(&world, OPEN, "new.test:443");
    assert_eq!(client.get("https://new.test/").status, 200);
    // The record is written when the connection is back in its place.
    let is_recorded = |count: usize| {
        let is_get = |record: &&Value| record["method"] == "GET";
        world.wait_for(|all| all.iter().filter(is_get).count() == count);
    };
    for count in 2..4 {
        let request = Request::get("https://new.test/").header("authorization", "NTLM TlRMTVNTUAAB").body(()).unwrap();
        let (response, _) = client.begin(request, true);
        assert_eq!(client.read(response).unwrap().text, "ok");
        is_recorded(count);
    }
    // What follows on the client's connection is theirs as well.
    assert_eq!(client.get("https://new.test/").text, "ok");
    assert_eq!(origin.connections().1, 1);
    // Others have no part in it.
    let mut other = Client::open(&world, [127, 0, 5, 2], "new.test:443");
    assert_eq!(other.get("https://new.test/").text, "GET https://new.test/ ");
}
