//! The section `[scim]`.

use std::fmt;
use std::net::SocketAddr;

use serde::{Deserialize, Deserializer, de};
use url::Url;

use crate::config_path::ConfigPath;

/// Where identity providers push people and groups to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The address of the listener. Default: none, and nobody is provisioned.
    pub listen: Option<SocketAddr>,
    /// The certificate, with the chain above it (PEM). Needed unless the address is a loopback one.
    pub certificate: Option<ConfigPath>,
    /// Its key (PEM).
    pub key: Option<ConfigPath>,
    /// The address as clients know it, if it is another one than they write into `Host`: behind a reverse proxy.
    pub url: Option<Base>,
    /// How many requests a minute one token may make. Default: 6000.
    pub requests_per_minute: u32,
    /// Whether, of several nodes that share sessions, all requests come to this one. It has no effect any more, because any
    /// node can be pushed to. Default: false.
    pub pinned: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self { listen: None, certificate: None, key: None, url: None, requests_per_minute: 6000, pinned: false }
    }
}

/// An address to which `/scim/v2` is added: an origin, with a path or without.
#[derive(Clone, PartialEq, Eq)]
pub struct Base(String);

impl Base {
    /// The address, without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Base {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = || de::Error::custom(format!("`{text}` is not an https address"));
        let url = Url::parse(&text).map_err(|_| wrong())?;
        let is_plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
        if url.scheme() != "https" || url.host().is_none() || !is_plain || url.password().is_some() {
            return Err(wrong());
        }
        Ok(Self(url.as_str().trim_end_matches('/').to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_an_https_one_without_what_would_be_in_the_way() {
        let read =
            |text: &str| toml::from_str::<Config>(&format!("url = {text:?}")).map(|config| config.url.unwrap().0);
        for (text, wanted) in [
            ("https://scim.example.com", "https://scim.example.com"),
            ("https://scim.example.com:8443/", "https://scim.example.com:8443"),
            ("https://example.com/vestibule/", "https://example.com/vestibule"),
        ] {
            assert_eq!(read(text).unwrap(), wanted);
        }
        for text in [
            "http://scim.example.com",
            "scim.example.com",
            "https://a@b.test",
            "https://b.test/?x",
            "https://b.test/#x",
            "",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
