//! Sends a request to its origin, waits for the head of the answer, and moves the bodies. One task does all of it,
//! without a queue between the two sides. Both `next_head` and `pass_bodies` poll in a fixed order, which the comments
//! there explain.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{StatusCode, Version};

use super::outgoing::{Incoming, Outgoing};
use super::watch::Watch;
use crate::clock::Clock;
use crate::egress::pool::{Lease, Lost, Pin, Pool, Wants};
use crate::egress::{self, Dialler};
use crate::net::{Limits, Pipes};
use crate::observe::Reason;
use crate::policy::Permit;
use crate::wire::Scheme;
use crate::wire::field::Via;
use crate::wire::h1::{BodyError, Connection, Fields, Length, ReadError, ResponseHead, Stream, Transfer};
use crate::wire::h2::is_web_socket;
use crate::wire::h2::origin::Unanswered;

/// How many interim answers (RFC 9110 §15.2) are taken for one request: more than any honest origin sends.
const MAX_INTERIM: u32 = 16;

/// How often a request is sent again that an origin has not looked at: on a new connection, and then by HTTP/1.1.
const MAX_REPEATS: u32 = 2;

/// Why there is no answer to pass on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Dial(#[from] egress::Error),
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
    pub(super) limits: Limits,
    pub(super) via: Via,
    /// The pipes through which long bodies are spliced.
    pub(super) pipes: Pipes,
}

/// A request, and what is needed to send it.
pub(super) struct Sending<'a> {
    pub(super) outgoing: Outgoing<'a>,
    pub(super) body: Length,
    /// The address of the client.
    pub(super) client: SocketAddr,
    pub(super) pin: &'a Arc<Pin>,
    pub(super) pool: &'a Arc<Pool>,
}

/// An answer of which the head is here, and the connection that it came on.
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
    /// The origin takes no more of it. It may have sent an answer that says why.
    Broken,
}

impl Upload {
    /// Whether all of it has been sent.
    pub(super) fn is_whole(&self) -> bool {
        self.state == Sent::Whole
    }

    /// Sends more of it, and gives whether there is more to send. That it breaks is no failure: the origin may say why.
    pub(super) fn poll_more(&mut self, client: &mut Connection, origin: &mut Stream, cx: &mut Context<'_>) -> bool {
        if self.state == Sent::Going {
            match self.transfer.poll(client, origin, cx) {
                Poll::Ready(Ok(())) => self.state = Sent::Whole,
                Poll::Ready(Err(_)) => self.state = Sent::Broken,
                Poll::Pending => {}
            }
        }
        self.state == Sent::Going
    }
}

impl Forwarder {
    /// Sends a request and waits for the head of the answer. If a connection that was kept turns out to be closed, the
    /// request is sent once more on a new one, provided that repeating it is safe: the method is idempotent (RFC 9110
    /// §9.2.2), and there is no body; or the origin has said that it has not looked at the request (RFC 9113 §8.7).
    pub(super) async fn send(
        &self,
        permit: Permit,
        sending: &Sending<'_>,
        client: &mut Connection,
        watch: &mut Watch,
    ) -> Result<Box<Answered>, Failure> {
        let may_repeat = sending.outgoing.head.method.is_idempotent() && sending.body.is_none();
        let mut wants = wants(sending, &permit);
        let mut taken = self.take(permit, sending, wants);
        let mut unseen: Option<(Upload, Vec<u8>)> = None;
        for repeats in 0..=MAX_REPEATS {
            let mut lease = match taken {
                Ok(lease) => lease,
                Err(permit) => self.dial(permit, sending, wants).await?,
            };
            let mut upload = match unseen.take() {
                None => self.upload(sending, client, &lease),
                Some((upload, written)) => self.upload_again(upload, &written, sending, &lease),
            };
            let permit = match self.wait(sending, client, &mut lease, &mut upload, watch).await {
                Ok(head) => return Ok(Box::new(Answered { lease, head, upload })),
                Err(Failure::ConnectionLost) => match lease.lost() {
                    Lost::Idle(permit) if may_repeat => permit,
                    Lost::Unseen(permit, why, written) => {
                        if why == Unanswered::WantsHttp1 {
                            self.dialler.prefer_http_1(&permit);
                        }
                        // One that refuses may be full, and another connection of the same kind may not.
                        if why != Unanswered::Refused || wants == Wants::WebSocket || repeats > 0 {
                            wants = Wants::Http1;
                        }
                        unseen = Some((upload, written));
                        permit
                    }
                    Lost::WantsHttp1(permit) => {
                        self.dialler.prefer_http_1(&permit);
                        return Err(Failure::ConnectionLost);
                    }
                    Lost::Idle(_) | Lost::UsedUp => return Err(Failure::ConnectionLost),
                },
                Err(failure) => return Err(failure),
            };
            taken = Err(permit);
        }
        Err(Failure::ConnectionLost)
    }

    /// A connection that is there already; else gives the permit back.
    fn take(&self, permit: Permit, sending: &Sending<'_>, wants: Wants) -> Result<Lease, Permit> {
        match sending.outgoing.upgrade {
            None => sending.pin.take(permit).or_else(|permit| sending.pool.take(permit, wants)),
            Some(_) if wants == Wants::WebSocket => sending.pool.take(permit, wants),
            Some(_) => Err(permit),
        }
    }

    /// A new connection, or a stream of one.
    async fn dial(&self, permit: Permit, sending: &Sending<'_>, wants: Wants) -> Result<Lease, Failure> {
        let mut lease = Box::pin(self.dialler.lease(permit, sending.client, sending.pool, wants)).await?;
        if lease.connection.through.as_ref().is_some_and(|through| through.for_one_client) {
            lease.pin(sending.pin);
        }
        Ok(lease)
    }

    /// The same upload on another connection, because the origin has not looked at what was `written` of the body on this one.
    fn upload_again(&self, mut upload: Upload, written: &[u8], sending: &Sending<'_>, lease: &Lease) -> Upload {
        let through = lease.connection.through.as_ref();
        let octets = sending.outgoing.encode(&self.via, lease.destination(), through);
        upload.transfer.begin_again(&octets, written);
        upload.state = Sent::Going;
        upload
    }

    /// Encodes the request for this connection: only now is it known whether the next hop is the origin or a parent.
    fn upload(&self, sending: &Sending<'_>, client: &Connection, lease: &Lease) -> Upload {
        let in_chunks = sending.body == Length::Chunked;
        let through = lease.connection.through.as_ref();
        let octets = sending.outgoing.encode(&self.via, lease.destination(), through);
        let mut transfer = Transfer::new(octets, sending.body, in_chunks);
        if !sending.outgoing.changes.is_empty() {
            transfer.leave_out_trailers();
        }
        let transfer = self.splicing(transfer, client, &lease.connection.connection);
        Upload { transfer, state: Sent::Going }
    }

    /// Lets a long body between two TCP connections be spliced, without a copy in this process.
    pub(super) fn splicing(&self, transfer: Transfer, from: &Connection, to: &Connection) -> Transfer {
        match (&from.stream, &to.stream) {
            (Stream::Plain(_), Stream::Plain(_)) => transfer.through(&self.pipes),
            _ => transfer,
        }
    }

    /// Sends the request and waits for the head of the final answer. Passes interim answers on to the client.
    async fn wait(
        &self,
        sending: &Sending<'_>,
        client: &mut Connection,
        lease: &mut Lease,
        upload: &mut Upload,
        watch: &mut Watch,
    ) -> Result<ResponseHead, Failure> {
        let asked = &sending.outgoing;
        for _ in 0..MAX_INTERIM {
            let octets = self.next_head(client, &mut lease.connection.connection, upload, watch).await?;
            let mut head = ResponseHead::parse(&octets, self.limits.head_fields, &asked.head.method)
                .map_err(|error| Failure::BadAnswer(error.to_string()))?;
            if lease.connection.stream.is_some() {
                head.version = Version::HTTP_2;
            }
            if let Some(through) = lease.connection.through.as_ref().filter(|through| through.absolute_form)
                && head.status == StatusCode::PROXY_AUTHENTICATION_REQUIRED
            {
                // The parent wants credentials of us, and not of the client: the client must not see this answer.
                let parent = Arc::clone(&through.parent);
                return Err(egress::Error::Parent(parent, egress::ParentFault::Credentials).into());
            }
            if head.status == StatusCode::SWITCHING_PROTOCOLS && !is_asked_for(&head.fields, asked.upgrade) {
                return Err(Failure::BadAnswer("it changes to a protocol that nobody asked for".into()));
            }
            if !head.status.is_informational() || head.status == StatusCode::SWITCHING_PROTOCOLS {
                return Ok(head);
            }
            // RFC 9110 §15.2: a client of HTTP/1.0 gets none. A preflight that passes without sign-in gets none either.
            if asked.head.version == Version::HTTP_11 && !asked.only_asks {
                // An interim answer gets no Date.
                let (client_version, clock) = (asked.head.version, &Clock::system());
                let interim = Incoming { head: &head, client: client_version, only_asks: false, keeps: true, clock };
                let octets = interim.encode(&self.via);
                client.write_all(&octets, self.limits.body_idle).await.map_err(|_| Failure::ClientLeft)?;
            }
        }
        Err(Failure::BadAnswer("there are too many interim answers".into()))
    }

    /// The next head that the origin sends; the request's body goes on being sent meanwhile.
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
            // The upload comes first. Most requests are sent in the first poll, so that the deadline is set before
            // anything waits; and an origin that closes while we send is seen by the write, which leaves its answer to
            // be read below. The order costs no fairness: a transfer gives `Pending` after a bounded number of octets.
            if upload.state == Sent::Going {
                match upload.transfer.poll(client, &mut origin.stream, cx) {
                    Poll::Ready(Ok(())) => {
                        upload.state = Sent::Whole;
                        // The time for the answer begins when all of the request has been sent.
                        client.deadline.set(limits.answer_time);
                    }
                    // No failure yet: an origin that takes no more often has answered why (413, for example). We stop
                    // sending, and read on.
                    Poll::Ready(Err(BodyError::Receiver(_))) => upload.state = Sent::Broken,
                    Poll::Ready(Err(BodyError::Truncated)) => return Poll::Ready(Err(Failure::ClientLeft)),
                    Poll::Ready(Err(BodyError::Malformed(why))) => return Poll::Ready(Err(Failure::BadBody(why))),
                    Poll::Pending => {
                        if progress != Some(upload.transfer.moved) {
                            progress = Some(upload.transfer.moved);
                            client.deadline.set(limits.body_idle);
                        }
                        // Polled only while a body waits. Once all of the request has been sent it can no more be
                        // called back, and the end of the session stops the answer's body in `pass_bodies`.
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
            // After the origin: an answer that is here already is still passed on to a client that has closed its
            // sending side. Only once the upload is over: until then the upload reads the client itself, and sees when
            // it has gone.
            if upload.state != Sent::Going && client.poll_gone(cx).is_ready() {
                return Poll::Ready(Err(Failure::ClientLeft));
            }
            let late = if upload.state == Sent::Going && upload.transfer.waits_for_sender() {
                Failure::BodyTimedOut
            } else {
                Failure::AnswerTimedOut
            };
            // Last, so that whatever is ready wins over a deadline that has passed in the same turn.
            client.deadline.poll(cx).map(|()| Err(late))
        })
        .await
    }

    /// Moves the answer's body to the client, and what is left of the request's body to the origin, until the answer is
    /// complete.
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
            // An upload that breaks must not end the answer, which may say why: only the download decides about
            // success.
            let goes_on = upload.poll_more(client, &mut origin.stream, cx);
            match download.poll(origin, &mut client.stream, cx) {
                Poll::Ready(Ok(())) => return Poll::Ready(Ok(())),
                Poll::Ready(Err(BodyError::Receiver(_))) => return Poll::Ready(Err(Broken::Client)),
                Poll::Ready(Err(BodyError::Malformed(_))) => return Poll::Ready(Err(Broken::Malformed)),
                Poll::Ready(Err(BodyError::Truncated)) => return Poll::Ready(Err(Broken::Origin)),
                Poll::Pending => {}
            }
            // After the download: if the answer is complete in this very turn, it does not matter that the client has
            // gone.
            if !goes_on && client.poll_gone(cx).is_ready() {
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
            // Last: an octet that moved in this turn, in either direction, has just put the deadline off.
            client.deadline.poll(cx).map(|()| Err(Broken::Idle))
        })
        .await
    }
}

/// Why an answer broke off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// The client has closed the connection.
    Client,
    /// The origin closed its connection in the middle of the answer.
    Origin,
    /// The origin's framing of the body is not valid.
    Malformed,
    /// Nothing moved for too long.
    Idle,
    /// The session has ended.
    SessionEnded,
}

impl Broken {
    /// The word for the access record.
    pub(super) fn reason(self) -> Reason {
        match self {
            Self::Client => Reason::ClientLeft,
            Self::Origin | Self::Malformed => Reason::HttpResponseIncomplete,
            Self::Idle => Reason::ConnectionReadTimeout,
            Self::SessionEnded => Reason::SessionEnded,
        }
    }
}

/// What the request needs of a connection. Who proves on a connection who they are needs one of HTTP/1.1.
fn wants(sending: &Sending<'_>, permit: &Permit) -> Wants {
    match sending.outgoing.upgrade {
        Some(protocol) if is_web_socket(protocol) && sending.body.is_none() => Wants::WebSocket,
        Some(_) => Wants::Http1,
        None if permit.destination().scheme == Scheme::Http => Wants::Any,
        None if proves_on_connection(&sending.outgoing.head.fields) => Wants::Http1,
        None => Wants::Any,
    }
}

/// Whether this message proves who somebody is, or asks them to, for everything that follows on the same connection
/// (NTLM, Negotiate).
pub(super) fn proves_on_connection(fields: &Fields) -> bool {
    let schemes: [&[u8]; 2] = [b"ntlm", b"negotiate"];
    let items = fields.items("authorization").chain(fields.items("www-authenticate"));
    let mut names = items.filter_map(|item| item.split(|b| *b == b' ').next());
    names.any(|name| schemes.iter().any(|scheme| name.eq_ignore_ascii_case(scheme)))
}

/// Whether a client may ask to change to this protocol. With `h2c` (HTTP/2), further requests would pass unseen, to any
/// host for which the origin answers. RFC 9113 §3.1 has given that upgrade up, and an origin may always ignore one.
pub(super) fn may_change(protocol: &[u8]) -> bool {
    let asked = protocol.split(|b| *b == b',').map(<[u8]>::trim_ascii);
    !asked.into_iter().any(|name| name.get(..3).is_some_and(|start| start.eq_ignore_ascii_case(b"h2c")))
}

/// Whether the client has asked for the protocol to which the origin changes.
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
