//! Proxy host names: the name in the handshake says whose connection it is, with nothing decrypted.

use super::super::browser::{Browser, Page};
use super::super::world::World;
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

/// Whether https goes through unread, and under whose name: a browser without cookies asks.
fn tunnelled_as(world: &World, address: [u8; 4], name: &str) -> Option<String> {
    let browser = named(world, address, name).without_cookies();
    let count = |all: &[serde_json::Value]| all.iter().filter(|record| record["host"] == "shop.test").count();
    let before = count(&world.records());
    let page = browser.ask("https://shop.test/");
    assert_eq!(page.connect, 200, "{page:#?}");
    let all = world.wait_for(|all| count(all) > before);
    let record = all.iter().rfind(|record| record["host"] == "shop.test").unwrap();
    match page.issuer() {
        Some("Vestibule demo web") => {
            assert_eq!(record["surrogate"], "proxy-host-name", "{record}");
            assert_eq!((&record["strength"], &record["method"]), (&"medium".into(), &"CONNECT".into()));
            assert!(name.starts_with(record["evidence"].as_str().unwrap()), "{record}");
            Some(record["user"].as_str().unwrap().to_owned())
        }
        issuer => {
            assert_eq!((issuer, page.status), (Some("Vestibule interception"), 302), "{page:#?}");
            assert!(page.value("location").starts_with("https://portal.vestibule.test/?r="));
            None
        }
    }
}

const BRITTA: &str = "B.Simon@contoso.com";
const ALEX: &str = "AlexW@contoso.com";

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
    // Alex signs in over the name that was Britta's, and it does not become his.
    let alex = named(&world, SHARED, &names[0]);
    let page = alex.sign_in(&alex.go("http://news.test/"), "alexw@contoso.com", "alex");
    assert_eq!(page.heading(), "This is news.test", "{page:#?}");
    assert_eq!(tunnelled_as(&world, SHARED, &names[0]), None);
}

/// Makes a device, and gives the address of its PAC file.
fn make(browser: &Browser<'_>, title: &str) -> String {
    let page = browser.go("https://portal.vestibule.test/devices");
    let page = browser.submit(&page, page.form(), &[("title", title), ("do", "make")]);
    assert_eq!(page.heading(), format!("Set up {title}"), "{page:#?}");
    page.body.split_once("<p class=\"code\">").unwrap().1.split_once('<').unwrap().0.to_owned()
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
