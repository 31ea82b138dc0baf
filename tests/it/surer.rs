//! Rules that want to be surer of who asks than they are: people are led to what makes it so, or told what would.

use std::io::Write as _;

use serde_json::{Value, json};
use vestibule::clock::SignedDuration;

use super::browser::Page;
use super::origin::Origin;
use super::raw::Answer;
use super::secure::client::Client;
use super::world::{Builder, World};

const PORTAL: &str = "https://portal.vestibule.test";
/// An address that stands for whoever has signed in there.
const DESK: [u8; 4] = [127, 0, 0, 1];
const SHARED: [u8; 4] = [127, 0, 7, 1];
const SCRIPT: [&str; 4] = ["-A", "Mozilla/5.0", "-H", "Accept: */*"];
const CHROMIUM: &str = "Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0.0.0";

/// One site for each strength that a rule can want, and one for people who have just signed in; nobody else gets there.
fn build() -> Builder {
    let desk = World::build().network("desk", "127.0.0.1/32", "address_idle = \"12h\"\naddress_lifetime = \"1d\"");
    desk.network("shared", "127.0.7.0/24", "shared = true").config(
        "[[policy.rule]]\nname = \"Payroll\"\ndestinations = [\"shop.test\"]\neffect = \"allow\"\nevidence = \"medium\"\n\
         message = \"Salaries.\"\n\
         [[policy.rule]]\nname = \"Vault\"\ndestinations = [\"mail.test\"]\neffect = \"allow\"\nevidence = \"strong\"\n\
         [[policy.rule]]\nname = \"Bank\"\ndestinations = [\"bank.test\"]\neffect = \"allow\"\nproven = \"1h\"\n\
         [[policy.rule]]\nname = \"Nobody else\"\ndestinations = [\"shop.test\", \"mail.test\", \"bank.test\"]\neffect = \"block\"\n",
    )
}

fn problem(page: &Page) -> Value {
    assert_eq!(page.value("content-type"), "application/problem+json", "{page:#?}");
    serde_json::from_str(&page.body).unwrap()
}

#[test]
fn who_is_known_by_an_address_is_led_by_way_of_the_portal_to_a_site_that_wants_a_cookie() {
    for url in ["http://shop.test/x?y=1", "https://shop.test/x?y=1"] {
        let world = build().start();
        let browser = world.browser();
        browser.arrive("http://news.test/");
        let page = browser.go(url);
        assert_eq!((page.status, page.url.as_str(), page.heading()), (200, url, "This is shop.test"), "{page:#?}");
        assert!(page.redirects >= 3, "{page:#?}");
        for _ in 0..3 {
            let page = browser.go(url);
            assert_eq!((page.status, page.redirects), (200, 0), "{page:#?}");
        }
        // What is asked for beside it has the cookie, too.
        assert_eq!(browser.bare_curl(&url.replace("x?y=1", "x.js"), &SCRIPT).status, 200);
        let records = world.wait_for(|all| all.iter().any(|record| record["path"] == "/x.js"));
        let led =
            records.iter().find(|record| record["reason"] == "evidence-too-weak" && record["path"] == "/x").unwrap();
        assert_eq!(
            (&led["decision"], &led["rule"], &led["strength"], &led["user"]),
            (&"challenged".into(), &"Payroll".into(), &"weak".into(), &"B.Simon@contoso.com".into())
        );
        let last = records.iter().rfind(|record| record["path"] == "/x.js").unwrap();
        assert_eq!(
            (&last["surrogate"], &last["strength"], &last["rule"]),
            (&"origin-cookie".into(), &"medium".into(), &"Payroll".into())
        );
        // Elsewhere nothing has changed: https is tunnelled, unread.
        assert_eq!(browser.go("https://news.test/").issuer(), Some("Vestibule demo web"));
    }
}

#[test]
fn a_browser_that_keeps_no_cookies_is_told_so_and_goes_round_no_further() {
    for url in ["http://shop.test/", "https://shop.test/"] {
        let world = build().start();
        let browser = world.browser();
        browser.arrive("http://news.test/");
        let portal_only = browser.cookie("portal.vestibule.test", "__Host-vestibule").unwrap();
        // It shows the portal's cookie and drops all others.
        let cookie = format!("Cookie: __Host-vestibule={portal_only}");
        let forgetful = world.browser().without_cookies();
        let page = forgetful.curl(url, &["-L", "--location-trusted", "-H", &cookie]);
        assert!(page.redirects < 15 && page.status != 200, "{page:#?}");
    }
}

#[test]
fn scripts_and_tools_are_told_what_would_be_enough() {
    let world = build().start();
    world.browser().arrive("http://news.test/");
    let bare = world.browser().without_cookies();
    let script = bare.bare_curl("http://shop.test/x.js", &SCRIPT);
    assert_eq!(script.status, 511, "{script:#?}");
    let document = problem(&script);
    let (kind, tag) = ("evidence-too-weak", "tag:portal.vestibule.test,2026:vestibule:");
    assert_eq!(
        (&document["type"], &document["rule"], &document["evidence"], &document["portal"], &document["message"]),
        (&json!(format!("{tag}{kind}")), &json!("Payroll"), &json!("medium"), &json!(PORTAL), &json!("Salaries."))
    );
    // A tool may have a token that it shows only when it is asked.
    let tool = bare.bare_curl("http://shop.test/", &["-H", "Accept: application/json"]);
    assert_eq!((tool.status, tool.values("proxy-authenticate").len()), (407, 2), "{tool:#?}");
    let document = problem(&tool);
    assert_eq!(
        (&document["type"], &document["evidence"], &document["portal"]),
        (&json!(format!("{tag}{kind}")), &json!("medium"), &json!(format!("{PORTAL}/tokens")))
    );
    let text = bare.bare_curl("http://mail.test/", &[]);
    assert_eq!(text.status, 407, "{text:#?}");
    assert!(text.body.contains("A token is required") && text.body.contains(&format!("{PORTAL}/tokens")), "{text:#?}");
    let tunnel = bare.bare_curl("https://mail.test/", &[]);
    assert_eq!((tunnel.connect, tunnel.exit), (407, 56), "{tunnel:#?}");
    world.record(|record| {
        record["method"] == "CONNECT" && record["reason"] == "evidence-too-weak" && record["rule"] == "Vault"
    });
    // No sign-in on a plain listener makes a script of a page surer.
    let script = bare.bare_curl("http://mail.test/x.js", &SCRIPT);
    assert_eq!(script.status, 403, "{script:#?}");
    let document = problem(&script);
    assert!(document["detail"].as_str().unwrap().contains("a certificate of the device is"), "{document}");
}

#[test]
fn where_no_sign_in_helps_a_page_says_what_would_and_nobody_goes_round() {
    let world = build().start();
    for address in [DESK, SHARED] {
        let browser = world.browser().at(address);
        browser.arrive("http://news.test/");
        for url in ["http://mail.test/inbox", "https://mail.test/inbox"] {
            let page = browser.go(url);
            assert_eq!((page.status, page.heading()), (403, "This site needs a surer sign-in"), "{page:#?}");
            for part in ["Vault", "B.Simon@contoso.com", "a certificate of your organisation"] {
                assert!(page.body.contains(part), "{part}: {page:#?}");
            }
            assert!(page.redirects <= 4, "{page:#?}");
        }
    }
}

#[test]
fn a_proof_that_a_condition_finds_too_old_is_asked_for_anew() {
    let world = build().host(
        "bank.test:80",
        Origin::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi").address,
    );
    let world = world.start();
    let browser = world.browser().at(SHARED);
    browser.arrive("http://news.test/");
    assert_eq!(browser.go("http://bank.test/").body, "hi", "young enough");
    world.clock.advance(SignedDuration::from_secs(3601));
    let asked = browser.go("http://bank.test/a?b");
    assert!(asked.has_form("password") && asked.url.starts_with("https://login."), "{asked:#?}");
    let answer = browser.submit(&asked, asked.form(), &[("password", "simon")]);
    let page = browser.submit(&answer, answer.form(), &[]);
    assert_eq!((page.body.as_str(), page.url.as_str()), ("hi", "http://bank.test/a?b"), "{page:#?}");
    assert_eq!(browser.go("http://bank.test/").redirects, 0);
    world.clock.advance(SignedDuration::from_hours(2));
    let script = browser.bare_curl("http://bank.test/x.js", &SCRIPT);
    let document = problem(&script);
    assert_eq!(
        (script.status, &document["rule"], &document["portal"]),
        (511, &json!("Bank"), &json!(format!("{PORTAL}/confirm")))
    );
}

#[test]
fn over_a_secure_proxy_the_portal_makes_the_connection_stand_for_its_person() {
    let listener = "[[listener]]\nname = \"secure\"\naddress = \"127.0.0.1:0\"\ntls = { names = [\"proxy.test\"] }\n";
    let world = build().config(listener).start();
    let britta = world.browser().at(SHARED).by_way_of("proxy.test", world.listener("secure").port());
    britta.arrive("http://news.test/");
    let of_portal = format!("__Host-vestibule={}", britta.cookie("portal.vestibule.test", "__Host-vestibule").unwrap());
    // She is known at the site by its cookie, which is not enough.
    let open = |client: &mut Client, path: &str, cookie: &str| {
        let fields =
            [("upgrade-insecure-requests", "1"), ("user-agent", CHROMIUM), ("accept", "text/html"), ("cookie", cookie)];
        client.get(&format!("http://mail.test{path}"), &fields)
    };
    let cookie = {
        // A ticket is for the cookie of its origin, whatever a rule wants there besides.
        let mut client = Client::connect(&world, SHARED);
        let challenged = open(&mut client, "/", "");
        let path = challenged.fields["location"].to_str().unwrap().strip_prefix(PORTAL).unwrap().to_owned();
        let held = challenged.fields["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        let ticket = britta.ask(&format!("{PORTAL}{path}")).value("location").to_owned();
        let fields =
            [("upgrade-insecure-requests", "1"), ("user-agent", CHROMIUM), ("accept", "text/html"), ("cookie", &*held)];
        let arrived = client.get(&ticket, &fields);
        let lines = arrived.fields.get_all("set-cookie").iter().map(|line| line.to_str().unwrap().to_owned());
        let line =
            lines.into_iter().find(|line| line.starts_with("vestibule_s=")).unwrap_or_else(|| panic!("{arrived:?}"));
        line.split(';').next().unwrap().to_owned()
    };
    let (mut client, mut other) = (Client::connect(&world, SHARED), Client::connect(&world, SHARED));
    let led = |client: &mut Client, path: &str| {
        let challenged = open(client, path, &cookie);
        assert_eq!(challenged.status, 302, "{challenged:?}");
        challenged.fields["location"].to_str().unwrap().strip_prefix(PORTAL).unwrap().to_owned()
    };
    let path = led(&mut client, "/inbox");
    let back = client.ask_inside(&world, "portal.vestibule.test", &path, &of_portal);
    assert_eq!((back.status, back.value("location").as_str()), (302, "http://mail.test/inbox"), "{back:?}");
    let page = open(&mut client, "/inbox", &cookie);
    assert_eq!(page.status, 200, "{page:?}");
    world.last_record_has(
        |record| record["path"] == "/inbox" && record["status"] == 200,
        &[("surrogate", "connection".into()), ("strength", "strong".into()), ("rule", "Vault".into())],
    );
    // Whoever reaches the portal over another connection than the site is led there once, and then told.
    let path = led(&mut other, "/other");
    let back = client.ask_inside(&world, "portal.vestibule.test", &path, &of_portal);
    assert_eq!(back.value("location"), "http://mail.test/other", "{back:?}");
    let path = led(&mut other, "/other");
    let told = client.ask_inside(&world, "portal.vestibule.test", &path, &of_portal);
    assert_eq!((told.status, told.text().contains("This site needs a surer sign-in")), (403, true), "{told:?}");
}

#[test]
fn a_token_is_strong_and_a_proof_that_its_person_gives_in_a_browser_counts_for_it() {
    let bank = Origin::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi");
    let world = build().host("bank.test:80", bank.address).start();
    let browser = world.browser().at(SHARED);
    browser.arrive("http://news.test/");
    let token = browser.make_token("laptop", &[]);
    let tool = world.browser().at(SHARED).without_cookies();
    assert_eq!(tool.tool("http://mail.test/", &token, &[]).status, 200, "the strictest rule");
    assert_eq!(tool.tool("http://bank.test/", &token, &[]).body, "hi", "made just now");
    world.clock.advance(SignedDuration::from_hours(2));
    let told = tool.tool("http://bank.test/", &token, &["-H", "Accept: application/json"]);
    let document = problem(&told);
    let confirm = format!("{PORTAL}/confirm");
    assert_eq!((told.status, &document["rule"], &document["portal"]), (511, &json!("Bank"), &json!(confirm)));
    let mut stream = world.connect(SHARED);
    write!(
        stream,
        "CONNECT bank.test:443 HTTP/1.1\r\nHost: bank.test:443\r\nAccept: application/json\r\nUser-Agent: a tool\r\n\
         Proxy-Authorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let told = Answer::read(&mut stream);
    assert_eq!((told.status, told.text().contains(&confirm)), (403, true), "never 511 to a CONNECT: {told:?}");
    world.record(|record| {
        record["method"] == "CONNECT" && record["reason"] == "sign-in-too-old" && record["rule"] == "Bank"
    });
    let asked = browser.go(&confirm);
    let answer = browser.submit(&asked, asked.form(), &[("password", "simon")]);
    assert_eq!(browser.submit(&answer, answer.form(), &[]).status, 200);
    assert_eq!(tool.tool("http://bank.test/", &token, &[]).body, "hi", "its person has proven it");
}
