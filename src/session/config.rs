//! What is said about sessions in the configuration.

use serde::Deserialize;

use super::store::redis;
use crate::clock::SignedDuration;
use crate::pac;
use crate::units::Size;

/// How long sessions last, how many there may be, and what keeps them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// From sign-in to the next sign-in, whatever happens between.
    #[serde(deserialize_with = "crate::units::signed_duration")]
    pub lifetime: SignedDuration,
    /// How long a session may go unused. Default: for as long as it lasts.
    #[serde(deserialize_with = "crate::units::optional_signed_duration")]
    pub idle: Option<SignedDuration>,
    /// How long an origin's cookie names its person where it can be read on the way, on http. On https: as long as the
    /// session lasts.
    #[serde(deserialize_with = "crate::units::signed_duration")]
    pub http_cookie_lifetime: SignedDuration,
    /// Sessions at the same time; a sign-in beyond that is refused.
    pub max: usize,
    /// Sessions of one person at the same time: somebody with a script does not sign everybody else out of the room
    /// that there is.
    pub max_per_person: usize,
    /// What happens when somebody has that many.
    pub crowded: Crowded,
    /// Sessions that are kept at hand; others are looked up when they are used again.
    pub cache: usize,
    /// Memory that those may take.
    pub cache_memory: Size,
    /// What keeps them.
    pub store: Backend,
    /// The store that nodes share: if it has servers, it keeps sessions, and `store` does not.
    pub redis: redis::Config,
    /// How long those who are known go on while the shared store is away.
    #[serde(deserialize_with = "crate::units::signed_duration")]
    pub offline_grace: SignedDuration,
    /// What happens after that.
    pub offline: Offline,
    /// What tools that cannot show a page are known by.
    pub tokens: Tokens,
}

/// What happens when the shared store has been away for longer than those who are known go on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Offline {
    /// Nobody is known, and whoever must sign in is refused.
    #[default]
    Refuse,
    /// Whoever would have to sign in is let through, but not to what is blocked for all.
    Allow,
    /// The default rule decides.
    DefaultRule,
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

/// `[session.tokens]`: what tools that cannot show a page are known by.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tokens {
    /// False: nobody is offered one, and none is taken.
    pub enabled: bool,
    /// How long a token lasts for which nothing else is chosen.
    #[serde(deserialize_with = "crate::units::signed_duration")]
    pub lifetime: SignedDuration,
    /// How long one can last.
    #[serde(deserialize_with = "crate::units::signed_duration")]
    pub max_lifetime: SignedDuration,
    /// How long a terminal that was approved in a browser is signed in.
    #[serde(deserialize_with = "crate::units::signed_duration")]
    pub terminal_lifetime: SignedDuration,
    /// How many tokens one person may have made, and how many terminals they may have approved.
    pub max_per_person: usize,
    /// Tokens that are not good which one client address may present in a minute before each further one is told to
    /// wait. Good ones are taken all the same.
    pub attempts_per_minute: u32,
    /// Where tools reach the proxy, `host:port` or `https://host:port`, for what people copy. Default: the first proxy of the PAC file, or
    /// else the portal's host with the port of the first listener.
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
