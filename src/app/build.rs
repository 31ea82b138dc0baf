//! Builds the program from a configuration, with its sockets bound. If anything fails, nothing has been started.

use std::sync::Arc;

use super::error::Error;
use super::live::Live;
use super::{App, consent, directory, health, interception, lists, open, realm_commands, scim, signal_commands};
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
    let admin = directory::risk_commands(directory::commands(admin, &memory.directories), means.clone());
    let admin = directory::person_commands(admin, means.clone());
    let admin = directory::act_commands(admin, means);
    let admin = scim::commands(admin, &live);
    let admin = signal_commands::commands(admin, &live);
    let admin = consent::commands(admin, &live);
    let admin = interception::commands(admin, &memory.proxy);
    let admin = admin::sessions::commands(admin.recorded(Arc::clone(&memory.audit)), &memory.sessions);
    let door = open::door(&memory.state);
    Ok(App { admin, door, start_wait: config.session.redis.start_wait, live })
}
