//! Where a person was going when the proxy challenged them: sealed into the portal's address.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::clock::{SignedDuration, Timestamp, after};
use crate::identity::Strength;
use crate::policy::BarrierKey;
use crate::seal::{self, Sealer};

/// The folder that belongs to Vestibule on every origin. No origin ever sees a request for it.
pub const RESERVED_PATH: &str = "/.well-known/vestibule/";

/// Where a ticket arrives.
pub const ARRIVE_PATH: &str = "/.well-known/vestibule/arrive";

/// Where the portal shows what a rule puts before its destinations; the key of that follows.
pub const BARRIER_PATH: &str = "/rule/";

/// The port that is ours on every host: all tickets arrive there. No node opens a tunnel to it, on any listener and for
/// anybody, so no origin, and no service worker of an origin, ever sees what is sent there. Cookies do not tell ports
/// apart (RFC 6265 §8.5): the one that is set there is sent to the origin's own port, too.
pub const ARRIVE_PORT: u16 = 60443;

/// How long a person may take from the challenge to the end of their sign-in.
const LIFETIME: SignedDuration = SignedDuration::from_hours(1);

const PURPOSE: &str = "return";

/// A challenge: the proxy sends it to the portal by way of the browser.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Return {
    /// The origin that was asked for, `scheme://host[:port]`: what the ticket is good for.
    pub origin: String,
    /// Where the person was going, as an absolute URL.
    pub destination: String,
    /// The client address, as the proxy saw it.
    pub client: IpAddr,
    /// The challenge's name, part of the name of its cookie.
    pub challenge: String,
    /// The fingerprint of the challenge cookie's value: only the browser that was challenged has the value.
    pub browser: [u8; 16],
    /// The method of the request that was not sent on, unless it was GET or HEAD: the page after sign-in says so.
    pub unsent: Option<String>,
    /// How many seconds ago, at most, the person may have proven who they are, if the destination's rule limits that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<i64>,
    /// What the person must pass first, if a rule bars the destination.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub halt: Option<Halt>,
    /// The ways of signing in that count for it (AuthnContextClassRef), if its rule wants some.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ways: Vec<String>,
    /// How sure it must be who the person is, if its rule wants something stronger to stand for them than did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Surer>,
    /// What the client had shown in its handshake, as [`Evidence::key`](super::Evidence::key) has it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shown: Vec<[u8; 16]>,
    /// The number of the node that made the challenge; it changes when its process is started anew.
    #[serde(default)]
    pub node: u64,
    /// Whether the request brought cookies with the name of ours that somebody else has set.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub planted: bool,
    /// What the destination is kept under, where it is too long to travel: `destination` is the origin then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<u128>,
}

/// That it must be surer who a person is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Surer {
    /// How sure.
    pub strength: Strength,
    /// The rule that wants that.
    pub rule: String,
}

/// Why a person does not simply go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Halt {
    /// What they must pass.
    pub barrier: BarrierKey,
    /// The name of the request that was barred, as its record has it.
    pub request_id: String,
}

impl Return {
    /// Seals the challenge for the portal.
    pub fn seal(&self, sealer: &Sealer, now: Timestamp) -> String {
        sealer.seal(PURPOSE, self, after(now, LIFETIME))
    }

    /// The address where a ticket arrives, without its query. It has a port of its own, because the browser may come
    /// back over another connection, perhaps to another node, where a tunnel leads to the origin's own port. That is so
    /// for http, too: a browser that has learnt that a site wants https changes the scheme, and keeps a port that is
    /// not 80.
    pub fn arrival(&self) -> String {
        let (scheme, authority) = self.origin.split_once("://").unwrap_or(("https", &self.origin));
        format!("{scheme}://{}:{ARRIVE_PORT}{ARRIVE_PATH}", without_port(authority))
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

    fn challenge(origin: &str) -> Return {
        Return {
            origin: origin.into(),
            destination: format!("{origin}/a"),
            client: "192.0.2.7".parse().unwrap(),
            challenge: String::new(),
            browser: [0; 16],
            unsent: None,
            within: None,
            halt: None,
            ways: Vec::new(),
            evidence: None,
            shown: Vec::new(),
            node: 0,
            planted: false,
            kept: None,
        }
    }

    #[test]
    fn a_ticket_arrives_at_a_port_of_its_own_whatever_was_challenged() {
        for (origin, host, place) in [
            ("http://a.test", "a.test", "http://a.test:60443/"),
            ("http://a.test:8080", "a.test", "http://a.test:60443/"),
            ("https://a.test", "a.test", "https://a.test:60443/"),
            ("https://a.test:8443", "a.test", "https://a.test:60443/"),
            ("http://[2001:db8::1]", "[2001:db8::1]", "http://[2001:db8::1]:60443/"),
            ("https://[2001:db8::1]:8443", "[2001:db8::1]", "https://[2001:db8::1]:60443/"),
        ] {
            let challenge = challenge(origin);
            assert_eq!(challenge.host(), host);
            assert_eq!(challenge.arrival(), format!("{place}.well-known/vestibule/arrive"));
        }
    }
}
