//! Where somebody was going when they were challenged, sealed into the address of the portal.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::clock::{SignedDuration, Timestamp, after};
use crate::seal::{self, Sealer};

/// The folder that belongs to Vestibule on every origin. No origin ever sees a request for it.
pub const RESERVED_PATH: &str = "/.well-known/vestibule/";

/// Where a ticket arrives.
pub const ARRIVE_PATH: &str = "/.well-known/vestibule/arrive";

/// The port that is ours on every host: tickets arrive there where a connection to the origin itself may be a tunnel. No
/// tunnel ever leads there, on whatever node and whoever is known, so that no origin ever sees what is sent to it. A
/// cookie does not know ports (RFC 6265 §8.5): the one that is set there is the origin's.
pub const ARRIVE_PORT: u16 = 60443;

/// How long a person may take from the challenge to the end of their sign-in.
const LIFETIME: SignedDuration = SignedDuration::from_hours(1);

const PURPOSE: &str = "return";

/// A challenge, as the portal gets it from the proxy by way of the browser.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Return {
    /// The origin that was asked for, `scheme://host[:port]`: where the ticket arrives.
    pub origin: String,
    /// Where the person was going, as an absolute URL.
    pub destination: String,
    /// The client address, as the proxy saw it.
    pub client: IpAddr,
    /// The challenge's name, part of the name of its cookie.
    pub challenge: String,
    /// The fingerprint of the challenge cookie's value: only the browser that was challenged has the value.
    pub browser: [u8; 16],
    /// The method that was not sent on, when it was neither GET nor HEAD: the page after sign-in says so.
    pub unsent: Option<String>,
    /// How many seconds ago the person may have proven who they are, where the destination's rule says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<i64>,
    /// Whether a CONNECT of this client may become a tunnel as soon as somebody knows who it is: by its address or by its
    /// connection.
    #[serde(default)]
    pub tunnels: bool,
    /// What the client had shown in its handshake, as [`Evidence::key`](super::Evidence::key) has it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shown: Vec<[u8; 16]>,
    /// The node that made the challenge, as long as its process lasts.
    #[serde(default)]
    pub node: u64,
}

impl Return {
    /// Seals the challenge for the portal.
    pub fn seal(&self, sealer: &Sealer, now: Timestamp) -> String {
        sealer.seal(PURPOSE, self, after(now, LIFETIME))
    }

    /// The address where a ticket arrives, without its query.
    pub fn arrival(&self) -> String {
        let (scheme, authority) = self.origin.split_once("://").unwrap_or(("https", &self.origin));
        if self.tunnels {
            format!("{scheme}://{}:{ARRIVE_PORT}{ARRIVE_PATH}", without_port(authority))
        } else {
            format!("{}{ARRIVE_PATH}", self.origin)
        }
    }

    /// The host that was asked for.
    pub fn host(&self) -> &str {
        without_port(self.origin.split_once("://").map_or(&self.origin, |(_, authority)| authority))
    }

    /// Reads a challenge that the proxy sealed.
    pub fn open(sealer: &Sealer, token: &str, now: Timestamp) -> Result<Self, seal::Error> {
        sealer.open(PURPOSE, token, now)
    }
}

/// The host of `host[:port]`.
fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenge(origin: &str, tunnels: bool) -> Return {
        Return {
            origin: origin.into(),
            destination: format!("{origin}/a"),
            client: "192.0.2.7".parse().unwrap(),
            challenge: String::new(),
            browser: [0; 16],
            unsent: None,
            within: None,
            tunnels,
            shown: Vec::new(),
            node: 0,
        }
    }

    #[test]
    fn a_ticket_arrives_at_a_port_of_its_own_where_there_may_be_tunnels() {
        for (origin, host, at_home, beside) in [
            ("http://a.test", "a.test", "http://a.test/", "http://a.test:60443/"),
            ("https://a.test:8443", "a.test", "https://a.test:8443/", "https://a.test:60443/"),
            ("http://[2001:db8::1]", "[2001:db8::1]", "http://[2001:db8::1]/", "http://[2001:db8::1]:60443/"),
            (
                "https://[2001:db8::1]:8443",
                "[2001:db8::1]",
                "https://[2001:db8::1]:8443/",
                "https://[2001:db8::1]:60443/",
            ),
        ] {
            assert_eq!(challenge(origin, false).host(), host);
            for (tunnels, start) in [(false, at_home), (true, beside)] {
                let arrival = challenge(origin, tunnels).arrival();
                assert_eq!(arrival, format!("{start}.well-known/vestibule/arrive"));
            }
        }
    }
}
