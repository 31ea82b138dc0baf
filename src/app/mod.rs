//! Puts the parts together: binds everything or starts nothing, serves, and drains.

mod accepted;
mod arrival;
pub mod build;
pub mod demo;
mod descriptors;
mod dispatch;
mod fetch;
mod garden;
mod metadata;
mod metrics;
mod open;
mod realm_commands;
mod realms;
mod recorded;
mod vouched;
mod workers;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::admin::{Admin, Door};
use crate::clock::Clock;
use crate::listener::{Acceptor, Listener, Secure, Shared};
use crate::observe::AccessLog;
use crate::proxy::dial::Dialler;
use crate::proxy::{Client, Pool, Proxy};
use crate::saml::ClaimMap;
use crate::session::keys::Keys;
use crate::session::store::Store;
use crate::session::ticket::Tickets;
use crate::session::{self, Bindings, Sessions};
use crate::wire::h1::{self, ByteStream, Connection, Stream};
use crate::wire::h2;
use crate::wire::{Limits, Peer, serve};
pub use build::{Error, build};
use dispatch::Dispatch;
pub use dispatch::HEALTH_PATH;
use metadata::Sources;
pub use metadata::waiting_hosts;
use metrics::{Figures, Outlet};
use workers::Workers;

/// How often some of the sessions are looked after.
const UPKEEP: Duration = Duration::from_secs(1);

/// How often what has expired is swept out.
const SWEEP: Duration = Duration::from_secs(15);

/// What the address of the figures is called among the listeners.
const METRICS: &str = "metrics";

/// The program, with its sockets bound.
pub struct App {
    admin: Admin,
    door: Option<Door>,
    outlet: Option<Outlet>,
    figures: Arc<Figures>,
    proxies: Vec<ProxyListener>,
    portal: Listener,
    shared: Shared,
    dispatch: Arc<Dispatch>,
    dialler: Arc<Dialler>,
    sessions: Arc<Sessions>,
    tickets: Arc<Tickets>,
    bindings: Arc<Bindings>,
    store: Arc<dyn Store>,
    keys: Keys,
    clock: Clock,
    sources: Sources,
    /// What each realm may say of people.
    claims: Vec<Arc<ClaimMap>>,
    limits: Limits,
    /// How long the first answer of the store is waited for.
    start_wait: Duration,
    /// Fires when exchanges under way are to be the last.
    finish: CancellationToken,
}

/// A listener for those who ask us for elsewhere.
struct ProxyListener {
    listener: Listener,
    /// Its TLS, if it is a secure web proxy.
    secure: Option<Arc<Secure>>,
}

impl App {
    /// The addresses that clients connect to, by listener; and the one where figures are fetched, as `metrics`.
    pub fn addresses(&self) -> Vec<(String, SocketAddr)> {
        let listeners = self.proxies.iter().map(|proxy| &proxy.listener).chain([&self.portal]);
        let clients = listeners.map(|listener| (listener.name().to_owned(), listener.address()));
        let metrics = self.outlet.as_ref().and_then(Outlet::address).map(|address| (METRICS.to_owned(), address));
        clients.chain(metrics).collect()
    }

    /// The sessions, for whoever watches the program from inside.
    pub fn sessions(&self) -> &Arc<Sessions> {
        &self.sessions
    }

    /// What answers requests, for the same.
    pub fn proxy(&self) -> &Arc<Proxy> {
        &self.dispatch.proxy
    }

    /// What proxy host names stand for, for the same.
    pub fn bindings(&self) -> &Arc<Bindings> {
        &self.bindings
    }

    /// Serves until `stop` fires. Then it says so, serves on until load balancers have seen it, accepts whoever has come, and
    /// lets what is under way finish, within the limits.
    pub async fn run(self, stop: CancellationToken) {
        let Self {
            admin,
            door,
            outlet,
            figures,
            proxies,
            portal,
            shared,
            dispatch,
            dialler,
            sessions,
            tickets,
            bindings,
            store,
            keys,
            clock,
            sources,
            claims,
            limits,
            finish,
            ..
        } = self;
        let secure: Vec<_> = proxies.iter().filter_map(|proxy| proxy.secure.clone()).collect();
        let workers = start_workers(proxies, &shared, &dispatch);
        for acceptor in portal.acceptors() {
            let dispatch = Arc::clone(&dispatch);
            tokio::spawn(
                acceptor.run(shared.clone(), move |stream, peer| {
                    Arc::clone(&dispatch).serve_portal(Box::new(stream), peer)
                }),
            );
        }
        if let Some(outlet) = outlet {
            tokio::spawn(outlet.run(figures, limits, shared.stop.clone()));
        }
        if let Some(door) = door {
            tokio::spawn(admin.serve(door, shared.stop.clone()));
        }
        let following =
            tokio::spawn(session::follow(Arc::clone(&store), Arc::clone(&sessions), tickets, Arc::clone(&bindings)));
        let looking_after = tokio::spawn(look_after(Arc::clone(&sessions), Arc::clone(&dispatch.log)));
        let vouching = tokio::spawn(vouched::end_others(Arc::clone(&sessions), claims));
        let upkeep = sweep(Arc::clone(&dispatch), sessions, bindings, Arc::clone(&store), keys, clock, secure);
        let sweeping = tokio::spawn(upkeep);
        let fetching = sources.spawn();
        let following_addresses = {
            let dialler = Arc::clone(&dialler);
            tokio::spawn(async move { dialler.follow_addresses().await })
        };
        let probing = tokio::spawn(async move { dialler.probe_parents().await });
        stop.cancelled().await;
        // First everybody hears that this node goes: load balancers by its readiness, clients by their next answer.
        finish.cancel();
        let (connections, unready_time) = (shared.connections.open(), limits.unready_time);
        tracing::info!(connections, ?unready_time, "stopping: not ready any more, and serving for so long");
        sleep(unready_time).await;
        shared.stop.cancel();
        tracing::info!(connections = shared.connections.open(), "stopping: exchanges under way may finish");
        shared.tasks.close();
        if timeout(limits.drain_time, shared.tasks.wait()).await.is_err() {
            tracing::warn!(
                connections = shared.connections.open(),
                "stopping: connections closed that had not finished"
            );
        }
        following.abort();
        looking_after.abort();
        sweeping.abort();
        vouching.abort();
        fetching.iter().for_each(tokio::task::JoinHandle::abort);
        probing.abort();
        following_addresses.abort();
        workers.end().await;
        if store.sync().await.is_err() {
            tracing::warn!("stopping: the session store does not answer");
        }
        tracing::info!("stopped");
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("addresses", &self.addresses()).finish_non_exhaustive()
    }
}

/// Gives each worker one socket of each listener.
fn start_workers(listeners: Vec<ProxyListener>, shared: &Shared, dispatch: &Arc<Dispatch>) -> Workers {
    let mut listeners: Vec<_> = listeners.into_iter().map(|proxy| (proxy.listener.acceptors(), proxy.secure)).collect();
    let mut workers = Workers::new();
    loop {
        let next =
            |(acceptors, secure): &mut (_, Option<Arc<Secure>>)| Some((Iterator::next(acceptors)?, secure.clone()));
        let acceptors: Vec<(Acceptor, _)> = listeners.iter_mut().filter_map(next).collect();
        if acceptors.is_empty() {
            return workers;
        }
        let (shared, dispatch, pool) = (shared.clone(), Arc::clone(dispatch), dispatch.proxy.pool());
        let started = workers.start(move || {
            for (acceptor, secure) in acceptors {
                let (dispatch, pool, shared) = (Arc::clone(&dispatch), Arc::clone(&pool), shared.clone());
                match secure {
                    None => tokio::spawn(acceptor.run(shared, move |stream, peer| {
                        serve_proxy(Arc::clone(&dispatch), Stream::Plain(stream), Client::new(peer, Arc::clone(&pool)))
                    })),
                    Some(secure) => tokio::spawn(acceptor.run(shared, move |stream, peer| {
                        serve_secure(Arc::clone(&dispatch), Arc::clone(&secure), stream, peer, Arc::clone(&pool))
                    })),
                };
            }
        });
        if let Err(error) = started {
            tracing::error!(%error, "a worker did not start");
        }
    }
}

async fn serve_secure(dispatch: Arc<Dispatch>, secure: Arc<Secure>, stream: TcpStream, peer: Peer, pool: Arc<Pool>) {
    let Some((stream, handshake, speaks_h2)) = secure.accept(stream).await else {
        tracing::debug!(client = %peer.client, listener = %peer.listener, "no handshake");
        return;
    };
    let own = handshake.server_name.clone();
    let client = Client::new(peer.over_tls(handshake), pool);
    if !speaks_h2 {
        return serve_proxy(dispatch, Stream::Other(Box::new(stream)), client).await;
    }
    let (limits, finish) = (&dispatch.limits, &dispatch.finish);
    let first = tokio::select! {
        first = timeout(limits.head_time, h2::speaks_http_2(stream)) => first,
        () = finish.cancelled() => return,
    };
    let Ok(Ok((speaks_h2, stream))) = first else { return };
    if !speaks_h2 {
        return serve_proxy(dispatch, Stream::Other(Box::new(stream)), client).await;
    }
    let enter = || client.stream().map(Arc::new);
    h2::serve(stream, own, limits, finish, enter, |client, connection, head| {
        let dispatch = Arc::clone(&dispatch);
        async move { dispatch.answer(&client, connection, head).await }
    })
    .await;
}

async fn serve_proxy(dispatch: Arc<Dispatch>, stream: Stream, client: Client) {
    let client = Arc::new(client);
    let (limits, finish) = (&dispatch.limits, &dispatch.finish);
    let connection = Connection::new(stream).counted(client.peer.place.as_ref());
    h1::serve(connection, limits, finish, |connection, head| {
        let (dispatch, client) = (Arc::clone(&dispatch), Arc::clone(&client));
        async move { dispatch.answer(&client, connection, head).await }
    })
    .await;
}

impl Dispatch {
    /// Serves the portal on a stream whose client has yet to shake hands.
    async fn serve_portal(self: Arc<Self>, stream: Box<dyn ByteStream>, peer: Peer) {
        let server = match self.portal_tls() {
            Ok(server) => server,
            Err(error) => {
                tracing::error!(%error, "no certificate for the portal");
                return;
            }
        };
        let Ok(Ok(stream)) = timeout(self.limits.head_time, TlsAcceptor::from(server).accept(stream)).await else {
            tracing::debug!(client = %peer.client, "no handshake with the portal");
            return;
        };
        let peer = Arc::new(peer);
        serve(stream, peer.place.clone(), &self.limits, &self.finish, |request| {
            let (dispatch, peer) = (Arc::clone(&self), Arc::clone(&peer));
            async move { dispatch.answer_portal(peer, request).await }
        })
        .await;
    }
}

async fn look_after(sessions: Arc<Sessions>, log: Arc<AccessLog>) {
    let mut ticks = interval(UPKEEP);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        log.settle();
        sessions.upkeep().await;
    }
}

async fn sweep(
    dispatch: Arc<Dispatch>,
    sessions: Arc<Sessions>,
    bindings: Arc<Bindings>,
    store: Arc<dyn Store>,
    keys: Keys,
    clock: Clock,
    secure: Vec<Arc<Secure>>,
) {
    let mut ticks = interval(SWEEP);
    loop {
        ticks.tick().await;
        sessions.upkeep_clients().await;
        sessions.sweep();
        bindings.upkeep().await;
        store.sweep();
        keys.turn(clock.now());
        dispatch.proxy.sweep();
        secure.iter().for_each(|secure| secure.refresh());
    }
}
