//! Workers: a thread for each core, with clients and origin connections of its own, so that threads that move people's
//! bytes neither wait for each other nor for whatever else the program does.

use std::io;
use std::thread::JoinHandle;

use tokio_util::sync::CancellationToken;

/// The workers.
#[derive(Debug)]
pub(super) struct Workers {
    threads: Vec<JoinHandle<()>>,
    ended: CancellationToken,
}

impl Workers {
    /// No workers yet.
    pub(super) fn new() -> Self {
        Self { threads: Vec::new(), ended: CancellationToken::new() }
    }

    /// Starts one, which goes on with what `begin` has started until all are to end.
    pub(super) fn start(&mut self, begin: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let ended = self.ended.clone();
        let number = self.threads.len();
        let thread = std::thread::Builder::new().name(format!("worker-{number}")).spawn(move || {
            runtime.block_on(async {
                begin();
                ended.cancelled().await;
            });
            // Whoever is in the middle of a look-up of names is not waited for.
            runtime.shutdown_background();
        })?;
        self.threads.push(thread);
        Ok(())
    }

    /// Ends them, with whatever has not finished.
    pub(super) async fn end(self) {
        self.ended.cancel();
        let joined = tokio::task::spawn_blocking(move || {
            for thread in self.threads {
                drop(thread.join());
            }
        });
        drop(joined.await);
    }
}
