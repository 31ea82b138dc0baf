//! Firefox, driven over Marionette: what WebDriver is made of there. Each message is its length, a colon, and JSON.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Habits, PATIENCE, Window};
use crate::chromium::{Place, Stage, Trust, certutil};
use crate::peers;

/// The name of an element in WebDriver's messages (§12.2).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// The key Enter, as WebDriver spells it (§17.4.2).
const ENTER: &str = "\u{E007}";

/// A running Firefox. It ends when it is dropped.
pub(crate) struct Firefox {
    process: Child,
    /// The connection, and the number of the last message.
    wire: Mutex<(TcpStream, u64)>,
    _home: TempDir,
    _place: Place,
}

impl Firefox {
    /// Starts it with a fresh profile.
    pub(super) fn start(stage: &Stage, habits: Habits) -> Self {
        // 0: all cookies; 1: none for third parties.
        let cookies = i32::from(habits.blocks_third_parties);
        let preferences = [
            ("network.cookie.cookieBehavior", json!(cookies)),
            ("network.cookie.cookieBehavior.pbmode", json!(cookies)),
            ("browser.privatebrowsing.autostart", json!(habits.private)),
        ];
        Self::start_with(stage, habits.trust, &preferences)
    }

    /// Starts it with a fresh profile and these preferences.
    pub(crate) fn start_with(stage: &Stage, trust: Trust, preferences: &[(&str, Value)]) -> Self {
        let place = stage.place();
        let home = tempfile::tempdir().unwrap();
        let profile = home.path().join("profile");
        std::fs::create_dir_all(&profile).unwrap();
        certutil(&profile, &["-N", "--empty-password"]);
        for (name, file) in stage.authorities(trust) {
            certutil(&profile, &["-A", "-t", "C,,", "-n", name, "-i", &file.display().to_string()]);
        }
        let port = peers::free().port();
        std::fs::write(profile.join("user.js"), user_file(stage, port, preferences)).unwrap();
        let mut command = Command::new(binary());
        command.env("HOME", home.path()).env("MOZ_HEADLESS", "1").env_remove("DISPLAY");
        command.args(["--headless", "--no-remote", "--marionette", "--profile"]).arg(&profile);
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let process = process.unwrap_or_else(|error| panic!("{error}: it is in the apt package firefox-esr"));
        let mut firefox = Self { wire: Mutex::new((connect(port), 0)), process, _home: home, _place: place };
        let greeting = receive(&mut firefox.wire.get_mut().unwrap_or_else(PoisonError::into_inner).0);
        assert_eq!(greeting["marionetteProtocol"], 3, "{greeting}");
        let time = u64::try_from(PATIENCE.as_millis()).unwrap();
        let wanted = json!({ "unhandledPromptBehavior": "ignore", "timeouts": { "pageLoad": time } });
        firefox.ask("WebDriver:NewSession", &wanted).unwrap();
        firefox
    }

    fn ask(&self, command: &str, parameters: &Value) -> Result<Value, String> {
        let mut wire = self.wire.lock().unwrap_or_else(PoisonError::into_inner);
        let (stream, number) = &mut *wire;
        *number += 1;
        let message = json!([0, *number, command, parameters]).to_string();
        write!(stream, "{}:{message}", message.len()).unwrap();
        loop {
            let answer = receive(stream);
            if answer[1] == *number {
                return if answer[2].is_null() { Ok(answer[3].clone()) } else { Err(answer[2].to_string()) };
            }
        }
    }

    fn find(&self, css: &str) -> Option<String> {
        let found = self.ask("WebDriver:FindElement", &json!({ "using": "css selector", "value": css })).ok()?;
        found["value"][ELEMENT].as_str().map(str::to_owned)
    }
}

impl Window for Firefox {
    fn open(&self, url: &str) {
        // An error page is an error here.
        drop(self.ask("WebDriver:Navigate", &json!({ "url": url })));
    }

    fn url(&self) -> String {
        let url = self.ask("WebDriver:GetCurrentURL", &json!({})).unwrap_or_default();
        url["value"].as_str().unwrap_or_default().to_owned()
    }

    fn run(&self, script: &str) -> Value {
        let done = self.ask("WebDriver:ExecuteScript", &json!({ "script": script, "args": [] }));
        done.unwrap_or_default()["value"].clone()
    }

    fn type_into(&self, css: &str, text: &str, enter: bool) {
        let element = self.find(css).unwrap_or_else(|| panic!("no {css} on {}:\n{}", self.url(), self.text()));
        let text = format!("{text}{}", if enter { ENTER } else { "" });
        self.ask("WebDriver:ElementSendKeys", &json!({ "id": element, "text": text })).unwrap();
    }

    fn click(&self, css: &str) {
        self.wait_for(css);
        let element = self.find(css).unwrap_or_else(|| panic!("no {css} on {}:\n{}", self.url(), self.text()));
        self.ask("WebDriver:ElementClick", &json!({ "id": element })).unwrap();
    }

    fn frame_texts(&self) -> Vec<String> {
        let count = self.run("return document.querySelectorAll('iframe').length").as_u64().unwrap_or(0);
        let read = |frame| {
            self.ask("WebDriver:SwitchToFrame", &json!({ "id": frame })).unwrap();
            let text = self.text();
            self.ask("WebDriver:SwitchToFrame", &json!({ "id": null })).unwrap();
            text
        };
        (0..count).map(read).collect()
    }
}

impl Drop for Firefox {
    fn drop(&mut self) {
        // Its other processes end when they lose the first one.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn connect(port: u16) -> TcpStream {
    let begun = Instant::now();
    loop {
        match TcpStream::connect(("127.0.0.1", port)) {
            Ok(stream) => {
                stream.set_read_timeout(Some(3 * PATIENCE)).unwrap();
                return stream;
            }
            Err(error) => assert!(begun.elapsed() < 2 * PATIENCE, "Firefox does not listen: {error}"),
        }
        sleep(Duration::from_millis(100));
    }
}

fn receive(stream: &mut TcpStream) -> Value {
    let (mut length, mut byte) = (0, [0]);
    loop {
        stream.read_exact(&mut byte).unwrap_or_else(|error| panic!("Firefox says nothing any more: {error}"));
        if byte[0] == b':' {
            break;
        }
        length = length * 10 + usize::from(byte[0] - b'0');
    }
    let mut message = vec![0; length];
    stream.read_exact(&mut message).unwrap();
    serde_json::from_slice(&message).unwrap()
}

/// What is different from what Firefox does by itself. The last line of a name counts.
fn user_file(stage: &Stage, port: u16, more: &[(&str, Value)]) -> String {
    let lines = [
        ("marionette.port", json!(port)),
        ("network.proxy.type", json!(2)),
        ("network.proxy.autoconfig_url", json!(format!("http://{}/proxy.pac", stage.proxy))),
        ("datareporting.policy.dataSubmissionEnabled", json!(false)),
        ("browser.shell.checkDefaultBrowser", json!(false)),
        ("app.update.enabled", json!(false)),
        ("dom.security.https_first", json!(false)),
        ("dom.security.https_first_pbm", json!(false)),
        ("network.captive-portal-service.enabled", json!(false)),
        ("network.connectivity-service.enabled", json!(false)),
        ("security.sandbox.content.level", json!(0)),
        ("browser.startup.page", json!(0)),
    ];
    lines.iter().chain(more).map(|(name, value)| format!("user_pref({name:?}, {value});\n")).collect()
}

/// Debian's name for it, or that of others.
fn binary() -> &'static str {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_there = |name: &str| std::env::split_paths(&path).any(|folder| Path::new(&folder).join(name).exists());
    if is_there("firefox-esr") { "firefox-esr" } else { "firefox" }
}
