//! The `[pac]` section, as written.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use ipnet::IpNet;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use crate::config_path::ConfigPath;
use crate::identity::range;
use crate::units::Duration;

/// The `[pac]` section. All of it is optional: by default one file is served, from the standard template.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How long a browser may keep a file without asking again. Default `5m`.
    pub max_age: Duration,
    /// The files. The one called `proxy` is served as `/proxy.pac`; if there is none, the first one is.
    pub file: Vec<File>,
}

/// One `[[pac.file]]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// The name: the file is served as `/NAME.pac`.
    pub name: String,
    /// The name of a built-in template (`standard`, `all`), or the path of a file. Default `standard`.
    #[serde(default)]
    pub template: Template,
    /// The proxies to name, in order of preference. Default: the address that the file was fetched from.
    #[serde(default)]
    pub proxies: Vec<Proxy>,
    /// On which networks the file names the proxy by a new proxy host name each time it is fetched. Such a name stands
    /// for a person as soon as they have signed in over it. Default: on shared networks, unless `proxies` is set.
    #[serde(default)]
    pub names: Option<Names>,
    /// Proxies for the clients of single networks, by the network's name. They replace `proxies` there.
    #[serde(default)]
    pub networks: BTreeMap<String, Vec<Proxy>>,
    /// Destinations that never use the proxy.
    #[serde(default)]
    pub skip: Vec<Skip>,
    /// Browsers reach private names and addresses without the proxy. Default true.
    #[serde(default = "yes")]
    pub private_direct: bool,
    /// How browsers reach the portal. Default `proxy`: then browsers need no DNS and no route for it.
    #[serde(default = "by_proxy")]
    pub portal: Way,
    /// How browsers reach the identity provider. Default `direct`.
    #[serde(default)]
    pub idp: Way,
    /// Browsers go direct when no proxy answers; nothing is recorded or refused then. Default false.
    #[serde(default)]
    pub direct_after_proxy: bool,
    /// The template may ask the DNS, which delays every request of every browser. Default false.
    #[serde(default)]
    pub lookups: bool,
}

fn by_proxy() -> Way {
    Way::Proxy
}

impl Default for Config {
    fn default() -> Self {
        Self { max_age: Duration::minutes(5), file: Vec::new() }
    }
}

impl File {
    /// A file called `name`, from the standard template, with every default.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            template: Template::default(),
            proxies: Vec::new(),
            names: None,
            networks: BTreeMap::new(),
            skip: Vec::new(),
            private_direct: true,
            portal: Way::Proxy,
            idp: Way::Direct,
            direct_after_proxy: false,
            lookups: false,
        }
    }
}

impl File {
    /// On which networks the file gives each client a proxy host name of its own.
    pub fn names(&self) -> Names {
        let default = if self.proxies.is_empty() { Names::Shared } else { Names::Never };
        self.names.unwrap_or(default)
    }
}

/// On which networks a file gives each client a proxy host name of its own, if proxy host names are configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// Nowhere: `false`.
    Never,
    /// On networks on which several people share an address: `"shared"`.
    Shared,
    /// Everywhere: `true`.
    Always,
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl serde::de::Visitor<'_> for Either {
            type Value = Names;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true, false or \"shared\"")
            }

            fn visit_bool<E: serde::de::Error>(self, always: bool) -> Result<Names, E> {
                Ok(if always { Names::Always } else { Names::Never })
            }

            fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<Names, E> {
                match word {
                    "shared" => Ok(Names::Shared),
                    _ => Err(E::custom(format_args!("`{word}` is not true, false or \"shared\""))),
                }
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// The way by which browsers reach a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// Without the proxy.
    #[default]
    Direct,
    /// Through the proxy.
    Proxy,
}

/// The text that a file is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Template {
    /// A template that is part of the program.
    BuiltIn {
        /// Its name.
        name: String,
        /// Its text.
        text: &'static str,
    },
    /// A file that the operator provides.
    File {
        /// The path of the file.
        path: ConfigPath,
        /// The text of the file, once it has been read. This module reads no files.
        text: Option<String>,
    },
}

/// The templates that are part of the program.
pub const BUILT_IN: &[(&str, &str)] = &[STANDARD, ("all", include_str!("../../pac/all.pac"))];

/// The one that is served if nothing is said.
const STANDARD: (&str, &str) = ("standard", include_str!("../../pac/standard.pac"));

impl Template {
    /// The template of this name that is part of the program.
    pub(super) fn built_in(name: &str) -> Option<Self> {
        let (name, text) = BUILT_IN.iter().find(|(known, _)| *known == name)?;
        Some(Self::BuiltIn { name: (*name).to_owned(), text })
    }
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let file = || ConfigPath::new(&text).map(|path| Self::File { path, text: None });
        Self::built_in(&text).map_or_else(file, Ok).map_err(serde::de::Error::custom)
    }
}

impl Default for Template {
    fn default() -> Self {
        let (name, text) = STANDARD;
        Self::BuiltIn { name: name.to_owned(), text }
    }
}

/// A proxy that a PAC file can name: `host:port`, or `https://host:port` for a secure web proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// Browsers speak TLS to it.
    pub secure: bool,
    /// A DNS name in ASCII, an IPv4 address, or an IPv6 address in brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// Why something is not a proxy, or not a destination to skip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The host is neither a name nor an address.
    #[error("it is not a host name or an address")]
    Host,
    /// A port is missing, or is not a number from 1 to 65535.
    #[error("it needs a port from 1 to 65535, as in `proxy.example.com:8080`")]
    Port,
    /// The text is not a name, an address or a range of addresses.
    #[error(
        "write `example.com` (with everything below it), `=example.com` (that host alone) or a range such as `10.0.0.0/8`"
    )]
    Destination,
}

impl FromStr for Proxy {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let (secure, authority) = match text.split_once("://") {
            Some(("https", rest)) => (true, rest),
            Some(("http", rest)) => (false, rest),
            Some(_) => return Err(Malformed::Host),
            None => (false, text),
        };
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        let (host, port) = authority.rsplit_once(':').ok_or(Malformed::Port)?;
        if !port.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Malformed::Port);
        }
        let port = port.parse().ok().filter(|port| *port != 0).ok_or(Malformed::Port)?;
        Ok(Self { secure, host: host_of(host).ok_or(Malformed::Host)?, port })
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}:{}", if self.secure { "HTTPS" } else { "PROXY" }, self.host, self.port)
    }
}

/// A host as it stands in a URI's authority (RFC 3986 §3.2.2), normalised.
fn host_of(text: &str) -> Option<String> {
    if let Some(inside) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return inside.parse::<std::net::Ipv6Addr>().ok().map(|address| format!("[{address}]"));
    }
    name_of(text)
}

/// A DNS name in ASCII and lower case, or an IPv4 address.
pub(super) fn name_of(text: &str) -> Option<String> {
    let ascii = idna::domain_to_ascii(text.strip_suffix('.').unwrap_or(text)).ok()?;
    let label = |label: &str| {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (1..=63).contains(&label.len()) && label.bytes().all(good)
    };
    (ascii.len() <= 253 && ascii.split('.').all(label)).then_some(ascii)
}

/// A destination that never uses the proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Skip {
    /// The domain and everything below it: `example.com`.
    Domain(String),
    /// One host: `=example.com`.
    Exact(String),
    /// The addresses in this range, where a URL holds an address. Names are not looked up.
    Net(IpNet),
}

impl FromStr for Skip {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        if let Some(net) = range::parse(text) {
            return Ok(Self::Net(net.trunc()));
        }
        if let Some(host) = text.strip_prefix('=') {
            return name_of(host).map(Self::Exact).ok_or(Malformed::Destination);
        }
        let domain = text.strip_prefix("*.").or_else(|| text.strip_prefix('.')).unwrap_or(text);
        name_of(domain).map(Self::Domain).ok_or(Malformed::Destination)
    }
}

impl<'de> Deserialize<'de> for Proxy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|error| D::Error::custom(format_args!("`{text}` is not a proxy: {error}")))
    }
}

impl<'de> Deserialize<'de> for Skip {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|error| D::Error::custom(format_args!("`{text}` cannot be skipped: {error}")))
    }
}

fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_read_in_each_form() {
        for (text, written) in [
            ("proxy.example.com:8080", Ok("PROXY proxy.example.com:8080")),
            ("HTTPS://x:1", Err(Malformed::Host)),
            ("https://Proxy.Example.com:443/", Ok("HTTPS proxy.example.com:443")),
            ("http://bücher.example:80", Ok("PROXY xn--bcher-kva.example:80")),
            ("192.0.2.1:3128", Ok("PROXY 192.0.2.1:3128")),
            ("[2001:DB8::1]:3128", Ok("PROXY [2001:db8::1]:3128")),
            ("proxy_1:8080", Ok("PROXY proxy_1:8080")),
            ("proxy.example.com", Err(Malformed::Port)),
            ("proxy.example.com:0", Err(Malformed::Port)),
            ("proxy.example.com:+80", Err(Malformed::Port)),
            ("proxy.example.com:65536", Err(Malformed::Port)),
            (":8080", Err(Malformed::Host)),
            ("2001:db8::1:3128", Err(Malformed::Host)),
            ("a\"; DIRECT:80", Err(Malformed::Host)),
            ("a;b:80", Err(Malformed::Host)),
            ("user@a:80", Err(Malformed::Host)),
        ] {
            let proxy = text.parse::<Proxy>().map(|proxy| proxy.to_string());
            assert_eq!(proxy, written.map(str::to_owned), "{text}");
        }
    }

    #[test]
    fn a_destination_to_skip_is_a_domain_a_host_or_a_range() {
        for (text, skip) in [
            ("Corp.Example", Ok(Skip::Domain("corp.example".into()))),
            ("*.corp.example", Ok(Skip::Domain("corp.example".into()))),
            (".corp.example", Ok(Skip::Domain("corp.example".into()))),
            ("..corp.example", Err(Malformed::Destination)),
            ("corp..example", Err(Malformed::Destination)),
            ("=.corp.example", Err(Malformed::Destination)),
            ("=www.corp.example", Ok(Skip::Exact("www.corp.example".into()))),
            ("10.1.2.3/8", Ok(Skip::Net("10.0.0.0/8".parse().unwrap()))),
            ("192.0.2.7", Ok(Skip::Net("192.0.2.7/32".parse().unwrap()))),
            ("2001:db8::/32", Ok(Skip::Net("2001:db8::/32".parse().unwrap()))),
            ("*", Err(Malformed::Destination)),
            ("a*.example", Err(Malformed::Destination)),
            ("http://a.example", Err(Malformed::Destination)),
            ("", Err(Malformed::Destination)),
        ] {
            assert_eq!(text.parse::<Skip>(), skip, "{text}");
        }
    }
}
