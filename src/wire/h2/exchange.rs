//! A stream of HTTP/2, presented as the stream of octets on which an HTTP/1.1 exchange runs. Reading from it gives the
//! request's body framed for HTTP/1.1, and what is written to it is read as an HTTP/1.1 answer. Flow control goes
//! through: octets of the request are released to the client only when they have been read, and a write takes no more
//! than the client's window has room for.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, Method, Response, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::Handle;

use super::broken;
use super::request::{Asked, Body, accept_of, has_spaces};
use super::rest::{AT_ONCE, Rest, end, fields, poll_room};
use super::sent::{Backlog, Sent};
use super::watched::Malformed;
use crate::net::deadline::Overdue;
use crate::net::{Limits, within};
use crate::wire::h1::{Chunks, Length, ResponseHead, head_length};

/// How long what was handed over may take to leave. After that, the stream is reset all the same.
const LEAVING: Duration = Duration::from_secs(10);

/// One stream while it is answered.
pub(super) struct Exchange {
    asked: Asked,
    body: Body,
    request: RecvStream,
    /// What of the request must be read next: first `framing`, then `data`.
    framing: Bytes,
    data: Bytes,
    is_last: bool,
    is_refused: bool,
    /// Tells which streams of the connection have a malformed trailer section.
    malformed: Malformed,
    answer: Answer,
    /// Whether the answer is a tunnel, which lasts until one of the ends closes.
    is_tunnel: bool,
    /// What of the answer waits for room in the client's window.
    pending: BytesMut,
    /// What of the answer has been handed over and has not left yet.
    backlog: Arc<Backlog>,
    max_fields: usize,
}

/// How far the answer has come.
enum Answer {
    /// Its head has not been written yet.
    Head(SendResponse<Sent>),
    /// Its body is being written.
    Body { send: SendStream<Sent>, rest: Rest },
    /// All of it has been handed over.
    Done(SendStream<Sent>),
    /// It cannot be sent any more.
    Broken,
}

impl Exchange {
    pub(super) fn new(
        asked: Asked,
        request: RecvStream,
        body: Body,
        respond: SendResponse<Sent>,
        limits: &Limits,
        malformed: Malformed,
    ) -> Self {
        Self {
            asked,
            malformed,
            is_last: body == Body::None,
            is_refused: false,
            body,
            request,
            framing: Bytes::new(),
            data: Bytes::new(),
            answer: Answer::Head(respond),
            is_tunnel: false,
            pending: BytesMut::new(),
            backlog: Arc::default(),
            // An answer has some fields of ours besides those that its origin may send.
            max_fields: limits.head_fields + 64,
        }
    }

    /// Takes the next part of the request from the library, if there is one.
    fn poll_request(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.framing.is_empty() && self.data.is_empty() && !self.is_last {
            match ready!(self.request.poll_data(cx)) {
                Some(data) => {
                    let data = data.map_err(broken)?;
                    if self.body == Body::Chunks && !data.is_empty() {
                        self.framing = format!("{:x}\r\n", data.len()).into();
                    }
                    self.data = data;
                }
                None => {
                    let trailers = ready!(self.request.poll_trailers(cx)).map_err(broken)?;
                    self.is_last = true;
                    if self.is_malformed(trailers.as_ref()) {
                        self.refuse();
                    } else if self.body == Body::Chunks {
                        self.framing = end(&trailers.unwrap_or_default());
                    }
                }
            }
        }
        // A malformed request must not look complete to whoever reads it.
        let is_refused = self.is_refused && self.is_used_up();
        Poll::Ready(if is_refused { Err(io::ErrorKind::InvalidData.into()) } else { Ok(()) })
    }

    /// Whether nothing of the request can be read without waiting.
    fn is_used_up(&self) -> bool {
        self.framing.is_empty() && self.data.is_empty()
    }

    /// Whether the end of the request is malformed (RFC 9113 §8.1, §8.2.1, §8.5).
    fn is_malformed(&self, trailers: Option<&HeaderMap>) -> bool {
        let is_marked = self.malformed.take(self.request.stream_id().as_u32());
        is_marked || trailers.is_some_and(|trailers| self.body == Body::Octets || has_spaces(trailers))
    }

    /// Resets the stream of a malformed request, without an answer.
    fn refuse(&mut self) {
        self.is_refused = true;
        match std::mem::replace(&mut self.answer, Answer::Broken) {
            Answer::Head(mut respond) => respond.send_reset(Reason::PROTOCOL_ERROR),
            Answer::Body { mut send, .. } | Answer::Done(mut send) => send.send_reset(Reason::PROTOCOL_ERROR),
            Answer::Broken => {}
        }
    }

    /// Ready when the client has reset the stream.
    fn poll_given_up(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.answer {
            Answer::Head(respond) => respond.poll_reset(cx).map(drop),
            Answer::Body { send, .. } | Answer::Done(send) => send.poll_reset(cx).map(drop),
            Answer::Broken => Poll::Ready(()),
        }
    }

    /// Takes octets of the answer. Must not be called while others wait.
    fn take(&mut self, octets: &[u8]) -> io::Result<()> {
        match &mut self.answer {
            Answer::Head(_) => {
                self.pending.extend_from_slice(octets);
                self.take_heads()
            }
            Answer::Body { rest, .. } => rest.take(octets, &mut self.pending),
            Answer::Done(_) => Ok(()),
            Answer::Broken => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// Sends the heads that are complete by now: interim ones and the final one.
    fn take_heads(&mut self) -> io::Result<()> {
        while let Answer::Head(respond) = &mut self.answer
            && let Some(length) = head_length(&self.pending)
        {
            let octets = self.pending.split_to(length).freeze();
            let asked = if let Asked::Message(method) = &self.asked { method } else { &Method::GET };
            let head = ResponseHead::parse(&octets, self.max_fields, asked).map_err(io::Error::other)?;
            let mut response = Response::new(());
            *response.status_mut() = head.status;
            *response.headers_mut() = fields(&head.fields)?;
            if head.status.is_informational() && head.status != StatusCode::SWITCHING_PROTOCOLS {
                respond.send_informational(response).map_err(broken)?;
                continue;
            }
            let rest = self.asked.rest(&head)?;
            self.is_tunnel = matches!(rest, Rest::Octets);
            if self.is_tunnel {
                *response.status_mut() = StatusCode::OK;
            }
            let is_over = matches!(rest, Rest::Nothing);
            let send = respond.send_response(response, is_over).map_err(broken)?;
            self.answer = if is_over { Answer::Done(send) } else { Answer::Body { send, rest } };
            let follows = self.pending.split();
            return self.take(&follows);
        }
        Ok(())
    }

    /// Hands over what waits, as far as the client's window has room. Ready when nothing waits any more.
    fn poll_pending(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Answer::Body { send, rest } = &mut self.answer else { return Poll::Ready(Ok(())) };
        while !self.pending.is_empty() {
            let room = ready!(poll_room(send, self.pending.len(), cx))?;
            let data = self.pending.split_to(room.min(self.pending.len())).freeze();
            let is_end = self.pending.is_empty() && rest.is_end();
            send.send_data(Sent::new(data, &self.backlog), is_end).map_err(broken)?;
            if is_end {
                self.finish();
                return Poll::Ready(Ok(()));
            }
        }
        if let Rest::Trailers(trailers) = rest {
            send.send_trailers(std::mem::take(trailers)).map_err(broken)?;
            self.finish();
        } else if rest.is_end() {
            send.send_data(Sent::nothing(), true).map_err(broken)?;
            self.finish();
        }
        Poll::Ready(Ok(()))
    }

    fn finish(&mut self) {
        self.answer = match std::mem::replace(&mut self.answer, Answer::Broken) {
            Answer::Body { send, .. } => Answer::Done(send),
            other => other,
        };
    }
}

impl Asked {
    /// What must follow the head of an answer to this.
    fn rest(&self, head: &ResponseHead) -> io::Result<Rest> {
        match self {
            Self::Tunnel if head.status.is_success() => return Ok(Rest::Octets),
            Self::Upgrade { key } if head.status == StatusCode::SWITCHING_PROTOCOLS => {
                let accept = head.fields.text("sec-websocket-accept");
                return if accept == Some(&accept_of(key)) {
                    Ok(Rest::Octets)
                } else {
                    Err(io::Error::other("the origin has not answered the WebSocket key"))
                };
            }
            _ => {}
        }
        Ok(match head.body {
            Length::Exact(0) => Rest::Nothing,
            Length::Exact(length) => Rest::Exact(length),
            Length::Chunked => Rest::Chunks(Chunks::default()),
            Length::UntilClose => Rest::Octets,
        })
    }
}

impl AsyncRead for Exchange {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // The answer is complete, so the rest of the request is not needed (RFC 9113 §8.1).
        if matches!(this.answer, Answer::Done(_)) && !this.is_tunnel {
            return Poll::Ready(Ok(()));
        }
        ready!(this.poll_request(cx))?;
        let start = buf.filled().len();
        let mut taken = 0;
        while buf.remaining() > 0 {
            if !this.framing.is_empty() {
                let count = buf.remaining().min(this.framing.len());
                buf.put_slice(&this.framing.split_to(count));
            } else if !this.data.is_empty() {
                let count = buf.remaining().min(this.data.len());
                buf.put_slice(this.data.get(..count).unwrap_or_default());
                this.data.advance(count);
                taken += count;
                if this.data.is_empty() && this.body == Body::Chunks {
                    this.framing = Bytes::from_static(b"\r\n");
                }
            } else if taken == 0 || !matches!(this.poll_request(cx), Poll::Ready(Ok(()))) || this.is_used_up() {
                break;
            }
        }
        // The client may send as much again as has been read.
        if taken > 0 && this.request.flow_control().release_capacity(taken).is_err() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if buf.filled().len() > start || this.body == Body::Octets {
            return Poll::Ready(Ok(()));
        }
        // The request has ended. On an HTTP/1.1 connection the end of the stream would mean that the client has gone,
        // so this is not the end: the stream is open and silent until the client resets it.
        ready!(this.poll_given_up(cx));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Exchange {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_pending(cx))?;
        // The body of most answers, and what a tunnel carries, is passed on as it is, as much as the client's window
        // has room for.
        if let Answer::Body { send, rest: rest @ (Rest::Octets | Rest::Exact(1..)) } = &mut this.answer {
            let most =
                if let Rest::Exact(left) = rest { usize::try_from(*left).unwrap_or(usize::MAX) } else { octets.len() };
            let wanted = octets.len().min(most).min(AT_ONCE);
            if wanted == 0 {
                return Poll::Ready(Ok(0));
            }
            let room = ready!(poll_room(send, wanted, cx))?.min(wanted);
            let data = Bytes::copy_from_slice(octets.get(..room).unwrap_or_default());
            if let Rest::Exact(left) = rest {
                *left -= room as u64;
            }
            let is_end = rest.is_end();
            send.send_data(Sent::new(data, &this.backlog), is_end).map_err(broken)?;
            if is_end {
                this.finish();
            }
            return Poll::Ready(Ok(room));
        }
        this.take(octets)?;
        Poll::Ready(Ok(octets.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_pending(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_pending(cx))?;
        if let Answer::Body { send, rest: Rest::Octets } = &mut this.answer {
            send.send_data(Sent::nothing(), true).map_err(broken)?;
            this.finish();
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        // An answer that is broken off must not look complete (RFC 9113 §8.1), and neither must a tunnel (§8.5): the
        // stream is reset.
        match std::mem::replace(&mut self.answer, Answer::Broken) {
            Answer::Head(mut respond) => respond.send_reset(Reason::INTERNAL_ERROR),
            Answer::Body { send, rest } => {
                let reason = if matches!(rest, Rest::Octets) { Reason::CONNECT_ERROR } else { Reason::INTERNAL_ERROR };
                break_off(send, reason, Arc::clone(&self.backlog));
            }
            Answer::Done(_) | Answer::Broken => {}
        }
    }
}

/// Resets a stream once what was handed over has left: a reset throws away what still waits in the library, so the
/// client would lose octets that came before the break.
fn break_off(mut send: SendStream<Sent>, reason: Reason, backlog: Arc<Backlog>) {
    match Handle::try_current() {
        Ok(runtime) if !backlog.is_empty() => drop(runtime.spawn(async move {
            let (Ok(()) | Err(Overdue)) = within(LEAVING, poll_fn(|cx| backlog.poll_empty(cx))).await;
            send.send_reset(reason);
        })),
        _ => send.send_reset(reason),
    }
}
