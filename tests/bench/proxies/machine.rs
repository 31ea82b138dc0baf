//! The machine: which cores there are, what it is, what a process has used.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::network;

/// Ticks a second in `/proc/PID/stat` (proc(5)): Linux shows 100 to programs, whatever it counts in.
const TICKS: u64 = 100;

/// Which core does what.
pub(crate) struct Cores {
    /// For the proxy, when there is a core to spare.
    pub(crate) proxy: Option<usize>,
    load: Option<usize>,
}

impl Cores {
    /// Takes one core for the proxies and moves this program to another.
    pub(crate) fn split() -> Result<Self> {
        let status = fs::read_to_string("/proc/self/status")?;
        let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap_or_default();
        let cores = cores(list.trim());
        let (Some(proxy), Some(load)) = (cores.first(), cores.get(1)) else {
            return Ok(Self { proxy: None, load: None });
        };
        let (id, load_text) = (std::process::id().to_string(), load.to_string());
        let pinned = Command::new("taskset").args(["-p", "-c", &load_text, &id]).output().context("taskset")?;
        anyhow::ensure!(pinned.status.success(), "taskset: {}", String::from_utf8_lossy(&pinned.stderr));
        Ok(Self { proxy: Some(*proxy), load: Some(*load) })
    }

    /// A command that runs on the proxy's core. taskset replaces itself, so the process is the program's own.
    pub(crate) fn on_proxy_core(&self, program: &str) -> Command {
        let Some(core) = self.proxy else { return Command::new(program) };
        let mut command = Command::new("taskset");
        command.args(["-c", &core.to_string(), program]);
        command
    }
}

/// `0-2,5` → 0 1 2 5
fn cores(list: &str) -> Vec<usize> {
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.parse().ok()?..=last.parse::<usize>().ok()?)
    };
    list.split(',').filter_map(range).flatten().collect()
}

/// A file in the folder of this program.
pub(crate) fn built(path: &str) -> Result<PathBuf> {
    Ok(env::current_exe().context("this program's own path")?.with_file_name(path))
}

/// Lets this program and what it starts open as many descriptors as the machine allows.
pub(crate) fn raise_descriptor_limit() {
    let hard = limit(HARD);
    let (id, both) = (std::process::id().to_string(), format!("--nofile={hard}:{hard}"));
    // Whoever lacks it measures fewer idle tunnels, and the table says how many.
    drop(Command::new("prlimit").args(["--pid", &id, &both]).output());
}

/// How many descriptors this program may have open.
pub(crate) fn descriptors() -> usize {
    limit(SOFT)
}

/// Words of the line `Max open files` in `/proc/self/limits`.
const SOFT: usize = 3;
const HARD: usize = 4;

fn limit(word: usize) -> usize {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find(|line| line.starts_with("Max open files"));
    line.and_then(|line| line.split_whitespace().nth(word)?.parse().ok()).unwrap_or(1024)
}

/// What was measured on.
pub(crate) fn facts(cores: &Cores) -> Vec<(&'static str, String)> {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let number = cpu.lines().filter(|line| line.starts_with("processor")).count();
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = memory.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or_default();
    let word = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let pinned = match (cores.proxy, cores.load) {
        (Some(proxy), Some(load)) => format!("proxy on core {proxy}, load and origin on core {load}"),
        _ => "not pinned: there is only one core, so rates say little".to_owned(),
    };
    vec![
        ("processor", format!("{number} x {}", model.trim_start_matches([' ', '\t', ':']))),
        ("memory", format!("{} GiB", kib >> 20)),
        ("kernel", word("/proc/sys/kernel/osrelease")),
        ("network", if network::is_own() { "one of its own" } else { "the machine's" }.to_owned()),
        ("congestion", word(network::CONGESTION)),
        ("load average", word("/proc/loadavg").split(' ').take(3).collect::<Vec<_>>().join(" ")),
        ("cores", pinned),
        ("descriptors", descriptors().to_string()),
    ]
}

/// The time that a process and all below it have had of a processor, in nanoseconds where the kernel counts them for each
/// thread (`/proc/PID/task/TID/schedstat`): a tick is a tenth of what a gigabyte takes.
pub(crate) fn cpu_time(process: u32) -> Result<Duration> {
    let mut time = Duration::ZERO;
    for process in family(process) {
        time += match of_threads(process).filter(|time| !time.is_zero()) {
            Some(time) => time,
            None => of_process(process)?,
        };
    }
    Ok(time)
}

/// What each thread of each process had when it was last looked at. A thread that has ended had it all the same: without it, a
/// process that ends one would seem to have given time back.
static SEEN: Mutex<BTreeMap<(u32, u32), u64>> = Mutex::new(BTreeMap::new());

/// By thread.
fn of_threads(process: u32) -> Option<Duration> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).ok()?;
    let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    for thread in threads.flatten() {
        let number = thread.file_name().to_str().and_then(|name| name.parse::<u32>().ok());
        let stat = fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
        let time = stat.split_whitespace().next().and_then(|word| word.parse().ok());
        if let (Some(number), Some(time)) = (number, time) {
            seen.insert((process, number), time);
        }
    }
    Some(Duration::from_nanos(seen.range((process, 0)..=(process, u32::MAX)).map(|(_, time)| time).sum()))
}

fn of_process(process: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).context("the proxy is gone")?;
    // The name may hold anything, parentheses included.
    let (_, rest) = stat.rsplit_once(')').context("no name in stat")?;
    let ticks: u64 = rest.split_whitespace().skip(11).take(2).filter_map(|word| word.parse::<u64>().ok()).sum();
    Ok(Duration::from_millis(ticks * 1000 / TICKS))
}

/// The memory of a process that is in RAM, and what its children have of their own, in bytes.
pub(crate) fn resident(process: u32) -> Result<u64> {
    let mut kib = 0;
    for member in family(process) {
        let rollup = fs::read_to_string(format!("/proc/{member}/smaps_rollup")).context("the proxy is gone")?;
        let wanted: &[&str] = if member == process { &["Rss:"] } else { &["Private_Clean:", "Private_Dirty:"] };
        let lines = rollup.lines().filter_map(|line| wanted.iter().find_map(|name| line.strip_prefix(name)));
        kib += lines.filter_map(|line| line.split_whitespace().next()?.parse::<u64>().ok()).sum::<u64>();
    }
    Ok(kib * 1024)
}

/// A process, its children, and theirs.
pub(crate) fn family(process: u32) -> Vec<u32> {
    let mut all = vec![process];
    let mut next = 0;
    while let Some(process) = all.get(next) {
        let tasks = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
        let children = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
        let children: Vec<_> = children.flat_map(|list| numbers(&list)).collect();
        all.extend(children);
        next += 1;
    }
    all
}

fn numbers(list: &str) -> Vec<u32> {
    list.split_whitespace().filter_map(|number| number.parse().ok()).collect()
}
