//! How long a tunnel may go on: until its session ends, or a new configuration, or the time, does not permit it any more.

use std::sync::Arc;
use std::task::{Context, Poll};

use http::Method;
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::Proxy;
use super::alarm::{Alarm, Alarms, Retired, Wait};
use super::decide::Sought;
use super::identity::Identity;
use super::memory::Memory;
use super::unread::{Over, Spared};
use crate::clock::Timestamp;
use crate::identity::Surrogate;
use crate::observe::Recorder;
use crate::policy::{Access, Pass};
use crate::session::Session;
use crate::wire::{Destination, Era, Scheme};

/// By what right a tunnel goes on.
pub(super) struct Leave {
    memory: Arc<Memory>,
    /// Whose it is, and the surrogate by which that was known; `None` if it is nobody's.
    session: Option<(Arc<Session>, Surrogate)>,
    /// As what it was asked for: by CONNECT, or by a request that changes the protocol.
    access: Access,
    /// Why nobody looks into it.
    spared: Spared,
    opened: Timestamp,
    /// The request that changed the protocol; `None` for a CONNECT.
    request: Option<Box<(Method, Box<str>)>>,
    /// The era of the configuration under which it was opened.
    era: Era,
    retired: Retired,
    /// What its person had passed when it was opened.
    passed: Box<[Pass]>,
    /// Fires when the next pass of its person is over. Boxed, because few have one.
    alarm: Option<Box<Alarm>>,
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
        let passes = session.iter().flat_map(|(session, _)| &session.passes);
        let passed = passes.copied().filter(|pass| pass.until > opened).collect();
        let retired = proxy.retired.clone();
        let spared = Spared::ByDefault;
        let mut leave = Self { memory, session, access, spared, opened, request, era, retired, passed, alarm: None };
        leave.set_alarm(opened);
        leave
    }

    /// The same for a tunnel that a rule has intercepted, and that is unread for another reason.
    pub(super) fn spared(mut self, spared: Spared) -> Self {
        self.spared = spared;
        if spared.until().is_some() {
            self.set_alarm(self.opened);
        }
        self
    }

    /// Has itself woken when the next pass is over, of those that counted when the tunnel was opened, and when the time is over
    /// for which it is spared.
    fn set_alarm(&mut self, now: Timestamp) {
        let passes = self.session.iter().flat_map(|(session, _)| &session.passes);
        let is_held = |pass: &&Pass| self.passed.iter().any(|held| held.barrier == pass.barrier);
        // What was held may have made room for others in the session: its time is over all the same.
        let ends = passes.filter(is_held).chain(&self.passed).map(|pass| pass.until).chain(self.spared.until());
        let next = ends.filter(|until| *until > now).min();
        self.alarm = next.map(|next| Box::new(Alarms::set(&self.memory.alarms, next)));
    }

    /// Whether it has to be asked anew whether it may go on.
    fn is_in_doubt(&self) -> bool {
        self.retired.has_fired() || self.alarm.as_ref().is_some_and(|alarm| alarm.signal().has_fired())
    }

    /// Waits until it is.
    fn wait(&self) -> Waits {
        (self.retired.wait(), self.alarm.as_ref().map(|alarm| alarm.signal().wait()))
    }

    /// Ready when its session ends; `None` if it is nobody's.
    pub(super) fn ended(&self) -> Option<WaitForCancellationFutureOwned> {
        self.session.as_ref().map(|(session, _)| session.ended().clone().cancelled_owned())
    }

    /// Watches for new configurations while the tunnel of `recorder` goes on.
    pub(super) fn watch<'a>(&'a mut self, recorder: &'a Recorder) -> Asking<'a> {
        Asking { leave: Some((self, recorder)), wait: None }
    }

    /// Whether the tunnel of `recorder` may go on under the configuration that is in force now.
    fn renew(&mut self, recorder: &Recorder) -> Result<(), Over> {
        let Some(proxy) = self.memory.current() else {
            // The program ends, and nothing takes the place of what it was: nobody is to be asked any more.
            self.retired = Retired::default();
            self.alarm = None;
            return Ok(());
        };
        self.retired = proxy.retired.clone();
        // More may have become known of its person, such as other groups.
        if let Some((session, _)) = &mut self.session
            && let Some(current) = proxy.sessions.find(session.id)
        {
            *session = current;
        }
        self.set_alarm(proxy.clock.now());
        let scheme = recorder.scheme.unwrap_or(Scheme::Https);
        let (Some(host), Some(port)) = (&recorder.host, recorder.port) else { return Ok(()) };
        let Ok(destination) = Destination::of_authority(scheme, &format!("{host}:{port}")) else { return Ok(()) };
        let session = self.session.as_ref().map(|(session, surrogate)| (&**session, *surrogate));
        let session = session.filter(|(session, surrogate)| proxy.tells_still(session, *surrogate, self.era, recorder));
        let request = self.request.as_deref().map(|(method, target)| (method, &**target));
        let sought = Sought { destination: &Arc::new(destination), access: self.access, request };
        proxy.permits_still(session, recorder, sought, (self.opened, &self.passed, self.spared))
    }
}

/// Watches for the moment when it must be asked anew: of a new configuration, or because something is over.
pub(super) struct Asking<'a> {
    leave: Option<(&'a mut Leave, &'a Recorder)>,
    wait: Option<Waits>,
}

/// Waits for another configuration, and for an alarm, if one is set.
type Waits = (Wait, Option<Wait>);

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
                // The usual case, with each turn of the relay: one atomic load or two, and no lock. The future is not polled
                // again, because its first poll has enlisted this task, which stays the same for the life of a tunnel.
                Some(_) if !leave.is_in_doubt() => return Poll::Pending,
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
                    let mut wait = leave.wait();
                    let (retired, alarm) = &mut wait;
                    retired.enlist(cx);
                    alarm.iter_mut().for_each(|alarm| alarm.enlist(cx));
                    *none = Some(wait);
                    if !leave.is_in_doubt() {
                        return Poll::Pending;
                    }
                }
            }
        }
    }
}
