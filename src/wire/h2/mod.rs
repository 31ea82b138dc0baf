//! HTTP/2 (RFC 9113) towards clients: each stream is translated to one HTTP/1.1 exchange, and answered as such; and towards
//! origins (`origin`), where an HTTP/1.1 exchange is translated to a stream.
//!
//! Only translation happens here. A request is written as an HTTP/1.1 head and read by the same strict reader as every
//! other, so that there are no two ways to judge requests; with answers of origins it is the same. The library does framing
//! and flow control, and bounds what a peer may cost.

mod answered;
mod asked;
mod exchange;
pub mod origin;
mod request;
mod rest;
mod sent;
mod state;
mod trailers;
mod watched;

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use h2::Reason;
use h2::server::{Builder, SendResponse};
use http::Request;
use tokio_util::sync::CancellationToken;

use super::h1::{Answering, ByteStream, Connection, HeadError, RequestHead, Stream};
use crate::net::{Deadline, Limits, within};
use exchange::Exchange;
use request::{Asked, Translated};
use sent::Sent;
use watched::{Malformed, Watched};

pub use answered::is_web_socket;
pub use request::accept_of;
pub use watched::speaks_http_2;

/// How many octets of one request's body a client may send before we read them.
const STREAM_WINDOW: u32 = 512 * 1024;

/// The same for all bodies on a connection together. All of them may have to be kept in memory.
const CONNECTION_WINDOW: u32 = 2 * 1024 * 1024;

/// A bound on small frames that have arrived and that nobody has read: for each frame of less than 256 octets, what it
/// lacks of 256 is counted. With one octet in each, that is 65,793 frames that the library keeps. Streams have their
/// turn after 6,500 at the latest, so that many pile up only if an origin takes nothing; and in a tunnel with TLS, both
/// windows are full before that.
const SMALL_FRAMES: usize = 16 << 20;

/// How many octets of one answer may wait for the client.
const SEND_BUFFER: usize = 128 * 1024;

/// Serves the streams of a connection, several at the same time. For each, `enter` gives what answers it, if there is room. `own` is the name under which the client has connected to us: https requests for that name are
/// for us. After `finish` has fired, no new streams are accepted.
pub async fn serve<S, A, F>(
    stream: S,
    own: Option<Arc<str>>,
    limits: &Limits,
    finish: &CancellationToken,
    enter: impl Fn() -> Option<A>,
) where
    S: ByteStream,
    A: FnOnce(Box<Connection>, Result<RequestHead, HeadError>) -> F + Send + 'static,
    F: Future<Output = Option<Box<Connection>>> + Send + 'static,
{
    let malformed = Malformed::default();
    let stream = Watched::new(stream, malformed.clone());
    let Ok(Ok(mut connection)) = within(limits.head_time, builder(limits).handshake::<_, Sent>(stream)).await else {
        return;
    };
    let mut finishing = false;
    // A client that has sent a request may be idle for longer than one that has sent none, for which the limit is that
    // of HTTP/1.1.
    let mut patience = limits.head_time;
    let mut idle = Deadline::default();
    loop {
        idle.set(patience);
        tokio::select! {
            accepted = connection.accept() => match accepted {
                Some(Ok((request, mut respond))) => {
                    patience = limits.h2_idle;
                    if request::is_malformed(&request) {
                        respond.send_reset(Reason::PROTOCOL_ERROR);
                    } else if let Some(answer) = enter() {
                        let (exchange, head) = begin(request, respond, own.as_deref(), limits, &malformed);
                        tokio::spawn(Answering::new(answer, exchange, head).given());
                    } else {
                        // Nothing has been done for it, and this code tells the client that it may try again (RFC 9113
                        // §8.7).
                        respond.send_reset(Reason::REFUSED_STREAM);
                    }
                }
                Some(Err(_)) | None => return,
            },
            () = finish.cancelled(), if !finishing => {
                finishing = true;
                connection.graceful_shutdown();
            }
            () = poll_fn(|cx| idle.poll(cx)), if !finishing => if !connection.has_streams() {
                finishing = true;
                connection.graceful_shutdown();
            },
        }
    }
}

fn builder(limits: &Limits) -> Builder {
    let mut builder = Builder::new();
    builder
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buffer_size(SEND_BUFFER)
        .max_concurrent_streams(limits.h2_streams)
        .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
        .reset_stream_duration(Duration::from_secs(1))
        .data_frame_budget(SMALL_FRAMES)
        // RFC 7541 §4.2: no dynamic table, so that each field is in the static table or written out, and trailers can
        // be looked through without decoding what came before.
        .header_table_size(0)
        .enable_connect_protocol();
    builder
}

/// A stream, as an HTTP/1.1 connection on which one request has arrived.
fn begin(
    request: Request<h2::RecvStream>,
    respond: SendResponse<Sent>,
    own: Option<&str>,
    limits: &Limits,
    malformed: &Malformed,
) -> (Box<Connection>, Result<RequestHead, HeadError>) {
    let (parts, body) = request.into_parts();
    let Translated { octets, body: length, asked } = request::translate(&parts, body.is_end_stream(), own);
    let head = if asked == Asked::Unknown {
        Err(HeadError::Protocol)
    } else if octets.len() > limits.head_bytes {
        Err(HeadError::TooLarge)
    } else {
        RequestHead::parse(&octets, limits.head_fields)
            .map(|head| RequestHead { received: http::Version::HTTP_2, ..head })
    };
    let exchange = Exchange::new(asked, body, length, respond, limits, malformed.clone());
    (Box::new(Connection::new(Stream::Other(Box::new(exchange)))), head)
}

/// An error of the library as an I/O error.
fn broken(error: h2::Error) -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, error)
}

#[cfg(test)]
mod tests;
