//! After whatever goes wrong, the directory is what the tenant is, byte for byte.

use std::time::{Duration, Instant};

use serde_json::json;

use super::graph::{Fault, GRAPH, Graph, State};
use super::{dump, status, sync, sync_well};
use crate::node::Setup;
use crate::operator::say;
use crate::world::{Builder, PATIENCE, World};

/// A tenant with so many users, a group for each ten of them, and groups in groups, in a circle.
fn fill(state: &mut State, users: usize) {
    for number in 0..users {
        let id = user(number);
        state.user(
            &id,
            json!({
                "userPrincipalName": format!("user{number}@contoso.com"), "accountEnabled": true,
                "displayName": format!("User {number}"), "mail": format!("u{number}@contoso.com"),
                "onPremisesSamAccountName": if number % 2 == 0 { json!(format!("u{number}")) } else { json!(null) },
                "onPremisesDomainName": "corp.contoso.com",
            }),
        );
    }
    let groups = users / 10;
    for number in 0..groups {
        state.group(&group(number), json!({ "displayName": format!("Group {number}"), "securityEnabled": true }));
    }
    for number in 0..users {
        state.join(&group(number % groups), &user(number), true);
        state.join(&group(number * 7 % groups), &user(number), true);
    }
    for number in 0..groups {
        state.join(&group(number), &group((number + 1) % groups), true);
    }
}

fn user(number: usize) -> String {
    format!("00000000-0000-0000-0001-{number:012}")
}

fn group(number: usize) -> String {
    format!("00000000-0000-0000-0002-{number:012}")
}

/// Changes of every kind; others in each round.
fn change(state: &mut State, round: usize) {
    for step in 0..6 {
        let number = (round * 31 + step * 17) % 200;
        let (id, other) = (user(number), user((number + 5) % 200));
        if state.users.contains_key(&id) {
            state.user(
                &id,
                json!({ "accountEnabled": step % 2 == 0, "mail": null, "displayName": format!("Round {round}") }),
            );
        } else {
            state.user(
                &id,
                json!({ "userPrincipalName": format!("again{number}@contoso.com"), "accountEnabled": true }),
            );
        }
        let in_group = group((round + step) % 20);
        if state.groups.contains_key(&in_group) {
            state.join(&in_group, &other, step % 3 != 0);
            state.join(&in_group, &id, step % 2 == 0);
        }
    }
    state.delete(&user((round * 13 + 3) % 200));
    state.delete(&group((round * 3 + 1) % 20));
    state.group(&group(20 + round), json!({ "displayName": "New", "onPremisesNetBiosName": "CORP" }));
    state.join(&group(20 + round), &user(0), state.users.contains_key(&user(0)));
}

fn start(build: Builder, more: &str) -> (World, tempfile::TempDir, String) {
    (build.start(), tempfile::tempdir().unwrap(), Graph::config(more))
}

#[test]
fn rounds_in_any_order_doubled_and_with_empty_pages_leave_what_the_tenant_is() {
    let (graph, build) = Graph::build();
    fill(&mut graph.state(), 200);
    graph.state().shape.disorder = true;
    graph.state().shape.part = 7;
    let (world, folder, config) = start(build, "most_removed = 50");
    let node = Setup::new(&world, folder.path()).config(&config).start();
    assert_eq!(status(&node)["graph"]["status"], "Not synchronised yet");
    for round in 0..8 {
        sync_well(&node);
        assert_eq!(dump(&node), graph.dump(), "round {round}");
        change(&mut graph.state(), round);
    }
    let asked = graph.state().asked.clone();
    let whole = asked.iter().filter(|target| target.contains("$select=")).count();
    assert_eq!(whole, 2, "everything is read once: {asked:#?}");
    // The same again from the beginning, and after a restart.
    let (is_good, said) = sync(&node, &["--full"]);
    assert!(is_good, "{said}");
    assert_eq!(dump(&node), graph.dump());
    assert_eq!(status(&node)["graph"]["status"], "Granted");
    node.kill();
    let node = Setup::new(&world, folder.path()).config(&config).start();
    assert_eq!(dump(&node), graph.dump(), "it is there before anybody is asked");
}

#[test]
fn whatever_graph_answers_the_directory_stays_and_follows_as_soon_as_it_can() {
    let (graph, build) = Graph::build();
    fill(&mut graph.state(), 200);
    let (world, folder, config) = start(build, "most_removed = 50");
    let node = Setup::new(&world, folder.path()).config(&config).start();
    sync_well(&node);
    let expired = r#"{"error":{"code":"Directory_ExpiredPageToken","message":"expired"}}"#;
    let lost = r#"{"error":{"code":"SyncStateNotFound","message":"lost"}}"#;
    let claims = "WWW-Authenticate: Bearer realm=\"\", error=\"insufficient_claims\", claims=\"eyJuYmYiOjF9\"\r\n";
    let all: &[&[Fault]] = &[
        &[Fault::Answer(429, "Retry-After: 1\r\n", "{}"), Fault::Answer(429, "Retry-After: 1\r\n", "{}")],
        &[Fault::Answer(503, "Retry-After: 1\r\n", ""), Fault::Answer(504, "", "<html>")],
        &[Fault::Broken, Fault::Broken],
        &[Fault::Token("")],
        &[Fault::Token(claims)],
        &[Fault::Answer(410, "Location: https://graph.test/v1.0/users/delta?$deltatoken=\r\n", "")],
        &[Fault::Answer(400, "", lost)],
        &[Fault::Answer(400, "", expired)],
    ];
    for (round, faults) in all.iter().enumerate() {
        change(&mut graph.state(), round);
        graph.state().faults.extend(faults.iter().cloned());
        sync_well(&node);
        assert!(graph.state().faults.is_empty(), "{faults:?}");
        assert_eq!(dump(&node), graph.dump(), "{faults:?}");
    }
    assert_eq!(graph.state().claims, ["{\"nbf\":1}"]);
    // Delta tokens that have expired while much was deleted.
    change(&mut graph.state(), 8);
    graph.state().oldest = usize::MAX;
    sync_well(&node);
    assert_eq!(dump(&node), graph.dump());
    graph.state().oldest = 0;
    // What is said wrongly is not taken, and the next round is good.
    let before = dump(&node);
    for wrong in ["", "{}", "[]", "{\"value\":[{}],\"@odata.deltaLink\":\"x\"}"] {
        change(&mut graph.state(), 9);
        graph.state().faults.push_back(Fault::Answer(200, "", wrong));
        let (is_good, said) = sync(&node, &[]);
        assert!(!is_good && said.contains("an answer that cannot be used"), "{said}");
        assert_eq!(dump(&node), before);
    }
    sync_well(&node);
    assert_eq!(dump(&node), graph.dump());
}

#[test]
fn a_round_that_is_killed_goes_on_where_it_was() {
    let (graph, build) = Graph::build();
    fill(&mut graph.state(), 2000);
    graph.state().shape.page = 20;
    let (world, folder, config) = start(build, "first_sync = \"0s\"");
    // It hangs in the middle of the users.
    graph.state().hangs_at = Some(60);
    let node = Setup::new(&world, folder.path()).config(&config).start();
    let begun = Instant::now();
    while graph.state().hangs_at.is_some() {
        assert!(begun.elapsed() < PATIENCE, "{}", status(&node));
        std::thread::sleep(Duration::from_millis(5));
    }
    node.kill();
    let before = graph.state().asked.len();
    let node = Setup::new(&world, folder.path()).config(&config).start();
    sync_well(&node);
    assert_eq!(dump(&node), graph.dump());
    let asked = graph.state().asked[before..].to_vec();
    assert!(!asked.iter().any(|target| target.starts_with("/v1.0/users/delta?$select=")), "{:?}", asked.first());
}

#[test]
fn what_is_wrong_with_the_application_is_said_with_what_to_do_and_another_credential_takes_over() {
    let (graph, build) = Graph::build();
    fill(&mut graph.state(), 50);
    let (world, folder, config) = start(build, "");
    let config = config + "[[directory.graph.credential]]\nsecret = \"next\"\nexpires = \"2020-01-31\"\n";
    let node = Setup::new(&world, folder.path()).config(&config).start();
    let (is_good, said) = sync(&node, &[]);
    assert!(is_good && said.contains("is good until 2020-01-31T00:00:00Z: 0 days are left"), "{said}");
    let before = dump(&node);
    let expire = |graph: &Graph, name: &str, code: Option<u32>| {
        graph.state().secrets.insert(name.to_owned(), code);
        graph.state().faults.push_back(Fault::Token(""));
    };
    for (code, condition, help) in [
        (7_000_222, "Secret expired", "make a new client secret"),
        (7_000_215, "Credential error", "the secret's Value"),
        (7_000_112, "Application disabled", "enable the application"),
    ] {
        expire(&graph, "good", Some(code));
        graph.state().secrets.insert("next".to_owned(), Some(code));
        let (is_good, said) = sync(&node, &[]);
        assert!(!is_good && said.contains(condition) && said.contains(help), "{said}");
        assert!(said.contains(&format!("AADSTS{code}")) && !said.contains("Trace"), "{said}");
        assert_eq!((dump(&node), &status(&node)["graph"]["status"]), (before.clone(), &condition.into()));
    }
    graph.state().secrets.insert("next".to_owned(), None);
    // Nobody came as far as to ask for a page.
    graph.state().faults.clear();
    sync_well(&node);
    assert_eq!(status(&node)["graph"]["status"], "Granted");
    for (what, permission) in [("users", "User.Read.All"), ("groups", "GroupMember.Read.All")] {
        graph.state().forbidden = Some(what);
        let (is_good, said) = sync(&node, &[]);
        assert!(!is_good && said.contains("Permission error") && said.contains(permission), "{said}");
        assert!(said.contains("11111111-2222"), "support asks for it: {said}");
    }
    graph.state().forbidden = None;
    sync_well(&node);
    assert_eq!(dump(&node), graph.dump());
    for secret in ["good", "next"] {
        assert!(!format!("{:?}", node.events()).contains(&format!("\"{secret}\"")), "no event shows a secret");
    }
    assert!(!format!("{:?}", node.events()).contains("token-"), "nor a token");
}

#[test]
fn a_round_that_would_remove_many_waits_for_an_operator() {
    let (graph, build) = Graph::build();
    fill(&mut graph.state(), 100);
    let (world, folder, config) = start(build, "");
    let node = Setup::new(&world, folder.path()).config(&config).start();
    sync_well(&node);
    // Memberships have two ends. Whoever is to be removed has left their groups already, as Graph says.
    let people = || dump(&node).lines().filter(|line| !line.contains('>')).map(str::to_owned).collect::<Vec<_>>();
    let before = people();
    for number in 0..30 {
        graph.state().delete(&user(number));
    }
    for more in [&[][..], &["--full"]] {
        let (is_good, said) = sync(&node, more);
        assert!(!is_good && said.contains("would remove 30 of 100 people"), "{said}");
        assert!(said.contains("Needs a decision") && said.contains("--accept-removals"), "{said}");
        assert_eq!(people(), before, "nobody is removed");
    }
    let (is_good, said) = sync(&node, &["--accept-removals"]);
    assert!(is_good, "{said}");
    assert_eq!(dump(&node), graph.dump());
}

#[test]
fn a_link_leads_nowhere_but_to_graph_and_never_in_a_circle() {
    let (graph, build) = Graph::build();
    fill(&mut graph.state(), 50);
    let (world, folder, config) = start(build, "");
    let node = Setup::new(&world, folder.path()).config(&config).start();
    graph.state().astray = Some("https://login.test/v1.0/users/delta?$skiptoken=0-1".to_owned());
    let (is_good, said) = sync(&node, &[]);
    assert!(!is_good && said.contains("a link leads to `https://login.test`"), "{said}");
    let circle = graph.state().asked.last().cloned().unwrap();
    graph.state().astray = Some(format!("{GRAPH}{circle}"));
    let (is_good, said) = sync(&node, &[]);
    assert!(!is_good && said.contains("in a circle"), "{said}");
    sync_well(&node);
    assert_eq!(dump(&node), graph.dump());
}

#[test]
fn a_round_that_would_empty_groups_waits_for_an_operator_and_one_that_disables_many_never_waits() {
    let (graph, build) = Graph::build();
    fill(&mut graph.state(), 1000);
    let (world, folder, config) = start(build, "");
    let node = Setup::new(&world, folder.path()).config(&config).start();
    sync_well(&node);
    let alarm = || status(&node)["graph"]["alarm"].clone();
    assert!(alarm().is_null());
    let disable = |numbers: std::ops::Range<usize>| {
        numbers.for_each(|number| graph.state().user(&user(number), json!({ "accountEnabled": false })));
    };
    let disabled = || dump(&node).matches("|False|").count();
    disable(0..200);
    for number in 0..400 {
        graph.state().join(&group(number % 100), &user(number), false);
    }
    let memberships = dump(&node).lines().filter(|line| !line.contains("@contoso.com")).count();
    // Whoever is disabled is so at once, however many they are, and whatever else waits.
    for more in [&[][..], &["--full"], &[]] {
        let (is_good, said) = sync(&node, more);
        assert!(!is_good && said.contains("Needs a decision") && said.contains("--accept-removals"), "{said}");
        assert!(said.contains("the round would take 400 of ") && !said.contains("disable 200"), "{said}");
        assert_eq!(disabled(), 200);
        let left = dump(&node).lines().filter(|line| !line.contains("@contoso.com")).count();
        assert_eq!(left, memberships, "nobody is taken out of a group");
        assert_eq!((&alarm()["disabled"], &alarm()["of"]), (&json!(200), &json!(1000)));
    }
    node.wait_for_event("Microsoft Graph has disabled more people at once");
    let (_, said, _) = say(&node, &["directory", "status"]);
    assert!(said.contains("disabled 200 of 1000 people, who are signed out"), "{said}");
    // One more is not held back by those.
    disable(300..301);
    let (is_good, said) = sync(&node, &[]);
    assert!(!is_good && said.contains("the round would take 400 of "), "{said}");
    assert_eq!(disabled(), 201);
    let (is_good, said) = sync(&node, &["--accept-removals"]);
    assert!(is_good, "{said}");
    assert_eq!(dump(&node), graph.dump());
    // A few are never too many.
    disable(400..405);
    for number in 0..5 {
        graph.state().join(&group(number + 1), &user(number), false);
    }
    sync_well(&node);
    assert_eq!(dump(&node), graph.dump());
    assert_eq!(alarm()["disabled"], 200);
}

#[test]
fn a_page_that_breaks_off_is_read_again_and_what_no_directory_could_say_is_left_out() {
    let (graph, build) = Graph::build();
    fill(&mut graph.state(), 200);
    let (world, folder, config) = start(build, "");
    let node = Setup::new(&world, folder.path()).config(&config).start();
    graph.state().faults.extend([Fault::Cut, Fault::Cut]);
    sync_well(&node);
    assert_eq!(dump(&node), graph.dump());
    // One that is whole by its length, and is not by what is in it.
    graph.state().user(&user(1), json!({ "displayName": "Later" }));
    graph.state().faults.push_back(Fault::Answer(200, "", "{\"value\":[{\"id\":\"00000000-0000-0000-0001-0000000"));
    sync_well(&node);
    assert!(graph.state().faults.is_empty());
    assert_eq!(dump(&node), graph.dump());
    // Names that are longer than any: they are none, and nobody else has to wait for that.
    let long = "x".repeat(100_000);
    let many: Vec<String> = (0..5000).map(|number| format!("smtp:a{number}@contoso.com")).collect();
    graph
        .state()
        .user(&user(2), json!({ "displayName": long, "mail": format!("{long}@contoso.com"), "proxyAddresses": many }));
    graph.state().user(&user(3), json!({ "displayName": "Short" }));
    sync_well(&node);
    let now = dump(&node);
    assert!(now.contains("|Short\n") && !now.contains("xxxx"), "{}", now.len());
    assert!(now.contains(&format!("{}|user2@contoso.com|True|None|u2|None\n", user(2))), "{now}");
}
