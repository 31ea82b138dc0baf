//! Clients behind a load balancer, which says by the PROXY protocol who they are.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Entrance;
use crate::wire::Peer;
use crate::wire::h1::{Connection, Stream};
use crate::wire::proxy_protocol::{self, SIGNATURE, WORD};

/// What somebody hears who claims to speak for others and may not.
const ANSWER: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n\
    Proxy-Status: vestibule; error=http_request_error\r\nConnection: close\r\nContent-Length: 70\r\n\r\n\
    A PROXY header is taken only from peers that the configuration names.\n";

/// Finds out who is there before anything is served, within the time that a head may take.
pub(super) fn admit<S, F>(entrance: &Entrance, stream: TcpStream, peer: SocketAddr, serve: &Arc<S>)
where
    S: Fn(TcpStream, Peer) -> F + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let (waiting, serve) = (entrance.clone(), Arc::clone(serve));
    let (tasks, limit) = (&entrance.shared.tasks, entrance.shared.head_time);
    if entrance.options.proxy_protocol.iter().any(|net| net.contains(&peer.ip())) {
        // A load balancer has one address for everybody, so it is not held to what one client may have.
        let Some(place) = entrance.shared.connections.enter_unnamed() else { return };
        tasks.spawn(async move {
            let Some((stream, client)) = timeout(limit, named(&waiting, stream, peer)).await.ok().flatten() else {
                return;
            };
            drop(place);
            if let Some(client) = waiting.place(client) {
                serve(stream, client).await;
            }
        });
    } else if let Some(client) = entrance.place(peer) {
        tasks.spawn(async move {
            match timeout(limit, speaks_for_itself(&waiting, &stream, peer)).await {
                Ok(true) => serve(stream, client).await,
                // Else the close would throw the answer away.
                Ok(false) => Connection::new(Stream::Plain(stream)).counted(client.place.as_ref()).close().await,
                Err(_) => {}
            }
        });
    }
}

/// The client that a load balancer names; the load balancer, when it asks for itself.
async fn named(entrance: &Entrance, mut stream: TcpStream, peer: SocketAddr) -> Option<(TcpStream, SocketAddr)> {
    match proxy_protocol::read(&mut stream).await {
        Ok(None) => Some((stream, peer)),
        Ok(Some(client)) => Some((stream, SocketAddr::new(client.ip().to_canonical(), client.port()))),
        Err(error) => {
            tracing::warn!(listener = %entrance.name, %peer, %error, "connection closed");
            None
        }
    }
}

/// Looks at what somebody begins with who is no load balancer, and leaves it. A header comes in one piece (§2 of its
/// specification); what does not is no request, and refused as such.
async fn speaks_for_itself(entrance: &Entrance, stream: &TcpStream, peer: SocketAddr) -> bool {
    let mut first = [0; SIGNATURE.len()];
    let Ok(count) = stream.peek(&mut first).await else { return false };
    let first = first.get(..count).unwrap_or_default();
    if !first.starts_with(WORD) && first != SIGNATURE {
        return true;
    }
    let error = "a PROXY header from somebody who may not speak for others";
    tracing::warn!(listener = %entrance.name, %peer, error, "connection closed");
    drop(stream.try_write(ANSWER));
    false
}
