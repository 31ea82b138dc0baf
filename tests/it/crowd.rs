//! A thousand clients that send half a head, and a thousand open tunnels, while others are served.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::origin::Origin;
use super::raw::{connect, read_all, read_head};
use super::world::{PATIENCE, World};

const CROWD: usize = 1000;

/// Two ends of a slow client, four of a tunnel, and some for everything else.
const DESCRIPTORS: u64 = 6 * CROWD as u64 + 2000;

#[test]
fn a_thousand_slow_clients_and_a_thousand_tunnels_keep_nobody_from_being_served() {
    raise_descriptor_limit();
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = Origin::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi");
    let world = World::build()
        .host("held.test:443", held.local_addr().unwrap())
        .host("raw.test:80", origin.address)
        .limits("head_time = \"5s\"")
        .start();
    world.browser().arrive("http://news.test/");
    let ask = || {
        let answer = world.send("GET http://raw.test/ HTTP/1.1\r\nHost: raw.test\r\nConnection: close\r\n\r\n");
        assert_eq!((answer.status, answer.text().as_str()), (200, "hi"), "{answer:#?}");
    };

    let mut tunnels: Vec<_> = (0..CROWD).map(|_| tunnel(&world, &held)).collect();
    ask();
    let mut slow: Vec<_> = (0..CROWD).map(|_| half_a_head(&world)).collect();
    (0..50).for_each(|_| ask());
    // A tunnel that was open all the time, and a new one.
    exchange(&mut tunnels[0]);
    exchange(&mut tunnel(&world, &held));
    // Each slow client is sent away, and others are served meanwhile.
    for (number, stream) in slow.iter_mut().enumerate() {
        let rest = read_all(stream);
        assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 408"), "{}", rest.escape_ascii());
        if number % 20 == 0 {
            ask();
        }
    }
    tunnels.iter_mut().for_each(exchange);
    ask();
}

/// The client's end of a tunnel and the origin's.
fn tunnel(world: &World, held: &TcpListener) -> [TcpStream; 2] {
    let mut client = connect(world.proxy, [127, 0, 0, 1].into());
    client.write_all(b"CONNECT held.test:443 HTTP/1.1\r\nHost: held.test:443\r\n\r\n").unwrap();
    let head = read_head(&mut client);
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let (origin, _) = held.accept().unwrap();
    origin.set_read_timeout(Some(PATIENCE)).unwrap();
    [client, origin]
}

/// Sends something through a tunnel, each way.
fn exchange([client, origin]: &mut [TcpStream; 2]) {
    pass(client, origin);
    pass(origin, client);
}

fn pass(from: &mut TcpStream, to: &mut TcpStream) {
    from.write_all(b"still here").unwrap();
    let mut got = [0; 10];
    to.read_exact(&mut got).unwrap();
    assert_eq!(&got, b"still here");
}

/// A client that begins and does not go on.
fn half_a_head(world: &World) -> TcpStream {
    let mut client = connect(world.proxy, [127, 0, 1, 1].into());
    client.write_all(b"GET http://raw.test/ HTTP/1.1\r\nHost: raw.te").unwrap();
    client
}

fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let enough = limit.maximum.is_none_or(|maximum| maximum >= DESCRIPTORS);
    assert!(enough, "this test needs {DESCRIPTORS} open files, and the hard limit is lower: raise it (ulimit -Hn)");
    if limit.current.is_some_and(|current| current < DESCRIPTORS) {
        let current = limit.maximum.or(Some(DESCRIPTORS));
        setrlimit(Resource::Nofile, Rlimit { current, ..limit }).unwrap();
    }
}
