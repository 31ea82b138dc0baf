//! The domains of the tenant: shown where they may be read, and believed for nothing.

use serde_json::json;

use super::graph::Graph;
use super::{status, sync, sync_well};
use crate::node::Setup;
use crate::operator::say;

#[test]
fn domains_that_a_tenant_has_verified_are_shown_beside_those_that_no_realm_has() {
    let (graph, build) = Graph::build();
    graph.state().user("1", json!({ "userPrincipalName": "eve@fabrikam.com", "accountEnabled": true }));
    let (world, folder) = (build.start(), tempfile::tempdir().unwrap());
    let node = Setup::new(&world, folder.path()).config(&Graph::config("")).start();
    let told = || say(&node, &["directory", "status"]).1;
    // Without the permission everything else goes on, and it is said which one it takes.
    sync_well(&node);
    assert!(told().contains("not read") && told().contains("Domain.Read.All"), "{}", told());
    assert_eq!(status(&node)["graph"]["status"], "Granted");
    let all = vec![("Contoso.com", true), ("fabrikam.com", true), ("new.contoso.com", false)];
    graph.state().domains = Some(all);
    assert!(sync(&node, &["--full"]).0);
    let found = status(&node);
    assert_eq!(found["domains"]["verified"], json!(["contoso.com", "fabrikam.com"]));
    assert_eq!(found["unserved_domains"], json!(["fabrikam.com"]));
    assert!(told().contains("no realm of this directory has fabrikam.com"), "{}", told());
    // Nobody may sign in by that: a realm's domains stand in the configuration.
    let page = world.browser();
    let node_page = crate::browser::Browser { proxy: node.proxy, ..page };
    let logon = node_page.go("http://news.test/");
    let refused = node_page.submit(&logon, logon.form(), &[("account", "eve@fabrikam.com")]);
    assert!(refused.body.contains("does not serve that domain"), "{refused:#?}");
}
