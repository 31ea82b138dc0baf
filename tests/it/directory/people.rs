//! What the directory does to people who sign in: who may, who may stay, and of which groups they are.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};

use super::graph::Graph;
use super::{sync, sync_well};
use crate::node::{Node, Setup};
use crate::operator::say;
use crate::raw::{connect, read_head};
use crate::reload::{echo, is_alive};

pub(super) const SIMON: &str = "6a1f0c52-8d3b-4b7e-a2c9-1f4e5d6c7b01";
const ALEX: &str = "6a1f0c52-8d3b-4b7e-a2c9-1f4e5d6c7b02";
pub(super) const DIEGO: &str = "6a1f0c52-8d3b-4b7e-a2c9-1f4e5d6c7b04";

/// The people of the practice identity provider.
pub(super) fn fill(graph: &Graph) {
    let mut state = graph.state();
    for (id, upn, account) in [
        (SIMON, "B.Simon@contoso.com", "bsimon"),
        (ALEX, "AlexW@contoso.com", "alexw"),
        (DIEGO, "DiegoS@contoso.com", "diegos"),
    ] {
        let own = json!({
            "userPrincipalName": upn, "accountEnabled": true, "displayName": upn,
            "onPremisesSamAccountName": account, "onPremisesDomainName": "corp.contoso.com",
        });
        state.user(id, own);
    }
    state.group("g-inner", json!({ "displayName": "Inner" }));
    state.group(
        "g-outer",
        json!({
            "displayName": "Outer", "onPremisesSamAccountName": "outer", "onPremisesNetBiosName": "CORP",
            "onPremisesDomainName": "corp.contoso.com",
        }),
    );
    state.join("g-outer", "g-inner", true);
}

pub(super) fn tunnel(node: &Node) -> TcpStream {
    let mut tunnel = connect(node.proxy, [127, 0, 0, 1].into());
    tunnel.write_all(b"CONNECT echo.test:443 HTTP/1.1\r\nHost: echo.test:443\r\n\r\n").unwrap();
    assert!(read_head(&mut tunnel).starts_with("HTTP/1.1 200"));
    tunnel
}

/// What ends somebody's sessions.
type End = fn(&Graph);

#[test]
fn whoever_is_disabled_deleted_or_revoked_loses_everything_at_the_next_round() {
    let (graph, build) = Graph::build();
    fill(&graph);
    let build = build.host("echo.test:443", echo());
    let (world, folder) = (build.start(), tempfile::tempdir().unwrap());
    let node = Setup::new(&world, folder.path()).config(&Graph::config("most_removed = 100")).start();
    sync_well(&node);
    let simon = node.browser(&world);
    let ends: [(&str, End); 3] = [
        ("disabled", |graph| graph.state().user(SIMON, json!({ "accountEnabled": false }))),
        ("revoked", |graph| {
            let later = json!({ "signInSessionsValidFromDateTime": "2099-01-01T00:00:00Z" });
            graph.state().user(SIMON, later);
        }),
        ("deleted", |graph| graph.state().delete(SIMON)),
    ];
    for (why, end) in ends {
        simon.arrive("http://news.test/");
        let mut open = tunnel(&node);
        assert!(is_alive(&mut open));
        sync_well(&node);
        assert!(is_alive(&mut open), "nothing has changed");
        end(&graph);
        sync_well(&node);
        assert_eq!(open.read(&mut [0; 16]).unwrap(), 0, "{why}: the tunnel is closed");
        let logon = simon.go("http://news.test/");
        assert_eq!(logon.heading(), "Sign in", "{why}");
        let refused = simon.sign_in(&logon, "B.Simon@contoso.com", "simon");
        assert_eq!(refused.status, 403, "{why}: {}", refused.body);
        let events = node.events();
        let ended = events.iter().rev().find(|event| event["fields"]["message"] == "session ended").unwrap();
        let by = ended["fields"]["by"].as_str().unwrap();
        assert!(
            ended["fields"]["reason"] == "directory" && by.starts_with("the directory: ") && by.contains(why),
            "{by}"
        );
        // Given back, they sign in as before.
        let good = json!({
            // Null would say nothing, and what was known would count.
            "userPrincipalName": "B.Simon@contoso.com", "accountEnabled": true,
            "signInSessionsValidFromDateTime": "2020-01-01T00:00:00Z",
        });
        graph.state().user(SIMON, good);
        sync_well(&node);
    }
    simon.arrive("http://news.test/");
    // Nobody else was touched by any of it.
    let events: Vec<Value> = node.events();
    let ended = events.iter().filter(|event| event["fields"]["message"] == "session ended");
    assert!(ended.into_iter().all(|event| event["fields"]["user"] == "B.Simon@contoso.com"));
}

#[test]
fn groups_are_those_of_the_directory_also_through_others_and_follow_it_while_people_browse() {
    let (graph, build) = Graph::build();
    fill(&graph);
    let rules = "[policy]\ndefault = \"allow\"\n[[policy.rule]]\nname = \"outer\"\ngroups = ['CORP\\outer']\n\
                 destinations = [\"news.test\", \"echo.test\"]\neffect = \"block\"\n[[policy.rule]]\nname = \"inner\"\n\
                 groups = [\"g-inner\"]\ndestinations = [\"shop.test\"]\neffect = \"block\"\n";
    let build = build.host("echo.test:443", echo());
    let (world, folder) = (build.start(), tempfile::tempdir().unwrap());
    let node = Setup::new(&world, folder.path()).config(&(Graph::config("") + rules)).start();
    sync_well(&node);
    // His assertion names no groups, because there are too many.
    let diego = node.browser(&world);
    let logon = diego.go("http://news.test/");
    assert_eq!(diego.sign_in(&logon, "DiegoS@contoso.com", "diego").heading(), "This is news.test");
    assert_eq!(diego.go("http://shop.test/").heading(), "This is shop.test");
    let mut open = tunnel(&node);
    assert!(is_alive(&mut open));
    graph.state().join("g-inner", DIEGO, true);
    sync_well(&node);
    assert_eq!(open.read(&mut [0; 16]).unwrap(), 0, "what is not permitted any more does not go on");
    for host in ["news.test", "shop.test"] {
        assert_eq!(diego.go(&format!("http://{host}/")).status, 403, "{host}");
    }
    let (_, found, _) = say(&node, &["directory", "find", "CORP\\diegos"]);
    assert!(
        found.contains("in Inner (g-inner)\n") && found.contains("in Outer (g-outer), through another group\n"),
        "{found}"
    );
    graph.state().join("g-outer", "g-inner", false);
    sync_well(&node);
    assert_eq!(diego.go("http://news.test/").heading(), "This is news.test");
    assert_eq!(diego.go("http://shop.test/").status, 403);
}

#[test]
fn a_name_that_could_mean_two_people_lets_nobody_on_and_strangers_are_refused_where_that_is_wanted() {
    let (graph, build) = Graph::build();
    fill(&graph);
    for (id, mail) in [(SIMON, "info@contoso.com"), (ALEX, "info@contoso.com")] {
        graph.state().user(id, json!({ "mail": mail }));
    }
    let (world, folder) = (build.start(), tempfile::tempdir().unwrap());
    let config = Graph::config("").replacen("[directory.graph]", "unsynchronised = \"refuse\"\n[directory.graph]", 1);
    let node = Setup::new(&world, folder.path()).config(&config).start();
    let adele = node.browser(&world);
    let logon = adele.go("http://news.test/");
    assert_eq!(adele.sign_in(&logon, "AdeleV@contoso.com", "adele").status, 403, "nobody is known yet");
    let (is_good, said) = sync(&node, &[]);
    assert!(is_good, "{said}");
    let logon = adele.go("http://news.test/");
    assert_eq!(logon.heading(), "Sign in", "the directory is filled, and does not know her");
    assert_eq!(adele.sign_in(&logon, "AdeleV@contoso.com", "adele").status, 403);
    let simon = node.browser(&world);
    let logon = simon.go("http://news.test/");
    let form = logon.form();
    let unclear = simon.submit(&logon, form, &[("account", "info@contoso.com")]);
    assert_eq!((unclear.status, unclear.heading()), (422, "Sign in"), "{}", unclear.body);
    assert!(unclear.body.contains("This form of the name cannot be used here"), "{}", unclear.body);
    node.wait_for_event("a logon name could mean several people");
    let (code, found, error) = say(&node, &["directory", "find", "info@contoso.com"]);
    assert!(code == Some(1) && found.contains(SIMON) && found.contains(ALEX), "{found}{error}");
    let (code, found, error) = say(&node, &["explain", "--person", "info@contoso.com"]);
    assert!(code == Some(1) && error.contains("could mean each of these"), "{error}");
    for id in [SIMON, ALEX] {
        assert!(found.contains("contoso: one of several: ") && found.contains(&format!("({id})\n")), "{found}");
    }
    assert_eq!(found.matches("`info@contoso.com` is their mail\n").count(), 2, "{found}");
    let (code, found, error) = say(&node, &["explain", "--person", "nobody@contoso.com"]);
    assert!(code == Some(1) && error.contains("no directory knows anybody called"), "{found}{error}");
    assert_eq!(simon.sign_in(&unclear, "B.Simon@contoso.com", "simon").heading(), "This is news.test");
}

#[test]
fn an_operator_disables_an_account_after_its_sessions_have_ended_and_gives_it_back() {
    let (graph, build) = Graph::build();
    fill(&graph);
    graph.state().join("g-inner", ALEX, true);
    let build = build.host("echo.test:443", echo());
    let (world, folder) = (build.start(), tempfile::tempdir().unwrap());
    let actions = "[directory.actions]\nclient_id = \"act\"\nprotected = [\"DiegoS@contoso.com\"]\n\
                   protected_groups = [\"g-outer\"]\nmost_per_hour = 5\n[[directory.actions.credential]]\nsecret = \"good\"\n";
    let node = Setup::new(&world, folder.path()).config(&(Graph::config("") + actions)).start();
    sync_well(&node);
    let simon = node.browser(&world);
    simon.arrive("http://news.test/");
    let mut open = tunnel(&node);
    assert!(is_alive(&mut open));
    let act = |words: &[&str]| say(&node, &[&["act"], words].concat());
    for (who, why) in [
        (DIEGO, "protected by `protected`"),
        ("AlexW@contoso.com", "protected by `protected_groups`"),
        ("nobody@contoso.com", "knows nobody called"),
    ] {
        let (code, _, said) = act(&["disable", who, "--why", "a test"]);
        assert!(code == Some(1) && said.contains(why), "{said}");
    }
    let (code, said, _) = act(&["disable", "B.Simon@contoso.com", "--why", "phished", "--dry-run"]);
    assert_eq!((code, said), (Some(0), format!("would disable B.Simon@contoso.com ({SIMON})\n")));
    assert!(is_alive(&mut open) && graph.state().acts.is_empty());
    // Not permitted: the sessions have ended all the same, and it is said what is missing.
    let denied = r#"{"error":{"code":"Authorization_RequestDenied","message":"Insufficient privileges"}}"#;
    graph.state().faults.push_back(super::graph::Fault::Answer(403, "request-id: no-1\r\n", denied));
    let (code, said, error) = act(&["disable", "CORP.contoso.com\\bsimon", "--why", "phished"]);
    assert!(
        code == Some(1) && said.contains("unsuccessful") && said.contains("User.EnableDisableAccount.All"),
        "{said}{error}"
    );
    assert_eq!(open.read(&mut [0; 16]).unwrap(), 0, "the tunnel is closed");
    assert_eq!(simon.go("http://news.test/").heading(), "Sign in");
    let (code, said, error) = act(&["disable", "B.Simon@contoso.com", "--why", "phished"]);
    assert!(code == Some(0) && said.contains(": successful\n"), "{said}{error}");
    assert_eq!(graph.state().acts[1], format!("PATCH /v1.0/users/{SIMON} {{\"accountEnabled\":false}}"));
    sync_well(&node);
    let logon = simon.go("http://news.test/");
    assert_eq!(simon.sign_in(&logon, "B.Simon@contoso.com", "simon").status, 403);
    for (action, wanted) in [
        ("enable", format!("PATCH /v1.0/users/{SIMON} {{\"accountEnabled\":true}}")),
        ("sign-out", format!("POST /v1.0/users/{SIMON}/revokeSignInSessions {{}}")),
        (
            "reset-password",
            format!("PATCH /v1.0/users/{SIMON} {{\"passwordProfile\":{{\"forceChangePasswordNextSignIn\":true}}}}"),
        ),
    ] {
        let (code, said, error) = act(&[action, SIMON, "--why", "it was him"]);
        assert_eq!(code, Some(0), "{said}{error}");
        assert_eq!(graph.state().acts.last(), Some(&wanted));
    }
    let (code, _, said) = act(&["sign-out", SIMON, "--why", "once more"]);
    assert!(code == Some(1) && said.contains("5 actions were begun within the last hour"), "{said}");
    sync_well(&node);
    simon.arrive("http://news.test/");
    // It is all known after a restart, too.
    let listed = act(&["list"]).1;
    node.kill();
    let node = Setup::new(&world, folder.path()).config(&(Graph::config("") + actions)).start();
    assert_eq!(say(&node, &["act", "list"]).1, listed);
    assert_eq!(listed.lines().filter(|line| line.contains("B.Simon@contoso.com")).count(), 5, "{listed}");
    assert!(listed.contains("phished") && listed.contains("by operator (uid "), "{listed}");
}
