//! One request and its answer: identify → decide → act → record.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Response, StatusCode, Version};

use super::answer::Refusal;
use super::challenge::redirect;
use super::client::Client;
use super::decide::{Decided, Sought, outcome};
use super::forward::{Answered, Broken, Failure, Sending, may_change, proves_on_connection};
use super::identity::Identity;
use super::outgoing::{Incoming, Outgoing};
use super::relay::{Bounds, Streams, break_off, relay_streams};
use super::scan::{Scanning, Stop};
use super::until::Leave;
use super::watch::Watch;
use super::{Asker, Proxy, planted, problem, trust};
use crate::observe::record::HttpVersion;
use crate::observe::{Outcome, Reason, Recorder};
use crate::policy::{Access, FieldChanges, Manner, Permit, Verdict};
use crate::session::returning::{ARRIVE_PATH, ARRIVE_PORT, RESERVED_PATH};
use crate::wire::field::{Hop, Via};
use crate::wire::h1::{Connection, Length, RequestHead, ResponseHead, Transfer};
use crate::wire::h2;
use crate::wire::kind::{RequestKind, classify};
use crate::wire::{Destination, Scheme};

/// A request on its way through the four steps.
pub(super) struct Request {
    pub(super) head: RequestHead,
    pub(super) destination: Arc<Destination>,
    pub(super) kind: RequestKind,
    pub(super) recorder: Recorder,
}

impl Proxy {
    /// Answers a request for `destination` that is not a CONNECT.
    pub(super) async fn exchange(
        &self,
        client: &Client,
        connection: Box<Connection>,
        head: RequestHead,
        destination: Arc<Destination>,
        mut recorder: Recorder,
    ) -> Option<Box<Connection>> {
        recorder.destination(&destination);
        recorder.path = Some(head.target.path().into());
        let kind = classify(&head, &destination, &self.probes);
        // Boxed, because it is handed on from step to step, and each step would have room of its own for it.
        let mut request = Box::new(Request { head, destination, kind, recorder });
        match self.answer(client, &mut request).await {
            Ok(RequestAct::Answer(response)) => {
                self.reply(connection, Some(&request.head), response, request.recorder).await
            }
            Ok(RequestAct::Forward(permit, identity)) => {
                self.forward_limited(client, connection, request, permit, identity.as_ref()).await
            }
            Err(refusal) => Box::pin(self.refuse_request(connection, &refusal, request)).await,
        }
    }

    /// Identifies and decides. Gives the answer of a request that is not forwarded.
    async fn answer(&self, client: &Client, request: &mut Request) -> Result<RequestAct, Refusal> {
        refuse_early(request, &self.forwarder.via, client.inside.is_some())?;
        if let Some(local) = self.answer_locally(client, request).await {
            request.recorder.decision = Outcome::Local;
            return local.map(RequestAct::Answer);
        }
        let Request { head, destination, kind, recorder } = request;
        self.forwarder.dialler.check_http_port(destination)?;
        let sought = Sought {
            destination,
            access: Access::Request(*kind),
            request: Some((&head.method, head.target.path_and_query())),
        };
        let Decided { verdict, identity, wrong } = self.decide(client, sought, &head.fields, recorder).await;
        match verdict {
            // A preflight that passes without sign-in is forwarded for nobody, even if somebody is known.
            Verdict::Permit(permit) if permit.manner() == Manner::Preflight => {
                self.admit_preflight(client, request)?;
                Ok(RequestAct::Forward(permit, None))
            }
            Verdict::Permit(permit) => Ok(RequestAct::Forward(permit, identity)),
            Verdict::Ask(ask) => Box::pin(self.ask(client, request, &ask)).await.map(RequestAct::Answer),
            Verdict::Warn(barrier) | Verdict::Override(barrier) => {
                Box::pin(self.bar(client, request, &barrier)).await.map(RequestAct::Answer)
            }
            Verdict::Deny(denial) => Err(Box::pin(self.deny(client, request, denial, wrong)).await),
        }
    }

    /// Answers a request that is for us, although its target is elsewhere: reserved paths and ports, our marks, the
    /// portal.
    async fn answer_locally(&self, client: &Client, request: &mut Request) -> Option<Result<Response<Bytes>, Refusal>> {
        let (destination, path) = (&*request.destination, request.head.target.path());
        if path.starts_with(RESERVED_PATH) {
            let is_arrival = path == ARRIVE_PATH && request.head.method == Method::GET;
            request.recorder.decision = Outcome::Local;
            return Some(match is_arrival {
                true => Box::pin(self.arrive(client, request)).await,
                false => Err(Refusal::BadRequest("the path is reserved")),
            });
        }
        if destination.port == ARRIVE_PORT {
            return Some(Err(Refusal::BadRequest("the port is reserved")));
        }
        if trust::is_mark(destination) {
            return Some(Ok(trust::answer(&request.head.method, path, &self.portal.url)));
        }
        let is_portal = destination.host == self.portal.destination.host;
        is_portal.then(|| Ok(redirect(StatusCode::FOUND, &self.portal.url)))
    }

    /// Forwards a request that is permitted, within the limits of its permit.
    async fn forward_limited(
        &self,
        client: &Client,
        mut connection: Box<Connection>,
        mut request: Box<Request>,
        permit: Permit,
        identity: Option<&Identity>,
    ) -> Option<Box<Connection>> {
        match self.limit(client, &permit, identity, &mut request.recorder) {
            Ok(mut taken) => {
                connection.stream = taken.pace(connection.stream);
                if let Some(open) = taken.into_open() {
                    request.recorder.keep(open);
                }
            }
            Err(exhausted) => {
                return Box::pin(self.refuse_request(connection, &Refusal::Exhausted(exhausted), request)).await;
            }
        }
        // The next request may be another one's.
        let mut connection = self.forward(client, connection, request, permit, identity).await?;
        connection.settle();
        connection.stream = connection.stream.freed();
        Some(connection)
    }

    /// Forwards a request that is permitted.
    async fn forward(
        &self,
        client: &Client,
        mut connection: Box<Connection>,
        mut request: Box<Request>,
        permit: Permit,
        identity: Option<&Identity>,
    ) -> Option<Box<Connection>> {
        let only_asks = permit.manner() == Manner::Preflight;
        request.recorder.decision = outcome(&permit);
        request.recorder.rule = Some(Arc::clone(permit.rule()));
        let mut watch = Watch::new(identity.map(|identity| Arc::clone(&identity.session)));
        let scanning = Scanning::of(&permit, client, identity);
        if let Some(scanning) = &scanning
            && let Err(stop) = {
                let whose = (client, identity, &permit);
                Box::pin(self.scan_first(scanning, whose, &mut connection, &mut request, &mut watch)).await
            }
        {
            return Box::pin(self.stop(connection, stop, request)).await;
        }
        self.ask_readable(scanning.as_ref(), &mut request.head);
        let (head, terms) = (&request.head, permit.terms().to_vec());
        let changes = FieldChanges::of(&terms);
        let hop = Hop::of(&head.fields);
        // What a scanner has seen of a body is HTTP: it is not sent as the beginning of something else.
        let may_upgrade = !only_asks && head.version == Version::HTTP_11 && (scanning.is_none() || head.body.is_none());
        let upgrade = hop.upgrade().filter(|protocol| may_upgrade && may_change(protocol));
        let max_forwards = max_forwards(head).map(|left| left.saturating_sub(1));
        let asking = (&client.peer, self.forwarded_for);
        let sending = Sending {
            outgoing: Outgoing { head, hop: &hop, upgrade, only_asks, max_forwards, client: asking, changes },
            body: if only_asks { Length::NONE } else { head.body },
            client: client.peer.client,
            pin: &client.pin,
            pool: &client.pool,
        };
        let mut answered = match self.forwarder.send(permit, &sending, &mut connection, &mut watch).await {
            Ok(answered) => answered,
            Err(failure) => return Box::pin(self.refuse_request(connection, &Refusal::Origin(failure), request)).await,
        };
        let recorder = &mut request.recorder;
        recorder.origin = Some(answered.lease.connection.origin);
        recorder.egress = Some(answered.lease.connection.egress);
        recorder.origin_protocol = HttpVersion::of(answered.lease.connection.version());
        recorder.parent = answered.lease.connection.through.as_ref().map(|through| Arc::clone(&through.parent));
        recorder.status = answered.head.status.as_u16();
        if !answered.lease.connection.accepted.is_empty() {
            recorder.reason = Some(Reason::CertificateAccepted);
        }
        if proves_on_connection(&head.fields) || proves_on_connection(&answered.head.fields) {
            answered.lease.pin(&client.pin);
        }
        if let Err(why) = check_change(head, upgrade.is_some(), &answered.head) {
            let failure = Failure::BadAnswer(why.into());
            return Box::pin(self.refuse_request(connection, &Refusal::Origin(failure), request)).await;
        }
        if answered.head.status == StatusCode::SWITCHING_PROTOCOLS {
            // What is left of the request would be read as the first octets of the new protocol.
            if !answered.upload.is_whole() {
                let failure = Failure::BadAnswer("it changes the protocol in the middle of a request".into());
                return Box::pin(self.refuse_request(connection, &Refusal::Origin(failure), request)).await;
            }
            self.note_unread(scanning.as_ref(), &mut request.recorder);
            let response = self.incoming(&answered, head, only_asks, true);
            let seen = (head.method.clone(), head.target.path_and_query().into());
            let leave = Leave::new(self, identity, Access::Request(request.kind), Some(seen));
            self.change_protocol(connection, answered, response, leave, request.recorder).await;
            return None;
        }
        if let Some(scanning) = &scanning
            && let Err(stop) = Box::pin(self.scan_answer(
                scanning,
                &mut connection,
                &mut answered,
                head,
                &mut request.recorder,
                &mut watch,
            ))
            .await
        {
            return Box::pin(self.stop(connection, stop, request)).await;
        }
        // This connection was intercepted to ask the person, who is known by now. It is closed after this answer, so
        // that the next one to this origin can be a tunnel.
        let was_asked = match identity.filter(|_| client.inside.is_some() && !client.is_inspected) {
            Some(identity) => Box::pin(self.would_tunnel(client, &identity.session, &request.destination)).await,
            None => false,
        };
        let keeps = head.is_persistent()
            && answered.upload.is_whole()
            && (head.body.is_none() || !only_asks)
            && !was_asked
            && !self.finish.is_cancelled();
        let (octets, in_chunks) = self.incoming(&answered, head, only_asks, keeps);
        if only_asks {
            self.memory.preflights.charge(client.peer.client.ip(), octets.len());
        }
        let passing = Passing { answered, octets, in_chunks, only_asks, keeps };
        self.pass(connection, passing, &mut watch, request).await
    }

    /// The octets of the answer's head for the client, and whether its body leaves in chunks.
    fn incoming(&self, answered: &Answered, head: &RequestHead, only_asks: bool, keeps: bool) -> (Vec<u8>, bool) {
        let clock = &self.clock;
        let incoming = Incoming { head: &answered.head, client: head.version, only_asks, keeps, clock };
        (incoming.encode(&self.forwarder.via), incoming.in_chunks())
    }

    /// Passes the answer on to the client, and gives both connections back if they can be used again.
    async fn pass(
        &self,
        mut connection: Box<Connection>,
        Passing { mut answered, octets, in_chunks, only_asks, keeps }: Passing,
        watch: &mut Watch,
        mut request: Box<Request>,
    ) -> Option<Box<Connection>> {
        let Answered { lease, head, upload } = &mut *answered;
        let body = if only_asks { Length::NONE } else { head.body };
        let origin = &mut lease.connection.connection;
        let mut download = self.forwarder.splicing(Transfer::new(octets, body, in_chunks), origin, &connection);
        let passed = self.forwarder.pass_bodies(&mut connection, origin, upload, &mut download, watch).await;
        request.recorder.bytes_in = upload.transfer.moved;
        request.recorder.bytes_out = download.moved;
        if passed == Err(Broken::Malformed) && !download.has_begun() {
            let failure = Failure::BadAnswer("its body is not framed as it should be".into());
            return Box::pin(self.refuse_request(connection, &Refusal::Origin(failure), request)).await;
        }
        if let Err(broken) = passed {
            request.recorder.reason = Some(broken.reason());
            // If the end of this answer is the close of the connection, an ordinary close would make it look complete:
            // it is reset instead (RFC 9112 §8).
            let ends_by_close = !in_chunks && !matches!(body, Length::Exact(_));
            if ends_by_close && broken != Broken::Client {
                connection.stream.tcp().into_iter().for_each(break_off);
            }
            return None;
        }
        lease.connection.connection.settle();
        let is_sent = upload.is_whole();
        if head.is_persistent() && is_sent && body == head.body {
            answered.lease.give_back();
        } else {
            drop(answered);
        }
        drop(request);
        if keeps && is_sent {
            return Some(connection);
        }
        connection.close().await;
        None
    }

    /// Passes an upgrade on (RFC 9110 §7.8) and moves the bytes that follow.
    async fn change_protocol(
        &self,
        mut connection: Box<Connection>,
        answered: Box<Answered>,
        (mut octets, _): (Vec<u8>, bool),
        mut leave: Leave,
        mut recorder: Recorder,
    ) {
        let origin = answered.lease.connection.connection;
        octets.extend_from_slice(&origin.unread);
        let (early, bounds, pipes) = (origin.unread.len() as u64, Bounds::of(&self.limits), self.pipes.clone());
        recorder.open_tunnel();
        self.tasks.spawn(async move {
            if connection.write_all(&octets, bounds.idle).await.is_err() {
                recorder.reason = Some(Reason::ClientLeft);
                return;
            }
            let Connection { stream: near, unread, .. } = *connection;
            let mut streams = Streams { near, far: origin.stream, early: Vec::from(unread), bounds, pipes };
            let (moved, end) = relay_streams(&mut streams, &mut leave, &recorder).await;
            drop(streams);
            (recorder.bytes_in, recorder.bytes_out) = (moved.there, moved.back + early);
            recorder.reason = end.reason();
        });
    }

    /// Does not go on with a request, because of what a scanner says.
    async fn stop(
        &self,
        connection: Box<Connection>,
        stop: Stop,
        mut request: Box<Request>,
    ) -> Option<Box<Connection>> {
        match stop {
            Stop::Refuse(refusal) => self.refuse_request(connection, &refusal, request).await,
            Stop::Answer(response) => {
                request.recorder.decision = Outcome::Denied;
                // The scanner may have seen a part of the body: nobody knows where the rest begins.
                let head = Some(&request.head).filter(|head| head.body.is_none());
                self.reply(connection, head, *response, request.recorder).await
            }
        }
    }

    async fn refuse_request(
        &self,
        connection: Box<Connection>,
        refusal: &Refusal,
        request: Box<Request>,
    ) -> Option<Box<Connection>> {
        // The browser has cookies of others beside ours. A page repeats such a request by itself, so the answer removes
        // those cookies, and the next request comes with ours alone.
        let is_planted =
            *refusal == Refusal::SignInRequired && planted::came(&request.destination, &request.head.fields);
        let asker = Asker {
            kind: request.kind,
            json: problem::is_wanted(&request.head.fields),
            languages: super::languages(&request.head.fields),
            planted: is_planted.then(|| Arc::clone(&request.destination)),
        };
        if *refusal == Refusal::Origin(Failure::SessionEnded) {
            let mut recorder = request.recorder;
            recorder.reason = Some(Reason::SessionEnded);
            return None;
        }
        // If a body was on its way when the origin failed, nobody knows how much of it is still to come: the answer is
        // given without the head, so that the connection is closed.
        let head = Some(&request.head).filter(|head| head.body.is_none() || !refusal.is_after_dialling());
        self.refuse(connection, head, refusal, &asker, request.recorder).await
    }
}

/// An answer that is to be passed on.
struct Passing {
    answered: Box<Answered>,
    /// Its head, as it is written to the client.
    octets: Vec<u8>,
    in_chunks: bool,
    /// Whether it answers a preflight that passed without sign-in: then its body is thrown away.
    only_asks: bool,
    /// Whether another request may follow on the client's connection.
    keeps: bool,
}

/// What to do with a request that is not refused.
enum RequestAct {
    /// Answer it ourselves.
    Answer(Response<Bytes>),
    /// Forward it, for a person or for nobody in particular.
    Forward(Permit, Option<Identity>),
}

/// Refuses a request that is refused to everybody, signed in or not.
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
    // RFC 9110 §7.6.2: a recipient of Max-Forwards 0 answers.
    if max_forwards(head) == Some(0) {
        return Err(Refusal::LastHop);
    }
    Ok(())
}

/// Every HTTP/1.1 request has one Host field (RFC 9112 §3.2). In a request to a proxy the target counts, and what the
/// field names does not (§3.2.2, §3.2.3): it is not sent on. On a connection inside a CONNECT to `inside`, the field
/// must name `inside`.
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

/// Over HTTP/2 a client asks for a WebSocket by CONNECT, and 2xx tells it that the protocol has changed (RFC 8441 §5).
/// The key in the request to the origin is one that we have made, so it is for us to check that the origin has answered
/// it (RFC 6455 §4.1).
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
