//! What stands for a person only where, and for as long as, it should: an address, an origin's cookie, a ticket.

use std::net::UdpSocket;

use serde_json::Value;
use vestibule::clock::SignedDuration;

use super::browser::{Browser, Page};
use super::origin::Origin;
use super::raw::Answer;
use super::world::World;

const SHARED: [u8; 4] = [127, 0, 7, 1];
const DESK: [u8; 4] = [127, 0, 9, 1];
const LAPTOP: [u8; 4] = [127, 0, 9, 2];
const BRITTA: &str = "B.Simon@contoso.com";

/// The status that a program without any secret gets at this address.
fn by_address(world: &World, address: [u8; 4]) -> u16 {
    world.browser().at(address).without_cookies().bare_curl("http://shop.test/tool", &[]).status
}

/// The same browser at another address.
fn moved<'a>(world: &'a World, browser: &Browser<'_>, address: [u8; 4]) -> Browser<'a> {
    Browser { jar: browser.jar.clone(), ..world.browser().at(address) }
}

#[test]
fn an_address_stands_for_its_person_while_they_use_it_and_for_a_working_day_at_most() {
    let world = World::new();
    let browser = world.browser().at(DESK);
    browser.arrive("http://news.test/");
    for _ in 0..20 {
        world.clock.advance(SignedDuration::from_mins(29));
        assert_eq!(by_address(&world, DESK), 200);
    }
    world.clock.advance(SignedDuration::from_mins(21));
    assert_eq!(by_address(&world, DESK), 407, "ten hours after the sign-in");
    // She is still signed in: one bounce, without a page, and it stands for her again.
    let page = browser.go("http://mail.test/");
    assert_eq!((page.status, page.redirects, page.heading()), (200, 3, "This is mail.test"), "{page:#?}");
    assert_eq!(by_address(&world, DESK), 200);
    world.clock.advance(SignedDuration::from_mins(31));
    assert_eq!(by_address(&world, DESK), 407, "nobody has used it for half an hour");
    let page = browser.go("https://mail.test/");
    assert_eq!((page.status, page.heading()), (200, "This is mail.test"), "{page:#?}");
    let page = browser.go("https://mail.test/");
    assert_eq!((page.redirects, page.issuer()), (0, Some("Vestibule demo web")), "unread again: {page:#?}");
}

#[test]
fn an_address_stands_for_nobody_once_the_portal_has_seen_its_person_at_another_one() {
    let world = World::build().network("lab", "127.0.8.0/24", "").start();
    let browser = world.browser().at(DESK);
    browser.arrive("http://news.test/");
    let elsewhere = moved(&world, &browser, [127, 0, 8, 1]);
    elsewhere.go("https://portal.vestibule.test/me");
    assert_eq!(by_address(&world, DESK), 200, "another network");
    let laptop = moved(&world, &browser, LAPTOP);
    let page = laptop.go("http://mail.test/");
    assert_eq!((page.status, page.redirects), (200, 3), "known from the first bounce on: {page:#?}");
    assert_eq!((by_address(&world, LAPTOP), by_address(&world, DESK)), (200, 407), "who sits there now is not her");
    let successor = world.browser().at(DESK);
    let page = successor.sign_in(&successor.go("http://news.test/"), "AlexW@contoso.com", "alex");
    assert_eq!(page.heading(), "This is news.test", "{page:#?}");
    assert_eq!((by_address(&world, LAPTOP), by_address(&world, DESK)), (200, 200));
    world.last_record_has(
        |record| record["path"] == "/tool" && record["client"].as_str().unwrap().starts_with("127.0.9.1:"),
        &[("user", "AlexW@contoso.com".into()), ("surrogate", "client-address".into())],
    );
}

/// Asks for a page of shop.test with a cookie and nothing else.
fn show(world: &World, from: [u8; 4], cookie: &str) -> u16 {
    let mut stream = world.connect(from);
    let request = format!(
        "GET http://shop.test/shown HTTP/1.1\r\nHost: shop.test\r\nUpgrade-Insecure-Requests: 1\r\n\
         Cookie: vestibule_s={cookie}\r\nConnection: close\r\n\r\n"
    );
    std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
    Answer::read(&mut stream).status
}

#[test]
fn a_cookie_that_was_read_on_the_way_names_nobody_anywhere_else() {
    let world = World::build()
        .network("cafe", "127.0.7.0/24", "shared = true")
        .network("branch", "127.0.8.0/24", "shared = true")
        .network("desks", "127.0.9.0/24", "")
        .start();
    let browser = world.browser().at(SHARED);
    browser.arrive("http://shop.test/");
    let of_cafe = browser.cookie("shop.test", "vestibule_s").unwrap();
    for (from, status) in
        [(SHARED, 200), ([127, 0, 7, 9], 200), ([127, 0, 8, 1], 302), ([127, 0, 1, 1], 302), (DESK, 302)]
    {
        assert_eq!(show(&world, from, &of_cafe), status, "{from:?}");
    }
    // Where addresses stand for people, a neighbour is somebody else.
    let desk = world.browser().at(DESK);
    desk.arrive("http://shop.test/");
    let of_desk = desk.cookie("shop.test", "vestibule_s").unwrap();
    assert_eq!((show(&world, DESK, &of_desk), show(&world, LAPTOP, &of_desk)), (200, 302));
    // Whoever goes somewhere else with the browser bounces once.
    let there = moved(&world, &browser, [127, 0, 8, 1]);
    for redirects in [3, 0] {
        let page = there.go("http://shop.test/there");
        assert_eq!((page.status, page.redirects), (200, redirects), "{page:#?}");
    }
    // On http it lives hours, on https as long as the session.
    there.go("https://mail.test/");
    world.clock.advance(SignedDuration::from_hours(9));
    for (url, redirects) in [("http://shop.test/later", 3), ("https://mail.test/later", 0)] {
        let page = there.go(url);
        assert_eq!((page.status, page.redirects), (200, redirects), "{page:#?}");
    }
    world.last_record_has(
        |record| record["path"] == "/later" && record["status"] == 200,
        &[("user", BRITTA.into()), ("strength", "medium".into())],
    );
}

/// Nobody was sent to the portal, and nothing was left in the browser that a ticket could be redeemed with.
fn is_no_challenge(page: &Page) {
    assert!(page.values("location").is_empty() && page.values("set-cookie").is_empty(), "{page:#?}");
}

#[test]
fn nobody_is_sent_to_the_portal_for_a_name_that_browsers_reach_without_the_proxy() {
    let page = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi";
    let origin = Origin::answering(page);
    let mut builder = World::build().network("shared", "127.0.7.0/24", "shared = true");
    for name in ["evil.local", "intranet", "box.home.arpa", "www.corp.example"] {
        builder = builder.host(&format!("{name}:80"), origin.address).host(&format!("{name}:443"), origin.address);
    }
    let world = builder.config("[[pac.file]]\nname = \"branch\"\nskip = [\"corp.example\"]").start();
    let stranger = world.browser().at(SHARED);
    for name in ["evil.local", "EVIL.local.", "intranet", "box.home.arpa", "www.corp.example"] {
        let page = stranger.ask(&format!("http://{name}/"));
        assert_eq!(
            (page.status, page.heading()),
            (403, "You are not signed in, and cannot be asked here"),
            "{page:#?}"
        );
        is_no_challenge(&page);
        let page = stranger.ask(&format!("https://{name}/"));
        assert_eq!((page.connect, page.status), (403, 0), "{page:#?}");
    }
    // A probe needs no ticket, whatever its host: nothing comes back to it.
    let probe = stranger.ask("http://connectivitycheck.gstatic.com/generate_204");
    assert_eq!(probe.status, 302);
    let person = world.browser().at(SHARED);
    person.arrive("http://news.test/");
    let page = person.ask(probe.value("location"));
    assert_eq!(page.value("location"), "https://portal.vestibule.test/me?connected=1", "{page:#?}");
    // Tools are told of tokens, and who is known goes there.
    assert_eq!(world.browser().at(SHARED).bare_curl("http://evil.local/", &[]).status, 407);
    world.browser().arrive("http://news.test/");
    assert_eq!(world.browser().ask("http://evil.local/").body, "hi");
    assert_eq!(origin.seen().len(), 1);
}

#[test]
fn nobody_is_sent_to_the_portal_for_a_name_that_is_not_found_also_where_private_addresses_are_open() {
    // It knows no name.
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut question = [0; 512];
        while let Ok((length, from)) = server.recv_from(&mut question) {
            // RFC 1035 §4.1.1: an answer, with the code 3 (NXDOMAIN), and no record.
            (question[2], question[3]) = (0x81, 0x83);
            question[6..12].fill(0);
            drop(server.send_to(&question[..length], from));
        }
    });
    let world = World::build()
        .network("shared", "127.0.7.0/24", "shared = true")
        .servers(&[address])
        .config("[[policy.rule]]\nname = \"labs\"\ndestinations = [\"labs.test\"]\neffect = \"allow\"\nprivate = true")
        .start();
    for host in ["nowhere.test", "x.labs.test"] {
        let browser = world.browser().at(SHARED);
        let page = browser.ask(&format!("http://{host}/"));
        assert_eq!((page.status, page.proxy_status().as_str()), (502, "vestibule; error=dns_error"), "{page:#?}");
        is_no_challenge(&page);
        let inside = browser.ask(&format!("https://{host}/"));
        assert!(inside.connect == 502 || inside.status == 502, "{inside:#?}");
        let record = world.record(|record| record["host"] == host && record["method"] == "GET");
        assert_eq!((&record["user"], &record["decision"]), (&Value::Null, &"permitted".into()), "{record}");
    }
}
