//! The `[[signals]]` sections, as written.

use std::fmt;

use serde::{Deserialize, Deserializer, de};
use url::Url;

use crate::secret::Secret;
use crate::units::Duration;

/// One `[[signals]]`: a transmitter, and whose signals it sends.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The name by which commands and addresses call it.
    pub name: String,
    /// The issuer (`iss`), exactly as its tokens have it.
    pub issuer: HttpsUrl,
    /// What its tokens may have as audience (`aud`).
    pub audience: Vec<String>,
    /// The realms of whose people it speaks.
    pub realms: Vec<String>,
    /// How signals come. Default: `push`.
    #[serde(default)]
    pub delivery: Delivery,
    /// Where its configuration is. Default: `/.well-known/ssf-configuration` of the issuer.
    pub configuration_url: Option<HttpsUrl>,
    /// Where its keys are. Default: where its configuration says.
    pub jwks_url: Option<HttpsUrl>,
    /// The bearer tokens by which whoever pushes is known: one, or two while one replaces the other.
    #[serde(default)]
    pub push_tokens: Vec<Secret>,
    /// Where signals are asked for, if they come by poll. Default: what the transmitter said when the stream was made.
    pub poll_url: Option<HttpsUrl>,
    /// The bearer token by which this program is known to the transmitter.
    pub token: Option<Secret>,
    /// The stream's identifier at the transmitter, for commands.
    pub stream: Option<String>,
    /// If a signal names a tenant, this must be it.
    pub tenant: Option<String>,
    /// Whose identifiers (`iss` of an `iss_sub` subject) are understood. Default: the issuer.
    #[serde(default)]
    pub subject_issuers: Vec<String>,
    /// How old a signal may be to be acted on. Default: 7 days.
    #[serde(default = "max_age")]
    pub max_age: Duration,
}

/// How signals come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Delivery {
    /// The transmitter posts them to the portal (RFC 8935).
    #[default]
    Push,
    /// They are asked for (RFC 8936).
    Poll,
}

impl Delivery {
    /// How streams call it (SSF 1.0 §6.1).
    pub fn method(self) -> &'static str {
        match self {
            Self::Push => "urn:ietf:rfc:8935",
            Self::Poll => "urn:ietf:rfc:8936",
        }
    }
}

/// An https address, as it was written.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpsUrl {
    text: String,
    url: Url,
}

impl HttpsUrl {
    /// As it was written: issuers are compared octet by octet.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The address.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Reads an https address without a user or a fragment.
    pub fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let is_plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
        (url.scheme() == "https" && url.host().is_some() && is_plain).then(|| Self { text: text.to_owned(), url })
    }
}

impl fmt::Debug for HttpsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for HttpsUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom(format!("`{text}` is not an https address")))
    }
}

impl Config {
    /// Where the transmitter's configuration is (SSF 1.0 §7.2.1: the well-known path stands before the issuer's own).
    pub fn configuration(&self) -> Url {
        if let Some(own) = &self.configuration_url {
            return own.url.clone();
        }
        let mut url = self.issuer.url.clone();
        let path = format!("/.well-known/ssf-configuration{}", url.path().trim_end_matches('/'));
        url.set_path(&path);
        url.set_query(None);
        url
    }

    /// Whether identifiers that this issuer gives are understood.
    pub fn knows_issuer(&self, issuer: &str) -> bool {
        match self.subject_issuers.is_empty() {
            true => self.issuer.as_str() == issuer,
            false => self.subject_issuers.iter().any(|own| own == issuer),
        }
    }
}

fn max_age() -> Duration {
    Duration::days(7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_is_at_the_well_known_path_before_the_issuers_own() {
        for (issuer, wanted) in [
            ("https://tr.example.com", "https://tr.example.com/.well-known/ssf-configuration"),
            ("https://tr.example.com/", "https://tr.example.com/.well-known/ssf-configuration"),
            ("https://tr.example.com:8443/a/b", "https://tr.example.com:8443/.well-known/ssf-configuration/a/b"),
        ] {
            let text = format!("name = 'a'\nissuer = '{issuer}'\naudience = ['b']\nrealms = ['c']");
            let config: Config = toml::from_str(&text).unwrap();
            assert_eq!(config.configuration().as_str(), wanted);
            assert!(config.knows_issuer(issuer) && !config.knows_issuer("https://other.example.com"));
        }
        for text in ["http://a.test", "a.test", "https://a@b.test", "https://b.test/#x", ""] {
            assert!(HttpsUrl::parse(text).is_none(), "{text}");
        }
    }
}
