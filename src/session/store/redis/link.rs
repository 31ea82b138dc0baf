//! The connection to the shared store: a task keeps it up, and it is given up as soon as one command is not answered in
//! time.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::sentinel::{SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, ConnectionInfo, ErrorKind, FromRedisValue, IntoConnectionInfo as _,
    RedisConnectionInfo, RedisError, RedisResult, Script, ServerErrorKind, TlsCertificates, TlsMode,
};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::super::{Error, Health};
use super::Config;
use crate::clock::{Clock, Timestamp};
use crate::seal::random_text;

/// How long a command may take. After that the connection is given up.
const COMMAND: Duration = Duration::from_secs(1);

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(3);

/// How often the connection is tested, and how long a server that is away is left alone.
const PULSE: Duration = Duration::from_millis(500);

/// A connection.
#[derive(Clone)]
pub(super) enum Wire {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// The connection that commands go over.
pub(super) struct Link {
    config: Config,
    clock: Clock,
    wire: Mutex<Option<Wire>>,
    /// While the server is away: when that was noticed, in milliseconds since the epoch. Else 0.
    away: AtomicI64,
    lost: Notify,
}

/// What to ask.
pub(super) enum Ask<'a> {
    Command(redis::Cmd),
    Script(&'a Script, Vec<Vec<u8>>, Vec<Vec<u8>>),
}

impl Wire {
    pub(super) async fn ask<T: FromRedisValue>(&mut self, ask: &Ask<'_>) -> RedisResult<T> {
        match (ask, self) {
            (Ask::Command(command), Self::One(connection)) => command.query_async(connection).await,
            (Ask::Command(command), Self::Cluster(connection)) => command.query_async(connection).await,
            (Ask::Script(script, keys, arguments), wire) => {
                let mut invocation = script.prepare_invoke();
                for key in keys {
                    invocation.key(key.as_slice());
                }
                for argument in arguments {
                    invocation.arg(argument.as_slice());
                }
                match wire {
                    Self::One(connection) => invocation.invoke_async(connection).await,
                    Self::Cluster(connection) => invocation.invoke_async(connection).await,
                }
            }
        }
    }
}

impl Link {
    pub(super) fn new(config: Config, clock: Clock) -> Arc<Self> {
        let away = AtomicI64::new(clock.now().as_millisecond().max(1));
        Arc::new(Self { config, clock, wire: Mutex::new(None), away, lost: Notify::new() })
    }

    pub(super) fn health(&self) -> Health {
        match self.away.load(Ordering::Relaxed) {
            0 => Health::Well,
            since => Health::Away { since: Timestamp::from_millisecond(since).unwrap_or(Timestamp::UNIX_EPOCH) },
        }
    }

    /// Asks the server; [`Error::Away`] at once while there is no connection.
    pub(super) async fn ask<T: FromRedisValue>(&self, ask: Ask<'_>) -> Result<T, Error> {
        let Some(mut wire) = self.lock().clone() else { return Err(Error::Away) };
        match timeout(COMMAND, wire.ask(&ask)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(self.judge(&error)),
            Err(_) => {
                self.lose("it did not answer in time");
                Err(Error::Away)
            }
        }
    }

    fn judge(&self, error: &RedisError) -> Error {
        let said = error.to_string();
        if said.contains("OOM") {
            tracing::error!(error = said, "the shared store is full, and takes nothing new: nobody can sign in");
            return Error::Full;
        }
        if matches!(error.kind(), ErrorKind::Server(ServerErrorKind::ResponseError)) {
            // A script of ours is wrong, or the user may not do what it does: the connection itself works.
            tracing::error!(
                error = said,
                "the shared store refused a command, so what needed it has failed: check that its user may run scripts, and all commands on these keys"
            );
            return Error::Away;
        }
        self.lose(&said);
        Error::Away
    }

    /// Gives the connection up.
    fn lose(&self, why: &str) {
        if self.lock().take().is_some() {
            self.away.store(self.clock.now().as_millisecond().max(1), Ordering::Relaxed);
            tracing::error!(why, "the shared store is away: people who are known go on, and nobody can sign in");
            self.lost.notify_one();
        }
    }

    /// Keeps the connection up for ever. Calls `returned` each time that the server is there, for the first time or
    /// again.
    pub(super) async fn keep_up(self: Arc<Self>, returned: impl AsyncFn()) {
        let mut said = false;
        loop {
            match timeout(CONNECT, self.reach()).await.unwrap_or_else(|_| Err(too_late())) {
                Ok((wire, mark)) => {
                    *self.lock() = Some(wire);
                    self.away.store(0, Ordering::Relaxed);
                    said = false;
                    tracing::info!("the shared store is there: people can sign in");
                    returned().await;
                    self.watch(mark, &returned).await;
                }
                Err(error) => {
                    if !said {
                        tracing::error!(%error, "the shared store cannot be reached: trying again until it can");
                    }
                    said = true;
                    sleep(PULSE).await;
                }
            }
        }
    }

    /// Returns when the connection has been given up. Calls `returned` if the server has lost what it had.
    async fn watch(&self, mut mark: String, returned: &impl AsyncFn()) {
        loop {
            tokio::select! {
                () = self.lost.notified() => {}
                () = sleep(PULSE) => {}
            }
            if self.lock().is_none() {
                return;
            }
            // A command on our slot, and not PING: in a cluster any server would answer that, and the one with our slot
            // may be away.
            let Ok(found) = self.ask::<Option<String>>(self.mark("GET", &[])).await else { continue };
            if found.as_ref() != Some(&mark) {
                self.ask::<Option<String>>(self.mark("SET", &[&random_text(), "NX"])).await.ok();
                let Ok(Some(other)) = self.ask::<Option<String>>(self.mark("GET", &[])).await else { continue };
                mark = other;
                returned().await;
            }
        }
    }

    /// A command on the mark: a random word that a server which has lost everything has lost, too.
    fn mark(&self, command: &str, arguments: &[&str]) -> Ask<'static> {
        let mut command = redis::cmd(command);
        command.arg(format!("{{{}}}:mark", self.config.prefix)).arg(arguments);
        Ask::Command(command)
    }

    /// Opens a connection to the server that keeps our slot, and gives it with the mark.
    async fn reach(&self) -> RedisResult<(Wire, String)> {
        let mut wire = self.connect(COMMAND).await?;
        wire.ask::<Option<String>>(&self.mark("SET", &[&random_text(), "NX"])).await?;
        let mark = wire.ask::<Option<String>>(&self.mark("GET", &[])).await?;
        Ok((wire, mark.unwrap_or_default()))
    }

    /// Opens a connection on which an answer may take as long as `answer`.
    pub(super) async fn connect(&self, answer: Duration) -> RedisResult<Wire> {
        let config = &self.config;
        let certificates =
            TlsCertificates { client_tls: None, root_cert: config.ca.as_ref().map(std::fs::read).transpose()? };
        let settings =
            AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT)).set_response_timeout(Some(answer));
        if let Some(name) = &config.sentinel {
            let servers = config.servers.iter().map(super::config::Server::address);
            let mut builder = SentinelClientBuilder::new(servers, name, SentinelServerType::Master)?;
            if let Some(username) = &config.username {
                builder = builder.set_client_to_redis_username(username);
            }
            if let Some(password) = &config.password {
                builder = builder.set_client_to_redis_password(password.expose());
            }
            if config.servers.iter().any(|server| server.tls) {
                builder = builder
                    .set_client_to_redis_tls_mode(TlsMode::Secure)
                    .set_client_to_redis_certificates(certificates);
            }
            return builder.build()?.get_async_connection_with_config(&settings).await.map(Wire::One);
        }
        if config.cluster {
            let servers = config.servers.iter().map(|server| self.server(server)).collect::<RedisResult<Vec<_>>>()?;
            let mut builder =
                ClusterClient::builder(servers).connection_timeout(CONNECT).response_timeout(answer).retries(2);
            if config.servers.iter().any(|server| server.tls) {
                builder = builder.certs(certificates);
            }
            return builder.build()?.get_async_connection().await.map(Wire::Cluster);
        }
        let mut last = too_late();
        for server in &config.servers {
            let info = self.server(server)?;
            let client =
                if server.tls { Client::build_with_tls(info, certificates.clone())? } else { Client::open(info)? };
            match client.get_multiplexed_async_connection_with_config(&settings).await {
                Ok(connection) => return Ok(Wire::One(connection)),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn server(&self, server: &super::config::Server) -> RedisResult<ConnectionInfo> {
        let mut redis = RedisConnectionInfo::default();
        if let Some(username) = &self.config.username {
            redis = redis.set_username(username);
        }
        if let Some(password) = &self.config.password {
            redis = redis.set_password(password.expose());
        }
        Ok(server.address().into_connection_info()?.set_redis_settings(redis))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Wire>> {
        self.wire.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn too_late() -> RedisError {
    std::io::Error::from(std::io::ErrorKind::TimedOut).into()
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("servers", &self.config.servers).finish_non_exhaustive()
    }
}
