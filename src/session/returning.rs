//! Where somebody was going when they were challenged, sealed into the address of the portal.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::clock::{SignedDuration, Timestamp, after};
use crate::seal::{self, Sealer};

/// The folder that belongs to Vestibule on every origin. No origin ever sees a request for it.
pub const RESERVED_PATH: &str = "/.well-known/vestibule/";

/// Where a ticket arrives.
pub const ARRIVE_PATH: &str = "/.well-known/vestibule/arrive";

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
}

impl Return {
    /// Seals the challenge for the portal.
    pub fn seal(&self, sealer: &Sealer, now: Timestamp) -> String {
        sealer.seal(PURPOSE, self, after(now, LIFETIME))
    }

    /// Reads a challenge that the proxy sealed.
    pub fn open(sealer: &Sealer, token: &str, now: Timestamp) -> Result<Self, seal::Error> {
        sealer.open(PURPOSE, token, now)
    }
}
