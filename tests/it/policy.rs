//! What operators ask about a policy before anybody feels it: explain, cases, remarks, a log replayed.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use super::world::World;

const RULES: &str = r#"
[[list]]
name = "bad"
entries = ["bad.test"]
[[list]]
name = "shops"
entries = ["shop.test"]
[[network]]
name = "office"
addresses = ["10.0.0.0/8"]
time_zone = "Europe/Berlin"
[policy]
default = "block"
blocked_lists = ["bad"]
approved = ["approved.test"]
[[policy.rule]]
name = "staff by day"
groups = ["Staff"]
schedule = { days = ["mon-fri"], hours = ["08:00-18:00"] }
not = { destinations = ["bets.test"] }
effect = "allow"
[[policy.rule]]
name = "shops"
lists = ["shops"]
not = { ports = [8443] }
effect = "monitor"
[[policy.rule]]
name = "updates"
destinations = ["updates.test"]
effect = "allow"
authenticate = false
"#;

fn file(folder: &Path, name: &str, more: &str) -> PathBuf {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let text = std::fs::read_to_string(config.join("minimal.toml")).unwrap();
    let text = text.replace("contoso.xml", &config.join("contoso.xml").display().to_string());
    let path = folder.join(name);
    std::fs::write(&path, format!("state = {:?}\n{text}{more}", folder.join("state"))).unwrap();
    path
}

fn run(config: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vestibule"));
    command.args(arguments).env("VESTIBULE_CONFIG", config).output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn explain_says_each_step_and_each_condition() {
    let folder = tempfile::tempdir().unwrap();
    let config = file(folder.path(), "a.toml", RULES);
    let asked = ["explain", "--from", "10.1.2.3", "--user", "eve@contoso.com", "--group", "staff"];
    // 07:59 and 08:00 in Berlin.
    for (url, at, decision, rule) in [
        ("https://news.test/", "2026-11-27T06:59:00Z", "block", "default"),
        ("https://news.test/", "2026-11-27T08:00", "allow", "staff by day"),
        ("https://bets.test/", "2026-11-27T08:00", "block", "default"),
        ("http://approved.test/x", "2026-11-27T06:59:00Z", "allow", "approved-list"),
        ("https://www.bad.test/", "2026-11-27T08:00", "block", "blocked-list"),
        ("https://shop.test/", "2026-11-27T06:59:00Z", "monitor", "shops"),
        ("http://updates.test/x", "2026-11-27T06:59:00Z", "allow", "updates"),
        ("https://login.microsoftonline.com/", "2026-11-27T06:59:00Z", "allow", "walled-garden"),
    ] {
        let output = run(&config, &[&asked[..], &["--url", url, "--at", at, "--json"]].concat());
        assert!(output.status.success(), "{}", text(&output));
        let found: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&found["decision"], &found["rule"]), (&decision.into(), &rule.into()), "{url} {at}: {found:#}");
    }
    let output = run(&config, &[&asked[..], &["--url", "https://bets.test/", "--at", "2026-11-27T08:00"]].concat());
    let said = text(&output);
    for line in [
        "contoso/eve@contoso.com, at 10.1.2.3 (network `office`, listener `proxy`), 2026-11-27T07:00:00Z: CONNECT bets.test:443",
        "no   blocked-list",
        "no   somebody must sign in first",
        "no   rule `staff by day` (allow)",
        "       yes  schedule: 2026-11-27T07:00:00Z",
        "       yes  users or groups: contoso/eve@contoso.com",
        "       yes  not destinations: bets.test",
        "yes  default",
        "block, by `default`",
    ] {
        assert!(said.lines().any(|found| found == line), "{line}\n{said}");
    }
    let output = run(&config, &[&asked[..], &["--url", "https://shop.test/", "--at", "2026-11-28T08:00"]].concat());
    for line in [
        "yes  rule `shops` (monitor)",
        "       yes  lists: shop.test",
        "       no   not ports: 443",
        "monitor, by `shops`",
    ] {
        assert!(text(&output).lines().any(|found| found == line), "{line}\n{}", text(&output));
    }
    let inside = &["--url", "https://shop.test/a?b", "--kind", "navigation", "--at", "2026-11-28T08:00"];
    let output = run(&config, &[&asked[..], inside].concat());
    let said = text(&output);
    assert!(said.lines().next().is_some_and(|line| line.ends_with(": GET https://shop.test/a?b")), "{said}");
    assert_eq!(said.matches("no   blocked-list").count(), 2, "{said}");
    assert!(said.contains("\n\nThis is not refused. The tunnel that it is in:\n\nno   blocked-list"), "{said}");
    let nobody = run(&config, &["explain", "--from", "10.1.2.3", "--url", "https://news.test/"]);
    assert!(text(&nobody).contains("\nsign-in\n"), "{}", text(&nobody));
    for (more, wrong) in [
        (&["--user", "eve@other.test"][..], "no realm here speaks for `eve@other.test`"),
        (&["--at", "noon"], "`noon` is no time"),
        (&["--listener", "secure"], "there is no listener `secure`"),
        (&["--evidence", "a-guess"], "invalid value 'a-guess'"),
    ] {
        let output = run(&config, &[&["explain", "--from", "10.1.2.3", "--url", "http://a.test/"], more].concat());
        assert!(!output.status.success() && text(&output).contains(wrong), "{more:?}: {}", text(&output));
    }
}

const GOOD_CASE: &str = "[[policy.test]]\nname = \"staff read news\"\nuser = \"eve@contoso.com\"\ngroups = [\"Staff\"]\n\
                         url = \"https://news.test/\"\nfrom = \"10.1.2.3\"\ndecision = \"allow\"\nrule = \"staff by day\"\n";
const BAD_CASE: &str = "[[policy.test]]\nname = \"nobody bets\"\nurl = \"https://bets.test/\"\nfrom = \"10.1.2.3\"\n\
                        decision = \"block\"\n";

#[test]
fn cases_are_run_by_their_command_and_by_check_config() {
    let folder = tempfile::tempdir().unwrap();
    let good = file(folder.path(), "good.toml", &format!("{RULES}{GOOD_CASE}"));
    let both = file(folder.path(), "both.toml", &format!("{RULES}{GOOD_CASE}{BAD_CASE}"));
    let must = file(
        folder.path(),
        "must.toml",
        &format!("{RULES}{GOOD_CASE}{BAD_CASE}")
            .replace("default = \"block\"", "default = \"block\"\nmust_pass = true"),
    );
    let test = |config: &Path| run(config, &["policy", "test", &config.display().to_string()]);
    let check = |config: &Path| run(config, &["check-config", "--file-only", &config.display().to_string()]);
    assert!(test(&good).status.success() && text(&test(&good)).contains("ok      staff read news"));
    let failed = test(&both);
    assert_eq!(failed.status.code(), Some(1));
    let said = text(&failed);
    for part in
        ["ok      staff read news", "FAILED  nobody bets: block was wanted, and it is sign-in", "1 of 2 cases failed"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    let warned = text(&check(&both));
    assert!(check(&both).status.success(), "{warned}");
    let what = "warning: the policy decides its case `nobody bets` otherwise than that says: block was wanted, and it is sign-in";
    assert!(warned.contains(what) && warned.contains("| name = \"nobody bets\""), "{warned}");
    assert_eq!(check(&must).status.code(), Some(78), "{}", text(&check(&must)));
    assert!(
        text(&check(&must)).contains("error: the policy decides its case `nobody bets`"),
        "{}",
        text(&check(&must))
    );
    assert_eq!(test(&file(folder.path(), "none.toml", RULES)).status.code(), Some(1), "nothing was shown");
}

#[test]
fn a_reload_whose_policy_fails_a_case_that_must_pass_changes_nothing() {
    let policy = "[policy]\nmust_pass = true\n[[policy.test]]\nname = \"news\"\nurl = \"http://news.test/\"\nfrom = \"127.0.0.1\"\n\
                  decision = \"sign-in\"\n";
    let world = World::build().config(policy).start();
    let error = world.reload(|text| text.replace("must_pass = true", "must_pass = true\nblocked = [\"news.test\"]"));
    let error = error.unwrap_err();
    assert!(error.contains("`news`: sign-in was wanted, and it is block by \"blocked-list\""), "{error}");
    let page = world.browser().go("http://news.test/");
    assert!(page.url.starts_with("https://portal."), "it is as before: {page:#?}");
    // Without the word it is a warning.
    let other = |text: String| text.replace("must_pass = true\n", "");
    assert_eq!(world.reload(other).unwrap().changes.len(), 1);
}

#[test]
fn a_draft_is_held_against_what_a_log_tells() {
    let folder = tempfile::tempdir().unwrap();
    let (now, draft) = (file(folder.path(), "now.toml", RULES), folder.path().join("draft.toml"));
    std::fs::write(&draft, std::fs::read_to_string(&now).unwrap().replace("approved.test", "other.test")).unwrap();
    let log = folder.path().join("access.log");
    let record = |host: &str| {
        format!(
            "{{\"time\":\"2026-11-27T10:00:00Z\",\"client\":\"10.0.0.7:5000\",\"listener\":\"proxy\",\"user\":\"eve@contoso.com\",\
             \"realm\":\"contoso\",\"surrogate\":\"origin-cookie\",\"method\":\"GET\",\"scheme\":\"http\",\"host\":\"{host}\",\
             \"port\":80,\"path\":\"/\",\"decision\":\"permitted\"}}\n"
        )
    };
    std::fs::write(&log, [record("approved.test"), record("news.test"), record("approved.test")].concat()).unwrap();
    let paths = [draft.display().to_string(), log.display().to_string()];
    let output = run(&now, &["replay", "--policy", &paths[0], &paths[1]]);
    let said = text(&output);
    for line in [
        "2 of 3 requests would be decided otherwise, and 0 by another rule with the same outcome.",
        "        2  allow by `approved-list` → block by `default`",
        "        2  contoso/eve@contoso.com",
        "        2  approved.test",
    ] {
        assert!(said.lines().any(|found| found == line), "{line}\n{said}");
    }
    let output = run(&now, &["replay", "--policy", &paths[0], "--json", &paths[1]]);
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&found["requests"], &found["changed"], &found["changes"][0]["rule_before"]),
        (&3.into(), &2.into(), &"approved-list".into())
    );
}

const BARRED: &str = r#"
[policy]
default = "block"
[[policy.rule]]
name = "paste"
destinations = ["paste.test"]
effect = "warn"
message = "Think."
remember = "8h"
[[policy.rule]]
name = "games"
destinations = ["games.test"]
effect = "block"
override = { groups = ["Staff"], for = "5m", reason = true }
[[policy.test]]
name = "a page is warned of"
user = "eve@contoso.com"
url = "http://paste.test/"
from = "192.0.2.1"
decision = "warn"
rule = "paste"
[[policy.test]]
name = "and so is what shows no page"
user = "eve@contoso.com"
url = "https://paste.test/"
kind = "tool"
from = "192.0.2.1"
decision = "warn"
rule = "paste"
[[policy.test]]
name = "it is read"
user = "eve@contoso.com"
url = "https://paste.test/"
from = "192.0.2.1"
passed = true
decision = "allow"
rule = "paste"
[[policy.test]]
name = "games can be opened"
user = "eve@contoso.com"
groups = ["Staff"]
url = "https://games.test/"
from = "192.0.2.1"
decision = "override"
[[policy.test]]
name = "and are"
user = "eve@contoso.com"
groups = ["Staff"]
url = "https://games.test/"
from = "192.0.2.1"
passed = true
decision = "overridden"
rule = "games"
[[policy.test]]
name = "by nobody else"
user = "eve@contoso.com"
url = "https://games.test/"
from = "192.0.2.1"
passed = true
decision = "block"
[[policy.test]]
name = "by whoever has signed in"
url = "https://games.test/"
from = "192.0.2.1"
decision = "sign-in"
"#;

#[test]
fn what_a_rule_bars_is_explained_and_tried_in_cases() {
    let folder = tempfile::tempdir().unwrap();
    let config = file(folder.path(), "a.toml", BARRED);
    let tried = run(&config, &["policy", "test"]);
    assert!(tried.status.success() && text(&tried).matches("ok      ").count() == 7, "{}", text(&tried));
    let asked = ["explain", "--from", "192.0.2.1", "--user", "eve@contoso.com", "--url"];
    let explain = |more: &[&str]| text(&run(&config, &[&asked[..], more].concat()));
    let said = explain(&["http://paste.test/"]);
    assert!(said.contains("\nwarn, by `paste`\nuntil they have read it, at /rule/"), "{said}");
    assert!(said.contains(" of the portal, which counts for 8h\n"), "{said}");
    let said = explain(&["http://paste.test/", "--kind", "sub-resource"]);
    assert!(said.ends_with("which counts for 8h; this cannot be shown a page, and is refused\n"), "{said}");
    assert!(explain(&["http://paste.test/", "--passed"]).ends_with("\nallow, by `paste`\n"));
    assert!(explain(&["https://games.test/", "--group", "staff", "--passed"]).ends_with("\noverridden, by `games`\n"));
    let document: Value =
        serde_json::from_str(&explain(&["https://games.test/", "--group", "staff", "--json"])).unwrap();
    let barrier = &document["barrier"];
    assert_eq!((&document["decision"], &barrier["for_s"]), (&"override".into(), &300.into()), "{document:#}");
    assert_eq!(barrier["by"], serde_json::json!({ "password": false, "reason": true }));
}

#[test]
fn a_password_is_hashed_from_standard_input_and_is_not_shown() {
    let hash = |typed: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vestibule"));
        let command = command.args(["policy", "hash-password"]).stdin(Stdio::piped());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    for typed in ["correct horse", "correct horse\n", "correct horse\r\nmore"] {
        let output = hash(typed);
        let hashed = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{hashed}");
        let rule = format!("password = '{}'", hashed.trim());
        let rule: vestibule::policy::OverrideConfig = toml::from_str(&rule).unwrap();
        assert!(rule.password.unwrap().is_of("correct horse"), "{typed:?}");
    }
    let short = hash("secret\n");
    assert!(!short.status.success() && short.stdout.is_empty());
    assert_eq!(String::from_utf8_lossy(&short.stderr), "a password has at least 8 characters\n");
}

const TERMS: &str = r#"
[[policy.standing]]
name = "our tenant alone"
destinations = ["login.microsoftonline.com", "shop.test"]
headers = { set = { Restrict-Access-To-Tenants = "contoso.com" }, remove = ["X-Debug"] }
[[policy.standing]]
name = "fair shares"
not = { groups = ["Staff"] }
limit = { requests = "20/s", bandwidth = "2MiB/s" }
"#;

#[test]
fn explain_says_to_which_terms_somebody_is_subject() {
    let folder = tempfile::tempdir().unwrap();
    let config = file(folder.path(), "a.toml", &format!("{RULES}{TERMS}"));
    let asked = ["explain", "--from", "10.1.2.3", "--user", "eve@contoso.com", "--url"];
    let request = run(&config, &[&asked[..], &["http://shop.test/", "--group", "interns"]].concat());
    for line in [
        "yes  standing rule `our tenant alone`",
        "       yes  destinations: shop.test",
        "yes  standing rule `fair shares`",
        "       no   not users or groups: contoso/eve@contoso.com",
        "monitor, by `shops`",
        "with the field Restrict-Access-To-Tenants: contoso.com",
        "without the field X-Debug",
        "within the limit of `fair shares`: 20/s requests, 200 at once, 2MiB/s, for each person",
    ] {
        assert!(text(&request).lines().any(|found| found == line), "{line}\n{}", text(&request));
    }
    let staff = run(&config, &[&asked[..], &["http://shop.test/", "--group", "staff"]].concat());
    assert!(text(&staff).contains("no   standing rule `fair shares`"), "{}", text(&staff));
    let tunnel = run(&config, &[&asked[..], &["https://login.microsoftonline.com/"]].concat());
    assert!(text(&tunnel).contains("\nin a tunnel, where no field can be set or removed\n"), "{}", text(&tunnel));
    let json = run(&config, &[&asked[..], &["http://shop.test/", "--json"]].concat());
    let found: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(found["permit"]["sets"]["Restrict-Access-To-Tenants"], "contoso.com", "{found:#}");
    assert_eq!(found["permit"]["terms"][1]["limit"]["bandwidth"], "2MiB/s", "{found:#}");
}

#[test]
fn a_request_of_the_log_is_explained_by_its_identifier() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("access.log");
    let config = file(folder.path(), "a.toml", &format!("{RULES}[log]\naccess = {log:?}\n"));
    let record = |id: &str, host: &str, decision: &str, rule: &str| {
        format!(
            "{{\"time\":\"2026-11-27T10:00:00Z\",\"request_id\":\"{id}\",\"client\":\"10.0.0.7:5000\",\"listener\":\"proxy\",\
             \"user\":\"eve@contoso.com\",\"realm\":\"contoso\",\"surrogate\":\"origin-cookie\",\"method\":\"GET\",\"scheme\":\"http\",\
             \"host\":\"{host}\",\"port\":80,\"path\":\"/cart\",\"decision\":\"{decision}\",\"rule\":\"{rule}\",\"reason\":null}}\n"
        )
    };
    let lines =
        [record("7k2m-0qx4", "shop.test", "monitored", "shops"), record("0000-0002", "news.test", "permitted", "old")];
    std::fs::write(&log, lines.concat()).unwrap();
    let explain = |id: &str, more: &[&str]| run(&config, &[&["explain", "--request-id", id], more].concat());
    let same = text(&explain("7k2m-0qx4", &[]));
    let begins = "contoso/eve@contoso.com, at 10.0.0.7 (network `office`, listener `proxy`), 2026-11-27T10:00:00Z: GET http://shop.test/cart\n";
    assert!(same.starts_with(begins), "{same}");
    assert!(same.contains("\nmonitor, by `shops`\n") && same.contains("access.log: monitored, by `shops`\n"), "{same}");
    assert!(same.contains("That is what this policy decides, too."), "{same}");
    let other = text(&explain("0000-0002", &[]));
    assert!(other.contains("THIS POLICY DECIDES OTHERWISE.") && other.contains("--group"), "{other}");
    let of_staff = explain("0000-0002", &["--group", "Staff", "--json"]);
    let found: Value = serde_json::from_slice(&of_staff.stdout).unwrap();
    let compared = (&found["decision"], &found["rule"], &found["compared"], &found["recorded"]["rule"]);
    assert_eq!(compared, (&"allow".into(), &"staff by day".into(), &"by-another-rule".into(), &"old".into()));
    let missing = explain("zzzz-zzzz", &[]);
    assert!(!missing.status.success() && text(&missing).contains("request zzzz-zzzz is not in"), "{}", text(&missing));
    let elsewhere = explain("7k2m-0qx4", &["--log", "nowhere.log"]);
    assert!(!elsewhere.status.success() && text(&elsewhere).contains("nowhere.log: "), "{}", text(&elsewhere));
    let both = explain("7k2m-0qx4", &["--url", "http://a.test/"]);
    assert!(!both.status.success() && text(&both).contains("cannot be used with"), "{}", text(&both));
}
