//! Parents: other proxies through which origins are reached.

mod http;
mod socks;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ::http::HeaderValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use url::{Host, Url};

use super::error::{Error, ParentFault};
use super::health::Health;
use crate::faults::{Faults, at};
use crate::policy::Hop;
use crate::secret::Secret;
use crate::units;
use crate::wire::h1::Stream;

/// One `[[egress.parent]]` of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Its name in routes and records.
    pub name: String,
    /// Its address and protocol.
    pub url: Address,
    /// The user name that it wants of us.
    pub username: Option<String>,
    /// The password that goes with it.
    pub password: Option<Secret>,
    /// Who looks up the names of destinations.
    #[serde(default)]
    pub resolve: Resolve,
    /// How often it is probed; `0s` for never.
    #[serde(default = "probe", deserialize_with = "units::std_duration")]
    pub probe: Duration,
    /// Whether to tell it, by the PROXY protocol, for which client a connection is.
    #[serde(default)]
    pub proxy_protocol: bool,
}

impl Config {
    /// Says what is wrong with it.
    pub fn check(&self, faults: &mut Faults) {
        if !matches!(Hop::try_from(self.name.clone()), Ok(Hop::Parent(_))) && !self.name.is_empty() {
            let help = "a route could not name it: letters, digits and hyphens will do";
            faults.note(at!["name"], format!("no parent can be called `{}`", self.name), help);
        }
        let password = self.password.as_ref().map(Secret::expose);
        let Some(name) = &self.username else {
            if password.is_some() {
                faults.note(at!["password"], "a password without a name is nobody's", "add `username`");
            }
            return;
        };
        match self.url.protocol {
            // RFC 1929 §2.
            Protocol::Socks5 => {
                for (key, text) in [("username", Some(name.as_str())), ("password", password)] {
                    if text.is_some_and(|text| text.is_empty() || text.len() > 255) {
                        faults.note(at![key], "SOCKS takes from 1 to 255 bytes here", "");
                    }
                }
                if password.is_none() {
                    faults.note(at!["username"], "SOCKS takes no name without a password", "add `password`");
                }
            }
            // RFC 7617 §2.
            Protocol::Http | Protocol::Https if name.contains(':') => {
                faults.note(at!["username"], "a name with a colon cannot be sent to an HTTP proxy", "");
            }
            Protocol::Http | Protocol::Https => {}
        }
    }
}

fn probe() -> Duration {
    Duration::from_secs(30)
}

/// Who looks up the names of destinations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Resolve {
    /// The parent: it is told the name. We do not know the address that it finds, so we cannot refuse it.
    #[default]
    Parent,
    /// This proxy, which also checks the address, and tells the parent the address.
    Here,
}

/// The protocol of a parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP: absolute-form for plain http, and CONNECT for everything else.
    Http,
    /// The same inside TLS.
    Https,
    /// SOCKS version 5 (RFC 1928).
    Socks5,
}

/// Where a parent is: `http://`, `https://` or `socks5://`, a host, and a port.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Address {
    /// Its protocol.
    pub protocol: Protocol,
    /// Its name or address.
    pub host: Host<String>,
    /// Its port.
    pub port: u16,
}

/// What is wrong with a parent's address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAddress {
    /// It is not such a URL, or has more than a host and a port.
    #[error(
        "`{0}` is not the address of a parent: write it as \"http://proxy.example.com:3128\"; https:// and socks5:// are known, too"
    )]
    Form(String),
    /// It has a user name or a password in it.
    #[error("the address of a parent holds no name and no password: write those as `username` and `password`")]
    Credentials,
    /// It has no port, and is one of SOCKS, which has no usual one.
    #[error("the port is missing")]
    NoPort,
}

impl TryFrom<String> for Address {
    type Error = BadAddress;

    fn try_from(text: String) -> Result<Self, BadAddress> {
        let Ok(url) = Url::parse(&text) else { return Err(BadAddress::Form(text)) };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(BadAddress::Credentials);
        }
        let (protocol, port) = match url.scheme() {
            "http" => (Protocol::Http, Some(80)),
            "https" => (Protocol::Https, Some(443)),
            "socks5" | "socks5h" => (Protocol::Socks5, None),
            _ => return Err(BadAddress::Form(text)),
        };
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(BadAddress::Form(text));
        }
        // The URL standard parses hosts only for schemes like http and https: for SOCKS it is done here.
        let host = url.host_str().and_then(|host| Host::parse(host).ok()).ok_or(BadAddress::Form(text))?;
        let port = url.port().or(port).filter(|port| *port != 0).ok_or(BadAddress::NoPort)?;
        Ok(Self { protocol, host, port })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// A parent, as used.
#[derive(Debug)]
pub(super) struct Parent {
    pub(super) name: Arc<str>,
    pub(super) address: Address,
    pub(super) resolve: Resolve,
    pub(super) probe: Duration,
    pub(super) proxy_protocol: bool,
    pub(super) health: Arc<Health>,
    username: Option<String>,
    password: Option<Secret>,
    /// Name and password for HTTP: the value of Proxy-Authorization.
    authorization: Option<HeaderValue>,
}

/// How a connection goes through a parent.
#[derive(Clone, Debug)]
pub struct Through {
    /// The parent's name.
    pub parent: Arc<str>,
    /// Whether requests on it have absolute-form (RFC 9112 §3.2.2), because the parent is an HTTP proxy and they are
    /// for plain http. Otherwise the connection is a tunnel to the origin, and requests are written for the origin.
    pub absolute_form: bool,
    /// The Proxy-Authorization for each request in absolute-form.
    pub authorization: Option<HeaderValue>,
    /// Whether the parent was told for which client the connection is, so that it may be used for no other.
    pub for_one_client: bool,
}

impl Parent {
    pub(super) fn new(config: &Config) -> Self {
        let authorization = config.username.as_ref().and_then(|name| {
            let password = config.password.as_ref().map_or("", Secret::expose);
            // RFC 7617 §2.
            let token = zeroize::Zeroizing::new(STANDARD.encode(format!("{name}:{password}")));
            let mut value = HeaderValue::try_from(format!("Basic {}", *token)).ok()?;
            value.set_sensitive(true);
            Some(value)
        });
        Self {
            name: config.name.as_str().into(),
            address: config.url.clone(),
            resolve: config.resolve,
            probe: config.probe,
            proxy_protocol: config.proxy_protocol,
            health: Arc::default(),
            username: config.username.clone(),
            password: config.password.clone(),
            authorization,
        }
    }

    /// The same parent, with what is known of it from before, if `before` is reached in the same way: at the same address
    /// and with the same credentials. Otherwise what failed then says nothing about now.
    pub(super) fn knowing(self, before: &Self) -> Self {
        let way = |parent: &Self| (parent.address.clone(), parent.proxy_protocol, parent.username.clone());
        let is_same = self.name == before.name && way(&self) == way(before) && self.password == before.password;
        if is_same { Self { health: Arc::clone(&before.health), ..self } } else { self }
    }

    /// How a connection goes through it.
    pub(super) fn through(&self, absolute_form: bool) -> Through {
        let authorization = if absolute_form { self.authorization.clone() } else { None };
        Through { parent: Arc::clone(&self.name), absolute_form, authorization, for_one_client: self.proxy_protocol }
    }

    /// Whether requests for plain http are sent to it in absolute-form: parents commonly refuse CONNECT to port 80.
    pub(super) fn takes_absolute_form(&self) -> bool {
        matches!(self.address.protocol, Protocol::Http | Protocol::Https)
    }

    /// Does what must come before a request: with SOCKS, authentication.
    pub(super) async fn greet(&self, stream: &mut Stream) -> Result<(), ParentFault> {
        match self.address.protocol {
            Protocol::Http | Protocol::Https => Ok(()),
            Protocol::Socks5 => socks::greet(stream, self.username.as_deref(), self.password.as_ref()).await,
        }
    }

    /// Asks it for a connection to a destination. `via` is our Via line, by which a loop is seen.
    pub(super) async fn ask(
        &self,
        stream: &mut Stream,
        (host, port): (&Host<String>, u16),
        via: &[u8],
    ) -> Result<(), Error> {
        match self.address.protocol {
            Protocol::Http | Protocol::Https => {
                http::ask(stream, &self.name, &format!("{host}:{port}"), self.authorization.as_ref(), via).await
            }
            Protocol::Socks5 => socks::ask(stream, &self.name, host, port).await,
        }
    }

    /// Asks it for any answer, to see whether it works. With SOCKS the greeting has shown that.
    pub(super) async fn answers(&self, stream: &mut Stream) -> Result<(), ParentFault> {
        match self.address.protocol {
            Protocol::Http | Protocol::Https => http::probe(stream, &self.address, self.authorization.as_ref()).await,
            Protocol::Socks5 => Ok(()),
        }
    }

    /// The fault as an error of a request.
    pub(super) fn fault(&self, fault: ParentFault) -> Error {
        Error::Parent(Arc::clone(&self.name), fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_in_each_form() {
        for (text, read) in [
            ("http://proxy.test:3128", Ok("http proxy.test:3128")),
            ("http://Proxy.test/", Ok("http proxy.test:80")),
            ("https://proxy.test", Ok("https proxy.test:443")),
            ("socks5://192.0.2.1:1080", Ok("socks5 192.0.2.1:1080")),
            ("socks5h://[2001:db8::1]:1080", Ok("socks5 [2001:db8::1]:1080")),
            ("socks5://proxy.test", Err("the port is missing")),
            ("socks4://proxy.test:1080", Err("is not the address of a parent")),
            ("proxy.test:3128", Err("is not the address of a parent")),
            ("http://proxy.test/path", Err("is not the address of a parent")),
            ("http://alice:secret@proxy.test:3128", Err("`username` and `password`")),
            ("", Err("is not the address of a parent")),
        ] {
            let found = Address::try_from(text.to_owned());
            match (found, read) {
                (Ok(address), Ok(words)) => {
                    let protocol = format!("{:?}", address.protocol).to_lowercase();
                    assert_eq!(format!("{protocol} {address}"), words, "{text}");
                }
                (Err(error), Err(part)) => {
                    assert!(error.to_string().contains(part), "{text}: {error}");
                    assert!(!error.to_string().contains("secret"), "{error}");
                }
                (found, _) => panic!("{text}: {found:?}"),
            }
        }
    }

    #[test]
    fn nobody_sees_the_password() {
        let config: Config =
            toml::from_str("name = 'hq'\nurl = 'http://hq.test:3128'\nusername = 'us'\npassword = 'hunter2'").unwrap();
        let parent = Parent::new(&config);
        let shown = format!("{config:?} {parent:?} {:?}", parent.through(true));
        let token = STANDARD.encode("us:hunter2");
        assert!(!shown.contains("hunter2") && !shown.contains(&token), "{shown}");
        assert_eq!(parent.through(true).authorization.unwrap().to_str().unwrap(), format!("Basic {token}"));
        assert!(parent.through(false).authorization.is_none(), "it is for the parent alone");
    }
}
