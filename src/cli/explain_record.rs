//! `vestibule explain --request-id`: a request of the access log, explained by the policy of the file.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use serde_json::json;

use super::Failure;
use super::explained::{Inquiry, as_json, as_text};
use super::policy::say_unread;
use crate::app::Draft;
use crate::app::past::{self, Past, Recorded, Same};
use crate::config::Config;
use crate::config::section::AccessLog;
use crate::identity::{Groups, Risk};
use crate::policy::Decision;

/// What is told besides the identifier.
#[derive(Clone, Copy)]
pub(super) struct OfRecord<'a> {
    /// The groups of the person.
    pub(super) groups: &'a [String],
    /// The risk of their account then.
    pub(super) risk: Option<Risk>,
    /// The log in which the record is.
    pub(super) log: Option<&'a Path>,
    pub(super) json: bool,
}

/// Explains the request with this identifier.
pub(super) fn explain(config: &Config, draft: &Draft, id: &str, asked: OfRecord<'_>) -> Result<(), Failure> {
    let log = match (asked.log, &config.log.access) {
        (Some(file), _) => file,
        (None, AccessLog::File(file)) => file,
        (None, AccessLog::Stdout) => {
            return Err(Failure::new(
                "access records go to standard output: name the file in which they are kept with --log",
            ));
        }
    };
    let found = past::find(log, id).map_err(|error| Failure::new(format!("{}: {error}", log.display())))?;
    let Some((file, mut past, recorded)) = found else {
        let text = format!("request {id} is not in {}, nor in a log that was put aside beside it", log.display());
        return Err(Failure::new(text));
    };
    if let Some(user) = past.user.as_mut().filter(|_| !asked.groups.is_empty()) {
        let prefix = format!("{}/", user.realm);
        let group = |group: &String| group.strip_prefix(&prefix).unwrap_or(group).to_owned();
        user.groups = Groups::Known(asked.groups.iter().map(group).collect());
    }
    if let Some((user, risk)) = past.user.as_mut().zip(asked.risk) {
        user.risk = risk;
    }
    let text = said(draft, &past, &recorded, &file, asked);
    // Nobody is left to tell when the terminal is gone.
    drop(std::io::stdout().write_all(text.as_bytes()));
    say_unread(&[draft]);
    Ok(())
}

fn said(draft: &Draft, past: &Past, recorded: &Recorded, file: &Path, asked: OfRecord<'_>) -> String {
    let explanation = past.explain(draft);
    let (decision, rule) = (Decision::of(&explanation.verdict), explanation.verdict.rule().cloned());
    let same = recorded.compare(decision, rule.as_deref());
    let ground = draft.ground();
    let asking = Inquiry {
        user: past.user.as_ref(),
        client: past.client,
        network: &ground.networks.of(past.client).name,
        listener: &past.listener,
        destination: &past.destination,
        access: past.access,
        method: past.method.as_ref(),
        target: past.target.as_deref(),
        at: past.at,
    };
    if asked.json {
        let mut document = as_json(&asking, &explanation);
        if let Some(fields) = document.as_object_mut() {
            let Recorded { outcome, rule, reason } = recorded;
            let word = match same {
                Same::Yes => "same",
                Same::ByAnotherRule => "by-another-rule",
                Same::No => "differs",
                Same::NotByPolicy => "not-by-policy",
            };
            let recorded = json!({ "file": file, "decision": outcome, "rule": rule, "reason": reason });
            fields.insert("recorded".into(), recorded);
            fields.insert("compared".into(), word.into());
        }
        return format!("{document:#}\n");
    }
    let mut text = as_text(&asking, &explanation);
    let by = recorded.rule.as_ref().map(|rule| format!(", by `{rule}`")).unwrap_or_default();
    let reason = recorded.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
    // Writing into a string does not fail.
    writeln!(text, "\nrecorded in {}: {}{by}{reason}", file.display(), recorded.outcome).ok();
    text.push_str(match same {
        Same::Yes => "That is what this policy decides, too.\n",
        Same::ByAnotherRule => "This policy decides the same by another rule.\n",
        Same::No => "THIS POLICY DECIDES OTHERWISE.\n",
        Same::NotByPolicy => "That was not decided by the policy: the reason says why.\n",
    });
    if past.user.is_some() && asked.groups.is_empty() {
        text.push_str(
            "A record does not say in which groups somebody is: a rule that blocks a group counts for them here, one that allows \
             it does not. Name the groups with --group. The same holds for their risk: --risk.\n",
        );
    }
    text
}
