//! What those who watch the program are told: figures, audit records, bursts, and where identity is lost.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use vestibule::admin;
use vestibule::clock::SignedDuration;

use super::raw::read_head;
use super::world::{PATIENCE, World};

const METRICS: &str = "[metrics]\nlisten = \"127.0.0.1:0\"";

/// The figures, as they are now.
fn figures(world: &World) -> String {
    let url = format!("http://{}/metrics", world.listener("metrics"));
    let page = world.browser().ask_directly(&url, &[]);
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(page.heads.contains("text/plain; version=0.0.4; charset=utf-8"), "{}", page.heads);
    page.body
}

/// One of them; none if it is not there.
fn figure(text: &str, name: &str) -> Option<f64> {
    let found = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    found.map(|value| value.parse().unwrap())
}

/// Waits until a figure is as it should be: an answer may be seen before it is counted.
fn wait_for_figure(world: &World, name: &str, value: f64) {
    let begun = Instant::now();
    loop {
        let text = figures(world);
        if figure(&text, name) == Some(value) {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{name} is not {value}:\n{text}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn whoever_watches_sees_how_many_do_what_and_never_who() {
    let world = World::build().host("down.test:80", "127.0.0.1:1").config(METRICS).start();
    let browser = world.browser();
    browser.bare_curl("http://news.test/tool", &[]);
    browser.arrive("http://news.test/page");
    browser.go("http://down.test/");
    browser.bare_curl("http://news.test/", &[]);
    let mut tunnel = world.connect([127, 0, 0, 1]);
    tunnel.write_all(b"CONNECT mail.test:443 HTTP/1.1\r\nHost: mail.test:443\r\n\r\n").unwrap();
    assert!(read_head(&mut tunnel).starts_with("HTTP/1.1 200"));
    wait_for_figure(&world, "vestibule_tunnels_open", 1.0);
    drop(tunnel);
    wait_for_figure(&world, "vestibule_tunnels_open", 0.0);
    wait_for_figure(&world, "vestibule_requests_open", 0.0);
    let text = figures(&world);
    for (name, value) in [
        ("vestibule_requests_total{decision=\"denied\",surrogate=\"none\",status=\"4xx\"}", 1.0),
        ("vestibule_requests_total{decision=\"permitted\",surrogate=\"origin-cookie\",status=\"2xx\"}", 2.0),
        ("vestibule_requests_total{decision=\"permitted\",surrogate=\"client-address\",status=\"2xx\"}", 1.0),
        ("vestibule_request_errors_total{reason=\"http_request_denied\"}", 1.0),
        ("vestibule_request_errors_total{reason=\"connection_refused\"}", 1.0),
        ("vestibule_requests_without_user_total{why=\"tool\"}", 1.0),
        ("vestibule_requests_without_user_total{why=\"navigation\"}", 1.0),
        ("vestibule_sign_ins_total{realm=\"contoso\",outcome=\"accepted\"}", 1.0),
        ("vestibule_verifier_disagreements_total", 0.0),
        ("vestibule_sessions", 1.0),
        ("vestibule_store_healthy", 1.0),
        ("vestibule_store_away_seconds", 0.0),
        ("vestibule_store_round_trips_total{outcome=\"failed\"}", 0.0),
        ("vestibule_realm_enabled{realm=\"contoso\"}", 1.0),
    ] {
        assert_eq!(figure(&text, name), Some(value), "{name} in\n{text}");
    }
    for name in [
        "vestibule_store_round_trips_total{outcome=\"done\"}",
        "vestibule_store_seconds_total",
        "vestibule_bytes_total{direction=\"out\"}",
        "vestibule_idp_certificate_expires_seconds{realm=\"contoso\"}",
        "vestibule_request_duration_seconds_bucket{le=\"+Inf\"}",
    ] {
        assert!(figure(&text, name).unwrap() > 0.0, "{name} in\n{text}");
    }
    assert_eq!(
        figure(&text, "vestibule_request_duration_seconds_bucket{le=\"+Inf\"}"),
        figure(&text, "vestibule_request_duration_seconds_count")
    );
    for secret in
        ["Simon", "news.test", "127.0.0.1", &browser.cookie("portal.vestibule.test", "__Host-vestibule").unwrap()]
    {
        assert!(!text.contains(secret), "{secret} in\n{text}");
    }
    // Each family is said to be what it is, once, before its samples.
    let mut family = "";
    let mut families = std::collections::BTreeSet::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            family = rest.split(' ').next().unwrap();
            assert!(families.insert(family), "{line}");
        } else if !line.starts_with("# HELP ") {
            assert!(line.starts_with(family), "{line} in {family}");
        }
    }
    let secret = browser.cookie("portal.vestibule.test", "__Host-vestibule");
    world.end_of_session(secret.as_deref());
    let root = format!("http://{}/", world.listener("metrics"));
    assert_eq!(world.browser().ask_directly(&root, &[]).status, 404);
    assert_eq!(world.browser().ask_directly(&format!("{root}metrics"), &["-X", "POST"]).status, 405);
    wait_for_figure(&world, "vestibule_sessions_ended_total{reason=\"operator\"}", 1.0);
}

#[test]
fn nobody_can_fetch_figures_unless_the_operator_says_where() {
    let world = World::new();
    assert_eq!(world.browser().ask_directly(&format!("http://{}/metrics", world.proxy), &[]).status, 404);
    assert_eq!(world.browser().ask_directly(&format!("https://{}/metrics", world.portal), &["-k"]).status, 404);
}

impl World {
    /// What operators do: ends all sessions of everybody who is called B.Simon.
    fn end_of_session(&self, secret: Option<&str>) {
        assert!(secret.is_some(), "somebody is signed in");
        let arguments = serde_json::json!({ "user": "b.simon@contoso.com" });
        admin::client::ask(self.folder(), "sessions end", &arguments, |_| {}).unwrap();
    }

    fn audit(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.folder().join("audit.log")).unwrap();
        let lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        lines.map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn wait_for_audit(&self, count: usize) -> Vec<Value> {
        let begun = Instant::now();
        loop {
            let all = self.audit();
            if all.len() >= count {
                return all;
            }
            assert!(begun.elapsed() < PATIENCE, "{count} records were wanted: {all:#?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

#[test]
fn the_audit_log_says_who_signed_in_whose_session_ended_and_who_did_it() {
    let world = World::new();
    let browser = world.browser();
    browser.arrive("http://news.test/");
    let other = world.browser().at([127, 0, 0, 2]);
    let logon = other.go("http://news.test/");
    let refused = other.sign_in(&logon, "MeganB@contoso.com", "megan");
    assert!(refused.body.contains("AADSTS50105"), "{}", refused.body);
    browser.sign_out();
    browser.arrive("http://news.test/");
    world.end_of_session(Some(""));
    let all = world.wait_for_audit(6);
    let short: Vec<_> = all
        .iter()
        .map(|entry| {
            ["audit", "user", "realm", "client", "reason", "by", "command", "subject", "outcome"]
                .map(|field| entry[field].as_str().unwrap_or_default())
                .map(|value| if value.starts_with("operator (uid ") { "operator (uid …)" } else { value })
        })
        .collect();
    const SIMON: &str = "B.Simon@contoso.com";
    let said = "the identity provider answers RequestDenied";
    assert_eq!(short[0], ["sign-in", SIMON, "contoso", "127.0.0.1", "", "", "", "", ""]);
    assert_eq!(short[1][..4], ["sign-in-refused", "", "contoso", "127.0.0.2"]);
    assert!(short[1][4].contains("AADSTS50105"), "{said}: {}", all[1]);
    assert_eq!(short[2], ["session-ended", SIMON, "contoso", "127.0.0.1", "signed-out", "", "", "", ""]);
    assert_eq!(short[3][..2], ["sign-in", SIMON]);
    assert_eq!(short[4], ["session-ended", SIMON, "contoso", "127.0.0.1", "operator", "operator (uid …)", "", "", ""]);
    let command = ["command", "", "", "", "", "operator (uid …)", "sessions end", "b.simon@contoso.com", "done"];
    assert_eq!(short[5], command);
    assert_eq!(all[0]["session"], all[2]["session"]);
    assert_ne!(all[0]["session"], all[3]["session"]);
    assert!(all[0]["request_id"].is_string(), "as in the event that says the same: {}", all[0]);
    for (name, jar) in [("first", &browser), ("other", &other)] {
        let secret = jar.cookie("portal.vestibule.test", "__Host-vestibule").unwrap_or_default();
        let text = std::fs::read_to_string(world.folder().join("audit.log")).unwrap();
        assert!(secret.is_empty() || !text.contains(&secret), "{name}");
    }
}

#[test]
fn a_burst_of_refused_connects_is_one_line_more_and_none_is_lost() {
    let world = World::new();
    for _ in 0..40 {
        let answer =
            world.send("CONNECT news.test:25 HTTP/1.1\r\nHost: news.test:25\r\nUser-Agent: Mozilla/5.0\r\nConnection: close\r\n\r\n");
        assert_eq!(answer.status, 403);
    }
    world.send("CONNECT mail.test:25 HTTP/1.1\r\nHost: mail.test:25\r\nConnection: close\r\n\r\n");
    let to_news = |all: &[Value]| all.iter().filter(|record| record["host"] == "news.test").count();
    world.wait_for(|all| all.iter().any(|record| record["host"] == "mail.test"));
    assert_eq!(to_news(&world.records()), 1, "the first one is there at once");
    world.clock.advance(SignedDuration::from_secs(11));
    world.wait_for(|all| to_news(all) == 2);
    let all = world.end();
    let counts: Vec<_> =
        all.iter().filter(|record| record["host"] == "news.test").map(|record| &record["count"]).collect();
    assert_eq!(counts, [&Value::Null, &Value::from(39)]);
    let burst = all.iter().find(|record| record["count"] == 39).unwrap();
    assert!(burst["first"].is_string() && burst["last"].is_string() && burst["reason"].is_string(), "{burst}");
    assert_eq!(all.iter().filter(|record| record["host"] == "mail.test").count(), 1);
}

/// `vestibule report identity-loss` with these arguments, given `input`.
fn report(arguments: &[&str], input: Option<&Path>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vestibule"));
    let input = input.map_or_else(Stdio::null, |path| std::fs::File::open(path).unwrap().into());
    command.env_clear().args(["report", "identity-loss"]).args(arguments).stdin(input).output().unwrap()
}

#[test]
fn the_report_names_the_sites_that_lose_identity_and_the_rule_that_helps() {
    let world = World::new();
    let browser = world.browser();
    let image = ["-H", "User-Agent: Mozilla/5.0", "-H", "Accept: image/*"];
    for _ in 0..3 {
        assert_eq!(browser.bare_curl("http://news.test/a.png", &image).status, 511);
    }
    assert_eq!(browser.bare_curl("http://shop.test/", &[]).status, 407);
    // A device that does not trust our authority.
    let wary = world.browser().trusting(&world.web);
    assert_eq!(wary.curl("https://mail.test/", &[]).connect, 200);
    browser.arrive("http://news.test/");
    browser.bare_curl("http://shop.test/", &[]);
    let log = world.folder().join("access.log");
    world.wait_for(|all| all.iter().any(|record| record["reason"] == "client-refused-certificate"));
    world.wait_for(|all| all.iter().any(|record| record["host"] == "shop.test" && !record["user"].is_null()));
    let text = |output: &Output| String::from_utf8(output.stdout.clone()).unwrap();
    let human = text(&report(&[log.to_str().unwrap()], None));
    for part in [
        "5 of ",
        " had no user although somebody was asked for, at 3 sites.",
        "news.test          3",
        "3 sub-resource, refused, from this-machine",
        "1 tool, refused, from this-machine",
        "1 certificate-refused, refused, from this-machine",
        "destinations = [\"=news.test\"]\nnetworks = [\"this-machine\"]\neffect = \"allow\"\nauthenticate = false\n",
    ] {
        assert!(human.contains(part), "{part} in\n{human}");
    }
    let output = report(&["--json", "-"], Some(&log));
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let lines: Vec<Value> = text(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 4);
    assert_eq!((&lines[0]["site"], &lines[0]["without_user"]), (&"news.test".into(), &3.into()));
    assert_eq!((&lines[3]["sums"]["without_user"], &lines[3]["sums"]["broken_lines"]), (&5.into(), &0.into()));
    assert!(text(&report(&["--from", "2100-01-01", log.to_str().unwrap()], None)).starts_with("0 of 0 requests"));
    // What it says helps: with the rules of the report, nobody is asked for there.
    let rules: String = lines.iter().filter_map(|line| line["rule"].as_str()).collect();
    let exempt = World::build().config(&rules).start();
    let anybody = exempt.browser();
    assert_eq!(anybody.bare_curl("http://news.test/a.png", &image).status, 200);
    assert_eq!(anybody.bare_curl("http://shop.test/", &[]).status, 200);
    assert_eq!(exempt.browser().trusting(&exempt.web).curl("https://mail.test/", &[]).status, 200);
    // What is no record is named, and the rest counts all the same.
    let broken = world.folder().join("broken.log");
    std::fs::write(&broken, format!("nonsense\n{}", std::fs::read_to_string(&log).unwrap())).unwrap();
    let output = report(&[broken.to_str().unwrap()], None);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && said.contains("broken.log:1: "), "{said}");
    assert_eq!(report(&["/nowhere/access.log"], None).status.code(), Some(1));
    assert_eq!(report(&["--from", "yesterday"], None).status.code(), Some(64));
}
