//! Closes a connection in stages, so that the answer arrives (RFC 9112 §9.6).

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use crate::net::Deadline;
use crate::net::count::Place;
use crate::net::scratch;

/// How long to wait for a peer that sends nothing.
const QUIET: Duration = Duration::from_secs(2);

/// For each so many octets from the peer, wait one second longer: a peer that sends more slowly only wants to hold the
/// connection.
const A_SECOND: usize = 16 * 1024;

/// How long all stages together may take, and how long a peer may take to receive the rest of what it is sent.
const LONGEST: Duration = Duration::from_secs(30);

/// How many octets are thrown away at most: the rest of a body that nobody reads.
const MAX_DISCARDED: usize = 64 << 20;

/// Ends our side of a connection, throws away what the peer still sends until it has closed its side as well, and is
/// ready when the connection can be closed. Without this, closing a connection with unread octets resets it, and the
/// peer's system then throws away what the peer has not read yet: often the answer that says what was wrong.
#[derive(Debug)]
pub struct Farewell {
    /// The connection's place among those that are counted.
    place: Option<Arc<Place>>,
    begun: Option<Instant>,
    /// Whether our side has been ended.
    is_told: bool,
    /// Whether the peer has closed its side.
    is_over: bool,
    discarded: usize,
    deadline: Deadline,
}

impl Farewell {
    /// The farewell of one connection. If few places are left, it is closed without waiting for the peer.
    pub fn new(place: Option<Arc<Place>>) -> Self {
        Self { place, begun: None, is_told: false, is_over: false, discarded: 0, deadline: Deadline::default() }
    }

    /// Ready when the connection can be closed.
    pub fn poll<S: AsyncRead + AsyncWrite + Unpin>(&mut self, stream: &mut S, cx: &mut Context<'_>) -> Poll<()> {
        let begun = *self.begun.get_or_insert_with(|| {
            self.deadline.set(LONGEST);
            Instant::now()
        });
        if !self.is_told
            && let Poll::Ready(told) = Pin::new(&mut *stream).poll_shutdown(cx)
        {
            if told.is_err() || self.place.as_ref().is_some_and(|place| place.is_crowded()) {
                return Poll::Ready(());
            }
            self.is_told = true;
            self.wait_on(begun);
        }
        // Also while our side cannot be ended yet, because the peer does not take what is written: it may be sending a
        // body itself, and read only after that. If we did not read, each side would wait for the other.
        while !self.is_over {
            match poll_discard(stream, cx) {
                Poll::Pending => break,
                Poll::Ready(0) => self.is_over = true,
                Poll::Ready(count) => {
                    self.discarded += count;
                    if self.discarded > MAX_DISCARDED {
                        return Poll::Ready(());
                    }
                    if self.is_told {
                        self.wait_on(begun);
                    }
                }
            }
        }
        if self.is_told && self.is_over { Poll::Ready(()) } else { self.deadline.poll(cx) }
    }

    /// Sets the time limit: longer, the more the peer has sent so far.
    fn wait_on(&mut self, begun: Instant) {
        let worth = Duration::from_secs((self.discarded / A_SECOND) as u64);
        self.deadline.set((QUIET + worth).min(LONGEST).saturating_sub(begun.elapsed()));
    }
}

/// Reads once, and gives how many octets it has thrown away; 0 at the end of the stream, or if it has broken.
fn poll_discard<S: AsyncRead + Unpin>(stream: &mut S, cx: &mut Context<'_>) -> Poll<usize> {
    scratch::with(|scratch| {
        let mut buffer = ReadBuf::new(scratch);
        let read = Pin::new(stream).poll_read(cx, &mut buffer);
        read.map(|read| if read.is_ok() { buffer.filled().len() } else { 0 })
    })
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;
    use crate::net::Connections;
    use crate::net::count::Bounds;

    async fn close<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, place: Option<Arc<Place>>) -> Duration {
        let begun = Instant::now();
        let mut farewell = Farewell::new(place);
        poll_fn(|cx| farewell.poll(&mut stream, cx)).await;
        begun.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_is_told_and_waited_for_while_it_sends_and_not_for_ever() {
        // It closes, too.
        let (mut peer, stream) = duplex(1000);
        peer.write_all(b"unread").await.unwrap();
        let closing = tokio::spawn(close(stream, None));
        assert_eq!(peer.read(&mut [0; 1]).await.unwrap(), 0, "it is told first");
        drop(peer);
        assert_eq!(closing.await.unwrap(), Duration::ZERO);
        // It says nothing any more.
        let (_peer, stream) = duplex(1000);
        assert_eq!(close(stream, None).await.as_secs(), QUIET.as_secs());
        // It goes on for ever, and means it or does not.
        for (at_once, lasts) in [(4, QUIET), (1000 * 1000, LONGEST)] {
            let (mut peer, stream) = duplex(1 << 20);
            tokio::spawn(async move {
                while peer.write_all(&vec![0; at_once]).await.is_ok() {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            });
            let lasted = close(stream, None).await;
            assert!(lasted >= lasts && lasted < lasts + Duration::from_millis(1500), "{at_once}: {lasted:?}");
        }
        // It sends without end.
        let (mut peer, stream) = duplex(1 << 20);
        let sending = tokio::spawn(async move { while peer.write_all(&[0; 1 << 20]).await.is_ok() {} });
        assert_eq!(close(stream, None).await, Duration::ZERO);
        sending.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_waited_for_where_places_are_few() {
        let connections = Arc::new(Connections::new(Bounds { all: 8, for_known: 0, of_client: 8, of_site: 8 }));
        let places: Vec<_> = (0..8).map(|_| connections.enter("192.0.2.1".parse().unwrap()).unwrap()).collect();
        let place = places.into_iter().map(Arc::new).collect::<Vec<_>>();
        let (mut peer, stream) = duplex(1000);
        assert_eq!(close(stream, place.first().cloned()).await, Duration::ZERO);
        assert_eq!(peer.read(&mut [0; 1]).await.unwrap(), 0, "it is told");
    }
}
