//! The demo in this process, and browsers in front of it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use vestibule::app::demo::world::{Files, LOGIN, PORTAL};
use vestibule::app::demo::{Demo, Lines};
use vestibule::authority::Authority;
use vestibule::clock::Clock;
use vestibule::session::{Ending, Sessions};

use super::driver::{Driver, ENTER};
use super::site;

/// Browsers that run at once: each wants a core to itself.
const BROWSERS: usize = 2;

static RUNNING: (Mutex<usize>, Condvar) = (Mutex::new(0), Condvar::new());

/// The lines that make this machine one that several people share.
pub(crate) const SHARED: &str = "[[network]]\nname = \"shared\"\naddresses = [\"127.0.0.1/32\"]\nshared = true\n";

/// A proxy, a portal, a practice identity provider and practice origins.
pub(crate) struct Stage {
    pub(crate) proxy: SocketAddr,
    addresses: Vec<(String, SocketAddr)>,
    files: Files,
    stop: CancellationToken,
    /// Whether a browser has been started: those beside it wait for nobody, or two tests could wait for each other.
    has_browser: AtomicBool,
    folder: TempDir,
    sessions: Arc<Sessions>,
    runtime: Runtime,
}

/// Whom a device trusts.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Trust {
    /// The public web only: our authority is not on the device.
    Web,
    /// Our authority too.
    WebAndAuthority,
}

/// A browser with a profile of its own.
pub(crate) struct Browser {
    driver: Driver,
    _home: TempDir,
    place: Option<Place>,
}

impl Stage {
    pub(crate) fn open() -> Self {
        Self::open_with("")
    }

    /// With more lines of `[dns.hosts]`.
    pub(crate) fn open_with(hosts: &str) -> Self {
        Self::open_at(hosts, &Clock::system())
    }

    /// The same by this clock.
    pub(crate) fn open_at(hosts: &str, clock: &Clock) -> Self {
        Self::open_in(tempfile::tempdir().unwrap(), hosts, clock)
    }

    /// With the lines that `more` makes of the folder with its files.
    pub(crate) fn open_and(more: impl FnOnce(&Path) -> String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let hosts = more(folder.path());
        Self::open_in(folder, &hosts, &Clock::system())
    }

    /// With more lines of `[dns.hosts]`, and of `[portal]`.
    pub(crate) fn open_with_portal(hosts: &str, portal: &str) -> Self {
        Self::open_by(tempfile::tempdir().unwrap(), hosts, portal, &Clock::system())
    }

    fn open_in(folder: TempDir, hosts: &str, clock: &Clock) -> Self {
        Self::open_by(folder, hosts, "", clock)
    }

    fn open_by(folder: TempDir, hosts: &str, portal: &str, clock: &Clock) -> Self {
        let runtime = Runtime::new().unwrap();
        let hosts = runtime.block_on(site::start(folder.path())) + hosts;
        let extra =
            format!("{hosts}[log]\naccess = {:?}\n[limits]\ndrain_time = \"1s\"\n", folder.path().join("access.log"));
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let lines = Lines { portal, egress: "" };
        let demo = runtime.block_on(Demo::start_with(folder.path(), any, lines, &extra, clock)).unwrap();
        let addresses = demo.app().addresses();
        let (proxy, files, stop) = (demo.proxy(), demo.files().clone(), CancellationToken::new());
        let sessions = Arc::clone(demo.app().sessions());
        runtime.spawn(demo.run(stop.clone()));
        Self { proxy, addresses, files, stop, has_browser: AtomicBool::new(false), folder, sessions, runtime }
    }

    /// A place for a browser.
    pub(crate) fn place(&self) -> Place {
        if self.has_browser.swap(true, Ordering::Relaxed) { Place::beside() } else { Place::take() }
    }

    /// Ends every session, as an operator does.
    pub(crate) fn end_sessions(&self) {
        self.runtime.block_on(async {
            for session in self.sessions.list(None, 100).await.unwrap() {
                assert!(self.sessions.end(session.id, Ending::Operator).await.was_there);
            }
        });
    }

    /// The authorities that a device trusts, by name.
    pub(crate) fn authorities(&self, trust: Trust) -> Vec<(&'static str, PathBuf)> {
        let web = ("web", self.files.web.clone());
        match trust {
            Trust::Web => vec![web],
            Trust::WebAndAuthority => vec![web, ("authority", self.files.authority.clone())],
        }
    }

    /// All certificates that a browser trusts here.
    pub(crate) fn bundle(&self) -> &Path {
        &self.files.bundle
    }

    /// Where the secure web proxy listens.
    pub(crate) fn secure_proxy(&self) -> SocketAddr {
        self.addresses.iter().find(|(name, _)| name == "secure").unwrap().1
    }

    /// Where its files are.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// With a secure web proxy, called `proxy.test`, on a machine that several people share.
    pub(crate) fn secure() -> Self {
        Self::secure_with("")
    }

    /// The same with more lines of `[dns.hosts]`.
    pub(crate) fn secure_with(hosts: &str) -> Self {
        let listener = "[[listener]]\nname = \"secure\"\naddress = \"127.0.0.1:0\"\n";
        Self::open_with(&format!("{hosts}{SHARED}{listener}tls = {{ names = [\"proxy.test\"] }}\n"))
    }

    /// With a secure web proxy below whose name each device has one of its own, as from a public authority, on a machine
    /// that several people share. Its own PAC file for everybody is `/named.pac`.
    pub(crate) fn named() -> Self {
        Self::open_and(|folder| format!("{SHARED}{}", names(folder)))
    }

    /// A browser that has the PAC file at this address, and for which all names of the secure web proxy lead here.
    pub(crate) fn browser_by(&self, pac: &str, trust: Trust) -> Browser {
        let pac = format!("--proxy-pac-url={pac}");
        self.browser_with(trust, &[&pac, "--host-resolver-rules=MAP *.proxy.test 127.0.0.1"], json!({}))
    }

    /// The address of a PAC file that leads everything to the secure web proxy.
    pub(crate) fn secure_pac(&self) -> String {
        let port = self.secure_proxy().port();
        let function = format!("function FindProxyForURL(u,h){{return 'HTTPS proxy.test:{port}'}}");
        format!("data:application/x-ns-proxy-autoconfig,{function}")
    }

    /// The switches by which a browser uses the secure web proxy.
    pub(crate) fn secure_switches(&self) -> [String; 2] {
        // The address of a PAC file goes before the proxies that are named.
        let pac = format!("--proxy-pac-url={}", self.secure_pac());
        [pac, "--host-resolver-rules=MAP proxy.test 127.0.0.1".to_owned()]
    }

    /// A browser with a fresh profile.
    pub(crate) fn browser(&self, trust: Trust) -> Browser {
        self.browser_with(trust, &[], json!({}))
    }

    /// A browser with more switches and preferences.
    pub(crate) fn browser_with(&self, trust: Trust, switches: &[&str], preferences: Value) -> Browser {
        let place = self.place();
        let home = tempfile::tempdir().unwrap();
        let store = home.path().join(".pki/nssdb");
        std::fs::create_dir_all(&store).unwrap();
        certutil(&store, &["-N", "--empty-password"]);
        for (name, file) in self.authorities(trust) {
            certutil(&store, &["-A", "-t", "C,,", "-n", name, "-i", &file.display().to_string()]);
        }
        let mut all = vec![
            "--headless=new".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--disable-gpu".to_owned(),
            "--lang=en-US".to_owned(),
            format!("--user-data-dir={}", home.path().join("profile").display()),
            format!("--proxy-pac-url=http://{}/proxy.pac", self.proxy),
        ];
        // The last one of its kind counts.
        all.extend(switches.iter().map(|&switch| switch.to_owned()));
        let driver = Driver::start(home.path(), &all, preferences);
        Browser { driver, _home: home, place: Some(place) }
    }

    /// The access log so far.
    pub(crate) fn records(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.folder.path().join("access.log")).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Waits for an access record in which all of these are so.
    pub(crate) fn wait_for_record(&self, wanted: &Value) -> Value {
        let start = Instant::now();
        loop {
            let records = self.records();
            if let Some(found) = records.iter().find(|record| agrees(record, wanted)) {
                return found.clone();
            }
            if start.elapsed() > crate::world::PATIENCE {
                let lines: Vec<_> = records.iter().map(short).collect();
                panic!("no access record has {wanted}:\n{}", lines.join("\n"));
            }
            sleep(Duration::from_millis(50));
        }
    }

    /// How many access records have all of this.
    pub(crate) fn count(&self, wanted: &Value) -> usize {
        self.records().iter().filter(|record| agrees(record, wanted)).count()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// The lines of a secure web proxy below whose name each device has one of its own. Its certificate goes to this folder.
pub(crate) fn names(folder: &Path) -> String {
    // The demo opens the same authority afterwards.
    let web = Authority::open_or_create(&folder.join("web"), "Vestibule demo web", Clock::system()).unwrap();
    let (chain, key) = web.issue_pem("*.proxy.test").unwrap();
    let files = ["proxy.pem", "proxy.key"].map(|name| folder.join(name));
    for (file, text) in files.iter().zip([chain, key]) {
        std::fs::write(file, text).unwrap();
    }
    let [chain, key] = files;
    format!(
        "[[listener]]\nname = \"secure\"\naddress = \"127.0.0.1:0\"\n\
         tls = {{ certificate = {chain:?}, key = {key:?} }}\n[proxy_names]\ndomain = \"proxy.test\"\n\
         [[pac.file]]\nname = \"named\"\nportal = \"proxy\"\nidp = \"proxy\"\nnames = true\n"
    )
}

fn agrees(record: &Value, wanted: &Value) -> bool {
    wanted.as_object().is_some_and(|wanted| wanted.iter().all(|(name, value)| record.get(name) == Some(value)))
}

fn short(record: &Value) -> String {
    let names = ["method", "scheme", "host", "path", "status", "decision", "user", "surrogate", "reason"];
    names.map(|name| record.get(name).unwrap_or(&Value::Null).to_string()).join(" ")
}

impl std::ops::Deref for Browser {
    type Target = Driver;

    fn deref(&self) -> &Driver {
        &self.driver
    }
}

impl Browser {
    /// Signs in from the logon page that is shown: types the name, and the password at the identity provider.
    pub(crate) fn sign_in(&self, account: &str, password: &str) {
        self.name_account(account);
        self.fill("#password", password);
        self.press(ENTER);
    }

    /// Types the name on the logon page that is shown, and arrives at the identity provider.
    pub(crate) fn name_account(&self, account: &str) {
        self.wait_at(PORTAL);
        self.fill("#account", account);
        self.click("button[type=submit]");
        self.wait_at(LOGIN);
    }

    /// Does nothing for a while, and lets another browser run meanwhile.
    pub(crate) fn rest(&mut self, duration: Duration) {
        self.place = None;
        sleep(duration);
        self.place = Some(Place::take());
    }

    /// Shows the page in this colour scheme, on a screen of this width.
    pub(crate) fn look(&self, scheme: &str, width: u32) {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.devtools("Emulation.setEmulatedMedia", &json!({ "features": features })).unwrap();
        let screen = json!({ "width": width, "height": 800, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", &screen).unwrap();
    }

    /// Goes to an https address, and says who issued the certificate that the page came with.
    pub(crate) fn open_for_issuer(&self, url: &str) -> String {
        drop(self.network_events());
        self.open(url);
        let wanted = self.url();
        let events = self.network_events();
        let of_page = |event: &&Value| event.pointer("/params/response/url").and_then(Value::as_str) == Some(&wanted);
        let response = events.iter().rfind(of_page).unwrap_or_else(|| panic!("no response for {url}"));
        let issuer = response.pointer("/params/response/securityDetails/issuer").and_then(Value::as_str);
        issuer.unwrap_or_default().to_owned()
    }
}

/// A browser with a fresh profile, and without a proxy.
pub(crate) fn bare_browser() -> Browser {
    let (place, home) = (Place::take(), tempfile::tempdir().unwrap());
    let profile = format!("--user-data-dir={}", home.path().join("profile").display());
    let switches =
        ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-proxy-server", &profile];
    let driver = Driver::start(home.path(), &switches.map(str::to_owned), json!({}));
    Browser { driver, _home: home, place: Some(place) }
}

/// Changes a store of certificates of browsers.
pub(crate) fn certutil(store: &Path, arguments: &[&str]) {
    let store = format!("sql:{}", store.display());
    let status = Command::new("certutil").args(["-d", &store]).args(arguments).stderr(Stdio::null()).status();
    let status = status.unwrap_or_else(|error| panic!("certutil: {error}. It is in the apt package libnss3-tools"));
    assert!(status.success(), "certutil {arguments:?}: {status}");
}

/// A place among the browsers that run at once.
pub(crate) struct Place;

impl Place {
    /// One beside another one of the same test.
    fn beside() -> Self {
        *RUNNING.0.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        Self
    }

    fn take() -> Self {
        let (count, freed) = (&RUNNING.0, &RUNNING.1);
        let mut running = count.lock().unwrap_or_else(PoisonError::into_inner);
        while *running >= BROWSERS {
            running = freed.wait(running).unwrap_or_else(PoisonError::into_inner);
        }
        *running += 1;
        Self
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        *RUNNING.0.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        RUNNING.1.notify_one();
    }
}
