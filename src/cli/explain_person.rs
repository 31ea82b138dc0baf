//! `vestibule explain --person`: who somebody is, by the directories of the running program.

use std::io::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::directory_risk::episode;
use super::{Failure, environment};
use crate::{admin, config};

/// Explains whoever is called so.
pub(super) fn explain(file: &Path, name: &str, as_json: bool) -> Result<(), Failure> {
    let state = config::load(file, &environment).map_err(|problems| Failure::config(&problems))?.state;
    let mut items = Vec::new();
    admin::client::ask(&state, "explain person", &json!({ "user": name }), |item| items.push(item))
        .map_err(Failure::new)?;
    let text: String = match as_json {
        true => items.iter().map(|item| format!("{item:#}\n")).collect(),
        false => items.iter().map(|item| told(item, name)).collect(),
    };
    // Nobody is left to tell when the terminal is gone.
    drop(std::io::stdout().write_all(text.as_bytes()));
    let is = |wanted: &str| items.iter().any(|item| item["resolved"] == wanted);
    if is("ambiguous") {
        return Err(Failure::new(format!("`{name}` could mean each of these, so it means nobody: use an object ID")));
    }
    if !is("one") {
        return Err(Failure::new(format!("no directory knows anybody called `{name}`")));
    }
    Ok(())
}

fn text(item: &Value, field: &str) -> String {
    match &item[field] {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn list(item: &Value) -> Vec<String> {
    item.as_array().into_iter().flatten().filter_map(|one| one.as_str().map(str::to_owned)).collect()
}

/// What one directory says.
fn told(item: &Value, name: &str) -> String {
    let directory = text(item, "directory");
    if item["resolved"] == "nobody" {
        return format!("{directory}: nobody is called `{name}`\n");
    }
    let (display, id) = (text(item, "display_name"), text(item, "id"));
    let how = list(&item["understood_as"]).join(", ");
    let candidate = if item["resolved"] == "ambiguous" { "one of several: " } else { "" };
    let mut lines = format!("{directory}: {candidate}{display} ({id})\n");
    if !how.is_empty() {
        lines += &format!("  `{name}` is their {how}\n");
    }
    for (label, field) in [
        ("UPN", "user_principal_name"),
        ("UPN on premises", "on_premises_upn"),
        ("mail", "mail"),
        ("standing", "standing"),
        ("sign-ins count from", "sessions_valid_from"),
    ] {
        if !item[field].is_null() {
            lines += &format!("  {label}: {}\n", text(item, field));
        }
    }
    if item["sam_account_name"].is_string() {
        lines += &format!("  account: {}\\{}\n", text(item, "domain"), text(item, "sam_account_name"));
    }
    let aliases = list(&item["aliases"]);
    if !aliases.is_empty() {
        lines += &format!("  other addresses: {}\n", aliases.join(", "));
    }
    match item["why_not"].as_str() {
        Some(why) => lines += &format!("  may not sign in: {why}\n"),
        None => lines += "  may sign in, as far as the directory has a say\n",
    }
    lines += &groups(item);
    lines += &risk(&item["risk"]);
    lines += &actions(item);
    lines + &sessions(&item["sessions"])
}

fn groups(item: &Value) -> String {
    let mut lines = String::new();
    for group in item["groups"].as_array().into_iter().flatten() {
        let through = list(&group["through"]);
        let how = if through.is_empty() { String::new() } else { format!(", through {}", through.join(", ")) };
        lines += &format!("  in {} ({}){how}\n", text(group, "name"), text(group, "id"));
    }
    if lines.is_empty() { "  in no group\n".to_owned() } else { lines }
}

fn risk(risk: &Value) -> String {
    if risk["read"] == false {
        return "  risk: not read (no `[directory.risk]`)\n".to_owned();
    }
    let mut lines = format!("  risk: {}", text(risk, "level"));
    let said = &risk["said"];
    if !said.is_null() {
        let (state, detail) = (text(said, "state"), text(said, "detail"));
        lines += &format!(" ({state}, {detail}, since {})", text(said, "since"));
    }
    lines += &format!(", last read {}\n", text(risk, "last_read"));
    if risk["known"] == false {
        lines += "    that is too long ago to count\n";
    }
    for rule in risk["rules"].as_array().into_iter().flatten() {
        lines += &format!("    rule `{}` does: {}\n", text(rule, "rule"), text(rule, "does"));
        if !rule["episode"].is_null() {
            lines += &episode(&rule["episode"]);
        }
    }
    lines
}

fn actions(item: &Value) -> String {
    let tasks = item["actions"].as_array().into_iter().flatten();
    tasks
        .map(|task| {
            let [begun, action, state, by, why] =
                ["begun", "action", "state", "by", "why"].map(|field| text(task, field));
            format!("  {begun} {action}: {state}, by {by}: {why}\n")
        })
        .collect()
}

fn sessions(sessions: &Value) -> String {
    let mut lines = format!("  sessions: {}\n", sessions["count"]);
    for session in sessions["newest"].as_array().into_iter().flatten() {
        let [id, client, agent, started, used] =
            ["session", "client", "user_agent", "started", "last_used"].map(|field| text(session, field));
        lines += &format!("    {id} from {client} since {started}, last used {used}, {agent}\n");
    }
    if sessions["whole"] == false {
        lines += "    the session store does not answer: there may be others\n";
    }
    lines
}
