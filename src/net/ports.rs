//! Ports and ranges of ports in the configuration.

use std::fmt;

use serde::Deserialize;

/// A port, or a range of ports: `443` or `"1025-65535"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub struct Ports {
    first: u16,
    last: u16,
}

/// What is wrong with a range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a port: write 443, or \"1025-65535\" for a range")]
pub struct NotPorts(String);

#[derive(Deserialize)]
#[serde(untagged, expecting = "a port is a number, or a range such as \"1025-65535\"")]
enum Written {
    One(u16),
    Range(String),
}

impl Ports {
    /// From `first` to `last`.
    pub const fn new(first: u16, last: u16) -> Self {
        Self { first, last }
    }

    /// Whether all of `others` are among them.
    pub fn hold(self, others: Self) -> bool {
        self.first <= others.first && others.last <= self.last
    }

    /// Whether `port` is one of them.
    pub fn have(self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }
}

impl TryFrom<Written> for Ports {
    type Error = NotPorts;

    fn try_from(written: Written) -> Result<Self, NotPorts> {
        let (text, ends) = match written {
            Written::One(port) => (port.to_string(), Some((port, port))),
            Written::Range(text) => {
                let ends = text.split_once('-').unwrap_or((&text, &text));
                let ends = ends.0.trim().parse().ok().zip(ends.1.trim().parse().ok());
                (text, ends)
            }
        };
        match ends {
            Some((first, last)) if first > 0 && first <= last => Ok(Self { first, last }),
            _ => Err(NotPorts(text)),
        }
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last { self.first.fmt(f) } else { write!(f, "{}-{}", self.first, self.last) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_one_or_a_range() {
        #[derive(Debug, Deserialize)]
        struct Holder {
            port: Ports,
        }
        for (written, read) in [
            ("443", Some("443")),
            ("'443'", Some("443")),
            ("'1025-65535'", Some("1025-65535")),
            ("'9-8'", None),
            ("0", None),
            ("'1-'", None),
            ("99999", None),
            ("true", None),
        ] {
            let found = toml::from_str::<Holder>(&format!("port = {written}"));
            assert_eq!(found.ok().map(|holder| holder.port.to_string()).as_deref(), read, "{written}");
        }
        let range = Ports::new(10, 20);
        assert!(range.hold(Ports::new(10, 12)) && !range.hold(Ports::new(9, 12)) && !range.hold(Ports::new(19, 21)));
        assert!(range.have(10) && range.have(20) && !range.have(9) && !range.have(21));
    }
}
