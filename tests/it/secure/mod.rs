//! The secure web proxy listener: TLS between client and proxy.

mod certificates;
pub(crate) mod client;
mod closing;
mod frames;
mod h2;
mod names;
mod proof;
mod renamed;

use super::browser::Browser;
use super::world::{Builder, World};

const SHARED: [u8; 4] = [127, 0, 7, 1];

/// A world with a secure web proxy, called `proxy.test`, and a network on which only secrets tell people apart.
fn secure(tls: &str) -> Builder {
    let listener = format!("[[listener]]\nname = \"secure\"\naddress = \"127.0.0.1:0\"\ntls = {{ {tls} }}\n");
    World::build().network("shared", "127.0.7.0/24", "shared = true").config(&listener)
}

/// A browser on the shared network that uses the secure web proxy.
fn browser(world: &World) -> Browser<'_> {
    world.browser().at(SHARED).by_way_of("proxy.test", world.listener("secure").port())
}

#[test]
fn people_sign_in_over_tls_and_a_connection_that_has_shown_nothing_is_nobodys() {
    let world = secure("names = [\"proxy.test\"]").start();
    let browser = browser(&world);
    browser.arrive("http://news.test/today");
    let page = browser.ask("http://news.test/again");
    assert_eq!((page.status, page.redirects), (200, 0), "{page:#?}");
    world.last_record_has(
        |record| record["path"] == "/again",
        &[("listener", "secure".into()), ("surrogate", "origin-cookie".into()), ("strength", "medium".into())],
    );
    let page = browser.ask("https://mail.test/");
    assert_eq!((page.connect, page.status, page.issuer()), (200, 302, Some("Vestibule interception")), "{page:#?}");
}
