//! The access log: one line for each request and tunnel, and nothing secret in it.

use std::collections::BTreeSet;

use super::world::World;

const FIELDS: [&str; 26] = [
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
