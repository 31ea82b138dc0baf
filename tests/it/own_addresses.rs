//! The addresses of this machine: what listens there is not for those who ask the proxy for elsewhere.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::raw::{connect, read_head};
use super::space::{is_inside, run};
use super::world::{Builder, World};

/// A public address, which an interface of this machine has in a network namespace.
const OURS: &str = "93.184.216.34";

/// One that it gets while the program runs.
const LATER: &str = "93.184.216.35";

#[test]
fn what_listens_on_an_address_of_this_machine_is_not_reached_through_the_proxy() {
    if !is_inside(what_listens_on_an_address_of_this_machine_is_not_reached_through_the_proxy) {
        return;
    }
    ip(&["address", "add", &format!("{OURS}/32"), "dev", "lo"]);
    let metrics = Service::start(OURS);
    for egress in ["", "source = [\"127.0.0.77\"]"] {
        let world = open_to_all(metrics.address, egress, |builder| builder);
        for address in [metrics.address.to_string(), format!("[::ffff:{OURS}]:{}", metrics.address.port())] {
            assert_refused(&world, &address);
        }
        assert!(world.records().iter().all(|record| record["origin"].is_null()));
    }
    assert_eq!(metrics.read(), Vec::<String>::new());
    // It comes while the program runs.
    let world = open_to_all(metrics.address, "", |builder| builder);
    ip(&["address", "add", &format!("{LATER}/32"), "dev", "lo"]);
    let redis = Service::start(LATER);
    let address = SocketAddr::new(redis.address.ip(), redis.address.port()).to_string();
    let answer = world.send(&get(&address));
    assert_eq!((answer.status, answer.error_type().as_str()), (403, "destination_ip_prohibited"), "{}", answer.text());
    assert_eq!(redis.read(), Vec::<String>::new());
    // The operator opens it by name.
    let named = |builder: Builder| builder.host(&format!("metrics.test:{}", metrics.address.port()), metrics.address);
    let world = open_to_all(metrics.address, &format!("allow = [\"{OURS}/32\"]"), named);
    let answer = world.send(&get(&metrics.address.to_string()));
    assert_eq!((answer.status, answer.text().as_str()), (200, "secrets"));
    let world = open_to_all(metrics.address, "allow = [\"93.184.216.0/24\"]", named);
    assert_eq!(world.send(&get(&format!("metrics.test:{}", metrics.address.port()))).status, 200);
    assert_eq!(world.send(&get(&metrics.address.to_string())).status, 403, "a range means this machine's neighbours");
}

#[test]
fn an_address_that_comes_or_goes_is_known_as_soon_as_the_system_says_so() {
    if !is_inside(an_address_that_comes_or_goes_is_known_as_soon_as_the_system_says_so) {
        return;
    }
    let world = open_to_all(SocketAddr::from(([127, 0, 0, 1], 9)), "", |builder| builder);
    // What stands in an IPv6 address (RFC 6052) is seen on no connection: it is known, or it is not.
    let is_refused = |last: u8| {
        let answer = world.send(&get(&format!("[64:ff9b::5db8:d8{last:02x}]")));
        answer.status == 403 && answer.text().contains("the machine of the proxy itself")
    };
    for last in [40, 41, 42] {
        let address = format!("93.184.216.{last}/32");
        for (what, refused) in [("add", true), ("delete", false)] {
            assert_eq!(is_refused(last), !refused, "{address}");
            ip(&["address", what, &address, "dev", "lo"]);
            let begun = Instant::now();
            while is_refused(last) != refused {
                // One that is read from time to time has just been read: it would be five seconds.
                assert!(begun.elapsed() < Duration::from_secs(4), "{what} {address}");
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }
}

/// A proxy that lets everybody go everywhere.
fn open_to_all(service: SocketAddr, egress: &str, with: impl FnOnce(Builder) -> Builder) -> World {
    let rule = "[policy]\n[[policy.rule]]\nname = \"all\"\nprivate = true\neffect = \"allow\"\nauthenticate = false";
    let ports = format!("connect_ports = [443, {}]\n{egress}", service.port());
    with(World::build().egress(&ports).config(rule)).start()
}

/// Asks for it as plain http, and by CONNECT.
fn assert_refused(world: &World, address: &str) {
    let answer = world.send(&get(address));
    let found = (answer.status, answer.error_type());
    assert_eq!(found, (403, "destination_ip_prohibited".to_owned()), "{address}: {}", answer.text());
    assert!(answer.text().contains("the machine of the proxy itself"), "{}", answer.text());
    let mut stream = connect(world.proxy, [127, 0, 0, 1].into());
    write!(stream, "CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    let head = read_head(&mut stream);
    assert!(head.starts_with("HTTP/1.1 403 ") && head.contains("destination_ip_prohibited"), "{address}: {head}");
    let record = |record: &serde_json::Value| record["reason"] == "destination_ip_prohibited";
    world.wait_for(|all| all.iter().filter(|found| record(found)).count() >= 2);
}

fn get(address: &str) -> String {
    format!("GET http://{address}/metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")
}

fn ip(words: &[&str]) {
    run("ip", words);
}

/// What is for this machine alone.
struct Service {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Service {
    fn start(address: &str) -> Self {
        let listener = TcpListener::bind((address, 0)).unwrap();
        let (address, heads) = (listener.local_addr().unwrap(), Arc::<Mutex<Vec<String>>>::default());
        let read = Arc::clone(&heads);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut arrived = [0; 1024];
                let Ok(count @ 1..) = stream.read(&mut arrived) else { continue };
                read.lock().unwrap().push(String::from_utf8_lossy(&arrived[..count]).into_owned());
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\nsecrets";
                drop(stream.write_all(answer));
            }
        });
        Self { address, heads }
    }

    /// What it was asked.
    fn read(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}
