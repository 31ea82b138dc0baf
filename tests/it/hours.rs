//! Rules with hours: what is open when they end is closed, unless the rule lets it finish.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;
use vestibule::clock::{SignedDuration, Timestamp};
use vestibule::password::HashedPassword;

use super::browser::Browser;
use super::raw::read_head;
use super::reload::{echo, is_alive};
use super::world::{Builder, PATIENCE, World};

const HERE: [u8; 4] = [127, 0, 5, 1];

/// Hours, in UTC, that have begun a while ago and end in about three minutes.
fn hours() -> String {
    let minutes = Timestamp::now().as_second() / 60;
    let text = |minutes: i64| format!("{:02}:{:02}", minutes / 60 % 24, minutes % 60);
    format!("schedule = {{ hours = [\"{}-{}\"] }}", text(minutes - 5), text(minutes + 3))
}

fn tunnel(world: &World, host: &str) -> Option<TcpStream> {
    tunnel_from(world, HERE, host)
}

fn tunnel_from(world: &World, from: [u8; 4], host: &str) -> Option<TcpStream> {
    let mut stream = world.connect(from);
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
    wait_for_end(&mut open[0]);
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

/// Waits until a tunnel has been closed.
pub(crate) fn wait_for_end(tunnel: &mut TcpStream) {
    let begun = Instant::now();
    while is_alive(tunnel) {
        assert!(begun.elapsed() < PATIENCE, "it is still open");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// An address that stands for whoever has signed in there.
const DESK: [u8; 4] = [127, 0, 0, 1];

/// A world with these origins, each of which sends back what it gets, and a desk whose address stands for its person.
fn desk(hosts: &[&str]) -> Builder {
    let desk = World::build().network("desk", "127.0.0.1/32", "address_idle = \"12h\"\naddress_lifetime = \"1d\"");
    hosts.iter().fold(desk, |world, host| world.host(&format!("{host}:443"), echo()))
}

/// Passes what a rule has put before a site, as a tool tells its person to.
fn pass(browser: &Browser<'_>, host: &str) {
    let told = browser.bare_curl(&format!("http://{host}/"), &["-H", "Accept: application/json"]);
    let problem: Value = serde_json::from_str(&told.body).unwrap_or_else(|error| panic!("{error}: {told:#?}"));
    let page = browser.go(problem["portal"].as_str().unwrap());
    let passed = browser.submit(&page, page.form(), &[("password", "correct horse")]);
    assert_eq!(passed.heading(), "You are signed in", "{passed:#?}");
}

#[test]
fn a_tunnel_ends_with_the_override_or_the_warning_by_which_it_was_opened_unless_it_may_finish() {
    let hosts = ["closes.test", "warned.test", "finishes.test", "longer.test", "always.test"];
    let hash = HashedPassword::of("correct horse").unwrap();
    let rule = |name: &str, effect: &str| {
        format!("[[policy.rule]]\nname = \"{name}\"\ndestinations = [\"{name}.test\"]\n{effect}\n")
    };
    let block =
        |lasts: &str| format!("effect = \"block\"\noverride = {{ password = '{}', for = \"{lasts}\" }}", hash.expose());
    let rules = [
        rule("closes", &block("10m")),
        rule("warned", "effect = \"warn\"\nremember = \"10m\""),
        rule("finishes", &format!("{}\nfinish = true", block("10m"))),
        rule("longer", &block("2h")),
    ];
    let world = desk(&hosts).config(&rules.concat()).start();
    let browser = world.browser();
    browser.arrive("http://news.test/");
    assert!(tunnel_from(&world, DESK, "closes.test").is_none() && tunnel_from(&world, DESK, "warned.test").is_none());
    hosts[..4].iter().for_each(|host| pass(&browser, host));
    let mut open: Vec<_> = hosts.iter().map(|host| tunnel_from(&world, DESK, host).unwrap()).collect();
    assert!(open.iter_mut().all(is_alive));
    world.clock.advance(SignedDuration::from_mins(9));
    std::thread::sleep(Duration::from_secs(2));
    assert!(open.iter_mut().all(is_alive), "it is not over yet");
    world.clock.advance(SignedDuration::from_mins(2));
    wait_for_end(&mut open[0]);
    wait_for_end(&mut open[1]);
    let ended = |host: &str, rule: &str| {
        let record = world.record(|record| record["host"] == host && record["reason"] == "pass-over");
        assert_eq!((&record["rule"], &record["method"]), (&rule.into(), &"CONNECT".into()), "{record}");
    };
    ended("closes.test", "closes");
    ended("warned.test", "warned");
    assert!(open[2..].iter_mut().all(is_alive), "these may go on");
    assert!(tunnel_from(&world, DESK, "finishes.test").is_none() && tunnel_from(&world, DESK, "closes.test").is_none());
    // Whoever passes it again has it open again, for its time.
    pass(&browser, "warned.test");
    let mut again = tunnel_from(&world, DESK, "warned.test").unwrap();
    world.clock.advance(SignedDuration::from_mins(11));
    wait_for_end(&mut again);
    assert!(is_alive(&mut open[3]) && is_alive(&mut open[4]));
}

#[test]
fn a_tunnel_whose_hours_end_before_a_barrier_is_closed_and_goes_on_where_that_was_passed() {
    let hours = hours();
    let rule = |name: &str| {
        format!(
            "[[policy.rule]]\nname = \"{name} by day\"\ndestinations = [\"{name}.test\"]\neffect = \"allow\"\nports = [1]\n{hours}\n\
             [[policy.rule]]\nname = \"{name} by night\"\ndestinations = [\"{name}.test\"]\neffect = \"warn\"\n"
        )
    };
    let world = desk(&["barred.test", "passed.test"]).config(&format!("{}{}", rule("barred"), rule("passed"))).start();
    let browser = world.browser();
    browser.arrive("http://news.test/");
    pass(&browser, "passed.test");
    world.reload(|text| text.replace("ports = [1]\n", "")).unwrap();
    let mut barred = tunnel_from(&world, DESK, "barred.test").unwrap();
    let mut passed = tunnel_from(&world, DESK, "passed.test").unwrap();
    world.clock.advance(SignedDuration::from_mins(4));
    wait_for_end(&mut barred);
    world.record(|record| {
        record["host"] == "barred.test" && record["reason"] == "hours-over" && record["rule"] == "barred by day"
    });
    assert!(is_alive(&mut passed), "another rule lets it through");
}

#[test]
fn the_age_of_a_proof_is_that_of_when_a_tunnel_was_opened() {
    let rules = "[[policy.rule]]\nname = \"condition\"\ndestinations = [\"condition.test\"]\neffect = \"allow\"\nproven = \"1h\"\n\
                 [[policy.rule]]\nname = \"wish\"\ndestinations = [\"wish.test\"]\neffect = \"allow\"\nreauthenticate = \"1h\"\n\
                 [[policy.rule]]\nname = \"no\"\ndestinations = [\"condition.test\", \"wish.test\", \"other.test\"]\neffect = \"block\"\n";
    let hosts = ["condition.test", "wish.test"];
    let world = desk(&hosts).config(rules).start();
    world.browser().arrive("http://news.test/");
    world.clock.advance(SignedDuration::from_mins(50));
    let mut open: Vec<_> = hosts.iter().map(|host| tunnel_from(&world, DESK, host).unwrap()).collect();
    world.clock.advance(SignedDuration::from_hours(3));
    world.reload(|text| text.replace(", \"other.test\"", "")).unwrap();
    std::thread::sleep(Duration::from_secs(2));
    assert!(open.iter_mut().all(is_alive), "the proof was young enough when they were opened");
    for host in hosts {
        let refused = tunnel_from(&world, DESK, host);
        // A CONNECT that is answered 200 is looked into, to ask: what it sends is not TLS, and nothing comes back.
        assert!(refused.is_none_or(|mut tunnel| !is_alive(&mut tunnel)), "{host}: none begins any more");
    }
    // A configuration that wants a younger proof than there was then is another matter.
    world.reload(|text| text.replace("proven = \"1h\"", "proven = \"10m\"")).unwrap();
    wait_for_end(&mut open[0]);
    world.record(|record| record["host"] == "condition.test" && record["reason"] == "policy-changed");
    assert!(is_alive(&mut open[1]));
}
