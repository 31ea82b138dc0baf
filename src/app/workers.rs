//! Workers: threads, one for each core, that move people's bytes. Each has clients and origin connections of its own,
//! so that it waits neither for the others nor for what else the program does.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use crate::egress::pool::Pool;
use crate::net::timers;

/// The workers.
#[derive(Debug, Default)]
pub(super) struct Workers {
    workers: Vec<Worker>,
    ended: CancellationToken,
}

/// One worker.
#[derive(Debug)]
struct Worker {
    thread: JoinHandle<()>,
    /// The runtime of its thread, on which tasks for it are started.
    runtime: Handle,
    /// The origin connections that belong to its thread.
    pool: Arc<Pool>,
}

impl Workers {
    /// Starts one more worker, with this pool of origin connections.
    pub(super) fn start(&mut self, pool: Arc<Pool>) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (ended, handle) = (self.ended.clone(), runtime.handle().clone());
        let number = self.workers.len();
        let thread = std::thread::Builder::new().name(format!("worker-{number}")).spawn(move || {
            runtime.block_on(run_until(&ended));
            // Does not wait for look-ups of names that block.
            runtime.shutdown_background();
        })?;
        self.workers.push(Worker { thread, runtime: handle, pool });
        Ok(())
    }

    /// For each worker: the runtime of its thread, and its pool of origin connections.
    pub(super) fn all(&self) -> impl Iterator<Item = (&Handle, &Arc<Pool>)> {
        self.workers.iter().map(|worker| (&worker.runtime, &worker.pool))
    }

    /// Ends the workers, and breaks off what has not finished.
    pub(super) async fn end(self) {
        self.ended.cancel();
        let joined = tokio::task::spawn_blocking(move || {
            for worker in self.workers {
                drop(worker.thread.join());
            }
        });
        drop(joined.await);
    }
}

/// Runs what is spawned on this thread's runtime until `ended` fires.
async fn run_until(ended: &CancellationToken) {
    tokio::select! {
        () = ended.cancelled() => {}
        Err(error) = timers::drive() => {
            tracing::warn!(%error, "a worker has no clock of its own: its time limits cost more, and are kept all the same");
            ended.cancelled().await;
        }
    }
}
