//! Named sets of client addresses, each with its own sign-in behaviour; anything else is *elsewhere*.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

/// The name of the network to which every address belongs that is in no configured network.
pub const ELSEWHERE: &str = "elsewhere";

/// One `[[network]]` of the configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Its name in records and rules.
    pub name: String,
    /// The client addresses that belong to it.
    #[serde(deserialize_with = "crate::identity::range::list")]
    pub addresses: Vec<IpNet>,
    /// Whether people on it must sign in. Default `required`.
    #[serde(default)]
    pub sign_in: SignIn,
    /// Whether several people share one address here (NAT, terminal servers). Then a client address never stands for a
    /// session.
    #[serde(default)]
    pub shared: bool,
    /// Whether a client address may stand for a session. Default: true, unless `shared`.
    pub address: Option<bool>,
    /// How long a client address without traffic stands for its person. Default 30 minutes.
    #[serde(default = "address_idle", deserialize_with = "crate::units::signed_duration")]
    pub address_idle: SignedDuration,
    /// How long a client address stands for its person after the portal last saw them there. Default 10 hours, a
    /// working day.
    #[serde(default = "address_lifetime", deserialize_with = "crate::units::signed_duration")]
    pub address_lifetime: SignedDuration,
    /// Whether a client address stops standing for its person when the portal sees them at another address of this
    /// network. Default: true.
    #[serde(default = "yes")]
    pub one_address: bool,
    /// How long the old address must have been without traffic before `one_address` takes effect. Default: no time, so
    /// that it stands for nobody at once.
    #[serde(default, deserialize_with = "crate::units::signed_duration")]
    pub one_address_after: SignedDuration,
    /// What happens to requests that cannot be challenged. Default `refuse`.
    #[serde(default)]
    pub unidentified: Unidentified,
    /// Whether people without an account may go on as `guest`. Default: false.
    #[serde(default)]
    pub guest: bool,
    /// The time zone of its clients, for times on pages and in schedules: an IANA name such as `Europe/Berlin`.
    #[serde(default, deserialize_with = "time_zone")]
    pub time_zone: Option<TimeZone>,
    /// Whether tools here are offered tokens, and are known by them. Default: true.
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
    /// Nobody is challenged, but people who are signed in are recorded under their names.
    Optional,
    /// Nobody is identified.
    None,
}

/// What happens to a request that cannot be challenged: a tool's, a sub-resource's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unidentified {
    /// It is allowed, and recorded with the client address and no user.
    Allow,
    /// It is refused.
    #[default]
    Refuse,
}

/// A network, as the program uses it.
#[derive(Clone, Debug)]
pub struct Network {
    /// Its name in records and rules.
    pub name: Arc<str>,
    /// Whether people on it must sign in.
    pub sign_in: SignIn,
    /// Whether several people share one address here.
    pub shared: bool,
    /// Whether a client address may stand for a session here.
    pub address: bool,
    /// For how long a client address does.
    pub lapse: Lapse,
    /// What happens to requests that cannot be challenged.
    pub unidentified: Unidentified,
    /// Whether people without an account may go on as `guest`.
    pub guest: bool,
    /// The time zone of its clients, if it is configured.
    pub time_zone: Option<TimeZone>,
    /// Whether tools are offered tokens here, and known by them.
    pub tokens: bool,
    /// How long sessions that begin here last.
    pub spans: Spans,
}

/// How long sessions last that begin on a network; `None` for what `[session]` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spans {
    /// From sign-in to the next sign-in.
    pub lifetime: Option<SignedDuration>,
    /// How long they may go unused.
    pub idle: Option<SignedDuration>,
}

/// When a client address stops standing for a person who is signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lapse {
    /// After this long without traffic.
    pub idle: SignedDuration,
    /// This long after the portal last saw them there.
    pub lifetime: SignedDuration,
    /// Whether it does when the portal sees them at another address of the network.
    pub one_address: bool,
    /// How long its traffic must have paused for `one_address` to take effect; zero for at once.
    pub pause: SignedDuration,
}

impl Default for Lapse {
    fn default() -> Self {
        Self { idle: address_idle(), lifetime: address_lifetime(), one_address: true, pause: SignedDuration::ZERO }
    }
}

/// Reads the name of a time zone.
pub(crate) fn time_zone<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<TimeZone>, D::Error> {
    let Some(name) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    let zone = TimeZone::get(&name).map_err(|_| {
        D::Error::custom(format_args!("there is no time zone `{name}`: write a name such as \"Europe/Berlin\""))
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
    /// When a client address on it stops standing for a person.
    pub fn lapse(&self) -> Lapse {
        Lapse {
            idle: self.address_idle,
            lifetime: self.address_lifetime,
            one_address: self.one_address,
            pause: self.one_address_after,
        }
    }
}

impl Network {
    /// Whether it is *elsewhere*, to which all clients belong that are on no configured network.
    pub fn is_elsewhere(&self) -> bool {
        *self.name == *ELSEWHERE
    }

    /// The same network, but with client addresses that stand for nobody.
    #[must_use]
    pub fn without_address(&self) -> Self {
        Self { address: false, ..self.clone() }
    }
}

/// All networks. The longest prefix that contains an address decides.
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

    /// The time zones of the networks.
    pub fn time_zones(&self) -> Vec<&TimeZone> {
        let mut zones: Vec<&TimeZone> = Vec::new();
        for zone in self.prefixes.iter().filter_map(|(_, network)| network.time_zone.as_ref()) {
            if !zones.contains(&zone) {
                zones.push(zone);
            }
        }
        zones
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
            one_address_after: SignedDuration::ZERO,
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
