//! The only place that makes a policy question of a request or a CONNECT, and puts it.

use std::net::IpAddr;
use std::sync::Arc;

use http::Method;

use super::Proxy;
use super::client::Client;
use super::identity::Identity;
use super::shares::{Exhausted, Taken, Taker};
use super::token::Wrong;
use super::unread::{Over, Spared};
use crate::clock::Timestamp;
use crate::identity::{Network, Strength, Surrogate};
use crate::observe::{Outcome, Recorder, WhyUnidentified};
use crate::policy::{Access, Barrier, Manner, Pass, Passes, Permit, Question, Store, Subject, Verdict, Way};
use crate::session::Session;
use crate::wire::h1::Fields;
use crate::wire::{Destination, Era, RequestKind};

/// What somebody wants, as far as it is seen.
#[derive(Clone, Copy)]
pub(super) struct Sought<'a> {
    pub(super) destination: &'a Arc<Destination>,
    pub(super) access: Access,
    /// The method, and the path and query: of a request, and of nothing else.
    pub(super) request: Option<(&'a Method, &'a str)>,
}

/// Where somebody asks from.
#[derive(Clone, Copy)]
pub(super) struct Whence<'a> {
    pub(super) network: &'a Network,
    pub(super) listener: &'a str,
    pub(super) client: IpAddr,
}

impl<'a> Whence<'a> {
    fn of(client: &'a Client) -> Self {
        let peer = &client.peer;
        Self { network: &peer.network, listener: &peer.listener, client: peer.client.ip() }
    }
}

/// What the policy has decided, and about whom.
pub(super) struct Decided {
    pub(super) verdict: Verdict,
    /// Who sent the request, if that is known.
    pub(super) identity: Option<Identity>,
    /// What is wrong with the token that was presented.
    pub(super) wrong: Option<Wrong>,
}

impl Proxy {
    /// Identifies who sent the request, records it, and decides.
    pub(super) async fn decide(
        &self,
        client: &Client,
        sought: Sought<'_>,
        fields: &Fields,
        recorder: &mut Recorder,
    ) -> Decided {
        let identified = match sought.access {
            // No cookie comes with a CONNECT.
            Access::Connect(_) => self.identify_tunnel(client, sought.destination, fields).await,
            Access::Request(_) | Access::Look => self.identify(client, sought.destination, fields).await,
        };
        let (mut identity, wrong) = match identified {
            Ok(identity) => (identity, None),
            Err(wrong) => (None, Some(wrong)),
        };
        let verdict = self.verdict(client, sought, &mut identity).await;
        if let Some(identity) = &identity {
            identity.record(recorder);
        }
        if identity.is_none() {
            recorder.unidentified = Some(why_unidentified(sought.access, &verdict));
        }
        Decided { verdict, identity, wrong }
    }

    /// A permit to find out whether a destination is there, if the policy gives one without asking who wants it.
    pub(super) fn permit_look(&self, client: &Client, destination: &Arc<Destination>) -> Option<Permit> {
        let sought = Sought { destination, access: Access::Look, request: None };
        match self.put(Whence::of(client), sought, Subject::Nobody, self.clock.now()) {
            Verdict::Permit(permit) => Some(permit),
            Verdict::Deny(_) | Verdict::Ask(_) | Verdict::Warn(_) | Verdict::Override(_) => None,
        }
    }

    /// Whether evidence under which a tunnel was opened, by the configuration of `era`, still counts under this
    /// configuration.
    pub(super) fn tells_still(&self, session: &Session, surrogate: Surrogate, era: Era, recorder: &Recorder) -> bool {
        let (listener, client) = (&*recorder.listener, recorder.client.ip());
        let is_somebody = match surrogate {
            Surrogate::ClientAddress => self.entries.address_stands(listener, era, client),
            Surrogate::ProxyToken => self.tokens.is_some() && self.entries.network_of(client).tokens,
            Surrogate::GuestListener => !self.guests_agree,
            _ => true,
        };
        let here_alone = surrogate == Surrogate::GuestListener;
        is_somebody && (!session.is_guest() || self.entries.admits_guests(listener, era, client, here_alone))
    }

    /// Whether a tunnel that was opened earlier, or under another configuration, may go on now; if not, whether it is the
    /// time that forbids it. The age of a proof is that of when it was opened: that it is too old by now does not end it. What
    /// had been passed by then counts for its time, and no longer. A tunnel into which nobody looks ends when it would be
    /// intercepted now, unless it is spared that for the reason for which it was.
    pub(super) fn permits_still(
        &self,
        session: Option<(&Session, Surrogate)>,
        recorder: &Recorder,
        sought: Sought<'_>,
        (opened, passed, spared): (Timestamp, &[Pass], Spared),
    ) -> Result<(), Over> {
        let client = recorder.client.ip();
        let network = self.entries.network_of(client);
        let from = Whence { network: &network, listener: &recorder.listener, client };
        let subject = session.map_or(Subject::Nobody, |(session, surrogate)| person(session, surrogate, opened));
        let now = self.clock.now();
        let verdict = self.put(from, sought, subject, now);
        if verdict.is_for_age() {
            return Ok(());
        }
        if let Verdict::Permit(permit) = &verdict {
            match spared.counts(permit, now, self.interception) {
                Err(Over::Policy) => {}
                goes_on => return goes_on,
            }
        }
        let by_then = match subject {
            Subject::Somebody { user, surrogate, proven, way, .. } => {
                Subject::Somebody { user, surrogate, proven, way, passes: Passes::Held(passed) }
            }
            other => other,
        };
        let had_passed = |barrier: &Barrier| passed.iter().any(|pass| pass.barrier == barrier.key);
        match self.put(from, sought, by_then, opened) {
            // It would have been intercepted then, too, by the rules that are in force now.
            Verdict::Permit(permit) if spared.counts(&permit, now, self.interception).is_err() => Err(Over::Policy),
            Verdict::Permit(permit) if permit.finishes() => Ok(()),
            Verdict::Permit(_) if verdict.barrier().is_some_and(|barrier| had_passed(barrier)) => Err(Over::Pass),
            Verdict::Permit(_) => Err(Over::Hours),
            _ => Err(Over::Policy),
        }
    }

    /// Whether what is sought, too, would be tunnelled unread for whoever has a tunnel.
    pub(super) fn has_tunnelled(
        &self,
        session: Option<(&Session, Surrogate)>,
        recorder: &Recorder,
        sought: Sought<'_>,
    ) -> bool {
        let (client, now) = (recorder.client.ip(), self.clock.now());
        let network = self.entries.network_of(client);
        let from = Whence { network: &network, listener: &recorder.listener, client };
        let subject = session.map_or(Subject::Nobody, |(session, surrogate)| person(session, surrogate, now));
        matches!(self.put(from, sought, subject, now), Verdict::Permit(permit) if permit.manner() == Manner::Tunnel)
    }

    /// Whether a request that a scanner wants sent instead of the permitted one is permitted by the same rule and on the same
    /// terms. If not, which rule is against it.
    pub(super) fn permits_instead(
        &self,
        client: &Client,
        identity: Option<&Identity>,
        sought: Sought<'_>,
        permit: &Permit,
    ) -> Result<(), Arc<str>> {
        let now = self.clock.now();
        let rules = |permit: &Permit| -> Vec<Arc<str>> {
            let terms = permit.terms().iter().map(|terms| &terms.rule);
            std::iter::once(permit.rule()).chain(terms).map(Arc::clone).collect()
        };
        match self.put(Whence::of(client), sought, subject(identity, now), now) {
            Verdict::Permit(other) if rules(&other) == rules(permit) => Ok(()),
            Verdict::Permit(other) => Err(Arc::clone(other.rule())),
            Verdict::Deny(denial) => Err(denial.rule),
            Verdict::Warn(barrier) | Verdict::Override(barrier) => Err(Arc::clone(&barrier.rule)),
            Verdict::Ask(_) => Err(Arc::clone(permit.rule())),
        }
    }

    /// Which hours are on, by the rules and wherever clients are: see [`Policy::hours`](crate::policy::Policy::hours).
    pub fn hours(&self) -> Vec<bool> {
        self.policy.hours(self.clock.now(), &self.entries.time_zones())
    }

    /// Decides. If only the proof is not as it must be, another node may know of a younger one, and likewise of a barrier
    /// that has been passed: then the session is read again, and the question is put a second time. Not for what could be
    /// shown no page: a page may ask for a hundred of those, and other nodes have told this one long before.
    async fn verdict(&self, client: &Client, sought: Sought<'_>, identity: &mut Option<Identity>) -> Verdict {
        let (from, now) = (Whence::of(client), self.clock.now());
        let mut verdict = self.put(from, sought, subject(identity.as_ref(), now), now);
        // Of two surrogates that name one person the ladder has the first one count. Where that is not enough, the other does.
        if verdict.is_for_evidence()
            && let Some(known) = identity.as_mut().filter(|known| known.surrogate.strength() < Strength::Strong)
            && self.is_proven_by_connection(client, &known.session)
        {
            *known = Identity { surrogate: Surrogate::Connection, evidence: None, ..known.clone() };
            verdict = self.put(from, sought, subject(identity.as_ref(), now), now);
        }
        let may_be_behind =
            verdict.is_for_another_proof() || matches!(verdict, Verdict::Warn(_) | Verdict::Override(_));
        if let Some(known) = identity.as_mut().filter(|_| may_be_behind)
            && let Some(session) = Box::pin(self.sessions.reread(known.session.id)).await
        {
            known.session = session;
            verdict = self.put(from, sought, subject(identity.as_ref(), self.clock.now()), now);
        }
        // A preflight must not count for a person, and nobody is asked to sign in for one: it is judged as one that
        // does not tell who sent it.
        if sought.access == Access::Request(RequestKind::Preflight) && verdict.is_for_proof() {
            verdict = self.put(from, sought, Subject::Untold, now);
        }
        verdict
    }

    /// Whether the portal has bound the connection to the person of this session.
    fn is_proven_by_connection(&self, client: &Client, session: &Session) -> bool {
        let proven = client.proven().and_then(|id| self.sessions.find(id));
        proven.is_some_and(|proven| proven.is_of_same_person(session))
    }

    /// Whether the next connection of a client to this destination would be a tunnel, by what is known of them without a
    /// request: then one that was intercepted to ask something need not last.
    pub(super) async fn would_tunnel(
        &self,
        client: &Client,
        session: &Session,
        destination: &Arc<Destination>,
    ) -> bool {
        let Some(outside) = self.known_outside(client, session).await else { return false };
        let access = Access::Connect(RequestKind::SubResource);
        let sought = Sought { destination, access, request: None };
        let now = self.clock.now();
        let verdict = self.put(Whence::of(client), sought, person(&outside.session, outside.surrogate, now), now);
        !verdict.is_for_evidence()
    }

    fn put(&self, from: Whence<'_>, sought: Sought<'_>, subject: Subject<'_>, at: Timestamp) -> Verdict {
        let store = self.sessions.offline().map_or(Store::Known, Store::Away);
        let Whence { network, listener, client } = from;
        let Sought { destination, access, request } = sought;
        let (method, target) = request.unzip();
        self.policy.decide(&Question {
            subject,
            network,
            listener,
            client,
            destination,
            access,
            method,
            target,
            at,
            store,
        })
    }
}

impl Proxy {
    /// Takes what a request or tunnel needs from the shares that its permit limits, and records to which terms it is
    /// subject.
    pub(super) fn limit(
        &self,
        client: &Client,
        permit: &Permit,
        identity: Option<&Identity>,
        recorder: &mut Recorder,
    ) -> Result<Taken, Exhausted> {
        if permit.terms().is_empty() {
            return Ok(Taken::default());
        }
        recorder.terms = permit.terms().iter().map(|terms| Arc::clone(&terms.rule)).collect();
        let (user, network) = (identity.map(|identity| &*identity.session.user), &client.peer.network.name);
        let taker = Taker { user, client: client.peer.client.ip(), network, held: client.held.as_ref() };
        self.memory.shares.take(permit, taker).inspect_err(|exhausted| {
            recorder.rule = Some(Arc::clone(&exhausted.rule));
            recorder.reason = Some(exhausted.reason());
        })
    }
}

/// What a record says of what was permitted.
pub(super) fn outcome(permit: &Permit) -> Outcome {
    match (permit.is_overridden(), permit.is_monitored()) {
        (true, _) => Outcome::Overridden,
        (false, true) => Outcome::Monitored,
        (false, false) => Outcome::Permitted,
    }
}

/// Why it is not known who sent the request.
fn why_unidentified(access: Access, verdict: &Verdict) -> WhyUnidentified {
    match (verdict, access) {
        (Verdict::Permit(permit), _) if !permit.is_exception() => WhyUnidentified::NotRequired,
        (_, Access::Request(kind)) => kind.into(),
        (_, Access::Connect(_) | Access::Look) => WhyUnidentified::Connect,
    }
}

/// Somebody, or nobody, at a time.
fn subject(identity: Option<&Identity>, at: Timestamp) -> Subject<'_> {
    identity.map_or(Subject::Nobody, |identity| person(&identity.session, identity.surrogate, at))
}

/// Somebody at a time.
fn person(session: &Session, surrogate: Surrogate, at: Timestamp) -> Subject<'_> {
    let proven = at.duration_since(session.authenticated);
    let way = session.assertion.way.as_deref().map_or(Way::Unsaid, Way::Said);
    Subject::Somebody { user: &session.user, surrogate, proven, passes: Passes::Held(&session.passes), way }
}
