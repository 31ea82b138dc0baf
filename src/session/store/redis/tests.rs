use std::process::{Child, Command, Stdio};
use std::time::Instant;

use super::*;
use crate::clock::{SignedDuration, after};
use crate::seal::random;
use crate::session::store::contract;

/// A server of our own on a port of its own.
struct Server {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Server {
    fn start() -> Self {
        // Freed at once, and asked for again: nobody else here asks for a port by its number.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("redis-server");
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        command.arg("--dir").arg(folder.path()).stdout(Stdio::null());
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("redis-server is needed, and `make test` installs it: {error}"));
        let server = Self { child, port, _folder: folder };
        let begun = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(10), "redis-server does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        server
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

async fn until(good: impl Fn() -> bool) {
    let begun = Instant::now();
    while !good() {
        assert!(begun.elapsed() < Duration::from_secs(10), "it does not come about");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn row() -> Row {
    let expires = after(Timestamp::now(), SignedDuration::from_hours(1));
    // To the millisecond, as it is kept.
    let expires = Timestamp::from_millisecond(expires.as_millisecond()).unwrap();
    Row { id: random(), person: random(), expires, content: b"content".to_vec() }
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
        ca: Some(file("cert.pem")),
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

#[tokio::test]
async fn behind_a_sentinel_a_failover_is_followed() {
    let (mut first, second) = (Server::start(), Server::start());
    let say = |port: u16, words: &[&str]| {
        let output = Command::new("redis-cli").args(["-p", &port.to_string()]).args(words).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert!(say(second.port, &["replicaof", "127.0.0.1", &first.port.to_string()]).contains("OK"));
    let begun = Instant::now();
    while !say(second.port, &["info", "replication"]).contains("master_link_status:up") {
        assert!(begun.elapsed() < Duration::from_secs(20), "the replica does not follow");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sentinel.conf");
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let text = format!(
        "port {port}\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 {} 1\nsentinel down-after-milliseconds main 500\n\
         sentinel failover-timeout main 3000\n",
        first.port
    );
    std::fs::write(&file, text).unwrap();
    let child = Command::new("redis-server").arg(&file).arg("--sentinel").stdout(Stdio::null()).spawn().unwrap();
    let sentinel = Server { child, port, _folder: folder };
    let begun = Instant::now();
    while !say(port, &["sentinel", "replicas", "main"]).contains(&second.port.to_string()) {
        assert!(begun.elapsed() < Duration::from_secs(20), "the sentinel does not see the replica");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let store = Redis::start(
        Config {
            servers: vec![config::Server { host: "127.0.0.1".into(), port: sentinel.port, tls: false }],
            sentinel: Some("main".into()),
            prefix: "test".into(),
            ..Config::default()
        },
        Clock::system(),
    );
    until(|| store.health() == Health::Well).await;
    let row = row();
    store.keep(row.clone()).await.unwrap();
    assert_eq!(say(first.port, &["wait", "1", "5000"]).trim(), "1");
    first.child.kill().unwrap();
    first.child.wait().unwrap();
    assert_eq!(store.find(row.id).await, Err(Error::Away));
    let begun = Instant::now();
    while store.find(row.id).await != Ok(Some(row.clone())) || store.keep(row.clone()).await != Ok(true) {
        assert!(begun.elapsed() < Duration::from_secs(30), "the failover is not followed");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
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
    assert!(begun.elapsed() < Duration::from_secs(3), "nobody waits for it: {:?}", begun.elapsed());
    let begun = Instant::now();
    for _ in 0..1000 {
        assert_eq!(here.find(random()).await, Err(Error::Away));
    }
    assert!(begun.elapsed() < Duration::from_secs(1), "and nobody after the first: {:?}", begun.elapsed());
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
        assert!(begun.elapsed() < Duration::from_secs(10), "{heard:?}");
        let _ = here.tell(b"three".to_vec()).await;
        while let Ok(Some(one)) = timeout(Duration::from_millis(200), news.recv()).await {
            heard.push(one);
        }
    }
    for wanted in [b"one".to_vec(), b"two".to_vec()] {
        assert!(heard.contains(&News::Told(wanted)), "{heard:?}");
    }
}
