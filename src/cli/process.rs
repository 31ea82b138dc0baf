//! What every command needs of the process: threads, signals, the environment.

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::Failure;
use crate::session::store::embedded;

/// A panic in a thread that uses the store is damage in its file, which is said as such by whoever waits for the thread.
pub(super) fn say_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().name() != Some(embedded::THREAD) {
            usual(panic);
        }
    }));
}

/// Has the system write no core dumps of this process, and lets no other process of the same user read its memory, which holds
/// keys. The limit alone would not do: dumps that are piped to a program do not count as files.
pub(super) fn keep_memory_private() -> std::io::Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    Ok(())
}

/// Looks up a variable of the environment.
pub(super) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("the program cannot start its threads: {error}")))
}

/// Fires at the first SIGTERM or SIGINT; the second one ends the program at once.
pub(super) fn stop_signal() -> Result<CancellationToken, Failure> {
    let mut term = signal(SignalKind::terminate()).map_err(Failure::new)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::new)?;
    let stop = CancellationToken::new();
    let fired = stop.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = term.recv() => {}
                _ = interrupt.recv() => {}
            }
            if fired.is_cancelled() {
                #[expect(
                    clippy::disallowed_methods,
                    reason = "who asks twice wants it to end at once, whatever is under way"
                )]
                std::process::exit(130);
            }
            fired.cancel();
        }
    });
    Ok(stop)
}
