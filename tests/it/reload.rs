//! The configuration changes while requests are answered: nothing fails, and nobody sees half of two.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use vestibule::app::demo::idp::TENANT;

use super::origin::Origin;
use super::raw::{Answer, connect, read_head};
use super::world::{PATIENCE, World, say_aside};

/// One of two configurations: its network and its rule are good together only.
fn of(which: &str) -> String {
    format!(
        "[[network]]\nname = \"net-{which}\"\naddresses = [\"127.0.5.0/24\"]\nsign_in = \"none\"\n\
         [policy]\ndefault = \"block\"\n[[policy.rule]]\nname = \"rule-{which}\"\nnetworks = [\"net-{which}\"]\n\
         destinations = [\"ok.test\", \"end.test\"]\neffect = \"allow\"\n"
    )
}

const HERE: [u8; 4] = [127, 0, 5, 1];
const GET: &str = "GET http://ok.test/ HTTP/1.1\r\nHost: ok.test\r\n\r\n";

fn tunnel(world: &World, host: &str) -> TcpStream {
    let mut stream = world.connect(HERE);
    write!(stream, "CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n").unwrap();
    let head = read_head(&mut stream);
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    stream
}

/// Sends back what it gets.
pub(crate) fn echo() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let (mut from, mut to) = (stream.try_clone().unwrap(), stream);
                drop(std::io::copy(&mut from, &mut to));
            });
        }
    });
    address
}

pub(crate) fn is_alive(tunnel: &mut TcpStream) -> bool {
    let mut got = [0; 4];
    tunnel.write_all(b"ping").is_ok() && tunnel.read_exact(&mut got).is_ok() && &got == b"ping"
}

#[test]
fn requests_and_tunnels_go_on_over_twenty_reloads_and_none_sees_half_of_two() {
    const REQUESTS: usize = 10_000;
    let origin = Origin::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let builder = World::build().host("ok.test:80", origin.address).host("end.test:443", echo());
    let world = builder.config(&of("a")).start();
    let mut tunnels: Vec<_> = (0..200).map(|_| tunnel(&world, "end.test")).collect();
    let (sent, reloaded) = (AtomicUsize::new(0), AtomicBool::new(false));
    let mut slowest = Duration::ZERO;
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut kept: Option<TcpStream> = None;
                // Some on connections that have seen other configurations, some on new ones.
                while !reloaded.load(Ordering::Relaxed) || sent.load(Ordering::Relaxed) < REQUESTS {
                    let number = sent.fetch_add(1, Ordering::Relaxed);
                    let mut stream = kept.take().filter(|_| number % 50 != 0).unwrap_or_else(|| world.connect(HERE));
                    stream.write_all(GET.as_bytes()).unwrap();
                    let answer = Answer::read_one(&mut stream);
                    assert_eq!(answer.status, 200, "request {number}: {}", answer.text());
                    kept = Some(stream);
                }
            });
        }
        for round in 1..=20 {
            while sent.load(Ordering::Relaxed) < REQUESTS * round / 21 {
                thread::sleep(Duration::from_millis(1));
            }
            let (old, new) = if round % 2 == 1 { ("a", "b") } else { ("b", "a") };
            let begun = Instant::now();
            let changed = world.reload(|text| text.replace(&of(old), &of(new))).unwrap();
            slowest = slowest.max(begun.elapsed());
            let said: Vec<_> = changed.changes.iter().map(|change| change.section.as_str()).collect();
            assert_eq!((said, changed.fixed.len()), (vec!["network", "policy"], 0));
        }
        reloaded.store(true, Ordering::Relaxed);
    });
    assert!(tunnels.iter_mut().all(is_alive), "a tunnel was lost that both configurations permit");
    drop(tunnels);
    say_aside(&format!("{} requests over 20 reloads, the slowest {slowest:?}", sent.load(Ordering::Relaxed)));
    let records = world.end();
    let asked: Vec<_> = records.iter().filter(|record| record["host"] == "ok.test").collect();
    assert!(asked.len() >= REQUESTS);
    for which in ["a", "b"] {
        let (network, rule) = (format!("net-{which}"), format!("rule-{which}"));
        let of_network: Vec<_> = asked.iter().filter(|record| record["network"] == network.as_str()).collect();
        assert!(of_network.len() > REQUESTS / 4, "{which} {}", of_network.len());
        assert!(of_network.iter().all(|record| record["rule"] == rule.as_str()), "half of two");
    }
}

#[test]
fn a_file_with_mistakes_changes_nothing_and_says_each_one_with_its_line() {
    let origin = Origin::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let world = World::build().host("ok.test:80", origin.address).config(&of("a")).start();
    let last = GET.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    let ok = || assert_eq!(world.send_from(HERE, &last).status, 200);
    ok();
    let good = std::fs::read_to_string(world.folder().join("demo.toml")).unwrap();
    let error = world.reload(|text| text.replace("default = \"block\"", "default = \"blok\"\nruls = 1")).unwrap_err();
    let line = good.lines().position(|line| line == "default = \"block\"").unwrap() + 1;
    for part in [format!("demo.toml:{line}"), format!("demo.toml:{}", line + 1), "2 problems".to_owned()] {
        assert!(error.contains(&part), "{part} in {error}");
    }
    ok();
    // What is right as a text, and cannot be done: somebody else has that address.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listener = format!("[[listener]]\nname = \"second\"\naddress = \"{}\"\n", taken.local_addr().unwrap());
    let error = world.reload(|_| format!("{good}\n{listener}").replace("\"ok.test\", ", "")).unwrap_err();
    assert!(error.contains("listener \"second\" cannot take"), "{error}");
    ok();
    assert!(world.reload(|_| good.clone()).unwrap().changes.is_empty());
    ok();
}

#[test]
fn listeners_come_and_go_and_connections_of_others_stay() {
    let origin = Origin::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let world = World::build().host("ok.test:80", origin.address).config(&of("a")).start();
    let get = |stream: &mut TcpStream| {
        stream.write_all(GET.as_bytes()).unwrap();
        Answer::read_one(stream).status
    };
    let mut first = world.connect(HERE);
    assert_eq!(get(&mut first), 200);
    let address = super::peers::free();
    let listener = format!("\n[[listener]]\nname = \"second\"\naddress = \"{address}\"\n");
    world.reload(|text| text + &listener).unwrap();
    let mut second = connect(address, HERE.into());
    assert_eq!((get(&mut second), get(&mut first)), (200, 200));
    world.record(|record| record["listener"] == "second" && record["network"] == "net-a" && record["rule"] == "rule-a");
    world.reload(|text| text.replace(&listener, "")).unwrap();
    // Whoever waits for nothing there is let go, and nobody new is let in.
    second.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(second.read(&mut [0]).unwrap(), 0);
    let begun = Instant::now();
    while TcpStream::connect_timeout(&address, Duration::from_millis(100)).is_ok() {
        assert!(begun.elapsed() < PATIENCE, "it goes on listening");
    }
    assert_eq!(get(&mut first), 200);
    // The same listener as a guests' one: what holds for it changes for connections that it has.
    world.reload(|text| text.replace("\nsign_in = \"none\"", "")).unwrap();
    first.write_all(GET.replace("\r\n\r\n", "\r\nUser-Agent: curl/8\r\n\r\n").as_bytes()).unwrap();
    assert_eq!(Answer::read_one(&mut first).status, 407);
    world
        .reload(|text| text.replace("[[network]]\nname = \"this", "guest = true\n[[network]]\nname = \"this"))
        .unwrap();
    assert_eq!(get(&mut first), 200);
    world.record(|record| record["user"] == "guest" && record["listener"] == "proxy");
}

#[test]
fn a_request_that_comes_back_after_a_reload_is_known_as_our_own() {
    let origin = Origin::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let world = World::build().host("ok.test:80", origin.address).config(&of("a")).start();
    let last = |more: &str| GET.replace("\r\n\r\n", &format!("\r\n{more}Connection: close\r\n\r\n"));
    assert_eq!(world.send_from(HERE, &last("")).status, 200);
    let head = origin.seen().remove(0);
    let via = head.lines().find(|line| line.starts_with("Via: ")).unwrap();
    world.reload(|text| text.replace(&of("a"), &of("b"))).unwrap();
    let answer = world.send_from(HERE, &last(&format!("{via}\r\n")));
    assert_eq!(answer.status, 508, "{}", answer.text());
    assert_eq!(world.send_from(HERE, &last("")).status, 200);
    assert!(origin.seen()[1].contains(via), "{:?}", origin.seen());
}

#[test]
fn a_realm_is_added_and_used_without_a_restart_and_ends_with_its_people() {
    let world = World::new();
    world.browser().at([127, 0, 0, 8]).arrive("http://news.test/");
    let certificate = world.folder().join("login.cer");
    let realm = format!(
        "\n[[realm]]\nname = \"fabrikam\"\ndomains = [\"fabrikam.com\"]\nforeign_names = [\"contoso.com\"]\n\
         entity_id = \"https://auth.vestibule.test/0123456789abcdef\"\nissuer = \"https://sts.windows.net/{TENANT}/\"\n\
         login_url = \"https://login.vestibule.test/{TENANT}/saml2\"\ncertificate = {certificate:?}\n"
    );
    let browser = world.browser();
    let logon = browser.go("http://shop.test/");
    let account = [("account", "eve@fabrikam.com")];
    assert!(!browser.submit(&logon, logon.form(), &account).has_form("password"), "nobody answers for that domain");
    world.reload(|text| text + &realm).unwrap();
    let logon = browser.go("http://shop.test/");
    let there = browser.submit(&logon, logon.form(), &account);
    let answer = browser.submit(&there, there.form(), &[("login", "B.Simon@contoso.com"), ("password", "simon")]);
    assert_eq!(browser.submit(&answer, answer.form(), &[]).heading(), "This is shop.test");
    world.record(|record| record["realm"] == "fabrikam" && record["host"] == "shop.test" && record["status"] == 200);
    // Without its realm, nobody vouches for its people any more; others stay.
    world.reload(|text| text.replace(&realm, "")).unwrap();
    let begun = Instant::now();
    while browser.go("http://shop.test/").heading() != "Sign in" {
        assert!(begun.elapsed() < PATIENCE, "a person of a realm that is gone goes on");
    }
    assert_eq!(world.browser().at([127, 0, 0, 8]).go("http://news.test/").heading(), "This is news.test");
}

#[test]
fn a_tunnel_that_the_new_policy_forbids_is_closed_with_a_reason_and_the_others_go_on() {
    let builder = World::build().host("end.test:443", echo()).host("ok.test:443", echo());
    let world = builder.config(&of("a")).start();
    let (mut goes, mut stays) = (tunnel(&world, "end.test"), tunnel(&world, "ok.test"));
    assert!(is_alive(&mut goes) && is_alive(&mut stays));
    world.reload(|text| text.replace("default = \"block\"", "default = \"block\"\nblocked = [\"end.test\"]")).unwrap();
    goes.set_read_timeout(Some(PATIENCE)).unwrap();
    assert!(matches!(goes.read(&mut [0]), Ok(0) | Err(_)), "it goes on");
    let closed = |record: &Value| record["host"] == "end.test" && record["method"] == "CONNECT";
    assert_eq!(world.record(closed)["reason"], "policy-changed");
    assert!(is_alive(&mut stays));
    // One more, which is asked again although it was asked before.
    world.reload(|text| text.replace("blocked = [\"end.test\"]", "blocked = [\"ok.test\"]")).unwrap();
    assert!(matches!(stays.read(&mut [0]), Ok(0) | Err(_)), "it goes on");
    let closed = |record: &Value| record["host"] == "ok.test" && record["method"] == "CONNECT";
    assert_eq!(world.record(closed)["reason"], "policy-changed");
}

#[test]
fn a_tunnel_is_closed_when_what_its_person_was_known_by_counts_no_more() {
    let rule = of("a").replace("\nsign_in = \"none\"", "");
    let world = World::build().host("end.test:443", echo()).host("ok.test:443", echo()).config(&rule).start();
    let closed = |tunnel: &mut TcpStream, surrogate: &str| {
        tunnel.set_read_timeout(Some(PATIENCE)).unwrap();
        assert!(matches!(tunnel.read(&mut [0]), Ok(0) | Err(_)), "a tunnel goes on that was known by {surrogate}");
        let record = world.record(|record| record["surrogate"] == surrogate && record["method"] == "CONNECT");
        assert_eq!(record["reason"], "policy-changed", "{record}");
    };
    // Guests, where none are let in any more.
    let guests = |text: String| text.replace("[[network]]\nname = \"this", "guest = true\n[[network]]\nname = \"this");
    world.reload(guests).unwrap();
    let mut guest = tunnel(&world, "end.test");
    world.reload(|text| text + "\n[metrics]\n").unwrap();
    assert!(is_alive(&mut guest), "it is as it was");
    world.reload(|text| text.replace("guest = true\n", "")).unwrap();
    closed(&mut guest, "guest-listener");
    // A person at an address, where addresses stand for nobody any more.
    let at = [127, 0, 0, 8];
    world.reload(|text| text.replace("default = \"block\"", "default = \"allow\"")).unwrap();
    world.browser().at(at).arrive("http://news.test/");
    let mut known = world.connect(at);
    write!(known, "CONNECT ok.test:443 HTTP/1.1\r\nHost: ok.test:443\r\n\r\n").unwrap();
    let head = read_head(&mut known);
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(is_alive(&mut known));
    world.reload(|text| text.replace("name = \"this-machine\"\n", "name = \"this-machine\"\nshared = true\n")).unwrap();
    closed(&mut known, "client-address");
}
