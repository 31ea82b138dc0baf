//! Tools that cannot show a page: the tokens that they are known by, and terminals that people approve in a browser.

mod clients;
mod pages;
mod refusals;
mod terminal;

use super::browser::{Browser, Form, Page};
use super::world::{Builder, World};

pub(super) const PORTAL: &str = "https://portal.vestibule.test";

/// Where an address never stands for anybody.
pub(super) const SHARED: [u8; 4] = [127, 0, 7, 1];

/// A world in which no client address stands for anybody: whoever is known has shown a token or a cookie.
pub(super) fn world() -> Builder {
    World::build().network("shared", "127.0.7.0/24", "shared = true")
}

/// A browser in which B.Simon has signed in, at an address that stands for nobody.
pub(super) fn signed_in(world: &World) -> Browser<'_> {
    let browser = world.browser().at(SHARED);
    browser.arrive("http://news.test/");
    browser
}

impl Browser<'_> {
    /// Sends a form of the portal's to `action` from the page of tokens.
    pub(super) fn press(&self, action: &str, fields: &[(&str, &str)]) -> Page {
        let page = self.go(&format!("{PORTAL}/tokens"));
        assert_eq!(page.heading(), "Tools and terminals", "{page:#?}");
        self.submit(&page, Form { action: action.to_owned(), fields: vec![("csrf".into(), csrf(&page))] }, fields)
    }

    /// Makes a token of this name, with more fields of the form.
    pub(super) fn make_token(&self, name: &str, more: &[(&str, &str)]) -> String {
        let page = self.press("/tokens", &[&[("name", name), ("days", "30")], more].concat());
        assert_eq!((page.status, page.heading()), (200, "Your new token"), "{page:#?}");
        token_in(&page.body)
    }

    /// Revokes the first token of the list whose name this is.
    pub(super) fn revoke(&self, name: &str) {
        let page = self.go(&format!("{PORTAL}/tokens"));
        let (before, _) =
            page.body.split_once(&format!("Revoke {name}</button>")).unwrap_or_else(|| panic!("{page:#?}"));
        let value = before.rsplit_once("name=\"token\" value=\"").unwrap().1.split_once('"').unwrap().0.to_owned();
        let form = Form { action: "/tokens/revoke".into(), fields: vec![("csrf".into(), csrf(&page))] };
        let page = self.submit(&page, form, &[("token", &value)]);
        assert!(page.body.contains("It is revoked"), "{page:#?}");
    }

    /// Asks for `url` as a tool does, with this for a token.
    pub(crate) fn tool(&self, url: &str, token: &str, more: &[&str]) -> Page {
        let credentials = format!("token:{token}");
        self.bare_curl(url, &[&["--proxy-user", &credentials], more].concat())
    }
}

pub(crate) fn csrf(page: &Page) -> String {
    let rest = page.body.split_once("name=\"csrf\" value=\"").unwrap_or_else(|| panic!("no form: {page:#?}")).1;
    rest.split_once('"').unwrap().0.to_owned()
}

/// The token that a page or a shell's line shows.
pub(crate) fn token_in(text: &str) -> String {
    let rest = text.split_once("vst_").unwrap_or_else(|| panic!("no token in {text}")).1;
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
    format!("vst_{}", &rest[..end])
}
