//! What takes requests of SCIM, as one configuration has it.

use std::sync::Arc;

use rustls::ServerConfig;

use super::error::Error;
use super::memory::Memory;
use crate::config::Config;
use crate::directory::Directories;
use crate::listener::Pair;
use crate::scim::{Scim, Surroundings};

/// What takes requests of SCIM under one configuration.
#[derive(Clone)]
pub(super) struct Desk {
    pub(super) scim: Scim,
    /// `None` where clients come from this machine alone, in the clear.
    pub(super) tls: Option<Arc<ServerConfig>>,
}

/// What takes requests of SCIM, if the configuration has a listener for them. Of the same configuration, the one `before`
/// goes on.
pub(super) fn desk(
    config: &Config,
    memory: &Memory,
    directories: &Directories,
    before: Option<&Option<Desk>>,
) -> Result<Option<Desk>, Error> {
    if let Some(before) = before {
        return Ok(before.clone());
    }
    if config.scim.listen.is_none() {
        return Ok(None);
    }
    let tls = match (&config.scim.certificate, &config.scim.key) {
        (Some(certificate), Some(key)) => {
            let Pair { chain, key } = Pair::read(certificate, key).map_err(|fault| Error::Scim(fault.to_string()))?;
            let server = memory.authority.server_with(chain, key).map_err(|error| Error::Scim(error.to_string()))?;
            Some(Arc::new(server))
        }
        _ => None,
    };
    let pushed = directories.all().iter().filter(|tenant| tenant.config.scim);
    let parts = Surroundings {
        directories: pushed.map(|tenant| Arc::clone(&tenant.directory)).collect(),
        memory: Arc::clone(&memory.scim),
        audit: Arc::clone(&memory.audit),
        clock: memory.clock.clone(),
    };
    Ok(Some(Desk { scim: Scim::new(&config.scim, parts), tls }))
}
