//! HTTP/2 towards origins: one connection carries the requests of many clients, each on a stream that is presented as an
//! HTTP/1.1 connection.
//!
//! What keeps one request from another's way: each stream has a window of its own, and the window of the connection is as
//! large as those of all streams together, so that streams which nobody reads cannot use it up.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use h2::client::{Builder, Connection, SendRequest};
use h2::{Ping, PingPong};
use http::uri::Authority;
use tokio::time::Instant;

use super::asked::OriginStream;
use super::state::{Heard, MAX_REQUESTS, Slot, State};
use super::{SEND_BUFFER, SMALL_FRAMES, broken};
use crate::net::{Deadline, Limits};
use crate::wire::h1::{ByteStream, Stream};

pub use super::asked::{Fate, Unanswered};

/// How many octets of one answer an origin may send before we read them. What nobody reads is kept in memory; and no download is
/// faster than this in each round trip: 100 Mbit/s over 20 ms.
const STREAM_WINDOW: u32 = 256 * 1024;

/// How many streams may be open on all connections together, before requests get connections of HTTP/1.1: those that nobody reads
/// keep 256 MiB at most.
const MAX_STREAMS_IN_ALL: usize = 1024;

/// How many streams are open on one connection at the same time, if the origin allows so many.
const MAX_STREAMS: u32 = 100;

/// How many octets of all answers on a connection may wait for their clients: as many as all streams may have.
const CONNECTION_WINDOW: u32 = MAX_STREAMS * STREAM_WINDOW;

/// How long streams that were reset are remembered: as long as requests are sent on a connection. What arrives for one that is
/// forgotten is an error, and after too many the library gives the whole connection up, with what others have on it.
const REMEMBERED: Duration = MAX_AGE;

/// For how long requests are sent on a connection. What the library counts over a connection's life begins anew on the next.
const MAX_AGE: Duration = Duration::from_secs(600);

/// How long nothing may arrive while requests wait, before no others are sent there, and the origin is asked whether it is there.
const QUIET: Duration = Duration::from_secs(15);

/// How much time is between two such questions. Servers of gRPC take more than one in five minutes for an attack.
const APART: Duration = Duration::from_secs(310);

/// A connection to an origin. It lasts as long as this does, or a stream.
#[derive(Debug)]
pub struct Origin {
    send: SendRequest<Bytes>,
    authority: Authority,
    state: Arc<State>,
    max_fields: usize,
    born: Instant,
    /// How many requests were sent on it.
    requests: AtomicUsize,
}

impl Origin {
    /// Begins on a stream on which HTTP/2 was agreed. All requests are for `authority`: nothing is sent of one that is written
    /// to a stream. The connection is driven by a task of the runtime that calls this.
    pub async fn begin<S: ByteStream + 'static>(stream: S, authority: Authority, limits: &Limits) -> io::Result<Self> {
        let state = Arc::<State>::default();
        let stream = Heard::new(stream, &state);
        let (send, connection) = builder(limits).handshake(stream).await.map_err(broken)?;
        tokio::spawn(drive(connection, Arc::clone(&state), limits.answer_time));
        let (max_fields, requests) = (limits.head_fields + 64, AtomicUsize::new(0));
        Ok(Self { send, authority, state, max_fields, born: Instant::now(), requests })
    }

    /// Whether a request can still be sent on it: it is open, its origin has not said that it takes no more (GOAWAY), and it has not
    /// served for long enough.
    pub fn is_open(&mut self) -> bool {
        let is_worn = self.born.elapsed() >= MAX_AGE || self.requests.load(Ordering::Acquire) >= MAX_REQUESTS;
        !is_worn && matches!(self.send.poll_ready(&mut Context::from_waker(Waker::noop())), Poll::Ready(Ok(())))
    }

    /// Whether nothing shows that its origin may be gone.
    pub fn seems_alive(&self) -> bool {
        !self.state.is_suspect.load(Ordering::Acquire)
    }

    /// Whether another stream may be open at the same time.
    pub fn has_room(&self) -> bool {
        let most = self.send.current_max_send_streams().min(MAX_STREAMS as usize);
        self.state.streams.load(Ordering::Acquire) < most && has_room_in_all()
    }

    /// Whether streams are open.
    pub fn is_in_use(&self) -> bool {
        self.state.streams.load(Ordering::Acquire) > 0
    }

    /// Whether its origin takes WebSockets on streams (RFC 8441). It may say so later than the connection opens.
    pub fn takes_web_sockets(&self) -> bool {
        self.send.is_extended_connect_protocol_enabled()
    }

    /// A stream for one request, as an HTTP/1.1 connection on which nothing was sent yet; and what becomes of it.
    pub fn open(&self) -> (Stream, Arc<Fate>) {
        let (fate, slot) = (Arc::<Fate>::default(), Slot::new(&self.state));
        self.requests.fetch_add(1, Ordering::AcqRel);
        let (send, authority) = (self.send.clone(), self.authority.clone());
        let stream = OriginStream::new(send, authority, Arc::clone(&fate), slot, self.max_fields);
        (Stream::Other(Box::new(stream)), fate)
    }
}

/// Whether another stream may be open, on whichever connection.
pub fn has_room_in_all() -> bool {
    Slot::in_all() < MAX_STREAMS_IN_ALL
}

fn builder(limits: &Limits) -> Builder {
    let mut builder = Builder::new();
    builder
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buffer_size(SEND_BUFFER)
        .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
        .initial_max_send_streams(MAX_STREAMS as usize)
        .max_concurrent_reset_streams(MAX_REQUESTS)
        .reset_stream_duration(REMEMBERED)
        .data_frame_budget(SMALL_FRAMES)
        .enable_push(false);
    builder
}

/// Drives a connection until it ends, or until its origin turns out to be gone: it was asked, and has said nothing for as long as an
/// answer may take.
async fn drive<S: ByteStream>(mut connection: Connection<Heard<S>, Bytes>, state: Arc<State>, answer_time: Duration) {
    let mut pings = connection.ping_pong();
    let mut asked = None;
    let mut waits = false;
    let mut quiet = Deadline::default();
    quiet.set(QUIET);
    loop {
        tokio::select! {
            ended = &mut connection => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection to an origin has ended: its requests are sent again where that is safe");
                }
                return;
            }
            () = poll_fn(|cx| quiet.poll(cx)) => {
                quiet.set(QUIET);
                if state.has_heard.swap(false, Ordering::AcqRel) {
                    state.is_suspect.store(false, Ordering::Release);
                    waits = false;
                } else if waits && asked.is_some_and(|asked: Instant| asked.elapsed() >= answer_time) {
                    // Whatever waits on its streams finds the connection lost.
                    return;
                } else if state.streams.load(Ordering::Acquire) > 0 {
                    state.is_suspect.store(true, Ordering::Release);
                    if !waits && asked.is_none_or(is_long_ago) && ask(&mut pings) {
                        (asked, waits) = (Some(Instant::now()), true);
                    }
                }
            }
        }
    }
}

fn is_long_ago(asked: Instant) -> bool {
    asked.elapsed() >= APART
}

/// Asks whether the other side is there (RFC 9113 §6.7). Any octet counts as the answer.
fn ask(pings: &mut Option<PingPong>) -> bool {
    let Some(pings) = pings else { return false };
    // The answer to the question before is put away first.
    drop(pings.poll_pong(&mut Context::from_waker(Waker::noop())));
    pings.send_ping(Ping::opaque()).is_ok()
}

#[cfg(test)]
mod tests;
