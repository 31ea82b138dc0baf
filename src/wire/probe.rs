//! Probes: addresses that browsers and systems request to find out whether there is a captive portal.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

use super::Destination;
use super::h1::mark;
use super::target::Host;

/// The known probes of systems and browsers in use.
const KNOWN: [&str; 33] = [
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
    "captive.apple.com/",
    "netcts.cdn-apple.com/",
    "connectivitycheck.grapheneos.network/generate_204",
    "connectivitycheck.platform.hicloud.com/generate_204",
    "connect.rom.miui.com/generate_204",
    "cp.cloudflare.com/",
    "detectportal.brave-http-only.com/generate_204",
    "networkcheck.kde.org/",
    "conncheck.opensuse.org/",
    "ping.archlinux.org/nm-check.txt",
    "nmcheck.gnome.org/",
    "ping.manjaro.org/check_network_status.txt",
    "www.archlinux.org/check_network_status.txt",
    "spectrum.s3.amazonaws.com/kindle-wifi/wifistub.html",
];

/// Last parts of paths that count as probes on any host, because no list of hosts is ever complete.
const LAST_PARTS: [&str; 8] = [
    "generate_204",
    "gen_204",
    "generate204",
    "hotspot-detect.html",
    "nm-check.txt",
    "check_network_status.txt",
    "connecttest.txt",
    "ncsi.txt",
];

/// How the `User-Agent` of programs begins that request nothing but probes.
const USER_AGENTS: [&str; 2] = ["CaptiveNetworkSupport", "Microsoft NCSI"];

/// Whether a path looks like a probe's.
pub fn is_path(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|last| LAST_PARTS.contains(&last))
}

/// Whether a `User-Agent` is that of a program which requests nothing but probes.
pub fn is_user_agent(agent: &str) -> bool {
    USER_AGENTS.iter().any(|name| agent.starts_with(name))
}

/// One probe: host and path, by plain http.
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
    /// The known probes of systems and browsers in use.
    pub fn known() -> Vec<Self> {
        KNOWN.iter().filter_map(|text| text.parse().ok()).collect()
    }

    /// Whether `destination` and `path` are this probe's.
    pub fn is(&self, destination: &Destination, path: &str) -> bool {
        matches!(&destination.host, Host::Domain(host) if *host == self.host) && path == self.path
    }
}

/// All probes that are known by host and path.
#[derive(Clone, Debug, Default)]
pub struct Probes {
    probes: Vec<Probe>,
    /// The marks of their hosts. Each request is held against them all, and hardly any is a probe.
    marks: u64,
}

impl Probes {
    /// Whether `destination` and `path` are one's.
    pub fn has(&self, destination: &Destination, path: &str) -> bool {
        let Host::Domain(host) = &destination.host else { return false };
        self.marks & mark(host.as_bytes()) != 0 && self.probes.iter().any(|probe| probe.is(destination, path))
    }
}

impl From<Vec<Probe>> for Probes {
    fn from(probes: Vec<Probe>) -> Self {
        let marks = probes.iter().fold(0, |marks, probe| marks | mark(probe.host.as_bytes()));
        Self { probes, marks }
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
    fn probes_are_known_by_their_shape() {
        for (path, is) in [
            ("/generate_204", true),
            ("/captiveportal/generate_204", true),
            ("/gen_204", true),
            ("/mobile/hotspot-detect.html", true),
            ("/connecttest.txt", true),
            ("/generate_204/", false),
            ("/generate_204.html", false),
            ("/regenerate_204", false),
            ("/", false),
            ("", false),
        ] {
            assert_eq!(is_path(path), is, "{path}");
        }
        assert!(is_user_agent("CaptiveNetworkSupport-481.100.4 wispr") && is_user_agent("Microsoft NCSI"));
        assert!(!is_user_agent("Mozilla/5.0 CaptiveNetworkSupport") && !is_user_agent(""));
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

    #[test]
    fn each_of_many_is_found_and_nothing_else() {
        let probes = Probes::from(Probe::known());
        for Probe { host, path } in Probe::known() {
            let to = Destination::of_authority(Scheme::Http, &host).unwrap();
            assert!(probes.has(&to, &path) && !probes.has(&to, "/other"), "{host}{path}");
        }
        for host in ["news.test", "captive.applx.com", "192.0.2.1"] {
            assert!(!probes.has(&Destination::of_authority(Scheme::Http, host).unwrap(), "/"), "{host}");
        }
        let to = Destination::of_authority(Scheme::Http, "captive.apple.com").unwrap();
        assert!(!Probes::default().has(&to, "/"));
    }
}
