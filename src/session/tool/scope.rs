//! From where a token may be used, and for which destinations.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use url::Host;

use crate::policy::{Hosts, Pattern};

/// Entries of each kind that a token may have.
const MOST: usize = 20;

/// The longest entry: a host name has 253 characters.
const LONGEST: usize = 260;

/// From where a token may be used, and for which destinations. An empty list allows everything.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Scope {
    written: Written,
    ranges: Vec<IpNet>,
    hosts: Hosts,
}

/// A scope as the person wrote it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Written {
    /// Names of networks, addresses and ranges.
    networks: Vec<String>,
    destinations: Vec<String>,
}

/// Why a scope is not good.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Neither a network's name nor an address.
    #[error("`{0}` is neither a network nor an address")]
    Network(String),
    /// Not a pattern of a destination.
    #[error("`{0}` is not a destination")]
    Destination(String),
    /// There are more entries than one token may have.
    #[error("there are more than {MOST} entries")]
    TooMany,
}

/// Why a token is not good where it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outside {
    /// It is not for the client's network.
    Network,
    /// It is not for the destination.
    Destination,
}

impl Scope {
    /// Reads what a person typed: entries between commas or lines. `known` are the names of networks.
    pub fn parse<S: AsRef<str>>(networks: &str, destinations: &str, known: &[S]) -> Result<Self, Error> {
        // A network's name may have blanks in it.
        let networks: Vec<_> = entries(networks, &[',', ';', '\n']).map(str::to_owned).collect();
        let destinations: Vec<_> = entries(destinations, &[',', ';', '\n', ' ']).map(str::to_owned).collect();
        let is_known =
            |entry: &&String| range(entry).is_none() && !known.iter().any(|name| name.as_ref() == entry.as_str());
        if let Some(unknown) = networks.iter().find(is_known) {
            return Err(Error::Network(unknown.chars().take(LONGEST).collect()));
        }
        Written { networks, destinations }.try_into()
    }

    /// Whether it may be used by `client`, on this network, for `host`.
    pub fn check(&self, client: IpAddr, network: &str, host: &Host<String>) -> Result<(), Outside> {
        let Written { networks, destinations } = &self.written;
        let client = client.to_canonical();
        let is_there =
            || self.ranges.iter().any(|range| range.contains(&client)) || networks.iter().any(|n| n == network);
        if !networks.is_empty() && !is_there() {
            return Err(Outside::Network);
        }
        if !destinations.is_empty() && !self.hosts.contains(host) {
            return Err(Outside::Destination);
        }
        Ok(())
    }

    /// The networks, as they were written.
    pub fn networks(&self) -> &[String] {
        &self.written.networks
    }

    /// The destinations, as they were written.
    pub fn destinations(&self) -> &[String] {
        &self.written.destinations
    }

    /// Roughly how many bytes it takes in memory.
    pub(super) fn weight(&self) -> usize {
        let Written { networks, destinations } = &self.written;
        networks.iter().chain(destinations).map(|entry| 2 * (entry.len() + 48)).sum()
    }
}

impl TryFrom<Written> for Scope {
    type Error = Error;

    fn try_from(written: Written) -> Result<Self, Error> {
        let Written { networks, destinations } = &written;
        if networks.len().max(destinations.len()) > MOST {
            return Err(Error::TooMany);
        }
        let wrong = |entry: &str| entry.chars().take(LONGEST).collect();
        if let Some(long) = networks.iter().find(|entry| entry.len() > LONGEST) {
            return Err(Error::Network(wrong(long)));
        }
        let ranges = networks.iter().filter_map(|entry| range(entry)).collect();
        let pattern = |entry: &String| {
            let read = Pattern::try_from(entry.clone()).ok().filter(|_| entry.len() <= LONGEST);
            read.ok_or_else(|| Error::Destination(wrong(entry)))
        };
        let hosts = destinations.iter().map(pattern).collect::<Result<_, _>>()?;
        Ok(Self { ranges, hosts, written })
    }
}

impl From<Scope> for Written {
    fn from(scope: Scope) -> Self {
        scope.written
    }
}

fn entries<'a>(text: &'a str, between: &'a [char]) -> impl Iterator<Item = &'a str> {
    // One more than is allowed is enough to see that there are too many.
    text.split(between).map(str::trim).filter(|entry| !entry.is_empty()).take(MOST + 1)
}

/// An address, or a range of addresses.
fn range(entry: &str) -> Option<IpNet> {
    let address = || entry.parse::<IpAddr>().ok().map(IpNet::from);
    entry.parse::<IpNet>().ok().or_else(address).map(|range| range.trunc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(networks: &str, destinations: &str) -> Result<Scope, Error> {
        Scope::parse(networks, destinations, &["office", "my lab"])
    }

    #[test]
    fn a_token_is_good_within_its_scope_alone() {
        let at = |scope: &Scope, client: &str, network: &str, host: &str| {
            scope.check(client.parse().unwrap(), network, &Host::parse(host).unwrap())
        };
        let all = scope(" ,\n", "").unwrap();
        assert_eq!(at(&all, "192.0.2.7", "elsewhere", "news.test"), Ok(()));
        let narrow = scope("my lab, 192.0.2.0/24\n2001:db8::7", "pypi.org =deb.debian.org").unwrap();
        for (client, network, host, outcome) in [
            ("10.0.0.1", "my lab", "pypi.org", Ok(())),
            ("192.0.2.9", "elsewhere", "files.pypi.org", Ok(())),
            ("::ffff:192.0.2.9", "elsewhere", "deb.debian.org", Ok(())),
            ("2001:db8::7", "elsewhere", "pypi.org", Ok(())),
            ("2001:db8::8", "elsewhere", "pypi.org", Err(Outside::Network)),
            ("10.0.0.1", "office", "pypi.org", Err(Outside::Network)),
            ("192.0.2.9", "elsewhere", "notpypi.org", Err(Outside::Destination)),
            ("192.0.2.9", "elsewhere", "ftp.deb.debian.org", Err(Outside::Destination)),
        ] {
            assert_eq!(at(&narrow, client, network, host), outcome, "{client} {network} {host}");
        }
        let kept = serde_json::to_vec(&narrow).unwrap();
        let read: Scope = serde_json::from_slice(&kept).unwrap();
        assert_eq!((read.networks(), read.destinations()), (narrow.networks(), narrow.destinations()));
        assert_eq!(at(&read, "192.0.2.9", "elsewhere", "notpypi.org"), Err(Outside::Destination));
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(scope("offices", "").unwrap_err(), Error::Network("offices".into()));
        assert_eq!(scope("", "https://news.test/").unwrap_err(), Error::Destination("https://news.test/".into()));
        assert_eq!(scope(&"10.0.0.1,".repeat(21), "").unwrap_err(), Error::TooMany);
        assert_eq!(scope("", &"a.test ".repeat(21)).unwrap_err(), Error::TooMany);
        // A scope that cannot be read any more allows nothing: the session is not read.
        assert!(serde_json::from_str::<Scope>(r#"{"networks":[],"destinations":["*"]}"#).is_err());
    }
}
