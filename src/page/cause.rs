//! Why something did not work, as people are told.

use crate::page::Locale;

/// Why a request did not get its answer from an origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// There is no address for the name.
    NameNotFound,
    /// The origin refused the connection.
    Refused,
    /// The origin did not answer in time.
    TimedOut,
    /// The origin's certificate is not valid, for this reason.
    Certificate(String),
    /// There is no route to the origin.
    Unreachable,
    /// The connection ended before the answer did.
    ConnectionLost,
    /// The answer is not HTTP.
    BadAnswer,
    /// The address must not be dialled.
    NotAllowed,
    /// Nobody is known, and browsers reach the name without the proxy.
    Direct,
    /// This port must not be dialled.
    PortNotAllowed(u16),
    /// Another proxy on the way cannot be used.
    Parent,
    /// Another proxy on the way does not allow it.
    ParentDenied,
    /// The request has been here before.
    Loop,
    /// The request or its header section is too large.
    TooLarge,
    /// The request is not valid, for this reason.
    BadRequest(String),
    /// There is too much to do.
    Busy,
    /// It is our own fault.
    Internal,
}

impl Cause {
    /// The name of the message that tells people.
    pub(super) fn key(&self) -> &'static str {
        match self {
            Self::NameNotFound => "error-name-not-found",
            Self::Refused => "error-refused",
            Self::TimedOut => "error-timed-out",
            Self::Certificate(_) => "error-certificate",
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
            Self::Internal => "error-internal",
        }
    }

    /// The message that tells people.
    pub(super) fn title(&self, t: &Locale) -> String {
        t.with_all(self.key(), &[("port", &self.port())])
    }

    /// A part of it: what happened, why, what to do next.
    pub(super) fn part(&self, part: &str, t: &Locale) -> String {
        t.part_with(self.key(), part, &[("port", &self.port())])
    }

    fn port(&self) -> String {
        if let Self::PortNotAllowed(port) = self { port.to_string() } else { String::new() }
    }

    /// What is known beyond the message.
    pub(super) fn detail(&self) -> Option<&str> {
        match self {
            Self::Certificate(detail) | Self::BadRequest(detail) if !detail.is_empty() => Some(detail),
            _ => None,
        }
    }
}

/// Why a sign-in, or something else in the portal, did not work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The Response was not accepted; why is for the log alone.
    Refused,
    /// The answer is from the future: clocks differ.
    Clock,
    /// The answer, or the sign-in, is over.
    TooLate,
    /// Somebody else signed in than the person who was typed, and the realm refuses that.
    OtherPerson,
    /// Somebody else proved who they are than the person who is signed in.
    OtherProof,
    /// The identity provider vouches by an earlier proof than was asked for.
    NotAnew,
    /// It did so at a sign-in that had to be a new proof.
    NotAsked,
    /// The person signed in in another way than the realm asks for.
    OtherWay,
    /// The identity provider names somebody of a domain that its realm does not speak for.
    ForeignName,
    /// The sign-in was begun in another browser.
    Foreign,
    /// The account is not assigned to the application.
    NotAssigned,
    /// The identity provider knows nobody in this browser, and was not allowed to ask.
    NoSession,
    /// The person cancelled.
    Cancelled,
    /// The account is locked, disabled or unknown.
    Locked,
    /// A rule of the identity provider stopped it.
    Policy,
    /// The identity provider and the portal have different settings.
    Misconfigured,
    /// The identity provider gave another reason, or none.
    ProviderFailed,
    /// A message about a sign-out was not accepted; why is for the log alone.
    SignOutRefused,
    /// An operator's link is used up, too old, or none of ours.
    TestLink,
    /// Somebody else is signed in in this browser.
    Occupied,
    /// There are too many sign-ins.
    Busy,
    /// What keeps sessions does not answer.
    Away,
    /// What was ended holds on this node; others follow.
    EndedHere,
    /// What was ended holds until this node stops.
    EndedFleetingly,
    /// A form came without a good token, or from elsewhere.
    Form,
    /// There is no such page.
    NotFound,
    /// The body is too large.
    TooLarge,
    /// It is our own fault.
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
            Self::ForeignName => "sign-in-foreign-name",
            Self::Foreign => "sign-in-foreign",
            Self::NotAssigned => "provider-not-assigned",
            Self::NoSession => "provider-no-session",
            Self::Cancelled => "provider-cancelled",
            Self::Locked => "provider-locked",
            Self::Policy => "provider-policy",
            Self::Misconfigured => "provider-misconfigured",
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
