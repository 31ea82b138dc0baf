//! A secure web proxy that is given another name while clients come.

use std::io::{Read as _, Write as _};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use super::super::origin::Origin;
use super::super::raw::{Answer, connect};
use super::super::world::{PATIENCE, say_aside};
use super::{SHARED, secure};

/// How often it is renamed.
const RELOADS: usize = 60;

#[test]
fn a_secure_web_proxy_speaks_tls_with_everybody_while_it_is_renamed() {
    let origin = Origin::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let open =
        "[[policy.rule]]\nname = \"open\"\ndestinations = [\"ok.test\"]\neffect = \"allow\"\nauthenticate = false\n";
    let world = secure("names = [\"proxy.test\"]").host("ok.test:80", origin.address).config(open).start();
    let address = world.listener("secure");
    let (renamed, asked) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !renamed.load(Ordering::Relaxed) {
                    // A client that was accepted under the one name, and is served after the other is in force, must not
                    // be met as if the listener were a plain one.
                    let mut stream = world.handshake(connect(address, SHARED.into()), "proxy.test:443");
                    let request = "GET http://ok.test/ HTTP/1.1\r\nHost: ok.test\r\nConnection: close\r\n\r\n";
                    stream.write_all(request.as_bytes()).unwrap_or_else(|error| panic!("no TLS: {error}"));
                    let answer = Answer::read_one(&mut stream);
                    assert_eq!(answer.status, 200, "{}", answer.text());
                    asked.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for round in 0..RELOADS {
            let (begun, before) = (Instant::now(), asked.load(Ordering::Relaxed));
            while asked.load(Ordering::Relaxed) < before + 8 {
                assert!(begun.elapsed() < PATIENCE, "nobody is served any more");
                thread::yield_now();
            }
            let (old, new) = if round % 2 == 0 { ("secure", "renamed") } else { ("renamed", "secure") };
            let name = |name: &str| format!("[[listener]]\nname = \"{name}\"");
            world.reload(|text| text.replace(&name(old), &name(new))).unwrap();
        }
        renamed.store(true, Ordering::Relaxed);
    });
    // The socket has stayed: plain HTTP is not served there now either.
    let mut plain = connect(address, SHARED.into());
    plain.write_all(b"GET http://ok.test/ HTTP/1.1\r\nHost: ok.test\r\n\r\n").unwrap();
    let mut said = Vec::new();
    plain.read_to_end(&mut said).ok();
    assert!(!said.starts_with(b"HTTP/"), "{}", String::from_utf8_lossy(&said));
    say_aside(&format!("{} handshakes over {RELOADS} reloads", asked.load(Ordering::Relaxed)));
}
