//! Chromium and Firefox: a page with all its parts, and what people see when an origin answers badly.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::super::chromium::{Stage, Trust, certutil};
use super::super::origin::Origin;
use super::super::world::{PATIENCE, World};
use super::origins::{SAID, nginx, python};

#[test]
fn chromium_shows_pages_of_nginx_and_python_and_says_when_an_origin_answers_badly() {
    let mut builder = World::build();
    let (chain, key) = builder.certify_files("nginx.test");
    let (nginx, python) = (nginx(builder.folder(), &chain, &key), python(&builder.folder().join("python")));
    let bad = Origin::answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nEVIL!");
    let hosts = format!(
        "\"nginx.test:80\" = \"{}\"\n\"python.test:80\" = \"{}\"\n\"bad.test:80\" = \"{}\"\n",
        nginx.plain, python.plain, bad.address
    );
    let stage = Stage::open_with(&hosts);
    let browser = stage.browser(Trust::Web);
    browser.open("http://nginx.test/page.html");
    browser.sign_in("bsimon@contoso.com", "simon");
    browser.wait_text(SAID);
    browser.open("http://python.test/");
    browser.wait_text("letters.txt");
    browser.open("http://bad.test/");
    browser.wait_text("could not be understood");
    assert!(!browser.text().contains("EVIL"), "{}", browser.text());
}

#[test]
fn firefox_shows_a_page_of_nginx_with_all_its_parts() {
    let mut builder = World::build();
    let (chain, key) = builder.certify_files("nginx.test");
    let nginx = nginx(builder.folder(), &chain, &key);
    let world = builder.host("nginx.test:80", nginx.plain).start();
    world.browser().arrive("http://news.test/");
    let _firefox = Firefox::start(&world, "http://nginx.test/page.html");
    // The page tells by asking for an address whose name is what has come.
    let begun = Instant::now();
    let said = loop {
        let all = world.records();
        let said = all.iter().filter_map(|record| record["path"].as_str()).find(|path| path.starts_with("/said/"));
        if let Some(said) = said {
            break said.to_owned();
        }
        assert!(begun.elapsed() < 9 * PATIENCE, "Firefox does not say what has come: {all:#?}");
        std::thread::sleep(Duration::from_millis(50));
    };
    assert_eq!(said, format!("/said/{SAID}"));
}

/// Firefox with a profile of its own.
pub(crate) struct Firefox {
    process: Child,
    _home: TempDir,
}

impl Firefox {
    fn start(world: &World, url: &str) -> Self {
        let (host, port) = (world.proxy.ip(), world.proxy.port());
        let proxy = format!(
            "user_pref(\"network.proxy.type\", 1);
user_pref(\"network.proxy.http\", \"{host}\");
user_pref(\"network.proxy.http_port\", {port});
user_pref(\"network.proxy.ssl\", \"{host}\");
user_pref(\"network.proxy.ssl_port\", {port});
"
        );
        Self::start_with(&proxy, None, url)
    }

    /// One that has the PAC file at this address. All names lead to this machine: it needs none but the proxy's.
    pub(crate) fn start_by(pac: &str, trusted: &Path, url: &str) -> Self {
        let proxy = format!(
            "user_pref(\"network.proxy.type\", 2);
user_pref(\"network.proxy.autoconfig_url\", \"{pac}\");
user_pref(\"network.dns.forceResolve\", \"127.0.0.1\");
"
        );
        Self::start_with(&proxy, Some(trusted), url)
    }

    fn start_with(proxy: &str, trusted: Option<&Path>, url: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let profile = home.path().join("profile");
        std::fs::create_dir_all(&profile).unwrap();
        if let Some(trusted) = trusted {
            certutil(&profile, &["-N", "--empty-password"]);
            certutil(&profile, &["-A", "-t", "C,,", "-n", "web", "-i", &trusted.display().to_string()]);
        }
        let preferences = format!(
            "{proxy}user_pref(\"datareporting.policy.dataSubmissionEnabled\", false);
user_pref(\"browser.shell.checkDefaultBrowser\", false);
user_pref(\"app.update.enabled\", false);
user_pref(\"dom.security.https_first\", false);
user_pref(\"security.sandbox.content.level\", 0);
"
        );
        std::fs::write(profile.join("user.js"), preferences).unwrap();
        // Debian's name for it, and that of others.
        let names = std::env::var_os("PATH").unwrap_or_default();
        let esr = std::env::split_paths(&names).any(|folder| folder.join("firefox-esr").exists());
        let mut command = Command::new(if esr { "firefox-esr" } else { "firefox" });
        command.env("HOME", home.path()).env("MOZ_HEADLESS", "1");
        command.args(["--headless", "--no-remote", "--profile"]).arg(&profile).arg(url);
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let process = process.unwrap_or_else(|error| panic!("{error}: it is in the apt package firefox-esr"));
        Self { process, _home: home }
    }
}

impl Drop for Firefox {
    fn drop(&mut self) {
        // Its other processes end when they lose the first one.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
