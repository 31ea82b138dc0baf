//! `[portal]` of the configuration.

use std::net::{Ipv4Addr, SocketAddr};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use url::Url;

use super::refused::hook::{Address, Hook};
use crate::clock::SignedDuration;
use crate::config_path::ConfigPath;
use crate::page::{Brand, Colour, Help, NotAReview, Review};
use crate::secret::Secret;
use crate::wire::Probe;

/// `[portal]` of the configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The portal's origin: `https://portal.example.com`, with a port if it is not 443.
    pub url: Origin,
    /// The address of its own TLS listener, `address:port`. Browsers can also reach the portal through the proxy.
    /// Default: `0.0.0.0:8443`.
    #[serde(default = "listen")]
    pub listen: SocketAddr,
    /// Its certificate chain, as a PEM file. Without one, the interception authority issues its certificate.
    pub certificate: Option<ConfigPath>,
    /// The certificate's private key, as a PEM file.
    pub key: Option<ConfigPath>,
    /// The name at the top of each page.
    #[serde(default = "title")]
    pub title: String,
    /// The colour of buttons and links, `#rrggbb`.
    pub accent: Option<Colour>,
    /// A logo, as a PNG, JPEG, WebP or SVG file.
    pub logo: Option<ConfigPath>,
    /// Where people get help: a web address, a mail address, a telephone number, or some words.
    pub help: Option<String>,
    /// Where people can ask for access to a site that a rule has refused: a mail address, or a web address in which
    /// `{site}`, `{rule}` and `{id}` are replaced; or a service that the portal tells. Default: `help`, if that is an
    /// address.
    pub review: Option<ReviewConfig>,
    /// The time zone in which pages write times, such as `Europe/Berlin`. Default: UTC.
    pub time_zone: Option<String>,
    /// How long a person may take at the identity provider. Default: 30 minutes.
    #[serde(default = "sign_in_timeout", deserialize_with = "crate::units::signed_duration")]
    pub sign_in_timeout: SignedDuration,
    /// How long before its end a session is renewed silently, if the identity provider still knows the person; a short
    /// session, in its last quarter. `0s` for never. Default: one day.
    #[serde(default = "renew_before", deserialize_with = "crate::units::signed_duration")]
    pub renew_before: SignedDuration,
    /// How many sign-ins one client address may begin in a minute; a hundred people may share an address. Default: 300.
    #[serde(default = "attempts_per_minute")]
    pub attempts_per_minute: u32,
    /// The terms to which guests must agree: a text with empty lines between its paragraphs. Default: no terms.
    pub guest_terms: Option<String>,
    /// The same, in a file.
    pub guest_terms_file: Option<ConfigPath>,
    /// How long a guest's session lasts. Default: 8 hours.
    #[serde(default = "guest_lifetime", deserialize_with = "crate::units::signed_duration")]
    pub guest_lifetime: SignedDuration,
    /// Addresses that browsers and systems request to find out whether there is a captive portal, as host and path: for
    /// clients that are not known, the proxy answers with a redirect to the portal. Default: those of the systems in
    /// use.
    #[serde(default = "Probe::known")]
    pub probes: Vec<Probe>,
    /// A page about the place, for systems that ask for one (`venue-info-url` of RFC 8908).
    pub venue: Option<Url>,
    /// Origins to which an identity provider redirects while it signs people in, besides its own. Browsers follow the
    /// redirects of the logon form only to origins that its page names.
    #[serde(default)]
    pub sign_in_origins: Vec<Origin>,
}

/// An https origin: scheme, host, and port if it is not 443.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Origin(Url);

/// Where people ask for a review, as written.
#[derive(Clone, Debug)]
pub enum ReviewConfig {
    /// A mail address, or a web address to fill in.
    Address(String),
    /// A service that is told.
    Webhook(Webhook),
}

/// A service that is told when somebody asks for a review.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Its https address, which may hold a secret.
    pub webhook: Secret,
    /// What is sent as `Authorization: Bearer`. Default: nothing.
    pub token: Option<Secret>,
}

impl<'de> Deserialize<'de> for ReviewConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;
        impl<'de> Visitor<'de> for Written {
            type Value = ReviewConfig;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(r#"an address, or { webhook = "https://…" }"#)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<ReviewConfig, E> {
                Ok(ReviewConfig::Address(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ReviewConfig, A::Error> {
                Webhook::deserialize(MapAccessDeserializer::new(map)).map(ReviewConfig::Webhook)
            }
        }
        deserializer.deserialize_any(Written)
    }
}

/// Why the portal cannot be set up as it is configured.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not an https origin.
    #[error("`{0}` is not an https address without a path, such as https://portal.example.com")]
    NotAnOrigin(String),
    /// The logo cannot be read.
    #[error("the logo {} cannot be read: {cause}", path.display())]
    Logo {
        /// The file.
        path: ConfigPath,
        /// Why.
        cause: std::io::Error,
    },
    /// The logo has a format that browsers do not show, or is too large to be a part of each page.
    #[error("the logo {} is not a PNG, JPEG, WebP or SVG file of at most {MAX_LOGO} bytes", .0.display())]
    UnusableLogo(ConfigPath),
    /// The terms for guests cannot be read.
    #[error("the terms for guests, {}, cannot be read: {cause}", path.display())]
    Terms {
        /// The file.
        path: ConfigPath,
        /// Why.
        cause: std::io::Error,
    },
    /// The terms for guests are empty, or too long.
    #[error("the terms for guests are empty, or longer than {MAX_TERMS} bytes")]
    UnusableTerms,
    /// `review` is not an address.
    #[error(transparent)]
    Review(#[from] NotAReview),
    /// The webhook of `review` is no https address. It is not shown, because it may hold a secret.
    #[error("`webhook` is no https address, such as https://hooks.example.com/review")]
    NotAHook,
    /// There is no such time zone.
    #[error("there is no time zone `{0}`")]
    NoSuchTimeZone(String),
}

/// The longest terms for guests.
const MAX_TERMS: usize = 64 * 1024;

/// The largest logo: it is a part of every page.
const MAX_LOGO: usize = 64 * 1024;

fn listen() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::UNSPECIFIED, 8443))
}

fn title() -> String {
    "Vestibule".to_owned()
}

fn sign_in_timeout() -> SignedDuration {
    SignedDuration::from_mins(30)
}

fn renew_before() -> SignedDuration {
    SignedDuration::from_hours(24)
}

fn guest_lifetime() -> SignedDuration {
    SignedDuration::from_hours(8)
}

fn attempts_per_minute() -> u32 {
    300
}

impl Config {
    /// The settings of a portal at `url`; all others have their defaults.
    pub fn new(url: Origin) -> Self {
        Self {
            url,
            listen: listen(),
            certificate: None,
            key: None,
            title: title(),
            accent: None,
            logo: None,
            help: None,
            review: None,
            time_zone: None,
            sign_in_timeout: sign_in_timeout(),
            renew_before: renew_before(),
            attempts_per_minute: attempts_per_minute(),
            guest_terms: None,
            guest_terms_file: None,
            guest_lifetime: guest_lifetime(),
            probes: Probe::known(),
            venue: None,
            sign_in_origins: Vec::new(),
        }
    }

    /// The look of the pages. Reads the logo.
    pub fn brand(&self) -> Result<Brand, Error> {
        let mut brand = Brand::new(self.title.clone(), self.accent.unwrap_or(Brand::ACCENT));
        brand.help = self.help.clone().map(Help::new);
        brand.review = match &self.review {
            None => None,
            Some(ReviewConfig::Address(address)) => Some(address.parse()?),
            Some(ReviewConfig::Webhook(_)) => Some(Review::at_portal()),
        };
        if let Some(path) = &self.logo {
            let logo = std::fs::read(path).map_err(|cause| Error::Logo { path: path.clone(), cause })?;
            brand.logo = Some(data_url(&logo).ok_or_else(|| Error::UnusableLogo(path.clone()))?);
        }
        if let Some(name) = &self.time_zone {
            brand.time_zone = TimeZone::get(name).map_err(|_| Error::NoSuchTimeZone(name.clone()))?;
        }
        Ok(brand)
    }

    /// The service that is told of requests for a review, if that is how they are asked for.
    pub fn hook(&self) -> Result<Option<Hook>, Error> {
        let Some(ReviewConfig::Webhook(Webhook { webhook, token })) = &self.review else { return Ok(None) };
        let url = Url::parse(webhook.expose().trim()).map_err(|_| Error::NotAHook)?;
        if url.scheme() != "https" || url.host_str().is_none() || !url.username().is_empty() || url.password().is_some()
        {
            return Err(Error::NotAHook);
        }
        Ok(Some(Hook { url: Address(url), token: token.clone() }))
    }

    /// The terms for guests, if there are any. Reads the file.
    pub fn terms(&self) -> Result<Option<String>, Error> {
        let text = match (&self.guest_terms, &self.guest_terms_file) {
            (Some(text), _) => text.clone(),
            (None, None) => return Ok(None),
            (None, Some(path)) => {
                std::fs::read_to_string(path).map_err(|cause| Error::Terms { path: path.clone(), cause })?
            }
        };
        if text.trim().is_empty() || text.len() > MAX_TERMS {
            return Err(Error::UnusableTerms);
        }
        Ok(Some(text))
    }
}

/// An image as a `data:` URL, with the type that its first bytes show. `None` if it is too large or of another type.
fn data_url(image: &[u8]) -> Option<String> {
    let kind = match image {
        [0x89, b'P', b'N', b'G', ..] => "image/png",
        [0xff, 0xd8, 0xff, ..] => "image/jpeg",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "image/webp",
        _ if is_svg(image) => "image/svg+xml",
        _ => return None,
    };
    (image.len() <= MAX_LOGO).then(|| format!("data:{kind};base64,{}", STANDARD.encode(image)))
}

impl Origin {
    /// The host, in lower case and in ASCII.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.0.port().unwrap_or(443)
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.origin().ascii_serialization())
    }
}

impl TryFrom<String> for Origin {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl std::str::FromStr for Origin {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let refusal = || Error::NotAnOrigin(text.to_owned());
        let url = Url::parse(text).map_err(|_| refusal())?;
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        let anonymous = url.username().is_empty() && url.password().is_none();
        if url.scheme() == "https" && bare && anonymous { Ok(Self(url)) } else { Err(refusal()) }
    }
}

/// Whether an image is SVG: its `svg` element comes near the beginning, after a declaration and comments at most.
fn is_svg(image: &[u8]) -> bool {
    let start = image.get(..2048).unwrap_or(image);
    image.trim_ascii_start().starts_with(b"<") && start.windows(4).any(|window| window == b"<svg")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_portal_is_an_https_origin_and_nothing_more() {
        for (text, origin, port) in [
            ("https://Portal.Example.com", "https://portal.example.com", 443),
            ("https://portal.example.com:8443/", "https://portal.example.com:8443", 8443),
            ("https://bücher.example", "https://xn--bcher-kva.example", 443),
        ] {
            let parsed: Origin = text.parse().unwrap();
            assert_eq!((parsed.to_string().as_str(), parsed.port()), (origin, port));
        }
        for text in
            ["http://portal.test", "https://portal.test/a", "https://u@portal.test", "https://portal.test/?a", "portal"]
        {
            assert!(text.parse::<Origin>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_section_is_read_with_its_defaults_and_refuses_unknown_keys() {
        let config: Config =
            toml::from_str("url = 'https://portal.test'\naccent = '#0a7'\nsign_in_timeout = '10m'").unwrap();
        assert_eq!(config.sign_in_timeout, SignedDuration::from_mins(10));
        assert_eq!((config.title.as_str(), config.attempts_per_minute), ("Vestibule", 300));
        assert!(config.brand().is_ok());
        for text in
            ["url = 'https://portal.test'\ntittle = 'x'", "url = 'https://portal.test'\naccent = 'red'", "title = 'x'"]
        {
            assert!(toml::from_str::<Config>(text).is_err(), "{text}");
        }
        let review: Config = toml::from_str("url = 'https://portal.test'\nreview = 'the desk'").unwrap();
        assert!(review.brand().unwrap_err().to_string().starts_with("`the desk` is neither a web address"));
        let zone: Config = toml::from_str("url = 'https://portal.test'\ntime_zone = 'Mars/Olympus'").unwrap();
        assert_eq!(zone.brand().unwrap_err().to_string(), "there is no time zone `Mars/Olympus`");
    }

    #[test]
    fn a_logo_is_recognised_by_its_first_bytes() {
        assert!(data_url(b"\x89PNG\r\n\x1a\n").unwrap().starts_with("data:image/png;base64,"));
        assert!(
            data_url(b" <svg xmlns='http://www.w3.org/2000/svg'/>").unwrap().starts_with("data:image/svg+xml;base64,")
        );
        assert!(data_url(b"<?xml version='1.0'?><!-- x --><svg/>").is_some());
        for other in [b"GIF89a".as_slice(), b"<html>", b"", b"text <svg"] {
            assert_eq!(data_url(other), None);
        }
        assert_eq!(data_url(&[[0x89, b'P', b'N', b'G'].as_slice(), &[0; MAX_LOGO]].concat()), None);
    }
}
