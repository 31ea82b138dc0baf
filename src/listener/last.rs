//! Closes a listening socket without losing anybody who has reached it.
//!
//! Closing a socket resets the connections that wait on it to be accepted, and clients may already have sent requests
//! on those. So the order is: first a packet filter drops every new SYN, so that nobody new joins the queue; then
//! handshakes that have begun get time to finish; then everybody in the queue is accepted; and only then is the socket
//! closed. A client whose SYN was dropped sends it again within a second (RFC 6298 §2.1), and is then refused, or
//! reaches whatever listens on the address next.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{SockFilter, SockRef};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout_at};

/// How long handshakes that have begun may take to finish.
const HANDSHAKES: Duration = Duration::from_millis(200);

/// A packet filter (bpf(4)) over TCP segments (RFC 9293 §3.1): drops those that begin a handshake, SYN without ACK.
const NO_NEW: [SockFilter; 5] = [
    // Load the octet of flags (13) into A; mask SYN and ACK; if only SYN is set, drop, else keep.
    SockFilter::new(0x30, 0, 0, 13),
    SockFilter::new(0x54, 0, 0, 0x12),
    SockFilter::new(0x15, 0, 1, 0x02),
    SockFilter::new(0x06, 0, 0, 0),
    SockFilter::new(0x06, 0, 0, u32::MAX),
];

/// Gives every connection that has reached `socket` to `admit`, and then closes the socket.
pub(super) async fn accept(socket: TcpListener, admit: impl Fn(TcpStream, SocketAddr)) {
    if let Err(error) = SockRef::from(&socket).attach_filter(&NO_NEW) {
        tracing::warn!(%error, "a listening socket is closed without a packet filter: clients that connect at this very moment are reset");
    }
    let until = Instant::now() + HANDSHAKES;
    while let Ok(accepted) = timeout_at(until, socket.accept()).await {
        if let Ok((stream, client)) = accepted {
            admit(stream, client);
        }
    }
    take_queue(socket, admit);
}

/// Gives everybody who waits on `socket` to `admit`, without waiting. The runtime knows only what the system has told it
/// of the socket, and that may be older than the queue: so the system itself is asked.
fn take_queue(socket: TcpListener, admit: impl Fn(TcpStream, SocketAddr)) {
    let Ok(socket) = socket.into_std() else { return };
    loop {
        let accepted = socket.accept().and_then(|(stream, client)| Ok((of_runtime(stream)?, client)));
        match accepted {
            Ok((stream, client)) => admit(stream, client),
            Err(error) if super::is_of_one_client(&error) => {}
            Err(_) => return,
        }
    }
}

fn of_runtime(stream: std::net::TcpStream) -> io::Result<TcpStream> {
    stream.set_nonblocking(true)?;
    TcpStream::from_std(stream)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn whoever_waits_is_found_before_the_runtime_has_been_told_of_them() {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let mut waiting: Vec<_> = (0..50).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
        let accepted = std::cell::RefCell::new(Vec::new());
        take_queue(socket, |stream, client| accepted.borrow_mut().push((stream, client)));
        assert_eq!(accepted.borrow().len(), 50);
        // They are as good as any others.
        std::io::Write::write_all(&mut waiting[7], b"x").unwrap();
        let from = waiting[7].local_addr().unwrap();
        let (mut stream, _) = accepted.into_inner().into_iter().find(|(_, client)| *client == from).unwrap();
        assert_eq!(tokio::io::AsyncReadExt::read_u8(&mut stream).await.unwrap(), b'x');
    }

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
