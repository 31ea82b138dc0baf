//! What passes of a CORS preflight without sign-in: the question and its answer, and nothing else.
//!
//! A preflight cannot say who sends it (Fetch §4.8: it has no credentials), so it passes without sign-in. Somebody who
//! disguises another request as a preflight must not get around sign-in by that: so it has no body, its answer cannot
//! be read, and it changes no protocol. What is left is short, and each client may send only so much of it, so that it
//! cannot carry anything of use.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use moka::sync::Cache;

use crate::clock::Timestamp;
use crate::identity::ClientBlock;
use crate::identity::block::SITE_TIMES;
use crate::net::{LateCache, Limits};
use crate::wire::h1::{FieldNames, RequestHead};

/// The most octets that path and query may have.
const MAX_PATH: usize = 2048;

/// The fields of the question, and the most octets that each value may have. A longer value of one of the first four
/// makes it no question; a longer one of the others is left out.
const QUESTION: [(&str, usize); 6] = [
    ("origin", 320),
    ("access-control-request-method", 32),
    ("access-control-request-headers", 1024),
    ("access-control-request-private-network", 8),
    ("accept", 64),
    ("user-agent", 320),
];

/// How many of them are part of the question itself.
const ASKED: usize = 4;

/// The fields of the answer, besides those that begin with [`ANSWER_PREFIX`].
const ANSWER: FieldNames<'_> = FieldNames::of(&["allow", "cache-control", "vary"]);
const ANSWER_PREFIX: &[u8] = b"access-control-";

/// The most octets that the fields of an answer may have.
const MAX_ANSWER: usize = 2048;

/// How many seconds of its rate a client may use at once: a page may ask much when it begins.
const BURST: u64 = 16;

/// How many clients are counted at the same time, and how long a silent one is remembered.
const MAX_CLIENTS: u64 = 100_000;
const MEMORY: Duration = Duration::from_secs(60);

/// Whether a field is part of the question.
pub(super) fn is_question(name: &[u8], value: &[u8]) -> bool {
    QUESTION.iter().any(|(part, max)| name.eq_ignore_ascii_case(part.as_bytes()) && value.len() <= *max)
}

/// The number of octets of a question; `None` if it is longer than a preflight's, has a body, or has a field twice.
pub(super) fn question(head: &RequestHead) -> Option<usize> {
    let path = head.target.path_and_query().len();
    if path > MAX_PATH || !head.body.is_none() {
        return None;
    }
    let mut octets = path;
    for (number, (name, max)) in QUESTION.iter().enumerate() {
        let mut values = head.fields.all(name);
        let length = values.next().map_or(0, <[u8]>::len);
        if values.next().is_some() || (number < ASKED && length > *max) {
            return None;
        }
        octets += length.min(*max);
    }
    Some(octets)
}

/// Decides which fields of an answer are passed on.
#[derive(Debug)]
pub(super) struct Answer {
    left: usize,
}

impl Default for Answer {
    fn default() -> Self {
        Self { left: MAX_ANSWER }
    }
}

impl Answer {
    /// Whether a field is part of the answer, and there is room for it.
    pub(super) fn takes(&mut self, name: &[u8], value: &[u8]) -> bool {
        let begins = name.get(..ANSWER_PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(ANSWER_PREFIX));
        if !begins && !ANSWER.has(name) {
            return false;
        }
        let Some(left) = self.left.checked_sub(name.len() + value.len()) else { return false };
        self.left = left;
        true
    }
}

/// Counts the octets of preflights that have passed without sign-in: for each client, for each site, and in all.
#[derive(Debug)]
pub(super) struct Preflights {
    clients: LateCache<ClientBlock, Arc<Mutex<Bucket>>>,
    sites: LateCache<ClientBlock, Arc<Mutex<Bucket>>>,
    all: Mutex<Bucket>,
    per_client: AtomicU64,
    in_all: AtomicU64,
}

/// A token bucket of octets: it fills at a rate, up to [`BURST`] seconds of it.
#[derive(Debug)]
struct Bucket {
    left: i64,
    at: Timestamp,
    is_dry: bool,
}

/// Whether a preflight may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// It passes.
    Passes,
    /// It does not pass, and is the first one since one passed.
    RunsDry,
    /// It does not pass.
    Dry,
}

impl Bucket {
    fn full(rate: u64, now: Timestamp) -> Self {
        Self { left: capacity(rate), at: now, is_dry: false }
    }

    fn take(&mut self, rate: u64, octets: usize, now: Timestamp) -> Admission {
        let passed = u64::try_from(now.duration_since(self.at).as_millis()).unwrap_or(0);
        let more = i64::try_from(rate.saturating_mul(passed) / 1000).unwrap_or(i64::MAX);
        // Time that is worth less than an octet is not lost: it counts the next time.
        if more > 0 {
            self.left = self.left.saturating_add(more).min(capacity(rate));
            self.at = now;
        }
        if self.left <= 0 {
            let was_dry = std::mem::replace(&mut self.is_dry, true);
            return if was_dry { Admission::Dry } else { Admission::RunsDry };
        }
        self.is_dry = false;
        self.left = self.left.saturating_sub(i64::try_from(octets).unwrap_or(i64::MAX));
        Admission::Passes
    }
}

impl Preflights {
    pub(super) fn new(limits: &Limits, now: Timestamp) -> Self {
        let (per_client, in_all) = (AtomicU64::new(0), AtomicU64::new(0));
        let [clients, sites] = [(); 2]
            .map(|()| LateCache::new(|| Cache::builder().max_capacity(MAX_CLIENTS).time_to_idle(MEMORY).build()));
        let all = Mutex::new(Bucket::full(limits.preflights as u64, now));
        let preflights = Self { clients, sites, all, per_client, in_all };
        preflights.hold_to(limits);
        preflights
    }

    /// Goes by other rates from now on.
    pub(super) fn hold_to(&self, limits: &Limits) {
        self.per_client.store(limits.preflights_per_client as u64, Ordering::Relaxed);
        self.in_all.store(limits.preflights as u64, Ordering::Relaxed);
    }

    /// Whether a client's question of so many octets may pass. A shared address (`is_shared`) gets eight times as much,
    /// because many people use it.
    pub(super) fn admit(&self, client: IpAddr, is_shared: bool, octets: usize, now: Timestamp) -> Admission {
        let per_client = self.per_client.load(Ordering::Relaxed);
        let rate = if is_shared { per_client.saturating_mul(8) } else { per_client };
        let site = ClientBlock::site(client).map(|site| (&self.sites, site, rate.saturating_mul(SITE_TIMES.into())));
        let shares = std::iter::once((&self.clients, ClientBlock::of(client), rate)).chain(site);
        for (buckets, block, rate) in shares {
            let bucket = buckets.get_with(block, || Arc::new(Mutex::new(Bucket::full(rate, now))));
            let own = bucket.lock().unwrap_or_else(PoisonError::into_inner).take(rate, octets, now);
            if own != Admission::Passes {
                return own;
            }
        }
        self.all.lock().unwrap_or_else(PoisonError::into_inner).take(self.in_all.load(Ordering::Relaxed), octets, now)
    }

    /// Counts the octets of an answer, which passes in any case.
    pub(super) fn charge(&self, client: IpAddr, octets: usize) {
        let spend = |bucket: &Mutex<Bucket>| {
            let mut bucket = bucket.lock().unwrap_or_else(PoisonError::into_inner);
            bucket.left = bucket.left.saturating_sub(i64::try_from(octets).unwrap_or(i64::MAX));
        };
        let site = ClientBlock::site(client).and_then(|site| self.sites.get(&site));
        self.clients.get(&ClientBlock::of(client)).iter().chain(&site).for_each(|bucket| spend(bucket));
        spend(&self.all);
    }
}

fn capacity(rate: u64) -> i64 {
    i64::try_from(rate.saturating_mul(BURST)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SignedDuration;

    #[test]
    fn a_question_carries_nothing_else_out() {
        for name in ["Origin", "Access-Control-Request-Method", "accept"] {
            assert!(is_question(name.as_bytes(), b"PUT"), "{name}");
            assert!(!is_question(name.as_bytes(), &[b'a'; 2000]), "{name}");
        }
        for name in ["cookie", "authorization", "upgrade", "content-length", "transfer-encoding", "x-data", "expect"] {
            assert!(!is_question(name.as_bytes(), b""), "{name}");
        }
    }

    #[test]
    fn what_is_longer_than_a_preflight_is_none() {
        let long = "a".repeat(2000);
        for (path, fields, octets) in [
            ("/v1", "Origin: http://a.test\r\nAccess-Control-Request-Method: PUT\r\n".to_owned(), Some(19)),
            // These are left out.
            ("/", format!("Accept: {long}\r\nUser-Agent: {long}\r\nX-Data: {long}\r\n"), Some(1 + 64 + 320)),
            (&format!("/{long}"), String::new(), Some(2001)),
            (&format!("/{long}?{long}"), String::new(), None),
            ("/", format!("Origin: http://{long}.test\r\n"), None),
            ("/", format!("Access-Control-Request-Method: {long}\r\n"), None),
            ("/", format!("Access-Control-Request-Headers: {long}\r\n"), None),
            ("/", "Access-Control-Request-Headers: a\r\nAccess-Control-Request-Headers: b\r\n".into(), None),
            ("/", "Content-Length: 1\r\n".into(), None),
            ("/", "Transfer-Encoding: chunked\r\n".into(), None),
        ] {
            let head = format!("OPTIONS http://b.test{path} HTTP/1.1\r\n{fields}\r\n");
            assert_eq!(question(&RequestHead::parse(&head.into(), 9).unwrap()), octets, "{path} {fields}");
        }
    }

    #[test]
    fn an_answer_carries_nothing_else_in_and_only_so_much() {
        let mut answer = Answer::default();
        for name in ["Access-Control-Allow-Origin", "access-control-max-age", "vary"] {
            assert!(answer.takes(name.as_bytes(), b"1"), "{name}");
        }
        for name in ["content-length", "content-type", "set-cookie", "x-data", "access-control"] {
            assert!(!answer.takes(name.as_bytes(), b"1"), "{name}");
        }
        let taken = (0..100).filter(|_| answer.takes(b"vary", &[b'a'; 96])).count();
        assert_eq!(taken, 19);
        assert!(!Answer::default().takes(b"access-control-allow-headers", &[b'a'; MAX_ANSWER]));
    }

    #[test]
    fn each_client_has_only_so_much_and_all_of_them_have() {
        let limits = Limits { preflights_per_client: 1000, preflights: 3000, ..Limits::default() };
        let begin = Timestamp::UNIX_EPOCH;
        let preflights = Preflights::new(&limits, begin);
        let client = |text: &str| text.parse::<IpAddr>().unwrap();
        let passed = |address: &str, shared, now| {
            (0..1000).take_while(|_| preflights.admit(client(address), shared, 100, now) == Admission::Passes).count()
        };
        // As much as in 16 seconds, and then as much as in each.
        assert_eq!(passed("2001:db8::1", false, begin), 160);
        assert_eq!(preflights.admit(client("2001:db8::1"), false, 100, begin), Admission::Dry);
        assert_eq!(passed("2001:db8::2", false, begin), 0, "the same network");
        let later = begin + SignedDuration::from_secs(2);
        assert_eq!(passed("2001:db8::2", false, later), 20);
        // What its answers are made of counts, too.
        let later = later + SignedDuration::from_secs(2);
        preflights.charge(client("2001:db8::1"), 1000);
        assert_eq!(passed("2001:db8::1", false, later), 10);
        // Another one has its own, and many behind one address have more, as long as there is enough for all.
        assert_eq!(passed("192.0.2.1", true, later), 400);
        assert_eq!(preflights.admit(client("192.0.2.2"), false, 100, later), Admission::Dry);
    }

    #[test]
    fn the_networks_of_one_site_have_as_much_as_eight_of_them_together() {
        let limits = Limits { preflights_per_client: 1000, preflights: 1_000_000, ..Limits::default() };
        let begin = Timestamp::UNIX_EPOCH;
        let preflights = Preflights::new(&limits, begin);
        let passed = |address: String| {
            let client = address.parse().unwrap();
            (0..1000).take_while(|_| preflights.admit(client, false, 100, begin) == Admission::Passes).count()
        };
        let passed_of_site =
            |site: u32| (0..20).map(|net| passed(format!("2001:db8:{site}:{net:x}::1"))).sum::<usize>();
        assert_eq!(passed_of_site(1), 8 * 160);
        assert_eq!(passed_of_site(2), 8 * 160, "another site has its own");
    }
}
