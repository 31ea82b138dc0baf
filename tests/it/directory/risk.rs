//! The risk of accounts: read from Entra ID Protection, decided by in rules, and acted on.

use std::io::Read as _;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::graph::{Fault, Graph};
use super::people::{DIEGO, SIMON, fill, tunnel};
use super::{status, sync_well};
use crate::node::{Node, Setup};
use crate::operator::say;
use crate::reload::{echo, is_alive};
use crate::world::PATIENCE;

const ACTIONS: &str = "[directory.actions]\nclient_id = \"act\"\nprotected = [\"DiegoS@contoso.com\"]\n\
                       [[directory.actions.credential]]\nsecret = \"good\"\n";

/// Reads who is at risk now, and lets rules act: what was said.
fn look(node: &Node) -> String {
    let (code, said, error) = say(node, &["directory", "risk", "--now"]);
    assert_eq!(code, Some(0), "{error}");
    said
}

/// What was done to accounts in Entra ID, in short.
fn acts(graph: &Graph) -> Vec<String> {
    let state = graph.state();
    state.acts.iter().map(|act| act.replace("/v1.0/users/", "").replace("/v1.0/identityProtection/", "")).collect()
}

fn disabled(id: &str) -> String {
    format!("PATCH {id} {{\"accountEnabled\":false}}")
}

fn enabled(id: &str) -> String {
    format!("PATCH {id} {{\"accountEnabled\":true}}")
}

#[test]
fn a_risk_rule_disables_and_later_lifts() {
    let (graph, build) = Graph::build();
    fill(&graph);
    let build = build.host("echo.test:443", echo());
    let (world, folder) = (build.start(), tempfile::tempdir().unwrap());
    let risk = "[directory.risk]\nevery = \"1h\"\n[[directory.risk_rule]]\nname = \"high risk\"\nrisk = [\"high\"]\n\
                action = \"disable\"\nrevoke = { gone_for = \"24h\" }\n";
    let node = Setup::new(&world, folder.path()).config(&(Graph::config("") + risk + ACTIONS)).start();
    sync_well(&node);
    let simon = node.browser(&world);
    simon.arrive("http://news.test/");
    let mut open = tunnel(&node);
    assert!(is_alive(&mut open));
    graph.state().at_risk(SIMON, "medium", "atRisk");
    graph.state().at_risk(DIEGO, "high", "atRisk");
    let said = look(&node);
    assert!(said.contains("risk: Granted, 2 people at risk") && said.contains(": medium, at-risk"), "{said}");
    assert!(acts(&graph).is_empty() && is_alive(&mut open), "the rule is about neither: one is protected");
    // It disables.
    graph.state().at_risk(SIMON, "high", "atRisk");
    look(&node);
    assert_eq!(acts(&graph), [disabled(SIMON)]);
    assert_eq!(open.read(&mut [0; 16]).unwrap(), 0, "the tunnel is closed");
    sync_well(&node);
    let logon = simon.go("http://news.test/");
    assert_eq!(simon.sign_in(&logon, "B.Simon@contoso.com", "simon").status, 403);
    let (_, listed, _) = say(&node, &["act", "list"]);
    assert!(
        listed.contains("disable B.Simon@contoso.com") && listed.contains("by risk rule `high risk`: risk high"),
        "{listed}"
    );
    let (code, explained, error) = say(&node, &["explain", "--person", "CORP.contoso.com\\bsimon"]);
    assert_eq!(code, Some(0), "{explained}{error}");
    for wanted in [
        "is their sAMAccountName in its domain\n",
        "  may not sign in: the account is disabled in the directory\n",
        "  risk: high (at-risk, none, since ",
        "    rule `high risk` does: disable, and takes it back\n    rule `high risk` acted at ",
        "disable: successful, by risk rule `high risk`",
        "  sessions: 0\n",
    ] {
        assert!(explained.contains(wanted), "{wanted}: {explained}");
    }
    // Once, also after a restart.
    look(&node);
    node.kill();
    let node = Setup::new(&world, folder.path()).config(&(Graph::config("") + risk + ACTIONS)).start();
    look(&node);
    assert_eq!(acts(&graph).len(), 1);
    // It lifts.
    graph.state().at_risk(SIMON, "none", "dismissed");
    look(&node);
    assert_eq!(acts(&graph), [disabled(SIMON), enabled(SIMON)]);
    sync_well(&node);
    let simon = node.browser(&world);
    simon.arrive("http://news.test/");
    // An operator wins: what they give back, the rule does not take again while the risk lasts, nor what they have taken.
    graph.state().at_risk(SIMON, "high", "atRisk");
    look(&node);
    sync_well(&node);
    let (code, _, error) = say(&node, &["act", "enable", SIMON, "--why", "it is a drill"]);
    assert_eq!(code, Some(0), "{error}");
    sync_well(&node);
    assert!(look(&node).contains("rule `high risk` does nothing: an operator has decided"));
    assert_eq!(acts(&graph)[2..], [disabled(SIMON), enabled(SIMON)]);
    let (_, explained, _) = say(&node, &["explain", "--person", DIEGO, "--json"]);
    let explained: Value = serde_json::from_str(&explained).unwrap();
    assert_eq!((&explained["understood_as"][0], &explained["risk"]["level"]), (&"object ID".into(), &"high".into()));
    let does = explained["risk"]["rules"][0]["does"].as_str().unwrap();
    assert!(does.contains("protected by `protected`"), "{does}");
}

#[test]
fn rules_of_the_policy_go_by_the_risk_of_people_while_they_browse() {
    let (graph, build) = Graph::build();
    fill(&graph);
    let build = build.host("echo.test:443", echo());
    let (world, folder) = (build.start(), tempfile::tempdir().unwrap());
    let more = "[directory.risk]\nevery = \"1h\"\n[policy]\ndefault = \"allow\"\n[[policy.rule]]\nname = \"at risk\"\n\
                risk = { at_least = \"medium\" }\ndestinations = [\"news.test\", \"echo.test\"]\neffect = \"block\"\n\
                [[policy.test]]\nname = \"whoever is at risk\"\nuser = \"B.Simon@contoso.com\"\nrisk = \"high\"\n\
                url = \"http://news.test/\"\nfrom = \"192.0.2.1\"\ndecision = \"block\"\nrule = \"at risk\"\n";
    let node = Setup::new(&world, folder.path()).config(&(Graph::config("") + more)).start();
    sync_well(&node);
    look(&node);
    let simon = node.browser(&world);
    simon.arrive("http://news.test/");
    let mut open = tunnel(&node);
    assert!(is_alive(&mut open));
    for (level, state, is_let_through) in [
        ("low", "atRisk", true),
        ("medium", "atRisk", false),
        ("none", "remediated", true),
        ("high", "confirmedCompromised", false),
        ("low", "atRisk", true),
        // Nobody knows what is hidden, and that counts against whoever asks.
        ("hidden", "atRisk", false),
    ] {
        graph.state().at_risk(SIMON, level, state);
        look(&node);
        // Sessions follow a moment later.
        let begun = Instant::now();
        while (simon.go("http://news.test/").status == 200) != is_let_through {
            assert!(begun.elapsed() < PATIENCE, "{level} {state}");
            std::thread::sleep(Duration::from_millis(50));
        }
        assert_eq!(simon.go("http://shop.test/").status, 200, "the rule is about other sites");
    }
    assert_eq!(open.read(&mut [0; 16]).unwrap(), 0, "what was open has ended with the first of them");
    let (code, said, error) = say(&node, &["policy", "test"]);
    assert_eq!(code, Some(0), "{said}{error}");
    let explain = |risk: &str| {
        let asked = ["explain", "--user", "B.Simon@contoso.com", "--url", "http://news.test/", "--from", "192.0.2.1"];
        say(&node, &[&asked[..], &["--risk", risk]].concat()).1
    };
    for (risk, decided) in
        [("high", "block, by `at risk`"), ("unknown", "block, by `at risk`"), ("low", "allow, by `default`")]
    {
        let said = explain(risk);
        assert!(said.contains(decided) && said.contains(&format!("risk: {risk}")), "{risk}: {said}");
    }
}

#[test]
fn the_status_of_risk_names_what_is_missing_and_what_was_known_stays_for_a_while() {
    let (graph, build) = Graph::build();
    fill(&graph);
    let (world, folder) = (build.start(), tempfile::tempdir().unwrap());
    let more = "[directory.risk]\nevery = \"1h\"\n";
    let node = Setup::new(&world, folder.path()).config(&(Graph::config("") + more)).start();
    sync_well(&node);
    graph.state().risk_page = 1;
    graph.state().at_risk(SIMON, "high", "atRisk");
    graph.state().at_risk(DIEGO, "low", "atRisk");
    let good = look(&node);
    assert!(good.contains("2 people at risk"), "over two pages: {good}");
    let denied = r#"{"error":{"code":"Forbidden","message":"You cannot perform the requested operation, required scopes are missing in the token."}}"#;
    let unlicensed = r#"{"error":{"code":"Forbidden","message":"Your tenant is not licensed for this feature."}}"#;
    let slow = || Fault::Answer(429, "Retry-After: 1\r\n", "{}");
    for (faults, condition, word) in [
        (vec![Fault::Answer(403, "request-id: no-7\r\n", denied)], "Permission error", "IdentityRiskyUser.Read.All"),
        (vec![Fault::Answer(403, "", unlicensed)], "Not licensed", "Microsoft Entra ID P2"),
        (vec![Fault::Answer(200, "", "[]")], "Service unavailable", "no JSON"),
        // Last, because it is tried again by itself.
        (vec![slow(), slow(), slow(), slow()], "Throttled", "it is tried again"),
    ] {
        graph.state().risk_faults.extend(faults);
        let said = look(&node);
        assert!(said.contains(&format!("risk: {condition}, 2 people at risk")) && said.contains(word), "{said}");
        if condition != "Throttled" {
            assert_eq!(status(&node)["risk"]["status"], condition);
        }
        assert_eq!(status(&node)["graph"]["status"], "Granted", "each function has a status of its own");
    }
    // It breaks for a moment, and in the middle of an answer.
    graph.state().risk_faults.extend([Fault::Broken, Fault::Cut, Fault::Answer(503, "", "")]);
    let said = look(&node);
    assert!(said.contains("risk: Granted, 2 people at risk"), "{said}");
    let (_, json, _) = say(&node, &["directory", "risk", "--json"]);
    let all: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((all.len(), &all[1]["level"], &all[1]["state"]), (3, &"high".into(), &"at-risk".into()), "{json}");
}

#[test]
fn rules_have_a_cap_of_their_own_and_may_only_say_what_they_would_do() {
    let (graph, build) = Graph::build();
    fill(&graph);
    for number in 0..4 {
        let own = serde_json::json!({ "userPrincipalName": format!("u{number}@contoso.com"), "accountEnabled": true });
        graph.state().user(&format!("u{number}"), own);
    }
    let (world, folder) = (build.start(), tempfile::tempdir().unwrap());
    let risk = "[directory.risk]\nevery = \"1h\"\nmost_per_hour = 2\n[[directory.risk_rule]]\nname = \"out\"\n\
                risk = [\"high\"]\naction = \"sign-out\"\nnot = { users = [\"u0\"] }\n[[directory.risk_rule]]\nname = \"tried\"\n\
                risk = { at_least = \"low\" }\nusers = [\"u0\"]\naction = \"disable\"\ndry_run = true\n";
    let actions = ACTIONS.replace("protected =", "most_per_hour = 3\nprotected =");
    let node = Setup::new(&world, folder.path()).config(&(Graph::config("") + risk + &actions)).start();
    sync_well(&node);
    for number in 0..4 {
        graph.state().at_risk(&format!("u{number}"), "high", "atRisk");
    }
    look(&node);
    look(&node);
    let out = |number: u8| format!("POST u{number}/revokeSignInSessions {{}}");
    assert_eq!(acts(&graph), [out(1), out(2)], "two within an hour");
    let (_, listed, _) = say(&node, &["act", "list"]);
    assert!(
        listed.contains("disable u0@contoso.com (u0): dry-run") && listed.contains("by risk rule `tried`"),
        "{listed}"
    );
    assert_eq!(listed.matches("dry-run").count(), 1, "{listed}");
    // Operators have their own.
    for (action, wanted) in [
        ("confirm-compromised", "POST riskyUsers/confirmCompromised {\"userIds\":[\"u3\"]}"),
        ("dismiss", "POST riskyUsers/dismiss {\"userIds\":[\"u3\"]}"),
        ("sign-out-here", "POST riskyUsers/dismiss {\"userIds\":[\"u3\"]}"),
    ] {
        let (code, said, error) = say(&node, &["act", action, "u3", "--why", "a test"]);
        assert_eq!(code, Some(0), "{said}{error}");
        assert_eq!(acts(&graph).last().map(String::as_str), Some(wanted), "{action}");
    }
    let (code, _, error) = say(&node, &["act", "dismiss", "u3", "--why", "once more"]);
    assert!(code == Some(1) && error.contains("3 actions were begun within the last hour"), "{error}");
    let said = look(&node);
    assert!(said.contains("(u3): none, dismissed") || !said.contains("(u3)"), "{said}");
}

#[test]
fn whom_rules_may_not_act_on_keeps_nobody_else_from_being_acted_on() {
    let (graph, build) = Graph::build();
    fill(&graph);
    for number in 0..5 {
        let own = serde_json::json!({ "userPrincipalName": format!("u{number}@contoso.com"), "accountEnabled": true });
        graph.state().user(&format!("u{number}"), own);
    }
    let (world, folder) = (build.start(), tempfile::tempdir().unwrap());
    let risk = "[directory.risk]\nevery = \"1h\"\nmost_per_hour = 2\n[[directory.risk_rule]]\nname = \"out\"\n\
                risk = [\"high\"]\naction = \"sign-out\"\n";
    let node = Setup::new(&world, folder.path()).config(&(Graph::config("") + risk + ACTIONS)).start();
    sync_well(&node);
    for number in 0..5 {
        graph.state().at_risk(&format!("u{number}"), "high", "atRisk");
    }
    let denied = r#"{"error":{"code":"Authorization_RequestDenied","message":"Insufficient privileges."}}"#;
    graph.state().faults.extend([Fault::Answer(403, "", denied), Fault::Answer(403, "", denied)]);
    look(&node);
    let out = |number: u8| format!("POST u{number}/revokeSignInSessions {{}}");
    assert_eq!(acts(&graph), [out(0), out(1), out(2), out(3)], "two in vain, and two within an hour");
    let (_, listed, _) = say(&node, &["act", "list"]);
    assert_eq!(listed.matches("by risk rule `out`").count(), 4, "{listed}");
}
