use std::process::{Child, Command, Stdio};
use std::time::Instant;

use super::*;
use crate::clock::{SignedDuration, after};
use crate::seal::random;
use crate::session::store::attested::{Attested, Attestor};
use crate::session::store::{Error, contract};
use tokio::time::timeout;

/// A server of our own on a port of its own.
struct Server {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Server {
    fn start() -> Self {
        Self::start_with(&[])
    }

    /// Where somebody was quicker to take its port, it ends, and another one is tried.
    fn start_with(options: &[&str]) -> Self {
        let begun = Instant::now();
        loop {
            assert!(begun.elapsed() < Duration::from_secs(60), "redis-server does not stay");
            let port = free_port();
            let folder = tempfile::tempdir().unwrap();
            let mut command = Command::new("redis-server");
            command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
            command.arg("--dir").arg(folder.path()).args(options).stdout(Stdio::null());
            let child = command
                .spawn()
                .unwrap_or_else(|error| panic!("redis-server is needed, and `make test` installs it: {error}"));
            let mut server = Self { child, port, _folder: folder };
            if server.comes() {
                return server;
            }
        }
    }

    /// Waits until it answers, and not somebody else at its port. False if it ends.
    fn comes(&mut self) -> bool {
        let (own, begun) = (format!("process_id:{}\r", self.child.id()), Instant::now());
        while self.child.try_wait().unwrap().is_none() {
            if say(self.port, &["info", "server"]).contains(&own) {
                return true;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "redis-server says nothing");
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }

    fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap().success());
    }

    async fn store(&self) -> Redis {
        let server = config::Server { host: "127.0.0.1".into(), port: self.port, tls: false };
        let config = Config { servers: vec![server], prefix: "test".into(), ..Config::default() };
        let store = Redis::start(config, Clock::system());
        until(|| store.health() == Health::Well).await;
        store
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A port that the system gives nobody who takes any (`net.ipv4.ip_local_port_range`), like the one that is 10,000 above,
/// where servers of a cluster speak.
fn free_port() -> u16 {
    let is_free = |port: u16| std::net::TcpListener::bind(("127.0.0.1", port)).is_ok();
    let any = std::iter::repeat_with(|| 10_000 + u16::from_be_bytes(random()) % 12_000);
    any.take(1000).find(|port| is_free(*port) && is_free(port + 10_000)).expect("a free port")
}

/// Says something to the server at this port.
fn say(port: u16, words: &[&str]) -> String {
    let output = Command::new("redis-cli").args(["-p", &port.to_string()]).args(words).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Waits until the server at this port says this.
async fn heard(port: u16, words: &[&str], wanted: &str) {
    let begun = Instant::now();
    while !say(port, words).contains(wanted) {
        assert!(begun.elapsed() < Duration::from_secs(60), "no {wanted} in {}", say(port, words));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn hold_contract(store: &Arc<Redis>) {
    let wait = |span: SignedDuration| std::thread::sleep(span.unsigned_abs() + Duration::from_millis(20));
    let store = Arc::clone(store) as Arc<dyn Store>;
    contract::hold(contract::Bench { store, clock: Clock::system(), wait: &wait }).await;
}

async fn until(good: impl Fn() -> bool) {
    let begun = Instant::now();
    while !good() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it does not come about");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn row() -> Row {
    let expires = after(Clock::system().now(), SignedDuration::from_hours(1));
    // To the millisecond, as it is kept.
    let expires = Timestamp::from_millisecond(expires.as_millisecond()).unwrap();
    Row { id: random(), person: random(), name: None, expires, content: b"content".to_vec() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_holds() {
    let server = Server::start();
    let store = Arc::new(server.store().await);
    let wait = |span: SignedDuration| std::thread::sleep(span.unsigned_abs() + Duration::from_millis(20));
    contract::hold(contract::Bench { store, clock: Clock::system(), wait: &wait }).await;
}

#[tokio::test]
async fn a_user_of_the_access_control_list_and_tls_are_enough() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    std::fs::write(file("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(file("key.pem"), made.signing_key.serialize_pem()).unwrap();
    let text = |name: &str| file(name).display().to_string();
    let mut server = Server::start();
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    let (port, certificate, key) = (server.port.to_string(), text("cert.pem"), text("key.pem"));
    let settings = format!(
        "port 0\ntls-port {port}\nbind 127.0.0.1\nsave \"\"\ntls-auth-clients no\ntls-cert-file {certificate}\n\
         tls-key-file {key}\ntls-ca-cert-file {certificate}\nuser default off\n\
         user vestibule on >hidden ~{{test}}:* +@all -@dangerous -@admin\n"
    );
    std::fs::write(file("redis.conf"), settings).unwrap();
    let mut command = Command::new("redis-server");
    command.arg(file("redis.conf"));
    server.child = command.stdout(Stdio::null()).spawn().unwrap();
    let config = |password: &str| Config {
        servers: vec![config::Server { host: "localhost".into(), port: server.port, tls: true }],
        username: Some("vestibule".into()),
        password: Some(crate::secret::Secret::new(password.into())),
        ca: Some(crate::config_path::ConfigPath::at(file("cert.pem"))),
        prefix: "test".into(),
        ..Config::default()
    };
    let store = Arc::new(Redis::start(config("hidden"), Clock::system()));
    until(|| store.health() == Health::Well).await;
    let wait = |span: SignedDuration| std::thread::sleep(span.unsigned_abs() + Duration::from_millis(20));
    contract::hold(contract::Bench { store, clock: Clock::system(), wait: &wait }).await;
    let stranger = Redis::start(config("guessed"), Clock::system());
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(stranger.find(random()).await, Err(Error::Away));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_sentinel_the_contract_holds_and_a_failover_is_followed() {
    let (mut first, second) = (Server::start(), Server::start());
    say(second.port, &["replicaof", "127.0.0.1", &first.port.to_string()]);
    heard(second.port, &["info", "replication"], "master_link_status:up").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sentinel.conf");
    let port = free_port();
    let text = format!(
        "port {port}\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 {} 1\nsentinel down-after-milliseconds main 500\n\
         sentinel failover-timeout main 3000\n",
        first.port
    );
    std::fs::write(&file, text).unwrap();
    let child = Command::new("redis-server").arg(&file).arg("--sentinel").stdout(Stdio::null()).spawn().unwrap();
    let sentinel = Server { child, port, _folder: folder };
    heard(port, &["sentinel", "replicas", "main"], &second.port.to_string()).await;
    let server = config::Server { host: "127.0.0.1".into(), port: sentinel.port, tls: false };
    let sentinel = Some("main".into());
    let config = Config { servers: vec![server], sentinel, prefix: "test".into(), ..Config::default() };
    let store = Arc::new(Redis::start(config, Clock::system()));
    until(|| store.health() == Health::Well).await;
    hold_contract(&store).await;
    let row = row();
    store.keep(row.clone()).await.unwrap();
    assert_eq!(say(first.port, &["wait", "1", "5000"]).trim(), "1");
    first.child.kill().unwrap();
    first.child.wait().unwrap();
    assert_eq!(store.find(row.id).await, Err(Error::Away));
    comes_back(&store, &row).await;
}

/// Waits until a store has a row and takes it.
async fn comes_back(store: &Redis, row: &Row) {
    let begun = Instant::now();
    while store.find(row.id).await != Ok(Some(row.clone())) || store.keep(row.clone()).await != Ok(true) {
        assert!(begun.elapsed() < Duration::from_secs(40), "the failover is not followed");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_cluster_the_contract_holds_and_a_failover_is_followed() {
    let options = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1500"];
    let mut servers: Vec<Server> = (0..6).map(|_| Server::start_with(&options)).collect();
    let places: Vec<String> = servers.iter().map(|server| format!("127.0.0.1:{}", server.port)).collect();
    let mut create = Command::new("redis-cli");
    create.args(["--cluster", "create"]).args(&places).args(["--cluster-replicas", "1", "--cluster-yes"]);
    let made = create.output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stdout));
    for server in &servers {
        heard(server.port, &["cluster", "info"], "cluster_state:ok").await;
    }
    let named = |place: &String| {
        let (host, port) = place.split_once(':').unwrap();
        config::Server { host: host.into(), port: port.parse().unwrap(), tls: false }
    };
    let config = Config {
        servers: places.iter().map(named).collect(),
        cluster: true,
        prefix: "test".into(),
        ..Config::default()
    };
    let (store, there) = (Redis::start(config.clone(), Clock::system()), Redis::start(config, Clock::system()));
    until(|| store.health() == Health::Well && there.health() == Health::Well).await;
    let store = Arc::new(store);
    hold_contract(&store).await;
    let mut news = there.news().unwrap();
    store.tell(b"hello".to_vec()).await.unwrap();
    while news.recv().await.unwrap() != News::Told(b"hello".to_vec()) {}
    let row = row();
    store.keep(row.clone()).await.unwrap();
    // The server of our slot goes: what other servers answer is no sign of it.
    let any = servers[0].port;
    let slot = say(any, &["cluster", "keyslot", "{test}"]).trim().to_owned();
    let slots = say(any, &["cluster", "nodes"]);
    let holds = |line: &&str| {
        let ranges = line.split(' ').skip(8).filter_map(|range| range.split_once('-'));
        let number: u32 = slot.parse().unwrap();
        ranges
            .filter_map(|(from, to)| Some((from.parse::<u32>().ok()?, to.parse().ok()?)))
            .any(|(from, to)| (from..=to).contains(&number))
    };
    let master = slots.lines().find(holds).unwrap_or_else(|| panic!("{slot}: {slots}"));
    let port: u16 = master.split([':', '@']).nth(1).unwrap().parse().unwrap();
    let master = servers.iter_mut().find(|server| server.port == port).unwrap();
    assert_ne!(say(port, &["wait", "1", "5000"]).trim(), "0");
    master.child.kill().unwrap();
    master.child.wait().unwrap();
    until(|| matches!(store.health(), Health::Away { .. })).await;
    comes_back(&store, &row).await;
    until(|| store.health() == Health::Well && there.health() == Health::Well).await;
    let begun = Instant::now();
    let mut again = false;
    while !again {
        assert!(begun.elapsed() < Duration::from_secs(60), "news don't come any more");
        store.tell(b"again".to_vec()).await.ok();
        while let Ok(Some(one)) = timeout(Duration::from_millis(300), news.recv()).await {
            again |= one == News::Told(b"again".to_vec());
        }
    }
}

#[tokio::test]
async fn attested_it_keeps_what_it_promises_and_believes_nothing_that_was_said_by_others() {
    let server = Server::start();
    let attested = |store: Redis| {
        Arc::new(Attested::new(Arc::new(store), Arc::new(Attestor::new(&[1; 32], &[])), Clock::system()))
    };
    let (here, there) = (attested(server.store().await), attested(server.store().await));
    let wait = |span: SignedDuration| std::thread::sleep(span.unsigned_abs() + Duration::from_millis(20));
    let store = Arc::clone(&here) as Arc<dyn Store>;
    contract::hold(contract::Bench { store, clock: Clock::system(), wait: &wait }).await;
    let mut news = there.news().unwrap();
    say(server.port, &["xadd", "{test}:feed", "*", "told", "a word that is long enough to have a code"]);
    here.tell(b"hello".to_vec()).await.unwrap();
    while !matches!(news.recv().await.unwrap(), News::Told(word) if { assert_eq!(word, b"hello"); true }) {}
    let row = row();
    here.keep(row.clone()).await.unwrap();
    let name = format!("{{test}}:s:{}", row.id.map(|byte| format!("{byte:02x}")).concat());
    say(server.port, &["setrange", &name, "30", "x"]);
    assert_eq!(there.find(row.id).await, Ok(None), "one octet was changed");
}

#[tokio::test]
async fn every_node_hears_of_an_end_and_of_what_is_told() {
    let server = Server::start();
    let (here, there) = (server.store().await, server.store().await);
    let mut news = there.news().unwrap();
    assert!(there.news().is_none(), "whoever takes it has it");
    assert_eq!(news.recv().await, Some(News::Returned));
    let row = row();
    here.keep(row.clone()).await.unwrap();
    assert_eq!(there.find(row.id).await, Ok(Some(row.clone())));
    here.tell(b"hello".to_vec()).await.unwrap();
    here.end(row.clone()).await.unwrap();
    assert_eq!(news.recv().await, Some(News::Told(b"hello".to_vec())));
    assert_eq!(news.recv().await, Some(News::Ended(row.id)));
}

#[tokio::test]
async fn a_server_that_stands_still_is_away_soon_and_what_was_said_meanwhile_is_heard_later() {
    let server = Server::start();
    let (here, there) = (server.store().await, server.store().await);
    let mut news = there.news().unwrap();
    assert_eq!(news.recv().await, Some(News::Returned));
    here.tell(b"before".to_vec()).await.unwrap();
    assert_eq!(news.recv().await, Some(News::Told(b"before".to_vec())));
    server.signal("-STOP");
    let begun = Instant::now();
    assert_eq!(here.find(random()).await, Err(Error::Away));
    assert!(begun.elapsed() < Duration::from_secs(10), "nobody waits for it: {:?}", begun.elapsed());
    let begun = Instant::now();
    for _ in 0..1000 {
        assert_eq!(here.find(random()).await, Err(Error::Away));
    }
    assert!(begun.elapsed() < Duration::from_secs(30), "and nobody after the first: {:?}", begun.elapsed());
    until(|| matches!(there.health(), Health::Away { .. })).await;
    server.signal("-CONT");
    until(|| here.health() == Health::Well && there.health() == Health::Well).await;
    here.tell(b"after".to_vec()).await.unwrap();
    let mut heard = Vec::new();
    while !heard.contains(&News::Told(b"after".to_vec())) {
        heard.push(news.recv().await.unwrap());
    }
    assert!(heard.contains(&News::Returned), "{heard:?}");
}

#[tokio::test]
async fn what_was_told_while_a_node_could_not_hear_is_heard_later() {
    let server = Server::start();
    let there = server.store().await;
    let mut news = there.news().unwrap();
    let told = |word: &str| News::Told(word.as_bytes().to_vec());
    say(server.port, &["xadd", "{test}:feed", "*", "told", "before"]);
    while timeout(Duration::from_secs(10), news.recv()).await.unwrap().unwrap() != told("before") {}
    // All connections are cut, and something is told before they are made again.
    say(server.port, &["client", "kill", "type", "normal"]);
    say(server.port, &["xadd", "{test}:feed", "*", "told", "meanwhile"]);
    while timeout(Duration::from_secs(10), news.recv()).await.unwrap().unwrap() != told("meanwhile") {}
}

#[tokio::test]
async fn news_come_through_a_server_that_was_flushed_or_begins_anew() {
    let mut server = Server::start();
    let (here, there) = (server.store().await, server.store().await);
    let mut news = there.news().unwrap();
    here.tell(b"one".to_vec()).await.unwrap();
    let port = server.port.to_string();
    assert!(
        Command::new("redis-cli").args(["-p", &port, "flushall"]).stdout(Stdio::null()).status().unwrap().success()
    );
    assert_eq!(here.peek(Kind::Ticket, [1; 16]).await, Ok(None));
    here.tell(b"two".to_vec()).await.unwrap();
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    until(|| matches!(here.health(), Health::Away { .. })).await;
    let mut command = Command::new("redis-server");
    command.args(["--port", &port, "--bind", "127.0.0.1", "--save", ""]).stdout(Stdio::null());
    server.child = command.spawn().unwrap();
    until(|| here.health() == Health::Well && there.health() == Health::Well).await;
    // The one that reads news has a connection of its own.
    let mut heard = Vec::new();
    let begun = Instant::now();
    while !heard.contains(&News::Told(b"three".to_vec())) {
        assert!(begun.elapsed() < Duration::from_secs(60), "{heard:?}");
        here.tell(b"three".to_vec()).await.ok();
        while let Ok(Some(one)) = timeout(Duration::from_millis(200), news.recv()).await {
            heard.push(one);
        }
    }
    for wanted in [b"one".to_vec(), b"two".to_vec()] {
        assert!(heard.contains(&News::Told(wanted)), "{heard:?}");
    }
}
