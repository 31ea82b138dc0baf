//! Whether somebody unknown may be asked to sign in for a destination.

use super::Proxy;
use super::answer::Refusal;
use super::classify::Kind;
use super::dial::Error;
use crate::wire::Destination;

impl Proxy {
    /// Refuses what could not be reached anyway. If the answer is to lead to the portal, so that a ticket comes back,
    /// refuses also what is not found, and what our PAC files have browsers reach without us: whoever answers to such a
    /// name would see the ticket.
    pub(super) async fn check_askable(&self, destination: &Destination, kind: Kind) -> Result<(), Refusal> {
        let leads_to_portal = matches!(kind, Kind::Navigation | Kind::FormNavigation);
        let private = self.policy.may_open_private(destination);
        if leads_to_portal || !private {
            let found = self.forwarder.dialler.check_found(destination, private).await;
            found.or_else(|error| if leads_to_portal || is_final(&error) { Err(error) } else { Ok(()) })?;
        }
        if leads_to_portal { self.check_comes_by_us(destination) } else { Ok(()) }
    }

    /// The same before a CONNECT is intercepted: whether there is such a name is told by looking there, which strangers
    /// may do so often, or inside.
    pub(super) async fn check_connect_askable(&self, destination: &Destination, kind: Kind) -> Result<(), Refusal> {
        if !self.policy.may_open_private(destination) {
            let found = self.forwarder.dialler.check_found(destination, false).await;
            found.or_else(|error| if is_final(&error) { Err(error) } else { Ok(()) })?;
        }
        // A tool is told of tokens.
        if kind == Kind::Tool { Ok(()) } else { self.check_comes_by_us(destination) }
    }

    fn check_comes_by_us(&self, destination: &Destination) -> Result<(), Refusal> {
        if self.pac.load().sends_direct(&destination.host) { Err(Refusal::Direct) } else { Ok(()) }
    }
}

/// Whether no sign-in could make it right.
fn is_final(error: &Error) -> bool {
    matches!(error, Error::Prohibited(_) | Error::OwnMachine(_) | Error::Myself(_))
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Origin(error.into())
    }
}
