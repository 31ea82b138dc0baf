//! Sends a request to its origin, brings the head of the answer back, and moves the bodies.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;

use http::{Method, StatusCode, Version};

use super::dial::{self, Dialler, OriginTls};
use super::outgoing::{Incoming, to_absolute_form};
use super::pool::{Lease, OriginConnection, Pin, Pool};
use super::watch::Watch;
use crate::clock::Timestamp;
use crate::policy::Permit;
use crate::wire::field::Via;
use crate::wire::h1::{BodyError, Connection, Fields, Length, ReadError, ResponseHead, Stream, Transfer};
use crate::wire::{Destination, Limits, Pipes, Scheme};

/// Interim answers (RFC 9110 §15.2) to one request: more than any honest origin sends.
const MAX_INTERIM: u32 = 16;

/// Why there is no answer to pass on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Dial(#[from] dial::Error),
    #[error("the origin did not answer in time")]
    AnswerTimedOut,
    #[error("the connection was lost before the answer")]
    ConnectionLost,
    #[error("the origin's answer is not HTTP: {0}")]
    BadAnswer(String),
    #[error("the client broke off its request")]
    ClientLeft,
    #[error("the request's body is not valid: {0}")]
    BadBody(String),
    #[error("the request's body did not arrive in time")]
    BodyTimedOut,
    #[error("the session has ended")]
    SessionEnded,
}

/// Sends requests to origins.
#[derive(Debug)]
pub(super) struct Forwarder {
    pub(super) dialler: Arc<Dialler>,
    pub(super) tls: OriginTls,
    pub(super) limits: Limits,
    pub(super) via: Via,
    /// What long bodies are spliced through.
    pub(super) pipes: Pipes,
}

/// A request that is to be sent.
pub(super) struct Sending<'a> {
    pub(super) permit: Permit,
    pub(super) destination: &'a Arc<Destination>,
    pub(super) method: &'a Method,
    /// The version that the client speaks: HTTP/1.0 knows no interim answers.
    pub(super) version: Version,
    /// The head, as it leaves.
    pub(super) octets: Vec<u8>,
    pub(super) body: Length,
    /// Whether it is a preflight of somebody unknown.
    pub(super) only_asks: bool,
    /// The protocols that the client would change to.
    pub(super) upgrade: Option<&'a [u8]>,
    /// The address of whoever asks.
    pub(super) client: SocketAddr,
    pub(super) pin: &'a Arc<Pin>,
    pub(super) pool: &'a Arc<Pool>,
}

/// A request that has an answer.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) lease: Lease,
    pub(super) head: ResponseHead,
    /// The request's body, which may still be on its way.
    pub(super) upload: Upload,
}

/// A request's head and body on their way.
#[derive(Debug)]
pub(super) struct Upload {
    pub(super) transfer: Transfer,
    state: Sent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    Going,
    Whole,
    /// The origin takes no more of it: what it has to say may have been said.
    Broken,
}

impl Sending<'_> {
    /// The head for whoever is at the other end: a parent wants to see it in absolute-form, and who we are.
    fn octets_for(&self, lease: &Lease) -> Vec<u8> {
        match &lease.connection.through {
            Some(through) if through.absolute_form => to_absolute_form(&self.octets, self.destination, through),
            _ => self.octets.clone(),
        }
    }
}

impl Upload {
    /// Whether all of it has been sent.
    pub(super) fn is_whole(&self) -> bool {
        self.state == Sent::Whole
    }
}

impl Forwarder {
    /// Sends a request and waits for the head of the answer. A connection that was kept may turn out to be gone: the
    /// request is sent once more on a new one, when that cannot do a thing twice (RFC 9110 §9.2.2).
    pub(super) async fn send(
        &self,
        sending: Sending<'_>,
        client: &mut Connection,
        watch: &mut Watch,
    ) -> Result<Answered, Failure> {
        let (destination, lane) = (sending.destination, sending.permit.lane());
        let may_repeat = sending.method.is_idempotent() && sending.body.is_none();
        if sending.upgrade.is_none()
            && let Some(mut lease) =
                sending.pin.take(destination, lane).or_else(|| sending.pool.take(destination, lane))
        {
            let mut upload = self.upload(&sending, client, &lease);
            match self.wait(&sending, client, &mut lease, &mut upload, watch).await {
                Ok(head) => return Ok(Answered { lease, head, upload }),
                Err(Failure::ConnectionLost) if may_repeat => {}
                Err(failure) => return Err(failure),
            }
        }
        let connection = self.open(&sending.permit, destination, sending.client).await?;
        let mut lease = sending.pool.lease(connection, Arc::clone(destination), lane.clone());
        if lease.connection.through.as_ref().is_some_and(|through| through.for_one_client) {
            lease.pin(sending.pin);
        }
        let mut upload = self.upload(&sending, client, &lease);
        let head = self.wait(&sending, client, &mut lease, &mut upload, watch).await?;
        Ok(Answered { lease, head, upload })
    }

    fn upload(&self, sending: &Sending<'_>, client: &Connection, lease: &Lease) -> Upload {
        let in_chunks = sending.body == Length::Chunked;
        let transfer = Transfer::new(sending.octets_for(lease), sending.body, in_chunks);
        let transfer = self.splicing(transfer, client, &lease.connection.connection);
        Upload { transfer, state: Sent::Going }
    }

    /// Lets a body between two TCP connections go without a copy, when it is long.
    pub(super) fn splicing(&self, transfer: Transfer, from: &Connection, to: &Connection) -> Transfer {
        match (&from.stream, &to.stream) {
            (Stream::Plain(_), Stream::Plain(_)) => transfer.through(&self.pipes),
            _ => transfer,
        }
    }

    /// Opens a connection to an origin, with TLS where that is spoken there.
    pub(super) async fn open(
        &self,
        permit: &Permit,
        destination: &Destination,
        client: SocketAddr,
    ) -> Result<OriginConnection, Failure> {
        let dialled = self.dialler.dial(destination, permit, Some(client)).await?;
        let (origin, egress, through) = (dialled.origin, dialled.egress, dialled.through);
        let stream = match destination.scheme {
            Scheme::Http => dialled.stream,
            Scheme::Https => Stream::Other(Box::new(self.tls.connect(&destination.host, dialled.stream).await?)),
        };
        Ok(OriginConnection { connection: Connection::new(stream), through, origin, egress })
    }

    /// Sends the request and waits for the head of the final answer; interim ones are passed on.
    async fn wait(
        &self,
        sending: &Sending<'_>,
        client: &mut Connection,
        lease: &mut Lease,
        upload: &mut Upload,
        watch: &mut Watch,
    ) -> Result<ResponseHead, Failure> {
        for _ in 0..MAX_INTERIM {
            let octets = self.next_head(client, &mut lease.connection.connection, upload, watch).await?;
            let head = ResponseHead::parse(&octets, self.limits.head_fields, sending.method)
                .map_err(|error| Failure::BadAnswer(error.to_string()))?;
            if let Some(through) = lease.connection.through.as_ref().filter(|through| through.absolute_form)
                && head.status == StatusCode::PROXY_AUTHENTICATION_REQUIRED
            {
                // It is us whom the parent does not know, and nobody who asks through us.
                let parent = Arc::clone(&through.parent);
                return Err(dial::Error::Parent(parent, dial::ParentFault::Credentials).into());
            }
            if head.status == StatusCode::SWITCHING_PROTOCOLS && !is_asked_for(&head.fields, sending.upgrade) {
                return Err(Failure::BadAnswer("it changes to a protocol that nobody asked for".into()));
            }
            if !head.status.is_informational() || head.status == StatusCode::SWITCHING_PROTOCOLS {
                return Ok(head);
            }
            // RFC 9110 §15.2; a preflight is not answered by any of them.
            if sending.version == Version::HTTP_11 && !sending.only_asks {
                let now = Timestamp::UNIX_EPOCH;
                let interim = Incoming { head: &head, client: sending.version, only_asks: false, keeps: true, now };
                let octets = interim.encode(&self.via);
                client.write_all(&octets, self.limits.body_idle).await.map_err(|_| Failure::ClientLeft)?;
            }
        }
        Err(Failure::BadAnswer("there are too many interim answers".into()))
    }

    /// The next head that the origin sends, while the request is on its way.
    async fn next_head(
        &self,
        client: &mut Connection,
        origin: &mut Connection,
        upload: &mut Upload,
        watch: &mut Watch,
    ) -> Result<bytes::Bytes, Failure> {
        let limits = &self.limits;
        let mut progress = None;
        client.deadline.set(limits.answer_time);
        poll_fn(|cx| {
            if upload.state == Sent::Going {
                match upload.transfer.poll(client, &mut origin.stream, cx) {
                    Poll::Ready(Ok(())) => {
                        upload.state = Sent::Whole;
                        // As long as the request goes on, there is no answer to miss.
                        client.deadline.set(limits.answer_time);
                    }
                    Poll::Ready(Err(BodyError::Receiver(_))) => upload.state = Sent::Broken,
                    Poll::Ready(Err(BodyError::Truncated)) => return Poll::Ready(Err(Failure::ClientLeft)),
                    Poll::Ready(Err(BodyError::Malformed(why))) => return Poll::Ready(Err(Failure::BadBody(why))),
                    Poll::Pending => {
                        if progress != Some(upload.transfer.moved) {
                            progress = Some(upload.transfer.moved);
                            client.deadline.set(limits.body_idle);
                        }
                        if watch.poll(cx).is_ready() {
                            return Poll::Ready(Err(Failure::SessionEnded));
                        }
                    }
                }
            }
            match origin.poll_head(cx, limits.head_bytes, false) {
                Poll::Ready(Ok(Some(octets))) => return Poll::Ready(Ok(octets)),
                Poll::Ready(Ok(None)) => return Poll::Ready(Err(Failure::ConnectionLost)),
                Poll::Ready(Err(ReadError::Lost)) => {
                    let begun = !origin.unread.is_empty();
                    let failure = Failure::BadAnswer("its head breaks off".into());
                    return Poll::Ready(Err(if begun { failure } else { Failure::ConnectionLost }));
                }
                Poll::Ready(Err(ReadError::Head(error))) => {
                    return Poll::Ready(Err(Failure::BadAnswer(error.to_string())));
                }
                Poll::Pending => {}
            }
            if upload.state != Sent::Going && client.poll_gone(cx).is_ready() {
                return Poll::Ready(Err(Failure::ClientLeft));
            }
            let late = if upload.state == Sent::Going && upload.transfer.waits_for_sender() {
                Failure::BodyTimedOut
            } else {
                Failure::AnswerTimedOut
            };
            client.deadline.poll(cx).map(|()| Err(late))
        })
        .await
    }

    /// Moves the answer's body to the client, and what is left of the request's body to the origin.
    pub(super) async fn pass_bodies(
        &self,
        client: &mut Connection,
        origin: &mut Connection,
        upload: &mut Upload,
        download: &mut Transfer,
        watch: &mut Watch,
    ) -> Result<(), Broken> {
        let idle = self.limits.body_idle;
        let mut progress = None;
        poll_fn(|cx| {
            if upload.state == Sent::Going {
                match upload.transfer.poll(client, &mut origin.stream, cx) {
                    Poll::Ready(Ok(())) => upload.state = Sent::Whole,
                    Poll::Ready(Err(_)) => upload.state = Sent::Broken,
                    Poll::Pending => {}
                }
            }
            match download.poll(origin, &mut client.stream, cx) {
                Poll::Ready(Ok(())) => return Poll::Ready(Ok(())),
                Poll::Ready(Err(BodyError::Receiver(_))) => return Poll::Ready(Err(Broken::Client)),
                Poll::Ready(Err(BodyError::Malformed(_))) => return Poll::Ready(Err(Broken::Malformed)),
                Poll::Ready(Err(BodyError::Truncated)) => return Poll::Ready(Err(Broken::Origin)),
                Poll::Pending => {}
            }
            if upload.state != Sent::Going && client.poll_gone(cx).is_ready() {
                return Poll::Ready(Err(Broken::Client));
            }
            if watch.poll(cx).is_ready() {
                return Poll::Ready(Err(Broken::SessionEnded));
            }
            let moved = upload.transfer.moved + download.moved;
            if progress != Some(moved) {
                progress = Some(moved);
                client.deadline.set(idle);
            }
            client.deadline.poll(cx).map(|()| Err(Broken::Idle))
        })
        .await
    }
}

/// Why an answer broke off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// The client is gone.
    Client,
    /// The origin broke off.
    Origin,
    /// The origin broke the framing.
    Malformed,
    /// Nothing moved for too long.
    Idle,
    /// The session has ended.
    SessionEnded,
}

impl Broken {
    /// The word for the access record.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Client => "client-left",
            Self::Origin | Self::Malformed => "http_response_incomplete",
            Self::Idle => "connection_read_timeout",
            Self::SessionEnded => "session-ended",
        }
    }
}

/// Whether somebody proves with this message, or is asked to, who they are for all that follows on the connection.
pub(super) fn proves_on_connection(fields: &Fields) -> bool {
    let schemes: [&[u8]; 2] = [b"ntlm", b"negotiate"];
    let items = fields.items("authorization").chain(fields.items("www-authenticate"));
    let mut names = items.filter_map(|item| item.split(|b| *b == b' ').next());
    names.any(|name| schemes.iter().any(|scheme| name.eq_ignore_ascii_case(scheme)))
}

/// Whether a connection may change to this protocol. Over HTTP/2 (`h2c`) further requests would go by unseen, for any
/// host that the origin answers for; RFC 9113 §3.1 has given that up, and an origin may ignore an upgrade.
pub(super) fn may_change(protocol: &[u8]) -> bool {
    let asked = protocol.split(|b| *b == b',').map(<[u8]>::trim_ascii);
    !asked.into_iter().any(|name| name.get(..3).is_some_and(|start| start.eq_ignore_ascii_case(b"h2c")))
}

/// Whether the protocol that an origin changes to is among those that the client asked for.
fn is_asked_for(fields: &Fields, asked: Option<&[u8]>) -> bool {
    let asked = || asked.unwrap_or_default().split(|b| *b == b',').map(<[u8]>::trim_ascii);
    let mut chosen = fields.items("upgrade").peekable();
    chosen.peek().is_some() && chosen.all(|chosen| asked().any(|asked| asked.eq_ignore_ascii_case(chosen)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_proven_for_a_whole_connection_is_told_from_what_is_not() {
        for (name, value, proves) in [
            ("authorization", "NTLM TlRMTVNTUAAB", true),
            ("authorization", "negotiate YIIJ", true),
            ("www-authenticate", "Negotiate", true),
            ("www-authenticate", "Basic realm=\"a\", NTLM", true),
            ("authorization", "Basic YTpi", false),
            ("www-authenticate", "Bearer realm=\"ntlm\"", false),
            ("x-ntlm", "NTLM", false),
        ] {
            assert_eq!(proves_on_connection(&Fields::from([(name, value)])), proves, "{name}: {value}");
        }
    }

    #[test]
    fn connections_do_not_change_to_http_2() {
        for (protocol, may) in [
            ("websocket", true),
            ("SPDY/3.1", true),
            ("h2c", false),
            ("H2C", false),
            ("websocket, h2c", false),
            ("h2c/1", false),
        ] {
            assert_eq!(may_change(protocol.as_bytes()), may, "{protocol}");
        }
    }
}
