//! By what it is known who sent a request, and how strong that evidence is.

use serde::{Deserialize, Serialize};

/// By what it is known who sent a request, from strong to weak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Surrogate {
    /// The client's certificate in its TLS handshake with a secure web proxy listener.
    ClientCertificate,
    /// The proxy host name in the TLS handshake with a secure web proxy listener: one device alone was given that name.
    ProxyHostName,
    /// A personal proxy token.
    ProxyToken,
    /// The cookie that was set on the origin for a ticket.
    OriginCookie,
    /// The client connection itself: the portal has seen its own cookie, or a sign-in, over it.
    Connection,
    /// The client address, on a network where it may stand for a session.
    ClientAddress,
    /// The listener, which lets everybody in as `guest`.
    GuestListener,
    /// Nothing: it is not known who sent the request.
    #[default]
    None,
}

impl Surrogate {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::ClientCertificate,
        Self::ProxyHostName,
        Self::ProxyToken,
        Self::OriginCookie,
        Self::Connection,
        Self::ClientAddress,
        Self::GuestListener,
        Self::None,
    ];

    /// The word that records show.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClientCertificate => "client-certificate",
            Self::ProxyHostName => "proxy-host-name",
            Self::ProxyToken => "proxy-token",
            Self::OriginCookie => "origin-cookie",
            Self::Connection => "connection",
            Self::ClientAddress => "client-address",
            Self::GuestListener => "guest-listener",
            Self::None => "none",
        }
    }

    /// How hard it is to pass for somebody else by it.
    pub fn strength(self) -> Strength {
        match self {
            Self::ClientCertificate | Self::ProxyToken | Self::Connection => Strength::Strong,
            // Others can read these on the wire, or at an origin, but can use them only from the same network.
            Self::ProxyHostName | Self::OriginCookie => Strength::Medium,
            Self::ClientAddress => Strength::Weak,
            Self::GuestListener | Self::None => Strength::None,
        }
    }
}

/// How sure it is who sent a request, from weak to strong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strength {
    /// Nobody is known.
    None,
    /// Anybody at the same address passes for the person.
    Weak,
    /// To pass for the person, one must have seen their traffic.
    Medium,
    /// To pass for the person, one must have their secret.
    Strong,
}

impl Strength {
    /// The word that records show.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Weak => "weak",
            Self::Medium => "medium",
            Self::Strong => "strong",
        }
    }
}
