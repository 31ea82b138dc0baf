//! One request and its answer: identify → decide → act → record.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Response, StatusCode, Version};

use super::answer::Refusal;
use super::challenge::redirect;
use super::classify::{Kind, classify};
use super::forward::{Answered, Broken, Failure, Sending, may_change, proves_on_connection};
use super::identify::{Client, Identity};
use super::outgoing::{Incoming, Outgoing};
use super::preflight::{self, Admission};
use super::relay::{Bounds, relay_streams};
use super::token::Wrong;
use super::watch::Watch;
use super::{Asker, Proxy, trust};
use crate::observe::{Outcome, Recorder, Unidentified};
use crate::policy::{Decision, Permit, Query};
use crate::session::returning::{ARRIVE_PATH, ARRIVE_PORT, RESERVED_PATH};
use crate::wire::field::{Hop, Via};
use crate::wire::h1::{Connection, Length, RequestHead, ResponseHead, Stream, Transfer};
use crate::wire::h2;
use crate::wire::{Destination, Scheme};

/// A request that is being answered.
pub(super) struct Request {
    pub(super) head: RequestHead,
    pub(super) destination: Arc<Destination>,
    pub(super) kind: Kind,
    pub(super) recorder: Recorder,
}

impl Proxy {
    /// Answers a request for `destination` that is not a CONNECT.
    pub(super) async fn exchange(
        &self,
        client: &Client,
        connection: Connection,
        head: RequestHead,
        destination: Arc<Destination>,
        mut recorder: Recorder,
    ) -> Option<Connection> {
        recorder.destination(&destination);
        recorder.path = Some(head.target.path().to_owned());
        let kind = classify(&head, &destination, &self.probes);
        let mut request = Request { head, destination, kind, recorder };
        match self.answer(client, &mut request).await {
            Ok(Act::Answer(response)) => self.reply(connection, Some(&request.head), response, request.recorder).await,
            Ok(Act::Forward(permit, identity)) => {
                self.forward(client, connection, request, permit, identity.as_ref()).await
            }
            Err(refusal) => self.refuse_request(connection, &refusal, request).await,
        }
    }

    /// Identifies and decides.
    async fn answer(&self, client: &Client, request: &mut Request) -> Result<Act, Refusal> {
        refuse_early(request, &self.forwarder.via, client.inside.is_some())?;
        let destination = &*request.destination;
        if request.head.target.path().starts_with(RESERVED_PATH) {
            request.recorder.decision = Outcome::Local;
            return match request.head.target.path() {
                ARRIVE_PATH if request.head.method == Method::GET => {
                    self.arrive(client, request).await.map(Act::Answer)
                }
                _ => Err(Refusal::BadRequest("the path is reserved")),
            };
        }
        if destination.port == ARRIVE_PORT {
            request.recorder.decision = Outcome::Local;
            return Err(Refusal::BadRequest("the port is reserved"));
        }
        if trust::is_mark(destination) {
            request.recorder.decision = Outcome::Local;
            let path = request.head.target.path();
            return Ok(Act::Answer(trust::answer(&request.head.method, path, &self.portal.url)));
        }
        if destination.host == self.portal.destination.host {
            request.recorder.decision = Outcome::Local;
            return Ok(Act::Answer(redirect(StatusCode::FOUND, &self.portal.url)));
        }
        self.forwarder.dialler.check_http_port(destination).map_err(|error| Refusal::Origin(error.into()))?;
        let identified = self.identify(client, destination, &request.head.fields).await;
        let (mut identity, wrong) = match identified {
            Ok(identity) => (identity, None),
            Err(wrong) => (None, Some(wrong)),
        };
        if let Some(identity) = &identity {
            identity.record(&mut request.recorder);
        }
        let decision = self.decide(&client.peer, destination, &mut identity).await;
        if identity.is_none() {
            let kind = request.kind.unidentified();
            request.recorder.unidentified = Some(why_unidentified(&decision, kind));
        }
        match decision {
            Decision::Permit(permit) => Ok(Act::Forward(permit, identity)),
            Decision::Deny(denial) => {
                request.recorder.rule = Some(Arc::clone(&denial.rule));
                Err(Refusal::Denied(denial.rule.to_string()))
            }
            // It never carries who asks.
            Decision::Reauthenticate(_) if request.kind == Kind::Preflight => self.ask(client, request, None).await,
            Decision::Reauthenticate(stale) => self.ask_again(client, request, &stale).await.map(Act::Answer),
            Decision::Authenticate => match self.decide_offline() {
                Some(Decision::Permit(permit)) => Ok(Act::Forward(permit, None)),
                Some(Decision::Deny(denial)) => Err(Refusal::Denied(denial.rule.to_string())),
                _ => self.ask(client, request, wrong).await,
            },
        }
    }

    /// Asks somebody unknown who they are, in the way that this kind of request allows.
    async fn ask(&self, client: &Client, request: &mut Request, wrong: Option<Wrong>) -> Result<Act, Refusal> {
        let destination = Arc::clone(&request.destination);
        let query = Query { user: None, proven: None, network: &client.peer.network, destination: &destination };
        if request.kind == Kind::Preflight {
            return match self.policy.evaluate_preflight(query) {
                Decision::Permit(permit) => self.admit_preflight(client, request).map(|()| Act::Forward(permit, None)),
                _ => Err(Refusal::SignInRequired),
            };
        }
        // Nobody is asked to sign in for what they could not reach anyway.
        if request.kind != Kind::Probe {
            self.check_askable(&destination, request.kind).await?;
        }
        match request.kind {
            Kind::Navigation | Kind::FormNavigation | Kind::Probe => {
                request.recorder.decision = Outcome::Challenged;
                Ok(Act::Answer(self.challenge(client, request, None)))
            }
            Kind::Preflight | Kind::SubResource | Kind::Tool => match self.policy.evaluate_unidentified(query) {
                Decision::Permit(permit) => Ok(Act::Forward(permit, None)),
                Decision::Deny(denial) => {
                    request.recorder.rule = Some(denial.rule);
                    Err(self.turn_away(client, request, wrong).await)
                }
                Decision::Authenticate | Decision::Reauthenticate(_) => {
                    Err(self.turn_away(client, request, wrong).await)
                }
            },
        }
    }

    /// Lets a preflight of somebody unknown pass, if it is as short as one and the client has not had its share.
    fn admit_preflight(&self, client: &Client, request: &mut Request) -> Result<(), Refusal> {
        let Some(octets) = preflight::question(&request.head) else {
            request.recorder.reason = Some("preflight-too-large");
            return Err(Refusal::SignInRequired);
        };
        let peer = &client.peer;
        let is_shared = !peer.network.address && !peer.network.is_elsewhere();
        match self.preflights.admit(peer.client.ip(), is_shared, octets, self.clock.now()) {
            Admission::Passes => return Ok(()),
            Admission::Dry => {}
            Admission::RunsDry => {
                let (client, network) = (peer.client.ip(), &peer.network.name);
                tracing::warn!(%client, %network, "more preflights of somebody unknown than may pass");
            }
        }
        request.recorder.reason = Some("preflight-limit");
        Err(Refusal::SignInRequired)
    }

    /// How somebody is refused who cannot be asked to sign in: tools can be told to bring a token.
    async fn turn_away(&self, client: &Client, request: &mut Request, wrong: Option<Wrong>) -> Refusal {
        if request.kind != Kind::Tool {
            return Refusal::SignInRequired;
        }
        request.recorder.reason = wrong.map(Wrong::reason);
        match self.invite(client, &request.head.fields, wrong).await {
            Some(invitation) => Refusal::ToolUnknown(Arc::new(invitation)),
            None => Refusal::SignInRequired,
        }
    }

    /// Forwards a request that is permitted.
    async fn forward(
        &self,
        client: &Client,
        mut connection: Connection,
        mut request: Request,
        permit: Permit,
        identity: Option<&Identity>,
    ) -> Option<Connection> {
        // Where nobody need be known, it is a request as any other.
        let only_asks = request.recorder.unidentified == Some(Unidentified::Preflight);
        request.recorder.decision = Outcome::Permitted;
        request.recorder.rule = Some(Arc::clone(permit.rule()));
        let mut watch = Watch::new(identity.map(|identity| identity.session.ended().clone()));
        let head = &request.head;
        let hop = Hop::of(&head.fields);
        let may_upgrade = !only_asks && head.version == Version::HTTP_11;
        let upgrade = hop.upgrade().filter(|protocol| may_upgrade && may_change(protocol));
        let max_forwards = max_forwards(head).map(|left| left.saturating_sub(1));
        let asking = (&client.peer, self.forwarded_for);
        let destination = &*request.destination;
        let outgoing = Outgoing { head, destination, hop: &hop, upgrade, only_asks, max_forwards, client: asking };
        let sending = Sending {
            permit,
            destination: &request.destination,
            method: &head.method,
            version: head.version,
            octets: outgoing.encode(&self.forwarder.via),
            body: if only_asks { Length::NONE } else { head.body },
            only_asks,
            upgrade,
            client: client.peer.client,
            pin: &client.pin,
            pool: &client.pool,
        };
        let mut answered = match self.forwarder.send(sending, &mut connection, &mut watch).await {
            Ok(answered) => answered,
            Err(failure) => return self.refuse_request(connection, &Refusal::Origin(failure), request).await,
        };
        let recorder = &mut request.recorder;
        recorder.origin = Some(answered.lease.connection.origin);
        recorder.egress = Some(answered.lease.connection.egress);
        recorder.parent = answered.lease.connection.through.as_ref().map(|through| Arc::clone(&through.parent));
        recorder.status = answered.head.status.as_u16();
        if proves_on_connection(&head.fields) || proves_on_connection(&answered.head.fields) {
            answered.lease.pin(&client.pin);
        }
        if let Err(why) = check_change(head, upgrade.is_some(), &answered.head) {
            return self.refuse_request(connection, &Refusal::Origin(Failure::BadAnswer(why.into())), request).await;
        }
        if answered.head.status == StatusCode::SWITCHING_PROTOCOLS {
            // The rest of the request would be taken for what follows it.
            if !answered.upload.is_whole() {
                let failure = Failure::BadAnswer("it changes the protocol in the middle of a request".into());
                return self.refuse_request(connection, &Refusal::Origin(failure), request).await;
            }
            let response = self.incoming(&answered, head, only_asks, true);
            self.change_protocol(connection, answered, response, &watch, request.recorder).await;
            return None;
        }
        // The next connection to this origin can be a tunnel.
        let was_asked = match identity.filter(|_| client.inside.is_some()) {
            Some(identity) => self.is_known_outside(client, &identity.session).await,
            None => false,
        };
        let keeps = head.is_persistent()
            && answered.upload.is_whole()
            && (head.body.is_none() || !only_asks)
            && !was_asked
            && !self.finish.is_cancelled();
        let (octets, in_chunks) = self.incoming(&answered, head, only_asks, keeps);
        if only_asks {
            self.preflights.charge(client.peer.client.ip(), octets.len());
        }
        let passing = Passing { answered, octets, in_chunks, only_asks, keeps };
        self.pass(connection, passing, &mut watch, request).await
    }

    /// The answer's head, as it goes to the client.
    fn incoming(&self, answered: &Answered, head: &RequestHead, only_asks: bool, keeps: bool) -> (Vec<u8>, bool) {
        let now = self.clock.now();
        let incoming = Incoming { head: &answered.head, client: head.version, only_asks, keeps, now };
        (incoming.encode(&self.forwarder.via), incoming.in_chunks())
    }

    /// Passes the answer on.
    async fn pass(
        &self,
        mut connection: Connection,
        Passing { answered, octets, in_chunks, only_asks, keeps }: Passing,
        watch: &mut Watch,
        mut request: Request,
    ) -> Option<Connection> {
        let Answered { mut lease, head, mut upload } = answered;
        let body = if only_asks { Length::NONE } else { head.body };
        let origin = &mut lease.connection.connection;
        let mut download = self.forwarder.splicing(Transfer::new(octets, body, in_chunks), origin, &connection);
        let passed = self.forwarder.pass_bodies(&mut connection, origin, &mut upload, &mut download, watch).await;
        request.recorder.bytes_in = upload.transfer.moved;
        request.recorder.bytes_out = download.moved;
        if passed == Err(Broken::Malformed) && !download.has_begun() {
            let failure = Failure::BadAnswer("its body is not framed as it should be".into());
            return self.refuse_request(connection, &Refusal::Origin(failure), request).await;
        }
        if let Err(broken) = passed {
            request.recorder.reason = Some(broken.reason());
            // Where only the close tells the client that an answer is complete, this one must not look so (RFC 9112 §8).
            let ends_by_close = !in_chunks && !matches!(body, Length::Exact(_));
            if ends_by_close && broken != Broken::Client {
                reset(&connection);
            }
            return None;
        }
        if head.is_persistent() && upload.is_whole() && body == head.body {
            lease.give_back();
        } else {
            drop(lease);
        }
        drop(request);
        if keeps && upload.is_whole() {
            return Some(connection);
        }
        connection.close().await;
        None
    }

    /// Passes an upgrade on (RFC 9110 §7.8) and moves the bytes that follow.
    async fn change_protocol(
        &self,
        mut connection: Connection,
        answered: Answered,
        (mut octets, _): (Vec<u8>, bool),
        watch: &Watch,
        mut recorder: Recorder,
    ) {
        let origin = answered.lease.connection.connection;
        octets.extend_from_slice(&origin.unread);
        let early = origin.unread.len() as u64;
        let (bounds, pipes) = (Bounds::of(&self.limits), self.pipes.clone());
        let ended = watch.session().cloned();
        recorder.open_tunnel();
        self.tasks.spawn(async move {
            if connection.write_all(&octets, bounds.idle).await.is_err() {
                recorder.reason = Some("client-left");
                return;
            }
            let unread = connection.unread.to_vec();
            let (moved, end) =
                relay_streams(connection.stream, origin.stream, unread, bounds, ended.as_ref(), &pipes).await;
            (recorder.bytes_in, recorder.bytes_out) = (moved.there, moved.back + early);
            recorder.reason = end.reason();
        });
    }

    async fn refuse_request(&self, connection: Connection, refusal: &Refusal, request: Request) -> Option<Connection> {
        let asker = Asker { kind: request.kind, languages: super::languages(&request.head.fields) };
        if *refusal == Refusal::Origin(Failure::SessionEnded) {
            let mut recorder = request.recorder;
            recorder.reason = Some("session-ended");
            return None;
        }
        // Of a body that was on its way when the origin failed, nobody knows how much is still to come.
        let head = Some(&request.head).filter(|head| head.body.is_none() || !refusal.is_after_dialling());
        self.refuse(connection, head, refusal, &asker, request.recorder).await
    }
}

/// An answer that is to be passed on.
struct Passing {
    answered: Answered,
    /// Its head, as it goes to the client.
    octets: Vec<u8>,
    in_chunks: bool,
    /// Whether it answers a preflight that only asks: then its body is nobody's.
    only_asks: bool,
    /// Whether another request may follow.
    keeps: bool,
}

/// What is to be done with a request that is not refused.
enum Act {
    /// It is answered by us.
    Answer(Response<Bytes>),
    /// It is forwarded, for somebody or for nobody.
    Forward(Permit, Option<Identity>),
}

/// Why nobody is known, if that is decided of a request whose kind would be the reason.
pub(super) fn why_unidentified(decision: &Decision, kind: Unidentified) -> Unidentified {
    if matches!(decision, Decision::Permit(_)) { Unidentified::NotRequired } else { kind }
}

/// Refuses what no sign-in could make right.
fn refuse_early(request: &Request, via: &Via, is_inside: bool) -> Result<(), Refusal> {
    let head = &request.head;
    if head.method == Method::TRACE {
        return Err(Refusal::Method);
    }
    if via.is_in(&head.fields) {
        return Err(Refusal::Loop);
    }
    check_host(head, if is_inside { Some(&request.destination) } else { None })?;
    if head.version == Version::HTTP_11
        && head.fields.items("expect").any(|item| !item.eq_ignore_ascii_case(b"100-continue"))
    {
        return Err(Refusal::Expectation);
    }
    // RFC 9110 §7.6.2: the last that may see it answers.
    if max_forwards(head) == Some(0) {
        return Err(Refusal::LastHop);
    }
    Ok(())
}

/// Every HTTP/1.1 request has one Host field (RFC 9112 §3.2). What it names is of no account beside the target of a request
/// to a proxy (§3.2.2, §3.2.3), and is not sent on. Inside a connection that was opened to `inside`, it names that.
pub(super) fn check_host(head: &RequestHead, inside: Option<&Destination>) -> Result<(), Refusal> {
    let mut hosts = head.fields.all("host");
    let Some(host) = hosts.next() else {
        return if head.version == Version::HTTP_10 {
            Ok(())
        } else {
            Err(Refusal::BadRequest("there is no Host field"))
        };
    };
    if hosts.next().is_some() {
        return Err(Refusal::BadRequest("there is more than one Host field"));
    }
    // The same text names the same origin.
    if head.target.authority().is_some_and(|target| target.as_bytes() == host) {
        return Ok(());
    }
    let invalid = Refusal::BadRequest("the Host field is not valid");
    let Ok(host) = std::str::from_utf8(host) else { return Err(invalid) };
    match inside {
        Some(inside) => Ok(inside.check_host_field(host)?),
        None => Destination::of_authority(Scheme::Http, host).map(drop).map_err(|_| invalid),
    }
}

/// Over HTTP/2 the client asks by CONNECT, and 2xx tells it that the protocol has changed (RFC 8441 §5): the key is ours, and
/// so it is for us to see that the origin has changed it (RFC 6455 §4.1).
fn check_change(head: &RequestHead, asked: bool, answer: &ResponseHead) -> Result<(), &'static str> {
    if !asked || head.received != Version::HTTP_2 {
        return Ok(());
    }
    let accept = || head.fields.text("sec-websocket-key").map(h2::accept_of);
    if answer.status.is_success() {
        Err("it does not change the protocol")
    } else if answer.status == StatusCode::SWITCHING_PROTOCOLS
        && answer.fields.text("sec-websocket-accept") != accept().as_deref()
    {
        Err("it changes the protocol and has not seen the key")
    } else {
        Ok(())
    }
}

/// Max-Forwards of an OPTIONS; other methods have none (RFC 9110 §7.6.2).
fn max_forwards(head: &RequestHead) -> Option<u32> {
    if head.method != Method::OPTIONS { None } else { head.fields.text("max-forwards")?.parse().ok() }
}

/// Makes the close of a connection one that its peer sees as an error.
fn reset(connection: &Connection) {
    if let Stream::Plain(stream) = &connection.stream {
        drop(socket2::SockRef::from(stream).set_linger(Some(std::time::Duration::ZERO)));
    }
}
