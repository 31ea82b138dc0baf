//! https that a rule has intercepted, as people meet it in Chromium.

use serde_json::json;
use vestibule::app::demo::world::PORTAL;
use vestibule::authority::{Authority, Config, Whereabouts};
use vestibule::clock::{Clock, SignedDuration};

use super::super::authority::pki::{Pki, Sub};
use super::super::clients::origins::{SAID, nginx_with};
use super::super::origin::Origin;
use super::access::check;
use super::stage::{Browser, Stage, Trust};

const RULES: &str = "[[policy.standing]]\nname = \"Private\"\ndestinations = [\"mail.test\"]\nintercept = false\n\
    [[policy.standing]]\nname = \"Look inside\"\nusers = [\"B.Simon@contoso.com\"]\nintercept = true\n\
    [[policy.rule]]\nname = \"No administration\"\ndestinations = [\"shop.test\"]\npaths = [\"/admin\"]\neffect = \"block\"\n\
    [[policy.rule]]\nname = \"Careful\"\ndestinations = [\"shop.test\"]\npaths = [\"/paste\"]\neffect = \"warn\"\n\
    message = \"Nothing of our customers' belongs here.\"\n";

fn signed_in(stage: &Stage) -> Browser {
    let browser = stage.browser(Trust::WebAndAuthority);
    browser.open("http://news.test/");
    browser.sign_in("bsimon@contoso.com", "simon");
    browser.wait_text("This is news.test");
    browser
}

#[test]
fn sites_are_read_by_rule_and_refusals_and_warnings_about_a_path_are_pages() {
    let stage = Stage::open_with(RULES);
    let browser = signed_in(&stage);
    assert_eq!(browser.open_for_issuer("https://shop.test/"), "Vestibule interception");
    browser.wait_text("This is shop.test");
    assert_eq!(browser.open_for_issuer("https://mail.test/"), "Vestibule demo web");
    browser.open("https://shop.test/admin/users");
    browser.wait_text("No administration");
    check(&browser, "a refusal inside an interception");
    stage.wait_for_record(&json!({ "host": "shop.test", "path": "/admin/users", "decision": "denied", "status": 403 }));
    browser.open("https://shop.test/paste?a=b");
    browser.wait_text("Nothing of our customers' belongs here.");
    assert!(browser.url().starts_with(&format!("{PORTAL}/rule/")), "{}", browser.url());
    browser.click("button[type=submit]");
    browser.wait_text("This is shop.test");
    assert_eq!(browser.url(), "https://shop.test/paste?a=b");
    let record =
        json!({ "host": "shop.test", "path": "/paste", "decision": "permitted", "user": "B.Simon@contoso.com" });
    stage.wait_for_record(&record);
}

#[test]
fn a_browser_that_knows_the_root_of_an_organisation_takes_what_its_authority_issues() {
    let pki = Pki::new();
    let files = pki.sub(&Sub::default());
    let stage = Stage::open_and(|folder| {
        // Where devices find what they are to trust.
        std::fs::copy(&pki.root, folder.join("authority.pem")).unwrap();
        let (certificate, key, chain) = (&files.certificate, &files.key, &pki.root);
        format!("[authority]\ncertificate = {certificate:?}\nkey = {key:?}\nchain = {chain:?}\n{RULES}")
    });
    let browser = signed_in(&stage);
    assert_eq!(browser.open_for_issuer("https://shop.test/"), "Contoso Interception");
    browser.wait_text("This is shop.test");
}

#[test]
fn browsers_that_know_either_authority_of_a_roll_over_take_what_the_new_one_issues() {
    let stage = Stage::open_and(|folder| {
        let config = Config::default();
        let source = Whereabouts { folder: folder.to_owned(), config, own_names: Vec::new() };
        let now = Clock::system().now();
        source.open(now).unwrap();
        source.make_successor(now).unwrap();
        source.promote(false, false).unwrap();
        RULES.to_owned()
    });
    // The first file is that of the old authority, the second begins with the new one's own certificate.
    for file in ["authority.pem", "authority-2.pem"] {
        if file != "authority.pem" {
            std::fs::copy(stage.folder().join(file), stage.folder().join("authority.pem")).unwrap();
        }
        // Whoever comes from this address afterwards is known.
        let browser = match file {
            "authority.pem" => signed_in(&stage),
            _ => stage.browser(Trust::WebAndAuthority),
        };
        assert_eq!(browser.open_for_issuer("https://shop.test/"), "Vestibule interception", "{file}");
        browser.wait_text("This is shop.test");
    }
}

#[test]
fn an_origin_whose_certificate_has_expired_is_a_page_that_says_so() {
    let stage = Stage::open_and(|folder| {
        let web = folder.join("web");
        drop(Authority::open_or_create(&web, "Vestibule demo web", Clock::system()).unwrap());
        let clock = Clock::by_hand(Clock::system().now());
        clock.advance(SignedDuration::from_hours(-24 * 60));
        let old = Authority::open_or_create(&web, "Vestibule demo web", clock).unwrap();
        let (leaf, key) = old.issue("old.test").unwrap();
        let tls = std::sync::Arc::new(old.server_with(vec![leaf], key).unwrap());
        format!("\"old.test:443\" = \"{}\"\n{RULES}", Origin::start_tls(tls, |_, _| {}).address)
    });
    let browser = signed_in(&stage);
    browser.open("https://old.test/");
    browser.wait_text("certificate has expired");
    check(&browser, "an expired certificate");
}

#[test]
fn a_site_that_speaks_http_2_is_spoken_to_over_http_2() {
    let mut servers = Vec::new();
    let stage = Stage::open_and(|folder| {
        let web = Authority::open_or_create(&folder.join("web"), "Vestibule demo web", Clock::system()).unwrap();
        let mut hosts = String::new();
        for (host, listen) in [("new.test", "http2"), ("old.test", "")] {
            let own = folder.join(host);
            std::fs::create_dir_all(&own).unwrap();
            let (chain, key) = web.issue_pem(host).unwrap();
            let files = ["chain", "key"].map(|name| own.join(name));
            std::fs::write(&files[0], chain).unwrap();
            std::fs::write(&files[1], key).unwrap();
            let server = nginx_with(&own, &files[0], &files[1], listen);
            hosts += &format!("\"{host}:443\" = \"{}\"\n", server.secure);
            servers.push(server);
        }
        hosts + RULES
    });
    let browser = signed_in(&stage);
    for (host, protocol) in [("new.test", "h2"), ("old.test", "http/1.1")] {
        assert_eq!(browser.open_for_issuer(&format!("https://{host}/page.html")), "Vestibule interception");
        browser.wait_text(SAID);
        let spoken = browser.run("return performance.getEntriesByType('navigation')[0].nextHopProtocol");
        assert_eq!(spoken, json!(protocol), "{host}");
        let parts = browser.run("return performance.getEntriesByType('resource').map(one => one.nextHopProtocol)");
        assert!(parts.as_array().unwrap().iter().all(|one| *one == json!(protocol)), "{host}: {parts}");
        stage.wait_for_record(&json!({ "host": host, "path": "/page.html", "status": 200, "method": "GET" }));
    }
}
