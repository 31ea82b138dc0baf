//! `vestibule scim token`: the tokens by which identity providers are known to a running node.

use std::io::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::{Failure, ScimToken, environment};
use crate::scim::ROOT;
use crate::{admin, config};

/// Makes, lists or revokes tokens, by way of the running node.
pub(super) fn token(command: &ScimToken) -> Result<(), Failure> {
    let (file, name, arguments) = match command {
        ScimToken::New { directory, days, file } => {
            (file, "scim token new", json!({ "name": directory, "days": days }))
        }
        ScimToken::List { file, .. } => (file, "scim token list", Value::Null),
        ScimToken::Revoke { token, file } => (file, "scim token revoke", json!({ "name": token })),
    };
    let items = ask(&file.config, name, &arguments)?;
    let text: String = match command {
        ScimToken::New { .. } => items.iter().map(made).collect(),
        ScimToken::List { json: true, .. } => items.iter().map(|item| format!("{item}\n")).collect(),
        ScimToken::List { .. } => table(&items),
        ScimToken::Revoke { token, .. } => format!("{token} opens nothing any more\n"),
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

/// What to paste where. The token alone goes to standard output, so that a script can take it.
fn made(item: &Value) -> String {
    let text = |field: &str| item[field].as_str().unwrap_or_default().to_owned();
    let note = format!(
        "Token {} for the directory `{}`, until {}. It is shown this once.\nIn Entra: Tenant URL https://…{ROOT}, Secret Token as follows.\n",
        text("id"),
        text("directory"),
        day(&text("expires"))
    );
    drop(std::io::stderr().write_all(note.as_bytes()));
    format!("{}\n", text("token"))
}

fn table(items: &[Value]) -> String {
    let row = |cells: [&str; 6]| {
        let [id, directory, created, expires, used, state] = cells;
        format!("{id:10}  {directory:20}  {created:10}  {expires:10}  {used:16}  {state}").trim_end().to_owned() + "\n"
    };
    let mut lines = row(["TOKEN", "DIRECTORY", "MADE", "VALID UNTIL", "LAST USED", ""]);
    for item in items {
        let text = |field: &str| item[field].as_str().unwrap_or_default().to_owned();
        let (created, expires, used) = (text("created"), text("expires"), text("used").replace('T', " "));
        let used = if used.is_empty() { "never" } else { used.get(..16).unwrap_or_default() };
        let state = if item["is_valid"] == true { "" } else { "expired" };
        lines += &row([&text("id"), &text("directory"), day(&created), day(&expires), used, state]);
    }
    lines
}

fn day(time: &str) -> &str {
    time.get(..10).unwrap_or(time)
}
