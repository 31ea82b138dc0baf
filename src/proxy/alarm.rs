//! Signals that have tunnels ask anew whether they may go on: another configuration is in force, or something is over.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

use crate::clock::Timestamp;

/// A signal that fires once, when another configuration has replaced this one.
#[derive(Clone, Debug, Default)]
pub(super) struct Retired(Arc<Signal>);

#[derive(Debug, Default)]
struct Signal {
    fired: AtomicBool,
    notify: Arc<Notify>,
}

/// A wait for a signal.
pub(super) struct Wait(Pin<Box<OwnedNotified>>);

impl Retired {
    pub(super) fn fire(&self) {
        self.0.fired.store(true, Ordering::Release);
        self.0.notify.notify_waiters();
    }

    pub(super) fn has_fired(&self) -> bool {
        self.0.fired.load(Ordering::Acquire)
    }

    /// Waits for it, if it has not fired. `fire` first sets the flag and then wakes those who are enlisted. So whoever waits
    /// polls this first, which enlists them, and then looks at the flag: if it fires between the two, they see the flag; if
    /// it fires later, they are woken.
    pub(super) fn wait(&self) -> Wait {
        Wait(Box::pin(Arc::clone(&self.0.notify).notified_owned()))
    }
}

impl Wait {
    /// Has this task woken when it fires.
    pub(super) fn enlist(&mut self, cx: &mut Context<'_>) {
        // Ready only if it has fired, and then the flag is set.
        match self.0.as_mut().poll(cx) {
            Poll::Ready(()) | Poll::Pending => {}
        }
    }
}

/// Tunnels whose people have passed something, by when that is over. Others are not in here.
#[derive(Debug, Default)]
pub(super) struct Alarms {
    set: Mutex<BTreeMap<(Timestamp, u64), Retired>>,
    next: AtomicU64,
}

/// What fires when a pass is over. To drop it is to turn it off.
#[derive(Debug)]
pub(super) struct Alarm {
    alarms: Arc<Alarms>,
    key: (Timestamp, u64),
    signal: Retired,
}

impl Alarms {
    /// Fires for all whose time has come.
    pub(super) fn ring(&self, now: Timestamp) {
        let due = {
            let mut set = self.lock();
            // What is over at this very moment does not count any more.
            let later = set.split_off(&(now, u64::MAX));
            std::mem::replace(&mut *set, later)
        };
        due.into_values().for_each(|signal| signal.fire());
    }

    pub(super) fn set(alarms: &Arc<Self>, at: Timestamp) -> Alarm {
        let (key, signal) = ((at, alarms.next.fetch_add(1, Ordering::Relaxed)), Retired::default());
        alarms.lock().insert(key, signal.clone());
        Alarm { alarms: Arc::clone(alarms), key, signal }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(Timestamp, u64), Retired>> {
        self.set.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Alarm {
    pub(super) fn signal(&self) -> &Retired {
        &self.signal
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.alarms.lock().remove(&self.key);
    }
}
