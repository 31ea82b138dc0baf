//! `vestibule realms`: who vouches for whose people at a running node, and which hosts of theirs wait for a word.

use std::io::Write as _;

use serde_json::{Value, json};

use super::{Failure, Realms, RealmsCommand, environment};
use crate::{admin, config};

/// Lists the realms, or accepts hosts of one.
pub(super) fn realms(asked: &Realms) -> Result<(), Failure> {
    let config = config::load(&asked.config, &environment).map_err(|problems| Failure::config(&problems))?;
    let (command, arguments) = match &asked.command {
        None => ("realms list", Value::Null),
        Some(RealmsCommand::Accept { realm, hosts }) => ("realms accept", json!({ "realm": realm, "hosts": hosts })),
    };
    let mut items = Vec::new();
    admin::client::ask(&config.state, command, &arguments, |item| items.push(item)).map_err(Failure::new)?;
    let text: String = match (&asked.command, asked.json) {
        (_, true) => items.iter().map(|item| format!("{item}\n")).collect(),
        (None, false) => items.iter().map(described).collect(),
        (Some(_), false) => {
            items.iter().map(|item| format!("open from now on: {}\n", line(item, "accepted"))).collect()
        }
    };
    // Nobody is left to tell when the terminal is gone.
    drop(std::io::stdout().write_all(text.as_bytes()));
    Ok(())
}

fn described(item: &Value) -> String {
    let text = |field: &str| item[field].as_str().unwrap_or("not known yet").to_owned();
    let realm = text("realm");
    let mut lines = format!(
        "{realm}: {}\n  domains: {}\n  identity provider: {}\n  open before sign-in: {}\n",
        text("state"),
        line(item, "domains"),
        text("issuer"),
        line(item, "hosts")
    );
    let waiting = line(item, "waiting");
    if !waiting.is_empty() {
        lines += &format!("  waiting: {waiting}\n  to open them: vestibule realms accept {realm}\n");
    }
    lines
}

fn line(item: &Value, field: &str) -> String {
    let all = item[field].as_array().map(Vec::as_slice).unwrap_or_default();
    all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
}
