//! Several nodes that share a Redis act as one: whoever comes by at any of them is known under the right name, and what
//! ends at one ends at all.

mod apart;
mod failover;
pub(crate) mod link;
mod logout;
mod offline;
mod secrets;
mod tickets;

use std::io::{Read as _, Write as _};
use std::net::Ipv4Addr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::browser::{Browser, Page};
use crate::node::{Node, Setup};
use crate::raw::{Answer, connect, read_head};
use crate::redis::Redis;
use crate::visitor::{Place, Visitor, Way};
use crate::world::{PATIENCE, World, say_aside};

pub(crate) const PEOPLE: [(&str, &str, &str); 4] = [
    ("bsimon@contoso.com", "simon", "B.Simon@contoso.com"),
    ("AlexW@contoso.com", "alex", "AlexW@contoso.com"),
    ("AdeleV@contoso.com", "adele", "AdeleV@contoso.com"),
    ("DiegoS@contoso.com", "diego", "DiegoS@contoso.com"),
];

const PORTAL: &str = "https://portal.vestibule.test";

/// Nodes that share a Redis, and a world with the identity provider and the origins.
struct Cluster {
    world: World,
    redis: Redis,
    /// What the next node is told of the store.
    config: String,
    nodes: Vec<Node>,
    folder: tempfile::TempDir,
}

impl Cluster {
    fn start(nodes: usize) -> Self {
        let world = World::build().network("shared", "127.0.7.0/24", "shared = true").start();
        let redis = Redis::start();
        let config = redis.config();
        Self::with(world, redis, config, nodes)
    }

    fn with(world: World, redis: Redis, config: String, nodes: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut cluster = Self { world, redis, config, nodes: Vec::new(), folder };
        for _ in 0..nodes {
            cluster.add_node();
        }
        cluster
    }

    fn add_node(&mut self) -> &Node {
        let node = self.start_node(self.nodes.len());
        self.nodes.push(node);
        self.nodes.last().unwrap()
    }

    fn start_node(&self, number: usize) -> Node {
        let folder = self.folder.path().join(number.to_string());
        let many = "[session]\nmax_per_person = 100000";
        let node = Setup::new(&self.world, &folder).config(many).config(&self.config).start();
        node.wait_for_event("the shared store is there");
        node
    }

    /// Starts a node that does not wait for the store.
    fn start_without_store(&self, number: usize) -> Node {
        let folder = self.folder.path().join(number.to_string());
        let config = format!("[session]\nmax_per_person = 100000\n{}start_wait = \"1s\"", self.config);
        let node = Setup::new(&self.world, &folder).config(&config).start();
        assert!(node.has_event("serving without the shared store"), "{:#?}", node.events());
        node
    }

    /// Ends a node as operators do, and starts it again with what nodes are told by now.
    fn restart(&mut self, number: usize) {
        self.nodes.remove(number).stop();
        let node = self.start_node(number);
        self.nodes.insert(number, node);
    }

    fn browser(&self, address: [u8; 4]) -> Browser<'_> {
        Browser { trusted: self.world.web.clone(), ..self.world.browser().at(address) }
    }
}

/// A browser whose every request goes to another node.
struct Hopper<'a> {
    cluster: &'a Cluster,
    browser: Browser<'a>,
    next: usize,
}

impl<'a> Hopper<'a> {
    fn new(cluster: &'a Cluster, address: [u8; 4]) -> Self {
        Self { cluster, browser: cluster.browser(address), next: 0 }
    }

    fn hop(&mut self) {
        self.next += 1;
        self.browser.proxy = self.cluster.nodes[self.next % self.cluster.nodes.len()].proxy;
    }

    fn go(&mut self, url: &str) -> Page {
        self.hop();
        let page = self.browser.ask(url);
        self.onward(page)
    }

    fn submit(&mut self, page: &Page, filled: &[(&str, &str)]) -> Page {
        self.hop();
        let form = page.form();
        let action = url::Url::parse(&page.url).unwrap().join(&form.action).unwrap();
        let mut fields = form.fields;
        fields.retain(|(name, _)| filled.iter().all(|(other, _)| other != name));
        fields.extend(filled.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let encoded = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let file = self.cluster.world.path("form");
        std::fs::write(&file, encoded).unwrap();
        let page = self.browser.curl(action.as_str(), &["--data-binary", &format!("@{}", file.display())]);
        self.onward(page)
    }

    /// Follows redirects, each at another node.
    fn onward(&mut self, mut page: Page) -> Page {
        for _ in 0..12 {
            if !(300..400).contains(&page.status) {
                return page;
            }
            let location = url::Url::parse(&page.url).unwrap().join(page.value("location")).unwrap();
            self.hop();
            page = self.browser.ask(location.as_str());
        }
        panic!("it goes round in circles: {page:#?}");
    }

    fn sign_in(&mut self, url: &str, (account, password, _): (&str, &str, &str)) -> Page {
        let logon = self.go(url);
        assert_eq!(logon.heading(), "Sign in", "{logon:#?}");
        let idp = self.submit(&logon, &[("account", account)]);
        let answer = self.submit(&idp, &[("password", password)]);
        self.submit(&answer, &[])
    }
}

/// Asks a node for a page of news.test with a cookie: the status.
fn ask(node: &Node, from: Ipv4Addr, path: &str, cookie: &str) -> u16 {
    let mut stream = connect(node.proxy, from.into());
    write!(
        stream,
        "GET http://news.test{path} HTTP/1.1\r\nHost: news.test\r\nUpgrade-Insecure-Requests: 1\r\nCookie: vestibule_s={cookie}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    Answer::read(&mut stream).status
}

/// All access records of all nodes.
fn records(cluster: &Cluster) -> Vec<Value> {
    let texts = cluster.nodes.iter().map(|node| std::fs::read_to_string(node.folder.join("access.log")).unwrap());
    texts.flat_map(|text| text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<_>>()).collect()
}

/// Somebody who is signed in: where, who, and the cookie for news.test.
type Client = (Ipv4Addr, &'static str, String);

/// Signs so many clients in, each at a node of its own for each request.
fn sign_in(cluster: &Cluster, number: usize) -> Vec<Client> {
    let (way, next, begun) = (Way::of(&cluster.world), AtomicUsize::new(0), Instant::now());
    let clients = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let client = next.fetch_add(1, Ordering::Relaxed);
                    if client >= number {
                        return;
                    }
                    let from = Ipv4Addr::new(127, 0, 7, u8::try_from(client % 200 + 1).unwrap());
                    let (account, password, name) = PEOPLE[client % PEOPLE.len()];
                    let mut hop = client;
                    let place = || {
                        hop += 1;
                        let node = &cluster.nodes[hop % cluster.nodes.len()];
                        Place { proxy: node.proxy, portal: node.portal }
                    };
                    let mut visitor = Visitor::new(&way, from, place);
                    let page = visitor.arrive("http://news.test/", (account, password)).unwrap();
                    assert_eq!(page.status, 200, "{}", page.text());
                    let cookie = visitor.jar[&("news.test".to_owned(), "vestibule_s".to_owned())].clone();
                    clients.lock().unwrap().push((from, name, cookie));
                }
            });
        }
    });
    let each = begun.elapsed() / u32::try_from(number.max(1)).unwrap();
    say_aside(&format!("{number} sign-ins over {} nodes: {each:?} each", cluster.nodes.len()));
    clients.into_inner().unwrap()
}

/// Requests of random clients at random nodes, each checked.
#[derive(Default)]
struct Load {
    stop: AtomicBool,
    asked: AtomicUsize,
    /// Milliseconds.
    slowest: AtomicUsize,
}

impl Load {
    /// Asks for as long as `work` takes.
    fn run(&self, clients: &[Client], nodes: &[Node], work: impl FnOnce()) {
        self.stop.store(false, Ordering::Relaxed);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                scope.spawn(move || self.ask_on(thread, clients, nodes));
            }
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
            self.stop.store(true, Ordering::Relaxed);
            if let Err(panic) = outcome {
                std::panic::resume_unwind(panic);
            }
        });
    }

    fn ask_on(&self, thread: u64, clients: &[Client], nodes: &[Node]) {
        // A plain generator: which node is next must not depend on the client.
        let mut random = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(thread + 1);
        while !self.stop.load(Ordering::Relaxed) {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let pick = |shift: u32, most: usize| usize::try_from(random >> shift & 0xffff).unwrap() % most;
            let (from, person, cookie) = &clients[pick(20, clients.len())];
            let begun = Instant::now();
            let status = ask(&nodes[pick(40, nodes.len())], *from, &format!("/is/{person}"), cookie);
            let took = usize::try_from(begun.elapsed().as_millis()).unwrap();
            self.slowest.fetch_max(took, Ordering::Relaxed);
            self.asked.fetch_add(1, Ordering::Relaxed);
            assert_eq!(status, 200, "{person} is not known any more");
        }
    }

    /// Waits for so many more requests.
    fn some(&self, more: usize) {
        let goal = self.asked.load(Ordering::Relaxed) + more;
        let (mut before, mut moved) = (0, Instant::now());
        loop {
            let asked = self.asked.load(Ordering::Relaxed);
            if asked >= goal {
                return;
            }
            if asked > before {
                (before, moved) = (asked, Instant::now());
            }
            assert!(moved.elapsed() < Duration::from_secs(30), "requests hang");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Finds everybody under their right name in the records of all nodes.
    fn check(&self, cluster: &Cluster) {
        std::thread::sleep(Duration::from_millis(200));
        let mut checked = 0;
        for record in records(cluster) {
            if let Some(person) = record["path"].as_str().and_then(|path| path.strip_prefix("/is/")) {
                assert_eq!(record["user"], person, "{record}");
                checked += 1;
            }
        }
        assert!(checked >= self.asked.load(Ordering::Relaxed), "{checked}");
        let slowest = self.slowest.load(Ordering::Relaxed);
        say_aside(&format!("{checked} requests under the right name; the longest took {slowest} ms"));
    }
}

/// Waits until each node has found the store so many times.
fn there(cluster: &Cluster, times: usize) {
    for node in &cluster.nodes {
        let begun = Instant::now();
        let found = || {
            let events = node.events();
            events
                .iter()
                .filter(|event| event["fields"]["message"] == "the shared store is there: people can sign in")
                .count()
        };
        while found() < times {
            assert!(begun.elapsed() < 3 * PATIENCE, "{:#?}", node.events());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// How much is asked of the nodes: little in a test run, more by the environment.
fn volume(name: &str, usual: usize) -> usize {
    std::env::var(name).ok().map_or(usual, |text| text.parse().unwrap())
}

#[test]
fn a_sign_in_goes_through_whatever_nodes_it_comes_by() {
    let cluster = Cluster::start(3);
    let mut hopper = Hopper::new(&cluster, [127, 0, 7, 1]);
    let page = hopper.sign_in("http://news.test/today?q=1", PEOPLE[0]);
    assert_eq!((page.status, page.url.as_str()), (200, "http://news.test/today?q=1"), "{page:#?}");
    for round in 0..6 {
        let page = hopper.go("http://news.test/");
        assert_eq!((page.status, page.redirects), (200, 0), "{round}: {page:#?}");
    }
    let page = hopper.go("http://shop.test/x?y=1");
    assert_eq!((page.status, page.url.as_str()), (200, "http://shop.test/x?y=1"), "{page:#?}");
    // Where the address stands for the person, it does so at every node.
    let mut home = Hopper::new(&cluster, [127, 0, 0, 9]);
    assert_eq!(home.sign_in("http://news.test/", PEOPLE[1]).status, 200);
    for node in &cluster.nodes {
        let bare = Browser { jar: None, proxy: node.proxy, ..cluster.browser([127, 0, 0, 9]) };
        let page = bare.go("https://mail.test/");
        assert_eq!((page.status, page.connect, page.redirects), (200, 200, 0), "{page:#?}");
        node.last_record_has("mail.test", &[("user", PEOPLE[1].2.into())]);
    }
    // Somebody else signs in at the same address.
    let mut other = Hopper::new(&cluster, [127, 0, 0, 9]);
    let logon = other.go(PORTAL);
    let idp = other.submit(&logon, &[("account", PEOPLE[0].0)]);
    let answer = other.submit(&idp, &[("password", PEOPLE[0].1)]);
    assert_eq!(other.submit(&answer, &[]).heading(), "You are signed in");
    // The address stands for whoever came to the portal from there last, and no node takes them for the person before.
    for node in &cluster.nodes {
        let bare = Browser { jar: None, proxy: node.proxy, ..cluster.browser([127, 0, 0, 9]) };
        assert_eq!(bare.go("https://mail.test/").connect, 200);
        node.last_record_has("mail.test", &[("user", PEOPLE[0].2.into())]);
    }
}

#[test]
fn a_wanted_address_of_any_length_survives_whatever_nodes_the_sign_in_comes_by() {
    // How many steps a sign-in has decides which of so many nodes it ends at.
    for nodes in [2, 3, 4] {
        let cluster = Cluster::start(nodes);
        for (address, length) in [(9, 9_000), (10, 60_000)] {
            let mut hopper = Hopper::new(&cluster, [127, 0, 0, address]);
            let wanted = format!("http://news.test/?q={}&end=1", "a".repeat(length));
            let page = hopper.sign_in(&wanted, PEOPLE[0]);
            let came = (page.status, page.url.len());
            assert!((page.status, &page.url) == (200, &wanted), "{nodes} nodes, {length}: {came:?}");
        }
    }
}

#[test]
fn a_warning_that_was_read_at_one_node_counts_at_all() {
    let world = World::build().network("shared", "127.0.7.0/24", "shared = true").start();
    let redis = Redis::start();
    let rule = "[[policy.rule]]\nname = \"Shops\"\ndestinations = [\"shop.test\"]\neffect = \"warn\"\n";
    let config = format!("{}{rule}", redis.config());
    let cluster = Cluster::with(world, redis, config, 3);
    for address in 1..=4 {
        let mut hopper = Hopper::new(&cluster, [127, 0, 7, address]);
        hopper.sign_in("http://news.test/", PEOPLE[usize::from(address) - 1]);
        let warning = hopper.go("http://shop.test/x?y=1");
        assert_eq!(warning.heading(), "Before you go on", "{warning:#?}");
        let landed = hopper.submit(&warning, &[]);
        let onward = landed.value("refresh").strip_prefix("0; url=").unwrap().to_owned();
        let page = hopper.go(&format!("{PORTAL}{onward}"));
        assert_eq!((page.heading(), page.url.as_str()), ("This is shop.test", "http://shop.test/x?y=1"), "{page:#?}");
        for _ in 0..6 {
            assert_eq!(hopper.go("http://shop.test/").heading(), "This is shop.test");
        }
    }
}

#[test]
fn an_end_is_seen_at_every_node_with_the_tunnels_there() {
    let cluster = Cluster::start(3);
    let rounds = volume("VESTIBULE_TEST_SIGN_OUTS", 8);
    let mut spans = Vec::new();
    for round in 0..rounds {
        let host = u8::try_from(round % 200 + 10).unwrap();
        let (address, from) = ([127, 0, 0, host], Ipv4Addr::new(127, 0, 0, host));
        let mut hopper = Hopper::new(&cluster, address);
        assert_eq!(hopper.sign_in("http://news.test/", PEOPLE[round % PEOPLE.len()]).status, 200);
        let cookie = hopper.browser.cookie("news.test", "vestibule_s").unwrap();
        let mut tunnels: Vec<_> = cluster.nodes.iter().map(|node| connect(node.proxy, from.into())).collect();
        for tunnel in &mut tunnels {
            tunnel.write_all(b"CONNECT mail.test:443 HTTP/1.1\r\nHost: mail.test:443\r\n\r\n").unwrap();
            assert!(read_head(tunnel).starts_with("HTTP/1.1 200"));
        }
        let page = hopper.go(&format!("{PORTAL}/me"));
        let begun = Instant::now();
        let out = hopper.submit(&page, &[("where", "here")]);
        assert_eq!(out.heading(), "You are signed out", "{out:#?}");
        for tunnel in &mut tunnels {
            assert_eq!(tunnel.read(&mut [0; 16]).unwrap(), 0, "a tunnel is closed wherever it is");
        }
        spans.push(begun.elapsed());
        for node in &cluster.nodes {
            assert_eq!(ask(node, from, "/", &cookie), 302, "known at a node after the sign-out was answered");
        }
    }
    spans.sort();
    let at = |percent: usize| spans[(spans.len() - 1) * percent / 100];
    writeln!(
        std::io::stderr(),
        "sign-out, from the click to the last closed tunnel of three nodes, two curl runs among it: median {:?}, 95% {:?}, \
         longest {:?} of {rounds}",
        at(50),
        at(95),
        at(100)
    )
    .unwrap();
    assert!(at(100) < Duration::from_secs(2), "{spans:?}");
}

#[test]
fn nobody_is_taken_for_somebody_else_whatever_happens_to_redis() {
    let mut cluster = Cluster::start(3);
    let browsers = volume("VESTIBULE_TEST_CLIENTS", 6);
    let clients = sign_in(&cluster, browsers);
    // Who is known at a node goes on there without Redis.
    for (from, person, cookie) in &clients {
        for node in &cluster.nodes {
            assert_eq!(ask(node, *from, &format!("/is/{person}"), cookie), 200);
        }
    }
    let load = Load::default();
    load.run(&clients, &cluster.nodes, || {
        let portion = volume("VESTIBULE_TEST_REQUESTS", 150);
        load.some(portion);
        // Stands still.
        cluster.redis.signal("-STOP");
        for node in &cluster.nodes {
            node.wait_for_event("the shared store is away");
        }
        load.some(portion);
        let stranger = Browser { proxy: cluster.nodes[0].proxy, ..cluster.browser([127, 0, 7, 250]) };
        let page = stranger.go("http://news.test/");
        assert_eq!((page.status, page.heading()), (503, "Nobody can sign in at the moment"), "{page:#?}");
        let mut ready = connect(cluster.nodes[0].proxy, Ipv4Addr::LOCALHOST.into());
        write!(ready, "GET /readyz HTTP/1.1\r\nHost: p.test\r\nConnection: close\r\n\r\n").unwrap();
        let ready = Answer::read(&mut ready);
        assert!(ready.status == 200 && ready.text().starts_with("degraded"), "{ready:?}");
        cluster.redis.signal("-CONT");
        there(&cluster, 2);
        load.some(portion);
        // Loses everything.
        assert_eq!(cluster.redis.say(&["flushall"]), "OK");
        // Whichever node notices first may have put all of them back before the others look.
        let begun = Instant::now();
        while !cluster.nodes.iter().any(|node| node.has_event("the shared store had lost sessions")) {
            assert!(begun.elapsed() < PATIENCE, "no node has noticed: {:#?}", cluster.nodes[0].events());
            std::thread::sleep(Duration::from_millis(20));
        }
        load.some(portion);
    });
    // Is killed, and comes back with nothing: what the nodes know is in it again.
    cluster.redis.kill();
    for node in &cluster.nodes {
        let (from, person, cookie) = &clients[0];
        assert_eq!(ask(node, *from, &format!("/is/{person}"), cookie), 200);
    }
    cluster.redis.start_again();
    let begun = Instant::now();
    let kept = |cluster: &Cluster| cluster.redis.say(&["zcard", "{vestibule}:ids"]) == browsers.to_string();
    while !kept(&cluster) {
        assert!(begun.elapsed() < PATIENCE, "{}", cluster.redis.say(&["keys", "*"]));
        std::thread::sleep(Duration::from_millis(50));
    }
    cluster.add_node();
    for (from, person, cookie) in &clients {
        assert_eq!(ask(cluster.nodes.last().unwrap(), *from, &format!("/is/{person}"), cookie), 200, "at a new node");
    }
    let mut newcomer = Hopper::new(&cluster, [127, 0, 7, 251]);
    assert_eq!(newcomer.sign_in("http://news.test/", PEOPLE[0]).status, 200, "people can sign in again");

    load.check(&cluster);
}
