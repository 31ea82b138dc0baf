//! `vestibule report`: what access records tell.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

use serde_json::json;

use super::{Failure, log};
use crate::clock::Timestamp;
use crate::observe::identity_loss::{Report, Site};

/// What is asked of a report about lost identity.
#[derive(Debug, clap::Args)]
pub(super) struct IdentityLoss {
    /// Access logs, `-` for standard input [default: standard input]
    files: Vec<PathBuf>,
    /// Only requests that began at this time or later, such as 2026-11-22 or 2026-11-22T10:00:00Z
    #[arg(long, value_parser = time)]
    from: Option<Timestamp>,
    /// Only requests that began before this time
    #[arg(long, value_parser = time)]
    to: Option<Timestamp>,
    /// How many sites to show
    #[arg(long, default_value_t = 20)]
    most: usize,
    /// One JSON document a line: one for each site, and one with the sums
    #[arg(long)]
    json: bool,
}

/// Reports which sites lose identity.
pub(super) fn identity_loss(asked: &IdentityLoss) -> Result<(), Failure> {
    let mut report = Report::new(asked.from, asked.to);
    let input = [PathBuf::from("-")];
    for path in if asked.files.is_empty() { input.as_slice() } else { &asked.files } {
        log::read(path, |name, input, went| report.read(name, input, went))?;
    }
    let text = if asked.json { as_json(&report) } else { as_text(&report, asked.most) };
    // Nobody is left to tell when the terminal is gone.
    drop(std::io::stdout().write_all(text.as_bytes()));
    log::say_broken(&report.broken);
    Ok(())
}

fn as_json(report: &Report) -> String {
    let sums = json!({
        "records": report.records,
        "requests": report.requests,
        "without_user": report.lost,
        "broken_lines": report.broken.count,
    });
    let sites = report.sites().into_iter().map(|site| format!("{}\n", json!(site)));
    sites.chain([format!("{}\n", json!({ "sums": sums }))]).collect()
}

fn as_text(report: &Report, most: usize) -> String {
    let sites = report.sites();
    let mut text = format!(
        "{} of {} requests had no user although somebody was asked for, at {} sites.\n",
        report.lost,
        report.requests,
        sites.len()
    );
    let shown = sites.get(..most.min(sites.len())).unwrap_or_default();
    let width = shown.iter().map(|site| site.site.chars().count()).max().unwrap_or(0).max(4);
    if !shown.is_empty() {
        // Writing into a string does not fail.
        writeln!(text, "\n{:width$}  {:>9}  {:>9}  WHY", "SITE", "NO USER", "REQUESTS").ok();
    }
    for site in shown {
        let why = ways(site);
        writeln!(text, "{:width$}  {:>9}  {:>9}  {why}", site.site, site.without_user, site.requests).ok();
    }
    if sites.len() > shown.len() {
        writeln!(text, "… and {} more: --most {}", sites.len() - shown.len(), sites.len()).ok();
    }
    let rules: Vec<_> = shown.iter().filter_map(|site| site.rule.as_deref()).collect();
    if !rules.is_empty() {
        text.push_str(
            "\nTo let one of them be reached without sign-in, paste its rule before the others. Nobody's name is recorded there\n\
             then. For tools, a personal proxy token keeps the name.\n\n",
        );
        text.push_str(&rules.join("\n"));
    }
    text
}

fn ways(site: &Site) -> String {
    let ways = site.ways.iter().map(|counted| {
        let outcome = if counted.way.refused { "refused" } else { "allowed" };
        format!("{} {}, {outcome}, from {}", counted.count, counted.way.why, counted.way.network)
    });
    ways.collect::<Vec<_>>().join("; ")
}

/// A moment, or the beginning of a day in UTC.
pub(super) fn time(text: &str) -> Result<Timestamp, String> {
    let whole = if text.contains(['T', 't', ' ']) { text.to_owned() } else { format!("{text}T00:00:00Z") };
    whole.parse().map_err(|_| "a time is written as 2026-11-22 or 2026-11-22T10:00:00Z".to_owned())
}
