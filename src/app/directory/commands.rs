//! What operators ask of directories: how the sync stands, that it begins, who somebody is, and all that is known.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::validity::Notice;
use super::Cabinet;
use crate::admin::{Admin, Asker, Done};
use crate::clock::Timestamp;
use crate::directory::graph::config::Credential;
use crate::directory::graph::{Phase, Wish};
use crate::directory::{Directory, NodesReport, Person, Resolved, Snapshot, Standing, Tenant};
use crate::identity::LogonName;
use crate::observe::Exposition;
use crate::observe::exposition::Kind;

/// Lines of a dump that are told together.
const TOGETHER: usize = 500;

/// What is asked.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Asked {
    /// A directory; all, if it is empty.
    name: String,
    /// A person.
    user: String,
    /// Whether everything is read, and not only what has changed.
    full: bool,
    /// Whether the round may remove as much as it likes.
    accept: bool,
}

/// Adds `directory status`, `directory sync`, `directory find` and `directory dump`.
#[must_use]
pub(in crate::app) fn commands(admin: Admin, cabinet: &Arc<Cabinet>) -> Admin {
    let [standing, syncing, finding, dumping] = [(); 4].map(|()| Arc::clone(cabinet));
    admin
        .on("directory status", move |arguments, asker| {
            let items = asked(arguments).and_then(|asked| standing.statuses(&asked.name));
            async move { tell(items?, asker).await }
        })
        .on("directory sync", move |arguments, asker| {
            let syncing = Arc::clone(&syncing);
            async move { tell(syncing.begin(&asked(arguments)?).await?, asker).await }
        })
        .on("directory find", move |arguments, asker| {
            let items = asked(arguments).and_then(|asked| finding.found(&asked));
            async move { tell(items?, asker).await }
        })
        .on("directory dump", move |arguments, asker| {
            let lines = asked(arguments).and_then(|asked| dumping.dumped(&asked.name));
            async move {
                let lines = lines?;
                let items = lines.chunks(TOGETHER).map(|lines| json!({ "lines": lines })).collect();
                tell(items, asker).await
            }
        })
}

fn asked(arguments: Value) -> Result<Asked, String> {
    if arguments.is_null() {
        return Ok(Asked::default());
    }
    serde_json::from_value(arguments).map_err(|error| error.to_string())
}

async fn tell(items: Vec<Value>, asker: Asker) -> Done {
    for item in items {
        if !asker.tell(item).await {
            break;
        }
    }
    Ok(())
}

impl Cabinet {
    /// The directories that are meant, with what `of` says of each.
    fn meant<T>(&self, name: &str, of: impl Fn(&Tenant) -> T) -> Result<Vec<T>, String> {
        let all = self.in_force();
        let meant: Vec<T> =
            all.all().iter().filter(|tenant| name.is_empty() || tenant.config.name == name).map(of).collect();
        match meant.is_empty() {
            true if name.is_empty() => {
                Err("there is no directory: the configuration has no `[[directory]]`".to_owned())
            }
            true => Err(format!("there is no directory `{name}`")),
            false => Ok(meant),
        }
    }

    fn statuses(&self, name: &str) -> Result<Vec<Value>, String> {
        let now = self.clock.now();
        self.meant(name, |tenant| {
            let snapshot = tenant.directory.snapshot();
            let sync = self.sync_of(&tenant.config.name);
            let domains = sync.as_ref().and_then(|sync| sync.domains());
            let unserved = domains.as_ref().map(|domains| tenant.unserved(&domains.verified));
            let report = sync.map(|sync| sync.report());
            json!({
                "directory": tenant.config.name,
                "people": snapshot.people_count(),
                "groups": snapshot.group_count(),
                "graph": report,
                "domains": domains,
                "unserved_domains": unserved,
                "risk": self.watch_of(&tenant.config.name).map(|watch| watch.report()),
                "expiring": expiring(tenant, now),
                "nodes": self.nodes_of(&tenant.directory),
                "functions": self.functions(tenant),
            })
        })
    }

    /// How it stands among other nodes. That the store is away is known here at once, while the directory's own thread may still
    /// wait for an answer.
    fn nodes_of(&self, directory: &Directory) -> Option<NodesReport> {
        let report = directory.nodes()?;
        let is_there = report.is_there && self.nodes().is_none_or(|nodes| nodes.is_store_there());
        Some(NodesReport { is_there, ..report })
    }

    async fn begin(&self, asked: &Asked) -> Result<Vec<Value>, String> {
        let wish = Wish { all: asked.full, accept: asked.accept };
        // Where another node leads, it is told.
        let followed = |tenant: &Tenant| {
            let is_read = tenant.config.graph.is_some() && !tenant.directory.leads();
            is_read.then(|| Arc::clone(&tenant.directory))
        };
        let mut told = Vec::new();
        for directory in self.meant(&asked.name, followed)?.into_iter().flatten() {
            let Some(nodes) = self.nodes() else { continue };
            nodes
                .wish(&directory, wish)
                .await
                .map_err(|error| format!("the node that leads cannot be told: {error}"))?;
            let leader = directory.nodes().map(|nodes| nodes.leader).unwrap_or_default();
            told.push(json!({ "directory": directory.name(), "leader": leader }));
        }
        let begun = self.meant(&asked.name, |tenant| {
            let sync = self.sync_of(&tenant.config.name).filter(|_| tenant.directory.leads())?;
            // One that is under way may have passed what the operator has in mind.
            let report = sync.report();
            let rounds = report.rounds + u64::from(report.phase != Phase::Waiting);
            sync.begin(wish);
            Some(json!({ "directory": tenant.config.name, "rounds": rounds }))
        })?;
        let begun: Vec<Value> = begun.into_iter().flatten().chain(told).collect();
        if begun.is_empty() {
            return Err("nothing is read from Microsoft Graph: the directory has no `[directory.graph]`".to_owned());
        }
        Ok(begun)
    }

    fn found(&self, asked: &Asked) -> Result<Vec<Value>, String> {
        let of = |tenant: &Tenant| find(tenant, &asked.user);
        Ok(self.meant(&asked.name, of)?.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }

    fn dumped(&self, name: &str) -> Result<Vec<String>, String> {
        let of = |tenant: &Tenant| dump(&tenant.directory);
        Ok(self.meant(name, of)?.into_iter().flatten().collect())
    }
}

/// When credentials expire of which it is time to say so.
fn expiring(tenant: &Tenant, now: Timestamp) -> Vec<Value> {
    let soon = tenant.config.credentials().filter_map(Credential::until).filter_map(|until| {
        let days = match Notice::at(until, now)? {
            Notice::Over => 0,
            Notice::Soon(days) => days,
        };
        Some(json!({ "until": until.to_string(), "days": days }))
    });
    soon.collect()
}

/// The figures of directories.
pub(in crate::app) fn expose(cabinet: &Cabinet, to: &mut Exposition, now: Timestamp) {
    let directories = cabinet.in_force();
    let all = || directories.all().iter().map(|tenant| (tenant.config.name.as_str(), tenant.directory.snapshot()));
    let reports = || {
        let named = directories.all().iter().map(|tenant| tenant.config.name.as_str());
        named.filter_map(|name| Some((name, cabinet.sync_of(name)?.report())))
    };
    to.family("vestibule_directory_people", Kind::Gauge, "People in a directory.");
    for (name, snapshot) in all() {
        to.sample("", &[("directory", name)], snapshot.people_count());
    }
    to.family("vestibule_directory_groups", Kind::Gauge, "Groups in a directory.");
    for (name, snapshot) in all() {
        to.sample("", &[("directory", name)], snapshot.group_count());
    }
    to.family("vestibule_directory_healthy", Kind::Gauge, "1 if the last round from Microsoft Graph was good, else 0.");
    for (name, report) in reports() {
        to.sample("", &[("directory", name)], u8::from(report.reason.is_none() && report.last_good.is_some()));
    }
    let watches = cabinet.watches();
    let help = "1 while the risk of a directory's accounts counts as known, else 0.";
    to.family("vestibule_directory_risk_known", Kind::Gauge, help);
    for watch in &watches {
        to.sample("", &[("directory", watch.name())], u8::from(watch.report().known));
    }
    to.family("vestibule_directory_at_risk", Kind::Gauge, "Accounts of a directory that are at risk.");
    for watch in &watches {
        to.sample("", &[("directory", watch.name())], watch.report().at_risk);
    }
    to.family("vestibule_directory_age_seconds", Kind::Gauge, "Since the last good round from Microsoft Graph.");
    for (name, good) in reports().filter_map(|(name, report)| Some((name, report.last_good?))) {
        to.sample("", &[("directory", name)], now.duration_since(good).as_secs().max(0));
    }
}

/// What one directory knows of whoever is called so: an object ID, or a logon name.
fn find(tenant: &Tenant, name: &str) -> Result<Vec<Value>, String> {
    let snapshot = tenant.directory.snapshot();
    let described = |person: &Arc<Person>, is_one: bool| describe(&tenant.config.name, &snapshot, person, is_one);
    if let Some(person) = snapshot.person_of_id(name) {
        return Ok(vec![described(person, true)]);
    }
    let name = LogonName::parse(name)
        .map_err(|error| format!("`{name}` is neither an object ID nor a logon name: {error}"))?;
    Ok(match tenant.resolve(&name) {
        Resolved::One(person) => vec![described(&person, true)],
        Resolved::Nobody => Vec::new(),
        Resolved::Ambiguous(people) => people.iter().map(|person| described(person, false)).collect(),
    })
}

fn describe(directory: &str, snapshot: &Snapshot, person: &Person, is_one: bool) -> Value {
    let mut groups: Vec<Value> = snapshot
        .groups_of(person)
        .into_iter()
        .map(|group| {
            let is_direct = person.groups.contains(&group.number);
            json!({ "id": group.object_id, "name": group.display_name, "direct": is_direct })
        })
        .collect();
    groups.sort_by_key(|group| group["id"].as_str().map(str::to_owned));
    json!({
        "directory": directory,
        "is_one": is_one,
        "id": person.object_id,
        "user_principal_name": person.user_principal_name,
        "display_name": person.display_name,
        "mail": person.mail,
        "sam_account_name": person.sam_account_name,
        "domain": person.domain,
        "standing": match person.standing {
            Standing::Active => "active",
            Standing::Disabled => "disabled",
            Standing::Deleted => "deleted",
        },
        "groups": groups,
    })
}

/// All that is known, in lines that anybody can compare: people by ID, then direct memberships of people and groups.
fn dump(directory: &Directory) -> Vec<String> {
    let snapshot = directory.snapshot();
    let text = |text: &Option<Box<str>>| text.as_deref().unwrap_or("None").to_owned();
    let enabled = |enabled: Option<bool>| match enabled {
        Some(true) => "True",
        Some(false) => "False",
        None => "None",
    };
    let person = |person: &Arc<Person>| {
        [
            person.object_id.to_string(),
            text(&person.user_principal_name),
            enabled(person.enabled).to_owned(),
            text(&person.mail),
            text(&person.sam_account_name),
            text(&person.display_name),
        ]
        .join("|")
    };
    let mut lines: Vec<String> = snapshot.people().map(person).collect();
    lines.sort_unstable();
    let of_people = snapshot.people().map(|person| (&person.object_id, &person.groups));
    let of_groups = snapshot.groups().map(|group| (&group.object_id, &group.groups));
    let edges = of_people.chain(of_groups).flat_map(|(member, groups)| {
        let groups = groups.iter().filter_map(|number| snapshot.group(*number));
        groups.map(move |group| format!("{}>{member}", group.object_id))
    });
    let mut edges: Vec<String> = edges.collect();
    edges.sort_unstable();
    lines.append(&mut edges);
    lines
}
