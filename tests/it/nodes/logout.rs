//! Somebody signs out at the identity provider while the store that nodes share is away.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use vestibule::saml::redirect;

use super::{Cluster, ask};
use crate::browser::{Browser, Page};
use crate::node::Node;
use crate::world::PATIENCE;

/// An address on a network where nothing but a cookie tells people apart.
const SHARED: [u8; 4] = [127, 0, 7, 1];

/// What becomes of Redis.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    /// It stands still, and goes on with what it had.
    Still,
    /// It is killed, and begins with nothing.
    Killed,
}

impl Cluster {
    /// A browser at the first node.
    fn visitor(&self) -> Browser<'_> {
        self.nodes[0].browser(&self.world).at(SHARED)
    }

    /// Somebody who is signed in at the first node and known at all: the jar, and the cookie for news.test.
    fn signed_in(&self) -> (Option<PathBuf>, String) {
        let browser = self.visitor();
        browser.arrive("http://news.test/");
        let cookie = browser.cookie("news.test", "vestibule_s").unwrap();
        for node in &self.nodes {
            assert_eq!(status(node, &cookie), 200);
        }
        (browser.jar, cookie)
    }
}

fn status(node: &Node, cookie: &str) -> u16 {
    ask(node, Ipv4Addr::from(SHARED), "/", cookie)
}

/// Waits until a node does not know whoever has this cookie.
fn forgets(node: &Node, cookie: &str) {
    let begun = Instant::now();
    while status(node, cookie) != 302 {
        assert!(begun.elapsed() < 3 * PATIENCE, "{:#?}", node.events());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Signs out at the identity provider, which sends its LogoutRequest with the browser: our answer to it.
fn sign_out_there(browser: &Browser<'_>) -> Page {
    let text = std::fs::read_to_string(browser.world.folder().join("demo.toml")).unwrap();
    let there = text.lines().find_map(|line| line.strip_prefix("logout_url = \"")?.strip_suffix('"')).unwrap();
    let request = browser.ask(there);
    let endpoint = request.value("location");
    assert!(endpoint.starts_with("https://portal.vestibule.test/saml/slo?SAMLRequest="), "{request:#?}");
    browser.ask(endpoint)
}

#[test]
fn a_logout_request_while_the_store_is_away_is_answered_with_how_far_it_holds_and_holds_everywhere_afterwards() {
    for (fault, restarts) in [(Fault::Still, false), (Fault::Killed, false), (Fault::Killed, true)] {
        let mut cluster = Cluster::start(2);
        let (jar, cookie) = cluster.signed_in();
        match fault {
            Fault::Still => cluster.redis.signal("-STOP"),
            Fault::Killed => cluster.redis.kill(),
        }
        let told = &cluster.nodes[0];
        cluster.nodes.iter().for_each(|node| node.wait_for_event("the shared store is away"));
        let answer = sign_out_there(&Browser { jar, ..cluster.visitor() });
        let location = answer.value("location");
        assert!(location.starts_with("https://login.vestibule.test/"), "{answer:#?}");
        let said = redirect::read(location.split_once('?').unwrap().1).unwrap().xml;
        // SAML Core §3.2.2.2: nobody can say whether there are more on other nodes.
        for code in ["status:Responder", "status:PartialLogout"] {
            assert!(said.contains(code), "{code}, {fault:?}: {said}");
        }
        assert!(!said.contains("status:Success"), "{said}");
        told.wait_for_event("the session store has not taken the end of a session");
        told.wait_for_event("the end of a session holds on this node");
        assert_ne!(status(told, &cookie), 200, "{fault:?}: it is over there");
        assert_eq!(status(&cluster.nodes[1], &cookie), 200, "nobody can tell the other one");
        if restarts {
            cluster.nodes.remove(0).kill();
            cluster.nodes.insert(0, cluster.start_without_store(0));
            assert_ne!(status(&cluster.nodes[0], &cookie), 200, "{fault:?}: after a crash, too");
        }
        match fault {
            Fault::Still => cluster.redis.signal("-CONT"),
            Fault::Killed => cluster.redis.start_again(),
        }
        for node in &cluster.nodes {
            forgets(node, &cookie);
        }
        // Whoever comes to know everybody anew does not find it, either.
        let newcomer = cluster.add_node();
        assert_eq!(status(newcomer, &cookie), 302, "{fault:?}, restarts: {restarts}");
    }
}
