//! The real program, as `vestibule run` starts it, with the identity provider and the origins of a [`World`].

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::browser::Browser;
use super::world::{PATIENCE, World};

/// A running program. It is killed when this is dropped, as a crash would.
pub(crate) struct Node {
    pub(crate) proxy: SocketAddr,
    pub(crate) portal: SocketAddr,
    pub(crate) folder: PathBuf,
    /// The authorities that browsers trust here.
    pub(crate) bundle: PathBuf,
    child: Child,
    events: Arc<Mutex<Vec<Value>>>,
}

/// How a node is started.
pub(crate) struct Setup<'a> {
    world: &'a World,
    folder: PathBuf,
    config: String,
    limit: Option<u32>,
    records: PathBuf,
    read_only: bool,
}

impl<'a> Setup<'a> {
    /// A node whose state is in `folder`, beside `world`.
    pub(crate) fn new(world: &'a World, folder: &Path) -> Self {
        world.go_on();
        let (config, records) = (String::new(), folder.to_owned());
        Self { world, folder: folder.to_owned(), config, limit: None, records, read_only: false }
    }

    /// Sections for the configuration.
    pub(crate) fn config(mut self, text: &str) -> Self {
        self.config.push_str(text);
        self.config.push('\n');
        self
    }

    /// No file may be longer than so many blocks of 512 bytes: what a full disk looks like to the program.
    pub(crate) fn longest_file(mut self, blocks: u32) -> Self {
        self.limit = Some(blocks);
        self
    }

    /// The folder for access records, where the one for the state does not take them.
    pub(crate) fn records_in(mut self, folder: &Path) -> Self {
        self.records = folder.to_owned();
        self
    }

    /// It may read its folder, and write nothing there.
    pub(crate) fn read_only(mut self) -> Self {
        self.read_only = true;
        self
    }

    /// Starts it, and waits until it ends: the exit code, and what it said.
    pub(crate) fn fail(&self) -> (Option<i32>, String) {
        let output = self.spawn().wait_with_output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    fn spawn(&self) -> Child {
        std::fs::create_dir_all(&self.folder).unwrap();
        let file = self.folder.join("node.toml");
        std::fs::write(&file, self.text()).unwrap();
        let program = env!("CARGO_BIN_EXE_vestibule");
        let mut before = self.limit.map_or(String::new(), |blocks| format!("trap '' XFSZ; ulimit -f {blocks}; "));
        let mut run = "exec".to_owned();
        if self.read_only {
            before += &format!("chmod -R a-w '{}'; ", self.folder.display());
            // To root, permissions are nothing but advice. Without these two capabilities they hold.
            run += "${VESTIBULE_TEST_ROOT:+ setpriv --bounding-set -dac_override,-dac_read_search}";
        }
        let mut command = Command::new("sh");
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        if rustix::process::geteuid().is_root() {
            command.env("VESTIBULE_TEST_ROOT", "yes");
        }
        command.args(["-c", &format!("{before}{run} \"$0\" run --config \"$1\""), program]).arg(&file);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Starts it, and waits until it is ready.
    pub(crate) fn start(&self) -> Node {
        let mut child = self.spawn();
        let stderr = child.stderr.take().unwrap();
        let events = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&events);
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let event = serde_json::from_str(&line).unwrap_or(Value::String(line));
                heard.lock().unwrap().push(event);
            }
        });
        let any = SocketAddr::from(([0, 0, 0, 0], 0));
        let folder = self.folder.clone();
        let mut node = Node { proxy: any, portal: any, bundle: folder.join("both.pem"), folder, child, events };
        node.wait_for_event("ready");
        (node.proxy, node.portal) = (node.listener("proxy"), node.listener("portal"));
        let authority = std::fs::read_to_string(node.folder.join("authority.pem")).unwrap_or_default();
        let web = std::fs::read_to_string(&self.world.web).unwrap();
        // Where nothing can be written, it stands there since before.
        drop(std::fs::write(&node.bundle, authority + &web));
        node
    }

    fn text(&self) -> String {
        let (theirs, ours) = (self.world.folder().display().to_string(), self.folder.display().to_string());
        let text = std::fs::read_to_string(self.world.folder().join("demo.toml")).unwrap();
        let state = text.replace(&format!("\nstate = {theirs:?}"), &format!("\nstate = {ours:?}"));
        assert_ne!(state, text);
        let log = format!("access = {:?}", self.world.folder().join("access.log"));
        let ours = state.replace(&log, &format!("access = {:?}", self.records.join("access.log")));
        assert_ne!(ours, state);
        format!("{ours}{}", self.config)
    }
}

impl Node {
    /// A browser with nothing in its jar, that uses this node.
    pub(crate) fn browser<'a>(&self, world: &'a World) -> Browser<'a> {
        Browser { proxy: self.proxy, trusted: self.bundle.clone(), ..world.browser() }
    }

    /// The same browser, at this node from now on.
    pub(crate) fn take_over<'a>(&self, browser: Browser<'a>) -> Browser<'a> {
        Browser { proxy: self.proxy, trusted: self.bundle.clone(), ..browser }
    }

    /// Where a listener of this name listens.
    pub(crate) fn listener(&self, name: &str) -> SocketAddr {
        let events = self.events();
        let found = events.iter().find(|event| event["fields"]["listener"] == name).unwrap();
        found["fields"]["address"].as_str().unwrap().parse().unwrap()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// The same, whenever the caller wants.
    pub(crate) fn signal_later(&self, signal: &'static str) -> impl FnOnce() + Send + use<> {
        let process = self.child.id().to_string();
        move || drop(Command::new("kill").args([signal, &process]).status())
    }

    /// Ends it as operators do, and waits for that.
    pub(crate) fn stop(mut self) {
        self.signal("-TERM");
        self.child.wait().unwrap();
    }

    /// Ends it as a crash would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// The events so far.
    pub(crate) fn events(&self) -> Vec<Value> {
        self.events.lock().unwrap().clone()
    }

    /// Whether there is an event whose message begins like this.
    pub(crate) fn has_event(&self, message: &str) -> bool {
        let is_it = |event: &Value| event["fields"]["message"].as_str().is_some_and(|found| found.starts_with(message));
        self.events().iter().any(is_it)
    }

    /// Waits until there is an event whose message begins like this.
    pub(crate) fn wait_for_event(&self, message: &str) {
        let begun = Instant::now();
        while !self.has_event(message) {
            assert!(begun.elapsed() < PATIENCE, "no `{message}` in {:#?}", self.events());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The last access record of this host, as soon as it has these values.
    pub(crate) fn last_record_has(&self, host: &str, values: &[(&str, Value)]) {
        let begun = Instant::now();
        loop {
            let text = std::fs::read_to_string(self.folder.join("access.log")).unwrap_or_default();
            let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
            let records: Vec<Value> = whole.map(|line| serde_json::from_str(line).unwrap()).collect();
            let last = records.iter().rev().find(|record| record["host"] == host);
            if last.is_some_and(|last| values.iter().all(|(field, value)| last[field] == *value)) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{values:?} is not in {last:#?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
