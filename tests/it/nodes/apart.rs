//! Three nodes, each with a way of its own to the Redis that they share: slow, or cut.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::link::Link;
use super::{PEOPLE, PORTAL, ask};
use crate::browser::Browser;
use crate::node::{Node, Setup};
use crate::raw::{Answer, connect};
use crate::redis::Redis;
use crate::visitor::{Place, Visitor, Way};
use crate::world::{PATIENCE, World};

/// An address on a network where nothing but a cookie tells people apart.
const SHARED: [u8; 4] = [127, 0, 7, 1];

struct Apart {
    world: World,
    redis: Redis,
    links: Vec<Link>,
    nodes: Vec<Option<Node>>,
    folder: tempfile::TempDir,
}

impl Apart {
    fn start() -> Self {
        let mut apart = Self::idle();
        for number in 0..3 {
            apart.nodes[number] = Some(apart.setup(number).start());
        }
        apart
    }

    fn idle() -> Self {
        // One person may have any number of addresses there.
        let desks = ("desks", "127.0.0.0/24", "one_address = false");
        let world =
            World::build().network("shared", "127.0.7.0/24", "shared = true").network(desks.0, desks.1, desks.2);
        let world = world.start();
        let redis = Redis::start();
        let links = (0..3).map(|_| Link::to(redis.port())).collect();
        Self { world, redis, links, nodes: vec![None, None, None], folder: tempfile::tempdir().unwrap() }
    }

    fn setup(&self, number: usize) -> Setup<'_> {
        let folder = self.folder.path().join(number.to_string());
        let many = "[session]\nmax_per_person = 100000";
        Setup::new(&self.world, &folder).config(many).config(&self.links[number].config())
    }

    fn node(&self, number: usize) -> &Node {
        self.nodes[number].as_ref().unwrap()
    }

    /// Somebody who is signed in at the first node and known at all: a browser and its cookie for news.test.
    fn signed_in(&self) -> (Browser<'_>, String) {
        let browser = self.node(0).browser(&self.world).at(SHARED);
        browser.arrive("http://news.test/");
        let cookie = browser.cookie("news.test", "vestibule_s").unwrap();
        for number in 0..3 {
            assert_eq!(self.ask(number, &cookie), 200, "known at {number}");
        }
        (browser, cookie)
    }

    fn ask(&self, number: usize, cookie: &str) -> u16 {
        ask(self.node(number), Ipv4Addr::from(SHARED), "/", cookie)
    }

    /// Waits until a node does not know whoever has this cookie.
    fn forgets(&self, number: usize, cookie: &str) {
        let begun = Instant::now();
        while self.ask(number, cookie) != 302 {
            assert!(begun.elapsed() < PATIENCE, "{number}: {:#?}", self.node(number).events());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn found(&self, number: usize) -> usize {
        let events = self.node(number).events();
        events
            .iter()
            .filter(|event| event["fields"]["message"] == "the shared store is there: people can sign in")
            .count()
    }

    fn mend(&self, number: usize) {
        let (before, begun) = (self.found(number), Instant::now());
        self.links[number].mend();
        while self.found(number) == before {
            assert!(begun.elapsed() < PATIENCE);
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

#[test]
fn a_sign_out_that_was_answered_while_the_store_was_away_holds_however_the_node_ends() {
    let mut apart = Apart::start();
    for signal in ["-KILL", "-TERM"] {
        let (browser, cookie) = apart.signed_in();
        let secret = browser.cookie("portal.vestibule.test", "__Host-vestibule").unwrap();
        apart.links[0].cut();
        apart.node(0).wait_for_event("the shared store is away");
        let out = browser.sign_out();
        assert!(out.body.contains("they follow when it is back"), "{out:#?}");
        assert_ne!(apart.ask(0, &cookie), 200);
        apart.node(0).wait_for_event("the end of a session holds on this node");
        let node = apart.nodes[0].take().unwrap();
        if signal == "-KILL" {
            node.kill();
        } else {
            node.stop();
        }
        // Nobody else could be told.
        assert_eq!(apart.ask(1, &cookie), 200);
        apart.links[0].mend();
        apart.nodes[0] = Some(apart.setup(0).start());
        assert_eq!(apart.ask(0, &cookie), 302, "{signal}: from the first request on");
        for number in [1, 2] {
            apart.forgets(number, &cookie);
        }
        let bare = apart.node(1).browser(&apart.world).at(SHARED);
        let page = bare.curl(&format!("{PORTAL}/me"), &["-H", &format!("Cookie: __Host-vestibule={secret}")]);
        assert!(page.status != 200 || page.heading() == "Sign in", "{page:#?}");
    }
}

#[test]
fn a_node_that_hears_nothing_asks_after_everybody_before_they_go_on() {
    let apart = Apart::start();
    let (browser, cookie) = apart.signed_in();
    apart.links[1].cut();
    apart.node(1).wait_for_event("the shared store is away");
    browser.sign_out();
    assert_eq!((apart.ask(0, &cookie), apart.ask(2, &cookie)), (302, 302));
    assert_eq!(apart.ask(1, &cookie), 200, "nobody can tell it");
    apart.links[1].slow_down(Duration::from_millis(30));
    apart.mend(1);
    assert_eq!(apart.ask(1, &cookie), 302, "as soon as it could have asked");
}

#[test]
fn an_end_that_redis_has_lost_is_told_once_more() {
    let mut apart = Apart::start();
    let (browser, cookie) = apart.signed_in();
    let name = apart.redis.say(&["keys", "{vestibule}:s:*"]);
    let before = apart.redis.say(&["--no-raw", "exists", &name]);
    assert!(before.contains('1'), "{before}");
    // What a replica has that takes over: all but the last of it.
    apart.redis.say(&["copy", &name, "{vestibule}:aside"]);
    browser.sign_out();
    // The node has noted that Redis has it: by itself it has nothing to tell any more.
    let journal = apart.node(0).folder.join(vestibule::session::ends::FILE);
    let begun = Instant::now();
    while !std::fs::read(&journal).unwrap().chunks(128).any(|place| place[0] == 1 && place[2] == 1) {
        assert!(begun.elapsed() < PATIENCE, "no end is noted as told");
        std::thread::sleep(Duration::from_millis(20));
    }
    apart.nodes[0].take().unwrap().kill();
    let id = name.rsplit(':').next().unwrap().to_owned();
    apart.redis.say(&["copy", "{vestibule}:aside", &name]);
    apart.redis.say(&["del", &format!("{{vestibule}}:e:{id}")]);
    for number in [1, 2] {
        apart.nodes[number].take().unwrap().kill();
    }
    for number in 0..3 {
        apart.nodes[number] = Some(apart.setup(number).start());
    }
    for number in 0..3 {
        apart.forgets(number, &cookie);
    }
    assert_eq!(apart.redis.say(&["exists", &name]), "0");
}

#[test]
fn a_client_is_known_by_its_address_while_others_change_hands() {
    let apart = Apart::start();
    let way = Way::of(&apart.world);
    let sign_in = |host: u8, person: usize| {
        let node = apart.node(0);
        let place = || Place { proxy: node.proxy, portal: node.portal };
        let (account, password, _) = PEOPLE[person % PEOPLE.len()];
        let mut visitor = Visitor::new(&way, Ipv4Addr::new(127, 0, 0, host), place);
        visitor.sign_in("/", (account, password)).unwrap();
    };
    let known: Vec<u8> = (10..22).collect();
    known.iter().for_each(|host| sign_in(*host, 0));
    apart.links[1].slow_down(Duration::from_millis(60));
    let (stop, changes) = (AtomicBool::new(false), std::sync::atomic::AtomicU32::new(0));
    std::thread::scope(|scope| {
        for thread in 0..2_u8 {
            let (sign_in, stop, changes) = (&sign_in, &stop, &changes);
            scope.spawn(move || {
                let mut number = 0;
                while !stop.load(Ordering::Relaxed) {
                    // Each address has at most two people a minute, or it is nobody's.
                    sign_in(100 + thread * 70 + number % 70, usize::from(number / 70));
                    number = number.wrapping_add(1);
                    changes.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let asked: Vec<u16> =
            known.iter().map(|host| ask(apart.node(1), Ipv4Addr::new(127, 0, 0, *host), "/", "none")).collect();
        stop.store(true, Ordering::Relaxed);
        let changes = changes.load(Ordering::Relaxed);
        assert!(changes > 5, "{changes}");
        assert!(asked.iter().all(|status| *status == 200), "{asked:?} with {changes} changes");
    });
}

#[test]
fn a_node_serves_when_the_store_has_answered_or_says_that_it_serves_without() {
    let mut apart = Apart::idle();
    apart.nodes[0] = Some(apart.setup(0).start());
    let browser = apart.node(0).browser(&apart.world).at(SHARED);
    browser.arrive("http://news.test/");
    let cookie = browser.cookie("news.test", "vestibule_s").unwrap();
    apart.links[1].slow_down(Duration::from_millis(200));
    apart.nodes[1] = Some(apart.setup(1).start());
    assert_eq!(apart.ask(1, &cookie), 200, "the very first request");
    apart.links[2].cut();
    let begun = Instant::now();
    apart.nodes[2] = Some(apart.setup(2).config("start_wait = \"1s\"").start());
    assert!(begun.elapsed() >= Duration::from_secs(1));
    assert!(apart.node(2).has_event("serving without the shared store"), "{:#?}", apart.node(2).events());
    let mut ready = connect(apart.node(2).proxy, Ipv4Addr::LOCALHOST.into());
    std::io::Write::write_all(&mut ready, b"GET /readyz HTTP/1.1\r\nHost: p.test\r\nConnection: close\r\n\r\n")
        .unwrap();
    assert!(Answer::read(&mut ready).text().starts_with("degraded"));
    apart.mend(2);
    assert_eq!(apart.ask(2, &cookie), 200);
}
