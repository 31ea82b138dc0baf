//! `vestibule interception`: which interceptions failed, and the line that spares each site.

use std::io::Write as _;

use serde_json::Value;

use super::{Failure, InterceptionCommand, environment};
use crate::{admin, config};

/// Lists what failed, as the running program has counted it.
pub(super) fn interception(command: &InterceptionCommand) -> Result<(), Failure> {
    let InterceptionCommand::Failures { json, file } = command;
    let config = config::load(&file.config, &environment).map_err(|problems| Failure::config(&problems))?;
    let mut items = Vec::new();
    admin::client::ask(&config.state, "interception failures", &Value::Null, |item| items.push(item))
        .map_err(Failure::new)?;
    let text: String = match json {
        true => items.iter().map(|item| format!("{item}\n")).collect(),
        false if items.is_empty() => "no interception has failed since the program was started\n".to_owned(),
        false => items.iter().map(told).collect(),
    };
    // Nobody is left to tell when the terminal is gone.
    drop(std::io::stdout().write_all(text.as_bytes()));
    Ok(())
}

/// One kind of failure, in a few lines.
fn told(item: &Value) -> String {
    let text = |field: &str| item[field].as_str().unwrap_or_default();
    let fault = item["fault"].as_str().map(|fault| format!(" ({fault})")).unwrap_or_default();
    let mut lines = format!(
        "{}: {}{fault}, {} times, last {}, by {}\n",
        text("site"),
        text("reason"),
        item["count"].as_u64().unwrap_or_default(),
        text("last"),
        text("software"),
    );
    if let Some(rule) = item["rule"].as_str() {
        lines += "  to spare it, put this before every other [[policy.standing]], or at the end where there is none:\n";
        lines += rule;
        lines.push('\n');
    }
    lines
}
