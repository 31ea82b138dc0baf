//! Why a connection that is to be intercepted is not, and what pages call what is wrong with a certificate.

use crate::egress::Flaw;
use crate::observe::Reason;
use crate::page::Untrusted;
use crate::policy::Fault;

/// Why a connection cannot be intercepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unread {
    /// The origin asks for a certificate of the client, which alone has it.
    #[error("its origin asks for a certificate of the client")]
    ClientCertificate,
    /// It is no TLS that can be ended here.
    #[error("it is not TLS")]
    Protocol,
}

impl Unread {
    /// What a record says of it.
    pub(super) fn reason(self) -> Reason {
        match self {
            Self::ClientCertificate => Reason::ClientCertificateWanted,
            Self::Protocol => Reason::NotHttp,
        }
    }
}

/// What pages call a flaw.
pub(super) fn untrusted(flaw: Flaw) -> Untrusted {
    match flaw {
        Flaw::Fault(Fault::Expired) => Untrusted::Expired,
        Flaw::Fault(Fault::NotYetValid) => Untrusted::NotYetValid,
        Flaw::Fault(Fault::WrongName) => Untrusted::WrongName,
        Flaw::Fault(Fault::UnknownIssuer) => Untrusted::UnknownIssuer,
        Flaw::Revoked => Untrusted::Revoked,
        Flaw::Other => Untrusted::Other,
    }
}
