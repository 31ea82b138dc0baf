//! The end of a connection, in stages, so that what was answered arrives (RFC 9112 §9.6).

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::deadline::Deadline;
use crate::wire::count::Place;
use crate::wire::scratch;

/// How long a peer is waited for that sends nothing.
const QUIET: Duration = Duration::from_secs(2);

/// Octets for which it is waited for a second longer: whoever sends slower than this only wants to stay.
const A_SECOND: usize = 16 * 1024;

/// How long all of it may take, and how long a peer may take for the end of what it is sent.
const LONGEST: Duration = Duration::from_secs(30);

/// Octets that are thrown away: a body that nobody wants.
const MAX_DISCARDED: usize = 64 << 20;

/// Says that there is no more to come, throws away what the peer still sends until it has closed as well, and is ready
/// when the connection can be closed. To close one on which something is unread makes the peer's system throw away what
/// it has not read, an answer that explains all for one.
#[derive(Debug)]
pub struct Farewell {
    /// The connection's place among those that are open.
    place: Option<Arc<Place>>,
    begun: Option<Instant>,
    /// Whether the peer has been told.
    is_told: bool,
    /// Whether the peer has closed.
    is_over: bool,
    discarded: usize,
    deadline: Deadline,
}

impl Farewell {
    /// A connection that is to be closed. Where places are few, its own is not kept for the peer's sake.
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

    /// Waits as long as the peer has shown that it is worth.
    fn wait_on(&mut self, begun: Instant) {
        let worth = Duration::from_secs((self.discarded / A_SECOND) as u64);
        self.deadline.set((QUIET + worth).min(LONGEST).saturating_sub(begun.elapsed()));
    }
}

/// Reads once; how much was read, and none at the end.
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
    use crate::wire::Connections;
    use crate::wire::count::Bounds;

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
