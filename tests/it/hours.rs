//! Rules with hours: what is open when they end is closed, unless the rule lets it finish.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use vestibule::clock::{SignedDuration, Timestamp};

use super::raw::read_head;
use super::reload::{echo, is_alive};
use super::world::{PATIENCE, World};

const HERE: [u8; 4] = [127, 0, 5, 1];

/// Hours, in UTC, that have begun a while ago and end in about three minutes.
fn hours() -> String {
    let minutes = Timestamp::now().as_second() / 60;
    let text = |minutes: i64| format!("{:02}:{:02}", minutes / 60 % 24, minutes % 60);
    format!("schedule = {{ hours = [\"{}-{}\"] }}", text(minutes - 5), text(minutes + 3))
}

fn tunnel(world: &World, host: &str) -> Option<TcpStream> {
    let mut stream = world.connect(HERE);
    write!(stream, "CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\nUser-Agent: a tool\r\n\r\n").unwrap();
    read_head(&mut stream).starts_with("HTTP/1.1 200").then_some(stream)
}

#[test]
fn a_tunnel_ends_with_the_hours_of_its_rule_unless_it_may_finish() {
    let hosts = ["closes.test", "finishes.test", "always.test"];
    let builder = hosts.iter().fold(World::build(), |world, host| world.host(&format!("{host}:443"), echo()));
    let hours = hours();
    let world = builder
        .config(&format!(
            "[[network]]\nname = \"net\"\naddresses = [\"127.0.5.0/24\"]\nsign_in = \"none\"\n[policy]\ndefault = \"block\"\n\
             [[policy.rule]]\nname = \"closes\"\ndestinations = [\"closes.test\"]\neffect = \"allow\"\n{hours}\n\
             [[policy.rule]]\nname = \"finishes\"\ndestinations = [\"finishes.test\"]\neffect = \"allow\"\n{hours}\nfinish = true\n\
             [[policy.rule]]\nname = \"always\"\ndestinations = [\"always.test\"]\neffect = \"monitor\"\n"
        ))
        .start();
    let mut open: Vec<_> = hosts.iter().map(|host| tunnel(&world, host).unwrap()).collect();
    assert!(open.iter_mut().all(is_alive));
    world.clock.advance(SignedDuration::from_mins(4));
    let begun = Instant::now();
    while is_alive(&mut open[0]) {
        assert!(begun.elapsed() < PATIENCE, "it is still open");
        std::thread::sleep(Duration::from_millis(50));
    }
    let record = world.record(|record| record["host"] == "closes.test");
    assert_eq!((&record["reason"], &record["rule"]), (&"hours-over".into(), &"closes".into()));
    assert!(open[1..].iter_mut().all(is_alive), "these may go on");
    assert!(
        tunnel(&world, "closes.test").is_none() && tunnel(&world, "finishes.test").is_none(),
        "none begins any more"
    );
    drop(open);
    let monitored = world.record(|record| record["host"] == "always.test");
    assert_eq!((&monitored["decision"], &monitored["reason"]), (&"monitored".into(), &serde_json::Value::Null));
}
