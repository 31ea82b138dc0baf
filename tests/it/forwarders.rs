//! Other proxies in front, which say by X-Forwarded-For on whose behalf they ask; and what origins are told of it.

use std::io::Write as _;
use std::net::TcpStream;

use serde_json::Value;

use super::browser::Browser;
use super::origin::Origin;
use super::peers;
use super::raw::{Answer, connect, read_head};
use super::world::{Builder, World};

/// The proxy in front.
const FRONT: [u8; 4] = [127, 0, 8, 1];

const LISTENER: &str =
    "[[listener]]\nname = \"behind\"\naddress = \"127.0.0.1:0\"\nforwarders = [\"127.0.8.1/32\", \"127.0.0.1/32\"]\n";

const NAVIGATION: &str = "User-Agent: Mozilla/5.0\r\nUpgrade-Insecure-Requests: 1\r\n";

fn hello() -> Origin {
    Origin::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")
}

fn world(origin: &Origin) -> Builder {
    World::build().host("far.test:80", origin.address).config(LISTENER).network("front", "127.0.8.0/24", "")
}

/// Asks for a page on a connection that stays open.
fn ask(stream: &mut TcpStream, fields: &str) -> Answer {
    let request = format!("GET http://far.test/ HTTP/1.1\r\nHost: far.test\r\n{NAVIGATION}{fields}\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    Answer::read_one(stream)
}

/// A browser at this address, signed in under this name without a forwarder in between.
fn sign_in<'a>(world: &'a World, address: [u8; 4], account: &str, password: &str) -> Browser<'a> {
    let browser = world.browser().at(address);
    let logon = browser.go("http://news.test/");
    assert_eq!(browser.sign_in(&logon, account, password).heading(), "This is news.test");
    browser
}

#[test]
fn behind_squid_each_person_is_known_by_their_own_address() {
    let (origin, front) = (hello(), peers::free());
    let world = world(&origin).start();
    let behind = world.listener("behind");
    let config = format!(
        "http_port {front}\nhttp_access allow all\nnever_direct allow all\nnonhierarchical_direct off\n\
         cache_peer {} parent {} 0 no-query no-digest default\nforwarded_for on\nhost_verify_strict off\n",
        behind.ip(),
        behind.port()
    );
    let _squid = peers::squid(world.folder(), front, &config);
    for (address, account, password, user) in [
        ([127, 0, 9, 1], "CONTOSO\\bsimon", "simon", "B.Simon@contoso.com"),
        ([127, 0, 9, 2], "AlexW@contoso.com", "alex", "AlexW@contoso.com"),
    ] {
        let browser = Browser { proxy: front, ..world.browser().at(address) };
        let logon = browser.go("http://news.test/a");
        assert_eq!((logon.status, logon.heading()), (200, "Sign in"), "{logon:#?}");
        let page = browser.sign_in(&logon, account, password);
        assert_eq!((page.status, page.url.as_str()), (200, "http://news.test/a"), "{page:#?}");
        let page = browser.go("https://mail.test/");
        assert_eq!((page.status, page.issuer()), (200, Some("Vestibule demo web")), "{page:#?}");
        let client = format!("127.0.9.{}:", address[3]);
        let is_of = |record: &Value| record["client"].as_str().unwrap().starts_with(&client);
        world.last_record_has(
            |record| is_of(record) && record["host"] == "mail.test" && record["status"] == 200,
            &[("user", user.into()), ("forwarder", "127.0.0.1".into()), ("network", "this-machine".into())],
        );
        world.last_record_has(
            |record| is_of(record) && record["path"] == "/a" && record["status"] == 200,
            &[("user", user.into()), ("listener", "behind".into())],
        );
    }
}

#[test]
fn people_who_share_a_forwarders_connection_are_not_taken_for_one_another() {
    let origin = hello();
    let world = world(&origin).start();
    sign_in(&world, [127, 0, 9, 1], "CONTOSO\\bsimon", "simon");
    sign_in(&world, [127, 0, 9, 2], "AlexW@contoso.com", "alex");
    // The forwarder's own address stands for somebody, too.
    sign_in(&world, FRONT, "CONTOSO\\bsimon", "simon");
    let mut stream = connect(world.listener("behind"), FRONT.into());
    for (named, status) in [
        ("X-Forwarded-For: 127.0.9.1\r\n", 200),
        ("X-Forwarded-For: 127.0.9.3\r\n", 302),
        ("X-Forwarded-For: [::ffff:127.0.9.2]:5000, 127.0.9.1\r\n", 200),
        ("X-Forwarded-For: 192.0.2.1\r\n", 302),
        ("", 302),
        ("X-Forwarded-For: unknown\r\n", 302),
        ("Forwarded: for=127.0.9.1\r\n", 302),
        ("X-Real-IP: 127.0.9.1\r\n", 302),
    ] {
        assert_eq!(ask(&mut stream, named).status, status, "{named}");
    }
    let all = world.wait_for(|all| all.iter().filter(|record| record["listener"] == "behind").count() == 8);
    let seen: Vec<_> = all.iter().filter(|record| record["listener"] == "behind").collect();
    let users = ["B.Simon@contoso.com", "", "AlexW@contoso.com", "", "", "", "", ""];
    assert_eq!(seen.iter().map(|record| record["user"].as_str().unwrap_or("")).collect::<Vec<_>>(), users);
    assert_eq!((&seen[2]["client"], &seen[3]["network"]), (&"127.0.9.2:5000".into(), &"elsewhere".into()));
    assert!(
        seen.iter().all(|record| (record["forwarder"] == "127.0.8.1")
            != record["client"].as_str().unwrap().starts_with("127.0.8.1"))
    );
    assert_eq!(origin.seen().len(), 2);
    assert!(origin.seen().iter().all(|head| !head.to_lowercase().contains("forwarded")), "{:?}", origin.seen());
}

#[test]
fn inside_a_tunnel_nobody_speaks_for_others() {
    let world = World::build().config(LISTENER).start();
    sign_in(&world, [127, 0, 9, 1], "CONTOSO\\bsimon", "simon");
    let mut stream = connect(world.listener("behind"), FRONT.into());
    let browser = "User-Agent: Mozilla/5.0\r\nX-Forwarded-For: 127.0.9.7\r\n";
    write!(stream, "CONNECT shop.test:443 HTTP/1.1\r\nHost: shop.test:443\r\n{browser}\r\n").unwrap();
    let head = read_head(&mut stream);
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let mut inside = world.handshake(stream, "shop.test:443");
    write!(
        inside,
        "GET / HTTP/1.1\r\nHost: shop.test\r\nSec-Fetch-Mode: navigate\r\nX-Forwarded-For: 127.0.9.1\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    assert_eq!(Answer::read(&mut inside).status, 302);
    let record = world.record(|record| record["host"] == "shop.test" && record["method"] == "GET");
    assert!(record["client"].as_str().unwrap().starts_with("127.0.9.7:"), "{record}");
    // Somebody who is known by the address that CONNECT named gets a tunnel.
    let mut stream = connect(world.listener("behind"), FRONT.into());
    write!(stream, "CONNECT mail.test:443 HTTP/1.1\r\nHost: mail.test:443\r\nX-Forwarded-For: 127.0.9.1\r\n\r\n")
        .unwrap();
    assert!(read_head(&mut stream).starts_with("HTTP/1.1 200"));
    drop(world.handshake(stream, "mail.test:443"));
    world.last_record_has(
        |record| record["host"] == "mail.test" && record["method"] == "CONNECT",
        &[("user", "B.Simon@contoso.com".into()), ("decision", "permitted".into())],
    );
}

#[test]
fn a_forwarder_that_names_nobody_clearly_is_refused_and_somebody_else_is_not_believed() {
    let origin = hello();
    let world = world(&origin).start();
    sign_in(&world, [127, 0, 9, 1], "CONTOSO\\bsimon", "simon");
    for value in ["nobody", "127.0.9.1:x", "127.0.9", "\"127.0.9.1\"", "_hidden, 127.0.9.1"] {
        let mut stream = connect(world.listener("behind"), FRONT.into());
        let answer = ask(&mut stream, &format!("X-Forwarded-For: {value}\r\n"));
        assert_eq!((answer.status, answer.error_type().as_str()), (400, "http_request_error"), "{value}");
    }
    let refused = |record: &Value| record["status"] == 400;
    let all = world.wait_for(|all| all.iter().filter(|record| refused(record)).count() == 5);
    for record in all.iter().filter(|record| refused(record)) {
        assert_eq!((&record["reason"], &record["decision"]), (&"http_request_error".into(), &"rejected".into()));
        assert!(record["client"].as_str().unwrap().starts_with("127.0.8.1:"), "{record}");
    }
    // At the listener with forwarders and at the one without, others are who they are.
    for to in [world.listener("behind"), world.proxy] {
        let mut stream = connect(to, [127, 0, 9, 8].into());
        assert_eq!(ask(&mut stream, "X-Forwarded-For: 127.0.9.1\r\n").status, 302);
    }
    let mut stream = connect(world.proxy, FRONT.into());
    assert_eq!(ask(&mut stream, "X-Forwarded-For: 127.0.9.1\r\n").status, 302, "listed for the other listener only");
    assert!(origin.seen().is_empty());
}

#[test]
fn each_client_behind_a_forwarder_has_room_of_its_own() {
    let world = World::build()
        .config(LISTENER)
        .limits("connections_per_client = 2")
        .network("desks", "127.0.9.0/24", "one_address = false")
        .start();
    for client in [1, 2, 3] {
        sign_in(&world, [127, 0, 9, client], "CONTOSO\\bsimon", "simon");
    }
    let tunnel = |client: &str| {
        let mut stream = connect(world.listener("behind"), FRONT.into());
        write!(stream, "CONNECT mail.test:443 HTTP/1.1\r\nHost: mail.test:443\r\nX-Forwarded-For: {client}\r\n\r\n")
            .unwrap();
        let head = read_head(&mut stream);
        (head.split(' ').nth(1).unwrap().parse::<u16>().unwrap(), stream)
    };
    let open = ["127.0.9.1", "127.0.9.1", "127.0.9.2", "127.0.9.2", "127.0.9.3"].map(tunnel);
    assert!(open.iter().all(|(status, _)| *status == 200), "a forwarder has more connections than one client may");
    let (status, _stream) = tunnel("127.0.9.1");
    assert_eq!(status, 503);
    world.record(|record| record["reason"] == "connection_limit_reached" && record["status"] == 503);
    drop(open);
    world.wait_for(|all| {
        all.iter().filter(|record| record["host"] == "mail.test" && record["status"] == 200).count() == 5
    });
    assert_eq!(tunnel("127.0.9.1").0, 200);
}

#[test]
fn origins_are_told_where_a_request_comes_from_if_the_operator_wants_that() {
    for (setting, told) in [
        ("", vec![]),
        ("forwarded_for = \"keep\"", vec!["X-Forwarded-For: 203.0.113.9"]),
        ("forwarded_for = \"append\"", vec!["X-Forwarded-For: 203.0.113.9, 127.0.9.1"]),
    ] {
        let origin = hello();
        let builder = World::build().host("far.test:80", origin.address).egress(setting);
        let world = builder.config("[policy]\nwalled_garden = [\"far.test\"]").start();
        let mut stream = connect(world.proxy, [127, 0, 9, 1].into());
        assert_eq!(ask(&mut stream, "X-Forwarded-For: 203.0.113.9\r\nX-Real-IP: 203.0.113.9\r\n").status, 200);
        let seen = origin.seen();
        let found: Vec<_> =
            seen[0].lines().filter(|line| line.contains("203.0.113.9") || line.contains("127.0.9.1")).collect();
        assert_eq!(found, told, "{setting}: {seen:?}");
    }
}

#[test]
fn a_forwarder_whose_listener_has_another_name_now_is_not_the_person_at_its_address() {
    let origin = Origin::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    let world = world(&origin).start();
    sign_in(&world, FRONT, "CONTOSO\\bsimon", "simon");
    let mut front = connect(world.listener("behind"), FRONT.into());
    let fields = "X-Forwarded-For: 127.0.9.9\r\n";
    assert_eq!(ask(&mut front, fields).status, 302, "nobody has signed in there");
    world.reload(|text| text.replace("name = \"behind\"", "name = \"front\"")).unwrap();
    assert_eq!(ask(&mut front, fields).status, 302);
}
