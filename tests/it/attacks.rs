//! Attacks on identity, and what becomes of each. Those with tests of their own:
//!
//! | attack | tests |
//! |---|---|
//! | a ticket used twice, too late, by another client or browser, for another origin, after its session | `tickets` |
//! | a cookie that is forged, of another origin or scheme, or of a session or person that has gone | `tickets` |
//! | a cookie or a path of ours, from an origin or to one | `interception` |
//! | a return address that leads elsewhere, a Response that another browser asked for | `tickets` |
//! | a PROXY header from somebody who may not speak for others | `balancers` |
//! | X-Forwarded-For from somebody who may not, or inside of a tunnel | `forwarders` |
//! | a guest where none are let in, a guest's cookie elsewhere | `guests`, `portal::guests` |
//! | a name in the handshake, in Host or in the target that differs from the others | here |
//! | hosts on which cookies are special: public suffixes, addresses, neighbours | here |

use std::io::Write as _;

use openssl::ssl::{SslConnector, SslMethod, SslVerifyMode};
use serde_json::Value;

use super::origin::Origin;
use super::raw::{Answer, Wire, connect, read_head};
use super::world::{Builder, World};

const SHARED: [u8; 4] = [127, 0, 7, 1];

fn shared() -> Builder {
    World::build().network("shared", "127.0.7.0/24", "shared = true")
}

/// Speaks TLS to whoever answers for `authority`, and asks for `name` in the handshake. It trusts everybody.
fn handshake(world: &World, authority: &str, name: &str) -> Result<Box<dyn Wire>, String> {
    let mut stream = connect(world.proxy, SHARED.into());
    write!(stream, "CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: Mozilla/5.0\r\n\r\n").unwrap();
    let head = read_head(&mut stream);
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let mut connector = SslConnector::builder(SslMethod::tls()).unwrap();
    connector.set_verify(SslVerifyMode::NONE);
    let configuration = connector.build().configure().unwrap().verify_hostname(false);
    let stream = configuration.connect(name, stream).map_err(|error| error.to_string())?;
    Ok(Box::new(stream))
}

fn ask(stream: &mut dyn Wire, target: &str, host: &str) -> Option<Answer> {
    let request =
        format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nUpgrade-Insecure-Requests: 1\r\nConnection: close\r\n\r\n");
    // Whoever has closed already does not read it.
    drop(stream.write_all(request.as_bytes()));
    let answer = super::raw::read_all(stream);
    (!answer.is_empty()).then(|| Answer::of_bytes(&answer))
}

#[test]
fn names_that_differ_are_refused_wherever_they_stand() {
    let world = shared().start();
    // In CONNECT and inside. (Beside an absolute-form or a CONNECT, Host is ignored: RFC 9112 §3.2.2.)
    for (target, host) in [("/", "mail.test"), ("https://mail.test/", "mail.test"), ("https://mail.test/", "news.test")]
    {
        let mut inside = handshake(&world, "news.test:443", "news.test").unwrap();
        let answer = ask(&mut *inside, target, host).unwrap();
        assert_eq!((answer.status, answer.error_type().as_str()), (421, "http_request_error"), "{target} {host}");
    }
    let refused = |record: &&Value| record["method"] == "GET" && record["reason"] == "http_request_error";
    world.wait_for(|all| all.iter().filter(refused).count() == 3);
    // In CONNECT and in the handshake: a challenge would be for one site and its cookie for another.
    let answer =
        handshake(&world, "news.test:443", "mail.test").ok().and_then(|mut inside| ask(&mut *inside, "/", "mail.test"));
    assert!(answer.is_none(), "{answer:#?}");
    let record = world.record(|record| record["reason"] == "server-name-differs");
    assert_eq!((&record["method"], &record["host"]), (&"CONNECT".into(), &"news.test".into()));
    // Letter case is no difference.
    let mut inside = handshake(&world, "News.Test:443", "NEWS.test").unwrap();
    assert_eq!(ask(&mut *inside, "/", "news.TEST").unwrap().status, 302);
}

#[test]
fn on_public_suffixes_and_addresses_people_are_known_without_going_in_circles() {
    let hello = || Origin::answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello");
    let (suffix, pages, address) = (hello(), hello(), hello());
    let world = shared()
        .host("co.uk:80", suffix.address)
        .host("github.io:80", pages.address)
        .egress("allow = [\"127.0.0.1/32\"]")
        .start();
    let browser = world.browser().at(SHARED);
    browser.arrive("http://news.test/");
    for url in ["http://co.uk/", "http://github.io/"] {
        let page = browser.go(&format!("{url}first"));
        assert_eq!((page.status, page.redirects, page.body.as_str()), (200, 3, "hello"), "{page:#?}");
        let lines = page.heads.lines().filter(|line| line.to_lowercase().starts_with("set-cookie:"));
        assert!(
            lines.clone().all(|line| !line.to_lowercase().contains("domain=")),
            "a neighbour would see it: {page:#?}"
        );
        let page = browser.go(&format!("{url}second"));
        assert_eq!((page.status, page.redirects), (200, 0), "{page:#?}");
    }
    // A private address goes around the proxy by the PAC file: nobody is asked for it, in circles or otherwise.
    let page = browser.go(&format!("http://{}/", address.address));
    assert_eq!((page.status, page.redirects), (403, 0), "{page:#?}");
    let known = |record: &&Value| record["path"] == "/second" && record["user"] == "B.Simon@contoso.com";
    world.wait_for(|all| all.iter().filter(known).count() == 2);
    assert!(address.seen().is_empty());
    for origin in [suffix, pages] {
        assert!(origin.seen().iter().all(|head| !head.contains("vestibule_")), "{:?}", origin.seen());
    }
}

#[test]
fn a_cookie_that_a_neighbouring_host_has_planted_names_nobody() {
    let world = shared().start();
    let (attacker, victim) = (world.browser().at(SHARED), world.browser().at([127, 0, 7, 2]));
    let logon = attacker.go("http://shop.test/");
    attacker.sign_in(&logon, "AlexW@contoso.com", "alex");
    victim.arrive("http://shop.test/");
    // Both are good on this origin: one was made here for the attacker, and planted from a host beside it.
    let planted = attacker.cookie("shop.test", "vestibule_s").unwrap();
    let own = victim.cookie("shop.test", "vestibule_s").unwrap();
    for (cookies, status) in [
        (format!("vestibule_s={own}"), 200),
        (format!("vestibule_s={planted}; vestibule_s={own}"), 302),
        (format!("vestibule_s={own}; vestibule_s={planted}"), 302),
    ] {
        let mut stream = connect(world.proxy, [127, 0, 7, 2].into());
        let request = format!(
            "GET http://shop.test/planted HTTP/1.1\r\nHost: shop.test\r\nUpgrade-Insecure-Requests: 1\r\n\
             Cookie: {cookies}\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        assert_eq!(Answer::read(&mut stream).status, status);
    }
    let planted = |record: &&Value| record["path"] == "/planted";
    let all = world.wait_for(|all| all.iter().filter(planted).count() == 3);
    let users: Vec<_> = all.iter().filter(planted).map(|record| record["user"].as_str().unwrap_or("")).collect();
    assert_eq!(users, ["B.Simon@contoso.com", "", ""]);
}
