//! Much, up and down, plain and tunnelled: what arrives is what was sent, octet by octet.
//!
//! `VESTIBULE_TEST_MIB=1024` makes a gigabyte of it.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use aws_lc_rs::digest::{Context, SHA256};

use super::raw::{connect, read_head};
use super::world::{PATIENCE, World};

/// What one step sends.
const PIECE: usize = 64 * 1024;

/// Octets that look like nothing: no compressible pattern, and no two pieces alike.
struct Noise(u64);

impl Noise {
    /// Fills a piece (xorshift64*, Vigna 2016).
    fn fill(&mut self, piece: &mut [u8]) {
        for eight in piece.chunks_mut(8) {
            self.0 ^= self.0 >> 12;
            self.0 ^= self.0 << 25;
            self.0 ^= self.0 >> 27;
            let octets = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes();
            eight.copy_from_slice(&octets[..eight.len()]);
        }
    }
}

/// How a body is framed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Framing {
    Length,
    Chunks,
}

#[test]
fn much_arrives_as_it_was_sent_up_and_down_plain_and_tunnelled() {
    let length = std::env::var("VESTIBULE_TEST_MIB").map_or(24, |mib| mib.parse().unwrap()) << 20;
    let origin = origin();
    let world = World::build().host("much.test:80", origin).host("much.test:443", origin).start();
    world.browser().arrive("http://news.test/");
    let expected = sent(&mut std::io::sink(), length, Framing::Length);
    for tunnelled in [false, true] {
        for framing in [Framing::Length, Framing::Chunks] {
            let what = format!("{length} octets, {framing:?}, tunnelled: {tunnelled}");
            let (down, up) = (download(&world, tunnelled, framing, length), upload(&world, tunnelled, framing, length));
            assert_eq!(down, expected, "down: {what}");
            assert_eq!(up, expected, "up: {what}");
        }
    }
}

/// A connection to the origin, and how a path is written on it.
fn way(world: &World, tunnelled: bool) -> (TcpStream, &'static str) {
    let mut stream = connect(world.proxy, [127, 0, 0, 1].into());
    // A body may stop for as long as the other side is busy with a test of its own.
    stream.set_read_timeout(Some(6 * PATIENCE)).unwrap();
    stream.set_write_timeout(Some(6 * PATIENCE)).unwrap();
    if !tunnelled {
        return (stream, "http://much.test");
    }
    stream.write_all(b"CONNECT much.test:443 HTTP/1.1\r\nHost: much.test:443\r\n\r\n").unwrap();
    let head = read_head(&mut stream);
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    (stream, "")
}

fn download(world: &World, tunnelled: bool, framing: Framing, length: u64) -> String {
    let (mut stream, prefix) = way(world, tunnelled);
    write!(stream, "GET {prefix}/{framing:?}/{length} HTTP/1.1\r\nHost: much.test\r\n\r\n").unwrap();
    let head = read_head(&mut stream);
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    received(&mut BufReader::with_capacity(PIECE, stream), &head)
}

fn upload(world: &World, tunnelled: bool, framing: Framing, length: u64) -> String {
    let (mut stream, prefix) = way(world, tunnelled);
    let frame = frame(framing, length);
    write!(stream, "POST {prefix}/ HTTP/1.1\r\nHost: much.test\r\n{frame}\r\n\r\n").unwrap();
    sent(&mut stream, length, framing);
    let head = read_head(&mut stream);
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let mut hash = [0; 64];
    stream.read_exact(&mut hash).unwrap();
    String::from_utf8(hash.to_vec()).unwrap()
}

/// Sends what it is asked for, and says what it has got.
fn origin() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                loop {
                    let head = read_head(&mut stream);
                    // The other side has closed.
                    if head.is_empty() {
                        return;
                    }
                    answer(&mut stream, &head);
                }
            });
        }
    });
    address
}

fn answer(stream: &mut TcpStream, head: &str) {
    if head.starts_with("POST") {
        let hash = received(&mut BufReader::with_capacity(PIECE, stream.try_clone().unwrap()), head);
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{hash}", hash.len()).unwrap();
        return;
    }
    let mut parts = head.split(' ').nth(1).unwrap().split('/').skip(1);
    let framing = if parts.next() == Some("Chunks") { Framing::Chunks } else { Framing::Length };
    let length = parts.next().unwrap().parse().unwrap();
    write!(stream, "HTTP/1.1 200 OK\r\n{}\r\n\r\n", frame(framing, length)).unwrap();
    sent(stream, length, framing);
}

fn frame(framing: Framing, length: u64) -> String {
    match framing {
        Framing::Length => format!("Content-Length: {length}"),
        Framing::Chunks => "Transfer-Encoding: chunked".to_owned(),
    }
}

/// Sends so much noise, and gives its hash.
fn sent(to: &mut dyn Write, length: u64, framing: Framing) -> String {
    let (mut noise, mut piece, mut hash) = (Noise(7), vec![0; PIECE], Context::new(&SHA256));
    let mut left = length;
    while left > 0 {
        let piece = &mut piece[..PIECE.min(usize::try_from(left).unwrap_or(PIECE))];
        noise.fill(piece);
        hash.update(piece);
        left -= piece.len() as u64;
        match framing {
            Framing::Length => to.write_all(piece).unwrap(),
            Framing::Chunks => {
                let end = if left == 0 { "\r\n0\r\n\r\n" } else { "\r\n" };
                to.write_all(format!("{:x}\r\n", piece.len()).as_bytes()).unwrap();
                to.write_all(piece).unwrap();
                to.write_all(end.as_bytes()).unwrap();
            }
        }
    }
    hex(hash)
}

/// Reads a body to its end, and gives its hash.
fn received(from: &mut BufReader<TcpStream>, head: &str) -> String {
    let head = head.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    let mut hash = Context::new(&SHA256);
    match length {
        Some(length) => take(from, length, &mut hash),
        None => loop {
            let mut line = String::new();
            from.read_line(&mut line).unwrap();
            let size = u64::from_str_radix(line.trim_end(), 16).unwrap_or_else(|_| panic!("a chunk size of {line:?}"));
            take(from, size, &mut hash);
            let mut end = [0; 2];
            from.read_exact(&mut end).unwrap();
            assert_eq!(&end, b"\r\n");
            if size == 0 {
                break;
            }
        },
    }
    hex(hash)
}

fn take(from: &mut BufReader<TcpStream>, mut left: u64, hash: &mut Context) {
    while left > 0 {
        let there = from.fill_buf().unwrap();
        assert!(!there.is_empty(), "{left} octets are missing");
        let count = there.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        hash.update(&there[..count]);
        from.consume(count);
        left -= count as u64;
    }
}

fn hex(hash: Context) -> String {
    hash.finish().as_ref().iter().map(|octet| format!("{octet:02x}")).collect()
}
