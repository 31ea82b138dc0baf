use super::*;
use crate::clock::Clock;
use crate::identity::Networks;
use crate::observe::AccessLog;
use crate::observe::page::Page;
use crate::observe::shed::Rates;
use crate::wire::{Destination, Peer, Scheme};

struct Scene {
    page: Page,
    clock: Clock,
    log: Arc<AccessLog>,
}

impl Scene {
    fn new() -> Self {
        let (page, clock) = (Page::default(), Clock::by_hand(Timestamp::UNIX_EPOCH));
        // All of them are counted here.
        let rates = Rates { all: 1_000_000, of_client: 1_000_000 };
        let log = AccessLog::to_writer(page.clone(), "node", clock.clone()).unwrap().shedding(rates);
        Self { page, clock, log: Arc::new(log) }
    }

    /// A CONNECT, or a GET, of this client to this host, with this status.
    fn send(&self, method: &http::Method, client: &str, host: &str, status: u16) {
        let address = client.parse().unwrap();
        let network = Arc::clone(Networks::new(&[]).of(address));
        let peer = Peer::new((address, 5000).into(), "proxy", network);
        let mut recorder = self.log.begin(&peer, Some(method));
        recorder.destination(&Destination::of_authority(Scheme::Https, host).unwrap());
        recorder.status = status;
        recorder.decision = if status < 400 { Outcome::Permitted } else { Outcome::Denied };
        recorder.bytes_out = 10;
    }

    fn refuse(&self) {
        self.send(&http::Method::CONNECT, "192.0.2.7", "a.test", 403);
    }

    /// The lines, when all of them are written: their host, count, first and last second, and bytes.
    fn lines(self) -> Vec<(String, u64, i64, i64, u64)> {
        drop(self.log);
        let text = self.page.text();
        let second = |value: &serde_json::Value| value.as_str().unwrap().parse::<Timestamp>().unwrap().as_second();
        let line = |line: &str| {
            let record: serde_json::Value = serde_json::from_str(line).unwrap();
            let (first, last) = match record["count"].is_null() {
                true => (second(&record["time"]), second(&record["time"])),
                false => (second(&record["first"]), second(&record["last"])),
            };
            let host = record["host"].as_str().unwrap().to_owned();
            (host, record["count"].as_u64().unwrap_or(1), first, last, record["bytes_out"].as_u64().unwrap())
        };
        text.lines().map(line).collect()
    }
}

fn named(host: &str, count: u64, first: i64, last: i64, bytes: u64) -> (String, u64, i64, i64, u64) {
    (host.to_owned(), count, first, last, bytes)
}

#[test]
fn the_first_is_written_at_once_and_the_others_become_one_line_when_they_are_over() {
    let scene = Scene::new();
    for _ in 0..5 {
        scene.refuse();
        scene.clock.advance(SignedDuration::from_secs(1));
    }
    scene.log.settle();
    assert!(scene.log.burst_is_open(), "the window is not over");
    scene.clock.advance(WINDOW);
    scene.log.settle();
    assert!(!scene.log.burst_is_open());
    scene.refuse();
    assert_eq!(
        scene.lines(),
        [named("a.test", 1, 0, 0, 10), named("a.test", 4, 1, 4, 40), named("a.test", 1, 15, 15, 10)]
    );
}

#[test]
fn what_comes_after_the_window_begins_another_burst_whether_or_not_somebody_looked() {
    let scene = Scene::new();
    scene.refuse();
    scene.refuse();
    scene.clock.advance(SignedDuration::from_secs(11));
    scene.refuse();
    scene.refuse();
    scene.refuse();
    let lines = [named("a.test", 1, 0, 0, 10), named("a.test", 1, 0, 0, 10), named("a.test", 1, 11, 11, 10)];
    assert_eq!(scene.lines(), [lines.as_slice(), &[named("a.test", 2, 11, 11, 20)]].concat());
}

#[test]
fn only_refused_connects_that_are_alike_are_put_together() {
    let scene = Scene::new();
    for _ in 0..2 {
        scene.send(&http::Method::CONNECT, "192.0.2.7", "a.test", 403);
        scene.send(&http::Method::CONNECT, "192.0.2.8", "a.test", 403);
        scene.send(&http::Method::CONNECT, "192.0.2.7", "b.test", 403);
        scene.send(&http::Method::CONNECT, "192.0.2.7", "a.test", 502);
        scene.send(&http::Method::CONNECT, "192.0.2.7", "a.test", 200);
        scene.send(&http::Method::GET, "192.0.2.7", "a.test", 403);
    }
    let lines = scene.lines();
    assert_eq!((lines.len(), lines.iter().map(|line| line.1).sum::<u64>()), (12, 12));
}

#[test]
fn beyond_what_is_counted_at_the_same_time_no_record_is_lost() {
    let scene = Scene::new();
    for round in 0..2 {
        for number in 0..MAX_BURSTS + 100 {
            scene.send(&http::Method::CONNECT, "192.0.2.7", &format!("h{number}.test"), 403);
        }
        assert_eq!(round < 2, scene.log.burst_is_open());
    }
    let lines = scene.lines();
    assert_eq!(lines.iter().map(|line| line.1).sum::<u64>(), 2 * (MAX_BURSTS as u64 + 100));
}
