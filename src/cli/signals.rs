//! `vestibule signals`: how the transmitters of security events are heard.

use std::io::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::{Failure, Signals, environment};
use crate::{admin, config};

/// Asks a running program about its transmitters.
pub(super) fn signals(command: &Signals) -> Result<(), Failure> {
    let text = match command {
        Signals::Status { json: true, file } => {
            let all = ask(&file.config, "signals status", &Value::Null)?;
            all.iter().map(|item| format!("{item}\n")).collect()
        }
        Signals::Status { file, .. } => {
            let all = ask(&file.config, "signals status", &Value::Null)?;
            if all.is_empty() {
                return Err(Failure::new("no transmitter is heard: the configuration has no `[[signals]]`"));
            }
            all.iter().map(told).collect::<String>()
        }
        Signals::Verify { name, file } => {
            let name = name.as_deref().unwrap_or_default();
            let done = ask(&file.config, "signals verify", &json!({ "name": name }))?;
            let said = |item: &Value| format!("{}: the stream works\n", text(item, "signals"));
            done.iter().map(said).collect()
        }
        Signals::Create { name, file } => {
            let name = name.as_deref().unwrap_or_default();
            let done = ask(&file.config, "signals create", &json!({ "name": name }))?;
            done.iter().map(made).collect()
        }
    };
    // Nobody is left to tell when the terminal is gone.
    drop(std::io::stdout().write_all(text.as_bytes()));
    Ok(())
}

fn ask(file: &Path, command: &str, arguments: &Value) -> Result<Vec<Value>, Failure> {
    let config = config::load(file, &environment).map_err(|problems| Failure::config(&problems))?;
    let mut items = Vec::new();
    admin::client::ask(&config.state, command, arguments, |item| items.push(item)).map_err(Failure::new)?;
    Ok(items)
}

fn text<'i>(item: &'i Value, field: &str) -> &'i str {
    item[field].as_str().unwrap_or("-")
}

/// A transmitter in a few lines.
fn told(item: &Value) -> String {
    let mut lines = format!("{}: {}, by {}\n", text(item, "signals"), text(item, "issuer"), text(item, "delivery"));
    lines += &format!(
        "  {} taken, {} came again, {} refused; {} sessions ended\n",
        item["taken"], item["repeated"], item["refused"], item["sessions_ended"]
    );
    for (field, what) in [
        ("last", "last signal"),
        ("last_event", "it was"),
        ("verified", "last verified"),
        ("polled", "last asked"),
        ("stream_status", "the transmitter calls the stream"),
        ("last_refusal", "last refusal"),
        ("fault", "what is wrong"),
    ] {
        if let Some(said) = item[field].as_str() {
            lines += &format!("  {what}: {said}\n");
        }
    }
    if item["keys"] == 0 {
        lines += "  no key of it is known, so nothing can be taken\n";
    }
    lines
}

/// What to write into the configuration.
fn made(item: &Value) -> String {
    let mut lines =
        format!("The stream is made. Into `[[signals]]` `{}`:\nstream = {}\n", text(item, "signals"), item["stream"]);
    match &item["audience"] {
        Value::Array(all) => lines += &format!("audience = {}\n", Value::Array(all.clone())),
        Value::String(one) => lines += &format!("audience = {}\n", json!([one])),
        _ => {}
    }
    if item["poll_url"].is_string() {
        lines += &format!("poll_url = {}\n", item["poll_url"]);
    }
    lines
}
