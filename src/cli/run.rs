//! `vestibule run`: serves until it is told to stop.

use std::io::IsTerminal as _;
use std::path::Path;

use tracing::level_filters::LevelFilter;

use super::{Failure, environment, runtime, stop_signal};
use crate::app::build;
use crate::clock::Clock;
use crate::config::section::Level;
use crate::config::{self, Config};

/// Binds everything or starts nothing, serves, and drains at SIGTERM.
pub(super) fn run(file: &Path) -> Result<(), Failure> {
    let config = config::load(file, &environment).map_err(|problems| Failure::config(&problems))?;
    log_events(config.log.level);
    runtime()?.block_on(serve(&config))
}

async fn serve(config: &Config) -> Result<(), Failure> {
    let stop = stop_signal()?;
    let app = build(config, &Clock::system()).map_err(Failure::new)?;
    for (listener, address) in app.addresses() {
        tracing::info!(listener, %address, "listening");
    }
    app.arrive(&stop).await;
    tracing::info!(portal = %config.portal.url, "ready");
    app.run(stop).await;
    Ok(())
}

/// Events go to standard error: for people on a terminal, as JSON elsewhere.
pub(super) fn log_events(level: Level) {
    let level = match level {
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
        Level::Trace => LevelFilter::TRACE,
    };
    let events = tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr);
    // Whoever read them may be gone. To say so on the same stream would be a panic.
    let events = events.log_internal_errors(false);
    if std::io::stderr().is_terminal() {
        events.init();
    } else {
        events.json().init();
    }
}
