//! Decides requests with how long ago somebody proved who they are, and asks them once more where a rule wants that.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;

use super::Proxy;
use super::answer::Refusal;
use super::classify::Kind;
use super::exchange::Request;
use super::identify::{Client, Identity};
use crate::observe::Outcome;
use crate::policy::{Decision, Query, Stale};
use crate::wire::{Destination, Peer};

/// What records say of a proof that is too old.
const REASON: &str = "sign-in-too-old";

impl Proxy {
    /// Decides a request of somebody, or of nobody. A proof that another node knows of counts, too.
    pub(super) async fn decide(
        &self,
        peer: &Peer,
        destination: &Destination,
        identity: &mut Option<Identity>,
    ) -> Decision {
        let decision = self.evaluate(peer, destination, identity.as_ref());
        if let (Decision::Reauthenticate(_), Some(known)) = (&decision, identity.as_mut())
            && let Some(session) = self.sessions.reread(known.session.id).await
        {
            known.session = session;
            return self.evaluate(peer, destination, identity.as_ref());
        }
        decision
    }

    fn evaluate(&self, peer: &Peer, destination: &Destination, identity: Option<&Identity>) -> Decision {
        let user = identity.map(|identity| &*identity.session.user);
        let proven = identity.map(|identity| self.clock.now().duration_since(identity.session.authenticated));
        self.policy.evaluate(Query { user, proven, network: &peer.network, destination })
    }

    /// Asks somebody who is known to prove once more who they are, if this kind of request can be asked.
    pub(super) async fn ask_again(
        &self,
        client: &Client,
        request: &mut Request,
        stale: &Stale,
    ) -> Result<Response<Bytes>, Refusal> {
        request.recorder.rule = Some(Arc::clone(&stale.rule));
        request.recorder.reason = Some(REASON);
        match request.kind {
            Kind::Navigation | Kind::FormNavigation | Kind::Probe => {
                if request.kind != Kind::Probe {
                    self.check_askable(&request.destination, request.kind).await?;
                }
                request.recorder.decision = Outcome::Challenged;
                Ok(self.challenge(client, request, Some(stale.within)))
            }
            Kind::Preflight | Kind::SubResource | Kind::Tool => Err(Refusal::SignInAgain),
        }
    }
}
