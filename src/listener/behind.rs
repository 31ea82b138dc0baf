//! Accepts clients of a load balancer, which names them by the PROXY protocol.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpStream;

use super::{Admitted, Entrance, Gate};
use crate::net::proxy_protocol::{self, SIGNATURE, WORD};
use crate::net::within;
use crate::wire::h1::{Connection, Stream};

/// The answer to a peer that sends a PROXY header and may not.
const ANSWER: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n\
    Proxy-Status: vestibule; error=http_request_error\r\nConnection: close\r\nContent-Length: 70\r\n\r\n\
    A PROXY header is taken only from peers that the configuration names.\n";

/// Finds out who the client is before anything is served, within the time that a head may take.
pub(super) fn admit<S, F>(entrance: &Entrance, gate: &Gate, stream: TcpStream, peer: SocketAddr, serve: &Arc<S>)
where
    S: Fn(TcpStream, Admitted) -> F + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let (waiting, serve) = (entrance.clone(), Arc::clone(serve));
    let (tasks, limit) = (&entrance.shared.tasks, gate.head_time);
    if gate.proxy_protocol.iter().any(|net| net.contains(&peer.ip())) {
        // All clients of a load balancer come from its one address, so the limit for one client does not apply to it.
        let Some(place) = entrance.shared.connections.enter_unnamed() else { return };
        tasks.spawn(async move {
            let Some((stream, client)) = within(limit, named(&waiting, stream, peer)).await.ok().flatten() else {
                return;
            };
            drop(place);
            let client = waiting.place(&waiting.gate.load(), client);
            if let Some(client) = client {
                serve(stream, client).await;
            }
        });
    } else if let Some(client) = entrance.place(gate, peer) {
        tasks.spawn(async move {
            match within(limit, speaks_for_itself(&waiting, &stream, peer)).await {
                Ok(true) => serve(stream, client).await,
                // Closed slowly: a plain close with unread octets would reset the connection, and the answer would be
                // lost.
                Ok(false) => Connection::new(Stream::Plain(stream)).counted(client.peer.place.as_ref()).close().await,
                Err(_) => {}
            }
        });
    }
}

/// The client that a load balancer names; the load balancer itself, if the header names nobody (a health check).
async fn named(entrance: &Entrance, mut stream: TcpStream, peer: SocketAddr) -> Option<(TcpStream, SocketAddr)> {
    match proxy_protocol::read(&mut stream).await {
        Ok(None) => Some((stream, peer)),
        Ok(Some(client)) => Some((stream, SocketAddr::new(client.ip().to_canonical(), client.port()))),
        Err(error) => {
            tracing::warn!(listener = %entrance.gate.load().entry.listener(), %peer, %error, "a connection is closed, because the load balancer's PROXY header cannot be read");
            None
        }
    }
}

/// Looks at the first octets of a peer that is not a load balancer, and leaves them in the stream. A PROXY header comes
/// in one piece (§2 of its specification), so one look is enough: the beginning of one that comes in pieces is not a
/// valid request, and is refused as such.
async fn speaks_for_itself(entrance: &Entrance, stream: &TcpStream, peer: SocketAddr) -> bool {
    let mut first = [0; SIGNATURE.len()];
    let Ok(count) = stream.peek(&mut first).await else { return false };
    let first = first.get(..count).unwrap_or_default();
    if !first.starts_with(WORD) && first != SIGNATURE {
        return true;
    }
    let error = "it sends a PROXY header, and `proxy_protocol` does not name it";
    tracing::warn!(listener = %entrance.gate.load().entry.listener(), %peer, error, "a connection is closed, because its peer may not speak for other clients");
    drop(stream.try_write(ANSWER));
    false
}
