//! Sets of destinations, matched at label boundaries.

use foldhash::HashSet;
use ipnet::IpNet;
use memchr::memchr;
use serde::Deserialize;
use url::Host;

use super::literal;
use crate::identity::range;
use crate::wire::target::is_name;

/// One destination, as written: `example.com`, `.example.com` or `*.example.com` (the domain and everything below it),
/// `=example.com` (that host alone), or an address or a range, for requests that name an address.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Pattern {
    /// The domain and everything below it.
    Domain(String),
    /// One host.
    Exact(String),
    /// Addresses.
    Addresses(IpNet),
}

/// What is wrong with a destination.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Neither a name nor an address.
    #[error(
        "`{0}` is no destination: write `example.com` (with everything below it), `=example.com` (that host alone), or a range such as `192.0.2.0/24`"
    )]
    NotADestination(String),
    /// A URL where a host is wanted.
    #[error("`{0}` holds a scheme, a port or a path: write the host alone")]
    NotAHost(String),
}

impl Pattern {
    /// The host alone.
    pub fn exact(host: &Host<String>) -> Self {
        match literal(host) {
            Some(address) => Self::Addresses(address.into()),
            None => Self::Exact(host.to_string()),
        }
    }
}

impl TryFrom<String> for Pattern {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        if let Some(prefix) = range::parse(&text) {
            return Ok(Self::Addresses(prefix.trunc()));
        }
        let (exact, host) = match text.strip_prefix('=') {
            Some(host) => (true, host),
            // Squid, NO_PROXY and cookies write a domain and everything below it with a dot in front.
            None => (false, text.strip_prefix("*.").or_else(|| text.strip_prefix('.')).unwrap_or(&text)),
        };
        if host.contains(['/', '@']) || (host.contains(':') && !host.starts_with('[')) {
            return Err(Error::NotAHost(text));
        }
        match Host::parse(host.strip_suffix('.').unwrap_or(host)) {
            // What no request can ask for would match nothing, and nobody would know.
            Ok(Host::Domain(name)) if is_name(&name) => Ok(if exact { Self::Exact(name) } else { Self::Domain(name) }),
            Ok(Host::Domain(_)) | Err(_) => Err(Error::NotADestination(text)),
            Ok(address) => Ok(Self::exact(&address.to_owned())),
        }
    }
}

/// A set of destinations. A lookup costs one hash a label, however large the set is.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    domains: HashSet<String>,
    exact: HashSet<String>,
    addresses: Vec<IpNet>,
}

impl Hosts {
    /// The domains, and the single hosts, where there is nothing else in the set.
    pub(super) fn names(&self) -> Option<(impl Iterator<Item = &str>, impl Iterator<Item = &str>)> {
        let names = (self.domains.iter().map(String::as_str), self.exact.iter().map(String::as_str));
        self.addresses.is_empty().then_some(names)
    }

    /// Whether the set holds `host`.
    pub fn contains(&self, host: &Host<String>) -> bool {
        match (literal(host), host) {
            (Some(address), _) => self.addresses.iter().any(|prefix| prefix.contains(&address)),
            (None, Host::Domain(name)) => {
                (!self.exact.is_empty() && self.exact.contains(name.as_str()))
                    || (!self.domains.is_empty() && suffixes(name).any(|suffix| self.domains.contains(suffix)))
            }
            (None, _) => false,
        }
    }
}

/// `a.b.c`, `b.c`, `c`.
pub(super) fn suffixes(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(name), |rest| rest.get(memchr(b'.', rest.as_bytes())? + 1..))
}

impl FromIterator<Pattern> for Hosts {
    fn from_iter<T: IntoIterator<Item = Pattern>>(patterns: T) -> Self {
        let mut hosts = Self::default();
        for pattern in patterns {
            match pattern {
                Pattern::Domain(name) => drop(hosts.domains.insert(name)),
                Pattern::Exact(name) => drop(hosts.exact.insert(name)),
                Pattern::Addresses(prefix) => hosts.addresses.push(prefix),
            }
        }
        hosts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Result<Pattern, Error> {
        Pattern::try_from(text.to_owned())
    }

    #[test]
    fn domains_match_at_label_boundaries_only() {
        let hosts: Hosts = ["Example.com", ".below.test", "=one.test", "192.0.2.0/24", "2001:db8::/32"]
            .map(|text| pattern(text).unwrap())
            .into_iter()
            .collect();
        for (host, held) in [
            ("example.com", true),
            ("a.b.example.com", true),
            ("appexample.com", false),
            ("example.com.jp", false),
            ("below.test", true),
            ("www.below.test", true),
            ("not-below.test", false),
            ("one.test", true),
            ("www.one.test", false),
            ("192.0.2.9", true),
            ("192.0.3.9", false),
            ("[2001:db8::7]", true),
            ("[::ffff:192.0.2.9]", true),
        ] {
            assert_eq!(hosts.contains(&Host::parse(host).unwrap()), held, "{host}");
        }
    }

    #[test]
    fn what_is_no_destination_is_refused() {
        let long = format!("{}.test", "a".repeat(64));
        for text in [
            "",
            ".",
            "*",
            "*.",
            "a b",
            "exa*mple.com",
            "=*.test",
            "=.a.test",
            "..a.test",
            ".*.a.test",
            "a..b.test",
            "a.test..",
            "a!.test",
            "a.test,b.test",
            &long,
        ] {
            assert!(matches!(pattern(text), Err(Error::NotADestination(_))), "{text}");
        }
        for text in ["http://a.test", "a.test/x", "a.test:80", "eve@a.test"] {
            assert!(matches!(pattern(text), Err(Error::NotAHost(_))), "{text}");
        }
        for text in ["*.bücher.example.", ".bücher.example", "BÜCHER.example", "xn--bcher-kva.example"] {
            assert_eq!(pattern(text), Ok(Pattern::Domain("xn--bcher-kva.example".into())), "{text}");
        }
        assert_eq!(pattern("my_host.test"), Ok(Pattern::Domain("my_host.test".into())));
        for (text, net) in [("2001:db8::7", "2001:db8::7/128"), ("::ffff:192.0.2.0/120", "192.0.2.0/24")] {
            assert_eq!(pattern(text), Ok(Pattern::Addresses(net.parse().unwrap())), "{text}");
        }
    }
}
