//! Finds the addresses of names: fixed hosts first, then DNS with a cache.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::Name;

use super::Error;
use crate::net::within;
use crate::wire::target::Host;
use crate::wire::{Destination, Scheme};

/// The ports for which a fixed name without a port is meant.
const WEB_PORTS: [u16; 4] = [80, 443, 8080, 8443];

/// How many names the cache holds.
const CACHE_SIZE: u64 = 10_000;

/// A name with a fixed address, which is not looked up. The operator has written it, so its address is dialled whatever
/// it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FixedHost {
    /// The name, in lower case.
    pub host: String,
    /// The port of the destination for which it counts; `None` for any.
    pub port: Option<u16>,
    /// The address to dial.
    pub address: IpAddr,
    /// The port to dial; `None` for the destination's own.
    pub dial_port: Option<u16>,
}

/// What is dialled for a fixed host.
#[derive(Clone, Debug)]
pub struct Fixed {
    /// Its addresses.
    pub addresses: Vec<SocketAddr>,
    /// Whether they are dialled whatever they are. A name that is written without a port is meant for the web's ports; at other
    /// ports its address is checked like any other.
    pub is_open: bool,
}

/// Finds the addresses of hosts.
pub struct Resolver {
    fixed: HashMap<String, Vec<FixedHost>>,
    dns: Option<TokioResolver>,
    limit: Duration,
}

impl Resolver {
    /// A resolver that asks `servers`, or the system's servers if there are none, and gives up after `limit`.
    pub fn new(servers: &[SocketAddr], hosts: &[FixedHost], limit: Duration) -> Self {
        let mut fixed: HashMap<String, Vec<FixedHost>> = HashMap::new();
        for host in hosts {
            fixed.entry(host.host.clone()).or_default().push(host.clone());
        }
        Self { fixed, dns: dns(servers, limit), limit }
    }

    /// What is dialled for a fixed host; `None` if it is none.
    pub fn fixed(&self, destination: &Destination) -> Option<Fixed> {
        let mut found: Option<Fixed> = None;
        for host in self.entries(destination).filter(|host| host.port.is_none_or(|port| port == destination.port)) {
            let fixed = found
                .get_or_insert_with(|| Fixed { addresses: Vec::new(), is_open: WEB_PORTS.contains(&destination.port) });
            fixed.addresses.push(SocketAddr::new(host.address, host.dial_port.unwrap_or(destination.port)));
            fixed.is_open |= host.port.is_some();
        }
        found
    }

    /// Whether the operator has written the name with this port.
    pub fn names_port(&self, destination: &Destination) -> bool {
        self.entries(destination).any(|host| host.port == Some(destination.port))
    }

    fn entries<'a>(&'a self, destination: &'a Destination) -> impl Iterator<Item = &'a FixedHost> {
        let name = match &destination.host {
            Host::Domain(name) => Some(name),
            _ => None,
        };
        name.and_then(|name| self.fixed.get(name)).into_iter().flatten()
    }

    /// The addresses to dial for a host and port that the operator has configured, such as a parent's.
    pub async fn resolve_at(&self, host: &Host<String>, port: u16) -> Result<Vec<SocketAddr>, Error> {
        let named = Destination { scheme: Scheme::Https, host: host.clone(), port };
        if let Some(fixed) = self.fixed(&named) {
            return Ok(fixed.addresses);
        }
        let found = self.resolve(host).await?;
        Ok(found.into_iter().map(|address| SocketAddr::new(address, port)).collect())
    }

    /// All addresses of a host.
    pub async fn resolve(&self, host: &Host<String>) -> Result<Vec<IpAddr>, Error> {
        let name = match host {
            Host::Ipv4(address) => return Ok(vec![(*address).into()]),
            Host::Ipv6(address) => return Ok(vec![IpAddr::V6(*address).to_canonical()]),
            Host::Domain(name) => name,
        };
        let dns = self.dns.as_ref().ok_or_else(|| Error::Resolver("no DNS server is known".into()))?;
        let found = within(self.limit, dns.lookup_ip(dns_name(name)?)).await.map_err(|_| Error::ResolverTimedOut)?;
        match found {
            Ok(found) => Ok(found.iter().map(|address| address.to_canonical()).collect()),
            Err(error) if error.is_no_records_found() || error.is_nx_domain() => Err(Error::NameNotFound),
            Err(error) if error.to_string().contains("timed out") => Err(Error::ResolverTimedOut),
            Err(error) => Err(Error::Resolver(error.to_string())),
        }
    }
}

/// The name for the DNS: any octets are a valid label, also those that are no host name (RFC 2181 §11). The name is
/// absolute, so that search domains do not apply: a name means the same for everybody.
fn dns_name(name: &str) -> Result<Name, Error> {
    Name::from_labels(name.split('.').map(str::as_bytes)).map_err(|_| Error::NameNotFound)
}

fn dns(servers: &[SocketAddr], limit: Duration) -> Option<TokioResolver> {
    let mut builder = if servers.is_empty() {
        TokioResolver::builder_tokio().ok()?
    } else {
        let servers = servers.iter().map(name_server).collect();
        TokioResolver::builder_with_config(ResolverConfig::from_name_servers(servers), TokioRuntimeProvider::default())
    };
    let options = builder.options_mut();
    options.ip_strategy = LookupIpStrategy::Ipv6AndIpv4;
    options.cache_size = CACHE_SIZE;
    // Each question is asked twice at most: if the first datagram is lost, half of the time is left for the second.
    options.timeout = limit / 2;
    options.attempts = 1;
    // A name that does not exist is not asked for again and again; and if it comes to exist, that is noticed within
    // five minutes.
    options.negative_min_ttl = Some(Duration::from_secs(1));
    options.negative_max_ttl = Some(Duration::from_secs(300));
    options.positive_max_ttl = Some(Duration::from_secs(24 * 3600));
    builder.build().ok()
}

fn name_server(address: &SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.into())
}

impl std::fmt::Debug for Resolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resolver").field("fixed", &self.fixed).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn fixed_hosts_are_dialled_where_the_operator_says() {
        let host = |port, dial_port| FixedHost {
            host: "mail.test".into(),
            port,
            address: "127.0.0.1".parse().unwrap(),
            dial_port,
        };
        let resolver = Resolver::new(&[], &[host(Some(443), Some(9443)), host(Some(80), None)], LIMIT);
        for (authority, dialled) in [
            ("mail.test:443", Some("127.0.0.1:9443")),
            ("mail.test:80", Some("127.0.0.1:80")),
            ("mail.test:81", None),
            ("a.test", None),
        ] {
            let destination = Destination::of_authority(Scheme::Https, authority).unwrap();
            let found = resolver.fixed(&destination).map(|fixed| fixed.addresses[0].to_string());
            assert_eq!(found.as_deref(), dialled, "{authority}");
        }
    }

    #[tokio::test]
    async fn addresses_are_not_looked_up() {
        let resolver = Resolver::new(&["127.0.0.1:9".parse().unwrap()], &[], LIMIT);
        for (authority, address) in [("1.1.1.1", "1.1.1.1"), ("[::ffff:1.1.1.1]", "1.1.1.1"), ("[2606::1]", "2606::1")]
        {
            let destination = Destination::of_authority(Scheme::Http, authority).unwrap();
            assert_eq!(resolver.resolve(&destination.host).await.unwrap(), [address.parse::<IpAddr>().unwrap()]);
        }
    }
}
