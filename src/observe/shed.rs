//! Which records of refused strangers are left out, so that nobody fills the disk who has no account.
//!
//! A record of somebody who is known, or of what was forwarded, is never left out. Those of strangers who were refused
//! or asked to sign in share a bucket of tokens, and each client has one of its own, so that one of them cannot use up
//! what the others have. What was left out is counted, and said once a minute.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use moka::sync::Cache;
use serde::Deserialize;

use crate::identity::ClientBlock;

/// Clients that are counted at the same time.
const MAX_CLIENTS: u64 = 20_000;

/// Seconds for which records may come as fast as they like, after as long without any.
const BURST: f64 = 10.0;

/// How often it is said what was left out.
const SAID: Duration = Duration::from_secs(60);

/// Records of refused strangers that are written in a second, in the long run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rates {
    /// In all.
    #[serde(rename = "per_second")]
    pub all: u32,
    /// Of one client.
    #[serde(rename = "per_client")]
    pub of_client: u32,
}

impl Default for Rates {
    fn default() -> Self {
        Self { all: 200, of_client: 50 }
    }
}

/// Decides which are left out.
#[derive(Debug)]
pub(super) struct Shed {
    rates: Rates,
    all: Mutex<Bucket>,
    clients: Cache<ClientBlock, Arc<Mutex<Bucket>>>,
    left_out: Mutex<LeftOut>,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

#[derive(Debug)]
struct LeftOut {
    count: u64,
    said: Instant,
}

impl Shed {
    /// Leaves out what is beyond `rates`.
    pub(super) fn new(rates: Rates) -> Self {
        let now = Instant::now();
        // A bucket that nobody has taken from for this long is full.
        let full = Duration::from_secs_f64(2.0 * BURST);
        Self {
            rates,
            all: Mutex::new(Bucket::full(rates.all, now)),
            clients: Cache::builder().max_capacity(MAX_CLIENTS).time_to_idle(full).build(),
            left_out: Mutex::new(LeftOut { count: 0, said: now }),
        }
    }

    /// Whether the record of a refused stranger at `client` is written.
    pub(super) fn admits(&self, client: IpAddr, now: Instant) -> bool {
        let own = self
            .clients
            .get_with(ClientBlock::of(client), || Arc::new(Mutex::new(Bucket::full(self.rates.of_client, now))));
        take(&own, self.rates.of_client, now) && take(&self.all, self.rates.all, now)
    }

    /// Notes that so many were left out.
    pub(super) fn note(&self, count: u64) {
        self.left_out.lock().unwrap_or_else(PoisonError::into_inner).count += count;
    }

    /// How many were left out since this was last said, where it is time to say so.
    pub(super) fn say(&self, now: Instant) -> Option<u64> {
        let mut left_out = self.left_out.lock().unwrap_or_else(PoisonError::into_inner);
        if left_out.count == 0 || now.duration_since(left_out.said) < SAID {
            return None;
        }
        left_out.said = now;
        Some(std::mem::take(&mut left_out.count))
    }

    /// The same at the end.
    pub(super) fn say_last(&self) -> Option<u64> {
        let count = std::mem::take(&mut self.left_out.lock().unwrap_or_else(PoisonError::into_inner).count);
        (count > 0).then_some(count)
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
