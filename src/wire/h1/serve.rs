//! Serves a client connection: one request after the other, until one side closes.

use std::future::poll_fn;
use std::io::{self, Write as _};
use std::task::Poll;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH};
use http::{HeaderValue, Method, Response, StatusCode};
use tokio_util::sync::CancellationToken;

use super::answering::Answering;
use super::body::Transfer;
use super::connection::{Connection, ReadError, Stream};
use super::error::HeadError;
use super::framing::Length;
use super::head::RequestHead;
use crate::net::Limits;

/// The most octets of an unread body that are read and thrown away, so that the connection can be kept.
const MAX_UNWANTED: u64 = 64 * 1024;

/// Reads requests from `connection` and gives each, or the error if it cannot be read, to what `enter` gives for it, which gives the
/// connection back if another request may follow. After `finish` has fired, one more request is answered, with
/// `Connection: close`. A client may be about to send it, and must not find the connection closed (RFC 9112 §9.6), so
/// an idle connection stays open a little longer.
pub async fn serve<A, F>(connection: Connection, limits: &Limits, finish: &CancellationToken, enter: impl Fn() -> A)
where
    A: FnOnce(Box<Connection>, Result<RequestHead, HeadError>) -> F + Send + 'static,
    F: Future<Output = Option<Box<Connection>>> + Send + 'static,
{
    let mut connection = Box::new(connection);
    let finished = finish.cancelled();
    tokio::pin!(finished);
    loop {
        connection.deadline.set(if finish.is_cancelled() { limits.last_wait() } else { limits.head_time });
        let mut is_told = finish.is_cancelled();
        let read = poll_fn(|cx| {
            // The head first: a request that is here is answered, even if `finish` fires or the deadline passes in the
            // same turn.
            if let Poll::Ready(read) = connection.poll_head(cx, limits.head_bytes, true) {
                return Poll::Ready(read);
            }
            let nothing_arrived = connection.unread.is_empty();
            // Only while nothing of a request has arrived: one that has begun keeps its own deadline. Polled until it
            // is ready once, and never after: a future must not be polled again then.
            if !is_told && nothing_arrived && finished.as_mut().poll(cx).is_ready() {
                is_told = true;
                connection.deadline.set(limits.last_wait());
            }
            let late = if nothing_arrived { Ok(None) } else { Err(ReadError::Head(HeadError::TimedOut)) };
            connection.deadline.poll(cx).map(|()| late)
        })
        .await;
        connection.deadline.lift();
        let head = match read {
            Ok(Some(octets)) => RequestHead::parse(&octets, limits.head_fields)
                .map(|head| RequestHead { is_last: finish.is_cancelled(), ..head }),
            Err(ReadError::Head(error)) => Err(error),
            Ok(None) | Err(ReadError::Lost) => return connection.close_idle().await,
        };
        // Boxed, because what it takes to answer a request is many times what it takes to wait for one: a connection that
        // waits has none of it, and those that do not wait use the same memory one after the other.
        match Answering::new(enter(), connection, head).given().await {
            Some(kept) => connection = kept,
            None => return,
        }
    }
}

/// Sends one of our own answers, and gives whether the connection can be kept. `head` is the request's; `None` if it
/// could not be read. The caller must call [`settle`] next.
pub async fn answer(
    connection: &mut Connection,
    head: Option<&RequestHead>,
    response: &Response<Bytes>,
    limits: &Limits,
) -> io::Result<bool> {
    let unwanted = unwanted(head);
    let readable = match unwanted {
        Length::Exact(length) => length <= MAX_UNWANTED,
        Length::Chunked => true,
        Length::UntilClose => false,
    };
    // A client that waits for `100 Continue` may or may not send its body after this answer, so its connection is not
    // kept.
    let keeps = readable
        && response.headers().get(CONNECTION).is_none()
        && head.is_some_and(|head| head.is_persistent() && (unwanted.is_none() || !head.expects_continue()));
    let octets = encode(head, response, keeps);
    connection.write_all(&octets, limits.body_idle).await?;
    Ok(keeps)
}

/// After one of our own answers: makes the connection ready for the next request, or closes it.
pub async fn settle(
    mut connection: Box<Connection>,
    head: Option<&RequestHead>,
    keeps: bool,
    limits: &Limits,
) -> Option<Box<Connection>> {
    let unwanted = unwanted(head);
    if keeps && (unwanted.is_none() || discard(&mut connection, unwanted, limits).await) {
        return Some(connection);
    }
    connection.close().await;
    None
}

/// The length of the request's body, which nobody has read.
fn unwanted(head: Option<&RequestHead>) -> Length {
    head.map_or(Length::NONE, |head| head.body)
}

fn encode(head: Option<&RequestHead>, response: &Response<Bytes>, keeps: bool) -> Vec<u8> {
    static CLOSE: HeaderValue = HeaderValue::from_static("close");
    let status = response.status();
    let mut octets = Vec::with_capacity(512 + response.body().len());
    // Writing into memory does not fail.
    drop(write!(octets, "HTTP/1.1 {} {}\r\n", status.as_str(), status.canonical_reason().unwrap_or_default()));
    let added = (!keeps && !response.headers().contains_key(CONNECTION)).then_some((&CONNECTION, &CLOSE));
    for (name, value) in response.headers().iter().chain(added) {
        if *name != CONTENT_LENGTH {
            for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
                octets.extend_from_slice(part);
            }
        }
    }
    if status != StatusCode::NO_CONTENT && status != StatusCode::NOT_MODIFIED {
        drop(write!(octets, "content-length: {}\r\n", response.body().len()));
    }
    octets.extend_from_slice(b"\r\n");
    if head.is_none_or(|head| head.method != Method::HEAD) {
        octets.extend_from_slice(response.body());
    }
    octets
}

/// Reads a body and throws it away. False if it is too long, too slow or not valid.
async fn discard(connection: &mut Connection, length: Length, limits: &Limits) -> bool {
    let mut body = Transfer::new(Vec::new(), length, false);
    let mut nowhere = Stream::Other(Box::new(tokio::io::join(tokio::io::empty(), tokio::io::sink())));
    connection.deadline.set(limits.head_time);
    poll_fn(|cx| {
        let polled = body.poll(connection, &mut nowhere, cx);
        if body.moved > MAX_UNWANTED {
            return Poll::Ready(false);
        }
        match polled {
            Poll::Ready(read) => Poll::Ready(read.is_ok()),
            Poll::Pending => connection.deadline.poll(cx).map(|()| false),
        }
    })
    .await
}
