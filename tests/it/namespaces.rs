//! Clients on networks of their own: what is shown from another one names nobody.

use std::process::{Child, Command, Stdio};
use std::time::Instant;

use super::browser::{Browser, Page};
use super::space::{is_inside, run};
use super::world::{PATIENCE, World};

/// The proxy's address in the office.
const PROXY: &str = "10.77.1.1";
const DESK: [u8; 4] = [10, 77, 1, 2];
/// In the office, too, in the namespace that is also in the café.
const LAPTOP: [u8; 4] = [10, 77, 1, 130];
const CAFE: [u8; 4] = [10, 77, 2, 2];
const BRITTA: &str = "B.Simon@contoso.com";

#[test]
fn a_cookie_from_another_network_names_nobody_and_an_address_whose_person_is_elsewhere_stands_for_nobody() {
    if !is_inside(a_cookie_from_another_network_names_nobody_and_an_address_whose_person_is_elsewhere_stands_for_nobody)
    {
        return;
    }
    let (first, second) = (Namespace::new("desk"), Namespace::new("laptop"));
    first.join(PROXY, &["10.77.1.2/25"]);
    second.join("10.77.1.129", &["10.77.1.130/25", "10.77.2.2/25"]);
    run("ip", &["address", "add", "10.77.2.1/25", "dev", second.name]);
    let world = World::build()
        .config(&format!("[[listener]]\nname = \"wide\"\naddress = \"{PROXY}:0\""))
        .network("office", "10.77.1.0/24", "")
        .network("cafe", "10.77.2.0/24", "shared = true")
        .start();
    let desk = first.browser(&world, DESK);
    let (laptop, cafe) = (second.browser(&world, LAPTOP), second.browser(&world, CAFE));
    // A cookie of the café, which somebody has read there.
    cafe.arrive("http://news.test/");
    let read = cafe.cookie("news.test", "vestibule_s").unwrap();
    assert_eq!(show(&cafe, "/in-the-cafe", &read).status, 200);
    world.last_record_has(
        |record| record["path"] == "/in-the-cafe",
        &[("user", BRITTA.into()), ("surrogate", "origin-cookie".into()), ("network", "cafe".into())],
    );
    is_nobody(&world, &desk, &read);
    is_nobody(&world, &laptop, &read);
    assert_eq!(tool(&desk), 407);
    // One of the office, where addresses stand for people.
    desk.arrive("http://news.test/");
    let read = desk.cookie("news.test", "vestibule_s").unwrap();
    assert_eq!((show(&desk, "/at-the-desk", &read).status, tool(&desk)), (200, 200));
    is_nobody(&world, &laptop, &read);
    is_nobody(&world, &cafe, &read);
    assert_eq!((tool(&desk), tool(&laptop)), (200, 407), "that it was shown elsewhere says nothing");
    // She goes to the other end of the office, with the same browser.
    let moved = Browser { jar: desk.jar.clone(), ..second.browser(&world, LAPTOP) };
    let page = moved.go("http://mail.test/");
    assert_eq!((page.status, page.redirects, page.heading()), (200, 3, "This is mail.test"), "{page:#?}");
    assert_eq!((tool(&laptop), tool(&desk)), (200, 407), "who sits there now is not her");
}

/// Asks for a page of news.test as a browser that has this cookie and nothing else.
fn show(browser: &Browser<'_>, path: &str, cookie: &str) -> Page {
    let only = Browser { jar: None, options: browser.options.clone(), trusted: browser.trusted.clone(), ..*browser };
    only.curl(&format!("http://news.test{path}"), &["-b", &format!("vestibule_s={cookie}")])
}

/// Whoever shows this cookie there is sent to the portal, and is nobody in the record.
fn is_nobody(world: &World, browser: &Browser<'_>, cookie: &str) {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let path = format!("/shown-{}", NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
    let page = show(browser, &path, cookie);
    assert_eq!(page.status, 302, "{page:#?}");
    assert!(page.value("location").starts_with("https://portal.vestibule.test/?r="), "{page:#?}");
    let record = world.record(|record| record["path"] == path);
    assert!(record["user"].is_null(), "{record}");
    let client = format!("{}:", browser.address);
    assert!(record["client"].as_str().unwrap().starts_with(&client), "it came from there: {record}");
}

/// The status that a program without any secret gets.
fn tool(browser: &Browser<'_>) -> u16 {
    let only = Browser { jar: None, options: Vec::new(), trusted: browser.trusted.clone(), ..*browser };
    only.bare_curl("http://shop.test/tool", &[]).status
}

/// A network namespace, which lasts as long as a process in it.
struct Namespace {
    name: &'static str,
    process: Child,
}

impl Namespace {
    fn new(name: &'static str) -> Self {
        let mut command = Command::new("unshare");
        let process = command.args(["--net", "sleep", "600"]).stdin(Stdio::null()).spawn().unwrap();
        let space = Self { name, process };
        let begun = Instant::now();
        let of = |process: &str| std::fs::read_link(format!("/proc/{process}/ns/net")).unwrap();
        while of(&space.id()) == of("self") {
            assert!(begun.elapsed() < PATIENCE, "it has no network of its own");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        space
    }

    fn id(&self) -> String {
        self.process.id().to_string()
    }

    /// A cable (veth) from the test's own namespace, where its end has the address `here` of a /25, to this one.
    fn join(&self, here: &str, there: &[&str]) {
        let (id, name) = (self.id(), self.name);
        run("ip", &["link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", &id]);
        run("ip", &["address", "add", &format!("{here}/25"), "dev", name]);
        run("ip", &["link", "set", name, "up"]);
        let inside = |words: &[&str]| run("nsenter", &[&["--target", &id, "--net", "ip"], words].concat());
        inside(&["link", "set", "lo", "up"]);
        inside(&["link", "set", "eth0", "up"]);
        for address in there {
            inside(&["address", "add", address, "dev", "eth0"]);
        }
        inside(&["route", "add", "default", "via", here]);
    }

    fn browser<'a>(&self, world: &'a World, address: [u8; 4]) -> Browser<'a> {
        let (proxy, namespace) = (world.listener("wide"), Some(self.process.id()));
        Browser { proxy, namespace, ..world.browser().at(address) }
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
