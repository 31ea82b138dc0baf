//! Addresses that browsers and systems ask to find out whether there is a captive portal.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

use super::Destination;
use super::target::Host;

/// The addresses that are known of systems and browsers in use.
const KNOWN: [&str; 19] = [
    "connectivitycheck.gstatic.com/generate_204",
    "connectivitycheck.android.com/generate_204",
    "www.gstatic.com/generate_204",
    "www.google.com/gen_204",
    "play.googleapis.com/generate_204",
    "clients1.google.com/generate_204",
    "clients3.google.com/generate_204",
    "edge-http.microsoft.com/captiveportal/generate_204",
    "www.msftconnecttest.com/connecttest.txt",
    "ipv6.msftconnecttest.com/connecttest.txt",
    "www.msftncsi.com/ncsi.txt",
    "detectportal.firefox.com/canonical.html",
    "detectportal.firefox.com/success.txt",
    "captive.apple.com/hotspot-detect.html",
    "www.apple.com/library/test/success.html",
    "connectivity-check.ubuntu.com/",
    "network-test.debian.org/nm",
    "nmcheck.gnome.org/check_network_status.txt",
    "fedoraproject.org/static/hotspot.txt",
];

/// One address, by plain http: host and path.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Probe {
    host: String,
    path: String,
}

/// Not the address of a probe.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a host and a path, such as \"captive.example.com/check\"")]
pub struct NotAProbe(String);

impl Probe {
    /// The addresses that are known of systems and browsers in use.
    pub fn known() -> Vec<Self> {
        KNOWN.iter().filter_map(|text| text.parse().ok()).collect()
    }

    /// Whether this is asked for.
    pub fn is(&self, destination: &Destination, path: &str) -> bool {
        matches!(&destination.host, Host::Domain(host) if *host == self.host) && path == self.path
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.host, self.path)
    }
}

impl FromStr for Probe {
    type Err = NotAProbe;

    fn from_str(text: &str) -> Result<Self, NotAProbe> {
        let wrong = || NotAProbe(text.to_owned());
        let bare = text.strip_prefix("http://").unwrap_or(text);
        let slash = bare.find('/').ok_or_else(wrong)?;
        let (host, path) = bare.split_at_checked(slash).ok_or_else(wrong)?;
        let host = idna::domain_to_ascii_strict(host).map_err(|_| wrong())?;
        if host.is_empty() || path.contains(['?', '#', ' ']) {
            return Err(wrong());
        }
        Ok(Self { host, path: path.to_owned() })
    }
}

impl TryFrom<String> for Probe {
    type Error = NotAProbe;

    fn try_from(text: String) -> Result<Self, NotAProbe> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Scheme;

    #[test]
    fn a_probe_is_a_host_and_a_path() {
        assert_eq!(Probe::known().len(), KNOWN.len());
        for (text, probe) in [
            ("Captive.Example.com/check", Some("captive.example.com/check")),
            ("http://captive.example.com/", Some("captive.example.com/")),
            ("captive.example.com", None),
            ("https://captive.example.com/", None),
            ("/check", None),
            ("captive.example.com/check?a", None),
            ("captive example.com/", None),
        ] {
            assert_eq!(text.parse::<Probe>().ok().map(|probe| probe.to_string()).as_deref(), probe, "{text}");
        }
    }

    #[test]
    fn it_is_asked_for_by_name_and_path_alone() {
        let probe: Probe = "captive.example.com/check".parse().unwrap();
        let to = |authority| Destination::of_authority(Scheme::Http, authority).unwrap();
        assert!(probe.is(&to("captive.example.com"), "/check"));
        assert!(!probe.is(&to("captive.example.com"), "/check/"));
        assert!(!probe.is(&to("example.com"), "/check"));
        assert!(!probe.is(&to("192.0.2.1"), "/check"));
    }
}
