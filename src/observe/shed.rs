//! Which records of refused strangers are left out, so that somebody without an account cannot fill the disk.
//!
//! A record of somebody who is known, or of something that was forwarded, is never left out. Records of strangers who
//! were refused or asked to sign in share a token bucket; each client also has one of its own, so that no client can
//! use up the share of the others. What is left out is counted, and said once a minute.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use moka::sync::Cache;
use serde::Deserialize;

use super::left_out::LeftOut;
use crate::identity::ClientBlock;
use crate::net::LateCache;

/// Clients that are counted at the same time.
const MAX_CLIENTS: u64 = 20_000;

/// How many seconds of its rate a bucket holds: after as long without records, so many may come at once.
const BURST: f64 = 10.0;

/// How many records of refused strangers may be written in a second, on average.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rates {
    /// Of all clients together.
    #[serde(rename = "per_second")]
    pub all: u32,
    /// Of each client.
    #[serde(rename = "per_client")]
    pub of_client: u32,
}

impl Default for Rates {
    fn default() -> Self {
        Self { all: 200, of_client: 50 }
    }
}

/// Decides which records are left out.
#[derive(Debug)]
pub(super) struct Shed {
    rates: Rates,
    all: Mutex<Bucket>,
    clients: LateCache<ClientBlock, Arc<Mutex<Bucket>>>,
    left_out: LeftOut,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Shed {
    /// Leaves out records beyond `rates`.
    pub(super) fn new(rates: Rates) -> Self {
        let now = Instant::now();
        // A bucket from which nothing was taken for this long is full again, and can be forgotten.
        let full = Duration::from_secs_f64(2.0 * BURST);
        Self {
            rates,
            all: Mutex::new(Bucket::full(rates.all, now)),
            clients: LateCache::new(move || Cache::builder().max_capacity(MAX_CLIENTS).time_to_idle(full).build()),
            left_out: LeftOut::new(now),
        }
    }

    /// Whether to write the record of a refused stranger at `client`.
    pub(super) fn admits(&self, client: IpAddr, now: Instant) -> bool {
        let own = self
            .clients
            .get_with(ClientBlock::of(client), || Arc::new(Mutex::new(Bucket::full(self.rates.of_client, now))));
        take(&own, self.rates.of_client, now) && take(&self.all, self.rates.all, now)
    }

    /// Notes that `count` were left out.
    pub(super) fn note(&self, count: u64) {
        self.left_out.note(count);
    }

    /// How many were left out since that was last said; `None` if there were none, or it is not yet time to say so.
    pub(super) fn say(&self, now: Instant) -> Option<u64> {
        self.left_out.due(now)
    }

    /// How many were left out and have not been said yet, at the end.
    pub(super) fn say_last(&self) -> Option<u64> {
        self.left_out.rest()
    }
}

impl Bucket {
    fn full(rate: u32, at: Instant) -> Self {
        Self { tokens: f64::from(rate) * BURST, at }
    }
}

fn take(bucket: &Mutex<Bucket>, rate: u32, now: Instant) -> bool {
    let mut bucket = bucket.lock().unwrap_or_else(PoisonError::into_inner);
    let since = now.saturating_duration_since(bucket.at).as_secs_f64();
    bucket.tokens = (bucket.tokens + since * f64::from(rate)).min(f64::from(rate) * BURST);
    bucket.at = now;
    let has = bucket.tokens >= 1.0;
    if has {
        bucket.tokens -= 1.0;
    }
    has
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::left_out::SAID;

    #[test]
    fn one_client_does_not_use_up_what_others_have_and_all_have_an_end() {
        let shed = Shed::new(Rates { all: 4, of_client: 2 });
        let now = Instant::now();
        let admitted = |address: &str, now| {
            (0..1000)
                .filter(|number| shed.admits(address.replace('*', &format!("{number:x}")).parse().unwrap(), now))
                .count()
        };
        assert_eq!(admitted("2001:db8::*", now), 20, "a /64");
        assert_eq!(admitted("192.0.2.7", now), 20);
        assert_eq!(admitted("2001:db8:*::1", now), 0, "all together");
        assert_eq!(admitted("192.0.2.7", now + Duration::from_secs(1)), 2);
        assert_eq!(admitted("2001:db8:*::1", now + Duration::from_secs(100)), 40);
    }

    #[test]
    fn what_was_left_out_is_said_once_a_minute() {
        let shed = Shed::new(Rates::default());
        let now = Instant::now();
        shed.note(3);
        assert_eq!(shed.say(now), None);
        assert_eq!(shed.say(now + 2 * SAID), Some(3));
        shed.note(1);
        assert_eq!(shed.say(now + 2 * SAID), None);
        assert_eq!((shed.say_last(), shed.say_last()), (Some(1), None));
    }
}
