//! The risk of accounts at work: it is read again and again, sessions follow it, and rules act on it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{sleep, timeout};

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

/// How often it is looked whether this node leads, and whether what was read is still fresh.
const LOOK: Duration = Duration::from_secs(1);

/// How long an operator waits until another node has read.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many steps of one reading may fail, until the others wait for the next one.
const MOST_FAILED: usize = 20;

/// Watches over the risk of one directory's accounts.
#[derive(Debug)]
pub(in crate::app) struct Watch {
    name: String,
    clock: Clock,
    pub(super) sync: RiskSync,
    pub(super) episodes: Arc<Episodes>,
    /// One reading at a time, and what rules do about it; and the epoch of the lead, if there are other nodes, in which what
    /// rules have done was read from the directory.
    turn: Arc<Mutex<Option<u64>>>,
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

/// Keeps the risk of one directory's accounts for as long as the future is polled, and has rules act on it, on the node that
/// leads. The others follow what it writes.
pub(in crate::app) async fn keep_risk<C>(means: Means<C>, watch: Arc<Watch>)
where
    C: Fn() -> Option<Client> + Clone + Send + Sync + 'static,
{
    let directory = Arc::clone(watch.sync.directory());
    loop {
        watch.sync.judge();
        if !directory.leads() {
            sleep(LOOK).await;
            continue;
        }
        if let Some(nodes) = means.cabinet.nodes().filter(|_| directory.nodes().is_some())
            && nodes.takes_risk_wish(&directory).await
        {
            watch.sync.begin();
        }
        if timeout(LOOK, watch.sync.due()).await.is_err() {
            continue;
        }
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

/// Reads who is at risk, and does what rules want, if this node leads. Nothing is done by what is not fresh.
async fn go_round<C>(means: &Means<C>, watch: &Watch, client: Client) -> bool {
    let (mut turn, directory) = (watch.turn.lock().await, watch.sync.directory());
    if !directory.leads() {
        return false;
    }
    // Another node may have acted since this one led the last time.
    let epoch = directory.nodes().map(|nodes| nodes.epoch);
    if *turn != epoch {
        watch.episodes.catch_up();
        *turn = epoch;
    }
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
    if !keep(watch).await {
        return;
    }
    let (tried, steps): (Vec<_>, Vec<_>) = steps.into_iter().partition(|step| step.rule.dry_run && !step.lifts);
    say(means, (tenant, watch, &actions), &tried).await;
    let mut failed = 0;
    for step in steps {
        match take(means, (tenant, watch, &actions), &step, client).await {
            Taken::Done => drop(keep(watch).await),
            Taken::Failed => failed += 1,
            Taken::PutOff => {}
            Taken::Enough => break,
        }
        if failed >= MOST_FAILED {
            tracing::warn!(directory = watch.name, failed, "risk rules fail again and again: the others wait");
            break;
        }
    }
    keep(watch).await;
}

/// Keeps what rules have done. Whether that went well.
async fn keep(watch: &Watch) -> bool {
    let kept = watch.episodes.keep().await;
    if let Err(error) = &kept {
        tracing::error!(directory = watch.name, %error, "what risk rules have done cannot be kept: after a restart it might be done again");
    }
    kept.is_ok()
}

fn order(step: &RiskStep) -> Order {
    let rule = &step.rule.name;
    let (by, rule_of) = (format!("risk rule `{rule}`"), Some(rule.clone()));
    Order { action: step.action, person: Arc::clone(&step.person), by, rule: rule_of, why: step.why.clone() }
}

/// Says what rules would do, all at once.
async fn say<C>(means: &Means<C>, (tenant, watch, actions): (&Tenant, &Watch, &Actions), steps: &[RiskStep]) {
    if steps.is_empty() {
        return;
    }
    let orders: Vec<Order> = steps.iter().map(order).collect();
    match actions.say(&orders).await {
        Ok(tasks) => {
            tasks.iter().for_each(|task| record(&means.audit, tenant, task));
            let now = watch.clock.now();
            steps.iter().for_each(|step| watch.episodes.taken(step, Stage::DryRun, now));
        }
        Err(error) => tracing::error!(directory = watch.name, %error, "what risk rules would do cannot be kept"),
    }
}

/// What came of a step.
enum Taken {
    /// It was taken.
    Done,
    /// It was tried, and is tried again.
    Failed,
    /// It may not be taken now.
    PutOff,
    /// No step may be taken now.
    Enough,
}

/// Takes one step.
async fn take<C>(
    means: &Means<C>,
    (tenant, watch, actions): (&Tenant, &Watch, &Actions),
    step: &RiskStep,
    client: &Client,
) -> Taken {
    let rule = &step.rule.name;
    let now = || watch.clock.now();
    match perform(means, tenant, actions, &order(step), client.clone()).await {
        Ok(Acted { task, .. }) if task.state == State::Successful => {
            watch.episodes.taken(step, Stage::Done, now());
            Taken::Done
        }
        Ok(Acted { task, .. }) => {
            tracing::warn!(
                rule,
                person = task.person,
                reason = task.reason,
                "a risk rule could not act: it tries again"
            );
            watch.episodes.put_off(step, true, now());
            Taken::Failed
        }
        Err(Refused::TooMany(most)) => {
            tracing::warn!(
                rule,
                most,
                "risk rules have begun as many actions as they may within an hour: the others wait"
            );
            Taken::Enough
        }
        // Another node leads by now, or nothing can be kept.
        Err(Refused::Keep(error)) => {
            tracing::warn!(rule, %error, "a risk rule does not act");
            Taken::Enough
        }
        Err(refused) => {
            tracing::warn!(rule, reason = %refused, "a risk rule does not act");
            watch.episodes.put_off(step, true, now());
            Taken::PutOff
        }
    }
}

/// Has the node that leads read who is at risk, and waits until this one knows it.
async fn wish<C>(means: &Means<C>, watch: &Watch) -> Result<(), String> {
    let (directory, nodes) = (watch.sync.directory(), means.cabinet.nodes());
    let before = directory.risks().read();
    let wished = match nodes {
        Some(nodes) => nodes.wish_risk(directory).await.map_err(|error| error.to_string()),
        None => Err("the shared store is not there".to_owned()),
    };
    wished.map_err(|error| format!("another node leads the directory and cannot be told to read: {error}"))?;
    let is_new = async {
        while directory.risks().read() == before {
            sleep(LOOK).await;
        }
    };
    let late = "another node leads the directory and was told to read, and nothing new has come from it: see `vestibule directory risk` there";
    timeout(PATIENCE, is_new).await.map_err(|_| late.to_owned())
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
        if asked.now && watch.sync.directory().leads() {
            let client = (means.client)().ok_or("the program has ended")?;
            go_round(&means, watch, client).await;
        } else if asked.now {
            wish(&means, watch).await?;
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
