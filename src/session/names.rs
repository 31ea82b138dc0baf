//! Proxy host names: `d-<random>.proxy.example.com`. The name in the TLS handshake with the proxy tells whose
//! connection it is, and nothing has to be decrypted for that.
//!
//! A name can be read on the wire and in the DNS, so it is no secret. It is good only on the networks on which its
//! person has used it, for a time, and as long as its session lasts. The secret is the address of the PAC file that
//! tells the name: the label is a hash of it and does not lead back to it, so neither is kept anywhere.

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use crate::clock::SignedDuration;
use crate::faults::{Faults, at};
use crate::seal::{fingerprint, random};

/// The prefix of labels of people's own devices. Such a label is good only if a person has made its device on the
/// portal.
const OWN: &str = "d-";

/// The prefix of labels from the PAC file for everybody. Such a label stands for nobody until somebody signs in over
/// it.
const SHARED: &str = "s-";

/// Random bytes of a label: 120 bits, 24 characters.
const LABEL_BYTES: usize = 15;

/// RFC 4648 §6, in lower case: the DNS does not tell cases apart.
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// The `[proxy_names]` section.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The domain under which the names are, such as `proxy.example.com`. Without it there are no names.
    #[serde(deserialize_with = "domain")]
    pub domain: Option<String>,
    /// The port that PAC files name. Default: that of the first secure web proxy listener.
    pub port: Option<u16>,
    /// How long a name is good after somebody has signed in over it. Default 90 days.
    #[serde(deserialize_with = "crate::units::signed_duration")]
    pub expires: SignedDuration,
    /// Whether a name is good only on networks where its person has signed in over it. Default true.
    pub bind_network: bool,
    /// Devices that one person may have. Default 20.
    pub max_per_person: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            domain: None,
            port: None,
            expires: SignedDuration::from_hours(90 * 24),
            bind_network: true,
            max_per_person: 20,
        }
    }
}

impl Config {
    /// Says what is wrong with it.
    pub fn check(&self, faults: &mut Faults) {
        if self.expires < SignedDuration::from_hours(1) {
            let help = "browsers fetch a PAC file every 12 hours or so; the default is \"90d\"";
            faults.note(at!["expires"], "names would end before they are used", help);
        }
        if self.max_per_person == 0 {
            faults.note(at!["max_per_person"], "nobody could have a device", "the default is 20");
        }
        if self.port == Some(0) {
            faults.note(at!["port"], "there is no port 0", "the usual one is 443");
        }
    }

    /// The label in the name that a client has asked for (in lower case), if that name is one of ours.
    pub fn label_in<'a>(&self, server_name: &'a str) -> Option<&'a str> {
        let (label, rest) = server_name.split_once('.')?;
        (rest == self.domain.as_deref()? && kind_of(label).is_some()).then_some(label)
    }

    /// Where the names are found, if there are any. `port` is that of a secure web proxy listener.
    pub fn addresses(&self, port: Option<u16>) -> Option<Addresses> {
        Some(Addresses { domain: self.domain.clone()?, port: self.port.or(port)? })
    }
}

/// Where the names of the proxy, and the PAC files that tell them, are found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    domain: String,
    /// The port of all of them.
    pub port: u16,
}

/// Characters of a secret.
const SECRET_LEN: usize = 22;

impl Addresses {
    /// The whole name of a label.
    pub fn host(&self, label: &str) -> String {
        format!("{label}.{}", self.domain)
    }

    /// The proxy by the name that this secret leads to, as a URL.
    pub fn proxy(&self, secret: &str) -> String {
        self.url(&of_secret(secret))
    }

    /// The address of the PAC file that tells the name that this secret leads to.
    pub fn pac(&self, secret: &str) -> String {
        format!("{}{PAC_FOLDER}{secret}.pac", self.url(PAC_LABEL))
    }

    fn url(&self, label: &str) -> String {
        let host = self.host(label);
        if self.port == 443 { format!("https://{host}") } else { format!("https://{host}:{}", self.port) }
    }
}

/// The label of the host that serves PAC files with names of their own: the wildcard certificate covers it, and no
/// label of a device has this form.
const PAC_LABEL: &str = "pac";

/// The folder of those files, on each listener of the proxy.
const PAC_FOLDER: &str = "/pac/";

/// The secret in the path of a PAC file, if it has the form of one.
pub fn secret_in(path: &str) -> Option<&str> {
    let secret = path.strip_prefix(PAC_FOLDER)?.strip_suffix(".pac")?;
    let is_good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (secret.len() == SECRET_LEN && secret.bytes().all(is_good)).then_some(secret)
}

/// A path as records show it: the address of somebody's own PAC file is a secret.
pub fn recordable(path: &str) -> &str {
    if path.starts_with(PAC_FOLDER) { "/pac/***.pac" } else { path }
}

/// Reads a domain: ASCII, lower case, without a dot at its end.
fn domain<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let bare = text.strip_prefix("*.").unwrap_or(&text);
    let bare = bare.strip_suffix('.').unwrap_or(bare);
    let name = idna::domain_to_ascii_strict(bare).ok();
    // With its label and a dot, a name must stay below 254 characters (RFC 1035 §2.3.4).
    let fits = |name: &String| name.contains('.') && name.len() <= 220 && name.parse::<std::net::IpAddr>().is_err();
    let wrong = || D::Error::custom(format_args!("`{text}` is not a domain, such as \"proxy.example.com\""));
    name.filter(fits).map(Some).ok_or_else(wrong)
}

/// What a label is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LabelKind {
    /// A person's own device.
    Own,
    /// Whoever signs in over it.
    Shared,
}

/// What this label is made for, if it is one.
pub(super) fn kind_of(label: &str) -> Option<LabelKind> {
    let (kind, rest) = match (label.strip_prefix(OWN), label.strip_prefix(SHARED)) {
        (Some(rest), _) => (LabelKind::Own, rest),
        (_, Some(rest)) => (LabelKind::Shared, rest),
        _ => return None,
    };
    let is_good = rest.len() == LABEL_BYTES * 8 / 5 && rest.bytes().all(|byte| BASE32.contains(&byte));
    is_good.then_some(kind)
}

/// The label that this secret leads to.
pub(super) fn of_secret(secret: &str) -> String {
    let print = fingerprint(&format!("proxy host name {secret}"));
    format!("{OWN}{}", base32(print.get(..LABEL_BYTES).unwrap_or_default()))
}

/// A new label that stands for nobody yet. Nothing is kept of it: there is nothing to know about it until somebody
/// signs in over it.
pub fn unbound() -> String {
    format!("{SHARED}{}", base32(&random::<LABEL_BYTES>()))
}

/// Bytes as text, without padding.
fn base32(bytes: &[u8]) -> String {
    let (mut text, mut held, mut bits) = (String::with_capacity(bytes.len() * 8 / 5 + 1), 0_u32, 0_u32);
    let mut push = |value: u32| text.extend(BASE32.get(value as usize & 31).map(|byte| char::from(*byte)));
    for byte in bytes {
        held = held << 8 | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            push(held >> bits);
        }
        held &= (1 << bits) - 1;
    }
    if bits > 0 {
        push(held << (5 - bits));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base32_is_that_of_the_rfc() {
        // RFC 4648 §10, in lower case and without padding.
        for (bytes, text) in [
            ("", ""),
            ("f", "my"),
            ("fo", "mzxq"),
            ("foo", "mzxw6"),
            ("foob", "mzxw6yq"),
            ("fooba", "mzxw6ytb"),
            ("foobar", "mzxw6ytboi"),
        ] {
            assert_eq!(base32(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn a_label_fits_into_the_dns_and_tells_nothing_of_its_secret() {
        let (own, other) = (of_secret("one"), of_secret("two"));
        assert_eq!(own, of_secret("one"));
        assert_ne!(own, other);
        assert_ne!(unbound(), unbound());
        for label in [&own, &unbound()] {
            assert_eq!(label.len(), 26, "{label}");
            assert!(label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'));
        }
        assert_eq!((kind_of(&own), kind_of(&unbound())), (Some(LabelKind::Own), Some(LabelKind::Shared)));
    }

    #[test]
    fn only_our_names_under_our_domain_are_ours() {
        let config = Config { domain: Some("proxy.example.com".into()), ..Config::default() };
        let label = of_secret("one");
        assert_eq!(config.label_in(&format!("{label}.proxy.example.com")), Some(label.as_str()));
        let addresses = config.addresses(Some(8443)).unwrap();
        assert_eq!(addresses.host(&label), format!("{label}.proxy.example.com"));
        let short: String = label.chars().take(25).collect();
        for other in [
            "proxy.example.com".to_owned(),
            format!("{label}.example.com"),
            format!("{label}.x.proxy.example.com"),
            format!("x.{label}.proxy.example.com"),
            format!("x{label}.proxy.example.com"),
            format!("{}.proxy.example.com", label.to_uppercase()),
            format!("{short}.proxy.example.com"),
            format!("{short}1.proxy.example.com"),
            format!("{label}a.proxy.example.com"),
            format!("{label}.proxy.example.com."),
            label.clone(),
        ] {
            assert_eq!(config.label_in(&other), None, "{other}");
        }
        assert_eq!(Config::default().label_in(&format!("{label}.proxy.example.com")), None, "there is no domain");
    }

    #[test]
    fn the_address_of_a_pac_file_leads_back_to_its_secret_and_is_not_recorded() {
        let config = Config { domain: Some("proxy.example.com".into()), ..Config::default() };
        let secret = crate::seal::random_text();
        let addresses = config.addresses(Some(8443)).unwrap();
        let address = addresses.pac(&secret);
        let path = address.strip_prefix("https://pac.proxy.example.com:8443").unwrap();
        assert_eq!(secret_in(path), Some(secret.as_str()));
        assert!(!recordable(path).contains(&secret));
        assert_eq!(recordable("/proxy.pac"), "/proxy.pac");
        for other in
            ["/proxy.pac", "/pac/x.pac", "/pac/../../../../../../../etc/.pac", "/pac/", path.trim_start_matches('/')]
        {
            assert_eq!(secret_in(other), None, "{other}");
        }
        assert_eq!(addresses.proxy("one"), format!("https://{}.proxy.example.com:8443", of_secret("one")));
        let standard = Config { port: Some(443), ..config.clone() }.addresses(Some(8443)).unwrap();
        assert_eq!(standard.pac("s"), "https://pac.proxy.example.com/pac/s.pac");
        assert_eq!(config.addresses(None), None, "no listener speaks TLS");
        assert_eq!(Config::default().addresses(Some(8443)), None);
    }

    #[test]
    fn the_section_is_read_with_its_defaults() {
        let config: Config = toml::from_str("domain = 'proxy.example.com'\nexpires = '30d'").unwrap();
        assert_eq!(config.expires, SignedDuration::from_hours(30 * 24));
        assert_eq!((config.bind_network, config.max_per_person, config.port), (true, 20, None));
        assert!(toml::from_str::<Config>("domian = 'x'").is_err());
        for (text, domain) in [
            ("*.Proxy.Example.com.", Some("proxy.example.com")),
            ("bücher.example", Some("xn--bcher-kva.example")),
            ("localhost", None),
            ("192.0.2.1", None),
            ("https://proxy.example.com", None),
            ("proxy.example.com:443", None),
            ("", None),
        ] {
            let read = toml::from_str::<Config>(&format!("domain = '{text}'")).ok().and_then(|config| config.domain);
            assert_eq!(read.as_deref(), domain, "{text}");
        }
    }
}
