//! Bursts of refused CONNECTs: a browser asks for the same thing again and again, and one record says how often.
//!
//! The first of them is recorded at once. What follows within a while is counted, and becomes one record that says how
//! many there were, and when the first and the last of them came. None is lost: the records and the counts add up.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use super::access::{Outcome, Record};
use crate::clock::{SignedDuration, Timestamp, after};
use crate::identity::ClientBlock;

/// How long a refusal waits for others like it.
const WINDOW: SignedDuration = SignedDuration::from_secs(10);

/// Bursts that are counted at the same time. What is beyond that is recorded line by line.
const MAX_BURSTS: usize = 4096;

/// What several refusals have in common.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Likeness {
    client: ClientBlock,
    listener: Arc<str>,
    host: String,
    port: Option<u16>,
    session: Option<String>,
    status: u16,
    decision: Outcome,
    rule: Option<Arc<str>>,
    reason: Option<&'static str>,
}

/// Several of which only the last one is kept.
#[derive(Debug)]
struct Burst {
    /// Until when others belong to it.
    ends: Timestamp,
    /// What came after the one that was recorded at once.
    more: Option<Record>,
}

/// How many requests a record stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Repeated {
    /// How many.
    pub count: u64,
    /// When the first of them began.
    pub first: Timestamp,
    /// When the last of them began.
    pub last: Timestamp,
}

/// The bursts that are being counted.
#[derive(Debug, Default)]
pub(super) struct Bursts {
    all: Mutex<HashMap<Likeness, Burst>>,
    /// How many there are: when there are none, nobody takes the lock to see that.
    count: AtomicUsize,
}

impl Bursts {
    /// Takes a record. Gives those back that are to be written now.
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
            let repeated = before.repeated;
            count += repeated.map_or(1, |repeated| repeated.count);
            first = repeated.map_or(before.time, |repeated| repeated.first);
            record.bytes_in += before.bytes_in;
            record.bytes_out += before.bytes_out;
        }
        record.repeated = Some(Repeated { count, first, last: record.time });
        self.more = Some(record);
    }
}

/// Whether it is a refused CONNECT.
pub(super) fn may_be_part(record: &Record) -> bool {
    let is_refused = matches!(record.decision, Outcome::Denied | Outcome::Rejected) && record.status >= 400;
    is_refused && record.method == Some(http::Method::CONNECT)
}

/// What it has in common with others, if it names a host.
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
