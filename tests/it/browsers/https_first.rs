//! Firefox behind a secure web proxy, on the way to an http address. It tries https first, and does not recover from an
//! intercepted answer that is cut off (RFC 9113 §8.5): the sign-in stops there.

use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vestibule::app::demo::world::PORTAL;

use super::{Firefox, PATIENCE, Window};
use crate::chromium::site::PUBLIC;
use crate::chromium::{Stage, Trust};
use crate::origin::Origin;
use crate::peers;

/// A site that is there over http only. Firefox tries https first for names with a public suffix, and not for `.test`.
const CLOSED: &str = "www.fabrikam.com";

/// How often somebody signs in: what depends on time would not be seen at once.
const TIMES: usize = 5;

/// A fresh profile that tries https first.
fn browser(stage: &Stage) -> Firefox {
    let preferences = [
        ("network.proxy.autoconfig_url", json!(stage.secure_pac())),
        // It resolves no name but the proxy's.
        ("network.dns.forceResolve", json!("127.0.0.1")),
        ("dom.security.https_first", json!(true)),
        // Or on a machine that is busy for three seconds it goes back to http without having been refused anything.
        ("dom.security.https_only_mode_send_http_background_request", json!(false)),
    ];
    Firefox::start_with(stage, Trust::WebAndAuthority, &preferences)
}

/// Goes to an address from the page that is shown: WebDriver's own way there is never taken over https first.
fn go(window: &Firefox, url: &str) {
    window.run(&format!("location.href = {url:?}"));
}

/// How many octets of the page that is shown have arrived.
fn octets(window: &Firefox) -> Value {
    window.wait_until("the whole page", &|| window.run("return document.readyState") == "complete");
    window.run("return performance.getEntriesByType('navigation')[0].encodedBodySize")
}

/// Signs in on the way to `typed`, and arrives at `wanted`, which says `text`. What was answered has arrived.
fn arrive(stage: &Stage, window: &Firefox, typed: &str, wanted: &str, text: &str) {
    window.open("data:text/html,<title>before</title>");
    go(window, typed);
    window.wait_until("the logon page", &|| window.url().starts_with(&format!("{PORTAL}/?r=")));
    window.wait_for("#account");
    let host = PORTAL.trim_start_matches("https://");
    stage.wait_for_record(&json!({ "host": host, "path": "/", "status": 200, "bytes_out": octets(window) }));
    window.sign_in("bsimon@contoso.com", "simon");
    window.wait_text(text);
    assert_eq!(window.url(), wanted);
}

/// Says that the first that came for this host, in the records after so many, was a CONNECT that was refused, and then a
/// request over http for this path.
fn fell_back(stage: &Stage, after: usize, path: &str) {
    stage.wait_for_record(&json!({ "scheme": "http", "host": CLOSED, "path": path, "status": 200 }));
    let records = stage.records();
    let mut ways = records[after..].iter().filter(|record| record["host"] == CLOSED);
    let first = ways.next().unwrap();
    let tried = ["method", "port", "status", "reason"].map(|name| &first[name]);
    assert_eq!(json!(tried), json!(["CONNECT", 443, 502, "connection_refused"]), "https was not tried first");
    assert!(ways.any(|record| record["scheme"] == "http" && record["path"] == path));
}

/// Says that https was tried first, and nothing else, by so many profiles. A tunnel is recorded when it has ended.
fn went_by_tunnel(stage: &Stage, profiles: usize) {
    let tunnel = json!({ "method": "CONNECT", "host": PUBLIC, "port": 443, "status": 200, "decision": "challenged" });
    let begun = Instant::now();
    while stage.count(&tunnel) < profiles {
        assert!(begun.elapsed() < PATIENCE, "the tunnels of {profiles} profiles are not recorded");
        sleep(Duration::from_millis(50));
    }
    assert_eq!(stage.count(&json!({ "scheme": "http", "host": PUBLIC })), 0, "https was not tried first");
}

#[test]
fn firefox_that_tries_https_first_arrives_each_time_and_goes_back_to_http_where_there_is_no_https() {
    let body = "<!doctype html><title>plain</title><h1>It is plain</h1>";
    let length = body.len();
    let site = Origin::answering(format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    ));
    let (at, closed) = (site.address, peers::closed());
    let stage = Stage::secure_with(&format!("\"{CLOSED}:80\" = \"{at}\"\n\"{CLOSED}:443\" = \"{closed}\"\n"));
    for time in 0..TIMES {
        let window = browser(&stage);
        let (typed, wanted) = (format!("http://{PUBLIC}/{time}?q=1"), format!("https://{PUBLIC}/{time}?q=1"));
        arrive(&stage, &window, &typed, &wanted, &format!("This is {PUBLIC}"));
        let path = format!("/{time}");
        let page = json!({
            "scheme": "https", "host": PUBLIC, "path": path, "status": 200, "user": "B.Simon@contoso.com",
            "bytes_out": octets(&window),
        });
        stage.wait_for_record(&page);
        let challenge =
            json!({ "scheme": "https", "host": PUBLIC, "path": path, "status": 302, "decision": "challenged" });
        assert_eq!(stage.count(&challenge), 1);
        // The same browser goes on to a site without https.
        let (before, url) = (stage.records().len(), format!("http://{CLOSED}{path}"));
        go(&window, &url);
        window.wait_text("It is plain");
        assert_eq!(window.url(), url);
        fell_back(&stage, before, &path);
        drop(window);
        went_by_tunnel(&stage, time + 1);
    }
    // And one begins there.
    let window = browser(&stage);
    let before = stage.records().len();
    let url = format!("http://{CLOSED}/first?q=1");
    arrive(&stage, &window, &url, &url, "It is plain");
    fell_back(&stage, before, "/first");
}
