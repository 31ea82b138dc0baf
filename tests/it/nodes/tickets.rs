//! Tickets on several nodes, and on one that is killed: no origin ever sees one, and each works once.

use std::thread::sleep;
use std::time::Duration;

use super::link::Link;
use super::{Cluster, Hopper, PEOPLE, PORTAL, volume};
use crate::browser::{Browser, Page};
use crate::node::{Node, Setup};
use crate::origin::Origin;
use crate::redis::Redis;
use crate::world::World;

const ANSWER: &str = "HTTP/1.1 200 OK\r\nContent-Length: 19\r\nConnection: close\r\n\r\n<h1>It is raw</h1>\n";

/// A browser whose requests to the portal go by one node, and all others by another, which hears of what happens there
/// with a delay.
struct Halves<'a> {
    cluster: &'a Cluster,
    browser: Browser<'a>,
}

impl Halves<'_> {
    /// Asks for one address. While the portal answers, the other node stands still, and 20 ms longer.
    fn ask(&mut self, url: &str, options: &[&str]) -> Page {
        let is_portal = url.starts_with("https://portal.");
        self.browser.proxy = self.cluster.nodes[usize::from(is_portal)].proxy;
        if !is_portal {
            return self.browser.curl(url, options);
        }
        let late = &self.cluster.nodes[0];
        late.signal("-STOP");
        let page = self.browser.curl(url, options);
        // Whatever comes next finds the node as it was, with the news and the request waiting side by side.
        let goes_on = late.signal_later("-CONT");
        std::thread::spawn(move || {
            sleep(Duration::from_millis(20));
            goes_on();
        });
        page
    }

    fn onward(&mut self, mut page: Page) -> Page {
        for _ in 0..12 {
            if !(300..400).contains(&page.status) {
                return page;
            }
            let location = url::Url::parse(&page.url).unwrap().join(page.value("location")).unwrap();
            page = self.ask(location.as_str(), &[]);
        }
        panic!("it goes round in circles: {page:#?}");
    }

    fn go(&mut self, url: &str) -> Page {
        let page = self.ask(url, &[]);
        self.onward(page)
    }

    fn submit(&mut self, page: &Page, filled: &[(&str, &str)]) -> Page {
        let form = page.form();
        let action = url::Url::parse(&page.url).unwrap().join(&form.action).unwrap();
        let mut fields = form.fields;
        fields.retain(|(name, _)| filled.iter().all(|(other, _)| other != name));
        fields.extend(filled.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let encoded = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let page = self.ask(action.as_str(), &["--data", &encoded]);
        self.onward(page)
    }

    fn sign_in(&mut self, logon: &Page, (account, password, _): (&str, &str, &str)) -> Page {
        assert_eq!(logon.heading(), "Sign in", "{logon:#?}");
        let idp = self.submit(logon, &[("account", account)]);
        let answer = self.submit(&idp, &[("password", password)]);
        self.submit(&answer, &[])
    }
}

/// A secure web proxy with names for devices, on every node.
const NAMED: &str = "[[listener]]\nname = \"secure\"\naddress = \"127.0.0.1:0\"\ntls = { names = [\"*.proxy.test\"] }\n\
                     [proxy_names]\ndomain = \"proxy.test\"\n";

/// A browser that is known by its name at the secure web proxy of the third node. For a while it uses the plain listener
/// of the first, as a PAC file that names several proxies has it, and is challenged there.
struct Fallback<'a> {
    cluster: &'a Cluster,
    named: Browser<'a>,
    plain: Browser<'a>,
}

impl<'a> Fallback<'a> {
    /// Nobody has had this name in another round.
    fn new(cluster: &'a Cluster, round: usize, trusted: &std::path::Path) -> Self {
        let address = [127, 0, 7, u8::try_from(round % 30 + 220).unwrap()];
        let letter = |number: usize| char::from(b'a' + u8::try_from(number % 26).unwrap());
        let label = String::from_iter([letter(round / 26), letter(round)]).repeat(12);
        let port = cluster.nodes[2].listener("secure").port();
        let plain = Browser { trusted: trusted.to_owned(), ..cluster.browser(address) };
        let named = Browser { jar: plain.jar.clone(), trusted: trusted.to_owned(), ..cluster.browser(address) };
        Self { cluster, named: named.by_way_of(&format!("s-{label}.proxy.test"), port), plain }
    }

    fn sign_in(&self, (account, password, _): (&str, &str, &str)) {
        let page = self.named.sign_in(&self.named.go(&format!("{PORTAL}/")), account, password);
        assert_eq!(page.heading(), "You are signed in", "{page:#?}");
        let page = self.named.ask("https://raw.test/known");
        assert_eq!((page.status, page.issuer()), (200, Some("Vestibule demo web")), "a tunnel: {page:#?}");
    }

    /// Is challenged at the first node, comes to the portal by way of the second, and back by way of the third.
    fn go(&mut self, url: &str, learnt_https: bool) -> Page {
        self.plain.proxy = self.cluster.nodes[0].proxy;
        let challenge = self.plain.ask(url);
        self.plain.proxy = self.cluster.nodes[1].proxy;
        let portal = self.plain.ask(challenge.value("location"));
        let mut address = portal.value("location").to_owned();
        assert!(address.contains("ticket="), "{portal:#?}");
        if learnt_https {
            // Strict-Transport-Security (RFC 6797 §8.3) came with another page.
            address = address.replacen("http://", "https://", 1);
        }
        let page = self.named.go(&address);
        // Over http there is a cookie now, and the next page would need no ticket.
        if url.starts_with("http://") {
            self.plain.forget("raw.test");
        }
        page
    }
}

#[test]
fn no_ticket_reaches_an_origin_whichever_node_hears_of_it_late() {
    let mut builder = World::build().network("shared", "127.0.7.0/24", "shared = true").config(NAMED);
    let tls = builder.certify("raw.test");
    let secure = Origin::start_tls(tls, move |_, stream| drop(stream.write_all(ANSWER.as_bytes())));
    let plain = Origin::answering(ANSWER);
    // What a ticket would reach if its port were like any other.
    let world = builder
        .host("raw.test:443", secure.address)
        .host("raw.test:60443", secure.address)
        .host("raw.test:80", plain.address)
        .start();
    let redis = Redis::start();
    let (config, link) = (redis.config(), Link::to(redis.port()));
    let mut cluster = Cluster::with(world, redis, config, 2);
    cluster.config = link.config();
    cluster.add_node();
    let all = cluster.world.path("bundle");
    let bundles = cluster.nodes.iter().map(|node| std::fs::read_to_string(&node.bundle).unwrap());
    std::fs::write(&all, bundles.collect::<String>()).unwrap();
    let rounds = volume("VESTIBULE_TEST_TICKETS", 8);
    for round in 0..rounds {
        // Where the address stands for the person, and where only a cookie does.
        let network = if round % 4 == 3 { 7 } else { 0 };
        let address = [127, 0, network, u8::try_from(round % 200 + 20).unwrap()];
        let mut halves = Halves { cluster: &cluster, browser: cluster.browser(address) };
        halves.browser.trusted.clone_from(&all);
        let tabs = [
            halves.go("https://raw.test/first"),
            halves.go("https://raw.test/second"),
            halves.go("http://raw.test/third"),
        ];
        let page = halves.sign_in(&tabs[0], PEOPLE[round % PEOPLE.len()]);
        assert_eq!((page.status, page.heading()), (200, "It is raw"), "{round}: {page:#?}");
        // The other tabs come back to the portal when somebody is known already, and tunnels may be open.
        for (tab, wanted) in tabs[1..].iter().zip(["https://raw.test/second", "http://raw.test/third"]) {
            let page = halves.go(&tab.url);
            assert_eq!((page.status, page.url.as_str()), (200, wanted), "{round}: {page:#?}");
        }
        let mut fallback = Fallback::new(&cluster, round, &all);
        fallback.sign_in(PEOPLE[round % PEOPLE.len()]);
        // What the others say from now on arrives here when the ticket is long there.
        link.slow_down(Duration::from_millis(200));
        for (wanted, learnt_https) in
            [("https://raw.test/fourth", false), ("http://raw.test/fifth", false), ("http://raw.test/sixth", true)]
        {
            let page = fallback.go(wanted, learnt_https);
            assert_eq!((page.status, page.url.as_str()), (200, wanted), "{round}: {page:#?}");
        }
        link.slow_down(Duration::ZERO);
    }
    let seen: Vec<_> = secure.seen().into_iter().chain(plain.seen()).collect();
    assert!(seen.len() >= 7 * rounds, "{}", seen.len());
    for head in seen {
        assert!(!head.contains("ticket=") && !head.contains(".well-known/vestibule"), "{head}");
    }
}

/// The same browser with a copy of its jar: it keeps what the other one gives away.
fn twin<'a>(world: &World, browser: &Browser<'a>) -> Browser<'a> {
    let copy = world.path("jar");
    std::fs::copy(browser.jar.as_ref().unwrap(), &copy).unwrap();
    Browser { jar: Some(copy), trusted: browser.trusted.clone(), options: browser.options.clone(), ..*browser }
}

/// Whether an answer signs a browser in.
fn signs_in(page: &Page) -> bool {
    page.values("set-cookie").iter().any(|line| line.starts_with("vestibule_s="))
}

#[test]
fn a_ticket_that_was_used_is_used_for_a_node_that_was_killed_right_after() {
    let world = World::build().network("shared", "127.0.7.0/24", "shared = true").start();
    let folder = tempfile::tempdir().unwrap();
    let start = || -> Node { Setup::new(&world, folder.path()).start() };
    let mut node = start();
    let mut browser = node.browser(&world).at([127, 0, 7, 1]);
    browser.arrive("http://news.test/");
    for round in 0..3 {
        let challenge = browser.ask("http://shop.test/x");
        let address = browser.ask(challenge.value("location")).value("location").to_owned();
        let again = twin(&world, &browser);
        // A sign-in waits for the disk, which has the ticket then; what is redeemed afterwards is written in a moment.
        node.browser(&world).at([127, 0, 7, 2]).arrive("http://news.test/");
        let page = browser.ask(&address);
        assert!(signs_in(&page), "{round}: {page:#?}");
        browser.forget("shop.test");
        node.kill();
        node = start();
        let again = node.take_over(again);
        let page = again.ask(&address);
        assert!(page.status == 302 && !signs_in(&page), "{round}: {page:#?}");
        browser = node.take_over(browser);
        assert_eq!(browser.ask("http://news.test/").status, 200, "{round}: nobody was signed out");
    }
    // One that was not used is not good afterwards, either; the person is challenged again, and arrives.
    let challenge = browser.ask("http://shop.test/x?y=1");
    let address = browser.ask(challenge.value("location")).value("location").to_owned();
    node.kill();
    node = start();
    browser = node.take_over(browser);
    let page = browser.go(&address);
    assert_eq!((page.status, page.heading()), (200, "This is shop.test"), "{page:#?}");
}

#[test]
fn a_ticket_works_once_on_one_node_while_the_store_is_away() {
    let mut cluster = Cluster::start(3);
    let mut hopper = Hopper::new(&cluster, [127, 0, 7, 1]);
    assert_eq!(hopper.sign_in("http://news.test/", PEOPLE[0]).status, 200);
    let jar = hopper.browser.jar.clone();
    let at = |cluster: &Cluster, node: usize, url: &str, jar: &Option<std::path::PathBuf>| {
        let browser = Browser { jar: jar.clone(), proxy: cluster.nodes[node].proxy, ..cluster.browser([127, 0, 7, 1]) };
        browser.ask(url)
    };
    for node in 0..3 {
        assert_eq!(at(&cluster, node, "http://news.test/", &jar).status, 200);
    }
    cluster.redis.kill();
    for node in &cluster.nodes {
        node.wait_for_event("the shared store is away");
    }
    for (challenged, others) in [(0, [1, 2]), (2, [0, 1])] {
        let challenge = at(&cluster, challenged, "http://shop.test/x", &jar);
        let portal = at(&cluster, 1, challenge.value("location"), &jar);
        let address = portal.value("location").to_owned();
        assert!(address.contains("ticket="), "{portal:#?}");
        let copy = cluster.world.path("jar");
        std::fs::copy(jar.as_ref().unwrap(), &copy).unwrap();
        let copy = Some(copy);
        for other in others {
            let page = at(&cluster, other, &address, &copy);
            assert!(!signs_in(&page), "{other} is not the node that made the challenge: {page:#?}");
            // They are challenged once more, by that node.
            assert_eq!(page.value("location"), "http://shop.test/x");
        }
        assert!(signs_in(&at(&cluster, challenged, &address, &jar)), "{challenged}");
        for node in 0..3 {
            assert!(!signs_in(&at(&cluster, node, &address, &copy)), "{node}");
        }
        hopper_forgets(&cluster, &jar);
    }
}

/// Takes the cookie of shop.test out of a jar.
fn hopper_forgets(cluster: &Cluster, jar: &Option<std::path::PathBuf>) {
    Browser { jar: jar.clone(), ..cluster.browser([127, 0, 7, 1]) }.forget("shop.test");
}
