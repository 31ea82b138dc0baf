//! `vestibule replay`: what a draft of a policy would change about what an access log tells.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::policy::say_unread;
use super::{Failure, File, environment, log};
use crate::app::Draft;
use crate::app::replay::{Change, Label, Replay, Share};
use crate::clock::Clock;
use crate::config;

/// What is to be held against what.
#[derive(Debug, clap::Args)]
pub(super) struct Logs {
    /// The configuration file with the draft, whole; `--config` names the one that is in force
    #[arg(long)]
    policy: PathBuf,
    /// Access logs, `-` for standard input
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// How many people and sites to show
    #[arg(long, default_value_t = 10)]
    most: usize,
    /// One JSON document
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    file: File,
}

/// Replays the logs.
pub(super) fn replay(asked: &Logs) -> Result<(), Failure> {
    let draft = |path: &Path| {
        let config = config::load(path, &environment).map_err(|problems| Failure::config(&problems))?;
        Ok::<_, Failure>(Draft::new(&config, &Clock::system()))
    };
    let (before, after) = (draft(&asked.file.config)?, draft(&asked.policy)?);
    let mut replay = Replay::new(&before, &after);
    for path in &asked.files {
        log::read(path, |name, input, went| replay.read(name, input, went))?;
    }
    let text = if asked.json { as_json(&replay) } else { as_text(&replay, asked.most) };
    // Nobody is left to tell when the terminal is gone.
    drop(std::io::stdout().write_all(text.as_bytes()));
    log::say_broken(&replay.broken);
    say_unread(&[&before, &after]);
    Ok(())
}

fn as_json(replay: &Replay<'_>) -> String {
    let document = json!({
        "requests": replay.requests,
        "changed": replay.changed,
        "by_another_rule": replay.by_another_rule,
        "by_other_terms": replay.by_other_terms,
        "by_interception": replay.by_interception,
        "broken_lines": replay.broken.count,
        "changes": replay.changes(),
        "people": replay.people(),
        "sites": replay.sites(),
    });
    format!("{document:#}\n")
}

fn as_text(replay: &Replay<'_>, most: usize) -> String {
    let mut text = format!(
        "{} of {} requests would be decided otherwise, and {} by another rule with the same outcome.\n",
        replay.changed, replay.requests, replay.by_another_rule
    );
    if replay.by_other_terms > 0 {
        // Writing into a string does not fail.
        writeln!(text, "{} would be subject to other terms (fields, limits).", replay.by_other_terms).ok();
    }
    if replay.by_interception > 0 {
        writeln!(text, "{} would be intercepted and were not, or the other way round.", replay.by_interception).ok();
    }
    if replay.changed > 0 {
        text.push_str("\nWHAT\n");
    }
    for Share { of: Change { before, rule_before, after, rule_after }, count } in replay.changes() {
        let rule = |rule: Option<std::sync::Arc<str>>| rule.map(|rule| format!(" by `{rule}`")).unwrap_or_default();
        // Writing into a string does not fail.
        let (now, then) = (rule(rule_before), rule(rule_after));
        writeln!(text, "{count:>9}  {}{now} → {}{then}", before.as_str(), after.as_str()).ok();
    }
    put(&mut text, "FOR WHOM", &replay.people(), most);
    put(&mut text, "WHERE", &replay.sites(), most);
    text.push_str(
        "\nA log does not say who is in which group: rules that block a group count for everybody of its realm here, rules that \
         allow one for nobody, before and after. Queries are not in it, either.\n",
    );
    text
}

fn put(text: &mut String, title: &str, shares: &[Share<Label>], most: usize) {
    if shares.is_empty() {
        return;
    }
    writeln!(text, "\n{title}").ok();
    for Share { of: Label { name }, count } in shares.iter().take(most) {
        writeln!(text, "{count:>9}  {name}").ok();
    }
    if shares.len() > most {
        writeln!(text, "           … and {} more: --most {}", shares.len() - most, shares.len()).ok();
    }
}
