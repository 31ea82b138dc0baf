//! The access record of one request or tunnel.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::Version;
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use super::reason::Reason;
use super::unidentified::WhyUnidentified;
use crate::clock::Timestamp;
use crate::identity::{Strength, Surrogate, User};
use crate::wire::Scheme;

/// What was decided about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It was forwarded to the origin.
    Permitted,
    /// It was forwarded to the origin, by a rule with `effect = "monitor"`.
    Monitored,
    /// It was refused, by a rule or because nobody had signed in.
    Denied,
    /// The person was asked to sign in.
    Challenged,
    /// It was for Vestibule itself: the portal, the PAC file, an arriving ticket.
    Local,
    /// It was not one that can be answered or forwarded.
    Rejected,
    /// A rule warns of it, and the person had not read that yet.
    Warned,
    /// It was forwarded to the origin although a rule blocks it, because the person has overridden that.
    Overridden,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Permitted,
        Self::Monitored,
        Self::Denied,
        Self::Challenged,
        Self::Local,
        Self::Rejected,
        Self::Warned,
        Self::Overridden,
    ];

    /// Whether it was forwarded.
    pub fn is_forwarded(self) -> bool {
        matches!(self, Self::Permitted | Self::Monitored | Self::Overridden)
    }

    /// The word that records show.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Permitted => "permitted",
            Self::Monitored => "monitored",
            Self::Denied => "denied",
            Self::Challenged => "challenged",
            Self::Local => "local",
            Self::Rejected => "rejected",
            Self::Warned => "warned",
            Self::Overridden => "overridden",
        }
    }
}

/// A version of HTTP, as records name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum HttpVersion {
    /// HTTP/1.0.
    #[serde(rename = "HTTP/1.0")]
    Http10,
    /// HTTP/1.1.
    #[serde(rename = "HTTP/1.1")]
    Http11,
    /// HTTP/2.
    #[serde(rename = "HTTP/2")]
    Http2,
}

impl HttpVersion {
    /// The one with this version.
    pub fn of(version: Version) -> Option<Self> {
        match version {
            Version::HTTP_10 => Some(Self::Http10),
            Version::HTTP_11 => Some(Self::Http11),
            Version::HTTP_2 => Some(Self::Http2),
            _ => None,
        }
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
        }
    }
}

/// One access record. Its form as serde has it is that of the log's lines, which are written by hand (`line`).
#[derive(Clone, Debug, Serialize)]
pub struct Record {
    /// When the request began.
    pub time: Timestamp,
    /// The request's identifier: error pages and events show the same.
    pub request_id: RequestId,
    /// The client.
    pub client: SocketAddr,
    /// The trusted peer that sent the request on the client's behalf.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forwarder: Option<IpAddr>,
    /// The network that the client belongs to.
    pub network: Arc<str>,
    /// The listener that took the request.
    pub listener: Arc<str>,
    /// The person: written as `user`, their name, and `realm`, which vouches for them.
    #[serde(flatten, serialize_with = "names_of")]
    pub user: Option<Arc<User>>,
    /// The short form of the session's identifier.
    pub session: Option<Box<str>>,
    /// The surrogate by which the person is known.
    pub surrogate: Surrogate,
    /// How strong that surrogate is.
    pub strength: Strength,
    /// Which one of its kind the surrogate was: a proxy host name, the name of a token, a certificate's fingerprint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Arc<str>>,
    /// Why nobody is known, if it was looked for somebody.
    pub unidentified: Option<WhyUnidentified>,
    /// The method; `None` for a request that was not understood.
    #[serde(serialize_with = "text_of")]
    pub method: Option<http::Method>,
    /// `http` or `https`; `None` for a request that was not understood.
    #[serde(serialize_with = "scheme_of")]
    pub scheme: Option<Scheme>,
    /// The host that was asked for.
    pub host: Option<Box<str>>,
    /// The port that was asked for.
    pub port: Option<u16>,
    /// The path, without its query; never for tunnels.
    pub path: Option<Box<str>>,
    /// The version of HTTP in which the client sent it: `HTTP/1.0`, `HTTP/1.1` or `HTTP/2`; `None` for a request that was not
    /// understood.
    pub protocol: Option<HttpVersion>,
    /// The status of the answer to the client.
    pub status: u16,
    /// What was decided about it.
    pub decision: Outcome,
    /// The name of the rule that decided.
    pub rule: Option<Arc<str>>,
    /// The names of the rules to whose terms it was subject, if there were any: fields that were set, and limits.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub terms: Box<[Arc<str>]>,
    /// Why it ended as it did: a Proxy Error Type (RFC 9209 §2.3) or a word of ours.
    pub reason: Option<Reason>,
    /// What scanners say of it, if one looked at it or was to.
    #[serde(flatten)]
    pub scan: Option<Box<Scan>>,
    /// The address that was dialled.
    pub origin: Option<SocketAddr>,
    /// Our own address on the connection to the origin, by which a firewall's records can be matched with this one.
    pub egress: Option<SocketAddr>,
    /// The version of HTTP in which it was sent to the origin; `None` for tunnels, and where nothing was sent.
    pub origin_protocol: Option<HttpVersion>,
    /// The parent that it went through; `origin` is the parent's address then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<Arc<str>>,
    /// Body bytes from the client.
    pub bytes_in: u64,
    /// Body bytes to the client.
    pub bytes_out: u64,
    /// The time from the head of the request to the end of the answer, in milliseconds.
    pub duration_ms: u64,
    /// The node that answered.
    pub node: Arc<str>,
    /// How many requests this record stands for, if it is more than one. Boxed, because few do, and a tunnel has its record for as
    /// long as it is open.
    #[serde(flatten)]
    pub repeated: Option<Box<Repeated>>,
}

/// What scanners say of a request or of its answer; of several, what is worst.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Scan {
    /// The word for what came of it.
    #[serde(rename = "scan")]
    pub verdict: &'static str,
    /// The scanner.
    pub scanner: Arc<str>,
    /// Why it was not looked at.
    #[serde(rename = "scan_why", skip_serializing_if = "Option::is_none")]
    pub why: Option<&'static str>,
    /// What was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threat: Option<String>,
}

/// How many requests a record stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Repeated {
    /// How many.
    pub count: u64,
    /// When the first of them began.
    pub first: Timestamp,
    /// When the last of them began.
    pub last: Timestamp,
}

#[expect(clippy::ref_option, reason = "the signature that serde asks for")]
fn text_of<S: Serializer>(method: &Option<http::Method>, serializer: S) -> Result<S::Ok, S::Error> {
    method.as_ref().map(http::Method::as_str).serialize(serializer)
}

#[expect(clippy::ref_option, reason = "the signature that serde asks for")]
fn scheme_of<S: Serializer>(scheme: &Option<Scheme>, serializer: S) -> Result<S::Ok, S::Error> {
    scheme.map(Scheme::as_str).serialize(serializer)
}

#[expect(clippy::ref_option, reason = "the signature that serde asks for")]
fn names_of<S: Serializer>(user: &Option<Arc<User>>, serializer: S) -> Result<S::Ok, S::Error> {
    let mut names = serializer.serialize_map(None)?;
    names.serialize_entry("user", &user.as_ref().map(|user| &user.name))?;
    names.serialize_entry("realm", &user.as_ref().map(|user| &user.realm))?;
    names.end()
}

/// The identifier of a request, the same on its page, in its events, in its access record and in `Proxy-Status`: eight
/// characters in two groups, such as `7k2m-0qx4`, that people can read out to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId(u64);

/// Digits and letters without those that are taken for others (Crockford's Base32). Upper and lower case are the same.
const ALPHABET: [u8; 32] = *b"0123456789abcdefghjkmnpqrstvwxyz";

impl RequestId {
    /// The identifier with this number. Multiplying by an odd constant spreads consecutive numbers, so that people can tell
    /// identifiers apart at a glance; no two of 2⁴⁰ in a row are the same.
    pub(super) fn of(number: u64) -> Self {
        Self(number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// A random identifier, for a request that nothing records.
    pub fn random() -> Self {
        Self(u64::from_be_bytes(crate::seal::random()))
    }

    /// Its characters.
    pub(super) fn letters(self) -> [u8; 9] {
        let mut letters = [b'-'; 9];
        for (place, at) in [8, 7, 6, 5, 3, 2, 1, 0].into_iter().enumerate() {
            let [.., octet] = (self.0 >> (5 * place)).to_be_bytes();
            if let (Some(to), Some(letter)) = (letters.get_mut(at), ALPHABET.get(usize::from(octet & 31))) {
                *to = *letter;
            }
        }
        letters
    }
}

impl std::fmt::Display for RequestId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(std::str::from_utf8(&self.letters()).unwrap_or_default())
    }
}

impl Serialize for RequestId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_can_be_read_out_and_is_not_given_twice() {
        let ids: Vec<_> =
            (0..20_000).map(|number| RequestId::of((u64::MAX - 7).wrapping_add(number)).to_string()).collect();
        assert_eq!(ids.iter().collect::<std::collections::HashSet<_>>().len(), ids.len());
        for id in &ids {
            assert!(id.len() == 9 && id.chars().nth(4) == Some('-'), "{id}");
            assert!(id.bytes().all(|octet| octet == b'-' || ALPHABET.contains(&octet)), "{id}");
        }
        assert_eq!(RequestId(0).to_string(), "0000-0000");
        assert_eq!(RequestId(u64::MAX).to_string(), "zzzz-zzzz");
    }
}
