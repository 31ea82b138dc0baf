//! gRPC by its own library in Python, through the proxy and by its own means: all four kinds of calls.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::super::world::World;

fn python(arguments: &[&str]) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let packages = root.join("target/grpc");
    assert!(packages.exists(), "grpcio is needed, and `make test` installs it into target/grpc");
    let mut command = Command::new("python3");
    command.arg(root.join("tests/it/http_2/calls.py")).args(arguments).env("PYTHONPATH", packages);
    command
}

/// A server that ends with its owner.
struct Server {
    port: u16,
    process: Child,
}

impl Server {
    fn start(chain: &Path, key: &Path) -> Self {
        let mut command = python(&["serve", chain.to_str().unwrap(), key.to_str().unwrap()]);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { port: line.trim().parse().unwrap(), process }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

#[test]
fn grpc_works_in_all_four_ways_through_an_interception() {
    let mut builder = World::build();
    let (chain, key) = builder.certify_files("grpc.test");
    let server = Server::start(&chain, &key);
    let address = SocketAddr::from(([127, 0, 0, 1], server.port));
    let rules = "[[policy.rule]]\nname = \"calls\"\ndestinations = [\"grpc.test\"]\neffect = \"allow\"\nauthenticate = false\nintercept = true\n";
    let world = builder.host("grpc.test:443", address).config(rules).start();
    let mut command = python(&["ask", "grpc.test:443", world.bundle.to_str().unwrap()]);
    command.env("grpc_proxy", format!("http://{}", world.proxy)).env_remove("no_grpc_proxy").env_remove("no_proxy");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        said,
        json!({
            "unary": ["said hello", "1", "2"],
            "fail": ["FAILED_PRECONDITION", "not today", "all of it"],
            "large": 3_000_005,
            "down": ["0", "1", "2", "3", "4"],
            "up": "a+b+c",
            "both": ["back 1", "back 2", "back 3"],
            "many": true,
            "late": "DEADLINE_EXCEEDED",
            "after": "said all",
        })
    );
    let is_call = |record: &&Value| record["host"] == "grpc.test" && record["method"] == "POST";
    let all = world.wait_for(|all| all.iter().filter(is_call).count() == 58);
    assert!(all.iter().filter(is_call).all(|record| record["status"] == 200), "{all:#?}");
}
