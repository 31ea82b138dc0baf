//! What risk rules do: an episode lasts from when somebody meets a rule's conditions until they do not any more, and what was
//! done in it is taken back.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::config::{Revoke, RiskRule};
use super::user::{RiskState, RiskyUser};
use crate::clock::{SignedDuration, Timestamp, after};
use crate::directory::action::{Action, State, Task};
use crate::directory::{Directory, Error, Person, Standing};
use crate::identity::Risk;
use crate::identity::fold::is_same;

/// Episodes, at most.
const MOST: usize = 10_000;

/// The name under which the directory remembers them.
const STATE: &str = "risk/episodes";

/// For how long it counts what was done to somebody of whom nothing is said any more: one answer may leave them out.
const MISSING: SignedDuration = SignedDuration::from_hours(1);

/// How soon something that failed is tried again, and the longest pause in between.
const FIRST_RETRY: SignedDuration = SignedDuration::from_mins(5);
const LONGEST_RETRY: SignedDuration = SignedDuration::from_hours(1);

/// One rule about one person, for as long as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Episode {
    /// The rule, by name.
    pub rule: String,
    /// The person, by object ID.
    pub person: String,
    /// What it does: the rule may be another one by now.
    pub action: Action,
    /// How far it has come.
    pub stage: Stage,
    /// When it came so far.
    pub since: Timestamp,
    /// Whether the directory has shown since then that the account is disabled.
    #[serde(default)]
    pub seen: bool,
    /// Since when the person has not met the rule's conditions.
    pub gone: Option<Timestamp>,
    /// How often it was tried to go on, in vain.
    pub tries: u32,
    /// When it is tried again.
    pub next: Timestamp,
}

/// How far an episode has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// The action is still to be carried out.
    Wanted,
    /// It was.
    Done,
    /// It would have been: the rule only says what it would do.
    DryRun,
    /// An operator has acted on the account meanwhile, and that counts.
    Overruled,
}

/// What is to be done next in an episode.
#[derive(Clone, Debug)]
pub struct RiskStep {
    /// The rule.
    pub rule: RiskRule,
    /// The person.
    pub person: Arc<Person>,
    /// What is to be done to their account.
    pub action: Action,
    /// Whether it takes back what the rule has done.
    pub lifts: bool,
    /// How often it was tried in vain.
    pub tries: u32,
    /// Why, in words.
    pub why: String,
}

/// The episodes of one directory.
#[derive(Debug)]
pub struct Episodes {
    directory: Arc<Directory>,
    all: Mutex<Vec<Episode>>,
}

impl Episodes {
    /// Those that the directory remembers.
    pub fn of(directory: &Arc<Directory>) -> Self {
        Self { directory: Arc::clone(directory), all: Mutex::new(kept(directory)) }
    }

    /// Knows what the node that has led until now has kept.
    pub fn catch_up(&self) {
        *self.episodes() = kept(&self.directory);
    }

    /// All of them.
    pub fn all(&self) -> Vec<Episode> {
        self.episodes().clone()
    }

    fn episodes(&self) -> MutexGuard<'_, Vec<Episode>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The people whose risk must be known also when they are not at risk any more: what was done to them may be taken back.
    pub fn watched(&self) -> Vec<String> {
        let all = self.episodes();
        all.iter().filter(|episode| episode.stage == Stage::Done).map(|episode| episode.person.clone()).collect()
    }

    /// Looks at everybody by these rules, and says what is to be done now: what was tried least often first, and of that
    /// whoever is at the highest risk. `tasks` are
    /// those that were begun; whoever is `protected` is exempt.
    pub fn look(
        &self,
        rules: &[RiskRule],
        tasks: &[Task],
        protected: impl Fn(&Person) -> bool,
        now: Timestamp,
    ) -> Vec<RiskStep> {
        let met = self.meet(rules, tasks, &protected, now);
        let mut steps = Vec::new();
        self.episodes().retain_mut(|episode| {
            let is_met = met.contains(&(episode.rule.clone(), episode.person.clone()));
            let Some(rule) = rules.iter().find(|rule| rule.name == episode.rule) else {
                tracing::warn!(
                    rule = episode.rule,
                    person = episode.person,
                    "a risk rule is gone: what it has done stays"
                );
                return false;
            };
            let Some(person) = self.person(&episode.person) else { return false };
            if episode.action != rule.action {
                tracing::warn!(
                    rule = rule.name,
                    person = episode.person,
                    "a risk rule does something else now: what it has done stays"
                );
                return false;
            }
            let is_open = matches!(episode.stage, Stage::Wanted | Stage::Done);
            if is_open && is_overruled(tasks, episode, rule.action) {
                (episode.stage, episode.since) = (Stage::Overruled, now);
            }
            episode.seen |= episode.stage == Stage::Done && person.enabled == Some(false);
            if is_met {
                episode.gone = None;
                if episode.stage == Stage::DryRun && !rule.dry_run {
                    (episode.stage, episode.next) = (Stage::Wanted, now);
                }
                if episode.stage == Stage::Wanted && episode.next <= now && !protected(&person) {
                    steps.push(self.step(rule, person, false, episode.tries));
                }
                return true;
            }
            let risky = self.directory.risks().user(&episode.person);
            // Of whom nobody knows how high their risk is, nobody knows that it is gone.
            if risky.as_ref().is_some_and(|risky| is_unknown(risky)) {
                episode.gone = None;
                return true;
            }
            let gone = *episode.gone.get_or_insert(now);
            match (episode.stage, &rule.revoke, rule.action.opposite()) {
                (Stage::Done, Some(revoke), Some(_)) => {
                    // Whoever has been given back the account meanwhile needs nothing more.
                    let is_still = person.enabled == Some(false) || !episode.seen;
                    // What another rule still wants is not taken back.
                    let is_wanted = rules.iter().any(|other| {
                        other.action == rule.action && met.contains(&(other.name.clone(), episode.person.clone()))
                    });
                    if is_still && !is_wanted && episode.next <= now && self.is_over(episode, revoke, now) {
                        steps.push(self.step(rule, person, true, episode.tries));
                    }
                    is_still
                }
                (Stage::Wanted, ..) => false,
                _ => risky.is_none() && now.duration_since(gone) < MISSING,
            }
        });
        let directory = &self.directory;
        // What fails again and again must not keep others waiting.
        steps.sort_by_key(|step: &RiskStep| {
            (step.tries, std::cmp::Reverse(directory.risks().of(&step.person.object_id)))
        });
        steps
    }

    /// Begins the episodes of those who meet a rule's conditions for the first time, and names all who meet them now.
    fn meet(
        &self,
        rules: &[RiskRule],
        tasks: &[Task],
        protected: impl Fn(&Person) -> bool,
        now: Timestamp,
    ) -> BTreeSet<(String, String)> {
        let (mut met, snapshot) = (BTreeSet::new(), self.directory.snapshot());
        let mut episodes = self.episodes();
        let known: BTreeSet<(String, String)> =
            episodes.iter().map(|own| (own.rule.clone(), own.person.clone())).collect();
        for (id, risky) in self.directory.risks().people() {
            let Some(person) = self.person(&id) else { continue };
            for rule in rules.iter().filter(|rule| rule.is_about(&person, &risky, &snapshot, now)) {
                let key = (rule.name.clone(), person.object_id.to_string());
                // What is so already is nobody's doing here, and so nobody takes it back.
                let is_so = rule.action == Action::Disable && person.enabled == Some(false);
                met.insert(key.clone());
                if known.contains(&key) || is_so || protected(&person) || episodes.len() >= MOST {
                    continue;
                }
                let mut fresh = Episode {
                    rule: key.0,
                    person: key.1,
                    action: rule.action,
                    stage: Stage::Wanted,
                    since: risky.since,
                    seen: false,
                    gone: None,
                    tries: 0,
                    next: now,
                };
                if is_overruled(tasks, &fresh, rule.action) {
                    fresh.stage = Stage::Overruled;
                }
                episodes.push(Episode { since: now, ..fresh });
            }
        }
        met
    }

    /// The person, unless they were deleted.
    fn person(&self, id: &str) -> Option<Arc<Person>> {
        let snapshot = self.directory.snapshot();
        snapshot.person_of_id(id).filter(|person| person.standing != Standing::Deleted).map(Arc::clone)
    }

    /// Whether what was done is to be taken back.
    fn is_over(&self, episode: &Episode, revoke: &Revoke, now: Timestamp) -> bool {
        let state = self.directory.risks().user(&episode.person).map_or(RiskState::None, |risky| risky.state);
        let is_gone_long =
            |gone_for: SignedDuration| episode.gone.is_some_and(|gone| now.duration_since(gone) >= gone_for);
        revoke.states.contains(&state) || revoke.gone_for.is_some_and(|gone_for| is_gone_long(gone_for.signed()))
    }

    fn step(&self, rule: &RiskRule, person: Arc<Person>, lifts: bool, tries: u32) -> RiskStep {
        let risky = self.directory.risks().user(&person.object_id);
        let why = risky.map_or_else(
            || "nothing is said of their risk any more".to_owned(),
            |risky| {
                let (level, state) = (risky.level.as_str(), risky.state.as_graph());
                format!("risk {level}, {state}, {} since {}", risky.detail, risky.since)
            },
        );
        let action = if lifts { rule.action.opposite().unwrap_or(rule.action) } else { rule.action };
        RiskStep { rule: rule.clone(), person, action, lifts, tries, why }
    }

    /// Notes that a step was taken. What is taken back ends its episode.
    pub fn taken(&self, step: &RiskStep, stage: Stage, now: Timestamp) {
        let is_it = |episode: &Episode| episode.rule == step.rule.name && episode.person == *step.person.object_id;
        let mut all = self.episodes();
        if step.lifts {
            return all.retain(|episode| !is_it(episode));
        }
        for episode in all.iter_mut().filter(|episode| is_it(episode)) {
            (episode.stage, episode.since, episode.tries, episode.seen) = (stage, now, 0, false);
        }
    }

    /// Notes that a step could not be taken. `is_in_vain`: it was tried, and not only put off.
    pub fn put_off(&self, step: &RiskStep, is_in_vain: bool, now: Timestamp) {
        let is_it = |episode: &&mut Episode| episode.rule == step.rule.name && episode.person == *step.person.object_id;
        for episode in self.episodes().iter_mut().filter(is_it) {
            episode.tries += u32::from(is_in_vain);
            let longer = 2_i32.saturating_pow(episode.tries.saturating_sub(1).min(8));
            let pause = if is_in_vain { FIRST_RETRY.saturating_mul(longer) } else { SignedDuration::ZERO };
            episode.next = after(now, pause.min(LONGEST_RETRY));
        }
    }

    /// Keeps them as they are now, if this node leads.
    pub async fn keep(&self) -> Result<(), Error> {
        let all = serde_json::to_vec(&*self.episodes())?;
        self.directory
            .write(move |edit| {
                edit.lead()?;
                match edit.state(STATE)?.as_deref() == Some(&all) {
                    true => Ok(()),
                    false => edit.set_state(STATE, Some(&all)),
                }
            })
            .await
    }
}

/// What the directory remembers.
fn kept(directory: &Directory) -> Vec<Episode> {
    let kept = directory.read().and_then(|reading| reading.state(STATE)).ok().flatten();
    kept.and_then(|kept| serde_json::from_slice(&kept).ok()).unwrap_or_default()
}

/// Whether nobody knows how high somebody's risk is, or whether it is settled.
fn is_unknown(risky: &RiskyUser) -> bool {
    risky.risk() == Risk::Unknown || risky.state == RiskState::Unknown
}

/// Whether an operator has decided about the account since the episode came so far: by enabling or disabling it, or by doing
/// just what the rule does.
fn is_overruled(tasks: &[Task], episode: &Episode, action: Action) -> bool {
    let decides = |own: Action| matches!(own, Action::Enable | Action::Disable) || own == action;
    tasks.iter().any(|task| {
        task.rule.is_none()
            && task.begun >= episode.since
            && task.state == State::Successful
            && decides(task.action)
            && is_same(&task.person, &episode.person)
    })
}

#[cfg(test)]
#[path = "episode_tests.rs"]
mod tests;
