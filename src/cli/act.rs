//! `vestibule act`: what an operator has done to somebody's account in Entra ID, by way of the running program.

use std::io::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::{Act, Failure, Target, environment};
use crate::{admin, config};

/// Has something done, or lists what was done.
pub(super) fn act(asked: &Act) -> Result<(), Failure> {
    let (action, target) = match asked {
        Act::Disable(target) => ("disable", target),
        Act::Enable(target) => ("enable", target),
        Act::SignOut(target) => ("sign-out", target),
        Act::ResetPassword(target) => ("reset-password", target),
        Act::SignOutHere(target) => ("sign-out-here", target),
        Act::ConfirmCompromised(target) => ("confirm-compromised", target),
        Act::Dismiss(target) => ("dismiss", target),
        Act::List { json, file } => return list(&file.config, *json),
    };
    let Target { user, why, dry_run, file } = target;
    let arguments = json!({ "action": action, "user": user, "why": why, "dry_run": dry_run });
    let items = ask(&file.config, "act", &arguments)?;
    let item = items.first().ok_or_else(|| Failure::new("the program said nothing of it"))?;
    if let Some(would) = item["would"].as_str() {
        return say(&format!("would {would} {} ({})\n", text(item, "name"), text(item, "person")));
    }
    say(&told(item))?;
    if let Some(held) = item["sessions_held"].as_str() {
        say(&format!(
            "  the session store does not answer ({held}): sessions that it alone knows end when it does, or when the directory \
             is in step\n"
        ))?;
    }
    match item["state"] == "successful" {
        true => say(&format!("  {} sessions ended here\n", item["sessions_ended"])),
        false => Err(Failure::new("it was not done in Entra ID; the sessions here have ended all the same")),
    }
}

fn list(file: &Path, as_json: bool) -> Result<(), Failure> {
    let items = ask(file, "act list", &Value::Null)?;
    say(&items.iter().map(|item| if as_json { format!("{item}\n") } else { told(item) }).collect::<String>())
}

fn ask(file: &Path, command: &str, arguments: &Value) -> Result<Vec<Value>, Failure> {
    let state = config::load(file, &environment).map_err(|problems| Failure::config(&problems))?.state;
    let mut items = Vec::new();
    admin::client::ask(&state, command, arguments, |item| items.push(item)).map_err(Failure::new)?;
    Ok(items)
}

fn say(text: &str) -> Result<(), Failure> {
    // Nobody is left to tell when the terminal is gone.
    drop(std::io::stdout().write_all(text.as_bytes()));
    Ok(())
}

fn text<'i>(item: &'i Value, field: &str) -> &'i str {
    item[field].as_str().unwrap_or("-")
}

/// A task in a few lines.
fn told(item: &Value) -> String {
    let [id, action, name, person] = ["id", "action", "name", "person"].map(|field| text(item, field));
    let mut lines = format!("{id}  {}  {action} {name} ({person}): {}\n", text(item, "begun"), text(item, "state"));
    lines += &format!("  by {}: {}\n", text(item, "by"), text(item, "why"));
    if let Some(reason) = item["reason"].as_str() {
        lines += &format!("  {reason}\n");
    }
    lines
}
