//! Opens what a node keeps and writes: the store, the keys, the logs, and the socket for operators.

use std::path::Path;
use std::sync::Arc;

use super::error::Error;
use crate::admin::Door;
use crate::clock::{Clock, SignedDuration};
use crate::config::Config;
use crate::config::section::{AccessLog as LogTo, Log};
use crate::observe::{AccessLog, Audit};
use crate::portal::Operators;
use crate::session::Backend;
use crate::session::ends::Ends;
use crate::session::keys::{self, Keys};
use crate::session::store::attested::Attested;
use crate::session::store::embedded::Embedded;
use crate::session::store::memory::Memory;
use crate::session::store::redis::Redis;
use crate::session::store::{Health, Store};

/// The most records of each kind that the store keeps: pending sign-ins, tickets, used assertions and so on.
const MAX_RECORDS: usize = 500_000;

/// The key for operators' links. If it cannot be kept, links that a command makes do not work.
pub(super) fn operators(folder: &Path) -> Operators {
    Operators::open(folder).unwrap_or_else(|error| {
        tracing::error!(%error, "the key for operators' links cannot be kept in the state folder: links from `vestibule` commands do not work");
        Operators::ephemeral()
    })
}

/// Binds the socket for operators. If that fails, the program runs without it.
pub(super) fn door(folder: &Path) -> Option<Door> {
    let opened = Door::open(folder);
    opened.inspect_err(|error| tracing::warn!(%error, "the socket for operators in the state folder cannot be bound: `vestibule` commands cannot reach this program")).ok()
}

/// The session store. If it keeps anything outside this process, its content is attested.
pub(super) fn store(config: &Config, keys: &Keys, clock: &Clock) -> Result<Arc<dyn Store>, Error> {
    let redis = &config.session.redis;
    let store: Arc<dyn Store> = match config.session.store {
        _ if !redis.servers.is_empty() => Arc::new(Redis::start(redis.clone(), clock.clone())),
        Backend::Memory => return Ok(Arc::new(Memory::new(MAX_RECORDS, clock.clone()))),
        Backend::Embedded => {
            let adopt = keys.adopts().then(|| keys.attestor());
            let store = Embedded::open_adopting(&config.state, MAX_RECORDS, clock.clone(), adopt)?;
            if store.health() == Health::Well {
                keys.adopted(clock.now());
            }
            Arc::new(store)
        }
    };
    Ok(Arc::new(Attested::new(store, Arc::new(keys.attestor()), clock.clone())))
}

/// The ends that the store may not have. A store in memory needs no journal of them, because its sessions end with the
/// process.
pub(super) fn ends(config: &Config, keys: &Keys, clock: &Clock) -> Arc<Ends> {
    let is_memory = config.session.redis.servers.is_empty() && config.session.store == Backend::Memory;
    Arc::new(match is_memory {
        true => Ends::fleeting(clock.clone()),
        false => Ends::open(&config.state, Arc::new(keys.attestor()), clock.clone()),
    })
}

/// The keys with which tokens are sealed.
pub(super) fn keys(config: &Config, clock: &Clock) -> Result<Keys, Error> {
    let redis = &config.session.redis;
    let source = match (&redis.secret, config.session.store) {
        (Some(secret), _) if !redis.servers.is_empty() => {
            keys::Source::Secret(secret.clone(), redis.other_secrets.clone())
        }
        (_, Backend::Embedded) => keys::Source::Folder(config.state.to_path_buf()),
        (_, Backend::Memory) => keys::Source::Chance,
    };
    Ok(Keys::open(source, longest_session(config), clock.now())?)
}

/// The access log.
pub(super) fn access_log(log: &Log, clock: &Clock) -> Result<AccessLog, Error> {
    let node = log.node_name();
    let opened = match &log.access {
        LogTo::Stdout => {
            AccessLog::to_stdout(&node, clock.clone()).map_err(|error| Error::Log("standard output".into(), error))
        }
        LogTo::File(path) => AccessLog::to_file(path, log.rotate, &node, clock.clone())
            .map_err(|error| Error::Log(path.to_path_buf(), error)),
    };
    opened.map(|opened| opened.shedding(log.refused))
}

/// The audit log, if one is configured.
pub(super) fn audit(log: &Log, clock: &Clock) -> Result<Audit, Error> {
    let node = log.node_name();
    match &log.audit {
        None => Ok(Audit::default()),
        Some(LogTo::Stdout) => {
            Audit::to_stdout(&node, clock.clone()).map_err(|error| Error::Log("standard output".into(), error))
        }
        Some(LogTo::File(path)) => Audit::to_file(path, log.rotate, &node, clock.clone())
            .map_err(|error| Error::Log(path.to_path_buf(), error)),
    }
}

/// The longest lifetime of a session on any network.
pub(super) fn longest_session(config: &Config) -> SignedDuration {
    let lifetimes = config.networks.iter().filter_map(|network| network.lifetime);
    lifetimes.chain([config.session.lifetime]).max().unwrap_or(config.session.lifetime)
}
