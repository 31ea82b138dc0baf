//! Load balancers in front, and parents that are told who is behind us.

use std::process::Command;

use super::origin::Origin;
use super::peers;
use super::raw::{Answer, connect};
use super::world::{PATIENCE, World};

const LISTENER: &str = "[[listener]]\nname = \"balanced\"\naddress = \"127.0.0.1:0\"\nproxy_protocol = [\"127.0.0.1/32\"]\n\
                        [policy]\nwalled_garden = [\"far.test\"]\n";

/// A world whose second listener is behind a load balancer.
fn world() -> World {
    let origin = Origin::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    World::build().host("far.test:80", origin.address).config(LISTENER).start()
}

fn get(to: std::net::SocketAddr, from: [u8; 4]) -> Answer {
    let mut stream = connect(to, from.into());
    let request = "GET http://far.test/ HTTP/1.1\r\nHost: far.test\r\nConnection: close\r\n\r\n";
    std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
    Answer::read(&mut stream)
}

#[test]
fn behind_haproxy_and_curl_a_client_is_who_they_say() {
    let world = world();
    for (number, word) in ["send-proxy", "send-proxy-v2"].into_iter().enumerate() {
        let front = peers::free();
        let config = format!("listen front\n bind {front}\n server vestibule {} {word}", world.listener("balanced"));
        let folder = world.path("haproxy");
        std::fs::create_dir(&folder).unwrap();
        let _haproxy = peers::haproxy(&folder, front, &config);
        let client = [127, 0, 9, u8::try_from(number).unwrap() + 1];
        assert_eq!(get(front, client).status, 200, "{word}");
        let said = format!("127.0.9.{}:", client[3]);
        let record = world.record(|record| record["client"].as_str().unwrap().starts_with(&said));
        assert_eq!((&record["listener"], &record["host"]), (&"balanced".into(), &"far.test".into()), "{record}");
    }
    let curl = Command::new("curl")
        .args(["-s", "--haproxy-protocol", "--max-time", &PATIENCE.as_secs().to_string(), "-o", "/dev/null"])
        .args(["-w", "%{http_code}", "-x", &format!("http://{}", world.listener("balanced")), "http://far.test/"])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&curl.stdout), "200", "{curl:?}");
}

#[test]
fn the_load_balancer_of_the_cluster_starts_while_no_node_has_an_address() {
    let config = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docker/haproxy.cfg");
    let output = Command::new("haproxy").arg("-c").arg("-f").arg(config).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn somebody_else_who_claims_to_speak_for_others_is_refused() {
    let world = world();
    for claim in ["PROXY TCP4 192.0.2.7 192.0.2.1 5000 8080\r\n", "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"] {
        let request = format!("{claim}GET http://far.test/ HTTP/1.1\r\nHost: far.test\r\nConnection: close\r\n\r\n");
        for to in [world.listener("balanced"), world.proxy] {
            let mut stream = connect(to, [127, 0, 9, 9].into());
            std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
            assert_eq!(Answer::read(&mut stream).status, 400, "{claim:?} at {to}");
        }
    }
    // Without such a claim, it is served as itself.
    assert_eq!(get(world.listener("balanced"), [127, 0, 9, 9]).status, 200);
    assert!(world.records().iter().all(|record| !record["client"].as_str().unwrap().starts_with("192.0.2.")));
}

#[test]
fn a_parent_is_told_whom_each_connection_is_for() {
    let origin = Origin::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    let (builder, address, port) = (World::build(), peers::free(), origin.address.port());
    let hosts = builder.folder().join("squid-hosts");
    std::fs::write(&hosts, "127.0.0.1 far.test\n").unwrap();
    // Squid lets one client in, by the address that it is told.
    let config = format!(
        "http_port {address} require-proxy-header\nproxy_protocol_access allow all\nhosts_file {}\n\
         acl known src 127.0.9.1/32\nhttp_access allow known\nhttp_access deny all\n",
        hosts.display()
    );
    let _squid = peers::squid(builder.folder(), address, &config);
    let policy = format!(
        "[policy]\n[[policy.rule]]\nname = \"far\"\ndestinations = [\"far.test\"]\neffect = \"allow\"\n\
         authenticate = false\nroute = \"hq\"\n[[egress.parent]]\nname = \"hq\"\nurl = \"http://{address}\"\n\
         proxy_protocol = true\n"
    );
    let world = builder.config(&policy).start();
    for (client, status) in [(1, 200), (2, 403), (1, 200), (2, 403)] {
        let request =
            format!("GET http://far.test:{port}/ HTTP/1.1\r\nHost: far.test:{port}\r\nConnection: close\r\n\r\n");
        assert_eq!(world.send_from([127, 0, 9, client], &request).status, status, "client {client}");
    }
}
