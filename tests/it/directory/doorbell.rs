//! Microsoft Graph tells that something has changed, and the link with which an administrator of the tenant grants what the
//! application asks for.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::graph::Graph;
use super::{dump, sync_well};
use crate::browser::{Browser, Page};
use crate::node::{Node, Setup};
use crate::operator::say;
use crate::world::{PATIENCE, World};

fn wait(is_so: impl Fn() -> bool, said: impl Fn() -> String) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "{}", said());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A request of Microsoft's: of no browser.
fn post(world: &World, node: &Node, path: &str, body: &Value) -> Page {
    let browser = Browser { proxy: node.proxy, ..world.browser().at([127, 0, 0, 98]).without_cookies() };
    let (url, body) = (format!("https://portal.vestibule.test{path}"), body.to_string());
    node.take_over(browser).bare_curl(&url, &["-H", "Content-Type: application/json", "--data-binary", &body])
}

#[test]
fn a_change_that_graph_tells_of_is_asked_for_and_nothing_that_it_says_is_believed() {
    let (graph, build) = Graph::build();
    graph.state().user("u-1", json!({ "userPrincipalName": "one@contoso.com", "accountEnabled": true }));
    let (world, folder) = (build.start(), tempfile::tempdir().unwrap());
    let own = "notification_url = \"https://portal.vestibule.test/graph/contoso\"";
    let node = Setup::new(&world, folder.path()).config(&Graph::config(own)).start();
    assert_eq!(graph.state().subscriptions.len(), 0);
    sync_well(&node);
    node.wait_for_event("Microsoft Graph tells of changes from now on");
    let subscriptions: Vec<Value> = graph.state().subscriptions.values().cloned().collect();
    let resources: Vec<&str> = subscriptions.iter().map(|one| one["resource"].as_str().unwrap()).collect();
    assert_eq!(resources, ["users", "groups"]);
    let client_state = subscriptions[0]["clientState"].as_str().unwrap().to_owned();
    assert!(client_state.len() >= 20 && subscriptions[0]["changeType"] == "updated,deleted", "{subscriptions:#?}");
    assert_eq!(subscriptions[0]["notificationUrl"], "https://portal.vestibule.test/graph/contoso");
    // Microsoft asks whether the address is ours.
    let asked = post(&world, &node, "/graph/contoso?validationToken=Validation%3A%20Testing%20%3Cb%3E", &json!({}));
    assert_eq!((asked.status, asked.body.as_str()), (200, "Validation: Testing <b>"), "{asked:#?}");
    assert!(
        asked.value("content-type").starts_with("text/plain") && asked.value("x-content-type-options") == "nosniff"
    );
    let long = format!("/graph/contoso?validationToken={}", "x".repeat(1025));
    assert_eq!(post(&world, &node, &long, &json!({})).status, 400);
    assert_eq!(post(&world, &node, "/graph/other?validationToken=x", &json!({})).status, 404);
    // Strangers ring, and nobody comes: the round that an operator has begin after that is the only one.
    let reads = || graph.state().asked.iter().filter(|target| target.contains("/delta?")).count();
    let read_before = reads();
    sync_well(&node);
    let of_one_round = reads() - read_before;
    assert!(of_one_round > 0, "{:#?}", graph.state().asked);
    for stranger in
        [json!({}), json!([1]), json!({ "value": [{ "clientState": "guess" }, { "clientState": null }, {}] })]
    {
        assert_eq!(post(&world, &node, "/graph/contoso", &stranger).status, 202);
    }
    sync_well(&node);
    assert_eq!(reads() - read_before, 2 * of_one_round, "{:#?}", graph.state().asked);
    graph.state().user("u-2", json!({ "userPrincipalName": "two@contoso.com", "accountEnabled": true }));
    let said = json!({ "value": [{
        "subscriptionId": "subscription-0", "clientState": client_state, "changeType": "deleted", "resource": "Users/u-1",
        "resourceData": { "id": "u-1" },
    }] });
    assert_eq!(post(&world, &node, "/graph/contoso", &said).status, 202);
    wait(|| dump(&node) == graph.dump(), || dump(&node));
    assert!(dump(&node).contains("one@contoso.com"), "what it says is not believed");
    // It is told that a subscription is gone: it is made anew, and the other is renewed.
    graph.state().subscriptions.remove("subscription-0");
    let gone = json!({ "value": [{ "clientState": client_state, "lifecycleEvent": "subscriptionRemoved" }] });
    assert_eq!(post(&world, &node, "/graph/contoso", &gone).status, 202);
    let is_mended = || {
        let state = graph.state();
        let has = |resource: &str| state.subscriptions.values().any(|one| one["resource"] == resource);
        has("users") && has("groups")
    };
    wait(is_mended, || format!("{:#?}", graph.state().subscriptions));
}

#[test]
fn an_administrator_consents_by_a_link_and_is_led_back_to_a_page_that_says_what_came_of_it() {
    let (graph, build) = Graph::build();
    graph.state().user("u-1", json!({ "userPrincipalName": "one@contoso.com", "accountEnabled": true }));
    let (world, folder) = (build.start(), tempfile::tempdir().unwrap());
    let node = Setup::new(&world, folder.path()).config(&Graph::config("")).start();
    let new_link = || {
        let (code, said, error) = say(&node, &["directory", "consent"]);
        assert_eq!(code, Some(0), "{error}");
        let link = said.lines().find(|line| line.starts_with("https://")).unwrap_or_else(|| panic!("{said}"));
        url::Url::parse(link).unwrap()
    };
    let link = new_link();
    assert_eq!((link.host_str(), link.path()), (Some("login.test"), "/contoso.com/v2.0/adminconsent"));
    let in_link = |link: &url::Url, name: &str| link.query_pairs().find(|(own, _)| own == name).unwrap().1.into_owned();
    let of = |name: &str| in_link(&link, name);
    assert_eq!((of("client_id").as_str(), of("scope").as_str()), ("app", "https://graph.test/.default"));
    assert_eq!(of("redirect_uri"), "https://portal.vestibule.test/consent");
    let admin = node.browser(&world).at([127, 0, 0, 97]);
    let back = |query: &[(&str, &str)]| {
        let mut url = url::Url::parse("https://portal.vestibule.test/consent").unwrap();
        url.query_pairs_mut().extend_pairs(query);
        admin.go(url.as_str())
    };
    let state = of("state");
    let refused = back(&[
        ("error", "access_denied"),
        ("error_description", "AADSTS65004: <script>declined</script>"),
        ("state", &state),
    ]);
    assert_eq!((refused.status, refused.heading()), (403, "Permission was not granted"), "{refused:#?}");
    assert!(
        refused.body.contains("AADSTS65004: &#60;script&#62;") || refused.body.contains("AADSTS65004: &lt;script&gt;"),
        "{}",
        refused.body
    );
    let forged = back(&[("admin_consent", "True"), ("tenant", "t"), ("state", "forged")]);
    assert_eq!((forged.status, forged.heading()), (400, "This link is no longer valid"));
    assert_eq!(graph.state().asked.len(), 0, "nothing was read");
    let grant = |state: &str| {
        back(&[("admin_consent", "True"), ("tenant", "00000000-0000-0000-0000-000000000001"), ("state", state)])
    };
    let again = grant(&state);
    assert_eq!((again.status, again.heading()), (400, "This link is no longer valid"), "an answer counts once");
    assert_eq!(graph.state().asked.len(), 0, "nothing was read");
    let state = in_link(&new_link(), "state");
    let granted = grant(&state);
    assert_eq!((granted.status, granted.heading()), (200, "Permission was granted"), "{granted:#?}");
    assert_eq!(grant(&state).status, 400, "an answer counts once");
    wait(|| dump(&node) == graph.dump(), || dump(&node));
}
