//! CONNECT: a tunnel for whoever is known, interception for whoever is to be asked.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::answer::Refusal;
use super::classify::Kind;
use super::dial::Dialled;
use super::exchange::{check_host, why_unidentified};
use super::identify::{Client, Identity};
use super::relay::{Bounds, relay_streams};
use super::token::Wrong;
use super::{Asker, Proxy, trust};
use crate::observe::{Outcome, Recorder, Surrogate, Unidentified};
use crate::policy::{Decision, Permit, Query};
use crate::session::returning::ARRIVE_PORT;
use crate::wire::h1::{self, ByteStream, Connection, Fields, RequestHead, Stream};
use crate::wire::rewind::Rewind;
use crate::wire::target::Host;
use crate::wire::{Destination, Scheme};

/// The answer to a CONNECT that opens the way. It has no fields: there is no message that they could be about.
const ESTABLISHED: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";

/// The first byte of a TLS connection: a handshake record (RFC 8446 §5.1).
const TLS_HANDSHAKE: u8 = 0x16;

impl Proxy {
    /// Answers a CONNECT.
    pub(super) async fn connect(
        self: &Arc<Self>,
        client: &Arc<Client>,
        connection: Connection,
        head: RequestHead,
        mut recorder: Recorder,
    ) -> Option<Connection> {
        let asker = Asker::of_head(&head.fields);
        let checked = Destination::of_authority_form(&head.target).map_err(Refusal::from).and_then(|destination| {
            recorder.destination(&destination);
            self.check_connect(client, &head).map(|()| destination)
        });
        let destination = match checked {
            Ok(destination) => destination,
            Err(refusal) => return self.refuse(connection, Some(&head), &refusal, &asker, recorder).await,
        };
        if destination == self.portal.destination {
            return self.open_portal(client, connection, recorder).await;
        }
        // Nothing is dialled there, whoever is known: a ticket never finds a tunnel.
        if destination.port == ARRIVE_PORT || trust::is_mark(&destination) {
            return self.intercept(client, connection, destination, None, recorder).await;
        }
        let refusal = match self.decide_connect(client, &destination, asker.kind, &head.fields, &mut recorder).await {
            Ok(Act::Intercept(identity)) => {
                return self.intercept(client, connection, destination, identity, recorder).await;
            }
            Ok(Act::Tunnel(permit, identity)) => {
                recorder.decision = Outcome::Permitted;
                recorder.rule = Some(Arc::clone(permit.rule()));
                match self.forwarder.dialler.dial(&destination, &permit, Some(client.peer.client)).await {
                    Ok(dialled) => return self.tunnel(connection, dialled, identity.as_ref(), recorder).await,
                    Err(error) => Refusal::Origin(error.into()),
                }
            }
            Err(refusal) => refusal,
        };
        self.refuse(connection, Some(&head), &refusal, &asker, recorder).await
    }

    /// Refuses what no sign-in could make right.
    fn check_connect(&self, client: &Client, head: &RequestHead) -> Result<(), Refusal> {
        if client.inside.is_some() {
            return Err(Refusal::Method);
        }
        if self.forwarder.via.is_in(&head.fields) {
            return Err(Refusal::Loop);
        }
        check_host(head, None)
    }

    async fn decide_connect(
        &self,
        client: &Client,
        destination: &Destination,
        kind: Kind,
        fields: &Fields,
        recorder: &mut Recorder,
    ) -> Result<Act, Refusal> {
        let dialler = &self.forwarder.dialler;
        dialler.check_connect_port(destination.port).map_err(|error| Refusal::Origin(error.into()))?;
        let peer = &client.peer;
        let identified = self.identify_tunnel(client, destination, fields).await;
        let (mut identity, wrong) = match identified {
            Ok(identity) => (identity, None),
            Err(wrong) => (None, Some(wrong)),
        };
        if let Some(identity) = &identity {
            identity.record(recorder);
        }
        let is_by_token = identity.as_ref().is_some_and(|identity| identity.surrogate == Surrogate::ProxyToken);
        let decision = self.decide(peer, destination, &mut identity).await;
        if identity.is_none() {
            recorder.unidentified = Some(why_unidentified(&decision, Unidentified::Connect));
        }
        let expects_ticket = || {
            !self.policy.is_walled_garden(destination)
                && !is_by_token
                && self.tickets.is_outstanding(peer.client.ip(), &destination.host.to_string())
        };
        match decision {
            // A ticket on its way here must reach us, and not the origin.
            Decision::Permit(_) if expects_ticket() => Ok(Act::Intercept(identity)),
            Decision::Permit(permit) => Ok(Act::Tunnel(permit, identity)),
            // A browser shows no page that comes with a refused CONNECT; inside, it does.
            Decision::Deny(_) if kind == Kind::SubResource => Ok(Act::Intercept(identity)),
            Decision::Deny(denial) => {
                recorder.rule = Some(Arc::clone(&denial.rule));
                Err(Refusal::Denied(denial.rule.to_string()))
            }
            // All that a CONNECT tells decides nothing: inside, whoever is a browser can be asked.
            // A tool cannot be asked, neither here nor inside.
            Decision::Reauthenticate(stale) if kind == Kind::Tool && is_by_token => {
                recorder.rule = Some(Arc::clone(&stale.rule));
                Err(Refusal::Denied(stale.rule.to_string()))
            }
            Decision::Reauthenticate(_) => {
                self.look(client, destination).await?;
                Ok(Act::Intercept(identity))
            }
            Decision::Authenticate => {
                let query = Query { user: None, proven: None, network: &peer.network, destination };
                match self.decide_offline() {
                    Some(Decision::Permit(_)) if expects_ticket() => return Ok(Act::Intercept(identity)),
                    Some(Decision::Permit(permit)) => return Ok(Act::Tunnel(permit, None)),
                    Some(Decision::Deny(denial)) => return Err(Refusal::Denied(denial.rule.to_string())),
                    _ => {}
                }
                if kind == Kind::Tool
                    && let Decision::Permit(permit) = self.policy.evaluate_unidentified(query)
                {
                    return Ok(Act::Tunnel(permit, None));
                }
                self.check_connect_askable(destination, kind).await?;
                if kind == Kind::Tool
                    && let Some(invitation) = self.invite(client, fields, wrong).await
                {
                    recorder.reason = wrong.map(Wrong::reason);
                    return Err(Refusal::ToolUnknown(Arc::new(invitation)));
                }
                self.look(client, destination).await?;
                Ok(Act::Intercept(identity))
            }
        }
    }

    /// Refuses what nobody answers, so that a browser that tries https first goes on to http.
    async fn look(&self, client: &Client, destination: &Destination) -> Result<(), Refusal> {
        let query = Query { user: None, proven: None, network: &client.peer.network, destination };
        let may_be_http = destination.port == Scheme::Http.default_port();
        let Some(permit) = self.policy.permit_look(query).filter(|_| !may_be_http) else { return Ok(()) };
        let found = self.looks.look(&self.forwarder, destination, permit, client.peer.client, &client.pool).await;
        found.map_err(|error| Refusal::Absent(error.into()))
    }

    /// Moves bytes between the client and the origin, unread.
    async fn tunnel(
        &self,
        connection: Connection,
        dialled: Dialled,
        identity: Option<&Identity>,
        mut recorder: Recorder,
    ) -> Option<Connection> {
        recorder.origin = Some(dialled.origin);
        recorder.egress = Some(dialled.egress);
        recorder.parent = dialled.through.as_ref().map(|through| Arc::clone(&through.parent));
        let ended = identity.map(|identity| identity.session.ended().clone());
        let in_use = identity.and_then(|identity| identity.in_use.clone());
        let (bounds, pipes) = (Bounds::of(&self.limits), self.pipes.clone());
        let connection = self.establish(connection, &mut recorder).await?;
        // A task of its own, because it needs so much less memory than one that answers requests.
        self.tasks.spawn(async move {
            let early = connection.unread.to_vec();
            let origin = dialled.stream;
            let (moved, end) = relay_streams(connection.stream, origin, early, bounds, ended.as_ref(), &pipes).await;
            (recorder.bytes_in, recorder.bytes_out) = (moved.there, moved.back);
            recorder.reason = end.reason();
            drop(in_use);
        });
        None
    }

    /// Tells the client that the way is open.
    async fn establish(&self, mut connection: Connection, recorder: &mut Recorder) -> Option<Connection> {
        recorder.status = StatusCode::OK.as_u16();
        if connection.write_all(ESTABLISHED, self.limits.body_idle).await.is_err() {
            recorder.reason = Some("client-left");
            return None;
        }
        recorder.open_tunnel();
        Some(connection)
    }

    /// Ends the client's TLS with a leaf of our authority and answers what it asks inside.
    async fn intercept(
        self: &Arc<Self>,
        client: &Arc<Client>,
        connection: Connection,
        destination: Destination,
        identity: Option<Identity>,
        mut recorder: Recorder,
    ) -> Option<Connection> {
        recorder.decision = Outcome::Challenged;
        let connection = self.establish(connection, &mut recorder).await?;
        let (proxy, client) = (Arc::clone(self), Arc::clone(client));
        self.tasks.spawn(async move {
            let served = proxy.serve_inside(connection, &client, destination, identity.as_ref()).await;
            recorder.reason = served.err();
        });
        None
    }

    async fn serve_inside(
        self: Arc<Self>,
        connection: Connection,
        client: &Client,
        destination: Destination,
        identity: Option<&Identity>,
    ) -> Result<(), &'static str> {
        let limit = self.limits.head_time;
        let stream = Rewind::new(connection.unread.freeze(), connection.stream);
        match bounded(limit, Rewind::peek(stream)).await.ok_or("client-left")? {
            (Some(TLS_HANDSHAKE), stream) => {
                let host = destination.host.to_string();
                let server = self.authority.server(&host).map_err(|error| {
                    tracing::error!(host, %error, "no leaf certificate");
                    "proxy_internal_error"
                })?;
                let stream = bounded(limit, TlsAcceptor::from(server).accept(stream)).await;
                // The commonest cause by far: the device does not trust our authority.
                let stream = stream.ok_or("client-refused-certificate")?;
                // A challenge would be for one site, and its cookie for another.
                let asked = stream.get_ref().1.server_name();
                if matches!(destination.host, Host::Domain(_))
                    && asked.is_some_and(|asked| !asked.eq_ignore_ascii_case(host.trim_end_matches('.')))
                {
                    return Err("server-name-differs");
                }
                self.serve_http(Box::new(stream), client.inside(destination).known_by(identity)).await;
                Ok(())
            }
            // A WebSocket over plain HTTP: browsers send it by CONNECT, too.
            (Some(byte), stream) if byte.is_ascii_uppercase() => {
                let destination = Destination { scheme: Scheme::Http, ..destination };
                self.serve_http(Box::new(stream), client.inside(destination).known_by(identity)).await;
                Ok(())
            }
            (Some(_), _) => Err("not-http"),
            (None, _) => Err("client-left"),
        }
    }

    /// Answers the requests on a stream. Boxed, because answering a request can lead here again.
    fn serve_http(
        self: Arc<Self>,
        stream: Box<dyn ByteStream>,
        client: Client,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            let client = Arc::new(client);
            let connection = Connection::new(Stream::Other(stream)).counted(client.peer.place.as_ref());
            h1::serve(connection, &self.limits, &self.finish, |connection, head| {
                let (proxy, client) = (Arc::clone(&self), Arc::clone(&client));
                async move { proxy.handle(&client, connection, head).await }
            })
            .await;
        })
    }

    /// Serves the portal to somebody who asks the proxy for it by name.
    async fn open_portal(&self, client: &Client, connection: Connection, mut recorder: Recorder) -> Option<Connection> {
        recorder.decision = Outcome::Local;
        let connection = self.establish(connection, &mut recorder).await?;
        let (serve, peer) = (Arc::clone(&self.portal.serve), client.peer.clone());
        self.tasks.spawn(async move {
            let stream = Rewind::new(connection.unread.freeze(), connection.stream);
            serve(Box::new(stream), peer).await;
            drop(recorder);
        });
        None
    }
}

/// What is to be done with a CONNECT that is not refused.
enum Act {
    Tunnel(Permit, Option<Identity>),
    /// For whoever is known by a token.
    Intercept(Option<Identity>),
}

async fn bounded<T>(limit: Duration, step: impl Future<Output = std::io::Result<T>>) -> Option<T> {
    timeout(limit, step).await.ok()?.ok()
}
