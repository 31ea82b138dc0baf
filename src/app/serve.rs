//! Accepts and serves connections. Each request is answered under the configuration that is in force when it comes.

use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::live::Live;
use super::sockets::Sockets;
use super::workers::Workers;
use crate::egress::pool::Pool;
use crate::listener::{Acceptor, Admitted, Secure};
use crate::net::within;
use crate::proxy::Client;
use crate::wire::h1::{self, ByteStream, Connection, Stream};
use crate::wire::{Peer, h2, serve};

impl Live {
    /// Starts accepting clients on these sockets: of a proxy listener each on the thread of its worker, all others on `runtime`.
    pub(super) fn accept(
        self: &Arc<Self>,
        runtime: &Handle,
        workers: &Workers,
        sockets: &Sockets,
        all: Vec<(usize, Vec<Acceptor>)>,
    ) {
        for (at, acceptors) in all {
            let bound = sockets.at(at);
            let Some(gate) = &bound.gate else { continue };
            if at > sockets.proxies.len() {
                for acceptor in acceptors {
                    let (live, shared) = (Arc::clone(self), self.memory.shared.clone());
                    let serve = move |stream, admitted: Admitted| Arc::clone(&live).serve_scim(stream, admitted.peer);
                    drop(runtime.spawn(acceptor.run(shared, Arc::clone(gate), serve)));
                }
                continue;
            }
            if at == sockets.proxies.len() {
                for acceptor in acceptors {
                    let (live, shared) = (Arc::clone(self), self.memory.shared.clone());
                    let serve = move |stream, admitted: Admitted| {
                        Arc::clone(&live).serve_portal(Box::new(stream), admitted.peer)
                    };
                    drop(runtime.spawn(acceptor.run(shared, Arc::clone(gate), serve)));
                }
                continue;
            }
            for (acceptor, (runtime, pool)) in acceptors.into_iter().zip(workers.all()) {
                let (live, shared, pool) = (Arc::clone(self), self.memory.shared.clone(), Arc::clone(pool));
                let finish = acceptor.finish().clone();
                let serve = move |stream, admitted| {
                    Arc::clone(&live).serve_client(stream, admitted, Arc::clone(&pool), finish.clone())
                };
                drop(runtime.spawn(acceptor.run(shared, Arc::clone(gate), serve)));
            }
        }
    }

    /// Serves a client of a proxy listener. `finish` fires when the exchange under way must be the last on the
    /// connection.
    pub(super) async fn serve_client(
        self: Arc<Self>,
        stream: TcpStream,
        Admitted { peer, secure }: Admitted,
        pool: Arc<Pool>,
        finish: CancellationToken,
    ) {
        match secure {
            // Boxed, so that the task of a plain connection is not as large as TLS and HTTP/2 need.
            Some(secure) => Box::pin(self.serve_secure(secure, stream, peer, pool, finish)).await,
            None => {
                let client = Arc::new(Client::new(peer, pool));
                self.serve_h1(Stream::Plain(stream), client, finish).await;
            }
        }
    }

    async fn serve_secure(
        self: Arc<Self>,
        secure: Arc<Secure>,
        stream: TcpStream,
        peer: Peer,
        pool: Arc<Pool>,
        finish: CancellationToken,
    ) {
        let Some((stream, handshake, speaks_h2)) = secure.accept(stream).await else {
            tracing::debug!(client = %peer.client, listener = %peer.listener, "a TLS handshake failed or took too long: the connection is closed");
            return;
        };
        let own = handshake.server_name.clone();
        let client = Client::new(peer.over_tls(handshake), pool);
        if !speaks_h2 {
            return self.serve_h1(Stream::Other(Box::new(stream)), Arc::new(client), finish).await;
        }
        let limits = self.edges().limits;
        let first = tokio::select! {
            first = within(limits.head_time, h2::speaks_http_2(stream)) => first,
            () = finish.cancelled() => return,
        };
        let Ok(Ok((speaks_h2, stream))) = first else { return };
        if !speaks_h2 {
            return self.serve_h1(Stream::Other(Box::new(stream)), Arc::new(client), finish).await;
        }
        h2::serve(stream, own, &limits, &finish, || {
            let (edges, client) = (self.edges(), Arc::new(client.stream()?));
            Some(move |connection, head| async move { edges.answer(&client, connection, head).await })
        })
        .await;
    }

    async fn serve_h1(self: Arc<Self>, stream: Stream, client: Arc<Client>, finish: CancellationToken) {
        let limits = self.edges().limits;
        let connection = Connection::new(stream).counted(client.peer.place.as_ref());
        h1::serve(connection, &limits, &finish, || {
            let (edges, client) = (self.edges(), Arc::clone(&client));
            move |connection, head| async move { edges.answer(&client, connection, head).await }
        })
        .await;
    }

    /// Serves the portal on a stream on which the TLS handshake has yet to happen.
    pub(super) async fn serve_portal(self: Arc<Self>, stream: Box<dyn ByteStream>, peer: Peer) {
        let edges = self.edges();
        let (server, limits, finish) = (edges.portal_tls(), edges.limits, edges.finish.clone());
        drop(edges);
        let server = match server {
            Ok(server) => server,
            Err(error) => {
                tracing::error!(%error, "a connection to the portal is closed, because there is no certificate for it");
                return;
            }
        };
        let Ok(Ok(stream)) = within(limits.head_time, TlsAcceptor::from(server).accept(stream)).await else {
            tracing::debug!(client = %peer.client, "a TLS handshake with the portal failed or took too long: the connection is closed");
            return;
        };
        let peer = Arc::new(peer);
        serve(stream, peer.place.clone(), &limits, &finish, |request| {
            let edges = self.edges();
            let peer = edges.entries.renewed(&peer).map_or_else(|| Arc::clone(&peer), Arc::new);
            async move { edges.answer_portal(peer, request).await }
        })
        .await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size<A, B, C, D, E, F: Future>(_: impl FnOnce(A, B, C, D, E) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn a_client_that_waits_for_nothing_costs_a_small_task() {
        // It is copied several times until it runs, and stays for as long as the client does.
        let size = size(Live::serve_client);
        assert!(size <= 2048, "{size} octets");
    }
}
