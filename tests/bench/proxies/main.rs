//! How fast the proxy is, in one run with its peers from Debian's packages, bare proxies of hyper and of hudsucker, a bare
//! relay that reads nothing, and no proxy at all.
//!
//! `make bench`, or `make bench BENCH='OPTIONS'`: `--quick`; `--rounds N` and `--seconds N` (a measurement);
//! `--only ROW,…` and `--targets NAME,…`; `--beside PROGRAM`, another build of Vestibule to be measured with this one;
//! `--sleeping`, so that the load waits for events as clients do, and proxies pay for waking it; `--instructions`, to
//! count the instructions of an operation by callgrind instead of its time.
//!
//! What was measured is printed, and written to `target/bench.json`, `bench.md` (a table) and `bench.svg` (a chart).
//!
//! Proxies run on one core; the load and the origin, which are part of this program, on another, in one thread that
//! never sleeps while it measures (`origin` says why). Targets take turns in every round, so that what else the machine
//! does falls on all of them. The steady figure is CPU time per operation; rates depend on the machine, and only their
//! ratios travel. What the relay costs is the bound that physics sets here.

#![expect(clippy::print_stdout, reason = "the table is what this program is for")]

mod bulk;
mod chart;
mod h2;
mod idle;
mod inside;
mod instructions;
mod load;
mod machine;
mod network;
mod origin;
mod peer;
mod relay;
mod report;
mod row;
mod secure;
mod sign_in;
mod target;
mod vestibule;

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use machine::Cores;
use origin::Origin;
use report::Report;
use row::{ROWS, Row};
use target::{Kind, Target};

/// What was asked for on the command line.
struct Plan {
    rounds: usize,
    window: Duration,
    starts: usize,
    tunnels: usize,
    download: u64,
    only: Vec<String>,
    targets: Vec<String>,
    /// Another build of Vestibule.
    beside: Option<String>,
    /// Whether the load waits for events.
    sleeping: bool,
    /// Whether instructions are counted, and not time.
    instructions: bool,
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some((word, words)) = arguments.split_first()
        && word == relay::WORD
    {
        return relay::run(words);
    }
    let plan = Plan::parse(&arguments)?;
    network::enter()?;
    let cores = Cores::split()?;
    machine::raise_descriptor_limit();
    let folder = tempfile::tempdir()?;
    let origin = Origin::start(folder.path())?;
    let mut report = Report::new(machine::facts(&cores), plan.instructions);
    ensure!(!plan.instructions || instructions::is_there(), "--instructions needs valgrind, which is not installed");

    println!("Starting the practice identity provider and the proxies …");
    let practice = vestibule::Practice::start(folder.path())?;
    let beside = plan.beside.as_deref();
    let starter = target::Starter {
        folder: folder.path(),
        cores: &cores,
        origin: &origin,
        practice: &practice,
        beside,
        instructions: plan.instructions,
        names: 0,
    };
    let (mut kinds, mut missing) = target::kinds(&plan.targets, beside);
    if plan.instructions {
        // The others are started by other programs, or are none.
        kinds.retain(|kind| kind.is_ours());
        missing.clear();
    }
    for kind in &missing {
        println!("{} is not there and will not be measured", kind.name());
        report.missing(kind.name());
    }
    for kind in &kinds {
        if let Some(version) = kind.version() {
            report.version(kind.name(), version);
        }
    }
    if !plan.instructions && (plan.wants("start") || plan.wants("idle-tunnels")) {
        idle::measure(&plan, &starter, &kinds, &mut report)?;
    }
    // Only now: to read so many takes its time.
    let names = if plan.wants("tls-fresh") || plan.wants("tls-fresh-get") { load::MOST_NAMES } else { 0 };
    let starter = target::Starter { names, ..starter };
    let mut targets = kinds.iter().map(|kind| starter.start_signed_in(*kind)).collect::<Result<Vec<_>>>()?;
    let inside = ROWS.iter().any(|row| row.is_inside() && plan.wants(row.name));
    for target in &mut targets {
        target.check(&origin, inside).with_context(|| format!("{} does not do what is to be measured", target.name))?;
        if inside && target.kind.intercepts() {
            target.speaks_h2 = inside::speaks_h2(target, &origin)?;
            if !target.speaks_h2 {
                println!("  {} does not speak HTTP/2 with clients inside: no row of that", target.name);
            }
        }
        if let Some(process) = &target.process {
            println!("  {} is process {}", target.name, process.id());
        }
    }
    let measured = measure(&plan, &targets, &origin, &mut report);
    for target in &targets {
        report.records(target.name, target.records()?);
    }
    report.print();
    report.save()?;
    measured
}

/// Measures all that is wanted. One that fails is no reason to learn nothing about the others: it is said with the figures. An
/// error is what failed first with a build of Vestibule.
fn measure(plan: &Plan, targets: &[Target], origin: &Origin, report: &mut Report) -> Result<()> {
    let mut outcome = Ok(());
    for round in 1..=plan.rounds {
        println!("Round {round} of {} …", plan.rounds);
        for row in ROWS.iter().filter(|row| plan.wants(row.name)) {
            for target in targets.iter().filter(|target| row.applies_to(target)) {
                for signed in row.variants(target) {
                    let sample = row.measure(plan, target, origin, signed);
                    let sample = sample.with_context(|| format!("{} through {}", row.name, target.name));
                    match sample {
                        Ok(sample) => report.add(row, &Row::label(target, signed), sample),
                        Err(error) => {
                            report.failed(format!("{error:#}"));
                            if !matches!(target.kind, Kind::Peer(_)) {
                                outcome = outcome.and(Err(error));
                            }
                        }
                    }
                }
            }
        }
    }
    outcome
}

impl Plan {
    fn parse(arguments: &[String]) -> Result<Self> {
        let mut plan = Self {
            rounds: 3,
            window: Duration::from_millis(1500),
            starts: 7,
            tunnels: 10_000,
            download: 1 << 30,
            only: Vec::new(),
            targets: Vec::new(),
            beside: None,
            sleeping: false,
            instructions: false,
        };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().with_context(|| format!("{word} needs a value"));
            match word.as_str() {
                "--quick" => {
                    plan.rounds = 2;
                    plan.window = Duration::from_millis(400);
                    plan.starts = 3;
                    plan.tunnels = 1000;
                    plan.download = 1 << 28;
                }
                "--rounds" => plan.rounds = value()?.parse()?,
                "--seconds" => plan.window = Duration::from_secs_f64(value()?.parse()?),
                "--only" => plan.only = value()?.split(',').map(str::to_owned).collect(),
                "--targets" => plan.targets = value()?.split(',').map(str::to_owned).collect(),
                "--beside" => plan.beside = Some(value()?.clone()),
                "--sleeping" => plan.sleeping = true,
                "--instructions" => {
                    plan.instructions = true;
                    plan.rounds = 1;
                    plan.download = 1 << 28;
                }
                _ => bail!(
                    "what is {word}? There are --quick, --rounds, --seconds, --only, --targets, --beside, --sleeping, --instructions"
                ),
            }
        }
        Ok(plan)
    }

    fn wants(&self, row: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|wanted| row.starts_with(wanted.as_str()))
    }
}
