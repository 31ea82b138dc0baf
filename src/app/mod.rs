//! Puts the parts together: binds all sockets or starts nothing, serves, and drains.

mod accepted;
mod arrival;
mod authority;
mod build;
mod consent;
pub mod demo;
mod descriptors;
mod desk;
mod directory;
mod dispatch;
mod draft;
mod edges;
mod error;
mod garden;
mod health;
mod interception;
pub mod lists;
mod live;
mod memory;
mod metadata;
mod metrics;
mod open;
mod outlet;
pub mod past;
mod preflight;
mod realm_commands;
mod realms;
mod recorded;
mod reload;
pub mod replay;
mod scim;
mod serve;
mod signal_commands;
mod signals;
mod sockets;
mod tasks;
mod validity;
mod vouched;
mod workers;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::admin::{Admin, Door};
use crate::authority::Authority;
use crate::proxy::Proxy;
use crate::session::{Bindings, Sessions};
pub use authority::source as authority_source;
pub use build::build;
pub use directory::groups_of_people;
pub use dispatch::HEALTH_PATH;
pub use draft::{Draft, try_cases};
pub use error::Error;
use live::Live;
pub use metadata::{last_known, waiting_hosts};
pub use preflight::{Running, preflight, try_sessions};
pub use reload::{Changed, Reloader, say_warnings};
pub use validity::Notice;

/// The program, with its sockets bound.
pub struct App {
    live: Arc<Live>,
    admin: Admin,
    door: Option<Door>,
    /// How long to wait for the store's first answer.
    start_wait: Duration,
}

impl App {
    /// The addresses to which clients connect, by listener; and the one for metrics, as `metrics`.
    pub fn addresses(&self) -> Vec<(String, SocketAddr)> {
        self.live.addresses()
    }

    /// The sessions, for tests and benchmarks that look into the program.
    pub fn sessions(&self) -> &Arc<Sessions> {
        &self.live.memory.sessions
    }

    /// The interception authority.
    pub fn authority(&self) -> &Arc<Authority> {
        &self.live.memory.authority
    }

    /// The proxy in force, for the same.
    pub fn proxy(&self) -> Arc<Proxy> {
        Arc::clone(&self.live.edges().proxy)
    }

    /// The bindings of names and certificates, for the same.
    pub fn bindings(&self) -> &Arc<Bindings> {
        &self.live.memory.bindings
    }

    /// Adds the operators' command that has `reloader` read the configuration again, as a signal does.
    #[must_use]
    pub fn reloaded_by(self, reloader: &Reloader) -> Self {
        Self { admin: reloader.command(self.admin), ..self }
    }

    /// Serves until `stop` fires. Then says so (readiness, `Connection: close`, GOAWAY), and goes on serving until load
    /// balancers have seen it; then accepts the connections that have reached it, closes its sockets, and lets what is
    /// under way finish, within the limits.
    ///
    /// Fails if nothing can be served, because a worker thread cannot be started.
    pub async fn run(self, stop: CancellationToken) -> io::Result<()> {
        let Self { live, admin, door, .. } = self;
        let shared = live.memory.shared.clone();
        let hours = tasks::hours(&live);
        live.begin()?;
        if let Some(door) = door {
            tokio::spawn(admin.serve(door, shared.stop.clone()));
        }
        let tasks = tasks::begin(&live, hours);
        stop.cancelled().await;
        // First everybody hears that this node is stopping: load balancers by its readiness, clients by their next
        // answer. Only then do the sockets close: the other way round, a load balancer would go on sending clients
        // here, and they would be refused.
        shared.finish.cancel();
        let limits = live.edges().limits;
        let (connections, unready_time) = (shared.connections.open(), limits.unready_time);
        tracing::info!(
            connections,
            ?unready_time,
            "stopping: not ready any more, and serving as before for `unready_time`"
        );
        sleep(unready_time).await;
        shared.stop.cancel();
        tracing::info!(
            connections = shared.connections.open(),
            "stopping: exchanges under way may finish, and nothing new is accepted"
        );
        shared.tasks.close();
        if timeout(limits.drain_time, shared.tasks.wait()).await.is_err() {
            tracing::warn!(
                connections = shared.connections.open(),
                "stopping: `drain_time` is over, and connections that have not finished are closed"
            );
        }
        tasks.iter().for_each(tokio::task::JoinHandle::abort);
        live.end().await;
        if live.memory.store.sync().await.is_err() {
            tracing::warn!("stopping: the session store does not answer, so the last changes to sessions may be lost");
        }
        tracing::info!("stopped");
        Ok(())
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("addresses", &self.addresses()).finish_non_exhaustive()
    }
}
