//! Why something is refused that a scanner has looked at, or had to.

use std::sync::Arc;

use http::StatusCode;

use crate::observe::Reason;
use crate::page::{Cause, Malware};

/// Why something is refused that a scanner has looked at, or had to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unscanned {
    /// It has found something.
    #[error("the scanner \"{}\" has found malware: {}", .0.scanner, .0.threat)]
    Infected(Box<Infected>),
    /// It does not work.
    #[error("the scanner \"{0}\" could not look at it")]
    Failed(Arc<str>),
    /// It is too long.
    #[error("it is longer than what the scanner \"{0}\" looks at")]
    TooLong(Arc<str>),
    /// It is a part of a file.
    #[error("it is a part of a file, which the scanner \"{0}\" must see as a whole")]
    Part(Arc<str>),
    /// It is in a content coding that the scanner cannot undo.
    #[error("it is in a content coding that the scanner \"{0}\" cannot undo")]
    Coding(Arc<str>),
}

/// What a scanner has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Infected {
    /// The scanner.
    pub(super) scanner: Arc<str>,
    /// What it has found.
    pub(super) threat: String,
    /// Where that was, or where it was to go.
    pub(super) address: String,
    /// Whether it was to be sent, and not to be fetched.
    pub(super) is_upload: bool,
}

impl Unscanned {
    /// The status of the answer.
    pub(super) fn status(&self) -> StatusCode {
        if matches!(self, Self::Failed(_)) { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::FORBIDDEN }
    }

    /// The Proxy Error Type (RFC 9209 §2.3) in the answer.
    pub(super) fn error_type(&self) -> Reason {
        if matches!(self, Self::Failed(_)) { Reason::ProxyInternalError } else { Reason::HttpRequestDenied }
    }

    /// The word at the end of the type of a problem document, and the title that goes with it.
    pub(super) fn kind(&self) -> (&'static str, &'static str) {
        match self {
            Self::Infected(_) => ("malware-found", "A scanner has found malware in it"),
            Self::Failed(_) => ("scanner-failed", "A scanner that had to look at it does not work"),
            Self::TooLong(_) | Self::Part(_) => ("not-scanned", "A scanner cannot look at it as a whole"),
            Self::Coding(_) => ("not-scanned", "It is in a content coding that a scanner cannot undo"),
        }
    }

    /// The cause, in the words for people.
    pub(super) fn cause(&self) -> Cause {
        match self {
            Self::Infected(found) => {
                let (threat, address) = (found.threat.clone(), found.address.clone());
                Cause::Malware(Malware { threat, address, is_upload: found.is_upload })
            }
            Self::Failed(_) => Cause::ScannerFailed,
            Self::TooLong(_) => Cause::TooLongToScan,
            Self::Part(_) => Cause::PartNotScanned,
            Self::Coding(_) => Cause::CodingNotScanned,
        }
    }
}
