//! The access log: one JSON line for each request or tunnel, written once, when it ends.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use arc_swap::ArcSwap;

use super::burst::{self, Bursts};
use super::line;
use super::metrics::Metrics;
use super::record::{Outcome, Record, RequestId};
use super::rotate::{Rotated, Rotation};
use super::shed::{Rates, Shed};
use super::sink::{Sink, WhenFull};
use crate::clock::{Clock, Timestamp};
use crate::identity::{Strength, Surrogate, User};
use crate::net::count::Place;
use crate::wire::target::Host;
use crate::wire::{Destination, Peer};

/// How many octets of a path are recorded. Hosts and methods are bounded where they are read.
const MAX_PATH: usize = 2000;

/// Writes access records.
#[derive(Debug)]
pub struct AccessLog {
    to: ArcSwap<To>,
    clock: Clock,
    next_id: AtomicU64,
    bursts: Bursts,
    shed: ArcSwap<Shed>,
    metrics: Arc<Metrics>,
}

/// Where records go, and the name of this node in them.
#[derive(Debug)]
struct To {
    lines: Sink,
    node: Arc<str>,
}

impl AccessLog {
    /// Records to standard output.
    pub fn to_stdout(node: &str, clock: Clock) -> std::io::Result<Self> {
        Self::to_writer(std::io::stdout(), node, clock)
    }

    /// Appends records to a file.
    pub fn to_file(path: &Path, rotation: Rotation, node: &str, clock: Clock) -> std::io::Result<Self> {
        Self::to_writer(Rotated::open(path, rotation, clock.clone())?, node, clock)
    }

    /// Records to any writer, from a thread of its own. If it cannot keep up, requests wait, and no record is lost,
    /// except those of refused strangers when there are too many.
    pub fn to_writer(writer: impl Write + Send + 'static, node: &str, clock: Clock) -> std::io::Result<Self> {
        Ok(Self::to_sink(Sink::new("access-log", WhenFull::Wait, writer)?, node, clock))
    }

    /// Records to a sink, which says whether requests wait when it cannot keep up.
    pub fn to_sink(lines: Sink, node: &str, clock: Clock) -> Self {
        // Random, so that after a restart no request gets the identifier of an earlier one.
        let first = u64::from_be_bytes(crate::seal::random());
        let metrics = Metrics::default();
        metrics.count_dropped(lines.dropped());
        let (next_id, to) = (AtomicU64::new(first), ArcSwap::from_pointee(To { lines, node: node.into() }));
        let (bursts, shed) = (Bursts::default(), ArcSwap::from_pointee(Shed::new(Rates::default())));
        Self { to, clock, next_id, bursts, shed, metrics: Arc::new(metrics) }
    }

    /// The same, with other bounds on records of refused strangers.
    #[must_use]
    pub fn shedding(self, rates: Rates) -> Self {
        self.shed.store(Arc::new(Shed::new(rates)));
        self
    }

    /// From now on records where `other` would, and within its bounds. Lines that wait to be written to the place
    /// before are still written there.
    pub fn go_on_as(&self, other: &Self) {
        self.shed.load().say_last().iter().for_each(|count| self.say_left_out(*count));
        self.shed.store(other.shed.load_full());
        self.to.store(other.to.load_full());
        self.metrics.count_dropped(self.to.load().lines.dropped());
    }

    /// The counters of the requests that are recorded here.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Writes the records of bursts that are over, and says how many records were left out.
    pub fn settle(&self) {
        self.settle_at(Instant::now());
    }

    fn settle_at(&self, now: Instant) {
        self.bursts.settle(self.clock.now()).iter().for_each(|record| self.write(record));
        self.shed.load().say(now).iter().for_each(|count| self.say_left_out(*count));
        self.metrics.say_dropped(now);
    }

    /// Says in the log itself how many records it lacks. The line looks like an audit record, because it is not about
    /// one request.
    fn say_left_out(&self, count: u64) {
        tracing::warn!(
            count,
            "access records of refused strangers were left out: there were more than `[log] refused` allows"
        );
        let to = self.to.load();
        let (time, node) = (self.clock.now(), &to.node);
        let line = serde_json::json!({ "audit": "records-left-out", "time": time, "count": count, "node": node });
        to.lines.push(format!("{line}\n").as_bytes());
    }

    #[cfg(test)]
    pub(super) fn burst_is_open(&self) -> bool {
        self.bursts.is_open()
    }

    fn write(&self, record: &Record) {
        let is_optional = is_of_refused_stranger(record);
        if is_optional && !self.shed.load().admits(record.client.ip(), Instant::now()) {
            return self.leave_out(record);
        }
        // Written before the queue's lock is taken, so that no worker waits while another one writes.
        let line = line::of(record);
        if !is_optional {
            self.to.load().lines.push(&line);
        } else if !self.to.load().lines.push_if_few(&line) {
            self.leave_out(record);
        }
    }

    fn leave_out(&self, record: &Record) {
        let count = record.repeated.as_ref().map_or(1, |repeated| repeated.count);
        self.shed.load().note(count);
        self.metrics.left_out(count);
    }

    /// Begins the record of a request. It is written when the recorder is dropped.
    pub fn begin(self: &Arc<Self>, peer: &Peer, method: Option<&http::Method>) -> Recorder {
        let id = RequestId::of(self.next_id.fetch_add(1, Ordering::Relaxed));
        self.metrics.begin();
        Recorder(Box::new(Recording {
            is_tunnel: false,
            started: Instant::now(),
            log: Arc::clone(self),
            kept: None,
            place: peer.place.clone(),
            record: Record {
                time: self.clock.now(),
                request_id: id,
                client: peer.client,
                forwarder: peer.forwarder,
                network: Arc::clone(&peer.network.name),
                listener: Arc::clone(&peer.listener),
                user: None,
                session: None,
                surrogate: Surrogate::None,
                strength: Strength::None,
                evidence: None,
                unidentified: None,
                method: method.cloned(),
                scheme: None,
                host: None,
                port: None,
                path: None,
                protocol: None,
                status: 0,
                decision: Outcome::Rejected,
                rule: None,
                terms: Box::default(),
                reason: None,
                scan: None,
                origin: None,
                egress: None,
                origin_protocol: None,
                parent: None,
                bytes_in: 0,
                bytes_out: 0,
                duration_ms: 0,
                node: Arc::clone(&self.to.load().node),
                repeated: None,
            },
        }))
    }
}

/// A record that is being filled in. Boxed, because it is handed on from step to step.
#[derive(Debug)]
pub struct Recorder(Box<Recording>);

#[derive(Debug)]
struct Recording {
    record: Record,
    /// Whether it is a tunnel, or an intercepted connection: its duration says nothing about how fast anything was.
    is_tunnel: bool,
    started: Instant,
    log: Arc<AccessLog>,
    /// Keeps the client's connection counted as open for as long as this record: a tunnel's goes on after HTTP is done
    /// with it.
    place: Option<Arc<Place>>,
    /// Whatever counts for as long as this record.
    kept: Option<Box<dyn std::fmt::Debug + Send + Sync>>,
}

impl Recorder {
    /// The identifier of the request.
    pub fn id(&self) -> RequestId {
        self.0.record.request_id
    }

    /// Notes that a tunnel, or an intercepted connection, is open now.
    pub fn open_tunnel(&mut self) {
        if !self.0.is_tunnel {
            self.0.is_tunnel = true;
            self.0.log.metrics.open_tunnel();
        }
    }

    /// Keeps something for as long as the request or tunnel goes on.
    pub fn keep(&mut self, kept: impl std::fmt::Debug + Send + Sync + 'static) {
        self.0.kept = Some(Box::new(kept));
    }

    /// Notes the origin that was asked for.
    pub fn destination(&mut self, destination: &Destination) {
        self.0.record.scheme = Some(destination.scheme);
        self.0.record.host = Some(match &destination.host {
            // A copy, without the way by which an address is written.
            Host::Domain(name) => name.as_str().into(),
            address => address.to_string().into(),
        });
        self.0.record.port = Some(destination.port);
    }

    /// Notes the person, and the surrogate by which they are known.
    pub fn identity(&mut self, user: &Arc<User>, session: Box<str>, surrogate: Surrogate) {
        self.0.record.user = Some(Arc::clone(user));
        self.0.record.session = Some(session);
        self.0.record.surrogate = surrogate;
        self.0.record.strength = surrogate.strength();
        if surrogate != Surrogate::GuestListener && !user.is_guest() {
            self.0.place.iter().for_each(|place| place.note_known());
        }
    }
}

impl std::ops::Deref for Recorder {
    type Target = Record;

    fn deref(&self) -> &Record {
        &self.0.record
    }
}

impl std::ops::DerefMut for Recorder {
    fn deref_mut(&mut self) -> &mut Record {
        &mut self.0.record
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.0.record.path.iter_mut().for_each(cut);
        self.0.record.duration_ms = u64::try_from(self.0.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.log.metrics.end(&self.0.record, self.0.is_tunnel);
        if !burst::may_be_part(&self.0.record) {
            return self.0.log.write(&self.0.record);
        }
        for record in self.0.log.bursts.take(self.0.record.clone()).iter().flatten() {
            self.0.log.write(record);
        }
    }
}

/// Writes what is still being counted.
impl Drop for AccessLog {
    fn drop(&mut self) {
        self.bursts.settle(Timestamp::MAX).iter().for_each(|record| self.write(record));
        self.shed.load().say_last().iter().for_each(|count| self.say_left_out(*count));
    }
}

/// Whether a record is of a request of which nobody is known, and which was not forwarded.
fn is_of_refused_stranger(record: &Record) -> bool {
    record.user.is_none() && !record.decision.is_forwarded()
}

/// Cuts a path that is too long, and marks the cut with an ellipsis: no target has that character in it (RFC 3986 §2).
fn cut(path: &mut Box<str>) {
    if let Some((kept, _)) =
        path.split_at_checked(path.floor_char_boundary(MAX_PATH)).filter(|(_, rest)| !rest.is_empty())
    {
        *path = format!("{kept}\u{2026}").into();
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use serde::Serialize;

    use super::*;
    use crate::identity::Networks;
    use crate::observe::page::Page;
    use crate::observe::record::Repeated;
    use crate::observe::{Reason, WhyUnidentified};
    use crate::wire::Scheme;

    #[test]
    fn each_word_is_counted_in_its_ownplace_and_called_as_in_records() {
        fn check<T: Copy + Serialize>(all: &[T], place: impl Fn(T) -> usize, name: impl Fn(T) -> &'static str) {
            for (at, one) in all.iter().enumerate() {
                assert_eq!((place(*one), serde_json::json!(one)), (at, name(*one).into()));
            }
        }
        check(&Surrogate::ALL, |one| one as usize, Surrogate::as_str);
        check(&Outcome::ALL, |one| one as usize, Outcome::as_str);
        check(&WhyUnidentified::ALL, |one| one as usize, WhyUnidentified::as_str);
        check(Reason::ALL, |one| one as usize, Reason::as_str);
    }

    #[test]
    fn a_record_that_waits_is_small() {
        // Each open tunnel has one. An allocation of up to 448 octets costs that much, and a larger one 512.
        let size = size_of::<Recording>();
        assert!(size <= 448, "{size} octets");
    }

    #[test]
    fn a_log_file_is_not_for_everybody_to_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.log");
        drop(AccessLog::to_file(&path, Rotation::default(), "node", Clock::system()).unwrap());
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
        assert_eq!(mode & 0o007, 0);
    }

    #[test]
    fn strangers_do_not_fill_the_log_and_people_are_all_in_it() {
        let page = Page::default();
        let clock = Clock::by_hand(Timestamp::UNIX_EPOCH);
        let log = AccessLog::to_writer(page.clone(), "node-1", clock).unwrap();
        let log = Arc::new(log.shedding(Rates { all: 2, of_client: 1 }));
        let network = Arc::clone(Networks::new(&[]).of("192.0.2.7".parse().unwrap()));
        let begun = Instant::now();
        let person =
            Arc::new(User { name: "B.Simon@contoso.com".into(), realm: "contoso".into(), ..User::guest("b".into()) });
        for number in 0..300_u16 {
            let client = format!("[2001:db8:{number:x}::1]:5000").parse().unwrap();
            let begin = |decision| {
                let mut recorder = log.begin(&Peer::new(client, "proxy", Arc::clone(&network)), None);
                recorder.decision = decision;
                recorder.path = Some(format!("/{}", "x".repeat(60_000)).into());
                recorder
            };
            begin(Outcome::Challenged);
            begin(Outcome::Permitted);
            begin(Outcome::Denied).identity(&person, "s".into(), Surrogate::OriginCookie);
        }
        // Ten seconds' worth at once, and two more in each second that this machine took.
        let most = 20 + usize::try_from(begun.elapsed().as_secs()).unwrap() * 2 + 2;
        let counted = left_out(&log);
        drop(log);
        let text = page.text();
        let count = |word: &str| text.lines().filter(|line| line.contains(word)).count();
        assert_eq!((count("\"permitted\""), count("B.Simon")), (300, 300));
        let written = count("\"challenged\"");
        assert!((20..=most).contains(&written), "{written} of {most}");
        assert!(text.lines().all(|line| line.len() < 3000), "a path is cut");
        assert_eq!(count("xxx\u{2026}\""), 600 + written, "and it is seen that it was");
        let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        assert_eq!((&last["audit"], &last["count"]), (&"records-left-out".into(), &(300 - written).into()), "{last}");
        assert_eq!(counted, 300 - written);
    }

    /// All figures of a log.
    fn figures(log: &AccessLog) -> String {
        let mut figures = crate::observe::exposition::Exposition::default();
        log.metrics().expose(&mut figures);
        figures.into_text()
    }

    /// What figures say of the records that were left out.
    fn left_out(log: &AccessLog) -> usize {
        let text = figures(log);
        let line = text.lines().find_map(|line| line.strip_prefix("vestibule_records_left_out_total "));
        line.unwrap().parse().unwrap()
    }

    #[test]
    fn each_reason_is_counted_under_its_own_word_and_none_under_another() {
        let log = AccessLog::to_writer(Page::default(), "node-1", Clock::by_hand(Timestamp::UNIX_EPOCH)).unwrap();
        let log = Arc::new(log);
        for reason in Reason::ALL {
            refuse(&log).reason = Some(*reason);
        }
        let text = figures(&log);
        let counted: Vec<_> = text.lines().filter(|line| line.starts_with("vestibule_request_errors_total")).collect();
        let sample = |reason: &Reason| format!("vestibule_request_errors_total{{reason=\"{reason}\"}} 1");
        assert_eq!(counted, Reason::ALL.iter().map(sample).collect::<Vec<_>>());
    }

    /// A stranger's request that is refused.
    fn refuse(log: &Arc<AccessLog>) -> Recorder {
        let client = "192.0.2.7:5000".parse().unwrap();
        let network = Arc::clone(Networks::new(&[]).of("192.0.2.7".parse().unwrap()));
        let mut recorder = log.begin(&Peer::new(client, "proxy", network), None);
        recorder.decision = Outcome::Denied;
        recorder
    }

    #[test]
    fn what_was_left_out_is_said_while_the_program_runs_and_each_of_a_burst_counts() {
        let page = Page::default();
        let log = AccessLog::to_writer(page.clone(), "node-1", Clock::by_hand(Timestamp::UNIX_EPOCH)).unwrap();
        let log = Arc::new(log.shedding(Rates { all: 0, of_client: 0 }));
        let (first, last) = (Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH);
        refuse(&log).repeated = Some(Box::new(Repeated { count: 7, first, last }));
        drop(refuse(&log));
        assert_eq!(left_out(&log), 8);
        log.settle_at(Instant::now() + std::time::Duration::from_secs(61));
        refuse(&log).repeated = Some(Box::new(Repeated { count: 5, first, last }));
        drop(log);
        let said: Vec<serde_json::Value> =
            page.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let counts: Vec<_> = said.iter().map(|line| (line["audit"].as_str(), line["count"].as_u64())).collect();
        assert_eq!(counts, [(Some("records-left-out"), Some(8)), (Some("records-left-out"), Some(5))]);
    }

    #[test]
    fn a_client_where_a_person_is_known_is_remembered_and_one_of_guests_is_not() {
        let log = AccessLog::to_writer(Page::default(), "node-1", Clock::by_hand(Timestamp::UNIX_EPOCH)).unwrap();
        let log = Arc::new(log);
        let person = User { name: "B.Simon@contoso.com".into(), realm: "contoso".into(), ..User::guest("b".into()) };
        for (user, surrogate, is_known) in [
            (person.clone(), Surrogate::OriginCookie, true),
            (person, Surrogate::GuestListener, false),
            (User::guest("b".into()), Surrogate::OriginCookie, false),
        ] {
            let bounds = crate::net::count::Bounds { all: 8, for_known: 2, of_client: 8, of_site: 8 };
            let connections = Arc::new(crate::net::count::Connections::new(bounds));
            let client: SocketAddr = "192.0.2.7:5000".parse().unwrap();
            let network = Arc::clone(Networks::new(&[]).of(client.ip()));
            let place = connections.enter(client.ip()).map(Arc::new);
            let peer = Peer { place, ..Peer::new(client, "proxy", network) };
            log.begin(&peer, None).identity(&Arc::new(user), "s".into(), surrogate);
            assert_eq!(connections.known().has(client.ip()), is_known, "{surrogate:?}");
        }
    }

    #[test]
    fn where_the_log_cannot_keep_up_refused_strangers_do_not_make_others_wait() {
        const RECORDS: usize = 600;
        /// A disk that stands still until the other end is gone.
        struct Still(Page, std::sync::mpsc::Receiver<()>);
        impl Write for Still {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                self.1.recv().ok();
                self.0.write(bytes)
            }

            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let (page, (moves, still)) = (Page::default(), std::sync::mpsc::channel());
        let clock = Clock::by_hand(Timestamp::UNIX_EPOCH);
        let log = AccessLog::to_writer(Still(page.clone(), still), "node-1", clock).unwrap();
        let log = Arc::new(log.shedding(Rates { all: 1_000_000, of_client: 1_000_000 }));
        let (done, waited) = std::sync::mpsc::channel();
        let refusing = Arc::clone(&log);
        let giving = std::thread::spawn(move || {
            for _ in 0..RECORDS {
                refuse(&refusing).host = Some("x".repeat(60_000).into());
            }
            done.send(()).unwrap();
        });
        let came = waited.recv_timeout(std::time::Duration::from_secs(60));
        drop(moves);
        assert!(came.is_ok(), "whoever refuses strangers waits for the disk");
        giving.join().unwrap();
        let missing = left_out(&log);
        drop(log);
        let lines = page.text().lines().count();
        assert!(missing > 0 && lines == RECORDS - missing + 1, "{missing} {lines}");
    }

    #[test]
    fn what_a_sink_elsewhere_drops_is_in_the_figures_and_said_once_a_minute() {
        const RECORDS: usize = 700;
        /// It takes nothing until the other end is gone.
        struct Away(std::sync::mpsc::Receiver<()>);
        impl Write for Away {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                self.0.recv().ok();
                Ok(bytes.len())
            }

            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let (back, away) = std::sync::mpsc::channel();
        let sink = Sink::new("elsewhere", WhenFull::Drop, Away(away)).unwrap();
        let log = Arc::new(AccessLog::to_sink(sink, "node-1", Clock::by_hand(Timestamp::UNIX_EPOCH)));
        for _ in 0..RECORDS {
            let mut recorder = refuse(&log);
            recorder.decision = Outcome::Permitted;
            recorder.host = Some("x".repeat(60_000).into());
        }
        let text = figures(&log);
        let sample = "vestibule_log_lines_dropped_total{sink=\"elsewhere\"} ";
        let dropped = text.lines().find_map(|line| line.strip_prefix(sample)).unwrap();
        assert!((1..RECORDS).contains(&dropped.parse().unwrap()), "{dropped}");
        let events = Page::default();
        let written = events.clone();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || written.clone()).finish();
        let begun = Instant::now();
        tracing::subscriber::with_default(subscriber, || {
            log.settle_at(begun + std::time::Duration::from_secs(61));
            log.settle_at(begun + std::time::Duration::from_secs(62));
        });
        let said = events.text();
        let wanted = format!("sink=\"elsewhere\" count={dropped}");
        assert!(said.lines().count() == 1 && said.contains(&wanted), "{said}");
        drop(back);
    }

    #[test]
    fn what_a_log_has_not_written_still_counts_when_it_goes_on_elsewhere() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(std::io::ErrorKind::StorageFull.into())
            }

            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let clock = Clock::by_hand(Timestamp::UNIX_EPOCH);
        let open = || AccessLog::to_writer(Full, "node-1", clock.clone()).unwrap();
        let log = Arc::new(open());
        for count in 1..=2 {
            drop(refuse(&log));
            let sample = format!("vestibule_log_lines_dropped_total{{sink=\"access-log\"}} {count}");
            let begun = Instant::now();
            while !figures(&log).lines().any(|line| line == sample) {
                assert!(begun.elapsed() < std::time::Duration::from_secs(60), "{}", figures(&log));
                std::thread::yield_now();
            }
            log.go_on_as(&open());
        }
    }

    #[test]
    fn a_record_is_one_json_line_written_when_the_request_ends() {
        let page = Page::default();
        let log =
            Arc::new(AccessLog::to_writer(page.clone(), "node-1", Clock::by_hand(Timestamp::UNIX_EPOCH)).unwrap());
        let client = "192.0.2.7:5000".parse().unwrap();
        let network = Arc::clone(Networks::new(&[]).of("192.0.2.7".parse().unwrap()));
        let peer = Peer::new(client, "proxy", network);
        let mut recorder = log.begin(&peer, Some(&http::Method::GET));
        let id = recorder.id().to_string();
        recorder.destination(&Destination::of_authority(Scheme::Http, "news.test").unwrap());
        recorder.status = 200;
        recorder.decision = Outcome::Permitted;
        recorder.bytes_out = 12;
        drop(recorder);
        drop(log);
        let text = page.text();
        let record: serde_json::Value = serde_json::from_str(text.strip_suffix('\n').unwrap()).unwrap();
        for (field, value) in [
            ("time", serde_json::json!("1970-01-01T00:00:00Z")),
            ("request_id", id.into()),
            ("client", "192.0.2.7:5000".into()),
            ("network", "elsewhere".into()),
            ("user", serde_json::Value::Null),
            ("surrogate", "none".into()),
            ("host", "news.test".into()),
            ("port", 80.into()),
            ("status", 200.into()),
            ("decision", "permitted".into()),
            ("bytes_out", 12.into()),
            ("node", "node-1".into()),
        ] {
            assert_eq!(record[field], value, "{field}");
        }
    }
}
