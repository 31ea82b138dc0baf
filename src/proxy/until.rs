//! How long a tunnel may go on: until its session ends, or a new configuration, or the time, does not permit it any more.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use http::Method;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::Proxy;
use super::decide::{Over, Sought};
use super::identity::Identity;
use super::memory::Memory;
use crate::clock::Timestamp;
use crate::identity::Surrogate;
use crate::observe::Recorder;
use crate::policy::Access;
use crate::session::Session;
use crate::wire::{Destination, Era, Scheme};

/// A signal that fires once, when another configuration has replaced this one.
#[derive(Clone, Debug, Default)]
pub(super) struct Retired(Arc<Signal>);

#[derive(Debug, Default)]
struct Signal {
    fired: AtomicBool,
    notify: Notify,
}

impl Retired {
    pub(super) fn fire(&self) {
        self.0.fired.store(true, Ordering::Release);
        self.0.notify.notify_waiters();
    }

    fn has_fired(&self) -> bool {
        self.0.fired.load(Ordering::Acquire)
    }

    async fn wait(self) {
        let notified = self.0.notify.notified();
        tokio::pin!(notified);
        // In this order: `fire` first sets the flag and then wakes those who are enlisted. We enlist first and then
        // look at the flag. So if it fires between the two, we see the flag; if it fires later, we are woken.
        notified.as_mut().enable();
        if !self.has_fired() {
            notified.await;
        }
    }
}

/// By what right a tunnel goes on.
pub(super) struct Leave {
    memory: Arc<Memory>,
    /// Whose it is, and the surrogate by which that was known; `None` if it is nobody's.
    session: Option<(Arc<Session>, Surrogate)>,
    /// As what it was asked for: by CONNECT, or by a request that changes the protocol.
    access: Access,
    opened: Timestamp,
    /// The request that changed the protocol; `None` for a CONNECT.
    request: Option<Box<(Method, Box<str>)>>,
    /// The era of the configuration under which it was opened.
    era: Era,
    retired: Retired,
}

impl Leave {
    /// The right that `proxy` has just given to this person, or to nobody in particular.
    pub(super) fn new(
        proxy: &Proxy,
        identity: Option<&Identity>,
        access: Access,
        request: Option<(Method, Box<str>)>,
    ) -> Self {
        let session = identity.map(|identity| (Arc::clone(&identity.session), identity.surrogate));
        let (memory, era) = (Arc::clone(&proxy.memory), proxy.entries.era());
        let (opened, request) = (proxy.clock.now(), request.map(Box::new));
        Self { memory, session, access, opened, request, era, retired: proxy.retired.clone() }
    }

    /// What to watch while the tunnel of `recorder` goes on: the end of its session, and new configurations.
    pub(super) fn watch<'a>(&'a mut self, recorder: &'a Recorder) -> (Option<CancellationToken>, Asking<'a>) {
        let ended = self.session.as_ref().map(|(session, _)| session.ended().clone());
        (ended, Asking { leave: Some((self, recorder)), wait: None })
    }

    /// Whether the tunnel of `recorder` may go on under the configuration that is in force now.
    fn renew(&mut self, recorder: &Recorder) -> Result<(), Over> {
        let Some(proxy) = self.memory.current() else {
            // The program ends, and nothing takes the place of what it was: nobody is to be asked any more.
            self.retired = Retired::default();
            return Ok(());
        };
        self.retired = proxy.retired.clone();
        // More may have become known of its person, such as other groups.
        if let Some((session, _)) = &mut self.session
            && let Some(current) = proxy.sessions.find(session.id)
        {
            *session = current;
        }
        let scheme = if recorder.scheme == Some(Scheme::Http.as_str()) { Scheme::Http } else { Scheme::Https };
        let (Some(host), Some(port)) = (&recorder.host, recorder.port) else { return Ok(()) };
        let Ok(destination) = Destination::of_authority(scheme, &format!("{host}:{port}")) else { return Ok(()) };
        let session = self.session.as_ref().map(|(session, surrogate)| (&**session, *surrogate));
        let session = session.filter(|(session, surrogate)| proxy.tells_still(session, *surrogate, self.era, recorder));
        let request = self.request.as_deref().map(|(method, target)| (method, &**target));
        let sought = Sought { destination: &Arc::new(destination), access: self.access, request };
        proxy.permits_still(session, recorder, sought, self.opened)
    }
}

/// Watches for the moment when a new configuration must be asked.
pub(super) struct Asking<'a> {
    leave: Option<(&'a mut Leave, &'a Recorder)>,
    wait: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Asking<'_> {
    /// Watches nothing.
    #[cfg(test)]
    pub(super) fn nobody() -> Self {
        Self { leave: None, wait: None }
    }

    /// Ready when the tunnel must not go on.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Over> {
        let Some((leave, recorder)) = &mut self.leave else { return Poll::Pending };
        loop {
            match &mut self.wait {
                // The usual case, with each turn of the relay: one atomic load, and no lock. The future is not polled
                // again, because its first poll has enlisted this task, which stays the same for the life of a tunnel.
                Some(_) if !leave.retired.has_fired() => return Poll::Pending,
                Some(_) => {
                    // `renew` has taken the signal of the proxy that it asked, so if that one is replaced at this very
                    // moment, the new future below sees its flag at once, and the loop asks again: no configuration is
                    // skipped over.
                    if let Err(over) = leave.renew(recorder) {
                        return Poll::Ready(over);
                    }
                    self.wait = None;
                }
                none => {
                    let mut wait: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(leave.retired.clone().wait());
                    let fired = wait.as_mut().poll(cx).is_ready();
                    *none = Some(wait);
                    if !fired {
                        return Poll::Pending;
                    }
                }
            }
        }
    }
}
