//! `vestibule ca`: the interception authority, and how another one follows it.

use std::io::Write as _;
use std::path::Path;

use serde_json::json;

use super::{Ca, CaCommand, Failure, ca_export, environment};
use crate::app::authority_source;
use crate::authority::{Described, Issuing, Role, Whereabouts};
use crate::clock::{Clock, Timestamp};
use crate::config;

/// What a running program does about a change.
const TAKEN_UP: &str = "A running program, and each that has these files, takes this up within a minute.";

/// Does what was asked about the authority; makes it when there is none yet.
pub(super) fn ca(asked: &Ca) -> Result<(), Failure> {
    let source = source(&asked.config)?;
    let now = Clock::system().now();
    let issuing = source.open(now).map_err(Failure::new)?;
    let said = match &asked.command {
        None => String::from_utf8_lossy(&issuing.published().pem).into_owned(),
        Some(CaCommand::Show { json }) => {
            let lines = issuing.watched().map(|one| if *json { as_json(one, now) } else { as_text(one, now) });
            let lines: String = lines.collect();
            if *json { lines } else { lines + &next(&issuing) }
        }
        Some(CaCommand::Export(export)) => return ca_export::export(export, &issuing, &asked.config),
        Some(CaCommand::Successor) => {
            source.make_successor(now).map_err(Failure::new)?;
            let issuing = source.open(now).map_err(Failure::new)?;
            let successor = issuing.published().certificates.iter().find(|one| one.role == Role::Successor);
            let shown = successor.map(|one| as_text(one, now)).unwrap_or_default();
            format!(
                "The authority has a successor, which issues nothing yet.\n\n{shown}\nGive both certificates to all devices \
                 (`vestibule ca export`; the portal's page has both), then have it issue certificates: vestibule ca promote\n{}{TAKEN_UP}\n",
                unvouched(&issuing)
            )
        }
        Some(CaCommand::Promote { undo, force }) => {
            source.promote(*undo, *force).map_err(Failure::new)?;
            let issuing = source.open(now).map_err(Failure::new)?;
            let current = issuing.published().certificates.first().map(|one| as_text(one, now)).unwrap_or_default();
            let rest = if *undo {
                "Devices that trust only the other one do not take what is issued now."
            } else {
                "Devices that trust only the authority before go on working: they are shown that it vouches for this one. (Where \
                 `--force` was needed, Firefox and Go programs do not.) When all trust this one: vestibule ca retire"
            };
            format!("From now on certificates are issued by this authority.\n\n{current}\n{rest}\n{TAKEN_UP}\n")
        }
        Some(CaCommand::Retire { successor }) => {
            source.retire(*successor).map_err(Failure::new)?;
            let what = if *successor { "The successor" } else { "The authority before this one" };
            format!("{what} is not published any more, and its key is deleted.\n{TAKEN_UP}\n")
        }
    };
    std::io::stdout().write_all(said.as_bytes()).map_err(Failure::new)
}

fn source(file: &Path) -> Result<Whereabouts, Failure> {
    let config = config::load(file, &environment).map_err(|problems| Failure::config(&problems))?;
    Ok(authority_source(&config))
}

/// What must be said of an authority that cannot vouch for its successor for all clients.
fn unvouched(issuing: &Issuing) -> &'static str {
    if issuing.can_vouch() {
        return "";
    }
    "The authority in force allows no other below it (pathlen:0): Firefox and Go programs must have the successor's certificate before \
     that, and other clients should. Once they do: vestibule ca promote --force\n"
}

/// Whole days until then; negative afterwards.
fn days(until: Timestamp, now: Timestamp) -> i64 {
    until.duration_since(now).as_secs().div_euclid(86_400)
}

fn as_text(Described { role, subject, from, until, sha256, sha1, .. }: &Described, now: Timestamp) -> String {
    let left = match days(*until, now) {
        days if days < 0 => "it is over".to_owned(),
        days => format!("{days} days left"),
    };
    format!(
        "{}\n  subject:  {subject}\n  valid:    {from} to {until} ({left})\n  SHA-256:  {sha256}\n  SHA-1:    {sha1}\n",
        role.as_str()
    )
}

fn as_json(Described { role, subject, from, until, sha256, sha1, .. }: &Described, now: Timestamp) -> String {
    let days = days(*until, now);
    let role = role.as_str();
    json!({ "role": role, "subject": subject, "from": from, "until": until, "days": days, "sha256": sha256, "sha1": sha1 })
        .to_string()
        + "\n"
}

/// What is limited, and what comes next.
fn next(issuing: &Issuing) -> String {
    let names = issuing.names().described();
    let limits = if names.is_empty() { String::new() } else { format!("It may vouch for: {}\n", names.join("; ")) };
    let has = |role: Role| issuing.published().certificates.iter().any(|one| one.role == role);
    let step = match (has(Role::Successor), has(Role::Predecessor)) {
        (true, _) => {
            "The successor waits: when devices trust both, `vestibule ca promote` has it issue certificates.\n"
        }
        (_, true) => {
            "The one before is still published: when devices trust this one, `vestibule ca retire` ends that.\n"
        }
        _ => "",
    };
    limits + step
}
