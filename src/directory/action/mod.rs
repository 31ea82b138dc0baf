//! What an operator has done to somebody's account in Entra ID: each a task with a state, by a credential of its own.

pub mod config;
mod task;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::json;
use url::Url;

use super::graph::GraphTokens;
use super::graph::asking::{Asking, Patience, Wanted};
use super::{Directory, Error, Fault, Person, Resolved, Tenant};
use crate::clock::{Clock, SignedDuration};
use crate::egress::client::Client;
use crate::egress::service::{Answer, Call};
use crate::identity::LogonName;
use crate::identity::fold::is_same;
use config::Config;
pub use task::{Action, State, Task};

/// How many tasks of operators are remembered, and as many of rules.
const REMEMBERED: usize = 1000;

/// How many tasks of rules are remembered that came to nothing, or only say what would be done.
const REMEMBERED_IN_VAIN: usize = 200;

/// How long a task may be under way, as another node sees it.
const LONGEST: SignedDuration = SignedDuration::from_mins(10);

/// The name under which the directory remembers them.
const STATE: &str = "actions/tasks";

const JSON: &str = "application/json";

/// Carries actions out, one after another and apart from what is read.
#[derive(Debug)]
pub struct Actions {
    directory: Arc<Directory>,
    config: Config,
    /// How many actions risk rules may begin within an hour.
    most_by_rules: u32,
    /// Where Graph is.
    base: String,
    tokens: GraphTokens,
    clock: Clock,
    turn: tokio::sync::Mutex<()>,
    /// The task that this node is carrying out.
    running: Mutex<Option<String>>,
}

/// What is wanted, by whom and why.
#[derive(Clone, Debug)]
pub struct Order {
    /// What is to be done.
    pub action: Action,
    /// To whom.
    pub person: Arc<Person>,
    /// Who wants it.
    pub by: String,
    /// The risk rule that wants it, if it is one.
    pub rule: Option<String>,
    /// Why.
    pub why: String,
}

/// Why an action is not begun.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The account is protected.
    #[error("the account is protected by `{0}` of `[directory.actions]`: change it in Entra ID if it must be")]
    Protected(&'static str),
    /// Too many were begun in the last hour.
    #[error("{0} actions were begun within the last hour, which is as many as `most_per_hour` allows")]
    TooMany(u32),
    /// That it is begun cannot be remembered, and then it is not begun.
    #[error("the task cannot be kept: {0}")]
    Keep(#[from] Error),
}

impl Actions {
    /// Acts on the people of `tenant`. `None` if it has no `[directory.actions]`.
    pub fn new(tenant: &Tenant, clock: Clock) -> Option<Self> {
        let (config, graph) = (tenant.config.actions.clone()?, tenant.config.graph.as_ref()?);
        let client_id = config.client_id.clone().unwrap_or_else(|| graph.client_id.clone());
        let own = super::graph::config::Config { client_id, credentials: config.credentials.clone(), ..graph.clone() };
        let directory = Arc::clone(&tenant.directory);
        let (base, tokens) = (own.graph(), GraphTokens::new(own, clock.clone()));
        let (turn, running) = (tokio::sync::Mutex::default(), Mutex::default());
        let most_by_rules = tenant.config.risk.as_ref().map_or(0, |risk| risk.most_per_hour);
        Some(Self { directory, config, most_by_rules, base, tokens, clock, turn, running })
    }

    /// All tasks that are remembered, of all nodes, the newest last. It reads the file.
    pub fn tasks(&self) -> Vec<Task> {
        self.kept().unwrap_or_else(|error| {
            tracing::warn!(directory = self.directory.name(), %error, "what was done to accounts cannot be read");
            Vec::new()
        })
    }

    fn kept(&self) -> Result<Vec<Task>, Error> {
        let mut tasks = remembered(self.directory.read()?.state(STATE)?);
        let running = self.running().clone();
        let (has_others, now) = (self.directory.nodes().is_some(), self.clock.now());
        for task in &mut tasks {
            let is_others = has_others && now.duration_since(task.begun) < LONGEST;
            if running.as_ref() != Some(&task.id) && !is_others {
                task.interrupted();
            }
        }
        Ok(tasks)
    }

    fn running(&self) -> MutexGuard<'_, Option<String>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the order may be carried out now; nothing is done.
    pub fn check(&self, order: &Order) -> Result<(), Refused> {
        self.is_protected(&order.person).map_or(Ok(()), |key| Err(Refused::Protected(key)))?;
        let since = self.clock.now() - SignedDuration::from_hours(1);
        // Rules have a cap of their own, so that they never use up what operators may do.
        // What a rule has tried in vain must not keep others from being acted on.
        let is_in_vain = |task: &Task| task.rule.is_some() && task.state == State::Unsuccessful;
        let is_like_it = |task: &&Task| {
            task.rule.is_some() == order.rule.is_some() && task.state != State::DryRun && !is_in_vain(task)
        };
        let recent = self.kept()?.iter().filter(|task| task.begun > since).filter(is_like_it).count();
        let most = if order.rule.is_some() { self.most_by_rules } else { self.config.most_per_hour };
        if recent >= usize::try_from(most).unwrap_or(usize::MAX) { Err(Refused::TooMany(most)) } else { Ok(()) }
    }

    /// Carries the order out, if it may be. The task is on the disk before anything is asked of Graph.
    pub async fn carry_out(&self, order: &Order, client: Client) -> Result<Task, Refused> {
        let _turn = self.turn.lock().await;
        self.check(order)?;
        let mut task = Task::begin(order, self.clock.now());
        *self.running() = Some(task.id.clone());
        // One node alone acts by rules.
        if let Err(error) = self.keep(vec![task.clone()], order.rule.is_some()).await {
            *self.running() = None;
            return Err(error.into());
        }
        match order.action {
            Action::SignOutHere => task.end_here(State::Successful, self.clock.now()),
            _ => task.end(self.ask(order, client).await, self.clock.now()),
        }
        if let Err(error) = self.keep(vec![task.clone()], false).await {
            tracing::error!(task = task.id, %error, "what came of an action cannot be kept");
        }
        *self.running() = None;
        Ok(task)
    }

    /// Keeps tasks that say what rules would do, in one write.
    pub async fn say(&self, orders: &[Order]) -> Result<Vec<Task>, Error> {
        let now = self.clock.now();
        let would = |order: &Order| {
            let mut task = Task::begin(order, now);
            task.end_here(State::DryRun, now);
            task
        };
        let tasks: Vec<Task> = orders.iter().map(would).collect();
        self.keep(tasks.clone(), true).await?;
        Ok(tasks)
    }

    /// The key of the configuration that protects somebody.
    pub fn is_protected(&self, person: &Person) -> Option<&'static str> {
        let snapshot = self.directory.snapshot();
        let is_person = |name: &String| {
            let upn = person.user_principal_name.as_deref();
            is_same(name, &person.object_id) || upn.is_some_and(|upn| is_same(name, upn))
        };
        if self.config.protected.iter().any(is_person) {
            return Some("protected");
        }
        let groups = snapshot.groups_of(person);
        let is_in = |id: &String| groups.iter().any(|group| is_same(&group.object_id, id));
        self.config.protected_groups.iter().any(is_in).then_some("protected_groups")
    }

    /// Asks Graph, always by object ID: a name may be another person's by now.
    async fn ask(&self, order: &Order, client: Client) -> Result<Answer, Fault> {
        let base = Url::parse(&self.base).map_err(|error| Fault::Answer(error.to_string()))?;
        let asking = Asking::new(&base, client, &self.tokens, &self.clock)?;
        let mut user = base;
        if let Ok(mut path) = user.path_segments_mut() {
            path.clear().extend(["v1.0", "users", &order.person.object_id]);
        }
        let path = user.path();
        let patch = |body: serde_json::Value| Call::patch(path.to_owned(), JSON, body.to_string());
        let ids = || json!({ "userIds": [*order.person.object_id] }).to_string();
        let of_risk = |name: &str| Call::post(format!("/v1.0/identityProtection/riskyUsers/{name}"), JSON, ids());
        let call = match order.action {
            Action::ConfirmCompromised => of_risk("confirmCompromised"),
            Action::Dismiss => of_risk("dismiss"),
            Action::Disable => patch(json!({ "accountEnabled": false })),
            Action::Enable => patch(json!({ "accountEnabled": true })),
            Action::ResetPassword => patch(json!({ "passwordProfile": { "forceChangePasswordNextSignIn": true } })),
            Action::SignOut | Action::SignOutHere => Call::post(format!("{path}/revokeSignInSessions"), JSON, "{}"),
        };
        let wanted = Wanted { phrase: order.action.as_str(), permission: order.action.permission() };
        asking.call(call, wanted, Patience::Operator).await
    }

    /// Remembers the tasks as they are now. With `leads`, only if this node does.
    async fn keep(&self, fresh: Vec<Task>, leads: bool) -> Result<(), Error> {
        self.directory
            .write(move |edit| {
                if leads {
                    edit.lead()?;
                }
                // Read anew: another node may have acted meanwhile.
                let mut tasks = remembered(edit.state(STATE)?);
                tasks.retain(|kept| fresh.iter().all(|own| own.id != kept.id));
                tasks.extend(fresh.iter().cloned());
                edit.set_state(STATE, Some(&serde_json::to_vec(&without_surplus(tasks))?))
            })
            .await
    }
}

fn remembered(kept: Option<Vec<u8>>) -> Vec<Task> {
    kept.and_then(|kept| serde_json::from_slice(&kept).ok()).unwrap_or_default()
}

/// The newest of each kind: what rules do never has what operators have done forgotten, nor what they would do or have tried
/// in vain what they have done.
fn without_surplus(tasks: Vec<Task>) -> Vec<Task> {
    let mut room = [REMEMBERED, REMEMBERED, REMEMBERED_IN_VAIN];
    let mut kept: Vec<Task> = tasks
        .into_iter()
        .rev()
        .filter(|task| {
            let kind = match (&task.rule, task.state) {
                (None, _) => 0,
                (Some(_), State::Successful | State::InProgress) => 1,
                (Some(_), State::Unsuccessful | State::DryRun) => 2,
            };
            room.get_mut(kind).is_some_and(|room| {
                let has_room = *room > 0;
                *room = room.saturating_sub(1);
                has_room
            })
        })
        .collect();
    kept.reverse();
    kept
}

impl Tenant {
    /// The one person who is meant by an object ID or a logon name, to be acted upon.
    pub fn one(&self, name: &str) -> Result<Arc<Person>, String> {
        if let Some(person) = self.directory.snapshot().person_of_id(name) {
            return Ok(Arc::clone(person));
        }
        let logon_name = LogonName::parse(name)
            .map_err(|error| format!("`{name}` is neither an object ID nor a logon name: {error}"))?;
        match self.resolve(&logon_name) {
            Resolved::One(person) => Ok(person),
            Resolved::Nobody => Err(format!("the directory knows nobody called `{name}`")),
            Resolved::Ambiguous(people) => {
                let ids: Vec<&str> = people.iter().map(|person| &*person.object_id).collect();
                Err(format!("`{name}` could mean several people: name one of them by object ID: {}", ids.join(", ")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rules_do_has_nothing_forgotten_that_operators_have_done() {
        let task = |id: usize, rule: Option<&str>, state: State| {
            let value = json!({
                "id": id.to_string(), "action": "disable", "person": "p", "name": "p", "by": "x", "rule": rule, "why": "x",
                "begun": "2026-11-30T10:00:00Z", "ended": null, "state": state, "reason": null, "request": null,
            });
            serde_json::from_value::<Task>(value).unwrap()
        };
        let mut tasks = vec![task(0, None, State::Successful), task(1, Some("r"), State::Successful)];
        tasks.extend(
            (2..5000).map(|id| task(id, Some("r"), if id % 2 == 0 { State::DryRun } else { State::Unsuccessful })),
        );
        let kept = without_surplus(tasks.clone());
        assert_eq!(kept.len(), 2 + REMEMBERED_IN_VAIN);
        assert_eq!(kept[..2], tasks[..2]);
        assert_eq!(kept.last(), tasks.last());
        // Nor do many of operators have the cap of rules forgotten.
        tasks.truncate(2);
        tasks.extend((2..2000).map(|id| task(id, None, State::Successful)));
        let kept = without_surplus(tasks);
        assert_eq!((kept.len(), kept[0].id.as_str()), (1 + REMEMBERED, "1"));
    }
}
