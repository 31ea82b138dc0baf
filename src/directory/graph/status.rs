//! How the sync of a tenant stands: what an operator is told, and when the next round is due.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::apply::Done;
use super::config::Config;
use super::fault::{Condition, Fault, is_stale};
use super::staged::Progress;
use crate::clock::{SignedDuration, Timestamp, after};
use crate::directory::Directory;

/// The name under which the directory remembers it.
pub(super) const STATE: &str = "graph/sync";

/// The name under which the directory remembers the last alarm, and for how long that is shown.
pub(super) const ALARM: &str = "graph/alarm";
const ALARMED: SignedDuration = SignedDuration::from_hours(24);

/// How soon a round that failed is tried again; twice as long each time, until it is the usual time.
const FIRST_RETRY: SignedDuration = SignedDuration::from_secs(15);

/// What is remembered of the last good round, in the same write as what it has read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Remembered {
    /// What was read: Graph and the tenant, and what was asked of it.
    pub(super) of: String,
    /// The whole delta links, of users and of groups.
    pub(super) links: [String; 2],
    /// When it was applied.
    pub(super) last_good: Timestamp,
    /// When everything was read the last time.
    pub(super) last_full: Option<Timestamp>,
    /// What it did.
    pub(super) done: Done,
}

/// What the directory remembers.
pub(super) fn remembered(directory: &Directory) -> Option<Remembered> {
    let state = directory.read().and_then(|reading| reading.state(STATE)).ok().flatten()?;
    serde_json::from_slice(&state).ok()
}

/// That one round has disabled more people than is usual.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisabledMany {
    /// When.
    pub at: Timestamp,
    /// How many people it has disabled.
    pub disabled: usize,
    /// Of how many people.
    pub of: usize,
}

/// The last alarm, for a day.
pub(super) fn alarm(directory: &Directory, now: Timestamp) -> Option<DisabledMany> {
    let state = directory.read().and_then(|reading| reading.state(ALARM)).ok().flatten()?;
    let alarm: DisabledMany = serde_json::from_slice(&state).ok()?;
    (now.duration_since(alarm.at) < ALARMED).then_some(alarm)
}

/// What is being done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Nothing until the next round is due.
    #[default]
    Waiting,
    /// Pages are read.
    Reading,
    /// The round is put into the directory.
    Applying,
}

/// What an operator is told.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SyncReport {
    /// The state, in an administrator's words.
    pub status: &'static str,
    /// Why it is not `Granted`.
    pub reason: Option<String>,
    /// What to do about it.
    pub help: Option<String>,
    /// What is being done.
    pub phase: Phase,
    /// How many rounds have ended since the program or its configuration was put in force.
    pub rounds: u64,
    /// Whether the round under way reads everything.
    pub full: bool,
    /// Pages that were read in it.
    pub pages: u64,
    /// Users that were read in it; some more than once.
    pub users_read: u64,
    /// Groups that were read in it; some more than once.
    pub groups_read: u64,
    /// When the last good round was applied.
    pub last_good: Option<Timestamp>,
    /// When everything was read the last time.
    pub last_full: Option<Timestamp>,
    /// When the next round begins.
    pub next: Timestamp,
    /// What the last good round did.
    pub last: Option<Done>,
    /// That a round of the last day has disabled more people than is usual.
    pub alarm: Option<DisabledMany>,
}

#[derive(Debug)]
struct State {
    remembered: Option<Remembered>,
    phase: Phase,
    full: bool,
    pages: u64,
    objects: [u64; 2],
    /// The last round's fault: when, in which state it leaves the directory, and what to say.
    fault: Option<(Timestamp, Condition, String, String, bool)>,
    failures: u32,
    rounds: u64,
    since: Option<Timestamp>,
}

#[derive(Debug)]
pub(super) struct Status(Mutex<State>);

impl Status {
    pub(super) fn new(remembered: Option<Remembered>) -> Self {
        Self(Mutex::new(State {
            remembered,
            phase: Phase::Waiting,
            full: false,
            pages: 0,
            objects: [0; 2],
            fault: None,
            failures: 0,
            rounds: 0,
            since: None,
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long to wait for the next round.
    pub(super) fn pause(&self, config: &Config, now: Timestamp) -> Duration {
        Duration::try_from(self.state().due(config, now).duration_since(now)).unwrap_or_default()
    }

    pub(super) fn is_full_due(&self, config: &Config, now: Timestamp) -> bool {
        let last = self.state().remembered.as_ref().and_then(|known| known.last_full);
        last.is_none_or(|last| after(last, config.full.signed()) <= now)
    }

    pub(super) fn begin(&self, now: Timestamp) {
        let mut state = self.state();
        state.phase = Phase::Reading;
        state.since.get_or_insert(now);
    }

    pub(super) fn reads(&self, progress: &Progress) {
        let mut state = self.state();
        (state.full, state.pages, state.objects) = (progress.full, progress.pages, progress.objects);
    }

    pub(super) fn applies(&self) {
        self.state().phase = Phase::Applying;
    }

    pub(super) fn knows(&self, remembered: Remembered) {
        let mut state = self.state();
        // Another node may have led meanwhile, and have had a good round.
        if state.fault.as_ref().is_some_and(|(at, ..)| *at < remembered.last_good) {
            (state.fault, state.failures) = (None, 0);
        }
        state.remembered = Some(remembered);
    }

    pub(super) fn end(&self, outcome: Result<Done, Fault>, now: Timestamp) {
        let mut state = self.state();
        state.phase = Phase::Waiting;
        state.rounds += 1;
        match outcome {
            Ok(_) => (state.fault, state.failures) = (None, 0),
            Err(fault) => {
                state.fault = Some((now, fault.condition(), fault.to_string(), fault.help(), fault.may_pass()));
                state.failures += 1;
            }
        }
    }

    pub(super) fn report(&self, config: &Config, now: Timestamp) -> SyncReport {
        let mut state = self.state();
        let (condition, reason, help) = state.condition(config, now);
        let remembered = state.remembered.as_ref();
        let [users_read, groups_read] = state.objects;
        SyncReport {
            status: condition.as_str(),
            reason,
            help,
            phase: state.phase,
            rounds: state.rounds,
            full: state.full,
            pages: state.pages,
            users_read,
            groups_read,
            last_good: remembered.map(|known| known.last_good),
            last_full: remembered.and_then(|known| known.last_full),
            last: remembered.map(|known| known.done.clone()),
            alarm: None,
            next: state.due(config, now),
        }
    }
}

impl State {
    /// When the next round begins.
    fn due(&mut self, config: &Config, now: Timestamp) -> Timestamp {
        let since = *self.since.get_or_insert(now);
        let usual = config.delta.signed();
        if let Some((at, _, _, _, may_pass)) = &self.fault {
            let soon = FIRST_RETRY.saturating_mul(2_i32.saturating_pow(self.failures.saturating_sub(1).min(16)));
            return after(*at, if *may_pass { soon.min(usual) } else { usual });
        }
        match &self.remembered {
            Some(known) => after(known.last_good, usual),
            None => after(since, config.first_sync.signed()),
        }
    }

    fn condition(&self, config: &Config, now: Timestamp) -> (Condition, Option<String>, Option<String>) {
        if let Some((_, condition, reason, help, _)) = &self.fault {
            return (*condition, Some(reason.clone()), Some(help.clone()));
        }
        match &self.remembered {
            None => (Condition::NotYet, None, Some("`vestibule directory sync` begins at once".to_owned())),
            Some(known) if is_stale(known.last_good, config.full.signed(), now) => {
                let reason = format!("the last good round was at {}", known.last_good);
                (Condition::Stale, Some(reason), Some("see the events of the program for why".to_owned()))
            }
            Some(_) => (Condition::Granted, None, None),
        }
    }
}
