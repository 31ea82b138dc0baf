//! What is counted while requests are answered. Counting takes no lock and no memory: every counter is there from the start.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::access::{Outcome, Record, Surrogate, Unidentified};
use super::exposition::{Exposition, Kind};

/// The reasons that are counted under their own name: Proxy Error Types (RFC 9209 §2.3) and words of ours. Each other one
/// is counted as `other`.
const REASONS: [&str; 36] = [
    "dns_timeout",
    "dns_error",
    "destination_not_found",
    "destination_unavailable",
    "destination_ip_prohibited",
    "destination_ip_unroutable",
    "connection_refused",
    "connection_terminated",
    "connection_timeout",
    "connection_read_timeout",
    "connection_write_timeout",
    "connection_limit_reached",
    "tls_protocol_error",
    "tls_certificate_error",
    "tls_alert_received",
    "http_request_error",
    "http_request_denied",
    "http_response_incomplete",
    "http_response_timeout",
    "http_protocol_error",
    "http_upgrade_failed",
    "proxy_internal_error",
    "proxy_internal_response",
    "proxy_configuration_error",
    "proxy_loop_detected",
    "client-left",
    "client-refused-certificate",
    "session-ended",
    "not-http",
    "idle",
    "ticket-unknown",
    "ticket-for-another-origin",
    "ticket-for-another-client",
    "ticket-for-another-browser",
    "preflight-too-large",
    "preflight-limit",
];

/// Upper bounds of how long exchanges took, in milliseconds.
const BOUNDS: [(u64, &str); 9] = [
    (5, "0.005"),
    (20, "0.02"),
    (50, "0.05"),
    (100, "0.1"),
    (250, "0.25"),
    (1000, "1"),
    (5000, "5"),
    (30_000, "30"),
    (300_000, "300"),
];

/// Hundreds of a status, 1 to 5; 0 for none that was sent.
const CLASSES: [&str; 6] = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"];

/// As many counters as there are words for what is counted.
#[derive(Debug)]
struct Counters<const N: usize>([AtomicU64; N]);

impl<const N: usize> Default for Counters<N> {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; N])
    }
}

/// Counters, each from the start of the program.
#[derive(Debug, Default)]
pub struct Metrics {
    requests: [[[AtomicU64; CLASSES.len()]; Surrogate::ALL.len()]; Outcome::ALL.len()],
    reasons: Counters<{ REASONS.len() }>,
    other_reasons: AtomicU64,
    unidentified: [AtomicU64; Unidentified::ALL.len()],
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    /// Exchanges by how long they took: those above all bounds last.
    durations: [AtomicU64; BOUNDS.len() + 1],
    milliseconds: AtomicU64,
    begun: AtomicU64,
    ended: AtomicU64,
    tunnels_begun: AtomicU64,
    tunnels_ended: AtomicU64,
    disagreements: AtomicU64,
    left_out: AtomicU64,
    /// By realm and outcome. Signing in is rare, and realms are few.
    sign_ins: Mutex<BTreeMap<(String, &'static str), u64>>,
    /// Ends of sessions, by reason.
    ends: Mutex<BTreeMap<&'static str, u64>>,
}

fn add(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

impl Metrics {
    /// A request has begun.
    pub(super) fn begin(&self) {
        add(&self.begun, 1);
    }

    /// A tunnel has been opened, or the inside of an interception.
    pub(super) fn open_tunnel(&self) {
        add(&self.tunnels_begun, 1);
    }

    /// A request has ended, and its record is complete.
    pub(super) fn end(&self, record: &Record, was_tunnel: bool) {
        let class = usize::from(record.status / 100).min(CLASSES.len() - 1);
        let of_outcome = self.requests.get(record.decision as usize);
        let counter = of_outcome.and_then(|all| all.get(record.surrogate as usize)).and_then(|all| all.get(class));
        if let Some(counter) = counter {
            add(counter, 1);
        }
        add(&self.bytes_in, record.bytes_in);
        add(&self.bytes_out, record.bytes_out);
        if let Some(reason) = record.reason {
            let known = REASONS.iter().position(|known| *known == reason).and_then(|at| self.reasons.0.get(at));
            add(known.unwrap_or(&self.other_reasons), 1);
        }
        if let Some(counter) = record.unidentified.and_then(|why| self.unidentified.get(why as usize)) {
            add(counter, 1);
        }
        if was_tunnel {
            add(&self.tunnels_ended, 1);
        } else {
            let at = BOUNDS.iter().position(|(bound, _)| record.duration_ms <= *bound).unwrap_or(BOUNDS.len());
            if let Some(counter) = self.durations.get(at) {
                add(counter, 1);
            }
            add(&self.milliseconds, record.duration_ms);
        }
        add(&self.ended, 1);
    }

    /// A sign-in has ended. `outcome` is one of a few words.
    pub fn sign_in(&self, realm: Option<&str>, outcome: &'static str) {
        let mut all = self.sign_ins.lock().unwrap_or_else(PoisonError::into_inner);
        *all.entry((realm.unwrap_or_default().to_owned(), outcome)).or_default() += 1;
    }

    /// A session has ended. `reason` is one of a few words.
    pub fn session_ended(&self, reason: &'static str) {
        *self.ends.lock().unwrap_or_else(PoisonError::into_inner).entry(reason).or_default() += 1;
    }

    /// So many records of refused strangers were left out of the log.
    pub(super) fn left_out(&self, count: u64) {
        add(&self.left_out, count);
    }

    /// Two verifiers did not agree on what was signed.
    pub fn disagreement(&self) {
        add(&self.disagreements, 1);
    }

    /// Writes all of them down.
    pub fn expose(&self, to: &mut Exposition) {
        let help = "Requests and tunnels that have ended.";
        to.family("vestibule_requests_total", Kind::Counter, help);
        for (outcome, by_surrogate) in Outcome::ALL.iter().zip(&self.requests) {
            for (surrogate, by_class) in Surrogate::ALL.iter().zip(by_surrogate) {
                for (class, counter) in CLASSES.iter().zip(by_class).filter(|(_, counter)| read(counter) > 0) {
                    let labels =
                        [("decision", outcome.as_str()), ("surrogate", surrogate.as_str()), ("status", *class)];
                    to.sample("", &labels, read(counter));
                }
            }
        }
        to.family("vestibule_request_errors_total", Kind::Counter, "Requests and tunnels that were refused, or ended before their end, by reason (RFC 9209 where it has a word): DNS and connection failures among them.");
        for (reason, counter) in REASONS.iter().zip(&self.reasons.0).filter(|(_, counter)| read(counter) > 0) {
            to.sample("", &[("reason", reason)], read(counter));
        }
        to.sample("", &[("reason", "other")], read(&self.other_reasons));
        to.family(
            "vestibule_requests_without_user_total",
            Kind::Counter,
            "Requests of which it is not known who sent them, by why.",
        );
        for (why, counter) in Unidentified::ALL.iter().zip(&self.unidentified) {
            to.sample("", &[("why", why.as_str())], read(counter));
        }
        to.family(
            "vestibule_bytes_total",
            Kind::Counter,
            "Body bytes, from clients (in) and to clients (out), of what has ended.",
        );
        to.sample("", &[("direction", "in")], read(&self.bytes_in));
        to.sample("", &[("direction", "out")], read(&self.bytes_out));
        self.expose_durations(to);
        // What has ended is read first, so that there are never less than none.
        let (ended, tunnels_ended) = (read(&self.ended), read(&self.tunnels_ended));
        to.family("vestibule_requests_open", Kind::Gauge, "Requests and tunnels under way.");
        to.sample("", &[], read(&self.begun).saturating_sub(ended));
        to.family("vestibule_tunnels_open", Kind::Gauge, "Tunnels and intercepted connections under way.");
        to.sample("", &[], read(&self.tunnels_begun).saturating_sub(tunnels_ended));
        to.family(
            "vestibule_sign_ins_total",
            Kind::Counter,
            "Sign-ins that have come back from an identity provider, by realm and outcome.",
        );
        for ((realm, outcome), count) in &*self.sign_ins.lock().unwrap_or_else(PoisonError::into_inner) {
            to.sample("", &[("realm", realm), ("outcome", outcome)], count);
        }
        to.family("vestibule_sessions_ended_total", Kind::Counter, "Sessions that have ended here, by reason.");
        for (reason, count) in &*self.ends.lock().unwrap_or_else(PoisonError::into_inner) {
            to.sample("", &[("reason", reason)], count);
        }
        to.family(
            "vestibule_verifier_disagreements_total",
            Kind::Counter,
            "SAML messages whose signature two verifiers did not see alike: an attack, or a fault in one of them.",
        );
        to.sample("", &[], read(&self.disagreements));
        let help = "Records of strangers who were refused that the access log lacks: there were too many.";
        to.family("vestibule_records_left_out_total", Kind::Counter, help);
        to.sample("", &[], read(&self.left_out));
    }

    fn expose_durations(&self, to: &mut Exposition) {
        to.family(
            "vestibule_request_duration_seconds",
            Kind::Histogram,
            "From a request's head to the end of its answer, without tunnels.",
        );
        let mut sum = 0;
        for (counter, (_, bound)) in self.durations.iter().zip(BOUNDS) {
            sum += read(counter);
            to.sample("_bucket", &[("le", bound)], sum);
        }
        sum += self.durations.last().map_or(0, read);
        to.sample("_bucket", &[("le", "+Inf")], sum);
        to.sample(
            "_sum",
            &[],
            format_args!("{:.3}", std::time::Duration::from_millis(read(&self.milliseconds)).as_secs_f64()),
        );
        to.sample("_count", &[], sum);
    }
}
