//! Why a connection that is to be intercepted is not, how long one goes on so, and what pages call what is wrong with a certificate.

use super::failures;
use crate::clock::Timestamp;
use crate::egress::Flaw;
use crate::observe::Reason;
use crate::page::Untrusted;
use crate::policy::{Fault, Manner, Otherwise, Permit};

/// Why a connection cannot be intercepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unread {
    /// The origin asks for a certificate of the client, which alone has it.
    #[error("its origin asks for a certificate of the client")]
    ClientCertificate,
    /// It is no TLS that can be ended here.
    #[error("it is not TLS")]
    Protocol,
    /// The authority may not vouch for the host: no client would take the leaf.
    #[error("the authority may not vouch for its host")]
    OutsideAuthority,
}

impl Unread {
    /// What a record says of it.
    pub(super) fn reason(self) -> Reason {
        match self {
            Self::ClientCertificate => Reason::ClientCertificateWanted,
            Self::Protocol => Reason::NotHttp,
            Self::OutsideAuthority => Reason::OutsideAuthority,
        }
    }

    /// What becomes of it by the rules of this permit.
    pub(super) fn otherwise(self, permit: &Permit) -> Otherwise {
        match self {
            Self::ClientCertificate => permit.on_client_certificate(),
            Self::Protocol => permit.on_unreadable(),
            // A rule wants to look inside, and what is tunnelled by itself would be a way around that.
            Self::OutsideAuthority => Otherwise::Refuse,
        }
    }
}

/// Why something that is open may not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// The hours of the rule have ended that permitted it, or those of one that forbids it, or looks into it, have begun.
    Hours,
    /// What its person had passed is over.
    Pass,
    /// The time is over for which its software was let through (`auto_tunnel`).
    AutoTunnel,
    /// The policy does not permit it any more, or not unread.
    Policy,
}

/// By what right nobody looks into a tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spared {
    /// No rule has it intercepted.
    ByDefault,
    /// A rule has it intercepted, and says that what cannot be is tunnelled.
    Unread(Unread),
    /// Its software has refused our certificate, and is let through until then (`auto_tunnel`).
    Auto(Timestamp),
}

impl Spared {
    /// Until when at most, if that is known.
    pub(super) fn until(self) -> Option<Timestamp> {
        if let Self::Auto(until) = self { Some(until) } else { None }
    }

    /// Whether the tunnel may go on unread by what would be permitted at a time.
    pub(super) fn counts(self, permit: &Permit, now: Timestamp, config: failures::Config) -> Result<(), Over> {
        if permit.manner() != Manner::Intercept {
            return Ok(());
        }
        match self {
            Self::Unread(why) if why.otherwise(permit) == Otherwise::Tunnel => Ok(()),
            Self::Auto(until) if config.auto_tunnel.is_some() => {
                if now < until {
                    Ok(())
                } else {
                    Err(Over::AutoTunnel)
                }
            }
            Self::ByDefault | Self::Unread(_) | Self::Auto(_) => Err(Over::Policy),
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
