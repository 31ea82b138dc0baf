//! Chromium, driven over WebDriver (W3C) by way of chromedriver.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::world::PATIENCE;

/// The name of an element in WebDriver's messages (§12.2).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// The key Enter, as WebDriver spells it (§17.4.2).
pub(crate) const ENTER: &str = "\u{E007}";
/// The key Tab.
pub(crate) const TAB: &str = "\u{E004}";

/// A running browser. It ends when it is dropped.
pub(crate) struct Driver {
    process: Child,
    port: u16,
    session: String,
}

/// Starts chromedriver, and says on which port it listens. Now and then it chooses one that is taken by then, and ends.
fn chromedriver(home: &Path) -> (Child, u16) {
    const ATTEMPTS: usize = 5;
    let mut said = String::new();
    for _ in 0..ATTEMPTS {
        let mut process = Command::new("chromedriver")
            .arg("--port=0")
            .env("HOME", home)
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_CACHE_HOME")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("chromedriver: {error}. It is in the apt package chromium-driver"));
        let mut lines = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        while lines.read_line(&mut line).unwrap() > 0 {
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                let port = port.trim().trim_end_matches('.').parse().unwrap();
                // It must not wait for somebody to read what it says.
                std::thread::spawn(move || drop(std::io::copy(&mut lines, &mut std::io::sink())));
                return (process, port);
            }
            said.push_str(&line);
            line.clear();
        }
        process.wait().unwrap();
    }
    panic!("chromedriver ended at once, {ATTEMPTS} times: {said}");
}

impl Driver {
    /// Starts Chromium with this home folder and these switches and preferences.
    pub(crate) fn start(home: &Path, switches: &[String], mut preferences: Value) -> Self {
        // chromedriver would switch this off, and with it the search for a captive portal.
        let all = preferences.as_object_mut().unwrap();
        all.insert("alternate_error_pages.enabled".into(), json!(true));
        let (process, port) = chromedriver(home);
        let mut driver = Self { process, port, session: String::new() };
        let options = json!({
            "binary": binary(),
            "args": switches,
            "prefs": preferences,
            // Chromium asks for a captive portal by the very traffic that this switch turns off.
            "excludeSwitches": ["disable-background-networking"],
        });
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "unhandledPromptBehavior": "ignore",
            "goog:loggingPrefs": { "performance": "ALL" },
            "goog:chromeOptions": options,
        } } });
        let begun = driver.ask("POST", "/session", &wanted).unwrap_or_else(|error| panic!("Chromium: {error}"));
        driver.session = begun.get("sessionId").and_then(Value::as_str).unwrap().to_owned();
        driver
    }

    /// The process that has started everything that the browser consists of.
    pub(crate) fn process(&self) -> u32 {
        self.process.id()
    }

    /// Goes to an address. `Err` is what Chromium says about a page of its own that it shows instead.
    pub(crate) fn try_open(&self, url: &str) -> Result<(), String> {
        self.post("/url", &json!({ "url": url })).map(drop)
    }

    /// Goes to an address.
    pub(crate) fn open(&self, url: &str) {
        self.try_open(url).unwrap_or_else(|error| panic!("{url}: {error}"));
    }

    /// The button *Back*.
    pub(crate) fn back(&self) {
        self.post("/back", &json!({})).unwrap();
    }

    /// The button *Reload*.
    pub(crate) fn reload(&self) {
        self.post("/refresh", &json!({})).unwrap();
    }

    /// The address in the address bar.
    pub(crate) fn url(&self) -> String {
        self.get("/url").ok().and_then(|url| url.as_str().map(str::to_owned)).unwrap_or_default()
    }

    /// What a person reads on the page.
    pub(crate) fn text(&self) -> String {
        self.run("return document.body ? document.body.innerText : ''").as_str().unwrap_or_default().to_owned()
    }

    /// Runs a function body in the page.
    pub(crate) fn run(&self, script: &str) -> Value {
        self.post("/execute/sync", &json!({ "script": script, "args": [] })).unwrap_or_default()
    }

    /// Whether the page has such an element.
    pub(crate) fn has(&self, css: &str) -> bool {
        self.find(css).is_some()
    }

    /// An attribute or property of an element, as it is now.
    pub(crate) fn property(&self, css: &str, name: &str) -> String {
        let element = self.find(css).unwrap_or_else(|| panic!("no {css} on {}:\n{}", self.url(), self.text()));
        let value = self.get(&format!("/element/{element}/property/{name}")).unwrap();
        value.as_str().map_or_else(|| value.to_string(), str::to_owned)
    }

    /// What a person reads in each frame of the page.
    pub(crate) fn frame_texts(&self) -> Vec<String> {
        let count = self.run("return document.querySelectorAll('iframe').length").as_u64().unwrap_or(0);
        let read = |frame| {
            self.post("/frame", &json!({ "id": frame })).unwrap();
            let text = self.text();
            self.post("/frame", &json!({ "id": null })).unwrap();
            text
        };
        (0..count).map(read).collect()
    }

    /// Types into a field.
    pub(crate) fn fill(&self, css: &str, text: &str) {
        self.wait_for(css);
        let element = self.find(css).unwrap_or_else(|| panic!("no {css} on {}:\n{}", self.url(), self.text()));
        self.post(&format!("/element/{element}/value"), &json!({ "text": text })).unwrap();
    }

    /// Clicks.
    pub(crate) fn click(&self, css: &str) {
        self.wait_for(css);
        let element = self.find(css).unwrap_or_else(|| panic!("no {css} on {}:\n{}", self.url(), self.text()));
        self.post(&format!("/element/{element}/click"), &json!({})).unwrap();
    }

    /// Presses keys, wherever the focus is.
    pub(crate) fn press(&self, keys: &str) {
        let strokes: Vec<_> = keys
            .chars()
            .flat_map(|key| ["keyDown", "keyUp"].map(|stroke| json!({ "type": stroke, "value": key.to_string() })))
            .collect();
        let actions = json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": strokes }] });
        self.post("/actions", &actions).unwrap();
    }

    /// Waits for an element.
    pub(crate) fn wait_for(&self, css: &str) {
        self.wait_until(css, |driver| driver.has(css));
    }

    /// Waits until the address begins like this, and the page is there.
    pub(crate) fn wait_at(&self, prefix: &str) {
        self.wait_until(prefix, |driver| {
            driver.url().starts_with(prefix) && driver.run("return document.readyState") == "complete"
        });
    }

    /// Waits until the page says something.
    pub(crate) fn wait_text(&self, text: &str) {
        self.wait_until(text, |driver| driver.text().contains(text));
    }

    /// Waits until something holds.
    pub(crate) fn wait_until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let start = Instant::now();
        while !holds(self) {
            if start.elapsed() > PATIENCE {
                panic!("waited in vain for: {what}\nat {}\n{}", self.url(), self.text());
            }
            sleep(Duration::from_millis(50));
        }
    }

    /// Opens a tab and goes to it.
    pub(crate) fn new_tab(&self) -> String {
        let opened = self.post("/window/new", &json!({ "type": "tab" })).unwrap();
        let tab = opened.get("handle").and_then(Value::as_str).unwrap().to_owned();
        self.go_to(&tab);
        tab
    }

    /// The tab that commands are for.
    pub(crate) fn tab(&self) -> String {
        self.get("/window").unwrap().as_str().unwrap().to_owned()
    }

    /// All tabs.
    pub(crate) fn tabs(&self) -> Vec<String> {
        serde_json::from_value(self.get("/window/handles").unwrap()).unwrap()
    }

    /// Makes a tab the one that commands are for.
    pub(crate) fn go_to(&self, tab: &str) {
        self.post("/window", &json!({ "handle": tab })).unwrap();
    }

    /// A command of the Chrome DevTools Protocol.
    pub(crate) fn devtools(&self, command: &str, parameters: &Value) -> Result<Value, String> {
        self.post("/goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
    }

    /// What has happened on the network since this was last asked for: events of the Chrome DevTools Protocol.
    pub(crate) fn network_events(&self) -> Vec<Value> {
        let entries = self.post("/se/log", &json!({ "type": "performance" })).unwrap();
        let texts = entries.as_array().into_iter().flatten().filter_map(|entry| entry.get("message")?.as_str());
        texts.filter_map(|text| serde_json::from_str::<Value>(text).ok()?.get_mut("message").map(Value::take)).collect()
    }

    fn find(&self, css: &str) -> Option<String> {
        let found = self.post("/element", &json!({ "using": "css selector", "value": css })).ok()?;
        found.get(ELEMENT)?.as_str().map(str::to_owned)
    }

    fn get(&self, path: &str) -> Result<Value, String> {
        self.ask("GET", &format!("/session/{}{path}", self.session), &Value::Null)
    }

    fn post(&self, path: &str, parameters: &Value) -> Result<Value, String> {
        self.ask("POST", &format!("/session/{}{path}", self.session), parameters)
    }

    /// One command (§6.3) on a connection of its own.
    fn ask(&self, method: &str, path: &str, parameters: &Value) -> Result<Value, String> {
        let answer = self.exchange(method, path, parameters).map_err(|error| error.to_string())?;
        let mut answer: Value = serde_json::from_slice(&answer).map_err(|error| error.to_string())?;
        let value = answer.get_mut("value").map(Value::take).unwrap_or_default();
        match value.get("error").and_then(Value::as_str) {
            Some(error) => {
                Err(format!("{error}: {}", value.get("message").and_then(Value::as_str).unwrap_or_default()))
            }
            None => Ok(value),
        }
    }

    fn exchange(&self, method: &str, path: &str, parameters: &Value) -> std::io::Result<Vec<u8>> {
        let body = if parameters.is_null() { String::new() } else { parameters.to_string() };
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(120)))?;
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.port,
            body.len()
        )?;
        let mut reader = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            if line.trim().is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        Ok(body)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // This ends Chromium; then nobody is left to ask.
        if !self.session.is_empty() {
            drop(self.ask("DELETE", &format!("/session/{}", self.session), &Value::Null));
        }
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Where Chromium is: Debian, Ubuntu and Google name it differently.
fn binary() -> String {
    let path = std::env::var("PATH").unwrap_or_default();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let mut places = names.iter().flat_map(|name| path.split(':').map(move |folder| Path::new(folder).join(name)));
    let found = places.find(|place| place.is_file());
    let found = found.unwrap_or_else(|| panic!("there is no Chromium on PATH. It is in the apt package chromium"));
    found.display().to_string()
}
