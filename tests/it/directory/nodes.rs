//! Three nodes keep one directory: one leads, the others follow, and whatever dies or is cut off, they agree.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::graph::Graph;
use super::{dump, status};
use crate::node::{Node, Setup};
use crate::nodes::link::Link;
use crate::operator::say;
use crate::raw::{connect, read_head};
use crate::redis::Redis;
use crate::reload::{echo, is_alive};
use crate::world::{Builder, PATIENCE, World};

const ALEX: &str = "6a1f0c52-8d3b-4b7e-a2c9-1f4e5d6c7b02";

/// Three nodes, each with a way of its own to the Redis that they share.
struct Three {
    world: World,
    redis: Redis,
    links: Vec<Link>,
    config: String,
    nodes: Vec<Option<Node>>,
    folder: tempfile::TempDir,
}

impl Three {
    fn start(build: Builder, config: &str) -> Self {
        let (world, redis) = (build.network("shared", "127.0.7.0/24", "shared = true").start(), Redis::start());
        let links = (0..3).map(|_| Link::to(redis.port())).collect();
        let (nodes, folder) = (vec![None, None, None], tempfile::tempdir().unwrap());
        let mut three = Self { world, redis, links, config: config.to_owned(), nodes, folder };
        (0..3).for_each(|at| three.start_one(at));
        three
    }

    fn start_one(&mut self, at: usize) {
        let folder = self.folder.path().join(at.to_string());
        let config = self.links[at].config() + &self.config;
        self.nodes[at] = Some(Setup::new(&self.world, &folder).config(&config).start());
    }

    fn node(&self, at: usize) -> &Node {
        self.nodes[at].as_ref().unwrap()
    }

    fn running(&self) -> impl Iterator<Item = (usize, &Node)> {
        self.nodes.iter().enumerate().filter_map(|(at, node)| Some((at, node.as_ref()?)))
    }

    /// The node that leads, as it says itself, once there is exactly one among these.
    fn leader(&self, among: &[usize]) -> usize {
        let found = || {
            let leads = |at: &&usize| status(self.node(**at))["nodes"]["leads"] == true;
            among.iter().filter(leads).copied().collect::<Vec<_>>()
        };
        let begun = Instant::now();
        loop {
            match found()[..] {
                [one] => return one,
                ref several => assert!(begun.elapsed() < 3 * PATIENCE, "{several:?} lead"),
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Has a round begin, whichever node leads.
    fn sync(&self, at: usize) {
        let is_begun = || say(self.node(at), &["directory", "sync"]).0 == Some(0);
        wait(is_begun, || format!("{:#?}", self.node(at).events()));
    }

    /// Waits until each of these says that it knows exactly this.
    fn agree(&self, among: &[usize], wanted: &str) {
        for at in among {
            wait(|| dump(self.node(*at)) == wanted, || format!("{at}: {}\n{wanted}", dump(self.node(*at))));
        }
    }
}

fn wait(is_so: impl Fn() -> bool, said: impl Fn() -> String) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < 3 * PATIENCE, "{}", said());
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn fill(graph: &Graph) {
    let mut state = graph.state();
    for (id, upn) in [("6a1f0c52-8d3b-4b7e-a2c9-1f4e5d6c7b01", "B.Simon@contoso.com"), (ALEX, "AlexW@contoso.com")] {
        state.user(id, json!({ "userPrincipalName": upn, "accountEnabled": true, "displayName": upn }));
    }
    state.group("g-1", json!({ "displayName": "One" }));
    state.join("g-1", ALEX, true);
}

/// How often everything was read from the beginning.
fn full_reads(graph: &Graph) -> usize {
    graph.state().asked.iter().filter(|target| target.contains("/users/delta?$select=")).count()
}

#[test]
fn one_of_three_nodes_reads_the_tenant_and_whoever_is_disabled_is_out_on_each() {
    let (graph, build) = Graph::build();
    fill(&graph);
    let three = Three::start(build.host("echo.test:443", echo()), &Graph::config(""));
    let leader = three.leader(&[0, 1, 2]);
    // Any node takes the order; the one that leads carries it out.
    for (at, node) in three.running() {
        let (code, said, error) = say(node, &["directory", "sync"]);
        assert_eq!(code, Some(0), "{said}{error}");
        assert_eq!(said.contains("another node leads the directory and was told"), at != leader, "{said}");
    }
    three.agree(&[0, 1, 2], &graph.dump());
    for (at, node) in three.running() {
        wait(|| status(node)["graph"]["status"] == "Granted", || format!("{at}: {:#}", status(node)));
        let (_, said, _) = say(node, &["directory", "status"]);
        let name = status(three.node(leader))["nodes"]["node"].as_str().unwrap().to_owned();
        let wanted =
            if at == leader { ") leads, at change ".to_owned() } else { format!(") follows {name}, at change ") };
        assert!(said.contains(&wanted), "{said}");
    }
    assert_eq!(full_reads(&graph), 1, "one node has read the tenant");
    let alex = three.node(0).browser(&three.world);
    let logon = alex.go("http://news.test/");
    assert_eq!(alex.sign_in(&logon, "AlexW@contoso.com", "alex").heading(), "This is news.test");
    // The address stands for the person at each node.
    let mut tunnels: Vec<_> = three.running().map(|(_, node)| tunnel(node)).collect();
    assert!(tunnels.iter_mut().all(is_alive));
    graph.state().user(ALEX, json!({ "accountEnabled": false }));
    let (code, said, error) = say(three.node((leader + 1) % 3), &["directory", "sync"]);
    assert_eq!(code, Some(0), "{said}{error}");
    for (at, tunnel) in tunnels.iter_mut().enumerate() {
        tunnel.set_read_timeout(Some(3 * PATIENCE)).unwrap();
        assert_eq!(tunnel.read(&mut [0; 16]).unwrap(), 0, "the tunnel through node {at} is closed");
    }
    // The end of the session may be known before the change that it comes from.
    three.agree(&[0, 1, 2], &graph.dump());
    for (at, node) in three.running() {
        let browser = node.browser(&three.world);
        let logon = browser.go("http://news.test/");
        assert_eq!(logon.heading(), "Sign in", "{at}");
        assert_eq!(browser.sign_in(&logon, "AlexW@contoso.com", "alex").status, 403, "{at}");
    }
    three.agree(&[0, 1, 2], &graph.dump());
}

fn tunnel(node: &Node) -> std::net::TcpStream {
    let mut tunnel = connect(node.proxy, [127, 0, 0, 1].into());
    tunnel.write_all(b"CONNECT echo.test:443 HTTP/1.1\r\nHost: echo.test:443\r\n\r\n").unwrap();
    assert!(read_head(&mut tunnel).starts_with("HTTP/1.1 200"), "{:#?}", node.events());
    tunnel
}

#[test]
fn killed_or_cut_off_leaders_are_followed_by_others_that_go_on_where_they_were() {
    let (graph, build) = Graph::build();
    fill(&graph);
    let mut three = Three::start(build, &Graph::config(""));
    let first = three.leader(&[0, 1, 2]);
    three.sync((first + 1) % 3);
    three.agree(&[0, 1, 2], &graph.dump());
    // Killed: another one leads, and asks only for what has changed.
    three.nodes[first].take().unwrap().kill();
    let left: Vec<usize> = (0..3).filter(|at| *at != first).collect();
    let second = three.leader(&left);
    graph.state().user("u-3", json!({ "userPrincipalName": "three@contoso.com", "accountEnabled": true }));
    three.sync(left[0]);
    three.agree(&left, &graph.dump());
    assert_eq!(full_reads(&graph), 1, "{:#?}", graph.state().asked);
    // Back again, it follows.
    three.start_one(first);
    three.agree(&[0, 1, 2], &graph.dump());
    // Cut off from the store: another one leads, and whatever the first believes, it writes nothing.
    three.links[second].cut();
    let others: Vec<usize> = (0..3).filter(|at| *at != second).collect();
    let before = dump(three.node(second));
    three.leader(&others);
    graph.state().user(ALEX, json!({ "accountEnabled": false }));
    graph.state().group("g-2", json!({ "displayName": "Two" }));
    three.sync(others[1]);
    three.agree(&others, &graph.dump());
    let (_, said, _) = say(three.node(second), &["directory", "sync"]);
    assert_eq!(dump(three.node(second)), before, "it would not be what the others have: {said}");
    let (_, said, _) = say(three.node(second), &["directory", "status"]);
    assert!(said.contains("  the shared store does not answer: what was known stays in force"), "{said}");
    assert!(said.contains("  what to do: see that Redis runs"), "{said}");
    three.links[second].mend();
    three.agree(&[0, 1, 2], &graph.dump());
    three.leader(&[0, 1, 2]);
    // The store is killed, and has lost everything when it is back.
    three.redis.kill();
    graph.state().user("u-4", json!({ "userPrincipalName": "four@contoso.com", "accountEnabled": true }));
    three.redis.start_again();
    let last = three.leader(&[0, 1, 2]);
    three.sync((last + 1) % 3);
    three.agree(&[0, 1, 2], &graph.dump());
    assert_eq!(full_reads(&graph), 1, "{:#?}", graph.state().asked);
}

/// How often people were signed out in Entra ID.
fn sign_outs(graph: &Graph) -> Vec<String> {
    graph.state().acts.iter().filter(|act| act.contains("revokeSignInSessions")).cloned().collect()
}

#[test]
fn one_node_reads_who_is_at_risk_and_acts_once_and_rules_refuse_them_at_each() {
    let (graph, build) = Graph::build();
    fill(&graph);
    let simon = "6a1f0c52-8d3b-4b7e-a2c9-1f4e5d6c7b01";
    let more = format!(
        "[directory.risk]\nevery = \"1h\"\n[[directory.risk_rule]]\nname = \"out\"\nrisk = [\"high\"]\n\
         users = [\"{simon}\"]\naction = \"sign-out\"\n[directory.actions]\nclient_id = \"act\"\n\
         [[directory.actions.credential]]\nsecret = \"good\"\n[policy]\ndefault = \"allow\"\n[[policy.rule]]\n\
         name = \"at risk\"\nrisk = {{ at_least = \"medium\" }}\ndestinations = [\"news.test\"]\neffect = \"block\"\n"
    );
    let mut three = Three::start(build, &(Graph::config("") + &more));
    let leader = three.leader(&[0, 1, 2]);
    three.sync((leader + 1) % 3);
    three.agree(&[0, 1, 2], &graph.dump());
    let look = |node: &Node| {
        let begun = Instant::now();
        loop {
            let (code, said, error) = say(node, &["directory", "risk", "--now"]);
            if code == Some(0) {
                return said;
            }
            assert!(begun.elapsed() < PATIENCE, "{said}{error}");
            std::thread::sleep(Duration::from_millis(200));
        }
    };
    look(three.node((leader + 1) % 3));
    let alex = three.node((leader + 1) % 3).browser(&three.world);
    let logon = alex.go("http://news.test/");
    assert_eq!(alex.sign_in(&logon, "AlexW@contoso.com", "alex").heading(), "This is news.test");
    graph.state().at_risk(ALEX, "high", "atRisk");
    graph.state().at_risk(simon, "high", "atRisk");
    // Each node knows it, and each of them is asked to look; one of them has acted.
    for (at, node) in three.running() {
        wait(|| look(node).contains("risk: Granted, 2 people at risk"), || format!("{at}: {}", look(node)));
    }
    assert_eq!(sign_outs(&graph).len(), 1, "{:#?}", graph.state().acts);
    let (_, listed, _) = say(three.node((leader + 2) % 3), &["act", "list"]);
    assert_eq!(listed.matches("by risk rule `out`").count(), 1, "another node knows the task: {listed}");
    // Where it was open before, and where it was not.
    wait(|| alex.go("http://news.test/").status == 403, || format!("{:#?}", alex.go("http://news.test/")));
    for (at, node) in three.running() {
        let alex = node.browser(&three.world);
        wait(|| alex.go("http://news.test/").status == 403, || format!("{at}: {:#?}", alex.go("http://news.test/")));
    }
    // Another node leads, knows what was done, and goes on from there.
    three.nodes[leader].take().unwrap().kill();
    let left: Vec<usize> = (0..3).filter(|at| *at != leader).collect();
    let next = three.leader(&left);
    for at in &left {
        assert!(look(three.node(*at)).contains("2 people at risk"));
    }
    assert_eq!(sign_outs(&graph).len(), 1, "{:#?}", graph.state().acts);
    graph.state().at_risk(ALEX, "none", "dismissed");
    let follower = left.iter().copied().find(|at| *at != next).unwrap();
    wait(|| look(three.node(follower)).contains("1 people at risk"), || look(three.node(follower)));
    let alex = three.node(follower).browser(&three.world);
    wait(|| alex.go("http://news.test/").status == 200, || format!("{:#?}", alex.go("http://news.test/")));
}

/// A request of SCIM: the status, the fields of the head, and the body.
fn scim(node: &Node, token: &str, method: &str, path: &str, body: &Value) -> (u16, String, Value) {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--noproxy", "*", "--include", "--request", method]);
    curl.args(["--header", &format!("Authorization: Bearer {token}")]);
    if !body.is_null() {
        curl.args(["--header", "Content-Type: application/scim+json", "--data-binary", &body.to_string()]);
    }
    let url = format!("http://{}/scim/v2{path}", node.listener("scim"));
    let output = curl.arg(url).stderr(Stdio::inherit()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{text}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_lowercase(), serde_json::from_str(body).unwrap_or_default())
}

#[test]
fn people_are_pushed_to_whichever_node_and_all_of_them_know_what_was_answered() {
    let directory =
        "[scim]\nlisten = \"127.0.0.1:0\"\n[[directory]]\nname = \"contoso\"\nrealms = [\"contoso\"]\nscim = true\n";
    let mut three = Three::start(World::build(), directory);
    three.leader(&[0, 1, 2]);
    let (code, token, said) = say(three.node(1), &["scim", "token", "new", "contoso"]);
    assert_eq!(code, Some(0), "{said}");
    let token = token.trim().to_owned();
    for (at, node) in three.running() {
        let known = || scim(node, &token, "GET", "/Users", &Value::Null).0 == 200;
        wait(known, || format!("node {at} does not know the token"));
    }
    let named = |number: usize| {
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "active": true,
            "userName": format!("user{number}@contoso.com"), "externalId": format!("00000000-0000-0000-0003-{number:012}"),
        })
    };
    let mut ids = Vec::new();
    for number in 0..12 {
        let (status, head, body) = scim(three.node(number % 3), &token, "POST", "/Users", &named(number));
        assert_eq!(status, 201, "{head}{body}");
        let id = body["id"].as_str().unwrap().to_owned();
        // Another node knows it at once, and the name is taken at each.
        let (status, _, body) =
            scim(three.node((number + 1) % 3), &token, "GET", &format!("/Users/{id}"), &Value::Null);
        assert_eq!((status, &body["userName"]), (200, &named(number)["userName"]), "{body}");
        assert_eq!(scim(three.node((number + 2) % 3), &token, "POST", "/Users", &named(number)).0, 409);
        ids.push(id);
    }
    let off = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{ "op": "Replace", "path": "active", "value": "False" }],
    });
    let (status, _, body) = scim(three.node(2), &token, "PATCH", &format!("/Users/{}", ids[0]), &off);
    assert_eq!((status, &body["active"]), (200, &json!(false)), "{body}");
    // Killed after it has answered: what it has answered is there.
    three.nodes[2].take().unwrap().kill();
    wait(|| dump(three.node(0)).contains("|user0@contoso.com|False|"), || dump(three.node(0)));
    let wanted = dump(three.node(0));
    three.agree(&[0, 1], &wanted);
    // Without the store nothing is taken that could be lost, and the identity provider is to try again.
    three.links[0].cut();
    three.node(0).wait_for_event("the shared store is away");
    let (status, head, body) = scim(three.node(0), &token, "POST", "/Users", &named(50));
    assert_eq!(status, 503, "{body}");
    assert!(head.contains("\r\nretry-after: "), "{head}");
    assert_eq!(scim(three.node(1), &token, "POST", "/Users", &named(51)).0, 201);
    three.links[0].mend();
    wait(|| scim(three.node(0), &token, "POST", "/Users", &named(50)).0 == 201, || "it takes nothing".to_owned());
    three.start_one(2);
    let wanted = dump(three.node(0));
    assert!(wanted.contains("user50@") && wanted.contains("user51@"), "{wanted}");
    three.agree(&[0, 1, 2], &wanted);
    // A token that is revoked at one node opens nothing at any other.
    let (_, listed, _) = say(three.node(2), &["scim", "token", "list", "--json"]);
    let id = serde_json::from_str::<Value>(listed.lines().next().unwrap()).unwrap()["id"].as_str().unwrap().to_owned();
    let (code, said, error) = say(three.node(2), &["scim", "token", "revoke", &id]);
    assert_eq!(code, Some(0), "{said}{error}");
    for (at, node) in three.running() {
        let refused = || scim(node, &token, "GET", "/Users", &Value::Null).0 == 401;
        wait(refused, || format!("node {at} takes a token that was revoked"));
    }
}
