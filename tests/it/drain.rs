//! A stop loses nothing: what has come is answered, and what has not goes to another node.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::node::{Node, Setup};
use super::peers;
use super::raw::{Answer, connect, read_head};
use super::secure::client::Client;
use super::world::{PATIENCE, World, say_aside};

/// Requests that are sent at least, and restarts meanwhile.
const REQUESTS: usize = 10_000;
const RESTARTS: usize = 10;

/// Clients of each kind.
const CLIENTS: usize = 4;

fn world(held: SocketAddr) -> World {
    World::build()
        .drain_time("20s")
        .host("far.test:80", origin())
        .host("held.test:80", held)
        .config("[policy]\nwalled_garden = [\"far.test\", \"held.test\"]")
        .limits("unready_time = \"1200ms\"")
        .start()
}

/// An origin that keeps its connections, and takes its time now and then.
fn origin() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                loop {
                    let head = read_head(&mut stream);
                    if head.contains("/slow") {
                        std::thread::sleep(Duration::from_millis(300));
                    }
                    let answered = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
                    if head.is_empty() || answered.is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

fn request(path: &str, close: bool) -> String {
    let close = if close { "Connection: close\r\n" } else { "" };
    format!("GET http://far.test{path} HTTP/1.1\r\nHost: far.test\r\n{close}\r\n")
}

#[test]
fn a_node_that_stops_says_so_first_and_answers_whoever_has_come() {
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let (world, folder) = (world(held.local_addr().unwrap()), tempfile::tempdir().unwrap());
    let node = Setup::new(&world, folder.path()).start();
    let ask = |path: &str| {
        let mut stream = connect(node.proxy, [127, 0, 0, 1].into());
        write!(stream, "GET {path} HTTP/1.1\r\nHost: node\r\n\r\n").unwrap();
        (Answer::read_one(&mut stream), stream)
    };
    assert_eq!(ask("/readyz").0.status, 200);
    // One that has been used, one on which nothing has been said, one in the middle of an exchange.
    let mut kept = connect(node.proxy, [127, 0, 0, 1].into());
    kept.write_all(request("/first", false).as_bytes()).unwrap();
    assert_eq!(Answer::read_one(&mut kept).value("connection"), "");
    let mut silent = connect(node.proxy, [127, 0, 0, 1].into());
    let mut slow = connect(node.proxy, [127, 0, 0, 1].into());
    slow.write_all(request("/slow", false).as_bytes()).unwrap();
    // One that takes longer than the node says that it stops.
    let mut long = connect(node.proxy, [127, 0, 0, 1].into());
    long.write_all(b"GET http://held.test/ HTTP/1.1\r\nHost: held.test\r\n\r\n").unwrap();
    let (mut origin, _) = held.accept().unwrap();
    read_head(&mut origin);
    std::thread::sleep(Duration::from_millis(100));
    node.signal("-TERM");
    node.wait_for_event("stopping: not ready");
    let (answer, mut closed) = ask("/readyz");
    assert_eq!((answer.status, answer.value("connection").as_str()), (503, "close"), "{}", answer.text());
    assert_eq!(closed.read(&mut [0; 1]).unwrap(), 0);
    assert_eq!(ask("/healthz").0.status, 200, "it lives");
    assert_eq!(Answer::read_one(&mut slow).status, 200);
    for stream in [&mut kept, &mut silent] {
        stream.write_all(request("/last", false).as_bytes()).unwrap();
        let answer = Answer::read_one(stream);
        assert_eq!((answer.status, answer.value("connection").as_str()), (200, "close"));
    }
    node.wait_for_event("stopping: exchanges under way");
    origin.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi").unwrap();
    let answer = Answer::read_one(&mut long);
    assert_eq!((answer.status, answer.text().as_str()), (200, "hi"));
    node.wait_for_event("stopped");
    assert!(TcpStream::connect(node.proxy).is_err());
}

#[test]
fn whoever_waits_to_be_accepted_when_a_node_stops_is_answered() {
    let world = World::build().drain_time("20s").limits("workers = 1").start();
    let folder = tempfile::tempdir().unwrap();
    let node = Setup::new(&world, folder.path()).start();
    // While it stands still, the system takes connections and requests for it: more than it accepts in a moment.
    node.signal("-STOP");
    let ask = || {
        let mut stream = connect(node.proxy, [127, 0, 0, 1].into());
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: node\r\n\r\n").unwrap();
        stream
    };
    let waiting: Vec<_> = (0..400).map(|_| ask()).collect();
    node.signal("-TERM");
    node.signal("-CONT");
    let heads: Vec<_> = waiting.into_iter().map(|mut stream| read_head(&mut stream)).collect();
    let lost = heads.iter().filter(|head| !head.starts_with("HTTP/1.1 200 ")).count();
    assert_eq!(lost, 0, "of 400");
    node.wait_for_event("stopped");
    assert!(TcpStream::connect(node.proxy).is_err());
}

#[test]
fn a_stop_is_said_over_http_2_and_by_the_portal_and_whoever_has_begun_is_answered() {
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let world = World::build()
        .config("[[listener]]\nname = \"secure\"\naddress = \"127.0.0.1:0\"\ntls = { names = [\"proxy.test\"] }")
        .config("[policy]\nwalled_garden = [\"held.test\"]")
        .host("held.test:80", held.local_addr().unwrap())
        .drain_time("20s")
        .limits("unready_time = \"3s\"")
        .start();
    let me = [127, 0, 0, 1];
    let mut client = Client::connect(&world, me);
    let (answer, _) = client.begin(http::Request::get("http://held.test/").body(()).unwrap(), true);
    let (mut origin, _) = held.accept().unwrap();
    read_head(&mut origin);
    let portal = connect(world.portal, me.into());
    let mut portal = world.handshake(portal, "portal.vestibule.test:443");
    let mut ask = || {
        portal.write_all(b"GET / HTTP/1.1\r\nHost: portal.vestibule.test\r\n\r\n").unwrap();
        let answer = Answer::read_one(&mut portal);
        (answer.status, answer.value("connection"))
    };
    assert_eq!(ask(), (200, String::new()));
    let ending = std::thread::spawn(move || world.end());
    client.wait_for_goaway();
    assert_eq!(ask(), (200, "close".to_owned()));
    origin.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi").unwrap();
    let answer = client.read(answer);
    assert_eq!((answer.status, answer.text.as_str()), (200, "hi"));
    ending.join().unwrap();
}

#[test]
fn behind_a_load_balancer_ten_restarts_in_turn_lose_none_of_ten_thousand_requests() {
    let (world, folder) = (world(peers::closed()), tempfile::tempdir().unwrap());
    let addresses = [peers::free(), peers::free()];
    let setups = addresses.map(|address| {
        let listener =
            format!("[[listener]]\nname = \"balanced\"\naddress = \"{address}\"\nproxy_protocol = [\"127.0.0.0/8\"]\n");
        Setup::new(&world, &folder.path().join(address.port().to_string())).config(&listener)
    });
    let mut nodes = setups.each_ref().map(|setup| Some(setup.start()));
    let (front, stats) = (peers::free(), folder.path().join("stats"));
    let [one, other] = addresses;
    // As in docker/haproxy.cfg, in a hurry.
    let config = format!(
        "global\n stats socket {stats}\nfrontend proxy\n bind {front}\n default_backend nodes\nbackend nodes\n \
         balance random\n retries 3\n option redispatch\n option httpchk GET /readyz\n default-server check inter 200ms fall 1 rise 1 \
         send-proxy-v2 check-send-proxy\n server node-1 {one}\n server node-2 {other}\n",
        stats = stats.display()
    );
    let _haproxy = peers::haproxy(folder.path(), front, &config);
    wait_for_both(&stats);
    let (done, sent, lost) = (AtomicBool::new(false), AtomicUsize::new(0), Mutex::new(Vec::new()));
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for client in 0..2 * CLIENTS {
            let (done, sent, lost) = (&done, &sent, &lost);
            scope.spawn(move || browse(front, client < CLIENTS, done, sent, lost));
        }
        for restart in 0..RESTARTS {
            let turn = restart % 2;
            nodes[turn].take().into_iter().for_each(Node::stop);
            nodes[turn] = Some(setups[turn].start());
            wait_for_both(&stats);
        }
        while sent.load(Ordering::Relaxed) < REQUESTS && begun.elapsed() < 10 * PATIENCE {
            std::thread::sleep(Duration::from_millis(100));
        }
        done.store(true, Ordering::Relaxed);
    });
    let (sent, lost) = (sent.into_inner(), lost.into_inner().unwrap());
    say_aside(&format!("drain: {sent} requests, {RESTARTS} restarts, {} lost, {:?}", lost.len(), begun.elapsed()));
    assert!(sent >= REQUESTS, "{sent} requests only");
    assert_eq!(lost, Vec::<String>::new());
}

/// Asks again and again, on one connection for as long as it is kept, or on a new one each time.
fn browse(front: SocketAddr, keeps: bool, done: &AtomicBool, sent: &AtomicUsize, lost: &Mutex<Vec<String>>) {
    let mut kept: Option<TcpStream> = None;
    while !done.load(Ordering::Relaxed) {
        let number = sent.fetch_add(1, Ordering::Relaxed);
        let path = if number.is_multiple_of(100) { "/slow" } else { "/" };
        let mut stream = kept.take().unwrap_or_else(|| connect(front, [127, 0, 0, 1].into()));
        match exchange(&mut stream, &request(path, !keeps)) {
            Ok(is_last) if keeps && !is_last => kept = Some(stream),
            Ok(_) => {}
            Err(why) => lost.lock().unwrap().push(format!("{number}, kept: {keeps}: {why}")),
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// One request and its answer, and whether it is the last on its connection.
fn exchange(stream: &mut TcpStream, request: &str) -> Result<bool, String> {
    stream.write_all(request.as_bytes()).map_err(|error| error.to_string())?;
    let head = read_head(stream);
    let mut body = [0; 2];
    let read = stream.read_exact(&mut body).map_err(|error| format!("{error} after {head:?}"));
    if !head.starts_with("HTTP/1.1 200 ") || read.is_err() || &body != b"hi" {
        return Err(format!("{head:?} {read:?}"));
    }
    Ok(head.to_ascii_lowercase().contains("connection: close"))
}

/// What the load balancer says of its nodes; an error while it has yet to begin.
fn ask_balancer(stats: &Path) -> std::io::Result<String> {
    let mut said = String::new();
    let mut socket = UnixStream::connect(stats)?;
    socket.write_all(b"show stat\n")?;
    socket.read_to_string(&mut said)?;
    Ok(said)
}

/// Waits until the load balancer uses both nodes.
fn wait_for_both(stats: &Path) {
    let begun = Instant::now();
    loop {
        let said = ask_balancer(stats).unwrap_or_default();
        let is_up = |line: &&str| line.starts_with("nodes,node-") && line.contains(",UP,");
        if said.lines().filter(is_up).count() == 2 {
            return;
        }
        assert!(begun.elapsed() < 3 * PATIENCE, "{said}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
