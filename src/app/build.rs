//! Builds the program from a configuration, with its sockets bound. If anything fails, nothing has been started.

use std::sync::Arc;

use super::error::Error;
use super::live::Live;
use super::{App, directory, health, interception, lists, open, realm_commands, scim};
use crate::admin::{self, Admin};
use crate::clock::Clock;
use crate::config::Config;

/// Builds the program: all addresses are bound, and nothing is served yet. Must be called in a Tokio runtime.
pub fn build(config: &Config, clock: &Clock) -> Result<App, Error> {
    let live = Live::open(config, clock)?;
    let memory = &live.memory;
    let admin = realm_commands::commands(health::command(Admin::default(), &live), &live, &memory.audit);
    let here = Arc::downgrade(&live);
    let in_force = move || here.upgrade().map(|live| live.edges().lists.clone()).unwrap_or_default();
    let admin = lists::commands(admin, &memory.lists, in_force);
    let here = Arc::downgrade(&live);
    let means = directory::Means {
        cabinet: Arc::clone(&memory.directories),
        sessions: Arc::clone(&memory.sessions),
        audit: Arc::clone(&memory.audit),
        client: move || here.upgrade().map(|live| live.edges().client()),
    };
    let admin = directory::act_commands(directory::commands(admin, &memory.directories), means);
    let admin = interception::commands(scim::commands(admin, &live), &memory.proxy);
    let admin = admin::sessions::commands(admin.recorded(Arc::clone(&memory.audit)), &memory.sessions);
    let door = open::door(&memory.state);
    Ok(App { admin, door, start_wait: config.session.redis.start_wait, live })
}
