//! Why it is not known who sent a request.

use serde::Serialize;

use crate::wire::RequestKind;

/// Why it is not known who sent a request: mostly, what kind of request it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WhyUnidentified {
    /// Nobody needs to be known: the walled garden, or a rule or a network without sign-in.
    NotRequired,
    /// A person opening a page, who is asked to sign in now.
    Navigation,
    /// A browser or system that looks for a captive portal.
    Probe,
    /// A CORS preflight, which carries no credentials by definition.
    Preflight,
    /// A part of a page, or background traffic, which came without the cookie that its page has.
    SubResource,
    /// A program that shows no page.
    Tool,
    /// A CONNECT, which carries no cookie: who sends the requests inside is not seen, or not yet.
    Connect,
}

impl WhyUnidentified {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::NotRequired,
        Self::Navigation,
        Self::Probe,
        Self::Preflight,
        Self::SubResource,
        Self::Tool,
        Self::Connect,
    ];

    /// The word that records show.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotRequired => "not-required",
            Self::Navigation => "navigation",
            Self::Probe => "probe",
            Self::Preflight => "preflight",
            Self::SubResource => "sub-resource",
            Self::Tool => "tool",
            Self::Connect => "connect",
        }
    }
}

impl From<RequestKind> for WhyUnidentified {
    /// Why it is not known who sent a request of this kind.
    fn from(kind: RequestKind) -> Self {
        match kind {
            RequestKind::Navigation | RequestKind::FormNavigation => Self::Navigation,
            RequestKind::Preflight => Self::Preflight,
            RequestKind::Probe => Self::Probe,
            RequestKind::SubResource => Self::SubResource,
            RequestKind::Tool => Self::Tool,
        }
    }
}
