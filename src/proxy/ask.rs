//! What happens to a request without a proof of who sent it: a person is sent to the portal if that can help, and
//! everybody else is refused.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;

use super::Proxy;
use super::answer::Refusal;
use super::challenge::Wants;
use super::client::Client;
use super::exchange::Request;
use super::preflight::{self, Admission};
use super::token::Wrong;
use super::weak::Helps;
use crate::egress::Error;
use crate::observe::{Outcome, Reason, Recorder};
use crate::policy::{Ask, Barrier, Denial, Proof, Stale, Why};
use crate::wire::{Destination, RequestKind};

impl Proxy {
    /// Sends a person to the portal to sign in, or to prove once more who they are.
    pub(super) async fn ask(
        &self,
        client: &Client,
        request: &mut Request,
        ask: &Ask,
    ) -> Result<Response<Bytes>, Refusal> {
        let wants = match &ask.proof {
            Proof::SignIn => Wants::SignIn,
            Proof::Again(stale) => Wants::Proof(note_stale(&mut request.recorder, stale)),
        };
        if let Wants::Proof(stale) = wants
            && let Some(weak) = self.too_weak(client, request.kind, &request.head.fields, stale)
            && weak.helps != Helps::Portal
        {
            return Err(Refusal::TooWeak(weak));
        }
        // A system's probe looks for the portal: it gets there, whatever its own destination is.
        if request.kind != RequestKind::Probe {
            self.check_askable(&request.destination, request.kind, ask.may_be_private).await?;
        }
        request.recorder.decision = Outcome::Challenged;
        Ok(self.challenge(client, request, wants))
    }

    /// Sends a person to the portal, to read a warning or to override a block.
    pub(super) async fn bar(
        &self,
        client: &Client,
        request: &mut Request,
        barrier: &Barrier,
    ) -> Result<Response<Bytes>, Refusal> {
        request.recorder.rule = Some(Arc::clone(&barrier.rule));
        // Who is let through may be let through to a private address: whether that is so is found out when it is dialled.
        self.check_askable(&request.destination, request.kind, true).await?;
        request.recorder.decision = if barrier.is_override() { Outcome::Denied } else { Outcome::Warned };
        request.recorder.reason = Some(Reason::HttpRequestDenied).filter(|_| barrier.is_override());
        Ok(self.challenge(client, request, Wants::Pass(barrier.key)))
    }

    /// Gives the refusal of a request that is denied, with what would help.
    pub(super) async fn deny(
        &self,
        client: &Client,
        request: &mut Request,
        denial: Denial,
        wrong: Option<Wrong>,
    ) -> Refusal {
        match &denial.why {
            Why::Unasked(Ask { proof: Proof::Again(stale), .. }) => {
                note_stale(&mut request.recorder, stale);
                let weak = self.too_weak(client, request.kind, &request.head.fields, stale);
                return weak.map_or_else(|| Refusal::SignInAgain(stale.clone()), Refusal::TooWeak);
            }
            Why::Unasked(ask) if request.kind != RequestKind::Preflight => {
                if let Err(refusal) = self.check_askable(&request.destination, request.kind, ask.may_be_private).await {
                    return refusal;
                }
            }
            Why::Barred(barrier) => {
                request.recorder.rule = Some(Arc::clone(&barrier.rule));
                return Refusal::Barred(Arc::clone(barrier));
            }
            Why::Unasked(_) | Why::Rule | Why::Away | Why::Exempt => {}
        }
        request.recorder.rule = Some(Arc::clone(&denial.rule));
        match denial.why {
            Why::Rule | Why::Away | Why::Barred(_) | Why::Exempt => Refusal::Denied(denial.rule.to_string()),
            Why::Unasked(_) => self.turn_away(client, request, wrong).await,
        }
    }

    /// The refusal of a client that cannot be asked to sign in. A tool is told how to get a token.
    async fn turn_away(&self, client: &Client, request: &mut Request, wrong: Option<Wrong>) -> Refusal {
        if request.kind != RequestKind::Tool {
            return Refusal::SignInRequired;
        }
        request.recorder.reason = wrong.map(Wrong::reason);
        match self.invite(client, &request.head.fields, wrong).await {
            Some(invitation) => Refusal::ToolUnknown(Arc::new(invitation)),
            None => Refusal::SignInRequired,
        }
    }

    /// Lets a preflight pass without sign-in, if it is as short as a browser's, and its client has not used up its
    /// share.
    pub(super) fn admit_preflight(&self, client: &Client, request: &mut Request) -> Result<(), Refusal> {
        let Some(octets) = preflight::question(&request.head) else {
            request.recorder.reason = Some(Reason::PreflightTooLarge);
            return Err(Refusal::SignInRequired);
        };
        let peer = &client.peer;
        let is_shared = !peer.network.address && !peer.network.is_elsewhere();
        match self.memory.preflights.admit(peer.client.ip(), is_shared, octets, self.clock.now()) {
            Admission::Passes => return Ok(()),
            Admission::Dry => {}
            Admission::RunsDry => {
                let (client, network) = (peer.client.ip(), &peer.network.name);
                let request_id = request.recorder.id();
                tracing::warn!(%client, %network, %request_id, "preflights without sign-in are refused: the client has sent more than the limits let pass (`preflights`, `preflights_per_client`)");
            }
        }
        request.recorder.reason = Some(Reason::PreflightLimit);
        Err(Refusal::SignInRequired)
    }

    /// Refuses a destination that nobody could reach through us, so that nobody is asked to sign in for it. If the
    /// answer would lead to the portal, so that a ticket comes back, it also refuses a name that is not found, and a
    /// destination that our PAC files have browsers reach without us: whoever answers to such a name would see the
    /// ticket.
    async fn check_askable(
        &self,
        destination: &Destination,
        kind: RequestKind,
        may_be_private: bool,
    ) -> Result<(), Refusal> {
        let leads_to_portal = matches!(kind, RequestKind::Navigation | RequestKind::FormNavigation);
        if leads_to_portal || !may_be_private {
            let found = self.forwarder.dialler.check_found(destination, may_be_private).await;
            found.or_else(|error| if leads_to_portal || is_final(&error) { Err(error) } else { Ok(()) })?;
        }
        if leads_to_portal { self.check_comes_by_us(destination) } else { Ok(()) }
    }

    /// The same before a CONNECT is intercepted. It does not refuse a name that is not found: `look`, which strangers
    /// may use only so often, or the request inside finds that out.
    pub(super) async fn check_connect_askable(
        &self,
        destination: &Destination,
        kind: RequestKind,
        ask: &Ask,
    ) -> Result<(), Refusal> {
        if !ask.may_be_private {
            let found = self.forwarder.dialler.check_found(destination, false).await;
            found.or_else(|error| if is_final(&error) { Err(error) } else { Ok(()) })?;
        }
        // A tool gets no ticket: it is told of tokens instead.
        if kind == RequestKind::Tool { Ok(()) } else { self.check_comes_by_us(destination) }
    }

    fn check_comes_by_us(&self, destination: &Destination) -> Result<(), Refusal> {
        if self.pac.sends_direct(&destination.host) { Err(Refusal::Direct) } else { Ok(()) }
    }
}

/// Records that a proof is not what a rule wants, and which rule.
pub(super) fn note_stale<'a>(recorder: &mut Recorder, stale: &'a Stale) -> &'a Stale {
    recorder.rule = Some(Arc::clone(&stale.rule));
    recorder.reason = Some(match stale.evidence {
        Some(_) => Reason::EvidenceTooWeak,
        None if stale.is_other_way => Reason::SignInOtherWay,
        None => Reason::SignInTooOld,
    });
    stale
}

/// Whether the destination is refused to everybody, signed in or not.
fn is_final(error: &Error) -> bool {
    matches!(error, Error::Prohibited(_) | Error::OwnMachine(_) | Error::Myself(_))
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Origin(error.into())
    }
}
