//! Rules that want a fresh sign-in: people are asked once more who they are, and whatever cannot ask is told why.

use std::io::Write as _;

use vestibule::clock::SignedDuration;

use super::origin::Origin;
use super::raw::Answer;
use super::world::{Builder, World};

/// A client address on a network where an address never stands for anybody.
const SHARED: [u8; 4] = [127, 0, 7, 1];

fn build() -> Builder {
    // What is about the age of a proof is not about that of an address.
    let desk = World::build().network("desk", "127.0.0.1/32", "address_idle = \"12h\"\naddress_lifetime = \"1d\"");
    desk.network("shared", "127.0.7.0/24", "shared = true").config(
        "[[policy.rule]]\nname = \"payroll\"\ndestinations = [\"shop.test\", \"mail.test\", \"api.test\"]\neffect = \"allow\"\n\
         reauthenticate = \"1h\"",
    )
}

#[test]
fn a_person_is_asked_once_more_where_a_rule_wants_it_and_nothing_of_theirs_ends() {
    let world = build().start();
    let browser = world.browser().at(SHARED);
    browser.arrive("http://news.test/");
    assert_eq!(browser.go("http://shop.test/x?y=1").heading(), "This is shop.test", "young enough");
    world.clock.advance(SignedDuration::from_secs(3601));
    assert_eq!(browser.go("http://news.test/").redirects, 0, "no rule wants it there");
    let asked = browser.go("http://shop.test/x?y=1");
    assert!(asked.has_form("password") && asked.url.starts_with("https://login."), "{asked:#?}");
    let answer = browser.submit(&asked, asked.form(), &[("password", "simon")]);
    let page = browser.submit(&answer, answer.form(), &[]);
    assert_eq!((page.status, page.url.as_str()), (200, "http://shop.test/x?y=1"), "{page:#?}");
    // The same session goes on.
    assert_eq!(browser.go("http://news.test/").redirects, 0);
    assert_eq!(browser.go("http://shop.test/").redirects, 0);
    let records = world.wait_for(|all| all.iter().filter(|record| record["path"] == "/").count() >= 4);
    let mut sessions: Vec<_> = records.iter().filter_map(|record| record["session"].as_str()).collect();
    sessions.dedup();
    assert_eq!(sessions.len(), 1, "{sessions:?}");
    let challenged = records.iter().find(|record| record["reason"] == "sign-in-too-old").unwrap();
    assert_eq!((&challenged["decision"], &challenged["rule"]), (&"challenged".into(), &"payroll".into()));
    assert_eq!(challenged["user"], "B.Simon@contoso.com");
    world.clock.advance(SignedDuration::from_secs(3601));
    assert!(browser.go("http://shop.test/").has_form("password"), "and once more after that");
}

#[test]
fn https_is_asked_inside_and_tunnelled_afterwards() {
    for address in [[127, 0, 0, 1], SHARED] {
        let world = build().start();
        let browser = world.browser().at(address);
        browser.arrive("https://mail.test/inbox?a=b");
        world.clock.advance(SignedDuration::from_hours(2));
        let asked = browser.go("https://mail.test/inbox?a=b");
        assert!(asked.has_form("password"), "{asked:#?}");
        let answer = browser.submit(&asked, asked.form(), &[("password", "simon")]);
        let page = browser.submit(&answer, answer.form(), &[]);
        assert_eq!((page.status, page.url.as_str()), (200, "https://mail.test/inbox?a=b"), "{page:#?}");
        let page = browser.go("https://mail.test/inbox?a=b");
        let issuer = if address == SHARED { "Vestibule interception" } else { "Vestibule demo web" };
        assert_eq!((page.status, page.redirects, page.issuer()), (200, 0, Some(issuer)));
    }
}

#[test]
fn what_cannot_be_asked_is_refused_with_the_way_to_a_fresh_sign_in() {
    const CONFIRM: &str = "https://portal.vestibule.test/confirm";
    let world = build().start();
    let browser = world.browser();
    browser.arrive("http://shop.test/");
    world.clock.advance(SignedDuration::from_hours(2));
    let script = ["-A", "Mozilla/5.0", "-H", "Accept: */*"];
    let page = browser.bare_curl("http://shop.test/x.js", &script);
    assert_eq!((page.status, page.value("content-type")), (511, "application/problem+json"), "{page:#?}");
    let problem: serde_json::Value = serde_json::from_str(&page.body).unwrap();
    assert_eq!((&problem["detail"], &problem["portal"]), (&"a fresh sign-in is required".into(), &CONFIRM.into()));
    assert_eq!(page.proxy_status(), "vestibule; error=http_request_denied");
    let tool = browser.bare_curl("http://shop.test/", &[]);
    assert_eq!((tool.status, tool.body.contains(CONFIRM)), (511, true), "{tool:#?}");
    assert!(tool.body.contains("A fresh sign-in is required"), "{tool:#?}");
    let page = browser.bare_curl("https://mail.test/", &[]);
    assert_eq!((page.connect, page.status, page.body.contains(CONFIRM)), (200, 511, true), "never 511 to a CONNECT");
    // A preflight carries nobody.
    let mut stream = world.connect([127, 0, 0, 1]);
    stream
        .write_all(
            b"OPTIONS http://shop.test/ HTTP/1.1\r\nHost: shop.test\r\nOrigin: http://news.test\r\n\
              Access-Control-Request-Method: PUT\r\nConnection: close\r\n\r\n",
        )
        .unwrap();
    assert_eq!(Answer::read(&mut stream).status, 200);
    // What the answers name is the way out.
    let asked = browser.go(CONFIRM);
    assert!(asked.has_form("password"), "{asked:#?}");
    let answer = browser.submit(&asked, asked.form(), &[("password", "simon")]);
    assert_eq!(browser.submit(&answer, answer.form(), &[]).heading(), "You are signed in");
    assert_eq!(browser.bare_curl("http://shop.test/x.js", &script).status, 200);
    assert_eq!(world.browser().at(SHARED).go(CONFIRM).heading(), "Sign in", "nobody has nothing to confirm");
}

#[test]
fn a_preflight_carries_no_more_for_a_proof_that_is_too_old_than_for_nobody() {
    let origin = Origin::answering("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
    let world = build().host("api.test:80", origin.address).start();
    world.browser().arrive("http://shop.test/");
    let ask = || {
        let mut stream = world.connect([127, 0, 0, 1]);
        stream
            .write_all(
                b"OPTIONS http://api.test/ HTTP/1.1\r\nHost: api.test\r\nOrigin: http://news.test\r\n\
                  Access-Control-Request-Method: PUT\r\nX-Data: secret\r\nConnection: close\r\n\r\n",
            )
            .unwrap();
        assert_eq!(Answer::read(&mut stream).status, 204);
        origin.seen().last().unwrap().contains("secret")
    };
    assert!(ask(), "young enough");
    world.clock.advance(SignedDuration::from_hours(2));
    assert!(!ask(), "{:?}", origin.seen());
}

#[test]
fn only_the_same_person_can_prove_it() {
    let world = build().start();
    let browser = world.browser().at(SHARED);
    browser.arrive("http://shop.test/");
    world.clock.advance(SignedDuration::from_hours(2));
    let asked = browser.go("http://shop.test/");
    let filled = [("login", "AlexW@contoso.com"), ("password", "alex")];
    let answer = browser.submit(&asked, asked.form(), &filled);
    let page = browser.submit(&answer, answer.form(), &[]);
    assert_eq!((page.status, page.heading()), (403, "You signed in with another account"), "{page:#?}");
    assert!(page.body.contains("so nothing has changed"), "{page:#?}");
    assert!(browser.go("http://shop.test/").has_form("password"), "it has proven nothing");
    let page = browser.go("https://portal.vestibule.test/me");
    assert!(page.body.contains("B.Simon@contoso.com"), "and the session is still who it was: {page:#?}");
}

const CERTIFICATE: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:X509";

/// A rule that wants another way of signing in than the usual one.
fn wanting_a_way() -> Builder {
    let desk = World::build().network("desk", "127.0.0.1/32", "address_idle = \"12h\"\naddress_lifetime = \"1d\"");
    desk.network("shared", "127.0.7.0/24", "shared = true").config(&format!(
        "[[policy.rule]]\nname = \"vault\"\ndestinations = [\"shop.test\", \"mail.test\"]\neffect = \"allow\"\n\
         authn_context = [{CERTIFICATE:?}]"
    ))
}

#[test]
fn whoever_signed_in_in_another_way_than_a_rule_wants_is_asked_to_sign_in_so() {
    for (address, url) in
        [(SHARED, "http://shop.test/x?y=1"), (SHARED, "https://mail.test/a"), ([127, 0, 0, 1], "https://mail.test/a")]
    {
        let world = wanting_a_way().start();
        let browser = world.browser().at(address);
        browser.arrive("http://news.test/");
        let asked = browser.go(url);
        assert!(asked.has_form("password") && asked.url.starts_with("https://login."), "{asked:#?}");
        let answer = browser.submit(&asked, asked.form(), &[("password", "simon")]);
        let page = browser.submit(&answer, answer.form(), &[]);
        assert_eq!((page.status, page.url.as_str()), (200, url), "{page:#?}");
        // The same session has that proof from now on.
        assert_eq!(browser.go(url).redirects, 0);
        assert_eq!(browser.go("http://news.test/").redirects, 0);
        let all = world.wait_for(|all| all.iter().any(|record| record["reason"] == "sign-in-other-way"));
        let challenged = all.iter().find(|record| record["reason"] == "sign-in-other-way").unwrap();
        assert_eq!((&challenged["decision"], &challenged["rule"]), (&"challenged".into(), &"vault".into()));
        let mut sessions: Vec<_> = all.iter().filter_map(|record| record["session"].as_str()).collect();
        sessions.dedup();
        assert_eq!(sessions.len(), 1, "{sessions:?}");
    }
}

#[test]
fn what_cannot_be_asked_is_told_where_to_sign_in_in_the_way_that_is_wanted() {
    let world = wanting_a_way().start();
    let browser = world.browser();
    browser.arrive("http://news.test/");
    let tool = browser.bare_curl("http://shop.test/", &[]);
    let confirm =
        "https://portal.vestibule.test/confirm?way=urn%3Aoasis%3Anames%3Atc%3ASAML%3A2.0%3Aac%3Aclasses%3AX509";
    assert_eq!((tool.status, tool.body.contains(confirm)), (511, true), "{tool:#?}");
    // A way that no rule wants is asked of nobody: it is the usual question.
    let asked = browser.go("https://portal.vestibule.test/confirm?way=urn%3Aevil");
    let answer = browser.submit(&asked, asked.form(), &[("password", "simon")]);
    browser.submit(&answer, answer.form(), &[]);
    assert_eq!(browser.bare_curl("http://shop.test/", &[]).status, 511, "still");
    let asked = browser.go(confirm);
    assert!(asked.has_form("password"), "{asked:#?}");
    let answer = browser.submit(&asked, asked.form(), &[("password", "simon")]);
    let page = browser.submit(&answer, answer.form(), &[]);
    assert_eq!(page.status, 200, "{page:#?}");
    assert_eq!(browser.bare_curl("http://shop.test/", &[]).status, 200, "that address stands for them");
}

const KERBEROS: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:Kerberos";
const PASSWORD: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:Password";

#[test]
fn of_the_ways_that_a_rule_takes_people_are_asked_for_those_that_their_realm_takes() {
    let rule = |name: &str, host: &str, ways: &[&str]| {
        format!(
            "[[policy.rule]]\nname = \"{name}\"\ndestinations = [\"{host}\"]\neffect = \"allow\"\nauthn_context = {ways:?}\n"
        )
    };
    let rules = [rule("either", "shop.test", &[CERTIFICATE, KERBEROS]), rule("card", "mail.test", &[CERTIFICATE])];
    let desk = "address_idle = \"12h\"\naddress_lifetime = \"1d\"";
    let world = super::realms::beside(&format!("authn_context = [{CERTIFICATE:?}]"))
        .network("desk", "127.0.0.1/32", desk)
        .config(&rules.concat())
        .start();
    let takes = format!("name = \"contoso\"\nauthn_context = [{PASSWORD:?}, {KERBEROS:?}]\n");
    world.reload(|text| text.replacen("name = \"contoso\"\n", &takes, 1)).unwrap();
    let browser = world.browser();
    browser.arrive("http://news.test/");
    let tool = browser.bare_curl("http://shop.test/", &[]);
    let ways = [CERTIFICATE, KERBEROS].map(|way| format!("way={}", way.replace(':', "%3A"))).join("&");
    let confirm = format!("https://portal.vestibule.test/confirm?{ways}");
    assert_eq!((tool.status, tool.body.contains(&confirm)), (511, true), "{tool:#?}");
    let asked = browser.go(&confirm);
    assert!(asked.has_form("password") && asked.url.starts_with("https://login."), "{asked:#?}");
    let answer = browser.submit(&asked, asked.form(), &[("password", "simon")]);
    assert_eq!(browser.submit(&answer, answer.form(), &[]).status, 200);
    assert_eq!(browser.bare_curl("http://shop.test/", &[]).status, 200);
    // Their realm takes no card, whatever a rule of another realm's wants: nobody is sent anywhere for one.
    for url in [
        "http://mail.test/",
        "https://portal.vestibule.test/confirm?way=urn%3Aoasis%3Anames%3Atc%3ASAML%3A2.0%3Aac%3Aclasses%3AX509",
    ] {
        let page = browser.go(url);
        assert_eq!(page.status, 403, "{page:#?}");
        assert!(page.url.starts_with("https://portal."), "{page:#?}");
    }
    // A query that is none is no error of a program's.
    let odd = browser.go("https://portal.vestibule.test/confirm?way=%ff&way&&=&ways=x");
    assert!(odd.has_form("password"), "{odd:#?}");
}
