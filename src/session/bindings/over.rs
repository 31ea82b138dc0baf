//! What a connection has shown in its handshake, and the session that has come over it.

use super::Bindings;
use crate::session::binding::{Binding, Standing, Unbound};
use crate::session::evidence::{Evidence, Sight};
use crate::session::store::Error;
use crate::session::{Session, SessionId, person};
use crate::wire::Peer;

impl Bindings {
    /// Lets `evidence` stand for `session` from now on, also where `peer` is: the person of `session` has signed in
    /// over it.
    ///
    /// Evidence that anybody may bind goes from one person to another in one case alone: it stood for the session
    /// `before`, that session is over, and the browser has just shown that it held it. Somebody who has only read the
    /// name on the wire cannot show that. Evidence that two people use at the same time does not tell them apart: it is
    /// revoked, and stands for neither from then on.
    pub async fn bind(
        &self,
        evidence: Evidence<'_>,
        peer: &Peer,
        session: &Session,
        before: Option<SessionId>,
    ) -> Result<Result<(), Unbound>, Error> {
        let (place, now, lifetime) = (evidence.place(), self.clock.now(), self.config.load().expires);
        let before = match before {
            Some(before) if !self.sessions.is_live(before).await => Some(before),
            _ => None,
        };
        let is_free = |held: &Binding| {
            evidence.is_open() && !held.revoked && held.owner != person(&session.user) && Some(held.session) == before
        };
        let in_use = self.in_use(evidence, peer).await;
        let is_shared = |held: &Binding| {
            evidence.is_open() && held.owner != person(&session.user) && in_use == Some(held.session) && !held.revoked
        };
        let edit = |held: Option<Binding>| match held.filter(|held| !is_free(held)) {
            Some(mut binding) if is_shared(&binding) => {
                binding.revoked = true;
                Ok(binding)
            }
            Some(mut binding) => {
                binding.bind(session, peer, now, lifetime)?;
                Ok(binding)
            }
            None if evidence.is_open() => {
                let binding = Binding::of_sign_in(session, peer, evidence.shown(), now, lifetime);
                let is_name = matches!(evidence, Evidence::Name(_));
                Ok(if is_name { binding.renewed_by_use(session, now) } else { binding })
            }
            None => Err(Unbound::Unknown),
        };
        let changed = self.change(place, edit).await?;
        Ok(changed.and_then(|binding| if binding.revoked { Err(Unbound::OtherPerson) } else { Ok(()) }))
    }

    /// The live session that `evidence` stands for where `peer` is.
    async fn in_use(&self, evidence: Evidence<'_>, peer: &Peer) -> Option<SessionId> {
        let known = self.look_up(evidence.place()).await.ok()??;
        match known.binding.stands(peer, self.clock.now(), self.config.load().bind_network) {
            Standing::For(id) if self.sessions.is_live(id).await => Some(id),
            _ => None,
        }
    }

    /// Lets whatever `peer` has shown in its handshake stand for `session`, which began, or was proven, over that
    /// connection. Evidence that cannot be bound stands for nobody, and the person is known by something weaker.
    pub async fn bind_all(&self, peer: &Peer, session: &Session) {
        self.bind_after(None, peer, session).await;
    }

    /// The same for a sign-in in a browser that has shown that it held the session `before`.
    pub async fn bind_after(&self, before: Option<SessionId>, peer: &Peer, session: &Session) {
        // A guest is nobody in particular, and must not keep a name from the person who uses the browser next.
        let Some(handshake) = peer.tls.as_ref().filter(|_| !session.user.is_guest()) else { return };
        for evidence in self.evidence(handshake) {
            let why = match self.bind(evidence, peer, session, before).await {
                Ok(Ok(())) => continue,
                Ok(Err(unbound)) => unbound.as_str(),
                Err(_) => "store-away",
            };
            let (user, client) = (&session.user.name, peer.client.ip());
            if self.warned.entry((evidence.place().1, client)).or_insert(()).is_fresh() {
                tracing::info!(%client, user, evidence = evidence.shown(), reason = why, "a proxy name or certificate does not stand for this session: its person is known by something weaker");
            }
        }
    }

    /// The same, unless all of it stands for this session already: for every request that comes with a session.
    pub async fn bind_new(&self, peer: &Peer, session: &Session) {
        let Some(handshake) = &peer.tls else { return };
        let stands = |evidence| match self.find(evidence, peer) {
            // Evidence that stands for another person is not taken over, so there is no use in trying.
            Sight::Session(held, _) => held.id == session.id || !held.is_of_same_person(session),
            Sight::Nobody | Sight::Unclear => false,
        };
        if !self.evidence(handshake).all(stands) {
            self.bind_all(peer, session).await;
        }
    }

    /// Whether `peer` shows evidence that anybody may bind, and that stands for this session.
    pub fn holds_openly(&self, peer: &Peer, session: &Session) -> bool {
        let Some(handshake) = &peer.tls else { return false };
        let is_its = |evidence| self.find(evidence, peer).session().is_some_and(|held| held.id == session.id);
        self.evidence(handshake).any(|evidence| evidence.is_open() && is_its(evidence))
    }
}
