//! Explains a person: who somebody is in each directory, how their name was understood, which groups count and why, their
//! risk, what was done to their account, and where they are signed in. And the groups of people of whom records speak.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::acting::Means;
use super::follow::names_of;
use super::{Cabinet, FOLDER, Watch};
use crate::admin::{Admin, Asker, Done};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::directory::{Directories, Directory, Group, Number, Person, Resolved, Snapshot, Standing, Tenant};
use crate::egress::client::Client;
use crate::identity::fold::{fold, is_same};
use crate::identity::{LogonName, User};
use crate::saml;
use crate::session::Session;

/// How many actions are told, the newest ones.
const ACTIONS: usize = 10;

/// How many sessions are told.
const SESSIONS: usize = 50;

/// What is asked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    user: String,
}

/// Of whom the groups are asked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AskedPeople {
    /// Each as `realm/name`.
    people: Vec<String>,
}

/// Adds `explain person` and `directory groups`.
#[must_use]
pub(in crate::app) fn commands<C>(admin: Admin, means: Means<C>) -> Admin
where
    C: Fn() -> Option<Client> + Clone + Send + Sync + 'static,
{
    let cabinet = Arc::clone(&means.cabinet);
    admin
        .on("explain person", move |arguments, asker| explain(means.clone(), arguments, asker))
        .on("directory groups", move |arguments, asker| groups(Arc::clone(&cabinet), arguments, asker))
}

async fn explain<C>(means: Means<C>, arguments: Value, asker: Asker) -> Done
where
    C: Fn() -> Option<Client> + Clone + Send + Sync + 'static,
{
    let asked: Asked = serde_json::from_value(arguments).map_err(|error| error.to_string())?;
    let directories = means.cabinet.in_force();
    if directories.all().is_empty() {
        return Err("there is no directory: the configuration has no `[[directory]]`".to_owned());
    }
    let name = LogonName::parse(&asked.user).ok();
    for tenant in directories.all() {
        let snapshot = tenant.directory.snapshot();
        let (found, is_one) = match (snapshot.person_of_id(&asked.user), &name) {
            (Some(person), _) => (vec![Arc::clone(person)], true),
            (None, Some(name)) => match tenant.resolve(name) {
                Resolved::One(person) => (vec![person], true),
                Resolved::Nobody => (Vec::new(), false),
                Resolved::Ambiguous(people) => (people, false),
            },
            (None, None) => (Vec::new(), false),
        };
        let outcome = match (found.len(), is_one) {
            (_, true) => "one",
            (0, false) => "nobody",
            (_, false) => "ambiguous",
        };
        if found.is_empty() && !asker.tell(json!({ "directory": tenant.config.name, "resolved": outcome })).await {
            return Ok(());
        }
        for person in found {
            let mut item = describe(tenant, &snapshot, &person, &asked.user);
            let sessions = sessions_of(&means, tenant, &person).await;
            if let Some(fields) = item.as_object_mut() {
                fields.insert("resolved".to_owned(), json!(outcome));
                fields.insert("actions".to_owned(), json!(actions_on(&means.cabinet, &person)));
                fields.insert("risk".to_owned(), risk(&means.cabinet, tenant, &snapshot, &person));
                fields.insert("sessions".to_owned(), sessions);
            }
            if !asker.tell(item).await {
                return Ok(());
            }
        }
    }
    Ok(())
}

fn describe(tenant: &Tenant, snapshot: &Snapshot, person: &Person, typed: &str) -> Value {
    let (may_stay, why) = match person.standing {
        Standing::Active => (true, None),
        Standing::Disabled => (false, Some("the account is disabled in the directory")),
        Standing::Deleted => (false, Some("the account was deleted in the directory")),
    };
    json!({
        "directory": tenant.config.name,
        "realms": tenant.config.realms,
        "understood_as": understood(person, typed),
        "id": person.object_id,
        "user_principal_name": person.user_principal_name,
        "display_name": person.display_name,
        "mail": person.mail,
        "aliases": person.aliases,
        "sam_account_name": person.sam_account_name,
        "domain": person.domain,
        "on_premises_upn": person.on_premises_upn,
        "enabled": person.enabled,
        "standing": match person.standing {
            Standing::Active => "active",
            Standing::Disabled => "disabled",
            Standing::Deleted => "deleted",
        },
        "may_sign_in": may_stay,
        "why_not": why,
        "sessions_valid_from": person.sessions_valid_from.map(|from| from.to_string()),
        "groups": groups_of(tenant, snapshot, person),
    })
}

/// As which of the person's names a typed one was understood.
fn understood(person: &Person, typed: &str) -> Vec<&'static str> {
    let is = |own: Option<&str>| own.is_some_and(|own| is_same(own, typed));
    let account = person.sam_account_name.as_deref().unwrap_or_default();
    let domain = person.domain.as_deref().unwrap_or_default();
    let of_account = typed.split_once('\\').is_some_and(|(_, name)| is_same(name, account))
        || is_same(typed, &format!("{account}@{domain}"));
    let all = [
        ("object ID", is(Some(&person.object_id))),
        ("userPrincipalName", is(person.user_principal_name.as_deref())),
        ("onPremisesUserPrincipalName", is(person.on_premises_upn.as_deref())),
        ("sAMAccountName in its domain", of_account && !account.is_empty()),
        ("mail", is(person.mail.as_deref())),
        ("proxyAddresses", person.aliases.iter().any(|alias| is_same(alias, typed))),
    ];
    all.into_iter().filter(|(_, is)| *is).map(|(what, _)| what).collect()
}

/// The groups that count, each with the groups by which the person is in it: none if they are a direct member.
fn groups_of(tenant: &Tenant, snapshot: &Snapshot, person: &Person) -> Vec<Value> {
    let mut through: BTreeMap<Number, Option<Number>> = BTreeMap::new();
    let mut next: VecDeque<(Number, Option<Number>)> = person.groups.iter().map(|number| (*number, None)).collect();
    let mut found: Vec<&Arc<Group>> = Vec::new();
    while let Some((number, by)) = next.pop_front() {
        let Some(group) = snapshot.group(number).filter(|_| !through.contains_key(&number)) else { continue };
        through.insert(number, by);
        next.extend(group.groups.iter().map(|outer| (*outer, Some(number))));
        found.push(group);
    }
    let path = |group: &Group| {
        let mut path = Vec::new();
        let mut at = through.get(&group.number).copied().flatten();
        while let Some(number) = at {
            path.extend(snapshot.group(number).map(|group| label(snapshot, group)));
            at = through.get(&number).copied().flatten();
        }
        path.reverse();
        path
    };
    let mut groups: Vec<Value> = found
        .into_iter()
        .map(|group| {
            json!({
                "id": group.object_id, "name": group.display_name, "through": path(group),
                "in_rules": tenant.names_of(group),
            })
        })
        .collect();
    groups.sort_by_key(|group| group["id"].as_str().map(str::to_owned));
    groups
}

/// What people call a group; with its object ID where another one has the same name.
fn label(snapshot: &Snapshot, group: &Group) -> String {
    match group.display_name.as_deref() {
        Some(name) if snapshot.groups_called(name).count() <= 1 => name.to_owned(),
        Some(name) => format!("{name} ({})", group.object_id),
        None => group.object_id.to_string(),
    }
}

fn actions_on(cabinet: &Cabinet, person: &Person) -> Vec<Value> {
    let tasks = cabinet.tasks();
    let own = tasks.iter().rev().filter(|task| is_same(&task.person, &person.object_id));
    own.take(ACTIONS).map(|task| json!(task)).collect()
}

/// The risk of the account, and what each rule does about it.
fn risk(cabinet: &Cabinet, tenant: &Tenant, snapshot: &Snapshot, person: &Person) -> Value {
    let name = &tenant.config.name;
    let Some(watch) = cabinet.watch_of(name) else { return json!({ "level": "unknown", "read": false }) };
    let risks = tenant.directory.risks();
    let risky = risks.user(&person.object_id);
    let protected = cabinet.actions_of(name).and_then(|actions| actions.is_protected(person));
    let rules: Vec<Value> = tenant
        .config
        .risk_rules
        .iter()
        .map(|rule| {
            let now = cabinet.clock.now();
            let is_met = risky.as_ref().is_some_and(|risky| rule.is_about(person, risky, snapshot, now));
            let episode = episode_of(&watch, &rule.name, person);
            let does = match (is_met, protected, rule.is_for(person, snapshot)) {
                (_, _, false) => "nothing: the person is not one of its target".to_owned(),
                (_, Some(key), true) => {
                    format!("nothing: the account is protected by `{key}` of `[directory.actions]`")
                }
                (false, None, true) => "nothing: its conditions do not hold".to_owned(),
                (true, None, true) if rule.dry_run => format!("only says that it would {}", rule.action.as_str()),
                (true, None, true) => format!(
                    "{}{}",
                    rule.action.as_str(),
                    if rule.revoke.is_some() { ", and takes it back" } else { "" }
                ),
            };
            json!({ "rule": rule.name, "met": is_met, "does": does, "episode": episode })
        })
        .collect();
    json!({
        "level": risks.of(&person.object_id), "read": true, "known": risks.is_known(),
        "last_read": risks.read().map(|read| read.to_string()),
        "said": risky.as_deref().map(|risky| json!(risky)), "rules": rules,
    })
}

fn episode_of(watch: &Watch, rule: &str, person: &Person) -> Option<Value> {
    let all = watch.episodes.all();
    let own = all.iter().find(|own| own.rule == rule && is_same(&own.person, &person.object_id));
    own.map(|own| json!(own))
}

/// Where the person is signed in. What the store does not tell is said.
async fn sessions_of<C>(means: &Means<C>, tenant: &Tenant, person: &Person) -> Value {
    let is_theirs = |session: &Session| {
        let is_of_realm = tenant.config.realms.contains(&session.user.realm);
        is_of_realm && matches!(tenant.person_of(&session.user), Resolved::One(found) if found.number == person.number)
    };
    let (mut found, mut is_whole) = (means.sessions.known(is_theirs), true);
    for realm in &tenant.config.realms {
        for id in names_of(person).collect::<BTreeSet<_>>() {
            let user = User { realm: realm.clone(), ..User::guest(id) };
            match means.sessions.all_of_user(&user).await {
                Ok(kept) => found.extend(kept.into_iter().filter(|session| is_theirs(session))),
                Err(_) => is_whole = false,
            }
        }
    }
    found.sort_by_key(|session| (session.started, session.id));
    found.dedup_by_key(|session| session.id);
    let text = |time: Timestamp| time.to_string();
    let told: Vec<Value> = found
        .iter()
        .rev()
        .take(SESSIONS)
        .map(|session| {
            json!({
                "session": session.id.short(), "realm": session.user.realm, "client": session.client.to_string(),
                "user_agent": session.user_agent, "tool": session.tool.is_some(), "started": text(session.started),
                "authenticated": text(session.authenticated), "expires": text(session.expires),
                "last_used": text(session.last_used()),
            })
        })
        .collect();
    json!({ "count": found.len(), "whole": is_whole, "newest": told })
}

async fn groups(cabinet: Arc<Cabinet>, arguments: Value, asker: Asker) -> Done {
    let asked: AskedPeople = serde_json::from_value(arguments).map_err(|error| error.to_string())?;
    let directories = cabinet.in_force();
    for name in asked.people {
        let groups = groups_in(&directories, &name);
        if !asker.tell(json!({ "person": name, "groups": groups })).await {
            break;
        }
    }
    Ok(())
}

/// The groups of a person who is written as `realm/name`, as people call them.
fn groups_in(directories: &Directories, written: &str) -> Vec<String> {
    let Some((realm, name)) = written.split_once('/') else { return Vec::new() };
    let Some(tenant) = directories.of_realm(realm) else { return Vec::new() };
    let user = User { realm: realm.to_owned(), name: name.to_owned(), ..User::guest(fold(name)) };
    let Resolved::One(person) = tenant.person_of(&user) else { return Vec::new() };
    let snapshot = tenant.directory.snapshot();
    let mut groups: Vec<String> =
        snapshot.groups_of(&person).into_iter().map(|group| label(&snapshot, group)).collect();
    groups.sort_unstable();
    groups.dedup();
    groups
}

/// The groups of people, each written as `realm/name`, by the directories in the state folder of a node that does not run.
pub fn groups_of_people(config: &Config, people: &[String]) -> Result<HashMap<String, Vec<String>>, String> {
    let mut all = Vec::new();
    for own in &config.directories {
        let path = config.state.join(FOLDER).join(format!("{}.redb", own.name));
        if !path.exists() {
            return Err(format!("{} is not there: nobody's groups are known here", path.display()));
        }
        let directory = Directory::open(&own.name, &path, own.owners()).map_err(|error| error.to_string())?;
        all.push((Arc::new(directory), own.clone()));
    }
    let realms: Vec<_> = config.realms.iter().map(saml::Config::realm).collect();
    let directories = Directories::new(all, &realms);
    Ok(people.iter().map(|person| (person.clone(), groups_in(&directories, person))).collect())
}
