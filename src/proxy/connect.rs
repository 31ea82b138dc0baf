//! CONNECT: a tunnel for whoever is known, interception for whoever is to be asked.

use std::sync::Arc;
use std::time::Duration;

use http::{Response, StatusCode};
use hyper::body::Incoming;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::answer::Refusal;
use super::classify::Kind;
use super::dial::Dialled;
use super::identify::{Client, Identity, of_client};
use super::relay::{End, Moved, relay, relay_tcp};
use super::{Asker, Download, Proxy, Stream, switch};
use crate::observe::{Outcome, Recorder};
use crate::policy::{Decision, Permit, Query};
use crate::wire::rewind::Rewind;
use crate::wire::{Destination, Peer, Scheme, serve};

/// The first byte of a TLS connection: a handshake record (RFC 8446 §5.1).
const TLS_HANDSHAKE: u8 = 0x16;

impl Proxy {
    /// Answers a CONNECT.
    pub(super) async fn connect(
        self: &Arc<Self>,
        client: &Arc<Client>,
        request: http::Request<Incoming>,
        mut recorder: Recorder,
    ) -> Response<Download> {
        let asker = Asker::of_head(request.headers());
        let destination = match Destination::of_authority_form(request.uri()) {
            Ok(destination) if client.inside.is_none() => destination,
            Ok(_) => return self.refuse(&Refusal::Method, &asker, recorder),
            Err(error) => return self.refuse(&Refusal::BadTarget(error), &asker, recorder),
        };
        recorder.destination(&destination);
        if self.forwarder.via.is_in(request.headers()) {
            return self.refuse(&Refusal::Loop, &asker, recorder);
        }
        if destination == self.portal.destination {
            return self.open_portal(client, request, recorder);
        }
        match self.decide_connect(client, &destination, asker.kind, &mut recorder).await {
            Ok(Act::Intercept) => self.intercept(client, request, destination, recorder),
            Ok(Act::Tunnel(permit, identity)) => {
                recorder.decision = Outcome::Permitted;
                recorder.rule = Some(Arc::clone(permit.rule()));
                match self.forwarder.dialler.dial(&destination, &permit).await {
                    Ok(dialled) => self.tunnel(request, dialled, identity.as_ref(), recorder),
                    Err(error) => self.refuse(&Refusal::Origin(error.into()), &asker, recorder),
                }
            }
            Err(refusal) => self.refuse(&refusal, &asker, recorder),
        }
    }

    async fn decide_connect(
        &self,
        client: &Client,
        destination: &Destination,
        kind: Kind,
        recorder: &mut Recorder,
    ) -> Result<Act, Refusal> {
        let dialler = &self.forwarder.dialler;
        dialler.check_connect_port(destination.port).map_err(|error| Refusal::Origin(error.into()))?;
        let peer = &client.peer;
        let identity = of_client(&self.sessions, peer);
        if let Some(Identity { session, surrogate }) = &identity {
            recorder.identity(&session.user, session.id.short(), *surrogate);
        }
        let user = identity.as_ref().map(|identity| &*identity.session.user);
        let query = Query { user, network: &peer.network, destination };
        match self.policy.evaluate(query) {
            // A ticket on its way here must reach us, and not the origin.
            Decision::Permit(_)
                if !self.policy.is_walled_garden(destination)
                    && self.tickets.is_outstanding(peer.client.ip(), &destination.host.to_string()) =>
            {
                Ok(Act::Intercept)
            }
            Decision::Permit(permit) => Ok(Act::Tunnel(permit, identity)),
            // A browser shows no page that comes with a refused CONNECT; inside, it does.
            Decision::Deny(_) if kind == Kind::SubResource => Ok(Act::Intercept),
            Decision::Deny(denial) => {
                recorder.rule = Some(Arc::clone(&denial.rule));
                Err(Refusal::Denied(denial.rule.to_string()))
            }
            Decision::Authenticate => {
                if kind == Kind::Tool
                    && let Decision::Permit(permit) = self.policy.evaluate_unidentified(query)
                {
                    return Ok(Act::Tunnel(permit, None));
                }
                if !self.policy.may_open_private(destination) {
                    dialler.check(destination).await.map_err(|error| Refusal::Origin(error.into()))?;
                }
                Ok(Act::Intercept)
            }
        }
    }

    /// Moves bytes between the client and the origin, unread.
    fn tunnel(
        &self,
        request: http::Request<Incoming>,
        dialled: Dialled,
        identity: Option<&Identity>,
        mut recorder: Recorder,
    ) -> Response<Download> {
        recorder.origin = Some(dialled.origin);
        recorder.egress = Some(dialled.egress);
        recorder.status = StatusCode::OK.as_u16();
        let ended = identity.map(|identity| identity.session.ended().clone());
        let (idle, pipes) = (self.limits.tunnel_idle, self.pipes.clone());
        self.tasks.spawn(async move {
            let Ok(upgraded) = hyper::upgrade::on(request).await else {
                recorder.reason = Some("client-left");
                return;
            };
            let (moved, end) = match upgraded.downcast::<TokioIo<TcpStream>>() {
                Ok(plain) => {
                    let (client, early) = (plain.io.into_inner(), plain.read_buf.to_vec());
                    relay_tcp(client, dialled.stream, early, idle, ended.as_ref(), &pipes).await
                }
                Err(upgraded) => relay(TokioIo::new(upgraded), dialled.stream, Vec::new(), idle, ended.as_ref()).await,
            };
            finish(&mut recorder, moved, end);
        });
        switch(StatusCode::OK)
    }

    /// Ends the client's TLS with a leaf of our authority and answers what it asks inside.
    fn intercept(
        self: &Arc<Self>,
        client: &Arc<Client>,
        request: http::Request<Incoming>,
        destination: Destination,
        mut recorder: Recorder,
    ) -> Response<Download> {
        recorder.decision = Outcome::Challenged;
        recorder.status = StatusCode::OK.as_u16();
        let (proxy, peer) = (Arc::clone(self), client.peer.clone());
        self.tasks.spawn(async move {
            let Ok(upgraded) = hyper::upgrade::on(request).await else {
                recorder.reason = Some("client-left");
                return;
            };
            recorder.reason = proxy.serve_inside(upgraded, peer, destination).await.err();
        });
        switch(StatusCode::OK)
    }

    async fn serve_inside(
        self: Arc<Self>,
        upgraded: Upgraded,
        peer: Peer,
        destination: Destination,
    ) -> Result<(), &'static str> {
        let limit = self.limits.head_time;
        let first = bounded(limit, Rewind::peek(TokioIo::new(upgraded))).await;
        match first.ok_or("client-left")? {
            (Some(TLS_HANDSHAKE), stream) => {
                let host = destination.host.to_string();
                let server = self.authority.server(&host).map_err(|error| {
                    tracing::error!(host, %error, "no leaf certificate");
                    "proxy_internal_error"
                })?;
                let stream = bounded(limit, TlsAcceptor::from(server).accept(stream)).await;
                // The commonest cause by far: the device does not trust our authority.
                let stream = stream.ok_or("client-refused-certificate")?;
                self.serve_http(Box::new(stream), Client::inside(peer, destination)).await;
                Ok(())
            }
            // A WebSocket over plain HTTP: browsers send it by CONNECT, too.
            (Some(byte), stream) if byte.is_ascii_uppercase() => {
                let destination = Destination { scheme: Scheme::Http, ..destination };
                self.serve_http(Box::new(stream), Client::inside(peer, destination)).await;
                Ok(())
            }
            (Some(_), _) => Err("not-http"),
            (None, _) => Err("client-left"),
        }
    }

    /// Answers the requests on a stream. Boxed, because answering a request can lead here again.
    fn serve_http(
        self: Arc<Self>,
        stream: Box<dyn Stream>,
        client: Client,
    ) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            let client = Arc::new(client);
            serve(stream, &self.limits, &self.finish, |request| {
                let (proxy, client) = (Arc::clone(&self), Arc::clone(&client));
                async move { proxy.handle(&client, request).await }
            })
            .await;
        })
    }

    /// Serves the portal to somebody who asks the proxy for it by name.
    fn open_portal(
        &self,
        client: &Client,
        request: http::Request<Incoming>,
        mut recorder: Recorder,
    ) -> Response<Download> {
        recorder.decision = Outcome::Local;
        recorder.status = StatusCode::OK.as_u16();
        let (serve, peer) = (Arc::clone(&self.portal.serve), client.peer.clone());
        self.tasks.spawn(async move {
            match hyper::upgrade::on(request).await {
                Ok(upgraded) => serve(Box::new(TokioIo::new(upgraded)), peer).await,
                Err(_) => recorder.reason = Some("client-left"),
            }
            drop(recorder);
        });
        switch(StatusCode::OK)
    }
}

/// What is to be done with a CONNECT that is not refused.
enum Act {
    Tunnel(Permit, Option<Identity>),
    Intercept,
}

fn finish(recorder: &mut Recorder, moved: Moved, end: End) {
    (recorder.bytes_in, recorder.bytes_out) = (moved.there, moved.back);
    recorder.reason = end.reason();
}

async fn bounded<T>(limit: Duration, step: impl Future<Output = std::io::Result<T>>) -> Option<T> {
    timeout(limit, step).await.ok()?.ok()
}
