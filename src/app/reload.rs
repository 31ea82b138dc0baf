//! Reads the configuration again, because of a signal, a command or a change of the file, and says what has changed or
//! what is wrong.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use serde_json::json;
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::App;
pub use super::live::Changed;
use super::live::Live;
use super::preflight::Running;
use crate::admin::Admin;
use crate::config::{Change, Config, Loaded, Problems};

/// How often the file is looked at, if it is watched.
const LOOK: Duration = Duration::from_secs(1);

/// How long a reload waits for the program to serve.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it looks meanwhile.
const SOON: Duration = Duration::from_millis(20);

/// Reads the file.
type Read = dyn Fn(&Running) -> Result<Loaded, Problems> + Send + Sync;

/// Is told of each configuration that was put in force.
type Taken = dyn Fn(&Config) + Send + Sync;

/// Reads the configuration again for a running program.
#[derive(Clone)]
pub struct Reloader {
    live: Weak<Live>,
    read: Arc<Read>,
    taken: Arc<Taken>,
    /// Reloads come one after the other, reading included, so that the file that was read last is in force in the end.
    turn: Arc<Mutex<()>>,
}

impl Reloader {
    /// Reads the configuration of `app` again by calling `read`, which is told what this program has; `text` is the file that it was first read from. Calls
    /// `taken` with each configuration that has been put in force.
    pub fn new(
        app: &App,
        text: String,
        read: impl Fn(&Running) -> Result<Loaded, Problems> + Send + Sync + 'static,
        taken: impl Fn(&Config) + Send + Sync + 'static,
    ) -> Self {
        app.live.read_from(text);
        Self { live: Arc::downgrade(&app.live), read: Arc::new(read), taken: Arc::new(taken), turn: Arc::default() }
    }

    /// Reads the file and puts it in force. `by` says in events who wants that. If it cannot be put in force, all stays
    /// as it is, and an event for each problem names its line.
    pub async fn reload(&self, by: &str) -> Result<Changed, String> {
        let Some(live) = self.live.upgrade() else { return Err("the program has ended".to_owned()) };
        let _turn = self.turn.lock().await;
        let begun = async {
            while !live.has_begun() {
                sleep(SOON).await;
            }
        };
        timeout(PATIENCE, begun).await.map_err(|_| "the program does not serve yet: try again later".to_owned())?;
        let (read, taken) = (Arc::clone(&self.read), Arc::clone(&self.taken));
        // On a thread that may wait, because this reads files and compiles patterns: requests are answered meanwhile.
        let reloaded = tokio::task::spawn_blocking(move || {
            let addresses = live.addresses().into_iter().map(|(_, address)| address).collect();
            let loaded = read(&Running { addresses, is_there: true }).map_err(|problems| {
                for problem in &problems.list {
                    let line = problem.place.as_ref().map(|place| place.line);
                    let file = problem.file(&problems.file);
                    let help = (!problem.help.is_empty()).then(|| problem.help.join("; "));
                    tracing::error!(
                        file,
                        line,
                        problem = problem.message,
                        help,
                        "the configuration has a mistake, and is not put in force"
                    );
                }
                problems.to_string()
            })?;
            say_warnings(&loaded);
            let config = loaded.config.clone();
            live.reload(loaded).inspect(|_| taken(&config)).map_err(|error| error.to_string())
        });
        let reloaded = reloaded.await.unwrap_or_else(|error| Err(format!("the reload was broken off: {error}")));
        match &reloaded {
            Ok(Changed { changes, fixed }) => {
                for change in changes {
                    tracing::info!(section = change.section, keys = change.keys.join(", "), "configuration changed");
                }
                for key in fixed {
                    tracing::warn!(key, "this setting can be changed by a restart alone: the old value stays in force");
                }
                tracing::info!(by, sections = changes.len(), "configuration reloaded");
            }
            Err(reason) => {
                let reason = reason.lines().next_back().unwrap_or_default();
                tracing::error!(by, reason, "configuration not reloaded: the old one stays in force");
            }
        }
        reloaded
    }

    /// Reads the file again whenever it has changed, while the configuration says that it is watched, until `stop`
    /// fires.
    pub async fn watch(self, file: PathBuf, stop: CancellationToken) {
        let versions = || {
            let policy = self.live.upgrade().and_then(|live| live.policy_file());
            version(&file).map(|own| (own, policy.as_deref().map(version)))
        };
        let mut taken = versions();
        let mut before = taken;
        loop {
            tokio::select! {
                () = sleep(LOOK) => {}
                () = stop.cancelled() => return,
            }
            if !self.live.upgrade().is_some_and(|live| live.watches()) {
                continue;
            }
            let now = versions();
            // A file that is being written is read once it has stayed the same between two looks. What is wrong with it
            // is said once.
            let is_settled = now.is_some() && now == before;
            before = now;
            if is_settled && now != taken {
                taken = now;
                drop(self.reload("a change of the file").await);
            }
        }
    }

    /// Adds the command `reload`, which answers with what has changed.
    pub(super) fn command(&self, admin: Admin) -> Admin {
        let reloader = self.clone();
        admin.on("reload", move |_, asker| {
            let reloader = reloader.clone();
            async move {
                let Changed { changes, fixed } = reloader.reload(&asker.who).await?;
                for Change { section, keys } in changes {
                    asker.tell(json!({ "section": section, "keys": keys })).await;
                }
                for key in fixed {
                    asker.tell(json!({ "restart": key })).await;
                }
                Ok(())
            }
        })
    }
}

/// Says in the events what may not be meant in a configuration, or not go well for long.
pub fn say_warnings(loaded: &Loaded) {
    for warning in &loaded.warnings {
        let line = warning.place.as_ref().map(|place| place.line);
        let help = (!warning.help.is_empty()).then(|| warning.help.join("; "));
        tracing::warn!(
            file = warning.file(&loaded.file),
            line,
            warning = warning.message,
            help,
            "the configuration can be used, but may not do what its author meant"
        );
    }
}

/// What differs if a file has changed: its time, its length, or, because editors put another file in its place, its
/// inode.
fn version(file: &Path) -> Option<(SystemTime, u64, u64)> {
    let metadata = std::fs::metadata(file).ok()?;
    Some((metadata.modified().ok()?, metadata.len(), metadata.ino()))
}

impl std::fmt::Debug for Reloader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reloader").finish_non_exhaustive()
    }
}
