//! How much somebody may have of what a rule lets through: open connections, requests and bytes in a time.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::units::Size;

/// `limit = { … }`: what each one that it counts for may have. Each node counts for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// For whom it counts.
    #[serde(default)]
    pub per: Per,
    /// How many requests and tunnels may be open at the same time.
    pub connections: Option<u32>,
    /// How many requests and tunnels may begin in a time.
    pub requests: Option<Often>,
    /// How many of those may begin at once. Default: as many as in ten seconds, and one at least.
    pub burst: Option<u32>,
    /// How many bytes may be moved in a second, in both directions together.
    pub bandwidth: Option<Bandwidth>,
}

/// For whom a limit counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Per {
    /// Each person has as much; of guests, and of those who are not known, each client.
    #[default]
    Person,
    /// Each client: an IPv4 address, or an IPv6 network (/64). An IPv6 site (/48) has eight times as much in all.
    Client,
    /// All who are on one network have as much together.
    Network,
    /// All have as much together.
    Everybody,
}

/// So many in a time: `20/s`, `600/m`, `1000/h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Often {
    count: u32,
    seconds: u32,
}

/// Bytes in a second: `2MiB/s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Bandwidth(Size);

/// Why a limit was not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No number in a time.
    #[error("`{0}` is not so many in a time, such as \"20/s\", \"600/m\" or \"1000/h\"; at least one")]
    NotOften(String),
    /// No bytes in a second.
    #[error("`{0}` is not so many bytes in a second, such as \"64KiB/s\" or \"2MiB/s\"; at least \"1KiB/s\"")]
    NotABandwidth(String),
}

/// The word for a limit, and what it is, for whoever reads explanations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LimitSaid {
    per: Per,
    #[serde(skip_serializing_if = "Option::is_none")]
    connections: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    requests: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    burst: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bandwidth: Option<String>,
}

impl Limit {
    /// Whether it limits anything.
    pub fn is_any(&self) -> bool {
        self.connections.is_some() || self.requests.is_some() || self.bandwidth.is_some()
    }

    /// The time between two requests in the long run, in nanoseconds, and how many may begin at once.
    pub fn pace_of_requests(&self) -> Option<(u64, u64)> {
        let often = self.requests?;
        let (count, seconds) = (u64::from(often.count.max(1)), u64::from(often.seconds));
        let burst = self.burst.map_or(10 * count / seconds, u64::from);
        Some((seconds * 1_000_000_000 / count, burst.max(1)))
    }

    /// Bytes in a second.
    pub fn bytes_per_second(&self) -> Option<u64> {
        self.bandwidth.map(|Bandwidth(size)| size.as_bytes())
    }

    /// It, as it is shown.
    pub fn said(&self) -> LimitSaid {
        let unit = |seconds| match seconds {
            1 => "s",
            60 => "m",
            _ => "h",
        };
        LimitSaid {
            per: self.per,
            connections: self.connections,
            requests: self.requests.map(|often| format!("{}/{}", often.count, unit(often.seconds))),
            burst: self.pace_of_requests().and_then(|(_, burst)| u32::try_from(burst).ok()),
            bandwidth: self.bandwidth.map(|Bandwidth(size)| format!("{size}/s")),
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LimitSaid { connections, requests, burst, bandwidth, .. } = self.said();
        let parts = [
            requests.map(|often| format!("{often} requests")),
            burst.map(|burst| format!("{burst} at once")),
            connections.map(|most| format!("{most} open")),
            bandwidth,
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        let whose = match self.per {
            Per::Person => "for each person",
            Per::Client => "for each client",
            Per::Network => "for all on one network",
            Per::Everybody => "for everybody together",
        };
        write!(f, "{}, {whose}", parts.join(", "))
    }
}

impl TryFrom<String> for Often {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        let read = || {
            let (count, unit) = text.split_once('/')?;
            let seconds = match unit.trim() {
                "s" => 1,
                "m" => 60,
                "h" => 3600,
                _ => return None,
            };
            let count = count.trim().parse().ok().filter(|count| (1..=1_000_000).contains(count))?;
            Some(Self { count, seconds })
        };
        read().ok_or_else(|| Error::NotOften(text.clone()))
    }
}

impl TryFrom<String> for Bandwidth {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        let size = text.strip_suffix("/s").and_then(|size| size.parse::<Size>().ok());
        let size = size.filter(|size| (1 << 10..=1 << 40).contains(&size.as_bytes()));
        size.map(Self).ok_or(Error::NotABandwidth(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Limit, String> {
        toml::from_str(text).map_err(|error: toml::de::Error| error.message().to_owned())
    }

    #[test]
    fn a_limit_is_read_as_people_write_it() {
        let limit = read("connections = 50\nrequests = '600/m'\nbandwidth = '2MiB/s'").unwrap();
        assert_eq!((limit.per, limit.connections), (Per::Person, Some(50)));
        assert_eq!(limit.pace_of_requests(), Some((100_000_000, 100)));
        assert_eq!(limit.bytes_per_second(), Some(2 << 20));
        for (text, pace) in [
            ("requests = '20/s'", Some((50_000_000, 200))),
            ("requests = '20/s'\nburst = 5", Some((50_000_000, 5))),
            ("requests = '1/h'\nper = 'network'", Some((3_600_000_000_000, 1))),
            ("requests = '1/h'\nburst = 0", Some((3_600_000_000_000, 1))),
            ("connections = 1", None),
        ] {
            assert_eq!(read(text).unwrap().pace_of_requests(), pace, "{text}");
        }
        let said = serde_json::to_value(limit.said()).unwrap();
        let wanted = serde_json::json!({
            "per": "person", "connections": 50, "requests": "600/m", "burst": 100, "bandwidth": "2MiB/s",
        });
        assert_eq!(said, wanted);
    }

    #[test]
    fn what_is_no_limit_is_said_to_be_none() {
        for (text, part) in [
            ("requests = '20'", "is not so many in a time"),
            ("requests = '0/s'", "is not so many in a time"),
            ("requests = '20/d'", "is not so many in a time"),
            ("requests = '99999999999/s'", "is not so many in a time"),
            ("bandwidth = '2MiB'", "is not so many bytes in a second"),
            ("bandwidth = '2MB/s'", "is not so many bytes in a second"),
            ("bandwidth = '512B/s'", "is not so many bytes in a second"),
            ("per = 'group'", "unknown variant `group`"),
            ("speed = '1'", "unknown field `speed`"),
        ] {
            let wrong = read(text).unwrap_err();
            assert!(wrong.contains(part), "{text}: {wrong}");
        }
        assert!(!read("").unwrap().is_any());
    }
}
