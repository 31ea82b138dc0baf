//! The whole program in one line: a proxy, a portal, a practice identity provider and origins, on ports of their own.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Once, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::Ticketer;
use serde_json::Value;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use vestibule::app::demo::{Demo, Lines};
use vestibule::app::{Changed, Reloader};
use vestibule::authority::Authority;
use vestibule::clock::{Clock, SignedDuration, Timestamp};

use super::browser::Browser;

/// How long anything may take that is not measured.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Says something to whoever runs the tests with `--nocapture`: a figure that was measured.
pub(crate) fn say_aside(text: &str) {
    drop(std::io::Write::write_all(&mut std::io::stderr(), format!("{text}\n").as_bytes()));
}

/// The program, serving until it is dropped.
pub(crate) struct World {
    pub(crate) proxy: SocketAddr,
    pub(crate) portal: SocketAddr,
    listeners: Vec<(String, SocketAddr)>,
    pub(crate) clock: Clock,
    /// Whether the clock goes on by itself.
    going: Once,
    /// All certificates that a browser trusts here.
    pub(crate) bundle: PathBuf,
    /// The certificate that stands for the public web's authorities.
    pub(crate) web: PathBuf,
    folder: TempDir,
    reloader: Reloader,
    runtime: tokio::runtime::Handle,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

/// What can be different about a world.
pub(crate) struct Builder {
    folder: TempDir,
    hosts: String,
    limits: String,
    egress: String,
    portal: String,
    config: String,
    clock: Clock,
    web: Option<Authority>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::build().start()
    }

    pub(crate) fn build() -> Builder {
        Builder {
            folder: tempfile::tempdir().unwrap(),
            hosts: String::new(),
            limits: "drain_time = \"1s\"\n".to_owned(),
            egress: String::new(),
            portal: String::new(),
            config: String::new(),
            // The time of certificates has to be right for curl, too.
            clock: Clock::by_hand(Timestamp::now()),
            web: None,
        }
    }

    /// Lets the clock go on with the system's from now on, as that of a program in another process does: an identity
    /// provider whose clock stands still would be a minute late in a long test.
    pub(crate) fn go_on(&self) {
        self.going.call_once(|| {
            let (clock, stop) = (self.clock.clone(), self.stop.clone());
            self.runtime.spawn(async move {
                while !stop.is_cancelled() {
                    clock.advance(Timestamp::now().duration_since(clock.now()).max(SignedDuration::ZERO));
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            });
        });
    }

    /// A browser with nothing in its jar.
    pub(crate) fn browser(&self) -> Browser<'_> {
        Browser::new(self)
    }

    /// Where its files are.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where a listener of this name listens.
    pub(crate) fn listener(&self, name: &str) -> SocketAddr {
        self.listeners.iter().find(|(found, _)| found == name).unwrap().1
    }

    /// A new path in the folder of this world.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.folder.path().join(format!("{name}-{number}"))
    }

    /// The access records so far.
    pub(crate) fn records(&self) -> Vec<Value> {
        records(&self.log_text())
    }

    /// The access log so far, as it is in its file.
    pub(crate) fn log_text(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("access.log")).unwrap()
    }

    /// The one access record that `wanted` picks, as soon as it is written.
    pub(crate) fn record(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut found = self.wait_for(|all| all.iter().any(&wanted));
        found.retain(|record| wanted(record));
        assert_eq!(found.len(), 1, "one record was wanted: {found:#?}");
        found.remove(0)
    }

    /// Waits until the last access record that `wanted` picks has these values: a record is written when its answer
    /// has been sent, which a client may see before the log does.
    pub(crate) fn last_record_has(&self, wanted: impl Fn(&Value) -> bool, values: &[(&str, Value)]) {
        self.wait_for(|all| {
            let last = all.iter().rfind(|record| wanted(record));
            last.is_some_and(|record| values.iter().all(|(field, value)| record[field] == *value))
        });
    }

    /// The access records, as soon as they are as they should be.
    pub(crate) fn wait_for(&self, good: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let begun = Instant::now();
        loop {
            let all = self.records();
            if good(&all) {
                return all;
            }
            assert!(begun.elapsed() < PATIENCE, "the record that was wanted is not there: {all:#?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Changes the configuration file and has it read again: what has changed, or what is wrong.
    pub(crate) fn reload(&self, change: impl Fn(String) -> String) -> Result<Changed, String> {
        let file = self.folder.path().join("demo.toml");
        std::fs::write(&file, change(std::fs::read_to_string(&file).unwrap())).unwrap();
        self.runtime.block_on(self.reloader.reload("a test"))
    }

    /// The access records after everything has ended.
    pub(crate) fn end(mut self) -> Vec<Value> {
        self.finish();
        records(&self.log_text())
    }

    fn finish(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            // Whatever went wrong there has been seen here before.
            drop(thread.join());
        }
    }
}

impl Builder {
    /// Answers for `name:port` at an address and port, or for `name` at an address.
    pub(crate) fn host(mut self, name: &str, address: impl std::fmt::Display) -> Self {
        writeln!(self.hosts, "{name:?} = \"{address}\"").unwrap();
        self
    }

    /// Lines for `[limits]`.
    pub(crate) fn limits(mut self, lines: &str) -> Self {
        writeln!(self.limits, "{lines}").unwrap();
        self
    }

    /// How long a stop waits for what is under way, where a test says when that ends.
    pub(crate) fn drain_time(mut self, time: &str) -> Self {
        self.limits = self.limits.replacen("drain_time = \"1s\"", &format!("drain_time = {time:?}"), 1);
        self
    }

    /// Lines for `[egress]`.
    pub(crate) fn egress(mut self, lines: &str) -> Self {
        writeln!(self.egress, "{lines}").unwrap();
        self
    }

    /// Lines for `[portal]`.
    pub(crate) fn portal(mut self, lines: &str) -> Self {
        writeln!(self.portal, "{lines}").unwrap();
        self
    }

    /// DNS servers to ask.
    pub(crate) fn servers(self, servers: &[SocketAddr]) -> Self {
        let servers: Vec<_> = servers.iter().map(SocketAddr::to_string).collect();
        self.config(&format!("[dns]\nservers = {servers:?}"))
    }

    /// Sections for the configuration.
    pub(crate) fn config(mut self, text: &str) -> Self {
        writeln!(self.config, "{text}").unwrap();
        self
    }

    /// A network with these client addresses.
    pub(crate) fn network(self, name: &str, addresses: &str, options: &str) -> Self {
        self.config(&format!("[[network]]\nname = {name:?}\naddresses = [{addresses:?}]\n{options}"))
    }

    /// Where its files are.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A TLS server with a certificate that the proxy and browsers trust. The keys of its tickets are its own: all servers of
    /// one authority share them otherwise, and whoever has met one would take another for it, without a certificate.
    pub(crate) fn certify(&mut self, host: &str) -> Arc<ServerConfig> {
        let mut server = ServerConfig::clone(&self.web().server(host).unwrap());
        server.ticketer = Ticketer::new().unwrap();
        Arc::new(server)
    }

    /// The same as PEM files: the chain and its key.
    pub(crate) fn certify_files(&mut self, host: &str) -> (PathBuf, PathBuf) {
        let (chain, key) = self.web().issue_pem(host).unwrap();
        let files = ["pem", "key"].map(|kind| self.folder.path().join(format!("{host}.{kind}")));
        let [chain_file, key_file] = files;
        std::fs::write(&chain_file, chain).unwrap();
        std::fs::write(&key_file, key).unwrap();
        (chain_file, key_file)
    }

    fn web(&mut self) -> &Authority {
        let (folder, clock) = (self.folder.path().join("web"), self.clock.clone());
        self.web.get_or_insert_with(|| Authority::open_or_create(&folder, "Vestibule demo web", clock).unwrap())
    }

    pub(crate) fn start(self) -> World {
        let Self { folder, hosts, limits, egress, portal, config, clock, .. } = self;
        let access = folder.path().join("access.log");
        let audit = folder.path().join("audit.log");
        let extra = format!("{hosts}\n[log]\naccess = {access:?}\naudit = {audit:?}\n[limits]\n{limits}\n{config}\n");
        let stop = CancellationToken::new();
        let (tell, told) = mpsc::channel();
        let thread = {
            let (folder, clock, stop) = (folder.path().to_owned(), clock.clone(), stop.clone());
            std::thread::spawn(move || {
                let mut runtime = tokio::runtime::Builder::new_multi_thread();
                let runtime = runtime.worker_threads(2).enable_all().build().unwrap();
                runtime.block_on(async {
                    let any = SocketAddr::from(([127, 0, 0, 1], 0));
                    match Demo::start_with(&folder, any, Lines { portal: &portal, egress: &egress }, &extra, &clock)
                        .await
                    {
                        Ok(demo) => {
                            let files = demo.files().clone();
                            let (reloader, handle) = (demo.reloader().clone(), tokio::runtime::Handle::current());
                            tell.send(Ok((demo.proxy(), demo.app().addresses(), files, reloader, handle))).unwrap();
                            demo.run(stop).await.unwrap();
                        }
                        Err(error) => tell.send(Err(error.to_string())).unwrap(),
                    }
                });
                runtime.shutdown_timeout(Duration::from_secs(1));
            })
        };
        let (proxy, listeners, files, reloader, runtime) =
            told.recv().unwrap().unwrap_or_else(|error| panic!("{error}"));
        let portal = listeners.iter().find(|(name, _)| name == "portal").unwrap().1;
        World {
            proxy,
            portal,
            listeners,
            clock,
            going: Once::new(),
            bundle: files.bundle,
            web: files.web,
            folder,
            reloader,
            runtime,
            stop,
            thread: Some(thread),
        }
    }
}

fn records(text: &str) -> Vec<Value> {
    let lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    lines.map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}
