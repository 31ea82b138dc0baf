//! The configuration of sessions: `[session]` and `[session.tokens]`.

use serde::Deserialize;

use super::store::redis;
use crate::clock::SignedDuration;
use crate::faults::{Faults, at};
use crate::pac;
use crate::policy::Offline;
use crate::units::Size;

/// How long sessions last, how many there may be, and what keeps them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How long after a sign-in its person must sign in again, however much the session is used.
    #[serde(deserialize_with = "crate::units::signed_duration")]
    pub lifetime: SignedDuration,
    /// How long a session may go unused. Default: for as long as it lasts.
    #[serde(deserialize_with = "crate::units::optional_signed_duration")]
    pub idle: Option<SignedDuration>,
    /// How long an origin's cookie names its person on http, where others can read it on the way. On https it does so
    /// for as long as the session lasts.
    #[serde(deserialize_with = "crate::units::signed_duration")]
    pub http_cookie_lifetime: SignedDuration,
    /// Sessions that may exist at the same time. A sign-in beyond that is refused.
    pub max: usize,
    /// Sessions that one person may have at the same time, so that one person with a script cannot take the room of
    /// everybody else.
    pub max_per_person: usize,
    /// What happens when a person who has that many signs in.
    pub crowded: Crowded,
    /// Sessions that are kept in memory; others are read from the store when they are used again.
    pub cache: usize,
    /// Memory that the sessions in memory may take.
    pub cache_memory: Size,
    /// Where this node keeps sessions.
    pub store: Backend,
    /// The store that nodes share. If it names servers, they keep the sessions, and `store` is not used.
    pub redis: redis::Config,
    /// How long those who are known go on while the shared store is away.
    #[serde(deserialize_with = "crate::units::signed_duration")]
    pub offline_grace: SignedDuration,
    /// What happens after that.
    pub offline: Offline,
    /// Tokens for tools that cannot show a page.
    pub tokens: Tokens,
}

/// What happens when a person has as many sessions as one may have, and signs in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Crowded {
    /// The oldest one ends.
    #[default]
    EndOldest,
    /// The sign-in is refused.
    Refuse,
}

/// What keeps sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Backend {
    /// A file in the state folder: a restart signs nobody out.
    #[default]
    Embedded,
    /// Memory: a restart signs everybody out.
    Memory,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            lifetime: SignedDuration::from_hours(30 * 24),
            idle: None,
            http_cookie_lifetime: SignedDuration::from_hours(8),
            max: 200_000,
            max_per_person: 100,
            crowded: Crowded::default(),
            cache: 100_000,
            cache_memory: Size::kib(256 * 1024),
            store: Backend::default(),
            redis: redis::Config::default(),
            offline_grace: SignedDuration::from_hours(12),
            offline: Offline::default(),
            tokens: Tokens::default(),
        }
    }
}

impl Config {
    /// Says what is wrong with it.
    pub fn check(&self, faults: &mut Faults) {
        if self.lifetime.as_secs() < 60 {
            faults.note(at!["lifetime"], "sessions would end as soon as they begin", "the default is \"30d\"");
        }
        if self.idle.is_some_and(|idle| idle.as_secs() < 120) {
            let help = "the last use is kept to the minute; such as \"12h\"";
            faults.note(at!["idle"], "sessions would end between two pages", help);
        }
        if let Some(idle) = self.idle.filter(|idle| *idle > self.lifetime) {
            let (message, help) = never_idle(idle, self.lifetime);
            faults.note(at!["idle"], message, help);
        }
        if self.http_cookie_lifetime.as_secs() < 60 {
            let help = "people would be sent to the portal between two pages; the default is \"8h\"";
            faults.note(at!["http_cookie_lifetime"], "cookies on http would end as they are given", help);
        }
        for (key, count) in [("max_per_person", self.max_per_person), ("cache", self.cache)] {
            if count == 0 {
                faults.note(at![key], format!("with `{key} = 0` nobody could sign in"), "");
            }
        }
        if self.max == 0 {
            faults.note(at!["max"], "nobody could sign in", "the default is 200000");
        }
        faults.within(at!["tokens"], |faults| self.tokens.check(faults));
        faults.within(at!["redis"], |faults| self.redis.check(faults));
    }
}

/// What is wrong with a time without use that is longer than what it is to shorten, and what to do about it.
pub fn never_idle(idle: SignedDuration, lifetime: SignedDuration) -> (String, &'static str) {
    let message = format!("a session ends after {lifetime:#} in any case, so it never goes unused for {idle:#}");
    (message, "make `idle` shorter than `lifetime`, or leave it out")
}

/// `[session.tokens]`: tokens for tools that cannot show a page.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tokens {
    /// If false, the portal offers nobody a token, and the proxy accepts none.
    pub enabled: bool,
    /// How long a token lasts if its person chooses nothing else.
    #[serde(deserialize_with = "crate::units::signed_duration")]
    pub lifetime: SignedDuration,
    /// The longest time that a person can choose.
    #[serde(deserialize_with = "crate::units::signed_duration")]
    pub max_lifetime: SignedDuration,
    /// How long a terminal that a person has approved in a browser stays signed in.
    #[serde(deserialize_with = "crate::units::signed_duration")]
    pub terminal_lifetime: SignedDuration,
    /// How many tokens one person may have made, and how many terminals they may have approved.
    pub max_per_person: usize,
    /// How many invalid tokens one client address may present in a minute. Beyond that, each further one is told to
    /// wait. Valid tokens are accepted all the same.
    pub attempts_per_minute: u32,
    /// Where tools reach the proxy, `host:port` or `https://host:port`: the portal writes it into what people copy.
    /// Default: the first proxy of the PAC file, or else the portal's host with the port of the first listener.
    pub proxy: Option<pac::Proxy>,
}

impl Default for Tokens {
    fn default() -> Self {
        Self {
            enabled: true,
            lifetime: SignedDuration::from_hours(90 * 24),
            max_lifetime: SignedDuration::from_hours(365 * 24),
            terminal_lifetime: SignedDuration::from_hours(12),
            max_per_person: 20,
            attempts_per_minute: 60,
            proxy: None,
        }
    }
}

impl Tokens {
    fn check(&self, faults: &mut Faults) {
        let day = SignedDuration::from_hours(24);
        if self.max_lifetime < day {
            let help = "people choose a number of days; the default is \"365d\"";
            faults.note(at!["max_lifetime"], "tokens would not last a day", help);
        } else if self.lifetime < day || self.lifetime > self.max_lifetime {
            let message = "`lifetime` is a day or more, and not longer than `max_lifetime`";
            faults.note(at!["lifetime"], message, "the default is \"90d\"");
        }
        if self.terminal_lifetime < SignedDuration::from_mins(1) {
            let help = "the default is \"12h\"";
            faults.note(at!["terminal_lifetime"], "terminals would be signed out at once", help);
        }
        if self.max_per_person == 0 {
            let help = "`enabled = false` switches tokens off";
            faults.note(at!["max_per_person"], "nobody could have a token", help);
        }
    }
}
