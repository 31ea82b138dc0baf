//! `vestibule directory risk`: who is at risk, and what risk rules have done.

use std::path::Path;

use serde_json::{Value, json};

use super::Failure;
use crate::admin;

/// Who is at risk, in text or JSON.
pub(super) fn risk(state: &Path, name: Option<&str>, now: bool, as_json: bool) -> Result<String, Failure> {
    let (mut items, arguments) = (Vec::new(), json!({ "name": name.unwrap_or_default(), "now": now }));
    admin::client::ask(state, "directory risk", &arguments, |item| items.push(item)).map_err(Failure::new)?;
    let told = |item: &Value| match (as_json, item["risk"].is_null()) {
        (true, _) => format!("{item}\n"),
        (false, false) => format!("{}\n{}", item["directory"].as_str().unwrap_or("-"), standing(&item["risk"])),
        (false, true) => person(item),
    };
    Ok(items.iter().map(told).collect())
}

/// How the reading stands, in a few lines; none where nothing is read.
pub(super) fn standing(risk: &Value) -> String {
    let Some(status) = risk["status"].as_str() else { return String::new() };
    let mut lines = format!("  risk: {status}, {} people at risk", risk["at_risk"]);
    if let Some(last) = risk["last_good"].as_str() {
        lines += &format!(", last read {last}");
    }
    lines.push('\n');
    for (key, before) in [("reason", ""), ("help", "what to do: ")] {
        if let Some(text) = risk[key].as_str() {
            lines += &format!("  {before}{text}\n");
        }
    }
    if risk["known"] == false {
        lines += "  nobody's risk counts as known: rules with `risk` count it against everybody\n";
    }
    lines
}

/// Somebody in a few lines.
fn person(item: &Value) -> String {
    let text = |field: &str| item[field].as_str().unwrap_or("-").to_owned();
    let (name, id) = (text("user_principal_name"), text("id"));
    let mut lines =
        format!("  {name} ({id}): {}, {}, {}, since {}\n", text("level"), text("state"), text("detail"), text("since"));
    for rule in item["rules"].as_array().into_iter().flatten() {
        lines += &episode(rule);
    }
    lines
}

/// What a rule has done about somebody, in a line.
pub(super) fn episode(rule: &Value) -> String {
    let text = |field: &str| rule[field].as_str().unwrap_or("-").to_owned();
    let what = match rule["stage"].as_str() {
        Some("wanted") => format!("is to act (tried {} times, again at {})", rule["tries"], text("next")),
        Some("done") => format!("acted at {}", text("since")),
        Some("dry-run") => format!("would have acted at {}", text("since")),
        Some("overruled") => format!("does nothing: an operator has decided, before {}", text("since")),
        _ => "-".to_owned(),
    };
    format!("    rule `{}` {what}\n", text("rule"))
}
