//! Interception: the client's TLS is ended with a leaf of our authority, and each request inside is answered for itself. By a
//! rule, to look inside; or without one, to ask somebody to sign in or to say why something is refused.
//!
//! Where a rule wants it, the origin is met first: what it presents decides what the client sees, and whether it is intercepted at
//! all. What cannot be intercepted has an answer by the rule: a tunnel, or a refusal.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use tokio_rustls::TlsAcceptor;

use super::answer::Refusal;
use super::client::Client;
use super::decide::outcome;
use super::failures::{FailedBy, Failing, software};
use super::identity::Identity;
use super::shares::{Open, Taken};
use super::unread::{Spared, Unread};
use super::{Asker, Proxy, failures};
use crate::authority::{HTTP_1, HTTP_2, Protocols};
use crate::egress::{self, Presented};
use crate::net::gather::{Gather, ReadAhead};
use crate::net::rewind::Rewind;
use crate::observe::record::RequestId;
use crate::observe::{Outcome, Reason, Recorder};
use crate::policy::{Otherwise, Permit};
use crate::wire::client_hello::{self, ClientHello};
use crate::wire::h1::{Connection, RequestHead};
use crate::wire::kind::RequestKind;
use crate::wire::target::Host;
use crate::wire::{Destination, Scheme};

/// The longest method by which plain HTTP is known.
const MAX_METHOD: usize = 32;

/// A CONNECT that is intercepted.
pub(super) struct Inside {
    destination: Arc<Destination>,
    identity: Option<Identity>,
    kind: RequestKind,
    /// What the client calls itself.
    software: Box<str>,
    /// By what a rule has it intercepted; none where none does.
    inspection: Option<ByRule>,
}

/// An interception by a rule.
struct ByRule {
    permit: Permit,
    /// What the origin has presented; none where its certificate is not valid, or where it is not met.
    presented: Option<Arc<Presented>>,
    /// What it has taken of its limits, for as long as it is open.
    taken: Taken,
}

/// How a client begins inside its CONNECT.
enum Opening {
    /// With TLS.
    Tls(ClientHello),
    /// With plain HTTP, as browsers do for a WebSocket without TLS.
    Http,
    /// With something else.
    Other,
}

impl Proxy {
    /// Intercepts a CONNECT without a rule that says so: to ask somebody to sign in, or to show a page.
    pub(super) async fn intercept(
        self: &Arc<Self>,
        client: &Arc<Client>,
        connection: Box<Connection>,
        (destination, head): (Arc<Destination>, &RequestHead),
        identity: Option<Identity>,
        mut recorder: Recorder,
    ) -> Option<Box<Connection>> {
        recorder.decision = Outcome::Challenged;
        let (kind, software) = (Asker::of_head(&head.fields).kind, software(&head.fields));
        if !self.authority.permits(&destination.host.to_string()) {
            let (why, asker) = (Unread::OutsideAuthority, Asker::of_head(&head.fields));
            recorder.reason = Some(why.reason());
            return self.refuse(connection, Some(head), &Refusal::Unread(why), &asker, recorder).await;
        }
        let inside = Inside { destination, identity, kind, software, inspection: None };
        self.begin(client, connection, inside, recorder).await
    }

    /// Intercepts a CONNECT by the rule that gave the permit.
    pub(super) async fn inspect(
        self: &Arc<Self>,
        client: &Arc<Client>,
        connection: Box<Connection>,
        head: &RequestHead,
        (mut permit, identity): (Permit, Option<Identity>),
        mut recorder: Recorder,
    ) -> Option<Box<Connection>> {
        recorder.decision = outcome(&permit);
        recorder.rule = Some(Arc::clone(permit.rule()));
        recorder.terms = permit.terms().iter().map(|terms| Arc::clone(&terms.rule)).collect();
        let (asker, software) = (Asker::of_head(&head.fields), software(&head.fields));
        let destination = Arc::clone(permit.destination());
        let taken = match self.limit(client, &permit, identity.as_ref(), &mut recorder) {
            Ok(taken) => taken,
            Err(exhausted) => {
                return self.refuse(connection, Some(head), &Refusal::Exhausted(exhausted), &asker, recorder).await;
            }
        };
        let failing = Failing::new(client, identity.as_ref(), &destination, &software);
        if let Some(until) = self.memory.failures.lets_through(failing, self.clock.now(), self.interception) {
            recorder.reason = Some(Reason::AutoTunnel);
            permit.leave_unread();
            let within = (permit, taken, Spared::Auto(until));
            return self.open_within(client, connection, head, within, identity, recorder).await;
        }
        if !self.authority.permits(&destination.host.to_string()) {
            self.memory.failures.note(failing, FailedBy::OutsideAuthority, self.clock.now(), self.interception);
            let why = Unread::OutsideAuthority;
            recorder.reason = Some(why.reason());
            return self.refuse(connection, Some(head), &Refusal::Unread(why), &asker, recorder).await;
        }
        let (mut permit, met) = self.meet(client, permit, failing).await;
        let presented = match met {
            Ok(presented) => presented,
            Err(Unmet::Unread(why)) => {
                recorder.reason = Some(why.reason());
                if why.otherwise(&permit) == Otherwise::Tunnel {
                    permit.leave_unread();
                    let within = (permit, taken, Spared::Unread(why));
                    return self.open_within(client, connection, head, within, identity, recorder).await;
                }
                return self.refuse(connection, Some(head), &Refusal::Unread(why), &asker, recorder).await;
            }
            Err(Unmet::Away(error)) => {
                return self.refuse(connection, Some(head), &error.into(), &asker, recorder).await;
            }
        };
        let inspection = Some(ByRule { permit, presented, taken });
        let inside = Inside { destination, identity, kind: asker.kind, software, inspection };
        self.begin(client, connection, inside, recorder).await
    }

    /// Meets the origin. Nothing, where the page inside says what is wrong with it, and where it is not TLS that is spoken.
    async fn meet(
        &self,
        client: &Client,
        permit: Permit,
        failing: Failing<'_>,
    ) -> (Permit, Result<Option<Arc<Presented>>, Unmet>) {
        if permit.destination().port == Scheme::Http.default_port() {
            return (permit, Ok(None));
        }
        let (permit, met) = self.forwarder.dialler.meet(permit, client.peer.client, &client.pool).await;
        let note = |by| self.memory.failures.note(failing, by, self.clock.now(), self.interception);
        let met = match met {
            Ok(presented) if presented.asks_certificate => {
                note(FailedBy::ClientCertificate);
                Err(Unmet::Unread(Unread::ClientCertificate))
            }
            Ok(presented) => Ok(Some(presented)),
            Err(egress::Error::NoTls(_)) => {
                note(FailedBy::Protocol);
                Err(Unmet::Unread(Unread::Protocol))
            }
            Err(egress::Error::Certificate(flaw, _)) => {
                note(FailedBy::of(flaw));
                Ok(None)
            }
            // The page inside says so.
            Err(egress::Error::Tls(_)) => Ok(None),
            Err(error) => Err(Unmet::Away(error)),
        };
        (permit, met)
    }

    /// Answers the CONNECT, and goes on inside in a task of its own.
    async fn begin(
        self: &Arc<Self>,
        client: &Arc<Client>,
        connection: Box<Connection>,
        inside: Inside,
        mut recorder: Recorder,
    ) -> Option<Box<Connection>> {
        let connection = self.establish(connection, &mut recorder).await?;
        let (proxy, client) = (Arc::clone(self), Arc::clone(client));
        self.tasks.spawn(async move { proxy.go_inside(connection, &client, inside, recorder).await });
        None
    }

    async fn go_inside(
        self: Arc<Self>,
        mut connection: Box<Connection>,
        client: &Client,
        mut inside: Inside,
        mut recorder: Recorder,
    ) {
        let opening = match self.opening(&mut connection).await {
            Ok(opening) => opening,
            Err(reason) => {
                recorder.reason = Some(reason);
                return;
            }
        };
        let unreadable = match &opening {
            Opening::Tls(hello) if !hello.is_for(&inside.destination) => {
                // With a real Encrypted Client Hello, the name that is seen is that of whoever is in front of the site. One that
                // only looks like it (GREASE) comes with the site's own.
                if hello.server_name.is_some() && !hello.has_ech {
                    self.note(client, &inside, FailedBy::ServerName);
                    recorder.reason = Some(Reason::ServerNameDiffers);
                    return;
                }
                // Nobody who is only asked to sign in depends on a name that some software leaves out.
                hello.has_ech || inside.inspection.is_some()
            }
            Opening::Tls(hello) => !hello.takes(inside.takes()),
            Opening::Http => false,
            Opening::Other => true,
        };
        if unreadable {
            self.note(client, &inside, FailedBy::Protocol);
            recorder.reason = Some(Reason::NotHttp);
            if inside.inspection.as_ref().is_some_and(|own| own.permit.on_unreadable() == Otherwise::Tunnel) {
                self.tunnel_unread(connection, client, inside, recorder).await;
            }
            return;
        }
        let held = inside.inspection.as_mut().and_then(|own| std::mem::take(&mut own.taken).into_held());
        let served = self.serve_inside(connection, client, (&inside, held), opening, recorder.id()).await;
        if let Err(reason) = served {
            recorder.reason = Some(reason);
        }
    }

    /// Reads how a client begins, and keeps what it has sent.
    async fn opening(&self, connection: &mut Connection) -> Result<Opening, Reason> {
        connection.deadline.set(self.limits.head_time);
        loop {
            match ClientHello::read(&connection.unread) {
                Ok(Some(hello)) => return Ok(Opening::Tls(hello)),
                Ok(None) if connection.unread.len() > client_hello::MAX_OCTETS => return Ok(Opening::Other),
                Ok(None) => {}
                Err(_) => match is_http(&connection.unread) {
                    Some(true) => return Ok(Opening::Http),
                    Some(false) => return Ok(Opening::Other),
                    None => {}
                },
            }
            let filled = poll_fn(|cx| match connection.poll_fill(cx) {
                Poll::Ready(filled) => Poll::Ready(filled.unwrap_or_default()),
                Poll::Pending => connection.deadline.poll(cx).map(|()| 0),
            });
            if filled.await == 0 {
                return Err(Reason::ClientLeft);
            }
        }
    }

    /// Moves octets unread where a rule says so of what cannot be read. They begin with what the client has sent.
    async fn tunnel_unread(
        self: Arc<Self>,
        mut connection: Box<Connection>,
        client: &Client,
        inside: Inside,
        mut recorder: Recorder,
    ) {
        let Inside { identity, kind, inspection: Some(ByRule { mut permit, mut taken, .. }), .. } = inside else {
            return;
        };
        connection.stream = taken.pace(connection.stream);
        if let Some(open) = taken.into_open() {
            recorder.keep(open);
        }
        permit.leave_unread();
        self.note_tunnel(&permit, &mut recorder);
        match self.forwarder.dialler.dial(permit, Some(client.peer.client)).await {
            Ok(dialled) => {
                let spared = Spared::Unread(Unread::Protocol);
                self.carry(connection, dialled, identity, (kind, spared), recorder).await;
            }
            Err(error) => recorder.reason = Refusal::from(error).error_type(),
        }
    }

    async fn serve_inside(
        self: Arc<Self>,
        connection: Box<Connection>,
        client: &Client,
        (inside, held): (&Inside, Option<Arc<[Open]>>),
        opening: Opening,
        request_id: RequestId,
    ) -> Result<(), Reason> {
        let (destination, identity) = (Arc::clone(&inside.destination), inside.identity.as_ref());
        let Connection { stream, unread, mut deadline, .. } = *connection;
        let stream = Rewind::new(unread.freeze(), stream);
        let Opening::Tls(hello) = opening else {
            let destination = Arc::new(Destination { scheme: Scheme::Http, ..Destination::clone(&destination) });
            let mut inner = client.inside(destination).known_by(identity);
            inner.held = held;
            self.serve_http(Box::new(stream), inner).await;
            return Ok(());
        };
        let host = destination.host.to_string();
        let presented = inside.inspection.as_ref().and_then(|own| own.presented.as_deref());
        let server = match presented {
            Some(Presented { names, .. }) => self.authority.server_as(&host, names, inside.speaks()),
            None => self.authority.server(&host),
        };
        let server = server.map_err(|error| {
            tracing::error!(host, %error, %request_id, "a CONNECT cannot be intercepted, because no certificate for its host can be made: the connection is closed");
            Reason::ProxyInternalError
        })?;
        let mut accepting = TlsAcceptor::from(server).accept(ReadAhead::new(stream));
        deadline.set(self.limits.head_time);
        let accepted = poll_fn(|cx| match Pin::new(&mut accepting).poll(cx) {
            Poll::Ready(accepted) => Poll::Ready(Some(accepted)),
            Poll::Pending => deadline.poll(cx).map(|()| None),
        });
        let stream = match accepted.await {
            Some(Ok(stream)) => stream,
            Some(Err(error)) => {
                let (by, is_certain) = failed_by(&error);
                // Who just goes may have wanted nothing; and where no rule intercepts, none is to be got around.
                let counts = is_certain && inside.inspection.is_some();
                let config = if counts { self.interception } else { failures::Config::default() };
                self.memory.failures.note(inside.failing(client), by, self.clock.now(), config);
                return Err(if by == FailedBy::Protocol {
                    Reason::TlsProtocolError
                } else {
                    Reason::ClientRefusedCertificate
                });
            }
            None => return Err(Reason::ClientLeft),
        };
        // Both readers of its first message must have read the same.
        let asked = stream.get_ref().1.server_name();
        let is_same = asked.is_none_or(|asked| {
            hello.server_name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(asked))
                && matches!(destination.host, Host::Domain(_))
        });
        if !is_same {
            return Err(Reason::ServerNameDiffers);
        }
        self.memory.failures.taken(inside.failing(client), self.interception);
        let mut inner = client.inside(destination).known_by(identity);
        (inner.is_inspected, inner.held) = (inside.inspection.is_some(), held);
        if stream.get_ref().1.alpn_protocol() == HTTP_2.first().copied() {
            self.serve_http_2(Box::new(stream), inner, host.into()).await;
        } else {
            self.serve_http(Box::new(Gather::new(stream)), inner).await;
        }
        Ok(())
    }

    fn note(&self, client: &Client, inside: &Inside, by: FailedBy) {
        self.memory.failures.note(inside.failing(client), by, self.clock.now(), self.interception);
    }
}

impl Inside {
    /// The protocols of which the client can choose one: those of the origin, if it was met. One that has agreed on nothing looks
    /// so to the client.
    fn speaks(&self) -> Protocols {
        let presented = self.inspection.as_ref().and_then(|own| own.presented.as_deref());
        match presented.map(|presented| presented.alpn.as_deref()) {
            Some(Some(b"h2")) => HTTP_2,
            Some(None) => &[],
            Some(Some(_)) | None => HTTP_1,
        }
    }

    /// What the client may speak, whether or not that is agreed on.
    fn takes(&self) -> Protocols {
        let speaks = self.speaks();
        if speaks.is_empty() { HTTP_1 } else { speaks }
    }

    fn failing<'a>(&'a self, client: &Client) -> Failing<'a> {
        Failing::new(client, self.identity.as_ref(), &self.destination, &self.software)
    }
}

/// Why an origin could not be met.
enum Unmet {
    /// What it speaks, or what it asks for, cannot be intercepted.
    Unread(Unread),
    /// It cannot be reached.
    Away(egress::Error),
}

/// What ended a handshake, and whether that is certain: software that does not trust our authority says so by an alert, or just
/// goes.
fn failed_by(error: &std::io::Error) -> (FailedBy, bool) {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::AlertReceived(_)) => (FailedBy::ClientRefused, true),
        None => (FailedBy::ClientRefused, false),
        Some(_) => (FailedBy::Protocol, true),
    }
}

/// Whether what is not TLS begins as a request of HTTP does, with a method and a space (SSH begins with a letter, too); none
/// while that cannot be said.
fn is_http(octets: &[u8]) -> Option<bool> {
    for octet in octets.iter().take(MAX_METHOD) {
        match octet {
            b'A'..=b'Z' | b'-' => {}
            other => return Some(*other == b' ' && octets.first().is_some_and(u8::is_ascii_uppercase)),
        }
    }
    (octets.len() >= MAX_METHOD).then_some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_is_told_from_other_protocols_that_begin_with_letters() {
        for (octets, is_it) in [
            (&b"GET / HTTP/1.1\r\n"[..], Some(true)),
            (b"VERSION-CONTROL /x HTTP/1.1", Some(true)),
            (b"GET", None),
            (b"SSH-2.0-OpenSSH_9.2\r\n", Some(false)),
            (b"EHLO\r\n", Some(false)),
            (b"get / HTTP/1.1", Some(false)),
            (b" GET", Some(false)),
            (b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", Some(false)),
        ] {
            assert_eq!(is_http(octets), is_it, "{}", String::from_utf8_lossy(octets));
        }
    }
}
