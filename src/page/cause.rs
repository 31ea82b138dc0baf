//! Why something did not work, as the pages tell people.

use crate::page::Locale;

/// Why the origin's answer to a request did not arrive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// There is no address for the name.
    NameNotFound,
    /// The origin refused the connection.
    Refused,
    /// The origin did not answer in time.
    TimedOut,
    /// The origin's certificate is not valid, for this reason.
    Certificate(Untrusted, String),
    /// There is no route to the origin.
    Unreachable,
    /// The connection ended before the answer did.
    ConnectionLost,
    /// The answer is not HTTP.
    BadAnswer,
    /// The proxy must not connect to the address.
    NotAllowed,
    /// Nobody is signed in, and the PAC file sends browsers to this name without the proxy.
    Direct,
    /// The proxy must not connect to this port.
    PortNotAllowed(u16),
    /// Another proxy on the way cannot be used.
    Parent,
    /// Another proxy on the way does not allow the request.
    ParentDenied,
    /// The request has passed through this proxy before.
    Loop,
    /// The request or its header section is too large.
    TooLarge,
    /// The request is not valid, for this reason.
    BadRequest(String),
    /// The proxy is at one of its limits.
    Busy,
    /// Somebody has as much as a rule lets them have.
    Exhausted,
    /// A scanner has found malware.
    Malware(Malware),
    /// A scanner that had to look at it does not work.
    ScannerFailed,
    /// It is too long for a scanner to look at.
    TooLongToScan,
    /// It is a part of a file, and a scanner must see the whole.
    PartNotScanned,
    /// It is packed in a way that a scanner cannot unpack.
    CodingNotScanned,
    /// A fault of Vestibule itself.
    Internal,
}

/// What a scanner has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malware {
    /// What the scanner calls it.
    pub threat: String,
    /// The address of what it was found in.
    pub address: String,
    /// Whether it was to be sent, and not to be fetched.
    pub is_upload: bool,
}

/// How many characters of an address are shown.
const MOST_ADDRESS: usize = 300;

impl Cause {
    /// The name of the message that tells people.
    pub(super) fn key(&self) -> &'static str {
        match self {
            Self::NameNotFound => "error-name-not-found",
            Self::Refused => "error-refused",
            Self::TimedOut => "error-timed-out",
            Self::Certificate(untrusted, _) => untrusted.key(),
            Self::Unreachable => "error-unreachable",
            Self::ConnectionLost => "error-connection-lost",
            Self::BadAnswer => "error-bad-answer",
            Self::NotAllowed => "error-not-allowed",
            Self::Direct => "error-direct",
            Self::PortNotAllowed(_) => "error-port-not-allowed",
            Self::Parent => "error-parent",
            Self::ParentDenied => "error-parent-denied",
            Self::Loop => "error-loop",
            Self::TooLarge => "error-too-large",
            Self::BadRequest(_) => "error-bad-request",
            Self::Busy => "error-busy",
            Self::Exhausted => "error-exhausted",
            Self::Malware(found) if found.is_upload => "error-malware-upload",
            Self::Malware(_) => "error-malware",
            Self::ScannerFailed => "error-scanner-failed",
            Self::TooLongToScan => "error-too-long-to-scan",
            Self::PartNotScanned => "error-part-not-scanned",
            Self::CodingNotScanned => "error-coding-not-scanned",
            Self::Internal => "error-internal",
        }
    }

    /// The message that tells people.
    pub(super) fn title(&self, t: &Locale) -> String {
        t.with_all(self.key(), &[("port", &self.port()), ("threat", self.threat())])
    }

    /// One part of the message: what happened, why, or what to do next.
    pub(super) fn part(&self, part: &str, t: &Locale) -> String {
        t.part_with(self.key(), part, &[("port", &self.port()), ("threat", self.threat())])
    }

    fn port(&self) -> String {
        if let Self::PortNotAllowed(port) = self { port.to_string() } else { String::new() }
    }

    fn threat(&self) -> &str {
        if let Self::Malware(found) = self { &found.threat } else { "" }
    }

    /// What is known beyond the message.
    pub(super) fn detail(&self) -> Option<&str> {
        match self {
            Self::Malware(found) => {
                let end = found.address.char_indices().nth(MOST_ADDRESS).map_or(found.address.len(), |(at, _)| at);
                found.address.get(..end)
            }
            Self::Certificate(_, detail) | Self::BadRequest(detail) if !detail.is_empty() => Some(detail),
            _ => None,
        }
    }
}

/// Why an origin's certificate is not valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Untrusted {
    /// Its time is over.
    Expired,
    /// Its time has not begun.
    NotYetValid,
    /// It is another host's.
    WrongName,
    /// Nobody whom we trust has issued it.
    UnknownIssuer,
    /// Its issuer has revoked it.
    Revoked,
    /// For another reason.
    Other,
}

impl Untrusted {
    /// The name of the message that tells people.
    fn key(self) -> &'static str {
        match self {
            Self::Expired => "error-certificate-expired",
            Self::NotYetValid => "error-certificate-not-yet",
            Self::WrongName => "error-certificate-name",
            Self::UnknownIssuer => "error-certificate-issuer",
            Self::Revoked => "error-certificate-revoked",
            Self::Other => "error-certificate",
        }
    }
}

/// Why a sign-in, or something else in the portal, did not work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The Response was not accepted. Only the log says why.
    Refused,
    /// The Response was issued in the future: the clocks differ.
    Clock,
    /// The Response, or the sign-in, has expired.
    TooLate,
    /// Another person signed in than the one whose name was typed, and the realm refuses that.
    OtherPerson,
    /// A new proof was asked of the person who is signed in, and another person gave it.
    OtherProof,
    /// A new proof was asked for, and the identity provider reports an earlier one.
    NotAnew,
    /// The same, at a sign-in where the realm wants a new proof every time.
    NotAsked,
    /// The person signed in by another method than the realm asks for.
    OtherWay,
    /// The claim that names the person cannot be used, or is not there.
    NoName,
    /// The claim that names the tenant names another one than the realm requires, or is not there.
    OtherTenant,
    /// The identity provider names a person of a domain that its realm does not speak for.
    ForeignName,
    /// Another browser began the sign-in.
    Foreign,
    /// The account is not assigned to the application.
    NotAssigned,
    /// Nobody is signed in at the identity provider in this browser, and it was not allowed to ask (IsPassive).
    NoSession,
    /// The person cancelled.
    Cancelled,
    /// The account is locked, disabled or unknown.
    Locked,
    /// A policy of the identity provider stopped the sign-in.
    Policy,
    /// The identity provider and the portal have different settings.
    Misconfigured,
    /// The identity provider's metadata were never fetched, or their time is over.
    ProviderUnknown,
    /// The identity provider gave another reason, or none.
    ProviderFailed,
    /// A message about a sign-out was not accepted. Only the log says why.
    SignOutRefused,
    /// An operator's link for a test has been used, has expired, or was not made here.
    TestLink,
    /// Another person is signed in in this browser.
    Occupied,
    /// Too many people are signing in at once.
    Busy,
    /// The session store does not answer.
    Away,
    /// A session was ended on this node; other nodes follow.
    EndedHere,
    /// A session was ended on this node, and only until it stops.
    EndedFleetingly,
    /// A form came without a valid token, or from another origin.
    Form,
    /// There is no such page.
    NotFound,
    /// The body is too large.
    TooLarge,
    /// A fault of Vestibule itself.
    Internal,
}

impl Trouble {
    /// The message that tells people.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Refused => "sign-in-refused",
            Self::Clock => "sign-in-clock",
            Self::TooLate => "sign-in-too-late",
            Self::OtherPerson => "sign-in-other-person",
            Self::OtherProof => "proof-other-person",
            Self::NotAnew => "proof-not-anew",
            Self::NotAsked => "sign-in-not-asked",
            Self::OtherWay => "sign-in-other-way",
            Self::NoName => "sign-in-no-name",
            Self::OtherTenant => "sign-in-other-tenant",
            Self::ForeignName => "sign-in-foreign-name",
            Self::Foreign => "sign-in-foreign",
            Self::NotAssigned => "provider-not-assigned",
            Self::NoSession => "provider-no-session",
            Self::Cancelled => "provider-cancelled",
            Self::Locked => "provider-locked",
            Self::Policy => "provider-policy",
            Self::Misconfigured => "provider-misconfigured",
            Self::ProviderUnknown => "provider-unknown",
            Self::ProviderFailed => "provider-failed",
            Self::SignOutRefused => "sign-out-refused",
            Self::TestLink => "test-link",
            Self::Occupied => "sign-in-occupied",
            Self::Busy => "portal-busy",
            Self::EndedHere => "ended-here",
            Self::EndedFleetingly => "ended-fleetingly",
            Self::Away => "portal-away",
            Self::Form => "portal-form",
            Self::NotFound => "portal-not-found",
            Self::TooLarge => "portal-too-large",
            Self::Internal => "error-internal",
        }
    }

    /// The message on the button that leads on.
    pub(super) fn way_out(self) -> &'static str {
        match self {
            Self::Form
            | Self::NotFound
            | Self::TooLarge
            | Self::SignOutRefused
            | Self::TestLink
            | Self::EndedHere
            | Self::EndedFleetingly
            | Self::Occupied => "back-to-portal",
            _ => "try-again",
        }
    }
}
