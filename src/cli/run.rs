//! `vestibule run`: serves until it is told to stop.

use std::io::IsTerminal as _;
use std::path::Path;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Registry, fmt, reload};

use super::{Failure, environment, runtime, stop_signal};
use crate::app::{self, Reloader, Running, build};
use crate::clock::Clock;
use crate::config::section::Level;
use crate::config::{self, Check, Config, Loaded};

/// Binds everything or starts nothing, serves, and drains at SIGTERM.
pub(super) fn run(file: &Path) -> Result<(), Failure> {
    let look = |config: &Config, check: &mut Check<'_>| app::preflight(config, &Running::default(), check);
    let loaded = config::load_looking(file, &environment, &look).map_err(|problems| Failure::config(&problems))?;
    let levels = log_events(loaded.config.log.level, Style::for_whoever_reads());
    app::say_warnings(&loaded);
    runtime()?.block_on(serve(file, loaded, levels))
}

async fn serve(file: &Path, Loaded { config, text, .. }: Loaded, levels: Levels) -> Result<(), Failure> {
    let stop = stop_signal()?;
    let hang_up = signal(SignalKind::hangup()).map_err(Failure::new)?;
    let app = build(&config, &Clock::system()).map_err(Failure::new)?;
    let path = file.to_owned();
    let read = move |own: &Running| {
        let look = |config: &Config, check: &mut Check<'_>| app::preflight(config, own, check);
        config::load_looking(&path, &environment, &look)
    };
    let reloader = Reloader::new(&app, text, read, move |config| levels.set(config.log.level));
    let app = app.reloaded_by(&reloader);
    for (listener, address) in app.addresses() {
        tracing::info!(listener, %address, "listening");
    }
    app.arrive(&stop).await;
    tracing::info!(portal = %config.portal.url, "ready");
    tokio::spawn(reloader.clone().watch(file.to_owned(), stop.clone()));
    tokio::spawn(reload_at(hang_up, reloader, stop.clone()));
    app.run(stop).await.map_err(|error| Failure::new(format!("nothing is served: a worker does not start: {error}")))
}

/// Has the configuration read again at each SIGHUP, until `stop` fires.
pub(super) async fn reload_at(mut hang_up: Signal, reloader: Reloader, stop: CancellationToken) {
    loop {
        tokio::select! {
            heard = hang_up.recv() => if heard.is_none() { return },
            () = stop.cancelled() => return,
        }
        // What comes of it is said in the events.
        drop(reloader.reload("SIGHUP").await);
    }
}

/// How events are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// For people.
    Text,
    /// For programs.
    Json,
}

impl Style {
    /// For people on a terminal, for programs elsewhere.
    fn for_whoever_reads() -> Self {
        if std::io::stderr().is_terminal() { Self::Text } else { Self::Json }
    }
}

/// Which events are written, while the program runs.
pub(super) struct Levels(reload::Handle<LevelFilter, Registry>);

impl Levels {
    fn set(&self, level: Level) {
        // Nothing is reloaded where nothing is written any more.
        drop(self.0.reload(filter(level)));
    }
}

/// Events go to standard error.
pub(super) fn log_events(level: Level, form: Style) -> Levels {
    let (level, handle) = reload::Layer::new(filter(level));
    // Whoever read them may be gone. To say so on the same stream would be a panic.
    let events = fmt::layer().with_writer(std::io::stderr).log_internal_errors(false);
    let events = events.with_ansi(std::io::stderr().is_terminal());
    let registry = tracing_subscriber::registry().with(level);
    match form {
        Style::Text => registry.with(events).init(),
        Style::Json => registry.with(events.json()).init(),
    }
    Levels(handle)
}

fn filter(level: Level) -> LevelFilter {
    match level {
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
        Level::Trace => LevelFilter::TRACE,
    }
}
