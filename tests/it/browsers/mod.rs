//! Chromium and Firefox side by side: pages made of five origins, and people who share a browser or an address.

mod firefox;
mod https_first;
mod page;
mod people;

use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;
use vestibule::app::demo::world::{LOGIN, PORTAL};

use super::chromium::{self, ENTER, Stage, Trust};
use crate::world::PATIENCE;
pub(crate) use firefox::Firefox;

/// What is different about a browser.
#[derive(Clone, Copy)]
struct Habits {
    trust: Trust,
    /// No cookies for a page's parts from other sites.
    blocks_third_parties: bool,
    /// A private window.
    private: bool,
}

/// A window of a browser, as a person uses it.
pub(crate) trait Window {
    /// Goes to an address, whatever comes of it.
    fn open(&self, url: &str);

    fn url(&self) -> String;

    /// Runs a function body in the page.
    fn run(&self, script: &str) -> Value;

    /// Types into a field, and presses Enter if wanted.
    fn type_into(&self, css: &str, text: &str, enter: bool);

    fn click(&self, css: &str);

    /// What a person reads in each frame of the page.
    fn frame_texts(&self) -> Vec<String>;

    fn text(&self) -> String {
        self.run("return document.body ? document.body.innerText : ''").as_str().unwrap_or_default().to_owned()
    }

    fn wait_until(&self, what: &str, holds: &dyn Fn() -> bool) {
        let begun = Instant::now();
        while !holds() {
            if begun.elapsed() > PATIENCE {
                panic!("waited in vain for: {what}\nat {}\n{}", self.url(), self.text());
            }
            sleep(Duration::from_millis(50));
        }
    }

    fn wait_text(&self, text: &str) {
        self.wait_until(text, &|| self.text().contains(text));
    }

    fn wait_for(&self, css: &str) {
        let script = format!("return document.querySelector({css:?}) !== null");
        self.wait_until(css, &|| self.run(&script) == Value::Bool(true));
    }

    /// Types the name on the logon page that is shown. The identity provider asks no more of whom it knows.
    fn name_account(&self, account: &str) {
        self.wait_until("the logon page", &|| self.url().starts_with(PORTAL));
        self.wait_for("#account");
        self.type_into("#account", account, true);
    }

    /// Signs in from the logon page that is shown.
    fn sign_in(&self, account: &str, password: &str) {
        self.name_account(account);
        self.wait_until("the identity provider", &|| self.url().starts_with(LOGIN));
        self.wait_for("#password");
        self.type_into("#password", password, true);
    }
}

/// A browser with a fresh profile.
fn chromium(stage: &Stage, habits: Habits) -> Box<dyn Window> {
    let switches: &[&str] = if habits.private { &["--incognito"] } else { &[] };
    // 0: all cookies; 1: none for third parties.
    let mode = i32::from(habits.blocks_third_parties);
    let preferences = serde_json::json!({
        "profile.cookie_controls_mode": mode, "profile.block_third_party_cookies": habits.blocks_third_parties
    });
    Box::new(stage.browser_with(habits.trust, switches, preferences))
}

fn firefox(stage: &Stage, habits: Habits) -> Box<dyn Window> {
    Box::new(Firefox::start(stage, habits))
}

impl Window for chromium::Browser {
    fn open(&self, url: &str) {
        // Whoever starts containers on this machine changes its network, and Chromium gives up what it is loading.
        for _ in 0..5 {
            match self.try_open(url) {
                Err(error) if error.contains("ERR_NETWORK_CHANGED") => sleep(Duration::from_secs(1)),
                _ => break,
            }
        }
    }

    fn url(&self) -> String {
        (**self).url()
    }

    fn run(&self, script: &str) -> Value {
        (**self).run(script)
    }

    fn type_into(&self, css: &str, text: &str, enter: bool) {
        self.fill(css, text);
        if enter {
            self.press(ENTER);
        }
    }

    fn click(&self, css: &str) {
        (**self).click(css);
    }

    fn frame_texts(&self) -> Vec<String> {
        (**self).frame_texts()
    }
}
