//! `vestibule sessions`: who is signed in at a running node, and an end to it.

use std::io::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::{Failure, Sessions, environment};
use crate::session::ends::Held;
use crate::{admin, config};

const LATER: &str = "The shared store is away: other nodes follow when it is back.";
const FLEETING: &str = "Neither the store nor the disk has taken this: it holds until the node stops. End them again when the store is back.";

/// Carries a command about sessions out, by way of the running node.
pub(super) fn sessions(command: &Sessions) -> Result<(), Failure> {
    let (file, arguments, as_json) = match command {
        Sessions::List { user, most, json, file } => (file, json!({ "user": user, "most": most }), *json),
        Sessions::Show { session, file } => (file, json!({ "session": session }), true),
        Sessions::End { session, user, file } => (file, json!({ "session": session, "user": user }), false),
    };
    let name = match command {
        Sessions::List { .. } => "sessions list",
        Sessions::Show { .. } => "sessions show",
        Sessions::End { .. } => "sessions end",
    };
    let mut items = Vec::new();
    ask(&file.config, name, &arguments, |item| items.push(item))?;
    let lines: String = if as_json {
        items.iter().map(|item| format!("{}\n", pretty(item, matches!(command, Sessions::Show { .. })))).collect()
    } else {
        table(&items)
    };
    // Nobody is left to tell when the terminal is gone.
    drop(std::io::stdout().write_all(lines.as_bytes()));
    if let Sessions::End { .. } = command {
        drop(writeln!(std::io::stderr(), "{} ended", items.len()));
        let with = |outcome: &str| items.iter().any(|item| item["outcome"] == outcome);
        if with(Held::Here.as_str()) {
            drop(writeln!(std::io::stderr(), "{LATER}"));
        }
        if with(Held::Fleeting.as_str()) {
            drop(writeln!(std::io::stderr(), "{FLEETING}"));
        }
    }
    Ok(())
}

/// Gives a command to the node that runs with this configuration.
fn ask(file: &Path, command: &str, arguments: &Value, take: impl FnMut(Value)) -> Result<(), Failure> {
    let config = config::load(file, &environment).map_err(|problems| Failure::config(&problems))?;
    admin::client::ask(&config.state, command, arguments, take).map_err(Failure::new)
}

fn pretty(item: &Value, in_lines: bool) -> String {
    if in_lines { format!("{item:#}") } else { item.to_string() }
}

fn table(items: &[Value]) -> String {
    let text = |item: &Value, field: &str| item[field].as_str().unwrap_or_default().to_owned();
    let minute = |item: &Value, field: &str| text(item, field).get(..16).unwrap_or_default().replace('T', " ");
    let rows = items.iter().map(|item| {
        let id = text(item, "session");
        let id = id.get(..12).unwrap_or_default().to_owned();
        let tool =
            ["/tool/kind", "/tool/name"].map(|part| item.pointer(part).and_then(Value::as_str).unwrap_or_default());
        let tool = tool.join(" ");
        let client = item.pointer("/tool/last_client").and_then(Value::as_str).map(str::to_owned);
        let client = client.unwrap_or_else(|| text(item, "client"));
        let (user, started, last_used) = (text(item, "user"), minute(item, "started"), minute(item, "last_used"));
        [id, user, client, started, last_used, tool]
    });
    let head = ["SESSION", "USER", "CLIENT", "SIGNED IN", "LAST USED", "TOOL"].map(str::to_owned);
    let rows: Vec<_> = std::iter::once(head).chain(rows).collect();
    let widths = [0, 1, 2, 3, 4, 5].map(|column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    });
    let line = |row: &[String; 6]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}
