//! `vestibule report usage`: who uses which sites, and how much.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

use clap::ValueEnum;
use serde_json::{Value, json};

use super::report::time;
use super::{Failure, environment, log};
use crate::admin;
use crate::app;
use crate::clock::Timestamp;
use crate::config;
use crate::config::section::AccessLog;
use crate::observe::logs_of;
use crate::observe::usage::{Amount, Facet, MOST, Measure, Row, Usage};

/// How many people are asked about at a time.
const PORTION: usize = 1000;

/// What is asked of a report about usage.
#[derive(Debug, clap::Args)]
pub(super) struct UsageLogs {
    /// Access logs of any nodes, plain or compressed (.zst, .gz), `-` for standard input [default: the one in the configuration, and
    /// those that were put aside beside it]
    files: Vec<PathBuf>,
    /// By what it is told apart: person, group, site, day, or several with commas between them
    #[arg(long, value_delimiter = ',', default_value = "site")]
    by: Vec<By>,
    /// What the order is by, and which rows are kept where there are too many
    #[arg(long, default_value = "requests")]
    sort: Sort,
    /// Only requests that began at this time or later, such as 2026-11-22 or 2026-11-22T10:00:00Z
    #[arg(long, value_parser = time)]
    from: Option<Timestamp>,
    /// Only requests that began before this time
    #[arg(long, value_parser = time)]
    to: Option<Timestamp>,
    /// How many rows to show
    #[arg(long, default_value_t = 20)]
    top: usize,
    /// How many rows to tell apart, which bounds the memory; the others are counted together
    #[arg(long, default_value_t = MOST)]
    rows: usize,
    /// One JSON document a line: one for each row, and one with the sums
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    file: super::File,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum By {
    Person,
    Group,
    Site,
    Day,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Sort {
    Requests,
    Bytes,
    Time,
}

/// Reports usage.
pub(super) fn usage(asked: &UsageLogs) -> Result<(), Failure> {
    let by: Vec<Facet> = asked.by.iter().map(|by| by.facet()).collect();
    let measure = match asked.sort {
        Sort::Requests => Measure::Requests,
        Sort::Bytes => Measure::Bytes,
        Sort::Time => Measure::Time,
    };
    let mut usage = Usage::new((asked.from, asked.to), &by, measure, asked.rows);
    for path in asked.logs()? {
        log::read(&path, |name, input, went| usage.read(name, input, went))?;
    }
    let groups = if by.contains(&Facet::Group) { asked.groups(&usage.people())? } else { HashMap::new() };
    let text = if asked.json { as_json(&usage, &by, &groups) } else { as_text(&usage, &by, &groups, asked.top) };
    // Nobody is left to tell when the terminal is gone.
    drop(std::io::stdout().write_all(text.as_bytes()));
    log::say_broken(&usage.broken);
    Ok(())
}

impl By {
    fn facet(self) -> Facet {
        match self {
            Self::Person => Facet::Person,
            Self::Group => Facet::Group,
            Self::Site => Facet::Site,
            Self::Day => Facet::Day,
        }
    }
}

impl UsageLogs {
    fn logs(&self) -> Result<Vec<PathBuf>, Failure> {
        if !self.files.is_empty() {
            return Ok(self.files.clone());
        }
        let config = config::load(&self.file.config, &environment).map_err(|problems| Failure::config(&problems))?;
        match &config.log.access {
            AccessLog::File(file) => Ok(logs_of(file)),
            AccessLog::Stdout => Err(Failure::new(
                "access records go to standard output: name the files in which they are kept, or `-` for standard input",
            )),
        }
    }

    /// The groups of these people: from the node that runs here, or, if none does, from the directories in its state folder.
    fn groups(&self, people: &[String]) -> Result<HashMap<String, Vec<String>>, Failure> {
        let config = config::load(&self.file.config, &environment).map_err(|problems| Failure::config(&problems))?;
        if config.directories.is_empty() {
            return Err(Failure::new(
                "records say who somebody is, and not in which groups: that takes a `[[directory]]` in the configuration",
            ));
        }
        let mut found = HashMap::new();
        for portion in people.chunks(PORTION) {
            let mut items = Vec::new();
            let asked = admin::client::ask(&config.state, "directory groups", &json!({ "people": portion }), |item| {
                items.push(item);
            });
            match asked {
                Ok(()) => {}
                // The file is locked while a node has it, so this is for when none runs.
                Err(admin::client::Error::Away(..)) => {
                    return app::groups_of_people(&config, people).map_err(Failure::new);
                }
                Err(error) => return Err(Failure::new(error)),
            }
            for item in items {
                let (person, groups) = groups_of(&item);
                found.insert(person, groups);
            }
        }
        Ok(found)
    }
}

/// A person, and the groups that a node has told of them.
fn groups_of(item: &Value) -> (String, Vec<String>) {
    let groups = item["groups"].as_array().into_iter().flatten().filter_map(Value::as_str);
    (item["person"].as_str().unwrap_or_default().to_owned(), groups.map(str::to_owned).collect())
}

fn as_json(usage: &Usage, by: &[Facet], groups: &HashMap<String, Vec<String>>) -> String {
    let (rows, others) = usage.rows(groups);
    let rows = rows.into_iter().chain((others != Amount::default()).then(|| Row::of_others(by, others)));
    let sums = json!({
        "records": usage.records, "broken_lines": usage.broken.count, "usage": usage.sum, "rows_may_be_short_by": usage.short,
    });
    rows.map(|row| format!("{}\n", json!(row))).chain([format!("{}\n", json!({ "sums": sums }))]).collect()
}

fn as_text(usage: &Usage, by: &[Facet], groups: &HashMap<String, Vec<String>>, top: usize) -> String {
    let (rows, others) = usage.rows(groups);
    let count = rows.len();
    let mut shown: Vec<Row> = rows.into_iter().take(top).collect();
    if others != Amount::default() {
        shown.push(Row::of_others(by, others));
    }
    let name = |row: &Row, facet: &Facet| row.of.get(facet.as_str()).cloned().unwrap_or_default();
    let widths: Vec<usize> = by
        .iter()
        .map(|facet| {
            shown.iter().map(|row| name(row, facet).chars().count()).max().unwrap_or(0).max(facet.as_str().len())
        })
        .collect();
    let mut text = String::new();
    let heads = ["REQUESTS", "REFUSED", "RECEIVED", "SENT", "TIME"];
    for (facet, width) in by.iter().zip(&widths) {
        // Writing into a string does not fail.
        write!(text, "{:width$}  ", facet.as_str().to_uppercase()).ok();
    }
    let [requests, refused, received, sent, time] = heads;
    writeln!(text, "{requests:>10}  {refused:>8}  {received:>10}  {sent:>10}  {time:>10}").ok();
    for row in &shown {
        for (facet, width) in by.iter().zip(&widths) {
            write!(text, "{:width$}  ", name(row, facet)).ok();
        }
        let Amount { requests, refused, bytes_in, bytes_out, duration_ms } = row.amount;
        let (received, sent, time) = (bytes(bytes_in), bytes(bytes_out), hours(duration_ms));
        writeln!(text, "{requests:>10}  {refused:>8}  {received:>10}  {sent:>10}  {time:>10}").ok();
    }
    if count > top {
        writeln!(text, "… and {} more: --top {count}", count - top).ok();
    }
    if usage.short > 0 {
        writeln!(
            text,
            "\nThere was more than could be told apart: the rest is in (others), and a row may be short by up to {}. --rows tells more apart.",
            usage.short
        )
        .ok();
    }
    if by.contains(&Facet::Group) {
        text.push_str("\nGroups are those of today. What somebody does counts for each of their groups, so groups add up to more than all.\n");
    }
    text
}

/// A number of bytes, in a unit that leaves few digits.
fn bytes(count: u64) -> String {
    let mut units = ["KiB", "MiB", "GiB", "TiB", "PiB"].into_iter();
    let (mut whole, mut rest, mut unit) = (count, 0, "B");
    while whole >= 1024 {
        let Some(next) = units.next() else { break };
        (rest, whole, unit) = (whole % 1024 * 10 / 1024, whole / 1024, next);
    }
    if unit == "B" { format!("{whole} B") } else { format!("{whole}.{rest} {unit}") }
}

/// A time in hours, minutes and seconds.
fn hours(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}
