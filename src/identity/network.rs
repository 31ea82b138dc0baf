//! Named sets of client addresses, each with its own sign-in behaviour; anything else is *elsewhere*.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

/// The name of the network that every address belongs to which no configured network holds.
pub const ELSEWHERE: &str = "elsewhere";

/// One `[[network]]` of the configuration, as written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The name that records show and rules match.
    pub name: String,
    /// The client addresses that belong to it.
    pub addresses: Vec<IpNet>,
    /// Whether people on it must sign in. Default `required`.
    #[serde(default)]
    pub sign_in: SignIn,
    /// Several people share one address here (NAT, terminal servers): the client address never stands for a session.
    #[serde(default)]
    pub shared: bool,
    /// Whether a client address may stand for a session. Default: true, unless `shared`.
    pub address: Option<bool>,
    /// How long an address stands for a person without traffic. Default 30 minutes.
    #[serde(default = "address_idle", deserialize_with = "crate::units::signed_duration")]
    pub address_idle: SignedDuration,
    /// How long it stands for them since the portal last saw them there. Default 10 hours, a working day.
    #[serde(default = "address_lifetime", deserialize_with = "crate::units::signed_duration")]
    pub address_lifetime: SignedDuration,
    /// Whether it stands for nobody any more once the portal sees its person at another address of the network.
    /// Default: true.
    #[serde(default = "yes")]
    pub one_address: bool,
    /// What happens to requests that cannot be challenged. Default `refuse`.
    #[serde(default)]
    pub unidentified: Unidentified,
    /// Whether people may go on without an account, as `guest`. Default: false.
    #[serde(default)]
    pub guest: bool,
    /// Where its clients are, for the times on pages and in schedules: an IANA name such as `Europe/Berlin`.
    #[serde(default, deserialize_with = "time_zone")]
    pub time_zone: Option<TimeZone>,
    /// Whether tools are offered tokens here, and known by them. Default: true.
    #[serde(default = "yes")]
    pub tokens: bool,
    /// How long a session that begins here lasts. Default: as `[session]` says.
    #[serde(default, deserialize_with = "crate::units::optional_signed_duration")]
    pub lifetime: Option<SignedDuration>,
    /// How long a session that begins here may go unused. Default: as `[session]` says.
    #[serde(default, deserialize_with = "crate::units::optional_signed_duration")]
    pub idle: Option<SignedDuration>,
}

fn address_idle() -> SignedDuration {
    SignedDuration::from_mins(30)
}

fn address_lifetime() -> SignedDuration {
    SignedDuration::from_hours(10)
}

fn yes() -> bool {
    true
}

/// Whether people on a network must sign in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignIn {
    /// Whoever is not signed in is challenged.
    #[default]
    Required,
    /// Nobody is challenged; those who are signed in are recorded under their names.
    Optional,
    /// Nobody is asked who they are.
    None,
}

/// What happens to a request that cannot be challenged: a tool's, a sub-resource's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unidentified {
    /// It is allowed, and recorded under the client address.
    Allow,
    /// It is refused.
    #[default]
    Refuse,
}

/// A network, as used.
#[derive(Clone, Debug)]
pub struct Network {
    /// The name that records show and rules match.
    pub name: Arc<str>,
    /// Whether people on it must sign in.
    pub sign_in: SignIn,
    /// Whether several people share one address here.
    pub shared: bool,
    /// Whether a client address may stand for a session here.
    pub address: bool,
    /// For how long it does.
    pub lapse: Lapse,
    /// What happens to requests that cannot be challenged.
    pub unidentified: Unidentified,
    /// Whether people may go on as `guest`.
    pub guest: bool,
    /// Where its clients are, if that is known.
    pub time_zone: Option<TimeZone>,
    /// Whether tools are offered tokens here, and known by them.
    pub tokens: bool,
    /// How long sessions that begin here last.
    pub spans: Spans,
}

/// How long sessions last that begin on a network, where it says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spans {
    /// From sign-in to the next sign-in.
    pub lifetime: Option<SignedDuration>,
    /// Without being used.
    pub idle: Option<SignedDuration>,
}

/// When a client address no longer stands for a person who is signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lapse {
    /// After so long without traffic.
    pub idle: SignedDuration,
    /// So long after the portal last saw them there.
    pub lifetime: SignedDuration,
    /// Once the portal sees them at another address of the network.
    pub one_address: bool,
}

impl Default for Lapse {
    fn default() -> Self {
        Self { idle: address_idle(), lifetime: address_lifetime(), one_address: true }
    }
}

fn time_zone<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<TimeZone>, D::Error> {
    let Some(name) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    let zone = TimeZone::get(&name).map_err(|_| {
        D::Error::custom(format_args!("there is no time zone `{name}`; it is a name such as \"Europe/Berlin\""))
    })?;
    Ok(Some(zone))
}

impl From<&Config> for Network {
    fn from(config: &Config) -> Self {
        Self {
            name: config.name.as_str().into(),
            sign_in: config.sign_in,
            shared: config.shared,
            address: !config.shared && config.address.unwrap_or(true),
            lapse: config.lapse(),
            unidentified: config.unidentified,
            guest: config.guest,
            time_zone: config.time_zone.clone(),
            tokens: config.tokens,
            spans: Spans { lifetime: config.lifetime, idle: config.idle },
        }
    }
}

impl Config {
    /// When a client address no longer stands for a person there.
    pub fn lapse(&self) -> Lapse {
        Lapse { idle: self.address_idle, lifetime: self.address_lifetime, one_address: self.one_address }
    }
}

impl Network {
    /// Whether it is where everybody is who is on no configured network.
    pub fn is_elsewhere(&self) -> bool {
        *self.name == *ELSEWHERE
    }

    /// The same, where a client address stands for nobody.
    #[must_use]
    pub fn without_address(&self) -> Self {
        Self { address: false, ..self.clone() }
    }
}

/// All networks. The longest prefix that holds an address decides.
#[derive(Clone, Debug)]
pub struct Networks {
    /// Longest prefix first.
    prefixes: Vec<(IpNet, Arc<Network>)>,
    elsewhere: Arc<Network>,
}

impl Networks {
    /// The configured networks, and *elsewhere*.
    pub fn new(configs: &[Config]) -> Self {
        let mut prefixes = Vec::new();
        for config in configs {
            let network = Arc::new(Network::from(config));
            prefixes.extend(config.addresses.iter().map(|prefix| (prefix.trunc(), Arc::clone(&network))));
        }
        prefixes.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.prefix_len()));
        let elsewhere = Network {
            name: ELSEWHERE.into(),
            sign_in: SignIn::Required,
            shared: false,
            address: false,
            lapse: Lapse::default(),
            unidentified: Unidentified::Refuse,
            guest: false,
            time_zone: None,
            tokens: true,
            spans: Spans::default(),
        };
        Self { prefixes, elsewhere: Arc::new(elsewhere) }
    }

    /// The network that `client` belongs to. An IPv4 address written as IPv6 counts as IPv4.
    pub fn of(&self, client: IpAddr) -> &Arc<Network> {
        let client = client.to_canonical();
        self.prefixes
            .iter()
            .find(|(prefix, _)| prefix.contains(&client))
            .map_or(&self.elsewhere, |(_, network)| network)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(name: &str, prefix: &str) -> Config {
        Config {
            name: name.into(),
            addresses: vec![prefix.parse().unwrap()],
            sign_in: SignIn::Required,
            shared: false,
            address: None,
            address_idle: address_idle(),
            address_lifetime: address_lifetime(),
            one_address: true,
            unidentified: Unidentified::Allow,
            guest: false,
            time_zone: None,
            tokens: true,
            lifetime: None,
            idle: None,
        }
    }

    #[test]
    fn the_longest_prefix_decides_and_the_rest_is_elsewhere() {
        let networks = Networks::new(&[config("site", "10.0.0.0/8"), config("lab", "10.7.0.0/16")]);
        for (client, name) in
            [("10.7.1.1", "lab"), ("10.8.1.1", "site"), ("::ffff:10.7.0.9", "lab"), ("192.0.2.1", ELSEWHERE)]
        {
            assert_eq!(&*networks.of(client.parse().unwrap()).name, name, "{client}");
        }
    }

    #[test]
    fn an_address_stands_for_a_session_only_where_people_do_not_share_it() {
        let plain = config("site", "10.0.0.0/8");
        assert!(Network::from(&plain).address);
        assert!(!Network::from(&Config { shared: true, address: Some(true), ..plain.clone() }).address);
        assert!(!Network::from(&Config { address: Some(false), ..plain }).address);
        assert!(!Networks::new(&[]).of("192.0.2.1".parse().unwrap()).address);
    }
}
