//! Writes an access record as its line of JSON, by hand: every request pays for it, and serde's way of writing the same
//! line costs about four times as much. A test holds the two against each other.

use std::cell::Cell;
use std::io::Write as _;
use std::net::SocketAddr;

use jiff::tz::Offset;

use super::reason::Reason;
use super::record::{HttpVersion, Record, Repeated};
use super::unidentified::WhyUnidentified;
use crate::clock::Timestamp;
use crate::wire::Scheme;

/// Octets for which most lines have room.
const USUAL: usize = 640;

/// The line of a record, with its end.
pub(super) fn of(record: &Record) -> Vec<u8> {
    let mut line = AccessLine(Vec::with_capacity(USUAL));
    line.asked_by(record);
    line.asked_for(record);
    line.answered(record);
    line.0
}

/// A line that is being written.
struct AccessLine(Vec<u8>);

impl AccessLine {
    /// When, and who.
    fn asked_by(&mut self, record: &Record) {
        self.raw(b"{\"time\":");
        self.time(record.time);
        self.raw(b",\"request_id\":\"");
        self.raw(&record.request_id.letters());
        self.raw(b"\",\"client\":");
        self.socket(record.client);
        if let Some(forwarder) = record.forwarder {
            self.raw(b",\"forwarder\":\"");
            // Writing into memory does not fail.
            drop(write!(self.0, "{forwarder}"));
            self.raw(b"\"");
        }
        self.field(b",\"network\":", Some(&record.network));
        self.field(b",\"listener\":", Some(&record.listener));
        self.field(b",\"user\":", record.user.as_ref().map(|user| &*user.name));
        self.field(b",\"realm\":", record.user.as_ref().map(|user| &*user.realm));
        self.field(b",\"session\":", record.session.as_deref());
        self.word(b",\"surrogate\":\"", record.surrogate.as_str());
        self.word(b",\"strength\":\"", record.strength.as_str());
        if record.evidence.is_some() {
            self.field(b",\"evidence\":", record.evidence.as_deref());
        }
        self.plain(b",\"unidentified\":", record.unidentified.map(WhyUnidentified::as_str));
    }

    /// What, and what was decided about it.
    fn asked_for(&mut self, record: &Record) {
        // A token (RFC 9110 §9.1).
        self.plain(b",\"method\":", record.method.as_ref().map(http::Method::as_str));
        self.plain(b",\"scheme\":", record.scheme.map(Scheme::as_str));
        self.field(b",\"host\":", record.host.as_deref());
        self.raw(b",\"port\":");
        match record.port {
            Some(port) => self.number(port),
            None => self.raw(b"null"),
        }
        self.field(b",\"path\":", record.path.as_deref());
        self.plain(b",\"protocol\":", record.protocol.map(HttpVersion::as_str));
        self.raw(b",\"status\":");
        self.number(record.status);
        self.word(b",\"decision\":\"", record.decision.as_str());
        self.field(b",\"rule\":", record.rule.as_deref());
        if let [first, more @ ..] = &*record.terms {
            self.field(b",\"terms\":[", Some(first));
            more.iter().for_each(|rule| self.field(b",", Some(rule)));
            self.raw(b"]");
        }
    }

    /// What came of it.
    fn answered(&mut self, record: &Record) {
        self.plain(b",\"reason\":", record.reason.map(Reason::as_str));
        if let Some(scan) = &record.scan {
            self.word(b",\"scan\":\"", scan.verdict);
            self.field(b",\"scanner\":", Some(&scan.scanner));
            if scan.why.is_some() {
                self.field(b",\"scan_why\":", scan.why);
            }
            if scan.threat.is_some() {
                self.field(b",\"threat\":", scan.threat.as_deref());
            }
        }
        self.raw(b",\"origin\":");
        self.socket_or_null(record.origin);
        self.raw(b",\"egress\":");
        self.socket_or_null(record.egress);
        self.plain(b",\"origin_protocol\":", record.origin_protocol.map(HttpVersion::as_str));
        if record.parent.is_some() {
            self.field(b",\"parent\":", record.parent.as_deref());
        }
        self.raw(b",\"bytes_in\":");
        self.number(record.bytes_in);
        self.raw(b",\"bytes_out\":");
        self.number(record.bytes_out);
        self.raw(b",\"duration_ms\":");
        self.number(record.duration_ms);
        self.field(b",\"node\":", Some(&record.node));
        if let Some(Repeated { count, first, last }) = record.repeated.as_deref().copied() {
            self.raw(b",\"count\":");
            self.number(count);
            self.raw(b",\"first\":");
            self.time(first);
            self.raw(b",\"last\":");
            self.time(last);
        }
        self.raw(b"}\n");
    }

    /// Octets whose number the compiler knows: they are moved where they belong, without a call for each.
    #[inline(always)]
    fn raw<const N: usize>(&mut self, octets: &[u8; N]) {
        self.0.extend_from_slice(octets);
    }

    /// A word of ours, in which nothing must be escaped. `name` ends with the opening quotation mark.
    #[inline(always)]
    fn word<const N: usize>(&mut self, name: &[u8; N], word: &str) {
        self.raw(name);
        self.rest(word);
    }

    /// A name, and a text or `null`.
    #[inline(always)]
    fn field<const N: usize>(&mut self, name: &[u8; N], text: Option<&str>) {
        self.raw(name);
        self.text(text);
    }

    fn text(&mut self, text: Option<&str>) {
        let Some(text) = text else { return self.raw(b"null") };
        if must_be_escaped(text.as_bytes()) {
            // Writing into memory does not fail, nor does a text.
            drop(serde_json::to_writer(&mut self.0, text));
            return;
        }
        self.raw(b"\"");
        self.rest(text);
    }

    /// A name, and a text in which nothing must be escaped, or `null`.
    #[inline(always)]
    fn plain<const N: usize>(&mut self, name: &[u8; N], text: Option<&str>) {
        self.raw(name);
        let Some(text) = text else { return self.raw(b"null") };
        self.raw(b"\"");
        self.rest(text);
    }

    /// A text in which nothing must be escaped, and the closing quotation mark.
    fn rest(&mut self, text: &str) {
        self.0.reserve(text.len() + 1);
        self.0.extend_from_slice(text.as_bytes());
        self.0.push(b'"');
    }

    fn number(&mut self, number: impl itoa::Integer) {
        self.0.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }

    fn socket_or_null(&mut self, socket: Option<SocketAddr>) {
        match socket {
            Some(socket) => self.socket(socket),
            None => self.raw(b"null"),
        }
    }

    /// An address and a port, in quotation marks.
    fn socket(&mut self, socket: SocketAddr) {
        self.raw(b"\"");
        match socket {
            SocketAddr::V4(socket) => {
                for (octet, mark) in socket.ip().octets().into_iter().zip(*b"...:") {
                    self.octet(octet);
                    self.0.push(mark);
                }
                self.number(socket.port());
            }
            // Writing into memory does not fail.
            SocketAddr::V6(socket) => drop(write!(self.0, "{socket}")),
        }
        self.raw(b"\"");
    }

    /// A number of up to three digits.
    fn octet(&mut self, octet: u8) {
        if octet >= 100 {
            self.0.push(b'0' + octet / 100);
        }
        if octet >= 10 {
            self.0.push(b'0' + octet / 10 % 10);
        }
        self.0.push(b'0' + octet % 10);
    }

    /// A time as RFC 3339 has it, with as many digits of a second as it needs, in quotation marks.
    fn time(&mut self, time: Timestamp) {
        let Some((second, nanos)) = to_the_second(time) else {
            drop(write!(self.0, "\"{time}\""));
            return;
        };
        self.raw(&second);
        if nanos != 0 {
            let mut digits = [b'0'; 9];
            let mut left = nanos;
            for digit in digits.iter_mut().rev() {
                *digit = b'0' + low(left % 10);
                left /= 10;
            }
            self.raw(b".");
            let used = digits.iter().rposition(|digit| *digit != b'0').map_or(0, |last| last + 1);
            self.0.extend_from_slice(digits.get(..used).unwrap_or_default());
        }
        self.raw(b"Z\"");
    }
}

/// A quotation mark and a time up to its second, and the nanoseconds beyond it. `None` for a time before 1970.
fn to_the_second(time: Timestamp) -> Option<([u8; 20], u32)> {
    thread_local! {
        /// What was written last: many requests come in one second.
        static LAST: Cell<(i64, [u8; 20])> = const { Cell::new((-1, [0; 20])) };
    }
    let (second, nanos) = (time.as_second(), u32::try_from(time.subsec_nanosecond()).ok()?);
    let (last, written) = LAST.get();
    if last == second {
        return Some((written, nanos));
    }
    let at = Offset::UTC.to_datetime(time);
    let year = u32::try_from(at.year()).ok().filter(|_| second >= 0)?;
    let part = |part: i8| two(u32::from(part.unsigned_abs()));
    let ([c, e], [n, t], [o, m], [d, a]) = (two(year / 100), two(year % 100), part(at.month()), part(at.day()));
    let ([h, r], [i, u], [s, x]) = (part(at.hour()), part(at.minute()), part(at.second()));
    let written = [b'"', c, e, n, t, b'-', o, m, b'-', d, a, b'T', h, r, b':', i, u, b':', s, x];
    LAST.set((second, written));
    Some((written, nanos))
}

/// Whether a text has characters that JSON escapes (RFC 8259 §7). Eight octets are looked at together; a text of fewer is filled
/// up.
fn must_be_escaped(text: &[u8]) -> bool {
    const EACH: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = EACH << 7;
    // An octet's highest bit is set by a subtraction if the octet is less than what is subtracted; that of another octet only
    // if one below it was.
    let below = |octets: u64, bound: u64| octets.wrapping_sub(EACH * bound) & !octets & HIGH;
    let is_special = |octets: [u8; 8]| {
        let octets = u64::from_le_bytes(octets);
        let is = |octet: u8| below(octets ^ (EACH * u64::from(octet)), 1);
        below(octets, u64::from(b' ')) | is(b'"') | is(b'\\') != 0
    };
    let (whole, rest) = text.as_chunks();
    let mut last = [b' '; 8];
    last.iter_mut().zip(rest).for_each(|(last, octet)| *last = *octet);
    whole.iter().fold(is_special(last), |found, octets| found | is_special(*octets))
}

/// Two digits.
fn two(number: u32) -> [u8; 2] {
    [b'0' + low(number / 10), b'0' + low(number % 10)]
}

/// A digit's value.
fn low(digit: u32) -> u8 {
    let [low, ..] = digit.to_le_bytes();
    low
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::identity::{Strength, Surrogate, User};
    use crate::observe::record::{Outcome, RequestId, Scan};

    fn bare(time: &str) -> Record {
        Record {
            time: time.parse().unwrap(),
            request_id: RequestId::random(),
            client: "192.0.2.7:5000".parse().unwrap(),
            forwarder: None,
            network: "elsewhere".into(),
            listener: "proxy".into(),
            user: None,
            session: None,
            surrogate: Surrogate::None,
            strength: Strength::None,
            evidence: None,
            unidentified: None,
            method: None,
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
            bytes_out: u64::MAX,
            duration_ms: 0,
            node: "node-1".into(),
            repeated: None,
        }
    }

    fn full(time: &str, text: &str) -> Record {
        let user = User { realm: text.to_owned(), name: text.to_owned(), ..User::guest("b".into()) };
        let shared: Arc<str> = text.into();
        let at = |time: &str| time.parse().unwrap();
        Record {
            client: "[2001:db8::1]:65535".parse().unwrap(),
            forwarder: Some("2001:db8::2".parse().unwrap()),
            network: Arc::clone(&shared),
            listener: Arc::clone(&shared),
            user: Some(Arc::new(user)),
            session: Some(text.into()),
            surrogate: Surrogate::OriginCookie,
            strength: Strength::Medium,
            evidence: Some(Arc::clone(&shared)),
            unidentified: Some(WhyUnidentified::SubResource),
            method: Some(http::Method::from_bytes(b"PROPFIND").unwrap()),
            scheme: Some(Scheme::Https),
            host: Some(text.into()),
            port: Some(65535),
            path: Some(text.into()),
            protocol: Some(HttpVersion::Http10),
            status: 204,
            decision: Outcome::Monitored,
            rule: Some(Arc::clone(&shared)),
            terms: [Arc::clone(&shared), "b".into()].into(),
            reason: Some(Reason::SessionEnded),
            scan: Some(Box::new(Scan {
                verdict: "found",
                scanner: Arc::clone(&shared),
                why: Some("size"),
                threat: Some(text.to_owned()),
            })),
            origin: Some("198.51.100.255:443".parse().unwrap()),
            egress: Some("[::ffff:1.2.3.4]:1".parse().unwrap()),
            origin_protocol: Some(HttpVersion::Http2),
            parent: Some(Arc::clone(&shared)),
            bytes_in: 10,
            duration_ms: 1_234_567,
            node: shared,
            repeated: Some(Box::new(Repeated {
                count: 99,
                first: at("2026-02-03T04:05:06.070809Z"),
                last: at("1969-12-31T23:59:59.999999999Z"),
            })),
            ..bare(time)
        }
    }

    #[test]
    fn each_character_that_json_escapes_is_seen_wherever_it_stands() {
        for length in 0..20 {
            for octet in 0..=0xff {
                let is_special = octet < b' ' || octet == b'"' || octet == b'\\';
                for other in [b'a', b' ', b'#', b'[', 0x7f, 0x80, 0xff] {
                    let mut text = vec![other; length];
                    assert!(!must_be_escaped(&text));
                    for at in 0..length {
                        text[at] = octet;
                        assert_eq!(must_be_escaped(&text), is_special, "{octet} at {at} of {length}");
                        text[at] = other;
                    }
                }
            }
        }
    }

    #[test]
    fn a_line_is_what_serde_makes_of_the_record() {
        let times = [
            "1970-01-01T00:00:00Z",
            "2026-11-30T09:08:07.000000001Z",
            "2026-11-30T23:59:59.12Z",
            "2024-02-29T12:00:00.123456789Z",
            "1969-12-31T23:59:59.5Z",
            "0001-01-01T00:00:00Z",
            "-000001-01-01T00:00:00.25Z",
            "9999-12-30T00:00:00Z",
        ];
        let every: String = (0..=0xff_u8).map(char::from).collect();
        let texts = ["", "a.test", "/caf\u{e9}/\u{2026}\u{1f600}", "\"", "\\", "\n", "a\u{7f}\u{0}b\u{1b}c", &every];
        let mut records: Vec<_> = times.iter().map(|time| bare(time)).collect();
        records.extend(times.iter().flat_map(|time| texts.iter().map(move |text| full(time, text))));
        for all in [1, 3] {
            records.push(Record { terms: vec!["x".into(); all].into(), ..bare(times[0]) });
        }
        for record in &records {
            let written = String::from_utf8(of(record)).unwrap();
            assert_eq!(written, format!("{}\n", serde_json::to_string(record).unwrap()));
        }
        for surrogate in Surrogate::ALL {
            let record = Record { surrogate, strength: surrogate.strength(), ..bare(times[0]) };
            assert_eq!(of(&record), format!("{}\n", serde_json::to_string(&record).unwrap()).as_bytes());
        }
    }
}
