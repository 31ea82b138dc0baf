//! A stream of HTTP/2 to an origin, presented as the stream of octets on which an HTTP/1.1 exchange runs: the mirror image of
//! `exchange`. What is written to it is read as an HTTP/1.1 request, and reading from it gives the answer framed for
//! HTTP/1.1. Flow control goes through in both directions.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf as _, Bytes, BytesMut};
use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, RecvStream, SendStream};
use http::HeaderMap;
use http::uri::Authority;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::answered::{self, Awaited, Framing};
use super::broken;
use super::request::has_spaces;
use super::rest::{AT_ONCE, Rest, end, poll_room};
use super::state::Slot;
use crate::wire::h1::{RequestHead, head_length};

/// How much of a request's body is kept until its origin has begun to answer, so that it can be sent once more to an origin
/// that has not looked at it.
const MOST_KEPT: usize = 64 * 1024;

/// What becomes of a request on a stream, where it gets no answer.
#[derive(Debug, Default)]
pub struct Fate(Mutex<Option<End>>);

/// Why there is no answer, and what has been written of the request's body.
type End = (Unanswered, Option<Vec<u8>>);

/// Why a request has no answer, and with that, whether it can be sent again, whatever it asks for: whether its origin has looked
/// at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unanswered {
    /// The origin takes no more requests here, or not now (RFC 9113 §8.7).
    Refused,
    /// It wants such requests in HTTP/1.1 (RFC 9113 §7: HTTP_1_1_REQUIRED).
    WantsHttp1,
    /// HTTP/2 has no words for it.
    Unfit,
    /// No: the origin has broken it off, or has answered what cannot be read.
    BrokenOff,
}

impl Fate {
    /// Why the request has no answer, if its origin has not looked at it; and what has been written of its body, if that is not
    /// too long.
    pub fn take(&self) -> Option<End> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn set(&self, why: Unanswered, kept: Option<Vec<u8>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((why, kept));
    }
}

/// One stream while its request is sent and answered.
pub(super) struct OriginStream {
    authority: Authority,
    sending: Sending,
    answer: Answer,
    /// What of the answer must be read next: first `framing`, then `data`.
    framing: Bytes,
    data: Bytes,
    is_last: bool,
    /// What of the request waits: for the end of its head, or for room in the origin's window.
    pending: BytesMut,
    /// What has been taken of the body, as it was written.
    kept: Option<Vec<u8>>,
    fate: Arc<Fate>,
    max_fields: usize,
    /// Who waits for an answer to a request that has not been sent.
    reader: Option<Waker>,
    slot: Slot,
}

/// How far the request has come.
enum Sending {
    /// Its head has not been written yet.
    Head(SendRequest<Bytes>),
    /// Its body is being written.
    Body { send: SendStream<Bytes>, rest: Rest },
    /// All of it has been handed over.
    Done,
    /// It cannot be sent any more.
    Broken,
}

/// How far the answer has come.
enum Answer {
    /// Nothing has been asked.
    Unasked,
    /// Interim heads have been read, or none.
    Head(ResponseFuture, Awaited),
    /// Its body is being read.
    Body(RecvStream, Framing),
    /// There will be none, because the request has not left.
    Unsent(Unanswered),
    /// There is none, or no more of it.
    Broken,
}

impl OriginStream {
    pub(super) fn new(
        send: SendRequest<Bytes>,
        authority: Authority,
        fate: Arc<Fate>,
        slot: Slot,
        max_fields: usize,
    ) -> Self {
        Self {
            authority,
            sending: Sending::Head(send),
            answer: Answer::Unasked,
            framing: Bytes::new(),
            data: Bytes::new(),
            is_last: false,
            pending: BytesMut::new(),
            kept: Some(Vec::new()),
            fate,
            max_fields,
            reader: None,
            slot,
        }
    }

    /// Sends the head if it is complete by now.
    fn send_head(&mut self) -> io::Result<()> {
        let Some(length) = head_length(&self.pending) else { return Ok(()) };
        let Sending::Head(send) = &mut self.sending else { return Ok(()) };
        let octets = self.pending.split_to(length).freeze();
        let follows = self.pending.split();
        let head = RequestHead::parse(&octets, self.max_fields).ok();
        let asked = head.and_then(|head| answered::request(&head, &self.authority));
        let (sending, answer) = match asked {
            None => (Sending::Broken, Answer::Unsent(Unanswered::Unfit)),
            // The library would keep it until another one is over.
            Some(_) if !self.slot.send(send.current_max_send_streams()) => {
                (Sending::Broken, Answer::Unsent(Unanswered::Refused))
            }
            Some((request, rest, awaited)) => match send.send_request(request, rest.is_end()) {
                Ok((response, _)) if rest.is_end() => (Sending::Done, Answer::Head(response, awaited)),
                Ok((response, send)) => (Sending::Body { send, rest }, Answer::Head(response, awaited)),
                // Nothing has left: the connection had closed, or had been about to.
                Err(_) => (Sending::Broken, Answer::Unsent(Unanswered::Refused)),
            },
        };
        (self.sending, self.answer) = (sending, answer);
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
        if matches!(self.sending, Sending::Broken) {
            self.keep(&follows);
            return Ok(());
        }
        if follows.is_empty() { Ok(()) } else { self.take(&follows) }
    }

    /// Takes octets of the request. Must not be called while others wait, unless they are those of its head.
    fn take(&mut self, octets: &[u8]) -> io::Result<()> {
        match &mut self.sending {
            Sending::Head(_) => {
                self.pending.extend_from_slice(octets);
                self.send_head()
            }
            Sending::Body { rest, .. } => {
                rest.take(octets, &mut self.pending)?;
                self.keep(octets);
                Ok(())
            }
            Sending::Done => Ok(()),
            Sending::Broken => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// Keeps what has been taken of the body.
    fn keep(&mut self, octets: &[u8]) {
        match &mut self.kept {
            Some(kept) if kept.len() + octets.len() <= MOST_KEPT => kept.extend_from_slice(octets),
            kept => *kept = None,
        }
    }

    /// Hands over what waits, as far as the origin's window has room. Ready when nothing waits any more.
    fn poll_pending(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Sending::Body { send, rest } = &mut self.sending else { return Poll::Ready(Ok(())) };
        let mut is_over = false;
        while !self.pending.is_empty() && !is_over {
            let room = ready!(poll_room(send, self.pending.len(), cx))?;
            let data = self.pending.split_to(room.min(self.pending.len())).freeze();
            is_over = self.pending.is_empty() && rest.is_end();
            send.send_data(data, is_over).map_err(broken)?;
        }
        if let Rest::Trailers(trailers) = rest {
            send.send_trailers(std::mem::take(trailers)).map_err(broken)?;
            is_over = true;
        } else if !is_over && rest.is_end() {
            send.send_data(Bytes::new(), true).map_err(broken)?;
            is_over = true;
        }
        if is_over {
            self.sending = Sending::Done;
        }
        Poll::Ready(Ok(()))
    }

    /// What is written goes nowhere any more. As long as it could be sent once more, no more is taken: what has been taken is kept
    /// for that, and what the origin says instead is for whoever reads, which the same task does next.
    fn break_off(&mut self, error: io::Error) -> Poll<io::Result<usize>> {
        self.sending = Sending::Broken;
        self.pending.clear();
        if self.kept.is_some() { Poll::Pending } else { Poll::Ready(Err(error)) }
    }

    /// Notes an error, and says what a reader is told.
    fn fail(&mut self, error: h2::Error) -> io::Error {
        let is_of_peer = error.is_remote();
        let why = match error.reason() {
            Some(Reason::HTTP_1_1_REQUIRED) if is_of_peer => Some(Unanswered::WantsHttp1),
            Some(Reason::REFUSED_STREAM) if is_of_peer && error.is_reset() => Some(Unanswered::Refused),
            // Only streams that the origin has not looked at end so: all others go on.
            Some(_) if is_of_peer && error.is_go_away() => Some(Unanswered::Refused),
            Some(_) if error.is_reset() => Some(Unanswered::BrokenOff),
            _ => None,
        };
        // An answer that has begun shows that the origin has looked at the request.
        if let (Some(why), Answer::Head(..)) = (why, &self.answer) {
            self.fate.set(why, self.kept.take().filter(|_| why != Unanswered::BrokenOff));
        }
        self.answer = Answer::Broken;
        broken(error)
    }

    /// Takes the next part of the answer from the library, if there is one.
    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.is_used_up() && !self.is_last {
            match &mut self.answer {
                Answer::Unasked => {
                    self.reader = Some(cx.waker().clone());
                    return Poll::Pending;
                }
                Answer::Head(..) => ready!(self.poll_head(cx))?,
                Answer::Body(body, framing) => match ready!(body.poll_data(cx)) {
                    Some(Ok(data)) => {
                        if *framing == Framing::Chunks && !data.is_empty() {
                            self.framing = format!("{:x}\r\n", data.len()).into();
                        }
                        self.data = data;
                    }
                    Some(Err(error)) => return Poll::Ready(Err(self.fail(error))),
                    None => match ready!(body.poll_trailers(cx)) {
                        Ok(trailers) => match last(*framing, trailers) {
                            Some(last) => (self.is_last, self.framing) = (true, last),
                            None => return Poll::Ready(Err(self.refuse())),
                        },
                        Err(error) => return Poll::Ready(Err(self.fail(error))),
                    },
                },
                Answer::Unsent(why) => {
                    self.fate.set(*why, self.kept.take());
                    self.answer = Answer::Broken;
                }
                Answer::Broken => return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Takes the next head of the answer, and writes it as HTTP/1.1 has it.
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Answer::Head(response, awaited) = &mut self.answer else { return Poll::Ready(Ok(())) };
        if let Poll::Ready(Some(Ok(head))) = response.poll_informational(cx) {
            let Ok(octets) = answered::interim(&head) else { return Poll::Ready(Err(self.refuse())) };
            self.framing = octets;
            return Poll::Ready(Ok(()));
        }
        let (head, body) = match ready!(Pin::new(response).poll(cx)) {
            Ok(response) => response.into_parts(),
            Err(error) => return Poll::Ready(Err(self.fail(error))),
        };
        let Ok((octets, framing)) = answered::head(&head, awaited, body.is_end_stream()) else {
            return Poll::Ready(Err(self.refuse()));
        };
        (self.framing, self.is_last) = (octets, framing == Framing::None && body.is_end_stream());
        self.answer = Answer::Body(body, framing);
        self.kept = None;
        Poll::Ready(Ok(()))
    }

    /// Refuses an answer that could be read in two ways, and says what a reader is told.
    fn refuse(&mut self) -> io::Error {
        self.fate.set(Unanswered::BrokenOff, None);
        self.answer = Answer::Broken;
        io::ErrorKind::InvalidData.into()
    }

    /// Whether nothing of the answer can be read without waiting.
    fn is_used_up(&self) -> bool {
        self.framing.is_empty() && self.data.is_empty()
    }

    fn is_in_chunks(&self) -> bool {
        matches!(self.answer, Answer::Body(_, Framing::Chunks))
    }
}

/// What stands at the end of an answer that is framed like this; none if it could be read in two ways.
fn last(framing: Framing, trailers: Option<HeaderMap>) -> Option<Bytes> {
    let trailers = trailers.unwrap_or_default();
    // RFC 9113 §8.2.1; and a tunnel has none.
    if has_spaces(&trailers) || (framing == Framing::Octets && !trailers.is_empty()) {
        return None;
    }
    Some(if framing == Framing::Chunks { end(&trailers) } else { Bytes::new() })
}

impl AsyncRead for OriginStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_answer(cx))?;
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
                if this.data.is_empty() && this.is_in_chunks() {
                    this.framing = Bytes::from_static(b"\r\n");
                }
            } else if !matches!(this.answer, Answer::Body(..))
                || !matches!(this.poll_answer(cx), Poll::Ready(Ok(())))
                || this.is_used_up()
            {
                break;
            }
        }
        // The origin may send as much again as has been read.
        if taken > 0
            && let Answer::Body(body, _) = &mut this.answer
        {
            body.flow_control().release_capacity(taken).map_err(broken)?;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for OriginStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = match this.poll_pending(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Err(error)) => Err(error),
            Poll::Ready(Ok(())) => match &mut this.sending {
                // A body that is framed alike is passed on as it is, as much as the origin's window has room for.
                Sending::Body { send, rest: rest @ (Rest::Octets | Rest::Exact(1..)) } => {
                    match pass(send, rest, octets, cx) {
                        Poll::Pending => return Poll::Pending,
                        Poll::Ready(passed) => passed,
                    }
                }
                Sending::Broken if this.kept.is_some() => Err(io::ErrorKind::BrokenPipe.into()),
                _ => return Poll::Ready(this.take(octets).map(|()| octets.len())),
            },
        };
        Poll::Ready(match written {
            Ok(count) => {
                this.keep(octets.get(..count).unwrap_or_default());
                if let Sending::Body { rest, .. } = &this.sending
                    && rest.is_end()
                {
                    this.sending = Sending::Done;
                }
                Ok(count)
            }
            Err(error) => return this.break_off(error),
        })
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match ready!(this.poll_pending(cx)) {
            // Whatever was written is kept.
            Err(error) => match this.break_off(error) {
                Poll::Ready(broken) => Poll::Ready(broken.map(drop)),
                Poll::Pending => Poll::Ready(Ok(())),
            },
            Ok(()) => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_pending(cx))?;
        if let Sending::Body { send, rest: Rest::Octets } = &mut this.sending {
            send.send_data(Bytes::new(), true).map_err(broken)?;
            this.sending = Sending::Done;
        }
        Poll::Ready(Ok(()))
    }
}

/// Passes octets of a body on, and says how many.
fn pass(send: &mut SendStream<Bytes>, rest: &mut Rest, octets: &[u8], cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
    let most = if let Rest::Exact(left) = rest { usize::try_from(*left).unwrap_or(usize::MAX) } else { octets.len() };
    let wanted = octets.len().min(most).min(AT_ONCE);
    if wanted == 0 {
        return Poll::Ready(Ok(0));
    }
    let room = ready!(poll_room(send, wanted, cx))?.min(wanted);
    let data = Bytes::copy_from_slice(octets.get(..room).unwrap_or_default());
    if let Rest::Exact(left) = rest {
        *left -= room as u64;
    }
    send.send_data(data, rest.is_end()).map_err(broken)?;
    Poll::Ready(Ok(room))
}

impl Drop for OriginStream {
    fn drop(&mut self) {
        // A request that is broken off must not look complete (RFC 9113 §8.1), and neither must a tunnel.
        if let Sending::Body { send, .. } = &mut self.sending {
            send.send_reset(Reason::CANCEL);
        }
    }
}
