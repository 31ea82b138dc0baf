//! Two people, each with a browser of their own, who go from page to page at the same time.

use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vestibule::app::demo::world::PORTAL;

use super::mode::Mode;
use super::sites::{PLAIN, Sites};
use crate::browsers::{Firefox, Window};
use crate::chromium::Stage;

/// How long a page may take, with all that it loads.
const PATIENCE: Duration = Duration::from_secs(90);

/// How long what no page waits for may take to arrive.
const TIME: Duration = Duration::from_secs(15);

/// How long to wait at a time.
const TURN: Duration = Duration::from_millis(100);

/// A person who is left at the portal for so long has been asked to sign in, and is not just passing through.
const ASKED: Duration = Duration::from_secs(6);

/// Somebody who has an account.
#[derive(Clone, Copy, Debug)]
pub(super) struct Person {
    /// How addresses say that it is their browser.
    pub(super) who: &'static str,
    account: &'static str,
    password: &'static str,
    /// Their name in records.
    pub(super) user: &'static str,
}

pub(super) const SIMON: Person =
    Person { who: "simon", account: "bsimon@contoso.com", password: "simon", user: "B.Simon@contoso.com" };
pub(super) const ALEX: Person =
    Person { who: "alex", account: "alexw@contoso.com", password: "alex", user: "AlexW@contoso.com" };

/// A kind of browser, with the habits that it comes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Chromium,
    Firefox,
}

/// What a browser was to load, and whether it did, as far as its page could know.
#[derive(Clone, Debug)]
pub(super) struct Load {
    pub(super) url: String,
    pub(super) came: Option<bool>,
}

impl Kind {
    fn start(self, stage: &Stage, mode: Mode) -> Box<dyn Window> {
        let (trust, pac) = (mode.trust(), mode.pac(stage));
        match self {
            Self::Chromium => {
                let names = "--host-resolver-rules=MAP proxy.test 127.0.0.1, MAP *.proxy.test 127.0.0.1";
                let pac = format!("--proxy-pac-url={pac}");
                Box::new(stage.browser_with(trust, &[&pac, names], json!({})))
            }
            Self::Firefox => {
                let preferences = [
                    ("network.proxy.autoconfig_url", json!(pac)),
                    // It resolves no name but the proxy's.
                    ("network.dns.forceResolve", json!("127.0.0.1")),
                    // Or it asks for no tunnel at all for a WebSocket to a site that it has an idle tunnel to: it opens ten
                    // connections to an HTTP/2 proxy, sends nothing, and gives up (Firefox 153).
                    ("network.http.http2.websockets", json!(false)),
                ];
                Box::new(Firefox::start_with(stage, trust, &preferences))
            }
        }
    }
}

/// One person on their way.
struct Walk<'a> {
    window: Box<dyn Window>,
    stage: &'a Stage,
    sites: &'a Sites,
    who: &'static str,
    loads: Vec<Load>,
}

/// Signs in and goes from page to page. Gives back all that the browser was to load, from the first page on.
pub(super) fn walk(stage: &Stage, sites: &Sites, mode: Mode, kind: Kind, person: Person) -> Vec<Load> {
    let who = person.who;
    let mut walk = Walk { window: kind.start(stage, mode), stage, sites, who, loads: Vec::new() };
    let first = format!("{}://north.test/{who}/page/1", mode.first_scheme());
    walk.window.open(&first);
    walk.window.sign_in(person.account, person.password);
    walk.arrive(first);
    walk.open(&format!("http://{PLAIN}"), "page/2");
    walk.post(&format!("http://{PLAIN}"), "form/3");
    walk.open("https://north.test", "page/4");
    // A service worker asks for this one.
    walk.open("https://north.test", "kept/5");
    // By way of a site without https.
    walk.window.open(&format!("https://east.test/{who}/hop-3-page/6"));
    walk.arrive(format!("https://west.test/{who}/page/6"));
    walk.post("https://east.test", "form/7");
    walk.open("http://north.test", "page/8");
    walk.post("http://south.test", "form-from-elsewhere/9");
    walk.loads
}

impl Walk<'_> {
    fn open(&mut self, site: &str, rest: &str) {
        let url = format!("{site}/{}/{rest}", self.who);
        self.window.open(&url);
        self.arrive(url);
    }

    fn post(&mut self, site: &str, rest: &str) {
        let url = format!("{site}/{}/{rest}", self.who);
        self.window.run(&format!(
            "const form = document.createElement('form'); form.method = 'post'; form.action = {url:?}; \
             document.body.append(form); form.submit();"
        ));
        self.arrive(url);
    }

    /// Waits for a page and all that it loads, as far as these come.
    fn arrive(&mut self, url: String) {
        let said = self.wait(&url);
        let loads: Vec<_> = said.as_array().into_iter().flatten().map(Load::read).collect();
        self.wait_for_unseen(loads.iter().filter(|load| load.came.is_none()).map(|load| load.url.clone()).collect());
        self.loads.push(Load { url, came: Some(said.is_array()) });
        self.loads.extend(loads);
    }

    /// Waits until these have arrived, or have been answered by the proxy itself.
    fn wait_for_unseen(&self, mut urls: Vec<String>) {
        let begun = Instant::now();
        while !self.sites.wait_for(&urls, TURN) && begun.elapsed() < TIME {
            let records = self.stage.records();
            let is_refused = |url: &str| {
                let mut of =
                    records.iter().filter(|record| record["path"].as_str().is_some_and(|path| url.ends_with(path)));
                of.any(|record| record["decision"] != "permitted")
            };
            urls.retain(|url| !is_refused(url));
        }
    }

    /// What the page says that it has loaded, once it does.
    #[expect(clippy::print_stdout, reason = "a page that does not come is worth a word")]
    fn wait(&self, url: &str) -> Value {
        let (begun, mut asked) = (Instant::now(), None);
        loop {
            let at = self.window.url();
            if at == url {
                let said = self.window.run("return self.loads ?? null");
                if said.is_array() {
                    return said;
                }
            }
            asked = if at.starts_with(PORTAL) { asked.or(Some(Instant::now())) } else { None };
            if asked.is_some_and(|since| since.elapsed() > ASKED) || begun.elapsed() > PATIENCE {
                println!("{url} did not come: at {at:.80}");
                return Value::Null;
            }
            sleep(Duration::from_millis(50));
        }
    }
}

impl Load {
    fn read(said: &Value) -> Self {
        Self { url: said["url"].as_str().unwrap().to_owned(), came: said["ok"].as_bool() }
    }
}
