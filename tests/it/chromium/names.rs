//! Proxy host names in a browser: people behind one address are told apart, and our authority is on no device.

use serde_json::json;
use vestibule::app::demo::world::PORTAL;

use super::stage::{Stage, Trust};

const BRITTA: &str = "B.Simon@contoso.com";
const ALEX: &str = "AlexW@contoso.com";

/// A tunnel that nobody has read, under somebody's name.
fn tunnel(host: &str, user: &str) -> serde_json::Value {
    json!({
        "method": "CONNECT", "host": host, "user": user, "surrogate": "proxy-host-name", "strength": "medium",
        "decision": "permitted", "listener": "secure", "network": "shared",
    })
}

#[test]
fn two_people_who_sign_in_over_names_of_the_shared_file_are_told_apart_on_https_that_nobody_reads() {
    let stage = Stage::named();
    let pac = format!("http://{}/named.pac", stage.proxy);
    let people = [("bsimon@contoso.com", "simon", BRITTA), ("alexw@contoso.com", "alex", ALEX)];
    let browsers = people.map(|_| stage.browser_by(&pac, Trust::Web));
    for (browser, (account, password, _)) in browsers.iter().zip(people) {
        browser.open("http://news.test/today");
        browser.sign_in(account, password);
        browser.wait_text("This is news.test");
    }
    for browser in &browsers {
        assert!(browser.open_for_issuer("https://shop.test/basket").contains("demo web"), "it was read on the way");
        browser.wait_text("This is shop.test");
    }
    drop(browsers);
    // A record is written when its tunnel ends.
    for (_, _, user) in people {
        stage.wait_for_record(&tunnel("shop.test", user));
    }
}

#[test]
fn a_device_is_set_up_by_its_own_address_and_is_known_without_a_sign_in_until_it_is_removed() {
    let stage = Stage::named();
    let laptop = stage.browser_by(&format!("http://{}/proxy.pac", stage.proxy), Trust::Web);
    laptop.open("http://news.test/");
    laptop.sign_in("bsimon@contoso.com", "simon");
    laptop.wait_text("This is news.test");
    laptop.open(&format!("{PORTAL}/me"));
    laptop.click("a[href='/devices']");
    laptop.wait_text("You have no such device yet");
    laptop.fill("#title", "Phone");
    laptop.click("button[value=make]");
    laptop.wait_text("Set up Phone");
    let pac = laptop.run("return document.querySelector('.code').textContent");
    let phone = stage.browser_by(pac.as_str().unwrap(), Trust::Web);
    assert!(phone.open_for_issuer("https://shop.test/basket").contains("demo web"), "it was read on the way");
    phone.wait_text("This is shop.test");
    phone.open("http://news.test/on-the-phone");
    phone.wait_text("This is news.test");
    let wanted = json!({ "path": "/on-the-phone", "user": BRITTA, "surrogate": "proxy-host-name" });
    stage.wait_for_record(&wanted);
    laptop.click("a[href='/devices']");
    laptop.wait_text("good on shared");
    laptop.click("button[value=remove]");
    laptop.wait_text("The device is removed");
    phone.open("http://mail.test/");
    phone.wait_at(PORTAL);
    drop(phone);
    stage.wait_for_record(&tunnel("shop.test", BRITTA));
}
