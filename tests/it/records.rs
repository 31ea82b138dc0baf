//! The access log: one line for each request and tunnel, and nothing secret in it.

use std::collections::BTreeSet;
use std::time::Instant;

use super::world::{PATIENCE, World};

const FIELDS: [&str; 28] = [
    "protocol",
    "origin_protocol",
    "time",
    "request_id",
    "client",
    "network",
    "listener",
    "user",
    "realm",
    "session",
    "surrogate",
    "strength",
    "unidentified",
    "method",
    "scheme",
    "host",
    "port",
    "path",
    "status",
    "decision",
    "rule",
    "reason",
    "origin",
    "egress",
    "bytes_in",
    "bytes_out",
    "duration_ms",
    "node",
];

#[test]
fn logs_are_put_aside_and_thrown_away_as_the_operator_says() {
    let rotate = "[log.rotate]\nsize = \"300B\"\nkeep = 2\ncompress = false";
    let world = World::build().config(rotate).start();
    let browser = world.browser();
    for host in ["news", "shop", "mail", "news"] {
        browser.go(&format!("http://{host}.test/"));
    }
    for _ in 0..4 {
        browser.arrive("http://news.test/");
        browser.sign_out();
    }
    let begun = std::time::Instant::now();
    for log in ["access.log", "audit.log"] {
        let aside = || {
            let names = std::fs::read_dir(world.folder()).unwrap().map(|entry| entry.unwrap().file_name());
            names.filter(|name| name.to_str().unwrap().starts_with(&format!("{log}-"))).count()
        };
        // More were put aside than are kept.
        while aside() != 2 {
            assert!(begun.elapsed() < PATIENCE, "{} of {log}", aside());
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
}

#[test]
fn strangers_do_not_fill_the_disk_with_records_and_none_of_a_person_is_left_out() {
    const STRANGERS: [[u8; 4]; 2] = [[127, 0, 9, 1], [127, 0, 9, 2]];
    let world = World::build()
        .config("[policy]\nblocked = [\"blocked.test\"]\n[log.refused]\nper_second = 50\nper_client = 1")
        .start();
    world.browser().arrive("http://news.test/");
    let (before, begun) = (world.log_text().len(), Instant::now());
    // What wrote 24 MB: refused requests whose targets are as long as heads may be.
    let long = "a".repeat(60_000);
    let of_host = |host: &str, more: &str| format!("GET http://{host}/{long} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n");
    for number in 0..200 {
        let answer = world.send_from(STRANGERS[number % 2], &of_host("news.test", "Connection: close\r\n"));
        assert_eq!(answer.status, 407, "{number}: {answer:?}");
    }
    for _ in 0..30 {
        assert_eq!(world.send(&of_host("blocked.test", "Connection: close\r\n")).status, 403, "a person, refused");
    }
    // Ten seconds' worth at once, and one more of each in each second that this took.
    let most = STRANGERS.len() * (10 + usize::try_from(begun.elapsed().as_secs()).unwrap() + 1);
    let of_person = |record: &serde_json::Value| record["host"] == "blocked.test";
    world.wait_for(|all| all.iter().filter(|record| of_person(record)).count() == 30);
    let written = world.log_text().len() - before;
    assert!(written < (most + 30) * 3000, "{written} octets");
    let all = world.end();
    let recorded = all.iter().filter(|record| record["host"] == "news.test" && record["status"] == 407).count();
    assert!((20..=most).contains(&recorded), "{recorded} of {most}");
    let left_out = all.iter().filter(|record| record["audit"] == "records-left-out");
    let counts = left_out.map(|record| record["count"].as_u64().unwrap()).sum::<u64>();
    assert_eq!(counts, 200 - recorded as u64, "the log says what it lacks");
    for record in all.iter().filter(|record| of_person(record)) {
        assert_eq!(record["user"], "B.Simon@contoso.com", "{record}");
        assert!(record["path"].as_str().unwrap().ends_with("a\u{2026}"), "{record}");
    }
}

#[test]
fn a_request_has_one_name_on_its_page_in_its_record_and_in_proxy_status() {
    let world = World::build().network("shared", "127.0.7.0/24", "shared = true").start();
    let browser = world.browser().at([127, 0, 7, 1]);
    // A page for people, a document for programs, a text for tools.
    let html = ["-H", "Upgrade-Insecure-Requests: 1"];
    for (url, options) in [
        ("http://10.0.0.1/", &html[..]),
        ("http://news.test/script.js", &["-A", "Mozilla/5.0"]),
        ("http://news.test/", &[]),
    ] {
        let page = browser.bare_curl(url, options);
        let proxy_status = page.value("proxy-status");
        let (_, details) = proxy_status.split_once("details=\"request ").unwrap_or_else(|| panic!("{page:#?}"));
        let name = details.trim_end_matches('"');
        assert!(page.body.contains(name), "{name}: {page:#?}");
        let record = world.record(|record| record["request_id"] == name);
        assert_eq!(record["status"], page.status, "{record}");
    }
    // The portal's own pages, its records and its events.
    let document = ["-H", "Content-Type: application/json", "-d", "{}"];
    let page = browser.curl("https://portal.vestibule.test/logon", &document);
    assert!(page.status >= 400, "{page:#?}");
    let record = world.record(|record| record["host"] == "portal.vestibule.test" && record["path"] == "/logon");
    assert_eq!((&record["decision"], &record["status"]), (&"local".into(), &page.status.into()), "{record}");
    assert!(page.body.contains(record["request_id"].as_str().unwrap()), "{record}: {page:#?}");
}

#[test]
fn each_request_and_each_tunnel_has_one_line_with_who_and_why() {
    let world = World::build()
        .network("shared", "127.0.7.0/24", "shared = true")
        .config("[policy]\nblocked = [\"blocked.test\"]\n[[policy.rule]]\nname = \"no shopping\"\ndestinations = [\"shop.test\"]\neffect = \"block\"")
        .start();
    let browser = world.browser();
    browser.bare_curl("http://news.test/tool", &[]);
    browser.arrive("http://news.test/page?secret=1");
    browser.go("http://news.test/other");
    browser.bare_curl("https://mail.test/tunnel", &[]);
    browser.go("http://shop.test/denied");
    browser.bare_curl("http://blocked.test/", &[]);
    let other = world.browser().at([127, 0, 7, 1]);
    other.arrive("https://mail.test/cookie");
    let proxy = world.proxy;
    let all = world.end();
    let ids: BTreeSet<_> = all.iter().map(|record| record["request_id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), all.len(), "each has a name of its own");
    for record in &all {
        let found: BTreeSet<_> = record.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(found, BTreeSet::from(FIELDS), "{record}");
        assert_ne!(record["listener"], "portal", "the portal was reached through the proxy");
        assert!(record["time"].as_str().unwrap().ends_with('Z'), "{record}");
        assert_eq!(record["path"].is_null(), record["method"] == "CONNECT", "{record}");
        assert_eq!(record["user"].is_null(), record["session"].is_null(), "{record}");
        assert_eq!(record["user"].is_null(), record["realm"].is_null(), "{record}");
        assert_eq!(record["user"].is_null(), record["surrogate"] == "none", "{record}");
        assert_eq!(record["user"].is_null(), record["strength"] == "none", "{record}");
        let dialled = record["decision"] == "permitted";
        assert_eq!(record["protocol"], "HTTP/1.1", "{record}");
        let is_sent = dialled && record["method"] != "CONNECT";
        assert_eq!(record["origin_protocol"].as_str(), is_sent.then_some("HTTP/1.1"), "{record}");
        assert_eq!((record["origin"].is_string(), record["egress"].is_string()), (dialled, dialled), "{record}");
    }
    let line = |path: &str| {
        let found: Vec<_> = all.iter().filter(|record| record["path"] == path).collect();
        let parts = found.iter().map(|record| {
            ["user", "surrogate", "decision", "rule", "reason", "status"].map(|field| match &record[field] {
                serde_json::Value::String(text) => text.clone(),
                other => other.to_string(),
            })
        });
        parts.collect::<Vec<_>>()
    };
    const SIMON: &str = "B.Simon@contoso.com";
    assert_eq!(line("/tool"), [["null", "none", "denied", "unidentified", "http_request_denied", "407"]]);
    assert_eq!(
        line("/page"),
        [
            ["null", "none", "challenged", "null", "null", "302"],
            [SIMON, "origin-cookie", "permitted", "default", "null", "200"]
        ]
    );
    assert_eq!(line("/other"), [[SIMON, "origin-cookie", "permitted", "default", "null", "200"]]);
    assert_eq!(line("/denied"), [[SIMON, "client-address", "denied", "no shopping", "http_request_denied", "403"]]);
    assert_eq!(
        line("/cookie"),
        [
            ["null", "none", "challenged", "null", "null", "302"],
            [SIMON, "origin-cookie", "permitted", "default", "null", "200"]
        ]
    );
    let tunnels: Vec<_> =
        all.iter().filter(|record| record["host"] == "mail.test" && record["method"] == "CONNECT").collect();
    assert_eq!(tunnels[0]["decision"], "permitted", "{tunnels:#?}");
    assert_eq!(tunnels[0]["surrogate"], "client-address");
    assert!(tunnels[1..].iter().all(|record| record["decision"] == "challenged"), "intercepted: {tunnels:#?}");
    let blocked = all.iter().find(|record| record["host"] == "blocked.test").unwrap();
    assert_eq!((&blocked["rule"], &blocked["status"]), (&"blocked-list".into(), &403.into()));
    assert!(all.iter().all(|record| record["origin"] != proxy.to_string()));
}
