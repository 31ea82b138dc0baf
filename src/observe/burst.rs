//! Bursts of refused CONNECTs: a browser repeats the same one again and again, and one record says how often.
//!
//! The first of them is recorded at once. Those that follow within a while are counted, and become one record that says
//! how many there were, and when the first and the last of these came. None is lost: the records and the counts add up
//! to all requests.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::reason::Reason;
use super::record::{Outcome, Record, Repeated};
use crate::clock::{SignedDuration, Timestamp, after};
use crate::identity::ClientBlock;

/// How long after a refusal others like it are counted together.
const WINDOW: SignedDuration = SignedDuration::from_secs(10);

/// Bursts that are counted at the same time. Refusals beyond that are recorded one by one.
const MAX_BURSTS: usize = 4096;

/// What refusals must have in common to be one burst.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Likeness {
    client: ClientBlock,
    listener: Arc<str>,
    host: Box<str>,
    port: Option<u16>,
    session: Option<Box<str>>,
    status: u16,
    decision: Outcome,
    rule: Option<Arc<str>>,
    reason: Option<Reason>,
}

/// A burst. Of its refusals only the last one is kept.
#[derive(Debug)]
struct Burst {
    /// Refusals that begin by then belong to it.
    ends: Timestamp,
    /// The record of those that came after the first.
    more: Option<Record>,
}

/// The bursts that are being counted.
#[derive(Debug, Default)]
pub(super) struct Bursts {
    all: Mutex<HashMap<Likeness, Burst>>,
    /// How many there are. If there are none, this is seen without the lock.
    count: AtomicUsize,
}

impl Bursts {
    /// Takes a record, and gives those that must be written now.
    pub(super) fn take(&self, record: Record) -> [Option<Record>; 2] {
        let Some(likeness) = likeness(&record) else { return [Some(record), None] };
        let mut all = self.lock();
        if let Some(burst) = all.get_mut(&likeness) {
            if record.time <= burst.ends {
                burst.add(record);
                return [None, None];
            }
            let ended = burst.more.take();
            burst.ends = after(record.time, WINDOW);
            return [ended, Some(record)];
        }
        if all.len() < MAX_BURSTS {
            all.insert(likeness, Burst { ends: after(record.time, WINDOW), more: None });
            self.count.store(all.len(), Ordering::Relaxed);
        }
        [Some(record), None]
    }

    /// Gives the records of bursts that are over by `now`.
    pub(super) fn settle(&self, now: Timestamp) -> Vec<Record> {
        if self.count.load(Ordering::Relaxed) == 0 {
            return Vec::new();
        }
        let mut all = self.lock();
        let over = all.extract_if(|_, burst| burst.ends < now).filter_map(|(_, burst)| burst.more).collect();
        self.count.store(all.len(), Ordering::Relaxed);
        over
    }

    #[cfg(test)]
    pub(super) fn is_open(&self) -> bool {
        self.count.load(Ordering::Relaxed) > 0
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Likeness, Burst>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Burst {
    fn add(&mut self, mut record: Record) {
        let (mut count, mut first) = (1, record.time);
        if let Some(before) = &self.more {
            let repeated = before.repeated.as_deref();
            count += repeated.map_or(1, |repeated| repeated.count);
            first = repeated.map_or(before.time, |repeated| repeated.first);
            record.bytes_in += before.bytes_in;
            record.bytes_out += before.bytes_out;
        }
        record.repeated = Some(Box::new(Repeated { count, first, last: record.time }));
        self.more = Some(record);
    }
}

/// Whether it is a refused CONNECT.
pub(super) fn may_be_part(record: &Record) -> bool {
    let is_refused =
        matches!(record.decision, Outcome::Denied | Outcome::Warned | Outcome::Rejected) && record.status >= 400;
    is_refused && record.method == Some(http::Method::CONNECT)
}

/// What it must have in common with others; `None` if it names no host.
fn likeness(record: &Record) -> Option<Likeness> {
    Some(Likeness {
        client: ClientBlock::of(record.client.ip()),
        listener: Arc::clone(&record.listener),
        host: record.host.clone()?,
        port: record.port,
        session: record.session.clone(),
        status: record.status,
        decision: record.decision,
        rule: record.rule.clone(),
        reason: record.reason,
    })
}

#[cfg(test)]
#[path = "burst_tests.rs"]
mod tests;
