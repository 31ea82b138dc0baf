//! A real Redis, on a port of its own.

use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use super::peers;
use super::world::PATIENCE;

/// A running server. Nothing of it stays.
pub(crate) struct Redis {
    child: Child,
    port: u16,
    options: Vec<String>,
    /// Where it writes, for a replica even what it was told not to save.
    folder: tempfile::TempDir,
}

impl Redis {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// One with more options.
    pub(crate) fn start_with(options: &[&str]) -> Self {
        let port = peers::free().port();
        let options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
        let folder = tempfile::tempdir().unwrap();
        let child = spawn(port, &options, folder.path());
        Self { child, port, options, folder }
    }

    /// A Sentinel that watches the server at this port, under the name of `main`.
    pub(crate) fn sentinel(port: u16) -> Self {
        let text = format!(
            "sentinel monitor main 127.0.0.1 {port} 1\nsentinel down-after-milliseconds main 500\n\
             sentinel failover-timeout main 3000\n"
        );
        let mut sentinel = Self::start_with(&[]);
        sentinel.kill();
        let file = sentinel.folder.path().join("sentinel.conf");
        std::fs::write(&file, text).unwrap();
        let mut command = Command::new("redis-server");
        command.arg(&file).args(["--sentinel", "--bind", "127.0.0.1", "--port", &sentinel.port.to_string()]);
        sentinel.child = command.stdout(Stdio::null()).spawn().unwrap();
        wait_for(sentinel.port);
        sentinel
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Lines for a node's configuration.
    pub(crate) fn config(&self) -> String {
        let port = self.port;
        format!(
            "[session.redis]\nservers = [\"redis://127.0.0.1:{port}\"]\nsecret = \"a secret that all nodes of this test have\"\n"
        )
    }

    /// Says something to it.
    pub(crate) fn say(&self, words: &[&str]) -> String {
        let mut command = Command::new("redis-cli");
        let output = command.args(["-p", &self.port.to_string()]).args(words).output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    pub(crate) fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap().success());
    }

    /// Kills it.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again, with nothing in it.
    pub(crate) fn start_again(&mut self) {
        self.child = spawn(self.port, &self.options, self.folder.path());
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn spawn(port: u16, options: &[String], folder: &Path) -> Child {
    let mut command = Command::new("redis-server");
    command.arg("--dir").arg(folder);
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
    let child = command.args(options).stdout(Stdio::null()).spawn();
    let child = child.unwrap_or_else(|error| panic!("redis-server is needed, and `make test` installs it: {error}"));
    wait_for(port);
    child
}

fn wait_for(port: u16) {
    let begun = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(begun.elapsed() < PATIENCE, "redis-server does not start");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}
