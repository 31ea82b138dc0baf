//! How long anything is waited for: heads and bodies that come slowly, from either side, end in bounded time.

use std::io::Write as _;
use std::time::{Duration, Instant};

use super::super::raw::read_all;
use super::super::world::PATIENCE;
use super::stage::Stage;

/// Bounds that a test can wait for.
const LIMITS: &str = "head_time = \"1s\"\nbody_idle = \"1s\"\nanswer_time = \"1s\"";

const ROWS: &[(&str, &str)] = &[
    ("RFC 9110 §15.5.9: half a head", "C> GET http://o.te\nC# 408 http_request_error\nC."),
    (
        "RFC 9110 §15.5.9: half a body",
        "C> POST http://o.test/ HTTP/1.1|Host: o.test|Content-Length: 10||hel
                 O- POST / HTTP/1.1|Host: o.test|Content-Length: 10
                 O= hel
                 O.
                 C# 408 http_request_error
                 C.",
    ),
    (
        "RFC 9110 §15.5.9: half a body in chunks",
        "C> POST http://o.test/ HTTP/1.1|Host: o.test|Transfer-Encoding: chunked||3|hel|
                 O- POST / HTTP/1.1|Host: o.test|Transfer-Encoding: chunked
                 O= 3|hel|
                 O.
                 C# 408 http_request_error
                 C.",
    ),
    (
        "RFC 9110 §15.6.5: no answer",
        "C> GET http://o.test/ HTTP/1.1|Host: o.test||
                 O< GET / HTTP/1.1|Host: o.test
                 C# 504 http_response_timeout
                 O.",
    ),
    (
        "RFC 9110 §15.6.5: half an answer's head",
        "C> GET http://o.test/ HTTP/1.1|Host: o.test||
                 O< GET / HTTP/1.1|Host: o.test
                 O> HTTP/1.1 200 OK|Content-
                 C# 504 http_response_timeout
                 O.",
    ),
    (
        "RFC 9110 §15.2: an interim answer is no answer",
        "C> GET http://o.test/ HTTP/1.1|Host: o.test||
                 O< GET / HTTP/1.1|Host: o.test
                 O> HTTP/1.1 103 Early Hints|Link: </a>||
                 C< 103|Link: </a>
                 C# 504 http_response_timeout
                 O.",
    ),
    (
        "RFC 9112 §8: half an answer's body",
        "C> GET http://o.test/ HTTP/1.1|Host: o.test||
                 O< GET / HTTP/1.1|Host: o.test
                 O> HTTP/1.1 200 OK|Content-Length: 10||hel
                 O.
                 C~ 200|Content-Length: 10||hel",
    ),
    (
        "RFC 9112 §9.5: nothing after an exchange",
        "C> GET http://o.test/ HTTP/1.1|Host: o.test||
                 O< GET / HTTP/1.1|Host: o.test
                 O> HTTP/1.1 200 OK|Content-Length: 2||hi
                 C< 200|Content-Length: 2||hi
                 C.",
    ),
    ("RFC 9112 §9.5: nothing at all", "C> \nC."),
];

#[test]
fn what_comes_slowly_is_ended() {
    let stage = Stage::new(LIMITS);
    let failed: Vec<String> = std::thread::scope(|scope| {
        let play = |(rule, script): &'static (&str, &str)| {
            let stage = &stage;
            scope.spawn(move || stage.outcome(script).err().map(|problem| format!("{rule}\n  {problem}")))
        };
        let rows: Vec<_> = ROWS.iter().map(play).collect();
        rows.into_iter().filter_map(|row| row.join().unwrap()).collect()
    });
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// A head that comes octet by octet has the same time as one that does not come: it is the whole that is waited for.
#[test]
fn a_head_that_comes_octet_by_octet_is_ended() {
    let stage = Stage::new(LIMITS);
    let mut client = stage.world.connect([127, 0, 0, 1]);
    let begun = Instant::now();
    // Nothing of it may be answered 200: whoever is refused may go on writing until the connection is reset.
    while client.write_all(b"G").is_ok() && begun.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(100));
    }
    let answer = read_all(&mut client);
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 4"), "{}", answer.escape_ascii());
    assert!(begun.elapsed() < PATIENCE, "it was let go on");
}
