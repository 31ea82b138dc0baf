//! The challenge table: every kind of request, by every transport, from every kind of network, and the exact answer and
//! access record of each.

mod rows;
mod transport;

use serde_json::Value;

use super::raw::Answer;
use super::world::World;
use rows::{CONNECTS, Connect, ROWS, Row, Said};
use transport::{TRANSPORTS, Transport};

/// Where a request comes from.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// The network's name in records.
    network: &'static str,
    /// The client's address, or that of the proxy in front.
    from: [u8; 4],
    /// The client that a proxy in front names.
    forwarded: Option<&'static str>,
    sort: Sort,
}

/// What a network means for somebody who has not signed in there.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Sort {
    /// They must sign in, and what cannot be asked to is refused.
    Required,
    /// They must sign in, and what cannot be asked to is let through.
    Lenient,
    /// They need not sign in.
    Open,
    /// They have signed in, and their address stands for them.
    Known,
}

const PLACES: [Place; 9] = [
    Place { network: "this-machine", from: [127, 0, 0, 9], forwarded: None, sort: Sort::Required },
    Place { network: "strict", from: [127, 0, 1, 1], forwarded: None, sort: Sort::Required },
    Place { network: "lenient", from: [127, 0, 2, 1], forwarded: None, sort: Sort::Lenient },
    Place { network: "optional", from: [127, 0, 3, 1], forwarded: None, sort: Sort::Open },
    Place { network: "none", from: [127, 0, 4, 1], forwarded: None, sort: Sort::Open },
    Place { network: "guests", from: [127, 0, 5, 1], forwarded: None, sort: Sort::Required },
    Place { network: "shared", from: [127, 0, 7, 1], forwarded: None, sort: Sort::Required },
    Place { network: "elsewhere", from: [127, 0, 8, 1], forwarded: Some("192.0.2.1"), sort: Sort::Required },
    Place { network: "this-machine", from: [127, 0, 6, 1], forwarded: None, sort: Sort::Known },
];

const PERSON: &str = "B.Simon@contoso.com";

const CONFIG: &str = r#"
[[listener]]
name = "behind"
address = "127.0.0.1:0"
forwarders = ["127.0.8.1/32"]
[[listener]]
name = "secure"
address = "127.0.0.1:0"
forwarders = ["127.0.8.1/32"]
tls = { names = ["proxy.test"] }
[policy]
walled_garden = ["mail.test"]
blocked = ["shop.test"]
"#;

fn world() -> World {
    let world = World::build()
        .network("strict", "127.0.1.0/24", "address = false")
        .network("lenient", "127.0.2.0/24", "unidentified = \"allow\"")
        .network("optional", "127.0.3.0/24", "sign_in = \"optional\"")
        .network("none", "127.0.4.0/24", "sign_in = \"none\"")
        .network("guests", "127.0.5.0/24", "guest = true")
        .network("shared", "127.0.7.0/24", "shared = true")
        .config(CONFIG)
        // What tools are told where they can bring a token stands in `tools`.
        .config("[session.tokens]\nenabled = false")
        .start();
    world.browser().at([127, 0, 6, 1]).arrive("http://news.test/");
    world.wait_for(|all| all.iter().any(|record| record["host"] == "news.test" && record["decision"] == "permitted"));
    world
}

/// Every record that one exchange from a place with a host leaves.
fn records_of<T>(
    world: &World,
    (place, host): (&Place, &str),
    count: usize,
    exchange: impl FnOnce() -> T,
) -> (T, Vec<Value>) {
    let client = format!("{}:", place.client());
    let is_own =
        |record: &Value| record["host"] == host && record["client"].as_str().is_some_and(|it| it.starts_with(&client));
    let before = world.records().iter().filter(|record| is_own(record)).count();
    let answer = exchange();
    let all = world.wait_for(|all| all.iter().filter(|record| is_own(record)).count() >= before + count);
    (answer, all.into_iter().filter(is_own).skip(before).collect())
}

impl Place {
    fn client(&self) -> String {
        self.forwarded.map_or_else(|| self.from.map(|part| part.to_string()).join("."), str::to_owned)
    }
}

#[test]
fn each_kind_of_request_is_answered_as_the_table_says_by_each_transport_on_each_network() {
    let world = world();
    let mut cells = 0;
    for transport in TRANSPORTS {
        for row in ROWS.iter().filter(|row| transport.carries(row)) {
            for place in &PLACES {
                let tunnelled = transport.is_tunnelled(row, place);
                // Nobody reads what is in a tunnel.
                let said = if tunnelled { Said::Origin } else { row.said(place.sort) };
                // A CONNECT has a record of its own, and what happens in a tunnel has none.
                let count = if transport.connects() && !tunnelled { 2 } else { 1 };
                let (answer, records) =
                    records_of(&world, (place, row.host), count, || transport.ask(&world, place, row));
                let what = format!("{} by {} on {} ({:?})", row.name, transport.name(), place.network, place.sort);
                check_answer(&answer, said, row, &what, transport);
                let method = if tunnelled { "CONNECT" } else { row.method };
                let mut own = records.iter().filter(|record| record["method"] == method);
                let record = own.next().unwrap_or_else(|| panic!("{what}: no record of it: {records:#?}"));
                check_record(record, said, row, place, tunnelled, &what);
                cells += 1;
            }
        }
    }
    assert!(cells > 350, "{cells}");
}

fn check_answer(answer: &Answer, said: Said, row: &Row, what: &str, transport: &dyn Transport) {
    let own = !matches!(said, Said::Origin);
    assert_eq!(answer.status, row.status(said), "{what}: {answer:#?}");
    if own {
        assert_eq!(answer.value("cache-control"), "no-store", "{what}: {answer:#?}");
    }
    let proxy_status = said.error_type().map_or(String::new(), |error| format!("vestibule; error={error}"));
    assert_eq!(answer.proxy_status(), proxy_status, "{what}: {answer:#?}");
    if let Some(kind) = said.content_type() {
        assert_eq!(answer.value("content-type"), kind, "{what}: {answer:#?}");
    }
    let location = answer.value("location");
    let cookie = answer.value("set-cookie");
    match said {
        Said::Portal(_) => {
            let token = location.strip_prefix("https://portal.vestibule.test/?r=");
            let token = token.unwrap_or_else(|| panic!("{what}: {location}"));
            assert!(token.len() > 40 && !token.contains(['&', '/', ' ', '%']), "{what}: {location}");
            assert!(cookie.starts_with("vestibule_c_"), "{what}: {cookie}");
            let secure = if transport.is_secure() { "; Secure" } else { "" };
            let end = format!("; Path=/.well-known/vestibule/; Max-Age=3600; HttpOnly; SameSite=Lax{secure}");
            assert!(cookie.ends_with(&end), "{what}: {cookie}");
        }
        Said::Arrival => assert!(location.ends_with("://news.test"), "{what}: {location}"),
        _ => assert_eq!((location.as_str(), cookie.as_str()), ("", ""), "{what}: {answer:#?}"),
    }
    if answer.value("content-type") == "application/problem+json" {
        let problem: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(problem["status"], said.status(), "{what}: {problem}");
        let portal = if said.status() == 511 { "https://portal.vestibule.test".into() } else { Value::Null };
        assert_eq!(problem["portal"], portal, "{what}: {problem}");
    }
}

fn check_record(record: &Value, said: Said, row: &Row, place: &Place, tunnelled: bool, what: &str) {
    let (decision, rule, reason) = said.record();
    assert_eq!(record["decision"], decision, "{what}: {record}");
    assert_eq!(record["network"], place.network, "{what}: {record}");
    assert_eq!(record["host"], row.host, "{what}: {record}");
    assert_eq!(record["path"], if tunnelled { Value::Null } else { row.path().into() }, "{what}: {record}");
    // Whoever leaves a tunnel first is no fault.
    if !tunnelled {
        assert_eq!(record["status"], row.status(said), "{what}: {record}");
        assert_eq!(record["reason"], reason.map_or(Value::Null, Value::from), "{what}: {record}");
    }
    let rule = if said == Said::Origin { Some(row.rule()) } else { rule };
    assert_eq!(record["rule"], rule.map_or(Value::Null, Value::from), "{what}: {record}");
    let named = place.sort == Sort::Known && (tunnelled || !row.is_local());
    assert_eq!(record["user"], if named { PERSON.into() } else { Value::Null }, "{what}: {record}");
    assert_eq!(record["surrogate"], if named { "client-address" } else { "none" }, "{what}: {record}");
}

#[test]
fn each_connect_is_tunnelled_intercepted_or_refused_as_the_table_says() {
    let world = world();
    for transport in TRANSPORTS {
        for connect in CONNECTS {
            for place in &PLACES {
                let Some((status, records)) = connect_by(transport, &world, place, connect) else { continue };
                let expected = connect.expected(place.sort);
                let what = format!("{} by {} on {} ({:?})", connect.name, transport.name(), place.network, place.sort);
                assert_eq!(status, expected.status(), "{what}: {records:#?}");
                assert_ne!(status, 511, "Firefox hangs on it");
                let record = records.iter().find(|record| record["method"] == "CONNECT").unwrap();
                let found = [&record["decision"], &record["network"], &record["path"]];
                assert_eq!(
                    found,
                    [&expected.decision().into(), &place.network.into(), &Value::Null],
                    "{what}: {record}"
                );
                if expected.status() == 403 {
                    let error = connect.error.unwrap_or("http_request_denied");
                    assert_eq!(record["reason"], error, "{what}: {record}");
                }
            }
        }
    }
}

fn connect_by(transport: &dyn Transport, world: &World, place: &Place, connect: &Connect) -> Option<(u16, Vec<Value>)> {
    let host = connect.authority.rsplit_once(':')?.0;
    transport
        .connects_at_all()
        .then(|| records_of(world, (place, host), 1, || transport.connect(world, place, connect)))
}
