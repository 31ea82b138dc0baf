//! CONNECT: a tunnel for a client that is known, and interception where a rule says so, and for one that is to be asked to sign in.

use std::pin::Pin;
use std::sync::Arc;

use http::StatusCode;

use super::answer::Refusal;
use super::ask::note_stale;
use super::client::Client;
use super::decide::{Decided, Sought, outcome};
use super::exchange::check_host;
use super::failures::Looked;
use super::identity::Identity;
use super::shares::Taken;
use super::token::Wrong;
use super::tunnel::Tunnel;
use super::unread::Spared;
use super::until::Leave;
use super::weak::Helps;
use super::{Asker, Proxy, trust};
use crate::egress::Dialled;
use crate::net::rewind::Rewind;
use crate::observe::{Outcome, Reason, Recorder};
use crate::policy::{Access, Ask, Denial, Manner, Permit, Proof, Verdict, Why};
use crate::session::returning::ARRIVE_PORT;
use crate::wire::h1::{self, ByteStream, Connection, Fields, RequestHead, Stream};
use crate::wire::kind::RequestKind;
use crate::wire::{Destination, Scheme, h2};

/// The answer to a CONNECT that opens the tunnel. It has no fields, because it has no content that they could describe.
const ESTABLISHED: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";

impl Proxy {
    /// Answers a CONNECT.
    pub(super) async fn connect(
        self: &Arc<Self>,
        client: &Arc<Client>,
        connection: Box<Connection>,
        head: RequestHead,
        mut recorder: Recorder,
    ) -> Option<Box<Connection>> {
        let asker = Asker::of_head(&head.fields);
        let checked = Destination::of_authority_form(&head.target).map_err(Refusal::from).and_then(|destination| {
            recorder.destination(&destination);
            self.check_connect(client, &head).map(|()| destination)
        });
        let destination = match checked {
            Ok(destination) => Arc::new(destination),
            Err(refusal) => return Box::pin(self.refuse(connection, Some(&head), &refusal, &asker, recorder)).await,
        };
        if *destination == self.portal.destination {
            return Box::pin(self.open_portal(client, connection, recorder)).await;
        }
        // Nobody gets a tunnel to this port, known or not: a ticket must never reach an origin.
        if destination.port == ARRIVE_PORT || trust::is_mark(&destination) {
            return Box::pin(self.intercept(client, connection, (destination, &head), None, recorder)).await;
        }
        // All but a tunnel is boxed, so that one does not carry what the others would need.
        match self.open(client, &destination, asker.kind, &head.fields, &mut recorder).await {
            Ok(ConnectAct::Intercept(identity)) => {
                Box::pin(self.intercept(client, connection, (destination, &head), identity, recorder)).await
            }
            Ok(ConnectAct::Inspect(permit, identity)) => {
                Box::pin(self.inspect(client, connection, &head, (permit, identity), recorder)).await
            }
            Ok(ConnectAct::Tunnel(permit, identity)) => {
                self.open_tunnel(client, connection, &head, (permit, identity), recorder).await
            }
            Err(refusal) => Box::pin(self.refuse(connection, Some(&head), &refusal, &asker, recorder)).await,
        }
    }

    /// Opens a tunnel that is permitted, within the limits of its permit.
    async fn open_tunnel(
        self: &Arc<Self>,
        client: &Client,
        connection: Box<Connection>,
        head: &RequestHead,
        (permit, identity): (Permit, Option<Identity>),
        mut recorder: Recorder,
    ) -> Option<Box<Connection>> {
        recorder.decision = outcome(&permit);
        recorder.rule = Some(Arc::clone(permit.rule()));
        match self.limit(client, &permit, identity.as_ref(), &mut recorder) {
            Ok(taken) => {
                let within = (permit, taken, Spared::ByDefault);
                self.open_within(client, connection, head, within, identity, recorder).await
            }
            Err(exhausted) => {
                let (refusal, asker) = (Refusal::Exhausted(exhausted), Asker::of_head(&head.fields));
                Box::pin(self.refuse(connection, Some(head), &refusal, &asker, recorder)).await
            }
        }
    }

    /// Opens a tunnel for which was taken what it needs of its limits.
    pub(super) async fn open_within(
        self: &Arc<Self>,
        client: &Client,
        mut connection: Box<Connection>,
        head: &RequestHead,
        (permit, mut taken, spared): (Permit, Taken, Spared),
        identity: Option<Identity>,
        mut recorder: Recorder,
    ) -> Option<Box<Connection>> {
        let asker = Asker::of_head(&head.fields);
        let destination = Arc::clone(permit.destination());
        self.note_tunnel(&permit, &mut recorder);
        match self.forwarder.dialler.dial(permit, Some(client.peer.client)).await {
            Ok(dialled) => {
                connection.stream = taken.pace(connection.stream);
                if let Some(open) = taken.into_open() {
                    recorder.keep(open);
                }
                let whose = (identity.as_ref(), asker.kind, spared);
                self.tunnel(connection, dialled, whose, &destination, recorder).await
            }
            Err(error) => Box::pin(self.refuse(connection, Some(head), &error.into(), &asker, recorder)).await,
        }
    }

    /// Refuses a CONNECT that is refused to everybody, signed in or not.
    fn check_connect(&self, client: &Client, head: &RequestHead) -> Result<(), Refusal> {
        if client.inside.is_some() {
            return Err(Refusal::Method);
        }
        if self.forwarder.via.is_in(&head.fields) {
            return Err(Refusal::Loop);
        }
        check_host(head, None)
    }

    /// Identifies and decides; before an interception, also finds out whether the destination is there.
    async fn open(
        &self,
        client: &Client,
        destination: &Arc<Destination>,
        kind: RequestKind,
        fields: &Fields,
        recorder: &mut Recorder,
    ) -> Result<ConnectAct, Refusal> {
        self.forwarder.dialler.check_connect_port(destination.port)?;
        let sought = Sought { destination, access: Access::Connect(kind), request: None };
        let Decided { verdict, identity, wrong } = self.decide(client, sought, fields, recorder).await;
        match verdict {
            Verdict::Permit(permit) if permit.manner() == Manner::Intercept => {
                Ok(ConnectAct::Inspect(permit, identity))
            }
            Verdict::Permit(permit) => Ok(ConnectAct::Tunnel(permit, identity)),
            // Nobody is intercepted here to be asked or told something. A tool is told of tokens without that.
            Verdict::Deny(Denial { why: Why::Exempt, rule }) => {
                if identity.is_none()
                    && kind == RequestKind::Tool
                    && let Some(invitation) = Box::pin(self.invite(client, fields, wrong)).await
                {
                    recorder.reason = wrong.map(Wrong::reason);
                    return Err(Refusal::ToolUnknown(Arc::new(invitation)));
                }
                recorder.rule = Some(Arc::clone(&rule));
                Err(Refusal::Denied(rule.to_string()))
            }
            // A CONNECT does not show whether the client can be asked to sign in. Inside, a browser can be.
            Verdict::Ask(ask) => {
                match &ask.proof {
                    Proof::SignIn => Box::pin(self.check_connect_askable(destination, kind, &ask)).await?,
                    // Nothing inside makes more of what stands for a tool.
                    Proof::Again(stale) if kind == RequestKind::Tool => {
                        let weak = self.too_weak(client, kind, fields, stale);
                        if let Some(weak) = weak.filter(|weak| weak.helps != Helps::Portal) {
                            note_stale(recorder, stale);
                            return Err(Refusal::TooWeak(weak));
                        }
                    }
                    Proof::Again(_) => {}
                }
                Box::pin(self.look(client, destination)).await?;
                Ok(ConnectAct::Intercept(identity))
            }
            Verdict::Deny(Denial { why: Why::Unasked(ask), .. }) if ask.proof == Proof::SignIn => {
                Box::pin(self.check_connect_askable(destination, kind, &ask)).await?;
                if let Some(invitation) = Box::pin(self.invite(client, fields, wrong)).await {
                    recorder.reason = wrong.map(Wrong::reason);
                    return Err(Refusal::ToolUnknown(Arc::new(invitation)));
                }
                Box::pin(self.look(client, destination)).await?;
                Ok(ConnectAct::Intercept(identity))
            }
            // A browser shows inside what bars its way. Nobody looks for the destination first: before that is passed,
            // nothing is sent there.
            Verdict::Warn(_) | Verdict::Override(_) => Ok(ConnectAct::Intercept(identity)),
            Verdict::Deny(Denial { why: Why::Barred(barrier), .. }) => {
                recorder.rule = Some(Arc::clone(&barrier.rule));
                Err(Refusal::Barred(barrier))
            }
            // A browser does not show the page of a refused CONNECT; it shows one that comes from inside.
            Verdict::Deny(Denial { why: Why::Rule, .. }) if kind == RequestKind::SubResource => {
                Ok(ConnectAct::Intercept(identity))
            }
            // A tool's token is no proof of its person's: they give one in a browser.
            Verdict::Deny(Denial { why: Why::Unasked(Ask { proof: Proof::Again(stale), .. }), .. }) => {
                note_stale(recorder, &stale);
                Err(Refusal::SignInAgain(stale))
            }
            Verdict::Deny(Denial { rule, .. }) => {
                recorder.rule = Some(Arc::clone(&rule));
                Err(Refusal::Denied(rule.to_string()))
            }
        }
    }

    /// Refuses a destination at which nobody answers, so that a browser that tries https first goes on to http.
    async fn look(&self, client: &Client, destination: &Arc<Destination>) -> Result<(), Refusal> {
        if destination.port == Scheme::Http.default_port() {
            return Ok(());
        }
        let Some(permit) = self.permit_look(client, destination) else { return Ok(()) };
        let found = self.memory.looks.look(&self.forwarder.dialler, permit, client.peer.client, &client.pool).await;
        found.map_err(|error| Refusal::Absent(error.into()))
    }

    /// Moves bytes between the client and the origin, unread.
    async fn tunnel(
        self: &Arc<Self>,
        connection: Box<Connection>,
        dialled: Dialled,
        (identity, kind, spared): (Option<&Identity>, RequestKind, Spared),
        destination: &Arc<Destination>,
        mut recorder: Recorder,
    ) -> Option<Box<Connection>> {
        note_way(&mut recorder, &dialled);
        let leave = Leave::new(self, identity, Access::Connect(kind), None).spared(spared);
        let in_use = identity.and_then(|identity| identity.in_use.clone());
        let connection = self.establish(connection, &mut recorder).await?;
        if self.interception.tunnels == Looked::ServerName {
            let (proxy, destination) = (Arc::clone(self), Arc::clone(destination));
            let asked = (destination, identity.cloned(), kind);
            self.tasks.spawn(async move { proxy.begin_named(connection, dialled, asked, leave, recorder).await });
            return None;
        }
        let mut tunnel = Tunnel::new(self, connection, dialled.stream, leave, in_use, recorder);
        // A task of its own, because a tunnel needs much less memory than the task that answers requests, which ends here.
        self.tasks.spawn(async move { tunnel.run().await });
        None
    }

    /// The same, once it is known which host the client names in its handshake.
    async fn begin_named(
        self: Arc<Self>,
        mut connection: Box<Connection>,
        dialled: Dialled,
        (destination, identity, kind): (Arc<Destination>, Option<Identity>, RequestKind),
        leave: Leave,
        mut recorder: Recorder,
    ) {
        let mut origin = Connection::new(dialled.stream);
        let named =
            self.check_name(&mut connection, &mut origin, (&destination, kind), identity.as_ref(), &recorder).await;
        if let Err(reason) = named {
            recorder.reason = Some(reason);
            return;
        }
        // What a server has said that speaks first.
        if !origin.unread.is_empty() && connection.write_all(&origin.unread, self.limits.body_idle).await.is_err() {
            recorder.reason = Some(Reason::ClientLeft);
            return;
        }
        let in_use = identity.and_then(|identity| identity.in_use);
        Tunnel::new(&self, connection, origin.stream, leave, in_use, recorder).run().await;
    }

    /// Moves bytes between a client that was answered already and the origin, unread, in this task.
    pub(super) async fn carry(
        &self,
        connection: Box<Connection>,
        dialled: Dialled,
        identity: Option<Identity>,
        (kind, spared): (RequestKind, Spared),
        mut recorder: Recorder,
    ) {
        note_way(&mut recorder, &dialled);
        let leave = Leave::new(self, identity.as_ref(), Access::Connect(kind), None).spared(spared);
        let in_use = identity.and_then(|identity| identity.in_use);
        Tunnel::new(self, connection, dialled.stream, leave, in_use, recorder).run().await;
    }

    /// Tells the client that the tunnel is open.
    pub(super) async fn establish(
        &self,
        mut connection: Box<Connection>,
        recorder: &mut Recorder,
    ) -> Option<Box<Connection>> {
        recorder.status = StatusCode::OK.as_u16();
        if connection.write_all(ESTABLISHED, self.limits.body_idle).await.is_err() {
            recorder.reason = Some(Reason::ClientLeft);
            return None;
        }
        recorder.open_tunnel();
        Some(connection)
    }

    /// Answers the requests on a stream. The future is boxed, because its type would contain itself: answering a
    /// request can lead here again.
    pub(super) fn serve_http(
        self: Arc<Self>,
        stream: Box<dyn ByteStream>,
        client: Client,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            let client = Arc::new(client);
            let connection = Connection::new(Stream::Other(stream)).counted(client.peer.place.as_ref());
            h1::serve(connection, &self.limits, &self.finish, || {
                // Each request is answered under the configuration that is in force when it comes.
                let proxy = self.memory.current().unwrap_or_else(|| Arc::clone(&self));
                let client = proxy.judge(&client);
                move |connection, head| async move { proxy.handle(&client, connection, head).await }
            })
            .await;
        })
    }

    /// The same over HTTP/2, where `own` is the host that the CONNECT named. Each stream is one request, which is identified and
    /// decided for itself.
    pub(super) fn serve_http_2(
        self: Arc<Self>,
        stream: Box<dyn ByteStream>,
        client: Client,
        own: Arc<str>,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            h2::serve(stream, Some(own), &self.limits, &self.finish, || {
                let proxy = self.memory.current().unwrap_or_else(|| Arc::clone(&self));
                let client = proxy.judge(&Arc::new(client.stream()?));
                Some(move |connection, head| async move { proxy.handle(&client, connection, head).await })
            })
            .await;
        })
    }

    /// Serves the portal to a client that has sent a CONNECT to the portal's name.
    async fn open_portal(
        &self,
        client: &Client,
        connection: Box<Connection>,
        mut recorder: Recorder,
    ) -> Option<Box<Connection>> {
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

/// What to do with a CONNECT that is not refused.
enum ConnectAct {
    /// Move octets to the destination and back, for a person or for nobody in particular.
    Tunnel(Permit, Option<Identity>),
    /// Answer in the place of the destination, and decide about each request inside.
    Intercept(Option<Identity>),
    /// The same, because a rule says so, for a person or for nobody in particular.
    Inspect(Permit, Option<Identity>),
}

/// Records how the origin was reached.
fn note_way(recorder: &mut Recorder, dialled: &Dialled) {
    recorder.origin = Some(dialled.origin);
    recorder.egress = Some(dialled.egress);
    recorder.parent = dialled.through.as_ref().map(|through| Arc::clone(&through.parent));
}
