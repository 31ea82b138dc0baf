//! The access log: one JSON line a request or tunnel, written once, when it ends.

use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use super::burst::{self, Bursts, Repeated};
use super::lines::Lines;
use super::metrics::Metrics;
use super::rotate::{Rotated, Rotation};
use super::shed::{Rates, Shed};
use crate::clock::{Clock, Timestamp};
use crate::identity::User;
use crate::wire::count::Place;
use crate::wire::{Destination, Peer};

/// Octets of a path that are recorded. Hosts and methods are bounded where they are read.
const MAX_PATH: usize = 2000;

/// How it is known who sent a request, from strong to weak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Surrogate {
    /// The certificate of a client, in its handshake with a secure web proxy listener.
    ClientCertificate,
    /// The name in the TLS handshake with a secure web proxy listener, which was given to one device.
    ProxyHostName,
    /// A personal proxy token.
    ProxyToken,
    /// The cookie that a ticket left on the origin.
    OriginCookie,
    /// The same TLS connection, over which the portal has seen its own cookie, or a sign-in.
    Connection,
    /// The client address, on a network where it may stand for a session.
    ClientAddress,
    /// The listener, which lets everybody in as `guest`.
    GuestListener,
    /// It is not known.
    #[default]
    None,
}

impl Surrogate {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::ClientCertificate,
        Self::ProxyHostName,
        Self::ProxyToken,
        Self::OriginCookie,
        Self::Connection,
        Self::ClientAddress,
        Self::GuestListener,
        Self::None,
    ];

    /// The word that records show.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClientCertificate => "client-certificate",
            Self::ProxyHostName => "proxy-host-name",
            Self::ProxyToken => "proxy-token",
            Self::OriginCookie => "origin-cookie",
            Self::Connection => "connection",
            Self::ClientAddress => "client-address",
            Self::GuestListener => "guest-listener",
            Self::None => "none",
        }
    }

    /// How much it takes to pass for somebody else by it.
    pub fn strength(self) -> Strength {
        match self {
            Self::ClientCertificate | Self::ProxyToken | Self::Connection => Strength::Strong,
            // They can be read on the wire, or by an origin, but are used from one network only.
            Self::ProxyHostName | Self::OriginCookie => Strength::Medium,
            Self::ClientAddress => Strength::Weak,
            Self::GuestListener | Self::None => Strength::None,
        }
    }
}

/// How sure it is who sent a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strength {
    /// Nobody is known.
    None,
    /// Whoever else is at the same place passes for the person.
    Weak,
    /// It takes a look at the person's traffic to pass for them.
    Medium,
    /// It takes a secret.
    Strong,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It was forwarded to the origin.
    Permitted,
    /// It was refused.
    Denied,
    /// The person was asked to sign in.
    Challenged,
    /// It was for Vestibule itself: the portal, the PAC file, an arriving ticket.
    Local,
    /// It was not understood.
    Rejected,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Permitted, Self::Denied, Self::Challenged, Self::Local, Self::Rejected];

    /// The word that records show.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Permitted => "permitted",
            Self::Denied => "denied",
            Self::Challenged => "challenged",
            Self::Local => "local",
            Self::Rejected => "rejected",
        }
    }
}

/// Why it is not known who sent a request: what it was that could not say so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unidentified {
    /// Nobody needs to be known for it: a walled garden, a rule or a network without sign-in.
    NotRequired,
    /// A person on their way to a page, who is asked now.
    Navigation,
    /// A browser or system that looks for a captive portal.
    Probe,
    /// A CORS preflight, which carries no credentials by definition.
    Preflight,
    /// A part of a page, or background traffic: it did not bring the cookie that its page has.
    SubResource,
    /// A program that shows no page.
    Tool,
    /// A CONNECT, which carries no cookie: who asks inside is not seen, or not yet.
    Connect,
}

impl Unidentified {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::NotRequired,
        Self::Navigation,
        Self::Probe,
        Self::Preflight,
        Self::SubResource,
        Self::Tool,
        Self::Connect,
    ];

    /// The word that records show.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotRequired => "not-required",
            Self::Navigation => "navigation",
            Self::Probe => "probe",
            Self::Preflight => "preflight",
            Self::SubResource => "sub-resource",
            Self::Tool => "tool",
            Self::Connect => "connect",
        }
    }
}

/// One access record.
#[derive(Clone, Debug, Serialize)]
pub struct Record {
    /// When the request began.
    pub time: Timestamp,
    /// The same in the answer's error page and in events.
    pub request_id: RequestId,
    /// The client.
    pub client: SocketAddr,
    /// The trusted peer that asked on the client's behalf.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forwarder: Option<IpAddr>,
    /// The network that the client belongs to.
    pub network: Arc<str>,
    /// The listener that took the request.
    pub listener: Arc<str>,
    /// The person: `user`, their name, and `realm`, which vouches for them.
    #[serde(flatten, serialize_with = "names_of")]
    pub user: Option<Arc<User>>,
    /// The short form of the session's identifier.
    pub session: Option<String>,
    /// How the person is known.
    pub surrogate: Surrogate,
    /// How sure that is.
    pub strength: Strength,
    /// Which one of its kind the surrogate was: a proxy host name, the name of a token, a certificate's fingerprint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Arc<str>>,
    /// Why nobody is known, where that was asked.
    pub unidentified: Option<Unidentified>,
    /// The method; `None` for a request that was not understood.
    #[serde(serialize_with = "text_of")]
    pub method: Option<http::Method>,
    /// `http` or `https`; `None` for a request that was not understood.
    pub scheme: Option<&'static str>,
    /// The host that was asked for.
    pub host: Option<String>,
    /// The port that was asked for.
    pub port: Option<u16>,
    /// The path, without its query; never for tunnels.
    pub path: Option<String>,
    /// The status that the client was answered with.
    pub status: u16,
    /// What became of it.
    pub decision: Outcome,
    /// The rule that decided.
    pub rule: Option<Arc<str>>,
    /// Why it ended as it did: a Proxy Error Type (RFC 9209 §2.3) or a word of ours.
    pub reason: Option<&'static str>,
    /// The address that was dialled.
    pub origin: Option<SocketAddr>,
    /// Our address towards the origin, so that firewall records can be joined.
    pub egress: Option<SocketAddr>,
    /// The parent that it went through; `origin` is its address then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<Arc<str>>,
    /// Body bytes from the client.
    pub bytes_in: u64,
    /// Body bytes to the client.
    pub bytes_out: u64,
    /// From the head of the request to the end of the answer.
    pub duration_ms: u64,
    /// The node that answered.
    pub node: Arc<str>,
    /// How many requests this one stands for, when it is not itself alone.
    #[serde(flatten)]
    pub repeated: Option<Repeated>,
}

#[expect(clippy::ref_option, reason = "the signature that serde asks for")]
fn text_of<S: Serializer>(method: &Option<http::Method>, serializer: S) -> Result<S::Ok, S::Error> {
    method.as_ref().map(http::Method::as_str).serialize(serializer)
}

#[expect(clippy::ref_option, reason = "the signature that serde asks for")]
fn names_of<S: Serializer>(user: &Option<Arc<User>>, serializer: S) -> Result<S::Ok, S::Error> {
    let mut names = serializer.serialize_map(None)?;
    names.serialize_entry("user", &user.as_ref().map(|user| &user.name))?;
    names.serialize_entry("realm", &user.as_ref().map(|user| &user.realm))?;
    names.end()
}

/// The name of a request, the same on pages, in events and in the access log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId(u64);

impl std::fmt::Display for RequestId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Serialize for RequestId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Writes access records.
#[derive(Debug)]
pub struct AccessLog {
    lines: Lines,
    clock: Clock,
    node: Arc<str>,
    next_id: AtomicU64,
    bursts: Bursts,
    shed: Shed,
    metrics: Arc<Metrics>,
}

impl AccessLog {
    /// Records to standard output.
    pub fn to_stdout(node: &str, clock: Clock) -> std::io::Result<Self> {
        Self::to_writer(std::io::stdout(), node, clock)
    }

    /// Records to the end of a file.
    pub fn to_file(path: &Path, rotation: Rotation, node: &str, clock: Clock) -> std::io::Result<Self> {
        Self::to_writer(Rotated::open(path, rotation, clock.clone())?, node, clock)
    }

    /// Records to any writer, from a thread of its own. When it cannot keep up, requests wait: no record is lost but
    /// those of refused strangers, of which there may be too many.
    pub fn to_writer(writer: impl Write + Send + 'static, node: &str, clock: Clock) -> std::io::Result<Self> {
        // Two starts must not give two requests one name.
        let first = u64::from_be_bytes(crate::seal::random());
        let lines = Lines::to_writer("access-log", writer)?;
        let (next_id, node) = (AtomicU64::new(first), node.into());
        let (bursts, shed) = (Bursts::default(), Shed::new(Rates::default()));
        Ok(Self { lines, clock, node, next_id, bursts, shed, metrics: Arc::default() })
    }

    /// The same, with other bounds on records of refused strangers.
    #[must_use]
    pub fn shedding(mut self, rates: Rates) -> Self {
        self.shed = Shed::new(rates);
        self
    }

    /// What is counted of the requests that are recorded here.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Writes the records of bursts that are over.
    pub fn settle(&self) {
        self.bursts.settle(self.clock.now()).iter().for_each(|record| self.write(record));
        self.shed.say(Instant::now()).iter().for_each(|count| self.say_left_out(*count));
    }

    /// Says in the log itself how many records it lacks. It looks like an audit record: it is none of a request.
    fn say_left_out(&self, count: u64) {
        tracing::warn!(count, "records of refused strangers were left out: there were too many");
        let (time, node) = (self.clock.now(), &self.node);
        let line = serde_json::json!({ "audit": "records-left-out", "time": time, "count": count, "node": node });
        self.lines.push(format!("{line}\n").as_bytes());
    }

    #[cfg(test)]
    pub(super) fn burst_is_open(&self) -> bool {
        self.bursts.is_open()
    }

    fn write(&self, record: &Record) {
        let is_optional = is_of_refused_stranger(record);
        if is_optional && !self.shed.admits(record.client.ip(), Instant::now()) {
            return self.leave_out(record);
        }
        let mut line = Vec::with_capacity(640);
        if serde_json::to_writer(&mut line, record).is_err() {
            return;
        }
        line.push(b'\n');
        if !is_optional {
            self.lines.push(&line);
        } else if !self.lines.push_if_few(&line) {
            self.leave_out(record);
        }
    }

    fn leave_out(&self, record: &Record) {
        let count = record.repeated.map_or(1, |repeated| repeated.count);
        self.shed.note(count);
        self.metrics.left_out(count);
    }

    /// Starts the record of a request. It is written when the recorder is dropped.
    pub fn begin(self: &Arc<Self>, peer: &Peer, method: Option<&http::Method>) -> Recorder {
        // An odd constant spreads consecutive numbers, so that IDs are told apart at a glance.
        let id = self.next_id.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.metrics.begin();
        Recorder {
            is_tunnel: false,
            started: Instant::now(),
            log: Arc::clone(self),
            place: peer.place.clone(),
            record: Record {
                time: self.clock.now(),
                request_id: RequestId(id),
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
                status: 0,
                decision: Outcome::Rejected,
                rule: None,
                reason: None,
                origin: None,
                egress: None,
                parent: None,
                bytes_in: 0,
                bytes_out: 0,
                duration_ms: 0,
                node: Arc::clone(&self.node),
                repeated: None,
            },
        }
    }
}

/// A record that is being filled in.
#[derive(Debug)]
pub struct Recorder {
    record: Record,
    /// It is a tunnel, or an intercepted connection: it lasts, and its time says nothing of how fast anything was.
    is_tunnel: bool,
    started: Instant,
    log: Arc<AccessLog>,
    /// What is being recorded goes on, so its connection counts as open: a tunnel's, after HTTP is done with it.
    place: Option<Arc<Place>>,
}

impl Recorder {
    /// The name of the request.
    pub fn id(&self) -> RequestId {
        self.record.request_id
    }

    /// Says that a tunnel is open now, or an intercepted connection.
    pub fn open_tunnel(&mut self) {
        if !self.is_tunnel {
            self.is_tunnel = true;
            self.log.metrics.open_tunnel();
        }
    }

    /// Names the origin that was asked for.
    pub fn destination(&mut self, destination: &Destination) {
        self.record.scheme = Some(destination.scheme.as_str());
        self.record.host = Some(destination.host.to_string());
        self.record.port = Some(destination.port);
    }

    /// Names the person, and says how they are known.
    pub fn identity(&mut self, user: &Arc<User>, session: String, surrogate: Surrogate) {
        self.record.user = Some(Arc::clone(user));
        self.record.session = Some(session);
        self.record.surrogate = surrogate;
        self.record.strength = surrogate.strength();
        if surrogate != Surrogate::GuestListener && !user.is_guest() {
            self.place.iter().for_each(|place| place.note_known());
        }
    }
}

impl std::ops::Deref for Recorder {
    type Target = Record;

    fn deref(&self) -> &Record {
        &self.record
    }
}

impl std::ops::DerefMut for Recorder {
    fn deref_mut(&mut self) -> &mut Record {
        &mut self.record
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.record.path.iter_mut().for_each(cut);
        self.record.duration_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.log.metrics.end(&self.record, self.is_tunnel);
        if !burst::may_be_part(&self.record) {
            return self.log.write(&self.record);
        }
        for record in self.log.bursts.take(self.record.clone()).iter().flatten() {
            self.log.write(record);
        }
    }
}

/// What is still being counted is written down.
impl Drop for AccessLog {
    fn drop(&mut self) {
        self.bursts.settle(Timestamp::MAX).iter().for_each(|record| self.write(record));
        self.shed.say_last().iter().for_each(|count| self.say_left_out(*count));
    }
}

/// Whether a record is of somebody who was never known, and to whom nothing was forwarded.
fn is_of_refused_stranger(record: &Record) -> bool {
    record.user.is_none() && record.decision != Outcome::Permitted
}

/// Cuts what is too long to be recorded. A target has no octets like the mark (RFC 3986 §2), so it is seen that it was.
fn cut(path: &mut String) {
    if path.len() > MAX_PATH {
        path.truncate(path.floor_char_boundary(MAX_PATH));
        path.push('\u{2026}');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Networks;
    use crate::wire::Scheme;
    use std::sync::Mutex;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn each_word_is_counted_in_its_ownplace_and_called_as_in_records() {
        fn check<T: Copy + Serialize>(all: &[T], place: impl Fn(T) -> usize, name: impl Fn(T) -> &'static str) {
            for (at, one) in all.iter().enumerate() {
                assert_eq!((place(*one), serde_json::json!(one)), (at, name(*one).into()));
            }
        }
        check(&Surrogate::ALL, |one| one as usize, Surrogate::as_str);
        check(&Outcome::ALL, |one| one as usize, Outcome::as_str);
        check(&Unidentified::ALL, |one| one as usize, Unidentified::as_str);
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
        let person =
            Arc::new(User { name: "B.Simon@contoso.com".into(), realm: "contoso".into(), ..User::guest("b".into()) });
        for number in 0..300_u16 {
            let client = format!("[2001:db8:{number:x}::1]:5000").parse().unwrap();
            let begin = |decision| {
                let mut recorder = log.begin(&Peer::new(client, "proxy", Arc::clone(&network)), None);
                recorder.decision = decision;
                recorder.path = Some(format!("/{}", "x".repeat(60_000)));
                recorder
            };
            begin(Outcome::Challenged);
            begin(Outcome::Permitted);
            begin(Outcome::Denied).identity(&person, "s".into(), Surrogate::OriginCookie);
        }
        let mut metrics = crate::observe::exposition::Exposition::default();
        log.metrics().expose(&mut metrics);
        drop(log);
        let text = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
        let count = |word: &str| text.lines().filter(|line| line.contains(word)).count();
        assert_eq!((count("\"permitted\""), count("B.Simon"), count("\"challenged\"")), (300, 300, 20));
        assert!(text.lines().all(|line| line.len() < 3000), "a path is cut");
        assert_eq!(count("xxx\u{2026}\""), 620, "and it is seen that it was");
        let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        assert_eq!((&last["audit"], &last["count"]), (&"records-left-out".into(), &280.into()), "{last}");
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
        let text = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
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
