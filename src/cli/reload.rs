//! `vestibule reload`: a running program takes up its configuration file, or says what is wrong with it.

use std::io::Write as _;
use std::path::Path;

use serde_json::Value;

use super::healthcheck::running;
use super::{Failure, environment};
use crate::config::{Check, Config};
use crate::{admin, app, config};

/// Has the file read again. Says what has changed, or every problem with its line; then the program goes on as it was.
pub(super) fn reload(file: &Path) -> Result<(), Failure> {
    // Where no program runs, that is what is to be said.
    let look = |config: &Config, check: &mut Check<'_>| match running(&config.state) {
        running if running.is_there => app::preflight(config, &running, check),
        _ => {}
    };
    let loaded = config::load_looking(file, &environment, &look).map_err(|problems| Failure::config(&problems))?;
    let config = loaded.config;
    let mut items = Vec::new();
    admin::client::ask(&config.state, "reload", &Value::Null, |item| items.push(item)).map_err(Failure::new)?;
    let text: String = match items[..] {
        [] => "nothing in the file has changed; the files that it names were read again\n".to_owned(),
        _ => items.iter().map(line).collect(),
    };
    // Nobody is left to tell when the terminal is gone.
    drop(std::io::stdout().write_all(text.as_bytes()));
    Ok(())
}

fn line(item: &Value) -> String {
    if let Some(key) = item["restart"].as_str() {
        return format!("stays as it was until a restart: {key}\n");
    }
    let keys: Vec<_> = item["keys"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let section = item["section"].as_str().unwrap_or_default();
    match keys.iter().any(|key| !key.is_empty()) {
        true => format!("changed: {section}: {}\n", keys.join(", ")),
        false => format!("changed: {section}\n"),
    }
}
