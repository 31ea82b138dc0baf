//! The figures: medians with minimum and maximum, and their ratios, as a table and as JSON.

#![expect(clippy::cast_precision_loss, reason = "figures for people")]

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use crate::chart::{self, Measured};
use crate::load::Done;
use crate::machine;
use crate::row::{ROWS, Row};

/// Everything that was measured.
pub(crate) struct Report {
    facts: Vec<(&'static str, String)>,
    versions: Vec<(&'static str, String)>,
    /// By row and target, in the order in which targets were first seen.
    rows: BTreeMap<&'static str, Vec<(String, Vec<Done>)>>,
    starts: Vec<(&'static str, Vec<f64>)>,
    idle: Vec<Idle>,
    /// Peers that are not installed.
    missing: Vec<&'static str>,
    /// What peers did not do.
    failures: Vec<String>,
    records: Vec<(&'static str, usize)>,
    /// Whether what is called CPU time are instructions, a nanosecond each.
    instructions: bool,
}

/// The memory of a target at rest; how many idle tunnels there were, and what each of them added.
type Idle = (&'static str, u64, Option<(usize, f64)>);

/// The middle, the least and the most.
#[derive(Clone, Copy)]
struct Spread {
    median: f64,
    min: f64,
    max: f64,
}

/// The figures of one target in one row.
struct Figures {
    rate: Spread,
    /// CPU time of the proxy, in microseconds an operation.
    cpu: Option<Spread>,
    /// Median and 99th percentile of the time an operation takes, in microseconds.
    latency: Option<(f64, f64)>,
    /// How much of its core the proxy used, in percent. One that waits for the load works in smaller portions.
    share: Option<f64>,
}

impl Report {
    pub(crate) fn new(facts: Vec<(&'static str, String)>, instructions: bool) -> Self {
        let (versions, rows, starts, failures) = (Vec::new(), BTreeMap::new(), Vec::new(), Vec::new());
        let (idle, missing, records) = (Vec::new(), Vec::new(), Vec::new());
        Self { facts, versions, rows, starts, idle, missing, failures, records, instructions }
    }

    pub(crate) fn version(&mut self, name: &'static str, version: String) {
        self.versions.push((name, version));
    }

    pub(crate) fn add(&mut self, row: &Row, target: &str, done: Done) {
        push(self.rows.entry(row.name).or_default(), target.to_owned(), done);
    }

    pub(crate) fn start(&mut self, target: &'static str, time: Duration) {
        push(&mut self.starts, target, time.as_secs_f64() * 1000.0);
    }

    /// The memory at rest; how many tunnels there were, and what each of them added.
    pub(crate) fn idle(&mut self, target: &'static str, resident: u64, tunnels: Option<(usize, f64)>) {
        self.idle.push((target, resident, tunnels));
    }

    /// A peer did not do what was to be measured: that round is missing from its figures.
    pub(crate) fn failed(&mut self, what: String) {
        println!("  FAILED: {what}");
        self.failures.push(what);
    }

    pub(crate) fn missing(&mut self, target: &'static str) {
        self.missing.push(target);
    }

    pub(crate) fn records(&mut self, target: &'static str, records: Option<usize>) {
        self.records.extend(records.map(|records| (target, records)));
    }

    /// Prints it for people.
    pub(crate) fn print(&self) {
        println!();
        for (name, value) in self.facts.iter().chain(&self.versions) {
            println!("{name:<14} {value}");
        }
        for (name, text) in SETTING {
            println!("{name:<14} {text}");
        }
        for name in &self.missing {
            println!("{name:<14} NOT MEASURED: it is not there; `make bench` installs or builds it");
        }
        for row in ROWS {
            let Some(figures) = self.figures(row) else { continue };
            let unit = match (row.is_bulk(), self.instructions) {
                (true, false) => ("MB/s", "CPU µs/MB"),
                (false, false) => ("a second", "CPU µs each"),
                (true, true) => ("MB/s", "1000 instructions/MB"),
                (false, true) => ("a second", "1000 instructions each"),
            };
            println!("\n{} ({})", row.title, row.name);
            println!(
                "  {:<22} {:>26} {:>24} {:>6} {:>13} {:>10} {:>10} {:>11}",
                "", unit.0, unit.1, "core %", "p50/p99 µs", "CPU:relay", "CPU:best", "rate:direct"
            );
            let of = |name: &str| figures.iter().find(|(target, _)| target == name).map(|(_, figures)| figures);
            for (target, own) in &figures {
                let latency = own.latency.map_or(String::new(), |(p50, p99)| format!("{p50:.0}/{p99:.0}"));
                println!(
                    "  {target:<22} {:>26} {:>24} {:>6} {latency:>13} {:>10} {:>10} {:>11}",
                    own.rate.text(),
                    own.cpu.map_or(String::new(), Spread::text),
                    own.share.map_or(String::new(), |share| format!("{share:.0}")),
                    ratio(own.cpu, of("relay").and_then(|relay| relay.cpu)),
                    ratio(own.cpu, best(&figures).and_then(|(_, best)| best.cpu)),
                    ratio(Some(own.rate), of("direct").map(|direct| direct.rate)),
                );
            }
        }
        self.print_idle();
        for what in &self.failures {
            println!("FAILED, and not in the figures: {what}");
        }
        for (target, records) in &self.records {
            println!("{target}: {records} lines in the access log");
        }
    }

    fn print_idle(&self) {
        println!();
        for (target, times) in &self.starts {
            println!("{target:<14} start to first answer: {} ms", Spread::of(times).text());
        }
        for (target, resident, tunnels) in &self.idle {
            let tunnels = tunnels.map_or("it cannot tunnel".to_owned(), |(number, each)| {
                format!("{number} idle tunnels: {:.2} KB each, {:.1} MB for 10,000", each / 1e3, each / 1e2)
            });
            println!("{target:<14} at rest {:.1} MB; {tunnels}", *resident as f64 / 1e6);
        }
        println!();
    }

    /// Writes it for programs.
    pub(crate) fn save(&self) -> Result<()> {
        let rows = ROWS.iter().filter_map(|row| Some((row, self.figures(row)?))).flat_map(|(row, figures)| {
            figures.into_iter().map(|(target, figures)| {
                json!({
                    "row": row.name, "target": target, "per": if row.is_bulk() { "MB" } else { "operation" },
                    "rate": figures.rate.json(), (if self.instructions { "kilo_instructions" } else { "cpu_us" }): figures.cpu.map(Spread::json), "core_percent": figures.share,
                    "p50_us": figures.latency.map(|latency| latency.0), "p99_us": figures.latency.map(|latency| latency.1),
                })
            })
        });
        let idle = |(target, resident, tunnels): &Idle| {
            let (number, each) = (tunnels.map(|tunnels| tunnels.0), tunnels.map(|tunnels| tunnels.1));
            json!({ "target": target, "resident_bytes": resident, "tunnels": number, "bytes_per_tunnel": each })
        };
        let value = json!({
            "machine": self.facts.iter().map(|(name, value)| ((*name).to_owned(), value.clone().into())).collect::<serde_json::Map<String, Value>>(),
            "versions": self.versions.iter().map(|(name, value)| ((*name).to_owned(), value.clone().into())).collect::<serde_json::Map<String, Value>>(),
            "not_installed": self.missing, "failures": self.failures,
            "rows": rows.collect::<Vec<_>>(),
            "cold_start_ms": self.starts.iter().map(|(target, times)| json!({ "target": target, "time": Spread::of(times).json() })).collect::<Vec<_>>(),
            "idle": self.idle.iter().map(idle).collect::<Vec<_>>(),
            "access_log_lines": self.records.iter().map(|(target, records)| json!({ "target": target, "lines": records })).collect::<Vec<_>>(),
        });
        let file = machine::built("../../bench.json")?;
        fs::write(&file, serde_json::to_vec_pretty(&value)?)?;
        fs::write(file.with_extension("md"), self.table())?;
        fs::write(file.with_extension("svg"), self.chart())?;
        println!("The same as JSON, a table and a chart: {}, .md, .svg", file.canonicalize()?.display());
        Ok(())
    }

    /// Each row in a line: ours, and the best of the peers.
    fn table(&self) -> String {
        let unit = if self.instructions { "1000 instructions" } else { "CPU µs" };
        let mut table = format!(
            "| {unit} an operation, or a MB | Vestibule | best peer | ratio | Squid | relay |\n|---|---|---|---|---|---|\n"
        );
        for row in ROWS {
            let Some(figures) = self.figures(row) else { continue };
            let cpu =
                |name: &str| figures.iter().find(|(target, _)| target == name).and_then(|(_, figures)| figures.cpu);
            let shown = |cpu: Option<Spread>| cpu.map_or(String::new(), |cpu| format!("{:.1}", cpu.median));
            let best = best(&figures);
            let (name, best) = best.map_or((String::new(), None), |(name, best)| (format!("{name} "), best.cpu));
            let own = cpu(OWN);
            let squid = cpu("squid").or_else(|| cpu("squid-bump"));
            let cells = [
                row.title.into(),
                shown(own),
                format!("{name}{}", shown(best)),
                ratio(own, best),
                shown(squid),
                shown(cpu("relay")),
            ];
            table.push_str(&format!("| {} |\n", cells.join(" | ")));
        }
        table
    }

    fn chart(&self) -> String {
        let rows = ROWS.iter().filter_map(|row| {
            let figures = self.figures(row)?;
            let own = figures.iter().find(|(target, _)| target == OWN)?.1.cpu?.median;
            let is_shown = |name: &str| name == OWN || is_peer(name);
            let bars = figures.iter().filter(|(name, _)| is_shown(name));
            let bars: Vec<_> = bars.filter_map(|(name, one)| Some((name.clone(), one.cpu?.median / own))).collect();
            let title = format!("{}: {own:.1} µs{}", row.title, if row.is_bulk() { " a MB" } else { "" });
            (bars.len() > 1).then_some(Measured { title, bars })
        });
        let known =
            |name: &str| self.facts.iter().find(|(fact, _)| *fact == name).map_or("", |(_, value)| value.as_str());
        let versions: Vec<&str> =
            self.versions.iter().map(|(_, version)| version.split(" - ").next().unwrap_or_default()).collect();
        let machine = format!("{}, Linux {}; {}", known("processor"), known("kernel"), versions.join(", "));
        chart::draw(&rows.collect::<Vec<_>>(), &machine)
    }

    fn figures(&self, row: &Row) -> Option<Vec<(String, Figures)>> {
        let targets = self.rows.get(row.name)?;
        Some(targets.iter().map(|(target, done)| (target.clone(), Figures::of(row, done))).collect())
    }
}

const SETTING: [(&str, &str); 7] = [
    ("setting", "plain TCP on loopback; access log to a file (squid-unlogged, haproxy, relay: none)"),
    ("", "vestibule looks a signed-in session up on every request, by client address or by cookie; peers ask nobody"),
    ("", "haproxy is in front of the one origin (a bound, no forward proxy); haproxy-tcp and relay read nothing"),
    ("", "tinyproxy, apache and trafficserver are given the origin's address, the others look its name up in a file"),
    (
        "",
        "intercepted: TLS 1.3, X25519; vestibule and hudsucker with ECDSA leaves; vestibule asks the origin before it answers",
    ),
    (
        "",
        "the client, the others when there is a request; squid has programs beside it that issue leaves, which are counted",
    ),
    ("", "load and origin share one thread, which never sleeps, unless --sleeping: no wake-up is charged to a proxy"),
];

/// What the table calls this build.
const OWN: &str = "vestibule";

/// Whether it is a forward proxy that somebody else has made. Others are bounds, or builds of ours.
fn is_peer(name: &str) -> bool {
    !name.starts_with(OWN)
        && !name.starts_with("beside")
        && !["relay", "direct", "haproxy", "haproxy-tcp", "squid-unlogged"].contains(&name)
}

/// The peer that uses the least.
fn best(figures: &[(String, Figures)]) -> Option<(&str, &Figures)> {
    let peers = figures.iter().filter(|(name, figures)| is_peer(name) && figures.cpu.is_some());
    let median = |figures: &Figures| figures.cpu.map_or(f64::NAN, |cpu| cpu.median);
    peers
        .min_by(|one, other| median(&one.1).total_cmp(&median(&other.1)))
        .map(|(name, figures)| (name.as_str(), figures))
}

impl Figures {
    fn of(row: &Row, done: &[Done]) -> Self {
        let scale = if row.is_bulk() { 1e6 } else { 1.0 };
        let each =
            |figure: fn(&Done) -> f64| done.iter().map(move |done| figure(done) / done.operations as f64 * scale);
        let rates: Vec<f64> = each(|done| done.time.as_secs_f64()).map(f64::recip).collect();
        let cpu: Vec<f64> = each(|done| done.cpu.as_secs_f64() * 1e6).collect();
        let percentile = |percent: usize| {
            let each = done.iter().filter_map(|done| {
                let place = done.latencies.len() * percent / 100;
                done.latencies.get(place).map(|latency| f64::from(*latency))
            });
            let each: Vec<f64> = each.collect();
            (!each.is_empty()).then(|| Spread::of(&each).median)
        };
        Self {
            rate: Spread::of(&rates),
            cpu: cpu.iter().any(|cpu| *cpu > 0.0).then(|| Spread::of(&cpu)),
            share: (!done.is_empty()).then(|| {
                let shares: Vec<f64> =
                    done.iter().map(|done| done.cpu.as_secs_f64() / done.time.as_secs_f64() * 100.0).collect();
                Spread::of(&shares).median
            }),
            latency: percentile(50).zip(percentile(99)),
        }
    }
}

impl Spread {
    fn of(figures: &[f64]) -> Self {
        let mut sorted = figures.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |place: usize| sorted.get(place).copied().unwrap_or(f64::NAN);
        let (middle, last) = (sorted.len() / 2, sorted.len().saturating_sub(1));
        let median =
            if sorted.len() % 2 == 1 { at(middle) } else { f64::midpoint(at(middle.saturating_sub(1)), at(middle)) };
        Self { median, min: at(0), max: at(last) }
    }

    /// `median (min–max)`
    fn text(self) -> String {
        let digits = usize::from(self.median < 1000.0);
        format!("{:.digits$} ({:.digits$}–{:.digits$})", self.median, self.min, self.max)
    }

    fn json(self) -> Value {
        json!({ "median": self.median, "min": self.min, "max": self.max })
    }
}

/// The ratio of two medians.
fn ratio(own: Option<Spread>, other: Option<Spread>) -> String {
    own.zip(other).map_or(String::new(), |(own, other)| format!("{:.2}", own.median / other.median))
}

fn push<K: PartialEq, V>(list: &mut Vec<(K, Vec<V>)>, key: K, value: V) {
    match list.iter_mut().find(|(known, _)| *known == key) {
        Some((_, values)) => values.push(value),
        None => list.push((key, vec![value])),
    }
}
