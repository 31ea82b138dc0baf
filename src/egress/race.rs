//! Happy Eyeballs (RFC 8305): tries several addresses of one host, one a little after the other, and takes the first
//! that answers.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::sockets::Sockets;

/// Connection Attempt Delay (RFC 8305 §5).
const APART: Duration = Duration::from_millis(250);

/// How many addresses of one host are tried.
const MAX_ADDRESSES: usize = 8;

/// Connects to the first of `addresses` that answers, and says which one that is. If none does, the error is that of
/// the first attempt to fail.
pub(super) async fn connect(addresses: &[SocketAddr], sockets: Sockets) -> io::Result<(TcpStream, SocketAddr)> {
    if let [only] = addresses {
        return Ok((sockets.connect(*only).await?, *only));
    }
    let mut waiting = interleave(addresses).into_iter().take(MAX_ADDRESSES);
    let mut attempts = JoinSet::new();
    let mut first_error = None;
    loop {
        let next = waiting.next();
        let is_last = next.is_none();
        if let Some(address) = next {
            attempts.spawn(async move { sockets.connect(address).await.map(|stream| (stream, address)) });
        } else if attempts.is_empty() {
            return Err(first_error.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into()));
        }
        // When an attempt fails, the next begins at once, without waiting.
        tokio::select! {
            Some(done) = attempts.join_next() => match done {
                Ok(Ok(connected)) => return Ok(connected),
                Ok(Err(error)) => first_error = first_error.or(Some(error)),
                Err(_) => {}
            },
            () = sleep(APART), if !is_last => {}
        }
    }
}

/// The addresses of the two families by turns, beginning with the family of the first (RFC 8305 §4).
fn interleave(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let leads_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (mut lead, mut other): (Vec<_>, Vec<_>) = addresses.iter().partition(|a| a.is_ipv6() == leads_v6);
    lead.reverse();
    other.reverse();
    let mut turns = Vec::with_capacity(addresses.len());
    while let Some(address) = lead.pop().or_else(|| other.pop()) {
        turns.push(address);
        turns.extend(other.pop());
    }
    turns
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Limits;
    use tokio::net::TcpListener;

    fn sockets() -> Sockets {
        Sockets::new(&[], Limits::default().tcp())
    }

    #[test]
    fn families_take_turns() {
        let addresses = ["[2606::1]:80", "[2606::2]:80", "[2606::3]:80", "1.1.1.1:80"].map(|a| a.parse().unwrap());
        let turns: Vec<String> = interleave(&addresses).iter().map(SocketAddr::to_string).collect();
        assert_eq!(turns, ["[2606::1]:80", "1.1.1.1:80", "[2606::2]:80", "[2606::3]:80"]);
    }

    #[tokio::test]
    async fn an_address_that_refuses_makes_room_for_the_next() {
        let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let refusing = gone.local_addr().unwrap();
        drop(gone);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let answering = listener.local_addr().unwrap();
        let (stream, address) = connect(&[refusing, answering], sockets()).await.unwrap();
        assert_eq!((stream.peer_addr().unwrap(), address), (answering, answering));
        assert_eq!(
            connect(&[refusing, refusing], sockets()).await.unwrap_err().kind(),
            io::ErrorKind::ConnectionRefused
        );
        assert!(connect(&[], sockets()).await.is_err());
    }
}
