//! The risk of accounts at work: it is read again and again, sessions follow it, and rules act on it.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::sync::broadcast::error::RecvError;

use super::acting::{Acted, Means, perform, record};
use crate::admin::{Admin, Asker, Done};
use crate::clock::Clock;
use crate::directory::action::{Actions, Order, Refused, State};
use crate::directory::risk::{Episodes, RiskChange, RiskReport, RiskStep, RiskSync, Stage};
use crate::directory::{Directories, Resolved, Tenant};
use crate::egress::client::Client;
use crate::identity::User;
use crate::identity::fold::fold;
use crate::session::Sessions;

/// Watches over the risk of one directory's accounts.
#[derive(Debug)]
pub(in crate::app) struct Watch {
    name: String,
    clock: Clock,
    pub(super) sync: RiskSync,
    pub(super) episodes: Arc<Episodes>,
    /// One reading at a time, and what rules do about it.
    turn: Arc<Mutex<()>>,
}

/// What is asked.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Asked {
    /// A directory; all, if it is empty.
    name: String,
    /// Whether it is read first.
    now: bool,
}

impl Watch {
    /// `None` if the tenant's risk is not read. What rules are doing `before`, under another configuration, goes on.
    pub(super) fn of(tenant: &Tenant, clock: &Clock, before: Option<&Arc<Self>>) -> Option<Self> {
        let before = before.filter(|before| Arc::ptr_eq(before.sync.directory(), &tenant.directory));
        let episodes = before.map(|before| Arc::clone(&before.episodes));
        Some(Self {
            name: tenant.config.name.clone(),
            clock: clock.clone(),
            sync: RiskSync::new(tenant, clock.clone())?,
            episodes: episodes.unwrap_or_else(|| Arc::new(Episodes::of(&tenant.directory))),
            turn: before.map(|before| Arc::clone(&before.turn)).unwrap_or_default(),
        })
    }

    /// The directory, by name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// How it stands.
    pub(super) fn report(&self) -> RiskReport {
        self.sync.report()
    }
}

/// Adds `directory risk`.
#[must_use]
pub(in crate::app) fn commands<C>(admin: Admin, means: Means<C>) -> Admin
where
    C: Fn() -> Option<Client> + Clone + Send + Sync + 'static,
{
    admin.on("directory risk", move |arguments, asker| list(means.clone(), arguments, asker))
}

/// Keeps the risk of one directory's accounts for as long as the future is polled, and has rules act on it.
pub(in crate::app) async fn keep_risk<C>(means: Means<C>, watch: Arc<Watch>)
where
    C: Fn() -> Option<Client> + Clone + Send + Sync + 'static,
{
    loop {
        watch.sync.due().await;
        let Some(client) = (means.client)() else { return };
        // On its own: another configuration must not end it between what is done and the note of it.
        let (means, watch) = (means.clone(), Arc::clone(&watch));
        drop(tokio::spawn(async move { go_round(&means, &watch, client).await }).await);
    }
}

/// Has the people of the directory `name` who are signed in be judged by their risk as it is, for as long as the configuration
/// is in force. `renew` has whatever is open asked about anew.
pub(in crate::app) async fn follow_risk(
    sessions: Arc<Sessions>,
    directories: Arc<Directories>,
    name: String,
    renew: impl Fn() -> bool,
) {
    let Some(tenant) = directories.all().iter().find(|tenant| tenant.config.name == name) else { return };
    let mut changes = tenant.directory.risks().changes();
    let mut change = Arc::new(RiskChange::All);
    loop {
        let ids: Option<BTreeSet<&str>> = match &*change {
            RiskChange::All => None,
            RiskChange::People(ids) => Some(ids.iter().map(String::as_str).collect()),
        };
        if sessions.regard_anew(|user| is_meant(tenant, user, ids.as_ref())) > 0 && !renew() {
            tracing::warn!(directory = name, "the risk of people has changed, and what is open goes on by that before");
        }
        change = match changes.recv().await {
            Ok(change) => change,
            Err(RecvError::Lagged(_)) => Arc::new(RiskChange::All),
            Err(RecvError::Closed) => return,
        };
    }
}

fn is_meant(tenant: &Tenant, user: &User, ids: Option<&BTreeSet<&str>>) -> bool {
    let is_one = |ids: &BTreeSet<&str>| match tenant.person_of(user) {
        Resolved::One(person) => ids.contains(fold(&person.object_id).as_str()),
        Resolved::Nobody | Resolved::Ambiguous(_) => false,
    };
    tenant.config.realms.contains(&user.realm) && ids.is_none_or(is_one)
}

/// Reads who is at risk, and does what rules want. Nothing is done by what is not fresh.
async fn go_round<C>(means: &Means<C>, watch: &Watch, client: Client) -> bool {
    let _turn = watch.turn.lock().await;
    let is_good = watch.sync.read(client.clone(), &watch.episodes.watched()).await;
    if is_good {
        act_by_rules(means, watch, &client).await;
    }
    is_good
}

async fn act_by_rules<C>(means: &Means<C>, watch: &Watch, client: &Client) {
    let directories = means.cabinet.in_force();
    let Some(tenant) = directories.all().iter().find(|tenant| tenant.config.name == watch.name) else { return };
    let Some(actions) = means.cabinet.actions_of(&watch.name) else { return };
    let rules = &tenant.config.risk_rules;
    let protected = |person: &_| actions.is_protected(person).is_some();
    let steps = watch.episodes.look(rules, &actions.tasks(), protected, watch.clock.now());
    // What is to be done is on the disk before it is, so that a crash in between forgets none of it.
    keep(watch).await;
    for step in steps {
        let goes_on = take(means, (tenant, watch, &actions), &step, client).await;
        keep(watch).await;
        if !goes_on {
            break;
        }
    }
    keep(watch).await;
}

async fn keep(watch: &Watch) {
    if let Err(error) = watch.episodes.keep().await {
        tracing::error!(directory = watch.name, %error, "what risk rules have done cannot be kept: after a restart it might be done again");
    }
}

/// Takes one step. False if no other one can be taken now.
async fn take<C>(
    means: &Means<C>,
    (tenant, watch, actions): (&Tenant, &Watch, &Actions),
    step: &RiskStep,
    client: &Client,
) -> bool {
    let rule = &step.rule.name;
    let (by, rule_of) = (format!("risk rule `{rule}`"), Some(rule.clone()));
    let order =
        Order { action: step.action, person: Arc::clone(&step.person), by, rule: rule_of, why: step.why.clone() };
    if step.rule.dry_run && !step.lifts {
        match actions.say(&order).await {
            Ok(task) => {
                record(&means.audit, tenant, &task);
                watch.episodes.taken(step, Stage::DryRun, watch.clock.now());
            }
            Err(error) => tracing::error!(rule, %error, "what a risk rule would do cannot be kept"),
        }
        return true;
    }
    let now = || watch.clock.now();
    match perform(means, tenant, actions, &order, client.clone()).await {
        Ok(Acted { task, .. }) if task.state == State::Successful => {
            watch.episodes.taken(step, Stage::Done, now());
            true
        }
        Ok(Acted { task, .. }) => {
            tracing::warn!(
                rule,
                person = task.person,
                reason = task.reason,
                "a risk rule could not act: it tries again"
            );
            watch.episodes.put_off(step, true, now());
            true
        }
        Err(Refused::TooMany(most)) => {
            tracing::warn!(
                rule,
                most,
                "risk rules have begun as many actions as they may within an hour: the others wait"
            );
            false
        }
        Err(refused) => {
            tracing::warn!(rule, reason = %refused, "a risk rule does not act");
            watch.episodes.put_off(step, true, now());
            true
        }
    }
}

/// Tells who is at risk, and what rules have done.
async fn list<C>(means: Means<C>, arguments: Value, asker: Asker) -> Done
where
    C: Fn() -> Option<Client> + Clone + Send + Sync + 'static,
{
    let asked: Asked = match arguments.is_null() {
        true => Asked::default(),
        false => serde_json::from_value(arguments).map_err(|error| error.to_string())?,
    };
    let watches = means.cabinet.watches();
    let meant: Vec<_> = watches.iter().filter(|watch| asked.name.is_empty() || watch.name == asked.name).collect();
    if meant.is_empty() {
        return Err("nobody's risk is read: the directory has no `[directory.risk]`".to_owned());
    }
    for watch in meant {
        if asked.now {
            let client = (means.client)().ok_or("the program has ended")?;
            go_round(&means, watch, client).await;
        }
        let episodes = watch.episodes.all();
        if !asker.tell(json!({ "directory": watch.name, "risk": watch.report() })).await {
            break;
        }
        let snapshot = watch.sync.directory().snapshot();
        for (id, risky) in watch.sync.directory().risks().people() {
            let person = snapshot.person_of_id(&id);
            let own: Vec<_> = episodes.iter().filter(|episode| fold(&episode.person) == id).collect();
            let item = json!({
                "directory": watch.name, "id": id, "level": risky.risk(), "state": risky.state, "detail": risky.detail,
                "updated": risky.updated, "since": risky.since, "rules": own,
                "user_principal_name": person.and_then(|person| person.user_principal_name.as_deref()),
            });
            if !asker.tell(item).await {
                return Ok(());
            }
        }
    }
    Ok(())
}
