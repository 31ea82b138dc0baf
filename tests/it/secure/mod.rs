//! The secure web proxy listener: TLS between client and proxy.

mod client;
mod frames;
mod h2;
mod names;

use super::browser::{Browser, Page};
use super::world::{Builder, World};

const SHARED: [u8; 4] = [127, 0, 7, 1];

/// A world with a secure web proxy, called `proxy.test`, and a network on which only secrets tell people apart.
fn secure(tls: &str) -> Builder {
    let listener = format!("[[listener]]\nname = \"secure\"\naddress = \"127.0.0.1:0\"\ntls = {{ {tls} }}\n");
    World::build().network("shared", "127.0.7.0/24", "shared = true").config(&listener)
}

/// Goes to `url` by way of the secure web proxy.
fn go(world: &World, browser: &Browser<'_>, url: &str, options: &[&str]) -> Page {
    let port = world.listener("secure").port();
    let (proxy, resolve) = (format!("https://proxy.test:{port}"), format!("proxy.test:{port}:127.0.0.1"));
    let authorities = world.bundle.display().to_string();
    let mut all = vec!["-x", &*proxy, "--resolve", &*resolve, "--proxy-cacert", &*authorities];
    all.extend(options);
    browser.curl(url, &all)
}

#[test]
fn people_sign_in_over_tls_and_a_connection_that_has_shown_nothing_is_nobodys() {
    let world = secure("names = [\"proxy.test\"]").start();
    let browser = world.browser().at(SHARED);
    let logon = go(&world, &browser, "http://news.test/today", &["-L"]);
    assert_eq!(logon.heading(), "Sign in", "{logon:#?}");
    let page = browser.sign_in(&logon, "bsimon@contoso.com", "simon");
    assert_eq!(page.heading(), "This is news.test", "{page:#?}");
    let page = go(&world, &browser, "http://news.test/again", &[]);
    assert_eq!((page.status, page.redirects), (200, 0), "{page:#?}");
    world.last_record_has(
        |record| record["path"] == "/again",
        &[("listener", "secure".into()), ("surrogate", "origin-cookie".into()), ("strength", "strong".into())],
    );
    let page = go(&world, &browser, "https://mail.test/", &[]);
    assert_eq!((page.connect, page.status, page.issuer()), (200, 302, Some("Vestibule interception")), "{page:#?}");
}
