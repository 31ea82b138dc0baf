//! Sections whose modules do not read their configuration themselves.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};

use crate::config_path::ConfigPath;
use crate::egress::{self, FixedHost};
use crate::faults::{Faults, at};
use crate::identity::range;
use crate::listener::secure;
use crate::observe::rotate::Rotation;
use crate::observe::shed::Rates;
use crate::policy::{Pattern, Route};
use crate::units;
use crate::wire::forwarded::{ForwardedFor, Named};
use crate::wire::target::Host;
use crate::wire::{Destination, Scheme};

/// One `[[listener]]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listener {
    /// The name that records show. Default `proxy`.
    #[serde(default = "proxy")]
    pub name: String,
    /// Where clients connect.
    pub address: SocketAddr,
    /// Load balancers that say by the PROXY protocol who a client is: each of them must, and nobody else may. Default: none.
    #[serde(default, deserialize_with = "range::list")]
    pub proxy_protocol: Vec<IpNet>,
    /// TLS, for a secure web proxy: HTTP/2 and HTTP/1.1. Default: none.
    pub tls: Option<secure::Config>,
    /// Other proxies that say by X-Forwarded-For on whose behalf they ask. Default: none.
    #[serde(default, deserialize_with = "range::list")]
    pub forwarders: Vec<IpNet>,
    /// Which value of that field is the client: `first` (the default) or `last`.
    #[serde(default)]
    pub forwarded_client: Named,
    /// Whether whoever has not signed in goes on as `guest` on this listener, if they come from a known network. Default: false.
    #[serde(default)]
    pub guest: bool,
    /// How many connections may wait to be accepted. Default: 4096.
    #[serde(default = "backlog")]
    pub backlog: u16,
}

/// The `[dns]` section.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Dns {
    /// The servers to ask. Default: those of the system.
    pub servers: Vec<Server>,
    /// Destinations with a fixed address.
    pub hosts: Hosts,
    /// How long the look-up of a name may take. Default: five seconds.
    #[serde(deserialize_with = "units::std_duration")]
    pub timeout: Duration,
}

/// A DNS server: an address, with port 53 unless another one is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Server(pub SocketAddr);

/// The table `[dns.hosts]`: lines such as `"name" = "address"`, or `"name:port" = "address:port"`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts(pub Vec<FixedHost>);

/// The `[egress]` section.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Egress {
    /// Addresses that may be dialled although they are private, loopback or otherwise special.
    #[serde(deserialize_with = "range::list")]
    pub allow: Vec<IpNet>,
    /// Addresses that are never dialled.
    #[serde(deserialize_with = "range::list")]
    pub refuse: Vec<IpNet>,
    /// Ports that CONNECT may ask for.
    pub connect_ports: Vec<u16>,
    /// Ports that requests for plain http may ask for.
    pub http_ports: Vec<egress::Ports>,
    /// Root certificates (PEM) to trust besides the system's.
    pub trust: Vec<ConfigPath>,
    /// Addresses of this machine to dial from: one of each family.
    pub source: Vec<IpAddr>,
    /// The way to destinations for which no rule names one.
    pub route: Route,
    /// Destinations that are dialled directly, whatever `route` says.
    pub direct: Vec<Pattern>,
    /// What origins are told about the client's address.
    pub forwarded_for: ForwardedFor,
    /// Other proxies to go through.
    #[serde(rename = "parent")]
    pub parents: Vec<egress::parent::Config>,
}

/// The `[log]` section.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// Where access records go: `stdout` (the default) or a file.
    pub access: AccessLog,
    /// The name of this node in records. Default: the machine's host name.
    pub node: Option<String>,
    /// Where audit records go: who signed in and out, whose session ended and why, what operators did. `stdout` or a file.
    /// Default: nowhere but in the events.
    pub audit: Option<AccessLog>,
    /// When files of access and audit records are put aside, and what becomes of them.
    pub rotate: Rotation,
    /// Access records a second of strangers who were refused: in all, and of one client.
    pub refused: Rates,
    /// The least important events to write. Default `info`.
    pub level: Level,
}

/// The `[metrics]` section.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Metrics {
    /// The address at which Prometheus fetches them, with the path `/metrics`. Default: none. Whoever can connect to it can read
    /// them.
    pub listen: Option<SocketAddr>,
}

impl Log {
    /// What this node is called in records.
    pub fn node_name(&self) -> String {
        self.node.clone().unwrap_or_else(|| {
            let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
            host.trim().to_owned()
        })
    }
}

/// Where records go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AccessLog {
    /// To standard output.
    #[default]
    Stdout,
    /// To the end of this file.
    File(ConfigPath),
}

/// How important an event is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Something does not work, and somebody should act.
    Error,
    /// Something may stop working soon, or was refused for a reason that operators should know.
    Warn,
    /// Something happened that operators want to know.
    #[default]
    Info,
    /// Something that developers want to know.
    Debug,
    /// Everything.
    Trace,
}

impl Default for Dns {
    fn default() -> Self {
        Self { servers: Vec::new(), hosts: Hosts::default(), timeout: egress::Config::default().dns_time }
    }
}

impl Dns {
    /// Says what is wrong with it.
    pub fn check(&self, faults: &mut Faults) {
        if self.timeout.is_zero() {
            faults.note(at!["timeout"], "no name could be looked up", "the default is \"5s\"");
        }
    }
}

impl Default for Egress {
    fn default() -> Self {
        let egress::Config { allow, refuse, connect_ports, http_ports, trust, source, route, direct, parents, .. } =
            egress::Config::default();
        let forwarded_for = ForwardedFor::default();
        Self { allow, refuse, connect_ports, http_ports, trust, source, route, direct, forwarded_for, parents }
    }
}

impl Level {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

fn fixed_host(from: &str, to: &str) -> Result<FixedHost, &'static str> {
    let (name, port) = match from.rsplit_once(':') {
        None => (from, None),
        Some((name, port)) => (name, Some(port.parse().map_err(|_| "the port on the left is not a number")?)),
    };
    // As it is read in a request: what DNS knows is a name, underscores and all.
    let Ok(Destination { host: Host::Domain(host), .. }) = Destination::of_authority(Scheme::Https, name) else {
        return Err("what stands on the left is not a host name");
    };
    let (address, dial_port) = match (to.parse::<IpAddr>(), to.parse::<SocketAddr>()) {
        (Ok(address), _) => (address, None),
        (_, Ok(socket)) => (socket.ip(), Some(socket.port())),
        _ => return Err("what stands on the right is not an address, such as 192.0.2.1 or 192.0.2.1:8080"),
    };
    if dial_port.is_some() && port.is_none() {
        return Err("a port on the right needs a port on the left");
    }
    Ok(FixedHost { host, port, address, dial_port })
}

impl<'de> Deserialize<'de> for Hosts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Hosts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(r#"a table of lines such as "www.example.com" = "192.0.2.1""#)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Hosts, A::Error> {
                let mut hosts = Vec::new();
                while let Some(from) = map.next_key::<String>()? {
                    hosts.push(map.next_value_seed(To(&from))?);
                }
                Ok(Hosts(hosts))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

/// Reads the right side of a line, so that what is wrong with either side is found at that line.
struct To<'a>(&'a str);

impl<'de> serde::de::DeserializeSeed<'de> for To<'_> {
    type Value = FixedHost;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<FixedHost, D::Error> {
        let to = String::deserialize(deserializer)?;
        fixed_host(self.0, &to).map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Server {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let plain = text.parse::<IpAddr>().map(|address| SocketAddr::new(address, 53));
        plain.or_else(|_| text.parse()).map(Self).map_err(|_| {
            D::Error::custom(format_args!(
                "`{text}` is not a DNS server, such as \"192.0.2.53\" or \"192.0.2.53:5353\""
            ))
        })
    }
}

impl<'de> Deserialize<'de> for AccessLog {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.as_str() {
            "" => Err(D::Error::custom("it is `stdout` or the path of a file")),
            "stdout" | "-" => Ok(Self::Stdout),
            text => ConfigPath::new(text).map(Self::File).map_err(D::Error::custom),
        }
    }
}

fn backlog() -> u16 {
    4096
}

fn proxy() -> String {
    "proxy".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_destination_is_read_in_each_form() {
        for (from, to, written) in [
            ("News.Test", "127.0.0.1", Ok(("news.test", None, "127.0.0.1", None))),
            ("news.test:443", "127.0.0.1:8443", Ok(("news.test", Some(443), "127.0.0.1", Some(8443)))),
            ("news.test:443", "::1", Ok(("news.test", Some(443), "::1", None))),
            ("news.test.:80", "[::1]:8080", Ok(("news.test", Some(80), "::1", Some(8080)))),
            ("my_host.test", "127.0.0.1", Ok(("my_host.test", None, "127.0.0.1", None))),
            ("-a.b-.Test:80", "127.0.0.1", Ok(("-a.b-.test", Some(80), "127.0.0.1", None))),
            ("news.test", "127.0.0.1:8443", Err("a port on the right needs a port on the left")),
            ("news.test:x", "127.0.0.1", Err("the port on the left is not a number")),
            ("", "127.0.0.1", Err("what stands on the left is not a host name")),
            ("*.test", "127.0.0.1", Err("what stands on the left is not a host name")),
            ("192.0.2.1", "127.0.0.1", Err("what stands on the left is not a host name")),
            ("a..test", "127.0.0.1", Err("what stands on the left is not a host name")),
        ] {
            let fixed = fixed_host(from, to);
            let wanted = written.map(|(host, port, address, dial_port): (&str, _, &str, _)| FixedHost {
                host: host.into(),
                port,
                address: address.parse().unwrap(),
                dial_port,
            });
            assert_eq!(fixed, wanted, "{from} {to}");
        }
    }
}
