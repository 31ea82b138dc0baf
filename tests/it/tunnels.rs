//! Tunnels: every byte both ways, each end closed alone, and both when one breaks.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

use super::raw::read_head;
use super::world::{PATIENCE, World};

/// More than all buffers on the way take together.
const MUCH: usize = 48 << 20;

/// A world in which anybody may have a tunnel to `end.test`, and the listener at its end.
fn world() -> (World, TcpListener) {
    let end = TcpListener::bind("127.0.0.1:0").unwrap();
    let world = World::build()
        .host("end.test:443", end.local_addr().unwrap())
        .config("[policy]\nwalled_garden = [\"end.test\"]")
        .start();
    (world, end)
}

/// Both ends of a tunnel. `early` is sent in one piece with the request.
fn open(world: &World, end: &TcpListener, early: &[u8]) -> (TcpStream, TcpStream) {
    let mut client = world.connect([127, 0, 0, 1]);
    let mut request = b"CONNECT end.test:443 HTTP/1.1\r\nHost: end.test:443\r\n\r\n".to_vec();
    request.extend_from_slice(early);
    client.write_all(&request).unwrap();
    let head = read_head(&mut client);
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let origin = end.accept().unwrap().0;
    origin.set_read_timeout(Some(PATIENCE)).unwrap();
    (client, origin)
}

/// Bytes that begin at `seed` and are nowhere the same for long.
fn noise(mut seed: u64, count: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(count + 8);
    while bytes.len() < count {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        bytes.extend_from_slice(&(seed ^ (seed >> 29)).to_le_bytes());
    }
    bytes.truncate(count);
    bytes
}

/// Sends `bytes`, ends that direction, and reads the other to its end.
fn exchange(mut stream: TcpStream, bytes: &[u8]) -> Vec<u8> {
    let mut reader = stream.try_clone().unwrap();
    let reading = thread::spawn(move || {
        let mut got = Vec::new();
        reader.read_to_end(&mut got).unwrap();
        got
    });
    stream.write_all(bytes).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    reading.join().unwrap()
}

#[test]
fn much_arrives_whole_both_ways_at_once() {
    let (world, end) = world();
    let (up, down) = (noise(1, MUCH), noise(2, MUCH + 12_345));
    let (early, rest) = up.split_at(5_000);
    let (client, origin) = open(&world, &end, early);
    let answering = {
        let down = down.clone();
        thread::spawn(move || exchange(origin, &down))
    };
    assert!(exchange(client, rest) == down, "what the origin sent arrives as something else");
    assert!(answering.join().unwrap() == up, "what the client sent arrives as something else");
    let record = world.record(|record| record["host"] == "end.test");
    assert_eq!((&record["bytes_in"], &record["bytes_out"]), (&up.len().into(), &down.len().into()), "{record}");
    assert!(record["reason"].is_null(), "{record}");
}

#[test]
fn one_direction_goes_on_after_the_other_has_ended() {
    let (world, end) = world();
    let (mut client, mut origin) = open(&world, &end, b"");
    client.write_all(b"question").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut got = String::new();
    origin.read_to_string(&mut got).unwrap();
    assert_eq!(got, "question");
    for piece in ["an ", "answer ", "in pieces"] {
        origin.write_all(piece.as_bytes()).unwrap();
    }
    drop(origin);
    got.clear();
    client.read_to_string(&mut got).unwrap();
    assert_eq!(got, "an answer in pieces");
    let record = world.record(|record| record["host"] == "end.test");
    assert_eq!((&record["bytes_in"], &record["bytes_out"]), (&8.into(), &19.into()), "{record}");
}

#[test]
fn an_end_that_breaks_in_the_middle_of_a_stream_breaks_the_other_and_no_other_tunnel() {
    let (world, end) = world();
    let (mut other_client, mut other_origin) = open(&world, &end, b"");
    for _ in 0..8 {
        let (mut client, origin) = open(&world, &end, b"");
        let sending = thread::spawn(move || while client.write_all(&[0x55; 1 << 16]).is_ok() {});
        let mut some = vec![0; MUCH / 16];
        (&origin).read_exact(&mut some).unwrap();
        socket2::SockRef::from(&origin).set_linger(Some(std::time::Duration::ZERO)).unwrap();
        drop(origin);
        sending.join().unwrap();
    }
    // A pipe in which bytes were left would hand them to the next tunnel.
    let sent = noise(3, 1 << 20);
    let receiving = thread::spawn(move || {
        let mut got = vec![0; 1 << 20];
        other_origin.read_exact(&mut got).unwrap();
        got
    });
    other_client.write_all(&sent).unwrap();
    assert!(receiving.join().unwrap() == sent);
    world.wait_for(|all| all.iter().filter(|record| record["reason"] == "connection_terminated").count() == 8);
}
