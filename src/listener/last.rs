//! The end of a listening socket: whoever has reached it is served, and then it is closed.
//!
//! A socket that is closed resets the connections that wait on it, and clients may have sent their requests on them. So
//! nobody new is let in first, those who are there are accepted, and then it is closed. Whoever comes in the meantime
//! gets no answer, tries again within a second (RFC 6298 §2.1), and is refused then, or reaches whoever listens next.

use std::net::SocketAddr;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use socket2::{SockFilter, SockRef};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout_at};

/// How long handshakes that have begun may take.
const HANDSHAKES: Duration = Duration::from_millis(200);

/// A packet filter (bpf(4)) over TCP segments (RFC 9293 §3.1): drops those that begin a handshake, SYN without ACK.
const NO_NEW: [SockFilter; 5] = [
    // The flags into A; those two of them.
    SockFilter::new(0x30, 0, 0, 13),
    SockFilter::new(0x54, 0, 0, 0x12),
    SockFilter::new(0x15, 0, 1, 0x02),
    SockFilter::new(0x06, 0, 0, 0),
    SockFilter::new(0x06, 0, 0, u32::MAX),
];

/// Gives `admit` everybody who has reached `socket`, and closes it.
pub(super) async fn accept(socket: TcpListener, admit: impl Fn(TcpStream, SocketAddr)) {
    if let Err(error) = SockRef::from(&socket).attach_filter(&NO_NEW) {
        tracing::warn!(%error, "whoever comes at the moment when a socket is closed is turned away");
    }
    let until = Instant::now() + HANDSHAKES;
    while let Ok(accepted) = timeout_at(until, socket.accept()).await {
        if let Ok((stream, client)) = accepted {
            admit(stream, client);
        }
    }
    let mut context = Context::from_waker(Waker::noop());
    while let Poll::Ready(Ok((stream, client))) = socket.poll_accept(&mut context) {
        admit(stream, client);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn whoever_waits_on_a_socket_is_accepted_before_it_is_closed_and_nobody_after() {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let waiting: Vec<_> = (0..50).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
        let accepted = Cell::new(0);
        let late = tokio::spawn(async move {
            tokio::time::sleep(HANDSHAKES / 2).await;
            tokio::time::timeout(HANDSHAKES, TcpStream::connect(address)).await
        });
        accept(socket, |_, _| accepted.set(accepted.get() + 1)).await;
        assert_eq!((waiting.len(), accepted.get()), (50, 50));
        assert!(!matches!(late.await.unwrap(), Ok(Ok(_))), "somebody new was let in, and nobody serves them");
        assert!(TcpStream::connect(address).await.is_err());
    }
}
