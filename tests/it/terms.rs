//! What people are subject to who are let through: fields that rules set and remove, and limits.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::origin::Origin;
use super::raw::{Wire, read_head};
use super::reload::{echo, is_alive};
use super::secure::client::Client;
use super::world::{Builder, PATIENCE, World, say_aside};

const SHARED: [u8; 4] = [127, 0, 7, 1];
const OPEN: [u8; 4] = [127, 0, 5, 1];

/// The fields that the presets for cloud services set, on hosts of this test.
const RULES: &str = r#"
[policy]
walled_garden = ["login.test"]
[[policy.standing]]
name = "our tenants alone"
destinations = ["login.test", "team.test"]
[policy.standing.headers]
set = { Restrict-Access-To-Tenants = "contoso.com", Restrict-Access-Context = "72f988bf" }
remove = ["X-Debug"]
[[policy.rule]]
name = "team"
destinations = ["team.test"]
effect = "allow"
headers = { set = { X-Team = "ours", restrict-access-context = "late" } }
"#;

/// Fields by which a client would have it otherwise.
const FORGED: [&str; 12] = [
    "-H",
    "Restrict-Access-To-Tenants: evil.example",
    "-H",
    "restrict-access-to-tenants: more.example",
    "-H",
    "Restrict_Access_To_Tenants: worse.example",
    "-H",
    "X_Debug: 1",
    "-H",
    "X-Debug: 1",
    "-H",
    "X-Kept: yes",
];

/// Tells in its answer what it was asked.
fn mirror() -> impl Fn(&str, &mut dyn Wire) + Send + Sync {
    |head: &str, stream: &mut dyn Wire| {
        let length = head.len();
        drop(write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{head}"));
    }
}

/// The values of a field in a head.
fn values<'a>(head: &'a str, name: &str) -> Vec<&'a str> {
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
}

fn hosts(mut world: Builder) -> Builder {
    for host in ["login.test", "team.test", "other.test"] {
        let tls = world.certify(host);
        world = world.host(&format!("{host}:80"), Origin::start(mirror()).address);
        world = world.host(&format!("{host}:443"), Origin::start_tls(tls, mirror()).address);
    }
    world
}

#[test]
fn fields_are_set_on_the_hosts_that_they_are_for_and_nobody_forges_them() {
    let listener = "[[listener]]\nname = \"secure\"\naddress = \"127.0.0.1:0\"\ntls = { names = [\"proxy.test\"] }\n";
    let world = hosts(World::build())
        .config(listener)
        .network("shared", "127.0.7.0/24", "shared = true")
        .network("open", "127.0.5.0/24", "sign_in = \"none\"")
        .config(RULES)
        .start();
    let check = |head: &str, own: &[&str], what: &str| {
        assert_eq!(values(head, "restrict-access-to-tenants"), ["contoso.com"], "{what}: {head}");
        assert_eq!(values(head, "restrict-access-context"), ["72f988bf"], "{what}: {head}");
        assert_eq!(values(head, "x-team"), own, "{what}: {head}");
        assert!(values(head, "x-debug").is_empty(), "{what}: {head}");
        let has_alias = ["restrict_access_to_tenants", "x_debug"].iter().any(|name| !values(head, name).is_empty());
        assert!(!has_alias, "many servers take `_` for `-`: {what}: {head}");
        assert_eq!(values(head, "x-kept"), ["yes"], "{what}: {head}");
    };
    // In the walled garden no rule decides, and nobody is known.
    let nobody = world.browser().at(OPEN);
    check(&nobody.curl("http://login.test/", &FORGED).body, &[], "http, walled garden");
    check(&nobody.curl("http://team.test/", &FORGED).body, &["ours"], "http, by a rule");
    // On a shared network https is decrypted.
    let browser = world.browser().at(SHARED);
    browser.arrive("https://team.test/");
    let page = browser.curl("https://team.test/", &FORGED);
    assert_eq!(page.issuer(), Some("Vestibule interception"), "{page:#?}");
    check(&page.body, &["ours"], "https");
    let mut client = Client::connect(&world, OPEN);
    let fields = [("restrict-access-to-tenants", "evil.example"), ("x-debug", "1"), ("x-kept", "yes")];
    check(&client.get("http://team.test/", &fields).text, &["ours"], "h2");
    // Nobody else learns of it, and a tunnel is nobody's to read.
    let other = nobody.curl("http://other.test/", &FORGED).body;
    assert_eq!(values(&other, "restrict-access-to-tenants"), ["evil.example", "more.example"], "{other}");
    assert_eq!((values(&other, "x-team").len(), values(&other, "x-debug").len()), (0, 1), "{other}");
    let tunnelled = nobody.curl("https://team.test/", &FORGED).body;
    assert_eq!(values(&tunnelled, "restrict-access-to-tenants"), ["evil.example", "more.example"], "{tunnelled}");
    world.last_record_has(
        |record| record["host"] == "team.test" && record["scheme"] == "http",
        &[("terms", serde_json::json!(["our tenants alone", "team"])), ("rule", "team".into())],
    );
    world.last_record_has(|record| record["host"] == "other.test", &[("terms", serde_json::Value::Null)]);
}

#[test]
fn what_a_rule_sets_does_not_come_once_more_behind_the_body() {
    let origin = Origin::start(|_, stream| {
        let (mut all, mut piece) = (Vec::new(), [0; 512]);
        while !all.ends_with(b"\r\n\r\n") {
            let count = stream.read(&mut piece).unwrap();
            all.extend_from_slice(&piece[..count]);
            assert!(count > 0);
        }
        drop(write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", all.len()));
        drop(stream.write_all(&all));
    });
    let world = World::build()
        .host("team.test:80", origin.address)
        .network("open", "127.0.5.0/24", "sign_in = \"none\"")
        .config(RULES)
        .start();
    let mut stream = world.connect(OPEN);
    write!(
        stream,
        "POST http://team.test/ HTTP/1.1\r\nHost: team.test\r\nTrailer: X-Team\r\nTransfer-Encoding: chunked\r\n\r\n\
         3\r\nabc\r\n0\r\nX-Team: mine\r\nRestrict-Access-To-Tenants: evil.example\r\n\r\n"
    )
    .unwrap();
    let head = read_head(&mut stream);
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let mut body = [0; 13];
    stream.read_exact(&mut body).unwrap();
    assert_eq!(String::from_utf8_lossy(&body), "3\r\nabc\r\n0\r\n\r\n");
    assert!(!origin.seen()[0].to_ascii_lowercase().contains("trailer:"), "{:?}", origin.seen());
}

const LIMITS: &str = r#"
[[network]]
name = "net"
addresses = ["127.0.5.0/24"]
sign_in = "none"
[policy]
[[policy.standing]]
name = "fair shares"
destinations = ["busy.test"]
limit = { requests = "2/m", burst = 3 }
[[policy.standing]]
name = "few at once"
destinations = ["open.test"]
limit = { connections = 2 }
"#;

#[test]
fn who_asks_too_often_is_told_when_to_ask_again_and_nobody_else_is() {
    let origin = Origin::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
    let world = World::build()
        .host("busy.test:80", origin.address)
        .host("calm.test:80", origin.address)
        .host("open.test:443", echo())
        .config(LIMITS)
        .start();
    let (busy, other) = (world.browser().at(OPEN), world.browser().at([127, 0, 5, 2]));
    for _ in 0..3 {
        assert_eq!(busy.ask("http://busy.test/").status, 200);
    }
    let page = busy.ask("http://busy.test/");
    assert_eq!((page.status, page.heading()), (429, "You have reached a limit"), "{page:#?}");
    let again: u64 = page.value("retry-after").parse().unwrap();
    assert!((1..=31).contains(&again), "{page:#?}");
    assert!(page.proxy_status().contains("error=http_request_denied"), "{page:#?}");
    let part = busy.bare_curl("http://busy.test/", &["-A", "Mozilla/5.0", "-H", "Accept: */*"]);
    assert_eq!(part.status, 429, "{part:#?}");
    let problem: serde_json::Value = serde_json::from_str(&part.body).unwrap();
    let detail = "too many requests in a short time: the rule \"fair shares\" limits them";
    assert_eq!((&problem["status"], &problem["detail"]), (&429.into(), &detail.into()), "{problem}");
    let tool = busy.bare_curl("http://busy.test/", &[]);
    assert_eq!((tool.status, tool.value("content-type")), (429, "text/plain; charset=utf-8"), "{tool:#?}");
    let tunnel = busy.bare_curl("https://busy.test/", &[]);
    assert_eq!(tunnel.connect, 429, "a tunnel counts, too: {tunnel:#?}");
    // Elsewhere, and at another client, nothing has happened.
    for _ in 0..5 {
        assert_eq!(busy.ask("http://calm.test/").status, 200);
    }
    for _ in 0..3 {
        assert_eq!(other.ask("http://busy.test/").status, 200);
    }
    assert_eq!(origin.seen().len(), 11, "what is refused reaches no origin");
    let refused = world.wait_for(|all| all.iter().any(|record| record["method"] == "CONNECT"));
    let refused: Vec<_> = refused.iter().filter(|record| record["status"] == 429).collect();
    assert!(refused.len() >= 3, "{refused:#?}");
    for record in refused {
        assert_eq!((&record["reason"], &record["rule"]), (&"too-many-requests".into(), &"fair shares".into()));
        assert_eq!((&record["decision"], &record["origin"]), (&"denied".into(), &serde_json::Value::Null));
    }
}

#[test]
fn what_is_open_counts_until_it_ends() {
    let world = World::build().host("open.test:443", echo()).config(LIMITS).start();
    let tunnel = |from| {
        let mut stream = world.connect(from);
        write!(stream, "CONNECT open.test:443 HTTP/1.1\r\nHost: open.test:443\r\n\r\n").unwrap();
        let head = read_head(&mut stream);
        (head.split(' ').nth(1).unwrap().to_owned(), stream)
    };
    let mut open: Vec<(String, TcpStream)> = (0..3).map(|_| tunnel(OPEN)).collect();
    let statuses: Vec<&str> = open.iter().map(|(status, _)| status.as_str()).collect();
    assert_eq!(statuses, ["200", "200", "429"]);
    assert_eq!(tunnel([127, 0, 5, 2]).0, "200", "another client");
    assert!(is_alive(&mut open[0].1) && is_alive(&mut open[1].1));
    drop(open.remove(0));
    let begun = Instant::now();
    while tunnel(OPEN).0 != "200" {
        assert!(begun.elapsed() < PATIENCE, "the one that was closed still counts");
        std::thread::sleep(Duration::from_millis(20));
    }
    let record = world.record(|record| record["reason"] == "too-many-connections" && record["status"] == 429);
    assert_eq!((&record["rule"], &record["terms"]), (&"few at once".into(), &serde_json::json!(["few at once"])));
}

/// Bytes that a download has.
const LONG: usize = 24 << 20;

/// How fast the slow one may be, in bytes a second.
const SLOWLY: usize = 256 << 10;

#[test]
fn whoever_has_a_bandwidth_goes_no_faster_and_slows_nobody_down() {
    let origin = Origin::start(|_, stream| {
        drop(write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {LONG}\r\nConnection: close\r\n\r\n"));
        let piece = [b'x'; 64 << 10];
        let mut left = LONG;
        while left > 0 && stream.write_all(&piece[..left.min(piece.len())]).is_ok() {
            left -= left.min(piece.len());
        }
    });
    let world = World::build()
        .host("long.test:80", origin.address)
        .host("long.test:443", origin.address)
        .network("net", "127.0.5.0/24", "sign_in = \"none\"")
        .config(
            "[policy]\n[[policy.standing]]\nname = \"slowly\"\nclients = [\"127.0.5.1/32\"]\n\
             limit = { bandwidth = \"256KiB/s\" }\n[metrics]\nlisten = \"127.0.0.1:0\"\n",
        )
        .start();
    let begun = Instant::now();
    let got: Arc<[AtomicUsize; 2]> = Arc::default();
    // One request and one tunnel of the same client, which share what it may have.
    for (number, target) in ["GET http://long.test/", "CONNECT long.test:443"].into_iter().enumerate() {
        let (mut stream, got) = (world.connect(OPEN), Arc::clone(&got));
        std::thread::spawn(move || {
            write!(stream, "{target} HTTP/1.1\r\nHost: long.test\r\nConnection: close\r\n\r\n").unwrap();
            if number == 1 {
                read_head(&mut stream);
                write!(stream, "GET / HTTP/1.1\r\nHost: long.test\r\n\r\n").unwrap();
            }
            let mut piece = [0; 32 << 10];
            while let Ok(count @ 1..) = stream.read(&mut piece) {
                got[number].fetch_add(count, Ordering::Relaxed);
            }
        });
    }
    // Meanwhile another client has all of it, several times.
    let mut rounds = 0;
    while rounds < 3 || begun.elapsed() < Duration::from_secs(2) {
        let page = world.browser().at([127, 0, 5, 2]).bare_curl("http://long.test/", &[]);
        assert_eq!((page.status, page.body.len()), (200, LONG), "{:?}", page.messages);
        rounds += 1;
    }
    let (seconds, slow) = (begun.elapsed().as_secs_f64(), got.each_ref().map(|one| one.load(Ordering::Relaxed)));
    let sum: usize = slow.iter().sum();
    // A quarter of a second's worth may go at once, and each of the two has one portion in its hand.
    let most = SLOWLY as f64 * (seconds + 0.25) + 2.0 * (SLOWLY / 8) as f64;
    assert!(sum as f64 <= most, "{slow:?} in {seconds} s, and {most} at most");
    assert!(slow.iter().all(|one| *one > SLOWLY / 8), "neither starves: {slow:?}");
    assert!(rounds * LONG > 8 * sum, "{rounds} times {LONG} bytes beside {slow:?}");
    say_aside(&format!(
        "{slow:?} bytes in {seconds:.1} s where {SLOWLY} a second may go; {rounds} x {LONG} beside them"
    ));
    let address = format!("http://{}/metrics", world.listener("metrics"));
    let figures = world.browser().ask_directly(&address, &[]).body;
    let waits = figures.lines().find_map(|line| line.strip_prefix("vestibule_paced_waits_total ")).unwrap();
    assert!(waits.parse::<u64>().unwrap() >= 2, "{figures}");
    assert!(figures.contains("vestibule_limit_shares 1\n"), "{figures}");
}
