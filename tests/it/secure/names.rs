//! Proxy host names: the name in the handshake says whose connection it is, with nothing decrypted.

use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use super::super::browser::{Browser, Page};
use super::super::clients::browsers::Firefox;
use super::super::origin::Origin;
use super::super::world::{PATIENCE, World};
use super::{SHARED, secure};

const LAB: [u8; 4] = [127, 0, 8, 1];

/// A world whose secure web proxy has names below `proxy.test`, and two networks on which people share addresses.
fn world() -> World {
    secure("names = [\"proxy.test\", \"*.proxy.test\"]")
        .network("lab", "127.0.8.0/24", "shared = true")
        .config("[proxy_names]\ndomain = \"proxy.test\"\n")
        .config("[[pac.file]]\nname = \"named\"\nnames = true\nportal = \"proxy\"\nidp = \"proxy\"\n")
        .start()
}

/// A browser at this address that calls the proxy by this name.
fn named<'a>(world: &'a World, address: [u8; 4], name: &str) -> Browser<'a> {
    world.browser().at(address).by_way_of(name, world.listener("secure").port())
}

/// The proxy's name in a PAC file.
fn name_in(page: &Page) -> String {
    assert_eq!(page.status, 200, "{page:#?}");
    assert_eq!(page.value("content-type"), "application/x-ns-proxy-autoconfig");
    assert_eq!(page.value("cache-control"), "private, no-store");
    assert!(page.values("etag").is_empty());
    let (_, rest) = page.body.split_once("\"proxy\":\"HTTPS ").unwrap_or_else(|| panic!("{}", page.body));
    rest.split_once(':').unwrap().0.to_owned()
}

/// A name out of the PAC file for everybody.
fn shared_name(world: &World) -> String {
    let name = name_in(&world.browser().ask_directly(&format!("http://{}/named.pac", world.proxy), &[]));
    assert!(name.starts_with("s-") && name.ends_with(".proxy.test"), "{name}");
    name
}

/// Whether https goes through unread, and under whose name: a browser without cookies asks, at an address of its own.
fn tunnelled_as(world: &World, [a, b, c, _]: [u8; 4], name: &str) -> Option<String> {
    static NEXT: AtomicU8 = AtomicU8::new(10);
    let address = [a, b, c, NEXT.fetch_add(1, Ordering::Relaxed)];
    let page = named(world, address, name).without_cookies().ask("https://shop.test/");
    assert_eq!(page.connect, 200, "{page:#?}");
    if page.issuer() != Some("Vestibule demo web") {
        assert_eq!((page.issuer(), page.status), (Some("Vestibule interception"), 302), "{page:#?}");
        assert!(page.value("location").starts_with("https://portal.vestibule.test/?r="), "{page:#?}");
        return None;
    }
    let client = format!("{}:", std::net::Ipv4Addr::from(address));
    let record = world.record(|record| record["client"].as_str().unwrap().starts_with(&client));
    assert_eq!((&record["surrogate"], &record["method"]), (&"proxy-host-name".into(), &"CONNECT".into()), "{record}");
    assert_eq!((&record["strength"], &record["host"]), (&"medium".into(), &"shop.test".into()), "{record}");
    assert!(name.starts_with(record["evidence"].as_str().unwrap()), "{record}");
    Some(record["user"].as_str().unwrap().to_owned())
}

/// Waits until two people's tunnels to `host` are recorded, each under its own name.
fn wait_for_tunnels(world: &World, host: &str) {
    world.wait_for(|all| {
        [BRITTA, ALEX].iter().all(|user| {
            all.iter().any(|record| {
                record["host"] == host
                    && record["method"] == "CONNECT"
                    && record["user"] == *user
                    && record["surrogate"] == "proxy-host-name"
                    && record["decision"] == "permitted"
            })
        })
    });
}

const BRITTA: &str = "B.Simon@contoso.com";
const ALEX: &str = "AlexW@contoso.com";
const ADELE: &str = "AdeleV@contoso.com";

#[test]
fn two_people_behind_one_address_sign_in_over_names_that_stood_for_nobody() {
    let world = world();
    let names = [shared_name(&world), shared_name(&world)];
    assert_ne!(names[0], names[1]);
    let people = [(BRITTA, "bsimon@contoso.com", "simon"), (ALEX, "alexw@contoso.com", "alex")];
    let browsers = names.each_ref().map(|name| named(&world, SHARED, name));
    for ((_, account, password), (name, browser)) in people.iter().zip(names.iter().zip(&browsers)) {
        assert_eq!(tunnelled_as(&world, SHARED, name), None, "nobody has signed in over it");
        let page = browser.sign_in(&browser.go("https://mail.test/inbox"), account, password);
        assert_eq!(page.heading(), "This is mail.test", "{page:#?}");
    }
    for ((user, ..), name) in people.iter().zip(&names) {
        assert_eq!(tunnelled_as(&world, SHARED, name).as_deref(), Some(*user));
    }
    assert_eq!(tunnelled_as(&world, LAB, &names[0]), None, "another network");
    assert_eq!(tunnelled_as(&world, SHARED, &names[1]).as_deref(), Some(ALEX));
    browsers[0].sign_out();
    assert_eq!(tunnelled_as(&world, SHARED, &names[0]), None, "the session has ended");
    // Alex has read the name that was Britta's on the wire and signs in over it, and it does not become his.
    let alex = named(&world, SHARED, &names[0]);
    let page = alex.sign_in(&alex.go("http://news.test/"), "alexw@contoso.com", "alex");
    assert_eq!(page.heading(), "This is news.test", "{page:#?}");
    assert_eq!(tunnelled_as(&world, SHARED, &names[0]), None);
}

#[test]
fn a_shared_name_is_free_for_the_next_person_in_its_browser_and_for_no_thief() {
    let world = world();
    let name = shared_name(&world);
    let sign_in = |browser: &Browser<'_>, account: &str, password: &str| {
        let page = browser.sign_in(&browser.go("http://news.test/"), account, password);
        assert_eq!(page.heading(), "This is news.test", "{page:#?}");
    };
    let (kiosk, thief) = (named(&world, SHARED, &name), named(&world, SHARED, &name));
    sign_in(&kiosk, "bsimon@contoso.com", "simon");
    assert_eq!(tunnelled_as(&world, SHARED, &name).as_deref(), Some(BRITTA));
    kiosk.sign_out();
    assert_eq!(tunnelled_as(&world, SHARED, &name), None);
    // He is quicker than the next person, and signs in and out to have something to show.
    let portal = "https://portal.vestibule.test/";
    assert_eq!(thief.sign_in(&thief.go(portal), "alexw@contoso.com", "alex").heading(), "You are signed in");
    thief.sign_out();
    let page = thief.sign_in(&thief.go("https://portal.vestibule.test/"), "alexw@contoso.com", "alex");
    assert_eq!(page.heading(), "You are signed in", "{page:#?}");
    assert_eq!(tunnelled_as(&world, SHARED, &name), None, "nor is it his");
    // The next person at the kiosk.
    sign_in(&kiosk, "adelev@contoso.com", "adele");
    assert_eq!(tunnelled_as(&world, SHARED, &name).as_deref(), Some(ADELE));
    kiosk.sign_out();
    sign_in(&kiosk, "bsimon@contoso.com", "simon");
    assert_eq!(tunnelled_as(&world, SHARED, &name).as_deref(), Some(BRITTA), "and the one after her");
}

#[test]
fn a_name_over_which_two_people_sign_in_stands_for_neither_and_each_is_known_as_themselves() {
    let world = world();
    let name = shared_name(&world);
    let sign_in = |browser: &Browser<'_>, account: &str, password: &str| {
        let page = browser.sign_in(&browser.go("https://portal.vestibule.test/"), account, password);
        assert_eq!(page.heading(), "You are signed in", "{page:#?}");
    };
    // Somebody has read a fresh name on the wire, and is the first to sign in over it.
    let (thief, owner) = (named(&world, SHARED, &name), named(&world, SHARED, &name));
    sign_in(&thief, "alexw@contoso.com", "alex");
    sign_in(&owner, "bsimon@contoso.com", "simon");
    assert_eq!(tunnelled_as(&world, SHARED, &name), None, "neither his nor hers");
    owner.go("http://news.test/hers");
    world.last_record_has(|record| record["path"] == "/hers", &[("user", BRITTA.into()), ("status", 200.into())]);
    thief.go("http://news.test/his");
    world.last_record_has(|record| record["path"] == "/his", &[("user", ALEX.into()), ("status", 200.into())]);
}

/// Makes a device, and gives the address of its PAC file.
fn make(browser: &Browser<'_>, title: &str) -> String {
    let page = browser.go("https://portal.vestibule.test/devices");
    let page = browser.submit(&page, page.form(), &[("title", title), ("do", "make")]);
    assert_eq!(page.heading(), format!("Set up {title}"), "{page:#?}");
    page.body.split_once("<code class=\"code\" tabindex=\"0\">").unwrap().1.split_once('<').unwrap().0.to_owned()
}

/// Fetches a PAC file as browsers do: directly, without cookies.
fn fetch(world: &World, address: &str) -> Page {
    let resolve = format!("pac.proxy.test:{}:127.0.0.1", world.listener("secure").port());
    let authorities = world.bundle.display().to_string();
    world.browser().ask_directly(address, &["--resolve", &resolve, "--cacert", &authorities])
}

#[test]
fn a_device_is_known_by_its_name_until_it_is_removed_and_only_where_it_is_used() {
    let world = world();
    let browser = world.browser();
    browser.arrive("http://news.test/");
    let address = make(&browser, "laptop");
    let name = name_in(&fetch(&world, &address));
    assert!(name.starts_with("d-"), "{name}");
    assert_eq!(name_in(&fetch(&world, &address)), name, "each time the same");
    assert_eq!(tunnelled_as(&world, SHARED, &name).as_deref(), Some(BRITTA), "without any sign-in there");
    assert_eq!(tunnelled_as(&world, LAB, &name), None, "it was used elsewhere first");
    // Alex signs in over it, and it does not become his.
    let alex = named(&world, LAB, &name);
    let page = alex.sign_in(&alex.go("http://news.test/"), "alexw@contoso.com", "alex");
    assert_eq!(page.heading(), "This is news.test", "{page:#?}");
    assert_eq!(tunnelled_as(&world, LAB, &name), None);
    assert_eq!(tunnelled_as(&world, SHARED, &name).as_deref(), Some(BRITTA));
    // Its own person does, and it is good there as well.
    let britta = named(&world, LAB, &name);
    let page = britta.sign_in(&britta.go("http://news.test/"), "bsimon@contoso.com", "simon");
    assert_eq!(page.heading(), "This is news.test", "{page:#?}");
    assert_eq!(tunnelled_as(&world, LAB, &name).as_deref(), Some(BRITTA));
    let page = browser.go("https://portal.vestibule.test/devices");
    assert!(page.body.contains("good on shared, lab"), "{page:#?}");
    let page = browser.submit(&page, page.form(), &[("do", "remove")]);
    assert!(page.body.contains("The device is removed"), "{page:#?}");
    assert_eq!(tunnelled_as(&world, SHARED, &name), None);
    assert!(name_in(&fetch(&world, &address)).starts_with("s-"), "the address tells a name that is nobody's");
    let secret = address.rsplit_once('/').unwrap().1.strip_suffix(".pac").unwrap().to_owned();
    let log = world.log_text();
    assert!(log.contains("/pac/***.pac") && !log.contains(&secret), "{log}");
}

#[test]
fn two_firefoxes_behind_one_address_are_told_apart_on_https_that_nobody_reads() {
    let mut builder = World::build().network("here", "127.0.0.1/32", "shared = true");
    // As from a public authority: the devices do not trust ours.
    let (chain, key) = builder.certify_files("*.proxy.test");
    let tls = format!("tls = {{ certificate = {chain:?}, key = {key:?} }}\n");
    let listener = format!("[[listener]]\nname = \"secure\"\naddress = \"127.0.0.1:0\"\n{tls}");
    let page = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
    let origin =
        Origin::start_tls(builder.certify("bank.test"), move |_, stream| drop(stream.write_all(page.as_bytes())));
    let builder = builder.host("bank.test:443", origin.address);
    let world = builder.config(&listener).config("[proxy_names]\ndomain = \"proxy.test\"\n").start();
    let people = [("bsimon@contoso.com", "simon"), ("alexw@contoso.com", "alex")];
    let firefoxes = people.map(|(account, password)| {
        let browser = world.browser();
        let page = browser.sign_in(&browser.go("http://news.test/"), account, password);
        assert_eq!(page.heading(), "This is news.test", "{page:#?}");
        Firefox::start_by(&make(&browser, "firefox"), &world.web, &format!("https://bank.test/{password}"))
    });
    let begun = Instant::now();
    let has_asked =
        |password: &str| origin.seen().iter().any(|head| head.starts_with(&format!("GET /{password} HTTP/1.1\r\n")));
    while !people.iter().all(|(_, password)| has_asked(password)) {
        assert!(begun.elapsed() < 9 * PATIENCE, "a Firefox has not come: {:?} {:#?}", origin.seen(), world.records());
        std::thread::sleep(Duration::from_millis(50));
    }
    drop(firefoxes);
    // A record is written when its tunnel ends.
    wait_for_tunnels(&world, "bank.test");
    let is_read = |record: &serde_json::Value| record["host"] == "bank.test" && record["method"] != "CONNECT";
    assert!(!world.records().iter().any(is_read), "somebody has read what was said");
}
