//! Connections that are being opened and can be shared, so that many who need one at the same time open one.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::policy::{Lane, Permit};
use crate::wire::Destination;

type Key = (Destination, Lane);
type All = Arc<Mutex<HashMap<Key, Arc<Progress>>>>;

/// What is being opened on one worker.
#[derive(Debug, Default)]
pub(super) struct Openings(All);

/// How far it is.
#[derive(Debug, Default)]
struct Progress {
    over: CancellationToken,
    has_worked: AtomicBool,
}

/// Who opens a connection.
pub(super) enum Turn {
    /// Whoever has this, for as long as it is kept.
    Ours(Opening),
    /// Another one.
    Others(Wait),
}

/// The right to open a connection for all who need one.
pub(super) struct Opening {
    all: All,
    key: Key,
    progress: Arc<Progress>,
}

/// The wait for what another one opens.
pub(super) struct Wait(Arc<Progress>);

impl Openings {
    /// Whose turn it is to open a connection to where the permit says.
    pub(super) fn turn(&self, permit: &Permit) -> Turn {
        let key = (Destination::clone(permit.destination()), permit.lane().clone());
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(progress) = all.get(&key) {
            return Turn::Others(Wait(Arc::clone(progress)));
        }
        let progress = Arc::<Progress>::default();
        all.insert(key.clone(), Arc::clone(&progress));
        Turn::Ours(Opening { all: Arc::clone(&self.0), key, progress })
    }
}

impl Opening {
    /// Says that there is a connection which the others can share.
    pub(super) fn has_worked(&self) {
        self.progress.has_worked.store(true, Ordering::Release);
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
        self.progress.over.cancel();
    }
}

impl Wait {
    /// Waits until it is over, and says whether there is a connection to be shared.
    pub(super) async fn over(self) -> bool {
        self.0.over.cancelled().await;
        self.0.has_worked.load(Ordering::Acquire)
    }
}
