//! The metrics that are counted while requests are answered. Counting a request takes no lock and no memory: its
//! counters are there from the start.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::exposition::{Exposition, Kind};
use super::reason::Reason;
use super::record::{Outcome, Record};
use super::sink::Dropped;
use super::unidentified::WhyUnidentified;
use crate::identity::Surrogate;

/// The upper bounds of the buckets of durations, in milliseconds and as Prometheus's labels.
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

/// The classes of statuses, by their hundreds; `none` (0) if no status was sent.
const CLASSES: [&str; 6] = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"];

/// An array of counters, which has a `Default` at any length.
#[derive(Debug)]
struct Counters<const N: usize>([AtomicU64; N]);

impl<const N: usize> Default for Counters<N> {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; N])
    }
}

/// The counters, since the start of the program.
#[derive(Debug, Default)]
pub struct Metrics {
    requests: [[[AtomicU64; CLASSES.len()]; Surrogate::ALL.len()]; Outcome::ALL.len()],
    reasons: Counters<{ Reason::ALL.len() }>,
    unidentified: [AtomicU64; WhyUnidentified::ALL.len()],
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    /// Exchanges by duration; the last counter is for those above all bounds.
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
    /// What people did about the barriers of rules, by kind and outcome.
    barriers: Mutex<BTreeMap<(&'static str, &'static str), u64>>,
    /// Ends of sessions, by reason.
    ends: Mutex<BTreeMap<&'static str, u64>>,
    /// How many lines each sink has not written, by its name. Sinks count without this lock; it is taken only to show
    /// the counts.
    dropped: Mutex<BTreeMap<String, Arc<Dropped>>>,
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

    /// A tunnel, or an intercepted connection, has been opened.
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
        if let Some(counter) = record.reason.and_then(|reason| self.reasons.0.get(reason as usize)) {
            add(counter, 1);
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

    /// Somebody has done something about what a rule puts before a site. `outcome` is one of a few words.
    pub fn barrier(&self, is_override: bool, outcome: &'static str) {
        let kind = if is_override { "override" } else { "warning" };
        *self.barriers.lock().unwrap_or_else(PoisonError::into_inner).entry((kind, outcome)).or_default() += 1;
    }

    /// A session has ended. `reason` is one of a few words.
    pub fn session_ended(&self, reason: &'static str) {
        *self.ends.lock().unwrap_or_else(PoisonError::into_inner).entry(reason).or_default() += 1;
    }

    /// `count` records of refused strangers were left out of the log.
    pub(super) fn left_out(&self, count: u64) {
        add(&self.left_out, count);
    }

    /// Shows the count of a sink from now on, in the place of an earlier sink of the same name, whose count it takes
    /// over.
    pub(super) fn count_dropped(&self, dropped: &Arc<Dropped>) {
        let before = self.dropped().insert(dropped.sink.clone(), Arc::clone(dropped));
        if let Some(before) = before.filter(|before| !Arc::ptr_eq(before, dropped)) {
            dropped.go_on_from(&before);
        }
    }

    /// Says how many lines sinks have dropped, at most once a minute for each sink.
    pub(super) fn say_dropped(&self, now: Instant) {
        self.dropped().values().for_each(|dropped| dropped.say_due(now));
    }

    fn dropped(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Dropped>>> {
        self.dropped.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The two verifiers did not agree on what was signed.
    pub fn disagreement(&self) {
        add(&self.disagreements, 1);
    }

    /// Writes all metrics to `to`.
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
        to.family("vestibule_request_errors_total", Kind::Counter, "Requests and tunnels that were refused or cut short, by reason (a word of RFC 9209 where it has one): DNS and connection failures among them.");
        for (reason, counter) in Reason::ALL.iter().zip(&self.reasons.0).filter(|(_, counter)| read(counter) > 0) {
            to.sample("", &[("reason", reason.as_str())], read(counter));
        }
        to.family(
            "vestibule_requests_without_user_total",
            Kind::Counter,
            "Requests whose sender is not known, by why not.",
        );
        for (why, counter) in WhyUnidentified::ALL.iter().zip(&self.unidentified) {
            to.sample("", &[("why", why.as_str())], read(counter));
        }
        to.family(
            "vestibule_bytes_total",
            Kind::Counter,
            "Body bytes from clients (in) and to clients (out), of requests and tunnels that have ended.",
        );
        to.sample("", &[("direction", "in")], read(&self.bytes_in));
        to.sample("", &[("direction", "out")], read(&self.bytes_out));
        self.expose_durations(to);
        // What has ended is read before what has begun, so that the difference is never negative.
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
        let help = "What people did about warnings and overrides of rules, by kind and outcome.";
        to.family("vestibule_barriers_total", Kind::Counter, help);
        for ((kind, outcome), count) in &*self.barriers.lock().unwrap_or_else(PoisonError::into_inner) {
            to.sample("", &[("kind", kind), ("outcome", outcome)], count);
        }
        to.family("vestibule_sessions_ended_total", Kind::Counter, "Sessions that have ended on this node, by reason.");
        for (reason, count) in &*self.ends.lock().unwrap_or_else(PoisonError::into_inner) {
            to.sample("", &[("reason", reason)], count);
        }
        to.family(
            "vestibule_verifier_disagreements_total",
            Kind::Counter,
            "SAML messages about whose signature the two verifiers did not agree: an attack, or a fault in one of them.",
        );
        to.sample("", &[], read(&self.disagreements));
        let help = "Access records of refused strangers that were left out, because there were too many.";
        to.family("vestibule_records_left_out_total", Kind::Counter, help);
        to.sample("", &[], read(&self.left_out));
        let help = "Log lines that were not written, because their destination did not take them, or not in time.";
        to.family("vestibule_log_lines_dropped_total", Kind::Counter, help);
        for (sink, dropped) in &*self.dropped() {
            to.sample("", &[("sink", sink)], dropped.total());
        }
    }

    fn expose_durations(&self, to: &mut Exposition) {
        to.family(
            "vestibule_request_duration_seconds",
            Kind::Histogram,
            "Time from the head of a request to the end of its answer, without tunnels.",
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
