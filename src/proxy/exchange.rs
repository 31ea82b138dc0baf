//! One request and its answer: identify → decide → act → record.

use std::sync::Arc;

use http::header::{CONNECTION, HOST, UPGRADE};
use http::uri::Authority;
use http::{HeaderValue, Method, Response, StatusCode};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use super::answer::Refusal;
use super::challenge::{close, redirect};
use super::classify::{Kind, classify};
use super::download::Download;
use super::forward::Failure;
use super::identify::{Client, Identity, identify};
use super::patience::Patience;
use super::preflight;
use super::relay::relay;
use super::upload::Upload;
use super::{Asker, Proxy, Request, own, switch};
use crate::observe::{Outcome, Recorder};
use crate::policy::{Decision, Permit, Query};
use crate::session::returning::{ARRIVE_PATH, RESERVED_PATH};
use crate::wire::field::{self, Via};
use crate::wire::{Body, Destination};

impl Proxy {
    /// Answers a request for `destination` that is not a CONNECT.
    pub(super) async fn exchange(
        &self,
        client: &Client,
        request: http::Request<Incoming>,
        destination: &Destination,
        mut recorder: Recorder,
    ) -> Response<Download> {
        let (parts, body) = request.into_parts();
        recorder.destination(destination);
        recorder.path = Some(parts.uri.path().to_owned());
        let kind = classify(&parts, destination);
        let mut request = Request { parts, destination, kind, recorder };
        // Only a page needs to know who asks, and only a refusal needs a page.
        match self.answer(client, &mut request).await {
            Ok(Act::Answer(response)) => own(response, request.recorder),
            Ok(Act::Forward(permit, identity)) => self.act(client, request, body, permit, identity.as_ref()).await,
            Err(refusal) => {
                let asker = Asker::of_request(&request);
                self.refuse(&refusal, &asker, request.recorder)
            }
        }
    }

    /// Identifies and decides.
    async fn answer(&self, client: &Client, request: &mut Request<'_>) -> Result<Act, Refusal> {
        refuse_early(request, &self.forwarder.via)?;
        let destination = request.destination;
        if request.parts.uri.path().starts_with(RESERVED_PATH) {
            request.recorder.decision = Outcome::Local;
            return match request.parts.uri.path() {
                ARRIVE_PATH if request.parts.method == Method::GET => {
                    self.arrive(client, request).await.map(Act::Answer)
                }
                _ => Err(Refusal::BadRequest("the path is reserved")),
            };
        }
        if destination.host == self.portal.destination.host {
            request.recorder.decision = Outcome::Local;
            return Ok(Act::Answer(redirect(StatusCode::FOUND, &self.portal.url)));
        }
        let now = self.clock.now();
        let identity = identify(&self.sessions, &self.sealer, now, client, destination, &request.parts.headers);
        if let Some(identity) = &identity {
            let session = &identity.session;
            request.recorder.identity(&session.user, session.id.short(), identity.surrogate);
        }
        let user = identity.as_ref().map(|identity| &*identity.session.user);
        let query = Query { user, network: &client.peer.network, destination };
        match self.policy.evaluate(query) {
            Decision::Permit(permit) => Ok(Act::Forward(permit, identity)),
            Decision::Deny(denial) => {
                request.recorder.rule = Some(Arc::clone(&denial.rule));
                Err(Refusal::Denied(denial.rule.to_string()))
            }
            Decision::Authenticate => self.ask(client, request, query).await,
        }
    }

    /// Asks somebody unknown who they are, in the way that this kind of request allows.
    async fn ask(&self, client: &Client, request: &mut Request<'_>, query: Query<'_>) -> Result<Act, Refusal> {
        if request.kind == Kind::Preflight {
            return match self.policy.evaluate_preflight(query) {
                Decision::Permit(permit) => Ok(Act::Forward(permit, None)),
                _ => Err(Refusal::SignInRequired),
            };
        }
        // Nobody is asked to sign in for what they could not reach anyway.
        if request.kind != Kind::Probe && !self.policy.may_open_private(request.destination) {
            let checked = self.forwarder.dialler.check(request.destination).await;
            checked.map_err(|error| Refusal::Origin(error.into()))?;
        }
        match request.kind {
            Kind::Navigation | Kind::FormNavigation | Kind::Probe => {
                request.recorder.decision = Outcome::Challenged;
                Ok(Act::Answer(self.challenge(client, request)))
            }
            Kind::Preflight | Kind::SubResource | Kind::Tool => match self.policy.evaluate_unidentified(query) {
                Decision::Permit(permit) => Ok(Act::Forward(permit, None)),
                Decision::Deny(denial) => {
                    request.recorder.rule = Some(denial.rule);
                    Err(Refusal::SignInRequired)
                }
                Decision::Authenticate => Err(Refusal::SignInRequired),
            },
        }
    }

    /// Forwards a request that is permitted.
    async fn act(
        &self,
        client: &Client,
        request: Request<'_>,
        body: Incoming,
        permit: Permit,
        identity: Option<&Identity>,
    ) -> Response<Download> {
        let asker = (request.kind == Kind::Navigation || request.kind == Kind::FormNavigation)
            .then(|| Asker::of_request(&request));
        let asker = asker.unwrap_or(Asker { kind: request.kind, languages: None });
        let Request { mut parts, destination, kind, mut recorder } = request;
        let only_asks = kind == Kind::Preflight && identity.is_none();
        if only_asks {
            preflight::keep_question(&mut parts.headers);
        }
        recorder.decision = Outcome::Permitted;
        recorder.rule = Some(Arc::clone(permit.rule()));
        let client_upgrade = parts.extensions.remove::<OnUpgrade>();
        let protocol = self.forwarder.prepare(destination, &mut parts);
        let ended = identity.map(|identity| identity.session.ended().clone());
        let body = if only_asks { Body::Empty } else { Body::Stream(body) };
        let upload = Upload::new(body, Patience::new(self.limits.body_idle, ended.clone()));
        let uploaded = upload.bytes();
        let outgoing = http::Request::from_parts(parts, upload);
        let (response, lease) = match self.forwarder.forward(permit, destination, outgoing, &client.pin).await {
            Ok(answered) => answered,
            Err(failure) => return self.refuse(&Refusal::Origin(failure), &asker, recorder),
        };
        recorder.origin = Some(lease.connection.origin);
        recorder.egress = Some(lease.connection.egress);
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            let (Some(client_upgrade), Some(protocol)) = (client_upgrade, protocol) else {
                let failure = Failure::BadAnswer("it changes to a protocol that nobody asked for".into());
                return self.refuse(&Refusal::Origin(failure), &asker, recorder);
            };
            return self.change_protocol(response, client_upgrade, &protocol, ended, recorder);
        }
        let (mut head, body) = response.into_parts();
        let mut body = Body::Stream(body);
        if only_asks {
            preflight::keep_answer(&mut head.headers);
            body = Body::Empty;
        }
        self.forwarder.finish(&mut head);
        recorder.status = head.status.as_u16();
        if client.inside.is_some() && client.peer.network.address && identity.is_some() {
            close(&mut head.headers);
        }
        let patience = Patience::new(self.limits.body_idle, ended);
        let body = Download::of_origin(body, recorder, uploaded, lease, patience);
        Response::from_parts(head, body)
    }

    /// Passes an upgrade on (RFC 9110 §7.8) and moves the bytes that follow.
    fn change_protocol(
        &self,
        mut response: Response<Incoming>,
        client: OnUpgrade,
        protocol: &HeaderValue,
        ended: Option<tokio_util::sync::CancellationToken>,
        mut recorder: Recorder,
    ) -> Response<Download> {
        let origin = hyper::upgrade::on(&mut response);
        let idle = self.limits.tunnel_idle;
        recorder.status = StatusCode::SWITCHING_PROTOCOLS.as_u16();
        self.tasks.spawn(async move {
            let (Ok(client), Ok(origin)) = (client.await, origin.await) else {
                recorder.reason = Some("connection_terminated");
                return;
            };
            let streams = (TokioIo::new(client), TokioIo::new(origin));
            let (moved, end) = relay(streams.0, streams.1, Vec::new(), idle, ended.as_ref()).await;
            (recorder.bytes_in, recorder.bytes_out) = (moved.there, moved.back);
            recorder.reason = end.reason();
        });
        let (mut head, _) = response.into_parts();
        self.forwarder.finish(&mut head);
        head.headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        head.headers.insert(UPGRADE, protocol.clone());
        let mut answer = switch(head.status);
        *answer.headers_mut() = head.headers;
        answer
    }
}

/// What is to be done with a request that is not refused.
enum Act {
    /// It is answered by us.
    Answer(Response<Body>),
    /// It is forwarded, for somebody or for nobody.
    Forward(Permit, Option<Identity>),
}

/// Refuses what no sign-in could make right.
fn refuse_early(request: &Request<'_>, via: &Via) -> Result<(), Refusal> {
    let fields = &request.parts.headers;
    if request.parts.method == Method::TRACE {
        return Err(Refusal::Method);
    }
    if via.is_in(fields) {
        return Err(Refusal::Loop);
    }
    if fields.get_all(HOST).iter().count() > 1 {
        return Err(Refusal::BadRequest("there is more than one Host field"));
    }
    let (host, target) = (field::text(fields, HOST), request.parts.uri.authority());
    // The same text names the same origin.
    if host.is_some() && host == target.map(Authority::as_str) {
        return Ok(());
    }
    request.destination.check_host_field(host)?;
    Ok(())
}
