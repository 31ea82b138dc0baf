//! What operators have done to accounts: `act …` ends the sessions here first, then asks Microsoft Graph, and keeps a task.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::Cabinet;
use super::follow::names_of;
use crate::admin::{Admin, Asker, Done};
use crate::directory::action::{Action, Actions, Order, Refused, State, Task};
use crate::directory::{Person, Resolved, Tenant};
use crate::egress::client::Client;
use crate::identity::User;
use crate::identity::fold::is_same;
use crate::observe::Audit;
use crate::observe::audit::{Entry, What};
use crate::session::ends::Held;
use crate::session::{Ending, Session, Sessions};

/// What is asked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    action: Action,
    user: String,
    why: String,
    /// Whether it is only said what would be done.
    #[serde(default)]
    dry_run: bool,
}

/// What actions take, besides the directories.
#[derive(Clone)]
pub(in crate::app) struct Means<C> {
    pub(in crate::app) cabinet: Arc<Cabinet>,
    pub(in crate::app) sessions: Arc<Sessions>,
    pub(in crate::app) audit: Arc<Audit>,
    /// Gives the way out, as the configuration in force has it; `None` when the program ends.
    pub(in crate::app) client: C,
}

/// Adds `act` and `act list`.
#[must_use]
pub(in crate::app) fn commands<C>(admin: Admin, means: Means<C>) -> Admin
where
    C: Fn() -> Option<Client> + Clone + Send + Sync + 'static,
{
    let listing = Arc::clone(&means.cabinet);
    admin.on("act", move |arguments, asker| act(means.clone(), arguments, asker)).on("act list", move |_, asker| {
        let tasks = listing.tasks();
        async move {
            for task in tasks {
                if !asker.tell(json!(task)).await {
                    break;
                }
            }
            Ok(())
        }
    })
}

impl Cabinet {
    /// Has the risk of a directory's accounts read soon, by whichever node leads it.
    async fn read_risk(&self, tenant: &Tenant) {
        match (tenant.directory.leads(), self.watch_of(&tenant.config.name), self.nodes()) {
            (true, Some(watch), _) => watch.sync.begin(),
            // If the store does not answer, the next reading comes by itself.
            (false, Some(_), Some(nodes)) => drop(nodes.wish_risk(&tenant.directory).await),
            _ => {}
        }
    }

    pub(super) fn tasks(&self) -> Vec<Task> {
        let mut tasks: Vec<Task> = self.actions.load().values().flat_map(|actions| actions.tasks()).collect();
        tasks.sort_by_key(|task| task.begun);
        tasks
    }
}

async fn act<C: Fn() -> Option<Client>>(means: Means<C>, arguments: Value, asker: Asker) -> Done {
    let asked: Asked = serde_json::from_value(arguments).map_err(|error| error.to_string())?;
    if asked.why.trim().is_empty() {
        return Err("say why: it is kept with the task".to_owned());
    }
    let (cabinet, directories) = (&means.cabinet, means.cabinet.in_force());
    let meant = directories.all().iter().filter(|tenant| cabinet.actions_of(&tenant.config.name).is_some());
    let (tenant, person) = one(meant, &asked.user)?;
    let actions = cabinet.actions_of(&tenant.config.name).ok_or("nobody can act on its accounts")?;
    let order = Order { action: asked.action, person, by: asker.who.clone(), rule: None, why: asked.why };
    actions.check(&order).map_err(|refused| refused.to_string())?;
    if asked.dry_run {
        let name = order.person.user_principal_name.as_deref().unwrap_or_default();
        let would = json!({ "would": order.action, "person": order.person.object_id, "name": name });
        asker.tell(would).await;
        return Ok(());
    }
    let client = (means.client)().ok_or("the program has ended")?;
    let Acted { task, ended, held } =
        perform(&means, tenant, &actions, &order, client).await.map_err(|refused| refused.to_string())?;
    let mut item = json!(task);
    if let Some(fields) = item.as_object_mut() {
        fields.insert("sessions_ended".to_owned(), json!(ended));
        if held != Held::Everywhere {
            fields.insert("sessions_held".to_owned(), json!(held.as_str()));
        }
    }
    asker.tell(item).await;
    Ok(())
}

/// What came of an order.
pub(super) struct Acted {
    pub(super) task: Task,
    /// How many sessions ended here, and how far that holds.
    pub(super) ended: usize,
    pub(super) held: Held,
}

/// Carries an order out that may be, and records it.
pub(super) async fn perform<C>(
    means: &Means<C>,
    tenant: &Tenant,
    actions: &Actions,
    order: &Order,
    client: Client,
) -> Result<Acted, Refused> {
    actions.check(order)?;
    // First what is ours: it takes no time, and does not depend on anybody else.
    let (ended, held) = match order.action.ends_sessions() {
        true => end_sessions(&means.sessions, tenant, order).await,
        false => (0, Held::Everywhere),
    };
    let task = actions.carry_out(order, client).await?;
    record(&means.audit, tenant, &task);
    if task.state == State::Successful {
        let name = &tenant.config.name;
        means.cabinet.ring(name).await;
        if matches!(task.action, Action::ConfirmCompromised | Action::Dismiss) {
            means.cabinet.read_risk(tenant).await;
        }
    }
    Ok(Acted { task, ended, held })
}

/// The person who is meant, in one of these directories and in no other.
pub(super) fn one<'t>(
    tenants: impl Iterator<Item = &'t Tenant>,
    name: &str,
) -> Result<(&'t Tenant, Arc<Person>), String> {
    let (mut found, mut why) = (None, None);
    for tenant in tenants {
        match tenant.one(name) {
            Ok(person) if found.is_none() => found = Some((tenant, person)),
            Ok(_) => return Err(format!("two directories know somebody called `{name}`: use the object ID")),
            Err(error) => why = Some(error),
        }
    }
    let none = "nobody can act on accounts: no directory has `[directory.actions]`";
    found.ok_or_else(|| why.unwrap_or_else(|| none.to_owned()))
}

/// Ends all sessions of the person, here and at other nodes. Returns how many there were, and how far that holds.
async fn end_sessions(sessions: &Sessions, tenant: &Tenant, order: &Order) -> (usize, Held) {
    let person = &order.person;
    let is_theirs = |session: &Session| {
        let is_of_realm = tenant.config.realms.contains(&session.user.realm);
        is_of_realm && matches!(tenant.person_of(&session.user), Resolved::One(found) if found.number == person.number)
    };
    let (mut found, mut held) = (sessions.known(is_theirs), Held::Everywhere);
    for realm in &tenant.config.realms {
        for id in names_of(person) {
            let user = User { realm: realm.clone(), ..User::guest(id) };
            match sessions.all_of_user(&user).await {
                Ok(kept) => found.extend(kept.into_iter().filter(|session| is_theirs(session))),
                // Names that might be others' are left to the directory, which ends those sessions when they are used.
                Err(_) if is_certain(person, &user.id) => {
                    held = held.max(sessions.end_all(&user, Ending::Operator).await);
                }
                Err(_) => held = held.max(Held::Here),
            }
        }
    }
    let mut count = 0;
    for session in found {
        let by = format!("{}: {}", order.by, order.why);
        let ended = sessions.end_by(session.id, Ending::Operator, &by).await;
        (count, held) = (count + usize::from(ended.was_there), held.max(ended.held));
    }
    (count, held)
}

/// Whether nobody else is called so: by their object ID or their UPN.
fn is_certain(person: &Person, id: &str) -> bool {
    let own = [Some(&person.object_id), person.user_principal_name.as_ref()];
    own.into_iter().flatten().any(|own| is_same(own, id))
}

pub(super) fn record(audit: &Audit, tenant: &Tenant, task: &Task) {
    let outcome = match task.state {
        State::Successful => "successful",
        State::DryRun => "dry-run",
        State::Unsuccessful | State::InProgress => task.reason.as_deref().unwrap_or("unsuccessful"),
    };
    let entry = Entry {
        user: Some(&task.name),
        realm: tenant.config.realms.first().map(String::as_str),
        by: Some(&task.by),
        command: Some(task.action.as_str()),
        rule: task.rule.as_deref(),
        subject: Some(&task.person),
        reason: Some(&task.why),
        outcome: Some(outcome),
        request_id: task.request.as_deref(),
        ..Entry::default()
    };
    audit.record(What::AccountActedOn, entry);
}
