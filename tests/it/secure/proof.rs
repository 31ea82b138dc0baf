//! Whose a connection is, and everything that must not say so: each attack as somebody would carry it out.

use serde_json::Value;

use super::super::browser::Browser;
use super::super::world::World;
use super::client::Client;
use super::{SHARED, browser, secure};

const CHROMIUM: &str = "Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0.0.0";
const NAVIGATION: [(&str, &str); 3] =
    [("upgrade-insecure-requests", "1"), ("user-agent", CHROMIUM), ("accept", "text/html")];
const BRITTA: &str = "B.Simon@contoso.com";
const ALEX: &str = "AlexW@contoso.com";
const PORTAL: &str = "portal.vestibule.test";

/// The cookie by which the portal knows somebody who is signed in.
fn of_portal(browser: &Browser<'_>) -> String {
    format!("__Host-vestibule={}", browser.cookie(PORTAL, "__Host-vestibule").unwrap())
}

/// The cookie by which they are known on one origin.
fn of_origin(browser: &Browser<'_>, host: &str) -> String {
    format!("vestibule_s={}", browser.cookie(host, "vestibule_s").unwrap())
}

/// A connection that the portal has seen the cookie of this browser on.
fn proven(world: &World, browser: &Browser<'_>) -> Client {
    let mut client = Client::connect(world, SHARED);
    let page = client.ask_inside(world, PORTAL, "/me", &of_portal(browser));
    assert_eq!((page.status, page.text().contains("You are signed in")), (200, true), "{page:?}");
    client
}

/// Somebody else, signed in.
fn alex(world: &World) -> Browser<'_> {
    let alex = browser(world);
    let page = alex.sign_in(&alex.go("http://shop.test/"), "AlexW@contoso.com", "alex");
    assert_eq!(page.heading(), "This is shop.test", "{page:#?}");
    alex
}

/// As whom a request for this path was recorded, and by what.
fn recorded(world: &World, path: &str) -> (Value, Value) {
    let record = world.record(|record| record["path"] == path);
    (record["user"].clone(), record["surrogate"].clone())
}

#[test]
fn a_connection_is_its_persons_once_the_portals_cookie_has_come_over_it_and_until_they_sign_out() {
    let world = secure("names = [\"proxy.test\"]").start();
    let britta = browser(&world);
    britta.arrive("http://news.test/");
    let mut client = Client::connect(&world, SHARED);
    assert_eq!(client.get("http://shop.test/unknown", &NAVIGATION).status, 302);
    // The first bounce is enough: the portal need show no page of its own.
    let challenged = client.ask_inside(&world, "mail.test", "/", "");
    let portal = challenged.value("location");
    let path = portal.strip_prefix("https://portal.vestibule.test").unwrap().to_owned();
    let back = client.ask_inside(&world, PORTAL, &path, &of_portal(&britta));
    assert!(back.value("location").starts_with("https://mail.test:60443/.well-known/vestibule/arrive?"), "{back:?}");
    for path in ["/first", "/second"] {
        let known = client.get(&format!("http://shop.test{path}"), &[("user-agent", CHROMIUM)]);
        assert_eq!(known.status, 200, "{known:?}");
        assert_eq!(recorded(&world, path), (BRITTA.into(), "connection".into()));
    }
    let (opened, mut tunnel) = client.tunnel("news.test:443", CHROMIUM);
    assert_eq!(opened.status(), 200);
    let record = world.record(|record| record["path"] == "/second");
    assert_eq!(record["strength"], "strong", "{record}");
    // Another connection of the same client is unknown.
    let mut other = Client::connect(&world, SHARED);
    assert_eq!(other.get("http://shop.test/other", &NAVIGATION).status, 302);
    britta.sign_out();
    assert!(client.receive(&mut tunnel).is_none_or(|data| data.is_err()), "what goes on in her name ends");
    assert_eq!(client.get("http://shop.test/gone", &NAVIGATION).status, 302);
    // Whoever signs in in that browser next has the connection.
    let alex = alex(&world);
    client.ask_inside(&world, PORTAL, "/me", &of_portal(&alex));
    assert_eq!(client.get("http://shop.test/alex", &[]).status, 200);
    assert_eq!(recorded(&world, "/alex"), (ALEX.into(), "connection".into()));
}

#[test]
fn a_stranger_behind_the_same_address_does_not_become_whoever_follows_his_link() {
    let world =
        secure("names = [\"proxy.test\", \"*.proxy.test\"]").config("[proxy_names]\ndomain = \"proxy.test\"\n").start();
    let victim = browser(&world);
    victim.arrive("http://news.test/");
    // He invents a name of the proxy, and has an origin of his own challenge him.
    let name = format!("s-{}.proxy.test", "a2b3".repeat(6));
    for scheme in ["http", "https"] {
        let mut stranger = Client::connect_as(&world, SHARED, &name);
        let (location, cookie) = if scheme == "http" {
            let challenged = stranger.get("http://shop.test/", &NAVIGATION);
            let field = |name: &str| challenged.fields.get(name).unwrap().to_str().unwrap().to_owned();
            (field("location"), field("set-cookie"))
        } else {
            let challenged = stranger.ask_inside(&world, "shop.test", "/", "");
            (challenged.value("location"), challenged.value("set-cookie"))
        };
        let cookie = cookie.split(';').next().unwrap().to_owned();
        // The victim follows his link; a service worker of his origin sees where it leads, and tells him.
        let ticket = victim.ask(&location).value("location").to_owned();
        let (authority, arrive) = ticket.split_once("://").unwrap().1.split_once('/').unwrap();
        let (authority, arrive) = (authority.to_owned(), format!("/{arrive}"));
        let (status, own) = if scheme == "http" {
            let fields = [&NAVIGATION[..], &[("cookie", &*cookie)]].concat();
            let redeemed = stranger.get(&ticket, &fields);
            let lines = redeemed.fields.get_all("set-cookie").iter().map(|line| line.to_str().unwrap().to_owned());
            (redeemed.status, lines.collect::<Vec<_>>())
        } else {
            let redeemed = stranger.ask_inside(&world, &authority, &arrive, &cookie);
            (
                redeemed.status,
                redeemed.fields.iter().filter(|(name, _)| name == "set-cookie").map(|(_, line)| line.clone()).collect(),
            )
        };
        assert_eq!(status, 302);
        // That origin's cookie, and nothing more: not the connection, not the name, not the address, not https elsewhere.
        let own = own.iter().find(|line| line.contains("vestibule_s=")).unwrap_or_else(|| panic!("{own:?}"));
        let own = own.split(';').next().unwrap().to_owned();
        assert_eq!(stranger.get("http://mail.test/stolen", &NAVIGATION).status, 302, "{scheme}");
        let inside = stranger.ask_inside(&world, "mail.test", "/stolen", &own);
        assert_eq!(inside.status, 302, "the cookie of another origin, and a tunnel that is not opened: {inside:?}");
        let mut again = Client::connect_as(&world, SHARED, &name);
        assert_eq!(again.get("http://mail.test/stolen", &NAVIGATION).status, 302, "his name is nobody's");
    }
    let is_stolen = |record: &&Value| record["path"] == "/stolen";
    let all = world.wait_for(|all| all.iter().filter(is_stolen).count() == 6);
    assert!(all.iter().filter(is_stolen).all(|record| record["user"].is_null()), "{all:#?}");
}

#[test]
fn an_origins_cookie_is_its_person_on_that_origin_alone_and_proves_nothing() {
    let world = secure("names = [\"proxy.test\"]").start();
    let britta = browser(&world);
    britta.arrive("http://news.test/");
    let cookie = of_origin(&britta, "news.test");
    // Read on the way, and shown on a connection of somebody else's on the same network.
    let mut thief = Client::connect(&world, SHARED);
    assert_eq!(thief.get("http://news.test/shown", &[("cookie", &cookie)]).status, 200);
    let record = world.record(|record| record["path"] == "/shown");
    assert_eq!((&record["surrogate"], &record["strength"]), (&"origin-cookie".into(), &"medium".into()), "{record}");
    for host in ["news.test", "shop.test", "mail.test"] {
        assert_eq!(thief.get(&format!("http://{host}/next"), &NAVIGATION).status, 302, "{host}");
        assert_eq!(thief.ask_inside(&world, host, "/next", &cookie).status, 302, "{host}");
    }
    assert_eq!(thief.get("http://shop.test/next", &[("cookie", &cookie)]).status, 407, "another origin");
    // Inside of an intercepted connection each request shows its cookie, or is nobody's.
    assert!(world.records().iter().filter(|record| record["path"] == "/next").all(|record| record["user"].is_null()));
}

#[test]
fn a_cookie_of_somebody_else_on_a_proven_connection_names_nobody_and_renames_nothing() {
    let world = secure("names = [\"proxy.test\"]").start();
    let (britta, alex) = (browser(&world), alex(&world));
    britta.arrive("http://news.test/");
    let mut client = proven(&world, &britta);
    let planted = of_origin(&alex, "shop.test");
    for number in 0..3 {
        let fields = [&NAVIGATION[..], &[("cookie", &*planted)]].concat();
        let answer = client.get(&format!("http://shop.test/planted{number}"), &fields);
        assert_eq!(answer.status, 302, "it is asked, and the bounce puts her own in its place: {answer:?}");
        assert_eq!(recorded(&world, &format!("/planted{number}")), (Value::Null, "none".into()));
        let next = client.get(&format!("http://shop.test/next{number}"), &[]);
        assert_eq!(next.status, 200, "{next:?}");
        assert_eq!(recorded(&world, &format!("/next{number}")), (BRITTA.into(), "connection".into()));
    }
    // Her own cookie, made in another browser of hers, is no contradiction.
    let own = of_origin(&britta, "news.test");
    assert_eq!(client.get("http://news.test/own", &[("cookie", &own)]).status, 200);
    assert_eq!(recorded(&world, "/own").0, BRITTA);
    // Once Alex has signed out, his cookie is nothing at all.
    alex.sign_out();
    assert_eq!(client.get("http://shop.test/ended", &[("cookie", &planted)]).status, 200);
    assert_eq!(recorded(&world, "/ended"), (BRITTA.into(), "connection".into()));
}

#[test]
fn a_connection_that_two_people_use_at_the_same_time_is_neithers() {
    let world = secure("names = [\"proxy.test\"]").start();
    let (britta, alex) = (browser(&world), alex(&world));
    britta.arrive("http://news.test/");
    let mut client = proven(&world, &britta);
    assert_eq!(client.get("http://shop.test/one", &[]).status, 200);
    // A program in between, which is not named as a forwarder, sends both over it.
    client.ask_inside(&world, PORTAL, "/me", &of_portal(&alex));
    for person in [&alex, &britta] {
        client.ask_inside(&world, PORTAL, "/me", &of_portal(person));
        assert_eq!(client.get("http://mail.test/", &NAVIGATION).status, 302);
    }
    assert_eq!(client.get("http://shop.test/cookie", &[("cookie", &of_origin(&alex, "shop.test"))]).status, 200);
    assert_eq!(recorded(&world, "/cookie"), (ALEX.into(), "origin-cookie".into()), "cookies tell them apart");
}

#[test]
fn a_name_that_was_passed_on_is_not_taken_for_its_person_where_somebody_else_has_signed_in() {
    let world =
        secure("names = [\"proxy.test\", \"*.proxy.test\"]").config("[proxy_names]\ndomain = \"proxy.test\"\n").start();
    let (britta, alex) = (browser(&world), alex(&world));
    britta.arrive("http://news.test/");
    let name = format!("s-{}.proxy.test", "abcd".repeat(6));
    let mut hers = Client::connect_as(&world, SHARED, &name);
    hers.ask_inside(&world, PORTAL, "/me", &of_portal(&britta));
    let mut copied = Client::connect_as(&world, SHARED, &name);
    assert_eq!(copied.get("http://shop.test/by-name", &[]).status, 200);
    assert_eq!(recorded(&world, "/by-name"), (BRITTA.into(), "proxy-host-name".into()));
    copied.ask_inside(&world, PORTAL, "/me", &of_portal(&alex));
    assert_eq!(copied.get("http://shop.test/own", &[]).status, 200);
    assert_eq!(recorded(&world, "/own"), (ALEX.into(), "connection".into()));
    assert_eq!(hers.get("http://shop.test/hers", &[]).status, 200);
    assert_eq!(recorded(&world, "/hers"), (BRITTA.into(), "connection".into()), "the name is neither's by now");
    assert_eq!(Client::connect_as(&world, SHARED, &name).get("http://shop.test/next", &NAVIGATION).status, 302);
}
