//! `vestibule directory`: how the sync of people and groups stands, that it begins, and who somebody is.

use std::io::Write as _;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Directory, DirectoryCommand, Failure, directory_risk, environment};
use crate::{admin, config};

/// How often a running round is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Asks a running program about its directories.
pub(super) fn directory(asked: &Directory) -> Result<(), Failure> {
    let state = config::load(&asked.config, &environment).map_err(|problems| Failure::config(&problems))?.state;
    match &asked.command {
        DirectoryCommand::Status { watch: false, .. } => say(&status(&state, asked)?),
        DirectoryCommand::Status { watch: true, .. } => watch(&state, asked),
        DirectoryCommand::Sync { name, full, accept_removals } => sync(
            &state,
            &json!({ "name": name.as_deref().unwrap_or_default(), "full": full, "accept": accept_removals }),
        ),
        DirectoryCommand::Consent { name } => consent(&state, name.as_deref().unwrap_or_default()),
        DirectoryCommand::Risk { name, now } => say(&directory_risk::risk(&state, name.as_deref(), *now, asked.json)?),
        DirectoryCommand::Find { name } => find(&state, name, asked.json),
        DirectoryCommand::Dump { name, .. } => {
            let dump = ask(&state, "directory dump", &json!({ "name": name.as_deref().unwrap_or_default() }))?;
            let lines = dump.iter().flat_map(|item| item["lines"].as_array().into_iter().flatten());
            say(&lines.filter_map(Value::as_str).map(|line| format!("{line}\n")).collect::<String>())
        }
    }
}

fn say(text: &str) -> Result<(), Failure> {
    // Nobody is left to tell when the terminal is gone.
    drop(std::io::stdout().write_all(text.as_bytes()));
    Ok(())
}

fn ask(state: &Path, command: &str, arguments: &Value) -> Result<Vec<Value>, Failure> {
    let mut items = Vec::new();
    admin::client::ask(state, command, arguments, |item| items.push(item)).map_err(Failure::new)?;
    Ok(items)
}

fn status(state: &Path, asked: &Directory) -> Result<String, Failure> {
    let items = ask(state, "directory status", &Value::Null)?;
    Ok(items.iter().map(|item| if asked.json { format!("{item}\n") } else { told(item) }).collect())
}

/// Says it again each time something has changed, until somebody ends it.
fn watch(state: &Path, asked: &Directory) -> Result<(), Failure> {
    let mut before = String::new();
    loop {
        let now = status(state, asked)?;
        if now != before {
            say(&now)?;
            before = now;
        }
        sleep(LOOK);
    }
}

/// Has a round begin, and waits for its end.
fn sync(state: &Path, arguments: &Value) -> Result<(), Failure> {
    let begun = ask(state, "directory sync", arguments)?;
    for item in &begun {
        if let Some(leader) = item["leader"].as_str() {
            let by = if leader.is_empty() { "another node leads" } else { leader };
            say(&format!(
                "{}: another node leads the directory and was told ({by}); `vestibule directory status` shows what comes of it\n",
                text(item, "directory")
            ))?;
            continue;
        }
        let (name, rounds) = (&item["directory"], item["rounds"].as_u64().unwrap_or_default());
        let done = loop {
            sleep(LOOK / 5);
            let all = ask(state, "directory status", &json!({ "name": name }))?;
            let Some(now) = all.into_iter().next() else { return Err(Failure::new("the directory is gone")) };
            if number(&now, "/graph/rounds") > rounds {
                break now;
            }
        };
        say(&told(&done))?;
        if done.pointer("/graph/reason").is_some_and(Value::is_string) {
            return Err(Failure::new("the round came to nothing; what was known before stays in force"));
        }
    }
    Ok(())
}

/// Says with which links an administrator grants what the applications ask for.
fn consent(state: &Path, name: &str) -> Result<(), Failure> {
    let links = ask(state, "directory consent", &json!({ "name": name }))?;
    let mut lines = String::new();
    for link in &links {
        lines += &format!("{}, {}:\n{}\n", text(link, "directory"), text(link, "function"), text(link, "link"));
    }
    if let Some(redirect) = links.first().map(|link| text(link, "redirect")) {
        lines += &format!(
            "Each is good for an hour. The application's registration must have the redirect URI {redirect} (Web).\n"
        );
    }
    say(&lines)
}

fn find(state: &Path, name: &str, as_json: bool) -> Result<(), Failure> {
    let found = ask(state, "directory find", &json!({ "user": name }))?;
    if as_json {
        return say(&found.iter().map(|item| format!("{item}\n")).collect::<String>());
    }
    if found.is_empty() {
        return Err(Failure::new(format!("no directory knows anybody called `{name}`")));
    }
    say(&found.iter().map(person).collect::<String>())?;
    if found.iter().any(|item| item["is_one"] == false) {
        return Err(Failure::new(format!("`{name}` could mean each of these, so it means nobody")));
    }
    Ok(())
}

fn text<'i>(item: &'i Value, field: &str) -> &'i str {
    item[field].as_str().unwrap_or("-")
}

fn number(item: &Value, pointer: &str) -> u64 {
    item.pointer(pointer).and_then(Value::as_u64).unwrap_or_default()
}

/// A directory in a few lines.
fn told(item: &Value) -> String {
    let mut lines = format!("{}: {} people, {} groups\n", text(item, "directory"), item["people"], item["groups"]);
    for credential in item["expiring"].as_array().into_iter().flatten() {
        let (until, days) = (text(credential, "until"), &credential["days"]);
        lines += &format!("  a credential for Microsoft Graph is good until {until}: {days} days are left\n");
    }
    lines += &nodes(&item["nodes"]);
    for function in ["sign-in", "response actions"] {
        if let Some(standing) = item.pointer(&format!("/functions/{function}")).and_then(Value::as_str) {
            lines += &format!("  {function}: {standing}\n");
        }
    }
    lines += &directory_risk::standing(&item["risk"]);
    lines += &domains(&item["domains"], &item["unserved_domains"]);
    let graph = &item["graph"];
    if graph.is_null() {
        return lines;
    }
    lines += &format!("  Microsoft Graph: {}\n", text(graph, "status"));
    if let Some(reason) = graph["reason"].as_str() {
        lines += &format!("  {reason}\n");
    }
    if let Some(help) = graph["help"].as_str() {
        lines += &format!("  what to do: {help}\n");
    }
    let alarm = &graph["alarm"];
    if let Some(at) = alarm["at"].as_str() {
        lines += &format!(
            "  alarm: the round at {at} disabled {} of {} people, who are signed out: look in Entra ID whether that is right\n",
            alarm["disabled"], alarm["of"]
        );
    }
    if graph["phase"] != "waiting" {
        let what = if graph["full"] == true { "everything" } else { "what has changed" };
        let (users, groups) = (&graph["users_read"], &graph["groups_read"]);
        lines +=
            &format!("  {} {what}: {} pages, {users} users, {groups} groups\n", text(graph, "phase"), graph["pages"]);
    }
    if let Some(last) = graph["last_good"].as_str() {
        let done = &graph["last"];
        lines += &format!("  last good round: {last}");
        lines += &format!(
            " ({} people and {} groups changed, {} and {} removed, {} memberships added, {} removed)\n",
            done["people"],
            done["groups"],
            done["people_removed"],
            done["groups_removed"],
            done["members_added"],
            done["members_removed"]
        );
    }
    lines + &format!("  next round: {}\n", text(graph, "next"))
}

/// The domains of the tenant, and which of them nobody can sign in by.
fn domains(domains: &Value, unserved: &Value) -> String {
    let names =
        |list: &Value| list.as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join(", ");
    if let Some(reason) = domains["reason"].as_str() {
        return format!(
            "  domains of the tenant: not read, so compare them with the `domains` of the realm by hand. {reason}\n  \
             what to do: {}\n",
            text(domains, "help")
        );
    }
    let (verified, unserved) = (names(&domains["verified"]), names(unserved));
    match (verified.is_empty(), unserved.is_empty()) {
        (true, _) => String::new(),
        (_, true) => format!("  domains of the tenant: {verified}\n"),
        _ => format!(
            "  domains of the tenant: {verified}\n  no realm of this directory has {unserved} in its `domains`: \
             nobody signs in by a name there\n"
        ),
    }
}

/// What it means that the shared store is away, and what to do.
const AWAY: &str = "what was known stays in force at each node, and no node writes, neither what Microsoft Graph has nor what is pushed \
                    by SCIM\n  what to do: see that Redis runs and that this node reaches the `servers` of `[session.redis]`; the nodes go \
                    on by themselves when it answers";

/// How the directory stands among several nodes, in one line or a few.
fn nodes(nodes: &Value) -> String {
    if nodes.is_null() {
        return String::new();
    }
    let there = match nodes["is_there"] == true {
        true => String::new(),
        false => format!("  the shared store does not answer: {AWAY}\n"),
    };
    let behind = match nodes["behind"].as_u64() {
        None | Some(0) => String::new(),
        Some(behind) => format!(", {behind} behind"),
    };
    let who = match (nodes["leads"] == true, text(nodes, "leader")) {
        (true, _) => "leads".to_owned(),
        (false, "") => "follows; no node leads".to_owned(),
        (false, leader) => format!("follows {leader}"),
    };
    format!("  this node ({}) {who}, at change {}{behind}\n{there}", text(nodes, "node"), nodes["changes"])
}

/// A person in a few lines.
fn person(item: &Value) -> String {
    let mut lines =
        format!("{} ({}), {}\n", text(item, "user_principal_name"), text(item, "id"), text(item, "standing"));
    lines += &format!(
        "  {} in directory {}, mail {}",
        text(item, "display_name"),
        text(item, "directory"),
        text(item, "mail")
    );
    if item["sam_account_name"].is_string() {
        lines += &format!(", {}\\{}", text(item, "domain"), text(item, "sam_account_name"));
    }
    lines.push('\n');
    for group in item["groups"].as_array().into_iter().flatten() {
        let how = if group["direct"] == true { "" } else { ", through another group" };
        lines += &format!("  in {} ({}){how}\n", text(group, "name"), text(group, "id"));
    }
    lines
}
