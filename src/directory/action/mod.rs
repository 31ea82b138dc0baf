//! What an operator has done to somebody's account in Entra ID: each a task with a state, by a credential of its own.

pub mod config;
mod task;

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;
use url::Url;

use super::graph::GraphTokens;
use super::graph::asking::{Asking, Patience, Wanted};
use super::{Directory, Error, Fault, Person, Resolved, Tenant};
use crate::clock::{Clock, SignedDuration, Timestamp};
use crate::egress::client::Client;
use crate::egress::service::{Answer, Call};
use crate::identity::LogonName;
use crate::identity::fold::is_same;
use config::Config;
pub use task::{Action, State, Task};

/// How many tasks are remembered.
const REMEMBERED: usize = 1000;

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
    tasks: Mutex<Vec<Task>>,
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
        let (turn, tasks) = (tokio::sync::Mutex::default(), Mutex::default());
        let most_by_rules = tenant.config.risk.as_ref().map_or(0, |risk| risk.most_per_hour);
        Some(Self { directory, config, most_by_rules, base, tokens, clock, turn, tasks })
    }

    /// All tasks that are remembered, of other nodes too, the newest last. What was begun and can no longer be answered counts
    /// as unsuccessful.
    pub fn tasks(&self) -> Vec<Task> {
        let mut held = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        // If the file cannot be read, what was read before is better than nothing.
        if let Ok(kept) = self.directory.read().and_then(|reading| reading.state(STATE)) {
            *held = read(kept.as_deref(), self.is_alone(), self.clock.now());
        }
        held.clone()
    }

    /// Whether no other node keeps this directory.
    fn is_alone(&self) -> bool {
        self.directory.nodes().is_none()
    }

    /// Whether the order may be carried out now; nothing is done.
    pub fn check(&self, order: &Order) -> Result<(), Refused> {
        self.is_protected(&order.person).map_or(Ok(()), |key| Err(Refused::Protected(key)))?;
        let since = self.clock.now() - SignedDuration::from_hours(1);
        // Rules have a cap of their own, so that they never use up what operators may do.
        let is_like_it = |task: &&Task| task.rule.is_some() == order.rule.is_some() && task.state != State::DryRun;
        let recent = self.tasks().iter().filter(|task| task.begun > since).filter(is_like_it).count();
        let most = if order.rule.is_some() { self.most_by_rules } else { self.config.most_per_hour };
        if recent >= usize::try_from(most).unwrap_or(usize::MAX) { Err(Refused::TooMany(most)) } else { Ok(()) }
    }

    /// Carries the order out, if it may be. The task is on the disk before anything is asked of Graph.
    pub async fn carry_out(&self, order: &Order, client: Client) -> Result<Task, Refused> {
        let _turn = self.turn.lock().await;
        self.check(order)?;
        let mut task = Task::begin(order, self.clock.now());
        self.keep(&task).await?;
        match order.action {
            Action::SignOutHere => task.end_here(State::Successful, self.clock.now()),
            _ => task.end(self.ask(order, client).await, self.clock.now()),
        }
        if let Err(error) = self.keep(&task).await {
            tracing::error!(task = task.id, %error, "what came of an action cannot be kept");
        }
        Ok(task)
    }

    /// Keeps a task that says what would be done.
    pub async fn say(&self, order: &Order) -> Result<Task, Error> {
        let mut task = Task::begin(order, self.clock.now());
        task.end_here(State::DryRun, self.clock.now());
        self.keep(&task).await?;
        Ok(task)
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

    /// Remembers the task as it is now.
    async fn keep(&self, task: &Task) -> Result<(), Error> {
        let (task, is_alone, now) = (task.clone(), self.is_alone(), self.clock.now());
        let tasks = self.directory.write(move |edit| {
            // Read anew: another node may have acted meanwhile.
            let mut tasks = read(edit.state(STATE)?.as_deref(), is_alone, now);
            tasks.retain(|kept| kept.id != task.id);
            tasks.push(task.clone());
            let surplus = tasks.len().saturating_sub(REMEMBERED);
            tasks.drain(..surplus);
            edit.set_state(STATE, Some(&serde_json::to_vec(&tasks)?))?;
            Ok::<_, Error>(tasks)
        });
        *self.tasks.lock().unwrap_or_else(PoisonError::into_inner) = tasks.await?;
        Ok(())
    }
}

/// The tasks that are kept. Those that nobody will answer any more have come to nothing.
fn read(kept: Option<&[u8]>, is_alone: bool, now: Timestamp) -> Vec<Task> {
    let mut tasks: Vec<Task> = kept.and_then(|kept| serde_json::from_slice(kept).ok()).unwrap_or_default();
    for task in &mut tasks {
        task.give_up(is_alone, now);
    }
    tasks
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
