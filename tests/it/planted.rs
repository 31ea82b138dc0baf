//! Cookies of our name that a neighbouring host has planted beside ours on an http site: nobody is locked out by them.
//! curl's jar stands for what a script has set, as no answer of an http origin sets one. What is put away is gone until curl
//! ends, which then reads the jar once more before it writes it.

use std::fmt::Write as _;

use super::browser::{Browser, Page};
use super::origin::Origin;
use super::world::World;

const SHARED: [u8; 4] = [127, 0, 7, 1];
const SHOP: &str = "http://shop.mall.test";
const BRITTA: &str = "B.Simon@contoso.com";

fn world(origin: &Origin) -> World {
    let world = World::build().network("shared", "127.0.7.0/24", "shared = true");
    world.host("shop.mall.test:80", origin.address).start()
}

fn hello() -> Origin {
    Origin::answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
}

/// Puts cookies into a browser's jar: domain (below it, too, with a dot in front), path and value of each.
fn plant(browser: &Browser<'_>, cookies: &[(&str, &str, &str)]) {
    let jar = browser.jar.as_ref().unwrap();
    let mut text = std::fs::read_to_string(jar).unwrap();
    for (domain, path, value) in cookies {
        let below = if domain.starts_with('.') { "TRUE" } else { "FALSE" };
        writeln!(text, "{domain}\t{below}\t{path}\tFALSE\t0\tvestibule_s\t{value}").unwrap();
    }
    std::fs::write(jar, text).unwrap();
}

/// A good cookie of somebody else's on this site.
fn of_somebody_else(world: &World) -> String {
    let attacker = world.browser().at(SHARED);
    let logon = attacker.go(&format!("{SHOP}/"));
    attacker.sign_in(&logon, "AlexW@contoso.com", "alex");
    attacker.cookie("shop.mall.test", "vestibule_s").unwrap()
}

/// They were sent round once, and are there.
fn arrived(page: &Page) {
    assert_eq!((page.status, page.redirects, page.body.as_str()), (200, 3, "hello"), "{page:#?}");
}

#[test]
fn planted_cookies_lock_nobody_out_of_a_part_of_an_http_site() {
    let origin = hello();
    let world = world(&origin);
    let other = of_somebody_else(&world);
    let browser = world.browser().at(SHARED);
    browser.arrive(&format!("{SHOP}/"));
    for (number, domain, path) in [
        (1, ".mall.test", "/"),
        (2, ".mall.test", "/cart"),
        (3, ".shop.mall.test", "/cart/"),
        (4, "shop.mall.test", "/cart/7"),
        (5, ".mall.test", "/cart/7/"),
    ] {
        let jar = std::fs::read(browser.jar.as_ref().unwrap()).unwrap();
        plant(&browser, &[(domain, path, &other)]);
        arrived(&browser.go(&format!("{SHOP}/cart/7/?n={number}&x=/y")));
        std::fs::write(browser.jar.as_ref().unwrap(), jar).unwrap();
    }
    // What is no good at all, so many that ours is not looked at behind them.
    let junk =
        ["/c", "/c/d", "/c/d/e"].map(|path| [".mall.test", ".shop.mall.test"].map(|domain| (domain, path, "junk")));
    plant(&browser, junk.as_flattened());
    arrived(&browser.go(&format!("{SHOP}/c/d/e")));
    let of_page = |record: &&serde_json::Value| record["status"] == 200 && record["path"] == "/c/d/e";
    let all = world.wait_for(|all| all.iter().any(|record| of_page(&record)));
    assert!(all.iter().filter(of_page).all(|record| record["user"] == BRITTA), "{all:#?}");
    assert!(origin.seen().iter().all(|head| !head.contains("vestibule_s")), "{:?}", origin.seen());
}

#[test]
fn two_cookies_of_one_person_name_that_person() {
    let origin = hello();
    let world = world(&origin);
    let (browser, second) = (world.browser().at(SHARED), world.browser().at(SHARED));
    browser.arrive(&format!("{SHOP}/"));
    second.arrive(&format!("{SHOP}/"));
    plant(&browser, &[(".mall.test", "/both", &second.cookie("shop.mall.test", "vestibule_s").unwrap())]);
    let page = browser.go(&format!("{SHOP}/both"));
    assert_eq!((page.status, page.redirects), (200, 0), "{page:#?}");
    world.last_record_has(|record| record["path"] == "/both", &[("user", BRITTA.into())]);
    // One of the two sessions ends: the other one names them alone.
    second.sign_out();
    let page = browser.go(&format!("{SHOP}/both"));
    assert_eq!((page.status, page.redirects), (200, 0), "{page:#?}");
}

#[test]
fn a_page_says_so_where_planted_cookies_come_again_and_again() {
    let origin = hello();
    let world = world(&origin);
    let other = of_somebody_else(&world);
    let browser = world.browser().at(SHARED);
    browser.arrive(&format!("{SHOP}/"));
    let (wanted, planted) = (format!("{SHOP}/cart"), [(".mall.test", "/cart", other.as_str())]);
    let mut url = wanted.clone();
    for step in 0.. {
        assert!(step < 12, "no redirect loop");
        plant(&browser, &planted);
        let page = browser.ask(&url);
        if page.status == 302 {
            url = page.value("location").to_owned();
            continue;
        }
        assert_eq!((page.status, page.heading()), (403, "Another site&#39;s cookie is in the way"), "{page:#?}");
        assert!(page.body.contains(&format!("href=\"{wanted}\"")), "{page:#?}");
        break;
    }
    // It stops, and the link leads on.
    arrived(&browser.go(&wanted));
}
