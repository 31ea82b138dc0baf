//! `vestibule lists`: what the lists hold, how old they are and what is wrong with them; and which of them hold a host.

use std::io::Write as _;

use serde_json::{Value, json};

use super::{Failure, Lists, ListsCommand, environment};
use crate::app::lists::{Shelf, described, found};
use crate::clock::Clock;
use crate::config::Config;
use crate::{admin, config};

/// Lines of a list that cannot be used and are shown. All that are known are in the JSON.
const SHOWN: usize = 3;

/// Says what there is to say of lists. A running program is asked; where none runs, the files are looked at.
pub(super) fn lists(asked: &Lists) -> Result<(), Failure> {
    let config = config::load(&asked.config, &environment).map_err(|problems| Failure::config(&problems))?;
    let items = match &asked.command {
        None => ask(&config, "lists list", &Value::Null, |shelf, clock| Ok(described(shelf, clock.now())))?,
        Some(ListsCommand::Find { host }) => {
            ask(&config, "lists find", &json!({ "host": host }), |shelf, _| found(&shelf.lists(&config.lists), host))?
        }
        Some(ListsCommand::Refresh { name, accept }) => {
            let arguments = json!({ "name": name.as_deref().unwrap_or_default(), "accept": accept });
            ask(&config, "lists refresh", &arguments, |_, _| Err("no program runs: a start fetches them".to_owned()))?
        }
    };
    let text: String = match (&asked.command, asked.json) {
        (_, true) => items.iter().map(|item| format!("{item}\n")).collect(),
        (None, false) if items.is_empty() => "there is no list: the configuration has no `[[list]]`\n".to_owned(),
        (None, false) => items.iter().map(told).collect(),
        (Some(ListsCommand::Find { host }), false) if items.is_empty() => format!("no list holds {host}\n"),
        (Some(ListsCommand::Find { .. }), false) => items.iter().map(held).collect(),
        (Some(ListsCommand::Refresh { .. }), false) => {
            items.iter().map(|item| format!("{}: it is being fetched\n", text(item, "list"))).collect()
        }
    };
    // Nobody is left to tell when the terminal is gone.
    drop(std::io::stdout().write_all(text.as_bytes()));
    Ok(())
}

fn ask(
    config: &Config,
    command: &str,
    arguments: &Value,
    alone: impl FnOnce(&Shelf, &Clock) -> Result<Vec<Value>, String>,
) -> Result<Vec<Value>, Failure> {
    let mut items = Vec::new();
    match admin::client::ask(&config.state, command, arguments, |item| items.push(item)) {
        Ok(()) => Ok(items),
        Err(admin::client::Error::Away(..)) => {
            let clock = Clock::system();
            alone(&Shelf::of_files(config, &clock), &clock).map_err(Failure::new)
        }
        Err(error) => Err(Failure::new(error)),
    }
}

/// A list in a few lines.
pub(super) fn told(item: &Value) -> String {
    let mut lines = format!("{}: {} entries", text(item, "list"), number(item, "entries"));
    lines += &format!(", {} KiB", number(item, "memory").div_ceil(1024));
    match item["source"].as_str() {
        Some("entries") => lines += ", written in the configuration",
        Some(_) => lines += &format!(", from {}", text(item, "from")),
        None => {}
    }
    if let Some(form) = item["form"].as_str() {
        lines += &format!(" ({form})");
    }
    lines.push('\n');
    match (item["since"].as_str(), item["checked"].as_str()) {
        (Some(since), Some(checked)) if since != checked => {
            lines += &format!("  as it is since {since}, checked {checked}\n");
        }
        (Some(since), _) => lines += &format!("  as it is since {since}\n"),
        (None, _) => lines += "  never read: it holds nothing yet, so nothing of it is blocked\n",
    }
    if let Some(error) = item["error"].as_str() {
        lines += &format!("  not up to date: {error}\n");
    }
    let unusable = number(item, "unusable");
    if unusable > 0 {
        lines += &format!("  {unusable} of {} lines cannot be used; the first:\n", number(item, "lines"));
        let first = item["first_unusable"].as_array().map(Vec::as_slice).unwrap_or_default();
        for line in first.iter().take(SHOWN) {
            let document = line["document"].as_str().filter(|document| !document.is_empty());
            let document = document.map(|document| format!("{document}, ")).unwrap_or_default();
            let (at, what, why) = (number(line, "line"), text(line, "text"), text(line, "why"));
            lines += &format!("    {document}line {at}: `{what}`: {why}\n");
        }
    }
    lines
}

fn held(item: &Value) -> String {
    let entry = text(item, "entry");
    let by = match item["by"].as_str() {
        Some("domain") => format!("{entry}, and everything below it"),
        Some("host") => format!("{entry}, that host alone"),
        Some("url") => format!("what begins with {entry}"),
        _ => entry.to_owned(),
    };
    format!("{}: by {by}\n", text(item, "list"))
}

fn text<'i>(item: &'i Value, field: &str) -> &'i str {
    item[field].as_str().unwrap_or_default()
}

fn number(item: &Value, field: &str) -> u64 {
    item[field].as_u64().unwrap_or_default()
}
